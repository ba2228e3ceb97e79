-- What Twilio says of a call, and what follows.

-- Work that follows a call: ask, find or hangup, due in p_in_s seconds.
create or replace function call_follow(p_id uuid, p_type text, p_in_s double precision)
returns void
language sql volatile as $$
	update work
	set lane = 'follow', host = 'twilio', type = p_type, ready = p_in_s <= 0,
		lease_until = null, deadline = null, claimed_by = null, unsent_since = null,
		run_at = now() + make_interval(secs => p_in_s)
	where id = p_id
$$;
revoke all on function call_follow from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_follow to taskgate_sweep;

-- Twilio has the call: one that was to be hung up meanwhile is, every other one is followed. p_at:
-- when the request left. p_ask_s: when to ask Twilio, where nothing is reported. The caller holds
-- the work row.
create or replace function call_accepted(
	p_tenant uuid, p_id uuid, p_sid text, p_at timestamptz, p_ask_s integer)
returns void
language plpgsql volatile as $$
declare
	c call;
	p campaign;
begin
	select *
	into c
	from call k
	where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null
	for update;
	if not found then
		return;
	end if;
	select * into p from campaign g where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, p_at);
	update task
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = attempts + 1
	where c.state = 'pending' and tenant_id = p_tenant and id = c.task_id and state = 'pending';
	update call
	set state = 'accepted', sid = coalesce(sid, p_sid), status = coalesce(status, 'queued'),
		asked = 0
	where tenant_id = p_tenant and id = p_id;
	if p.delay_s is null then
		update task
		set progress = 90, progress_message = 'Call created successfully',
			updated_at = now()
		where tenant_id = p_tenant and id = c.task_id and state = 'processing';
	end if;
	perform call_follow(
		p_id, case when c.hangup then 'hangup' else 'ask' end,
		case when c.hangup then 0 else p_ask_s end);
end $$;
revoke all on function call_accepted from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_accepted to taskgate_sweep;

-- No answer came, and Twilio may have the call: it is unknown, and never dialled again by itself.
-- p_at: when the request can have left. p_find_s: when to look for it. The caller holds the work
-- row.
create or replace function call_lost(
	p_tenant uuid, p_id uuid, p_at timestamptz, p_why text, p_find_s double precision)
returns void
language plpgsql volatile as $$
declare
	c call;
	p campaign;
begin
	select *
	into c
	from call k
	where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null
	for update;
	if not found or c.state <> 'dialling' then
		return;
	end if;
	select * into p from campaign g where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, p_at);
	update call
	set state = 'unknown', reason = p_why, asked = 0
	where tenant_id = p_tenant and id = p_id;
	update task
	set progress_message = 'Outcome of the dial is unknown; asking Twilio', updated_at = now()
	where tenant_id = p_tenant
		and id = c.task_id
		and state = 'processing'
		and p.delay_s is null;
	perform call_log(
		p_tenant, c.task_id, 'warning',
		format('the outcome of dialling %s is unknown: %s', c.number, p_why));
	perform call_follow(p_id, 'find', p_find_s);
end $$;
revoke all on function call_lost from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_lost to taskgate_sweep;

-- How far along Twilio's word for a call is; nothing follows 5. Reports come out of order and
-- twice.
create or replace function call_rank(p_status text)
returns integer
language sql immutable parallel safe as $$
	select case p_status
		when 'queued' then 1
		when 'initiated' then 1
		when 'ringing' then 2
		when 'in-progress' then 3
		when 'answered' then 3
		else 5
	end
$$;
revoke all on function call_rank from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_rank to taskgate_sweep;

-- A call has come to p_status, Twilio's own word. The caller holds the work row. Result: false
-- where that changed nothing.
create or replace function call_becomes(
	p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text,
	p_ask_s integer)
returns boolean
language plpgsql volatile as $$
declare
	c call;
begin
	select *
	into c
	from call k
	where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null
	for update;
	if not found
			or p_status is null
			or p_status not in (
				'queued', 'initiated', 'ringing', 'in-progress', 'answered',
				'completed', 'busy', 'no-answer', 'failed', 'canceled') then
		return false;
	end if;
	if c.state in ('dialling', 'unknown', 'pending') then
		perform call_accepted(p_tenant, p_id, p_sid, clock_timestamp(), p_ask_s);
	end if;
	if call_rank(p_status) < 5 then
		update call
		set status = p_status,
			answered_at = case
				when p_status in ('in-progress', 'answered')
					then coalesce(answered_at, now())
				else answered_at
			end
		where tenant_id = p_tenant
			and id = p_id
			and call_rank(coalesce(status, 'queued')) < call_rank(p_status);
		return found;
	end if;
	return call_ends(
		p_tenant, p_id,
		case
			when c.hangup then 'cancelled'
			when p_status = 'completed' then 'completed'
			else 'failed'
		end,
		p_status, p_duration, p_code,
		case
			when c.hangup then coalesce(c.reason, 'hung up')
			when p_status <> 'completed' then format(
				'Twilio reported %s%s', p_status,
				coalesce(' (' || p_code || ')', ''))
		end);
end $$;
revoke all on function call_becomes from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_becomes to taskgate_sweep;
