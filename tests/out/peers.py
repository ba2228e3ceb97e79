# SPDX-License-Identifier: MIT
"""peers: the program transfers, and what it sends to: aiosmtpd, and servers that are scripted a line at a time, since no real one fails on
request."""
import asyncio
import base64
import contextlib
import email
import email.policy
import json
import socket
import subprocess
import threading

import pytest

import stack as stacks
from waiting import PATIENCE

SMTP = pytest.importorskip("aiosmtpd.smtp")
PROGRAM = stacks.BUILD / "tests/out/transfers"
ENOUGH_MS = round(10000 * max(1, PATIENCE))       # where the time that it takes is not the question


def transfers(*several, together=False, ca="", proxy=""):
    """Runs them and gives how each ended, in the order of their ends."""
    done = subprocess.run([PROGRAM, "together" if together else "one_by_one", ca, proxy], input=json.dumps(several), capture_output=True, text=True,
                          timeout=120 * max(1, PATIENCE), check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def mail(**members):
    return {"message_id": "018f-1@example.com", "from": "sender@example.com", "to": ["one@example.com"], "subject": "Subject", "text": "Text\n",
            "date": 1700000000, **members}


def file(name, data, type="application/pdf"):
    return {"name": name, "type": type, "base64": base64.b64encode(data).decode()}


def send(server, *mails, timeout_ms=ENOUGH_MS, **options):
    return transfers(*({"url": server.url, "mail": m, "timeout_ms": timeout_ms} for m in mails), **options)


def send_one(server, timeout_ms=ENOUGH_MS, **members):
    return send(server, mail(**members), timeout_ms=timeout_ms)[0]


class Session(SMTP.SMTP):
    def connection_lost(self, error):
        super().connection_lost(error)
        self.event_handler.lost.set()


class Server:
    """aiosmtpd on a free port, in a thread of its own. It refuses any recipient that says so, and answers a message with `verdict`."""

    def __init__(self, implicit_tls=None, **options):
        self.mails, self.sessions, self.verdict, self.scheme = [], [], "250 taken", "smtps" if implicit_tls else "smtp"
        self.lost, self.loop = threading.Event(), asyncio.new_event_loop()
        made = self.loop.create_server(lambda: Session(self, loop=self.loop, **options), "127.0.0.1", 0, ssl=implicit_tls)
        self.server = self.loop.run_until_complete(made)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def with_credentials(self, user, password):
        self.url = f"{self.scheme}://{user}:{password}@127.0.0.1:{self.port}/client.example.com"
        return self

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if session not in self.sessions:
            self.sessions.append(session)
        if self.verdict.startswith("250"):
            self.mails.append(envelope)
        return self.verdict

    def parsed(self, index=-1):
        return email.message_from_bytes(self.mails[index].content, policy=email.policy.default)

    def close(self):
        async def stop():
            self.server.close()
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Script:
    """A server whose replies are listed by command; None closes, ... says nothing and waits for the end of the connection."""
    usual = {"greeting": "220 ready", "EHLO": "250-here\r\n250 SIZE", "HELO": "250 here", "MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 go on",
             "message": "250 taken", "QUIT": "221 bye", "AUTH": "235 OK", "STARTTLS": "220 go on"}

    def __init__(self, **replies):
        self.replies, self.commands, self.connections, self.read_within_data = {**self.usual, **replies}, [], 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rwb") as stream:
            try:
                on = self.reply(stream, "greeting")
                while on and (line := stream.readline()):
                    command = line.split()[0].decode().upper()
                    self.commands.append(line.decode().strip())
                    on = self.reply(stream, command) and command != "QUIT"
                    if on and command == "DATA" and self.replies["DATA"].startswith("354"):
                        on = self.take_message(stream)
            except OSError:
                pass

    def reply(self, stream, command):
        reply = self.replies[command]
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply is ...:
            while stream.read(4096):
                pass
        if reply in (None, ...):
            return False
        stream.write(reply.encode("latin-1") + b"\r\n")
        stream.flush()
        return not reply.startswith("421")

    def take_message(self, stream):
        if self.read_within_data is not None:
            stream.read(self.read_within_data)
            return False
        while (line := stream.readline()) not in (b".\r\n", b""):
            pass
        return self.reply(stream, "message")

    def close(self):
        """shutdown() ends the accept() of the thread too."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def login(user, password, **options):
    """Options of a server that knows one user."""
    def authenticator(_server, _session, _envelope, _mechanism, data):
        return SMTP.AuthResult(success=data.login == user.encode() and data.password == password.encode(), handled=False)
    return {"authenticator": authenticator, "auth_required": True, **options}
