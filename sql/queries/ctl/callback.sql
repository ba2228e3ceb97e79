-- The directory of callbacks; directory.sql says what its three statements have in common.

-- name: callback_put
-- Its contact is the one named, else the one that it has, else one of its own id where there is
-- something to say of it. Phone, email and name are the contact's: what is null stays as it is, and
-- of two rows with one contact the last one counts. attempt_number and scheduled_at stay too. Locks
-- also the contacts.
-- takes: rows
-- gives: added, changed
with r as materialized (
	select r.id,
		coalesce(
			r.contact, k.contact_id,
			case when coalesce(r.phone, r.email, r.name) is not null then r.id end
		) as contact,
		r.phone, r.email, r.name, r.agent,
		coalesce(r.attempt_number, k.attempt_number, 1) as attempt_number,
		coalesce(r.scheduled_at, k.scheduled_at) as scheduled_at, r.n
	from rows from (
		json_to_recordset(:rows::json) as (
			id text, contact text, phone text, email text, name text, agent text,
			attempt_number integer, scheduled_at timestamptz
		)
	) with ordinality
		as r(id, contact, phone, email, name, agent, attempt_number, scheduled_at, n)
	-- The offset keeps it a look-up by index for each: the plan is made while the table is
	-- small, and kept while an import makes it large.
	left join lateral (
		select c.contact_id, c.attempt_number, c.scheduled_at
		from callback c
		where c.tenant_id = tg_tenant() and c.id = r.id offset 0
	) k on true
), reached as (
	insert into contact (tenant_id, id, phone, email, name)
	select tg_tenant(), contact,
		(array_agg(phone order by n desc) filter (where phone is not null))[1],
		(array_agg(email order by n desc) filter (where email is not null))[1],
		(array_agg(name order by n desc) filter (where name is not null))[1]
	from r
	where contact is not null
	group by contact
	on conflict (tenant_id, id) do update
	set phone = coalesce(excluded.phone, contact.phone),
		email = coalesce(excluded.email, contact.email),
		name = coalesce(excluded.name, contact.name), updated_at = now()
	where coalesce(excluded.phone, excluded.email, excluded.name) is not null
), put as (
	insert into callback (tenant_id, id, contact_id, agent_id, attempt_number, scheduled_at)
	select tg_tenant(), id, contact, agent, attempt_number, scheduled_at
	from r
	on conflict (tenant_id, id) do update
	set contact_id = excluded.contact_id, agent_id = excluded.agent_id,
		attempt_number = excluded.attempt_number, scheduled_at = excluded.scheduled_at
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: callback_list
-- takes: key
-- gives: id, state, contact, phone, email, name, agent, attempt_number, scheduled_at, finished_at
select c.id, case when c.finished_at is null then 'open' else 'finished' end as state,
	c.contact_id as contact, k.phone, k.email, k.name, c.agent_id as agent, c.attempt_number,
	c.scheduled_at, c.finished_at
from callback c
left join contact k on k.tenant_id = c.tenant_id and k.id = c.contact_id
where c.tenant_id = tg_tenant() and (:key::text is null or c.id = :key)
order by c.id collate "C"

-- name: callback_remove
-- A finished one stays. A call that waits for it is cancelled. Locks callback, work, then task.
-- takes: key
-- gives: removed
with found as materialized (
	select id, finished_at is null as removed
	from callback
	where tenant_id = tg_tenant() and id = :key
	for update
), waiting as materialized (
	select w.id
	from found f
	join call c on c.tenant_id = tg_tenant() and c.callback_id = f.id
	join work w on w.id = c.task_id
	where f.removed
	order by w.id
	for update of w
), cancelled as (
	update task t
	set state = 'cancelled', event = 'cancel', reason = 'the callback was removed'
	where t.tenant_id = tg_tenant() and t.id = any (array(select id from waiting))
		and t.state = 'pending'
	returning t.id
), idle as (
	delete from work w using cancelled c where w.id = c.id
), gone as (
	delete from callback c
	using found f
	where c.tenant_id = tg_tenant() and c.id = f.id and f.removed
)
select removed
from found
