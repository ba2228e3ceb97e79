# SPDX-License-Identifier: MIT
"""desk: a sweeper's side of the calls without a sweeper: grants, outcomes, reports and expiries as its statements make them, one connection a desk, each
statement its own transaction. For tests of what the database promises by itself; whoever wants several at once makes several."""
import json
import uuid

import psycopg2.extras

PAUSES = [1, 60, 600]           # milliseconds before the first retry, seconds before Twilio is asked, seconds until its list is believed


def sid():
    return "CA" + uuid.uuid4().hex


class Desk:
    """database: anything with connect(user). tenant: its id. PAUSES are the desk's own to change."""

    def __init__(self, database, tenant, name="desk", pauses=PAUSES):
        self.tenant, self.name, self.pauses = str(tenant), name, list(pauses)
        self.sweep, self.api, self.ctl = database.connect("taskgate_sweep"), database.connect("taskgate_api"), database.connect("taskgate_ctl")
        for connection in (self.sweep, self.api, self.ctl):
            connection.autocommit = True
        self.ask(self.api, "select set_config('tg.tenant', %s, false), set_config('tg.scopes', 'all', false)", self.tenant)

    def close(self):
        self.sweep.close()
        self.api.close()
        self.ctl.close()

    def ask(self, connection, sql, *values):
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
            c.execute(sql, values)
            return c.fetchall() if c.description else []

    # -- callers --

    def queue(self, *numbers, delay=None, most=None):
        """A single call, or a campaign where a delay is told; gives its task."""
        return self.ask(self.api, "select * from call_make(%s, %s, '+15005550006', null, null, '{}', %s, %s, null, null)",
                        "bulk_call" if delay else "call", list(numbers), delay, most)[0]

    def cancel(self, task):
        self.ask(self.api, "select call_cancel(%s, 'cancelled by the caller')", task["public_id"])

    def list_number(self, number):
        self.ask(self.api, "select do_not_call_add(%s, 'asked')", number)

    def restored(self):
        """What the operator says after a backup was restored."""
        self.ask(self.ctl, "select calls_after_restore()")

    # -- the sweeper --

    def claim(self, per_second=None, per_minute=None, most=32, paced=True, lease_s=30):
        """What was granted: id, task_id, fence. lease_s may be negative: a grant whose sweeper has gone at once."""
        return self.ask(self.sweep, "select id, task_id, fence from call_claim(%s, %s, %s, %s, %s, %s)", most, self.name, lease_s - 10, per_second, per_minute, paced)

    def settle(self, grant, outcome, detail=None, reason=None, wait_s=0, ago_ms=0):
        """False where the fence is spent."""
        return self.ask(self.sweep, "select call_settle(%s, %s, %s, %s, %s, %s, %s, %s) as done", grant["id"], grant["fence"], outcome,
                        json.dumps(detail) if detail is not None else None, reason, wait_s, self.pauses, ago_ms)[0]["done"]

    def accept(self, grant, call_sid=None, **more):
        return self.settle(grant, "accepted", {"sid": call_sid or sid(), "status": "queued"}, **more)

    def expire(self, most=500):
        return self.ask(self.sweep, "select call_expire(%s) as n", most)[0]["n"]

    def promote(self):
        self.ask(self.sweep, "update work set ready = true where not ready and run_at <= clock_timestamp()")

    # -- what follows --

    def follow(self, call, outcome, detail=None, reason=None, wait_s=0):
        """Claims the call's work of the lane follow, due or not, and settles it; gives the type that it had."""
        work = self.ask(self.sweep, "update work set fence = fence + 1, ready = true, claimed_by = %s, deadline = now() + interval '1 minute', lease_until = now() + interval '1 minute'"
                                    " where id = %s and lane = 'follow' returning type, fence", self.name, call)[0]
        self.ask(self.sweep, "select follow_settle(%s, %s, %s, %s, %s, %s, %s)", call, work["fence"], outcome, json.dumps(detail) if detail is not None else None, reason, wait_s, self.pauses)
        return work["type"]

    def report(self, call, call_sid, status, sequence=0, duration=None):
        """Twilio's status callback. Gives known and fresh."""
        return self.ask(self.api, "select * from call_reported(%s, %s, %s, %s, %s, null, '{}', 'a=b', 60, 'test', 'test')", call, call_sid, status, sequence, duration)[0]

    # -- what is there --

    def call(self, call):
        return self.ask(self.sweep, "select * from call where id = %s", call)[0]

    def work(self, call):
        found = self.ask(self.sweep, "select * from work where id = %s", call)
        return found[0] if found else None

    def pace(self):
        return {row["key"]: row for row in self.ask(self.sweep, "select * from pace")}
