# SPDX-License-Identifier: MIT
"""PUT and POST /cbfinish/{entity}: every row of the document's tables, decision 8, and that a finish is one commit."""
import concurrent.futures
import json

import pytest

from document import table
from stack import fresh

PHONES = iter(range(5560001, 5569999))
PATHS = [("PUT", ""), ("POST", ""), ("PUT", "/dgapi/v1"), ("POST", "/dgapi/v1")]


def body(callback, **fields):
    full = {"callback_id": callback, "agent_id": "agent-456", "disposition_code": "SALE_COMPLETE"}
    full.update(fields)
    return {k: v for k, v in full.items() if v is not ...}


def callback(tenant, phone=..., email=None, **columns):
    """A callback that can be finished; gives its id and its contact's number."""
    name = fresh("cb") + "-7"
    phone = f"+1202{next(PHONES)}" if phone is ... else phone
    tenant.stack.run("insert into contact (tenant_id, id, phone, email) values (%s, %s, %s, %s)", tenant.id, f"c-{name}", phone, email)
    tenant.stack.run("insert into callback (tenant_id, id, contact_id) values (%s, %s, %s)", tenant.id, name, f"c-{name}")
    return name, phone


def finish(tenant, name, **fields):
    return tenant.api.put(f"/cbfinish/{name}", body(name, **fields)).ok(201).data


def template(tenant, text="Your plan: {{plan}}", subject="About {{callback_id}}"):
    name = fresh("tpl")
    tenant.stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, %s, %s, %s)", tenant.id, name, subject, text)
    return name


def test_these_tables_are_the_documents(shared):
    text = (shared / "spec" / "disposition.md").read_text()
    assert [(r[0].strip("`"), r[1], r[2]) for r in table(text, "Create Callback Finish Task (PUT)", "Request Body Parameters")] == [
        ("callback_id", "string", "Yes"), ("agent_id", "string", "Yes"), ("disposition_code", "string", "Yes"), ("call_duration", "integer", "No"), ("start_time", "string", "No"),
        ("end_time", "string", "No"), ("outcome", "string", "No"), ("notes", "string", "No"), ("next_action", "object", "No"), ("customer_data", "object", "No"),
        ("recording_url", "string", "No"), ("wrap_up_time", "integer", "No")]
    assert [(r[0], r[1].strip("`")) for r in table(text, "Create Callback Finish Task (PUT)", "Error Codes")] == [
        ("400", "INVALID_REQUEST"), ("400", "INVALID_DISPOSITION"), ("401", "UNAUTHORIZED"), ("404", "CALLBACK_NOT_FOUND"), ("409", "CALLBACK_ALREADY_FINISHED"),
        ("422", "INVALID_AGENT"), ("500", "INTERNAL_ERROR")]


def test_every_documented_code_is_known_to_a_new_tenant(shared, tenant):
    text = (shared / "spec" / "disposition.md").read_text().split("## Common Disposition Codes")[1].split("\n---\n")[0]
    codes = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| `")]
    assert len(codes) == 11
    for code in codes:
        assert finish(tenant, callback(tenant)[0], disposition_code=code)["disposition_code"] == code


@pytest.mark.parametrize("method, prefix", PATHS)
def test_both_methods_are_one(tenant, method, prefix):
    name, _ = callback(tenant)
    answer = tenant.api.request(method, f"{prefix}/cbfinish/{name}", body(name)).ok(201)
    assert list(answer.json) == ["success", "data", "message"] and answer.json["message"] == "Callback finish task processed successfully"
    assert list(answer.data) == ["task_id", "entity", "type", "status", "callback_id", "disposition_code", "created_at", "processed_at", "actions_triggered"]
    assert (answer.data["type"], answer.data["status"], answer.data["actions_triggered"]) == ("callback_finish", "completed", [])
    assert answer.data["task_id"].startswith("task-cbf-") and answer.headers["Location"] == f"{prefix}/task/{name}"
    for other, where in PATHS:
        tenant.api.request(other, f"{where}/cbfinish/{name}", body(name)).refused(409, "CALLBACK_ALREADY_FINISHED")
    for other in ("GET", "DELETE", "PATCH"):
        tenant.api.request(other, f"{prefix}/cbfinish/{name}").refused(405, "METHOD_NOT_ALLOWED")


TAKEN = [("call_duration", 0), ("call_duration", 2147483647), ("call_duration", None), ("wrap_up_time", 45), ("start_time", "2024-01-15T14:00:00Z"), ("end_time", "2024-01-15T14:00:00"),
         ("outcome", "connected"), ("outcome", "no_answer"), ("outcome", "busy"), ("outcome", "voicemail"), ("outcome", "wrong_number"), ("outcome", None), ("notes", ""),
         ("notes", "é" * 1000), ("notes", "two\nlines"), ("customer_data", {}), ("customer_data", None), ("next_action", None), ("recording_url", "https://r.example.com/x.mp3"),
         ("agent_id", "x" * 128), ("callback_id", "another-one")]


@pytest.mark.parametrize("field, value", TAKEN, ids=lambda v: repr(v)[:24])
def test_taken(tenant, field, value):
    name = fresh("cb")
    tenant.api.put(f"/cbfinish/{name}", body(name, **{field: value if field != "callback_id" else fresh(value)})).ok(201)
    details = tenant.api.get(f"/task/{name}?include_details=true").ok().data["details"]
    assert list(details) == ["agent_id", "outcome", "call_duration", "notes", "recording_url", "wrap_up_time", "actions_triggered"]
    if field in details:
        assert details[field] == value


def test_history_and_result(tenant):
    name, _ = callback(tenant)
    finish(tenant, name)
    data = tenant.api.get(f"/task/{name}?include_history=true").ok().data
    assert [(h["status"], h["message"]) for h in data["history"]] == [("pending", "Task created"), ("completed", "Callback finish processed")]
    assert data["type"] == "callback_finish" and data["result"]["disposition_code"] == "SALE_COMPLETE"


REFUSED = [(f, ..., "INVALID_REQUEST") for f in ("callback_id", "agent_id", "disposition_code")]
REFUSED += [(f, v, "INVALID_REQUEST") for f in ("callback_id", "agent_id", "disposition_code") for v in (None, "", 1, {}, "x" * 129)]
REFUSED += [(f, v, "INVALID_REQUEST") for f in ("callback_id", "agent_id") for v in ("a\u0080b", "a\u0085", "\u009f", "a\x7f")]
REFUSED += [("callback_id", "a\nb", "INVALID_REQUEST"), ("disposition_code", "UNKNOWN", "INVALID_DISPOSITION"), ("disposition_code", "sale_complete", "INVALID_DISPOSITION"),
            ("call_duration", -1, "INVALID_REQUEST"), ("call_duration", "1", "INVALID_REQUEST"), ("wrap_up_time", -1, "INVALID_REQUEST"), ("wrap_up_time", 2147483648, "INVALID_REQUEST"),
            ("start_time", "x", "INVALID_REQUEST"), ("outcome", "answered", "INVALID_REQUEST"), ("outcome", 1, "INVALID_REQUEST"), ("notes", "x" * 65537, "INVALID_REQUEST"),
            ("recording_url", "file:///x", "INVALID_REQUEST"), ("customer_data", [], "INVALID_REQUEST"), ("next_action", "x", "INVALID_REQUEST"), ("next_action", [], "INVALID_REQUEST")]


@pytest.mark.parametrize("field, value, code", REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(idle, field, value, code):
    before = idle.footprint()
    name = fresh("cb")
    idle.api.put(f"/cbfinish/{name}", body(name, **{field: value})).refused(400, code, field if code == "INVALID_REQUEST" else None)
    assert idle.footprint() == before


NEXT = [({}, "next_action.type"), ({"type": "unknown"}, "next_action.type"), ({"type": "followup_"}, "next_action.type"), ({"type": 1}, "next_action.type"),
        ({"type": "followup_email"}, "next_action.template"), ({"type": "followup_email", "template": ""}, "next_action.template"),
        ({"type": "followup_email", "template": "x", "scheduled_at": "soon"}, "next_action.scheduled_at"), ({"type": "followup_email", "template": "unknown"}, None),
        ({"type": "retry_callback", "attempt_number": 0}, "next_action.attempt_number"), ({"type": "retry_callback", "attempt_number": "2"}, "next_action.attempt_number")]


@pytest.mark.parametrize("action, field", NEXT, ids=lambda v: repr(v)[:40])
def test_next_action_refused(idle, action, field):
    name, _ = callback(idle, email="c@example.com")
    before = idle.footprint()
    idle.api.put(f"/cbfinish/{name}", body(name, next_action=action, customer_data={"a": 1})).refused(400, "INVALID_REQUEST", field)
    assert idle.footprint() == before
    assert idle.stack.value("select data::text from contact where tenant_id = %s and id = %s", idle.id, f"c-{name}") == "{}"


def test_end_before_start(tenant):
    name = fresh("cb")
    times = {"start_time": "2024-01-15T14:00:00+02:00", "end_time": "2024-01-15T11:59:59Z"}
    tenant.api.put(f"/cbfinish/{name}", body(name, **times)).refused(400, "INVALID_REQUEST", "end_time")
    tenant.api.put(f"/cbfinish/{name}", body(name, **dict(times, end_time="2024-01-15T12:00:00Z"), call_duration=900)).ok(201)


def test_unknown_directory_entries_are_remembered(tenant):
    name, agent = fresh("cb"), fresh("agent")
    finish(tenant, name, agent_id=agent)
    assert tenant.stack.value("select finished_at is not null from callback where tenant_id = %s and id = %s", tenant.id, name)
    assert tenant.stack.value("select enabled from agent where tenant_id = %s and id = %s", tenant.id, agent)


def test_a_barred_agent(idle):
    idle.stack.run("insert into agent (tenant_id, id, enabled) values (%s, 'barred', false)", idle.id)
    name, _ = callback(idle)
    before = idle.footprint()
    idle.api.put(f"/cbfinish/{name}", body(name, agent_id="barred")).refused(422, "INVALID_AGENT")
    assert idle.footprint() == before


@pytest.mark.parametrize("closed, code", [("callbacks", "CALLBACK_NOT_FOUND"), ("agents", "INVALID_AGENT"), ("entities", None)])
def test_registry_closes_what_it_names_and_no_more(make_stack, closed, code):
    tenant = make_stack(f"closed {closed}", TASKGATE_REGISTRY=closed, sweep=False).tenant()
    answer = tenant.api.put("/cbfinish/cb-unknown", body("cb-unknown"))
    if code:
        answer.refused(404 if closed == "callbacks" else 422, code)
    else:
        answer.ok(201)
    voicemail = tenant.api.put("/voicemail/unknown", {"voicemail_id": "v", "caller_id": "+15551234567", "recipient_id": "r"})
    if closed == "entities":
        voicemail.refused(404, "ENTITY_NOT_FOUND")
    else:
        voicemail.ok(201)
    tenant.api.put("/generic/unknown", {"task_type": "unheard_of", "action": "a"}).ok(201)


def test_registry_closes_callbacks_and_agents(make_stack):
    stack = make_stack("registry", TASKGATE_REGISTRY="callbacks,entities,types,agents", sweep=False)
    tenant = stack.tenant()
    name, _ = callback(tenant)
    tenant.api.put("/cbfinish/none", body("none")).refused(404, "CALLBACK_NOT_FOUND")
    tenant.api.put(f"/cbfinish/{name}", body(name)).refused(422, "INVALID_AGENT")
    stack.run("insert into agent (tenant_id, id) values (%s, 'agent-456')", tenant.id)
    finish(tenant, name)


def test_the_same_entity_for_another_callback(tenant):
    """callback_id decides; the entity is the task's own name and taken for ever."""
    entity = fresh("e")
    tenant.api.put(f"/cbfinish/{entity}", body(callback(tenant)[0])).ok(201)
    name, _ = callback(tenant)
    tenant.api.put(f"/cbfinish/{entity}", body(name)).refused(409, "CALLBACK_ALREADY_FINISHED")
    assert tenant.stack.value("select finished_at from callback where tenant_id = %s and id = %s", tenant.id, name) is None


def test_another_tenants_callback_is_nobodys(stack, tenant):
    name, _ = callback(tenant)
    finish(stack.tenant(), name)
    finish(tenant, name)


def test_two_at_once_finish_it_once(stack, tenant):
    for _ in range(5):
        name, _ = callback(tenant)
        clients = [stack.client(tenant.token) for _ in range(6)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            got = list(pool.map(lambda c: c[1].request("PUT" if c[0] % 2 else "POST", f"/cbfinish/{name}", body(name, customer_data={"n": c[0]})), enumerate(clients)))
        assert sorted(a.status for a in got) == [201] + [409] * 5
        winner = [i for i, a in enumerate(got) if a.status == 201]
        assert tenant.stack.value("select (data ->> 'n')::int from contact where tenant_id = %s and id = %s", tenant.id, f"c-{name}") == winner[0]


def test_idempotency(tenant):
    name, _ = callback(tenant)
    key = {"Idempotency-Key": fresh("k")}
    first = tenant.api.put(f"/cbfinish/{name}", body(name), headers=key).ok(201)
    again = tenant.api.put(f"/cbfinish/{name}", body(name), headers=key).ok(201)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"


# -- decision 8: what follows --

def test_customer_data_updates_the_contact(tenant):
    name, _ = callback(tenant, email=None)
    actions = finish(tenant, name, customer_data={"plan": "premium", "email_confirmed": "c@example.com", "email": "other@example.com", "name": "Bob"})["actions_triggered"]
    assert actions == [{"type": "crm_update", "status": "completed"}]
    row = tenant.stack.row("select data, email, name from contact where tenant_id = %s and id = %s", tenant.id, f"c-{name}")
    assert row["data"]["plan"] == "premium" and (row["email"], row["name"]) == ("c@example.com", "Bob")


def test_what_is_told_of_the_customer_corrects_what_was_known(tenant):
    """But for the address: the contact's own goes before the data's (spec/README.md, decision 8), and the follow-up goes there."""
    name, known = callback(tenant, email="known@example.com")
    tenant.stack.run("update contact set name = 'Rob' where tenant_id = %s and id = %s", tenant.id, f"c-{name}")
    action = {"type": "followup_email", "template": template(tenant, text="x")}
    finish(tenant, name, next_action=action, customer_data={"name": "Bob", "phone": "+12025550998", "email": "told@example.com", "email_confirmed": "confirmed@example.com"})
    row = tenant.stack.row("select name, phone, email from contact where tenant_id = %s and id = %s", tenant.id, f"c-{name}")
    assert (row["name"], row["phone"], row["email"]) == ("Bob", "+12025550998", "known@example.com") and known != row["phone"]
    assert tenant.stack.value("select recipients from message where tenant_id = %s order by task_id desc limit 1", tenant.id) == ["known@example.com"]
    name, known = callback(tenant, email=None)
    finish(tenant, name, customer_data={"phone": "no number", "plan": "x"})
    assert tenant.stack.value("select phone from contact where tenant_id = %s and id = %s", tenant.id, f"c-{name}") == known


def test_who_is_not_to_be_called_is_not_called_at_the_old_number_either(tenant):
    name, old = callback(tenant)
    new = f"+1202{next(PHONES)}"
    finish(tenant, name, disposition_code="DO_NOT_CALL", customer_data={"phone": new})
    assert {r["number"] for r in tenant.stack.rows("select number from do_not_call where tenant_id = %s and reason = %s", tenant.id, f"callback {name}")} == {old, new}


@pytest.mark.parametrize("given", [{"first": "x"}, ["x"], 7, True, None, ""])
def test_a_name_that_is_none_corrects_nothing(tenant, given):
    name, _ = callback(tenant)
    tenant.stack.run("update contact set name = 'Rob' where tenant_id = %s and id = %s", tenant.id, f"c-{name}")
    finish(tenant, name, customer_data={"name": given})
    assert tenant.stack.value("select name from contact where tenant_id = %s and id = %s", tenant.id, f"c-{name}") == "Rob"


def test_a_callback_without_a_contact_gets_one(tenant):
    name = fresh("cb")
    finish(tenant, name, customer_data={"phone": "+12025550999", "email": "not an address"})
    row = tenant.stack.row("select k.phone, k.email from callback c join contact k on k.tenant_id = c.tenant_id and k.id = c.contact_id where c.tenant_id = %s and c.id = %s", tenant.id, name)
    assert (row["phone"], row["email"]) == ("+12025550999", None)


def test_follow_up(tenant, mailbox):
    address = f"{fresh('c')}@example.com"
    name, _ = callback(tenant, email=address)
    action = {"type": "followup_email", "scheduled_at": "2024-01-16T10:00:00Z", "template": template(tenant)}
    actions = finish(tenant, name, next_action=action, customer_data={"plan": "premium"})["actions_triggered"]
    assert actions == [{"type": "crm_update", "status": "completed"}, {"type": "followup_scheduled", "status": "completed", "scheduled_for": "2024-01-16T10:00:00Z"}]
    mail, = mailbox.wait(address)
    assert mail.parsed["Subject"] == f"About {name}" and mail.parsed.get_body(("plain",)).get_content().strip() == "Your plan: premium"


def test_follow_up_waits_for_its_time(tenant):
    name, _ = callback(tenant, email="c@example.com")
    finish(tenant, name, next_action={"type": "followup_sms_later", "scheduled_at": "2999-01-01T00:00:00Z", "template": template(tenant, text="x")})
    listed = tenant.api.get("/task?type=email&status=pending&limit=1").ok().data["tasks"][0]
    why = tenant.api.get(f"/task/{listed['task_id']}/why").ok().data
    assert (why["reason"], why["due_at"], why["lane"]) == ("not_due", "2999-01-01T00:00:00Z", "mail")


def test_follow_up_address_comes_from_the_data(tenant, mailbox):
    address = f"{fresh('c')}@example.com"
    name, _ = callback(tenant, email=None)
    finish(tenant, name, next_action={"type": "followup_email", "template": template(tenant, text="x")}, customer_data={"email": address})
    mailbox.wait(address)


def test_follow_up_without_an_address(tenant):
    name, _ = callback(tenant, email=None)
    action = finish(tenant, name, next_action={"type": "followup_email", "template": template(tenant)})["actions_triggered"]
    assert action == [{"type": "followup_scheduled", "status": "failed", "reason": "no email address of the contact is known"}]


def test_follow_up_whose_template_needs_more(tenant):
    name, _ = callback(tenant, email="c@example.com")
    before = tenant.footprint()["message"]
    action = finish(tenant, name, next_action={"type": "followup_email", "template": template(tenant)})["actions_triggered"]
    assert action == [{"type": "followup_scheduled", "status": "failed", "reason": "the template needs the variable plan"}]
    assert tenant.footprint()["message"] == before


def test_retry_callback(tenant):
    name, number = callback(tenant)
    action, = finish(tenant, name, disposition_code="NO_ANSWER", next_action={"type": "retry_callback", "scheduled_at": "2024-01-15T17:00:00Z", "attempt_number": 2})["actions_triggered"]
    new = name[:-1] + "8"
    assert action == {"type": "callback_rescheduled", "status": "completed", "scheduled_for": "2024-01-15T17:00:00Z", "new_callback_id": new}
    row = tenant.stack.row("select * from callback where tenant_id = %s and id = %s", tenant.id, new)
    assert (row["previous_id"], row["attempt_number"], row["contact_id"], row["finished_at"]) == (name, 2, f"c-{name}", None)
    # The call is there to see, and is dialled at once: its time has passed.
    call = tenant.stack.row("select t.public_id, c.number from call c join task t on t.tenant_id = c.tenant_id and t.id = c.task_id where c.tenant_id = %s and c.callback_id = %s", tenant.id, new)
    assert call["number"] == number
    shown = tenant.api.get(f"/task/{call['public_id']}?include_details=true").ok().data
    assert (shown["type"], shown["details"]["callback_id"]) == ("call", new)
    finish(tenant, new)


@pytest.mark.parametrize("old, taken, new", [("a-9", (), "a-10"), ("a-09", (), "a-10"), ("a-099", (), "a-100"), ("a-1", ("a-2", "a-3"), "a-4"), ("abc", (), "abc-2"), ("7", (), "8")])
def test_the_next_id(own_tenant, old, taken, new):
    own_tenant.stack.run("insert into contact (tenant_id, id, phone) values (%s, 'c', '+12025550777')", own_tenant.id)
    for name in (old, *taken):
        own_tenant.stack.run("insert into callback (tenant_id, id, contact_id) values (%s, %s, 'c')", own_tenant.id, name)
    assert finish(own_tenant, old, next_action={"type": "retry_callback"})["actions_triggered"][0]["new_callback_id"] == new


def test_retry_without_a_number(tenant):
    name, _ = callback(tenant, phone=None)
    before = tenant.footprint()["callback"]
    action, = finish(tenant, name, next_action={"type": "retry_callback"})["actions_triggered"]
    assert action == {"type": "callback_rescheduled", "status": "failed", "reason": "no phone number of the contact is known"}
    assert tenant.footprint()["callback"] == before


def test_do_not_call(tenant):
    """The number goes on the list, and every call to it that waits is cancelled; another number's is not."""
    name, number = callback(tenant)
    first = finish(tenant, name, disposition_code="NO_ANSWER", next_action={"type": "retry_callback", "scheduled_at": "2999-01-01T00:00:00Z"})["actions_triggered"][0]["new_callback_id"]
    other, _ = callback(tenant)
    finish(tenant, other, next_action={"type": "retry_callback", "scheduled_at": "2999-01-01T00:00:00Z"})
    actions = finish(tenant, first, disposition_code="DO_NOT_CALL", customer_data={"why": "asked"})["actions_triggered"]
    assert actions == [{"type": "crm_update", "status": "completed"}, {"type": "do_not_call_added", "status": "completed"}]
    assert tenant.stack.value("select count(*) from do_not_call where tenant_id = %s and number = %s", tenant.id, number) == 1
    states = tenant.stack.rows("select c.number = %s as it, t.state, t.reason from call c join task t on t.tenant_id = c.tenant_id and t.id = c.task_id where c.tenant_id = %s"
                               " and c.number in (%s, (select phone from contact where tenant_id = %s and id = %s)) order by 1", number, tenant.id, number, tenant.id, f"c-{other}")
    assert [(r["it"], r["state"]) for r in states] == [(False, "pending"), (True, "cancelled")] and "do-not-call" in states[1]["reason"]
    # Whoever is on the list is not called back.
    again, _ = callback(tenant, phone=None)
    tenant.stack.run("update callback set contact_id = %s where tenant_id = %s and id = %s", f"c-{name}", tenant.id, again)
    assert finish(tenant, again, next_action={"type": "retry_callback"})["actions_triggered"] == [
        {"type": "callback_rescheduled", "status": "failed", "reason": "the number is on the do-not-call list"}]


def test_do_not_call_without_a_number(tenant):
    name, _ = callback(tenant, phone=None)
    assert finish(tenant, name, disposition_code="DO_NOT_CALL")["actions_triggered"] == [
        {"type": "do_not_call_added", "status": "failed", "reason": "no phone number of the contact is known"}]


def test_do_not_call_excludes_a_retry(idle):
    name, _ = callback(idle)
    before = idle.footprint()
    idle.api.put(f"/cbfinish/{name}", body(name, disposition_code="DO_NOT_CALL", next_action={"type": "retry_callback"})).refused(400, "INVALID_REQUEST", "next_action.type")
    assert idle.footprint() == before


def test_order_of_the_actions(tenant):
    name, _ = callback(tenant, email="c@example.com")
    actions = finish(tenant, name, disposition_code="DO_NOT_CALL", customer_data={"plan": 1}, next_action={"type": "followup_email", "template": template(tenant)})["actions_triggered"]
    assert [a["type"] for a in actions] == ["crm_update", "followup_scheduled", "do_not_call_added"]


def test_a_custom_disposition_code(tenant):
    tenant.stack.run("insert into disposition_code (tenant_id, code) values (%s, 'MOVED_AWAY')", tenant.id)
    finish(tenant, callback(tenant)[0], disposition_code="MOVED_AWAY")


def test_without_a_mail_server_the_sending_fails_and_not_the_finish(make_stack):
    stack = make_stack("nothing configured")
    tenant = stack.tenant()
    name, _ = callback(tenant, email="c@example.com")
    finish(tenant, name, next_action={"type": "followup_email", "template": template(tenant, text="x")})
    from waiting import until
    row = until(lambda: stack.row("select state, reason from task where tenant_id = %s and kind = 'email' and state = 'failed'", tenant.id), "the sending task's end")
    assert row["reason"] == "SMTP_URL is not set"
    assert json.dumps(tenant.api.get(f"/task/{name}").ok().data["result"]["actions_triggered"][0]["status"]) == '"completed"'
