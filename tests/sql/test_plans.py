# SPDX-License-Identifier: MIT
"""Hot statements among 500,000 tasks: as the program's own role, with row-level security on, with the generic plan that programs get, they walk
indexes. What is measured are pages touched, not time, so that a busy machine changes nothing."""
import json

import pytest

from conftest import Session, parameters, statements

pytestmark = pytest.mark.statements

ROWS = 500000
LARGE = {"task", "task_body", "task_event", "task_tag", "task_log", "work"}

# Triggers are off while loading, so the rows are laid as the statements and the trigger would have left them. One task in ten is done; the
# others wait: half for tomorrow, the rest due now, by pull or by handler, for two tenants.
LOAD = """
set session_replication_role = replica;
set synchronous_commit = off;
insert into tenant (name) values ('other');
insert into principal (tenant_id, handle) select id, 'u' from tenant;
insert into task_type (tenant_id, name, handler_url) select id, 'push', 'http://127.0.0.1:9/' from tenant;
create temporary table seed as
select n, uuid7() as id, case when n % 100 = 0 then b.id else a.id end as tenant_id, n % 10 = 0 as done,
	case n % 4 when 0 then 'push' else 'pull' || n % 3 end as type, now() - make_interval(secs => (%(rows)s - n) / 100.0) as at
from generate_series(1, %(rows)s) n, (select id from tenant where name = 'main') a, (select id from tenant where name = 'other') b;
insert into task (tenant_id, id, created_at, started_at, finished_at, version, event_seq, api, kind, machine, state, event, public_id, entity, type, action, tags)
select tenant_id, id, at, case when done then at end, case when done then at end, 1, 1, 'disposition', 'generic', 'disposition',
	case when done then 'completed' else 'pending' end, 'create', 'task-gen-' || n, 'e-' || n, type, 'process', array['g' || n % 1000]
from seed order by n;
insert into task_body (tenant_id, task_id, input) select tenant_id, id, '{"a": 1}' from seed;
insert into task_event (tenant_id, task_id, seq, at, machine, from_state, event, to_state, hash)
select tenant_id, id, 1, now(), 'disposition', '-', 'create', 'pending', '\\x00' from seed;
insert into task_tag (tenant_id, tag, seq) select tenant_id, tags[1], seq from task;
insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, type, host)
select id, tenant_id, id, case when n % 2 = 0 then now() - interval '1 minute' else now() + interval '1 day' end, 1 + n % 10, n % 2 = 0,
	case when type = 'push' then 'handler' else 'pull' end, type, case when type = 'push' then '127.0.0.1:9' end
from seed where not done;
"""


@pytest.fixture(scope="module")
def ledger500k(make_database):
    database = make_database("t_plans")
    c = database.connect()
    with c.cursor() as cursor:
        cursor.execute(LOAD.replace("%(rows)s", str(ROWS)))
        cursor.execute("vacuum analyze")
    c.close()
    return database


@pytest.fixture(scope="module")
def tenant(ledger500k):
    return ledger500k.value("select id::text from tenant where name = 'main'")


def nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


class Explained:
    def __init__(self, tree):
        self.pages = tree["Plan"]["Shared Hit Blocks"] + tree["Plan"]["Shared Read Blocks"]
        self.nodes = list(nodes(tree["Plan"]))
        self.indexes = {n["Index Name"] for n in self.nodes if "Index Name" in n}
        self.scanned = {n["Relation Name"] for n in self.nodes if n["Node Type"] == "Seq Scan" and n["Actual Loops"]} & LARGE
        self.partitions = {n["Relation Name"] for n in self.nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"].startswith(("task_event_", "task_log_"))
                           and n["Actual Loops"] and n["Actual Rows"] + n.get("Rows Removed by Filter", 0) > 0}
        self.rows = tree["Plan"]["Actual Rows"]


def explain(database, role, tenant, name, *values):
    """Runs the statement thrice in one session, since the first runs read the catalogue; nothing of it stays."""
    text = statements()[name]
    assert len(values) == parameters(name), name
    with Session(database, role, tenant) as s:
        s.rows("select set_config('tg.scopes', 'all', true), set_config('jit', 'off', true)")
        s.rows(f"prepare p as {text}")
        listed = ", ".join("null" if v is None else s.cursor.mogrify("%s", (str(v),)).decode() for v in values)
        for _ in range(3):
            s.rows("savepoint before")
            found = s.rows(f"explain (analyze, buffers, timing off, format json) execute p({listed})")[0][0]
            s.rows("rollback to savepoint before")
    return Explained((found if isinstance(found, list) else json.loads(found))[0])


API = {
    # name: values, pages at most, index that must be walked (None: inside a function, where only pages tell)
    "generic_get": (["e-250001", True, True, True], 60, "task_entity_taken"),
    "disposition_task_get": (["e-250001", True, True, None], 60, None),
    "task_why": (["e-250001"], 60, None),
    "disposition_task_list": ([None, None, 20, 0], None, "task_newest"),
    "disposition_task_list_by_tag": ([None, None, 20, 0, "g77"], 4000, "task_tag_pkey"),
    "generic_create": (["new-1", "push", "process", None, '{"a": 1}', 5, None, 300, 0, None, "{x,y}", False], 150, None),
    "disposition_task_cancel": (["e-250002"], 150, None),
    "work_claim": (["{pull0,pull1}", 10, 30, "w"], 900, "work_pull"),
}


@pytest.mark.parametrize("name", API)
def test_api_statement_walks_indexes(ledger500k, tenant, name):
    values, pages, index = API[name]
    e = explain(ledger500k, "taskgate_api", tenant, name, *values)
    # The total of a list counts rows; its page of tasks does not.
    if name != "disposition_task_list":
        assert not e.scanned, e.scanned
    assert not e.partitions
    assert index is None or index in e.indexes, e.indexes
    assert pages is None or e.pages <= pages, e.pages


def test_generic_get_by_id_takes_a_second_look_up(ledger500k, tenant):
    e = explain(ledger500k, "taskgate_api", tenant, "generic_get", "task-gen-250001", False, False, False)
    assert not e.scanned and e.rows == 1 and e.pages <= 40, e.pages


def test_work_claim_of_all_types_finds_them_by_a_loose_scan(ledger500k, tenant):
    e = explain(ledger500k, "taskgate_api", tenant, "work_claim", None, 10, 30, "w")
    assert not e.scanned and e.rows == 10 and e.pages <= 1000, e.pages


def test_work_heartbeat_and_complete_touch_one_row(ledger500k, tenant):
    some = ledger500k.value("select id::text from work where lane = 'pull' limit 1")
    for name, values in (("work_heartbeat", [some, 1, 30]), ("work_complete", [some, 1, "{}"]), ("work_fail", [some, 1, "x", True, 1000]), ("work_progress", [some, 1, 50, "x"])):
        e = explain(ledger500k, "taskgate_api", tenant, name, *values)
        assert not e.scanned and e.pages <= 60, (name, e.pages)


def test_sweeper_claim_walks_its_index(ledger500k):
    text = statements()["sweep_handler_claim"]
    values = {1: "20", 2: "me", 3: "{}", 4: "{}", 5: "32", 6: "30"}
    e = explain(ledger500k, "taskgate_sweep", None, "sweep_handler_claim", *[values.get(n + 1) for n in range(parameters("sweep_handler_claim"))])
    assert not e.scanned and not e.partitions, e.scanned
    # The walk of work_claim is inside lane_pick, where only pages tell.
    assert 1 <= e.rows <= 32 and e.pages <= 1500, (e.rows, e.pages)


def test_sweeper_promotes_and_expires_by_index(ledger500k):
    for name, values in (("sweep_promote", [100]), ("sweep_expire", [100, 0, 1000])):
        e = explain(ledger500k, "taskgate_sweep", None, name, *values)
        assert not e.scanned and e.pages <= 1000, (name, e.scanned, e.pages)
