# SPDX-License-Identifier: MIT
"""nginx/taskgate-calls.conf beside a site of its own: it takes its own paths alone, what nginx itself answers there is {"detail"}, and no write is sent twice."""
import shutil
import tempfile
import threading

import pytest

import calling
from calling import API
from stack import fresh
from toy import OwnNginx, ToyFcgi
from waiting import until

SITE = """
server {
	listen @PORT@;
	default_type text/plain;
	location / { return 200 "site $request_uri"; }
	location /api/ { return 200 "site api"; }
	location ~ \\.php$ { return 200 "site php"; }
	location ~ ^/api/v1/celery { return 200 "site regex"; }
	include taskgate/taskgate-calls.conf;
	include taskgate/taskgate-disposition.conf;
}
"""
ALONE = """
server {
	listen @PORT@;
	include taskgate/taskgate-server-errors.conf;
	include taskgate/taskgate-calls.conf;
	include taskgate/taskgate-disposition.conf;
}
"""
WRITES = [("POST", f"{API}/queue-single-call"), ("POST", f"{API}/queue-bulk-calls"), ("POST", f"{API}/schedule-call"), ("DELETE", f"{API}/cancel-task/x")]
OK = b"Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return make_stack("calls that are not dialled", sweep=False, **twilio.settings())


@pytest.fixture(scope="module")
def site(stack):
    made = OwnNginx(SITE, [stack.dir / "run" / "fcgi.sock"])
    yield made
    made.close()


@pytest.fixture
def toys():
    """toys(behave, ..., change): an nginx before toy upstreams; gives both."""
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


def die(_):
    return None


@pytest.mark.parametrize("path, text", [("/", "site /"), ("/api/x", "site api"), ("/api/v1/celery", "site regex"), ("/api/v1/celery/other", "site regex"), ("/api/v1/celery/twiliox", "site regex"),
                                        ("/x.php", "site php"), ("/api/v1/twilio/x", "site api")])
def test_the_site_keeps_its_own(site, path, text):
    for method in ("GET", "POST"):
        got = site.client().request(method, path)
        assert (got.status, got.body.decode()) == (200, text)


def test_calls_beside_it(site, tenant):
    api = site.client(tenant.token)
    _, made = calling.queue(api, delay_seconds=600)
    assert calling.status(api, made["task_id"])["status"] == "PENDING"
    calling.cancel(api, made["task_id"]).ok()
    assert api.get(f"{API}/health").ok().json["twilio_configured"] is True
    api.get(f"{API}/task-status/{fresh('x')}.php").detailed(404)
    for path in (API, f"{API}/", f"{API}/nothing"):
        for method in ("GET", "POST"):
            got = api.request(method, path).detailed(404)
            assert "Location" not in got.headers
    site.client().get(f"{API}/active-tasks").detailed(401)


def test_nginxs_own_refusals_beside_it(site, tenant):
    api = site.client(tenant.token)
    for method, path in WRITES[:3]:
        api.request(method, path, body=b"x" * 2_200_000, headers=JSON).detailed(413, "The request body is too large; nothing was done")
        api.close()
    api.post(f"{API}/queue-single-call", {}, headers={"If-Match": "*"}).detailed(412)
    # An API beside it keeps its own shape.
    api.put("/generic/x", body=b"x" * 2_200_000, headers=JSON).refused(413, "PAYLOAD_TOO_LARGE")


def test_what_cannot_be_read_is_refused_in_its_shape(toys):
    nginx, _ = toys(lambda _: OK)
    for path in (f"{API}/task-status/%00", f"{API}/%zz", f"{API}?%00"):
        answer = nginx.client().get(path)
        if answer.status != 200:       # a query is the program's to read
            answer.detailed(400, "The request could not be read")
    nginx.client().get(f"{API}/x?{'y' * 40000}").detailed(414)
    nginx.client().get("/generic/%00").refused(400, "INVALID_REQUEST")


def test_a_write_is_never_sent_twice(toys):
    """The upstream may have queued the call and dies without an answer: nothing is resent, though a second upstream is there."""
    nginx, (one, two) = toys(die, die)
    for method, path in WRITES:
        before = len(one.seen) + len(two.seen)
        answer = nginx.client().request(method, path, body=b"{}" if method == "POST" else None, headers=JSON).detailed(502, words="Idempotency-Key")
        assert answer.headers["Retry-After"] == "1" and len(one.seen) + len(two.seen) == before + 1, (method, path)
    assert {(m, u) for m, u, _ in one.seen + two.seen} == set(WRITES)


def test_a_read_moves_on(toys):
    nginx, (_, two) = toys(die, lambda _: OK)
    for _ in range(4):
        assert nginx.client().get(f"{API}/task-status/x").status == 200
    assert len(two.seen) == 4


def test_full_slow_and_away(toys):
    gate = threading.Event()
    nginx, (one,) = toys(lambda _: gate.wait(20) and OK, change=[("limit_conn taskgate 900", "limit_conn taskgate 1"), ("fastcgi_read_timeout 40s", "fastcgi_read_timeout 1s")])
    slow = threading.Thread(target=lambda: nginx.client().post(f"{API}/queue-single-call", {}).detailed(504, words="Idempotency-Key"))
    slow.start()
    until(lambda: len(one.seen) == 1, "the request under way")
    nginx.client().get(f"{API}/active-tasks").detailed(503, "The server is at its limit; nothing was done. Try again shortly")
    slow.join(20)
    gate.set()
    away, _ = toys(None)
    away.client().get(f"{API}/health").detailed(502)
    away.client().post(f"{API}/queue-single-call", {}).detailed(502)
