# SPDX-License-Identifier: MIT
"""Twilio's own webhooks: the TwiML of an answered call, what is said to it, what became of it, whose signature is right, and the client's own status callback."""
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

import calling
from client import UTC
from receiver import Reply as Hook
from signing import check_signature
from stack import fresh
from standin_http import Reply
from standin_twiml import read
from waiting import PATIENCE, never, until

DEFAULT = "Hello. This is an automated call."
SILENCE = "We did not hear anything. Goodbye."


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


def sid():
    return "CA" + fresh("x").encode().hex()[-32:].zfill(32)


def twiml(answer):
    """Parses it by itself and as the stand-in does; gives the root."""
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/xml", repr(answer)
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "Response", repr(answer)
    _, warnings = read(answer.body, "application/xml")
    assert warnings == []
    return root


def incoming(stack, twilio, pairs=None, query="", **more):
    return calling.hook(stack, twilio, "incoming-call", pairs or [("CallSid", sid()), ("From", "+12025550101"), ("To", "+12025550102"), ("CallStatus", "in-progress")], query, **more)


def events(stack, call):
    return stack.rows("select status, sequence, task_id, params::text from twilio_event where sid = %s order by sequence, status", call)


def played(tenant, twilio, **fields):
    """Queues a call, lets it run to its end; gives the stand-in's call and its last status."""
    number, made = calling.queue(tenant.api, **fields)
    done = calling.wait(tenant.api, made["task_id"])
    return calling.the_call(twilio, number), done


# -- TwiML --

def test_what_an_answered_call_says(tenant, twilio):
    call, _ = played(tenant, twilio, call_metadata={"message": "This is a test call from Celery Twilio API", "voice": "man", "language": "de-DE", "customer_id": "1"})
    said, = call.heard
    assert (said.name, said.text, said.attributes) == ("Say", "This is a test call from Celery Twilio API", {"voice": "man", "language": "de-DE"})
    assert call.errors == [] and [f.status for f in call.fetched] == [200]


def test_without_metadata_it_listens(tenant, twilio, stack):
    call, _ = played(tenant, twilio)
    assert [(v.name, v.text, v.attributes) for v in call.heard] == [("Say", t, {"voice": "alice", "language": "en-US"}) for t in (DEFAULT, SILENCE)]
    root = twiml_of(call)
    gather, fallback = root
    assert (gather.tag, fallback.tag, len(root)) == ("Gather", "Say", 2)
    assert gather.attrib == {"input": "speech dtmf", "timeout": "15", "speechTimeout": "auto", "method": "POST", "action": f"http://127.0.0.1:{stack.port}/api/v1/twilio/gather-callback"}


def twiml_of(call):
    return ElementTree.fromstring(call.fetched[0].body)


@pytest.mark.parametrize("metadata, listens", [(None, True), ({}, True), ({"customer_id": "1"}, False), ({"gather_input": True}, True), ({"gather_input": False}, False),
                                               ({"gather_input": None}, False), ({"gather_input": True, "message": "Yes?"}, True)], ids=repr)
def test_gather_input(tenant, twilio, metadata, listens):
    """True where no metadata is sent, false where it is and says nothing (spec/facts.md 3.1.2)."""
    call, _ = played(tenant, twilio, call_metadata=metadata)
    assert (twiml_of(call)[0].tag == "Gather") is listens
    assert call.heard[0].text == ((metadata or {}).get("message") or DEFAULT) and call.errors == []


def test_an_empty_object_is_empty_however_it_is_written(tenant, twilio):
    number = calling.phone()
    body = '{"to_number": "%s", "call_metadata": {\n}}' % number
    made = tenant.api.post(f"{calling.API}/queue-single-call", body=body.encode(), headers={"Content-Type": "application/json"}).ok().json
    calling.wait(tenant.api, made["task_id"])
    assert twiml_of(calling.the_call(twilio, number))[0].tag == "Gather"


@pytest.mark.parametrize("message", ["a < b & c > d \"q\" 'a'", "</Say><Hangup/>", "<![CDATA[x]]>", "&amp;", "zwölf Boxkämpfer € 😀", "tab\tline\nend", "\x01bell\x07", "￾￿", "]]>", " lead"])
def test_words_are_escaped(tenant, twilio, message):
    """Whatever the words are, they are one Say; what XML cannot hold is left out."""
    call, _ = played(tenant, twilio, call_metadata={"message": message})
    root = twiml_of(call)
    assert [e.tag for e in root] == ["Say"] and len(root[0]) == 0
    kept = "".join(c for c in message if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff"))
    assert (root[0].text or "") == kept and call.errors == []


def test_an_unknown_call_hears_the_default_words(stack, twilio):
    root = twiml(incoming(stack, twilio))
    assert [e.tag for e in root] == ["Gather", "Say"] and root[0][0].text == DEFAULT
    root = twiml(incoming(stack, twilio, query="?call=00000000-0000-4000-8000-000000000000"))
    assert root[0][0].text == DEFAULT


def test_words_of_the_address(stack, twilio):
    """Where the call is not ours the address may say what to say, as the original's did; a call's own metadata goes first."""
    query = "?" + urllib.parse.urlencode({"message": "From <the> address", "voice": "woman", "language": "fr-FR", "gather_input": "false", "company_key": "x"})
    root = twiml(incoming(stack, twilio, query=query))
    assert [(e.tag, e.text, e.attrib) for e in root] == [("Say", "From <the> address", {"voice": "woman", "language": "fr-FR"})]


def test_metadata_goes_before_the_address(tenant, stack, twilio):
    call, _ = played(tenant, twilio, call_metadata={"message": "Mine"})
    root = twiml(incoming(stack, twilio, [("CallSid", call.sid)], "?message=Other&gather_input=true&voice=man"))
    assert root.find(".//Say").text == "Mine" and root.find(".//Say").attrib["voice"] == "man"


def test_other_refusals(stack, twilio):
    for name in ("incoming-call", "call-status", "gather-callback"):
        def post(pairs, query="", **more):
            return calling.hook(stack, twilio, name, pairs, query, **more)
        good = [("CallSid", sid()), ("CallStatus", "ringing")]
        assert post([("X", "y")]).status == 400
        assert post(good, content_type="application/json").status == 415
        assert post([("CallSid", "x" * 70000)]).status == 413
        assert post([("CallSid", "x" * 65), ("CallStatus", "ringing")]).status == 400
        assert stack.client().get(f"{calling.HOOKS}/{name}").status == 405
        if name != "gather-callback":
            assert post(good, "?call=x").status == 400
    assert calling.hook(stack, twilio, "call-status", [("CallSid", sid()), ("CallStatus", "ringing"), ("CallDuration", "x")]).status == 400


# -- what is said to a call --

def test_what_is_gathered_is_stored_and_shown(tenant, twilio, stack):
    number = calling.phone()
    twilio.plan_call(to=number, inputs=["12#"])
    call, done = played(tenant, twilio, number=number, call_metadata={"gather_input": True})
    gathered, = done["result"]["gathered"]
    assert (gathered["digits"], gathered["speech"]) == ("12", None) and UTC.fullmatch(gathered["at"])
    assert [e["status"] for e in events(stack, call.sid)].count("gathered") == 1
    assert call.heard[-1].text == "Thank you. Goodbye." and call.errors == []


def test_speech_and_more_than_once(tenant, twilio, stack):
    number, gate = calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"in-progress": gate})
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    until(lambda: calling.call_of(stack, made["task_id"])["status"] == "in-progress", "the answer")
    for speech, digits in (("Yes, please — ü", None), (None, ""), ("no", "1")):
        pairs = [("CallSid", call.sid), *[(k, v) for k, v in (("SpeechResult", speech), ("Digits", digits)) if v is not None]]
        twiml(calling.hook(stack, twilio, "gather-callback", pairs))
    gate.set()
    gathered = calling.wait(tenant.api, made["task_id"])["result"]["gathered"]
    assert [(g["speech"], g["digits"]) for g in gathered] == [("Yes, please — ü", None), (None, ""), ("no", "1")]


def test_gathered_of_nobodys_call_is_kept(stack, twilio):
    call = sid()
    twiml(calling.hook(stack, twilio, "gather-callback", [("CallSid", call), ("Digits", "1")]))
    assert [(e["status"], e["task_id"]) for e in events(stack, call)] == [("gathered", None)]


# -- what became of a call --

def test_reports_in_order(tenant, twilio, stack):
    call, done = played(tenant, twilio)
    assert call.played.wait(10 * PATIENCE)
    assert [e["status"] for e in events(stack, call.sid)] == ["initiated", "ringing", "in-progress", "completed"]
    assert all((f.status, f.body) == (200, b"OK") for f in call.fired) and done["result"]["duration"] == 1
    assert [s for s in twilio.requests if s.method == "GET" and call.sid in s.path] == []


@pytest.mark.parametrize("how", [{"doubled": True}, {"reordered": True}, {"doubled": True, "reordered": True}], ids=repr)
@pytest.mark.parametrize("outcome, word", [("completed", "SUCCESS"), ("busy", "FAILURE")])
def test_reports_doubled_and_out_of_order(tenant, twilio, stack, how, outcome, word):
    number = calling.phone()
    twilio.plan_call(outcome, to=number, **how)
    call, done = played(tenant, twilio, number=number)
    assert call.played.wait(10 * PATIENCE) and done["status"] == word
    until(lambda: all(f.status == 200 for f in call.fired), lambda: call.fired)
    told = [e["status"] for e in events(stack, call.sid)]
    assert len(told) == len(set(told)) == (4 if outcome == "completed" else 3)
    assert calling.status(tenant.api, done["task_id"]) == done
    history = tenant.api.get(f"/task/{done['task_id']}?include_history=true").ok().data["history"]
    assert len(history) == 3


@pytest.mark.parametrize("missing", [True, ["completed"], ["initiated", "ringing", "in-progress"]], ids=repr)
def test_reports_that_are_missing(tenant, twilio, missing):
    """Then Twilio is asked; nothing is dialled again."""
    number = calling.phone()
    twilio.plan_call(to=number, missing=missing, duration=42)
    call, done = played(tenant, twilio, number=number)
    assert (done["status"], done["result"]["duration"], done["result"]["call_sid"]) == ("SUCCESS", 42, call.sid)
    assert len(twilio.creations(number)) == 1
    if missing is True or "completed" in missing:
        assert [s for s in twilio.requests if s.method == "GET" and call.sid in s.path]


def test_a_report_before_the_answer(tenant, twilio, stack):
    """Twilio's report names the call by the address that it was given, while our request still waits."""
    number, asking = calling.phone(), threading.Event()
    twilio.script(Reply(gate=asking), to=number)
    _, made = calling.queue(tenant.api, number)
    done = calling.wait(tenant.api, made["task_id"])
    asking.set()
    call = calling.the_call(twilio, number)
    assert (done["status"], done["result"]["call_sid"]) == ("SUCCESS", call.sid)
    never(lambda: calling.status(tenant.api, made["task_id"])["status"] != "SUCCESS", "a change by the late answer")


def test_reports_after_the_end_change_nothing(tenant, twilio, stack):
    call, done = played(tenant, twilio)
    assert call.played.wait(10 * PATIENCE)
    for n, status in enumerate(("ringing", "busy", "failed", "completed", "teleported")):
        assert twilio.callback(call, status, sequence=50 + n).status == 200
    assert calling.status(tenant.api, done["task_id"]) == done


def test_an_unknown_status_changes_nothing(tenant, twilio, stack):
    number, gate = calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": gate})
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    until(lambda: calling.call_of(stack, made["task_id"])["status"] == "ringing", "ringing")
    assert calling.hook(stack, twilio, "call-status", [("CallSid", call.sid), ("CallStatus", "teleported"), ("SequenceNumber", "9")]).status == 200
    assert calling.status(tenant.api, made["task_id"])["status"] == "PROGRESS"
    gate.set()
    calling.wait(tenant.api, made["task_id"], "SUCCESS")


def test_a_report_of_nobodys_call_is_kept_once(stack, twilio):
    call = sid()
    for _ in range(2):
        got = calling.hook(stack, twilio, "call-status", [("CallSid", call), ("CallStatus", "completed"), ("SequenceNumber", "3")])
        assert (got.status, got.body) == (200, b"OK")
    assert [(e["status"], e["task_id"]) for e in events(stack, call)] == [("completed", None)]


# -- signatures --

def test_a_wrong_or_missing_signature_is_403_and_nothing_is_stored(tenant, twilio, stack):
    number, gate = calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": gate})
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    until(lambda: calling.call_of(stack, made["task_id"])["status"] == "ringing", "ringing")
    before, rows = calling.status(tenant.api, made["task_id"]), events(stack, call.sid)
    base = f"http://127.0.0.1:{stack.port}{calling.HOOKS}"
    for name in ("call-status", "incoming-call", "gather-callback"):
        pairs = [("CallSid", call.sid), ("CallStatus", "completed"), ("CallDuration", "5"), ("SequenceNumber", "77"), ("Digits", "1")]
        good = calling.signature(twilio.token, f"{base}/{name}", pairs)
        wrongs = [{"given": ""}, {"given": "AAAA"}, {"given": good[:-1]}, {"given": good.swapcase()}, {"given": good + "="}, {"token": "another"}, {"signed_url": f"{base}/{name}?"},
                  {"signed_url": f"{base}/{name}/"}, {"signed_url": f"https://127.0.0.1:{stack.port}{calling.HOOKS}/{name}"}, {"signed_url": f"http://localhost:{stack.port}{calling.HOOKS}/{name}"},
                  {"given": calling.signature(twilio.token, f"{base}/{name}", pairs[:-1])}, {"query": "?a=1", "signed_url": f"{base}/{name}"},
                  {"query": "?a=1&b=2", "signed_url": f"{base}/{name}?b=2&a=1"}, {"query": "?a=%2F", "signed_url": f"{base}/{name}?a=/"}]
        for wrong in wrongs:
            got = calling.hook(stack, twilio, name, pairs, **wrong)
            assert got.status == 403 and got.headers["Content-Type"].startswith("text/plain") and b"Response" not in got.body, (name, wrong, repr(got))
    assert calling.status(tenant.api, made["task_id"]) == before and events(stack, call.sid) == rows
    assert calling.call_of(stack, made["task_id"])["gathered"] is None
    gate.set()
    calling.wait(tenant.api, made["task_id"], "SUCCESS")


def test_a_token_is_no_signature(tenant, stack):
    got = tenant.api.post(f"{calling.HOOKS}/call-status", body=b"CallSid=CA1&CallStatus=completed", headers={"Content-Type": calling.FORM})
    assert got.status == 403


def test_a_form_is_signed_as_it_is_decoded(stack, twilio):
    call = sid()
    pairs = [("CallSid", call), ("CallStatus", "ringing"), ("Odd", "ä ö+&=%"), ("Empty", ""), ("a", "1"), ("A", "2"), ("SequenceNumber", "1")]
    assert calling.hook(stack, twilio, "call-status", pairs, "?a=%2F&b=x+y").status == 200
    assert len(events(stack, call)) == 1


# -- the client's own callback --

def form_of(seen):
    return urllib.parse.parse_qsl(seen.body.decode(), keep_blank_values=True)


def judge(client_if_any, twilio, url, seen):
    """Twilio's own client says whether the signature is Twilio's; where npm is not there, it is recomputed."""
    signature, pairs = seen.headers["X-Twilio-Signature"], form_of(seen)
    assert signature == calling.signature(twilio.token, url, pairs)
    if client_if_any is None:
        return
    client = client_if_any(twilio)
    assert client.does("validate", signature=signature, url=url, params=dict(pairs)) is True
    assert client.does("validate", signature=signature, url=url + "x", params=dict(pairs)) is False


def test_the_clients_own_status_callback(client_if_any, tenant, twilio, receiver, stack):
    """The same form as Twilio sent us, signed for his address, once for each (CallSid, CallStatus, SequenceNumber), with our webhook headers beside it."""
    path = f"/{fresh('status')}?customer=%20b&x=1"
    url = receiver.script(path, Hook(200, b"OK", content_type="text/plain"))
    number = calling.phone()
    twilio.plan_call(to=number, doubled=True)
    call, done = played(tenant, twilio, number=number, status_callback_url=url)
    assert call.played.wait(10 * PATIENCE)
    seen = receiver.wait(path, 4)
    never(lambda: len(receiver.at(path)) > 4, "a fifth one")
    seen = sorted(receiver.at(path), key=lambda s: int(dict(form_of(s))["SequenceNumber"]))
    assert [dict(form_of(s))["CallStatus"] for s in seen] == ["initiated", "ringing", "in-progress", "completed"]
    sent = {dict(f.params)["SequenceNumber"]: f.params for f in call.fired}
    for s in seen:
        assert form_of(s) == sent[dict(form_of(s))["SequenceNumber"]] and s.headers["Content-Type"] == calling.FORM and s.method == "POST"
        check_signature(stack, tenant, s)
        judge(client_if_any, twilio, url, s)
    assert len({s.headers["webhook-id"] for s in seen}) == 4
    assert calling.the_call(twilio, number).get("StatusCallback") != url


def test_it_is_sent_again_until_it_is_taken(tenant, twilio, receiver):
    path = f"/{fresh('status')}"
    url = receiver.script(path, Hook(500), Hook(200))
    number = calling.phone()
    twilio.plan_call("busy", to=number, missing=["initiated", "ringing"])
    played(tenant, twilio, number=number, status_callback_url=url)
    first, second = receiver.wait(path, 2)
    assert first.body == second.body and first.headers["webhook-id"] == second.headers["webhook-id"] and dict(form_of(first))["CallStatus"] == "busy"


def test_a_campaigns_status_callback_is_told_of_all_numbers(tenant, twilio, receiver):
    path = f"/{fresh('status')}"
    url = receiver.script(path, Hook(200))
    numbers = [calling.phone() for _ in range(3)]
    made = calling.queue_bulk(tenant.api, numbers, status_callback_url=url)
    calling.wait(tenant.api, made["task_id"], "SUCCESS")
    until(lambda: {dict(form_of(s))["To"] for s in receiver.at(path) if dict(form_of(s))["CallStatus"] == "completed"} == set(numbers), "the end of all three")


@pytest.mark.parametrize("tail", ["call-status", "call-status?x=1", "other"])
def test_an_address_of_our_own_is_not_forwarded_to(tenant, twilio, stack, tail):
    """The document's own example names one, and would loop for ever."""
    number = calling.phone()
    call, done = played(tenant, twilio, number=number, status_callback_url=f"http://127.0.0.1:{stack.port}/api/v1/twilio/{tail}")
    assert done["status"] == "SUCCESS" and call.played.wait(10 * PATIENCE)
    assert len(call.fired) == 4
    assert stack.value("select count(*) from delivery d join task t on t.id = d.task_id where t.public_id = %s", done["task_id"]) == 0


def test_whoever_cancels_still_hears_of_the_end(tenant, twilio, receiver):
    """The task is REVOKED; what Twilio then reports of the call goes to the caller as ever."""
    path, number, gate = f"/{fresh('status')}", calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": gate})
    _, made = calling.queue(tenant.api, number, status_callback_url=receiver.script(path, Hook(200)))
    calling.wait_message(tenant.api, made["task_id"], "Call created successfully")
    calling.the_call(twilio, number)
    calling.cancel(tenant.api, made["task_id"]).ok()
    assert calling.wait(tenant.api, made["task_id"])["status"] == "REVOKED"
    until(lambda: "canceled" in [dict(form_of(s))["CallStatus"] for s in receiver.at(path)], "the end of the call")
    gate.set()


def test_what_is_learnt_by_asking_is_not_forwarded(tenant, twilio, receiver, stack):
    """He gets what Twilio sends; where Twilio sent nothing there is nothing to send on."""
    path = f"/{fresh('status')}"
    number = calling.phone()
    twilio.plan_call(to=number, missing=True)
    _, done = played(tenant, twilio, number=number, status_callback_url=receiver.script(path, Hook(200)))
    assert done["status"] == "SUCCESS"
    never(lambda: receiver.at(path), "a status callback that nobody sent")
