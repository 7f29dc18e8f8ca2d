"""A book of who wrote what on which side of the yard: what a way back must keep.

book = Book(fleet)
book.by_hand("Trucks", "t0", note="…")     # in Airtable's grid
book.in_wix("Trucks", "t1", note="…")      # in the CMS
go_back(fleet.platform)
assert book.wrong() == {}
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fleet_platform import LEGACY, Fleet
from runbook.catalog import ORIGINAL
from runbook.errors import RecordsError
from runbook.json_types import Item
from runbook.mapping import Mapping as CatalogMapping
from runbook.records import Records
from runbook.wix.reverse_sync import reverse_sync_references
from yard import COLLECTIONS, TOKEN, Place, Side, conflicts, items


@dataclass
class Row:
    """One row: by Wix key, the values that each side's people wrote and nobody has overwritten since.

    `removed`: the side on which someone deleted it. `open`: values that a failed write may have left, by key.
    """

    values: dict[str, dict[Side, Any]] = field(default_factory=lambda: defaultdict(dict))
    open: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    removed: Side | None = None
    maybe_removed: bool = False
    maybe_created: bool = False
    born: Side | None = None

    def touched(self, side: Side) -> bool:
        return self.born == side or any(side in values for values in self.values.values())


class Book:
    """What people and services wrote since both sides agreed. Threads may share one, each with rows of its own."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.before = {name: {item["_id"]: item for item in items(fleet, name)} for name in COLLECTIONS}
        self.rows: dict[tuple[str, str], Row] = {(name, i): Row() for name, of in self.before.items() for i in of}
        self.typed: dict[tuple[str, str], dict[str, Any]] = {}  # by (collection, token): rows typed without an id
        self._count = _NUMBERS

    def of(self, fleet: Fleet) -> Book:
        """The same book over a copy of the site."""
        book = copy(self)
        book.fleet = fleet
        return book

    def value(self, key: str = "") -> str:
        """A value that nobody has written yet."""
        number = next(self._count)
        return str(5000 + number) if key == "dot" else f"v{number}"

    # What services do, through the records that they use

    def insert(self, records: Records, collection: str, item_id: str, **values: Any) -> None:
        """A service adds a row."""
        item = {"_id": item_id, TOKEN[collection]: f"of {item_id}", **values}
        row = self.rows[collection, item_id] = Row(born="airtable")
        try:
            records.insert(collection, item)
        except RecordsError:
            row.maybe_created = True
        for key, value in item.items():
            if key != "_id":
                row.values[key]["airtable"] = value

    def patch(self, records: Records, collection: str, item_id: str, **values: Any) -> None:
        """A service changes a row."""
        row = self.rows[collection, item_id]
        try:
            records.patch(collection, item_id, values)
        except RecordsError:
            for key, value in values.items():
                row.open[key].append(value)
            return
        for key, value in values.items():
            row.values[key]["airtable"] = value
            row.open.pop(key, None)

    def remove(self, records: Records, collection: str, item_id: str) -> None:
        """A service deletes a row."""
        try:
            records.remove(collection, item_id)
        except RecordsError:
            self.rows[collection, item_id].maybe_removed = True
        else:
            self.rows[collection, item_id].removed = "airtable"

    # What people do in Airtable's grid

    def by_hand(self, collection: str, item_id: str, **values: Any) -> None:
        """Edit cells."""
        c = self.fleet.platform.catalog.collection(collection)
        cells = {c.field(key).name: int(value) if key == "dot" else value for key, value in values.items()}
        self.fleet.edit(collection, item_id, **cells)
        for key, value in values.items():
            self.rows[collection, item_id].values[key]["airtable"] = value

    def delete_by_hand(self, collection: str, item_id: str) -> None:
        """Delete a record."""
        self.fleet.delete(collection, item_id)
        self.rows[collection, item_id].removed = "airtable"

    def type_row(self, collection: str, **values: Any) -> None:
        """Type a new row, without an id."""
        c = self.fleet.platform.catalog.collection(collection)
        token = self.value()
        cells = {c.field(key).name: value for key, value in {TOKEN[collection]: token, **values}.items()}
        self.fleet.connect().airtable.create(self.fleet.base(), collection, [cells])
        self.typed[collection, token] = values

    # What people do in Wix's CMS

    def in_wix(self, collection: str, item_id: str, **values: Any) -> None:
        """Edit an item."""
        self.fleet.save(collection, {**self.fleet.items(collection)[item_id], **values})
        for key, value in values.items():
            self.rows[collection, item_id].values[key]["wix"] = value

    def add_in_wix(self, collection: str, item_id: str, **values: Any) -> None:
        """Add an item."""
        item = {"_id": item_id, TOKEN[collection]: f"of {item_id}", **values}
        self.fleet.save(collection, item)
        row = self.rows[collection, item_id] = Row(born="wix")
        for key, value in item.items():
            row.values[key]["wix"] = value

    def remove_in_wix(self, collection: str, item_id: str) -> None:
        """Delete an item."""
        self.fleet.remove(collection, item_id)
        self.rows[collection, item_id].removed = "wix"

    def crew_in_wix(self, item_id: str, ids: list[str]) -> None:
        """Set an item's multi-references."""
        reverse_sync_references(self.fleet.connect().wix, "Trucks", "crew", item_id, ids)
        self.rows["Trucks", item_id].values["crew"]["wix"] = ids

    # What has become of it

    def wrong(
        self, *, carried: bool = True, settled: Mapping[Place, Side] = MappingProxyType({})
    ) -> dict[str, list[str]]:
        """What was lost, doubled, overwritten, deleted without cause or asked of a person needlessly; empty where nothing.

        `carried`: whether all of Airtable must be in Wix by now. `settled`: the side that a person preferred in a
        conflict and that was carried since; each other one must be named.
        """
        found: dict[str, list[str]] = defaultdict(list)
        named = conflicts(self.fleet)
        for collection in COLLECTIONS:
            wix = items(self.fleet, collection)
            airtable = self._airtable(collection)
            self._doubled(found, collection, wix, airtable)
            in_wix = {item["_id"]: item for item in wix}
            in_airtable = {item["_id"]: item for item in airtable}
            for (name, item_id), row in self.rows.items():
                if name == collection:
                    at = (collection, item_id)
                    self._judge(found, at, row, in_wix.get(item_id), in_airtable.get(item_id), named, carried, settled)
            for (name, token), values in self.typed.items():
                if name == collection and carried:
                    there = [item for item in wix if item.get(TOKEN[collection]) == token]
                    if len(there) != 1 or any(there[0].get(key) != value for key, value in values.items()):
                        found["lost"].append(f"{collection}: the row typed as {token} is {len(there)} times in Wix")
        return dict(found)

    def _airtable(self, collection: str) -> list[Item]:
        connections = self.fleet.connect()
        mapping = CatalogMapping(connections.catalog.collection(collection))
        records = connections.airtable.records(self.fleet.base(), collection)
        names = {c.name for c in mapping.collection.columns} | {ORIGINAL}
        return [
            mapping.to_wix({n: cell for n, cell in r["fields"].items() if n in names})
            for r in records
            if LEGACY in r["fields"]
        ]

    def _doubled(self, found: dict[str, list[str]], collection: str, wix: list[Item], airtable: list[Item]) -> None:
        key = TOKEN[collection]
        for side, rows in (("Wix", wix), ("Airtable", airtable)):
            for what in ("_id", key):
                counts = Counter(row.get(what) for row in rows)
                found_twice = [f"{side} {collection} {value}: {n} times" for value, n in counts.items() if n > 1]
                if found_twice:
                    found["twice"] += found_twice

    def _judge(
        self,
        found: dict[str, list[str]],
        at: tuple[str, str],
        row: Row,
        wix: Item | None,
        airtable: Item | None,
        named: set[Place],
        carried: bool,
        settled: Mapping[Place, Side],
    ) -> None:
        collection, item_id = at
        place = f"{collection} {item_id}"
        if row.maybe_created and wix is None and airtable is None:
            return
        if row.maybe_removed and wix is None and airtable is None:
            return
        if row.removed is not None:
            self._judge_removed(found, at, row, wix, airtable, named, carried, settled)
            return
        held = set() if settled else {key for name, row_id, key in named if (name, row_id) == at}
        for key in held - {key for key, sides in row.values.items() if len(sides) == 2}:
            found["needless"].append(f"{place} {key}: a conflict, though one side alone changed it")
        sent = carried and not held  # nothing of a row is sent before a person has decided
        if wix is None and (sent or row.born == "wix" or row.born is None):
            found["deleted" if row.born is None else "lost"].append(f"{place} is not in Wix")
        if airtable is None and row.born != "wix":
            found["deleted"].append(f"{place} is not in Airtable")
        old = self.before[collection].get(item_id, {})
        for key in {*old, *row.values, *row.open} - _NOT_JUDGED:
            in_wix, in_airtable = (_plain(side.get(key)) if side else None for side in (wix, airtable))
            possible = row.open.get(key, [])
            before = _plain(old.get(key))
            # References are few, so that an edit may write what was there before: that changes nothing.
            sides = row.values.get(key, {}).items()
            written = {side: _plain(value) for side, value in sides if key not in old or _plain(value) != before}
            if len(written) == 2 and written["wix"] != written["airtable"]:
                if (prefer := settled.get((collection, item_id, key))) is not None:
                    if in_wix != written[prefer]:
                        found["lost"].append(f"{place} {key}: {prefer} was preferred, and Wix has another value")
                    continue
                if in_wix != written["wix"] or (airtable and in_airtable != written["airtable"]):
                    found["overwritten"].append(f"{place} {key}: an edit of one side was overwritten")
                if carried and (collection, item_id, key) not in named:
                    found["overwritten"].append(f"{place} {key}: changed on both sides, and no conflict")
                continue
            there = written.get("airtable", written.get("wix") if row.born == "wix" else before)
            if airtable is not None and in_airtable not in [there, *possible]:
                found["overwritten"].append(f"{place} {key}: Airtable has another value than was written there")
            may_be = [written.get("airtable", before)] if sent else [before, written.get("airtable", before)]
            if wix is not None and in_wix not in ([written["wix"]] if "wix" in written else [*may_be, *possible]):
                kind = "lost" if "airtable" in written and "wix" not in written else "overwritten"
                found[kind].append(f"{place} {key}: Wix has another value than {'/'.join(written) or 'both sides'} had")

    def _judge_removed(
        self,
        found: dict[str, list[str]],
        at: tuple[str, str],
        row: Row,
        wix: Item | None,
        airtable: Item | None,
        named: set[Place],
        carried: bool,
        settled: Mapping[Place, Side],
    ) -> None:
        collection, item_id = at
        place, other = f"{collection} {item_id}", "wix" if row.removed == "airtable" else "airtable"
        if (prefer := settled.get((collection, item_id, ""))) is not None:
            if (wix is None) != (row.removed == prefer):
                found["lost"].append(f"{place}: {prefer} was preferred, and Wix has not what it had")
            return
        kept = wix if row.removed == "airtable" else airtable
        if (airtable if row.removed == "airtable" else wix) is not None:
            found["twice"].append(f"{place} was deleted in {row.removed} and is there again")
        if row.touched(other):
            if kept is None:
                found["overwritten"].append(f"{place} was edited in {other} and is gone")
            elif carried and (collection, item_id, "") not in named:
                found["overwritten"].append(f"{place}: deleted on one side, edited on the other, and no conflict")
        elif row.removed == "airtable" and carried and wix is not None and (collection, item_id, "") not in named:
            found["lost"].append(f"{place} was deleted in Airtable and is still in Wix")


_NUMBERS = itertools.count(1)
_NOT_JUDGED = {"_createdDate", "_updatedDate", "_owner", "_id", "of"}  # Wix sets them; `of` is the other side of `crew`


def _plain(value: Any) -> Any:
    """References are a set, and none is an absent key."""
    return (sorted(value) or None) if isinstance(value, list) else value


def standard_writes(book: Book, records: Records) -> None:
    """New rows that link to each other, edits, deletes, multi-references; by services, by hand and in the CMS."""
    book.insert(records, "Drivers", "d90", city="new")
    book.insert(records, "Trucks", "t90", note="new", driver="d90", crew=["d90", "d1"])
    book.patch(records, "Drivers", "d1", city=book.value())
    book.patch(records, "Trucks", "t1", crew=["d2", "d90"], note=book.value())
    book.remove(records, "Trucks", "t2")
    book.by_hand("Trucks", "t3", note=book.value(), dot=book.value("dot"))
    book.delete_by_hand("Trucks", "t4")
    book.type_row("Drivers", city="typed")
    book.in_wix("Trucks", "t5", note=book.value())
    book.remove_in_wix("Trucks", "t6")
    book.add_in_wix("Drivers", "d91", city="of the CMS")
    book.by_hand("Trucks", "t7", note=book.value())
    book.in_wix("Trucks", "t7", dot=book.value("dot"))
    book.by_hand("Trucks", "t8", note=book.value())
    book.in_wix("Trucks", "t8", note=book.value())
