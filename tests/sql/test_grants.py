# SPDX-License-Identifier: MIT
"""Who may do what in the database itself, whatever the programs do: narrow grants, and one tenant blind to another."""
import psycopg2.errors
import pytest

from conftest import ROLES, Session

TENANT_TABLES = ("principal", "token", "webhook_key", "customer", "persona", "task_type", "audit", "task", "task_body", "task_tag", "task_event",
                 "task_log", "delivery", "work", "idempotency", "type_poll", "agent", "contact", "callback", "entity", "recipient", "disposition_code",
                 "email_template", "do_not_call", "message", "message_file", "message_event", "call", "campaign")
PROGRAM_TABLES = ("tenant", "lane", "sweeper", "host_state", "cluster_mark", "migration", "migration_text", "state_edge", "rate_window", "twilio_event", "pace", "number_zone")


@pytest.fixture(scope="module")
def tenants(db):
    """Two tenants with the same content."""
    made = {}
    for name in ("one", "two"):
        db.ctl("tenant", "add", name)
        db.ctl("user", "add", "u", "--tenant", name)
        db.ctl("token", "create", "--tenant", name, "--user", "u", "--scope", "all")
        db.ctl("customer", "add", "c", "--tenant", name)
        db.ctl("type", "add", "job", "--tenant", name)
        made[name] = db.value("select id::text from tenant where name = %s", name)
        with Session(db, "taskgate_api", made[name]) as s:
            s.named("generic_create", "e1", "job", "process", None, '{"a": 1}', 5, None, 300, 0, "http://127.0.0.1/", "{x}", False)
            s.connection.commit()
    db.run("""insert into persona select c.tenant_id, c.id, p.id from customer c join principal p on p.tenant_id = c.tenant_id;
        insert into task_log (tenant_id, task_id, id, level, message) select tenant_id, id, 1, 'info', 'x' from task;
        insert into delivery (tenant_id, task_id, seq, event, url) select tenant_id, id, 1, 'e', 'http://127.0.0.1/' from task;
        insert into idempotency (tenant_id, principal_id, key_hash, body_hash, method, path) select tenant_id, id, '\\x00', '\\x00', 'PUT', '/' from principal;
        insert into type_poll (tenant_id, type) select tenant_id, name from task_type;
        insert into agent (tenant_id, id) select distinct tenant_id, 'a' from task_type; insert into entity (tenant_id, name) select distinct tenant_id, 'e' from task_type;
        insert into contact (tenant_id, id) select distinct tenant_id, 'c' from task_type; insert into callback (tenant_id, id) select distinct tenant_id, 'cb' from task_type;
        insert into recipient (tenant_id, id, email) select distinct tenant_id, 'r', 'r@example.com' from task_type;
        insert into do_not_call (tenant_id, number) select distinct tenant_id, '+12025550143' from task_type;
        insert into message (tenant_id, task_id, channel, provider, recipients) select tenant_id, id, 'sms', 'twilio', '{+12025550143}' from task;
        insert into message_file (tenant_id, task_id, n, name, type, content) select tenant_id, id, 1, 'f', 'text/plain', 'x' from task;
        insert into call (tenant_id, id, task_id, number) select tenant_id, id, id, '+12025550143' from task;
        insert into campaign (tenant_id, task_id) select tenant_id, id from task""")
    return made


def refused(db, role, statement, tenant=None):
    with Session(db, role, tenant) as s:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            s.rows(statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", ["update task_event set reason = 'x'", "delete from task_event", "truncate task_event", "truncate task",
                                       "delete from audit", "update audit set what = 'x'", "delete from task", "drop table task",
                                       "alter table task disable trigger task_move", "insert into state_edge values ('x', '-', 'a', 'b', 'c')",
                                       "insert into migration (number, name) values (1, 'x')", "create table mine (x integer)",
                                       "set role postgres", "set session_replication_role = replica"])
def test_no_program_may(db, role, statement):
    refused(db, role, statement)


@pytest.mark.parametrize("statement", ["select hash from token", "select secret from webhook_key", "select action from audit", "insert into audit (action) values ('x')",
                                       "insert into task_event (tenant_id) values (null)", "insert into delivery (tenant_id) values (null)",
                                       "update principal set role = 'manager'", "insert into task_type (tenant_id, name) values (null, 'x')",
                                       "update lane set paused_at = null", "select grants from rate_window", "select partition_ensure(1)",
                                       "select sid from twilio_event", "insert into twilio_event (sid, status, params) values ('SM1', 'sent', '{}')",
                                       "update twilio_event set status = 'sent'", "delete from twilio_event",
                                       "insert into message_event (tenant_id, task_id, seq, event, message) values (null, null, 1, 'sent', 'x')",
                                       "update message_event set message = 'x'", "delete from message_event", "delete from message", "update message_file set name = 'x'",
                                       "delete from message_file", "update email_template set text = 'x'", "insert into recipient (tenant_id, id) values (null, 'r')",
                                       "insert into disposition_code (tenant_id, code) values (null, 'X')", "delete from do_not_call", "update do_not_call set reason = 'x'",
                                       "update agent set enabled = true", "delete from callback", "delete from contact", "update call set number = '+12025550143'",
                                       "select message_settle(null, 1, 'sent', null, null, 0, '{1,1}')", "select voicemail_notify(1)",
                                       "select message_becomes(null, null, 'sent', null, null, null)", "select tenant_furnish(null)",
                                       "set role taskgate_owner"])
def test_api_may_not(db, statement):
    refused(db, "taskgate_api", statement)


@pytest.mark.parametrize("statement", ["insert into token (hash) values ('x')", "update token set revoked_at = null", "select action from audit", "insert into task_event (tenant_id) values (null)",
                                       "update webhook_key set retire_at = now()", "set role taskgate_owner", "insert into twilio_event (sid, status, params) values ('SM1', 'sent', '{}')",
                                       "insert into message_event (tenant_id, task_id, seq, event, message) values (null, null, 1, 'sent', 'x')", "update message_event set message = 'x'",
                                       "update email_template set text = 'x'", "update recipient set email = 'x@example.com'", "insert into do_not_call (number) values ('+12025550143')", "delete from do_not_call",
                                       "select phone from contact", "select message_reported(null, 'SM1', 'sent', null, '{}', null, null)",
                                       "select callback_finish('e', 'c', 'a', 'BUSY', '{}', null, now(), null, null, null, false, false)"])
def test_sweeper_may_not(db, statement):
    refused(db, "taskgate_sweep", statement)


def test_ctl_may_not_write_history(db):
    refused(db, "taskgate_ctl", "insert into task_event (tenant_id) values (null)")


def test_every_table_is_sorted_into_tenants_or_programs(db):
    """A new table must say here whose it is; a tenant's table has row-level security and its tenant first in its key."""
    names = {n for n, in db.run("""select relname from pg_class where relnamespace = 'taskgate'::regnamespace and relkind in ('r', 'p') and not relispartition""")}
    assert names == set(TENANT_TABLES) | set(PROGRAM_TABLES)
    for name in TENANT_TABLES + ("tenant",):
        assert db.value("select relrowsecurity from pg_class where oid = %s::regclass", name), name


def visible(s, table):
    try:
        s.rows("savepoint v")
        return s.rows(f"select count(*) from {table}")[0][0]
    except psycopg2.errors.InsufficientPrivilege:
        s.rows("rollback to savepoint v")
        return None


def test_one_tenant_sees_nothing_of_another(db, tenants):
    for mine, other in (("one", "two"), ("two", "one")):
        with Session(db, "taskgate_api", tenants[mine]) as s:
            for table in TENANT_TABLES:
                seen = visible(s, table)
                if seen is None:
                    continue
                all_mine = db.value(f"select count(*) from {table} where tenant_id = %s", tenants[mine])
                assert seen == all_mine > 0, table
                assert s.rows(f"select count(*) from {table} where tenant_id = %s", tenants[other]) == [(0,)], table
            assert s.rows("select name from tenant") == [(mine,)]


def test_without_a_tenant_nothing_is_seen(db, tenants):
    with Session(db, "taskgate_api") as s:
        for table in TENANT_TABLES + ("tenant",):
            assert visible(s, table) in (0, None), table


@pytest.mark.parametrize("statement", [
    "update task set progress = 1 where tenant_id = '{other}'", "update task_body set input = null where tenant_id = '{other}'",
    "update work set fence = 99 where tenant_id = '{other}'", "delete from work where tenant_id = '{other}'", "delete from task_tag where tenant_id = '{other}'"])
def test_one_tenant_changes_nothing_of_another(db, tenants, statement):
    with Session(db, "taskgate_api", tenants["one"]) as s:
        s.rows(statement.format(other=tenants["two"]))
        assert s.cursor.rowcount == 0


def test_one_tenant_writes_nothing_for_another(db, tenants):
    refused(db, "taskgate_api", f"insert into task_tag values ('{tenants['two']}', 'x', 1)", tenants["one"])
    refused(db, "taskgate_api", f"update task set tenant_id = '{tenants['two']}', progress = 1", tenants["one"])


def test_statements_do_not_reach_over(db, tenants):
    with Session(db, "taskgate_api", tenants["one"]) as s:
        theirs = db.value("select public_id from task where tenant_id = %s", tenants["two"])
        theirs_id = db.value("select id::text from task where tenant_id = %s", tenants["two"])
        assert s.named("disposition_task_get", theirs, True, True, None) == []
        assert s.named("generic_get", theirs, True, True, True) == []
        assert s.named("disposition_task_cancel", theirs) == []
        assert s.named("task_why", theirs) == []
        assert not s.named("work_heartbeat", theirs_id, 0, 10)[0]["held"]
        assert [w["public_id"] for w in s.named("work_claim", None, 10, 30, "w")] != [theirs]


def test_enter_is_the_only_way_to_a_tenant_and_cannot_be_forged_by_a_token(db, tenants):
    with Session(db, "taskgate_api") as s:
        with pytest.raises(psycopg2.Error) as caught:
            s.named("enter", "\\x" + "00" * 32, "disposition:read", "r", "127.0.0.1", None)
        assert caught.value.pgcode == "TG401"
