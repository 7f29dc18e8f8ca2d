"""The one way in which services read and write data, whichever side it lies on.

    records.query("Carriers", Query().eq("status", "active").limit(20)).items
    records.get("Carriers", "1f…")                         # an item, or None
    records.insert("Messages", {"content": "…", …})        # the item as it is stored, with its `_id`
    records.patch("Carriers", "1f…", {"status": "inactive"})

An item is a plain dict of Wix keys: `_id`, `_owner`, `_createdDate`, `_updatedDate`, and its own. Moments are aware
`datetime`s. A key that is not there is not there: null, "", False and [] are values.

What the sides do differently by themselves, and what holds here for both:

| matter                | here                                                                                     |
|-----------------------|------------------------------------------------------------------------------------------|
| no limit given        | 50 items; a page holds 1000 at the most                                                  |
| no sort given         | the newest first, by `_createdDate`, then by `_id`                                       |
| types                 | strict: 123 is not "123"; contains, starts_with and ends_with alone pass over case       |
| missing values        | lowest in every sort                                                                     |
| `update`              | replaces the whole item: keys that are not given are gone                                |
| `patch`               | changes the keys given; `MISSING` takes a key out                                        |
| `_createdDate`, `_updatedDate` | set by the side that writes; what is given of them is not kept                  |
| `_owner`              | kept as given; null and "" leave it as it is                                             |
| `_id`                 | the caller's, or a fresh UUID; never Airtable's record id                                |
| a draft               | is not seen                                                                              |
| a read after a write  | of the same `Records` sees it; `consistent=True` asks the source itself                  |

Errors are those under `RecordsError`, the same on both sides, raised before anything is written.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Keys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from runbook.catalog import Catalog, Collection
from runbook.codecs import same
from runbook.codecs.values import is_plain
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING, Item
from runbook.mapping import Mapping
from runbook.query.query import EVERY, MOST, Query
from runbook.query.values import item_json, to_python
from runbook.state.flags import Side

STAMPED = ("_createdDate", "_updatedDate")
"""Keys that the side which writes sets."""
_STAY = (*STAMPED, "_owner")
"""Keys that no patch takes out."""


@dataclass(frozen=True)
class Page:
    """Items of a query, in order. `more`: whether others follow; `side`: where they were read.

    `age`: seconds since what was read is known to have been the source's; 0 straight from it. `filtered`: conditions
    that the source could not be asked, kept to after reading.
    """

    items: list[Item]
    query: Query
    more: bool
    side: Side
    age: float = 0.0
    filtered: tuple[str, ...] = ()
    _ask: Callable[[Query], Page] | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def next(self) -> Page:
        """The page after this one, from the same side, though the flag has turned since; empty after the last."""
        if not self.more or self._ask is None:
            return Page([], self.query.next(), False, self.side, self.age)
        return self._ask(self.query.next())


class Found(NamedTuple):
    """What a side answers to a query: items as JSON; the rest as in `Page`."""

    items: list[Item]
    more: bool
    age: float = 0.0
    filtered: tuple[str, ...] = ()


class Records(ABC):
    """See the module. A side says how it reads and writes JSON items; what holds for every side is here.

    Threads may share one.
    """

    side: Side

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._mappings: dict[str, Mapping] = {}

    @contextmanager
    def pinned(self) -> Iterator[Records]:
        """These records, with every flag as it stands now: what reads several times sees one side throughout."""
        yield self

    # Reading

    def get(self, collection: str, item_id: str, *, consistent: bool = False) -> Item | None:
        """One item by `_id`; None where there is none. Raises WrongType for an id that is no text."""
        if not isinstance(item_id, str):
            raise WrongType(f"{collection}: an `_id` is a text, not a {type(item_id).__name__}", collection=collection)
        if not is_plain(item_id):
            return None
        found = self._get(collection, item_id, consistent)
        return None if found is None else to_python(found)

    def query(self, collection: str, query: Query = EVERY, *, consistent: bool = False) -> Page:
        """A page of items. Raises UnknownField for a key that the collection does not have."""
        self._check_keys(collection, query.keys())
        found = self._query(collection, query, consistent)
        return Page(
            [to_python(item) for item in found.items],
            query,
            found.more,
            self.side,
            found.age,
            found.filtered,
            lambda following: self.query(collection, following, consistent=consistent),
        )

    def first(self, collection: str, query: Query = EVERY, *, consistent: bool = False) -> Item | None:
        """The first item of a query; None where there is none."""
        return next(iter(self.query(collection, query.limit(1), consistent=consistent).items), None)

    def count(self, collection: str, query: Query = EVERY, *, consistent: bool = False) -> int:
        """How many items a query keeps, whatever its limit."""
        self._check_keys(collection, query.keys())
        return self._count(collection, query, consistent)

    def get_all(self, collection: str, query: Query = EVERY, *, consistent: bool = False) -> list[Item]:
        """Every item that a query keeps, whatever its limit, read page by page."""
        self._check_keys(collection, query.keys())
        return [to_python(item) for item in self._all(collection, query, consistent)]

    # Writing

    def insert(self, collection: str, item: Item, *, wait: float = 0.0) -> Item:
        """Add an item; gives it as it is stored. Without an `_id` it gets a fresh UUID.

        `wait`: seconds to wait for a side that cannot be reached. Raises ItemExists, UnknownField, WrongType,
        SourceDown.
        """
        return self.bulk_insert(collection, [item], wait=wait)[0]

    def bulk_insert(self, collection: str, items: Iterable[Item], *, wait: float = 0.0) -> list[Item]:
        """Add items, all checked before the first is written; as stored, in their order. Raises as `insert`."""
        ready = [self._new(collection, item) for item in items]
        _check_once(collection, [item for item, _ in ready])
        if not ready:
            return []
        written = self._insert(collection, [item for item, _ in ready], [given for _, given in ready], wait)
        return [to_python(item) for item in written]

    def update(self, collection: str, item: Item, *, wait: float = 0.0) -> Item:
        """Replace a whole item, by its `_id`. Raises NoSuchItem, UnknownField, WrongType, SourceDown."""
        return self.bulk_update(collection, [item], wait=wait)[0]

    def bulk_update(self, collection: str, items: Iterable[Item], *, wait: float = 0.0) -> list[Item]:
        """Replace items, all checked before the first is written; as stored, in their order. Raises as `update`."""
        ready = []
        for item in items:
            told = _told(collection, item)
            item_id = self._given_id(collection, told.get("_id"))
            self._check(collection, told, lambda item_id=item_id: self._get(collection, item_id, True))  # type: ignore[misc]
            ready.append(told)
        _check_once(collection, ready)
        if not ready:
            return []
        return [to_python(item) for item in self._update(collection, ready, wait)]

    def patch(self, collection: str, item_id: str, changes: Keys[str, Any], *, wait: float = 0.0) -> Item:
        """Change keys of an item; `MISSING` takes one out, all others stay. Gives the item as it is then.

        Raises NoSuchItem, UnknownField, WrongType, SourceDown.
        """
        item_id = self._given_id(collection, item_id)
        self._check_keys(collection, changes, dotted=False)
        if "_id" in changes and changes["_id"] != item_id:
            raise WrongType(f"{collection} {item_id}: an `_id` does not change", collection=collection, field="_id")
        told = _told(collection, {key: value for key, value in changes.items() if value is not MISSING})
        told.pop("_id", None)
        told |= {key: MISSING for key, value in changes.items() if value is MISSING and key not in _STAY}
        set_now = {key: value for key, value in told.items() if value is not MISSING}
        self._check(collection, set_now, None, whole=False)
        for key in told.keys() - set_now.keys():
            self._check_may_go(collection, key)
        if not told:
            there = self._get(collection, item_id, True)
            if there is None:
                raise no_such_item(collection, item_id)
            return dict(to_python(there))
        return dict(to_python(self._patch(collection, item_id, told, wait)))

    def remove(self, collection: str, item_id: str, *, wait: float = 0.0) -> None:
        """Take an item out. Raises NoSuchItem, SourceDown."""
        self._remove(collection, self._given_id(collection, item_id), wait)

    # What a side does, with items as JSON

    @abstractmethod
    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None: ...

    @abstractmethod
    def _query(self, collection: str, query: Query, consistent: bool) -> Found: ...

    @abstractmethod
    def _count(self, collection: str, query: Query, consistent: bool) -> int: ...

    def _all(self, collection: str, query: Query, consistent: bool) -> list[Item]:
        """Every item that a query keeps; page by page, unless a side knows better."""
        items, page = [], query.limit(MOST)
        while True:
            found = self._query(collection, page, consistent)
            items += found.items
            if not found.more:
                return items
            page = page.next()

    @abstractmethod
    def _insert(self, collection: str, items: list[Item], given: list[bool], wait: float) -> list[Item]:
        """`given`: whether an item's `_id` is the caller's, so that another of it is an error."""

    @abstractmethod
    def _update(self, collection: str, items: list[Item], wait: float) -> list[Item]: ...

    @abstractmethod
    def _patch(self, collection: str, item_id: str, changes: dict[str, Any], wait: float) -> Item: ...

    @abstractmethod
    def _remove(self, collection: str, item_id: str, wait: float) -> None: ...

    # Checks that hold for every side

    def mapping(self, collection: str) -> Mapping:
        """How the rows of a collection turn from Wix to Airtable and back. Raises CatalogError."""
        if collection not in self._mappings:
            self._mappings[collection] = Mapping(self.catalog.collection(collection))
        return self._mappings[collection]

    def _of(self, collection: str) -> Collection | None:
        """The catalog's collection; None for one that stays in Wix, where any key may be."""
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

    def _new(self, collection: str, item: Item) -> tuple[Item, bool]:
        told = _told(collection, item)
        given = told.get("_id") is not None
        if given:
            self._given_id(collection, told["_id"])
        else:
            told = {**told, "_id": str(uuid.uuid4())}
        self._check(collection, told, None)
        return told, given

    def _given_id(self, collection: str, item_id: Any) -> str:
        if item_id is None:
            raise NoSuchItem(
                f"{collection}: no `_id` was given; nothing was written", collection=collection, field="_id"
            )
        if not isinstance(item_id, str) or not item_id.strip() or not is_plain(item_id):
            what = "one that is empty or holds U+0000" if isinstance(item_id, str) else f"a {type(item_id).__name__}"
            raise WrongType(
                f"{collection}: an `_id` is a text, not {what}; nothing was written", collection=collection, field="_id"
            )
        return item_id

    def _check(
        self, collection: str, item: Item, before: Callable[[], Item | None] | None, *, whole: bool = True
    ) -> None:
        """That the catalog knows every key, and Airtable can hold every value: also on Wix, so that flags can turn.

        What an item had already, as `before` tells it, may stay. Raises UnknownField, WrongType.
        """
        known = self._of(collection)
        if known is None:
            return
        unknown = [key for key in item if key not in known.by_key]
        refused = [
            r
            for r in self.mapping(collection).to_airtable(item).refusals
            if whole or r.field not in known.by_key or r.field in item
        ]
        if not unknown and not refused:
            return
        had = (before() or {}) if before is not None else {}
        item_id = str(item.get("_id", ""))
        for key in unknown:
            if key not in had:
                raise UnknownField(
                    f"{collection} {item_id}: there is no field {key!r}; nothing was written",
                    collection=collection,
                    field=key,
                    id=item_id,
                )
        for refusal in refused:
            key = refusal.field
            if not (key in had and key in item and same(had[key], item[key])):
                raise WrongType(
                    f"{collection} {item_id}, {key or 'the item'}: {refusal.reason}; nothing was written",
                    collection=collection,
                    field=key or None,
                    id=item_id,
                )

    def _check_may_go(self, collection: str, key: str) -> None:
        known = self._of(collection)
        if known is not None and known.by_key[key].required:
            raise WrongType(
                f"{collection}, {key}: required, so it cannot be taken out; nothing was written",
                collection=collection,
                field=key,
            )


def no_such_item(collection: str, item_id: str) -> NoSuchItem:
    """The error for an id that leads nowhere."""
    return NoSuchItem(
        f"{collection} has no item {item_id}; nothing was written", collection=collection, field="_id", id=item_id
    )


def item_exists(collection: str, item_id: str) -> ItemExists:
    """The error for an id that is taken."""
    return ItemExists(
        f"{collection} has an item {item_id} already; nothing was written",
        collection=collection,
        field="_id",
        id=item_id,
    )


def _check_once(collection: str, items: list[Item]) -> None:
    if len({item["_id"] for item in items}) < len(items):
        raise ItemExists(f"{collection}: one `_id` twice in one call; nothing was written", collection=collection)


def _told(collection: str, item: Item) -> Item:
    """What a caller has to say of an item, as JSON. Raises WrongType."""
    told = {key: value for key, value in item_json(collection, item).items() if key not in STAMPED}
    if told.get("_owner", "") in (None, ""):
        told.pop("_owner", None)
    elif not isinstance(told["_owner"], str):
        raise WrongType(
            f"{collection}: an `_owner` is a text; nothing was written", collection=collection, field="_owner"
        )
    return told


__all__ = ["Found", "Page", "Records", "item_exists", "no_such_item"]
