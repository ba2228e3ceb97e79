-- Tasks of any kind as the disposition API shows, lists and moves them.

-- name: disposition_task_get
-- One task: a disposition task by entity (the newest first), else any task of the tenant by its id.
-- type: only of this kind, or null. Details and result of another API's task need its read scope.
-- takes: entity, include_details, include_history, type
-- gives: public_id, entity, kind, state, own_state, created_at, updated_at, finished_at, result
-- gives: error, details, history
select t.public_id, coalesce(t.entity, t.public_id) as entity, t.kind, t.state,
	case when t.api = 'calls' then call_word(t.state) end as own_state, t.created_at,
	t.updated_at, t.finished_at,
	case
		when t.finished_at is not null
			and (t.api = 'disposition' or tg_may(t.api || ':read')) then b.output
	end as result,
	case
		when t.state in ('failed', 'expired')
			then json_build_object(
				'code', 'TASK_' || upper(t.state),
				'message', coalesce(t.reason, 'the task ' || t.state)
			)
	end as error,
	case
		when :include_details::boolean
			and (t.api = 'disposition' or tg_may(t.api || ':read'))
			then case t.kind
				when 'generic'
					then json_build_object(
						'task_type', t.type, 'action', t.action,
						'priority', t.priority,
						'tags', coalesce(array_to_json(t.tags), '[]'::json)
					)
				else coalesce(b.detail, '{}'::json)
			end
	end as details,
	case when :include_history::boolean then task_history(t.id, t.created_at) end as history
from (
	(
		select tenant_id, id, public_id, entity, kind, api, type, action, priority, tags,
			state, reason, created_at, updated_at, finished_at
		from task
		where tenant_id = tg_tenant() and entity = :entity and api = 'disposition'
			and deleted_at is null and purged_at is null
			and (:type::text is null or kind = :type)
		order by seq desc
		limit 1
	)
	union all
	(
		select tenant_id, id, public_id, entity, kind, api, type, action, priority, tags,
			state, reason, created_at, updated_at, finished_at
		from task
		where tenant_id = tg_tenant() and public_id = :entity and deleted_at is null
			and purged_at is null and (:type::text is null or kind = :type)
	)
	limit 1
) t
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id

-- name: disposition_task_list
-- One page of tasks, the newest first. status, type: null for all. total stops at 100,001, since
-- counting more would take longer than anybody waits. tasks: a JSON array.
-- takes: status, type, page_rows, page_offset
-- gives: total, tasks
select
	(
		select count(*)
		from (
			select
			from task t
			where t.tenant_id = tg_tenant() and t.deleted_at is null
				and t.purged_at is null
				and (:status::text is null or t.state = :status)
				and (:type::text is null or t.kind = :type)
			limit 100001
		) n
	) as total,
	(
		select coalesce(
			json_agg(
				json_build_object(
					'task_id', p.public_id,
					'entity', coalesce(p.entity, p.public_id), 'type', p.kind,
					'status', p.state,
					'created_at', to_char(
						p.created_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'updated_at', to_char(
						p.updated_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'completed_at', to_char(
						p.finished_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'tags', coalesce(array_to_json(p.tags), '[]'::json)
				) order by p.seq desc
			),
			'[]'::json
		)
		from (
			select t.seq, t.public_id, t.entity, t.kind, t.state, t.created_at,
				t.updated_at, t.finished_at, t.tags
			from task t
			where t.tenant_id = tg_tenant() and t.deleted_at is null
				and t.purged_at is null
				and (:status::text is null or t.state = :status)
				and (:type::text is null or t.kind = :type)
			order by t.seq desc
			limit :page_rows::integer offset :page_offset::bigint
		) p
	) as tasks

-- name: disposition_task_list_by_tag
-- The same for one tag, through the index of task_tag.
-- takes: status, type, page_rows, page_offset, tag
-- gives: total, tasks
select
	(
		select count(*)
		from (
			select
			from task_tag g
			join task t on t.tenant_id = g.tenant_id and t.seq = g.seq
			where g.tenant_id = tg_tenant() and g.tag = :tag and t.deleted_at is null
				and t.purged_at is null
				and (:status::text is null or t.state = :status)
				and (:type::text is null or t.kind = :type)
			limit 100001
		) n
	) as total,
	(
		select coalesce(
			json_agg(
				json_build_object(
					'task_id', p.public_id,
					'entity', coalesce(p.entity, p.public_id), 'type', p.kind,
					'status', p.state,
					'created_at', to_char(
						p.created_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'updated_at', to_char(
						p.updated_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'completed_at', to_char(
						p.finished_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'tags', coalesce(array_to_json(p.tags), '[]'::json)
				) order by p.seq desc
			),
			'[]'::json
		)
		from (
			select t.seq, t.public_id, t.entity, t.kind, t.state, t.created_at,
				t.updated_at, t.finished_at, t.tags
			from task_tag g
			join task t on t.tenant_id = g.tenant_id and t.seq = g.seq
			where g.tenant_id = tg_tenant() and g.tag = :tag and t.deleted_at is null
				and t.purged_at is null
				and (:status::text is null or t.state = :status)
				and (:type::text is null or t.kind = :type)
			order by g.seq desc
			limit :page_rows::integer offset :page_offset::bigint
		) p
	) as tasks

-- name: disposition_task_cancel
-- Cancels a disposition task that has not ended, and what is still to be sent for it. entity: or
-- its id. No row where there is no such task. moved: it was cancelled now; else state is what it
-- was. Locks the work rows, then the tasks. The holder of a lease learns it at its next call.
-- takes: entity
-- gives: public_id, entity, kind, state, updated_at, finished_at, moved
with found as materialized (
	select id, public_id, entity, kind, state
	from task
	where tenant_id = tg_tenant() and id = task_named(:entity, 'disposition')
)
select f.public_id, f.entity, f.kind, coalesce(m.state, task_state_now(f.id)) as state,
	m.updated_at, m.finished_at, m.state is not null as moved
from found f
left join lateral task_cancel_family(f.id) m on true

-- name: disposition_task_revive
-- Queues a failed task again by hand, with all its attempts. entity: or its id. moved and state as
-- of disposition_task_cancel; nudge: work is due at once. The new work row counts its fences from
-- the number of events, which no former fence reached (each claim was an event): a late worker
-- holds nothing. A message is sent anew, whatever became of the one before.
-- takes: entity
-- gives: public_id, entity, kind, state, updated_at, finished_at, moved, nudge
with found as materialized (
	select id, public_id, entity, kind, state
	from task
	where tenant_id = tg_tenant() and id = task_named(:entity, 'disposition')
), moved as (
	update task t
	set state = 'pending', event = 'revive', reason = null, attempts = 0, progress = null,
		progress_message = null
	from found f
	where t.tenant_id = tg_tenant() and t.id = f.id and t.state = 'failed'
		and t.kind in ('generic', 'sms', 'email', 'voicemail')
	returning t.id, t.kind, t.state, t.updated_at, t.finished_at, t.priority, t.type,
		t.event_seq
), anew as (
	update message m
	set status = 'queued', provider_id = null, error_code = null, sent_at = null,
		delivered_at = null, asked = 0
	from moved t
	where m.tenant_id = tg_tenant() and m.task_id = t.id
), home as materialized (
	select a.lane, a.host
	from moved m,
		type_admit(
			m.type, false,
			(
				select input
				from task_body b
				where b.tenant_id = tg_tenant() and b.task_id = m.id
			)
		) a
	where m.kind = 'generic'
	union all
	select l.lane, l.host
	from moved m
	join (
		values ('sms', 'sms', 'twilio'), ('email', 'mail', 'smtp'),
			('voicemail', 'notify', null)
	) l(kind, lane, host) on l.kind = m.kind
), queued as (
	insert into work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, type, host)
	select m.id, tg_tenant(), m.id, now(), m.event_seq, m.priority, true, h.lane, m.type, h.host
	from moved m, home h
	returning lane
)
select f.public_id, f.entity, f.kind, coalesce(m.state, task_state_now(f.id)) as state,
	m.updated_at, m.finished_at, m.id is not null as moved,
	coalesce((select lane <> 'pull' from queued), false) as nudge
from found f
left join moved m on m.id = f.id

-- name: task_why
-- Why has this not run? entity: or its id, of any API. The task, its work (of a campaign its next
-- number's), and the first reason that holds, in the order in which a person would look.
-- takes: entity
-- gives: public_id, entity, kind, type, state, attempts, retry_count, run_at, lane, lease_until
-- gives: deadline, claimed_by, last_error, paused_at, pause_reason, parked_until, polled_at, why
select t.public_id, coalesce(t.entity, t.public_id) as entity, t.kind, t.type, t.state, t.attempts,
	t.retry_count, w.run_at, w.lane, w.lease_until, w.deadline, w.claimed_by,
	coalesce(w.last_error, t.reason) as last_error, l.paused_at, l.reason as pause_reason,
	h.parked_until, p.polled_at,
	case
		when t.finished_at is not null then 'finished'
		when w.id is null then 'no_work'
		when w.lease_until is not null then 'leased'
		when w.unsent_since is not null and h.parked_until > now() then 'host_parked'
		when w.run_at > now() and (w.attempt > 0 or w.unsent_since is not null)
			then 'retry_wait'
		when w.run_at > now() then 'not_due'
		when l.paused_at is not null then 'lane_paused'
		when h.parked_until > now() then 'host_parked'
		when w.lane = 'pull'
			and (p.polled_at is null or p.polled_at < now() - interval '5 minutes')
			then 'no_worker'
		when w.lane <> 'pull'
			and not exists (
				select
				from sweeper s
				where s.beat_at > now() - interval '150 seconds'
			) then 'no_sweeper'
		when w.pace_key is not null or w.lane = 'call' then 'paced'
		else 'due'
	end as why
from task t
left join lateral (
	select k.id, k.run_at, k.lane, k.host, k.lease_until, k.deadline, k.claimed_by,
		k.last_error, k.attempt, k.unsent_since, k.pace_key
	from work k
	where k.tenant_id = t.tenant_id and k.id = task_work(t.id, t.kind)
	limit 1
) w on true
left join lane l on l.name = w.lane
left join host_state h on h.host = case when w.lane = 'call' then 'twilio' else w.host end
left join type_poll p on p.tenant_id = t.tenant_id and p.type = t.type
where t.tenant_id = tg_tenant() and t.id = task_named(:entity, null)
