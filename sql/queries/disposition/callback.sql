-- Voicemails and finished callbacks. The functions are in sql/functions.

-- name: voicemail_create
-- Purpose: a voicemail to be told of, durable and due. $1 entity, $2 voicemail_id, $3 caller_id, $4 recipient_id, $5 duration, $6 timestamp, $7 audio_url,
-- $8 transcription, $9 priority (a word), $10 callback_url, $11 metadata (JSON), $12 true where only registered entities are taken.
-- Result: the task. Raises: TG404 entity_unknown; task_entity_taken, voicemail_taken (23505). Estimated: ten seconds, as documented.
with admitted as materialized (
	select entity_admit($1, $12::boolean)
), made as (
	insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, entity, target_id, priority, callback_url)
	select tg_tenant(), tg_principal(), 'disposition', 'voicemail', 'voicemail', 'pending', 'create', 'task-vm-' || random_suffix(), $1, $2,
		case $9::text when 'low' then 3 when 'high' then 7 else 5 end, $10 from admitted
	returning id, public_id, entity, kind, state, priority, created_at
), body as (
	insert into task_body (tenant_id, task_id, input, detail)
	select tg_tenant(), id, json_build_object('voicemail_id', $2::text, 'caller_id', $3::text, 'recipient_id', $4::text, 'duration', $5::integer, 'timestamp', $6::timestamptz,
			'audio_url', $7::text, 'transcription', $8::text, 'metadata', $11::json),
		json_build_object('caller_id', $3::text, 'recipient_id', $4::text, 'duration', $5::integer, 'priority', $9::text) from made
), queued as (
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane) select id, tg_tenant(), id, now(), priority, true, 'notify' from made
)
select public_id, entity, kind, state, created_at, created_at + interval '10 seconds' as estimated_completion from made

-- name: voicemail_get
-- $1 entity or id, $2 with metadata, $3 with history. Result: at most one row.
select t.public_id, t.entity, t.kind, t.state, b.input ->> 'voicemail_id' as voicemail_id, b.input ->> 'caller_id' as caller_id, b.input ->> 'recipient_id' as recipient_id,
	b.input ->> 'duration' as duration, t.created_at, t.updated_at, t.finished_at, case when t.finished_at is not null then b.output end as result,
	case when t.state in ('failed', 'expired') then json_build_object('code', 'TASK_' || upper(t.state), 'message', coalesce(t.reason, 'the task ' || t.state)) end as error,
	case when $2::boolean then b.input -> 'metadata' end as metadata, case when $3::boolean then task_history(t.id, t.created_at) end as history
from task t left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.id = task_of_kind($1, 'voicemail')

-- name: callback_finish
-- Purpose: ends a callback and does what follows, in one commit. $1 entity, $2 callback_id, $3 agent_id, $4 disposition_code, $5 the other fields (JSON),
-- $6 type, $7 scheduled_at, $8 template, $9 attempt_number of next_action, $10 customer_data (JSON), $11 and $12 true where only registered callbacks and agents are taken.
-- Result: the task, completed. Raises: TG400 disposition_unknown, template_unknown; TG404 callback_unknown; TG409 callback_finished; TG422 agent_invalid; task_entity_taken
-- (23505). Locks: the callback; calls to a number that is put on the do-not-call list.
select (f.made).public_id, (f.made).entity, (f.made).kind, (f.made).state, (f.made).target_id as callback_id, $4 as disposition_code, (f.made).created_at,
	(f.made).finished_at as processed_at, f.actions_triggered
from callback_finish($1, $2, $3, $4, $5::json, $6, coalesce($7::timestamptz, now()), $8, $9::integer, $10::jsonb, $11::boolean, $12::boolean) f
