-- Voicemails: who hears of them, and how they end.

-- May a voicemail be filed under this entity? An unknown one is remembered, unless p_closed.
-- Raises: TG404 entity_unknown.
create or replace function entity_admit(p_name text, p_closed boolean)
returns void
language plpgsql volatile as $$
begin
	if not p_closed then
		insert into entity (tenant_id, name)
		values (tg_tenant(), p_name)
		on conflict do nothing;
	elsif not exists (
		select from entity e where e.tenant_id = tg_tenant() and e.name = p_name
	) then
		perform refuse('TG404', 'entity_unknown', format('there is no entity %s', p_name));
	end if;
end $$;
revoke all on function entity_admit from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function entity_admit to taskgate_api;

-- One voicemail: its recipient is looked up now, and what is to be sent becomes tasks of its own.
-- Raises: TG404 recipient_unknown; what email_make raises.
create or replace function voicemail_tell(p_tenant uuid, p_task uuid)
returns void
language plpgsql volatile as $$
declare
	v record;
	r record;
	data jsonb;
	script boolean;
begin
	update task t
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = t.attempts + 1
	where t.tenant_id = p_tenant and t.id = p_task and t.state = 'pending'
	returning t.priority,
		(
			select b.input
			from task_body b
			where b.tenant_id = p_tenant and b.task_id = p_task
		) as input into v;
	if not found then
		return;
	end if;
	select i.email, i.phone, i.transcript
	into r
	from recipient i
	where i.tenant_id = p_tenant and i.id = v.input ->> 'recipient_id';
	if not found then
		perform refuse(
			'TG404', 'recipient_unknown',
			format(
				'the recipient %s is not in the directory',
				v.input ->> 'recipient_id'));
	end if;
	data := jsonb_build_object(
		'duration', coalesce((v.input ->> 'duration') || ' s', 'unknown'),
		'timestamp', coalesce(v.input ->> 'timestamp', 'unknown'),
		'audio_url', coalesce(v.input ->> 'audio_url', 'none'),
		'transcription', coalesce(v.input ->> 'transcription', ''),
		'caller_id', v.input ->> 'caller_id', 'voicemail_id', v.input ->> 'voicemail_id',
		'recipient_id', v.input ->> 'recipient_id',
		'metadata', coalesce(v.input -> 'metadata', '{}'));
	if r.email is not null then
		script := r.transcript and v.input ->> 'transcription' is not null;
		perform email_make(
			p_task, array[r.email::text], null, null, null, null, null, null,
			'voicemail', data, null, null, v.priority, null, null,
			case when script then array['transcription.txt'] end,
			case when script then array['text/plain; charset=utf-8'] end,
			case
				when script then array[
					encode(
						convert_to(v.input ->> 'transcription', 'UTF8'),
						'base64')]
			end);
	end if;
	if r.phone is not null then
		perform sms_make(
			p_task, null, r.phone, null, text, length(text), sms_segments(text),
			v.priority, null, null)
		from format(
			'New voicemail from %s (%s)', v.input ->> 'caller_id', data ->> 'duration')
			text;
	end if;
end $$;
revoke all on function voicemail_tell from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function voicemail_tell to taskgate_sweep;

-- The due voicemails, at most p_most. One that cannot be told fails by itself and holds up no
-- other. Result: how many were taken. Locks: work by skip locked.
create or replace function voicemail_notify(p_most integer, out notified integer)
language plpgsql volatile as $$
declare
	w record;
	why text;
begin
	notified := 0;
	for w in
		select k.id, k.tenant_id
		from work k
		where k.lane = 'notify'
			and k.lane <> 'pull'
			and k.ready
			and k.lease_until is null
			and not exists (
				select from lane where name = 'notify' and paused_at is not null
			)
		order by k.tenant_id, k.host, k.priority desc, k.run_at, k.id
		limit p_most
		for update skip locked
	loop
		perform set_config('tg.tenant', w.tenant_id::text, true);
		begin
			perform voicemail_tell(w.tenant_id, w.id);
		exception when others then
			get stacked diagnostics why = message_text;
			update task
			set state = 'processing', event = 'claim', reason = null,
				started_at = now(), attempts = attempts + 1
			where tenant_id = w.tenant_id and id = w.id and state = 'pending';
			update task
			set state = 'failed', event = 'fail', reason = why
			where tenant_id = w.tenant_id and id = w.id and state = 'processing';
		end;
		delete from work where id = w.id;
		notified := notified + 1;
	end loop;
	perform set_config('tg.tenant', '', true);
end $$;
revoke all on function voicemail_notify from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function voicemail_notify to taskgate_sweep;

-- Trigger: what was sent for another task has ended. A voicemail ends with the last of its
-- notifications, completed where one of them was sent. Its row is locked before they are looked at,
-- so that of two which end at once the second sees the first.
create or replace function task_child_ended()
returns trigger
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	p record;
	told json;
	sent record;
	why text;
begin
	select t.id, t.state, t.kind, t.started_at
	into p
	from task t
	where t.tenant_id = new.tenant_id and t.id = new.parent_id
	for update;
	if not found
			or p.kind <> 'voicemail'
			or p.state <> 'processing'
			or exists (
				select from task c
				where c.tenant_id = new.tenant_id
					and c.parent_id = p.id
					and c.created_at >= p.started_at
					and c.finished_at is null
			) then
		return null;
	end if;
	select json_agg(
		json_strip_nulls(
			json_build_object(
				'type', c.kind, 'recipient', m.recipients[1],
				'sent', c.state = 'completed', 'task_id', c.public_id,
				'reason',
					case
						when c.state <> 'completed' then coalesce(
							c.reason, c.state)
					end))
		order by c.seq),
		min(case when c.state <> 'completed' then coalesce(c.reason, c.state) end)
	into told, why
	from task c
	join message m on m.tenant_id = c.tenant_id and m.task_id = c.id
	where c.tenant_id = new.tenant_id and c.parent_id = p.id and c.created_at >= p.started_at;
	select n ->> 'type' as type, n ->> 'recipient' as recipient
	into sent
	from json_array_elements(told) with ordinality e(n, i)
	where (n ->> 'sent')::boolean
	order by i
	limit 1;
	update task_body
	set output = json_build_object(
		'notification_sent', sent.type is not null, 'notification_type', sent.type,
		'notification_recipient', sent.recipient, 'notifications', told)
	where tenant_id = new.tenant_id and task_id = p.id;
	update task
	set state = case when sent.type is not null then 'completed' else 'failed' end,
		event = case when sent.type is not null then 'complete' else 'fail' end,
		reason = case
			when sent.type is null then 'no notification was sent: '
				|| coalesce(why, 'unknown')
		end
	where tenant_id = new.tenant_id and id = p.id;
	return null;
end $$;
revoke all on function task_child_ended from public, taskgate_api, taskgate_sweep, taskgate_ctl;
create or replace trigger task_child_ended after update of state on task
	for each row when (new.parent_id is not null and new.finished_at is not null)
	execute function task_child_ended();
