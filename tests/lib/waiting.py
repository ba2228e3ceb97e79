# SPDX-License-Identifier: MIT
"""waiting: conditions are polled with a deadline; no test sleeps for luck."""
import os
import time

# A sanitizer build is slower, and what waits for it is given longer.
SANITIZED = any(name in os.environ for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"))
PATIENCE = float(os.environ.get("TASKGATE_PATIENCE", "3" if SANITIZED else "1"))


def until(condition, what, seconds=15.0, pause=0.01):
    """The first true value of condition(); AssertionError naming `what` when the deadline passes."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * PATIENCE:.0f} s in vain: {what() if callable(what) else what}")
        time.sleep(pause)


def never(condition, what, seconds=0.5, pause=0.02):
    """condition() stays false for that long: for things that must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not condition(), what
        time.sleep(pause)
