"""What the tests of loading share: a small catalog with every kind of link, a base made from it, rows to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, Catalog, load_catalog
from runbook.quarantine import Quarantine
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.snapshot import SnapshotWriter
from runbook.staged import Transformed
from runbook.state import State
from runbook.steps.conflict_file import ConflictFile
from runbook.steps.load import Loaded, Target, load, load_links
from runbook.steps.transform import transform
from sandbox import Sandbox

BASE = "appFleet000000001"
SEED: dict[str, Any] = {
    "base": {"id": BASE, "name": "Fleet"},
    "tables": [{"name": "Notes", "fields": [{"name": "Name", "type": "singleLineText"}]}],
}

HEAD = """
base: Fleet
tab_groups: [Core]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
phase: 1
name: one
title: One
collections: []
"""

# Trucks lead to themselves and to Trips, which lead back and to Owners, of a later phase. Owners have a list of Trucks.
BODY = """
phase: 2
name: two
title: Two
collections:
- wix: Trucks
  table: Trucks
  tab_group: Core
  flag: trucks
  primary: Plate
  fields:
  - {wix: plate, wix_type: text, name: Plate, type: singleLineText}
  - {wix: dot, wix_type: text, name: DOT, type: number, precision: 0}
  - {wix: kind, wix_type: text, name: Kind, type: singleSelect, choices: [box], open: true}
  - {wix: tags, wix_type: tags, name: Tags, type: multipleSelects, choices: [new], open: true}
  - {wix: sold, wix_type: boolean, name: Sold, type: checkbox}
  - {wix: driver, wix_type: text, name: Driver, type: singleLineText, personal: true}
  - {wix: boss, wix_type: text, name: Boss ID, type: singleLineText}
  - {wix: last_trip, wix_type: text, name: Last Trip ID, type: singleLineText}
  links:
  - {name: Boss, to: Trucks, on: {boss: _id}}
  - {name: Last Trip, to: Trips, on: {last_trip: _id}, inverse: Last Of}
- wix: Trips
  table: Trips
  tab_group: Core
  flag: trips
  primary: Legacy Wix ID
  fields:
  - {wix: truck_dot, wix_type: text, name: Truck DOT, type: singleLineText}
  - {wix: truck_id, wix_type: text, name: Truck ID, type: singleLineText}
  - {wix: owner_id, wix_type: text, name: Owner ID, type: singleLineText}
  links:
  - {name: Truck, to: Trucks, on: {truck_dot: dot, truck_id: _id}, inverse: Tours}
  - {name: Owner, to: Owners, on: {owner_id: _id}}
"""

LATER = """
phase: 3
name: three
title: Three
collections:
- wix: Owners
  table: Owners
  tab_group: Core
  flag: owners
  primary: Name
  fields:
  - {wix: name, wix_type: text, name: Name, type: singleLineText}
  - {wix: fleet, wix_type: multireference, name: Fleet IDs, type: multilineText, codec: json_text}
  links:
  - {name: Fleet, to: Trucks, on: {fleet: _id}, inverse: Owned By}
"""


def fleet(folder: Path) -> Catalog:
    folder.mkdir(parents=True, exist_ok=True)
    for n, text in enumerate((HEAD, BODY, LATER)):
        (folder / f"{n}.yaml").write_text(text)
    return load_catalog(folder)


def trucks(n: int, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [{"_id": f"t{i}", "plate": f"P-{i}", "dot": str(1000 + i), **more} for i in range(start, start + n)]


@dataclass
class World:
    """A sandbox's base with the schema in it, and a run's folder."""

    folder: Path
    catalog: Catalog
    airtable: Airtable
    state: State
    quarantine: Quarantine
    staged: dict[str, Transformed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        collections = list(self.catalog.collections.values())
        apply_schema(plan_schema(self.catalog, collections, self.airtable.tables(BASE)), self.airtable, BASE)

    @property
    def into(self) -> Target:
        tables = Tables(self.airtable.tables(BASE), self.catalog)
        return Target(
            airtable=self.airtable,
            base=BASE,
            tables=tables,
            state=self.state,
            quarantine=self.quarantine,
            catalog=self.catalog,
            conflicts=ConflictFile(self.folder),
            run_id="run-1",
            read=lambda name: self.airtable.records(BASE, tables.id(name)),
        )

    def stage(self, name: str, items: list[dict[str, Any]]) -> Transformed:
        collection = self.catalog.collection(name)
        with SnapshotWriter(self.folder / "snapshots", collection, source="test") as writer:
            for item in items:
                writer.write(item)
            snapshot = writer.finish()
        self.staged[name] = transform(snapshot, collection, self.folder / "staged", self.quarantine)
        return self.staged[name]

    def load(self, name: str, items: list[dict[str, Any]], **more: Any) -> Loaded:
        return load(self.stage(name, items), self.catalog.collection(name), self.into, **more)

    def links(self, loaded: Loaded) -> Loaded:
        return load_links(loaded, self.into)

    def records(self, name: str) -> dict[str, dict[str, Any]]:
        """Cells by legacy id. Fails where two records carry one."""
        found: dict[str, dict[str, Any]] = {}
        for record in self.airtable.records(BASE, self.catalog.collection(name).table):
            legacy = record["fields"].get(LEGACY_ID)
            assert legacy not in found, f"{legacy} is there twice"
            found[legacy] = record["fields"]
        return found

    def record_id(self, name: str, legacy: str) -> str:
        return self.state.rows(BASE, name).all()[legacy].record_id


@contextmanager
def world(box: Sandbox, folder: Path, rate: float | None = None, **settings: Any) -> Iterator[World]:
    """A process's view of a base; the state lies in the folder."""
    with State(f"sqlite:///{folder / 'state.db'}") as state:
        airtable = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda base: RateLimiter(state, base, rate, penalty=0.05),
            backoff=0.001,
            **settings,
        )
        try:
            yield World(folder, fleet(folder / "catalog"), airtable, state, Quarantine(folder / "quarantine"))
        finally:
            airtable.close()
