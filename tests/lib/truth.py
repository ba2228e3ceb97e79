# SPDX-License-Identifier: MIT
"""truth: what the ledger says of its calls against what the stand-in for Twilio has been asked for and has played. Numbers are dialled once in a test, so that
whatever a number got belongs to one call."""
from waiting import until

WORDS = {"completed": "completed", "busy": "failed", "no-answer": "failed", "failed": "failed", "canceled": "failed"}


def calls(stack, tenant):
    """The tenant's calls, by number."""
    return {r["number"]: r for r in stack.rows("select c.*, t.state as task_state, t.kind, t.public_id from call c join task t on t.tenant_id = c.tenant_id and t.id = c.task_id"
                                               " where c.tenant_id = %s", tenant.id)}


def call(stack, number):
    return stack.row("select * from call where number = %s", number)


def wait_state(stack, number, *states, seconds=20):
    """Until the call to this number is in one of these states; gives its row."""
    last = {}

    def there():
        last.update(call(stack, number) or {})
        return last.get("state") in states and last
    return until(there, lambda: f"{states} of the call to {number}; the last one was {last}", seconds, 0.02)


def wait_all(stack, tenant, seconds=60):
    def left():
        return stack.rows("select number, state, reason, status, sid from call where tenant_id = %s and ended_at is null", tenant.id)
    until(lambda: not left(), lambda: f"the end of {left()[:9]}", seconds, 0.05)


def faults(stack, tenant, twilio):
    """What is not true, a sentence each; nothing where all is well. For when every call has ended."""
    found = []
    for number, row in calls(stack, tenant).items():
        played = twilio.calls_to(number)
        said = f"{number}: {row['state']} ({row['status']}, {row['sid']}, {row['reason']}); Twilio has {[(c.sid, c.status) for c in played]}"
        if len(played) > 1:
            found.append(f"dialled twice: {said}")
        elif row["ended_at"] is None:
            found.append(f"has not ended: {said}")
        elif not played and (row["sid"] is not None or row["state"] not in ("failed", "cancelled")):
            found.append(f"was never dialled: {said}")
        elif played and (row["sid"] != played[0].sid or row["state"] != ("cancelled" if row["hangup"] else WORDS[played[0].status])):
            found.append(f"is not the truth: {said}")
        elif row["kind"] == "call" and row["task_state"] != row["state"]:
            found.append(f"its task is {row['task_state']}: {said}")
    return found + leftovers(stack, tenant)


def leftovers(stack, tenant):
    """What is still counted, or still to do, although every call has ended."""
    found = [f"limiter {r}" for r in stack.rows("select key, outstanding, in_flight from pace where outstanding > 0 or in_flight > 0 or key like 'campaign:%%'")]
    found += [f"work {r}" for r in stack.rows("select id, lane, type from work where tenant_id = %s and lane in ('call', 'follow')", tenant.id)]
    return found + [f"campaign {r}" for r in stack.rows(
        "select p.*, t.state from campaign p join task t on t.tenant_id = p.tenant_id and t.id = p.task_id join lateral (select count(*) filter (where c.state = 'completed') as completed,"
        " count(*) filter (where c.state = 'failed') as failed, count(*) filter (where c.state = 'cancelled') as cancelled from call c where c.tenant_id = t.tenant_id and c.task_id = t.id) n on true"
        " where t.tenant_id = %s and (t.finished_at is null or (p.completed, p.failed, p.cancelled) <> (n.completed, n.failed, n.cancelled))", tenant.id)]


def assert_true(stack, tenant, twilio):
    found = faults(stack, tenant, twilio)
    assert not found, "\n".join(found[:20])
