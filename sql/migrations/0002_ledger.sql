-- The ledger: tasks of all APIs, their bodies, tags, history and logs; machines and their edges; the one trigger through which every
-- state change goes.

-- The moves that a task of a machine may make. The same rows stand in src/core/state.c; a test compares them.
create table state_edge (
	machine text not null,
	from_state text not null,                        -- '-' for creation
	event text not null,
	to_state text not null,
	why text not null,                               -- what a history shows where the event brings no text of its own
	primary key (machine, from_state, event, to_state)
);
insert into state_edge values
	('disposition', '-',          'create',   'pending',    'Task created'),
	('disposition', 'pending',    'claim',    'processing', 'Task started'),
	('disposition', 'queued',     'claim',    'processing', 'Task started'),
	('disposition', 'pending',    'queue',    'queued',     'Task queued'),
	('disposition', 'processing', 'complete', 'completed',  'Task completed successfully'),
	('disposition', 'processing', 'fail',     'failed',     'Task failed'),
	('disposition', 'processing', 'retry',    'pending',    'Attempt failed, will be retried'),
	('disposition', 'processing', 'release',  'pending',    'Attempt given back'),
	('disposition', 'pending',    'cancel',   'cancelled',  'Task cancelled'),
	('disposition', 'queued',     'cancel',   'cancelled',  'Task cancelled'),
	('disposition', 'processing', 'cancel',   'cancelled',  'Task cancelled'),
	('disposition', 'pending',    'expire',   'expired',    'Task expired before it started'),
	('disposition', 'queued',     'expire',   'expired',    'Task expired before it started'),
	('disposition', 'processing', 'expire',   'expired',    'Task timed out'),
	('disposition', 'failed',     'revive',   'pending',    'Task queued again by hand');

-- What a column may hold is said by domains: PostgreSQL keeps a domain's checks for the session, while a table's are read and prepared anew by
-- every statement (eleven of them took a third of a create). Checks over several columns stay with their tables.
create domain task_state as text constraint task_state check (value in ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled', 'expired'));
create domain task_priority as smallint constraint task_priority check (value between 1 and 10);
create domain task_timeout as integer constraint task_timeout check (value between 1 and 86400);
create domain task_retry_count as smallint constraint task_retry_count check (value between 0 and 20);
create domain task_attempts as integer constraint task_attempts check (value >= 0);
create domain task_progress as smallint constraint task_progress check (value between 0 and 100);
create domain task_public_id as text constraint task_public_id check (length(value) between 1 and 128);
create domain task_entity as text constraint task_entity check (length(value) between 1 and 128 and value !~ '[^A-Za-z0-9._:-]');
create domain task_tag_text as text constraint task_tag_length check (length(value) between 1 and 100);
create domain log_level as text constraint task_log_level check (value in ('debug', 'info', 'warning', 'error'));
create domain delivery_state as text constraint delivery_state check (value in ('pending', 'delivered', 'dead'));

-- Wide columns last. No column that changes with the state is in an index, so that a state change is a heap-only update.
create table task (
	tenant_id uuid not null,                         -- vouched for by enter(); a foreign key here took a twentieth of a create
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
	deleted_at timestamptz,                          -- soft: gone for every API, kept for the history
	purged_at timestamptz,                           -- tombstone: body gone, entity and history stay
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
	tags text[],                                     -- as sent, for showing; task_tag has them for finding
	event_hash bytea,
	primary key (tenant_id, id),
	constraint task_id_taken unique (tenant_id, public_id),
	constraint task_entity_taken unique (tenant_id, entity, kind),       -- for ever, finished or not
	constraint task_finished check ((finished_at is not null) = (state in ('completed', 'failed', 'cancelled', 'expired'))),
	constraint task_started check (state <> 'processing' or started_at is not null)
) with (fillfactor = 50);                            -- so that its claim and its end are heap-only: 264 microseconds a task instead of 282
create unique index task_newest on task (tenant_id, seq desc);

-- Large and personal data, apart from the row that changes often.
create table task_body (
	tenant_id uuid not null,
	task_id uuid not null,
	subject_id text,                                 -- the person whom it is about, for export and erasure
	input json,                                      -- json, not jsonb: it comes back as it was sent, in its order
	output json,
	detail json,                                     -- small members of one kind
	notes text,
	primary key (tenant_id, task_id)
);
create index task_body_subject on task_body (tenant_id, subject_id) where subject_id is not null;

-- Under row-level security only leakproof operators use an index: `tags @> ...` took 53 ms instead of 0.5, so tags are rows.
create table task_tag (
	tenant_id uuid not null,
	tag task_tag_text not null,
	seq bigint not null,                             -- of the task
	primary key (tenant_id, tag, seq)
);

-- Append-only: nobody holds UPDATE, DELETE or TRUNCATE. One gapless seq and one SHA-256 chain a task.
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

-- Makes the partitions of this month and the p_ahead next ones; the sweeper calls it. A default partition catches a clock gone mad. It gives up on a
-- partition rather than stand in line for it: whoever reads the history (a dump) would hold up every write behind it. Next time, then; and a month
-- of which a row is in the default partition already stays there.
create function partition_ensure(p_ahead integer) returns integer language plpgsql security definer set lock_timeout = '200ms' as $$
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
create table task_event_default partition of task_event default;
create table task_log_default partition of task_log default;
select partition_ensure(3);

-- One link of a task's chain. An array's text quotes what needs it, so that no two histories have the same bytes.
create function event_hash(p_prev bytea, p_task uuid, p_seq integer, p_at timestamptz, variadic p_parts text[]) returns bytea
language sql stable parallel safe as $$
	select sha256(coalesce(p_prev, '\x') || uuid_send(p_task) || int4send(p_seq) || timestamptz_send(p_at) || convert_to(p_parts::text, 'UTF8'))
$$;

-- When something leaves: one row a delivery; the id is the webhook-id and stays the same over all retries.
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
	primary key (tenant_id, id),
	constraint delivery_finished check ((finished_at is not null) = (state <> 'pending'))
);
create index delivery_by_task on delivery (tenant_id, task_id);
create index delivery_dead on delivery (tenant_id, finished_at) where state = 'dead';
create index delivery_finished_at on delivery (finished_at) where finished_at is not null;

-- What is runnable or will be: small, hot, deleted when done; the only table that anybody claims from. id is the task's own id for
-- its execution, and the delivery's for a delivery. Lock order everywhere: work, then task.
create table work (
	id uuid primary key,
	tenant_id uuid not null,
	task_id uuid not null,
	run_at timestamptz not null,
	lease_until timestamptz,
	deadline timestamptz,                            -- of the running attempt; no lease goes beyond it
	fence bigint not null default 0,                 -- one more with every claim
	attempt integer not null default 0,
	priority task_priority not null,
	ready boolean not null,                          -- due; the promote step sets it
	lane text not null,
	type text,
	host text,                                       -- where a transfer goes; null where nothing leaves
	pace_key text,
	claimed_by text,
	last_error text,
	unsent_since timestamptz,                        -- due since then, and every claim since was given back unsent; the time-to-live counts from it
	constraint work_lease check ((lease_until is null) = (deadline is null) and (lease_until is null or lease_until <= deadline)),
	constraint work_ready check (lease_until is null or ready)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Claims go tenant by tenant and host by host (a loose scan over both), so that 1,000 tasks of one tenant do not starve 1 of another, and the
-- long line of a host that rests costs nothing; there by priority, then age. `ready` keeps what is due tomorrow out: a claim of 20 with
-- 500,000 such rows took 0.04 ms, without it 39 ms.
create index work_claim on work (lane, tenant_id, host, priority desc, run_at, id) where ready and lease_until is null and lane <> 'pull';
create index work_pull on work (tenant_id, type, priority desc, run_at, id) where ready and lease_until is null and lane = 'pull';
create index work_due on work (run_at) where not ready;
create index work_leased on work (lease_until) where lease_until is not null;
create index work_by_task on work (tenant_id, task_id) where lane = 'webhook';   -- execution has the task's own id

-- The pause before attempt p_attempt + 1: doubles from p_first_ms up to 15 minutes, give or take a fifth so that what failed together
-- does not come back together.
create function retry_delay(p_attempt integer, p_first_ms integer) returns interval language sql volatile parallel safe as $$
	select make_interval(secs => least(p_first_ms * 2 ^ (least(greatest(p_attempt, 1), 20) - 1), 900000) * (0.8 + 0.4 * random()) / 1000.0)
$$;

-- The task that a caller means by a name: a disposition task's entity (the newest first), else the id of any task of the tenant.
-- p_machine null: of any machine.
create function task_named(p_name text, p_machine text) returns uuid language plpgsql stable as $$
begin
	return coalesce(
		(select t.id from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.api = 'disposition'
			and t.deleted_at is null and t.purged_at is null order by t.seq desc limit 1),
		(select t.id from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and (p_machine is null or t.machine = p_machine)
			and t.deleted_at is null and t.purged_at is null));
end $$;

-- The entity of the generic task that a caller means by a name: the entity itself where there is one, else the task of that id.
create function generic_entity(p_name text) returns text language plpgsql stable as $$
begin
	return coalesce(
		(select t.entity from task t where t.tenant_id = tg_tenant() and t.entity = p_name and t.kind = 'generic' and t.deleted_at is null and t.purged_at is null),
		(select t.entity from task t where t.tenant_id = tg_tenant() and t.public_id = p_name and t.kind = 'generic'));
end $$;

-- What a reader of one task may ask for besides: its log (system lines from the history, workers' lines; the newest 256 KiB) and its history, as JSON,
-- the oldest first. Functions, because a statement that could read them prepares every partition even where it does not (270,000 of the
-- 654,000 instructions of a GET). The task's own month is where they begin.
create function task_logs(p_id uuid, p_since timestamptz) returns json language plpgsql stable as $$
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
create function task_history(p_id uuid, p_since timestamptz) returns json language plpgsql stable as $$
begin
	return (select json_agg(json_build_object('status', e.to_state, 'timestamp', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'message', coalesce(e.reason, g.why)) order by e.seq)
		from task_event e join state_edge g on g.machine = e.machine and g.from_state = e.from_state and g.event = e.event and g.to_state = e.to_state
		where e.tenant_id = tg_tenant() and e.task_id = p_id and e.at >= p_since);
end $$;

-- A task's state as it is at this moment, not as it was when the statement began: volatile, so that it has a snapshot of its own. For telling whoever
-- lost a race what won it.
create function task_state_now(p_id uuid) returns text language plpgsql volatile as $$
begin
	return (select t.state from task t where t.tenant_id = tg_tenant() and t.id = p_id);
end $$;

-- May a task of this type be made, and who runs it: its handler, where the type has one, else whoever pulls. p_closed: only registered types.
create function type_admit(p_type text, p_closed boolean, p_payload json, out lane text, out host text) language plpgsql stable as $$
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

-- A type that gains, changes or loses its handler takes the work that waits with it. What is leased ends where it is; should it come back, or be
-- created at this very moment, the sweeper brings it home (sweep_regain, sweep_handler_settle).
create function type_moved() returns trigger language plpgsql security definer as $$
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
create trigger type_moved after insert or delete or update of handler_url on task_type for each row execute function type_moved();

-- Every way of a task through its machine passes here, whoever makes the change: the edge must exist, the history is written, the chain
-- goes on, and a finished task leaves its webhook in the outbox. A statement only says state, event and, where it knows one, reason; whom a
-- caller claims to act for and further data come by the settings tg.on_behalf and tg.event_data (JSON) of the transaction.
-- Where two statements race, the row lock is taken and the statement's guard tested again before this runs.
create function task_move() returns trigger language plpgsql security definer as $$
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
create trigger task_create before insert on task for each row execute function task_move();
create trigger task_move before update of state, machine, event_seq, event_hash on task for each row execute function task_move();

call guard_by_tenant('task', 'task_body', 'task_tag', 'task_event', 'task_log', 'delivery', 'work');
