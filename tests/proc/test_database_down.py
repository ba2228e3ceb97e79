# SPDX-License-Identifier: MIT
"""PostgreSQL stops, crashes, or finds its disk full, while the whole stack is at work: what was acknowledged is there, once, nothing hangs,
and all of it recovers by itself."""
import os
import re
import shutil
import subprocess
import time

import pytest

import stack as stacks
import waiting
from parts import Load, put
from stack import fresh
from waiting import until

pytestmark = pytest.mark.both

TIMEOUT = 2        # TASKGATE_REQUEST_TIMEOUT of these stacks


@pytest.fixture(scope="module")
def whole(make_stack):
    return make_stack("database-down", workers=3, TASKGATE_REQUEST_TIMEOUT=TIMEOUT, TASKGATE_RETRY_FIRST=20, TASKGATE_HANDLER_TIMEOUT=5)


@pytest.fixture(scope="module")
def tenant(whole):
    return whole.tenant()


def each_once(tenant, entities):
    """Every one of them is there, with one history."""
    rows = tenant.stack.rows("""select t.entity, count(distinct t.id) as tasks, count(e.seq) filter (where e.event = 'create') as created,
        (select count(*) from task_body b where b.tenant_id = t.tenant_id and b.task_id = t.id) as bodies
        from task t join task_event e on e.tenant_id = t.tenant_id and e.task_id = t.id
        where t.tenant_id = %s and t.entity = any (%s) group by t.tenant_id, t.id, t.entity""", tenant.id, list(entities))
    assert sorted(r["entity"] for r in rows) == sorted(entities)
    assert all((r["tasks"], r["created"], r["bodies"]) == (1, 1, 1) for r in rows)


def never_too_long(load):
    longest = max(seconds for _, _, seconds in load.seen)
    # The deadline, and with 6 clients for 3 workers the deadline of the one before.
    assert longest < 2 * TIMEOUT + 1 * waiting.PATIENCE, longest


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_stop_under_load(whole, tenant, receiver, mode):
    kind = tenant.type(fresh("job").replace("-", "_"), receiver.script(f"/down/{mode}"))
    master, workers = whole.process("fcgi"), [w.pid for w in whole.workers_of()]

    def create(client, entity):
        return put(client, entity, task_type=kind, retry_count=9, timeout=3)
    with Load(tenant, create, threads=6) as load:
        for _ in range(2):
            load.more(60, 201)
            whole.stop("pg", "-m", mode)
            load.more(12, 503)
            whole.start("pg")
            load.more(60, 201)
    assert load.statuses() == {201, 503} and not load.broken, (load.statuses(), load.broken[:3])
    for _, a, _ in load.seen:
        if a.status == 503:
            a.refused(503, "INTERNAL_ERROR", words="nothing was done|outcome is unknown")
    never_too_long(load)
    acknowledged = load.entities()
    each_once(tenant, acknowledged)
    # What was in doubt is there or not, but whole.
    doubtful = [e for e, a, _ in load.seen if a.status == 503]
    each_once(tenant, [r["entity"] for r in whole.rows("select entity from task where tenant_id = %s and entity = any (%s)", tenant.id, doubtful)])
    for e, a, _ in load.seen:
        if a.status == 503 and b"nothing was done" in a.body:
            assert tenant.task(e) is None, e
    assert whole.process("fcgi").pid == master.pid and [w.pid for w in whole.workers_of()] == workers
    until(lambda: whole.value("select count(*) from task where tenant_id = %s and type = %s and finished_at is null", tenant.id, kind) == 0,
          lambda: f"all tasks to end; {whole.rows('select state, reason, count(*) from task where tenant_id = %s group by 1, 2', tenant.id)}", 60)
    assert whole.value("select count(*) from task where tenant_id = %s and type = %s and state <> 'completed'", tenant.id, kind) == 0
    assert whole.value("select count(*) from task_event e join task t on t.tenant_id = e.tenant_id and t.id = e.task_id where t.tenant_id = %s and t.type = %s and e.event = 'complete'",
                       tenant.id, kind) == whole.value("select count(*) from task where tenant_id = %s and type = %s", tenant.id, kind)
    assert whole.process("sweep") and "ended with code" not in whole.log("sweep")
    whole.ctl("audit", "verify", "--tenant", tenant.name)


def test_away_is_said_by_ready_and_not_by_health(whole, tenant):
    until(lambda: tenant.api.get("/ready").status == 200, "readiness")
    whole.stop("pg")
    try:
        tenant.api.get("/health").ok()
        answer = tenant.api.get("/ready")
        assert answer.status == 503 and answer.headers["Retry-After"], answer
        tenant.api.get("/generic/nothing").refused(503, "INTERNAL_ERROR")
        put(tenant.api, fresh("away")).refused(503, "INTERNAL_ERROR", words="nothing was done")
    finally:
        whole.start("pg")
    until(lambda: tenant.api.get("/ready").status == 200, "readiness")
    put(tenant.api, fresh("back")).ok(201)


# -- a full disk --

@pytest.fixture
def small_disk(request):
    """A stack, part of whose cluster lives on a tmpfs of its own; gives the stack and the folder of the tmpfs."""
    if os.geteuid() != 0:
        pytest.skip("a small tmpfs can only be mounted by root")
    part, size = request.param
    made = stacks.Stack(workers=3, sweep=False)
    place = None
    try:
        made.sh("init", f"TASKGATE_REQUEST_TIMEOUT={TIMEOUT}")
        made.dir = made.link.resolve()
        data = made.dir / "pg" / "data" / part
        mount(data, made.dir / "pg" / "small", size)
        place = made.dir / "pg" / "small"
        made.sh("start", "--build", stacks.BUILD, "--port", "0", "--workers", "3", "--no-sweep")
        made.read_env()
        yield made, place
    finally:
        made.sh("fcgi-stop", check=False)
        made.sh("pg-stop", "-m", "immediate", check=False)
        if place:
            subprocess.run(["umount", str(place)], check=True)
        made.__exit__()


def mount(folder, place, size):
    """Moves a folder of the cluster to a tmpfs."""
    owner = folder.stat()
    place.mkdir()
    options = f"size={size},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "taskgate-test", str(place)], stderr=subprocess.PIPE).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        subprocess.run(["cp", "-a", f"{folder}/.", str(place)], check=True)
        shutil.rmtree(folder)
        folder.symlink_to(place)
    except BaseException:
        subprocess.run(["umount", str(place)], check=True)
        raise


def fill(place):
    """A file that takes all that is left."""
    with open(place / "ballast", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 65536)
        except OSError:
            return place / "ballast"


@pytest.mark.parametrize("small_disk", [("base", "100m"), ("pg_wal", "80m")], indirect=True, ids=["tables", "wal"])
def test_disk_full(small_disk):
    """Where the tables have no room statements fail; where the log has none PostgreSQL itself ends, and may have to be started again."""
    stack, place = small_disk
    tenant = stack.tenant()

    def create(client, entity):
        return put(client, entity, payload={"much": os.urandom(20000).hex()})
    with Load(tenant, create, threads=4) as load:
        load.more(40, 201)
        ballast = fill(place)
        load.more(30, 503)
        stack.client().get("/health").ok()
        ballast.unlink()

        def up_again():
            if not stack.process("pg") or not stack.process("pg").alive():
                stack.start("pg")
            return stack.sh("status", check=False) and "pg running" in stack.sh("status", check=False).stdout.decode()
        until(up_again, "PostgreSQL", 30)
        began = time.monotonic()
        load.more(40, 201)
        recovered = time.monotonic() - began
    assert load.statuses() == {201, 503} and not load.broken, (load.statuses(), load.broken[:3])
    for _, a, _ in load.seen:
        if a.status == 503:
            a.refused(503, "INTERNAL_ERROR", words="nothing was done|outcome is unknown")
    assert recovered < 10 * waiting.PATIENCE
    never_too_long(load)
    stack.connection = None        # it was PostgreSQL's end too
    each_once(tenant, load.entities())
    for e, a, _ in load.seen:
        if a.status == 503 and b"nothing was done" in a.body:
            assert tenant.task(e) is None, e
    assert re.search("No space left on device", (stack.dir / "pg" / "postgres.log").read_text(errors="replace"))
