-- Voicemails as the disposition API makes and shows them.

-- name: voicemail_create
-- A voicemail that its recipient is told of, durable and due. priority: a word. entities_closed:
-- only registered entities are taken. The estimate is ten seconds, as documented. Raises TG404
-- entity_unknown, task_entity_taken and voicemail_taken (23505).
-- takes: entity, voicemail_id, caller_id, recipient_id, duration, timestamp, audio_url
-- takes: transcription, priority, callback_url, metadata, entities_closed
-- gives: public_id, entity, kind, state, created_at, estimated_completion
with admitted as materialized (
	select entity_admit(:entity, :entities_closed::boolean)
), made as (
	insert into task (
		tenant_id, created_by, api, kind, machine, state, event, public_id, entity,
		target_id, priority, callback_url
	)
	select tg_tenant(), tg_principal(), 'disposition', 'voicemail', 'voicemail', 'pending',
		'create', 'task-vm-' || random_suffix(), :entity, :voicemail_id,
		case :priority::text when 'low' then 3 when 'high' then 7 else 5 end, :callback_url
	from admitted
	returning id, public_id, entity, kind, state, priority, created_at
), body as (
	insert into task_body (tenant_id, task_id, input, detail)
	select tg_tenant(), id,
		json_build_object(
			'voicemail_id', :voicemail_id::text, 'caller_id', :caller_id::text,
			'recipient_id', :recipient_id::text, 'duration', :duration::integer,
			'timestamp', :timestamp::timestamptz, 'audio_url', :audio_url::text,
			'transcription', :transcription::text, 'metadata', :metadata::json
		),
		json_build_object(
			'caller_id', :caller_id::text, 'recipient_id', :recipient_id::text,
			'duration', :duration::integer, 'priority', :priority::text
		)
	from made
), queued as (
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane)
	select id, tg_tenant(), id, now(), priority, true, 'notify'
	from made
)
select public_id, entity, kind, state, created_at,
	created_at + interval '10 seconds' as estimated_completion
from made

-- name: voicemail_get
-- One voicemail by entity, else by task id.
-- takes: entity, include_metadata, include_history
-- gives: public_id, entity, kind, state, voicemail_id, caller_id, recipient_id, duration
-- gives: created_at, updated_at, finished_at, result, error, metadata, history
select t.public_id, t.entity, t.kind, t.state, b.input ->> 'voicemail_id' as voicemail_id,
	b.input ->> 'caller_id' as caller_id, b.input ->> 'recipient_id' as recipient_id,
	b.input ->> 'duration' as duration, t.created_at, t.updated_at, t.finished_at,
	case when t.finished_at is not null then b.output end as result,
	case
		when t.state in ('failed', 'expired')
			then json_build_object(
				'code', 'TASK_' || upper(t.state),
				'message', coalesce(t.reason, 'the task ' || t.state)
			)
	end as error,
	case when :include_metadata::boolean then b.input -> 'metadata' end as metadata,
	case when :include_history::boolean then task_history(t.id, t.created_at) end as history
from task t
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind(:entity, 'voicemail')
