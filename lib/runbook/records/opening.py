"""The data layer of an environment, opened for services.

    with open_records(find_platform(), "live") as opened:
        opened.records.query("Carriers", Query().eq("status", "active"))

It fails fast: a service should learn at once that a side is down, rather than wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Env
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.connections import Connections, connect
from runbook.holding import Hold, open_base
from runbook.mirror import Mirror
from runbook.platform import Platform
from runbook.records.airtable import AirtableRecords
from runbook.records.routed import RoutedRecords
from runbook.records.wix import WixRecords
from runbook.request_log import RequestLog
from runbook.state import State
from runbook.wix.client import WixClient

SOURCE = "wix"  # services read the site's data, or the base that was filled from it
_TRIES = 3
_TROUBLE_WAITS = (0.5, 1.0)  # seconds
_MAX_LOGGED = 10_000  # requests


@dataclass(frozen=True)
class OpenRecords:
    """`records`: for services; the two sides: for comparisons. `airtable`, `mirror` None: nothing was migrated yet.

    `connections`: what they were made from. `hold`: of the base, where it was opened here.
    """

    records: RoutedRecords
    wix: WixRecords
    airtable: AirtableRecords | None
    mirror: Mirror | None
    state: State
    log: RequestLog
    connections: Connections
    hold: Hold | None = None


@contextmanager
def open_records(
    platform: Platform, environment: str = "sandbox", *, env: Env[str, str] | None = None, update_mirror: bool = True
) -> Iterator[OpenRecords]:
    """Open both sides, routed by the flags.

    `update_mirror`: keep the mirror up to date, and send the journal of writes, while the block lasts.

    Raises SettingError.
    """
    connections = connect(platform, environment, env)
    with ExitStack() as stack:
        stack.callback(connections.state.close)
        hold = open_base(connections, SOURCE, offline=True)
        stack.callback(hold.release)
        opened = connect_records(connections, stack, base=connections.base(SOURCE), update_mirror=update_mirror)
        yield replace(opened, hold=hold)


def connect_records(
    connections: Connections, stack: ExitStack, *, base: str | None, update_mirror: bool, brief: bool = False
) -> OpenRecords:
    """The data layer over open connections, with its own HTTP clients; `stack` closes them.

    `brief`: a request to Airtable that gets no response is given up after seconds.
    """
    settings, state, catalog = connections.settings, connections.state, connections.catalog
    client = WixClient(settings.wix_url, settings.wix_key, settings.site_id, trouble_waits=_TROUBLE_WAITS)
    stack.callback(client.close)
    wix = WixRecords(client, catalog, state.locks)
    log = RequestLog(most=_MAX_LOGGED)
    airtable, mirror = None, None
    if base is not None:
        api = impatient_airtable(connections, stack, log)
        if brief:
            stack.enter_context(api.brief())
        mirror = Mirror(api, base, catalog, state, settings.folder / f"mirror-{base}.db")
        stack.callback(mirror.close)
        airtable = AirtableRecords(api, base, catalog, state, mirror=mirror)
        stack.callback(airtable.journal.close)
        if update_mirror:
            stack.enter_context(mirror.kept_updated())
            stack.enter_context(airtable.journal.kept_sent())
    records = RoutedRecords(catalog, state, wix, airtable)
    return OpenRecords(records, wix, airtable, mirror, state, log, connections)


def impatient_airtable(connections: Connections, stack: ExitStack, log: RequestLog) -> Airtable:
    """A client of its own for the same base, under the same hold, that fails fast; `stack` closes it."""
    settings = connections.settings
    limiter = partial(RateLimiter, connections.state, rate=settings.rate, penalty=settings.penalty)
    api = Airtable(settings.airtable_key, url=settings.airtable_url, rate_limiter=limiter, log=log, tries=_TRIES)
    api.before_write = connections.airtable.before_write
    stack.callback(api.close)
    return api
