# SPDX-License-Identifier: MIT
"""The database goes away at the worst moment, or does not answer: what a caller is told is true, and nobody waits longer than the deadline."""
import json
import signal
import time

import pytest

import waiting
from parts import Load, Master, held, put, put_and_get, waiting_in_database
from pgproxy import Proxy
from stack import Process, fresh
from waiting import PATIENCE, until

UNKNOWN = "outcome is unknown.*Idempotency-Key"
NOTHING = "nothing was done"


@pytest.fixture
def proxy(behind, start):
    made = Proxy(behind)
    made.master = start(Master, behind, TASKGATE_WORKERS=1, TASKGATE_REQUEST_TIMEOUT=1, TASKGATE_DATABASE=made.database())
    yield made
    made.close()


def backends(stack, user="taskgate_api"):
    return [Process(r["pid"]) for r in stack.rows("select pid from pg_stat_activity where usename = %s order by pid", user)]


class Timed:
    """with Timed(1): the block ends within that many seconds and one more."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, kind, *_):
        took = time.monotonic() - self.began
        assert kind is not None or took < self.seconds + waiting.PATIENCE, f"{took:.1f} s"


@pytest.fixture
def claimed(mine):
    """A task that an external worker holds: entity, work id, fence."""
    kind = fresh("type").replace("-", "_")
    entity = mine.create(task_type=kind)
    row = mine.api.post("/work/claim", {"types": [kind], "max": 1, "lease_seconds": 60}).ok().json["tasks"][0]
    return entity, row["id"], row["fence"]


# -- cut between a sync and its answer --

@pytest.mark.parametrize("action, there", [("after", True), ("before", False)])
def test_put_in_doubt(behind, mine, proxy, action, there):
    entity = fresh("doubt")
    proxy.at("generic_create", action)
    answer = put(mine.api, entity).refused(503, "INTERNAL_ERROR", words=UNKNOWN)
    assert answer.headers["Retry-After"] == "1" and proxy.struck.wait(5 * PATIENCE)
    assert (mine.task(entity) is not None) == there
    assert mine.api.get(f"/generic/{entity}").status == (200 if there else 404)
    assert put(mine.api, entity).status == (409 if there else 201)


@pytest.mark.parametrize("action, replayed", [("after", "true"), ("before", None)])
def test_put_in_doubt_with_a_key_has_one_effect(behind, mine, proxy, action, replayed):
    entity, key = fresh("doubt"), {"Idempotency-Key": fresh("key")}
    body = {"task_type": "job", "action": "process"}
    proxy.at("commit", action)
    mine.api.put(f"/generic/{entity}", body, headers=key).refused(503, "INTERNAL_ERROR", words=UNKNOWN)
    assert proxy.struck.wait(5 * PATIENCE)
    again = until(lambda: (a := mine.api.put(f"/generic/{entity}", body, headers=key)).status != 409 and a, "the first transaction to end").ok(201)
    assert again.headers.get("Idempotency-Replayed") == replayed
    assert mine.events(entity) == ["create"]
    assert mine.api.put(f"/generic/{entity}", body, headers=key).ok(201).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("action", ["after", "before"])
def test_put_with_a_key_cut_before_its_commit_did_nothing(behind, mine, proxy, action):
    entity, key = fresh("cut"), {"Idempotency-Key": fresh("key")}
    proxy.at("generic_create", action)
    mine.api.put(f"/generic/{entity}", {"task_type": "job", "action": "process"}, headers=key).refused(503, "INTERNAL_ERROR", words=NOTHING)
    assert mine.task(entity) is None
    again = until(lambda: (a := mine.api.put(f"/generic/{entity}", {"task_type": "job", "action": "process"}, headers=key)).status != 409 and a, "the lock to go")
    assert "Idempotency-Replayed" not in again.ok(201).headers
    assert mine.events(entity) == ["create"]


@pytest.mark.parametrize("action", ["after", "before"])
@pytest.mark.parametrize("path, statement", [("/generic/{e}", "generic_get"), ("/task/{e}", "disposition_task_get"), ("/task", "disposition_task_list"),
                                             ("/task/{e}/why", "task_why"), ("/metrics", "backlog")])
def test_get_that_is_cut_is_a_plain_503(mine, proxy, action, path, statement):
    entity = mine.create()
    proxy.at(statement, action)
    answer = mine.api.get(path.format(e=entity)).refused(503, "INTERNAL_ERROR", words=NOTHING)
    assert proxy.struck.wait(5 * PATIENCE) and answer.headers["Retry-After"] == "1"
    mine.api.get(f"/generic/{entity}").ok()


def test_post_in_doubt(behind, mine, proxy, claimed):
    """Every route that changes something says so."""
    entity, id, fence = claimed
    other = mine.create()
    for path, body, statement, status in (
            (f"/work/{id}/progress", {"fence": fence, "progress": 5}, "work_progress", 200),
            (f"/work/{id}/log", {"fence": fence, "level": "info", "message": "hello"}, "work_log", 200),
            (f"/work/{id}/heartbeat", {"fence": fence, "lease_seconds": 60}, "work_heartbeat", 200),
            (f"/work/{id}/complete", {"fence": fence, "result": {"n": 1}}, "work_complete", 409),
            (f"/task/{other}/cancel", {}, "disposition_task_cancel", 409),
            ("/work/claim", {"types": ["job"], "max": 1}, "work_claim", 200)):
        proxy.at(statement, "after")
        mine.api.post(path, body).refused(503, "INTERNAL_ERROR", words=UNKNOWN)
        assert proxy.struck.wait(5 * PATIENCE)
        assert mine.api.post(path, body).status == status, path
    assert mine.status(entity) == "completed" and mine.status(other) == "cancelled"
    assert mine.events(entity) == ["create", "claim", "complete"]


def test_retry_in_doubt(behind, mine, proxy, claimed):
    entity, id, fence = claimed
    mine.api.post(f"/work/{id}/fail", {"fence": fence, "error": "broken", "retry": False}).ok()
    proxy.at("disposition_task_revive", "after")
    mine.api.post(f"/task/{entity}/retry", {}).refused(503, "INTERNAL_ERROR", words=UNKNOWN)
    assert mine.status(entity) == "pending"


def test_refusal_that_is_cut_did_nothing(mine, proxy):
    """A bad body runs enter() alone, which changes nothing."""
    proxy.at("enter", "after")
    mine.api.put(f"/generic/{fresh('bad')}", {"task_type": "job"}).refused(503, "INTERNAL_ERROR", words=NOTHING)
    mine.api.put(f"/generic/{fresh('bad')}", {"task_type": "job"}).refused(400, "INVALID_REQUEST")


# -- died while idle --

def test_idle_connection_that_died_is_noticed(behind, mine, start):
    start(Master, behind)
    for n in range(4):
        for b in backends(behind):
            b.signal(signal.SIGTERM)
        until(lambda: not backends(behind), "the backends to end")
        entity = fresh("after")
        answers = [put(mine.api, f"{entity}-{i}") for i in range(4)]
        assert [a.status for a in answers] == [201] * 4


def test_idle_connection_is_noticed_when_the_server_restarted(behind, mine, start):
    start(Master, behind, TASKGATE_WORKERS=1)
    put(mine.api, fresh("before")).ok(201)
    behind.stop("pg")
    behind.start("pg")
    entity = fresh("after")
    put(mine.api, entity).ok(201)
    mine.api.get(f"/generic/{entity}").ok()
    text = mine.api.get("/metrics").body.decode()
    assert "\ntaskgate_reconnects_total 1\n" in text


def test_idle_connection_cut_by_a_third_party(mine, proxy):
    for _ in range(3):
        proxy.cut_all()
        put(mine.api, fresh("after")).ok(201)


# -- no answer --

def test_silence_ends_at_the_deadline(behind, mine, proxy):
    for statement, request, words in (
            ("generic_get", lambda: mine.api.get("/generic/nothing"), NOTHING),
            ("generic_create", lambda: put(mine.api, fresh("silent")), UNKNOWN)):
        proxy.at(statement, "silent")
        with Timed(1):
            request().refused(503, "INTERNAL_ERROR", words=words)
        assert proxy.struck.wait(5 * PATIENCE)
        with Timed(1):
            mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    assert [w["requests"] != "0" for w in proxy.master.slots().values()] == [True] and "worker.crash" not in proxy.master.text


def test_stopped_backend_keeps_nobody_longer_than_the_deadline(behind, mine, start):
    master = start(Master, behind, TASKGATE_WORKERS=1, TASKGATE_REQUEST_TIMEOUT=1)
    worker, = master.workers()
    mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    stopped, entity, key = [], fresh("stopped"), {"Idempotency-Key": fresh("key")}
    body = {"task_type": "job", "action": "process"}
    try:
        for request, words in ((lambda: mine.api.get(f"/generic/{entity}"), NOTHING), (lambda: put(mine.api, f"{entity}-plain"), UNKNOWN),
                               (lambda: mine.api.put(f"/generic/{entity}", body, headers=key), NOTHING)):
            backend, = [b for b in backends(behind) if b.pid not in [s.pid for s in stopped]]
            stopped.append(backend)
            backend.signal(signal.SIGSTOP)
            with Timed(1):
                request().refused(503, "INTERNAL_ERROR", words=words)
            with Timed(1):
                mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
        # The stopped one did not take the key's lock yet.
        mine.api.put(f"/generic/{entity}", body, headers=key).ok(201)
    finally:
        for b in stopped:
            b.signal(signal.SIGCONT)
    for b in stopped:
        b.wait_gone()
    assert mine.events(entity) == ["create"]
    assert mine.api.put(f"/generic/{entity}", body, headers=key).ok(201).headers["Idempotency-Replayed"] == "true"
    # The doubt was justified: the stopped backend had all of the request.
    assert mine.events(f"{entity}-plain") == ["create"]
    assert worker.alive() and "worker.crash" not in master.text


def test_lock_that_outlasts_the_deadline(behind, mine, start):
    """An abandoned transaction ends by itself while the lock is still held, without effect, and the key lets the repeat through."""
    start(Master, behind, TASKGATE_REQUEST_TIMEOUT=1)
    entity, key = fresh("locked"), {"Idempotency-Key": fresh("key")}
    body = {"task_type": "job", "action": "process"}
    with held(behind):
        with Timed(1):
            mine.api.put(f"/generic/{entity}", body, headers=key).refused(503, "INTERNAL_ERROR", words=NOTHING)
        with Timed(1):
            # The first transaction may have the key still, or may have gone.
            again = mine.api.put(f"/generic/{entity}", body, headers=key)
        if again.status == 409:
            again.refused(409, "IDEMPOTENCY_KEY_IN_USE")
        else:
            again.refused(503, "INTERNAL_ERROR", words=NOTHING)
        until(lambda: behind.value("select count(*) from pg_stat_activity where usename = 'taskgate_api' and wait_event_type = 'Lock'") == 0, "the abandoned statements to end", 5)
    until(lambda: mine.api.put(f"/generic/{entity}", body, headers=key).status == 201, "the repeat to pass")
    assert mine.events(entity) == ["create"]


def test_stopped_postmaster_keeps_nobody_longer_than_the_deadline(behind, mine, start):
    """A connection that is taken and never answered."""
    start(Master, behind, TASKGATE_WORKERS=1, TASKGATE_REQUEST_TIMEOUT=1)
    mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    postmaster = behind.process("pg")
    postmaster.signal(signal.SIGSTOP)
    try:
        for b in backends(behind):
            b.signal(signal.SIGTERM)
        until(lambda: not backends(behind), "the backend to end")
        for request in (lambda: mine.api.get("/generic/nothing"), lambda: put(mine.api, fresh("away"))):
            with Timed(1):
                request().refused(503, "INTERNAL_ERROR", words=NOTHING)
        mine.api.get("/health").ok()
    finally:
        postmaster.signal(signal.SIGCONT)
    until(lambda: mine.api.get("/generic/nothing").status == 404, "the service to recover", 5)


def test_deadline_counts_for_all_that_wait(behind, mine, start, aside):
    """Two workers, both held: requests behind them are answered too, each worker keeping its deadline."""
    start(Master, behind, TASKGATE_REQUEST_TIMEOUT=1)
    with held(behind):
        answers = [aside(put, behind.client(mine.token), fresh("wait")) for _ in range(4)]
        waiting_in_database(behind, 2)
        for a in answers:
            a.result(10 * waiting.PATIENCE).refused(503, "INTERNAL_ERROR", words=UNKNOWN)
    until(lambda: put(mine.api, fresh("wait")).status == 201, "the service to recover", 5)


def test_a_large_body_has_a_second_more_for_each_mib(behind, mine, start, aside):
    """What a small request is refused for after a second, a large one waits out, and so does the server's own limit on a statement. (It is blanks that make it
    large: what attachments cost on a slow machine is not the question.)"""
    start(Master, behind, TASKGATE_WORKERS=1, TASKGATE_REQUEST_TIMEOUT=1, SMTP_URL="smtp://127.0.0.1:1", SMTP_FROM="a@example.com")

    def mail(mib):
        words = {"to": ["a@example.com"], "subject": "x", "template": "voicemail", "template_data": {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}}
        return behind.client(mine.token).put("/email", body=json.dumps(words).encode() + b" " * (mib << 20), headers={"Content-Type": "application/json"})
    with held(behind):
        with Timed(1):
            mail(0).refused(503, "internal_error", words=UNKNOWN)
        until(lambda: not behind.value("select count(*) from pg_stat_activity where usename = 'taskgate_api' and wait_event_type = 'Lock'"), "the abandoned statement to end")
        large = aside(mail, 20)
        waiting_in_database(behind)
        # Past what the connection's own limit would have been: the timeout and a second.
        until(lambda: large.done() or behind.value("select max(now() - query_start) > interval '2.5 s' from pg_stat_activity where usename = 'taskgate_api' and wait_event_type = 'Lock'"),
              "the large one to have waited")
        assert not large.done(), large.result()
    large.result(20 * PATIENCE).ok(201)


# -- a pool without room --

def test_no_connection_to_be_had_is_503(behind, mine, start):
    start(Master, behind, TASKGATE_WORKERS=1)
    behind.run("alter role taskgate_api connection limit 0")
    try:
        for b in backends(behind):
            b.signal(signal.SIGTERM)
        until(lambda: not backends(behind), "the backends to end")
        mine.api.get("/generic/nothing").refused(503, "INTERNAL_ERROR", words=NOTHING)
        put(mine.api, fresh("room")).refused(503, "INTERNAL_ERROR", words=NOTHING)
    finally:
        behind.run("alter role taskgate_api connection limit -1")
    until(lambda: mine.api.get("/generic/nothing").status == 404, "the service to recover", 5)


def test_backends_that_die_under_load(behind, mine, start):
    """Connections end at any moment: the answers are 200, 201, 409 of a doubt's repeat, or 503; an acknowledged create is there once."""
    master = start(Master, behind, TASKGATE_WORKERS=4)
    with Load(mine, put_and_get) as load:
        for _ in range(15):
            load.more(8)
            for b in backends(behind):
                try:
                    b.signal(signal.SIGTERM)
                except (AssertionError, ProcessLookupError):
                    pass
        load.more(20, 200)
    assert load.statuses() <= {200, 503} and not load.broken, (load.statuses(), load.broken[:3])
    for e in load.entities(200):
        assert mine.events(e) == ["create"]
    assert "worker.crash" not in master.text


# -- a connection that is not what it was --

@pytest.mark.parametrize("key", [False, True])
def test_forgotten_statements_are_prepared_again(mine, proxy, key):
    """As behind a pooler that gave the session to somebody else."""
    mine.create()
    mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    for _ in range(3):
        proxy.lines[-1].inject("deallocate all")
        entity = fresh("forgotten")
        mine.api.put(f"/generic/{entity}", {"task_type": "job", "action": "process"}, headers={"Idempotency-Key": entity} if key else None).ok(201)
        proxy.lines[-1].inject("deallocate all")
        mine.api.get(f"/generic/{entity}").ok()
        assert mine.events(entity) == ["create"]


def test_changed_table_is_met_by_a_new_plan(behind, mine, start):
    """A column that grows under the workers: a cached plan that must not change its result type is made anew."""
    start(Master, behind, TASKGATE_WORKERS=1)
    entity = mine.create()
    assert mine.api.get("/metrics").status == 200
    behind.run("alter table lane alter column name type varchar(64)")
    try:
        assert mine.api.get("/metrics").status == 200
        mine.api.get(f"/task/{entity}/why").ok()
    finally:
        behind.run("alter table lane alter column name type text")
    assert mine.api.get("/metrics").status == 200


def test_hup_while_the_database_is_away(behind, mine, start):
    master = start(Master, behind)
    behind.stop("pg")
    try:
        master.signal(signal.SIGHUP)
        master.said("reload.done")
        mine.api.get("/health").ok()
        mine.api.get("/generic/nothing").refused(503, "INTERNAL_ERROR", words=NOTHING)
    finally:
        behind.start("pg")
    until(lambda: put(mine.api, fresh("back")).status == 201, "the service to recover", 5)
