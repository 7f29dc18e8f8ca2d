"""The plan of a phase: rows at the source, tables to create, rows to write, the number of requests and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook.airtable.estimate import requests_at_most
from runbook.catalog import Collection
from runbook.display import Page, Table, plural
from runbook.schema import SchemaPlan
from runbook.settings import AIRTABLE_RATE, WARN_SHARE, Settings
from runbook.wix.source import SourceCollection


@dataclass(frozen=True)
class Line:
    """One collection in a plan. `rows` None: the source cannot count them before they are read. `requests`: at most."""

    collection: str
    table: str
    rows: int | None
    loaded: int
    requests: int
    note: str


@dataclass(frozen=True)
class Plan:
    """The lines, the totals, and the plan of the schema."""

    lines: tuple[Line, ...]
    schema: SchemaPlan
    base: str | None
    settings: Settings
    other_rows: int  # rows of other phases in this base
    unlisted: tuple[str, ...]  # collections at the source that the catalog neither moves nor keeps

    @property
    def rows(self) -> int:
        """Rows at the source, in the collections that can be counted."""
        return sum(line.rows or 0 for line in self.lines)

    @property
    def requests(self) -> int:
        """Requests to Airtable, at most: a second run only reads."""
        return self.schema.requests + sum(line.requests for line in self.lines)

    @property
    def too_many(self) -> str:
        """Why the rows do not fit the Airtable plan; empty if they do."""
        total, limit = self.rows + self.other_rows, self.settings.records_limit
        if total <= limit:
            return ""
        return (
            f"the base would hold {plural(total, 'record')}, but plan {self.settings.plan!r} allows {limit:,}: nothing "
            "was loaded. If the account has another plan, set RUNBOOK_PLAN"
        )

    def _notes(self) -> list[str]:
        limit, calls = self.settings.records_limit, self.settings.calls_limit
        total = self.rows + self.other_rows
        rate = self.settings.rate
        real = f" ({_duration(self.requests, AIRTABLE_RATE)} at Airtable's own limit of {AIRTABLE_RATE:g})"
        notes = [
            f"{plural(self.rows, 'row')} in at most {plural(self.requests, 'request')}: "
            f"{_duration(self.requests, rate)} at {rate:g} requests a second{real if rate > AIRTABLE_RATE else ''}.",
            f"The base will hold {plural(total, 'record')}: {total / limit:.0%} of the {limit:,} that plan "
            f"{self.settings.plan!r} allows"
            + (" – ABOVE THE LIMIT" if total > limit else " – close to the limit" if total > WARN_SHARE * limit else "")
            + "."
            + ("" if calls is None else f" {self.requests:,} of the {calls:,} API calls a month."),
        ]
        if self.unlisted:
            notes.append(f"At the source, but not in the catalog (ignored): {', '.join(self.unlisted)}.")
        return notes

    def page(self) -> Page:
        """The lines, then the plan of the schema."""
        lines = Table(
            f"Plan: {plural(len(self.lines), 'collection')} into base {self.base or 'to be created'}",
            ("collection", "table", "rows at the source", "rows already loaded", "requests", "note"),
            [(x.collection, x.table, x.rows, x.loaded, x.requests, x.note) for x in self.lines],
            tuple(self._notes()),
        )
        return Page(lines, self.schema) if self.lines else Page(self.schema)

    def __repr__(self) -> str:
        return repr(self.page())

    def _repr_html_(self) -> str:
        return self.page()._repr_html_()

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "base": self.base,
            "rows": self.rows,
            "requests": self.requests,
            "collections": {x.collection: {"rows": x.rows, "loaded": x.loaded, "note": x.note} for x in self.lines},
            "unlisted": list(self.unlisted),
            "schema": self.schema.facts(),
            "notes": self._notes(),
        }


def _duration(requests: int, rate: float) -> str:
    seconds = requests / rate
    return f"{seconds:,.0f} s" if seconds < 100 else f"{seconds / 60:,.1f} minutes"


def plan_lines(
    collections: list[Collection],
    available: Mapping[str, SourceCollection],
    loaded: Mapping[str, int],
    absent: Mapping[str, str],
) -> tuple[Line, ...]:
    """One line per collection. An absent collection needs no request."""
    lines = []
    for c in collections:
        found = available.get(c.wix)
        if found is None:
            lines.append(Line(c.wix, c.table, 0, loaded.get(c.wix, 0), 0, absent.get(c.wix, "absent at the source")))
            continue
        rows = found.count if found.count is not None else c.expected or 0
        requests = requests_at_most(rows, links=bool(c.links))
        note = "; ".join(found.notes) or ("empty at the source" if found.count == 0 else "")
        lines.append(Line(c.wix, c.table, found.count, loaded.get(c.wix, 0), requests, note))
    return tuple(lines)
