-- The one way in which a number of a call task ends and is counted.

-- A line in the log of a call task.
create or replace function call_log(p_tenant uuid, p_task uuid, p_level text, p_message text)
returns void
language sql volatile as $$
	insert into task_log (tenant_id, task_id, id, level, message)
	values (p_tenant, p_task, nextval('task_log_id'), p_level, p_message)
$$;
revoke all on function call_log from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_log to taskgate_sweep;

-- The result of a call task as JSON: that of its one number, or the counts of a campaign.
create or replace function campaign_result(p_tenant uuid, p_task uuid)
returns json
language sql stable as $$
	select case t.kind
		when 'call' then (
			select json_build_object(
				'success', c.state = 'completed', 'call_sid', c.sid,
				'status', c.status, 'to_number', c.number,
				'from_number', p.from_number,
				'created_at',
					to_char(
						t.created_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'duration', c.duration,
				'scheduled_time',
					to_char(
						t.scheduled_at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'delay_seconds',
					coalesce(ceil(extract(
						epoch from t.scheduled_at - t.created_at)), 0)::bigint,
				'call_task_id', t.public_id,
				'schedule_task_id',
					case when t.scheduled_at is not null then t.public_id end,
				'metadata', b.input, 'task_id', t.public_id,
				'unique_call_id',
					t.public_id || '_' || c.number || '_' || coalesce(
						floor(extract(epoch from c.granted_at)), 0),
				'gathered', coalesce(c.gathered, '[]'::json))
			from call c
			where c.tenant_id = t.tenant_id and c.task_id = t.id
		)
		else json_build_object(
			'success', true, 'total_calls', p.total, 'successful_calls', p.completed,
			'failed_calls', p.failed, 'cancelled_calls', p.cancelled,
			'successful_call_details',
				(
					select coalesce(
						json_agg(
							json_build_object(
								'phone_number', c.number,
								'task_id', t.public_id,
								'scheduled_delay',
									(c.n - 1) * p.delay_s,
								'call_sid', c.sid,
								'duration', c.duration)
							order by c.n),
						'[]'::json)
					from call c
					where c.tenant_id = t.tenant_id
						and c.task_id = t.id
						and c.state = 'completed'
				),
			'failed_call_details',
				(
					select coalesce(
						json_agg(
							json_build_object(
								'phone_number', c.number,
								'error', c.reason)
							order by c.n),
						'[]'::json)
					from call c
					where c.tenant_id = t.tenant_id
						and c.task_id = t.id
						and c.state = 'failed'
				),
			'campaign_id', 'bulk_' || t.public_id,
			'created_at',
				to_char(
					t.created_at at time zone 'UTC',
					'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
	end
	from task t
	join campaign p on p.tenant_id = t.tenant_id and p.task_id = t.id
	left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
	where t.tenant_id = p_tenant and t.id = p_task
$$;
revoke all on function campaign_result from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function campaign_result to taskgate_sweep;

-- The one way in which a number ends: completed, failed or cancelled (p_state). p_status,
-- p_duration, p_code: Twilio's, null where it said none. With the last number its task ends. The
-- caller holds its work row, where there is one.
-- Result: false where it has ended already.
create or replace function call_ends(
	p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text,
	p_reason text)
returns boolean
language plpgsql volatile as $$
declare
	c call;
	p campaign;
	t record;
begin
	select *
	into c
	from call k
	where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null
	for update;
	if not found then
		return false;
	end if;
	select g.delay_s
	into p.delay_s
	from campaign g
	where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, clock_timestamp());
	perform call_frees(c, p.delay_s);
	delete from work where id = p_id;
	update call
	set state = p_state, status = coalesce(p_status, status),
		duration = coalesce(p_duration, duration),
		error_code = coalesce(p_code, error_code), reason = p_reason, ended_at = now()
	where tenant_id = p_tenant and id = p_id;
	update campaign g
	set completed = g.completed + (p_state = 'completed')::integer,
		failed = g.failed + (p_state = 'failed')::integer,
		cancelled = g.cancelled + (p_state = 'cancelled')::integer
	where g.tenant_id = p_tenant and g.task_id = c.task_id
	returning * into p;
	select k.kind, k.state into t from task k where k.tenant_id = p_tenant and k.id = c.task_id;
	if t.kind = 'call' then
		update task
		set state = case p_state
			when 'completed' then 'completed'
			when 'failed' then 'failed'
			else 'cancelled'
		end,
			event = case p_state
				when 'completed' then 'complete'
				when 'failed' then 'fail'
				else 'cancel'
			end,
			reason = p_reason,
			progress = case when p_state = 'completed' then 100 else progress end
		where tenant_id = p_tenant
			and id = c.task_id
			and state in ('pending', 'processing');
	else
		update task
		set state = 'processing', event = 'claim', reason = null, started_at = now(),
			attempts = 1
		where tenant_id = p_tenant
			and id = c.task_id
			and state = 'pending'
			and p_state <> 'cancelled';
		update task
		set progress = 100 * (p.completed + p.failed + p.cancelled) / p.total,
			updated_at = now(),
			progress_message = format(
				'Ended %s/%s calls', p.completed + p.failed + p.cancelled, p.total)
		where tenant_id = p_tenant and id = c.task_id and state = 'processing';
		if p.completed + p.failed + p.cancelled = p.total then
			update task
			set state = 'completed', event = 'complete', reason = null
			where tenant_id = p_tenant and id = c.task_id and state = 'processing';
			delete from pace where key = pace_key(c.task_id, p.delay_s);
		end if;
	end if;
	if p.completed + p.failed + p.cancelled = p.total then
		update task_body
		set output = campaign_result(p_tenant, c.task_id)
		where tenant_id = p_tenant and task_id = c.task_id;
	end if;
	return true;
end $$;
revoke all on function call_ends from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_ends to taskgate_sweep;
