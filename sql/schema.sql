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
-- Name: delivery_state; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.delivery_state AS text
	CONSTRAINT delivery_state CHECK ((VALUE = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])));

--
-- Name: log_level; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.log_level AS text
	CONSTRAINT task_log_level CHECK ((VALUE = ANY (ARRAY['debug'::text, 'info'::text, 'warning'::text, 'error'::text])));

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
-- Name: event_hash(bytea, uuid, integer, timestamp with time zone, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
	select sha256(coalesce(p_prev, '\x') || uuid_send(p_task) || int4send(p_seq) || timestamptz_send(p_at) || convert_to(p_parts::text, 'UTF8'))
$$;

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
declare was text := '-'; prev bytea; outbox uuid;
begin
	if tg_op = 'UPDATE' then
		was := old.state;
		prev := old.event_hash;
		if new.machine <> old.machine then
			raise exception using errcode = 'TG409', constraint = 'machine_change', message = 'a task never changes its machine';
		end if;
		new.event_seq := old.event_seq;
		new.version := old.version;
	end if;
	new.event_seq := new.event_seq + 1;
	new.version := new.version + 1;
	new.updated_at := now();
	new.finished_at := case when new.state in ('completed', 'failed', 'cancelled', 'expired') then now() end;
	new.event_hash := public.event_hash(prev, new.id, new.event_seq, now(), new.machine, was, new.event, new.state,
		public.tg_principal()::text, nullif(current_setting('tg.on_behalf', true), ''), current_setting('tg.remote', true),
		current_setting('tg.request', true), new.reason, nullif(current_setting('tg.event_data', true), ''));
	insert into public.task_event (tenant_id, task_id, seq, at, machine, from_state, event, to_state, principal_id, on_behalf, remote,
			request_id, reason, data, prev_hash, hash)
		select new.tenant_id, new.id, new.event_seq, now(), new.machine, was, new.event, new.state, public.tg_principal(),
			nullif(current_setting('tg.on_behalf', true), ''), current_setting('tg.remote', true), current_setting('tg.request', true), new.reason,
			nullif(current_setting('tg.event_data', true), '')::json, prev, new.event_hash
		from public.state_edge e where e.machine = new.machine and e.from_state = was and e.event = new.event and e.to_state = new.state;
	if not found then
		raise exception using errcode = 'TG409', constraint = 'state_edge',
			message = format('a %s task that is %s cannot %s to %s', new.machine, was, new.event, new.state);
	end if;
	if new.callback_url is not null and new.finished_at is not null then
		outbox := public.uuid7();
		insert into public.delivery (tenant_id, id, task_id, seq, event, url)
			values (new.tenant_id, outbox, new.id, new.event_seq, 'task.' || new.state, new.callback_url);
		insert into public.work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
			values (outbox, new.tenant_id, new.id, now(), new.priority, true, 'webhook', public.url_host(new.callback_url));
	end if;
	return new;
end $$;

--
-- Name: task_named(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.task_named(p_name text, p_machine text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.api = 'disposition'
			and t.deleted_at is null and t.purged_at is null order by t.seq desc limit 1),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and (p_machine is null or t.machine = p_machine)
			and t.deleted_at is null and t.purged_at is null));
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
-- Name: type_admit(text, boolean, json); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.type_admit(p_type text, p_closed boolean, p_payload json, OUT lane text, OUT host text) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
declare t record; missing text;
begin
	select tt.handler_url, tt.required into t from task_type tt where tt.tenant_id = tg_tenant() and tt.name = p_type;
	if not found then
		if p_closed then
			perform refuse('TG400', 'type_unknown', format('the task type %s is not registered', p_type));
		end if;
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
-- Name: uuid7(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.uuid7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$
	select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
		substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

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
    CONSTRAINT delivery_finished CHECK (((finished_at IS NOT NULL) = ((state)::text <> 'pending'::text)))
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
-- Name: migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.migration (
    number integer NOT NULL,
    name text NOT NULL,
    breaking boolean DEFAULT false NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

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
    event_hash bytea,
    CONSTRAINT task_finished CHECK (((finished_at IS NOT NULL) = ((state)::text = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))),
    CONSTRAINT task_started CHECK ((((state)::text <> 'processing'::text) OR (started_at IS NOT NULL)))
)
WITH (fillfactor='50');

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
    CONSTRAINT tenant_keep_days CHECK ((keep_days >= 0)),
    CONSTRAINT tenant_name_length CHECK (((length(name) >= 1) AND (length(name) <= 128)))
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
    unsent_since timestamp with time zone,
    CONSTRAINT work_lease CHECK ((((lease_until IS NULL) = (deadline IS NULL)) AND ((lease_until IS NULL) OR (lease_until <= deadline)))),
    CONSTRAINT work_ready CHECK (((lease_until IS NULL) OR ready))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

--
-- Name: task_event_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_event ATTACH PARTITION public.task_event_default DEFAULT;

--
-- Name: task_log_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.task_log ATTACH PARTITION public.task_log_default DEFAULT;

--
-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

--
-- Name: cluster_mark cluster_mark_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cluster_mark
    ADD CONSTRAINT cluster_mark_pkey PRIMARY KEY (single);

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
-- Name: migration migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

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
-- Name: sweeper_beat; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sweeper_beat ON public.sweeper USING btree (beat_at);

--
-- Name: task_body_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX task_body_subject ON public.task_body USING btree (tenant_id, subject_id) WHERE (subject_id IS NOT NULL);

--
-- Name: task_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX task_newest ON public.task USING btree (tenant_id, seq DESC);

--
-- Name: token_by_principal; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX token_by_principal ON public.token USING btree (tenant_id, principal_id);

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
-- Name: task task_create; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER task_create BEFORE INSERT ON public.task FOR EACH ROW EXECUTE FUNCTION public.task_move();

--
-- Name: task task_move; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER task_move BEFORE UPDATE OF state, machine, event_seq, event_hash ON public.task FOR EACH ROW EXECUTE FUNCTION public.task_move();

--
-- Name: task_type type_moved; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER type_moved AFTER INSERT OR DELETE OR UPDATE OF handler_url ON public.task_type FOR EACH ROW EXECUTE FUNCTION public.type_moved();

--
-- Name: customer customer_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

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
-- Name: audit; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

--
-- Name: customer; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.customer ENABLE ROW LEVEL SECURITY;

--
-- Name: delivery; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.delivery ENABLE ROW LEVEL SECURITY;

--
-- Name: audit everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.audit TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: customer everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.customer TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: delivery everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.delivery TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: idempotency everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.idempotency TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: persona everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.persona TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

--
-- Name: principal everyone; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everyone ON public.principal TO taskgate_sweep, taskgate_ctl USING (true) WITH CHECK (true);

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
-- Name: audit tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: customer tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.customer TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: delivery tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.delivery TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: idempotency tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.idempotency TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: persona tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.persona TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

--
-- Name: principal tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.principal TO taskgate_api USING ((tenant_id = public.tg_tenant())) WITH CHECK ((tenant_id = public.tg_tenant()));

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
-- Name: FUNCTION enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.enter(p_hash bytea, p_scope text, p_request text, p_remote text, p_ticket text) TO taskgate_api;

--
-- Name: FUNCTION event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamp with time zone, VARIADIC p_parts text[]) TO taskgate_ctl;

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
-- Name: FUNCTION partition_ensure(p_ahead integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.partition_ensure(p_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_ensure(p_ahead integer) TO taskgate_sweep;

--
-- Name: FUNCTION random_suffix(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.random_suffix() FROM PUBLIC;
GRANT ALL ON FUNCTION public.random_suffix() TO taskgate_api;
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
-- Name: FUNCTION task_named(p_name text, p_machine text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_named(p_name text, p_machine text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_named(p_name text, p_machine text) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_named(p_name text, p_machine text) TO taskgate_ctl;

--
-- Name: FUNCTION task_state_now(p_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.task_state_now(p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.task_state_now(p_id uuid) TO taskgate_api;
GRANT ALL ON FUNCTION public.task_state_now(p_id uuid) TO taskgate_ctl;

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
-- Name: FUNCTION uuid7(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.uuid7() FROM PUBLIC;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_api;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_sweep;
GRANT ALL ON FUNCTION public.uuid7() TO taskgate_ctl;

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
-- Name: TABLE migration; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.migration TO taskgate_api;
GRANT SELECT ON TABLE public.migration TO taskgate_sweep;
GRANT SELECT ON TABLE public.migration TO taskgate_ctl;

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
-- Name: TABLE task; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_api;
GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_sweep;
GRANT SELECT,INSERT,UPDATE ON TABLE public.task TO taskgate_ctl;

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
-- Name: TABLE work; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_sweep;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.work TO taskgate_ctl;

--
-- PostgreSQL database dump complete
--

