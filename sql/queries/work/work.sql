-- The pull side: programs of any language claim work, keep it by heartbeats and end it. A worker
-- whose fence is not the row's own changes nothing. The task's state comes back with the answer:
-- one round trip tells "cancelled", "taken over" and "never heard of" apart. Lock order: work, then
-- task.

-- name: work_claim
-- Leases the most urgent due tasks of these types, or of all types where types is null. Claiming
-- spends an attempt and gives a fence. Work whose task has ended meanwhile (a cancel raced with a
-- revival) is deleted. Skips rows that others hold. Locks type_poll rows that are ten seconds old,
-- in the order of the types: on conflict locks a row even where its `where` says no, so it must not
-- meet fresh ones.
-- takes: types, max, lease_seconds, worker
-- gives: id, fence, lease_until, attempt, public_id, entity, type, action, target_id, payload
-- gives: priority, tags
with recursive known as (
	(
		select type
		from work
		where tenant_id = tg_tenant() and lane = 'pull' and ready and lease_until is null
		order by type
		limit 1
	)
	union all
	select (
		select w.type
		from work w
		where w.tenant_id = tg_tenant() and w.lane = 'pull' and w.ready
			and w.lease_until is null and w.type > k.type
		order by w.type
		limit 1
	)
	from known k
	where k.type is not null
), wanted as materialized (
	select type
	from unnest(:types::text[]) type
	where not exists (select from lane where name = 'pull' and paused_at is not null)
	union
	select type
	from known
	where :types::text[] is null and type is not null
		and not exists (select from lane where name = 'pull' and paused_at is not null)
), seen as (
	insert into type_poll (tenant_id, type, worker)
	select tg_tenant(), w.type, :worker
	from wanted w
	where not exists (
		select
		from type_poll p
		where p.tenant_id = tg_tenant() and p.type = w.type
			and p.polled_at >= now() - interval '10 seconds'
	)
	order by w.type
	on conflict (tenant_id, type) do update set polled_at = now(), worker = excluded.worker
	where type_poll.polled_at < now() - interval '10 seconds'
), open as materialized (
	select c.id
	from wanted
	cross join lateral (
		select w.id, w.priority, w.run_at
		from work w
		where w.tenant_id = tg_tenant() and w.lane = 'pull' and w.type = wanted.type
			and w.ready and w.lease_until is null
		order by w.priority desc, w.run_at, w.id
		limit :max::integer
		for update skip locked
	) c
	order by c.priority desc, c.run_at, c.id
	limit :max::integer
), moved as (
	update task t
	set state = 'processing', event = 'claim', reason = null, started_at = now(),
		attempts = t.attempts + 1
	where t.tenant_id = tg_tenant() and t.id = any (array(select id from open))
		and t.state in ('pending', 'queued')
	returning t.id, t.seq, t.public_id, t.entity, t.type, t.action, t.target_id, t.priority,
		t.tags, t.attempts, t.timeout_s
), leased as (
	update work w
	set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = :worker,
		deadline = now() + make_interval(secs => m.timeout_s),
		lease_until = now() + make_interval(
			secs => least(:lease_seconds::integer, m.timeout_s)
		)
	from moved m
	where w.tenant_id = tg_tenant() and w.id = m.id
	returning w.fence, w.lease_until, m.id, m.seq, m.public_id, m.entity, m.type, m.action,
		m.target_id, m.priority, m.tags, m.attempts
), gone as (
	delete from work w
	where w.tenant_id = tg_tenant()
		and w.id = any (array(select id from open except all select id from moved))
)
select l.id, l.fence, l.lease_until, l.attempts as attempt, l.public_id, l.entity, l.type, l.action,
	l.target_id, b.input as payload, l.priority,
	coalesce(array_to_json(l.tags), '[]'::json) as tags
from leased l
left join (
	select task_id, input
	from task_body
	where tenant_id = tg_tenant() and task_id = any (array(select id from moved))
) b on b.task_id = l.id
order by l.priority desc, l.seq

-- name: work_heartbeat
-- lease_until: null where the fence is stale. state: null where there is no such task.
-- takes: id, fence, lease_seconds
-- gives: lease_until, held, state
with beat as (
	update work
	set lease_until = least(now() + make_interval(secs => :lease_seconds::integer), deadline)
	where id = :id::uuid and tenant_id = tg_tenant() and fence = :fence::bigint
		and lane in ('handler', 'pull') and deadline > now()
	returning lease_until
)
select (select lease_until from beat) as lease_until, exists (select from beat) as held,
	case when exists (select from beat) then 'processing' else task_state_now(:id::uuid) end
		as state

-- name: work_progress
-- progress: 0 to 100.
-- takes: id, fence, progress, message
-- gives: lease_until, held, state
with held as materialized (
	select id, lease_until
	from work
	where id = :id::uuid and tenant_id = tg_tenant() and fence = :fence::bigint
		and lane in ('handler', 'pull') and deadline > now()
	for update
), told as (
	update task t
	set progress = :progress::smallint, progress_message = :message, updated_at = now()
	from held h
	where t.tenant_id = tg_tenant() and t.id = h.id
)
select (select lease_until from held) as lease_until, exists (select from held) as held,
	case when exists (select from held) then 'processing' else task_state_now(:id::uuid) end
		as state

-- name: work_log
-- About 1,000 lines a task are kept (writers that race may add a few). logged: this one was.
-- takes: id, fence, level, message
-- gives: lease_until, held, logged, state
with held as materialized (
	select id, lease_until
	from work
	where id = :id::uuid and tenant_id = tg_tenant() and fence = :fence::bigint
		and lane in ('handler', 'pull') and deadline > now()
	for update
), written as (
	insert into task_log (tenant_id, task_id, id, level, message)
	select tg_tenant(), h.id, nextval('task_log_id'), :level, :message
	from held h
	where (
		select count(*) from task_log l where l.tenant_id = tg_tenant() and l.task_id = h.id
	) < 1000
	returning id
)
select (select lease_until from held) as lease_until, exists (select from held) as held,
	exists (select from written) as logged,
	case when exists (select from held) then 'processing' else task_state_now(:id::uuid) end
		as state

-- name: work_complete
-- Ends the task. result: JSON or null. Where the fence is stale, held is false and state is the
-- task's present one.
-- takes: id, fence, result
-- gives: held, public_id, entity, finished_at, nudge, run_at, state
with held as materialized (
	select id
	from work
	where id = :id::uuid and tenant_id = tg_tenant() and fence = :fence::bigint
		and lane in ('handler', 'pull') and deadline > now()
	for update
), moved as (
	update task t
	set state = 'completed', event = 'complete', reason = null, progress = 100
	from held h
	where t.tenant_id = tg_tenant() and t.id = h.id and t.state = 'processing'
	returning t.id, t.public_id, t.entity, t.state, t.finished_at, t.callback_url
), body as (
	update task_body b
	set output = :result::json
	from moved m
	where b.tenant_id = tg_tenant() and b.task_id = m.id
), gone as (
	delete from work w using moved m where w.tenant_id = tg_tenant() and w.id = m.id
)
select exists (select from moved) as held, (select public_id from moved) as public_id,
	(select entity from moved) as entity, (select finished_at from moved) as finished_at,
	coalesce((select callback_url is not null from moved), false) as nudge,
	null::timestamptz as run_at,
	coalesce((select state from moved), task_state_now(:id::uuid)) as state

-- name: work_fail
-- With attempts left the task waits for its next one, else it is failed. retry: false where another
-- attempt is useless.
-- takes: id, fence, error, retry, first_pause_ms
-- gives: held, public_id, entity, finished_at, nudge, run_at, state
with held as materialized (
	select id, attempt
	from work
	where id = :id::uuid and tenant_id = tg_tenant() and fence = :fence::bigint
		and lane in ('handler', 'pull') and deadline > now()
	for update
), moved as (
	update task t
	set
		state = case
			when :retry::boolean and t.attempts <= t.retry_count then 'pending'
			else 'failed'
		end,
		event = case
			when :retry::boolean and t.attempts <= t.retry_count then 'retry'
			else 'fail'
		end,
		reason = :error
	from held h
	where t.tenant_id = tg_tenant() and t.id = h.id and t.state = 'processing'
	returning t.id, t.public_id, t.entity, t.state, t.finished_at, t.callback_url, t.attempts
), again as (
	update work w
	set ready = false, lease_until = null, deadline = null, claimed_by = null,
		last_error = :error, unsent_since = null,
		run_at = now() + retry_delay(m.attempts, :first_pause_ms::integer)
	from moved m
	where w.tenant_id = tg_tenant() and w.id = m.id and m.state = 'pending'
	returning w.run_at
), gone as (
	delete from work w
	using moved m
	where w.tenant_id = tg_tenant() and w.id = m.id and m.state = 'failed'
)
select exists (select from moved) as held, (select public_id from moved) as public_id,
	(select entity from moved) as entity, (select finished_at from moved) as finished_at,
	coalesce(
		(select callback_url is not null and finished_at is not null from moved), false
	) as nudge,
	(select run_at from again) as run_at,
	coalesce((select state from moved), task_state_now(:id::uuid)) as state
