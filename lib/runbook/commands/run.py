"""Run notebooks headless, one after the other, into one run folder; write manifest and report after each."""

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
from runbook.display import plural
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder, check_name, new_run_id
from runbook.evidence.manifest import write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.runner import run_notebook, sigterm_raises
from runbook.local import servers_for
from runbook.platform import Platform
from runbook.settings import AIRTABLE_RATE, read_settings


class Headless:
    """A headless run. All its notebooks use the same sandbox servers, which stop with it if it started them.

    `continues`: whether the command takes `--run-id`. Nothing is written before the `with` block is entered.
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
        continues: bool = True,
    ) -> None:
        self.platform = platform
        self.settings = read_settings(environment, platform)
        self.run_id = check_name(run_id) if run_id is not None else new_run_id() + suffix
        self.timeout = timeout
        self.continues = continues
        self._dry = suffix == "-dry"
        self._outcomes: list[bool] = []
        self._stack = ExitStack()

    @property
    def passed(self) -> bool:
        """Whether at least one notebook was run and all are green."""
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
                    f"sandbox: the rate limit is raised to {settings.rate:g} requests per second and base (set "
                    f"RUNBOOK_SANDBOX_RATE to change it); Airtable's own limit is {AIRTABLE_RATE:g}",
                    err=True,
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, notebook: Path, parameters: dict[str, Any]) -> bool:
        """Run one notebook; True if its gate is green. The result is in the run folder, the manifest and the report.

        Raises SystemExit with 128 + the signal number if Ctrl-C or SIGTERM stops it.
        """
        click.echo(f"{notebook.stem} … ", err=True, nl=False)
        try:
            done = run_notebook(notebook, self.folder, {**parameters, "run_id": self.run_id}, timeout=self.timeout)
        except (KeyboardInterrupt, SystemExit) as stop:
            click.echo(click.style("stopped", fg="red"), err=True)
            self._outcomes.append(False)
            self._write()
            self._report("interrupted; what was written is kept")
            code = stop.code if isinstance(stop, SystemExit) else 128 + signal.SIGINT
            raise SystemExit(code) from None
        except BaseException:
            click.echo("not run", err=True)  # the reason follows on the next line
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
        """Report where the run is and what to do next."""
        if not self.passed:
            self._report("a gate is red; what was written is kept")
            return
        self._report(None)
        click.echo(f"verify  runbook verify {self.run_id}", err=True)
        if not self._dry:  # a dry run has nothing to sign
            click.echo(f"sign    runbook sign-off {self.run_id} --who NAME", err=True)

    def _report(self, problem: str | None) -> None:
        click.echo(f"report  {self.folder.path / 'index.html'}", err=True)
        if problem is not None:
            how = f"the same command with --run-id {self.run_id}" if self.continues else "the same command again"
            click.echo(f"{problem}; run {how} to continue", err=True)


def check_alert_url(url: str) -> None:
    """Raises SettingError if alerts cannot be posted to the URL; does not show it, because it may contain a token."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingError("--alert-url or RUNBOOK_ALERT_URL is not a URL to post to; expected https://host/path")


def post_alert(url: str, folder: RunFolder) -> str | None:
    """POST the alerts to a webhook, as JSON with a `text` for chat services. Returns an error message, or None."""
    gate = folder.read_evidence("integrity_check", "gate") or {"reasons": ["the check could not run"]}
    reasons = gate["reasons"] or ["the check did not finish"]
    text = f"Integrity check {folder.run_id}: {plural(len(reasons), 'alert')}\n" + "\n".join(f"• {r}" for r in reasons)
    try:
        response = requests.post(url, data=json.dumps({"text": text, "run": folder.run_id, "alerts": reasons}),
                               headers={"Content-Type": "application/json"}, timeout=30)  # fmt: skip
    except requests.RequestException as error:
        # The URL may contain a token: it is not shown.
        return f"the alert could not be posted ({type(error).__name__}); check RUNBOOK_ALERT_URL or --alert-url"
    if not response.ok:
        return f"the alert was refused with status {response.status_code}; check RUNBOOK_ALERT_URL or --alert-url"
    return None
