"""Links of the catalog compared with the existing ones: which to make, which inverse to rename, which are wrong.

Only one side is made: Airtable makes the inverse link field itself and names it after the linking table, with " 2" and
so on where that name is taken. A killed run can leave a link whose inverse still has that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import Catalog, Collection, Link
from runbook.json_types import Json
from runbook.schema import manual_steps
from runbook.schema.compare import add_unlike_name
from runbook.schema.steps import LINK, Findings, MakeLink, RenameInverse
from runbook.schema.tables import fold


@dataclass(frozen=True)
class _Existing:
    """An existing link of the catalog, with its inverse."""

    collection: Collection
    link: Link
    table: dict[str, Json]
    target: dict[str, Json]
    column: dict[str, Json]
    inverse: dict[str, Json] | None


@dataclass
class _Names:
    """The names of all columns of all tables, as they will be after the steps so far."""

    of: dict[str, dict[str, str]] = field(default_factory=dict)  # table name -> folded name -> name

    def taken(self, table: str, name: str) -> str | None:
        return self.of.get(table, {}).get(fold(name))

    def add(self, table: str, name: str) -> None:
        self.of.setdefault(table, {})[fold(name)] = name

    def drop(self, table: str, name: str) -> None:
        self.of.get(table, {}).pop(fold(name), None)

    def predicted_inverse(self, target: str, source: str) -> str:
        """What Airtable will name the inverse."""
        name, number = source, 2
        while self.taken(target, name):
            name, number = f"{source} {number}", number + 1
        return name


def plan_links(
    catalog: Catalog,
    chosen: Sequence[Collection],
    existing: Mapping[str, dict[str, Json]],
    planned: Mapping[str, Sequence[str]],
    found: Findings,
) -> dict[str, set[str]]:
    """Add to `found` the steps for the links of `chosen`; the column names that every table has in the end.

    `existing`: tables by name, without ambiguous ones. `planned`: the columns that earlier steps make, by table.
    """
    names = _Names()
    columns = {table: [column["name"] for column in json["fields"]] for table, json in existing.items()}
    for table, added in (*columns.items(), *planned.items()):
        for name in added:
            names.add(table, name)
    links = _existing_links(catalog, chosen, existing)
    _plan_renames(catalog, links, names, found)
    done = {(e.collection.wix, e.link.name) for e in links}
    for collection in chosen:
        for link in collection.links:
            if (collection.wix, link.name) in done or collection.table not in names.of:
                continue
            if (collection.table, link.name) in found.moved:
                continue
            target = catalog.collection(link.to).table
            if target in names.of:
                _plan_link(catalog, collection, link, existing, names, found)
            elif target not in (d.table for d in found.drift):
                found.notes.append(
                    f"{collection.table}.{link.name} waits for the table '{target}', which does not exist yet."
                )
    return {table: set(taken.values()) for table, taken in names.of.items()}


def _existing_links(
    catalog: Catalog, chosen: Sequence[Collection], existing: Mapping[str, dict[str, Json]]
) -> list[_Existing]:
    """Existing links with the right name, type and target. A link and its inverse count as one link of the catalog.

    Where both have names of links of the catalog (a run was killed before it renamed one), the one with a description
    is the link that was made, else the one that is not named after its target table.
    """
    fields = {f["id"]: f for t in existing.values() for f in t["fields"]}
    pairs: dict[frozenset[str], list[_Existing]] = {}
    for collection in chosen:
        for link in collection.links:
            table, target = existing.get(collection.table), existing.get(catalog.collection(link.to).table)
            if table is None or target is None:
                continue
            column: dict[str, Json] = next((f for f in table["fields"] if f["name"] == link.name), {})
            options = column.get("options") or {}
            if column.get("type") != LINK or options.get("linkedTableId") != target["id"]:
                continue
            inverse = fields.get(options.get("inverseLinkFieldId") or "")
            pair = frozenset({column["id"], inverse["id"]} if inverse else {column["id"]})
            pairs.setdefault(pair, []).append(_Existing(collection, link, table, target, column, inverse))
    return [max(rivals, key=_made_first) for rivals in pairs.values()]


def _made_first(existing: _Existing) -> tuple[bool, bool]:
    return bool(existing.column.get("description")), fold(existing.link.name) != fold(existing.target["name"])


def _plan_renames(catalog: Catalog, links: Sequence[_Existing], names: _Names, found: Findings) -> None:
    waiting: list[RenameInverse] = []
    for e in links:
        if e.target["id"] == e.table["id"]:
            continue
        table, target = e.collection.table, e.target["name"]
        problem = _inverse_problem(e)
        if problem:
            fix = manual_steps.relink(table, e.link.name, target)
            found.differs(table, e.link.name, problem, f"that its inverse is in '{target}'", fix)
            continue
        assert e.inverse is not None
        current, wanted = e.inverse["name"], catalog.inverse_name(e.collection, e.link)
        if current != wanted:
            waiting.append(RenameInverse(target, wanted, table, e.link.name, current, e.target["id"], e.inverse["id"]))
    while waiting:
        free = (r for r in waiting if fold(r.current) == fold(r.name) or not names.taken(r.table, r.name))
        rename = next(free, None)
        if rename is None:
            break
        names.drop(rename.table, rename.current)
        names.add(rename.table, rename.name)
        found.renames.append(rename)
        waiting.remove(rename)
    for r in waiting:
        _add_name_taken(r.table, r.name, f"{r.link_table}.{r.link} (now '{r.current}')", names, found)


def _inverse_problem(existing: _Existing) -> str | None:
    if existing.inverse is None:
        return "is a link without an inverse: that was deleted"
    name, options = existing.inverse["name"], existing.inverse.get("options") or {}
    if existing.inverse not in existing.target["fields"]:
        return f"its inverse '{name}' is in another table"
    if existing.inverse["type"] != LINK or options.get("linkedTableId") != existing.table["id"]:
        return f"its inverse '{name}' does not link back to this table"
    if options.get("inverseLinkFieldId") != existing.column["id"]:
        return f"its inverse '{name}' belongs to another link"
    return None


def _plan_link(
    catalog: Catalog,
    collection: Collection,
    link: Link,
    existing: Mapping[str, dict[str, Json]],
    names: _Names,
    found: Findings,
) -> None:
    table, target = collection.table, catalog.collection(link.to).table
    taken = names.taken(table, link.name)
    if taken is not None:
        column = next((f for f in existing.get(table, {"fields": []})["fields"] if f["name"] == taken), None)
        if column is None or taken != link.name:
            add_unlike_name(table, link.name, [taken], found)
            return
        actual = f"is a {column['type']}"
        if column["type"] == LINK:
            linked: Any = (column.get("options") or {}).get("linkedTableId")
            other = next((f"'{name}'" for name, json in existing.items() if json["id"] == linked), "another table")
            actual = f"links to {other}"
        found.differs(table, link.name, actual, f"a link to '{target}'", manual_steps.relink(table, link.name, target))
        return
    keys = ", ".join(f"{key} = {target_key} of {link.to}" for key, target_key in link.on.items())
    description = f"Wix: {keys}." + (f" {link.note}" if link.note else "")
    inverse = predicted = None
    if table != target:
        inverse = catalog.inverse_name(collection, link)
        if names.taken(target, inverse):
            _add_name_taken(target, inverse, f"{table}.{link.name}", names, found)
            return
        predicted = names.predicted_inverse(target, table)
        names.add(target, inverse)
    names.add(table, link.name)
    found.links.append(MakeLink(table, link.name, target, description, inverse, predicted))


def _add_name_taken(table: str, name: str, link: str, names: _Names, found: Findings) -> None:
    """Add a drift: a column has the name that the inverse of a link needs."""
    taken = names.taken(table, name)
    found.differs(
        table,
        name,
        f"the column '{taken}' has the name that the inverse of {link} should have",
        f"'{name}' is that inverse",
        f"In table '{table}', double-click the header '{taken}' and give it another name",
    )
