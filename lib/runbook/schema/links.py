"""Links as they should be against those that are there: which to make, which other face to rename, which lead astray.

Only one side is made: Airtable makes the other face by itself and calls it after the linking table, with " 2" and so on
where that name is taken. A killed run can leave a link whose other face still has that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.catalog import Catalog, Collection, Link
from runbook.json_types import Json
from runbook.schema import manual_steps as by_hand
from runbook.schema.compare import unlike_name
from runbook.schema.steps import Drift, Findings, MakeLink, RenameInverse
from runbook.schema.tables import LINK, fold


@dataclass(frozen=True)
class _Found:
    """A link of the catalog that is there, with its other face."""

    collection: Collection
    link: Link
    table: dict[str, Json]
    column: dict[str, Json]
    inverse: dict[str, Json] | None


@dataclass
class _Names:
    """The names of every table's columns while steps are thought through; columns that are there by id."""

    of: dict[str, dict[str, str]] = field(default_factory=dict)  # table name -> folded name -> name

    def taken(self, table: str, name: str) -> str | None:
        return self.of.get(table, {}).get(fold(name))

    def add(self, table: str, name: str) -> None:
        self.of.setdefault(table, {})[fold(name)] = name

    def drop(self, table: str, name: str) -> None:
        self.of.get(table, {}).pop(fold(name), None)

    def inverse(self, target: str, source: str) -> str:
        """What Airtable will call the other face."""
        name, number = source, 2
        while self.taken(target, name):
            name, number = f"{source} {number}", number + 1
        return name


def plan_links(
    catalog: Catalog,
    chosen: Sequence[Collection],
    there: Mapping[str, dict[str, Json]],
    planned: Mapping[str, Sequence[str]],
    found: Findings,
) -> dict[str, set[str]]:
    """Note in `found` what is to be done for the links of `chosen`; the names that every table has in the end.

    `there`: tables that are there, by name, but for those of which it cannot be told. `planned`: the columns that
    earlier steps make, by table.
    """
    names = _Names()
    for table, json in there.items():
        for column in json["fields"]:
            names.add(table, column["name"])
    for table, columns in planned.items():
        for name in columns:
            names.add(table, name)
    tables = {json["id"]: json for json in there.values()}
    known = _existing(catalog, chosen, there)
    _plan_renames(catalog, known, there, names, found)
    right = {(f.collection.wix, f.link.name) for f in known}
    for collection in chosen:
        for link in collection.links:
            target = catalog.collection(link.to)
            if (collection.wix, link.name) in right:
                continue
            if collection.table not in names.of or target.table not in names.of:
                if collection.table in names.of and target.table not in (d.table for d in found.drift):
                    found.notes.append(
                        f"{collection.table}.{link.name} waits for the table '{target.table}', which is not there yet."
                    )
                continue
            _plan_link(catalog, collection, link, there, tables, names, found)
    return {table: set(own.values()) for table, own in names.of.items()}


def _existing(catalog: Catalog, chosen: Sequence[Collection], there: Mapping[str, dict[str, Json]]) -> list[_Found]:
    """Links that are there, name, type and target as they should be. One pair of faces stands for one link only.

    Where both faces are named like links of the catalog (a run was killed before it renamed one), the face that has a
    description is the one that was made, else the one that is not called after the table it leads to.
    """
    fields = {f["id"]: f for t in there.values() for f in t["fields"]}
    claims: dict[frozenset[str], list[_Found]] = {}
    for collection in chosen:
        table = there.get(collection.table)
        for link in collection.links if table else ():
            target = there.get(catalog.collection(link.to).table)
            column = next((f for f in (table or {})["fields"] if f["name"] == link.name), None)
            if table is None or target is None or column is None or column["type"] != LINK:
                continue
            options = column.get("options") or {}
            if options.get("linkedTableId") != target["id"]:
                continue
            inverse = fields.get(options.get("inverseLinkFieldId") or "")
            pair = frozenset({column["id"], inverse["id"]} if inverse else {column["id"]})
            claims.setdefault(pair, []).append(_Found(collection, link, table, column, inverse))
    return [max(rivals, key=lambda one: _made_first(catalog, one)) for rivals in claims.values()]


def _made_first(catalog: Catalog, one: _Found) -> tuple[bool, bool]:
    target = catalog.collection(one.link.to).table
    return bool(one.column.get("description")), fold(one.link.name) != fold(target)


def _plan_renames(
    catalog: Catalog,
    known: Sequence[_Found],
    there: Mapping[str, dict[str, Json]],
    names: _Names,
    found: Findings,
) -> None:
    waiting: list[RenameInverse] = []
    for one in known:
        target = there[catalog.collection(one.link.to).table]
        if target["id"] == one.table["id"]:
            continue
        problem = _pair_problem(one, target)
        if problem:
            found.drift.append(
                Drift(
                    one.collection.table,
                    one.link.name,
                    problem,
                    f"it has its other face in '{target['name']}'",
                    by_hand.relink(one.collection.table, one.link.name, target["name"]),
                )
            )
            continue
        assert one.inverse is not None
        wanted = catalog.inverse_name(one.collection, one.link)
        now = one.inverse["name"]
        if now != wanted:
            waiting.append(
                RenameInverse(
                    target["name"], wanted, one.collection.table, one.link.name, now, target["id"], one.inverse["id"]
                )
            )
    while waiting:
        free = [r for r in waiting if fold(r.now) == fold(r.name) or not names.taken(r.table, r.name)]
        for rename in free:
            names.drop(rename.table, rename.now)
            names.add(rename.table, rename.name)
            found.renames.append(rename)
            waiting.remove(rename)
            break
        else:
            found.drift += [
                Drift(
                    r.table,
                    r.name,
                    f"another column has the name that the other face of {r.of}.{r.link} (now '{r.now}') should have",
                    f"'{r.name}' is that other face",
                    f"In table '{r.table}', double-click the header '{names.taken(r.table, r.name)}' and give it "
                    "another name",
                )
                for r in waiting
            ]
            return


def _pair_problem(one: _Found, target: dict[str, Json]) -> str | None:
    if one.inverse is None:
        return "is a link without another face: that was deleted"
    options: dict[str, Any] = one.inverse.get("options") or {}
    if one.inverse not in target["fields"]:
        return f"its other face '{one.inverse['name']}' is in another table"
    if one.inverse["type"] != LINK or options.get("linkedTableId") != one.table["id"]:
        return f"its other face '{one.inverse['name']}' does not lead back to this table"
    if options.get("inverseLinkFieldId") != one.column["id"]:
        return f"its other face '{one.inverse['name']}' belongs to another link"
    return None


def _plan_link(
    catalog: Catalog,
    collection: Collection,
    link: Link,
    there: Mapping[str, dict[str, Json]],
    tables: Mapping[str, dict[str, Json]],
    names: _Names,
    found: Findings,
) -> None:
    table, target = collection.table, catalog.collection(link.to).table
    taken = names.taken(table, link.name)
    if taken is not None:
        column = next((f for f in there.get(table, {"fields": []})["fields"] if f["name"] == taken), None)
        if column is None or taken != link.name:
            found.drift.append(unlike_name(table, link.name, [taken]))
            return
        if column["type"] == LINK:
            leads = tables.get((column.get("options") or {}).get("linkedTableId", ""))
            now = f"leads to '{leads['name']}'" if leads else "leads to another table"
        else:
            now = f"is a {column['type']}"
        mend = by_hand.relink(table, link.name, target)
        found.drift.append(Drift(table, link.name, now, f"a link to '{target}'", mend))
        return
    keys = ", ".join(f"{here} = {there_key} of {link.to}" for here, there_key in link.on.items())
    words = f"Wix: {keys}." + (f" {link.note}" if link.note else "")
    if table == target:
        names.add(table, link.name)
        found.links.append(MakeLink(table, link.name, target, words, None, None))
        return
    inverse = catalog.inverse_name(collection, link)
    other = names.taken(target, inverse)
    if other is not None:
        found.drift.append(
            Drift(
                target,
                inverse,
                f"the column '{other}' has the name that the other face of {table}.{link.name} should have",
                f"'{inverse}' is that other face",
                f"In table '{target}', double-click the header '{other}' and give it another name",
            )
        )
        return
    names.add(table, link.name)
    predicted = names.inverse(target, table)
    names.add(target, inverse)
    found.links.append(MakeLink(table, link.name, target, words, inverse, predicted))
