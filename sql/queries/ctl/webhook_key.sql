-- The keys that sign webhooks.

-- name: webhook_key_list
-- gives: id, active_from, retire_at, state
select id, active_from, retire_at,
	case
		when retire_at <= now() then 'retired'
		when active_from > now() then 'not yet'
		else 'signing'
	end as state
from webhook_key
where tenant_id = tg_tenant()
order by active_from, id

-- name: webhook_key_rotate
-- secret: the new key as \x and hex. overlap_s: how long the old ones go on signing. Gives the new
-- key's id and the old ones' end.
-- takes: secret, overlap_s
-- gives: id, retired, retire_at
with retired as (
	update webhook_key
	set retire_at = now() + make_interval(secs => :overlap_s::double precision)
	where tenant_id = tg_tenant()
		and (
			retire_at is null
				or retire_at > now() + make_interval(
					secs => :overlap_s::double precision
				)
		)
	returning id
), made as (
	insert into webhook_key (tenant_id, secret)
	values (tg_tenant(), :secret::bytea)
	returning id
)
select id, (select count(*) from retired) as retired,
	now() + make_interval(secs => :overlap_s::double precision) as retire_at
from made
