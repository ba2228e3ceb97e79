# SPDX-License-Identifier: MIT
"""The table of edges: the same in C and in the database, and the trigger lets nothing else through, whoever asks."""
import json

import psycopg2
import psycopg2.errors
import pytest

FINISHED = ("completed", "failed", "cancelled", "expired")


def edges(db):
    return set(db.run("select machine, from_state, event, to_state from state_edge"))


def test_state_edge_equals_the_table_in_c(db):
    of_c = [(e["machine"], e["from"], e["event"], e["to"], e["why"]) for e in json.loads(db.ctl("states", "--json").stdout)]
    assert len(of_c) == len(set(of_c))
    assert set(of_c) == set(db.run("select machine, from_state, event, to_state, why from state_edge"))


def test_states_in_constraint_are_the_states_of_the_edges(db):
    words = db.value("select pg_get_constraintdef(oid) from pg_constraint where conname = 'task_state'")
    for state in {e[3] for e in edges(db)}:
        assert f"'{state}'" in words


@pytest.fixture(scope="module")
def put(db):
    """put(state): the internal id of a task in that state, laid there behind the trigger's back."""
    def make(cursor, state):
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("""insert into task (tenant_id, api, kind, machine, state, event, public_id, started_at, finished_at)
            values ((select id from tenant limit 1), 'disposition', 'generic', 'disposition', %s, 'create', 't-' || gen_random_uuid(),
            now(), case when %s then now() end) returning id""", (state, state in FINISHED))
        made = cursor.fetchone()[0]
        cursor.execute("set local session_replication_role = origin")
        return made
    return make


def test_trigger_takes_each_edge_and_refuses_each_other_move(db, put):
    known = {e[1:] for e in edges(db) if e[0] == "disposition"}
    states, events = {e[0] for e in known} | {e[2] for e in known}, {e[1] for e in known}
    c = db.connect(autocommit=False)
    cursor = c.cursor()
    tried = 0
    for before in sorted(states - {"-"}):
        task = put(cursor, before)
        for event in sorted(events):
            for after in sorted(states - {"-"}):
                cursor.execute("savepoint s")
                try:
                    cursor.execute("update task set state = %s, event = %s, reason = null where id = %s", (after, event, task))
                    taken = True
                    cursor.execute("select count(*) from task_event where task_id = %s and from_state = %s and event = %s and to_state = %s",
                                   (task, before, event, after))
                    assert cursor.fetchone()[0] == 1
                except psycopg2.Error as e:
                    taken = False
                    assert e.pgcode == "TG409" and e.diag.constraint_name == "state_edge"
                cursor.execute("rollback to savepoint s")
                assert taken == ((before, event, after) in known), (before, event, after)
                tried += 1
    assert tried == len(states - {"-"}) ** 2 * len(events)
    c.rollback()
    c.close()


@pytest.mark.parametrize("state", ["queued", "processing", "completed"])
def test_trigger_refuses_a_birth_in_another_state(db, state):
    with pytest.raises(psycopg2.Error) as caught:
        db.run("""insert into task (tenant_id, api, kind, machine, state, event, public_id) values
            ((select id from tenant limit 1), 'disposition', 'generic', 'disposition', %s, 'create', 'birth')""", state)
    assert caught.value.diag.constraint_name == "state_edge"


def test_machine_never_changes(db, put):
    c = db.connect(autocommit=False)
    cursor = c.cursor()
    task = put(cursor, "pending")
    with pytest.raises(psycopg2.Error) as caught:
        cursor.execute("update task set machine = 'call' where id = %s", (task,))
    assert caught.value.diag.constraint_name == "machine_change"
    c.rollback()
    c.close()


@pytest.mark.parametrize("column, value", [("event_seq", "7"), ("event_hash", "'\\x00'")])
def test_chain_cannot_be_bent_by_an_update(db, put, column, value):
    """An UPDATE of the chain's columns is a move like any other, and there is no edge for it."""
    c = db.connect(autocommit=False)
    cursor = c.cursor()
    task = put(cursor, "completed")
    with pytest.raises(psycopg2.Error) as caught:
        cursor.execute(f"update task set {column} = {value} where id = %s", (task,))
    assert caught.value.diag.constraint_name == "state_edge"
    c.rollback()
    c.close()
