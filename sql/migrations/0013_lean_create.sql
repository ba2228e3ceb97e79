-- What every create and every claim paid for checks over several columns: PostgreSQL reads and prepares a table's checks anew in each statement, a fifth
-- of a queued call's instructions. A task's are the trigger's now; the others' are rules that a view tells the breakers of.

alter table task drop constraint task_finished, drop constraint task_started;
alter table work drop constraint work_lease, drop constraint work_ready;
alter table delivery drop constraint delivery_finished;

-- What must never be, and is; `taskgatectl audit verify` looks here, and each stack of the tests when it ends.
create view ledger_fault as
	select 'task_finished' as rule, tenant_id, id as task_id from task where (finished_at is not null) <> (state in ('completed', 'failed', 'cancelled', 'expired'))
	union all select 'task_started', tenant_id, id from task where state = 'processing' and started_at is null
	union all select 'work_lease', tenant_id, task_id from work where (lease_until is null) <> (deadline is null) or lease_until > deadline
	union all select 'work_ready', tenant_id, task_id from work where lease_until is not null and not ready
	union all select 'delivery_finished', tenant_id, task_id from delivery where (finished_at is not null) <> (state <> 'pending')
	union all select 'call_ended', tenant_id, task_id from call where (ended_at is not null) <> (state in ('completed', 'failed', 'cancelled'))
	union all select 'campaign_count', tenant_id, task_id from campaign where completed + failed + cancelled > total;

-- As of 0002; and what runs has started. Whoever writes finished_at without moving the task finds no edge. A history never runs backwards: a sweeper's
-- transaction may have begun before the one that made what it claims, and a clock may be set back; who reads a history begins with the task's creation.
create or replace function task_move() returns trigger language plpgsql security definer as $$
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
drop trigger task_move on task;
create trigger task_move before update of state, machine, event_seq, event_hash, finished_at on task for each row execute function task_move();
