-- SMS and email as the disposition API makes and shows them, and what Twilio reports of them. The functions are in sql/functions.

-- name: sms_create
-- Purpose: an SMS, durable and due. $1 entity, $2 to, $3 from or null, $4 text, $5 characters, $6 segments, $7 priority, $8 callback_url, $9 metadata (JSON).
-- Result: the task. Raises: task_entity_taken (23505).
select public_id, entity, kind, message_state(state) as state, $2::text as "to", $3::text as "from", $5::integer as message_length, $6::integer as segments, created_at, $9::json as metadata
from sms_make(null, $1, $2, $3, $4, $5::integer, $6::integer, $7::integer, $8, $9::json)

-- name: sms_get
-- $1 entity or id, $2 with delivery log, $3 the default sender. Result: at most one row.
select t.public_id, t.entity, t.kind, message_state(t.state) as state, m.recipients[1] as "to", coalesce(m.sender, $3) as "from", m.text, m.segments, t.created_at, t.updated_at, b.input as metadata,
	m.status as delivery_status, m.sent_at, m.delivered_at,
	case when t.state in ('failed', 'expired') then json_build_object('code', coalesce(m.error_code, t.state), 'message', coalesce(t.reason, 'the task ' || t.state)) end as error,
	case when $2::boolean then message_log(t.id) end as delivery_log
from task t join message m on m.tenant_id = t.tenant_id and m.task_id = t.id left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind($1, 'sms')

-- name: email_create
-- Purpose: an email, rendered, durable and due. $1 to, $2 cc, $3 bcc (text[]), $4 from, $5 from_name, $6 reply_to, $7 subject, $8 template, $9 template_data
-- (JSON), $10 headers (JSON), $11 metadata (JSON), $12 priority, $13 callback_url, $14 names, $15 types, $16 contents (base64) of the files (text[]).
-- Result: the task. Raises: TG400 template_unknown, TG400 template_error.
select (e.made).public_id, (e.made).kind, message_state((e.made).state) as state, array_to_json($1::text[]) as "to",
	coalesce(array_to_json($2::text[]), '[]'::json) as cc, $4::text as "from", e.rendered as subject, $8::text as template,
	coalesce(cardinality($14::text[]), 0) as attachments_count, (e.made).created_at, $11::json as metadata
from email_make(null, $1::text[], $2::text[], $3::text[], $4, $5, $6, $7, $8, $9::jsonb, $10::json, $11::json, $12::integer, null, $13, $14::text[], $15::text[],
	$16::text[]) e

-- name: email_get
-- $1 id, $2 with events, $3 with content, $4 the default sender. Result: at most one row; nobody is told of blind copies.
select t.public_id, t.kind, message_state(t.state) as state, array_to_json(m.recipients) as "to", coalesce(array_to_json(m.cc), '[]'::json) as cc, coalesce(m.sender, $4) as "from", m.subject, m.template,
	(select count(*) from message_file f where f.tenant_id = t.tenant_id and f.task_id = t.id) as attachments_count, t.created_at, t.updated_at, b.input as metadata,
	m.status as delivery_status, m.sent_at, m.delivered_at, 0 as opens, 0 as clicks,
	case when t.state in ('failed', 'expired') then json_build_object('code', coalesce(m.error_code, t.state), 'message', coalesce(t.reason, 'the task ' || t.state)) end as error,
	case when $2::boolean then message_events(t.id) end as events,
	case when $3::boolean then json_build_object('text', m.text, 'html', m.html) end as content
from task t join message m on m.tenant_id = t.tenant_id and m.task_id = t.id left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind($1, 'email')

-- name: message_report
-- Purpose: a status callback that Twilio has signed; runs without a tenant. $1 task of the callback's address or null, $2 Sid, $3 status, $4 error code or null,
-- $5 all parameters (JSON), $6 request id, $7 remote address. Result: known (false for what is not ours), moved.
-- Locks: the message's work row, its task, the task that it was sent for.
select known, moved from message_reported($1::uuid, $2, $3, $4, $5::json, $6, $7)
