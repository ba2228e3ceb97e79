# SPDX-License-Identifier: MIT
"""What the calls API refuses, in its one shape {"detail"}: who asks, how it is asked, what is not configured, what is out of order (spec README decisions 1, 5,
6, 9, 14, 18, 19). What its fields must be is in test_calls_fields.py."""
import pytest

import calling
import document
from calling import API
from stack import fresh
from waiting import until

ONE = {"to_number": "+12025550101"}
QUEUEING = [("queue-single-call", ONE, "Failed to queue call: "), ("queue-bulk-calls", {"phone_numbers": ["+12025550101", "+12025550102"]}, "Failed to queue bulk calls: "),
            ("schedule-call", dict(ONE, schedule_time="2999-01-01T00:00:00Z"), "Failed to schedule call: ")]
ROUTES = [*[("POST", f"{API}/{r}", b, "calls:write") for r, b, _ in QUEUEING], ("GET", f"{API}/task-status/x", None, "calls:read"), ("DELETE", f"{API}/cancel-task/x", None, "calls:write"),
          ("GET", f"{API}/active-tasks", None, "calls:read"), ("GET", f"{API}/campaigns/x/calls", None, "calls:read")]
IDS = [f"{m} {p[len(API):]}" for m, p, _, _ in ROUTES]
SCOPES = ["disposition:read", "disposition:write", "human:read", "calls:read", "calls:write", "content:write", "work", "metrics"]


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    """Nothing is dialled: what is queued stays as it is."""
    return make_stack("calls that are not dialled", sweep=False, **twilio.settings())


def call(client, route, **headers):
    method, path, body, _ = route
    return client.request(method, path, body, headers=headers)


def post(client, path, text, content_type="application/json"):
    return client.post(f"{API}/{path}", body=text if isinstance(text, bytes) else text.encode(), headers={"Content-Type": content_type})


# -- who asks --

@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_no_token_and_a_bad_one(stack, tenant, route):
    before = tenant.footprint()
    call(stack.client(), route).detailed(401)
    call(stack.client("unknown"), route).detailed(401)
    call(stack.client(), route, Authorization="Basic eDp5").detailed(401)
    assert tenant.footprint() == before


@pytest.fixture(scope="module")
def by_scope(tenant):
    return {s: tenant.client(s) for s in SCOPES}


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_scope_is_enough_and_needed(tenant, by_scope, route):
    before = tenant.footprint()
    for scope in SCOPES:
        if scope != route[3]:
            call(by_scope[scope], route).detailed(403, words=route[3])
    assert tenant.footprint() == before
    assert call(by_scope[route[3]], route).status in (200, 404)


def test_authority_goes_before_what_is_wrong(stack, tenant, by_scope):
    post(stack.client(), "queue-single-call", "{").detailed(401)
    post(by_scope["calls:read"], "queue-single-call", "{").detailed(403)


def test_health_needs_no_token(stack):
    assert stack.client().get(f"{API}/health").ok().json["status"] == "unhealthy"       # nobody sweeps here
    assert stack.client().request("HEAD", f"{API}/health").status == 200
    assert stack.client().get(f"{API}/health/").ok().json["twilio_configured"] is True
    # A sweeper that was heard of within 150 s.
    try:
        for seconds, configured in ((140, True), (160, False)):
            stack.run("delete from sweeper")
            stack.run("insert into sweeper (host, pid, beat_at) values ('elsewhere', 1, now() - make_interval(secs => %s))", seconds)
            health = stack.client().get(f"{API}/health").ok().json
            assert (health["celery_configured"], health["status"]) == (configured, "healthy" if configured else "unhealthy")
    finally:
        stack.run("delete from sweeper")


def test_anonymous(make_stack, twilio):
    """Where calls are open: as anonymous of the first tenant, and only calls. A token that is present is always checked."""
    stack = make_stack("calls for anonymous", sweep=False, TASKGATE_ANONYMOUS="calls,content", **twilio.settings())
    first, nobody = stack.value("select name from tenant order by number limit 1"), stack.client()
    nobody.get(f"{API}/active-tasks").detailed(401)
    stack.ctl("user", "add", "anonymous")
    made = nobody.post(f"{API}/queue-single-call", ONE).ok().json
    row = stack.row("select n.name, p.handle from task t join tenant n on n.id = t.tenant_id join principal p on p.tenant_id = t.tenant_id and p.id = t.created_by where t.public_id = %s",
                    made["task_id"])
    assert (row["name"], row["handle"]) == (first, "anonymous")
    assert calling.status(nobody, made["task_id"])["status"] == "PENDING"
    stack.client("unknown").get(f"{API}/task-status/{made['task_id']}").detailed(401)
    nobody.get("/task").refused(401, "UNAUTHORIZED")
    stack.tenant().client("disposition:read").get(f"{API}/active-tasks").detailed(403)
    stack.tenant().api.get(f"{API}/task-status/{made['task_id']}").detailed(404)
    calling.cancel(nobody, made["task_id"]).ok()


def test_another_tenants_task_does_not_exist(stack, tenant, own_tenant):
    _, made = calling.queue(own_tenant.api, delay_seconds=600)
    bulk = calling.queue_bulk(own_tenant.api, ["+12025550101"])
    for task in (made["task_id"], bulk["task_id"]):
        tenant.api.get(f"{API}/task-status/{task}").detailed(404, f"Task {task} not found")
        calling.cancel(tenant.api, task).detailed(404, f"Task {task} not found or could not be cancelled")
        tenant.api.get(f"{API}/campaigns/{task}/calls").detailed(404, f"Task {task} not found")
        assert task not in [t["task_id"] for t in tenant.api.get(f"{API}/active-tasks").ok().json["tasks"]]
        assert calling.status(own_tenant.api, task)["status"] == "PENDING"


def test_other_apis_tasks_are_not_calls(tenant):
    entity = tenant.create()
    task = tenant.task(entity)["public_id"]
    tenant.api.get(f"{API}/task-status/{task}").detailed(404)
    calling.cancel(tenant.api, task).detailed(404)
    assert tenant.status(entity) == "pending"


# -- how it is asked --

@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"to_number": "+12025550101"', "{'to_number': '+12025550101'}", '{"to_number": "+12025550101", "to_number": "+12025550102"}', "\xff",
                                  '{"to_number": "+12025550101"} x', '{"to_number": "+12025550101" /* c */}'])
def test_a_body_that_is_no_json_object(tenant, text):
    before = tenant.footprint()
    for route, _, _ in QUEUEING:
        post(tenant.api, route, text.encode("latin-1")).detailed(400)
    assert tenant.footprint() == before


@pytest.mark.parametrize("text", ['{"to_number": "+12025550101",}', '{"to_number": "+12025550101" , }', '{"to_number": "+12025550101", "call_metadata": {"a": [1, 2,], "b": {"c": 1,},},}'])
def test_one_trailing_comma_is_taken(tenant, text):
    post(tenant.api, "queue-single-call", text).ok()
    post(tenant.api, "queue-bulk-calls", '{"phone_numbers": ["+12025550101",],}').ok()


@pytest.mark.parametrize("text", ['{"to_number": "+12025550101",,}', '{,"to_number": "+12025550101"}', '{"to_number": "+12025550101"},', "{,}", '{"call_metadata": {"a": [,]}, "to_number": "+12025550101"}'])
def test_and_no_other_comma(tenant, text):
    post(tenant.api, "queue-single-call", text).detailed(400, words="^malformed JSON at byte")


def test_and_nowhere_else(tenant):
    text, json = b'{"task_type": "job", "action": "a",}', {"Content-Type": "application/json"}
    tenant.api.put(f"/generic/{fresh('e')}", body=text, headers=json).refused(400, "INVALID_REQUEST", words="malformed JSON")
    tenant.api.post("/work/claim", body=b'{"types": ["job",]}', headers=json).refused(400, "INVALID_REQUEST", words="malformed JSON")


def test_methods_paths_and_media_types(stack, tenant):
    for method, path, allow in (("GET", "queue-single-call", "POST"), ("PUT", "queue-bulk-calls", "POST"), ("DELETE", "schedule-call", "POST"), ("POST", "task-status/x", "GET"),
                                ("GET", "cancel-task/x", "DELETE"), ("POST", "health", "GET"), ("DELETE", "active-tasks", "GET"), ("PATCH", "campaigns/x/calls", "GET")):
        answer = tenant.api.request(method, f"{API}/{path}").detailed(405)
        assert allow in answer.headers["Allow"], repr(answer)
    for path in ("", "/", "/nothing", "/task-status", "/task-status/", "/task-status/a/b", "/queue-single-call/x", "/campaigns/x"):
        tenant.api.get(API + path).detailed(404)
    options = tenant.api.request("OPTIONS", f"{API}/queue-single-call")
    assert options.status == 204 and "POST" in options.headers["Allow"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", None):
        tenant.api.post(f"{API}/queue-single-call", body=b"{}", headers={"Content-Type": kind}).detailed(415)
    post(tenant.api, "queue-single-call", '{"to_number": "+12025550101"}', "Application/JSON; charset=utf-8").ok()


def test_too_large(tenant):
    before = tenant.footprint()
    for size in (1024 * 1024 + 1, 3 * 1024 * 1024):       # ours, nginx's
        for route, _, _ in QUEUEING:
            tenant.api.close()
            post(tenant.api, route, b'{"to_number": "' + b"x" * size + b'"}').detailed(413)
    tenant.api.close()
    assert tenant.footprint() == before


def test_ids_at_their_edges(tenant):
    for task in ("a" * 128, "task-12345", "a.b~c", "%C3%A9"):
        tenant.api.get(f"{API}/task-status/{task}").detailed(404, words="not found$")
    tenant.api.get(f"{API}/task-status/{'a' * 129}").detailed(400)
    tenant.api.get(f"{API}/task-status/%00").detailed(400)
    for query in ("page=0", "page=1001", "limit=0", "limit=1001", "limit=x", "page=1.5"):
        tenant.api.get(f"{API}/campaigns/x/calls?{query}").detailed(400)


# -- what is not configured --

MISSING = "Twilio service not initialized"


@pytest.mark.parametrize("setting", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"])
def test_twilio_is_not_configured(make_stack, twilio, setting):
    stack = make_stack(f"without {setting}", sweep=False, **{k: v for k, v in twilio.settings().items() if k != setting})
    tenant = stack.tenant()
    before = tenant.footprint()
    for route, fields, prefix in QUEUEING:
        tenant.api.post(f"{API}/{route}", fields).detailed(500, prefix + MISSING)
        tenant.api.post(f"{API}/{route}", dict(fields, to_number="1", phone_numbers=[])).detailed(400)       # what is wrong comes first
    assert tenant.footprint() == before
    health = tenant.api.get(f"{API}/health").ok().json
    assert (health["status"], health["twilio_configured"]) == ("unhealthy", False)
    if setting == "TWILIO_PHONE_NUMBER":
        tenant.api.post(f"{API}/queue-single-call", dict(ONE, from_number="+15005550006")).ok()


def test_public_url_is_not_set(make_stack, twilio):
    """Twilio could ask for no TwiML: refused at once, unless the caller has an address of his own."""
    tenant = make_stack("calls without a public address", sweep=False, TASKGATE_PUBLIC_URL="", **twilio.settings()).tenant()
    before = tenant.footprint()
    for route, fields, prefix in QUEUEING:
        tenant.api.post(f"{API}/{route}", fields).detailed(500, f"{prefix}TASKGATE_PUBLIC_URL is not set")
    assert tenant.footprint() == before
    for route, fields, _ in QUEUEING:
        tenant.api.post(f"{API}/{route}", dict(fields, webhook_url="https://example.com/twiml")).ok()


def test_celerys_settings_are_taken_ignored_and_told_of(own_stack, shared, twilio):
    """The document's environment block, whole, in taskgate.conf and in the environment: one line of the log names what has no meaning here, and no value."""
    text = (shared / "spec" / "calls.md").read_text()
    block, = document.blocks(document.sections(text, 2)["Environment Variables"], "bash")
    settings = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    assert set(settings) == {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"}
    settings["TWILIO_PHONE_NUMBER"] = "+15005550006"       # a placeholder that is too long to be a number
    stack = own_stack(sweep=False, **settings)
    lines = [line for line in stack.log("fcgi").splitlines() if "CELERY" in line]
    assert len(lines) == 1 and "settings.ignored names=CELERY_BROKER_URL,CELERY_RESULT_BACKEND" in lines[0] and "redis" not in lines[0]
    stack.tenant().api.post(f"{API}/queue-single-call", ONE).ok()
    # The chapter on debugging.
    debug, = [b for b in document.blocks(text, "bash") if "LOG_LEVEL" in b]
    name, value = debug.split("export ")[1].split()[0].split("=")
    assert stack.program("taskgate-fcgi", "-t", env={name: value}).returncode == 0
    told = stack.program("taskgate-fcgi", "-t", env={"CELERY_TASK_ALWAYS_EAGER": "1"})
    assert "CELERY_TASK_ALWAYS_EAGER" in told.stderr and told.returncode == 0
    for program, words in (("taskgatectl", ["conf"]), ("taskgate-sweep", ["--once"])):
        done = stack.program(program, *words, env={"CELERY_BROKER_URL": "redis://localhost:6379/0"})
        assert done.returncode == 0 and "CELERY" not in done.stdout + done.stderr


# -- what is out of order --

def test_a_statement_that_fails_is_500_with_the_routes_words(own_stack, twilio):
    stack = own_stack(sweep=False, **twilio.settings())
    tenant = stack.tenant()
    _, made = calling.queue(tenant.api, delay_seconds=600)
    before = tenant.footprint()
    stack.run("revoke insert on campaign from taskgate_api")
    stack.run("revoke execute on function call_cancel(text, text), call_word(text) from public, taskgate_api")
    for route, fields, prefix in QUEUEING:
        tenant.api.post(f"{API}/{route}", fields).detailed(500, words=f"^{prefix}an internal error; the request id")
    tenant.api.get(f"{API}/task-status/{made['task_id']}").detailed(500, words="^Failed to get task status: an internal error")
    calling.cancel(tenant.api, made["task_id"]).detailed(500, words="^Failed to cancel task: an internal error")
    tenant.api.get(f"{API}/active-tasks").detailed(500)
    assert tenant.footprint() == before
    assert stack.log("fcgi").count("request.failed") >= 6


def test_no_database_is_503_with_retry_after_and_health_answers(own_stack, twilio):
    stack = own_stack(**twilio.settings())
    tenant = stack.tenant()
    until(lambda: tenant.api.get(f"{API}/health").ok().json["status"] == "healthy", "health")
    stack.stop("pg", "-m", "immediate")
    for route, fields, prefix in QUEUEING:
        tenant.api.post(f"{API}/{route}", fields).detailed(503, words=f"^{prefix}the database cannot be reached; nothing was done")
    tenant.api.get(f"{API}/task-status/x").detailed(503, words="^Failed to get task status: ")
    calling.cancel(tenant.api, "x").detailed(503, words="^Failed to cancel task: ")
    tenant.api.get(f"{API}/active-tasks").detailed(503)
    # Whoever is on the phone hears words, and Twilio's report is one to send again.
    for name in ("incoming-call", "gather-callback"):
        spoken = calling.hook(stack, twilio, name, [("CallSid", "CA" + "0" * 32)])
        assert spoken.status == 200 and spoken.headers["Content-Type"] == "application/xml" and b"<Say>We are sorry" in spoken.body
    report = calling.hook(stack, twilio, "call-status", [("CallSid", "CA" + "0" * 32), ("CallStatus", "ringing")])
    assert report.status == 503 and report.headers["Retry-After"]
    for client in (tenant.api, stack.client()):
        health = client.get(f"{API}/health").ok().json
        assert (health["status"], health["twilio_configured"], health["celery_configured"]) == ("unhealthy", True, False)
    stack.start("pg")
    until(lambda: tenant.api.post(f"{API}/queue-single-call", dict(ONE, delay_seconds=600)).status == 200, "the database")


# -- once --

@pytest.mark.parametrize("route, fields, prefix", QUEUEING, ids=lambda v: str(v)[:20])
def test_idempotency_key(tenant, route, fields, prefix):
    for name in ("Idempotency-Key", "X-Idempotency-Key"):
        key = fresh("key")
        first = tenant.api.post(f"{API}/{route}", fields, headers={name: key}).ok()
        rows = tenant.footprint()
        again = tenant.api.post(f"{API}/{route}", fields, headers={name: key}).ok()
        assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
        assert tenant.footprint() == rows
        tenant.api.post(f"{API}/{route}", dict(fields, from_number="+15005550006"), headers={name: key}).detailed(422)
        assert tenant.footprint() == rows
        assert tenant.api.post(f"{API}/{route}", fields, headers={name: fresh("key")}).ok().json["task_id"] != first.json["task_id"]


def test_a_refusal_leaves_the_key_free(tenant):
    key = {"Idempotency-Key": fresh("key")}
    tenant.api.post(f"{API}/queue-single-call", {"to_number": "1"}, headers=key).detailed(400)
    tenant.api.post(f"{API}/queue-single-call", ONE, headers=key).ok()
    _, made = calling.queue(tenant.api, delay_seconds=600)
    cancel = {"Idempotency-Key": fresh("key")}
    path = f"{API}/cancel-task/{made['task_id']}"
    assert tenant.api.delete(path, headers=cancel).ok().body == tenant.api.delete(path, headers=cancel).ok().body
    tenant.api.delete(path).detailed(404)
