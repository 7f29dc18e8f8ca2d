"""Links of a loaded collection, looked at from both tables, all rows: do they lead where the rows' keys say, and back.

Independent of the id map: where a key leads is worked out from the target's own cells as they are in the base.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection
from runbook.display import Shown, Table
from runbook.link_resolver import resolve
from runbook.mapping import Candidate, link_key
from runbook.mapping import Mapping as CatalogMapping
from runbook.readings import Readings
from runbook.schema.tables import LinkColumn
from runbook.state import AMBIGUOUS, Ambiguous, State

Links = dict[str, list[Candidate]]  # by link, see `mapping.Encoded`

LISTED = 20  # examples that are shown; all are counted


@dataclass(frozen=True)
class LinkCount:
    """One link over all rows. `empty`: rows without a key. `dangling`, `ambiguous`: it leads to no row, to several.

    `wrong`: cells that are not what the key says. `inverse_wrong`: target rows whose other face is not exactly the rows
    that link to them. `missing`: what is wrong with the column itself, "" if nothing.
    """

    link: str
    target: str
    right: int
    empty: int
    dangling: int
    ambiguous: int
    wrong: int
    inverse_rows: int
    inverse_wrong: int
    missing: str

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; dangling keys are none of it, their text is kept in its own column."""
        return not (self.wrong or self.inverse_wrong or self.missing)


@dataclass(frozen=True, repr=False)
class LinkCheck(Shown):
    """A collection's links. `rows`: compared; `not_there`: staged rows that the table lacks; `unknown`: the reverse."""

    collection: str
    rows: int
    not_there: int
    unknown: int
    links: tuple[LinkCount, ...]
    examples: tuple[str, ...]
    state_differs: int = 0

    @property
    def passed(self) -> bool:
        """Whether every link holds from both tables."""
        return all(link.passed for link in self.links)

    def table(self) -> Table:
        """A line a link."""
        columns = (
            "link",
            "to",
            "right",
            "no key",
            "dangling",
            "ambiguous",
            "wrong",
            "other face",
            "wrong there",
            "verdict",
        )
        rows = [
            (
                k.link,
                k.target,
                k.right,
                k.empty,
                k.dangling,
                k.ambiguous,
                k.wrong,
                k.inverse_rows,
                k.inverse_wrong,
                k.missing or ("passed" if k.passed else "failed"),
            )
            for k in self.links
        ]
        notes = [f"{self.rows:,} rows compared with where their keys lead; dangling keys keep their text."]
        if self.not_there or self.unknown:
            notes.append(
                f"{self.not_there:,} staged rows are not in the table, {self.unknown:,} of its rows are not staged."
            )
        if self.state_differs:
            notes.append(f"{self.state_differs:,} rows have another record id than the state knows.")
        return Table(f"Links of {self.collection}, from both tables", columns, rows, (*notes, *self.examples))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "collection": self.collection,
            "passed": self.passed,
            "rows": self.rows,
            "not_there": self.not_there,
            "unknown": self.unknown,
            "state_differs": self.state_differs,
            "links": [
                {name: getattr(k, name) for name in LinkCount.__dataclass_fields__} | {"passed": k.passed}
                for k in self.links
            ],
            "examples": list(self.examples),
        }


@dataclass
class _Side:
    """A target table as read: rows by key, and what each other face holds."""

    by_key: dict[tuple[str, str], str | Ambiguous]
    faces: dict[str, dict[str, list[str]]]  # the inverse's name -> record id -> record ids


def verify_links(
    readings: Readings, collection: Collection, staged: Mapping[str, Links], state: State | None = None
) -> LinkCheck:
    """Compare every link cell of a loaded collection with its rows' keys, and with the inverse link in the target.

    `staged`: where each staged row's links lead, by legacy id. `readings` must include the inverses of the collection's
    links. `state`: also counts rows whose record id is not the one the state knows. Raises SchemaDrift where a table is
    not there, AirtableError.
    """
    catalog = readings.tables.catalog
    columns = readings.tables.links(collection)
    targets = {name: _read_target(readings, name, columns) for name in {c.to for c in columns.values()}}
    ok = [name for name, column in columns.items() if column.ok]
    cells: dict[str, dict[str, list[str]]] = {name: {} for name in ok}  # link -> record id -> record ids
    records: dict[str, list[str]] = defaultdict(list)  # legacy id -> record ids
    for record in readings.records(collection.wix):
        records[record["fields"].get(LEGACY_ID) or ""].append(record["id"])
        for name in ok:
            held = record["fields"].get(name)
            if held:
                cells[name][record["id"]] = held
    counts = {name: dict.fromkeys(("right", "empty", "dangling", "ambiguous", "wrong"), 0) for name in columns}
    examples: list[str] = []

    def find(target: str, key: str, value: str) -> str | Ambiguous | None:
        return targets[target].by_key.get((key, value))

    compared = not_there = 0
    for legacy_id, candidates in staged.items():
        if legacy_id not in records:
            not_there += 1
            continue
        compared += 1
        for name, count in counts.items():
            cell = resolve(candidates.get(name, ()), find)
            for record_id in records[legacy_id]:
                held = cells[name].get(record_id, []) if name in cells else []
                if name in cells and sorted(held) != sorted(cell.records):
                    count["wrong"] += 1
                    why = f"holds {len(held)} records, its key says {len(cell.records)}" + (
                        " others" if held and cell.records else ""
                    )
                    _example(examples, f"{collection.wix} {legacy_id}: {name} {why}")
                else:
                    count["right" if cell.state == "resolved" else cell.state] += 1
    unknown = sum(len(ids) for legacy, ids in records.items() if legacy not in staged)
    found = [
        _count(collection, catalog, column, counts[name], cells.get(name, {}), targets[column.to], examples)
        for name, column in columns.items()
    ]
    return LinkCheck(
        collection.wix,
        compared,
        not_there,
        unknown,
        tuple(found),
        tuple(examples),
        _differs(state, readings.base, collection, records),
    )


def _read_target(readings: Readings, name: str, columns: dict[str, LinkColumn]) -> _Side:
    target = readings.tables.catalog.collection(name)
    links = [column for column in columns.values() if column.to == name]
    keys = sorted({key for column in links for key in column.link.on.values()})
    faces = [column.inverse_name for column in links if column.inverse_ok and column.inverse_name]
    needed = {LEGACY_ID, ORIGINAL, *(target.field(key).name for key in keys)}
    mapping = CatalogMapping(target)
    side = _Side({}, {face: {} for face in faces})
    for record in readings.records(name):
        fields = record["fields"]
        item = mapping.to_wix({n: cell for n, cell in fields.items() if n in needed})
        for key in keys:
            value = item.get(key) if key == "_id" else link_key(item.get(key))
            if isinstance(value, str):
                side.by_key[key, value] = AMBIGUOUS if (key, value) in side.by_key else record["id"]
        for face, held in side.faces.items():
            if fields.get(face):
                held[record["id"]] = fields[face]
    return side


def _count(
    collection: Collection,
    catalog: Catalog,
    column: LinkColumn,
    count: dict[str, int],
    cells: dict[str, list[str]],
    target: _Side,
    examples: list[str],
) -> LinkCount:
    missing, inverse_rows, inverse_wrong = "", 0, 0
    if not column.ok:
        missing = "no such link: provision makes it"
    elif not column.inverse_ok:
        missing = "its other face is not as planned: provision shows how"
    elif column.to != collection.wix:
        wanted: dict[str, list[str]] = defaultdict(list)
        for source, held in cells.items():
            for one in held:
                wanted[one].append(source)
        face = target.faces[column.inverse_name or ""]
        inverse_rows = len(face)
        for record in sorted(wanted.keys() | face.keys()):
            if sorted(wanted.get(record, ())) != sorted(face.get(record, ())):
                inverse_wrong += 1
                _example(
                    examples,
                    f"{column.to} record {record}: '{column.inverse_name}' holds {len(face.get(record, ()))} rows of "
                    f"{collection.table}, {len(wanted.get(record, ()))} link to it",
                )
    return LinkCount(
        column.name,
        catalog.collection(column.to).table,
        count["right"],
        count["empty"],
        count["dangling"],
        count["ambiguous"],
        count["wrong"],
        inverse_rows,
        inverse_wrong,
        missing,
    )


def _differs(state: State | None, base: str, collection: Collection, records: dict[str, list[str]]) -> int:
    known = state.rows(base, collection.wix).all() if state is not None else {}
    return sum(1 for legacy, one in known.items() if legacy in records and one.record_id not in records[legacy])


def _example(examples: list[str], words: str) -> None:
    if len(examples) < LISTED:
        examples.append(words)
