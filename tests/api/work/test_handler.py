# SPDX-License-Identifier: MIT
"""The handler lane: a task is POSTed to the handler of its type, and the answer is its outcome (design 5). Each test has a receiver of its own, so that a host
that failed does not rest for the next one."""
import datetime
import json
import os
import socket
import threading

import pytest

from receiver import Receiver, Reply
from signing import check_signature
from stack import fresh
from waiting import never, until

MEMBERS = ["id", "fence", "lease_expires_at", "attempt", "task_id", "entity", "task_type", "action", "target_id", "payload", "priority", "tags"]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def push(tenant, receiver):
    """push(*replies, **fields): a task whose handler answers so; gives its entity and its path at the receiver."""
    def make(*replies, **fields):
        name = fresh("pushed")
        tenant.type(name, receiver.script(f"/{name}", *replies))
        return tenant.create(task_type=name, **fields), f"/{name}"
    return make


def test_request(stack, tenant, receiver, push):
    entity, path = push(Reply(200, {"n": 1}), action="notify", target_id="t", payload={"b": 1, "a": {}}, priority=9, tags=["x"], timeout=60)
    [seen] = receiver.wait(path)
    data = tenant.wait_status(entity, "completed")
    assert (seen.method, seen.headers["Content-Type"]) == ("POST", "application/json")
    body = json.loads(seen.body)
    assert list(body) == MEMBERS
    assert (body["entity"], body["task_id"], body["attempt"], body["action"], body["target_id"], body["priority"], body["tags"]) == (entity, data["task_id"], 1, "notify", "t", 9, ["x"])
    assert list(body["payload"].items()) == [("b", 1), ("a", {})] and isinstance(body["fence"], int)
    check_signature(stack, tenant, seen)
    assert data["result"] == {"n": 1} and data["retries_used"] == 0 and tenant.work(entity) is None
    assert [(x["level"], x["message"]) for x in data["logs"]] == [("info", "Task started"), ("info", "Task completed successfully")]
    never(lambda: len(receiver.at(path)) > 1, "the handler was called again", 0.3)


@pytest.mark.parametrize("reply, result", [
    (Reply(200, b"{}"), {}), (Reply(201, [1, 2]), [1, 2]), (Reply(200, b'"text"'), "text"), (Reply(200, b"null"), None), (Reply(200, b""), None), (Reply(204, b""), None),
    (Reply(200, b' {"e": "\\ud83d\\ude00 \xc3\xa9", "n": 1.50}\n'), {"e": "😀 é", "n": 1.5}), (Reply(200, b'{"plain":1}', content_type="text/plain"), {"plain": 1}),
])
def test_success(tenant, push, reply, result):
    entity, _ = push(reply)
    assert tenant.wait_status(entity, "completed")["result"] == result


@pytest.mark.parametrize("reply, words", [
    (Reply(500, b"oops"), "500"), (Reply(400, b"{}"), "400"), (Reply(404, b"{}"), "404"), (Reply(302, b"", {"Location": "/elsewhere"}), "302"), (Reply(503, b""), "503"), (Reply(418, b""), "418"),
    (Reply(200, b"garbage"), "not JSON"), (Reply(200, b"{'a':1}"), "not JSON"), (Reply(200, b'{"a":NaN}'), "not JSON"), (Reply(200, b'{"a":1,"a":2}'), "not JSON"),
    (Reply(200, b'{"a":"\\u0000"}'), "not JSON"), (Reply(200, b'{"a":"\xff"}'), "not JSON"), (Reply(200, b"{} {}"), "not JSON"), (Reply(200, b"[" * 40 + b"]" * 40), "not JSON"),
    (Reply(200, b'"' + b"x" * (1 << 20) + b'"'), "1 MiB"), (Reply(200, b"{}", drop="before"), None), (Reply(200, b'{"whole": true}', drop="within"), None),
])
def test_failure(tenant, receiver, push, reply, words):
    entity, path = push(reply, retry_count=0)
    data = tenant.wait_status(entity, "failed")
    assert data["error"]["code"] == "TASK_FAILED" and (words is None or words in data["error"]["message"]), data
    assert data["result"] is None and len(receiver.at(path)) == 1 and receiver.at("/elsewhere") == []
    assert tenant.events(entity) == ["create", "claim", "fail"]


def test_a_lost_answer_ends_the_attempt(tenant, receiver, push):
    """A kept connection that the handler closes without an answer is a lost answer like any other. libcurl sends such a request once more by itself, under
    the same fence: within this lane's at-least-once, and not to be had in a lane that promises at-most-once."""
    for _ in range(3):
        tenant.wait_status(push(Reply(200))[0], "completed")
    entity, path = push(Reply(200, drop="before"), retry_count=0)
    tenant.wait_status(entity, "failed")
    assert len(receiver.at(path)) in (1, 2)
    assert len({r.headers["webhook-id"] for r in receiver.at(path)}) == 1


def test_nobody_listens(tenant, receiver):
    """What was never sent is no attempt: the task waits and says what for."""
    name = fresh("gone")
    url = receiver.url("/x")
    receiver.close()
    tenant.type(name, url)
    entity = tenant.create(task_type=name, retry_count=0)

    def waits():
        why = tenant.api.get(f"/task/{entity}/why").ok().data
        return why["reason"] in ("retry_wait", "host_parked") and why
    why = until(waits, "a claim that was given back")
    assert why["attempts"] == 0 and why["last_error"] and tenant.status(entity) == "pending"
    tenant.api.post(f"/task/{entity}/cancel").ok()


def test_retries(tenant, receiver, push):
    """retry_count n means n + 1 attempts, each with a fence of its own."""
    entity, path = push(Reply(500), retry_count=2)
    data = tenant.wait_status(entity, "failed")
    bodies = [json.loads(s.body) for s in receiver.at(path)]
    assert [b["attempt"] for b in bodies] == [1, 2, 3] and len({b["fence"] for b in bodies}) == 3 and len({b["id"] for b in bodies}) == 1
    assert len({s.headers["webhook-id"] for s in receiver.at(path)}) == 3
    assert data["retries_used"] == 2 and data["error"]["message"] == "the handler answered 500"
    assert tenant.events(entity) == ["create"] + ["claim", "retry"] * 2 + ["claim", "fail"]


def test_success_after_failures(tenant, receiver, push):
    entity, path = push(Reply(500), Reply(200, b"garbage"), Reply(200, {"third": True}))
    data = tenant.wait_status(entity, "completed")
    assert data["result"] == {"third": True} and data["retries_used"] == 2 and "error" not in data and len(receiver.at(path)) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(tenant, receiver, push, status):
    entity, path = push(Reply(status, b"", {"Retry-After": "1"}), Reply(200))
    tenant.wait_status(entity, "completed")
    first, second = receiver.at(path)
    assert 0.95 <= second.at - first.at <= 4


def test_slow_handler(tenant, receiver, push):
    """Longer than TASKGATE_HANDLER_TIMEOUT (2 s here) is a failed attempt; what comes later is not taken."""
    gate = threading.Event()
    entity, path = push(Reply(200, {"late": True}, gate=gate), retry_count=0)
    data = tenant.wait_status(entity, "failed")
    gate.set()
    assert data["result"] is None and "time" in data["error"]["message"].lower()
    never(lambda: tenant.status(entity) != "failed", "a late answer was taken", 0.2)


def test_timeout_of_the_task(tenant, receiver, push):
    gate = threading.Event()
    entity, _ = push(Reply(200, gate=gate), timeout=1, retry_count=0)
    data = tenant.wait_status(entity, "expired")
    gate.set()
    assert data["error"] == {"code": "TASK_EXPIRED", "message": "timed out after 1 s"}
    assert tenant.events(entity) == ["create", "claim", "expire"]


def test_long_work(tenant, receiver, push):
    """202: the handler will finish by itself, with the fence it was given."""
    entity, path = push(Reply(202, b""))
    body = json.loads(receiver.wait(path)[0].body)
    until(lambda: tenant.work(entity)["lease_until"] == tenant.work(entity)["deadline"], "the lease to last until the timeout")
    assert tenant.status(entity) == "processing"
    tenant.api.post(f"/work/{body['id']}/log", {"fence": body["fence"], "message": "still at it"}).ok()
    tenant.api.post(f"/work/{body['id']}/heartbeat", {"fence": body["fence"], "lease_seconds": 100}).ok()
    tenant.api.post(f"/work/{body['id']}/complete", {"fence": body["fence"], "result": {"long": 1}}).ok()
    data = tenant.wait_status(entity, "completed")
    assert data["result"] == {"long": 1} and "still at it" in [x["message"] for x in data["logs"]] and len(receiver.at(path)) == 1


def test_long_work_that_fails(tenant, receiver, push):
    entity, path = push(Reply(202, b""), Reply(200, {"second": 1}))
    body = json.loads(receiver.wait(path)[0].body)
    until(lambda: tenant.work(entity)["lease_until"] == tenant.work(entity)["deadline"], "the answer to be settled")
    assert tenant.api.post(f"/work/{body['id']}/fail", {"fence": body["fence"], "error": "gave up"}).ok().json["status"] == "pending"
    assert tenant.wait_status(entity, "completed")["result"] == {"second": 1}


def test_long_work_that_is_never_finished(tenant, push):
    entity, _ = push(Reply(202, b""), timeout=1, retry_count=0)
    assert tenant.wait_status(entity, "expired")["error"]["message"] == "timed out after 1 s"


def test_finished_before_the_answer(tenant, push):
    """A handler may complete through /work while its POST still runs: the first word counts."""
    def finish(seen):
        body = json.loads(seen.body)
        tenant.stack.client(tenant.token).post(f"/work/{body['id']}/complete", {"fence": body["fence"], "result": "through work"}).ok()
    entity, _ = push(Reply(200, {"through": "answer"}, then=finish))
    assert tenant.wait_status(entity, "completed")["result"] == "through work"
    never(lambda: tenant.api.get(f"/generic/{entity}").data["result"] != "through work", "the answer overwrote the result", 0.3)
    assert tenant.events(entity) == ["create", "claim", "complete"]


def test_cancelled_while_it_runs(tenant, receiver, push):
    gate = threading.Event()
    entity, path = push(Reply(200, {"late": 1}, gate=gate))
    body = json.loads(receiver.wait(path)[0].body)
    assert tenant.api.post(f"/task/{entity}/cancel").ok().data["status"] == "cancelled"
    assert tenant.api.post(f"/work/{body['id']}/heartbeat", {"fence": body["fence"]}).refused(409, "TASK_CANCELLED").json["cancelled"] is True
    gate.set()
    never(lambda: tenant.status(entity) != "cancelled", "a cancelled task moved on", 0.3)
    assert tenant.events(entity) == ["create", "claim", "cancel"] and tenant.api.get(f"/generic/{entity}").data["result"] is None


def test_scheduled(tenant, receiver, push):
    soon, later = (datetime.datetime.utcnow() + datetime.timedelta(seconds=n) for n in (1, 3600))
    entity, _ = push(Reply(200), scheduled_at=later.isoformat() + "Z")
    assert tenant.api.get(f"/task/{entity}/why").data["reason"] == "not_due"
    entity, path = push(Reply(200), scheduled_at=soon.isoformat() + "Z")
    receiver.wait(path)
    assert datetime.datetime.utcnow() >= soon
    tenant.wait_status(entity, "completed")


def test_what_is_due_wakes_the_sweepers_and_what_is_not_does_not(own_stack):
    """One datagram to each socket of run/sweep.d, so that nothing due waits for the next poll. The only worker has sent what it sends for one request before it
    answers the next but one."""
    stack = own_stack(workers=1, sweep=False)
    tenant = stack.tenant()
    tenant.type("pushed", "http://127.0.0.1:9/")
    place = stack.dir / "run" / "sweep.d" / str(os.getpid())
    place.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place))
        ear.settimeout(10)
        place.chmod(0o666)
        tenant.create(task_type="pushed", scheduled_at=(datetime.datetime.utcnow() + datetime.timedelta(hours=1)).isoformat() + "Z")
        entity = tenant.create(task_type="pushed")
        assert len(ear.recv(16)) == 1
        for _ in range(2):
            tenant.api.get(f"/generic/{entity}").ok()
        ear.setblocking(False)
        with pytest.raises(BlockingIOError):
            ear.recv(16)


def test_a_type_that_gains_a_handler_takes_what_waits(tenant, receiver):
    name = fresh("later")
    entity = tenant.create(task_type=name)
    tenant.type(name, receiver.script(f"/{name}", Reply(200, {"pushed": 1})))
    assert tenant.wait_status(entity, "completed")["result"] == {"pushed": 1}


def test_retry_by_hand(tenant, receiver, push):
    entity, path = push(Reply(500), Reply(200, {"second": 1}), retry_count=0)
    tenant.wait_status(entity, "failed")
    tenant.api.post(f"/task/{entity}/retry").ok()
    assert tenant.wait_status(entity, "completed")["result"] == {"second": 1}
    fences = [json.loads(s.body)["fence"] for s in receiver.at(path)]
    assert len(set(fences)) == 2


def test_a_host_that_fails_rests(stack, tenant, receiver):
    """After five failures running its tasks are parked without spending attempts, and go on when it is back."""
    name = fresh("parked")
    broken = threading.Event()
    tenant.type(name, receiver.script(f"/{name}", lambda seen: Reply(200) if broken.is_set() else Reply(503)))
    host = f"127.0.0.1:{receiver.port}"
    made = [tenant.create(task_type=name, retry_count=20) for _ in range(6)]
    until(lambda: stack.value("select parked_until > now() from host_state where host = %s", host), "the host to be parked")
    parked = [e for e in made if tenant.api.get(f"/task/{e}/why").data["reason"] == "host_parked"]
    spent = {e: tenant.task(e)["attempts"] for e in made}
    assert parked or all(tenant.api.get(f"/task/{e}/why").data["reason"] in ("retry_wait", "host_parked", "leased", "due") for e in made)
    broken.set()
    for e in made:
        tenant.wait_status(e, "completed")
    # While it rested nothing but a single probe at a time was sent.
    assert all(tenant.task(e)["attempts"] <= spent[e] + 3 for e in made)
