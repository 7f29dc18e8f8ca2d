"""Views of records: read only, without some rows, or of items in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runbook.catalog import Catalog
from runbook.errors import RecordsError
from runbook.json_types import Item
from runbook.query.evaluate import predicate, sort_items
from runbook.query.query import ALL_ITEMS, Query
from runbook.records.contract import Records
from runbook.records.results import Durable, Once, Page, QueryResult, WriteOptions
from runbook.state import Side


class ReadOnlyError(RecordsError):
    """A write to records that are read only."""


class _ReadOnlyBase(Records):
    """Refuses every write."""

    def insert_once(self, collection: str, *_: Any, **__: Any) -> Once:
        """Refused, before it looks for one."""
        raise self._refused(collection)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Records]:
        """No lock: there is no writer to be kept out."""
        yield self

    def _insert(self, collection: str, items: list[Item], given: list[str], options: WriteOptions) -> list[Item]:
        raise self._refused(collection)

    def _update(self, collection: str, items: list[Item], options: WriteOptions) -> list[Item]:
        raise self._refused(collection)

    def _bulk_patch(self, collection: str, changes: dict[str, dict[str, Any]], options: WriteOptions) -> list[Item]:
        raise self._refused(collection)

    def _change(
        self,
        collection: str,
        item_id: str,
        changes: Callable[[Item], dict[str, Any]],
        consistent: bool,
        options: WriteOptions,
    ) -> Item:
        raise self._refused(collection)

    def _bulk_change(
        self, collection: str, changes: dict[str, Callable[[Item], dict[str, Any]]], options: WriteOptions
    ) -> list[Item]:
        raise self._refused(collection)

    def _remove(self, collection: str, item_id: str, options: WriteOptions) -> None:
        raise self._refused(collection)

    def _refused(self, collection: str) -> ReadOnlyError:
        return ReadOnlyError(f"{collection}: these records are read only; nothing was written", collection=collection)


class ReadOnly(_ReadOnlyBase):
    """The reads of other records; every write raises ReadOnlyError.

    `without`: ids by collection of rows to hide. `only`: of the catalog's collections, those that may be read; reading
    another is a programming error, and raises RuntimeError.
    """

    def __init__(
        self,
        records: Records,
        *,
        without: Mapping[str, Iterable[str]] | None = None,
        only: Iterable[str] | None = None,
    ) -> None:
        super().__init__(records.catalog)
        self._only = None if only is None else frozenset(only)
        self.side: Side = records.side if hasattr(records, "side") else "wix"
        self._records = records
        self._hidden = {name: frozenset(ids) for name, ids in (without or {}).items() if ids}

    @contextmanager
    def pinned(self, *, wait: float | None = None, durable: Durable | None = None) -> Iterator[Records]:
        """This view of the pinned records."""
        with self._records.pinned(wait=wait, durable=durable) as records:
            yield ReadOnly(records, without=self._hidden, only=self._only)

    def query(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Page:
        """See `Records.query`."""
        return self._records.query(collection, self._visible(collection, query), consistent=consistent)

    def _check_allowed(self, collection: str) -> None:
        if self._only is not None and collection in self.catalog.collections and collection not in self._only:
            raise RuntimeError(f"{collection} may not be read here, only {', '.join(sorted(self._only))}")

    def _visible(self, collection: str, query: Query) -> Query:
        self._check_allowed(collection)
        hidden = self._hidden.get(collection)
        return query.and_(Query().in_("_id", sorted(hidden)).not_()) if hidden else query

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        self._check_allowed(collection)
        if item_id in self._hidden.get(collection, ()):
            return None
        return self._records._get(collection, item_id, consistent)

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        return self._records._query(collection, self._visible(collection, query), consistent)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        return self._records._count(collection, self._visible(collection, query), consistent)


class ItemRecords(_ReadOnlyBase):
    """Items in memory, such as those of a run's snapshots, read as from Wix. `items`: those of a collection."""

    side: Side = "wix"

    def __init__(self, catalog: Catalog, items: Callable[[str], Iterable[Item]]) -> None:
        super().__init__(catalog)
        self._items = items
        self._read: dict[str, dict[str, Item]] = {}

    def _by_id(self, collection: str) -> dict[str, Item]:
        if collection not in self._read:
            visible = (item for item in self._items(collection) if item.get("_publishStatus") != "DRAFT")
            self._read[collection] = {item["_id"]: item for item in visible}
        return self._read[collection]

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        return self._by_id(collection).get(item_id)

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        arranged = sort_items(filter(predicate(query.where), self._by_id(collection).values()), query.order)
        end = query.offset + query.size
        return QueryResult(arranged[query.offset : end], len(arranged) > end)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        return sum(map(predicate(query.where), self._by_id(collection).values()))


class Restamped(_ReadOnlyBase):
    """The reads of other records, with some values of some rows replaced: {collection: {id: {key: value}}}.

    A collection with such rows is read whole, once, and queried in memory, so that filters and sorts see them too.
    """

    def __init__(self, records: Records, values: Mapping[str, Mapping[str, Item]]) -> None:
        super().__init__(records.catalog)
        self.side: Side = records.side if hasattr(records, "side") else "wix"
        self._records, self._values = records, {name: of_rows for name, of_rows in values.items() if of_rows}
        self._replaced = ItemRecords(records.catalog, self._items)

    def _items(self, collection: str) -> Iterator[Item]:
        for item in self._records._all(collection, ALL_ITEMS, False):
            yield {**item, **self._values[collection].get(item["_id"], {})}

    def _of_collection(self, collection: str) -> Records:
        return self._replaced if collection in self._values else self._records

    def query(self, collection: str, query: Query = ALL_ITEMS, *, consistent: bool = False) -> Page:
        """See `Records.query`."""
        return self._of_collection(collection).query(collection, query, consistent=consistent)

    def _get(self, collection: str, item_id: str, consistent: bool) -> Item | None:
        return self._of_collection(collection)._get(collection, item_id, consistent)

    def _query(self, collection: str, query: Query, consistent: bool) -> QueryResult:
        return self._of_collection(collection)._query(collection, query, consistent)

    def _count(self, collection: str, query: Query, consistent: bool) -> int:
        return self._of_collection(collection)._count(collection, query, consistent)
