# SPDX-License-Identifier: MIT
"""Fixtures that all of tests/ shares. What they stand on is in tests/lib."""
import os
import pathlib
import random
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

import pytest

import stack as stacks
import waiting
from npm_twilio import client_if_any, client_of, npm_missing, npm_twilio  # noqa: F401  fixtures
from receiver import Receiver
from standin_twilio import Twilio


def pytest_configure(config):
    """TERM ends a run as Ctrl-C does, so that its stacks are stopped and deleted."""
    config.addinivalue_line("markers", "statements: none of our programs is asked anything here, so a sanitizer build has nothing to add")
    config.addinivalue_line("markers", "both: ./dev check runs it on the plain build as well as under sanitizers")
    def leave(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, leave)


def need_programs(*names):
    missing = [n for n in names if not (stacks.BUILD / n).exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not in {stacks.BUILD}: build first, or name the build folder in TASKGATE_BUILD")


@pytest.fixture(scope="session")
def stack(twilio, mailbox):
    """The whole system, with pauses made short. Nobody may stop its parts or pause its lanes: that is what make_stack is for."""
    need_programs("taskgate-fcgi", "taskgatectl", "taskgate-sweep")
    with stacks.Stack(workers=3, TASKGATE_RETRY_FIRST=20, TASKGATE_WEBHOOK_RETRIES="1,1,1", TASKGATE_HANDLER_TIMEOUT=2, TASKGATE_WEBHOOK_TIMEOUT=2,
                      TASKGATE_TWILIO_TIMEOUT=round(2 * waiting.PATIENCE), TASKGATE_MAIL_TIMEOUT=round(3 * waiting.PATIENCE), TASKGATE_TWILIO_ASK=1, **twilio.settings(), **mailbox.settings()) as made:
        yield made


@pytest.fixture(scope="session")
def ledger():
    """A migrated database alone: no program runs on it, so that a test decides about every statement."""
    need_programs("taskgatectl")
    with stacks.Stack(parts="pg") as made:
        yield made


@pytest.fixture(scope="session")
def make_stack():
    """make_stack(key, **options): a stack with settings of its own, shared by all that ask with the same key in this run. A test that
    stops or kills parts asks with a key of its own."""
    made = {}

    def make(key, **options):
        need_programs("taskgate-fcgi", "taskgatectl", "taskgate-sweep")
        if key not in made:
            made[key] = stacks.Stack(**options).__enter__()
        return made[key]
    make.made = made
    yield make
    for one in made.values():
        one.__exit__()


@pytest.fixture
def own_stack():
    """own_stack(**options): a stack for this test alone, gone with it."""
    made = []

    def make(**options):
        need_programs("taskgate-fcgi", "taskgatectl", "taskgate-sweep")
        made.append(stacks.Stack(**options).__enter__())
        return made[-1]
    yield make
    for one in made:
        one.__exit__()


@pytest.fixture(scope="module")
def tenant(stack):
    """A tenant for the tests of one file, which use entities of their own."""
    return stack.tenant()


@pytest.fixture(scope="module")
def idle(stack):
    """A tenant for the refusals of one file: nothing is ever under way in it, so what its footprint says is theirs alone."""
    return stack.tenant()


@pytest.fixture
def own_tenant(stack):
    """A tenant for one test."""
    return stack.tenant()


@pytest.fixture(scope="session")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def twilio():
    """A stand-in for Twilio, shared by all: plans and scripts are for a number that no other test has."""
    made = Twilio()
    yield made
    made.close()


@pytest.fixture(scope="session")
def mailbox():
    """A stand-in for a mail server, shared by all: steps and questions are for a recipient that no other test has."""
    try:
        from standin_smtp import Mailbox
    except ImportError:
        pytest.skip("the stand-in for a mail server needs Debian's python3-aiosmtpd")
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared():
    """The folder with the documents; where it is absent, a document's tests skip and say so."""
    if not (stacks.SHARED / "spec").is_dir():
        pytest.skip(f"the documents are not here: no {stacks.SHARED}/spec (TASKGATE_SHARED names another folder)")
    return stacks.SHARED


@pytest.fixture(autouse=True)
def what_the_programs_said(request):
    """A failed test shows what the programs of its stack have logged since it began."""
    names = [n for n in ("stack", "ledger") if n in request.fixturenames]
    running = [request.getfixturevalue(n) for n in names]
    before = {(s, name): len(s.log(name)) for s in running for name in ("fcgi", "sweep", "nginx-error")}
    yield
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        for (s, name), length in before.items():
            text = s.log(name)[length:]
            if text:
                print(f"--- {name}.log\n{text[-4000:]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report = report


@pytest.hookimpl(tryfirst=True)     # before -m chooses
def pytest_collection_modifyitems(items):
    """TASKGATE_SHUFFLE=N runs the tests in another order, the same one for the same N: none depends on another's leftovers."""
    for item in items:
        if item.path.parent.name in ("race", "lint", "standin") and item.get_closest_marker("both") is None:
            item.add_marker("statements")
    if os.environ.get("TASKGATE_SHUFFLE"):
        random.Random(os.environ["TASKGATE_SHUFFLE"]).shuffle(items)
