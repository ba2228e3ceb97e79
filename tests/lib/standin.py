# SPDX-License-Identifier: MIT
"""standin: what all stand-ins share as programs of the dev stack: their options, the port that is made known by rename, and a TERM that
ends them. A stand-in plays an outside service on loopback, for tests and the dev stack only, and says so wherever it can."""
import argparse
import os
import signal
import threading


def parser(description):
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--port-file", required=True, help="written, by rename, when the port listens")
    made.add_argument("--port", type=int, default=0, help="this port where it is free, else, and for 0, another one")
    return made


def announce(path, port):
    """A reader of the file finds a whole number in it, or no file."""
    with open(f"{path}.new", "w") as f:
        f.write(f"{port}\n")
    os.replace(f"{path}.new", path)


def on_free_port(make, wanted):
    """make(port) on the port that is wanted, else on a free one: whoever stood there before keeps his address where that can be."""
    try:
        return make(wanted)
    except OSError:
        return make(0)


def until_term():
    """Returns when TERM or INT has come. The main thread waits; a handler that only sets an event holds no lock of anybody's."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    over.wait()
