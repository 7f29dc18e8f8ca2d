"""The platform's data on one side or the other, for tests of services: a clock that stands, rows to put in."""

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
    """One test's platform: `records` on the side of this test, and the clock at noon of 2026-01-21.

    `halfway`: rows are put into Wix; `turn()`, in the middle of a test, moves them and turns every flag. On the other
    sides it does nothing, so a workflow reads the same for all three.
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

    def at(self, moment: datetime) -> None:
        """Let the clock of the platform and of both sides show `moment`."""
        self.sides.now = moment
        self.sides.box.clock(now=stamp(moment))

    def turn(self) -> None:
        """Half-way: move all rows to Airtable and turn the flags."""
        if self.side == "halfway":
            self.sides.migrate()
            self.sides.turn("airtable")

    def context(self, **more: Any) -> Context:
        """What a service is called with; mails end in `mails`, and nothing sleeps."""

        def send(template: str, to: str, variables: Mapping[str, Any]) -> None:
            self.mails.append((template, to, dict(variables)))

        def at_once(work: Callable[[], object]) -> None:
            with contextlib.suppress(Exception):
                work()

        told = {
            "now": lambda: self.now,
            "send_mail": send,
            "sleep": lambda seconds: None,
            "background": at_once,
            **more,
        }
        return Context(self.records, **told)

    def put(self, collection: str, *, created: datetime | None = None, **fields: Any) -> Item:
        """Add a row; `created`: when, if not now."""
        if created is None:
            return self.records.insert(collection, fields)
        before = self.now
        self.at(created)
        try:
            return self.records.insert(collection, fields)
        finally:
            self.at(before)

    def rows(self, collection: str) -> list[Item]:
        """All rows of a collection, the newest first, as the source has them."""
        return self.records.get_all(collection, consistent=True)

    def row(self, collection: str, item_id: str) -> Item:
        """One row as the source has it."""
        found = self.records.get(collection, item_id, consistent=True)
        assert found is not None
        return found
