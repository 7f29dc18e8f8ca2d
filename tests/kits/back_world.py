"""One row on both sides, as a merge on the way back sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runbook.catalog import Collection, load_catalog
from runbook.mapping import Mapping
from runbook.merge import Agreement, BackMerge, BackRow, Past, RowMerge, after_write

CATALOG = """
base: B
tab_groups: [G]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
- {wix: _owner, wix_type: text, name: Wix Owner ID, type: singleLineText}
- {wix: _createdDate, wix_type: datetime, name: Wix Created, type: dateTime}
- {wix: _updatedDate, wix_type: datetime, name: Wix Updated, type: dateTime}
phase: 1
name: one
title: One
collections:
- wix: Cars
  table: Cars
  tab_group: G
  flag: cars
  primary: Plate
  fields:
  - {wix: plate, wix_type: text, name: Plate, type: singleLineText}
  - {wix: price, wix_type: number, name: Price, type: number, precision: 1, loose: true}
  - {wix: sold, wix_type: boolean, name: Sold, type: checkbox}
  - {wix: bio, wix_type: richtext, name: Bio, type: richText}
  - {wix: parts, wix_type: multireference, name: Part IDs, type: multilineText, codec: json_text}
  - {wix: twin, wix_type: text, name: Twin ID, type: singleLineText}
  links:
  - {name: Twin, to: Cars, on: {twin: _id}}
"""
OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-02-02T00:00:00.000Z"
ITEM = {"_id": "c1", "_owner": "ann", "_updatedDate": {"$date": OLD}, "plate": "A-1", "price": 10, "sold": True}


def read_cars(folder: Path) -> Collection:
    (folder / "1.yaml").write_text(CATALOG)
    return load_catalog(folder).collection("Cars")


class World:
    """One row after a load. `item`, `cells`: what each side holds now; None: it has no such row."""

    def __init__(self, cars: Collection) -> None:
        self.cars = cars
        self.item: dict[str, Any] | None = dict(ITEM)
        self.cells: dict[str, Any] | None = Mapping(cars).to_airtable(ITEM).fields
        self.merge = BackMerge(cars, ["Twin"], {"recA", "recB"}.__contains__, ["parts"])
        forth = RowMerge(cars, ["Twin"], {"recA", "recB"}.__contains__)
        self.past = Past(forth.agreement(forth.new(self.cells), self.cells))
        self.sent: dict[str, str] = {}

    def wix(self, **values: Any) -> None:
        assert self.item is not None
        self.item = {**self.item, **values, "_updatedDate": {"$date": NEW}}

    def airtable(self, **cells: Any) -> None:
        assert self.cells is not None
        self.cells = {**self.cells, **{name.replace("_", " "): cell for name, cell in cells.items()}}

    def merged(self) -> BackRow:
        return self.merge.merge(self.item, self.cells, self.past, self.sent)

    def settle(self, row: BackRow, prefer: Any) -> None:
        words = {each.key: (prefer, each.wix_hash, each.airtable_hash) for each in row.conflicts}
        self.past = self.past._replace(settled=words)

    def write(self, row: BackRow) -> None:
        """Wix takes what is sent, with a stamp of its own; what both sides agree on is kept as state does."""
        self.item = {**after_write(self.item, row), "_id": "c1", "_updatedDate": {"$date": "2026-03-03T00:00:00.000Z"}}
        agreed = self.merge.agreement(row, self.item, self.cells or {}, {})
        self.past = Past(Agreement.loads(agreed.dumps()))
        self.sent = {}

    def forth(self) -> Any:
        """What the way forth would do now."""
        merge = RowMerge(self.cars, ["Twin"], {"recA", "recB"}.__contains__)
        return merge.merge(Mapping(self.cars).to_airtable(self.item or {}).fields, self.cells or {}, self.past)
