-- Generic tasks as the disposition API makes and shows them. Times leave as PostgreSQL's text;
-- views print them.

-- name: generic_create
-- A generic task, durable and due: task, body, tags and work in one statement; the trigger writes
-- history. tags: an array. types_closed: only registered types are taken. nudge: work is due at
-- once. Raises task_entity_taken (23505), TG400 type_unknown, TG422 payload_member.
-- takes: entity, task_type, action, target_id, payload, priority, scheduled_at, timeout
-- takes: retry_count, callback_url, tags, types_closed
-- gives: public_id, entity, kind, type, action, state, priority, created_at, scheduled_at
-- gives: timeout_s, retry_count, retries_remaining, nudge
with admitted as materialized (
	select lane, host from type_admit(:task_type, :types_closed::boolean, :payload::json)
), made as (
	insert into task (
		tenant_id, created_by, api, kind, machine, state, event, public_id, entity, type,
		action, target_id, priority, scheduled_at, timeout_s, retry_count, callback_url,
		tags
	)
	select tg_tenant(), tg_principal(), 'disposition', 'generic', 'disposition', 'pending',
		'create', 'task-gen-' || random_suffix(), :entity, :task_type, :action, :target_id,
		:priority::smallint, :scheduled_at::timestamptz, :timeout::integer,
		:retry_count::smallint, :callback_url, :tags::text[]
	from admitted
	returning id, seq, public_id, entity, kind, type, action, state, priority, created_at,
		scheduled_at, timeout_s, retry_count, tags
), body as (
	insert into task_body (tenant_id, task_id, input)
	select tg_tenant(), id, :payload::json
	from made
), tagged as (
	insert into task_tag (tenant_id, tag, seq)
	select distinct tg_tenant(), tag, seq
	from made, unnest(tags) tag
), queued as (
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, type, host)
	select id, tg_tenant(), id, coalesce(scheduled_at, now()), priority,
		coalesce(scheduled_at, now()) <= now(), lane, type, host
	from made, admitted
)
select public_id, entity, kind, type, action, state, priority, created_at, scheduled_at, timeout_s,
	retry_count, retry_count as retries_remaining,
	lane <> 'pull' and coalesce(scheduled_at, now()) <= now() as nudge
from made, admitted

-- name: generic_get
-- One generic task by entity, else by task id. One index look-up: a name that could be an id is
-- first looked up by a function, since a union of both ways cost each GET a ninth of its
-- instructions.
-- takes: entity, include_payload, include_result, include_logs
-- gives: public_id, entity, kind, type, action, state, priority, created_at, started_at
-- gives: finished_at, execution_time_ms, retries_used, progress, progress_message, tags, error
-- gives: payload, result, logs
select t.public_id, t.entity, t.kind, t.type, t.action, t.state, t.priority, t.created_at,
	t.started_at, t.finished_at,
	(extract(epoch from t.finished_at - t.started_at) * 1000)::bigint as execution_time_ms,
	greatest(t.attempts - 1, 0) as retries_used, t.progress, t.progress_message,
	coalesce(array_to_json(t.tags), '[]'::json) as tags,
	case
		when t.state in ('failed', 'expired')
			then json_build_object(
				'code', 'TASK_' || upper(t.state),
				'message', coalesce(t.reason, 'the task ' || t.state)
			)
	end as error,
	case when :include_payload::boolean then b.input end as payload,
	case when :include_result::boolean then b.output end as result,
	case when :include_logs::boolean then task_logs(t.id, t.created_at) end as logs
from task t
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant()
	and t.entity = case
		when starts_with(:entity, 'task-') then generic_entity(:entity)
		else :entity
	end
	and t.kind = 'generic' and t.deleted_at is null and t.purged_at is null
