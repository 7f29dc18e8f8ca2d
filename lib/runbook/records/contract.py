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
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, Self

from runbook.catalog import Catalog, Collection
from runbook.codecs import same
from runbook.codecs.values import is_plain
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING, Item
from runbook.mapping import Mapping
from runbook.query.query import ALL_ITEMS, MAX_LIMIT, Query
from runbook.query.values import item_json, to_python
from runbook.state import Side
from runbook.state.locks import Locks

DATES = ("_createdDate", "_updatedDate")
"""Keys that the side which writes sets."""
_NOT_REMOVABLE = (*DATES, "_owner")
_NATURAL_KEYS = uuid.UUID("9a4f6a0e-2c53-4f0a-8a57-3f1e6a0d5b77")
"""Namespace of the ids that follow from natural keys."""

Durable = Literal["airtable", "journal"]
"""When a write returns: once it is durable in Airtable, or in the journal on disk, from which it is sent in order.

Wix has no journal: there a write returns once Wix has it.
"""


@dataclass(frozen=True)
class Page:
    """Items of a query, in order. `more`: whether there are further pages; `side`: where they were read.

    `age`: seconds since the data read is known to have equalled the source's; 0 if read from the source. `filtered`:
    conditions that the source cannot evaluate, applied after reading.
    """

    items: list[Item]
    query: Query
    more: bool
    side: Side
    age: float = 0.0
    filtered: tuple[str, ...] = ()
    _fetch: Callable[[Query], Page] | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def next(self) -> Page:
        """The next page, from the same side even if the flag has turned since; empty after the last page."""
        if not self.more or self._fetch is None:
            return Page([], self.query.next(), False, self.side, self.age)
        return self._fetch(self.query.next())


class QueryResult(NamedTuple):
    """A side's result of a query: items as JSON; the rest as in `Page`."""

    items: list[Item]
    more: bool
    age: float = 0.0
    filtered: tuple[str, ...] = ()


class Once(NamedTuple):
    """What `insert_once` gives: the item as stored, and whether this call inserted it."""

    item: Item
    inserted: bool


class WriteOptions(NamedTuple):
    """How a write waits: see `Records.insert`."""

    wait: float = 0.0
    durable: Durable = "airtable"


class Records(ABC):
    """See the module. Subclasses read and write JSON items on one side; what holds for every side is here.

    Threads may share one. `locks`: of the state; None for records that are only read. `durable`: of writes that do not
    say. `lags`: a plain read may miss what another process that shares the state has just written.
    """

    side: Side
    durable: Durable = "airtable"
    lags = False
    _exact = False
    _is_pinned = False

    def __init__(self, catalog: Catalog, locks: Locks | None = None) -> None:
        self.catalog = catalog
        self._locks = locks
        self._mappings: dict[str, Mapping] = {}

    @contextmanager
    def pinned(self, *, durable: Durable | None = None) -> Iterator[Records]:
        """These records, with every flag as it is now: all reads in the block see the same side.

        `durable`: of its writes that do not say; those pinned already keep to what they have.
        """
        yield self._pinned_with(durable)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Records]:
        """Hold the lock of this name, such as a quota, which all who share the state take.

        Gives these records, whose reads then see all that earlier holders have written. Not reentrant.
        """
        if self._locks is None:
            raise RuntimeError(f"{self!r} has no locks: it is only read")
        with self._locks.keyed([f"exclusive {name}"]):
            yield self._with(_exact=True)

    def _pinned_with(self, durable: Durable | None) -> Self:
        return self if self._is_pinned else self._with(_is_pinned=True, durable=durable or self.durable)

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
        self._check_keys(collection, query.keys())
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
        self._check_keys(collection, query.keys())
        return self._count(collection, query, self._must_be_consistent(consistent))

    def get_all(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> list[Item]:
        """Every item that matches a query, without its limit, read page by page."""
        self._check_keys(collection, query.keys())
        return [to_python(item) for item in self._all(collection, query, self._must_be_consistent(consistent))]

    # Writing

    def insert(self, collection: str, item: Item, *, wait: float = 0.0, durable: Durable | None = None) -> Item:
        """Add an item; returns it as stored. Without an `_id` it gets a new UUID.

        `wait`: seconds to retry while the side is down. `durable`: when it returns, see `Durable`; None: as the records
        say. Raises ItemExists, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_insert(collection, [item], wait=wait, durable=durable)[0]

    def bulk_insert(
        self, collection: str, items: Iterable[Item], *, wait: float = 0.0, durable: Durable | None = None
    ) -> list[Item]:
        """Add items, all checked before the first is written; returns them as stored, in order. Raises as `insert`."""
        new, given = [], []
        for item in items:
            payload = _payload(collection, item)
            if payload.get("_id") is None:
                payload["_id"] = str(uuid.uuid4())
            else:
                given.append(self._check_id(collection, payload["_id"]))
            self._check(collection, payload)
            new.append(payload)
        _check_unique(collection, new)
        if not new:
            return []
        return [to_python(item) for item in self._insert(collection, new, given, self._options(wait, durable))]

    def insert_once(
        self,
        collection: str,
        key: Keys[str, Any],
        item: Item | None = None,
        *,
        wait: float = 0.0,
        durable: Durable | None = None,
    ) -> Once:
        """The item with a natural key, inserted where there is none: of any number of callers at once, one inserts.

        `key`: the keys that make it unique, and their values; `item`: the others of a new one, whose `_id` follows from
        the key. One that exists is given as it is. Raises as `insert`.
        """
        query = Query()
        for name, value in key.items():
            query = query.eq(name, value)
        values = item_json(collection, dict(key))
        text = json.dumps([collection, values], sort_keys=True, ensure_ascii=True)
        with self.exclusive(text) as records:
            existing = records.first(collection, query)
            if existing is not None:
                return Once(existing, False)
            new = {**(item or {}), **key, "_id": str(uuid.uuid5(_NATURAL_KEYS, text))}
            try:
                return Once(records.insert(collection, new, wait=wait, durable=durable), True)
            except ItemExists:
                # Someone has changed its key since it was inserted, or the side's look-up does not see it yet.
                existing = records.get(collection, new["_id"], consistent=True)
                if existing is not None and all(
                    same(value, item_json(collection, existing).get(name, MISSING)) for name, value in values.items()
                ):
                    return Once(existing, False)
            del new["_id"]
            return Once(records.insert(collection, new, wait=wait, durable=durable), True)

    def update(self, collection: str, item: Item, *, wait: float = 0.0, durable: Durable | None = None) -> Item:
        """Replace a whole item, by its `_id`; returns it as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_update(collection, [item], wait=wait, durable=durable)[0]

    def bulk_update(
        self, collection: str, items: Iterable[Item], *, wait: float = 0.0, durable: Durable | None = None
    ) -> list[Item]:
        """Replace items, all checked before the first is written; as stored, in order. Raises as `update`."""
        new = []
        for item in items:
            payload = _payload(collection, item)
            item_id = self._check_id(collection, payload.get("_id"))
            self._check(collection, payload, partial(self._get, collection, item_id, True))
            new.append(payload)
        _check_unique(collection, new)
        return [to_python(i) for i in self._update(collection, new, self._options(wait, durable))] if new else []

    def patch(
        self,
        collection: str,
        item_id: str,
        changes: Keys[str, Any],
        *,
        wait: float = 0.0,
        durable: Durable | None = None,
    ) -> Item:
        """Change keys of an item; `MISSING` removes a key, all others stay. Returns the item as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        item_id = self._check_id(collection, item_id)
        new = self._check_changes(collection, item_id, changes)
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
        wait: float = 0.0,
        durable: Durable | None = None,
    ) -> list[Item]:
        """Change keys of items, by `_id`, as `patch`; all checked before the first is written; as stored, in order."""
        new = {i: self._check_changes(collection, self._check_id(collection, i), c) for i, c in changes.items()}
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
        wait: float = 0.0,
        durable: Durable | None = None,
    ) -> Item:
        """Change keys of an item by what it is now: no other writer comes between reading and writing.

        `function` gets the item and returns the keys to change, as for `patch`; {}: nothing is written. It may be
        called more than once, must not use any records, and what it raises is raised: nothing is written then.
        `consistent` False: it gets the item as plain reads see it, without edits made in the grid in the last seconds.
        Returns the item as stored. Raises as `patch`.
        """
        item_id = self._check_id(collection, item_id)

        def changes(item: Item) -> dict[str, Any]:
            return self._check_changes(collection, item_id, function(to_python(item)))

        options = self._options(wait, durable)
        return dict(to_python(self._change(collection, item_id, changes, consistent, options)))

    def remove(self, collection: str, item_id: str, *, wait: float = 0.0, durable: Durable | None = None) -> None:
        """Delete an item. Raises NoSuchItem, SourceDown."""
        self._remove(collection, self._check_id(collection, item_id), self._options(wait, durable))

    def _options(self, wait: float, durable: Durable | None) -> WriteOptions:
        return WriteOptions(wait, durable or self.durable)

    def _check_changes(self, collection: str, item_id: str, changes: Keys[str, Any]) -> dict[str, Any]:
        """Changes as JSON, checked, without what callers cannot set."""
        self._check_keys(collection, changes, dotted=False)
        if "_id" in changes and changes["_id"] != item_id:
            raise WrongType(f"{collection} {item_id}: an `_id` does not change", collection=collection, field="_id")
        values = _payload(collection, {key: value for key, value in changes.items() if value is not MISSING})
        values.pop("_id", None)
        self._check(collection, values, partial_item=True)
        removed = [key for key, value in changes.items() if value is MISSING and key not in _NOT_REMOVABLE]
        for key in removed:
            self._check_removable(collection, key)
        return values | dict.fromkeys(removed, MISSING)

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
    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None: ...

    # Checks that hold for every side

    def mapping(self, collection: str) -> Mapping:
        """The mapping of a collection between Wix and Airtable. Raises CatalogError."""
        if collection not in self._mappings:
            self._mappings[collection] = Mapping(self.catalog.collection(collection))
        return self._mappings[collection]

    def _of(self, collection: str) -> Collection | None:
        """The catalog's collection; None for one that stays in Wix, which may have any key."""
        return self.catalog.collections.get(collection)

    def _check_keys(self, collection: str, keys: Iterable[str], *, dotted: bool = True) -> None:
        known = self._of(collection)
        if known is None:
            return
        for key in keys:
            root = key.partition(".")[0] if dotted else key
            if root not in known.by_key:
                raise UnknownField(
                    f"{collection} has no field {root!r}; nothing was read or written",
                    collection=collection,
                    field=root,
                )

    def _check_id(self, collection: str, item_id: Any) -> str:
        if item_id is None:
            raise NoSuchItem(
                f"{collection}: no `_id` was given; nothing was written", collection=collection, field="_id"
            )
        if not isinstance(item_id, str) or not item_id.strip() or not is_plain(item_id):
            problem = "empty or holds U+0000" if isinstance(item_id, str) else f"a {type(item_id).__name__}"
            raise WrongType(
                f"{collection}: an `_id` must be a string with text; this one is {problem}; nothing was written",
                collection=collection,
                field="_id",
            )
        return item_id

    def _check(
        self,
        collection: str,
        item: Item,
        read_existing: Callable[[], Item | None] = lambda: None,
        *,
        partial_item: bool = False,
    ) -> None:
        """Check that the catalog has every key and Airtable can hold every value: also on Wix, so that flags can turn.

        What the existing item has already may stay. Raises UnknownField, WrongType.
        """
        known = self._of(collection)
        if known is None:
            return
        unknown = [key for key in item if key not in known.by_key]
        refused = [
            r
            for r in self.mapping(collection).to_airtable(item).refusals
            if not partial_item or r.field not in known.by_key or r.field in item
        ]
        if not unknown and not refused:
            return
        existing = read_existing() or {}
        item_id = str(item.get("_id", ""))
        for key in unknown:
            if key not in existing:
                raise UnknownField(
                    f"{collection} {item_id}: there is no field {key!r}; nothing was written",
                    collection=collection,
                    field=key,
                    id=item_id,
                )
        for refusal in refused:
            key = refusal.field
            if not (key in existing and key in item and same(existing[key], item[key])):
                raise WrongType(
                    f"{collection} {item_id}, {key or 'the item'}: {refusal.reason}; nothing was written",
                    collection=collection,
                    field=key or None,
                    id=item_id,
                )

    def _check_removable(self, collection: str, key: str) -> None:
        known = self._of(collection)
        if known is not None and known.by_key[key].required:
            raise WrongType(
                f"{collection}, {key}: required, so it cannot be removed; nothing was written",
                collection=collection,
                field=key,
            )


def no_such_item(collection: str, item_id: str) -> NoSuchItem:
    """The error for an id that no item has."""
    return NoSuchItem(
        f"{collection} has no item {item_id}; nothing was written", collection=collection, field="_id", id=item_id
    )


def item_exists(collection: str, item_id: str) -> ItemExists:
    """The error for an id that an item has already."""
    return ItemExists(
        f"{collection} already has an item {item_id}; nothing was written",
        collection=collection,
        field="_id",
        id=item_id,
    )


def _check_unique(collection: str, items: list[Item]) -> None:
    if len({item["_id"] for item in items}) < len(items):
        raise ItemExists(f"{collection}: the same `_id` twice in one call; nothing was written", collection=collection)


def _payload(collection: str, item: Item) -> Item:
    """A caller's item as JSON, without what callers cannot set. Raises WrongType."""
    payload = {key: value for key, value in item_json(collection, item).items() if key not in DATES}
    owner = payload.get("_owner", "")
    if owner in (None, ""):
        payload.pop("_owner", None)
    elif not isinstance(owner, str):
        raise WrongType(
            f"{collection}: an `_owner` is a string; nothing was written", collection=collection, field="_owner"
        )
    return payload
