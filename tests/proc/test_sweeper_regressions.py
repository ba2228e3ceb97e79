# SPDX-License-Identifier: MIT
"""What once broke taskgate-sweep: answers larger than a socket takes at once, types that change under work, hosts that are not there, and a purge that took
too much or nothing."""
import contextlib
import json
import re
import socket
import threading
import time

import pytest

from parts import Program
from receiver import Reply
from stack import fresh
from waiting import never, until

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def field(make_stack):
    return make_stack("regressions", workers=2, sweep=False, TASKGATE_RETRY_FIRST=20, TASKGATE_HANDLER_TIMEOUT=20, TASKGATE_WEBHOOK_TIMEOUT=2, TASKGATE_WEBHOOK_RETRIES="1")


@pytest.fixture
def tenant(field):
    """A tenant for one test; nothing that it leaves is claimed by the next test's sweepers."""
    made = field.tenant()
    yield made
    field.run("delete from work where tenant_id = %s", made.id)
    field.run("update tenant set keep_days = 0 where id = %s", made.id)


@pytest.fixture
def sweep(field, start):
    def begin(*args, **settings):
        return start(Program, field, "taskgate-sweep", *args, **settings)
    return begin


@pytest.fixture
def port():
    """A port that refuses connections, and that nobody else gets; .listen() on it."""
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        yield s


def url(port):
    return f"http://127.0.0.1:{port.getsockname()[1]}/h"


def typed(tenant, receiver, *replies):
    path = f"/{fresh('handler')}"
    return tenant.type(fresh("job").replace("-", "_"), receiver.script(path, *replies)), path


def once(sweep, seconds=20, **settings):
    one = sweep("--once", **settings)
    assert one.wait(seconds) == 0, one.text
    return one


def serve(port):
    """Answers every request on the bound port with 200 and an empty object."""
    port.listen(64)

    def accept():
        while True:
            try:
                connection, _ = port.accept()
            except OSError:
                return
            with contextlib.closing(connection):
                data = b""
                while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                    data += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    threading.Thread(target=accept, daemon=True).start()


def size_of_output(tenant, entity):
    return tenant.stack.value("select octet_length(b.output::text) from task_body b join task t on t.tenant_id = b.tenant_id and t.id = b.task_id where t.tenant_id = %s and t.entity = %s",
                              tenant.id, entity)


# -- answers larger than a socket takes at once --

def big(n=MIB):
    return Reply(body=b'"' + b"x" * (n - 2) + b'"')


@pytest.mark.parametrize("n", [150_000, 250_000, MIB])
def test_one_large_answer_is_stored_soon(field, tenant, receiver, sweep, n):
    kind, path = typed(tenant, receiver, big(n))
    entity = tenant.create(task_type=kind, retry_count=0)
    begun = time.monotonic()
    assert once(sweep).text == ""
    assert time.monotonic() - begun < 8, "it waited for the deadline of a round trip"
    assert tenant.status(entity) == "completed" and size_of_output(tenant, entity) == n
    assert tenant.events(entity) == ["create", "claim", "complete"] and len(receiver.at(path)) == 1


def test_an_answer_of_more_than_a_mebibyte_is_a_failed_attempt(field, tenant, receiver, sweep):
    kind, path = typed(tenant, receiver, big(MIB + 1))
    entity = tenant.create(task_type=kind, retry_count=0)
    once(sweep)
    assert tenant.status(entity) == "failed" and size_of_output(tenant, entity) is None


def test_four_large_answers_and_small_ones_in_one_batch(field, tenant, receiver, sweep):
    """The settle statement before theirs is held up, so that they are told together: 4 MiB through one socket, with the small ones' outcomes beside."""
    gate = threading.Event()
    first, first_path = typed(tenant, receiver, Reply())
    large, large_path = typed(tenant, receiver, lambda seen: Reply(body=b'"' + b'\\"' * (MIB // 2 - 1) + b'"', gate=gate))
    small, small_path = typed(tenant, receiver, lambda seen: Reply(body=json.loads(seen.body)["payload"], gate=gate))
    opening = tenant.create(task_type=first)
    larges = [tenant.create(task_type=large, retry_count=0) for _ in range(4)]
    smalls = [tenant.create(task_type=small, retry_count=0, payload={"n": n}) for n in range(20)]
    with contextlib.closing(field.connect()) as connection, connection.cursor() as c:
        c.execute("lock table task_body in share mode")     # whoever reads goes on
        one = sweep()
        receiver.wait(large_path, 4)
        receiver.wait(small_path, 20)
        until(lambda: field.value("select count(*) from pg_stat_activity where usename = 'taskgate_sweep' and wait_event_type = 'Lock'") == 1, "the first outcome on its way")
        gate.set()
        receiver.wait_answered(large_path, 4)
        receiver.wait_answered(small_path, 20)
        connection.rollback()
    for entity in [opening, *larges, *smalls]:
        tenant.wait_status(entity, "completed", seconds=8)
        assert tenant.events(entity) == ["create", "claim", "complete"]
    assert {size_of_output(tenant, e) for e in larges} == {MIB}
    assert field.value("select count(distinct finished_at) from task where tenant_id = %s and type = %s", tenant.id, large) <= 2, "they were told one by one"
    assert one.text == ""


def test_large_answers_do_not_hold_up_small_ones(field, tenant, receiver, sweep):
    large, large_path = typed(tenant, receiver, big())
    small, small_path = typed(tenant, receiver, Reply())
    sweep()
    for _ in range(4):
        made = [tenant.create(task_type=large, retry_count=0)] + [tenant.create(task_type=small, retry_count=0) for _ in range(10)]
        for entity in made:
            tenant.wait_status(entity, "completed", seconds=8)
    assert (len(receiver.at(large_path)), len(receiver.at(small_path))) == (4, 40)


# -- a type changes under its work --

@pytest.mark.parametrize("change", ["removed", "moved", "added"])
def test_an_answer_counts_though_its_type_changed_meanwhile(field, tenant, receiver, sweep, change):
    gate = threading.Event()
    kind, path = typed(tenant, receiver, Reply(body={"done": True}, gate=gate))
    entity = tenant.create(task_type=kind, retry_count=0)
    sweep()
    receiver.wait(path)
    if change == "moved":
        tenant.type(kind, "http://127.0.0.1:9/elsewhere")
    else:
        field.ctl("type", "remove", kind, "--tenant", tenant.name)
    if change == "added":
        tenant.type(kind, receiver.url(path))
    gate.set()
    tenant.wait_status(entity, "completed")
    assert tenant.events(entity) == ["create", "claim", "complete"] and len(receiver.at(path)) == 1


def test_a_type_takes_the_work_that_waits_and_leaves_what_is_leased(field, tenant, receiver):
    kind, _ = typed(tenant, receiver, Reply())
    waiting, held = tenant.create(task_type=kind), tenant.create(task_type=kind)
    field.run("update work set lease_until = now() + interval '1 minute', deadline = now() + interval '1 minute', fence = 1 where id = (select id from task where entity = %s)", held)
    field.ctl("type", "remove", kind, "--tenant", tenant.name)
    assert [tenant.work(e)["lane"] for e in (waiting, held)] == ["pull", "handler"] and tenant.work(waiting)["host"] is None
    tenant.type(kind, "http://127.0.0.1:9/x")
    assert [tenant.work(e)["host"] for e in (waiting, held)] == ["127.0.0.1:9", f"127.0.0.1:{receiver.port}"]


def test_work_without_a_handler_goes_to_those_who_pull(field, tenant, sweep):
    """A create that was in flight while its type was removed leaves this behind. It went round and round: claimed, given back, claimed."""
    kind = fresh("lost")
    entity = tenant.create(task_type=kind)
    field.run("update work set lane = 'handler', host = '127.0.0.1:9' where id = (select id from task where tenant_id = %s and entity = %s)", tenant.id, entity)
    once(sweep)
    row = tenant.work(entity)
    assert (row["lane"], row["host"], row["ready"], row["attempt"]) == ("pull", None, True, 0)
    assert tenant.events(entity) == ["create", "claim", "release"] and tenant.task(entity)["attempts"] == 0
    [task] = tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"]
    assert task["attempt"] == 1 and task["fence"] == 2


def test_work_that_was_held_while_its_type_got_a_handler_goes_there(field, tenant, receiver, sweep):
    kind = fresh("late").replace("-", "_")
    entity = tenant.create(task_type=kind, retry_count=1)
    [task] = tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"]
    path = f"/{fresh('handler')}"
    tenant.type(kind, receiver.script(path, Reply()))
    assert tenant.work(entity)["lane"] == "pull"
    tenant.api.post(f"/work/{task['id']}/fail", {"fence": task["fence"], "error": "x"}).ok()
    until(lambda: field.value("select run_at <= now() from work where id = %s", task["id"]), "its second attempt to be due")
    once(sweep)
    assert tenant.status(entity) == "completed" and len(receiver.at(path)) == 1


# -- nobody listens --

def claims(tenant, entity):
    return tenant.events(entity).count("claim")


def test_a_refused_connection_is_no_attempt(field, tenant, sweep, port):
    kind = tenant.type(fresh("down").replace("-", "_"), url(port))
    made = [tenant.create(task_type=kind, retry_count=0) for _ in range(6)]
    one = sweep()
    until(lambda: all(claims(tenant, e) for e in made), "each to be tried")
    until(lambda: field.value("select count(*) from host_state where parked_until > now() and host = %s", url(port).split("/")[2]), "the host to rest")
    for e in made:
        assert tenant.status(e) == "pending"
        why = until(lambda: (w := tenant.api.get(f"/task/{e}/why").ok().data)["reason"] != "leased" and w, "it to be given back")
        assert why["reason"] in ("retry_wait", "host_parked", "due") and re.search("(?i)connect|answer", why["last_error"]) and why["attempts"] == 0, why
    serve(port)
    field.run("update host_state set parked_until = now(), pause_s = 0")
    field.run("update work set run_at = now() where tenant_id = %s and lease_until is null", tenant.id)
    for e in made:
        tenant.wait_status(e, "completed")
        assert set(tenant.events(e)) == {"create", "claim", "release", "complete"} and tenant.task(e)["attempts"] == 1
    assert one.text == ""


def test_pauses_grow_with_the_failures_of_the_host(field, tenant, sweep, port):
    kind = tenant.type(fresh("down").replace("-", "_"), url(port))
    entity = tenant.create(task_type=kind, retry_count=0)
    pauses = []
    for _ in range(4):
        once(sweep, TASKGATE_RETRY_FIRST=60000)
        pauses.append(field.value("select extract(epoch from run_at - now())::float from work where tenant_id = %s", tenant.id))
        field.run("update work set run_at = now() where tenant_id = %s", tenant.id)
    for n, pause in enumerate(pauses):
        assert 60 * 2 ** n * 0.75 < pause < 60 * 2 ** n * 1.25, pauses
    assert claims(tenant, entity) == 4 and tenant.task(entity)["attempts"] == 0 and tenant.work(entity)["attempt"] == 0


def test_a_connect_that_hangs_is_no_attempt(field, tenant, sweep, port):
    """The task's own timeout is shorter than a connect may take: it is given back, not expired."""
    port.listen(0)
    with contextlib.ExitStack() as fillers:
        for _ in range(4):
            s = fillers.enter_context(contextlib.closing(socket.socket()))
            s.setblocking(False)
            s.connect_ex(port.getsockname())
        kind = tenant.type(fresh("hung").replace("-", "_"), url(port))
        entity = tenant.create(task_type=kind, retry_count=0, timeout=1)
        sweep()
        until(lambda: claims(tenant, entity) >= 2, "a second try", 30)
        assert set(tenant.events(entity)) == {"create", "claim", "release"}


@pytest.mark.parametrize("attempts, words", [(0, "never started"), (1, "not started again")])
def test_the_time_to_live_counts_on_while_nothing_can_be_sent(field, tenant, sweep, port, attempts, words):
    kind = tenant.type(fresh("down").replace("-", "_"), url(port))
    entity = tenant.create(task_type=kind, retry_count=5)
    field.run("update task set attempts = %s where tenant_id = %s", attempts, tenant.id)
    field.run("update work set attempt = %s where tenant_id = %s", attempts, tenant.id)
    once(sweep, TASKGATE_TTL=60)
    row = tenant.work(entity)
    assert tenant.status(entity) == "pending" and row["unsent_since"] is not None and row["run_at"] > row["unsent_since"]
    field.run("update work set unsent_since = now() - interval '61 seconds' where tenant_id = %s", tenant.id)
    once(sweep, TASKGATE_TTL=60)
    assert tenant.status(entity) == "expired" and tenant.work(entity) is None
    assert re.fullmatch(rf"{words} within 60 s: .*(?i:connect|answer).*", tenant.task(entity)["reason"]), tenant.task(entity)["reason"]


def test_a_sent_attempt_ends_the_count(field, tenant, receiver, sweep):
    kind, _ = typed(tenant, receiver, Reply(500))
    entity = tenant.create(task_type=kind, retry_count=5)
    field.run("update work set unsent_since = now() - interval '1 hour' where tenant_id = %s", tenant.id)
    once(sweep)
    until(lambda: tenant.task(entity)["attempts"] >= 1, "an attempt")
    assert tenant.work(entity)["unsent_since"] is None


def test_a_receiver_that_never_comes_is_given_up(field, tenant, sweep, port):
    """Deliveries of a host that rests spend no attempts, but not for ever: the purge of their task waits for them."""
    entity = tenant.create(callback_url=url(port))
    tenant.api.post(f"/task/{entity}/cancel").ok()
    field.run("insert into host_state (host, failures) values (%s, 4) on conflict (host) do update set failures = 4", url(port).split("/")[2])
    sweep()

    def dead():
        field.run("update host_state set parked_until = now() + interval '50 milliseconds', pause_s = 0 where host = %s and parked_until > now() + interval '50 milliseconds'", url(port).split("/")[2])
        return field.value("select state from delivery where tenant_id = %s", tenant.id) == "dead"
    until(dead, "the delivery to be dead", 20, 0.1)


# -- purging --

def due_for_purge(field, tenant, entity):
    field.run("update tenant set keep_days = 1 where id = %s", tenant.id)
    # Without the trigger: to the ledger a task that has finished stays as it is.
    field.run("set session_replication_role = replica")
    field.run("update task set finished_at = now() - interval '25 hours' where tenant_id = %s and entity = %s", tenant.id, entity)
    field.run("reset session_replication_role")


def test_a_purge_waits_for_the_webhook(field, tenant, receiver, sweep):
    hook = f"/{fresh('hook')}"
    entity = tenant.create(task_type="pulled", callback_url=receiver.script(hook, Reply()))
    [task] = tenant.api.post("/work/claim", {"types": ["pulled"]}).ok().json["tasks"]
    tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"], "result": {"paid": True}}).ok()
    due_for_purge(field, tenant, entity)
    field.run("update work set run_at = now() + interval '1 hour', ready = false where tenant_id = %s", tenant.id)
    once(sweep)
    assert tenant.task(entity)["purged_at"] is None and size_of_output(tenant, entity)
    field.run("update work set run_at = now() where tenant_id = %s", tenant.id)
    once(sweep)
    assert json.loads(receiver.wait(hook)[0].body)["result"] == {"paid": True}
    once(sweep)
    assert tenant.task(entity)["purged_at"] is not None and size_of_output(tenant, entity) is None


@contextlib.contextmanager
def broken_partitions(field):
    text = field.value("select pg_get_functiondef('partition_ensure'::regproc)")
    field.run("create or replace function partition_ensure(p_ahead integer) returns integer language plpgsql security definer as $$ begin raise 'no partition today'; end $$")
    try:
        yield
    finally:
        field.run(text)


def test_a_purge_goes_on_where_partitions_cannot_be_made(field, tenant, receiver, sweep):
    entity = tenant.create(task_type="pulled")
    tenant.api.post(f"/task/{entity}/cancel").ok()
    due_for_purge(field, tenant, entity)
    with broken_partitions(field):
        one = once(sweep)
    assert tenant.task(entity)["purged_at"] is not None
    assert len(one.text.splitlines()) == 1 and "purge.step" in one.text and "no partition today" in one.text


def test_types_that_nobody_asks_for_are_forgotten(field, tenant, sweep):
    for age, name in ((8, "old"), (6, "young")):
        field.run("insert into type_poll (tenant_id, type, polled_at) values (%s, %s, now() - make_interval(days => %s))", tenant.id, name, age)
    once(sweep)
    assert [r["type"] for r in field.rows("select type from type_poll where tenant_id = %s", tenant.id)] == ["young"]


# -- deliveries --

def test_every_delivery_finds_its_event(field, tenant, receiver, sweep):
    """By whatever way a task ends, and however often: what is told is looked up in the history by the delivery's seq and time."""
    hook = f"/{fresh('hook')}"
    receiver.script(hook, Reply())
    kind, _ = typed(tenant, receiver, Reply(500), Reply(500), Reply())
    failed = tenant.create(task_type=kind, retry_count=0, callback_url=receiver.url(hook))
    once(sweep)
    tenant.api.post(f"/task/{failed}/retry").ok()       # fails again
    once(sweep)
    tenant.api.post(f"/task/{failed}/retry").ok()       # and is completed
    cancelled = tenant.create(callback_url=receiver.url(hook))
    tenant.api.post(f"/task/{cancelled}/cancel").ok()
    expired = tenant.create(task_type="pulled", timeout=1, retry_count=0, callback_url=receiver.url(hook))
    tenant.api.post("/work/claim", {"types": ["pulled"]}).ok()
    sweep()
    tenant.wait_status(expired, "expired")
    told = [json.loads(s.body) for s in receiver.wait(hook, 5)]
    assert sorted(b["event"] for b in told) == ["task.cancelled", "task.completed", "task.expired", "task.failed", "task.failed"]
    assert field.value("""select count(*) from delivery d left join task_event e on e.tenant_id = d.tenant_id and e.task_id = d.task_id and e.seq = d.seq and e.at = d.created_at
        where e.task_id is null""") == 0
    never(lambda: len(receiver.at(hook)) > 5, "one was told twice")
