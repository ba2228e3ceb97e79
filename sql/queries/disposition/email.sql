-- Email as the disposition API makes and shows it.

-- name: email_create
-- An email, rendered, durable and due. to, cc, bcc, file_names, file_types and files (base64) are
-- arrays. Raises TG400 template_unknown and template_error.
-- takes: to, cc, bcc, from, from_name, reply_to, subject, template, template_data, headers
-- takes: metadata, priority, callback_url, file_names, file_types, files
-- gives: public_id, kind, state, to, cc, from, subject, template, attachments_count, created_at
-- gives: metadata
select (e.made).public_id, (e.made).kind, message_state((e.made).state) as state,
	array_to_json(:to::text[]) as "to", coalesce(array_to_json(:cc::text[]), '[]'::json) as cc,
	:from::text as "from", e.rendered as subject, :template::text as template,
	coalesce(cardinality(:file_names::text[]), 0) as attachments_count, (e.made).created_at,
	:metadata::json as metadata
from email_make(
	null, :to::text[], :cc::text[], :bcc::text[], :from, :from_name, :reply_to, :subject,
	:template, :template_data::jsonb, :headers::json, :metadata::json, :priority::integer, null,
	:callback_url, :file_names::text[], :file_types::text[], :files::text[]
) e

-- name: email_get
-- One email by task id. Nobody is told of blind copies.
-- takes: id, include_events, include_content, default_sender
-- gives: public_id, kind, state, to, cc, from, subject, template, attachments_count, created_at
-- gives: updated_at, metadata, delivery_status, sent_at, delivered_at, opens, clicks, error, events
-- gives: content
select t.public_id, t.kind, message_state(t.state) as state, array_to_json(m.recipients) as "to",
	coalesce(array_to_json(m.cc), '[]'::json) as cc,
	coalesce(m.sender, :default_sender) as "from", m.subject, m.template,
	(
		select count(*)
		from message_file f
		where f.tenant_id = t.tenant_id and f.task_id = t.id
	) as attachments_count,
	t.created_at, t.updated_at, b.input as metadata, m.status as delivery_status, m.sent_at,
	m.delivered_at, 0 as opens, 0 as clicks,
	case
		when t.state in ('failed', 'expired')
			then json_build_object(
				'code', coalesce(m.error_code, t.state),
				'message', coalesce(t.reason, 'the task ' || t.state)
			)
	end as error,
	case when :include_events::boolean then message_events(t.id) end as events,
	case
		when :include_content::boolean
			then json_build_object('text', m.text, 'html', m.html)
	end as content
from task t
join message m on m.tenant_id = t.tenant_id and m.task_id = t.id
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind(:id, 'email')
