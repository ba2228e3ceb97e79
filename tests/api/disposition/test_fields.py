# SPDX-License-Identifier: MIT
"""PUT /generic/{entity}: every row of the document's table of fields, present, absent, null, at its edges and beyond them. A refusal says which field it
was and leaves nothing stored."""
import datetime
import json

import pytest

from client import UTC
from stack import fresh
from document import table

MOST_URL = "http://example.com/" + "p" * (2048 - len("http://example.com/"))


def body(**fields):
    full = {"task_type": "job", "action": "process"}
    full.update(fields)
    return {k: v for k, v in full.items() if v is not ...}


def made(tenant, **fields):
    """Creates and shows it; gives both."""
    entity = fresh("f")
    answer = tenant.api.put(f"/generic/{entity}", body(**fields)).ok(201)
    return answer.data, tenant.api.get(f"/generic/{entity}?include_payload=true").ok().data


def test_this_table_is_the_documents(shared):
    rows = table((shared / "spec" / "disposition.md").read_text(), "Create Generic Task", "Request Body Parameters")
    assert [(r[0].strip("`"), r[1], r[2]) for r in rows] == [
        ("task_type", "string", "Yes"), ("action", "string", "Yes"), ("target_id", "string", "No"), ("payload", "object", "No"), ("priority", "integer", "No"),
        ("scheduled_at", "string", "No"), ("timeout", "integer", "No"), ("retry_count", "integer", "No"), ("callback_url", "string", "No"), ("tags", "array", "No")]


def test_defaults(tenant):
    created, shown = made(tenant)
    assert list(created) == ["task_id", "entity", "type", "task_type", "action", "status", "priority", "created_at", "scheduled_at", "timeout", "retry_count", "retries_remaining"]
    assert created["task_id"].startswith("task-gen-") and len(created["task_id"]) >= len("task-gen-") + 16
    assert (created["type"], created["status"], created["priority"], created["scheduled_at"]) == ("generic", "pending", 5, None)
    assert (created["timeout"], created["retry_count"], created["retries_remaining"]) == (300, 3, 3)
    assert UTC.fullmatch(created["created_at"])
    assert abs(datetime.datetime.strptime(created["created_at"], "%Y-%m-%dT%H:%M:%SZ") - datetime.datetime.utcnow()) < datetime.timedelta(seconds=30)
    assert (shown["payload"], shown["tags"], shown["result"], shown["started_at"], shown["completed_at"], shown["execution_time_ms"]) == (None, [], None, None, None, None)
    assert shown["retries_used"] == 0
    row = tenant.task(created["entity"])
    assert (row["target_id"], row["callback_url"]) == (None, None)


def test_ids_are_unlike(tenant):
    assert len({made(tenant)[0]["task_id"] for _ in range(5)}) == 5


# name, value, the column and what it then holds (None: as sent)
TAKEN = [
    ("task_type", "a", None), ("task_type", "A" + "b" * 63, None), ("task_type", "Az09_.:-z", None),
    ("action", "x", None), ("action", "x" * 100, None), ("action", "é" * 100, None), ("action", "anything at all, with blanks", None), ("action", "😀", None),
    ("target_id", "x", None), ("target_id", "ü" * 255, None), ("target_id", None, None),
    ("priority", 1, None), ("priority", 10, None), ("priority", None, 5),
    ("timeout", 1, None), ("timeout", 86400, None), ("timeout", None, 300),
    ("retry_count", 0, None), ("retry_count", 20, None), ("retry_count", None, 3),
    ("callback_url", "http://example.com", None), ("callback_url", "HTTPS://Example.COM:8443/a?b=c#d", None), ("callback_url", MOST_URL, None),
    ("callback_url", "http://[2001:db8::1]/x", None), ("callback_url", "http://u:p@example.com/", None), ("callback_url", "http://a@b@example.com", None), ("callback_url", None, None),
    ("tags", [], None), ("tags", ["a"], None), ("tags", ["é" * 100], None), ("tags", [f"t{i}" for i in range(50)], None),
    ("tags", ['"quoted"', "back\\slash", "{brace}", "com,ma", " blank ", "NULL", "null", "😀"], None), ("tags", ["same", "same"], None), ("tags", None, None),
]
COLUMN = {"task_type": "type", "timeout": "timeout_s"}


@pytest.mark.parametrize("field, value, kept", TAKEN, ids=lambda v: repr(v)[:30])
def test_taken(tenant, field, value, kept):
    kept = value if kept is None else kept
    created, shown = made(tenant, **{field: value})
    assert tenant.task(created["entity"])[COLUMN.get(field, field)] == kept
    if field in created:
        assert created[field] == kept
    if field in shown:
        assert shown[field] == ([] if field == "tags" and kept is None else kept)


PAYLOADS = [
    "{}", '{"a":1}', '{"b":1,"a":2}', '{"a":{"b":[1,2.50,-0,1e5,1E-7,true,false,null,"x"]}}', '{"big":9223372036854775807,"least":-9223372036854775808,"small":0.1000,"long":0.12345678901234567890123}',
    '{"e":"\\u00e9\\ud83d\\ude00\\n\\t\\\\\\"/"}', '{ "spaces" : [ 1 , 2 ] }', '{"":""}', '{"text":"' + "x" * 65000 + '"}', '{"é":"ü😀"}',
    '{"d":' + "[" * 30 + "]" * 30 + "}",
]


@pytest.mark.parametrize("text", PAYLOADS, ids=lambda t: t[:25])
def test_payload_comes_back_as_it_was(tenant, text):
    """Equal as JSON values: numbers keep their digits, members their order."""
    entity = fresh("p")
    sent = b'{"task_type":"job","action":"a","payload":' + text.encode() + b"}"
    tenant.api.put(f"/generic/{entity}", body=sent, headers={"Content-Type": "application/json"}).ok(201)
    answer = tenant.api.get(f"/generic/{entity}?include_payload=true").ok()

    def exact(t):
        return json.loads(t, parse_float=str, parse_int=str, object_pairs_hook=list)
    assert dict(dict(exact(answer.body))["data"])["payload"] == exact(text)


def test_payload_null_is_none(tenant):
    assert made(tenant, payload=None)[1]["payload"] is None


def test_payload_at_its_edge(tenant):
    def text(n):
        return ('{"t":"' + "x" * (n - len('{"t":""}')) + '"}').encode()
    entity, before = fresh("p"), tenant.footprint()
    sent = b'{"task_type":"job","action":"a","payload":%s}'
    tenant.api.put(f"/generic/{entity}", body=sent % text(65537), headers={"Content-Type": "application/json"}).refused(413, "PAYLOAD_TOO_LARGE", "payload")
    assert tenant.footprint() == before
    tenant.api.put(f"/generic/{entity}", body=sent % text(65536), headers={"Content-Type": "application/json"}).ok(201)


TIMES = [
    ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"), ("2030-01-15T10:30:00+02:00", "2030-01-15T08:30:00Z"), ("2030-01-15T10:30:00-05:30", "2030-01-15T16:00:00Z"),
    ("2030-01-15T10:30:00", "2030-01-15T10:30:00Z"), ("2030-01-15T10:30:00.123456Z", "2030-01-15T10:30:00Z"), ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("2024-01-15", "2024-01-15T00:00:00Z"), ("2030-12-31T23:59:59Z", "2030-12-31T23:59:59Z"), ("2030-01-01T00:30:00+01:00", "2029-12-31T23:30:00Z"),
]


@pytest.mark.parametrize("sent, shown", TIMES)
def test_scheduled_at(tenant, sent, shown):
    """Any offset, none is UTC; a past one is accepted and due at once (README decisions 2 and 7)."""
    created, _ = made(tenant, scheduled_at=sent)
    assert (created["scheduled_at"], created["status"]) == (shown, "pending")
    assert tenant.work(created["entity"])["ready"] == (shown < "2026")


BAD_TIMES = ["", "tomorrow", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-15T25:00:00Z", "2024-01-15T10:60:00Z",
             "2024-01-15T10:30:00+25:00", "2024-01-15T10:30:00Zjunk", " 2024-01-15T10:30:00Z", "15.01.2024 10:30", "now", "infinity", "99999-01-01T00:00:00Z",
             "2024-1-5T1:2:3Z", "1705314600", "epoch", "2024-01-15T10:30:00 UTC", "2024-01-15T10:30:00Z\u0000x".replace("\u0000", "\t")]
WRONG_FOR = {
    "task_type": [1, True, [], {}, 1.5],
    "action": [1, False, ["process"], {"a": 1}],
    "target_id": [1, True, [], {}],
    "priority": ["5", 5.5, True, [], {}, "high", 5.0],
    "scheduled_at": [1705314600, True, [], {}],
    "timeout": ["300", 1.5, False, [300], {}],
    "retry_count": ["3", 0.5, True, [], {}],
    "callback_url": [1, True, [], {}],
    "tags": ["a", 1, True, {"a": 1}],
}
REFUSED = [
    ("task_type", ..., 400, "INVALID_REQUEST"), ("task_type", None, 400, "INVALID_REQUEST"), ("action", ..., 400, "INVALID_REQUEST"), ("action", None, 400, "INVALID_REQUEST"),
] + [("task_type", v, 400, "INVALID_TASK_TYPE") for v in ("", " ", "1a", "_a", "a" * 65, "a b", "a/b", "é", "a\n", "-a", ".a", "a;drop")] + [
    ("action", v, 400, "INVALID_REQUEST") for v in ("", "x" * 101, "é" * 101)
] + [
    ("target_id", "", 400, "INVALID_REQUEST"), ("target_id", "x" * 256, 400, "INVALID_REQUEST"),
    ("priority", 0, 400, "INVALID_REQUEST"), ("priority", 11, 400, "INVALID_REQUEST"), ("priority", -1, 400, "INVALID_REQUEST"), ("priority", 2 ** 63 - 1, 400, "INVALID_REQUEST"),
    ("timeout", 0, 400, "INVALID_REQUEST"), ("timeout", 86401, 400, "INVALID_REQUEST"), ("timeout", -300, 400, "INVALID_REQUEST"),
    ("retry_count", -1, 400, "INVALID_REQUEST"), ("retry_count", 21, 400, "INVALID_REQUEST"), ("retry_count", -(2 ** 63) + 1, 400, "INVALID_REQUEST"),
    ("tags", [f"t{i}" for i in range(51)], 400, "INVALID_REQUEST"), ("tags", [""], 400, "INVALID_REQUEST"), ("tags", ["x" * 101], 400, "INVALID_REQUEST"),
    ("tags", ["a", 1], 400, "INVALID_REQUEST"), ("tags", [None], 400, "INVALID_REQUEST"), ("tags", [["a"]], 400, "INVALID_REQUEST"),
] + [("payload", v, 422, "INVALID_PAYLOAD") for v in ("text", 1, 1.5, True, False, [], [{}])] + [
    ("scheduled_at", v, 400, "INVALID_REQUEST") for v in BAD_TIMES
] + [("callback_url", v, 400, "INVALID_REQUEST") for v in (
    "", "example.com", "ftp://example.com/x", "file:///etc/passwd", "javascript:alert(1)", "http://", "http:///path", "https://?q", "http://#f", "http://:80/", "http://@host/", "http://user@", "http://user@/x", "http://user@:80/", "http://?a@b",
    "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com/\t", "http:example.com", "//example.com", MOST_URL + "p", " http://example.com")
] + [(f, v, 400, "INVALID_REQUEST") for f, values in WRONG_FOR.items() for v in values]


@pytest.mark.parametrize("field, value, status, code", REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(tenant, field, value, status, code):
    entity, before = fresh("r"), tenant.footprint()
    tenant.api.put(f"/generic/{entity}", body(**{field: value})).refused(status, code, field)
    assert tenant.footprint() == before
    tenant.api.get(f"/generic/{entity}").refused(404, "TASK_NOT_FOUND")


def test_one_fault_is_told(tenant):
    """The first field at fault, and only that one."""
    answer = tenant.api.put(f"/generic/{fresh('r')}", body(action=1, priority=99)).refused(400, "INVALID_REQUEST", "action")
    assert "priority" not in answer.json["error"]["message"]


def test_unknown_members_are_ignored(tenant):
    created, _ = made(tenant, colour="red", type="human", status="completed", task_id="mine", tenant_id="x", entity="other", **{"": 1})
    assert created["type"] == "generic" and created["status"] == "pending" and created["task_id"] != "mine" and created["entity"] != "other"


def test_duplicate_entity(tenant):
    entity = tenant.create()
    before = tenant.footprint()
    answer = tenant.api.put(f"/generic/{entity}", body(action="other")).refused(409, "DUPLICATE_ENTITY")
    assert entity in answer.json["error"]["message"]
    assert tenant.footprint() == before
    tenant.api.post(f"/task/{entity}/cancel").ok()
    tenant.api.put(f"/generic/{entity}", body()).refused(409, "DUPLICATE_ENTITY")     # finished or not: the entity stays taken


ENTITIES = ["a", "A.b_c-d:e", "x" * 128, "0", "task-12345", "...", "a..b", "-", ":"]


@pytest.mark.parametrize("name", ENTITIES, ids=lambda v: v[:20])
def test_entity_taken(own_tenant, name):
    own_tenant.create(name)
    assert own_tenant.api.get(f"/generic/{name}").ok().data["entity"] == name


def test_entity_is_case_sensitive(tenant):
    low = fresh("case")
    tenant.create(low)
    tenant.create(low.upper())


@pytest.mark.parametrize("sent", ["x" * 129, "a%20b", "a%2Fb", "%2e%2e%2fx", "a%25b", "caf%C3%A9", "a%3Cb", "a+b", "a%0Ab", "a;b", "a@b", "a,b", "a'b", "%22", "a%252Fb", "~a"])
def test_entity_refused(tenant, sent):
    before = tenant.footprint()
    for method in ("PUT", "GET"):
        tenant.api.request(method, f"/generic/{sent}", body() if method == "PUT" else None).refused(400, "INVALID_REQUEST", "entity")
    assert tenant.footprint() == before


def test_entity_is_decoded_once(tenant):
    entity = fresh("enc")
    tenant.api.put("/generic/" + "".join(f"%{ord(c):02x}" for c in entity), body()).ok(201)
    assert tenant.api.get(f"/generic/{entity}").ok().data["entity"] == entity


def test_tags_find_what_they_name(tenant):
    tag = fresh("tag")
    entity = tenant.create(tags=[tag, tag, "x"])
    listed = tenant.api.get(f"/task?tag={tag}").ok().data
    assert [t["entity"] for t in listed["tasks"]] == [entity] and listed["pagination"]["total_records"] == 1
