# SPDX-License-Identifier: MIT
"""Webhooks to callback_url: body of facts 1.1.7 with seq, Standard Webhooks headers, retries, dead letters. On the shared stack three retries come after a second each."""
import base64
import json
import threading

import pytest

from client import UTC
from receiver import Receiver, Reply
from signing import check_signature, keys_of
from stack import fresh
from waiting import never, until


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def hooked(tenant, receiver):
    """hooked(*replies, **fields): a task with a callback_url that answers so; gives entity, path and type."""
    def make(*replies, **fields):
        path, kind = f"/{fresh('hook')}", fresh("kind")
        entity = tenant.create(task_type=kind, callback_url=receiver.script(path, *replies), **fields)
        return entity, path, kind
    return make


def end(tenant, entity, kind, verb, **body):
    [task] = until(lambda: tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"], "the task")
    assert task["entity"] == entity
    tenant.api.post(f"/work/{task['id']}/{verb}", dict(body, fence=task["fence"])).ok()
    return task


def delivery(stack, tenant, entity):
    return stack.row("select d.* from delivery d join task t on t.tenant_id = d.tenant_id and t.id = d.task_id where t.tenant_id = %s and t.entity = %s order by d.seq desc", tenant.id, entity)


def told(stack, tenant, entity, state):
    return until(lambda: (delivery(stack, tenant, entity) or {}).get("state") == state and delivery(stack, tenant, entity),
                 lambda: f"the delivery to be {state}; it is {delivery(stack, tenant, entity)}")


BASE = ["event", "task_id", "entity", "type", "status", "seq", "timestamp"]


def test_completed(stack, tenant, receiver, hooked):
    entity, path, kind = hooked(Reply(204, b""))
    assert receiver.at(path) == []
    end(tenant, entity, kind, "complete", result={"b": 1, "a": "😀"})
    [seen] = receiver.wait(path)
    assert (seen.method, seen.headers["Content-Type"]) == ("POST", "application/json") and "Authorization" not in seen.headers
    check_signature(stack, tenant, seen)
    body = json.loads(seen.body)
    data = tenant.api.get(f"/generic/{entity}").data
    assert list(body) == BASE + ["result"]
    assert body == {"event": "task.completed", "task_id": data["task_id"], "entity": entity, "type": "generic", "status": "completed", "seq": 3, "timestamp": data["completed_at"], "result": {"b": 1, "a": "😀"}}
    row = told(stack, tenant, entity, "delivered")
    assert (row["attempts"], row["last_status"], row["seq"]) == (1, 204, 3) and seen.headers["webhook-id"] == f"msg_{row['id']}"
    never(lambda: len(receiver.at(path)) > 1, "it was told twice", 0.3)


def test_completed_without_a_result(tenant, receiver, hooked):
    entity, path, kind = hooked()
    end(tenant, entity, kind, "complete")
    assert json.loads(receiver.wait(path)[0].body)["result"] is None


def test_failed(tenant, receiver, hooked):
    entity, path, kind = hooked(retry_count=0)
    end(tenant, entity, kind, "fail", error='the "disk"\nis full \\ é')
    body = json.loads(receiver.wait(path)[0].body)
    assert list(body) == BASE + ["error"]
    assert (body["event"], body["status"], body["seq"]) == ("task.failed", "failed", 3) and body["error"] == {"code": "TASK_FAILED", "message": 'the "disk"\nis full \\ é'}


def test_a_retry_is_no_end(tenant, receiver, hooked):
    entity, path, kind = hooked(retry_count=1)
    end(tenant, entity, kind, "fail", error="once")
    end(tenant, entity, kind, "complete", result=2)
    [seen] = receiver.wait(path)
    assert (json.loads(seen.body)["event"], json.loads(seen.body)["seq"]) == ("task.completed", 5)


def test_expired(tenant, receiver, hooked):
    entity, path, kind = hooked(retry_count=0, timeout=1)
    tenant.api.post("/work/claim", {"types": [kind]}).ok()
    body = json.loads(receiver.wait(path)[0].body)
    assert (body["event"], body["status"], body["error"]) == ("task.expired", "expired", {"code": "TASK_EXPIRED", "message": "timed out after 1 s"})


def test_cancelled(tenant, receiver, hooked):
    entity, path, _ = hooked()
    tenant.api.post(f"/task/{entity}/cancel").ok()
    body = json.loads(receiver.wait(path)[0].body)
    assert list(body) == BASE and (body["event"], body["status"], body["seq"]) == ("task.cancelled", "cancelled", 2) and UTC.fullmatch(body["timestamp"])


def test_after_a_handler(tenant, receiver):
    name = fresh("pushed")
    tenant.type(name, receiver.script(f"/{name}", Reply(200, {"by": "handler"})))
    path = f"/{fresh('hook')}"
    tenant.create(task_type=name, callback_url=receiver.script(path))
    assert json.loads(receiver.wait(path)[0].body)["result"] == {"by": "handler"}


def test_failed_and_retried_by_hand(stack, tenant, receiver, hooked):
    """Two ends, two deliveries; seq says which is the later one."""
    entity, path, kind = hooked(retry_count=0)
    end(tenant, entity, kind, "fail", error="first")
    receiver.wait(path)
    tenant.api.post(f"/task/{entity}/retry").ok()
    end(tenant, entity, kind, "complete")
    bodies = [json.loads(s.body) for s in receiver.wait(path, 2)]
    assert [(b["event"], b["seq"]) for b in bodies] == [("task.failed", 3), ("task.completed", 6)]
    assert len({s.headers["webhook-id"] for s in receiver.at(path)}) == 2


def test_keys_change_over(stack, own_tenant, receiver):
    """Two live keys sign twice; one that retired signs no more."""
    tenant = own_tenant
    old = keys_of(stack, tenant)
    printed = stack.ctl("webhook-key", "rotate", "--tenant", tenant.name).strip()
    assert printed.startswith("whsec_")
    new = base64.b64decode(printed[len("whsec_"):])
    entity = tenant.create(callback_url=receiver.script("/two"))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    check_signature(stack, tenant, receiver.wait("/two")[0], old + [new])
    stack.run("update webhook_key set retire_at = now() where tenant_id = %s and secret <> %s", tenant.id, new)
    entity = tenant.create(callback_url=receiver.script("/one"))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    check_signature(stack, tenant, receiver.wait("/one")[0], [new])


def test_first_tenant_signs_with_the_setting_too(stack, receiver):
    secret = base64.b64decode((stack.dir / "webhook.secret").read_text().strip()[len("whsec_"):])
    handle = fresh("u")
    stack.ctl("user", "add", handle)
    api = stack.client(stack.ctl("token", "create", "--user", handle, "--scope", "all").strip())
    entity = fresh("first")
    api.put(f"/generic/{entity}", {"task_type": fresh("kind"), "action": "a", "callback_url": receiver.script("/first")}).ok(201)
    api.post(f"/task/{entity}/cancel").ok()
    [seen] = receiver.wait("/first")

    class First:
        id = stack.value("select id from tenant order by number limit 1")
    check_signature(stack, First, seen, keys_of(stack, First) + [secret])


def test_retries(stack, tenant, receiver, hooked):
    """The same webhook-id on each, a fresh timestamp and signature, the same body."""
    entity, path, _ = hooked(Reply(500), Reply(404), Reply(200))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    seen = receiver.wait(path, 3)
    row = told(stack, tenant, entity, "delivered")
    assert row["attempts"] == 3 and len(seen) == 3
    assert {s.headers["webhook-id"] for s in seen} == {f"msg_{row['id']}"} and len({s.body for s in seen}) == 1
    for s in seen:
        check_signature(stack, tenant, s)
    assert [int(b.headers["webhook-timestamp"]) > int(a.headers["webhook-timestamp"]) for a, b in zip(seen, seen[1:])] == [True, True]
    assert all(0.85 <= b.at - a.at <= 3 for a, b in zip(seen, seen[1:]))


def test_retry_after(tenant, receiver, hooked):
    entity, path, _ = hooked(Reply(503, b"", {"Retry-After": "2"}), Reply(200))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    first, second = receiver.wait(path, 2)
    assert 1.9 <= second.at - first.at <= 5


def test_gone(stack, tenant, receiver, hooked):
    entity, path, _ = hooked(Reply(410))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    row = told(stack, tenant, entity, "dead")
    assert (row["attempts"], row["last_status"], len(receiver.at(path))) == (1, 410, 1)
    assert stack.value("select count(*) from work where id = %s", row["id"]) == 0


def test_redirects_are_not_followed(stack, tenant, receiver, hooked):
    entity, path, _ = hooked(Reply(307, b"", {"Location": "/elsewhere"}), Reply(200))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    receiver.wait(path, 2)
    told(stack, tenant, entity, "delivered")
    assert receiver.at("/elsewhere") == []


def test_slow_receiver(tenant, receiver, hooked):
    gate = threading.Event()
    entity, path, _ = hooked(Reply(200, gate=gate), Reply(200))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    receiver.wait(path, 2)
    gate.set()


def test_large_answer_is_dropped(stack, tenant, receiver, hooked):
    entity, _, _ = hooked(Reply(200, b"x" * 1_000_000))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    assert told(stack, tenant, entity, "delivered")["attempts"] == 1


def test_dead_letter_and_again(stack, own_tenant, receiver):
    """Three retries, then a dead letter, which taskgatectl lists and sends again with all its attempts."""
    tenant = own_tenant
    entity = tenant.create(callback_url=receiver.script("/dead", Reply(500)))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    row = told(stack, tenant, entity, "dead")
    assert row["attempts"] == 4 and len(receiver.at("/dead")) == 4 and row["last_status"] == 500 and row["finished_at"]
    listed = stack.ctl_json("delivery", "list", "--dead", "--tenant", tenant.name)
    [letter] = listed if isinstance(listed, list) else next(v for v in listed.values() if isinstance(v, list))
    assert letter["id"] == str(row["id"]) and letter["state"] == "dead"
    assert str(row["id"]) in stack.ctl("delivery", "list", "--tenant", tenant.name)
    receiver.script("/dead", Reply(200))
    stack.ctl("delivery", "resend", str(row["id"]), "--tenant", tenant.name)
    told(stack, tenant, entity, "delivered")
    assert receiver.at("/dead")[-1].headers["webhook-id"] == receiver.at("/dead")[0].headers["webhook-id"] and len(receiver.at("/dead")) == 5
    # Only a dead one is sent again.
    assert stack.program("taskgatectl", "delivery", "resend", str(row["id"]), "--tenant", tenant.name, check=False).returncode == 64
    # Nobody else's.
    other = stack.tenant()
    assert stack.program("taskgatectl", "delivery", "resend", str(row["id"]), "--tenant", other.name, check=False).returncode == 64
    assert str(row["id"]) not in stack.ctl("delivery", "list", "--tenant", other.name)


def test_unresolvable_host_does_not_make_ready_red(stack, tenant):
    entity = tenant.create(callback_url="http://no-such-host.invalid/hook")
    tenant.api.post(f"/task/{entity}/cancel").ok()
    until(lambda: delivery(stack, tenant, entity)["attempts"] >= 1, "a first attempt")
    assert stack.client().get("/ready").ok().json["status"] == "ready"


def test_no_callback_no_delivery(stack, tenant):
    entity = tenant.create()
    tenant.api.post(f"/task/{entity}/cancel").ok()
    assert delivery(stack, tenant, entity) is None


def test_secrets_are_in_no_log(stack, tenant):
    text = stack.log("sweep") + stack.log("fcgi")
    assert "whsec_" not in text and (stack.dir / "webhook.secret").read_text().strip()[6:] not in text
    assert not any(base64.b64encode(k).decode() in text or k.hex() in text for k in keys_of(stack, tenant))
