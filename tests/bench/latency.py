# SPDX-License-Identifier: MIT
"""latency: from the moment a PUT is sent until its handler's POST has arrived, on an idle system. Client and handler are one process and one
thread, so both times are of one clock (CLOCK_MONOTONIC) and neither waits for the other."""

import json
import random
import selectors
import socket
import time

import stack as st

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"success":true}'


class Reader:
    """Takes whole HTTP messages with a Content-Length out of what arrives."""

    def __init__(self):
        self.bytes = b""

    def feed(self, more):
        self.bytes += more
        head, gap, rest = self.bytes.partition(b"\r\n\r\n")
        if not gap:
            return None
        length = 0
        for line in head.lower().split(b"\r\n")[1:]:
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return None
        self.bytes = rest[length:]
        return head, rest[:length]


class Probe:
    def __init__(self, stack):
        self.stack, self.selector, self.readers = stack, selectors.DefaultSelector(), {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        port = int(stack.url.rsplit(":", 1)[1])
        self.client = socket.create_connection(("127.0.0.1", port))
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.add(self.client)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def add(self, s):
        self.readers[s] = Reader()
        self.selector.register(s, selectors.EVENT_READ)

    def close(self):
        for s in [*self.readers, self.listener]:
            s.close()
        self.selector.close()

    def events(self, until):
        """(socket, head, body, moment) of each message that arrives."""
        while time.monotonic() < until:
            for key, _ in self.selector.select(until - time.monotonic()):
                if key.fileobj is self.listener:
                    s, _ = self.listener.accept()
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.add(s)
                    continue
                data, moment = key.fileobj.recv(65536), time.monotonic()
                if not data:
                    if key.fileobj is self.client:
                        raise st.Failed("nginx closed the connection")
                    self.selector.unregister(key.fileobj)
                    self.readers.pop(key.fileobj).bytes = b""
                    key.fileobj.close()
                    continue
                message = self.readers[key.fileobj].feed(data)
                if message:
                    yield key.fileobj, *message, moment

    def once(self, entity):
        """Milliseconds until the POST, and until the PUT's own answer."""
        body = json.dumps({"task_type": "bench_latency", "action": "process", "payload": {"n": entity}}).encode()
        request = (f"PUT /generic/{entity} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.stack.token}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
        answered = arrived = None
        began = time.monotonic()
        self.client.sendall(request)
        for s, head, content, moment in self.events(began + 10):
            if s is self.client:
                if b" 201 " not in head.split(b"\r\n")[0]:
                    raise st.Failed(f"PUT is answered {head[:100]!r} {content[:300]!r}")
                answered = moment
            else:
                s.sendall(ANSWER)
                if json.loads(content)["entity"] != entity:
                    raise st.Failed("the handler was called for another task")
                arrived = moment
            if answered and arrived:
                return (arrived - began) * 1000, (answered - began) * 1000
        raise st.Failed("the handler was not called within 10 s")


def quantiles(values):
    s = sorted(values)
    return {f"p{q}": s[min(len(s) * q // 100, len(s) - 1)] for q in (50, 90, 99)}


def measure(stack, count, tag):
    """The sweeper runs as under cron. Between two requests the system rests for a random while, so that they do not fall in step with it."""
    probe, chance = Probe(stack), random.Random(7)
    try:
        stack.ctl("type", "add", "bench_latency", "--handler", probe.url)
        stack.sh("sweep-start")
        until = time.monotonic() + 20
        while not stack.sql("select 1 from sweeper where left_at is null and beat_at > now() - interval '10 seconds'"):
            if time.monotonic() > until:
                raise st.Failed("taskgate-sweep shows no heartbeat")
            time.sleep(0.05)
        for i in range(5):
            probe.once(f"{tag}-warm-{i}")
        taken = []
        for i in range(count):
            time.sleep(0.01 + 0.02 * chance.random())
            taken.append(probe.once(f"{tag}-{i}"))
    finally:
        stack.sh("sweep-stop")
        probe.close()
    return quantiles([t[0] for t in taken]), quantiles([t[1] for t in taken])
