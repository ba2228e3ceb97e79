# SPDX-License-Identifier: MIT
"""taskgatectl migrate: once and whole, however many run; functions and grants whenever their text has changed; nothing that is not ours."""
import concurrent.futures
import os
import subprocess

import pytest

import stack as stacks

TEXTS = ["functions/base.sql"] + sorted("functions/" + p.name for p in (stacks.TOP / "sql" / "functions").glob("*.sql") if p.name != "base.sql") + \
    ["states.sql", "grants.sql", "seed.sql"]


def dump(database):
    """The whole schema in pg_dump's words, but for what has the day or a random word in it."""
    env = dict(os.environ, PGHOST=database.ledger.env["PGHOST"], PGPORT=database.ledger.env["PGPORT"], PGUSER="postgres")
    done = subprocess.run(["pg_dump", "--schema-only", "--dbname", database.name], env=env, stdout=subprocess.PIPE, check=True, text=True, timeout=60)
    return [line for line in done.stdout.split("\n") if not line.startswith(("\\restrict", "\\unrestrict"))]


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
    assert db.ctl("migrate", "--json").stdout == '{"applied": 0, "texts": 0, "newest": %d}\n' % max(n for n, _ in before)
    assert db.run("select number, applied_at from migration") == before


def test_everything_belongs_to_the_owner(db):
    assert db.run("select c.relname from pg_class c where c.relnamespace = 'taskgate'::regnamespace and c.relowner <> 'taskgate_owner'::regrole") == []
    assert db.run("select p.proname from pg_proc p where p.pronamespace = 'taskgate'::regnamespace and p.proowner <> 'taskgate_owner'::regrole") == []


def test_newer_breaking_migration_is_refused(make_database):
    database = make_database("t_newer")
    database.run("insert into migration (number, name, breaking) values (9000, '9000_harmless.sql', false)")
    assert database.ctl("migrate").returncode == 0
    database.run("insert into migration (number, name, breaking) values (9001, '9001_breaking.sql', true)")
    done = database.ctl("migrate", check=False)
    assert done.returncode == 78 and "9001_breaking.sql" in done.stderr


def test_failed_migration_leaves_nothing(make_database):
    database = make_database("t_failed", migrated=False)
    database.run("set role taskgate_owner; create schema taskgate; create table taskgate.task (x integer)")
    done = database.ctl("migrate", check=False)
    assert done.returncode == 70 and "0002_ledger.sql" in done.stderr
    assert database.run("select number from migration") == [(1,)]
    assert database.value("select count(*) from pg_class where relname = 'state_edge'") == 0
    database.run("drop table taskgate.task")
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
