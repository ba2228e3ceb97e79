# SPDX-License-Identifier: MIT
"""The includes beside a site of its own, and what nginx does when the program behind it dies, is slow or is full: no write is ever sent twice."""
import concurrent.futures
import json
import shutil
import socket
import tempfile
import threading

import pytest

from client import raw
from toy import OwnNginx, ToyFcgi
from stack import fresh
from standin_resource import signature
from waiting import until

MAIL = {"to": ["nginx@example.com"], "subject": "s", "template": "voicemail", "template_data": dict.fromkeys(("caller_id", "timestamp", "duration", "audio_url"), "x")}

SITE = """
server {
	listen @PORT@;
	default_type text/plain;
	location / { return 200 "site $request_uri"; }
	location = /health { return 200 "site health"; }
	location = /metrics { return 200 "site metrics"; }
	location /api/ { return 200 "site api"; }
	location ^~ /tasks { return 200 "site tasks"; }
	location /work { return 200 "site work"; }
	location ~ \\.php$ { return 200 "site php"; }
	location ~ ^/(task|generic|taskgate|voicemail|cbfinish|sms|email|dgapi) { return 200 "site regex"; }
	location ~ ^/api/v1/twilio { return 200 "site twilio"; }
	location = /missing { return 404; }
	include taskgate/taskgate-disposition.conf;
	include taskgate/taskgate-twilio.conf;
	include taskgate/taskgate-ops.conf;
}
"""
ALONE = """
server {
	listen @PORT@;
	include taskgate/taskgate-server-errors.conf;
	include taskgate/taskgate-disposition.conf;
	include taskgate/taskgate-twilio.conf;
	include taskgate/taskgate-ops.conf;
}
"""


@pytest.fixture(scope="module")
def site(stack):
    made = OwnNginx(SITE, [stack.dir / "run" / "fcgi.sock"])
    yield made
    made.close()


@pytest.fixture
def toys():
    """toys(behave, behave, ..., change): an nginx before toy upstreams (None: nobody listens there); gives both."""
    made = []

    def make(*behaviours, change=()):
        folder = tempfile.mkdtemp(prefix="taskgate-toy.")
        sockets = [f"{folder}/{i}.sock" for i in range(len(behaviours))]
        upstreams = [ToyFcgi(path, behave) for path, behave in zip(sockets, behaviours) if behave]
        nginx = OwnNginx(ALONE, sockets, change)
        made.append((nginx, upstreams, folder))
        return nginx, upstreams
    yield make
    for nginx, upstreams, folder in made:
        nginx.close()
        for u in upstreams:
            u.close()
        shutil.rmtree(folder, ignore_errors=True)


# -- beside a site --

@pytest.mark.parametrize("path, text", [("/", "site /"), ("/index.html", "site /index.html"), ("/health", "site health"), ("/metrics", "site metrics"), ("/api/x", "site api"), ("/tasks", "site tasks"),
                                        ("/tasks/1", "site tasks"), ("/work/claim", "site work"), ("/x.php", "site php"), ("/genericx", "site regex"), ("/taskgatex", "site regex"), ("/info", "site /info"),
                                        ("/ready", "site /ready"), ("/dgapi/v1/nothing", "site regex"), ("/dgapi", "site regex"),
                                        ("/voicemails", "site regex"), ("/cbfinished/x", "site regex"), ("/smsx", "site regex"), ("/emails/x", "site regex"), ("/dgapi/v1/emails", "site regex"),
                                        ("/api/v1", "site api"), ("/api/v1/twiliox", "site twilio"), ("/nothing", "site /nothing")])
def test_the_site_keeps_its_own(site, path, text):
    for method in ("GET", "POST"):
        got = site.client().request(method, path)
        assert (got.status, got.body.decode()) == (200, text)


def test_the_sites_own_errors_stay_its_own(site):
    got = site.client().get("/missing")
    assert got.status == 404 and "text/html" in got.headers["Content-Type"]


@pytest.mark.parametrize("prefix", ["", "/dgapi/v1"])
def test_taskgate_beside_it(site, tenant, prefix):
    api, entity = site.client(tenant.token), fresh("site") + ".php"       # the site's regular expressions do not take it
    assert api.put(f"{prefix}/generic/{entity}", {"task_type": "job", "action": "a"}).ok(201).headers["Location"] == f"{prefix}/generic/{entity}"
    assert api.get(f"{prefix}/generic/{entity}").ok().data["status"] == "pending"
    assert api.get(f"{prefix}/task/{entity}/why").ok().data["entity"] == entity
    assert api.get(f"{prefix}/task?limit=1").ok().data["tasks"]
    assert api.post(f"{prefix}/task/{entity}/cancel").ok().data["status"] == "cancelled"
    for path in ("/generic", "/voicemail", "/cbfinish", "/sms", "/email"):
        for method in ("GET", "POST", "PUT"):
            got = api.request(method, prefix + path, {})
            # PUT /email is the only one of these that is a route.
            assert got.status in ((400,) if (method, path) == ("PUT", "/email") else (404, 405)), repr(got)
            assert got.headers["Content-Type"] == "application/json" and "Location" not in got.headers, repr(got)


@pytest.mark.parametrize("prefix", ["", "/dgapi/v1"])
def test_the_contact_centre_beside_it(site, tenant, prefix):
    api, name = site.client(tenant.token), fresh("site") + ".php"
    assert api.put(f"{prefix}/voicemail/{name}", {"voicemail_id": name, "caller_id": "c", "recipient_id": "r"}).ok(201).headers["Location"] == f"{prefix}/voicemail/{name}"
    assert api.get(f"{prefix}/voicemail/{name}").ok().data["entity"] == name
    for method in ("PUT", "POST"):
        api.request(method, f"{prefix}/cbfinish/{name}{method}", {"callback_id": name + method, "agent_id": "a", "disposition_code": "BUSY"}).ok(201)
        api.request(method, f"{prefix}/sms/{name}{method}", {"to": "+12025558201", "message": "m"}).ok(201)
    assert api.get(f"{prefix}/sms/{name}PUT").ok().data["entity"] == name + "PUT"
    mail = api.put(f"{prefix}/email", MAIL).ok(201).data["task_id"]
    assert api.get(f"{prefix}/email/{mail}").ok().data["task_id"] == mail


def test_twilios_reports_beside_it(site, stack, twilio):
    """They come to the address of TASKGATE_PUBLIC_URL, which is what is signed, whatever name and port this server has."""
    form = [("MessageSid", "SM" + fresh("x")), ("MessageStatus", "sent")]
    body, path = "&".join(f"{k}={v}" for k, v in form).encode(), "/api/v1/twilio/message-status?a=%2F"
    good = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature(twilio.token, f"http://127.0.0.1:{stack.port}{path}", form)}
    got = site.client().post(path, body=body, headers=good)
    assert (got.status, got.body) == (200, b"OK"), repr(got)
    assert site.client().post(path, body=body, headers=dict(good, **{"X-Twilio-Signature": None})).status == 403
    # Twilio signs some of its requests for the address without its port; another port is another address.
    for address, status in (("http://127.0.0.1", 200), (f"http://127.0.0.1:{site.port}", 403), ("https://127.0.0.1", 403)):
        assert site.client().post(path, body=body, headers=dict(good, **{"X-Twilio-Signature": signature(twilio.token, address + path, form)})).status == status, address
    for method, where, status in (("GET", path, 405), ("POST", "/api/v1/twilio/nothing", 404), ("POST", "/api/v1/twilio", 404), ("POST", "/api/v1/twilio/", 404)):
        got = site.client().request(method, where)
        assert got.status == status and "Location" not in got.headers and b"site" not in got.body, repr(got)


def test_ops_beside_it(site, tenant):
    api = site.client(tenant.token)
    assert api.get("/taskgate/health").ok().json["service"] == "taskgate"
    assert api.get("/taskgate/ready").ok().json["status"] == "ready"
    assert api.get("/taskgate/info").ok().json["service"] == "taskgate"
    assert "taskgate_workers" in api.get("/taskgate/metrics").body.decode()
    assert api.post("/taskgate/work/claim", {"types": [fresh("none")]}).ok().json == {"tasks": []}
    api.get("/taskgate/nothing").refused(404, "NOT_FOUND")
    got = api.post("/taskgate")
    assert got.status in (404, 405) and "Location" not in got.headers
    site.client().get("/generic/x").refused(401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["/generic/x", "/voicemail/x", "/cbfinish/x", "/sms/x", "/email/x", "/dgapi/v1/sms/x", "/taskgate/work/claim", "/api/v1/twilio/message-status"])
def test_nginxs_own_refusals_beside_it(site, tenant, path):
    """Twice what the program takes is let through, so nginx's own words are met only beyond."""
    api = site.client(tenant.token)
    api.put(path, body=b"x" * 2_200_000, headers={"Content-Type": "application/json"}).refused(413, "PAYLOAD_TOO_LARGE")
    api.close()


def mail_of(size):
    """A well-formed mail of that many bytes; what pads it is a member that is ignored."""
    start, end = json.dumps(MAIL).encode()[:-1] + b',"padding":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def chunked(body):
    return b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[i:i + (1 << 20)] for i in range(0, len(body), 1 << 20))) + b"0\r\n\r\n"


LIMIT = 25 << 20


@pytest.mark.parametrize("path", ["/email", "/dgapi/v1/email", "/email/"])
@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_mail_may_hold_25_mib(site, own_tenant, path, how):
    """The program refuses what is larger, in its own words; only what is twice as large meets nginx's."""
    def send(size, body=None):
        head = (f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own_tenant.token}\r\nContent-Type: application/json\r\n"
                + ("Transfer-Encoding: chunked\r\n\r\n" if how == "chunked" else f"Content-Length: {size}\r\n\r\n"))
        body = mail_of(size) if body is None else body
        return raw("127.0.0.1", site.port, head.encode() + (chunked(body) if how == "chunked" else body), timeout=60)
    before = own_tenant.footprint()
    send(LIMIT + 1).refused(413, "payload_too_large", words=str(LIMIT))
    assert own_tenant.footprint() == before
    if how == "length":
        send(60 << 20, b"").refused(413, "PAYLOAD_TOO_LARGE")
    else:
        send(51 << 20).refused(413, "PAYLOAD_TOO_LARGE")
    assert own_tenant.footprint() == before
    send(LIMIT).ok(201)


# -- an upstream that dies --

WRITES = [("PUT", "/generic/x"), ("POST", "/task/x/cancel"), ("DELETE", "/generic/x"), ("PATCH", "/generic/x"), ("PUT", "/dgapi/v1/generic/x"), ("POST", "/taskgate/work/claim")]
OK = b"Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{}"


def die(_):
    return None


def test_a_write_is_never_sent_twice(toys):
    """The upstream works, has its effect, and dies without an answer: one effect, 502, nothing resent, though a second upstream is there."""
    nginx, (one, two) = toys(die, die)
    client = nginx.client()
    for method, path in WRITES:
        for _ in range(2):
            before = len(one.seen) + len(two.seen)
            body = b'{"n": 1}' if method != "DELETE" else None
            answer = client.request(method, path, body=body, headers={"Content-Type": "application/json"}).refused(502, "INTERNAL_ERROR", words="Idempotency-Key")
            assert answer.headers["Retry-After"] == "1"
            assert len(one.seen) + len(two.seen) == before + 1, (method, path)
    assert {(m, u) for m, u, _ in one.seen + two.seen} == set(WRITES)
    assert all(b == b'{"n": 1}' for m, _, b in one.seen + two.seen if m != "DELETE")


def test_a_write_is_not_sent_on_even_where_nobody_listened(toys):
    """The first host is away: whether it took the write is not asked of another one."""
    nginx, (two,) = toys(None, lambda _: OK)
    statuses = [nginx.client().put("/generic/x", {}).status for _ in range(6)]
    assert set(statuses) <= {200, 502} and len(two.seen) == statuses.count(200)


def test_a_read_moves_on(toys):
    nginx, (one, two) = toys(die, lambda _: OK)
    for _ in range(4):
        assert nginx.client().get("/generic/x").status == 200
    assert len(two.seen) == 4


def test_a_read_that_nobody_answers(toys):
    nginx, (one, two) = toys(die, die)
    nginx.client().get("/generic/x").refused(502, "INTERNAL_ERROR")
    assert (len(one.seen), len(two.seen)) == (1, 1)
    got = nginx.client().request("HEAD", "/generic/x")
    assert got.status == 502 and got.body == b""


def test_nobody_there(toys):
    nginx, _ = toys(None)
    nginx.client().put("/generic/x", {}).refused(502, "INTERNAL_ERROR")
    nginx.client().get("/taskgate/health").refused(502, "INTERNAL_ERROR")


def test_a_slow_upstream(toys):
    gate = threading.Event()
    nginx, (one, two) = toys(lambda _: gate.wait(20) and OK, lambda _: gate.wait(20) and OK, change=[("fastcgi_read_timeout 40s", "fastcgi_read_timeout 1s")])
    answer = nginx.client().put("/generic/x", {}).refused(504, "INTERNAL_ERROR", words="Idempotency-Key")
    assert answer.headers["Retry-After"] == "5" and len(one.seen) + len(two.seen) == 1
    gate.set()


def test_full(toys):
    """Past limit_conn: 503 with Retry-After, and the program hears nothing of it."""
    gate = threading.Event()
    nginx, (one,) = toys(lambda _: gate.wait(20) and OK, change=[("limit_conn taskgate 900", "limit_conn taskgate 2")])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = [pool.submit(nginx.client().put, "/generic/x", {}) for _ in range(2)]
        until(lambda: len(one.seen) == 2, "two requests under way")
        for method in ("PUT", "GET"):
            answer = nginx.client().request(method, "/generic/y", {} if method == "PUT" else None).refused(503, "INTERNAL_ERROR")
            assert answer.headers["Retry-After"] == "1"
        gate.set()
        assert [r.result().status for r in running] == [200, 200]
    assert len(one.seen) == 2


def test_a_slow_client_holds_no_worker(toys):
    """A body is read whole before anything of it goes on."""
    nginx, (one,) = toys(lambda _: OK)
    with socket.create_connection(("127.0.0.1", nginx.port)) as s:
        s.sendall(b"PUT /generic/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n12345")
        assert nginx.client().put("/generic/fast", {}).status == 200
        assert one.accepted == 1 and [u for _, u, _ in one.seen] == ["/generic/fast"]
        s.sendall(b"67890")
        assert b"200" in s.recv(100)
    assert one.seen[-1] == ("PUT", "/generic/slow", b"1234567890")


def test_an_answer_that_is_no_answer(toys):
    nginx, (one,) = toys(lambda _: b"nonsense without headers")
    nginx.client().put("/generic/x", {}).refused(502, "INTERNAL_ERROR")
    assert len(one.seen) == 1


def test_what_the_program_hears(toys):
    heard = {}

    def note(request):
        heard.update(request[3])
        return OK
    nginx, _ = toys(note)
    nginx.client("t").get("/generic/a%2Fb%20c?x=%41&y=1", headers={"X-Request-Id": "mine", "Proxy": "http://evil", "X-API-Key": "k"})
    assert heard["REQUEST_URI"] == "/generic/a%2Fb%20c?x=%41&y=1" and heard["REMOTE_ADDR"] == "127.0.0.1"
    assert heard["HTTP_X_REQUEST_ID"] == "mine" and len(heard["TASKGATE_REQUEST_ID"]) == 32 and heard["HTTP_AUTHORIZATION"] == "Bearer t" and heard["HTTP_X_API_KEY"] == "k"
    assert heard.get("HTTP_PROXY", "") == ""
