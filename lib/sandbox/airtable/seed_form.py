"""A seed's form, checked to its leaves before anything of it is loaded: an error names its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.airtable.schema import FIELD_TYPES
from sandbox.ids import is_airtable_id
from sandbox.web import clean_text


class SeedError(ValueError):
    """A seed that cannot be; the message says where and what is valid. Nothing of it was kept."""


def read_form(payload: Any) -> dict[str, Any]:
    """The seed with lone surrogates replaced and every part of the type it should be. Raises SeedError."""
    seed: dict[str, Any] = _cleaned(payload)
    if not isinstance(seed, dict) or not isinstance(seed.get("base"), dict) or not isinstance(seed.get("tables"), list):
        raise SeedError('a seed is {"base": {"name"}, "tables": [...]}')
    _known(seed, {"base", "collaborators", "tables"}, "the seed")
    _read_base(seed["base"])
    people = seed.get("collaborators") or []
    if not isinstance(people, list):
        raise SeedError("collaborators are a list of {id?, email, name?}")
    for person in people:
        check_person(person, "a collaborator")
    for table in seed["tables"]:
        _read_table(table)
    return seed


def check_person(person: Any, where: str) -> None:
    """Raise SeedError for what is no `{id?, email, name?}`."""
    if not isinstance(person, dict) or not isinstance(person.get("email"), str) or not person["email"]:
        raise SeedError(f"{where} is not {{id?, email, name?}}")
    check_id(person, "usr", where)
    _text(person, "name", where)


def check_id(payload: dict[str, Any], prefix: str, where: str) -> str | None:
    """The id that a part of a seed gives itself, if it does. Raises SeedError for one of another form."""
    given = payload.get("id")
    if given is not None and (not isinstance(given, str) or not is_airtable_id(given, prefix)):
        raise SeedError(f"{where}: id {given!r} is not {prefix} and 14 letters or digits")
    return given


def _read_base(base: dict[str, Any]) -> None:
    _known(base, {"id", "name", "workspaceId"}, "base")
    _name(base, "base")
    check_id(base, "app", "base")
    _text(base, "workspaceId", "base")


def _read_table(table: Any) -> None:
    if not isinstance(table, dict) or not isinstance(table.get("fields"), list) or not table["fields"]:
        raise SeedError("a table is {name, fields: [at least one]}")
    name = _name(table, "a table")
    where = f"table {name!r}"
    _known(table, {"id", "name", "description", "views", "fields", "records"}, where)
    check_id(table, "tbl", where)
    _text(table, "description", where)
    views = table.get("views") or []
    if not isinstance(views, list) or not all(isinstance(view, str) and view.strip() for view in views):
        raise SeedError(f"{where}: views are names")
    for field in table["fields"]:
        _read_field(name, field)
    rows = table.get("records") or []
    if not isinstance(rows, list):
        raise SeedError(f"{where}: records are a list of {{id?, fields}}")
    for where, row in numbered(name, rows):
        if not isinstance(row, dict) or not isinstance(row.get("fields"), dict):
            raise SeedError(f"{where} is not {{fields: {{...}}}}")
        _known(row, {"id", "fields"}, where)
        check_id(row, "rec", where)


def numbered(table: str, rows: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each record of a table with the words for its place."""
    for number, row in enumerate(rows, 1):
        yield f"record {number} of {table!r}", row


def _read_field(table: str, field: Any) -> None:
    if not isinstance(field, dict):
        raise SeedError(f"table {table!r}: a field is {{name, type, options?}}")
    where = f"field {table}.{_name(field, f'a field of {table!r}')}"
    _known(field, {"id", "name", "type", "description", "options", "inverseName"}, where)
    kind = field.get("type")
    if not isinstance(kind, str) or kind not in FIELD_TYPES:
        raise SeedError(f"{where}: type {kind!r} is unknown; valid are {', '.join(sorted(FIELD_TYPES))}")
    check_id(field, "fld", where)
    for name in ("description", "inverseName"):
        _text(field, name, where)
    options = field.get("options")
    if options is not None and not isinstance(options, dict):
        raise SeedError(f"{where}: options are an object")
    for name in ("linkedTable", "linkedTableId", "link", "target", "recordLinkFieldId", "fieldIdInLinkedTable",
                 "formula", "label", "url"):  # fmt: skip
        _text(options or {}, name, where)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_cleaned(element) for element in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(element) for key, element in value.items()}
    return value


def _name(payload: dict[str, Any], where: str) -> str:
    name = payload.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SeedError(f"{where} needs a name")
    return name


def _text(payload: dict[str, Any], name: str, where: str) -> None:
    if not isinstance(payload.get(name), str | None):
        raise SeedError(f"{where}: {name} is {payload[name]!r}, not text")


def _known(payload: dict[str, Any], names: set[str], where: str) -> None:
    for unknown in sorted(set(payload) - names):
        raise SeedError(f"{where}: unknown key {unknown!r}; it has {', '.join(sorted(names))}")
