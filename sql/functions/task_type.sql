-- Task types: which tasks may be made, and who runs them.

-- May a task of this type be made, and who runs it: its handler where the type has one, else
-- whoever pulls. An unknown type is remembered, as callbacks, entities and agents are, so that
-- whoever closes the directory later keeps what was in use.
-- p_closed: only registered types. Result: lane (`pull` or `handler`) and the handler's host.
-- Raises: TG400 type_unknown; TG422 payload_member.
create or replace function type_admit(
	p_type text, p_closed boolean, p_payload json, out lane text, out host text)
language plpgsql volatile as $$
declare
	t record;
	missing text;
begin
	select tt.handler_url, tt.required
	into t
	from task_type tt
	where tt.tenant_id = tg_tenant() and tt.name = p_type;
	if not found then
		if p_closed then
			perform refuse(
				'TG400', 'type_unknown',
				format('the task type %s is not registered', p_type));
		end if;
		insert into task_type (tenant_id, name)
		values (tg_tenant(), p_type)
		on conflict do nothing;
		lane := 'pull';
		return;
	end if;
	select m
	into missing
	from unnest(t.required) m
	where p_payload is null or (p_payload -> m) is null
	limit 1;
	if missing is not null then
		perform refuse(
			'TG422', 'payload_member',
			format('a task of type %s needs the payload member %s', p_type, missing));
	end if;
	lane := case when t.handler_url is null then 'pull' else 'handler' end;
	host := url_host(t.handler_url);
end $$;
revoke all on function type_admit from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function type_admit to taskgate_api, taskgate_ctl;

-- Trigger: a type that gains, changes or loses its handler takes the waiting work with it. What is
-- leased ends where it is; should it come back, or be created at this very moment, the sweeper
-- brings it home (sweep_regain, sweep_handler_settle).
-- Locks: the type's work rows that nobody holds, by id.
create or replace function type_moved()
returns trigger
language plpgsql security definer set search_path = taskgate, pg_temp as $$
declare
	url text := case when tg_op <> 'DELETE' then new.handler_url end;
	waiting uuid[];
begin
	waiting := array(
		select w.id
		from work w
		where w.tenant_id = coalesce(new.tenant_id, old.tenant_id)
			and w.type = coalesce(new.name, old.name)
			and w.lane in ('handler', 'pull')
			and w.lease_until is null
			and (w.lane, w.host) is distinct from (
				case when url is null then 'pull' else 'handler' end, url_host(url))
		order by w.id
		for update
	);
	update work w
	set lane = case when url is null then 'pull' else 'handler' end, host = url_host(url)
	where w.id = any (waiting);
	return null;
end $$;
revoke all on function type_moved from public, taskgate_api, taskgate_sweep, taskgate_ctl;
create or replace trigger type_moved
	after insert or delete or update of handler_url on task_type
	for each row execute function type_moved();
