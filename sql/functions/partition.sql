-- Partitions of the history and the log, by month.

-- Makes the partitions of this month and of the p_ahead next ones. A default partition catches a
-- clock gone mad. It gives up on a partition rather than stand in line for it: behind a reader of
-- the whole history (a dump) it would hold up every write. Next time, then. A month of which a row
-- is in the default partition already stays there.
-- Result: how many were made. Locks: an advisory lock; the parent table, for at most 200 ms.
create or replace function partition_ensure(p_ahead integer)
returns integer
language plpgsql security definer
set search_path = taskgate, pg_temp set lock_timeout = '200ms' as $$
declare
	t text;
	n text;
	m date;
	made integer := 0;
begin
	if not pg_try_advisory_xact_lock(hashtext('taskgate.partition_ensure')) then
		return 0;
	end if;
	foreach t in array array['task_event', 'task_log'] loop
		for i in 0..p_ahead loop
			m := (date_trunc('month', now() at time zone 'UTC')
				+ make_interval(months => i))::date;
			n := format('%s_%s', t, to_char(m, 'YYYYMM'));
			continue when to_regclass('taskgate.' || n) is not null;
			begin
				execute format('create table taskgate.%I partition of taskgate.%I'
					' for values from (%L) to (%L)', n, t,
					m::text || ' 00:00:00+00',
					(m + interval '1 month')::date::text || ' 00:00:00+00');
				made := made + 1;
			exception when lock_not_available or check_violation then
				null;
			end;
		end loop;
	end loop;
	return made;
end $$;
revoke all on function partition_ensure from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function partition_ensure to taskgate_sweep;
