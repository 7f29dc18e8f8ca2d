"""A base's schema as the catalog sees it: which table is a collection's, which column a field's or a link's.

    tables = Tables(airtable.tables(base), catalog)
    tables.id("Carriers")                          # "tbl…"
    tables.field_id("Carriers", "DOT Number")      # "fld…"
    tables.missing("Carriers")                     # [] when all columns and links are there

Read-only; nothing here asks Airtable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runbook.catalog import LEGACY_ID, ORIGINAL, Catalog, Collection, Field, Link
from runbook.errors import SchemaDrift
from runbook.json_types import Json

LINK = "multipleRecordLinks"
COUNTS_TABLE = "Record Counts"  # kept by runbook.checks.record_counts; holds no collection
_MARK = re.compile(r"Wix collection: (\S+?)\.?(?:\s|\Z)")


def fold(name: str) -> str:
    """A name as Airtable compares it: regardless of case, and of spaces that nobody sees."""
    return " ".join(name.split()).casefold()


def marked(table: dict[str, Json]) -> str | None:
    """The Wix collection that a table's description says it holds; None for a table that this project did not make."""
    found = _MARK.match(table.get("description") or "")
    return found[1] if found else None


def describe(collection: Collection) -> str:
    """A table's description: what it holds, where the Wix ids are, and the tab group that no API can put it into."""
    note = f"\n{collection.note}" if collection.note else ""
    return (
        f"Wix collection: {collection.wix}. Tab group: {collection.tab_group}.\n"
        f"Every row's Wix _id is in the column {LEGACY_ID}, by which it is found and kept up to date. "
        f"{ORIGINAL} holds what the typed cells cannot say; leave both as they are.{note}"
    )


@dataclass(frozen=True)
class LinkColumn:
    """A link of the catalog as the base has it. `to`: the target's Wix name.

    `ok`: there is a column of this name, and it is a link to the target's table. `inverse_ok`: its other face is in
    that table, leads back here and has the catalog's name for it; a link to its own table has none, which is right.
    """

    link: Link
    to: str
    name: str
    id: str | None
    ok: bool
    inverse_id: str | None
    inverse_name: str | None
    inverse_ok: bool


class Tables:
    """Look-ups in the tables of one base, as `Airtable.tables(base)` gives them.

    Collections may be given as such or by Wix name. A table is found by its name.
    """

    def __init__(self, tables_json: Iterable[dict[str, Json]], catalog: Catalog) -> None:
        self.catalog = catalog
        self.all = list(tables_json)
        self._by_name: dict[str, dict[str, Json]] = {t["name"]: t for t in self.all}
        self._fields: dict[str, dict[str, Json]] = {f["id"]: f for t in self.all for f in t["fields"]}
        self._columns: dict[str, dict[str, dict[str, Json]]] = {
            t["id"]: {f["name"]: f for f in t["fields"]} for t in self.all
        }

    def __contains__(self, collection: object) -> bool:
        """Whether the collection's table is there."""
        return isinstance(collection, str | Collection) and self._collection(collection).table in self._by_name

    def table(self, collection: Collection | str) -> dict[str, Json]:
        """The table's schema. Raises SchemaDrift where it is not there."""
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
        """Every column's schema by name, also those that the catalog does not know. Raises SchemaDrift."""
        return self._columns[self.id(collection)]

    def field_ids(self, collection: Collection | str) -> dict[str, str]:
        """Column ids by name. Raises SchemaDrift."""
        return {name: str(column["id"]) for name, column in self.columns(collection).items()}

    def field_id(self, collection: Collection | str, name: str) -> str:
        """One column's id. Raises SchemaDrift where there is none of exactly that name."""
        columns = self.columns(collection)
        if name not in columns:
            c = self._collection(collection)
            raise SchemaDrift(
                f"{c.wix}: the table {c.table!r} has no column {name!r}; nothing was changed. Provision makes it: "
                f"`run.provision()` in the notebook of phase {c.phase}"
            )
        return str(columns[name]["id"])

    def choices(self, collection: Collection | str, name: str) -> list[str]:
        """The choices of a select, in their order; empty for any other column. Raises SchemaDrift."""
        self.field_id(collection, name)
        options = self.columns(collection)[name].get("options") or {}
        return [choice["name"] for choice in options.get("choices") or ()]

    def links(self, collection: Collection | str) -> dict[str, LinkColumn]:
        """Every link of the catalog by name, and how it stands. Raises SchemaDrift where the table is not there."""
        c = self._collection(collection)
        return {link.name: self._link(c, link) for link in c.links}

    def _link(self, c: Collection, link: Link) -> LinkColumn:
        column: dict[str, Json] = self.columns(c).get(link.name) or {}
        options = column.get("options") or {}
        target = self._by_name.get(self.catalog.collection(link.to).table)
        leads = target is not None and column.get("type") == LINK and options.get("linkedTableId") == target["id"]
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
            leads,
            inverse.get("id"),
            inverse.get("name"),
            leads and (link.to == c.wix or returns),
        )

    def missing(self, collection: Collection | str) -> list[str]:
        """Columns and links that the catalog has and the table has not; the table's own name where it is not there."""
        c = self._collection(collection)
        if c not in self:
            return [c.table]
        there, links = self.columns(c), self.links(c)
        wanted = [column.name for column in c.columns] + [ORIGINAL]
        return [name for name in wanted if name not in there] + [name for name, link in links.items() if not link.ok]

    def _collection(self, collection: Collection | str) -> Collection:
        return collection if isinstance(collection, Collection) else self.catalog.collection(collection)


def create_spec(field: Field) -> dict[str, Any]:
    """A column as Airtable's create call takes it."""
    words = [f"Wix: {field.wix} ({field.wix_type})."] + ([field.note] if field.note else [])
    spec: dict[str, Any] = {"name": field.name, "type": field.type, "description": " ".join(words)}
    return spec if field.options is None else {**spec, "options": field.options}


def original_spec() -> dict[str, Any]:
    """The column of originals, which every table has."""
    return {
        "name": ORIGINAL,
        "type": "multilineText",
        "description": "What the typed cells of this row cannot say of its Wix item, as JSON. Leave it as it is.",
    }
