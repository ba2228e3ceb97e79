-- The contact centre's directories as taskgatectl keeps them. Each has the same three statements, so that one row of a table in C names all that is
-- said of it.
--   NAME_put     $1 a JSON array of objects, one a row, whose members are texts or null; `add` sends one, `import` many. What is there already is
--                changed as a whole. Result: one row: added, changed. Locks: the rows. No key may come twice: a statement changes a row once.
--   NAME_list    $1 key, or null for all. In the order of the keys' bytes, so that an export is the same wherever it is made.
--                An import has asked ctl_patience before.
--   NAME_remove  $1 key. Result: none where there is none; removed false where it stays.

-- name: directory_savepoint
savepoint batch

-- name: directory_keep
release savepoint batch

-- name: directory_undo
rollback to savepoint batch

-- name: agent_put
with put as (
	insert into agent (tenant_id, id, name, enabled)
	select tg_tenant(), id, name, coalesce(enabled, true) from json_to_recordset($1::json) r(id text, name text, enabled boolean)
	on conflict (tenant_id, id) do update set name = excluded.name, enabled = excluded.enabled
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: agent_list
select id, name, enabled, created_at from agent where tenant_id = tg_tenant() and ($1::text is null or id = $1) order by id collate "C"

-- name: agent_remove
delete from agent where tenant_id = tg_tenant() and id = $1 returning true as removed

-- name: callback_put
-- Its contact is the one named, else the one that it has, else one of its own id where there is something to say of it. Phone, email and name are the
-- contact's: what is null stays as it is, and of two rows with one contact the last says it. attempt_number and scheduled_at stay too.
-- Locks besides: the contacts.
with r as materialized (
	select r.id, coalesce(r.contact, k.contact_id, case when coalesce(r.phone, r.email, r.name) is not null then r.id end) as contact,
		r.phone, r.email, r.name, r.agent, coalesce(r.attempt_number, k.attempt_number, 1) as attempt_number, coalesce(r.scheduled_at, k.scheduled_at) as scheduled_at, r.n
	from rows from (json_to_recordset($1::json) as (id text, contact text, phone text, email text, name text, agent text, attempt_number integer, scheduled_at timestamptz))
		with ordinality as r(id, contact, phone, email, name, agent, attempt_number, scheduled_at, n)
	-- The offset keeps it a look-up by index for each: the plan is made while the table is small, and kept while an import makes it large.
	left join lateral (select c.contact_id, c.attempt_number, c.scheduled_at from callback c where c.tenant_id = tg_tenant() and c.id = r.id offset 0) k on true
), reached as (
	insert into contact (tenant_id, id, phone, email, name)
	select tg_tenant(), contact, (array_agg(phone order by n desc) filter (where phone is not null))[1], (array_agg(email order by n desc) filter (where email is not null))[1],
		(array_agg(name order by n desc) filter (where name is not null))[1]
	from r where contact is not null group by contact
	on conflict (tenant_id, id) do update set phone = coalesce(excluded.phone, contact.phone), email = coalesce(excluded.email, contact.email),
		name = coalesce(excluded.name, contact.name), updated_at = now()
	where coalesce(excluded.phone, excluded.email, excluded.name) is not null
), put as (
	insert into callback (tenant_id, id, contact_id, agent_id, attempt_number, scheduled_at) select tg_tenant(), id, contact, agent, attempt_number, scheduled_at from r
	on conflict (tenant_id, id) do update set contact_id = excluded.contact_id, agent_id = excluded.agent_id, attempt_number = excluded.attempt_number,
		scheduled_at = excluded.scheduled_at
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: callback_list
select c.id, case when c.finished_at is null then 'open' else 'finished' end as state, c.contact_id as contact, k.phone, k.email, k.name, c.agent_id as agent,
	c.attempt_number, c.scheduled_at, c.finished_at
from callback c left join contact k on k.tenant_id = c.tenant_id and k.id = c.contact_id
where c.tenant_id = tg_tenant() and ($1::text is null or c.id = $1) order by c.id collate "C"

-- name: callback_remove
-- One that is finished stays. A call that waits for it is cancelled. Lock order: callback, work, then task.
with found as materialized (
	select id, finished_at is null as removed from callback where tenant_id = tg_tenant() and id = $1 for update
), waiting as materialized (
	select w.id from found f join call c on c.tenant_id = tg_tenant() and c.callback_id = f.id join work w on w.id = c.task_id where f.removed order by w.id for update of w
), cancelled as (
	update task t set state = 'cancelled', event = 'cancel', reason = 'the callback was removed'
	where t.tenant_id = tg_tenant() and t.id = any (array(select id from waiting)) and t.state = 'pending' returning t.id
), idle as (
	delete from work w using cancelled c where w.id = c.id
), gone as (
	delete from callback c using found f where c.tenant_id = tg_tenant() and c.id = f.id and f.removed
)
select removed from found

-- name: entity_put
with put as (
	insert into entity (tenant_id, name) select tg_tenant(), name from json_to_recordset($1::json) r(name text)
	on conflict (tenant_id, name) do update set name = excluded.name
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: entity_list
select name, created_at from entity where tenant_id = tg_tenant() and ($1::text is null or name = $1) order by name collate "C"

-- name: entity_remove
delete from entity where tenant_id = tg_tenant() and name = $1 returning true as removed

-- name: recipient_put
with put as (
	insert into recipient (tenant_id, id, email, phone, transcript)
	select tg_tenant(), id, email, sms, coalesce(transcript, true) from json_to_recordset($1::json) r(id text, email text, sms text, transcript boolean)
	on conflict (tenant_id, id) do update set email = excluded.email, phone = excluded.phone, transcript = excluded.transcript
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: recipient_list
select id, email, phone as sms, transcript, created_at from recipient where tenant_id = tg_tenant() and ($1::text is null or id = $1) order by id collate "C"

-- name: recipient_remove
delete from recipient where tenant_id = tg_tenant() and id = $1 returning true as removed

-- name: contact_put
with put as (
	insert into contact (tenant_id, id, name, phone, email, data)
	select tg_tenant(), id, name, phone, email, coalesce(data::jsonb, '{}') from json_to_recordset($1::json) r(id text, name text, phone text, email text, data text)
	on conflict (tenant_id, id) do update set name = excluded.name, phone = excluded.phone, email = excluded.email, data = excluded.data, updated_at = now()
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: contact_list
select id, name, phone, email, data, created_at, updated_at from contact where tenant_id = tg_tenant() and ($1::text is null or id = $1) order by id collate "C"

-- name: contact_remove
-- Raises 23503 where a callback has it.
delete from contact where tenant_id = tg_tenant() and id = $1 returning true as removed

-- name: disposition_put
with put as (
	insert into disposition_code (tenant_id, code, description)
	select tg_tenant(), code, coalesce(description, '') from json_to_recordset($1::json) r(code text, description text)
	on conflict (tenant_id, code) do update set description = excluded.description
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: disposition_list
select code, description, created_at from disposition_code where tenant_id = tg_tenant() and ($1::text is null or code = $1) order by code collate "C"

-- name: disposition_remove
delete from disposition_code where tenant_id = tg_tenant() and code = $1 returning true as removed

-- name: template_put
-- Raises TG400 template_error for one that template_render() would find not well formed: better now than when somebody is to be written to.
with put as (
	insert into email_template (tenant_id, name, subject, text, html)
	select tg_tenant(), name, case when concat_ws(E'\n', subject, text, html) !~ '^(?:[^{]|\{[^{]|\{\{ *[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)* *\}\})*\{?$'
		then refuse('TG400', 'template_error', 'after {{ comes the name of a variable and }}')::text else subject end, text, html
	from json_to_recordset($1::json) r(name text, subject text, text text, html text)
	on conflict (tenant_id, name) do update set subject = excluded.subject, text = excluded.text, html = excluded.html, updated_at = now()
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from put

-- name: template_list
select name, subject, text, html, created_at, updated_at from email_template where tenant_id = tg_tenant() and ($1::text is null or name = $1) order by name collate "C"

-- name: template_remove
-- The mail that tells of a voicemail stays: without it no voicemail could be told.
with gone as (
	delete from email_template where tenant_id = tg_tenant() and name = $1 and name <> 'voicemail' returning name
)
select exists (select from gone) as removed from email_template where tenant_id = tg_tenant() and name = $1

-- name: dnc_put
-- In the order of the numbers, so that two imports lock the same calls in the same order. Locks besides: work rows of calls to them, then their tasks.
with put as (
	insert into do_not_call (tenant_id, number, reason) select tg_tenant(), number, reason from json_to_recordset($1::json) r(number text, reason text) order by number
	on conflict (tenant_id, number) do update set reason = excluded.reason
	returning number, xmax = 0 as added
), cancelled as materialized (
	select do_not_call_add(number, null), added from put
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed from cancelled

-- name: dnc_list
select number, reason, created_at from do_not_call where tenant_id = tg_tenant() and ($1::text is null or number = $1) order by number collate "C"

-- name: dnc_remove
delete from do_not_call where tenant_id = tg_tenant() and number = $1 returning true as removed
