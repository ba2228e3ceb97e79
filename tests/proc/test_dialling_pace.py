# SPDX-License-Identifier: MIT
"""Pacing as Twilio sees it: three sweepers, a campaign beside single calls, answers that take their time. From the times at which requests arrive at the stand-in: in no
window of a second more than TASKGATE_CALLS_PER_SECOND, in no minute more single calls than TASKGATE_CALLS_PER_MINUTE, a campaign never closer than its gap, and
never more calls of it at once than it may have.

TASKGATE_SOAK_CALLS=200 takes minutes, with windows of a minute that follow one another."""
import datetime
import itertools
import os
import random
import threading

import pytest

import truth
from parts import Program
from standin_http import Reply
from standin_twilio import Twilio
from waiting import until

SOAK = int(os.environ.get("TASKGATE_SOAK_CALLS", "0"))
PER_SECOND, PER_MINUTE, GAP, MOST = 3, 9, 1, 2
SINGLES, BULK = (SOAK // 8, SOAK // 4) if SOAK else (14, 9)
NUMBERS = itertools.count(5590001)


@pytest.fixture(scope="module")
def phones():
    made = Twilio(step=0.01)
    yield made
    made.close()


class Shift:
    """Three sweepers; one that leaves for a newer one, or dies, is followed by another."""

    def __init__(self, begin):
        self.begin, self.over = begin, threading.Event()
        self.running = [begin() for _ in range(3)]
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.over.wait(0.1):
            self.running = [one if one.alive() else self.begin() for one in self.running]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(20)


def crowded(what, times, window, most):
    return [f"{what}: {most + 1} in {b - a:.3f} s" for a, b in zip(sorted(times), sorted(times)[most:]) if b - a < window]


def together(calls):
    """How many of these calls were alive at the same time, at most."""
    never = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
    steps = sorted([(c.created, 1) for c in calls] + [(c.end or never, -1) for c in calls])
    return max(itertools.accumulate(n for _, n in steps))


def queue_all(tenant, phones, dice):
    singles, bulk = [[f"+1202{next(NUMBERS)}" for _ in range(n)] for n in (SINGLES, BULK)]
    for number in singles + bulk:
        phones.script(*([Reply(429)] if dice.random() < 0.1 else []), Reply(delay=dice.choice([0, 0.05, 0.4, 1.2])), to=number)
        phones.plan_call(dice.choice(["completed", "completed", "busy"]), to=number, talk=dice.choice([0, 0.8, 2.5]), missing=dice.random() < 0.15)
    tenant.api.post("/api/v1/celery/twilio/queue-bulk-calls", {"phone_numbers": bulk, "delay_between_calls": GAP, "max_concurrent_calls": MOST}).ok(200)
    for number in singles:
        tenant.api.post("/api/v1/celery/twilio/queue-single-call", {"to_number": number}).ok(200)
    return set(singles), set(bulk)


def test_three_sweepers_keep_all_limits(own_stack, phones, start):
    dice = random.Random(7)
    field = own_stack(workers=2, sweep=False, **phones.settings(), TASKGATE_TWILIO_TIMEOUT=5, TASKGATE_TWILIO_ASK=1, TASKGATE_RETRY_FIRST=20,
                      TASKGATE_CALLS_PER_SECOND=PER_SECOND, TASKGATE_CALLS_PER_MINUTE=PER_MINUTE)
    tenant = field.tenant()
    singles, bulk = queue_all(tenant, phones, dice)
    wanted = SINGLES if SOAK else PER_MINUTE
    with Shift(lambda: start(Program, field, "taskgate-sweep")):
        until(lambda: sum(s.get("To") in singles for s in phones.creations()) >= wanted and field.value("select count(*) = 0 from call where number = any(%s) and ended_at is null", list(bulk)),
              lambda: f"the campaign's end; {field.rows('select number, state, status from call where ended_at is null')[:5]}", 60 + 2 * BULK + 60 * SINGLES // PER_MINUTE)
    arrivals = phones.creations()
    faults = crowded("requests", [s.at for s in arrivals], 1, PER_SECOND)
    faults += crowded("requests for single calls", [s.at for s in arrivals if s.get("To") in singles], 60, PER_MINUTE)
    faults += crowded("requests of the campaign", [s.at for s in arrivals if s.get("To") in bulk], GAP, 1)
    assert not faults, "\n".join(faults)
    assert together([c for c in phones.calls if c.to in bulk]) <= MOST
    assert not [t for t in truth.faults(field, tenant, phones) if "dialled twice" in t]
    if arrivals[-1].at - arrivals[0].at < 60:
        assert sum(s.get("To") in singles for s in arrivals) == PER_MINUTE, "the minute is used to the full"
