-- Who may do what with which table: one role per program. Nobody may change or delete the history.
-- A function's grants stand beside the function. Applied by migrate whenever this text has changed;
-- only what is ours is touched: what belongs to another role, or to an extension, stays as it is.
do $$
declare
	r record;
begin
	for r in
		select c.oid::regclass as name, case c.relkind when 'S' then 'sequence' else 'table' end as kind
		from pg_class c
		where c.relnamespace = 'taskgate'::regnamespace
			and c.relkind in ('r', 'p', 'v', 'S')
			and not c.relispartition
			and pg_get_userbyid(c.relowner) = 'taskgate_owner'
			and not exists (
				select from pg_depend d
				where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
			)
	loop
		execute format('revoke all on %s %s from public, taskgate_api, taskgate_sweep, taskgate_ctl',
			r.kind, r.name);
	end loop;
	-- A temporary object would be found before ours.
	execute format('revoke temporary on database %I from public', current_database());
end $$;
grant usage on schema taskgate to taskgate_api, taskgate_sweep, taskgate_ctl;

-- taskgate-fcgi
grant select on
	agent, call, callback, campaign, contact, customer, delivery, disposition_code, do_not_call,
	email_template, entity, host_state, idempotency, lane, message, message_event, message_file,
	migration, persona, principal, recipient, state_edge, sweeper, task, task_body, task_event,
	task_log, task_tag, task_type, tenant, type_poll, work
	to taskgate_api;
grant insert on
	agent, call, callback, campaign, contact, do_not_call, entity, idempotency, message,
	message_file, task, task_body, task_log, task_tag, type_poll, work
	to taskgate_api;
grant insert (tenant_id, name) on task_type to taskgate_api;
grant insert (key) on pace to taskgate_api;
grant update on
	callback, contact, idempotency, message, task, task_body, type_poll, work
	to taskgate_api;
grant update (callback_id) on call to taskgate_api;
grant delete on task_tag, work to taskgate_api;

-- taskgate-sweep
grant select on
	call, campaign, cluster_mark, delivery, do_not_call, email_template, host_state, idempotency,
	lane, message, message_event, message_file, migration, number_zone, pace, principal,
	rate_window, recipient, state_edge, sweeper, task, task_body, task_event, task_log, task_tag,
	task_type, tenant, token, twilio_event, type_poll, webhook_key, work
	to taskgate_sweep;
grant insert on
	cluster_mark, delivery, host_state, lane, message, message_file, pace, sweeper, task,
	task_body, task_log, work
	to taskgate_sweep;
grant update on
	call, campaign, cluster_mark, delivery, host_state, lane, message, pace, sweeper, task,
	task_body, task_log, twilio_event, work
	to taskgate_sweep;
grant delete on
	call, campaign, delivery, host_state, idempotency, message, message_event, message_file, pace,
	rate_window, sweeper, task_body, task_log, task_tag, token, twilio_event, type_poll, work
	to taskgate_sweep;

-- taskgatectl
grant select on
	agent, audit, call, callback, campaign, cluster_mark, contact, customer, delivery,
	disposition_code, do_not_call, email_template, entity, host_state, idempotency, lane,
	ledger_fault, message, message_event, message_file, migration, migration_text, number_zone,
	pace, persona, principal, rate_window, recipient, state_edge, sweeper, task, task_body,
	task_event, task_log, task_tag, task_type, tenant, token, twilio_event, type_poll,
	webhook_key, work
	to taskgate_ctl;
grant insert on
	agent, audit, callback, contact, customer, disposition_code, do_not_call, email_template,
	entity, lane, message, persona, principal, recipient, task, task_body, task_type, tenant,
	token, webhook_key, work
	to taskgate_ctl;
grant update on
	agent, callback, contact, customer, delivery, disposition_code, do_not_call, email_template,
	entity, lane, message, persona, principal, recipient, task, task_body, task_type, tenant,
	token, webhook_key, work
	to taskgate_ctl;
grant delete on
	agent, callback, contact, disposition_code, do_not_call, email_template, entity, persona,
	recipient, task_type, work
	to taskgate_ctl;

grant usage on sequence task_log_id to taskgate_api, taskgate_sweep, taskgate_ctl;
