# SPDX-License-Identifier: MIT
"""The stand-ins as parts of a stack: started when they are asked for and nothing real is set, stopped with the rest, never in doubt."""
import base64
import json
import smtplib
import subprocess

import pytest

from stack import HERE
from standin_http import call
from waiting import PATIENCE, until


def conf(stack):
    lines = (stack.dir / "taskgate.conf").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def send_sms(settings, to, callback):
    basic = base64.b64encode(f"{settings['TWILIO_ACCOUNT_SID']}:{settings['TWILIO_AUTH_TOKEN']}".encode()).decode()
    form = f"To=%2B{to}&From=%2B{settings['TWILIO_PHONE_NUMBER'][1:]}&Body=x&StatusCallback={callback}".encode()
    status, _, body = call("POST", f"{settings['TWILIO_API_BASE']}/2010-04-01/Accounts/{settings['TWILIO_ACCOUNT_SID']}/Messages.json", form,
                           {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"})
    return status, json.loads(body)


def test_both_stand_ins_run_and_are_in_the_settings(own_stack, receiver):
    stack = own_stack(standins=True, workers=1)
    settings = conf(stack)
    url = receiver.script("/stack-standin")
    assert send_sms(settings, 4930123, url)[0] == 201
    receiver.wait("/stack-standin", 4)
    port = int(settings["SMTP_URL"].rsplit(":", 1)[1])
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as s:
        s.sendmail(settings["SMTP_FROM"], ["a@example.com"], "Subject: x\r\n\r\nhello\r\n")
    assert len(list((stack.dir / "mail").glob("*.eml"))) == 1
    status = stack.sh("status").stdout.decode()
    assert "twilio running" in status and "smtp running" in status


def test_a_killed_stand_in_is_noticed_and_comes_back_where_it_was(own_stack):
    stack = own_stack(standins=True, workers=1)
    before = conf(stack)
    for part in ("twilio", "smtp"):
        stack.process(part).kill()
        done = stack.sh("status", check=False)
        assert done.returncode == 1 and f"{part} stopped" in done.stdout.decode()
        stack.start(part)
    assert stack.sh("status").returncode == 0
    stack.restart("fcgi")
    assert conf(stack) == before


def test_they_end_with_the_stack(own_stack):
    stack = own_stack(standins=True, workers=1)
    parts = [stack.process(p) for p in ("twilio", "smtp")]
    stack.sh("stop")
    assert not any(p.alive() for p in parts)
    until(lambda: "not Twilio" in stack.log("twilio") and "sends none on" in stack.log("smtp"), "the stand-ins to have said what they are")


def test_a_real_setting_keeps_its_stand_in_away(own_stack):
    stack = own_stack(standins=True, workers=1, TWILIO_ACCOUNT_SID="AC" + "0" * 32)
    assert stack.process("twilio") is None and stack.process("smtp") is not None
    settings = conf(stack)
    assert settings["TWILIO_ACCOUNT_SID"] == "AC" + "0" * 32 and "TWILIO_API_BASE" not in settings and "TWILIO_AUTH_TOKEN" not in settings
    assert stack.env["TASKGATE_STANDINS"] == "smtp" and stack.sh("status").returncode == 0


def test_none_runs_unasked(own_stack, twilio, mailbox):
    stack = own_stack(workers=1, **twilio.settings(), **mailbox.settings())
    assert stack.process("twilio") is stack.process("smtp") is None and stack.env["TASKGATE_STANDINS"] == ""
    assert {k: v for k, v in conf(stack).items() if k.startswith(("TWILIO_", "SMTP_"))} == {**twilio.settings(), **mailbox.settings()}


@pytest.mark.both
def test_the_tour_of_the_calls(own_stack):
    """./dev try calls, as a newcomer sees it: a call that goes through, one that is cancelled, a campaign with a busy number and one that does not answer."""
    stack = own_stack(standins=True, workers=1)
    tour = subprocess.run([str(HERE / "try_calls.sh"), stack.env["TASKGATE_URL"], stack.tenant().token], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120 * PATIENCE)
    said = tour.stdout.decode()
    assert tour.returncode == 0 and not tour.stderr, said + tour.stderr.decode()
    single, campaign = said.split("POST /schedule-call")
    assert "\tSUCCESS\t100\t" in single and '"status": "completed"' in single
    assert "DELETE /cancel-task/" in campaign and "]  6/6 ended, 2 failed, 0 under way" in campaign and '"status": "SUCCESS"' in campaign
