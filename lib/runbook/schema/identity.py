"""The table and the columns of a collection by their ids: what was renamed, deleted or changed its type by hand.

    known = state.facts.table(base, "Trucks")                    # as they were when they equalled the catalog
    for drift in drift_of(collection, catalog, tables, known): ...
    note_tables(state, base, catalog, ["Trucks"], tables)        # where there is no drift

A name says what a column is for, its id says which one was filled: a column that has another name is still that
column, and a column of the right name that has another id holds nothing of what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection
from runbook.errors import AirtableError, SchemaDrift
from runbook.json_types import Json
from runbook.schema import manual_steps
from runbook.schema.steps import LINK, Drift
from runbook.state import KnownTable, State

REPAIR = "`runbook repair-ids`"
UNKNOWN_COLUMN = ("UNKNOWN_FIELD_NAME", "INVALID_FILTER_BY_FORMULA")
"""Of Airtable's errors, those by which it refuses a column that does not exist."""
GONE = (403, 404)


def drift_of(
    collection: Collection,
    catalog: Catalog,
    tables_json: Iterable[dict[str, Json]],
    known: KnownTable | None,
) -> list[Drift]:
    """What a person has changed about the table and the columns that were filled; sends no request.

    A column that does not exist yet, and was never known, is no drift here. `known` None: by name and type only.
    """
    every = list(tables_json)
    moved = moved_of(collection, every, known)
    if any(not drift.column for drift in moved):
        return moved
    table = _table(collection, every, known)
    if table is None:
        return moved
    fields = {field["name"]: field for field in table["fields"]}
    done = {drift.column for drift in moved}
    if LEGACY_ID not in fields and LEGACY_ID not in done:
        actual, fix = "the column does not exist", f"If it was renamed, rename it back; if it was deleted, {REPAIR}"
        moved.append(Drift(collection.table, LEGACY_ID, actual, "it holds every row's Wix _id", fix))
    types = {column.name: column.type for column in collection.columns} | {ORIGINAL: "multilineText"}
    for name, kind in types.items():
        if name in fields and name not in done and fields[name]["type"] != kind:
            fix = _fix_type(collection, name)
            fix += f", then {REPAIR}" if name == LEGACY_ID else f"; or {_forget(collection, name)}"
            actual = f"is a {fields[name]['type']}"
            moved.append(Drift(collection.table, name, actual, f"a {kind}", fix, retyped=True))
    for link in collection.links:
        column = fields.get(link.name)
        if column is not None and link.name not in done and column["type"] != LINK:
            target = catalog.collection(link.to).table
            fix = manual_steps.relink(collection.table, link.name, target)
            moved.append(Drift(collection.table, link.name, f"is a {column['type']}", f"a link to '{target}'", fix))
    return moved


def moved_of(collection: Collection, tables_json: Iterable[dict[str, Json]], known: KnownTable | None) -> list[Drift]:
    """Of these, what has another name or is gone: found by id, so empty where `known` is None."""
    if known is None:
        return []
    every = list(tables_json)
    name = collection.table
    table = next((t for t in every if t["id"] == known.id), None)
    same = next((t for t in every if t["name"] == name), None)
    if table is None:
        other = f"; another table is called '{name}' now" if same else ""
        fix = f"Restore it from the base's trash; or {_forget(collection, None)}"
        return [Drift(name, "", f"the table that was filled was deleted{other}", "it exists", fix)]
    if table["name"] != name:
        other = f", and another table is called '{name}'" if same else ""
        fix = manual_steps.rename_table(table["name"], name)
        return [Drift(name, "", f"the table `{table['name']}` was `{name}`{other}", f"`{name}`", fix)]
    wanted = [*(column.name for column in collection.columns), ORIGINAL, *(link.name for link in collection.links)]
    found = []
    for column in dict.fromkeys(wanted):
        if column in known.columns:
            found += _moved_column(collection, table, column, known)
    return found


def _moved_column(collection: Collection, table: dict[str, Json], name: str, known: KnownTable) -> list[Drift]:
    field = next((f for f in table["fields"] if f["id"] == known.columns[name]), None)
    same = next((f for f in table["fields"] if f["name"] == name), None)
    is_id = name == LEGACY_ID
    if field is None:
        other = "; another column has its name now, and holds nothing of it" if same else ""
        restore = "Restore it from the base's trash"
        fix = f"{restore}, or {REPAIR}" if is_id else f"{restore}; or {_forget(collection, name)}"
        return [Drift(collection.table, name, f"the column that was filled was deleted{other}", "it exists", fix)]
    if field["name"] != name:
        other = f", and another column is called `{name}`" if same else ""
        back = manual_steps.rename_field(collection.table, field["name"], name)
        fix = f"Rename it back, or {REPAIR}" if is_id else f"Rename it back: {back}; or {_forget(collection, name)}"
        return [Drift(collection.table, name, f"`{field['name']}` was `{name}`{other}", f"`{name}`", fix)]
    found = []
    now = {c["id"]: c["name"] for c in (field.get("options") or {}).get("choices") or ()}
    for id_, choice in known.choices.get(name, {}).items():
        if now.get(id_, choice) != choice:
            edit = manual_steps.edit_field(collection.table, name, f"name the option '{now[id_]}' '{choice}'")
            fix = f"Rename it back: {edit}; or, to keep the new name, {_forget(collection, name)}"
            actual = f"its choice `{now[id_]}` was `{choice}`"
            found.append(Drift(collection.table, name, actual, f"`{choice}`", fix, stops=False))
    return found


def note_tables(
    state: State, base: str, catalog: Catalog, names: Iterable[str], tables_json: Iterable[dict[str, Json]]
) -> None:
    """Note the ids of tables and columns of collections in which nothing has been changed by hand."""
    every = list(tables_json)
    for name in names:
        collection, known = catalog.collection(name), state.facts.table(base, name)
        table = _table(collection, every, known)
        if table is None or drift_of(collection, catalog, every, known):
            continue
        noted = _known(collection, table, known)
        if noted != known:
            state.facts.set_table(base, name, noted)


def require_tables(
    state: State, base: str, catalog: Catalog, name: str, tables_json: Iterable[dict[str, Json]]
) -> None:
    """Raises SchemaDrift where a person has changed the table of a collection; notes its ids where nobody has."""
    every = list(tables_json)
    error = drift_error(name, drift_of(catalog.collection(name), catalog, every, state.facts.table(base, name)))
    if error is not None:
        raise error
    note_tables(state, base, catalog, [name], every)


def drift_error(name: str, drift: Iterable[Drift]) -> SchemaDrift | None:
    """The error that stops a collection; None where there is no drift."""
    lines = [found.message for found in drift]
    if not lines:
        return None
    return SchemaDrift(f"{name}: its table was changed by hand; nothing was read or written:\n  " + "\n  ".join(lines))


def known_columns(state: State, base: str, collection: Collection) -> list[str]:
    """The columns to name when records are read, so that Airtable refuses where one was renamed or deleted since.

    Empty, which reads all, where they are not known.
    """
    known = state.facts.table(base, collection.wix)
    wanted = [*(column.name for column in collection.columns), ORIGINAL, *(link.name for link in collection.links)]
    return [] if known is None else [name for name in dict.fromkeys(wanted) if name in known.columns]


def explain(
    error: AirtableError, airtable: Airtable, base: str, catalog: Catalog, state: State, name: str
) -> SchemaDrift | None:
    """The drift that made Airtable refuse a request for a collection's records; None where it has another reason.

    Reads the schema, unless the response cannot mean that. Raises AirtableError.
    """
    if error.kind not in UNKNOWN_COLUMN and error.status not in GONE:
        return None
    try:
        tables = airtable.tables(base)
    except AirtableError:
        return None
    collection = catalog.collection(name)
    drift = drift_of(collection, catalog, tables, state.facts.table(base, name))
    if not drift and error.kind in UNKNOWN_COLUMN:
        table = _table(collection, tables, None)
        present = {field["name"] for field in table["fields"]} if table is not None else set()
        missing = [column.name for column in collection.columns if column.name not in present]
        drift = [Drift(collection.table, column, "does not exist", "a column", "Provision") for column in missing]
    return drift_error(name, drift)


def _table(
    collection: Collection, tables_json: Iterable[dict[str, Json]], known: KnownTable | None
) -> dict[str, Json] | None:
    for table in tables_json:
        if table["id"] == known.id if known is not None else table["name"] == collection.table:
            return table
    return None


def _known(collection: Collection, table: dict[str, Json], before: KnownTable | None) -> KnownTable:
    """The table as it is now, with what was known of columns that the catalog has no more."""
    wanted = {column.name for column in collection.columns} | {ORIGINAL} | {link.name for link in collection.links}
    fields = {field["name"]: field for field in table["fields"] if field["name"] in wanted}
    choices: dict[str, Mapping[str, str]] = {
        name: {choice["id"]: choice["name"] for choice in (field.get("options") or {}).get("choices") or ()}
        for name, field in fields.items()
    }
    columns = {**(before.columns if before is not None else {}), **{name: f["id"] for name, f in fields.items()}}
    return KnownTable(table["id"], columns, {name: found for name, found in choices.items() if found})


def _fix_type(collection: Collection, name: str) -> str:
    kind = next((column for column in collection.columns if column.name == name), None)
    spec = {"name": name, "type": kind.type if kind else "multilineText", "options": kind.options if kind else None}
    return manual_steps.edit_field(collection.table, name, f"type {manual_steps.type_in_words(spec)}")


def _forget(collection: Collection, column: str | None) -> str:
    """The command by which a person lets a column, or a table, be made and filled again."""
    named = f' "{column}"' if column else ""
    return f'`runbook forget-column "{collection.wix}"{named}`, and it is made and filled again'
