"""The end of a migration: freezing, what is left, and unfreezing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleet_platform import Fleet
from runbook.commands.unfreeze import unfreeze
from runbook.cutover.freeze import frozen
from runbook.errors import CheckFailed
from runbook.run.completion import FROZEN_CHECK
from runbook.state import CheckResult

NAMES = ("Trucks", "Trips", "Owners")


def test_nothing_is_frozen_unless_asked_for_or_in_a_dry_run(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3, turn_flags=True)
    assert "freeze is not set. 3 collections" in repr(run.freeze_collections(freeze=False))
    dry = fleet.open(3, dry_run=True)
    assert "dry run" in repr(dry.freeze_collections(freeze=True))
    assert not any(frozen(run.connections.wix, NAMES).values())
    assert FROZEN_CHECK not in {**run.results.checks, **dry.results.checks}


def test_a_freeze_is_refused_with_every_reason(fleet: Fleet) -> None:
    run = fleet.migrate(2, turn_flags=True)
    run.results.checks["the moon is full"] = False
    notes = " ".join(run.freeze_collections(freeze=True).notes)
    for reason in ("the moon is full", "not migrated yet: Owners", "owners"):
        assert reason in notes
    assert not any(frozen(run.connections.wix, NAMES).values())
    with pytest.raises(CheckFailed, match=FROZEN_CHECK):
        run.gate()


def test_a_red_collection_refuses_the_freeze(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3, turn_flags=True)
    facts = run.connections.state.facts
    facts.set_progress(fleet.base(), replace(facts.progress(fleet.base())["Trucks"], green=False))
    assert any("red: Trucks" in note for note in run.freeze_collections(freeze=True).notes)
    assert not any(frozen(run.connections.wix, NAMES).values())


def test_what_is_frozen_can_be_opened_as_it_was(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3, turn_flags=True)
    wix = run.connections.wix
    before = {name: wix.collection(name)["permissions"] for name in NAMES}
    for _ in range(2):  # a second time forgets no former permission
        assert [row[2] for row in run.freeze_collections(freeze=True).rows] == ["passed"] * 3
    assert all(frozen(wix, NAMES).values())
    assert run.gate().passed
    assert run.connections.state.facts.frozen() == before
    assert {row[0] for row in unfreeze(fleet.platform, "sandbox", who="ann").rows} == set(NAMES)
    assert {name: wix.collection(name)["permissions"] for name in NAMES} == before
    assert "No collection is frozen" in repr(unfreeze(fleet.platform, "sandbox", who="ann"))


def verdicts(fleet: Fleet) -> list[str]:
    return [row[2] for row in fleet.open(3).checklist().rows[:4]]


def test_the_checklist_follows_the_evidence(fleet: Fleet) -> None:
    assert verdicts(fleet) == ["waiting"] * 4
    run = fleet.migrate(2, 3, turn_flags=True)
    assert verdicts(fleet) == ["passed", "passed", "waiting", "waiting"]
    (note,) = fleet.open(3).checklist().notes
    assert "every Wix collection frozen" in note
    assert "every flag" not in note
    run.freeze_collections(freeze=True)
    assert verdicts(fleet) == ["passed", "passed", "passed", "waiting"]


def test_thirty_green_days_count_from_the_last_turn(fleet: Fleet) -> None:
    run = fleet.migrate(2, 3)
    state = run.connections.state
    now = datetime.now(UTC)
    for days in (35, 28, 21, 14, 7, 0):
        at = (now - timedelta(days=days)).isoformat(timespec="seconds")
        state.facts.add_integrity_check(CheckResult(at, passed=True, run="r"))
    assert verdicts(fleet) == ["passed", "waiting", "waiting", "passed"]
    state.flags.set("trucks", "airtable", who="a test", why="")
    assert verdicts(fleet) == ["passed", "waiting", "waiting", "waiting"]
