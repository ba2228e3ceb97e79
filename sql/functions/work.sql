-- Due work: how it is made, and how a sweeper's lane picks it.

-- The work row of a task that a sweeper's lane runs. p_host is the provider's name, since its
-- address is the sweeper's setting.
create or replace function work_make(
	p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamptz,
	p_priority integer, p_fence bigint)
returns void
language sql volatile as $$
	insert into work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, host)
	values (
		p_task, p_tenant, p_task, p_run_at, p_fence, p_priority::smallint,
		p_run_at <= now(), p_lane, p_host)
$$;
revoke all on function work_make from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function work_make to taskgate_api, taskgate_sweep;

-- The due work of a lane, fair between tenants, within what each host takes. Each pair of tenant
-- and host that has something ready is found by one index descent, so a host without room or a
-- parked one costs nothing however long its line is; its rows stay as they are and keep their
-- place. A host on probation (five failures) gets one at a time. The rank within the tenant comes
-- before priority.
-- p_hosts, p_taken: how many transfers the caller has for which host. p_host_most: how many one
-- host may have.
-- Result: the rows, locked. failing: the host has failures running. Locks: work by skip locked.
create or replace function lane_pick(
	p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer)
returns table (id uuid, tenant_id uuid, task_id uuid, fence bigint, type text, failing boolean)
language plpgsql volatile rows 32 as $$
begin
	return query
	with recursive pair as (
		(
			select w.tenant_id, w.host
			from work w
			where w.lane = p_lane
				and w.lane <> 'pull'
				and w.ready
				and w.lease_until is null
			order by w.tenant_id, w.host
			limit 1
		)
		union all
		select n.tenant_id, n.host
		from pair p
		cross join lateral (
			select w.tenant_id, w.host
			from work w
			where w.lane = p_lane
				and w.lane <> 'pull'
				and w.ready
				and w.lease_until is null
				and (w.tenant_id, w.host) > (p.tenant_id, p.host)
			order by w.tenant_id, w.host
			limit 1
		) n
	), open as materialized (
		select p.tenant_id, p.host,
			case
				when h.failures >= 5 then 1
				else p_host_most
			end - coalesce(b.taken, 0) as room,
			coalesce(h.failures, 0) > 0 as failing
		from pair p
		left join unnest(p_hosts, p_taken) b(host, taken) on b.host = p.host
		left join host_state h on h.host = p.host
		where (h.parked_until is null or h.parked_until <= now())
			and not exists (
				select from lane l where l.name = p_lane and l.paused_at is not null
			)
	), seen as materialized (
		select c.id, c.task_id, c.fence, c.type, o.tenant_id, o.host, o.room, o.failing,
			c.priority, c.run_at,
			row_number() over (
				partition by o.tenant_id
				order by c.priority desc, c.run_at, c.id) as turn
		from open o
		cross join lateral (
			select w.id, w.task_id, w.fence, w.type, w.priority, w.run_at
			from work w
			where w.lane = p_lane
				and w.lane <> 'pull'
				and w.tenant_id = o.tenant_id
				and w.host = o.host
				and w.ready
				and w.lease_until is null
			order by w.priority desc, w.run_at, w.id
			limit least(o.room, 4 + 2 * p_most / (select count(*) from open))
			for update skip locked
		) c
		where o.room > 0
	)
	select s.id, s.tenant_id, s.task_id, s.fence, s.type, s.failing
	from (
		select n.*,
			row_number() over (
				partition by n.host
				order by n.turn, n.priority desc, n.run_at, n.id) as host_turn
		from seen n
	) s
	where s.host_turn <= s.room
	order by s.turn, s.priority desc, s.run_at, s.id
	limit p_most;
end $$;
revoke all on function lane_pick from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function lane_pick to taskgate_sweep;

-- The backlog of all tenants, in figures only. taskgate_api sees no other tenant's rows, hence a
-- definer's function.
create or replace function backlog_by_lane()
returns table (lane text, waiting bigint, scheduled bigint, leased bigint, oldest integer)
language sql stable security definer set search_path = taskgate, pg_temp as $$
	select w.lane, count(*) filter (where w.lease_until is null and w.run_at <= now()),
		count(*) filter (where w.lease_until is null and w.run_at > now()),
		count(*) filter (where w.lease_until is not null),
		greatest(extract(epoch from now() - min(w.run_at) filter (
			where w.lease_until is null and w.run_at <= now()))::integer, 0)
	from work w
	group by w.lane
$$;
revoke all on function backlog_by_lane from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function backlog_by_lane to taskgate_api, taskgate_ctl;
