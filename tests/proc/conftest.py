# SPDX-License-Identifier: MIT
"""Fixtures of the tests of processes. The parts they are made of are in parts.py."""
import concurrent.futures

import pytest

import stack as stacks


@pytest.fixture
def aside():
    """aside(function, ...): a Future of it, run in a thread."""
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        yield pool.submit


@pytest.fixture
def start():
    """start(class, stack, ...): a program that does not outlive the test. A failed test shows what it said."""
    made = []

    def begin(cls, *args, **more):
        made.append(cls.__new__(cls))
        made[-1].__init__(*args, **more)
        return made[-1]
    yield begin
    for one in reversed(made):
        if hasattr(one, "popen"):
            one.end()
            assert not stacks.sanitizer_report(one.text), one.text[-6000:]
            print(f"--- {one.name} {one.popen.pid}\n{one.text[-3000:]}")


@pytest.fixture(scope="session")
def behind(make_stack):
    """A stack without sweeper, the place of its taskgate-fcgi empty."""
    made = make_stack("behind", workers=2, sweep=False)
    made.stop("fcgi")
    return made


@pytest.fixture(scope="session")
def mine(behind):
    return behind.tenant()
