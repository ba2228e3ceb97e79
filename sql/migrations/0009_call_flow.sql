-- A number's way: granted within all limits, dialled at most once, followed to its end, counted once. Lock order: the number (number_hold), work (all that
-- a transaction will want), then the account's pace row, then another pace row, then campaign and task. The claim begins with the account and waits for neither work nor number.

-- How many more may be granted at this moment; the row stays locked until the end of the transaction, so that a grant is counted before the next one looks. Null p_limit:
-- no limit; what is under way is counted all the same, for the day on which there is one. A departure later than now was recorded before the clock was set back: it counts
-- for one window more.
create function pace_room(p_key text, p_limit integer, p_window_s integer) returns integer language plpgsql volatile as $$
declare p record; moment bigint; next integer;
begin
	insert into pace (key) values (p_key) on conflict do nothing;
	select outstanding, departures into p from pace where key = p_key for update;
	if p_limit is null then
		update pace set departures = '{}', open_at = null where key = p_key and (departures <> '{}' or open_at is not null);
		return 2147483647;
	end if;
	moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
	p.departures := array(select d from unnest(p.departures) d where d > moment - p_window_s * 1000000::bigint and d <= moment + p_window_s * 1000000::bigint order by d);
	-- Room comes with the age of this one, where it does not depend on what is under way.
	next := cardinality(p.departures) + p.outstanding - p_limit + 1;
	update pace set departures = p.departures, open_at = case when next >= 1 then to_timestamp((p.departures[next] + p_window_s * 1000000::bigint) / 1000000.0) end
		where key = p_key and (cardinality(departures) <> cardinality(p.departures) or next >= 1 or open_at is not null);
	return p_limit - p.outstanding - cardinality(p.departures);
end $$;

-- The limiter of a call beside the account's. The cast is said, so that the planner puts the function in place: without it each create paid a twentieth for it.
create function pace_key(p_task uuid, p_delay_s integer) returns text language sql immutable parallel safe as $$
	select case when p_delay_s is null then 'single' else 'campaign:' || p_task::text end
$$;

create function call_log(p_tenant uuid, p_task uuid, p_level text, p_message text) returns void language sql volatile as $$
	insert into public.task_log (tenant_id, task_id, id, level, message) values (p_tenant, p_task, nextval('public.task_log_id'), p_level, p_message)
$$;

-- What was granted has left, at p_at (null: it has not, and the grant is given back). Once a grant.
create function call_departs(c call, p_delay_s integer, p_at timestamptz) returns void language plpgsql volatile as $$
begin
	if c.state <> 'dialling' then
		return;
	end if;
	if c.outstanding then
		perform from pace where key = 'account' for update;
		update pace set outstanding = greatest(outstanding - 1, 0),
				departures = departures || case when p_at is not null then array[(extract(epoch from p_at) * 1000000)::bigint] else '{}' end
			where key in ('account', pace_key(c.task_id, p_delay_s));
	end if;
	update call set outstanding = false, departed_at = coalesce(c.departed_at, p_at) where tenant_id = c.tenant_id and id = c.id;
end $$;

-- Its campaign may dial another one. Once a call.
create function call_frees(c call, p_delay_s integer) returns void language plpgsql volatile as $$
begin
	if not c.slot then
		return;
	end if;
	perform from pace where key = 'account' for update;
	update pace set in_flight = in_flight - 1 where key = pace_key(c.task_id, p_delay_s) and in_flight > 0;
	update call set slot = false where tenant_id = c.tenant_id and id = c.id;
end $$;

-- A single call's result is that of its number; a campaign's counts them all.
create function campaign_result(p_tenant uuid, p_task uuid) returns json language sql stable as $$
	select case t.kind when 'call' then (select json_build_object('success', c.state = 'completed', 'call_sid', c.sid, 'status', c.status, 'to_number', c.number,
			'from_number', p.from_number, 'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'duration', c.duration,
			'metadata', b.input, 'task_id', t.public_id, 'unique_call_id', t.public_id || '_' || c.number || '_' || coalesce(floor(extract(epoch from c.granted_at)), 0),
			'gathered', coalesce(c.gathered, '[]'::json))
			from call c where c.tenant_id = t.tenant_id and c.task_id = t.id)
		else json_build_object('success', true, 'total_calls', p.total, 'successful_calls', p.completed, 'failed_calls', p.failed, 'cancelled_calls', p.cancelled,
			'successful_call_details', (select coalesce(json_agg(json_build_object('phone_number', c.number, 'task_id', t.public_id, 'call_sid', c.sid, 'duration', c.duration) order by c.n), '[]'::json)
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

-- Why this number must not be called now; null where it may. Fails closed: quiet hours of a zone that nobody knows are now.
create function call_refused(p_tenant uuid, p_number text) returns text language plpgsql stable as $$
declare q record; zone text; wall time;
begin
	if exists (select from do_not_call d where d.tenant_id = p_tenant and d.number = p_number) then
		return 'the number is on the do-not-call list';
	end if;
	select t.quiet_from, t.quiet_until, t.time_zone into q from tenant t where t.id = p_tenant;
	if q.quiet_from is null then
		return null;
	end if;
	zone := coalesce((select z.zone from number_zone z where z.prefix = any (array(select left(p_number, i) from generate_series(2, 5) i)) order by length(z.prefix) desc limit 1), q.time_zone);
	if zone is null then
		return 'quiet hours are set and the time zone of the number is not known';
	end if;
	wall := (clock_timestamp() at time zone zone)::time;
	if (case when q.quiet_from <= q.quiet_until then wall >= q.quiet_from and wall < q.quiet_until else wall >= q.quiet_from or wall < q.quiet_until end) then
		return format('quiet hours in %s (%s to %s)', zone, to_char(q.quiet_from, 'HH24:MI'), to_char(q.quiet_until, 'HH24:MI'));
	end if;
	return null;
end $$;

-- Grants, one by one, each within the account's limit, its own line's limit and its campaign's concurrency, to the line whose turn it is: priority first, then whoever was
-- served longest ago. The refused end here. p_per_second, p_per_minute: null for no limit; p_paced false: no limits at all. Of several sweepers one is at it at a time.
create function call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean)
	returns table (id uuid, tenant_id uuid, task_id uuid, fence bigint)
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
			select * into p from campaign g where 'campaign:' || g.task_id = q.host and g.tenant_id = q.tenant_id and g.task_id = substr(q.host, 10)::uuid;
			mine := least(room, pace_room(q.host, 1, p.delay_s), p.most - (select g.in_flight from pace g where g.key = q.host));
		end if;
		continue when mine <= 0;
		for w in select k.id, k.tenant_id, k.task_id, c.number from work k join call c on c.tenant_id = k.tenant_id and c.id = k.id
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
					progress = case when k.kind = 'call' then 50 else 0 end, progress_message = case when k.kind = 'call' then 'Creating call' else 'Campaign started' end
				where k.tenant_id = w.tenant_id and k.id = w.task_id and k.state = 'pending';
			update work k set fence = k.fence + 1, attempt = k.attempt + 1, claimed_by = p_name, deadline = now() + make_interval(secs => p_timeout_s + 10),
					lease_until = now() + make_interval(secs => p_timeout_s + 10)
				where k.id = w.id returning k.fence into call_claim.fence;
			call_claim.id := w.id;
			call_claim.tenant_id := w.tenant_id;
			call_claim.task_id := w.task_id;
			return next;
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
		perform call_accepted(w.tenant_id, p_id, p_detail ->> 'sid', left_at, p_pauses[2]);
	elsif p_outcome = 'refuse' then
		perform call_departs(c, p.delay_s, left_at);
		perform call_ends(w.tenant_id, p_id, 'failed', null, null, p_detail ->> 'code', case when p_detail ->> 'code' is not null
			then format('Twilio refused it: %s %s', p_detail ->> 'code', p_detail ->> 'message') else p_reason end);
	elsif p_outcome in ('again', 'unsent', 'release') then
		perform call_departs(c, p.delay_s, case when not unused then left_at end);
		again := unused or c.attempts <= 3;
		if c.hangup or not again then
			return call_ends(w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end, null, null, null, p_reason);
		end if;
		perform call_frees(c, p.delay_s);
		update call set state = 'pending', attempts = c.attempts - unused::integer where tenant_id = w.tenant_id and id = p_id;
		update task k set state = 'pending', event = case when unused then 'release' else 'retry' end, reason = p_reason, attempts = k.attempts - unused::integer
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

-- What Twilio says of a call. How far along: nothing follows 5. Reports come out of order and twice.
create function call_rank(p_status text) returns integer language sql immutable parallel safe as $$
	select case p_status when 'queued' then 1 when 'initiated' then 1 when 'ringing' then 2 when 'in-progress' then 3 when 'answered' then 3 else 5 end
$$;
create function call_becomes(p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text, p_ask_s integer) returns boolean language plpgsql volatile as $$
declare c call;
begin
	select * into c from call k where k.tenant_id = p_tenant and k.id = p_id and k.ended_at is null for update;
	if not found or p_status is null or p_status not in ('queued', 'initiated', 'ringing', 'in-progress', 'answered', 'completed', 'busy', 'no-answer', 'failed', 'canceled') then
		return false;
	end if;
	if c.state in ('dialling', 'unknown', 'pending') then
		perform call_accepted(p_tenant, p_id, p_sid, clock_timestamp(), p_ask_s);
	end if;
	if call_rank(p_status) < 5 then
		update call set status = p_status, answered_at = case when p_status in ('in-progress', 'answered') then coalesce(answered_at, now()) else answered_at end
			where tenant_id = p_tenant and id = p_id and call_rank(coalesce(status, 'queued')) < call_rank(p_status);
		return found;
	end if;
	return call_ends(p_tenant, p_id, case when c.hangup then 'cancelled' when p_status = 'completed' then 'completed' else 'failed' end, p_status, p_duration, p_code,
		case when c.hangup then coalesce(c.reason, 'hung up') when p_status <> 'completed' then format('Twilio reported %s%s', p_status, coalesce(' (' || p_code || ')', '')) end);
end $$;

-- The outcome of asking (p_detail is the call), finding (p_detail holds the list) or hanging up. A list without the call is believed where it was asked for when the third
-- of p_pauses had passed since the request can have left, at the end of its lease at the latest: an older one may lag.
create function follow_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[]) returns boolean
language plpgsql volatile as $$
declare w record; c call; p campaign; one json; sure timestamptz;
begin
	select k.tenant_id, k.task_id, k.type, k.run_at into w from work k where k.id = p_id and k.fence = p_fence and k.deadline is not null and k.lane = 'follow' for update;
	if not found then
		return false;
	end if;
	update call k set asked = k.asked + 1 where k.tenant_id = w.tenant_id and k.id = p_id and k.ended_at is null returning * into c;
	if not found then
		delete from work where id = p_id;
		return true;
	end if;
	select * into p from campaign g where g.tenant_id = w.tenant_id and g.task_id = w.task_id;
	sure := coalesce(c.departed_at, c.granted_at) + make_interval(secs => p_pauses[3]);
	if p_outcome = 'listed' then
		select e into one from json_array_elements(p_detail -> 'calls') e
			where e ->> 'to' = c.number and coalesce(e ->> 'from' = p.from_number, true) and (e ->> 'date_created')::timestamptz >= c.granted_at - interval '5 seconds'
				and not exists (select from call o where o.sid = e ->> 'sid')
			order by (e ->> 'date_created')::timestamptz limit 1;
		if found and exists (select from call o where o.number = c.number and o.state = 'dialling') then
			-- It may be that one's, whose answer is under way.
			perform call_follow(p_id, 'find', least(p_pauses[2], 5));
		elsif one is not null then
			perform call_becomes(w.tenant_id, p_id, one ->> 'status', one ->> 'sid', (one ->> 'duration')::integer, null, p_pauses[2]);
		elsif w.run_at >= sure then
			perform call_ends(w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end, null, null, null, format('not dialled: Twilio knows of no such call (%s)', c.reason));
		else
			perform call_follow(p_id, 'find', least(120, p_pauses[2] * 2 ^ least(c.asked, 6), greatest(0.1, extract(epoch from sure - now()))));
		end if;
	elsif p_outcome = 'asked' then
		if not call_becomes(w.tenant_id, p_id, p_detail ->> 'status', c.sid, (p_detail ->> 'duration')::integer, null, p_pauses[2]) or exists (select from work where id = p_id) then
			perform call_follow(p_id, case when c.hangup and w.type <> 'hangup' then 'hangup' else 'ask' end, case when c.hangup and w.type <> 'hangup' then 0 else p_pauses[2] end);
		end if;
	elsif p_outcome = 'gone' then
		perform call_ends(w.tenant_id, p_id, case when c.hangup then 'cancelled' else 'failed' end, null, null, '20404', 'Twilio does not know the call any more');
	else
		-- What cannot be hung up may have ended by itself, and nobody said so.
		perform call_follow(p_id, case when w.type = 'hangup' and p_outcome = 'fail' then 'ask' else w.type end, greatest(p_wait_s, least(p_pauses[2], 5)));
	end if;
	return true;
end $$;

-- What a caller wants stopped: what has not been dialled is cancelled, what has been is hung up as soon as it is known. p_ids: calls whose work rows the caller may wait for.
create function calls_stop(p_tenant uuid, p_ids uuid[], p_reason text) returns void language plpgsql volatile as $$
declare c record;
begin
	perform from work k where k.id = any (p_ids) order by k.id for update;
	for c in select k.id, k.state, k.sid, k.task_id, k.number from call k where k.tenant_id = p_tenant and k.id = any (p_ids) and k.ended_at is null order by k.id loop
		if c.state = 'pending' then
			perform call_ends(p_tenant, c.id, 'cancelled', null, null, null, p_reason);
		else
			update call set hangup = true, reason = p_reason where tenant_id = p_tenant and id = c.id;
			update task set state = 'cancelled', event = 'cancel', reason = p_reason where tenant_id = p_tenant and id = c.task_id and state = 'processing' and kind = 'call';
			perform call_log(p_tenant, c.task_id, 'warning', format('hanging up %s: %s', c.number, p_reason));
			if c.sid is not null then
				update work set lane = 'follow', host = 'twilio', type = 'hangup', run_at = now(), ready = true where id = c.id and lease_until is null;
			end if;
		end if;
	end loop;
end $$;

-- Cancels a call task: all of it that has not ended. Gives its id where there was something to cancel.
create function call_cancel(p_name text, p_reason text) returns uuid language plpgsql security definer set search_path = pg_catalog, public as $$
declare t record;
begin
	select k.id, k.kind into t from task k where k.tenant_id = tg_tenant() and k.public_id = p_name and k.api = 'calls' and k.finished_at is null;
	if not found then
		return null;
	end if;
	perform calls_stop(tg_tenant(), array(select c.id from call c where c.tenant_id = tg_tenant() and c.task_id = t.id and c.ended_at is null), p_reason);
	update task set state = 'cancelled', event = 'cancel', reason = p_reason where tenant_id = tg_tenant() and id = t.id and state in ('pending', 'processing');
	return t.id;
end $$;

-- The same for every call task of the tenant that has not ended. One list of work rows, locked in one order before any limiter. Gives how many tasks it cancelled.
create function calls_stop_all(p_reason text) returns integer language plpgsql security definer set search_path = pg_catalog, public as $$
declare ids uuid[] := array(select t.id from (select distinct c.task_id from call c where c.tenant_id = tg_tenant() and c.ended_at is null) c
	join task t on t.tenant_id = tg_tenant() and t.id = c.task_id where t.finished_at is null);
begin
	perform calls_stop(tg_tenant(), array(select c.id from call c where c.tenant_id = tg_tenant() and c.task_id = any (ids) and c.ended_at is null), p_reason);
	update task set state = 'cancelled', event = 'cancel', reason = p_reason where tenant_id = tg_tenant() and id = any (ids) and state in ('pending', 'processing');
	return (select count(*) from task t where t.tenant_id = tg_tenant() and t.id = any (ids) and t.state = 'cancelled');
end $$;

-- A person has looked up what nobody could tell: whether an unknown call was dialled. Gives the state that it was in, null where there is no such call.
create function call_settle_by_hand(p_id uuid, p_dialled boolean) returns text language plpgsql security definer set search_path = pg_catalog, public as $$
declare c call;
begin
	perform from work w where w.id = p_id for update;
	select * into c from call k where k.tenant_id = tg_tenant() and k.id = p_id for update;
	if c.state = 'unknown' then
		perform call_log(c.tenant_id, c.task_id, 'info', format('%s was %s: settled by hand', c.number, case when p_dialled then 'dialled' else 'not dialled' end));
		perform call_ends(c.tenant_id, c.id, case when c.hangup then 'cancelled' when p_dialled then 'completed' else 'failed' end, null, null, null,
			case when c.hangup then c.reason when not p_dialled then 'not dialled: settled by hand' end);
	end if;
	return c.state;
end $$;

-- Puts a number on the do-not-call list. What waits to call it is cancelled, what is being dialled or talked is hung up.
drop function do_not_call_add(text, text);
create function do_not_call_add(p_number text, p_reason text) returns void language plpgsql security definer set search_path = pg_catalog, public as $$
begin
	perform number_hold(p_number);
	insert into do_not_call (tenant_id, number, reason) values (tg_tenant(), p_number, p_reason) on conflict do nothing;
	perform calls_stop(tg_tenant(), array(select c.id from call c where c.tenant_id = tg_tenant() and c.number = p_number and c.ended_at is null),
		'the number was put on the do-not-call list');
end $$;

-- A status callback that Twilio has signed, once for each (CallSid, CallStatus, SequenceNumber), and on to the client's own address. p_call is of the address that Twilio was
-- given with the call, so that a report finds it although the answer to our request was lost.
create function call_reported(p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text, p_params json, p_form text, p_ask_s integer, p_request text,
	p_remote text, out known boolean, out fresh boolean) language plpgsql security definer set search_path = pg_catalog, public as $$
declare c call; p campaign; outbox uuid := uuid7();
begin
	select * into c from call k where k.sid = p_sid;
	if not found then
		select * into c from call k where k.id = p_call and k.sid is null;
	end if;
	known := found;
	insert into twilio_event (sid, status, sequence, task_id, params) values (p_sid, p_status, coalesce(p_sequence, -1), c.task_id, p_params) on conflict do nothing;
	fresh := found;
	if not known or not fresh then
		return;
	end if;
	perform set_config('tg.request', p_request, true), set_config('tg.remote', p_remote, true);
	perform from work w where w.id = c.id for update;
	perform call_becomes(c.tenant_id, c.id, p_status, p_sid, p_duration, p_code, p_ask_s);
	update call k set sid = p_sid where k.tenant_id = c.tenant_id and k.id = c.id and k.sid is null and k.ended_at is not null;
	if found then
		perform call_log(c.tenant_id, c.task_id, 'error', format('Twilio reports %s of a call to %s that was taken for not dialled', p_status, c.number));
	end if;
	select * into p from campaign g where g.tenant_id = c.tenant_id and g.task_id = c.task_id;
	if p.status_url is not null then
		insert into delivery (tenant_id, id, task_id, seq, event, url, form)
			select c.tenant_id, outbox, c.task_id, t.event_seq, 'call.status', p.status_url, p_form from task t where t.tenant_id = c.tenant_id and t.id = c.task_id;
		insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host) values (outbox, c.tenant_id, c.task_id, now(), 5, true, 'webhook', url_host(p.status_url));
	end if;
end $$;

-- What a call says when it is answered: its metadata, null where the call is not ours. And what was said to it.
create function call_script(p_call uuid, p_sid text) returns json language sql stable security definer set search_path = pg_catalog, public as $$
	select coalesce(b.input, '{}'::json) from call c left join task_body b on b.tenant_id = c.tenant_id and b.task_id = c.task_id
	where c.sid = p_sid or c.id = p_call order by (c.id = p_call) is true desc limit 1
$$;
create function call_gathered(p_sid text, p_speech text, p_digits text, p_params json) returns boolean language plpgsql security definer set search_path = pg_catalog, public as $$
begin
	insert into twilio_event (sid, status, sequence, task_id, params)
		select p_sid, 'gathered', coalesce(max(e.sequence), 0) + 1, (select c.task_id from call c where c.sid = p_sid), p_params from twilio_event e where e.sid = p_sid and e.status = 'gathered';
	update call set gathered = (coalesce(gathered::jsonb, '[]') || jsonb_build_object('speech', p_speech, 'digits', p_digits, 'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))::json
		where sid = p_sid;
	return found;
end $$;

-- A call task of any number of numbers, durable, its numbers due from p_run_at on: one statement, one commit. p_metadata's priority orders the claim.
create function call_make(p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamptz,
	p_callback_url text) returns task language plpgsql volatile as $$
declare made task; urgency integer := case p_metadata ->> 'priority' when 'low' then 3 when 'high' then 7 else 5 end;
begin
	insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, priority, scheduled_at, callback_url, title)
		values (tg_tenant(), tg_principal(), 'calls', p_kind, p_kind, 'pending', 'create', gen_random_uuid()::text, urgency, p_run_at, p_callback_url,
			case when p_kind = 'call' then p_numbers[1] else cardinality(p_numbers) || ' numbers' end) returning * into made;
	insert into task_body (tenant_id, task_id, input, detail) values (tg_tenant(), made.id, p_metadata,
		json_build_object('to_number', case when p_kind = 'call' then p_numbers[1] end, 'total_calls', cardinality(p_numbers), 'from_number', p_from));
	insert into campaign (tenant_id, task_id, from_number, webhook_url, status_url, delay_s, most, total)
		values (tg_tenant(), made.id, p_from, p_webhook_url, p_status_url, p_delay_s, p_most, cardinality(p_numbers));
	with numbers as (
		insert into call (tenant_id, id, task_id, n, number)
		select tg_tenant(), case when p_kind = 'call' then made.id else uuid7() end, made.id, u.n, u.number from unnest(p_numbers) with ordinality u(number, n)
		returning call.id, call.n
	)
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
	select m.id, tg_tenant(), made.id, coalesce(p_run_at, now()) + make_interval(secs => m.n / 1000000.0), urgency, coalesce(p_run_at, now()) <= now(), 'call', pace_key(made.id, p_delay_s)
	from numbers m;
	return made;
end $$;

-- A callback's call is a call like any other.
create or replace function callback_retry(p_at timestamptz, p_attempt integer, c callback, k contact) returns json language plpgsql volatile as $$
declare made task; next text;
begin
	if k.phone is null then
		return action_failed('callback_rescheduled', 'no phone number of the contact is known');
	end if;
	perform number_hold(k.phone);
	if exists (select from do_not_call d where d.tenant_id = tg_tenant() and d.number = k.phone) then
		return action_failed('callback_rescheduled', 'the number is on the do-not-call list');
	end if;
	loop
		next := callback_next_id(c.id);
		insert into callback (tenant_id, id, contact_id, agent_id, previous_id, attempt_number, scheduled_at)
			values (tg_tenant(), next, k.id, c.agent_id, c.id, coalesce(p_attempt, c.attempt_number + 1), p_at) on conflict do nothing;
		exit when found;
	end loop;
	made := call_make('call', array[k.phone::text], null, null, null, json_build_object('call_type', 'callback', 'callback_id', next), null, null, p_at, null);
	update call set callback_id = next where tenant_id = tg_tenant() and task_id = made.id;
	update task_body set detail = json_build_object('number', k.phone, 'callback_id', next) where tenant_id = tg_tenant() and task_id = made.id;
	return json_build_object('type', 'callback_rescheduled', 'status', 'completed', 'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		'new_callback_id', next);
end $$;
update work set host = 'single' where lane = 'call';

-- A call at a time: an instant where the text had an offset, else a wall time of the zone.
create function call_schedule(p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_time timestamptz, p_wall boolean, p_zone text, p_callback_url text)
	returns task language plpgsql volatile as $$
declare at timestamptz := p_time;
begin
	if not is_zone(p_zone) then
		perform refuse('TG400', 'zone_unknown', format('Unknown timezone %s; an IANA name such as America/New_York is expected', p_zone));
	end if;
	if p_wall then
		at := wall_time(p_time at time zone 'UTC', p_zone);
	end if;
	if at <= now() then
		perform refuse('TG400', 'schedule_past', 'Schedule time must be in the future');
	end if;
	return call_make('call', array[p_number], p_from, p_webhook_url, p_status_url, p_metadata, null, null, at, p_callback_url);
end $$;

-- The calls document's word for a task's state.
create function call_word(p_state text) returns text language sql immutable parallel safe as $$
	select case p_state when 'pending' then 'PENDING' when 'queued' then 'PENDING' when 'processing' then 'PROGRESS' when 'completed' then 'SUCCESS'
		when 'cancelled' then 'REVOKED' else 'FAILURE' end
$$;

-- After a restored backup nobody knows which of the due calls had been dialled since it was made: they are unknown, and Twilio is asked. Gives how many.
create function calls_after_restore() returns integer language plpgsql security definer set search_path = pg_catalog, public as $$
declare w record; n integer := 0;
begin
	for w in select k.id, k.tenant_id, k.task_id, t.created_at from work k join task t on t.tenant_id = k.tenant_id and t.id = k.task_id
			where k.lane = 'call' and k.run_at <= now() and k.lease_until is null order by k.id for update of k loop
		update task set state = 'processing', event = 'claim', reason = 'the database was restored; asking Twilio what was dialled', started_at = now(), attempts = attempts + 1
			where tenant_id = w.tenant_id and id = w.task_id and state = 'pending';
		update call set state = 'unknown', granted_at = w.created_at, departed_at = now(), reason = 'the database was restored' where tenant_id = w.tenant_id and id = w.id and state = 'pending';
		perform call_follow(w.id, 'find', 0);
		n := n + 1;
	end loop;
	return n;
end $$;

-- The work of a task: its own, or a campaign's next number's. A function, since a case with a subquery in it is no key for an index.
create function task_work(p_task uuid, p_kind text) returns uuid language plpgsql stable as $$
begin
	if p_kind <> 'bulk_call' then
		return p_task;
	end if;
	return (select c.id from call c where c.tenant_id = tg_tenant() and c.task_id = p_task and c.ended_at is null order by c.n limit 1);
end $$;
