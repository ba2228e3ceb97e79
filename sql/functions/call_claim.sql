-- Grants: which numbers are dialled now. Lock order of everything about calls: the number
-- (number_hold), work (all that a transaction will want), the account's pace row, another pace row,
-- then campaign and task. The claim begins with the account and waits for neither work nor number.

-- Grants numbers one by one, each within the account's limit, its own line's limit and its
-- campaign's concurrency, to the line whose turn it is: priority first, then whoever was served
-- longest ago. Refused ones end here. What a dial needs is read where it is granted: the statement
-- that calls this looked before the limiter was waited for, and does not see a call that was queued
-- meanwhile. Of several sweepers one is at it at a time.
-- p_name: the sweeper's. p_timeout_s: of a transfer. p_per_second, p_per_minute: null for no limit.
-- p_paced false: no limits at all.
create or replace function call_claim(
	p_most integer, p_name text, p_timeout_s integer, p_per_second integer,
	p_per_minute integer, p_paced boolean)
returns table (
	id uuid, tenant_id uuid, task_id uuid, fence bigint, number text, from_number text,
	webhook_url text, status_url text, input json)
language plpgsql volatile as $$
declare
	q record;
	w record;
	room integer := p_most;
	mine integer;
	why text;
	p campaign;
begin
	if p_most <= 0
			or not exists (
				select from work k
				where k.lane = 'call'
					and k.lane <> 'pull'
					and k.ready
					and k.lease_until is null
			)
			or exists (
				select from lane l where l.name = 'call' and l.paused_at is not null
			)
			or exists (
				select from host_state h
				where h.host = 'twilio' and h.parked_until > now()
			) then
		return;
	end if;
	if p_paced then
		room := least(room, pace_room('account', p_per_second, 1));
	end if;
	if room <= 0 then
		return;
	end if;
	for q in
		with recursive line as (
			(
				select k.tenant_id, k.host
				from work k
				where k.lane = 'call'
					and k.lane <> 'pull'
					and k.ready
					and k.lease_until is null
				order by k.tenant_id, k.host
				limit 1
			)
			union all
			select n.tenant_id, n.host
			from line l
			cross join lateral (
				select k.tenant_id, k.host
				from work k
				where k.lane = 'call'
					and k.lane <> 'pull'
					and k.ready
					and k.lease_until is null
					and (k.tenant_id, k.host) > (l.tenant_id, l.host)
				order by k.tenant_id, k.host
				limit 1
			) n
		)
		select l.tenant_id, l.host, h.priority
		from line l
		cross join lateral (
			select k.priority, k.run_at
			from work k
			where k.lane = 'call'
				and k.lane <> 'pull'
				and k.ready
				and k.lease_until is null
				and k.tenant_id = l.tenant_id
				and k.host = l.host
			order by k.priority desc, k.run_at, k.id
			limit 1
		) h
		left join pace g on g.key = l.host
		order by h.priority desc, g.granted_at nulls first, h.run_at
	loop
		exit when room <= 0;
		mine := room;
		if p_paced and q.host = 'single' then
			mine := least(room, pace_room('single', p_per_minute, 60));
		elsif p_paced then
			-- One whose numbers are all in the hands of others, who are cancelling it,
			-- is not waited for at its limiter.
			perform from work k
			where k.lane = 'call'
				and k.lane <> 'pull'
				and k.ready
				and k.lease_until is null
				and k.tenant_id = q.tenant_id
				and k.host = q.host
			order by k.priority desc, k.run_at, k.id
			limit 1
			for update skip locked;
			continue when not found;
			select *
			into p
			from campaign g
			where 'campaign:' || g.task_id = q.host
				and g.tenant_id = q.tenant_id
				and g.task_id = substr(q.host, 10)::uuid;
			mine := least(
				room, pace_room(q.host, 1, p.delay_s),
				p.most - (select g.in_flight from pace g where g.key = q.host));
		end if;
		continue when mine <= 0;
		for w in
			select k.id, k.tenant_id, k.task_id, c.number, g.from_number, g.webhook_url,
				g.status_url, b.input
			from work k
			join call c on c.tenant_id = k.tenant_id and c.id = k.id
			join campaign g on g.tenant_id = k.tenant_id and g.task_id = k.task_id
			left join task_body b on g.webhook_url is not null
				and b.tenant_id = k.tenant_id
				and b.task_id = k.task_id
			where k.lane = 'call'
				and k.lane <> 'pull'
				and k.ready
				and k.lease_until is null
				and k.tenant_id = q.tenant_id
				and k.host = q.host
			order by k.priority desc, k.run_at, k.id
			limit least(mine, 500) + 20
			for update of k skip locked
		loop
			exit when mine <= 0;
			-- number_hold's lock: who is listing the number at this moment is not
			-- overlooked, and not waited for.
			continue when not pg_try_advisory_xact_lock(
				number_line(w.tenant_id, w.number));
			why := call_refused(w.tenant_id, w.number);
			if why is not null then
				perform call_ends(
					w.tenant_id, w.id, 'failed', null, null, null, why);
				continue;
			end if;
			update call k
			set state = 'dialling', outstanding = p_paced, slot = p_paced,
				attempts = k.attempts + 1, granted_at = clock_timestamp(),
				departed_at = null, reason = null
			where k.tenant_id = w.tenant_id and k.id = w.id and k.state = 'pending';
			continue when not found;
			if p_paced then
				update pace g
				set outstanding = g.outstanding + 1, granted_at = clock_timestamp(),
					in_flight = g.in_flight + (g.key = q.host)::integer
				where g.key in ('account', q.host);
			end if;
			update task k
			set state = 'processing', event = 'claim', reason = null,
				started_at = now(), attempts = k.attempts + 1,
				progress = case when k.kind = 'call' then 50 else 0 end,
				progress_message = case
					when k.kind = 'call' then 'Creating call'
					else format(
						'Starting bulk call campaign (%s numbers)',
						(
							select g.total
							from campaign g
							where g.tenant_id = k.tenant_id
								and g.task_id = k.id
						))
				end
			where k.tenant_id = w.tenant_id
				and k.id = w.task_id
				and k.state = 'pending';
			update work k
			set fence = k.fence + 1, attempt = k.attempt + 1, claimed_by = p_name,
				deadline = now() + make_interval(secs => p_timeout_s + 10),
				lease_until = now() + make_interval(secs => p_timeout_s + 10)
			where k.id = w.id
			returning k.fence into fence;
			return query select w.id, w.tenant_id, w.task_id, fence, w.number::text,
				w.from_number::text, w.webhook_url::text, w.status_url::text,
				w.input;
			mine := mine - 1;
			room := room - 1;
		end loop;
	end loop;
end $$;
revoke all on function call_claim from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_claim to taskgate_sweep;
