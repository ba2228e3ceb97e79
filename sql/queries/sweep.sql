-- What taskgate-sweep does. It runs without a tenant, as taskgate_sweep. Any number of sweepers may run: rows are claimed by `for update skip
-- locked`, and every outcome carries the fence of its claim. Lock order: work (by id), then task. What was picked is looked up one by one, through
-- arrays, which the planner takes for short whatever the size of the ledger; two sets of a batch are never joined with each other (that took
-- 64 x 64 comparisons, 6 microseconds a task).

-- name: sweep_setup
-- Purpose: once a connection. Everything here is found through an index, also when a plan was made while the tables were empty.
select set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false)

-- name: sweep_hello
-- Purpose: the first statement of a sweep. $1 host, $2 pid, $3 true where it stays after its work is done.
-- Result: the newest migration, the first tenant, this sweep's started_at.
with me as (
	insert into sweeper (host, pid, lingers) values ($1, $2::integer, $3::boolean) returning started_at
)
select started_at, (select max(number) from migration) as migration, (select id from tenant order by number limit 1) as first_tenant from me

-- name: sweep_beat
-- $1 host, $2 pid, $3 started_at, $4 work settled in all, $5 true where the sweep leaves.
-- Result: one row; replaced says whether a newer sweeper of this host has taken over.
with beat as (
	update sweeper set beat_at = now(), done = $4::bigint, left_at = case when $5::boolean then now() end
	where host = $1 and pid = $2::integer and started_at = $3::timestamptz
)
select exists (select from sweeper s where s.host = $1 and s.started_at > $3::timestamptz and s.lingers and s.left_at is null
	and s.beat_at > now() - interval '20 seconds') as replaced

-- name: sweep_cluster_mark
-- Purpose: a restored backup or a failover is noticed once: the lanes that dial and send are paused. Result: one row; changed.
with here as materialized (
	select s.system_identifier::text as system_identifier, c.timeline_id as timeline from pg_control_system() s, pg_control_checkpoint() c
), old as materialized (
	select m.system_identifier, m.timeline from cluster_mark m for update
), other as materialized (
	select h.system_identifier, h.timeline, format('cluster %s timeline %s became %s timeline %s', o.system_identifier, o.timeline, h.system_identifier, h.timeline) as why
	from here h, old o where (h.system_identifier, h.timeline) <> (o.system_identifier, o.timeline)
), noted as (
	insert into cluster_mark (system_identifier, timeline) select system_identifier, timeline from here
	where not exists (select from old) or exists (select from other)
	on conflict (single) do update set system_identifier = excluded.system_identifier, timeline = excluded.timeline, seen_at = now()
), paused as (
	update lane l set paused_at = now(), paused_by = 'taskgate-sweep', reason = 'restored or failed over: ' || o.why from other o
	where l.stop_on_restore and l.paused_at is null returning l.name
)
select exists (select from other) as changed, (select why from other) as why, (select string_agg(name, ',' order by name) from paused) as lanes

-- name: sweep_promote
-- Purpose: what has become due is marked ready, which is what the claim indexes hold. $1 most rows. Result: one row: promoted, and the
-- milliseconds until something else is due, a lease runs out or a limiter has room again (null where nothing is in sight). Locks: skips rows that others hold.
with due as materialized (
	select id from work where not ready and run_at <= now() order by run_at limit $1::integer for update skip locked
), promoted as (
	update work w set ready = true where w.id = any (array(select id from due)) returning w.id
)
select (select count(*) from promoted) as promoted, ceil(extract(epoch from least(
	(select min(run_at) from work where not ready and run_at > now()), (select min(lease_until) from work where lease_until is not null),
	(select min(open_at) from pace where open_at > now())) - now()) * 1000) as next_ms

-- name: sweep_expire
-- Purpose: leases that ran out, attempts that outlived their timeout, tasks that nobody ever claimed or whose claims were all given back unsent.
-- $1 most rows of each kind, $2 time-to-live in seconds (0: none), $3 first pause in milliseconds. A task that is no longer processing leaves no work behind,
-- and a message whose task has ended here is no longer in line. Result: one row, counts. Locks: work rows by skip locked, then tasks.
with late as materialized (
	select w.id, w.tenant_id, w.task_id, w.deadline <= now() and w.lane in ('handler', 'pull') as timed_out, false as never, null as why from work w
	where w.lease_until < now() and (w.lane in ('handler', 'pull', 'mail') or w.lane = 'sms' and w.type is distinct from 'ask') and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by w.lease_until limit $1::integer for update skip locked
), stale as materialized (
	select w.id, w.tenant_id, w.task_id, false as timed_out, true as never, w.last_error as why from work w
	where $2::bigint > 0 and (w.unsent_since is not null or (w.ready and w.attempt = 0)) and w.lease_until is null
		and coalesce(w.unsent_since, w.run_at) < now() - make_interval(secs => $2::bigint) and w.lane in ('handler', 'pull', 'sms', 'mail') and w.type is distinct from 'ask' and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by coalesce(w.unsent_since, w.run_at) limit $1::integer for update skip locked
), gone_by as materialized (
	select id, tenant_id, task_id, timed_out, never, why from late union all select id, tenant_id, task_id, timed_out, never, why from stale
), moved as (
	update task t set state = case when g.never then 'expired' when t.attempts <= t.retry_count then 'pending' when g.timed_out then 'expired' else 'failed' end,
		event = case when g.never then 'expire' when t.attempts <= t.retry_count then 'retry' when g.timed_out then 'expire' else 'fail' end,
		reason = case when g.never then format('%s within %s s%s', case when t.attempts = 0 then 'never started' else 'not started again' end, $2::bigint, ': ' || g.why) when not g.timed_out then 'the lease ran out'
			when t.attempts <= t.retry_count then format('attempt timed out after %s s', t.timeout_s) else format('timed out after %s s', t.timeout_s) end
	from gone_by g
	where t.tenant_id = g.tenant_id and t.tenant_id = any (array(select tenant_id from gone_by)) and t.id = any (array(select task_id from gone_by)) and t.id = g.task_id
		and t.state = any (case when g.never then array['pending', 'queued'] else array['processing'] end)
	returning t.id, t.state, t.attempts, t.reason, t.callback_url is not null and t.finished_at is not null as tells
), again as (
	update work w set ready = false, lease_until = null, deadline = null, claimed_by = null, last_error = m.reason, unsent_since = null, run_at = now() + retry_delay(m.attempts, $3::integer)
	from moved m where w.id = m.id and w.id = any (array(select id from moved)) and m.state = 'pending'
), unsaid as (
	update message m set status = 'failed' where m.task_id = any (array(select id from moved where state <> 'pending')) and m.status in ('queued', 'rendering', 'sending')
), gone as (
	delete from work w where w.id = any (array(select id from gone_by except all select id from moved where state = 'pending'))
), unsent as materialized (
	select w.id from work w where w.lease_until < now() and (w.lane in ('webhook', 'follow') or w.lane = 'sms' and w.type = 'ask') and not exists (select from lane where name = 'expire' and paused_at is not null)
	order by w.lease_until limit $1::integer for update skip locked
), given_back as (
	update work w set lease_until = null, deadline = null, claimed_by = null, last_error = 'the sweeper went away before the answer', run_at = now()
	where w.id = any (array(select id from unsent))
)
select (select count(*) from gone_by) as late, (select count(*) from moved where state = 'pending') as retried,
	(select count(*) from moved where state <> 'pending') as ended, (select count(*) from unsent) as given_back,
	(select count(*) from moved where tells) as told

-- name: sweep_regain
-- Purpose: waiting work of the pull lane whose type has a handler: it was leased, or being created, while the type got it. $1 most rows. The other way
-- round sweep_handler_settle sees to it. Result: one row: regained. Locks: skips work that others hold.
with found as materialized (
	select w.id, url_host(y.handler_url) as host
	from task_type y cross join lateral (
		select w.id from work w where w.tenant_id = y.tenant_id and w.type = y.name and w.lane = 'pull' and w.ready and w.lease_until is null
		order by w.priority desc, w.run_at, w.id limit $1::integer for update skip locked) w
	where y.handler_url is not null limit $1::integer
), regained as (
	update work w set lane = 'handler', host = f.host from found f where w.id = f.id returning w.id
)
select count(*) as regained from regained

-- name: sweep_handler_claim
-- Purpose: leases due handler work, fair between tenants. $1 most rows, $2 this sweeper's name, $3 and $4 hosts and how many transfers this
-- sweeper has for each, $5 most for one host, $6 handler timeout in seconds. lane_pick (migration 0006) chooses.
-- Work whose task has ended meanwhile (a cancel raced with a revival) is deleted here.
-- Result: one row a task with all that its POST needs. Locks: work by skip locked, then task.
with picked as materialized (
	select id, tenant_id, failing from lane_pick('handler', $1::integer, $3::text[], $4::integer[], $5::integer)
), moved as (
	update task t set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = t.attempts + 1
	from picked p
	where t.tenant_id = p.tenant_id and t.id = p.id and t.state in ('pending', 'queued')
	returning t.tenant_id, t.id, t.public_id, t.entity, t.type, t.action, t.target_id, t.priority, t.tags, t.attempts, t.timeout_s
), leased as (
	update work w set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = $2, deadline = now() + make_interval(secs => m.timeout_s),
		lease_until = now() + make_interval(secs => least(m.timeout_s, $6::integer + 10))
	from moved m
	where w.id = m.id
	returning w.fence, w.host, w.lease_until, m.tenant_id, m.id, m.public_id, m.entity, m.type, m.action, m.target_id, m.priority, m.tags, m.attempts, m.timeout_s
), gone as (
	delete from work w where w.id = any (array(select id from picked except all select id from moved))
), secret as materialized (
	select k.tenant_id, string_agg(encode(k.secret, 'hex'), ' ' order by k.active_from desc) as keys from webhook_key k
	where k.tenant_id = any (array(select distinct tenant_id from moved)) and k.active_from <= now() and (k.retire_at is null or k.retire_at > now()) group by k.tenant_id
)
select m.id, m.tenant_id, m.fence, m.host, y.handler_url as url, s.keys, extract(epoch from now())::bigint as epoch, m.lease_until, m.attempts as attempt, m.public_id,
	m.entity, m.type, m.action, m.target_id, b.input as payload, m.priority, coalesce(array_to_json(m.tags), '[]'::json) as tags, m.timeout_s,
	(select p.failing from picked p where p.id = m.id) as failing
from leased m left join task_body b on b.tenant_id = m.tenant_id and b.task_id = m.id
	left join task_type y on y.tenant_id = m.tenant_id and y.name = m.type left join secret s on s.tenant_id = m.tenant_id

-- name: sweep_webhook_claim
-- Purpose: the same for deliveries. $1 to $5 as above, $6 webhook timeout in seconds. The body tells of the event as it was: its reason and its
-- time come from the history. A form that is there already tells of no event. Locks: work by skip locked.
with picked as materialized (
	select id, failing from lane_pick('webhook', $1::integer, $3::text[], $4::integer[], $5::integer)
), leased as (
	update work w set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = $2, deadline = now() + make_interval(secs => $6::integer + 10),
		lease_until = now() + make_interval(secs => $6::integer + 10)
	where w.id = any (array(select id from picked))
	returning w.id, w.tenant_id, w.task_id, w.fence, w.attempt, w.host
), secret as materialized (
	select k.tenant_id, string_agg(encode(k.secret, 'hex'), ' ' order by k.active_from desc) as keys from webhook_key k
	where k.tenant_id = any (array(select distinct tenant_id from leased)) and k.active_from <= now() and (k.retire_at is null or k.retire_at > now()) group by k.tenant_id
)
select l.id, l.tenant_id, l.fence, l.attempt, l.host, d.url, d.form, s.keys, extract(epoch from now())::bigint as epoch, d.event, d.seq, d.created_at, t.public_id, t.entity, t.kind,
	e.to_state as status, case when e.to_state = 'completed' then b.output end as result, coalesce(e.reason, g.why) as reason,
	(select p.failing from picked p where p.id = l.id) as failing
from leased l join delivery d on d.tenant_id = l.tenant_id and d.id = l.id join task t on t.tenant_id = l.tenant_id and t.id = l.task_id
	left join task_event e on d.form is null and e.tenant_id = d.tenant_id and e.task_id = d.task_id and e.seq = d.seq and e.at = d.created_at
	left join state_edge g on g.machine = e.machine and g.from_state = e.from_state and g.event = e.event and g.to_state = e.to_state
	left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id left join secret s on s.tenant_id = l.tenant_id
where d.form is not null or e.seq is not null

-- name: sweep_sms_claim
-- Purpose: the same for SMS: what is to be sent, and what Twilio is to be asked of (its work's type is ask; the task goes on processing and no attempt
-- is spent). $1 to $5 as above, $6 timeout in seconds. Result: one row a message; provider_id is set where it is to be asked of.
-- Locks: work by skip locked, then task.
with picked as materialized (
	select id, tenant_id, type, failing from lane_pick('sms', $1::integer, $3::text[], $4::integer[], $5::integer)
), moved as (
	update task t set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = t.attempts + 1
	from picked p where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'pending'
	returning t.id
), asked as materialized (
	select p.id from picked p cross join lateral (select from task t where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'processing') t where p.type = 'ask'
), leased as (
	update work w set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = $2, deadline = now() + make_interval(secs => $6::integer + 10),
		lease_until = now() + make_interval(secs => $6::integer + 10)
	where w.id = any (array(select id from moved union select id from asked))
	returning w.id, w.tenant_id, w.fence, w.host
), gone as (
	delete from work w where w.id = any (array(select id from picked except all (select id from moved union select id from asked)))
)
select l.id, l.tenant_id, l.fence, l.host, m.recipients[1] as recipient, m.sender, m.text, m.provider_id, p.failing
from leased l join message m on m.tenant_id = l.tenant_id and m.task_id = l.id join picked p on p.id = l.id

-- name: sweep_mail_claim
-- Purpose: the same for email. $1 to $5 as above, $6 timeout in seconds. At most 32 MiB of attachments are given out at once, or one message.
-- Result: one row a message; lists are texts of one item a line, contents are hexadecimal. Locks: work by skip locked, then task.
with picked as materialized (
	select p.id, p.tenant_id, p.failing, sum(m.file_bytes) over (order by p.n) - m.file_bytes as before, m.file_bytes
	from lane_pick('mail', $1::integer, $3::text[], $4::integer[], $5::integer) with ordinality p(id, tenant_id, task_id, type, failing, n)
		join message m on m.tenant_id = p.tenant_id and m.task_id = p.id
), taken as materialized (
	select id, tenant_id, failing from picked where before = 0 or before + file_bytes <= 33554432
), moved as (
	update task t set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = t.attempts + 1
	from taken p where t.tenant_id = p.tenant_id and t.id = p.id and t.state = 'pending'
	returning t.id, extract(epoch from greatest(t.created_at, t.scheduled_at))::bigint as written
), leased as (
	update work w set fence = w.fence + 1, attempt = w.attempt + 1, claimed_by = $2, deadline = now() + make_interval(secs => $6::integer + 10),
		lease_until = now() + make_interval(secs => $6::integer + 10)
	from moved m where w.id = m.id
	returning w.id, w.tenant_id, w.fence, w.host, m.written
), gone as (
	delete from work w where w.id = any (array(select id from taken except all select id from moved))
)
select l.id, l.tenant_id, l.fence, l.host, l.written, m.sender, m.sender_name, m.reply_to, array_to_string(m.recipients, E'\n') as recipients,
	array_to_string(m.cc, E'\n') as cc, array_to_string(m.bcc, E'\n') as bcc, m.subject, m.text, m.html,
	(select string_agg(h.key || E'\n' || h.value, E'\n') from json_each_text(m.headers) h) as headers,
	f.names, f.types, f.contents, t.failing
from leased l join message m on m.tenant_id = l.tenant_id and m.task_id = l.id join taken t on t.id = l.id
	left join lateral (select string_agg(f.name, E'\n' order by f.n) as names, string_agg(f.type, E'\n' order by f.n) as types,
		string_agg(encode(f.content, 'hex'), E'\n' order by f.n) as contents from message_file f where f.tenant_id = l.tenant_id and f.task_id = l.id) f on true

-- name: sweep_call_claim
-- Purpose: grants calls within all limits; what is granted is durable before anything leaves. $1 most rows, $2 this sweeper's name, $3 and $4 unused here, $5 most for one host,
-- $6 timeout in seconds, $7 calls a second or null, $8 single calls a minute or null, $9 false where nothing is paced. Result: one row a call with all that its dial needs.
-- Locks: pace rows, the account's first; work by skip locked; call, campaign, task.
with granted as materialized (
	select id, tenant_id, task_id, fence from call_claim(least($1::integer, greatest($5::integer - coalesce((select b.taken from unnest($3::text[], $4::integer[]) b(host, taken)
		where b.host = 'twilio'), 0), 0)), $2, $6::integer, $7::integer, $8::integer, $9::boolean)
)
select g.id, g.tenant_id, g.fence, 'twilio' as host, c.number, p.from_number, p.webhook_url, exists (select from host_state h where h.host = 'twilio' and h.failures > 0) as failing
from granted g join call c on c.tenant_id = g.tenant_id and c.id = g.id join campaign p on p.tenant_id = g.tenant_id and p.task_id = g.task_id

-- name: sweep_follow_claim
-- Purpose: calls to ask for, to find or to hang up. $1 to $5 as above, $6 timeout in seconds. Result: one row a call; its work's type says which. Locks: work by skip locked.
with picked as materialized (
	select id, tenant_id, type, failing from lane_pick('follow', $1::integer, $3::text[], $4::integer[], $5::integer)
), leased as (
	update work w set fence = w.fence + 1, claimed_by = $2, deadline = now() + make_interval(secs => $6::integer + 10), lease_until = now() + make_interval(secs => $6::integer + 10)
	where w.id = any (array(select id from picked)) returning w.id, w.tenant_id, w.fence, w.host, w.type
)
select l.id, l.tenant_id, l.fence, l.host, l.type, c.number, c.sid, p.failing
from leased l join call c on c.tenant_id = l.tenant_id and c.id = l.id join picked p on p.id = l.id

-- name: sweep_host_settle
-- Purpose: a host that failed five times running rests for a pause that grows from 1 s to 60 s; one answer ends that. It runs before the
-- other settle statements, which look at parked_until. $1 hosts, $2 failures since the last answer, $3 whether there was an answer,
-- $4 what the last failure said. Result: a row for each host that was parked by this statement. Locks: host rows in order.
insert into host_state as h (host, failures, pause_s, parked_until, last_error)
select o.host, o.failures, case when o.failures >= 5 then 1 else 0 end, case when o.failures >= 5 then now() + interval '1 second' end, o.error
from unnest($1::text[], $2::integer[], $3::boolean[], $4::text[]) o(host, failures, answered, error) order by o.host
on conflict (host) do update set updated_at = now(), last_error = coalesce(excluded.last_error, h.last_error),
	failures = excluded.failures + case when excluded.host = any (array(select a.host from unnest($1::text[], $3::boolean[]) a(host, answered) where a.answered)) then 0 else h.failures end,
	pause_s = case when excluded.host = any (array(select a.host from unnest($1::text[], $3::boolean[]) a(host, answered) where a.answered)) then excluded.pause_s
		when h.failures + excluded.failures >= 5 then least(60, greatest(1, h.pause_s * 2)) else 0 end,
	parked_until = case when excluded.host = any (array(select a.host from unnest($1::text[], $3::boolean[]) a(host, answered) where a.answered)) then excluded.parked_until
		when h.failures + excluded.failures >= 5 then now() + make_interval(secs => least(60, greatest(1, h.pause_s * 2))) end
returning h.host, h.failures, h.pause_s, h.parked_until is not null as parked

-- name: sweep_handler_settle
-- Purpose: outcomes of handler transfers. $1 work ids, $2 fences, $3 outcomes (complete, hold, fail, timeout, release, unsent), $4 results (JSON) or
-- null, $5 reasons or null, $6 seconds before which no retry may come (0: none), $7 first pause in milliseconds.
-- A fence that is not the row's own changes nothing; the lane may be another one by now, since a type's handler may go while it works. hold: the
-- handler will finish through /work/{id}/complete. release and unsent: the claim is given back and was no attempt; after unsent there is a pause that
-- grows with the failures of the host. What goes back waits where its type's work is done at present.
-- Result: one row: settled, of them retried, and stale. Locks: work by id, then task.
with o as materialized (
	select o.id, o.fence, o.outcome, o.output, o.reason, o.wait_s
	from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[]) o(id, fence, outcome, output, reason, wait_s)
), held as materialized (
	select w.id, w.tenant_id, o.output, o.reason, o.wait_s, o.outcome, o.outcome in ('release', 'unsent') as unused
	from (select id, fence, outcome, output, reason, wait_s from o order by id) o cross join lateral (
		select w.id, w.tenant_id from work w where w.id = o.id and w.fence = o.fence and w.deadline is not null and w.lane in ('handler', 'pull') for update) w
), kept as (
	update work w set lease_until = w.deadline, unsent_since = null from held h where w.id = h.id and h.outcome = 'hold' returning w.id
), moved as (
	update task t set
		state = case when h.outcome = 'complete' then 'completed' when h.unused or t.attempts <= t.retry_count then 'pending'
			when h.outcome = 'timeout' then 'expired' else 'failed' end,
		event = case when h.outcome = 'complete' then 'complete' when h.unused then 'release' when t.attempts <= t.retry_count then 'retry'
			when h.outcome = 'timeout' then 'expire' else 'fail' end,
		reason = case when h.outcome = 'complete' then null when h.outcome <> 'timeout' then h.reason
			when t.attempts <= t.retry_count then format('attempt timed out after %s s', t.timeout_s) else format('timed out after %s s', t.timeout_s) end,
		progress = case when h.outcome = 'complete' then 100 else t.progress end,
		attempts = case when h.unused then t.attempts - 1 else t.attempts end
	from held h
	where t.tenant_id = h.tenant_id and t.id = h.id and t.state = 'processing' and h.outcome <> 'hold'
	returning t.tenant_id, t.id, t.type, t.state, t.event, t.reason, t.attempts, h.unused, h.outcome, h.output, h.wait_s, t.callback_url is not null and t.finished_at is not null as tells
), stored as (
	update task_body b set output = m.output::json from moved m
	where b.tenant_id = m.tenant_id and b.task_id = m.id and m.outcome = 'complete' and m.output is not null
), again as (
	update work w set ready = m.unused and y.handler_url is null, lease_until = null, deadline = null, claimed_by = null, last_error = m.reason,
		attempt = case when m.unused then w.attempt - 1 else w.attempt end, unsent_since = case when m.unused then coalesce(w.unsent_since, w.run_at) end,
		lane = case when y.handler_url is null then 'pull' else 'handler' end, host = url_host(y.handler_url),
		run_at = case when not m.unused then now() + greatest(retry_delay(m.attempts, $7::integer), make_interval(secs => m.wait_s))
			when y.handler_url is null then now()
			else coalesce((select case when h.parked_until > now() then h.parked_until when m.outcome = 'unsent' then now() + retry_delay(h.failures, $7::integer) end
				from host_state h where h.host = url_host(y.handler_url)), now()) end
	from moved m left join task_type y on y.tenant_id = m.tenant_id and y.name = m.type
	where w.id = m.id and m.state = 'pending'
), gone as (
	delete from work w where w.id = any (array(select id from moved where state <> 'pending'))
)
select (select count(*) from moved) + (select count(*) from kept) as settled, (select count(*) from moved where state = 'pending') as retried,
	(select count(*) from moved where tells) as told, cardinality($1::uuid[]) - (select count(*) from moved) - (select count(*) from kept) as stale

-- name: sweep_webhook_settle
-- Purpose: outcomes of deliveries. $1 work ids, $2 fences, $3 outcomes (delivered, dead, fail, release, unsent), $4 HTTP statuses or null,
-- $5 reasons or null, $6 seconds before which no retry may come (0: none), $7 the pauses in seconds, the last retry's last. unsent is no attempt while
-- the host rests, for as long as all the pauses together: a receiver that never comes back is given up in the end.
-- Result: one row: settled, retried, dead. Locks: work by id, then delivery.
with o as materialized (
	select o.id, o.fence, o.outcome, o.status, o.reason, o.wait_s
	from unnest($1::uuid[], $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::integer[]) o(id, fence, outcome, status, reason, wait_s)
), held as materialized (
	select w.id, w.tenant_id, w.attempt, o.status, o.reason, o.wait_s,
		case when o.outcome in ('delivered', 'dead', 'release') then o.outcome
			when o.outcome = 'unsent' and exists (select from host_state h where h.host = w.host and h.parked_until > now())
				and exists (select from delivery d where d.tenant_id = w.tenant_id and d.id = w.id
					and d.created_at > now() - make_interval(secs => (select sum(p) from unnest($7::integer[]) p))) then 'release'
			when w.attempt > cardinality($7::integer[]) then 'dead' else 'again' end as outcome, w.host
	from (select id, fence, outcome, status, reason, wait_s from o order by id) o cross join lateral (
		select w.id, w.tenant_id, w.host, w.attempt from work w where w.id = o.id and w.fence = o.fence and w.deadline is not null and w.lane = 'webhook' for update) w
), noted as (
	update delivery d set state = case h.outcome when 'delivered' then 'delivered' when 'dead' then 'dead' else 'pending' end,
		finished_at = case when h.outcome in ('delivered', 'dead') then now() end, attempts = d.attempts + case h.outcome when 'release' then 0 else 1 end,
		last_status = h.status, last_error = h.reason
	from held h where d.tenant_id = h.tenant_id and d.id = h.id
), again as (
	update work w set ready = false, lease_until = null, deadline = null, claimed_by = null, last_error = h.reason,
		attempt = case when h.outcome = 'release' then w.attempt - 1 else w.attempt end,
		run_at = case when h.outcome = 'release' then greatest(now(), (select s.parked_until from host_state s where s.host = h.host))
			else now() + make_interval(secs => greatest(($7::integer[])[w.attempt] * (0.9 + 0.2 * random()), h.wait_s)) end
	from held h where w.id = h.id and h.outcome in ('again', 'release')
), gone as (
	delete from work w where w.id = any (array(select id from held where outcome in ('delivered', 'dead')))
)
select (select count(*) from held) as settled, (select count(*) from held where outcome = 'again') as retried, (select count(*) from held where outcome = 'dead') as dead,
	cardinality($1::uuid[]) - (select count(*) from held) as stale

-- name: sweep_message_settle
-- Purpose: outcomes of SMS and mail. $1 work ids, $2 fences, $3 outcomes (sent, accepted, asked, refuse, fail, release, unsent), $4 the provider's answers (JSON) or
-- null, $5 reasons or null, $6 seconds before which no retry may come (0: none), $7 milliseconds before the first retry and seconds before Twilio is asked
-- (integer[]). message_settle (migration 0006) says what each means. Result: one row: settled, of them retried, and stale. told: a task may have ended.
-- Locks: work by id, then task, then the task that it was sent for.
select count(*) filter (where s.settled) as settled, count(*) filter (where s.retried) as retried, count(*) filter (where s.settled) as told,
	count(*) filter (where not s.settled) as stale
from (select id, fence, outcome, detail, reason, wait_s from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[]) o(id, fence, outcome, detail, reason, wait_s)
	order by id) o cross join lateral message_settle(o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, $7::integer[]) s

-- name: sweep_call_hold
-- Purpose: before the outcomes of calls are told, in the same transaction: holds the work of all of them, since nobody waits for work who has the limiters. $1 work ids.
-- Result: one row. Locks: work by id.
select count(*) as held from (select w.id from work w where w.id = any ($1::uuid[]) order by w.id for update) w

-- name: sweep_call_settle
-- Purpose: outcomes of dials. $1 work ids, $2 fences, $3 outcomes (accepted, refuse, again, unsent, release, fail: its outcome is unknown), $4 Twilio's answers (JSON) or null, $5 reasons,
-- $6 seconds before which no retry may come, $7 pauses (integer[]): milliseconds before the first retry, seconds before Twilio is asked, seconds until its list is believed;
-- $8 milliseconds since each answer came, or failed to. Result as of sweep_message_settle. Locks: work (sweep_call_hold), then pace, campaign, task.
select count(*) filter (where s.settled) as settled, 0 as retried, count(*) filter (where s.settled) as told, count(*) filter (where not s.settled) as stale
from (select id, fence, outcome, detail, reason, wait_s, ago_ms from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $8::integer[])
	o(id, fence, outcome, detail, reason, wait_s, ago_ms) order by id) o
	cross join lateral (select call_settle(o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, $7::integer[], o.ago_ms)) s(settled)

-- name: sweep_follow_settle
-- Purpose: the same for what was asked (asked, listed, gone, fail, release, unsent), without $8.
select count(*) filter (where s.settled) as settled, 0 as retried, count(*) filter (where s.settled) as told, count(*) filter (where not s.settled) as stale
from (select id, fence, outcome, detail, reason, wait_s from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[]) o(id, fence, outcome, detail, reason, wait_s)
	order by id) o cross join lateral (select follow_settle(o.id, o.fence, o.outcome, o.detail::json, o.reason, o.wait_s, $7::integer[])) s(settled)

-- name: sweep_call_expire
-- Purpose: dials whose sweeper went away become unknown; what was not dialled within its time-to-live expires. $1 most rows, $2 seconds (0: none). Result: one row: late.
select call_expire($1::integer) + call_overdue($1::integer, $2::bigint) as late

-- name: sweep_notify
-- Purpose: what is due of the notify lane: voicemails become mails and SMS to their recipients. $1 most rows. Result: one row: notified. Locks: work by skip
-- locked, then task.
select notified from voicemail_notify($1::integer)

-- name: sweep_preview
-- Purpose: `taskgate-sweep -n`. Result: a row a lane: what would be done now, what waits for its time, what is under way, what waits for a parked host.
select l.name as lane, coalesce(l.reason, case when l.paused_at is not null then 'paused' end) as paused,
	case l.name
	when 'expire' then (select count(*) from work w where w.lease_until < now())
	when 'purge' then (select count(*) from idempotency where created_at < now() - interval '24 hours')
		+ (select count(*) from delivery where finished_at < now() - interval '7 days')
	else (select count(*) from work w where w.lane = l.name and w.lease_until is null and w.run_at <= now()
		and not exists (select from host_state h where h.host = w.host and h.parked_until > now())) end as due,
	(select count(*) from work w where w.lane = l.name and w.lease_until is null and w.run_at > now()) as later,
	(select count(*) from work w where w.lane = l.name and w.lease_until is not null) as running,
	(select count(*) from work w join host_state h on h.host = w.host where w.lane = l.name and w.lease_until is null and w.run_at <= now() and h.parked_until > now()) as parked
from lane l order by l.name

-- name: sweep_purge_begin
-- Purpose: one purge each ten minutes, whoever is first. $1 seconds since the last one. Result: one row where it is this sweeper's turn.
with turn as (
	update lane set ran_at = now() where name = 'purge' and paused_at is null and (ran_at is null or ran_at <= now() - make_interval(secs => $1::integer)) returning name
)
select name from turn

-- name: sweep_partitions
-- Purpose: the first step of a purge: the partitions of the months ahead. Result: one row, read like those of the other steps; gone is how many were made.
select partition_ensure(3) as gone

-- name: sweep_purge_idempotency
-- The purge statements: $1 most rows each; run again while they find as many. What makes a row old is asked again of the row that is deleted, since
-- somebody may have used it in between; or it is locked first. Result: one row: gone.
with old as materialized (
	select i.tenant_id, i.principal_id, i.key_hash from idempotency i where i.created_at < now() - interval '24 hours' order by i.created_at limit $1::integer
), gone as (
	delete from idempotency i using old o where i.tenant_id = o.tenant_id and i.principal_id = o.principal_id and i.key_hash = o.key_hash
		and i.created_at < now() - interval '24 hours' returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_rate_window
with old as materialized (
	select token_hash, name from rate_window where coalesce(grants[cardinality(grants)], 0) < (extract(epoch from now() - interval '1 day') * 1000000)::bigint
	limit $1::integer
), gone as (
	delete from rate_window r using old o where r.token_hash = o.token_hash and r.name = o.name
		and coalesce(r.grants[cardinality(r.grants)], 0) < (extract(epoch from now() - interval '1 day') * 1000000)::bigint returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_type_poll
with old as materialized (
	select tenant_id, type from type_poll where polled_at < now() - interval '7 days' limit $1::integer
), gone as (
	delete from type_poll p using old o where p.tenant_id = o.tenant_id and p.type = o.type and p.polled_at < now() - interval '7 days' returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_token
with old as materialized (
	select hash from token where least(expires_at, revoked_at) < now() - interval '30 days' limit $1::integer
), gone as (
	delete from token t using old o where t.hash = o.hash and least(t.expires_at, t.revoked_at) < now() - interval '30 days' returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_delivery
with old as materialized (
	select tenant_id, id from delivery where finished_at < now() - interval '7 days' order by finished_at limit $1::integer for update skip locked
), gone as (
	delete from delivery d using old o where d.tenant_id = o.tenant_id and d.id = o.id returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_twilio_event
with old as materialized (
	select sid, status, sequence from twilio_event where received_at < now() - interval '30 days' order by received_at limit $1::integer for update skip locked
), gone as (
	delete from twilio_event e using old o where e.sid = o.sid and e.status = o.status and e.sequence = o.sequence returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_sweeper
with old as materialized (
	select host, pid, started_at from sweeper where beat_at < now() - interval '7 days' order by beat_at limit $1::integer
), gone as (
	delete from sweeper s using old o where s.host = o.host and s.pid = o.pid and s.started_at = o.started_at and s.beat_at < now() - interval '7 days' returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_host_state
with old as materialized (
	select host from host_state where updated_at < now() - interval '1 day' and (parked_until is null or parked_until < now()) limit $1::integer for update skip locked
), gone as (
	delete from host_state h using old o where h.host = o.host returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_task_log
-- Lines of tasks that ended more than 30 days ago.
with old as materialized (
	select l.tenant_id, l.task_id, l.id, l.at from task_log l join task t on t.tenant_id = l.tenant_id and t.id = l.task_id
	where l.at < now() - interval '30 days' and t.finished_at < now() - interval '30 days' and not t.legal_hold limit $1::integer
), gone as (
	delete from task_log l using old o where l.tenant_id = o.tenant_id and l.task_id = o.task_id and l.id = o.id and l.at = o.at returning 1
)
select count(*) as gone from gone

-- name: sweep_purge_task
-- Finished tasks past their tenant's keep_days: body, tags and lines go, the row stays as a tombstone and with it the entity and the history.
-- One whose webhook is still to be sent waits for that: the body has its result. $2: only tasks behind this seq, so that one purge is one pass.
-- Result: gone (how many were looked at, those that wait among them), and the last seq seen.
with old as materialized (
	select t.tenant_id, t.id, t.seq from tenant n join task t on t.tenant_id = n.id
	where n.keep_days > 0 and t.finished_at < now() - make_interval(days => n.keep_days) and t.purged_at is null and not t.legal_hold and t.seq > $2::bigint
	order by t.seq limit $1::integer for update of t skip locked
), free as materialized (
	-- The offset keeps it a look-up by index for each: as a join, planned while nothing waits, it would compare all with all.
	select o.tenant_id, o.id, o.seq from old o where not exists (select from work w where w.tenant_id = o.tenant_id and w.task_id = o.id and w.lane = 'webhook' offset 0)
), stone as (
	update task t set purged_at = now(), tags = null, title = null, target_id = case when t.kind = 'voicemail' then t.target_id end, progress_message = null
	from free o where t.tenant_id = o.tenant_id and t.id = o.id returning 1
), body as (
	delete from task_body b using free o where b.tenant_id = o.tenant_id and b.task_id = o.id
), tag as (
	delete from task_tag g using free o where g.tenant_id = o.tenant_id and g.seq = o.seq
), line as (
	delete from task_log l using free o where l.tenant_id = o.tenant_id and l.task_id = o.id
), file as (
	delete from message_file f using free o where f.tenant_id = o.tenant_id and f.task_id = o.id
), event as (
	delete from message_event e using free o where e.tenant_id = o.tenant_id and e.task_id = o.id
), sent as (
	delete from message m using free o where m.tenant_id = o.tenant_id and m.task_id = o.id
), called as (
	delete from call c using free o where c.tenant_id = o.tenant_id and c.task_id = o.id
), campaigned as (
	delete from campaign p using free o where p.tenant_id = o.tenant_id and p.task_id = o.id
)
select (select count(*) from old) as gone, (select max(seq) from old) as last_seq
