-- What a sweeper does with the outcome of one attempt to send a message.

-- Twilio has the message: from here on it is asked for, never sent again. p_ask_s: when to ask
-- first, if nothing is reported; twice that the next time, up to an hour. After four hours
-- (Twilio's own validity period) what was sent counts as sent, and what was not as failed.
create or replace function message_waits(p_tenant uuid, p_task uuid, p_ask_s integer)
returns void
language plpgsql volatile as $$
declare
	m record;
begin
	update message m1
	set asked = m1.asked + 1
	from task t
	where m1.tenant_id = p_tenant
		and m1.task_id = p_task
		and t.tenant_id = p_tenant
		and t.id = p_task
	returning m1.status, m1.asked, t.started_at < now() - interval '4 hours' as over into m;
	if m.over then
		perform message_end(
			p_tenant, p_task, m.status = 'sent',
			case
				when m.status = 'sent'
					then 'sent; no report of its delivery came within four hours'
				else 'Twilio did not send it within four hours'
			end,
			case
				when m.status = 'sent'
					then '{"delivered": null, "delivery_time": null}'::json
			end);
	else
		update work
		set type = 'ask', ready = false, lease_until = null, deadline = null,
			claimed_by = null, unsent_since = null,
			run_at = now() + make_interval(
				secs => least(3600, p_ask_s * 2 ^ least(m.asked - 1, 12)))
		where id = p_task;
	end if;
end $$;
revoke all on function message_waits from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_waits to taskgate_sweep;

-- An attempt that did not succeed. p_outcome: release or unsent (given back, and not counted as an
-- attempt), else tried again or failed.
-- Result: true where it will be tried again.
create or replace function message_again(
	p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer,
	p_first_ms integer)
returns boolean
language plpgsql volatile as $$
declare
	unused boolean := p_outcome in ('release', 'unsent');
	t record;
begin
	update task t1
	set state = case
		when unused or (p_outcome = 'fail' and t1.attempts <= t1.retry_count) then 'pending'
		else 'failed'
	end,
		event = case
			when unused then 'release'
			when p_outcome = 'fail' and t1.attempts <= t1.retry_count then 'retry'
			else 'fail'
		end,
		reason = p_reason, attempts = t1.attempts - case when unused then 1 else 0 end
	where t1.tenant_id = p_tenant and t1.id = p_task and t1.state = 'processing'
	returning t1.state, t1.attempts into t;
	if not found or t.state = 'failed' then
		update message
		set status = 'failed'
		where tenant_id = p_tenant and task_id = p_task and t.state = 'failed';
		delete from work where id = p_task;
		return false;
	end if;
	update work w
	set ready = false, lease_until = null, deadline = null, claimed_by = null,
		last_error = p_reason, attempt = w.attempt - case when unused then 1 else 0 end,
		unsent_since = case when unused then coalesce(w.unsent_since, w.run_at) end,
		run_at = case
			when not unused then now() + greatest(
				retry_delay(t.attempts, p_first_ms),
				make_interval(secs => p_wait_s))
			else coalesce((
				select case
					when h.parked_until > now() then h.parked_until
					when p_outcome = 'unsent'
						then now() + retry_delay(h.failures, p_first_ms)
				end
				from host_state h
				where h.host = p_host
			), now())
		end
	where w.id = p_task;
	return true;
end $$;
revoke all on function message_again from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_again to taskgate_sweep;

-- The outcome of one transfer: sent (mail), accepted or asked (p_detail is Twilio's answer),
-- refuse, fail, release, unsent.
-- p_pauses: milliseconds before the first retry, seconds before Twilio is asked.
-- Result: settled false where p_fence is not the row's own: then nothing was changed. Locks: the
-- work row.
create or replace function message_settle(
	p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer,
	p_pauses integer[], out settled boolean, out retried boolean)
language plpgsql volatile as $$
declare
	w record;
	why text := p_reason;
begin
	retried := false;
	select w1.tenant_id, w1.host, w1.type
	into w
	from work w1
	where w1.id = p_id
		and w1.fence = p_fence
		and w1.deadline is not null
		and w1.lane in ('sms', 'mail')
	for update;
	settled := found;
	if not found then
		return;
	end if;
	if p_detail ->> 'code' is not null then
		why := format(
			'Twilio refused it: %s %s', p_detail ->> 'code', p_detail ->> 'message');
	end if;
	if p_outcome = 'sent' then
		perform message_becomes(w.tenant_id, p_id, 'sent', null, null, null);
	elsif p_outcome in ('accepted', 'asked') then
		update message
		set segments = coalesce(nullif((p_detail ->> 'num_segments')::integer, 0), segments)
		where tenant_id = w.tenant_id and task_id = p_id;
		perform message_becomes(
			w.tenant_id, p_id, 'sending', p_detail ->> 'sid', null, null);
		if message_becomes(
			w.tenant_id, p_id,
			coalesce(twilio_status(p_detail ->> 'status'), 'sending'),
			p_detail ->> 'sid', p_detail ->> 'error_code', null) then
			perform message_waits(w.tenant_id, p_id, p_pauses[2]);
		end if;
	elsif p_outcome = 'refuse' then
		perform message_becomes(
			w.tenant_id, p_id, 'failed', null, p_detail ->> 'code', why);
	elsif w.type = 'ask' then
		perform message_waits(w.tenant_id, p_id, greatest(p_pauses[2], p_wait_s));
	else
		retried := message_again(
			w.tenant_id, p_id, w.host, p_outcome, why, p_wait_s, p_pauses[1]);
	end if;
end $$;
revoke all on function message_settle from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_settle to taskgate_sweep;
