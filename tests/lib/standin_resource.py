# SPDX-License-Identifier: MIT
"""standin_resource: what Twilio's Messages and Calls have in common: a collection under the account, judged by Twilio's own document, read
one by one and in pages, and items whose states are played to their status callback, signed as Twilio signs."""
import base64
import datetime
import email.utils
import hashlib
import hmac
import http.client
import re
import secrets
import threading
import urllib.parse
import uuid

from standin_http import NotLoopback, Refusal, call

VERSION = "2010-04-01"
ROOT = f"/{VERSION}/Accounts/{{AccountSid}}"
# E.164; a number of the North American plan has ten digits after the 1.
NUMBER = re.compile(r"\+(1\d{10}|[2-9]\d{6,14})")
SHORT_CODE = re.compile(r"\d{5,6}")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def rfc2822(time):
    return None if time is None else email.utils.format_datetime(time)


def new_sid(prefix):
    return prefix + secrets.token_hex(16)


def signature(token, url, params):
    """X-Twilio-Signature: base64 of HMAC-SHA1 with the account's token over the URL as it was given and, for a form, every name and value,
    sorted by name. (Twilio: "Webhooks security".) params: pairs."""
    text = url + "".join(k + v for k, v in sorted(set(params)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Plan:
    """What becomes of an item after it was accepted. statuses: one after the other, each after `delay` seconds, each told to the status
    callback. doubled: every callback twice. reordered: the callbacks come when all is over, the last one first. missing: True, or the
    statuses whose callback never comes; the resource itself shows them all the same. error: the code of a failure. gate: an Event
    that is waited for first."""

    def __init__(self, statuses, delay=0.02, error=None, doubled=False, reordered=False, missing=False, gate=None):
        self.statuses, self.delay, self.error, self.doubled, self.reordered = tuple(statuses), delay, error, doubled, reordered
        self.missing, self.gate = missing, gate

    def silent(self, status):
        return self.missing is True or (self.missing and status in self.missing)


class Fired:
    """A request of the stand-in's own: url, params (pairs), and the answer's status, headers and body; status None where none came, and
    then error says why."""

    def __init__(self, url, params):
        self.url, self.params, self.status, self.headers, self.body, self.error = url, list(params), None, None, b"", None

    def __repr__(self):
        return f"<{self.url} {dict(self.params)} -> {self.status or self.error}>"


class Item:
    """form: the accepted parameters, lists where they repeat. fired: what was called back. played: set when its plan has been played."""

    def __init__(self, sid, form, status):
        self.sid, self.form, self.status = sid, form, status
        self.created = self.updated = now()
        self.fired, self.played = [], threading.Event()

    def get(self, name, default=None):
        return self.form.get(name, [default])[0]

    @property
    def to(self):
        return self.get("To")

    def statuses_told(self, field):
        """The statuses of the callbacks that went out, in their order."""
        return [dict(f.params)[field] for f in self.fired if field in dict(f.params)]


class Resource:
    """name, prefix and codes ((parameter, kind of fault) -> code, message) are the subclass's, and create(), update(), show(),
    in_filter()."""

    name = prefix = None
    codes = {}

    def __init__(self, twilio):
        self.twilio, self.items = twilio, []
        self.next_plans, self.plans_to = [], {}

    # -- requests --

    def handle(self, seen, sid):
        """(status, JSON value) of a request to the collection (sid None) or to one item."""
        template = f"{ROOT}/{self.name}.json" if sid is None else f"{ROOT}/{self.name}/{{Sid}}.json"
        judge = self.twilio.judge
        if judge.operation(template, seen.method) is None:
            raise Refusal(405, 20004, "Method not allowed")
        item = None if sid is None else self.find(sid, seen.path)
        if seen.method == "GET":
            self.first_fault(judge.query(template, "GET", seen.query))
            return 200, self.page(seen) if item is None else self.show(item)
        if seen.form is None and (seen.body or seen.media is not None):
            raise Refusal(415, 20422, f"Invalid Parameter: a body of {seen.media} is no application/x-www-form-urlencoded")
        self.valid_text(seen.body)
        self.first_fault(judge.form(template, "POST", seen.form or []))
        form = {}
        for k, v in seen.form or []:
            form.setdefault(k, []).append(v)
        if item is not None:
            return 200, self.update(item, form)
        return 201, self.show(self.accept({k: vs for k, vs in form.items() if any(vs)}))

    def valid_text(self, body):
        try:
            urllib.parse.unquote_to_bytes(body).decode()
        except UnicodeDecodeError:
            raise Refusal(400, 20422, "Invalid Parameter: the form is not UTF-8") from None

    def first_fault(self, faults):
        for fault in faults[:1]:
            code, message = self.codes.get((fault.name, fault.what), (None, None))
            if code is None:
                code, message = (20001, f"Unknown parameters: {fault.name}") if fault.what == "unknown" else (20422, f"Invalid Parameter: {fault.why}")
            raise Refusal(400, code, message)

    def accept(self, form):
        item = self.create(form)
        with self.twilio.lock:
            self.items.append(item)
            plan = self.plan_of(item)
        threading.Thread(target=self.play, args=(item, plan), daemon=True).start()
        return item

    def find(self, sid, path):
        with self.twilio.lock:
            found = next((i for i in self.items if i.sid == sid), None)
        if found is None:
            raise Refusal(404, 20404, f"The requested resource {path} was not found")
        return found

    # -- pages --

    def page(self, seen):
        query = {k: v for k, v in seen.query if v}
        size, number = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        with self.twilio.lock:
            young = now() - datetime.timedelta(seconds=self.twilio.lag)
            found = [i for i in reversed(self.items) if i.created <= young and self.in_filter(i, query)]
        shown = found[size * number:size * (number + 1)]

        def uri(n):
            return f"{seen.path}?{urllib.parse.urlencode({**query, 'PageSize': size, 'Page': n})}"
        return {
            self.name.lower(): [self.show(i) for i in shown], "page": number, "page_size": size, "start": size * number,
            "end": size * number + max(len(shown) - 1, 0), "uri": uri(number), "first_page_uri": uri(0),
            "next_page_uri": uri(number + 1) if len(found) > size * (number + 1) else None,
            "previous_page_uri": uri(number - 1) if number else None,
        }

    def in_times(self, time, query, name):
        """Name, Name< and Name> of a query: a day, or a moment; both ends belong to it."""
        def bounds(text):
            begin = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            begin = begin if begin.tzinfo else begin.replace(tzinfo=datetime.timezone.utc)
            return begin, begin + (datetime.timedelta(days=1) if len(text) == 10 else datetime.timedelta(seconds=1))
        asked = {op: bounds(query[name + op]) for op in ("", "<", ">") if name + op in query}
        if asked and time is None:
            return False
        return (("" not in asked or asked[""][0] <= time < asked[""][1]) and ("<" not in asked or time < asked["<"][1])
                and (">" not in asked or time >= asked[">"][0]))

    # -- what becomes of an item --

    def plan(self, plan, to=None):
        """For the next item, or for all that go to this number. Gives the plan."""
        with self.twilio.lock:
            if to is None:
                self.next_plans.append(plan)
            else:
                self.plans_to[to] = plan
        return plan

    def plan_of(self, item):
        if item.to in self.plans_to:
            return self.plans_to[item.to]
        return self.next_plans.pop(0) if self.next_plans else self.usual_plan(item)

    def wait(self, seconds):
        """False when the stand-in is being closed."""
        return not self.twilio.closing.wait(seconds)

    def fire(self, item, url, params, method="POST", token=None, into=None):
        """Calls an address of the item's owner, signed. Gives the Fired, which the item keeps in its fired, or in another list."""
        params = [(k, str(v)) for k, v in params if v is not None]
        fired = Fired(url, params)
        signed, body, headers = url, None, {"User-Agent": self.twilio.title, "I-Twilio-Idempotency-Token": str(uuid.uuid4())}
        if method == "GET":
            signed = url + ("&" if "?" in url else "?") + urllib.parse.urlencode(params)
        else:
            body = urllib.parse.urlencode(params).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        headers["X-Twilio-Signature"] = signature(token or self.twilio.token, signed, params if body is not None else [])
        try:
            fired.status, fired.headers, fired.body = call(method, signed, body, headers)
        except (NotLoopback, OSError, http.client.HTTPException) as e:
            fired.error = f"{type(e).__name__}: {e}"
        with self.twilio.lock:
            (item.fired if into is None else into).append(fired)
        self.twilio.tell(f"{item.sid} {method} {url} {fired.status or fired.error}")
        return fired
