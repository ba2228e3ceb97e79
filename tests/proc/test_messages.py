# SPDX-License-Identifier: MIT
"""taskgate-sweep is killed while mail and SMS are going out: none is lost, none counts as sent that nobody took, and what was taken twice can be told to be the
same. TASKGATE_STORM makes the storms so many times as long."""
import collections
import os
import random
import signal
import threading

import pytest

from gate import Gate
from parts import Program
from pgproxy import Proxy
from stack import fresh
from standin_http import Reply
from waiting import PATIENCE, until

pytest.importorskip("aiosmtpd", reason="the stand-in for a mail server needs Debian's python3-aiosmtpd")
from standin_smtp import Step

STORM = int(os.environ.get("TASKGATE_STORM", "1"))
DATA = {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}
PHONES = iter(range(5580001, 5589999))


@pytest.fixture(scope="module")
def field(make_stack, twilio, mailbox):
    return make_stack("messages", workers=2, sweep=False, TASKGATE_RETRY_FIRST=20, TASKGATE_MAIL_TIMEOUT=20, TASKGATE_TWILIO_TIMEOUT=20, TASKGATE_TWILIO_ASK=1,
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


@pytest.fixture
def between():
    made = []

    def make(port, point):
        made.append(Gate(port, point))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def proxy(field):
    made = Proxy(field)
    yield made
    made.close()


def kill(tenant, *programs):
    """They are gone, and so much time has passed that their leases are over."""
    for one in programs:
        one.signal(signal.SIGKILL)
        one.wait()
    tenant.stack.run("update work set lease_until = now() - interval '1 second' where tenant_id = %s and lease_until is not null", tenant.id)


def address():
    return f"{fresh('m')}@example.com"


def phone():
    return f"+1202{next(PHONES)}"


def mail(tenant, to, **fields):
    return tenant.api.put("/email", dict({"to": [to], "subject": "x", "template": "voicemail", "template_data": DATA}, **fields)).ok(201).data["task_id"]


def sms(tenant, to):
    entity = fresh("s")
    tenant.api.put(f"/sms/{entity}", {"to": to, "message": "Hello"}).ok(201)
    return entity


def shown(tenant, task):
    """GET of a mail by its id, of an SMS by its entity."""
    return tenant.api.get(f"/email/{task}" if task.startswith("email_") else f"/sms/{task}").ok().data


def wait(tenant, task, *states, seconds=30):
    return until(lambda: (d := shown(tenant, task))["state"] in states and d, lambda: f"{states}: {shown(tenant, task)}", seconds)


def ends(tenant):
    """How often each task has ended, by kind."""
    return collections.Counter(r["kind"] for r in tenant.stack.rows("select t.kind from task_event e join task t on t.id = e.task_id where t.tenant_id = %s and e.to_state"
                                                                    " in ('completed', 'failed', 'cancelled', 'expired')", tenant.id))


# -- one mail, killed at each step --

@pytest.mark.parametrize("point, mails", [("greeting", 1), ("DATA", 1), ("within", 1), ("answer", 2)])
def test_killed_with_a_mail_on_its_way(tenant, mailbox, sweep, between, point, mails):
    to, gate = address(), between(mailbox.port, point)
    task = mail(tenant, to)
    one = sweep(SMTP_URL=f"smtp://127.0.0.1:{gate.port}")
    assert gate.reached.wait(15 * PATIENCE)
    assert len(mailbox.to(to)) == (1 if point == "answer" else 0)
    kill(tenant, one)
    got = shown(tenant, task)
    assert (got["state"], got["delivery_status"], got["sent_at"]) == ("processing", "queued", None)
    sweep()
    done = wait(tenant, task, "completed")
    assert done["delivery_status"] == "sent"
    took = mailbox.to(to)
    assert len(took) == mails and len({m.parsed["Message-ID"] for m in took}) == len({m.parsed["Date"] for m in took}) == 1
    assert [r["event"] for r in tenant.stack.rows("select event from task_event where tenant_id = %s order by seq", tenant.id)] == ["create", "claim", "retry", "claim", "complete"]


@pytest.mark.parametrize("action, mails", [("silent", 2), ("before", 2), ("after", 1)])
def test_killed_while_it_settles_a_mail(tenant, mailbox, sweep, proxy, action, mails):
    """The mail server has said yes; the ledger has not heard of it, or the sweeper not that it has."""
    to = address()
    task = mail(tenant, to)
    proxy.at("sweep_message_settle", action)
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(15 * PATIENCE) and len(mailbox.to(to)) == 1
    one.signal(signal.SIGSTOP)          # so that it tells nothing over another connection
    kill(tenant, one)
    sweep()
    wait(tenant, task, "completed")
    took = mailbox.to(to)
    assert len(took) <= mails and len({m.parsed["Message-ID"] for m in took}) == 1
    assert action != "silent" or len(took) == 2
    assert ends(tenant) == {"email": 1}


def test_killed_at_every_attempt(tenant, mailbox, sweep, between):
    """Four claims and nothing sent: it has failed, and says so in both of its words."""
    to = address()
    task = mail(tenant, to)
    for _ in range(4):
        gate = between(mailbox.port, "DATA")
        tenant.stack.run("update work set run_at = now() where tenant_id = %s", tenant.id)
        one = sweep(SMTP_URL=f"smtp://127.0.0.1:{gate.port}")
        assert gate.reached.wait(15 * PATIENCE)
        kill(tenant, one)
    sweep()
    done = wait(tenant, task, "failed")
    assert (done["error"]["message"], done["delivery_status"]) == ("the lease ran out", "failed") and mailbox.to(to) == []
    tenant.api.post(f"/task/{task}/retry").ok()
    wait(tenant, task, "completed")
    assert len(mailbox.to(to)) == 1


# -- one SMS --

def test_killed_before_twilio_has_it(tenant, twilio, sweep, between):
    to, gate = phone(), between(twilio.port, "request")
    entity = sms(tenant, to)
    one = sweep(TWILIO_API_BASE=f"http://127.0.0.1:{gate.port}")
    assert gate.reached.wait(15 * PATIENCE)
    kill(tenant, one)
    sweep()
    wait(tenant, entity, "completed")
    assert len(twilio.creations(to)) == len(twilio.messages_to(to)) == 1


def test_killed_when_twilio_has_it_and_reports(tenant, twilio, sweep):
    """The report makes up for the answer: exactly one."""
    to, gate = phone(), threading.Event()
    twilio.script(Reply(gate=gate), to=to)
    entity = sms(tenant, to)
    one = sweep()
    until(lambda: twilio.messages_to(to), "Twilio's having it")
    one.signal(signal.SIGKILL)
    one.wait()
    wait(tenant, entity, "completed")
    kill(tenant)
    gate.set()
    sweep()
    wait(tenant, sms(tenant, phone()), "completed")
    assert len(twilio.creations(to)) == len(twilio.messages_to(to)) == 1 and ends(tenant) == {"sms": 2}


def test_killed_when_twilio_has_reported_half_of_it(tenant, twilio, sweep):
    """"sent" was reported and no more: it is asked for by the Sid of the report, and not sent again."""
    to, gate = phone(), threading.Event()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=to, missing=["delivered"])
    twilio.script(Reply(gate=gate), to=to)
    entity = sms(tenant, to)
    one = sweep()
    until(lambda: shown(tenant, entity)["delivery_status"] == "sent", "the report")
    kill(tenant, one)
    gate.set()
    assert shown(tenant, entity)["state"] == "processing"
    sweep()
    assert wait(tenant, entity, "completed")["delivery_status"] == "delivered"
    assert len(twilio.creations(to)) == 1 and tenant.task(entity, "sms")["attempts"] == 1


def test_killed_when_twilio_has_it_and_says_nothing(tenant, twilio, sweep):
    """Neither answer nor report: nobody can know, and at least once means twice here."""
    to, gate = phone(), threading.Event()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=to, missing=True)
    twilio.script(Reply(gate=gate), to=to)
    entity = sms(tenant, to)
    one = sweep()
    until(lambda: twilio.messages_to(to), "Twilio's having it")
    kill(tenant, one)
    gate.set()
    sweep()
    wait(tenant, entity, "completed")
    assert len(twilio.creations(to)) == 2 and ends(tenant) == {"sms": 1}


@pytest.mark.parametrize("action", ["silent", "after"])
def test_killed_while_it_settles_an_sms(tenant, twilio, sweep, proxy, action):
    to = phone()
    twilio.plan(["queued", "sending", "sent", "delivered"], to=to, missing=action == "after")
    entity = sms(tenant, to)
    proxy.at("sweep_message_settle", action)
    one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(15 * PATIENCE)
    one.signal(signal.SIGKILL)
    one.wait()
    if action == "silent":
        wait(tenant, entity, "completed")      # by the report alone
    kill(tenant)
    sweep()
    wait(tenant, entity, "completed")
    assert len(twilio.creations(to)) == 1 and ends(tenant) == {"sms": 1}


# -- storms --

def storm(tenant, sweep, taken, total, kills, seed):
    """The sweeper is killed whenever so many have been taken. Not among the last third, where one and the same would be hit again and again: it has four attempts."""
    chance = random.Random(seed)
    for mark in sorted(chance.sample(range(1, total * 2 // 3), kills)):
        one = sweep(TASKGATE_TRANSFERS=4)
        until(lambda: taken() >= mark, lambda: f"{mark} to be taken; it was {taken()}", pause=0.002)
        kill(tenant, one)
    sweep()
    until(lambda: tenant.stack.value("select count(*) from task where tenant_id = %s and finished_at is null", tenant.id) == 0, "all to end", 60 * STORM, 0.05)
    states = collections.Counter(r["state"] for r in tenant.stack.rows("select state from task where tenant_id = %s", tenant.id))
    assert states == {"completed": total}
    assert tenant.stack.value("select count(*) from work where tenant_id = %s", tenant.id) == 0
    tenant.stack.ctl("audit", "verify", "--tenant", tenant.name)


@pytest.mark.parametrize("seed", range(1, 1 + STORM))
def test_mails_in_a_storm_of_kills(tenant, mailbox, sweep, seed):
    total, chance = 60 * STORM, random.Random(seed)
    all_to = [address() for _ in range(total)]
    for to in all_to:
        mailbox.script(to, *[Step(delay=chance.random() * 0.03) for _ in range(8)])
        mail(tenant, to)
    storm(tenant, sweep, lambda: sum(1 for to in all_to if mailbox.to(to)), total, 8 * STORM, seed)
    took = [mailbox.to(to) for to in all_to]
    assert min(len(mails) for mails in took) >= 1
    assert all(len({m.parsed["Message-ID"] for m in mails}) == 1 for mails in took)
    assert len({mails[0].parsed["Message-ID"] for mails in took}) == total
    assert tenant.stack.value("select max(attempts) from task where tenant_id = %s", tenant.id) > 1, "no kill hit anything"


@pytest.mark.parametrize("reports", [True, False])
def test_sms_in_a_storm_of_kills(tenant, twilio, sweep, reports):
    total, chance = 40 * STORM, random.Random(9)
    numbers = [phone() for _ in range(total)]
    for to in numbers:
        twilio.plan(["queued", "sending", "sent", "delivered"], to=to, missing=not reports)
        twilio.script(*[Reply(delay=chance.random() * 0.03) for _ in range(8)], to=to)
        sms(tenant, to)
    storm(tenant, sweep, lambda: sum(1 for to in numbers if twilio.messages_to(to)), total, 6 * STORM, 9)
    counts = [len(twilio.messages_to(to)) for to in numbers]
    assert min(counts) >= 1 and ends(tenant) == {"sms": total}
