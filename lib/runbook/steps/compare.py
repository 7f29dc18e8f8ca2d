"""Compares every cell of every record with what was staged and, where it differs, with what Wix held.

    comparison = compare(collection, mapping, expected, records, links_of, rules, originals=originals)
    comparison.clean            # nothing unexplained, missing, extra or doubled

Each difference is either explained by a declared rule or unexplained. Records stream; an expected row is kept in memory
until its record has come. No value of a personal field is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Ids
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Collection, Field
from runbook.codecs import Refused, codec_of, same
from runbook.display import Shown, Table, mask, plural
from runbook.json_types import Fields, Item, Json
from runbook.link_resolver import LinkCell
from runbook.mapping import Mapping as CatalogMapping
from runbook.merge import Past, RowMerge, RowValues
from runbook.staged import StagedRow
from runbook.steps.conflict_file import is_hidden, shown, some
from runbook.steps.deletion import too_many
from runbook.steps.difference_rules import Cell, Kept, Rule, holds_links, is_later

LISTED = 100  # differences and ids that are listed; the rest is counted
_UPDATED = "_updatedDate"


@dataclass(frozen=True)
class Difference:
    """An unexplained cell, by legacy id; `why` shows no personal value."""

    id: str
    column: str
    why: str


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """The result. `cells` = `equal` + `explained` (by rule) + `unexplained_cells`.

    `rows`: staged rows that have a record; `missing`: those that have none. `extra`: legacy ids that were not staged;
    `without_id`: records without one, which are no rows yet; `duplicates`: legacy id -> its records. `created`: rows
    created in Airtable, `late`: after the cutover; `removed`: those that were taken out since, `deleted` of
    them by people. Lists are cut at 100; the counts beside them are not. `kept_links`: (legacy id, link) of cells that
    stay as they are in Airtable.
    """

    collection: str
    rows: int
    cells: int
    equal: int
    explained: dict[str, int]
    unexplained_cells: int
    unexplained: tuple[Difference, ...]
    missing_rows: int
    missing: tuple[str, ...]
    extra_rows: int
    extra: tuple[str, ...]
    records_without_id: int
    without_id: tuple[str, ...]
    duplicates: dict[str, tuple[str, ...]]
    created: int = 0
    late: int = 0
    removed: int = 0
    deleted: tuple[str, ...] = ()
    kept_links: frozenset[tuple[str, str]] = frozenset()
    explanations: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Nothing unexplained, no row missing, extra or doubled."""
        return not self.reasons()

    def reasons(self) -> list[str]:
        """Why it is not clean; empty where it is."""
        found = []
        if self.missing_rows:
            found.append(f"{plural(self.missing_rows, 'row')} staged, but not in Airtable: {some(self.missing)}")
        if self.extra_rows:
            found.append(f"{plural(self.extra_rows, 'row')} in Airtable, but not staged: {some(self.extra)}")
        if self.duplicates:
            listed = [f"{id_} ({', '.join(records)})" for id_, records in self.duplicates.items()]
            found.append(f"legacy ids that several records carry: {some(listed)}")
        if self.unexplained_cells:
            listed = [f"{d.id}, {d.column}: {d.why}" for d in self.unexplained]
            found.append(f"cells that differ without a reason: {some(listed, self.unexplained_cells)}")
        return found

    def warnings(self) -> list[str]:
        """What a reviewer should know though nothing is wrong."""
        kept = [(rule, self.explained.get(rule, 0)) for rule in ("edited in Airtable", "changed by a service")]
        found = [f"{plural(count, 'cell')} {rule} since last written, kept" for rule, count in kept if count]
        if self.records_without_id:
            waiting = f"records in Airtable without a {LEGACY_ID}, which are not complete yet"
            found.append(f"{waiting}: {some(self.without_id, self.records_without_id)}")
        if self.deleted:
            found.append(
                f"{plural(len(self.deleted), 'row')} deleted in Airtable since the cutover: {some(self.deleted)}"
            )
        return found

    def table(self) -> Table:
        """Counts, then the first differences."""
        rows: list[tuple[Any, ...]] = [("rows", self.rows, None), ("cells compared", self.cells, None)]
        rows += [("equal", self.equal, None)]
        rows += [(f"explained: {rule}", count, self.explanations.get(rule)) for rule, count in self.explained.items()]
        rows += [("unexplained", self.unexplained_cells, None), ("missing rows", self.missing_rows, None)]
        rows += [
            ("extra rows", self.extra_rows, None),
            ("created in Airtable", self.created, None),
            ("not complete yet", self.records_without_id, None),
            ("duplicates", len(self.duplicates), None),
        ]
        rows += [(f"{d.id}", None, f"{d.column}: {d.why}") for d in self.unexplained[:20]]
        return Table(f"Compared {self.collection}", ("What", "Number", "Note"), rows, tuple(self.reasons()))

    def facts(self) -> dict[str, Any]:
        """For evidence: counts, ids and masked differences."""
        return {
            "rows": self.rows,
            "cells": self.cells,
            "equal": self.equal,
            "explained": {name: {"cells": n, "why": self.explanations.get(name)} for name, n in self.explained.items()},
            "unexplained": self.unexplained_cells,
            "differences": [{"id": d.id, "column": d.column, "why": d.why} for d in self.unexplained],
            "missing": {"rows": self.missing_rows, "ids": list(self.missing)},
            "extra": {"rows": self.extra_rows, "ids": list(self.extra)},
            "without_id": {"records": self.records_without_id, "ids": list(self.without_id)},
            "duplicates": {id_: list(records) for id_, records in self.duplicates.items()},
            "created": self.created,
            "late": self.late,
            "removed": self.removed,
            "deleted": list(self.deleted),
        }


def compare(
    collection: Collection,
    mapping: CatalogMapping,
    expected: dict[str, StagedRow],
    records: Iterable[Mapping[str, Any]],
    links_of: Callable[[StagedRow], Mapping[str, LinkCell]],
    rules: Sequence[Rule],
    *,
    originals: Callable[[set[str]], Mapping[str, Item]],
    merge: RowMerge | None = None,
    past_of: Callable[[set[str]], Mapping[str, Past]] = lambda ids: {},
    turned_at: str | None = None,
    removed: Ids[str] = (),
    loaded: Ids[str] = (),
    in_conflict: Ids[str] = (),
    created: Ids[str] = (),
    seen: Callable[[Mapping[str, Any], Mapping[str, LinkCell]], None] = lambda fields, links: None,
    name_of: Callable[[str], str | None] | None = None,
) -> Comparison:
    """Compare all records of a table with all staged rows of its collection.

    `expected`: those rows by legacy id; a row is taken out when its record comes, so those that stay are missing.
    `links_of` gives what a row's link cells should hold. `originals` gives the snapshot's items of some ids; it is
    asked once, for the rows that differ, and so is `past_of`, for `merge` to find what was changed in Airtable. `seen`
    is called with every record's cells and expected links; of cells that are kept in Airtable, with the staged ones.
    `turned_at`: rows created in Airtable after it are not extra. `removed`: rows that services deleted, so they are not
    missing; nor are a few of those once `loaded`, which people deleted. `created`: rows created in Airtable, which are
    not extra. `in_conflict`: rows of which nothing was written, for that reason. `name_of`: a record's legacy id, for
    messages.
    """
    work = _Work(collection, mapping, rules, name_of, merge, seen, in_conflict)
    held: dict[str, list[str]] = {}
    late = rows = here = 0
    for record in records:
        fields = record["fields"]
        id_ = fields.get(LEGACY_ID)
        row = expected.pop(id_, None) if isinstance(id_, str) else None
        links = links_of(row) if row is not None else {}
        if row is None:
            seen(fields, links)
        if not isinstance(id_, str) or not id_.strip():
            work.without_id.append(record["id"])
            continue
        held.setdefault(id_, []).append(record["id"])
        if row is not None:
            rows += 1
            work.row(row, fields, links)
        elif id_ in created:
            here += 1
        elif turned_at is not None and is_later(fields.get(work.created), turned_at):
            late += 1
        elif len(held[id_]) == 1:
            work.extra.append(id_)
    work.settle(originals, past_of)
    missing = [id_ for id_ in expected if id_ not in removed]
    deleted = [id_ for id_ in missing if id_ in loaded]
    if too_many(len(deleted), rows + len(expected)):
        deleted = []
    missing = [id_ for id_ in missing if id_ not in deleted]
    return Comparison(
        collection=collection.wix,
        rows=rows,
        cells=work.cells,
        equal=work.equal,
        explained={rule.name: work.explained[rule.name] for rule in rules if work.explained[rule.name]},
        unexplained_cells=work.unexplained_cells,
        unexplained=tuple(work.unexplained),
        missing_rows=len(missing),
        missing=tuple(missing[:LISTED]),
        extra_rows=len(work.extra),
        extra=tuple(work.extra[:LISTED]),
        records_without_id=len(work.without_id),
        without_id=tuple(work.without_id[:LISTED]),
        duplicates={id_: tuple(ids) for id_, ids in held.items() if len(ids) > 1},
        created=here,
        late=late,
        removed=len(expected) - len(missing),
        deleted=tuple(deleted),
        kept_links=frozenset(work.kept_links),
        explanations={rule.name: rule.explanation for rule in rules},
    )


class _Work:
    """The counts so far, and the rows that differ, which are judged when their original items are known."""

    def __init__(
        self,
        collection: Collection,
        mapping: CatalogMapping,
        rules: Sequence[Rule],
        name_of: Callable[[str], str | None] | None,
        merge: RowMerge | None,
        seen: Callable[[Mapping[str, Any], Mapping[str, LinkCell]], None],
        in_conflict: Ids[str],
    ) -> None:
        self._merge, self._seen, self._in_conflict = merge, seen, in_conflict
        self._mapping, self._rules, self._name_of = mapping, rules, name_of or (lambda record: None)
        self._columns: dict[str, Field | None] = {c.name: c for c in collection.columns}
        self._columns[ORIGINAL] = None
        self._values = RowValues(collection)
        self._copies = {c.name for c in collection.copies}
        self._links = [link.name for link in collection.links]
        self.created = collection.by_key["_createdDate"].name if "_createdDate" in collection.by_key else ""
        self._differ: list[tuple[StagedRow, Fields, list[str], Mapping[str, LinkCell], list[str]]] = []
        self.cells = self.equal = self.unexplained_cells = 0
        self.explained: Counter[str] = Counter()
        self.unexplained: list[Difference] = []
        self.extra: list[str] = []
        self.without_id: list[str] = []
        self.kept_links: set[tuple[str, str]] = set()

    def row(self, row: StagedRow, actual: Fields, links: Mapping[str, LinkCell]) -> None:
        expected = row.fields
        columns = []
        for name in self._columns:
            a, b = expected.get(name), actual.get(name)
            # Classes first: to Python True is 1.
            if a is b or (a.__class__ is b.__class__ and a.__class__ in _PLAIN and a == b) or same(a, b):
                continue
            columns.append(name)
        wrong_links = [
            n
            for n in self._links
            if not holds_links(actual.get(n), links[n]) or links[n].state in ("dangling", "ambiguous")
        ]
        self.cells += len(self._columns) + len(self._links)
        self.equal += len(self._columns) + len(self._links) - len(columns) - len(wrong_links)
        if columns or not all(holds_links(actual.get(n), links[n]) for n in wrong_links):
            self._differ.append((row, actual, columns, links, wrong_links))
        else:
            self._seen(actual, links)
            self._judge_links(row.id, actual, links, wrong_links, {})

    def settle(
        self,
        originals: Callable[[set[str]], Mapping[str, Item]],
        past_of: Callable[[set[str]], Mapping[str, Past]],
    ) -> None:
        """Judge the rows that differ, with the items that Wix held and what both sides last agreed on."""
        if not self._differ:
            return
        ids = {row.id for row, *_ in self._differ}
        items, pasts = originals(ids), past_of(ids)
        for row, actual, columns, links, wrong_links in self._differ:
            wrong = self._wrong_keys(actual, items.get(row.id))
            kept = self._kept(row, actual, links, pasts.get(row.id))
            self.kept_links.update((row.id, name) for name in kept if name in links)
            # What the source does not show is judged as Airtable holds it: nothing else is known.
            shown = [name for name, reason in kept.items() if reason != "untold"]
            staged = {name: list(links[name].records) if name in links else row.fields.get(name) for name in shown}
            self._seen({**actual, **staged}, links)
            for name in columns:
                column = self._columns[name]
                a, b = row.fields.get(name), actual.get(name)
                reads_back = self._reads_back(name, a, b, wrong)
                self._judge(row.id, Cell(name, column, a, b, reads_back, actual, kept=kept.get(name)))
            self._judge_links(row.id, actual, links, wrong_links, kept)

    def _kept(
        self, row: StagedRow, actual: Fields, links: Mapping[str, LinkCell], past: Past | None
    ) -> dict[str, Kept]:
        """Columns and links of a row that stay as they are in Airtable, and why."""
        if row.id in self._in_conflict:
            return dict.fromkeys([*self._columns, *self._links], "conflict")
        if self._merge is None or past is None:
            return {}
        cells = {**row.fields, **{name: list(cell.records) for name, cell in links.items() if cell.records}}
        merged = self._merge.merge(cells, actual, past)
        why: dict[str, Kept] = dict.fromkeys([*merged.edited, *merged.stamped], "edited")
        why |= dict.fromkeys(merged.served, "served")
        why |= dict.fromkeys(merged.carried, "carried")
        why |= dict.fromkeys(self._merge.preferred(merged), "settled")
        why |= dict.fromkeys(self._merge.untold, "untold")
        found: dict[str, Kept] = {}
        for key, reason in why.items():
            columns = [column.name for column in self._merge.values.columns(key)]
            found |= dict.fromkeys(columns or [key], reason)
        differing = self._merge.values.originals_that_differ(cells, actual)
        if differing and differing <= why.keys():
            found[ORIGINAL] = why[min(differing)]
        return found

    def _wrong_keys(self, actual: Fields, item: Item | None) -> set[str] | None:
        """Keys whose decoded value is not the snapshot's; None where that cannot be determined."""
        if item is None:
            return None
        try:
            decoded = self._mapping.to_wix(actual)
        except (Refused, ValueError, TypeError, KeyError, AttributeError):
            return None
        keys = decoded.keys() | item.keys()
        return {k for k in keys if k not in decoded or k not in item or not same(decoded[k], item[k])}

    def _reads_back(self, name: str, expected: Json, actual: Json, wrong: set[str] | None) -> bool:
        column = self._columns[name]
        if wrong is None:
            return False
        if column is None:
            return self._values.same_original(expected, actual, wrong)
        if name in self._copies:
            try:
                return same(codec_of(column).decode(expected), codec_of(column).decode(actual))
            except (Refused, ValueError, TypeError, KeyError, AttributeError):
                return False
        return column.wix not in wrong

    def _judge_links(
        self, id_: str, actual: Fields, links: Mapping[str, LinkCell], names: list[str], kept: Mapping[str, Kept]
    ) -> None:
        for name in names:
            link = links[name]
            held = actual.get(name)
            self._judge(id_, Cell(name, None, list(link.records), held, False, actual, link, kept.get(name)))

    def _judge(self, id_: str, cell: Cell) -> None:
        for rule in self._rules:
            if rule.applies(cell):
                self.explained[rule.name] += 1
                return
        self.unexplained_cells += 1
        if len(self.unexplained) < LISTED:
            why = self._link_why(cell) if cell.link is not None else _why(cell)
            self.unexplained.append(Difference(id_, cell.name, why))

    def _link_why(self, cell: Cell) -> str:
        assert cell.link is not None
        held = cell.actual if isinstance(cell.actual, list) else []
        actual = ", ".join(self._name_of(r) or "an unknown row" for r in held) or "nothing"
        match cell.link.state:
            case "resolved":
                meant = self._name_of(cell.link.records[0]) or "another row"
                return f"holds {actual}; its key means {meant}"
            case "empty":
                return f"holds {actual}, though the row has no key for it"
            case state:
                return f"holds {actual}, though its key is {state}"


_PLAIN = {str, int, float, bool}


def _why(cell: Cell) -> str:
    a, b, column = cell.expected, cell.actual, cell.column
    if b is None:
        return f"is empty; {shown(a, column)} was staged"
    if a is None:
        return f"holds {shown(b, column)}; it was staged empty"
    if isinstance(a, str) and isinstance(b, str) and is_hidden(column):
        at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        return f"{mask(b)}, {mask(a)} was staged; they differ from character {at + 1}"
    return f"holds {shown(b, column)}; {shown(a, column)} was staged"
