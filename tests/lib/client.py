# SPDX-License-Identifier: MIT
"""client: HTTP as tests need it: a keep-alive client whose answers can be asked questions, and a raw socket for what no
well-behaved client sends."""
import http.client
import json as jsonlib
import re
import socket

from waiting import PATIENCE

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Answer:
    """status, headers (case-insensitive, .get), body (bytes)."""

    def __init__(self, status, headers, body, asked=""):
        self.status, self.headers, self.body, self.asked = status, headers, body, asked

    @property
    def json(self):
        def once(pairs):
            keys = [k for k, _ in pairs]
            assert len(keys) == len(set(keys)), f"duplicate keys in an answer: {keys}"
            return dict(pairs)
        return jsonlib.loads(self.body, object_pairs_hook=once)

    @property
    def data(self):
        return self.json["data"]

    def __repr__(self):
        return f"<{self.asked}: {self.status} {self.body[:600]!r}>"

    def ok(self, status=200):
        """The answer itself, when its status is this one and it is JSON."""
        assert self.status == status, repr(self)
        assert self.headers.get("Content-Type") == "application/json", repr(self)
        assert self.headers.get("X-Request-Id"), repr(self)
        return self

    def refused(self, status, code, field=None, words=None):
        """The whole error shape of facts 1.1.1, and the headers that a refusal of this status owes."""
        assert self.status == status, repr(self)
        assert self.headers.get("Content-Type") == "application/json", repr(self)
        body = self.json
        assert set(body) - {"cancelled"} == {"success", "status", "error", "timestamp", "request_id"}, repr(self)
        assert body["success"] is False and body["status"] == "error", repr(self)
        assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "details"}, repr(self)
        assert body["error"]["code"] == code, repr(self)
        assert isinstance(body["error"]["message"], str) and body["error"]["message"], repr(self)
        assert UTC.fullmatch(body["timestamp"]), repr(self)
        assert body["request_id"] and body["request_id"] == self.headers.get("X-Request-Id"), repr(self)
        assert ("WWW-Authenticate" in self.headers) == (status == 401), repr(self)
        if status == 401:
            assert self.headers["WWW-Authenticate"] == "Bearer"
        if status == 405:
            assert self.headers.get("Allow"), repr(self)
        if status in (429, 503):
            assert re.fullmatch(r"[1-9]\d*", self.headers.get("Retry-After", "")), repr(self)
        if code == "INSUFFICIENT_SCOPE":
            assert body["error"]["details"]["required_scope"] in body["error"]["message"], repr(self)
        if field is not None:
            assert body["error"].get("details") == {"field": field}, repr(self)
        if words is not None:
            assert re.search(words, body["error"]["message"]), repr(self)
        return self

    def detailed(self, status, detail=None, words=None):
        """The calls document's one error shape, and the headers that a refusal of this status owes. detail: the whole text."""
        assert self.status == status, repr(self)
        assert self.headers.get("Content-Type") == "application/json" and self.headers.get("X-Request-Id"), repr(self)
        assert list(self.json) == ["detail"] and isinstance(self.json["detail"], str) and self.json["detail"], repr(self)
        assert self.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None), repr(self)
        if status == 405:
            assert self.headers.get("Allow"), repr(self)
        if status in (429, 503):
            assert re.fullmatch(r"[1-9]\d*", self.headers.get("Retry-After", "")), repr(self)
        if detail is not None:
            assert self.json["detail"] == detail, repr(self)
        if words is not None:
            assert re.search(words, self.json["detail"]), repr(self)
        return self


class Client:
    """One keep-alive connection. token None sends none; a request's own headers win."""

    def __init__(self, host, port, token=None, timeout=30 * max(1, PATIENCE)):
        self.host, self.port, self.token, self.timeout = host, port, token, timeout
        self.connection = None

    def with_token(self, token):
        return Client(self.host, self.port, token, self.timeout)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def request(self, method, path, json=None, body=None, headers=None):
        """json: encoded and sent as application/json. body: bytes as they are, with no content type of its own."""
        send = {}
        if self.token is not None:
            send["Authorization"] = f"Bearer {self.token}"
        if json is not None:
            body = jsonlib.dumps(json).encode()
        if body is not None and json is not None:
            send["Content-Type"] = "application/json"
        send.update(headers or {})
        send = {k: v for k, v in send.items() if v is not None}
        for attempt in (0, 1):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            try:
                self.connection.request(method, path, body=body, headers=send)
                got = self.connection.getresponse()
                answer = Answer(got.status, got.headers, got.read(), f"{method} {path}")
                if got.will_close:
                    self.close()
                return answer
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # nginx may have closed a connection that had been idle; nothing was done then.
                self.close()
                if fresh or attempt:
                    raise
        raise AssertionError("not reached")

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def put(self, path, json=None, **more):
        return self.request("PUT", path, json, **more)

    def post(self, path, json=None, **more):
        return self.request("POST", path, json, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)


def raw(host, port, sent, timeout=15):
    """Sends these bytes on a connection of their own and reads one answer; None where the server closed without one."""
    with socket.create_connection((host, port), timeout=timeout) as s:
        try:
            s.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = http.client.HTTPResponse(s, method=sent.split(b" ", 1)[0].decode("latin-1") or "GET")
        try:
            got.begin()
            return Answer(got.status, got.headers, got.read(), repr(sent[:80]))
        except (http.client.BadStatusLine, ConnectionResetError):
            return None
        finally:
            got.close()
