# SPDX-License-Identifier: MIT
"""The documented examples, taken from the document's text: host, port and token are exchanged, and nothing else."""
import pytest

import document
from waiting import until

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
    found = document.differences(example.answer, answer.json)
    assert not found, "\n".join([f"{example.title}:"] + found + [repr(answer)])
    # The documents' own members come in their order, so that an example and its answer read alike.
    assert [k for k in answer.data if k in example.answer["data"]] == list(example.answer["data"])


@pytest.fixture
def directory(stack, own_tenant):
    """A fresh directory: the part of the demonstration that the example asks for."""
    own_tenant.type("lead_followup", f"http://127.0.0.1:{stack.port}{HANDLER}")
    return own_tenant


def test_every_example_of_this_issue_is_there(examples):
    assert {"Create Generic Task", "Get Generic Task Status", "Get Task Status"} <= set(examples)


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


@pytest.mark.xfail(strict=True, reason="the sms row task-12345 of the demonstration directory comes with the messaging issue")
def test_get_task_status(stack, examples):
    stack.ctl("demo", "load")
    token = stack.ctl("token", "create", "--user", "user123", "--scope", "all").strip()
    example = examples["Get Task Status"]
    answer = stack.client(token).get(example.path)
    assert answer.status == 200 and not document.differences(example.answer, answer.json)


def test_demonstration_directory_runs_the_generic_example(stack, examples):
    """What ./dev up lays out is enough for it: the type has a handler, the user a tenant."""
    stack.ctl("demo", "load")
    stack.ctl("type", "add", "lead_followup", "--handler", f"http://127.0.0.1:{stack.port}{HANDLER}")
    token = stack.ctl("token", "create", "--user", "user123", "--scope", "all").strip()
    api = stack.client(token)
    example = examples["Create Generic Task"]
    made = api.request("PUT", example.path, body=example.body, headers=dict(example.headers, Authorization=f"Bearer {token}"))
    assert made.status in (201, 409), repr(made)
    until(lambda: api.get("/generic/custom-task-001").data["status"] == "completed", "the handler of lead_followup")
    stack.ctl("demo", "load")     # once more is harmless


@pytest.mark.parametrize("title, kept", [("Create Generic Task", "generic.create"), ("Get Generic Task Status", "generic.get"), ("Get Task Status", "task.get")])
def test_error_tables_are_those_that_are_tested(text, title, kept):
    """The codes of the document's tables are the ones that test_fields, test_show and test_tokens ask for; a new row fails here first."""
    assert [(r[0], r[1].strip("`")) for r in document.table(text, title, "Error Codes")] == {
        "generic.create": [("400", "INVALID_REQUEST"), ("400", "INVALID_TASK_TYPE"), ("401", "UNAUTHORIZED"), ("409", "DUPLICATE_ENTITY"),
                           ("422", "INVALID_PAYLOAD"), ("500", "INTERNAL_ERROR")],
        "generic.get": [("401", "UNAUTHORIZED"), ("404", "TASK_NOT_FOUND"), ("500", "INTERNAL_ERROR")],
        "task.get": [("401", "UNAUTHORIZED"), ("404", "TASK_NOT_FOUND"), ("500", "INTERNAL_ERROR")],
    }[kept]
