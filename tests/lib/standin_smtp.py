#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""standin_smtp: a mail server on loopback that keeps what it is given and sends nothing on: for tests and the dev stack only. SMTP itself
is aiosmtpd's (Debian's python3-aiosmtpd); this adds scripted refusals, lost connections and, as a program, a folder of .eml files."""
import asyncio
import email
import email.policy
import os
import re
import threading
import time

from aiosmtpd.smtp import SMTP, AuthResult

import standin
from waiting import until

TITLE = "taskgate-standin-smtp (keeps every mail, sends none on; for tests only)"


class Mail:
    """sender and recipients: the envelope's. raw: the bytes after DATA as they came, dots undone. parsed: email's message of them."""

    def __init__(self, envelope):
        self.sender, self.recipients, self.options, self.raw = envelope.mail_from, list(envelope.rcpt_tos), list(envelope.mail_options), envelope.content
        self.parsed = email.message_from_bytes(self.raw, policy=email.policy.default)

    def __repr__(self):
        return f"<mail of {self.sender} to {self.recipients}: {self.parsed['Subject']}>"


class Step:
    """What happens to one transaction with a recipient. rcpt, data: the answer to that command ('451 4.3.0 later'). gate (an Event) and
    delay (seconds) are waited for before the answer to the final dot. drop: the connection ends 'data' in the middle of the mail, or
    'after' the final dot: the mail is kept and the sender never hears so."""

    def __init__(self, rcpt=None, data=None, gate=None, delay=0, drop=None):
        assert drop in (None, "data", "after")
        self.rcpt, self.data, self.gate, self.delay, self.drop = rcpt, data, gate, delay, drop


class Server(SMTP):
    async def smtp_DATA(self, arg):
        if any(s.drop == "data" for s in getattr(self.envelope, "steps", ())):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class Mailbox:
    """url: smtp://127.0.0.1:PORT. login: (user, password) that AUTH must give before MAIL. tls: an ssl.SSLContext; STARTTLS is then asked
    for before anything else. hooks: {'MAIL' | 'RCPT' | 'DATA': f}; f gets the address, or the Mail, and may give an answer, which
    then is the command's. kept: called with each Mail that was taken. messages: all that were; sessions: how many connections came."""

    def __init__(self, login=None, tls=None, port=0, kept=None, size_limit=10 << 20):
        self.messages, self.sessions, self.hooks, self.steps, self.kept = [], 0, {}, {}, kept
        self.login, self.lock = login, threading.Lock()
        options = {"hostname": "mail.standin.invalid", "ident": TITLE, "data_size_limit": size_limit, "enable_SMTPUTF8": True, "timeout": 60,
                   "tls_context": tls, "require_starttls": tls is not None}
        if login:
            options |= {"authenticator": self.authenticate, "auth_required": True, "auth_require_tls": tls is not None}
        self.loop = asyncio.new_event_loop()

        def session():
            self.sessions += 1
            return Server(self, loop=self.loop, **options)
        try:
            self.server = self.loop.run_until_complete(self.loop.create_server(session, "127.0.0.1", port))
        except OSError:
            self.loop.close()
            raise
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        async def end():
            self.server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def settings(self, sender="taskgate@example.com"):
        """taskgate's settings for this stand-in."""
        return {"SMTP_URL": self.url, "SMTP_FROM": sender}

    # -- what tests use --

    def script(self, recipient, *steps):
        """These steps, one a transaction, for the next mails to this recipient; later ones are taken as ever."""
        with self.lock:
            self.steps.setdefault(recipient.lower(), []).extend(steps)

    def to(self, recipient):
        """The mails that were taken for this recipient."""
        with self.lock:
            return [m for m in self.messages if recipient in m.recipients]

    def wait(self, recipient, count=1, seconds=15):
        return until(lambda: len(self.to(recipient)) >= count and self.to(recipient),
                     lambda: f"{count} mails to {recipient}; there were {self.messages}", seconds)

    # -- aiosmtpd's hooks --

    def authenticate(self, server, session, envelope, mechanism, data):
        good = mechanism in ("LOGIN", "PLAIN") and (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=good, handled=good)

    async def handle_MAIL(self, server, session, envelope, address, options):
        refused = "MAIL" in self.hooks and self.hooks["MAIL"](address)
        if refused:
            return refused
        envelope.mail_from, envelope.mail_options, envelope.steps = address, options, []
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        with self.lock:
            waiting = self.steps.get(address.lower())
            step = waiting.pop(0) if waiting else Step()
        refused = step.rcpt or ("RCPT" in self.hooks and self.hooks["RCPT"](address))
        if not refused and not re.fullmatch(r"[^@\s]+@([^@\s.]+\.)+[^@\s.]+", address):
            refused = "501 5.1.3 Bad recipient address syntax"
        if refused:
            return refused
        envelope.steps.append(step)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = Mail(envelope)
        refused = next((s.data for s in envelope.steps if s.data), None) or ("DATA" in self.hooks and self.hooks["DATA"](mail))
        if not refused and re.search(rb"(?<!\r)\n|\r(?!\n)", mail.raw):
            refused = "550 5.6.0 bare <CR> or <LF> (RFC 5321, 2.3.8)"
        if not refused:
            with self.lock:
                self.messages.append(mail)
            if self.kept:
                self.kept(mail)
        for step in envelope.steps:
            await asyncio.sleep(step.delay)
            if step.gate is not None:
                await self.loop.run_in_executor(None, step.gate.wait, 60)
        if any(s.drop == "after" for s in envelope.steps):
            server.transport.abort()
        return refused or f"250 2.0.0 OK: kept, and not sent on, by {TITLE}"


def keep_in(folder):
    """Each mail becomes one .eml file, whole or not at all, its envelope in front of its own headers. Names sort by time."""
    os.makedirs(folder, exist_ok=True)
    count = 0

    def keep(mail):
        nonlocal count
        count += 1
        path = os.path.join(folder, f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{count:04}.eml")
        envelope = f"Return-Path: <{mail.sender or ''}>\r\n" + "".join(f"X-Envelope-To: <{r}>\r\n" for r in mail.recipients)
        with open(f"{path}.new", "wb") as f:
            f.write(envelope.encode() + mail.raw)
        os.replace(f"{path}.new", path)
        print(f"{time.strftime('%H:%M:%S')} {mail.sender} to {', '.join(mail.recipients)}: {os.path.basename(path)}", flush=True)
    return keep


def main():
    options = standin.parser("A stand-in for a mail server on loopback, for tests and the dev stack only. It keeps every mail and sends none on.")
    options.add_argument("--folder", required=True, help="each mail becomes one .eml file here")
    given = options.parse_args()
    made = standin.on_free_port(lambda port: Mailbox(port=port, kept=keep_in(given.folder)), given.port)
    print(f"{time.strftime('%H:%M:%S')} {TITLE}: {made.url}, mails go to {given.folder}", flush=True)
    standin.announce(given.port_file, made.port)
    standin.until_term()
    made.close()


if __name__ == "__main__":
    main()
