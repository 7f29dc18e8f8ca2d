"""One table as it should be against the tables that are there: what is to be made, what drifted, what is left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook.catalog import Collection
from runbook.json_types import Json
from runbook.schema import manual_steps as by_hand
from runbook.schema.steps import Describe, Drift, Findings, MakeColumn, MakeTable
from runbook.schema.tables import create_spec, describe, fold, marked, original_spec


@dataclass(frozen=True)
class Wanted:
    """A table as it should be. `columns` as the create call takes them, the primary first; links come apart.

    `grows`: selects that take choices beyond these. `collection`: what its description says that it holds.
    """

    collection: str
    table: str
    description: str
    columns: tuple[dict[str, Json], ...]
    grows: frozenset[str] = frozenset()


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
    wanted: Wanted,
    there: Sequence[dict[str, Json]],
    refused: Mapping[tuple[str, str], str],
    found: Findings,
) -> dict[str, Json] | None:
    """The table that is there, its differences noted in `found`; None where it is to be made, or cannot be told."""
    table, blocked = _find(wanted, there, found)
    if blocked:
        return None
    if table is None:
        columns = []
        for spec in wanted.columns:
            if (wanted.table, spec["name"]) in refused:
                found.by_hand.append(_refused(wanted.table, spec, refused))
            else:
                columns.append(spec)
        found.tables.append(MakeTable(wanted.table, wanted.description, tuple(columns)))
        return None
    if not (table.get("description") or "").strip():
        found.describes.append(Describe(wanted.table, table["id"], wanted.description))
    for spec in wanted.columns:
        _compare_column(wanted, table, spec, refused, found)
    primary = next(f["name"] for f in table["fields"] if f["id"] == table["primaryFieldId"])
    if primary != wanted.columns[0]["name"]:
        name = wanted.columns[0]["name"]
        found.drift.append(
            Drift(
                wanted.table,
                primary,
                "is the primary column",
                f"'{name}' is",
                by_hand.change_primary(wanted.table, name, primary),
            )
        )
    return table


def _find(wanted: Wanted, there: Sequence[dict[str, Json]], found: Findings) -> tuple[dict[str, Json] | None, bool]:
    exact = next((t for t in there if t["name"] == wanted.table), None)
    like = [
        t for t in there if t is not exact and (fold(t["name"]) == fold(wanted.table) or marked(t) == wanted.collection)
    ]
    if exact is not None:
        mark = marked(exact)
        if mark not in (None, wanted.collection):
            found.drift.append(
                Drift(
                    wanted.table,
                    "",
                    f"its description says that it holds the Wix collection {mark}",
                    f"it holds {wanted.collection}",
                    f"Give the table its own name, or empty its description (arrow beside the tab, 'Edit table "
                    "description'), "
                    f"if it is to hold {wanted.collection}",
                )
            )
            return None, True
        others = [t for t in like if marked(t) == wanted.collection]
        if mark is None and others:
            found.drift.append(_two(wanted, [exact, *others]))
            return None, True
        found.notes += [
            f"Table '{t['name']}' also says that it holds {wanted.collection}; '{wanted.table}' is used, it is left "
            "alone."
            for t in others
        ]
        return exact, False
    if len(like) == 1:
        name = like[0]["name"]
        how = "differs only by case or spaces" if fold(name) == fold(wanted.table) else "has our description"
        found.drift.append(
            Drift(
                wanted.table,
                "",
                f"the table '{name}' {how}",
                "the table is named so",
                by_hand.rename_table(name, wanted.table),
            )
        )
        return None, True
    if like:
        found.drift.append(_two(wanted, like))
        return None, True
    return None, False


def _two(wanted: Wanted, tables: Sequence[dict[str, Json]]) -> Drift:
    names = ", ".join(f"'{t['name']}' ({t['id']})" for t in tables)
    return Drift(
        wanted.table,
        "",
        f"{len(tables)} tables could be it: {names}",
        f"one table of this name holds {wanted.collection}",
        f"Name the right one '{wanted.table}', and empty the description of the other (arrow beside the tab, "
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
            found.drift.append(unlike_name(wanted.table, name, like))
        elif (wanted.table, name) in refused:
            found.by_hand.append(_refused(wanted.table, spec, refused))
        else:
            found.columns.append(MakeColumn(wanted.table, spec))
        return
    if column["type"] != spec["type"]:
        found.drift.append(
            Drift(
                wanted.table,
                name,
                f"is a {column['type']}",
                f"a {spec['type']}",
                by_hand.change_type(wanted.table, spec),
            )
        )
        return
    _compare_options(wanted, spec, column.get("options") or {}, found)


def unlike_name(table: str, name: str, like: Sequence[str]) -> Drift:
    """A name that Airtable would take for one that is there."""
    if len(like) == 1:
        return Drift(
            table,
            name,
            f"the column '{like[0]}' differs only by case or spaces",
            "the column is named so",
            by_hand.rename_field(table, like[0], name),
        )
    return Drift(
        table,
        name,
        f"{len(like)} columns could be it: {by_hand.quoted(like)}",
        "one column is named so",
        f"In table '{table}', name the right one '{name}' and the other otherwise",
    )


def _compare_options(wanted: Wanted, spec: dict[str, Json], options: dict[str, Any], found: Findings) -> None:
    name, own = spec["name"], spec.get("options") or {}
    if "precision" in own and options.get("precision", 0) < own["precision"]:
        found.drift.append(
            Drift(
                wanted.table,
                name,
                f"has precision {options.get('precision', 0)}",
                f"{own['precision']}, the least that shows the data whole",
                by_hand.raise_precision(wanted.table, name, own["precision"]),
            )
        )
    if own.get("symbol", options.get("symbol")) != options.get("symbol"):
        found.notes.append(
            f"{wanted.table}.{name} shows {options.get('symbol')!r} for {own['symbol']!r}: left alone, the numbers "
            "are the same."
        )
    if "choices" in own:
        there = {choice["name"] for choice in options.get("choices") or ()}
        absent = [choice["name"] for choice in own["choices"] if choice["name"] not in there]
        if absent and name in wanted.grows:
            found.notes.append(
                f"{wanted.table}.{name} lacks {by_hand.quoted(absent)}: will be added while loading, where rows "
                "have them."
            )
        elif absent:
            found.drift.append(
                Drift(
                    wanted.table,
                    name,
                    f"lacks {len(absent)} of its choices: {by_hand.quoted(absent)}",
                    "they are there: no row may add one",
                    by_hand.add_choices(wanted.table, name, absent),
                )
            )


def _refused(table: str, spec: dict[str, Json], refused: Mapping[tuple[str, str], str]) -> str:
    return f"{by_hand.add_field(table, spec)}. (Airtable refused to make it: {refused[table, spec['name']]})"
