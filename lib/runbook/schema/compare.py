"""One table of the catalog compared with the existing tables: what to make, what drifted, what is left unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook.catalog import Collection
from runbook.json_types import Json
from runbook.schema import manual_steps
from runbook.schema.steps import Describe, Findings, MakeColumn, MakeTable
from runbook.schema.tables import create_spec, describe, fold, marked, original_spec


@dataclass(frozen=True)
class Wanted:
    """A table as it should be. `columns`: bodies of create requests, the primary first, without links.

    `open_selects`: selects that accept choices beyond the listed ones. `collection`: the one its description names.
    """

    collection: str
    table: str
    description: str
    columns: tuple[dict[str, Json], ...]
    open_selects: frozenset[str] = frozenset()


def wanted_of(collection: Collection) -> Wanted:
    """A collection's table: its columns, the primary first, and the column of originals last."""
    return Wanted(
        collection.wix,
        collection.table,
        describe(collection),
        (*(create_spec(column) for column in collection.columns), original_spec()),
        frozenset(column.name for column in collection.columns if column.open),
    )


def compare_table(
    wanted: Wanted, existing: Sequence[dict[str, Json]], refused: Mapping[tuple[str, str], str], found: Findings
) -> dict[str, Json] | None:
    """The existing table, its differences added to `found`; None where it is to be made or is ambiguous."""
    table, ambiguous = _find(wanted, existing, found)
    if ambiguous:
        return None
    if table is None:
        columns = []
        for spec in wanted.columns:
            if (wanted.table, spec["name"]) in refused:
                found.manual_steps.append(_refused(wanted.table, spec, refused))
            else:
                columns.append(spec)
        found.tables.append(MakeTable(wanted.table, wanted.description, tuple(columns)))
        return None
    if not (table.get("description") or "").strip():
        found.describes.append(Describe(wanted.table, table["id"], wanted.description))
    for spec in wanted.columns:
        if (wanted.table, spec["name"]) not in found.moved:
            _compare_column(wanted, table, spec, refused, found)
    primary = next(f["name"] for f in table["fields"] if f["id"] == table["primaryFieldId"])
    name = wanted.columns[0]["name"]
    if primary != name and (wanted.table, name) not in found.moved:
        fix = manual_steps.change_primary(wanted.table, name, primary)
        found.differs(wanted.table, primary, "is the primary column", f"'{name}' is", fix)
    return table


def _find(wanted: Wanted, existing: Sequence[dict[str, Json]], found: Findings) -> tuple[dict[str, Json] | None, bool]:
    """The existing table, None where there is none; whether it is ambiguous, which is added to `found`."""
    exact = next((t for t in existing if t["name"] == wanted.table), None)
    like = [t for t in existing if t is not exact and _resembles(t, wanted)]
    if exact is not None:
        mark = marked(exact)
        if mark not in (None, wanted.collection):
            found.differs(
                wanted.table,
                "",
                f"its description says that it holds the Wix collection {mark}",
                f"it holds {wanted.collection}",
                "Rename the table, or, if it is to hold "
                f"{wanted.collection}, clear its description (arrow beside the tab, 'Edit table description')",
            )
            return None, True
        copies = [t for t in like if marked(t) == wanted.collection]
        if mark is None and copies:
            _add_ambiguous(wanted, [exact, *copies], found)
            return None, True
        found.notes += [
            f"Table '{t['name']}' also says that it holds {wanted.collection}; it is left unchanged, and "
            f"'{wanted.table}' is used."
            for t in copies
        ]
        return exact, False
    if len(like) == 1:
        name = like[0]["name"]
        how = "differs only by case or spaces" if fold(name) == fold(wanted.table) else "has our description"
        fix = manual_steps.rename_table(name, wanted.table)
        found.differs(wanted.table, "", f"the table '{name}' {how}", "the table has this name", fix)
    elif like:
        _add_ambiguous(wanted, like, found)
    return None, bool(like)


def _resembles(table: dict[str, Json], wanted: Wanted) -> bool:
    return fold(table["name"]) == fold(wanted.table) or marked(table) == wanted.collection


def _add_ambiguous(wanted: Wanted, tables: Sequence[dict[str, Json]], found: Findings) -> None:
    names = ", ".join(f"'{t['name']}' ({t['id']})" for t in tables)
    found.differs(
        wanted.table,
        "",
        f"{len(tables)} tables could be it: {names}",
        f"one table of this name holds {wanted.collection}",
        f"Name the right one '{wanted.table}', and clear the description of the other (arrow beside the tab, "
        "'Edit table description')",
    )


def _compare_column(
    wanted: Wanted,
    table: dict[str, Json],
    spec: dict[str, Json],
    refused: Mapping[tuple[str, str], str],
    found: Findings,
) -> None:
    name = spec["name"]
    column = next((f for f in table["fields"] if f["name"] == name), None)
    if column is None:
        like = [f["name"] for f in table["fields"] if fold(f["name"]) == fold(name)]
        if like:
            add_unlike_name(wanted.table, name, like, found)
        elif (wanted.table, name) in refused:
            found.manual_steps.append(_refused(wanted.table, spec, refused))
        else:
            found.columns.append(MakeColumn(wanted.table, spec))
    elif column["type"] != spec["type"]:
        fix = manual_steps.change_type(wanted.table, spec)
        found.differs(wanted.table, name, f"is a {column['type']}", f"a {spec['type']}", fix)
    else:
        _compare_options(wanted, spec, column.get("options") or {}, found)


def add_unlike_name(table: str, name: str, like: Sequence[str], found: Findings) -> None:
    """Add a drift: to Airtable, `name` equals the names of these columns."""
    if len(like) == 1:
        actual, expected = f"the column '{like[0]}' differs only by case or spaces", "the column has this name"
        found.differs(table, name, actual, expected, manual_steps.rename_field(table, like[0], name))
        return
    actual, expected = f"{len(like)} columns could be it: {manual_steps.quoted(like)}", "one column has this name"
    found.differs(table, name, actual, expected, f"In table '{table}', name the right one '{name}', rename the other")


def _compare_options(wanted: Wanted, spec: dict[str, Json], actual: dict[str, Any], found: Findings) -> None:
    name, expected = spec["name"], spec.get("options") or {}
    if "precision" in expected and actual.get("precision", 0) < expected["precision"]:
        found.differs(
            wanted.table,
            name,
            f"has precision {actual.get('precision', 0)}",
            f"{expected['precision']}, the lowest that shows all digits of the data",
            manual_steps.raise_precision(wanted.table, name, expected["precision"]),
        )
    if expected.get("symbol", actual.get("symbol")) != actual.get("symbol"):
        found.notes.append(
            f"{wanted.table}.{name} shows {actual.get('symbol')!r} instead of {expected['symbol']!r}: left unchanged, "
            "the numbers are the same."
        )
    if "choices" in expected:
        existing = {choice["name"] for choice in actual.get("choices") or ()}
        absent = [choice["name"] for choice in expected["choices"] if choice["name"] not in existing]
        if absent and name in wanted.open_selects:
            found.notes.append(
                f"{wanted.table}.{name} lacks {manual_steps.quoted(absent)}: added while loading, where rows have them."
            )
        elif absent:
            found.differs(
                wanted.table,
                name,
                f"lacks {len(absent)} of its choices: {manual_steps.quoted(absent)}",
                "that it has them: rows may not add any",
                manual_steps.add_choices(wanted.table, name, absent),
            )


def _refused(table: str, spec: dict[str, Json], refused: Mapping[tuple[str, str], str]) -> str:
    return f"{manual_steps.add_field(table, spec)}. (Airtable refused to make it: {refused[table, spec['name']]})"
