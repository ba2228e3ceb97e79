# SPDX-License-Identifier: MIT
"""Idempotency-Key (design 3): the key is (tenant, principal, method, path, key); only a 2xx is stored; the same body gives the stored answer, another one 422."""
import concurrent.futures

import pytest

from stack import fresh
from waiting import until

BODY = {"task_type": "job", "action": "a", "tags": ["k"]}


def put(client, entity, key, body=None, name="Idempotency-Key", prefix=""):
    return client.put(f"{prefix}/generic/{entity}", body or BODY, headers={name: key})


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-Idempotency-Key", "idempotency-key"])
def test_replay(tenant, name):
    entity = fresh("i")
    first = put(tenant.api, entity, entity, name=name).ok(201)
    before = tenant.footprint()
    assert before["idempotency"] >= 1 and "Idempotency-Replayed" not in first.headers
    for _ in range(3):
        again = put(tenant.api, entity, entity, name=name).ok(201)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.body == first.body and again.headers["Location"] == first.headers["Location"]
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert tenant.footprint() == before
    put(tenant.api, entity, fresh("other")).refused(409, "DUPLICATE_ENTITY")


def test_both_names_are_one_key(tenant):
    entity = fresh("i")
    put(tenant.api, entity, entity).ok(201)
    assert put(tenant.api, entity, entity, name="X-Idempotency-Key").ok(201).headers["Idempotency-Replayed"] == "true"


def test_another_body(tenant):
    entity = fresh("i")
    put(tenant.api, entity, entity).ok(201)
    before = tenant.footprint()
    put(tenant.api, entity, entity, dict(BODY, action="b")).refused(422, "IDEMPOTENCY_KEY_REUSED")
    assert tenant.footprint() == before


def test_the_key_belongs_to_method_path_and_principal(stack, tenant):
    key, one, two = fresh("key"), fresh("i"), fresh("i")
    put(tenant.api, one, key).ok(201)
    assert "Idempotency-Replayed" not in put(tenant.api, two, key).ok(201).headers
    put(tenant.api, one, key, prefix="/dgapi/v1").refused(409, "DUPLICATE_ENTITY")
    assert "Idempotency-Replayed" not in tenant.api.post(f"/task/{one}/cancel", headers={"Idempotency-Key": key}).ok().headers
    # Another token of the same person is the same caller, another person is not.
    assert put(tenant.client(), one, key).ok(201).headers["Idempotency-Replayed"] == "true"
    other = fresh("user")
    stack.ctl("user", "add", other, "--tenant", tenant.name)
    put(stack.client(tenant.new_token("all", other)), one, key).refused(409, "DUPLICATE_ENTITY")


def test_a_refusal_is_not_stored(tenant):
    entity = fresh("i")
    before = tenant.footprint()
    put(tenant.api, entity, entity, dict(BODY, priority=11)).refused(400, "INVALID_REQUEST", "priority")
    put(tenant.api, entity, entity, dict(BODY, payload=[])).refused(422, "INVALID_PAYLOAD")
    assert tenant.footprint() == before
    put(tenant.api, entity, entity).ok(201)
    taken = fresh("i")
    tenant.create(taken)
    key = fresh("key")
    for _ in range(2):
        assert "Idempotency-Replayed" not in put(tenant.api, taken, key).refused(409, "DUPLICATE_ENTITY").headers
    tenant.api.post(f"/task/{fresh('none')}/cancel", headers={"Idempotency-Key": key}).refused(404, "TASK_NOT_FOUND")


def test_cancel_and_work_are_replayed(tenant):
    entity, kind = fresh("i"), fresh("kind")
    tenant.create(entity)
    first = tenant.api.post(f"/task/{entity}/cancel", headers={"Idempotency-Key": "k"}).ok()
    assert tenant.api.post(f"/task/{entity}/cancel", headers={"Idempotency-Key": "k"}).ok().body == first.body
    tenant.api.post(f"/task/{entity}/cancel").refused(409, "INVALID_STATE")
    entity = tenant.create(task_type=kind)
    claim = tenant.api.post("/work/claim", {"types": [kind]}, headers={"Idempotency-Key": kind}).ok()
    again = tenant.api.post("/work/claim", {"types": [kind]}, headers={"Idempotency-Key": kind}).ok()
    assert again.body == claim.body and again.headers["Idempotency-Replayed"] == "true"
    [task] = claim.json["tasks"]
    done = tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"], "result": {"n": 1}}, headers={"Idempotency-Key": kind}).ok()
    again = tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"], "result": {"n": 1}}, headers={"Idempotency-Key": kind}).ok()
    assert again.body == done.body and again.headers["Idempotency-Replayed"] == "true"
    assert tenant.events(entity) == ["create", "claim", "complete"]


def test_reads_take_no_notice(tenant):
    entity = tenant.create()
    before = tenant.footprint()
    for _ in range(2):
        assert "Idempotency-Replayed" not in tenant.api.get(f"/generic/{entity}", headers={"Idempotency-Key": "r"}).ok().headers
    tenant.api.request("HEAD", "/task", headers={"Idempotency-Key": "r"})
    assert tenant.footprint() == before


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "tab\there", "é"], ids=["empty", "long", "blank", "tab", "accent"])
def test_malformed_key(tenant, key):
    before = tenant.footprint()
    put(tenant.api, fresh("i"), key.encode()).refused(400, "INVALID_REQUEST")
    assert tenant.footprint() == before


def test_longest_key(tenant):
    entity = fresh("i")
    put(tenant.api, entity, "~" * 255).ok(201)
    assert put(tenant.api, entity, "~" * 255).ok(201).headers["Idempotency-Replayed"] == "true"


def test_kept_for_a_day(stack, tenant):
    entity = fresh("i")
    put(tenant.api, entity, entity).ok(201)
    stack.run("update idempotency set created_at = now() - interval '23 hours 59 minutes' where tenant_id = %s and path = %s", tenant.id, f"/generic/{entity}")
    assert put(tenant.api, entity, entity).ok(201).headers["Idempotency-Replayed"] == "true"
    stack.run("update idempotency set created_at = now() - interval '24 hours 1 minute' where tenant_id = %s and path = %s", tenant.id, f"/generic/{entity}")
    put(tenant.api, entity, entity).refused(409, "DUPLICATE_ENTITY")


def test_authority_comes_before_the_replay(stack, own_tenant):
    entity = fresh("i")
    put(own_tenant.api, entity, entity).ok(201)
    put(stack.client(), entity, entity).refused(401, "UNAUTHORIZED")
    put(own_tenant.client("disposition:read"), entity, entity).refused(403, "INSUFFICIENT_SCOPE")
    stack.run("update token set revoked_at = now() where tenant_id = %s", own_tenant.id)
    put(own_tenant.api, entity, entity).refused(401, "UNAUTHORIZED")


def test_same_key_at_once(stack, tenant):
    """One effect, whoever comes first; the others get its answer, or are told to come again."""
    for _ in range(5):
        entity = fresh("i")

        def send(_):
            client = stack.client(tenant.token)
            return put(client, entity, entity)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        made = [a for a in answers if a.status == 201]
        fresh_ones = [a for a in made if "Idempotency-Replayed" not in a.headers]
        assert len(fresh_ones) == 1, answers
        assert {a.body for a in made} == {fresh_ones[0].body}
        for a in answers:
            if a.status != 201:
                a.refused(409, "IDEMPOTENCY_KEY_IN_USE")
        assert tenant.events(entity) == ["create"]
        assert put(tenant.api, entity, entity).ok(201).body == fresh_ones[0].body


def test_a_key_that_is_being_worked_on(stack, tenant):
    """Held by somebody else's transaction at this moment: 409 at once, without waiting for it, and nothing stored."""
    entity = fresh("i")
    with stack.connect() as other, other.cursor() as c:
        c.execute("select pg_advisory_xact_lock(hashtextextended(p.id::text || encode(sha256(convert_to(%s, 'UTF8')), 'hex'), 0)) from principal p where p.tenant_id = %s and p.handle = 'tester'",
                  (f"PUT\n/generic/{entity}\n{entity}", tenant.id))
        assert c.rowcount == 1
        before = tenant.footprint()
        put(tenant.api, entity, entity).refused(409, "IDEMPOTENCY_KEY_IN_USE")
        assert tenant.footprint() == before
    put(tenant.api, entity, entity).ok(201)


# -- the contact centre and messages --

DATA = dict.fromkeys(("caller_id", "timestamp", "duration", "audio_url"), "x")


def requests():
    """Each kind of create: method, path, body, a body that is another, and what is refused without a key."""
    name, number = fresh("i"), "+12025558301"
    yield "PUT", f"/voicemail/{name}", {"voicemail_id": name, "caller_id": "c", "recipient_id": "r"}, {"caller_id": "d"}, (409, "DUPLICATE_TASK")
    yield "PUT", f"/cbfinish/{name}", {"callback_id": name, "agent_id": "a", "disposition_code": "BUSY", "customer_data": {"n": 1}}, {"agent_id": "b"}, (409, "CALLBACK_ALREADY_FINISHED")
    yield "POST", f"/cbfinish/{name}p", {"callback_id": name + "p", "agent_id": "a", "disposition_code": "BUSY"}, {"agent_id": "b"}, (409, "CALLBACK_ALREADY_FINISHED")
    yield "PUT", f"/sms/{name}", {"to": number, "message": "m"}, {"message": "n"}, (409, "duplicate_entity")
    yield "POST", f"/sms/{name}p", {"to": number, "message": "m"}, {"message": "n"}, (409, "duplicate_entity")
    yield "PUT", "/email", {"to": [f"{name}@example.com"], "subject": "s", "template": "voicemail", "template_data": DATA}, {"subject": "t"}, None


@pytest.mark.parametrize("index", range(6), ids=["voicemail", "cbfinish", "cbfinish by POST", "sms", "sms by POST", "email"])
@pytest.mark.parametrize("prefix", ["", "/dgapi/v1"])
def test_each_create_is_replayed(stack, own_tenant, index, prefix):
    method, path, body, other, refused = list(requests())[index]
    path, key = prefix + path, {"Idempotency-Key": fresh("key")}
    words = str.lower if "/sms/" in path or "/email" in path else str.upper
    first = own_tenant.api.request(method, path, body, headers=key).ok(201)
    made = own_tenant.footprint()["task"]
    for _ in range(2):
        again = own_tenant.api.request(method, path, body, headers=key).ok(201)
        assert again.headers["Idempotency-Replayed"] == "true" and again.body == first.body and again.headers["Location"] == first.headers["Location"]
    own_tenant.api.request(method, path, dict(body, **other), headers=key).refused(422, words("IDEMPOTENCY_KEY_REUSED"))
    own_tenant.api.request(method, path, body, headers={"Idempotency-Key": "a b"}).refused(400, words("INVALID_REQUEST"))
    if refused:
        own_tenant.api.request(method, path, body).refused(*refused)
    with stack.connect() as holder, holder.cursor() as c:
        c.execute("select pg_advisory_xact_lock(hashtextextended(p.id::text || encode(sha256(convert_to(%s, 'UTF8')), 'hex'), 0)) from principal p where p.tenant_id = %s and p.handle = 'tester'",
                  (f"{method}\n{path}\nheld", own_tenant.id))
        own_tenant.api.request(method, path, body, headers={"Idempotency-Key": "held"}).refused(409, words("IDEMPOTENCY_KEY_IN_USE"))
    assert own_tenant.footprint()["task"] == made


def test_one_mail_for_one_key(stack, own_tenant, mailbox):
    """Asked for eight times at once, sent once."""
    to, key = f"{fresh('u')}@example.com", {"Idempotency-Key": fresh("key")}
    mail = {"to": [to], "subject": "s", "template": "voicemail", "template_data": DATA}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda c: c.put("/email", mail, headers=key), [stack.client(own_tenant.token) for _ in range(8)]))
    made = [a for a in answers if a.status == 201]
    assert made and len({a.body for a in made}) == 1
    for a in answers:
        if a.status != 201:
            a.refused(409, "idempotency_key_in_use")
    task = made[0].data["task_id"]
    until(lambda: own_tenant.api.get(f"/email/{task}").ok().data["state"] == "completed", "the mail")
    assert len(mailbox.to(to)) == 1 and own_tenant.footprint()["task"] == 1


def test_a_refusal_of_a_message_is_not_stored(make_stack, own_tenant):
    """Also not that the mail server is not set up."""
    key = {"Idempotency-Key": fresh("key")}
    mail = {"to": ["x"], "subject": "s", "template": "voicemail", "template_data": DATA}
    own_tenant.api.put("/email", mail, headers=key).refused(400, "invalid_email")
    own_tenant.api.put("/email", dict(mail, to=["x@example.com"]), headers=key).ok(201)
    bare = make_stack("nothing configured").tenant()
    before = bare.footprint()
    bare.api.put(f"/sms/{fresh('i')}", {"to": "+12025558301", "message": "m"}, headers=key).refused(500, "internal_error", words="TWILIO_ACCOUNT_SID is not set")
    assert bare.footprint() == before
