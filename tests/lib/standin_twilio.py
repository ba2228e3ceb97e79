#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""standin_twilio: a stand-in for Twilio's REST API of 2010-04-01, for tests and the dev stack only. It judges each request by Twilio's own
OpenAPI document (kit-data of the shared folder) and refuses what Twilio refuses, with Twilio's codes; where the document is absent it
knows a short list of parameters and refuses all others. It is stricter than Twilio where that finds mistakes: an unknown parameter is a
refusal (Twilio ignores it and warns, 20001), and a sender must be one of the account's numbers. It is laxer in one thing: callbacks go to
loopback, http alone, and nowhere else. It never leaves this host.

Tests use Twilio in their own process; as a program it is part of the dev stack (tests/lib/stack.sh)."""
import base64
import os
import pathlib
import re
import secrets

import standin
from standin_calls import CallPlan, Calls
from standin_http import Refusal, Reply, Service
from standin_messages import Messages, played
from standin_openapi import FORM, Judge
from standin_resource import NUMBER, VERSION, Fired, Plan, new_sid, signature

__all__ = ["CallPlan", "Fired", "Plan", "Reply", "Twilio", "played", "signature"]

OWN_NUMBER = "+15005550006"
HERE = pathlib.Path(__file__).resolve().parent
SPEC = pathlib.Path(os.environ.get("TASKGATE_SHARED", HERE.parents[2] / "shared")) / "kit-data" / "twilio_api_v2010.pruned.json"
TARGET = re.compile(rf"/{VERSION}/Accounts/([^/]*)/([A-Za-z]+)(?:/([^/]+))?\.json")


def short_list():
    """A document that knows the parameters which taskgate may send, for where Twilio's own is absent."""
    def fields(**formats):
        return {n: {"type": "array", "items": {"type": "string", "format": f[:-1]}} if f.endswith("*") else
                {"type": f} if f in ("integer", "boolean") else {"type": "string", "format": f} for n, f in formats.items()}

    def form(required, properties):
        return {"requestBody": {"content": {FORM: {"schema": {"properties": properties, "required": required}}}}}

    def listing(*names):
        ranges = [{"name": n, "in": "query", "schema": {"type": "string", "format": "date-time" if n.rstrip("<>") in ("DateSent", "StartTime", "EndTime") else ""}}
                  for n in names]
        return {"parameters": ranges + [{"name": n, "in": "query", "schema": {"type": "integer", "minimum": low, "maximum": 1000}}
                                        for n, low in (("PageSize", 1), ("Page", 0))]}
    root = f"/{VERSION}/Accounts/{{AccountSid}}"
    message = fields(To="", From="", MessagingServiceSid="", Body="", MediaUrl="uri*", StatusCallback="uri", ValidityPeriod="integer", SmartEncoded="boolean")
    placed = fields(To="", From="", Url="uri", Method="http-method", Twiml="", ApplicationSid="", FallbackUrl="uri", FallbackMethod="http-method",
                    StatusCallback="uri", StatusCallbackEvent="*", StatusCallbackMethod="http-method", SendDigits="", Timeout="integer", Record="boolean",
                    MachineDetection="", TimeLimit="integer", CallReason="")
    changed = fields(Url="uri", Method="http-method", Twiml="", Status="", StatusCallback="uri", StatusCallbackMethod="http-method")
    changed["Status"] = {"type": "string", "enum": ["canceled", "completed"]}
    return {"paths": {
        f"{root}/Messages.json": {"post": form(["To"], message), "get": listing("To", "From", "DateSent", "DateSent<", "DateSent>")},
        f"{root}/Messages/{{Sid}}.json": {"post": form([], fields(Body="") | {"Status": {"type": "string", "enum": ["canceled"]}}), "get": {}},
        f"{root}/Calls.json": {"post": form(["To", "From"], placed),
                               "get": listing("To", "From", "Status", "ParentCallSid", "StartTime", "StartTime<", "StartTime>", "EndTime", "EndTime<", "EndTime>")},
        f"{root}/Calls/{{Sid}}.json": {"post": form([], changed), "get": {}},
    }}


class Twilio(Service):
    """url, account, token: what a client is given. numbers: the account's own, the only senders. spec: the OpenAPI document's path; False for
    the short list; None for the shared folder's, or the short list without it. step: seconds between the states of what is played.
    lag: seconds until something new shows in lists, as at Twilio; by its sid it is found at once.
    script(), plan(), plan_call() and callback() make it misbehave; requests, messages, calls and each one's fired say what happened."""

    title = "taskgate-standin-twilio (not Twilio; for tests only)"

    def __init__(self, spec=None, account=None, token=None, numbers=(OWN_NUMBER,), step=0.02, lag=0, port=0, log=None):
        self.account, self.token = account or new_sid("AC"), token or secrets.token_hex(16)
        assert re.fullmatch(r"AC[0-9a-f]{32}", self.account), "an account sid is AC and 32 hexadecimal digits"
        assert all(NUMBER.fullmatch(n) for n in numbers), "numbers are E.164"
        self.numbers, self.step, self.lag = tuple(numbers), step, lag
        if spec is None and SPEC.exists():
            spec = SPEC
        self.spec, self.judge = spec or None, Judge.of(spec) if spec else Judge(short_list())
        self.resources = {r.name: r for r in (Messages(self), Calls(self))}
        super().__init__(port, log)

    def settings(self):
        """taskgate's settings for this stand-in."""
        return {"TWILIO_ACCOUNT_SID": self.account, "TWILIO_AUTH_TOKEN": self.token, "TWILIO_PHONE_NUMBER": self.numbers[0],
                "TWILIO_API_BASE": self.url}

    # -- what tests use --

    @property
    def messages(self):
        with self.lock:
            return list(self.resources["Messages"].items)

    def messages_to(self, number):
        return [m for m in self.messages if m.to == number]

    @property
    def calls(self):
        with self.lock:
            return list(self.resources["Calls"].items)

    def calls_to(self, number):
        return [c for c in self.calls if c.to == number]

    def creations(self, number=None):
        """The requests to create something, for this number alone or for all, refused and dropped ones too."""
        return self.seen(lambda s: is_creation(s, number))

    def script(self, *replies, to=None, where=None, last_stays=False):
        """As Service.script; without where it is for the requests that create something (and, with to, for that number)."""
        super().script(*replies, where=where or (lambda seen: is_creation(seen, to)), last_stays=last_stays)

    def plan(self, statuses, to=None, **more):
        """What becomes of the next message, or of every message to this number: Plan's arguments."""
        return self.resources["Messages"].plan(Plan(statuses, **more), to)

    def plan_call(self, outcome="completed", to=None, **more):
        """What becomes of the next call, or of every call to this number: CallPlan's arguments."""
        return self.resources["Calls"].plan(CallPlan(outcome, **more), to)

    def callback(self, item, status, **more):
        """Sends one status callback of a message or a call by hand; gives the Fired with the answer."""
        return self.resources["Calls" if item.sid.startswith("CA") else "Messages"].callback(item, status, **more)

    # -- requests --

    def act(self, seen):
        self.authenticate(seen)
        m = TARGET.fullmatch(seen.path)
        resource = self.resources.get(m.group(2)) if m else None
        if resource is None or m.group(1) != self.account:
            raise Refusal(404, 20404, f"The requested resource {seen.path} was not found")
        return resource.handle(seen, m.group(3))

    def authenticate(self, seen):
        """Basic, with the account's sid and token."""
        wanted = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        scheme, _, given = seen.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic" or not secrets.compare_digest(given.strip().encode(), wanted.encode()):
            raise Refusal(401, 20003, "Authenticate")

    def refused(self, refusal):
        return {"code": refusal.code, "message": refusal.message, "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}", "status": refusal.status}

    def code_of(self, status):
        return 20000 + status

    def headers_of(self, status):
        return {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else {}

    def summary(self, seen, value):
        if not isinstance(value, dict):
            return ""
        return " ".join(str(value[k]) for k in (("code", "message") if "code" in value else ("sid", "status")) if k in value)


def is_creation(seen, number=None):
    m = TARGET.fullmatch(seen.path)
    return seen.method == "POST" and m is not None and m.group(3) is None and number in (None, seen.get("To"))


def main():
    options = standin.parser("A stand-in for Twilio's Messages and Calls on loopback, for tests and the dev stack only. Nothing is sent to anybody.")
    options.add_argument("--account", help="the account's sid; without it one is made up")
    options.add_argument("--token", help="its token")
    options.add_argument("--number", action="append", help=f"a number of the account, E.164; {OWN_NUMBER} without it")
    options.add_argument("--spec", help="Twilio's OpenAPI document; without it that of the shared folder, else a short list")
    options.add_argument("--step", type=float, default=0.5, help="seconds between the states that are played")
    options.add_argument("--log", action="store_true", help="one line a request and a callback, on standard output")
    given = options.parse_args()

    def log(line):
        print(line, flush=True)
    made = standin.on_free_port(lambda port: Twilio(given.spec, given.account, given.token, given.number or (OWN_NUMBER,), given.step, port=port,
                                                    log=log if given.log else None), given.port)
    made.tell(f"{made.title}: {made.url}, judged by {'Twilio’s OpenAPI document' if made.spec else 'a short list of parameters'}")
    standin.announce(given.port_file, made.port)
    standin.until_term()
    made.close()


if __name__ == "__main__":
    main()
