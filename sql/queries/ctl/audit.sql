-- What proves the history: `taskgatectl audit` computes it again, looks for rows that break a rule,
-- and prints it.

-- name: audit_verify
-- Computes the chains of the next tasks again, in the order of their keys. tenant: null for all.
-- last_tenant, last_task: the last one seen. One row: how many tasks and events were looked at, the
-- last task, and the first broken link among them, if there is one. Events whose task is gone are
-- found as well: the range of the last batch has no end.
-- takes: tenant, last_tenant, last_task, batch
-- gives: tasks, events, last_tenant, last_task, tenant_id, task_id, public_id, seq, fault
with batch as materialized (
	select tenant_id, id, event_seq, event_hash
	from task
	where (tenant_id, id) > (:last_tenant::uuid, :last_task::uuid)
		and (:tenant::uuid is null or tenant_id = :tenant::uuid)
	order by tenant_id, id
	limit :batch::integer
), upto as materialized (
	select
		case
			when count(*) = :batch::integer
				then (array_agg(tenant_id order by tenant_id desc, id desc))[1]
			else 'ffffffff-ffff-ffff-ffff-ffffffffffff'
		end as tenant_id,
		case
			when count(*) = :batch::integer
				then (array_agg(id order by tenant_id desc, id desc))[1]
			else 'ffffffff-ffff-ffff-ffff-ffffffffffff'
		end as id
	from batch
), link as materialized (
	select e.tenant_id, e.task_id, e.seq, e.at, e.hash, e.prev_hash,
		lag(e.hash) over chain as before, row_number() over chain as n,
		lead(e.seq) over chain is null as last,
		e.hash = event_hash(
			e.prev_hash, e.task_id, e.seq, e.at, e.machine, e.from_state, e.event,
			e.to_state, e.principal_id::text, e.on_behalf, e.remote, e.request_id,
			e.reason, e.data::text
		) as genuine
	from task_event e
	where (e.tenant_id, e.task_id) > (:last_tenant::uuid, :last_task::uuid)
		and (e.tenant_id, e.task_id) <= (
			(select tenant_id from upto), (select id from upto)
		)
		and (:tenant::uuid is null or e.tenant_id = :tenant::uuid)
	window chain as (partition by e.tenant_id, e.task_id order by e.seq)
), fault as (
	select k.tenant_id, k.task_id, k.seq,
		case
			when k.seq <> k.n then 'an event before it is missing'
			when not k.genuine then 'the event was changed'
			when k.prev_hash is distinct from k.before
				then 'it does not go on from the event before it'
			when b.id is null then 'its task is gone'
			when k.last
				and (b.event_seq <> k.seq or b.event_hash is distinct from k.hash)
				then 'the task does not end with this event'
		end as fault
	from link k
	left join batch b on b.tenant_id = k.tenant_id and b.id = k.task_id
	union all
	select b.tenant_id, b.id, 0, 'the task has no history'
	from batch b
	where not exists (select from link k where k.tenant_id = b.tenant_id and k.task_id = b.id)
)
select (select count(*) from batch) as tasks, (select count(*) from link) as events,
	u.tenant_id as last_tenant, u.id as last_task, f.tenant_id, f.task_id, t.public_id, f.seq,
	f.fault
from upto u
left join lateral (
	select tenant_id, task_id, seq, fault
	from fault
	where fault is not null
	order by tenant_id, task_id, seq
	limit 1
) f on true
left join task t on t.tenant_id = f.tenant_id and t.id = f.task_id

-- name: audit_rules
-- The first row that breaks a rule of the ledger (view ledger_fault), told as audit_verify tells of
-- a link. tenant: null for all. Always one row.
-- takes: tenant
-- gives: tenant_id, task_id, public_id, seq, fault
select f.tenant_id, f.task_id, t.public_id, null::integer as seq,
	'the rule ' || f.rule || ' is broken' as fault
from (values (1)) one(n)
left join lateral (
	select tenant_id, task_id, rule
	from ledger_fault
	where :tenant::uuid is null or tenant_id = :tenant::uuid
	limit 1
) f on true
left join task t on t.tenant_id = f.tenant_id and t.id = f.task_id

-- name: audit_export
-- line: one JSON object a row. tenant: null for all. last_id: the last one seen.
-- takes: tenant, last_id, batch
-- gives: id, line
select a.id,
	json_build_object(
		'record', 'audit', 'id', a.id,
		'at', to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		'tenant_id', a.tenant_id, 'principal_id', a.principal_id, 'action', a.action,
		'what', a.what, 'remote', a.remote, 'request_id', a.request_id, 'detail', a.detail
	) as line
from audit a
where a.id > :last_id::bigint and (:tenant::uuid is null or a.tenant_id = :tenant::uuid)
order by a.id
limit :batch::integer

-- name: audit_export_events
-- The same for events; last_*: the key of the last one seen.
-- takes: tenant, last_tenant, last_task, last_seq, batch
-- gives: tenant_id, task_id, seq, line
select e.tenant_id, e.task_id, e.seq,
	json_build_object(
		'record', 'event', 'tenant_id', e.tenant_id, 'task_id', e.task_id, 'seq', e.seq,
		'at', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		'machine', e.machine, 'from', e.from_state, 'event', e.event, 'to', e.to_state,
		'principal_id', e.principal_id, 'on_behalf', e.on_behalf, 'remote', e.remote,
		'request_id', e.request_id, 'reason', e.reason, 'data', e.data,
		'prev_hash', encode(e.prev_hash, 'hex'), 'hash', encode(e.hash, 'hex')
	) as line
from task_event e
where (e.tenant_id, e.task_id, e.seq) > (:last_tenant::uuid, :last_task::uuid, :last_seq::integer)
	and (:tenant::uuid is null or e.tenant_id = :tenant::uuid)
order by e.tenant_id, e.task_id, e.seq
limit :batch::integer
