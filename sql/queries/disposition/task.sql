-- Tasks as the disposition API makes and shows them. Times leave as PostgreSQL's text; views print them.

-- name: generic_create
-- Purpose: a generic task, durable and due: task, body, tags, work; the trigger writes history. One statement.
-- $1 entity, $2 type, $3 action, $4 target_id, $5 payload, $6 priority, $7 scheduled_at, $8 timeout, $9 retry_count, $10 callback_url,
-- $11 tags (text[]), $12 true where only registered types are taken.
-- Result: the created task, and whether work is due at once. Raises: task_entity_taken (23505), TG400 type_unknown, TG422 payload_member.
with admitted as materialized (
	select lane, host from type_admit($2, $12::boolean, $5::json)
), made as (
	insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, entity, type, action, target_id, priority,
		scheduled_at, timeout_s, retry_count, callback_url, tags)
	select tg_tenant(), tg_principal(), 'disposition', 'generic', 'disposition', 'pending', 'create', 'task-gen-' || random_suffix(), $1, $2, $3, $4,
		$6::smallint, $7::timestamptz, $8::integer, $9::smallint, $10, $11::text[]
	from admitted
	returning id, seq, public_id, entity, kind, type, action, state, priority, created_at, scheduled_at, timeout_s, retry_count, tags
), body as (
	insert into task_body (tenant_id, task_id, input) select tg_tenant(), id, $5::json from made
), tagged as (
	insert into task_tag (tenant_id, tag, seq) select distinct tg_tenant(), tag, seq from made, unnest(tags) tag
), queued as (
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, type, host)
	select id, tg_tenant(), id, coalesce(scheduled_at, now()), priority, coalesce(scheduled_at, now()) <= now(), lane, type, host from made, admitted
)
select public_id, entity, kind, type, action, state, priority, created_at, scheduled_at, timeout_s, retry_count, retry_count as retries_remaining,
	lane <> 'pull' and coalesce(scheduled_at, now()) <= now() as nudge
from made, admitted

-- name: generic_get
-- Purpose: one generic task by entity, else by task id. $1 entity or id, $2 with payload, $3 with result, $4 with logs.
-- Result: at most one row. Plan: one index look-up; a name that could be an id is first looked up by a function, since a union of both ways cost each
-- GET a ninth of its instructions.
select t.public_id, t.entity, t.kind, t.type, t.action, t.state, t.priority, t.created_at, t.started_at, t.finished_at,
	(extract(epoch from t.finished_at - t.started_at) * 1000)::bigint as execution_time_ms, greatest(t.attempts - 1, 0) as retries_used,
	t.progress, t.progress_message, coalesce(array_to_json(t.tags), '[]'::json) as tags,
	case when t.state in ('failed', 'expired') then json_build_object('code', 'TASK_' || upper(t.state), 'message', coalesce(t.reason, 'the task ' || t.state)) end as error,
	case when $2::boolean then b.input end as payload, case when $3::boolean then b.output end as result,
	case when $4::boolean then task_logs(t.id, t.created_at) end as logs
from task t left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.entity = case when starts_with($1, 'task-') then generic_entity($1) else $1 end and t.kind = 'generic'
	and t.deleted_at is null and t.purged_at is null

-- name: task_get
-- Purpose: a task of any kind: a disposition task by entity (the newest first), else any task of the tenant by its id.
-- $1 entity or id, $2 with details, $3 with history. Result: at most one row. Details and result of another API's task need its read scope.
select t.public_id, coalesce(t.entity, t.public_id) as entity, t.kind, t.state, case when t.api = 'calls' then call_word(t.state) end as own_state, t.created_at, t.updated_at, t.finished_at,
	case when t.finished_at is not null and (t.api = 'disposition' or tg_may(t.api || ':read')) then b.output end as result,
	case when t.state in ('failed', 'expired') then json_build_object('code', 'TASK_' || upper(t.state), 'message', coalesce(t.reason, 'the task ' || t.state)) end as error,
	case when $2::boolean and (t.api = 'disposition' or tg_may(t.api || ':read')) then
		case t.kind
		when 'generic' then json_build_object('task_type', t.type, 'action', t.action, 'priority', t.priority, 'tags', coalesce(array_to_json(t.tags), '[]'::json))
		else coalesce(b.detail, '{}'::json) end
	end as details,
	case when $3::boolean then task_history(t.id, t.created_at) end as history
from (
	(select tenant_id, id, public_id, entity, kind, api, type, action, priority, tags, state, reason, created_at, updated_at, finished_at
		from task where tenant_id = tg_tenant() and entity = $1 and api = 'disposition' and deleted_at is null and purged_at is null
		and ($4::text is null or kind = $4) order by seq desc limit 1)
	union all
	(select tenant_id, id, public_id, entity, kind, api, type, action, priority, tags, state, reason, created_at, updated_at, finished_at
		from task where tenant_id = tg_tenant() and public_id = $1 and deleted_at is null and purged_at is null and ($4::text is null or kind = $4))
	limit 1
) t left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id

-- name: task_list
-- Purpose: a page of tasks, the newest first. $1 state or null, $2 kind or null, $3 rows, $4 offset. Result: one row: total (of at most
-- 100,001: counting more would take longer than anybody waits), tasks (a JSON array).
select (select count(*) from (select from task t where t.tenant_id = tg_tenant() and t.deleted_at is null and t.purged_at is null
		and ($1::text is null or t.state = $1) and ($2::text is null or t.kind = $2) limit 100001) n) as total,
	(select coalesce(json_agg(json_build_object('task_id', p.public_id, 'entity', coalesce(p.entity, p.public_id), 'type', p.kind, 'status', p.state,
			'created_at', to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'updated_at', to_char(p.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'completed_at', to_char(p.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'tags', coalesce(array_to_json(p.tags), '[]'::json)) order by p.seq desc), '[]'::json)
		from (select t.seq, t.public_id, t.entity, t.kind, t.state, t.created_at, t.updated_at, t.finished_at, t.tags from task t
			where t.tenant_id = tg_tenant() and t.deleted_at is null and t.purged_at is null
				and ($1::text is null or t.state = $1) and ($2::text is null or t.kind = $2)
			order by t.seq desc limit $3::integer offset $4::bigint) p) as tasks

-- name: task_list_by_tag
-- The same for one tag, through task_tag's index. $1 state or null, $2 kind or null, $3 rows, $4 offset, $5 tag.
select (select count(*) from (select from task_tag g join task t on t.tenant_id = g.tenant_id and t.seq = g.seq
		where g.tenant_id = tg_tenant() and g.tag = $5 and t.deleted_at is null and t.purged_at is null
		and ($1::text is null or t.state = $1) and ($2::text is null or t.kind = $2) limit 100001) n) as total,
	(select coalesce(json_agg(json_build_object('task_id', p.public_id, 'entity', coalesce(p.entity, p.public_id), 'type', p.kind, 'status', p.state,
			'created_at', to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'updated_at', to_char(p.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'completed_at', to_char(p.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'tags', coalesce(array_to_json(p.tags), '[]'::json)) order by p.seq desc), '[]'::json)
		from (select t.seq, t.public_id, t.entity, t.kind, t.state, t.created_at, t.updated_at, t.finished_at, t.tags
			from task_tag g join task t on t.tenant_id = g.tenant_id and t.seq = g.seq
			where g.tenant_id = tg_tenant() and g.tag = $5 and t.deleted_at is null and t.purged_at is null
				and ($1::text is null or t.state = $1) and ($2::text is null or t.kind = $2)
			order by g.seq desc limit $3::integer offset $4::bigint) p) as tasks

-- name: task_cancel
-- Purpose: cancels a task that has not ended, and with it what is still to be sent for it (task_cancel_family). $1 entity or id of a disposition
-- task. Result: none where there is no such task; else its state before and, where it was cancelled, the task. Locks: their work rows, then the tasks. The holder
-- of a lease learns it at its next call.
with found as materialized (
	select id, public_id, entity, kind, state from task where tenant_id = tg_tenant() and id = task_named($1, 'disposition')
)
select f.public_id, f.entity, f.kind, coalesce(m.state, task_state_now(f.id)) as state, m.updated_at, m.finished_at, m.state is not null as moved
from found f left join lateral task_cancel_family(f.id) m on true

-- name: task_revive
-- Purpose: queues a failed task again by hand, with all its attempts. $1 entity or id. Result as of task_cancel, and whether work is due at once.
-- Its new work row goes on counting where no former fence can be (each claim was an event), so that a late worker holds nothing. A message is sent anew,
-- whatever became of the one before.
with found as materialized (
	select id, public_id, entity, kind, state from task where tenant_id = tg_tenant() and id = task_named($1, 'disposition')
), moved as (
	update task t set state = 'pending', event = 'revive', reason = null, attempts = 0, progress = null, progress_message = null
	from found f
	where t.tenant_id = tg_tenant() and t.id = f.id and t.state = 'failed' and t.kind in ('generic', 'sms', 'email', 'voicemail')
	returning t.id, t.kind, t.state, t.updated_at, t.finished_at, t.priority, t.type, t.event_seq
), anew as (
	update message m set status = 'queued', provider_id = null, error_code = null, sent_at = null, delivered_at = null, asked = 0
	from moved t where m.tenant_id = tg_tenant() and m.task_id = t.id
), home as materialized (
	select a.lane, a.host from moved m, type_admit(m.type, false, (select input from task_body b where b.tenant_id = tg_tenant() and b.task_id = m.id)) a where m.kind = 'generic'
	union all
	select l.lane, l.host from moved m join (values ('sms', 'sms', 'twilio'), ('email', 'mail', 'smtp'), ('voicemail', 'notify', null)) l(kind, lane, host) on l.kind = m.kind
), queued as (
	insert into work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, type, host)
	select m.id, tg_tenant(), m.id, now(), m.event_seq, m.priority, true, h.lane, m.type, h.host from moved m, home h
	returning lane
)
select f.public_id, f.entity, f.kind, coalesce(m.state, task_state_now(f.id)) as state, m.updated_at, m.finished_at, m.id is not null as moved,
	coalesce((select lane <> 'pull' from queued), false) as nudge
from found f left join moved m on m.id = f.id

-- name: task_why
-- Purpose: why has this not run? $1 entity or id. Result: the task, its work (of a campaign its next number's) and the first reason that holds, in the order in which a
-- person would look.
select t.public_id, coalesce(t.entity, t.public_id) as entity, t.kind, t.type, t.state, t.attempts, t.retry_count, w.run_at, w.lane, w.lease_until, w.deadline,
	w.claimed_by, coalesce(w.last_error, t.reason) as last_error, l.paused_at, l.reason as pause_reason, h.parked_until, p.polled_at,
	case
	when t.finished_at is not null then 'finished'
	when w.id is null then 'no_work'
	when w.lease_until is not null then 'leased'
	when w.unsent_since is not null and h.parked_until > now() then 'host_parked'
	when w.run_at > now() and (w.attempt > 0 or w.unsent_since is not null) then 'retry_wait'
	when w.run_at > now() then 'not_due'
	when l.paused_at is not null then 'lane_paused'
	when h.parked_until > now() then 'host_parked'
	when w.lane = 'pull' and (p.polled_at is null or p.polled_at < now() - interval '5 minutes') then 'no_worker'
	when w.lane <> 'pull' and not exists (select from sweeper s where s.beat_at > now() - interval '150 seconds') then 'no_sweeper'
	when w.pace_key is not null or w.lane = 'call' then 'paced'
	else 'due' end as why
from task t left join lateral (select k.id, k.run_at, k.lane, k.host, k.lease_until, k.deadline, k.claimed_by, k.last_error, k.attempt, k.unsent_since, k.pace_key from work k
		where k.tenant_id = t.tenant_id and k.id = task_work(t.id, t.kind) limit 1) w on true
	left join lane l on l.name = w.lane
	left join host_state h on h.host = case when w.lane = 'call' then 'twilio' else w.host end
	left join type_poll p on p.tenant_id = t.tenant_id and p.type = t.type
where t.tenant_id = tg_tenant() and t.id = task_named($1, null)
