"""Multi-references on the way back: to rows that are new, to rows that Wix does not have; and no echo on the way forth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_platform import LEGACY, Fleet, copy_of
from runbook.cutover.back_plan import Carried
from runbook.cutover.carry_back import CarryBack
from runbook.cutover.look import look_at
from runbook.records.opening import open_records
from runbook.schema import Tables
from runbook.steps.conflict_file import ConflictFile
from yard import items, save_yard, turn_all

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_yard(tmp_path_factory.mktemp("yard"), rows=4)


@pytest.fixture
def yard(saved: Path, tmp_path: Path) -> Iterator[Fleet]:
    with copy_of(saved, tmp_path) as fleet:
        yield fleet


def carry(fleet: Fleet, name: str) -> Carried:
    connections, base = fleet.connect(), fleet.base()
    catalog = connections.catalog
    tables = Tables(connections.airtable.tables(base), catalog)
    look_at(connections, base, catalog.collection(name), tables).note(connections.state, base)
    engine = CarryBack(connections, base, run_id="test", conflicts=ConflictFile(fleet.path))
    return engine.drain(catalog.collection(name))[1]


def crew(fleet: Fleet, truck: str) -> set[str]:
    return set(next(item for item in items(fleet, "Trucks") if item["_id"] == truck).get("crew", ()))


def test_a_reference_to_a_row_that_is_not_in_wix_holds_up_its_row_alone_and_goes_once_it_is(yard: Fleet) -> None:
    yard.edit("Trucks", "t1", **{"Crew IDs": '["d9","d1"]', "Note": "new"})
    yard.edit("Trucks", "t2", Note="new as well")
    done = carry(yard, "Trucks")
    assert done.refused == {"t1": "`crew` refers to a row that Wix does not have"}
    trucks = yard.items("Trucks")
    assert (trucks["t1"]["note"], trucks["t2"]["note"]) == ("new", "new as well")
    assert [row.legacy_id for row in yard.connect().state.outbox(yard.base(), "Trucks").rows()] == ["t1"]
    yard.connect().airtable.create(yard.base(), "Drivers", [{LEGACY: "d9", "Name": "late"}])
    carry(yard, "Drivers")
    assert carry(yard, "Trucks").refused == {}
    assert crew(yard, "t1") == {"d9", "d1"}
    assert yard.connect().state.outbox(yard.base(), "Trucks").rows(held=True) == []


def test_what_was_carried_back_is_no_change_on_the_way_forth(yard: Fleet) -> None:
    yard.edit("Trucks", "t1", Note="new")
    yard.connect().airtable.create(yard.base(), "Drivers", [{LEGACY: "d9", "Name": "new"}])
    assert (carry(yard, "Drivers").rows, carry(yard, "Trucks").rows) == (1, 1)
    turn_all(yard, "wix")
    run = yard.migrate(2)
    assert run.gate().passed
    assert {name: loaded.writes for name, loaded in run.results.loaded.items()} == {"Drivers": 0, "Trucks": 0}
    assert run.results.validated["Drivers"].comparison.explained["set by Wix"] >= 1


def test_rows_that_a_service_removes_or_makes_again_meanwhile_are_not_made_or_removed(yard: Fleet) -> None:
    connections, base, c = yard.connect(), yard.base(), yard.platform.catalog.collection("Drivers")
    with open_records(yard.platform, update_mirror=False) as opened:
        opened.records.insert("Drivers", {"_id": "d9", "name": "short"})
        opened.records.remove("Drivers", "d1")
        engine = CarryBack(connections, base, run_id="test", conflicts=ConflictFile(yard.path))
        outbox = connections.state.outbox(base, "Drivers")
        plan = engine.plan(c, outbox.rows())
        opened.records.remove("Drivers", "d9")
        opened.records.insert("Drivers", {"_id": "d1", "name": "again"})
        assert engine.apply(plan).rows == 0
        engine.drain(c)
    drivers = yard.items("Drivers")
    assert ("d9" in drivers, drivers["d1"]["name"]) == (False, "again")
    assert outbox.rows(held=True) == []
