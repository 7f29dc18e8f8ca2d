"""Machines that share one state on PostgreSQL share its hold on a base."""

from __future__ import annotations

import pytest

from fleet_platform import Fleet
from machines import facts, other_machine
from postgresql import create_database
from runbook.holding import open_base
from runbook.state import State


@pytest.mark.slow
def test_machines_that_share_a_state_share_its_hold(
    fleet: Fleet, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_STATE_URL", create_database(postgres, "shared_hold"))
    opened: list[State] = []

    def remembered(url: str) -> State:
        opened.append(State(url))
        return opened[-1]

    monkeypatch.setattr("runbook.connections.State", remembered)
    fleet.migrate(2)
    assert "postgres@" not in facts(fleet)["state"]["By"]  # who connects is nobody's business
    assert "shared_hold" in facts(fleet)["state"]["By"]
    first = open_base(fleet.connect(), run_id="r1")
    first.claim()
    with other_machine(fleet):
        second = open_base(fleet.connect(), run_id="r2")
        second.claim()
        assert second.notes == []
        assert len([fact for fact in facts(fleet) if fact.startswith("claim ")]) == 1
        first.release()
        assert len([fact for fact in facts(fleet) if fact.startswith("claim ")]) == 1
        second.release()
    assert not [fact for fact in facts(fleet) if fact.startswith("claim ")]
    for state in opened:
        state.close()
