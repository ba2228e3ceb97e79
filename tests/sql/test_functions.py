# SPDX-License-Identifier: MIT
"""sql/functions: one place a function, its grants beside it, applied when its text has changed; and nothing of others is touched."""
import re

import stack as stacks

FOLDER = stacks.TOP / "sql" / "functions"
FILES = sorted(FOLDER.glob("*.sql"))
CREATED = re.compile(r"^create or replace (?:function|procedure) (\w+)\(", re.M)
OURS = """select p.proname from pg_proc p where p.pronamespace = 'taskgate'::regnamespace
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')"""


def test_every_function_of_the_database_is_one_of_the_files(db):
    names = [n for p in FILES for n in CREATED.findall(p.read_text())]
    assert sorted(names) == sorted(n for n, in db.run(OURS))


def test_every_function_has_its_grants_beside_it(db):
    for path in FILES:
        text = path.read_text()
        for name in CREATED.findall(text):
            beside = re.split(rf"^create or replace \w+ {name}\(", text, flags=re.M)[1].split("create or replace function", 1)[0]
            assert re.search(rf"^revoke all on (function|procedure) {name} from public, taskgate_api, taskgate_sweep, taskgate_ctl;$", beside, re.M), (path.name, name)
    assert db.run(OURS + " and has_function_privilege('public', p.oid, 'execute')") == []


def test_every_body_is_well_formed(db):
    """migrate does not look into the bodies, since functions name each other in any order."""
    for oid, language in db.run("""select p.oid, l.lanname from pg_proc p join pg_language l on l.oid = p.prolang where p.pronamespace = 'taskgate'::regnamespace"""):
        db.run("select plpgsql_validator(%s)" if language == "plpgsql" else "select fmgr_sql_validator(%s)", oid)


def test_no_function_stands_in_a_migration():
    for path in (stacks.TOP / "sql" / "migrations").glob("*.sql"):
        assert not re.search(r"\b(function|procedure|trigger)\b", re.sub(r"--.*", "", path.read_text())), path.name


def test_a_changed_text_and_only_that_is_applied(make_database):
    database = make_database("t_changed")
    before = dict(database.run("select name, applied_at from migration_text"))
    assert set(before) >= {f"functions/{p.name}" for p in FILES} | {"states.sql", "grants.sql"}
    for name in ("call_word", "message_state"):
        database.run(f"create or replace function {name}(p_state text) returns text language sql immutable parallel safe as $$ select 'changed' $$")
    database.run("update migration_text set sha256 = '\\x00' where name = 'functions/call_make.sql'")
    assert '"applied": 0, "texts": 1' in database.ctl("migrate", "--json").stdout
    assert database.run("select call_word('pending'), message_state('pending')") == [("PENDING", "changed")]
    after = dict(database.run("select name, applied_at from migration_text"))
    assert {n for n in after if after[n] != before[n]} == {"functions/call_make.sql"}


def test_an_older_release_does_not_bring_its_text_back(make_database):
    database = make_database("t_older")
    database.run("update migration_text set sha256 = '\\x00', release = '{999}' where name = 'functions/call_make.sql'")
    assert '"texts": 0' in database.ctl("migrate", "--json").stdout


def test_what_others_keep_in_the_schema_stays_as_it_is(make_database):
    database = make_database("t_foreign", migrated=False)
    database.run("""create schema taskgate authorization taskgate_owner; set search_path = taskgate; create function theirs() returns integer language sql as 'select 1';
        create table their_table (x integer); grant select on their_table to taskgate_api; create extension if not exists pg_trgm schema taskgate""")
    assert database.ctl("migrate").returncode == 0
    database.run("update migration_text set sha256 = '\\x00'")
    assert database.ctl("migrate").returncode == 0
    assert database.run("select has_function_privilege('taskgate_api', 'theirs()', 'execute'), has_table_privilege('taskgate_api', 'their_table', 'select'), "
                        "has_function_privilege('public', 'similarity(text,text)', 'execute')") == [(True, True, True)]
    assert database.run("select has_table_privilege('taskgate_ctl', 'their_table', 'select')") == [(False,)]
