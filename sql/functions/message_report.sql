-- What Twilio reports of a message, and what its reader is told.

-- A status callback that Twilio has signed. p_task comes from the address that Twilio got with the
-- message, so that a report which overtakes the answer to our request finds its message. An answer
-- that was lost is made up for: what is reported was accepted, and is not sent again.
-- Result: known: it is a message of ours; moved: its task was still open. Locks: the work row.
create or replace function message_reported(
	p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text,
	p_remote text, out known boolean, out moved boolean)
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	m record;
	status text := twilio_status(p_status);
begin
	select t.tenant_id, t.task_id, t.provider_id
	into m
	from message t
	where t.provider_id = p_sid and t.channel = 'sms';
	if not found then
		select t.tenant_id, t.task_id, t.provider_id
		into m
		from message t
		where t.task_id = p_task and t.channel = 'sms';
	end if;
	known := found;
	moved := false;
	insert into twilio_event (sid, status, task_id, params)
	values (p_sid, p_status, m.task_id, p_params)
	on conflict do nothing;
	if not found or not known or status is null then
		return;
	end if;
	-- Of a message that was sent twice the first one's failure says nothing.
	if m.provider_id <> p_sid and status <> 'delivered' then
		return;
	end if;
	perform set_config('tg.request', p_request, true), set_config('tg.remote', p_remote, true);
	perform from work w where w.id = m.task_id for update;
	if exists (
		select from task t
		where t.tenant_id = m.tenant_id
			and t.id = m.task_id
			and t.state in ('pending', 'processing')
	) then
		moved := true;
		if message_becomes(m.tenant_id, m.task_id, status, p_sid, p_error, null) then
			update work set type = 'ask' where id = m.task_id;
		end if;
	end if;
end $$;
revoke all on function message_reported from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_reported to taskgate_api;

-- The log of an SMS as JSON, the oldest first.
create or replace function message_log(p_id uuid) returns json language sql stable as $$
	select coalesce(
		json_agg(
			json_build_object(
				'timestamp',
					to_char(
						e.at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'status', e.event, 'message', e.message)
			order by e.seq),
		'[]')
	from message_event e
	where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;
revoke all on function message_log from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_log to taskgate_api;

-- The events of an email as JSON, the oldest first.
create or replace function message_events(p_id uuid) returns json language sql stable as $$
	select coalesce(
		json_agg(
			json_build_object(
				'timestamp',
					to_char(
						e.at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'event', e.event, 'recipient', e.recipient, 'message', e.message)
			order by e.seq),
		'[]')
	from message_event e
	where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;
revoke all on function message_events from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function message_events to taskgate_api;
