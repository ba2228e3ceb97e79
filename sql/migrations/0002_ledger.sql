-- The ledger: tasks of all APIs, their bodies, tags, history and logs; machines and their edges;
-- what is due.

-- The moves that a task of a machine may make. Its rows are those of sql/states.sql.
create table state_edge (
	machine text not null,
	from_state text not null,                        -- '-' for creation
	event text not null,
	to_state text not null,
	why text not null,  -- what a history shows where the event brings no text of its own
	primary key (machine, from_state, event, to_state)
);

-- What a column may hold is said by domains: PostgreSQL keeps a domain's checks for the session,
-- while a table's are read and prepared anew by every statement (eleven of them took a third of a
-- create).
create domain task_state as text
	constraint task_state
		check (value in (
			'pending', 'queued', 'processing', 'completed', 'failed', 'cancelled',
			'expired'));
create domain task_priority as smallint constraint task_priority check (value between 1 and 10);
create domain task_timeout as integer constraint task_timeout check (value between 1 and 86400);
create domain task_retry_count as smallint
	constraint task_retry_count check (value between 0 and 20);
create domain task_attempts as integer constraint task_attempts check (value >= 0);
create domain task_progress as smallint constraint task_progress check (value between 0 and 100);
create domain task_public_id as text
	constraint task_public_id check (length(value) between 1 and 128);
create domain task_entity as text
	constraint task_entity
		check (length(value) between 1 and 128 and value !~ '[^A-Za-z0-9._:-]');
create domain task_tag_text as text
	constraint task_tag_length check (length(value) between 1 and 100);
create domain log_level as text
	constraint task_log_level check (value in ('debug', 'info', 'warning', 'error'));
create domain delivery_state as text
	constraint delivery_state check (value in ('pending', 'delivered', 'dead'));
-- Checks over several columns are no table's: PostgreSQL reads and prepares them anew in every
-- statement, a fifth of a queued call's instructions. A task's are those of its trigger, and
-- ledger_fault (sql/functions/audit.sql) tells what breaks the others.

-- Wide columns last. No column that changes with the state is in an index, so that a state change
-- is a heap-only update (with half-empty pages 264 microseconds a task instead of 282).
create table task (
	-- vouched for by enter(); a foreign key here took a twentieth of a create
	tenant_id uuid not null,
	id uuid not null default uuid7(),
	parent_id uuid,
	created_by uuid,                                 -- principal
	seq bigint generated always as identity,         -- the order of creation
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	due_at timestamptz,                              -- a person's deadline
	scheduled_at timestamptz,                        -- not before
	started_at timestamptz,                          -- of the last attempt
	finished_at timestamptz,
	deleted_at timestamptz,  -- soft: gone for every API, kept for the history
	purged_at timestamptz,  -- tombstone: body gone, entity and history stay
	version integer not null default 0,
	event_seq integer not null default 0,
	timeout_s task_timeout not null default 300,
	attempts task_attempts not null default 0,       -- claims since created or revived
	retry_count task_retry_count not null default 0,
	priority task_priority not null default 5,
	progress task_progress,
	legal_hold boolean not null default false,
	api text not null,
	kind text not null,
	machine text not null,
	state task_state not null,
	event text not null,                             -- the last edge taken
	reason text,                                     -- and why, where somebody said
	public_id task_public_id not null,
	entity task_entity,
	title text,
	type text,
	action text,
	target_id text,
	callback_url text,
	progress_message text,
	tags text[],  -- as sent, for showing; task_tag has them for finding
	event_hash bytea,
	primary key (tenant_id, id),
	constraint task_id_taken unique (tenant_id, public_id),
	constraint task_entity_taken unique (tenant_id, entity, kind)  -- for ever, finished or not
) with (fillfactor = 50);                            -- for the claim and the end
create unique index task_newest on task (tenant_id, seq desc);
create index task_children on task (tenant_id, parent_id) where parent_id is not null;
-- A voicemail of that id has one task, under whatever entity (DUPLICATE_TASK).
create unique index voicemail_taken on task (tenant_id, target_id) where kind = 'voicemail';

-- Large and personal data, apart from the row that changes often.
create table task_body (
	tenant_id uuid not null,
	task_id uuid not null,
	subject_id text,  -- the person whom it is about, for export and erasure
	input json,  -- json, not jsonb: it comes back as it was sent, in its order
	output json,
	detail json,                                     -- small members of one kind
	notes text,
	primary key (tenant_id, task_id)
);
create index task_body_subject on task_body (tenant_id, subject_id) where subject_id is not null;

-- Under row-level security only leakproof operators use an index: `tags @> ...` took 53 ms instead
-- of 0.5, so tags are rows.
create table task_tag (
	tenant_id uuid not null,
	tag task_tag_text not null,
	seq bigint not null,                             -- of the task
	primary key (tenant_id, tag, seq)
);

-- Append-only: nobody holds UPDATE, DELETE or TRUNCATE. One gapless seq and one SHA-256 chain a
-- task.
create table task_event (
	tenant_id uuid not null,
	task_id uuid not null,
	seq integer not null,
	at timestamptz not null,
	machine text not null,
	from_state text not null,
	event text not null,
	to_state text not null,
	principal_id uuid,
	on_behalf text,                                  -- claimed in a body, not proved
	remote text,
	request_id text,
	reason text,
	data json,
	prev_hash bytea,
	hash bytea not null,
	primary key (tenant_id, task_id, seq, at)
) partition by range (at);

create table task_log (
	tenant_id uuid not null,
	task_id uuid not null,
	id bigint not null,
	at timestamptz not null default clock_timestamp(),
	level log_level not null,
	message text not null,
	primary key (tenant_id, task_id, id, at)
) partition by range (at);
create sequence task_log_id;
create table task_event_default partition of task_event default;
create table task_log_default partition of task_log default;

-- When something leaves: one row a delivery; the id is the webhook-id and stays the same over all
-- retries.
create table delivery (
	tenant_id uuid not null,
	id uuid not null default uuid7(),
	task_id uuid not null,
	seq integer not null,                            -- of the event that it tells of
	event text not null,                             -- "task.completed"
	state delivery_state not null default 'pending',
	attempts integer not null default 0,
	last_status integer,
	last_error text,
	url text not null,
	created_at timestamptz not null default now(),
	finished_at timestamptz,
	form text,  -- sent instead of the event's JSON: a client's own status callback
	primary key (tenant_id, id)
);
create index delivery_by_task on delivery (tenant_id, task_id);
create index delivery_dead on delivery (tenant_id, finished_at) where state = 'dead';
create index delivery_finished_at on delivery (finished_at) where finished_at is not null;

-- What is runnable or will be: small, hot, deleted when done; the only table that anybody claims
-- from. id is the task's own id for its execution, and the delivery's for a delivery. Lock order
-- everywhere: work, then task.
create table work (
	id uuid primary key,
	tenant_id uuid not null,
	task_id uuid not null,
	run_at timestamptz not null,
	lease_until timestamptz,
	deadline timestamptz,  -- of the running attempt; no lease goes beyond it
	fence bigint not null default 0,                 -- one more with every claim
	attempt integer not null default 0,
	priority task_priority not null,
	ready boolean not null,                          -- due; the promote step sets it
	lane text not null,
	type text,
	host text,  -- where a transfer goes; null where nothing leaves
	pace_key text,
	claimed_by text,
	last_error text,
	-- due since then, and every claim since was given back unsent; the time-to-live counts here
	unsent_since timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Claims go tenant by tenant and host by host (a loose scan over both), so that 1,000 tasks of one
-- tenant do not starve 1 of another, and the long line of a host that rests costs nothing; there by
-- priority, then age. `ready` keeps what is due tomorrow out: a claim of 20 with 500,000 such rows
-- took 0.04 ms, without it 39 ms.
create index work_claim on work (lane, tenant_id, host, priority desc, run_at, id)
	where ready and lease_until is null and lane <> 'pull';
create index work_pull on work (tenant_id, type, priority desc, run_at, id)
	where ready and lease_until is null and lane = 'pull';
create index work_due on work (run_at) where not ready;
create index work_leased on work (lease_until) where lease_until is not null;
-- execution has the task's own id
create index work_by_task on work (tenant_id, task_id) where lane = 'webhook';

call guard_by_tenant('task', 'task_body', 'task_tag', 'task_event', 'task_log', 'delivery', 'work');
