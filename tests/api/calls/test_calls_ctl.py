# SPDX-License-Identifier: MIT
"""taskgatectl's commands about calls: a list, the settling by hand, an end to all of it, the progress of campaigns. Quiet hours are in test_calls_comply.py."""
import json
import threading

import pytest

import calling
from standin_http import Reply
from waiting import PATIENCE, never, until


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


def ctl(tenant, *words, check=True):
    return tenant.stack.program("taskgatectl", *words, "--tenant", tenant.name, check=check)


def listed(tenant, *words):
    return json.loads(ctl(tenant, "call", "list", "--json", *words).stdout)


def audit(stack, tenant):
    return stack.row("select action, what, detail->>'dialled' as dialled, detail->>'stopped' as stopped from audit where tenant_id = %s order by id desc limit 1", tenant.id)


def unknown(tenant, twilio, **fields):
    """A call of which nobody knows whether it was dialled, and that Twilio does not list; gives number, task, call."""
    number = calling.phone()
    twilio.script(Reply(500), to=number)
    _, made = calling.queue(tenant.api, number, **fields)
    calling.wait_message(tenant.api, made["task_id"], "Outcome of the dial is unknown; asking Twilio")
    return number, made["task_id"], str(calling.call_of(tenant.stack, made["task_id"])["id"])


def test_list(own_tenant, twilio):
    assert listed(own_tenant) == [] and ctl(own_tenant, "call", "list").returncode == 0
    number, gate = calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": gate})
    _, talking = calling.queue(own_tenant.api, number)
    later, waiting = calling.queue(own_tenant.api, delay_seconds=600)
    lost, task, call = unknown(own_tenant, twilio)
    until(lambda: listed(own_tenant)[0]["state"] == "accepted", "the call that rings")
    shown = listed(own_tenant)
    assert [(c["number"], c["task_id"], c["state"]) for c in shown] == [(number, talking["task_id"], "accepted"), (lost, task, "unknown"), (later, waiting["task_id"], "pending")]
    assert shown[0]["sid"] == twilio.calls_to(number)[0].sid and shown[1]["reason"] in ("Twilio answered 500 and no call", "the sweeper went away before the answer") and shown[2]["granted_at"] is None
    assert [c["id"] for c in listed(own_tenant, "--unknown")] == [call]
    text = ctl(own_tenant, "call", "list").stdout
    assert number in text and "unknown" in text and text.startswith("CALL")
    gate.set()
    ctl(own_tenant, "call", "settle", call, "--not-dialled")
    calling.cancel(own_tenant.api, waiting["task_id"]).ok()
    calling.wait(own_tenant.api, talking["task_id"])
    assert listed(own_tenant) == []


@pytest.mark.parametrize("flag, word", [("--dialled", "SUCCESS"), ("--not-dialled", "FAILURE")])
def test_settle(tenant, twilio, stack, flag, word):
    number, task, call = unknown(tenant, twilio)
    assert ctl(tenant, "call", "settle", call, flag).stdout.split() == ["call", call, "was", "unknown", "state", "completed" if word == "SUCCESS" else "failed"]
    done = calling.status(tenant.api, task)
    assert done["status"] == word and done["error"] == (None if word == "SUCCESS" else "not dialled: settled by hand")
    assert done["result"] is None if word == "FAILURE" else (done["result"]["call_sid"], done["result"]["duration"]) == (None, None)
    row = audit(stack, tenant)
    assert (row["action"], row["what"], row["dialled"]) == ("ctl.call.settle", call, "true" if flag == "--dialled" else "false")
    again = ctl(tenant, "call", "settle", call, flag, check=False)
    assert again.returncode == 64 and "not unknown" in again.stderr and calling.status(tenant.api, task) == done
    assert len(twilio.creations(number)) == 1
    assert stack.value("select count(*) from task_log l join task t on t.id = l.task_id where t.public_id = %s and l.message like '%%settled by hand'", task) == 1


def test_settle_refuses_what_is_not_unknown(tenant, own_tenant, twilio):
    number, task, call = unknown(tenant, twilio)
    for words, text in (([call], "say --dialled or --not-dialled"), ([call, "--dialled", "--not-dialled"], "say --dialled or"), (["x", "--dialled"], "not the id of a call"),
                        (["00000000-0000-4000-8000-000000000000", "--dialled"], "there is no call"), ([], "usage")):
        done = ctl(tenant, "call", "settle", *words, check=False)
        assert done.returncode == 64 and text in done.stderr and done.stdout == ""
    assert "there is no call" in ctl(own_tenant, "call", "settle", call, "--dialled", check=False).stderr
    assert calling.status(tenant.api, task)["status"] == "PROGRESS"
    _, made = calling.queue(tenant.api, delay_seconds=600)
    pending = str(calling.call_of(tenant.stack, made["task_id"])["id"])
    assert "is pending, not unknown" in ctl(tenant, "call", "settle", pending, "--not-dialled", check=False).stderr
    calling.cancel(tenant.api, made["task_id"]).ok()
    ctl(tenant, "call", "settle", call, "--not-dialled")


def test_settle_of_one_that_was_cancelled_meanwhile(tenant, twilio):
    _, task, call = unknown(tenant, twilio)
    calling.cancel(tenant.api, task).ok()
    ctl(tenant, "call", "settle", call, "--dialled")
    assert calling.status(tenant.api, task)["status"] == "REVOKED" and calling.call_of(tenant.stack, task)["state"] == "cancelled"


def test_stop_all(own_tenant, tenant, twilio, stack):
    """Whatever stage it is in; another tenant's calls go on."""
    ringing, talking, others = calling.phone(), calling.phone(), calling.phone()
    gates = {n: threading.Event() for n in (ringing, talking, others)}
    twilio.plan_call(to=ringing, holds={"ringing": gates[ringing]})
    twilio.plan_call(to=talking, holds={"in-progress": gates[talking]})
    twilio.plan_call(to=others, holds={"ringing": gates[others]})
    _, theirs = calling.queue(tenant.api, others)
    tasks = [calling.queue(own_tenant.api, n)[1]["task_id"] for n in (ringing, talking)]
    later, made = calling.queue(own_tenant.api, delay_seconds=2)
    tasks += [made["task_id"], unknown(own_tenant, twilio)[1], calling.queue_bulk(own_tenant.api, ["+12025550100", calling.phone()], delay_between_calls=300)["task_id"]]
    ended, done = calling.queue(own_tenant.api)
    calling.wait(own_tenant.api, done["task_id"])
    calling.wait(own_tenant.api, tasks.pop(), "SUCCESS")      # unpaced: it has ended by itself
    for n, state in ((ringing, "ringing"), (talking, "in-progress"), (others, "ringing")):
        until(lambda: calling.the_call(twilio, n).status == state, f"{state} of {n}")
    until(lambda: all(c["sid"] for c in listed(own_tenant) if c["state"] == "accepted"), "what Twilio answered")
    assert ctl(own_tenant, "call", "stop-all").stdout.split() == ["stopped", "4"]
    assert audit(stack, own_tenant)["stopped"] == "4"
    for task in tasks:
        shown = calling.status(own_tenant.api, task)
        assert (shown["status"], shown["message"]) == ("REVOKED", "all calls were stopped by an operator")
    assert calling.status(own_tenant.api, done["task_id"])["status"] == "SUCCESS"
    assert twilio.calls_to(ringing)[0].over.wait(10 * PATIENCE) and twilio.calls_to(talking)[0].over.wait(10 * PATIENCE)
    assert (twilio.calls_to(ringing)[0].status, twilio.calls_to(talking)[0].status) == ("canceled", "completed")
    assert json.loads(ctl(own_tenant, "call", "stop-all", "--json").stdout) == {"stopped": 0}
    never(lambda: twilio.creations(later), "a call that was scheduled", seconds=2.2)
    assert calling.status(tenant.api, theirs["task_id"])["status"] == "PROGRESS" and twilio.calls_to(others)[0].status == "ringing"
    gates[others].set()
    calling.wait(tenant.api, theirs["task_id"], "SUCCESS")


def test_status_shows_how_far_a_campaign_is(own_stack, twilio):
    stack = own_stack(**calling.FAST, TASKGATE_CALLS_PER_SECOND=0, TASKGATE_CALLS_PER_MINUTE=0, **twilio.settings())
    tenant, numbers = stack.tenant(), [calling.phone() for _ in range(3)]
    gate = threading.Event()
    twilio.plan_call("busy", to=numbers[0])
    twilio.plan_call(to=numbers[1], holds={"in-progress": gate})
    made = calling.queue_bulk(tenant.api, numbers, delay_between_calls=2, max_concurrent_calls=1)
    until(lambda: twilio.calls_to(numbers[1]) and twilio.calls_to(numbers[1])[0].status == "in-progress", "the second one")
    text = stack.ctl("status")
    line, = [one for one in text.splitlines() if made["task_id"] in one]
    assert line == f"{made['task_id']}  [{'#' * 10}{'>' * 10}{'.' * 10}]  1/3 ended, 1 failed, 1 under way"
    shown, = json.loads(stack.ctl("status", "--json"))["campaigns"]
    assert shown == {"task_id": made["task_id"], "tenant": tenant.name, "state": "processing", "total": 3, "completed": 0, "failed": 1, "cancelled": 0, "in_flight": 1}
    gate.set()
    calling.wait(tenant.api, made["task_id"], "SUCCESS")
    assert "campaigns" not in stack.ctl("status") and json.loads(stack.ctl("status", "--json"))["campaigns"] == []
