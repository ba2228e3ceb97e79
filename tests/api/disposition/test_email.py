# SPDX-License-Identifier: MIT
"""PUT /email and GET /email/{id} (spec/facts.md 1.2), as a mail server that is not ours takes it and Python's email package reads it."""
import base64
import concurrent.futures
import functools
import json
import re
import threading

import pytest

from client import UTC
from receiver import Reply as Hook
from stack import fresh
from standin_smtp import Step
from waiting import until


def make_template(tenant, text="Dear {{name}},\nyour order {{order.id}} is ready.", html=None, subject="unused"):
    name = fresh("tpl")
    tenant.stack.run("insert into email_template (tenant_id, name, subject, text, html) values (%s, %s, %s, %s, %s)", tenant.id, name, subject, text, html)
    return name


@pytest.fixture(scope="module")
def template(tenant):
    """template(text=, html=, subject=) puts one into the directory and gives its name."""
    return functools.partial(make_template, tenant)


@pytest.fixture(scope="module")
def plain(template):
    return template()


@pytest.fixture(scope="module")
def idle_plain(idle):
    return make_template(idle)


DATA = {"name": "Jörg", "order": {"id": 7}}


def body(plain, **fields):
    full = {"to": ["someone@example.com"], "subject": "Hello {{name}}", "template": plain, "template_data": DATA}
    full.update(fields)
    return {k: v for k, v in full.items() if v is not ...}


def send(tenant, plain, **fields):
    return tenant.api.put("/email", body(plain, **fields)).ok(201).data


def shown(tenant, task):
    return tenant.api.get(f"/email/{task}?include=events,content").ok().data


def wait(tenant, task, *states, seconds=20):
    last = {}

    def there():
        last.update(shown(tenant, task))
        return last["state"] in states and last
    return until(there, lambda: f"{states} of {task}; the last one was {last}", seconds)


def text_of(mail, kind="plain"):
    """The body with this machine's line ends; on the wire they are CR LF."""
    return mail.parsed.get_body((kind,)).get_content().replace("\r\n", "\n")


def address(name="u"):
    return f"{fresh(name)}@example.com"


@pytest.mark.parametrize("prefix", ["", "/dgapi/v1"])
def test_created(tenant, plain, prefix):
    to, cc = address(), address()
    answer = tenant.api.put(f"{prefix}/email", body(plain, to=[to], cc=[cc], bcc=[address()], metadata={"a": 1})).ok(201)
    assert list(answer.json) == ["success", "status", "data", "timestamp"]
    data = answer.data
    assert list(data) == ["task_id", "type", "state", "to", "cc", "from", "subject", "template", "attachments_count", "created_at", "metadata"]
    assert data["task_id"].startswith("email_task_") and answer.headers["Location"] == f"{prefix}/email/{data['task_id']}" and UTC.fullmatch(data["created_at"])
    assert {k: data[k] for k in list(data)[1:9]} == {"type": "email", "state": "queued", "to": [to], "cc": [cc], "from": "taskgate@example.com", "subject": "Hello Jörg",
                                                     "template": plain, "attachments_count": 0}
    assert data["metadata"] == {"a": 1}
    seen = tenant.api.get(f"{prefix}/email/{data['task_id']}").ok().data
    assert (seen["to"], seen["cc"], seen["from"], seen["subject"], seen["template"], seen["metadata"]) == ([to], [cc], "taskgate@example.com", "Hello Jörg", plain, {"a": 1})


def test_priority(tenant, plain):
    for given, stored in ((None, 5), (1, 1), (10, 10)):
        task = send(tenant, plain, to=[address()], **({} if given is None else {"priority": given}))["task_id"]
        assert tenant.stack.value("select priority from task where tenant_id = %s and public_id = %s", tenant.id, task) == stored


def test_its_whole_life(tenant, template, mailbox):
    to, cc, bcc = address(), address(), address()
    name = template(html="<p>Dear {{name}}, <b>{{order.id}}</b></p>")
    every_byte = bytes(range(256)) * 40
    task = send(tenant, name, to=[to], cc=[cc], bcc=[bcc], **{"from": "sales@example.com"}, from_name="Größe & Söhne", reply_to="answers@example.com",
                headers={"X-Campaign": "winter", "List-Unsubscribe": "<mailto:stop@example.com>", "X-Words": "früher " * 30},
                attachments=[{"filename": "übersicht №1.pdf", "content": base64.b64encode(every_byte).decode(), "content_type": "application/pdf"},
                             {"filename": "a.txt", "content": base64.b64encode("grüße\n".encode()).decode(), "content_type": "text/plain; charset=utf-8"}])["task_id"]
    done = wait(tenant, task, "completed")
    assert list(done) == ["task_id", "type", "state", "to", "cc", "from", "subject", "template", "attachments_count", "delivery_status", "sent_at", "delivered_at", "opens", "clicks",
                          "created_at", "updated_at", "metadata", "events", "content"]
    assert (done["delivery_status"], done["attachments_count"], done["delivered_at"], done["opens"], done["clicks"]) == ("sent", 2, None, 0, 0) and UTC.fullmatch(done["sent_at"])
    assert [(e["event"], e["recipient"]) for e in done["events"]] == [("queued", None), ("sent", None)]
    assert done["content"] == {"text": "Dear Jörg,\nyour order 7 is ready.", "html": "<p>Dear Jörg, <b>7</b></p>"}
    assert bcc not in json.dumps(done)
    mail, = mailbox.to(to)
    assert mail.sender == "sales@example.com" and sorted(mail.recipients) == sorted([to, cc, bcc])
    m = mail.parsed
    assert m["Subject"] == "Hello Jörg" and m["From"] == "Größe & Söhne <sales@example.com>" and m["To"] == to and m["Cc"] == cc and m["Reply-To"] == "answers@example.com"
    assert m["X-Campaign"] == "winter" and m["List-Unsubscribe"] == "<mailto:stop@example.com>" and m["X-Words"] == "früher " * 30
    assert m["Bcc"] is None and bcc.encode() not in mail.raw and m["MIME-Version"] == "1.0" and m["Date"].datetime is not None
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", m["Message-ID"])
    assert text_of(mail) == "Dear Jörg,\nyour order 7 is ready." and text_of(mail, "html") == "<p>Dear Jörg, <b>7</b></p>"
    first, second = m.iter_attachments()
    assert (first.get_filename(), first.get_content_type(), first.get_content()) == ("übersicht №1.pdf", "application/pdf", every_byte)
    assert (second.get_filename(), second.get_content()) == ("a.txt", "grüße\n")
    assert all(len(line) <= 998 for line in mail.raw.split(b"\r\n"))
    task_row = tenant.api.get(f"/task/{task}?include_details=true&include_history=true").ok().data
    assert [(h["status"], h["message"]) for h in task_row["history"]] == [
        ("pending", "Task created"), ("processing", "Email queued for delivery"), ("completed", "Email sent successfully")]
    assert task_row["type"] == "email" and task_row["details"]["attachments_count"] == 2 and task_row["result"]["sent"] is True and task_row["result"]["recipients"] == 3
    assert bcc not in json.dumps(task_row) + tenant.api.get("/task?type=email&limit=100").body.decode()


TEXTS = ["", "one line", ".\n..\n.leading dot\n", "a\r\nb\rc\nd", "x" * 5000, "trailing blanks   \n\ttab \n", "From here\n>From there", "= equals =3D and =\n", "ends with newline\n", "😀" * 300]


@pytest.mark.parametrize("text", TEXTS, ids=lambda t: repr(t)[:16])
def test_any_text_arrives(tenant, template, mailbox, text):
    to = address()
    send(tenant, template(text="{{text}}"), to=[to], template_data={"text": text, "name": "n"})
    mail, = mailbox.wait(to)
    assert text_of(mail) == text.replace("\r\n", "\n").replace("\r", "\n")


SUBJECTS = ["x", "x" * 998, "word " * 190, "ä", "Größe " * 60, "=?UTF-8?B?aGk=?=", " leads and trails ", "two  blanks", "日本語" * 60, '"quoted" <angle>', "😀" * 100]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda t: repr(t)[:16])
def test_any_subject_arrives(tenant, plain, mailbox, subject):
    to = address()
    send(tenant, plain, to=[to], subject=subject)
    mail, = mailbox.wait(to)
    assert str(mail.parsed["Subject"]) == subject
    header = mail.raw.split(b"\r\n\r\n")[0].split(b"\r\n")
    # libcurl's own line with the boundary has 79.
    assert [line for line in header if len(line) > 78 and b" " in line.strip() and not line.startswith(b"Content-Type: multipart/mixed;")] == []


@pytest.mark.parametrize("name", ["a.txt", "a b.txt", 'quo"te\'s.txt', "semi;colon.txt", "prozent%41.txt", "ü.txt", "日本語.pdf", "x" * 250 + ".txt", "ü" * 250 + ".txt"], ids=lambda n: n[:12])
def test_any_file_name_arrives(tenant, plain, mailbox, name):
    to = address()
    send(tenant, plain, to=[to], attachments=[{"filename": name, "content": "aGk=", "content_type": "application/octet-stream"}])
    mail, = mailbox.wait(to)
    part, = mail.parsed.iter_attachments()
    assert (part.get_filename(), part.get_content()) == (name, b"hi")


def test_html_is_escaped_and_text_is_not(tenant, template, mailbox):
    to = address()
    send(tenant, template(text="{{ x }}", html="<i>{{x}}</i>"), to=[to], subject="{{x}}", template_data={"x": "<a href='x'>&\"</a>"})
    mail, = mailbox.wait(to)
    assert text_of(mail) == "<a href='x'>&\"</a>"
    assert text_of(mail, "html") == "<i>&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;</i>"


REFUSED = [("to", ..., 400, "missing_recipients"), ("to", None, 400, "missing_recipients"), ("to", [], 400, "missing_recipients"), ("to", ["x"], 400, "invalid_email"),
           ("to", ["a@b", "A <a@b>"], 400, "invalid_email"), ("to", ["a@b\r\nBcc: x@y"], 400, "invalid_email"), ("to", ["a b@c"], 400, "invalid_email"), ("to", ["a@-b"], 400, "invalid_email"),
           ("to", ["ä@b"], 400, "invalid_email"), ("to", ["x" * 65 + "@b"], 400, "invalid_email"), ("to", "a@b", 400, "invalid_email"), ("to", [f"a{i}@b" for i in range(101)], 400, "invalid_email"),
           ("cc", ["x"], 400, "invalid_email"), ("bcc", ["x"], 400, "invalid_email"), ("from", "x", 400, "invalid_email"), ("reply_to", "x\n", 400, "invalid_email"),
           ("subject", ..., 400, "missing_subject"), ("subject", None, 400, "missing_subject"), ("subject", "", 400, "missing_subject"), ("subject", "x" * 999, 400, "invalid_request"),
           ("subject", "a\r\nBcc: x@y", 400, "invalid_request"), ("subject", "a\u007f", 400, "invalid_request"), ("from_name", "a\nb", 400, "invalid_request"),
           ("from_name", "x" * 129, 400, "invalid_request"), ("template", ..., 400, "missing_template"), ("template", None, 400, "missing_template"), ("template", "", 400, "missing_template"),
           ("template", "unknown", 400, "template_not_found"), ("template", "no such/name", 400, "template_not_found"), ("template_data", {}, 400, "template_error"),
           ("template_data", {"name": "x"}, 400, "template_error"), ("template_data", [], 400, "invalid_request"), ("subject", "{{", 400, "template_error"), ("subject", "{{a b}}", 400, "template_error"),
           ("subject", "{{none}}", 400, "template_error"), ("headers", [], 400, "invalid_request"), ("headers", {"X": 1}, 400, "invalid_request"),
           ("headers", {"X": "a\r\nBcc: x@y"}, 400, "invalid_request"), ("headers", {"X\r\nBcc": "x@y"}, 400, "invalid_request"), ("headers", {"X Y": "z"}, 400, "invalid_request"),
           ("headers", {"": "z"}, 400, "invalid_request"), ("headers", {f"X-{i}": "z" for i in range(33)}, 400, "invalid_request"), ("metadata", "x", 400, "invalid_request"),
           ("priority", 11, 400, "invalid_request"), ("callback_url", "x", 400, "invalid_request")]
REFUSED += [("headers", {h: "x"}, 400, "invalid_request") for h in ("From", "to", "CC", "bcc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "content-transfer-encoding",
                                                                    "Sender", "Reply-To", "Received", "Return-Path", "Resent-To")]
FILE = {"filename": "a", "content": "aGk=", "content_type": "text/plain"}
REFUSED += [("attachments", v, 422, "invalid_attachment") for v in (
    [dict(FILE, content="!!")], [dict(FILE, content="aGk")], [dict(FILE, content=" aGk=")], [dict(FILE, content=1)], [{k: v for k, v in FILE.items() if k != "filename"}],
    [{k: v for k, v in FILE.items() if k != "content"}], [{k: v for k, v in FILE.items() if k != "content_type"}], [dict(FILE, filename="")], [dict(FILE, filename="a/b")],
    [dict(FILE, filename="a\r\nb")], [dict(FILE, filename="x" * 256)], [dict(FILE, content_type="text")], [dict(FILE, content_type="text/plain\r\nX: y")],
    [dict(FILE, content_type="multipart/mixed")], [dict(FILE, content_type="message/rfc822")], ["x"], [FILE] * 21)]
REFUSED += [("attachments", "x", 400, "invalid_request")]


@pytest.mark.parametrize("field, value, status, code", REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(idle, idle_plain, field, value, status, code):
    before = idle.footprint()
    idle.api.put("/email", body(idle_plain, **{field: value})).refused(status, code)
    assert idle.footprint() == before


def test_a_variable_cannot_break_the_subject(idle, idle_plain, mailbox):
    before = idle.footprint()
    idle.api.put("/email", body(idle_plain, template_data=dict(DATA, name="x\r\nBcc: y@example.com"))).refused(400, "template_error")
    assert idle.footprint() == before


def test_other_codes(tenant, stack, plain):
    tenant.api.get(f"/email/{fresh('none')}").refused(404, "not_found")
    stack.client(None).put("/email", body(plain)).refused(401, "unauthorized")
    task = send(tenant, plain)["task_id"]
    stack.tenant().api.get(f"/email/{task}").refused(404, "not_found")
    tenant.api.get(f"/email/{task}?include=all").refused(400, "invalid_request", "include")
    assert "content" not in tenant.api.get(f"/email/{task}?include=events").ok().data
    assert "events" not in tenant.api.get(f"/email/{task}?include=content").ok().data
    for method in ("GET", "POST", "DELETE"):
        tenant.api.request(method, "/email").refused(405, "method_not_allowed")


@pytest.mark.parametrize("missing", ["SMTP_URL", "SMTP_FROM"])
def test_not_configured_is_told_and_named(make_stack, mailbox, missing):
    settings = {k: v for k, v in mailbox.settings().items() if k != missing}
    tenant = make_stack(f"without {missing}", sweep=False, **settings).tenant()
    before = tenant.footprint()
    mail = {"to": ["a@example.com"], "subject": "x", "template": "voicemail", "template_data": {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}}
    tenant.api.put("/email", mail).refused(500, "internal_error", words=f"{missing} is not set")
    assert tenant.footprint() == before
    if missing == "SMTP_FROM":
        assert tenant.api.put("/email", mail | {"from": "sales@example.com"}).ok(201).data["from"] == "sales@example.com"


# -- sizes --

def test_a_large_mail(make_stack, mailbox):
    """With the timeout as it comes: the shared stack's few seconds are for servers that say nothing."""
    tenant = make_stack("large mail", workers=1, **mailbox.settings()).tenant()
    to, content = address(), bytes(range(256)) * 24576      # 6 MiB
    send(tenant, make_template(tenant), to=[to], attachments=[dict(FILE, content=base64.b64encode(content).decode())])
    mail, = mailbox.wait(to, seconds=90)
    part, = mail.parsed.iter_attachments()
    assert part.get_payload(decode=True) == content


def test_an_attachment_beyond_the_setting(idle, idle_plain):
    before = idle.footprint()
    content = base64.b64encode(b"x" * (10 * 1024 * 1024 + 1)).decode()
    idle.api.put("/email", body(idle_plain, attachments=[dict(FILE, content=content)])).refused(400, "attachment_too_large", "attachments[0].content")
    assert idle.footprint() == before


def test_a_body_beyond_25_mib(idle, idle_plain):
    before = idle.footprint()
    idle.api.put("/email", body(idle_plain, metadata={"x": "y"}, extra="x" * (25 * 1024 * 1024))).refused(413, "payload_too_large")
    idle.api.close()
    assert idle.footprint() == before


# -- the mail server's answers --

def test_a_refused_recipient_refuses_the_mail(tenant, plain, mailbox):
    good, bad = address(), address()
    mailbox.script(bad, Step(rcpt="550 5.1.1 no such user"))
    task = send(tenant, plain, to=[good, bad])["task_id"]
    done = wait(tenant, task, "failed")
    assert "550 5.1.1 no such user" in done["error"]["message"] and done["delivery_status"] == "failed" and mailbox.to(good) == []


@pytest.mark.parametrize("step", [Step(rcpt="451 4.7.1 greylisted"), Step(data="451 4.3.0 later"), Step(drop="data"), Step(drop="after")], ids=["rcpt", "data", "cut", "lost"])
def test_a_later_try_succeeds_under_the_same_id(tenant, plain, mailbox, step):
    to = address()
    mailbox.script(to, step)
    task = send(tenant, plain, to=[to])["task_id"]
    wait(tenant, task, "completed")
    mails = mailbox.to(to)
    assert len(mails) == (2 if step.drop == "after" else 1)
    assert len({m.parsed["Message-ID"] for m in mails}) == 1
    assert tenant.stack.value("select attempts from task where tenant_id = %s and public_id = %s", tenant.id, task) == 2


def test_all_attempts_spent(tenant, plain, mailbox):
    to = address()
    mailbox.script(to, *[Step(data="451 4.3.0 later")] * 4)
    done = wait(tenant, send(tenant, plain, to=[to])["task_id"], "failed")
    assert "451 4.3.0 later" in done["error"]["message"] and mailbox.to(to) == []


def test_a_silent_server_is_given_up_on_and_tried_again(tenant, plain, mailbox):
    to, gate = address(), threading.Event()
    mailbox.script(to, Step(gate=gate))
    task = send(tenant, plain, to=[to])["task_id"]
    until(lambda: tenant.stack.value("select attempts from task where tenant_id = %s and public_id = %s", tenant.id, task) == 2, "a second attempt")
    gate.set()
    wait(tenant, task, "completed")


def test_no_server_is_no_attempt(own_stack, mailbox):
    stack = own_stack(SMTP_URL="smtp://127.0.0.1:1", SMTP_FROM="a@example.com")
    tenant = stack.tenant()
    mail = {"to": ["a@example.com"], "subject": "x", "template": "voicemail", "template_data": {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}}
    task = tenant.api.put("/email", mail).ok(201).data["task_id"]
    until(lambda: stack.value("select failures from host_state where host = 'smtp'"), "a failure of the host")
    row = until(lambda: stack.row("select attempts, state from task where tenant_id = %s and state = 'pending'", tenant.id), "its being given back")
    assert row["attempts"] == 0
    stack.sh("set", f"SMTP_URL={mailbox.url}")
    stack.restart("sweep")
    stack.run("delete from host_state; update work set run_at = now() where lane = 'mail'")
    wait(tenant, task, "completed")


def test_one_connection_for_many(own_stack):
    from standin_smtp import Mailbox
    mine = Mailbox()
    try:
        stack = own_stack(**mine.settings())
        tenant = stack.tenant()
        mail = {"subject": "x", "template": "voicemail", "template_data": {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}}
        for i in range(8):
            tenant.api.put("/email", dict(mail, to=[f"n{i}@example.com"])).ok(201)
            mine.wait(f"n{i}@example.com")
        assert mine.sessions <= 2, mine.sessions
    finally:
        mine.close()


def test_the_callers_webhook(tenant, plain, receiver):
    path, hidden = f"/{fresh('hook')}", address()
    task = send(tenant, plain, bcc=[hidden], callback_url=receiver.script(path, Hook()))["task_id"]
    seen, = receiver.wait(path)
    told = json.loads(seen.body)
    assert hidden not in seen.body.decode()
    assert (told["event"], told["task_id"], told["type"], told["result"]["sent"]) == ("task.completed", task, "email", True)


# -- once, and for its own tenant alone --

def test_idempotency(tenant, plain, mailbox):
    """A repeat under its key is answered as the first time and sends nothing; another body under the same key is refused."""
    to, key = address(), {"Idempotency-Key": fresh("k")}
    mine = body(plain, to=[to], attachments=[FILE])
    first = tenant.api.put("/email", mine, headers=key).ok(201)
    before = tenant.still()
    again = tenant.api.put("/email", mine, headers=key).ok(201)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true" and again.headers.get("Location") == first.headers.get("Location")
    tenant.api.put("/email", dict(mine, subject="another"), headers=key).refused(422, "idempotency_key_reused")
    assert {k: v for k, v in tenant.footprint().items() if k in ("task", "message", "message_file", "idempotency")} == {
        k: v for k, v in before.items() if k in ("task", "message", "message_file", "idempotency")}
    wait(tenant, first.data["task_id"], "completed")
    assert len(mailbox.to(to)) == 1


def test_a_refusal_is_not_kept_under_its_key(tenant, template):
    name, key = fresh("later"), {"Idempotency-Key": fresh("k")}
    tenant.api.put("/email", body(name), headers=key).refused(400, "template_not_found")
    tenant.stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, %s, 's', 'x')", tenant.id, name)
    assert tenant.api.put("/email", body(name), headers=key).ok(201).headers.get("Idempotency-Replayed") is None


def test_many_at_once_under_one_key_send_one(stack, tenant, plain, mailbox):
    to, key = address(), {"Idempotency-Key": fresh("k")}
    mine = body(plain, to=[to])
    clients = [stack.client(tenant.token) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda c: c.put("/email", mine, headers=key), clients))
    assert {a.status for a in got} <= {201, 409} and len({a.data["task_id"] for a in got if a.status == 201}) == 1
    task = tenant.api.put("/email", mine, headers=key).ok(201).data["task_id"]
    wait(tenant, task, "completed")
    assert len(mailbox.to(to)) == 1


def test_a_template_of_another_tenant_is_none(stack, tenant, template, plain, mailbox):
    """Neither by its name alone, nor where both have one of that name."""
    other = stack.tenant()
    other.stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, 'theirs', 's', 'their words'), (%s, %s, 's', 'their words')", other.id, other.id, plain)
    tenant.api.put("/email", body("theirs")).refused(400, "template_not_found")
    to = address()
    send(tenant, plain, to=[to])
    mail, = mailbox.wait(to)
    assert b"their words" not in mail.raw and "Dear" in text_of(mail)
