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

from typing import TYPE_CHECKING, Any

from sandbox.airtable.errors import Refusal
from sandbox.airtable.field_options import NOT_CREATABLE, check_options, keep_formula
from sandbox.airtable.meta import add_inverse
from sandbox.airtable.schema import FIELD_TYPES
from sandbox.airtable.writing import Writer
from sandbox.ids import is_airtable_id
from sandbox.world import WORKSPACE

if TYPE_CHECKING:
    from sandbox.airtable.engine import Engine
    from sandbox.airtable.schema import Base, Field, Table

_VALUE_TYPES = ("aiText", "externalSyncSource")


class SeedError(ValueError):
    """A seed that cannot be; the message says where and what is valid. Nothing of it was kept."""


def plant(engine: Engine, seed: Any) -> dict[str, Any]:
    """Create the base that a seed describes: `{"id", "name", "tables": {name: id}}`. Raises SeedError."""
    try:
        with engine.store.transaction():
            base = _base(engine, seed)
            tables = [(_table(engine, base, told), told) for told in seed["tables"]]
            _fields(engine, base, tables)
            _records(engine, base, tables)
    except Refusal as refusal:
        raise SeedError(f"the seed cannot be planted: {refusal.body['error']}") from None
    return {"id": base.id, "name": base.name, "tables": {table.name: table.id for table in base.tables}}


def _base(engine: Engine, seed: Any) -> Base:
    if not isinstance(seed, dict) or not isinstance(seed.get("base"), dict) or not isinstance(seed.get("tables"), list):
        raise SeedError('a seed is {"base": {"name"}, "tables": [...]}')
    _known(seed, {"base", "collaborators", "tables"}, "the seed")
    told = seed["base"]
    _known(told, {"id", "name", "workspaceId"}, "base")
    base_id = _id(told, "app", "base")
    if base_id in engine.schema.bases:
        raise SeedError(f"base {base_id} exists already")
    for person in seed.get("collaborators") or ():
        if not isinstance(person, dict) or not isinstance(person.get("email"), str):
            raise SeedError("a collaborator is {id?, email, name?}")
        if engine.users.find(person.get("id") or person["email"]) is None:
            engine.users.add(person["email"], person.get("name"), _id(person, "usr", "collaborator"))
    return engine.schema.add_base(_name(told, "base"), str(told.get("workspaceId") or WORKSPACE), base_id)


def _table(engine: Engine, base: Base, told: Any) -> Table:
    if not isinstance(told, dict) or not isinstance(told.get("fields"), list) or not told["fields"]:
        raise SeedError("a table is {name, fields: [at least one]}")
    name = _name(told, "table")
    _known(told, {"id", "name", "description", "views", "fields", "records"}, f"table {name!r}")
    if base.table(name) is not None:
        raise SeedError(f"table {name!r} stands twice")
    views = told.get("views") or ["Grid view"]
    if not isinstance(views, list) or not all(isinstance(view, str) for view in views):
        raise SeedError(f"table {name!r}: views are names")
    table_id = _id(told, "tbl", f"table {name!r}")
    if table_id in engine.schema.tables:
        raise SeedError(f"table {table_id} exists already")
    return engine.schema.add_table(base, name, told.get("description"), table_id, views)


def _fields(engine: Engine, base: Base, tables: list[tuple[Table, Any]]) -> None:
    """Plain fields and links first; then what reads them, formulas last, as they may read anything."""
    order = ("multipleRecordLinks", "count", "multipleLookupValues", "rollup", "formula", "button")
    later: list[tuple[int, Table, Any, Field]] = []
    for table, told in tables:
        for one in told["fields"]:
            _check_field(table, one)
            field = engine.schema.add_field(
                table, one["name"], one["type"], None, one.get("description"), _field_id(engine, table, one)
            )
            if one["type"] in order:
                field.options = {}
                later.append((order.index(one["type"]), table, one, field))
            else:
                field.options = _plain_options(engine, base, table, one)
                engine.schema.save_field(field)
    for _, table, one, field in sorted(later, key=lambda entry: entry[0]):
        options = dict(one.get("options") or {})
        if field.is_link:
            _set_link(engine, base, table, field, one, options)
        else:
            field.options = _computed_options(engine, table, one, options)
        engine.schema.save_field(field)


def _check_field(table: Table, one: Any) -> None:
    if not isinstance(one, dict):
        raise SeedError(f"table {table.name!r}: a field is {{name, type, options?}}")
    name = _name(one, f"a field of {table.name!r}")
    where = f"field {table.name}.{name}"
    _known(one, {"id", "name", "type", "description", "options", "inverseName"}, where)
    if one.get("type") not in FIELD_TYPES:
        raise SeedError(f"{where}: type {one.get('type')!r} is unknown; valid are {', '.join(sorted(FIELD_TYPES))}")
    if table.loosely(name) is not None:
        raise SeedError(f"{where} stands twice")


def _plain_options(engine: Engine, base: Base, table: Table, one: dict[str, Any]) -> dict[str, Any] | None:
    kind, options = one["type"], one.get("options")
    if kind in NOT_CREATABLE:
        return dict(options) if options else None
    if options is None:
        options = _DEFAULTS.get(kind)
    kept = check_options(engine.schema, base, table, one["name"], kind, options)
    for made, told in zip((kept or {}).get("choices", ()), (options or {}).get("choices", ()), strict=True):
        made["id"] = _id(told, "sel", f"a choice of {table.name}.{one['name']}") or made["id"]
    return kept


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


def _set_link(
    engine: Engine, base: Base, table: Table, field: Field, one: dict[str, Any], options: dict[str, Any]
) -> None:
    """A link and its inverse. Two seeded links that name each other by `inverseName` become one pair."""
    if (field.options or {}).get("inverseLinkFieldId"):
        return
    target = options.get("linkedTable") or options.get("linkedTableId")
    linked = base.table(str(target))
    if linked is None:
        raise SeedError(f"field {table.name}.{field.name}: linkedTable {target!r} is no table of the seed")
    field.options = {
        "linkedTableId": linked.id,
        "isReversed": False,
        "prefersSingleRecordLink": bool(options.get("prefersSingleRecordLink")),
    }
    other = linked.loosely(str(one.get("inverseName") or ""))
    if other is not None and other.is_link and other is not field:
        field.options["inverseLinkFieldId"] = other.id
        other.options = {
            "linkedTableId": table.id,
            "isReversed": False,
            "prefersSingleRecordLink": False,
            "inverseLinkFieldId": field.id,
        }
        engine.schema.save_field(other)
    else:
        add_inverse(engine.schema, field, one.get("inverseName"))


def _computed_options(engine: Engine, table: Table, one: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    where = f"field {table.name}.{one['name']}"
    if one["type"] == "button":
        return options
    if one["type"] == "formula":
        try:
            return options | {"formula": keep_formula(table, str(options.get("formula") or ""))}
        except ValueError as problem:
            raise SeedError(f"{where}: {problem}") from None
    link = table.loosely(str(options.pop("link", None) or options.get("recordLinkFieldId")))
    if link is None or not link.is_link:
        raise SeedError(f"{where}: link is the name of a link field of {table.name!r}")
    options["recordLinkFieldId"] = link.id
    if one["type"] == "count":
        return options
    linked = engine.schema.tables[link.linked_table]
    target = linked.loosely(str(options.pop("target", None) or options.get("fieldIdInLinkedTable")))
    if target is None:
        raise SeedError(f"{where}: target is the name of a field of {linked.name!r}")
    return options | {"fieldIdInLinkedTable": target.id}


def _records(engine: Engine, base: Base, tables: list[tuple[Table, Any]]) -> None:
    """Rows first, links when every row is there."""
    writer = Writer(engine, base, typecast=True)
    linking = []
    for table, told in tables:
        for number, row in enumerate(told.get("records") or (), 1):
            where = f"record {number} of {table.name!r}"
            if not isinstance(row, dict) or not isinstance(row.get("fields"), dict):
                raise SeedError(f"{where} is not {{fields: {{...}}}}")
            links: dict[str, Any] = {}
            values: dict[str, Any] = {}
            fixed: dict[str, Any] = {}
            for name, value in row["fields"].items():
                field = table.field(name)
                if field is None:
                    raise SeedError(f"{where}: the table has no field {name!r}")
                place = links if field.is_link else fixed if field.type in _VALUE_TYPES else values
                place[name] = value
                if field.type in ("singleCollaborator", "multipleCollaborators"):
                    _meet(engine, value)
            try:
                record = writer.create(table, values, _id(row, "rec", where))
            except Refusal as refusal:
                raise SeedError(f"{where}: {refusal.body['error']}") from None
            if fixed:
                record.cells |= {table.by_name[name].id: value for name, value in fixed.items()}
                engine.records.save(record)
            if links:
                linking.append((where, record.id, links))
    for where, record_id, links in linking:
        record = engine.records.by_ids([record_id])[record_id]
        try:
            writer.update(record, links, replace=False)
        except Refusal as refusal:
            raise SeedError(f"{where}: {refusal.body['error']}") from None


def _meet(engine: Engine, value: Any) -> None:
    """People that records name become collaborators."""
    for person in value if isinstance(value, list) else [value]:
        if isinstance(person, dict) and isinstance(person.get("email"), str):
            key = person.get("id") or person["email"]
            if engine.users.find(key) is None:
                engine.users.add(person["email"], person.get("name"), person.get("id"))


def _id(told: dict[str, Any], prefix: str, where: str) -> str | None:
    given = told.get("id")
    if given is not None and (not isinstance(given, str) or not is_airtable_id(given, prefix)):
        raise SeedError(f"{where}: id {given!r} is not {prefix} and 14 letters or digits")
    return given


def _field_id(engine: Engine, table: Table, one: dict[str, Any]) -> str | None:
    given = _id(one, "fld", f"field {table.name}.{one['name']}")
    if given in engine.schema.fields:
        raise SeedError(f"field {given} exists already")
    return given


def _name(told: dict[str, Any], where: str) -> str:
    name = told.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SeedError(f"{where} needs a name")
    return name


def _known(told: dict[str, Any], names: set[str], where: str) -> None:
    for unknown in set(told) - names:
        raise SeedError(f"{where}: unknown key {unknown!r}; it has {', '.join(sorted(names))}")
