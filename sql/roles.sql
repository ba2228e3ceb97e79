-- Roles of taskgate, laid once by a superuser (`psql -f roles.sql`, then `createdb -O taskgate_owner taskgate`). Safe to run again.
-- taskgate_owner owns everything and only `taskgatectl migrate` acts as it; the three others own nothing and log in.
do $$
declare r text;
begin
	foreach r in array array['taskgate_owner', 'taskgate_api', 'taskgate_sweep', 'taskgate_ctl'] loop
		if not exists (select from pg_roles where rolname = r) then
			execute format('create role %I nosuperuser nocreatedb nocreaterole nobypassrls', r);
		end if;
	end loop;
end $$;
alter role taskgate_owner nologin;
alter role taskgate_api login;
alter role taskgate_sweep login;
-- noinherit: it becomes the owner only where it says so (`set role`), which is in migrate.
alter role taskgate_ctl login noinherit;
grant taskgate_owner to taskgate_ctl;
