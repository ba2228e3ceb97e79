-- Who may be called now, and how many: the limiters and what takes from them and gives back. Lock order of all that follows: the number (number_hold), work (all that
-- a transaction will want), then the account's pace row, then another pace row, then campaign and task. The claim begins with the account and waits for neither work nor number.

-- How many more may be granted at this moment; the row stays locked until the end of the transaction, so that a grant is counted before the next one looks. Null p_limit:
-- no limit; what is under way is counted all the same, for the day on which there is one. A departure later than now was recorded before the clock was set back: it counts
-- for one window more.
create function pace_room(p_key text, p_limit integer, p_window_s integer) returns integer language plpgsql volatile as $$
declare p record; moment bigint; next integer;
begin
	-- A campaign's is made and deleted with the campaign: whoever made it here could do so behind the campaign's end.
	insert into pace (key) select p_key where p_key not like 'campaign:%' on conflict do nothing;
	select outstanding, departures into p from pace where key = p_key for update;
	if not found then
		return 0;
	end if;
	if p_limit is null then
		update pace set departures = '{}', open_at = null where key = p_key and (departures <> '{}' or open_at is not null);
		return 2147483647;
	end if;
	moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
	p.departures := array(select d from unnest(p.departures) d where d > moment - p_window_s * 1000000::bigint and d <= moment + p_window_s * 1000000::bigint order by d);
	-- Room comes with the age of this one, where it does not depend on what is under way.
	next := cardinality(p.departures) + p.outstanding - p_limit + 1;
	update pace set departures = p.departures, open_at = case when next >= 1 then to_timestamp((p.departures[next] + p_window_s * 1000000::bigint) / 1000000.0) end
		where key = p_key and (cardinality(departures) <> cardinality(p.departures) or next >= 1 or open_at is not null);
	return p_limit - p.outstanding - cardinality(p.departures);
end $$;

-- The limiter of a call beside the account's. The cast is said, so that the planner puts the function in place: without it each create paid a twentieth for it.
create function pace_key(p_task uuid, p_delay_s integer) returns text language sql immutable parallel safe as $$
	select case when p_delay_s is null then 'single' else 'campaign:' || p_task::text end
$$;

create function call_log(p_tenant uuid, p_task uuid, p_level text, p_message text) returns void language sql volatile as $$
	insert into public.task_log (tenant_id, task_id, id, level, message) values (p_tenant, p_task, nextval('public.task_log_id'), p_level, p_message)
$$;

-- What was granted has left, at p_at (null: it has not, and the grant is given back). Once a grant.
create function call_departs(c call, p_delay_s integer, p_at timestamptz) returns void language plpgsql volatile as $$
begin
	if c.state <> 'dialling' then
		return;
	end if;
	if c.outstanding then
		perform from pace where key = 'account' for update;
		update pace set outstanding = greatest(outstanding - 1, 0),
				departures = departures || case when p_at is not null then array[(extract(epoch from p_at) * 1000000)::bigint] else '{}' end
			where key in ('account', pace_key(c.task_id, p_delay_s));
	end if;
	update call set outstanding = false, departed_at = coalesce(c.departed_at, p_at) where tenant_id = c.tenant_id and id = c.id;
end $$;

-- Its campaign may dial another one. Once a call.
create function call_frees(c call, p_delay_s integer) returns void language plpgsql volatile as $$
begin
	if not c.slot then
		return;
	end if;
	perform from pace where key = 'account' for update;
	update pace set in_flight = in_flight - 1 where key = pace_key(c.task_id, p_delay_s) and in_flight > 0;
	update call set slot = false where tenant_id = c.tenant_id and id = c.id;
end $$;

-- Why this number must not be called now; null where it may. Fails closed: quiet hours of a zone that nobody knows are now.
create function call_refused(p_tenant uuid, p_number text) returns text language plpgsql stable as $$
declare q record; zone text; wall time;
begin
	if exists (select from do_not_call d where d.tenant_id = p_tenant and d.number = p_number) then
		return 'the number is on the do-not-call list';
	end if;
	select t.quiet_from, t.quiet_until, t.time_zone into q from tenant t where t.id = p_tenant;
	if q.quiet_from is null then
		return null;
	end if;
	zone := coalesce((select z.zone from number_zone z where z.prefix = any (array(select left(p_number, i) from generate_series(2, 5) i)) order by length(z.prefix) desc limit 1), q.time_zone);
	if zone is null then
		return 'quiet hours are set and the time zone of the number is not known';
	end if;
	wall := (clock_timestamp() at time zone zone)::time;
	if (case when q.quiet_from <= q.quiet_until then wall >= q.quiet_from and wall < q.quiet_until else wall >= q.quiet_from or wall < q.quiet_until end) then
		return format('quiet hours in %s (%s to %s)', zone, to_char(q.quiet_from, 'HH24:MI'), to_char(q.quiet_until, 'HH24:MI'));
	end if;
	return null;
end $$;
