# SPDX-License-Identifier: MIT
"""GET /generic and GET /task: what is shown and when; the list, its filters and pages; cancel and retry."""
import datetime
import urllib.parse

import pytest

from client import UTC
from stack import fresh
from waiting import until

GENERIC = ["task_id", "entity", "type", "task_type", "action", "status", "priority", "created_at", "started_at", "completed_at", "execution_time_ms", "retries_used"]


@pytest.fixture(scope="module")
def done(tenant):
    """A task with a payload, a log line, a result, tags; gives its entity."""
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, payload={"p": 1}, tags=["a", "b"])
    [task] = tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"]
    tenant.api.post(f"/work/{task['id']}/log", {"fence": task["fence"], "message": "a line"}).ok()
    tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"], "result": {"r": 1}}).ok()
    return entity


# -- flags --

@pytest.mark.parametrize("query, there, missing", [
    ("", {"result"}, {"payload", "logs"}), ("include_payload=true", {"payload", "result"}, {"logs"}), ("include_payload=1", {"payload", "result"}, {"logs"}),
    ("include_payload=false", {"result"}, {"payload", "logs"}), ("include_payload=0", {"result"}, {"payload"}), ("include_result=false", set(), {"result", "payload", "logs"}),
    ("include_result=0", set(), {"result"}), ("include_result=true", {"result"}, {"payload"}), ("include_logs=true", {"logs", "result"}, {"payload"}),
    ("include_logs=0", {"result"}, {"logs"}), ("include_payload=1&include_logs=1&include_result=0", {"payload", "logs"}, {"result"}),
])
def test_generic_flags(tenant, done, query, there, missing):
    data = tenant.api.get(f"/generic/{done}?{query}").ok().data
    assert there <= set(data) and not missing & set(data)
    assert [k for k in data if k in GENERIC] == GENERIC and data["tags"] == ["a", "b"]
    assert data.get("payload", {"p": 1}) == {"p": 1} and data.get("result", {"r": 1}) == {"r": 1}
    if "logs" in data:
        assert [x["message"] for x in data["logs"]] == ["Task started", "a line", "Task completed successfully"]


@pytest.mark.parametrize("query, there, missing", [
    ("", set(), {"details", "history"}), ("include_details=true", {"details"}, {"history"}), ("include_history=1", {"history"}, {"details"}),
    ("include_details=1&include_history=true", {"details", "history"}, set()), ("include_details=false&include_history=0", set(), {"details", "history"}),
])
def test_task_flags(tenant, done, query, there, missing):
    data = tenant.api.get(f"/task/{done}?{query}").ok().data
    assert there <= set(data) and not missing & set(data)
    assert list(data)[:7] == ["task_id", "entity", "type", "status", "created_at", "updated_at", "completed_at"]
    assert (data["type"], data["status"], data["result"]) == ("generic", "completed", {"r": 1})
    if "history" in data:
        assert [(h["status"], h["message"]) for h in data["history"]] == [("pending", "Task created"), ("processing", "Task started"), ("completed", "Task completed successfully")]


@pytest.mark.parametrize("query, field", [("include_details=x", "include_details"), ("include_history=", "include_history"), ("type=unheard", "type"), ("type=", "type")])
def test_task_flags_refused(tenant, done, query, field):
    tenant.api.get(f"/task/{done}?{query}").refused(400, "INVALID_REQUEST", field)


def test_before_the_end(tenant):
    entity = tenant.create()
    data = tenant.api.get(f"/generic/{entity}").ok().data
    assert [data[k] for k in ("started_at", "completed_at", "execution_time_ms", "result", "retries_used")] == [None, None, None, None, 0] and "error" not in data
    data = tenant.api.get(f"/task/{entity}").ok().data
    assert (data["status"], data["completed_at"], data["result"]) == ("pending", None, None)


def test_execution_time(stack, tenant, done):
    stack.run("alter table task disable trigger task_move")
    try:
        stack.run("update task set started_at = finished_at - interval '43.0004 seconds' where tenant_id = %s and entity = %s", tenant.id, done)
    finally:
        stack.run("alter table task enable trigger task_move")
    assert tenant.api.get(f"/generic/{done}").data["execution_time_ms"] == 43000


def test_by_entity_and_by_id(tenant, done):
    by_entity = tenant.api.get(f"/generic/{done}").ok().data
    assert tenant.api.get(f"/generic/{by_entity['task_id']}").ok().data == by_entity
    assert tenant.api.get(f"/task/{by_entity['task_id']}").ok().data == tenant.api.get(f"/task/{done}").ok().data
    assert tenant.api.get(f"/task/{done}?type=generic").ok().data["entity"] == done
    tenant.api.get(f"/task/{done}?type=sms").refused(404, "TASK_NOT_FOUND")


def test_an_entity_goes_before_an_id(tenant, done):
    """A task whose entity is another task's id hides that one by that name."""
    task_id = tenant.api.get(f"/generic/{done}").data["task_id"]
    tenant.create(task_id)
    assert tenant.api.get(f"/task/{task_id}").data["status"] == "pending"
    assert tenant.api.get(f"/generic/{task_id}").data["status"] == "pending"


@pytest.mark.parametrize("path", ["/generic/{}", "/task/{}", "/task/{}/why"])
def test_not_found(tenant, path):
    name = fresh("none")
    answer = tenant.api.get(path.format(name)).refused(404, "TASK_NOT_FOUND")
    assert name in answer.json["error"]["message"] and "details" not in answer.json["error"]


def test_deleted_and_purged_are_gone(stack, tenant):
    for column in ("deleted_at", "purged_at"):
        entity = tenant.create()
        stack.run(f"update task set {column} = now() where tenant_id = %s and entity = %s", tenant.id, entity)
        for path in (f"/generic/{entity}", f"/task/{entity}", f"/task/{entity}/why"):
            tenant.api.get(path).refused(404, "TASK_NOT_FOUND")
        tenant.api.post(f"/task/{entity}/cancel").refused(404, "TASK_NOT_FOUND")
        # The entity stays taken for ever.
        tenant.api.put(f"/generic/{entity}", {"task_type": "job", "action": "a"}).refused(409, "DUPLICATE_ENTITY")


# -- the list --

@pytest.fixture(scope="module")
def full(stack):
    """A tenant with 30 tasks; every third is tagged, some are cancelled, some done."""
    tenant = stack.tenant()
    tenant.made = [tenant.create(f"l-{i:02}", task_type="listed", tags=["all"] + (["third"] if i % 3 == 0 else [])) for i in range(30)]
    for i in range(5):
        tenant.api.post(f"/task/l-{i:02}/cancel").ok()
    for task in tenant.api.post("/work/claim", {"types": ["listed"], "max": 4}).ok().json["tasks"][:3]:
        tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"]}).ok()
    return tenant


def listed(tenant, query=""):
    data = tenant.api.get(f"/task{query}").ok().data
    assert list(data) == ["tasks", "pagination"]
    return data["tasks"], data["pagination"]


def test_of_one_name_the_newest_is_meant(own_stack):
    """An entity may have a task of each kind: shown, explained and cancelled is the newest (spec/README.md, decision 4)."""
    tenant = own_stack(sweep=False).tenant()
    makers = {"generic": lambda e: tenant.api.put(f"/generic/{e}", {"task_type": "job", "action": "a"}),
              "voicemail": lambda e: tenant.api.put(f"/voicemail/{e}", {"voicemail_id": e, "caller_id": "+15551234567", "recipient_id": "r"})}
    for order in (("generic", "voicemail"), ("voicemail", "generic")):
        entity = fresh("both")
        for kind in order:
            makers[kind](entity).ok(201)
        assert tenant.api.get(f"/task/{entity}").ok().data["type"] == order[1]
        assert tenant.api.post(f"/task/{entity}/cancel").ok().data["type"] == order[1]
        assert tenant.api.get(f"/task/{entity}?type={order[0]}").ok().data["status"] == "pending"


def test_an_unheard_of_type_is_remembered(tenant):
    """Who closes the directory later keeps what was in use (spec/README.md, decision 3); a refused task leaves no type."""
    known = "select count(*) from task_type where tenant_id = %s and name = %s"
    for entity in (fresh("t"), fresh("t")):
        tenant.api.put(f"/generic/{entity}", {"task_type": "unheard_of", "action": "a"}).ok(201)
        assert tenant.stack.value(known, tenant.id, "unheard_of") == 1
    tenant.api.put(f"/generic/{entity}", {"task_type": "of_a_duplicate", "action": "a"}).refused(409, "DUPLICATE_ENTITY")
    assert tenant.stack.value(known, tenant.id, "of_a_duplicate") == 0


def test_list(full):
    tasks, paging = listed(full)
    assert paging == {"current_page": 1, "per_page": 25, "total_pages": 2, "total_records": 30}
    assert [t["entity"] for t in tasks] == full.made[:4:-1]          # the newest first
    assert list(tasks[0]) == ["task_id", "entity", "type", "status", "created_at", "updated_at", "completed_at", "tags"]
    assert UTC.fullmatch(tasks[0]["created_at"]) and tasks[0]["completed_at"] is None and tasks[0]["tags"] == ["all"]


@pytest.mark.parametrize("query, entities, pages, per_page", [
    ("?page=2", range(4, -1, -1), 2, 25), ("?limit=7&page=2", range(22, 15, -1), 5, 7), ("?limit=1&page=30", [0], 30, 1), ("?page=3", [], 2, 25), ("?page=4000", [], 2, 25),
    ("?limit=100", range(29, -1, -1), 1, 100), ("?limit=500", range(29, -1, -1), 1, 100), ("?limit=30", range(29, -1, -1), 1, 30),
])
def test_pages(full, query, entities, pages, per_page):
    tasks, paging = listed(full, query)
    assert [t["entity"] for t in tasks] == [f"l-{i:02}" for i in entities]
    assert (paging["total_pages"], paging["per_page"], paging["total_records"]) == (pages, per_page, 30)


@pytest.mark.parametrize("query, entities", [
    ("status=cancelled", range(4, -1, -1)), ("status=completed", [7, 6, 5]), ("status=processing", [8]), ("status=failed", []), ("status=queued", []), ("status=expired", []),
    ("status=pending&limit=100", range(29, 8, -1)), ("type=generic&status=completed", [7, 6, 5]), ("type=sms", []), ("tag=third", range(27, -1, -3)),
    ("tag=third&status=cancelled", [3, 0]), ("tag=third&status=pending&limit=2&page=2", [21, 18]), ("tag=none", []), ("tag=all&status=processing", [8]), ("tag=thir", []), ("tag=third&type=sms", []),
])
def test_filters(full, query, entities):
    assert [t["entity"] for t in listed(full, f"?{query}")[0]] == [f"l-{i:02}" for i in entities]


@pytest.mark.parametrize("query", ["?page=4001", "?page=1001&limit=100", "?page=1000000&limit=1"])
def test_beyond_the_last_page_that_can_be_asked_for(stack, full, query):
    full.api.get(f"/task{query}").refused(400, "INVALID_REQUEST", "page")
    stack.client("unknown").get(f"/task{query}").refused(401, "UNAUTHORIZED")
    full.client("work").get(f"/task{query}").refused(403, "INSUFFICIENT_SCOPE")


def test_nothing_listed(own_tenant):
    assert listed(own_tenant) == ([], {"current_page": 1, "per_page": 25, "total_pages": 0, "total_records": 0})


@pytest.mark.parametrize("field, value", [("status", "done"), ("status", ""), ("status", "PENDING"), ("type", "job"), ("tag", ""), ("tag", "x" * 101), ("page", "0"), ("page", "-1"), ("page", "x"),
                                          ("page", "1000001"), ("page", ""), ("page", "1.5"), ("page", "99999999999999999999"), ("limit", "0"), ("limit", "-5"), ("limit", "ten"), ("limit", ""),
                                          ("limit", "%2B5"), ("limit", "%205")])
def test_list_refused(full, field, value):
    full.api.get(f"/task?{field}={value}").refused(400, "INVALID_REQUEST", field)


def test_odd_tags_are_found(own_tenant):
    tags = ["é", "a b", "a&b=c", '"', "50%", "+", "/", "😀", "a,b", "{}", "'"]
    entity = own_tenant.create(tags=tags)
    for tag in tags:
        assert [t["entity"] for t in listed(own_tenant, "?tag=" + urllib.parse.quote(tag, safe=""))[0]] == [entity], tag
        assert listed(own_tenant)[0][0]["tags"] == tags


# -- cancel and retry --

MOVED = ["task_id", "entity", "type", "status", "updated_at", "completed_at"]


def hold(tenant, entity, kind):
    [task] = until(lambda: tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"], f"{entity} to be claimable")
    assert task["entity"] == entity
    return task


def make(tenant, state):
    """A task that is in this state."""
    kind = fresh("kind")
    more = {"scheduled_at": "2099-01-01T00:00:00Z"} if state == "scheduled" else {}
    entity = tenant.create(task_type=kind, retry_count=0, timeout=1 if state == "expired" else 300, **more)
    if state in ("processing", "completed", "failed", "expired"):
        task = hold(tenant, entity, kind)
        body = {"fence": task["fence"], "error": "broken", "result": 1}
        if state in ("completed", "failed"):
            tenant.api.post(f"/work/{task['id']}/{'complete' if state == 'completed' else 'fail'}", body).ok()
        if state == "expired":
            tenant.wait_status(entity, "expired")
    if state == "cancelled":
        tenant.api.post(f"/task/{entity}/cancel").ok()
    return entity, kind


@pytest.mark.parametrize("state", ["pending", "scheduled", "processing"])
def test_cancel(tenant, state):
    entity, kind = make(tenant, state)
    answer = tenant.api.post(f"/task/{entity}/cancel").ok()
    assert list(answer.data) == MOVED and answer.data["status"] == "cancelled" and answer.data["completed_at"] == answer.data["updated_at"] and answer.json["message"] == "Task cancelled"
    assert tenant.work(entity) is None and tenant.events(entity)[-1] == "cancel"
    assert tenant.status(entity) == "cancelled" and "error" not in tenant.api.get(f"/generic/{entity}").data
    assert tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"] == []


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled", "expired"])
def test_no_cancel_after_the_end(tenant, state):
    entity, _ = make(tenant, state)
    before = tenant.footprint(), tenant.task(entity)
    tenant.api.post(f"/task/{entity}/cancel").refused(409, "INVALID_STATE", words=state)
    assert (tenant.footprint(), tenant.task(entity)) == before


def test_retry(tenant):
    entity, kind = make(tenant, "failed")
    answer = tenant.api.post(f"/task/{entity}/retry").ok()
    assert list(answer.data) == MOVED and answer.data["status"] == "pending" and answer.data["completed_at"] is None
    data = tenant.api.get(f"/generic/{entity}").data
    assert data["retries_used"] == 0 and "error" not in data
    task = hold(tenant, entity, kind)
    assert task["attempt"] == 1      # with all its attempts
    tenant.api.post(f"/work/{task['id']}/complete", {"fence": task["fence"], "result": "second"}).ok()
    assert tenant.api.get(f"/generic/{entity}").data["result"] == "second"
    assert tenant.events(entity) == ["create", "claim", "fail", "revive", "claim", "complete"]


def test_a_fence_does_not_outlive_a_retry(tenant):
    """The work row is new; what held the old one holds nothing now."""
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, retry_count=0)
    old = hold(tenant, entity, kind)
    tenant.api.post(f"/work/{old['id']}/fail", {"fence": old["fence"], "error": "e"}).ok()
    tenant.api.post(f"/task/{entity}/retry").ok()
    new = hold(tenant, entity, kind)
    assert new["fence"] != old["fence"], "a worker that comes back late would finish the new attempt"
    tenant.api.post(f"/work/{old['id']}/complete", {"fence": old["fence"], "result": "late"}).refused(409, "STALE_FENCE")
    tenant.api.post(f"/work/{new['id']}/complete", {"fence": new["fence"], "result": "right"}).ok()


@pytest.mark.parametrize("state", ["pending", "scheduled", "processing", "completed", "cancelled", "expired"])
def test_no_retry_but_of_a_failure(tenant, state):
    entity, _ = make(tenant, state)
    before = tenant.footprint(), tenant.task(entity)
    tenant.api.post(f"/task/{entity}/retry").refused(409, "INVALID_STATE", words="processing" if state == "processing" else "pending" if state == "scheduled" else state)
    assert (tenant.footprint(), tenant.task(entity)) == before


def test_history_is_a_chain(stack, tenant, done):
    """Gapless seq, each link on the one before it; the task ends with the last one."""
    rows = stack.rows("select e.seq, e.hash, e.prev_hash, e.at from task_event e join task t on t.tenant_id = e.tenant_id and t.id = e.task_id"
                      " where t.tenant_id = %s and t.entity = %s order by e.seq", tenant.id, done)
    assert [r["seq"] for r in rows] == [1, 2, 3] and rows[0]["prev_hash"] is None
    assert all(bytes(b["prev_hash"]) == bytes(a["hash"]) for a, b in zip(rows, rows[1:]))
    assert bytes(tenant.task(done)["event_hash"]) == bytes(rows[-1]["hash"])
    stack.ctl("audit", "verify", "--tenant", tenant.name)


def test_times_are_the_databases(stack, tenant):
    entity = tenant.create()
    row = tenant.task(entity)
    assert row["created_at"] == row["updated_at"] and abs(stack.value("select now()") - row["created_at"]) < datetime.timedelta(seconds=5)
