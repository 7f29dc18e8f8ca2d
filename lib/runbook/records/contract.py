"""The record API that services read and write data by, whichever side holds it.

    records.query("Carriers", Query().eq("status", "active").limit(20)).items
    records.get("Carriers", "1f…")                         # the item, or None
    records.insert("Messages", {"content": "…", …})        # the item as stored, with its `_id`
    records.patch("Carriers", "1f…", {"status": "inactive"})
    records.change("Carriers", "1f…", lambda item: {"views": item.get("views", 0) + 1})     # read, think, write
    records.insert_once("Interests", {"driver_id": "2c…", "carrier_dot": "80321"}, {"status": "new"})

An item is a plain dict with Wix keys: `_id`, `_owner`, `_createdDate`, `_updatedDate`, and those of the collection.
Dates and times are `datetime`s with a time zone. A missing key is missing: null, "", False and [] are values.

The sides differ by themselves; through this API both behave so:

| matter                         | behaviour                                                                       |
|--------------------------------|---------------------------------------------------------------------------------|
| no limit given                 | 50 items; at most 1000 per page                                                 |
| no sort given                  | newest first by `_createdDate`, then by `_id`                                   |
| types                          | strict: 123 is not "123"; only contains, starts_with, ends_with ignore case     |
| missing values                 | lowest in every sort                                                            |
| `update`                       | replaces the whole item: keys that are not given are removed                    |
| `patch`                        | changes the keys given; `MISSING` removes a key                                 |
| `_createdDate`, `_updatedDate` | set by the side that writes; values given by the caller are ignored             |
| `_owner`                       | stored as given; null and "" leave it unchanged                                 |
| `_id`                          | given by the caller, or a new UUID; never Airtable's record id                  |
| drafts                         | invisible                                                                       |
| a read after a write           | sees the write of the same `Records`; `consistent=True` reads the source itself |
| two writers of a row           | one after the other, in all processes that share the state                      |

Errors are subclasses of `RecordsError`, the same on both sides, raised before anything is written.
"""

from __future__ import annotations

import copy
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Keys
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Self

from runbook.catalog import Catalog
from runbook.codecs import same
from runbook.codecs.values import is_plain
from runbook.errors import ItemExists, WrongType
from runbook.json_types import MISSING, Item
from runbook.mapping import Mapping
from runbook.query.query import ALL_ITEMS, MAX_LIMIT, Query
from runbook.query.values import item_json, to_python
from runbook.records.checks import Checks, check_unique, no_such_item, payload_of
from runbook.records.results import Durable, Once, Page, QueryResult, WriteOptions
from runbook.state import Side
from runbook.state.locks import Locks

_NATURAL_KEYS = uuid.UUID("9a4f6a0e-2c53-4f0a-8a57-3f1e6a0d5b77")
"""Namespace of the ids that follow from natural keys."""


class Records(ABC):
    """See the module. Subclasses read and write JSON items on one side; what holds for every side is here.

    Threads may share one. `locks`: of the state; None for records that are only read. `wait`, `durable`: of writes
    that do not say. `lags`: a plain read may miss what another process that shares the state has just written.
    """

    side: Side
    wait = 0.0
    durable: Durable = "airtable"
    lags = False
    _exact = False
    _is_pinned = False

    def __init__(self, catalog: Catalog, locks: Locks | None = None) -> None:
        self.catalog = catalog
        self._locks = locks
        self._checks = Checks(catalog)

    @contextmanager
    def pinned(self, *, wait: float | None = None, durable: Durable | None = None) -> Iterator[Records]:
        """These records, with every flag as it is now: all reads in the block see the same side.

        `wait`, `durable`: of its writes that do not say; those pinned already keep to what they have.
        """
        yield self._pinned_with(wait, durable)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Records]:
        """Hold the lock of this name, such as a quota, which all who share the state take.

        Gives these records, whose reads then see all that earlier holders have written. Not reentrant.
        """
        if self._locks is None:
            raise RuntimeError(f"{self!r} has no locks: it is only read")
        with self._locks.keyed([f"exclusive {name}"]):
            yield self._with(_exact=True)

    def exclusive_key(self, collection: str, key: Keys[str, Any]) -> AbstractContextManager[Records]:
        """Hold the lock that `insert_once` takes for a natural key, to give it to an item; else as `exclusive`."""
        return self.exclusive(_key_text(collection, key))

    def _pinned_with(self, wait: float | None, durable: Durable | None) -> Self:
        return self if self._is_pinned else self._with(_is_pinned=True, **self._options(wait, durable)._asdict())

    def _with(self, **attributes: Any) -> Self:
        other = copy.copy(self)
        other.__dict__.update(attributes)
        return other

    def _must_be_consistent(self, consistent: bool) -> bool:
        return consistent or (self._exact and self.lags)

    # Reading

    def get(self, collection: str, item_id: str, *, consistent: bool = False) -> Item | None:
        """The item with this `_id`, or None. Raises WrongType for an id that is not a string."""
        if not isinstance(item_id, str):
            raise WrongType(
                f"{collection}: an `_id` is a string, not a {type(item_id).__name__}", collection=collection
            )
        if not is_plain(item_id):
            return None
        found = self._get(collection, item_id, self._must_be_consistent(consistent))
        return None if found is None else to_python(found)

    def query(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Page:
        """One page of a query's items. Raises UnknownField for a key that the collection does not have."""
        self._checks.keys(collection, query.keys())
        found = self._query(collection, query, self._must_be_consistent(consistent))
        return Page(
            [to_python(item) for item in found.items],
            query,
            found.more,
            self.side,
            found.age,
            found.filtered,
            lambda query: self.query(collection, query, consistent=consistent),
        )

    def first(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Item | None:
        """The first item of a query, or None."""
        return next(iter(self.query(collection, query.limit(1), consistent=consistent).items), None)

    def count(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> int:
        """The number of items that match a query, without its limit."""
        self._checks.keys(collection, query.keys())
        return self._count(collection, query, self._must_be_consistent(consistent))

    def get_all(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> list[Item]:
        """Every item that matches a query, without its limit, read page by page."""
        self._checks.keys(collection, query.keys())
        return [to_python(item) for item in self._all(collection, query, self._must_be_consistent(consistent))]

    # Writing

    def insert(self, collection: str, item: Item, *, wait: float | None = None, durable: Durable | None = None) -> Item:
        """Add an item; returns it as stored. Without an `_id` it gets a new UUID.

        `wait`: seconds to retry while the side is down. It counts as down while the turn of a request, after a 429 or
        in the queue of the rate limit, is more than `wait` + 5 seconds away: SourceDown is raised at once, and says
        that nothing was done. Reads from the source wait as a write with `wait` 0. `durable`: when it returns, see
        `Durable`. None, of either: as the records say. Raises ItemExists, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_insert(collection, [item], wait=wait, durable=durable)[0]

    def bulk_insert(
        self, collection: str, items: Iterable[Item], *, wait: float | None = None, durable: Durable | None = None
    ) -> list[Item]:
        """Add items, all checked before the first is written; returns them as stored, in order. Raises as `insert`."""
        new, given = [], []
        for item in items:
            payload = payload_of(collection, item)
            if payload.get("_id") is None:
                payload["_id"] = str(uuid.uuid4())
            else:
                given.append(self._checks.item_id(collection, payload["_id"]))
            self._checks.item(collection, payload)
            new.append(payload)
        check_unique(collection, new)
        if not new:
            return []
        return [to_python(item) for item in self._insert(collection, new, given, self._options(wait, durable))]

    def insert_once(
        self,
        collection: str,
        key: Keys[str, Any],
        item: Item | None = None,
        *,
        wait: float | None = None,
        durable: Durable | None = None,
    ) -> Once:
        """The item with a natural key, inserted where there is none: of any number of callers at once, one inserts.

        `key`: the keys that make it unique, and their values; `item`: the others of a new one, whose `_id` follows from
        the key where it gives none. One that exists is given as it is. Raises as `insert`.
        """
        query = Query()
        for name, value in key.items():
            query = query.eq(name, value)
        text = _key_text(collection, key)
        with self.exclusive(text) as records:
            existing = records.first(collection, query)
            if existing is not None:
                return Once(existing, False)
            new = {"_id": str(uuid.uuid5(_NATURAL_KEYS, text)), **(item or {}), **key}
            try:
                return Once(records.insert(collection, new, wait=wait, durable=durable), True)
            except ItemExists:
                if item and "_id" in item:
                    raise
                # Someone has changed its key since it was inserted, or the side's look-up does not see it yet.
                existing = records.get(collection, new["_id"], consistent=True)
                values = item_json(collection, dict(key)).items()
                if existing is not None and all(
                    same(value, item_json(collection, existing).get(name, MISSING)) for name, value in values
                ):
                    return Once(existing, False)
            del new["_id"]
            return Once(records.insert(collection, new, wait=wait, durable=durable), True)

    def update(self, collection: str, item: Item, *, wait: float | None = None, durable: Durable | None = None) -> Item:
        """Replace a whole item, by its `_id`; returns it as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_update(collection, [item], wait=wait, durable=durable)[0]

    def bulk_update(
        self, collection: str, items: Iterable[Item], *, wait: float | None = None, durable: Durable | None = None
    ) -> list[Item]:
        """Replace items, all checked before the first is written; as stored, in order. Raises as `update`."""
        new = []
        for item in items:
            payload = payload_of(collection, item)
            item_id = self._checks.item_id(collection, payload.get("_id"))
            self._checks.item(collection, payload, partial(self._get, collection, item_id, True))
            new.append(payload)
        check_unique(collection, new)
        return [to_python(i) for i in self._update(collection, new, self._options(wait, durable))] if new else []

    def patch(
        self,
        collection: str,
        item_id: str,
        changes: Keys[str, Any],
        *,
        wait: float | None = None,
        durable: Durable | None = None,
    ) -> Item:
        """Change keys of an item; `MISSING` removes a key, all others stay. Returns the item as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        item_id = self._checks.item_id(collection, item_id)
        new = self._checks.changes(collection, item_id, changes)
        if new:
            return dict(to_python(self._patch(collection, item_id, new, self._options(wait, durable))))
        existing = self._get(collection, item_id, True)
        if existing is None:
            raise no_such_item(collection, item_id)
        return dict(to_python(existing))

    def bulk_patch(
        self,
        collection: str,
        changes: Keys[str, Keys[str, Any]],
        *,
        wait: float | None = None,
        durable: Durable | None = None,
    ) -> list[Item]:
        """Change keys of items, by `_id`, as `patch`; all checked before the first is written; as stored, in order."""
        new = {i: self._checks.changes(collection, self._checks.item_id(collection, i), c) for i, c in changes.items()}
        new = {item_id: of_item for item_id, of_item in new.items() if of_item}
        if not new:
            return []
        return [to_python(i) for i in self._bulk_patch(collection, new, self._options(wait, durable))]

    def change(
        self,
        collection: str,
        item_id: str,
        function: Callable[[Item], Keys[str, Any]],
        *,
        consistent: bool = True,
        wait: float | None = None,
        durable: Durable | None = None,
    ) -> Item:
        """Change keys of an item by what it is now: no other writer comes between reading and writing.

        `function` gets the item and returns the keys to change, as for `patch`; {}: nothing is written. It may be
        called more than once, must not use any records, and what it raises is raised: nothing is written then.
        `consistent` False: it gets the item as plain reads see it, without edits made in the grid in the last seconds.
        Returns the item as stored. Raises as `patch`.
        """
        item_id = self._checks.item_id(collection, item_id)

        def changes(item: Item) -> dict[str, Any]:
            return self._checks.changes(collection, item_id, function(to_python(item)))

        options = self._options(wait, durable)
        return dict(to_python(self._change(collection, item_id, changes, consistent, options)))

    def bulk_change(
        self,
        collection: str,
        functions: Keys[str, Callable[[Item], Keys[str, Any]]],
        *,
        wait: float | None = None,
        durable: Durable | None = None,
    ) -> list[Item]:
        """Change items, by `_id`, as `change`: all are checked before the first is written; as stored, in order."""

        def changes(item_id: str, function: Callable[[Item], Keys[str, Any]]) -> Callable[[Item], dict[str, Any]]:
            return lambda item: self._checks.changes(collection, item_id, function(to_python(item)))

        checked = {self._checks.item_id(collection, i): changes(i, function) for i, function in functions.items()}
        options = self._options(wait, durable)
        return [to_python(item) for item in self._bulk_change(collection, checked, options)] if checked else []

    def remove(
        self, collection: str, item_id: str, *, wait: float | None = None, durable: Durable | None = None
    ) -> None:
        """Delete an item. Raises NoSuchItem, SourceDown."""
        self._remove(collection, self._checks.item_id(collection, item_id), self._options(wait, durable))

    def _options(self, wait: float | None, durable: Durable | None) -> WriteOptions:
        return WriteOptions(self.wait if wait is None else wait, durable or self.durable)

    # Implemented by each side, with items as JSON

    @abstractmethod
    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None: ...

    @abstractmethod
    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult: ...

    @abstractmethod
    def _count(self, collection: str, query: Query, consistent: bool) -> int: ...

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        """Every item that matches a query, page by page."""
        items, page = [], query.limit(MAX_LIMIT)
        while True:
            found = self._query(collection, page, consistent)
            items += found.items
            if not found.more:
                return items
            page = page.next()

    @abstractmethod
    def _insert(self, collection: str, items: list[Item], given: list[str], options: WriteOptions) -> list[Item]:
        """`given`: the `_id`s that the caller chose: an existing item with one of them is an error."""

    @abstractmethod
    def _update(self, collection: str, items: list[Item], options: WriteOptions) -> list[Item]: ...

    @abstractmethod
    def _bulk_patch(self, collection: str, changes: dict[str, dict[str, Any]], options: WriteOptions) -> list[Item]: ...

    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], options: WriteOptions) -> Item:
        return self._bulk_patch(collection, {item_id: changes}, options)[0]

    @abstractmethod
    def _change(
        self,
        collection: str,
        item_id: str,
        changes: Callable[[Item], dict[str, Any]],
        consistent: bool,
        options: WriteOptions,
    ) -> Item:
        """`changes`: of the item as it is, as for `_patch`; {}: nothing is to be written."""

    @abstractmethod
    def _bulk_change(
        self, collection: str, changes: dict[str, Callable[[Item], dict[str, Any]]], options: WriteOptions
    ) -> list[Item]: ...

    @abstractmethod
    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None: ...

    def mapping(self, collection: str) -> Mapping:
        """The mapping of a collection between Wix and Airtable. Raises CatalogError."""
        return self._checks.mapping(collection)


def _key_text(collection: str, key: Keys[str, Any]) -> str:
    return json.dumps([collection, item_json(collection, dict(key))], sort_keys=True, ensure_ascii=True)
