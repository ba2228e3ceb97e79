-- Tenants and their quiet hours.

-- name: tenant_add
-- keep_days: how long finished tasks are kept; 0 for ever. secret: its first signing key as \x and
-- hex.
-- takes: name, keep_days, secret
-- gives: id, name
with made as (
	insert into tenant (name, keep_days) values (:name, :keep_days::integer) returning id, name
), key as (
	insert into webhook_key (tenant_id, secret) select id, :secret::bytea from made
)
select id, name
from made

-- name: tenant_list
-- gives: id, name, keep_days, created_at, users
select t.id, t.name, t.keep_days, t.created_at,
	(select count(*) from principal p where p.tenant_id = t.id) as users
from tenant t
order by t.number

-- name: quiet_show
-- The tenant's quiet hours, null where there are none.
-- gives: quiet_from, quiet_until, time_zone
select to_char(quiet_from, 'HH24:MI') as quiet_from, to_char(quiet_until, 'HH24:MI') as quiet_until,
	time_zone
from tenant
where id = tg_tenant()

-- name: quiet_set
-- Times as HH:MI; three nulls for none. No row where the zone is not known.
-- takes: quiet_from, quiet_until, time_zone
-- gives: quiet_from, quiet_until, time_zone
update tenant
set quiet_from = :quiet_from::time, quiet_until = :quiet_until::time, time_zone = :time_zone
where id = tg_tenant() and (:time_zone::text is null or is_zone(:time_zone))
returning to_char(quiet_from, 'HH24:MI') as quiet_from,
	to_char(quiet_until, 'HH24:MI') as quiet_until, time_zone
