# SPDX-License-Identifier: MIT
"""taskgatectl as scripts use it: exit codes, what stands on standard output, what is stored and what never is."""
import hashlib
import json
import os
import re
import signal
import subprocess

import pytest

import stack as stacks
from conftest import Session
from waiting import until


def lines(done):
    return done.stdout.splitlines()


def made(db, *args):
    return json.loads(db.ctl(*args, "--json").stdout)


def audit(db):
    return db.run("select action, what, detail::text, tenant_id::text from audit order by id desc limit 1")[0]


@pytest.fixture(scope="module")
def first(db):
    """The first tenant's id, with a user in it."""
    db.ctl("user", "add", "ann", "--name", "Ann \"the\" Ü", "--role", "manager", "--email", "ann@example.com")
    return db.value("select id::text from tenant order by number limit 1")


# -- the frame --------------------------------------------------------------------------------------------------------------------------

COMMANDS = re.findall(r'\.words = "([^"]+)"', "".join(p.read_text() for p in sorted((stacks.TOP / "src" / "ctl").glob("*.c"))))


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_has_help(db, words):
    done = db.ctl(*words.split(), "--help")
    assert done.stdout.startswith(f"usage: taskgatectl {words}") and "--json" in done.stdout
    assert words in db.ctl("--help").stdout


@pytest.mark.parametrize("args", [[], ["nothing"], ["token"], ["token", "creat"], ["tenant", "add"], ["tenant", "add", "a", "b"], ["tenant", "add", "a", "--nope"],
                                  ["states", "extra"], ["lane", "list", "--tenant", "main"], ["token", "create", "--scope"], ["user", "add", "x", "--role", "king"],
                                  ["user", "add", "x", "--id", "7"], ["token", "create", "--user", "ann", "--scope", "all", "--expires", "soon"],
                                  ["token", "create", "--user", "ann", "--scope", "all,"], ["token", "create", "--user", "ann", "--scope", "everything"],
                                  ["delivery", "resend"], ["tenant", "add", "x", "--keep-days", "-1"], ["states", "--dot=yes"]])
def test_wrong_usage_is_64_and_changes_nothing(db, first, args):
    before = db.value("select count(*) from audit")
    done = db.ctl(*args, check=False)
    assert done.returncode == 64 and done.stdout == "" and done.stderr.startswith("taskgatectl: ")
    assert db.value("select count(*) from audit") == before


def test_broken_settings_are_78(db, tmp_path):
    conf = tmp_path / "bad.conf"
    conf.write_text("TASKGATE_WORKERS=many\n")
    done = subprocess.run([str(stacks.BUILD / "taskgatectl"), "conf", "--config", str(conf)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 78 and "TASKGATE_WORKERS" in done.stderr


def test_conf_prints_origin_and_no_secret(db):
    done = db.ctl("conf", env={"TASKGATE_WEBHOOK_SECRET": "whsec_c2VjcmV0", "TASKGATE_DATABASE": "host=h user=u password='p w'",
                               "TASKGATE_SWEEP_DATABASE": "postgresql://u:pw@h/d", "TASKGATE_WORKERS": "3"})
    shown = {words[0]: words[1:] for words in map(str.split, lines(done))}
    assert shown["TASKGATE_WEBHOOK_SECRET"] == ["environment", "(set)"] and shown["TASKGATE_WORKERS"] == ["environment", "3"]
    assert shown["TASKGATE_RUN_DIR"][0] == "file" and shown["TASKGATE_TTL"] == ["default", "0"]
    for secret in ("c2VjcmV0", "p w", "pw@"):
        assert secret not in done.stdout


# -- the directory ----------------------------------------------------------------------------------------------------------------------

def test_tenant_has_a_key_of_its_own(db):
    new = made(db, "tenant", "add", "acme", "--keep-days", "30")
    assert db.run("select keep_days from tenant where id = %s", new["id"]) == [(30,)]
    assert db.run("select octet_length(secret) from webhook_key where tenant_id = %s", new["id"]) == [(32,)]
    assert db.ctl("tenant", "add", "acme", check=False).returncode == 64
    assert {t["name"] for t in made(db, "tenant", "list")} >= {"main", "acme"}


def test_user_add_keeps_what_was_said(db, first):
    who = made(db, "user", "add", "bob", "--id", "00000000-0000-4000-8000-0000000000b0", "--phone", "+15550100", "--avatar", "https://x/a.png")
    assert who == {"id": "00000000-0000-4000-8000-0000000000b0", "handle": "bob"}
    assert db.run("select name, email, phone, avatar_url, role from principal where handle = 'bob'") == [("", None, "+15550100", "https://x/a.png", "user")]
    assert [u["name"] for u in made(db, "user", "list") if u["handle"] == "ann"] == ['Ann "the" Ü']
    assert audit(db)[:2] == ("ctl.user.add", who["id"]) and audit(db)[3] == first
    again = db.ctl("user", "add", "bob", check=False)
    assert again.returncode == 64 and "already" in again.stderr


def test_unknown_tenant_is_named(db):
    done = db.ctl("user", "list", "--tenant", "nobody", check=False)
    assert done.returncode == 64 and "nobody" in done.stderr


def test_customer_and_persona(db, first):
    new = made(db, "customer", "add", "Big Ltd", "--id", "c0ffee00-0000-4000-8000-0000000000c1")
    assert made(db, "persona", "add", "--customer", new["id"], "--user", "ann")["added"] is True
    assert made(db, "persona", "add", "--customer", new["id"], "--user", "ann")["added"] is False
    assert db.ctl("persona", "add", "--customer", new["id"], "--user", "nobody", check=False).returncode == 64
    assert [c["personas"] for c in made(db, "customer", "list") if c["id"] == new["id"]] == [1]


# -- tokens -----------------------------------------------------------------------------------------------------------------------------

def test_token_is_printed_alone_and_stored_as_its_digest(db, first):
    done = db.ctl("token", "create", "--user", "ann", "--scope", "disposition:read,work", "--expires", "90d")
    token = done.stdout.rstrip("\n")
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", token) and done.stderr == ""
    digest = hashlib.sha256(token.encode()).digest()
    stored = db.run("select scopes, expires_at - created_at = interval '90 days' from token where hash = %s", digest)
    assert stored == [(["disposition:read", "work"], True)]
    assert token not in audit(db)[2] and json.loads(audit(db)[2])["scopes"] == "disposition:read,work"
    assert token not in db.ctl("token", "list").stdout
    with Session(db, "taskgate_api") as s:
        s.named("enter", "\\x" + digest.hex(), "work", "r", "127.0.0.1", None)


def test_revoked_token_is_refused(db, first):
    new = made(db, "token", "create", "--user", "ann", "--scope", "all")
    assert db.ctl("token", "revoke", new["id"]).returncode == 0
    assert [t["state"] for t in made(db, "token", "list") if t["id"] == new["id"]] == ["revoked"]
    assert db.ctl("token", "revoke", "00000000-0000-4000-8000-000000000000", check=False).returncode == 64
    assert db.ctl("token", "revoke", new["token"], check=False).returncode == 64
    with Session(db, "taskgate_api") as s:
        with pytest.raises(Exception) as caught:
            s.named("enter", "\\x" + hashlib.sha256(new["token"].encode()).hexdigest(), "work", "r", "127.0.0.1", None)
        assert caught.value.diag.constraint_name == "token_revoked"


def test_scopes_are_those_of_the_design(db):
    names = {s["name"] for s in made(db, "scopes")}
    apis = ("disposition", "human", "calls", "content", "approvals")
    assert names == {"all", "work", "metrics", "content:approve", "approvals:audit"} | {f"{a}:{w}" for a in apis for w in ("read", "write")}


# -- types, lanes, keys -----------------------------------------------------------------------------------------------------------------

def create(db, tenant, entity, type_, callback=None, retry=0):
    with Session(db, "taskgate_api", tenant) as s:
        s.named("generic_create", entity, type_, "process", None, '{"a": 1}', 5, None, 300, retry, callback, None, False)
        s.connection.commit()


def end(db, tenant, type_, statement, *rest):
    with Session(db, "taskgate_api", tenant) as s:
        w = s.named("work_claim", "{%s}" % type_, 1, 30, "w")[0]
        assert s.named(statement, w["id"], w["fence"], *rest)[0]["held"]
        s.connection.commit()


def test_type_keeps_its_schema_and_work_follows_its_handler(db, first, tmp_path):
    schema = tmp_path / "s.json"
    schema.write_text('{"type": "object", "required": ["a", "b c"]}')
    create(db, first, "follows", "mover")
    where = "select lane, host from work w join task t on t.id = w.id where t.entity = 'follows'"
    assert db.run(where) == [("pull", None)]
    assert made(db, "type", "add", "mover", "--handler", "http://Host:8/x", "--schema", str(schema))["required"] == ["a", "b c"]
    assert db.run(where) == [("handler", "host:8")]
    assert db.ctl("type", "remove", "mover").returncode == 0
    assert db.run(where) == [("pull", None)]
    assert db.ctl("type", "remove", "mover", check=False).returncode == 64
    for bad in ('["a"]', '{"required": 7}', '{', '{"required": ["a"]} x'):
        schema.write_text(bad)
        assert db.ctl("type", "add", "mover", "--schema", str(schema), check=False).returncode == 64, bad
    assert db.ctl("type", "add", "mover", "--handler", "ftp://x", check=False).returncode == 64
    assert db.ctl("type", "add", "mover", "--schema", str(tmp_path), check=False).returncode == 64
    assert db.ctl("type", "add", "m o", check=False).returncode == 64


def test_lane_pause_and_resume(db):
    db.ctl("lane", "pause", "webhook", "--reason", "receiver is ill")
    lane = [r for r in made(db, "lane", "list") if r["name"] == "webhook"][0]
    assert lane["paused_at"] and lane["reason"] == "receiver is ill"
    assert "receiver is ill" in db.ctl("status").stdout
    db.ctl("lane", "resume", "webhook")
    assert db.run("select paused_at, paused_by, reason from lane where name = 'webhook'") == [(None, None, None)]
    assert db.ctl("lane", "pause", "nowhere", check=False).returncode == 64


def test_lane_stopped_by_a_restore_needs_the_word(db):
    db.run("update lane set paused_at = now(), paused_by = 'taskgate-sweep', reason = 'restored' where name = 'call'")
    done = db.ctl("lane", "resume", "call", check=False)
    assert done.returncode == 64 and "--after-restore" in done.stderr
    assert db.value("select paused_at is not null from lane where name = 'call'")
    assert db.ctl("lane", "resume", "call", "--after-restore").returncode == 0
    assert db.value("select paused_at is null from lane where name = 'call'")


def test_webhook_key_rotates_with_an_overlap(db):
    tenant = made(db, "tenant", "add", "keys")["id"]
    secret = db.ctl("webhook-key", "rotate", "--tenant", "keys", "--overlap", "2h").stdout.strip()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert db.run("select count(*), count(retire_at), count(*) filter (where retire_at between now() + interval '1 hour 59 minutes' and now() + interval '2 hours') "
                  "from webhook_key where tenant_id = %s", tenant) == [(2, 1, 1)]
    assert secret[6:] not in db.ctl("webhook-key", "list", "--tenant", "keys").stdout
    assert secret[6:] not in audit(db)[2]
    db.ctl("webhook-key", "rotate", "--tenant", "keys", "--overlap", "0s")
    assert sorted(k["state"] for k in made(db, "webhook-key", "list", "--tenant", "keys")) == ["retired", "retired", "signing"]


# -- tasks and deliveries ---------------------------------------------------------------------------------------------------------------

def test_task_commands_move_a_task(db, first):
    create(db, first, "t1", "by-hand")
    assert made(db, "task", "why", "t1")["why"] == "no_worker"
    assert "no worker" in db.ctl("task", "why", "t1").stdout
    end(db, first, "by-hand", "work_fail", "broken \x1b[31m", "true", "1000")
    assert db.ctl("task", "cancel", "t1", check=False).returncode == 64
    assert made(db, "task", "retry", "t1")["state"] == "pending"
    assert made(db, "task", "cancel", "t1")["state"] == "cancelled"
    assert audit(db)[0] == "ctl.task.cancel"
    shown = made(db, "task", "show", "t1")
    assert [h["event"] for h in shown["history"]] == ["create", "claim", "fail", "revive", "cancel"]
    assert shown["history"][-1]["request_id"] == "taskgatectl" and shown["task"]["input"] == {"a": 1}
    text = db.ctl("task", "show", shown["task"]["public_id"]).stdout
    assert "\x1b" not in text and "broken ?[31m" in text
    assert made(db, "task", "show", shown["task"]["id"])["task"]["entity"] == "t1"
    for verb in ("show", "why", "retry", "cancel"):
        assert db.ctl("task", verb, "nothing-like-it", check=False).returncode == 64


def test_tasks_of_another_tenant_are_not_found(db, first):
    db.ctl("tenant", "add", "elsewhere")
    create(db, first, "t2", "by-hand")
    assert db.ctl("task", "show", "t2", "--tenant", "elsewhere", check=False).returncode == 64
    assert db.ctl("task", "cancel", "t2", "--tenant", "elsewhere", check=False).returncode == 64
    assert db.ctl("task", "cancel", "t2").returncode == 0


def test_dead_delivery_is_sent_again(db, first):
    for entity in ("d1", "d2", "d3"):
        create(db, first, entity, "told", callback="http://127.0.0.1:9/x")
        end(db, first, "told", "work_complete", "{}")
    assert made(db, "delivery", "list", "--dead") == []
    db.run("update delivery set state = 'dead', finished_at = now(), attempts = 8, last_status = 500; delete from work where lane = 'webhook'")
    dead = made(db, "delivery", "list", "--dead")
    assert len(dead) == 3 and all(d["attempts"] == 8 and d["last_status"] == 500 for d in dead)
    one = dead[0]["id"]
    assert made(db, "delivery", "resend", one) == [{"id": one, "was": "dead", "resent": True}]
    assert db.run("select state, attempts from delivery where id = %s", one) == [("pending", 0)]
    assert db.run("select lane, ready, attempt, host from work where id = %s", one) == [("webhook", True, 0, "127.0.0.1:9")]
    again = db.ctl("delivery", "resend", one, check=False)
    assert again.returncode == 64 and "pending" in again.stderr
    assert len(made(db, "delivery", "resend", "--all-dead")) == 2
    assert made(db, "delivery", "list", "--dead") == [] and len(made(db, "delivery", "list")) == 3
    assert db.ctl("delivery", "resend", "00000000-0000-4000-8000-000000000000", check=False).returncode == 64


# -- looking ----------------------------------------------------------------------------------------------------------------------------

def test_status_shows_the_queue(db, first):
    create(db, first, "s1", "statusy")
    db.run("insert into sweeper (host, pid) values ('h1', 77)")
    db.run("insert into host_state (host, failures, parked_until) values ('bad.example:80', 5, now() + interval '1 minute')")
    said = made(db, "status")
    assert [x["waiting"] for x in said["lanes"] if x["name"] == "pull"][0] >= 1
    assert said["sweepers"][0]["host"] == "h1" and said["hosts"][0]["host"] == "bad.example:80"
    assert sum(t["tasks"] for t in said["tasks"]) == db.value("select count(*) from task")


@pytest.mark.parametrize("how", ["pipe", "terminal"])
def test_watch_draws_again_and_ends_on_interrupt(db, how):
    env = dict(os.environ, TASKGATE_ADMIN_DATABASE=db.conninfo("taskgate_ctl"), TERM="xterm")
    args = [str(stacks.BUILD / "taskgatectl"), "status", "--watch"]
    if how == "terminal":
        reader, writer = os.openpty()
    else:
        reader, writer = os.pipe()
    p = subprocess.Popen(args, env=env, stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(writer)
    os.set_blocking(reader, False)
    seen = b""

    def twice():
        nonlocal seen
        try:
            seen += os.read(reader, 65536)
        except BlockingIOError:
            pass
        return seen.count(b"LANE") >= 2
    try:
        until(twice, "a second look")
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 0
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()
        p.stderr.close()
        os.close(reader)
    assert (b"\x1b[H" in seen) == (how == "terminal")


def test_states_prints_text_and_dot(db):
    assert "pending     claim     ->  processing" in db.ctl("states").stdout
    assert db.ctl("states", "--dot").stdout.startswith("digraph")


def test_routes_are_printed(db):
    routes = {r["name"]: r for r in made(db, "routes")}
    assert routes["generic.create"]["method"] == "PUT" and routes["generic.create"]["path"] == "/generic/{entity}"
    assert "/generic/{entity}" in db.ctl("routes").stdout


# -- the demonstration directory ----------------------------------------------------------------------------------------------------------

def test_demo_is_put_back(make_database):
    database = make_database("t_demo")
    assert database.ctl("demo", "load", check=False).returncode == 78
    env = {"TASKGATE_PUBLIC_URL": "http://127.0.0.1:8080"}
    assert database.ctl("demo", "load", env=env).returncode == 0
    state = ["select id::text, handle, name, email, avatar_url, role from principal order by handle", "select id::text, name from customer",
             "select name, handler_url from task_type", "select p.handle from persona s join principal p on p.id = s.principal_id order by 1"]
    first = [database.run(q) for q in state]
    assert dict((h, i) for i, h, *_ in first[0])["user456"] == "00000000-0000-4000-8000-000000000456"
    assert ("00000000-0000-4000-8000-000000000456", "user456", "Jane Smith", "jane@example.com", "https://example.com/avatar.jpg", "user") in first[0]
    assert first[1] == [("c0ffee00-0000-4000-8000-000000000001", "Example Customer Ltd")]
    assert first[2] == [("lead_followup", "http://127.0.0.1:8080/demo/handler/lead_followup")]
    assert first[3] == [("user123",), ("uuid1",), ("uuid2",)]
    database.run("update principal set name = 'x', role = 'manager'; delete from persona; update task_type set handler_url = null; update customer set name = 'y'")
    database.ctl("user", "add", "mine")
    database.ctl("demo", "load", "--handler-base", "http://127.0.0.1:8080/demo/handler/")
    database.run("delete from principal where handle = 'mine'")
    assert [database.run(q) for q in state] == first
