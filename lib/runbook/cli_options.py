"""What the commands of `runbook` share: options, exit codes, and how an error is shown."""

from __future__ import annotations

import functools
import getpass
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from runbook.commands import RED, USAGE
from runbook.errors import CatalogError, RunbookError, SettingError, SourceError, TargetError
from runbook.settings import ENVIRONMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from runbook.platform import Platform


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Show errors of this package as one message, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except RunbookError as error:
            show_error(str(error))
            # A plan that cannot read has done nothing either.
            nothing_done = (
                SettingError,
                CatalogError,
                *((SourceError, TargetError) if command.__name__ == "plan" else ()),
            )
            sys.exit(USAGE if isinstance(error, nothing_done) else RED)
        except OSError as error:  # disk full, no permission: not an error of the program
            show_error(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
            sys.exit(USAGE)
        except KeyboardInterrupt:
            show_error("stopped; what was written is kept; run the same command again to continue")
            sys.exit(128 + signal.SIGINT)

    return wrapped


def show_error(message: str) -> None:
    """A message on stderr, with its sign."""
    click.echo(f"{click.style('✗', fg='red')} {message}", err=True)


environment_option = click.option(
    "--environment",
    "-e",
    type=click.Choice(ENVIRONMENTS),
    default="sandbox",
    show_default=True,
    help="sandbox: local servers with the sample site; live: the real accounts.",
)
source_option = click.option(
    "--source", default="wix", show_default=True, metavar="wix|DIR", help="The Wix site, or a folder of export files."
)
source_name_option = click.option(
    "--source-name", metavar="NAME", help="The name by which a folder of export files, and so its base, is known."
)


def _take_over(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:  # the notebooks' kernels inherit it
        os.environ["RUNBOOK_TAKE_OVER"] = "yes"
        ctx.call_on_close(lambda: os.environ.pop("RUNBOOK_TAKE_OVER", None))


take_over_option = click.option(
    "--take-over",
    is_flag=True,
    expose_value=False,
    callback=_take_over,
    help="Take the base over from another state that holds it.",
)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return ""


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("is empty; what is recorded needs a name: --who 'Your Name'")
    return value


who_option = click.option(
    "--who", default=_user, callback=_name, help="Name recorded for this action.  [default: the current user]"
)


class Phases(click.ParamType):  # type: ignore[type-arg]
    """Numbers of phases, or `all`."""

    name = "PHASE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click asks for it."""
        if value == "all":
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a phase number nor 'all'", param, ctx)


def phase_numbers(platform: Platform, phases: tuple[Any, ...]) -> list[int]:
    """The numbers that were given, sorted; all of them for `all`. Raises SettingError."""
    if not phases or "all" in phases:
        return [phase.number for phase in platform.catalog.phases]
    from runbook.parameters import known_phase

    return sorted({known_phase(platform, number).number for number in phases})


def names(text: str | None) -> list[str] | None:
    """A list separated by commas; None where the option was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
