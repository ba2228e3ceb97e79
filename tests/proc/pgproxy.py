# SPDX-License-Identifier: MIT
"""pgproxy: stands between a program and PostgreSQL, reads the protocol along, and cuts the line at a chosen sync.

rule(statements) is asked at each sync with the names of the prepared statements that were bound since the sync before it, and says
  None      all is passed on
  'before'  cut before the server has seen anything since the sync before it: nothing was committed
  'after'   the server sees the sync and has answered it, the client gets none of it: all was committed
  'silent'  the server sees nothing more and the client hears nothing more, but the line stays
  'held'    the server sees the sync and answers it, the client gets that and all that follows when release() is called
A rule that struck is gone; `struck` is set."""
import socket
import struct
import threading

from stack import fresh


class Line:
    """One connection."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(str(proxy.real))
        self.syncs = self.readies = 0
        self.mute, self.cut_at, self.swallow = False, None, 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        for work in (self.from_client, self.from_server):
            threading.Thread(target=self.guarded, args=(work,), daemon=True).start()

    def guarded(self, work):
        try:
            work()
        except OSError:
            pass
        if not self.mute or self.cut_at is not None:
            self.cut()

    def cut(self):
        for s in (self.client, self.server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def read(s, n):
        got = b""
        while len(got) < n:
            part = s.recv(n - len(got))
            if not part:
                raise OSError("end")
            got += part
        return got

    def message(self, s, kind):
        kind = self.read(s, 1) if kind else b""
        length = self.read(s, 4)
        return kind, kind + length + self.read(s, struct.unpack(">I", length)[0] - 4)

    def inject(self, sql):
        """Runs a statement of its own on the line, which must be idle."""
        self.swallow += 1
        self.server.sendall(b"Q" + struct.pack(">I", len(sql) + 5) + sql.encode() + b"\0")
        while self.swallow:
            self.proxy.moved.wait(0.01)

    def from_client(self):
        bound, batch = [], b""
        self.server.sendall(self.message(self.client, False)[1])
        while True:
            kind, whole = self.message(self.client, True)
            if kind == b"B":
                bound.append(whole[5:].split(b"\0", 2)[1].decode())
            batch += whole
            if kind == b"S":
                if self.strike(bound, batch):
                    return
                self.syncs += 1
                bound = []
            if kind in b"SX":
                self.server.sendall(batch)
                batch = b""

    def strike(self, bound, batch):
        """True where nothing more is read from the client."""
        rule = self.proxy.rule
        action = rule(bound) if rule else None
        if action is None:
            return False
        self.proxy.rule = None
        if action == "held":
            self.may_answer.clear()
            self.proxy.struck.set()
            return False
        self.mute = True
        if action == "before":
            self.cut_at = self.syncs
            self.cut()
        elif action == "after":
            self.syncs += 1
            self.cut_at = self.syncs
            self.server.sendall(batch)
            while self.readies <= self.cut_at:
                self.proxy.moved.wait(0.01)
        self.proxy.struck.set()
        return True

    def from_server(self):
        while True:
            kind, whole = self.message(self.server, True)
            if kind == b"Z":
                self.readies += not self.swallow      # one came before the first sync
                self.proxy.moved.set()
            if self.swallow:
                self.swallow -= kind == b"Z"
            elif not self.mute:
                self.may_answer.wait()
                self.client.sendall(whole)
            elif self.cut_at is not None and self.readies > self.cut_at:
                return


class Proxy:
    def __init__(self, stack):
        self.real = stack.dir / "pg" / ".s.PGSQL.5432"
        self.folder = stack.dir / "tmp" / fresh("proxy")
        self.folder.mkdir()
        self.rule, self.struck, self.moved, self.lines = None, threading.Event(), threading.Event(), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.lines.append(Line(self, client))
            except OSError:
                client.close()

    def release(self):
        for line in self.lines:
            line.may_answer.set()

    def database(self, user="taskgate_api"):
        return f"host={self.folder} port=5432 dbname=taskgate user={user}"

    def at(self, statement, action):
        """The next sync behind this statement."""
        self.struck.clear()
        self.rule = lambda bound: action if statement in bound else None

    def cut_all(self):
        for line in self.lines:
            line.cut()

    def close(self):
        self.rule = None
        self.listener.close()
        self.cut_all()
