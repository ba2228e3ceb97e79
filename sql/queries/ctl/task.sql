-- What `taskgatectl task show` shows.

-- name: task_show
-- entity: or the task's id, or its internal id. At most one row, whatever became of the task.
-- takes: entity
-- gives: public_id, id, entity, api, kind, type, action, target_id, state, reason, priority
-- gives: attempts, retry_count, timeout_s, progress, progress_message, created_at, scheduled_at
-- gives: started_at, finished_at, updated_at, created_by, tags, callback_url, input, output, lane
-- gives: run_at, lease_until, fence, claimed_by, last_error
select t.public_id, t.id, t.entity, t.api, t.kind, t.type, t.action, t.target_id, t.state, t.reason,
	t.priority, t.attempts, t.retry_count, t.timeout_s, t.progress, t.progress_message,
	t.created_at, t.scheduled_at, t.started_at, t.finished_at, t.updated_at,
	p.handle as created_by, array_to_json(t.tags) as tags, t.callback_url, b.input, b.output,
	w.lane, w.run_at, w.lease_until, w.fence, w.claimed_by, w.last_error
from (
	(
		select id
		from task
		where tenant_id = tg_tenant() and entity = :entity
		order by seq desc
		limit 1
	)
	union all
	(select id from task where tenant_id = tg_tenant() and public_id = :entity)
	union all
	(
		select id
		from task
		where tenant_id = tg_tenant()
			and id = case
				when :entity
					~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
					then :entity::uuid
			end
	)
	limit 1
) f
join task t on t.tenant_id = tg_tenant() and t.id = f.id
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
left join work w on w.tenant_id = t.tenant_id and w.id = t.id
left join principal p on p.tenant_id = t.tenant_id and p.id = t.created_by

-- name: task_show_history
-- id: the internal one.
-- takes: id
-- gives: seq, at, event, from_state, to_state, reason, principal, remote, request_id
select e.seq, e.at, e.event, e.from_state, e.to_state, coalesce(e.reason, g.why) as reason,
	p.handle as principal, e.remote, e.request_id
from task_event e
left join state_edge g on g.machine = e.machine and g.from_state = e.from_state
	and g.event = e.event and g.to_state = e.to_state
left join principal p on p.tenant_id = e.tenant_id and p.id = e.principal_id
where e.tenant_id = tg_tenant() and e.task_id = :id::uuid
order by e.seq

-- name: task_show_deliveries
-- id: the internal one.
-- takes: id
-- gives: id, event, state, attempts, last_status, last_error, url, created_at, finished_at
select id, event, state, attempts, last_status, last_error, url, created_at, finished_at
from delivery
where tenant_id = tg_tenant() and task_id = :id::uuid
order by created_at, id
