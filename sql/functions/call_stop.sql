-- What a person stops or settles.

-- What a caller wants stopped: what has not been dialled is cancelled, what has been is hung up as
-- soon as it is known. p_ids: calls whose work rows the caller may wait for. Locks: those work
-- rows, by id.
create or replace function calls_stop(p_tenant uuid, p_ids uuid[], p_reason text)
returns void
language plpgsql volatile as $$
declare
	c record;
begin
	perform from work k where k.id = any (p_ids) order by k.id for update;
	for c in
		select k.id, k.state, k.sid, k.task_id, k.number
		from call k
		where k.tenant_id = p_tenant and k.id = any (p_ids) and k.ended_at is null
		order by k.id
	loop
		if c.state = 'pending' then
			perform call_ends(p_tenant, c.id, 'cancelled', null, null, null, p_reason);
		else
			update call
			set hangup = true, reason = p_reason
			where tenant_id = p_tenant and id = c.id;
			update task
			set state = 'cancelled', event = 'cancel', reason = p_reason
			where tenant_id = p_tenant
				and id = c.task_id
				and state = 'processing'
				and kind = 'call';
			perform call_log(
				p_tenant, c.task_id, 'warning',
				format('hanging up %s: %s', c.number, p_reason));
			if c.sid is not null then
				update work
				set lane = 'follow', host = 'twilio', type = 'hangup',
					run_at = now(), ready = true
				where id = c.id and lease_until is null;
			end if;
		end if;
	end loop;
end $$;
revoke all on function calls_stop from public, taskgate_api, taskgate_sweep, taskgate_ctl;

-- Cancels a call task: all of it that has not ended. Result: its id, null where there was nothing
-- to cancel.
create or replace function call_cancel(p_name text, p_reason text)
returns uuid
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	t record;
begin
	select k.id, k.kind
	into t
	from task k
	where k.tenant_id = tg_tenant()
		and k.public_id = p_name
		and k.api = 'calls'
		and k.finished_at is null;
	if not found then
		return null;
	end if;
	perform calls_stop(
		tg_tenant(),
		array(
			select c.id
			from call c
			where c.tenant_id = tg_tenant() and c.task_id = t.id and c.ended_at is null
		),
		p_reason);
	update task
	set state = 'cancelled', event = 'cancel', reason = p_reason
	where tenant_id = tg_tenant() and id = t.id and state in ('pending', 'processing');
	return t.id;
end $$;
revoke all on function call_cancel from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_cancel to taskgate_api, taskgate_ctl;

-- The same for every call task of the tenant that has not ended: one list of work rows, locked in
-- one order before any limiter. Result: how many tasks it cancelled.
create or replace function calls_stop_all(p_reason text)
returns integer
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	ids uuid[] := array(
		select t.id
		from (
			select distinct c.task_id
			from call c
			where c.tenant_id = tg_tenant() and c.ended_at is null
		) c
		join task t on t.tenant_id = tg_tenant() and t.id = c.task_id
		where t.finished_at is null
	);
begin
	perform calls_stop(
		tg_tenant(),
		array(
			select c.id
			from call c
			where c.tenant_id = tg_tenant()
				and c.task_id = any (ids)
				and c.ended_at is null
		),
		p_reason);
	update task
	set state = 'cancelled', event = 'cancel', reason = p_reason
	where tenant_id = tg_tenant() and id = any (ids) and state in ('pending', 'processing');
	return (
		select count(*)
		from task t
		where t.tenant_id = tg_tenant() and t.id = any (ids) and t.state = 'cancelled'
	);
end $$;
revoke all on function calls_stop_all from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function calls_stop_all to taskgate_ctl;

-- A person has looked up what nobody could tell: whether an unknown call was dialled. Result: the
-- state that it was in, null where there is no such call.
create or replace function call_settle_by_hand(p_id uuid, p_dialled boolean)
returns text
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	c call;
begin
	perform from work w where w.id = p_id for update;
	select * into c from call k where k.tenant_id = tg_tenant() and k.id = p_id for update;
	if c.state = 'unknown' then
		perform call_log(
			c.tenant_id, c.task_id, 'info',
			format(
				'%s was %s: settled by hand', c.number,
				case when p_dialled then 'dialled' else 'not dialled' end));
		perform call_ends(
			c.tenant_id, c.id,
			case
				when c.hangup then 'cancelled'
				when p_dialled then 'completed'
				else 'failed'
			end,
			null, null, null,
			case
				when c.hangup then c.reason
				when not p_dialled then 'not dialled: settled by hand'
			end);
	end if;
	return c.state;
end $$;
revoke all on function call_settle_by_hand from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_settle_by_hand to taskgate_ctl;

-- After a restored backup nobody knows which of the due calls had been dialled since it was made:
-- they are unknown, and Twilio is asked. Result: how many. Locks: their work rows, by id.
create or replace function calls_after_restore()
returns integer
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	w record;
	n integer := 0;
begin
	for w in
		select k.id, k.tenant_id, k.task_id, t.created_at
		from work k
		join task t on t.tenant_id = k.tenant_id and t.id = k.task_id
		where k.lane = 'call' and k.run_at <= now() and k.lease_until is null
		order by k.id
		for update of k
	loop
		update task
		set state = 'processing', event = 'claim',
			reason = 'the database was restored; asking Twilio what was dialled',
			started_at = now(), attempts = attempts + 1,
			progress = case when kind = 'call' then 50 else 0 end,
			progress_message = 'Outcome of the dial is unknown; asking Twilio'
		where tenant_id = w.tenant_id and id = w.task_id and state = 'pending';
		update call
		set state = 'unknown', granted_at = w.created_at, departed_at = now(),
			reason = 'the database was restored'
		where tenant_id = w.tenant_id and id = w.id and state = 'pending';
		perform call_follow(w.id, 'find', 0);
		n := n + 1;
	end loop;
	return n;
end $$;
revoke all on function calls_after_restore from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function calls_after_restore to taskgate_ctl;
