"""A small platform, three phases and three collections, over both vendors in this process: no kernel, no subprocess."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runbook.catalog import load_catalog
from runbook.checks.suites import write_suites
from runbook.connections import Connections, connect
from runbook.cutover import ParallelTest
from runbook.cutover.freeze import unfreeze
from runbook.cutover.parallel import Responses
from runbook.json_types import Item, Json
from runbook.platform import Lookup, Platform
from runbook.records import Records
from runbook.run import PhaseRun, open_run
from runbook.wix.reverse_sync import reverse_sync_remove, reverse_sync_save
from sandbox import Sandbox

LEGACY = "Legacy Wix ID"
OPEN = {"insert": "ANYONE", "update": "SITE_MEMBER", "remove": "SITE_MEMBER"}

INFRASTRUCTURE = """
phase: 1
name: infrastructure
title: Infrastructure
base: Fleet
tab_groups: [Core]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
- {wix: _owner, wix_type: text, name: Wix Owner ID, type: singleLineText}
- {wix: _createdDate, wix_type: datetime, name: Wix Created, type: dateTime}
- {wix: _updatedDate, wix_type: datetime, name: Wix Updated, type: dateTime}
kept:
- {wix: Members, reason: they log in with Wix}
tables: [Trucks]
"""

FLEET = """
phase: 2
name: fleet
title: Fleet
collections:
- wix: Trucks
  table: Trucks
  tab_group: Core
  flag: trucks
  primary: Plate
  fields:
  - {wix: plate, wix_type: text, name: Plate, type: singleLineText, unique: true, lookup: true}
  - {wix: dot, wix_type: text, name: DOT, type: number, precision: 0}
- wix: Trips
  table: Trips
  tab_group: Core
  flag: trips
  primary: Legacy Wix ID
  fields:
  - {wix: truck, wix_type: text, name: Truck ID, type: singleLineText}
  links:
  - {name: Truck, to: Trucks, on: {truck: _id}, inverse: Trips}
"""

PEOPLE = """
phase: 3
name: people
title: People
collections:
- wix: Owners
  table: Owners
  tab_group: Core
  flag: owners
  primary: Name
  fields:
  - {wix: name, wix_type: text, name: Name, type: singleLineText}
"""

CATALOG = (INFRASTRUCTURE, FLEET, PEOPLE)

ROWS: dict[str, list[Item]] = {
    # The DOT number of t2 is not a number, so the row is quarantined.
    "Trucks": [
        {"_id": "t0", "plate": "P-0", "dot": "1000"},
        {"_id": "t1", "plate": "P-1", "dot": "1001"},
        {"_id": "t2", "plate": "P-2", "dot": "n/a"},
    ],
    "Trips": [{"_id": "r0", "truck": "t0"}, {"_id": "r1", "truck": "t1"}],
    "Owners": [{"_id": "o0", "name": "Ann"}, {"_id": "o1", "name": "Bob"}],
}


def _plates(records: Records) -> Responses:
    yield "plates", sorted(row["plate"] for row in records.get_all("Trucks"))


def _owners(records: Records) -> Responses:
    yield "owners", sorted(row["name"] for row in records.get_all("Owners"))


TESTS = (
    ParallelTest(2, "plates", ("Trucks",), _plates),
    ParallelTest(2, "owners", ("Owners",), _owners),  # needs a collection of phase 3, so it is skipped at first
)


def make_platform(root: Path, catalog: Sequence[str] = CATALOG) -> Platform:
    """The platform, with its project in `root`. `catalog`: the YAML of its phases."""
    folder = root / "catalog"
    folder.mkdir(parents=True)
    for number, text in enumerate(catalog, 1):
        (folder / f"{number}.yaml").write_text(text)
    platform = read_platform(root)
    write_suites(platform.catalog, platform.expectations)
    for path in platform.expectations.glob("*.json"):  # without the type checks, which take the most time
        suite = json.loads(path.read_text())
        suite["expectations"] = [e for e in suite["expectations"] if not e["type"].endswith("_of_type")]
        path.write_text(json.dumps(suite))
    return platform


def read_platform(root: Path) -> Platform:
    """The platform whose project `make_platform` has made."""
    return Platform(
        name="fleet",
        root=root,
        catalog=load_catalog(root / "catalog"),
        write_sample=lambda folder, *, seed, scale: None,
        lookups=(Lookup(2, "Trucks", "plate"),),
        parallel_tests=lambda: TESTS,
    )


@dataclass(frozen=True)
class Fleet:
    """The platform's environment `sandbox`, whose servers are in this process."""

    platform: Platform
    box: Sandbox
    path: Path

    def connect(self) -> Connections:
        return connect(self.platform, "sandbox")

    def open(self, phase: int, **parameters: Any) -> PhaseRun:
        return open_run(self.platform, phase, **parameters)

    def migrate(self, *phases: int, **parameters: Any) -> PhaseRun:
        """Run the steps of phases up to the flags; returns the last one."""
        for phase in phases:
            run = self.open(phase, **parameters)
            self.steps(run)
        return run

    def steps(self, run: PhaseRun) -> None:
        """The steps of a phase, with its flags and its gate."""
        for step in ("plan", "provision", "export", "transform", "load", "validate", "turn_flags"):
            getattr(run, step)()
        run.gate()

    def base(self) -> str:
        base = self.connect().base("wix")
        assert base is not None
        return base

    def records(self, collection: str) -> dict[str, dict[str, Any]]:
        """Records in Airtable by legacy id; one that has none yet is left out."""
        found = self.connect().airtable.records(self.base(), collection)
        return {record["fields"][LEGACY]: record for record in found if LEGACY in record["fields"]}

    def edit(self, collection: str, legacy: str, **cells: Any) -> None:
        """Change cells in Airtable, as a person does in the grid."""
        record = self.records(collection)[legacy]["id"]
        self.connect().airtable.update(self.base(), collection, [{"id": record, "fields": cells}])

    def delete(self, collection: str, legacy: str) -> None:
        """Delete a record in Airtable, as a person does in the grid."""
        self.connect().airtable.delete(self.base(), collection, [self.records(collection)[legacy]["id"]])

    def items(self, collection: str) -> dict[str, Item]:
        """Items in Wix by `_id`."""
        return {item["_id"]: item for item in self.connect().wix.query(collection)[0]}

    def save(self, collection: str, *items: Item) -> None:
        """Insert or replace items in Wix."""
        assert not reverse_sync_save(self.connect().wix, collection, items).refused

    def remove(self, collection: str, *ids: str) -> None:
        """Remove items in Wix."""
        assert not reverse_sync_remove(self.connect().wix, collection, ids).refused


def write_folder(folder: Path, rows: Mapping[str, list[Item]]) -> Path:
    """A folder of export files."""
    folder.mkdir()
    for name, items in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


@contextmanager
def fleet_site(
    path: Path,
    rows: Mapping[str, list[Item]] = ROWS,
    catalog: Sequence[str] = CATALOG,
    collections: Sequence[Json] = (),
    **settings: Any,
) -> Iterator[Fleet]:
    """A Wix site with rows, and an Airtable account without a base.

    `collections`: those that Wix does not infer from the rows; `settings`: of the sandbox.
    """
    folder = write_folder(path / "site", {**rows, "Members": [{"_id": "m0"}]})
    if collections:
        (folder / "collections.json").write_text(json.dumps(collections))
    with _served(path, make_platform(path / "project", catalog), site=folder, **settings) as fleet:
        unfreeze(fleet.connect().wix, dict.fromkeys(rows, OPEN))
        yield fleet


def save_migrated(path: Path) -> Path:
    """A site that was migrated whole, left on disk; `copy_of` serves a copy of it in a fraction of the time."""
    with fleet_site(path, data=path / "servers") as fleet:
        fleet.migrate(2, 3)
    return path


@contextmanager
def copy_of(saved: Path, path: Path) -> Iterator[Fleet]:
    """A site that `save_migrated` left."""
    shutil.copytree(saved, path, dirs_exist_ok=True)
    with _served(path, read_platform(path / "project"), data=path / "servers") as fleet:
        yield fleet


@contextmanager
def _served(path: Path, platform: Platform, **settings: Any) -> Iterator[Fleet]:
    home = path / "home/sandbox"
    home.mkdir(parents=True, exist_ok=True)
    with (
        Sandbox(**{"requests_per_second": "off", "plan": "business", **settings}) as box,
        pytest.MonkeyPatch.context() as patch,
    ):
        # What a running server leaves, so that it is found instead of started.
        (home / "server.json").write_text(json.dumps({"url": box.airtable_url, "pid": os.getpid()}))
        patch.setenv("RUNBOOK_HOME", str(home.parent))
        patch.setenv("RUNBOOK_RUNS", str(path / "runs"))
        yield Fleet(platform, box, path)
