-- The contact centre's directories as taskgatectl keeps them. Each has the same three statements,
-- so that one row of a table in C names all that is said of it.
--   NAME_put     rows: a JSON array of objects whose members are texts or null; `add` sends one,
--                `import` many. A row that is there is changed as a whole. Locks the rows. No key
--                may come twice: a statement changes a row once.
--   NAME_list    key: null for all. In the order of the keys' bytes, so that an export is the same
--                wherever it is made. An import has asked ctl_patience before.
--   NAME_remove  No row where there is none; removed: false where it stays.

-- name: directory_savepoint
savepoint batch

-- name: directory_keep
release savepoint batch

-- name: directory_undo
rollback to savepoint batch

-- name: agent_put
-- takes: rows
-- gives: added, changed
with put as (
	insert into agent (tenant_id, id, name, enabled)
	select tg_tenant(), id, name, coalesce(enabled, true)
	from json_to_recordset(:rows::json) r(id text, name text, enabled boolean)
	on conflict (tenant_id, id) do update set name = excluded.name, enabled = excluded.enabled
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: agent_list
-- takes: key
-- gives: id, name, enabled, created_at
select id, name, enabled, created_at
from agent
where tenant_id = tg_tenant() and (:key::text is null or id = :key)
order by id collate "C"

-- name: agent_remove
-- takes: key
-- gives: removed
delete from agent where tenant_id = tg_tenant() and id = :key returning true as removed

-- name: entity_put
-- takes: rows
-- gives: added, changed
with put as (
	insert into entity (tenant_id, name)
	select tg_tenant(), name
	from json_to_recordset(:rows::json) r(name text)
	on conflict (tenant_id, name) do update set name = excluded.name
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: entity_list
-- takes: key
-- gives: name, created_at
select name, created_at
from entity
where tenant_id = tg_tenant() and (:key::text is null or name = :key)
order by name collate "C"

-- name: entity_remove
-- takes: key
-- gives: removed
delete from entity where tenant_id = tg_tenant() and name = :key returning true as removed

-- name: recipient_put
-- takes: rows
-- gives: added, changed
with put as (
	insert into recipient (tenant_id, id, email, phone, transcript)
	select tg_tenant(), id, email, sms, coalesce(transcript, true)
	from json_to_recordset(:rows::json) r(id text, email text, sms text, transcript boolean)
	on conflict (tenant_id, id) do update
	set email = excluded.email, phone = excluded.phone, transcript = excluded.transcript
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: recipient_list
-- takes: key
-- gives: id, email, sms, transcript, created_at
select id, email, phone as sms, transcript, created_at
from recipient
where tenant_id = tg_tenant() and (:key::text is null or id = :key)
order by id collate "C"

-- name: recipient_remove
-- takes: key
-- gives: removed
delete from recipient where tenant_id = tg_tenant() and id = :key returning true as removed

-- name: contact_put
-- takes: rows
-- gives: added, changed
with put as (
	insert into contact (tenant_id, id, name, phone, email, data)
	select tg_tenant(), id, name, phone, email, coalesce(data::jsonb, '{}')
	from json_to_recordset(:rows::json) r(id text, name text, phone text, email text, data text)
	on conflict (tenant_id, id) do update
	set name = excluded.name, phone = excluded.phone, email = excluded.email,
		data = excluded.data, updated_at = now()
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: contact_list
-- takes: key
-- gives: id, name, phone, email, data, created_at, updated_at
select id, name, phone, email, data, created_at, updated_at
from contact
where tenant_id = tg_tenant() and (:key::text is null or id = :key)
order by id collate "C"

-- name: contact_remove
-- Raises 23503 where a callback has it.
-- takes: key
-- gives: removed
delete from contact where tenant_id = tg_tenant() and id = :key returning true as removed

-- name: disposition_put
-- takes: rows
-- gives: added, changed
with put as (
	insert into disposition_code (tenant_id, code, description)
	select tg_tenant(), code, coalesce(description, '')
	from json_to_recordset(:rows::json) r(code text, description text)
	on conflict (tenant_id, code) do update set description = excluded.description
	returning xmax = 0 as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from put

-- name: disposition_list
-- takes: key
-- gives: code, description, created_at
select code, description, created_at
from disposition_code
where tenant_id = tg_tenant() and (:key::text is null or code = :key)
order by code collate "C"

-- name: disposition_remove
-- takes: key
-- gives: removed
delete from disposition_code where tenant_id = tg_tenant() and code = :key returning true as removed

-- name: dnc_put
-- In the order of the numbers, so that two imports lock the same calls in the same order. Locks
-- also the work rows of calls to them, then their tasks.
-- takes: rows
-- gives: added, changed
with put as (
	insert into do_not_call (tenant_id, number, reason)
	select tg_tenant(), number, reason
	from json_to_recordset(:rows::json) r(number text, reason text)
	order by number
	on conflict (tenant_id, number) do update set reason = excluded.reason
	returning number, xmax = 0 as added
), cancelled as materialized (
	select do_not_call_add(number, null), added from put
)
select count(*) filter (where added) as added, count(*) filter (where not added) as changed
from cancelled

-- name: dnc_list
-- takes: key
-- gives: number, reason, created_at
select number, reason, created_at
from do_not_call
where tenant_id = tg_tenant() and (:key::text is null or number = :key)
order by number collate "C"

-- name: dnc_remove
-- takes: key
-- gives: removed
delete from do_not_call where tenant_id = tg_tenant() and number = :key returning true as removed
