# SPDX-License-Identifier: MIT
"""A call's way as the statements have it, one step after the other: what is counted, what is concluded and from when on, and what a late word changes."""
import datetime
import itertools

import pytest

from desk import Desk, sid

pytestmark = pytest.mark.statements

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


def test_single_scheduled_and_callback_calls_share_the_minute(desk, tenant):
    """spec/README.md, decision 15; a campaign has a line of its own."""
    desk.queue(number())
    desk.ask(desk.api, "select call_schedule(%s, '+15005550006', null, null, null, now() + interval '1 hour', false, 'UTC', null)", number())
    desk.ask(desk.api, "insert into contact (tenant_id, id, phone) values (%s, 'shares', %s)", tenant, number())
    desk.ask(desk.api, "insert into callback (tenant_id, id, contact_id) values (%s, 'shares-1', 'shares')", tenant)
    made, = desk.ask(desk.api, "select callback_retry(now(), 2, c, k) as action from callback c join contact k on k.tenant_id = c.tenant_id and k.id = c.contact_id where c.id = 'shares-1'")
    assert made["action"]["status"] == "completed"
    desk.queue(number(), delay=30, most=1)
    desk.ask(desk.sweep, "update work set ready = true, run_at = now() where lane = 'call'")
    assert len(desk.claim(per_minute=2)) == 3, "two of the minute, and the campaign's"
    assert desk.claim(per_minute=2) == [] and desk.pace()["single"]["outstanding"] == 2


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


# -- what is concluded of an answer that never came --

def listed(desk, call, *calls):
    """What Twilio's list is found to hold; gives the call as it then is."""
    assert desk.follow(call, "listed", {"calls": list(calls)}) == "find"
    return desk.call(call)


def as_listed(to, call_sid=None, at=None, status="in-progress", sender="+15005550006"):
    at = at or datetime.datetime.now(datetime.timezone.utc)
    return {"sid": call_sid or sid(), "to": to, "from": sender, "status": status, "duration": None, "date_created": at.strftime("%a, %d %b %Y %H:%M:%S +0000")}


def lost_long_ago(desk, call, departed="now()", due="now()"):
    desk.ask(desk.sweep, f"update call set granted_at = now() - interval '1 day', departed_at = {departed} where id = %s", call)
    desk.ask(desk.sweep, f"update work set run_at = {due} where id = %s", call)


def test_not_dialled_is_concluded_from_the_end_of_the_lease_on(desk):
    """The grant may be long ago: the request could leave as long as its lease ran."""
    call, _ = dialled(desk, lease_s=-1)
    assert desk.expire() == 1 and desk.call(call)["state"] == "unknown"
    desk.ask(desk.sweep, "update call set granted_at = granted_at - interval '1 day' where id = %s", call)
    assert listed(desk, call)["state"] == "unknown"
    assert 0 < (desk.work(call)["run_at"] - desk.call(call)["departed_at"]).total_seconds() <= 600
    lost_long_ago(desk, call, "now() - interval '601 seconds'")
    ended = listed(desk, call)
    assert ended["state"] == "failed" and ended["reason"].startswith("not dialled") and at_zero(desk)


def test_a_list_that_was_asked_for_too_early_concludes_nothing(desk):
    """Its answer may have waited in the sweeper for a database that was away."""
    call, grant = dialled(desk)
    desk.settle(grant, "fail", reason="no answer")
    lost_long_ago(desk, call, "now() - interval '601 seconds'", "now() - interval '100 seconds'")
    assert listed(desk, call)["state"] == "unknown"
    assert listed(desk, call)["state"] == "failed", "the next one is asked for at once, and counts"


def test_after_a_restore_the_list_has_its_time_too(desk):
    task = desk.queue(number())
    desk.ask(desk.sweep, "update task set created_at = now() - interval '1 day' where id = %s", task["id"])
    desk.restored()
    assert listed(desk, task["id"])["state"] == "unknown" and desk.call(task["id"])["departed_at"] is not None


def test_the_list_is_read_for_our_own_call_alone(desk):
    """Another sender's call to the number is not ours, nor is one that another call of ours has, nor one from before the grant."""
    to = number()
    first, first_grant = dialled(desk, to)
    desk.accept(first_grant, "CA" + "1" * 32)
    call, grant = dialled(desk, to)
    desk.settle(grant, "fail", reason="no answer")
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=60)
    assert listed(desk, call, as_listed(to, "CA" + "1" * 32), as_listed(to, sender="+15005550009"), as_listed(number()), as_listed(to, at=before))["state"] == "unknown"
    found = listed(desk, call, as_listed(to, "CA" + "2" * 32))
    assert (found["state"], found["sid"], found["status"]) == ("accepted", "CA" + "2" * 32, "in-progress")


def test_nobody_takes_the_call_of_one_whose_answer_is_under_way(desk):
    to = number()
    lost, lost_grant = dialled(desk, to)
    desk.settle(lost_grant, "fail", reason="no answer")
    other, other_grant = dialled(desk, to)
    assert listed(desk, lost, as_listed(to, "CA" + "3" * 32))["state"] == "unknown"
    assert desk.accept(other_grant, "CA" + "3" * 32) and desk.call(other)["sid"] == "CA" + "3" * 32
    lost_long_ago(desk, lost, "now() - interval '601 seconds'")
    assert listed(desk, lost, as_listed(to, "CA" + "3" * 32))["state"] == "failed"


def test_what_cannot_be_hung_up_is_asked_for(desk):
    """Twilio refuses to hang up what has ended by itself; where its report was lost as well, only asking tells."""
    task = desk.queue(number())
    grant, = desk.claim()
    desk.accept(grant)
    desk.cancel(task)
    assert desk.follow(task["id"], "fail", reason="Twilio answered 400") == "hangup" and desk.work(task["id"])["type"] == "ask"
    assert desk.follow(task["id"], "asked", {"sid": "x", "status": "in-progress", "duration": None}) == "ask"
    work = desk.work(task["id"])
    assert work["type"] == "hangup" and work["ready"], "it talks: hung up at once"
    assert desk.follow(task["id"], "fail", reason="Twilio answered 400") == "hangup"
    desk.follow(task["id"], "asked", {"sid": "x", "status": "completed", "duration": "3"})
    assert desk.call(task["id"])["state"] == "cancelled" and desk.work(task["id"]) is None and at_zero(desk)


def test_a_dial_that_is_refused_after_its_task_was_cancelled_ends_cancelled(desk):
    """Nobody rang, as was asked for: number and task say the same."""
    task = desk.queue(number())
    grant, = desk.claim()
    desk.cancel(task)
    desk.settle(grant, "refuse", {"code": 20400, "message": "Bad Request"})
    call = desk.call(task["id"])
    assert (call["state"], call["reason"], call["error_code"]) == ("cancelled", "Twilio refused it: 20400 Bad Request", "20400")
    state, = desk.ask(desk.sweep, "select state from task where id = %s", task["id"])
    assert state["state"] == "cancelled" and desk.work(task["id"]) is None and at_zero(desk)


# -- what Twilio says out of turn --

@pytest.mark.parametrize("status", ["ringing", "completed"])
def test_a_report_of_a_call_that_waits_for_its_next_try_is_the_truth(desk, status):
    """Twilio was taken to have refused it: it is not dialled again."""
    call, grant = dialled(desk)
    desk.settle(grant, "again", reason="Twilio answered 429")
    assert desk.call(call)["state"] == "pending"
    assert desk.report(call, sid(), status)["fresh"]
    desk.promote()
    assert desk.claim() == [] and desk.call(call)["state"] == {"ringing": "accepted"}.get(status, status)
    state, = desk.ask(desk.sweep, "select state from task where id = %s", call)
    assert state["state"] == {"ringing": "processing"}.get(status, status) and desk.pace()["single"]["outstanding"] == 0


def test_a_report_of_a_call_that_was_taken_for_not_dialled_is_told(desk):
    """Its end is final, but a person learns of it, and the next report finds it by its sid."""
    call, grant = dialled(desk)
    desk.settle(grant, "fail", reason="no answer")
    lost_long_ago(desk, call, "now() - interval '601 seconds'")
    assert listed(desk, call)["state"] == "failed"
    name = sid()
    assert desk.report(call, name, "ringing")["fresh"] and desk.report(None, name, "completed", 1)["known"]
    assert desk.call(call)["state"] == "failed" and desk.call(call)["sid"] == name
    logged = desk.ask(desk.sweep, "select level, message from task_log where task_id = %s order by id desc limit 1", call)[0]
    assert logged["level"] == "error" and "taken for not dialled" in logged["message"]


def test_a_call_says_what_it_was_made_for(desk):
    """The address that Twilio got with the call is sure; a sid may have been found in a list."""
    to = number()
    mine, grant = dialled(desk, to)
    desk.settle(grant, "fail", reason="no answer")
    other, other_grant = dialled(desk, to)
    desk.settle(other_grant, "fail", reason="no answer")
    name = sid()
    assert listed(desk, mine, as_listed(to, name))["state"] == "accepted"
    desk.ask(desk.sweep, "update task_body set input = '{\"message\": \"for the other\"}' where task_id = %s", other)
    assert desk.ask(desk.api, "select call_script(%s, %s) ->> 'message' as message", other, name)[0]["message"] == "for the other"
