# SPDX-License-Identifier: MIT
"""Every named statement against a real server: a wrong column or a forgotten grant is a failed check, not a 500 at night."""
import pytest

from conftest import Libpq, Session, is_utility, parameters, statements

pytestmark = pytest.mark.statements

# Which program runs the statements of a folder or a file, and as which role.
USERS = {
    "disposition": ("taskgate_api",), "calls": ("taskgate_api",), "work": ("taskgate_api",), "ops": ("taskgate_api",), "db/session": ("taskgate_api",),
    "sweep": ("taskgate_sweep",), "ctl": ("taskgate_ctl",), "db/migrate": (),
}
ALSO = {"task_cancel": "taskgate_ctl", "task_revive": "taskgate_ctl", "task_why": "taskgate_ctl", "session_setup": "taskgate_sweep", "db_role": "taskgate_sweep"}


def test_every_statement_is_prepared(db):
    pq = Libpq(db.conninfo("taskgate_api"))
    try:
        for name, text in statements().items():
            assert pq.prepare(name, text) == parameters(text), name
    finally:
        pq.close()


def test_every_file_of_statements_has_a_user():
    from conftest import QUERIES
    assert not [p for p in QUERIES.glob("*/*.sql") if not {p.parent.name, f"{p.parent.name}/{p.stem}"} & set(USERS)]


def owners():
    found = [(name, role, text) for file, roles in USERS.items() for name, text in statements(file).items() for role in roles]
    found += [(name, role, statements()[name]) for name, role in ALSO.items()]
    return [pytest.param(*f, id=f"{f[0]}-{f[1]}") for f in found if not is_utility(f[2])]


@pytest.mark.parametrize("name, role, text", owners())
def test_statement_may_be_run_by_its_role(db, name, role, text):
    """The executor checks all rights at its start, so EXPLAIN of the generic plan is enough."""
    with Session(db, role, "00000000-0000-0000-0000-000000000001") as s:
        s.rows(f"prepare p as {text}")
        n = parameters(text)
        assert s.rows("explain execute p" + (f"({', '.join(['null'] * n)})" if n else ""))


def test_a_lane_claims_nothing_that_its_own_look_does_not_show():
    """returned_claim.race says why, for the lane that it is about."""
    chosen = {name: text for name, text in statements().items() if "lane_pick(" in text}
    assert set(chosen) == {f"sweep_{lane}_claim" for lane in ("handler", "webhook", "sms", "mail", "follow")}
    for name, text in chosen.items():
        assert "join work seen on seen.id = p.id and seen.fence = p.fence and seen.ready and seen.lease_until is null" in text, name
