-- What a reader of one task may ask for besides its row.

-- The log of a task as JSON, the oldest first: system lines from its history and its workers'
-- lines, the newest 256 KiB. p_since: the task's creation, so that only the partitions from its
-- month on are read.
-- A function, since a statement that could read the log prepares every partition even where it does
-- not (270,000 of the 654,000 instructions of a GET).
create or replace function task_logs(p_id uuid, p_since timestamptz)
returns json
language plpgsql stable as $$
begin
	return (
		select coalesce(
			json_agg(
				json_build_object(
					'timestamp',
						to_char(
							l.at at time zone 'UTC',
							'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
					'level', l.level, 'message', l.message)
				order by l.at, l.n),
			'[]'::json)
		from (
			select l.at, l.n, l.level, l.message,
				sum(octet_length(l.message)) over (
					order by l.at desc, l.n desc) as bytes
			from (
				select e.at, e.seq::bigint as n,
					case e.event
						when 'fail' then 'error'
						when 'expire' then 'error'
						when 'retry' then 'warning'
						else 'info'
					end as level,
					coalesce(e.reason, g.why) as message
				from task_event e
				join state_edge g on g.machine = e.machine
					and g.from_state = e.from_state
					and g.event = e.event
					and g.to_state = e.to_state
				where e.tenant_id = tg_tenant()
					and e.task_id = p_id
					and e.at >= p_since
					and e.event <> 'create'
				union all
				select l.at, l.id, l.level, l.message
				from task_log l
				where l.tenant_id = tg_tenant()
					and l.task_id = p_id
					and l.at >= p_since
			) l
		) l
		where l.bytes <= 262144
	);
end $$;
revoke all on function task_logs from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_logs to taskgate_api, taskgate_ctl;

-- The history of a task as JSON, the oldest first. A function for the same reason as task_logs.
create or replace function task_history(p_id uuid, p_since timestamptz)
returns json
language plpgsql stable as $$
begin
	return (
		select json_agg(
			json_build_object(
				'status', e.to_state,
				'timestamp',
					to_char(
						e.at at time zone 'UTC',
						'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'message', coalesce(e.reason, g.why))
			order by e.seq)
		from task_event e
		join state_edge g on g.machine = e.machine
			and g.from_state = e.from_state
			and g.event = e.event
			and g.to_state = e.to_state
		where e.tenant_id = tg_tenant() and e.task_id = p_id and e.at >= p_since
	);
end $$;
revoke all on function task_history from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_history to taskgate_api, taskgate_ctl;

-- A task's state at this moment, not when the statement began: volatile, so it has a snapshot of
-- its own. For telling whoever lost a race what won it.
create or replace function task_state_now(p_id uuid) returns text language plpgsql volatile as $$
begin
	return (select t.state from task t where t.tenant_id = tg_tenant() and t.id = p_id);
end $$;
revoke all on function task_state_now from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_state_now to taskgate_api, taskgate_ctl;

-- The work row of a task: its own, or that of a campaign's next number. A function, since a case
-- with a subquery in it is no key for an index.
create or replace function task_work(p_task uuid, p_kind text)
returns uuid
language plpgsql stable as $$
begin
	if p_kind <> 'bulk_call' then
		return p_task;
	end if;
	return (
		select c.id
		from call c
		where c.tenant_id = tg_tenant() and c.task_id = p_task and c.ended_at is null
		order by c.n
		limit 1
	);
end $$;
revoke all on function task_work from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_work to taskgate_api, taskgate_ctl;
