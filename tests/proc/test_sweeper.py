# SPDX-License-Identifier: MIT
"""taskgate-sweep is killed, stopped, doubled and replaced at the worst moments: every task ends, no result is lost, none is applied by a claim
that is no longer the task's own."""
import collections
import contextlib
import json
import random
import signal
import statistics
import threading
import time

import pytest

from parts import Program
from pgproxy import Proxy
from receiver import Reply
from stack import fresh
from waiting import PATIENCE, until


@pytest.fixture(scope="module")
def field(make_stack):
    return make_stack("sweeper", workers=2, sweep=False, TASKGATE_RETRY_FIRST=20, TASKGATE_HANDLER_TIMEOUT=30, TASKGATE_WEBHOOK_TIMEOUT=2,
                      TASKGATE_WEBHOOK_RETRIES="1,1,1,1,1,1,1,1")


@pytest.fixture
def tenant(field):
    """A tenant for one test. What it leaves behind is cancelled, so that the next test's sweepers have their own work only."""
    made = field.tenant()
    yield made
    for row in field.rows("select entity from task where tenant_id = %s and finished_at is null", made.id):
        made.api.post(f"/task/{row['entity']}/cancel", {})
    field.run("delete from work where tenant_id = %s", made.id)


@pytest.fixture
def sweep(field, start):
    def begin(*args, **settings):
        return start(Program, field, "taskgate-sweep", *args, **settings)
    return begin


def typed(tenant, receiver, *replies):
    """A type whose handler answers so; gives its name and the handler's path."""
    path = f"/{fresh('handler')}"
    return tenant.type(fresh("job").replace("-", "_"), receiver.script(path, *replies)), path


def unfinished(tenant):
    return tenant.stack.value("select count(*) from task where tenant_id = %s and finished_at is null", tenant.id)


def wait_all(tenant, seconds=60):
    until(lambda: unfinished(tenant) == 0, lambda: f"all tasks to end: {tenant.stack.rows('select state, reason, count(*) from task where tenant_id = %s group by 1, 2', tenant.id)}",
          seconds, 0.05)


def lingering(field, count=1):
    """Sweepers that have said hello and not goodbye."""
    return until(lambda: field.value("select count(*) from sweeper where lingers and left_at is null and beat_at > now() - interval '20 seconds'") >= count, "a sweeper's hello")


def output(tenant, entity):
    return tenant.stack.value("select b.output from task_body b join task t on t.tenant_id = b.tenant_id and t.id = b.task_id where t.tenant_id = %s and t.entity = %s",
                              tenant.id, entity)


# -- killed --

def test_killed_while_the_handler_works(field, tenant, receiver, sweep):
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"attempt": 1}, gate=gate), Reply(body={"attempt": 2}))
    entity = tenant.create(task_type=kind, timeout=2, retry_count=3)
    first = sweep()
    receiver.wait(path)
    first.signal(signal.SIGKILL)
    first.wait()
    gate.set()
    second = sweep()
    tenant.wait_status(entity, "completed")
    assert tenant.events(entity) == ["create", "claim", "retry", "claim", "complete"]
    assert output(tenant, entity) == {"attempt": 2}
    bodies = [json.loads(s.body) for s in receiver.at(path)]
    assert [(b["fence"], b["attempt"]) for b in bodies] == [(1, 1), (2, 2)] and bodies[0]["id"] == bodies[1]["id"]
    assert tenant.work(entity) is None
    second.signal(signal.SIGTERM)
    assert second.wait() == 0 and second.text == ""


def test_killed_holder_of_a_long_task_is_fenced(field, tenant, receiver, sweep):
    """202 and then silence: the lease runs out, another attempt is made, and what the first one reports is refused."""
    kind, path = typed(tenant, receiver, Reply(202, b""), Reply(202, b""))
    entity = tenant.create(task_type=kind, timeout=1, retry_count=3)
    sweep()
    bodies = [json.loads(s.body) for s in receiver.wait(path, 2)]
    id = bodies[0]["id"]
    late = tenant.api.post(f"/work/{id}/complete", {"fence": bodies[0]["fence"], "result": {"late": True}})
    assert late.status == 409, late
    tenant.api.post(f"/work/{id}/complete", {"fence": bodies[1]["fence"], "result": {"late": False}}).ok()
    tenant.wait_status(entity, "completed")
    assert output(tenant, entity) == {"late": False}


def test_stopped_for_longer_than_its_lease(field, tenant, receiver, sweep):
    """A sweeper that slept through its lease comes back with an answer: it is of a stale fence and changes nothing."""
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"attempt": 1}, gate=gate), Reply(body={"attempt": 2}))
    entity = tenant.create(task_type=kind, timeout=2, retry_count=3)
    first = sweep(LOG_LEVEL="debug")
    receiver.wait(path)
    first.signal(signal.SIGSTOP)
    try:
        second = sweep()
        tenant.wait_status(entity, "completed")
    finally:
        gate.set()
        first.signal(signal.SIGCONT)
    assert first.wait() == 0, first.text
    assert output(tenant, entity) == {"attempt": 2}
    assert tenant.events(entity) == ["create", "claim", "retry", "claim", "complete"]
    assert second.alive() and second.text == ""


def check_every_one(tenant, receiver, path, hooks):
    rows = tenant.stack.rows("""select t.id, t.state, b.output, count(*) filter (where e.event = 'claim') as claims, count(*) filter (where e.event = 'complete') as completed,
        count(*) filter (where e.to_state in ('completed', 'failed', 'expired', 'cancelled')) as ends
        from task t join task_event e on e.tenant_id = t.tenant_id and e.task_id = t.id join task_body b on b.tenant_id = t.tenant_id and b.task_id = t.id
        where t.tenant_id = %s group by t.tenant_id, t.id, b.tenant_id, b.task_id, b.output::text""", tenant.id)
    sent = collections.Counter((b["id"], b["fence"]) for b in (json.loads(s.body) for s in receiver.at(path)))
    told = collections.defaultdict(set)
    for s in receiver.at(hooks):
        told[s.headers["webhook-id"]].add(s.body)
    for r in rows:
        assert r["state"] == "completed" and r["completed"] == 1 and r["ends"] == 1, r
        # The result is of the claim that was the last one: no answer of an earlier claim was applied.
        assert r["output"]["fence"] == r["claims"], r
        assert sent[(r["id"], r["claims"])] == 1, r
    assert max(sent.values()) == 1, "a claim was sent twice"
    assert len(told) == len(rows) and all(len(bodies) == 1 for bodies in told.values())
    assert tenant.stack.value("select count(*) from work where tenant_id = %s", tenant.id) == 0
    assert tenant.stack.value("select count(*) from delivery where tenant_id = %s and state <> 'delivered'", tenant.id) == 0
    tenant.stack.ctl("audit", "verify", "--tenant", tenant.name)
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(field, tenant, receiver, sweep, seed):
    chance = random.Random(seed)

    def answer(seen):
        time.sleep(chance.random() * 0.05)     # a handler's work takes its time; nothing is waited for
        return Reply(body={"fence": json.loads(seen.body)["fence"]})
    kind, path = typed(tenant, receiver, answer)
    hooks = f"/{fresh('hook')}"
    receiver.script(hooks, lambda seen: time.sleep(chance.random() * 0.02) or Reply())
    for _ in range(200):
        tenant.create(task_type=kind, timeout=2, retry_count=20, callback_url=receiver.url(hooks))
    kills = 0
    while kills < 25 and unfinished(tenant) > 0:
        one = sweep(TASKGATE_TRANSFERS=24)
        seen = len(receiver.at(path))
        with contextlib.suppress(AssertionError):      # what is left may be leased, and then nothing new comes
            until(lambda: len(receiver.at(path)) > seen, "work", 0.4)
        time.sleep(chance.random() * 0.06)
        one.signal(signal.SIGKILL)
        one.wait()
        kills += 1
    assert kills >= 5
    last = sweep()
    wait_all(tenant)
    # Deliveries of killed sweepers wait for a longer lease: let that time have passed.
    field.run("update work set lease_until = now() where tenant_id = %s and lane = 'webhook' and lease_until is not null and claimed_by not like %s", tenant.id, f"%% {last.popen.pid}")
    until(lambda: field.value("select count(*) from work where tenant_id = %s", tenant.id) == 0, "all webhooks to be delivered")
    rows = check_every_one(tenant, receiver, path, hooks)
    assert max(r["claims"] for r in rows) > 1, "no kill hit anything"


def test_connection_lost_again_and_again(field, tenant, receiver, sweep):
    """The sweeper lives, its backends die at any moment: a claim in doubt costs its lease, an outcome in doubt is told again."""
    chance = random.Random(3)
    kind, path = typed(tenant, receiver, lambda seen: Reply(body={"fence": json.loads(seen.body)["fence"]}))
    hooks = f"/{fresh('hook')}"
    receiver.script(hooks, Reply())
    for _ in range(300):
        tenant.create(task_type=kind, timeout=2, retry_count=20, callback_url=receiver.url(hooks))
    one = sweep(TASKGATE_TRANSFERS=8)
    for _ in range(25):
        time.sleep(chance.random() * 0.05)
        field.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'taskgate_sweep'")
    wait_all(tenant)
    field.run("update work set lease_until = now() where tenant_id = %s and lane = 'webhook' and lease_until is not null", tenant.id)
    until(lambda: field.value("select count(*) from work where tenant_id = %s", tenant.id) == 0, "all webhooks to be delivered")
    check_every_one(tenant, receiver, path, hooks)
    assert one.alive()


@pytest.fixture
def proxy(field):
    made = Proxy(field)
    yield made
    made.close()


def test_outcome_in_doubt_is_told_again(field, tenant, receiver, sweep, proxy):
    kind, path = typed(tenant, receiver, Reply(body={"n": 1}), Reply(body={"n": 2}))
    hooks = f"/{fresh('hook')}"
    receiver.script(hooks, Reply())
    for statement, action in (("sweep_handler_settle", "after"), ("sweep_handler_settle", "before"), ("sweep_webhook_settle", "after"), ("sweep_webhook_settle", "before")):
        entity, asked, told = tenant.create(task_type=kind, callback_url=receiver.url(hooks)), len(receiver.at(path)), len(receiver.at(hooks))
        proxy.at(statement, action)
        one = sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
        assert proxy.struck.wait(10 * PATIENCE)
        tenant.wait_status(entity, "completed")
        until(lambda: field.value("select count(*) from work where tenant_id = %s", tenant.id) == 0, "the webhook's outcome")
        assert tenant.events(entity) == ["create", "claim", "complete"]
        assert (len(receiver.at(path)) - asked, len(receiver.at(hooks)) - told) == (1, 1)
        one.signal(signal.SIGTERM)
        assert one.wait() == 0


@pytest.mark.parametrize("action, events", [("after", ["create", "claim", "retry", "claim", "complete"]), ("before", ["create", "claim", "complete"])])
def test_claim_in_doubt_is_left_to_its_lease(field, tenant, receiver, sweep, proxy, action, events):
    kind, path = typed(tenant, receiver, Reply())
    entity = tenant.create(task_type=kind, timeout=1)
    proxy.at("sweep_handler_claim", action)
    sweep(TASKGATE_SWEEP_DATABASE=proxy.database("taskgate_sweep"))
    assert proxy.struck.wait(10 * PATIENCE)
    tenant.wait_status(entity, "completed")
    assert tenant.events(entity) == events
    assert len(receiver.at(path)) == 1, "a claim whose commit was in doubt was sent"


def test_answer_that_the_database_refuses_costs_only_itself(field, tenant, receiver, sweep):
    """One poisoned outcome in a batch: the others are stored, this one is a failed attempt."""
    gate = threading.Event()
    kind, path = typed(tenant, receiver, lambda seen: Reply(body=json.loads(seen.body)["payload"], gate=gate))
    good = [tenant.create(task_type=kind, payload={"n": n}) for n in range(30)]
    bad = tenant.create(task_type=kind, payload={"n": "poison"}, retry_count=0)
    field.run("alter table task_body add constraint no_poison check (output is null or output::text not like '%poison%')")
    try:
        one = sweep("--once")
        receiver.wait(path, 31)
        gate.set()
        assert one.wait() == 0
    finally:
        field.run("alter table task_body drop constraint no_poison")
    assert [output(tenant, e) for e in good] == [{"n": n} for n in range(30)]
    assert tenant.status(bad) == "failed" and output(tenant, bad) is None
    assert tenant.task(bad)["reason"] == "the answer could not be stored"
    assert "settle.refused" in one.text and "poison" not in one.text.replace("no_poison", "")


# -- two at once --

def test_two_at_once_share_the_work(field, tenant, receiver, sweep):
    gate = threading.Event()
    kind, path = typed(tenant, receiver, lambda seen: Reply(body={"fence": json.loads(seen.body)["fence"]}, gate=gate))
    hooks = f"/{fresh('hook')}"
    receiver.script(hooks, Reply())
    for _ in range(500):
        tenant.create(task_type=kind, callback_url=receiver.url(hooks))
    two = [sweep("--once", TASKGATE_TRANSFERS=32), sweep("--once", TASKGATE_TRANSFERS=32)]
    until(lambda: field.value("select count(distinct claimed_by) from work where tenant_id = %s and lane = 'handler' and lease_until is not null", tenant.id) == 2, "both to hold work")
    gate.set()
    for one in two:
        assert one.wait(60) == 0 and one.text == "", one.text
    assert unfinished(tenant) == 0
    assert {r["claims"] for r in check_every_one(tenant, receiver, path, hooks)} == {1}
    assert len(receiver.at(path)) == 500 and len(receiver.at(hooks)) == 500


def test_older_one_leaves_and_finishes_what_it_holds(field, tenant, receiver, sweep):
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"n": 1}, gate=gate), Reply(body={"n": 2}))
    held_back = tenant.create(task_type=kind)
    older = sweep()
    receiver.wait(path)
    newer = sweep()
    lingering(field, 2)
    # The older one learns it with its next heartbeat, five seconds after its hello, and from then on claims nothing.
    until(lambda: field.value("select beat_at > started_at + interval '4 seconds' from sweeper where pid = %s", older.popen.pid), "the older one's heartbeat")
    assert older.alive()
    other = tenant.create(task_type=kind)
    tenant.wait_status(other, "completed")
    assert field.value("select e.event from task_event e join task t on t.tenant_id = e.tenant_id and t.id = e.task_id where t.entity = %s order by e.seq desc limit 1", other) == "complete"
    gate.set()
    assert older.wait() == 0 and older.text == ""
    tenant.wait_status(held_back, "completed")
    assert output(tenant, held_back) == {"n": 1} and tenant.events(held_back) == ["create", "claim", "complete"]
    assert newer.alive()
    newer.signal(signal.SIGTERM)
    assert newer.wait() == 0
    assert field.value("select count(*) from sweeper where pid = any (%s) and left_at is null", [older.popen.pid, newer.popen.pid]) == 0


def test_idle_older_one_leaves_soon(field, sweep):
    older = sweep()
    # Its own hello: one that an earlier test killed counts as lingering for a while.
    until(lambda: field.value("select count(*) from sweeper where pid = %s", older.popen.pid) == 1, "its hello")
    newer = sweep()
    assert older.wait(15) == 0 and older.text == ""
    assert newer.alive()


def test_once_replaces_nobody(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    older = sweep()
    lingering(field)
    assert sweep("--once").wait() == 0
    since = field.value("select now()")
    until(lambda: field.value("select count(*) from sweeper where pid = %s and beat_at > %s", older.popen.pid, since) == 1, "its next heartbeat")
    assert older.alive()
    tenant.wait_status(tenant.create(task_type=kind), "completed")


# -- leaving --

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_its_transfers(field, tenant, receiver, sweep, number):
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"n": 1}, gate=gate))
    entity = tenant.create(task_type=kind)
    one = sweep(LOG_LEVEL="debug")
    receiver.wait(path)
    one.signal(number)
    one.said("sweep.stop")
    later = tenant.create(task_type=kind)
    gate.set()
    assert one.wait() == 0
    assert tenant.status(entity) == "completed" and output(tenant, entity) == {"n": 1}
    assert tenant.status(later) == "pending" and tenant.work(later)["lease_until"] is None
    assert not list((field.dir / "run" / "sweep.d").glob(f"*{one.popen.pid}*"))


def test_linger_ends_by_itself(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    one = sweep(TASKGATE_LINGER=1)
    lingering(field)
    tenant.wait_status(tenant.create(task_type=kind), "completed")
    assert one.wait(10) == 0 and one.text == ""


def test_once_does_all_that_is_due_and_says_nothing(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, lambda seen: Reply(body=json.loads(seen.body)["payload"]))
    hooks = f"/{fresh('hook')}"
    receiver.script(hooks, Reply())
    due = [tenant.create(task_type=kind, payload={"n": n}, callback_url=receiver.url(hooks)) for n in range(50)]
    later = tenant.create(task_type=kind, scheduled_at="2099-01-01T00:00:00Z")
    pulled = tenant.create(task_type="pulled")
    one = sweep("--once")
    assert one.wait() == 0 and one.text == ""
    assert [output(tenant, e) for e in due] == [{"n": n} for n in range(50)]
    assert tenant.status(later) == tenant.status(pulled) == "pending"
    assert len(receiver.at(hooks)) == 50
    two = sweep("--once")
    assert two.wait() == 0 and two.text == ""
    assert len(receiver.at(path)) == 50 and len(receiver.at(hooks)) == 50


# -- showing without doing --

def test_dry_run_changes_nothing(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    for _ in range(3):
        tenant.create(task_type=kind)
    tenant.create(task_type=kind, scheduled_at="2099-01-01T00:00:00Z")

    def everything():
        tables = [r["name"] for r in field.rows("select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1")]
        return {t: field.value(f"select md5(coalesce(string_agg(x::text, '|' order by x::text), '')) from {t} x") for t in tables}
    before = everything()
    for words in (["-n"], ["--dry-run"]):
        one = sweep(*words)
        assert one.wait() == 0
        line = next(line for line in one.text.splitlines() if line.startswith("handler"))
        assert line.split()[1:3] == ["3", "1"], one.text
        assert {line.split()[0] for line in one.text.splitlines()[1:]} >= {"handler", "webhook", "expire", "purge"}
    assert everything() == before and receiver.at(path) == []


# -- codes --

@pytest.mark.parametrize("args, settings, code, words", [
    (["--nonsense"], {}, 64, "usage:"),
    (["more"], {}, 64, "usage:"),
    (["--once"], {"TASKGATE_TRANSFERS": "0"}, 78, "TASKGATE_TRANSFERS"),
    (["--once"], {"TASKGATE_WEBHOOK_RETRIES": "5,soon"}, 78, "TASKGATE_WEBHOOK_RETRIES"),
    (["--once"], {"TASKGATE_WEBHOOK_SECRET": "whsec_%%%"}, 78, "TASKGATE_WEBHOOK_SECRET"),
    (["--once"], {"TASKGATE_OUTBOUND_ALLOW": "10.0.0.0/99"}, 78, "TASKGATE_OUTBOUND_ALLOW"),
    ([], {"TASKGATE_RUN_DIR": "{dir}/nowhere"}, 78, "TASKGATE_RUN_DIR"),
    (["--once"], {"TASKGATE_SWEEP_DATABASE": ""}, 78, "TASKGATE_SWEEP_DATABASE"),
    (["--once"], {"TASKGATE_SWEEP_DATABASE": "host={pg} colour=green"}, 78, "TASKGATE_SWEEP_DATABASE"),
    ([], {"TASKGATE_SWEEP_DATABASE": "host={pg} dbname=taskgate user=taskgate_api"}, 78, "taskgate_api"),
    (["--once"], {"TASKGATE_SWEEP_DATABASE": "host={pg} dbname=taskgate user=postgres"}, 78, "postgres"),
    (["-n"], {"TASKGATE_SWEEP_DATABASE": "host={pg} dbname=taskgate user=taskgate_ctl"}, 78, "taskgate_ctl"),
    (["--once"], {"TASKGATE_SWEEP_DATABASE": "host={dir}/nowhere dbname=taskgate user=taskgate_sweep"}, 75, "nowhere"),
    (["-n"], {"TASKGATE_SWEEP_DATABASE": "host={dir}/nowhere dbname=taskgate user=taskgate_sweep"}, 75, "nowhere"),
    (["--once"], {"TASKGATE_SWEEP_DATABASE": "host={pg} dbname=unmigrated user=taskgate_sweep"}, 75, "taskgatectl migrate"),
    (["-n"], {"TASKGATE_SWEEP_DATABASE": "host={pg} dbname=unmigrated user=taskgate_sweep"}, 75, "taskgatectl migrate"),
    (["--version"], {}, 0, "taskgate-sweep "),
    (["--help"], {}, 0, "--once"),
])
def test_exit_codes(field, sweep, args, settings, code, words):
    if field.value("select 1 from pg_database where datname = 'unmigrated'") is None:
        field.run("create database unmigrated")
    one = sweep(*args, **{k: v.format(pg=field.dir / "pg", dir=field.dir) for k, v in settings.items()})
    assert one.wait() == code, one.text
    assert words in one.text, one.text


def test_settings_file_that_is_not_there(field):
    done = field.program("taskgate-sweep", "--once", "--config", "/nowhere/taskgate.conf", check=False)
    assert done.returncode == 78 and "/nowhere/taskgate.conf" in done.stderr


# -- lanes --

def test_paused_lane_claims_nothing(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    field.ctl("lane", "pause", "handler")
    try:
        entity = tenant.create(task_type=kind)
        assert sweep("--once").wait() == 0
        assert tenant.status(entity) == "pending" and receiver.at(path) == []
        assert tenant.api.get(f"/task/{entity}/why").ok().data["reason"] == "lane_paused"
        lasting = sweep()
        lingering(field)
    finally:
        field.ctl("lane", "resume", "handler")
    tenant.wait_status(entity, "completed")
    assert lasting.text == ""


def test_paused_expiry_leaves_leases(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply(202, b""))
    entity = tenant.create(task_type=kind, timeout=1, retry_count=0)
    assert sweep("--once").wait() == 0
    field.ctl("lane", "pause", "expire")
    try:
        until(lambda: field.value("select lease_until < now() from work where id = (select id from task where tenant_id = %s and entity = %s)", tenant.id, entity), "the lease to run out")
        assert sweep("--once").wait() == 0
        assert tenant.status(entity) == "processing"
    finally:
        field.ctl("lane", "resume", "expire")
    assert sweep("--once").wait() == 0
    assert tenant.status(entity) == "expired"


# -- the database goes away --

def test_database_away_while_it_lingers(field, tenant, receiver, sweep):
    """What was under way is settled when the database is back, within the same lease: the handler is asked once."""
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"n": 1}, gate=gate), Reply(body={"n": 2}))
    entity = tenant.create(task_type=kind)
    one = sweep()
    receiver.wait(path)
    field.stop("pg")
    gate.set()
    one.said("sweep.database")
    field.start("pg")
    until(lambda: tenant.api.get("/health").status == 200 and tenant.api.get(f"/generic/{entity}").status == 200, "the service")
    tenant.wait_status(entity, "completed")
    assert output(tenant, entity) == {"n": 1} and len(receiver.at(path)) == 1
    assert len(one.text.splitlines()) == 1, one.text
    second = tenant.create(task_type=kind)
    tenant.wait_status(second, "completed")
    assert one.alive()
    one.signal(signal.SIGTERM)
    assert one.wait() == 0


def test_database_away_at_first(field, sweep):
    field.stop("pg")
    try:
        assert sweep("--once").wait() == 75
        one = sweep()
        until(lambda: list((field.dir / "run" / "sweep.d").glob(f"*{one.popen.pid}*")), "its nudge socket")
        assert one.alive()
    finally:
        field.start("pg")
    lingering(field)
    assert one.alive()


def test_database_away_for_good(field, sweep):
    field.stop("pg")
    try:
        one = sweep(TASKGATE_LINGER=1)
        assert one.wait(10) == 75 and one.text.count("\n") == 1, one.text
    finally:
        field.start("pg")


# -- nudges --

def test_nudge_makes_it_quick_and_its_loss_costs_a_poll(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    sweep()
    lingering(field)
    tenant.wait_status(tenant.create(task_type=kind), "completed")

    def latency():
        count = len(receiver.at(path))
        tenant.create(task_type=kind)
        answered = time.monotonic()
        return receiver.wait(path, count + 1)[-1].at - answered
    assert statistics.median(latency() for _ in range(9)) < 0.1
    for entry in (field.dir / "run" / "sweep.d").iterdir():
        entry.unlink()
    assert statistics.median(latency() for _ in range(5)) < 1


def test_nudge_sockets_of_the_dead_are_unlinked(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, Reply())
    one = sweep()
    place = field.dir / "run" / "sweep.d"
    until(lambda: list(place.glob(f"*{one.popen.pid}*")), "its nudge socket")
    one.signal(signal.SIGKILL)
    one.wait()
    assert list(place.glob(f"*{one.popen.pid}*"))
    entity = tenant.create(task_type=kind)
    until(lambda: not list(place.glob(f"*{one.popen.pid}*")), "a worker to unlink it")
    assert sweep("--once").wait() == 0
    assert tenant.status(entity) == "completed"
