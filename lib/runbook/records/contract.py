"""The record API that services read and write data by, whichever side holds it.

    records.query("Carriers", Query().eq("status", "active").limit(20)).items
    records.get("Carriers", "1f…")                         # the item, or None
    records.insert("Messages", {"content": "…", …})        # the item as stored, with its `_id`
    records.patch("Carriers", "1f…", {"status": "inactive"})

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

Errors are subclasses of `RecordsError`, the same on both sides, raised before anything is written.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Keys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from runbook.catalog import Catalog, Collection
from runbook.codecs import same
from runbook.codecs.values import is_plain
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING, Item
from runbook.mapping import Mapping
from runbook.query.query import ALL_ITEMS, MAX_LIMIT, Query
from runbook.query.values import item_json, to_python
from runbook.state import Side

DATES = ("_createdDate", "_updatedDate")
"""Keys that the side which writes sets."""
_NOT_REMOVABLE = (*DATES, "_owner")


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


class Records(ABC):
    """See the module. Subclasses read and write JSON items on one side; what holds for every side is here.

    Threads may share one.
    """

    side: Side

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._mappings: dict[str, Mapping] = {}

    @contextmanager
    def pinned(self) -> Iterator[Records]:
        """These records, with every flag as it is now: all reads in the block see the same side."""
        yield self

    # Reading

    def get(self, collection: str, item_id: str, *, consistent: bool = False) -> Item | None:
        """The item with this `_id`, or None. Raises WrongType for an id that is not a string."""
        if not isinstance(item_id, str):
            raise WrongType(
                f"{collection}: an `_id` is a string, not a {type(item_id).__name__}", collection=collection
            )
        if not is_plain(item_id):
            return None
        found = self._get(collection, item_id, consistent)
        return None if found is None else to_python(found)

    def query(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Page:
        """One page of a query's items. Raises UnknownField for a key that the collection does not have."""
        self._check_keys(collection, query.keys())
        found = self._query(collection, query, consistent)
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
        return self._count(collection, query, consistent)

    def get_all(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> list[Item]:
        """Every item that matches a query, without its limit, read page by page."""
        self._check_keys(collection, query.keys())
        return [to_python(item) for item in self._all(collection, query, consistent)]

    # Writing

    def insert(self, collection: str, item: Item, *, wait: float = 0.0) -> Item:
        """Add an item; returns it as stored. Without an `_id` it gets a new UUID.

        `wait`: seconds to retry while the side is down. Raises ItemExists, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_insert(collection, [item], wait=wait)[0]

    def bulk_insert(self, collection: str, items: Iterable[Item], *, wait: float = 0.0) -> list[Item]:
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
        return [to_python(item) for item in self._insert(collection, new, given, wait)] if new else []

    def update(self, collection: str, item: Item, *, wait: float = 0.0) -> Item:
        """Replace a whole item, by its `_id`; returns it as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        return self.bulk_update(collection, [item], wait=wait)[0]

    def bulk_update(self, collection: str, items: Iterable[Item], *, wait: float = 0.0) -> list[Item]:
        """Replace items, all checked before the first is written; as stored, in order. Raises as `update`."""
        new = []
        for item in items:
            payload = _payload(collection, item)
            item_id = self._check_id(collection, payload.get("_id"))
            self._check(collection, payload, partial(self._get, collection, item_id, True))
            new.append(payload)
        _check_unique(collection, new)
        return [to_python(item) for item in self._update(collection, new, wait)] if new else []

    def patch(self, collection: str, item_id: str, changes: Keys[str, Any], *, wait: float = 0.0) -> Item:
        """Change keys of an item; `MISSING` removes a key, all others stay. Returns the item as stored.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        item_id = self._check_id(collection, item_id)
        self._check_keys(collection, changes, dotted=False)
        if "_id" in changes and changes["_id"] != item_id:
            raise WrongType(f"{collection} {item_id}: an `_id` does not change", collection=collection, field="_id")
        values = _payload(collection, {key: value for key, value in changes.items() if value is not MISSING})
        values.pop("_id", None)
        self._check(collection, values, partial_item=True)
        removed = [key for key, value in changes.items() if value is MISSING and key not in _NOT_REMOVABLE]
        for key in removed:
            self._check_removable(collection, key)
        if values or removed:
            return dict(to_python(self._patch(collection, item_id, values | dict.fromkeys(removed, MISSING), wait)))
        existing = self._get(collection, item_id, True)
        if existing is None:
            raise no_such_item(collection, item_id)
        return dict(to_python(existing))

    def remove(self, collection: str, item_id: str, *, wait: float = 0.0) -> None:
        """Delete an item. Raises NoSuchItem, SourceDown."""
        self._remove(collection, self._check_id(collection, item_id), wait)

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
    def _insert(self, collection: str, items: list[Item], given: list[str], wait: float) -> list[Item]:
        """`given`: the `_id`s that the caller chose: an existing item with one of them is an error."""

    @abstractmethod
    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]: ...

    @abstractmethod
    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item: ...

    @abstractmethod
    def _remove(self, collection: str, item_id: str, wait: float) -> None: ...

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
