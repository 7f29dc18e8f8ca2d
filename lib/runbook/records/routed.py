"""Records routed by `DATA_SOURCE`: each collection to the side of its flag, which is read at every call.

    records = RoutedRecords(catalog, state, wix, airtable)
    with records.pinned() as records:        # one call of a service: every flag as it is now, until the end
        ...

A flag turns between calls, never during one: calls hold a shared lock, and turning a flag takes it exclusively. A turn
waits for the calls in flight, and calls that start meanwhile wait for the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from runbook.catalog import Catalog
from runbook.errors import SettingError
from runbook.json_types import Item
from runbook.query.query import ALL_ITEMS, Query
from runbook.records.airtable import AirtableRecords
from runbook.records.contract import Records
from runbook.records.results import Durable, Page, QueryResult, WriteOptions
from runbook.state import FlagState, Side, State
from runbook.state.locks import CALLS, Locks

_WIX = FlagState("wix", None)


class _Router(Records):
    """Passes each call to the side of its collection."""

    def __init__(self, catalog: Catalog, wix: Records, airtable: AirtableRecords | None, locks: Locks | None) -> None:
        super().__init__(catalog, locks)
        self._wix, self._airtable = wix, airtable

    def source(self, collection: str) -> Side:
        """The side that a collection is read from and written to now; Wix where the catalog does not move it."""
        return self._state_of(collection).side

    def _flags(self) -> Mapping[str, FlagState]:
        raise NotImplementedError

    def _write_lock(self) -> AbstractContextManager[None]:
        """Held from reading the flag until a write is done."""
        raise NotImplementedError

    def _state_of(self, collection: str) -> FlagState:
        known = self.catalog.collections.get(collection)
        return _WIX if known is None else self._flags().get(known.flag, _WIX)

    def _side_of(self, collection: str) -> Records:
        state = self._state_of(collection)
        if state.side == "wix":
            return self._wix
        if self._airtable is None:
            raise SettingError(
                f"the flag of {collection} is 'airtable', but no base is known: run the migration with this "
                "state, or set AIRTABLE_BASE_ID"
            )
        if state.since is not None:
            self._airtable.catch_up(collection, state.since)
        return self._airtable

    def _reading(self, collection: str, consistent: bool) -> tuple[Records, bool]:
        """The side of a collection, and whether its read must be consistent."""
        side = self._side_of(collection)
        return side, consistent or (self._exact and side.lags)

    def query(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Page:
        """See `Records.query`; the next pages of a page are from the same side."""
        side, consistent = self._reading(collection, consistent)
        return side.query(collection, query, consistent=consistent)

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        side, consistent = self._reading(collection, consistent)
        return side._get(collection, item_id, consistent)

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        side, consistent = self._reading(collection, consistent)
        return side._query(collection, query, consistent)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        side, consistent = self._reading(collection, consistent)
        return side._count(collection, query, consistent)

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        side, consistent = self._reading(collection, consistent)
        return side._all(collection, query, consistent)

    def _insert(self, collection: str, items: list[Item], given: list[str], options: WriteOptions) -> list[Item]:
        with self._write_lock():
            return self._side_of(collection)._insert(collection, items, given, options)

    def _update(self, collection: str, items: list[Item], options: WriteOptions) -> list[Item]:
        with self._write_lock():
            return self._side_of(collection)._update(collection, items, options)

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], options: WriteOptions) -> Item:
        with self._write_lock():
            return self._side_of(collection)._patch(collection, item_id, changes, options)

    def _bulk_patch(self, collection: str, changes: dict[str, dict[str, Any]], options: WriteOptions) -> list[Item]:
        with self._write_lock():
            return self._side_of(collection)._bulk_patch(collection, changes, options)

    def _change(
        self,
        collection: str,
        item_id: str,
        changes: Callable[[Item], dict[str, Any]],
        consistent: bool,
        options: WriteOptions,
    ) -> Item:
        with self._write_lock():
            return self._side_of(collection)._change(collection, item_id, changes, consistent, options)

    def _bulk_change(
        self, collection: str, changes: dict[str, Callable[[Item], dict[str, Any]]], options: WriteOptions
    ) -> list[Item]:
        with self._write_lock():
            return self._side_of(collection)._bulk_change(collection, changes, options)

    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None:
        with self._write_lock():
            self._side_of(collection)._remove(collection, item_id, options)


class _PinnedRecords(_Router):
    """With given flags; writes need no lock, whoever pinned the flags holds it."""

    def __init__(
        self,
        catalog: Catalog,
        wix: Records,
        airtable: AirtableRecords | None,
        flags: Mapping[str, FlagState],
        locks: Locks | None,
    ) -> None:
        super().__init__(catalog, wix, airtable, locks)
        self._pinned = flags

    def _flags(self) -> Mapping[str, FlagState]:
        return self._pinned

    def _write_lock(self) -> AbstractContextManager[None]:
        return nullcontext()


class RoutedRecords(_Router):
    """See the module. `airtable` None: nothing has been migrated, so every flag must be 'wix'."""

    def __init__(self, catalog: Catalog, state: State, wix: Records, airtable: AirtableRecords | None) -> None:
        super().__init__(catalog, wix, airtable, state.locks)
        self._state = state

    def __repr__(self) -> str:
        flags = self._state.flags.all()
        return f"RoutedRecords({', '.join(f'{name}: {side}' for name, side in flags.items())})"

    @contextmanager
    def pinned(self, *, wait: float | None = None, durable: Durable | None = None) -> Iterator[Records]:
        """Every flag as it is now; none turns before the block ends."""
        with self._write_lock():
            flags = self._state.flags.states()
            pinned = _PinnedRecords(self.catalog, self._wix, self._airtable, flags, self._locks)
            yield pinned._pinned_with(wait, durable)

    def _flags(self) -> Mapping[str, FlagState]:
        return self._state.flags.states()

    def _write_lock(self) -> AbstractContextManager[None]:
        return self._state.locks.shared(CALLS)


def all_turned(catalog: Catalog, wix: Records, airtable: AirtableRecords) -> Records:
    """The records of services once every flag is 'airtable'; what stays in Wix is still read there."""
    flags = {flag: FlagState("airtable", None) for flag in catalog.flags}
    return _PinnedRecords(catalog, wix, airtable, flags, airtable._locks)
