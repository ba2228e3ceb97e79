-- What keeps the lanes of taskgate-sweep going; claim.sql, settle.sql and purge.sql take, settle
-- and throw away. It runs without a tenant, as taskgate_sweep. Any number of sweepers may run: rows
-- are claimed by `for update skip locked`, and every outcome carries the fence of its claim. Lock
-- order: work (by id), then task. What was picked is looked up one by one, through arrays, which
-- the planner takes for short whatever the size of the ledger. Two sets of a batch are never joined
-- with each other: that took 64 x 64 comparisons, 6 microseconds a task.

-- name: sweep_setup
-- Once a connection. Everything here is found through an index, also where a plan was made while
-- the tables were empty.
select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
	set_config('enable_mergejoin', 'off', false)

-- name: sweep_hello
-- The first statement of a sweep. lingers: it stays after its work is done. Gives this sweep's
-- started_at, the newest migration, the first tenant.
-- takes: host, pid, lingers
-- gives: started_at, migration, first_tenant
with me as (
	insert into sweeper (host, pid, lingers)
	values (:host, :pid::integer, :lingers::boolean)
	returning started_at
)
select started_at, (select max(number) from migration) as migration,
	(select id from tenant order by number limit 1) as first_tenant
from me

-- name: sweep_beat
-- done: work settled in all. replaced: a newer sweeper of this host has taken over.
-- takes: host, pid, started_at, done, leaving
-- gives: replaced
with beat as (
	update sweeper
	set beat_at = now(), done = :done::bigint,
		left_at = case when :leaving::boolean then now() end
	where host = :host and pid = :pid::integer and started_at = :started_at::timestamptz
)
select exists (
	select
	from sweeper s
	where s.host = :host and s.started_at > :started_at::timestamptz and s.lingers
		and s.left_at is null and s.beat_at > now() - interval '20 seconds'
) as replaced

-- name: sweep_cluster_mark
-- Notices a restored backup or a failover once, and pauses the lanes that dial and send.
-- gives: changed, why, lanes
with here as materialized (
	select s.system_identifier::text as system_identifier, c.timeline_id as timeline
	from pg_control_system() s, pg_control_checkpoint() c
), old as materialized (
	select m.system_identifier, m.timeline from cluster_mark m for update
), other as materialized (
	select h.system_identifier, h.timeline,
		format(
			'cluster %s timeline %s became %s timeline %s', o.system_identifier,
			o.timeline, h.system_identifier, h.timeline
		) as why
	from here h, old o
	where (h.system_identifier, h.timeline) <> (o.system_identifier, o.timeline)
), noted as (
	insert into cluster_mark (system_identifier, timeline)
	select system_identifier, timeline
	from here
	where not exists (select from old) or exists (select from other)
	on conflict (single) do update
	set system_identifier = excluded.system_identifier, timeline = excluded.timeline,
		seen_at = now()
), paused as (
	update lane l
	set paused_at = now(), paused_by = 'taskgate-sweep',
		reason = 'restored or failed over: ' || o.why
	from other o
	where l.stop_on_restore and l.paused_at is null
	returning l.name
)
select exists (select from other) as changed, (select why from other) as why,
	(select string_agg(name, ',' order by name) from paused) as lanes

-- name: sweep_promote
-- Marks ready what has become due, which is what the claim indexes hold. next_ms: until something
-- else is due, a lease runs out or a limiter has room again; null where nothing is in sight. Skips
-- rows that others hold.
-- takes: most
-- gives: promoted, next_ms
with due as materialized (
	select id
	from work
	where not ready and run_at <= now()
	order by run_at
	limit :most::integer
	for update skip locked
), promoted as (
	update work w set ready = true where w.id = any (array(select id from due)) returning w.id
)
select (select count(*) from promoted) as promoted,
	ceil(
		extract(
			epoch from least(
				(select min(run_at) from work where not ready and run_at > now()),
				(select min(lease_until) from work where lease_until is not null),
				(select min(open_at) from pace where open_at > now())
			) - now()
		) * 1000
	) as next_ms

-- name: sweep_expire
-- Ends leases that ran out, attempts that outlived their timeout, tasks that nobody ever claimed or
-- whose claims were all given back unsent. most: of each kind. ttl_s: time-to-live, 0 for none. A
-- task that is no longer processing leaves no work behind, and a message whose task has ended here
-- is no longer in line. Gives counts. Locks work rows by skip locked, then tasks.
-- takes: most, ttl_s, first_pause_ms
-- gives: late, retried, ended, given_back, told
with late as materialized (
	select w.id, w.tenant_id, w.task_id,
		w.deadline <= now() and w.lane in ('handler', 'pull') as timed_out, false as never,
		null as why
	from work w
	where w.lease_until < now()
		and (
			w.lane in ('handler', 'pull', 'mail') or w.lane = 'sms'
				and w.type is distinct from 'ask'
		)
		and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by w.lease_until
	limit :most::integer
	for update skip locked
), stale as materialized (
	select w.id, w.tenant_id, w.task_id, false as timed_out, true as never, w.last_error as why
	from work w
	where :ttl_s::bigint > 0 and (w.unsent_since is not null or (w.ready and w.attempt = 0))
		and w.lease_until is null
		and coalesce(w.unsent_since, w.run_at) < now() - make_interval(
			secs => :ttl_s::bigint
		)
		and w.lane in ('handler', 'pull', 'sms', 'mail', 'notify')
		and w.type is distinct from 'ask'
		and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by coalesce(w.unsent_since, w.run_at)
	limit :most::integer
	for update skip locked
), gone_by as materialized (
	select id, tenant_id, task_id, timed_out, never, why
	from late
	union all
	select id, tenant_id, task_id, timed_out, never, why
	from stale
), moved as (
	update task t
	set
		state = case
			when g.never then 'expired'
			when t.attempts <= t.retry_count then 'pending'
			when g.timed_out then 'expired'
			else 'failed'
		end,
		event = case
			when g.never then 'expire'
			when t.attempts <= t.retry_count then 'retry'
			when g.timed_out then 'expire'
			else 'fail'
		end,
		reason = case
			when g.never
				then format(
					'%s within %s s%s',
					case
						when t.attempts = 0 then 'never started'
						else 'not started again'
					end,
					:ttl_s::bigint, ': ' || g.why
				)
			when not g.timed_out then 'the lease ran out'
			when t.attempts <= t.retry_count
				then format('attempt timed out after %s s', t.timeout_s)
			else format('timed out after %s s', t.timeout_s)
		end
	from gone_by g
	where t.tenant_id = g.tenant_id and t.tenant_id = any (array(select tenant_id from gone_by))
		and t.id = any (array(select task_id from gone_by)) and t.id = g.task_id
		and t.state = any (
			case
				when g.never then array['pending', 'queued']
				else array['processing']
			end
		)
	returning t.id, t.state, t.attempts, t.reason,
		t.callback_url is not null and t.finished_at is not null as tells
), again as (
	update work w
	set ready = false, lease_until = null, deadline = null, claimed_by = null,
		last_error = m.reason, unsent_since = null,
		run_at = now() + retry_delay(m.attempts, :first_pause_ms::integer)
	from moved m
	where w.id = m.id and w.id = any (array(select id from moved)) and m.state = 'pending'
), unsaid as (
	update message m
	set status = 'failed'
	where m.task_id = any (array(select id from moved where state <> 'pending'))
		and m.status in ('queued', 'rendering', 'sending')
), gone as (
	delete from work w
	where w.id = any (
		array(
			select id
			from gone_by
			except all
			select id
			from moved
			where state = 'pending'
		)
	)
), unsent as materialized (
	select w.id
	from work w
	where w.lease_until < now()
		and (w.lane in ('webhook', 'follow') or w.lane = 'sms' and w.type = 'ask')
		and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by w.lease_until
	limit :most::integer
	for update skip locked
), given_back as (
	update work w
	set lease_until = null, deadline = null, claimed_by = null,
		last_error = 'the sweeper went away before the answer', run_at = now()
	where w.id = any (array(select id from unsent))
)
select (select count(*) from gone_by) as late,
	(select count(*) from moved where state = 'pending') as retried,
	(select count(*) from moved where state <> 'pending') as ended,
	(select count(*) from unsent) as given_back,
	(select count(*) from moved where tells) as told

-- name: sweep_regain
-- Hands to the handler what waits in the pull lane although its type has one: it was leased, or
-- being created, while the type got it. sweep_handler_settle does it the other way round. Skips
-- work that others hold.
-- takes: most
-- gives: regained
with found as materialized (
	select w.id, url_host(y.handler_url) as host
	from task_type y
	cross join lateral (
		select w.id
		from work w
		where w.tenant_id = y.tenant_id and w.type = y.name and w.lane = 'pull' and w.ready
			and w.lease_until is null
		order by w.priority desc, w.run_at, w.id
		limit :most::integer
		for update skip locked
	) w
	where y.handler_url is not null
	limit :most::integer
), regained as (
	update work w
	set lane = 'handler', host = f.host
	from found f
	where w.id = f.id
	returning w.id
)
select count(*) as regained
from regained

-- name: sweep_call_expire
-- A dial whose sweeper went away becomes unknown; what was not dialled within its time-to-live (0:
-- none) expires.
-- takes: most, ttl_s
-- gives: late
select call_expire(:most::integer) + call_overdue(:most::integer, :ttl_s::bigint) as late

-- name: sweep_notify
-- Makes of the voicemails that are due the mails and SMS to their recipients. Locks work by skip
-- locked, then task.
-- takes: most
-- gives: notified
select notified from voicemail_notify(:most::integer)

-- name: sweep_preview
-- What `taskgate-sweep -n` shows. One row a lane: what would be done now, what waits for its time,
-- what is under way, what waits for a parked host.
-- gives: lane, paused, due, later, running, parked
select l.name as lane,
	coalesce(l.reason, case when l.paused_at is not null then 'paused' end) as paused,
	case l.name
		when 'expire' then (select count(*) from work w where w.lease_until < now())
		when 'purge'
			then (
				select count(*)
				from idempotency
				where created_at < now() - interval '24 hours'
			) + (
				select count(*)
				from delivery
				where finished_at < now() - interval '7 days'
			)
		else (
			select count(*)
			from work w
			where w.lane = l.name and w.lease_until is null and w.run_at <= now()
				and not exists (
					select
					from host_state h
					where h.host = w.host and h.parked_until > now()
				)
		)
	end as due,
	(
		select count(*)
		from work w
		where w.lane = l.name and w.lease_until is null and w.run_at > now()
	) as later,
	(
		select count(*) from work w where w.lane = l.name and w.lease_until is not null
	) as running,
	(
		select count(*)
		from work w
		join host_state h on h.host = w.host
		where w.lane = l.name and w.lease_until is null and w.run_at <= now()
			and h.parked_until > now()
	) as parked
from lane l
order by l.name
