-- The demonstration directory, first tenant: people, customer, task type, the contact centre's directories, an SMS that was sent. It runs inside the
-- transaction of `taskgatectl demo load`, which has entered the tenant and sets the handlers' addresses behind it, as taskgate_ctl: what that role may do is
-- enough. Safe to run again: it puts its own rows back, makes room for the documents' examples, and touches nothing else.

insert into principal (tenant_id, id, handle, name, email, phone, avatar_url, role) values
	(tg_tenant(), '00000000-0000-4000-8000-000000000123', 'user123', 'Alex Morgan', 'alex@example.com', null, null, 'manager'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000456', 'user456', 'Jane Smith', 'jane@example.com', null, 'https://example.com/avatar.jpg', 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000789', 'user789', 'Sam Lee', 'sam@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000001', 'uuid1', 'John Doe', 'john@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000002', 'uuid2', 'Mary Roe', 'mary@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-00000000a000', 'anonymous', 'Anonymous', null, null, null, 'service')
on conflict (tenant_id, handle) do update set name = excluded.name, email = excluded.email, phone = excluded.phone, avatar_url = excluded.avatar_url,
	role = excluded.role;

insert into customer (tenant_id, id, name) values (tg_tenant(), 'c0ffee00-0000-4000-8000-000000000001', 'Example Customer Ltd')
on conflict (tenant_id, id) do update set name = excluded.name;

insert into persona (tenant_id, customer_id, principal_id)
select tg_tenant(), 'c0ffee00-0000-4000-8000-000000000001', p.id from principal p
where p.tenant_id = tg_tenant() and p.handle in ('user123', 'uuid1', 'uuid2')
on conflict do nothing;

-- The handler's address is a placeholder until it is set.
insert into task_type (tenant_id, name, handler_url) values (tg_tenant(), 'lead_followup', 'http://handler.invalid/lead_followup')
on conflict (tenant_id, name) do update set handler_url = excluded.handler_url, required = '{}';

insert into recipient (tenant_id, id, email, phone, transcript) values (tg_tenant(), 'user-789', 'user@example.com', null, true)
on conflict (tenant_id, id) do update set email = excluded.email, phone = excluded.phone, transcript = excluded.transcript;

insert into agent (tenant_id, id, name, enabled) values (tg_tenant(), 'agent-456', null, true)
on conflict (tenant_id, id) do update set name = excluded.name, enabled = excluded.enabled;

insert into disposition_code (tenant_id, code, description) values
	(tg_tenant(), 'SALE_COMPLETE', 'Sale successfully completed'), (tg_tenant(), 'NO_ANSWER', 'Customer did not answer')
on conflict (tenant_id, code) do update set description = excluded.description;

insert into email_template (tenant_id, name, subject, text, html) values (tg_tenant(), 'contract_reminder', 'Your {{plan_selected}} plan: the contract awaits you',
	E'Hello,\n\nthank you for choosing the {{plan_selected}} plan. The contract is in your mailbox; it needs your signature.\n\nYour reference is {{callback_id}}.\n', null)
on conflict (tenant_id, name) do update set subject = excluded.subject, text = excluded.text, html = excluded.html, updated_at = now();

insert into contact (tenant_id, id, name, phone, email, data) values (tg_tenant(), 'cb-98765', null, '+12025550143', 'customer@example.com', '{}')
on conflict (tenant_id, id) do update set name = excluded.name, phone = excluded.phone, email = excluded.email, data = excluded.data, updated_at = now();

insert into callback (tenant_id, id, contact_id, agent_id) values (tg_tenant(), 'cb-98765', 'cb-98765', 'agent-456')
on conflict (tenant_id, id) do update set contact_id = excluded.contact_id, agent_id = excluded.agent_id, previous_id = null, attempt_number = 1, scheduled_at = null,
	finished_at = null, finished_by = null;

-- A finished callback may have put the customer here.
delete from do_not_call where tenant_id = tg_tenant() and number = '+12025550143';

-- What an earlier run of the examples left in their way. An entity is taken for ever and a history is never deleted, so the tasks stay, under another
-- entity: cb-98765:41 after their number. (An entity is part of no event's hash.) The callbacks that went on from cb-98765 go, and the calls that wait for
-- them are cancelled. Lock order: work, then task.
do $$
declare later text[]; taken text[]; calls uuid[];
begin
	later := array(with recursive l as (
		select id from callback where tenant_id = tg_tenant() and (id = 'cb-98766' or previous_id = 'cb-98765') and id <> 'cb-98765'
		union
		select c.id from l join callback c on c.tenant_id = tg_tenant() and c.previous_id = l.id and c.id <> 'cb-98765'
	) select id from l);
	calls := array(select w.id from call c join work w on w.id = c.task_id where c.tenant_id = tg_tenant() and c.callback_id = any (later) order by w.id for update of w);
	update task set state = 'cancelled', event = 'cancel', reason = 'the demonstration was put back'
		where tenant_id = tg_tenant() and id = any (calls) and state = 'pending';
	delete from work w using task t where w.id = any (calls) and t.tenant_id = tg_tenant() and t.id = w.id and t.finished_at is not null;
	delete from callback where tenant_id = tg_tenant() and id = any (later);

	taken := later || array['cb-98765', 'vm-12345', 'custom-task-001', 'task-12345'];
	update task set entity = case when entity = any (taken) then entity || ':' || seq else entity end,
			target_id = case when kind = 'voicemail' and target_id = 'vm-12345' then target_id || ':' || seq else target_id end
		where tenant_id = tg_tenant() and public_id <> 'task-12345' and (entity = any (taken) or (kind = 'voicemail' and target_id = 'vm-12345'));
end $$;

-- The SMS that GET /task/task-12345 tells of: it takes the way of every SMS, so that its history is a true one; nothing is sent. A purge may have
-- taken its body, which comes back.
do $$
declare
	body text := 'Your appointment with Example Customer Ltd is tomorrow at 10:30. Reply C to confirm or R to reschedule. To stop these messages, answer with STOP.';
	made uuid;
begin
	select id into made from task where tenant_id = tg_tenant() and public_id = 'task-12345';
	if made is null then
		insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, entity, retry_count)
			values (tg_tenant(), '00000000-0000-4000-8000-000000000123', 'disposition', 'sms', 'sms', 'pending', 'create', 'task-12345', 'task-12345', 3) returning id into made;
		update task set state = 'processing', event = 'claim', started_at = now(), attempts = 1 where tenant_id = tg_tenant() and id = made;
		update task set state = 'completed', event = 'complete', progress = 100 where tenant_id = tg_tenant() and id = made;
	end if;
	update task set purged_at = null, deleted_at = null where tenant_id = tg_tenant() and id = made and (purged_at is not null or deleted_at is not null);
	if not exists (select from task_body where tenant_id = tg_tenant() and task_id = made) then
		insert into task_body (tenant_id, task_id, output, detail) select tg_tenant(), made,
			json_build_object('delivered', true, 'delivery_time', to_char(t.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
			json_build_object('recipient', '+15559876543', 'message_length', length(body), 'segments', 1, 'provider', 'twilio')
			from task t where t.tenant_id = tg_tenant() and t.id = made;
	end if;
	if not exists (select from message where tenant_id = tg_tenant() and task_id = made) then
		insert into message (tenant_id, task_id, channel, provider, recipients, text, characters, segments)
			values (tg_tenant(), made, 'sms', 'twilio', '{+15559876543}', body, length(body), 1);
		update message set status = 'sending' where tenant_id = tg_tenant() and task_id = made;
		update message set status = 'sent', sent_at = now() where tenant_id = tg_tenant() and task_id = made;
		update message set status = 'delivered', delivered_at = now() where tenant_id = tg_tenant() and task_id = made;
	end if;
end $$;
