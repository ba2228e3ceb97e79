-- What becomes of a call that Twilio has: reports, questions, hanging up; what a person stops or settles.

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
