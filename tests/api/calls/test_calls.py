# SPDX-License-Identifier: MIT
"""The examples of spec/calls.md, out of its text: host and the printed task id are exchanged, and nothing else (a schedule's time too, where it has passed)."""
import datetime
import itertools
import json
import re
import threading

import pytest

import calling
import document
import stack as stacks
from client import UTC
from standin_http import Reply
from waiting import until

pytestmark = pytest.mark.both

TITLES = ["1. Health Check", "2. Queue Single Call", "3. Queue Bulk Calls", "4. Schedule Call", "5. Get Task Status", "6. Cancel Task"]
PLACEHOLDER = "abc123-def456-ghi789"
PAST = "2024-01-15T14:00:00Z"
QUEUEING = TITLES[1:4]


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


@pytest.fixture(scope="session")
def text(shared):
    return (shared / "spec" / "calls.md").read_text()


def answer_of(text, title):
    """The documented answer of a section: the last JSON block of it."""
    return json.loads(document.blocks(document.sections(text)[title], "json")[-1])


def body_of(text, title):
    return json.loads(document.blocks(document.sections(text)[title], "json")[0])


def example_of(text, title):
    command, = document.blocks(document.sections(text)[title], "bash")
    return document.Example(title, command)


def send(api, example, task="", body=None):
    return api.request(example.method, example.path.replace(PLACEHOLDER, task), body=body or example.body, headers=dict(example.headers))


def same(documented, answer, fresh=("task_id", "timestamp")):
    found = document.differences(documented, answer.json, fresh=set(fresh))
    assert not found, "\n".join(found + [repr(answer)])
    assert [k for k in answer.json if k in documented] == list(documented)


def time(text):
    assert UTC.fullmatch(text), text
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def soon(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**(delta or {"hours": 1}))).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_all_sections_are_here(text):
    assert [t for t in document.sections(text) if t[0].isdigit()] == TITLES


def test_its_words_and_numbers_are_ours(stack, text):
    """Status words, status codes and limits as the document lists them."""
    assert re.findall(r"^- `([A-Z]+)`:", text, re.M) == ["PENDING", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED"]
    assert {stack.value("select call_word(%s)", s) for s in ("pending", "processing", "completed", "failed", "expired", "cancelled")} == {"PENDING", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED"}
    assert re.findall(r"^- `(\d+) [A-Z]", text, re.M) == ["200", "400", "404", "500"]
    minute, = re.findall(r"Single calls: Up to (\d+) calls per minute", text)
    table = (stacks.TOP / "include" / "taskgate" / "base" / "conf_table.h").read_text()
    assert re.search(r'ROW\(TASKGATE_CALLS_PER_MINUTE,[^"]*"(\d+)"', table).group(1) == minute
    assert "Configurable delay between calls (1-300 seconds)" in text and "Maximum concurrent calls: Configurable (1-50)" in text      # test_calls_fields.py goes to these edges


def test_the_printed_requests_run_without_a_token_where_calls_are_open(make_stack, twilio, mailbox, text):
    """As ./dev up serves them."""
    stack = make_stack("open calls", sweep=False, TASKGATE_ANONYMOUS="calls,content", **twilio.settings())
    stack.ctl("user", "add", "anonymous")
    printed = [c for c in document.blocks(text, "bash") if c.startswith("curl") and PLACEHOLDER not in c]
    assert len(printed) == 7
    for command in printed:
        example = document.Example("printed", command)
        body = example.body and example.body.replace(PAST.encode(), soon().encode())
        assert send(stack.client(None), example, body=body).status == 200, command


# -- one after the other --

def test_health_check(stack, text):
    """Open to everybody, with a token or without."""
    answer = until(lambda: (a := send(stack.client(), example_of(text, TITLES[0]))).json["status"] == "healthy" and a, "the sweeper's first heartbeat").ok()
    same(answer_of(text, TITLES[0]), answer)
    assert list(answer.json) == list(answer_of(text, TITLES[0]))
    assert abs((time(answer.json["timestamp"]) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 5


@pytest.mark.parametrize("title", QUEUEING[:2])
def test_request_body_gives_the_documented_answer(tenant, text, title):
    example = example_of(text, title)
    answer = send(tenant.api, example, body=json.dumps(body_of(text, title)).encode()).ok()
    same(answer_of(text, title), answer)


def test_queue_single_call_says_when_it_is_done(tenant, text):
    answer = send(tenant.api, example_of(text, TITLES[1])).ok()
    assert list(answer.json) == ["success", "task_id", "message", "created_at", "estimated_completion"]
    assert (time(answer.json["estimated_completion"]) - time(answer.json["created_at"])).total_seconds() == 70
    documented = answer_of(text, TITLES[1])
    assert (time(documented["estimated_completion"]) - time(documented["created_at"])).total_seconds() == 70


def test_the_printed_curl_of_a_single_call_has_a_trailing_comma_and_is_taken(tenant, text):
    """Its metadata is stored as if the comma were not there."""
    example = example_of(text, TITLES[1])
    with pytest.raises(ValueError):
        json.loads(example.body)
    answer = send(tenant.api, example).ok()
    same(answer_of(text, TITLES[1]), answer)
    stored = tenant.stack.value("select b.input::text from task_body b join task t on t.tenant_id = b.tenant_id and t.id = b.task_id where t.public_id = %s", answer.json["task_id"])
    assert json.loads(stored) == {"customer_id": "12345", "call_type": "test_call", "message": "This is a test call from Celery Twilio API", "voice": "alice", "language": "en-US"}


def test_the_printed_curl_of_a_campaign(tenant, text):
    answer = send(tenant.api, example_of(text, TITLES[2])).ok()
    documented = dict(answer_of(text, TITLES[2]), message="Bulk call campaign for 2 numbers queued successfully", total_calls=2, estimated_duration_minutes=1)
    same(documented, answer)
    assert answer.json["duplicate_numbers"] == 0


@pytest.mark.parametrize("what", ["curl", "request body"])
def test_schedule_call_as_printed_is_past(own_tenant, text, what):
    before = own_tenant.footprint()
    body = None if what == "curl" else json.dumps(body_of(text, TITLES[3])).encode()
    send(own_tenant.api, example_of(text, TITLES[3]), body=body).detailed(400, "Schedule time must be in the future")
    assert own_tenant.footprint() == before


@pytest.mark.parametrize("what", ["curl", "request body"])
def test_schedule_call_with_a_time_to_come(tenant, text, what):
    example, when = example_of(text, TITLES[3]), soon()
    body = (example.body if what == "curl" else json.dumps(body_of(text, TITLES[3])).encode()).replace(PAST.encode(), when.encode())
    answer = send(tenant.api, example, body=body).ok()
    documented = answer_of(text, TITLES[3])
    same(dict(documented, message=documented["message"].replace(PAST, when)), answer)
    assert answer.json["estimated_completion"] == when
    assert list(answer.json) == list(documented)


def test_get_task_status(tenant, twilio, text):
    """While the request is under way: the document's sample, word for word."""
    number, gate = calling.phone(), threading.Event()
    twilio.script(Reply(gate=gate), to=number)
    _, made = calling.queue(tenant.api, number)
    until(lambda: twilio.creations(number), "the request")
    answer = send(tenant.api, example_of(text, TITLES[4]), made["task_id"]).ok()
    gate.set()
    same(answer_of(text, TITLES[4]), answer)
    assert list(answer.json) == list(answer_of(text, TITLES[4])) and answer.json["task_id"] == made["task_id"]
    assert answer.json["created_at"] == made["created_at"]


def test_cancel_task(tenant, text):
    _, made = calling.queue(tenant.api, delay_seconds=3600)
    answer = send(tenant.api, example_of(text, TITLES[5]), made["task_id"]).ok()
    documented = {k: v.replace(PLACEHOLDER, made["task_id"]) if isinstance(v, str) else v for k, v in answer_of(text, TITLES[5]).items()}
    assert answer.json == documented and list(answer.json) == list(documented)


def test_the_printed_ids_are_nobodys(tenant, text):
    send(tenant.api, example_of(text, TITLES[4]), PLACEHOLDER).detailed(404, f"Task {PLACEHOLDER} not found")
    errors = [json.loads(b)["detail"] for b in document.blocks(document.sections(text)["Common Error Scenarios"], "json")]
    send(tenant.api, example_of(text, TITLES[5]), PLACEHOLDER).detailed(404, errors[1])


def test_common_error_scenarios(tenant, text, make_stack, mailbox):
    """The three printed texts, exactly. (The second is that of test_the_printed_ids_are_nobodys.)"""
    errors = [json.loads(b)["detail"] for b in document.blocks(document.sections(text)["Common Error Scenarios"], "json")]
    assert len(errors) == 3
    tenant.api.post(f"{calling.API}/queue-single-call", {"to_number": "1234567890"}).detailed(400, errors[0])
    bare = make_stack("calls without twilio", sweep=False)
    bare.tenant().api.post(f"{calling.API}/queue-single-call", {"to_number": "+1234567890"}).detailed(500, errors[2])


def test_manual_testing_with_curl(tenant, text):
    """The three at the end of the document."""
    health, single, bulk = [document.Example("manual", c) for c in document.blocks(document.sections(text)["Manual Testing with curl"], "bash")]
    assert send(tenant.api, health).ok().json["twilio_configured"] is True
    same(answer_of(text, TITLES[1]), send(tenant.api, single).ok())
    answer = send(tenant.api, bulk).ok()
    assert (answer.json["message"], answer.json["total_calls"], answer.json["estimated_duration_minutes"]) == ("Bulk call campaign for 2 numbers queued successfully", 2, 1)


def test_metadata_of_the_document(tenant, text):
    """The last sample of the document goes in and comes back equal, member order and all."""
    sample = next(json.loads(b) for b in document.blocks(document.sections(text, 2)["Call Metadata"], "json"))
    number, made = calling.queue(tenant.api, call_metadata=sample)
    done = calling.wait(tenant.api, made["task_id"])
    assert json.dumps(done["result"]["metadata"]) == json.dumps(sample)


@pytest.mark.parametrize("title", TITLES[1:])
def test_parameter_tables_are_those_that_are_tested(text, title):
    """A new row of the document's tables fails here first."""
    dial = [("from_number", "No"), ("webhook_url", "No"), ("status_callback_url", "No"), ("call_metadata", "No")]
    rows = [(r[0].strip("`"), r[2]) for r in document.table(text, title, "Parameters")]
    assert rows == {
        TITLES[1]: [("to_number", "Yes"), *dial, ("delay_seconds", "No")],
        TITLES[2]: [("phone_numbers", "Yes"), *dial, ("delay_between_calls", "No"), ("max_concurrent_calls", "No")],
        TITLES[3]: [("to_number", "Yes"), *dial, ("schedule_time", "Yes"), ("timezone", "No")],
        TITLES[4]: [("task_id", "Yes")], TITLES[5]: [("task_id", "Yes")],
    }[title]


# -- what the document says of how many and how long --

@pytest.mark.parametrize("count, gap, minutes", [(1, 300, 1), (2, 30, 1), (4, 30, 2), (3, 30, 1), (13, 5, 1), (14, 5, 2), (1000, 300, 4995), (1000, 1, 17), (2, 60, 1), (2, 61, 2)])
def test_how_long_a_campaign_takes(tenant, count, gap, minutes):
    """(n - 1) gaps, in whole minutes, one at least: the document's four numbers at 30 s are two."""
    made = calling.queue_bulk(tenant.api, list(itertools.islice(iter(calling.phone, None), count)), delay_between_calls=gap)
    assert (made["total_calls"], made["estimated_duration_minutes"]) == (count, minutes)
    assert made["message"] == f"Bulk call campaign for {count} numbers queued successfully"
    calling.cancel(tenant.api, made["task_id"]).ok()
