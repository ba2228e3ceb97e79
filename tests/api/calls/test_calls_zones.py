# SPDX-License-Identifier: MIT
"""schedule-call on the days on which clocks change, judged by Python's zoneinfo: a wall time that is skipped fires at the first valid instant after it, one that comes
twice at the first of them (spec README decision 7)."""
import datetime
import zoneinfo

import pytest

import calling
from calling import API

UTC = datetime.timezone.utc
YEAR = datetime.datetime.now(UTC).year + 1
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return make_stack("calls that are not dialled", sweep=False, **twilio.settings())


def changes(name):
    """The days of next year on which the zone's clocks change, as local dates."""
    zone, day, found = zoneinfo.ZoneInfo(name), datetime.datetime(YEAR, 1, 1, tzinfo=UTC), []
    while day.year == YEAR:
        following = day + datetime.timedelta(hours=1)
        if day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
            found.append(following.astimezone(zone).date())
        day = following
    return found


def first_instant(wall, zone):
    """The first instant at which the zone's clocks show this wall time or a later one, found by looking at each minute."""
    moment = (wall - datetime.timedelta(hours=26)).replace(tzinfo=UTC)
    while moment.astimezone(zone).replace(tzinfo=None) < wall:
        moment += MINUTE
    return moment


def schedule(tenant, sent, **fields):
    return tenant.api.post(f"{API}/schedule-call", {"to_number": "+12025550101", "schedule_time": sent, **fields})


ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Europe/Dublin"]


@pytest.mark.parametrize("name", ZONES)
def test_clock_changes(tenant, name):
    zone, days = zoneinfo.ZoneInfo(name), changes(name)
    assert len(days) == 2, days
    kinds = set()
    for day in days:
        for minutes in (*range(0, 300, 15), 23 * 60 + 30):
            wall = datetime.datetime.combine(day, datetime.time()) + minutes * MINUTE
            early, late = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
            if early.utcoffset() != late.utcoffset():
                kinds.add("twice" if early.utcoffset() > late.utcoffset() else "skipped")
            sent = wall.strftime("%Y-%m-%dT%H:%M:%S")
            answer = schedule(tenant, sent, timezone=name).ok().json
            assert answer["estimated_completion"] == first_instant(wall, zone).strftime("%Y-%m-%dT%H:%M:%SZ"), (name, sent)
            assert answer["message"] == f"Call to +12025550101 scheduled for {sent}"
    assert kinds == {"twice", "skipped"}


def test_a_zone_without_changes(tenant):
    assert changes("Asia/Kolkata") == []
    for day in changes("America/New_York") + changes("Europe/Berlin"):
        for hour in range(0, 24, 3):
            wall = datetime.datetime.combine(day, datetime.time(hour, 30))
            answer = schedule(tenant, wall.isoformat(), timezone="Asia/Kolkata").ok().json
            assert answer["estimated_completion"] == (wall - datetime.timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_document_own_zone_by_default_on_its_change_days(tenant):
    zone = zoneinfo.ZoneInfo("America/New_York")
    for day in changes("America/New_York"):
        for wall in (datetime.datetime.combine(day, datetime.time(1, 59)), datetime.datetime.combine(day, datetime.time(2, 30)), datetime.datetime.combine(day, datetime.time(3))):
            assert schedule(tenant, wall.isoformat()).ok().json["estimated_completion"] == first_instant(wall, zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_offset_on_a_change_day_is_an_instant(tenant):
    for day in changes("America/New_York"):
        assert schedule(tenant, f"{day}T02:30:00-05:00", timezone="America/New_York").ok().json["estimated_completion"] == f"{day}T07:30:00Z"


def test_the_stored_time_is_the_one_that_was_told(tenant):
    answer = schedule(tenant, f"{YEAR}-07-01T12:00:00.250", timezone="Europe/Berlin").ok().json
    stored = tenant.stack.row("select t.scheduled_at, w.run_at, w.ready from task t join work w on w.tenant_id = t.tenant_id and w.id = t.id where t.public_id = %s", answer["task_id"])
    assert answer["estimated_completion"] == f"{YEAR}-07-01T10:00:00Z"
    assert stored["scheduled_at"] == datetime.datetime(YEAR, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)
    assert datetime.timedelta() <= stored["run_at"] - stored["scheduled_at"] < datetime.timedelta(seconds=1) and not stored["ready"]


def test_now_is_past_and_a_moment_later_is_not(tenant):
    now = datetime.datetime.now(UTC)
    for zone in ("Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"):
        local = now.astimezone(zoneinfo.ZoneInfo(zone))
        schedule(tenant, (local - MINUTE).strftime("%Y-%m-%dT%H:%M:%S"), timezone=zone).detailed(400, "Schedule time must be in the future")
        schedule(tenant, (local + MINUTE).strftime("%Y-%m-%dT%H:%M:%S"), timezone=zone).ok()


def test_a_scheduled_call_is_dialled_at_its_time(make_stack, twilio, mailbox):
    tenant = calling.unpaced(make_stack, twilio, mailbox).tenant()
    when = datetime.datetime.now(UTC) + datetime.timedelta(seconds=2)
    number = calling.phone()
    made = tenant.api.post(f"{API}/schedule-call", {"to_number": number, "schedule_time": when.astimezone(zoneinfo.ZoneInfo("Asia/Kolkata")).strftime("%Y-%m-%dT%H:%M:%S.%f"),
                                                    "timezone": "Asia/Kolkata"}).ok().json
    assert calling.status(tenant.api, made["task_id"])["message"] == "Call scheduled" and twilio.creations(number) == []
    calling.wait(tenant.api, made["task_id"], "SUCCESS")
    assert -0.01 < (calling.call_of(tenant.stack, made["task_id"])["granted_at"] - when).total_seconds() < 2
