# SPDX-License-Identifier: MIT
"""The stand-in for Twilio, judged by others: npm's own client, its validateRequest, and Twilio's OpenAPI document."""
import base64
import json
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from client import raw
from receiver import Reply as Answer
from standin_http import NotLoopback, call
from standin_messages import segments
from standin_openapi import Judge, is_url
from standin_twilio import SPEC, Reply, Twilio, played, signature
from waiting import never, until

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
US = "+15005550006"
NUMBERS = iter(range(10**6))


def number():
    """A recipient that no other test has."""
    return f"+4930{next(NUMBERS):08}"


def ask(twilio, method, path, form=None, token=None, headers=None, body=None):
    """(status, headers, JSON) of one request; path is below the account."""
    send = {"Authorization": "Basic " + base64.b64encode(f"{twilio.account}:{token or twilio.token}".encode()).decode()}
    if form is not None:
        body = urllib.parse.urlencode(form, doseq=True).encode()
        send["Content-Type"] = "application/x-www-form-urlencoded"
    status, got, text = call(method, f"{twilio.url}/2010-04-01/Accounts/{twilio.account}/{path}", body, {**send, **(headers or {})})
    return status, got, json.loads(text)


def send(twilio, **form):
    form = {"To": number(), "From": US, "Body": "Hello", **form}
    return ask(twilio, "POST", "Messages.json", {k: v for k, v in form.items() if v is not None})


def sent(twilio, **form):
    """An accepted message, as the stand-in's own object."""
    status, _, data = send(twilio, **form)
    assert status == 201, data
    return next(m for m in twilio.messages if m.sid == data["sid"])


def refused(twilio, status, code, **form):
    got, _, data = send(twilio, **form)
    assert (got, data.get("code")) == (status, code), data
    assert data["status"] == status and data["message"] and data["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    return data


@pytest.fixture
def short():
    """A stand-in without Twilio's document."""
    made = Twilio(spec=False)
    yield made
    made.close()


@pytest.fixture(scope="session")
def judge():
    if not SPEC.exists():
        pytest.skip(f"Twilio's document is not here: no {SPEC} (TASKGATE_SHARED names another folder)")
    return Judge.of(SPEC)


# -- npm's client --

def test_the_official_client_creates_reads_and_lists(twilio, client_of):
    client, to = client_of(twilio), number()
    twilio.plan(["sending", "sent", "delivered"], to=to)
    made = client.does("create", of="messages", **{"with": {"to": to, "from": US, "body": "Grüße, 50 % ~ and + too"}})
    assert made["status"] == "queued" and made["body"] == "Grüße, 50 % ~ and + too" and made["direction"] == "outbound-api"
    assert made["dateCreated"] and made["to"] == to and made["from"] == US and made["errorCode"] is None and made["numSegments"] == "1"
    played(twilio.messages_to(to))
    again = client.does("fetch", of="messages", sid=made["sid"])
    assert again["status"] == "delivered" and again["dateSent"]
    assert [m["sid"] for m in client.does("list", of="messages", **{"with": {"to": to}})] == [made["sid"]]


def test_the_official_client_reads_pages(twilio, client_of):
    client, to = client_of(twilio), number()
    made = [sent(twilio, To=to).sid for _ in range(5)]
    assert [m["sid"] for m in client.does("list", of="messages", **{"with": {"to": to, "pageSize": 2}})] == made[::-1]
    assert [m["sid"] for m in client.does("list", of="messages", **{"with": {"to": to, "pageSize": 2, "limit": 3}})] == made[:1:-1]


def test_the_official_client_reads_errors(twilio, client_of):
    client = client_of(twilio)
    for to, code in (("+15005550001", 21211), ("+15005550002", 21612), ("+15005550003", 21408), ("+15005550004", 21610), ("+15005550009", 21614)):
        error = client.refused("create", of="messages", **{"with": {"to": to, "from": US, "body": "x"}})
        assert (error["status"], error["code"]) == (400, code) and error["moreInfo"].endswith(f"/{code}")
    assert client.refused("fetch", of="messages", sid="SM" + "0" * 32)["code"] == 20404
    assert client_of(twilio, token="wrong").refused("fetch", of="messages", sid="SM" + "0" * 32)["status"] == 401


def test_the_official_client_redacts(twilio, client_of):
    client, to = client_of(twilio), number()
    twilio.plan(["sent", "delivered"], to=to)
    message = sent(twilio, To=to)
    played([message])
    assert client.does("update", of="messages", sid=message.sid, **{"with": {"body": ""}})["body"] == ""
    assert client.refused("update", of="messages", sid=message.sid, **{"with": {"status": "canceled"}})["code"] == 30409


def test_the_official_client_schedules_and_cancels(twilio, judge, client_of):
    client = client_of(twilio)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    later = client.does("create", of="messages", **{"with": {"to": number(), "messagingServiceSid": "MG" + "1" * 32, "body": "x", "sendAt": at, "scheduleType": "fixed"}})
    assert later["status"] == "scheduled"
    assert client.does("update", of="messages", sid=later["sid"], **{"with": {"status": "canceled"}})["status"] == "canceled"


def test_signatures_are_what_validate_request_expects(twilio, client_of, receiver):
    """The callbacks of one message, at a URL with a query that must be left as it is."""
    client, to = client_of(twilio), number()
    url = receiver.script(f"/status{to[1:]}?task=%C3%BC%20a&x=1+2&empty=", Answer(204, b""))
    message = sent(twilio, To=to, StatusCallback=url, Body="x")
    played([message])
    seen = receiver.at(urllib.parse.urlsplit(url).path + "?" + urllib.parse.urlsplit(url).query)
    assert [dict(urllib.parse.parse_qsl(s.body.decode()))["MessageStatus"] for s in seen] == ["queued", "sending", "sent", "delivered"]
    for s in seen:
        params = dict(urllib.parse.parse_qsl(s.body.decode(), keep_blank_values=True))
        assert {"MessageSid", "SmsSid", "SmsStatus", "To", "From", "AccountSid", "ApiVersion"} <= set(params) and "ErrorCode" not in params
        assert s.headers["Content-Type"].startswith("application/x-www-form-urlencoded") and s.headers["I-Twilio-Idempotency-Token"]
        right = s.headers["X-Twilio-Signature"]
        assert client.does("validate", signature=right, url=url, params=params) is True
        assert client.does("validate", signature=right, url=url, params={**params, "MessageStatus": "failed"}) is False
        assert client.does("validate", signature=right, url=url.replace("x=1", "x=2"), params=params) is False


def test_the_example_of_twilios_security_page():
    """https://www.twilio.com/docs/usage/security: the worked example for token 12345."""
    params = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675310"), ("Digits", "1234"), ("From", "+14158675310"), ("To", "+18005551212")]
    for order in (params, params[::-1], [*params, params[2]]):
        assert signature("12345", "https://example.com/myapp.php?foo=1&bar=2", order) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


# -- what it refuses --

@pytest.mark.parametrize("code, form", [
    (21604, {"To": None}), (21604, {"To": ""}), (21211, {"To": "15551234567"}), (21211, {"To": "+1555123456"}), (21211, {"To": "+0123456789"}),
    (21211, {"To": "+1234567890123456"}), (21211, {"To": "whatsapp:+15551234567"}), (21603, {"From": None}), (21212, {"From": "05551234567"}),
    (21212, {"From": "+15005550001"}), (21606, {"From": "+15005550007"}), (21606, {"From": "+15551112222"}), (21606, {"From": "12345"}),
    (21611, {"From": "+15005550008"}), (21212, {"From": "longer than eleven"}), (21266, {"To": US}), (21602, {"Body": None}), (21602, {"Body": ""}),
    (21617, {"Body": "x" * 1601}), (21609, {"StatusCallback": "/status"}), (21609, {"StatusCallback": "ftp://127.0.0.1/x"}),
    (21609, {"StatusCallback": "http:///x"}), (21609, {"StatusCallback": "http://my_host/x"}), (21609, {"StatusCallback": "http://127.0.0.1/" + "x" * 4000}),
    (21609, {"StatusCallback": "http://127.0.0.1:99999/x"}), (20001, {"Text": "x"}), (20001, {"body": "x"}), (20422, {"ValidityPeriod": "soon"}),
    (20422, {"To": ["+15551234567", "+15551234568"]}), (21620, {"MediaUrl": "picture.png"}), (20422, {"SmartEncoded": "perhaps"}),
])
@pytest.mark.parametrize("which", ["document", "short list"])
def test_refusals(twilio, short, request, which, code, form):
    if which == "document":
        request.getfixturevalue("judge")
    stand_in = twilio if which == "document" else short
    before = len(stand_in.messages)
    refused(stand_in, 400, code, **form)
    assert len(stand_in.messages) == before


@pytest.mark.parametrize("code, form", [
    (20422, {"MessagingServiceSid": "MG1"}), (20422, {"ContentRetention": "perhaps"}), (20422, {"MaxPrice": "cheap"}), (35111, {"ScheduleType": "fixed"}),
    (35118, {"SendAt": "2999-01-01T00:00:00Z"}), (35115, {"SendAt": "2999-01-01T00:00:00Z", "MessagingServiceSid": "MG" + "1" * 32}),
    (20422, {"SendAt": "tomorrow"}),
])
def test_refusals_that_only_the_document_knows(twilio, judge, code, form):
    refused(twilio, 400, code, **form)


def test_the_short_list_is_short(short):
    refused(short, 400, 20001, ContentRetention="retain")
    assert send(short, ValidityPeriod="300", SmartEncoded="true")[0] == 201


def test_a_body_is_counted_in_characters(twilio):
    assert send(twilio, Body="ü" * 1600)[0] == 201


@pytest.mark.parametrize("body, count", [("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("ç" * 70, 1),
                                         ("ç" * 71, 2), ("👍" * 35, 1), ("👍" * 36, 2)])
def test_segments(body, count):
    assert segments(body) == count


def test_other_refusals(twilio):
    status, headers, data = ask(twilio, "POST", "Messages.json", {"To": number()}, token="wrong")
    assert (status, data["code"]) == (401, 20003) and headers["WWW-Authenticate"].startswith("Basic")
    assert ask(twilio, "GET", "Messages.json", headers={"Authorization": ""})[2]["code"] == 20003
    assert ask(twilio, "GET", "Messages.json", headers={"Authorization": "Bearer " + twilio.token})[0] == 401
    for path in ("Messages", "Faxes.json", "Messages/SM" + "0" * 32 + ".json", "Messages/nonsense.json"):
        assert ask(twilio, "GET", path)[2]["code"] == 20404, path
    assert ask(twilio, "DELETE", "Messages.json")[0] == 405
    assert ask(twilio, "PUT", "Messages.json", {"To": number()})[2]["code"] == 20004
    for media in ("application/json", "multipart/form-data", "text/plain"):
        status, _, data = ask(twilio, "POST", "Messages.json", body=b'{"To": "+15551234567"}', headers={"Content-Type": media})
        assert (status, data["code"]) == (415, 20422)
    assert ask(twilio, "POST", "Messages.json", body=b"To=%ff", headers={"Content-Type": "application/x-www-form-urlencoded"})[2]["code"] == 20422
    assert ask(twilio, "GET", "Messages.json?PageSize=0")[2]["code"] == 20422
    assert ask(twilio, "GET", "Messages.json?Nonsense=1")[2]["code"] == 20001


def test_another_account_is_not_there(twilio):
    other = "AC" + "0" * 32
    basic = "Basic " + base64.b64encode(f"{twilio.account}:{twilio.token}".encode()).decode()
    status, _, body = call("GET", f"{twilio.url}/2010-04-01/Accounts/{other}/Messages.json", headers={"Authorization": basic})
    assert status == 404 and json.loads(body)["code"] == 20404


def test_it_says_what_it_is(twilio):
    assert "not Twilio" in ask(twilio, "GET", "Messages.json")[1]["Server"]


def test_answers_have_the_documents_shape(twilio, judge):
    root = "/2010-04-01/Accounts/{AccountSid}"
    status, _, made = send(twilio, StatusCallback="http://127.0.0.1:9/x")
    assert judge.answer(f"{root}/Messages.json", "POST", 201, made) == []
    assert judge.answer(f"{root}/Messages/{{Sid}}.json", "GET", 200, ask(twilio, "GET", f"Messages/{made['sid']}.json")[2]) == []
    assert judge.answer(f"{root}/Messages.json", "GET", 200, ask(twilio, "GET", "Messages.json?PageSize=3")[2]) == []


def test_lists_are_filtered(twilio):
    to = number()
    message = sent(twilio, To=to, StatusCallback=None)
    played([message])
    day = time.strftime("%Y-%m-%d", time.gmtime())

    def listed(query):
        return [m["sid"] for m in ask(twilio, "GET", f"Messages.json?To={urllib.parse.quote(to)}{query}")[2]["messages"]]
    assert listed("") == listed(f"&DateSent={day}") == listed(f"&DateSent%3E={day}") == listed(f"&DateSent%3C={day}") == [message.sid]
    assert listed("&DateSent=2008-01-02") == listed("&DateSent%3C=2008-01-02") == listed("&DateSent%3E=2999-01-01") == []
    assert listed("&From=%2B15005550006") == [message.sid] and listed("&From=%2B15005550008") == []


# -- what becomes of a message --

def told(message):
    return message.statuses_told("MessageStatus")


def test_a_plan_is_for_one_message_or_one_number(twilio, receiver):
    url, to = receiver.script("/plan", Answer(200, b"")), number()
    twilio.plan(["sent", "delivered"], to=to)
    first, second = sent(twilio, To=to, StatusCallback=url), sent(twilio, To=to, StatusCallback=url)
    twilio.plan(["failed"], error=30005)
    third, fourth = sent(twilio, StatusCallback=url), sent(twilio, StatusCallback=url)
    played([first, second, third, fourth])
    assert told(first) == told(second) == ["sent", "delivered"]
    assert told(third) == ["failed"] and dict(third.fired[0].params)["ErrorCode"] == "30005" and third.error == 30005
    assert told(fourth) == ["queued", "sending", "sent", "delivered"]


def test_doubled_reordered_and_missing_callbacks(twilio, receiver):
    url = receiver.script("/odd", Answer(200, b""))
    messages = []
    for odd in ({"doubled": True}, {"reordered": True}, {"missing": True}, {"missing": ["delivered"]}):
        twilio.plan(["sending", "sent", "delivered"], **odd)
        messages.append(sent(twilio, StatusCallback=url))
    played(messages)
    assert told(messages[0]) == ["sending", "sending", "sent", "sent", "delivered", "delivered"]
    assert told(messages[1]) == ["delivered", "sent", "sending"]
    assert told(messages[2]) == [] and told(messages[3]) == ["sending", "sent"]
    assert {m.status for m in messages} == {"delivered"}


def test_a_number_that_is_never_reached(twilio, receiver):
    message = sent(twilio, To="+15555550199", StatusCallback=receiver.script("/never", Answer(200, b"")))
    played([message])
    assert told(message)[-1] == "undelivered" and dict(message.fired[-1].params)["ErrorCode"] == "30003"
    data = ask(twilio, "GET", f"Messages/{message.sid}.json")[2]
    assert (data["status"], data["error_code"], data["error_message"]) == ("undelivered", 30003, "Unreachable destination handset")


def test_a_callback_by_hand(twilio, receiver):
    to = number()
    twilio.plan([], to=to)
    message = sent(twilio, To=to, StatusCallback=receiver.script("/hand", Answer(202, b"taken"), Answer(503, b"no")))
    played([message])
    first = twilio.callback(message, "delivered")
    assert (first.status, first.body) == (202, b"taken") and message.status == "delivered"
    assert twilio.callback(message, "sent").status == 503 and message.status == "delivered"
    forged = twilio.callback(message, "sent", token="another")
    assert receiver.at("/hand")[-1].headers["X-Twilio-Signature"] == signature("another", forged.url, forged.params)
    assert twilio.callback(sent(twilio), "sent") is None


def test_a_redaction_waits_for_the_end(twilio):
    to, gate = number(), threading.Event()
    twilio.plan(["sent", "delivered"], to=to, gate=gate)
    message = sent(twilio, To=to)
    assert ask(twilio, "POST", f"Messages/{message.sid}.json", {"Body": ""})[2]["code"] == 20009
    gate.set()
    played([message])
    assert ask(twilio, "POST", f"Messages/{message.sid}.json", {"Body": ""})[2]["body"] == ""
    for form in ({}, {"Body": "new"}, {"Body": "", "Status": "canceled"}):
        assert ask(twilio, "POST", f"Messages/{message.sid}.json", form)[2]["code"] == 30400


def test_strangers_are_never_called(twilio):
    with pytest.raises(NotLoopback):
        call("POST", "http://192.0.2.1/x")
    messages = [sent(twilio, StatusCallback=url) for url in ("http://example.com/x", "https://127.0.0.1/x", "http://192.0.2.1/x")]
    played(messages)
    assert all(f.status is None and "NotLoopback" in f.error for m in messages for f in m.fired)


def test_a_callback_that_nobody_answers(twilio):
    message = sent(twilio, StatusCallback="http://127.0.0.1:1/x")
    played([message])
    assert message.status == "delivered" and all(f.status is None and f.error for f in message.fired)


# -- scripts --

def test_scripted_answers_are_for_one_number(twilio):
    to = number()
    twilio.script(Reply(429, headers={"Retry-After": "7"}), Reply(500, b"<html>"), Reply(503), to=to)
    assert send(twilio)[0] == 201
    status, headers, data = send(twilio, To=to)
    assert (status, data["code"], headers["Retry-After"]) == (429, 20429, "7") and data["message"]
    with pytest.raises(json.JSONDecodeError):
        send(twilio, To=to)
    assert send(twilio, To=to)[2]["code"] == 20503
    assert twilio.messages_to(to) == [] and len(twilio.creations(to)) == 3
    assert send(twilio, To=to)[0] == 201


def test_a_script_of_its_own_and_one_that_stays(short):
    short.script(Reply(503), where=lambda seen: seen.method == "GET", last_stays=True)
    message = sent(short)
    assert [ask(short, "GET", f"Messages/{message.sid}.json")[0] for _ in range(3)] == [503] * 3
    short.unscript()
    assert ask(short, "GET", f"Messages/{message.sid}.json")[0] == 200


@pytest.mark.parametrize("drop, stored", [("before", 0), ("after", 1)])
def test_dropped_connections(twilio, drop, stored):
    to = number()
    twilio.script(Reply(drop=drop), to=to)
    with pytest.raises((ConnectionError, OSError)):
        send(twilio, To=to)
    assert len(twilio.messages_to(to)) == stored and twilio.creations(to)[0].status == 0
    played(twilio.messages_to(to))
    assert send(twilio, To=to)[0] == 201


def test_garbage_instead_of_http(twilio):
    to = number()
    twilio.script(Reply(garbage=b"\0\1\2 no HTTP\r\n\r\n"), to=to)
    sent_bytes = urllib.parse.urlencode({"To": to, "From": US, "Body": "x"}).encode()
    basic = base64.b64encode(f"{twilio.account}:{twilio.token}".encode())
    assert raw("127.0.0.1", twilio.port, b"POST /2010-04-01/Accounts/%s/Messages.json HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n"
               b"Content-Type: application/x-www-form-urlencoded\r\n\r\n%s" % (twilio.account.encode(), basic, len(sent_bytes), sent_bytes)) is None
    assert len(twilio.messages_to(to)) == 1


def test_a_gate_holds_the_answer_of_what_is_done(twilio):
    to, gate, got = number(), threading.Event(), []
    twilio.script(Reply(gate=gate), to=to)
    thread = threading.Thread(target=lambda: got.append(send(twilio, To=to)))
    thread.start()
    until(lambda: twilio.messages_to(to), "the message to be stored")
    never(lambda: got, "an answer before the gate was opened", 0.2)
    gate.set()
    thread.join(10)
    assert got[0][0] == 201


def test_close_ends_everything():
    made = Twilio(spec=False)
    made.plan(["sent"], delay=60)
    message = sent(made)
    made.close()
    with pytest.raises(OSError):
        ask(made, "GET", "Messages.json")
    assert not message.played.is_set()


# -- the judge --

@pytest.mark.parametrize("url, good", [("http://a.example/x", True), ("https://127.0.0.1:8443/x?y=%20", True), ("http://[::1]/x", True), ("http://localhost", True),
                                       ("//a/x", False), ("http://", False), ("http://a b/x", False), ("http://a/é", False), ("javascript:1", False),
                                       ("http://-a.example/", False), ("http://a..b/", False), ("http://a/#f", False), ("http://[::1/x", False)])
def test_urls(url, good):
    assert is_url(url) is good


def test_the_documents_own_examples_are_faultless(judge):
    """What the document shows as an answer has the shape that it says: the judge is no stricter than its document."""
    seen = 0
    for path, methods in judge.document["paths"].items():
        for method, operation in methods.items():
            for status, response in operation.get("responses", {}).items() if isinstance(operation, dict) else ():
                for name, example in response.get("content", {}).get("application/json", {}).get("examples", {}).items():
                    words = judge.answer(path, method, status, example["value"])
                    assert [w for w in words if "price_unit" not in w and "missing" not in w] == [], (path, method, name)
                    seen += 1
    assert seen > 10


# -- the program --

def test_the_program_tells_its_port_and_ends_on_term(tmp_path):
    port_file, account = tmp_path / "port", "AC" + "ab" * 16

    def start(*more):
        port_file.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, str(LIB / "standin_twilio.py"), "--port-file", str(port_file), "--account", account, "--token", "t0",
                                    "--step", "0", "--log", *more], stdout=subprocess.PIPE, text=True)
        until(port_file.exists, "the port file")
        return process, int(port_file.read_text())
    process, port = start()
    try:
        basic = {"Authorization": "Basic " + base64.b64encode(f"{account}:t0".encode()).decode()}
        assert call("GET", f"http://127.0.0.1:{port}/2010-04-01/Accounts/{account}/Messages.json", headers=basic)[0] == 200
        second, other = start("--port", str(port))
        assert other != port
        second.terminate()
        assert second.wait(10) == 0
    finally:
        process.terminate()
        assert process.wait(10) == 0
    with process.stdout as log:
        text = log.read()
    second.stdout.close()
    assert "not Twilio" in text and "Messages.json 200" in text and "t0" not in text
