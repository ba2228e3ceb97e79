# SPDX-License-Identifier: MIT
"""STARTTLS and AUTH from SMTP_URL to the mail server: a password leaves over TLS or not at all, a certificate is judged, and no log knows the password."""
import json
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from parts import Program
from stack import fresh
from waiting import until

pytest.importorskip("aiosmtpd", reason="the stand-in for a mail server needs Debian's python3-aiosmtpd")
from standin_smtp import Mailbox

USER, PASSWORD, QUOTED = "user", "p@ss", "p%40ss"
DATA = {k: "x" for k in ("caller_id", "timestamp", "duration", "audio_url")}


class Keeper(Mailbox):
    """Keeps of each mail whether it came over TLS, and who said that he sent it. tries: the credentials of each AUTH."""

    def __init__(self, **more):
        self.ways, self.tries = [], []
        super().__init__(**more)

    def authenticate(self, server, session, envelope, mechanism, data):
        self.tries.append((session.ssl is not None, data.login.decode(), data.password.decode()))
        return super().authenticate(server, session, envelope, mechanism, data)

    async def handle_DATA(self, server, session, envelope):
        self.ways.append((session.ssl is not None, bool(session.authenticated)))
        return await super().handle_DATA(server, session, envelope)


class Recorder:
    """A mail server of few words, without STARTTLS, that keeps each line of each connection and offers AUTH to everybody."""

    def __init__(self, extensions=("AUTH PLAIN LOGIN",)):
        self.lines, self.sessions, self.extensions = [], 0, extensions
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rwb") as file:
            file.write(b"220 recorder\r\n")
            file.flush()
            for line in file:
                self.lines.append(line.strip().decode("latin-1"))
                word = line.split()[0].upper() if line.split() else b""
                if word == b"EHLO":
                    answer = "".join(f"250-{e}\r\n" for e in self.extensions) + "250 SIZE 1000000\r\n"
                else:
                    answer = {b"AUTH": "235 2.7.0 fine\r\n", b"DATA": "354 go on\r\n", b"QUIT": "221 bye\r\n"}.get(word, "250 fine\r\n")
                file.write(answer.encode())
                file.flush()

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def field(make_stack):
    return make_stack("mail login", workers=1, sweep=False, SMTP_URL="smtp://127.0.0.1:1", SMTP_FROM="taskgate@example.com", TASKGATE_RETRY_FIRST=20, TASKGATE_MAIL_TIMEOUT=10)


@pytest.fixture
def tenant(field):
    """A tenant for one test, who leaves no work behind, and a mail server that has not failed yet."""
    field.run("delete from host_state")
    made = field.tenant()
    yield made
    field.run("delete from work where tenant_id = %s", made.id)


@pytest.fixture
def serve():
    made = []

    def begin(cls=Keeper, **more):
        made.append(cls(**more))
        return made[-1]
    yield begin
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """certificate(names): (file, ssl.SSLContext of a server that shows it)."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("ca")

    def make(names="IP:127.0.0.1"):
        key, cert = folder / f"{fresh('k')}.pem", folder / f"{fresh('c')}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=stand-in",
                        "-addext", f"subjectAltName={names}", "-keyout", key, "-out", cert], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return cert, context
    return make


@pytest.fixture
def sweep(field, start):
    def begin(server, starttls, login=QUOTED, ca=None, **settings):
        who = f"{USER}:{login}@" if login else ""
        return start(Program, field, "taskgate-sweep", SMTP_URL=f"smtp://{who}127.0.0.1:{server.port}", SMTP_STARTTLS=starttls, TASKGATE_CA_FILE=ca or "", LOG_LEVEL="debug", **settings)
    return begin


def send(tenant):
    """A mail; gives its id and its recipient."""
    to = f"{fresh('m')}@example.com"
    return tenant.api.put("/email", {"to": [to], "subject": "x", "template": "voicemail", "template_data": DATA}).ok(201).data["task_id"], to


def shown(tenant, task):
    return tenant.api.get(f"/email/{task}?include=events").ok().data


def wait(tenant, task, *states):
    return until(lambda: (d := shown(tenant, task))["state"] in states and d, lambda: f"{states}: {shown(tenant, task)}", 30)


def silent_about_the_password(tenant, *programs):
    """Neither a log nor the ledger has it, as it is or quoted."""
    stack = tenant.stack
    texts = [p.text for p in programs] + [stack.log(n) for n in ("fcgi", "nginx-error", "nginx-access", "postgres")]
    texts += [json.dumps(stack.rows("select host, last_error from host_state")), json.dumps(stack.rows("select reason from task_event")), json.dumps(stack.rows("select last_error from work"))]
    for text in texts:
        for word in (PASSWORD, QUOTED, "AHVzZXIAcEBzcw", "cEBzcw"):     # the last two as AUTH has it in base64
            assert word not in text, text[-2000:]


@pytest.mark.parametrize("starttls", ["always", "auto"])
def test_a_login_goes_over_tls(tenant, serve, sweep, certificate, starttls):
    cert, tls = certificate()
    server = serve(tls=tls, login=(USER, PASSWORD))
    task, to = send(tenant)
    one = sweep(server, starttls, ca=cert)
    done = wait(tenant, task, "completed")
    assert done["delivery_status"] == "sent" and len(server.to(to)) == 1
    assert server.ways == [(True, True)] and server.tries == [(True, USER, PASSWORD)]
    silent_about_the_password(tenant, one)


@pytest.mark.parametrize("starttls, safe", [("always", True), ("auto", True), ("never", False)])
def test_without_a_login_tls_is_used_where_it_can_be(tenant, serve, sweep, certificate, starttls, safe):
    cert, tls = certificate()
    server = serve(tls=tls if safe else None)
    task, _ = send(tenant)
    sweep(server, starttls, login=None, ca=cert)
    wait(tenant, task, "completed")
    assert server.ways == [(safe, False)] and server.tries == []


def test_auto_without_a_login_takes_a_server_without_tls(tenant, serve, sweep):
    server = serve()
    task, _ = send(tenant)
    sweep(server, "auto", login=None)
    wait(tenant, task, "completed")
    assert server.ways == [(False, False)]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_never_logs_in_as_it_is_told(tenant, serve, sweep):
    """For a mail server on this machine or behind a tunnel of the operator's."""
    server = serve(login=(USER, PASSWORD))
    task, _ = send(tenant)
    one = sweep(server, "never")
    wait(tenant, task, "completed")
    assert server.ways == [(False, True)] and server.tries == [(False, USER, PASSWORD)]
    silent_about_the_password(tenant, one)


def test_never_to_a_server_that_demands_tls(tenant, serve, sweep, certificate):
    server = serve(tls=certificate()[1], login=(USER, PASSWORD))
    task, _ = send(tenant)
    one = sweep(server, "never")
    done = wait(tenant, task, "failed")
    assert done["delivery_status"] == "failed" and done["error"]["message"].startswith("530 "), done["error"]
    assert server.ways == server.tries == []
    silent_about_the_password(tenant, one)


@pytest.mark.parametrize("starttls, login", [("auto", QUOTED), ("always", QUOTED), ("always", None)])
def test_a_server_without_tls_gets_neither_password_nor_mail(tenant, serve, sweep, starttls, login):
    server = serve(Recorder)
    task, _ = send(tenant)
    one = sweep(server, starttls, login)
    until(lambda: server.sessions >= 2, "another try")
    assert {line.split()[0].upper() for line in server.lines} <= {"EHLO", "QUIT"}, server.lines
    row = tenant.stack.row("select t.state, t.attempts, w.last_error from task t join work w on w.id = t.id where t.tenant_id = %s and t.public_id = %s", tenant.id, task)
    assert row["state"] in ("pending", "processing") and row["attempts"] <= 1 and "TLS" in (row["last_error"] or "TLS")
    until(lambda: "TLS" in (tenant.api.get(f"/task/{task}/why").ok().data.get("last_error") or ""), "why it has not been sent")
    assert shown(tenant, task)["delivery_status"] == "queued"
    silent_about_the_password(tenant, one)


@pytest.mark.parametrize("names, known", [("IP:127.0.0.1", False), ("DNS:mail.example.com", True)], ids=["unknown", "another's"])
def test_a_certificate_that_is_not_the_servers(tenant, serve, sweep, certificate, names, known):
    cert, tls = certificate(names)
    server = serve(tls=tls, login=(USER, PASSWORD))
    task, to = send(tenant)
    one = sweep(server, "auto", ca=cert if known else None)
    until(lambda: server.sessions >= 2, "another try")
    assert server.tries == [] and server.to(to) == [] and shown(tenant, task)["state"] != "completed"
    silent_about_the_password(tenant, one)


def test_a_wrong_password_is_tried_again_and_told_in_the_servers_words(tenant, serve, sweep, certificate):
    cert, tls = certificate()
    server = serve(tls=tls, login=(USER, "another"))
    task, to = send(tenant)
    one = sweep(server, "always", ca=cert)
    done = wait(tenant, task, "failed")
    assert done["error"]["message"].startswith("535 5.7.8 "), done["error"]
    assert {t[1:] for t in server.tries} == {(USER, PASSWORD)} and len(server.tries) >= 4 and server.to(to) == []
    assert tenant.stack.value("select attempts from task where tenant_id = %s and public_id = %s", tenant.id, task) == 4
    silent_about_the_password(tenant, one)


def test_conf_does_not_show_the_password(field):
    text = field.ctl("conf", env={"SMTP_URL": f"smtp://{USER}:{QUOTED}@127.0.0.1:25"})
    assert any(line.startswith("SMTP_URL ") and "environment" in line for line in text.splitlines()), text
    assert QUOTED not in text and PASSWORD not in text
