# SPDX-License-Identifier: MIT
"""A call's whole life as task-status tells it (spec README decision 13, spec/facts.md 3.2): queued, dialled once, followed to its end, or cancelled on the way."""
import datetime
import json
import threading
import urllib.parse

import pytest

import calling
from calling import API
from receiver import Reply as Hook
from signing import check_signature
from stack import fresh
from standin_http import Reply
from waiting import PATIENCE, never, until

SHAPE = ["task_id", "status", "progress", "message", "result", "error", "created_at", "updated_at"]


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


def held(twilio, number, state, outcome="completed"):
    """A plan whose call stays in a state until the Event is set; gives the Event."""
    gate = threading.Event()
    twilio.plan_call(outcome, to=number, holds={state: gate})
    return gate


def history(tenant, task):
    data = tenant.api.get(f"/task/{task}?include_history=true").ok().data
    return [(h["status"], h["message"]) for h in data["history"]]


# -- to its end --

def test_whole_life(tenant, twilio):
    number, asking = calling.phone(), threading.Event()
    ringing = held(twilio, number, "ringing")
    twilio.script(Reply(gate=asking), to=number)
    _, made = calling.queue(tenant.api, number, call_metadata={"customer_id": "12345", "priority": "high"})
    until(lambda: twilio.creations(number), "the dial")
    shown = calling.status(tenant.api, made["task_id"])
    assert list(shown) == SHAPE
    assert (shown["status"], shown["progress"], shown["message"], shown["result"], shown["error"]) == ("PROGRESS", 50, "Creating call", None, None)
    asking.set()
    shown = calling.wait_message(tenant.api, made["task_id"], "Call created successfully")
    assert (shown["status"], shown["progress"], shown["result"]) == ("PROGRESS", 90, None)
    ringing.set()
    done = calling.wait(tenant.api, made["task_id"])
    call = calling.the_call(twilio, number)
    assert list(done) == SHAPE
    assert (done["status"], done["progress"], done["message"], done["error"]) == ("SUCCESS", 100, "Call completed", None)
    result = done["result"]
    row = calling.call_of(tenant.stack, made["task_id"])
    assert result == {
        "success": True, "call_sid": call.sid, "status": "completed", "to_number": number, "from_number": twilio.numbers[0], "created_at": made["created_at"], "duration": 1,
        "scheduled_time": None, "delay_seconds": 0, "call_task_id": made["task_id"], "schedule_task_id": None,
        "metadata": {"customer_id": "12345", "priority": "high"}, "task_id": made["task_id"], "unique_call_id": f"{made['task_id']}_{number}_{int(row['granted_at'].timestamp())}", "gathered": []}
    assert list(result)[:5] == ["success", "call_sid", "status", "to_number", "from_number"]
    assert done["created_at"] == made["created_at"] <= done["updated_at"]
    assert history(tenant, made["task_id"]) == [("pending", "Task created"), ("processing", "Creating call"), ("completed", "Call completed")]
    assert len(twilio.creations(number)) == 1


def test_what_is_sent_to_twilio(tenant, twilio, stack):
    number, made = calling.queue(tenant.api)
    calling.wait(tenant.api, made["task_id"])
    request, = twilio.creations(number)
    base, work = f"http://127.0.0.1:{stack.port}/api/v1/twilio", calling.call_of(stack, made["task_id"])["id"]
    assert request.form == [("To", number), ("From", twilio.numbers[0]), ("Url", f"{base}/incoming-call?call={work}"), ("Timeout", "60"),
                            ("StatusCallback", f"{base}/call-status?call={work}"), *[("StatusCallbackEvent", e) for e in ("initiated", "ringing", "answered", "completed")]]
    assert request.status == 201 and request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_callers_own_twiml(tenant, twilio, receiver):
    """webhook_url is what Twilio asks; ours is not asked then."""
    url = receiver.script(f"/{fresh('twiml')}?a=%20b", Hook(200, b"<Response><Say>His own</Say></Response>", content_type="text/xml"))
    number, made = calling.queue(tenant.api, webhook_url=url, from_number=twilio.numbers[0])
    calling.wait(tenant.api, made["task_id"], "SUCCESS")
    call = calling.the_call(twilio, number)
    assert [v.text for v in call.heard] == ["His own"] and call.errors == [] and call.get("Url") == url


ALL_WORDS = {"voice": "man", "language": "de-DE", "gather_input": False, "message": "Grüße & more", "custom_data": {"a": [1, "ü"]}}
AS_QUERY = "voice=man&language=de-DE&gather_input=false&message=Gr%C3%BC%C3%9Fe+%26+more&custom_data=" + urllib.parse.quote_plus('{"a": [1, "\\u00fc"]}')


@pytest.mark.parametrize("url, metadata, asked", [
    ("/twiml", ALL_WORDS, f"/twiml?{AS_QUERY}"), ("/twiml?a=1", ALL_WORDS, f"/twiml?a=1&{AS_QUERY}"), ("/twiml", {"customer_id": "1"}, "/twiml"),
    ("/twiml#there", {"message": "x"}, "/twiml?message=x#there"), ("/twiml", {"message": "x", "custom_data": {"long": "y" * 4000}}, "/twiml?message=x")], ids=lambda v: str(v)[:20])
def test_the_callers_own_address_gets_his_words(tenant, twilio, url, metadata, asked):
    """As a query, joined to what is there (spec/facts.md 3.1.2 and 3.4); what would make the address too long for Twilio stays away."""
    number, made = calling.queue(tenant.api, webhook_url=f"http://127.0.0.1:1{url}", call_metadata=metadata)
    until(lambda: twilio.creations(number), "the dial")
    assert dict(twilio.creations(number)[0].form)["Url"] == f"http://127.0.0.1:1{asked}"
    calling.wait(tenant.api, made["task_id"])


def test_without_a_public_address_twilio_tells_the_caller_himself(own_stack, twilio, receiver):
    """We hear of the end by asking, he by Twilio's own callback."""
    twiml = receiver.script(f"/{fresh('twiml')}", Hook(200, b"<Response><Say>x</Say></Response>", content_type="text/xml"))
    told = f"/{fresh('status')}"
    tenant = own_stack(**{**calling.FAST, **calling.UNPACED, **twilio.settings(), "TASKGATE_PUBLIC_URL": ""}).tenant()
    number, made = calling.queue(tenant.api, webhook_url=twiml, status_callback_url=receiver.script(told, Hook(200)))
    assert calling.wait(tenant.api, made["task_id"])["status"] == "SUCCESS"
    assert calling.the_call(twilio, number).get("StatusCallback") == receiver.url(told)
    until(lambda: any(b"CallStatus=completed" in s.body for s in receiver.at(told)), "Twilio's word to the caller")


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed", "canceled"])
def test_failure_says_how(tenant, twilio, outcome):
    number = calling.phone()
    twilio.plan_call(outcome, to=number)
    _, made = calling.queue(tenant.api, number)
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["result"], done["error"], done["message"]) == ("FAILURE", None, f"Twilio reported {outcome}", "Call failed")
    assert len(twilio.creations(number)) == 1
    shown = tenant.api.get(f"/task/{made['task_id']}").ok().data
    assert (shown["type"], shown["status"], shown["error"]) == ("call", "failed", {"code": "TASK_FAILED", "message": f"Twilio reported {outcome}"})


REFUSED = [("+15005550001", "21217"), ("+15005550002", "21214"), ("+15005550003", "21215"), ("+15005550004", "21216"), ("+1234567890", "21211")]


@pytest.mark.parametrize("number, code", REFUSED)
def test_refused_by_twilio(own_tenant, twilio, number, code):
    before = len(twilio.creations(number))
    _, made = calling.queue(own_tenant.api, number)
    done = calling.wait(own_tenant.api, made["task_id"])
    assert (done["status"], done["message"]) == ("FAILURE", "Call failed") and done["error"].startswith(f"Twilio refused it: {code} "), done
    assert len(twilio.creations(number)) == before + 1


def test_a_sender_that_is_not_the_accounts(tenant, twilio):
    number, made = calling.queue(tenant.api, from_number="+15005550001")
    assert calling.wait(tenant.api, made["task_id"])["error"].startswith("Twilio refused it: 21212 ")


# -- answers that go astray: never dialled twice --

def settled(tenant, twilio, number, made, want="SUCCESS"):
    done = calling.wait(tenant.api, made["task_id"])
    assert done["status"] == want, done
    assert len(twilio.creations(number)) == 1 and len(twilio.calls_to(number)) == 1
    return done


@pytest.mark.parametrize("reply", [Reply(drop="after"), Reply(500), Reply(503), Reply(garbage=b"HTTP/1.1 banana\r\n\r\n"), Reply(garbage=b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"),
                                   Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), Reply(201, b"not json"), Reply(201, {"sid": None}), Reply(201, [])], ids=lambda r: repr(vars(r))[:40])
def test_an_unclear_answer_is_not_dialled_again(tenant, twilio, reply):
    """A scripted status is answered without a call: Twilio knows of none, and after CALL_LOST it is believed. A dropped one is there: its report finds it."""
    number = calling.phone()
    twilio.script(reply, to=number)
    _, made = calling.queue(tenant.api, number)
    if reply.status is None:
        settled(tenant, twilio, number, made)
        return
    shown = calling.wait_message(tenant.api, made["task_id"], "Outcome of the dial is unknown; asking Twilio")
    assert shown["status"] == "PROGRESS"
    until(lambda: [s for s in twilio.requests if s.method == "GET" and ("To", number) in s.query], "a question for it")
    never(lambda: len(twilio.creations(number)) > 1, "a second dial")
    tenant.stack.run("update call set granted_at = granted_at - interval '1 hour', departed_at = departed_at - interval '1 hour' where tenant_id = %s and number = %s", tenant.id, number)
    tenant.stack.run("update work w set run_at = now() from call c where c.id = w.id and c.number = %s", number)
    done = calling.wait(tenant.api, made["task_id"])
    assert done["status"] == "FAILURE" and done["error"].startswith("not dialled: Twilio knows of no such call ("), done
    assert len(twilio.creations(number)) == 1


def test_a_lost_answer_is_found_by_asking(tenant, twilio):
    """No report comes either: Twilio's list has it."""
    number = calling.phone()
    twilio.plan_call(to=number, missing=True)
    twilio.script(Reply(drop="after"), to=number)
    _, made = calling.queue(tenant.api, number, webhook_url="http://127.0.0.1:9/")
    done = settled(tenant, twilio, number, made)
    assert done["result"]["call_sid"] == calling.the_call(twilio, number).sid and calling.the_call(twilio, number).fired == []


def test_a_silent_twilio_is_waited_for_and_then_asked(tenant, twilio):
    """The answer does not come in time; the call is there and rings."""
    number, gate = calling.phone(), threading.Event()
    twilio.script(Reply(gate=gate), to=number)
    twilio.plan_call(to=number, missing=True)
    _, made = calling.queue(tenant.api, number)
    settled(tenant, twilio, number, made)
    gate.set()


def test_put_off_is_dialled_again(tenant, twilio):
    """429: Twilio has not taken it and says when to come back."""
    number = calling.phone()
    twilio.script(Reply(429, headers={"Retry-After": "3"}), Reply(429), to=number)
    _, made = calling.queue(tenant.api, number)
    until(lambda: twilio.creations(number) and calling.status(tenant.api, made["task_id"])["status"] == "PENDING", "the wait")
    shown = calling.status(tenant.api, made["task_id"])
    waited = {k: shown[k] for k in ("status", "progress", "message")}
    assert calling.wait(tenant.api, made["task_id"])["status"] == "SUCCESS"
    first, second, third = twilio.creations(number)
    # RETRY reads PENDING (spec/facts.md 3.1.3), and nothing of the first dial is left.
    assert waited == {"status": "PENDING", "progress": 0, "message": "Call queued"}
    assert second.at - first.at >= 2.9 and (first.status, second.status, third.status) == (429, 429, 201)


def test_put_off_for_ever_is_a_failure(tenant, twilio):
    number = calling.phone()
    twilio.script(Reply(429), to=number, last_stays=True)
    _, made = calling.queue(tenant.api, number)
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["error"], len(twilio.creations(number))) == ("FAILURE", "Twilio answered 429", 4)


def test_nobody_listens_at_twilios_address(own_stack, twilio):
    """Not a byte left: it is dialled as soon as somebody listens, and no attempt is spent."""
    stack = own_stack(**calling.FAST, **calling.UNPACED, **dict(twilio.settings(), TWILIO_API_BASE="http://127.0.0.1:9"))
    tenant = stack.tenant()
    number, made = calling.queue(tenant.api)
    until(lambda: stack.value("select last_error from work where unsent_since is not null"), "an attempt that found nobody")
    until(lambda: calling.status(tenant.api, made["task_id"])["status"] == "PENDING", "its coming back")
    stack.restart("sweep", TWILIO_API_BASE=twilio.url)
    stack.run("delete from host_state")
    done = calling.wait(tenant.api, made["task_id"])
    assert done["status"] == "SUCCESS" and len(twilio.creations(number)) == 1
    assert stack.value("select attempts from call where number = %s", number) == 1


# -- cancelled on the way --

def revoked(tenant, task, message="cancelled by the caller"):
    done = calling.wait(tenant.api, task)
    assert (done["status"], done["result"], done["error"], done["message"]) == ("REVOKED", None, None, message), done
    calling.cancel(tenant.api, task).detailed(404, f"Task {task} not found or could not be cancelled")
    return done


def test_cancelled_while_scheduled(tenant, twilio):
    number, made = calling.queue(tenant.api, delay_seconds=1)
    calling.cancel(tenant.api, made["task_id"]).ok()
    revoked(tenant, made["task_id"])
    later, after = calling.queue(tenant.api, delay_seconds=2)
    calling.wait(tenant.api, after["task_id"])
    assert twilio.creations(number) == [] and len(twilio.creations(later)) == 1
    assert tenant.stack.value("select count(*) from work where task_id = (select id from task where public_id = %s)", made["task_id"]) == 0


@pytest.mark.parametrize("state, how", [("ringing", "canceled"), ("queued", "canceled"), ("in-progress", "completed")])
def test_cancelled_while_under_way_is_hung_up(tenant, twilio, state, how):
    number = calling.phone()
    held(twilio, number, state)
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    until(lambda: call.status == state and calling.call_of(tenant.stack, made["task_id"])["sid"], f"the call being {state}")
    assert calling.cancel(tenant.api, made["task_id"]).ok().json["success"] is True
    assert calling.status(tenant.api, made["task_id"])["status"] == "REVOKED"      # at once
    revoked(tenant, made["task_id"])
    assert call.over.wait(10 * PATIENCE) and call.status == how
    until(lambda: calling.call_of(tenant.stack, made["task_id"])["state"] == "cancelled", "the end of the number")
    hangup, = [s for s in twilio.requests if s.method == "POST" and s.path.endswith(f"/{call.sid}.json")]
    assert hangup.form == [("Status", "completed")]


def test_cancelled_while_dialling_is_hung_up_as_soon_as_it_is_known(tenant, twilio):
    number, asking = calling.phone(), threading.Event()
    gate = held(twilio, number, "ringing")
    twilio.script(Reply(gate=asking), to=number)
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    calling.cancel(tenant.api, made["task_id"]).ok()
    asking.set()
    revoked(tenant, made["task_id"])
    assert call.over.wait(10 * PATIENCE) and call.status == "canceled" and not gate.is_set()
    assert len(twilio.creations(number)) == 1


def test_cancelled_while_the_outcome_is_unknown(tenant, twilio):
    number = calling.phone()
    held(twilio, number, "ringing")
    twilio.script(Reply(drop="after"), to=number)
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    calling.cancel(tenant.api, made["task_id"]).ok()
    revoked(tenant, made["task_id"])
    assert call.over.wait(15 * PATIENCE) and call.status == "canceled"


def test_a_call_that_has_ended_is_not_cancelled(tenant, twilio):
    for outcome, word in (("completed", "SUCCESS"), ("busy", "FAILURE")):
        number = calling.phone()
        twilio.plan_call(outcome, to=number)
        _, made = calling.queue(tenant.api, number)
        done = calling.wait(tenant.api, made["task_id"], word)
        calling.cancel(tenant.api, made["task_id"]).detailed(404, f"Task {made['task_id']} not found or could not be cancelled")
        assert calling.status(tenant.api, made["task_id"]) == done


def test_a_cancel_by_the_disposition_api(tenant):
    """POST /task/{id}/cancel is for disposition's own tasks: the id of a call is not found there, and the call goes on."""
    _, made = calling.queue(tenant.api, delay_seconds=600)
    assert tenant.api.post(f"/task/{made['task_id']}/cancel").status == 404
    assert calling.status(tenant.api, made["task_id"])["status"] == "PENDING"
    calling.cancel(tenant.api, made["task_id"]).ok()


# -- seen from elsewhere --

def test_active_tasks(own_tenant, twilio):
    number, held, gate, end = calling.phone(), calling.phone(), threading.Event(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": gate})
    twilio.plan_call(to=held, holds={"ringing": end})
    _, one = calling.queue(own_tenant.api, delay_seconds=600)
    _, two = calling.queue(own_tenant.api, number)
    three = calling.queue_bulk(own_tenant.api, [calling.phone(), held], delay_between_calls=300)
    calling.wait_message(own_tenant.api, two["task_id"], "Call created successfully")
    shown = own_tenant.api.get(f"{API}/active-tasks").ok().json
    assert list(shown) == ["success", "total_active_tasks", "tasks", "timestamp"] and shown["success"] is True and shown["total_active_tasks"] == 3
    assert [t["task_id"] for t in shown["tasks"]] == [three["task_id"], two["task_id"], one["task_id"]]
    assert all(list(t) == ["task_id", "name", "args", "kwargs", "worker", "status", "time_start"] for t in shown["tasks"])
    bulk, call, scheduled = shown["tasks"]
    assert (bulk["name"], call["name"], scheduled["name"]) == ("queue_bulk_calls", "queue_single_call", "queue_single_call")
    assert (call["status"], scheduled["status"], scheduled["time_start"]) == ("PROGRESS", "PENDING", None) and call["time_start"]
    assert call["kwargs"]["to_number"] == number and bulk["kwargs"]["total_calls"] == 2
    gate.set()
    calling.wait(own_tenant.api, two["task_id"])
    for task in (one, three):
        calling.cancel(own_tenant.api, task["task_id"]).ok()
    end.set()
    until(lambda: own_tenant.api.get(f"{API}/active-tasks").json["total_active_tasks"] == 0, "all having ended")


def test_the_ledger_shows_it_to_who_may_see_calls(tenant, twilio):
    number, made = calling.queue(tenant.api, call_metadata={"customer_id": "12345"})
    calling.wait(tenant.api, made["task_id"])
    bulk = calling.queue_bulk(tenant.api, [calling.phone()])
    calling.wait(tenant.api, bulk["task_id"])
    path = f"/task/{made['task_id']}?include_details=true&include_history=true"
    shown = tenant.api.get(path).ok().data
    assert (shown["entity"], shown["type"], shown["status"], shown["state"]) == (made["task_id"], "call", "completed", "SUCCESS") and shown["result"]["to_number"] == number
    assert shown["details"]["to_number"] == number
    assert tenant.api.get(f"/task/{bulk['task_id']}?include_details=true").ok().data["type"] == "bulk_call"
    hidden = tenant.client("disposition:read").get(path).ok().data
    assert hidden["status"] == "completed" and hidden["details"] is None and hidden["result"] is None and number not in json.dumps(hidden)
    assert {t["task_id"] for t in tenant.api.get("/task?type=call").ok().data["tasks"]} >= {made["task_id"]}
    assert tenant.api.get("/task?type=bulk_call").ok().data["tasks"][0]["task_id"] == bulk["task_id"]


@pytest.mark.parametrize("outcome, event", [("completed", "task.completed"), ("busy", "task.failed")])
def test_callback_url_is_told_of_the_end(tenant, twilio, receiver, stack, outcome, event):
    number, path = calling.phone(), f"/{fresh('hook')}"
    twilio.plan_call(outcome, to=number)
    _, made = calling.queue(tenant.api, number, callback_url=receiver.script(path, Hook()))
    seen, = receiver.wait(path)
    check_signature(stack, tenant, seen)
    told = json.loads(seen.body)
    assert (told["event"], told["task_id"], told["type"]) == (event, made["task_id"], "call")
    assert told["result"]["to_number"] == number if outcome == "completed" else told["error"]["message"] == "Twilio reported busy"


def test_a_callback_to_be_retried_becomes_a_call(tenant, twilio, stack):
    """cbfinish with retry_callback: the new callback's call is dialled when its time has come."""
    number, callback = calling.phone(), fresh("cb")
    stack.run("insert into contact (tenant_id, id, phone) values (%s, %s, %s)", tenant.id, callback, number)
    stack.run("insert into callback (tenant_id, id, contact_id) values (%s, %s, %s)", tenant.id, callback, callback)
    answer = tenant.api.put(f"/cbfinish/{callback}", {"callback_id": callback, "agent_id": "agent-456", "disposition_code": "NO_ANSWER",
                                                      "next_action": {"type": "retry_callback", "scheduled_at": "2024-01-15T17:00:00Z", "attempt_number": 2}})
    assert answer.status in (200, 201), repr(answer)
    call = calling.the_call(twilio, number)
    assert call.played.wait(10 * PATIENCE)
    until(lambda: stack.value("select state from call where number = %s", number) == "completed", "the end of its call")
    row = stack.row("select t.public_id, t.kind, t.state from task t join call c on c.tenant_id = t.tenant_id and c.task_id = t.id where c.number = %s", number)
    done = calling.status(tenant.api, row["public_id"])
    assert row["kind"] == "call" and done["status"] == "SUCCESS"
    # Nobody said from which number: the sweeper's own, as Twilio says it.
    assert (done["result"]["to_number"], done["result"]["from_number"]) == (number, twilio.numbers[0])
    assert tenant.api.get(f"/task/{row['public_id']}?include_details=true").ok().data["details"]["to_number"] == number
    assert len(twilio.creations(number)) == 1


# -- when --

def test_delay(tenant, twilio):
    number, made = calling.queue(tenant.api, delay_seconds=1)
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["progress"], shown["message"]) == ("PENDING", 0, "Call scheduled")
    result = calling.wait(tenant.api, made["task_id"], "SUCCESS")["result"]
    row = calling.call_of(tenant.stack, made["task_id"])
    scheduled = tenant.stack.value("select scheduled_at from task where public_id = %s", made["task_id"])
    assert (result["scheduled_time"], result["delay_seconds"]) == (f"{scheduled.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}", 1)
    assert result["call_task_id"] == result["schedule_task_id"] == made["task_id"]
    created = tenant.stack.value("select created_at from task where public_id = %s", made["task_id"])
    assert 1 <= (row["granted_at"] - created).total_seconds() < 3


def test_priority_orders_the_claim(own_stack, twilio):
    stack = own_stack(**calling.FAST, TASKGATE_CALLS_PER_SECOND=1, TASKGATE_CALLS_PER_MINUTE=0, **twilio.settings())
    tenant = stack.tenant()
    stack.ctl("lane", "pause", "call")
    first, made = calling.queue(tenant.api)
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["message"]) == ("PENDING", "Call queued")
    low, _ = calling.queue(tenant.api, call_metadata={"priority": "low"})
    high, _ = calling.queue(tenant.api, call_metadata={"priority": "high"})
    second, _ = calling.queue(tenant.api, call_metadata={"priority": "normal"})
    stack.ctl("lane", "resume", "call")
    until(lambda: twilio.creations(low), "the last one")
    at = {n: twilio.creations(n)[0].at for n in (first, low, high, second)}
    assert sorted(at, key=at.get) == [high, first, second, low]
    times = sorted(at.values())
    assert all(b - a >= 0.95 for a, b in zip(times, times[1:])), "one a second"


def test_what_was_not_dialled_in_time_is_not_dialled_late(own_stack, twilio, receiver):
    """A lane that was paused for longer than TASKGATE_TTL dials nobody of then when it goes on (spec README decision 7)."""
    stack = own_stack(**calling.FAST, **calling.UNPACED, TASKGATE_TTL=2, **twilio.settings())
    tenant, path = stack.tenant(), f"/{fresh('hook')}"
    stack.ctl("lane", "pause", "call")
    number, made = calling.queue(tenant.api, callback_url=receiver.script(path, Hook()))
    later, scheduled = calling.queue(tenant.api, delay_seconds=600)
    bulk = calling.queue_bulk(tenant.api, [calling.phone(), calling.phone()])
    for task, message in ((made["task_id"], "Call expired before it was dialled"), (bulk["task_id"], "Campaign expired before it started")):
        done = calling.wait(tenant.api, task)
        assert (done["status"], done["error"], done["message"]) == ("FAILURE", "never started within 2 s", message)
        assert tenant.api.get(f"/task/{task}").ok().data["status"] == "expired"
        assert {c["status"] for c in calling.numbers_of(tenant.api, task)["calls"]} == {"FAILURE"}
    seen, = receiver.wait(path)
    assert json.loads(seen.body)["event"] == "task.expired"
    stack.ctl("lane", "resume", "call")
    calling.wait(tenant.api, calling.queue(tenant.api)[1]["task_id"], "SUCCESS")
    assert twilio.creations(number) == [] and calling.status(tenant.api, scheduled["task_id"])["status"] == "PENDING"
