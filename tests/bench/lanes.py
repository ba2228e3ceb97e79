# SPDX-License-Identifier: MIT
"""lanes: 5,000 due tasks of a type with a handler, POSTed to a location of nginx that answers at once, each settled durably; and pg-boss doing
the same POSTs. Both are timed from the first claim to the last completion; filling and starting are not."""

import json
import os
import time

import stack as st

HANDLER = "/demo/handler/lead_followup"


def taskgate(stack, pgbench, count, seed):
    """One sweeper, one run. Tasks a second."""
    stack.ctl("type", "add", "bench_handler", "--handler", stack.url + HANDLER)
    pgbench.run("put", 60, seed, ["-t", str(count // 8)], type="bench_handler", callback=None)
    count = count // 8 * 8
    stack.settle()
    due, began = stack.sql("select count(*), clock_timestamp() from work where lane = 'handler' and ready and lease_until is null")[0]
    if due != count:
        raise st.Failed(f"{due} tasks are due, not {count}")
    connection = stack.connect()
    sweep = st.Process([f"{stack.build}/taskgate-sweep", "--config", stack.conf, "--once"], f"{stack.state}/log/bench-sweep.log")
    try:
        with connection.cursor() as cursor:
            left, until = True, time.monotonic() + 60
            while left:
                if time.monotonic() > until:
                    raise st.Failed("the sweeper did not drain its lane within 60 s")
                time.sleep(0.003)
                cursor.execute("select exists (select from work where lane = 'handler'), clock_timestamp()")
                left, ended = cursor.fetchone()
            cursor.execute("select count(*) filter (where event = 'complete'), min(at) filter (where event = 'claim') from task_event where at >= %s",
                           (began,))
            done, first = cursor.fetchone()
        sweep.popen.wait(30)
    finally:
        connection.close()
        sweep.end()
    if done != count:
        raise st.Failed(f"{done} of {count} tasks were completed")
    return count / (ended - first).total_seconds()


def pgboss(stack, folder, node, count, loops):
    """Jobs a second, and jobs stored a second."""
    with open(f"{os.path.dirname(os.path.abspath(__file__))}/pgboss_peer.mjs") as source, open(f"{folder}/pgboss_peer.mjs", "w") as copy:
        copy.write(source.read())
    if not stack.sql("select 1 from pg_database where datname = 'pgboss'", database="postgres"):
        stack.sql("create database pgboss", database="postgres")
    stack.settle("pgboss")
    env = {**stack.env("postgres", "pgboss"), "BENCH_JOBS": str(count), "BENCH_LOOPS": str(loops), "BENCH_HANDLER": stack.url + HANDLER,
           "NODE_ENV": "production"}
    said = json.loads(st.run([node, "pgboss_peer.mjs"], 120, cwd=folder, env=env).strip().rsplit("\n", 1)[-1])
    if said["done"] != count:
        raise st.Failed(f"pg-boss completed {said['done']} of {count}")
    return said["drain"], said["enqueue"]


def memory(stack):
    """Kilobytes that a worker has to itself, for each idle worker."""
    found = []
    for pid in stack.workers_pids():
        private = 0
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    private += int(line.split()[1])
        found.append(private)
    return found
