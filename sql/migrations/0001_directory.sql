-- Who may do what: tenants, people, tokens, keys, customers; and what every later table stands on:
-- ids, the tenant of the session, refusals, row-level security.
-- Every table with tenant data has tenant_id first in its key (docs: taskgate-sql, design "The ledger").

-- UUIDv7 (RFC 9562): 48 bits of milliseconds, then random. Neighbours in time are neighbours in the index.
-- Order never comes from it: that is what seq columns are for.
create function uuid7() returns uuid language sql volatile parallel safe as $$
	select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
		substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- 96 unguessable bits for ids that people see: a random UUID without the bytes that hold its version and variant.
-- These small functions are single expressions, so that the planner puts them in place: one that it must call is parsed anew in every
-- transaction (a create fell from 2,500 to 1,250 a second).
create function random_suffix() returns text language sql volatile parallel safe as $$
	select encode(overlay(uuid_send(gen_random_uuid()) placing '\x' from 7 for 4), 'hex')
$$;

-- The tenant that enter() found for this transaction; null outside of one, so that nothing matches.
create function tg_tenant() returns uuid language sql stable parallel safe as $$
	select nullif(current_setting('tg.tenant', true), '')::uuid
$$;
create function tg_principal() returns uuid language sql stable parallel safe as $$
	select nullif(current_setting('tg.principal', true), '')::uuid
$$;

-- A refusal with a stable reason: SQLSTATE says what kind (TG400, TG401, TG403, TG404, TG409, TG422, TG429), the constraint
-- name is the reason that programs match, the message is for people.
create function refuse(kind text, reason text, message text) returns void language plpgsql as $$
begin
	raise exception using errcode = kind, constraint = reason, message = message;
end $$;

-- host:port of a URL, in lower case and with the scheme's own port where it names none: the key by which outgoing transfers are limited and
-- parked, so two services on one host must not share it. '' where there is no host.
create function url_host(url text) returns text language sql immutable parallel safe as $$
	select case when url is not null then
		regexp_replace(regexp_replace(regexp_replace(regexp_replace(lower(coalesce(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+'), '')),
			'//.*@', '//'), '^http://([^]:[]+|\[[^]]*\])$', 'http://\1:80'), '^https://([^]:[]+|\[[^]]*\])$', 'https://\1:443'), '^.*//', '')
	end
$$;

create table tenant (
	id uuid primary key default uuid7(),
	number bigint generated always as identity,      -- the lowest is the first tenant
	name text not null constraint tenant_name_taken unique constraint tenant_name_length check (length(name) between 1 and 128),
	keep_days integer not null default 0 constraint tenant_keep_days check (keep_days >= 0),   -- finished tasks; 0 = for ever
	created_at timestamptz not null default now()
);

create table principal (
	tenant_id uuid not null references tenant,
	id uuid not null default uuid7(),
	handle text not null constraint principal_handle check (handle ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$'),
	name text not null default '',
	email text,
	phone text,
	avatar_url text,
	role text not null default 'user' constraint principal_role check (role in ('user', 'manager', 'service')),
	created_at timestamptz not null default now(),
	primary key (tenant_id, id),
	constraint principal_handle_taken unique (tenant_id, handle)
);

create table token (
	hash bytea primary key constraint token_hash_size check (octet_length(hash) = 32),   -- SHA-256; the token itself is nowhere
	id uuid not null default uuid7() constraint token_id_taken unique,
	tenant_id uuid not null,
	principal_id uuid not null,
	scopes text[] not null constraint token_scopes check (cardinality(scopes) > 0),
	created_at timestamptz not null default now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	foreign key (tenant_id, principal_id) references principal
);
create index token_by_principal on token (tenant_id, principal_id);

-- Signing keys of what leaves; two live ones sign twice, so that receivers can change over.
create table webhook_key (
	tenant_id uuid not null references tenant,
	id uuid not null default uuid7(),
	secret bytea not null constraint webhook_key_size check (octet_length(secret) between 24 and 64),   -- Standard Webhooks 1.0.0
	active_from timestamptz not null default now(),
	retire_at timestamptz,
	primary key (tenant_id, id)
);

create table customer (
	tenant_id uuid not null references tenant,
	id uuid not null default gen_random_uuid(),
	name text not null constraint customer_name_length check (length(name) between 1 and 255),
	created_at timestamptz not null default now(),
	primary key (tenant_id, id)
);

-- A user as a customer knows him.
create table persona (
	tenant_id uuid not null,
	customer_id uuid not null,
	principal_id uuid not null,
	created_at timestamptz not null default now(),
	primary key (tenant_id, customer_id, principal_id),
	foreign key (tenant_id, customer_id) references customer,
	foreign key (tenant_id, principal_id) references principal
);

-- Task types that are known. One with a handler URL is pushed to it and never given out by /work/claim.
create table task_type (
	tenant_id uuid not null references tenant,
	name text not null constraint task_type_name check (name ~ '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$'),
	handler_url text constraint task_type_handler check (handler_url ~ '^https?://'),
	required text[] not null default '{}',            -- payload members that must be there, from --schema
	created_at timestamptz not null default now(),
	primary key (tenant_id, name)
);

-- Refusals, token and directory changes, and what taskgatectl did. Nobody may change or delete it.
create table audit (
	id bigint generated always as identity primary key,
	at timestamptz not null default clock_timestamp(),
	tenant_id uuid,
	principal_id uuid,
	action text not null,
	what text,
	remote text,
	request_id text,
	detail json
);
create index audit_by_principal on audit (principal_id, at);
create index audit_by_tenant on audit (tenant_id, id);

-- Sliding windows of the limited routes: microseconds since 1970 of the grants that still count. Losing them in a crash is harmless.
create unlogged table rate_window (
	token_hash bytea not null,
	name text not null,
	grants bigint[] not null,
	primary key (token_hash, name)
) with (fillfactor = 50);

-- Spends one grant, or refuses, in a transaction of its own (its row must not stay locked through the request's fsync), and leaves the
-- verdict for enter() in a session setting, under the request's ticket. Exact: in no window of that length do more grants commit than the
-- limit, because the row holds the times themselves and the clock is read after its lock. An unknown token has no window: enter() refuses it.
create function rate(p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text,
	out remaining integer, out reset_seconds integer, out refused boolean)
language plpgsql security definer as $$
declare kept bigint[]; moment bigint; horizon bigint;
begin
	remaining := p_limit;
	reset_seconds := p_seconds;
	refused := false;
	if exists (select from public.token t where t.hash = p_hash) then
		insert into public.rate_window values (p_hash, p_name, '{}') on conflict do nothing;
		select grants into kept from public.rate_window where token_hash = p_hash and name = p_name for update;
		moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
		horizon := moment - p_seconds * 1000000::bigint;
		-- A grant from the future was given before the clock was set back.
		kept := array(select g from unnest(kept) g where g > horizon and g <= moment order by g);
		refused := cardinality(kept) >= p_limit;
		if not refused then
			kept := kept || moment;
		end if;
		update public.rate_window set grants = kept where token_hash = p_hash and name = p_name;
		remaining := greatest(p_limit - cardinality(kept), 0);
		reset_seconds := greatest(ceil((kept[1] - horizon) / 1000000.0), 1);
	end if;
	perform set_config('tg.rate', p_ticket || case when refused then ' ' || reset_seconds else ' ok' end, false);
end $$;

-- The first statement of every transaction of the API: who is this, may he, and for whom. Everything that it learns is set for this
-- transaction alone. p_hash null: the principal "anonymous" of the first tenant; p_scope null: any scope will do; p_ticket null: no limit, else the
-- verdict must be the one that rate() gave under it, so that a limit which could not be asked lets nobody through. Authority is the route's
-- scope, nowhere else.
create function enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) returns void
language plpgsql security definer as $$
declare who record; verdict text;
begin
	if p_ticket is not null then
		verdict := current_setting('tg.rate', true);
		if verdict is null or not starts_with(verdict, p_ticket || ' ') then
			raise exception using errcode = 'TG500', constraint = 'rate_unknown', message = 'the rate limit could not be asked';
		elsif verdict <> p_ticket || ' ok' then
			raise exception using errcode = 'TG429', constraint = 'rate_limit', message = 'too many requests', detail = split_part(verdict, ' ', 2);
		end if;
	end if;
	if p_hash is null then
		select p.tenant_id, p.id as principal_id, null::timestamptz as expires_at, null::timestamptz as revoked_at, array[p_scope] as scopes into who
			from public.principal p where p.tenant_id = (select id from public.tenant order by number limit 1) and p.handle = 'anonymous';
	else
		select t.tenant_id, t.principal_id, t.expires_at, t.revoked_at, t.scopes into who from public.token t where t.hash = p_hash;
	end if;
	if not found then
		raise exception using errcode = 'TG401', constraint = 'token_unknown', message = 'the token is not known';
	elsif who.revoked_at is not null then
		raise exception using errcode = 'TG401', constraint = 'token_revoked', message = 'the token has been revoked';
	elsif who.expires_at <= now() then
		raise exception using errcode = 'TG401', constraint = 'token_expired', message = 'the token has expired';
	elsif p_scope is not null and not (who.scopes && array[p_scope, 'all']) then
		raise exception using errcode = 'TG403', constraint = 'scope', message = format('the token lacks the scope %s', p_scope);
	end if;
	perform set_config('tg.tenant', who.tenant_id::text, true), set_config('tg.principal', who.principal_id::text, true),
		set_config('tg.scopes', array_to_string(who.scopes, ' '), true), set_config('tg.request', p_request, true),
		set_config('tg.remote', p_remote, true);
end $$;

-- Does the caller's token hold one of these scopes? (details of another API's task need that API's read scope)
create function tg_may(scope text) returns boolean language sql stable parallel safe as $$
	select string_to_array(current_setting('tg.scopes', true), ' ') && array[scope, 'all']
$$;

-- Writes down a refusal, in a transaction of its own, at most p_most a minute for one principal (or one address, where nobody is known).
create function audit_refusal(p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer) returns void
language plpgsql security definer as $$
declare who record; since timestamptz := now() - interval '1 minute'; recent integer;
begin
	select t.tenant_id, t.principal_id into who from public.token t where t.hash = p_hash;
	-- Two statements, since `is not distinct from` uses no index (90 ms with a million rows).
	if who.principal_id is null then
		select count(*) into recent from (select from public.audit a where a.principal_id is null and a.at > since and a.action = p_action
			and a.remote = p_remote limit p_most) r;
	else
		select count(*) into recent from (select from public.audit a where a.principal_id = who.principal_id and a.at > since and a.action = p_action
			limit p_most) r;
	end if;
	if recent < p_most then
		insert into public.audit (tenant_id, principal_id, action, what, remote, request_id)
			values (who.tenant_id, who.principal_id, p_action, p_what, p_remote, p_request);
	end if;
end $$;

-- Row-level security for the tables of a tenant: the API sees the tenant that enter() set, the sweeper and taskgatectl see all of them
-- within their grants. The owner is not bound, and no program runs as the owner.
create procedure guard_by_tenant(variadic names text[]) language plpgsql as $$
declare t text;
begin
	foreach t in array names loop
		execute format('alter table %I enable row level security', t);
		execute format('create policy tenant on %I to taskgate_api using (tenant_id = tg_tenant()) with check (tenant_id = tg_tenant())', t);
		execute format('create policy everyone on %I to taskgate_sweep, taskgate_ctl using (true) with check (true)', t);
	end loop;
end $$;
call guard_by_tenant('principal', 'token', 'webhook_key', 'customer', 'persona', 'task_type', 'audit');
alter table tenant enable row level security;
create policy own on tenant to taskgate_api using (id = tg_tenant());
create policy everyone on tenant to taskgate_sweep, taskgate_ctl using (true) with check (true);

-- The first tenant, with a key of its own, so that nothing ever leaves unsigned.
with first as (insert into tenant (name) values ('main') returning id)
insert into webhook_key (tenant_id, secret) select id, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) from first;
