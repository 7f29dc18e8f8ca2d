"""Lists as admins see them: a page of rows with its total, filters by date, and rows as CSV."""

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
from runbook.query.query import MOST
from runbook.query.values import stamp
from runbook.records import Records

EXPORTED = 5000
"""Rows that an export holds at the most."""

_LAST_OF_DAY = DAY - timedelta(milliseconds=1)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for, and how it is sorted."""

    page: int
    size: int
    sort: str
    descending: bool

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, *, size: int, sort: str, descending: bool = True) -> Paging:
        """From a page's `{page, pageSize, sortField, sortDirection}`; what is missing or senseless is the default."""
        told = options or {}
        return cls(
            at_least_one(told.get("page"), 1),
            min(at_least_one(told.get("pageSize"), size), MOST),
            js.to_string(js.or_(told.get("sortField"), sort)),
            {"asc": False, "desc": True}.get(js.to_string(told.get("sortDirection")), descending),
        )

    def of_query(self, query: Query) -> Query:
        """A query for the rows of this page."""
        ordered = query.descending(self.sort) if self.descending else query.ascending(self.sort)
        return ordered.limit(self.size).skip((self.page - 1) * self.size)

    def told(self, total: int) -> dict[str, int]:
        """What a list says of its pages."""
        return {
            "totalCount": total,
            "page": self.page,
            "pageSize": self.size,
            "totalPages": -(-total // self.size),
        }


def at_least_one(value: Any, default: int) -> int:
    """A whole number from a page's options, 1 or more; the default for anything else."""
    number = js.parse_int(value)
    return number if isinstance(number, int) and number >= 1 else default


def filters_of(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The filters among a list's options."""
    found: Mapping[str, Any] | None = (options or {}).get("filters")
    return found or {}


def equal(query: Query, filters: Mapping[str, Any], keys: Mapping[str, str]) -> Query:
    """A query with the filters that ask for one value; `keys`: the collection's key of each."""
    for name, key in keys.items():
        if js.truthy(filters.get(name)):
            query = query.eq(key, filters[name])
    return query


def dated(query: Query, key: str, filters: Mapping[str, Any]) -> Query:
    """A query from `dateFrom` to 23:59:59.999 on the day of `dateTo`. Raises AdminError for what is no date."""
    if js.truthy(filters.get("dateFrom")):
        query = query.ge(key, _date(filters["dateFrom"]))
    if js.truthy(filters.get("dateTo")):
        query = query.le(key, midnight(_date(filters["dateTo"])) + _LAST_OF_DAY)
    return query


def first_rows(records: Records, collection: str, query: Query, most: int) -> list[Item]:
    """The first rows of a query, at most so many, read page by page."""
    page = records.query(collection, query.limit(min(most, MOST)))
    rows = [*page.items]
    while page.more and len(rows) < most:
        page = page.next()
        rows += page.items
    return rows[:most]


def to_csv(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV: every cell quoted, quotes doubled, lines ended by a line feed, moments as ISO texts.

    A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) gets an
    apostrophe in front, as OWASP advises: what a stranger typed into a form does not run on an admin's machine.
    Numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    if not isinstance(value, str):
        return stamp(value) if hasattr(value, "tzinfo") else js.to_string(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _date(value: Any) -> datetime:
    found = js.date(value)
    if found is None:
        raise AdminError("Invalid date")
    return found
