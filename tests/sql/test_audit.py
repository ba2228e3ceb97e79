# SPDX-License-Identifier: MIT
"""taskgatectl audit: an untouched history holds, and each way of tampering with it is found and named."""
import json

import pytest

from conftest import Session


@pytest.fixture(scope="module")
def tasks(db):
    """Three tasks of the first tenant with a history: one created, one cancelled, one claimed and completed."""
    tenant = db.value("select id::text from tenant order by number limit 1")
    db.ctl("user", "add", "someone")
    principal = db.value("select id::text from principal where handle = 'someone'")
    made = {}
    for entity, type_ in (("created", "t1"), ("cancelled", "t2"), ("completed", "t3")):
        with Session(db, "taskgate_api", tenant) as s:
            s.rows("select set_config('tg.principal', %s, true), set_config('tg.request', 'r1', true), set_config('tg.remote', '127.0.0.1', true)", principal)
            s.named("generic_create", entity, type_, "process", None, None, 5, None, 300, 0, None, None, False)
            if entity == "completed":
                w = s.named("work_claim", "{t3}", 1, 30, "w")[0]
                assert s.named("work_complete", w["id"], w["fence"], '{"ok": true}')[0]["held"]
            s.connection.commit()
    db.ctl("task", "cancel", "cancelled")
    return {e: i for e, i in db.run("select entity, id::text from task")}


def verify(db, *args):
    done = db.ctl("audit", "verify", "--json", *args, check=False)
    return done.returncode, json.loads(done.stdout)


def test_untouched_history_holds(db, tasks):
    code, said = verify(db)
    assert (code, said["ok"], said["tasks"], said["events"], said["broken"]) == (0, True, 3, 6, None)
    assert verify(db, "--tenant", "main")[0] == 0


TAMPER = {
    "changed reason": ("update task_event set reason = 'innocent' where task_id = %(completed)s and seq = 2", "completed", 2, "changed"),
    "changed time": ("update task_event set at = at + interval '1 us' where task_id = %(completed)s and seq = 3", "completed", 3, "changed"),
    "changed principal": ("update task_event set principal_id = null where task_id = %(created)s", "created", 1, "changed"),
    "changed remote": ("update task_event set remote = '10.0.0.1' where task_id = %(created)s", "created", 1, "changed"),
    "changed claim of who it is for": ("update task_event set on_behalf = 'somebody' where task_id = %(created)s", "created", 1, "changed"),
    "changed data": ("update task_event set data = '{}' where task_id = %(created)s", "created", 1, "changed"),
    "changed state": ("update task_event set to_state = 'failed' where task_id = %(completed)s and seq = 3", "completed", 3, "changed"),
    "event taken out": ("delete from task_event where task_id = %(completed)s and seq = 2", "completed", 3, "missing"),
    "first event taken out": ("delete from task_event where task_id = %(completed)s and seq = 1", "completed", 2, "missing"),
    "last event taken off": ("delete from task_event where task_id = %(cancelled)s and seq = 2", "cancelled", 1, "does not end"),
    "whole history taken out": ("delete from task_event where task_id = %(cancelled)s", "cancelled", 0, "no history"),
    "task taken out": ("delete from task where id = %(cancelled)s", "cancelled", 1, "gone"),
    "link forged": ("""update task_event set reason = 'x', hash = event_hash(prev_hash, task_id, seq, at, machine, from_state, event, to_state,
        principal_id::text, on_behalf, remote, request_id, 'x', data::text) where task_id = %(completed)s and seq = 2""", "completed", 3, "does not go on"),
    "last link forged": ("""update task_event set reason = 'x', hash = event_hash(prev_hash, task_id, seq, at, machine, from_state, event, to_state,
        principal_id::text, on_behalf, remote, request_id, 'x', data::text) where task_id = %(completed)s and seq = 3""", "completed", 3, "does not end"),
}


def test_a_broken_rule_is_named(db, tasks):
    """Behind the histories: what no constraint forbids, since it would cost every statement (migration 0013)."""
    db.run("insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, lease_until) select gen_random_uuid(), tenant_id, id, now(), 5, true, 'pull', now() from task where id = %s",
           tasks["created"])
    try:
        code, said = verify(db)
        assert (code, said["ok"], said["broken"]["task_id"], said["broken"]["seq"], said["broken"]["fault"]) == (70, False, tasks["created"], None, "the rule work_lease is broken")
        assert "task task-gen-" in db.ctl("audit", "verify", check=False).stderr
    finally:
        db.run("delete from work where lease_until is not null")


@pytest.mark.parametrize("how", TAMPER)
def test_tampering_is_found(make_database, db, tasks, how):
    statement, entity, seq, fault = TAMPER[how]
    db.ledger.run("drop database if exists t_tampered (force)")
    db.ledger.run(f"create database t_tampered template {db.name} owner taskgate_owner")
    bad = type(db)(db.ledger, "t_tampered")
    c = bad.connect(autocommit=False)
    with c.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(statement, tasks)
        assert cursor.rowcount > 0
    c.commit()
    c.close()
    code, said = verify(bad)
    assert code == 70 and not said["ok"]
    assert (said["broken"]["task_id"], said["broken"]["seq"]) == (tasks[entity], seq)
    assert fault in said["broken"]["fault"]
    bad.ledger.run("drop database t_tampered (force)")


def test_many_tasks_are_read_in_batches(make_database):
    database = make_database("t_many")
    database.run("""insert into task (tenant_id, api, kind, machine, state, event, public_id)
        select t.id, 'disposition', 'generic', 'disposition', 'pending', 'create', 'm-' || n from tenant t, generate_series(1, 12000) n""")
    code, said = verify(database)
    assert (code, said["tasks"], said["events"]) == (0, 12000, 12000)
    lines = database.ctl("audit", "export").stdout.splitlines()
    assert len({(j["task_id"], j["seq"]) for j in map(json.loads, lines) if j["record"] == "event"}) == 12000


def test_export_holds_audit_and_history(db, tasks):
    lines = [json.loads(line) for line in db.ctl("audit", "export", "--tenant", "main").stdout.splitlines()]
    events = [j for j in lines if j["record"] == "event"]
    assert {j["action"] for j in lines if j["record"] == "audit"} >= {"ctl.user.add", "ctl.task.cancel"}
    assert [(j["from"], j["event"], j["to"]) for j in events if j["task_id"] == tasks["completed"]] == [
        ("-", "create", "pending"), ("pending", "claim", "processing"), ("processing", "complete", "completed")]
    by_hand = [j for j in events if j["task_id"] == tasks["cancelled"]][-1]
    assert by_hand["request_id"] == "taskgatectl" and by_hand["principal_id"] is None
