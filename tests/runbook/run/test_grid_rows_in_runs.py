"""What people type and copy in Airtable's grid while the platform is migrated: nothing turns red, nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_platform import LEGACY, Fleet
from runbook.commands.monitor import IntegrityCheck, open_check


def typed(fleet: Fleet, collection: str, **cells: Any) -> str:
    (record,) = fleet.connect().airtable.create(fleet.base(), collection, [cells])
    return str(record["id"])


def cells(fleet: Fleet, collection: str) -> dict[str, dict[str, Any]]:
    """Cells by record id."""
    return {r["id"]: r["fields"] for r in fleet.connect().airtable.records(fleet.base(), collection)}


def check(fleet: Fleet) -> IntegrityCheck:
    opened = open_check(fleet.platform)
    for step in ("compare", "record_counts", "error_rate", "verdict"):
        getattr(opened, step)()
    return opened


@pytest.mark.parametrize("side", ["wix", "airtable"])
def test_a_typed_and_a_copied_row_get_ids_at_the_next_run(migrated: Fleet, side: str) -> None:
    for flag in migrated.platform.catalog.flags:
        migrated.connect().state.flags.set(flag, side, who="a test", why="")
    copy = typed(migrated, "Trucks", **migrated.records("Trucks")["t1"]["fields"])
    row = typed(migrated, "Trucks", Plate="typed", DOT=5)
    half = typed(migrated, "Trucks")
    run = migrated.migrate(2)
    held = cells(migrated, "Trucks")
    assert len({held[row][LEGACY], held[copy][LEGACY], "t0", "t1"}) == 4
    assert LEGACY not in held[half]
    changes = migrated.connect().state.rows(migrated.base(), "Trucks").changes()
    assert changes == {held[row][LEGACY]: "created", held[copy][LEGACY]: "created"}
    warnings = "\n".join(run.results.warnings)
    assert f"t1, whose copy is now {held[copy][LEGACY]}" in warnings
    assert f"1 row created in Airtable: {held[row][LEGACY]}" in warnings
    assert half in warnings
    again = migrated.migrate(2)  # nothing of it is done twice, nothing deleted
    assert cells(migrated, "Trucks") == held
    assert "created in Airtable:" not in "\n".join(again.results.warnings)


@pytest.mark.parametrize("cell", [None, "t0", "no such row"])
def test_a_legacy_id_changed_by_hand_is_written_again_at_the_next_run(migrated: Fleet, cell: str | None) -> None:
    before = migrated.records("Trucks")
    migrated.edit("Trucks", "t1", **{LEGACY: cell})
    run = migrated.migrate(2)
    assert migrated.records("Trucks") == before
    assert "emptied or changed by hand, written again: t1" in "\n".join(run.results.warnings)


def test_what_a_phase_checks_besides_counts_no_row_that_only_airtable_has(migrated: Fleet) -> None:
    typed(migrated, "Trucks", **migrated.records("Trucks")["t1"]["fields"])
    typed(migrated, "Trucks", Plate="typed")
    typed(migrated, "Trucks")
    run = migrated.open(2)
    for step in ("plan", "provision", "export", "transform", "load", "validate", "check_links", "check_lookups"):
        getattr(run, step)()
    run.check_services()
    assert run.results.checks
    assert [check for check, passed in run.results.checks.items() if not passed] == []
    run.gate()


def test_the_integrity_check_gives_typed_rows_an_id_and_stays_green(turned: Fleet) -> None:
    copy = typed(turned, "Trucks", **turned.records("Trucks")["t0"]["fields"])
    row = typed(turned, "Trucks", Plate="typed")
    half = typed(turned, "Trucks")
    turned.edit("Trips", "r0", **{LEGACY: None})
    opened = check(turned)
    held = cells(turned, "Trucks")
    assert len({held[row][LEGACY], held[copy][LEGACY], "t0"}) == 3
    assert turned.records("Trips").keys() == {"r0", "r1"}
    assert opened.alerts == []
    assert half in repr(opened.notes)


def test_the_integrity_check_names_a_column_that_was_renamed_once_and_goes_on(turned: Fleet) -> None:
    airtable, base = turned.connect().airtable, turned.base()
    (table,) = [t for t in airtable.tables(base) if t["name"] == "Trucks"]
    (column,) = [f for f in table["fields"] if f["name"] == LEGACY]
    airtable.update_field(base, table["id"], column["id"], {"name": "Id"})
    opened = open_check(turned.platform)
    shown = repr(opened.compare())
    assert [alert for alert in opened.alerts if f"`Id` was `{LEGACY}`" in alert] == opened.alerts
    assert len(opened.alerts) == 1
    assert "Owners" in shown
    assert len(cells(turned, "Trucks")) == 2
