-- The outcome of a dial.

-- The outcome of a dial: accepted (p_detail is Twilio's call), refuse (4xx), again (429: before
-- acceptance), unsent, release, unknown.
-- p_ago_ms: since the request left. p_pauses: milliseconds before the first retry, seconds before
-- Twilio is asked.
-- Result: false where p_fence is not the row's own: then nothing was changed. Locks: the work row,
-- the call.
create or replace function call_settle(
	p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer,
	p_pauses integer[], p_ago_ms integer)
returns boolean
language plpgsql volatile as $$
declare
	w record;
	c call;
	p campaign;
	left_at timestamptz := clock_timestamp() - make_interval(secs => p_ago_ms / 1000.0);
	unused boolean := p_outcome in ('unsent', 'release');
	again boolean;
begin
	select k.tenant_id, k.task_id
	into w
	from work k
	where k.id = p_id and k.fence = p_fence and k.deadline is not null and k.lane = 'call'
	for update;
	if not found then
		return false;
	end if;
	select * into c from call k where k.tenant_id = w.tenant_id and k.id = p_id for update;
	select * into p from campaign g where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
	if p_outcome = 'accepted' then
		-- A callback's call says no number to dial from, so it was the sweeper's own.
		if p.from_number is null and p_detail ->> 'from' ~ '^\+[1-9][0-9]{6,14}$' then
			update campaign g
			set from_number = p_detail ->> 'from'
			where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
		end if;
		perform call_accepted(w.tenant_id, p_id, p_detail ->> 'sid', left_at, p_pauses[2]);
	elsif p_outcome = 'refuse' then
		perform call_departs(c, p.delay_s, left_at);
		perform call_ends(
			w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end,
			null, null, p_detail ->> 'code',
			case
				when p_detail ->> 'code' is not null then format(
					'Twilio refused it: %s %s', p_detail ->> 'code',
					p_detail ->> 'message')
				else p_reason
			end);
	elsif p_outcome in ('again', 'unsent', 'release') then
		perform call_departs(c, p.delay_s, case when not unused then left_at end);
		again := unused or c.attempts <= 3;
		if c.hangup or not again then
			return call_ends(
				w.tenant_id, p_id,
				case when c.hangup then 'cancelled' else 'failed' end, null, null,
				null, p_reason);
		end if;
		perform call_frees(c, p.delay_s);
		update call
		set state = 'pending', attempts = c.attempts - unused::integer
		where tenant_id = w.tenant_id and id = p_id;
		update task k
		set state = 'pending', event = case when unused then 'release' else 'retry' end,
			reason = p_reason, attempts = k.attempts - unused::integer, progress = null,
			progress_message = null
		where k.tenant_id = w.tenant_id
			and k.id = w.task_id
			and k.state = 'processing'
			and k.kind = 'call';
		update work k
		set ready = false, lease_until = null, deadline = null, claimed_by = null,
			last_error = p_reason,
			unsent_since = case when unused then coalesce(k.unsent_since, k.run_at) end,
			run_at = now() + case
				when not unused then greatest(
					retry_delay(c.attempts, p_pauses[1]),
					make_interval(secs => p_wait_s))
				else coalesce((
					select case
						when h.parked_until > now()
							then h.parked_until - now()
						when p_outcome = 'unsent'
							then retry_delay(h.failures, p_pauses[1])
					end
					from host_state h
					where h.host = 'twilio'
				), interval '0')
			end
		where k.id = p_id;
	else
		perform call_lost(w.tenant_id, p_id, left_at, p_reason, least(p_pauses[2], 10));
	end if;
	return true;
end $$;
revoke all on function call_settle from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_settle to taskgate_sweep;

-- Grants whose sweeper went away: a request may have left until the end of the lease. Result: how
-- many. Locks: work by skip locked.
create or replace function call_expire(p_most integer)
returns integer
language plpgsql volatile as $$
declare
	w record;
	n integer := 0;
begin
	for w in
		select k.id, k.tenant_id, k.lease_until
		from work k
		where k.lease_until < now() and k.lane = 'call'
		order by k.id
		limit p_most
		for update skip locked
	loop
		perform call_lost(
			w.tenant_id, w.id, w.lease_until, 'the sweeper went away before the answer',
			0);
		n := n + 1;
	end loop;
	return n;
end $$;
revoke all on function call_expire from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_expire to taskgate_sweep;

-- Ends calls and campaigns of which no number was dialled within p_ttl_s of its time (0: for ever):
-- a lane that was paused for a day does not dial yesterday's calls. What was granted and given back
-- unsent was not dialled either. Result: how many tasks. Locks: their work rows, by id.
create or replace function call_overdue(p_most integer, p_ttl_s bigint)
returns integer
language plpgsql volatile as $$
declare
	t record;
	c record;
	n integer := 0;
	why text := format('never started within %s s', p_ttl_s);
begin
	if p_ttl_s <= 0
			or exists (
				select from lane l
				where l.name = 'expire' and l.paused_at is not null
			) then
		return 0;
	end if;
	for t in
		select distinct w.tenant_id, w.task_id
		from work w
		join task k on k.tenant_id = w.tenant_id and k.id = w.task_id
		where w.lane = 'call'
			and w.lease_until is null
			and (w.unsent_since is not null or w.ready and w.attempt = 0)
			and coalesce(w.unsent_since, w.run_at)
				< now() - make_interval(secs => p_ttl_s)
			and k.state = 'pending'
		limit p_most
	loop
		perform from work w
		where w.id = any (
			array(
				select k.id
				from call k
				where k.tenant_id = t.tenant_id
					and k.task_id = t.task_id
					and k.ended_at is null
			))
		order by w.id
		for update;
		update task k
		set state = 'expired', event = 'expire', reason = why
		where k.tenant_id = t.tenant_id and k.id = t.task_id and k.state = 'pending';
		continue when not found;
		for c in
			select k.id
			from call k
			where k.tenant_id = t.tenant_id
				and k.task_id = t.task_id
				and k.ended_at is null
			order by k.id
		loop
			perform call_ends(t.tenant_id, c.id, 'failed', null, null, null, why);
		end loop;
		n := n + 1;
	end loop;
	return n;
end $$;
revoke all on function call_overdue from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_overdue to taskgate_sweep;
