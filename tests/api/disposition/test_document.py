# SPDX-License-Identifier: MIT
"""The documented examples, taken from the document's text: host, port and token are exchanged, and nothing else. Each runs on a fresh directory, since some
exclude each other."""
import json
import pathlib
import re

import pytest

import document
from waiting import until

pytestmark = pytest.mark.both

HANDLER = "/demo/handler/lead_followup"


@pytest.fixture(scope="session")
def text(shared):
    return (shared / "spec" / "disposition.md").read_text()


@pytest.fixture(scope="session")
def examples(text):
    return document.examples(text)


def send(tenant, example):
    headers = {k: v.replace("YOUR_API_TOKEN", tenant.token) for k, v in example.headers.items()}
    assert headers.get("Authorization") == f"Bearer {tenant.token}"
    return tenant.api.request(example.method, example.path, body=example.body, headers=headers)


def same(example, answer):
    # The documents' own members come in their order, so that an example and its answer read alike.
    found = document.differences(example.answer, answer.json) + document.disorder(example.answer, answer.json)
    assert not found, "\n".join([f"{example.title}:"] + found + [repr(answer)])


@pytest.fixture
def directory(stack, own_tenant):
    """A fresh directory: of the demonstration, what the examples ask for."""
    own_tenant.type("lead_followup", f"http://127.0.0.1:{stack.port}{HANDLER}")
    stack.run("insert into recipient (tenant_id, id, email) values (%s, 'user-789', 'user@example.com')", own_tenant.id)
    stack.run("insert into agent (tenant_id, id) values (%s, 'agent-456')", own_tenant.id)
    stack.run("insert into contact (tenant_id, id, phone, email) values (%s, 'cb-98765', '+12025550143', 'customer@example.com')", own_tenant.id)
    stack.run("insert into callback (tenant_id, id, contact_id) values (%s, 'cb-98765', 'cb-98765')", own_tenant.id)
    stack.run("insert into email_template (tenant_id, name, subject, text) values (%s, 'contract_reminder', 'Your contract', 'Your plan: {{plan_selected}}')", own_tenant.id)
    return own_tenant


def test_every_example_is_tested(examples):
    assert set(examples) == {"Create Voicemail Task", "Get Voicemail Task Status", "Create Generic Task", "Get Generic Task Status", "Get Task Status",
                             "Create Callback Finish Task (PUT)", "Create Callback Finish Task (POST)"}


def test_create_voicemail_task(directory, examples):
    example = examples["Create Voicemail Task"]
    answer = send(directory, example).ok(201)
    same(example, answer)
    assert answer.headers["Location"] == example.path
    assert list(answer.json) == ["success", "data", "message"]
    # Ten seconds, as the document's own two times are apart.
    apart = "select extract(epoch from %s::timestamptz - %s::timestamptz)::int"
    assert directory.stack.value(apart, answer.data["estimated_completion"], answer.data["created_at"]) == 10 == directory.stack.value(
        apart, example.answer["data"]["estimated_completion"], example.answer["data"]["created_at"])


def test_get_voicemail_task_status(directory, examples, mailbox):
    made = send(directory, examples["Create Voicemail Task"]).ok(201).data
    example = examples["Get Voicemail Task Status"]
    until(lambda: send(directory, example).ok(200).data["status"] == "completed", "the notification")
    answer = send(directory, example).ok(200)
    same(example, answer)
    assert "message" not in answer.json and answer.data["task_id"] == made["task_id"]
    # What the answer says was sent has been sent. Message-ID tells this mail from those of other tests.
    task = directory.stack.value("select id from task where tenant_id = %s and kind = 'email'", directory.id)
    mail, = [m for m in mailbox.to("user@example.com") if str(task) in m.parsed["Message-ID"]]
    script, = mail.parsed.iter_attachments()
    assert "+15551234567" in mail.parsed["Subject"] and script.get_content().startswith("Hi, this is John calling")


def test_create_generic_task(directory, examples):
    example = examples["Create Generic Task"]
    answer = send(directory, example).ok(201)
    same(example, answer)
    assert answer.headers["Location"] == example.path
    assert list(answer.json) == ["success", "data", "message"]


def test_get_generic_task_status(directory, examples):
    send(directory, examples["Create Generic Task"]).ok(201)
    directory.wait_status("custom-task-001", "completed")
    example = examples["Get Generic Task Status"]
    answer = send(directory, example).ok(200)
    same(example, answer)
    assert "message" not in answer.json


def test_get_task_status_of_a_generic_task(directory, examples):
    """The generic equivalent of the document's sms example: same question, same members, its own type, details and result."""
    send(directory, examples["Create Generic Task"]).ok(201)
    directory.wait_status("custom-task-001", "completed")
    example = examples["Get Task Status"]
    path = example.path.replace("task-12345", "custom-task-001")
    assert path != example.path
    answer = directory.api.get(path).ok(200)
    data = answer.data
    assert list(data) == list(example.answer["data"])
    assert (data["entity"], data["type"], data["status"]) == ("custom-task-001", "generic", "completed")
    assert data["result"] == {"success": True, "lead_contacted": True, "outcome": "interested", "next_action": "schedule_demo"}
    assert data["details"] == {"task_type": "lead_followup", "action": "process", "priority": 7, "tags": ["sales", "high-value", "followup"]}
    assert [set(h) for h in data["history"]] == [{"status", "timestamp", "message"}] * 3
    assert [h["status"] for h in data["history"]] == ["pending", "processing", "completed"]
    assert data["history"][0]["message"] == "Task created"
    assert all(document.TIME.fullmatch(h["timestamp"]) for h in data["history"])


def test_get_task_status(stack, examples):
    stack.ctl("demo", "load")
    token = stack.ctl("token", "create", "--user", "user123", "--scope", "all").strip()
    example = examples["Get Task Status"]
    same(example, stack.client(token).get(example.path).ok(200))


@pytest.mark.parametrize("title", ["Create Callback Finish Task (PUT)", "Create Callback Finish Task (POST)"])
def test_create_callback_finish_task(directory, examples, title):
    example = examples[title]
    answer = send(directory, example).ok(201)
    same(example, answer)
    # Nothing of what was triggered is fresh: the time is the one that was asked for, the new callback has the next number.
    assert answer.data["actions_triggered"] == example.answer["data"]["actions_triggered"]
    assert list(answer.json) == ["success", "data", "message"] and answer.headers["Location"] == "/task/cb-98765"
    shown = directory.api.get(f"/task/{answer.data['task_id']}").ok().data
    assert (shown["entity"], shown["type"], shown["status"]) == ("cb-98765", "callback_finish", "completed")
    made = {k: directory.footprint()[k] for k in ("task", "message", "callback", "contact", "call")}
    send(directory, example).refused(409, "CALLBACK_ALREADY_FINISHED")
    assert {k: directory.footprint()[k] for k in made} == made


def test_what_a_finished_callback_triggered_is_there(directory, examples, mailbox):
    send(directory, examples["Create Callback Finish Task (PUT)"]).ok(201)
    data = directory.stack.row("select data, email from contact where tenant_id = %s", directory.id)
    assert data == {"data": {"plan_selected": "premium", "contract_sent": True, "email_confirmed": "customer@example.com"}, "email": "customer@example.com"}
    # Its time is long past, so it is due at once. Message-ID tells this mail from those of other tests.
    task = until(lambda: directory.stack.row("select id from task where tenant_id = %s and kind = 'email' and state = 'completed'", directory.id), "the follow-up")
    mail, = [m for m in mailbox.to("customer@example.com") if str(task["id"]) in m.parsed["Message-ID"]]
    assert mail.parsed["Subject"] == "Your contract" and mail.parsed.get_body().get_content().strip() == "Your plan: premium"


def test_a_rescheduled_callback_is_there(directory, examples):
    send(directory, examples["Create Callback Finish Task (POST)"]).ok(201)
    row = directory.stack.row("select previous_id, attempt_number, to_char(scheduled_at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') as at, finished_at from callback"
                              " where tenant_id = %s and id = 'cb-98766'", directory.id)
    assert row == {"previous_id": "cb-98765", "attempt_number": 2, "at": "2024-01-15 17:00:00", "finished_at": None}


def test_demonstration_directory_runs_the_generic_example(stack, examples):
    """What ./dev up lays out is enough for it, as often as the demonstration is put back: the type has a handler, the user a tenant, the entity is free."""
    token = None
    example = examples["Create Generic Task"]
    for _ in range(2):
        stack.ctl("demo", "load")
        stack.ctl("type", "add", "lead_followup", "--handler", f"http://127.0.0.1:{stack.port}{HANDLER}")
        token = token or stack.ctl("token", "create", "--user", "user123", "--scope", "all").strip()
        api = stack.client(token)
        same(example, api.request("PUT", example.path, body=example.body, headers=dict(example.headers, Authorization=f"Bearer {token}")).ok(201))
        until(lambda: api.get("/generic/custom-task-001").data["status"] == "completed", "the handler of lead_followup")


SHOWN = [("401", "UNAUTHORIZED"), ("404", "TASK_NOT_FOUND"), ("500", "INTERNAL_ERROR")]
# The rows of each table of errors, and the files whose tests ask for all of their codes.
ERRORS = {
    "Create Voicemail Task": (["voicemail", "tokens", "internal"], [
        ("400", "INVALID_REQUEST"), ("401", "UNAUTHORIZED"), ("404", "ENTITY_NOT_FOUND"), ("409", "DUPLICATE_TASK"), ("422", "INVALID_AUDIO_URL"), ("500", "INTERNAL_ERROR")]),
    "Get Voicemail Task Status": (["voicemail", "tokens", "internal"], SHOWN),
    "Create Generic Task": (["fields", "task", "tokens", "internal"], [
        ("400", "INVALID_REQUEST"), ("400", "INVALID_TASK_TYPE"), ("401", "UNAUTHORIZED"), ("409", "DUPLICATE_ENTITY"), ("422", "INVALID_PAYLOAD"), ("500", "INTERNAL_ERROR")]),
    "Get Generic Task Status": (["task", "tokens", "internal"], SHOWN),
    "Get Task Status": (["task", "tokens", "internal"], SHOWN),
    "Create Callback Finish Task (PUT)": (["callback", "tokens", "internal"], [
        ("400", "INVALID_REQUEST"), ("400", "INVALID_DISPOSITION"), ("401", "UNAUTHORIZED"), ("404", "CALLBACK_NOT_FOUND"), ("409", "CALLBACK_ALREADY_FINISHED"),
        ("422", "INVALID_AGENT"), ("500", "INTERNAL_ERROR")]),
    "Create Callback Finish Task (POST)": (["callback", "tokens", "internal"], []),      # "Same as PUT"
}


@pytest.mark.parametrize("title", ERRORS)
def test_error_tables_are_those_that_are_tested(text, title):
    """A row that the document gets is missed here first; a code that no test asks for as well."""
    files, rows = ERRORS[title]
    assert [(r[0], r[1].strip("`")) for r in document.table(text, title, "Error Codes")] == rows
    asked = "".join(next(pathlib.Path(__file__).parents[1].glob(f"*/test_{name}.py")).read_text() for name in files)
    assert [code for _, code in rows if f'"{code}"' not in asked] == []


def test_every_endpoint_of_the_document_has_a_table_of_errors(examples):
    assert set(ERRORS) == set(examples)


# -- the tables of parameters and of states --

PUTS = {"Create Voicemail Task": "Get Voicemail Task Status", "Create Generic Task": "Get Generic Task Status", "Create Callback Finish Task (PUT)": "Get Task Status"}
WRONG = {"string": 17, "integer": "seventeen", "boolean": "perhaps", "object": "none", "array": "none"}


@pytest.mark.parametrize("title", PUTS)
def test_body_parameters_are_as_the_table_says(text, directory, examples, title):
    """What is required is missed by its name, what has the wrong type is refused by its name, and the rest may be left out."""
    example = examples[title]
    body, rows = json.loads(example.body), document.table(text, title, "Request Body Parameters")
    before = directory.footprint()
    for name, kind, required, _ in [(r[0].strip("`"), *r[1:]) for r in rows]:
        def refused(changed):
            answer = directory.api.put(example.path, changed)
            assert answer.status == (422 if name == "payload" else 400) and answer.json["error"]["details"]["field"] == name, f"{name}: {answer!r}"
        refused(body | {name: WRONG[kind.split("[")[0].split("<")[0]]})
        if required == "Yes":
            refused({k: v for k, v in body.items() if k != name})
    assert directory.footprint() == before
    needed = {r[0].strip("`") for r in rows if r[2] == "Yes"}
    assert set(body) - {r[0].strip("`") for r in rows} == set()
    directory.api.put(example.path, {k: v for k, v in body.items() if k in needed}).ok(201)


@pytest.mark.parametrize("made, title", [(k, v) for k, v in PUTS.items()])
def test_query_parameters_are_as_the_table_says(text, directory, examples, made, title):
    send(directory, examples[made]).ok(201)
    path = examples[made].path if title != "Get Task Status" else "/task/" + examples[made].path.rsplit("/", 1)[1]
    rows = document.table(text, title, "Query Parameters")
    until(lambda: directory.api.get(path).data["status"] == "completed", "its end")
    bare = directory.api.get(path).ok().data
    for name, kind, required, words in [(r[0].strip("`"), *r[1:]) for r in rows]:
        assert (kind, required) == ("boolean", "No")
        default = re.search(r"default: `(true|false)`", words).group(1)
        assert set(directory.api.get(f"{path}?{name}={default}").ok().data) == set(bare)
        assert set(directory.api.get(f"{path}?{name}={'false' if default == 'true' else 'true'}").ok().data) != set(bare)
        directory.api.get(f"{path}?{name}=perhaps").refused(400, "INVALID_REQUEST", name)


def test_status_values_are_the_tables(text, tenant):
    """Each is a filter of the list, and nothing else is."""
    words = [r[0].strip("`") for r in document.table(text, "Get Task Status", "Task Status Values")]
    for word in words:
        tenant.api.get(f"/task?status={word}").ok()
    assert set(words) == {r["name"] for r in tenant.stack.rows("select distinct s as name from state_edge g, unnest(array[g.from_state, g.to_state]) s where g.machine = 'disposition' and s <> '-'")}
    tenant.api.get("/task?status=done").refused(400, "INVALID_REQUEST", "status")
