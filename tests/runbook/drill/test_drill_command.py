"""`runbook rollback --drill`: what it refuses before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.drill import drill as drilling


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--writes", "5"], "--writes and --keep-copy go with --drill"),
        (["--keep-copy"], "--writes and --keep-copy go with --drill"),
        (["--drill", "--leave", "--why", "x"], "goes without --leave, --why and --dry-run"),
        (["--drill", "--dry-run"], "goes without --leave, --why and --dry-run"),
        (["--drill", "--writes", "0"], "0 is not in the range"),
        (["--drill", "--flag", "truck"], "there is no flag 'truck'"),
    ],
)
def test_what_it_refuses(options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_RUNS", str(tmp_path / "runs"))
    result = CliRunner().invoke(main, ["rollback", *options])
    assert result.exit_code == 2
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_it_opens_no_environment_and_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_RUNS", str(tmp_path / "runs"))
    for name in ("AIRTABLE_API_KEY", "WIX_API_KEY", "WIX_SITE_ID", "AIRTABLE_BASE_ID", "AIRTABLE_WORKSPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    seen: list[dict[str, object]] = []

    def run(headless: drilling.Headless, notebook: Path, parameters: dict[str, object]) -> bool:
        seen.append({"notebook": notebook.name, **parameters})
        return True

    monkeypatch.setattr(drilling.Headless, "run", run)
    result = CliRunner().invoke(main, ["rollback", "--drill", "-e", "live", "--phase", "4", "--writes", "7"])
    assert result.exit_code == 1  # nothing has passed: the notebook was not run here
    assert seen == [
        {
            "notebook": "rollback.ipynb",
            "environment": "live",
            "phase": 4,
            "flag": None,
            "keep_copy": False,
            "drill": True,
            "writes": 7,
        }
    ]
    assert not (tmp_path / "home").exists()
