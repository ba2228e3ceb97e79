# SPDX-License-Identifier: MIT
"""Mail and SMS on bad days that are not the sweeper's fault: the database stops, the provider is slow, busy, down or talks nonsense, a worker is killed in the middle
of an upload."""
import base64
import hashlib
import signal
import socket
import threading

import pytest

from parts import Master, Program, held, waiting_in_database
from pgproxy import Proxy
from stack import fresh
from standin_http import Reply
from waiting import PATIENCE, until

pytest.importorskip("aiosmtpd", reason="the stand-in for a mail server needs Debian's python3-aiosmtpd")
from standin_smtp import Step

DATA = {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}
PHONES = iter(range(5590001, 5599999))
FILE = bytes(range(256)) * 24576      # 6 MiB


@pytest.fixture(scope="module")
def field(make_stack, twilio, mailbox):
    return make_stack("bad days", workers=2, sweep=False, TASKGATE_RETRY_FIRST=20, TASKGATE_MAIL_TIMEOUT=10, TASKGATE_TWILIO_TIMEOUT=10, TASKGATE_TWILIO_ASK=1,
                      **twilio.settings(), **mailbox.settings())


@pytest.fixture
def tenant(field):
    """A tenant for one test; what it leaves behind is nobody's."""
    field.run("delete from host_state")
    made = field.tenant()
    yield made
    field.run("delete from work where tenant_id = %s", made.id)


@pytest.fixture
def sweep(field, start):
    def begin(*args, **settings):
        return start(Program, field, "taskgate-sweep", *args, **settings)
    return begin


def address():
    return f"{fresh('b')}@example.com"


def phone():
    return f"+1202{next(PHONES)}"


def body(to, **fields):
    return dict({"to": [to], "subject": "x", "template": "voicemail", "template_data": DATA}, **fields)


def mail(tenant, to, **fields):
    return tenant.api.put("/email", body(to, **fields)).ok(201).data["task_id"]


def sms(tenant, to):
    entity = fresh("s")
    tenant.api.put(f"/sms/{entity}", {"to": to, "message": "Hello"}).ok(201)
    return entity


def shown(tenant, task):
    return tenant.api.get(f"/email/{task}" if task.startswith("email_") else f"/sms/{task}").ok().data


def wait(tenant, task, *states, seconds=30):
    return until(lambda: (d := shown(tenant, task))["state"] in states and d, lambda: f"{states}: {shown(tenant, task)}", seconds)


def attempts(tenant, task):
    return tenant.stack.value("select attempts from task where tenant_id = %s and %s in (public_id, entity)", tenant.id, task)


# -- the database --

@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_the_database_stops_while_mails_are_under_way(field, tenant, mailbox, twilio, sweep, mode):
    """The sweeper keeps what the mail server said until the database is back, and tells it then: nothing goes out twice."""
    gate, all_to, number = threading.Event(), [address() for _ in range(6)], phone()
    for to in all_to:
        mailbox.script(to, Step(gate=gate))
    twilio.script(Reply(gate=gate), to=number)
    tasks = [mail(tenant, to) for to in all_to] + [sms(tenant, number)]
    one = sweep()
    until(lambda: all(mailbox.to(to) for to in all_to) and twilio.messages_to(number), "all to be under way")
    field.stop("pg", "-m", mode)
    gate.set()
    one.said("sweep.database")
    field.start("pg")
    until(lambda: tenant.api.get("/ready").status == 200, "the service")
    for task in tasks:
        assert wait(tenant, task, "completed")["delivery_status"] in ("sent", "delivered")
    assert [len(mailbox.to(to)) for to in all_to] == [1] * 6 and len(twilio.messages_to(number)) == 1
    assert one.alive() and {attempts(tenant, t) for t in tasks} == {1}


# -- the providers --

def test_a_slow_twilio_is_made_up_for_by_its_report(tenant, twilio, sweep):
    """The answer comes behind the timeout; the report says that it was taken."""
    to, gate = phone(), threading.Event()
    twilio.script(Reply(gate=gate), to=to)
    entity = sms(tenant, to)
    sweep(TASKGATE_TWILIO_TIMEOUT=1)
    assert wait(tenant, entity, "completed")["delivery_status"] == "delivered"
    gate.set()
    assert len(twilio.creations(to)) == 1


def test_a_mail_server_that_takes_its_time_holds_up_nobody_else(field, tenant, mailbox, twilio, sweep):
    """Between the final dot and its answer a server may think for minutes (RFC 5321, 4.5.3.2.6). Other mails, SMS and the heartbeat go on."""
    slow, gate = [address() for _ in range(5)], threading.Event()
    for to in slow:
        mailbox.script(to, Step(gate=gate))
    tasks = [mail(tenant, to) for to in slow]
    one = sweep(TASKGATE_MAIL_TIMEOUT=120)
    until(lambda: all(mailbox.to(to) for to in slow), "all to be with the server")
    quick, number = address(), phone()
    others = [mail(tenant, quick), sms(tenant, number)]
    for task in others:
        wait(tenant, task, "completed", seconds=10)
    since = field.value("select now()")
    until(lambda: field.value("select beat_at > %s from sweeper where pid = %s", since, one.popen.pid), "its heartbeat")
    assert {shown(tenant, t)["state"] for t in tasks} == {"processing"}
    gate.set()
    for task in tasks:
        wait(tenant, task, "completed")
    assert [len(mailbox.to(to)) for to in slow] == [1] * 5


def test_a_slow_mail_server_gets_it_again_under_the_same_id(tenant, mailbox, sweep):
    to, gate = address(), threading.Event()
    mailbox.script(to, Step(gate=gate))
    task = mail(tenant, to)
    sweep(TASKGATE_MAIL_TIMEOUT=1)
    wait(tenant, task, "completed")
    gate.set()
    assert len(mailbox.to(to)) == 2 and len({m.parsed["Message-ID"] for m in mailbox.to(to)}) == 1 and attempts(tenant, task) == 2


def test_retry_after_outlives_the_sweeper_that_was_told(tenant, twilio, sweep):
    to = phone()
    twilio.script(Reply(429, headers={"Retry-After": "3600"}), to=to)
    entity = sms(tenant, to)
    one = sweep()
    left = until(lambda: tenant.stack.value("select extract(epoch from run_at - now()) from work where tenant_id = %s and not ready and lease_until is null", tenant.id), "its being put off")
    assert 3500 < left <= 3600
    one.signal(signal.SIGKILL)
    one.wait()
    sweep("--once").wait()
    assert len(twilio.creations(to)) == 1 and shown(tenant, entity)["state"] == "queued"
    assert "429" in tenant.api.get(f"/task/{entity}/why").ok().data["last_error"]


@pytest.mark.parametrize("reply", [Reply(500), Reply(503, b"<html>busy</html>", {"Content-Type": "text/html"}), Reply(garbage=b"\x00\xff nonsense\r\n\r\n"), Reply(garbage=b""), Reply(200, b"{"),
                                   Reply(201, {"sid": ["SM1"], "status": 7}), Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), Reply(drop="before")],
                         ids=["500", "503", "garbage", "nothing", "half", "types", "redirect", "dropped"])
def test_nonsense_from_twilio_is_tried_again(tenant, twilio, sweep, reply):
    to = phone()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=to)
    twilio.script(Reply(reply.status or 500, reply.body, reply.headers, reply.drop, reply.garbage), to=to)
    entity = sms(tenant, to)
    sweep()
    done = wait(tenant, entity, "completed")
    assert done["delivery_status"] == "delivered" and len(twilio.messages_to(to)) == 1 and attempts(tenant, entity) == 2


class Babbler:
    """Says this to whoever connects, and ends the connection."""

    def __init__(self, said):
        self.said, self.sessions = said, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            with connection:
                connection.sendall(self.said)


@pytest.mark.parametrize("said", [b"", b"\x00\xff\xfe nonsense\r\n", b"421 4.3.2 shutting down\r\n", b"554 5.3.2 no service\r\n", b"220 " + b"x" * 100000 + b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"],
                         ids=["nothing", "garbage", "421", "554", "long", "http"])
def test_nonsense_from_a_mail_server_loses_no_mail(tenant, mailbox, sweep, said):
    """It is in line again, or has failed with the server's own words; by another server, or by hand, it goes out once."""
    babbler, to = Babbler(said), address()
    task = mail(tenant, to)
    one = sweep(SMTP_URL=f"smtp://127.0.0.1:{babbler.port}")
    until(lambda: babbler.sessions >= 2 or shown(tenant, task)["state"] == "failed", "another try")
    one.signal(signal.SIGTERM)
    one.wait()
    babbler.listener.close()
    got = shown(tenant, task)
    assert got["state"] in ("queued", "failed") and got["delivery_status"] == got["state"] and mailbox.to(to) == []
    if got["state"] == "failed":
        assert said.startswith(b"5") and got["error"]["message"] == said.strip().decode(), got
        tenant.api.post(f"/task/{task}/retry").ok()
    tenant.stack.run("delete from host_state; update work set run_at = now()")
    sweep()
    wait(tenant, task, "completed")
    assert len(mailbox.to(to)) == 1


# -- a worker in the middle of an upload --

@pytest.fixture
def upload(behind):
    """A tenant of the stack whose taskgate-fcgi is the test's own; counts of what he has stored of mails."""
    tenant = behind.tenant()
    tenant.counts = lambda: tuple(behind.value(f"select count(*) from {t} where tenant_id = %s", tenant.id) for t in ("task", "task_body", "message", "message_file", "work"))
    return tenant


MASTER = {"TASKGATE_WORKERS": 1, "SMTP_URL": "smtp://127.0.0.1:1", "SMTP_FROM": "taskgate@example.com"}


def big(to):
    return body(to, attachments=[{"filename": "a.bin", "content": base64.b64encode(FILE).decode(), "content_type": "application/octet-stream"}])


def whole(tenant):
    """The one attachment is there, byte for byte."""
    return tenant.stack.value("select encode(sha256(content), 'hex') from message_file where tenant_id = %s", tenant.id) == hashlib.sha256(FILE).hexdigest()


@pytest.mark.parametrize("table", ["task", "task_body", "message_file", "message", "work"])
def test_a_worker_killed_in_an_upload_leaves_nothing(behind, upload, start, aside, table):
    """Whatever it has written by then: the backend notices that nobody listens, and the repeat under its key makes one mail."""
    master, key, mine = start(Master, behind, **MASTER), {"Idempotency-Key": fresh("k")}, big(address())
    with held(behind, table):
        answer = aside(behind.client(upload.token).put, "/email", mine, headers=key)
        waiting_in_database(behind)
        worker, = master.workers()
        worker.kill()
        assert answer.result(30).status in (502, 503)
        until(lambda: behind.value("select count(*) from pg_stat_activity where usename = 'taskgate_api' and wait_event_type = 'Lock'") == 0, "the end of its transaction")
    assert upload.counts() == (0,) * 5 and behind.value("select count(*) from idempotency where tenant_id = %s", upload.id) == 0
    until(master.workers, "another worker")
    again = upload.api.put("/email", mine, headers=key).ok(201)
    assert upload.counts() == (1,) * 5 and whole(upload) and again.headers.get("Idempotency-Replayed") is None


@pytest.mark.parametrize("statement, action, there", [("commit", "after", True), ("commit", "before", False)])
def test_a_worker_killed_at_the_commit_of_an_upload(behind, upload, start, aside, statement, action, there):
    proxy, key, mine = Proxy(behind), {"Idempotency-Key": fresh("k")}, big(address())
    try:
        master = start(Master, behind, TASKGATE_DATABASE=proxy.database(), **MASTER)
        worker, = master.workers()
        proxy.at(statement, action)
        answer = aside(behind.client(upload.token).put, "/email", mine, headers=key)
        assert proxy.struck.wait(30 * PATIENCE)
        worker.kill()
        assert answer.result(30).status in (502, 503)
        assert upload.counts() == ((1,) * 5 if there else (0,) * 5)
        until(master.workers, "another worker")
        again = until(lambda: (a := upload.api.put("/email", mine, headers=key)).status not in (409, 502, 503) and a, "the first transaction to end").ok(201)
        assert again.headers.get("Idempotency-Replayed") == ("true" if there else None)
        assert upload.counts() == (1,) * 5 and whole(upload)
    finally:
        proxy.close()


def test_half_an_upload_is_nothing(behind, upload, start):
    start(Master, behind, **MASTER)
    with socket.create_connection(("127.0.0.1", behind.port)) as s:
        s.sendall((f"PUT /email HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {upload.token}\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n").encode()
                  + b'{"to": ["a@example.com"], "subject": "' + b"x" * 3000000)
    upload.api.get(f"/email/{fresh('none')}").refused(404, "not_found")
    assert upload.counts() == (0,) * 5
