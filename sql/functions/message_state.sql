-- The status of a message, and what it means for its task.

-- Twilio's word for a message's status as ours; null for one that we do not know.
create or replace function twilio_status(p_word text)
returns text
language sql immutable parallel safe as $$
	select case
		when p_word in ('queued', 'accepted', 'scheduled') then 'queued'
		when p_word in ('sending', 'sent', 'undelivered', 'failed') then p_word
		when p_word in ('delivered', 'read', 'received') then 'delivered'
		when p_word in ('canceled', 'cancelled') then 'failed'
	end
$$;
revoke all on function twilio_status from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function twilio_status to taskgate_sweep;

-- How far along a status is; nothing follows 4. Reports come out of order and twice.
create or replace function status_rank(p_status text)
returns integer
language sql immutable parallel safe as $$
	select case
		when p_status in ('queued', 'rendering') then 1
		when p_status = 'sending' then 2
		when p_status = 'sent' then 3
		else 4
	end
$$;
revoke all on function status_rank from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function status_rank to taskgate_sweep;

-- The messaging pages' word for a task's state: one that waits is queued.
create or replace function message_state(p_state text)
returns text
language sql immutable parallel safe as $$
	select case when p_state = 'pending' then 'queued' else p_state end
$$;
revoke all on function message_state from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_state to taskgate_api;

-- Trigger: every status of a message, whoever makes the change, leaves its line in the log.
create or replace function message_note() returns trigger language plpgsql security definer as $$
begin
	insert into taskgate.message_event (tenant_id, task_id, seq, event, message)
	select new.tenant_id, new.task_id, coalesce(max(e.seq), 0) + 1, new.status,
		case new.status
			when 'queued' then 'Message queued'
			when 'rendering' then 'Message is being rendered'
			when 'sending' then 'Handed to Twilio'
			when 'sent' then case new.channel
				when 'sms' then 'Sent to the carrier'
				else 'Taken by the mail server'
			end
			when 'delivered' then 'Delivered'
			else 'Not delivered'
		end
			|| coalesce(' (' || new.error_code || ')', '')
	from taskgate.message_event e
	where e.tenant_id = new.tenant_id and e.task_id = new.task_id;
	return null;
end $$;
revoke all on function message_note from public, taskgate_api, taskgate_sweep, taskgate_ctl;
create or replace trigger message_made after insert on message
	for each row execute function message_note();
create or replace trigger message_note after update of status on message
	for each row when (old.status <> new.status) execute function message_note();

-- Ends a message's task: completed with p_output, or failed for p_reason. What was given back
-- meanwhile (its answer was lost) started after all. The caller holds the work row.
create or replace function message_end(
	p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json)
returns void
language plpgsql volatile as $$
begin
	update task
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = attempts + 1
	where tenant_id = p_tenant and id = p_task and state = 'pending';
	update task
	set state = case when p_ok then 'completed' else 'failed' end,
		event = case when p_ok then 'complete' else 'fail' end, reason = p_reason,
		progress = case when p_ok then 100 else progress end
	where tenant_id = p_tenant and id = p_task and state = 'processing';
	if found and p_output is not null then
		update task_body
		set output = p_output
		where tenant_id = p_tenant and task_id = p_task;
	end if;
	delete from work where id = p_task;
end $$;
revoke all on function message_end from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_end to taskgate_sweep;

-- A message has come further: its status, the provider's id, and what that means for its task. A
-- status that is not further on than before changes nothing but the id and the code. The caller
-- holds the work row.
-- Result: true where the task waits for more. Locks: the message.
create or replace function message_becomes(
	p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text)
returns boolean
language plpgsql volatile as $$
declare
	m record;
	moves boolean;
	stamp text := to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
begin
	select status, channel, recipients, cc, bcc
	into m
	from message
	where tenant_id = p_tenant and task_id = p_task
	for update;
	moves := status_rank(p_status) > status_rank(m.status);
	update message
	set provider_id = coalesce(provider_id, p_sid), error_code = coalesce(p_error, error_code),
		status = case when moves then p_status else status end,
		sent_at = case
			when moves and p_status in ('sent', 'delivered', 'undelivered')
				then coalesce(sent_at, now())
			else sent_at
		end,
		delivered_at = case
			when moves and p_status = 'delivered' then now()
			else delivered_at
		end
	where tenant_id = p_tenant and task_id = p_task;
	if not moves then
		return status_rank(m.status) < 4;
	elsif p_status = 'delivered' then
		perform message_end(
			p_tenant, p_task, true, null,
			json_build_object('delivered', true, 'delivery_time', stamp));
	elsif p_status = 'sent' and m.channel = 'email' then
		perform message_end(
			p_tenant, p_task, true, null,
			json_build_object(
				'sent', true, 'sent_at', stamp,
				'recipients', cardinality(m.recipients)
					+ coalesce(cardinality(m.cc), 0)
					+ coalesce(cardinality(m.bcc), 0)));
	elsif status_rank(p_status) = 4 then
		perform message_end(
			p_tenant, p_task, false,
			coalesce(
				p_reason,
				format(
					'Twilio reported %s%s', p_status,
					coalesce(' (' || p_error || ')', ''))),
			null);
	else
		return true;
	end if;
	return false;
end $$;
revoke all on function message_becomes from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_becomes to taskgate_sweep;
