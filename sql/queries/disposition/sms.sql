-- SMS as the disposition API makes and shows them, and what Twilio reports of them.

-- name: sms_create
-- An SMS, durable and due. from: null for the default sender. Raises task_entity_taken (23505).
-- takes: entity, to, from, message, characters, segments, priority, callback_url, metadata
-- gives: public_id, entity, kind, state, to, from, message_length, segments, created_at, metadata
select public_id, entity, kind, message_state(state) as state, :to::text as "to",
	:from::text as "from", :characters::integer as message_length,
	:segments::integer as segments, created_at, :metadata::json as metadata
from sms_make(
	null, :entity, :to, :from, :message, :characters::integer, :segments::integer,
	:priority::integer, :callback_url, :metadata::json
)

-- name: sms_get
-- One SMS by entity, else by task id. default_sender: shown where the message names none.
-- takes: entity, include_log, default_sender
-- gives: public_id, entity, kind, state, to, from, text, segments, created_at, updated_at, metadata
-- gives: delivery_status, sent_at, delivered_at, error, delivery_log
select t.public_id, t.entity, t.kind, message_state(t.state) as state, m.recipients[1] as "to",
	coalesce(m.sender, :default_sender) as "from", m.text, m.segments, t.created_at,
	t.updated_at, b.input as metadata, m.status as delivery_status, m.sent_at, m.delivered_at,
	case
		when t.state in ('failed', 'expired')
			then json_build_object(
				'code', coalesce(m.error_code, t.state),
				'message', coalesce(t.reason, 'the task ' || t.state)
			)
	end as error,
	case when :include_log::boolean then message_log(t.id) end as delivery_log
from task t
join message m on m.tenant_id = t.tenant_id and m.task_id = t.id
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind(:entity, 'sms')

-- name: message_report
-- A status callback that Twilio has signed; runs without a tenant. task: the one of the callback's
-- address, or null. params: all of them (JSON). known: false for what is not ours. Locks the
-- message's work row, its task, the task that it was sent for.
-- takes: task, sid, status, error_code, params, request_id, remote
-- gives: known, moved
select known, moved
from message_reported(:task::uuid, :sid, :status, :error_code, :params::json, :request_id, :remote)
