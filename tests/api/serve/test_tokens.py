# SPDX-License-Identifier: MIT
"""Who may do what: no token, a bad one, an expired or revoked one, a missing scope; and tenants that cannot see each other. A refused caller learns that he
is refused and nothing else, and the audit has a line of it."""
import hashlib

import pytest

from stack import fresh
from waiting import until

UUID = "0190a000-0000-7000-8000-000000000000"
CREATE = {"task_type": "job", "action": "a"}
VOICEMAIL = {"voicemail_id": "{e}", "caller_id": "+15551234567", "recipient_id": "nobody"}
FINISH = {"callback_id": "{e}", "agent_id": "agent-456", "disposition_code": "BUSY"}
SMS = {"to": "+12025558001", "message": "m"}
EMAIL = {"to": ["tokens@example.com"], "subject": "s", "template": "voicemail", "template_data": dict.fromkeys(("caller_id", "timestamp", "duration", "audio_url"), "x")}
FENCED = {"fence": 1}

# method, path, body, the scope that it wants
ROUTES = [
    ("PUT", "/voicemail/{e}", VOICEMAIL, "disposition:write"), ("GET", "/voicemail/{e}", None, "disposition:read"),
    ("PUT", "/cbfinish/{e}", FINISH, "disposition:write"), ("POST", "/cbfinish/{e}", FINISH, "disposition:write"),
    ("PUT", "/sms/{e}", SMS, "disposition:write"), ("POST", "/sms/{e}", SMS, "disposition:write"), ("GET", "/sms/{e}", None, "disposition:read"),
    ("PUT", "/email", EMAIL, "disposition:write"), ("GET", "/email/{e}", None, "disposition:read"),
    ("PUT", "/generic/{e}", CREATE, "disposition:write"), ("GET", "/generic/{e}", None, "disposition:read"), ("GET", "/task", None, "disposition:read"),
    ("GET", "/task/{e}", None, "disposition:read"), ("POST", "/task/{e}/cancel", None, "disposition:write"), ("POST", "/task/{e}/retry", None, "disposition:write"),
    ("GET", "/task/{e}/why", None, "disposition:read"), ("POST", "/work/claim", {}, "work"), ("POST", f"/work/{UUID}/heartbeat", FENCED, "work"),
    ("POST", f"/work/{UUID}/progress", dict(FENCED, progress=1), "work"), ("POST", f"/work/{UUID}/log", dict(FENCED, message="m"), "work"),
    ("POST", f"/work/{UUID}/complete", FENCED, "work"), ("POST", f"/work/{UUID}/fail", dict(FENCED, error="e"), "work"), ("GET", "/metrics", None, "metrics"),
]
SCOPES = ["disposition:read", "disposition:write", "human:read", "human:write", "calls:read", "calls:write", "content:read", "content:write", "content:approve",
          "approvals:read", "approvals:write", "approvals:audit", "work", "metrics"]
IDS = [f"{m} {p}".replace(UUID, "id") for m, p, _, _ in ROUTES]


def call(client, route, prefix="", **headers):
    method, path, body, _ = route
    name = fresh("who")
    body = body and {k: v.replace("{e}", name) if isinstance(v, str) else v for k, v in body.items()}
    return client.request(method, prefix + path.replace("{e}", name), body, headers=headers)


def word(route, code):
    """The code in the words of the route's own page: messaging writes them small."""
    return code.lower() if route[1].startswith(("/sms", "/email")) else code


def prefixes(route):
    return ("", "/taskgate") if route[3] in ("work", "metrics") else ("", "/dgapi/v1")


@pytest.fixture(scope="module")
def by_scope(tenant):
    return {s: tenant.client(s) for s in SCOPES}


@pytest.fixture(scope="module")
def idle_by_scope(idle):
    return {s: idle.client(s) for s in SCOPES}


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_no_token(stack, idle, route):
    before = idle.footprint()
    for prefix in prefixes(route):
        call(stack.client(), route, prefix).refused(401, word(route, "UNAUTHORIZED"))
        call(stack.client("unknown"), route, prefix).refused(401, word(route, "UNAUTHORIZED"), words="not known")
    assert idle.footprint() == before


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_scope_is_needed(idle, route, idle_by_scope):
    before = idle.footprint()
    for scope in SCOPES:
        if scope != route[3]:
            call(idle_by_scope[scope], route).refused(403, word(route, "INSUFFICIENT_SCOPE"), words=route[3])
    assert idle.footprint() == before


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_scope_is_enough(stack, tenant, by_scope, route):
    for prefix in prefixes(route):
        assert call(by_scope[route[3]], route, prefix).status in (200, 201, 404)
    assert call(stack.client(), route, **{"X-API-Key": by_scope[route[3]].token}).status in (200, 201, 404)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a b", "Bearer a\tb", "bearer", "Token abc", "Bearer ü".encode(), "Bearer =", "Bearer a=b", "Bearer " + "x" * 600,
                                    "Bearer '", "Bearer abc,def", "Digest x"])
def test_malformed(stack, tenant, header):
    """An Authorization header that is there and holds no well-formed token is refused, and no other header rescues it."""
    if header != "":
        stack.client().get("/task", headers={"Authorization": header, "X-API-Key": tenant.token}).refused(401, "UNAUTHORIZED")
    stack.client().get("/task", headers={"Authorization": header}).refused(401, "UNAUTHORIZED")


@pytest.mark.parametrize("token", ["unknown", "0" * 64, "tg_" + "a" * 43])
def test_unknown(stack, token):
    stack.client(token).get("/task").refused(401, "UNAUTHORIZED", words="not known")
    stack.client().get("/task", headers={"X-API-Key": token}).refused(401, "UNAUTHORIZED")


def test_almost_right(stack, tenant):
    for token in (tenant.token[:-1], tenant.token + "x", tenant.token.swapcase(), tenant.token[::-1]):
        stack.client(token).get("/task").refused(401, "UNAUTHORIZED")


def test_other_headers_for_it(stack, tenant):
    stack.client().get("/task", headers={"X-API-Key": tenant.token}).ok()
    stack.client().get("/task", headers={"Authorization": f"bearer {tenant.token}"}).ok()
    stack.client().get("/task", headers={"Authorization": f"BEARER   {tenant.token}"}).ok()
    # Bearer wins, be it the worse one.
    stack.client().get("/task", headers={"Authorization": f"Bearer {tenant.token}", "X-API-Key": "unknown"}).ok()
    stack.client().get("/task", headers={"Authorization": "Bearer unknown", "X-API-Key": tenant.token}).refused(401, "UNAUTHORIZED")
    # A query is no place for a token.
    stack.client().get(f"/task?token={tenant.token}&access_token={tenant.token}").refused(401, "UNAUTHORIZED")


def hash_of(token):
    return hashlib.sha256(token.encode()).digest()


def test_revoked(stack, tenant):
    token = tenant.new_token()
    client = stack.client(token)
    client.get("/task").ok()
    found = str(stack.value("select id from token where hash = %s", hash_of(token)))
    stack.ctl("token", "revoke", found, "--tenant", tenant.name)
    client.get("/task").refused(401, "UNAUTHORIZED", words="revoked")
    client.put(f"/generic/{fresh('r')}", CREATE).refused(401, "UNAUTHORIZED")


def test_expired(stack, tenant):
    token = tenant.new_token("all", "tester", "--expires", "90d")
    client = stack.client(token)
    client.get("/task").ok()
    stack.run("update token set expires_at = now() - interval '1 second' where hash = %s", hash_of(token))
    client.get("/task").refused(401, "UNAUTHORIZED", words="expired")


def test_only_the_hash_is_stored(stack, tenant):
    token = tenant.new_token("work")
    assert stack.value("select count(*) from token where hash = %s", hash_of(token)) == 1
    dump = stack.rows("select t::text as t from token t union all select a::text from audit a")
    assert not any(token in r["t"] for r in dump)
    assert token not in stack.log("fcgi")


JSON = {"Content-Type": "application/json"}
WRONG = {"malformed": dict(body=b"{broken", headers=JSON), "empty": dict(body=b"", headers=JSON), "field": dict(json={"action": 1}),
         "content type": dict(body=b"{}", headers={"Content-Type": "text/plain"}), "size": dict(body=b"{}" + b" " * (1 << 20), headers=JSON),
         "payload": dict(json=dict(CREATE, payload=1)), "key": dict(json=CREATE, headers={"Idempotency-Key": "with blank"})}
TAKES_BODY = [r for r in ROUTES if r[0] != "GET" and r[2] is not None]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("route", TAKES_BODY, ids=[i for i, r in zip(IDS, ROUTES) if r in TAKES_BODY])
def test_authority_goes_before_all_other_refusals(stack, idle, idle_by_scope, route, wrong):
    """A refusal found before SQL is told only to a caller who may ask."""
    def send(client):
        kept = dict(WRONG[wrong])
        kept["headers"] = dict(kept.get("headers", {}))
        return client.request(route[0], route[1].replace("{e}", fresh("auth")), **kept)
    before = idle.footprint()
    send(stack.client()).refused(401, word(route, "UNAUTHORIZED"))
    send(stack.client("unknown")).refused(401, word(route, "UNAUTHORIZED"))
    send(idle_by_scope["metrics"]).refused(403, word(route, "INSUFFICIENT_SCOPE"))
    send(idle_by_scope["work" if route[3] != "work" else "disposition:read"]).refused(403, word(route, "INSUFFICIENT_SCOPE"))
    if route[1] != "/work/claim" or wrong not in ("field", "payload"):     # a claim of all types is well formed
        assert send(idle.api).status in (400, 413, 415, 422)
    assert idle.footprint() == before


def test_bad_query_and_bad_entity_go_after_authority(stack, by_scope):
    for path in ("/generic/a%20b", "/generic/x?include_logs=maybe", "/task?limit=x", "/voicemail/a%20b", "/voicemail/x?include_history=2"):
        stack.client("unknown").get(path).refused(401, "UNAUTHORIZED")
        by_scope["work"].get(path).refused(403, "INSUFFICIENT_SCOPE")
    for path in ("/sms/a%20b", "/sms/x?include=all", "/email/a%20b", "/email/x?include=all"):
        stack.client("unknown").get(path).refused(401, "unauthorized")
        by_scope["work"].get(path).refused(403, "insufficient_scope")


def test_duplicates_and_unknown_tasks_go_after_authority(tenant, by_scope):
    entity = tenant.create()
    by_scope["disposition:read"].put(f"/generic/{entity}", CREATE).refused(403, "INSUFFICIENT_SCOPE")
    by_scope["work"].get("/generic/none").refused(403, "INSUFFICIENT_SCOPE")
    for route in ROUTES:
        if route[0] == "PUT" and route[1] != "/email":
            path, body = route[1].replace("{e}", entity), {k: v.replace("{e}", entity) for k, v in route[2].items()}
            if route[1] != "/generic/{e}":
                tenant.api.put(path, body).ok(201)
            by_scope["disposition:read"].put(path, body).refused(403, word(route, "INSUFFICIENT_SCOPE"))
            tenant.api.put(path, body).refused(409, {"v": "DUPLICATE_TASK", "c": "CALLBACK_ALREADY_FINISHED", "s": "duplicate_entity", "g": "DUPLICATE_ENTITY"}[path[1]])


def test_a_setting_that_is_missing_goes_after_authority(make_stack):
    """That a provider is not set up is told only to a caller who may send."""
    bare = make_stack("nothing configured")
    tenant = bare.tenant()
    for method, path, body in (("PUT", "/sms/x", SMS), ("POST", "/sms/x", SMS), ("PUT", "/email", EMAIL)):
        bare.client().request(method, path, body).refused(401, "unauthorized")
        tenant.client("disposition:read").request(method, path, body).refused(403, "insufficient_scope")
        tenant.api.request(method, path, body).refused(500, "internal_error", words="is not set")


def test_refusals_are_written_down(stack, own_tenant):
    client = own_tenant.client("work")
    answer = client.get("/task", headers={"X-Request-Id": fresh("audit")}).refused(403, "INSUFFICIENT_SCOPE")
    found = until(lambda: stack.rows("select * from audit where tenant_id = %s and action = 'refused.scope'", own_tenant.id), "a row of the audit")
    assert len(found) == 1 and found[0]["what"] == "task.list" and found[0]["request_id"] == answer.json["request_id"] and found[0]["remote"] == "127.0.0.1"
    revoked = own_tenant.new_token()
    stack.run("update token set revoked_at = now() where hash = %s", hash_of(revoked))
    stack.client(revoked).get("/task").refused(401, "UNAUTHORIZED")
    assert until(lambda: stack.value("select count(*) from audit where tenant_id = %s and action = 'refused.token'", own_tenant.id), "a row of the audit") == 1


def test_refusals_do_not_flood_the_audit(stack, own_tenant):
    client = own_tenant.client("work")
    for _ in range(40):
        client.get("/task").refused(403, "INSUFFICIENT_SCOPE")
    assert stack.value("select count(*) from audit where tenant_id = %s and action = 'refused.scope'", own_tenant.id) == 30


# -- tenants --

def test_tenants_cannot_see_each_other(stack):
    one, two = stack.tenant(), stack.tenant()
    kind = fresh("kind")
    entity = one.create(task_type=kind, tags=[kind], payload={"secret": kind}, callback_url="http://example.com/x")
    task_id = one.api.get(f"/generic/{entity}").ok().data["task_id"]
    assert two.api.post("/work/claim", {"types": [kind], "max": 100}).ok().json == {"tasks": []}
    assert two.api.post("/work/claim", {"max": 100}).ok().json == {"tasks": []}
    [claimed] = one.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"]
    before = one.footprint(), one.task(entity), one.work(entity)
    for name in (entity, task_id):
        two.api.get(f"/generic/{name}").refused(404, "TASK_NOT_FOUND")
        two.api.get(f"/task/{name}?include_details=1&include_history=1").refused(404, "TASK_NOT_FOUND")
        two.api.get(f"/task/{name}/why").refused(404, "TASK_NOT_FOUND")
        two.api.post(f"/task/{name}/cancel").refused(404, "TASK_NOT_FOUND")
        two.api.post(f"/task/{name}/retry").refused(404, "TASK_NOT_FOUND")
    for verb, more in (("heartbeat", {}), ("progress", {"progress": 5}), ("log", {"message": "m"}), ("complete", {"result": 1}), ("fail", {"error": "e"})):
        two.api.post(f"/work/{claimed['id']}/{verb}", dict(more, fence=claimed["fence"])).refused(404, "NOT_FOUND")
    for query in ("", f"?tag={kind}", "?status=processing", "?type=generic"):
        listed = two.api.get(f"/task{query}").ok().data
        assert listed["tasks"] == [] and listed["pagination"]["total_records"] == 0
    assert (one.footprint(), one.task(entity), one.work(entity)) == before
    # The same entity is free for another tenant, and the two stay apart.
    two.create(entity, task_type="other")
    assert two.api.get(f"/generic/{entity}").ok().data["task_type"] == "other"
    assert one.api.get(f"/generic/{entity}").ok().data["task_type"] == kind
    two.api.get(f"/generic/{task_id}").refused(404, "TASK_NOT_FOUND")
    # A key of one is no key of the other.
    key = {"Idempotency-Key": kind}
    assert "Idempotency-Replayed" not in one.api.put(f"/generic/{kind}", CREATE, headers=key).ok(201).headers
    assert "Idempotency-Replayed" not in two.api.put(f"/generic/{kind}", CREATE, headers=key).ok(201).headers


def test_tenants_do_not_share_the_contact_centre(stack):
    one, two, name = stack.tenant(), stack.tenant(), fresh("shared")

    def fill(body):
        return {k: v.replace("{e}", name) if isinstance(v, str) else v for k, v in body.items()}
    stack.run("insert into contact (tenant_id, id, phone, email) values (%s, %s, '+12025558002', 'c@example.com')", one.id, name)
    stack.run("insert into callback (tenant_id, id, contact_id) values (%s, %s, %s)", one.id, name, name)
    made = {path: one.api.put(path, fill(body)).ok(201).data["task_id"] for path, body in (
        (f"/voicemail/{name}", VOICEMAIL), (f"/cbfinish/{name}", FINISH), (f"/sms/{name}", SMS), ("/email", EMAIL))}
    mail = made["/email"]
    for own in (name, *made.values()):
        two.api.get(f"/task/{own}?include_details=1&include_history=1").refused(404, "TASK_NOT_FOUND")
        two.api.get(f"/task/{own}/why").refused(404, "TASK_NOT_FOUND")
        two.api.post(f"/task/{own}/cancel").refused(404, "TASK_NOT_FOUND")
        two.api.get(f"/voicemail/{own}").refused(404, "TASK_NOT_FOUND")
        two.api.get(f"/sms/{own}?include=delivery_log").refused(404, "not_found")
        two.api.get(f"/email/{own}?include=events,content").refused(404, "not_found")
    assert two.api.get("/task").ok().data["tasks"] == []
    # The same names are free there, and one's contact is not touched by the other's finish.
    two.api.put(f"/voicemail/{name}", fill(VOICEMAIL)).ok(201)
    two.api.put(f"/sms/{name}", SMS).ok(201)
    two.api.put(f"/cbfinish/{name}", dict(fill(FINISH), customer_data={"plan": "x"}, next_action={"type": "followup_email", "template": "voicemail"})).ok(201)
    assert stack.value("select data::text from contact where tenant_id = %s and id = %s", one.id, name) == "{}"
    assert two.api.get(f"/task/{name}?type=callback_finish").ok().data["result"]["actions_triggered"][1]["status"] == "failed"     # it has no address of one's contact
    # A template and a recipient of one are none of the other's.
    stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, 'ours', 's', 't')", one.id)
    two.api.put("/email", dict(EMAIL, template="ours")).refused(400, "template_not_found")
    assert one.api.get(f"/email/{mail}").ok().data["to"] == EMAIL["to"]


def test_metrics_hold_no_names(stack, own_tenant):
    entity = own_tenant.create(task_type=fresh("secretkind"))
    text = own_tenant.api.get("/metrics").body.decode()
    assert entity not in text and own_tenant.name not in text and "secretkind" not in text


def test_events_know_who_it_was(stack, tenant):
    entity = fresh("who")
    answer = tenant.api.put(f"/generic/{entity}", CREATE, headers={"X-Request-Id": entity}).ok(201)
    row = stack.row("select e.* from task_event e join task t on t.tenant_id = e.tenant_id and t.id = e.task_id where t.tenant_id = %s and t.entity = %s", tenant.id, entity)
    assert row["request_id"] == answer.headers["X-Request-Id"] == entity and row["remote"] == "127.0.0.1"
    assert row["principal_id"] == stack.value("select id from principal where tenant_id = %s and handle = 'tester'", tenant.id)
