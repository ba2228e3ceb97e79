# SPDX-License-Identifier: MIT
"""GET /task/{entity}/why, every reason; and /health, /ready, /info, /metrics. On a stack without a sweeper, so that nothing moves by itself."""
import re

import pytest

from stack import fresh

MEMBERS = ["task_id", "entity", "type", "task_type", "status", "reason", "due_at", "lane", "lease_held_until", "worker", "attempts", "retry_count", "last_error"]
FAR = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def quiet(make_stack):
    return make_stack("quiet", workers=2, sweep=False, TASKGATE_RETRY_FIRST=60000)


@pytest.fixture(scope="module")
def tenant(quiet):
    return quiet.tenant()


def why(tenant, entity):
    answer = tenant.api.get(f"/task/{entity}/why").ok()
    assert [k for k in answer.data if k in MEMBERS] == MEMBERS, repr(answer)
    assert len(answer.json["message"]) > 10
    return answer.data


def claim(tenant, kind):
    [task] = tenant.api.post("/work/claim", {"types": [kind], "worker": "w-7"}).ok().json["tasks"]
    return task


def test_no_worker(tenant):
    data = why(tenant, tenant.create(task_type=fresh("kind")))
    assert (data["reason"], data["status"], data["lane"], data["attempts"], data["worker"]) == ("no_worker", "pending", "pull", 0, None)


def test_due_and_no_worker_any_more(quiet, tenant):
    kind = fresh("kind")
    assert tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"] == []
    entity = tenant.create(task_type=kind)
    data = why(tenant, entity)
    assert data["reason"] == "due" and data["type_last_asked_for_at"]
    quiet.run("update type_poll set polled_at = now() - interval '6 minutes' where tenant_id = %s and type = %s", tenant.id, kind)
    assert why(tenant, entity)["reason"] == "no_worker"


def test_not_due(tenant):
    data = why(tenant, tenant.create(scheduled_at=FAR))
    assert (data["reason"], data["due_at"]) == ("not_due", FAR)


def test_leased_and_retry_wait_and_finished(tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind, retry_count=1)
    task = claim(tenant, kind)
    data = why(tenant, entity)
    assert (data["reason"], data["worker"], data["attempts"]) == ("leased", "w-7", 1) and data["lease_held_until"] and data["times_out_at"]
    tenant.api.post(f"/work/{task['id']}/fail", {"fence": task["fence"], "error": "the disk is full"}).ok()
    data = why(tenant, entity)
    assert (data["reason"], data["last_error"], data["worker"], data["lease_held_until"], data["retry_count"]) == ("retry_wait", "the disk is full", None, None, 1)
    tenant.api.post(f"/task/{entity}/cancel").ok()
    data = why(tenant, entity)
    assert (data["reason"], data["status"], data["due_at"], data["lane"]) == ("finished", "cancelled", None, None)


def test_lane_paused(quiet, tenant):
    kind = fresh("kind")
    entity = tenant.create(task_type=kind)
    quiet.ctl("lane", "pause", "pull", "--reason", "works in the cellar")
    try:
        data = why(tenant, entity)
        assert (data["reason"], data["lane_paused_reason"]) == ("lane_paused", "works in the cellar") and data["lane_paused_at"]
        assert tenant.api.post("/work/claim", {"types": [kind]}).ok().json["tasks"] == []
        assert 'taskgate_lane_paused{lane="pull"} 1' in tenant.api.get("/metrics").body.decode()
    finally:
        quiet.ctl("lane", "resume", "pull")
    assert claim(tenant, kind)["entity"] == entity


def test_no_sweeper_and_host_parked_and_paced(quiet, tenant):
    kind = tenant.type(fresh("pushed"), "http://192.0.2.1:81/handler")
    entity = tenant.create(task_type=kind)
    assert (why(tenant, entity)["reason"], why(tenant, entity)["lane"]) == ("no_sweeper", "handler")
    quiet.run("insert into sweeper (host, pid) values ('elsewhere', 1)")
    quiet.run("insert into host_state (host, failures, parked_until, last_error) values ('192.0.2.1:81', 5, now() + interval '1 minute', 'refused')")
    try:
        assert why(tenant, entity)["reason"] == "host_parked" and why(tenant, entity)["host_parked_until"]
        quiet.run("update host_state set parked_until = now() - interval '1 second'")
        assert why(tenant, entity)["reason"] == "due"
        quiet.run("update work set pace_key = 'x' where task_id = %s", tenant.task(entity)["id"])
        assert why(tenant, entity)["reason"] == "paced"
        quiet.run("update sweeper set beat_at = now() - interval '151 seconds'")
        assert why(tenant, entity)["reason"] == "no_sweeper"
    finally:
        quiet.run("delete from sweeper")
        quiet.run("delete from host_state")


def test_no_work(quiet, tenant):
    entity = tenant.create()
    quiet.run("delete from work where task_id = %s", tenant.task(entity)["id"])
    assert why(tenant, entity)["reason"] == "no_work"


def test_refused(tenant):
    tenant.api.get(f"/task/{fresh('none')}/why").refused(404, "TASK_NOT_FOUND")
    tenant.api.get("/task/a%20b/why").refused(400, "INVALID_REQUEST", "entity")


# -- ops --

def test_health(quiet):
    data = quiet.client().get("/health").ok().json
    assert list(data) == ["status", "service", "version"] and (data["status"], data["service"]) == ("ok", "taskgate") and re.fullmatch(r"\d+\.\d+.*", data["version"])


def not_ready(quiet, words):
    answer = quiet.client().get("/ready")
    assert answer.status == 503 and answer.headers["Retry-After"] == "5" and answer.headers["X-Request-Id"], repr(answer)
    assert answer.json["status"] == "not_ready" and re.search(words, answer.json["reason"]), repr(answer)
    return answer.json["checks"]


def test_ready(quiet):
    assert not_ready(quiet, "no sweeper has been seen") == {"database": "ok", "migrations": "ok", "sweeper": "never seen"}
    quiet.run("insert into sweeper (host, pid) values ('elsewhere', 1)")
    try:
        assert quiet.client().get("/ready").ok().json == {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "sweeper": "ok"}}
        quiet.run("update sweeper set beat_at = now() - interval '152 seconds'")
        assert not_ready(quiet, "15[23] seconds")["sweeper"] == "silent"
        newest = quiet.row("delete from migration where number = (select max(number) from migration) returning *")
        try:
            assert not_ready(quiet, f"{newest['number']} is needed; run taskgatectl migrate")["migrations"] == "missing"
        finally:
            quiet.run("insert into migration values (%s, %s, %s, %s)", *newest.values())
    finally:
        quiet.run("delete from sweeper")


def test_info(quiet, tenant):
    short = quiet.client().get("/info").ok().json
    assert list(short) == ["status", "timestamp"]
    full = tenant.api.get("/info").ok().json
    assert list(full) == ["status", "timestamp", "service", "version", "uptime", "components"] and full["uptime"] >= 0
    assert full["components"] == {"database": "connected", "migrations": "ok", "sweeper": "never seen"}
    quiet.client("unknown").get("/info").refused(401, "UNAUTHORIZED")


def metrics(tenant):
    answer = tenant.api.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found, typed = {}, set()
    for line in answer.body.decode().splitlines():
        m = re.fullmatch(r"# (HELP|TYPE) (\w+) (.+)", line)
        if m:
            typed.add(m.group(2))
            continue
        m = re.fullmatch(r'(\w+)(\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? (\S+)', line)
        assert m, line
        assert m.group(1) in typed or re.sub(r"_(bucket|sum|count)$", "", m.group(1)) in typed, line
        assert m.group(1) + (m.group(2) or "") not in found, line
        found[m.group(1) + (m.group(2) or "")] = float(m.group(3))
    return found


def test_metrics(tenant):
    before = metrics(tenant)
    tenant.create()
    tenant.create(scheduled_at=FAR)
    tenant.api.get("/generic/none").refused(404, "TASK_NOT_FOUND")
    after = metrics(tenant)

    def grew(name):
        return after.get(name, 0) - before.get(name, 0)
    assert grew('taskgate_requests_total{route="generic.create",status="2xx"}') == 2
    assert grew('taskgate_requests_total{route="generic.get",status="4xx"}') == 1
    assert grew('taskgate_request_seconds_count{route="generic.create"}') == 2
    assert grew('taskgate_request_seconds_bucket{route="generic.create",le="+Inf"}') == 2
    assert grew('taskgate_request_seconds_sum{route="generic.create"}') > 0
    assert grew('taskgate_work_waiting{lane="pull"}') == 1 and grew('taskgate_work_scheduled{lane="pull"}') == 1
    assert after['taskgate_workers{state="busy"}'] >= 1 and after['taskgate_workers{state="busy"}'] + after['taskgate_workers{state="idle"}'] == 2
    for name in ("taskgate_reconnects_total", "taskgate_worker_crashes_total", "taskgate_sweeper_silent_seconds"):
        assert name in after
    for lane in ("handler", "pull", "webhook", "notify", "sms", "mail"):
        for name in ("taskgate_work_waiting", "taskgate_work_scheduled", "taskgate_work_leased", "taskgate_work_oldest_seconds", "taskgate_lane_paused"):
            assert f'{name}{{lane="{lane}"}}' in after
    buckets = [v for k, v in after.items() if k.startswith('taskgate_request_seconds_bucket{route="generic.create"')]
    assert buckets == sorted(buckets)


def test_log_lines(quiet, tenant):
    answer = tenant.api.get("/task?tag=secret-tag", headers={"X-Request-Id": fresh("log")}).ok()
    [line] = [x for x in quiet.log("fcgi").splitlines() if answer.headers["X-Request-Id"] in x]
    assert "task.list" in line and "status=200" in line and "path=/task " in line and "secret-tag" not in line and tenant.token not in quiet.log("fcgi")


def test_metrics_of_what_is_far_away(own_stack):
    """The oldest due work counts, not the nearest of what is not due."""
    tenant = own_stack(workers=1, sweep=False).tenant()
    tenant.create(scheduled_at="9999-12-31T23:59:59Z")
    assert metrics(tenant)['taskgate_work_oldest_seconds{lane="pull"}'] == 0
    tenant.create(scheduled_at="1970-01-01T00:00:00Z")
    assert metrics(tenant)['taskgate_work_oldest_seconds{lane="pull"}'] > 1.7e9
    assert tenant.api.get("/task").ok().data["tasks"]
    tenant.stack.ctl("status")
    tenant.stack.ctl("lane", "list")
