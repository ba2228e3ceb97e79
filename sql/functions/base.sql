-- What every other file stands on. This file names no table, since `taskgatectl migrate` applies it
-- before the migrations: columns take their defaults from it, policies ask it for the tenant.

-- A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits, so that neighbours in time are
-- neighbours in an index. Order never comes from it: that is what seq columns are for.
-- These small functions are single expressions, so that the planner puts them in place. One that it
-- must call is parsed anew in every transaction (a create fell from 2,500 to 1,250 a second).
create or replace function uuid7() returns uuid language sql volatile parallel safe as $$
	select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(
		int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
		from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;
revoke all on function uuid7 from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function uuid7 to taskgate_api, taskgate_sweep, taskgate_ctl;

-- 96 unguessable bits for ids that people see: a random UUID without the bytes that hold its
-- version and variant.
create or replace function random_suffix() returns text language sql volatile parallel safe as $$
	select encode(overlay(uuid_send(gen_random_uuid()) placing '\x' from 7 for 4), 'hex')
$$;
revoke all on function random_suffix from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function random_suffix to taskgate_api, taskgate_sweep, taskgate_ctl;

-- The tenant that enter() found for this transaction; null outside of one, so that nothing matches.
create or replace function tg_tenant() returns uuid language sql stable parallel safe as $$
	select nullif(current_setting('tg.tenant', true), '')::uuid
$$;
revoke all on function tg_tenant from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function tg_tenant to taskgate_api, taskgate_sweep, taskgate_ctl;

-- The principal that enter() found for this transaction; null outside of one.
create or replace function tg_principal() returns uuid language sql stable parallel safe as $$
	select nullif(current_setting('tg.principal', true), '')::uuid
$$;
revoke all on function tg_principal from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function tg_principal to taskgate_api, taskgate_sweep, taskgate_ctl;

-- Does the caller's token hold this scope (or `all`)? Details of another API's task need that API's
-- read scope.
create or replace function tg_may(scope text)
returns boolean
language sql stable parallel safe as $$
	select string_to_array(current_setting('tg.scopes', true), ' ') && array[scope, 'all']
$$;
revoke all on function tg_may from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function tg_may to taskgate_api;

-- Raises a refusal. kind is the SQLSTATE (TG400, TG401, TG403, TG404, TG409, TG422, TG429), reason
-- the stable word that programs match (it goes as the constraint's name), message is for people.
create or replace function refuse(kind text, reason text, message text)
returns void
language plpgsql as $$
begin
	raise exception using errcode = kind, constraint = reason, message = message;
end $$;
revoke all on function refuse from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function refuse to taskgate_api, taskgate_sweep, taskgate_ctl;

-- host:port of a URL, in lower case and with the scheme's own port where the URL names none; ''
-- where there is no host, null for null. It is the key by which outgoing transfers are limited and
-- parked, so two services on one host must not share it.
create or replace function url_host(url text)
returns text
language sql immutable parallel safe as $$
	select case when url is not null then
		regexp_replace(regexp_replace(regexp_replace(regexp_replace(lower(coalesce(
			substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+'), '')),
			'//.*@', '//'),
			'^http://([^]:[]+|\[[^]]*\])$', 'http://\1:80'),
			'^https://([^]:[]+|\[[^]]*\])$', 'https://\1:443'),
			'^.*//', '')
	end
$$;
revoke all on function url_host from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function url_host to taskgate_api, taskgate_sweep, taskgate_ctl;

-- The pause before attempt p_attempt + 1. It doubles from p_first_ms up to 15 minutes, give or take
-- a fifth, so that what failed together does not come back together.
create or replace function retry_delay(p_attempt integer, p_first_ms integer)
returns interval
language sql volatile parallel safe as $$
	select make_interval(secs =>
		least(p_first_ms * 2 ^ (least(greatest(p_attempt, 1), 20) - 1), 900000)
		* (0.8 + 0.4 * random()) / 1000.0)
$$;
revoke all on function retry_delay from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function retry_delay to taskgate_api, taskgate_sweep, taskgate_ctl;

-- Row-level security for tables of a tenant: taskgate_api sees the tenant that enter() set; the
-- sweeper and taskgatectl see all tenants, within their grants. The owner is not bound, and no
-- program runs as the owner. Migrations call it once a table.
create or replace procedure guard_by_tenant(variadic names text[]) language plpgsql as $$
declare
	t text;
begin
	foreach t in array names loop
		execute format('alter table %I enable row level security', t);
		execute format('create policy tenant on %I to taskgate_api'
			' using (tenant_id = tg_tenant()) with check (tenant_id = tg_tenant())', t);
		execute format('create policy everyone on %I to taskgate_sweep, taskgate_ctl'
			' using (true) with check (true)', t);
	end loop;
end $$;
revoke all on procedure guard_by_tenant from public, taskgate_api, taskgate_sweep, taskgate_ctl;
