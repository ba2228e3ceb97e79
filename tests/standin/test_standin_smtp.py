# SPDX-License-Identifier: MIT
"""The stand-in for a mail server, judged by others: Python's smtplib and curl."""
import itertools
import pathlib
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from email.message import EmailMessage

import pytest

from waiting import never, until

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
standin_smtp = pytest.importorskip("standin_smtp", reason="Debian's python3-aiosmtpd is not here")
Mailbox, Step = standin_smtp.Mailbox, standin_smtp.Step
NUMBERS = itertools.count(1)
SENDER = "taskgate@example.com"


def recipient():
    """An address that no other test has."""
    return f"r{next(NUMBERS)}@example.com"


def mail_to(*to, subject="Grüße", body="Hello.\n.\n..dots\n"):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = SENDER, ", ".join(to), subject
    made.set_content(body)
    return made


def deliver(box, *to, **more):
    """Sends one mail; gives what sendmail gives: the recipients that were refused."""
    with smtplib.SMTP("127.0.0.1", box.port, timeout=20) as s:
        return s.send_message(mail_to(*to, **more), SENDER, list(to))


def code_of(box, *to):
    """The code of the refusal that a mail gets."""
    with pytest.raises(smtplib.SMTPException) as e:
        deliver(box, *to)
    refused = getattr(e.value, "recipients", None)
    return refused[to[0]][0] if refused else e.value.smtp_code


@pytest.fixture
def box():
    """own(**options): a Mailbox for one test."""
    made = []

    def own(**options):
        made.append(Mailbox(**options))
        return made[-1]
    yield own
    for one in made:
        one.close()


@pytest.fixture
def tls(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("a certificate is made by openssl, which is not here")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context, tmp_path / "cert"


def test_a_mail_is_kept_as_it_came(mailbox):
    one, two = recipient(), recipient()
    assert deliver(mailbox, one, two) == {}
    mail, = mailbox.wait(one)
    assert mail is mailbox.to(two)[0] and (mail.sender, mail.recipients) == (SENDER, [one, two])
    assert mail.parsed["Subject"] == "Grüße" and mail.parsed.get_content() == "Hello.\r\n.\r\n..dots\r\n"
    assert mail.raw.endswith(b"\r\n.\r\n..dots\r\n") and b"\n" not in mail.raw.replace(b"\r\n", b"")


def test_curl_delivers(mailbox, tmp_path):
    to = recipient()
    (tmp_path / "mail").write_bytes(b"Subject: by curl\r\n\r\n.begins with a dot\r\n")
    before = mailbox.sessions
    done = subprocess.run(["curl", "-sS", "-v", "--url", mailbox.url, "--mail-from", SENDER, "--mail-rcpt", to, "-T", tmp_path / "mail"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert mailbox.to(to)[0].raw == b"Subject: by curl\r\n\r\n.begins with a dot\r\n" and mailbox.sessions == before + 1
    assert "taskgate-standin-smtp" in done.stderr and "sent on" in done.stderr


def test_settings(mailbox):
    assert mailbox.settings() == {"SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}", "SMTP_FROM": SENDER}


# -- refusals --

def test_steps_refuse_one_recipient_in_their_order(mailbox):
    to, other = recipient(), recipient()
    mailbox.script(to, Step(rcpt="550 5.1.1 no such user"), Step(data="451 4.3.0 later"), Step(rcpt="452 4.2.2 full"))
    assert [code_of(mailbox, to), code_of(mailbox, to)] == [550, 451]
    assert deliver(mailbox, other, to) == {to: (452, b"4.2.2 full")} and mailbox.to(other)[0].recipients == [other]
    assert deliver(mailbox, to) == {} and len(mailbox.to(to)) == 1


def test_hooks_refuse(box):
    own = box()
    own.hooks["MAIL"] = lambda address: "550 5.7.1 not you"
    assert code_of(own, recipient()) == 550
    own.hooks = {"RCPT": lambda address: "451 4.7.1 greylisted" if address.startswith("grey") else None}
    assert code_of(own, "grey@example.com") == 451 and deliver(own, recipient()) == {}
    own.hooks = {"DATA": lambda mail: "554 5.7.1 spam" if mail.parsed["Subject"] == "Grüße" else None}
    assert code_of(own, recipient()) == 554 and deliver(own, recipient(), subject="other") == {}
    assert len(own.messages) == 2


@pytest.mark.parametrize("address", ["nobody", "a@b", "a@", "a b@example.com", "@example.com", "a@example..com"])
def test_bad_addresses(mailbox, address):
    with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=20) as s:
        s.ehlo()
        s.mail(SENDER)
        assert s.docmd("RCPT", f"TO:<{address}>")[0] in (501, 553)


def test_order_of_commands_and_size(box):
    own = box(size_limit=1000)
    with smtplib.SMTP("127.0.0.1", own.port, timeout=20) as s:
        assert s.docmd("MAIL", "FROM:<a@example.com>")[0] == 503
        s.ehlo()
        assert s.docmd("RCPT", "TO:<a@example.com>")[0] == 503 and s.docmd("DATA")[0] == 503
    with pytest.raises(smtplib.SMTPException):
        deliver(own, recipient(), body="x" * 70 + "\n" + ("y" * 70 + "\n") * 30)
    assert own.messages == []


@pytest.mark.parametrize("bare", [b"a\nb", b"a\rb"])
def test_bare_line_ends(mailbox, bare):
    to = recipient()
    with socket.create_connection(("127.0.0.1", mailbox.port), timeout=20) as s, s.makefile("rb") as lines:
        for sent in (b"", b"HELO x\r\n", b"MAIL FROM:<a@example.com>\r\n", f"RCPT TO:<{to}>\r\n".encode(), b"DATA\r\n", b"Subject: x\r\n\r\n" + bare + b"\r\n.\r\n"):
            s.sendall(sent)
            answer = lines.readline()
    assert answer.startswith(b"550 5.6.0") and mailbox.to(to) == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_login(box):
    own = box(login=("user", "secret"))
    with smtplib.SMTP("127.0.0.1", own.port, timeout=20) as s:
        s.ehlo()
        assert s.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            s.login("user", "wrong")
        s.login("user", "secret")
        s.send_message(mail_to("a@example.com"), SENDER, ["a@example.com"])
    assert len(own.messages) == 1


def test_starttls(box, tls):
    context, certificate = tls
    own = box(tls=context, login=("user", "secret"))
    with smtplib.SMTP("127.0.0.1", own.port, timeout=20) as s:
        s.ehlo()
        assert s.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 530 and "auth" not in s.esmtp_features
        s.starttls(context=ssl.create_default_context(cafile=str(certificate)))
        s.login("user", "secret")
        s.send_message(mail_to("a@example.com"), SENDER, ["a@example.com"])
    assert own.messages[0].sender == SENDER


# -- lost connections --

def test_drop_within_data(mailbox):
    to = recipient()
    mailbox.script(to, Step(drop="data"))
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        deliver(mailbox, to, body="x\n" * 200000)
    assert mailbox.to(to) == [] and deliver(mailbox, to) == {} and len(mailbox.to(to)) == 1


def test_drop_after_the_final_dot_keeps_the_mail(mailbox):
    to = recipient()
    mailbox.script(to, Step(drop="after"))
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        deliver(mailbox, to)
    assert len(mailbox.to(to)) == 1


def test_a_gate_holds_the_answer_and_no_other_session(mailbox):
    to, gate, done = recipient(), threading.Event(), []
    mailbox.script(to, Step(gate=gate, delay=0.01))
    thread = threading.Thread(target=lambda: done.append(deliver(mailbox, to)))
    thread.start()
    mailbox.wait(to)
    assert deliver(mailbox, recipient()) == {}
    never(lambda: done, "an answer before the gate was opened", 0.2)
    gate.set()
    thread.join(10)
    assert done == [{}]


def test_close_frees_the_port_while_a_session_is_open():
    own = Mailbox()
    with socket.create_connection(("127.0.0.1", own.port), timeout=20) as s:
        s.recv(100)
        own.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", own.port), timeout=5)


# -- the program --

def test_the_program_keeps_mails_in_a_folder_and_ends_on_term(tmp_path):
    port_file, folder = tmp_path / "port", tmp_path / "mail"
    process = subprocess.Popen([sys.executable, str(LIB / "standin_smtp.py"), "--port-file", str(port_file), "--folder", str(folder)],
                               stdout=subprocess.PIPE, text=True)
    try:
        until(port_file.exists, "the port file")
        with smtplib.SMTP("127.0.0.1", int(port_file.read_text()), timeout=20) as s:
            for subject in ("one", "two"):
                s.send_message(mail_to("a@example.com", "b@example.com", subject=subject), SENDER, ["a@example.com", "b@example.com"])
    finally:
        process.terminate()
        assert process.wait(10) == 0
    first, second = sorted(folder.iterdir())
    assert first.suffix == second.suffix == ".eml" and b"Subject: one\r\n" in first.read_bytes() and b"Subject: two\r\n" in second.read_bytes()
    assert first.read_bytes().startswith(f"Return-Path: <{SENDER}>\r\nX-Envelope-To: <a@example.com>\r\nX-Envelope-To: <b@example.com>\r\n".encode())
    with process.stdout as log:
        assert "sends none on" in log.read()
