-- What taskgate-sweep throws away, a step at a time, each a bounded number of rows.

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
