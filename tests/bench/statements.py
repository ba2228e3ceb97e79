# SPDX-License-Identifier: MIT
"""statements: the texts that the programs themselves use, taken from sql/queries by the awk script of the build, so that no contestant
runs another statement than taskgate-fcgi does. Also their form as a pgbench script."""

import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import queries

# The parameters in their order, by the names that the contestants give them. A name without a value is null.
ENTER = "hash scope request remote ticket".split()
GET = "entity payload result logs".split()
PUT = "entity type action target payload priority scheduled timeout retries callback tags closed".split()


def load():
    """name -> (text, number of parameters)"""
    found = {name: (s.text, len(s.takes)) for name, s in queries.load().items()}
    for name, variables in {"enter": ENTER, "generic_get": GET, "generic_create": PUT}.items():
        if found[name][1] != len(variables):
            raise SystemExit(f"bench: {name} has {found[name][1]} parameters now; tests/bench (statements.py and the two peers) knows {len(variables)}")
    return found


def session_options(statements):
    """What a connection is set to by session_setup, as libpq's `options`."""
    pairs = re.findall(r"set_config\('(\w+)', '([^']*)', false\)", statements["session_setup"][0])
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in pairs + [("statement_timeout", "30000")])


def pgbench_text(text, variables):
    """$n becomes :variable. pgbench would also take the `:MI` of a time format for a variable, so a colon before a letter inside a literal
    is written as an escape: the value is the same."""
    def literal(m):
        if not re.search(r":\w", m[0]):
            return m[0]
        assert "\\" not in m[0]
        return "E" + re.sub(r":(?=\w)", r"\\x3a", m[0])

    text = re.sub(r"(?<![\w'])'(?:[^']|'')*'", literal, text)
    return re.sub(r"\$(\d+)", lambda m: ":" + variables[int(m[1]) - 1], text)


def pgbench_script(statements, first, name, variables):
    """enter() and the statement in one pipeline, hence one round trip and one implicit transaction, as in src/db."""
    enter = pgbench_text(statements["enter"][0], ENTER)
    text = pgbench_text(statements[name][0], variables)
    return f"{first}\n\\startpipeline\n{enter};\n{text};\n\\endpipeline\n"
