-- Who may do what: tenants, people, tokens, keys, customers. Every table with tenant data has
-- tenant_id first in its key.

create table tenant (
	id uuid primary key default uuid7(),
	number bigint generated always as identity,      -- the lowest is the first tenant
	name text not null constraint tenant_name_taken unique
		constraint tenant_name_length check (length(name) between 1 and 128),
	-- finished tasks; 0 = for ever
	keep_days integer not null default 0 constraint tenant_keep_days check (keep_days >= 0),
	created_at timestamptz not null default now(),
	-- quiet hours (null: none), in the zone of the called number where that is certain, else in
	-- the tenant's own
	quiet_from time,
	quiet_until time,
	time_zone text,
	constraint tenant_quiet check ((quiet_from is null) = (quiet_until is null))
);

create table principal (
	tenant_id uuid not null references tenant,
	id uuid not null default uuid7(),
	handle text not null
		constraint principal_handle check (handle ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$'),
	name text not null default '',
	email text,
	phone text,
	avatar_url text,
	role text not null default 'user'
		constraint principal_role check (role in ('user', 'manager', 'service')),
	created_at timestamptz not null default now(),
	primary key (tenant_id, id),
	constraint principal_handle_taken unique (tenant_id, handle)
);

create table token (
	-- SHA-256; the token itself is nowhere
	hash bytea primary key constraint token_hash_size check (octet_length(hash) = 32),
	id uuid not null default uuid7() constraint token_id_taken unique,
	tenant_id uuid not null,
	principal_id uuid not null,
	scopes text[] not null constraint token_scopes check (cardinality(scopes) > 0),
	created_at timestamptz not null default now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	foreign key (tenant_id, principal_id) references principal
);
create index token_by_principal on token (tenant_id, principal_id);

-- Signing keys of what leaves; two live ones sign twice, so that receivers can change over.
create table webhook_key (
	tenant_id uuid not null references tenant,
	id uuid not null default uuid7(),
	-- Standard Webhooks 1.0.0
	secret bytea not null
		constraint webhook_key_size check (octet_length(secret) between 24 and 64),
	active_from timestamptz not null default now(),
	retire_at timestamptz,
	primary key (tenant_id, id)
);

create table customer (
	tenant_id uuid not null references tenant,
	id uuid not null default gen_random_uuid(),
	name text not null constraint customer_name_length check (length(name) between 1 and 255),
	created_at timestamptz not null default now(),
	primary key (tenant_id, id)
);

-- A user as a customer knows him.
create table persona (
	tenant_id uuid not null,
	customer_id uuid not null,
	principal_id uuid not null,
	created_at timestamptz not null default now(),
	primary key (tenant_id, customer_id, principal_id),
	foreign key (tenant_id, customer_id) references customer,
	foreign key (tenant_id, principal_id) references principal
);

-- Task types that are known. One with a handler URL is pushed to it and never given out by
-- /work/claim.
create table task_type (
	tenant_id uuid not null references tenant,
	name text not null
		constraint task_type_name check (name ~ '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$'),
	handler_url text constraint task_type_handler check (handler_url ~ '^https?://'),
	required text[] not null default '{}',  -- payload members that must be there, from --schema
	created_at timestamptz not null default now(),
	primary key (tenant_id, name)
);

-- Refusals, token and directory changes, and what taskgatectl did. Nobody may change or delete it.
create table audit (
	id bigint generated always as identity primary key,
	at timestamptz not null default clock_timestamp(),
	tenant_id uuid,
	principal_id uuid,
	action text not null,
	what text,
	remote text,
	request_id text,
	detail json
);
create index audit_by_principal on audit (principal_id, at);
create index audit_by_tenant on audit (tenant_id, id);

-- Sliding windows of the limited routes: microseconds since 1970 of the grants that still count.
-- Losing them in a crash is harmless.
create unlogged table rate_window (
	token_hash bytea not null,
	name text not null,
	grants bigint[] not null,
	primary key (token_hash, name)
) with (fillfactor = 50);

call guard_by_tenant(
	'principal', 'token', 'webhook_key', 'customer', 'persona', 'task_type', 'audit');
alter table tenant enable row level security;
create policy own on tenant to taskgate_api using (id = tg_tenant());
create policy everyone on tenant to taskgate_sweep, taskgate_ctl using (true) with check (true);
