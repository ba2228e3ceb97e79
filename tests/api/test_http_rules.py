# SPDX-License-Identifier: MIT
"""Methods, HEAD, OPTIONS, the trailing slash, the twins of each path (README decision 19)."""
import pytest

from client import raw
from stack import fresh

UUID = "0190a000-0000-7000-8000-000000000000"
# path, the methods that it takes
PATHS = [
    ("/generic/x", "GET, HEAD, PUT, OPTIONS"), ("/task", "GET, HEAD, OPTIONS"), ("/task/x", "GET, HEAD, OPTIONS"), ("/task/x/cancel", "POST, OPTIONS"),
    ("/task/x/retry", "POST, OPTIONS"), ("/task/x/why", "GET, HEAD, OPTIONS"), ("/work/claim", "POST, OPTIONS"), (f"/work/{UUID}/heartbeat", "POST, OPTIONS"),
    (f"/work/{UUID}/progress", "POST, OPTIONS"), (f"/work/{UUID}/log", "POST, OPTIONS"), (f"/work/{UUID}/complete", "POST, OPTIONS"), (f"/work/{UUID}/fail", "POST, OPTIONS"),
    ("/health", "GET, HEAD, OPTIONS"), ("/ready", "GET, HEAD, OPTIONS"), ("/info", "GET, HEAD, OPTIONS"), ("/metrics", "GET, HEAD, OPTIONS"),
]
ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def methods(text):
    return set(text.replace(" ", "").split(","))


@pytest.mark.parametrize("path, allowed", PATHS)
def test_wrong_method(stack, tenant, path, allowed):
    before = tenant.footprint()
    for method in ALL + ["BREW"]:
        if method in methods(allowed):
            continue
        got = tenant.api.request(method, path, body=b"{}" if method != "HEAD" else None, headers={"Content-Type": "application/json"})
        if method == "HEAD":
            assert got.status == 405 and got.body == b""
        else:
            got.refused(405, "METHOD_NOT_ALLOWED")
        assert methods(got.headers["Allow"]) == methods(allowed)
    # Without a token too: nothing about a task is told by it.
    assert methods(stack.client().request("PATCH", path).refused(405, "METHOD_NOT_ALLOWED").headers["Allow"]) == methods(allowed)
    assert tenant.footprint() == before


@pytest.mark.parametrize("path, allowed", PATHS)
def test_options(stack, path, allowed):
    for where in (path, path + "/"):
        got = stack.client().request("OPTIONS", where)
        assert (got.status, got.body) == (204, b""), repr(got)
        assert methods(got.headers["Allow"]) == methods(allowed)
        assert got.headers.get("X-Request-Id")


def test_options_of_nothing(stack):
    stack.client().request("OPTIONS", "/nothing").refused(404, "NOT_FOUND")


def test_head(tenant):
    entity = tenant.create()
    for path in (f"/generic/{entity}?include_payload=1", f"/task/{entity}", "/task", f"/task/{entity}/why", "/health"):
        get, head = tenant.api.get(path).ok(), tenant.api.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Type", "Content-Length"):
            assert head.headers[name] == get.headers[name], name
    head = tenant.api.request("HEAD", "/generic/none")
    assert (head.status, head.body) == (404, b"")


def test_head_needs_a_token(stack):
    assert stack.client().request("HEAD", "/task").status == 401


TWINS = [("", ""), ("/dgapi/v1", ""), ("", "/"), ("/dgapi/v1", "/")]


@pytest.mark.parametrize("prefix, slash", TWINS)
def test_disposition_twins(tenant, prefix, slash):
    entity = fresh("twin")
    made = tenant.api.put(f"{prefix}/generic/{entity}{slash}", {"task_type": "job", "action": "a"}).ok(201)
    assert made.headers["Location"] == f"{prefix}/generic/{entity}"
    for path in (f"/generic/{entity}", f"/task/{entity}", f"/task/{entity}/why"):
        assert tenant.api.get(f"{prefix}{path}{slash}").ok().data["entity"] == entity
    assert tenant.api.get(f"{prefix}/task{slash}?limit=1").ok().data["tasks"][0]["entity"] == entity
    assert tenant.api.post(f"{prefix}/task/{entity}/cancel{slash}").ok().data["status"] == "cancelled"
    tenant.api.post(f"{prefix}/task/{entity}/retry{slash}").refused(409, "INVALID_STATE")


@pytest.mark.parametrize("prefix", ["", "/taskgate"])
def test_ops_and_work_twins(stack, tenant, prefix):
    assert stack.client().get(f"{prefix}/health").ok().json["status"] == "ok"
    assert stack.client().get(f"{prefix}/ready/").ok().json["status"] == "ready"
    assert stack.client().get(f"{prefix}/info").ok().json["status"] == "ok"
    assert tenant.api.get(f"{prefix}/metrics").status == 200
    kind = fresh("twin")
    entity = tenant.create(task_type=kind)
    [task] = tenant.api.post(f"{prefix}/work/claim", {"types": [kind]}).ok().json["tasks"]
    assert task["entity"] == entity
    tenant.api.post(f"{prefix}/work/{task['id']}/complete", {"fence": task["fence"]}).ok()


def test_disposition_is_not_under_the_ops_prefix(tenant):
    tenant.api.get("/taskgate/task").refused(404, "NOT_FOUND")


def test_post_without_a_body_is_no_redirect(stack, tenant):
    entity = tenant.create()
    sent = f"POST /task/{entity}/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\n\r\n"
    assert raw("127.0.0.1", stack.port, sent.encode()).ok().data["status"] == "cancelled"
    for path in ("/generic", "/task", "/dgapi/v1/task"):
        got = tenant.api.post(path)
        assert got.status in (404, 405) and "Location" not in got.headers, repr(got)


def test_keep_alive_survives_refusals(tenant):
    tenant.api.get("/task").ok()
    connection = tenant.api.connection.sock
    tenant.api.get("/nothing").refused(404, "NOT_FOUND")
    tenant.api.put("/generic/x", {"action": 1}).refused(400, "INVALID_REQUEST")
    tenant.api.get("/task").ok()
    assert tenant.api.connection.sock is connection


def test_get_with_a_body_is_served(tenant):
    tenant.api.request("GET", "/task", body=b"not looked at").ok()


def test_answers_are_not_for_caches_or_sniffers_to_guess(tenant):
    got = tenant.api.get("/task").ok()
    assert got.headers["Content-Type"] == "application/json"
    assert len(got.body) == int(got.headers["Content-Length"])
