-- What keeps the house: lanes, sweepers, hosts that failed, stored answers, the mark of this database cluster.

create table lane (
	name text primary key,
	paused_at timestamptz,
	paused_by text,
	reason text,
	ran_at timestamptz,                              -- of a lane that runs by the clock (purge)
	stop_on_restore boolean not null default false   -- an old backup dials nobody
);
insert into lane (name, stop_on_restore) values ('expire', false), ('handler', false), ('pull', false), ('webhook', false), ('purge', false),
	('call', true), ('sms', true), ('mail', true), ('content', false);

create table sweeper (
	host text not null,
	pid integer not null,
	started_at timestamptz not null default now(),
	beat_at timestamptz not null default now(),
	left_at timestamptz,
	done bigint not null default 0,                  -- work settled
	lingers boolean not null default true,           -- takes over from an older one of its host
	primary key (host, pid, started_at)
);
create index sweeper_beat on sweeper (beat_at);

-- A host and port that failed five times running rests for a pause that grows from 1 s to 60 s.
create table host_state (
	host text primary key,
	failures integer not null default 0,             -- running
	pause_s integer not null default 0,
	parked_until timestamptz,
	last_error text,
	updated_at timestamptz not null default now()
);

-- Another system identifier or timeline than the stored one means a restored backup or a failover.
create table cluster_mark (
	single boolean primary key default true constraint cluster_mark_single check (single),
	system_identifier text not null,
	timeline integer not null,
	seen_at timestamptz not null default now()
);

-- Answers of unsafe requests that came with a key (draft-ietf-httpapi-idempotency-key-header), kept for 24 h.
create table idempotency (
	tenant_id uuid not null,
	principal_id uuid not null,
	key_hash bytea not null,                         -- SHA-256 of method, path and key
	body_hash bytea not null,
	method text not null,
	path text not null,
	status smallint,
	headers text,
	body text,
	created_at timestamptz not null default now(),
	primary key (tenant_id, principal_id, key_hash)
);
create index idempotency_age on idempotency (created_at);
call guard_by_tenant('idempotency');

-- First statement behind enter() of a request with a key. Raises: TG409 where the same key is being worked on at this moment, TG422 where it was
-- used with another body, TGRPL where the answer is stored (the caller then rolls back and fetches it).
create function idempotency_begin(p_method text, p_path text, p_key text, p_body bytea) returns void language plpgsql as $$
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

-- Who asked for work of which type, and when; written at most every ten seconds a type. It answers "is there a worker for this?".
create table type_poll (
	tenant_id uuid not null,
	type text not null,
	polled_at timestamptz not null default now(),
	worker text,
	primary key (tenant_id, type)
) with (fillfactor = 50);
call guard_by_tenant('type_poll');

-- The backlog of all tenants, in figures only; the API's role sees no other tenant's rows, hence a definer's function.
create function backlog_by_lane() returns table (lane text, waiting bigint, scheduled bigint, leased bigint, oldest integer)
language sql stable security definer as $$
	select w.lane, count(*) filter (where w.lease_until is null and w.run_at <= now()), count(*) filter (where w.lease_until is null and w.run_at > now()),
		count(*) filter (where w.lease_until is not null), greatest(extract(epoch from now() - min(w.run_at) filter (where w.lease_until is null and w.run_at <= now()))::integer, 0)
	from public.work w group by w.lane
$$;
