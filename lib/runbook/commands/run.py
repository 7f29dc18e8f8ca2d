"""Notebooks run without a reader: one after the other into one run folder, with manifest and report after each."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import click
import requests

from runbook.connections import connect
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder, check_name, new_run_id
from runbook.evidence.manifest import write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.runner import run_notebook, sigterm_raises
from runbook.local import servers_for
from runbook.platform import Platform
from runbook.settings import AIRTABLE_RATE, read_settings


class Headless:
    """A run without a reader. The sandbox's servers serve all its notebooks, and end with it if it started them.

    `goes_on`: the command that opened it takes `--run-id`. Nothing is written before the `with` block is entered.
    """

    folder: RunFolder

    def __init__(
        self,
        platform: Platform,
        environment: str,
        run_id: str | None,
        *,
        suffix: str = "",
        timeout: float | None = None,
        goes_on: bool = True,
    ) -> None:
        self.platform = platform
        self.settings = read_settings(environment, platform)
        self.run_id = check_name(run_id) if run_id is not None else new_run_id() + suffix
        self.timeout = timeout
        self.goes_on = goes_on
        self._dry = suffix == "-dry"
        self._outcomes: list[bool] = []
        self._stack = ExitStack()

    @property
    def passed(self) -> bool:
        """Whether something was run, and all of it is green."""
        return bool(self._outcomes) and all(self._outcomes)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(sigterm_raises())
            if self.settings.environment == "sandbox":
                stack.enter_context(servers_for(self.settings))
            settings = connect(self.platform, self.settings.environment).settings
            self.folder = RunFolder(self.settings.runs / self.run_id)
            click.echo(f"run {self.run_id}, environment {settings.environment}", err=True)
            if settings.rate > AIRTABLE_RATE:
                click.echo(
                    f"sandbox: its limit is raised to {settings.rate:g} requests a second and base; Airtable's own is "
                    f"{AIRTABLE_RATE:g} (RUNBOOK_SANDBOX_RATE sets it)",
                    err=True,
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, notebook: Path, parameters: dict[str, Any]) -> bool:
        """Run one notebook; True if its gate is green. Its outcome is in the run folder, manifest and report.

        Raises SystemExit with 128 + the signal's number where Ctrl-C or SIGTERM stops it.
        """
        click.echo(f"{notebook.stem} … ", err=True, nl=False)
        try:
            done = run_notebook(notebook, self.folder, {**parameters, "run_id": self.run_id}, timeout=self.timeout)
        except (KeyboardInterrupt, SystemExit) as stop:
            click.echo(click.style("stopped", fg="red"), err=True)
            self._outcomes.append(False)
            self._write()
            self._say_where("stopped from outside; what was written stands")
            code = stop.code if isinstance(stop, SystemExit) else 128 + signal.SIGINT
            raise SystemExit(code) from None
        except BaseException:
            click.echo("not run", err=True)  # the message that follows says why, on a line of its own
            raise
        passed = done.status == "passed"
        self._outcomes.append(passed)
        color = "green" if passed else "red"
        click.echo(f"{click.style(done.status, fg=color)} in {done.seconds:.1f} s", err=True)
        if done.error:
            click.echo(f"  {done.error}", err=True)
        self._write()
        return passed

    def _write(self) -> None:
        write_manifest(self.folder)
        write_report(self.folder)

    def close(self) -> None:
        """Say where the run is and what to do with it."""
        if not self.passed:
            self._say_where("a gate is red; what stands is kept")
            return
        self._say_where(None)
        click.echo(f"verify  runbook verify {self.run_id}", err=True)
        if not self._dry:  # a dry run proves nothing that could be signed
            click.echo(f"sign    runbook sign-off {self.run_id} --who NAME", err=True)

    def _say_where(self, why: str | None) -> None:
        click.echo(f"report  {self.folder.path / 'index.html'}", err=True)
        if why is not None:
            how = f"the same command with --run-id {self.run_id}" if self.goes_on else "the same command, run again,"
            click.echo(f"{why}, and {how} goes on from there", err=True)


def check_alert_url(url: str) -> None:
    """Raises SettingError where no alert could be posted to it; does not show it, since it may hold a token."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise SettingError("--alert-url or RUNBOOK_ALERT_URL is no address to post to; https://host/path is right")


def post_alert(url: str, folder: RunFolder) -> str | None:
    """POST what is red to a webhook, as JSON with `text` (what chat services show). Returns why it did not arrive."""
    verdict = folder.read_evidence("integrity_check", "gate") or {"reasons": ["the check itself could not run"]}
    reasons = verdict["reasons"] or ["the check itself did not come to its end"]
    text = f"Integrity check {folder.run_id}: {len(reasons)} alerts\n" + "\n".join(f"• {r}" for r in reasons)
    try:
        answer = requests.post(url, data=json.dumps({"text": text, "run": folder.run_id, "alerts": reasons}),
                               headers={"Content-Type": "application/json"}, timeout=30)  # fmt: skip
    except requests.RequestException as error:
        # The address may hold a token: it is not shown.
        return f"the alert could not be posted ({type(error).__name__}); check RUNBOOK_ALERT_URL or --alert-url"
    if not answer.ok:
        return f"the alert was not taken: {answer.status_code} was answered; check RUNBOOK_ALERT_URL or --alert-url"
    return None
