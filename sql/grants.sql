-- One role per program; `taskgatectl migrate` runs this after every migration. Nobody may change or delete the history.
revoke all on all tables in schema public from taskgate_api, taskgate_sweep, taskgate_ctl;
revoke all on all functions in schema public from public;
revoke all on all routines in schema public from taskgate_api, taskgate_sweep, taskgate_ctl;
-- A temporary object would be found before ours, also by the functions that run as the owner.
do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
grant usage on schema public to taskgate_api, taskgate_sweep, taskgate_ctl;
grant usage on all sequences in schema public to taskgate_api, taskgate_sweep, taskgate_ctl;

grant insert (tenant_id, name) on task_type to taskgate_api;
grant insert (key) on pace to taskgate_api;
grant select on tenant, principal, customer, persona, task_type, lane, sweeper, migration, state_edge, task_event, delivery, host_state to taskgate_api;
grant select, insert, update on task, task_body, idempotency to taskgate_api;
grant select, insert, delete on task_tag to taskgate_api;
grant select, insert, update on type_poll to taskgate_api;
grant select, insert on task_log to taskgate_api;
grant select, insert, update, delete on work to taskgate_api;
grant select on recipient, disposition_code, email_template, message_event to taskgate_api;
grant select, insert on agent, entity, do_not_call, message_file, call to taskgate_api;
grant select, insert, update on callback, contact, message to taskgate_api;
grant execute on function uuid7(), random_suffix(), tg_tenant(), tg_principal(), tg_may(text), refuse(text, text, text), url_host(text),
	rate(bytea, text, integer, integer, text), enter(bytea, text, text, text, text), task_state_now(uuid), generic_entity(text), task_logs(uuid, timestamptz), task_history(uuid, timestamptz),
	audit_refusal(bytea, text, text, text, text, integer), task_cancel_family(uuid),
	idempotency_begin(text, text, text, bytea), retry_delay(integer, integer), type_admit(text, boolean, json), task_named(text, text),
	task_of_kind(text, text), message_state(text), message_log(uuid), message_events(uuid), message_reported(uuid, text, text, text, json, text, text), backlog_by_lane() to taskgate_api;
grant execute on function template_render(text, jsonb, boolean), work_make(uuid, uuid, text, text, timestamptz, integer, bigint),
	sms_make(uuid, text, text, text, text, integer, integer, integer, text, json),
	email_make(uuid, text[], text[], text[], text, text, text, text, text, jsonb, json, json, integer, timestamptz, text, text[], text[], text[])
	to taskgate_api, taskgate_sweep;
grant execute on function entity_admit(text, boolean), email_or_null(text), phone_or_null(text), action_failed(text, text), callback_admit(text, text, boolean, boolean),
	callback_crm_update(callback, jsonb), callback_follow_up(timestamptz, text, contact, jsonb), callback_next_id(text), callback_retry(timestamptz, integer, callback, contact),
	number_hold(text), number_line(uuid, text), do_not_call_add(text, text),
	callback_finish(text, text, text, text, json, text, timestamptz, text, integer, jsonb, boolean, boolean) to taskgate_api;

grant select, insert on campaign to taskgate_api;
grant update (callback_id) on call to taskgate_api;
grant execute on function call_make(text, text[], text, text, text, json, integer, integer, timestamptz, text), call_schedule(text, text, text, text, json, timestamptz, boolean, text, text),
	is_zone(text), wall_time(timestamp, text), call_word(text), pace_key(uuid, integer), call_cancel(text, text), do_not_call_add(text, text),
	call_reported(uuid, text, text, integer, integer, text, json, text, integer, text, text), call_script(uuid, text), call_gathered(text, text, text, json) to taskgate_api;
grant select, insert, update, delete on pace to taskgate_sweep;
grant select, update, delete on call, campaign to taskgate_sweep;
grant select on do_not_call, number_zone to taskgate_sweep;
grant usage on sequence task_log_id to taskgate_sweep;
grant execute on function pace_room(text, integer, integer), pace_key(uuid, integer), call_log(uuid, uuid, text, text), call_departs(call, integer, timestamptz), call_frees(call, integer),
	campaign_result(uuid, uuid), call_ends(uuid, uuid, text, text, integer, text, text), call_follow(uuid, text, double precision), call_accepted(uuid, uuid, text, timestamptz, integer),
	call_lost(uuid, uuid, timestamptz, text, double precision), call_refused(uuid, text), call_claim(integer, text, integer, integer, integer, boolean),
	call_settle(uuid, bigint, text, json, text, integer, integer[], integer), call_expire(integer), call_overdue(integer, bigint), call_rank(text), call_becomes(uuid, uuid, text, text, integer, text, integer),
	follow_settle(uuid, bigint, text, json, text, integer, integer[]) to taskgate_sweep;
grant execute on function call_cancel(text, text), do_not_call_add(text, text), calls_after_restore(), task_work(uuid, text), calls_stop_all(text),
	call_settle_by_hand(uuid, boolean), is_zone(text) to taskgate_ctl;
grant execute on function task_work(uuid, text) to taskgate_api;
grant execute on function number_line(uuid, text) to taskgate_sweep;

grant select on tenant, webhook_key, task_type, migration, state_edge, task_event, principal, recipient, email_template to taskgate_sweep;
grant select, insert, update, delete on message to taskgate_sweep;
grant select, insert, delete on message_file to taskgate_sweep;
grant select, delete on message_event to taskgate_sweep;
grant select, update, delete on twilio_event to taskgate_sweep;
grant select, insert, update on task, task_body, delivery, lane, sweeper, host_state, cluster_mark, task_log to taskgate_sweep;
grant select, insert, update, delete on work to taskgate_sweep;
grant select, delete on type_poll, task_tag, idempotency, rate_window, sweeper, host_state, token, task_log, task_body, delivery to taskgate_sweep;
grant execute on function uuid7(), tg_tenant(), tg_principal(), url_host(text), retry_delay(integer, integer), partition_ensure(integer),
	refuse(text, text, text), random_suffix(), lane_pick(text, integer, text[], integer[], integer), twilio_status(text), status_rank(text),
	message_end(uuid, uuid, boolean, text, json), message_becomes(uuid, uuid, text, text, text, text), message_waits(uuid, uuid, integer),
	message_again(uuid, uuid, text, text, text, integer, integer), message_settle(uuid, bigint, text, json, text, integer, integer[]),
	sms_segments(text), voicemail_tell(uuid, uuid), voicemail_notify(integer) to taskgate_sweep;

grant select on all tables in schema public to taskgate_ctl;
grant insert, update on tenant, principal, token, webhook_key, customer, persona, task_type, lane, task, task_body to taskgate_ctl;
grant insert, update, delete on agent, contact, callback, entity, recipient, disposition_code, email_template, do_not_call to taskgate_ctl;
-- insert: the demonstration's SMS.
grant insert, update on message to taskgate_ctl;
grant insert, update, delete on work to taskgate_ctl;
grant insert on audit to taskgate_ctl;
grant update on delivery to taskgate_ctl;
grant delete on task_type, persona to taskgate_ctl;
grant execute on function uuid7(), random_suffix(), tg_tenant(), tg_principal(), url_host(text), refuse(text, text, text), number_hold(text), number_line(uuid, text), task_cancel_family(uuid), event_hash(bytea, uuid, integer, timestamptz, text[]),
	retry_delay(integer, integer), type_admit(text, boolean, json), task_named(text, text), task_state_now(uuid), task_logs(uuid, timestamptz),
	task_history(uuid, timestamptz), backlog_by_lane(), do_not_call_add(text, text) to taskgate_ctl;
