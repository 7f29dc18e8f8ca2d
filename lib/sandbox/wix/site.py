"""The site behind the API, and one call of it: what every endpoint needs."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from dataclasses import dataclass
from typing import Any

from sandbox.app_state import AppState
from sandbox.wix.collections import Collection, Collections
from sandbox.wix.errors import WixError
from sandbox.wix.items import Items
from sandbox.wix.jobs import Jobs
from sandbox.wix.params import Params
from sandbox.wix.references import Links
from sandbox.wix.schema import check_operation
from sandbox.wix.snapshot import Snapshot
from sandbox.wix.tables import SCHEMA

MINUTE = 60.0


class Quota:
    """Requests in a sliding minute, counted apart for reads and writes; a refused request is not counted."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._taken: dict[str, deque[float]] = {"reads": deque(), "writes": deque()}
        self._passed = {"reads": False, "writes": False}

    def take(self, kind: str, count: int = 1) -> None:
        """Count `count` "reads" or "writes"; raises WDE0014 where they do not fit into the minute any more."""
        settings = self._state.settings
        if settings.requests_per_second is None:
            return
        limit = settings.wix_reads_per_minute if kind == "reads" else settings.wix_writes_per_minute
        now = self._state.clock.time()
        taken = self._taken[kind]
        while taken and not now - MINUTE < taken[0] <= now:  # a stamp ahead of now: the clock was moved back
            taken.popleft()
        if len(taken) + count > limit:
            if not self._passed[kind]:
                self._passed[kind] = True
                self._state.stats.locked_out("wix", self._state.site_id)
            raise WixError("WDE0014", "Requests per minute quota exceeded.")
        self._passed[kind] = False
        taken.extend([now] * count)


class Site:
    """The state of the Wix side; all of it is in the sandbox's store but the minute's counts."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.store = state.store
        self.store.script(SCHEMA)
        self.collections = Collections(state)
        self.links = Links(state.store, self.collections)
        self.items = Items(state, self.links)
        self.quota = Quota(state)
        self.jobs = Jobs(state, self.items)

    def readable(self, collection: Collection) -> bool:
        """Whether the key may read the collection."""
        return self.state.wix_data_rights or collection.body["permissions"]["read"] == "ANYONE"

    def allow(self, collection: Collection, action: str) -> None:
        """Raises WDE0027 where the key has no data rights and the collection does not let anyone do this."""
        if not self.state.wix_data_rights and collection.body["permissions"][action] != "ANYONE":
            text = f"The current user does not have permissions to {action} on the {collection.id} collection."
            raise WixError("WDE0027", text, {"dataCollectionId": collection.id})


@dataclass
class Call:
    """One request: its parameters and the site.

    `tail` is what follows the endpoint's path, decoded (an id); `seen` the time (microseconds) of the last write
    that the client is known to have seen, from `X-Wix-Consistent`; `wrote` counts the items this call has written.
    """

    site: Site
    params: Params
    tail: str = ""
    seen: int = 0
    wrote: int = 0

    def open(self, action: str, operation: str = "") -> Collection:
        """The collection the request names. Raises WDE0025, WDE0026, WDE0027, WDE0120."""
        collection = self.site.collections.get(self.params.collection())
        if operation:
            check_operation(collection.body, operation)
        self.site.allow(collection, action)
        return collection

    def snapshot(self, collection: Collection) -> Snapshot:
        """The collection as this call may see it: with `--stale-reads` only `consistentRead` sees the last writes."""
        lag = int(self.site.state.settings.stale_reads * 1000)
        if not lag or self.params.flag("consistentRead"):
            return Snapshot(self.site.store, collection.number)
        return Snapshot(self.site.store, collection.number, max(self.site.items.instant() - lag, self.seen))

    def hides(self, collection: Collection) -> bool:
        """Whether drafts are left out: under the PUBLISH plugin, unless `publishPluginOptions` asks for them."""
        return collection.keeps_drafts and not self.params.part("publishPluginOptions").flag("includeDraftItems")

    def item_id(self) -> Any:
        """The id of the requested item: `dataItemId` first, for a path may hold `/` and `%` undecoded."""
        named = self.params.raw("dataItemId")
        return self.tail if named is None else named


def consistency_token(instant: int) -> str:
    """The `X-Wix-Consistent` header of a write at `instant` (microseconds)."""
    return base64.urlsafe_b64encode(str(instant).encode()).decode().rstrip("=")


def seen_until(token: str) -> int:
    """The time in a token that came back; 0 for any other text, which the service ignores."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return int(text) if text.isdigit() and len(text) < 19 else 0
    except (binascii.Error, ValueError):
        return 0
