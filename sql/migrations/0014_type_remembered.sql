-- As of 0002; and a type that nobody registered is remembered, as callbacks, entities and agents are: who closes the directory later keeps what was in use.
create or replace function type_admit(p_type text, p_closed boolean, p_payload json, out lane text, out host text) language plpgsql volatile as $$
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
