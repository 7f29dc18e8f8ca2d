"""Comparing a collection again leaves the run of its snapshot as it is, whatever has changed since."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_platform import Fleet
from runbook.commands.monitor import open_check
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import verify
from runbook.steps import transform


def _other_code(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "_code", lambda: "another release")


def _no_staged_rows(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(run / "staged")  # held back: a run that was copied may lack them


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def signed(turned: Fleet) -> RunFolder:
    progress = turned.connect().state.facts.progress(turned.base())
    (run_id,) = {done.run_id for done in progress.values()}
    folder = RunFolder(turned.path / "runs" / run_id)
    quarantine = folder.path / "quarantine/Trucks.jsonl"
    assert quarantine.exists()
    (folder.path / "sign-off.json").write_text('{"signatures": []}')
    return folder


@pytest.mark.parametrize("change", [_other_code, _no_staged_rows])
def test_the_weekly_check_writes_into_its_own_run_alone(
    turned: Fleet, signed: RunFolder, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(signed.path, monkeypatch)
    before = content(signed.path)
    check = open_check(turned.platform)
    assert [row[4] for row in check.compare().rows] == ["passed"] * 3
    check.record_counts()
    check.error_rate()
    check.verdict()
    assert content(signed.path) == before
    assert verify(signed).problems == ()
    assert verify(check.folder).ok
    assert not list(check.folder.path.glob("quarantine/*")), "what an earlier run quarantined is not of this one"


@pytest.mark.parametrize("change", [_other_code, _no_staged_rows])
def test_phase_6_compares_again_into_its_own_run_alone(
    turned: Fleet, signed: RunFolder, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(signed.path, monkeypatch)
    before = content(signed.path)
    run = turned.open(3, new_run="later")
    assert [row[-1] for row in run.recheck().rows] == ["passed"] * 3
    assert content(signed.path) == before
    assert run.results.rechecked["Trucks"].quarantined == 1
    assert (run.folder.path / "staged" / signed.run_id / "Trucks.jsonl.gz").exists()


def test_what_is_whole_is_not_staged_again(turned: Fleet, signed: RunFolder) -> None:
    run = turned.open(3, new_run="later")
    run.recheck()
    assert list((run.folder.path / "staged").iterdir()) == []
