-- What tg_migrate and tg_db_check_role ask. The migrations themselves are texts of their own, in sql/migrations.

-- name: migrate_role
-- First in every transaction of a migration: what it makes belongs to the owner, whoever logged in.
set local role taskgate_owner

-- name: migrate_lock
-- Orders parallel runs; held until the transaction ends. The wait for it has no limit of its own, behind it a lock of a table has: a
-- migration that queues behind a long transaction would stop everybody else.
select pg_advisory_xact_lock(hashtext('taskgate.migrate')), set_config('lock_timeout', '10s', true), set_config('statement_timeout', '0', true),
	set_config('client_min_messages', 'warning', true)

-- name: migrate_claim
-- $1 number, $2 file name, $3 breaking. Result: one row where this run is to apply it, none where it was applied before.
insert into migration (number, name, breaking) values ($1::integer, $2, $3::boolean) on conflict (number) do nothing returning number

-- name: migrate_newer
-- $1 the newest number that this program knows. Result: the first breaking migration beyond it, if any.
select number, name from migration where number > $1::integer and breaking order by number limit 1

-- name: db_role
-- Result: the role that acts, and whether it is one that row-level security does not bind.
select current_user as name, r.rolsuper as super, r.rolbypassrls as bypass,
	exists (select from pg_roles o where o.rolname = 'taskgate_owner' and pg_has_role(r.oid, o.oid, 'USAGE')) as owner
from pg_roles r where r.rolname = current_user
