"""Validation of a catalog as a whole; the rules of a single field are in its model."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.catalog.model import Catalog, Collection, Phase
from runbook.catalog.names import LEGACY_ID, ORIGINAL, nearest

Problem = tuple[int | None, str, str]


def problems(catalog: Catalog) -> Iterator[Problem]:
    """The problems: (phase, or None for the catalog's head; collection; what is wrong and what is expected)."""
    numbers: dict[int, str] = {}
    wix_names: set[str] = set()
    tables: dict[str, str] = {}
    for phase in catalog.phases:
        if phase.number in numbers:
            yield phase.number, phase.name, f"phase {phase.number} is also the number of {numbers[phase.number]!r}"
        numbers[phase.number] = phase.name
        for name in phase.tables:
            if name not in catalog.collections:
                hint = nearest(name, catalog.collections)
                yield (
                    phase.number,
                    name,
                    f"phase {phase.number} lists it in tables, but it is in no file{hint}",
                )
        for collection in phase.collections:
            if collection.wix in wix_names:
                yield phase.number, collection.wix, "listed twice"
            wix_names.add(collection.wix)
            table = collection.table.casefold()
            if table in tables:
                yield phase.number, collection.wix, f"table: {collection.table!r} is also the table of {tables[table]}"
            tables[table] = collection.wix
            yield from ((phase.number, collection.wix, problem) for problem in _of_collection(catalog, collection))
    for kept in catalog.kept:
        if kept.wix in catalog.collections:
            yield None, kept.wix, "is both in collections and in kept; remove it from one of them"
    for phase in catalog.phases:
        yield from _inverses(catalog, phase)


def _inverses(catalog: Catalog, last: Phase) -> Iterator[Problem]:
    """Name conflicts of the inverse link fields that Airtable adds for a phase's links."""
    taken: dict[tuple[str, str], str] = {}
    for collection in catalog.collections.values():
        for link in collection.links:
            if link.to == collection.wix:
                continue  # a link to its own table has no inverse
            name = catalog.inverse_name(collection, link)
            target = catalog.collections[link.to]
            columns = {name.casefold() for name in (*target.by_name, *(link.name for link in target.links), ORIGINAL)}
            other = taken.get((link.to, name.casefold()))
            taken[link.to, name.casefold()] = f"{collection.wix}.{link.name}"
            if collection.phase != last.number:
                continue
            where = f"{link.name}: its inverse {name!r}"
            if name.casefold() in columns:
                yield (
                    last.number,
                    collection.wix,
                    f"{where} is already a column of {target.table}; choose another `inverse`",
                )
            if other:
                yield (
                    last.number,
                    collection.wix,
                    f"{where} in {target.table} is also that of {other}; choose an `inverse`",
                )


def _of_collection(catalog: Catalog, c: Collection) -> Iterator[str]:
    if c.tab_group not in catalog.tab_groups:
        hint = nearest(c.tab_group, catalog.tab_groups)
        yield f"tab_group: {c.tab_group!r} is not one of {', '.join(catalog.tab_groups)}{hint}"
    keys = [field.wix for field in c.fields]
    for key in dict.fromkeys(key for key in keys if keys.count(key) > 1):
        yield f"{key}: listed twice"
    labels = [(field.wix, field.name) for field in c.fields]
    labels += [(copied.name, copied.name) for copied in c.copies] + [(link.name, link.name) for link in c.links]
    names: dict[str, str] = {}
    for label, name in labels:
        if name.casefold() in names:
            other = names[name.casefold()]
            yield f"{label}: column {name!r} is also the column of {other}; names are case-insensitive"
        names[name.casefold()] = label
    if ORIGINAL.casefold() in names:
        yield f"{names[ORIGINAL.casefold()]}: {ORIGINAL!r} is reserved; choose another name"
    if "_id" not in c.by_key or c.by_key["_id"].name != LEGACY_ID:
        yield f"_id: must be the column {LEGACY_ID!r} (list it once, in system_fields)"
    if c.primary not in c.by_name:
        yield f"primary: there is no column {c.primary!r}{nearest(c.primary, c.by_name)}"
    elif not c.by_name[c.primary].column_kind.primary:
        yield f"primary: a {c.by_name[c.primary].type} cannot be a table's first field; {LEGACY_ID!r} always can"
    for key in c.natural_key:
        if key not in c.by_key:
            yield f"natural_key: there is no field {key!r}{nearest(key, c.by_key)}"
    for copied in c.copies:
        if copied.wix not in c.by_key:
            yield f"{copied.name}: copies {copied.wix!r}, which is not a field{nearest(copied.wix, c.by_key)}"
    yield from _of_links(catalog, c)


def _of_links(catalog: Catalog, c: Collection) -> Iterator[str]:
    stays = {kept.wix: kept.reason for kept in catalog.kept}
    for link in c.links:
        if link.to in stays:
            yield f"{link.name}: links to {link.to!r}, which stays in Wix ({stays[link.to]}); keep only its id, as text"
        elif link.to not in catalog.collections:
            yield f"{link.name}: links to {link.to!r}, which does not move{nearest(link.to, catalog.collections)}"
        else:
            target = catalog.collections[link.to]
            for key, target_key in link.on.items():
                if key not in c.by_key:
                    yield f"{link.name}: on: there is no field {key!r}{nearest(key, c.by_key)}"
                if target_key not in target.by_key:
                    yield f"{link.name}: on: {link.to} has no field {target_key!r}{nearest(target_key, target.by_key)}"
