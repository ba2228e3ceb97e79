# SPDX-License-Identifier: MIT
"""/work: claim, heartbeat, progress, log, complete, fail (design 5). A stale fence changes nothing and says so."""
import concurrent.futures
import datetime
import json

import pytest

from client import UTC
from stack import fresh
from waiting import never, until

SHAPE = ["id", "fence", "lease_expires_at", "attempt", "task_id", "entity", "task_type", "action", "target_id", "payload", "priority", "tags"]
UUID = "0190a000-0000-7000-8000-000000000000"
PAST = "2020-01-01T00:00:00Z"


def claim(tenant, kind=None, status=200, **more):
    body = dict({} if kind is None else {"types": [kind]}, **more)
    answer = tenant.api.post("/work/claim", body).ok(status)
    assert list(answer.json) == ["tasks"]
    return answer.json["tasks"]


def claimed(tenant, **fields):
    """A task that is held by us; gives entity and what the claim gave."""
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, **fields)
    [task] = claim(tenant, kind)
    return entity, task


def tell(tenant, task, verb, **body):
    return tenant.api.post(f"/work/{task['id']}/{verb}", dict({"fence": task["fence"]}, **body))


def seconds_until(text):
    return (datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") - datetime.datetime.utcnow()).total_seconds()


# -- claim --

def test_claim(tenant):
    kind = fresh("kind")
    assert claim(tenant, kind) == []
    entity = tenant.create(task_type=kind, action="act", target_id="t-1", payload={"b": 1, "a": [2]}, priority=8, tags=["x", "y"])
    [task] = claim(tenant, kind, worker="w-1", lease_seconds=30)
    assert list(task) == SHAPE
    assert (task["entity"], task["task_type"], task["action"], task["target_id"], task["priority"], task["tags"]) == (entity, kind, "act", "t-1", 8, ["x", "y"])
    assert list(task["payload"].items()) == [("b", 1), ("a", [2])]
    assert (task["attempt"], type(task["fence"])) == (1, int) and UTC.fullmatch(task["lease_expires_at"])
    assert 25 <= seconds_until(task["lease_expires_at"]) <= 31
    data = tenant.api.get(f"/generic/{entity}?include_logs=1").ok().data
    assert data["task_id"] == task["task_id"] and data["status"] == "processing" and data["started_at"] and data["completed_at"] is None
    assert [(x["level"], x["message"]) for x in data["logs"]] == [("info", "Task started")]
    assert claim(tenant, kind) == []
    why = tenant.api.get(f"/task/{entity}/why").ok().data
    assert (why["reason"], why["worker"]) == ("leased", "w-1")


def test_claim_of_a_plain_task(tenant):
    _, task = claimed(tenant)
    assert (task["target_id"], task["payload"], task["tags"], task["priority"]) == (None, None, [], 5)
    assert 55 <= seconds_until(task["lease_expires_at"]) <= 61      # a minute, unless told


def test_priority_then_age(tenant):
    kind = fresh("kind")
    made = [tenant.create(task_type=kind, priority=p) for p in (5, 1, 10, 5, 10)]
    assert [t["entity"] for t in claim(tenant, kind, max=100)] == [made[i] for i in (2, 4, 0, 3, 1)]


def test_one_unless_told_and_never_more_than_asked(tenant):
    kind = fresh("kind")
    for _ in range(4):
        tenant.create(task_type=kind)
    assert len(claim(tenant, kind)) == 1 and len(claim(tenant, kind, max=2)) == 2 and len(claim(tenant, kind, max=2)) == 1 and claim(tenant, kind, max=2) == []


def test_types(own_tenant):
    one, two, three = (own_tenant.create(task_type=t) for t in ("one", "two", "three"))
    assert {t["entity"] for t in claim(own_tenant, max=1, types=["two", "two", "none"])} == {two}
    assert {t["entity"] for t in claim(own_tenant, max=10)} == {one, three}      # no types: all of them


def test_a_pushed_type_is_never_given_out(own_tenant):
    own_tenant.type("pushed", "http://127.0.0.1:1/none")
    own_tenant.create(task_type="pushed", scheduled_at="2099-01-01T00:00:00Z")
    entity = own_tenant.create(task_type="pushed", retry_count=20)
    never(lambda: claim(own_tenant, max=10) + claim(own_tenant, "pushed", max=10), "a pushed type was given out", 0.3)
    own_tenant.api.post(f"/task/{entity}/cancel").ok()


def test_not_before_its_time(tenant):
    kind = fresh("kind")
    soon = (datetime.datetime.utcnow() + datetime.timedelta(seconds=1.2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    entity = tenant.create(task_type=kind, scheduled_at=soon)
    assert claim(tenant, kind) == [] and tenant.api.get(f"/task/{entity}/why").data["reason"] == "not_due"
    [task] = until(lambda: claim(tenant, kind), "the task that became due")
    assert task["entity"] == entity and seconds_until(soon[:19] + "Z") < 0.5


CLAIM_REFUSED = [("types", v) for v in ("a", 1, {}, [], [1], [""], ["x"] * 51, ["x" * 101], [None])] + [("max", v) for v in (0, 101, -1, "1", 1.5, True, [], {})] + [
    ("lease_seconds", v) for v in (0, 86401, -1, "60", 1.5, True, [])] + [("worker", v) for v in ("", "w" * 129, 1, True, [], {})]


@pytest.mark.parametrize("field, value", CLAIM_REFUSED, ids=lambda v: repr(v)[:20])
def test_claim_refused(tenant, field, value):
    before = tenant.footprint()
    tenant.api.post("/work/claim", {field: value}).refused(400, "INVALID_REQUEST", field)
    assert tenant.footprint() == before


def test_claim_wants_an_object(tenant):
    for body in (b"", b"[]", b"null", b"{"):
        tenant.api.request("POST", "/work/claim", body=body, headers={"Content-Type": "application/json"}).refused(400, "INVALID_REQUEST")
    tenant.api.request("POST", "/work/claim", body=b"{}").refused(415, "UNSUPPORTED_MEDIA_TYPE")


def test_every_task_is_given_out_once(stack, own_tenant):
    made = {own_tenant.create(task_type="many") for _ in range(40)}
    clients = [stack.client(own_tenant.token) for _ in range(6)]

    def work(client):
        got = []
        while True:
            tasks = client.post("/work/claim", {"types": ["many"], "max": 3}).ok().json["tasks"]
            got += [t["entity"] for t in tasks]
            if not tasks:
                return got
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        got = [e for some in pool.map(work, clients) for e in some]
    # One who asks while the others hold the rows may see none and leave; what is left is there for the next one.
    got += work(clients[0])
    assert len(got) == 40 and set(got) == made


# -- heartbeat --

def test_heartbeat(tenant):
    entity, task = claimed(tenant)
    answer = tell(tenant, task, "heartbeat", lease_seconds=120).ok().json
    assert list(answer) == ["lease_expires_at"] and 115 <= seconds_until(answer["lease_expires_at"]) <= 121
    assert 5 <= seconds_until(tell(tenant, task, "heartbeat", lease_seconds=10).ok().json["lease_expires_at"]) <= 11      # shorter is possible too


def test_no_lease_outlives_the_timeout(tenant):
    kind = fresh("kind")
    tenant.create(task_type=kind, timeout=20)
    [task] = claim(tenant, kind, lease_seconds=3600)
    assert seconds_until(task["lease_expires_at"]) <= 21
    for _ in range(2):
        assert seconds_until(tell(tenant, task, "heartbeat", lease_seconds=86400).ok().json["lease_expires_at"]) <= 20.5


def test_a_lease_that_runs_out_is_another_attempt(tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, retry_count=1)
    [first] = claim(tenant, kind, lease_seconds=1)
    [second] = until(lambda: claim(tenant, kind), "the task of a worker that went away")
    assert (second["id"], second["attempt"]) == (first["id"], 2) and second["fence"] > first["fence"]
    before = tenant.task(entity)
    for verb, more in (("heartbeat", {}), ("progress", {"progress": 9}), ("log", {"message": "late"}), ("complete", {"result": 1}), ("fail", {"error": "late"})):
        assert tell(tenant, first, verb, **more).refused(409, "STALE_FENCE").json["cancelled"] is False
    assert tenant.task(entity) == before
    tell(tenant, second, "complete").ok()
    assert tenant.events(entity) == ["create", "claim", "retry", "claim", "complete"]
    data = tenant.api.get(f"/generic/{entity}?include_logs=1").data
    assert data["retries_used"] == 1 and ("warning", "the lease ran out") in [(x["level"], x["message"]) for x in data["logs"]]


def test_timeout_of_the_last_attempt_expires_the_task(tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, timeout=1, retry_count=0)
    [task] = claim(tenant, kind, lease_seconds=60)
    data = tenant.wait_status(entity, "expired")
    assert data["error"] == {"code": "TASK_EXPIRED", "message": "timed out after 1 s"} and data["completed_at"]
    tell(tenant, task, "complete").refused(409, "STALE_FENCE")


# -- progress and log --

def test_progress(tenant):
    entity, task = claimed(tenant)
    assert "progress" not in tenant.api.get(f"/generic/{entity}").data
    assert list(tell(tenant, task, "progress", progress=40, message="half way").ok().json) == ["lease_expires_at"]
    data = tenant.api.get(f"/generic/{entity}").data
    assert (data["progress"], data["progress_message"], data["status"]) == (40, "half way", "processing")
    tell(tenant, task, "progress", progress=41).ok()
    assert tenant.api.get(f"/generic/{entity}").data["progress"] == 41
    tell(tenant, task, "complete").ok()
    assert tenant.api.get(f"/generic/{entity}").data["progress"] == 100
    assert tenant.events(entity) == ["create", "claim", "complete"]      # progress is no event


def test_log(tenant):
    entity, task = claimed(tenant)
    for level in ("debug", "info", "warning", "error"):
        assert tell(tenant, task, "log", level=level, message=f"a {level} line").ok().json["logged"] is True
    tell(tenant, task, "log", message="é😀" * 4000).ok()
    tell(tenant, task, "complete").ok()
    logs = tenant.api.get(f"/generic/{entity}?include_logs=1").data["logs"]
    assert [list(x) for x in logs] == [["timestamp", "level", "message"]] * 7 and all(UTC.fullmatch(x["timestamp"]) for x in logs)
    assert [(x["level"], x["message"]) for x in logs] == [("info", "Task started"), ("debug", "a debug line"), ("info", "a info line"), ("warning", "a warning line"),
                                                          ("error", "a error line"), ("info", "é😀" * 4000), ("info", "Task completed successfully")]


def test_log_is_capped(stack, tenant):
    entity, task = claimed(tenant)
    stack.run("insert into task_log (tenant_id, task_id, id, level, message) select %s, %s, nextval('task_log_id'), 'info', 'line' from generate_series(1, 999)", tenant.id, task["id"])
    assert [tell(tenant, task, "log", message=str(i)).ok().json["logged"] for i in range(3)] == [True, False, False]
    assert len(tenant.api.get(f"/generic/{entity}?include_logs=1").data["logs"]) == 1001


# -- complete and fail --

RESULTS = ["{}", '{"b":1,"a":[1.50,null,true]}', "[]", '"text"', "0", "-1.25e3", "true", "null", '{"e":"\\u00e9\\ud83d\\ude00"}', "9223372036854775807"]


@pytest.mark.parametrize("text", RESULTS)
def test_result_comes_back_as_it_was(tenant, text):
    entity, task = claimed(tenant)
    sent = b'{"fence":%d,"result":%s}' % (task["fence"], text.encode())
    answer = tenant.api.request("POST", f"/work/{task['id']}/complete", body=sent, headers={"Content-Type": "application/json"}).ok()
    assert list(answer.json) == ["task_id", "entity", "status", "completed_at"] and answer.json["status"] == "completed"

    def exact(t):
        return json.loads(t, parse_float=str, parse_int=str, object_pairs_hook=list)
    got = dict(dict(exact(tenant.api.get(f"/generic/{entity}").ok().body))["data"])
    assert got["result"] == exact(text) and got["status"] == "completed"
    assert dict(dict(exact(tenant.api.get(f"/task/{entity}").ok().body))["data"])["result"] == exact(text)


def test_complete_without_a_result(tenant):
    entity, task = claimed(tenant)
    tell(tenant, task, "complete").ok()
    data = tenant.api.get(f"/generic/{entity}").data
    assert (data["result"], data["retries_used"]) == (None, 0) and data["execution_time_ms"] >= 0 and data["completed_at"] >= data["started_at"]
    assert tenant.work(entity) is None


def test_large_result(tenant):
    _, task = claimed(tenant)
    tell(tenant, task, "complete", result="x" * (1 << 20)).refused(413, "PAYLOAD_TOO_LARGE")
    tell(tenant, task, "complete", result="x" * 900_000).ok()


def test_fail_and_retry(tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, retry_count=2)
    for attempt in (1, 2, 3):
        [task] = until(lambda: claim(tenant, kind), f"attempt {attempt}")
        assert task["attempt"] == attempt
        answer = tell(tenant, task, "fail", error=f"broken {attempt}").ok().json
        assert answer["status"] == ("pending" if attempt < 3 else "failed")
        assert ("next_attempt_at" in answer) == (attempt < 3) and (answer["completed_at"] is None) == (attempt < 3)
    data = tenant.api.get(f"/generic/{entity}?include_logs=1").data
    assert data["error"] == {"code": "TASK_FAILED", "message": "broken 3"} and data["retries_used"] == 2 and data["result"] is None
    assert [(x["level"], x["message"]) for x in data["logs"]] == [("info", "Task started"), ("warning", "broken 1"), ("info", "Task started"), ("warning", "broken 2"),
                                                                  ("info", "Task started"), ("error", "broken 3")]
    assert tenant.work(entity) is None and tenant.api.get(f"/task/{entity}").data["error"]["message"] == "broken 3"


def test_fail_for_good(tenant):
    entity, task = claimed(tenant)
    assert tell(tenant, task, "fail", error="useless to repeat", retry=False).ok().json["status"] == "failed"
    assert tenant.events(entity) == ["create", "claim", "fail"]


def test_no_retries(tenant):
    entity, task = claimed(tenant, retry_count=0)
    assert tell(tenant, task, "fail", error="e").ok().json["status"] == "failed"


def test_a_task_waits_for_its_retry(stack, tenant):
    """Backoff grows: the pauses come from retry_delay, whose edges tests/sql has."""
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, retry_count=20)
    pauses = []
    for _ in range(6):
        [task] = until(lambda: claim(tenant, kind), "the next attempt")
        tell(tenant, task, "fail", error="e").ok()
        pauses.append(stack.value("select extract(epoch from w.run_at - t.updated_at) * 1000 from work w join task t on t.id = w.id where t.entity = %s and t.tenant_id = %s", entity, tenant.id))
    for n, pause in enumerate(pauses):
        assert 0.8 * 20 * 2 ** n - 1 <= pause <= 1.2 * 20 * 2 ** n + 1, pauses
    tenant.api.post(f"/task/{entity}/cancel").ok()


# -- refusals --

VERBS = [("heartbeat", {}), ("progress", {"progress": 1}), ("log", {"message": "m"}), ("complete", {}), ("fail", {"error": "e"})]


@pytest.mark.parametrize("verb, more", VERBS)
def test_holder_refused(tenant, verb, more):
    entity, task = claimed(tenant)
    before = tenant.footprint(), tenant.task(entity), tenant.work(entity)
    for fence in (task["fence"] - 1, task["fence"] + 1, 0, 2 ** 62):
        assert tell(tenant, task, verb, **dict(more, fence=fence)).refused(409, "STALE_FENCE").json["cancelled"] is False
    for fence in (None, "1", -1, 1.5, True, [], {}):
        tell(tenant, task, verb, **dict(more, fence=fence)).refused(400, "INVALID_REQUEST", "fence")
    tenant.api.post(f"/work/{task['id']}/{verb}", more).refused(400, "INVALID_REQUEST", "fence")
    tenant.api.post(f"/work/{UUID}/{verb}", dict(more, fence=1)).refused(404, "NOT_FOUND")
    for name in ("x", "123", UUID[:-1], UUID + "0", task["task_id"], entity):
        tenant.api.post(f"/work/{name}/{verb}", dict(more, fence=1)).refused(400, "INVALID_REQUEST", "id")
    assert (tenant.footprint(), tenant.task(entity), tenant.work(entity)) == before
    tell(tenant, task, verb, **more).ok()


@pytest.mark.parametrize("verb, more", VERBS)
def test_cancelled_while_held(tenant, verb, more):
    entity, task = claimed(tenant)
    assert tenant.api.post(f"/task/{entity}/cancel").ok().data["status"] == "cancelled"
    before = tenant.footprint(), tenant.task(entity)
    assert tell(tenant, task, verb, **more).refused(409, "TASK_CANCELLED").json["cancelled"] is True
    assert (tenant.footprint(), tenant.task(entity)) == before


@pytest.mark.parametrize("verb, more", VERBS)
def test_after_the_end(tenant, verb, more):
    entity, task = claimed(tenant)
    tell(tenant, task, "complete", result=1).ok()
    before = tenant.footprint(), tenant.task(entity)
    assert tell(tenant, task, verb, **more).refused(409, "STALE_FENCE").json["cancelled"] is False
    assert (tenant.footprint(), tenant.task(entity)) == before


FIELDS_REFUSED = [("heartbeat", "lease_seconds", v) for v in (0, 86401, "x", True)] + [("progress", "progress", v) for v in (-1, 101, "5", None, 1.5, True)] + [
    ("progress", "message", v) for v in ("", "m" * 1001, 1)] + [("log", "message", v) for v in ("", "m" * 8001, None, 1, [])] + [
    ("log", "level", v) for v in ("fatal", "INFO", "", 1)] + [("fail", "error", v) for v in ("", "e" * 2001, None, 1, {})] + [("fail", "retry", v) for v in (1, "true", [])]


@pytest.mark.parametrize("verb, field, value", FIELDS_REFUSED, ids=lambda v: repr(v)[:20])
def test_fields_refused(tenant, verb, field, value):
    body = dict(dict(VERBS)[verb], fence=1)
    body[field] = value
    tenant.api.post(f"/work/{UUID}/{verb}", body).refused(400, "INVALID_REQUEST", field)


def test_other_states_are_not_claimed(tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind)
    tenant.api.post(f"/task/{entity}/cancel").ok()
    assert claim(tenant, kind) == []
