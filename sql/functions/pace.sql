-- The limiters of dialling. Everybody locks the account's row first, then one other row.

-- How many more may be granted at this moment. The row stays locked until the transaction ends, so
-- that a grant is counted before the next one looks. p_limit null: no limit; what is under way is
-- counted all the same, for the day on which there is one. A departure later than now was recorded
-- before the clock was set back: it counts for one window more.
-- Locks: the limiter's row.
create or replace function pace_room(p_key text, p_limit integer, p_window_s integer)
returns integer
language plpgsql volatile as $$
declare
	p record;
	moment bigint;
	next integer;
begin
	-- A campaign's is made and deleted with the campaign: whoever made it here could do so
	-- behind the campaign's end.
	insert into pace (key)
	select p_key
	where p_key not like 'campaign:%'
	on conflict do nothing;
	select outstanding, departures into p from pace where key = p_key for update;
	if not found then
		return 0;
	end if;
	if p_limit is null then
		update pace
		set departures = '{}', open_at = null
		where key = p_key and (departures <> '{}' or open_at is not null);
		return 2147483647;
	end if;
	moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
	p.departures := array(
		select d
		from unnest(p.departures) d
		where d > moment - p_window_s * 1000000::bigint
			and d <= moment + p_window_s * 1000000::bigint
		order by d
	);
	-- Room comes with the age of this one, where it does not depend on what is under way.
	next := cardinality(p.departures) + p.outstanding - p_limit + 1;
	update pace
	set departures = p.departures,
		open_at = case
			when next >= 1 then to_timestamp(
				(p.departures[next] + p_window_s * 1000000::bigint) / 1000000.0)
		end
	where key = p_key
		and (
			cardinality(departures) <> cardinality(p.departures)
				or next >= 1
				or open_at is not null);
	return p_limit - p.outstanding - cardinality(p.departures);
end $$;
revoke all on function pace_room from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function pace_room to taskgate_sweep;

-- The limiter of a call beside the account's. The cast is written out, so that the planner puts the
-- function in place: without it each create paid a twentieth for it.
create or replace function pace_key(p_task uuid, p_delay_s integer)
returns text
language sql immutable parallel safe as $$
	select case when p_delay_s is null then 'single' else 'campaign:' || p_task::text end
$$;
revoke all on function pace_key from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function pace_key to taskgate_api, taskgate_sweep;

-- What was granted has left, at p_at (null: it has not, and the grant is given back). Once a grant.
-- Locks: the account's pace row, then the call's own.
create or replace function call_departs(c call, p_delay_s integer, p_at timestamptz)
returns void
language plpgsql volatile as $$
begin
	if c.state <> 'dialling' then
		return;
	end if;
	if c.outstanding then
		perform from pace where key = 'account' for update;
		update pace
		set outstanding = greatest(outstanding - 1, 0),
			departures = departures
				|| case
					when p_at is not null then array[
						(extract(epoch from p_at) * 1000000)::bigint]
					else '{}'
				end
		where key in ('account', pace_key(c.task_id, p_delay_s));
	end if;
	update call
	set outstanding = false, departed_at = coalesce(c.departed_at, p_at)
	where tenant_id = c.tenant_id and id = c.id;
end $$;
revoke all on function call_departs from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_departs to taskgate_sweep;

-- The call's campaign may dial another number. Once a call. Locks: the account's pace row, then the
-- campaign's.
create or replace function call_frees(c call, p_delay_s integer)
returns void
language plpgsql volatile as $$
begin
	if not c.slot then
		return;
	end if;
	perform from pace where key = 'account' for update;
	update pace
	set in_flight = in_flight - 1
	where key = pace_key(c.task_id, p_delay_s) and in_flight > 0;
	update call set slot = false where tenant_id = c.tenant_id and id = c.id;
end $$;
revoke all on function call_frees from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_frees to taskgate_sweep;
