"""Staged rows as they are sent to Airtable: links as record ids, a hash of all cells, the cells to send."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection, Field
from runbook.codecs import codec_of
from runbook.json_types import MISSING, Fields, Json
from runbook.link_resolver import LinkCell
from runbook.mapping import link_key
from runbook.schema.tables import Tables
from runbook.staged import StagedRow
from runbook.state import KnownRow
from runbook.steps.load_writer import Row


class Builder:
    """Makes the rows of one collection. `deferred`: links whose target is loaded later; `choices`: by select column."""

    def __init__(self, collection: Collection, catalog: Catalog, tables: Tables) -> None:
        self.collection = collection
        columns = [*dict.fromkeys(column.name for column in collection.columns), ORIGINAL]
        link_columns = tables.links(collection)
        self.links = [name for name, link in link_columns.items() if link.ok]
        self.targets = {link.name: link.to for link in collection.links}
        self.without_column = [name for name, link in link_columns.items() if not link.ok]
        self._names = [*dict.fromkeys([*columns, *self.links])]
        self._layout = f"{zlib.crc32(chr(0).join(self._names).encode()):08x}"
        order = [c.wix for c in catalog.load_order(c.wix for c in catalog.phase(collection.phase).collections)]
        before = set(order[: order.index(collection.wix)])
        before |= {c.wix for c in catalog.collections.values() if c.phase < collection.phase}
        self.deferred = {link.name for link in collection.links if link.to not in before}
        self._selects = [c for c in collection.columns if c.column_kind.is_select]
        self.choices = {c.name: set(tables.choices(collection, c.name)) for c in self._selects}

    def cells(self, row: StagedRow, links: dict[str, LinkCell]) -> Fields:
        """All non-empty cells of a row."""
        cells = {**row.fields, LEGACY_ID: row.id}
        for name in self.links:
            if name in links and links[name].records:
                cells[name] = list(links[name].records)
        return cells

    def row(self, row: StagedRow, links: dict[str, LinkCell], known: KnownRow | None) -> Row | None:
        """The row to send; None where Airtable already holds it.

        Of a row that is in Airtable every column is sent: an upsert does not change columns that it does not name, and
        a cell that has become empty must be emptied.
        """
        cells = self.cells(row, links)
        text = json.dumps(cells, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        if known is not None and known.hash == digest:
            return None
        mask = sum(1 << n for n, name in enumerate(self._names) if name in cells)
        filled = f"{self._layout}:{mask:x}"
        if known is None:
            return Row(row.id, cells, digest, filled, new=True, typecast=self._new_choice(cells))
        complete = {name: cells.get(name) for name in self._names}
        cleared = self._cleared(known.filled, mask)
        return Row(row.id, complete, digest, filled, new=False, cleared=cleared, typecast=self._new_choice(cells))

    def _cleared(self, before: str | None, mask: int) -> bool:
        layout, _, old = (before or "").partition(":")
        return layout == self._layout and bool(int(old, 16) & ~mask)

    def _new_choice(self, cells: Fields) -> bool:
        return any(True for _ in self.new_choices(cells))

    def new_choices(self, cells: Fields) -> Iterable[tuple[str, str]]:
        """(column, choice) for each choice that the table lacks and that may be added, which takes typecast."""
        for column in self._selects:
            cell = cells.get(column.name)
            if cell is None:
                continue
            known = self.choices[column.name]
            for choice in cell if isinstance(cell, list) else (cell,):
                if choice not in known and (column.open or choice in column.choices):
                    yield column.name, choice


class Scan(NamedTuple):
    """All legacy ids; by key that links of other rows use, legacy id -> normal form; one row for each new choice."""

    ids: set[str]
    keys: dict[str, dict[str, str]]
    with_new_choice: dict[str, StagedRow]


def scan(rows: Iterable[StagedRow], builder: Builder, keys: Sequence[str]) -> Scan:
    """Read all staged rows, before anything is written."""
    fields = [builder.collection.field(key) for key in keys]
    found = Scan(set(), {key: {} for key in keys}, {})
    wanted: set[tuple[str, str]] = set()
    for row in rows:
        found.ids.add(row.id)
        for field in fields:
            value = link_key(_value(row.fields, field))
            if value is not None:
                found.keys[field.wix][row.id] = value
        new = set(builder.new_choices(row.fields)) - wanted
        if new:
            wanted |= new
            found.with_new_choice[row.id] = row
    return found


def _value(cells: Fields, field: Field) -> Json:
    """The Wix value of a key: from `Wix Original`, else from the cell."""
    original = cells.get(ORIGINAL)
    if original:
        values = json.loads(original).get("values", {})
        if field.wix in values:
            return values[field.wix]
    value = codec_of(field).decode(cells.get(field.name))  # decoded, because a cell may hold JSON text: '"A1"'
    return None if value is MISSING else value
