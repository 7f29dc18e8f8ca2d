"""Whole drills of a small site: on a copy made from snapshots, with the environment left as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import Fleet, copy_of
from runbook.commands.rollback import Rollback, open_rollback
from runbook.cutover.drills import reasons_for_drill
from runbook.drill.drill import Drill, open_drill, open_way_back
from runbook.drill.rehearsal import Outcome, Rehearsal
from runbook.drill.writes import KINDS
from runbook.errors import CheckFailed, SettingError
from runbook.evidence.folder import read_json
from yard import COLLECTIONS, items, save_yard

pytestmark = pytest.mark.slow
WRITES = 60


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    saved = save_yard(tmp_path_factory.mktemp("yard"))
    with copy_of(saved, tmp_path_factory.mktemp("copy")) as fleet:
        yield fleet


def _everything(fleet: Fleet) -> Any:
    """Both sides, flags, and the state's files but for what notes the drill itself."""
    state = fleet.connect().state
    sides = {name: (items(fleet, name), fleet.records(name)) for name in COLLECTIONS}
    return sides, state.flags.all(), state.flags.history(), state.facts.progress(fleet.base())


@pytest.fixture(scope="module")
def careless(yard: Fleet) -> tuple[Drill, Any, Any]:
    """A drill of a rollback that carries nothing back, and the environment before and after."""
    before = _everything(yard)
    with pytest.MonkeyPatch.context() as patch:
        without = lambda *given, **named: open_rollback(*given, **{**named, "reverse_sync": False})  # noqa: E731
        patch.setattr("runbook.drill.rehearsal.open_rollback", without)
        drill = open_drill(yard.platform, writes=WRITES, keep_copy=True)
        drill.drill()
    return drill, before, _everything(yard)


def test_a_way_back_that_carries_nothing_does_not_pass(careless: tuple[Drill, Any, Any]) -> None:
    drill, _, _ = careless
    assert drill.result is not None
    assert drill.result.lost > 5
    assert drill.result.outcome.wix.wrong
    with pytest.raises(CheckFailed, match="the drill of the way back did not pass"):
        drill.verdict()
    gate = drill.folder.read_evidence("rollback", "gate")
    assert gate is not None
    assert not gate["passed"]


def test_the_environment_is_neither_read_nor_written_but_for_the_verdict(
    yard: Fleet, careless: tuple[Drill, Any, Any]
) -> None:
    drill, before, after = careless
    assert before == after
    noted = yard.connect().state.facts.drill()
    assert noted is not None
    assert drill.result is not None
    assert (noted.passed, noted.run, noted.writes) == (False, drill.folder.run_id, drill.result.writes)
    assert noted.catalog == yard.platform.catalog.sha256
    assert noted.lost == drill.result.lost


def test_the_copy_is_filled_from_snapshots_and_for_its_owner_alone(careless: tuple[Drill, Any, Any]) -> None:
    drill, _, _ = careless
    assert drill.result is not None
    assert "newest exported snapshots" in drill.result.outcome.filled
    assert drill.result.outcome.rows == 24
    folder = Path(os.environ["RUNBOOK_HOME"]) / "drill/sandbox"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_the_evidence_has_counts_ids_and_keys_but_no_value(careless: tuple[Drill, Any, Any]) -> None:
    drill, _, _ = careless
    facts = read_json(drill.folder.path / "evidence/rollback/drill.json")
    assert facts["wix"]["lost"] == len(facts["wix"]["listed"]["lost"]) > 0
    assert set(facts["seconds"]) >= {"forth", "writes", "back"}
    assert facts["held"] > 0
    text = (drill.folder.path / "evidence/rollback/drill.json").read_text()
    assert "Drill 1" not in text
    assert "driver 0" not in text


def test_nothing_is_lost_nothing_twice_and_then_there_is_nothing_to_do(yard: Fleet) -> None:
    drill = open_drill(yard.platform, writes=WRITES)
    shown = repr(drill.drill())
    assert drill.result is not None
    assert "\n".join(drill.result.reasons) == ""
    assert drill.result.outcome.writes.keys() == KINDS.keys()
    assert drill.result.writes >= WRITES
    assert f"{drill.result.writes} writes, 0 lost, 0 twice" in shown
    assert f"{drill.result.writes} writes: 0 lost, 0 twice" in repr(drill.verdict())
    assert drill.result.outcome.while_going_back > 0
    assert drill.result.outcome.after_the_turn > 0
    noted = yard.connect().state.facts.drill()
    assert noted is not None
    assert noted.passed
    assert noted.seconds.keys() == {"forth", "writes", "back", "forth again", "forth, nothing to do"}


def test_the_next_drill_removes_what_is_left_and_its_own_copy(yard: Fleet) -> None:
    folder = Path(os.environ["RUNBOOK_HOME"]) / "drill/sandbox"
    (folder / "sandbox").mkdir(parents=True, exist_ok=True)
    (folder / "left by a killed drill").touch()
    drill = open_drill(yard.platform, flag="drivers", writes=3)
    drill.drill()
    assert not folder.exists()
    assert [flag for flag, _ in drill.table().rows] == ["drivers"]


def test_one_that_is_stopped_has_not_passed_and_leaves_no_copy(yard: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(rehearsal: Rehearsal) -> Outcome:
        assert rehearsal.copy.folder.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(Rehearsal, "run", stopped)
    drill = open_drill(yard.platform)
    with pytest.raises(KeyboardInterrupt):
        drill.drill()
    assert not (Path(os.environ["RUNBOOK_HOME"]) / "drill/sandbox").exists()
    (reason,) = reasons_for_drill(yard.connect().state, yard.platform.catalog, "sandbox")
    assert "did not finish" in reason
    with pytest.raises(CheckFailed, match="it was not run"):
        drill.verdict()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dry_run": True}, "drill and dry_run are both set"),
        ({"writes": 0}, "writes is 0"),
        ({"writes": "5"}, "writes is '5'"),
        ({"phase": 2, "flag": "trucks"}, "phase and flag are both set"),
        ({"phase": 1}, "phase 1 has no flags"),
        ({"flag": "truck"}, "there is no flag 'truck'"),
    ],
)
def test_what_it_refuses(yard: Fleet, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        open_way_back(yard.platform, drill=True, **parameters)


def test_without_drill_it_is_a_rollback(yard: Fleet) -> None:
    opened = open_way_back(yard.platform, dry_run=True)
    assert isinstance(opened, Rollback)
    assert "rehearses it on a copy instead" in repr(opened.drill())
