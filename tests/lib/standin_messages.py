# SPDX-License-Identifier: MIT
"""standin_messages: Twilio's Messages, played: accepted, refused with Twilio's own codes, told to the status callback. SMS alone: no
channel addresses. The magic numbers are those that Twilio publishes for its test credentials; here they hold beside ordinary numbers.
Of its own it has one: a number that ends in 0199 is never reached (undelivered, 30003)."""
import datetime
import math
import re

from standin_http import Refusal
from standin_resource import NUMBER, SHORT_CODE, VERSION, Item, Plan, Resource, new_sid, now, rfc2822

FINAL = ("delivered", "undelivered", "failed", "canceled")
USUAL = ("queued", "sending", "sent", "delivered")
# https://www.twilio.com/docs/iam/test-credentials
MAGIC_TO = {
    "+15005550001": (21211, "The 'To' number {} is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number {} is not currently reachable via SMS."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient {}."),
    "+15005550009": (21614, "'To' number {} is not a valid mobile number."),
}
MAGIC_FROM = {
    "+15005550001": (21212, "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID."),
    "+15005550007": (21606, "The From phone number {} is not a valid, SMS-capable inbound phone number or short code for your account."),
    "+15005550008": (21611, "This 'From' number {} has exceeded the maximum number of queued messages."),
}
ERRORS = {30003: "Unreachable destination handset", 30005: "Unknown destination handset", 30006: "Landline or unreachable carrier",
          30007: "Message filtered", 30008: "Unknown error"}
GSM = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_ESCAPED = set("^{}\\[~]|€\f")


def segments(body):
    """How many SMS carry it: 160 septets of GSM 03.38 in one, 153 in each of several; else 70 and 67 units of UTF-16."""
    if set(body) <= GSM | GSM_ESCAPED:
        size, one, many = len(body) + sum(c in GSM_ESCAPED for c in body), 160, 153
    else:
        size, one, many = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if size <= one else math.ceil(size / many)


class Message(Item):
    def __init__(self, form):
        scheduled, service = "SendAt" in form, form.get("MessagingServiceSid", [None])[0]
        status = "scheduled" if scheduled else "accepted" if service and "From" not in form else "queued"
        super().__init__(new_sid("MM" if "MediaUrl" in form else "SM"), form, status)
        self.body, self.sent, self.error, self.service = self.get("Body", ""), None, None, service


class Messages(Resource):
    name = "Messages"
    codes = {
        ("To", "missing"): (21604, "A 'To' phone number is required."),
        ("StatusCallback", "invalid"): (21609, "The 'StatusCallback' URL is not a valid URL."),
        ("MediaUrl", "invalid"): (21620, "Invalid media URL(s)"),
    }

    # -- a new one --

    def create(self, form):
        to, sender = form["To"][0], form.get("From", [None])[0]
        self.check_to(to)
        self.check_from(sender, form.get("MessagingServiceSid"))
        if sender == to:
            raise Refusal(400, 21266, "'To' and 'From' number cannot be the same")
        if not any(n in form for n in ("Body", "MediaUrl", "ContentSid")):
            raise Refusal(400, 21602, "Message body is required.")
        if len(form.get("Body", [""])[0]) > 1600:
            raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        self.check_schedule(form)
        return Message(form)

    def check_to(self, to):
        code, message = MAGIC_TO.get(to, (None, None))
        if code is None and not (NUMBER.fullmatch(to) or SHORT_CODE.fullmatch(to)):
            code, message = MAGIC_TO["+15005550001"]
        if code is not None:
            raise Refusal(400, code, message.format(to))

    def check_from(self, sender, service):
        if sender is None:
            if not service:
                raise Refusal(400, 21603, "A 'From' or 'MessagingServiceSid' parameter is required.")
            return
        alphanumeric = re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}", sender)
        code, message = MAGIC_FROM.get(sender, (None, None))
        if code is None and not (NUMBER.fullmatch(sender) or SHORT_CODE.fullmatch(sender) or alphanumeric):
            code, message = MAGIC_FROM["+15005550001"]
        if code is None and not alphanumeric and sender not in self.twilio.numbers:
            code, message = MAGIC_FROM["+15005550007"]
        if code is not None:
            raise Refusal(400, code, message.format(sender))

    def check_schedule(self, form):
        if "SendAt" not in form:
            if "ScheduleType" in form:
                raise Refusal(400, 35111, "SendAt timestamp is missing")
            return
        if "MessagingServiceSid" not in form:
            raise Refusal(400, 35118, "MessagingServiceSid is required to schedule a message")
        at = datetime.datetime.fromisoformat(form["SendAt"][0].replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)
        if not datetime.timedelta(seconds=300) < at - now() <= datetime.timedelta(days=35):
            raise Refusal(400, 35115, "Scheduling does not support this timestamp")

    # -- one that is there --

    def update(self, message, form):
        body, status = form.get("Body"), form.get("Status")
        if (body is None) == (status is None) or (body is not None and body != [""]):
            raise Refusal(400, 30400, "Parameters are not valid")
        with self.twilio.lock:
            if status is not None:
                if message.status != "scheduled":
                    raise Refusal(409, 30409, "This message cannot be canceled")
                message.status = "canceled"
            else:
                if message.status not in FINAL:
                    raise Refusal(409, 20009, "Unable to update record: the message's delivery has not been completed")
                message.body = ""
            message.updated = now()
        return self.show(message)

    def in_filter(self, message, query):
        return (query.get("To", message.to) == message.to and query.get("From", message.get("From")) == message.get("From")
                and self.in_times(message.sent, query, "DateSent"))

    def show(self, message):
        base = f"/{VERSION}/Accounts/{self.twilio.account}/Messages/{message.sid}"
        with self.twilio.lock:
            return {
                "account_sid": self.twilio.account, "api_version": VERSION, "body": message.body, "date_created": rfc2822(message.created),
                "date_sent": rfc2822(message.sent), "date_updated": rfc2822(message.updated), "direction": "outbound-api",
                "error_code": message.error, "error_message": ERRORS.get(message.error, "Unknown error") if message.error else None,
                "from": message.get("From"), "messaging_service_sid": message.service, "num_media": str(len(message.form.get("MediaUrl", []))),
                "num_segments": str(segments(message.get("Body", ""))), "price": None, "price_unit": "USD", "sid": message.sid,
                "status": message.status, "subresource_uris": {"media": f"{base}/Media.json"}, "to": message.to, "uri": f"{base}.json",
            }

    # -- what becomes of it --

    def usual_plan(self, message):
        if message.status == "scheduled":
            return Plan([])
        if message.to.endswith("0199"):
            return Plan(["queued", "sending", "sent", "undelivered"], self.twilio.step, 30003)
        return Plan(USUAL, self.twilio.step)

    def play(self, message, plan):
        if plan.gate is not None:
            plan.gate.wait(60)
        due = []
        for status in plan.statuses:
            if not self.wait(plan.delay):
                return
            self.advance(message, status, plan.error)
            if not plan.silent(status):
                due.append(status)
                if not plan.reordered:
                    self.tell(message, status, plan)
        if plan.reordered:
            for status in reversed(due):
                self.tell(message, status, plan)
        message.played.set()

    def advance(self, message, status, error):
        with self.twilio.lock:
            if message.status in FINAL:
                return
            message.status, message.updated = status, now()
            if status in ("sent", "delivered", "undelivered") and message.sent is None:
                message.sent = message.updated
            if status in ("failed", "undelivered"):
                message.error = error or 30008

    def tell(self, message, status, plan):
        for _ in range(2 if plan.doubled else 1):
            self.callback(message, status)

    def callback(self, message, status, error=None, url=None, token=None):
        """Sends one status callback now, whatever has been told before; a status that is news to an unfinished message becomes its own.
        Gives the Fired, None where the message has no StatusCallback. token: another one than the account's signs it."""
        self.advance(message, status, error)
        url = url or message.get("StatusCallback")
        if not url:
            return None
        code = (error or message.error or 30008) if status in ("failed", "undelivered") else None
        return self.fire(message, url, [
            ("AccountSid", self.twilio.account), ("ApiVersion", VERSION), ("ErrorCode", code), ("From", message.get("From")),
            ("MessageSid", message.sid), ("MessageStatus", status), ("MessagingServiceSid", message.service), ("SmsSid", message.sid),
            ("SmsStatus", status), ("To", message.to)], token=token)


def played(messages, seconds=15):
    """Waits until the plans of these messages have been played to their end."""
    for message in messages:
        assert message.played.wait(seconds), f"{message.sid} is still being played, {message.status}"
