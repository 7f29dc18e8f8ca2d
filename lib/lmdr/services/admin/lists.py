"""Lists for admins: a page of rows with its total, filters, and rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lmdr import js
from lmdr.services.admin.access import AdminError
from lmdr.services.admin.periods import DAY, midnight
from runbook.json_types import MISSING, Item
from runbook.query import Query
from runbook.query.query import MAX_LIMIT
from runbook.query.values import stamp
from runbook.records import Records

EXPORTED = 5000
"""Most rows of an export."""

_LAST_OF_DAY = DAY - timedelta(milliseconds=1)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Paging:
    """The page of a list that is requested, and its order."""

    page: int
    size: int
    sort: str
    descending: bool

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, *, size: int, sort: str, descending: bool = True) -> Paging:
        """From a page's `{page, pageSize, sortField, sortDirection}`; the default for what is missing or invalid."""
        options = options or {}
        return cls(
            positive(options.get("page"), 1),
            min(positive(options.get("pageSize"), size), MAX_LIMIT),
            js.to_string(js.or_(options.get("sortField"), sort)),
            {"asc": False, "desc": True}.get(js.to_string(options.get("sortDirection")), descending),
        )

    def apply(self, query: Query) -> Query:
        """The query for the rows of this page."""
        ordered = query.descending(self.sort) if self.descending else query.ascending(self.sort)
        return ordered.limit(self.size).skip((self.page - 1) * self.size)

    def summary(self, total: int) -> dict[str, int]:
        """The counts that a list gives beside its rows."""
        pages = -(-total // self.size)
        return {"totalCount": total, "page": self.page, "pageSize": self.size, "totalPages": pages}


def positive(value: Any, default: int) -> int:
    """An integer of 1 or more from a page's options; the default for anything else."""
    number = js.parse_int(value)
    return number if isinstance(number, int) and number >= 1 else default


def filters_of(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The filters among a list's options."""
    filters: Mapping[str, Any] | None = (options or {}).get("filters")
    return filters or {}


def equal(query: Query, filters: Mapping[str, Any], keys: Mapping[str, str]) -> Query:
    """The query with each filter of `keys` that is set: {its name: the collection's key}, compared for equality."""
    for name, key in keys.items():
        if js.truthy(filters.get(name)):
            query = query.eq(key, filters[name])
    return query


def dated(query: Query, key: str, filters: Mapping[str, Any]) -> Query:
    """The query from `dateFrom` to 23:59:59.999 on the day of `dateTo`. Raises AdminError for an invalid date."""
    if js.truthy(filters.get("dateFrom")):
        query = query.ge(key, _date(filters["dateFrom"]))
    if js.truthy(filters.get("dateTo")):
        query = query.le(key, midnight(_date(filters["dateTo"])) + _LAST_OF_DAY)
    return query


def first_rows(records: Records, collection: str, query: Query, limit: int) -> list[Item]:
    """The first rows of a query, at most `limit`, read page by page."""
    page = records.query(collection, query.limit(min(limit, MAX_LIMIT)))
    rows = [*page.items]
    while page.more and len(rows) < limit:
        page = page.next()
        rows += page.items
    return rows[:limit]


def to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV: every cell quoted, quotes doubled, lines ended by a line feed, datetimes as ISO texts.

    A text that a spreadsheet would evaluate as a formula (it begins with = + - @, a tab or a line break) is prefixed
    with an apostrophe, as OWASP advises. Numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    if not isinstance(value, str):
        return stamp(value) if hasattr(value, "tzinfo") else js.to_string(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _date(value: Any) -> datetime:
    date = js.date(value)
    if date is None:
        raise AdminError("Invalid date")
    return date
