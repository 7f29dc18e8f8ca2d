"""What a person does in the grid and the API cannot do: delete a field or a table, change a type, rename a choice.

    {"base": "app…", "table": "Trucks", "delete": true}
    {"base": "app…", "table": "Trucks", "field": "Plate", "delete": true}
    {"base": "app…", "table": "Trucks", "field": "Plate", "type": "number", "options": {"precision": 0}}
    {"base": "app…", "table": "Trucks", "field": "Kind", "choice": "box", "name": "Box"}

A change of type keeps what the new type can read of a cell's text, and blanks the others (airtable support, "Changing a
field type"). A link that is deleted takes its inverse along: the service makes a text field of it, which is our choice.
"""

from __future__ import annotations

from typing import Any

from sandbox.airtable.cells import accept
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal
from sandbox.airtable.field_options import check_options
from sandbox.airtable.journal import Journal
from sandbox.airtable.schema import Base, Field, Table


class BadChange(ValueError):
    """A change that the grid does not offer; the message says what is expected."""


def change(engine: Engine, payload: Any) -> dict[str, Any]:
    """Make one change, as the module describes; `{"changed": id}`. Raises BadChange."""
    if not isinstance(payload, dict):
        raise BadChange("a change of the grid is an object")
    base = engine.schema.bases.get(payload.get("base", ""))
    table = base.table(str(payload.get("table"))) if base is not None else None
    if base is None or table is None:
        raise BadChange(f"there is no table {payload.get('table')!r} in base {payload.get('base')!r}")
    field = table.field(str(payload.get("field")))
    if "field" in payload and field is None:
        raise BadChange(f"{table.name} has no field {payload['field']!r}")
    with engine.store.transaction():
        journal = engine.journal(base)
        try:
            changed = _change(engine, base, table, field, payload, journal)
        except Refusal as refusal:
            raise BadChange(str(refusal)) from None
        engine.webhooks.record(journal)
    return {"changed": changed}


def _change(
    engine: Engine, base: Base, table: Table, field: Field | None, payload: dict[str, Any], journal: Journal
) -> str:
    match payload:
        case {"delete": True} if field is None:
            for element in list(table.fields):
                _delete_field(engine, element, journal)
            engine.schema.remove_table(base, table)
            journal.removed_table(table)
            return table.id
        case {"delete": True} if field is not None and field.id != table.primary_id:
            _delete_field(engine, field, journal)
        case {"type": str() as kind} if field is not None and not field.is_link:
            previous = {"name": field.name, "type": field.type}
            options = check_options(engine.schema, base, table, field.name, kind, payload.get("options"))
            engine.schema.retype_field(field, kind, options)
            _convert(engine, table, field)
            journal.field(field, previous)
        case {"choice": str() as choice, "name": str() as name} if field is not None and choice in field.choice_names():
            _rename_choice(engine, table, field, choice, name)
            journal.field(field, {"name": field.name, "type": field.type})
        case _:
            raise BadChange("the grid deletes a field that is not the primary one, changes its type, renames a choice")
    assert field is not None
    return field.id


def _delete_field(engine: Engine, field: Field, journal: Journal) -> None:
    for element in (field, engine.schema.fields.get(field.inverse or "")):
        if element is not None and element.id in engine.schema.fields:
            engine.store.execute("DELETE FROM link WHERE field = ?", (element.num,))
            engine.schema.remove_field(element)
            journal.removed_field(element)


def _convert(engine: Engine, table: Table, field: Field) -> None:
    def take(value: Any) -> Any:
        for text in (value, str(value)):
            try:
                return accept(field, text, True, engine.schema.add_choice)
            except Refusal:
                continue
        return None

    _each_cell(engine, table, field, take)


def _rename_choice(engine: Engine, table: Table, field: Field, choice: str, name: str) -> None:
    for element in field.option("choices"):
        if element["name"] == choice:
            element["name"] = name
    engine.schema.save_field(field)
    names = {choice: name}
    _each_cell(
        engine,
        table,
        field,
        lambda value: [names.get(x, x) for x in value] if isinstance(value, list) else names.get(value, value),
    )


def _each_cell(engine: Engine, table: Table, field: Field, take: Any) -> None:
    """Give each cell of a field another value, None to blank it; no record counts as changed."""
    seq = 0
    while batch := engine.records.after(table, seq, 500):
        for record in batch:
            if field.id in record.cells:
                stored = take(record.cells.pop(field.id))
                if stored is not None:
                    record.cells[field.id] = stored
                engine.records.save(record)
        seq = batch[-1].seq
