"""What a gate says of the newest drill where it asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet
from lmdr.platform import PLATFORM
from runbook.cutover.drills import reasons_for_drill
from runbook.errors import CheckFailed
from runbook.run.gate import evaluate_gate
from runbook.state import DrillResult, State

CATALOG = PLATFORM.catalog
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as state:
        yield state


def drilled(**changed: Any) -> DrillResult:
    good = DrillResult(NOW.isoformat(), True, "run-d", 100, 0, 0, {"back": 1.5}, CATALOG.sha256)
    return good._replace(**changed)


CASES: dict[str, tuple[DrillResult | None, str | None]] = {
    "none": (None, "was never rehearsed"),
    "one that passed": (drilled(), None),
    "seven days ago": (drilled(at=(NOW - timedelta(days=7)).isoformat()), None),
    "longer ago": (drilled(at=(NOW - timedelta(days=7, seconds=1)).isoformat()), "was 7 days ago"),
    "in the future": (drilled(at=(NOW + timedelta(days=2)).isoformat()), "dated in the future"),
    "one that did not pass": (drilled(passed=False, lost=2, twice=1), "did not pass: 2 writes lost, 1 twice"),
    "one that was killed": (drilled(passed=False, writes=0, seconds={}), "did not finish"),
    "of another catalog": (drilled(catalog="0" * 64), "was of another catalog"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_newest_drill_must_have_passed_lately_and_be_of_this_catalog(state: State, case: str) -> None:
    result, words = CASES[case]
    if result is not None:
        state.facts.set_drill(drilled())  # an earlier one, which no longer counts
        state.facts.set_drill(result)
    assert state.facts.drill() == result
    reasons = reasons_for_drill(state, CATALOG, "live", NOW)
    assert len(reasons) == (words is not None)
    for reason in reasons:
        assert str(words) in reason
        assert "`runbook rollback --drill -e live`" in reason


def test_the_gate_asks_for_it_only_where_it_is_required(fleet: Fleet) -> None:
    fleet.migrate(2)
    run = fleet.open(2, require_drill=True, turn_flags=True)
    with pytest.raises(CheckFailed, match="the way back was never rehearsed"):
        fleet.steps(run)
    state = fleet.connect().state
    assert set(state.flags.all().values()) == {"wix"}
    at = datetime.now(UTC).isoformat()
    state.facts.set_drill(drilled(at=at, catalog=fleet.platform.catalog.sha256))
    assert evaluate_gate(run).reasons == ("check failed: every requested flag turned",)
    run.turn_flags()
    assert run.gate().passed
