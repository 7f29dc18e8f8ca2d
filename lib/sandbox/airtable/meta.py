"""The Meta API: bases, tables and fields, shown, created and changed."""

from __future__ import annotations

from typing import Any

from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal, failed_state_check, invalid_request, model_not_found
from sandbox.airtable.field_options import (
    PRIMARY_TYPES,
    changed_formula,
    check_options,
    refuse_options,
)
from sandbox.airtable.journal import Journal
from sandbox.airtable.schema import Base, Field, Schema, Table
from sandbox.airtable.shown_options import show_options
from sandbox.web import clean_text

TABLES_PER_BASE = 1_000
FIELDS_PER_TABLE = 500
DESCRIPTION_LIMIT = 20_000  # characters
NAME_LIMIT = 255  # characters; the real bound is not published


def show_field(schema: Schema, field: Field) -> dict[str, Any]:
    """`{id, name, type, description?, options?}`."""
    options = show_options(schema, field)
    return {
        "type": field.type,
        **({"options": options} if options is not None else {}),
        "id": field.id,
        "name": field.name,
        **({"description": field.description} if field.description else {}),
    }


def show_table(schema: Schema, table: Table, *, visible_fields: bool = False) -> dict[str, Any]:
    """`{id, name, description?, primaryFieldId, fields, views}`."""
    every = {"visibleFieldIds": [field.id for field in table.fields]} if visible_fields else {}
    return {
        "id": table.id,
        "name": table.name,
        **({"description": table.description} if table.description else {}),
        "primaryFieldId": table.primary_id,
        "fields": [show_field(schema, field) for field in table.fields],
        "views": [view | (every if view["type"] == "grid" else {}) for view in table.views],
    }


def create_base(engine: Engine, body: Any) -> dict[str, Any]:
    """`POST /meta/bases`: `{"id", "tables"}`. Raises Refusal."""
    if not isinstance(body, dict):
        raise invalid_request()
    name, workspace, tables = body.get("name"), body.get("workspaceId"), body.get("tables")
    if not isinstance(workspace, str) or not workspace:
        raise Refusal(422, "INVALID_REQUEST", "Server error")
    if not isinstance(name, str) or not name.strip() or not isinstance(tables, list) or not tables:
        raise invalid_request()
    if workspace not in engine.workspaces():
        raise Refusal(404, "MODEL_ID_NOT_FOUND", "Could not find workspace")
    base = engine.schema.add_base(clean_text(name), workspace)
    journal = engine.journal(base)
    for element in tables:
        create_table(engine, base, element, journal)
    return {"id": base.id, "tables": [show_table(engine.schema, table) for table in base.tables]}


def create_table(engine: Engine, base: Base, body: Any, journal: Journal) -> Table:
    """A table from `{name, description?, fields}`; the first field is the primary one. Raises Refusal."""
    if not isinstance(body, dict):
        raise invalid_request()
    fields = body.get("fields")
    if not isinstance(fields, list) or not fields or not all(isinstance(field, dict) for field in fields):
        raise invalid_request()
    name = _table_name(base, body.get("name"))
    if len(base.tables) >= TABLES_PER_BASE or len(fields) > FIELDS_PER_TABLE:
        raise failed_state_check()
    table = engine.schema.add_table(base, name, _description(body))
    for position, element in enumerate(fields):
        made, inverse = _add_field(engine, base, table, element)
        if inverse is not None:
            journal.field(inverse)
        if position == 0 and made.type not in PRIMARY_TYPES:
            raise refuse_options(table.name, made.name, f"{made.type} is not a supported primary field type")
    journal.table(table)
    return table


def create_field(engine: Engine, base: Base, table: Table, body: Any, journal: Journal) -> Field:
    """A field from `{name, type, description?, options?}`; a link brings its inverse along. Raises Refusal."""
    field, inverse = _add_field(engine, base, table, body)
    journal.field(field)
    if inverse is not None:
        journal.field(inverse)
    return field


def _add_field(engine: Engine, base: Base, table: Table, body: Any) -> tuple[Field, Field | None]:
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise invalid_request()
    name = _field_name(table, body.get("name"))
    if len(table.fields) >= FIELDS_PER_TABLE:
        raise failed_state_check()
    options = check_options(engine.schema, base, table, name, body["type"], body.get("options"))
    field = engine.schema.add_field(table, name, body["type"], options, _description(body))
    return field, add_inverse(engine.schema, field) if field.is_link else None


def add_inverse(schema: Schema, field: Field, name: str | None = None, field_id: str | None = None) -> Field | None:
    """The inverse field of a link, in the linked table, named after the link's own table.

    A link to its own table gets none, as in the service's own interface. Raises Refusal where the linked table is full.
    """
    table, linked = schema.tables[field.table_id], schema.tables[field.linked_table]
    if linked.id == table.id:
        return None
    if len(linked.fields) >= FIELDS_PER_TABLE:
        raise failed_state_check()
    options = {
        "linkedTableId": table.id,
        "isReversed": False,
        "prefersSingleRecordLink": False,
        "inverseLinkFieldId": field.id,
    }
    free = name or table.name
    number = 2
    while linked.loosely(free):
        free = f"{name or table.name} {number}"
        number += 1
    inverse = schema.add_field(linked, free, "multipleRecordLinks", options, field_id=field_id)
    (field.options or {})["inverseLinkFieldId"] = inverse.id
    schema.save_field(field)
    return inverse


def change_table(engine: Engine, base: Base, table: Table, body: Any, journal: Journal) -> None:
    """`PATCH` of a table's `name` and `description`. Raises Refusal."""
    if not isinstance(body, dict) or set(body) - {"name", "description", "dateDependencySettings"}:
        raise invalid_request()
    previous = {"name": table.name, "description": table.description}
    # Everything is checked before anything is set: a refusal rolls the store back, not these objects.
    name = _table_name(base, body["name"], table) if "name" in body else table.name
    description = _description(body) if "description" in body else table.description
    table.name, table.description = name, description
    engine.schema.save_table(table)
    journal.table(table, previous)


def change_field(engine: Engine, table: Table, field: Field, body: Any, journal: Journal) -> None:
    """`PATCH` of a field's `name`, `description` and, for a formula, `options.formula`. Raises Refusal."""
    if not isinstance(body, dict) or set(body) - {"name", "description", "options"} or not body:
        raise invalid_request()
    previous = {"name": field.name, "type": field.type}
    options = field.options
    if "options" in body:
        payload = body["options"]
        if field.type != "formula" or not isinstance(payload, dict) or set(payload) != {"formula"}:
            raise invalid_request()
        formula = changed_formula(engine.schema, table, field, payload["formula"])
        options = (options or {}) | {"formula": formula}
    # Everything is checked before anything is set: a refusal rolls the store back, not this object.
    name = _field_name(table, body["name"], field) if "name" in body else field.name
    description = _description(body) if "description" in body else field.description
    field.name, field.description, field.options = name, description, options
    engine.schema.save_field(field)
    journal.field(field, previous)


def show_base(engine: Engine, base: Base, include: list[str]) -> dict[str, Any]:
    """`GET /meta/bases/{id}`: who may do what in the base."""
    created = "2026-01-01T00:00:00.000Z"
    shown: dict[str, Any] = {
        "id": base.id,
        "name": base.name,
        "createdTime": created,
        "permissionLevel": "create",
        "workspaceId": base.workspace,
    }
    if "collaborators" in include:
        people = [
            {
                "userId": user["id"],
                "email": user["email"],
                "permissionLevel": "create",
                "createdTime": created,
                "grantedByUserId": engine.users.owner["id"],
            }
            for user in engine.users.everyone()
        ]
        shown["individualCollaborators"] = {"baseCollaborators": people, "workspaceCollaborators": []}
        shown["groupCollaborators"] = {"baseCollaborators": [], "workspaceCollaborators": []}
    if "inviteLinks" in include:
        shown["inviteLinks"] = {"baseInviteLinks": [], "workspaceInviteLinks": []}
    if "interfaces" in include:
        shown["interfaces"] = {}
    return shown


def find_table(base: Base, key: str) -> Table:
    """A table by id or name. Raises Refusal 403."""
    table = base.table(key)
    if table is None:
        raise model_not_found()
    return table


def _table_name(base: Base, payload: Any, renamed: Table | None = None) -> str:
    if not isinstance(payload, str) or not payload.strip() or len(payload) > NAME_LIMIT:
        raise invalid_request()
    name = clean_text(payload)
    if any(table is not renamed and table.name.casefold() == name.casefold() for table in base.tables):
        raise Refusal(422, "DUPLICATE_TABLE_NAME", "Cannot create more than one table with the same name")
    return name


def _field_name(table: Table, payload: Any, renamed: Field | None = None) -> str:
    if payload is not None and not isinstance(payload, str):
        raise invalid_request()
    name = clean_text(payload or "")
    taken = any(field is not renamed and field.name.casefold() == name.casefold() for field in table.fields)
    if not name.strip() or taken:
        raise Refusal(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", "Field names cannot be empty or stand twice in a table")
    if len(name) > NAME_LIMIT:
        raise invalid_request()
    return name


def _description(body: dict[str, Any]) -> str | None:
    payload = body.get("description")
    if payload is None:
        return None
    if not isinstance(payload, str) or len(payload) > DESCRIPTION_LIMIT:
        raise invalid_request()
    return clean_text(payload) or None
