"""Run notebooks headless, one after the other, into one run folder; write manifest and report after each."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import click

from runbook.commands import RED, USAGE
from runbook.connections import connect
from runbook.errors import CatalogError, SettingError, StepError
from runbook.evidence.changes import console_lines, read_changes
from runbook.evidence.folder import RunFolder
from runbook.evidence.manifest import write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.runner import Executed, run_notebook, sigterm_raises
from runbook.local import servers_for
from runbook.platform import Platform
from runbook.settings import AIRTABLE_RATE, read_settings


class Headless:
    """A headless run. All its notebooks use the same sandbox servers, which stop with it if it started them.

    `find_folder` finds or makes its folder once the environment is open; nothing is written before the `with` block is
    entered. `opens` False: the environment is not opened, and `find_folder` is called without its connections.
    `continues`: whether the command takes `--run-id`. `red`: what holds where its gate is red.
    """

    folder: RunFolder

    def __init__(
        self,
        platform: Platform,
        environment: str,
        find_folder: Callable[..., RunFolder],
        *,
        opens: bool = True,
        dry_run: bool = False,
        timeout: float | None = None,
        continues: bool = True,
        red: str = "a gate is red; what was written is kept",
    ) -> None:
        self.platform = platform
        self.environment = environment
        self.settings = read_settings(environment, platform) if opens else None
        self.timeout = timeout
        self.continues = continues
        self._red = red
        self._find_folder = find_folder
        self._dry = dry_run
        self._outcomes: list[Executed | None] = []  # None: interrupted
        self._stack = ExitStack()

    @property
    def exit_code(self) -> int:
        """0: something passed and nothing is red; 2: the first notebook was refused, so nothing was done; else 1."""
        if self._outcomes and (first := self._outcomes[0]) is not None and first.refused:
            return USAGE
        red = [done for done in self._outcomes if done is None or not done.green]
        passed = [done for done in self._outcomes if done is not None and done.passed]
        return 0 if passed and not red else RED

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(sigterm_raises())
            settings = self.settings
            if settings is None:
                self.folder = self._find_folder()
            else:
                if self.environment == "sandbox":
                    stack.enter_context(servers_for(settings))
                connections = connect(self.platform, self.environment)
                settings = connections.settings
                self.folder = self._find_folder(connections)
            goes_on = " goes on" if any(self.folder.phases()) else ""
            click.echo(f"run {self.folder.run_id}{goes_on}, environment {self.environment}", err=True)
            if settings is not None and settings.rate > AIRTABLE_RATE:
                click.echo(
                    f"sandbox: the rate limit is raised to {settings.rate:g} requests per second and base (set "
                    f"RUNBOOK_SANDBOX_RATE to change it); Airtable's own limit is {AIRTABLE_RATE:g}",
                    err=True,
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._stack.close()
        # Exit code 2 says that nothing was done: no longer true after the first notebook.
        if self._outcomes and isinstance(error, OSError | SettingError | CatalogError):
            text = (
                f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)
            )
            raise StepError(f"{text}; what was written before is kept, in run {self.folder.run_id}") from None

    def run(self, notebook: Path, parameters: dict[str, Any]) -> bool:
        """Run one notebook; True unless it is red. The result is in the run folder, the manifest and the report.

        Raises SystemExit with 128 + the signal number if Ctrl-C or SIGTERM stops it.
        """
        click.echo(f"{notebook.stem} … ", err=True, nl=False)
        given = {**parameters, "run_id": self.folder.run_id}
        try:
            done = run_notebook(notebook, self.folder, given, timeout=self.timeout)
        except (KeyboardInterrupt, SystemExit) as stop:
            click.echo(click.style("stopped", fg="red"), err=True)
            self._outcomes.append(None)
            self._write()
            self._report("interrupted; what was written is kept")
            code = stop.code if isinstance(stop, SystemExit) else 128 + signal.SIGINT
            raise SystemExit(code) from None
        except BaseException:
            click.echo("not run", err=True)  # the reason follows on the next line
            raise
        self._outcomes.append(done)
        color = "green" if done.passed else "yellow" if done.green else "red"
        click.echo(f"{click.style(done.status.replace('-', ' '), fg=color)} in {done.seconds:.1f} s", err=True)
        for line in console_lines(read_changes(self.folder, notebook.stem)):
            click.echo(f"  {line}", err=True)
        if done.error:
            click.echo(f"  {done.error}", err=True)
        self._write()
        return done.green

    def _write(self) -> None:
        write_manifest(self.folder)
        write_report(self.folder)

    def close(self) -> None:
        """Report where the run is and what to do next."""
        match self.exit_code:
            case 0:
                self._report(None)
            case 2:
                self._report("refused; nothing was created or written, neither in Airtable nor in Wix")
                return
            case _ if all(done is not None and done.green for done in self._outcomes):
                self._report(None)
                click.echo("nothing to do: the source holds no row of what was asked for", err=True)
                return
            case _:
                self._report(self._red)
                return
        run_id = self.folder.run_id
        click.echo(f"verify  runbook verify {run_id}", err=True)
        if not self._dry:  # a dry run has nothing to sign
            click.echo(f"sign    runbook sign-off {run_id} --who NAME", err=True)

    def _report(self, problem: str | None) -> None:
        click.echo(f"report  {self.folder.path / 'index.html'}", err=True)
        if problem is not None:
            how = f"the same command with --run-id {self.folder.run_id}" if self.continues else "the same command again"
            click.echo(f"{problem}; run {how} to continue", err=True)
