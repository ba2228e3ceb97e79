# SPDX-License-Identifier: MIT
"""The same for messages: among 500,000 SMS, mails and voicemails what is asked for, claimed and reported is found by index, also inside functions, where only the
pages that were touched tell."""
import pytest

import test_plans
from test_plans import ROWS

pytestmark = pytest.mark.statements

LARGE = {"message", "message_file", "message_event", "twilio_event"}

# n % 3: 0 is an SMS, 1 a mail, 2 a voicemail. n % 10 below 4 is done. Of the others n % 2 = 0 is due now and the rest tomorrow; each fifth of the due SMS is with Twilio and to be
# asked for. A mail whose n % 30 = 25 was sent for the voicemail behind it. One row in a hundred is another tenant's.
LOAD = """
set session_replication_role = replica;
set synchronous_commit = off;
insert into tenant (name) values ('other');
insert into principal (tenant_id, handle) select id, 'u' from tenant;
create temporary table seed as
select n, uuid7() as id, case when n % 100 = 0 then b.id else a.id end as tenant_id, (array['sms', 'email', 'voicemail'])[n % 3 + 1] as kind, n % 10 < 4 as done,
	n % 30 = 6 as ask, now() - make_interval(secs => (%(rows)s - n) / 100.0) as at
from generate_series(1, %(rows)s) n, (select id from tenant where name = 'main') a, (select id from tenant where name = 'other') b;
create index on seed (n);
insert into task (tenant_id, id, parent_id, created_at, started_at, finished_at, version, event_seq, api, kind, machine, state, event, public_id, entity, target_id, retry_count)
select s.tenant_id, s.id, p.id, s.at, case when s.done or s.ask then s.at end, case when s.done then s.at end, 1, 1, 'disposition', s.kind, s.kind,
	case when s.done then 'completed' when s.ask then 'processing' else 'pending' end, 'create', s.kind || '-' || s.n, case when s.kind <> 'email' then 'e-' || s.n end,
	case when s.kind = 'voicemail' then 'vm-' || s.n end, 3
from seed s left join seed p on p.n = s.n + 1 and s.n % 30 = 25 order by s.n;
insert into task_body (tenant_id, task_id, input) select tenant_id, id, json_build_object('voicemail_id', 'vm-' || n, 'recipient_id', 'r', 'caller_id', '1') from seed;
insert into task_event (tenant_id, task_id, seq, at, machine, from_state, event, to_state, hash)
select tenant_id, id, 1, now(), kind, '-', 'create', 'pending', '\\x00' from seed;
insert into message (tenant_id, task_id, channel, provider, status, provider_id, recipients, subject, text)
select tenant_id, id, kind, case kind when 'sms' then 'twilio' else 'smtp' end, case when not done then 'queued' when kind = 'sms' then 'delivered' else 'sent' end,
	case when kind = 'sms' and (done or ask) then 'SM' || n end, array['+1202555' || n % 10000], 'x', 'Hello' from seed where kind <> 'voicemail';
insert into message_event (tenant_id, task_id, seq, event, message) select tenant_id, task_id, 1, 'queued', 'Message queued' from message;
insert into message_file (tenant_id, task_id, n, name, type, content) select tenant_id, id, 1, 'a', 'text/plain', 'x' from seed where kind = 'email';
insert into twilio_event (sid, status, task_id, params) select 'SM' || n, 'delivered', id, '{}' from seed where kind = 'sms' and done;
insert into recipient (tenant_id, id, email, phone) select id, 'r', 'r@example.com', '+12025550143' from tenant;
insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, type, host)
select id, tenant_id, id, case when n % 2 = 0 then now() - interval '1 minute' else now() + interval '1 day' end, 1 + n % 10, n % 2 = 0,
	case kind when 'sms' then 'sms' when 'email' then 'mail' else 'notify' end, case when ask then 'ask' end, case kind when 'sms' then 'twilio' when 'email' then 'smtp' end
from seed where not done;
"""


@pytest.fixture(scope="module")
def messages500k(make_database):
    database = make_database("t_plans_messages")
    c = database.connect()
    with c.cursor() as cursor:
        cursor.execute(LOAD.replace("%(rows)s", str(ROWS)))
        cursor.execute("vacuum analyze")
    c.close()
    return database


@pytest.fixture(scope="module")
def tenant(messages500k):
    return messages500k.value("select id::text from tenant where name = 'main'")


def explain(*args):
    """As in test_plans, with the tables that are large here."""
    e = test_plans.explain(*args)
    e.scanned |= {n["Relation Name"] for n in e.nodes if n["Node Type"] == "Seq Scan" and n["Actual Loops"]} & LARGE
    return e


GET = {
    "sms_get": [("e-249999", True, "+12025550100"), ("sms-249999", True, None)],
    "email_get": [("email-250003", True, True, "a@example.com")],
    "voicemail_get": [("e-250001", True, True), ("voicemail-250001", False, False)],
    "disposition_task_get": [("e-250001", True, True, None), ("email-250003", True, True, None)],
}


@pytest.mark.parametrize("name, values", [(n, v) for n, all_values in GET.items() for v in all_values], ids=lambda v: v if isinstance(v, str) else v[0])
def test_one_is_found_by_index(messages500k, tenant, name, values):
    n = int(values[0].rsplit("-", 1)[1])
    assert n % 100, "the other tenant's"
    e = explain(messages500k, "taskgate_api", tenant, name, *values)
    assert e.rows == 1 and not e.scanned and not e.partitions and e.pages <= 80, (e.rows, e.scanned, e.pages)


REPORTS = {
    # which work's task is named in the address, Sid (None: its own), status, pages at most
    "by its Sid, late": (None, "SM249993", "sent", 60),
    "asked for, further": ("type = 'ask'", None, "sent", 120),
    "asked for, its end": ("type = 'ask'", None, "delivered", 150),
    "before its answer": ("type is null", "SM-new", "delivered", 150),
    "nobody's": (None, "SM-nobody", "sent", 40),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_finds_its_message(messages500k, name):
    which, sid, status, most = REPORTS[name]
    task = which and messages500k.value(f"select task_id::text from work where lane = 'sms' and {which} limit 1")
    sid = sid or messages500k.value("select provider_id from message where task_id = %s", task)
    e = explain(messages500k, "taskgate_api", None, "message_report", task, sid, status, None, "{}", "request", "127.0.0.1")
    assert not e.scanned and e.pages <= most, e.pages


@pytest.mark.parametrize("name, most", [("sweep_sms_claim", 1500), ("sweep_mail_claim", 1800)])
def test_a_claim_walks_its_index(messages500k, name, most):
    e = explain(messages500k, "taskgate_sweep", None, name, 20, "me", "{}", "{}", 32, 30)
    assert not e.scanned and not e.partitions and 1 <= e.rows <= 32 and e.pages <= most, (e.rows, e.scanned, e.pages)


def test_voicemails_are_told_by_index(messages500k):
    """50 of them become 100 messages: the pages are those that are written."""
    e = explain(messages500k, "taskgate_sweep", None, "sweep_notify", 50)
    assert not e.scanned and e.pages <= 12000, e.pages
    one = explain(messages500k, "taskgate_sweep", None, "sweep_notify", 1)
    assert one.pages <= 250, one.pages


def test_an_idle_notify_costs_next_to_nothing(messages500k):
    e = explain(messages500k, "taskgate_sweep", None, "sweep_notify", 0)
    assert e.pages <= 30, e.pages


@pytest.mark.parametrize("outcome", ["sent", "fail", "refuse", "unsent"])
def test_a_settle_touches_its_own_rows(messages500k, outcome):
    """And those of the voicemail that it was sent for."""
    id = messages500k.value("select w.id::text from work w join task t on t.id = w.id where w.lane = 'mail' and t.parent_id is not null limit 1")
    messages500k.run("update work set fence = 1, lease_until = now() + interval '1 hour', deadline = now() + interval '1 hour', ready = true where id = %s", id)
    messages500k.run("set session_replication_role = replica; update task set state = 'processing', started_at = created_at, attempts = 1"
                    " where id = %s or id = (select parent_id from task where id = %s)", id, id)
    e = explain(messages500k, "taskgate_sweep", None, "sweep_message_settle", "{%s}" % id, "{1}", "{%s}" % outcome, "{null}", "{why}", "{0}", "{1000,60}")
    assert not e.scanned and e.pages <= 200, e.pages


def test_a_voicemail_and_its_children_are_cancelled_by_index(messages500k, tenant):
    entity = messages500k.value("select p.entity from task c join task p on p.id = c.parent_id where p.tenant_id = %s and p.state = 'pending' and c.state = 'pending' limit 1", tenant)
    e = explain(messages500k, "taskgate_api", tenant, "disposition_task_cancel", entity)
    assert not e.scanned and e.pages <= 200, e.pages


def test_messages_expire_by_index(messages500k):
    e = explain(messages500k, "taskgate_sweep", None, "sweep_expire", 100, 0, 1000)
    assert not e.scanned and e.pages <= 1000, e.pages
