"""The platform's data on one side, for tests of services: a fixed clock, and inserting rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lmdr.services.context import Context
from runbook.json_types import Item
from runbook.query.values import stamp
from runbook.records import Records
from sides import CATALOG as CATALOG
from sides import NOON as NOON
from sides import Sides as Sides


class Platform:
    """The platform of a test: `records` on its side, and the clock at noon of 2026-01-21.

    `halfway`: rows are inserted into Wix; `turn()`, in the middle of a test, migrates them and turns every flag. On the
    other sides it does nothing, so that a workflow is the same for all three.
    """

    def __init__(self, sides: Sides, side: str) -> None:
        self.sides, self.side = sides, side
        self.records: Records = sides.records
        sides.turn("airtable" if side == "airtable" else "wix")
        self.mails: list[tuple[str, str, dict[str, Any]]] = []
        self.at(NOON)

    @property
    def now(self) -> datetime:
        return self.sides.now

    def at(self, timestamp: datetime) -> None:
        """Set the clocks of the platform and of both sides."""
        self.sides.now = timestamp
        self.sides.box.clock(now=stamp(timestamp))

    def turn(self) -> None:
        """On the side `halfway`: migrate all rows to Airtable and turn the flags."""
        if self.side == "halfway":
            self.sides.migrate()
            self.sides.turn("airtable")

    def context(self, **more: Any) -> Context:
        """The context of a service; mails are appended to `mails`, and nothing sleeps."""

        def send(template: str, to: str, variables: Mapping[str, Any]) -> None:
            self.mails.append((template, to, dict(variables)))

        def run_now(work: Callable[[], object]) -> None:
            with contextlib.suppress(Exception):
                work()

        parts = {
            "now": lambda: self.now,
            "send_mail": send,
            "sleep": lambda seconds: None,
            "background": run_now,
            **more,
        }
        return Context(self.records, **parts)

    def put(self, collection: str, *, created: datetime | None = None, **fields: Any) -> Item:
        """Insert a row; `created`: its time of creation, by default now."""
        if created is None:
            return self.records.insert(collection, fields)
        before = self.now
        self.at(created)
        try:
            return self.records.insert(collection, fields)
        finally:
            self.at(before)

    def rows(self, collection: str) -> list[Item]:
        """All rows of a collection, the newest first, read from the source."""
        return self.records.get_all(collection, consistent=True)

    def row(self, collection: str, item_id: str) -> Item:
        """A row, read from the source."""
        found = self.records.get(collection, item_id, consistent=True)
        assert found is not None
        return found
