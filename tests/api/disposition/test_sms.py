# SPDX-License-Identifier: MIT
"""PUT, POST and GET /sms/{entity} (spec/facts.md 1.2), Twilio's side of it, and what Twilio reports."""
import json
import threading

import pytest

from client import UTC
from receiver import Reply as Hook
from stack import fresh
from standin_http import Reply
from waiting import PATIENCE, until

PHONES = iter(range(5570001, 5579999))


def phone(last="1"):
    return f"+1202{next(PHONES)}"


def body(**fields):
    full = {"to": "+15559876543", "message": "Hello"}
    full.update(fields)
    return {k: v for k, v in full.items() if v is not ...}


def send(tenant, number=None, entity=None, **fields):
    entity = entity or fresh("s")
    return entity, tenant.api.put(f"/sms/{entity}", body(to=number or phone(), **fields)).ok(201).data


def shown(tenant, entity):
    return tenant.api.get(f"/sms/{entity}?include=delivery_log").ok().data


def wait(tenant, entity, *states, seconds=20):
    last = {}

    def there():
        last.update(shown(tenant, entity))
        return last["state"] in states and last
    return until(there, lambda: f"{states} of {entity}; the last one was {last}", seconds)


@pytest.mark.parametrize("method, prefix", [("PUT", ""), ("POST", ""), ("PUT", "/dgapi/v1"), ("POST", "/dgapi/v1")])
def test_created(tenant, twilio, method, prefix):
    entity, number = fresh("s"), phone()
    answer = tenant.api.request(method, f"{prefix}/sms/{entity}", body(to=number, metadata={"b": 1, "a": 2})).ok(201)
    assert list(answer.json) == ["success", "status", "data", "timestamp"] and answer.json["status"] == "success" and UTC.fullmatch(answer.json["timestamp"])
    data = answer.data
    assert list(data) == ["task_id", "entity", "type", "state", "to", "from", "message_length", "segments", "created_at", "metadata"]
    assert data["task_id"].startswith("sms_task_") and answer.headers["Location"] == f"{prefix}/sms/{entity}"
    assert {k: data[k] for k in list(data)[1:8]} == {"entity": entity, "type": "sms", "state": "queued", "to": number, "from": twilio.numbers[0], "message_length": 5, "segments": 1}
    assert list(data["metadata"].items()) == [("b", 1), ("a", 2)]
    seen = tenant.api.get(f"{prefix}/sms/{entity}").ok().data
    assert (seen["to"], seen["from"], seen["message"], seen["segments"], list(seen["metadata"].items())) == (number, twilio.numbers[0], "Hello", 1, [("b", 1), ("a", 2)])


@pytest.mark.parametrize("number", ["+1234567", "+123456789012345"])
def test_the_shortest_and_the_longest_number(tenant, number):
    assert tenant.api.put(f"/sms/{fresh('s')}", body(to=number)).ok(201).data["to"] == number


@pytest.mark.parametrize("sender", ["12345", "Acme", "+15005550006"])
def test_a_sender_of_ones_own(tenant, twilio, sender):
    number = phone()
    entity, data = send(tenant, number, **{"from": sender})
    assert data["from"] == sender == tenant.api.get(f"/sms/{entity}").ok().data["from"]
    wait(tenant, entity, "completed", "failed")
    assert twilio.creations(number)[0].get("From") == sender


EQUAL = '{"z": 2.50, "a": 9007199254740993, "e": 1e2, "u": "\\u00e9😀", "n": null, "": [{}]}'
EXACT = 64 * 1024


@pytest.mark.parametrize("path, fields, field", [
    ("/sms/{}", {"to": "+12025550101", "message": "x"}, "metadata"), ("/voicemail/{}", {"voicemail_id": "{}", "caller_id": "+15551234567", "recipient_id": "r"}, "metadata"),
    ("/cbfinish/{}", {"callback_id": "{}", "agent_id": "agent", "disposition_code": "SALE_COMPLETE"}, "customer_data")])
def test_free_objects_are_kept_equal_up_to_64_kib(tenant, path, fields, field):
    """spec/README.md, decision 11."""
    def put(value):
        name = fresh("free")
        text = json.dumps({**{k: v.replace("{}", name) for k, v in fields.items()}, field: None})[:-5] + value + "}"
        return name, tenant.api.put(path.format(name), body=text.encode(), headers={"Content-Type": "application/json"})
    name, answer = put(EQUAL)
    answer.ok(201)
    stored = tenant.stack.value("select b.input::text from task t join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id where t.tenant_id = %s and t.entity = %s", tenant.id, name)
    given = json.loads(stored)
    assert given.get(field, given) == json.loads(EQUAL)      # an SMS keeps its metadata alone, the others their whole body
    frame = len('{"x": ""}')
    put('{"x": "%s"}' % ("y" * (EXACT - frame)))[1].ok(201)
    put('{"x": "%s"}' % ("y" * (EXACT - frame + 1)))[1].refused(413, "PAYLOAD_TOO_LARGE" if field != "metadata" or "sms" not in path else "payload_too_large")


def test_priority(tenant):
    for given, stored in ((None, 5), (1, 1), (10, 10)):
        entity, _ = send(tenant, **({} if given is None else {"priority": given}))
        assert tenant.stack.value("select priority from task where tenant_id = %s and entity = %s", tenant.id, entity) == stored


def test_its_whole_life(tenant, twilio):
    number = phone()
    entity, data = send(tenant, number, message="x" * 145)
    done = wait(tenant, entity, "completed")
    assert list(done) == ["task_id", "entity", "type", "state", "to", "from", "message", "segments", "delivery_status", "sent_at", "delivered_at", "created_at", "updated_at", "metadata",
                          "delivery_log"]
    assert done["delivery_status"] == "delivered" and UTC.fullmatch(done["sent_at"]) and UTC.fullmatch(done["delivered_at"])
    log = done["delivery_log"]
    assert [e["status"] for e in log] == ["queued", "sending", "sent", "delivered"] and all(set(e) == {"timestamp", "status", "message"} for e in log)
    task = tenant.api.get(f"/task/{entity}?include_details=true&include_history=true").ok().data
    assert task["details"] == {"recipient": number, "message_length": 145, "segments": 1, "provider": "twilio"}
    assert task["result"]["delivered"] is True and UTC.fullmatch(task["result"]["delivery_time"])
    assert [(h["status"], h["message"]) for h in task["history"]] == [
        ("pending", "Task created"), ("processing", "SMS queued for delivery"), ("completed", "SMS delivered successfully")]
    request, = twilio.creations(number)
    assert sorted(k for k, _ in request.form) == ["Body", "From", "StatusCallback", "To"] and request.status == 201
    assert tenant.api.get(f"/sms/{data['task_id']}").ok().data["entity"] == entity


SEGMENTS = [("x" * 160, 160, 1), ("x" * 161, 161, 2), ("x" * 306, 306, 2), ("x" * 307, 307, 3), ("{" * 80, 80, 1), ("{" * 81, 81, 2), ("€", 1, 1), ("ü" * 160, 160, 1),
            ("ж" * 70, 70, 1), ("ж" * 71, 71, 2), ("😀" * 35, 35, 1), ("😀" * 36, 36, 2), ("x" * 1600, 1600, 11)]


@pytest.mark.parametrize("text, length, count", SEGMENTS, ids=lambda v: repr(v)[:12])
def test_length_and_segments(tenant, text, length, count):
    _, data = send(tenant, message=text)
    assert (data["message_length"], data["segments"]) == (length, count)


REFUSED = [("to", ..., 400, "invalid_phone"), ("to", None, 400, "invalid_phone"), ("to", "", 400, "invalid_phone"), ("to", "15551234567", 400, "invalid_phone"),
           ("to", "+0551234567", 400, "invalid_phone"), ("to", "+123456", 400, "invalid_phone"), ("to", "+1234567890123456", 400, "invalid_phone"), ("to", "+1555 1234567", 400, "invalid_phone"),
           ("from", "x" * 12, 400, "invalid_phone"), ("from", "12", 400, "invalid_phone"), ("from", "!", 400, "invalid_phone"),
           ("message", ..., 400, "message_empty"), ("message", None, 400, "message_empty"), ("message", "", 400, "message_empty"), ("message", "x" * 1601, 400, "message_too_long"),
           ("to", 1, 400, "invalid_request"), ("message", 1, 400, "invalid_request"), ("priority", 0, 400, "invalid_request"), ("priority", 11, 400, "invalid_request"),
           ("priority", "high", 400, "invalid_request"), ("metadata", [], 400, "invalid_request"), ("callback_url", "x", 400, "invalid_request")]


@pytest.mark.parametrize("field, value, status, code", REFUSED, ids=lambda v: repr(v)[:20])
def test_refused(idle, field, value, status, code):
    before = idle.footprint()
    idle.api.put(f"/sms/{fresh('s')}", body(**{field: value})).refused(status, code, field)
    assert idle.footprint() == before


def test_other_codes(tenant, stack):
    tenant.api.put("/sms/a%20b", body()).refused(422, "invalid_entity", "entity")
    tenant.api.get("/sms/a%20b").refused(422, "invalid_entity", "entity")
    tenant.api.get(f"/sms/{fresh('none')}").refused(404, "not_found")
    stack.client(None).put("/sms/x", body()).refused(401, "unauthorized")
    tenant.client("disposition:read").put("/sms/x", body()).refused(403, "insufficient_scope")
    tenant.api.get("/sms/x?include=all").refused(400, "invalid_request", "include")
    tenant.api.put("/sms/x", body=b"{", headers={"Content-Type": "application/json"}).refused(400, "invalid_request")
    tenant.api.put("/sms/x", body=b"x", headers={"Content-Type": "text/plain"}).refused(415, "unsupported_media_type")
    tenant.api.request("DELETE", "/sms/x").refused(405, "method_not_allowed")
    entity, _ = send(tenant)
    tenant.api.put(f"/sms/{entity}", body()).refused(409, "duplicate_entity")
    stack.tenant().api.get(f"/sms/{entity}").refused(404, "not_found")


def test_rate_limit_says_so_in_its_own_word(make_stack, twilio):
    stack = make_stack("one a minute", sweep=False, TASKGATE_RATE_DISPOSITION=1, **twilio.settings())
    api = stack.tenant().api
    api.put(f"/sms/{fresh('s')}", body()).ok(201)
    api.put(f"/sms/{fresh('s')}", body()).refused(429, "rate_limited")


@pytest.mark.parametrize("missing", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER"])
def test_not_configured_is_told_and_named(make_stack, twilio, missing):
    settings = {k: v for k, v in twilio.settings().items() if k != missing}
    tenant = make_stack(f"without {missing}", sweep=False, **settings).tenant()
    before = tenant.footprint()
    tenant.api.put(f"/sms/{fresh('s')}", body()).refused(500, "internal_error", words=f"{missing} is not set")
    assert tenant.footprint() == before
    if missing == "TWILIO_PHONE_NUMBER":
        tenant.api.put(f"/sms/{fresh('s')}", body(**{"from": "+15005550006"})).ok(201)


# -- Twilio's answers --

def test_a_refusal_ends_it_with_twilios_code(tenant, twilio):
    entity, _ = send(tenant, "+15005550001")
    done = wait(tenant, entity, "failed")
    assert done["error"]["code"] == "21211" and done["error"]["message"].startswith("Twilio refused it: 21211 ") and done["delivery_status"] == "failed"
    assert tenant.task(entity, "sms")["attempts"] == 1


def test_busy_is_tried_again_when_twilio_says(tenant, twilio):
    number = phone()
    twilio.script(Reply(429, headers={"Retry-After": "1"}), Reply(503), to=number)
    entity, _ = send(tenant, number)
    wait(tenant, entity, "completed")
    first, second, third = twilio.creations(number)
    assert second.at - first.at >= 0.9 and third.status == 201
    assert tenant.task(entity, "sms")["attempts"] == 3


def test_server_errors_end_after_all_attempts(tenant, twilio):
    number = phone()
    twilio.script(Reply(500), to=number, last_stays=True)
    entity, _ = send(tenant, number)
    done = wait(tenant, entity, "failed")
    assert done["error"]["message"] == "Twilio answered 500" and len(twilio.creations(number)) == 4


def test_garbage_is_no_acceptance(tenant, twilio):
    number = phone()
    twilio.script(Reply(201, b"<html>", {"Content-Type": "text/html"}), Reply(200, {"status": "ok"}), to=number)
    entity, _ = send(tenant, number)
    wait(tenant, entity, "completed")
    assert len(twilio.creations(number)) == 3


def test_an_answer_that_is_lost_is_made_up_for_by_the_report(tenant, twilio):
    """Twilio has it, the answer never comes: the report names the task, and nothing is sent twice."""
    number, gate = phone(), threading.Event()
    twilio.script(Reply(drop="after", gate=gate), to=number)
    entity, _ = send(tenant, number)
    until(lambda: twilio.messages_to(number), "Twilio's having it")
    until(lambda: shown(tenant, entity)["delivery_status"] == "delivered", "the report")
    gate.set()
    wait(tenant, entity, "completed")
    assert len(twilio.creations(number)) == len(twilio.messages_to(number)) == 1


def test_undelivered(tenant, twilio):
    number = phone()
    twilio.plan(["queued", "sending", "sent", "undelivered"], to=number, error=30003)
    entity, _ = send(tenant, number)
    done = wait(tenant, entity, "failed")
    assert (done["delivery_status"], done["error"]["code"]) == ("undelivered", "30003") and "undelivered (30003)" in done["error"]["message"]
    tenant.api.post(f"/task/{entity}/retry").ok()
    until(lambda: len(twilio.messages_to(number)) == 2, "another message after a retry by hand")


@pytest.mark.parametrize("how", [{"doubled": True}, {"reordered": True}])
def test_reports_doubled_and_out_of_order(tenant, twilio, how):
    number = phone()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=number, **how)
    entity, _ = send(tenant, number)
    wait(tenant, entity, "completed")
    m, = twilio.messages_to(number)
    assert m.played.wait(10 * PATIENCE)
    until(lambda: all(f.status == 200 for f in m.fired) and len(m.fired) >= 4, lambda: f"all reports; {m.fired}")
    done = shown(tenant, entity)
    statuses = [e["status"] for e in done["delivery_log"]]
    assert done["delivery_status"] == "delivered" and statuses[-1] == "delivered" and len(statuses) == len(set(statuses))
    assert tenant.stack.value("select count(*) from twilio_event where sid = %s and status = 'delivered'", m.sid) == 1


def test_without_reports_twilio_is_asked(tenant, twilio):
    number = phone()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=number, missing=True)
    entity, _ = send(tenant, number)
    wait(tenant, entity, "completed")
    m, = twilio.messages_to(number)
    assert m.fired == [] and [s for s in twilio.requests if s.method == "GET" and m.sid in s.path]
    assert tenant.task(entity, "sms")["attempts"] == 1


def test_without_an_address_of_ours_there_is_no_callback(own_stack, twilio):
    stack = own_stack(**twilio.settings(), TASKGATE_TWILIO_ASK=1, TASKGATE_PUBLIC_URL="")
    number = phone()
    tenant = stack.tenant()
    entity, _ = send(tenant, number)
    wait(tenant, entity, "completed")
    request, = twilio.creations(number)
    assert request.get("StatusCallback") is None


def test_four_hours_are_enough(tenant, twilio):
    number = phone()
    twilio.plan(["queued", "sending", "sent"], to=number)
    entity, _ = send(tenant, number)
    until(lambda: shown(tenant, entity)["delivery_status"] == "sent", "sent")
    tenant.stack.run("update task set started_at = started_at - interval '5 hours' where tenant_id = %s and entity = %s", tenant.id, entity)
    done = wait(tenant, entity, "completed")
    assert (done["delivery_status"], done["delivered_at"]) == ("sent", None)
    assert tenant.api.get(f"/task/{entity}").ok().data["result"] == {"delivered": None, "delivery_time": None}


def test_the_callers_webhook(tenant, twilio, receiver):
    path = f"/{fresh('hook')}"
    entity, _ = send(tenant, callback_url=receiver.script(path, Hook()))
    seen, = receiver.wait(path)
    told = json.loads(seen.body)
    assert (told["event"], told["entity"], told["type"], told["result"]["delivered"]) == ("task.completed", entity, "sms", True)


def test_cancelled_before_it_left(own_stack, twilio):
    stack = own_stack(**twilio.settings())
    tenant, number = stack.tenant(), phone()
    stack.ctl("lane", "pause", "sms")
    entity, _ = send(tenant, number)
    assert tenant.api.get(f"/task/{entity}/why").ok().data["reason"] == "lane_paused"
    tenant.api.post(f"/task/{entity}/cancel").ok()
    stack.ctl("lane", "resume", "sms")
    follower, _ = send(tenant, other := phone())
    wait(tenant, follower, "completed")
    assert twilio.creations(number) == [] and len(twilio.creations(other)) == 1


# -- Twilio's webhook --

def report(stack, twilio, pairs, path="/api/v1/twilio/message-status", signature=None, token=None, content_type="application/x-www-form-urlencoded"):
    import base64
    import hashlib
    import hmac
    import urllib.parse
    form = urllib.parse.urlencode(pairs)
    text = f"http://127.0.0.1:{stack.port}{path}" + "".join(k + v for k, v in sorted(pairs))
    good = base64.b64encode(hmac.new((token or twilio.token).encode(), text.encode(), hashlib.sha1).digest()).decode()
    headers = {"Content-Type": content_type, "X-Twilio-Signature": good if signature is None else signature or None}
    return stack.client(None).post(path, body=form.encode(), headers=headers)


def events(stack, sid):
    return stack.value("select count(*) from twilio_event where sid = %s", sid)


def test_a_wrong_or_missing_signature_is_403_and_leaves_nothing(stack, twilio):
    sid = "SM" + fresh("x")
    pairs = [("MessageSid", sid), ("MessageStatus", "delivered")]
    for wrong in ({"signature": ""}, {"signature": "AAAA"}, {"token": "another"}):
        got = report(stack, twilio, pairs, **wrong)
        assert got.status == 403 and got.headers["Content-Type"].startswith("text/plain"), repr(got)
    assert events(stack, sid) == 0


def test_what_is_signed_is_the_address_as_sent(stack, twilio):
    sid = "SM" + fresh("x")
    pairs = [("MessageSid", sid), ("MessageStatus", "sent"), ("Odd", "ä ö+&=%")]
    path = "/api/v1/twilio/message-status?task=00000000-0000-4000-8000-000000000000&a=%2F"
    assert report(stack, twilio, pairs, path).status == 200
    assert events(stack, sid) == 1


def test_a_report_about_nobodys_message_is_kept(stack, twilio):
    sid = "SM" + fresh("x")
    for _ in range(2):
        got = report(stack, twilio, [("MessageSid", sid), ("MessageStatus", "delivered")])
        assert (got.status, got.body) == (200, b"OK")
    assert events(stack, sid) == 1


def test_other_refusals_of_a_report(stack, twilio):
    assert report(stack, twilio, [("MessageStatus", "sent")]).status == 400
    assert report(stack, twilio, [("MessageSid", "SM1")]).status == 400
    assert report(stack, twilio, [("MessageSid", "SM1"), ("MessageStatus", "sent")], "/api/v1/twilio/message-status?task=x").status == 400
    assert report(stack, twilio, [("MessageSid", "SM1"), ("MessageStatus", "sent")], content_type="application/json").status == 415
    assert report(stack, twilio, [("MessageSid", "x" * 70000), ("MessageStatus", "sent")]).status == 413
    assert stack.client(None).get("/api/v1/twilio/message-status").status == 405


def test_an_unknown_status_changes_nothing(tenant, stack, twilio):
    number = phone()
    twilio.plan(["queued"], to=number)
    entity, _ = send(tenant, number)
    m = until(lambda: twilio.messages_to(number), "the message")[0]
    assert report(stack, twilio, [("MessageSid", m.sid), ("MessageStatus", "teleported")]).status == 200
    assert shown(tenant, entity)["state"] in ("queued", "processing")


def test_a_report_after_the_end_changes_nothing(tenant, stack, twilio):
    number = phone()
    entity, _ = send(tenant, number)
    done = wait(tenant, entity, "completed")
    m, = twilio.messages_to(number)
    for late in ("sent", "failed", "undelivered", "queued"):
        assert report(stack, twilio, [("MessageSid", m.sid), ("MessageStatus", late), ("ErrorCode", "30003")]).status == 200
    assert shown(tenant, entity)["delivery_status"] == "delivered" and shown(tenant, entity)["updated_at"] == done["updated_at"]


# -- once --

@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_idempotency(tenant, twilio, method):
    """A repeat under its key is no duplicate and sends nothing; without the key it is one."""
    number, entity, key = phone(), fresh("s"), {"Idempotency-Key": fresh("k")}
    first = tenant.api.request(method, f"/sms/{entity}", body(to=number), headers=key).ok(201)
    again = tenant.api.request(method, f"/sms/{entity}", body(to=number), headers=key).ok(201)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
    tenant.api.request(method, f"/sms/{entity}", body(to=number, message="another"), headers=key).refused(422, "idempotency_key_reused")
    tenant.api.request(method, f"/sms/{entity}", body(to=number)).refused(409, "duplicate_entity")
    wait(tenant, entity, "completed")
    assert len(twilio.creations(number)) == 1


def test_the_same_key_of_another_tenant_is_another(stack, tenant, twilio):
    number, key, other = phone(), {"Idempotency-Key": fresh("k")}, stack.tenant()
    entity = fresh("s")
    for one in (tenant, other):
        assert one.api.put(f"/sms/{entity}", body(to=number), headers=key).ok(201).headers.get("Idempotency-Replayed") is None
    for one in (tenant, other):
        wait(one, entity, "completed")
    assert len(twilio.creations(number)) == 2
