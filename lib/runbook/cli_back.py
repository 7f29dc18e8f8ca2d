"""The commands of `runbook` by which a site goes back to Wix."""

from __future__ import annotations

import functools
import sys

import click

from runbook.cli_options import environment_option, report_errors, take_over_option, who_option
from runbook.display import plural
from runbook.errors import SettingError
from runbook.platform import find_platform


@click.command()
@click.option("--phase", type=int, help="Only the flags of this phase.")
@click.option("--flag", help="Only this flag.")
@environment_option
@click.option("--reverse-sync", is_flag=True, help="First carry rows written in Airtable back to Wix.")
@click.option("--leave", is_flag=True, help="Settle what was not carried back: it stays in Airtable. Needs --why.")
@click.option("--why", default="", help="With --leave: the reason, which is kept.")
@click.option("--dry-run", is_flag=True, help="Show what would be lost; turn no flag.")
@click.option("--yes", is_flag=True, help="Do not ask before all flags are turned.")
@click.option("--drill", is_flag=True, help="Rehearse it on a copy in the sandbox; turn no flag.")
@click.option("--writes", type=click.IntRange(1), help="With --drill: how many after the turn.  [default: 100]")
@click.option("--keep-copy", is_flag=True, help="With --drill: leave the folder of the copy.")
@who_option
@take_over_option
@report_errors
def rollback(
    phase: int | None,
    flag: str | None,
    environment: str,
    reverse_sync: bool,
    leave: bool,
    why: str,
    dry_run: bool,
    yes: bool,
    drill: bool,
    writes: int | None,
    keep_copy: bool,
    who: str,
) -> None:
    """Set all flags, those of a phase, or one back to Wix; shows first what would be lost.

    What Wix does not have is noted, if it is not carried back with --reverse-sync: the same command with it carries it
    later, and the way forth refuses until then.
    """
    from runbook.commands.rollback import console_lines, flags_of, leave_in_airtable
    from runbook.commands.run import Headless
    from runbook.run.opening import run_folder

    platform = find_platform()
    flags = flags_of(platform, phase, flag)
    if drill:
        if leave or why or dry_run:
            raise SettingError(
                "--drill changes nothing of the environment; it goes without --leave, --why and --dry-run"
            )
        from runbook.drill.drill import drill_headless

        given = {"environment": environment, "phase": phase, "flag": flag, "keep_copy": keep_copy}
        sys.exit(drill_headless(platform, given, writes=writes))
    if writes is not None or keep_copy:
        raise SettingError("--writes and --keep-copy go with --drill; nothing was done")
    if leave:
        if reverse_sync or dry_run:
            raise SettingError("--leave goes alone: it carries nothing back, and says that this is meant")
        click.echo(repr(leave_in_airtable(platform, environment, flags, who=who, why=why)))
        return
    if why:
        raise SettingError("--why goes with --leave")
    if phase is None and flag is None and not (dry_run or yes) and _asks():
        carried = "rows are carried back first" if reverse_sync else "rows are not carried back (--reverse-sync does)"
        click.confirm(
            f"Turn {plural(len(flags), 'flag')} of {environment!r} back to Wix? {carried}.", abort=True, err=True
        )
    parameters = {
        "environment": environment,
        "phase": phase,
        "flag": flag,
        "reverse_sync": reverse_sync,
        "dry_run": dry_run,
        "who": who,
    }
    find = functools.partial(
        run_folder, opened=False, source="wix", slugs=["rollback"], kind="rollback", dry_run=dry_run
    )
    with Headless(platform, environment, find, dry_run=dry_run, continues=False) as headless:
        headless.run(platform.notebooks / "rollback.ipynb", parameters)
        for line in console_lines(headless.folder):
            click.echo(f"  {line}", err=True)
        headless.close()
    sys.exit(headless.exit_code)


def _asks() -> bool:
    """Whether there is somebody to ask: a scheduler has no terminal."""
    return sys.stdin.isatty()


@click.command()
@environment_option
@who_option
@report_errors
def unfreeze(environment: str, who: str) -> None:
    """Give the Wix collections that phase 6 froze their former permissions back."""
    from runbook.commands.unfreeze import unfreeze as restore

    click.echo(repr(restore(find_platform(), environment, who=who)))
