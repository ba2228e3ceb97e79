-- What taskgate-sweep throws away, one step at a time, each a bounded number of rows. A purge
-- statement runs again while it finds as many as it may (most). What makes a row old is asked again
-- of the row that is deleted, since somebody may have used it in between; or the row is locked
-- first.

-- name: sweep_purge_begin
-- One purge every so many seconds, whoever is first. One row where it is this sweeper's turn.
-- takes: every_s
-- gives: name
with turn as (
	update lane
	set ran_at = now()
	where name = 'purge' and paused_at is null
		and (ran_at is null or ran_at <= now() - make_interval(secs => :every_s::integer))
	returning name
)
select name
from turn

-- name: sweep_partitions
-- The first step of a purge: the partitions of the months ahead. Read like the other steps; gone is
-- how many were made.
-- gives: gone
select partition_ensure(3) as gone

-- name: sweep_purge_idempotency
-- takes: most
-- gives: gone
with old as materialized (
	select i.tenant_id, i.principal_id, i.key_hash
	from idempotency i
	where i.created_at < now() - interval '24 hours'
	order by i.created_at
	limit :most::integer
), gone as (
	delete from idempotency i
	using old o
	where i.tenant_id = o.tenant_id and i.principal_id = o.principal_id
		and i.key_hash = o.key_hash and i.created_at < now() - interval '24 hours'
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_rate_window
-- takes: most
-- gives: gone
with old as materialized (
	select token_hash, name
	from rate_window
	where coalesce(grants[cardinality(grants)], 0) < (
		extract(epoch from now() - interval '1 day') * 1000000
	)::bigint
	limit :most::integer
), gone as (
	delete from rate_window r
	using old o
	where r.token_hash = o.token_hash and r.name = o.name
		and coalesce(r.grants[cardinality(r.grants)], 0) < (
			extract(epoch from now() - interval '1 day') * 1000000
		)::bigint
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_type_poll
-- takes: most
-- gives: gone
with old as materialized (
	select tenant_id, type
	from type_poll
	where polled_at < now() - interval '7 days'
	limit :most::integer
), gone as (
	delete from type_poll p
	using old o
	where p.tenant_id = o.tenant_id and p.type = o.type
		and p.polled_at < now() - interval '7 days'
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_token
-- takes: most
-- gives: gone
with old as materialized (
	select hash
	from token
	where least(expires_at, revoked_at) < now() - interval '30 days'
	limit :most::integer
), gone as (
	delete from token t
	using old o
	where t.hash = o.hash and least(t.expires_at, t.revoked_at) < now() - interval '30 days'
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_delivery
-- takes: most
-- gives: gone
with old as materialized (
	select tenant_id, id
	from delivery
	where finished_at < now() - interval '7 days'
	order by finished_at
	limit :most::integer
	for update skip locked
), gone as (
	delete from delivery d
	using old o
	where d.tenant_id = o.tenant_id and d.id = o.id
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_twilio_event
-- takes: most
-- gives: gone
with old as materialized (
	select sid, status, sequence
	from twilio_event
	where received_at < now() - interval '30 days'
	order by received_at
	limit :most::integer
	for update skip locked
), gone as (
	delete from twilio_event e
	using old o
	where e.sid = o.sid and e.status = o.status and e.sequence = o.sequence
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_sweeper
-- takes: most
-- gives: gone
with old as materialized (
	select host, pid, started_at
	from sweeper
	where beat_at < now() - interval '7 days'
	order by beat_at
	limit :most::integer
), gone as (
	delete from sweeper s
	using old o
	where s.host = o.host and s.pid = o.pid and s.started_at = o.started_at
		and s.beat_at < now() - interval '7 days'
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_host_state
-- takes: most
-- gives: gone
with old as materialized (
	select host
	from host_state
	where updated_at < now() - interval '1 day'
		and (parked_until is null or parked_until < now())
	limit :most::integer
	for update skip locked
), gone as (
	delete from host_state h using old o where h.host = o.host returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_task_log
-- Lines of tasks that ended more than 30 days ago.
-- takes: most
-- gives: gone
with old as materialized (
	select l.tenant_id, l.task_id, l.id, l.at
	from task_log l
	join task t on t.tenant_id = l.tenant_id and t.id = l.task_id
	where l.at < now() - interval '30 days' and t.finished_at < now() - interval '30 days'
		and not t.legal_hold
	limit :most::integer
), gone as (
	delete from task_log l
	using old o
	where l.tenant_id = o.tenant_id and l.task_id = o.task_id and l.id = o.id and l.at = o.at
	returning 1
)
select count(*) as gone
from gone

-- name: sweep_purge_task
-- Finished tasks past their tenant's keep_days: body, tags and lines go, the row stays as a
-- tombstone and with it the entity and the history. One whose webhook is still to be sent waits for
-- that: the body has its result. after_seq: only tasks behind it, so that one purge is one pass.
-- gone: how many were looked at, those that wait among them. last_seq: the last one seen.
-- takes: most, after_seq
-- gives: gone, last_seq
with old as materialized (
	select t.tenant_id, t.id, t.seq
	from tenant n
	join task t on t.tenant_id = n.id
	where n.keep_days > 0 and t.finished_at < now() - make_interval(days => n.keep_days)
		and t.purged_at is null and not t.legal_hold and t.seq > :after_seq::bigint
	order by t.seq
	limit :most::integer
	for update of t skip locked
), free as materialized (
	-- The offset keeps it a look-up by index for each: as a join, planned while nothing waits,
	-- it would compare all with all.
	select o.tenant_id, o.id, o.seq
	from old o
	where not exists (
		select
		from work w
		where w.tenant_id = o.tenant_id and w.task_id = o.id and w.lane = 'webhook' offset 0
	)
), stone as (
	update task t
	set purged_at = now(), tags = null, title = null,
		target_id = case when t.kind = 'voicemail' then t.target_id end,
		progress_message = null
	from free o
	where t.tenant_id = o.tenant_id and t.id = o.id
	returning 1
), body as (
	delete from task_body b using free o where b.tenant_id = o.tenant_id and b.task_id = o.id
), tag as (
	delete from task_tag g using free o where g.tenant_id = o.tenant_id and g.seq = o.seq
), line as (
	delete from task_log l using free o where l.tenant_id = o.tenant_id and l.task_id = o.id
), file as (
	delete from message_file f using free o where f.tenant_id = o.tenant_id and f.task_id = o.id
), event as (
	delete from message_event e
	using free o
	where e.tenant_id = o.tenant_id and e.task_id = o.id
), sent as (
	delete from message m using free o where m.tenant_id = o.tenant_id and m.task_id = o.id
), called as (
	delete from call c using free o where c.tenant_id = o.tenant_id and c.task_id = o.id
), campaigned as (
	delete from campaign p using free o where p.tenant_id = o.tenant_id and p.task_id = o.id
)
select (select count(*) from old) as gone, (select max(seq) from old) as last_seq
