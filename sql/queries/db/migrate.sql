-- What tg_migrate and tg_db_check_role ask. The migrations and the functions are texts of their own, in
-- sql/migrations and sql/functions.

-- name: migrate_role
-- First in every transaction of a migration: what it makes belongs to the owner, whoever logged in.
set local role taskgate_owner

-- name: migrate_lock
-- Orders parallel runs; held until the transaction ends. The wait for it has no limit of its own, behind it a lock of a table has: a
-- migration that queues behind a long transaction would stop everybody else.
-- Functions may name each other in any order, so their bodies are not checked here.
select pg_advisory_xact_lock(hashtext('taskgate.migrate')), set_config('lock_timeout', '10s', true),
	set_config('statement_timeout', '0', true), set_config('client_min_messages', 'warning', true),
	set_config('check_function_bodies', 'off', true)

-- name: migrate_claim
-- $1 number, $2 file name, $3 breaking. Result: one row where this run is to apply it, none where it was applied before.
insert into migration (number, name, breaking) values ($1::integer, $2, $3::boolean) on conflict (number) do nothing returning number

-- name: migrate_text_claim
-- $1 name, $2 text, $3 this program's release. Result: one row where this run is to apply the text, none where it is in force already or a newer
-- release has applied its own.
insert into migration_text as t (name, sha256, release)
values ($1, sha256(convert_to($2, 'UTF8')), string_to_array(substring($3 from '^[0-9.]+'), '.')::integer[])
on conflict (name) do update set sha256 = excluded.sha256, release = excluded.release, applied_at = now()
where t.sha256 <> excluded.sha256 and t.release <= excluded.release
returning name

-- name: migrate_newer
-- $1 the newest number that this program knows. Result: the first breaking migration beyond it, if any.
select number, name from migration where number > $1::integer and breaking order by number limit 1

-- name: db_role
-- Result: the role that acts, and whether it is one that row-level security does not bind.
select current_user as name, r.rolsuper as super, r.rolbypassrls as bypass,
	exists (select from pg_roles o where o.rolname = 'taskgate_owner' and pg_has_role(r.oid, o.oid, 'USAGE')) as owner
from pg_roles r where r.rolname = current_user
