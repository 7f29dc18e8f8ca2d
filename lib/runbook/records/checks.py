"""What is checked of a call before anything is read or written, on every side, so that flags can turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Keys
from typing import Any

from runbook.catalog import Catalog, Collection
from runbook.codecs import same
from runbook.codecs.values import is_plain
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.json_types import MISSING, Item
from runbook.mapping import Mapping
from runbook.query.values import item_json

DATES = ("_createdDate", "_updatedDate")
"""Keys that the side which writes sets."""
_NOT_REMOVABLE = (*DATES, "_owner")


class Checks:
    """By one catalog. Threads may share it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._mappings: dict[str, Mapping] = {}

    def mapping(self, collection: str) -> Mapping:
        """The mapping of a collection between Wix and Airtable. Raises CatalogError."""
        if collection not in self._mappings:
            self._mappings[collection] = Mapping(self.catalog.collection(collection))
        return self._mappings[collection]

    def known(self, collection: str) -> Collection | None:
        """The catalog's collection; None for one that stays in Wix, which may have any key."""
        return self.catalog.collections.get(collection)

    def keys(self, collection: str, keys: Iterable[str], *, dotted: bool = True) -> None:
        """Raises UnknownField for a key that the collection does not have; `dotted`: "a.b" is inside of `a`."""
        known = self.known(collection)
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

    def item_id(self, collection: str, item_id: Any) -> str:
        """The `_id` that a write names. Raises NoSuchItem without one, WrongType where it cannot be one."""
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

    def item(
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
        known = self.known(collection)
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

    def _removable(self, collection: str, key: str) -> None:
        known = self.known(collection)
        if known is not None and known.by_key[key].required:
            raise WrongType(
                f"{collection}, {key}: required, so it cannot be removed; nothing was written",
                collection=collection,
                field=key,
            )

    def changes(self, collection: str, item_id: str, changes: Keys[str, Any]) -> dict[str, Any]:
        """Changes as JSON, checked, without what callers cannot set."""
        self.keys(collection, changes, dotted=False)
        if "_id" in changes and changes["_id"] != item_id:
            raise WrongType(f"{collection} {item_id}: an `_id` does not change", collection=collection, field="_id")
        values = payload_of(collection, {key: value for key, value in changes.items() if value is not MISSING})
        values.pop("_id", None)
        self.item(collection, values, partial_item=True)
        removed = [key for key, value in changes.items() if value is MISSING and key not in _NOT_REMOVABLE]
        for key in removed:
            self._removable(collection, key)
        return values | dict.fromkeys(removed, MISSING)


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


def check_unique(collection: str, items: list[Item]) -> None:
    """Raises ItemExists where one call has two items with the same `_id`."""
    if len({item["_id"] for item in items}) < len(items):
        raise ItemExists(f"{collection}: the same `_id` twice in one call; nothing was written", collection=collection)


def payload_of(collection: str, item: Item) -> Item:
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
