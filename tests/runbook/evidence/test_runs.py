"""Which run goes on: by its name, its stamp, the time at which it began; never one that is signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import write_manifest
from runbook.evidence.runs import find_run, known_runs, make_stamp, set_base

PHASES = ("02_content",)
BASE = "app00000000000001"


def open_(runs: Path, base: str | None = BASE, phases: tuple[str, ...] = PHASES, **named: Any) -> RunFolder:
    kind = named.pop("kind", "migration")
    return find_run(runs, make_stamp("live", "wix", base=base, kind=kind), phases=phases, **named)


def began(folder: RunFolder, at: str) -> None:
    path = folder.path / "evidence/run/run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "begun": at}))


def sign(folder: RunFolder) -> None:
    (folder.path / "sign-off.json").write_text("{}")


def passed(folder: RunFolder, *phases: str) -> None:
    for phase in phases:
        folder.write_evidence(phase, "gate", {"passed": True, "reasons": []})


def test_the_newest_by_time_not_by_name(tmp_path: Path) -> None:
    for name, at in (("a-new", "2026-11-02T00:00:00+00:00"), ("z-old", "2026-11-01T00:00:00+00:00")):
        began(open_(tmp_path, new_run=name), at)
    assert [run.path.name for run in known_runs(tmp_path)] == ["a-new", "z-old"]
    assert open_(tmp_path).run_id == "a-new"


def test_a_run_of_another_base_is_not_open(tmp_path: Path) -> None:
    first = open_(tmp_path)
    assert open_(tmp_path).run_id == first.run_id
    assert open_(tmp_path, base="app00000000000002").run_id != first.run_id
    assert open_(tmp_path, base=None).run_id != first.run_id  # the state knows no base: it was lost, or cleaned
    with pytest.raises(SettingError, match=f"belongs to base {BASE}, and this environment's is app00000000000002"):
        open_(tmp_path, base="app00000000000002", run_id=first.run_id)


def test_a_run_that_made_the_base_is_of_this_base(tmp_path: Path) -> None:
    first = open_(tmp_path, base=None)
    set_base(first, BASE)
    assert open_(tmp_path).run_id == first.run_id


def test_a_signed_run_is_not_open_and_cannot_be_named(tmp_path: Path) -> None:
    first = open_(tmp_path, new_run="first")
    sign(first)
    assert open_(tmp_path).run_id != "first"
    for named in ({"run_id": "first"}, {"new_run": "first"}):
        with pytest.raises(SettingError, match="run first is signed, so it is sealed"):
            open_(tmp_path, **named)


def test_the_newest_unsigned_run_goes_on_though_a_later_one_is_signed(tmp_path: Path) -> None:
    first, second = open_(tmp_path, new_run="first"), open_(tmp_path, new_run="second")
    began(first, "2026-11-01T00:00:00+00:00")
    sign(second)
    assert open_(tmp_path).run_id == "first"


def test_a_run_in_which_every_phase_has_passed_is_not_open(tmp_path: Path) -> None:
    first = open_(tmp_path)
    passed(first, "02_content")
    assert open_(tmp_path).run_id != first.run_id
    began(first, "2099-01-01T00:00:00+00:00")  # the newest
    assert open_(tmp_path, phases=("02_content", "03_core")).run_id == first.run_id


def test_a_name_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no run 'frist'; there is none yet"):
        open_(tmp_path, run_id="frist")
    for name in ("first", "other", "firth"):
        open_(tmp_path, new_run=name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingError, match=r"did you mean 'fir(th|st)' or 'fir(th|st)'\?"):
        open_(tmp_path, run_id="firts")
    with pytest.raises(SettingError, match=r"--new-run"):
        open_(tmp_path, run_id="quite-another")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_run_goes_on_when_the_same_call_is_made_again_until_it_has_finished(tmp_path: Path) -> None:
    first = open_(tmp_path, new_run="nightly")
    assert open_(tmp_path, new_run="nightly").path == first.path  # as after a kill
    passed(first, *PHASES)
    with pytest.raises(SettingError, match="there is a run nightly already, and it has finished"):
        open_(tmp_path, new_run="nightly")
    assert open_(tmp_path, new_run="nightly", phases=("03_core",)).path == first.path
    with pytest.raises(SettingError, match="run_id and new_run are both set"):
        open_(tmp_path, new_run="nightly", run_id="nightly")


def test_a_check_never_goes_on_by_itself_and_no_phase_goes_on_in_it(tmp_path: Path) -> None:
    check = open_(tmp_path, kind="integrity_check", suffix="-check")
    assert open_(tmp_path, kind="integrity_check", suffix="-check").run_id != check.run_id
    assert open_(tmp_path).run_id != check.run_id
    with pytest.raises(SettingError, match=r"was opened with .*, notebook integrity_check"):
        open_(tmp_path, run_id=check.run_id)
    assert open_(tmp_path, kind="integrity_check", run_id=check.run_id).path == check.path


def test_a_run_of_an_older_version_is_not_taken_for_one_of_this_base(tmp_path: Path) -> None:
    old = RunFolder(tmp_path / "old")
    old.write_evidence("run", "run", {"environment": "live", "source": "wix", "dry_run": False})
    assert open_(tmp_path).run_id != "old"
    assert open_(tmp_path, run_id="old").run_id == "old"  # a person says so


def test_a_stamp_that_cannot_be_read_stops_no_other_run(tmp_path: Path) -> None:
    broken = open_(tmp_path)
    (broken.path / "evidence/run/run.json").write_text("{")
    assert open_(tmp_path).run_id != broken.run_id


def test_a_folder_that_is_a_link_is_no_run_that_goes_on(tmp_path: Path) -> None:
    first = open_(tmp_path / "elsewhere")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/link").symlink_to(first.path)
    assert open_(tmp_path / "runs").run_id != "link"


def test_the_manifest_says_when_the_run_began(tmp_path: Path) -> None:
    folder = open_(tmp_path)
    began(folder, "2026-11-01T08:00:00.000+00:00")
    manifest = json.loads(write_manifest(folder).read_text())
    assert manifest["begun"] == "2026-11-01T08:00:00.000+00:00" < manifest["first_written"]
