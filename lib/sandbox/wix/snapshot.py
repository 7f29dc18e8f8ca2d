"""One collection as one read sees it: now, or as it was before the last writes that a replica has not got yet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from sandbox.store import Store
from sandbox.wix.filters import Filter
from sandbox.wix.time_slice import SECONDS, TimeSlice

_CHUNK = 500

_AFTER = {"id": "id > ?", "id DESC": "id < ?", "newest, id": "(newest, id) > (?, ?)"}

Row = tuple[int, str, str]
"""(newest, id, the item's JSON text)."""


class Snapshot:
    """Reads the items of one collection.

    `as_of` (microseconds of the sandbox's clock): writes after it are not seen; None sees all. Rows are fetched in
    chunks that start after the last row's key, so a read never holds a statement open while it lets others run.
    """

    def __init__(self, store: Store, collection: int, as_of: int | None = None, seconds: float = SECONDS) -> None:
        self._store = store
        self._collection = collection
        self._seconds = seconds
        self._as_of = as_of
        if as_of is not None:
            lagging = store.row("SELECT 1 FROM wix_history WHERE collection = ? AND at > ?", (collection, as_of))
            self._as_of = as_of if lagging else None

    def _select(self, what: str, where: str, parameters: list[Any]) -> tuple[str, list[Any]]:
        """The rows as SQL. A lagging read takes from the history what was written since, and the rest as it is."""
        if self._as_of is None:
            return f"SELECT {what} FROM wix_item WHERE collection = ?{where}", [self._collection, *parameters]
        sql = (
            f"SELECT {what} FROM wix_item AS item WHERE collection = ?{where} AND NOT EXISTS (SELECT 1 FROM "
            "wix_history AS past WHERE past.collection = item.collection AND past.id = item.id AND past.at > ?) "
            f"UNION ALL SELECT {what} FROM wix_history AS first WHERE collection = ?{where} AND at > ? "
            "AND data IS NOT NULL AND rowid = (SELECT past.rowid FROM wix_history AS past WHERE past.collection = "
            "first.collection AND past.id = first.id AND past.at > ? ORDER BY past.at, past.rowid LIMIT 1)"
        )
        mine = [self._collection, *parameters]
        return sql, [*mine, self._as_of, *mine, self._as_of, self._as_of]

    def page(self, filter_: Filter, order: str, limit: int, offset: int, after: list[Any] | None = None) -> list[Row]:
        """Rows in an indexed order, where SQL can say the whole filter; `after` is the key of the row before."""
        where, parameters = filter_.where, list(filter_.parameters)
        if after is not None:
            where += f" AND {_AFTER[order]}"
            parameters += after
        sql, values = self._select("newest, id, data", where, parameters)
        return self._store.rows(f"{sql} ORDER BY {order} LIMIT ? OFFSET ?", [*values, limit, offset])

    def count(self, filter_: Filter) -> int:
        """How many rows, where SQL can say the whole filter."""
        sql, values = self._select("id", filter_.where, filter_.parameters)
        row: Any = self._store.row(f"SELECT count(*) FROM ({sql})", values)
        return int(row[0])

    def find(self, item_id: str) -> str | None:
        """One item's text."""
        sql, values = self._select("data", " AND id = ?", [item_id])
        row = self._store.row(sql, values)
        return None if row is None else row[0]

    async def scan(
        self, filter_: Filter, order: str = "id", after: list[Any] | None = None
    ) -> AsyncIterator[tuple[Row, dict[str, Any]]]:
        """Every row that matches, with its item, in an indexed order. Raises WDE0028 after 5 seconds."""
        time_slice = TimeSlice(self._seconds)
        needles = " AND ".join(["instr(data, ?)"] * len(filter_.needles))
        data = f"CASE WHEN {needles} THEN data END" if needles else "data"
        while True:
            where, parameters = filter_.where, list(filter_.parameters)
            if after is not None:
                where += f" AND {_AFTER[order]}"
                parameters += after
            sql, values = self._select("newest, id, data", where, parameters)
            sql = f"SELECT newest, id, {data} FROM ({sql} ORDER BY {order} LIMIT {_CHUNK})"
            rows = self._store.rows(sql, [*filter_.needles, *values])
            for row in rows:
                if row[2] is not None:
                    item = json.loads(row[2])
                    if filter_.matches is None or filter_.matches(item):
                        yield row, item
                if time_slice.over():
                    await time_slice.rest()
            if len(rows) < _CHUNK:
                return
            newest, item_id, _ = rows[-1]
            after = [newest, item_id] if order.startswith("newest") else [item_id]
