-- What keeps the house: lanes, sweepers, hosts that failed, stored answers, the mark of this
-- database cluster.

create table lane (
	name text primary key,
	paused_at timestamptz,
	paused_by text,
	reason text,
	ran_at timestamptz,                              -- of a lane that runs by the clock (purge)
	stop_on_restore boolean not null default false   -- an old backup dials nobody
);
insert into lane (name, stop_on_restore) values
	('expire', false), ('handler', false), ('pull', false), ('webhook', false),
	('purge', false),
	('call', true), ('sms', true), ('mail', true), ('content', false),
	('notify', false),                               -- voicemails
	('follow', false);                               -- goes on where dialling is paused

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

-- Answers of unsafe requests that came with a key (draft-ietf-httpapi-idempotency-key-header), kept
-- for 24 h.
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

-- Who asked for work of which type, and when; written at most every ten seconds a type. It answers
-- "is there a worker for this?".
create table type_poll (
	tenant_id uuid not null,
	type text not null,
	polled_at timestamptz not null default now(),
	worker text,
	primary key (tenant_id, type)
) with (fillfactor = 50);

call guard_by_tenant('idempotency', 'type_poll');
