"""Answers queries from the mirror's rows: by the index where it narrows, in its order where that is the query's.

What a condition means is said by `evaluate.predicate` alone: every row that the index finds is put to it.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Keys
from collections.abc import Iterator
from itertools import groupby
from math import isqrt

from runbook.json_types import Item
from runbook.mirror.file import File
from runbook.mirror.sort_keys import HIGHEST, LOWEST, Rows, is_blurred, rows_of
from runbook.query.evaluate import Predicate, arrange, predicate
from runbook.query.query import EVERYTHING, NEWEST_FIRST, And, Condition, Query

_COUNTED = 1000  # rows beyond which it does not matter how many the index finds


class Search:
    """One collection's rows. `keys`: those that have places."""

    def __init__(self, file: File, collection: str, keys: Keys[str]) -> None:
        self._file = file
        self._collection = collection
        self._keys = keys

    def size(self) -> int:
        """How many rows there are, drafts among them; 0 where the collection is not here whole."""
        sql = "SELECT rows FROM held WHERE collection = ?"
        row = self._file.reading().execute(sql, (self._collection,)).fetchone()
        return 0 if row is None else int(row[0])

    def get(self, item_id: str) -> Item | None:
        """An item by `_id`."""
        sql = "SELECT item FROM row WHERE collection = ? AND id = ? AND NOT hidden"
        try:
            row = self._file.reading().execute(sql, (self._collection, item_id)).fetchone()
        except UnicodeEncodeError:  # half of a surrogate pair
            return None
        return None if row is None else json.loads(row[0])

    def find(self, query: Query) -> tuple[list[Item], bool]:
        """The items of a query's page, and whether more follow."""
        end = query.offset + query.size
        keeps = predicate(query.where)
        order = query.order or NEWEST_FIRST
        with self._file.snapshot():
            # Going through the rows in order until the page is full reads about (end × all / kept) of them, sorting
            # reads all that are kept: the less is read below the square root of (end × all) rows.
            few = isqrt((end + 1) * self.size())
            in_order = len(order) == 1 and order[0][0] in self._keys
            narrowed, size = self._narrowed(query.where, max(few, _COUNTED))
            if in_order and size > few:
                found = self._first(keeps, *order[0], end + 1)
            else:
                found = arrange(filter(keeps, self._items(narrowed)), order)
        return found[query.offset : end], len(found) > end

    def count(self, condition: Condition) -> int:
        """How many items a condition keeps."""
        with self._file.snapshot() as db:
            rows = rows_of(condition, self._collection, self._keys)
            if condition == EVERYTHING:
                rows = Rows("SELECT n FROM row WHERE collection = ?", (self._collection,), True)
            if rows is not None and rows.exact:
                hidden = "SELECT n FROM row WHERE collection = ? AND hidden"
                sql = f"SELECT count(DISTINCT n) FROM ({rows.sql}) WHERE n NOT IN ({hidden})"
                return int(db.execute(sql, (*rows.values, self._collection)).fetchone()[0])
            narrowed, _ = self._narrowed(condition, _COUNTED)
            return sum(map(predicate(condition), self._items(narrowed)))

    def _narrowed(self, condition: Condition, most: int) -> tuple[Rows | None, int]:
        """The part of a condition by which the index finds the fewest rows, and how many, counted up to `most` + 1."""
        best, fewest = None, most + 1
        for part in condition.parts if isinstance(condition, And) else (condition,):
            rows = rows_of(part, self._collection, self._keys)
            if rows is None:
                continue
            sql = f"SELECT count(*) FROM (SELECT n FROM ({rows.sql}) LIMIT {fewest})"
            size = int(self._file.reading().execute(sql, rows.values).fetchone()[0])
            if best is None or size < fewest:
                best, fewest = rows, size
        return best, fewest

    def _items(self, rows: Rows | None) -> Iterator[Item]:
        db = self._file.reading()
        if rows is None:
            found = db.execute("SELECT item FROM row WHERE collection = ? AND NOT hidden", (self._collection,))
        else:
            found = db.execute(f"SELECT item FROM row WHERE n IN ({rows.sql}) AND NOT hidden", rows.values)
        for (text,) in found:
            yield json.loads(text)

    def _first(self, keeps: Predicate, key: str, descending: bool, most: int) -> list[Item]:
        found: list[Item] = []
        for item in self._in_order(key, descending):
            if keeps(item):
                found.append(item)
                if len(found) == most:
                    break
        return found

    def _in_order(self, key: str, descending: bool) -> Iterator[Item]:
        sql = (
            "SELECT place, item FROM place CROSS JOIN row USING (n) WHERE place.collection = ? AND key = ? "
            f"AND ends & ? AND NOT hidden ORDER BY place {'DESC' if descending else 'ASC'}, place.id"
        )
        rows = self._file.reading().execute(sql, (self._collection, key, HIGHEST if descending else LOWEST))
        for where, together in groupby(rows, lambda row: row[0]):
            items = (json.loads(text) for _, text in together)
            yield from arrange(items, ((key, descending),)) if is_blurred(where) else items
