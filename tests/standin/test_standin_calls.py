# SPDX-License-Identifier: MIT
"""The stand-in's Calls, judged by npm's own client, its validateRequest and TwiML builder, and Twilio's OpenAPI document."""
import base64
import itertools
import json
import threading
import time
import urllib.parse

import pytest

import standin_twiml
from receiver import Reply as Answer
from standin_http import call as request_of
from standin_openapi import Judge
from standin_twilio import SPEC, Reply, Twilio, signature
from waiting import never, until

US = "+15005550006"
NUMBERS = itertools.count(1)
ALL = ["initiated", "ringing", "answered", "completed"]
SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="alice" language="en-US">Hello</Say></Response>'


def number():
    """A callee that no other test has."""
    return f"+4940{next(NUMBERS):08}"


def ask(twilio, method, path, form=None):
    headers = {"Authorization": "Basic " + base64.b64encode(f"{twilio.account}:{twilio.token}".encode()).decode()}
    body = None
    if form is not None:
        body, headers["Content-Type"] = urllib.parse.urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
    status, _, text = request_of(method, f"{twilio.url}/2010-04-01/Accounts/{twilio.account}/{path}", body, headers)
    return status, json.loads(text)


def place(twilio, **form):
    form = {"To": number(), "From": US, **({} if "Url" in form or "Twiml" in form else {"Twiml": SAY.decode()}), **form}
    return ask(twilio, "POST", "Calls.json", {k: v for k, v in form.items() if v is not None})


def placed(twilio, **form):
    """An accepted call, as the stand-in's own object."""
    status, data = place(twilio, **form)
    assert status == 201, data
    return next(c for c in twilio.calls if c.sid == data["sid"])


def ended(call, seconds=15):
    assert call.played.wait(seconds), f"{call.sid} is still {call.status}"
    return call


def told(call):
    return call.statuses_told("CallStatus")


def document(receiver, path, body, **more):
    return receiver.script(path, Answer(200, body, content_type="text/xml", **more))


def form_of(seen):
    return dict(urllib.parse.parse_qsl(seen.body.decode(), keep_blank_values=True))


@pytest.fixture(scope="session")
def judge():
    if not SPEC.exists():
        pytest.skip(f"Twilio's document is not here: no {SPEC} (TASKGATE_SHARED names another folder)")
    return Judge.of(SPEC)


@pytest.fixture
def status(receiver):
    """A URL for status callbacks of its own."""
    return receiver.script(f"/call-status-{next(NUMBERS)}?a=%20b", Answer(200, b"OK", content_type="text/plain"))


# -- npm's client --

def test_the_official_client_places_reads_lists_and_ends_calls(twilio, client_of):
    client, to, hold = client_of(twilio), number(), threading.Event()
    twilio.plan_call(to=to, holds={"in-progress": hold})
    made = client.does("create", of="calls", **{"with": {"to": to, "from": US, "twiml": SAY.decode(), "statusCallbackEvent": ALL, "timeout": 20,
                                                         "machineDetection": "Enable", "record": True}})
    assert made["status"] == "queued" and made["direction"] == "outbound-api" and made["startTime"] is None
    call, = twilio.calls_to(to)
    until(lambda: call.status == "in-progress", "the call to be answered")
    assert client.does("fetch", of="calls", sid=made["sid"])["answeredBy"] == "human"
    assert [c["sid"] for c in client.does("list", of="calls", **{"with": {"to": to, "status": "in-progress"}})] == [made["sid"]]
    assert client.does("update", of="calls", sid=made["sid"], **{"with": {"status": "completed"}})["status"] == "completed"
    ended(call)
    again = client.does("fetch", of="calls", sid=made["sid"])
    assert again["status"] == "completed" and again["startTime"] and again["endTime"] and again["duration"] == "1"
    assert client.refused("update", of="calls", sid=made["sid"], **{"with": {"status": "completed"}})["code"] == 21220


def test_the_official_client_lists_by_time(twilio, client_of):
    client, to = client_of(twilio), number()
    call = ended(placed(twilio, To=to))
    hour = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + d)) for d in (-3600, 3600)]
    assert [c["sid"] for c in client.does("list", of="calls", **{"with": {"to": to, "from": US, "startTimeAfter": hour[0]}})] == [call.sid]
    assert client.does("list", of="calls", **{"with": {"to": to, "startTimeAfter": hour[1]}}) == []
    assert client.does("list", of="calls", **{"with": {"to": to, "startTimeBefore": hour[0]}}) == []


def test_signatures_of_callbacks_and_of_twiml_requests(twilio, client_of, receiver, status):
    client = client_of(twilio)
    url = document(receiver, "/twiml-signed?x=1&y=%C3%BC", SAY)
    call = ended(placed(twilio, Url=url, StatusCallback=status, StatusCallbackEvent=ALL))
    for fired in call.fired + call.fetched:
        path = fired.url.split("/", 3)[3]
        seen = next(s for s in receiver.at(f"/{path}") if form_of(s) == dict(fired.params))
        assert client.does("validate", signature=seen.headers["X-Twilio-Signature"], url=fired.url, params=form_of(seen)) is True
        assert client.does("validate", signature=seen.headers["X-Twilio-Signature"], url=fired.url, params={**form_of(seen), "To": "+1"}) is False
    assert len(call.fired) == 4 and len(call.fetched) == 1


def test_what_the_official_builder_writes_is_read(npm_twilio, twilio, client_of):
    text = client_of(twilio).does("twiml", **{"with": {"say": "a & b < ü", "pause": {"length": 1}, "play": "http://127.0.0.1/x.mp3", "redirect": "/next"}})
    verbs, warnings = standin_twiml.read(text.encode(), "text/xml")
    assert [v.name for v in verbs] == ["Say", "Pause", "Play", "Redirect"] and verbs[0].text == "a & b < ü" and warnings == []


# -- what it refuses --

@pytest.mark.parametrize("code, form", [
    (21201, {"To": None}), (21211, {"To": "555"}), (21211, {"To": "sip:a@example.com"}), (21217, {"To": "+15005550001"}), (21214, {"To": "+15005550002"}),
    (21215, {"To": "+15005550003"}), (21216, {"To": "+15005550004"}), (21213, {"From": None}), (21212, {"From": "+15005550001"}), (21212, {"From": "me"}),
    (21210, {"From": "+15551112222"}), (21205, {"Twiml": None}), (21205, {"Url": "/relative"}), (21205, {"Url": "http://"}), (21609, {"StatusCallback": "x"}),
    (21626, {"StatusCallbackEvent": "initiated ringing"}), (21626, {"StatusCallbackEvent": ["completed", "no-answer"]}), (21208, {"SendDigits": "12x"}),
    (20422, {"StatusCallbackMethod": "PUT"}), (20422, {"Timeout": "long"}), (20422, {"Record": "perhaps"}), (20422, {"MachineDetection": "yes"}),
    (20001, {"Message": "Hello"}), (20422, {"Twiml": "x" * 4001}),
])
@pytest.mark.parametrize("which", ["document", "short list"])
def test_refusals(twilio, request, which, code, form):
    if which == "document":
        request.getfixturevalue("judge")
        stand_in = twilio
    else:
        stand_in = Twilio(spec=False)
        request.addfinalizer(stand_in.close)
    before = len(stand_in.calls)
    got, data = place(stand_in, **form)
    assert (got, data["code"], data["status"]) == (400, code, 400) and len(stand_in.calls) == before


def test_refused_changes(twilio):
    call = ended(placed(twilio))
    for form, code in (({}, 20422), ({"Status": "busy"}, 20422), ({"Status": "completed", "Twiml": "<Response/>"}, 20422), ({"Status": "canceled"}, 21220),
                       ({"Twiml": "<Response/>"}, 21220), ({"To": US}, 20001)):
        assert ask(twilio, "POST", f"Calls/{call.sid}.json", form)[1]["code"] == code, form
    assert ask(twilio, "POST", f"Calls/CA{'0' * 32}.json", {"Status": "completed"})[1]["code"] == 20404


def test_answers_have_the_documents_shape(twilio, judge):
    root = "/2010-04-01/Accounts/{AccountSid}"
    status, made = place(twilio)
    assert judge.answer(f"{root}/Calls.json", "POST", 201, made) == []
    ended(next(c for c in twilio.calls if c.sid == made["sid"]))
    assert judge.answer(f"{root}/Calls/{{Sid}}.json", "GET", 200, ask(twilio, "GET", f"Calls/{made['sid']}.json")[1]) == []
    assert judge.answer(f"{root}/Calls.json", "GET", 200, ask(twilio, "GET", "Calls.json?PageSize=3")[1]) == []


# -- what becomes of a call --

def test_the_events_of_an_answered_call(twilio, status):
    to = number()
    twilio.plan_call(to=to, duration=75)
    call = ended(placed(twilio, To=to, StatusCallback=status, StatusCallbackEvent=ALL, Record="true"))
    assert told(call) == ["initiated", "ringing", "in-progress", "completed"]
    params = [dict(f.params) for f in call.fired]
    assert [p["SequenceNumber"] for p in params] == ["0", "1", "2", "3"] and all(p["CallbackSource"] == "call-progress-events" and p["Timestamp"] for p in params)
    assert all({"CallSid", "AccountSid", "From", "To", "Direction", "ApiVersion"} <= set(p) for p in params)
    assert params[3]["CallDuration"] == "75" and params[3]["Duration"] == "2" and params[3]["RecordingUrl"] and "CallDuration" not in params[2]
    assert [v.text for v in call.heard] == ["Hello"] and call.errors == []


def test_without_events_only_the_end_is_told(twilio, status):
    call = ended(placed(twilio, StatusCallback=status))
    assert told(call) == ["completed"] and dict(call.fired[0].params)["SequenceNumber"] == "0"


@pytest.mark.parametrize("outcome, before, sip", [("busy", ["initiated", "ringing"], "486"), ("no-answer", ["initiated", "ringing"], "487"),
                                                  ("failed", ["initiated"], "404")])
def test_calls_that_nobody_answers(twilio, status, outcome, before, sip):
    to = number()
    twilio.plan_call(outcome, to=to)
    call = ended(placed(twilio, To=to, StatusCallback=status, StatusCallbackEvent=ALL))
    assert told(call) == [*before, outcome] and call.heard == []
    last = dict(call.fired[-1].params)
    assert (last["CallDuration"], last["SipResponseCode"]) == ("0", sip)
    data = ask(twilio, "GET", f"Calls/{call.sid}.json")[1]
    assert (data["status"], data["duration"]) == (outcome, "0")


def test_numbers_of_its_own(twilio):
    assert [ended(placed(twilio, To=f"+4950000{n}")).status for n in ("0199", "0198", "0197")] == ["no-answer", "busy", "failed"]


def test_doubled_reordered_and_missing_callbacks(twilio, status):
    calls = []
    for odd in ({"doubled": True}, {"reordered": True}, {"missing": True}, {"missing": ["completed"]}):
        to = number()
        twilio.plan_call(to=to, **odd)
        calls.append(ended(placed(twilio, To=to, StatusCallback=status, StatusCallbackEvent=["answered", "completed"])))
    assert [told(c) for c in calls] == [["in-progress"] * 2 + ["completed"] * 2, ["completed", "in-progress"], [], ["in-progress"]]
    assert [dict(f.params)["SequenceNumber"] for f in calls[1].fired] == ["1", "0"]
    assert {c.status for c in calls} == {"completed"}


def test_a_slow_receiver_does_not_hold_the_call_up(twilio, receiver):
    gate = threading.Event()
    url = receiver.script("/slow-status", Answer(200, b"OK", gate=gate))
    call = placed(twilio, StatusCallback=url, StatusCallbackEvent=ALL)
    until(lambda: call.status == "completed", "the end of the call")
    assert not call.played.is_set()
    gate.set()
    ended(call)
    assert told(call) == ["initiated", "ringing", "in-progress", "completed"]


def test_a_callback_by_hand_and_by_get(twilio, receiver):
    path = "/by-get"
    call = ended(placed(twilio, StatusCallback=receiver.script(path, Answer(200, b"")), StatusCallbackMethod="GET"))
    seen = next(s for s in receiver.seen if s.path.startswith(f"{path}?") and call.sid in s.path)
    assert seen.method == "GET" and seen.headers["X-Twilio-Signature"] == signature(twilio.token, f"http://127.0.0.1:{receiver.port}{seen.path}", [])
    other = ended(placed(twilio, StatusCallback=receiver.script("/by-hand", Answer(202, b"late"))))
    fired = twilio.callback(other, "ringing", sequence=9)
    assert (fired.status, fired.body, dict(fired.params)["SequenceNumber"]) == (202, b"late", "9") and other.status == "completed"


# -- ending a call through the API --

@pytest.mark.parametrize("state, asked, final", [("queued", "canceled", "canceled"), ("ringing", "canceled", "canceled"), ("ringing", "completed", "canceled"),
                                                 ("in-progress", "completed", "completed")])
def test_hanging_up(twilio, status, state, asked, final):
    to = number()
    twilio.plan_call(to=to, holds={state: threading.Event()})
    call = placed(twilio, To=to, StatusCallback=status)
    until(lambda: call.status == state, state)
    assert ask(twilio, "POST", f"Calls/{call.sid}.json", {"Status": asked})[1]["status"] == final
    ended(call)
    assert told(call) == [final] and call.status == final and call.heard == []


def test_canceled_does_not_end_a_call_in_progress(twilio):
    to, hold = number(), threading.Event()
    twilio.plan_call(to=to, holds={"in-progress": hold})
    call = placed(twilio, To=to)
    until(lambda: call.status == "in-progress", "the answer")
    assert ask(twilio, "POST", f"Calls/{call.sid}.json", {"Status": "canceled"})[1]["status"] == "in-progress"
    hold.set()
    assert ended(call).status == "completed"


def test_new_instructions_for_a_call_in_progress(twilio):
    to = number()
    twilio.plan_call(to=to, holds={"in-progress": threading.Event()})
    call = placed(twilio, To=to)
    until(lambda: call.status == "in-progress", "the answer")
    ask(twilio, "POST", f"Calls/{call.sid}.json", {"Twiml": "<Response><Say>Instead</Say></Response>"})
    assert [v.text for v in ended(call).heard] == ["Instead"]


# -- TwiML --

def test_the_document_is_asked_for_and_played(twilio, receiver):
    url = document(receiver, "/twiml-plain", SAY)
    call = ended(placed(twilio, Url=url))
    params = form_of(receiver.at("/twiml-plain")[0])
    assert params["CallSid"] == call.sid and params["CallStatus"] == "in-progress" and params["Direction"] == "outbound-api" and params["To"] == call.to
    assert [(v.name, v.text, v.get("voice")) for v in call.heard] == [("Say", "Hello", "alice")]


def test_gather_is_followed(twilio, receiver):
    to = number()
    first = document(receiver, "/gather", b'<Response><Gather input="speech dtmf" action="/gathered?n=1" timeout="15" speechTimeout="auto">'
                                          b'<Say>Ask</Say></Gather><Say>Nobody spoke</Say></Response>')
    document(receiver, "/gathered?n=1", b'<Response><Gather action="again"><Say>More</Say></Gather></Response>')
    document(receiver, "/again", b"<Response><Say>Bye</Say><Hangup/><Say>never</Say></Response>")
    twilio.plan_call(to=to, inputs=[{"SpeechResult": "yes please"}, "42#"])
    call = ended(placed(twilio, To=to, Url=first))
    assert form_of(receiver.at("/gathered?n=1")[0])["SpeechResult"] == "yes please" and form_of(receiver.at("/again")[0])["Digits"] == "42"
    assert [v.text for v in call.heard] == ["Ask", "More", "Bye"] and call.status == "completed" and call.errors == []


def test_a_gather_without_input_goes_on(twilio, receiver):
    url = document(receiver, "/silence", b"<Response><Gather><Say>Ask</Say></Gather><Say>Nobody spoke</Say></Response>")
    to = number()
    twilio.plan_call(to=to, inputs=[{"SpeechResult": "not listened to"}])
    assert [v.text for v in ended(placed(twilio, To=to, Url=url)).heard] == ["Ask", "Nobody spoke"]
    assert len(receiver.at("/silence")) == 1
    spoken = document(receiver, "/no-keys", b'<Response><Gather input="speech"/><Say>No keys</Say></Response>')
    twilio.plan_call(to=to, inputs=["1"])
    assert [v.text for v in ended(placed(twilio, To=to, Url=spoken)).heard] == ["No keys"] and len(receiver.at("/no-keys")) == 1
    asks = document(receiver, "/silence-told", b'<Response><Gather action="/empty" actionOnEmptyResult="true"/></Response>')
    document(receiver, "/empty", b"<Response/>")
    ended(placed(twilio, Url=asks))
    assert form_of(receiver.at("/empty")[0])["Digits"] == ""


def test_record_and_redirect(twilio, receiver):
    to = number()
    url = document(receiver, "/record", b'<Response><Record action="/recorded" maxLength="20"/></Response>')
    document(receiver, "/recorded", b'<Response><Redirect method="GET">/moved?z=1</Redirect></Response>')
    twilio.plan_call(to=to, inputs=["#"])
    call = ended(placed(twilio, To=to, Url=url))
    assert form_of(receiver.at("/recorded")[0])["RecordingUrl"].startswith(twilio.url)
    moved = next(s for s in receiver.seen if s.path.startswith("/moved?z=1&"))
    assert moved.method == "GET" and f"CallSid={call.sid}" in moved.path
    # At a path without a script the receiver answers {} as JSON.
    assert [c for c, _ in call.errors] == [12300]


@pytest.mark.parametrize("answer, code", [
    (Answer(500, SAY, content_type="text/xml"), 11200), (Answer(200, SAY, content_type="application/json"), 12300), (Answer(200, b"<Response>", content_type="text/xml"), 12100),
    (Answer(200, b" <?xml version='1.0'?><Response/>", content_type="text/xml"), 12100), (Answer(200, b"<response/>", content_type="application/xml"), 12102),
    (Answer(200, b"<!DOCTYPE a [<!ENTITY b 'c'>]><Response><Say>&b;</Say></Response>", content_type="text/xml"), 12100), (Answer(drop="before"), 11200),
])
def test_documents_that_are_none(twilio, receiver, answer, code):
    """The callee hears an apology, and the call has been completed."""
    path = f"/bad-{next(NUMBERS)}"
    call = ended(placed(twilio, Url=receiver.script(path, answer)))
    assert [c for c, _ in call.errors] == [code] and call.heard == [] and call.status == "completed"


def test_a_fallback(twilio, receiver):
    url = receiver.script("/bad-with-fallback", Answer(500, b""))
    call = ended(placed(twilio, Url=url, FallbackUrl=document(receiver, "/fallback", SAY)))
    params = form_of(receiver.at("/fallback")[0])
    assert (params["ErrorCode"], params["ErrorUrl"]) == ("11200", url) and [v.text for v in call.heard] == ["Hello"]


@pytest.mark.parametrize("body, words", [
    (b"<Response><say>x</say></Response>", "<say> is not expected"), (b"<Response><Say tone='x'>x</Say></Response>", "no attribute tone"),
    (b"<Response><Gather><Redirect>/x</Redirect></Gather></Response>", "<Redirect> is not expected"), (b"<Response><Dial>+1</Dial></Response>", "not played"),
])
def test_warnings(twilio, receiver, body, words):
    call = ended(placed(twilio, Url=document(receiver, f"/warned-{next(NUMBERS)}", body)))
    assert [c for c, _ in call.errors] == [12200] and words in call.errors[0][1] and call.status == "completed"


def test_speech_markup_is_no_warning():
    verbs, warnings = standin_twiml.read(b"<Response><Say>a <emphasis level='strong'>b</emphasis><break/> c</Say></Response>")
    assert warnings == [] and verbs[0].text == "a b c"


def test_a_loop_of_documents_ends(twilio, receiver):
    url = document(receiver, "/loop", b"<Response><Redirect/></Response>")
    call = ended(placed(twilio, Url=url), 30)
    assert call.errors[-1][0] == 11215 and call.status == "completed"


def test_strangers_are_never_asked(twilio):
    call = ended(placed(twilio, Url="https://your-domain.com/api/v1/twilio/incoming-call", StatusCallback="https://your-domain.com/x"))
    assert call.status == "completed" and "NotLoopback" in call.fired[0].error and "NotLoopback" in call.fetched[0].error


# -- scripts --

@pytest.mark.parametrize("drop, stored", [("before", 0), ("after", 1)])
def test_dropped_connections(twilio, drop, stored):
    to = number()
    twilio.script(Reply(drop=drop), to=to)
    with pytest.raises(OSError):
        place(twilio, To=to)
    assert len(twilio.calls_to(to)) == stored and len(twilio.creations(to)) == 1


def test_lists_lag_and_a_sid_does_not(request):
    own = Twilio(spec=False, lag=3600)
    request.addfinalizer(own.close)
    call = ended(placed(own))
    path = f"Calls.json?To={urllib.parse.quote(call.to)}"
    assert ask(own, "GET", path)[1]["calls"] == [] and ask(own, "GET", f"Calls/{call.sid}.json")[1]["sid"] == call.sid
    own.lag = 0
    assert [c["sid"] for c in ask(own, "GET", path)[1]["calls"]] == [call.sid]


def test_refusals_by_script_leave_no_call(twilio):
    to = number()
    twilio.script(Reply(429), Reply(500), Reply(503), to=to)
    assert [place(twilio, To=to)[1]["code"] for _ in range(3)] == [20429, 20500, 20503]
    never(lambda: twilio.calls_to(to), "a call", 0.1)
