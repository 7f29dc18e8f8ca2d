"""Both sides of LMDR's data for tests: a sandbox's Wix site and a base, and migrating rows to the base."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from emptying import empty_base
from lmdr.platform import PLATFORM
from noting_client import NotingClient
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.mirror import Mirror
from runbook.quarantine import Quarantine
from runbook.records import AirtableRecords, RoutedRecords, WixRecords
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.schema.base import find_or_create_base
from runbook.snapshot import SnapshotWriter
from runbook.state import State
from runbook.steps.conflict_file import ConflictFile
from runbook.steps.load import Target, load
from runbook.steps.transform import transform
from runbook.wix.client import DATA
from runbook.wix.source import WixSource
from sandbox import Sandbox

NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)
CATALOG = PLATFORM.catalog
UNCATALOGUED = ("recruiterProfiles", "RecruiterOutreachHistory", "SystemAlerts", "SystemErrors", "PromptVersions")
"""Collections that services use and the catalog does not name."""


class Sides:
    """Both sides, with the rows of the sandbox's site in Wix.

    `now` is the clock for rows in Airtable; Wix uses the sandbox's clock. `state_url`: by default a file in the folder.
    """

    def __init__(self, box: Sandbox, folder: Path, state_url: str | None = None) -> None:
        self.box, self.folder = box, folder
        self.state_url = state_url or f"sqlite:///{folder / 'state.db'}"
        self.quarantine = Quarantine(folder / "quarantine")
        self.now = NOON
        self.client = NotingClient(box.wix_url, box.wix_key, box.site_id)
        self.state = State(self.state_url)
        self.wix = WixRecords(self.client, CATALOG, self.state.locks)
        self.names = (*CATALOG.collections, *(kept.wix for kept in CATALOG.kept), *UNCATALOGUED)
        existing = {collection["id"] for collection in self.client.collections()}
        for name in self.names:
            if name in existing:
                continue
            body = {"collection": {"id": name, "fields": [{"key": "name", "type": "TEXT"}]}}
            self.client.request("POST", f"{DATA}/collections", body, what=f"make {name}")
        self.client_of_base = impatient_airtable(self.state, box.token, box.airtable_url)
        every = list(CATALOG.collections.values())
        self.base = find_or_create_base(
            self.client_of_base,
            self.state,
            base_id=None,
            workspace_id="wspSandboxDefault",
            name="Services",
            catalog=CATALOG,
        )
        apply_schema(plan_schema(CATALOG, every, self.client_of_base.tables(self.base)), self.client_of_base, self.base)
        self.tables = Tables(self.client_of_base.tables(self.base), CATALOG)
        self.mirror = Mirror(self.client_of_base, self.base, CATALOG, self.state, folder / "mirror.db")
        self.mirror.load()
        self.airtable = AirtableRecords(
            self.client_of_base, self.base, CATALOG, self.state, mirror=self.mirror, now=lambda: self.now
        )
        self.records = RoutedRecords(CATALOG, self.state, self.wix, self.airtable)
        self._emptied = len(self.client_of_base.log)
        self._written_elsewhere: set[str] = set()

    def turn(self, side: str, *flags: str) -> None:
        """Set flags, by default all of them."""
        current = self.state.flags.all()
        for flag in flags or CATALOG.flags:
            if current.get(flag) != side:
                self.state.flags.set(flag, side, who="a test", why="to see both sides")

    def migrate(self) -> None:
        """Migrate every row of Wix to Airtable, as a phase does."""
        source = WixSource(self.client, CATALOG)
        for collection in CATALOG.load_order(CATALOG.collections):
            if not self.wix.count(collection.wix):
                continue
            with SnapshotWriter(self.folder / "snapshots", collection, source="wix") as writer:
                source.export(collection, writer.write)
                snapshot = writer.finish()
            staged = transform(snapshot, collection, self.folder / "staged", self.quarantine)
            target = Target(
                airtable=self.client_of_base,
                base=self.base,
                tables=self.tables,
                state=self.state,
                quarantine=self.quarantine,
                catalog=CATALOG,
                conflicts=ConflictFile(self.folder),
                run_id="halfway",
                read=lambda name: self.client_of_base.records(self.base, self.tables.id(name)),
            )
            load(staged, collection, target, remove_gone=True, remove_many=True)
            self.mirror.load([collection.wix])

    def close(self) -> None:
        self.mirror.close()
        self.state.close()

    def empty(self) -> None:
        """Delete every row that was written."""
        self.client.empty()
        self._emptied = empty_base(
            self.client_of_base,
            self.base,
            self.tables,
            self.state,
            self.mirror,
            self._emptied,
            self._written_elsewhere,
        )
        self._written_elsewhere.clear()

    def note_written(self, collections: Iterable[str], requests: Iterable[tuple[str, str]]) -> None:
        """Let `empty` know of another process: the collections of Wix that it wrote, its requests to Airtable."""
        self.client.written.update(collections)
        self._written_elsewhere.update(what for method, what in requests if method != "GET")


def impatient_airtable(state: State, token: str, url: str) -> Airtable:
    """A client for a sandbox without a rate limit."""
    return Airtable(token, url=url, rate_limiter=lambda base: RateLimiter(state, base, None), backoff=0.001, tries=2)
