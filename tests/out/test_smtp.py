# SPDX-License-Identifier: MIT
"""What is between a mail and its server: connections, TLS, credentials, refusals, faults."""
import re
import socket
import threading
import time

import pytest

import waiting
from peers import file, login, mail, send, send_one, transfers
from receiver import Reply

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


# -- connections --

def test_the_connection_is_used_again(server):
    assert [e["status"] for e in send(server, mail(), mail(subject="2"), mail(subject="3"))] == [250] * 3
    assert len(server.sessions) == 1 and [server.parsed(i)["Subject"] for i in range(3)] == ["Subject", "2", "3"]


def test_many_at_once(server):
    assert [e["status"] for e in send(server, *(mail(subject=str(i), files=[file("a", bytes(100000))]) for i in range(16)), together=True)] == [250] * 16
    assert sorted(int(server.parsed(i)["Subject"]) for i in range(16)) == list(range(16)) and len(server.sessions) <= 16


def test_mail_and_http_share_a_pool(server, receiver):
    """What is set for the one is not left for the other."""
    url = receiver.script("/after-mail", Reply(body=b"{}"))
    plain = {"url": url, "body": '{"a":1}'}
    ends = transfers({"url": server.url, "mail": mail(html="<p>")}, plain, {"url": server.url, "mail": mail()}, plain)
    assert [(e["result"], e["status"]) for e in ends] == [("answered", 250), ("answered", 200)] * 2 and ends[1]["why"] == ""
    for seen in receiver.at("/after-mail"):
        assert seen.method == "POST" and seen.body == b'{"a":1}' and seen.headers.get_all("Content-Type") == ["application/json"]
        assert not {"Subject", "From", "Mime-Version"} & set(seen.headers)
    assert "Content-Type: multipart/mixed" in server.mails[1].content.decode() and server.parsed(1)["Subject"] == "Subject"
    assert transfers({"url": server.url.replace("smtp", "http"), "mail": mail()})[0]["result"] == "unsent"
    assert transfers({"url": server.url, "body": "{}"})[0]["result"] == "unsent"


def test_a_kept_connection_that_was_closed_is_not_used(make_server, receiver):
    """The server closes an idle connection; the gap between the two mails is an HTTP answer that waits for just that."""
    server = make_server(timeout=0.5)
    url = receiver.script("/gap", Reply(gate=server.lost))
    ends = transfers({"url": server.url, "mail": mail()}, {"url": url, "body": "{}"}, {"url": server.url, "mail": mail()})
    assert [e["status"] for e in ends] == [250, 200, 250] and len(server.sessions) == 2


def test_a_connection_that_dies_at_the_next_mail_is_unsent(script):
    server = script(MAIL=["250 OK", None])
    first, second = send(server, mail(), mail())
    assert first["status"] == 250 and (second["result"], second["status"]) == ("unsent", 0) and second["why"]


# -- TLS and credentials --

@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_credentials_go_over_starttls(make_server, certificate, mechanism):
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    server = make_server(tls_context=certificate[1], require_starttls=True, **login("us er@x", "p@:/ö%", auth_exclude_mechanism=[other]))
    server.with_credentials("us%20er%40x", "p%40%3A%2F%C3%B6%25")
    ends = send(server, mail(), mail(), ca=certificate[0])
    assert [(e["result"], e["status"], e["why"]) for e in ends] == [("answered", 250, "250 taken")] * 2
    assert len(server.sessions) == 1 and server.sessions[0].ssl is not None and server.sessions[0].host_name == "client.example.com"


def test_a_wrong_password_is_answered(make_server, certificate):
    server = make_server(tls_context=certificate[1], **login("u", "right")).with_credentials("u", "wrong")
    end, = send(server, mail(), ca=certificate[0])
    assert (end["result"], end["status"]) == ("answered", 535) and end["why"].startswith("535 ") and not server.mails


def test_a_certificate_that_nobody_vouches_for(make_server, certificate):
    server = make_server(tls_context=certificate[1], **login("u", "p")).with_credentials("u", "p")
    end, = send(server, mail())
    assert (end["result"], end["status"]) == ("unsent", 0) and end["why"].startswith("TLS failed: ") and "certificate" in end["why"]
    end, = send(server, mail(), ca="/nowhere/ca.pem")
    assert end["result"] == "unsent" and end["why"].startswith("TLS failed: ")


def test_tls_from_the_first_byte(make_server, certificate):
    server = make_server(implicit_tls=certificate[1], **login("u", "p", auth_require_tls=False)).with_credentials("u", "p")
    assert [e["status"] for e in send(server, mail(tls="never"), mail(tls="always"), ca=certificate[0])] == [250, 250]
    end, = send(server, mail())
    assert end["result"] == "unsent" and end["why"].startswith("TLS failed: ")


def test_https_trusts_the_same_authorities(certificate):
    listener = certificate[1].wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)

    def serve():
        for _ in range(2):
            try:
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            except OSError:
                pass
    thread = threading.Thread(target=serve)
    thread.start()
    request = {"url": f"https://127.0.0.1:{listener.getsockname()[1]}/", "body": "{}"}
    ends = transfers(request) + transfers(request, ca=certificate[0])
    thread.join(10)
    listener.close()
    assert [(e["result"], e["status"]) for e in ends] == [("unsent", 0), ("answered", 204)] and "certificate" in ends[0]["why"]


@pytest.mark.parametrize("offered", [True, False])
def test_starttls_by_setting(make_server, certificate, offered):
    server = make_server(tls_context=certificate[1]) if offered else make_server()
    for tls, uses in (("auto", offered), ("never", False)):
        assert send(server, mail(tls=tls), ca=certificate[0])[0]["status"] == 250
        assert (server.sessions[-1].ssl is not None) == uses
    end, = send(server, mail(tls="always"), ca=certificate[0])
    if offered:
        assert end["status"] == 250 and server.sessions[-1].ssl is not None
    else:
        assert (end["result"], end["status"], end["why"]) == ("unsent", 0, "STARTTLS is demanded: STARTTLS not supported.")


def test_credentials_are_not_told_without_tls(make_server):
    server = make_server(**login("u", "p", auth_require_tls=False)).with_credentials("u", "p")
    end = send_one(server)
    assert (end["result"], end["why"]) == ("unsent", "STARTTLS is demanded: STARTTLS not supported.")
    assert send_one(server, tls="never")["status"] == 250


# -- refusals and faults --

def test_a_refused_recipient_refuses_the_mail(server):
    for to in (["refused@example.com", "one@example.com"], ["one@example.com", "refused@example.com"]):
        end = send_one(server, to=to)
        assert (end["result"], end["status"], end["why"], end["retry_after"]) == ("answered", 550, "550 5.1.1 no such user", 0)
    assert send_one(server, bcc=["refused@example.com"])["status"] == 550
    assert not server.mails
    assert [e["status"] for e in send(server, mail(to=["refused@example.com"]), mail())] == [550, 250]


@pytest.mark.parametrize("verdict", ["451 4.3.0 try later", "554 5.7.1 spam"])
def test_a_refused_message_is_answered(server, verdict):
    server.verdict = verdict
    end = send_one(server)
    assert (end["result"], end["status"], end["why"]) == ("answered", int(verdict[:3]), verdict)


@pytest.mark.parametrize("command,reply,status", [("MAIL", "452 4.3.1 full", 452), ("MAIL", "530 5.7.0 log in first", 530), ("DATA", "503 no", 503), ("RCPT", "421 leaving", 421),
                                                  ("RCPT", "251 will forward", 250)])
def test_a_refused_command_is_answered(script, command, reply, status):
    end = send_one(script(**{command: reply}))
    assert (end["result"], end["status"]) == ("answered", status) and (status == 250 or end["why"] == reply)


@pytest.mark.parametrize("reply,why", [
    ("550-5.7.26 not\r\n550-5.7.26 authenticated\r\n550 5.7.26 at all", "550 5.7.26 not 5.7.26 authenticated 5.7.26 at all"),
    ("550 a\tb\x1b[31m\x7f", "550 a?b?[31m?"),
    ("550 caf\xe9", "550 caf?"),
    ("550 caf\xc3\xa9", "550 café"),
    ("550 " + "x" * 600, "550 " + "x" * 315),
    ("550 x" + "\xc3\xa9" * 300, "550 x" + "é" * 157),
    ("550", "550"),
])
def test_replies_become_one_line(script, reply, why):
    end = send_one(script(message=reply))
    assert (end["status"], end["why"]) == (550, why)


@pytest.mark.parametrize("replies,why", [
    ({"greeting": "554 no mail here"}, "the server wants no mail: 554 no mail here"),
    ({"greeting": "421 busy"}, "the server wants no mail: 421 busy"),
    ({"EHLO": "502 what", "HELO": "550 never heard of you"}, "the server wants no mail: 550 never heard of you"),
    ({"greeting": None}, ""),
    ({"EHLO": None}, ""),
    ({"MAIL": None}, ""),
    ({"RCPT": None}, ""),
    ({"DATA": None}, ""),
    ({"greeting": "HTTP/1.1 400 Bad Request"}, ""),
    ({"EHLO": "250-STARTTLS\r\n250 x", "STARTTLS": "454 not now"}, "STARTTLS"),
])
def test_what_ends_before_the_message_is_unsent(script, replies, why):
    end = send_one(script(**replies), timeout_ms=1000, tls="always" if "STARTTLS" in replies else "auto")
    assert (end["result"], end["status"]) == ("unsent", 0) and end["why"] and why in end["why"]


def test_a_closed_port_is_unsent(script):
    server = script()
    server.close()
    end = send_one(server)
    assert (end["result"], end["status"]) == ("unsent", 0) and "onnect" in end["why"]


def test_a_connection_that_dies_within_the_message_is_lost(script):
    server = script()
    server.read_within_data = 1000
    end = send_one(server, files=[file("a", bytes(4 * 1024 * 1024))])
    assert (end["result"], end["status"]) == ("lost", 0) and end["why"]
    end = send_one(script(message=None))
    assert (end["result"], end["status"]) == ("lost", 0) and end["why"]


@pytest.mark.parametrize("command,result", [("greeting", "unsent"), ("EHLO", "unsent"), ("MAIL", "unsent"), ("DATA", "unsent"), ("message", "timeout")])
def test_a_silent_server(script, command, result):
    end = send_one(script(**{command: ...}), timeout_ms=400)
    assert (end["result"], end["status"]) == (result, 0) and re.search("timed out|timeout", end["why"])


def test_a_silent_mail_server_holds_up_nothing_else(script, receiver):
    """libcurl waits within one call for the reply to a message, and then for the reply to QUIT."""
    server = script(message=..., QUIT=...)
    url = receiver.script("/meanwhile", Reply())
    ends = transfers({"url": server.url, "mail": mail(), "timeout_ms": 3000}, {"url": url, "body": "{}", "timeout_ms": 2000}, together=True)
    assert [(e["url"], e["result"]) for e in ends] == [(url, "answered"), (server.url, "timeout")]


def test_a_mail_never_hears_the_reply_to_another_one(script):
    """The connection of a mail that was given up is gone: its reply may still come."""
    server = script(message=...)
    ends = transfers({"url": server.url, "mail": mail(), "timeout_ms": 400}, {"url": server.url, "mail": mail(), "timeout_ms": 400})
    assert [e["result"] for e in ends] == ["timeout", "timeout"]
    assert sum(c.startswith("EHLO") for c in server.commands) == 2, server.commands


@pytest.mark.parametrize("command,status", [("RCPT", 550), ("message", 250)])
def test_a_server_that_does_not_answer_quit(script, command, status):
    """After a refusal libcurl says QUIT before it tells of the refusal; after a success when all is over."""
    begun = time.monotonic()
    server = script(**{command: f"{status} so", "QUIT": ...})
    end = send_one(server, timeout_ms=1000)
    assert (end["status"], end["why"]) == (status, f"{status} so") and time.monotonic() - begun < 4 * waiting.PATIENCE
    waiting.until(lambda: server.commands[-1] == "QUIT", lambda: f"QUIT; there was {server.commands}")


@pytest.mark.parametrize("reply", ["221-bye\r\n221 bye", "250 bye", "550 bye", "421 bye", None])
def test_the_reply_to_quit_is_no_verdict(script, reply):
    end = send_one(script(RCPT="550 nobody", QUIT=reply))
    assert (end["status"], end["why"]) == (550, "550 nobody")


def test_the_guard_holds_for_mail(server):
    end, = transfers({"url": server.url, "mail": mail(), "trusted": False})
    assert (end["result"], end["status"]) == ("refused", 0) and "loopback" in end["why"] and not server.sessions
    ends = transfers({"url": server.url, "mail": mail()}, {"url": server.url, "mail": mail(), "trusted": False})
    assert [e["result"] for e in ends] == ["answered", "refused"] and len(server.mails) == 1


def test_mail_goes_past_the_proxy(server, script):
    proxy = script()
    end, = send(server, mail(), proxy=proxy.url.replace("smtp", "http"))
    assert end["status"] == 250 and proxy.connections == 0
    end, = transfers({"url": server.url, "mail": mail(), "trusted": False}, proxy=proxy.url.replace("smtp", "http"))
    assert end["result"] == "refused"
