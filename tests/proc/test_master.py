# SPDX-License-Identifier: MIT
"""taskgate-fcgi as its service manager and nginx see it: what it refuses to start with, how it stops, reloads, and outlives its workers."""
import os
import shutil
import signal
import socket
import time

import pytest

import stack as stacks
from parts import Load, Master, Program, held, put, put_and_get, waiting_in_database
from stack import fresh
from waiting import never, until


def crashes(tenant):
    text = tenant.api.get("/metrics").body.decode()
    return int(text.split("\ntaskgate_worker_crashes_total ", 1)[1].split()[0])


# -- before it is ready --

@pytest.mark.parametrize("settings, code, words", [
    ({"TASKGATE_WORKERS": "0"}, 78, "TASKGATE_WORKERS: 0 is below 1"),
    ({"TASKGATE_REQUEST_TIMEOUT": "soon"}, 78, "TASKGATE_REQUEST_TIMEOUT: 'soon' is not a whole number"),
    ({"LOG_LEVEL": "loud"}, 78, "LOG_LEVEL: 'loud' is none of"),
    ({"TASKGATE_WROKERS": "4"}, 78, "TASKGATE_WROKERS: there is no such setting"),
    ({"TASKGATE_WEBHOOK_SECRET": "very-secret" * 40}, 78, "TASKGATE_WEBHOOK_SECRET: 440 bytes long"),
    ({"TASKGATE_DATABASE": ""}, 78, "TASKGATE_DATABASE is not set"),
    ({"TASKGATE_DATABASE": "host=/nowhere colour=green"}, 78, "TASKGATE_DATABASE"),
    ({"TASKGATE_DATABASE": "host={pg} port=5432 dbname=taskgate user=postgres"}, 78, "as postgres"),
    ({"TASKGATE_DATABASE": "host={pg} port=5432 dbname=taskgate user=taskgate_sweep"}, 78, "taskgate_sweep"),
    ({"TASKGATE_DATABASE": "host={pg} port=5432 dbname=taskgate user=taskgate_ctl"}, 78, "taskgate_ctl"),
    ({"TASKGATE_DATABASE": "host={dir}/nowhere dbname=taskgate user=taskgate_api"}, 75, "nowhere"),
    ({"TASKGATE_SOCKET": "{dir}/nowhere/fcgi.sock"}, 78, "TASKGATE_SOCKET"),
])
def test_start_refuses(behind, settings, code, words):
    settings = {"TASKGATE_SOCKET": f"{behind.dir}/run/other.sock", **settings}
    settings = {k: v.format(pg=behind.dir / "pg", dir=behind.dir) for k, v in settings.items()}
    tried = Program(behind, "taskgate-fcgi", **settings)
    try:
        assert tried.wait() == code, tried.text
    finally:
        tried.end()
    assert words in tried.text, tried.text
    assert " ready " not in tried.text and "very-secret" not in tried.text, tried.text
    assert not os.path.exists(settings["TASKGATE_SOCKET"])


def test_start_refuses_a_settings_file_that_is_not_there(behind):
    done = behind.program("taskgate-fcgi", "--config", "/nowhere/taskgate.conf", check=False)
    assert done.returncode == 78 and "/nowhere/taskgate.conf" in done.stderr


def test_words(behind):
    assert behind.program("taskgate-fcgi", "-t").stdout == "taskgate-fcgi: ready to start\n"
    assert behind.program("taskgate-fcgi", "-t", env={"TASKGATE_WORKERS": "0"}, check=False).returncode == 78
    assert behind.program("taskgate-fcgi", "--version").stdout.startswith("taskgate-fcgi ")
    assert "usage:" in behind.program("taskgate-fcgi", "--help").stdout
    assert behind.program("taskgate-fcgi", "--nonsense", check=False).returncode == 64
    assert behind.program("taskgate-fcgi", "more", check=False).returncode == 64
    assert not (behind.dir / "run" / "fcgi.sock").exists()


def test_start_never_passes_for_a_worker(behind):
    done = behind.program("taskgate-fcgi", check=False, env={"TASKGATE_WORKER_SLOT": "0"})
    assert done.returncode == 64 and "TASKGATE_WORKER_SLOT" in done.stderr


# -- its socket --

def test_socket_of_a_dead_one_is_taken_over(behind, mine, start):
    path = behind.dir / "run" / "fcgi.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    start(Master, behind)
    mine.api.get("/health").ok()


def test_socket_of_a_live_one_is_left_alone(behind, mine, start):
    first = start(Master, behind)
    second = start(Master, behind, ready=False)
    assert second.wait() == 75 and "another process listens" in second.text
    mine.api.get("/health").ok()
    assert first.alive()


def test_socket_place_that_holds_something_else_is_left_alone(behind, start):
    path = behind.dir / "run" / "other.sock"
    path.write_text("precious")
    second = start(Master, behind, ready=False, TASKGATE_SOCKET=path)
    assert second.wait() == 78 and "is not a socket" in second.text
    assert path.read_text() == "precious"
    path.unlink()


def test_socket_goes_to_one_of_two_that_start_at_once(behind, start):
    for _ in range(6):
        two = [start(Master, behind, ready=False), start(Master, behind, ready=False)]
        until(lambda: any(" ready " in m.text for m in two) and not all(m.alive() for m in two), "one that is ready and one that has gone")
        loser = next(m for m in two if not m.alive())
        assert loser.wait() == 75, loser.text
        for m in two:
            m.end()
        assert not (behind.dir / "run" / "fcgi.sock").exists()


# -- stopping --

def test_term_finishes_the_running_request(behind, mine, start, aside):
    master = start(Master, behind)
    entity = fresh("held")
    with held(behind):
        answer = aside(put, behind.client(mine.token), entity)
        waiting_in_database(behind)
        master.signal(signal.SIGTERM)
        until(lambda: not (behind.dir / "run" / "fcgi.sock").exists(), "the socket's name to go")
        until(lambda: len(master.workers()) == 1, "the idle worker to leave")
        never(answer.done, "answered while the database held it")
    answer.result(20).ok(201)
    assert master.wait() == 0
    assert mine.task(entity) is not None


def test_term_serves_what_was_waiting(behind, mine, start, aside):
    """Requests that nginx has handed over are served, those that the backlog holds too."""
    master = start(Master, behind, TASKGATE_WORKERS=1)
    entity = fresh("held")
    with held(behind):
        answers = [aside(put, behind.client(mine.token), f"{entity}-{i}") for i in range(20)]
        waiting_in_database(behind)
        until(lambda: master.queued() >= 20, lambda: f"20 requests at the socket; there are {master.queued()}")
        master.signal(signal.SIGTERM)
        until(lambda: not (behind.dir / "run" / "fcgi.sock").exists(), "the socket's name to go")
    for a in answers:
        a.result(20).ok(201)
    assert master.wait() == 0
    assert behind.value("select count(*) from task where tenant_id = %s and entity like %s", mine.id, f"{entity}-%") == 20


def test_term_ends_what_does_not_end(behind, mine, start, aside):
    master = start(Master, behind, TASKGATE_STOP_TIMEOUT=1, TASKGATE_REQUEST_TIMEOUT=60)
    with held(behind):
        answer = aside(put, behind.client(mine.token), fresh("held"))
        waiting_in_database(behind)
        master.signal(signal.SIGTERM)
        assert master.wait(6) == 0
        answer.result(20).refused(502, "INTERNAL_ERROR", words="outcome|unknown")
    assert "worker.kill" in master.text and "route=generic.create" in master.text


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_term_is_at_once(behind, mine, start, aside, second):
    master = start(Master, behind, TASKGATE_REQUEST_TIMEOUT=60)
    with held(behind):
        answer = aside(put, behind.client(mine.token), fresh("held"))
        waiting_in_database(behind)
        busy = master.busy()
        master.signal(signal.SIGTERM)
        master.said("signal=SIGTERM at_once=no")
        master.signal(second)
        assert master.wait(5) == 0
        assert not busy.alive()
        answer.result(20).refused(502, "INTERNAL_ERROR")


def test_term_while_it_starts(behind, start):
    """Told to stop before its workers are ready, it stops."""
    for _ in range(5):
        master = start(Master, behind, ready=False, TASKGATE_WORKERS=8)
        master.said(" start pid=")
        master.signal(signal.SIGTERM)
        assert master.wait() == 0, master.text


# -- reloading --

def test_hup_under_load_refuses_nothing_and_brings_new_settings(behind, mine, start):
    master = start(Master, behind)
    old = master.workers()
    assert "RateLimit" not in mine.api.get("/generic/nothing").headers
    with Load(mine, put_and_get) as load:
        for n in (1, 2, 3):
            load.more(20)
            master.write(TASKGATE_RATE_DISPOSITION=9000 + n)
            master.signal(signal.SIGHUP)
            master.said("reload.done", n)
            assert mine.api.get("/generic/nothing").headers["X-RateLimit-Limit"] == str(9000 + n)
        load.more(20)
    assert load.statuses() == {200} and not load.broken, (load.statuses(), load.broken[:3])
    assert not any(w.alive() for w in old) and len(master.workers()) == 2
    assert "worker.crash" not in master.text and "worker.kill" not in master.text
    assert behind.value("select count(*) from task where tenant_id = %s and entity = any (%s)", mine.id, load.entities(200)) == len(load.seen)


def test_hup_waits_for_the_running_request(behind, mine, start, aside):
    master = start(Master, behind, TASKGATE_WORKERS=1)
    with held(behind):
        answer = aside(put, behind.client(mine.token), fresh("held"))
        waiting_in_database(behind)
        busy = master.busy()
        master.signal(signal.SIGHUP)
        until(lambda: any(w.pid != busy.pid for w in master.workers()), "the new worker")
        mine.api.get("/health").ok()
        assert busy.alive() and not answer.done()
    answer.result(20).ok(201)
    master.said("reload.done")
    busy.wait_gone()


def test_hup_with_bad_settings_keeps_the_old_workers(behind, mine, start):
    master = start(Master, behind)
    old = sorted(w.pid for w in master.workers())
    with Load(mine, put_and_get) as load:
        for n in (1, 2):
            master.write(TASKGATE_REQUEST_TIMEOUT="never")
            master.signal(signal.SIGHUP)
            master.said("reload.failed", n)
            load.more(20)
        assert "TASKGATE_REQUEST_TIMEOUT" in master.text
        until(lambda: sorted(w.pid for w in master.workers()) == old, "the old workers alone")
        master.write()
        master.signal(signal.SIGHUP)
        master.said("reload.done")
        load.more(20)
    assert load.statuses() == {200} and not load.broken, (load.statuses(), load.broken[:3])
    assert len(master.workers()) == 2 and not set(old) & {w.pid for w in master.workers()}


def test_hup_brings_a_new_program(behind, mine, start):
    program = behind.dir / "tmp" / fresh("fcgi")
    shutil.copy(stacks.BUILD / "taskgate-fcgi", program)
    master = start(Master, behind, file=program)
    shutil.copy(stacks.BUILD / "taskgate-fcgi", f"{program}.new")
    os.rename(f"{program}.new", program)
    assert all(os.readlink(f"/proc/{w.pid}/exe").endswith("(deleted)") for w in master.workers())
    master.signal(signal.SIGHUP)
    master.said("reload.done")
    until(lambda: len(master.workers()) == 2, "two workers")
    assert [os.readlink(f"/proc/{w.pid}/exe") for w in master.workers()] == [str(program)] * 2
    mine.api.get("/health").ok()


def test_hup_again_before_the_last_is_done(behind, mine, start):
    master = start(Master, behind)
    old = master.workers()
    with Load(mine, put_and_get) as load:
        for _ in range(8):
            master.signal(signal.SIGHUP)
            time.sleep(0.003)      # some meet a reload that has begun, some come as one
        until(lambda: not any(w.alive() for w in old) and len(master.workers()) == 2, "new workers alone")
        load.more(20)
    assert load.statuses() == {200} and not load.broken, (load.statuses(), load.broken[:3])
    assert "worker.crash" not in master.text and "reload.failed" not in master.text


def test_term_during_a_reload(behind, start):
    for n in range(4):
        master = start(Master, behind, TASKGATE_WORKERS=4)
        workers = master.workers()
        master.signal(signal.SIGHUP)
        time.sleep(0.004 * n)
        workers += master.workers()
        master.signal(signal.SIGTERM)
        assert master.wait() == 0
        assert not any(w.alive() for w in workers)


def test_hup_with_a_broken_program_keeps_the_old_workers(behind, mine, start):
    program = behind.dir / "tmp" / fresh("fcgi")
    shutil.copy(stacks.BUILD / "taskgate-fcgi", program)
    master = start(Master, behind, file=program)
    old = sorted(w.pid for w in master.workers())
    broken = program.with_suffix(".new")
    broken.write_text("this is no program")
    broken.chmod(0o755)
    os.rename(broken, program)
    with Load(mine, put_and_get) as load:
        master.signal(signal.SIGHUP)
        master.said("reload.failed")
        load.more(20)
    assert load.statuses() == {200} and not load.broken, (load.statuses(), load.broken[:3])
    until(lambda: sorted(w.pid for w in master.workers()) == old, "the old workers alone")


def test_worker_retires_without_a_refused_request(behind, mine, start):
    master = start(Master, behind, TASKGATE_WORKER_REQUESTS=25)
    first = master.workers()
    with Load(mine, put_and_get) as load:
        until(lambda: not any(w.alive() for w in first), "the first workers to retire")
        load.more(300)
    assert load.statuses() == {200} and not load.broken, (load.statuses(), load.broken[:3])
    assert "worker.crash" not in master.text
    assert crashes(mine) == 0


# -- dying --

@pytest.mark.parametrize("method, route", [("PUT", "generic.create"), ("GET", "generic.get")])
def test_worker_killed_in_a_request(behind, mine, start, aside, method, route):
    master = start(Master, behind)
    entity = fresh("victim")
    if method == "GET":
        mine.create(entity)
    client = behind.client(mine.token)
    with held(behind):
        answer = aside(put, client, entity) if method == "PUT" else aside(client.get, f"/generic/{entity}")
        waiting_in_database(behind)
        busy = master.busy()
        busy.kill()
        answer.result(20).refused(502, "INTERNAL_ERROR", words="Idempotency-Key")
    master.said(rf"worker.crash pid={busy.pid} slot=\d+ signal=SIGKILL route={route.replace('.', '[.]')} ")
    until(lambda: len(master.workers()) == 2, "the worker in its place")
    assert crashes(mine) == 1
    for _ in range(8):
        mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")


def test_crash_loop_slows_respawning_and_never_ends_the_master(behind, mine, start):
    master = start(Master, behind)
    born, over = set(), time.monotonic() + 3
    while time.monotonic() < over:
        for w in master.workers():
            born.add(w.pid)
            try:
                os.kill(w.pid, signal.SIGKILL)     # of a child whose parent is ours, seen a moment ago
            except ProcessLookupError:
                pass
        time.sleep(0.002)
    assert master.alive()
    # The pause doubles from 10 ms to 1 s: without it there would be hundreds.
    assert 4 <= len(born) <= 30, len(born)
    until(lambda: behind.client().get("/health").status == 200, "an answer", 5)
    until(lambda: len(master.workers()) == 2, "both workers", 5)
    assert crashes(mine) >= len(born) - 2


def test_workers_that_cannot_start_are_tried_again(behind, mine, start):
    """A program that fails to start does so slowly; when it is well again it serves, without a restart of the master."""
    program = behind.dir / "tmp" / fresh("fcgi")
    shutil.copy(stacks.BUILD / "taskgate-fcgi", program)
    master = start(Master, behind, file=program)
    os.rename(program, f"{program}.away")
    for w in master.workers():
        w.kill()
    master.said("worker.exec", 4)
    assert master.alive()
    os.rename(f"{program}.away", program)
    until(lambda: len(master.slots()) == 2 and all(s["state"] == "idle" for s in master.slots().values()), "both workers", 8)
    mine.api.get("/health").ok()


def test_master_killed_and_a_new_one_takes_over(behind, mine, start, aside):
    master = start(Master, behind)
    with held(behind):
        answer = aside(put, behind.client(mine.token), fresh("held"))
        waiting_in_database(behind)
        busy = master.busy()
        idle = [w for w in master.workers() if w.pid != busy.pid]
        master.signal(signal.SIGKILL)
        assert master.wait() == -signal.SIGKILL
        for w in idle:
            w.wait_gone(5)
        second = start(Master, behind)
        mine.api.get("/health").ok()
        assert busy.alive() and not answer.done()
    answer.result(20).ok(201)
    busy.wait_gone(5)
    mine.api.get("/health").ok()
    assert second.alive() and len(second.workers()) == 2


def test_master_killed_when_all_are_idle(behind, mine, start):
    master = start(Master, behind)
    workers = master.workers()
    master.signal(signal.SIGKILL)
    master.wait()
    for w in workers:
        w.wait_gone(5)
    answer = mine.api.get("/health")
    answer.refused(502, "INTERNAL_ERROR")
    start(Master, behind)
    mine.api.get("/health").ok()


def test_stopped_worker_holds_up_nobody_else(behind, mine, start):
    """One of two workers stands still: what the kernel woke it for is taken by the other within a second."""
    master = start(Master, behind, TASKGATE_STOP_TIMEOUT=1)
    stopped = master.workers()[0]
    stopped.signal(signal.SIGSTOP)
    try:
        for _ in range(10):
            began = time.monotonic()
            mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
            assert time.monotonic() - began < 2.5
        master.signal(signal.SIGTERM)
        assert master.wait(10) == 0 and not stopped.alive()
    finally:
        if stopped.alive():
            stopped.signal(signal.SIGCONT)


def test_descriptors_are_few_and_stay_so(behind, mine, start):
    """A worker has what it inherits and what it opened: no more after a thousand requests and lost connections."""
    master = start(Master, behind, TASKGATE_WORKERS=1)
    worker, = master.workers()
    mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")

    def descriptors():
        return sorted(os.readlink(f"/proc/{worker.pid}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{worker.pid}/fd"))
    before = descriptors()
    with Load(mine, put_and_get) as load:
        load.more(300)
    for _ in range(3):
        behind.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'taskgate_api'")
        until(lambda: behind.value("select count(*) from pg_stat_activity where usename = 'taskgate_api'") == 0, "the backends to end")
        mine.api.get("/generic/nothing").refused(404, "TASK_NOT_FOUND")
    assert descriptors() == before and len(before) <= 9, before


def test_worker_told_to_leave_is_no_crash(behind, mine, start):
    """TERM to a worker alone: it leaves well and another takes its place."""
    master = start(Master, behind)
    first = master.workers()[0]
    first.signal(signal.SIGTERM)
    first.wait_gone()
    until(lambda: len(master.workers()) == 2, "another worker")
    assert crashes(mine) == 0


def test_metrics_count_workers(behind, mine, start, aside):
    start(Master, behind, TASKGATE_WORKERS=3)
    with held(behind):
        answers = [aside(put, behind.client(mine.token), fresh("held")) for _ in range(2)]
        waiting_in_database(behind, 2)
        text = mine.api.get("/metrics").body.decode()
        assert 'taskgate_workers{state="busy"} 3' in text and 'taskgate_workers{state="idle"} 0' in text, text
    for a in answers:
        a.result(20).ok(201)


def test_logs_one_line_a_request(behind, mine, start):
    master = start(Master, behind, LOG_FORMAT="json")
    id = fresh("request")
    mine.api.get("/generic/nothing", headers={"X-Request-Id": id}).refused(404, "TASK_NOT_FOUND")
    master.said(id)
    assert len([line for line in master.text.splitlines() if id in line]) == 1
