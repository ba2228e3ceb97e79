-- The task that a caller means by a name.

-- A disposition task by its entity (the newest first), else any task of the tenant by its id. p_api
-- null: of any API. Result: the task's id, or null.
create or replace function task_named(p_name text, p_api text)
returns uuid
language plpgsql stable as $$
begin
	return coalesce(
		(
			select t.id
			from task t
			where t.tenant_id = tg_tenant()
				and t.entity = p_name
				and t.api = 'disposition'
				and t.deleted_at is null
				and t.purged_at is null
			order by t.seq desc
			limit 1
		),
		(
			select t.id
			from task t
			where t.tenant_id = tg_tenant()
				and t.public_id = p_name
				and (p_api is null or t.api = p_api)
				and t.deleted_at is null
				and t.purged_at is null
		));
end $$;
revoke all on function task_named from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_named to taskgate_api, taskgate_ctl;

-- The same for one kind.
create or replace function task_of_kind(p_name text, p_kind text)
returns uuid
language plpgsql stable as $$
begin
	return coalesce(
		(
			select t.id
			from task t
			where t.tenant_id = tg_tenant()
				and t.entity = p_name
				and t.kind = p_kind
				and t.deleted_at is null
				and t.purged_at is null
		),
		(
			select t.id
			from task t
			where t.tenant_id = tg_tenant()
				and t.public_id = p_name
				and t.kind = p_kind
				and t.deleted_at is null
				and t.purged_at is null
		));
end $$;
revoke all on function task_of_kind from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function task_of_kind to taskgate_api;

-- The entity of the generic task that a caller means: the entity itself where there is one, else
-- that of the task of this id.
create or replace function generic_entity(p_name text) returns text language plpgsql stable as $$
begin
	return coalesce(
		(
			select t.entity
			from task t
			where t.tenant_id = tg_tenant()
				and t.entity = p_name
				and t.kind = 'generic'
				and t.deleted_at is null
				and t.purged_at is null
		),
		(
			select t.entity
			from task t
			where t.tenant_id = tg_tenant()
				and t.public_id = p_name
				and t.kind = 'generic'
		));
end $$;
revoke all on function generic_entity from public, taskgate_api, taskgate_sweep, taskgate_ctl;
grant execute on function generic_entity to taskgate_api;
