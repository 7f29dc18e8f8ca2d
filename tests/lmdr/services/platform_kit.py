"""The platform's data on one side or the other, for tests of services: a sandbox, a clock that stands, rows to put in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lmdr.platform import PLATFORM
from lmdr.services.context import Context
from runbook.records import WixRecords
from runbook.records.values import stamp
from runbook.wix.client import DATA, WixClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runbook.json_types import Item
    from runbook.records import Records
    from sandbox import Sandbox

NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)
BESIDE = ("recruiterProfiles", "RecruiterOutreachHistory", "SystemAlerts", "SystemErrors", "PromptVersions")
"""Collections that services use and the migration leaves alone, beside those that the catalog says stay."""


class Sides:
    """Both sides, empty, for a whole session."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.client = WixClient(box.wix_url, box.wix_key, box.site_id)
        self.wix = WixRecords(self.client, PLATFORM.catalog)
        catalog = PLATFORM.catalog
        for name in (*catalog.collections, *(kept.wix for kept in catalog.kept), *BESIDE):
            body = {"collection": {"id": name, "fields": [{"key": "name", "type": "TEXT"}]}}
            self.client.ask("POST", f"{DATA}/collections", body, what=f"make {name}")
        self.names = (*catalog.collections, *(kept.wix for kept in catalog.kept), *BESIDE)

    def empty(self) -> None:
        """Take every row out again."""
        for name in self.names:
            if self.wix.count(name):
                self.client.ask("POST", f"{DATA}/items/truncate", {"dataCollectionId": name}, what=f"empty {name}")


class Platform:
    """One test's platform: `records` on the side of this test, and the clock at noon of 2026-01-21."""

    def __init__(self, sides: Sides, side: str) -> None:
        self.sides, self.side = sides, side
        self.records: Records = sides.wix
        self.now = NOON
        self.mails: list[tuple[str, str, dict[str, Any]]] = []
        self._ids = 0
        self.at(NOON)

    def at(self, moment: datetime) -> None:
        """Let the clock of the platform and of both sides show `moment`."""
        self.now = moment
        self.sides.box.clock(now=stamp(moment))

    def context(self, **more: Any) -> Context:
        """What a service is called with; mails end in `mails`, and nothing sleeps."""

        def send(template: str, to: str, variables: Mapping[str, Any]) -> None:
            self.mails.append((template, to, dict(variables)))

        told = {"now": lambda: self.now, "send_mail": send, "sleep": lambda seconds: None, **more}
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
        """All rows of a collection, the newest first."""
        return self.records.get_all(collection, consistent=True)

    def row(self, collection: str, item_id: str) -> Item:
        """One row as the source has it."""
        found = self.records.get(collection, item_id, consistent=True)
        assert found is not None
        return found
