# SPDX-License-Identifier: MIT
"""The limiters by themselves: several sweepers at once, answers that take their time, are put off, get lost or never come, small limits. In no window do more calls depart than it
allows, a campaign keeps its gap and its most at once. Departures are observed here, by one clock, and never read from the limiters' own record. A
limiter that counts without a lock, and is given time to be overtaken on any machine, breaks it, so that this would be seen.

The database's limiters run on a clock that is five times as fast, so that a window of a second takes 0.2 s, and a minute is two such seconds."""
import collections
import heapq
import itertools
import random
import threading
import time

import psycopg2
import pytest

from desk import Desk, sid
from racing import weakened
from waiting import until

pytestmark = pytest.mark.statements

NUMBERS = itertools.count(5580001)
SECOND, MINUTE = 0.2, 0.4
PER_SECOND, PER_MINUTE, MOST, CAMPAIGNS = 5, 4, 2, 6
WANTED = 250                # departures
FAST = {"function pace_room": [("moment := (extract(epoch from clock_timestamp()) * 1000000)::bigint;",
                                "moment := (extract(epoch from clock_timestamp()) * 5000000)::bigint; p_window_s := least(p_window_s, 2);")],
        "function call_departs": [("(extract(epoch from p_at) * 1000000)::bigint", "(extract(epoch from p_at) * 5000000)::bigint")]}
NAIVE = {"function pace_room": [
    ("insert into pace (key) select p_key where p_key not like 'campaign:%' on conflict do nothing;", "insert into pace (key) select p_key where not exists (select from pace where key = p_key);"),
    ("where key = p_key for update;", "where key = p_key; perform pg_sleep(0.02);")],
    "function call_claim": [("limit least(mine, 500) + 20 for update", "limit least(mine, 500) for update")]}


def names(functions):
    """As weakened() wants them: without the word `function`."""
    return {name.split()[1]: changes for name, changes in functions.items()}


class Seen:
    """What an onlooker sees: departures by limiter, and when each call ended, told before the ledger is told."""

    def __init__(self, lines):
        self.lock, self.lines, self.departures, self.ends = threading.Lock(), lines, [], {}

    def departs(self, grant):
        with self.lock:
            self.departures.append((time.monotonic(), self.lines.get(str(grant["task_id"])), (grant["id"], grant["fence"])))

    def ended(self, grant):
        with self.lock:
            self.ends[grant["id"], grant["fence"]] = time.monotonic()

    def faults(self):
        with self.lock:
            departures, ends = sorted(self.departures, key=lambda d: d[0]), dict(self.ends)
        by_line = collections.defaultdict(list)
        for at, line, call in departures:
            by_line[line].append((at, call))
        found = crowded("account", [at for at, _, _ in departures], SECOND, PER_SECOND)
        found += crowded("single calls", [at for at, _ in by_line[None]], MINUTE, PER_MINUTE)
        for line in set(by_line) - {None}:
            found += crowded(f"campaign {line}", [at for at, _ in by_line[line]], SECOND, 1)
            found += together(line, by_line[line], ends)
        return found


def crowded(what, times, window, most):
    """Half a millisecond is the onlooker's own."""
    return [f"{what}: {most + 1} departures in {b - a:.4f} s" for a, b in zip(times, times[most:]) if b - a < window - 0.0005]


def together(line, departures, ends):
    found, running = [], {}
    for at, call in departures:
        running = {c: end for c, end in running.items() if end > at}
        running[call] = ends.get(call, float("inf"))
        if len(running) > MOST:
            found.append(f"campaign {line}: {len(running)} calls at once")
    return found


class Sweeper(threading.Thread):
    def __init__(self, ledger, tenant, seen, over, seed, naive):
        super().__init__(daemon=True)
        self.desk, self.dice, self.seen, self.over = Desk(ledger, tenant.id, f"s{seed}", [1, 600, 600]), random.Random(seed), seen, over
        self.due, self.order, self.failure, self.naive = [], itertools.count(), None, naive

    def later(self, seconds, what, grant):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), what, grant))

    def run(self):
        try:
            while not self.over.is_set() or self.due:
                try:
                    self.step()
                except psycopg2.Error:
                    # Without locks statements get into one another's way, and that is not what is looked for.
                    if not self.naive:
                        raise
                time.sleep(self.dice.uniform(0, 0.01))
        except Exception as e:      # told by the test
            self.failure = e
        finally:
            self.desk.close()

    def step(self):
        if not self.over.is_set():
            self.claim()
        while self.due and self.due[0][0] <= time.monotonic():
            _, _, what, grant = heapq.heappop(self.due)
            what(grant)
        if self.dice.random() < 0.2:
            self.desk.expire()
            self.desk.promote()

    def claim(self):
        short = self.dice.random() < 0.3
        began = time.monotonic()
        for grant in self.desk.claim(PER_SECOND, PER_MINUTE, most=self.dice.choice([1, 4, 32]), lease_s=1 if short else 30):
            grant.update(short=short, until=began + 0.8)
            self.later(self.dice.uniform(0, 0.1), self.leave, grant)

    def leave(self, grant):
        """Nothing leaves behind its lease."""
        fate = self.dice.random()
        if fate < 0.1 or (grant["short"] and time.monotonic() > grant["until"]):
            self.desk.settle(grant, self.dice.choice(["release", "unsent"]))
            return
        self.seen.departs(grant)
        if fate < 0.2:
            self.seen.ended(grant)      # it was not accepted
            self.later(self.dice.uniform(0, 0.05), lambda g: self.desk.settle(g, "again"), grant)
            return
        if fate < 0.3:
            self.later(self.dice.uniform(0, 0.1), lambda g: self.desk.settle(g, "fail", reason="no answer"), grant)
        elif not grant["short"] or fate < 0.6:
            self.later(self.dice.uniform(0, 0.1), self.desk.accept, grant)
        self.later(self.dice.choice([0.01, 0.2, 1.3]), self.end, grant)

    def end(self, grant):
        self.seen.ended(grant)
        self.desk.report(grant["id"], self.desk.call(grant["id"])["sid"] or sid(), self.dice.choice(["completed", "busy"]))


def play(ledger, wanted, seconds, naive):
    """Four sweepers at calls of all kinds; gives what was seen. The naive limiter has its rows made for it, and may stop at the first fault."""
    for name in ("work", "call", "campaign", "pace", "task"):
        ledger.run(f"delete from {name}")
    tenant, over = ledger.tenant(), threading.Event()
    desk = Desk(ledger, tenant.id)
    try:
        for _ in range(wanted):
            desk.queue(f"+1202{next(NUMBERS)}")
        tasks = [desk.queue(*[f"+1202{next(NUMBERS)}" for _ in range(wanted // 4)], delay=1, most=MOST) for _ in range(CAMPAIGNS)]
        seen = Seen({str(t["id"]): n for n, t in enumerate(tasks)})
        if naive:
            desk.ask(desk.sweep, "insert into pace (key) select 'account' union all select 'single' on conflict do nothing")
        sweepers = [Sweeper(ledger, tenant, seen, over, seed, naive) for seed in range(4)]
        for one in sweepers:
            one.start()
        until(lambda: len(seen.departures) >= wanted or any(s.failure for s in sweepers) or (naive and seen.faults()), lambda: f"{wanted} departures; there were {len(seen.departures)}",
              seconds, 0.05)
        over.set()
        for one in sweepers:
            one.join(60)
        assert naive or not [s.failure for s in sweepers if s.failure], [s.failure for s in sweepers]
        return seen, desk.pace(), desk.ask(desk.sweep, "select state, outstanding, slot, task_id from call where state <> 'pending'")
    finally:
        over.set()
        desk.close()


def test_no_window_holds_more_than_its_limit(ledger):
    with weakened(ledger, names(FAST)):
        seen, pace, calls = play(ledger, WANTED, 90, False)
    assert not seen.faults(), "\n".join(seen.faults()[:10])
    assert len(seen.departures) >= WANTED
    assert pace["account"]["outstanding"] == sum(c["outstanding"] for c in calls), "the count is that of the calls"
    for key, limiter in pace.items():
        assert key == "account" or limiter["in_flight"] == sum(c["slot"] for c in calls if key == f"campaign:{c['task_id']}" or (key == "single" and str(c["task_id"]) not in seen.lines))


def task_limiter(task):
    return f"campaign:{task['id']}"


def test_a_campaign_that_ends_while_it_is_looked_at_leaves_no_limiter(ledger):
    """The sweeper has found it in line and stands before its limiter; it is cancelled, and its limiter goes with it; the sweeper goes on and must not make another."""
    for name in ("work", "call", "campaign", "pace", "task"):
        ledger.run(f"delete from {name}")
    tenant, held = ledger.tenant(), ledger.connect()
    desk, other = Desk(ledger, tenant.id, "one"), Desk(ledger, tenant.id, "two")
    try:
        with weakened(ledger, {"call_claim": [("\t\texit when room <= 0;\n\t\tmine := room;", "\t\texit when room <= 0;\n\t\tperform pg_advisory_xact_lock(4242);\n\t\tmine := room;")]}):
            task = desk.queue(f"+1202{next(NUMBERS)}", delay=1, most=1)
            with held.cursor() as c:
                c.execute("select pg_advisory_lock(4242)")
            granted = []
            sweeper = threading.Thread(target=lambda: granted.extend(desk.claim(PER_SECOND, PER_MINUTE)))
            sweeper.start()
            until(lambda: ledger.value("select count(*) from pg_locks where locktype = 'advisory' and objid = 4242 and not granted"), "the sweeper before the limiter")
            assert task_limiter(task) in other.pace(), "it comes with the campaign"
            other.cancel(task)
            held.close()
            sweeper.join(30)
        assert granted == [] and list(desk.pace()) == ["account"]
    finally:
        desk.close()
        other.close()


def test_a_limiter_that_counts_without_a_lock_is_seen(ledger):
    both = {name: FAST.get(name, []) + NAIVE.get(name, []) for name in {**FAST, **NAIVE}}
    with weakened(ledger, names(both)):
        seen, _, _ = play(ledger, 10 * WANTED, 180, True)
    assert seen.faults(), "four sweepers kept the limits without any lock: this test proves nothing"
