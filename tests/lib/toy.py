# SPDX-License-Identifier: MIT
"""toy: an nginx of a test's own, run with the project's includes, and a toy FastCGI server that a test scripts: it can take a request, have its effect, and
die without an answer."""
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

from client import Client
from stack import TOP, Process
from waiting import until


class ToyFcgi:
    """On a unix socket. behave(request) gives the answer's bytes ("Status: ..."), or None to close without one. seen: (method, uri, body)."""

    def __init__(self, path, behave):
        self.path, self.behave, self.seen, self.accepted = str(path), behave, [], 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        os.chmod(self.path, 0o666)
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def exactly(connection, n):
        got = b""
        while len(got) < n:
            more = connection.recv(n - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def serve(self, connection):
        params, body = b"", b""
        try:
            while True:
                _, kind, number, length, padding, _ = struct.unpack(">BBHHBB", self.exactly(connection, 8))
                content = self.exactly(connection, length)
                self.exactly(connection, padding)
                if kind == 4:
                    params += content
                elif kind == 5 and content:
                    body += content
                elif kind == 5:
                    break
        except (EOFError, OSError):
            connection.close()
            return
        named = self.params(params)
        request = (named["REQUEST_METHOD"], named["REQUEST_URI"], body, named)
        self.seen.append(request[:3])
        answer = self.behave(request)
        try:
            if answer is not None:
                for kind, content in ((6, answer), (6, b""), (3, b"\0" * 8)):
                    connection.sendall(struct.pack(">BBHHBB", 1, kind, number, len(content), 0, 0) + content)
        except OSError:
            pass        # nginx has given up waiting
        connection.close()

    @staticmethod
    def params(data):
        found, at = {}, 0
        while at < len(data):
            sizes = []
            for _ in range(2):
                n = data[at]
                if n >> 7:
                    n = struct.unpack(">I", data[at:at + 4])[0] & 0x7fffffff
                    at += 3
                at += 1
                sizes.append(n)
            found[data[at:at + sizes[0]].decode()] = data[at + sizes[0]:at + sum(sizes)].decode("latin-1")
            at += sum(sizes)
        return found

    def close(self):
        self.server.close()


class OwnNginx:
    """nginx with the project's includes and servers of a test's own. servers: text of the server blocks; @PORT@ in it becomes a free loopback port. upstreams: sockets.
    change: (old, new) pairs for the includes' text."""

    def __init__(self, servers, upstreams, change=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="taskgate-nginx."))
        os.chmod(self.dir, 0o755)
        (self.dir / "taskgate").mkdir()
        (self.dir / "tmp").mkdir()
        for f in (TOP / "nginx").glob("*.conf"):
            text = f.read_text().replace("server unix:/run/taskgate/fcgi.sock;", " ".join(f"server unix:{u} max_fails=0;" for u in upstreams))
            for old, new in change:
                text = text.replace(old, new)
            (self.dir / "taskgate" / f.name).write_text(text)
        self.servers = servers
        self.process = None
        for _ in range(20):
            self.port = random.randrange(20000, 32000)
            if self.start():
                break
        assert self.process, "no free port was found"

    def start(self):
        temps = " ".join(f"{kind}_temp_path {self.dir}/tmp/{kind};" for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        (self.dir / "nginx.conf").write_text(f"""{'user root;' if os.getuid() == 0 else ''}
worker_processes 1;
pid {self.dir}/nginx.pid;
error_log {self.dir}/error.log warn;
events {{ worker_connections 256; }}
http {{
{temps}
access_log off;
include taskgate/taskgate-http.conf;
{self.servers.replace("@PORT@", f"127.0.0.1:{self.port}")}
}}
""")
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        done = subprocess.run([program, "-e", str(self.dir / "error.log"), "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")], capture_output=True, text=True)
        if done.returncode != 0:
            assert "in use" in done.stderr, done.stderr
            return False
        pid = self.dir / "nginx.pid"
        until(lambda: pid.exists() and pid.read_text().strip(), "nginx's pid file")
        self.process = Process(int(pid.read_text()))
        return True

    def client(self, token=None):
        return Client("127.0.0.1", self.port, token)

    def log(self):
        return (self.dir / "error.log").read_text()

    def close(self):
        if self.process and self.process.alive():
            self.process.signal(3)      # QUIT: it lets what runs end
            try:
                self.process.wait_gone(5)
            except AssertionError:
                for p in self.process.children() + [self.process]:
                    p.signal(9)
        shutil.rmtree(self.dir, ignore_errors=True)
