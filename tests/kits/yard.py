"""A platform with links and multi-references, and going back from it: see `yard_book` for what must have become of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fleet_platform import INFRASTRUCTURE, Fleet, fleet_site, read_platform
from runbook.commands.flags import set_flag
from runbook.commands.follow import follow
from runbook.commands.rollback import Rollback, open_rollback
from runbook.errors import RunbookError
from runbook.json_types import Item
from runbook.platform import Platform
from runbook.wix.source import WixSource

Place: TypeAlias = tuple[str, str, str]
"""Collection, row, Wix key; key "" for a whole row."""
Side: TypeAlias = Literal["wix", "airtable"]

YARD = """
phase: 2
name: yard
title: Yard
collections:
- wix: Drivers
  table: Drivers
  tab_group: Core
  flag: drivers
  primary: Name
  fields:
  - {wix: name, wix_type: text, name: Name, type: singleLineText}
  - {wix: city, wix_type: text, name: City, type: singleLineText}
- wix: Trucks
  table: Trucks
  tab_group: Core
  flag: trucks
  primary: Plate
  fields:
  - {wix: plate, wix_type: text, name: Plate, type: singleLineText, lookup: true}
  - {wix: note, wix_type: text, name: Note, type: multilineText}
  - {wix: dot, wix_type: text, name: DOT, type: number, precision: 0}
  - {wix: driver, wix_type: text, name: Driver ID, type: singleLineText}
  - {wix: crew, wix_type: multireference, name: Crew IDs, type: multilineText, codec: json_text}
  links:
  - {name: Driver, to: Drivers, on: {driver: _id}, inverse: Trucks}
  - {name: Crew, to: Drivers, on: {crew: _id}, inverse: Crews}
"""
CREW = {
    "key": "crew",
    "type": "MULTI_REFERENCE",
    "typeMetadata": {"multiReference": {"referencedCollectionId": "Drivers", "referencingFieldKey": "of"}},
}
COLLECTIONS = ("Drivers", "Trucks")
TOKEN = {"Drivers": "name", "Trucks": "plate"}
"""The key whose value nobody changes: it tells a row that was doubled."""


def _rows(count: int) -> dict[str, list[Item]]:
    drivers = [{"_id": f"d{n}", "name": f"driver {n}", "city": f"city {n}"} for n in range(count)]
    trucks: list[Item] = [
        {"_id": f"t{n}", "plate": f"P-{n}", "note": f"note {n}", "dot": str(1000 + n), "driver": f"d{n}"}
        for n in range(count)
    ]
    trucks[0]["crew"] = ["d0", "d1"]
    return {"Drivers": drivers, "Trucks": trucks}


def save_yard(path: Path, rows: int = 12) -> Path:
    """The site migrated, with every flag at 'airtable', left on disk; `copy_of` serves copies of it."""
    site = {"rows": _rows(rows), "catalog": (INFRASTRUCTURE, YARD), "collections": [{"id": "Trucks", "fields": [CREW]}]}
    with fleet_site(path, data=path / "servers", **site) as fleet:
        fleet.migrate(2)
        turn_all(fleet)
    return path


def turn_all(fleet: Fleet, side: Side = "airtable") -> None:
    """Set every flag, and tell the base: as after phases that turned them."""
    connections = fleet.connect()
    for flag in fleet.platform.catalog.flags:
        connections.state.flags.set(flag, side, who="a test", why="")
    fleet.open(2, dry_run=True)


def go_back(platform: Platform, **parameters: Any) -> Rollback:
    """The steps of a rollback with reverse sync, in the notebook's order."""
    rollback = open_rollback(platform, **{"reverse_sync": True, **parameters})
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    rollback.verdict()
    return rollback


def went_back(platform: Platform, **parameters: Any) -> str | None:
    """`go_back`; None where it says that all is well, else what it says."""
    try:
        go_back(platform, **parameters)
    except RunbookError as error:
        return str(error)
    return None


def items(fleet: Fleet, collection: str) -> list[Item]:
    """What Wix has, with its multi-references."""
    found: list[Item] = []
    connections = fleet.connect()
    source = WixSource(connections.wix, connections.catalog)
    source.export(connections.catalog.collection(collection), found.append)
    return found


def conflicts(fleet: Fleet) -> set[Place]:
    """What waits for a person's word, or was decided: (collection, row, Wix key); key "" for a whole row."""
    state, base = fleet.connect().state, fleet.base()
    return {(name, c.legacy_id, c.key) for name in COLLECTIONS for c in state.conflicts(base, name).all()}


def back_of(project: str) -> str | None:
    """`went_back` in another process, over the project's folder."""
    platform = read_platform(Path(project))
    return went_back(platform)


def turn_by_hand(project: str) -> None:
    """`runbook flags NAME wix` for every flag, over the project's folder."""
    platform = read_platform(Path(project))
    for flag in platform.catalog.flags:
        set_flag(platform, "sandbox", flag, "wix", who="ann", why="on fire")


def settled(said: str | None) -> bool:
    """Whether a rollback said that nothing is left but conflicts, which a person settles."""
    reasons = [line for line in (said or "").splitlines()[1:] if not line.lstrip().startswith("`runbook ")]
    return said is None or (bool(reasons) and all(re.match(r" *\w+: \d+ rows? in conflict \(", r) for r in reasons))


def follow_once(project: str) -> dict[str, int]:
    """`runbook follow --once` over the project's folder: how many rows of each collection are left."""
    left = follow(read_platform(Path(project)), "sandbox", once=True, report=print)
    return {c.collection: c.waiting + c.held for c in left.collections if c.waiting or c.held}


if __name__ == "__main__":  # `runbook follow` over a project's folder, until it is stopped or killed
    follow(read_platform(Path(sys.argv[1])), "sandbox", once=False, report=lambda line: print(line, flush=True))
