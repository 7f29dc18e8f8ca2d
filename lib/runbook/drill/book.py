"""What Wix must hold in the end, kept beside the code under test: every acknowledged write, and how it compares.

    book = Book(catalog, {"Carriers": items_of_wix})
    book.change("Carriers", "1f…", {"legal_name": "…"})          # whoever wrote it, wherever
    found = book.compare({"Carriers": items_of_wix_afterwards})
    found.lost, found.twice, found.wrong, found.unknown

It knows nothing of mapping, merge or state: values are compared as the JSON that Wix returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import LEGACY_ID, Catalog
from runbook.drill.plain import cell_of
from runbook.json_types import MISSING, Item, Json

EMPTY = object()
"""Expected of a key: nothing that a reader could tell from an empty cell."""
_EMPTY_VALUES: tuple[Json, ...] = (None, "", [], False)
_LISTED = 50


@dataclass
class Row:
    """A row that must be there. `item`: its keys and values. `id` None: Airtable's grid gives none, Wix is to.

    `marker`: a key and the value that only this row has. `whole`: keys that are not in `item` must be empty. `touched`:
    the keys that were written since the start; None: all of them.
    """

    item: dict[str, Any]
    id: str | None
    marker: tuple[str, Json] | None = None
    whole: bool = False
    touched: set[str] | None = None

    @property
    def name(self) -> str:
        """For messages: its id, else that it was made in the grid."""
        return self.id or "made in the grid"


@dataclass(frozen=True)
class IdOf:
    """Expected of a key: the id that a row made in the grid gets."""

    row: Row


@dataclass
class Comparison:
    """One look at a side. `lost`: rows, or deletions, that are not there. `twice`: rows that are there again.

    `wrong`: rows of which a key differs. `unknown`: rows that nobody wrote. Each by name, without values.
    """

    rows: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every row is there once, as expected, and no other."""
        return not (self.lost or self.twice or self.wrong or self.unknown)

    def facts(self) -> dict[str, Any]:
        """For the evidence: counts, and the first of each kind."""
        found = {kind: getattr(self, kind) for kind in ("lost", "twice", "wrong", "unknown")}
        return {
            "rows": self.rows,
            **{kind: len(names) for kind, names in found.items()},
            "listed": {kind: names[:_LISTED] for kind, names in found.items() if names},
        }


class Book:
    """Rows by collection and id. One thread writes at a time.

    `derived`: by collection, keys that follow from other rows, which nobody writes.
    """

    def __init__(
        self, catalog: Catalog, items: Mapping[str, Iterable[Item]], derived: Mapping[str, Set[str]] | None = None
    ) -> None:
        self._catalog, self._derived = catalog, derived or {}
        self._unordered = {
            (c.wix, f.wix) for c in catalog.collections.values() for f in c.fields if f.wix_type == "multireference"
        }
        self.rows = {
            name: {item["_id"]: Row(dict(item), item["_id"], touched=set()) for item in found}
            for name, found in items.items()
        }
        self.in_grid: dict[str, list[Row]] = {name: [] for name in self.rows}
        self.deleted: dict[str, set[str]] = {name: set() for name in self.rows}

    def insert(self, collection: str, item: Item) -> None:
        """A row with an id of its own."""
        self.rows[collection][item["_id"]] = Row(dict(item), item["_id"])

    def replace(self, collection: str, item: Item) -> None:
        """A whole row; what Wix alone sets stays."""
        row = self.rows[collection][item["_id"]]
        row.item = {key: value for key, value in row.item.items() if key.startswith("_")} | dict(item)
        row.touched = None

    def change(self, collection: str, item_id: str, values: Mapping[str, Any]) -> None:
        """Some keys of a row; MISSING removes one, EMPTY empties it."""
        row = self.rows[collection][item_id]
        row.item.update(values)
        if row.touched is not None:
            row.touched |= values.keys()

    def delete(self, collection: str, item_id: str) -> None:
        """A row that must not come back."""
        del self.rows[collection][item_id]
        self.deleted[collection].add(item_id)

    def make(self, collection: str, row: Row) -> Row:
        """A row typed or copied in the grid."""
        self.in_grid[collection].append(row)
        return row

    # Comparing

    def compare(self, sides: Mapping[str, Iterable[Item]]) -> Comparison:
        """What Wix holds against the book. Rows made in the grid are found by their marker, and get their id."""
        found = Comparison()
        read = {name: list(items) for name, items in sides.items()}
        for name, items in read.items():
            self._find_made(name, items, found)
        for name, items in read.items():
            counts = Counter(item["_id"] for item in items)
            self._count(name, counts, found)
            by_id = {item["_id"]: item for item in items}
            for row in self._all(name):
                if row.id in by_id and (keys := self._differing(name, row, by_id[row.id])):
                    found.wrong.append(f"{name} {row.id}: {', '.join(keys)}")
        return found

    def compare_records(
        self, sides: Mapping[str, Iterable[Mapping[str, Any]]], left_out: Mapping[str, Set[str]]
    ) -> Comparison:
        """What Airtable holds against the book; of the cells those whose value is the same on both sides.

        `left_out`: by collection, the ids of rows that no table can hold.
        """
        found = Comparison()
        for name, records in sides.items():
            by_id = {}
            counts = Counter[str]()
            for record in records:
                legacy = record["fields"].get(LEGACY_ID)
                if not legacy:
                    found.unknown.append(f"{name}: a record without a legacy id")
                    continue
                counts[legacy] += 1
                by_id[legacy] = record["fields"]
            out = left_out.get(name, frozenset())
            self._count(name, counts, found, left_out=out)
            for row in self._all(name):
                if row.id in by_id and (columns := self._differing_cells(name, row, by_id[row.id])):
                    found.wrong.append(f"{name} {row.id}: {', '.join(columns)}")
        return found

    def _all(self, name: str) -> list[Row]:
        return [*self.rows[name].values(), *self.in_grid[name]]

    def _find_made(self, name: str, items: Iterable[Item], found: Comparison) -> None:
        for row in self.in_grid[name]:
            assert row.marker is not None
            key, value = row.marker
            ids = [item["_id"] for item in items if item.get(key) == value]
            row.id = ids[0] if ids else None
            found.lost += [f"{name}: a row {row.name}"] * (not ids)
            found.twice += [f"{name} {id_}: a row made in the grid" for id_ in ids[1:]]

    def _count(self, name: str, counts: Mapping[str, int], found: Comparison, *, left_out: Iterable[str] = ()) -> None:
        wanted = {row.id for row in self._all(name) if row.id is not None}
        found.rows += sum(counts.values())
        found.lost += [f"{name} {id_}" for id_ in sorted(wanted - counts.keys() - set(left_out))]
        found.lost += [f"{name} {id_}: its deletion" for id_ in sorted(self.deleted[name] & counts.keys())]
        found.twice += [f"{name} {id_}" for id_, count in counts.items() if count > 1]
        seen = {text.split(":")[0] for text in found.twice}
        strange = sorted(counts.keys() - wanted - self.deleted[name])
        found.unknown += [f"{name} {id_}" for id_ in strange if f"{name} {id_}" not in seen]

    def _differing(self, name: str, row: Row, item: Item) -> list[str]:
        found = []
        for key in self._keys(row, item):
            if key in self._derived.get(name, ()):
                continue
            expected, value = row.item.get(key, MISSING), item.get(key, MISSING)
            if (name, key) in self._unordered and isinstance(expected, list) and isinstance(value, list):
                expected, value = sorted(expected), sorted(value)
            if not _agree(expected, value, whole=row.whole):
                found.append(key)
        return found

    def _keys(self, row: Row, item: Item) -> list[str]:
        """The keys to compare: Wix sets those that begin with `_` itself, but for an owner that was given."""
        keys = [key for key in dict.fromkeys([*row.item, *item]) if not key.startswith("_")]
        return keys + ["_owner"] * (not row.whole and row.marker is None and bool(row.item.get("_owner")))

    def _differing_cells(self, name: str, row: Row, fields: Mapping[str, Any]) -> list[str]:
        differing = []
        for column in self._catalog.collection(name).fields:
            value = row.item.get(column.wix, MISSING)
            untouched = row.touched is not None and column.wix not in row.touched
            if column.wix.startswith("_") or untouched or (value is MISSING and not row.whole):
                continue
            if isinstance(value, IdOf):
                value = value.row.id
            empty = value in (EMPTY, MISSING) or value in _EMPTY_VALUES
            expected = None if empty else cell_of(column, value)
            held = fields.get(column.name)
            same = held in _EMPTY_VALUES if empty else expected is None or _same(expected, held)
            if not same:
                differing.append(column.name)
        return differing


def _agree(expected: Any, value: Any, *, whole: bool) -> bool:
    if isinstance(expected, IdOf):
        return bool(value == expected.row.id)
    if expected is EMPTY or (expected is MISSING and whole):
        return value is MISSING or value in _EMPTY_VALUES
    if expected is MISSING or value is MISSING:
        return expected is value
    return _same(expected, value)


def _same(expected: Any, value: Any) -> bool:
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    return bool(expected == value)
