-- What tg_migrate and tg_db_check_role ask. The migrations and the functions are texts of their own, in
-- sql/migrations and sql/functions.

-- name: migrate_role
-- The first statement of a migration's transaction: what it makes belongs to the owner, whoever
-- logged in.
set local role taskgate_owner

-- name: migrate_lock
-- Orders migrations that run at the same time; held until the transaction ends. The wait for it has
-- no limit. The wait for a table's lock has one: a migration that queues behind a long transaction
-- would stop everybody else. Functions may name each other in any order, so their bodies are not
-- checked here.
select pg_advisory_xact_lock(hashtext('taskgate.migrate')), set_config('lock_timeout', '10s', true),
	set_config('statement_timeout', '0', true),
	set_config('client_min_messages', 'warning', true),
	set_config('check_function_bodies', 'off', true)

-- name: migrate_claim
-- One row where this run has to apply the migration, none where it was applied before.
-- takes: number, name, breaking
-- gives: number
insert into migration (number, name, breaking)
values (:number::integer, :name, :breaking::boolean)
on conflict (number) do nothing
returning number

-- name: migrate_text_claim
-- One row where this run has to apply the text; none where it is in force already, or a newer
-- release has applied its own.
-- takes: name, text, release
-- gives: name
insert into migration_text as t (name, sha256, release)
values (
	:name, sha256(convert_to(:text, 'UTF8')),
	string_to_array(substring(:release from '^[0-9.]+'), '.')::integer[]
)
on conflict (name) do update
set sha256 = excluded.sha256, release = excluded.release, applied_at = now()
where t.sha256 <> excluded.sha256 and t.release <= excluded.release
returning name

-- name: migrate_newer
-- The first breaking migration beyond the newest one that this program knows, if there is one.
-- takes: newest
-- gives: number, name
select number, name
from migration
where number > :newest::integer and breaking
order by number
limit 1

-- name: db_role
-- The role that acts, and whether row-level security does not bind it.
-- gives: name, super, bypass, owner
select current_user as name, r.rolsuper as super, r.rolbypassrls as bypass,
	exists (
		select
		from pg_roles o
		where o.rolname = 'taskgate_owner' and pg_has_role(r.oid, o.oid, 'USAGE')
	) as owner
from pg_roles r
where r.rolname = current_user
