# SPDX-License-Identifier: MIT
"""racing: runs a race that is written down in a .race file: sessions, steps, the order in which they are told to go, and what must hold then. A statement that
blocks is found in pg_stat_activity, never waited for by the clock.

A file is sections; a line that begins at the margin opens one, what is indented belongs to it, `#` begins a comment.

    about                       what must hold, and why the naive statement does not keep it
    set NAME [as ROLE] STATEMENT   optional, any number: before the race, in a session of its own and committed at once; its first row is kept as NAME
    session NAME [as ROLE]      steps of one session, one a line: `step: statement`. The role is taskgate_api unless told; its `begin` goes on with enter()
    order                       `session.step` words, in the order in which they are told to go; `session.step*` must block
    check                       one query as superuser; true where all is well. The temporary table `step` holds what every step gave: session, step, n (row number, 0
                                where there was none), data (jsonb), error, blocked
    naive STATEMENT             SQL that stands for the named statement in the second run, which must fail the check. `order` and blocking are as they come then
    naive function NAME         where the lock is inside a function: `text => other text`, one a line; what its definition is without it in the second run

A statement is `begin`, `commit`, `execute NAME(args)` of sql/queries, or plain SQL. `:set.column` is a value of a row kept by `set`, `:session.step.column` of the
first row of a step, `:tenant.id` and `:tenant.token_hash` are the race's own. `sleep` does not exist."""
import contextlib
import hashlib
import json
import pathlib
import queue
import re
import threading

import psycopg2
import psycopg2.extras

import queries
from waiting import until


STATEMENTS = {name: s.text for name, s in queries.load().items()}


class Race:
    def __init__(self, path):
        self.name, self.roles = pathlib.Path(path).stem, {}
        self.sets, self.sessions, self.order, self.naive, self.weakened = [], {}, [], {}, {}
        self.about = self.check = ""
        section = None
        for number, line in enumerate(pathlib.Path(path).read_text().split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] not in " \t":
                word, _, rest = line.partition(" ")
                section = (word, rest.strip())
                if word == "set":
                    name, _, sql = section[1].partition(" ")
                    self.sets.append((name, sql))
                elif word == "session":
                    name, _, role = section[1].partition(" as ")
                    section = (word, name)
                    self.sessions[name], self.roles[name] = {}, role or "taskgate_api"
                elif word == "naive" and section[1].startswith("function "):
                    section = ("weakened", section[1].split()[1])
                    self.weakened[section[1]] = []
                elif word == "naive":
                    assert section[1] in STATEMENTS, f"{path}:{number}: no statement {section[1]}"
                    self.naive[section[1]] = ""
                else:
                    assert word in ("about", "order", "check"), f"{path}:{number}: unknown section {word}"
                continue
            text = line.strip()
            if section[0] == "session":
                step, _, sql = text.partition(":")
                assert sql.strip(), f"{path}:{number}: step: statement"
                self.sessions[section[1]][step.strip()] = sql.strip()
            elif section[0] == "order":
                self.order += text.split()
            elif section[0] == "naive":
                self.naive[section[1]] += text + "\n"
            elif section[0] == "weakened":
                found, arrow, other = text.partition(" =>")
                assert arrow, f"{path}:{number}: text => other text"
                self.weakened[section[1]].append((found, other.strip()))
            elif section[0] == "check":
                self.check += text + "\n"
            elif section[0] == "about":
                self.about += text + "\n"
            else:
                raise AssertionError(f"{path}:{number}: nothing is indented under {section[0]}")
        assert self.about and self.order and self.check and (self.naive or self.weakened), f"{path}: about, order, check and naive are needed"
        for word in self.order:
            session, step = word.rstrip("*").split(".")
            assert step in self.sessions[session], f"{path}: no step {word}"
        told = [w.rstrip("*") for w in self.order]
        all_steps = [f"{s}.{t}" for s, steps in self.sessions.items() for t in steps]
        assert sorted(told) == sorted(all_steps), f"{path}: every step goes once: {set(told) ^ set(all_steps)}"


class Session:
    """One connection and the thread that speaks through it, so that a step may block."""

    def __init__(self, ledger, role, statements, token_hash):
        self.connection = ledger.connect(role)
        self.connection.autocommit = True
        self.role, self.statements, self.token_hash = role, statements, token_hash
        self.prepared, self.done = set(), queue.Queue()
        self.pid = self.connection.get_backend_pid()
        self.thread = None
        with self.connection.cursor() as c:
            c.execute("set plan_cache_mode = force_generic_plan")

    def prepare(self, sql):
        for name in re.findall(r"\bexecute (\w+)", sql):
            if name not in self.prepared:
                with self.connection.cursor() as c:
                    c.execute(f"prepare {name} as {self.statements[name]}")
                self.prepared.add(name)

    def speak(self, sql):
        try:
            with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
                c.execute(sql)
                if sql == "begin" and self.role == "taskgate_api":
                    self.prepare("execute enter")
                    c.execute("execute enter(%s, null, 'race', 'race', null)", (self.token_hash,))
                    return [], None
                return (c.fetchall() if c.description else []), None
        except psycopg2.Error as e:
            return [], f"{e.pgcode} {e.diag.constraint_name or ''} {e.diag.message_primary}"

    def go(self, sql):
        self.prepare(sql)
        self.thread = threading.Thread(target=lambda: self.done.put(self.speak(sql)), daemon=True)
        self.thread.start()

    def close(self):
        self.connection.close()


@contextlib.contextmanager
def weakened(ledger, functions):
    """Functions without what makes them safe, as long as the context is open; what is replaced must be there, so that no race goes stale."""
    whole = {}
    try:
        for name, changes in functions.items():
            found = ledger.rows("select pg_get_functiondef(oid) as text from pg_proc where proname = %s and pronamespace = 'taskgate'::regnamespace", name)
            assert len(found) == 1, f"no single function {name}"
            whole[name] = text = found[0]["text"]
            for old, new in changes:
                # However the function is laid out: a blank is any white space, and round a bracket there may be some.
                words = [re.escape(w) for w in re.findall(r"[()]|[^\s()]+", old)]
                spaced = re.compile("".join(w + (r"\s*" if "(" in w + n or ")" in w + n else r"\s+") for w, n in zip(words, words[1:])) + words[-1])
                assert len(spaced.findall(text)) == 1, f"{name} has {len(spaced.findall(text))} times: {old}"
                text = spaced.sub(lambda _: new, text)
            ledger.run(text)
        yield
    finally:
        for text in whole.values():
            ledger.run(text)


class Result:
    def __init__(self, holds, steps, blocked):
        self.holds, self.steps, self.blocked = holds, steps, blocked

    def __repr__(self):
        lines = [f"check: {self.holds}"] + [f"{w}{' (blocked)' if w in self.blocked else ''}: {rows if error is None else 'ERROR ' + error}" for w, (rows, error) in self.steps.items()]
        return "\n".join(lines)


def value_text(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "'t'" if value else "'f'"
    if isinstance(value, (int, float)):
        return f"'{value}'"
    return "'" + str(value).replace("'", "''") + "'"


def run(ledger, race, tenant, naive=False):
    """Runs the race on an empty ledger; gives the Result. A block that the order promises (`*`) is asserted in the true run only."""
    with weakened(ledger, race.weakened if naive else {}):
        return play(ledger, race, tenant, naive)


def play(ledger, race, tenant, naive):
    statements = dict(STATEMENTS, **(race.naive if naive else {}))
    token_hash = hashlib.sha256(tenant.token.encode()).digest()
    kept, steps, blocked, pending = {"tenant": [{"id": tenant.id, "token_hash": "\\x" + token_hash.hex()}]}, {}, set(), {}

    def filled(sql):
        def one(m):
            words = m.group(1).split(".")
            rows = kept[words[0]] if len(words) == 2 else steps[f"{words[0]}.{words[1]}"][0]
            assert rows, f"{race.name}: {m.group(0)}: there was no row: {steps}"
            return value_text(rows[0][words[-1]])
        return re.sub(r"(?<!:):([a-z]\w*(?:\.\w+){1,2})", one, sql)

    def setter(role, sql):
        s = Session(ledger, role, dict(STATEMENTS), token_hash)
        try:
            s.prepare(sql)
            rows, error = [], None
            for text in ("begin", sql, "commit"):
                got, error = s.speak(text)
                assert error is None, f"{race.name}: {sql}: {error}"
                rows = got or rows
            return rows
        finally:
            s.close()

    for name, sql in race.sets:
        role = "taskgate_api"
        m = re.match(r"as (\w+) (.*)", sql)
        if m:
            role, sql = m.groups()
        kept[name] = setter(role, filled(sql))

    sessions = {name: Session(ledger, race.roles[name], statements, token_hash) for name in race.sessions}
    watch = ledger.connect()
    watch.autocommit = True

    def collect(name, wait):
        """Takes the answer of the session's running step, if it is there."""
        if name not in pending:
            return True
        try:
            steps[pending[name]] = sessions[name].done.get(timeout=20 if wait else 0.0005)
        except queue.Empty:
            return False
        del pending[name]
        return True

    def waits(name):
        """For one of the race's sessions: for a moment it may also wait for autovacuum, which is nobody's step."""
        with watch.cursor() as c:
            c.execute("select pg_blocking_pids(%s) && %s", (sessions[name].pid, [s.pid for s in sessions.values()]))
            return c.fetchone()[0]

    try:
        for word in race.order:
            must_block, word = word.endswith("*"), word.rstrip("*")
            name, step = word.split(".")
            until(lambda: collect(name, False), f"{race.name}: the step before {word} to end")
            sessions[name].go(filled(race.sessions[name][step]))
            pending[name] = word
            until(lambda: collect(name, False) or waits(name), f"{race.name}: {word} to end or to block", pause=0)
            if name in pending:
                blocked.add(word)
            if not naive:
                assert (word in blocked) == must_block, f"{race.name}: {word} {'does not block' if must_block else 'blocks'}"
            for other in list(pending):
                if other != name:
                    # Who was let go by this step is waited for; who still waits is left waiting.
                    until(lambda: collect(other, False) or waits(other), f"{race.name}: {pending.get(other)} to end or to block", pause=0)
        for name in sessions:
            until(lambda: collect(name, False), f"{race.name}: the last step of {name}")
        return Result(judge(watch, race, steps, blocked), steps, blocked)
    finally:
        for s in sessions.values():
            s.close()
        watch.close()


def judge(watch, race, steps, blocked):
    with watch.cursor() as c:
        c.execute("create temporary table step (session text, step text, n integer, data jsonb, error text, blocked boolean)")
        for word, (rows, error) in steps.items():
            session, step = word.split(".")
            for n, row in enumerate(rows or [None], 1 if rows else 0):
                c.execute("insert into step values (%s, %s, %s, %s, %s, %s)",
                          (session, step, n, json.dumps(row, default=str) if row is not None else None, error, word in blocked))
        c.execute(race.check)
        found = c.fetchone()[0]
        assert found is not None, f"{race.name}: the check gave null"
        return found
