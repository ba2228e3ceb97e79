# SPDX-License-Identifier: MIT
"""The demonstration directory: what is in it, and that after each `demo load` every example of the document runs once more."""
import json

import pytest

import document
import stack as stacks
from conftest import Session

ENV = {"TASKGATE_PUBLIC_URL": "http://127.0.0.1:8080"}
PHONE = "+12025550143"


@pytest.fixture
def demo(make_database):
    """A database of the test's own, with the demonstration in it."""
    database = make_database(stacks.fresh("t_demo").replace("-", "_"))
    database.ctl("demo", "load", env=ENV)
    return database


@pytest.fixture
def first(demo):
    return demo.value("select id::text from tenant order by number limit 1")


def listed(demo, word, key, value):
    return [r for r in json.loads(demo.ctl(word, "list", "--json").stdout) if r[key] == value]


def finish(demo, first, code, **more):
    """The document's two examples, as PUT and POST /cbfinish/cb-98765 run them."""
    body = {"notes": "Customer agreed to premium plan. Contract sent via email."} if code == "SALE_COMPLETE" else {}
    with Session(demo, "taskgate_api", first) as s:
        row = s.named("callback_finish", "cb-98765", "cb-98765", "agent-456", code, json.dumps({**body, "outcome": "connected"}), more.get("type"), more.get("at"),
                      more.get("template"), more.get("attempt"), json.dumps(more["customer"]) if "customer" in more else None, True, True)[0]
        s.connection.commit()
    return row


def sale(demo, first):
    return finish(demo, first, "SALE_COMPLETE", type="followup_email", at="2024-01-16T10:00:00Z", template="contract_reminder",
                  customer={"plan_selected": "premium", "contract_sent": True, "email_confirmed": "customer@example.com"})


def no_answer(demo, first):
    return finish(demo, first, "NO_ANSWER", type="retry_callback", at="2024-01-15T17:00:00Z", attempt=2)


def check_directory(demo):
    assert [(r["email"], r["sms"], r["transcript"]) for r in listed(demo, "recipient", "id", "user-789")] == [("user@example.com", None, True)]
    assert [r["enabled"] for r in listed(demo, "agent", "id", "agent-456")] == [True]
    assert [(r["state"], r["phone"], r["email"]) for r in listed(demo, "callback", "id", "cb-98765")] == [("open", PHONE, "customer@example.com")]
    assert listed(demo, "callback", "id", "cb-98766") == []
    assert [r["name"] for r in json.loads(demo.ctl("template", "list", "--json").stdout)] == ["contract_reminder", "voicemail"]


def test_what_the_demonstration_has(demo):
    check_directory(demo)


def example(shared):
    return document.examples((shared / "spec" / "disposition.md").read_text())["Get Task Status"].answer["data"]


def check_sms(demo, first, wanted):
    with Session(demo, "taskgate_api", first) as s:
        s.rows("select set_config('tg.scopes', 'all', true)")
        row = s.named("disposition_task_get", "task-12345", True, True, None)[0]
    assert (row["public_id"], row["entity"], row["kind"], row["state"]) == ("task-12345", "task-12345", "sms", "completed")
    assert row["details"] == wanted["details"]
    assert [(h["status"], h["message"]) for h in row["history"]] == [(h["status"], h["message"]) for h in wanted["history"]]
    assert row["result"]["delivered"] is True and document.TIME.fullmatch(row["result"]["delivery_time"]) and len(row["result"]) == 2
    assert demo.run("select length(text), characters, segments, status, recipients, sent_at is not null, delivered_at is not null from message") == [
        (145, 145, 1, "delivered", ["+15559876543"], True, True)]
    assert demo.run("select event from message_event order by seq") == [("queued",), ("sending",), ("sent",), ("delivered",)]


def test_the_sms_is_the_documents(demo, first, shared):
    check_sms(demo, first, example(shared))
    demo.ctl("demo", "load", env=ENV)
    check_sms(demo, first, example(shared))
    assert demo.value("select count(*) from work") == 0
    assert demo.ctl("audit", "verify").returncode == 0


def test_both_callback_examples_run_after_each_load(demo, first):
    for _ in range(2):
        row = sale(demo, first)
        assert row["actions_triggered"] == [{"type": "crm_update", "status": "completed"},
                                            {"type": "followup_scheduled", "status": "completed", "scheduled_for": "2024-01-16T10:00:00Z"}]
        subject, text = demo.run("select m.subject, m.text from message m join task t on t.id = m.task_id where t.kind = 'email' order by t.seq desc limit 1")[0]
        assert subject == "Your premium plan: the contract awaits you" and "premium" in text and "cb-98765" in text and "{{" not in text
        assert listed(demo, "callback", "id", "cb-98765")[0]["state"] == "finished"
        demo.ctl("demo", "load", env=ENV)
        assert demo.value("select data::text from contact where id = 'cb-98765'") == "{}"
        assert no_answer(demo, first)["actions_triggered"] == [
            {"type": "callback_rescheduled", "status": "completed", "scheduled_for": "2024-01-15T17:00:00Z", "new_callback_id": "cb-98766"}]
        assert demo.value("select count(*) from work where lane = 'call'") == 1
        demo.ctl("demo", "load", env=ENV)
        assert demo.value("select count(*) from work where lane = 'call'") == 0
        assert listed(demo, "callback", "id", "cb-98766") == []
    entities = [e for e, in demo.run("select entity from task where kind = 'callback_finish' order by seq")]
    assert len(entities) == 4 and all(e.startswith("cb-98765:") for e in entities)
    assert demo.value("select count(*) from task where kind = 'call' and state = 'cancelled' and reason = 'the demonstration was put back'") == 2
    assert demo.ctl("audit", "verify").returncode == 0


def test_a_chain_of_callbacks_goes(demo, first):
    no_answer(demo, first)
    with Session(demo, "taskgate_api", first) as s:
        s.named("callback_finish", "cb-98766", "cb-98766", "agent-456", "NO_ANSWER", "{}", "retry_callback", None, None, None, None, False, False)
        s.connection.commit()
    assert listed(demo, "callback", "id", "cb-98767")
    demo.ctl("demo", "load", env=ENV)
    assert [r["id"] for r in json.loads(demo.ctl("callback", "list", "--json").stdout)] == ["cb-98765"]
    assert demo.value("select count(*) from task where entity = 'cb-98766'") == 0


def test_a_number_that_a_run_put_on_the_list_comes_off(demo, first):
    finish(demo, first, "DO_NOT_CALL")
    assert listed(demo, "dnc", "number", PHONE)
    demo.ctl("dnc", "add", "+12025550100")
    demo.ctl("demo", "load", env=ENV)
    assert listed(demo, "dnc", "number", PHONE) == [] and listed(demo, "dnc", "number", "+12025550100")


def voicemail(demo, first, entity, voicemail_id):
    with Session(demo, "taskgate_api", first) as s:
        made = s.named("voicemail_create", entity, voicemail_id, "+15551234567", "user-789", 45, "2024-01-15T10:30:00Z", None, None, "normal", None, None, False)
        s.connection.commit()
    return made[0]


def test_the_other_examples_names_are_free_again(demo, first):
    for _ in range(2):
        assert voicemail(demo, first, "vm-12345", "vm-12345")["entity"] == "vm-12345"
        with Session(demo, "taskgate_api", first) as s:
            assert s.named("generic_create", "custom-task-001", "lead_followup", "process", "lead-12345", "{}", 7, None, 600, 2, None, "{sales}", False)
            s.connection.commit()
        demo.ctl("demo", "load", env=ENV)
    # One that files the example's voicemail under an entity of its own keeps that; what somebody made beside the examples is left alone.
    voicemail(demo, first, "mine", "vm-12345")
    voicemail(demo, first, "vm-12346", "vm-12346")
    demo.ctl("demo", "load", env=ENV)
    kept = demo.run("select entity, target_id like 'vm-12345:%%' from task where kind = 'voicemail' and entity in ('mine', 'vm-12346') order by entity")
    assert kept == [("mine", True), ("vm-12346", False)]
    assert voicemail(demo, first, "vm-12345", "vm-12345")
    assert demo.ctl("audit", "verify").returncode == 0


def test_an_sms_in_the_way_and_a_purge_are_put_right(demo, first, shared):
    demo.run("update task set purged_at = now() where public_id = 'task-12345'; delete from task_body where task_id = (select id from task where public_id = 'task-12345');"
                 "delete from message_event; delete from message")
    with Session(demo, "taskgate_api", first) as s:
        s.named("generic_create", "task-12345", "job", "process", None, None, 5, None, 300, 0, None, None, False)
        s.connection.commit()
    demo.ctl("demo", "load", env=ENV)
    check_sms(demo, first, example(shared))
    assert demo.ctl("audit", "verify").returncode == 0


def test_what_was_changed_is_demo_and_what_was_added_stays(demo):
    demo.ctl("agent", "add", "agent-456", "--disabled")
    demo.ctl("recipient", "add", "user-789", "--sms", PHONE)
    demo.ctl("disposition", "remove", "NO_ANSWER")
    demo.ctl("template", "remove", "contract_reminder")
    demo.ctl("callback", "add", "cb-98765", "--contact", "other", "--phone", "+12025550100")
    demo.ctl("agent", "add", "mine")
    demo.ctl("demo", "load", env=ENV)
    check_directory(demo)
    assert listed(demo, "disposition", "code", "NO_ANSWER") and listed(demo, "agent", "id", "mine") and listed(demo, "contact", "id", "other")


def test_another_tenant_is_left_alone(demo):
    demo.ctl("tenant", "add", "neighbour")
    demo.ctl("callback", "add", "cb-98766", "--phone", PHONE, "--tenant", "neighbour")
    demo.ctl("dnc", "add", PHONE, "--tenant", "neighbour")
    demo.ctl("demo", "load", env=ENV)
    assert len(json.loads(demo.ctl("callback", "list", "--tenant", "neighbour", "--json").stdout)) == 1
    assert len(json.loads(demo.ctl("dnc", "list", "--tenant", "neighbour", "--json").stdout)) == 1
