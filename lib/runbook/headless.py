"""Notebooks run without a reader: one after the other into one run folder, with manifest and report after each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import click
import requests

from runbook.connections import connect
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder, new_run_id
from runbook.evidence.manifest import write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.runner import run_notebook
from runbook.local import servers_run, stop_local_servers
from runbook.settings import AIRTABLE_RATE, read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from runbook.platform import Platform


class Headless:
    """A run without a reader. The sandbox's servers serve all its notebooks, and end with it if it started them."""

    def __init__(
        self,
        platform: Platform,
        environment: str,
        run_id: str | None,
        *,
        suffix: str = "",
        timeout: float | None = None,
    ) -> None:
        self.platform = platform
        self.settings = read_settings(environment, platform)
        self.folder = RunFolder(self.settings.runs / (run_id or new_run_id() + suffix))
        self.timeout = timeout
        self.passed = True
        self._stop_at_end = environment == "sandbox" and not servers_run(self.settings)

    def __enter__(self) -> Self:
        settings = connect(self.platform, self.settings.environment).settings
        click.echo(f"run {self.folder.path.name}, environment {settings.environment}", err=True)
        if settings.rate > AIRTABLE_RATE:
            click.echo(
                f"sandbox: its limit is raised to {settings.rate:g} requests a second and base; Airtable's own is "
                f"{AIRTABLE_RATE:g} (RUNBOOK_SANDBOX_RATE sets it)",
                err=True,
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._stop_at_end:
            stop_local_servers(self.settings)

    def run(self, notebook: Path, parameters: dict[str, Any]) -> bool:
        """Run one notebook; True if its gate is green. Its outcome is in the run folder either way."""
        click.echo(f"{notebook.stem} … ", err=True, nl=False)
        done = run_notebook(
            notebook, self.folder, {**parameters, "run_id": self.folder.path.name}, timeout=self.timeout
        )
        passed = done.status == "passed"
        self.passed = self.passed and passed
        color = "green" if passed else "red"
        click.echo(f"{click.style(done.status, fg=color)} in {done.seconds:.1f} s", err=True)
        if done.error:
            click.echo(f"  {done.error}", err=True)
        write_manifest(self.folder)
        write_report(self.folder)
        return passed

    def close(self) -> None:
        """Say where the run is and what to do with it."""
        name = self.folder.path.name
        click.echo(f"report  {self.folder.path / 'index.html'}", err=True)
        if self.passed:
            click.echo(f"verify  runbook verify {name}\nsign    runbook sign-off {name} --who NAME", err=True)
        else:
            click.echo("a gate is red; what stands is kept, and the same command goes on from there", err=True)


def post_alert(url: str, folder: RunFolder) -> None:
    """POST what is red to a webhook, as JSON with `text` (what chat services show). Raises SettingError if it fails."""
    verdict = folder.read_evidence("integrity_check", "gate") or {"reasons": ["the check itself could not run"]}
    reasons = verdict["reasons"]
    text = f"Integrity check {folder.path.name}: {len(reasons)} alerts\n" + "\n".join(f"• {r}" for r in reasons)
    try:
        answer = requests.post(url, data=json.dumps({"text": text, "run": folder.path.name, "alerts": reasons}),
                               headers={"Content-Type": "application/json"}, timeout=30)  # fmt: skip
        answer.raise_for_status()
    except requests.RequestException as error:
        # The address may hold a token: it is not shown.
        raise SettingError(f"the alert could not be posted ({type(error).__name__}); check RUNBOOK_ALERT_URL") from None
