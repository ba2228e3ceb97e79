-- Tokens. Only their hashes are kept.

-- name: token_create
-- hash: SHA-256 of the token as \x and hex. scopes: an array. lifetime_s: null for ever. No row
-- where there is no such user.
-- takes: hash, handle, scopes, lifetime_s
-- gives: id, expires_at
insert into token (hash, tenant_id, principal_id, scopes, expires_at)
select :hash::bytea, p.tenant_id, p.id, :scopes::text[],
	now() + make_interval(secs => :lifetime_s::double precision)
from principal p
where p.tenant_id = tg_tenant() and p.handle = :handle
returning id, expires_at

-- name: token_list
-- gives: id, handle, scopes, created_at, expires_at, revoked_at, state
select t.id, p.handle, array_to_json(t.scopes) as scopes, t.created_at, t.expires_at, t.revoked_at,
	case
		when t.revoked_at is not null then 'revoked'
		when t.expires_at <= now() then 'expired'
		else 'live'
	end as state
from token t
join principal p on p.tenant_id = t.tenant_id and p.id = t.principal_id
where t.tenant_id = tg_tenant()
order by t.created_at, t.id

-- name: token_revoke
-- No row where the tenant has no such token. The first revocation's time stays.
-- takes: id
-- gives: id, revoked_at
update token
set revoked_at = coalesce(revoked_at, now())
where tenant_id = tg_tenant() and id = :id::uuid
returning id, revoked_at
