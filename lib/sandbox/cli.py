"""`sandbox serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sandbox.settings import PLANS, Settings


class _Rate(click.ParamType):  # type: ignore[type-arg]
    name = "N|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "off":
            return None
        try:
            rate = float(value)
        except ValueError:
            rate = 0
        if not rate >= 1:
            self.fail(f"{value!r} is neither a number from 1 nor 'off'", param, ctx)
        return rate


class _Latency(click.ParamType):  # type: ignore[type-arg]
    name = "MEAN,JITTER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            mean, _, jitter = str(value).partition(",")
            pair = float(mean), float(jitter or 0)
        except ValueError:
            pair = (-1.0, 0.0)
        if min(pair) < 0:
            self.fail(f"{value!r} is not MEAN or MEAN,JITTER in milliseconds", param, ctx)
        return pair


@click.group()
def main() -> None:
    """A local Wix Data and Airtable for rehearsals."""


@main.command()
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Keep all state here (SQLite).")
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE ...",
    help="Bases to create.",
)
@click.option(
    "--site", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of <Collection>.jsonl."
)
@click.option(
    "--requests-per-second",
    "rate",
    type=_Rate(),
    default="5",
    show_default=True,
    help="Per base; off turns off every limit that counts requests.",
)
@click.option("--penalty", default=30.0, show_default=True, help="Seconds of lock-out after a 429.")
@click.option("--plan", default="team", show_default=True, type=click.Choice(list(PLANS)))
@click.option("--latency", type=_Latency(), default="0,0", show_default=True, help="Milliseconds added to each answer.")
@click.option("--stale-reads", default=0.0, show_default=True, help="Milliseconds of Wix writes a read may miss.")
@click.option("--fetch-loopback", is_flag=True, help="Let attachments and webhook pings reach this machine.")
@click.option("--token", "tokens", multiple=True, help="A credential that is accepted; without this option any is.")
@click.option("--single-429-body", is_flag=True, help="Answer 429 in the documented form, not the one on the wire.")
@click.option("--no-wix-data-rights", is_flag=True, help="The Wix key has only what ANYONE has.")
@click.option(
    "--idle-exit", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Stop after this time without a request."
)
@click.argument("more_seeds", nargs=-1, metavar="", type=click.Path(dir_okay=False, path_type=Path))
def serve(
    port: int,
    data: Path | None,
    seeds: tuple[Path, ...],
    more_seeds: tuple[Path, ...],
    site: Path | None,
    rate: float | None,
    penalty: float,
    plan: str,
    latency: tuple[float, float],
    stale_reads: float,
    fetch_loopback: bool,
    tokens: tuple[str, ...],
    single_429_body: bool,
    no_wix_data_rights: bool,
    idle_exit: float | None,
) -> None:
    """Serve both web APIs on 127.0.0.1 until Ctrl-C."""
    from sandbox.app_state import WORKSPACE, AppState
    from sandbox.in_process import assemble
    from sandbox.server import HOST, PortTaken, bind, make_server, stop_when_idle
    from sandbox.store import StoreError

    if more_seeds and not seeds:
        raise click.UsageError(f"{more_seeds[0]} is no flag; seed files come after --seed")
    try:
        settings = Settings(
            requests_per_second=rate,
            penalty=penalty,
            plan=plan,
            latency=latency,
            stale_reads=stale_reads,
            fetch_loopback=fetch_loopback,
            tokens=frozenset(tokens),
            single_429_body=single_429_body,
            wix_data_rights=not no_wix_data_rights,
            data=data,
        )
        listener = bind(port)
        state = AppState(settings)
        state.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        app = assemble(state, (*seeds, *more_seeds), site)
    except (ValueError, PortTaken, StoreError, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(
        f"Airtable    {state.base_url}   (endpoint_url; the API is under /v0)\n"
        f"Wix Data    {state.base_url}   (for https://www.wixapis.com)\n"
        f"token       {state.token}\n"
        f"Wix key     {state.wix_key}\n"
        f"site id     {state.site_id}\n"
        f"workspace   {WORKSPACE}   (Airtable's, to create bases in)\n"
        f"state       {data if data is not None else 'in memory'}"
    )
    for base_id, name in state.store.rows("SELECT id, name FROM base ORDER BY rowid"):
        click.echo(f"base        {base_id}   {name}")
    sys.stdout.flush()
    server = make_server(app)
    if idle_exit is not None:
        stop_when_idle(server, app, idle_exit)
    server.run(sockets=[listener])
    state.store.close()
