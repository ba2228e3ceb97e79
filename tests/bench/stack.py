# SPDX-License-Identifier: MIT
"""stack: the private stack of the benchmark, through tests/lib/stack.sh: a cluster of its own, fsync and synchronous_commit on, everything on
unix sockets and free loopback ports. Owns the directory entries, the ledgers and the processes that the benchmark starts; all of them are
ended by the group that was kept when they were started."""

import hashlib
import os
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import psycopg2

FIRST = 1000000001        # the first seeded entity
BODY_ROW = """insert into task_body (tenant_id, task_id, input, output)
    select p.tenant_id, {id}, '{{"contact_method":"phone","script_id":"script-789","agent_group":"sales-team-a"}}',
        '{{"success": true, "lead_contacted": true, "outcome": "interested", "next_action": "schedule_demo"}}'
    from generate_series({low}::bigint, {high}) g, principal p where p.handle = 'bench'"""
TASK_ROW = """insert into task (tenant_id, id, created_by, api, kind, machine, state, event, public_id, entity, type, action, target_id, priority, timeout_s,
        retry_count, callback_url, tags, version, event_seq, created_at, updated_at, started_at, finished_at, event_hash, attempts)
    select p.tenant_id, {id}, p.id, 'disposition', 'generic', 'disposition', 'completed', 'complete', 'task-gen-' || lpad(to_hex(g), 20, '0'),
        ({first} + g)::text, 'lead_followup', 'process', 'lead-12345', 7, 600, 2, 'https://myapp.example.com/webhooks/task-complete',
        '{{sales,high-value,followup}}', 3, 3, now() - interval '1 hour', now(), now() - interval '1 second', now(), sha256(int8send(g)), 1
    from generate_series({low}::bigint, {high}) g, principal p where p.handle = 'bench'"""
ROW_ID = "overlay(overlay(lpad(to_hex(g), 32, '0') placing '7' from 13) placing '8' from 17)::uuid"


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(command, timeout=120, **more):
    """Runs to its end; its standard output. What it says is told where it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise Failed(f"{command[0]} {command[1] if len(command) > 1 else ''}: {(done.stderr.strip() or done.stdout.strip())[-2000:]}")
    return done.stdout


class Process:
    """A process in a session of its own, so that it is ended together with what it forked."""

    def __init__(self, command, log, **more):
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **more)

    def end(self):
        for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.popen.pid, sig)
            except ProcessLookupError:
                break
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        self.popen.wait(5)

    def wait_for(self, ready, seconds=20):
        until = time.monotonic() + seconds
        while not ready():
            if self.popen.poll() is not None or time.monotonic() > until:
                with open(self.log, errors="replace") as f:
                    raise Failed(f"{self.popen.args[0]} did not start: {f.read()[-1500:]}")
            time.sleep(0.02)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Stack:
    def __init__(self, top, folder, build, workers):
        self.top, self.folder, self.build, self.workers = top, folder, build, workers
        self.script = f"{top}/tests/lib/stack.sh"

    def sh(self, verb, *more, timeout=180):
        return run([self.script, verb, self.folder, *more], timeout)

    def start(self, extra=""):
        """extra(folder): text for nginx's http block."""
        self.sh("destroy")
        self.sh("init")
        state = os.path.realpath(self.folder)
        with open(f"{state}/nginx/bench.conf", "w") as f:
            f.write(extra(state) if extra else "")
        for attempt in range(5):
            try:
                self.sh("start", "--port", free_port(), "--workers", self.workers, "--build", self.build, "--no-sweep",
                        "--nginx-extra", f"{state}/nginx/bench.conf")
                break
            except Failed as error:
                if attempt == 4 or "port" not in str(error):
                    raise
        env = dict(word.split("=", 1) for word in shlex.split(self.sh("env")))
        self.state, self.url, self.pghost, self.conf = env["TASKGATE_STATE"], env["TASKGATE_URL"], env["PGHOST"], env["TASKGATE_CONF"]
        self.sql("alter system set autovacuum = off", "select pg_reload_conf()")
        self.ctl("user", "add", "bench")
        self.token = self.ctl("token", "create", "--user", "bench", "--scope", "all").strip()
        self.hash = "\\x" + hashlib.sha256(self.token.encode()).hexdigest()
        self.ctl("type", "add", "lead_followup")

    def destroy(self):
        self.sh("destroy")

    def ctl(self, *words):
        return run([f"{self.build}/taskgatectl", "--config", self.conf, *words])

    def env(self, user="taskgate_api", database="taskgate"):
        return {**os.environ, "PGHOST": self.pghost, "PGPORT": "5432", "PGUSER": user, "PGDATABASE": database}

    def connect(self, database="taskgate"):
        c = psycopg2.connect(host=self.pghost, port=5432, user="postgres", dbname=database)
        c.autocommit = True
        return c

    def sql(self, *statements, database="taskgate"):
        """As superuser, each by itself; the last one's rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for s in statements:
                    cursor.execute(s)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def settle(self, database="taskgate"):
        """Puts the ledger in order, since autovacuum is off lest it falls into one contestant's time and not into another's."""
        self.sql("vacuum (analyze)", "checkpoint", database=database)

    def copy_database(self, name):
        """The database is empty of tasks then, and nobody is connected."""
        self.sql(f"create database {name} template taskgate owner taskgate_owner", database="postgres")

    def seed(self, count, database="taskgate"):
        """Finished tasks with their bodies, by bulk: triggers and foreign keys are passed over. Three connections, since this takes long."""
        half = max(count // 2, 1)
        jobs = [TASK_ROW.format(id=ROW_ID, first=FIRST - 1, low=1, high=half), TASK_ROW.format(id=ROW_ID, first=FIRST - 1, low=half + 1, high=count),
                BODY_ROW.format(id=ROW_ID, low=1, high=count)]
        options = {**self.env("postgres", database), "PGOPTIONS": "-c session_replication_role=replica -c synchronous_commit=off"}
        running = [Process(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql], f"{self.state}/log/seed.log", env=options) for sql in jobs]
        try:
            for p in running:
                if p.popen.wait(900) != 0:
                    raise Failed(f"seeding failed: {open(p.log, errors='replace').read()[-1500:]}")
        finally:
            for p in running:
                p.end()
        self.settle(database)

    def use_database(self, name):
        self.sh("fcgi-stop")
        self.sh("set", f"TASKGATE_DATABASE=host={self.pghost} port=5432 dbname={name} user=taskgate_api")
        self.sh("fcgi-start")

    def workers_pids(self):
        with open(f"{self.state}/run/fcgi.pid") as f:
            master = f.read().split()[0]
        with open(f"/proc/{master}/task/{master}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def request(self, method, path, body=None, base=None):
        """Status and body of one request, by Python's own client."""
        headers = {"Authorization": f"Bearer {self.token}", **({"Content-Type": "application/json"} if body else {})}
        rq = urllib.request.Request((base or self.url) + path, method=method, headers=headers, data=body.encode() if body else None)
        try:
            with urllib.request.urlopen(rq, timeout=10) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
