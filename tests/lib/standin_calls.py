# SPDX-License-Identifier: MIT
"""standin_calls: Twilio's Calls, played: a call is queued, initiated, rings, is answered, asks for its TwiML, plays it, follows what the
callee enters, and ends; each state that was asked for is told to the status callback. Nobody's telephone rings. Numbers alone: no SIP
and no clients. The magic numbers are Twilio's. Of its own it has three: numbers that end in 0199 do not answer, in 0198 are busy, in
0197 fail.

A call's lists: heard (what the callee heard, Verbs), fetched (requests for TwiML, Fired), errors ((code, words), as Twilio's debugger would
list them), fired (status callbacks)."""
import math
import queue
import threading
import time
import urllib.parse

import standin_twiml as twiml
from standin_http import Refusal
from standin_openapi import is_url
from standin_resource import NUMBER, VERSION, Item, Plan, Resource, new_sid, now, rfc2822

FINAL = ("completed", "busy", "failed", "no-answer", "canceled")
EVENTS = ("initiated", "ringing", "answered", "completed")
MAGIC_TO = {
    "+15005550001": (21217, "The phone number you are attempting to call, {}, is not valid."),
    "+15005550002": (21214, "The phone number you are attempting to call, {}, cannot be reached."),
    "+15005550003": (21215, "Account not authorized to call {}."),
    "+15005550004": (21216, "Account not allowed to call {}."),
}
MAGIC_FROM = {"+15005550001": (21212, "The source phone number provided, {}, is not valid.")}
OWN = {"0199": "no-answer", "0198": "busy", "0197": "failed"}
SIP = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}
MOST_DOCUMENTS = 50


class CallPlan(Plan):
    """outcome: how it ends: completed (answered), busy, no-answer, failed. inputs: what the callee gives to each Gather or Record that asks:
    digits ('12#'), speech ({'SpeechResult': 'yes'}), or None for silence. talk: seconds the callee stays on the line after the last verb.
    duration: the CallDuration that is told, where it shall not be the real one. holds: {state: Event}: the call stays in that state
    (queued, initiated, ringing, in-progress) until the Event, or until it is ended through the API. answered_by: what machine detection
    finds, where it was asked for. missing names statuses as the callbacks name them; all else is Plan's."""

    def __init__(self, outcome="completed", inputs=(), talk=0, duration=None, holds=None, answered_by="human", **more):
        assert outcome in FINAL
        super().__init__([], **more)
        self.outcome, self.inputs, self.talk, self.duration, self.answered_by = outcome, list(inputs), talk, duration, answered_by
        self.holds = {**({"queued": self.gate} if self.gate else {}), **(holds or {})}


class Call(Item):
    def __init__(self, form):
        super().__init__(new_sid("CA"), form, "queued")
        self.start = self.answered = self.end = self.duration = self.answered_by = self.plan = None
        self.heard, self.fetched, self.errors = [], [], []
        self.over, self.events, self.sequence, self.redirect = threading.Event(), queue.SimpleQueue(), 0, None
        self.inputs = []

    def asked_events(self):
        return self.form.get("StatusCallbackEvent", ["completed"])


class Calls(Resource):
    name = "Calls"
    codes = {
        ("To", "missing"): (21201, "No 'To' number is specified"),
        ("From", "missing"): (21213, "Caller phone number required"),
        ("Url", "invalid"): (21205, "Url is not a valid URL"),
        ("StatusCallback", "invalid"): (21609, "The 'StatusCallback' URL is not a valid URL."),
        ("ApplicationSid", "invalid"): (21218, "Invalid ApplicationSid"),
    }

    # -- a new one --

    def create(self, form):
        to, sender = form["To"][0], form["From"][0]
        code, message = MAGIC_TO.get(to, (None, None) if NUMBER.fullmatch(to) else (21211, MAGIC_TO["+15005550001"][1]))
        if code is not None:
            raise Refusal(400, code, message.format(to))
        code, message = MAGIC_FROM.get(sender, (None, None) if NUMBER.fullmatch(sender) else MAGIC_FROM["+15005550001"])
        if code is None and sender not in self.twilio.numbers:
            code, message = 21210, "The source phone number provided, {}, is not yet verified for your account."
        if code is not None:
            raise Refusal(400, code, message.format(sender))
        if not any(n in form for n in ("Url", "Twiml", "ApplicationSid")):
            raise Refusal(400, 21205, "Url parameter is required.")
        self.check_options(form)
        return Call(form)

    def check_options(self, form):
        if not set(form.get("StatusCallbackEvent", [])) <= set(EVENTS):
            raise Refusal(400, 21626, "One or more of the StatusCallbackEvents provided were invalid")
        if not set(form.get("SendDigits", [""])[0]) <= set("0123456789#*wW"):
            raise Refusal(400, 21208, "Invalid SendDigits")
        if form.get("MachineDetection", ["Enable"])[0] not in ("Enable", "DetectMessageEnd"):
            raise Refusal(400, 20422, "Invalid Parameter: MachineDetection is none of Enable, DetectMessageEnd")
        if len(form.get("Twiml", [""])[0]) > 4000:
            raise Refusal(400, 20422, "Invalid Parameter: Twiml has more than 4000 characters")

    # -- one that is there --

    def update(self, call, form):
        """Status ends it: canceled only before it is answered, completed at any time (one that was not yet answered is canceled by it).
        Url or Twiml give new instructions to a call in progress."""
        form = {k: vs for k, vs in form.items() if any(vs)}
        status, new = form.get("Status", [None])[0], "Url" in form or "Twiml" in form
        if (status is None) != new:
            raise Refusal(400, 20422, "Invalid Parameter: either Status, or one of Url and Twiml")
        with self.twilio.lock:
            if call.status in FINAL or (new and call.status != "in-progress"):
                raise Refusal(400, 21220, "Call is not in-progress. Cannot redirect.")
            if new:
                call.redirect = form
            elif call.status != "in-progress":
                self.end(call, "canceled")
            elif status == "completed":
                self.end(call, "completed")
        return self.show(call)

    def in_filter(self, call, query):
        return (query.get("To", call.to) == call.to and query.get("From", call.get("From")) == call.get("From")
                and query.get("Status", call.status) == call.status and "ParentCallSid" not in query
                and self.in_times(call.start or call.created, query, "StartTime") and self.in_times(call.end, query, "EndTime"))

    def show(self, call):
        base = f"/{VERSION}/Accounts/{self.twilio.account}/Calls/{call.sid}"
        below = ("notifications", "recordings", "payments", "events", "siprec", "streams", "transcriptions", "user_defined_message_subscriptions",
                 "user_defined_messages")
        with self.twilio.lock:
            return {
                "account_sid": self.twilio.account, "answered_by": call.answered_by, "api_version": VERSION, "caller_name": "",
                "date_created": rfc2822(call.created), "date_updated": rfc2822(call.updated), "direction": "outbound-api",
                "duration": None if call.duration is None else str(call.duration), "end_time": rfc2822(call.end), "forwarded_from": None,
                "from": call.get("From"), "from_formatted": call.get("From"), "group_sid": None, "parent_call_sid": None, "phone_number_sid": None,
                "price": None, "price_unit": "USD", "queue_time": "0", "sid": call.sid, "start_time": rfc2822(call.start),
                # The API has no word for a call that was initiated and does not ring yet; callbacks have.
                "status": "queued" if call.status == "initiated" else call.status,
                "subresource_uris": {n: f"{base}/{n.title().replace('_', '')}.json" for n in below},
                "to": call.to, "to_formatted": call.to, "trunk_sid": None, "uri": f"{base}.json",
            }

    # -- what becomes of it --

    def usual_plan(self, call):
        return CallPlan(OWN.get(call.to[-4:], "completed"), delay=self.twilio.step, talk=self.twilio.step)

    def play(self, call, plan):
        call.plan, call.inputs = plan, list(plan.inputs)
        teller = threading.Thread(target=self.tell, args=(call, plan), daemon=True)
        teller.start()
        try:
            self.live(call, plan)
        finally:
            call.events.put(None)
        teller.join()
        call.played.set()

    def live(self, call, plan):
        for status in ("queued", "initiated", "ringing"):
            if status == "ringing" and plan.outcome == "failed":
                break
            if not self.enter(call, plan, status):
                return
        if plan.outcome == "completed":
            if not self.enter(call, plan, "in-progress"):
                return
            self.talk(call, plan)
        if self.stays(call, plan.delay):
            self.end(call, plan.outcome)

    def stays(self, call, seconds, gate=None):
        """Lets time pass, or waits for the gate; False as soon as the call is over. New instructions end the waiting too."""
        until = time.monotonic() + (60 if gate is not None else seconds)
        while time.monotonic() < until and not (gate is not None and gate.is_set()):
            if call.over.wait(min(0.01, max(until - time.monotonic(), 0))) or self.twilio.closing.is_set():
                return False
            if call.redirect is not None:
                break
        return not call.over.is_set()

    def enter(self, call, plan, status):
        """The call comes into this state; False where it is over before the state is left."""
        if status != "queued":
            if not self.stays(call, plan.delay):
                return False
            with self.twilio.lock:
                if call.over.is_set():
                    return False
                call.status, call.updated = status, now()
                call.start = call.start or call.updated
                if status == "in-progress":
                    call.answered = call.updated
                    call.answered_by = plan.answered_by if "MachineDetection" in call.form else None
                self.event(call, status)
        return self.stays(call, 0, plan.holds.get(status))

    def end(self, call, status):
        with self.twilio.lock:
            if call.over.is_set():
                return
            call.status, call.end = status, now()
            call.updated, call.start = call.end, call.start or (call.end if status != "canceled" else None)
            call.duration = 0
            if call.answered is not None:
                real = math.ceil((call.end - call.answered).total_seconds())
                call.duration = real if call.plan is None or call.plan.duration is None else call.plan.duration
            self.event(call, status)
            call.over.set()

    # -- what is said on the line --

    def talk(self, call, plan):
        step = {n: call.form[n] for n in ("Url", "Method", "Twiml") if n in call.form}
        for _ in range(MOST_DOCUMENTS):
            with self.twilio.lock:
                step, call.redirect = call.redirect or step, None
            if step is None or call.over.is_set():
                return
            document = self.document(call, step)
            step = self.perform(call, *document) if document else None
            if step is None:
                self.stays(call, plan.talk)
        call.errors.append((11215, f"more than {MOST_DOCUMENTS} documents: the stand-in hangs up"))

    def document(self, call, step):
        """(verbs, its URL) of the instructions that a form's Url or Twiml names; None after an error, of which Twilio tells the callee "we
        are sorry, an application error has occurred"."""
        if "Url" not in step and "Twiml" in step:
            return self.read(call, step["Twiml"][0].encode(), None, None)
        if "Url" not in step:
            call.errors.append((11100, "an application's instructions are not known to the stand-in"))
            return None
        found = self.fetch(call, step["Url"][0], step.get("Method", ["POST"])[0], step.get("more", ()))
        if found is None and "FallbackUrl" in call.form:
            code = call.errors[-1][0]
            found = self.fetch(call, call.get("FallbackUrl"), call.get("FallbackMethod", "POST"), [("ErrorCode", code), ("ErrorUrl", step["Url"][0])])
        return found

    def fetch(self, call, url, method, more):
        if not is_url(url):
            call.errors.append((11100, f"Invalid URL format: {url}"))
            return None
        fired = self.fire(call, url, [*self.known(call, "in-progress"), *more], method, into=call.fetched)
        if fired.status is None or not 200 <= fired.status < 300:
            call.errors.append((11200, f"HTTP retrieval failure: {url}: {fired.status or fired.error}"))
            return None
        return self.read(call, fired.body, fired.headers.get_content_type() if "Content-Type" in fired.headers else "nothing", url)

    def read(self, call, body, media, url):
        try:
            verbs, warnings = twiml.read(body, media)
        except twiml.TwimlError as e:
            call.errors.append((e.code, str(e)))
            return None
        call.errors += [(12200, w) for w in warnings]
        return verbs, url

    def perform(self, call, verbs, url):
        """Plays the verbs; gives the next instructions where one of them leads there. Hangup ends the call."""
        for verb in verbs:
            if call.over.is_set() or call.redirect is not None:
                return None
            if verb.name in twiml.WITHIN_GATHER:
                call.heard.append(verb)
            elif verb.name in ("Gather", "Record"):
                call.heard += verb.within
                given = self.input_for(call, verb)
                if given is not None:
                    return self.next_of(verb.get("action") or "", verb, url, given)
            elif verb.name == "Redirect":
                return self.next_of(verb.text, verb, url, [])
            elif verb.name == "Hangup":
                self.end(call, "completed")
                return None
            elif verb.name in twiml.UNPLAYED:
                call.errors.append((12200, f"<{verb.name}> is not played by the stand-in"))
        return None

    def next_of(self, target, verb, url, more):
        return {"Url": [urllib.parse.urljoin(url or "", target) if target else url or ""], "Method": [verb.get("method", "POST").upper()], "more": more}

    def input_for(self, call, verb):
        """The parameters that the callee's input adds; None where there is none and the document goes on."""
        given = call.inputs.pop(0) if call.inputs else None
        if verb.name == "Record":
            if given is None:
                return None
            sid = new_sid("RE")
            return [("RecordingSid", sid), ("RecordingUrl", f"{self.twilio.url}/{VERSION}/Accounts/{self.twilio.account}/Recordings/{sid}"),
                    ("RecordingDuration", "1"), ("Digits", given if isinstance(given, str) else "hangup")]
        kinds = verb.get("input", "dtmf").split()
        if isinstance(given, str) and "dtmf" in kinds:
            return [("Digits", given.rstrip(verb.get("finishOnKey", "#")) if verb.get("finishOnKey", "#") else given)]
        if isinstance(given, dict) and "speech" in kinds:
            return list({"Confidence": "0.9", **given}.items())
        if verb.get("actionOnEmptyResult") == "true":
            return [("Digits", "")] if "dtmf" in kinds else [("SpeechResult", "")]
        return None

    # -- what is told --

    def known(self, call, status):
        """What every request about a call says."""
        return [("AccountSid", self.twilio.account), ("AnsweredBy", call.answered_by), ("ApiVersion", VERSION), ("CallSid", call.sid), ("CallStatus", status),
                ("Called", call.to), ("Caller", call.get("From")), ("Direction", "outbound-api"), ("From", call.get("From")), ("To", call.to)]

    def event(self, call, status):
        """Notes a status callback that is due, where this event was asked for; the lock is held."""
        name = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}.get(status, "completed")
        if "StatusCallback" in call.form and name in call.asked_events():
            call.events.put((status, self.params(call, status, call.sequence)))
            call.sequence += 1

    def params(self, call, status, sequence):
        found = self.known(call, status) + [("CallbackSource", "call-progress-events"), ("SequenceNumber", sequence), ("Timestamp", rfc2822(now()))]
        if status in FINAL:
            duration = call.duration or 0
            found += [("CallDuration", duration), ("Duration", math.ceil(duration / 60)), ("SipResponseCode", SIP[status])]
            if call.get("Record", "").lower() == "true" and status == "completed":
                sid = "RE" + call.sid[2:]
                found += [("RecordingSid", sid), ("RecordingDuration", duration),
                          ("RecordingUrl", f"{self.twilio.url}/{VERSION}/Accounts/{self.twilio.account}/Recordings/{sid}")]
        return sorted((k, v) for k, v in found if v is not None)

    def tell(self, call, plan):
        """Sends the callbacks in their order, beside the call: a slow receiver does not hold it up."""
        due = []
        for status, params in iter(call.events.get, None):
            if not plan.silent(status):
                due.append(params)
                if not plan.reordered:
                    self.send(call, params, plan)
        for params in reversed(due if plan.reordered else []):
            self.send(call, params, plan)

    def send(self, call, params, plan):
        for _ in range(2 if plan.doubled else 1):
            self.fire(call, call.get("StatusCallback"), params, call.get("StatusCallbackMethod", "POST"))

    def callback(self, call, status, sequence=None, url=None, token=None):
        """Sends one status callback now, whatever has been told before, and leaves the call as it is. Gives the Fired, None where the call
        has no StatusCallback."""
        url = url or call.get("StatusCallback")
        if not url:
            return None
        with self.twilio.lock:
            params = self.params(call, status, call.sequence if sequence is None else sequence)
        return self.fire(call, url, params, call.get("StatusCallbackMethod", "POST"), token=token)
