"""The command of `runbook` about the mirror, from which services read, and its journal, through which they write."""

from __future__ import annotations

import sys

import click

from runbook.cli_options import environment_option, report_errors, take_over_option, who_option
from runbook.commands import RED
from runbook.errors import SettingError
from runbook.platform import find_platform


@click.command()
@environment_option
@click.option("--load", is_flag=True, help="Read every migrated collection in full now.")
@click.option("--drop", is_flag=True, help="Delete the mirror, and its webhook in Airtable.")
@click.option("--send", is_flag=True, help="Send the journal of writes to Airtable now.")
@click.option("--refused", is_flag=True, help="List the writes of services that Airtable refused later.")
@click.option("--retry", metavar="ID|all", multiple=True, help="Try refused writes again, as the newest of their rows.")
@click.option("--give-up", metavar="ID|all", multiple=True, help="Leave refused writes undone for good. Needs --why.")
@click.option("--why", default="", help="With --give-up: the reason, which is kept.")
@who_option
@take_over_option
@report_errors
def mirror(
    environment: str,
    load: bool,
    drop: bool,
    send: bool,
    refused: bool,
    retry: tuple[str, ...],
    give_up: tuple[str, ...],
    why: str,
    who: str,
) -> None:
    """Show the mirror, from which reads of Airtable are served: rows, and their maximum age.

    Writes of services that do not wait for Airtable are in a journal until it has them. What it refuses is listed, and
    is tried again or given up by an operator.
    """
    from runbook.commands import mirror as mirror_commands
    from runbook.commands import refused_writes

    platform = find_platform()
    options = {"load": load, "drop": drop, "send": send, "refused": refused, "retry": retry, "give-up": give_up}
    given = [f"--{name}" for name, value in options.items() if value]
    if len(given) > 1:
        raise SettingError(f"{' and '.join(given)} are both given; nothing was done. Give one at a time")
    if retry:
        click.echo(repr(refused_writes.retry(platform, environment, retry)))
    elif give_up:
        click.echo(repr(refused_writes.give_up(platform, environment, give_up, who=who, why=why)))
    elif send:
        sent, left = mirror_commands.send(platform, environment)
        click.echo(repr(sent))
        sys.exit(RED if left.waiting or left.refused else 0)
    elif refused:
        found = refused_writes.list_refused(platform, environment)
        click.echo(repr(found))
        sys.exit(RED if found.rows else 0)
    else:
        click.echo(repr(mirror_commands.mirror_status(platform, environment, load=load, drop=drop)))
