# SPDX-License-Identifier: MIT
"""calling: what tests of calls need: a stack without pacing, telephone numbers that nobody else has, the calls API by its words, Twilio's webhooks by hand,
and Twilio's signature written anew, so that it proves ours."""
import base64
import hashlib
import hmac
import itertools
import urllib.parse

import waiting
from waiting import until

API = "/api/v1/celery/twilio"
HOOKS = "/api/v1/twilio"
FORM = "application/x-www-form-urlencoded"
ENDS = ("SUCCESS", "FAILURE", "REVOKED")
SERIAL = itertools.count(1)
UNPACED = {"TASKGATE_CALLS_PACING": "off"}
FAST = {"TASKGATE_RETRY_FIRST": 20, "TASKGATE_TWILIO_TIMEOUT": round(2 * waiting.PATIENCE), "TASKGATE_TWILIO_ASK": 1, "TASKGATE_WEBHOOK_RETRIES": "1,1,1", "TASKGATE_WEBHOOK_TIMEOUT": 2}


def phone():
    """A number of the North American plan that the stand-in answers and no other test has."""
    return f"+1202{5600000 + next(SERIAL):07}"


def unpaced(make_stack, twilio, mailbox):
    """The stack that the files of this API share: short pauses, and no limit on dialling."""
    return make_stack("calls", workers=3, **FAST, **UNPACED, **twilio.settings(), **mailbox.settings())


# -- the API --

def queue(api, number=None, **fields):
    """Queues a call; gives its number and the answer."""
    number = number or phone()
    return number, api.post(f"{API}/queue-single-call", {"to_number": number, **fields}).ok().json


def queue_bulk(api, numbers, **fields):
    return api.post(f"{API}/queue-bulk-calls", {"phone_numbers": numbers, **fields}).ok().json


def status(api, task):
    return api.get(f"{API}/task-status/{task}").ok().json


def numbers_of(api, task, query=""):
    return api.get(f"{API}/campaigns/{task}/calls{query}").ok().json


def wait(api, task, *wanted, seconds=20):
    """Polls task-status until it is one of these words (none: any end)."""
    last = {}

    def there():
        last.update(status(api, task))
        return last["status"] in (wanted or ENDS) and last
    return until(there, lambda: f"{wanted or ENDS} of {task}; the last one was {last}", seconds)


def wait_message(api, task, message, seconds=20):
    last = {}

    def there():
        last.update(status(api, task))
        return last["message"] == message and last
    return until(there, lambda: f"{message!r} of {task}; the last one was {last}", seconds)


def cancel(api, task):
    return api.delete(f"{API}/cancel-task/{task}")


def call_of(stack, task):
    """The row of a single call's number."""
    return stack.row("select c.*, t.kind, t.machine from call c join task t on t.tenant_id = c.tenant_id and t.id = c.task_id where t.public_id = %s", task)


def the_call(twilio, number, seconds=15):
    """The stand-in's call to a number, when it is there."""
    return until(lambda: twilio.calls_to(number), f"a call to {number}", seconds)[-1]


# -- Twilio's side --

def signature(token, url, pairs):
    text = url + "".join(k + v for k, v in sorted(set(pairs)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def hook(stack, twilio, name, pairs, query="", signed_url=None, given=None, token=None, content_type=FORM):
    """A request as Twilio makes it. given: the signature instead of the right one ('' sends none)."""
    path = f"{HOOKS}/{name}{query}"
    good = signature(token or twilio.token, signed_url or f"http://127.0.0.1:{stack.port}{path}", pairs)
    headers = {"Content-Type": content_type, "X-Twilio-Signature": good if given is None else given or None}
    return stack.client(None).post(path, body=urllib.parse.urlencode(pairs).encode(), headers=headers)
