# SPDX-License-Identifier: MIT
"""Each named CHECK and UNIQUE refuses a bad row, whoever writes it; a constraint without a row here fails the last test."""
import re

import psycopg2
import pytest

pytestmark = pytest.mark.statements

TENANT = "(select id from tenant order by number limit 1)"
TASK = ("insert into task (tenant_id, api, kind, machine, state, event, public_id, type, {0}) values "
        "(" + TENANT + ", 'disposition', 'generic', 'disposition', 'pending', 'create', 'c-' || gen_random_uuid(), 'job', {1})")
WORK = ("insert into work (id, tenant_id, task_id, run_at, priority, ready, lane, {0}) values "
        "(gen_random_uuid(), " + TENANT + ", gen_random_uuid(), now(), 5, {2}, 'pull', {1})")
DELIVERY = "insert into delivery (tenant_id, task_id, seq, event, url, {0}) values (" + TENANT + ", gen_random_uuid(), 1, 'task.completed', 'http://x/', {1})"
USER = "insert into principal (tenant_id, handle, role) values (" + TENANT + ", {0}, {1})"
CALL = "insert into call (tenant_id, id, task_id, number, {0}) values (" + TENANT + ", gen_random_uuid(), gen_random_uuid(), '+12025550101', {1})"
CAMPAIGN = "insert into campaign (tenant_id, task_id, {0}) values (" + TENANT + ", gen_random_uuid(), {1})"
TYPE = "insert into task_type (tenant_id, name, handler_url) values (" + TENANT + ", {0}, {1})"
CONTACT = "insert into contact (tenant_id, id, {0}) values (" + TENANT + ", 'c', {1})"
MAIL = "insert into email_template (tenant_id, name, subject, text) values (" + TENANT + ", {0}, {1}, {2})"
MESSAGE = "insert into message (tenant_id, task_id, channel, provider, recipients, {0}) values (" + TENANT + ", gen_random_uuid(), {2}, 'twilio', '{{+12025550143}}', {1})"

BAD = {
    "tenant_name_length": ["insert into tenant (name) values ('')", "insert into tenant (name) values (repeat('x', 129))"],
    "tenant_name_taken": ["insert into tenant (name) select name from tenant"],
    "tenant_keep_days": ["insert into tenant (name, keep_days) values ('k', -1)"],
    "principal_handle": [USER.format(h, "'user'") for h in ("''", "'a b'", "'-a'", "repeat('a', 129)")],
    "principal_role": [USER.format("'r'", "'king'")],
    "principal_handle_taken": [USER.format("'seed'", "'user'")],
    "token_hash_size": ["insert into token (hash, tenant_id, principal_id, scopes) select '\\x00', tenant_id, id, '{all}' from principal limit 1"],
    "token_scopes": ["insert into token (hash, tenant_id, principal_id, scopes) select sha256('a'), tenant_id, id, '{}' from principal limit 1"],
    "token_id_taken": ["insert into token (hash, id, tenant_id, principal_id, scopes) select sha256('b'), id, tenant_id, principal_id, scopes from token"],
    "webhook_key_size": ["insert into webhook_key (tenant_id, secret) values (" + TENANT + ", '\\x00')",
                         "insert into webhook_key (tenant_id, secret) values (" + TENANT + ", decode(repeat('00', 65), 'hex'))"],
    "customer_name_length": ["insert into customer (tenant_id, name) values (" + TENANT + ", '')"],
    "task_type_name": [TYPE.format(n, "null") for n in ("''", "'9x'", "'a b'", "repeat('a', 65)")],
    "task_type_handler": [TYPE.format("'a'", u) for u in ("'ftp://x/'", "'x'", "''")],
    "task_timeout": [TASK.format("timeout_s", v) for v in ("0", "86401")],
    "task_attempts": [TASK.format("attempts", "-1")],
    "task_retry_count": [TASK.format("retry_count", v) for v in ("-1", "21")],
    "task_priority": [TASK.format("priority", v) for v in ("0", "11")],
    "task_progress": [TASK.format("progress", v) for v in ("-1", "101")],
    "task_entity": [TASK.format("entity", v) for v in ("''", "'a/b'", "'a b'", "repeat('a', 129)", "'ä'")],
    "task_public_id": ["insert into task (tenant_id, api, kind, machine, state, event, public_id) values (" + TENANT +
                       ", 'disposition', 'generic', 'disposition', 'pending', 'create', '')"],
    "task_id_taken": ["insert into task (tenant_id, api, kind, machine, state, event, public_id) select tenant_id, api, kind, machine, 'pending', 'create', public_id from task"],
    "task_entity_taken": [TASK.format("entity", "'seed'")],
    "task_started": ["update task set state = 'processing', event = 'claim'"],
    "task_tag_length": ["insert into task_tag values (" + TENANT + ", '', 1)", "insert into task_tag values (" + TENANT + ", repeat('x', 101), 1)"],
    "task_log_level": ["insert into task_log (tenant_id, task_id, id, level, message) values (" + TENANT + ", gen_random_uuid(), 1, 'loud', 'x')"],
    "delivery_state": [DELIVERY.format("state, finished_at", "'lost', now()")],
    "call_state": [CALL.format("state", v) for v in ("'lost'", "''", "'queued'")],
    "call_place_taken": ["insert into call (tenant_id, id, task_id, number) select tenant_id, gen_random_uuid(), task_id, number from call"],
    "call_pkey": ["with other as (insert into tenant (name) values ('call_id') returning id) insert into call (tenant_id, id, task_id, number)"
                  " select o.id, c.id, c.task_id, c.number from call c, other o"],
    "campaign_delay": [CAMPAIGN.format("delay_s", v) for v in ("0", "301")],
    "campaign_most": [CAMPAIGN.format("most", v) for v in ("0", "51")],
    "campaign_total": [CAMPAIGN.format("total", v) for v in ("0", "1001")],
    "pace_outstanding": ["insert into pace (key, outstanding) values ('x', -1)"],
    "pace_in_flight": ["insert into pace (key, in_flight) values ('x', -1)"],
    "number_zone_prefix": [f"insert into number_zone values ('{p}', 'UTC')" for p in ("49", "+0", "+", "+4x")],
    "tenant_quiet": ["update tenant set quiet_from = '21:00', quiet_until = null", "update tenant set quiet_from = null, quiet_until = '08:00'"],
    "directory_id": [f"insert into {t} (tenant_id, id) values ({TENANT}, {v})" for t in ("agent", "contact", "callback")
                     for v in ("''", "repeat('x', 129)", "E'a\\nb'", "E'\\x7f'")]
                    + ["insert into recipient (tenant_id, id, email) values (" + TENANT + ", '', 'a@example.com')",
                       "insert into callback (tenant_id, id, contact_id) values (" + TENANT + ", 'x', '')", "insert into callback (tenant_id, id, agent_id) values (" + TENANT + ", 'x', '')",
                       "insert into callback (tenant_id, id, previous_id) values (" + TENANT + ", 'x', '')"],
    "phone_number": [CONTACT.format("phone", v) for v in ("''", "'12025550143'", "'+02025550143'", "'+123456'", "'+1234567890123456'", "'+1202555014x'", "'+1 2025550143'",
                                                          "E'+12025550143\\n'")]
                    + ["insert into recipient (tenant_id, id, phone) values (" + TENANT + ", 'r', '1')", "insert into do_not_call (tenant_id, number) values (" + TENANT + ", '1')",
                       "insert into call (tenant_id, id, task_id, number) values (" + TENANT + ", gen_random_uuid(), gen_random_uuid(), '1')"],
    "email_address": [CONTACT.format("email", v) for v in ("''", "'a'", "'a@'", "'@b'", "'a@b@c'", "'a b@c'", "'a@-b'", "'a@b-'", "'a@b..c'", "'a@b.'", "'ä@b'", "E'a@b\\n'",
                                                           "repeat('a', 65) || '@b'", "'a@' || repeat('b', 64)", "'a@' || repeat('b.', 127) || 'c'")]
                     + ["insert into recipient (tenant_id, id, email) values (" + TENANT + ", 'r', 'x')"],
    "contact_data": [CONTACT.format("data", v) for v in ("'[]'", "'1'", "'null'", "'\"x\"'")],
    "callback_attempt": [f"insert into callback (tenant_id, id, attempt_number) values ({TENANT}, 'x', {v})" for v in ("0", "1001")],
    "recipient_channel": ["insert into recipient (tenant_id, id) values (" + TENANT + ", 'r')"],
    "disposition_code_word": [f"insert into disposition_code (tenant_id, code) values ({TENANT}, {v})" for v in ("''", "'a'", "'A b'", "'1A'", "'_A'", "repeat('A', 65)")],
    "email_template_name": [MAIL.format(v, "'s'", "'t'") for v in ("''", "'-a'", "'a b'", "'a/b'", "repeat('a', 129)", "'ä'")],
    "email_template_subject": [MAIL.format("'n'", v, "'t'") for v in ("''", "repeat('x', 999)", "E'a\\nb'")],
    "email_template_body": [MAIL.format("'n'", "'s'", "null")],
    "delivery_status": [MESSAGE.format("status", "'lost'", "'sms'")],
    "message_channel": [MESSAGE.format("text", "'x'", "'fax'")],
    "message_task_taken": ["insert into message (tenant_id, task_id, channel, provider, recipients) select '00000000-0000-4000-8000-00000000beef', task_id, channel, provider, recipients from message"],
    "cluster_mark_single": ["insert into cluster_mark (single, system_identifier, timeline) values (false, 'x', 1)"],
}
# The trigger speaks before these can: they guard against whoever disables it.
BEHIND_THE_TRIGGER = {
    "task_state": ["insert into task (tenant_id, api, kind, machine, state, event, public_id) values (" + TENANT + ", 'disposition', 'generic', 'disposition', 'lost', 'create', 'x')"],
}
# Rules over several columns are no constraints (migration 0013): what breaks them is found.
RULES = {
    "task_finished": [TASK.format("finished_at", "now()"), "update task set finished_at = now()"],
    "task_started": ["update task set state = 'processing'"],
    "work_lease": [WORK.format("lease_until", "now()", "true"), WORK.format("lease_until, deadline", "now() + interval '2 s', now()", "true")],
    "work_ready": [WORK.format("lease_until, deadline", "now(), now()", "false")],
    "delivery_finished": [DELIVERY.format("state", "'dead'"), DELIVERY.format("finished_at", "now()")],
    "call_ended": [CALL.format("state", "'completed'"), CALL.format("ended_at", "now()"), CALL.format("state, ended_at", "'unknown', now()")],
    "campaign_count": [CAMPAIGN.format("total, completed, failed, cancelled", "2, 1, 1, 1")],
}


@pytest.fixture(scope="module", autouse=True)
def seeds(db):
    db.run(USER.format("'seed'", "'user'"))
    db.run("insert into token (hash, tenant_id, principal_id, scopes) select sha256('seed'), tenant_id, id, '{all}' from principal")
    db.run(TASK.format("entity", "'seed'"))
    db.run(CALL.format("n", "1"))
    db.run(MESSAGE.format("text", "'seed'", "'sms'"))


def refused(db, statement, constraint, without_triggers=False):
    c = db.connect(autocommit=False)
    try:
        with c.cursor() as cursor:
            if without_triggers:
                cursor.execute("set session_replication_role = replica")
            with pytest.raises(psycopg2.IntegrityError) as caught:
                cursor.execute(statement)
        assert caught.value.diag.constraint_name == constraint, statement
    finally:
        c.rollback()
        c.close()


@pytest.mark.parametrize("constraint", BAD)
def test_constraint_refuses(db, constraint):
    for statement in BAD[constraint]:
        refused(db, statement, constraint)


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_found(db, rule):
    for statement in RULES[rule]:
        c = db.connect(autocommit=False)
        try:
            with c.cursor() as cursor:
                cursor.execute("select count(*) from ledger_fault")
                assert cursor.fetchone() == (0,)
                cursor.execute("set session_replication_role = replica")
                cursor.execute(statement)
                cursor.execute("select distinct rule from ledger_fault")
                assert cursor.fetchall() == [(rule,)], statement
        finally:
            c.rollback()
            c.close()


def test_every_rule_is_tried(db):
    assert set(re.findall(r"'(\w+)'::text AS rule", db.value("select pg_get_viewdef('ledger_fault')"))) == set(RULES)


def test_nobody_finishes_a_task_without_moving_it(db):
    with pytest.raises(psycopg2.Error) as caught:
        db.run("update task set finished_at = now()")
    assert caught.value.diag.constraint_name == "state_edge"


@pytest.mark.parametrize("constraint", BEHIND_THE_TRIGGER)
def test_constraint_refuses_even_without_the_trigger(db, constraint):
    for statement in BEHIND_THE_TRIGGER[constraint]:
        refused(db, statement, constraint, without_triggers=True)


def test_every_named_constraint_is_tried(db):
    """Keys and foreign keys have names made by PostgreSQL; what we named is ours to prove, as are the trigger's check and the one id that all tenants share."""
    named = db.run("""select c.conname from pg_constraint c left join pg_class r on r.oid = c.conrelid
        where c.connamespace = 'taskgate'::regnamespace and c.contype in ('c', 'u') and r.relispartition is not true
        union select 'task_started' union select 'call_pkey'""")
    assert {n for n, in named} == set(BAD) | set(BEHIND_THE_TRIGGER)
