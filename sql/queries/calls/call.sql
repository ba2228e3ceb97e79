-- Calls as spec/calls.md makes and shows them, and what Twilio asks and reports of them. The functions are in sql/functions/call_*.sql.

-- name: call_queue
-- Purpose: one call, durable and due. $1 number, $2 from, $3 webhook_url, $4 status_callback_url, $5 call_metadata (JSON), $6 delay in seconds, $7 callback_url.
-- Result: the task; estimated_completion null without a delay.
select m.public_id, m.created_at, case when $6::integer > 0 then m.created_at + make_interval(secs => $6::integer + 60) end as estimated_completion
from call_make('call', array[$1::text], $2, $3, $4, $5::json, null, null, case when $6::integer > 0 then now() + make_interval(secs => $6::integer) end, $7) m

-- name: call_queue_bulk
-- Purpose: a campaign, in one commit. $1 numbers (text[]), $2 from, $3 webhook_url, $4 status_callback_url, $5 call_metadata (JSON), $6 seconds between calls, $7 most at once,
-- $8 callback_url. Result: the task; the minutes that it will take at least.
select m.public_id, m.created_at, cardinality($1::text[]) as total_calls, cardinality($1::text[]) - (select count(distinct u) from unnest($1::text[]) u) as duplicate_numbers,
	greatest(1, ceil((cardinality($1::text[]) - 1) * $6::integer / 60.0))::integer as estimated_duration_minutes
from call_make('bulk_call', $1::text[], $2, $3, $4, $5::json, $6::integer, $7::integer, null, $8) m

-- name: call_schedule
-- Purpose: one call at a time. $1 to $5 as of call_queue, $6 time, $7 true where it is a wall time of the zone $8, $9 callback_url. Result: the task.
-- Raises: TG400 zone_unknown, schedule_past.
select m.public_id, m.created_at, m.scheduled_at from call_schedule($1, $2, $3, $4, $5::json, $6::timestamptz, $7::boolean, $8, $9) m

-- name: call_get
-- $1 task id. Result: at most one row, in the document's words.
select t.public_id, call_word(t.state) as status, case when t.state = 'completed' then 100 else coalesce(t.progress, 0) end as progress,
	case when t.state = 'processing' then coalesce(t.progress_message, 'Initializing call')
		when t.state = 'pending' and t.scheduled_at > now() then 'Call scheduled' when t.state = 'pending' then 'Call queued'
		else coalesce(case when t.state = 'cancelled' then t.reason end, (select g.why from state_edge g where g.machine = t.machine and g.event = t.event and g.to_state = t.state
			order by (g.from_state = 'processing') = (t.attempts > 0) desc limit 1)) end as message,
	case when t.state = 'completed' then b.output end as result, case when t.state in ('failed', 'expired') then coalesce(t.reason, 'the call ' || t.state) end as error,
	t.created_at, t.updated_at
from task t left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.public_id = $1 and t.api = 'calls' and t.deleted_at is null and t.purged_at is null

-- name: call_cancel
-- $1 task id. Result: cancelled false where there is no such task, or it has ended. Locks: its calls' work, then pace, campaign, task.
select call_cancel($1, 'cancelled by the caller') is not null as cancelled

-- name: call_active
-- What has not ended, the newest first, at most $1. Result: total, tasks (JSON). Plan: from one task with open numbers to the next, however many those are.
with recursive line as (
	(select c.task_id from call c where c.tenant_id = tg_tenant() and c.ended_at is null order by c.task_id limit 1)
	union all
	select (select c.task_id from call c where c.tenant_id = tg_tenant() and c.ended_at is null and c.task_id > l.task_id order by c.task_id limit 1) from line l where l.task_id is not null
), open as materialized (
	select t.seq, t.id, t.public_id, t.kind, t.state, t.started_at from task t where t.tenant_id = tg_tenant() and t.finished_at is null
		and t.id = any (array(select l.task_id from line l where l.task_id is not null))
)
select (select count(*) from open) as total,
	(select coalesce(json_agg(json_build_object('task_id', p.public_id, 'name', case p.kind when 'call' then 'queue_single_call' else 'queue_bulk_calls' end, 'args', '[]'::json,
			'kwargs', coalesce(p.detail, '{}'::json), 'worker', p.claimed_by, 'status', call_word(p.state), 'time_start', to_char(p.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
			order by p.seq desc), '[]'::json)
		from (select o.seq, o.public_id, o.kind, o.state, o.started_at,
				(select b.detail from task_body b where b.tenant_id = tg_tenant() and b.task_id = o.id) as detail,
				(select w.claimed_by from work w where w.tenant_id = tg_tenant() and w.id = o.id) as claimed_by
			from open o order by o.seq desc limit $1::integer) p) as tasks

-- name: campaign_calls
-- A page of a campaign's numbers in their order. $1 task id, $2 rows, $3 offset. Result: none where there is no such task; total, counts, calls (JSON).
select t.public_id, call_word(t.state) as status, p.total, p.completed, p.failed, p.cancelled,
	(select coalesce(json_agg(json_build_object('phone_number', c.number, 'status', case c.state when 'pending' then 'PENDING' when 'completed' then 'SUCCESS' when 'failed' then 'FAILURE'
			when 'cancelled' then 'REVOKED' else 'PROGRESS' end, 'call_status', coalesce(c.status, c.state), 'call_sid', c.sid, 'duration', c.duration, 'error', c.reason,
			'dialled_at', to_char(c.granted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'ended_at', to_char(c.ended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) order by c.n), '[]'::json)
		from (select k.number, k.state, k.status, k.sid, k.duration, k.reason, k.granted_at, k.ended_at, k.n from call k where k.tenant_id = t.tenant_id and k.task_id = t.id
			order by k.n limit $2::integer offset $3::integer) c) as calls
from task t join campaign p on p.tenant_id = t.tenant_id and p.task_id = t.id
where t.tenant_id = tg_tenant() and t.public_id = $1 and t.api = 'calls' and t.deleted_at is null and t.purged_at is null

-- name: call_health
-- Is somebody dialling? Result: one row.
select exists (select from sweeper where beat_at > now() - interval '150 seconds') as sweeper

-- name: call_report
-- Purpose: a status callback that Twilio has signed; runs without a tenant. $1 call of the callback's address or null, $2 CallSid, $3 CallStatus, $4 SequenceNumber or null, $5 duration,
-- $6 error code, $7 all parameters (JSON), $8 the form as sent, $9 seconds before Twilio is asked, $10 request id, $11 remote address. Result: known, fresh.
-- Locks: the call's work row, pace, campaign, task.
select known, fresh from call_reported($1::uuid, $2, $3, $4::integer, $5::integer, $6, $7::json, $8, $9::integer, $10, $11)

-- name: call_script
-- What an answered call says. $1 call of the address or null, $2 CallSid. Result: one row; script null for what is not ours.
select s ->> 'message' as message, s ->> 'voice' as voice, s ->> 'language' as language, s ->> 'gather_input' as gather_input, s is not null as known, s::text ~ '^\{\s*\}$' as bare
from call_script($1::uuid, $2) s

-- name: call_gather
-- $1 CallSid, $2 speech, $3 digits, $4 all parameters (JSON). Kept also of what is not ours.
select call_gathered($1, $2, $3, $4::json) as known
