# SPDX-License-Identifier: MIT
"""Clients that crawl, leave, or come all at once, through the real nginx."""
import http.client
import json
import re
import selectors
import socket
import time

import waiting
from parts import Master, held, put, waiting_in_database
from stack import fresh
from waiting import until


def head(tenant, method, path, length=None, more=""):
    text = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tenant.token}\r\n{more}"
    if length is not None:
        text += f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
    return (text + "\r\n").encode()


def answer_of(s, method="GET"):
    got = http.client.HTTPResponse(s, method=method)
    got.begin()
    return got.status, got.headers, got.read()


BODY = json.dumps({"task_type": "job", "action": "process", "payload": {"note": "x" * 3000}}).encode()


def test_slow_body_holds_no_worker(behind, mine, start):
    """One worker, thirty clients that send a byte now and then: everybody else is served at once."""
    master = start(Master, behind, TASKGATE_WORKERS=1)
    slow = [socket.create_connection(("127.0.0.1", behind.port), timeout=20) for _ in range(30)]
    entities = [fresh("slow") for _ in slow]
    for s, e in zip(slow, entities):
        s.sendall(head(mine, "PUT", f"/generic/{e}", len(BODY)) + BODY[:10])
    sent = 10
    for n in range(10):
        for s in slow:
            s.sendall(BODY[sent:sent + 1])
        sent += 1
        began = time.monotonic()
        put(mine.api, fresh("quick")).ok(201)
        assert time.monotonic() - began < 1 * waiting.PATIENCE
        assert master.queued() == 0
    for s in slow[10:]:
        s.sendall(BODY[sent:])
        assert answer_of(s, "PUT")[0] == 201
    # Those that leave in the middle leave nothing.
    for s in slow:
        s.close()
    mine.api.get("/health").ok()
    assert [mine.task(e) is not None for e in entities] == [False] * 10 + [True] * 20


def test_slow_head_holds_no_worker(behind, mine, start):
    start(Master, behind, TASKGATE_WORKERS=1)
    whole = head(mine, "GET", "/generic/nothing")
    slow = [socket.create_connection(("127.0.0.1", behind.port), timeout=20) for _ in range(10)]
    for s in slow:
        s.sendall(whole[:-8])
    mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    for s in slow:
        s.sendall(whole[-8:])
        assert answer_of(s)[0] == 404
        s.close()


def test_slow_reader_holds_no_worker(behind, mine, start):
    """Clients that ask for much and read nothing."""
    master = start(Master, behind, TASKGATE_WORKERS=1)
    kind = fresh("type").replace("-", "_")
    entity = mine.create(task_type=kind)
    held_by_us = mine.api.post("/work/claim", {"types": [kind], "max": 1, "lease_seconds": 60}).ok().json["tasks"][0]
    mine.api.post(f"/work/{held_by_us['id']}/complete", {"fence": held_by_us["fence"], "result": {"much": "m" * 900000}}).ok()
    slow = []
    for _ in range(10):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", behind.port))
        s.sendall(head(mine, "GET", f"/generic/{entity}"))
        slow.append(s)
    until(lambda: master.queued() == 0, "the worker to be rid of them")
    put(mine.api, fresh("quick")).ok(201)
    for s in slow[:3]:
        s.settimeout(20)
        status, _, body = answer_of(s)
        assert status == 200 and len(body) > 900000
    for s in slow:
        s.close()
    mine.api.get("/health").ok()


def test_client_gone_before_the_answer(behind, mine, start):
    """The worker finishes, finds nobody there and goes on. The create that was on its way is done."""
    master = start(Master, behind, TASKGATE_WORKERS=1)
    worker, = master.workers()
    entity = fresh("gone")
    with held(behind):
        s = socket.create_connection(("127.0.0.1", behind.port))
        s.sendall(head(mine, "PUT", f"/generic/{entity}", len(BODY)) + BODY)
        waiting_in_database(behind)
        s.close()
        # nginx closes its side of the socket as well, once it has noticed.
        until(lambda: "prematurely closed" in behind.log("nginx-error") or " 499 " in behind.log("nginx-access"), "nginx to notice")
    mine.api.get(f"/generic/{entity}").ok()
    until(lambda: "client.gone" in master.text, lambda: master.text)
    assert worker.alive() and [w.pid for w in master.workers()] == [worker.pid]


def fcgi(kind, content):
    return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + b"\0\0" + content


def params(**named):
    out = b""
    for k, v in named.items():
        for x in (k.encode(), v.encode()):
            out += bytes([len(x)]) if len(x) < 128 else (len(x) | 1 << 31).to_bytes(4, "big")
        out += k.encode() + v.encode()
    return out


def test_broken_fastcgi_peers(behind, mine, start):
    """What nginx never sends: half records, garbage, a body that is shorter than said. None of it costs more than its own connection."""
    master = start(Master, behind)
    workers = {w.pid for w in master.workers()}
    begin = fcgi(1, bytes([0, 1, 0, 0, 0, 0, 0, 0]))
    get = params(REQUEST_METHOD="GET", REQUEST_URI="/health")
    good = begin + fcgi(4, get) + fcgi(4, b"") + fcgi(5, b"")

    def short(length, body):
        said = params(REQUEST_METHOD="PUT", REQUEST_URI="/generic/x", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(length), HTTP_AUTHORIZATION=f"Bearer {mine.token}")
        return begin + fcgi(4, said) + fcgi(4, b"") + body + fcgi(5, b"")
    for sent in (b"", good[:3], good[:20], b"GET / HTTP/1.0\r\n\r\n", b"\0" * 64, b"\xff" * 4096, begin, begin + fcgi(4, b"\xff\xff\xff"), good, good[:-8],
                 short(100, fcgi(5, b"abc")), short(-5, fcgi(5, b"abc")), short(3, fcgi(5, b"abcdef")), short(100, fcgi(5, b"abc") + fcgi(2, b"")),
                 begin + fcgi(4, params(REQUEST_METHOD="GET")) + fcgi(4, b"") + fcgi(5, b""), begin + fcgi(4, b"") + fcgi(5, b"")):
        for leave in (True, False):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(master.socket))
                s.sendall(sent)
                if leave:
                    continue
                s.shutdown(socket.SHUT_WR)
                s.settimeout(20)
                try:
                    while s.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
    for _ in range(6):
        mine.api.get("/health").ok()
    assert {w.pid for w in master.workers()} == workers and "worker.crash" not in master.text
    assert mine.task("x") is None


def crowd(tenant, n, request, ready=None):
    """n connections at once, one request each; gives [(status, headers, body)]. ready(answered) is called when all are sent; answered() waits for the first answer."""
    chosen, answers, buffers = selectors.DefaultSelector(), [], {}
    for i in range(n):
        s = socket.create_connection(("127.0.0.1", tenant.stack.port), timeout=20)
        s.sendall(request(i))
        s.setblocking(False)
        chosen.register(s, selectors.EVENT_READ)
        buffers[s] = b""
    if ready:
        ready(lambda: chosen.select(10 * waiting.PATIENCE))
    deadline = time.monotonic() + 30 * waiting.PATIENCE
    while buffers:
        assert time.monotonic() < deadline, f"{len(buffers)} of {n} have no answer"
        for key, _ in chosen.select(1):
            part = key.fileobj.recv(65536)
            buffers[key.fileobj] += part
            if not part:
                chosen.unregister(key.fileobj)
                head, _, body = buffers.pop(key.fileobj).partition(b"\r\n\r\n")
                key.fileobj.close()
                answers.append((int(head.split()[1]), head.decode("latin-1"), body))
    return answers


def test_300_at_once(behind, mine, start):
    start(Master, behind)
    entity = fresh("crowd")
    answers = crowd(mine, 300, lambda i: head(mine, "PUT", f"/generic/{entity}-{i}", len(BODY), "Connection: close\r\n") + BODY)
    assert {status for status, _, _ in answers} <= {201, 503}, sorted(a[0] for a in answers)
    assert all(re.search(r"(?m)^Retry-After: [1-9]", h) for status, h, _ in answers if status == 503)
    created = behind.value("select count(*) from task where tenant_id = %s and entity like %s", mine.id, f"{entity}-%")
    assert created == len([a for a in answers if a[0] == 201]) > 0


def test_1000_at_once_while_the_database_is_held(behind, mine, start):
    """More than limit_conn lets in: those are refused at once with 503 and Retry-After, the rest waits and is served. None is 502."""
    start(Master, behind)
    answers = []
    with held(behind) as lock:
        def all_sent(answered):
            waiting_in_database(behind, 2)
            assert answered(), "while the database is held nobody but the refused has an answer, and nobody was refused"
            lock.rollback()
        answers = crowd(mine, 1000, lambda i: head(mine, "GET", "/generic/nothing", None, "Connection: close\r\n"), all_sent)
    counts = {status: [a[0] for a in answers].count(status) for status in {a[0] for a in answers}}
    assert set(counts) == {404, 503}, counts
    assert counts[404] >= 850, counts
    for status, h, body in answers:
        if status == 503:
            assert re.search(r"(?m)^Retry-After: [1-9]", h) and json.loads(body)["error"]["code"], (h, body)
    put(mine.api, fresh("after")).ok(201)
