-- How calls come to be, and what others see of them.

-- A wall time in a zone as an instant. One that a clock change skips is the first instant after it,
-- one that comes twice the first of them (spec/README.md, decision 7). PostgreSQL alone would take
-- half past two of a skipped hour for half past three, and the second of two.
create or replace function wall_time(p_wall timestamp, p_zone text)
returns timestamptz
language plpgsql stable as $$
declare
	c timestamptz := p_wall at time zone p_zone;
	one interval;
	two interval;
	early timestamptz;
	late timestamptz;
	mid timestamptz;
begin
	one := ((c - interval '1 day') at time zone p_zone)
		- ((c - interval '1 day') at time zone 'UTC');
	two := ((c + interval '1 day') at time zone p_zone)
		- ((c + interval '1 day') at time zone 'UTC');
	early := (p_wall - greatest(one, two)) at time zone 'UTC';
	late := (p_wall - least(one, two)) at time zone 'UTC';
	if early at time zone p_zone = p_wall then
		return early;
	elsif late at time zone p_zone = p_wall then
		return late;
	elsif c at time zone p_zone = p_wall then
		return c;
	end if;
	-- Between the two the clock jumped; the wall behind the jump is later than the one that was
	-- asked for.
	while late - early > interval '1 second' loop
		mid := date_trunc('second', early + (late - early) / 2);
		exit when mid <= early;
		if mid at time zone p_zone > p_wall then
			late := mid;
		else
			early := mid;
		end if;
	end loop;
	return late;
end $$;
revoke all on function wall_time from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function wall_time to taskgate_api;

-- Is it a name of the tz database? Abbreviations and POSIX forms, which PostgreSQL takes as well,
-- are none.
create or replace function is_zone(p_zone text) returns boolean language plpgsql stable as $$
begin
	perform now() at time zone p_zone;
	return p_zone ~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+)+$' or p_zone in ('UTC', 'GMT');
exception when invalid_parameter_value then
	return false;
end $$;
revoke all on function is_zone from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function is_zone to taskgate_api, taskgate_ctl;

-- A call task of any number of numbers, durable, its numbers due from p_run_at on (null: now): one
-- statement, one commit. p_kind: call or bulk_call. p_metadata's priority orders the claim.
-- p_delay_s, p_most: a campaign's pause and concurrency, null for a single call.
create or replace function call_make(
	p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text,
	p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamptz,
	p_callback_url text)
returns task
language plpgsql volatile as $$
declare
	made task;
	urgency integer := case p_metadata ->> 'priority'
		when 'low' then 3
		when 'high' then 7
		else 5
	end;
begin
	insert into task (
		tenant_id, created_by, api, kind, machine, state, event, public_id, priority,
		scheduled_at, callback_url, title)
	values (
		tg_tenant(), tg_principal(), 'calls', p_kind, p_kind, 'pending', 'create',
		gen_random_uuid()::text, urgency, p_run_at, p_callback_url,
		case
			when p_kind = 'call' then p_numbers[1]
			else cardinality(p_numbers) || ' numbers'
		end)
	returning * into made;
	insert into task_body (tenant_id, task_id, input, detail)
	values (
		tg_tenant(), made.id, p_metadata,
		json_build_object(
			'to_number', case when p_kind = 'call' then p_numbers[1] end,
			'total_calls', cardinality(p_numbers), 'from_number', p_from));
	insert into campaign (
		tenant_id, task_id, from_number, webhook_url, status_url, delay_s, most, total)
	values (
		tg_tenant(), made.id, p_from, p_webhook_url, p_status_url, p_delay_s, p_most,
		cardinality(p_numbers));
	insert into pace (key) select pace_key(made.id, p_delay_s) where p_delay_s is not null;
	with numbers as (
		insert into call (tenant_id, id, task_id, n, number)
		select tg_tenant(), case when p_kind = 'call' then made.id else uuid7() end,
			made.id, u.n, u.number
		from unnest(p_numbers) with ordinality u(number, n)
		returning call.id, call.n
	)
	insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
	select m.id, tg_tenant(), made.id,
		coalesce(p_run_at, now()) + make_interval(secs => m.n / 1000000.0), urgency,
		coalesce(p_run_at, now()) <= now(), 'call', pace_key(made.id, p_delay_s)
	from numbers m;
	return made;
end $$;
revoke all on function call_make from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_make to taskgate_api;

-- A call at a time: p_time is an instant where p_wall is false, else the wall time of p_zone (as if
-- in UTC).
-- Raises: TG400 zone_unknown, schedule_past.
create or replace function call_schedule(
	p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json,
	p_time timestamptz, p_wall boolean, p_zone text, p_callback_url text)
returns task
language plpgsql volatile as $$
declare
	at timestamptz := p_time;
begin
	if not is_zone(p_zone) then
		perform refuse(
			'TG400', 'zone_unknown',
			format('Unknown timezone %s; an IANA name such as'
				' America/New_York is expected', p_zone));
	end if;
	if p_wall then
		at := wall_time(p_time at time zone 'UTC', p_zone);
	end if;
	if at <= now() then
		perform refuse('TG400', 'schedule_past', 'Schedule time must be in the future');
	end if;
	return call_make(
		'call', array[p_number], p_from, p_webhook_url, p_status_url, p_metadata, null,
		null, at, p_callback_url);
end $$;
revoke all on function call_schedule from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_schedule to taskgate_api;

-- The calls document's word for a task's state.
create or replace function call_word(p_state text)
returns text
language sql immutable parallel safe as $$
	select case p_state
		when 'pending' then 'PENDING'
		when 'queued' then 'PENDING'
		when 'processing' then 'PROGRESS'
		when 'completed' then 'SUCCESS'
		when 'cancelled' then 'REVOKED'
		else 'FAILURE'
	end
$$;
revoke all on function call_word from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function call_word to taskgate_api;
