# SPDX-License-Identifier: MIT
"""What goes wrong inside, for every route that asks the database: 500 for a statement that fails as nobody expected, 503 with Retry-After while the database is away, each
in its API's own shape and with its documented code (spec README decision 18). The request id is the way to the log, which alone says what it was."""
import pytest

from stack import fresh
from standin_resource import signature

UUID = "0190a000-0000-7000-8000-000000000000"
FENCED = {"fence": 1}
MAIL = {"to": ["a@example.com"], "subject": "s", "template": "voicemail", "template_data": dict.fromkeys(("caller_id", "timestamp", "duration", "audio_url"), "x")}
# method, path, body, the code of a server error
ROUTES = [
    ("PUT", "/voicemail/{e}", {"voicemail_id": "{e}", "caller_id": "c", "recipient_id": "r"}, "INTERNAL_ERROR"), ("GET", "/voicemail/{e}", None, "INTERNAL_ERROR"),
    ("PUT", "/generic/{e}", {"task_type": "job", "action": "a"}, "INTERNAL_ERROR"), ("GET", "/generic/{e}", None, "INTERNAL_ERROR"),
    ("GET", "/task", None, "INTERNAL_ERROR"), ("GET", "/task/{e}", None, "INTERNAL_ERROR"), ("GET", "/task/{e}/why", None, "INTERNAL_ERROR"),
    ("POST", "/task/{e}/cancel", None, "INTERNAL_ERROR"), ("POST", "/task/{e}/retry", None, "INTERNAL_ERROR"),
    ("PUT", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, "INTERNAL_ERROR"),
    ("POST", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, "INTERNAL_ERROR"),
    ("PUT", "/sms/{e}", {"to": "+12025550100", "message": "m"}, "internal_error"), ("POST", "/sms/{e}", {"to": "+12025550100", "message": "m"}, "internal_error"),
    ("GET", "/sms/{e}", None, "internal_error"), ("PUT", "/email", MAIL, "internal_error"), ("GET", "/email/{e}", None, "internal_error"),
    ("POST", "/work/claim", {}, "INTERNAL_ERROR"), ("POST", f"/work/{UUID}/complete", FENCED, "INTERNAL_ERROR"),
]
IDS = [f"{m} {p}".replace(UUID, "id") for m, p, _, _ in ROUTES]


@pytest.fixture(scope="module")
def broken(make_stack, twilio, mailbox):
    return make_stack("internal", workers=2, sweep=False, TASKGATE_REQUEST_TIMEOUT=2, **twilio.settings(), **mailbox.settings())


@pytest.fixture(scope="module")
def tenant(broken):
    return broken.tenant()


def call(client, route, prefix=""):
    method, path, body, _ = route
    name = fresh("broken")
    body = body and {k: v.replace("{e}", name) if isinstance(v, str) else v for k, v in body.items()}
    return client.request(method, prefix + path.replace("{e}", name), body)


def report(stack, twilio):
    """A report of Twilio's, rightly signed."""
    form, url = [("MessageSid", "SM" + fresh("x")), ("MessageStatus", "sent")], f"http://127.0.0.1:{stack.port}/api/v1/twilio/message-status"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature(twilio.token, url, form)}
    return stack.client().post("/api/v1/twilio/message-status", body="&".join(f"{k}={v}" for k, v in form).encode(), headers=headers)


@pytest.fixture
def revoked(broken):
    """A grant is gone, as after a migration that forgot it."""
    broken.run("revoke select, insert, update on task, work from taskgate_api; revoke execute on function message_reported(uuid, text, text, text, json, text, text) from taskgate_api")
    yield
    broken.run("grant select, insert, update on task, work to taskgate_api; grant execute on function message_reported(uuid, text, text, text, json, text, text) to taskgate_api")


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_a_statement_that_fails(broken, tenant, revoked, route):
    before = tenant.footprint()
    answer = call(tenant.api, route).refused(500, route[3])
    assert "permission" not in answer.body.decode() and "denied" not in answer.body.decode()
    lines = [line for line in broken.log("fcgi").splitlines() if answer.json["request_id"] in line]
    assert any("permission denied for table" in line for line in lines), lines
    assert tenant.footprint() == before
    # Who may not ask is told that, and not what is broken.
    call(broken.client(), route).refused(401, "UNAUTHORIZED" if route[3].isupper() else "unauthorized")


def test_twilio_is_told_to_come_again(broken, twilio, revoked):
    got = report(broken, twilio)
    assert got.status == 500 and got.headers["Content-Type"].startswith("text/plain") and b"permission" not in got.body


def test_after_it_all_is_well(broken, tenant, twilio):
    """Nothing of the refusals stays with a worker."""
    for route in ROUTES:
        assert call(tenant.api, route).status in (200, 201, 404), route
    assert report(broken, twilio).status == 200


def test_the_database_is_away(broken, tenant, twilio):
    for route in ROUTES:        # both workers are connected when it goes
        call(tenant.api, route)
    broken.stop("pg")
    try:
        for prefix in ("", "/dgapi/v1"):
            for route in ROUTES:
                if not (prefix and route[1].startswith("/work")):
                    call(tenant.api, route, prefix).refused(503, route[3], words="nothing was done")
        call(broken.client(), ROUTES[0]).refused(401, "UNAUTHORIZED")
        got = report(broken, twilio)
        assert got.status == 503 and got.headers["Retry-After"] and got.headers["Content-Type"].startswith("text/plain")
        broken.client().get("/health").ok()
    finally:
        broken.start("pg")
    assert {call(tenant.api, route).status for route in ROUTES} <= {200, 201, 404}
