# SPDX-License-Identifier: MIT
"""Every named statement against a real server: a wrong column or a forgotten grant is a failed check, not a 500 at night."""
import pytest

import queries
from conftest import Libpq, Session, is_utility, parameters, statements

pytestmark = pytest.mark.statements

# Which program runs the statements of a folder or a file, and as which role.
USERS = {
    "disposition": ("taskgate_api",), "calls": ("taskgate_api",), "work": ("taskgate_api",), "ops": ("taskgate_api",), "db/session": ("taskgate_api",),
    "sweep": ("taskgate_sweep",), "ctl": ("taskgate_ctl",), "db/migrate": (),
}
ALSO = {"disposition_task_cancel": "taskgate_ctl", "disposition_task_revive": "taskgate_ctl", "task_why": "taskgate_ctl", "session_setup": "taskgate_sweep",
        "db_role": "taskgate_sweep"}


def test_every_statement_takes_and_gives_what_it_says(db):
    """What C binds and reads by name is what the server has. A statement that says nothing of its columns is read by nobody."""
    pq = Libpq(db.conninfo("taskgate_api"))
    faults = []
    try:
        for s in queries.load().values():
            parameters, columns = pq.prepare(s.name, s.text)
            if parameters != len(s.takes):
                faults.append(f"{s.file}: {s.name} takes {s.takes}, the server has {parameters} parameters")
            if s.gives and s.gives != columns:
                faults.append(f"{s.file}: {s.name} gives {s.gives}, the server has {columns}")
            if not s.gives and not all(is_nameless(s.text, c) for c in columns):
                faults.append(f"{s.file}: {s.name} does not say that it gives {columns}")
    finally:
        pq.close()
    assert not faults, "\n".join(faults)


def is_nameless(text, column):
    """The column has the name of the function whose call it is."""
    return f"{column}(" in text


def test_every_file_of_statements_has_a_user():
    assert not {s.file for s in queries.load().values() if not {s.file, s.file.split("/")[0]} & set(USERS)}


def owners():
    found = [(name, role) for file, roles in USERS.items() for name in statements(file) for role in roles]
    return [pytest.param(*f, id="-".join(f)) for f in [*found, *ALSO.items()] if not is_utility(statements()[f[0]])]


@pytest.mark.parametrize("name, role", owners())
def test_statement_may_be_run_by_its_role(db, name, role):
    """The executor checks all rights at its start, so EXPLAIN of the generic plan is enough."""
    with Session(db, role, "00000000-0000-0000-0000-000000000001") as s:
        s.rows(f"prepare p as {statements()[name]}")
        n = parameters(name)
        assert s.rows("explain execute p" + (f"({', '.join(['null'] * n)})" if n else ""))


def test_a_lane_claims_nothing_that_its_own_look_does_not_show():
    """returned_claim.race says why, for the lane that it is about."""
    chosen = {name: text for name, text in statements().items() if "lane_pick(" in text}
    assert set(chosen) == {f"sweep_{lane}_claim" for lane in ("handler", "webhook", "sms", "mail", "follow")}
    for name, text in chosen.items():
        assert "join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready and seen.lease_until is null" in text, name
