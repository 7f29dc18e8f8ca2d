"""A phase in which nothing was found says so, everywhere, and counts as passed nowhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from a_run import SLUG, made, phase
from command_kit import call
from fleet_platform import ROWS, Fleet, fleet_site
from runbook.commands.flags import set_flag
from runbook.commands.status import status
from runbook.errors import CheckFailed, FlagRefused
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import verify, write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.signing import sign_off
from runbook.run.flags import TURNED
from sandbox import Sandbox


@pytest.fixture(params=["absent", "empty"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    """Phase 3 has one collection, of which the site has no row."""
    rows = {name: ROWS[name] for name in ("Trucks", "Trips")}
    with fleet_site(tmp_path, rows if request.param == "absent" else {**rows, "Owners": []}) as fleet:
        yield fleet


def test_the_gate_says_so_and_has_not_passed(fleet: Fleet) -> None:
    run = fleet.migrate(3)
    gate = run.gate()
    assert (gate.verdict, gate.passed, gate.reasons) == ("nothing to do", False, ())
    assert "the source has no row of this phase's collections" in repr(gate)
    facts = run.folder.read_evidence("03_people", "gate")
    assert facts is not None
    assert (facts["passed"], facts["nothing_to_do"]) == (False, True)
    state = run.connections.state.facts
    assert state.gate(fleet.base(), 3) == (False, run.run_id)
    assert state.nothing_to_do(fleet.base(), 3)
    verdicts = {row[1]: row[6] for row in status(fleet.platform, "sandbox").rows}
    assert verdicts == {"Trucks": "not migrated", "Trips": "not migrated", "Owners": "nothing to do"}


def test_no_flag_turns_on_it(fleet: Fleet) -> None:
    run = fleet.open(3, turn_flags=True)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    assert "nothing was verified" in repr(run.turn_flags())
    assert run.connections.state.flags.get("owners") == "wix"
    with pytest.raises(CheckFailed, match=TURNED):
        run.gate()
    fleet.migrate(3)
    with pytest.raises(FlagRefused, match="the gate of phase 3 found nothing to do, so it verified nothing"):
        set_flag(fleet.platform, "sandbox", "owners", "airtable", who="ann", why="")


def test_it_does_not_keep_a_run_open(fleet: Fleet) -> None:
    first = fleet.migrate(3)
    assert fleet.open(3).run_id != first.run_id


def test_rows_that_come_later_make_it_pass(tmp_path: Path) -> None:
    with fleet_site(tmp_path, {**ROWS, "Owners": []}) as fleet:
        fleet.migrate(3)
        fleet.save("Owners", *ROWS["Owners"])
        run = fleet.migrate(3)
        assert run.gate().passed
        assert not run.connections.state.facts.nothing_to_do(fleet.base(), 3)


@pytest.mark.slow
def test_a_phase_that_compares_others_again_has_done_something(fleet: Fleet) -> None:
    fleet.migrate(2)
    run = fleet.migrate(3)
    run.recheck()
    assert run.gate().passed


def nothing(folder: RunFolder, slug: str) -> None:
    phase(folder, slug)
    folder.write_evidence(slug, "collections", {})
    folder.write_evidence(slug, "gate", {"passed": False, "nothing_to_do": True, "reasons": [], "warnings": []})
    (folder.path / f"{slug}.passed.html").unlink()
    (folder.path / f"{slug}.passed.ipynb").rename(folder.path / f"{slug}.nothing-to-do.ipynb")


def test_report_and_signature_name_it_and_a_run_of_nothing_else_cannot_be_signed(tmp_path: Path) -> None:
    folder = made(tmp_path / "a-run")
    nothing(folder, "04_more")
    write_manifest(folder)
    page = write_report(folder).read_text()
    assert "○ nothing to do" in page
    assert "Every gate is green, or had nothing to do" in page
    assert sign_off(folder, "Ann").phases == {SLUG: "passed", "04_more": "nothing to do"}
    empty = RunFolder(tmp_path / "empty")
    nothing(empty, "04_more")
    write_manifest(empty)
    assert "Nothing to do" in write_report(empty).read_text()
    assert verify(empty).ok
    with pytest.raises(CheckFailed, match="no phase found anything to do"):
        sign_off(empty, "Ann")


@pytest.mark.slow
def test_the_command_ends_with_0_only_where_something_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home/sandbox").mkdir(parents=True)
    site = tmp_path / "site"
    site.mkdir()
    (site / "FAQs.jsonl").write_text('{"_id": "f1", "question": "Why?", "answer": "So."}\n')
    with Sandbox(site=site, requests_per_second="off") as box:
        (tmp_path / "home/sandbox/server.json").write_text(json.dumps({"url": box.airtable_url, "pid": os.getpid()}))
        monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("RUNBOOK_RUNS", str(tmp_path / "runs"))
        said = call("run", "2", "3", "--new-run", "both").err
        assert "02_content … passed" in said
        assert "03_core_business … nothing to do" in said
        assert (tmp_path / "runs/both/03_core_business.nothing-to-do.ipynb").exists()
        assert "nothing to do" in call("verify", "both").out + call("sign-off", "both", "--who", "Ann").out
        said = call("run", "3", "--new-run", "alone", code=1).err
        assert "nothing to do: the source holds no row of what was asked for" in said
        assert "sign-off" not in said
