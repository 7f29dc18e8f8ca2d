"""The tables of docs/way_back.md are what the code does, line by line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from back_world import ITEM, World, read_cars
from runbook.catalog import Collection
from runbook.merge import BackRow, Past, back

DOCS = (Path(__file__).parents[3] / "docs/way_back.md").read_text()


def table(title: str) -> list[tuple[str, ...]]:
    part = DOCS.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| *(.+?) *\|$", part, re.MULTILINE)
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows][2:]


VALUES, ROWS = table("One value"), table("One row")
CHANGED = {"changed": "B-2", "changed, to the same": "B-2", "changed, to something else": "C-3", "unchanged": "A-1"}
UNKNOWN = {"x": "A-1", "something else": "C-3"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    cars: Collection = read_cars(tmp_path)
    return World(cars)


@pytest.mark.parametrize("line", VALUES, ids=" / ".join)
def test_one_value(world: World, line: tuple[str, ...]) -> None:
    agreed, airtable, wix, outcome = line
    values = CHANGED if agreed == "known" else UNKNOWN
    world.airtable(Plate=values[airtable])
    world.wix(plate=values[wix])
    if agreed == "unknown":
        world.past = Past()
    row = world.merged()
    conflict = [each.key for each in row.conflicts] == ["plate"]
    did = {
        "carried": row.values == {"plate": values[airtable]} and row.action == "patch",
        "stays": row.kept == ["plate"] and row.action == "nothing",
        "nothing": (row.action, row.kept, row.conflicts) == ("nothing", [], []),
        "conflict": conflict and row.is_held,
    }
    assert [word for word, true in did.items() if true] == [re.split(r"[ :;]", outcome)[0]]
    if conflict and agreed == "unknown":
        world.past = Past(wix_unchanged=True)
        assert world.merged().values == {"plate": values[airtable]}


def _gone(world: World) -> None:
    world.item = None


def _deleted(world: World) -> None:
    world.cells = None


def _never(world: World) -> None:
    world.past = Past()


AIRTABLE: dict[str, Callable[[World], Any]] = {
    "a row": lambda world: None,
    "a row never in Wix": _never,
    "unchanged": lambda world: None,
    "changed": lambda world: world.airtable(Plate="B-2"),
    "no row": _deleted,
}
WIX: dict[str, Callable[[World], Any]] = {
    "an item": lambda world: world.airtable(Plate="B-2"),
    "no item": _gone,
    "no item, it was there": _gone,
    "as both last agreed": lambda world: None,
    "changed": lambda world: world.wix(plate="W-1"),
    "it is not known what was": _never,
}


def outcome_of(row: BackRow) -> str:
    if row.row_conflict is not None:
        return f"conflict: {row.row_conflict}"
    if row.action == "patch":
        return "merged, value by value"
    return "nothing: deleted in Wix alone" if row.kept_deleted else row.action


@pytest.mark.parametrize("line", ROWS, ids=" / ".join)
def test_one_row(world: World, line: tuple[str, ...]) -> None:
    airtable, wix, outcome = line
    AIRTABLE[airtable](world)
    WIX[wix](world)
    assert outcome_of(world.merged()) == outcome
    assert world.item is None or world.item["_id"] == ITEM["_id"]


def test_the_documentation_shows_the_table_of_the_code() -> None:
    rows = [line for line in (back.__doc__ or "").splitlines() if line.startswith("|")]
    assert len(rows) == len(ROWS) + 2
    assert [line for line in DOCS.splitlines() if line in rows] == rows
