-- Calls under the hands of an operator.

-- name: call_list
-- Numbers that have not ended, those under way first. unknown_only: those of which nobody knows
-- whether they were dialled.
-- takes: unknown_only, page_rows
-- gives: id, task_id, number, state, status, sid, attempts, granted_at, lane, run_at, reason
select c.id, t.public_id as task_id, c.number, c.state, c.status, c.sid, c.attempts, c.granted_at,
	w.lane, w.run_at, coalesce(c.reason, w.last_error) as reason
from call c
join task t on t.tenant_id = c.tenant_id and t.id = c.task_id
left join work w on w.tenant_id = c.tenant_id and w.id = c.id
where c.tenant_id = tg_tenant() and c.ended_at is null
	and c.id = any (
		case
			when :unknown_only::boolean
				then array(
					select u.id
					from call u
					where u.tenant_id = tg_tenant() and u.ended_at is null
						and u.state = 'unknown'
				)
			else array(
				select k.id
				from work k
				where k.tenant_id = tg_tenant() and k.lane in ('call', 'follow')
			)
		end
	)
order by c.granted_at, w.run_at, c.id
limit :page_rows::integer

-- name: call_settle_by_hand
-- was: the state that it was in; null where there is no such call. Only an unknown one is settled.
-- Locks its work, then pace, campaign, task.
-- takes: id, dialled
-- gives: id, was, state
with settled as materialized (
	select call_settle_by_hand(:id::uuid, :dialled::boolean) as was
)
select :id::uuid as id, was, case when :dialled::boolean then 'completed' else 'failed' end as state
from settled

-- name: call_stop_all
-- stopped: how many call tasks were cancelled. Locks the work of all calls that have not ended,
-- then pace, campaign, task.
-- takes: reason
-- gives: stopped
select calls_stop_all(:reason) as stopped
