# SPDX-License-Identifier: MIT
"""Campaigns: counts, pages of numbers, numbers that fail, a cancel in the middle, gaps and concurrency, and the one webhook at the end (spec README decision 13)."""
import json
import threading

import pytest

import calling
from calling import API
from receiver import Reply as Hook
from signing import check_signature
from stack import fresh
from standin_http import Reply
from waiting import never, until


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


def phones(n):
    return [calling.phone() for _ in range(n)]


def counts(shown):
    return shown["total_calls"], shown["successful_calls"], shown["failed_calls"], shown["cancelled_calls"]


def by_number(shown):
    return {c["phone_number"]: c for c in shown["calls"]}


def test_whole_life(tenant, twilio):
    numbers, gate = phones(4), threading.Event()
    twilio.plan_call(to=numbers[2], holds={"ringing": gate})
    made = calling.queue_bulk(tenant.api, numbers, call_metadata={"campaign_id": "campaign_001", "message": "Hello"})
    until(lambda: counts(calling.numbers_of(tenant.api, made["task_id"]))[1] == 3, "three of four")
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["progress"], shown["message"], shown["result"], shown["error"]) == ("PROGRESS", 75, "Ended 3/4 calls", None, None)
    gate.set()
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["progress"], done["message"], done["error"]) == ("SUCCESS", 100, "Campaign finished", None)
    result = done["result"]
    assert list(result) == ["success", "total_calls", "successful_calls", "failed_calls", "cancelled_calls", "successful_call_details", "failed_call_details", "campaign_id", "created_at"]
    assert (result["success"], counts(result), result["failed_call_details"]) == (True, (4, 4, 0, 0), [])
    assert [d["phone_number"] for d in result["successful_call_details"]] == numbers
    assert all(d == {"phone_number": d["phone_number"], "task_id": made["task_id"], "scheduled_delay": 5 * at, "call_sid": calling.the_call(twilio, d["phone_number"]).sid, "duration": 1}
               for at, d in enumerate(result["successful_call_details"]))
    assert (result["campaign_id"], result["created_at"]) == (f"bulk_{made['task_id']}", made["created_at"])
    data = tenant.api.get(f"/task/{made['task_id']}?include_history=true").ok().data
    assert [(h["status"], h["message"]) for h in data["history"]] == [("pending", "Campaign created"), ("processing", "Campaign started"), ("completed", "Campaign finished")]
    assert all(len(twilio.creations(n)) == 1 for n in numbers)


def test_it_says_how_many_it_begins_with(tenant, twilio):
    numbers, gate = phones(2), threading.Event()
    for number in numbers:
        twilio.plan_call(to=number, holds={"ringing": gate})
    made = calling.queue_bulk(tenant.api, numbers)
    shown = calling.wait(tenant.api, made["task_id"], "PROGRESS")
    gate.set()
    assert (shown["progress"], shown["message"]) == (0, "Starting bulk call campaign (2 numbers)")
    calling.wait(tenant.api, made["task_id"], "SUCCESS")


def test_all_its_calls_have_what_was_asked_for(tenant, twilio, receiver):
    numbers = phones(3)
    made = calling.queue_bulk(tenant.api, numbers, from_number=twilio.numbers[0], call_metadata={"message": "For all of you"})
    assert calling.wait(tenant.api, made["task_id"])["result"]["successful_calls"] == 3
    for number in numbers:
        call = calling.the_call(twilio, number)
        assert [v.text for v in call.heard] == ["For all of you"] and call.get("From") == twilio.numbers[0]
    path = f"/{fresh('twiml')}"
    url = receiver.script(path, Hook(200, b"<Response><Say>Elsewhere</Say></Response>", content_type="text/xml"))
    numbers = phones(2)
    made = calling.queue_bulk(tenant.api, numbers, webhook_url=url)
    assert calling.wait(tenant.api, made["task_id"])["result"]["successful_calls"] == 2
    assert all(calling.the_call(twilio, n).get("Url") == url and [v.text for v in calling.the_call(twilio, n).heard] == ["Elsewhere"] for n in numbers)


def test_one_failing_number(tenant, twilio):
    numbers = [*phones(2), "+1234567890", calling.phone()]
    twilio.plan_call("busy", to=numbers[3])
    made = calling.queue_bulk(tenant.api, numbers)
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], counts(done["result"])) == ("SUCCESS", (4, 2, 2, 0))
    refused, busy = done["result"]["failed_call_details"]
    assert refused["phone_number"] == "+1234567890" and refused["error"].startswith("Twilio refused it: 21211 ")
    assert busy == {"phone_number": numbers[3], "error": "Twilio reported busy"}
    shown = by_number(calling.numbers_of(tenant.api, made["task_id"]))
    assert [shown[n]["status"] for n in numbers] == ["SUCCESS", "SUCCESS", "FAILURE", "FAILURE"]
    assert (shown[numbers[3]]["call_status"], shown[numbers[3]]["error"]) == ("busy", "Twilio reported busy")


def test_all_failing_is_still_success(tenant, twilio):
    numbers = phones(3)
    for n, outcome in zip(numbers, ("busy", "no-answer", "failed")):
        twilio.plan_call(outcome, to=n)
    made = calling.queue_bulk(tenant.api, numbers)
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["progress"], counts(done["result"])) == ("SUCCESS", 100, (3, 0, 3, 0))
    assert [d["error"] for d in done["result"]["failed_call_details"]] == ["Twilio reported busy", "Twilio reported no-answer", "Twilio reported failed"]


def test_the_same_number_twice_is_dialled_twice(tenant, twilio):
    number = calling.phone()
    made = calling.queue_bulk(tenant.api, [number, number])
    assert made["duplicate_numbers"] == 1
    assert counts(calling.wait(tenant.api, made["task_id"])["result"]) == (2, 2, 0, 0)
    assert len({c.sid for c in twilio.calls_to(number)}) == 2


def test_pages_of_numbers(tenant, stack):
    numbers = phones(25)
    made = calling.queue_bulk(tenant.api, numbers)
    first = calling.numbers_of(tenant.api, made["task_id"], "?limit=10")
    assert list(first) == ["task_id", "status", "total_calls", "successful_calls", "failed_calls", "cancelled_calls", "calls", "page", "limit"]
    assert list(first["calls"][0]) == ["phone_number", "status", "call_status", "call_sid", "duration", "error", "dialled_at", "ended_at"]
    pages = [calling.numbers_of(tenant.api, made["task_id"], f"?limit=10&page={p}") for p in (1, 2, 3, 4)]
    assert [c["phone_number"] for p in pages for c in p["calls"]] == numbers and [len(p["calls"]) for p in pages] == [10, 10, 5, 0]
    assert all(p["total_calls"] == 25 for p in pages)
    whole = calling.numbers_of(tenant.api, made["task_id"])
    assert (len(whole["calls"]), whole["page"], whole["limit"]) == (25, 1, 100)
    calling.wait(tenant.api, made["task_id"], "SUCCESS")
    ended = calling.numbers_of(tenant.api, made["task_id"], "?limit=1")["calls"][0]
    assert ended["status"] == "SUCCESS" and ended["call_status"] == "completed" and ended["call_sid"].startswith("CA") and ended["duration"] == 1 and ended["ended_at"] >= ended["dialled_at"]
    _, single = calling.queue(tenant.api, delay_seconds=600)
    assert counts(calling.numbers_of(tenant.api, single["task_id"])) == (1, 0, 0, 0)
    calling.cancel(tenant.api, single["task_id"]).ok()


def test_cancelled_in_the_middle(own_stack, twilio):
    """One has ended, one is talked to, one is being dialled, the others wait: what waits is never dialled, what is under way is hung up."""
    stack = own_stack(**calling.FAST, TASKGATE_CALLS_PER_SECOND=0, TASKGATE_CALLS_PER_MINUTE=0, **twilio.settings())
    tenant, numbers = stack.tenant(), phones(6)
    asking = threading.Event()
    twilio.plan_call("busy", to=numbers[0])
    twilio.plan_call(to=numbers[1], holds={"in-progress": threading.Event()})
    twilio.plan_call(to=numbers[2], holds={"ringing": threading.Event()})
    twilio.script(Reply(gate=asking), to=numbers[2])
    made = calling.queue_bulk(tenant.api, numbers, delay_between_calls=1, max_concurrent_calls=2)
    until(lambda: by_number(calling.numbers_of(tenant.api, made["task_id"]))[numbers[0]]["status"] == "FAILURE", "the busy one")
    calling.the_call(twilio, numbers[2])
    until(lambda: twilio.calls_to(numbers[1])[0].status == "in-progress", "the second one talking")
    calling.cancel(tenant.api, made["task_id"]).ok()
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["message"]) == ("REVOKED", "cancelled by the caller")
    asking.set()
    until(lambda: counts(calling.numbers_of(tenant.api, made["task_id"])) == (6, 0, 1, 5), lambda: calling.numbers_of(tenant.api, made["task_id"]))
    assert twilio.calls_to(numbers[1])[0].status == "completed" and twilio.calls_to(numbers[2])[0].status == "canceled"
    calling.cancel(tenant.api, made["task_id"]).detailed(404)
    follower = calling.queue_bulk(tenant.api, phones(2), delay_between_calls=1)
    calling.wait(tenant.api, follower["task_id"], "SUCCESS")
    assert all(twilio.creations(n) == [] for n in numbers[3:])
    assert stack.value("select count(*) from work w join task t on t.id = w.task_id where t.public_id = %s", made["task_id"]) == 0
    assert stack.value("select count(*) from pace where key like 'campaign:%%'") == 0


def test_cancelled_before_its_first_call(own_stack, twilio):
    stack = own_stack(**calling.FAST, **calling.UNPACED, **twilio.settings())
    tenant, numbers = stack.tenant(), phones(3)
    stack.ctl("lane", "pause", "call")
    made = calling.queue_bulk(tenant.api, numbers)
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["progress"], shown["message"]) == ("PENDING", 0, "Call queued")
    calling.cancel(tenant.api, made["task_id"]).ok()
    assert calling.status(tenant.api, made["task_id"])["status"] == "REVOKED"
    assert counts(calling.numbers_of(tenant.api, made["task_id"])) == (3, 0, 0, 3)
    stack.ctl("lane", "resume", "call")
    never(lambda: any(twilio.creations(n) for n in numbers), "a dial")


def test_gap_and_concurrency(own_stack, twilio):
    stack = own_stack(**calling.FAST, TASKGATE_CALLS_PER_SECOND=0, TASKGATE_CALLS_PER_MINUTE=0, **twilio.settings())
    tenant, numbers, gates = stack.tenant(), phones(4), [threading.Event() for _ in range(4)]
    for n, g in zip(numbers, gates):
        twilio.plan_call(to=n, holds={"in-progress": g})
    made = calling.queue_bulk(tenant.api, numbers, delay_between_calls=1, max_concurrent_calls=2)
    calling.the_call(twilio, numbers[1])
    first, second = [twilio.creations(n)[0].at for n in numbers[:2]]
    assert second - first >= 0.95, "a second between two calls"
    never(lambda: twilio.creations(numbers[2]), "a third call beside two", seconds=1.5)
    gates[0].set()
    calling.the_call(twilio, numbers[2])
    never(lambda: twilio.creations(numbers[3]), "a third call beside two", seconds=1.2)
    for g in gates:
        g.set()
    assert counts(calling.wait(tenant.api, made["task_id"], "SUCCESS")["result"]) == (4, 4, 0, 0)


def test_callback_url_is_told_once_at_the_end(tenant, twilio, receiver, stack):
    numbers, path = phones(3), f"/{fresh('hook')}"
    twilio.plan_call("busy", to=numbers[0])
    made = calling.queue_bulk(tenant.api, numbers, callback_url=receiver.script(path, Hook()))
    seen, = receiver.wait(path)
    check_signature(stack, tenant, seen)
    told = json.loads(seen.body)
    assert (told["event"], told["task_id"], told["type"], told["status"]) == ("task.completed", made["task_id"], "bulk_call", "completed")
    assert told["result"] == calling.status(tenant.api, made["task_id"])["result"] and counts(told["result"]) == (3, 2, 1, 0)
    never(lambda: len(receiver.at(path)) > 1, "a second webhook")


def test_callback_url_is_told_of_a_cancelled_one(tenant, receiver):
    path = f"/{fresh('hook')}"
    _, made = calling.queue(tenant.api, delay_seconds=600, callback_url=receiver.script(path, Hook()))
    calling.cancel(tenant.api, made["task_id"]).ok()
    seen, = receiver.wait(path)
    told = json.loads(seen.body)
    assert (told["event"], told["task_id"]) == ("task.cancelled", made["task_id"])


def test_a_thousand_numbers_are_queued_in_one_commit(tenant, stack):
    made = calling.queue_bulk(tenant.api, phones(1000), delay_between_calls=300, max_concurrent_calls=1, webhook_url="http://127.0.0.1:9/")
    assert stack.value("select count(distinct xmin::text) from call c where task_id = (select id from task where public_id = %s) and state = 'pending'", made["task_id"]) <= 1
    calling.cancel(tenant.api, made["task_id"]).ok()
    shown = until(lambda: (s := calling.numbers_of(tenant.api, made["task_id"], "?limit=1000")) and sum(counts(s)[1:]) == 1000 and s, "the end of all")
    assert len(shown["calls"]) == 1000
    tenant.api.post(f"{API}/queue-bulk-calls", {"phone_numbers": phones(1001)}).detailed(400)
