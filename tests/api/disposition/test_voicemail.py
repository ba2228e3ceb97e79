# SPDX-License-Identifier: MIT
"""PUT and GET /voicemail/{entity}: every row of the document's tables, and what its recipient really gets."""
import contextlib
import json
import os
import pathlib
import socket
import threading
import time

import pytest

from client import UTC
from document import table
from receiver import Reply
from stack import fresh
from waiting import SANITIZED, until

PHONES = iter(range(5550001, 5559999))


def phone():
    """A number that no other test of this file has."""
    return f"+1202{next(PHONES)}"


def body(**fields):
    full = {"voicemail_id": fresh("vm"), "caller_id": "+15551234567", "recipient_id": "nobody"}
    full.update(fields)
    return {k: v for k, v in full.items() if v is not ...}


def create(tenant, entity=None, **fields):
    entity = entity or fresh("v")
    return entity, tenant.api.put(f"/voicemail/{entity}", body(**fields)).ok(201).data


def recipient(tenant, email=None, sms=None, transcript=True):
    name = fresh("r")
    tenant.stack.run("insert into recipient (tenant_id, id, email, phone, transcript) values (%s, %s, %s, %s, %s)", tenant.id, name, email, sms, transcript)
    return name


def ended(tenant, entity, *wanted, seconds=20):
    last = {}

    def there():
        last.update(tenant.api.get(f"/voicemail/{entity}?include_metadata=true&include_history=true").ok().data)
        return last["status"] in wanted and last
    return until(there, lambda: f"{wanted} of {entity}; the last one was {last}", seconds)


def test_these_tables_are_the_documents(shared):
    text = (shared / "spec" / "disposition.md").read_text()
    assert [(r[0].strip("`"), r[1], r[2]) for r in table(text, "Create Voicemail Task", "Request Body Parameters")] == [
        ("voicemail_id", "string", "Yes"), ("caller_id", "string", "Yes"), ("recipient_id", "string", "Yes"), ("duration", "integer", "No"), ("timestamp", "string", "No"),
        ("audio_url", "string", "No"), ("transcription", "string", "No"), ("priority", "string", "No"), ("callback_url", "string", "No"), ("metadata", "object", "No")]
    assert [(r[0], r[1].strip("`")) for r in table(text, "Create Voicemail Task", "Error Codes")] == [
        ("400", "INVALID_REQUEST"), ("401", "UNAUTHORIZED"), ("404", "ENTITY_NOT_FOUND"), ("409", "DUPLICATE_TASK"), ("422", "INVALID_AUDIO_URL"), ("500", "INTERNAL_ERROR")]
    assert [(r[0], r[1].strip("`")) for r in table(text, "Get Voicemail Task Status", "Error Codes")] == [
        ("401", "UNAUTHORIZED"), ("404", "TASK_NOT_FOUND"), ("500", "INTERNAL_ERROR")]
    assert [(r[0].strip("`"), r[1], r[3]) for r in table(text, "Get Voicemail Task Status", "Query Parameters")] == [
        ("include_metadata", "boolean", "Include full metadata in response (default: `false`)"), ("include_history", "boolean", "Include status change history (default: `false`)")]


def test_created(tenant):
    entity, data = create(tenant)
    assert list(data) == ["task_id", "entity", "type", "status", "created_at", "estimated_completion"]
    assert (data["entity"], data["type"], data["status"]) == (entity, "voicemail", "pending") and data["task_id"].startswith("task-vm-")
    assert UTC.fullmatch(data["created_at"]) and UTC.fullmatch(data["estimated_completion"])
    row = tenant.stack.row("select extract(epoch from %s::timestamptz - %s::timestamptz)::int as s", data["estimated_completion"], data["created_at"])
    assert row["s"] == 10


TAKEN = [("voicemail_id", "x" * 128), ("caller_id", "anonymous"), ("caller_id", "x" * 64), ("recipient_id", "x" * 128), ("duration", 0), ("duration", 2147483647), ("duration", None),
         ("timestamp", "2024-01-15T10:30:00Z"), ("timestamp", "2024-01-15T10:30:00"), ("timestamp", "2024-01-15T10:30:00+05:30"), ("audio_url", "http://a/b"),
         ("audio_url", "https://storage.example.com/" + "p" * 2000), ("transcription", ""), ("transcription", "é" * 65536), ("priority", "low"), ("priority", "normal"),
         ("priority", "high"), ("priority", None), ("metadata", {}), ("metadata", {"a": [1, {"b": None}]}), ("metadata", None), ("unknown", 1)]


@pytest.mark.parametrize("field, value", TAKEN, ids=lambda v: repr(v)[:24])
def test_taken(tenant, field, value):
    if field == "voicemail_id":
        value = (fresh("long") + value)[:128]
    entity, _ = create(tenant, **{field: value})
    shown = tenant.api.get(f"/voicemail/{entity}?include_metadata=true").ok().data
    if field in shown:
        assert shown[field] == value
    assert tenant.task(entity, "voicemail")["priority"] == {"low": 3, "high": 7}.get(value if field == "priority" else None, 5)


REFUSED = [(f, ..., 400, "INVALID_REQUEST") for f in ("voicemail_id", "caller_id", "recipient_id")]
REFUSED += [(f, v, 400, "INVALID_REQUEST") for f in ("voicemail_id", "caller_id", "recipient_id") for v in (None, "", 1, [], {}, "x" * 129)]
REFUSED += [("caller_id", "a\nb", 400, "INVALID_REQUEST"), ("duration", -1, 400, "INVALID_REQUEST"), ("duration", 1.5, 400, "INVALID_REQUEST"), ("duration", "45", 400, "INVALID_REQUEST"),
            ("duration", 2147483648, 400, "INVALID_REQUEST"), ("timestamp", "yesterday", 400, "INVALID_REQUEST"), ("timestamp", 1, 400, "INVALID_REQUEST"),
            ("audio_url", "ftp://a/b", 422, "INVALID_AUDIO_URL"), ("audio_url", "", 422, "INVALID_AUDIO_URL"), ("audio_url", "http://", 422, "INVALID_AUDIO_URL"),
            ("audio_url", "http://a b/", 422, "INVALID_AUDIO_URL"), ("audio_url", "http://a/" + "p" * 2048, 422, "INVALID_AUDIO_URL"), ("audio_url", 1, 400, "INVALID_REQUEST"),
            ("transcription", "x" * 65537, 400, "INVALID_REQUEST"), ("priority", "urgent", 400, "INVALID_REQUEST"), ("priority", 5, 400, "INVALID_REQUEST"),
            ("callback_url", "mailto:a@b", 400, "INVALID_REQUEST"), ("metadata", [], 400, "INVALID_REQUEST"), ("metadata", "x", 400, "INVALID_REQUEST"),
            ("metadata", {"a": "x" * 65536}, 413, "PAYLOAD_TOO_LARGE")]


@pytest.mark.parametrize("field, value, status, code", REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(idle, field, value, status, code):
    before = idle.footprint()
    idle.api.put(f"/voicemail/{fresh('v')}", body(**{field: value})).refused(status, code, field)
    assert idle.footprint() == before


@pytest.mark.parametrize("bad", ["a b", "a/b", "a%00", "ä", "x" * 129, ".."])
def test_bad_entity(tenant, bad):
    import urllib.parse
    got = tenant.api.put("/voicemail/" + urllib.parse.quote(bad, safe=""), body())
    got.refused(400, "INVALID_REQUEST")


def test_duplicates(tenant):
    """By entity and by voicemail_id, whatever became of the first one."""
    entity, _ = create(tenant, voicemail_id=(voicemail := fresh("vm")))
    before = tenant.still()
    tenant.api.put(f"/voicemail/{entity}", body()).refused(409, "DUPLICATE_TASK")
    tenant.api.put(f"/voicemail/{fresh('v')}", body(voicemail_id=voicemail)).refused(409, "DUPLICATE_TASK")
    ended(tenant, entity, "failed")
    tenant.api.put(f"/voicemail/{entity}", body()).refused(409, "DUPLICATE_TASK")
    assert tenant.footprint()["task"] == before["task"]
    tenant.create(entity)       # a generic task may share the entity


def test_both_prefixes(tenant):
    entity = fresh("v")
    assert tenant.api.put(f"/dgapi/v1/voicemail/{entity}", body()).ok(201).headers["Location"] == f"/dgapi/v1/voicemail/{entity}"
    assert tenant.api.get(f"/voicemail/{entity}").ok().data["entity"] == entity


def test_registry_closes_entities(make_stack):
    stack = make_stack("registry", TASKGATE_REGISTRY="callbacks,entities,types,agents", sweep=False)
    tenant = stack.tenant()
    before = tenant.footprint()
    tenant.api.put("/voicemail/unknown", body()).refused(404, "ENTITY_NOT_FOUND")
    assert tenant.footprint() == before
    stack.run("insert into entity (tenant_id, name) values (%s, 'known')", tenant.id)
    create(tenant, "known")


def test_an_open_registry_remembers(tenant):
    entity, _ = create(tenant)
    assert tenant.stack.value("select count(*) from entity where tenant_id = %s and name = %s", tenant.id, entity) == 1


def test_what_never_started_expires(own_stack, mailbox, twilio):
    """TASKGATE_TTL (decision 7): a lane that was paused for longer tells nobody of yesterday."""
    stack = own_stack(TASKGATE_TTL=1, **mailbox.settings(), **twilio.settings())
    tenant, address, number = stack.tenant(), f"{fresh('u')}@example.com", phone()
    for lane in ("notify", "sms", "mail"):
        stack.ctl("lane", "pause", lane)
    entity, _ = create(tenant, recipient_id=recipient(tenant, address))
    tenant.api.put("/sms/late", {"to": number, "message": "x"}).ok(201)
    stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, 'late', 's', 't')", tenant.id)
    mail = tenant.api.put("/email", {"to": [address], "subject": "x", "template": "late"}).ok(201).data["task_id"]
    for task in (entity, "late", mail):
        until(lambda: tenant.api.get(f"/task/{task}").ok().data["status"] == "expired", f"the end of {task}")
    for lane in ("notify", "sms", "mail"):
        stack.ctl("lane", "resume", lane)
    tenant.api.put("/sms/soon", {"to": phone(), "message": "x"}).ok(201)
    until(lambda: tenant.api.get("/task/soon").ok().data["status"] == "completed", "one that is in time")
    assert mailbox.to(address) == [] and twilio.messages_to(number) == []


def test_what_is_not_configured_fails_by_the_settings_name(own_stack):
    """spec/README.md, decision 9: the voicemail is accepted, its notifications fail and say which setting is missing."""
    tenant = own_stack(TASKGATE_RETRY_FIRST=20, SMTP_URL="", TWILIO_ACCOUNT_SID="").tenant()
    entity, _ = create(tenant, recipient_id=recipient(tenant, f"{fresh('u')}@example.com", phone()))
    data = ended(tenant, entity, "failed")
    assert "SMTP_URL is not set" in json.dumps(data) and "TWILIO_ACCOUNT_SID is not set" in json.dumps(data)


def test_get_by_id_and_not_found(tenant, stack):
    entity, data = create(tenant, metadata={"a": 1}, duration=3)
    shown = tenant.api.get(f"/voicemail/{data['task_id']}").ok().data
    assert (shown["entity"], shown["duration"], shown["recipient_id"]) == (entity, 3, "nobody")
    assert not {"metadata", "history", "timestamp", "audio_url", "transcription", "priority", "callback_url"} & set(shown)
    tenant.api.get(f"/voicemail/{fresh('none')}").refused(404, "TASK_NOT_FOUND")
    tenant.api.get(f"/voicemail/{tenant.create()}").refused(404, "TASK_NOT_FOUND")     # a generic task is none
    stack.tenant().api.get(f"/voicemail/{entity}").refused(404, "TASK_NOT_FOUND")
    stack.client(None).get(f"/voicemail/{entity}").refused(401, "UNAUTHORIZED")
    tenant.api.get(f"/voicemail/{entity}?include_history=maybe").refused(400, "INVALID_REQUEST", "include_history")


# -- what is really sent --

def test_by_email_with_transcript(tenant, mailbox):
    address = f"{fresh('u')}@example.com"
    entity, _ = create(tenant, recipient_id=recipient(tenant, address), duration=45, transcription="Hallo, hier ist Jörg …", metadata={"k": "v"},
                       timestamp="2024-01-15T10:30:00Z", audio_url="https://storage.example.com/a.mp3")
    data = ended(tenant, entity, "completed")
    assert {k: data["result"][k] for k in ("notification_sent", "notification_type", "notification_recipient")} == {
        "notification_sent": True, "notification_type": "email", "notification_recipient": address}
    assert data["metadata"] == {"k": "v"} and UTC.fullmatch(data["completed_at"])
    assert [h["message"] for h in data["history"]] == ["Task created", "Notification started", "Notification sent"]
    mail, = mailbox.to(address)
    assert mail.parsed["Subject"] == "New voicemail from +15551234567"
    text = mail.parsed.get_body(("plain",)).get_content()
    assert "45 s" in text and "https://storage.example.com/a.mp3" in text
    script, = mail.parsed.iter_attachments()
    assert (script.get_filename(), script.get_content_type(), script.get_content()) == ("transcription.txt", "text/plain", "Hallo, hier ist Jörg …")


def test_without_transcript(tenant, mailbox):
    address = f"{fresh('u')}@example.com"
    entity, _ = create(tenant, recipient_id=recipient(tenant, address, transcript=False), transcription="secret words")
    ended(tenant, entity, "completed")
    mail, = mailbox.to(address)
    assert b"secret words" not in mail.raw and not list(mail.parsed.iter_attachments())


def test_by_sms(tenant, twilio):
    number = phone()
    entity, _ = create(tenant, recipient_id=recipient(tenant, sms=number), duration=7)
    data = ended(tenant, entity, "completed")
    assert (data["result"]["notification_type"], data["result"]["notification_recipient"]) == ("sms", number)
    sent, = twilio.messages_to(number)
    assert sent.get("Body") == "New voicemail from +15551234567 (7 s)"


@pytest.mark.parametrize("caller, segments", [("+15551234567", 1), ("x" * 120, 1), ("x" * 140, 2), ("`" * 40, 1), ("`" * 60, 2), ("ü" * 120, 1), ("€" * 70, 2), ("😀" * 40, 2), ("x" * 128, 1)])
def test_an_sms_about_it_has_as_many_segments_as_one_by_itself(tenant, twilio, caller, segments):
    """What is counted here and what PUT /sms counts of the same text."""
    stored = tenant.stack.row("select sms_segments(text) as here, text from (select format('New voicemail from %%s (%%s)', %s::text, '7 s') as text) t", caller)
    answer = tenant.api.put(f"/sms/{fresh('s')}", {"to": phone(), "message": stored["text"]}).ok(201).data
    assert stored["here"] == segments == answer["segments"]


def test_by_both(tenant, mailbox, twilio):
    address, number = f"{fresh('u')}@example.com", phone()
    entity, _ = create(tenant, recipient_id=recipient(tenant, address, number))
    result = ended(tenant, entity, "completed")["result"]
    assert (result["notification_type"], result["notification_recipient"]) == ("email", address)
    assert [(n["type"], n["recipient"], n["sent"]) for n in result["notifications"]] == [("email", address, True), ("sms", number, True)]
    assert len(mailbox.to(address)) == len(twilio.messages_to(number)) == 1


def test_one_of_two_is_enough_and_the_other_is_told(tenant, mailbox, twilio):
    address, number = f"{fresh('u')}@example.com", phone()
    from standin_smtp import Step
    mailbox.script(address, Step(rcpt="550 5.1.1 no such user"))
    entity, _ = create(tenant, recipient_id=recipient(tenant, address, number))
    result = ended(tenant, entity, "completed")["result"]
    assert (result["notification_sent"], result["notification_type"], result["notification_recipient"]) == (True, "sms", number)
    assert [n["sent"] for n in result["notifications"]] == [False, True] and "550" in result["notifications"][0]["reason"]


def test_none_sent_is_a_failure(tenant, mailbox):
    from standin_smtp import Step
    address = f"{fresh('u')}@example.com"
    mailbox.script(address, Step(rcpt="550 5.1.1 no such user"))
    entity, _ = create(tenant, recipient_id=recipient(tenant, address))
    data = ended(tenant, entity, "failed")
    assert "no notification was sent" in data["error"]["message"] and "550" in data["error"]["message"]
    assert mailbox.to(address) == []


def test_unknown_recipient_fails_the_task_and_not_the_put(tenant):
    entity, _ = create(tenant, recipient_id="nobody")
    data = ended(tenant, entity, "failed")
    assert data["error"] == {"code": "TASK_FAILED", "message": "the recipient nobody is not in the directory"} and data["result"] is None


def test_failed_one_is_tried_again_by_hand(tenant, mailbox):
    name, address = fresh("late"), f"{fresh('u')}@example.com"
    entity, _ = create(tenant, recipient_id=name)
    ended(tenant, entity, "failed")
    tenant.stack.run("insert into recipient (tenant_id, id, email) values (%s, %s, %s)", tenant.id, name, address)
    tenant.api.post(f"/task/{entity}/retry").ok()
    assert ended(tenant, entity, "completed")["result"]["notification_recipient"] == address


def test_webhook_tells_its_end(tenant, receiver):
    path = f"/{fresh('hook')}"
    create(tenant, callback_url=receiver.script(path, Reply()))
    seen, = receiver.wait(path)
    import json
    told = json.loads(seen.body)
    assert (told["event"], told["type"], told["status"]) == ("task.failed", "voicemail", "failed")


def test_details_of_task(tenant):
    entity, _ = create(tenant, duration=45, priority="high")
    assert tenant.api.get(f"/task/{entity}?include_details=true").ok().data["details"] == {
        "caller_id": "+15551234567", "recipient_id": "nobody", "duration": 45, "priority": "high"}


def test_cancel_takes_along_what_is_still_to_be_sent(own_stack, mailbox, twilio):
    stack = own_stack(**twilio.settings(), **mailbox.settings())
    tenant = stack.tenant()
    stack.ctl("lane", "pause", "mail")
    address = f"{fresh('u')}@example.com"
    entity, _ = create(tenant, recipient_id=recipient(tenant, address))
    ended(tenant, entity, "processing")
    tenant.api.post(f"/task/{entity}/cancel").ok()
    assert [r["state"] for r in stack.rows("select state from task where tenant_id = %s order by seq", tenant.id)] == ["cancelled", "cancelled"]
    stack.ctl("lane", "resume", "mail")
    assert stack.value("select count(*) from work where tenant_id = %s", tenant.id) == 0 and mailbox.to(address) == []


def test_tenants_are_told_apart(stack, tenant, mailbox, twilio):
    """Two tenants with the same entity, voicemail_id and recipient_id: each tells its own recipient, by its own template, as a task of its own."""
    other, name = stack.tenant(), fresh("r")
    told = {}
    for one, word in ((tenant, "ours"), (other, "theirs")):
        told[one] = (f"{fresh(word)}@example.com", phone(), word)
        stack.run("insert into recipient (tenant_id, id, email, phone) values (%s, %s, %s, %s)", one.id, name, *told[one][:2])
        stack.run("update email_template set text = %s where tenant_id = %s and name = 'voicemail'", f"{word} {{{{caller_id}}}}", one.id)
    try:
        entity, voicemail = fresh("v"), fresh("vm")
        for one in told:
            create(one, entity, voicemail_id=voicemail, recipient_id=name)
        for one, (address, number, word) in told.items():
            result = ended(one, entity, "completed")["result"]
            assert [(n["type"], n["recipient"], n["sent"]) for n in result["notifications"]] == [("email", address, True), ("sms", number, True)]
            mail, = mailbox.to(address)
            assert mail.parsed.get_body(("plain",)).get_content().split() == [word, "+15551234567"] and len(twilio.messages_to(number)) == 1
            rows = stack.rows("select t.id, t.tenant_id, p.tenant_id as parents, m.tenant_id as messages from task t join message m on m.task_id = t.id join task p on p.id = t.parent_id"
                              " where t.public_id = any (%s)", [n["task_id"] for n in result["notifications"]])
            assert len(rows) == 2 and all(r["tenant_id"] == r["parents"] == r["messages"] == one.id for r in rows)
            for n in result["notifications"]:
                (other if one is tenant else tenant).api.get(f"/{n['type']}/{n['task_id']}").refused(404, "not_found")
    finally:
        stack.run("update email_template t set text = o.text from email_template o where t.name = 'voicemail' and o.name = 'voicemail' and t.tenant_id = %s"
                  " and o.tenant_id = (select id from tenant order by number limit 1)", tenant.id)


def test_a_recipient_of_another_tenant_is_unknown(stack, tenant, mailbox):
    other, address = stack.tenant(), f"{fresh('u')}@example.com"
    name = recipient(other, address)
    entity, _ = create(tenant, recipient_id=name)
    assert ended(tenant, entity, "failed")["error"]["message"] == f"the recipient {name} is not in the directory"
    assert mailbox.to(address) == []


def test_without_its_template_the_voicemail_fails_and_says_so(own_tenant, mailbox):
    """The mail's template is the tenant's own to change, or to break: then nothing is sent, also not by the other channel, and the task says why."""
    address = f"{fresh('u')}@example.com"
    own_tenant.stack.run("update email_template set text = 'a {{missing}} word' where tenant_id = %s and name = 'voicemail'", own_tenant.id)
    entity, _ = create(own_tenant, recipient_id=recipient(own_tenant, address, phone()))
    assert "missing" in ended(own_tenant, entity, "failed")["error"]["message"]
    assert own_tenant.footprint()["message"] == 0 and own_tenant.stack.value("select count(*) from work where tenant_id = %s", own_tenant.id) == 0
    own_tenant.stack.run("update email_template set text = 'a {{caller_id}} word' where tenant_id = %s and name = 'voicemail'", own_tenant.id)
    own_tenant.api.post(f"/task/{entity}/retry").ok()
    ended(own_tenant, entity, "completed")
    assert len(mailbox.to(address)) == 1


# -- TASKGATE_AUDIO_PROBE --

@pytest.fixture(scope="module")
def probing(make_stack):
    return make_stack("probing", sweep=False, TASKGATE_AUDIO_PROBE=1)


def probe(tenant, url, headers=None):
    entity = fresh("v")
    return entity, tenant.api.put(f"/voicemail/{entity}", body(audio_url=url), headers=headers)


@pytest.mark.parametrize("reply", [Reply(200, b"x" * 5000), Reply(204, b""), Reply(206, b"x"), Reply(302, b"", {"Location": "http://127.0.0.1:1/"})], ids=lambda r: str(r.status))
def test_probe_accessible(probing, receiver, reply):
    tenant, path = probing.tenant(), f"/{fresh('audio')}"
    entity, got = probe(tenant, receiver.script(path, reply))
    got.ok(201)
    seen, = receiver.at(path)
    assert (seen.method, seen.body) == ("GET", b"") and "taskgate" in seen.headers["User-Agent"] and "Authorization" not in seen.headers
    assert tenant.api.get(f"/voicemail/{entity}").ok().data["entity"] == entity


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503])
def test_probe_refused_by_its_server(probing, receiver, status):
    tenant = probing.tenant()
    before = tenant.footprint()
    probe(tenant, receiver.script(f"/{fresh('audio')}", Reply(status)))[1].refused(422, "INVALID_AUDIO_URL", "audio_url", words=f"it answers {status}")
    assert tenant.footprint() == before


def test_probe_finds_no_listener(probing):
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        probe(probing.tenant(), f"http://127.0.0.1:{s.getsockname()[1]}/a.mp3")[1].refused(422, "INVALID_AUDIO_URL", "audio_url", words="onnect")


def test_probe_is_cut_after_two_seconds(probing, receiver):
    gate, tenant, path = threading.Event(), probing.tenant(), f"/{fresh('audio')}"
    before = tenant.footprint()
    try:
        began = time.monotonic()
        probe(tenant, receiver.script(path, Reply(gate=gate)))[1].refused(422, "INVALID_AUDIO_URL", "audio_url")
        assert 1.9 < time.monotonic() - began < 4.5 and len(receiver.at(path)) == 1
    finally:
        gate.set()
    assert tenant.footprint() == before


def test_probe_is_kept_from_private_addresses(make_stack, receiver):
    stack = make_stack("probing, guarded", sweep=False, TASKGATE_AUDIO_PROBE=1, TASKGATE_OUTBOUND_ALLOW="")
    tenant, path = stack.tenant(), f"/{fresh('audio')}"
    before = tenant.footprint()
    for url in (receiver.script(path, Reply()), f"http://localhost:{receiver.port}{path}", f"http://[::ffff:127.0.0.1]:{receiver.port}{path}", "http://169.254.169.254/latest/"):
        probe(tenant, url)[1].refused(422, "INVALID_AUDIO_URL", "audio_url", words="refused")
    assert receiver.at(path) == [] and tenant.footprint() == before


def test_probe_asks_for_nobody_who_may_not(probing, receiver):
    """No token, an unknown one, one without the scope, a body that is refused, a repeat under its key: nothing is sent for them."""
    tenant, path = probing.tenant(), f"/{fresh('audio')}"
    url = receiver.script(path, Reply())
    for client, status in ((probing.client(None), 401), (probing.client("x" * 43), 401), (tenant.client("disposition:read"), 403)):
        assert client.put(f"/voicemail/{fresh('v')}", body(audio_url=url)).status == status
    tenant.api.put(f"/voicemail/{fresh('v')}", body(audio_url=url, priority="urgent")).refused(400, "INVALID_REQUEST", "priority")
    assert receiver.at(path) == []
    entity, full, key = fresh("v"), body(audio_url=url), {"Idempotency-Key": fresh("k")}
    first = tenant.api.put(f"/voicemail/{entity}", full, headers=key).ok(201)
    again = tenant.api.put(f"/voicemail/{entity}", full, headers=key).ok(201)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true" and len(receiver.at(path)) == 1


def test_probe_leaves_no_connection_open(probing, receiver):
    def connections():
        """TCP sockets of the workers; all else that they have is local."""
        tcp = {line.split()[9] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]}
        links = [os.readlink(f"/proc/{w.pid}/fd/{n}") for w in probing.workers_of() for n in os.listdir(f"/proc/{w.pid}/fd")]
        return [link for link in links if link.startswith("socket:[") and link[8:-1] in tcp]
    tenant, url = probing.tenant(), receiver.script(f"/{fresh('audio')}", Reply(204, b""))      # an answer without a body could be followed by another
    for _ in range(4):
        probe(tenant, url)[1].ok(201)
        assert connections() == []


def test_off_by_default_nobody_is_asked(tenant, receiver):
    path = f"/{fresh('audio')}"
    create(tenant, audio_url=receiver.script(path, Reply(404)))
    create(tenant, audio_url="http://127.0.0.1:1/nothing.mp3")
    assert receiver.at(path) == []


@pytest.mark.both
@pytest.mark.skipif(SANITIZED, reason="a sanitizer has memory of its own")
@pytest.mark.parametrize("setting", [0, 1])
def test_an_idle_worker_is_small(make_stack, receiver, setting):
    """README: at most 6 MB of its own, also after it has asked for an audio_url."""
    stack = make_stack("probing" if setting else "not probing", sweep=False, TASKGATE_AUDIO_PROBE=setting)
    tenant = stack.tenant()
    for _ in range(8):
        probe(tenant, receiver.url("/"))[1].ok(201)
    for w in stack.workers_of():
        with open(f"/proc/{w.pid}/smaps_rollup") as f:
            kb = sum(int(line.split()[1]) for line in f if line.startswith(("Private_Clean:", "Private_Dirty:")))
        assert kb < 6 * 1024, kb
