"""The `runbook` command, for terminals and schedulers. Messages go to stderr, data to stdout."""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
from typing import Any, Literal

import click

from runbook.cli_back import rollback, unfreeze
from runbook.cli_mirror import mirror
from runbook.cli_options import (
    Phases,
    environment_option,
    names,
    phase_numbers,
    source_name_option,
    source_option,
    take_over_option,
    who_option,
)
from runbook.cli_options import report_errors as _report_errors
from runbook.cli_options import show_error as _error
from runbook.commands import RED
from runbook.display import plural
from runbook.errors import CheckFailed, SettingError
from runbook.platform import find_platform
from runbook.settings import read_settings


def _say(message: str) -> None:
    """What a command that goes on says meanwhile."""
    click.echo(message, err=True)


@click.group()
def main() -> None:
    """Migrate a site's collections from Wix Data to Airtable, verify the result, and roll back."""


@main.command()
@click.argument("phases", nargs=-1, type=Phases())
@environment_option
@source_option
@source_name_option
@_report_errors
def plan(phases: tuple[Any, ...], environment: str, source: str, source_name: str | None) -> None:
    """Show what phases would create and write, without writing anything."""
    from runbook.run import open_run
    from runbook.run.opening import check_before
    from runbook.run.sources import source_parameter

    platform = find_platform()
    numbers = phase_numbers(platform, phases)
    source = source_parameter(platform, source)
    check_before(platform, numbers, environment=environment, source=source, source_name=source_name)
    with tempfile.TemporaryDirectory() as runs:  # a plan leaves no run folder
        for number in numbers:
            env = {**os.environ, "RUNBOOK_RUNS": runs}
            given: dict[str, Any] = {"environment": environment, "source": source, "source_name": source_name}
            opened = open_run(platform, number, **given, dry_run=True, env=env)
            click.echo(f"{opened.plan()!r}\n")
            opened.require_open()  # what would be refused is red, and shown all the same


@main.command()
@click.argument("phases", nargs=-1, required=True, type=Phases())
@environment_option
@click.option("--run-id", help="Go on with this run.  [default: the open run, else a new one]")
@click.option("--new-run", metavar="NAME", help="Begin a run of this name.")
@click.option("--collections", metavar="A,B", help="Only these collections, by Wix name.")
@source_option
@source_name_option
@click.option("--dry-run", is_flag=True, help="Read and plan; write nothing to Airtable.")
@click.option("--turn-flags", is_flag=True, help="Turn each flag whose evidence is complete, green and current.")
@click.option("--require-drill", is_flag=True, help="A gate asks for a drill of the way back, no older than a week.")
@click.option("--freeze", is_flag=True, help="Phase 6: freeze the migrated Wix collections if every gate is green.")
@click.option("--timeout", type=click.FloatRange(min=1), help="Time limit per notebook cell, in seconds.")
@take_over_option
@_report_errors
def run(
    phases: tuple[Any, ...],
    environment: str,
    run_id: str | None,
    new_run: str | None,
    collections: str | None,
    source: str,
    source_name: str | None,
    dry_run: bool,
    turn_flags: bool,
    require_drill: bool,
    freeze: bool,
    timeout: float | None,
) -> None:
    """Run phases headless: `runbook run all`, `runbook run 2 3`. Stops at the first red gate.

    Goes on with the newest unsigned run of this base in which these phases have not all passed, else begins a new one.
    """
    from runbook.commands.run import Headless
    from runbook.run.opening import check_before, run_folder
    from runbook.run.sources import for_evidence, source_parameter

    platform = find_platform()
    numbers = phase_numbers(platform, phases)
    chosen = names(collections)
    if freeze and 6 not in numbers:
        raise SettingError("--freeze belongs to phase 6, which is not one of the phases to run")
    source = source_parameter(platform, source)
    label = check_before(
        platform,
        numbers,
        environment=environment,
        run_id=run_id,
        new_run=new_run,
        collections=chosen,
        source=source,
        source_name=source_name,
        dry_run=dry_run,
        turn_flags=turn_flags,
    )
    source = for_evidence(platform, read_settings(environment, platform), source, source_name)
    slugs = [platform.catalog.phase(number).slug for number in numbers]
    find = functools.partial(
        run_folder, opened=False, source=label, slugs=slugs, run_id=run_id, new_run=new_run, dry_run=dry_run
    )
    with Headless(platform, environment, find, dry_run=dry_run, timeout=timeout) as headless:
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
                **({"source_name": source_name} if source_name is not None else {}),
                "dry_run": dry_run,
                "turn_flags": turn_flags,
                "require_drill": require_drill,
                **({"freeze": True} if freeze and number == 6 else {}),
            }
            if not headless.run(platform.notebook(number), parameters):
                break
        headless.close()
    sys.exit(headless.exit_code)


@main.command()
@environment_option
@_report_errors
def status(environment: str) -> None:
    """Show the status of the migration, one row per collection."""
    from runbook.commands.status import status as migration_status

    click.echo(repr(migration_status(find_platform(), environment)))


@main.command()
@click.argument("flag", required=False)
@click.argument("value", required=False, type=click.Choice(["wix", "airtable"]))
@environment_option
@who_option
@click.option("--why", default="", help="Reason, kept in the flag's history.")
@click.option("--format", "form", type=click.Choice(["table", "json", "jsw"]), default="table", show_default=True)
@click.option("--history", is_flag=True, help="Show every turn of the flag, or of all flags.")
@click.option("--publish", is_flag=True, help="Write all flags to the site's Secrets Manager, as one secret.")
@click.option("--settle", is_flag=True, help="Say where a flag stands, where base and state differ; FLAG may be 'all'.")
@take_over_option
@_report_errors
def flags(
    flag: str | None,
    value: str | None,
    environment: str,
    who: str,
    why: str,
    form: str,
    history: bool,
    publish: bool,
    settle: bool,
) -> None:
    """Show the DATA_SOURCE flags, or set one: `runbook flags carriers wix --why "..."`.

    'wix' is always allowed; 'airtable' only on evidence that is complete, green and current.
    """
    from runbook.commands import flags as flag_commands

    platform = find_platform()
    if settle and (flag is None or value is None):
        raise SettingError("--settle needs a flag, or 'all', and the side it stands at: wix or airtable")
    if settle:
        assert flag is not None
        assert value is not None
        click.echo(flag_commands.settle(platform, environment, flag, value, who=who, why=why), err=True)
    elif value is not None:
        assert flag is not None
        click.echo(flag_commands.set_flag(platform, environment, flag, value, who=who, why=why), err=True)
    if publish:
        click.echo(flag_commands.publish(platform, environment), err=True)
    if history:
        click.echo(repr(flag_commands.history(platform, environment, flag)))
    elif value is None and not publish:
        click.echo(flag_commands.show(platform, environment, flag, form))


@main.command()
@click.argument("run_id", metavar="RUN")
@click.option("--prefer", type=click.Choice(["wix", "airtable"]), help="The side that is right.")
@click.option("--collection", metavar="NAME", help="Only conflicts of this collection, by Wix name.")
@click.option("--row", metavar="ID", help="Only conflicts of this row, by legacy id.")
@click.option("--key", metavar="KEY", help="Only conflicts of this Wix key, column or link.")
@who_option
@click.option("--why", default="", help="Reason, kept with the decision.")
@_report_errors
def resolve(
    run_id: str,
    prefer: Literal["wix", "airtable"] | None,
    collection: str | None,
    row: str | None,
    key: str | None,
    who: str,
    why: str,
) -> None:
    """List the conflicts that a run found, or settle them: `runbook resolve RUN --prefer airtable --why "..."`.

    A row of unknown origin, or that is gone in Wix: airtable keeps it, wix deletes it. The next run of the phase obeys.
    """
    from runbook.commands.resolve import resolve as settle

    found = settle(find_platform(), run_id, prefer=prefer, collection=collection, row=row, key=key, who=who, why=why)
    click.echo(repr(found))


@main.command()
@click.argument("folder", metavar="RUN")
@_report_errors
def verify(folder: str) -> None:
    """Verify a run folder against its manifest, offline. RUN is a run id or a path."""
    from runbook.evidence.manifest import verify as check
    from runbook.evidence.runs import run_with_manifest

    found = check(run_with_manifest(read_settings("sandbox", find_platform()).runs, folder))
    click.echo(repr(found))
    found.require()


@main.command("sign-off")
@click.argument("folder", metavar="RUN")
@who_option
@click.option("--note", default="", help="A note of the reviewer.")
@_report_errors
def sign_off(folder: str, who: str, note: str) -> None:
    """Sign a verified run whose phases have all passed. RUN is a run id or a path."""
    from runbook.evidence.runs import run_with_manifest
    from runbook.evidence.signing import sign_off as sign

    run = run_with_manifest(read_settings("sandbox", find_platform()).runs, folder)
    click.echo(repr(sign(run, who, note)))


@main.command("rebuild-state")
@environment_option
@click.option("--source", default="wix", show_default=True, metavar="wix|NAME", help="The base of this source.")
@click.option("--yes", is_flag=True, help="Change the state; without it, only show what would change.")
@click.option("--json", "as_json", is_flag=True, help="Show it as JSON.")
@take_over_option
@_report_errors
def rebuild_state(environment: str, source: str, yes: bool, as_json: bool) -> None:
    """Read again from the base what a lost or older state does not know: rows, keys of links, flags."""
    from runbook.commands.rebuild_state import rebuild_state as rebuild

    done = rebuild(find_platform(), environment, source=source, yes=yes)
    click.echo(json.dumps(done.facts(), indent=2) if as_json else repr(done.page()))


@main.command()
@environment_option
@click.option("--alert-url", help="POST alerts to this URL as JSON.  [default: RUNBOOK_ALERT_URL]")
@take_over_option
@_report_errors
def monitor(environment: str, alert_url: str | None) -> None:
    """Run the weekly integrity check, headless. Exit code 1 means alert."""
    from runbook.commands.alerts import check_alert_url, post_alert
    from runbook.commands.run import Headless
    from runbook.run.opening import run_folder

    platform = find_platform()
    url = alert_url or read_settings(environment, platform).alert_url
    if url:
        check_alert_url(url)
    find = functools.partial(run_folder, opened=False, source="wix", slugs=["integrity_check"], kind="integrity_check")
    with Headless(platform, environment, find, continues=False) as headless:
        headless.run(platform.notebooks / "integrity_check.ipynb", {"environment": environment})
        headless.close()
    if headless.exit_code and url and (problem := post_alert(url, headless.folder)):
        _error(problem)  # the exit code is 1 in any case
    sys.exit(headless.exit_code)


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a suite differs from the catalog.")
@_report_errors
def suites(check: bool) -> None:
    """Write the suites in expectations/ from the catalog. Manually added expectations are kept."""
    from runbook.checks.suites import drifted, write_suites

    platform = find_platform()
    if check:
        found = drifted(platform.catalog, platform.expectations)
        for difference in found:
            click.echo(difference)
        if found:
            raise CheckFailed(
                f"{plural(len(found), 'difference')} between suites and catalog; `runbook suites` writes the suites"
            )
        return
    click.echo(repr(write_suites(platform.catalog, platform.expectations)))


@main.command()
@environment_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 behind a proxy.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8788,
    show_default=True,
    help="Port to listen on; 0: any free port.",
)
@click.option("--no-follow", is_flag=True, help="Do not carry rows of Airtable back to Wix.")
@take_over_option
@_report_errors
def serve(environment: str, host: str, port: int, no_follow: bool) -> None:
    """Serve the platform's HTTP endpoints, keep the mirror up to date, and follow (see `runbook follow`)."""
    from runbook.commands.serve import serve as serve_on

    serve_on(find_platform(), environment, host, port, follow=not no_follow, report=_say)


@main.command()
@environment_option
@click.option("--once", is_flag=True, help="Carry what waits, then end. Exit code 0: all was read and carried.")
@take_over_option
@_report_errors
def follow(environment: str, once: bool) -> None:
    """Carry what is written in Airtable back to Wix, all the time, for flags at 'airtable'; Ctrl-C stops it.

    What services write goes back within seconds. What people edit in the grid goes back once the mirror has seen it,
    within a minute; without a webhook of the base that takes longer, and deletions up to a day (`runbook status` says
    which). Many rows deleted by hand at once wait for RUNBOOK_REMOVE_MANY, conflicts for `runbook resolve`. Never
    writes a collection whose flag is at 'wix'. One process follows at a time; `runbook serve` follows by itself.
    """
    from runbook.commands.follow import follow as follow_base

    left = follow_base(find_platform(), environment, once=once, report=_say)
    click.echo(repr(left))
    sys.exit(RED if once and (left.left or left.unsent.waiting or left.note.problem) else 0)


@main.command("repair-ids")
@environment_option
@source_option
@source_name_option
@click.option("--collections", metavar="A,B", help="Only these collections, by Wix name.")
@click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing.")
@take_over_option
@_report_errors
def repair_ids(environment: str, source: str, source_name: str | None, collections: str | None, dry_run: bool) -> None:
    """Write the column of legacy ids again, after a person has renamed, deleted or changed it."""
    from runbook.commands.repair import repair_ids as repair

    given: dict[str, Any] = {"source": source, "source_name": source_name, "dry_run": dry_run}
    click.echo(repr(repair(find_platform(), environment, collections=names(collections), **given)))


@main.command("forget-column")
@click.argument("collection")
@click.argument("column", required=False)
@environment_option
@source_option
@source_name_option
@take_over_option
@_report_errors
def forget_column(collection: str, column: str | None, environment: str, source: str, source_name: str | None) -> None:
    """Give up a column, or a table, that a person has renamed or deleted: the next run makes and fills it again."""
    from runbook.commands.repair import forget_column as forget

    given: dict[str, Any] = {"source": source, "source_name": source_name}
    click.echo(repr(forget(find_platform(), environment, collection, column, **given)))


@main.command()
@_report_errors
def stop() -> None:
    """Stop the sandbox servers; their data is kept."""
    from runbook.local import stop_local_servers

    stopped = stop_local_servers(read_settings("sandbox", find_platform()))
    click.echo("stopped" if stopped else "no sandbox is running", err=True)


for command in (mirror, rollback, unfreeze):
    main.add_command(command)
