"""Checks the links of all rows of a loaded collection, from both tables: do they lead where the keys say, and back?

Independent of the id map: where a key leads is determined by the target's cells as they are in Airtable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Collection
from runbook.display import Shown, Table, plural
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
    """One link over all rows. `empty`: rows without a key; `dangling`, `ambiguous`: it leads to no row, to several.

    `wrong`: cells that do not match the key. `inverse_wrong`: target rows whose inverse link does not hold exactly the
    rows that link to them. `problem`: what is wrong with the column itself; "" if nothing.
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
    problem: str

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong. A dangling key is not: its text is kept in its own column."""
        return not (self.wrong or self.inverse_wrong or self.problem)


@dataclass(frozen=True, repr=False)
class LinkCheck(Shown):
    """A collection's links. `rows`: rows compared; `missing`: staged rows not in the table; `extra`: the reverse."""

    collection: str
    rows: int
    missing: int
    extra: int
    links: tuple[LinkCount, ...]
    examples: tuple[str, ...]
    state_differs: int = 0

    @property
    def passed(self) -> bool:
        """Whether every link matches in both tables."""
        return all(link.passed for link in self.links)

    def table(self) -> Table:
        """One row per link."""
        columns = (
            *("link", "to", "right", "no key", "dangling", "ambiguous", "wrong"),
            *("inverse links", "inverse links wrong", "verdict"),
        )
        rows = [(*astuple(link)[:-1], link.problem or ("passed" if link.passed else "failed")) for link in self.links]
        notes = [f"{self.rows:,} rows compared with where their keys lead; dangling keys keep their text."]
        if self.missing or self.extra:
            notes.append(
                f"{self.missing:,} staged rows are not in the table, {self.extra:,} of its rows are not staged."
            )
        if self.state_differs:
            notes.append(f"{plural(self.state_differs, 'row')} with another record than in the id map.")
        return Table(f"Links of {self.collection}, from both tables", columns, rows, (*notes, *self.examples))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        links = [{**asdict(link), "passed": link.passed} for link in self.links]
        return {**asdict(self), "passed": self.passed, "links": links, "examples": list(self.examples)}


@dataclass
class _Target:
    """A target table: records by key, and the cells of the inverse links by column and record id."""

    table: str
    by_key: dict[tuple[str, str], str | Ambiguous]
    inverses: dict[str, dict[str, list[str]]]


def verify_links(
    readings: Readings,
    collection: Collection,
    staged: Mapping[str, Links],
    state: State | None = None,
    kept: Callable[[str, str], bool] = lambda legacy_id, link: False,
) -> LinkCheck:
    """Compare every link cell of a loaded collection with its row's keys, and with the inverse link in the target.

    `staged`: where each staged row's links lead, by legacy id. `readings` must include the inverses of the collection's
    links. `kept`: whether a row's link stays as it is in Airtable, so that any cell is right: a person changed it, or
    the source does not show its key. `state`: also counts rows whose record is not the one that the id map has.
    Raises SchemaDrift where a table is missing, AirtableError.
    """
    columns = readings.tables.links(collection)
    targets = {name: _read_target(readings, name, columns, state) for name in {c.to for c in columns.values()}}
    cells: dict[str, dict[str, list[str]]] = {name: {} for name, column in columns.items() if column.ok}
    records: dict[str, list[str]] = defaultdict(list)  # legacy id -> record ids
    for record in readings.records(collection.wix):
        records[record["fields"].get(LEGACY_ID) or ""].append(record["id"])
        for name, by_record in cells.items():
            if cell := record["fields"].get(name):
                by_record[record["id"]] = cell
    counts = {name: dict.fromkeys(("right", "empty", "dangling", "ambiguous", "wrong"), 0) for name in columns}
    examples = _Examples()

    def find(target: str, key: str, value: str) -> str | Ambiguous | None:
        return targets[target].by_key.get((key, value))

    compared = [legacy_id for legacy_id in staged if legacy_id in records]
    for legacy_id in compared:
        for name, count in counts.items():
            expected = resolve(staged[legacy_id].get(name, ()), find)
            for record_id in records[legacy_id]:
                actual = cells[name].get(record_id, []) if name in cells else []
                if kept(legacy_id, name):
                    count["right" if actual else "empty"] += 1
                    continue
                if name in cells and sorted(actual) != sorted(expected.records):
                    count["wrong"] += 1
                    others = " others" if actual and expected.records else ""
                    examples.add(
                        f"{collection.wix} {legacy_id}: {name} holds {len(actual)} records, its key says "
                        f"{len(expected.records)}{others}"
                    )
                else:
                    count["right" if expected.state == "resolved" else expected.state] += 1
    links = [
        _count(collection, column, counts[name], cells.get(name, {}), targets[column.to], examples)
        for name, column in columns.items()
    ]
    known = state.rows(readings.base, collection.wix).all() if state is not None else {}
    return LinkCheck(
        collection.wix,
        rows=len(compared),
        missing=len(staged) - len(compared),
        extra=sum(len(ids) for legacy_id, ids in records.items() if legacy_id not in staged),
        links=tuple(links),
        examples=tuple(examples.texts),
        state_differs=sum(i in records and row.record_id not in records[i] for i, row in known.items()),
    )


def _read_target(readings: Readings, name: str, columns: dict[str, LinkColumn], state: State | None) -> _Target:
    rows = state.rows(readings.base, name) if state is not None else None
    changes = rows.changes() if rows is not None else {}
    collection = readings.tables.catalog.collection(name)
    links = [column for column in columns.values() if column.to == name]
    keys = sorted({key for column in links for key in column.link.on.values()})
    key_columns = {LEGACY_ID, ORIGINAL, *(collection.field(key).name for key in keys)}
    known = {key: rows.resolve_all(key) for key in keys} if rows is not None and changes else {}
    mapping = CatalogMapping(collection)
    target = _Target(collection.table, {}, {c.inverse_name: {} for c in links if c.inverse_ok and c.inverse_name})
    for record in readings.records(name):
        fields = record["fields"]
        item = mapping.to_wix({column: cell for column, cell in fields.items() if column in key_columns})
        for key in keys:
            value = item.get(key) if key == "_id" else link_key(item.get(key))
            if not isinstance(value, str):
                continue
            # A row created in the grid takes no links of another row that has the same key, such as the row it copies.
            if changes.get(str(item.get("_id"))) != "created" or known[key].get(value) == record["id"]:
                target.by_key[key, value] = AMBIGUOUS if (key, value) in target.by_key else record["id"]
        for inverse, by_record in target.inverses.items():
            if fields.get(inverse):
                by_record[record["id"]] = fields[inverse]
    return target


def _count(
    collection: Collection,
    column: LinkColumn,
    counts: dict[str, int],
    cells: dict[str, list[str]],
    target: _Target,
    examples: _Examples,
) -> LinkCount:
    problem, inverse_rows, inverse_wrong = "", 0, 0
    if not column.ok:
        problem = "no such link: provision creates it"
    elif not column.inverse_ok:
        problem = "its inverse link is not as planned: provision shows how"
    elif column.to != collection.wix:
        linking: dict[str, list[str]] = defaultdict(list)
        for record_id, linked in cells.items():
            for target_id in linked:
                linking[target_id].append(record_id)
        inverse = target.inverses[column.inverse_name or ""]
        inverse_rows = len(inverse)
        for target_id in sorted(linking.keys() | inverse.keys()):
            expected, actual = linking.get(target_id, []), inverse.get(target_id, [])
            if sorted(expected) != sorted(actual):
                inverse_wrong += 1
                examples.add(
                    f"{column.to} record {target_id}: '{column.inverse_name}' holds {len(actual)} rows of "
                    f"{collection.table}, {len(expected)} link to it"
                )
    return LinkCount(
        column.name, target.table, **counts, inverse_rows=inverse_rows, inverse_wrong=inverse_wrong, problem=problem
    )


class _Examples:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        if len(self.texts) < LISTED:
            self.texts.append(text)
