--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: call_state; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.call_state AS text
	CONSTRAINT call_state CHECK ((VALUE = ANY (ARRAY['pending'::text, 'dialling'::text, 'accepted'::text, 'unknown'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));

--
-- Name: campaign_delay; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.campaign_delay AS integer
	CONSTRAINT campaign_delay CHECK (((VALUE >= 1) AND (VALUE <= 300)));

--
-- Name: campaign_most; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.campaign_most AS integer
	CONSTRAINT campaign_most CHECK (((VALUE >= 1) AND (VALUE <= 50)));

--
-- Name: campaign_total; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.campaign_total AS integer
	CONSTRAINT campaign_total CHECK (((VALUE >= 1) AND (VALUE <= 1000)));

--
-- Name: delivery_state; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.delivery_state AS text
	CONSTRAINT delivery_state CHECK ((VALUE = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])));

--
-- Name: delivery_status; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.delivery_status AS text
	CONSTRAINT delivery_status CHECK ((VALUE = ANY (ARRAY['queued'::text, 'rendering'::text, 'sending'::text, 'sent'::text, 'delivered'::text, 'failed'::text, 'undelivered'::text, 'bounced'::text, 'complained'::text])));

--
-- Name: directory_id; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.directory_id AS text
	CONSTRAINT directory_id CHECK ((((length(VALUE) >= 1) AND (length(VALUE) <= 128)) AND (VALUE !~ '[[:cntrl:]]'::text)));

--
-- Name: email_address; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.email_address AS text
	CONSTRAINT email_address CHECK (((length(VALUE) <= 254) AND (VALUE ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$'::text)));

--
-- Name: log_level; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.log_level AS text
	CONSTRAINT task_log_level CHECK ((VALUE = ANY (ARRAY['debug'::text, 'info'::text, 'warning'::text, 'error'::text])));

--
-- Name: phone_number; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.phone_number AS text
	CONSTRAINT phone_number CHECK ((VALUE ~ '^\+[1-9][0-9]{6,14}$'::text));

--
-- Name: task_attempts; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_attempts AS integer
	CONSTRAINT task_attempts CHECK ((VALUE >= 0));

--
-- Name: task_entity; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_entity AS text
	CONSTRAINT task_entity CHECK ((((length(VALUE) >= 1) AND (length(VALUE) <= 128)) AND (VALUE !~ '[^A-Za-z0-9._:-]'::text)));

--
-- Name: task_priority; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_priority AS smallint
	CONSTRAINT task_priority CHECK (((VALUE >= 1) AND (VALUE <= 10)));

--
-- Name: task_progress; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_progress AS smallint
	CONSTRAINT task_progress CHECK (((VALUE >= 0) AND (VALUE <= 100)));

--
-- Name: task_public_id; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_public_id AS text
	CONSTRAINT task_public_id CHECK (((length(VALUE) >= 1) AND (length(VALUE) <= 128)));

--
-- Name: task_retry_count; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_retry_count AS smallint
	CONSTRAINT task_retry_count CHECK (((VALUE >= 0) AND (VALUE <= 20)));

--
-- Name: task_state; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_state AS text
	CONSTRAINT task_state CHECK ((VALUE = ANY (ARRAY['pending'::text, 'queued'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])));

--
-- Name: task_tag_text; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_tag_text AS text
	CONSTRAINT task_tag_length CHECK (((length(VALUE) >= 1) AND (length(VALUE) <= 100)));

--
-- Name: task_timeout; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.task_timeout AS integer
	CONSTRAINT task_timeout CHECK (((VALUE >= 1) AND (VALUE <= 86400)));

--
-- Name: action_failed(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.action_failed(p_type text, p_reason text) RETURNS json
    LANGUAGE sql IMMUTABLE
    AS $$
	select json_build_object('type', p_type, 'status', 'failed', 'reason', p_reason)
$$;

--
-- Name: audit_refusal(bytea, text, text, text, text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audit_refusal(p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare who record; since timestamptz := now() - interval '1 minute'; recent integer;
begin
	select t.tenant_id, t.principal_id into who from public.token t where t.hash = p_hash;
	-- Two statements, since `is not distinct from` uses no index (90 ms with a million rows).
	if who.principal_id is null then
		select count(*) into recent from (select from public.audit a where a.principal_id is null and a.at > since and a.action = p_action
			and a.remote = p_remote limit p_most) r;
	else
		select count(*) into recent from (select from public.audit a where a.principal_id = who.principal_id and a.at > since and a.action = p_action
			limit p_most) r;
	end if;
	if recent < p_most then
		insert into public.audit (tenant_id, principal_id, action, what, remote, request_id)
			values (who.tenant_id, who.principal_id, p_action, p_what, p_remote, p_request);
	end if;
end $$;

--
-- Name: backlog_by_lane(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.backlog_by_lane() RETURNS TABLE(lane text, waiting bigint, scheduled bigint, leased bigint, oldest integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    AS $$
	select w.lane, count(*) filter (where w.lease_until is null and w.run_at <= now()), count(*) filter (where w.lease_until is null and w.run_at > now()),
		count(*) filter (where w.lease_until is not null), greatest(extract(epoch from now() - min(w.run_at) filter (where w.lease_until is null and w.run_at <= now()))::integer, 0)
	from public.work w group by w.lane
$$;

--
-- Name: call_accepted(uuid, uuid, text, timestamp with time zone, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_accepted(p_tenant uuid, p_id uuid, p_sid text, p_at timestamp with time zone, p_ask_s integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_becomes(uuid, uuid, text, text, integer, text, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_becomes(p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text, p_ask_s integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_cancel(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_cancel(p_name text, p_reason text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

--
-- Name: call_claim(integer, text, integer, integer, integer, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean) RETURNS TABLE(id uuid, tenant_id uuid, task_id uuid, fence bigint, number text, from_number text, webhook_url text, status_url text, input json)
    LANGUAGE plpgsql
    AS $$
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

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: call; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.call (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    number public.phone_number NOT NULL,
    callback_id public.directory_id,
    id uuid NOT NULL,
    n integer DEFAULT 1 NOT NULL,
    state public.call_state DEFAULT 'pending'::text NOT NULL,
    sid text,
    status text,
    sequence integer DEFAULT '-1'::integer NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    outstanding boolean DEFAULT false NOT NULL,
    slot boolean DEFAULT false NOT NULL,
    hangup boolean DEFAULT false NOT NULL,
    granted_at timestamp with time zone,
    departed_at timestamp with time zone,
    answered_at timestamp with time zone,
    ended_at timestamp with time zone,
    duration integer,
    asked integer DEFAULT 0 NOT NULL,
    error_code text,
    reason text,
    gathered json
);

--
-- Name: call_departs(public.call, integer, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_departs(c public.call, p_delay_s integer, p_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_ends(uuid, uuid, text, text, integer, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_ends(p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text, p_reason text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_expire(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_expire(p_most integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare w record; n integer := 0;
begin
	for w in select k.id, k.tenant_id, k.lease_until from work k where k.lease_until < now() and k.lane = 'call' order by k.id limit p_most for update skip locked loop
		perform call_lost(w.tenant_id, w.id, w.lease_until, 'the sweeper went away before the answer', 0);
		n := n + 1;
	end loop;
	return n;
end $$;

--
-- Name: call_follow(uuid, text, double precision); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_follow(p_id uuid, p_type text, p_in_s double precision) RETURNS void
    LANGUAGE sql
    AS $$
	update public.work set lane = 'follow', host = 'twilio', type = p_type, ready = p_in_s <= 0, lease_until = null, deadline = null, claimed_by = null, unsent_since = null,
		run_at = now() + make_interval(secs => p_in_s) where id = p_id
$$;

--
-- Name: call_frees(public.call, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_frees(c public.call, p_delay_s integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
	if not c.slot then
		return;
	end if;
	perform from pace where key = 'account' for update;
	update pace set in_flight = in_flight - 1 where key = pace_key(c.task_id, p_delay_s) and in_flight > 0;
	update call set slot = false where tenant_id = c.tenant_id and id = c.id;
end $$;

--
-- Name: call_gathered(text, text, text, json); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_gathered(p_sid text, p_speech text, p_digits text, p_params json) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
begin
	insert into twilio_event (sid, status, sequence, task_id, params)
		select p_sid, 'gathered', coalesce(max(e.sequence), 0) + 1, (select c.task_id from call c where c.sid = p_sid), p_params from twilio_event e where e.sid = p_sid and e.status = 'gathered';
	update call set gathered = (coalesce(gathered::jsonb, '[]') || jsonb_build_object('speech', p_speech, 'digits', p_digits, 'at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))::json
		where sid = p_sid;
	return found;
end $$;

--
-- Name: call_log(uuid, uuid, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_log(p_tenant uuid, p_task uuid, p_level text, p_message text) RETURNS void
    LANGUAGE sql
    AS $$
	insert into public.task_log (tenant_id, task_id, id, level, message) values (p_tenant, p_task, nextval('public.task_log_id'), p_level, p_message)
$$;

--
-- Name: call_lost(uuid, uuid, timestamp with time zone, text, double precision); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_lost(p_tenant uuid, p_id uuid, p_at timestamp with time zone, p_why text, p_find_s double precision) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: uuid7(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.uuid7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$
	select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
		substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

--
-- Name: task; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT public.uuid7() NOT NULL,
    parent_id uuid,
    created_by uuid,
    seq bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone,
    scheduled_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    deleted_at timestamp with time zone,
    purged_at timestamp with time zone,
    version integer DEFAULT 0 NOT NULL,
    event_seq integer DEFAULT 0 NOT NULL,
    timeout_s public.task_timeout DEFAULT 300 NOT NULL,
    attempts public.task_attempts DEFAULT 0 NOT NULL,
    retry_count public.task_retry_count DEFAULT 0 NOT NULL,
    priority public.task_priority DEFAULT 5 NOT NULL,
    progress public.task_progress,
    legal_hold boolean DEFAULT false NOT NULL,
    api text NOT NULL,
    kind text NOT NULL,
    machine text NOT NULL,
    state public.task_state NOT NULL,
    event text NOT NULL,
    reason text,
    public_id public.task_public_id NOT NULL,
    entity public.task_entity,
    title text,
    type text,
    action text,
    target_id text,
    callback_url text,
    progress_message text,
    tags text[],
    event_hash bytea
)
WITH (fillfactor='50');

--
-- Name: call_make(text, text[], text, text, text, json, integer, integer, timestamp with time zone, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_make(p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamp with time zone, p_callback_url text) RETURNS public.task
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_overdue(integer, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_overdue(p_most integer, p_ttl_s bigint) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_rank(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_rank(p_status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case p_status when 'queued' then 1 when 'initiated' then 1 when 'ringing' then 2 when 'in-progress' then 3 when 'answered' then 3 else 5 end
$$;

--
-- Name: call_refused(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_refused(p_tenant uuid, p_number text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
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

--
-- Name: call_reported(uuid, text, text, integer, integer, text, json, text, integer, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_reported(p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text, p_params json, p_form text, p_ask_s integer, p_request text, p_remote text, OUT known boolean, OUT fresh boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

--
-- Name: call_schedule(text, text, text, text, json, timestamp with time zone, boolean, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_schedule(p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_time timestamp with time zone, p_wall boolean, p_zone text, p_callback_url text) RETURNS public.task
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: call_script(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_script(p_call uuid, p_sid text) RETURNS json
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
	select coalesce(b.input, '{}'::json) from call c left join task_body b on b.tenant_id = c.tenant_id and b.task_id = c.task_id
	where c.sid = p_sid or c.id = p_call order by (c.id = p_call) is true desc limit 1
$$;

--
-- Name: call_settle(uuid, bigint, text, json, text, integer, integer[], integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], p_ago_ms integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
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
end $_$;

--
-- Name: call_settle_by_hand(uuid, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_settle_by_hand(p_id uuid, p_dialled boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

--
-- Name: call_word(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.call_word(p_state text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case p_state when 'pending' then 'PENDING' when 'queued' then 'PENDING' when 'processing' then 'PROGRESS' when 'completed' then 'SUCCESS'
		when 'cancelled' then 'REVOKED' else 'FAILURE' end
$$;

--
-- Name: callback; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.callback (
    tenant_id uuid NOT NULL,
    id public.directory_id NOT NULL,
    contact_id public.directory_id,
    agent_id public.directory_id,
    previous_id public.directory_id,
    attempt_number integer DEFAULT 1 NOT NULL,
    scheduled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    finished_by uuid,
    CONSTRAINT callback_attempt CHECK (((attempt_number >= 1) AND (attempt_number <= 1000)))
);

--
-- Name: callback_admit(text, text, boolean, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_admit(p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean) RETURNS public.callback
    LANGUAGE plpgsql
    AS $$
declare c callback; able boolean;
begin
	if not p_callbacks_closed then
		insert into callback (tenant_id, id) values (tg_tenant(), p_callback) on conflict do nothing;
	end if;
	select * into c from callback k where k.tenant_id = tg_tenant() and k.id = p_callback for update;
	if not found then
		perform refuse('TG404', 'callback_unknown', format('there is no callback %s', p_callback));
	elsif c.finished_at is not null then
		perform refuse('TG409', 'callback_finished', format('callback %s has already been finished', p_callback));
	end if;
	select a.enabled into able from agent a where a.tenant_id = tg_tenant() and a.id = p_agent;
	if able is null and not p_agents_closed then
		insert into agent (tenant_id, id) values (tg_tenant(), p_agent) on conflict do nothing;
	elsif able is not true then
		perform refuse('TG422', 'agent_invalid', format('agent %s is not %s', p_agent, case when able is null then 'known' else 'enabled' end));
	end if;
	return c;
end $$;

--
-- Name: contact; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.contact (
    tenant_id uuid NOT NULL,
    id public.directory_id NOT NULL,
    name text,
    phone public.phone_number,
    email public.email_address,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT contact_data CHECK ((jsonb_typeof(data) = 'object'::text))
);

--
-- Name: callback_crm_update(public.callback, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_crm_update(c public.callback, p_customer jsonb) RETURNS public.contact
    LANGUAGE plpgsql
    AS $$
declare k contact;
begin
	if p_customer is not null then
		insert into contact (tenant_id, id) values (tg_tenant(), coalesce(c.contact_id, c.id)) on conflict do nothing;
		update contact t set data = t.data || p_customer, updated_at = now(), name = coalesce(case when jsonb_typeof(p_customer -> 'name') = 'string' then nullif(p_customer ->> 'name', '') end, t.name),
				phone = coalesce(phone_or_null(p_customer ->> 'phone'), t.phone),
				email = coalesce(t.email, email_or_null(p_customer ->> 'email_confirmed'), email_or_null(p_customer ->> 'email'))
			where t.tenant_id = tg_tenant() and t.id = coalesce(c.contact_id, c.id) returning * into k;
	else
		select * into k from contact t where t.tenant_id = tg_tenant() and t.id = c.contact_id;
	end if;
	return k;
end $$;

--
-- Name: callback_finish(text, text, text, text, json, text, timestamp with time zone, text, integer, jsonb, boolean, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_finish(p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text, p_next_at timestamp with time zone, p_next_template text, p_next_attempt integer, p_customer jsonb, p_callbacks_closed boolean, p_agents_closed boolean, OUT made public.task, OUT actions_triggered json) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare c callback; k contact; actions json[] := '{}'; called text;
begin
	if not exists (select from disposition_code d where d.tenant_id = tg_tenant() and d.code = p_code) then
		perform refuse('TG400', 'disposition_unknown', format('the disposition code %s is not known', p_code));
	end if;
	c := callback_admit(p_callback, p_agent, p_callbacks_closed, p_agents_closed);
	called := (select t.phone from contact t where t.tenant_id = tg_tenant() and t.id = c.contact_id);
	k := callback_crm_update(c, p_customer);
	if p_customer is not null then
		actions := actions || json_build_object('type', 'crm_update', 'status', 'completed');
	end if;
	if p_next_type = 'retry_callback' then
		actions := actions || callback_retry(p_next_at, p_next_attempt, c, k);
	elsif p_next_type is not null then
		actions := actions || callback_follow_up(p_next_at, p_next_template, k, jsonb_build_object('callback_id', c.id, 'agent_id', p_agent,
			'disposition_code', p_code, 'outcome', p_body ->> 'outcome', 'notes', p_body ->> 'notes'));
	end if;
	if p_code = 'DO_NOT_CALL' and k.phone is null then
		actions := actions || action_failed('do_not_call_added', 'no phone number of the contact is known');
	elsif p_code = 'DO_NOT_CALL' then
		-- The number that was called, too, where he is reached at another from now on: in their order, so that two that list the same ones do not stand in each other's way.
		perform do_not_call_add(n.number, 'callback ' || c.id) from (select distinct u.number from unnest(array[called, k.phone::text]) u(number) where u.number is not null order by 1) n;
		actions := actions || json_build_object('type', 'do_not_call_added', 'status', 'completed');
	end if;
	actions_triggered := array_to_json(actions);
	insert into task (tenant_id, created_by, api, kind, machine, state, event, public_id, entity, target_id)
		values (tg_tenant(), tg_principal(), 'disposition', 'callback_finish', 'callback_finish', 'pending', 'create', 'task-cbf-' || random_suffix(), p_entity, c.id)
		returning * into made;
	insert into task_body (tenant_id, task_id, input, output, detail) values (tg_tenant(), made.id, p_body,
		json_build_object('callback_id', c.id, 'disposition_code', p_code, 'actions_triggered', actions_triggered),
		json_build_object('agent_id', p_agent, 'outcome', p_body -> 'outcome', 'call_duration', p_body -> 'call_duration', 'notes', p_body -> 'notes',
			'recording_url', p_body -> 'recording_url', 'wrap_up_time', p_body -> 'wrap_up_time', 'actions_triggered', actions_triggered));
	update task set state = 'completed', event = 'complete', progress = 100 where tenant_id = tg_tenant() and id = made.id returning * into made;
	update callback set finished_at = now(), finished_by = made.id, contact_id = coalesce(contact_id, k.id) where tenant_id = tg_tenant() and id = c.id;
end $$;

--
-- Name: callback_follow_up(timestamp with time zone, text, public.contact, jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_follow_up(p_at timestamp with time zone, p_template text, k public.contact, p_about jsonb) RETURNS json
    LANGUAGE plpgsql
    AS $$
declare why text;
begin
	if not exists (select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template) then
		perform refuse('TG400', 'template_unknown', format('there is no email template %s', p_template));
	elsif k.email is null then
		return action_failed('followup_scheduled', 'no email address of the contact is known');
	end if;
	perform email_make(null, array[k.email::text], null, null, null, null, null, null, p_template, jsonb_strip_nulls(k.data || p_about
		|| jsonb_build_object('name', k.name, 'email', k.email, 'phone', k.phone)), null, null, 5, p_at, null, null, null, null);
	return json_build_object('type', 'followup_scheduled', 'status', 'completed', 'scheduled_for', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
exception when sqlstate 'TG400' then
	get stacked diagnostics why = message_text;
	if not exists (select from email_template t where t.tenant_id = tg_tenant() and t.name = p_template) then
		raise;
	end if;
	return action_failed('followup_scheduled', why);
end $$;

--
-- Name: callback_next_id(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_next_id(p_id text) RETURNS text
    LANGUAGE plpgsql
    AS $_$
declare digits text := substring(p_id from '([0-9]{1,15})$'); stem text; n bigint; made text;
begin
	stem := case when digits is null then left(p_id, 120) || '-' else left(p_id, length(p_id) - length(digits)) end;
	n := coalesce(digits::bigint, 1);
	for i in 1..1000 loop
		made := stem || lpad((n + i)::text, greatest(length(digits), length((n + i)::text)), '0');
		exit when length(made) <= 128 and not exists (select from callback where tenant_id = tg_tenant() and id = made);
		made := null;
	end loop;
	return coalesce(made, 'cb-' || random_suffix());
end $_$;

--
-- Name: callback_retry(timestamp with time zone, integer, public.callback, public.contact); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.callback_retry(p_at timestamp with time zone, p_attempt integer, c public.callback, k public.contact) RETURNS json
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: calls_after_restore(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.calls_after_restore() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

--
-- Name: calls_stop(uuid, uuid[], text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.calls_stop(p_tenant uuid, p_ids uuid[], p_reason text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: calls_stop_all(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.calls_stop_all(p_reason text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
declare ids uuid[] := array(select t.id from (select distinct c.task_id from call c where c.tenant_id = tg_tenant() and c.ended_at is null) c
	join task t on t.tenant_id = tg_tenant() and t.id = c.task_id where t.finished_at is null);
begin
	perform calls_stop(tg_tenant(), array(select c.id from call c where c.tenant_id = tg_tenant() and c.task_id = any (ids) and c.ended_at is null), p_reason);
	update task set state = 'cancelled', event = 'cancel', reason = p_reason where tenant_id = tg_tenant() and id = any (ids) and state in ('pending', 'processing');
	return (select count(*) from task t where t.tenant_id = tg_tenant() and t.id = any (ids) and t.state = 'cancelled');
end $$;

--
-- Name: campaign_result(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.campaign_result(p_tenant uuid, p_task uuid) RETURNS json
    LANGUAGE sql STABLE
    AS $$
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

--
-- Name: do_not_call_add(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.do_not_call_add(p_number text, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
begin
	perform number_hold(p_number);
	insert into do_not_call (tenant_id, number, reason) values (tg_tenant(), p_number, p_reason) on conflict do nothing;
	perform calls_stop(tg_tenant(), array(select c.id from call c where c.tenant_id = tg_tenant() and c.number = p_number and c.ended_at is null),
		'the number was put on the do-not-call list');
end $$;

--
-- Name: email_make(uuid, text[], text[], text[], text, text, text, text, text, jsonb, json, json, integer, timestamp with time zone, text, text[], text[], text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamp with time zone, p_callback_url text, p_file_names text[], p_file_types text[], p_files text[], OUT made public.task, OUT rendered text) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare t record;
begin
	select e.subject, e.text, e.html into t from public.email_template e where e.tenant_id = public.tg_tenant() and e.name = p_template;
	if not found then
		perform public.refuse('TG400', 'template_unknown', format('there is no email template %s', p_template));
	end if;
	rendered := public.template_render(coalesce(p_subject, t.subject), coalesce(p_data, '{}'), false);
	if rendered ~ '[[:cntrl:]]' or length(rendered) > 998 then
		perform public.refuse('TG400', 'template_error', 'the subject must be one line of at most 998 characters');
	end if;
	insert into public.task (tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id, priority, retry_count, scheduled_at, callback_url)
	values (public.tg_tenant(), p_parent, public.tg_principal(), 'disposition', 'email', 'email', 'pending', 'create', 'email_task_' || public.random_suffix(),
		p_priority, 3, p_run_at, p_callback_url)
	returning * into made;
	insert into public.task_body (tenant_id, task_id, input, detail) values (public.tg_tenant(), made.id, p_metadata,
		json_build_object('recipient', p_to[1], 'to', to_json(p_to), 'subject', rendered, 'template', p_template,
			'attachments_count', coalesce(cardinality(p_files), 0), 'provider', 'smtp'));
	insert into public.message_file (tenant_id, task_id, n, name, type, content)
	select public.tg_tenant(), made.id, f.n, f.name, f.type, decode(f.content, 'base64')
	from unnest(p_file_names, p_file_types, p_files) with ordinality f(name, type, content, n);
	insert into public.message (tenant_id, task_id, channel, provider, sender, sender_name, reply_to, template, recipients, cc, bcc, headers, subject, text, html, file_bytes)
	select public.tg_tenant(), made.id, 'email', 'smtp', p_from, p_from_name, p_reply_to, p_template, p_to, p_cc, p_bcc, p_headers, rendered,
		public.template_render(t.text, coalesce(p_data, '{}'), false), public.template_render(t.html, coalesce(p_data, '{}'), true),
		(select coalesce(sum(octet_length(content)), 0) from public.message_file f where f.tenant_id = public.tg_tenant() and f.task_id = made.id);
	perform public.work_make(public.tg_tenant(), made.id, 'mail', 'smtp', coalesce(p_run_at, now()), p_priority, 0);
end $$;

--
-- Name: email_or_null(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.email_or_null(p_value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
	return p_value::email_address;
exception when check_violation then
	return null;
end $$;

--
-- Name: enter(bytea, text, text, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare who record; verdict text;
begin
	if p_ticket is not null then
		verdict := current_setting('tg.rate', true);
		if verdict is null or not starts_with(verdict, p_ticket || ' ') then
			raise exception using errcode = 'TG500', constraint = 'rate_unknown', message = 'the rate limit could not be asked';
		elsif verdict <> p_ticket || ' ok' then
			raise exception using errcode = 'TG429', constraint = 'rate_limit', message = 'too many requests', detail = split_part(verdict, ' ', 2);
		end if;
	end if;
	if p_hash is null then
		select p.tenant_id, p.id as principal_id, null::timestamptz as expires_at, null::timestamptz as revoked_at, array[p_scope] as scopes into who
			from public.principal p where p.tenant_id = (select id from public.tenant order by number limit 1) and p.handle = 'anonymous';
	else
		select t.tenant_id, t.principal_id, t.expires_at, t.revoked_at, t.scopes into who from public.token t where t.hash = p_hash;
	end if;
	if not found then
		raise exception using errcode = 'TG401', constraint = 'token_unknown', message = 'the token is not known';
	elsif who.revoked_at is not null then
		raise exception using errcode = 'TG401', constraint = 'token_revoked', message = 'the token has been revoked';
	elsif who.expires_at <= now() then
		raise exception using errcode = 'TG401', constraint = 'token_expired', message = 'the token has expired';
	elsif p_scope is not null and not (who.scopes && array[p_scope, 'all']) then
		raise exception using errcode = 'TG403', constraint = 'scope', message = format('the token lacks the scope %s', p_scope);
	end if;
	perform set_config('tg.tenant', who.tenant_id::text, true), set_config('tg.principal', who.principal_id::text, true),
		set_config('tg.scopes', array_to_string(who.scopes, ' '), true), set_config('tg.request', p_request, true),
		set_config('tg.remote', p_remote, true);
end $$;

--
-- Name: entity_admit(text, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.entity_admit(p_name text, p_closed boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
	if not p_closed then
		insert into entity (tenant_id, name) values (tg_tenant(), p_name) on conflict do nothing;
	elsif not exists (select from entity e where e.tenant_id = tg_tenant() and e.name = p_name) then
		perform refuse('TG404', 'entity_unknown', format('there is no entity %s', p_name));
	end if;
end $$;

--
-- Name: event_hash(bytea, uuid, integer, timestamp with time zone, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
	select sha256(coalesce(p_prev, '\x') || uuid_send(p_task) || int4send(p_seq) || timestamptz_send(p_at) || convert_to(p_parts::text, 'UTF8'))
$$;

--
-- Name: follow_settle(uuid, bigint, text, json, text, integer, integer[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.follow_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: generic_entity(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.generic_entity(p_name text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return coalesce(
		(select t.entity from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.kind = 'generic' and t.deleted_at is null and t.purged_at is null),
		(select t.entity from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and t.kind = 'generic'));
end $$;

--
-- Name: guard_by_tenant(text[]); Type: PROCEDURE; Schema: public; Owner: -
--

CREATE PROCEDURE public.guard_by_tenant(VARIADIC names text[])
    LANGUAGE plpgsql
    AS $$
declare t text;
begin
	foreach t in array names loop
		execute format('alter table %I enable row level security', t);
		execute format('create policy tenant on %I to taskgate_api using (tenant_id = tg_tenant()) with check (tenant_id = tg_tenant())', t);
		execute format('create policy everyone on %I to taskgate_sweep, taskgate_ctl using (true) with check (true)', t);
	end loop;
end $$;

--
-- Name: idempotency_begin(text, text, text, bytea); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.idempotency_begin(p_method text, p_path text, p_key text, p_body bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare k bytea := sha256(convert_to(p_method || E'\n' || p_path || E'\n' || p_key, 'UTF8')); stored record;
begin
	if not pg_try_advisory_xact_lock(hashtextextended(tg_principal()::text || encode(k, 'hex'), 0)) then
		perform refuse('TG409', 'idempotency_busy', 'a request with this Idempotency-Key is being worked on');
	end if;
	select i.body_hash into stored from idempotency i
		where i.tenant_id = tg_tenant() and i.principal_id = tg_principal() and i.key_hash = k and i.created_at > now() - interval '24 hours';
	if found then
		if stored.body_hash <> p_body then
			perform refuse('TG422', 'idempotency_reuse', 'this Idempotency-Key was used with another body');
		end if;
		perform refuse('TGRPL', 'idempotency_replay', 'the answer is stored');
	end if;
	insert into idempotency (tenant_id, principal_id, key_hash, body_hash, method, path)
		values (tg_tenant(), tg_principal(), k, p_body, p_method, p_path)
		on conflict (tenant_id, principal_id, key_hash) do update set body_hash = excluded.body_hash, status = null, headers = null, body = null,
			created_at = now();
end $$;

--
-- Name: is_zone(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.is_zone(p_zone text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $_$
begin
	perform now() at time zone p_zone;
	return p_zone ~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+)+$' or p_zone in ('UTC', 'GMT');
exception when invalid_parameter_value then
	return false;
end $_$;

--
-- Name: lane_pick(text, integer, text[], integer[], integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lane_pick(p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer) RETURNS TABLE(id uuid, tenant_id uuid, task_id uuid, fence bigint, type text, failing boolean)
    LANGUAGE plpgsql ROWS 32
    AS $$
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

--
-- Name: message_again(uuid, uuid, text, text, text, integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_again(p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer, p_first_ms integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: message_becomes(uuid, uuid, text, text, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_becomes(p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: message_end(uuid, uuid, boolean, text, json); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_end(p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: message_events(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_events(p_id uuid) RETURNS json
    LANGUAGE sql STABLE
    AS $$
	select coalesce(json_agg(json_build_object('timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'event', e.event, 'recipient', e.recipient,
		'message', e.message) order by e.seq), '[]')
	from message_event e where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;

--
-- Name: message_log(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_log(p_id uuid) RETURNS json
    LANGUAGE sql STABLE
    AS $$
	select coalesce(json_agg(json_build_object('timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'status', e.event, 'message', e.message) order by e.seq), '[]')
	from message_event e where e.tenant_id = tg_tenant() and e.task_id = p_id
$$;

--
-- Name: message_note(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_note() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
	insert into public.message_event (tenant_id, task_id, seq, event, message)
	select new.tenant_id, new.task_id, coalesce(max(e.seq), 0) + 1, new.status, case new.status
			when 'queued' then 'Message queued' when 'rendering' then 'Message is being rendered' when 'sending' then 'Handed to Twilio'
			when 'sent' then case new.channel when 'sms' then 'Sent to the carrier' else 'Taken by the mail server' end
			when 'delivered' then 'Delivered' else 'Not delivered' end || coalesce(' (' || new.error_code || ')', '')
	from public.message_event e where e.tenant_id = new.tenant_id and e.task_id = new.task_id;
	return null;
end $$;

--
-- Name: message_reported(uuid, text, text, text, json, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_reported(p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text, p_remote text, OUT known boolean, OUT moved boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

--
-- Name: message_settle(uuid, bigint, text, json, text, integer, integer[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], OUT settled boolean, OUT retried boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: message_state(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_state(p_state text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case when p_state = 'pending' then 'queued' else p_state end
$$;

--
-- Name: message_waits(uuid, uuid, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.message_waits(p_tenant uuid, p_task uuid, p_ask_s integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: number_hold(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.number_hold(p_number text) RETURNS void
    LANGUAGE sql
    AS $$
	select pg_advisory_xact_lock(public.number_line(public.tg_tenant(), p_number))
$$;

--
-- Name: number_line(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.number_line(p_tenant uuid, p_number text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select hashtextextended('number ' || p_tenant::text || hashtext(p_number) % 64, 0)
$$;

--
-- Name: pace_key(uuid, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pace_key(p_task uuid, p_delay_s integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case when p_delay_s is null then 'single' else 'campaign:' || p_task::text end
$$;

--
-- Name: pace_room(text, integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pace_room(p_key text, p_limit integer, p_window_s integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare p record; moment bigint; next integer;
begin
	-- A campaign's is made and deleted with the campaign: whoever made it here could do so behind the campaign's end.
	insert into pace (key) select p_key where p_key not like 'campaign:%' on conflict do nothing;
	select outstanding, departures into p from pace where key = p_key for update;
	if not found then
		return 0;
	end if;
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

--
-- Name: partition_ensure(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.partition_ensure(p_ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout TO '200ms'
    AS $$
declare t text; n text; m date; made integer := 0;
begin
	if not pg_try_advisory_xact_lock(hashtext('taskgate.partition_ensure')) then
		return 0;
	end if;
	foreach t in array array['task_event', 'task_log'] loop
		for i in 0..p_ahead loop
			m := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => i))::date;
			n := format('%s_%s', t, to_char(m, 'YYYYMM'));
			if to_regclass('public.' || n) is null then
				begin
					execute format('create table public.%I partition of public.%I for values from (%L) to (%L)', n, t,
						m::text || ' 00:00:00+00', (m + interval '1 month')::date::text || ' 00:00:00+00');
					made := made + 1;
				exception when lock_not_available or check_violation then
					null;
				end;
			end if;
		end loop;
	end loop;
	return made;
end $$;

--
-- Name: phone_or_null(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.phone_or_null(p_value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
	return p_value::phone_number;
exception when check_violation then
	return null;
end $$;

--
-- Name: random_suffix(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.random_suffix() RETURNS text
    LANGUAGE sql PARALLEL SAFE
    AS $$
	select encode(overlay(uuid_send(gen_random_uuid()) placing '\x' from 7 for 4), 'hex')
$$;

--
-- Name: rate(bytea, text, integer, integer, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.rate(p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text, OUT remaining integer, OUT reset_seconds integer, OUT refused boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare kept bigint[]; moment bigint; horizon bigint;
begin
	remaining := p_limit;
	reset_seconds := p_seconds;
	refused := false;
	if exists (select from public.token t where t.hash = p_hash) then
		insert into public.rate_window values (p_hash, p_name, '{}') on conflict do nothing;
		select grants into kept from public.rate_window where token_hash = p_hash and name = p_name for update;
		moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
		horizon := moment - p_seconds * 1000000::bigint;
		-- A grant from the future was given before the clock was set back.
		kept := array(select g from unnest(kept) g where g > horizon and g <= moment order by g);
		refused := cardinality(kept) >= p_limit;
		if not refused then
			kept := kept || moment;
		end if;
		update public.rate_window set grants = kept where token_hash = p_hash and name = p_name;
		remaining := greatest(p_limit - cardinality(kept), 0);
		reset_seconds := greatest(ceil((kept[1] - horizon) / 1000000.0), 1);
	end if;
	perform set_config('tg.rate', p_ticket || case when refused then ' ' || reset_seconds else ' ok' end, false);
end $$;

--
-- Name: refuse(text, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse(kind text, reason text, message text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
	raise exception using errcode = kind, constraint = reason, message = message;
end $$;

--
-- Name: retry_delay(integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.retry_delay(p_attempt integer, p_first_ms integer) RETURNS interval
    LANGUAGE sql PARALLEL SAFE
    AS $$
	select make_interval(secs => least(p_first_ms * 2 ^ (least(greatest(p_attempt, 1), 20) - 1), 900000) * (0.8 + 0.4 * random()) / 1000.0)
$$;

--
-- Name: sms_make(uuid, text, text, text, text, integer, integer, integer, text, json); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer, p_callback_url text, p_metadata json) RETURNS public.task
    LANGUAGE plpgsql
    AS $$
declare made public.task;
begin
	insert into public.task (tenant_id, parent_id, created_by, api, kind, machine, state, event, public_id, entity, priority, retry_count, callback_url)
	values (public.tg_tenant(), p_parent, public.tg_principal(), 'disposition', 'sms', 'sms', 'pending', 'create', 'sms_task_' || public.random_suffix(), p_entity,
		p_priority, 3, p_callback_url)
	returning * into made;
	insert into public.task_body (tenant_id, task_id, input, detail) values (public.tg_tenant(), made.id, p_metadata,
		json_build_object('recipient', p_to, 'message_length', p_characters, 'segments', p_segments, 'provider', 'twilio'));
	insert into public.message (tenant_id, task_id, channel, provider, sender, recipients, text, characters, segments)
	values (public.tg_tenant(), made.id, 'sms', 'twilio', p_from, array[p_to], p_text, p_characters, p_segments);
	perform public.work_make(public.tg_tenant(), made.id, 'sms', 'twilio', now(), p_priority, 0);
	return made;
end $$;

--
-- Name: sms_segments(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.sms_segments(p_text text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $_$
	with sized as (
		select translate(p_text, E'\n\r !"#$%&\u0027()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ', '') as rest
	), counted as (
		select translate(rest, E'\f^{}\\[~]|€', '') = '' as gsm, length(p_text) + length(rest) as septets,
			length(p_text) + length(regexp_replace(p_text, '[\u0001-\uffff]', '', 'g')) as units from sized
	)
	select case when gsm and septets <= 160 or not gsm and units <= 70 then 1 when gsm then ceil(septets / 153.0) else ceil(units / 67.0) end::integer from counted
$_$;

--
-- Name: status_rank(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.status_rank(p_status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case when p_status in ('queued', 'rendering') then 1 when p_status = 'sending' then 2 when p_status = 'sent' then 3 else 4 end
$$;

--
-- Name: task_cancel_family(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_cancel_family(p_task uuid) RETURNS TABLE(state text, updated_at timestamp with time zone, finished_at timestamp with time zone)
    LANGUAGE plpgsql
    AS $$
declare family uuid[];
begin
	perform from work w where w.tenant_id = tg_tenant() and w.id = p_task for update;
	family := p_task || array(select c.id from task c where c.tenant_id = tg_tenant() and c.parent_id = p_task and c.finished_at is null);
	perform from work w where w.tenant_id = tg_tenant() and w.id = any (family) order by w.id for update;
	if not exists (select from task t where t.tenant_id = tg_tenant() and t.id = p_task and t.state in ('pending', 'queued', 'processing')) then
		return;
	end if;
	return query
	with moved as (
		update task t set state = 'cancelled', event = 'cancel', reason = null
		where t.tenant_id = tg_tenant() and t.id = any (family) and t.state in ('pending', 'queued', 'processing')
		returning t.id, t.state::text as state, t.updated_at, t.finished_at
	), gone as (
		delete from work w using moved m where w.tenant_id = tg_tenant() and w.id = m.id
	)
	select m.state, m.updated_at, m.finished_at from moved m where m.id = p_task;
end $$;

--
-- Name: task_child_ended(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_child_ended() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
declare p record; told json; sent record; why text;
begin
	select t.id, t.state, t.kind, t.started_at into p from task t where t.tenant_id = new.tenant_id and t.id = new.parent_id for update;
	if not found or p.kind <> 'voicemail' or p.state <> 'processing' or exists (select from task c where c.tenant_id = new.tenant_id and c.parent_id = p.id
			and c.created_at >= p.started_at and c.finished_at is null) then
		return null;
	end if;
	select json_agg(json_strip_nulls(json_build_object('type', c.kind, 'recipient', m.recipients[1], 'sent', c.state = 'completed',
			'task_id', c.public_id, 'reason', case when c.state <> 'completed' then coalesce(c.reason, c.state) end)) order by c.seq),
			min(case when c.state <> 'completed' then coalesce(c.reason, c.state) end)
		into told, why
		from task c join message m on m.tenant_id = c.tenant_id and m.task_id = c.id
		where c.tenant_id = new.tenant_id and c.parent_id = p.id and c.created_at >= p.started_at;
	select n ->> 'type' as type, n ->> 'recipient' as recipient into sent from json_array_elements(told) with ordinality e(n, i)
		where (n ->> 'sent')::boolean order by i limit 1;
	update task_body set output = json_build_object('notification_sent', sent.type is not null, 'notification_type', sent.type,
			'notification_recipient', sent.recipient, 'notifications', told)
		where tenant_id = new.tenant_id and task_id = p.id;
	update task set state = case when sent.type is not null then 'completed' else 'failed' end, event = case when sent.type is not null then 'complete' else 'fail' end,
			reason = case when sent.type is null then 'no notification was sent: ' || coalesce(why, 'unknown') end
		where tenant_id = new.tenant_id and id = p.id;
	return null;
end $$;

--
-- Name: task_history(uuid, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_history(p_id uuid, p_since timestamp with time zone) RETURNS json
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return (select json_agg(json_build_object('status', e.to_state, 'timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'message', coalesce(e.reason, g.why)) order by e.seq)
		from task_event e join state_edge g on g.machine = e.machine and g.from_state = e.from_state and g.event = e.event and g.to_state = e.to_state
		where e.tenant_id = tg_tenant() and e.task_id = p_id and e.at >= p_since);
end $$;

--
-- Name: task_logs(uuid, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_logs(p_id uuid, p_since timestamp with time zone) RETURNS json
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return (select coalesce(json_agg(json_build_object('timestamp', to_char(l.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'level', l.level,
			'message', l.message) order by l.at, l.n), '[]'::json)
		from (select l.at, l.n, l.level, l.message, sum(octet_length(l.message)) over (order by l.at desc, l.n desc) as bytes from (
			select e.at, e.seq::bigint as n, case e.event when 'fail' then 'error' when 'expire' then 'error' when 'retry' then 'warning' else 'info' end as level,
				coalesce(e.reason, g.why) as message
			from task_event e join state_edge g on g.machine = e.machine and g.from_state = e.from_state and g.event = e.event and g.to_state = e.to_state
			where e.tenant_id = tg_tenant() and e.task_id = p_id and e.at >= p_since and e.event <> 'create'
			union all
			select l.at, l.id, l.level, l.message from task_log l where l.tenant_id = tg_tenant() and l.task_id = p_id and l.at >= p_since) l) l
		where l.bytes <= 262144);
end $$;

--
-- Name: task_move(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare was text := '-'; prev bytea; outbox uuid; moment timestamptz := now();
begin
	if tg_op = 'UPDATE' then
		was := old.state;
		prev := old.event_hash;
		if new.machine <> old.machine then
			raise exception using errcode = 'TG409', constraint = 'machine_change', message = 'a task never changes its machine';
		end if;
		new.event_seq := old.event_seq;
		new.version := old.version;
		moment := greatest(moment, old.updated_at);
		new.started_at := case when new.started_at < new.created_at then new.created_at else new.started_at end;
	end if;
	new.event_seq := new.event_seq + 1;
	new.version := new.version + 1;
	new.updated_at := moment;
	new.finished_at := case when new.state in ('completed', 'failed', 'cancelled', 'expired') then moment end;
	new.event_hash := public.event_hash(prev, new.id, new.event_seq, moment, new.machine, was, new.event, new.state,
		public.tg_principal()::text, nullif(current_setting('tg.on_behalf', true), ''), current_setting('tg.remote', true),
		current_setting('tg.request', true), new.reason, nullif(current_setting('tg.event_data', true), ''));
	insert into public.task_event (tenant_id, task_id, seq, at, machine, from_state, event, to_state, principal_id, on_behalf, remote,
			request_id, reason, data, prev_hash, hash)
		select new.tenant_id, new.id, new.event_seq, moment, new.machine, was, new.event, new.state, public.tg_principal(),
			nullif(current_setting('tg.on_behalf', true), ''), current_setting('tg.remote', true), current_setting('tg.request', true), new.reason,
			nullif(current_setting('tg.event_data', true), '')::json, prev, new.event_hash
		from public.state_edge e where e.machine = new.machine and e.from_state = was and e.event = new.event and e.to_state = new.state;
	if not found then
		raise exception using errcode = 'TG409', constraint = 'state_edge',
			message = format('a %s task that is %s cannot %s to %s', new.machine, was, new.event, new.state);
	end if;
	if new.state = 'processing' and new.started_at is null then
		raise exception using errcode = 'check_violation', constraint = 'task_started', message = 'what runs has started at some time';
	end if;
	if new.callback_url is not null and new.finished_at is not null then
		outbox := public.uuid7();
		insert into public.delivery (tenant_id, id, task_id, seq, event, url, created_at)
			values (new.tenant_id, outbox, new.id, new.event_seq, 'task.' || new.state, new.callback_url, moment);
		insert into public.work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
			values (outbox, new.tenant_id, new.id, now(), new.priority, true, 'webhook', public.url_host(new.callback_url));
	end if;
	return new;
end $$;

--
-- Name: task_named(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_named(p_name text, p_api text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.api = 'disposition'
			and t.deleted_at is null and t.purged_at is null order by t.seq desc limit 1),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and (p_api is null or t.api = p_api)
			and t.deleted_at is null and t.purged_at is null));
end $$;

--
-- Name: task_of_kind(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_of_kind(p_name text, p_kind text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.kind = p_kind and t.deleted_at is null and t.purged_at is null),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and t.kind = p_kind and t.deleted_at is null and t.purged_at is null));
end $$;

--
-- Name: task_state_now(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_state_now(p_id uuid) RETURNS text
    LANGUAGE plpgsql
    AS $$
begin
	return (select t.state from task t where t.tenant_id = tg_tenant() and t.id = p_id);
end $$;

--
-- Name: task_work(uuid, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_work(p_task uuid, p_kind text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
begin
	if p_kind <> 'bulk_call' then
		return p_task;
	end if;
	return (select c.id from call c where c.tenant_id = tg_tenant() and c.task_id = p_task and c.ended_at is null order by c.n limit 1);
end $$;

--
-- Name: template_render(text, jsonb, boolean); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.template_render(p_text text, p_data jsonb, p_html boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare rest text := p_text; made text := ''; at integer; ends integer; name text; value text;
begin
	loop
		at := position('{{' in rest);
		exit when at = 0 or at is null;
		made := made || left(rest, at - 1);
		rest := substr(rest, at + 2);
		ends := position('}}' in rest);
		name := btrim(left(rest, greatest(ends - 1, 0)));
		if ends = 0 or name !~ '^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$' then
			perform public.refuse('TG400', 'template_error', format('the template is not well formed at {{%s', left(rest, 40)));
		end if;
		value := p_data #>> string_to_array(name, '.');
		if value is null then
			perform public.refuse('TG400', 'template_error', format('the template needs the variable %s', name));
		end if;
		if p_html then
			value := replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
		end if;
		made := made || value;
		rest := substr(rest, ends + 2);
	end loop;
	return made || rest;
end $_$;

--
-- Name: tenant_furnish(uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tenant_furnish(p_tenant uuid) RETURNS void
    LANGUAGE sql
    AS $$
	insert into public.disposition_code (tenant_id, code, description) values
		(p_tenant, 'SALE_COMPLETE', 'Sale successfully completed'),
		(p_tenant, 'APPOINTMENT_SET', 'Appointment scheduled with customer'),
		(p_tenant, 'CALLBACK_REQUESTED', 'Customer requested a callback at a later time'),
		(p_tenant, 'NO_ANSWER', 'Customer did not answer'),
		(p_tenant, 'BUSY', 'Line was busy'),
		(p_tenant, 'VOICEMAIL', 'Left voicemail message'),
		(p_tenant, 'WRONG_NUMBER', 'Incorrect phone number'),
		(p_tenant, 'DO_NOT_CALL', 'Customer requested to be added to DNC list'),
		(p_tenant, 'NOT_INTERESTED', 'Customer not interested'),
		(p_tenant, 'FOLLOW_UP_REQUIRED', 'Additional follow-up needed'),
		(p_tenant, 'TRANSFERRED', 'Call transferred to another department');
	insert into public.email_template (tenant_id, name, subject, text) values (p_tenant, 'voicemail', 'New voicemail from {{caller_id}}',
		E'{{caller_id}} left a voicemail.\n\nReceived: {{timestamp}}\nDuration: {{duration}}\nRecording: {{audio_url}}\n');
$$;

--
-- Name: tenant_made(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tenant_made() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
begin
	perform public.tenant_furnish(new.id);
	return null;
end $$;

--
-- Name: tg_may(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tg_may(scope text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
	select string_to_array(current_setting('tg.scopes', true), ' ') && array[scope, 'all']
$$;

--
-- Name: tg_principal(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tg_principal() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
	select nullif(current_setting('tg.principal', true), '')::uuid
$$;

--
-- Name: tg_tenant(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.tg_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
	select nullif(current_setting('tg.tenant', true), '')::uuid
$$;

--
-- Name: twilio_status(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.twilio_status(p_word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
	select case when p_word in ('queued', 'accepted', 'scheduled') then 'queued' when p_word in ('sending', 'sent', 'undelivered', 'failed') then p_word
		when p_word in ('delivered', 'read', 'received') then 'delivered' when p_word in ('canceled', 'cancelled') then 'failed' end
$$;

--
-- Name: type_admit(text, boolean, json); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare t record; missing text;
begin
	select tt.handler_url, tt.required into t from task_type tt where tt.tenant_id = tg_tenant() and tt.name = p_type;
	if not found then
		if p_closed then
			perform refuse('TG400', 'type_unknown', format('the task type %s is not registered', p_type));
		end if;
		insert into task_type (tenant_id, name) values (tg_tenant(), p_type) on conflict do nothing;
		lane := 'pull';
		return;
	end if;
	select m into missing from unnest(t.required) m where p_payload is null or (p_payload -> m) is null limit 1;
	if missing is not null then
		perform refuse('TG422', 'payload_member', format('a task of type %s needs the payload member %s', p_type, missing));
	end if;
	lane := case when t.handler_url is null then 'pull' else 'handler' end;
	host := url_host(t.handler_url);
end $$;

--
-- Name: type_moved(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.type_moved() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
declare
	url text := case when tg_op <> 'DELETE' then new.handler_url end;
	waiting uuid[];
begin
	waiting := array(select w.id from public.work w
		where w.tenant_id = coalesce(new.tenant_id, old.tenant_id) and w.type = coalesce(new.name, old.name) and w.lane in ('handler', 'pull')
			and w.lease_until is null and (w.lane, w.host) is distinct from (case when url is null then 'pull' else 'handler' end, public.url_host(url))
		order by w.id for update);
	update public.work w set lane = case when url is null then 'pull' else 'handler' end, host = public.url_host(url) where w.id = any (waiting);
	return null;
end $$;

--
-- Name: url_host(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.url_host(url text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
	select case when url is not null then
		regexp_replace(regexp_replace(regexp_replace(regexp_replace(lower(coalesce(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+'), '')),
			'//.*@', '//'), '^http://([^]:[]+|\[[^]]*\])$', 'http://\1:80'), '^https://([^]:[]+|\[[^]]*\])$', 'https://\1:443'), '^.*//', '')
	end
$_$;

--
-- Name: voicemail_notify(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.voicemail_notify(p_most integer, OUT notified integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare w record; why text;
begin
	notified := 0;
	for w in select k.id, k.tenant_id from work k
			where k.lane = 'notify' and k.lane <> 'pull' and k.ready and k.lease_until is null and not exists (select from lane where name = 'notify' and paused_at is not null)
			order by k.tenant_id, k.host, k.priority desc, k.run_at, k.id limit p_most for update skip locked loop
		perform set_config('tg.tenant', w.tenant_id::text, true);
		begin
			perform voicemail_tell(w.tenant_id, w.id);
		exception when others then
			get stacked diagnostics why = message_text;
			update task set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = attempts + 1
				where tenant_id = w.tenant_id and id = w.id and state = 'pending';
			update task set state = 'failed', event = 'fail', reason = why where tenant_id = w.tenant_id and id = w.id and state = 'processing';
		end;
		delete from work where id = w.id;
		notified := notified + 1;
	end loop;
	perform set_config('tg.tenant', '', true);
end $$;

--
-- Name: voicemail_tell(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.voicemail_tell(p_tenant uuid, p_task uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare v record; r record; data jsonb; script boolean;
begin
	update task t set state = 'processing', event = 'claim', reason = null, started_at = now(), attempts = t.attempts + 1
		where t.tenant_id = p_tenant and t.id = p_task and t.state = 'pending'
		returning t.priority, (select b.input from task_body b where b.tenant_id = p_tenant and b.task_id = p_task) as input into v;
	if not found then
		return;
	end if;
	select i.email, i.phone, i.transcript into r from recipient i where i.tenant_id = p_tenant and i.id = v.input ->> 'recipient_id';
	if not found then
		perform refuse('TG404', 'recipient_unknown', format('the recipient %s is not in the directory', v.input ->> 'recipient_id'));
	end if;
	data := jsonb_build_object('duration', coalesce((v.input ->> 'duration') || ' s', 'unknown'), 'timestamp', coalesce(v.input ->> 'timestamp', 'unknown'),
		'audio_url', coalesce(v.input ->> 'audio_url', 'none'), 'transcription', coalesce(v.input ->> 'transcription', ''), 'caller_id', v.input ->> 'caller_id',
		'voicemail_id', v.input ->> 'voicemail_id', 'recipient_id', v.input ->> 'recipient_id', 'metadata', coalesce(v.input -> 'metadata', '{}'));
	if r.email is not null then
		script := r.transcript and v.input ->> 'transcription' is not null;
		perform email_make(p_task, array[r.email::text], null, null, null, null, null, null, 'voicemail', data, null, null, v.priority, null, null,
			case when script then array['transcription.txt'] end, case when script then array['text/plain; charset=utf-8'] end,
			case when script then array[encode(convert_to(v.input ->> 'transcription', 'UTF8'), 'base64')] end);
	end if;
	if r.phone is not null then
		perform sms_make(p_task, null, r.phone, null, text, length(text), sms_segments(text), v.priority, null, null)
		from format('New voicemail from %s (%s)', v.input ->> 'caller_id', data ->> 'duration') text;
	end if;
end $$;

--
-- Name: wall_time(timestamp without time zone, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.wall_time(p_wall timestamp without time zone, p_zone text) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
declare c timestamptz := p_wall at time zone p_zone; one interval; two interval; early timestamptz; late timestamptz; mid timestamptz;
begin
	one := ((c - interval '1 day') at time zone p_zone) - ((c - interval '1 day') at time zone 'UTC');
	two := ((c + interval '1 day') at time zone p_zone) - ((c + interval '1 day') at time zone 'UTC');
	early := (p_wall - greatest(one, two)) at time zone 'UTC';
	late := (p_wall - least(one, two)) at time zone 'UTC';
	if early at time zone p_zone = p_wall then
		return early;
	elsif late at time zone p_zone = p_wall then
		return late;
	elsif c at time zone p_zone = p_wall then
		return c;
	end if;
	-- Between the two the clock jumped; the wall behind the jump is later than the one that was asked for.
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

--
-- Name: work_make(uuid, uuid, text, text, timestamp with time zone, integer, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamp with time zone, p_priority integer, p_fence bigint) RETURNS void
    LANGUAGE sql
    AS $$
	insert into public.work (id, tenant_id, task_id, run_at, fence, priority, ready, lane, host)
	values (p_task, p_tenant, p_task, p_run_at, p_fence, p_priority::smallint, p_run_at <= now(), p_lane, p_host)
$$;

--
-- Name: agent; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent (
    tenant_id uuid NOT NULL,
    id public.directory_id NOT NULL,
    name text,
    enabled boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    tenant_id uuid,
    principal_id uuid,
    action text NOT NULL,
    what text,
    remote text,
    request_id text,
    detail json
);

--
-- Name: audit_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: campaign; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.campaign (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    from_number text,
    webhook_url text,
    status_url text,
    delay_s public.campaign_delay,
    most public.campaign_most,
    total public.campaign_total DEFAULT 1 NOT NULL,
    completed integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    cancelled integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

--
-- Name: cluster_mark; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cluster_mark (
    single boolean DEFAULT true NOT NULL,
    system_identifier text NOT NULL,
    timeline integer NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cluster_mark_single CHECK (single)
);

--
-- Name: customer; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.customer (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT customer_name_length CHECK (((length(name) >= 1) AND (length(name) <= 255)))
);

--
-- Name: delivery; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delivery (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT public.uuid7() NOT NULL,
    task_id uuid NOT NULL,
    seq integer NOT NULL,
    event text NOT NULL,
    state public.delivery_state DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_status integer,
    last_error text,
    url text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    form text
);

--
-- Name: disposition_code; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.disposition_code (
    tenant_id uuid NOT NULL,
    code text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT disposition_code_word CHECK ((code ~ '^[A-Z][A-Z0-9_]{0,63}$'::text))
);

--
-- Name: do_not_call; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.do_not_call (
    tenant_id uuid NOT NULL,
    number public.phone_number NOT NULL,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: email_template; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.email_template (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    text text,
    html text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT email_template_body CHECK (((text IS NOT NULL) OR (html IS NOT NULL))),
    CONSTRAINT email_template_name CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'::text)),
    CONSTRAINT email_template_subject CHECK ((((length(subject) >= 1) AND (length(subject) <= 998)) AND (subject !~ '[[:cntrl:]]'::text)))
);

--
-- Name: entity; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.entity (
    tenant_id uuid NOT NULL,
    name public.task_entity NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: host_state; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.host_state (
    host text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    pause_s integer DEFAULT 0 NOT NULL,
    parked_until timestamp with time zone,
    last_error text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: idempotency; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency (
    tenant_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    body_hash bytea NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    status smallint,
    headers text,
    body text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: lane; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lane (
    name text NOT NULL,
    paused_at timestamp with time zone,
    paused_by text,
    reason text,
    ran_at timestamp with time zone,
    stop_on_restore boolean DEFAULT false NOT NULL
);

--
-- Name: work; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.work (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    run_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone,
    deadline timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    priority public.task_priority NOT NULL,
    ready boolean NOT NULL,
    lane text NOT NULL,
    type text,
    host text,
    pace_key text,
    claimed_by text,
    last_error text,
    unsent_since timestamp with time zone
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

--
-- Name: ledger_fault; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.ledger_fault AS
 SELECT 'task_finished'::text AS rule,
    task.tenant_id,
    task.id AS task_id
   FROM public.task
  WHERE ((task.finished_at IS NOT NULL) <> ((task.state)::text = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))
UNION ALL
 SELECT 'task_started'::text AS rule,
    task.tenant_id,
    task.id AS task_id
   FROM public.task
  WHERE (((task.state)::text = 'processing'::text) AND (task.started_at IS NULL))
UNION ALL
 SELECT 'work_lease'::text AS rule,
    work.tenant_id,
    work.task_id
   FROM public.work
  WHERE (((work.lease_until IS NULL) <> (work.deadline IS NULL)) OR (work.lease_until > work.deadline))
UNION ALL
 SELECT 'work_ready'::text AS rule,
    work.tenant_id,
    work.task_id
   FROM public.work
  WHERE ((work.lease_until IS NOT NULL) AND (NOT work.ready))
UNION ALL
 SELECT 'delivery_finished'::text AS rule,
    delivery.tenant_id,
    delivery.task_id
   FROM public.delivery
  WHERE ((delivery.finished_at IS NOT NULL) <> ((delivery.state)::text <> 'pending'::text))
UNION ALL
 SELECT 'call_ended'::text AS rule,
    call.tenant_id,
    call.task_id
   FROM public.call
  WHERE ((call.ended_at IS NOT NULL) <> ((call.state)::text = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))
UNION ALL
 SELECT 'campaign_count'::text AS rule,
    campaign.tenant_id,
    campaign.task_id
   FROM public.campaign
  WHERE (((campaign.completed + campaign.failed) + campaign.cancelled) > (campaign.total)::integer);

--
-- Name: message; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    channel text NOT NULL,
    status public.delivery_status DEFAULT 'queued'::text NOT NULL,
    error_code text,
    sent_at timestamp with time zone,
    delivered_at timestamp with time zone,
    asked integer DEFAULT 0 NOT NULL,
    characters integer,
    segments integer,
    file_bytes bigint DEFAULT 0 NOT NULL,
    provider text NOT NULL,
    provider_id text,
    sender text,
    sender_name text,
    reply_to text,
    template text,
    recipients text[] NOT NULL,
    cc text[],
    bcc text[],
    headers json,
    subject text,
    text text,
    html text,
    CONSTRAINT message_channel CHECK ((channel = ANY (ARRAY['sms'::text, 'email'::text])))
);

--
-- Name: message_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message_event (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    seq integer NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event text NOT NULL,
    recipient text,
    message text NOT NULL
);

--
-- Name: message_file; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.message_file (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    n integer NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    content bytea NOT NULL
);
ALTER TABLE ONLY public.message_file ALTER COLUMN content SET STORAGE EXTERNAL;

--
-- Name: migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.migration (
    number integer NOT NULL,
    name text NOT NULL,
    breaking boolean DEFAULT false NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: number_zone; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.number_zone (
    prefix text NOT NULL,
    zone text NOT NULL,
    CONSTRAINT number_zone_prefix CHECK ((prefix ~ '^\+[1-9][0-9]*$'::text))
);

--
-- Name: pace; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pace (
    key text NOT NULL,
    outstanding integer DEFAULT 0 NOT NULL,
    in_flight integer DEFAULT 0 NOT NULL,
    departures bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    granted_at timestamp with time zone,
    open_at timestamp with time zone,
    CONSTRAINT pace_in_flight CHECK ((in_flight >= 0)),
    CONSTRAINT pace_outstanding CHECK ((outstanding >= 0))
)
WITH (fillfactor='50');

--
-- Name: persona; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.persona (
    tenant_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: principal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.principal (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT public.uuid7() NOT NULL,
    handle text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    email text,
    phone text,
    avatar_url text,
    role text DEFAULT 'user'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT principal_handle CHECK ((handle ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$'::text)),
    CONSTRAINT principal_role CHECK ((role = ANY (ARRAY['user'::text, 'manager'::text, 'service'::text])))
);

--
-- Name: rate_window; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.rate_window (
    token_hash bytea NOT NULL,
    name text NOT NULL,
    grants bigint[] NOT NULL
)
WITH (fillfactor='50');

--
-- Name: recipient; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.recipient (
    tenant_id uuid NOT NULL,
    id public.directory_id NOT NULL,
    email public.email_address,
    phone public.phone_number,
    transcript boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT recipient_channel CHECK (((email IS NOT NULL) OR (phone IS NOT NULL)))
);

--
-- Name: state_edge; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.state_edge (
    machine text NOT NULL,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    why text NOT NULL
);

--
-- Name: sweeper; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sweeper (
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    beat_at timestamp with time zone DEFAULT now() NOT NULL,
    left_at timestamp with time zone,
    done bigint DEFAULT 0 NOT NULL,
    lingers boolean DEFAULT true NOT NULL
);

--
-- Name: task_body; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_body (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    subject_id text,
    input json,
    output json,
    detail json,
    notes text
);

--
-- Name: task_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_event (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    seq integer NOT NULL,
    at timestamp with time zone NOT NULL,
    machine text NOT NULL,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    principal_id uuid,
    on_behalf text,
    remote text,
    request_id text,
    reason text,
    data json,
    prev_hash bytea,
    hash bytea NOT NULL
)
PARTITION BY RANGE (at);

--
-- Name: task_event_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_event_default (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    seq integer NOT NULL,
    at timestamp with time zone NOT NULL,
    machine text NOT NULL,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    principal_id uuid,
    on_behalf text,
    remote text,
    request_id text,
    reason text,
    data json,
    prev_hash bytea,
    hash bytea NOT NULL
);

--
-- Name: task_log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_log (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    level public.log_level NOT NULL,
    message text NOT NULL
)
PARTITION BY RANGE (at);

--
-- Name: task_log_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_log_default (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    level public.log_level NOT NULL,
    message text NOT NULL
);

--
-- Name: task_log_id; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.task_log_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: task_seq_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.task ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.task_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: task_tag; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_tag (
    tenant_id uuid NOT NULL,
    tag public.task_tag_text NOT NULL,
    seq bigint NOT NULL
);

--
-- Name: task_type; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.task_type (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    handler_url text,
    required text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT task_type_handler CHECK ((handler_url ~ '^https?://'::text)),
    CONSTRAINT task_type_name CHECK ((name ~ '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$'::text))
);

--
-- Name: tenant; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tenant (
    id uuid DEFAULT public.uuid7() NOT NULL,
    number bigint NOT NULL,
    name text NOT NULL,
    keep_days integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    quiet_from time without time zone,
    quiet_until time without time zone,
    time_zone text,
    CONSTRAINT tenant_keep_days CHECK ((keep_days >= 0)),
    CONSTRAINT tenant_name_length CHECK (((length(name) >= 1) AND (length(name) <= 128))),
    CONSTRAINT tenant_quiet CHECK (((quiet_from IS NULL) = (quiet_until IS NULL)))
);

--
-- Name: tenant_number_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tenant ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tenant_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.token (
    hash bytea NOT NULL,
    id uuid DEFAULT public.uuid7() NOT NULL,
    tenant_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT token_hash_size CHECK ((octet_length(hash) = 32)),
    CONSTRAINT token_scopes CHECK ((cardinality(scopes) > 0))
);

--
-- Name: twilio_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.twilio_event (
    sid text NOT NULL,
    status text NOT NULL,
    sequence integer DEFAULT '-1'::integer NOT NULL,
    task_id uuid,
    params json NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: type_poll; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.type_poll (
    tenant_id uuid NOT NULL,
    type text NOT NULL,
    polled_at timestamp with time zone DEFAULT now() NOT NULL,
    worker text
)
WITH (fillfactor='50');

--
-- Name: webhook_key; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_key (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT public.uuid7() NOT NULL,
    secret bytea NOT NULL,
    active_from timestamp with time zone DEFAULT now() NOT NULL,
    retire_at timestamp with time zone,
    CONSTRAINT webhook_key_size CHECK (((octet_length(secret) >= 24) AND (octet_length(secret) <= 64)))
);

--
-- Name: task_event_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_event ATTACH PARTITION public.task_event_default DEFAULT;

--
-- Name: task_log_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_log ATTACH PARTITION public.task_log_default DEFAULT;

--
-- Name: agent agent_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

--
-- Name: call call_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call
    ADD CONSTRAINT call_pkey PRIMARY KEY (id);

--
-- Name: call call_place_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.call
    ADD CONSTRAINT call_place_taken UNIQUE (tenant_id, task_id, n);

--
-- Name: callback callback_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.callback
    ADD CONSTRAINT callback_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: campaign campaign_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (tenant_id, task_id);

--
-- Name: cluster_mark cluster_mark_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cluster_mark
    ADD CONSTRAINT cluster_mark_pkey PRIMARY KEY (single);

--
-- Name: contact contact_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact
    ADD CONSTRAINT contact_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: customer customer_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: delivery delivery_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: disposition_code disposition_code_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.disposition_code
    ADD CONSTRAINT disposition_code_pkey PRIMARY KEY (tenant_id, code);

--
-- Name: do_not_call do_not_call_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.do_not_call
    ADD CONSTRAINT do_not_call_pkey PRIMARY KEY (tenant_id, number);

--
-- Name: email_template email_template_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.email_template
    ADD CONSTRAINT email_template_pkey PRIMARY KEY (tenant_id, name);

--
-- Name: entity entity_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.entity
    ADD CONSTRAINT entity_pkey PRIMARY KEY (tenant_id, name);

--
-- Name: host_state host_state_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.host_state
    ADD CONSTRAINT host_state_pkey PRIMARY KEY (host);

--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal_id, key_hash);

--
-- Name: lane lane_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lane
    ADD CONSTRAINT lane_pkey PRIMARY KEY (name);

--
-- Name: message_event message_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_event
    ADD CONSTRAINT message_event_pkey PRIMARY KEY (tenant_id, task_id, seq);

--
-- Name: message_file message_file_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message_file
    ADD CONSTRAINT message_file_pkey PRIMARY KEY (tenant_id, task_id, n);

--
-- Name: message message_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (tenant_id, task_id);

--
-- Name: message message_task_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_task_taken UNIQUE (task_id);

--
-- Name: migration migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

--
-- Name: number_zone number_zone_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.number_zone
    ADD CONSTRAINT number_zone_pkey PRIMARY KEY (prefix);

--
-- Name: pace pace_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pace
    ADD CONSTRAINT pace_pkey PRIMARY KEY (key);

--
-- Name: persona persona_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.persona
    ADD CONSTRAINT persona_pkey PRIMARY KEY (tenant_id, customer_id, principal_id);

--
-- Name: principal principal_handle_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.principal
    ADD CONSTRAINT principal_handle_taken UNIQUE (tenant_id, handle);

--
-- Name: principal principal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.principal
    ADD CONSTRAINT principal_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: rate_window rate_window_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rate_window
    ADD CONSTRAINT rate_window_pkey PRIMARY KEY (token_hash, name);

--
-- Name: recipient recipient_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipient
    ADD CONSTRAINT recipient_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: state_edge state_edge_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.state_edge
    ADD CONSTRAINT state_edge_pkey PRIMARY KEY (machine, from_state, event, to_state);

--
-- Name: sweeper sweeper_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sweeper
    ADD CONSTRAINT sweeper_pkey PRIMARY KEY (host, pid, started_at);

--
-- Name: task_body task_body_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_body
    ADD CONSTRAINT task_body_pkey PRIMARY KEY (tenant_id, task_id);

--
-- Name: task task_entity_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_entity_taken UNIQUE (tenant_id, entity, kind);

--
-- Name: task_event task_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_event
    ADD CONSTRAINT task_event_pkey PRIMARY KEY (tenant_id, task_id, seq, at);

--
-- Name: task_event_default task_event_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_event_default
    ADD CONSTRAINT task_event_default_pkey PRIMARY KEY (tenant_id, task_id, seq, at);

--
-- Name: task task_id_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_id_taken UNIQUE (tenant_id, public_id);

--
-- Name: task_log task_log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_log
    ADD CONSTRAINT task_log_pkey PRIMARY KEY (tenant_id, task_id, id, at);

--
-- Name: task_log_default task_log_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_log_default
    ADD CONSTRAINT task_log_default_pkey PRIMARY KEY (tenant_id, task_id, id, at);

--
-- Name: task task_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: task_tag task_tag_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_tag
    ADD CONSTRAINT task_tag_pkey PRIMARY KEY (tenant_id, tag, seq);

--
-- Name: task_type task_type_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_type
    ADD CONSTRAINT task_type_pkey PRIMARY KEY (tenant_id, name);

--
-- Name: tenant tenant_name_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_name_taken UNIQUE (name);

--
-- Name: tenant tenant_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);

--
-- Name: token token_id_taken; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_id_taken UNIQUE (id);

--
-- Name: token token_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (hash);

--
-- Name: twilio_event twilio_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.twilio_event
    ADD CONSTRAINT twilio_event_pkey PRIMARY KEY (sid, status, sequence);

--
-- Name: type_poll type_poll_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.type_poll
    ADD CONSTRAINT type_poll_pkey PRIMARY KEY (tenant_id, type);

--
-- Name: webhook_key webhook_key_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_key
    ADD CONSTRAINT webhook_key_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: work work_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.work
    ADD CONSTRAINT work_pkey PRIMARY KEY (id);

--
-- Name: audit_by_principal; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_by_principal ON public.audit USING btree (principal_id, at);

--
-- Name: audit_by_tenant; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_by_tenant ON public.audit USING btree (tenant_id, id);

--
-- Name: call_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_number ON public.call USING btree (number);

--
-- Name: call_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX call_open ON public.call USING btree (tenant_id, task_id) WHERE (ended_at IS NULL);

--
-- Name: call_sid; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX call_sid ON public.call USING btree (sid) WHERE (sid IS NOT NULL);

--
-- Name: delivery_by_task; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX delivery_by_task ON public.delivery USING btree (tenant_id, task_id);

--
-- Name: delivery_dead; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX delivery_dead ON public.delivery USING btree (tenant_id, finished_at) WHERE ((state)::text = 'dead'::text);

--
-- Name: delivery_finished_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX delivery_finished_at ON public.delivery USING btree (finished_at) WHERE (finished_at IS NOT NULL);

--
-- Name: idempotency_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_age ON public.idempotency USING btree (created_at);

--
-- Name: message_provider_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX message_provider_id ON public.message USING btree (provider_id) WHERE (provider_id IS NOT NULL);

--
-- Name: sweeper_beat; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sweeper_beat ON public.sweeper USING btree (beat_at);

--
-- Name: task_body_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX task_body_subject ON public.task_body USING btree (tenant_id, subject_id) WHERE (subject_id IS NOT NULL);

--
-- Name: task_children; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX task_children ON public.task USING btree (tenant_id, parent_id) WHERE (parent_id IS NOT NULL);

--
-- Name: task_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX task_newest ON public.task USING btree (tenant_id, seq DESC);

--
-- Name: token_by_principal; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX token_by_principal ON public.token USING btree (tenant_id, principal_id);

--
-- Name: twilio_event_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX twilio_event_age ON public.twilio_event USING btree (received_at);

--
-- Name: voicemail_taken; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX voicemail_taken ON public.task USING btree (tenant_id, target_id) WHERE (kind = 'voicemail'::text);

--
-- Name: work_by_task; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX work_by_task ON public.work USING btree (tenant_id, task_id) WHERE (lane = 'webhook'::text);

--
-- Name: work_claim; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX work_claim ON public.work USING btree (lane, tenant_id, host, priority DESC, run_at, id) WHERE (ready AND (lease_until IS NULL) AND (lane <> 'pull'::text));

--
-- Name: work_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX work_due ON public.work USING btree (run_at) WHERE (NOT ready);

--
-- Name: work_leased; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX work_leased ON public.work USING btree (lease_until) WHERE (lease_until IS NOT NULL);

--
-- Name: work_pull; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX work_pull ON public.work USING btree (tenant_id, type, priority DESC, run_at, id) WHERE (ready AND (lease_until IS NULL) AND (lane = 'pull'::text));

--
-- Name: task_event_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.task_event_pkey ATTACH PARTITION public.task_event_default_pkey;

--
-- Name: task_log_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.task_log_pkey ATTACH PARTITION public.task_log_default_pkey;

--
-- Name: message message_made; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER message_made AFTER INSERT ON public.message FOR EACH ROW EXECUTE FUNCTION public.message_note();

--
-- Name: message message_note; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER message_note AFTER UPDATE OF status ON public.message FOR EACH ROW WHEN (((old.status)::text <> (new.status)::text)) EXECUTE FUNCTION public.message_note();

--
-- Name: task task_child_ended; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER task_child_ended AFTER UPDATE OF state ON public.task FOR EACH ROW WHEN (((new.parent_id IS NOT NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION public.task_child_ended();

--
-- Name: task task_create; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER task_create BEFORE INSERT ON public.task FOR EACH ROW EXECUTE FUNCTION public.task_move();

--
-- Name: task task_move; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER task_move BEFORE UPDATE OF state, machine, event_seq, event_hash, finished_at ON public.task FOR EACH ROW EXECUTE FUNCTION public.task_move();

--
-- Name: tenant tenant_made; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER tenant_made AFTER INSERT ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.tenant_made();

--
-- Name: task_type type_moved; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER type_moved AFTER INSERT OR DELETE OR UPDATE OF handler_url ON public.task_type FOR EACH ROW EXECUTE FUNCTION public.type_moved();

--
-- Name: agent agent_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: callback callback_tenant_id_contact_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.callback
    ADD CONSTRAINT callback_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES public.contact(tenant_id, id);

--
-- Name: callback callback_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.callback
    ADD CONSTRAINT callback_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: contact contact_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.contact
    ADD CONSTRAINT contact_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: customer customer_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: disposition_code disposition_code_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.disposition_code
    ADD CONSTRAINT disposition_code_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: do_not_call do_not_call_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.do_not_call
    ADD CONSTRAINT do_not_call_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: email_template email_template_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.email_template
    ADD CONSTRAINT email_template_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: entity entity_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.entity
    ADD CONSTRAINT entity_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: persona persona_tenant_id_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.persona
    ADD CONSTRAINT persona_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES public.customer(tenant_id, id);

--
-- Name: persona persona_tenant_id_principal_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.persona
    ADD CONSTRAINT persona_tenant_id_principal_id_fkey FOREIGN KEY (tenant_id, principal_id) REFERENCES public.principal(tenant_id, id);

--
-- Name: principal principal_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.principal
    ADD CONSTRAINT principal_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: recipient recipient_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipient
    ADD CONSTRAINT recipient_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: task_type task_type_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_type
    ADD CONSTRAINT task_type_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: token token_tenant_id_principal_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_tenant_id_principal_id_fkey FOREIGN KEY (tenant_id, principal_id) REFERENCES public.principal(tenant_id, id);

--
-- Name: webhook_key webhook_key_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_key
    ADD CONSTRAINT webhook_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

--
-- Name: agent; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent ENABLE ROW LEVEL SECURITY;

--
-- Name: audit; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

--
-- Name: call; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.call ENABLE ROW LEVEL SECURITY;

--
-- Name: callback; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.callback ENABLE ROW LEVEL SECURITY;

--
-- Name: campaign; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.campaign ENABLE ROW LEVEL SECURITY;

--
-- Name: contact; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.contact ENABLE ROW LEVEL SECURITY;

--
-- Name: customer; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.customer ENABLE ROW LEVEL SECURITY;

--
-- Name: delivery; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.delivery ENABLE ROW LEVEL SECURITY;

--
-- Name: disposition_code; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.disposition_code ENABLE ROW LEVEL SECURITY;

--
-- Name: do_not_call; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.do_not_call ENABLE ROW LEVEL SECURITY;

--
-- Name: email_template; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.email_template ENABLE ROW LEVEL SECURITY;

--
-- Name: entity; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.entity ENABLE ROW LEVEL SECURITY;

--
-- Name: agent everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.agent TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: audit everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.audit TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: call everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.call TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: callback everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.callback TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: campaign everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.campaign TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: contact everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.contact TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: customer everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.customer TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: delivery everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.delivery TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: disposition_code everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.disposition_code TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: do_not_call everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.do_not_call TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: email_template everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.email_template TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: entity everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.entity TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: idempotency everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.idempotency TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: message everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.message TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: message_event everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.message_event TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: message_file everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.message_file TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: persona everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.persona TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: principal everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.principal TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: recipient everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.recipient TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task_body everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task_body TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task_event everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task_event TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task_log everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task_log TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task_tag everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task_tag TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: task_type everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.task_type TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: tenant everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.tenant TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: token everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.token TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: type_poll everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.type_poll TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: webhook_key everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.webhook_key TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: work everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.work TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: idempotency; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: message; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message ENABLE ROW LEVEL SECURITY;

--
-- Name: message_event; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message_event ENABLE ROW LEVEL SECURITY;

--
-- Name: message_file; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.message_file ENABLE ROW LEVEL SECURITY;

--
-- Name: tenant own; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY own ON public.tenant TO taskgate_api USING ((id = public.tg_tenant()));

--
-- Name: persona; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.persona ENABLE ROW LEVEL SECURITY;

--
-- Name: principal; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.principal ENABLE ROW LEVEL SECURITY;

--
-- Name: recipient; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.recipient ENABLE ROW LEVEL SECURITY;

--
-- Name: task; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task ENABLE ROW LEVEL SECURITY;

--
-- Name: task_body; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_body ENABLE ROW LEVEL SECURITY;

--
-- Name: task_event; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_event ENABLE ROW LEVEL SECURITY;

--
-- Name: task_log; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_log ENABLE ROW LEVEL SECURITY;

--
-- Name: task_tag; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_tag ENABLE ROW LEVEL SECURITY;

--
-- Name: task_type; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.task_type ENABLE ROW LEVEL SECURITY;

--
-- Name: agent tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: audit tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: call tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.call TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: callback tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.callback TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: campaign tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.campaign TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: contact tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.contact TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: customer tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.customer TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: delivery tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.delivery TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: disposition_code tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.disposition_code TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: do_not_call tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.do_not_call TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: email_template tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.email_template TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: entity tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.entity TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: idempotency tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.idempotency TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: message tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.message TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: message_event tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.message_event TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: message_file tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.message_file TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: persona tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.persona TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: principal tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.principal TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: recipient tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.recipient TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task_body tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task_body TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task_event tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task_event TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task_log tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task_log TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task_tag tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task_tag TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: task_type tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.task_type TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: tenant; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.tenant ENABLE ROW LEVEL SECURITY;

--
-- Name: token tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.token TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: type_poll tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.type_poll TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: webhook_key tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.webhook_key TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: work tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.work TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: token; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.token ENABLE ROW LEVEL SECURITY;

--
-- Name: type_poll; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.type_poll ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_key; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_key ENABLE ROW LEVEL SECURITY;

--
-- Name: work; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.work ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO taskgate_api;
GRANT USAGE ON SCHEMA public TO taskgate_sweep;
GRANT USAGE ON SCHEMA public TO taskgate_ctl;

--
-- Name: FUNCTION action_failed(p_type text, p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.action_failed(p_type text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.action_failed(p_type text, p_reason text) TO taskgate_api;

--
-- Name: FUNCTION audit_refusal(p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.audit_refusal(p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_refusal(p_hash bytea, p_action text, p_what text, p_remote text, p_request text, p_most integer) TO taskgate_api;

--
-- Name: FUNCTION backlog_by_lane(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.backlog_by_lane() FROM PUBLIC;
GRANT ALL ON FUNCTION public.backlog_by_lane() TO taskgate_api;
GRANT ALL ON FUNCTION public.backlog_by_lane() TO taskgate_ctl;

--
-- Name: FUNCTION call_accepted(p_tenant uuid, p_id uuid, p_sid text, p_at timestamp with time zone, p_ask_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_accepted(p_tenant uuid, p_id uuid, p_sid text, p_at timestamp with time zone, p_ask_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_accepted(p_tenant uuid, p_id uuid, p_sid text, p_at timestamp with time zone, p_ask_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION call_becomes(p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text, p_ask_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_becomes(p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text, p_ask_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_becomes(p_tenant uuid, p_id uuid, p_status text, p_sid text, p_duration integer, p_code text, p_ask_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION call_cancel(p_name text, p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_cancel(p_name text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_cancel(p_name text, p_reason text) TO taskgate_api;
GRANT ALL ON FUNCTION public.call_cancel(p_name text, p_reason text) TO taskgate_ctl;

--
-- Name: FUNCTION call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_claim(p_most integer, p_name text, p_timeout_s integer, p_per_second integer, p_per_minute integer, p_paced boolean) TO taskgate_sweep;

--
-- Name: TABLE call; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.call TO taskgate_api;
GRANT SELECT,DELETE,UPDATE ON TABLE public.call TO taskgate_sweep;
GRANT SELECT ON TABLE public.call TO taskgate_ctl;

--
-- Name: COLUMN call.callback_id; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(callback_id) ON TABLE public.call TO taskgate_api;

--
-- Name: FUNCTION call_departs(c public.call, p_delay_s integer, p_at timestamp with time zone); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_departs(c public.call, p_delay_s integer, p_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_departs(c public.call, p_delay_s integer, p_at timestamp with time zone) TO taskgate_sweep;

--
-- Name: FUNCTION call_ends(p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text, p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_ends(p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_ends(p_tenant uuid, p_id uuid, p_state text, p_status text, p_duration integer, p_code text, p_reason text) TO taskgate_sweep;

--
-- Name: FUNCTION call_expire(p_most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_expire(p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_expire(p_most integer) TO taskgate_sweep;

--
-- Name: FUNCTION call_follow(p_id uuid, p_type text, p_in_s double precision); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_follow(p_id uuid, p_type text, p_in_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_follow(p_id uuid, p_type text, p_in_s double precision) TO taskgate_sweep;

--
-- Name: FUNCTION call_frees(c public.call, p_delay_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_frees(c public.call, p_delay_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_frees(c public.call, p_delay_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION call_gathered(p_sid text, p_speech text, p_digits text, p_params json); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_gathered(p_sid text, p_speech text, p_digits text, p_params json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_gathered(p_sid text, p_speech text, p_digits text, p_params json) TO taskgate_api;

--
-- Name: FUNCTION call_log(p_tenant uuid, p_task uuid, p_level text, p_message text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_log(p_tenant uuid, p_task uuid, p_level text, p_message text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_log(p_tenant uuid, p_task uuid, p_level text, p_message text) TO taskgate_sweep;

--
-- Name: FUNCTION call_lost(p_tenant uuid, p_id uuid, p_at timestamp with time zone, p_why text, p_find_s double precision); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_lost(p_tenant uuid, p_id uuid, p_at timestamp with time zone, p_why text, p_find_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_lost(p_tenant uuid, p_id uuid, p_at timestamp with time zone, p_why text, p_find_s double precision) TO taskgate_sweep;

--
-- Name: FUNCTION uuid7(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.uuid7() FROM PUBLIC;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_api;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_sweep;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_ctl;

--
-- Name: TABLE task; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_api;
GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_ctl;

--
-- Name: FUNCTION call_make(p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamp with time zone, p_callback_url text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_make(p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamp with time zone, p_callback_url text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_make(p_kind text, p_numbers text[], p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_delay_s integer, p_most integer, p_run_at timestamp with time zone, p_callback_url text) TO taskgate_api;

--
-- Name: FUNCTION call_overdue(p_most integer, p_ttl_s bigint); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_overdue(p_most integer, p_ttl_s bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_overdue(p_most integer, p_ttl_s bigint) TO taskgate_sweep;

--
-- Name: FUNCTION call_rank(p_status text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_rank(p_status text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_rank(p_status text) TO taskgate_sweep;

--
-- Name: FUNCTION call_refused(p_tenant uuid, p_number text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_refused(p_tenant uuid, p_number text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_refused(p_tenant uuid, p_number text) TO taskgate_sweep;

--
-- Name: FUNCTION call_reported(p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text, p_params json, p_form text, p_ask_s integer, p_request text, p_remote text, OUT known boolean, OUT fresh boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_reported(p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text, p_params json, p_form text, p_ask_s integer, p_request text, p_remote text, OUT known boolean, OUT fresh boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_reported(p_call uuid, p_sid text, p_status text, p_sequence integer, p_duration integer, p_code text, p_params json, p_form text, p_ask_s integer, p_request text, p_remote text, OUT known boolean, OUT fresh boolean) TO taskgate_api;

--
-- Name: FUNCTION call_schedule(p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_time timestamp with time zone, p_wall boolean, p_zone text, p_callback_url text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_schedule(p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_time timestamp with time zone, p_wall boolean, p_zone text, p_callback_url text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_schedule(p_number text, p_from text, p_webhook_url text, p_status_url text, p_metadata json, p_time timestamp with time zone, p_wall boolean, p_zone text, p_callback_url text) TO taskgate_api;

--
-- Name: FUNCTION call_script(p_call uuid, p_sid text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_script(p_call uuid, p_sid text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_script(p_call uuid, p_sid text) TO taskgate_api;

--
-- Name: FUNCTION call_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], p_ago_ms integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], p_ago_ms integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], p_ago_ms integer) TO taskgate_sweep;

--
-- Name: FUNCTION call_settle_by_hand(p_id uuid, p_dialled boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_settle_by_hand(p_id uuid, p_dialled boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_settle_by_hand(p_id uuid, p_dialled boolean) TO taskgate_ctl;

--
-- Name: FUNCTION call_word(p_state text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.call_word(p_state text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.call_word(p_state text) TO taskgate_api;

--
-- Name: TABLE callback; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.callback TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.callback TO taskgate_ctl;

--
-- Name: FUNCTION callback_admit(p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_admit(p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_admit(p_callback text, p_agent text, p_callbacks_closed boolean, p_agents_closed boolean) TO taskgate_api;

--
-- Name: TABLE contact; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.contact TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contact TO taskgate_ctl;

--
-- Name: FUNCTION callback_crm_update(c public.callback, p_customer jsonb); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_crm_update(c public.callback, p_customer jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_crm_update(c public.callback, p_customer jsonb) TO taskgate_api;

--
-- Name: FUNCTION callback_finish(p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text, p_next_at timestamp with time zone, p_next_template text, p_next_attempt integer, p_customer jsonb, p_callbacks_closed boolean, p_agents_closed boolean, OUT made public.task, OUT actions_triggered json); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_finish(p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text, p_next_at timestamp with time zone, p_next_template text, p_next_attempt integer, p_customer jsonb, p_callbacks_closed boolean, p_agents_closed boolean, OUT made public.task, OUT actions_triggered json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_finish(p_entity text, p_callback text, p_agent text, p_code text, p_body json, p_next_type text, p_next_at timestamp with time zone, p_next_template text, p_next_attempt integer, p_customer jsonb, p_callbacks_closed boolean, p_agents_closed boolean, OUT made public.task, OUT actions_triggered json) TO taskgate_api;

--
-- Name: FUNCTION callback_follow_up(p_at timestamp with time zone, p_template text, k public.contact, p_about jsonb); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_follow_up(p_at timestamp with time zone, p_template text, k public.contact, p_about jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_follow_up(p_at timestamp with time zone, p_template text, k public.contact, p_about jsonb) TO taskgate_api;

--
-- Name: FUNCTION callback_next_id(p_id text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_next_id(p_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_next_id(p_id text) TO taskgate_api;

--
-- Name: FUNCTION callback_retry(p_at timestamp with time zone, p_attempt integer, c public.callback, k public.contact); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.callback_retry(p_at timestamp with time zone, p_attempt integer, c public.callback, k public.contact) FROM PUBLIC;
GRANT ALL ON FUNCTION public.callback_retry(p_at timestamp with time zone, p_attempt integer, c public.callback, k public.contact) TO taskgate_api;

--
-- Name: FUNCTION calls_after_restore(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.calls_after_restore() FROM PUBLIC;
GRANT ALL ON FUNCTION public.calls_after_restore() TO taskgate_ctl;

--
-- Name: FUNCTION calls_stop(p_tenant uuid, p_ids uuid[], p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.calls_stop(p_tenant uuid, p_ids uuid[], p_reason text) FROM PUBLIC;

--
-- Name: FUNCTION calls_stop_all(p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.calls_stop_all(p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.calls_stop_all(p_reason text) TO taskgate_ctl;

--
-- Name: FUNCTION campaign_result(p_tenant uuid, p_task uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.campaign_result(p_tenant uuid, p_task uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.campaign_result(p_tenant uuid, p_task uuid) TO taskgate_sweep;

--
-- Name: FUNCTION do_not_call_add(p_number text, p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.do_not_call_add(p_number text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.do_not_call_add(p_number text, p_reason text) TO taskgate_api;
GRANT ALL ON FUNCTION public.do_not_call_add(p_number text, p_reason text) TO taskgate_ctl;

--
-- Name: FUNCTION email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamp with time zone, p_callback_url text, p_file_names text[], p_file_types text[], p_files text[], OUT made public.task, OUT rendered text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamp with time zone, p_callback_url text, p_file_names text[], p_file_types text[], p_files text[], OUT made public.task, OUT rendered text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamp with time zone, p_callback_url text, p_file_names text[], p_file_types text[], p_files text[], OUT made public.task, OUT rendered text) TO taskgate_api;
GRANT ALL ON FUNCTION public.email_make(p_parent uuid, p_to text[], p_cc text[], p_bcc text[], p_from text, p_from_name text, p_reply_to text, p_subject text, p_template text, p_data jsonb, p_headers json, p_metadata json, p_priority integer, p_run_at timestamp with time zone, p_callback_url text, p_file_names text[], p_file_types text[], p_files text[], OUT made public.task, OUT rendered text) TO taskgate_sweep;

--
-- Name: FUNCTION email_or_null(p_value text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.email_or_null(p_value text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.email_or_null(p_value text) TO taskgate_api;

--
-- Name: FUNCTION enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) TO taskgate_api;

--
-- Name: FUNCTION entity_admit(p_name text, p_closed boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.entity_admit(p_name text, p_closed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.entity_admit(p_name text, p_closed boolean) TO taskgate_api;

--
-- Name: FUNCTION event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) TO taskgate_ctl;

--
-- Name: FUNCTION follow_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.follow_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.follow_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[]) TO taskgate_sweep;

--
-- Name: FUNCTION generic_entity(p_name text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.generic_entity(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.generic_entity(p_name text) TO taskgate_api;

--
-- Name: FUNCTION idempotency_begin(p_method text, p_path text, p_key text, p_body bytea); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.idempotency_begin(p_method text, p_path text, p_key text, p_body bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.idempotency_begin(p_method text, p_path text, p_key text, p_body bytea) TO taskgate_api;

--
-- Name: FUNCTION is_zone(p_zone text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.is_zone(p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_zone(p_zone text) TO taskgate_api;
GRANT ALL ON FUNCTION public.is_zone(p_zone text) TO taskgate_ctl;

--
-- Name: FUNCTION lane_pick(p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.lane_pick(p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lane_pick(p_lane text, p_most integer, p_hosts text[], p_taken integer[], p_host_most integer) TO taskgate_sweep;

--
-- Name: FUNCTION message_again(p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer, p_first_ms integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_again(p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer, p_first_ms integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_again(p_tenant uuid, p_task uuid, p_host text, p_outcome text, p_reason text, p_wait_s integer, p_first_ms integer) TO taskgate_sweep;

--
-- Name: FUNCTION message_becomes(p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_becomes(p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_becomes(p_tenant uuid, p_task uuid, p_status text, p_sid text, p_error text, p_reason text) TO taskgate_sweep;

--
-- Name: FUNCTION message_end(p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_end(p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_end(p_tenant uuid, p_task uuid, p_ok boolean, p_reason text, p_output json) TO taskgate_sweep;

--
-- Name: FUNCTION message_events(p_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_events(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_events(p_id uuid) TO taskgate_api;

--
-- Name: FUNCTION message_log(p_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_log(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_log(p_id uuid) TO taskgate_api;

--
-- Name: FUNCTION message_note(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_note() FROM PUBLIC;

--
-- Name: FUNCTION message_reported(p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text, p_remote text, OUT known boolean, OUT moved boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_reported(p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text, p_remote text, OUT known boolean, OUT moved boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_reported(p_task uuid, p_sid text, p_status text, p_error text, p_params json, p_request text, p_remote text, OUT known boolean, OUT moved boolean) TO taskgate_api;

--
-- Name: FUNCTION message_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], OUT settled boolean, OUT retried boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], OUT settled boolean, OUT retried boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_settle(p_id uuid, p_fence bigint, p_outcome text, p_detail json, p_reason text, p_wait_s integer, p_pauses integer[], OUT settled boolean, OUT retried boolean) TO taskgate_sweep;

--
-- Name: FUNCTION message_state(p_state text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_state(p_state text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_state(p_state text) TO taskgate_api;

--
-- Name: FUNCTION message_waits(p_tenant uuid, p_task uuid, p_ask_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.message_waits(p_tenant uuid, p_task uuid, p_ask_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_waits(p_tenant uuid, p_task uuid, p_ask_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION number_hold(p_number text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.number_hold(p_number text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.number_hold(p_number text) TO taskgate_api;
GRANT ALL ON FUNCTION public.number_hold(p_number text) TO taskgate_ctl;

--
-- Name: FUNCTION number_line(p_tenant uuid, p_number text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.number_line(p_tenant uuid, p_number text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.number_line(p_tenant uuid, p_number text) TO taskgate_api;
GRANT ALL ON FUNCTION public.number_line(p_tenant uuid, p_number text) TO taskgate_sweep;
GRANT ALL ON FUNCTION public.number_line(p_tenant uuid, p_number text) TO taskgate_ctl;

--
-- Name: FUNCTION pace_key(p_task uuid, p_delay_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pace_key(p_task uuid, p_delay_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pace_key(p_task uuid, p_delay_s integer) TO taskgate_api;
GRANT ALL ON FUNCTION public.pace_key(p_task uuid, p_delay_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION pace_room(p_key text, p_limit integer, p_window_s integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pace_room(p_key text, p_limit integer, p_window_s integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pace_room(p_key text, p_limit integer, p_window_s integer) TO taskgate_sweep;

--
-- Name: FUNCTION partition_ensure(p_ahead integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.partition_ensure(p_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_ensure(p_ahead integer) TO taskgate_sweep;

--
-- Name: FUNCTION phone_or_null(p_value text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.phone_or_null(p_value text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.phone_or_null(p_value text) TO taskgate_api;

--
-- Name: FUNCTION random_suffix(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.random_suffix() FROM PUBLIC;
GRANT ALL ON FUNCTION public.random_suffix() TO taskgate_api;
GRANT ALL ON FUNCTION public.random_suffix() TO taskgate_sweep;
GRANT ALL ON FUNCTION public.random_suffix() TO taskgate_ctl;

--
-- Name: FUNCTION rate(p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text, OUT remaining integer, OUT reset_seconds integer, OUT refused boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.rate(p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text, OUT remaining integer, OUT reset_seconds integer, OUT refused boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rate(p_hash bytea, p_name text, p_limit integer, p_seconds integer, p_ticket text, OUT remaining integer, OUT reset_seconds integer, OUT refused boolean) TO taskgate_api;

--
-- Name: FUNCTION refuse(kind text, reason text, message text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.refuse(kind text, reason text, message text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.refuse(kind text, reason text, message text) TO taskgate_api;
GRANT ALL ON FUNCTION public.refuse(kind text, reason text, message text) TO taskgate_sweep;
GRANT ALL ON FUNCTION public.refuse(kind text, reason text, message text) TO taskgate_ctl;

--
-- Name: FUNCTION retry_delay(p_attempt integer, p_first_ms integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.retry_delay(p_attempt integer, p_first_ms integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.retry_delay(p_attempt integer, p_first_ms integer) TO taskgate_api;
GRANT ALL ON FUNCTION public.retry_delay(p_attempt integer, p_first_ms integer) TO taskgate_sweep;
GRANT ALL ON FUNCTION public.retry_delay(p_attempt integer, p_first_ms integer) TO taskgate_ctl;

--
-- Name: FUNCTION sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer, p_callback_url text, p_metadata json); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer, p_callback_url text, p_metadata json) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer, p_callback_url text, p_metadata json) TO taskgate_api;
GRANT ALL ON FUNCTION public.sms_make(p_parent uuid, p_entity text, p_to text, p_from text, p_text text, p_characters integer, p_segments integer, p_priority integer, p_callback_url text, p_metadata json) TO taskgate_sweep;

--
-- Name: FUNCTION sms_segments(p_text text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.sms_segments(p_text text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sms_segments(p_text text) TO taskgate_sweep;

--
-- Name: FUNCTION status_rank(p_status text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.status_rank(p_status text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.status_rank(p_status text) TO taskgate_sweep;

--
-- Name: FUNCTION task_cancel_family(p_task uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_cancel_family(p_task uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_cancel_family(p_task uuid) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_cancel_family(p_task uuid) TO taskgate_ctl;

--
-- Name: FUNCTION task_child_ended(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_child_ended() FROM PUBLIC;

--
-- Name: FUNCTION task_history(p_id uuid, p_since timestamp with time zone); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_history(p_id uuid, p_since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_history(p_id uuid, p_since timestamp with time zone) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_history(p_id uuid, p_since timestamp with time zone) TO taskgate_ctl;

--
-- Name: FUNCTION task_logs(p_id uuid, p_since timestamp with time zone); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_logs(p_id uuid, p_since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_logs(p_id uuid, p_since timestamp with time zone) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_logs(p_id uuid, p_since timestamp with time zone) TO taskgate_ctl;

--
-- Name: FUNCTION task_move(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_move() FROM PUBLIC;

--
-- Name: FUNCTION task_named(p_name text, p_api text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_named(p_name text, p_api text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_named(p_name text, p_api text) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_named(p_name text, p_api text) TO taskgate_ctl;

--
-- Name: FUNCTION task_of_kind(p_name text, p_kind text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_of_kind(p_name text, p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_of_kind(p_name text, p_kind text) TO taskgate_api;

--
-- Name: FUNCTION task_state_now(p_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_state_now(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_state_now(p_id uuid) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_state_now(p_id uuid) TO taskgate_ctl;

--
-- Name: FUNCTION task_work(p_task uuid, p_kind text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_work(p_task uuid, p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_work(p_task uuid, p_kind text) TO taskgate_ctl;
GRANT ALL ON FUNCTION public.task_work(p_task uuid, p_kind text) TO taskgate_api;

--
-- Name: FUNCTION template_render(p_text text, p_data jsonb, p_html boolean); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.template_render(p_text text, p_data jsonb, p_html boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.template_render(p_text text, p_data jsonb, p_html boolean) TO taskgate_api;
GRANT ALL ON FUNCTION public.template_render(p_text text, p_data jsonb, p_html boolean) TO taskgate_sweep;

--
-- Name: FUNCTION tenant_furnish(p_tenant uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tenant_furnish(p_tenant uuid) FROM PUBLIC;

--
-- Name: FUNCTION tenant_made(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tenant_made() FROM PUBLIC;

--
-- Name: FUNCTION tg_may(scope text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tg_may(scope text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tg_may(scope text) TO taskgate_api;

--
-- Name: FUNCTION tg_principal(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tg_principal() FROM PUBLIC;
GRANT ALL ON FUNCTION public.tg_principal() TO taskgate_api;
GRANT ALL ON FUNCTION public.tg_principal() TO taskgate_sweep;
GRANT ALL ON FUNCTION public.tg_principal() TO taskgate_ctl;

--
-- Name: FUNCTION tg_tenant(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.tg_tenant() FROM PUBLIC;
GRANT ALL ON FUNCTION public.tg_tenant() TO taskgate_api;
GRANT ALL ON FUNCTION public.tg_tenant() TO taskgate_sweep;
GRANT ALL ON FUNCTION public.tg_tenant() TO taskgate_ctl;

--
-- Name: FUNCTION twilio_status(p_word text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.twilio_status(p_word text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.twilio_status(p_word text) TO taskgate_sweep;

--
-- Name: FUNCTION type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text) TO taskgate_api;
GRANT ALL ON FUNCTION public.type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text) TO taskgate_ctl;

--
-- Name: FUNCTION type_moved(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.type_moved() FROM PUBLIC;

--
-- Name: FUNCTION url_host(url text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.url_host(url text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.url_host(url text) TO taskgate_api;
GRANT ALL ON FUNCTION public.url_host(url text) TO taskgate_sweep;
GRANT ALL ON FUNCTION public.url_host(url text) TO taskgate_ctl;

--
-- Name: FUNCTION voicemail_notify(p_most integer, OUT notified integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.voicemail_notify(p_most integer, OUT notified integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.voicemail_notify(p_most integer, OUT notified integer) TO taskgate_sweep;

--
-- Name: FUNCTION voicemail_tell(p_tenant uuid, p_task uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.voicemail_tell(p_tenant uuid, p_task uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.voicemail_tell(p_tenant uuid, p_task uuid) TO taskgate_sweep;

--
-- Name: FUNCTION wall_time(p_wall timestamp without time zone, p_zone text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.wall_time(p_wall timestamp without time zone, p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.wall_time(p_wall timestamp without time zone, p_zone text) TO taskgate_api;

--
-- Name: FUNCTION work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamp with time zone, p_priority integer, p_fence bigint); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamp with time zone, p_priority integer, p_fence bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamp with time zone, p_priority integer, p_fence bigint) TO taskgate_api;
GRANT ALL ON FUNCTION public.work_make(p_tenant uuid, p_task uuid, p_lane text, p_host text, p_run_at timestamp with time zone, p_priority integer, p_fence bigint) TO taskgate_sweep;

--
-- Name: TABLE agent; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.agent TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent TO taskgate_ctl;

--
-- Name: TABLE audit; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit TO taskgate_ctl;

--
-- Name: SEQUENCE audit_id_seq; Type: ACL; Schema: public; Owner: -
--

GRANT USAGE ON SEQUENCE public.audit_id_seq TO taskgate_api;
GRANT USAGE ON SEQUENCE public.audit_id_seq TO taskgate_sweep;
GRANT USAGE ON SEQUENCE public.audit_id_seq TO taskgate_ctl;

--
-- Name: TABLE campaign; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.campaign TO taskgate_api;
GRANT SELECT,DELETE,UPDATE ON TABLE public.campaign TO taskgate_sweep;
GRANT SELECT ON TABLE public.campaign TO taskgate_ctl;

--
-- Name: TABLE cluster_mark; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.cluster_mark TO taskgate_sweep;
GRANT SELECT ON TABLE public.cluster_mark TO taskgate_ctl;

--
-- Name: TABLE customer; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.customer TO taskgate_api;
GRANT SELECT,INSERT,UPDATE ON TABLE public.customer TO taskgate_ctl;

--
-- Name: TABLE delivery; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.delivery TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delivery TO taskgate_sweep;
GRANT SELECT,UPDATE ON TABLE public.delivery TO taskgate_ctl;

--
-- Name: TABLE disposition_code; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.disposition_code TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.disposition_code TO taskgate_ctl;

--
-- Name: TABLE do_not_call; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.do_not_call TO taskgate_api;
GRANT SELECT ON TABLE public.do_not_call TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.do_not_call TO taskgate_ctl;

--
-- Name: TABLE email_template; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.email_template TO taskgate_api;
GRANT SELECT ON TABLE public.email_template TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.email_template TO taskgate_ctl;

--
-- Name: TABLE entity; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.entity TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entity TO taskgate_ctl;

--
-- Name: TABLE host_state; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.host_state TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.host_state TO taskgate_sweep;
GRANT SELECT ON TABLE public.host_state TO taskgate_ctl;

--
-- Name: TABLE idempotency; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.idempotency TO taskgate_api;
GRANT SELECT,DELETE ON TABLE public.idempotency TO taskgate_sweep;
GRANT SELECT ON TABLE public.idempotency TO taskgate_ctl;

--
-- Name: TABLE lane; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.lane TO taskgate_api;
GRANT SELECT,INSERT,UPDATE ON TABLE public.lane TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.lane TO taskgate_ctl;

--
-- Name: TABLE work; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_ctl;

--
-- Name: TABLE ledger_fault; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.ledger_fault TO taskgate_ctl;

--
-- Name: TABLE message; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.message TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.message TO taskgate_ctl;

--
-- Name: TABLE message_event; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.message_event TO taskgate_api;
GRANT SELECT,DELETE ON TABLE public.message_event TO taskgate_sweep;
GRANT SELECT ON TABLE public.message_event TO taskgate_ctl;

--
-- Name: TABLE message_file; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.message_file TO taskgate_api;
GRANT SELECT,INSERT,DELETE ON TABLE public.message_file TO taskgate_sweep;
GRANT SELECT ON TABLE public.message_file TO taskgate_ctl;

--
-- Name: TABLE migration; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.migration TO taskgate_api;
GRANT SELECT ON TABLE public.migration TO taskgate_sweep;
GRANT SELECT ON TABLE public.migration TO taskgate_ctl;

--
-- Name: TABLE number_zone; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.number_zone TO taskgate_sweep;
GRANT SELECT ON TABLE public.number_zone TO taskgate_ctl;

--
-- Name: TABLE pace; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pace TO taskgate_sweep;
GRANT SELECT ON TABLE public.pace TO taskgate_ctl;

--
-- Name: COLUMN pace.key; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(key) ON TABLE public.pace TO taskgate_api;

--
-- Name: TABLE persona; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.persona TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.persona TO taskgate_ctl;

--
-- Name: TABLE principal; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.principal TO taskgate_api;
GRANT SELECT ON TABLE public.principal TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.principal TO taskgate_ctl;

--
-- Name: TABLE rate_window; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,DELETE ON TABLE public.rate_window TO taskgate_sweep;
GRANT SELECT ON TABLE public.rate_window TO taskgate_ctl;

--
-- Name: TABLE recipient; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.recipient TO taskgate_api;
GRANT SELECT ON TABLE public.recipient TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.recipient TO taskgate_ctl;

--
-- Name: TABLE state_edge; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.state_edge TO taskgate_api;
GRANT SELECT ON TABLE public.state_edge TO taskgate_sweep;
GRANT SELECT ON TABLE public.state_edge TO taskgate_ctl;

--
-- Name: TABLE sweeper; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.sweeper TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sweeper TO taskgate_sweep;
GRANT SELECT ON TABLE public.sweeper TO taskgate_ctl;

--
-- Name: TABLE task_body; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.task_body TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_body TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.task_body TO taskgate_ctl;

--
-- Name: TABLE task_event; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.task_event TO taskgate_api;
GRANT SELECT ON TABLE public.task_event TO taskgate_sweep;
GRANT SELECT ON TABLE public.task_event TO taskgate_ctl;

--
-- Name: TABLE task_event_default; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.task_event_default TO taskgate_ctl;

--
-- Name: TABLE task_log; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.task_log TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_log TO taskgate_sweep;
GRANT SELECT ON TABLE public.task_log TO taskgate_ctl;

--
-- Name: TABLE task_log_default; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.task_log_default TO taskgate_ctl;

--
-- Name: SEQUENCE task_log_id; Type: ACL; Schema: public; Owner: -
--

GRANT USAGE ON SEQUENCE public.task_log_id TO taskgate_api;
GRANT USAGE ON SEQUENCE public.task_log_id TO taskgate_sweep;
GRANT USAGE ON SEQUENCE public.task_log_id TO taskgate_ctl;

--
-- Name: SEQUENCE task_seq_seq; Type: ACL; Schema: public; Owner: -
--

GRANT USAGE ON SEQUENCE public.task_seq_seq TO taskgate_api;
GRANT USAGE ON SEQUENCE public.task_seq_seq TO taskgate_sweep;
GRANT USAGE ON SEQUENCE public.task_seq_seq TO taskgate_ctl;

--
-- Name: TABLE task_tag; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.task_tag TO taskgate_api;
GRANT SELECT,DELETE ON TABLE public.task_tag TO taskgate_sweep;
GRANT SELECT ON TABLE public.task_tag TO taskgate_ctl;

--
-- Name: TABLE task_type; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.task_type TO taskgate_api;
GRANT SELECT ON TABLE public.task_type TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.task_type TO taskgate_ctl;

--
-- Name: COLUMN task_type.tenant_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(tenant_id) ON TABLE public.task_type TO taskgate_api;

--
-- Name: COLUMN task_type.name; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(name) ON TABLE public.task_type TO taskgate_api;

--
-- Name: TABLE tenant; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.tenant TO taskgate_api;
GRANT SELECT ON TABLE public.tenant TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tenant TO taskgate_ctl;

--
-- Name: SEQUENCE tenant_number_seq; Type: ACL; Schema: public; Owner: -
--

GRANT USAGE ON SEQUENCE public.tenant_number_seq TO taskgate_api;
GRANT USAGE ON SEQUENCE public.tenant_number_seq TO taskgate_sweep;
GRANT USAGE ON SEQUENCE public.tenant_number_seq TO taskgate_ctl;

--
-- Name: TABLE token; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,DELETE ON TABLE public.token TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.token TO taskgate_ctl;

--
-- Name: TABLE twilio_event; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,DELETE,UPDATE ON TABLE public.twilio_event TO taskgate_sweep;
GRANT SELECT ON TABLE public.twilio_event TO taskgate_ctl;

--
-- Name: TABLE type_poll; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.type_poll TO taskgate_api;
GRANT SELECT,DELETE ON TABLE public.type_poll TO taskgate_sweep;
GRANT SELECT ON TABLE public.type_poll TO taskgate_ctl;

--
-- Name: TABLE webhook_key; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.webhook_key TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.webhook_key TO taskgate_ctl;

--
-- PostgreSQL database dump complete
--

