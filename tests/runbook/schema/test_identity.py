"""What a person changed about a filled table, found by the ids of its columns and choices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from load_kit import BASE, SEED, World, trucks, world
from runbook.errors import SchemaDrift
from runbook.schema import plan_schema
from runbook.schema.identity import drift_of, known_columns, note_tables
from runbook.schema.steps import Drift
from runbook.state import KnownTable
from runbook.steps.repair import forget_column
from sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off", plan="business") as running:
        yield running


@pytest.fixture
def w(box: Sandbox, tmp_path: Path) -> Iterator[World]:
    with world(box, tmp_path) as made:
        made.load("Trucks", trucks(3, kind="box"))
        yield made


def known(w: World) -> KnownTable:
    found = w.state.facts.table(BASE, "Trucks")
    assert found is not None
    return found


def drift(w: World, table: KnownTable | None) -> list[Drift]:
    return drift_of(w.catalog.collection("Trucks"), w.catalog, w.airtable.tables(BASE), table)


def test_a_renamed_choice_is_one_change_of_the_schema_and_not_one_of_each_row(w: World, box: Sandbox) -> None:
    box.grid(BASE, "Trucks", field="Kind", choice="box", name="Box")
    (found,) = drift(w, known(w))
    assert (found.column, found.actual, found.stops) == ("Kind", "its choice `Box` was `box`", False)
    tables = w.airtable.tables(BASE)
    plan = plan_schema(w.catalog, ["Trucks"], tables, known={"Trucks": known(w)})
    assert [d.actual for d in plan.drift] == ["its choice `Box` was `box`"]
    with pytest.raises(SchemaDrift, match="its choice `Box` was `box`") as raised:
        w.load("Trucks", trucks(3, kind="box"))
    assert str(raised.value).count("`Box`") == 1
    assert {cells["Kind"] for cells in w.records("Trucks").values()} == {"Box"}
    given_up = forget_column(
        w.catalog.collection("Trucks"), "Kind", catalog=w.catalog, airtable=w.airtable, base=BASE, state=w.state
    )
    assert given_up == "its choice `Box` was `box`"
    assert drift(w, known(w)) == []
    w.load("Trucks", trucks(3, kind="box"))
    assert {cells["Kind"] for cells in w.records("Trucks").values()} == {"Box"}


def test_a_choice_that_a_load_adds_is_known_at_the_next(w: World) -> None:
    w.load("Trucks", [*trucks(3, kind="box"), {"_id": "t9", "plate": "P-9", "kind": "van"}])
    w.load("Trucks", [*trucks(3, kind="box"), {"_id": "t9", "plate": "P-9", "kind": "van"}])
    assert sorted(known(w).choices["Kind"].values()) == ["box", "van"]


def test_columns_are_noted_once_and_not_while_they_are_not_as_the_catalog_says(w: World, box: Sandbox) -> None:
    before, fields = known(w), {f["name"]: f["id"] for t in w.airtable.tables(BASE) for f in t["fields"]}
    assert before.columns["Plate"] == fields["Plate"]
    assert before.columns["Boss"] == fields["Boss"]
    table = before.id
    w.airtable.update_field(BASE, table, before.columns["Plate"], {"name": "Town"})
    note_tables(w.state, BASE, w.catalog, ["Trucks"], w.airtable.tables(BASE))
    assert known(w) == before
    assert "Plate" in known_columns(w.state, BASE, w.catalog.collection("Trucks"))
    assert drift(w, None) == []  # by name alone a column that lacks is to be made


@pytest.mark.parametrize("kind", ["number", "checkbox"])
def test_a_retyped_column_is_found_without_knowing_its_id(w: World, box: Sandbox, kind: str) -> None:
    options: dict[str, Any] = {"number": {"precision": 0}, "checkbox": {"icon": "check", "color": "greenBright"}}
    box.grid(BASE, "Trucks", field="Driver", type=kind, options=options[kind])
    for table in (known(w), None):
        (found,) = drift(w, table)
        assert (found.column, found.actual) == ("Driver", f"is a {kind}")
        assert "forget-column" in found.fix
