# SPDX-License-Identifier: MIT
"""A sweeper is killed at every step of a dial, stands still, loses its database: no number is dialled twice, and none is lost: it is shown as unknown and ends with
what Twilio reports or lists."""
import itertools
import signal
import threading

import pytest

import truth
import waiting
from parts import Program
from pgproxy import Proxy
from standin_http import Reply
from standin_twilio import Twilio
from waiting import PATIENCE, never, until

NUMBERS = itertools.count(5560001)


def phone():
    return f"+1202{next(NUMBERS)}"


@pytest.fixture(scope="module")
def phones():
    """A stand-in of this file's own, since its list is made to lag."""
    made = Twilio(step=0.01)
    yield made
    made.close()


@pytest.fixture(scope="module")
def field(make_stack, phones):
    return make_stack("dialling", workers=2, sweep=False, **phones.settings(), TASKGATE_TWILIO_TIMEOUT=2, TASKGATE_TWILIO_ASK=1, TASKGATE_CALL_LOST=round(2 * waiting.PATIENCE), TASKGATE_RETRY_FIRST=20,
                      TASKGATE_CALLS_PER_SECOND=0, TASKGATE_CALLS_PER_MINUTE=0)


@pytest.fixture
def tenant(field, phones):
    made = field.tenant()
    yield made
    phones.lag = 0
    field.run("delete from work where tenant_id = %s", made.id)
    field.run("delete from pace")


@pytest.fixture
def sweep(field, start):
    def begin(*args, **settings):
        return start(Program, field, "taskgate-sweep", *args, **settings)
    return begin


@pytest.fixture
def proxy(field):
    made = Proxy(field)
    yield made
    made.release()
    made.close()


def queue(tenant, number):
    return tenant.api.post("/api/v1/celery/twilio/queue-single-call", {"to_number": number}).ok(200).json["task_id"]


def bulk(tenant, numbers, gap=1, most=5):
    body = {"phone_numbers": numbers, "delay_between_calls": gap, "max_concurrent_calls": most}
    return tenant.api.post("/api/v1/celery/twilio/queue-bulk-calls", body).ok(200).json["task_id"]


def cancel(tenant, task):
    tenant.api.request("DELETE", f"/api/v1/celery/twilio/cancel-task/{task}").ok(200)


def shown(tenant, task):
    return tenant.api.get(f"/api/v1/celery/twilio/task-status/{task}").ok(200).json


def lease_ends(field, number):
    """The lease of the sweeper that was killed, now and not in a while."""
    assert field.run("update work set lease_until = now(), deadline = now() where lane = 'call' and id = (select id from call where number = %s)", number) == 1


def killed(one):
    one.process.kill()
    one.wait()


# -- killed --

def test_killed_before_the_intent(field, tenant, phones, sweep, proxy):
    number = phone()
    queue(tenant, number)
    proxy.at("sweep_call_claim", "silent")
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(10 * PATIENCE)
    killed(one)
    assert truth.call(field, number)["state"] == "pending" and not phones.creations(number)
    sweep()
    row = truth.wait_state(field, number, "completed")
    assert row["attempts"] == 1 and len(phones.creations(number)) == 1
    truth.assert_true(field, tenant, phones)


def test_killed_between_the_intent_and_the_connection(field, tenant, phones, sweep, proxy):
    """Nobody can know that nothing left: it is unknown, then it is told that Twilio has no such call."""
    number = phone()
    task = queue(tenant, number)
    proxy.at("sweep_call_claim", "after")
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(10 * PATIENCE)
    one.process.kill()
    assert truth.call(field, number)["state"] == "dialling"
    assert shown(tenant, task)["status"] == "PROGRESS"
    lease_ends(field, number)
    sweep()
    truth.wait_state(field, number, "unknown")
    assert "unknown" in shown(tenant, task)["message"]
    row = truth.wait_state(field, number, "failed")
    assert "not dialled" in row["reason"] and row["attempts"] == 1 and shown(tenant, task)["status"] == "FAILURE"
    assert not phones.creations(number)
    truth.assert_true(field, tenant, phones)


def sent_and_killed(tenant, phones, sweep, number, **plan):
    """Twilio has the call, its answer does not come, and the sweeper has gone. Gives the gate of the answer."""
    gate = threading.Event()
    phones.plan_call(to=number, **plan)
    phones.script(Reply(gate=gate), to=number)
    task = queue(tenant, number)
    one = sweep()
    until(lambda: phones.calls_to(number), "the call")
    killed(one)
    gate.set()
    return task


def test_killed_after_sending_and_found_in_the_list(field, tenant, phones, sweep):
    number = phone()
    task = sent_and_killed(tenant, phones, sweep, number, missing=True)
    phones.lag = 1
    lease_ends(field, number)
    sweep()
    truth.wait_state(field, number, "unknown")
    truth.wait_state(field, number, "completed")
    assert shown(tenant, task)["status"] == "SUCCESS" and len(phones.creations(number)) == 1
    truth.assert_true(field, tenant, phones)


def test_killed_after_sending_and_settled_by_the_report(field, tenant, phones, sweep):
    """Without any sweeper: the address that Twilio got names the call."""
    number, held = phone(), threading.Event()
    task = sent_and_killed(tenant, phones, sweep, number, holds={"queued": held})
    lease_ends(field, number)
    assert field.value("select call_expire(500)") == 1 and truth.call(field, number)["state"] == "unknown"
    assert "unknown" in shown(tenant, task)["message"]
    held.set()
    truth.wait_state(field, number, "completed")
    assert shown(tenant, task)["status"] == "SUCCESS" and len(phones.creations(number)) == 1
    truth.assert_true(field, tenant, phones)


@pytest.mark.parametrize("action", ["silent", "before"])
def test_killed_between_the_answer_and_its_settling(field, tenant, phones, sweep, proxy, action):
    number = phone()
    phones.plan_call(to=number, missing=True)
    queue(tenant, number)
    proxy.at("sweep_call_settle", action)
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(10 * PATIENCE)
    one.process.kill()
    assert truth.call(field, number)["state"] in ("dialling", "accepted"), "cut before, it may be told over another connection at once"
    if truth.call(field, number)["state"] == "dialling":
        lease_ends(field, number)
    sweep()
    truth.wait_state(field, number, "completed")
    assert len(phones.creations(number)) == 1
    truth.assert_true(field, tenant, phones)


def test_killed_after_settling(field, tenant, phones, sweep, proxy):
    """The reports get lost as well: asking tells how it ended."""
    number = phone()
    phones.plan_call("busy", to=number, missing=True)
    queue(tenant, number)
    proxy.at("sweep_call_settle", "after")
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(10 * PATIENCE)
    one.process.kill()
    row = truth.call(field, number)
    assert row["state"] == "accepted" and row["sid"] == phones.calls_to(number)[0].sid
    sweep()
    row = truth.wait_state(field, number, "failed")
    assert row["status"] == "busy" and len(phones.creations(number)) == 1
    truth.assert_true(field, tenant, phones)


# -- not killed, and worse --

def test_a_sweeper_that_stood_still_does_not_dial_behind_its_lease(field, tenant, phones, sweep, proxy):
    """Stopped between the grant and the request until the call has ended as not dialled: it dials no more, however long it was away."""
    number = phone()
    queue(tenant, number)
    proxy.at("sweep_call_claim", "held")
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    truth.wait_state(field, number, "dialling")
    one.signal(signal.SIGSTOP)
    proxy.release()
    sweep()
    row = truth.wait_state(field, number, "failed", seconds=30)
    assert "not dialled" in row["reason"]
    one.signal(signal.SIGCONT)
    never(lambda: phones.creations(number), "a call behind its lease", 1.5)
    truth.assert_true(field, tenant, phones)


def test_the_database_stops_in_the_middle(own_stack, phones, start):
    """Twilio answers while there is no database: the answer is told when it is back."""
    stack = own_stack(workers=1, sweep=False, **phones.settings(), TASKGATE_TWILIO_TIMEOUT=20, TASKGATE_TWILIO_ASK=1, TASKGATE_CALLS_PER_SECOND=0)
    tenant, number, gate, held = stack.tenant(), phone(), threading.Event(), threading.Event()
    phones.plan_call(to=number, holds={"queued": held})
    phones.script(Reply(gate=gate), to=number)
    queue(tenant, number)
    one = start(Program, stack, "taskgate-sweep")
    until(lambda: phones.calls_to(number), "the call")
    stack.stop("pg")
    gate.set()
    one.said("sweep.database")
    stack.start("pg")
    row = truth.wait_state(stack, number, "accepted", seconds=30)
    assert row["sid"] == phones.calls_to(number)[0].sid and len(phones.creations(number)) == 1
    held.set()
    truth.wait_state(stack, number, "completed")


def test_a_paused_lane_follows_and_hangs_up(field, tenant, phones, sweep):
    talking, asked, waiting = phone(), phone(), phone()
    phones.plan_call(to=talking, holds={"in-progress": threading.Event()})
    held = threading.Event()
    phones.plan_call("no-answer", to=asked, missing=True, holds={"ringing": held})
    tasks = [queue(tenant, n) for n in (talking, asked)]
    sweep()
    truth.wait_state(field, talking, "accepted")
    truth.wait_state(field, asked, "accepted")
    field.ctl("lane", "pause", "call", "--reason", "stop all calls now")
    try:
        queue(tenant, waiting)
        held.set()
        assert truth.wait_state(field, asked, "failed")["status"] == "no-answer"
        cancel(tenant, tasks[0])
        truth.wait_state(field, talking, "cancelled")
        assert truth.call(field, waiting)["state"] == "pending" and not phones.creations(waiting)
    finally:
        field.ctl("lane", "resume", "call")
    truth.wait_state(field, waiting, "completed")
    truth.assert_true(field, tenant, phones)


def test_a_hangup_that_twilio_refuses_ends_all_the_same(field, tenant, phones, sweep):
    """The call ended by itself just before, and nothing was reported."""
    number, held = phone(), threading.Event()
    phones.plan_call(to=number, missing=True, holds={"in-progress": held})
    phones.script(Reply(400, {"code": 21220, "message": "Call is not in-progress. Cannot redirect.", "more_info": "x", "status": 400}),
                  where=lambda seen: seen.method == "POST" and phones.calls_to(number) and phones.calls_to(number)[0].sid in seen.path)
    task = queue(tenant, number)
    sweep()
    truth.wait_state(field, number, "accepted")
    cancel(tenant, task)
    held.set()
    truth.wait_state(field, number, "cancelled")
    truth.assert_true(field, tenant, phones)
