-- How calls come to be, and what others see of them.

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
	insert into pace (key) select pace_key(made.id, p_delay_s) where p_delay_s is not null;
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

-- next_action retry_callback (migration 0007): the new callback and its call, which is a call like any other.
create function callback_retry(p_at timestamptz, p_attempt integer, c callback, k contact) returns json language plpgsql volatile as $$
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
	update task_body set detail = json_build_object('to_number', k.phone, 'callback_id', next) where tenant_id = tg_tenant() and task_id = made.id;
	return json_build_object('type', 'callback_rescheduled', 'status', 'completed', 'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		'new_callback_id', next);
end $$;

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
		update task set state = 'processing', event = 'claim', reason = 'the database was restored; asking Twilio what was dialled', started_at = now(), attempts = attempts + 1,
				progress = case when kind = 'call' then 50 else 0 end, progress_message = 'Outcome of the dial is unknown; asking Twilio'
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
