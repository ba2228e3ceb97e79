# SPDX-License-Identifier: MIT
"""A call's way as the statements have it, one step after the other: what is counted, what is concluded and from when on, and what a late word changes."""
import datetime
import itertools

import pytest

from desk import Desk, sid

NUMBERS = itertools.count(5553000)


def number():
    return f"+1202{next(NUMBERS)}"


@pytest.fixture(scope="module")
def tenant(db):
    return db.value("select id::text from tenant where name = 'main'")


@pytest.fixture
def desk(db, tenant):
    """On a ledger without calls."""
    db.run("delete from work; delete from call; delete from campaign; delete from pace; delete from do_not_call; delete from task where api = 'calls'")
    made = Desk(db, tenant)
    yield made
    made.close()


def dialled(desk, to=None, **more):
    """A single call that is being dialled: (call id, its grant)."""
    task = desk.queue(to or number())
    grant, = desk.claim(**more)
    assert grant["id"] == task["id"]
    return task["id"], grant


def at_zero(desk):
    return all(p["outstanding"] == 0 and p["in_flight"] == 0 for p in desk.pace().values())


# -- what the limiters count --

def test_a_grant_without_pacing_is_none_of_the_limiters_business(desk):
    paced, paced_grant = dialled(desk, per_minute=9)
    free, free_grant = dialled(desk, paced=False)
    before = desk.pace()
    assert before["single"]["outstanding"] == before["single"]["in_flight"] == 1
    assert desk.accept(free_grant) and desk.report(free, desk.call(free)["sid"], "completed")["fresh"]
    assert desk.pace() == before and desk.call(free)["departed_at"] is not None and desk.call(free)["state"] == "completed"
    assert desk.accept(paced_grant)
    assert desk.pace()["single"]["outstanding"] == 0 and len(desk.pace()["single"]["departures"]) == 1


def test_a_limit_that_is_set_later_counts_what_is_under_way(desk):
    first, first_grant = dialled(desk)
    assert desk.pace()["single"]["outstanding"] == 1
    desk.queue(number())
    assert desk.claim(per_second=9, per_minute=1) == []
    desk.accept(first_grant)
    assert desk.claim(per_second=9, per_minute=1) == [], "its departure counts from now on"
    assert len(desk.pace()["single"]["departures"]) == 1


def test_a_departure_is_kept_although_the_count_was_lost(desk):
    _, grant = dialled(desk, per_minute=9)
    desk.ask(desk.sweep, "update pace set outstanding = 0")
    desk.accept(grant)
    assert [len(p["departures"]) for p in desk.pace().values()] == [1, 1] and at_zero(desk) is False
