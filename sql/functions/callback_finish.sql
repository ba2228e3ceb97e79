-- A finished callback and everything that it sets going.

-- An action of a finished callback that could not be done, as its answer tells it.
create or replace function action_failed(p_type text, p_reason text)
returns json
language sql immutable as $$
	select json_build_object('type', p_type, 'status', 'failed', 'reason', p_reason)
$$;
revoke all on function action_failed from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function action_failed to taskgate_api;

-- next_action followup_...: an email, due at p_at. An unknown template is refused; what else is
-- missing is told in the answer, and the finish counts.
-- Raises: TG400 template_unknown.
create or replace function callback_follow_up(
	p_at timestamptz, p_template text, k contact, p_about jsonb)
returns json
language plpgsql volatile as $$
declare
	why text;
begin
	if not exists (
		select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template
	) then
		perform refuse(
			'TG400', 'template_unknown',
			format('there is no email template %s', p_template));
	elsif k.email is null then
		return action_failed(
			'followup_scheduled', 'no email address of the contact is known');
	end if;
	perform email_make(
		null, array[k.email::text], null, null, null, null, null, null, p_template,
		jsonb_strip_nulls(
			k.data || p_about
				|| jsonb_build_object(
					'name', k.name, 'email', k.email, 'phone', k.phone)),
		null, null, 5, p_at, null, null, null, null);
	return json_build_object(
		'type', 'followup_scheduled', 'status', 'completed',
		'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
exception when sqlstate 'TG400' then
	get stacked diagnostics why = message_text;
	if not exists (
		select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template
	) then
		raise;
	end if;
	return action_failed('followup_scheduled', why);
end $$;
revoke all on function callback_follow_up from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_follow_up to taskgate_api;

-- The id of a callback that goes on from another: its number and one more, or the first free one
-- behind that.
create or replace function callback_next_id(p_id text) returns text language plpgsql volatile as $$
declare
	digits text := substring(p_id from '([0-9]{1,15})$');
	stem text;
	n bigint;
	made text;
begin
	stem := case
		when digits is null then left(p_id, 120) || '-'
		else left(p_id, length(p_id) - length(digits))
	end;
	n := coalesce(digits::bigint, 1);
	for i in 1..1000 loop
		made := stem || lpad(
			(n + i)::text, greatest(length(digits), length((n + i)::text)), '0');
		exit when length(made) <= 128
			and not exists (
				select from callback where tenant_id = tg_tenant() and id = made
			);
		made := null;
	end loop;
	return coalesce(made, 'cb-' || random_suffix());
end $$;
revoke all on function callback_next_id from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_next_id to taskgate_api;

-- next_action retry_callback: the new callback and its call, which is a call like any other. Locks:
-- number_hold.
create or replace function callback_retry(
	p_at timestamptz, p_attempt integer, c callback, k contact)
returns json
language plpgsql volatile as $$
declare
	made task;
	next text;
begin
	if k.phone is null then
		return action_failed(
			'callback_rescheduled', 'no phone number of the contact is known');
	end if;
	perform number_hold(k.phone);
	if exists (
		select from do_not_call d where d.tenant_id = tg_tenant() and d.number = k.phone
	) then
		return action_failed(
			'callback_rescheduled', 'the number is on the do-not-call list');
	end if;
	loop
		next := callback_next_id(c.id);
		insert into callback (
			tenant_id, id, contact_id, agent_id, previous_id, attempt_number,
			scheduled_at)
		values (
			tg_tenant(), next, k.id, c.agent_id, c.id,
			coalesce(p_attempt, c.attempt_number + 1), p_at)
		on conflict do nothing;
		exit when found;
	end loop;
	made := call_make(
		'call', array[k.phone::text], null, null, null,
		json_build_object('call_type', 'callback', 'callback_id', next), null, null, p_at,
		null);
	update call set callback_id = next where tenant_id = tg_tenant() and task_id = made.id;
	update task_body
	set detail = json_build_object('to_number', k.phone, 'callback_id', next)
	where tenant_id = tg_tenant() and task_id = made.id;
	return json_build_object(
		'type', 'callback_rescheduled', 'status', 'completed',
		'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		'new_callback_id', next);
end $$;
revoke all on function callback_retry from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_retry to taskgate_api;

-- A finished callback and all that it sets going, in one commit (spec/README.md, decision 8).
-- p_next_type and what follows are the members of next_action, null where there is none.
-- Raises: TG400 disposition_unknown; what callback_admit and callback_follow_up raise. Locks: the
-- callback, then number_hold.
create or replace function callback_finish(
	p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text,
	p_next_at timestamptz, p_next_template text, p_next_attempt integer, p_customer jsonb,
	p_callbacks_closed boolean, p_agents_closed boolean, out made task,
	out actions_triggered json)
language plpgsql volatile as $$
declare
	c callback;
	k contact;
	actions json[] := '{}';
	called text;
begin
	if not exists (
		select from disposition_code d where d.tenant_id = tg_tenant() and d.code = p_code
	) then
		perform refuse(
			'TG400', 'disposition_unknown',
			format('the disposition code %s is not known', p_code));
	end if;
	c := callback_admit(p_callback, p_agent, p_callbacks_closed, p_agents_closed);
	called := (
		select t.phone
		from contact t
		where t.tenant_id = tg_tenant() and t.id = c.contact_id
	);
	k := callback_crm_update(c, p_customer);
	if p_customer is not null then
		actions := actions
			|| json_build_object('type', 'crm_update', 'status', 'completed');
	end if;
	if p_next_type = 'retry_callback' then
		actions := actions || callback_retry(p_next_at, p_next_attempt, c, k);
	elsif p_next_type is not null then
		actions := actions
			|| callback_follow_up(
				p_next_at, p_next_template, k,
				jsonb_build_object(
					'callback_id', c.id, 'agent_id', p_agent,
					'disposition_code', p_code, 'outcome', p_body ->> 'outcome',
					'notes', p_body ->> 'notes'));
	end if;
	if p_code = 'DO_NOT_CALL' and k.phone is null then
		actions := actions
			|| action_failed(
				'do_not_call_added', 'no phone number of the contact is known');
	elsif p_code = 'DO_NOT_CALL' then
		-- The number that was called, too, where he is reached at another from now on: in
		-- their order, so that two that list the same ones do not stand in each other's
		-- way.
		perform do_not_call_add(n.number, 'callback ' || c.id)
		from (
			select distinct u.number
			from unnest(array[called, k.phone::text]) u(number)
			where u.number is not null
			order by 1
		) n;
		actions := actions
			|| json_build_object('type', 'do_not_call_added', 'status', 'completed');
	end if;
	actions_triggered := array_to_json(actions);
	insert into task (
		tenant_id, created_by, api, kind, machine, state, event, public_id, entity,
		target_id)
	values (
		tg_tenant(), tg_principal(), 'disposition', 'callback_finish', 'callback_finish',
		'pending', 'create', 'task-cbf-' || random_suffix(), p_entity, c.id)
	returning * into made;
	insert into task_body (tenant_id, task_id, input, output, detail)
	values (
		tg_tenant(), made.id, p_body,
		json_build_object(
			'callback_id', c.id, 'disposition_code', p_code,
			'actions_triggered', actions_triggered),
		json_build_object(
			'agent_id', p_agent, 'outcome', p_body -> 'outcome',
			'call_duration', p_body -> 'call_duration', 'notes', p_body -> 'notes',
			'recording_url', p_body -> 'recording_url',
			'wrap_up_time', p_body -> 'wrap_up_time',
			'actions_triggered', actions_triggered));
	update task
	set state = 'completed', event = 'complete', progress = 100
	where tenant_id = tg_tenant() and id = made.id
	returning * into made;
	update callback
	set finished_at = now(), finished_by = made.id, contact_id = coalesce(contact_id, k.id)
	where tenant_id = tg_tenant() and id = c.id;
end $$;
revoke all on function callback_finish from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function callback_finish to taskgate_api;
