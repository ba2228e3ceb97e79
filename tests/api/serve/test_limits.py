# SPDX-License-Identifier: MIT
"""Settings that close what is open by default, on a stack of their own: a rate limit, closed types, a time-to-live, an API without tokens, deliveries that may not
reach private networks. No test here sends more than RATE requests with one token unless it is about that."""
import concurrent.futures
import re
import time

import pytest

from receiver import Receiver
from stack import fresh
from waiting import until

RATE = 20


@pytest.fixture(scope="module")
def strict(make_stack):
    return make_stack("strict", workers=4, TASKGATE_RATE_DISPOSITION=RATE, TASKGATE_REGISTRY="types", TASKGATE_TTL=1, TASKGATE_ANONYMOUS="disposition",
                      TASKGATE_OUTBOUND_ALLOW="", TASKGATE_WEBHOOK_RETRIES="1", TASKGATE_RETRY_FIRST=20)


@pytest.fixture
def tenant(strict):
    made = strict.tenant()
    made.type("job")
    return made


@pytest.fixture(scope="module")
def anonymous(strict):
    strict.program("taskgatectl", "user", "add", "anonymous", check=False)      # tests in another order come here twice
    return strict.client()


# -- the rate limit --

def parsed(answer):
    m = re.fullmatch(r'"disposition";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert answer.headers["RateLimit-Policy"] == f'"disposition";q={RATE};w=60'
    assert answer.headers["X-RateLimit-Limit"] == str(RATE) and answer.headers["X-RateLimit-Remaining"] == m.group(1)
    assert abs(int(answer.headers["X-RateLimit-Reset"]) - time.time() - int(m.group(2))) < 5
    assert 1 <= int(m.group(2)) <= 60
    return int(m.group(1))


def test_headers_count_down_and_the_edge_refuses(tenant):
    entity = fresh("l")
    left = [parsed(tenant.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}).ok(201))]
    # What is refused counts as well, whatever for.
    left.append(parsed(tenant.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}).refused(409, "DUPLICATE_ENTITY")))
    left.append(parsed(tenant.api.put(f"/generic/{entity}", {"task_type": "job"}).refused(400, "INVALID_REQUEST", "action")))
    left.append(parsed(tenant.api.get("/generic/none").refused(404, "TASK_NOT_FOUND")))
    while len(left) < RATE:
        left.append(parsed(tenant.api.get("/task").ok()))
    assert left == list(range(RATE - 1, -1, -1))
    before = tenant.footprint()
    for send in (lambda: tenant.api.get("/task"), lambda: tenant.api.put(f"/generic/{fresh('l')}", {"task_type": "job", "action": "a"}),
                 lambda: tenant.api.put(f"/generic/{fresh('l')}", {"action": 1})):
        answer = send().refused(429, "RATE_LIMIT_EXCEEDED")
        assert parsed(answer) == 0 and 1 <= int(answer.headers["Retry-After"]) <= 60
    assert tenant.footprint() == before
    # Another token has a window of its own; what has no limit is served.
    assert parsed(tenant.client().get("/task").ok()) == RATE - 1
    tenant.api.get("/health").ok()
    tenant.api.post("/work/claim", {"types": ["job"]}).ok()


# method, path, body, the status that it has here, where neither Twilio nor a mail server is set up
CENTRE = [("PUT", "/voicemail/{e}", {"voicemail_id": "{e}", "caller_id": "c", "recipient_id": "r"}, 201), ("GET", "/voicemail/{e}", None, 200),
          ("PUT", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, 201),
          ("POST", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, 409), ("PUT", "/sms/{e}", {"to": "+12025558501", "message": "m"}, 500),
          ("POST", "/sms/{e}", {"to": "x", "message": "m"}, 400), ("GET", "/sms/{e}", None, 404), ("PUT", "/email", {}, 400), ("GET", "/email/{e}", None, 404)]


def of(route, name):
    method, path, body, _ = route
    return method, path.replace("{e}", name), body and {k: v.replace("{e}", name) for k, v in body.items()}


def test_one_window_for_the_whole_api(tenant):
    """Messages count with the rest, also those that could not be sent; past the edge each page says so in its own words."""
    name = fresh("l")
    for route in CENTRE:
        assert tenant.api.request(*of(route, name)).status == route[3], route
    assert parsed(tenant.api.get("/task").ok()) == RATE - len(CENTRE) - 1
    for _ in range(RATE - len(CENTRE) - 1):
        tenant.api.get("/task").ok()
    before = tenant.footprint()["task"]
    for route in CENTRE:
        answer = tenant.api.request(*of(route, fresh("l")))
        answer.refused(429, "rate_limited" if "/sms" in route[1] or "/email" in route[1] else "RATE_LIMIT_EXCEEDED")
        assert parsed(answer) == 0
    assert tenant.footprint()["task"] == before


def test_window_slides(strict, tenant):
    for _ in range(RATE):
        tenant.api.get("/task").ok()
    tenant.api.get("/task").refused(429, "RATE_LIMIT_EXCEEDED")
    # Two grants grow old, so two are free again, and no more.
    strict.run("update rate_window set grants = array[grants[1] - 61000000, grants[2] - 61000000] || grants[3:] where token_hash = (select hash from token where tenant_id = %s)", tenant.id)
    assert [tenant.api.get("/task").status for _ in range(3)] == [200, 200, 429]


def test_exact_at_its_edge(strict, tenant):
    clients = [strict.client(tenant.token) for _ in range(10)]
    for c in clients:
        c.get("/health").ok()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = [a for some in pool.map(lambda c: [c.get("/task") for _ in range(4)], clients) for a in some]
    assert sorted(a.status for a in answers) == [200] * RATE + [429] * (40 - RATE)
    assert sorted(parsed(a) for a in answers if a.status == 200) == list(range(RATE))


def test_a_replay_is_a_request_too(tenant):
    entity = fresh("l")
    left = [parsed(tenant.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}, headers={"Idempotency-Key": entity}).ok(201)) for _ in range(RATE)]
    assert left == list(range(RATE - 1, -1, -1))
    tenant.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}, headers={"Idempotency-Key": entity}).refused(429, "RATE_LIMIT_EXCEEDED")


def test_unlimited_stack_says_nothing_of_limits(stack, own_tenant):
    assert not [h for h in own_tenant.api.get("/task").ok().headers if "ratelimit" in h.lower()]


# -- closed types --

def test_types_closed(tenant):
    before = tenant.footprint()
    tenant.api.put(f"/generic/{fresh('t')}", {"task_type": "unheard_of", "action": "a"}).refused(400, "INVALID_TASK_TYPE")
    assert tenant.footprint() == before
    tenant.create(task_type="job")


def test_required_members(tenant):
    tenant.type("strict_job", required=["contact", "when"])
    before = tenant.footprint()
    for payload, words in ((None, "contact"), ({}, "contact"), ({"contact": 1}, "when"), ({"when": 1}, "contact")):
        tenant.api.put(f"/generic/{fresh('t')}", {"task_type": "strict_job", "action": "a", "payload": payload}).refused(422, "INVALID_PAYLOAD", words=words)
    assert tenant.footprint() == before
    tenant.create(task_type="strict_job", payload={"when": None, "contact": 1})


# -- time-to-live --

def test_a_task_that_nobody_takes_expires(tenant):
    """The sweeper looks for these every ten seconds. A scheduled task lives from its time on."""
    far, entity = tenant.create(scheduled_at="2099-01-01T00:00:00Z"), tenant.create()
    until(lambda: tenant.task(entity)["state"] == "expired", "the end of its time to live", 20)
    data = tenant.api.get(f"/generic/{entity}").ok().data
    assert data["status"] == "expired" and data["started_at"] is None and data["completed_at"] and data["error"]["code"] == "TASK_EXPIRED"
    assert tenant.events(entity) == ["create", "expire"] and tenant.work(entity) is None
    assert tenant.task(far)["state"] == "pending"


# -- an API without tokens --

def test_anonymous(strict, tenant, anonymous):
    entity = fresh("anon")
    strict.ctl("type", "add", "job")
    anonymous.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}).ok(201)
    assert anonymous.get(f"/generic/{entity}").ok().data["entity"] == entity
    # In the first tenant, as "anonymous"; other tenants stay apart, a token that is present is checked, other APIs want one.
    assert strict.value("select p.handle from task t join principal p on p.tenant_id = t.tenant_id and p.id = t.created_by where t.entity = %s", entity) == "anonymous"
    tenant.api.get(f"/generic/{entity}").refused(404, "TASK_NOT_FOUND")
    strict.client("unknown").get("/task").refused(401, "UNAUTHORIZED")
    anonymous.get("/task", headers={"Authorization": "Bearer"}).refused(401, "UNAUTHORIZED")
    anonymous.post("/work/claim", {}).refused(401, "UNAUTHORIZED")
    anonymous.get("/metrics").refused(401, "UNAUTHORIZED")
    assert "RateLimit" not in anonymous.get("/task").ok().headers


def test_anonymous_contact_centre(strict, tenant, anonymous):
    name = fresh("anon")
    for route in CENTRE:
        assert anonymous.request(*of(route, name)).status == route[3], route
    tenant.api.get(f"/voicemail/{name}").refused(404, "TASK_NOT_FOUND")
    strict.client("unknown").get(f"/voicemail/{name}").refused(401, "UNAUTHORIZED")
    strict.client("unknown").get(f"/sms/{name}").refused(401, "unauthorized")


# -- private addresses --

FORMS = ["http://127.0.0.1:{p}/", "http://localhost:{p}/", "http://[::1]:{p}/", "http://2130706433:{p}/", "http://0x7f.1:{p}/", "http://0177.0.0.1:{p}/", "http://[::ffff:127.0.0.1]:{p}/",
         "http://127.1:{p}/", "http://0.0.0.0:{p}/", "http://10.0.0.1:{p}/", "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
         "http://100.64.0.1/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/"]


def test_private_addresses_are_not_reached(strict, tenant):
    receiver = Receiver()
    try:
        made = {}
        for i, form in enumerate(FORMS):
            if i % 9 == 8:
                tenant.api = tenant.client()
            entity = tenant.create(callback_url=form.format(p=receiver.port))
            tenant.api.post(f"/task/{entity}/cancel").ok()
            made[str(tenant.task(entity)["id"])] = form

        def settled():
            rows = strict.rows("select task_id, state, attempts, last_error, url from delivery where tenant_id = %s", tenant.id)
            return all(r["state"] == "dead" for r in rows) and rows
        rows = until(settled, lambda: f"dead letters; there are {strict.rows('select state, attempts, last_error, url from delivery where tenant_id = %s', tenant.id)}", 20)
        assert len(rows) == len(FORMS)
        assert receiver.seen == []
        refused = {r["url"]: r["last_error"] for r in rows}
        assert all(r["attempts"] == 1 for r in rows if "[fe80" not in r["url"] and "[fc00" not in r["url"]), rows
        for word, form in (("loopback", "http://127.0.0.1:{p}/"), ("loopback", "http://localhost:{p}/"), ("loopback", "http://2130706433:{p}/"), ("private", "http://10.0.0.1:{p}/"),
                           ("link-local", "http://169.254.169.254/latest/meta-data/"), ("shared", "http://100.64.0.1/"), ("loopback", "http://[::ffff:127.0.0.1]:{p}/")):
            assert word in refused[form.format(p=receiver.port)], refused
    finally:
        receiver.close()


def test_a_handler_that_an_operator_set_may_be_private(strict, tenant):
    receiver = Receiver()
    try:
        tenant.type("pushed", receiver.script("/h"))
        entity = tenant.create(task_type="pushed")
        receiver.wait("/h")
        until(lambda: tenant.task(entity)["state"] == "completed", "its handler's answer")
    finally:
        receiver.close()


def test_a_refusal_is_nobody_elses(strict, tenant):
    """What a limited request was told stays with it: requests without a limit that come next, on any worker, are served."""
    for _ in range(RATE):
        tenant.api.get("/task").ok()
    for _ in range(3):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert {a.status for a in pool.map(lambda _: strict.client(tenant.token).get("/task"), range(8))} == {429}
            work = list(pool.map(lambda _: strict.client(tenant.token).post("/work/claim", {"types": ["job"]}), range(8)))
        assert [a.status for a in work] == [200] * 8
