# SPDX-License-Identifier: MIT
"""Every *.race file: what it claims holds with the project's statement, and breaks with the naive one beside it."""
import pathlib

import pytest

import racing

FILES = sorted(pathlib.Path(__file__).parent.glob("*.race"))
DATA = ("task", "task_body", "task_tag", "task_event", "task_log", "work", "delivery", "idempotency", "rate_window", "type_poll", "host_state", "sweeper", "task_type",
        "message", "message_file", "message_event", "twilio_event", "call", "campaign", "pace", "callback", "contact", "agent", "entity", "recipient", "do_not_call")


@pytest.fixture(scope="module")
def tenant(ledger):
    """A tenant of the races' own."""
    return ledger.tenant()


@pytest.fixture
def empty(ledger):
    """Sweepers' statements see all tenants, so the ledger is emptied before each race."""
    for name in DATA:
        ledger.run(f"delete from {name}")
    return ledger


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_holds(empty, tenant, path):
    result = racing.run(empty, racing.Race(path), tenant)
    assert result.holds is True, f"{path.name}\n{result}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_naive_breaks(empty, tenant, path):
    result = racing.run(empty, racing.Race(path), tenant, naive=True)
    assert result.holds is False, f"{path.name}: the check holds with the naive statement as well, so it proves nothing\n{result}"


def test_all_races_of_the_issue_are_there():
    assert {"claim_claim", "claim_cancel", "cancel_claim", "finish_expire", "retry_finish", "two_sweepers", "stale_fence", "same_key", "limit_edge",
            "slot_slot", "second_second", "minute_minute", "listed_claim", "claim_listed", "listed_queued", "grant_cancel", "cancel_grant", "settle_ended", "end_end", "report_dial",
            "expire_dial", "dial_expire", "reports_settle"} <= {p.stem for p in FILES}
