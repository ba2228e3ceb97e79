# SPDX-License-Identifier: MIT
"""npm_twilio: npm's own Twilio client as fixtures, a foreign judge of what we and the stand-in send; installed once into a folder under build/."""
import fcntl
import json
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "build" / "standin-npm"
TWILIO = "5"        # the major version of npm's package `twilio`


class TwilioClient:
    """npm's client against a stand-in: does(what, **question) gives the value, refused(...) the error."""

    def __init__(self, twilio, token=None):
        self.process = subprocess.Popen(["node", str(TOP / "tests" / "standin" / "twilio_client.cjs"), str(FOLDER / "node_modules"), twilio.url,
                                         twilio.account, token or twilio.token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, what, **question):
        self.process.stdin.write(json.dumps({"does": what, **question}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def does(self, what, **question):
        answer = self.ask(what, **question)
        assert "error" not in answer, answer
        return answer["value"]

    def refused(self, what, **question):
        answer = self.ask(what, **question)
        assert "error" in answer, answer
        return answer["error"]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


def installed():
    try:
        return json.loads((FOLDER / "node_modules" / "twilio" / "package.json").read_text())["version"].split(".")[0] == TWILIO
    except OSError:
        return False


def install():
    """Why npm's package cannot be had here, or None. The pieces of a check share the folder, so one installs and the others wait."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "npm's package twilio judges the stand-in, and node or npm is not here (Debian: nodejs, npm)"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed():
            return None
        (FOLDER / "package.json").write_text('{"name": "taskgate-standin", "private": true}\n')
        done = subprocess.run(["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", f"twilio@{TWILIO}"], cwd=FOLDER,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        code = re.search(r"code (\w+)", done.stdout)
        return None if done.returncode == 0 and installed() else f"npm could not install twilio@{TWILIO}: {code[1] if code else done.returncode}"


@pytest.fixture(scope="session")
def npm_missing():
    """None, or why npm's package is not here: for a test that is whole without it."""
    return install()


@pytest.fixture(scope="session")
def npm_twilio(npm_missing):
    """A folder with npm's package; where it cannot be had, the tests that want it skip and say so."""
    if npm_missing:
        pytest.skip(npm_missing)
    return FOLDER


def clients():
    made = []

    def make(twilio, **more):
        made.append(TwilioClient(twilio, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def client_of(npm_twilio):
    """client_of(twilio): a TwilioClient for it."""
    yield from clients()


@pytest.fixture
def client_if_any(npm_missing):
    """As client_of, or None where npm's package is not here."""
    if npm_missing:
        yield None
    else:
        yield from clients()
