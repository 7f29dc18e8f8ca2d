"""Answers queries from the mirror's rows, through the index of sort keys where that helps.

Only `evaluate.predicate` decides which rows a condition keeps: it is applied to every row that the index finds.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Keys
from collections.abc import Iterator
from itertools import groupby
from math import isqrt

from runbook.json_types import Item
from runbook.mirror.file import File
from runbook.mirror.sort_keys import HIGHEST, LOWEST, Rows, is_ambiguous, rows_of
from runbook.query.evaluate import Predicate, predicate, sort_items
from runbook.query.query import NEWEST_FIRST, NO_CONDITION, And, Condition, Query

_MAX_COUNT = 1000  # rows that the index finds are counted up to this number


class Search:
    """One collection's rows. `keys`: the fields that are indexed."""

    def __init__(self, file: File, collection: str, keys: Keys[str]) -> None:
        self._file = file
        self._collection = collection
        self._keys = keys

    def size(self) -> int:
        """How many rows there are, drafts included; 0 where the collection was not read in full."""
        sql = "SELECT rows FROM synced WHERE collection = ?"
        row = self._file.connection().execute(sql, (self._collection,)).fetchone()
        return 0 if row is None else int(row[0])

    def get(self, item_id: str) -> Item | None:
        """An item by `_id`."""
        sql = "SELECT item FROM row WHERE collection = ? AND id = ? AND NOT hidden"
        try:
            row = self._file.connection().execute(sql, (self._collection, item_id)).fetchone()
        except UnicodeEncodeError:  # half of a surrogate pair
            return None
        return None if row is None else json.loads(row[0])

    def find(self, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether there are more."""
        end = query.offset + query.size
        keeps = predicate(query.where)
        order = query.order or NEWEST_FIRST
        with self._file.snapshot():
            # Reading the rows in order until the page is full reads about (end × all / kept) of them, sorting reads
            # all that are kept: the break-even point is the square root of (end × all) rows.
            break_even = isqrt((end + 1) * self.size())
            in_order = len(order) == 1 and order[0][0] in self._keys
            narrowed, size = self._narrowed(query.where, max(break_even, _MAX_COUNT))
            if in_order and size > break_even:
                found = self._first(keeps, *order[0], end + 1)
            else:
                found = sort_items(filter(keeps, self._items(narrowed)), order)
        return found[query.offset : end], len(found) > end

    def count(self, condition: Condition) -> int:
        """How many items a condition keeps."""
        with self._file.snapshot() as db:
            rows = rows_of(condition, self._collection, self._keys)
            if condition == NO_CONDITION:
                rows = Rows("SELECT n FROM row WHERE collection = ?", (self._collection,), True)
            if rows is not None and rows.exact:
                hidden = "SELECT n FROM row WHERE collection = ? AND hidden"
                sql = f"SELECT count(DISTINCT n) FROM ({rows.sql}) WHERE n NOT IN ({hidden})"
                return int(db.execute(sql, (*rows.values, self._collection)).fetchone()[0])
            narrowed, _ = self._narrowed(condition, _MAX_COUNT)
            return sum(map(predicate(condition), self._items(narrowed)))

    def _narrowed(self, condition: Condition, limit: int) -> tuple[Rows | None, int]:
        """The part of a condition by which the index finds the fewest rows, and how many: counted up to `limit` + 1."""
        best, fewest = None, limit + 1
        for part in condition.parts if isinstance(condition, And) else (condition,):
            rows = rows_of(part, self._collection, self._keys)
            if rows is None:
                continue
            sql = f"SELECT count(*) FROM (SELECT n FROM ({rows.sql}) LIMIT {fewest})"
            size = int(self._file.connection().execute(sql, rows.values).fetchone()[0])
            if best is None or size < fewest:
                best, fewest = rows, size
        return best, fewest

    def _items(self, rows: Rows | None) -> Iterator[Item]:
        db = self._file.connection()
        if rows is None:
            found = db.execute("SELECT item FROM row WHERE collection = ? AND NOT hidden", (self._collection,))
        else:
            found = db.execute(f"SELECT item FROM row WHERE n IN ({rows.sql}) AND NOT hidden", rows.values)
        for (text,) in found:
            yield json.loads(text)

    def _first(self, keeps: Predicate, key: str, descending: bool, limit: int) -> list[Item]:
        found: list[Item] = []
        for item in self._in_order(key, descending):
            if keeps(item):
                found.append(item)
                if len(found) == limit:
                    break
        return found

    def _in_order(self, key: str, descending: bool) -> Iterator[Item]:
        sql = (
            "SELECT value, item FROM sort_key CROSS JOIN row USING (n) WHERE sort_key.collection = ? AND field = ? "
            f"AND roles & ? AND NOT hidden ORDER BY value {'DESC' if descending else 'ASC'}, sort_key.id"
        )
        rows = self._file.connection().execute(sql, (self._collection, key, HIGHEST if descending else LOWEST))
        for value, group in groupby(rows, lambda row: row[0]):
            items = (json.loads(text) for _, text in group)
            yield from sort_items(items, ((key, descending),)) if is_ambiguous(value) else items
