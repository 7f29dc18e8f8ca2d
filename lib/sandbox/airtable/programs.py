"""The formulas of computed fields, compiled once, and the types they show as."""

from __future__ import annotations

from sandbox.airtable.formulas import FormulaError, Program, parse
from sandbox.airtable.schema import NUMBER_TYPES, Field, Schema, Table


class Programs:
    """Compiled formulas, dropped when the schema changes."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._version = -1
        self._kept: dict[tuple[str, str], Program | None] = {}
        self._kinds: dict[str, str] = {}

    def _refresh(self) -> None:
        if self._version != self._schema.version:
            self._kept.clear()
            self._kinds.clear()
            self._version = self._schema.version

    def kind(self, field: Field) -> str:
        """The type a formula field or rollup shows as."""
        self._refresh()
        if field.id not in self._kinds:
            self._kinds[field.id] = kind_of(self._schema, field)
        return self._kinds[field.id]

    def of(self, table: Table, text: str) -> Program | None:
        """The program of a computed field's formula; None where it cannot be read (the field is not valid)."""
        self._refresh()
        key = (table.id, text)
        if key not in self._kept:
            try:
                self._kept[key] = parse(text).bind(lambda name: _id_of(table, name))
            except FormulaError:
                self._kept[key] = None
        return self._kept[key]

    def over_values(self, text: str) -> Program | None:
        """The program of a rollup's aggregation, which reads the bare name `values`."""
        key = ("", text)
        if key not in self._kept:
            try:
                self._kept[key] = parse(text).bind(lambda name: name if name.lower() == "values" else None)
            except FormulaError:
                self._kept[key] = None
        return self._kept[key]


def _id_of(table: Table, name: str) -> str | None:
    found = table.loosely(name)
    return found.id if found else None


def kind_of(schema: Schema, field: Field) -> str:
    """`number`, `singleLineText`, `date`, `dateTime` or `checkbox`: what a field is to a formula, formulas included.

    The kind of a formula is inferred from its text and the fields it reads, best effort, as the service infers it
    before there is a row. Deeper than 50 formulas it is text.
    """
    return _kind(schema, field, {}, 0)


def _kind(schema: Schema, field: Field, known: dict[str, str], depth: int) -> str:
    # Without `known`, formulas that read one another several times would be walked once a path.
    if field.id not in known:
        known[field.id] = "singleLineText"  # what a field that reads itself sees
        known[field.id] = _found_kind(schema, field, known, depth)
    return known[field.id]


def _found_kind(schema: Schema, field: Field, known: dict[str, str], depth: int) -> str:
    table = schema.tables[field.table_id]
    if field.type in NUMBER_TYPES or field.type in ("count", "autoNumber"):
        return "number"
    if field.type in ("date", "dateTime", "checkbox"):
        return field.type
    if field.type in ("createdTime", "lastModifiedTime"):
        return str((field.option("result") or {}).get("type", "dateTime"))
    if depth > 50:
        return "singleLineText"
    try:
        if field.type == "formula":
            program = parse(field.option("formula")).bind(
                lambda name: found.id if (found := table.loosely(name)) else None
            )
            return program.result(lambda element: _kind(schema, table.by_id[element], known, depth + 1))
        if field.type == "rollup":
            target = schema.fields[field.option("fieldIdInLinkedTable")]
            program = parse(field.option("formula") or "ARRAYJOIN(values)").bind(lambda name: name)
            return program.result(lambda _: _kind(schema, target, known, depth + 1))
    except (FormulaError, KeyError):
        pass
    return "singleLineText"
