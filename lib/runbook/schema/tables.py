"""A base's schema by the names of the catalog: the table of a collection, the column of a field or link.

    tables = Tables(airtable.tables(base), catalog)
    tables.id("Carriers")                          # "tbl…"
    tables.field_id("Carriers", "DOT Number")      # "fld…"
    tables.missing("Carriers")                     # [] when all columns and links exist

Read-only; sends no request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection, Field, Link
from runbook.errors import SchemaDrift
from runbook.json_types import Json
from runbook.schema.steps import LINK

COUNTS_TABLE = "Record Counts"  # of runbook.checks.record_counts; no collection
OWN_TABLE = "Runbook"  # of runbook.holding; no collection
_MARK = re.compile(r"Wix collection: (\S+?)\.?(?:\s|\Z)")


def fold(name: str) -> str:
    """A name as Airtable compares it: case-insensitive, without surrounding or repeated spaces."""
    return " ".join(name.split()).casefold()


def marked(table: dict[str, Json]) -> str | None:
    """The Wix collection that a table's description names; None for a table that this project did not make."""
    found = _MARK.match(table.get("description") or "")
    return found[1] if found else None


def describe(collection: Collection) -> str:
    """A table's description: its collection, where the Wix ids are, and its tab group, which the API cannot set."""
    note = f"\n{collection.note}" if collection.note else ""
    return (
        f"Wix collection: {collection.wix}. Tab group: {collection.tab_group}.\n"
        f"Every row's Wix _id is in the column {LEGACY_ID}, by which it is found and updated. "
        f"{ORIGINAL} holds what the typed cells cannot represent; do not edit either.{note}"
    )


@dataclass(frozen=True)
class LinkColumn:
    """A link of the catalog in the base. `to`: the target's Wix name.

    `ok`: the column exists and links to the target's table. `inverse_ok`: its inverse link field is in that table,
    links back and has the catalog's name; a link to its own table has none, which is right.
    """

    link: Link
    to: str
    name: str
    id: str | None
    ok: bool
    inverse_name: str | None
    inverse_ok: bool


class Tables:
    """Look-ups in the tables of one base, as `Airtable.tables(base)` returns them; collections also by Wix name."""

    def __init__(self, tables_json: Iterable[dict[str, Json]], catalog: Catalog) -> None:
        self.catalog = catalog
        self.all = list(tables_json)
        self._by_name: dict[str, dict[str, Json]] = {t["name"]: t for t in self.all}
        self._fields: dict[str, dict[str, Json]] = {f["id"]: f for t in self.all for f in t["fields"]}
        self._columns: dict[str, dict[str, dict[str, Json]]] = {
            t["id"]: {f["name"]: f for f in t["fields"]} for t in self.all
        }

    def __contains__(self, collection: object) -> bool:
        """Whether the collection's table exists."""
        return isinstance(collection, str | Collection) and self._collection(collection).table in self._by_name

    def table(self, collection: Collection | str) -> dict[str, Json]:
        """The table's schema. Raises SchemaDrift where it does not exist."""
        c = self._collection(collection)
        if c.table not in self._by_name:
            raise SchemaDrift(
                f"{c.wix}: the base has no table {c.table!r}; nothing was changed. Provision makes it: "
                f"`run.provision()` in the notebook of phase {c.phase}"
            )
        return self._by_name[c.table]

    def id(self, collection: Collection | str) -> str:
        """The table's id. Raises SchemaDrift."""
        return str(self.table(collection)["id"])

    def columns(self, collection: Collection | str) -> dict[str, dict[str, Json]]:
        """Every column's schema by name, also those that are not in the catalog. Raises SchemaDrift."""
        return self._columns[self.id(collection)]

    def field_id(self, collection: Collection | str, name: str) -> str:
        """One column's id. Raises SchemaDrift where no column has exactly that name."""
        columns = self.columns(collection)
        if name not in columns:
            c = self._collection(collection)
            raise SchemaDrift(
                f"{c.wix}: the table {c.table!r} has no column {name!r}; nothing was changed. Provision makes it: "
                f"`run.provision()` in the notebook of phase {c.phase}"
            )
        return str(columns[name]["id"])

    def choices(self, collection: Collection | str, name: str) -> list[str]:
        """The choices of a select in order; empty for any other column. Raises SchemaDrift."""
        self.field_id(collection, name)
        options = self.columns(collection)[name].get("options") or {}
        return [choice["name"] for choice in options.get("choices") or ()]

    def links(self, collection: Collection | str) -> dict[str, LinkColumn]:
        """Every link of the catalog by name. Raises SchemaDrift where the table does not exist."""
        c = self._collection(collection)
        return {link.name: self._link(c, link) for link in c.links}

    def _link(self, c: Collection, link: Link) -> LinkColumn:
        column: dict[str, Json] = self.columns(c).get(link.name) or {}
        options = column.get("options") or {}
        target = self._by_name.get(self.catalog.collection(link.to).table)
        ok = target is not None and column.get("type") == LINK and options.get("linkedTableId") == target["id"]
        inverse = self._fields.get(options.get("inverseLinkFieldId") or "") or {}
        back = inverse.get("options") or {}
        returns = (
            target is not None
            and inverse in target["fields"]
            and inverse.get("name") == self.catalog.inverse_name(c, link)
            and back.get("linkedTableId") == self.id(c)
            and back.get("inverseLinkFieldId") == column.get("id")
        )
        return LinkColumn(
            link,
            link.to,
            link.name,
            column.get("id"),
            ok,
            inverse.get("name"),
            ok and (link.to == c.wix or returns),
        )

    def missing(self, collection: Collection | str) -> list[str]:
        """Columns and links of the catalog that the table lacks; the table's name where it does not exist."""
        c = self._collection(collection)
        if c not in self:
            return [c.table]
        columns, links = self.columns(c), self.links(c)
        wanted = [column.name for column in c.columns] + [ORIGINAL]
        return [name for name in wanted if name not in columns] + [name for name, link in links.items() if not link.ok]

    def _collection(self, collection: Collection | str) -> Collection:
        return collection if isinstance(collection, Collection) else self.catalog.collection(collection)


def create_spec(field: Field) -> dict[str, Any]:
    """The body of a column's create request."""
    description = f"Wix: {field.wix} ({field.wix_type})." + (f" {field.note}" if field.note else "")
    spec: dict[str, Any] = {"name": field.name, "type": field.type, "description": description}
    return spec if field.options is None else {**spec, "options": field.options}


def original_spec() -> dict[str, Any]:
    """The create request of `Wix Original`, which every table has."""
    return {
        "name": ORIGINAL,
        "type": "multilineText",
        "description": "What the typed cells of this row cannot represent of its Wix item, as JSON. Do not edit it.",
    }
