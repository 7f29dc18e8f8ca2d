"""The data layer of an environment, opened for services.

    with open_records(find_platform(), "live") as opened:
        opened.records.query("Carriers", Query().eq("status", "active"))

It asks little patience of both sides: a service would rather hear at once that a side is down than wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Env
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.connections import Connections, connect
from runbook.mirror import Mirror
from runbook.platform import Platform
from runbook.records.airtable import AirtableRecords
from runbook.records.routed import RoutedRecords
from runbook.records.wix import WixRecords
from runbook.request_log import RequestLog
from runbook.state import State
from runbook.wix.client import WixClient

SOURCE = "wix"  # services read the site's own data, or what was made of it
_TRIES = 3
_TROUBLE_WAITS = (0.5, 1.0)  # seconds
_LOGGED = 10_000  # requests that are remembered


@dataclass(frozen=True)
class OpenRecords:
    """`records` is what services get; the sides are for comparing. `airtable`, `mirror` None: nothing was migrated."""

    records: RoutedRecords
    wix: WixRecords
    airtable: AirtableRecords | None
    mirror: Mirror | None
    state: State
    log: RequestLog


@contextmanager
def open_records(
    platform: Platform, environment: str = "sandbox", *, env: Env[str, str] | None = None, keep: bool = True
) -> Iterator[OpenRecords]:
    """Open both sides as the flags route them, and keep the mirror up to date while the block lasts (where `keep`).

    Raises SettingError.
    """
    connections = connect(platform, environment, env)
    connections.state.flags.create(platform.catalog.flags)
    with ExitStack() as stack:
        stack.callback(connections.state.close)
        yield opened_on(connections, stack, base=connections.base(SOURCE), keep=keep)


def opened_on(connections: Connections, stack: ExitStack, *, base: str | None, keep: bool) -> OpenRecords:
    """The data layer over connections that are open, with clients of its own; `stack` closes them."""
    settings, state, catalog = connections.settings, connections.state, connections.catalog
    client = WixClient(settings.wix_url, settings.wix_key, settings.site_id, trouble_waits=_TROUBLE_WAITS)
    stack.callback(client.close)
    wix = WixRecords(client, catalog)
    log = RequestLog(most=_LOGGED)
    airtable, mirror = None, None
    if base is not None:

        def rate_limiter(of: str) -> RateLimiter:
            return RateLimiter(state, of, settings.rate, penalty=settings.penalty)

        asking = Airtable(
            settings.airtable_key, url=settings.airtable_url, rate_limiter=rate_limiter, log=log, tries=_TRIES
        )
        stack.callback(asking.close)
        mirror = Mirror(asking, base, catalog, state, settings.folder / f"mirror-{base}.db")
        stack.callback(mirror.close)
        airtable = AirtableRecords(asking, base, catalog, state, mirror=mirror)
        if keep:
            stack.enter_context(mirror.kept_updated())
    return OpenRecords(RoutedRecords(catalog, state, wix, airtable), wix, airtable, mirror, state, log)
