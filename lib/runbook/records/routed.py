"""Records where `DATA_SOURCE` says: each collection on the side that its flag stands at, asked anew at every call.

    records = RoutedRecords(catalog, state, wix, airtable)
    with records.pinned() as records:        # one call of a service: every flag as it stands now, to its end
        ...

A flag changes between calls, never within one: calls hold a shared lock, changing a flag takes the exclusive one, so it
waits for the calls in flight, and those that come meanwhile wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runbook.catalog import Catalog
from runbook.errors import SettingError
from runbook.json_types import Item
from runbook.query.query import EVERY, Query
from runbook.records.airtable import AirtableRecords
from runbook.records.contract import Found, Page, Records
from runbook.state import Standing, State
from runbook.state.flags import Side
from runbook.state.locks import CALLS

_WIX = Standing("wix", None)


class _Choosing(Records):
    """Hands each call to the side of its collection."""

    def __init__(self, catalog: Catalog, wix: Records, airtable: AirtableRecords | None) -> None:
        super().__init__(catalog)
        self._wix, self._airtable = wix, airtable

    def source(self, collection: str) -> Side:
        """Which side a collection is read from and written to now; what the catalog does not move is Wix's."""
        return self._standing(collection).side

    def _flags(self) -> Mapping[str, Standing]:
        raise NotImplementedError

    def _standing(self, collection: str) -> Standing:
        known = self._of(collection)
        return _WIX if known is None else self._flags().get(known.flag, _WIX)

    def _side_of(self, collection: str) -> Records:
        standing = self._standing(collection)
        if standing.side == "wix":
            return self._wix
        if self._airtable is None:
            raise SettingError(
                f"the flag of {collection} stands at 'airtable', but no base is known: run the migration with this "
                "state, or set AIRTABLE_BASE_ID"
            )
        if standing.since is not None:
            self._airtable.catch_up(collection, standing.since)
        return self._airtable

    def query(self, collection: str, query: Query = EVERY, *, consistent: bool = False) -> Page:
        """See `Records.query`; the page says which side it is of, and its next pages are of the same."""
        return self._side_of(collection).query(collection, query, consistent=consistent)

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        return self._side_of(collection)._get(collection, item_id, consistent)

    def _query(self, collection: str, query: Query, consistent: bool) -> Found:
        return self._side_of(collection)._query(collection, query, consistent)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        return self._side_of(collection)._count(collection, query, consistent)

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        return self._side_of(collection)._all(collection, query, consistent)

    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        return self._side_of(collection)._insert(collection, items, given, wait)

    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]:
        return self._side_of(collection)._update(collection, items, wait)

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item:
        return self._side_of(collection)._patch(collection, item_id, changes, wait)

    def _remove(self, collection: str, item_id: str, wait: float) -> None:
        self._side_of(collection)._remove(collection, item_id, wait)


class _Pinned(_Choosing):
    """Flags as they stood when it was made."""

    def __init__(
        self, catalog: Catalog, wix: Records, airtable: AirtableRecords | None, flags: Mapping[str, Standing]
    ) -> None:
        super().__init__(catalog, wix, airtable)
        self._pinned = flags

    def _flags(self) -> Mapping[str, Standing]:
        return self._pinned


class RoutedRecords(_Choosing):
    """See the module. `airtable` None: nothing has been migrated, so every flag must stand at 'wix'."""

    def __init__(self, catalog: Catalog, state: State, wix: Records, airtable: AirtableRecords | None) -> None:
        super().__init__(catalog, wix, airtable)
        self._state = state

    def __repr__(self) -> str:
        flags = self._state.flags.all()
        return f"RoutedRecords({', '.join(f'{name}: {side}' for name, side in flags.items())})"

    @contextmanager
    def pinned(self) -> Iterator[Records]:
        """Every flag as it stands now; none turns before the block ends."""
        with self._state.locks.shared(CALLS):
            yield _Pinned(self.catalog, self._wix, self._airtable, self._state.flags.standing())

    def _flags(self) -> Mapping[str, Standing]:
        return self._state.flags.standing()

    # A single write is a call of its own: between looking at the flag and writing, it must not turn.

    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        with self._state.locks.shared(CALLS):
            return super()._insert(collection, items, given, wait)

    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]:
        with self._state.locks.shared(CALLS):
            return super()._update(collection, items, wait)

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item:
        with self._state.locks.shared(CALLS):
            return super()._patch(collection, item_id, changes, wait)

    def _remove(self, collection: str, item_id: str, wait: float) -> None:
        with self._state.locks.shared(CALLS):
            super()._remove(collection, item_id, wait)


def all_turned(catalog: Catalog, wix: Records, airtable: AirtableRecords) -> Records:
    """What services read and write once every flag stands at 'airtable': what stays in Wix still there."""
    return _Pinned(catalog, wix, airtable, {flag: Standing("airtable", None) for flag in catalog.flags})
