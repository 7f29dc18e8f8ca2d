"""Staged rows as Airtable's cells: links as record ids, a hash of all cells, choices that the table lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection as Names
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection, Field
from runbook.codecs import codec_of
from runbook.json_types import MISSING, Fields, Json
from runbook.link_resolver import LinkCell
from runbook.mapping import link_key
from runbook.schema.tables import Tables
from runbook.staged import StagedRow


class Builder:
    """Makes the cells of a collection's rows. `deferred`: links whose target is loaded later; `choices`: by column."""

    def __init__(self, collection: Collection, catalog: Catalog, tables: Tables) -> None:
        self.collection = collection
        link_columns = tables.links(collection)
        self.links = [name for name, link in link_columns.items() if link.ok]
        self.targets = {link.name: link.to for link in collection.links}
        self.without_column = [name for name, link in link_columns.items() if not link.ok]
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

    def has_new_choice(self, cells: Fields) -> bool:
        """Whether a cell holds a choice that the table lacks and that may be added, which takes typecast."""
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


def hash_of(cells: Fields, untold: Names[str] = ()) -> str:
    """The hash of all cells of a staged row, and of the keys and links that its source does not show."""
    text = json.dumps([cells, sorted(untold)] if untold else cells, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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
