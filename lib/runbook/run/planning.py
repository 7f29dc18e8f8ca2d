"""The plan of a phase: what is at the source, what will be made and written, in how many requests and minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook.airtable.estimate import requests_at_most
from runbook.catalog import Collection
from runbook.display import Page, Table
from runbook.schema import SchemaPlan
from runbook.settings import AIRTABLE_RATE, WARN_SHARE, Settings
from runbook.wix.source import SourceCollection


@dataclass(frozen=True)
class Line:
    """One collection in a plan. `rows` None: the source does not tell before it is read. `requests` at the most."""

    collection: str
    table: str
    rows: int | None
    loaded: int
    requests: int
    note: str


@dataclass(frozen=True)
class Plan:
    """Shows itself as the lines, the totals, and the plan of the schema under them."""

    lines: tuple[Line, ...]
    schema: SchemaPlan
    base: str | None
    settings: Settings
    elsewhere: int  # rows in this base that other phases have loaded
    unlisted: tuple[str, ...]  # collections at the source that the catalog neither moves nor keeps

    @property
    def rows(self) -> int:
        """Rows at the source, of collections that can be counted."""
        return sum(line.rows or 0 for line in self.lines)

    @property
    def requests(self) -> int:
        """Requests to Airtable, at the most: a second run needs only the reads."""
        return self.schema.requests + sum(line.requests for line in self.lines)

    @property
    def too_many(self) -> str:
        """Why the plan cannot hold the rows, before anything is written; empty where it can."""
        total, limit = self.rows + self.elsewhere, self.settings.records_limit
        if total <= limit:
            return ""
        return (
            f"{total:,} records would be in the base, but plan {self.settings.plan!r} holds {limit:,}: nothing was "
            "loaded. RUNBOOK_PLAN names another plan, if the account has one"
        )

    def _words(self) -> list[str]:
        limit, calls = self.settings.records_limit, self.settings.calls_limit
        total = self.rows + self.elsewhere
        rate = self.settings.rate
        raised = f" ({_took(self.requests, AIRTABLE_RATE)} at Airtable's own {AIRTABLE_RATE:g})"
        words = [
            f"{self.rows:,} rows in {self.requests:,} requests at the most: {_took(self.requests, rate)} at {rate:g} "
            f"requests a second{raised if rate > AIRTABLE_RATE else ''}.",
            f"{total:,} records in the base then: {total / limit:.0%} of the {limit:,} of plan {self.settings.plan!r}"
            + (" – MORE THAN IT HOLDS" if total > limit else " – close to it" if total > WARN_SHARE * limit else "")
            + "."
            + ("" if calls is None else f" {self.requests:,} of {calls:,} API calls a month."),
        ]
        if self.unlisted:
            words.append(
                f"At the source, but neither moved nor kept by the catalog (left alone): {', '.join(self.unlisted)}."
            )
        return words

    def page(self) -> Page:
        """The lines, then the schema."""
        lines = Table(
            f"Plan: {len(self.lines)} collections into base {self.base or 'to be made'}",
            ("collection", "table", "rows at the source", "rows loaded before", "requests", "note"),
            [(x.collection, x.table, x.rows, x.loaded, x.requests, x.note) for x in self.lines],
            tuple(self._words()),
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
            "words": self._words(),
        }


def _took(requests: int, rate: float) -> str:
    seconds = requests / rate
    return f"{seconds:,.0f} s" if seconds < 100 else f"{seconds / 60:,.1f} minutes"


def plan_lines(
    collections: list[Collection],
    available: Mapping[str, SourceCollection],
    loaded: Mapping[str, int],
    absent: Mapping[str, str],
) -> tuple[Line, ...]:
    """A line a collection; an absent one says so and costs nothing."""
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
