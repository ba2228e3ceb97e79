-- What became of what taskgate-sweep took: only the holder of the claim's fence says it. The settle
-- statements take arrays: work ids, fences, outcomes, results, reasons, and the seconds before
-- which no retry may come (waits; 0 for none). They give one row of counts: settled, of them
-- retried, stale; told: a task may have ended.

-- name: sweep_host_settle
-- A host that failed five times running rests for a pause that grows from 1 s to 60 s; one answer
-- ends that. It runs before the other settle statements, which look at parked_until. failures:
-- since the last answer. answered: there was an answer. errors: what the last failure said. One row
-- for each host that is written. Locks host rows in order.
-- takes: hosts, failures, answered, errors
-- gives: host, failures, pause_s, parked
insert into host_state as h (host, failures, pause_s, parked_until, last_error)
select o.host, o.failures, case when o.failures >= 5 then 1 else 0 end,
	case when o.failures >= 5 then now() + interval '1 second' end, o.error
from unnest(
	:hosts::text[], :failures::integer[], :answered::boolean[], :errors::text[]
) o(host, failures, answered, error)
order by o.host
on conflict (host) do update
set updated_at = now(), last_error = coalesce(excluded.last_error, h.last_error),
	failures = excluded.failures + case
		when excluded.host = any (
			array(
				select a.host
				from unnest(:hosts::text[], :answered::boolean[]) a(host, answered)
				where a.answered
			)
		) then 0
		else h.failures
	end,
	pause_s = case
		when excluded.host = any (
			array(
				select a.host
				from unnest(:hosts::text[], :answered::boolean[]) a(host, answered)
				where a.answered
			)
		) then excluded.pause_s
		when h.failures + excluded.failures >= 5 then least(60, greatest(1, h.pause_s * 2))
		else 0
	end,
	parked_until = case
		when excluded.host = any (
			array(
				select a.host
				from unnest(:hosts::text[], :answered::boolean[]) a(host, answered)
				where a.answered
			)
		) then excluded.parked_until
		when h.failures + excluded.failures >= 5
			then now() + make_interval(secs => least(60, greatest(1, h.pause_s * 2)))
	end
returning h.host, h.failures, h.pause_s, h.parked_until is not null as parked

-- name: sweep_handler_settle
-- Outcomes of handler transfers: complete, hold, fail, timeout, release, unsent. A fence that is
-- not the row's own changes nothing; the lane may be another one by now, since a type's handler may
-- go while it works. hold: the handler will finish through /work/{id}/complete. release and unsent:
-- the claim is given back and was no attempt; after unsent there is a pause that grows with the
-- failures of the host. What goes back waits where its type's work is done at present. Locks work
-- by id, then task.
-- takes: ids, fences, outcomes, results, reasons, waits, first_pause_ms
-- gives: settled, retried, told, stale
with o as materialized (
	select o.id, o.fence, o.outcome, o.output, o.reason, o.wait_s
	from unnest(
		:ids::uuid[], :fences::bigint[], :outcomes::text[], :results::text[],
		:reasons::text[], :waits::integer[]
	) o(id, fence, outcome, output, reason, wait_s)
), held as materialized (
	select w.id, w.tenant_id, o.output, o.reason, o.wait_s, o.outcome,
		o.outcome in ('release', 'unsent') as unused
	from (select id, fence, outcome, output, reason, wait_s from o order by id) o
	cross join lateral (
		select w.id, w.tenant_id
		from work w
		where w.id = o.id and w.fence = o.fence and w.deadline is not null
			and w.lane in ('handler', 'pull')
		for update
	) w
), kept as (
	update work w
	set lease_until = w.deadline, unsent_since = null
	from held h
	where w.id = h.id and h.outcome = 'hold'
	returning w.id
), moved as (
	update task t
	set
		state = case
			when h.outcome = 'complete' then 'completed'
			when h.unused or t.attempts <= t.retry_count then 'pending'
			when h.outcome = 'timeout' then 'expired'
			else 'failed'
		end,
		event = case
			when h.outcome = 'complete' then 'complete'
			when h.unused then 'release'
			when t.attempts <= t.retry_count then 'retry'
			when h.outcome = 'timeout' then 'expire'
			else 'fail'
		end,
		reason = case
			when h.outcome = 'complete' then null
			when h.outcome <> 'timeout' then h.reason
			when t.attempts <= t.retry_count
				then format('attempt timed out after %s s', t.timeout_s)
			else format('timed out after %s s', t.timeout_s)
		end,
		progress = case when h.outcome = 'complete' then 100 else t.progress end,
		attempts = case when h.unused then t.attempts - 1 else t.attempts end
	from held h
	where t.tenant_id = h.tenant_id and t.id = h.id and t.state = 'processing'
		and h.outcome <> 'hold'
	returning t.tenant_id, t.id, t.type, t.state, t.event, t.reason, t.attempts, h.unused,
		h.outcome, h.output, h.wait_s,
		t.callback_url is not null and t.finished_at is not null as tells
), stored as (
	update task_body b
	set output = m.output::json
	from moved m
	where b.tenant_id = m.tenant_id and b.task_id = m.id and m.outcome = 'complete'
		and m.output is not null
), again as (
	update work w
	set ready = m.unused and y.handler_url is null, lease_until = null, deadline = null,
		claimed_by = null, last_error = m.reason,
		attempt = case when m.unused then w.attempt - 1 else w.attempt end,
		unsent_since = case when m.unused then coalesce(w.unsent_since, w.run_at) end,
		lane = case when y.handler_url is null then 'pull' else 'handler' end,
		host = url_host(y.handler_url),
		run_at = case
			when not m.unused
				then now() + greatest(
					retry_delay(m.attempts, :first_pause_ms::integer),
					make_interval(secs => m.wait_s)
				)
			when y.handler_url is null then now()
			else coalesce(
				(
					select case
						when h.parked_until > now() then h.parked_until
						when m.outcome = 'unsent'
							then now() + retry_delay(
								h.failures, :first_pause_ms::integer
							)
					end
					from host_state h
					where h.host = url_host(y.handler_url)
				),
				now()
			)
		end
	from moved m
	left join task_type y on y.tenant_id = m.tenant_id and y.name = m.type
	where w.id = m.id and m.state = 'pending'
), gone as (
	delete from work w where w.id = any (array(select id from moved where state <> 'pending'))
)
select (select count(*) from moved) + (select count(*) from kept) as settled,
	(select count(*) from moved where state = 'pending') as retried,
	(select count(*) from moved where tells) as told,
	cardinality(:ids::uuid[]) - (select count(*) from moved) - (select count(*) from kept)
		as stale

-- name: sweep_webhook_settle
-- Outcomes of deliveries: delivered, dead, fail, release, unsent. statuses: of HTTP, or null.
-- pauses: in seconds, the last retry's last. unsent is no attempt while the host rests, for as long
-- as all the pauses together: a receiver that never comes back is given up in the end. Locks work
-- by id, then delivery.
-- takes: ids, fences, outcomes, statuses, reasons, waits, pauses
-- gives: settled, retried, dead, stale
with o as materialized (
	select o.id, o.fence, o.outcome, o.status, o.reason, o.wait_s
	from unnest(
		:ids::uuid[], :fences::bigint[], :outcomes::text[], :statuses::integer[],
		:reasons::text[], :waits::integer[]
	) o(id, fence, outcome, status, reason, wait_s)
), held as materialized (
	select w.id, w.tenant_id, w.attempt, o.status, o.reason, o.wait_s,
		case
			when o.outcome in ('delivered', 'dead', 'release') then o.outcome
			when o.outcome = 'unsent'
				and exists (
					select
					from host_state h
					where h.host = w.host and h.parked_until > now()
				)
				and exists (
					select
					from delivery d
					where d.tenant_id = w.tenant_id and d.id = w.id
						and d.created_at > now() - make_interval(
							secs => (
								select sum(p)
								from unnest(:pauses::integer[]) p
							)
						)
				) then 'release'
			when w.attempt > cardinality(:pauses::integer[]) then 'dead'
			else 'again'
		end as outcome,
		w.host
	from (select id, fence, outcome, status, reason, wait_s from o order by id) o
	cross join lateral (
		select w.id, w.tenant_id, w.host, w.attempt
		from work w
		where w.id = o.id and w.fence = o.fence and w.deadline is not null
			and w.lane = 'webhook'
		for update
	) w
), noted as (
	update delivery d
	set
		state = case h.outcome
			when 'delivered' then 'delivered'
			when 'dead' then 'dead'
			else 'pending'
		end,
		finished_at = case when h.outcome in ('delivered', 'dead') then now() end,
		attempts = d.attempts + case h.outcome when 'release' then 0 else 1 end,
		last_status = h.status, last_error = h.reason
	from held h
	where d.tenant_id = h.tenant_id and d.id = h.id
), again as (
	update work w
	set ready = false, lease_until = null, deadline = null, claimed_by = null,
		last_error = h.reason,
		attempt = case when h.outcome = 'release' then w.attempt - 1 else w.attempt end,
		run_at = case
			when h.outcome = 'release'
				then greatest(
					now(),
					(
						select s.parked_until
						from host_state s
						where s.host = h.host
					)
				)
			else now() + make_interval(
				secs => greatest(
					(:pauses::integer[])[w.attempt] * (0.9 + 0.2 * random()),
					h.wait_s
				)
			)
		end
	from held h
	where w.id = h.id and h.outcome in ('again', 'release')
), gone as (
	delete from work w
	where w.id = any (array(select id from held where outcome in ('delivered', 'dead')))
)
select (select count(*) from held) as settled,
	(select count(*) from held where outcome = 'again') as retried,
	(select count(*) from held where outcome = 'dead') as dead,
	cardinality(:ids::uuid[]) - (select count(*) from held) as stale

-- name: sweep_message_settle
-- Outcomes of SMS and mail: sent, accepted, asked, refuse, fail, release, unsent; message_settle()
-- says what each means. answers: the provider's (JSON) or null. pauses: milliseconds before the
-- first retry, seconds before Twilio is asked. Locks work by id, then task, then the task that it
-- was sent for.
-- takes: ids, fences, outcomes, answers, reasons, waits, pauses
-- gives: settled, retried, told, stale
select count(*) filter (where s.settled) as settled, count(*) filter (where s.retried) as retried,
	count(*) filter (where s.settled) as told, count(*) filter (where not s.settled) as stale
from (
	select id, fence, outcome, detail, reason, wait_s
	from unnest(
		:ids::uuid[], :fences::bigint[], :outcomes::text[], :answers::text[],
		:reasons::text[], :waits::integer[]
	) o(id, fence, outcome, detail, reason, wait_s)
	order by id
) o
cross join lateral message_settle(
	o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, :pauses::integer[]
) s

-- name: sweep_call_hold
-- Before the outcomes of calls are told, in the same transaction: holds the work of all of them,
-- since whoever has the limiters must not wait for work. Locks work by id.
-- takes: ids
-- gives: held
select count(*) as held
from (select w.id from work w where w.id = any (:ids::uuid[]) order by w.id for update) w

-- name: sweep_call_settle
-- Outcomes of dials: accepted, refuse, again, unsent, release, fail (its outcome is unknown).
-- answers: Twilio's (JSON) or null. pauses: milliseconds before the first retry, seconds before
-- Twilio is asked, seconds until its list is believed. ages_ms: since each answer came, or failed
-- to come. Locks work (sweep_call_hold), then pace, campaign, task.
-- takes: ids, fences, outcomes, answers, reasons, waits, pauses, ages_ms
-- gives: settled, retried, told, stale
select count(*) filter (where s.settled) as settled, 0 as retried,
	count(*) filter (where s.settled) as told, count(*) filter (where not s.settled) as stale
from (
	select id, fence, outcome, detail, reason, wait_s, ago_ms
	from unnest(
		:ids::uuid[], :fences::bigint[], :outcomes::text[], :answers::text[],
		:reasons::text[], :waits::integer[], :ages_ms::integer[]
	) o(id, fence, outcome, detail, reason, wait_s, ago_ms)
	order by id
) o
cross join lateral (
	select call_settle(
		o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, :pauses::integer[],
		o.ago_ms
	)
) s(settled)

-- name: sweep_follow_settle
-- The same for what was asked: asked, listed, gone, fail, release, unsent.
-- takes: ids, fences, outcomes, answers, reasons, waits, pauses
-- gives: settled, retried, told, stale
select count(*) filter (where s.settled) as settled, 0 as retried,
	count(*) filter (where s.settled) as told, count(*) filter (where not s.settled) as stale
from (
	select id, fence, outcome, detail, reason, wait_s
	from unnest(
		:ids::uuid[], :fences::bigint[], :outcomes::text[], :answers::text[],
		:reasons::text[], :waits::integer[]
	) o(id, fence, outcome, detail, reason, wait_s)
	order by id
) o
cross join lateral (
	select follow_settle(
		o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, :pauses::integer[]
	)
) s(settled)
