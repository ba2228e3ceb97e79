-- The one way of a task through its machine, and its history.

-- One link of a task's chain: SHA-256 of the link before it and of everything that the event says.
-- An array's text quotes what needs it, so no two histories have the same bytes.
create or replace function event_hash(
	p_prev bytea, p_task uuid, p_seq integer, p_at timestamptz, variadic p_parts text[])
returns bytea
language sql stable parallel safe as $$
	select sha256(
		coalesce(p_prev, '\x') || uuid_send(p_task) || int4send(p_seq)
			|| timestamptz_send(p_at) || convert_to(p_parts::text, 'UTF8'))
$$;
revoke all on function event_hash from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function event_hash to taskgate_ctl;

-- Trigger: every move of a task passes here, whoever makes it. The edge must exist, the history is
-- written, the chain goes on, and a finished task with a callback_url leaves its webhook in the
-- outbox. A statement says only state, event and, where it knows one, reason. Whom a caller claims
-- to act for and further data come by the transaction's settings tg.on_behalf and tg.event_data
-- (JSON).
-- Where two statements race, the row lock is taken and the statement's guard is tested again before
-- this runs. A history never runs backwards: a sweeper's transaction may have begun before the one
-- that made what it claims, and a clock may be set back. Whoever writes finished_at without moving
-- the task finds no edge.
-- Raises: TG409 state_edge, machine_change; check_violation task_started.
create or replace function task_move() returns trigger language plpgsql security definer as $$
declare
	was text := '-';
	prev bytea;
	outbox uuid;
	moment timestamptz := now();
begin
	if tg_op = 'UPDATE' then
		was := old.state;
		prev := old.event_hash;
		if new.machine <> old.machine then
			raise exception using errcode = 'TG409', constraint = 'machine_change',
				message = 'a task never changes its machine';
		end if;
		new.event_seq := old.event_seq;
		new.version := old.version;
		moment := greatest(moment, old.updated_at);
		new.started_at := case
			when new.started_at < new.created_at then new.created_at
			else new.started_at
		end;
	end if;
	new.event_seq := new.event_seq + 1;
	new.version := new.version + 1;
	new.updated_at := moment;
	new.finished_at := case
		when new.state in ('completed', 'failed', 'cancelled', 'expired') then moment
	end;
	new.event_hash := taskgate.event_hash(
		prev, new.id, new.event_seq, moment, new.machine, was, new.event, new.state,
		taskgate.tg_principal()::text, nullif(current_setting('tg.on_behalf', true), ''),
		current_setting('tg.remote', true), current_setting('tg.request', true), new.reason,
		nullif(current_setting('tg.event_data', true), ''));
	insert into taskgate.task_event (
		tenant_id, task_id, seq, at, machine, from_state, event, to_state, principal_id,
		on_behalf, remote, request_id, reason, data, prev_hash, hash)
	select new.tenant_id, new.id, new.event_seq, moment, new.machine, was, new.event, new.state,
		taskgate.tg_principal(), nullif(current_setting('tg.on_behalf', true), ''),
		current_setting('tg.remote', true), current_setting('tg.request', true), new.reason,
		nullif(current_setting('tg.event_data', true), '')::json, prev, new.event_hash
	from taskgate.state_edge e
	where e.machine = new.machine
		and e.from_state = was
		and e.event = new.event
		and e.to_state = new.state;
	if not found then
		raise exception using errcode = 'TG409', constraint = 'state_edge',
			message = format(
				'a %s task that is %s cannot %s to %s', new.machine, was, new.event,
				new.state);
	end if;
	if new.state = 'processing' and new.started_at is null then
		raise exception using errcode = 'check_violation', constraint = 'task_started',
			message = 'what runs has started at some time';
	end if;
	if new.callback_url is not null and new.finished_at is not null then
		outbox := taskgate.uuid7();
		insert into taskgate.delivery (tenant_id, id, task_id, seq, event, url, created_at)
		values (
			new.tenant_id, outbox, new.id, new.event_seq, 'task.' || new.state,
			new.callback_url, moment);
		insert into taskgate.work (
			id, tenant_id, task_id, run_at, priority, ready, lane, host)
		values (
			outbox, new.tenant_id, new.id, now(), new.priority, true, 'webhook',
			taskgate.url_host(new.callback_url));
	end if;
	return new;
end $$;
revoke all on function task_move from public, taskgate_api, taskgate_sweep, taskgate_ctl;
create or replace trigger task_create before insert on task
	for each row execute function task_move();
create or replace trigger task_move
	before update of state, machine, event_seq, event_hash, finished_at on task
	for each row execute function task_move();
