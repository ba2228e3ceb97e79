# SPDX-License-Identifier: MIT
"""What the README shows is what happens."""
import os
import re
import shutil
import subprocess

import pytest

from stack import TOP, fresh

pytestmark = pytest.mark.both


@pytest.fixture(scope="module")
def blocks():
    return re.findall(r"^```(\w*)\n(.*?)^```", (TOP / "README.md").read_text(), re.M | re.S)


def environment(stack, tenant):
    return {"PATH": os.environ["PATH"], "TASKGATE_URL": f"http://127.0.0.1:{stack.port}", "TASKGATE_TOKEN": tenant.token}


@pytest.mark.skipif(not shutil.which("jq") or not shutil.which("curl"), reason="the worker of the README needs curl and jq")
@pytest.mark.parametrize("command, status, member", [("jq -c {got:.}", "completed", "result"), ("false", "failed", "error")])
def test_shell_worker_works(stack, tenant, blocks, tmp_path, command, status, member):
    (worker,) = [text for language, text in blocks if language == "sh"]
    script = tmp_path / "worker.sh"
    script.write_text(worker)
    name = fresh("shell")
    entity = tenant.create(task_type=name, payload={"contact_method": "phone"}, retry_count=0)
    running = subprocess.Popen(["sh", script, name, command], env=environment(stack, tenant), start_new_session=True)
    try:
        data = tenant.wait_status(entity, status)
    finally:
        os.killpg(running.pid, 15)
        running.wait()
    assert data[member] == ({"got": {"contact_method": "phone"}} if status == "completed" else {"code": "TASK_FAILED", "message": "exit status 1"})


@pytest.mark.skipif(not shutil.which("curl"), reason="the README's request needs curl")
def test_pasted_request_is_answered_as_shown(stack, blocks, own_tenant):
    shown = next(text for _, text in blocks if "$ curl -X PUT" in text)
    request, answer = re.search(r"\$ (curl .*?'\{.*?\}')\n(\{.*)", shown, re.S).groups()
    got = subprocess.run(["sh", "-c", request.replace("curl ", "curl -s ", 1)], env=environment(stack, own_tenant), capture_output=True, text=True, check=True).stdout

    def form(text):
        text = re.sub(r"\n *", "", text.strip())
        return re.sub(r"task-gen-[0-9a-f]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "*", text)
    assert form(got) == form(answer)
