"""What ends with 2, because nothing was done, and what with 1, because something stands; kernels included."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_kit import call
from runbook.commands import run as commands_run
from runbook.commands.run import Headless
from sandbox import Sandbox


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A site with one row of one collection."""
    (tmp_path / "home/sandbox").mkdir(parents=True)
    site = tmp_path / "site"
    site.mkdir()
    (site / "FAQs.jsonl").write_text('{"_id": "f1", "question": "Why?", "answer": "So."}\n')
    with Sandbox(site=site, requests_per_second="off") as box:
        (tmp_path / "home/sandbox/server.json").write_text(json.dumps({"url": box.airtable_url, "pid": os.getpid()}))
        monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("RUNBOOK_RUNS", str(tmp_path / "runs"))
        yield box


def refuse(box: Sandbox, service: str, status: int, **match: object) -> None:
    box.faults({"match": {"service": service, **match}, "kind": "status", "status": status, "times": None})


@pytest.mark.slow
def test_phase_1_with_keys_that_nobody_knows_ends_with_2_and_names_both(box: Sandbox, tmp_path: Path) -> None:
    refuse(box, "airtable", 401)
    refuse(box, "wix", 401)
    said = call("run", "1", "--new-run", "first", code=2).err
    assert (
        "AccessRefused: the access check is red, so nothing was created or written: Airtable: who the token is" in said
    )
    assert "; Wix: list collections: " in said
    assert "refused; nothing was created or written, neither in Airtable nor in Wix" in said
    assert (tmp_path / "runs/first/01_infrastructure.failed.ipynb").exists()
    access = json.loads((tmp_path / "runs/first/evidence/01_infrastructure/access.json").read_text())
    assert not access["passed"]
    box.faults(clear=True)
    assert "run first goes on" in call("run", "1").err  # the same run, now that the keys are right


@pytest.mark.slow
def test_what_stands_when_a_later_phase_is_refused_ends_with_1(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    call("run", "2", "--new-run", "first")
    refuse(box, "wix", 401)
    assert "refused; nothing was created" in call("run", "3", code=2).err
    box.faults(clear=True)
    run = Headless.run

    def then_refused(self: Headless, notebook: Path, parameters: dict[str, Any]) -> bool:
        """As a key that is withdrawn between two phases."""
        green = run(self, notebook, parameters)
        refuse(box, "wix", 401)
        return green

    monkeypatch.setattr(Headless, "run", then_refused)
    said = call("run", "2", "3", "--new-run", "second", code=1).err
    assert "02_content … passed" in said
    assert "a gate is red; what was written is kept" in said


@pytest.mark.slow
@pytest.mark.parametrize("then", ["signed", "disk full"])
def test_what_stands_when_a_later_phase_cannot_begin_ends_with_1(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    run = Headless.run

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "runs/first"))

    def then_not(self: Headless, notebook: Path, parameters: dict[str, Any]) -> bool:
        green = run(self, notebook, parameters)
        if then == "signed":
            (self.folder.path / "sign-off.json").write_text("{}")
        else:
            monkeypatch.setattr(commands_run, "write_manifest", full)
        return green

    monkeypatch.setattr(Headless, "run", then_not)
    said = call("run", "2", "3", "--new-run", "first", code=1).err
    assert ("is sealed" if then == "signed" else "No space left on device") in said
    assert "what was written before is kept, in run first" in said


@pytest.mark.slow
def test_a_plan_that_cannot_be_read_ends_with_2(box: Sandbox) -> None:
    assert "FAQs" in call("plan", "2").out
    refuse(box, "wix", 401)
    assert "WIX_API_KEY is not accepted" in call("plan", "2", code=2).err


def test_a_plan_of_another_site_is_shown_and_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home/sandbox").mkdir(parents=True)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/Songs.jsonl").write_text('{"_id": "s1"}\n')
    with Sandbox(site=tmp_path / "site", requests_per_second="off") as box:
        (tmp_path / "home/sandbox/server.json").write_text(json.dumps({"url": box.airtable_url, "pid": os.getpid()}))
        monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("RUNBOOK_RUNS", str(tmp_path / "runs"))
        said = call("plan", "2", code=2)
        assert "FAQs" in said.out
        assert "WIX_SITE_ID may belong to another site" in said.err
