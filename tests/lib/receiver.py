# SPDX-License-Identifier: MIT
"""receiver: a tiny HTTP server on a free loopback port that plays handlers and webhook receivers. It records every request; what it
answers is scripted a path at a time."""
import collections
import http.server
import json
import threading
import time

from waiting import until

Seen = collections.namedtuple("Seen", "method path headers body at")


class Reply:
    """One scripted answer. drop: 'before' closes without reading the body's answer, 'within' sends half an answer. gate: an Event that
    is waited for first. then: called with the Seen before the answer leaves."""

    def __init__(self, status=200, body=b"{}", headers=None, drop=None, gate=None, then=None, content_type="application/json"):
        self.status, self.headers, self.drop, self.gate, self.then = status, headers or {}, drop, gate, then
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.content_type = content_type


class Receiver:
    def __init__(self):
        self.seen, self.answered, self.scripts, self.default = [], [], {}, Reply()
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.serve(self)

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        seen = Seen(handler.command, handler.path, handler.headers, body, time.monotonic())
        with self.lock:
            self.seen.append(seen)
            script = self.scripts.get(handler.path)
            reply = self.default if not script else (script.pop(0) if len(script) > 1 else script[0])
        if callable(reply):
            reply = reply(seen)
        if reply.gate is not None:
            reply.gate.wait(60)
        if reply.then is not None:
            reply.then(seen)
        if reply.drop == "before":
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        handler.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if reply.drop == "within":
            handler.wfile.write(reply.body[:len(reply.body) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(reply.body)
        with self.lock:
            self.answered.append(handler.path)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path, *replies):
        """The answers at this path, one after the other; the last one stays. Gives the URL."""
        with self.lock:
            self.scripts[path] = list(replies)
        return self.url(path)

    def at(self, path):
        with self.lock:
            return [s for s in self.seen if s.path == path]

    def wait(self, path, count=1, seconds=15):
        return until(lambda: len(self.at(path)) >= count and self.at(path),
                     lambda: f"{count} requests at {path}; there were {len(self.at(path))}", seconds)

    def wait_answered(self, path, count, seconds=15):
        """Until that many whole answers have been written at this path."""
        until(lambda: self.answered.count(path) >= count, lambda: f"{count} answers at {path}; there were {self.answered.count(path)}", seconds)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
