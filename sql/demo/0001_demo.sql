-- The demonstration directory, first tenant: people, customer, task type. It runs inside the transaction of `taskgatectl demo load`, which has
-- entered the tenant and sets the handlers' addresses behind it. Safe to run again: it puts its own rows back and touches no others.

insert into principal (tenant_id, id, handle, name, email, phone, avatar_url, role) values
	(tg_tenant(), '00000000-0000-4000-8000-000000000123', 'user123', 'Alex Morgan', 'alex@example.com', null, null, 'manager'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000456', 'user456', 'Jane Smith', 'jane@example.com', null, 'https://example.com/avatar.jpg', 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000789', 'user789', 'Sam Lee', 'sam@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000001', 'uuid1', 'John Doe', 'john@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-000000000002', 'uuid2', 'Mary Roe', 'mary@example.com', null, null, 'user'),
	(tg_tenant(), '00000000-0000-4000-8000-00000000a000', 'anonymous', 'Anonymous', null, null, null, 'service')
on conflict (tenant_id, handle) do update set name = excluded.name, email = excluded.email, phone = excluded.phone, avatar_url = excluded.avatar_url,
	role = excluded.role;

insert into customer (tenant_id, id, name) values (tg_tenant(), 'c0ffee00-0000-4000-8000-000000000001', 'Example Customer Ltd')
on conflict (tenant_id, id) do update set name = excluded.name;

insert into persona (tenant_id, customer_id, principal_id)
select tg_tenant(), 'c0ffee00-0000-4000-8000-000000000001', p.id from principal p
where p.tenant_id = tg_tenant() and p.handle in ('user123', 'uuid1', 'uuid2')
on conflict do nothing;

-- The handler's address is a placeholder until it is set.
insert into task_type (tenant_id, name, handler_url) values (tg_tenant(), 'lead_followup', 'http://handler.invalid/lead_followup')
on conflict (tenant_id, name) do update set handler_url = excluded.handler_url, required = '{}';
