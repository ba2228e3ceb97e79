# SPDX-License-Identifier: MIT
"""gate: stands between a sweeper and a mail server or Twilio, passes lines on, and stops once, at a chosen point of the first conversation.

point     what is held back, for as long as the connection lives
  greeting  the server's first line
  request   the client's first line
  DATA      the client's DATA
  within    the message, behind its first line
  answer    the server's answer to the final dot
What comes later, on other connections, is passed on."""
import socket
import threading


class Gate:
    def __init__(self, port, point):
        self.to, self.point, self.reached = port, point, threading.Event()
        self.lock, self.held = threading.Lock(), None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            state = {}
            for source, sink, stop in ((client, server, self.stops_client), (server, client, self.stops_server)):
                threading.Thread(target=self.pump, args=(source, sink, stop, state), daemon=True).start()

    def pump(self, source, sink, stop, state):
        try:
            for line in source.makefile("rb"):
                if stop(line, state) and self.hold(state):
                    continue
                sink.sendall(line)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold(self, state):
        """True on the one connection that was stopped; whatever follows there is swallowed."""
        with self.lock:
            if self.held is None:
                self.held = state
        if self.held is state:
            self.reached.set()
        return self.held is state

    def stops_client(self, line, state):
        state["data"] = state.get("data", 0) + 1 if "data" in state or line.strip().upper() == b"DATA" else None
        if state["data"] is None:
            del state["data"]
        if line == b".\r\n" and not state.get("stopped"):
            state["dot"] = True
        stops = self.point == "request" or (self.point == "DATA" and "data" in state) or (self.point == "within" and state.get("data", 0) > 2)
        state["stopped"] = stops
        return stops

    def stops_server(self, line, state):
        return self.point == "greeting" or (self.point == "answer" and "dot" in state)

    def close(self):
        self.listener.close()
