# SPDX-License-Identifier: MIT
"""standin_twiml: reads TwiML as Twilio does (https://www.twilio.com/docs/voice/twiml): XML whose root is Response. What is no such thing
is an error and ends a call; an unknown verb or attribute is a warning (12200), which a test can ask for."""
import xml.etree.ElementTree as ElementTree

XML_TYPES = ("text/xml", "application/xml", "text/html")
VERBS = {
    "Say": {"voice", "language", "loop"},
    "Play": {"loop", "digits"},
    "Pause": {"length"},
    "Gather": {"action", "actionOnEmptyResult", "bargeIn", "debug", "enhanced", "finishOnKey", "hints", "input", "language", "maxSpeechTime", "method",
               "numDigits", "partialResultCallback", "partialResultCallbackMethod", "profanityFilter", "speechModel", "speechTimeout", "timeout"},
    "Record": {"action", "finishOnKey", "maxLength", "method", "playBeep", "recordingStatusCallback", "recordingStatusCallbackEvent",
               "recordingStatusCallbackMethod", "timeout", "transcribe", "transcribeCallback", "trim"},
    "Redirect": {"method"},
    "Hangup": set(),
}
# Verbs of Twilio's that this stand-in cannot play: nobody else is there to be dialled.
UNPLAYED = {"Connect", "Dial", "Echo", "Enqueue", "Leave", "Pay", "Prompt", "Queue", "Refer", "Reject", "Sms", "Start", "Stop"}
WITHIN_GATHER = ("Say", "Play", "Pause")
# Speech Synthesis Markup Language may stand in a Say.
WITHIN_SAY = ("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w")


class TwimlError(Exception):
    """code: Twilio's own."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Verb:
    """name, attributes, the text within, and the verbs within (Gather's)."""

    def __init__(self, element):
        self.name, self.attributes, self.text = element.tag, dict(element.attrib), "".join(element.itertext()).strip()
        self.within = [Verb(e) for e in element] if element.tag == "Gather" else []

    def get(self, name, default=None):
        return self.attributes.get(name, default)

    def __repr__(self):
        return f"<{self.name} {self.attributes} {self.text!r}>"


def read(body, media=None):
    """(verbs, warnings) of a document; raises TwimlError. media: its content type, where it came with one."""
    if media is not None and media not in XML_TYPES:
        raise TwimlError(12300, f"Invalid Content-Type: {media}")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise TwimlError(12100, "Document parse failure: a document type declaration has no place in TwiML")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as e:
        raise TwimlError(12100, f"Document parse failure: {e}") from None
    if root.tag != "Response":
        raise TwimlError(12102, "The root element must be Response")
    return [Verb(e) for e in root], [w for e in root for w in warnings_of(e, [*VERBS, *UNPLAYED])]


def warnings_of(element, allowed):
    if element.tag not in allowed:
        return [f"12200: <{element.tag}> is not expected here"]
    found = []
    if element.tag in VERBS:
        found += [f"12200: <{element.tag}> has no attribute {a}" for a in element.attrib if a not in VERBS[element.tag]]
        within = {"Gather": WITHIN_GATHER, "Say": WITHIN_SAY}.get(element.tag, ())
        found += [w for e in element for w in warnings_of(e, within)]
    return found
