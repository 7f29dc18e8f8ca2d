"""A table that a person has changed: its legacy ids are written again, or a column is given up and made again.

repaired = repair_ids(collection, catalog=catalog, airtable=airtable, base=base, state=state)
forgotten = forget_column(collection, "Plate", catalog=catalog, airtable=airtable, base=base, state=state)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.errors import SettingError
from runbook.grid_rows import GridRows, assign_ids
from runbook.json_types import Json
from runbook.merge.agreement import Agreed, Agreement, digest
from runbook.merge.values import RowValues
from runbook.schema.identity import drift_of, known_columns
from runbook.schema.tables import create_spec
from runbook.state import KnownTable, State


@dataclass(frozen=True)
class Repaired:
    """`column`: what was done about the column of legacy ids; `ids`: about its cells."""

    column: str
    ids: GridRows


def unrepairable(
    collection: Collection, *, catalog: Catalog, base: str, state: State, tables_json: list[dict[str, Json]]
) -> str:
    """Why the ids of a collection cannot be written again; "" where they can."""
    known = state.facts.table(base, collection.wix)
    for drift in drift_of(collection, catalog, tables_json, known):
        if not drift.column or (drift.column == LEGACY_ID and drift.retyped):
            return drift.message
    return "" if _table(collection, known, tables_json) else f"the base has no table {collection.table!r}"


def repair_ids(
    collection: Collection,
    *,
    catalog: Catalog,
    airtable: Airtable,
    base: str,
    state: State,
    tables_json: list[dict[str, Json]],
    dry_run: bool = False,
) -> Repaired:
    """Make the column of legacy ids what it was, and write the cells that are not what state knows of their records.

    Records that state does not know are rows created in Airtable, as at every run. `dry_run`: says what it would do.
    `tables_json`: the schema; the table must not be `unrepairable`. Raises AirtableError; it may be run again.
    """
    known = state.facts.table(base, collection.wix)
    table = _table(collection, known, tables_json)
    assert table is not None
    filled = next((f for f in table["fields"] if known is not None and f["id"] == known.columns.get(LEGACY_ID)), None)
    named = next((f for f in table["fields"] if f["name"] == LEGACY_ID), None)
    done, field_id = _repair_column(collection, table, filled, named, airtable, base, dry_run=dry_run)
    if field_id is not None:
        columns = {**(known.columns if known is not None else {}), LEGACY_ID: field_id}
        noted = replace(known, columns=columns) if known is not None else KnownTable(table["id"], columns)
        state.facts.set_table(base, collection.wix, noted)
    ids = assign_ids(
        collection,
        airtable.records(base, table["id"]),
        catalog=catalog,
        airtable=airtable,
        base=base,
        state=state,
        dry_run=dry_run,
    )
    return Repaired(done, ids)


def _table(
    collection: Collection, known: KnownTable | None, tables_json: list[dict[str, Json]]
) -> dict[str, Json] | None:
    for table in tables_json:
        if table["id"] == known.id if known is not None else table["name"] == collection.table:
            return table
    return None


def _repair_column(
    collection: Collection,
    table: dict[str, Json],
    filled: dict[str, Json] | None,
    named: dict[str, Json] | None,
    airtable: Airtable,
    base: str,
    *,
    dry_run: bool,
) -> tuple[str, str | None]:
    """What was done, and the id of the column from now on, None where it stays."""
    if filled is not None and filled["name"] != LEGACY_ID:
        if named is not None:  # made since, by hand or by an earlier version of this tool: kept under another name
            taken, other = {field["name"].casefold() for field in table["fields"]}, f"{LEGACY_ID} (not used)"
            while other.casefold() in taken:
                other += " 2"
            if not dry_run:
                airtable.update_field(base, table["id"], named["id"], {"name": other})
        if not dry_run:
            airtable.update_field(base, table["id"], filled["id"], {"name": LEGACY_ID})
        return f"renamed back; it was `{filled['name']}`", filled["id"] if not dry_run else None
    if named is not None:
        return "unchanged" if filled is not None else "taken as it is", named["id"] if not dry_run else None
    spec = create_spec(collection.field("_id"))
    return "made again", None if dry_run else str(airtable.create_field(base, table["id"], spec)["id"])


def forget_column(
    collection: Collection, column: str | None, *, catalog: Catalog, airtable: Airtable, base: str, state: State
) -> str:
    """Give up the column that was filled, or with None the table: the next run makes it, or takes the one of its name.

    All its cells then count as not written, so that the next load fills them; of a choice that was renamed, the new
    name is taken. What was given up, for people. Raises SettingError where no such column is known, AirtableError.
    """
    known = state.facts.table(base, collection.wix)
    if known is None or (column is not None and column not in known.columns):
        names = ", ".join(known.columns) if known is not None else "none yet"
        raise SettingError(
            f"{collection.wix}: no column {column!r} is known to be filled; nothing was done. Known: {names}"
        )
    if column == LEGACY_ID:
        raise SettingError(
            f"{collection.wix}: rows are found by {LEGACY_ID}; nothing was done. Use `runbook repair-ids`"
        )
    if column is None:
        state.facts.forget_table(base, collection.wix)
        return f"the table {known.id}"
    tables = airtable.tables(base)
    drift = [d for d in drift_of(collection, catalog, tables, known) if d.column == column]
    choices = {name: found for name, found in known.choices.items() if name != column}
    if any(found.stops for found in drift):
        _count_as_not_written(collection, column, catalog, airtable, base, state, known)
    columns = {name: id_ for name, id_ in known.columns.items() if name != column}
    state.facts.set_table(base, collection.wix, replace(known, columns=columns, choices=choices))
    return "; ".join(found.actual for found in drift) or "nothing was changed about it"


def _count_as_not_written(
    collection: Collection,
    column: str,
    catalog: Catalog,
    airtable: Airtable,
    base: str,
    state: State,
    known: KnownTable,
) -> None:
    """Both sides agreed on what Airtable holds now, and that Wix had nothing: so Wix's values are written."""
    rows, values = state.rows(base, collection.wix), RowValues(collection)
    link = next((link for link in collection.links if link.name == column), None)
    key = collection.keys_by_column.get(column)
    present = {f["name"] for table in airtable.tables(base) if table["id"] == known.id for f in table["fields"]}
    fields = [name for name in known_columns(state, base, collection) if name in present]
    held = {record["id"]: record["fields"] for record in airtable.records(base, known.id, fields=fields)}
    agreed: dict[str, str] = {}
    every = rows.all()
    for id_, history in rows.histories(every).items():
        cells = held.get(every[id_].record_id)
        if history.agreed is None or cells is None:
            continue
        agreement = Agreement.loads(history.agreed)
        keys, links = dict(agreement.keys), dict(agreement.links)
        if link is not None:
            links[column] = tuple(cells.get(column) or ())
        now = values.of(cells)
        for each in [key] if key is not None else [] if link is not None else [*keys]:
            keys[each] = Agreed("", digest(now.get(each)))
        agreed[id_] = Agreement(keys, links).dumps()
    rows.replace_agreed(agreed)
