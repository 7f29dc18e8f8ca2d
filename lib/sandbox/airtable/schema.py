"""Bases, tables and fields: what the Meta API shows, held in memory and kept in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox import ids
from sandbox.store import Store

_DDL = """
CREATE TABLE IF NOT EXISTS base (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, workspace TEXT NOT NULL, transactions INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS tbl (
    num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
    primary_field TEXT NOT NULL, views TEXT NOT NULL, last_number INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS field (
    num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tbl TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
    description TEXT, options TEXT) STRICT;
"""

TEXT_TYPES = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
NUMBER_TYPES = frozenset({"number", "currency", "percent", "duration", "rating"})
COMPUTED_TYPES = frozenset(
    {
        "formula",
        "rollup",
        "multipleLookupValues",
        "count",
        "autoNumber",
        "createdTime",
        "createdBy",
        "lastModifiedTime",
        "lastModifiedBy",
        "button",
        "aiText",
        "externalSyncSource",
    }
)
WRITABLE_TYPES = (
    TEXT_TYPES
    | NUMBER_TYPES
    | {
        "checkbox",
        "date",
        "dateTime",
        "singleSelect",
        "multipleSelects",
        "multipleRecordLinks",
        "multipleAttachments",
        "singleCollaborator",
        "multipleCollaborators",
        "barcode",
    }
)
SHOWN_AS_KEPT = WRITABLE_TYPES - {
    "multipleRecordLinks",
    "multipleAttachments",
    "singleCollaborator",
    "multipleCollaborators",
}
FIELD_TYPES = WRITABLE_TYPES | COMPUTED_TYPES


@dataclass
class Field:
    """One column. `options` is what the Meta API shows, but for what `show_options` hides or adds.

    `computed`: the field makes its own values. `is_link`: its cells are rows of the link relation. `shown_as_kept`:
    the API shows the kept value itself. `reads_linked`: its values are other records' cells.
    """

    num: int
    id: str
    table_id: str
    name: str
    type: str
    description: str | None
    options: dict[str, Any] | None

    def __post_init__(self) -> None:
        # What a field is never changes, and is asked of every cell.
        self.computed = self.type in COMPUTED_TYPES
        self.is_link = self.type == "multipleRecordLinks"
        self.shown_as_kept = self.type in SHOWN_AS_KEPT
        self.reads_linked = self.type in ("multipleLookupValues", "rollup")

    def option(self, name: str) -> Any:
        """One of the options, or None."""
        return (self.options or {}).get(name)

    @property
    def linked_table(self) -> str:
        """The id of the table a link points to."""
        return str(self.option("linkedTableId"))

    @property
    def inverse(self) -> str | None:
        """The id of the link's inverse field; None for a link to its own table."""
        found: str | None = self.option("inverseLinkFieldId")
        return found

    def choice_names(self) -> list[str]:
        """A select's choices, in their order."""
        return [choice["name"] for choice in self.option("choices") or ()]


@dataclass
class Table:
    """One table: fields in their order, found by id, by name, and by name in any case."""

    num: int
    id: str
    base_id: str
    name: str
    description: str | None
    primary_id: str
    views: list[dict[str, Any]]
    fields: list[Field] = field(default_factory=list)

    @cached_property
    def by_id(self) -> dict[str, Field]:
        """Fields by id."""
        return {element.id: element for element in self.fields}

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by exact name."""
        return {element.name: element for element in self.fields}

    @cached_property
    def _by_folded_name(self) -> dict[str, Field]:
        return {element.name.casefold(): element for element in self.fields}

    def changed(self) -> None:
        """Forget the look-ups after a field came or changed its name."""
        for name in ("by_id", "by_name", "_by_folded_name"):
            self.__dict__.pop(name, None)

    def field(self, key: str) -> Field | None:
        """A field by id or exact name, as bodies name it."""
        return self.by_name.get(key) or self.by_id.get(key)

    def loosely(self, key: str) -> Field | None:
        """A field by id or by name in any case, as formulas name it."""
        return self.field(key) or self._by_folded_name.get(key.casefold())

    @property
    def primary(self) -> Field:
        """The field that names a record."""
        return self.by_id[self.primary_id]

    def view(self, key: str) -> dict[str, Any] | None:
        """A view by id or name."""
        return next((view for view in self.views if key in (view["id"], view["name"])), None)


@dataclass
class Base:
    """One base and its tables in their order."""

    id: str
    name: str
    workspace: str
    tables: list[Table] = field(default_factory=list)

    def table(self, key: str) -> Table | None:
        """A table by id, or by name in any case (one real client uses two spellings for one table)."""
        folded = key.casefold()
        return next((table for table in self.tables if key == table.id or folded == table.name.casefold()), None)


class Schema:
    """Every base. Reads come from memory; every change goes to the store first, inside the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.script(_DDL)
        store.on_rollback(self._forget)
        self.version = 0  # goes up with every change, so that what is compiled from a schema knows when it is stale
        self._changed_in = -1  # the transaction of the last change
        self._load()

    def _changed(self) -> None:
        self.version += 1
        self._changed_in = self._store.serial

    def _forget(self) -> None:
        if self._changed_in == self._store.serial:
            self._load()

    def _load(self) -> None:
        self.bases: dict[str, Base] = {}
        self.tables: dict[str, Table] = {}
        self.fields: dict[str, Field] = {}
        self.tables_by_num: dict[int, Table] = {}  # in the order of their numbers
        self.fields_by_num: dict[int, Field] = {}  # in the order of their numbers
        for base_id, name, workspace in self._store.rows("SELECT id, name, workspace FROM base ORDER BY rowid"):
            self.bases[base_id] = Base(base_id, name, workspace)
        for num, table_id, base_id, name, description, primary, views in self._store.rows(
            "SELECT num, id, base, name, description, primary_field, views FROM tbl ORDER BY num"
        ):
            table = Table(num, table_id, base_id, name, description, primary, json.loads(views))
            self.tables[table_id] = self.tables_by_num[num] = table
            self.bases[base_id].tables.append(table)
        for row in self._store.rows("SELECT num, id, tbl, name, type, description, options FROM field ORDER BY num"):
            num, field_id, table_id, name, kind, description, options = row
            column = Field(num, field_id, table_id, name, kind, description, json.loads(options) if options else None)
            self.fields[column.id] = self.fields_by_num[column.num] = column
            self.tables[column.table_id].fields.append(column)
        self.version += 1

    def add_base(self, name: str, workspace: str, base_id: str | None = None) -> Base:
        """A new, empty base."""
        base = Base(base_id or ids.airtable_id("app"), name, workspace)
        self._store.execute(
            "INSERT INTO base (id, name, workspace) VALUES (?, ?, ?)", (base.id, base.name, base.workspace)
        )
        self.bases[base.id] = base
        self._changed()
        return base

    def add_table(
        self,
        base: Base,
        name: str,
        description: str | None = None,
        table_id: str | None = None,
        views: list[str] | None = None,
    ) -> Table:
        """A new table without fields; the first field added becomes its primary. It gets a "Grid view" at least."""
        made = [{"id": ids.airtable_id("viw"), "name": view, "type": "grid"} for view in views or ["Grid view"]]
        num = 1 + next(reversed(self.tables_by_num), 0)
        table = Table(num, table_id or ids.airtable_id("tbl"), base.id, name, description, "", made)
        self._store.execute(
            "INSERT INTO tbl (num, id, base, name, description, primary_field, views) VALUES (?, ?, ?, ?, ?, '', ?)",
            (num, table.id, base.id, name, description, json.dumps(made)),
        )
        self.tables[table.id] = self.tables_by_num[num] = table
        base.tables.append(table)
        self._changed()
        return table

    def add_field(
        self,
        table: Table,
        name: str,
        kind: str,
        options: dict[str, Any] | None = None,
        description: str | None = None,
        field_id: str | None = None,
    ) -> Field:
        """A new field at the table's end. Options are taken as they are; `meta` validates them."""
        num = 1 + next(reversed(self.fields_by_num), 0)
        made = Field(num, field_id or ids.airtable_id("fld"), table.id, name, kind, description, options)
        self._store.execute(
            "INSERT INTO field (num, id, tbl, name, type, description, options) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (num, made.id, table.id, name, kind, description, json.dumps(options) if options is not None else None),
        )
        self.fields[made.id] = self.fields_by_num[num] = made
        table.fields.append(made)
        table.changed()
        if not table.primary_id:
            table.primary_id = made.id
            self._store.execute("UPDATE tbl SET primary_field = ? WHERE id = ?", (made.id, table.id))
        self._changed()
        return made

    def save_table(self, table: Table) -> None:
        """Keep a table's new name or description."""
        self._store.execute(
            "UPDATE tbl SET name = ?, description = ? WHERE id = ?", (table.name, table.description, table.id)
        )
        self._changed()

    def save_field(self, column: Field) -> None:
        """Keep a field's new name, description or options."""
        self._store.execute(
            "UPDATE field SET name = ?, description = ?, options = ? WHERE id = ?",
            (
                column.name,
                column.description,
                json.dumps(column.options) if column.options is not None else None,
                column.id,
            ),
        )
        self.tables[column.table_id].changed()
        self._changed()

    def retype_field(self, column: Field, kind: str, options: dict[str, Any] | None) -> None:
        """Give a field another type."""
        column.type, column.options = kind, options
        column.__post_init__()
        self._store.execute("UPDATE field SET type = ? WHERE id = ?", (kind, column.id))
        self.save_field(column)

    def remove_field(self, column: Field) -> None:
        """Drop a field; cells keep what they had under its id, which nothing shows any more."""
        self._store.execute(f"DROP INDEX IF EXISTS cell_{column.num}")
        self._store.execute("DELETE FROM field WHERE id = ?", (column.id,))
        table = self.tables[column.table_id]
        table.fields.remove(column)
        table.changed()
        del self.fields[column.id], self.fields_by_num[column.num]
        self._changed()

    def remove_table(self, base: Base, table: Table) -> None:
        """Drop a table whose fields were removed, with its records."""
        self._store.execute("DELETE FROM record WHERE tbl = ?", (table.num,))
        self._store.execute("DELETE FROM tbl WHERE id = ?", (table.id,))
        base.tables.remove(table)
        del self.tables[table.id], self.tables_by_num[table.num]
        self._changed()

    def add_choice(self, column: Field, name: str) -> None:
        """Grow a select by a choice, as `typecast` does."""
        choices = (column.options or {}).setdefault("choices", [])
        choices.append(make_choice(name, None, len(choices)))
        self.save_field(column)


CHOICE_COLORS = tuple(
    f"{hue}{shade}"
    for shade in ("Light2", "Light1", "Bright", "Dark1")
    for hue in ("blue", "cyan", "teal", "green", "yellow", "orange", "red", "pink", "purple", "gray")
)


def make_choice(name: str, color: str | None, position: int, choice_id: str | None = None) -> dict[str, Any]:
    """A select's choice with its id; the server gives a color where none was named."""
    return {
        "id": choice_id or ids.airtable_id("sel"),
        "name": name,
        "color": color or CHOICE_COLORS[position % len(CHOICE_COLORS)],
    }
