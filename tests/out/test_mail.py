# SPDX-License-Identifier: MIT
"""Mail as it arrives: taken by aiosmtpd, read by Python's email package."""
import email
import email.header
import os
import random
import re

import pytest

from peers import file, mail, send, send_one


def lines_of(raw):
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r"), "a line ends with CRLF alone"
    return raw.split(b"\r\n")


def check_line(line, most=78):
    """RFC 5322, 2.1.1, for all but what cannot be folded, and a line that is libcurl's."""
    assert line.isascii() and len(line) <= 998
    assert len(line) <= most or b" " not in line.strip().split(b": ", 1)[-1] or b"; boundary=" in line, line


def check_raw(raw):
    for line in lines_of(raw):
        check_line(line)


def text_of(part):
    assert part.get_content_charset() == "utf-8" and part["Content-Transfer-Encoding"] == "quoted-printable"
    return part.get_payload(decode=True).decode()


def shape(message):
    """The nested types."""
    return [message.get_content_type(), *[shape(p) for p in message.iter_parts()]] if message.is_multipart() else message.get_content_type()


def test_all_of_a_mail_arrives(server):
    every_byte = bytes(range(256))
    end = send_one(server, from_name="Müller, Jörg \"J\"", reply_to="reply@example.com", to=["one@example.com", "two@example.com"], cc=["three@example.com"],
                   bcc=["four@example.com"], subject="Grüße aus Köln 😀", text="Guten Tag\n", html="<p>Grüß Gott</p>",
                   headers=["X-Plain", "as it is", "X-Coded", "Ünïcode"], files=[file("every byte.bin", every_byte), file("Übersicht.txt", b"", "text/plain")])
    assert end == {"url": server.url, "result": "answered", "status": 250, "retry_after": 0, "why": "250 taken"}
    envelope, message = server.mails[0], server.parsed()
    assert envelope.mail_from == "sender@example.com"
    assert envelope.rcpt_tos == [f"{n}@example.com" for n in ("one", "two", "three", "four")]
    assert [a.display_name for a in message["From"].addresses] == ["Müller, Jörg \"J\""]
    assert [a.addr_spec for a in message["From"].addresses] == ["sender@example.com"]
    assert [a.addr_spec for a in message["To"].addresses] == ["one@example.com", "two@example.com"]
    assert message["Cc"] == "three@example.com" and message["Reply-To"] == "reply@example.com"
    assert "Bcc" not in message and b"four" not in envelope.content
    assert message["Subject"] == "Grüße aus Köln 😀" and message["X-Plain"] == "as it is" and message["X-Coded"] == "Ünïcode"
    assert message["Message-ID"] == "<018f-1@example.com>" and message["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000" and message["MIME-Version"] == "1.0"
    assert shape(message) == ["multipart/mixed", ["multipart/alternative", "text/plain", "text/html"], "application/pdf", "text/plain"]
    texts, first, second = message.iter_parts()
    assert [text_of(p) for p in texts.iter_parts()] == ["Guten Tag\r\n", "<p>Grüß Gott</p>"]
    assert (first.get_filename(), first.get_payload(decode=True), first.get_content_disposition()) == ("every byte.bin", every_byte, "attachment")
    assert (second.get_filename(), second.get_payload(decode=True)) == ("Übersicht.txt", b"")
    for header in ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "X-Coded"):
        assert len(message.get_all(header)) == 1 and not message[header].defects
    check_raw(envelope.content)


@pytest.mark.parametrize("members,expected", [
    ({}, ["multipart/mixed", "text/plain"]),
    ({"text": None, "html": "<p>"}, ["multipart/mixed", "text/html"]),
    ({"html": "<p>"}, ["multipart/alternative", "text/plain", "text/html"]),
    ({"text": None}, ["multipart/mixed", "text/plain"]),
    ({"files": [file("a", b"x")]}, ["multipart/mixed", "text/plain", "application/pdf"]),
    ({"html": "<p>", "files": [file("a", b"x")]}, ["multipart/mixed", ["multipart/alternative", "text/plain", "text/html"], "application/pdf"]),
    # RFC 2045, 6.4: what has parts of its own may not be base64.
    ({"files": [file("a", b"x", "message/rfc822"), file("b", b"y", "Multipart/Mixed")]}, ["multipart/mixed", "text/plain"] + 2 * ["application/octet-stream"]),
])
def test_parts_are_nested_as_far_as_needed(server, members, expected):
    assert send_one(server, **members)["status"] == 250
    assert shape(server.parsed()) == expected


TEXTS = ["", "x", "no end of line", "ends\n", "\n\n\n", "a\rb\nc\r\nd\n\re\r\r\n", ".\n..\n.begins\nends.\n.", "\n.\n", "From me\n", "x" * 5000, "ü" * 5000, "😀 " * 3000,
         "blank at the end \ntab\t\n \n", "= =3D ?= =?UTF-8?Q?x?=", "y" * 75 + "\n" + "y" * 76 + "\n" + "y" * 77, "--------------------------\n", "\x0b\x0c\x1b",
         ("z" * 997 + "\n") * 3, "<p>&amp;</p>", "\u2028\u2029\u0085 end"]


@pytest.mark.parametrize("name", ["text", "html"])
def test_bodies_arrive_as_they_were(server, name):
    """Only the line ends are made alike."""
    ends = send(server, *(mail(text=None, **{name: t}) if name == "html" else mail(text=t) for t in TEXTS))
    assert [e["status"] for e in ends] == [250] * len(TEXTS)
    for index, text in enumerate(TEXTS):
        check_raw(server.mails[index].content)
        part, = server.parsed(index).iter_parts()
        assert text_of(part) == re.sub("\r\n|\r|\n", "\r\n", text), repr(text)[:80]


def test_files_arrive_byte_for_byte(server):
    rng = random.Random(7)
    contents = [rng.randbytes(2 * 1024 * 1024), b"\n.\n\r.\r\n", bytes(1000), b".", b"\r\n" * 500] + [rng.randbytes(n) for n in range(54, 60)]
    assert send_one(server, files=[file(f"{i}.bin", c, "application/octet-stream") for i, c in enumerate(contents)])["status"] == 250
    parts = list(server.parsed().iter_attachments())
    assert [p.get_filename() for p in parts] == [f"{i}.bin" for i in range(len(contents))]
    assert [p.get_payload(decode=True) == c for p, c in zip(parts, contents)] == [True] * len(contents)


NAMES = ["a.pdf", "with blank.pdf", "quote\".pdf", "back\\slash.pdf", "Ü.pdf", "😀" * 60 + ".pdf", "a" * 250 + ".pdf", "ß" * 255, "semi;colon=1.pdf", "100%25.pdf", "it's.pdf",
         "=?UTF-8?Q?x?=.pdf", "日本語の長い名前のファイルです" * 4 + ".pdf", "tilde~hash#.pdf", "trailing.", "a" * 56, "a" * 57, "ü" + "a" * 54, "ü" + "a" * 53, "ü" + "a" * 55]


def test_names_of_files_arrive(server):
    assert send_one(server, files=[file(n, b"x") for n in NAMES])["status"] == 250
    parts = list(server.parsed().iter_attachments())
    assert [p.get_filename() for p in parts] == NAMES
    check_raw(server.mails[0].content)


def random_line(rng, most):
    alphabets = ["abc", "abcdefgh XYZ 0123456789", "äöüß ж日本😀 a", "\"\\()<>@,;:.[] =?_-", "a  ", "\u00a0\u200b\u0301e\U0001F469\u200d", "=?UTF-8?Q?"]
    return "".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randrange(1, most)))


def test_random_fields_arrive(server):
    """Python's own reader says what is in them. It gives up on blanks at an end, which RFC 5322 leaves to the reader too."""
    rng = random.Random(int(os.environ.get("TASKGATE_SEED", "1")))
    mails = [mail(subject=random_line(rng, 200), from_name=random_line(rng, 120), headers=["X-Field", random_line(rng, 600)]) for _ in range(150)]
    assert {e["status"] for e in send(server, *mails)} == {250}
    for index, sent in enumerate(mails):
        head = server.mails[index].content.split(b"\r\n\r\n", 1)[0]
        message = server.parsed(index)
        assert message["Subject"] == sent["subject"]
        assert message["X-Field"] == sent["headers"][1]
        assert decoded_name(head) == sent["from_name"], head
        for line in head.split(b"\r\n"):
            check_line(line, 76 if b"=?UTF-8?" in line else 78)


def decoded_name(head):
    """compat32's header decoder, for the display name: the newer one turns some phrases of several encoded words into one with a blank between."""
    field = re.search(rb"^From: (.*?)<[^<]*>$", head.replace(b"\r\n ", b" ").replace(b"\r", b""), re.M).group(1).decode().rstrip()
    if field.startswith('"'):
        return re.sub(r"\\(.)", r"\1", field[1:-1])
    return str(email.header.make_header(email.header.decode_header(field))) if "=?" in field else field


def test_many_addresses_are_folded(server):
    to = [f"{'x' * (i % 40)}{i}@example.com" for i in range(100)]
    assert send_one(server, to=to, cc=["c" * 64 + "@" + "d" * 60 + ".example.com"] * 3, bcc=["hidden@example.com"])["status"] == 250
    message = server.parsed()
    assert [a.addr_spec for a in message["To"].addresses] == to and len(message["Cc"].addresses) == 3
    assert len(server.mails[0].rcpt_tos) == 104 and b"hidden" not in server.mails[0].content
    check_raw(server.mails[0].content)


def test_only_blind_copies(server):
    assert send_one(server, to=None, bcc=["a@example.com"])["status"] == 250
    assert "To" not in server.parsed() and server.mails[0].rcpt_tos == ["a@example.com"]
