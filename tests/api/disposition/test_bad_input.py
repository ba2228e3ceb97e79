# SPDX-License-Identifier: MIT
"""Bad input: each is a clear refusal in the API's shape and leaves nothing stored. JSON is RFC 8259 and nothing else (README decision 6)."""
import json
import socket

import pytest

from client import Answer, raw
from stack import fresh

JSON = {"Content-Type": "application/json"}
OPEN = b'{"task_type":"job","action":"a","payload":'

# name, the whole body, and a word that the message holds
MALFORMED = [
    ("empty", b"", "empty"), ("blank", b"  \n", None), ("not json", b"hello", "byte 0"), ("single quotes", b"{'task_type':'job','action':'a'}", "byte 1"),
    ("unquoted key", b"{task_type:1}", "byte 1"), ("trailing comma", OPEN + b'{"a":1,}}', "byte"), ("trailing comma at the top", b'{"task_type":"job","action":"a",}', "byte"),
    ("comment", OPEN + b"{}/* c */}", "byte"), ("line comment", OPEN + b"{}//c\n}", "byte"), ("hash", OPEN + b"{}#\n}", "byte"),
    ("NaN", OPEN + b'{"a":NaN}}', "byte"), ("Infinity", OPEN + b'{"a":Infinity}}', "byte"), ("-Infinity", OPEN + b'{"a":-Infinity}}', "byte"),
    ("1.", OPEN + b'{"a":1.}}', "byte"), (".5", OPEN + b'{"a":.5}}', "byte"), ("01", OPEN + b'{"a":01}}', "byte"), ("+1", OPEN + b'{"a":+1}}', "byte"),
    ("0x10", OPEN + b'{"a":0x10}}', "byte"), ("1e", OPEN + b'{"a":1e}}', "byte"), ("--1", OPEN + b'{"a":--1}}', "byte"), ("True", OPEN + b'{"a":True}}', "byte"),
    ("2^64", OPEN + b'{"a":18446744073709551616}}', "64 bits"), ("10^40", OPEN + b'{"a":1' + b"0" * 40 + b"}}", "64 bits"), ("-10^40", OPEN + b'{"a":-1' + b"0" * 40 + b"}}", "64 bits"),
    ("2^63 in a field", b'{"task_type":"job","action":"a","priority":9223372036854775808}', "64 bits"), ("1e999", OPEN + b'{"a":1e999}}', "byte"),
    ("nul", OPEN + b'{"a":nul}}', "byte"), ("undefined", OPEN + b'{"a":undefined}}', "byte"),
    ("\\u0000", OPEN + b'{"a":"x\\u0000y"}}', "byte"), ("\\u0000 in a key", OPEN + b'{"x\\u0000y":1}}', "byte"), ("raw NUL", OPEN + b'{"a":"x\x00y"}}', "byte"),
    ("raw NUL behind", OPEN + b"{}}\x00", "byte"), ("raw newline in a string", OPEN + b'{"a":"x\ny"}}', "byte"), ("raw tab in a string", OPEN + b'{"a":"x\ty"}}', "byte"),
    ("bad escape", OPEN + b'{"a":"\\x41"}}', "byte"), ("short escape", OPEN + b'{"a":"\\u12"}}', "byte"), ("lone high surrogate", OPEN + b'{"a":"\\ud83d"}}', "byte"),
    ("lone low surrogate", OPEN + b'{"a":"\\ude00"}}', "byte"), ("high surrogate twice", OPEN + b'{"a":"\\ud83d\\ud83d"}}', "byte"),
    ("lone surrogate in a field", b'{"task_type":"job","action":"\\ud800"}', "byte"), ("surrogate as UTF-8", OPEN + b'{"a":"\xed\xa0\x80"}}', "byte"),
    ("invalid UTF-8", OPEN + b'{"a":"\xff"}}', "byte"), ("overlong UTF-8", OPEN + b'{"a":"\xc0\xaf"}}', "byte"), ("cut UTF-8", OPEN + b'{"a":"\xe2\x82"}}', "byte"),
    ("beyond Unicode", OPEN + b'{"a":"\xf4\x90\x80\x80"}}', "byte"), ("latin-1", OPEN + '{"a":"é"}}'.encode("latin-1"), "byte"),
    ("UTF-16", '{"task_type":"job","action":"a"}'.encode("utf-16"), "byte 0"), ("BOM", b"\xef\xbb\xbf" + b'{"task_type":"job","action":"a"}', "byte 0"),
    ("duplicate key", b'{"task_type":"job","action":"a","action":"b"}', "byte"), ("duplicate key within", OPEN + b'{"a":1,"a":2}}', "byte"),
    ("duplicate key by escape", OPEN + b'{"a":1,"\\u0061":2}}', "byte"),
    ("unclosed", OPEN + b"{}", "byte"), ("unclosed string", b'{"task_type":"job', "byte"), ("two values", b'{"task_type":"job","action":"a"}{}', "byte"),
    ("missing colon", b'{"task_type" "job"}', "byte"), ("missing comma", b'{"task_type":"job" "action":"a"}', "byte"), ("key that is a number", b'{1:2}', "byte"),
    ("depth 33", OPEN + b'{"d":' + b"[" * 31 + b"]" * 31 + b"}}", "byte"), ("depth 33 of objects", OPEN + b'{"d":' * 32 + b"1" + b"}" * 33, "byte"),
    ("very deep", b"[" * 100000, "byte"), ("deep and ignored", b'{"task_type":"job","action":"a","other":' + b"[" * 33 + b"]" * 33 + b"}", "byte"),
    ("array", b"[]", "object"), ("string", b'"x"', "object"), ("number", b"1", "object"), ("null", b"null", "object"), ("true", b"true", "object"),
]


@pytest.mark.parametrize("body, words", [pytest.param(b, w, id=n) for n, b, w in MALFORMED])
def test_malformed_json(idle, body, words):
    entity, before = fresh("bad"), idle.footprint()
    idle.api.put(f"/generic/{entity}", body=body, headers=JSON).refused(400, "INVALID_REQUEST", words=words)
    assert idle.footprint() == before


# The other routes that take a body: method, path, one that is well formed, how their page writes a code.
ROUTES = [("PUT", "/voicemail/{e}", {"voicemail_id": "{e}", "caller_id": "c", "recipient_id": "r"}, str.upper),
          ("PUT", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, str.upper),
          ("POST", "/cbfinish/{e}", {"callback_id": "{e}", "agent_id": "a", "disposition_code": "BUSY"}, str.upper),
          ("PUT", "/sms/{e}", {"to": "+12025558401", "message": "m"}, str.lower), ("POST", "/sms/{e}", {"to": "+12025558401", "message": "m"}, str.lower),
          ("PUT", "/email", {"to": ["bad@example.com"], "subject": "s", "template": "voicemail",
                             "template_data": {"caller_id": "x", "timestamp": "x", "duration": "x", "audio_url": "x"}}, str.lower),
          ("POST", "/work/claim", {}, str.upper)]
every_route = pytest.mark.parametrize("method, path, good, word", ROUTES, ids=[f"{m} {p}" for m, p, _, _ in ROUTES])


def filled(path, good, **more):
    """Path and body bytes with an entity of their own."""
    name = fresh("bad")
    body = dict({k: v.replace("{e}", name) if isinstance(v, str) else v for k, v in good.items()}, **more)
    return path.replace("{e}", name), json.dumps(body).encode()


@every_route
def test_malformed_json_of_every_route(idle, method, path, good, word):
    """Broken at each of a few places of a body that is otherwise good; the message says where."""
    where, body = filled(path, good, last=1)
    before = idle.footprint()
    for broken, words in ((b"", "empty"), (b"x", "byte 0 "), (body[:-1], f"byte {len(body) - 1} "), (body + b"}", f"byte {len(body)} "), (body[:-1] + b",}", f"byte {len(body)} "),
                          (body[:-2] + b"NaN}", f"byte {len(body) - 2} "), (body[:-2] + b"1,\"last\":2}", f"byte {len(body)} "), (body[:-2] + b"\"\\ud800\"}", "surrogate"),
                          (b'\n{"a": ?}', r"line 2, column 7"), (b"[]", "object"), (b"null", "object")):
        idle.api.request(method, where, body=broken, headers=JSON).refused(400, word("INVALID_REQUEST"), words=words)
    assert idle.footprint() == before


@every_route
def test_content_type_of_every_route(idle, method, path, good, word):
    where, body = filled(path, good)
    before = idle.footprint()
    for sent in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"):
        idle.api.request(method, where, body=body, headers={"Content-Type": sent}).refused(415, word("UNSUPPORTED_MEDIA_TYPE"))
    assert idle.footprint() == before


@pytest.mark.parametrize("method, path, good, word", [r for r in ROUTES if r[1] != "/email"], ids=[f"{m} {p}" for m, p, _, _ in ROUTES if p != "/email"])
def test_size_of_every_route(stack, tenant, method, path, good, word):
    """A mebibyte is taken, a byte more is not, however it is sent. What pads it is a member that is ignored. (Of a mail: test_nginx, test_email.)"""
    where, body = filled(path, good, padding="")
    at = body.rindex(b'""') + 1

    def padded_to(size):
        return body[:at] + b"x" * (size - len(body)) + body[at:]
    before = tenant.footprint()["task"]
    tenant.api.request(method, where, body=padded_to((1 << 20) + 1), headers=JSON).refused(413, word("PAYLOAD_TOO_LARGE"), words="1048576")
    head = f"{method} {where} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    raw("127.0.0.1", stack.port, head + b"%x\r\n%s\r\n0\r\n\r\n" % ((1 << 20) + 1, padded_to((1 << 20) + 1))).refused(413, word("PAYLOAD_TOO_LARGE"))
    assert tenant.footprint()["task"] == before
    assert tenant.api.request(method, where, body=padded_to(1 << 20), headers=JSON).status in (200, 201)


def test_the_message_says_where(tenant):
    answer = tenant.api.put(f"/generic/{fresh('bad')}", body=b'{\n "task_type": "job",\n "action": oops\n}', headers=JSON).refused(400, "INVALID_REQUEST")
    assert "line 3" in answer.json["error"]["message"] and "column 12" in answer.json["error"]["message"]


@pytest.mark.parametrize("body", [b'{"task_type":"job","action":"a","payload":{"d":' + b"[" * 30 + b"]" * 30 + b"}}", b' \t\r\n{"task_type":"job","action":"a"}\r\n ',
                                  b'{"task_type":"job","action":"\\ud83d\\ude00\\/"}'], ids=["depth 32", "blanks around", "surrogate pair"])
def test_well_formed_json(tenant, body):
    tenant.api.put(f"/generic/{fresh('good')}", body=body, headers=JSON).ok(201)


# -- content type --

@pytest.mark.parametrize("sent", [None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
                                  "application/json2; charset=utf-8", "json"])
def test_wrong_content_type(idle, sent):
    entity, before = fresh("ct"), idle.footprint()
    idle.api.put(f"/generic/{entity}", body=b'{"task_type":"job","action":"a"}', headers={"Content-Type": sent}).refused(415, "UNSUPPORTED_MEDIA_TYPE")
    assert idle.footprint() == before


@pytest.mark.parametrize("sent", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"])
def test_content_type_taken(tenant, sent):
    tenant.api.put(f"/generic/{fresh('ct')}", body=b'{"task_type":"job","action":"a"}', headers={"Content-Type": sent}).ok(201)


# -- size --

def padded(n):
    """A well-formed body of that many bytes; what pads it is a member that is ignored."""
    start, end = b'{"task_type":"job","action":"a","padding":"', b'"}'
    return start + b"x" * (n - len(start) - len(end)) + end


def test_body_of_a_mebibyte(tenant):
    tenant.api.put(f"/generic/{fresh('big')}", body=padded(1 << 20), headers=JSON).ok(201)


@pytest.mark.parametrize("n", [(1 << 20) + 1, 1_900_000])
def test_body_over_the_routes_limit(idle, n):
    """Ours, since nginx lets that through."""
    before = idle.footprint()
    idle.api.put(f"/generic/{fresh('big')}", body=padded(n), headers=JSON).refused(413, "PAYLOAD_TOO_LARGE", words=r"1048576")
    assert idle.footprint() == before


def test_body_over_nginxs_limit(stack, idle):
    before = idle.footprint()
    sent = f"PUT /generic/{fresh('big')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {idle.token}\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n\r\n"
    raw("127.0.0.1", stack.port, sent.encode()).refused(413, "PAYLOAD_TOO_LARGE")
    assert idle.footprint() == before


def test_chunked_body(stack, tenant):
    entity = fresh("chunk")
    body = b'{"task_type":"job","action":"a"}'
    head = f"PUT /generic/{entity} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tenant.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[:10], body[10:])) + b"0\r\n\r\n"
    raw("127.0.0.1", stack.port, head.encode() + chunks).ok(201)
    over = padded((1 << 20) + 1)
    raw("127.0.0.1", stack.port, head.replace(entity, fresh("chunk")).encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(over), over)).refused(413, "PAYLOAD_TOO_LARGE")


def test_over_long_request_line(tenant):
    tenant.api.get("/generic/" + "x" * 9000).refused(414, "URI_TOO_LONG")


def test_long_request_line_that_fits(tenant):
    tenant.api.get(f"/generic/{tenant.create()}?junk=" + "x" * 7000).ok()


def test_over_long_header(tenant):
    tenant.api.get("/task", headers={"X-Long": "x" * 9000}).refused(431, "HEADERS_TOO_LARGE")


def test_too_many_headers(tenant):
    tenant.api.get("/task", headers={f"X-Header-{i}": "x" * 900 for i in range(60)}).refused(431, "HEADERS_TOO_LARGE")


def test_client_that_hangs_up_within_its_body(stack, idle):
    """nginx reads bodies whole before a worker hears of them, so nothing arrives."""
    entity, before = fresh("half"), idle.footprint()
    with socket.create_connection(("127.0.0.1", stack.port)) as s:
        s.sendall(f"PUT /generic/{entity} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {idle.token}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n".encode() + OPEN)
    idle.api.get(f"/generic/{entity}").refused(404, "TASK_NOT_FOUND")
    assert idle.footprint() == before


# -- what nginx refuses itself is told in the same shape --

@pytest.mark.parametrize("sent, status", [
    (b"GARBAGE\r\n\r\n", 400), (b"GET /generic/x HTTP/9.9\r\nHost: x\r\n\r\n", 505), (b"GET /generic/x HTTP/1.1\r\n\r\n", 400),
    (b"GET /generic/x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), (b"GET /generic/x HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
    (b"PUT /generic/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET /generic/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /generic/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /generic/a%2 HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"TRACE /generic/x HTTP/1.1\r\nHost: x\r\n\r\n", 405), (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
], ids=lambda v: repr(v)[2:40])
def test_what_nginx_refuses(stack, sent, status):
    got = raw("127.0.0.1", stack.port, sent)
    assert isinstance(got, Answer) and got.status in (status, 405 if status == 400 and sent.startswith(b"CONNECT") else status), repr(got)
    assert got.headers.get("Content-Type") == "application/json", repr(got)
    body = got.json
    assert set(body) == {"success", "status", "error", "timestamp", "request_id"} and body["error"]["code"] and body["error"]["message"]
    assert got.headers["X-Request-Id"] == body["request_id"]


def test_preconditions_are_refused_before_they_could_be_ignored(idle):
    entity, before = fresh("pre"), idle.footprint()
    idle.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}, headers={"If-Match": '"x"'}).refused(412, "PRECONDITION_FAILED")
    assert idle.footprint() == before


# -- the path --

@pytest.mark.parametrize("path, status, code", [
    ("/generic/%ff", 400, "INVALID_REQUEST"), ("/generic/%c0%af", 400, "INVALID_REQUEST"), ("/generic/%ed%a0%80", 400, "INVALID_REQUEST"),
    ("/generic/%252e%252e", 400, "INVALID_REQUEST"), ("/generic/%2e", 400, "INVALID_REQUEST"), ("/generic//x", 400, "INVALID_REQUEST"), ("//generic/x", 400, "INVALID_REQUEST"),
    ("/generic/x//", 400, "INVALID_REQUEST"), ("/" + "/".join("a" * 13), 400, "INVALID_REQUEST"),
    ("/generic/x%2Fy/z", 404, "NOT_FOUND"), ("/generic", 404, "NOT_FOUND"), ("/generic/", 404, "NOT_FOUND"), ("/generic/a/b", 404, "NOT_FOUND"), ("/task/a/b", 404, "NOT_FOUND"),
    ("/task/a/why/b", 404, "NOT_FOUND"), ("/nothing", 404, "NOT_FOUND"), ("/", 404, "NOT_FOUND"), ("/GENERIC/x", 404, "NOT_FOUND"), ("/dgapi/v1", 404, "NOT_FOUND"),
    ("/dgapi/v1/nothing", 404, "NOT_FOUND"), ("/dgapi/v2/generic/x", 404, "NOT_FOUND"), ("/dgapi/v1/dgapi/v1/generic/x", 404, "NOT_FOUND"), ("/work", 404, "NOT_FOUND"),
    ("/voicemail", 404, "NOT_FOUND"), ("/voicemail/", 404, "NOT_FOUND"), ("/voicemail/a/b", 404, "NOT_FOUND"), ("/cbfinish", 404, "NOT_FOUND"), ("/cbfinish/a/b", 404, "NOT_FOUND"),
    ("/sms", 404, "NOT_FOUND"), ("/sms/a/b", 404, "NOT_FOUND"), ("/email/a/b", 404, "NOT_FOUND"), ("/voicemail/%ff", 400, "INVALID_REQUEST"), ("/voicemail/%2e%2e", 400, "INVALID_REQUEST"),
    ("/voicemail//x", 400, "INVALID_REQUEST"), ("/dgapi/v1/voicemail", 404, "NOT_FOUND"), ("/dgapi/v1/sms/a/b", 404, "NOT_FOUND"), ("/taskgate/voicemail/x", 404, "NOT_FOUND"),
    ("/taskgate/nothing", 404, "NOT_FOUND"), ("/taskgate/taskgate/health", 404, "NOT_FOUND"), ("/taskgate", 404, "NOT_FOUND"), ("/tasks", 404, "NOT_FOUND"), ("/genericx/a", 404, "NOT_FOUND"),
])
def test_path(tenant, path, status, code):
    tenant.api.get(path).refused(status, code)


@pytest.mark.parametrize("query, field", [
    ("include_payload=maybe", "include_payload"), ("include_payload=", "include_payload"), ("include_payload", "include_payload"), ("include_logs=TRUE", "include_logs"),
    ("include_logs=yes", "include_logs"), ("include_result=2", "include_result"), ("include_result=%zz", "include_result"), ("include_result=%00", "include_result"),
    ("include_result=%ff", "include_result"), ("include_payload=true&include_logs=x", "include_logs"), ("include_logs=null", "include_logs"),
])
def test_query(tenant, query, field):
    tenant.api.get(f"/generic/{tenant.create()}?{query}").refused(400, "INVALID_REQUEST", field)


@pytest.mark.parametrize("path, field, code", [
    ("/voicemail/{e}?include_metadata=maybe", "include_metadata", "INVALID_REQUEST"), ("/voicemail/{e}?include_history=", "include_history", "INVALID_REQUEST"),
    ("/voicemail/{e}?include_history=%ff", "include_history", "INVALID_REQUEST"), ("/sms/{e}?include=", "include", "invalid_request"), ("/sms/{e}?include=events", "include", "invalid_request"),
    ("/sms/{e}?include=%00", "include", "invalid_request"), ("/email/{e}?include=", "include", "invalid_request"), ("/email/{e}?include=events,", "include", "invalid_request"),
    ("/email/{e}?include=events,all", "include", "invalid_request"), ("/email/{e}?include=%zz", "include", "invalid_request")])
def test_query_of_the_contact_centre(tenant, path, field, code):
    tenant.api.get(path.replace("{e}", fresh("q"))).refused(400, code, field)


@pytest.mark.parametrize("query", ["", "unknown=1", "&&", "=", "include_payload=1&unknown=%41", "%69nclude_payload=true", "include_payload=true&include_payload=x"])
def test_query_taken(tenant, query):
    tenant.api.get(f"/generic/{tenant.create()}?{query}").ok()


def test_injection_goes_through_as_text(tenant):
    word = "'; drop table task; -- \" $1 {} \\"
    entity = tenant.create(action=word, target_id=word, tags=[word], payload={word: word})
    data = tenant.api.get(f"/generic/{entity}?include_payload=1").ok().data
    assert (data["action"], data["tags"], data["payload"]) == (word, [word], {word: word})
    assert tenant.task(entity)["target_id"] == word


def test_request_id(tenant):
    own = tenant.api.get("/task", headers={"X-Request-Id": "my-request:1.2_3"}).ok()
    assert own.headers["X-Request-Id"] == "my-request:1.2_3"
    for bad in ("a b", "x" * 200, "a\"b", "é"):
        got = tenant.api.get("/task", headers={"X-Request-Id": bad.encode("utf-8")}).ok().headers["X-Request-Id"]
        assert got != bad and len(got) >= 16
    first, second = (tenant.api.get("/nothing").refused(404, "NOT_FOUND").json["request_id"] for _ in range(2))
    assert first != second


def test_error_answers_are_json_whatever_they_quote(tenant):
    got = tenant.api.request("GET", "/generic/%22%7D%3Cscript%3E")
    assert json.loads(got.body)["success"] is False
    got.refused(400, "INVALID_REQUEST", "entity")
