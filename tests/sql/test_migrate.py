# SPDX-License-Identifier: MIT
"""taskgatectl migrate: once and whole, however many run; and the schema that it makes is the one that is reviewed."""
import concurrent.futures
import os
import subprocess

import pytest

import stack as stacks

SCHEMA = stacks.TOP / "sql" / "schema.sql"
DUMP = stacks.TOP / "tests" / "lib" / "dump_schema.sh"


def dump(database):
    env = dict(os.environ, PGHOST=database.ledger.env["PGHOST"], PGPORT=database.ledger.env["PGPORT"], PGUSER="postgres")
    return subprocess.run([str(DUMP), database.name], env=env, stdout=subprocess.PIPE, check=True, text=True, timeout=60).stdout


def test_migrated_schema_equals_schema_sql(db):
    if not 150000 <= int(db.value("select current_setting('server_version_num')")) < 160000:
        pytest.skip("sql/schema.sql is the dump of PostgreSQL 15; another release prints the same schema in other words")
    assert dump(db) == SCHEMA.read_text(), "after a new migration: tests/lib/dump_schema.sh >sql/schema.sql on a migrated database"


def test_twenty_parallel_migrations_end_with_one_result(make_database, db):
    database = make_database("t_parallel", migrated=False)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: database.ctl("migrate", check=False), range(20)))
    assert [(d.returncode, d.stderr) for d in done] == [(0, "")] * 20
    assert database.run("select number, name from migration order by number") == db.run("select number, name from migration order by number")
    assert database.value("select count(*) from tenant") == 1
    assert dump(database) == dump(db)


def test_migrate_again_does_nothing(db):
    before = db.run("select number, applied_at from migration")
    assert db.ctl("migrate", "--json").stdout == '{"applied": 0, "newest": %d}\n' % max(n for n, _ in before)
    assert db.run("select number, applied_at from migration") == before


def test_everything_belongs_to_the_owner(db):
    assert db.run("select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relowner <> 'taskgate_owner'::regrole") == []
    assert db.run("select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proowner <> 'taskgate_owner'::regrole") == []


def test_newer_breaking_migration_is_refused(make_database):
    database = make_database("t_newer")
    database.run("insert into migration (number, name, breaking) values (9000, '9000_harmless.sql', false)")
    assert database.ctl("migrate").returncode == 0
    database.run("insert into migration (number, name, breaking) values (9001, '9001_breaking.sql', true)")
    done = database.ctl("migrate", check=False)
    assert done.returncode == 78 and "9001_breaking.sql" in done.stderr


def test_failed_migration_leaves_nothing(make_database):
    database = make_database("t_failed", migrated=False)
    database.run("set role taskgate_owner; create table task (x integer)")
    done = database.ctl("migrate", check=False)
    assert done.returncode == 70 and "0002_ledger.sql" in done.stderr
    assert database.run("select number from migration") == [(1,)]
    assert database.value("select count(*) from pg_class where relname = 'state_edge'") == 0
    database.run("drop table task")
    assert database.ctl("migrate").returncode == 0


@pytest.mark.parametrize("role", ["postgres", "taskgate_api", "taskgate_sweep"])
def test_migrate_acts_for_nobody_but_taskgate_ctl(db, role):
    done = db.ctl("migrate", check=False, env={"TASKGATE_ADMIN_DATABASE": db.conninfo(role)})
    assert done.returncode == 78 and role in done.stderr


def test_database_away_is_try_again(db):
    done = db.ctl("migrate", check=False, env={"TASKGATE_ADMIN_DATABASE": f"host={db.ledger.dir}/nowhere user=taskgate_ctl"})
    assert done.returncode == 75


def test_unmigrated_database_is_named(make_database):
    done = make_database("t_empty", migrated=False).ctl("tenant", "list", check=False)
    assert done.returncode == 78 and "taskgatectl migrate" in done.stderr
