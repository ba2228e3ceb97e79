# SPDX-License-Identifier: MIT
"""Methods, HEAD, OPTIONS, the trailing slash, the twins of each path (README decision 19)."""
import re

import pytest

from client import raw
from stack import fresh

UUID = "0190a000-0000-7000-8000-000000000000"
# path, the methods that it takes
PATHS = [
    ("/voicemail/x", "GET, HEAD, PUT, OPTIONS"), ("/cbfinish/x", "PUT, POST, OPTIONS"), ("/sms/x", "GET, HEAD, PUT, POST, OPTIONS"), ("/email", "PUT, OPTIONS"),
    ("/email/x", "GET, HEAD, OPTIONS"), ("/dgapi/v1/voicemail/x", "GET, HEAD, PUT, OPTIONS"), ("/dgapi/v1/cbfinish/x", "PUT, POST, OPTIONS"),
    ("/dgapi/v1/sms/x", "GET, HEAD, PUT, POST, OPTIONS"), ("/dgapi/v1/email", "PUT, OPTIONS"), ("/api/v1/twilio/message-status", "POST, OPTIONS"),
    ("/generic/x", "GET, HEAD, PUT, OPTIONS"), ("/task", "GET, HEAD, OPTIONS"), ("/task/x", "GET, HEAD, OPTIONS"), ("/task/x/cancel", "POST, OPTIONS"),
    ("/task/x/retry", "POST, OPTIONS"), ("/task/x/why", "GET, HEAD, OPTIONS"), ("/work/claim", "POST, OPTIONS"), (f"/work/{UUID}/heartbeat", "POST, OPTIONS"),
    (f"/work/{UUID}/progress", "POST, OPTIONS"), (f"/work/{UUID}/log", "POST, OPTIONS"), (f"/work/{UUID}/complete", "POST, OPTIONS"), (f"/work/{UUID}/fail", "POST, OPTIONS"),
    ("/health", "GET, HEAD, OPTIONS"), ("/ready", "GET, HEAD, OPTIONS"), ("/info", "GET, HEAD, OPTIONS"), ("/metrics", "GET, HEAD, OPTIONS"),
]
ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
SMS = {"to": "+12025558101", "message": "m"}
EMAIL = {"to": ["rules@example.com"], "subject": "s", "template": "voicemail", "template_data": dict.fromkeys(("caller_id", "timestamp", "duration", "audio_url"), "x")}


def methods(text):
    return set(text.replace(" ", "").split(","))


def refused_method(path, got):
    """405 in the shape of the path's API: messaging has its words small, Twilio reads no JSON."""
    if "/twilio/" in path:
        assert got.status == 405 and got.headers["Content-Type"].startswith("text/plain"), repr(got)
        return got
    return got.refused(405, "method_not_allowed" if re.search("/(sms|email)", path) else "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path, allowed", PATHS)
def test_wrong_method(stack, idle, path, allowed):
    before = idle.footprint()
    for method in ALL + ["BREW"]:
        if method in methods(allowed):
            continue
        got = idle.api.request(method, path, body=b"{}" if method != "HEAD" else None, headers={"Content-Type": "application/json"})
        if method == "HEAD":
            assert got.status == 405 and got.body == b""
        else:
            refused_method(path, got)
        assert methods(got.headers["Allow"]) == methods(allowed)
    # Without a token too: nothing about a task is told by it.
    assert methods(refused_method(path, stack.client().request("PATCH", path)).headers["Allow"]) == methods(allowed)
    assert idle.footprint() == before


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
    for path in ("/generic/none", "/voicemail/none", "/sms/none", "/email/none", "/task/none"):
        get, head = tenant.api.get(path), tenant.api.request("HEAD", path)
        assert (head.status, head.body) == (404, b"") and head.headers["Content-Length"] == get.headers["Content-Length"]


def test_head_needs_a_token(stack):
    for path in ("/task", "/voicemail/x", "/sms/x", "/email/x"):
        assert stack.client().request("HEAD", path).status == 401


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


@pytest.mark.parametrize("prefix, slash", TWINS)
def test_contact_centre_twins(tenant, prefix, slash):
    name = fresh("twin")
    made = tenant.api.put(f"{prefix}/voicemail/{name}{slash}", {"voicemail_id": name, "caller_id": "c", "recipient_id": "r"}).ok(201)
    assert made.headers["Location"] == f"{prefix}/voicemail/{name}"
    for method in ("PUT", "POST"):
        callback = f"{name}-{method}"
        made = tenant.api.request(method, f"{prefix}/cbfinish/{callback}{slash}", {"callback_id": callback, "agent_id": "a", "disposition_code": "BUSY"}).ok(201)
        assert made.headers["Location"] == f"{prefix}/task/{callback}"
        made = tenant.api.request(method, f"{prefix}/sms/{callback}{slash}", SMS).ok(201)
        assert made.headers["Location"] == f"{prefix}/sms/{callback}"
    mail = tenant.api.put(f"{prefix}/email{slash}", EMAIL).ok(201)
    assert mail.headers["Location"] == f"{prefix}/email/{mail.data['task_id']}"
    assert tenant.api.get(f"{prefix}/voicemail/{name}{slash}").ok().data["entity"] == name
    assert tenant.api.get(f"{prefix}/sms/{name}-PUT{slash}?include=delivery_log").ok().data["entity"] == f"{name}-PUT"
    assert tenant.api.get(f"{prefix}/email/{mail.data['task_id']}{slash}?include=content").ok().data["task_id"] == mail.data["task_id"]


def test_where_an_answer_says_it_is(tenant):
    """Each Location can be asked."""
    name = fresh("where")
    for method, path, body in (("PUT", f"/voicemail/{name}", {"voicemail_id": name, "caller_id": "c", "recipient_id": "r"}), ("PUT", f"/sms/{name}", SMS), ("PUT", "/email", EMAIL),
                               ("POST", f"/cbfinish/{name}-cb", {"callback_id": name, "agent_id": "a", "disposition_code": "BUSY"})):
        made = tenant.api.request(method, path, body).ok(201)
        assert tenant.api.get(made.headers["Location"]).ok().data["task_id"] == made.data["task_id"]


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
    for path in ("/generic", "/task", "/dgapi/v1/task", "/voicemail", "/cbfinish", "/sms", "/email", "/dgapi/v1/email", "/api/v1/twilio"):
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
