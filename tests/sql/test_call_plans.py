# SPDX-License-Identifier: MIT
"""The statements of the calls with 200 campaigns of 1,000 waiting numbers and 100,000 calls that have ended: pages touched, as in test_plans.py."""
import pytest

from conftest import parameters, statements
from test_plans import explain

pytestmark = pytest.mark.statements

CAMPAIGNS, NUMBERS, ENDED = 200, 1000, 100000
LARGE = {"task", "task_body", "task_event", "work", "call", "campaign", "twilio_event"}

# As call_make and the sweeper would have left them. Every other campaign is within its gap. follow: 1,000 calls to ask for, of which 200 are due.
LOAD = """
set session_replication_role = replica;
set synchronous_commit = off;
insert into tenant (name) values ('other');
insert into principal (tenant_id, handle) select id, 'u' from tenant;
create temporary table bulk as
select n, uuid7() as id, (select id from tenant where name = case when n %% 4 = 0 then 'other' else 'main' end) as tenant_id from generate_series(1, %(campaigns)s) n;
insert into task (tenant_id, id, version, event_seq, api, kind, machine, state, event, public_id)
select tenant_id, id, 1, 1, 'calls', 'bulk_call', 'bulk_call', 'pending', 'create', 'bulk-' || n from bulk;
insert into task_body (tenant_id, task_id, input) select tenant_id, id, '{}' from bulk;
insert into campaign (tenant_id, task_id, from_number, delay_s, most, total) select tenant_id, id, '+15005550006', 10, 5, %(numbers)s from bulk;
create temporary table waiting as
select b.n as campaign, m, uuid7() as id, b.id as task_id, b.tenant_id, '+1202' || 1000000 + b.n * %(numbers)s + m as number from bulk b, generate_series(1, %(numbers)s) m;
insert into call (tenant_id, id, task_id, n, number) select tenant_id, id, task_id, m, number from waiting;
insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host)
select id, tenant_id, task_id, now() - interval '1 minute' + make_interval(secs => m / 1000000.0), 5, true, 'call', 'campaign:' || task_id from waiting;
insert into pace (key) values ('account'), ('single');
insert into pace (key, departures, granted_at)
select 'campaign:' || id, case when n %% 2 = 0 then array[(extract(epoch from now() + interval '1 hour') * 1000000)::bigint] else '{}' end, now() - make_interval(secs => n) from bulk;
create temporary table ended as
select n, uuid7() as id, (select id from tenant where name = 'main') as tenant_id, n %% 100 = 0 as follows from generate_series(1, %(ended)s) n;
insert into task (tenant_id, id, started_at, finished_at, version, event_seq, api, kind, machine, state, event, public_id)
select tenant_id, id, now(), case when not follows then now() end, 1, 1, 'calls', 'call', 'call', case when follows then 'processing' else 'completed' end, case when follows then 'claim' else 'complete' end, 'call-' || n from ended;
insert into task_body (tenant_id, task_id, input, output) select tenant_id, id, '{}', '{"success": true}' from ended;
insert into campaign (tenant_id, task_id, from_number, completed) select tenant_id, id, '+15005550006', (not follows)::integer from ended;
insert into call (tenant_id, id, task_id, n, number, state, sid, status, granted_at, departed_at, ended_at)
select tenant_id, id, id, 1, '+1303' || 1000000 + n, case when follows then 'accepted' else 'completed' end, 'CA' || lpad(to_hex(n), 32, '0'), case when follows then 'queued' else 'completed' end,
	now() - interval '1 hour', now() - interval '1 hour', case when not follows then now() end from ended;
insert into twilio_event (sid, status, sequence, task_id, params) select 'CA' || lpad(to_hex(n), 32, '0'), 'initiated', 0, id, '{}' from ended;
insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, host, type)
select id, tenant_id, id, case when n %% 500 = 0 then now() - interval '1 minute' else now() + interval '1 day' end, 5, n %% 500 = 0, 'follow', 'twilio', 'ask' from ended where follows;
"""


@pytest.fixture(scope="module")
def calls(make_database):
    database = make_database("t_call_plans")
    c = database.connect()
    with c.cursor() as cursor:
        cursor.execute(LOAD, {"campaigns": CAMPAIGNS, "numbers": NUMBERS, "ended": ENDED})
        cursor.execute("vacuum analyze")
    c.close()
    return database


@pytest.fixture(scope="module")
def tenant(calls):
    return calls.value("select id::text from tenant where name = 'main'")


def indexed(e):
    assert not {n["Relation Name"] for n in e.nodes if n["Node Type"] == "Seq Scan" and n["Actual Loops"]} & LARGE
    return e


def numbers(n):
    return "{" + ",".join(f"+1404{1000000 + i}" for i in range(n)) + "}"


REPORT = "CA" + f"{77:032x}"
API = {
    # name: values, pages at most
    "call_queue": (["+14045550001", "+15005550006", None, None, '{"message": "x"}', 0, None], 200),
    "call_queue_bulk": ([numbers(1000), "+15005550006", None, None, "{}", 10, 5, None], 20000),
    "call_get": (["call-4711"], 40),
    "call_cancel": (["call-100"], 250),
    "call_active": ([50], 9500),         # 1,200 tasks, two descents each, however many numbers they have
    "campaign_calls": (["bulk-7", 100, 500], 800),
    "call_report": ([None, REPORT, "completed", 3, 7, None, "{}", "a=b", 60, "r", "127.0.0.1"], 60),
    "call_script": ([None, REPORT], 40),
}


@pytest.mark.parametrize("name", API)
def test_api_statement_walks_indexes(calls, tenant, name):
    values, pages = API[name]
    e = indexed(explain(calls, "taskgate_api", tenant, name, *values))
    assert e.pages <= pages, e.pages


def test_a_report_of_a_call_under_way_touches_its_own_rows(calls, tenant):
    e = indexed(explain(calls, "taskgate_api", tenant, "call_report", None, "CA" + f"{300:032x}", "completed", 3, 7, None, "{}", "a=b", 60, "r", "127.0.0.1"))
    assert e.pages <= 300, e.pages


def sweep(calls, name, *values):
    values = [*values, *[None] * (parameters(name) - len(values))]
    return indexed(explain(calls, "taskgate_sweep", None, name, *values))


@pytest.mark.parametrize("per_second, grants, pages", [(None, 32, 10000), (1, 1, 2500)])
def test_sweep_call_claim_finds_its_lines_by_index_descent(calls, per_second, grants, pages):
    e = sweep(calls, "sweep_call_claim", 32, "me", "{}", "{}", 32, 30, per_second, 30, True)
    assert e.rows == grants and e.pages <= pages, (e.rows, e.pages)


def test_sweep_call_claim_without_room_looks_at_no_line(calls):
    calls.run("update pace set outstanding = 1 where key = 'account'")
    e = sweep(calls, "sweep_call_claim", 32, "me", "{}", "{}", 32, 30, 1, 30, True)
    calls.run("update pace set outstanding = 0 where key = 'account'")
    assert e.rows == 0 and e.pages <= 60, e.pages


def test_sweep_follow_claim_takes_what_is_due(calls):
    e = sweep(calls, "sweep_follow_claim", 32, "me", "{}", "{}", 32, 30)
    assert e.rows == 32 and e.pages <= 900, (e.rows, e.pages)
