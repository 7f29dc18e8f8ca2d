"""`runbook ...`: what a person in a terminal and a scheduler call. Words go to stderr, data to stdout."""

from __future__ import annotations

import functools
import getpass
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.errors import CatalogError, CheckFailed, RunbookError, SettingError
from runbook.platform import find_platform
from runbook.settings import ENVIRONMENTS, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from runbook.platform import Platform

# Exit codes, for schedulers: 0 all green; 1 a gate or check is red; 2 something is wrong with how it was called;
# 128 and a signal's number: stopped by it.
RED, WRONG = 1, 2


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """Errors of this package as one message, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except RunbookError as error:
            _say(str(error))
            sys.exit(WRONG if isinstance(error, SettingError | CatalogError) else RED)
        except OSError as error:  # no room left, no permission: of this machine, not of the program
            _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
            sys.exit(WRONG)
        except KeyboardInterrupt:
            _say("stopped; what was written stands, and the same command goes on from there")
            sys.exit(128 + signal.SIGINT)

    return wrapped


def _say(words: str) -> None:
    click.echo(f"{click.style('✗', fg='red')} {words}", err=True)


environment_option = click.option(
    "--environment",
    "-e",
    type=click.Choice(ENVIRONMENTS),
    default="sandbox",
    show_default=True,
    help="Local servers with the sample site, or the real accounts.",
)
source_option = click.option(
    "--source", default="wix", show_default=True, metavar="wix|DIR", help="The site, or a folder of export files."
)
who_option = click.option("--who", default=getpass.getuser, help="In whose name.  [default: the user's]")


@click.group()
def main() -> None:
    """Move a site's collections from Wix Data to Airtable, prove it, and go back."""


class _Phases(click.ParamType):  # type: ignore[type-arg]
    name = "PHASE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "all":
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a phase's number nor 'all'", param, ctx)


def _numbers(platform: Platform, phases: tuple[Any, ...]) -> list[int]:
    if not phases or "all" in phases:
        return [phase.number for phase in platform.catalog.phases]
    from runbook.parameters import known_phase

    return sorted({known_phase(platform, number).number for number in phases})


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@main.command()
@click.argument("phases", nargs=-1, type=_Phases())
@environment_option
@source_option
@_told
def plan(phases: tuple[Any, ...], environment: str, source: str) -> None:
    """Show what phases would make and write; nothing is written."""
    from runbook.run import open_run
    from runbook.run.opening import check_before

    platform = find_platform()
    numbers = _numbers(platform, phases)
    source = source_parameter(platform, source)
    check_before(platform, numbers, environment=environment, source=source)
    with tempfile.TemporaryDirectory() as runs:  # a plan is no run
        for number in numbers:
            env = {**os.environ, "RUNBOOK_RUNS": runs}
            opened = open_run(platform, number, environment=environment, source=source, dry_run=True, env=env)
            click.echo(f"{opened.plan()!r}\n")


@main.command()
@click.argument("phases", nargs=-1, required=True, type=_Phases())
@environment_option
@click.option("--run-id", help="Go on with this run.  [default: a new one]")
@click.option("--collections", metavar="A,B", help="Only these, by Wix name.")
@source_option
@click.option("--dry-run", is_flag=True, help="Read and plan, write nothing to Airtable.")
@click.option("--turn-flags", is_flag=True, help="Turn each flag whose evidence is green.")
@click.option("--freeze", is_flag=True, help="Phase 6: close the moved Wix collections to writes, if all is green.")
@click.option("--timeout", type=click.FloatRange(min=1), help="Seconds a cell may take.")
@_told
def run(
    phases: tuple[Any, ...],
    environment: str,
    run_id: str | None,
    collections: str | None,
    source: str,
    dry_run: bool,
    turn_flags: bool,
    freeze: bool,
    timeout: float | None,
) -> None:
    """Run phases headless: `runbook run all`, `runbook run 2 3`. Stops at the first red gate."""
    from runbook.commands.run import Headless
    from runbook.run.opening import check_before

    platform = find_platform()
    numbers = _numbers(platform, phases)
    chosen = _names(collections)
    if freeze and 6 not in numbers:
        raise SettingError("--freeze belongs to phase 6, which is not among the phases to run")
    source = source_parameter(platform, source)
    check_before(
        platform,
        numbers,
        environment=environment,
        run_id=run_id,
        collections=chosen,
        source=source,
        dry_run=dry_run,
        turn_flags=turn_flags,
    )
    with Headless(platform, environment, run_id, suffix="-dry" if dry_run else "", timeout=timeout) as headless:
        for number in numbers:
            phase = platform.catalog.phase(number)
            own = [c.wix for c in phase.collections if chosen is None or c.wix in chosen]
            if chosen is not None and not own:
                if phase.collections:
                    continue
                own = []
            parameters = {
                "environment": environment,
                "collections": own if chosen is not None and own else None,
                "source": source,
                "dry_run": dry_run,
                "turn_flags": turn_flags,
                **({"freeze": True} if freeze and number == 6 else {}),
            }
            if not headless.run(platform.notebook(number), parameters):
                break
        headless.close()
    sys.exit(0 if headless.passed else RED)


def source_parameter(platform: Platform, source: str) -> str:
    """`source` as a notebook takes it: relative to the project where it lies in or beside it."""
    if source == "wix":
        return source
    folder = Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise SettingError(
            f'--source {source}: there is no folder {folder}; "wix" or a folder of export files is right'
        )
    return folder.relative_to(platform.root).as_posix() if folder.is_relative_to(platform.root) else str(folder)


@main.command()
@environment_option
@_told
def status(environment: str) -> None:
    """Where the migration stands, collection by collection."""
    from runbook.commands.status import status as migration_status

    click.echo(repr(migration_status(find_platform(), environment)))


@main.command()
@click.argument("flag", required=False)
@click.argument("value", required=False, type=click.Choice(["wix", "airtable"]))
@environment_option
@who_option
@click.option("--why", default="", help="Kept in the flag's history.")
@click.option("--format", "form", type=click.Choice(["table", "json", "jsw"]), default="table", show_default=True)
@click.option("--history", is_flag=True, help="Every turn of the flag, or of all.")
@click.option("--publish", is_flag=True, help="Put all flags into the site's Secrets Manager, as one secret.")
@_told
def flags(
    flag: str | None,
    value: str | None,
    environment: str,
    who: str,
    why: str,
    form: str,
    history: bool,
    publish: bool,
) -> None:
    """Show the DATA_SOURCE flags, or set one: `runbook flags carriers wix --why "..."`.

    'wix' is always allowed, at once; 'airtable' only on evidence that is complete, green and current.
    """
    from runbook.commands import flags as flag_commands

    platform = find_platform()
    if value is not None:
        assert flag is not None
        click.echo(flag_commands.set_flag(platform, environment, flag, value, who=who, why=why), err=True)
    if publish:
        click.echo(flag_commands.publish(platform, environment), err=True)
    if history:
        click.echo(repr(flag_commands.history(platform, environment, flag)))
    elif value is None and not publish:
        click.echo(flag_commands.shown(platform, environment, flag, form))


@main.command()
@click.argument("folder", metavar="RUN")
@_told
def verify(folder: str) -> None:
    """Check a run folder against its manifest, offline: RUN is its id or its path."""
    from runbook.evidence.manifest import verify as check

    found = check(_run_folder(folder))
    click.echo(repr(found))
    found.require()


@main.command("sign-off")
@click.argument("folder", metavar="RUN")
@who_option
@click.option("--note", default="", help="What the reviewer wants to say.")
@_told
def sign_off(folder: str, who: str, note: str) -> None:
    """Sign a run that verifies and whose phases all passed."""
    from runbook.evidence.signing import sign_off as sign

    click.echo(repr(sign(_run_folder(folder), who, note)))


def _run_folder(name: str) -> Path:
    platform = find_platform()
    runs = read_settings("sandbox", platform).runs
    for path in (Path(name), runs / name):
        if (path / "manifest.json").is_file():
            return path
    known = sorted((p.parent.name for p in runs.glob("*/manifest.json")), reverse=True)[:5]
    raise SettingError(f"{name}: no run with a manifest; the newest in {runs} are {', '.join(known) or 'none yet'}")


@main.command()
@click.option("--phase", type=int, help="Only the flags of this phase.")
@click.option("--flag", help="Only this flag.")
@environment_option
@click.option("--reverse-sync", is_flag=True, help="First carry what was written in Airtable since back to Wix.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost; turn nothing.")
@_told
def rollback(phase: int | None, flag: str | None, environment: str, reverse_sync: bool, dry_run: bool) -> None:
    """Turn services back to Wix: all flags, one phase's or one; says first what would be lost."""
    from runbook.commands.rollback import flags_of
    from runbook.commands.run import Headless

    platform = find_platform()
    flags_of(platform, phase, flag)
    parameters = {
        "environment": environment,
        "phase": phase,
        "flag": flag,
        "reverse_sync": reverse_sync,
        "dry_run": dry_run,
    }
    with Headless(platform, environment, None, suffix="-rollback", goes_on=False) as headless:
        headless.run(platform.notebooks / "rollback.ipynb", parameters)
        headless.close()
    sys.exit(0 if headless.passed else RED)


@main.command()
@environment_option
@click.option("--alert-url", help="POST the alert there as JSON.  [default: RUNBOOK_ALERT_URL]")
@_told
def monitor(environment: str, alert_url: str | None) -> None:
    """The weekly integrity check, headless; exit code 1 says alert."""
    from runbook.commands.run import Headless, check_alert_url, post_alert

    platform = find_platform()
    url = alert_url or read_settings(environment, platform).alert_url
    if url:
        check_alert_url(url)
    with Headless(platform, environment, None, suffix="-check", goes_on=False) as headless:
        headless.run(platform.notebooks / "integrity_check.ipynb", {"environment": environment})
        headless.close()
    if not headless.passed and url and (why := post_alert(url, headless.folder)):
        _say(why)  # and the exit code says alert all the same
    sys.exit(0 if headless.passed else RED)


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where a suite has drifted from the catalog.")
@_told
def suites(check: bool) -> None:
    """Write the suites in expectations/ from the catalog; what was added by hand stays."""
    from runbook.checks.suites import drifted, write_suites

    platform = find_platform()
    if check:
        found = drifted(platform.catalog, platform.expectations)
        for words in found:
            click.echo(words)
        if found:
            raise CheckFailed(f"{len(found)} suites are not as the catalog says; `runbook suites` writes them")
        return
    click.echo(repr(write_suites(platform.catalog, platform.expectations)))


@main.command()
@environment_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 behind a proxy.")
@click.option("--port", type=click.IntRange(0, 65535), default=8788, show_default=True, help="0 takes any free one.")
@_told
def serve(environment: str, host: str, port: int) -> None:
    """Serve the platform's HTTP endpoints over the routed data layer, and keep the mirror up to date."""
    from runbook.commands.serve import serve as serve_on

    serve_on(find_platform(), environment, host, port, say=lambda words: click.echo(words, err=True))


@main.command()
@environment_option
@click.option("--load", is_flag=True, help="Read every collection whole now, at the base's pace.")
@click.option("--drop", is_flag=True, help="Delete it, and its webhook in Airtable.")
@_told
def mirror(environment: str, load: bool, drop: bool) -> None:
    """Show the mirror that reads of Airtable are answered from: rows, and how old they may be."""
    from runbook.commands.mirror import show_mirror

    click.echo(repr(show_mirror(find_platform(), environment, load=load, drop=drop)))


@main.command()
@environment_option
@who_option
@_told
def unfreeze(environment: str, who: str) -> None:
    """Open the Wix collections again that phase 6 closed to writes."""
    from runbook.commands.unfreeze import unfreeze as open_again

    click.echo(repr(open_again(find_platform(), environment, who=who)))


@main.command()
@_told
def stop() -> None:
    """Stop the sandbox's servers; their state stays."""
    from runbook.local import stop_local_servers

    stopped = stop_local_servers(read_settings("sandbox", find_platform()))
    click.echo("stopped" if stopped else "no sandbox is running", err=True)
