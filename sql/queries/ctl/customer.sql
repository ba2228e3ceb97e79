-- Customers and their personas: the users that speak for them.

-- name: customer_add
-- id: null for a new one.
-- takes: name, id
-- gives: id, name
insert into customer (tenant_id, name, id)
values (tg_tenant(), :name, coalesce(:id::uuid, gen_random_uuid()))
returning id, name

-- name: customer_list
-- gives: id, name, created_at, personas
select id, name, created_at,
	(
		select count(*)
		from persona p
		where p.tenant_id = c.tenant_id and p.customer_id = c.id
	) as personas
from customer c
where tenant_id = tg_tenant()
order by name, id

-- name: persona_add
-- No row where the customer or the user does not exist. added: false where the persona was there.
-- takes: customer, handle
-- gives: customer_id, principal_id, added
with found as (
	select c.id as customer_id, p.id as principal_id
	from customer c, principal p
	where c.tenant_id = tg_tenant() and c.id = :customer::uuid and p.tenant_id = tg_tenant()
		and p.handle = :handle
), made as (
	insert into persona (tenant_id, customer_id, principal_id)
	select tg_tenant(), customer_id, principal_id
	from found
	on conflict do nothing
	returning principal_id
)
select customer_id, principal_id, exists (select from made) as added
from found
