"""What a state knows of a base, read again from the base: which record is which row, and the keys of links.

What a row was last written with cannot be read from a base, so it is unknown afterwards: no row that was rebuilt is
overwritten or deleted for a difference alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection
from runbook.display import Shown, Table, plural
from runbook.mapping import Mapping, link_key
from runbook.schema import Tables
from runbook.state import State

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class RebuiltRows:
    """One collection. `rows`: in the base; `unknown`: those of them that the state did not know as they are.

    `gone`: rows that the state knew and the base has not; `copies`: records with the legacy id of an older one;
    `without_id`: records without a legacy id.
    """

    collection: str
    rows: int
    unknown: int
    gone: int
    copies: int
    without_id: int


@dataclass(frozen=True, repr=False)
class Rebuilt(Shown):
    """By collection whose table the base has. `missing`: tables without the column of legacy ids. `written`: whether
    the state was changed."""

    base: str
    collections: tuple[RebuiltRows, ...]
    missing: tuple[str, ...]
    written: bool

    def table(self) -> Table:
        """One row per collection."""
        rows = [(c.collection, c.rows, c.unknown, c.gone, c.copies, c.without_id) for c in self.collections]
        columns = ("collection", "rows in the base", "not known", "known, gone", "copies", "without a legacy id")
        notes = tuple(f"{name}: its table has no column {LEGACY_ID}; its rows stay unknown." for name in self.missing)
        done = "read again from" if self.written else "compared with"
        return Table(f"State: {done} base {self.base}", columns, rows, notes)

    def facts(self) -> dict[str, Any]:
        """For scripts and the evidence."""
        return {
            "base": self.base,
            "written": self.written,
            "collections": {
                c.collection: {
                    "rows": c.rows,
                    "unknown": c.unknown,
                    "gone": c.gone,
                    "copies": c.copies,
                    "without_id": c.without_id,
                }
                for c in self.collections
            },
            "missing": list(self.missing),
        }

    def summary(self) -> str:
        """One line for a gate."""
        rows = sum(c.rows for c in self.collections)
        return f"{plural(rows, 'row')} of {plural(len(self.collections), 'collection')} read from base {self.base}"


def rebuild_rows(
    airtable: Airtable,
    base: str,
    catalog: Catalog,
    state: State,
    *,
    keep: bool = False,
    write: bool = True,
    on_progress: Report | None = None,
) -> Rebuilt:
    """Read every table of the catalog that the base has; one request per 100 rows. Raises AirtableError.

    `keep`: what rows were last written with stays, where the record is the same. `write` False: only compare.
    """
    tables = Tables(airtable.tables(base), catalog)
    present = [c for c in catalog.collections.values() if c in tables]
    usable = [c for c in present if LEGACY_ID in tables.columns(c)]
    done = []
    for n, c in enumerate(usable, 1):
        done.append(_rebuild(airtable, base, tables, c, state, keep=keep, write=write))
        if on_progress is not None:
            on_progress(n, len(usable))
    return Rebuilt(base, tuple(done), tuple(c.wix for c in present if c not in usable), write)


def _rebuild(
    airtable: Airtable,
    base: str,
    tables: Tables,
    c: Collection,
    state: State,
    *,
    keep: bool,
    write: bool,
) -> RebuiltRows:
    keys = tables.catalog.link_keys.get(c.wix, ())
    names = [LEGACY_ID, *(c.field(key).name for key in keys), *([ORIGINAL] if keys else [])]
    fields = [name for name in dict.fromkeys(names) if name in tables.columns(c)]
    mapping = Mapping(c)
    oldest: dict[str, tuple[str, str]] = {}  # legacy id -> when the record was made, its id
    values: dict[str, dict[str, str]] = {key: {} for key in keys}
    copies = without_id = 0
    for record in airtable.records(base, tables.id(c), fields=fields):
        legacy = record["fields"].get(LEGACY_ID)
        if not isinstance(legacy, str) or not legacy:
            without_id += 1
            continue
        made = (record["createdTime"], record["id"])
        copies += legacy in oldest
        if legacy in oldest and oldest[legacy] < made:
            continue
        oldest[legacy] = made
        item = mapping.to_wix(record["fields"]) if keys else {}
        for key in keys:
            values[key].pop(legacy, None)
            if (value := link_key(item.get(key))) is not None:
                values[key][legacy] = value
    rows = state.rows(base, c.wix)
    known = rows.all()
    same = {legacy for legacy, (_, record) in oldest.items() if legacy in known and known[legacy].record_id == record}
    if write:
        (rows.put if keep else rows.put_unknown)({legacy: record for legacy, (_, record) in oldest.items()})
        for key, found in values.items():
            rows.replace_key(key, found)
    gone = len(known.keys() - oldest.keys())
    return RebuiltRows(c.wix, len(oldest), len(oldest) - len(same), gone, copies, without_id)
