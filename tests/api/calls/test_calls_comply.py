# SPDX-License-Identifier: MIT
"""Whom nobody calls: the do-not-call list before, while and after a number is dialled, and a tenant's quiet hours."""
import datetime
import json
import threading
import zoneinfo

import pytest

import calling
from stack import fresh
from standin_http import Reply
from waiting import PATIENCE, until

LISTED = "the number is on the do-not-call list"
PUT_ON = "the number was put on the do-not-call list"


@pytest.fixture(scope="module")
def stack(make_stack, twilio, mailbox):
    return calling.unpaced(make_stack, twilio, mailbox)


def do_not_call(tenant, number):
    """As an agent says it: the disposition of a finished callback."""
    callback = fresh("cb")
    answer = tenant.api.put(f"/cbfinish/{callback}", {"callback_id": callback, "agent_id": "agent-456", "disposition_code": "DO_NOT_CALL", "customer_data": {"phone": number}})
    assert answer.status == 201 and "do_not_call_added" in [a["type"] for a in answer.data["actions_triggered"] if a["status"] == "completed"], repr(answer)


def log_of(tenant, task):
    return [r["message"] for r in tenant.stack.rows("select l.message from task_log l join task t on t.tenant_id = l.tenant_id and t.id = l.task_id where t.public_id = %s order by l.id", task)]


# -- the do-not-call list --

def test_listed_before_it_is_queued(tenant, twilio):
    number = calling.phone()
    do_not_call(tenant, number)
    _, made = calling.queue(tenant.api, number)
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["error"], done["message"]) == ("FAILURE", LISTED, "Call refused")
    assert twilio.creations(number) == []
    history = tenant.api.get(f"/task/{made['task_id']}?include_history=true").ok().data["history"]
    assert (history[-1]["status"], history[-1]["message"]) == ("failed", LISTED)


def test_listed_while_it_is_queued(tenant, twilio):
    number, made = calling.queue(tenant.api, delay_seconds=1)
    do_not_call(tenant, number)
    shown = calling.status(tenant.api, made["task_id"])
    assert (shown["status"], shown["message"]) == ("REVOKED", PUT_ON)
    follower, after = calling.queue(tenant.api, delay_seconds=2)
    calling.wait(tenant.api, after["task_id"], "SUCCESS")
    assert twilio.creations(number) == []


@pytest.mark.parametrize("state, how", [("ringing", "canceled"), ("in-progress", "completed")])
def test_listed_after_the_grant_is_hung_up(tenant, twilio, state, how):
    number = calling.phone()
    twilio.plan_call(to=number, holds={state: threading.Event()})
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    until(lambda: call.status == state, state)
    do_not_call(tenant, number)
    assert call.over.wait(10 * PATIENCE) and call.status == how
    done = calling.wait(tenant.api, made["task_id"])
    assert (done["status"], done["message"]) == ("REVOKED", PUT_ON)
    assert f"hanging up {number}: {PUT_ON}" in log_of(tenant, made["task_id"])
    history = tenant.api.get(f"/task/{made['task_id']}?include_history=true").ok().data["history"]
    assert (history[-1]["status"], history[-1]["message"]) == ("cancelled", PUT_ON)
    until(lambda: calling.call_of(tenant.stack, made["task_id"])["state"] == "cancelled", "the end of the number")


def test_listed_while_the_request_is_under_way(tenant, twilio):
    number, asking = calling.phone(), threading.Event()
    twilio.plan_call(to=number, holds={"ringing": threading.Event()})
    twilio.script(Reply(gate=asking), to=number)
    _, made = calling.queue(tenant.api, number)
    call = calling.the_call(twilio, number)
    do_not_call(tenant, number)
    asking.set()
    assert call.over.wait(10 * PATIENCE) and call.status == "canceled" and len(twilio.creations(number)) == 1
    assert calling.wait(tenant.api, made["task_id"])["status"] == "REVOKED"


def test_listed_within_a_campaign(own_stack, twilio):
    """The others go on: one that waits is taken out, one that rings is hung up, one that was listed before is refused."""
    stack = own_stack(**calling.FAST, TASKGATE_CALLS_PER_SECOND=0, TASKGATE_CALLS_PER_MINUTE=0, **twilio.settings())
    tenant, numbers = stack.tenant(), [calling.phone() for _ in range(4)]
    do_not_call(tenant, numbers[0])
    twilio.plan_call(to=numbers[1], holds={"ringing": threading.Event()})
    made = calling.queue_bulk(tenant.api, numbers, delay_between_calls=1, max_concurrent_calls=1)
    call = calling.the_call(twilio, numbers[1])
    until(lambda: call.status == "ringing", "ringing")
    do_not_call(tenant, numbers[1])
    do_not_call(tenant, numbers[2])
    assert call.over.wait(10 * PATIENCE)
    done = calling.wait(tenant.api, made["task_id"])
    result = done["result"]
    assert (done["status"], result["total_calls"], result["successful_calls"], result["failed_calls"], result["cancelled_calls"]) == ("SUCCESS", 4, 1, 1, 2)
    shown = {c["phone_number"]: (c["status"], c["error"]) for c in calling.numbers_of(tenant.api, made["task_id"])["calls"]}
    assert [shown[n] for n in numbers] == [("FAILURE", LISTED), ("REVOKED", PUT_ON), ("REVOKED", PUT_ON), ("SUCCESS", None)]
    assert result["failed_call_details"] == [{"phone_number": numbers[0], "error": LISTED}]
    assert [len(twilio.creations(n)) for n in numbers] == [0, 1, 0, 1]


def test_a_list_is_its_tenants_own(tenant, own_tenant, twilio):
    number = calling.phone()
    do_not_call(own_tenant, number)
    _, made = calling.queue(tenant.api, number)
    assert calling.wait(tenant.api, made["task_id"])["status"] == "SUCCESS"


# -- quiet hours --

def quiet(tenant, *words, check=True):
    return tenant.stack.program("taskgatectl", "calls", "quiet", *words, "--tenant", tenant.name, check=check)


def around(zone, before, after):
    """HH:MI of the zone's clock that many minutes before and after now."""
    now = datetime.datetime.now(zoneinfo.ZoneInfo(zone))
    return [(now + datetime.timedelta(minutes=m)).strftime("%H:%M") for m in (-before, after)]


def dialled(tenant, number):
    """Queues a call; gives its end."""
    _, made = calling.queue(tenant.api, number, webhook_url="http://127.0.0.1:9/")
    return calling.wait(tenant.api, made["task_id"])


def number_of(country):
    """A number of a country that nobody else has."""
    return f"+{country}{calling.phone()[5:]}"


def test_off_by_default(own_tenant, twilio):
    assert quiet(own_tenant).stdout == "no quiet hours\n"
    assert json.loads(quiet(own_tenant, "--json").stdout) == {"quiet_from": None, "quiet_until": None, "time_zone": None}
    assert dialled(own_tenant, number_of(49))["status"] == "SUCCESS"


def test_the_numbers_own_zone(own_tenant, twilio):
    """Whatever the tenant's is: Germany sleeps, India and the tenant's own zone do not."""
    frm, until_ = around("Europe/Berlin", 30, 30)
    quiet(own_tenant, "--from", frm, "--until", until_, "--zone", "Pacific/Honolulu")
    number = number_of(49)
    done = dialled(own_tenant, number)
    assert (done["status"], done["message"], done["error"]) == ("FAILURE", "Call refused", f"quiet hours in Europe/Berlin ({frm} to {until_})")
    assert twilio.creations(number) == []
    assert dialled(own_tenant, number_of(91))["status"] == "SUCCESS"
    assert dialled(own_tenant, calling.phone())["status"] == "SUCCESS"


def test_the_tenants_zone_where_the_number_does_not_tell(own_tenant, twilio):
    frm, until_ = around("America/New_York", 30, 30)
    quiet(own_tenant, "--from", frm, "--until", until_, "--zone", "America/New_York")
    number = calling.phone()       # +1 has many zones
    assert dialled(own_tenant, number)["error"] == f"quiet hours in America/New_York ({frm} to {until_})" and twilio.creations(number) == []
    assert dialled(own_tenant, number_of(49))["status"] == "SUCCESS"


def test_refused_where_nobody_knows_the_zone(own_tenant, twilio):
    """Even at an hour that is quiet nowhere near: it fails closed."""
    frm, until_ = around("UTC", -120, 180)
    quiet(own_tenant, "--from", frm, "--until", until_)
    number = calling.phone()
    assert dialled(own_tenant, number)["error"] == "quiet hours are set and the time zone of the number is not known" and twilio.creations(number) == []


def test_they_may_pass_midnight_and_end(own_tenant, twilio):
    for minutes, word in (((30, 30), "FAILURE"), ((60, -30), "SUCCESS"), ((-30, 60), "SUCCESS"), ((12 * 60 - 1, 30), "FAILURE"), ((30, 12 * 60 - 1), "FAILURE")):
        frm, until_ = around("Europe/Berlin", *minutes)
        quiet(own_tenant, "--from", frm, "--until", until_)
        assert dialled(own_tenant, number_of(49))["status"] == word, (frm, until_)
    quiet(own_tenant, "--off")
    assert dialled(own_tenant, number_of(49))["status"] == "SUCCESS" and quiet(own_tenant).stdout == "no quiet hours\n"


def test_hours_at_their_edges(stack):
    """The first minute is quiet, the last one is not; the tenant's hours are laid around now."""
    until(lambda: datetime.datetime.now().second < 50, "a minute that lasts", 15)
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin"))
    name = fresh("quiet")
    stack.ctl("tenant", "add", name)
    minute = datetime.timedelta(minutes=1)

    def refused(frm, until_):
        stack.run("update tenant set quiet_from = %s::time, quiet_until = %s::time where name = %s", frm.strftime("%H:%M"), until_.strftime("%H:%M"), name)
        return stack.value("select call_refused(id, '+4930123456') is not null from tenant where name = %s", name)
    assert refused(now, now + 10 * minute) and not refused(now - 10 * minute, now)
    assert refused(now, now - minute) and not refused(now + 5 * minute, now), "all but a minute, and up to now"


def test_another_tenants_hours_are_his(own_tenant, tenant, twilio):
    frm, until_ = around("Europe/Berlin", 30, 30)
    quiet(own_tenant, "--from", frm, "--until", until_)
    assert dialled(tenant, number_of(49))["status"] == "SUCCESS"


def test_within_a_campaign(own_tenant, twilio):
    frm, until_ = around("Europe/Berlin", 30, 30)
    quiet(own_tenant, "--from", frm, "--until", until_, "--zone", "Asia/Tokyo")
    german, indian = number_of(49), number_of(91)
    made = calling.queue_bulk(own_tenant.api, [german, indian], webhook_url="http://127.0.0.1:9/")
    result = calling.wait(own_tenant.api, made["task_id"], "SUCCESS")["result"]
    assert (result["successful_calls"], result["failed_calls"]) == (1, 1) and result["failed_call_details"][0]["error"].startswith("quiet hours in Europe/Berlin")
    assert twilio.creations(german) == []


def test_the_command(own_tenant, stack):
    assert json.loads(quiet(own_tenant, "--from", "21:00", "--until", "08:00", "--zone", "Europe/Berlin", "--json").stdout) == {
        "quiet_from": "21:00", "quiet_until": "08:00", "time_zone": "Europe/Berlin"}
    assert quiet(own_tenant).stdout.split() == ["from", "21:00", "until", "08:00", "zone", "Europe/Berlin"]
    row = stack.row("select action, detail from audit where tenant_id = %s order by id desc limit 1", own_tenant.id)
    assert row["action"] == "ctl.calls.quiet" and (row["detail"]["from"], row["detail"]["until"], row["detail"]["zone"]) == ("21:00", "08:00", "Europe/Berlin")
    audits = stack.value("select count(*) from audit where tenant_id = %s", own_tenant.id)
    for words, text in ((["--from", "21:00"], "--until"), (["--until", "21:00"], "--from"), (["--zone", "UTC"], "--from"), (["--from", "24:00", "--until", "08:00"], "time of day"),
                        (["--from", "9:00", "--until", "08:00"], "time of day"), (["--from", "09:60", "--until", "08:00"], "time of day"), (["--from", "09:00", "--until", "0x:00"], "time of day"),
                        (["--from", "09:00", "--until", "09:00"], "the same"), (["--off", "--from", "09:00"], "--off stands alone"),
                        (["--from", "09:00", "--until", "10:00", "--zone", "Mars/Olympus"], "no time zone"), (["--from", "09:00", "--until", "10:00", "--zone", "EST"], "no time zone")):
        done = quiet(own_tenant, *words, check=False)
        assert done.returncode == 64 and text in done.stderr and done.stdout == "", (words, done)
    assert stack.value("select count(*) from audit where tenant_id = %s", own_tenant.id) == audits
    assert quiet(own_tenant).stdout.split()[1] == "21:00"


def test_zones_of_the_table_are_zones(stack):
    """Each prefix names a zone that PostgreSQL and Python know, and is a country's whole code."""
    for row in stack.rows("select prefix, zone, is_zone(zone) as known from number_zone"):
        assert row["known"] and zoneinfo.ZoneInfo(row["zone"]), row
    assert stack.value("select count(*) from number_zone where prefix in ('+1', '+7', '+61', '+55', '+52', '+62', '+34', '+351', '+64', '+56', '+54')") == 0, "countries of several zones"
