# SPDX-License-Identifier: MIT
"""stack: a whole private stack for tests, made by stack.sh, in a folder of its own: PostgreSQL, taskgate-fcgi, nginx, taskgate-sweep.

Parts are started, stopped and killed one by one (`fcgi`, `nginx`, `sweep`, `pg`); a kill goes to the pid that stack.sh kept, after its
start time was found to be the same."""
import atexit
import collections
import functools
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

import psycopg2
import psycopg2.extras

from client import Client
from waiting import PATIENCE, until

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("TASKGATE_BUILD", TOP / "build" / "up")).resolve()
SHARED = pathlib.Path(os.environ.get("TASKGATE_SHARED", TOP.parent / "shared"))
NUMBERS = itertools.count(1)


def fresh(prefix="t"):
    """A name that nobody else in this run has."""
    return f"{prefix}-{os.getpid()}-{next(NUMBERS)}"


def started_at(pid):
    """The clock tick at which a process began; None where there is none (a zombie is none)."""
    try:
        rest = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if rest[0] == "Z" else int(rest[19])


def sanitizer_report(log):
    """What a sanitizer has written into a program's log, from its first line on; None where there is nothing. (With gcc, UBSan does so
    whatever its log_path says.)"""
    at = re.search(r".*(runtime error:|ERROR: (Address|Leak)Sanitizer)", log)
    return log[at.start():at.start() + 3000] if at else None


class Process:
    """A process that is known by pid and start time, so that no other one is ever signalled."""

    def __init__(self, pid, start=None):
        self.pid, self.start = pid, start if start is not None else started_at(pid)

    def alive(self):
        return self.start is not None and started_at(self.pid) == self.start

    def signal(self, number):
        assert self.alive(), f"process {self.pid} has gone"
        os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait_gone()

    def wait_gone(self, seconds=20):
        until(lambda: not self.alive(), f"the end of process {self.pid}", seconds)

    def children(self):
        try:
            tasks = list(pathlib.Path(f"/proc/{self.pid}/task").iterdir())
            pids = [p for t in tasks for p in (t / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [p for p in map(lambda p: Process(int(p)), pids) if p.alive()]

    def __repr__(self):
        return f"<process {self.pid}>"


class Tenant:
    """A tenant with one user and tokens; .api is a client with all scopes."""

    def __init__(self, stack, name, token):
        self.stack, self.name, self.token = stack, name, token
        self.id = stack.value("select id from tenant where name = %s", name)
        self.api = stack.client(token)

    def new_token(self, scope="all", user="tester", *more):
        return self.stack.ctl("token", "create", "--tenant", self.name, "--user", user, "--scope", scope, *more).strip()

    def client(self, scope="all", *more):
        return self.stack.client(self.new_token(scope, "tester", *more))

    def type(self, name, handler=None, required=None):
        """Registers a task type; required: payload members."""
        more = []
        if handler:
            more += ["--handler", handler]
        if required is not None:
            path = self.stack.dir / "tmp" / f"{fresh('schema')}.json"
            path.write_text(json.dumps({"type": "object", "required": required}))
            more += ["--schema", str(path)]
        self.stack.ctl("type", "add", name, "--tenant", self.name, *more)
        return name

    def footprint(self):
        """How many rows of each kind the tenant has: a refusal leaves it as it was."""
        names = ("task", "task_body", "task_tag", "task_event", "task_log", "work", "delivery", "idempotency", "message", "message_file", "callback",
                 "contact", "agent", "entity", "do_not_call", "call")
        row = self.stack.row("select " + ", ".join(f"(select count(*) from {n} where tenant_id = %(t)s) as {n}" for n in names), t=self.id)
        return dict(row)

    def still(self):
        """The footprint, as soon as the sweeper has nothing of this tenant's in hand: what it does for an earlier test is not taken for the next one's doing."""
        until(lambda: self.stack.value("select count(*) from work w join lane l on l.name = w.lane where w.tenant_id = %s and w.lane <> 'pull' and l.paused_at is null"
                                       " and w.run_at < now() + interval '1 minute'", self.id) == 0, "the sweeper's end of it")
        return self.footprint()

    def task(self, entity, kind="generic"):
        """The row of a task, None where there is none."""
        return self.stack.row("select * from task where tenant_id = %s and entity = %s and kind = %s", self.id, entity, kind)

    def work(self, entity, kind="generic"):
        return self.stack.row("select w.* from work w join task t on t.tenant_id = w.tenant_id and t.id = w.id where t.tenant_id = %s and t.entity = %s and t.kind = %s",
                              self.id, entity, kind)

    def events(self, entity):
        return [r["event"] for r in self.stack.rows("select e.event from task_event e join task t on t.tenant_id = e.tenant_id and t.id = e.task_id"
                                                    " where t.tenant_id = %s and t.entity = %s order by e.seq", self.id, entity)]

    def create(self, entity=None, **fields):
        """A generic task by PUT; gives its entity."""
        entity = entity or fresh("e")
        body = {"task_type": "job", "action": "process"}
        body.update(fields)
        self.api.put(f"/generic/{entity}", body).ok(201)
        return entity

    def status(self, entity):
        return self.api.get(f"/generic/{entity}").ok().data["status"]

    def wait_status(self, entity, *wanted, seconds=20):
        """Polls GET /generic until the status is one of these; gives the data."""
        last = {}

        def there():
            last.update(self.api.get(f"/generic/{entity}?include_logs=true").ok().data)
            return last["status"] in wanted and last
        return until(there, lambda: f"status {wanted} of {entity}; the last one was {last}", seconds)


USES = collections.Counter()


def looked_through(name, args):
    """Under a sanitizer: the first uses of each command are looked through for leaks, which takes as long as all else that a command does."""
    asan = os.environ.get("ASAN_OPTIONS")
    USES[name, *args[:2]] += 1
    return {"ASAN_OPTIONS": f"{asan}:detect_leaks=0"} if asan and USES[name, *args[:2]] > 3 else {}


@functools.cache
def cluster_folder():
    """Where the first stack of a run keeps its cluster for the others; gone with the run."""
    folder = tempfile.mkdtemp(prefix="taskgate-cluster.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Stack:
    """settings: KEY=VALUE of taskgate.conf. parts: 'all', or 'pg' for a migrated database without programs. standins: the dev stack's own
    stand-ins run beside it; a test that scripts them passes twilio.settings() and mailbox.settings() (conftest.py) instead."""

    def __init__(self, parts="all", workers=2, sweep=True, nginx_extra=None, standins=False, **settings):
        # The machine's patience is the program's as well: no caller is refused because the machine is slow.
        self.settings = {"TASKGATE_REQUEST_TIMEOUT": round(5 * max(1, PATIENCE)), **settings}
        self.parts, self.workers, self.sweep, self.nginx_extra = parts, workers, sweep, nginx_extra
        self.standins = standins
        self.temp = pathlib.Path(tempfile.mkdtemp(prefix="taskgate-test."))
        self.link = self.temp / "s"
        self.dir = self.connection = self.port = self.env = None
        self.clients = []

    # -- stack.sh --

    def sh(self, verb, *args, check=True):
        env = dict(os.environ, TASKGATE_BUILD=str(BUILD))
        # The settings of a test are those that it names.
        for name in list(env):
            if name.startswith(("TASKGATE_", "LOG_", "TWILIO_", "SMTP_")) and name not in ("TASKGATE_BUILD", "TASKGATE_SHARED"):
                del env[name]
        env["TASKGATE_CLUSTER"] = cluster_folder()
        done = subprocess.run([str(HERE / "stack.sh"), verb, str(self.link), *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=180 * max(1, PATIENCE))
        if check and done.returncode != 0:
            raise AssertionError(f"stack.sh {verb}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}")
        return done

    def __enter__(self):
        try:
            self.sh("init", *[f"{k}={v}" for k, v in self.settings.items()])
            self.dir = self.link.resolve()
            if self.parts == "pg":
                self.sh("pg-start", "--build", BUILD)
                self.sh("db-setup")
            else:
                more = ["--nginx-extra", self.nginx_extra] if self.nginx_extra else []
                self.sh("start", "--build", BUILD, "--port", "0", "--workers", self.workers, "--sweep" if self.sweep else "--no-sweep",
                        "--standins" if self.standins else "--no-standins", *more)
            self.read_env()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for c in self.clients:
            c.close()
        for part in ("sweep", "fcgi"):
            self.sh(f"{part}-stop", check=False)
        broken = self.broken_rules()
        if self.connection is not None:
            self.connection.close()
        found = sanitizer_report("".join(p.read_text(errors="replace") for p in self.link.glob("log/*.*") if p.is_file()))
        self.sh("destroy", check=False)
        shutil.rmtree(self.temp, ignore_errors=True)
        assert not found, found
        assert not broken, broken

    def broken_rules(self):
        """What the ledger's rules find after everything that the tests did to it; of a database that does not run nothing is known."""
        if self.parts == "pg" or self.env is None:
            return []
        try:
            return self.rows("select rule, task_id::text, count(*) from ledger_fault group by 1, 2")
        except psycopg2.ProgrammingError:
            raise
        except psycopg2.Error:
            return []

    def read_env(self):
        lines = self.sh("env").stdout.decode().splitlines()
        self.env = {k: shlex.split(v)[0] if v else "" for k, v in (line.split("=", 1) for line in lines)}
        tail = self.env["TASKGATE_URL"].rsplit(":", 1)[1]
        self.port = int(tail) if tail else None

    def set(self, **settings):
        """Settings that hold from the next start of a program on."""
        self.sh("set", *[f"{k}={v}" for k, v in settings.items()])

    def start(self, part, *options):
        """part: fcgi, nginx, sweep, pg; twilio, smtp (stand-ins)."""
        self.sh(f"{part}-start", *options)
        if part == "nginx":
            self.read_env()

    def stop(self, part, *options):
        self.sh(f"{part}-stop", *options)
        if part == "pg":
            self.connection = None

    def reload(self):
        """HUP: writes taskgate.conf anew and rolls the workers."""
        self.sh("fcgi-reload")

    def restart(self, part, **settings):
        self.stop(part)
        if settings:
            self.set(**settings)
        self.start(part)

    def process(self, part):
        """The running process of a part: fcgi (the master), nginx (its master), sweep, sweep-loop, pg (the postmaster), twilio, smtp."""
        if part == "pg":
            path = self.dir / "pg" / "data" / "postmaster.pid"
            return Process(int(path.read_text().split()[0])) if path.exists() else None
        path = self.dir / "run" / f"{part}.pid"
        try:
            words = path.read_text().split()
        except FileNotFoundError:
            return None
        found = Process(int(words[0]), int(words[1])) if len(words) > 1 else None
        return found if found is not None and found.alive() else None

    def workers_of(self, part="fcgi"):
        master = self.process(part)
        return master.children() if master else []

    def log(self, name):
        """The text of log/NAME.log: fcgi, sweep, nginx-error, nginx-access, postgres, twilio, smtp."""
        path = self.dir / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # -- the programs --

    def program(self, name, *args, check=True, env=None, timeout=60 * max(1, PATIENCE)):
        """Runs a program of the build with this stack's settings file. Gives the CompletedProcess, as text."""
        env = dict(os.environ, **looked_through(name, args), **(env or {}))
        done = subprocess.run([str(BUILD / name), "--config", str(self.dir / "taskgate.conf"), *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, env=env)
        if check and done.returncode != 0:
            raise AssertionError(f"{name} {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ctl(self, *args, **more):
        return self.program("taskgatectl", *args, **more).stdout

    def ctl_json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    # -- HTTP --

    def client(self, token=None):
        made = Client("127.0.0.1", self.port, token)
        self.clients.append(made)
        return made

    def tenant(self, name=None, scope="all"):
        name = name or fresh("tenant")
        self.ctl("tenant", "add", name)
        self.ctl("user", "add", "tester", "--tenant", name)
        token = self.ctl("token", "create", "--tenant", name, "--user", "tester", "--scope", scope).strip()
        return Tenant(self, name, token)

    # -- the database, as its superuser --

    def connect(self, user="postgres", **more):
        return psycopg2.connect(host=self.env["PGHOST"], port=self.env["PGPORT"], user=user, dbname=self.env["PGDATABASE"], **more)

    @property
    def db(self):
        if self.connection is None or self.connection.closed:
            self.connection = self.connect()
            self.connection.autocommit = True
        return self.connection

    def run(self, sql, *params, **named):
        """Runs a statement; gives how many rows it touched."""
        with self.db.cursor() as c:
            c.execute(sql, named or params or None)
            return c.rowcount

    def rows(self, sql, *params, **named):
        with self.db.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
            c.execute(sql, named or params or None)
            return c.fetchall()

    def row(self, sql, *params, **named):
        found = self.rows(sql, *params, **named)
        return found[0] if found else None

    def value(self, sql, *params, **named):
        found = self.row(sql, *params, **named)
        return None if found is None else next(iter(found.values()))
