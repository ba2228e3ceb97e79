# SPDX-License-Identifier: MIT
"""parts: what the tests of processes share: programs started beside a stack with settings of their own, requests held in the database by a lock,
load from several threads. A process is signalled through the Popen that started it, or by pid and start time."""
import contextlib
import os
import re
import signal
import subprocess
import threading
import time

import stack as stacks
import waiting
from client import Client
from stack import Process, fresh
from waiting import until


class Program:
    """A program of the build with a settings file of its own: the stack's, and these settings behind it."""

    def __init__(self, stack, name, *args, file=None, **settings):
        self.stack, self.name = stack, name
        self.conf = stack.dir / "tmp" / f"{fresh(name)}.conf"
        self.out = stack.dir / "log" / f"{fresh(name)}.out"
        self.write(**settings)
        with open(self.out, "wb") as out:
            self.popen = subprocess.Popen([str(file or stacks.BUILD / name), "--config", str(self.conf), *args], stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, env=clean_environment(), start_new_session=True)
        self.process = Process(self.popen.pid)

    def write(self, **settings):
        """The settings file, anew."""
        lines = (self.stack.dir / "taskgate.conf").read_text() + "".join(f"{k}={v}\n" for k, v in settings.items())
        new = self.conf.with_suffix(".new")
        new.write_text(lines)
        new.rename(self.conf)

    @property
    def text(self):
        return self.out.read_text(errors="replace")

    def said(self, pattern, count=1, seconds=20):
        """Waits until the program has written this so many times; gives the matches."""
        return until(lambda: len(found := re.findall(pattern, self.text)) >= count and found, lambda: f"{pattern!r} of {self.name}:\n{self.text[-3000:]}", seconds)

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        assert self.alive(), self.text[-3000:]
        self.popen.send_signal(number)

    def wait(self, seconds=20):
        """The exit code; negative where a signal ended it."""
        try:
            return self.popen.wait(seconds * waiting.PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end:\n{self.text[-3000:]}") from None

    def end(self):
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait(15)


class Master(Program):
    """taskgate-fcgi in the place of the stack's own, which must be stopped; nginx leads to it."""

    def __init__(self, stack, file=None, ready=True, **settings):
        super().__init__(stack, "taskgate-fcgi", file=file, **settings)
        self.socket = settings.get("TASKGATE_SOCKET", stack.dir / "run" / "fcgi.sock")
        if ready:
            self.said(r'[ "]ready[ "]')

    def workers(self):
        return self.process.children()

    def slots(self):
        """What the workers do, by pid: a dictionary of the words of the scoreboard's line."""
        before = len(re.findall(" scoreboard starting=", self.text))
        self.signal(signal.SIGUSR1)
        until(lambda: len(re.findall(" scoreboard starting=", self.text)) > before, "the scoreboard")
        last = self.text.rsplit(" scoreboard starting=", 2)
        lines = (last[1] if len(last) == 3 else last[0]).splitlines()
        words = [dict(w.split("=", 1) for w in line.split() if "=" in w) for line in lines if " scoreboard.slot " in line]
        return {int(w["pid"]): w for w in words}

    def busy(self):
        """The process that serves a request; there must be one."""
        pids = [pid for pid, w in self.slots().items() if w["state"] == "busy"]
        assert len(pids) == 1, self.text[-2000:]
        return Process(pids[0])

    def queued(self):
        """Connections to the socket, accepted or not."""
        names = {f"{self.socket}", f"{self.socket}.new"}
        with open("/proc/net/unix") as f:
            return sum(1 for line in f if line.split()[-1] in names and line.split()[3] != "00010000")


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(("TASKGATE_", "LOG_"))}


class Load:
    """Threads that send requests until they are told to stop. what(client, entity) gives an answer. seen: (entity, answer, seconds)."""

    def __init__(self, tenant, what, threads=4):
        self.tenant, self.what = tenant, what
        self.seen, self.broken, self.over = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        client = Client("127.0.0.1", self.tenant.stack.port, self.tenant.token)
        while not self.over.is_set():
            entity, began = fresh("load"), time.monotonic()
            try:
                answer = self.what(client, entity)
            except Exception as e:
                self.broken.append(repr(e))
                self.over.wait(0.05)
                continue
            self.seen.append((entity, answer, time.monotonic() - began))
            if answer.status == 503:
                self.over.wait(0.02)
        client.close()

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive(), "a request hangs"

    def more(self, count=20, *statuses):
        """Waits for so many further answers, of these statuses where some are named."""
        at = len(self.seen)
        until(lambda: sum(1 for _, a, _ in self.seen[at:] if not statuses or a.status in statuses) >= count,
              lambda: f"{count} more answers {statuses}; the last ones: {self.seen[-3:]}, {self.broken[-3:]}")

    def statuses(self):
        return {a.status for _, a, _ in self.seen}

    def entities(self, status=201):
        return [e for e, a, _ in self.seen if a.status == status]


def put(client, entity, **fields):
    body = {"task_type": "job", "action": "process", "payload": {"note": "n" * 200}}
    body.update(fields)
    return client.put(f"/generic/{entity}", body)


def put_and_get(client, entity):
    """The PUT's answer where it was no success, else that of the GET behind it."""
    answer = put(client, entity)
    return client.get(f"/generic/{entity}") if answer.status == 201 else answer


@contextlib.contextmanager
def held(stack, table="task_body"):
    """Every request that touches this table waits while the context is open, or until rollback() of what it gives."""
    with contextlib.closing(stack.connect()) as connection, connection.cursor() as c:
        c.execute(f"lock table {table} in access exclusive mode")
        yield connection
        connection.rollback()


def waiting_in_database(stack, count=1, user="taskgate_api"):
    """Waits until so many backends wait for a lock; gives their pids."""
    def pids():
        found = [r["pid"] for r in stack.rows("select pid from pg_stat_activity where usename = %s and wait_event_type = 'Lock'", user)]
        return len(found) >= count and found
    return until(pids, f"{count} requests that wait for a lock")
