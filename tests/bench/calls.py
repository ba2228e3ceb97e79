# SPDX-License-Identifier: MIT
"""calls: queue-single-call, a campaign of 1,000 to a local server, queue-bulk-calls; and FastAPI with Celery and Redis doing the first two. The local server is nginx, which
answers as Twilio does, a sid of its own for each call, so that it is the limit for nobody. Redis writes each command to disk before it answers
(appendfsync always), as PostgreSQL does; its own default, which loses what came last, is measured beside it and called so."""

import hashlib
import http.client
import json
import os
import shutil
import time

import contestants as co
import stack as st

ACCOUNT = "AC" + "0" * 32
BASE = "/api/v1/celery/twilio"
DURABLE, DEFAULT = ("--appendonly", "yes", "--appendfsync", "always", "--save", ""), ()
CALL = "call"


def twilio_server(port):
    """The text for nginx's http block."""
    return (f"server {{\n\tlisten 127.0.0.1:{port} backlog=1024;\n\tkeepalive_requests 1000000;\n\taccess_log off;\n\tlocation / {{\n\t\tdefault_type application/json;\n"
            f"\t\treturn 201 '{{\"sid\":\"CA$request_id\",\"status\":\"queued\"}}';\n\t}}\n}}\n")


def settings(port, pacing):
    return [f"TWILIO_ACCOUNT_SID={ACCOUNT}", f"TWILIO_AUTH_TOKEN={'0' * 32}", "TWILIO_PHONE_NUMBER=+15005550006", f"TWILIO_API_BASE=http://127.0.0.1:{port}",
            f"TASKGATE_CALLS_PACING={pacing}"]


def start(stack, port):
    """Calls may be queued from here on; the sweeper dials without limits."""
    stack.sh("set", *settings(port, "off"))
    stack.sh("fcgi-stop")
    stack.sh("fcgi-start")


def clear(stack):
    """What was queued for a measurement is not dialled by the next one's sweeper."""
    stack.sql("delete from work where lane in ('call', 'follow')")
    stack.settle()


class Queue(co.Taskgate):
    """taskgate's queue-single-call."""

    def proof(self, entity):
        status, text = self.stack.request("POST", f"{BASE}/queue-single-call", json.dumps({"to_number": "+12025550143"}), self.urls[0])
        if status != 200 or not json.loads(text)["success"]:
            raise st.Failed(f"{self.name}: a call is answered {status}: {text[:300]}")
        status, text = self.stack.request("POST", f"{BASE}/queue-single-call", json.dumps({"to_number": "12"}), self.urls[0])
        if status not in (400, 422):
            raise st.Failed(f"{self.name}: no number is answered {status}")


class Celery(Queue):
    """FastAPI, Celery and Redis, in a folder of its own."""

    def __init__(self, stack, folder, twilio_port, redis_options):
        self.stack, self.count, self.folder, self.processes = stack, 0, folder, []
        self.name, self.redis_options = "celery", redis_options
        self.redis_port, self.ports = st.free_port(), [st.free_port(), st.free_port()]
        self.urls = [f"http://127.0.0.1:{p}" for p in self.ports]
        self.env = {**os.environ, "BENCH_REDIS": f"redis://127.0.0.1:{self.redis_port}/0", "BENCH_TWILIO": f"http://127.0.0.1:{twilio_port}/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
                    "BENCH_TOKEN": hashlib.sha256(stack.token.encode()).hexdigest(), "PYTHONDONTWRITEBYTECODE": "1"}

    def process(self, command):
        made = st.Process(command, f"{self.stack.state}/log/celery.log", cwd=self.folder, env=self.env)
        self.processes.append(made)
        return made

    def start(self, serve=True):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        shutil.copy(f"{os.path.dirname(os.path.abspath(__file__))}/celery_peer.py", self.folder)
        self.process([co.program("redis-server"), "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", self.folder, *self.redis_options]).wait_for(
            lambda: st.listens(self.redis_port))
        for port in self.ports if serve else ():
            self.process(["/usr/bin/python3", "-m", "uvicorn", "celery_peer:application", "--factory", "--host", "127.0.0.1", "--port", port, "--loop", "uvloop", "--http", "httptools",
                          "--no-access-log", "--log-level", "warning"]).wait_for(lambda p=port: st.listens(p))
        return self

    def end(self):
        while self.processes:
            self.processes.pop().end()

    def peer(self, *words):
        return st.run(["/usr/bin/python3", "celery_peer.py", *words], 180, cwd=self.folder, env=self.env)

    def drain(self, count):
        """Jobs a second, all of them waiting before the workers begin."""
        self.peer("enqueue", count, "names")
        worker = self.process(["/usr/bin/python3", "-m", "celery", "-A", "celery_peer", "worker", "-c", "4", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"])
        try:
            said = json.loads(self.peer("wait", "names"))
        finally:
            self.processes.remove(worker)
            worker.end()
        if said["done"] != count:
            raise st.Failed(f"Celery made {said['done']} of {count} calls")
        return count / said["seconds"]


def bulk_body(count):
    return json.dumps({"phone_numbers": [f"+1202{5000000 + n}" for n in range(count)], "delay_between_calls": 10, "max_concurrent_calls": 5})


def bulk(stack, count, times):
    """Milliseconds of each of these campaigns of so many numbers, durable when answered."""
    body, taken = bulk_body(count), []
    connection = http.client.HTTPConnection("127.0.0.1", int(stack.url.rsplit(":", 1)[1]))
    try:
        for _ in range(times):
            began = time.monotonic()
            connection.request("POST", f"{BASE}/queue-bulk-calls", body, {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            taken.append((time.monotonic() - began) * 1000)
            if answer.status != 200 or json.loads(text)["total_calls"] != count:
                raise st.Failed(f"a campaign is answered {answer.status}: {text[:300]}")
    finally:
        connection.close()
    return taken


def campaign(stack, count):
    """Calls a second of one sweeper, from the first grant until Twilio's answers are all in the ledger."""
    clear(stack)                # the last answers of a wrk that had left may have come behind it
    bulk(stack, count, 1)
    stack.settle()
    connection = stack.connect()
    sweep = st.Process([f"{stack.build}/taskgate-sweep", "--config", stack.conf, "--once"], f"{stack.state}/log/bench-sweep.log")
    try:
        with connection.cursor() as cursor:
            left, until = True, time.monotonic() + 60
            while left:
                if time.monotonic() > until:
                    raise st.Failed("the sweeper did not dial the campaign within 60 s")
                time.sleep(0.003)
                cursor.execute("select exists (select from work where lane = 'call'), clock_timestamp()")
                left, ended = cursor.fetchone()
            cursor.execute("select count(distinct c.sid), min(c.granted_at) from work w join call c on c.id = w.id where w.lane = 'follow' and c.state = 'accepted'")
            done, first = cursor.fetchone()
        sweep.popen.wait(30)
    finally:
        connection.close()
        sweep.end()
    if done != count:
        raise st.Failed(f"{done} of {count} calls were made")
    return count / (ended - first).total_seconds()
