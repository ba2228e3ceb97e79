-- What becomes of a message: the sweeper's outcomes, Twilio's reports, the end of its task and of the task that it was sent for. And the one way
-- in which all lanes pick their work.

-- The due work of a lane, fair between tenants, within what each host takes. p_hosts and p_taken say how many transfers the caller has for a host, p_host_most
-- how many one may have. Each pair of tenant and host that has something ready is found by one index descent, so a host without room or a parked
-- one costs nothing however long its line is; its rows stay as they are and keep their place. A host on probation (five failures) gets one
-- at a time. The rank within the tenant comes before priority. failing: the host has failures running. Locks: work by skip locked.
create function lane_pick(p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer)
	returns table (id uuid, tenant_id uuid, task_id uuid, fence bigint, type text, failing boolean)
language plpgsql volatile rows 32 as $$
begin
	return query
	with recursive pair as (
		(select w.tenant_id, w.host from work w where w.lane = p_lane and w.lane <> 'pull' and w.ready and w.lease_until is null order by w.tenant_id, w.host limit 1)
		union all
		select n.tenant_id, n.host from pair p cross join lateral (
			select w.tenant_id, w.host from work w where w.lane = p_lane and w.lane <> 'pull' and w.ready and w.lease_until is null and (w.tenant_id, w.host) > (p.tenant_id, p.host)
			order by w.tenant_id, w.host limit 1) n
	), open as materialized (
		select p.tenant_id, p.host, case when h.failures >= 5 then 1 else p_host_most end - coalesce(b.taken, 0) as room, coalesce(h.failures, 0) > 0 as failing
		from pair p left join unnest(p_hosts, p_taken) b(host, taken) on b.host = p.host left join host_state h on h.host = p.host
		where (h.parked_until is null or h.parked_until <= now()) and not exists (select from lane l where l.name = p_lane and l.paused_at is not null)
	), seen as materialized (
		select c.id, c.task_id, c.fence, c.type, o.tenant_id, o.host, o.room, o.failing, c.priority, c.run_at,
			row_number() over (partition by o.tenant_id order by c.priority desc, c.run_at, c.id) as turn
		from open o cross join lateral (
			select w.id, w.task_id, w.fence, w.type, w.priority, w.run_at from work w
			where w.lane = p_lane and w.lane <> 'pull' and w.tenant_id = o.tenant_id and w.host = o.host and w.ready and w.lease_until is null
			order by w.priority desc, w.run_at, w.id limit least(o.room, 4 + 2 * p_most / (select count(*) from open)) for update skip locked) c
		where o.room > 0
	)
	select s.id, s.tenant_id, s.task_id, s.fence, s.type, s.failing
	from (select n.*, row_number() over (partition by n.host order by n.turn, n.priority desc, n.run_at, n.id) as host_turn from seen n) s
	where s.host_turn <= s.room order by s.turn, s.priority desc, s.run_at, s.id limit p_most;
end $$;

-- A disposition task by entity (the newest first), else any task by its id; p_api null: of any API.
drop function task_named(text, text);
create function task_named(p_name text, p_api text) returns uuid language plpgsql stable as $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.api = 'disposition'
			and t.deleted_at is null and t.purged_at is null order by t.seq desc limit 1),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and (p_api is null or t.api = p_api)
			and t.deleted_at is null and t.purged_at is null));
end $$;
-- The same for one kind.
create function task_of_kind(p_name text, p_kind text) returns uuid language plpgsql stable as $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.kind = p_kind and t.deleted_at is null and t.purged_at is null),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and t.kind = p_kind and t.deleted_at is null and t.purged_at is null));
end $$;

-- Twilio's word for a message's status as ours; null for one that we do not know.
create function twilio_status(p_word text) returns text language sql immutable parallel safe as $$
	select case when p_word in ('queued', 'accepted', 'scheduled') then 'queued' when p_word in ('sending', 'sent', 'undelivered', 'failed') then p_word
		when p_word in ('delivered', 'read', 'received') then 'delivered' when p_word in ('canceled', 'cancelled') then 'failed' end
$$;
-- How far along a status is; nothing follows 4. Reports come out of order and twice.
create function status_rank(p_status text) returns integer language sql immutable parallel safe as $$
	select case when p_status in ('queued', 'rendering') then 1 when p_status = 'sending' then 2 when p_status = 'sent' then 3 else 4 end
$$;

-- Ends a message's task: completed with p_output, or failed for p_reason. What was given back meanwhile (its answer was lost) started after all.
create function message_end(p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json) returns void language plpgsql volatile as $$
begin
	update task set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = attempts + 1
		where tenant_id = p_tenant and id = p_task and state = 'pending';
	update task set state = case when p_ok then 'completed' else 'failed' end, event = case when p_ok then 'complete' else 'fail' end, reason = p_reason,
			progress = case when p_ok then 100 else progress end
		where tenant_id = p_tenant and id = p_task and state = 'processing';
	if found and p_output is not null then
		update task_body set output = p_output where tenant_id = p_tenant and task_id = p_task;
	end if;
	delete from work where id = p_task;
end $$;

-- A message has come further: its status, the provider's id, and what that means for its task. One that is not further on than before changes no
-- status. The caller holds the work row. Gives true where the task waits for more.
create function message_becomes(p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text) returns boolean language plpgsql volatile as $$
declare m record; moves boolean; stamp text := to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
begin
	select status, channel, recipients, cc, bcc into m from message where tenant_id = p_tenant and task_id = p_task for update;
	moves := status_rank(p_status) > status_rank(m.status);
	update message set provider_id = coalesce(provider_id, p_sid), error_code = coalesce(p_error, error_code), status = case when moves then p_status else status end,
			sent_at = case when moves and p_status in ('sent', 'delivered', 'undelivered') then coalesce(sent_at, now()) else sent_at end,
			delivered_at = case when moves and p_status = 'delivered' then now() else delivered_at end
		where tenant_id = p_tenant and task_id = p_task;
	if not moves then
		return status_rank(m.status) < 4;
	elsif p_status = 'delivered' then
		perform message_end(p_tenant, p_task, true, null, json_build_object('delivered', true, 'delivery_time', stamp));
	elsif p_status = 'sent' and m.channel = 'email' then
		perform message_end(p_tenant, p_task, true, null, json_build_object('sent', true, 'sent_at', stamp,
			'recipients', cardinality(m.recipients) + coalesce(cardinality(m.cc), 0) + coalesce(cardinality(m.bcc), 0)));
	elsif status_rank(p_status) = 4 then
		perform message_end(p_tenant, p_task, false, coalesce(p_reason, format('Twilio reported %s%s', p_status, coalesce(' (' || p_error || ')', ''))), null);
	else
		return true;
	end if;
	return false;
end $$;

-- Twilio has it: from here on it is asked for, never sent again. p_ask_s: when to ask first, if nothing is reported; twice that the next time, up to an hour.
-- After four hours (Twilio's own validity period) what was sent counts as sent, and what was not as failed.
create function message_waits(p_tenant uuid, p_task uuid, p_ask_s integer) returns void language plpgsql volatile as $$
declare m record;
begin
	update message m1 set asked = m1.asked + 1 from task t
		where m1.tenant_id = p_tenant and m1.task_id = p_task and t.tenant_id = p_tenant and t.id = p_task
		returning m1.status, m1.asked, t.started_at < now() - interval '4 hours' as over into m;
	if m.over then
		perform message_end(p_tenant, p_task, m.status = 'sent', case when m.status = 'sent' then 'sent; no report of its delivery came within four hours'
			else 'Twilio did not send it within four hours' end, case when m.status = 'sent' then '{"delivered": null, "delivery_time": null}'::json end);
	else
		update work set type = 'ask', ready = false, lease_until = null, deadline = null, claimed_by = null, unsent_since = null,
			run_at = now() + make_interval(secs => least(3600, p_ask_s * 2 ^ least(m.asked - 1, 12))) where id = p_task;
	end if;
end $$;

-- An attempt that did not succeed: given back as none (release, unsent), tried again, or the end.
create function message_again(p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer, p_first_ms integer) returns boolean language plpgsql volatile as $$
declare unused boolean := p_outcome in ('release', 'unsent'); t record;
begin
	update task t1 set state = case when unused or (p_outcome = 'fail' and t1.attempts <= t1.retry_count) then 'pending' else 'failed' end,
			event = case when unused then 'release' when p_outcome = 'fail' and t1.attempts <= t1.retry_count then 'retry' else 'fail' end,
			reason = p_reason, attempts = t1.attempts - case when unused then 1 else 0 end
		where t1.tenant_id = p_tenant and t1.id = p_task and t1.state = 'processing' returning t1.state, t1.attempts into t;
	if not found or t.state = 'failed' then
		update message set status = 'failed' where tenant_id = p_tenant and task_id = p_task and t.state = 'failed';
		delete from work where id = p_task;
		return false;
	end if;
	update work w set ready = false, lease_until = null, deadline = null, claimed_by = null, last_error = p_reason,
			attempt = w.attempt - case when unused then 1 else 0 end, unsent_since = case when unused then coalesce(w.unsent_since, w.run_at) end,
			run_at = case when not unused then now() + greatest(retry_delay(t.attempts, p_first_ms), make_interval(secs => p_wait_s))
				else coalesce((select case when h.parked_until > now() then h.parked_until when p_outcome = 'unsent' then now() + retry_delay(h.failures, p_first_ms) end
					from host_state h where h.host = p_host), now()) end
		where w.id = p_task;
	return true;
end $$;

-- The outcome of one transfer: sent (mail), accepted or asked (Twilio's answer is p_detail), refuse, fail, release, unsent. p_pauses: milliseconds before
-- the first retry, seconds before Twilio is asked. A fence that is not the row's own changes nothing.
create function message_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], out settled boolean, out retried boolean)
language plpgsql volatile as $$
declare w record; why text := p_reason;
begin
	retried := false;
	select w1.tenant_id, w1.host, w1.type into w from work w1
		where w1.id = p_id and w1.fence = p_fence and w1.deadline is not null and w1.lane in ('sms', 'mail') for update;
	settled := found;
	if not found then
		return;
	end if;
	if p_detail ->> 'code' is not null then
		why := format('Twilio refused it: %s %s', p_detail ->> 'code', p_detail ->> 'message');
	end if;
	if p_outcome = 'sent' then
		perform message_becomes(w.tenant_id, p_id, 'sent', null, null, null);
	elsif p_outcome in ('accepted', 'asked') then
		update message set segments = coalesce(nullif((p_detail ->> 'num_segments')::integer, 0), segments) where tenant_id = w.tenant_id and task_id = p_id;
		perform message_becomes(w.tenant_id, p_id, 'sending', p_detail ->> 'sid', null, null);
		if message_becomes(w.tenant_id, p_id, coalesce(twilio_status(p_detail ->> 'status'), 'sending'), p_detail ->> 'sid', p_detail ->> 'error_code', null) then
			perform message_waits(w.tenant_id, p_id, p_pauses[2]);
		end if;
	elsif p_outcome = 'refuse' then
		perform message_becomes(w.tenant_id, p_id, 'failed', null, p_detail ->> 'code', why);
	elsif w.type = 'ask' then
		perform message_waits(w.tenant_id, p_id, greatest(p_pauses[2], p_wait_s));
	else
		retried := message_again(w.tenant_id, p_id, w.host, p_outcome, why, p_wait_s, p_pauses[1]);
	end if;
end $$;

-- A status callback that Twilio has signed. p_task is of the address that we gave Twilio with the message, so that a report which overtakes the answer to our
-- request finds its message, and an answer that was lost is made up for: what is reported was accepted, and is not sent again.
create function message_reported(p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text, p_remote text, out known boolean, out moved boolean)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare m record; status text := public.twilio_status(p_status);
begin
	select t.tenant_id, t.task_id, t.provider_id into m from public.message t where t.provider_id = p_sid and t.channel = 'sms';
	if not found then
		select t.tenant_id, t.task_id, t.provider_id into m from public.message t where t.task_id = p_task and t.channel = 'sms';
	end if;
	known := found;
	moved := false;
	insert into public.twilio_event (sid, status, task_id, params) values (p_sid, p_status, m.task_id, p_params) on conflict do nothing;
	if not found or not known or status is null then
		return;
	end if;
	-- Of a message that was sent twice the first one's failure says nothing.
	if m.provider_id <> p_sid and status <> 'delivered' then
		return;
	end if;
	perform set_config('tg.request', p_request, true), set_config('tg.remote', p_remote, true);
	perform from public.work w where w.id = m.task_id for update;
	if exists (select from public.task t where t.tenant_id = m.tenant_id and t.id = m.task_id and t.state in ('pending', 'processing')) then
		moved := true;
		if public.message_becomes(m.tenant_id, m.task_id, status, p_sid, p_error, null) then
			update public.work set type = 'ask' where id = m.task_id;
		end if;
	end if;
end $$;

-- The log of an SMS and the events of an email, as JSON, the oldest first.
create function message_log(p_id uuid) returns json language sql stable as $$
	select coalesce(json_agg(json_build_object('timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'status', e.event, 'message', e.message) order by e.seq), '[]')
	from message_event e where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;
create function message_events(p_id uuid) returns json language sql stable as $$
	select coalesce(json_agg(json_build_object('timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'event', e.event, 'recipient', e.recipient,
		'message', e.message) order by e.seq), '[]')
	from message_event e where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;

-- The messaging pages' word for a task's state: one that waits is queued.
create function message_state(p_state text) returns text language sql immutable parallel safe as $$
	select case when p_state = 'pending' then 'queued' else p_state end
$$;
