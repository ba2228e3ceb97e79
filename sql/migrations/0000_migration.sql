-- Run before every migration, so it must stay harmless when repeated: the list of migrations that were applied.
create table if not exists migration (
	number integer primary key,
	name text not null,
	breaking boolean not null default false,         -- older programs must not run against it
	applied_at timestamptz not null default now()
);
