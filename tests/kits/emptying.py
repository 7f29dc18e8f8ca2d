"""Emptying a base between tests: only the tables that a test wrote to, ten records per request."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.schema import Tables
from runbook.state import State


def empty_base(
    api: Airtable, base: str, tables: Tables, state: State, mirror: Mirror, start: int, elsewhere: Iterable[str] = ()
) -> int:
    """Delete every row of the tables written to since request `start` of the log; the number of requests by now.

    `elsewhere`: the names of requests with which another process wrote.
    """
    written = {row.what for row in api.log.rows(start) if row.method != "GET"} | {*elsewhere}
    for name, collection in mirror.catalog.collections.items():
        if not any(what.endswith((collection.table, tables.id(collection))) for what in written):
            continue
        found = list(api.records(base, collection.table, fields=[LEGACY_ID]))
        for first in range(0, len(found), 10):
            api.delete(base, collection.table, [record["id"] for record in found[first : first + 10]])
        rows = state.rows(base, name)
        gone = {*rows.all(), *(record["fields"].get(LEGACY_ID) for record in found)} - {None}
        rows.forget(gone)
        rows.forget_changes(rows.changes())
        state.outbox(base, name).clear()
        mirror.delete(name, gone)
        assert mirror.count(name, Query().where) == 0
    return len(api.log)
