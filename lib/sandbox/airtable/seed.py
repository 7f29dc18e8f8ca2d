"""Bases from a file: everything Airtable's own API cannot create.

    {"base": {"id"?, "name", "workspaceId"?},
     "collaborators"?: [{"id"?, "email", "name"?}],
     "tables": [{"id"?, "name", "description"?, "views"?: ["name"],
                 "fields": [{"id"?, "name", "type", "description"?, "options"?, "inverseName"?}],
                 "records"?: [{"id"?, "fields": {...}}]}]}

Options may name instead of using ids: `linkedTable` (a table's name) for links, `link` and `target` (field names)
for lookups, rollups and counts. Link cells hold record ids or primary values; selects grow by the values in records;
values of `aiText` and `externalSyncSource` fields are taken as they are. A seed is all or nothing.
"""

from __future__ import annotations

from typing import Any

from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal
from sandbox.airtable.field_options import (
    NOT_CREATABLE,
    check_aggregation,
    check_no_circle,
    check_options,
    keep_formula,
    reads,
)
from sandbox.airtable.meta import add_inverse
from sandbox.airtable.schema import Base, Field, Table
from sandbox.airtable.seed_form import SeedError, check_id, check_person, numbered, read_form
from sandbox.airtable.writing import Writer
from sandbox.app_state import WORKSPACE

_VALUE_TYPES = ("aiText", "externalSyncSource")


__all__ = ["SeedError", "load_seed"]


def load_seed(engine: Engine, payload: Any) -> dict[str, Any]:
    """Create the base that a seed describes: `{"id", "name", "tables": {name: id}}`. Raises SeedError."""
    seed = read_form(payload)
    try:
        with engine.store.transaction():
            base = _base(engine, seed)
            tables = [(_table(engine, base, payload), payload) for payload in seed["tables"]]
            _fields(engine, base, tables)
            _records(engine, base, tables)
    except Refusal as refusal:
        raise SeedError(f"the seed cannot be planted: {refusal.body['error']}") from None
    return {"id": base.id, "name": base.name, "tables": {table.name: table.id for table in base.tables}}


def _base(engine: Engine, seed: dict[str, Any]) -> Base:
    payload = seed["base"]
    base_id = payload.get("id")
    if base_id in engine.schema.bases:
        raise SeedError(f"base {base_id} exists already")
    for person in seed.get("collaborators") or ():
        _meet(engine, person)
    return engine.schema.add_base(payload["name"], payload.get("workspaceId") or WORKSPACE, base_id)


def _table(engine: Engine, base: Base, payload: dict[str, Any]) -> Table:
    name, table_id = payload["name"], payload.get("id")
    if base.table(name) is not None:
        raise SeedError(f"table {name!r} stands twice")
    if table_id in engine.schema.tables:
        raise SeedError(f"table {table_id} exists already")
    views = payload.get("views") or ["Grid view"]
    return engine.schema.add_table(base, name, payload.get("description"), table_id, views)


def _fields(engine: Engine, base: Base, tables: list[tuple[Table, Any]]) -> None:
    """Plain fields and links first; then what reads them, formulas last, as they may read anything."""
    order = ("multipleRecordLinks", "count", "multipleLookupValues", "rollup", "formula", "button")
    later: list[tuple[int, Table, Any, Field]] = []
    for table, payload in tables:
        for element in payload["fields"]:
            if table.loosely(element["name"]) is not None:
                raise SeedError(f"field {table.name}.{element['name']} stands twice")
            if element.get("id") in engine.schema.fields:
                raise SeedError(f"field {element['id']} exists already")
            field = engine.schema.add_field(
                table, element["name"], element["type"], None, element.get("description"), element.get("id")
            )
            if element["type"] in order:
                field.options = {}
                later.append((order.index(element["type"]), table, element, field))
            else:
                field.options = _plain_options(engine, base, table, element)
                engine.schema.save_field(field)
    later.sort(key=lambda entry: entry[0])
    payload_of = {field.id: element for _, _, element, field in later}
    for _, table, element, field in later:
        options = dict(element.get("options") or {})
        if field.is_link:
            _set_link(engine, base, field, payload_of)
        else:
            field.options = _computed_options(engine, table, element, options)
        engine.schema.save_field(field)
    for _, table, _, field in later:
        try:
            check_no_circle(engine.schema, field, reads(engine.schema, field))
        except ValueError as problem:
            raise SeedError(f"field {table.name}.{field.name}: {problem}") from None


def _plain_options(engine: Engine, base: Base, table: Table, spec: dict[str, Any]) -> dict[str, Any] | None:
    kind, options = spec["type"], spec.get("options")
    if kind in ("createdTime", "lastModifiedTime"):
        return _time_options(engine, base, table, spec)
    if kind in NOT_CREATABLE:
        return dict(options) if options else None
    if options is None:
        options = _DEFAULTS.get(kind)
    stored = check_options(engine.schema, base, table, spec["name"], kind, options)
    for made, payload in zip((stored or {}).get("choices", ()), (options or {}).get("choices", ()), strict=True):
        made["id"] = check_id(payload, "sel", f"a choice of {table.name}.{spec['name']}") or made["id"]
    return stored


_LOCAL = {"name": "local"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "number": {"precision": 8},
    "percent": {"precision": 1},
    "currency": {"precision": 2, "symbol": "$"},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "rating": {"icon": "star", "color": "yellowBright", "max": 5},
    "duration": {"durationFormat": "h:mm"},
    "singleSelect": {"choices": []},
    "multipleSelects": {"choices": []},
    "date": {"dateFormat": _LOCAL},
    "dateTime": {"dateFormat": _LOCAL, "timeFormat": {"name": "12hour"}, "timeZone": "utc"},
}


def _time_options(engine: Engine, base: Base, table: Table, spec: dict[str, Any]) -> dict[str, Any] | None:
    """`{"result"?: {"type", "options"?}, "referencedFieldIds"?}`, the result's options made whole."""
    options, where = dict(spec.get("options") or {}), f"field {table.name}.{spec['name']}"
    result, referenced = options.get("result"), options.get("referencedFieldIds")
    if result is not None:
        if not isinstance(result, dict) or result.get("type") not in ("date", "dateTime"):
            raise SeedError(f"{where}: result is {{type: date or dateTime, options?}}")
        payload = result.get("options") or _DEFAULTS[result["type"]]
        stored = check_options(engine.schema, base, table, spec["name"], result["type"], payload)
        options["result"] = {"type": result["type"], "options": stored}
    if not isinstance(referenced or [], list) or not all(isinstance(key, str) for key in referenced or []):
        raise SeedError(f"{where}: referencedFieldIds are ids of fields")
    return options or None


def _set_link(engine: Engine, base: Base, field: Field, payload_of: dict[str, Any]) -> None:
    """A link and its inverse. Two seeded links that name each other by `inverseName` become one pair."""
    if (field.options or {}).get("inverseLinkFieldId"):
        return
    table, spec = engine.schema.tables[field.table_id], payload_of[field.id]
    linked = _linked(base, spec)
    if linked is None:
        raise SeedError(f"field {table.name}.{field.name}: linkedTable {_target(spec)!r} is no table of the seed")
    field.options = _link_options(linked, spec)
    named = spec.get("inverseName")
    other = linked.loosely(named) if named else None
    if other is None or other is field:
        add_inverse(engine.schema, field, named)
        return
    if not other.is_link or other.inverse or _linked(base, payload_of[other.id]) is not table:
        where = f"field {table.name}.{field.name}"
        raise SeedError(f"{where}: inverseName {named!r} is no free link back to {table.name!r}")
    field.options["inverseLinkFieldId"] = other.id
    other.options = _link_options(table, payload_of[other.id]) | {"inverseLinkFieldId": field.id}
    engine.schema.save_field(other)


def _target(spec: dict[str, Any]) -> str | None:
    options = spec.get("options") or {}
    return options.get("linkedTable") or options.get("linkedTableId")


def _linked(base: Base, spec: dict[str, Any]) -> Table | None:
    return base.table(_target(spec) or "")


def _link_options(linked: Table, spec: dict[str, Any]) -> dict[str, Any]:
    single = (spec.get("options") or {}).get("prefersSingleRecordLink")
    return {"linkedTableId": linked.id, "isReversed": False, "prefersSingleRecordLink": bool(single)}


def _computed_options(engine: Engine, table: Table, spec: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    where = f"field {table.name}.{spec['name']}"
    if spec["type"] == "button":
        return options
    if spec["type"] == "formula":
        try:
            return options | {"formula": keep_formula(table, str(options.get("formula") or ""))}
        except ValueError as problem:
            raise SeedError(f"{where}: {problem}") from None
    link = table.loosely(str(options.pop("link", None) or options.get("recordLinkFieldId")))
    if link is None or not link.is_link:
        raise SeedError(f"{where}: link is the name of a link field of {table.name!r}")
    options["recordLinkFieldId"] = link.id
    if spec["type"] == "count":
        return options
    linked = engine.schema.tables[link.linked_table]
    target = linked.loosely(str(options.pop("target", None) or options.get("fieldIdInLinkedTable")))
    if target is None:
        raise SeedError(f"{where}: target is the name of a field of {linked.name!r}")
    if options.get("formula"):
        try:
            check_aggregation(options["formula"])
        except ValueError as problem:
            raise SeedError(f"{where}: {problem}") from None
    return options | {"fieldIdInLinkedTable": target.id}


def _records(engine: Engine, base: Base, tables: list[tuple[Table, Any]]) -> None:
    """Rows first, links once every row exists."""
    writer = Writer(engine, base, typecast=True)
    linking = []
    for table, payload in tables:
        for where, row in numbered(table.name, payload.get("records") or []):
            links: dict[str, Any] = {}
            values: dict[str, Any] = {}
            fixed: dict[str, Any] = {}
            for name, value in row["fields"].items():
                field = table.field(name)
                if field is None:
                    raise SeedError(f"{where}: the table has no field {name!r}")
                place = links if field.is_link else fixed if field.type in _VALUE_TYPES else values
                place[field.id] = value
                if field.type in ("singleCollaborator", "multipleCollaborators"):
                    for person in value if isinstance(value, list) else [value]:
                        _meet_by_mail(engine, person, where)
            if row.get("id") and engine.records.places([row["id"]]):
                raise SeedError(f"{where}: {row['id']} exists already")
            try:
                record = writer.create(table, values, row.get("id"))
            except Refusal as refusal:
                raise SeedError(f"{where}: {refusal.body['error']}") from None
            if fixed:
                record.cells |= fixed
                engine.records.save(record)
            if links:
                linking.append((where, record.id, links))
    for where, record_id, links in linking:
        record = engine.records.by_ids([record_id])[record_id]
        try:
            writer.update(record, links, replace=False)
        except Refusal as refusal:
            raise SeedError(f"{where}: {refusal.body['error']}") from None


def _meet_by_mail(engine: Engine, person: Any, where: str) -> None:
    """People that records name become collaborators; what names nobody is left to the cell to refuse."""
    if isinstance(person, dict) and "email" in person:
        check_person(person, where)
        _meet(engine, person)


def _meet(engine: Engine, person: dict[str, Any]) -> None:
    users = engine.users
    known = users.with_id(person["id"]) if person.get("id") else users.with_email(person["email"])
    if known is None:
        users.add(person["email"], person.get("name"), person.get("id"))
