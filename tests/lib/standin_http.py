# SPDX-License-Identifier: MIT
"""standin_http: the HTTP side of a stand-in: a server on a free loopback port that records what came, plays scripted answers and asks its
service for all others, and a client that calls back. The client calls loopback addresses alone, whatever the caller asked for: nothing
that a test or the dev stack does reaches a stranger."""
import http.client
import http.server
import ipaddress
import json
import socket
import threading
import time
import urllib.parse
import uuid

from waiting import until

MAX_BODY = 1 << 20


class Refusal(Exception):
    """What the service answers instead of acting."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Seen:
    """A request as it came. query and form are lists of pairs (form: None for another media type); headers are case-insensitive; status
    is that of the answer, 0 where the connection was dropped, None as long as nothing has left."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body, self.at, self.status = method, target, headers, body, time.monotonic(), None
        self.path, _, query = target.partition("?")
        self.media = headers.get_content_type() if headers.get("Content-Type") else None
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        self.form = None
        if self.media == "application/x-www-form-urlencoded":
            self.form = urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)

    def get(self, name):
        """The first value of a form field."""
        return next((v for k, v in self.form or () if k == name), None)

    def __repr__(self):
        return f"<{self.method} {self.target} {self.form} -> {self.status}>"


class Reply:
    """What happens to one request. status None: the service acts and answers as ever, else this is answered and nothing is done; body
    (JSON where it is no bytes) and headers belong to such a status, and a refusal without a body gets the service's shape.
    drop: 'before' closes without acting or answering, 'after' acts first. garbage: these bytes instead of an answer of HTTP.
    gate (an Event) and delay (seconds) are waited for after acting and before the answer: the service has done it, the caller cannot know."""

    def __init__(self, status=None, body=None, headers=None, drop=None, garbage=None, gate=None, delay=0):
        assert drop in (None, "before", "after")
        self.status, self.body, self.headers, self.drop, self.garbage = status, body, headers or {}, drop, garbage
        self.gate, self.delay = gate, delay


class Service:
    """Give act(seen) -> (status, JSON value), which may raise Refusal, and refused(refusal) -> JSON value."""

    title = "stand-in"

    def __init__(self, port=0, log=None):
        self.requests, self.lock, self.closing, self.log = [], threading.RLock(), threading.Event(), log
        self.scripts, self.open = [], set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle(self):
                with outer.lock:
                    outer.open.add(self.connection)
                try:
                    super().handle()
                except (ConnectionError, ValueError, OSError):
                    pass    # the other side left, or close() did
                finally:
                    with outer.lock:
                        outer.open.discard(self.connection)

            def do_POST(self):
                outer.serve(self)

            do_GET = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_POST

            def version_string(self):
                return outer.title

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        """Stops listening, cuts what is connected, ends what is being played."""
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def tell(self, line):
        if self.log:
            self.log(f"{time.strftime('%H:%M:%S')} {line}")

    # -- scripts --

    def script(self, *replies, where=None, last_stays=False):
        """These replies, in their order, for the next requests that where(seen) is true for (every request without it). Requests that no
        script wants are served as ever. last_stays: the last reply is for all that follow, until unscript()."""
        with self.lock:
            self.scripts.append((where, list(replies), last_stays))

    def unscript(self):
        with self.lock:
            self.scripts.clear()

    def scripted(self, seen):
        with self.lock:
            for script in self.scripts:
                where, replies, last_stays = script
                if where is None or where(seen):
                    reply = replies[0]
                    if len(replies) > 1 or not last_stays:
                        replies.pop(0)
                    if not replies:
                        self.scripts.remove(script)
                    return reply
        return Reply()

    def seen(self, where=lambda seen: True):
        with self.lock:
            return [s for s in self.requests if where(s)]

    def wait_seen(self, count=1, where=lambda seen: True, seconds=15):
        """Until that many such requests have come; gives them."""
        return until(lambda: len(self.seen(where)) >= count and self.seen(where),
                     lambda: f"{count} requests to {self.title}; there were {self.seen(where)}", seconds)

    # -- one request --

    def serve(self, handler):
        seen = Seen(handler.command, handler.path, handler.headers, self.body_of(handler))
        with self.lock:
            self.requests.append(seen)
        reply = self.scripted(seen)
        if reply.drop == "before":
            return self.drop(handler, seen)
        status, value = self.answer(seen, reply)
        if reply.delay:
            self.closing.wait(reply.delay)
        if reply.gate is not None:
            reply.gate.wait(60)
        if reply.drop == "after":
            return self.drop(handler, seen)
        if reply.garbage is not None:
            handler.wfile.write(reply.garbage)
            return self.drop(handler, seen)
        seen.status = status
        self.send(handler, status, value, reply.headers)
        self.tell(f"{seen.method} {seen.target} {status} {self.summary(seen, value)}")

    def body_of(self, handler):
        length = handler.headers.get("Content-Length", "0")
        if handler.headers.get("Transfer-Encoding") or not length.isdecimal() or int(length) > MAX_BODY:
            handler.close_connection = True
            return b""
        return handler.rfile.read(int(length))

    def drop(self, handler, seen):
        seen.status = 0
        handler.close_connection = True
        self.tell(f"{seen.method} {seen.target} dropped")

    def answer(self, seen, reply):
        if reply.status is not None:
            value = reply.body
            if value is None and reply.status >= 400:
                value = self.refused(Refusal(reply.status, self.code_of(reply.status), http.client.responses.get(reply.status, "Error")))
            return reply.status, value
        try:
            return self.act(seen)
        except Refusal as refusal:
            return refusal.status, self.refused(refusal)

    def code_of(self, status):
        """The service's own code for a scripted refusal."""
        return status

    def summary(self, seen, value):
        """What the log says of an answer; no secrets and no bodies."""
        return ""

    def send(self, handler, status, value, headers):
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        handler.send_response(status)
        for name, text in {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex, **self.headers_of(status), **headers}.items():
            handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def headers_of(self, status):
        return {}


class NotLoopback(Exception):
    """An address that a stand-in does not call."""


def loopback(host, port):
    """An address of this host on loopback, else NotLoopback. A name is resolved only where it is localhost's: not even a question leaves."""
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotLoopback(f"{host} is not a loopback address: a stand-in calls nobody else") from None
    if not address.is_loopback:
        raise NotLoopback(f"{host} is not a loopback address: a stand-in calls nobody else")
    return str(address), port


def call(method, url, body=None, headers=None, timeout=15):
    """One request to a loopback address, no redirect followed; (status, headers, body). Raises NotLoopback, OSError, HTTPException."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http":
        raise NotLoopback(f"{parts.scheme} is not spoken by a stand-in")
    host, port = loopback(parts.hostname or "", parts.port or 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body=body, headers={"Host": parts.netloc, **(headers or {})})
        got = connection.getresponse()
        return got.status, got.headers, got.read(MAX_BODY)
    finally:
        connection.close()
