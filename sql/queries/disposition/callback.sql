-- Finished callbacks.

-- name: callback_finish
-- Ends a callback and does what follows, in one commit; gives the task, completed. fields: the
-- fields that are only kept (JSON). next_*: the members of next_action. callbacks_closed,
-- agents_closed: only registered ones are taken. Raises TG400 disposition_unknown and
-- template_unknown, TG404 callback_unknown, TG409 callback_finished, TG422 agent_invalid,
-- task_entity_taken (23505). Locks the callback, then the calls to a number that is put on the
-- do-not-call list.
-- takes: entity, callback_id, agent_id, disposition_code, fields, next_type, next_at, next_template
-- takes: next_attempt, customer_data, callbacks_closed, agents_closed
-- gives: public_id, entity, kind, state, callback_id, disposition_code, created_at, processed_at
-- gives: actions_triggered
select (f.made).public_id, (f.made).entity, (f.made).kind, (f.made).state,
	(f.made).target_id as callback_id, :disposition_code as disposition_code,
	(f.made).created_at, (f.made).finished_at as processed_at, f.actions_triggered
from callback_finish(
	:entity, :callback_id, :agent_id, :disposition_code, :fields::json, :next_type,
	coalesce(:next_at::timestamptz, now()), :next_template, :next_attempt::integer,
	:customer_data::jsonb, :callbacks_closed::boolean, :agents_closed::boolean
) f
