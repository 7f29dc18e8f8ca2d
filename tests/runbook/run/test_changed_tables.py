"""Columns and tables that a person renames, deletes or retypes: recognised by id, never made twice, and mended."""

from __future__ import annotations

from typing import Any

import pytest

from command_kit import call
from fleet_platform import LEGACY, Fleet
from runbook.errors import CheckFailed, SchemaDrift
from runbook.run import PhaseRun


@pytest.fixture(autouse=True)
def commands(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find this platform."""
    monkeypatch.setattr("runbook.cli.find_platform", lambda: migrated.platform)


def table(fleet: Fleet, name: str = "Trucks") -> dict[str, Any]:
    return next(t for t in fleet.connect().airtable.tables(fleet.base()) if t["name"] == name)


def columns(fleet: Fleet, name: str = "Trucks") -> dict[str, str]:
    return {field["name"]: field["id"] for field in table(fleet, name)["fields"]}


def rename(fleet: Fleet, column: str, to: str, name: str = "Trucks") -> None:
    found = table(fleet, name)
    fleet.connect().airtable.update_field(fleet.base(), found["id"], columns(fleet, name)[column], {"name": to})


def delete(fleet: Fleet, column: str, name: str = "Trucks") -> None:
    fleet.box.grid(fleet.base(), name, field=column, delete=True)


def count(fleet: Fleet, name: str = "Trucks") -> int:
    return len(list(fleet.connect().airtable.records(fleet.base(), name)))


def refused(fleet: Fleet, why: str, phase: int = 2, collection: str = "Trucks") -> PhaseRun:
    """Plan and provision say why; a load that comes without them stops that collection. Nothing is made or written."""
    names, before = {t["name"]: t for t in fleet.connect().airtable.tables(fleet.base())}, count(fleet)
    run = fleet.open(phase)
    assert why in repr(run.plan())
    with pytest.raises(SchemaDrift) as raised:
        run.provision()
    assert why in str(raised.value)
    for step in ("export", "transform", "load"):
        getattr(run, step)()
    assert why in run.results.stopped[collection]
    assert collection not in run.results.loaded
    assert {t["name"]: t for t in fleet.connect().airtable.tables(fleet.base())} == names
    assert count(fleet) == before
    return run


def test_a_renamed_column_is_recognised_by_its_id(migrated: Fleet) -> None:
    rename(migrated, "DOT", "Town")
    refused(migrated, "`Town` was `DOT`")
    rename(migrated, "Town", "DOT")
    migrated.migrate(2)


def test_a_dry_run_is_red_for_it_too(migrated: Fleet) -> None:
    rename(migrated, "DOT", "Town")
    run = migrated.open(2, dry_run=True)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    with pytest.raises(CheckFailed, match="`Town` was `DOT`"):
        run.gate()


def test_a_retyped_column_of_legacy_ids_must_get_its_type_back_first(migrated: Fleet) -> None:
    before = migrated.records("Trucks")
    migrated.box.grid(migrated.base(), "Trucks", field=LEGACY, type="number", options={"precision": 0})
    refused(migrated, "is a number")
    assert "is a number" in call("repair-ids", "--collections", "Trucks", code=2).err
    migrated.box.grid(migrated.base(), "Trucks", field=LEGACY, type="singleLineText")
    call("repair-ids")
    assert migrated.records("Trucks") == before
    migrated.migrate(2)


def test_a_renamed_primary_column_is_recognised(migrated: Fleet) -> None:
    rename(migrated, "Plate", "Town")
    refused(migrated, "`Town` was `Plate`")


def test_a_renamed_column_beside_a_new_one_of_its_name_is_not_taken_for_it(migrated: Fleet) -> None:
    rename(migrated, "DOT", "Town")
    spec = {"name": "DOT", "type": "number", "options": {"precision": 0}}
    migrated.connect().airtable.create_field(migrated.base(), table(migrated)["id"], spec)
    refused(migrated, "`Town` was `DOT`, and another column is called `DOT`")


@pytest.mark.parametrize("what", ["renamed", "deleted"])
def test_a_link_column_is_recognised_too(migrated: Fleet, what: str) -> None:
    if what == "renamed":
        rename(migrated, "Truck", "Lorry", "Trips")
    else:
        delete(migrated, "Truck", "Trips")
    refused(migrated, "`Lorry` was `Truck`" if what == "renamed" else "was deleted", collection="Trips")


def test_a_deleted_column_stops_until_a_person_gives_it_up_and_is_filled_again(migrated: Fleet) -> None:
    before = migrated.records("Trucks")
    delete(migrated, "DOT")
    refused(migrated, "the column that was filled was deleted")
    done = call("forget-column", "Trucks", "DOT")
    assert "was deleted" in done.out
    run = migrated.migrate(2)
    assert {i: r["fields"].get("DOT") for i, r in migrated.records("Trucks").items()} == {
        i: r["fields"].get("DOT") for i, r in before.items()
    }
    assert run.results.loaded["Trucks"].conflicts == ()
    migrated.migrate(2)


def test_a_deleted_link_column_is_filled_again_once_it_is_given_up(migrated: Fleet) -> None:
    before = {i: r["fields"]["Truck"] for i, r in migrated.records("Trips").items()}
    delete(migrated, "Truck", "Trips")
    call("forget-column", "Trips", "Truck")
    migrated.migrate(2)
    assert {i: r["fields"]["Truck"] for i, r in migrated.records("Trips").items()} == before


def test_a_column_made_again_by_hand_holds_nothing_of_what_was_written(migrated: Fleet) -> None:
    delete(migrated, "DOT")
    spec = {"name": "DOT", "type": "number", "options": {"precision": 0}}
    migrated.connect().airtable.create_field(migrated.base(), table(migrated)["id"], spec)
    refused(migrated, "another column has its name now")
    call("forget-column", "Trucks", "DOT")
    migrated.migrate(2)
    assert migrated.records("Trucks")["t1"]["fields"]["DOT"] == 1001


def test_a_retyped_column_stops_its_collection(migrated: Fleet) -> None:
    migrated.box.grid(migrated.base(), "Trucks", field="DOT", type="singleLineText")
    refused(migrated, "is a singleLineText")
    migrated.box.grid(migrated.base(), "Trucks", field="DOT", type="number", options={"precision": 0})
    migrated.migrate(2)


def test_a_renamed_column_of_legacy_ids_stops_and_is_repaired(migrated: Fleet) -> None:
    before = migrated.records("Trucks")
    rename(migrated, LEGACY, "Id")
    run = refused(migrated, f"`Id` was `{LEGACY}`")
    assert "Rename it back, or `runbook repair-ids`" in run.results.stopped["Trucks"]
    assert "renamed back; it was `Id`" in call("repair-ids").out
    assert migrated.records("Trucks") == before
    migrated.migrate(2)
    assert count(migrated) == 2


def test_a_deleted_column_of_legacy_ids_is_made_again_with_every_id(migrated: Fleet) -> None:
    before = migrated.records("Trucks")
    delete(migrated, LEGACY)
    refused(migrated, "`runbook repair-ids`")
    shown = call("repair-ids", "--dry-run").out
    assert "made again" in shown
    assert LEGACY not in columns(migrated)
    call("repair-ids", "--collections", "Trucks")
    assert {i: (r["id"], r["fields"]) for i, r in migrated.records("Trucks").items()} == {
        i: (r["id"], r["fields"]) for i, r in before.items()
    }
    migrated.migrate(2)
    assert count(migrated) == 2


def test_an_empty_column_of_legacy_ids_made_beside_the_renamed_one_is_put_aside(migrated: Fleet) -> None:
    rename(migrated, LEGACY, "Id")
    spec = {"name": LEGACY, "type": "singleLineText"}
    migrated.connect().airtable.create_field(migrated.base(), table(migrated)["id"], spec)
    refused(migrated, f"`Id` was `{LEGACY}`, and another column is called `{LEGACY}`")
    call("repair-ids")
    assert f"{LEGACY} (not used)" in columns(migrated)
    assert migrated.records("Trucks").keys() == {"t0", "t1"}
    migrated.migrate(2)


def test_an_empty_column_of_legacy_ids_in_place_of_the_deleted_one_is_filled(migrated: Fleet) -> None:
    delete(migrated, LEGACY)
    spec = {"name": LEGACY, "type": "singleLineText"}
    migrated.connect().airtable.create_field(migrated.base(), table(migrated)["id"], spec)
    refused(migrated, "another column has its name now")
    call("repair-ids")
    assert migrated.records("Trucks").keys() == {"t0", "t1"}
    migrated.migrate(2)
    assert count(migrated) == 2


def test_a_table_that_is_renamed_or_deleted_is_never_made_again(migrated: Fleet) -> None:
    airtable, base = migrated.connect().airtable, migrated.base()
    owners = table(migrated, "Owners")["id"]
    airtable.update_table(base, owners, {"name": "People", "description": ""})
    run = migrated.open(3)
    assert "the table `People` was `Owners`" in repr(run.plan())
    with pytest.raises(SchemaDrift, match="the table `People` was `Owners`"):
        run.provision()
    airtable.update_table(base, owners, {"name": "Owners"})
    migrated.box.grid(base, "Owners", delete=True)
    with pytest.raises(SchemaDrift, match="the table that was filled was deleted"):
        migrated.open(3).provision()
    assert "deleted" in call("repair-ids", "--collections", "Owners", code=2).err
    assert "not done" in call("repair-ids").out
    call("forget-column", "Owners")
    migrated.migrate(3)
    assert migrated.records("Owners").keys() == {"o0", "o1"}


def test_a_state_that_does_not_know_the_columns_notes_them_at_the_next_run(migrated: Fleet) -> None:
    state, base = migrated.connect().state, migrated.base()
    known = state.facts.table(base, "Trucks")
    assert known is not None
    assert known.columns.items() >= {"Plate": columns(migrated)["Plate"], LEGACY: columns(migrated)[LEGACY]}.items()
    for name in ("Trucks", "Trips"):
        state.facts.forget_table(base, name)
    migrated.migrate(2)
    assert migrated.connect().state.facts.table(base, "Trucks") == known
    rename(migrated, "DOT", "Town")
    refused(migrated, "`Town` was `DOT`")


def test_the_columns_of_a_catalog_that_grew_are_made(migrated: Fleet) -> None:
    state, base = migrated.connect().state, migrated.base()
    known = state.facts.table(base, "Trucks")
    assert known is not None
    delete(migrated, "DOT")  # as if it had never been there
    state.facts.set_table(base, "Trucks", type(known)(known.id, {n: i for n, i in known.columns.items() if n != "DOT"}))
    migrated.open(2).provision()
    assert "DOT" in columns(migrated)
    assert migrated.connect().state.facts.table(base, "Trucks").columns["DOT"] == columns(migrated)["DOT"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "arguments",
    [
        ("repair-ids", "--collections", "Nope"),
        ("forget-column", "Nope", "DOT"),
        ("forget-column", "Trucks", "Nope"),
        ("forget-column", "Trucks", LEGACY),
        ("forget-column", "Trucks", "DOT", "--source", "no/such/folder"),
    ],
)
def test_a_wrong_call_does_nothing_and_says_what_is_right(migrated: Fleet, arguments: tuple[str, ...]) -> None:
    known = migrated.connect().state.facts.table(migrated.base(), "Trucks")
    said = call(*arguments, code=2).err
    assert "nothing was done" in said or "no folder" in said
    assert migrated.connect().state.facts.table(migrated.base(), "Trucks") == known
