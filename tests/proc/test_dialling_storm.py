# SPDX-License-Identifier: MIT
"""Many calls while everything goes wrong at once: two sweepers killed again and again, Twilio that drops answers, puts off, fails, talks nonsense, is slow, reports twice, late
or never, and whose list lags. Then every number was dialled once at most, and every call has ended with the truth.

TASKGATE_SOAK_CALLS=1000 (`./dev soak calls`) makes it long; TASKGATE_SEED makes the same storm again."""
import itertools
import os
import random
import threading

import pytest

import truth
from parts import Program
from standin_http import Reply
from standin_twilio import Twilio
from waiting import PATIENCE, until

pytestmark = pytest.mark.both

COUNT = int(os.environ.get("TASKGATE_SOAK_CALLS", "40"))
SEED = os.environ.get("TASKGATE_SEED", str(random.randrange(1 << 30)))
NUMBERS = itertools.count(5570001)
BULK = 5 if COUNT <= 100 else 10            # numbers of a campaign
# On a machine that is slow Twilio's stand-in is too: what it has not begun by CALL_LOST must never come.
TIMEOUT = round(2 * PATIENCE)
OVER = {"TASKGATE_TWILIO_TIMEOUT": TIMEOUT, "TASKGATE_TWILIO_ASK": 1, "TASKGATE_CALL_LOST": TIMEOUT + 1, "TASKGATE_RETRY_FIRST": 20, "TASKGATE_CALLS_PER_SECOND": 8 if COUNT <= 100 else 30, "TASKGATE_CALLS_PER_MINUTE": 6000}


@pytest.fixture(scope="module")
def phones():
    made = Twilio(step=0.01, lag=0.5)
    yield made
    made.close()


@pytest.fixture
def field(own_stack, phones):
    return own_stack(workers=3, sweep=False, **phones.settings(), **OVER)


def weather(dice, phones, number):
    """What happens to this number's dial, and what becomes of the call."""
    replies = [Reply(), Reply(), Reply(drop="after"), Reply(drop="before"), Reply(429), Reply(500), Reply(503), Reply(garbage=b"SSH-2.0-no\r\n"), Reply(delay=TIMEOUT + 0.5),
               Reply(delay=0.3), Reply(429, headers={"Retry-After": "1"}), Reply(201, {"nothing": "of ours"}), Reply(400)]
    phones.script(dice.choice(replies), to=number)
    phones.plan_call(dice.choice(["completed", "completed", "busy", "no-answer", "failed"]), to=number, delay=dice.uniform(0, 0.2), talk=dice.uniform(0, 0.3),
                     doubled=dice.random() < 0.3, reordered=dice.random() < 0.3, missing=dice.choice([False, False, True, ("completed",), ("initiated", "ringing")]))


class Killer:
    """Keeps two sweepers running and kills one at a time, until it is told to stop; then two are left alone."""

    def __init__(self, field, start, dice):
        self.begin, self.dice, self.over, self.kills = lambda: start(Program, field, "taskgate-sweep"), dice, threading.Event(), 0
        self.running = [self.begin(), self.begin()]
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.over.wait(self.dice.uniform(0.1, 1.5)):
            at = self.dice.randrange(2)
            if self.running[at].alive():
                self.running[at].popen.kill()
                self.kills += 1
            self.running[at] = self.begin()

    def keep(self):
        """A sweeper leaves when a newer one of its host has come."""
        if not any(one.alive() for one in self.running):
            self.running[0] = self.begin()
        return True

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(20)


def queue_all(tenant, dice, numbers):
    """Half in campaigns, half alone; some are cancelled a moment later. Gives the tasks that are."""
    tasks, waiting = [], list(numbers)
    while waiting:
        if len(waiting) > BULK and dice.random() < 0.25:
            body, waiting = {"phone_numbers": waiting[:BULK], "delay_between_calls": 1, "max_concurrent_calls": dice.choice([1, 3, 5])}, waiting[BULK:]
            tasks.append(tenant.api.post("/api/v1/celery/twilio/queue-bulk-calls", body).ok(200).json["task_id"])
        else:
            tasks.append(tenant.api.post("/api/v1/celery/twilio/queue-single-call", {"to_number": waiting.pop(0)}).ok(200).json["task_id"])
    return dice.sample(tasks, len(tasks) // 10)


def test_every_number_once_and_the_truth(field, phones, start):
    print(f"TASKGATE_SEED={SEED}")
    dice, tenant = random.Random(SEED), field.tenant()
    numbers = [f"+1202{next(NUMBERS)}" for _ in range(COUNT)]
    for number in numbers:
        weather(dice, phones, number)
    with Killer(field, start, random.Random(SEED + "k")) as killer:
        doomed = queue_all(tenant, dice, numbers)
        until(lambda: len({s.get("To") for s in phones.creations()}) >= COUNT // 4, "a quarter of the dials", 120)
        for task in doomed:
            tenant.api.request("DELETE", f"/api/v1/celery/twilio/cancel-task/{task}")
        until(lambda: killer.kills >= min(6 + COUNT // 10, 100), "the storm to blow over", 240, 0.1)
    until(lambda: killer.keep() and not field.value("select count(*) from call where ended_at is null"),
          lambda: f"the end of {field.rows('select number, state, status, reason, sid from call where ended_at is null')[:9]}", 120 + COUNT, 0.1)
    truth.assert_true(field, tenant, phones)
    ended = {r["state"]: r["n"] for r in field.rows("select state, count(*) as n from call group by state")}
    print(f"{COUNT} calls, {killer.kills} kills, {len(phones.calls)} dialled, ended {ended}")
    assert killer.kills > 3 and sum(ended.values()) == COUNT
