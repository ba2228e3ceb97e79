-- Calls and campaigns as the calls API makes and shows them.

-- name: call_queue
-- One call, durable and due. estimated_completion is null without a delay.
-- takes: to_number, from_number, webhook_url, status_callback_url, call_metadata, delay_seconds
-- takes: callback_url
-- gives: public_id, created_at, estimated_completion
select m.public_id, m.created_at,
	case
		when :delay_seconds::integer > 0
			then m.created_at + make_interval(secs => :delay_seconds::integer + 60)
	end as estimated_completion
from call_make(
	'call', array[:to_number::text], :from_number, :webhook_url, :status_callback_url,
	:call_metadata::json, null, null,
	case
		when :delay_seconds::integer > 0
			then now() + make_interval(secs => :delay_seconds::integer)
	end,
	:callback_url
) m

-- name: call_queue_bulk
-- A campaign, in one commit. phone_numbers: an array. estimated_duration_minutes is what it takes
-- at least.
-- takes: phone_numbers, from_number, webhook_url, status_callback_url, call_metadata
-- takes: delay_between_calls, max_concurrent_calls, callback_url
-- gives: public_id, created_at, total_calls, duplicate_numbers, estimated_duration_minutes
select m.public_id, m.created_at, cardinality(:phone_numbers::text[]) as total_calls,
	cardinality(:phone_numbers::text[]) - (
		select count(distinct u) from unnest(:phone_numbers::text[]) u
	) as duplicate_numbers,
	greatest(
		1,
		ceil(
			(
				cardinality(:phone_numbers::text[]) - 1
			) * :delay_between_calls::integer / 60.0
		)
	)::integer as estimated_duration_minutes
from call_make(
	'bulk_call', :phone_numbers::text[], :from_number, :webhook_url, :status_callback_url,
	:call_metadata::json, :delay_between_calls::integer, :max_concurrent_calls::integer, null,
	:callback_url
) m

-- name: call_schedule
-- One call at a time. is_wall_time: schedule_time is what the clocks of timezone show. Raises TG400
-- zone_unknown and schedule_past.
-- takes: to_number, from_number, webhook_url, status_callback_url, call_metadata, schedule_time
-- takes: is_wall_time, timezone, callback_url
-- gives: public_id, created_at, scheduled_at
select m.public_id, m.created_at, m.scheduled_at
from call_schedule(
	:to_number, :from_number, :webhook_url, :status_callback_url, :call_metadata::json,
	:schedule_time::timestamptz, :is_wall_time::boolean, :timezone, :callback_url
) m

-- name: call_get
-- One task of the calls API, in the document's words.
-- takes: task_id
-- gives: public_id, status, progress, message, result, error, created_at, updated_at
select t.public_id, call_word(t.state) as status,
	case when t.state = 'completed' then 100 else coalesce(t.progress, 0) end as progress,
	case
		when t.state = 'processing' then coalesce(t.progress_message, 'Initializing call')
		when t.state = 'pending' and t.scheduled_at > now() then 'Call scheduled'
		when t.state = 'pending' then 'Call queued'
		else coalesce(
			case when t.state = 'cancelled' then t.reason end,
			(
				select g.why
				from state_edge g
				where g.machine = t.machine and g.event = t.event
					and g.to_state = t.state
				order by (g.from_state = 'processing') = (t.attempts > 0) desc
				limit 1
			)
		)
	end as message,
	case when t.state = 'completed' then b.output end as result,
	case
		when t.state in ('failed', 'expired')
			then coalesce(t.reason, 'the call ' || t.state)
	end as error,
	t.created_at, t.updated_at
from task t
left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
where t.tenant_id = tg_tenant() and t.public_id = :task_id and t.api = 'calls'
	and t.deleted_at is null and t.purged_at is null

-- name: call_cancel
-- cancelled: false where there is no such task or it has ended. Locks the work of its calls, then
-- pace, campaign, task.
-- takes: task_id
-- gives: cancelled
select call_cancel(:task_id, 'cancelled by the caller') is not null as cancelled

-- name: call_active
-- What has not ended, the newest first. tasks: a JSON array. It goes from one task with open
-- numbers to the next, however many numbers those have.
-- takes: page_rows
-- gives: total, tasks
with recursive line as (
	(
		select c.task_id
		from call c
		where c.tenant_id = tg_tenant() and c.ended_at is null
		order by c.task_id
		limit 1
	)
	union all
	select (
		select c.task_id
		from call c
		where c.tenant_id = tg_tenant() and c.ended_at is null and c.task_id > l.task_id
		order by c.task_id
		limit 1
	)
	from line l
	where l.task_id is not null
), open as materialized (
	select t.seq, t.id, t.public_id, t.kind, t.state, t.started_at
	from task t
	where t.tenant_id = tg_tenant() and t.finished_at is null
		and t.id = any (array(select l.task_id from line l where l.task_id is not null))
)
select (select count(*) from open) as total,
	(
		select coalesce(
			json_agg(
				json_build_object(
					'task_id', p.public_id,
					'name', case p.kind
						when 'call' then 'queue_single_call'
						else 'queue_bulk_calls'
					end,
					'args', '[]'::json,
					'kwargs', coalesce(p.detail, '{}'::json),
					'worker', p.claimed_by, 'status', call_word(p.state),
					'time_start', to_char(
						p.started_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					)
				) order by p.seq desc
			),
			'[]'::json
		)
		from (
			select o.seq, o.public_id, o.kind, o.state, o.started_at,
				(
					select b.detail
					from task_body b
					where b.tenant_id = tg_tenant() and b.task_id = o.id
				) as detail,
				(
					select w.claimed_by
					from work w
					where w.tenant_id = tg_tenant() and w.id = o.id
				) as claimed_by
			from open o
			order by o.seq desc
			limit :page_rows::integer
		) p
	) as tasks

-- name: campaign_calls
-- One page of a campaign's numbers in their order. No row where there is no such campaign. calls: a
-- JSON array.
-- takes: task_id, page_rows, page_offset
-- gives: public_id, status, total, completed, failed, cancelled, calls
select t.public_id, call_word(t.state) as status, p.total, p.completed, p.failed, p.cancelled,
	(
		select coalesce(
			json_agg(
				json_build_object(
					'phone_number', c.number,
					'status', case c.state
						when 'pending' then 'PENDING'
						when 'completed' then 'SUCCESS'
						when 'failed' then 'FAILURE'
						when 'cancelled' then 'REVOKED'
						else 'PROGRESS'
					end,
					'call_status', coalesce(c.status, c.state),
					'call_sid', c.sid, 'duration', c.duration,
					'error', c.reason,
					'dialled_at', to_char(
						c.granted_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					),
					'ended_at', to_char(
						c.ended_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'
					)
				) order by c.n
			),
			'[]'::json
		)
		from (
			select k.number, k.state, k.status, k.sid, k.duration, k.reason,
				k.granted_at, k.ended_at, k.n
			from call k
			where k.tenant_id = t.tenant_id and k.task_id = t.id
			order by k.n
			limit :page_rows::integer offset :page_offset::integer
		) c
	) as calls
from task t
join campaign p on p.tenant_id = t.tenant_id and p.task_id = t.id
where t.tenant_id = tg_tenant() and t.public_id = :task_id and t.api = 'calls'
	and t.deleted_at is null and t.purged_at is null

-- name: call_health
-- Does anybody dial?
-- gives: sweeper
select exists (select from sweeper where beat_at > now() - interval '150 seconds') as sweeper
