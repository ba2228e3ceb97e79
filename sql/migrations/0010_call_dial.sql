-- A number's dial: granted within all limits, made at most once, told how it went; the one way in which a number ends and is counted.

-- A single call's result is that of its number; a campaign's counts them all.
create function campaign_result(p_tenant uuid, p_task uuid) returns json language sql stable as $$
	select case t.kind when 'call' then (select json_build_object('success', c.state = 'completed', 'call_sid', c.sid, 'status', c.status, 'to_number', c.number,
			'from_number', p.from_number, 'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'duration', c.duration,
			'scheduled_time', to_char(t.scheduled_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'delay_seconds', coalesce(ceil(extract(epoch from t.scheduled_at - t.created_at)), 0)::bigint, 'call_task_id', t.public_id,
			'schedule_task_id', case when t.scheduled_at is not null then t.public_id end, 'metadata', b.input, 'task_id', t.public_id,
			'unique_call_id', t.public_id || '_' || c.number || '_' || coalesce(floor(extract(epoch from c.granted_at)), 0),
			'gathered', coalesce(c.gathered, '[]'::json))
			from call c where c.tenant_id = t.tenant_id and c.task_id = t.id)
		else json_build_object('success', true, 'total_calls', p.total, 'successful_calls', p.completed, 'failed_calls', p.failed, 'cancelled_calls', p.cancelled,
			'successful_call_details', (select coalesce(json_agg(json_build_object('phone_number', c.number, 'task_id', t.public_id,
				'scheduled_delay', (c.n - 1) * p.delay_s, 'call_sid', c.sid, 'duration', c.duration) order by c.n), '[]'::json)
				from call c where c.tenant_id = t.tenant_id and c.task_id = t.id and c.state = 'completed'),
			'failed_call_details', (select coalesce(json_agg(json_build_object('phone_number', c.number, 'error', c.reason) order by c.n), '[]'::json)
				from call c where c.tenant_id = t.tenant_id and c.task_id = t.id and c.state = 'failed'),
			'campaign_id', 'bulk_' || t.public_id, 'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) end
	from task t join campaign p on p.tenant_id = t.tenant_id and p.task_id = t.id left join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
	where t.tenant_id = p_tenant and t.id = p_task
$$;

-- The one way in which a number ends. The caller holds its work row, where there is one. False where it has ended already.
create function call_ends(p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text, p_reason text) returns boolean language plpgsql volatile as $$
declare c call; p campaign; t record;
begin
	select * into c from call k where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null for update;
	if not found then
		return false;
	end if;
	select g.delay_s into p.delay_s from campaign g where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, clock_timestamp());
	perform call_frees(c, p.delay_s);
	delete from work where id = p_id;
	update call set state = p_state, status = coalesce(p_status, status), duration = coalesce(p_duration, duration), error_code = coalesce(p_code, error_code),
		reason = p_reason, ended_at = now() where tenant_id = p_tenant and id = p_id;
	update campaign g set completed = g.completed + (p_state = 'completed')::integer, failed = g.failed + (p_state = 'failed')::integer,
			cancelled = g.cancelled + (p_state = 'cancelled')::integer
		where g.tenant_id = p_tenant and g.task_id = c.task_id returning * into p;
	select k.kind, k.state into t from task k where k.tenant_id = p_tenant and k.id = c.task_id;
	if t.kind = 'call' then
		update task set state = case p_state when 'completed' then 'completed' when 'failed' then 'failed' else 'cancelled' end,
				event = case p_state when 'completed' then 'complete' when 'failed' then 'fail' else 'cancel' end, reason = p_reason,
				progress = case when p_state = 'completed' then 100 else progress end
			where tenant_id = p_tenant and id = c.task_id and state in ('pending', 'processing');
	else
		update task set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = 1
			where tenant_id = p_tenant and id = c.task_id and state = 'pending' and p_state <> 'cancelled';
		update task set progress = 100 * (p.completed + p.failed + p.cancelled) / p.total, updated_at = now(),
				progress_message = format('Ended %s/%s calls', p.completed + p.failed + p.cancelled, p.total)
			where tenant_id = p_tenant and id = c.task_id and state = 'processing';
		if p.completed + p.failed + p.cancelled = p.total then
			update task set state = 'completed', event = 'complete', reason = null where tenant_id = p_tenant and id = c.task_id and state = 'processing';
			delete from pace where key = pace_key(c.task_id, p.delay_s);
		end if;
	end if;
	if p.completed + p.failed + p.cancelled = p.total then
		update task_body set output = campaign_result(p_tenant, c.task_id) where tenant_id = p_tenant and task_id = c.task_id;
	end if;
	return true;
end $$;

-- Work that follows a call: ask, find or hangup.
create function call_follow(p_id uuid, p_type text, p_in_s double precision) returns void language sql volatile as $$
	update public.work set lane = 'follow', host = 'twilio', type = p_type, ready = p_in_s <= 0, lease_until = null, deadline = null, claimed_by = null, unsent_since = null,
		run_at = now() + make_interval(secs => p_in_s) where id = p_id
$$;

-- Twilio has it: who was to be hung up meanwhile is, everybody else is followed. p_at: when the request left.
create function call_accepted(p_tenant uuid, p_id uuid, p_sid text, p_at timestamptz, p_ask_s integer) returns void language plpgsql volatile as $$
declare c call; p campaign;
begin
	select * into c from call k where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null for update;
	if not found then
		return;
	end if;
	select * into p from campaign g where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, p_at);
	update task set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = attempts + 1
		where c.state = 'pending' and tenant_id = p_tenant and id = c.task_id and state = 'pending';
	update call set state = 'accepted', sid = coalesce(sid, p_sid), status = coalesce(status, 'queued'), asked = 0 where tenant_id = p_tenant and id = p_id;
	if p.delay_s is null then
		update task set progress = 90, progress_message = 'Call created successfully', updated_at = now() where tenant_id = p_tenant and id = c.task_id and state = 'processing';
	end if;
	perform call_follow(p_id, case when c.hangup then 'hangup' else 'ask' end, case when c.hangup then 0 else p_ask_s end);
end $$;

-- No answer came, and Twilio may have it: nobody dials again by himself.
create function call_lost(p_tenant uuid, p_id uuid, p_at timestamptz, p_why text, p_find_s double precision) returns void language plpgsql volatile as $$
declare c call; p campaign;
begin
	select * into c from call k where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null for update;
	if not found or c.state <> 'dialling' then
		return;
	end if;
	select * into p from campaign g where g.tenant_id = p_tenant and g.task_id = c.task_id;
	perform call_departs(c, p.delay_s, p_at);
	update call set state = 'unknown', reason = p_why, asked = 0 where tenant_id = p_tenant and id = p_id;
	update task set progress_message = 'Outcome of the dial is unknown; asking Twilio', updated_at = now()
		where tenant_id = p_tenant and id = c.task_id and state = 'processing' and p.delay_s is null;
	perform call_log(p_tenant, c.task_id, 'warning', format('the outcome of dialling %s is unknown: %s', c.number, p_why));
	perform call_follow(p_id, 'find', p_find_s);
end $$;

-- Grants, one by one, each within the account's limit, its own line's limit and its campaign's concurrency, to the line whose turn it is: priority first, then whoever was
-- served longest ago. The refused end here. What a dial needs is read where it is granted: the statement that calls this looked before the limiter was waited for, and does not
-- see a call that was queued meanwhile. p_per_second, p_per_minute: null for no limit; p_paced false: no limits at all. Of several sweepers one is at it at a time.
create function call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean)
	returns table (id uuid, tenant_id uuid, task_id uuid, fence bigint, number text, from_number text, webhook_url text, status_url text, input json)
language plpgsql volatile as $$
declare q record; w record; room integer := p_most; mine integer; why text; p campaign;
begin
	if p_most <= 0 or not exists (select from work k where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null)
			or exists (select from lane l where l.name = 'call' and l.paused_at is not null)
			or exists (select from host_state h where h.host = 'twilio' and h.parked_until > now()) then
		return;
	end if;
	if p_paced then
		room := least(room, pace_room('account', p_per_second, 1));
	end if;
	if room <= 0 then
		return;
	end if;
	for q in with recursive line as (
			(select k.tenant_id, k.host from work k where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null order by k.tenant_id, k.host limit 1)
			union all
			select n.tenant_id, n.host from line l cross join lateral (
				select k.tenant_id, k.host from work k where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null and (k.tenant_id, k.host) > (l.tenant_id, l.host)
				order by k.tenant_id, k.host limit 1) n)
		select l.tenant_id, l.host, h.priority from line l cross join lateral (
			select k.priority, k.run_at from work k where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null and k.tenant_id = l.tenant_id and k.host = l.host
			order by k.priority desc, k.run_at, k.id limit 1) h left join pace g on g.key = l.host
		order by h.priority desc, g.granted_at nulls first, h.run_at loop
		exit when room <= 0;
		mine := room;
		if p_paced and q.host = 'single' then
			mine := least(room, pace_room('single', p_per_minute, 60));
		elsif p_paced then
			-- One whose numbers are all in the hands of others, who are cancelling it, is not waited for at its limiter.
			perform from work k where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null and k.tenant_id = q.tenant_id and k.host = q.host
				order by k.priority desc, k.run_at, k.id limit 1 for update skip locked;
			continue when not found;
			select * into p from campaign g where 'campaign:' || g.task_id = q.host and g.tenant_id = q.tenant_id and g.task_id = substr(q.host, 10)::uuid;
			mine := least(room, pace_room(q.host, 1, p.delay_s), p.most - (select g.in_flight from pace g where g.key = q.host));
		end if;
		continue when mine <= 0;
		for w in select k.id, k.tenant_id, k.task_id, c.number, g.from_number, g.webhook_url, g.status_url, b.input
				from work k join call c on c.tenant_id = k.tenant_id and c.id = k.id join campaign g on g.tenant_id = k.tenant_id and g.task_id = k.task_id
				left join task_body b on g.webhook_url is not null and b.tenant_id = k.tenant_id and b.task_id = k.task_id
				where k.lane = 'call' and k.lane <> 'pull' and k.ready and k.lease_until is null and k.tenant_id = q.tenant_id and k.host = q.host
				order by k.priority desc, k.run_at, k.id limit least(mine, 500) + 20 for update of k skip locked loop
			exit when mine <= 0;
			-- number_hold's lock (migration 0007): who is listing the number at this moment is not overlooked, and not waited for.
			continue when not pg_try_advisory_xact_lock(number_line(w.tenant_id, w.number));
			why := call_refused(w.tenant_id, w.number);
			if why is not null then
				perform call_ends(w.tenant_id, w.id, 'failed', null, null, null, why);
				continue;
			end if;
			update call k set state = 'dialling', outstanding = p_paced, slot = p_paced, attempts = k.attempts + 1, granted_at = clock_timestamp(), departed_at = null, reason = null
				where k.tenant_id = w.tenant_id and k.id = w.id and k.state = 'pending';
			continue when not found;
			if p_paced then
				update pace g set outstanding = g.outstanding + 1, granted_at = clock_timestamp(), in_flight = g.in_flight + (g.key = q.host)::integer where g.key in ('account', q.host);
			end if;
			update task k set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = k.attempts + 1,
					progress = case when k.kind = 'call' then 50 else 0 end, progress_message = case when k.kind = 'call' then 'Creating call'
						else format('Starting bulk call campaign (%s numbers)', (select g.total from campaign g where g.tenant_id = k.tenant_id and g.task_id = k.id)) end
				where k.tenant_id = w.tenant_id and k.id = w.task_id and k.state = 'pending';
			update work k set fence = k.fence + 1, attempt = k.attempt + 1, claimed_by = p_name, deadline = now() + make_interval(secs => p_timeout_s + 10),
					lease_until = now() + make_interval(secs => p_timeout_s + 10)
				where k.id = w.id returning k.fence into fence;
			return query select w.id, w.tenant_id, w.task_id, fence, w.number::text, w.from_number::text, w.webhook_url::text, w.status_url::text, w.input;
			mine := mine - 1;
			room := room - 1;
		end loop;
	end loop;
end $$;

-- The outcome of a dial: accepted (p_detail is Twilio's call), refuse (4xx), again (429: before acceptance), unsent, release, unknown. p_ago_ms: since the request left.
-- p_pauses: milliseconds before the first retry, seconds before Twilio is asked.
create function call_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], p_ago_ms integer) returns boolean
language plpgsql volatile as $$
declare w record; c call; p campaign; left_at timestamptz := clock_timestamp() - make_interval(secs => p_ago_ms / 1000.0); unused boolean := p_outcome in ('unsent', 'release'); again boolean;
begin
	select k.tenant_id, k.task_id into w from work k where k.id = p_id and k.fence = p_fence and k.deadline is not null and k.lane = 'call' for update;
	if not found then
		return false;
	end if;
	select * into c from call k where k.tenant_id = w.tenant_id and k.id = p_id for update;
	select * into p from campaign g where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
	if p_outcome = 'accepted' then
		-- A callback's call says no number to dial from, so it was the sweeper's own.
		if p.from_number is null and p_detail ->> 'from' ~ '^\+[1-9][0-9]{6,14}$' then
			update campaign g set from_number = p_detail ->> 'from' where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
		end if;
		perform call_accepted(w.tenant_id, p_id, p_detail ->> 'sid', left_at, p_pauses[2]);
	elsif p_outcome = 'refuse' then
		perform call_departs(c, p.delay_s, left_at);
		perform call_ends(w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end, null, null, p_detail ->> 'code', case when p_detail ->> 'code' is not null
			then format('Twilio refused it: %s %s', p_detail ->> 'code', p_detail ->> 'message') else p_reason end);
	elsif p_outcome in ('again', 'unsent', 'release') then
		perform call_departs(c, p.delay_s, case when not unused then left_at end);
		again := unused or c.attempts <= 3;
		if c.hangup or not again then
			return call_ends(w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end, null, null, null, p_reason);
		end if;
		perform call_frees(c, p.delay_s);
		update call set state = 'pending', attempts = c.attempts - unused::integer where tenant_id = w.tenant_id and id = p_id;
		update task k set state = 'pending', event = case when unused then 'release' else 'retry' end, reason = p_reason, attempts = k.attempts - unused::integer,
				progress = null, progress_message = null
			where k.tenant_id = w.tenant_id and k.id = w.task_id and k.state = 'processing' and k.kind = 'call';
		update work k set ready = false, lease_until = null, deadline = null, claimed_by = null, last_error = p_reason, unsent_since = case when unused then coalesce(k.unsent_since, k.run_at) end,
				run_at = now() + case when not unused then greatest(retry_delay(c.attempts, p_pauses[1]), make_interval(secs => p_wait_s))
					else coalesce((select case when h.parked_until > now() then h.parked_until - now() when p_outcome = 'unsent' then retry_delay(h.failures, p_pauses[1]) end
						from host_state h where h.host = 'twilio'), interval '0') end
			where k.id = p_id;
	else
		perform call_lost(w.tenant_id, p_id, left_at, p_reason, least(p_pauses[2], 10));
	end if;
	return true;
end $$;

-- Grants whose sweeper went away: a request may have left until the end of the lease.
create function call_expire(p_most integer) returns integer language plpgsql volatile as $$
declare w record; n integer := 0;
begin
	for w in select k.id, k.tenant_id, k.lease_until from work k where k.lease_until < now() and k.lane = 'call' order by k.id limit p_most for update skip locked loop
		perform call_lost(w.tenant_id, w.id, w.lease_until, 'the sweeper went away before the answer', 0);
		n := n + 1;
	end loop;
	return n;
end $$;

-- Calls and campaigns of which nobody was dialled within p_ttl_s of their time (0: for ever): a lane that was paused for a day does not dial yesterday's calls. What has been
-- granted and given back unsent was not dialled either.
create function call_overdue(p_most integer, p_ttl_s bigint) returns integer language plpgsql volatile as $$
declare t record; c record; n integer := 0; why text := format('never started within %s s', p_ttl_s);
begin
	if p_ttl_s <= 0 or exists (select from lane l where l.name = 'expire' and l.paused_at is not null) then
		return 0;
	end if;
	for t in select distinct w.tenant_id, w.task_id from work w join task k on k.tenant_id = w.tenant_id and k.id = w.task_id
			where w.lane = 'call' and w.lease_until is null and (w.unsent_since is not null or w.ready and w.attempt = 0)
				and coalesce(w.unsent_since, w.run_at) < now() - make_interval(secs => p_ttl_s) and k.state = 'pending' limit p_most loop
		perform from work w where w.id = any (array(select k.id from call k where k.tenant_id = t.tenant_id and k.task_id = t.task_id and k.ended_at is null)) order by w.id for update;
		update task k set state = 'expired', event = 'expire', reason = why where k.tenant_id = t.tenant_id and k.id = t.task_id and k.state = 'pending';
		continue when not found;
		for c in select k.id from call k where k.tenant_id = t.tenant_id and k.task_id = t.task_id and k.ended_at is null order by k.id loop
			perform call_ends(t.tenant_id, c.id, 'failed', null, null, null, why);
		end loop;
		n := n + 1;
	end loop;
	return n;
end $$;
