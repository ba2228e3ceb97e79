# SPDX-License-Identifier: MIT
"""Every field of the three queueing routes at its edges, their defaults, and what becomes of call_metadata (spec/facts.md 3.1.2)."""
import json

import pytest

import calling
from calling import API
from client import UTC

E164 = "must be in E.164 format (e.g., +1234567890)"
LATER = "2999-01-15T14:00:00Z"
ROUTES = {"queue-single-call": {"to_number": "+1234567890"}, "queue-bulk-calls": {"phone_numbers": ["+1234567890"]},
          "schedule-call": {"to_number": "+1234567890", "schedule_time": LATER}}


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    """Nothing is dialled: what is queued stays as it is."""
    return make_stack("calls that are not dialled", sweep=False, **twilio.settings())


def body(route, **fields):
    full = dict(ROUTES[route], **fields)
    return {k: v for k, v in full.items() if v is not ...}


def post(tenant, route, **fields):
    return tenant.api.post(f"{API}/{route}", body(route, **fields))


def made(tenant, route, **fields):
    """The rows of what was accepted: task, campaign, its numbers."""
    answer = post(tenant, route, **fields).ok().json
    found = tenant.stack.row("select t.id, t.kind, t.state, t.priority, t.scheduled_at, t.created_at, t.callback_url, b.input::text as metadata, p.* from task t"
                             " join campaign p on p.tenant_id = t.tenant_id and p.task_id = t.id join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id"
                             " where t.public_id = %s", answer["task_id"])
    found["numbers"] = [r["number"] for r in tenant.stack.rows("select number from call where task_id = %s order by n", found["id"])]
    found["answer"] = answer
    return found


NUMBERS_REFUSED = ["1234567890", "+0234567890", "+123456", "+1234567890123456", "+1 234567890", "+1234567890 ", " +1234567890", "+12345678a0", "+", "++1234567890", "+١٢٣٤٥٦٧٨٩٠", "sip:x@y.z",
                   "0012345678", "+1-234-567-890", "+1234567890\n"]
NUMBERS_TAKEN = ["+1234567", "+123456789012345", "+9999999"]


@pytest.mark.parametrize("number", ["", *NUMBERS_REFUSED])
def test_a_number_is_e164(tenant, number):
    before = tenant.footprint()
    for route in ("queue-single-call", "schedule-call"):
        post(tenant, route, to_number=number).detailed(400, f"Phone number {E164}")
        post(tenant, route, from_number=number).detailed(400, f"From number {E164}")
    post(tenant, "queue-bulk-calls", from_number=number).detailed(400, f"From number {E164}")
    if number:
        answer = post(tenant, "queue-bulk-calls", phone_numbers=["+1234567890", number]).detailed(400, words=r"E\.164 format")
        assert number in answer.json["detail"]
    assert tenant.footprint() == before


@pytest.mark.parametrize("number", NUMBERS_TAKEN)
def test_the_shortest_and_the_longest_number(tenant, number):
    assert made(tenant, "queue-single-call", to_number=number, from_number=number)["numbers"] == [number]
    assert made(tenant, "schedule-call", to_number=number)["numbers"] == [number]
    assert made(tenant, "queue-bulk-calls", phone_numbers=[number])["numbers"] == [number]


# route, field, values that are refused, the text (a regular expression) that begins the refusal
URLS = ["", "x", "ftp://example.com/x", "http://", "https:///x", "http://?x", "javascript:alert(1)", "http://exam ple.com/", "http://example.com/\n", "https://" + "x" * 2041]
REFUSED = [
    *[("queue-single-call", "to_number", v, "to_number is required") for v in (..., None)], *[("queue-single-call", "to_number", v, "to_number must be a string") for v in (1234567890, [], {}, True)],
    *[("schedule-call", "to_number", v, "to_number is required") for v in (..., None)],
    *[("queue-bulk-calls", "phone_numbers", v, "phone_numbers is required") for v in (..., None)], ("queue-bulk-calls", "phone_numbers", [], "phone_numbers must not be empty"),
    ("queue-bulk-calls", "phone_numbers", "+1234567890", "phone_numbers must be an array"), ("queue-bulk-calls", "phone_numbers", {}, "phone_numbers must be an array"),
    ("queue-bulk-calls", "phone_numbers", ["+1234567890", 5], "phone_numbers must hold nothing but strings"), ("queue-bulk-calls", "phone_numbers", [None], "phone_numbers must hold nothing but"),
    ("queue-bulk-calls", "phone_numbers", ["+1234567890"] * 1001, "phone_numbers must be an array of 1 to 1000"), ("queue-bulk-calls", "phone_numbers", [""], "phone_numbers must hold strings of 1"),
    *[(r, "from_number", 1, "from_number must be a string") for r in ROUTES],
    *[(r, f, v, f"{f} must ") for r in ROUTES for f in ("webhook_url", "status_callback_url", "callback_url") for v in (*URLS, 1, {})],
    *[(r, "call_metadata", v, "call_metadata must be an object") for r in ROUTES for v in ([], "x", 1, True)],
    *[("queue-single-call", "delay_seconds", v, "delay_seconds must be an integer from 0 to 3600") for v in (-1, 3601, 10 ** 12)],
    *[("queue-single-call", "delay_seconds", v, "delay_seconds must be an integer") for v in ("10", 1.5, True, [])],
    *[("queue-bulk-calls", "delay_between_calls", v, "delay_between_calls must be an integer from 1 to 300") for v in (0, -1, 301)],
    *[("queue-bulk-calls", "delay_between_calls", v, "delay_between_calls must be an integer") for v in ("30", 1.5)],
    *[("queue-bulk-calls", "max_concurrent_calls", v, "max_concurrent_calls must be an integer from 1 to 50") for v in (0, 51)],
    *[("schedule-call", "schedule_time", v, "schedule_time is required") for v in (..., None)], ("schedule-call", "schedule_time", 5, "schedule_time must be a string"),
    ("schedule-call", "schedule_time", "", "schedule_time must not be empty"),
    *[("schedule-call", "schedule_time", v, r"Schedule time must be in ISO format \(e\.g\., 2024-01-15T14:00:00Z\)$") for v in
      ("tomorrow", "2999-13-01T00:00:00Z", "2999-02-29T00:00:00Z", "2999-01-01T25:00:00Z", "2999-01-01T00:00:00+25:00", "14:00", "2999", "1e9")],
    *[("schedule-call", "timezone", v, "Unknown timezone") for v in ("Mars/Olympus", "America", "EST5EDT", "New_York", "+02:00", "UTC+2", "america/nowhere", "../../etc/passwd", "Europe/", "x")],
    *[("schedule-call", "timezone", v, "timezone must ") for v in (5, "", "x" * 65)],
    ("schedule-call", "schedule_time", "2024-01-15T14:00:00Z", "Schedule time must be in the future$"), ("schedule-call", "schedule_time", "2024-01-15T14:00:00", "Schedule time must be in the future$"),
    *[(r, "call_metadata", {"priority": v}, "call_metadata.priority must be one of low, normal, high") for r in ROUTES for v in ("urgent", "", "HIGH")],
    *[(r, "call_metadata", {"priority": v}, "call_metadata.priority must be a string") for r in ROUTES for v in (1, [])],
    *[("queue-single-call", "call_metadata", {"message": v}, "call_metadata.message must be a") for v in (1, {}, "x" * 4097)],
    *[("queue-single-call", "call_metadata", {"voice": v}, "call_metadata.voice must be") for v in (1, "", "a b", "<x>", "x" * 65)],
    *[("queue-single-call", "call_metadata", {"language": v}, "call_metadata.language must be") for v in (1, "", "en US", "x" * 65)],
    *[("queue-single-call", "call_metadata", {"gather_input": v}, "call_metadata.gather_input must be true or false") for v in ("true", 1, [])],
    *[("queue-single-call", "call_metadata", {f: v}, f"call_metadata.{f} must be a string") for f in ("customer_id", "call_type", "agent_id", "campaign_id") for v in (1, True, [], {})],
    *[("queue-single-call", "call_metadata", {"custom_data": v}, "call_metadata.custom_data must be an object") for v in (1, "x", [], True)],
]


@pytest.mark.parametrize("route, field, value, words", REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(tenant, route, field, value, words):
    before = tenant.footprint()
    post(tenant, route, **{field: value}).detailed(400, words=f"^{words}")
    assert tenant.footprint() == before


TAKEN = [
    ("queue-single-call", "delay_seconds", 0), ("queue-single-call", "delay_seconds", 3600), ("queue-single-call", "delay_seconds", None), ("queue-bulk-calls", "delay_between_calls", 1),
    ("queue-bulk-calls", "delay_between_calls", 300), ("queue-bulk-calls", "max_concurrent_calls", 1), ("queue-bulk-calls", "max_concurrent_calls", 50), ("schedule-call", "timezone", "UTC"),
    ("schedule-call", "timezone", "GMT"), ("schedule-call", "timezone", "America/Argentina/Buenos_Aires"), ("schedule-call", "timezone", "Etc/GMT+5"), ("schedule-call", "timezone", None),
    ("schedule-call", "schedule_time", "2999-01-15"), ("schedule-call", "schedule_time", "2999-01-15T14:00:00.123456+05:30"), ("schedule-call", "schedule_time", "2999-01-15T14:00"),
    *[(r, f, v) for r in ROUTES for f in ("webhook_url", "status_callback_url", "callback_url") for v in ("http://example.com", "https://[2001:db8::1]:8443/x?y=%20#z", None, "https://" + "x" * 2040)],
    *[(r, "call_metadata", v) for r in ROUTES for v in ({}, None, {"priority": None, "message": "", "voice": "Polly.Joanna-Neural", "language": "cmn-CN"}, {"message": "x" * 4096})],
    ("queue-bulk-calls", "phone_numbers", [f"+1202{n:07}" for n in range(1000)]), ("queue-single-call", "unknown", {"is": "ignored"}),
]


@pytest.mark.parametrize("route, field, value", TAKEN, ids=lambda v: repr(v)[:24])
def test_taken(tenant, route, field, value):
    post(tenant, route, **{field: value}).ok()


# -- defaults --

def test_defaults_of_a_single_call(tenant, twilio):
    row = made(tenant, "queue-single-call")
    assert (row["kind"], row["state"], row["priority"], row["scheduled_at"], row["callback_url"], row["metadata"]) == ("call", "pending", 5, None, None, None)
    assert (row["from_number"], row["webhook_url"], row["status_url"], row["delay_s"], row["most"], row["total"]) == (twilio.numbers[0], None, None, None, None, 1)
    assert list(row["answer"]) == ["success", "task_id", "message", "created_at", "estimated_completion"] and row["answer"]["estimated_completion"] is None
    assert row["answer"]["success"] is True and UTC.fullmatch(row["answer"]["created_at"]) and len(row["answer"]["task_id"]) == 36


def test_defaults_of_a_campaign(tenant, twilio):
    row = made(tenant, "queue-bulk-calls")
    assert (row["kind"], row["delay_s"], row["most"], row["total"], row["from_number"], row["status_url"]) == ("bulk_call", 5, 10, 1, twilio.numbers[0], None)


def test_default_zone_is_new_york(tenant):
    row = made(tenant, "schedule-call", schedule_time="2999-01-15T14:00:00")
    assert row["answer"]["estimated_completion"] == "2999-01-15T19:00:00Z"


def test_an_offset_wins_over_the_zone(tenant):
    for sent in ("2999-01-15T14:00:00Z", "2999-01-15T19:30:00+05:30", "2999-01-15t09:00:00-05:00"):
        answer = post(tenant, "schedule-call", schedule_time=sent, timezone="Asia/Kolkata").ok().json
        assert (answer["estimated_completion"], answer["message"]) == ("2999-01-15T14:00:00Z", f"Call to +1234567890 scheduled for {sent}")


def test_null_is_absent(tenant, twilio):
    row = made(tenant, "queue-single-call", from_number=None, webhook_url=None, status_callback_url=None, call_metadata=None, delay_seconds=None, callback_url=None)
    assert (row["from_number"], row["webhook_url"], row["status_url"], row["scheduled_at"], row["metadata"]) == (twilio.numbers[0], None, None, None, None)


def test_what_is_given_is_kept(tenant):
    row = made(tenant, "queue-bulk-calls", phone_numbers=["+12025550101", "+12025550102", "+12025550101"], from_number="+15005550006", webhook_url="https://example.com/twiml?a=1",
               status_callback_url="https://example.com/status", callback_url="https://example.com/done", delay_between_calls=7, max_concurrent_calls=3)
    assert (row["from_number"], row["webhook_url"], row["status_url"], row["callback_url"], row["delay_s"], row["most"]) == (
        "+15005550006", "https://example.com/twiml?a=1", "https://example.com/status", "https://example.com/done", 7, 3)
    assert row["numbers"] == ["+12025550101", "+12025550102", "+12025550101"] and row["answer"]["duplicate_numbers"] == 1 and row["answer"]["total_calls"] == 3


@pytest.mark.parametrize("route", ROUTES)
def test_what_all_routes_have_is_kept(tenant, route):
    row = made(tenant, route, from_number="+15005550006", webhook_url="https://example.com/twiml", status_callback_url="https://example.com/status", callback_url="https://example.com/done",
               call_metadata={"customer_id": "1"})
    assert (row["from_number"], row["webhook_url"], row["status_url"], row["callback_url"], json.loads(row["metadata"])) == (
        "+15005550006", "https://example.com/twiml", "https://example.com/status", "https://example.com/done", {"customer_id": "1"})


@pytest.mark.parametrize("word, priority", [("low", 3), ("normal", 5), ("high", 7)])
def test_priority(tenant, word, priority):
    for route in ROUTES:
        assert made(tenant, route, call_metadata={"priority": word})["priority"] == priority


# -- call_metadata --

def raw(tenant, metadata):
    text = '{"to_number": "+1234567890", "call_metadata": ' + metadata + "}"
    return tenant.api.post(f"{API}/queue-single-call", body=text.encode(), headers={"Content-Type": "application/json"})


def test_metadata_comes_back_equal(tenant):
    sent = '{"z": 1, "a": [1.10, -0, 1e2, "\\u00e9\\ud83d\\ude00", null, true], "deep": {"message": {"not": "ours"}}, "": "", "priority": "high", "company_key": "kept"}'
    answer = raw(tenant, sent).ok()
    stored = tenant.stack.value("select b.input::text from task_body b join task t on t.tenant_id = b.tenant_id and t.id = b.task_id where t.public_id = %s", answer.json["task_id"])
    assert stored == sent


@pytest.mark.parametrize("metadata", ['{"big": 123456789012345678901234567890}', '{"a": 1, "a": 2}', '{"a": NaN}', "{'a': 1}", '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 01}', '{/**/}',
                                      '{"a": ' + "[" * 32 + "]" * 32 + "}"])
def test_what_other_readers_would_bend_is_refused_with_its_place(tenant, metadata):
    raw(tenant, metadata).detailed(400, words="^malformed JSON at byte")


def test_metadata_of_64_kib_and_more(tenant):
    frame = len(json.dumps({"x": ""}))
    post(tenant, "queue-single-call", call_metadata={"x": "y" * (64 * 1024 - frame)}).ok()
    before = tenant.footprint()
    post(tenant, "queue-single-call", call_metadata={"x": "y" * (64 * 1024 - frame + 1)}).detailed(413, words="call_metadata must not be larger than 65536 bytes")
    assert tenant.footprint() == before
