-- Which numbers may be called now.

-- The key of the advisory lock in which whoever makes a call to a number and whoever forbids it
-- stand in line, so that neither overlooks the other. The numbers share 64 lines, since a list of
-- 100,000 numbers would take more locks than the server has.
create or replace function number_line(p_tenant uuid, p_number text)
returns bigint
language sql immutable parallel safe as $$
	select hashtextextended('number ' || p_tenant::text || hashtext(p_number) % 64, 0)
$$;
revoke all on function number_line from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function number_line to taskgate_api, taskgate_sweep, taskgate_ctl;

-- Stands in line for a number until the transaction ends.
create or replace function number_hold(p_number text) returns void language sql volatile as $$
	select pg_advisory_xact_lock(number_line(tg_tenant(), p_number))
$$;
revoke all on function number_hold from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function number_hold to taskgate_api, taskgate_ctl;

-- Puts a number on the do-not-call list. What waits to call it is cancelled, what is being dialled
-- or talked is hung up. Locks: number_hold, then what calls_stop locks.
create or replace function do_not_call_add(p_number text, p_reason text)
returns void
language plpgsql security definer set search_path = taskgate, pg_temp as $$
begin
	perform number_hold(p_number);
	insert into do_not_call (tenant_id, number, reason)
	values (tg_tenant(), p_number, p_reason)
	on conflict do nothing;
	perform calls_stop(
		tg_tenant(),
		array(
			select c.id
			from call c
			where c.tenant_id = tg_tenant()
				and c.number = p_number
				and c.ended_at is null
		),
		'the number was put on the do-not-call list');
end $$;
revoke all on function do_not_call_add from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function do_not_call_add to taskgate_api, taskgate_ctl;

-- Why this number must not be called now; null where it may be. Fails closed: where the zone is not
-- known, quiet hours are now.
create or replace function call_refused(p_tenant uuid, p_number text)
returns text
language plpgsql stable as $$
declare
	q record;
	zone text;
	wall time;
begin
	if exists (
		select from do_not_call d where d.tenant_id = p_tenant and d.number = p_number
	) then
		return 'the number is on the do-not-call list';
	end if;
	select t.quiet_from, t.quiet_until, t.time_zone into q from tenant t where t.id = p_tenant;
	if q.quiet_from is null then
		return null;
	end if;
	zone := coalesce(
		(
			select z.zone
			from number_zone z
			where z.prefix = any (
				array(select left(p_number, i) from generate_series(2, 5) i))
			order by length(z.prefix) desc
			limit 1
		),
		q.time_zone);
	if zone is null then
		return 'quiet hours are set and the time zone of the number is not known';
	end if;
	wall := (clock_timestamp() at time zone zone)::time;
	if (case
		when q.quiet_from <= q.quiet_until
			then wall >= q.quiet_from and wall < q.quiet_until
		else wall >= q.quiet_from or wall < q.quiet_until
	end) then
		return format(
			'quiet hours in %s (%s to %s)', zone, to_char(q.quiet_from, 'HH24:MI'),
			to_char(q.quiet_until, 'HH24:MI'));
	end if;
	return null;
end $$;
revoke all on function call_refused from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_refused to taskgate_sweep;
