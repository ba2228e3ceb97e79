-- The users of a tenant.

-- name: user_add
-- id: null for a new one.
-- takes: handle, name, email, phone, avatar_url, role, id
-- gives: id, handle
insert into principal (tenant_id, handle, name, email, phone, avatar_url, role, id)
values (
	tg_tenant(), :handle, coalesce(:name, ''), :email, :phone, :avatar_url,
	coalesce(:role, 'user'), coalesce(:id::uuid, uuid7())
)
returning id, handle

-- name: user_list
-- gives: id, handle, name, email, phone, role, created_at
select id, handle, name, email, phone, role, created_at
from principal
where tenant_id = tg_tenant()
order by handle
