-- What migrate keeps of itself. It runs before every migration, so it must stay harmless when
-- repeated. Everything of ours is in the schema taskgate; what others keep in this database (an
-- extension's functions, say) is not ours, wherever it is.
create schema if not exists taskgate;

-- A number is applied once, and what it made never changes: the next change is the next number.
create table if not exists migration (
	number integer primary key,
	name text not null,
	breaking boolean not null default false,         -- older programs must not run against it
	applied_at timestamptz not null default now()
);

-- The texts that are applied whenever they have changed: functions, states, grants.
create table if not exists migration_text (
	name text primary key,                           -- "functions/enter.sql"
	sha256 bytea not null,
	release integer[] not null,                      -- of the program that applied it
	applied_at timestamptz not null default now()
);

-- For people with psql, and for whoever restores a dump by hand: the programs set it themselves.
do $$
begin
	if not exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
			where d.datname = current_database() and s.setrole = 0
				and array_to_string(s.setconfig, ' ') ~ '(^| )search_path=') then
		execute format('alter database %I set search_path = taskgate, public', current_database());
	end if;
end $$;
