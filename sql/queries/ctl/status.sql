-- What `taskgatectl status` shows, of all tenants.

-- name: status_campaigns
-- The campaigns that have not ended, the newest first.
-- gives: task_id, tenant, total, completed, failed, cancelled, in_flight, state
select t.public_id as task_id, n.name as tenant, p.total, p.completed, p.failed, p.cancelled,
	coalesce(g.in_flight, 0) as in_flight, t.state
from (select distinct c.tenant_id, c.task_id from call c where c.ended_at is null) c
join campaign p on p.tenant_id = c.tenant_id and p.task_id = c.task_id and p.delay_s is not null
join task t on t.tenant_id = c.tenant_id and t.id = c.task_id
join tenant n on n.id = c.tenant_id
left join pace g on g.key = 'campaign:' || c.task_id
order by t.seq desc
limit 20

-- name: status_sweepers
-- The sweepers whose heart beats.
-- gives: host, pid, age_seconds, beat_seconds, done
select host, pid, extract(epoch from now() - started_at)::integer as age_seconds,
	round(extract(epoch from now() - beat_at)::numeric, 1) as beat_seconds, done
from sweeper
where left_at is null and beat_at > now() - interval '150 seconds'
order by host, pid

-- name: status_hosts
-- The hosts that rest after failures.
-- gives: host, failures, parked_seconds, last_error
select host, failures,
	greatest(extract(epoch from parked_until - now()), 0)::integer as parked_seconds, last_error
from host_state
where parked_until > now()
order by host

-- name: status_states
-- How the tasks of the last hour stand, by API; of each tenant the newest 10,000, so that it stays
-- cheap.
-- gives: api, state, tasks
select n.api, n.state, count(*) as tasks
from tenant t
cross join lateral (
	select api, state, created_at from task where tenant_id = t.id order by seq desc limit 10000
) n
where n.created_at > now() - interval '1 hour'
group by n.api, n.state
order by n.api,
	array_position(
		array[
			'pending', 'queued', 'processing', 'completed', 'failed', 'cancelled',
			'expired'
		],
		n.state
	)
