# SPDX-License-Identifier: MIT
"""What a review broke once. Each test is named after the promise that did not hold."""
import psycopg2
import pytest

from stack import fresh
from waiting import until


@pytest.fixture(scope="module")
def alone(make_stack):
    """One worker, so that what a request leaves behind in it meets the next one."""
    return make_stack("review", workers=1, sweep=False, TASKGATE_RATE_DISPOSITION=5)


def test_failed_store_of_an_answer_leaves_the_worker_sound(alone):
    tenant, other = alone.tenant(), alone.tenant()
    alone.run("""create function full_disk() returns trigger language plpgsql as
        $$ begin raise exception using errcode = '53100', message = 'no space left'; end $$""")
    alone.run("create trigger full_disk before update on idempotency for each row execute function full_disk()")
    try:
        answer = tenant.api.put(f"/generic/{fresh()}", {"task_type": "job", "action": "a"}, headers={"Idempotency-Key": fresh("k")})
        answer.refused(503, "INTERNAL_ERROR")
    finally:
        alone.run("drop trigger full_disk on idempotency; drop function full_disk")
    assert tenant.footprint()["task"] == 0
    other.create()
    assert other.footprint()["task"] == 1


def test_limit_that_cannot_be_asked_lets_nobody_through(alone):
    tenant = alone.tenant()
    signature = "rate(bytea, text, integer, integer, text)"
    alone.run(f"revoke execute on function {signature} from taskgate_api")
    try:
        tenant.api.put(f"/generic/{fresh()}", {"task_type": "job", "action": "a"}).refused(500, "INTERNAL_ERROR")
    finally:
        alone.run(f"grant execute on function {signature} to taskgate_api")
    assert tenant.footprint()["task"] == 0
    tenant.create()


def test_refused_rate_is_not_inherited_by_the_next_caller(alone):
    tenant, other = alone.tenant(), alone.tenant()
    for _ in range(5):
        tenant.api.get("/task").ok()
    tenant.api.get("/task").refused(429, "RATE_LIMIT_EXCEEDED")
    assert other.api.post("/work/claim", {"types": ["job"]}).ok().json == {"tasks": []}
    alone.client().get("/ready")
    other.api.get("/task").ok()


def test_unknown_token_leaves_no_window(alone):
    before = alone.value("select count(*) from rate_window")
    for _ in range(3):
        alone.client(fresh("tg_unknown")).get("/task").refused(401, "UNAUTHORIZED")
    assert alone.value("select count(*) from rate_window") == before


def test_window_survives_a_clock_that_was_set_back(alone):
    tenant = alone.tenant()
    tenant.api.get("/task").ok()
    alone.run("update rate_window set grants = array(select (extract(epoch from now()) * 1000000)::bigint + 3600000000 + g from generate_series(1, 5) g)")
    tenant.api.get("/task").ok()


def test_partition_does_not_stand_in_line_behind_a_reader(ledger):
    ledger.run("select partition_ensure(3)")
    last = ledger.value("select to_char(date_trunc('month', now()) + interval '8 months', 'YYYYMM')")
    ledger.run(f"drop table if exists task_event_{last}, task_log_{last}")
    reader = ledger.connect()
    reader.autocommit = False
    with reader.cursor() as c:
        c.execute("select count(*) from task_event")
        ledger.value("select partition_ensure(8)")
        assert ledger.value("select to_regclass(%s)::text", f"task_event_{last}") is None
    reader.rollback()
    ledger.value("select partition_ensure(8)")
    assert ledger.value("select to_regclass(%s)::text", f"task_event_{last}") == f"task_event_{last}"


def test_row_in_the_default_partition_stops_no_other_month(ledger):
    months = [ledger.value("select to_char(date_trunc('month', now()) + make_interval(months => %s), 'YYYYMM')", n) for n in (20, 21)]
    ledger.run("drop table if exists " + ", ".join(f"task_event_{m}" for m in months))
    ledger.run("""insert into task_event (tenant_id, task_id, seq, at, machine, from_state, event, to_state, hash)
        select id, uuid7(), 1, date_trunc('month', now()) + interval '20 months', 'disposition', '-', 'create', 'pending', '\\x00' from tenant limit 1""")
    ledger.value("select partition_ensure(21)")
    assert [ledger.value("select to_regclass(%s) is not null", f"task_event_{m}") for m in months] == [False, True]
    ledger.run("truncate task_event_default")


def test_no_role_of_ours_makes_temporary_objects(ledger):
    for role in ("taskgate_api", "taskgate_sweep", "taskgate_ctl"):
        with ledger.connect(role).cursor() as c, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            c.execute("create temporary table x (a integer)")


@pytest.mark.parametrize("url, host", [
    ("http://localhost/", "localhost:80"), ("https://localhost/h", "localhost:443"), ("HTTP://LOCALHOST:8080", "localhost:8080"),
    ("http://a@b@c/x", "c:80"), ("https://user:pw@Host.example?x=1", "host.example:443"), ("http://[::1]/x", "[::1]:80"), ("http://[::1]:81/x", "[::1]:81"),
    ("http://", ""), ("no url", ""), (None, None)])
def test_services_on_one_host_do_not_share_a_key(ledger, url, host):
    assert ledger.value("select url_host(%s)", url) == host


def test_abandoned_statements_do_not_pile_up(own_stack):
    stack = own_stack(workers=2, sweep=False, TASKGATE_REQUEST_TIMEOUT=1)
    tenant = stack.tenant()
    holder = stack.connect()
    holder.autocommit = False
    with holder.cursor() as c:
        c.execute("lock table task in access exclusive mode")
        for _ in range(6):
            tenant.api.get("/task").refused(503, "INTERNAL_ERROR")
        until(lambda: stack.value("select count(*) from pg_stat_activity where usename = 'taskgate_api'") <= 4, "abandoned backends to leave")
    holder.rollback()
    tenant.api.get("/task").ok()


def test_logs_of_an_answer_are_bounded(stack, tenant):
    entity = tenant.create()
    tenant.stack.run("""insert into task_log (tenant_id, task_id, id, level, message) select t.tenant_id, t.id, g, 'info', g || repeat('x', 4000)
        from task t, generate_series(1, 1000) g where t.entity = %s""", entity)
    answer = tenant.api.get(f"/generic/{entity}?include_logs=true").ok()
    assert len(answer.body) < 300000
    assert answer.data["logs"][-1]["message"].startswith("1000x")


def test_late_holder_is_refused_once_the_timeout_has_passed(alone):
    tenant = alone.tenant()
    tenant.create(timeout=1)
    work = tenant.api.post("/work/claim", {"types": ["job"], "lease_seconds": 60}).ok().json["tasks"][0]
    until(lambda: alone.value("select deadline < now() from work where id = %s", work["id"]), "the deadline")
    for verb, more in (("heartbeat", {}), ("progress", {"progress": 5}), ("log", {"message": "x"}), ("complete", {}), ("fail", {"error": "x"})):
        tenant.api.post(f"/work/{work['id']}/{verb}", {"fence": work["fence"], **more}).refused(409, "STALE_FENCE")


def test_list_says_where_it_ends(tenant):
    tenant.api.get("/task?page=1001&limit=100").refused(400, "INVALID_REQUEST", "page")
    tenant.api.get("/task?page=1000&limit=100").ok()


def test_refusal_by_a_handler_asks_for_authority_first_and_leaves_the_connection_sound(alone):
    tenant = alone.tenant()
    far = "/task?page=1001&limit=100"
    tenant.client("work").get(far).refused(403, "INSUFFICIENT_SCOPE")
    alone.client(fresh("tg_unknown")).get(far).refused(401, "UNAUTHORIZED")
    entity = tenant.create()
    for _ in range(2):
        tenant.api.get(far).refused(400, "INVALID_REQUEST", "page")
        assert tenant.status(entity) == "pending"
