# SPDX-License-Identifier: MIT
"""contestants: who is measured by GET and PUT. Each has run(op, seconds, seed), which gives requests a second and raises Failed where one
request was refused or failed: such a figure is worth nothing."""

import glob
import json
import os
import re
import shutil
import subprocess

import stack as st
import statements

CONNECTIONS = 8
GET, PUT = "get", "put"
PUT_VALUES = {"type": "lead_followup", "action": "process", "target": "lead-12345", "priority": "7", "timeout": "600", "retries": "2",
              "payload": '{"contact_method":"phone","script_id":"script-789","agent_group":"sales-team-a"}',
              "callback": "https://myapp.example.com/webhooks/task-complete", "tags": '{"sales","high-value","followup"}', "closed": "f"}
GET_VALUES = {"payload": "f", "result": "t", "logs": "f"}
PUT_BODY = json.dumps({"task_type": "lead_followup", "action": "process", "target_id": "lead-12345", "payload": {"contact_method": "phone"},
                       "priority": 7})


def program(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not (found or path):
        raise st.Failed(f"{name} is not there")
    return found[-1] if found else path


def wrk(stack, urls, op, count, seconds, seed):
    """One wrk for each address; they share the connections."""
    here = os.path.dirname(os.path.abspath(__file__))
    threads = str(max(2 // len(urls), 1))
    command = ["wrk", "-t", threads, "-c", str(CONNECTIONS // len(urls)), "-d", str(seconds), "-s", f"{here}/wrk.lua",
               "-H", f"Authorization: Bearer {stack.token}"]
    running = [subprocess.Popen([*command, url, "--", op, str(st.FIRST), str(count), str(seed + i)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i, url in enumerate(urls)]
    try:
        said = [p.communicate(timeout=seconds + 30)[0] for p in running]
    finally:
        for p in running:
            if p.poll() is None:
                p.kill()
                p.wait()
    rate = 0
    for text in said:
        line = text.strip().rsplit("\n", 1)[-1]
        if not line.startswith("{"):
            raise st.Failed(f"wrk: {text[-500:]}")
        one = json.loads(line)
        if one["errors"] or not one["requests"]:
            raise st.Failed(f"{one['errors']} of {one['requests']} requests failed")
        rate += one["requests"] * 1e6 / one["us"]
    return rate


class Taskgate:
    name = "taskgate"

    def __init__(self, stack, count):
        self.stack, self.count, self.urls = stack, count, [stack.url]

    def start(self):
        return self

    def end(self):
        pass

    def run(self, op, seconds, seed):
        return wrk(self.stack, self.urls, op, self.count, seconds, seed)

    def proof(self, entity):
        """It writes and reads the project's own tables: what it stores is what taskgate shows."""
        status, text = self.stack.request("PUT", f"/generic/{entity}", PUT_BODY, self.urls[0])
        if status != 201:
            raise st.Failed(f"{self.name}: PUT is answered {status}: {text[:300]}")
        for url in self.urls:
            status, text = self.stack.request("GET", f"/generic/{st.FIRST}", None, url)
            if status != 200 or json.loads(text)["data"]["entity"] != str(st.FIRST):
                raise st.Failed(f"{self.name}: GET is answered {status}: {text[:300]}")
        status, text = self.stack.request("GET", f"/generic/{entity}?include_payload=true")
        if status != 200 or json.loads(text)["data"]["payload"] != {"contact_method": "phone"}:
            raise st.Failed(f"{self.name}: what it stored is not what it should be: {text[:300]}")
        status, _ = self.stack.request("GET", f"/generic/none-{entity}", None, self.urls[0])
        if status != 404:
            raise st.Failed(f"{self.name}: GET of nothing is answered {status}")


class Hop(Taskgate):
    """nginx and libfcgi answering a constant, with nginx's own settings for taskgate, except that the socket is another."""
    name = "hop"

    def __init__(self, stack, count, folder, port):
        super().__init__(stack, count)
        self.program, self.port, self.urls = f"{folder}/hop", port, [f"http://127.0.0.1:{port}"]

    def start(self):
        here = os.path.dirname(os.path.abspath(__file__))
        st.run(["cc", "-O2", "-o", self.program, f"{here}/hop.c", "-lfcgi"])
        self.process = st.Process([self.program, f"{self.stack.state}/run/hop.sock", self.stack.workers], f"{self.stack.state}/log/hop.log")
        self.process.wait_for(lambda: self.stack.request("GET", "/", None, self.urls[0])[0] == 200)
        return self

    def end(self):
        self.process.end()

    def proof(self, entity):
        pass


def hop_server(top, port):
    """The text for nginx's http block."""
    def text(state):
        with open(f"{top}/nginx/taskgate-fcgi-params.conf") as f:
            lines = [line for line in f if not line.startswith("error_page")]
        inside = "".join(lines).replace("fastcgi_pass taskgate;", f"fastcgi_pass unix:{state}/run/hop.sock;")
        return f"server {{\n\tlisten 127.0.0.1:{port} backlog=1024;\n\tlocation / {{\n{inside}\n\t}}\n}}\n"
    return text


class Pgbench:
    """The very same statements, as the same role over the same socket: what PostgreSQL alone does."""
    name = "pgbench"

    def __init__(self, stack, count):
        self.stack = stack
        self.texts = statements.load()
        self.scripts = {
            GET: statements.pgbench_script(self.texts, f"\\set entity random({st.FIRST}, {st.FIRST + count - 1})", "generic_get", statements.GET),
            PUT: statements.pgbench_script(self.texts, "\\set entity random(1000000000000000, 8999999999999999)", "generic_create", statements.PUT),
        }

    def start(self):
        for op, text in self.scripts.items():
            with open(f"{self.stack.state}/tmp/{op}.pgbench", "w") as f:
                f.write(text)
        return self

    def end(self):
        pass

    def run(self, op, seconds, seed, how=None, **other):
        values = {**(GET_VALUES if op == GET else {**PUT_VALUES, **other}), "hash": self.stack.hash, "request": "8a9ca6049152e980772573cf95e93e17",
                  "remote": "127.0.0.1", "scope": f"disposition:{'read' if op == GET else 'write'}"}
        # Two threads were faster than one (10,200 against 8,600 GET/s on two cores).
        command = [program("pgbench"), "-n", "-M", "prepared", "-c", CONNECTIONS, "-j", "2", *(how or ["-T", seconds]), f"--random-seed={seed}", "-f",
                   f"{self.stack.state}/tmp/{op}.pgbench"]
        for pair in values.items():
            command += ["-D", "=".join(pair)] if pair[1] is not None else []
        said = st.run(command, seconds + 60, env={**self.stack.env(), "PGOPTIONS": statements.session_options(self.texts)})
        rate, failed = re.search(r"^tps = ([\d.]+) \(without", said, re.M), re.search(r"failed transactions: (\d+)", said)
        if not rate or (failed and failed[1] != "0"):
            raise st.Failed(f"pgbench: {said[-500:]}")
        return float(rate[1])

    def proof(self, entity):
        pass


class Peer(Taskgate):
    """Two processes on a port each, asked directly, without nginx between: that is faster for them."""

    def __init__(self, stack, count, folder):
        super().__init__(stack, count)
        self.folder, self.ports, self.processes = folder, [st.free_port(), st.free_port()], []
        self.urls = [f"http://127.0.0.1:{p}" for p in self.ports]
        self.texts = statements.load()

    def start(self):
        here = os.path.dirname(os.path.abspath(__file__))
        path = f"{self.folder}/statements.json"
        with open(path, "w") as f:
            json.dump({name: self.texts[name][0] for name in ("enter", "generic_get", "generic_create")}, f)
        shutil.copy(f"{here}/{self.source}", self.folder)
        options = statements.session_options(self.texts)
        settings = {m[1]: m[2].replace("\\", "") for m in re.finditer(r"-c (\w+)=((?:\\.|\S)*)", options)}
        for port in self.ports:
            env = {**self.stack.env(), "BENCH_STATEMENTS": path, "BENCH_OPTIONS": options, "BENCH_SETTINGS": json.dumps(settings),
                   "BENCH_POOL": str(CONNECTIONS // 2), "BENCH_PORT": str(port), "NODE_ENV": "production"}
            p = st.Process(self.command(port), f"{self.stack.state}/log/{self.name}.log", cwd=self.folder, env=env)
            self.processes.append(p)
            p.wait_for(lambda: st.listens(port))
        return self

    def end(self):
        for p in self.processes:
            p.end()


class Fastify(Peer):
    name, source = "fastify", "fastify_peer.mjs"

    def __init__(self, stack, count, folder, node):
        super().__init__(stack, count, folder)
        self.node = node

    def command(self, port):
        return [self.node, self.source]


class Fastapi(Peer):
    name, source = "fastapi", "fastapi_peer.py"

    def command(self, port):
        return ["/usr/bin/python3", "-m", "uvicorn", "fastapi_peer:app", "--host", "127.0.0.1", "--port", port,
                "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
