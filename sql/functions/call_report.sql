-- What Twilio reports of a call, and asks for when it is answered.

-- A status callback that Twilio has signed, once for each (CallSid, CallStatus, SequenceNumber),
-- and on to the client's own address. p_call comes from the address that Twilio got with the call,
-- so that a report finds it although the answer to our request was lost. p_form: what the client is
-- sent.
-- Result: known: the call is ours; fresh: this report is new. Locks: the work row.
create or replace function call_reported(
	p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text,
	p_params json, p_form text, p_ask_s integer, p_request text, p_remote text,
	out known boolean, out fresh boolean)
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	c call;
	p campaign;
	outbox uuid := uuid7();
begin
	select * into c from call k where k.sid = p_sid;
	if not found then
		select * into c from call k where k.id = p_call and k.sid is null;
	end if;
	known := found;
	insert into twilio_event (sid, status, sequence, task_id, params)
	values (p_sid, p_status, coalesce(p_sequence, -1), c.task_id, p_params)
	on conflict do nothing;
	fresh := found;
	if not known or not fresh then
		return;
	end if;
	perform set_config('tg.request', p_request, true), set_config('tg.remote', p_remote, true);
	perform from work w where w.id = c.id for update;
	perform call_becomes(c.tenant_id, c.id, p_status, p_sid, p_duration, p_code, p_ask_s);
	update call k
	set sid = p_sid
	where k.tenant_id = c.tenant_id
		and k.id = c.id
		and k.sid is null
		and k.ended_at is not null;
	if found then
		perform call_log(
			c.tenant_id, c.task_id, 'error',
			format(
				'Twilio reports %s of a call to %s that was taken for not dialled',
				p_status, c.number));
	end if;
	select * into p from campaign g where g.tenant_id = c.tenant_id and g.task_id = c.task_id;
	if p.status_url is not null then
		insert into delivery (tenant_id, id, task_id, seq, event, url, form)
		select c.tenant_id, outbox, c.task_id, t.event_seq, 'call.status', p.status_url,
			p_form
		from task t
		where t.tenant_id = c.tenant_id and t.id = c.task_id;
		insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
		values (
			outbox, c.tenant_id, c.task_id, now(), 5, true, 'webhook',
			url_host(p.status_url));
	end if;
end $$;
revoke all on function call_reported from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_reported to taskgate_api;

-- What a call says when it is answered: its metadata; null where the call is not ours.
create or replace function call_script(p_call uuid, p_sid text)
returns json
language sql stable security definer set search_path = taskgate, pg_temp as $$
	select coalesce(b.input, '{}'::json)
	from call c
	left join task_body b on b.tenant_id = c.tenant_id and b.task_id = c.task_id
	where c.sid = p_sid or c.id = p_call
	order by (c.id = p_call) is true desc
	limit 1
$$;
revoke all on function call_script from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_script to taskgate_api;

-- What was said or typed into a call. Result: false where the call is not ours.
create or replace function call_gathered(p_sid text, p_speech text, p_digits text, p_params json)
returns boolean
language plpgsql security definer set search_path = taskgate, pg_temp as $$
begin
	insert into twilio_event (sid, status, sequence, task_id, params)
	select p_sid, 'gathered', coalesce(max(e.sequence), 0) + 1,
		(select c.task_id from call c where c.sid = p_sid), p_params
	from twilio_event e
	where e.sid = p_sid and e.status = 'gathered';
	update call
	set gathered = (
		coalesce(gathered::jsonb, '[]')
			|| jsonb_build_object(
				'speech', p_speech, 'digits', p_digits,
				'at',
					to_char(
						now() at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"')))::json
	where sid = p_sid;
	return found;
end $$;
revoke all on function call_gathered from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_gathered to taskgate_api;
