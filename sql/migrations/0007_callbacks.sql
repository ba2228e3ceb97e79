-- Voicemails are told to their recipients; finished callbacks act in one commit.

-- What was sent for another task has ended. A voicemail ends with the last of its notifications, completed where one of them was sent. Its row is locked
-- before they are looked at, so that of two which end at once the second sees the first.
create function task_child_ended() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
declare p record; told json; sent record; why text;
begin
	select t.id, t.state, t.kind, t.started_at into p from task t where t.tenant_id = new.tenant_id and t.id = new.parent_id for update;
	if not found or p.kind <> 'voicemail' or p.state <> 'processing' or exists (select from task c where c.tenant_id = new.tenant_id and c.parent_id = p.id
			and c.created_at >= p.started_at and c.finished_at is null) then
		return null;
	end if;
	select json_agg(json_strip_nulls(json_build_object('type', c.kind, 'recipient', m.recipients[1], 'sent', c.state = 'completed',
			'task_id', c.public_id, 'reason', case when c.state <> 'completed' then coalesce(c.reason, c.state) end)) order by c.seq),
			min(case when c.state <> 'completed' then coalesce(c.reason, c.state) end)
		into told, why
		from task c join message m on m.tenant_id = c.tenant_id and m.task_id = c.id
		where c.tenant_id = new.tenant_id and c.parent_id = p.id and c.created_at >= p.started_at;
	select n ->> 'type' as type, n ->> 'recipient' as recipient into sent from json_array_elements(told) with ordinality e(n, i)
		where (n ->> 'sent')::boolean order by i limit 1;
	update task_body set output = json_build_object('notification_sent', sent.type is not null, 'notification_type', sent.type,
			'notification_recipient', sent.recipient, 'notifications', told)
		where tenant_id = new.tenant_id and task_id = p.id;
	update task set state = case when sent.type is not null then 'completed' else 'failed' end, event = case when sent.type is not null then 'complete' else 'fail' end,
			reason = case when sent.type is null then 'no notification was sent: ' || coalesce(why, 'unknown') end
		where tenant_id = new.tenant_id and id = p.id;
	return null;
end $$;
create trigger task_child_ended after update of state on task for each row
	when (new.parent_id is not null and new.finished_at is not null) execute function task_child_ended();

-- In how many parts an SMS goes, as src/base/sms.c counts them where Twilio has not yet: GSM 7-bit (TS 23.038) 160, or 153 each; else UTF-16 70, or 67 each.
create function sms_segments(p_text text) returns integer language sql immutable as $$
	with sized as (
		select translate(p_text, E'\n\r !"#$%&\u0027()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ', '') as rest
	), counted as (
		select translate(rest, E'\f^{}\\[~]|€', '') = '' as gsm, length(p_text) + length(rest) as septets,
			length(p_text) + length(regexp_replace(p_text, '[\u0001-\uffff]', '', 'g')) as units from sized
	)
	select case when gsm and septets <= 160 or not gsm and units <= 70 then 1 when gsm then ceil(septets / 153.0) else ceil(units / 67.0) end::integer from counted
$$;

-- One voicemail: its recipient is looked up now, and what is to be sent to him becomes tasks of their own.
create function voicemail_tell(p_tenant uuid, p_task uuid) returns void language plpgsql volatile as $$
declare v record; r record; data jsonb; script boolean;
begin
	update task t set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = t.attempts + 1
		where t.tenant_id = p_tenant and t.id = p_task and t.state = 'pending'
		returning t.priority, (select b.input from task_body b where b.tenant_id = p_tenant and b.task_id = p_task) as input into v;
	if not found then
		return;
	end if;
	select i.email, i.phone, i.transcript into r from recipient i where i.tenant_id = p_tenant and i.id = v.input ->> 'recipient_id';
	if not found then
		perform refuse('TG404', 'recipient_unknown', format('the recipient %s is not in the directory', v.input ->> 'recipient_id'));
	end if;
	data := jsonb_build_object('duration', coalesce((v.input ->> 'duration') || ' s', 'unknown'), 'timestamp', coalesce(v.input ->> 'timestamp', 'unknown'),
		'audio_url', coalesce(v.input ->> 'audio_url', 'none'), 'transcription', coalesce(v.input ->> 'transcription', ''), 'caller_id', v.input ->> 'caller_id',
		'voicemail_id', v.input ->> 'voicemail_id', 'recipient_id', v.input ->> 'recipient_id', 'metadata', coalesce(v.input -> 'metadata', '{}'));
	if r.email is not null then
		script := r.transcript and v.input ->> 'transcription' is not null;
		perform email_make(p_task, array[r.email::text], null, null, null, null, null, null, 'voicemail', data, null, null, v.priority, null, null,
			case when script then array['transcription.txt'] end, case when script then array['text/plain; charset=utf-8'] end,
			case when script then array[encode(convert_to(v.input ->> 'transcription', 'UTF8'), 'base64')] end);
	end if;
	if r.phone is not null then
		perform sms_make(p_task, null, r.phone, null, text, length(text), sms_segments(text), v.priority, null, null)
		from format('New voicemail from %s (%s)', v.input ->> 'caller_id', data ->> 'duration') text;
	end if;
end $$;

-- The due voicemails, at most p_most. One that cannot be told fails by itself and holds up no other.
create function voicemail_notify(p_most integer, out notified integer) language plpgsql volatile as $$
declare w record; why text;
begin
	notified := 0;
	for w in select k.id, k.tenant_id from work k
			where k.lane = 'notify' and k.lane <> 'pull' and k.ready and k.lease_until is null and not exists (select from lane where name = 'notify' and paused_at is not null)
			order by k.tenant_id, k.host, k.priority desc, k.run_at, k.id limit p_most for update skip locked loop
		perform set_config('tg.tenant', w.tenant_id::text, true);
		begin
			perform voicemail_tell(w.tenant_id, w.id);
		exception when others then
			get stacked diagnostics why = message_text;
			update task set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = attempts + 1
				where tenant_id = w.tenant_id and id = w.id and state = 'pending';
			update task set state = 'failed', event = 'fail', reason = why where tenant_id = w.tenant_id and id = w.id and state = 'processing';
		end;
		delete from work where id = w.id;
		notified := notified + 1;
	end loop;
	perform set_config('tg.tenant', '', true);
end $$;

-- Cancels a task that has not ended, and with it what is still to be sent for it; gives the task as it then is, no row where it had ended. Its own work is held
-- before they are looked for: they may be being made at this very moment. Lock order: work (by id: a voicemail is older than what is sent for it), then task.
create function task_cancel_family(p_task uuid) returns table (state text, updated_at timestamptz, finished_at timestamptz) language plpgsql volatile as $$
declare family uuid[];
begin
	perform from work w where w.tenant_id = tg_tenant() and w.id = p_task for update;
	family := p_task || array(select c.id from task c where c.tenant_id = tg_tenant() and c.parent_id = p_task and c.finished_at is null);
	perform from work w where w.tenant_id = tg_tenant() and w.id = any (family) order by w.id for update;
	if not exists (select from task t where t.tenant_id = tg_tenant() and t.id = p_task and t.state in ('pending', 'queued', 'processing')) then
		return;
	end if;
	return query
	with moved as (
		update task t set state = 'cancelled', event = 'cancel', reason = null
		where t.tenant_id = tg_tenant() and t.id = any (family) and t.state in ('pending', 'queued', 'processing')
		returning t.id, t.state::text as state, t.updated_at, t.finished_at
	), gone as (
		delete from work w using moved m where w.tenant_id = tg_tenant() and w.id = m.id
	)
	select m.state, m.updated_at, m.finished_at from moved m where m.id = p_task;
end $$;

-- A value that is an address or a number, else null.
create function email_or_null(p_value text) returns text language plpgsql immutable as $$
begin
	return p_value::email_address;
exception when check_violation then
	return null;
end $$;
create function phone_or_null(p_value text) returns text language plpgsql immutable as $$
begin
	return p_value::phone_number;
exception when check_violation then
	return null;
end $$;

-- May this callback be finished by this agent? Unknown ones are remembered, unless their directory is closed. Gives the callback, locked: of two that
-- finish it at once the second waits here and then finds it finished.
create function callback_admit(p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean) returns callback language plpgsql volatile as $$
declare c callback; able boolean;
begin
	if not p_callbacks_closed then
		insert into callback (tenant_id, id) values (tg_tenant(), p_callback) on conflict do nothing;
	end if;
	select * into c from callback k where k.tenant_id = tg_tenant() and k.id = p_callback for update;
	if not found then
		perform refuse('TG404', 'callback_unknown', format('there is no callback %s', p_callback));
	elsif c.finished_at is not null then
		perform refuse('TG409', 'callback_finished', format('callback %s has already been finished', p_callback));
	end if;
	select a.enabled into able from agent a where a.tenant_id = tg_tenant() and a.id = p_agent;
	if able is null and not p_agents_closed then
		insert into agent (tenant_id, id) values (tg_tenant(), p_agent) on conflict do nothing;
	elsif able is not true then
		perform refuse('TG422', 'agent_invalid', format('agent %s is not %s', p_agent, case when able is null then 'known' else 'enabled' end));
	end if;
	return c;
end $$;

-- The customer as the callback leaves him: what is told of him is how he is called and reached from now on. The address that is known stays the one that is written
-- to (spec/README.md, decision 8). A callback without a contact gets one of its own name.
create function callback_crm_update(c callback, p_customer jsonb) returns contact language plpgsql volatile as $$
declare k contact;
begin
	if p_customer is not null then
		insert into contact (tenant_id, id) values (tg_tenant(), coalesce(c.contact_id, c.id)) on conflict do nothing;
		update contact t set data = t.data || p_customer, updated_at = now(), name = coalesce(case when jsonb_typeof(p_customer -> 'name') = 'string' then nullif(p_customer ->> 'name', '') end, t.name),
				phone = coalesce(phone_or_null(p_customer ->> 'phone'), t.phone),
				email = coalesce(t.email, email_or_null(p_customer ->> 'email_confirmed'), email_or_null(p_customer ->> 'email'))
			where t.tenant_id = tg_tenant() and t.id = coalesce(c.contact_id, c.id) returning * into k;
	else
		select * into k from contact t where t.tenant_id = tg_tenant() and t.id = c.contact_id;
	end if;
	return k;
end $$;

create function action_failed(p_type text, p_reason text) returns json language sql immutable as $$
	select json_build_object('type', p_type, 'status', 'failed', 'reason', p_reason)
$$;

-- next_action followup_...: an email, due at p_at. An unknown template is refused; what else is missing is told in the answer, and the finish counts.
create function callback_follow_up(p_at timestamptz, p_template text, k contact, p_about jsonb) returns json language plpgsql volatile as $$
declare why text;
begin
	if not exists (select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template) then
		perform refuse('TG400', 'template_unknown', format('there is no email template %s', p_template));
	elsif k.email is null then
		return action_failed('followup_scheduled', 'no email address of the contact is known');
	end if;
	perform email_make(null, array[k.email::text], null, null, null, null, null, null, p_template, jsonb_strip_nulls(k.data || p_about
		|| jsonb_build_object('name', k.name, 'email', k.email, 'phone', k.phone)), null, null, 5, p_at, null, null, null, null);
	return json_build_object('type', 'followup_scheduled', 'status', 'completed', 'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
exception when sqlstate 'TG400' then
	get stacked diagnostics why = message_text;
	if not exists (select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template) then
		raise;
	end if;
	return action_failed('followup_scheduled', why);
end $$;

-- The id of a callback that goes on from another: its number and one more, or the first one behind that which is free.
create function callback_next_id(p_id text) returns text language plpgsql volatile as $$
declare digits text := substring(p_id from '([0-9]{1,15})$'); stem text; n bigint; made text;
begin
	stem := case when digits is null then left(p_id, 120) || '-' else left(p_id, length(p_id) - length(digits)) end;
	n := coalesce(digits::bigint, 1);
	for i in 1..1000 loop
		made := stem || lpad((n + i)::text, greatest(length(digits), length((n + i)::text)), '0');
		exit when length(made) <= 128 and not exists (select from callback where tenant_id = tg_tenant() and id = made);
		made := null;
	end loop;
	return coalesce(made, 'cb-' || random_suffix());
end $$;

-- Who makes a call to a number and who forbids them stand in line for it until their transactions end, so that neither overlooks the other. The numbers share 64
-- lines, since a list of 100,000 of them would take more locks than the server has.
create function number_line(p_tenant uuid, p_number text) returns bigint language sql immutable parallel safe as $$
	select hashtextextended('number ' || p_tenant::text || hashtext(p_number) % 64, 0)
$$;
create function number_hold(p_number text) returns void language sql volatile as $$
	select pg_advisory_xact_lock(public.number_line(public.tg_tenant(), p_number))
$$;

-- A finished callback and all that it sets going, in one commit (spec README decision 8). p_next: next_action as sent, or null; p_next_type and what follows are its
-- members.
create function callback_finish(p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text, p_next_at timestamptz, p_next_template text,
	p_next_attempt integer, p_customer jsonb, p_callbacks_closed boolean, p_agents_closed boolean, out made task, out actions_triggered json)
language plpgsql volatile as $$
declare c callback; k contact; actions json[] := '{}'; called text;
begin
	if not exists (select from disposition_code d where d.tenant_id = tg_tenant() and d.code = p_code) then
		perform refuse('TG400', 'disposition_unknown', format('the disposition code %s is not known', p_code));
	end if;
	c := callback_admit(p_callback, p_agent, p_callbacks_closed, p_agents_closed);
	called := (select t.phone from contact t where t.tenant_id = tg_tenant() and t.id = c.contact_id);
	k := callback_crm_update(c, p_customer);
	if p_customer is not null then
		actions := actions || json_build_object('type', 'crm_update', 'status', 'completed');
	end if;
	if p_next_type = 'retry_callback' then
		actions := actions || callback_retry(p_next_at, p_next_attempt, c, k);
	elsif p_next_type is not null then
		actions := actions || callback_follow_up(p_next_at, p_next_template, k, jsonb_build_object('callback_id', c.id, 'agent_id', p_agent,
			'disposition_code', p_code, 'outcome', p_body ->> 'outcome', 'notes', p_body ->> 'notes'));
	end if;
	if p_code = 'DO_NOT_CALL' and k.phone is null then
		actions := actions || action_failed('do_not_call_added', 'no phone number of the contact is known');
	elsif p_code = 'DO_NOT_CALL' then
		-- The number that was called, too, where he is reached at another from now on: in their order, so that two that list the same ones do not stand in each other's way.
		perform do_not_call_add(n.number, 'callback ' || c.id) from (select distinct u.number from unnest(array[called, k.phone::text]) u(number) where u.number is not null order by 1) n;
		actions := actions || json_build_object('type', 'do_not_call_added', 'status', 'completed');
	end if;
	actions_triggered := array_to_json(actions);
	insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, entity, target_id)
		values (tg_tenant(), tg_principal(), 'disposition', 'callback_finish', 'callback_finish', 'pending', 'create', 'task-cbf-' || random_suffix(), p_entity, c.id)
		returning * into made;
	insert into task_body (tenant_id, task_id, input, output, detail) values (tg_tenant(), made.id, p_body,
		json_build_object('callback_id', c.id, 'disposition_code', p_code, 'actions_triggered', actions_triggered),
		json_build_object('agent_id', p_agent, 'outcome', p_body -> 'outcome', 'call_duration', p_body -> 'call_duration', 'notes', p_body -> 'notes',
			'recording_url', p_body -> 'recording_url', 'wrap_up_time', p_body -> 'wrap_up_time', 'actions_triggered', actions_triggered));
	update task set state = 'completed', event = 'complete', progress = 100 where tenant_id = tg_tenant() and id = made.id returning * into made;
	update callback set finished_at = now(), finished_by = made.id, contact_id = coalesce(contact_id, k.id) where tenant_id = tg_tenant() and id = c.id;
end $$;

-- May a voicemail be filed under this entity? An unknown one is remembered, unless the directory is closed.
create function entity_admit(p_name text, p_closed boolean) returns void language plpgsql volatile as $$
begin
	if not p_closed then
		insert into entity (tenant_id, name) values (tg_tenant(), p_name) on conflict do nothing;
	elsif not exists (select from entity e where e.tenant_id = tg_tenant() and e.name = p_name) then
		perform refuse('TG404', 'entity_unknown', format('there is no entity %s', p_name));
	end if;
end $$;
