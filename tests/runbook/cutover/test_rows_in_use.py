"""Rows that services change while the tool carries, links or loads them: each comes before the other, or after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from fleet_platform import Fleet
from runbook.catalog import Collection
from runbook.commands.flags import set_flag
from runbook.cutover.carry_back import CarryBack
from runbook.cutover.grid_links import follow_links
from runbook.cutover.look import look_at
from runbook.errors import FlagRefused
from runbook.json_types import Item
from runbook.merge import BackMerge
from runbook.records.opening import open_records
from runbook.run import PhaseRun
from runbook.schema import Tables
from runbook.state import IN_CONFLICT, PendingRow
from runbook.steps.conflict_file import ConflictFile

SHORT = 0.5  # seconds: long enough for whoever is not kept waiting


class Back:
    """The way back of a fleet whose flags are at 'wix' again, with a cell that was edited in the grid before."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.connections, self.base = fleet, fleet.connect(), fleet.base()
        self.trucks = self.connections.catalog.collection("Trucks")
        self.before_write: Callable[[Collection], Any] = lambda c: None
        self.engine = CarryBack(
            self.connections,
            self.base,
            run_id="a-run",
            conflicts=ConflictFile(fleet.path),
            before_write=lambda c: self.before_write(c),
        )

    def look(self) -> None:
        tables = Tables(self.connections.airtable.tables(self.base), self.connections.catalog)
        look_at(self.connections, self.base, self.trucks, tables).note(self.connections.state, self.base)

    def turn(self, side: Any) -> None:
        for flag in self.fleet.platform.catalog.flags:
            self.connections.state.flags.set(flag, side, who="a test", why="")

    def held(self) -> dict[str, str | None]:
        rows = self.connections.state.outbox(self.base, "Trucks").rows(held=True)
        return {row.legacy_id: row.held for row in rows}


@pytest.fixture
def back(turned: Fleet) -> Back:
    made = Back(turned)
    turned.edit("Trucks", "t0", DOT=5000)
    made.look()
    made.turn("wix")
    return made


def one_more(item: Item) -> Item:
    return {"dot": str(int(item["dot"]) + 1)}


def test_a_service_waits_for_the_batch_that_carries_its_row(back: Back) -> None:
    with open_records(back.fleet.platform, update_mirror=False) as opened:
        service = threading.Thread(target=lambda: opened.records.change("Trucks", "t0", one_more))

        def start(c: Collection) -> None:
            service.start()
            service.join(SHORT)

        back.before_write = start
        back.engine.drain(back.trucks)
        service.join()
    assert back.fleet.items("Trucks")["t0"]["dot"] == "5001"
    assert back.held() == {}


def test_a_batch_waits_for_the_service_that_changes_its_row_and_looks_again(back: Back) -> None:
    carrying = threading.Thread(target=lambda: back.engine.drain(back.trucks))

    def between(item: Item) -> Item:
        if not carrying.is_alive():
            carrying.start()
        carrying.join(SHORT)
        return one_more(item)

    with open_records(back.fleet.platform, update_mirror=False) as opened:
        opened.records.change("Trucks", "t0", between)
    carrying.join()
    assert back.fleet.items("Trucks")["t0"]["dot"] == "1001"
    assert back.held() == {"t0": IN_CONFLICT}


def test_what_a_service_has_changed_since_the_plan_is_planned_again(back: Back) -> None:
    rows = back.connections.state.outbox(back.base, "Trucks").rows()
    plan = back.engine.plan(back.trucks, rows)
    back.fleet.save("Trucks", {**back.fleet.items("Trucks")["t0"], "dot": "1001"})
    assert back.engine.apply(plan).again == ["t0"]
    assert back.fleet.items("Trucks")["t0"]["dot"] == "1001"


def test_while_services_write_airtable_no_row_of_theirs_is_locked(back: Back) -> None:
    back.turn("airtable")
    with back.connections.state.locks.rows("Trucks", ["t0"]):  # else this would wait for ever
        _, carried = back.engine.drain(back.trucks)
    assert carried.patched == 1
    assert back.fleet.items("Trucks")["t0"]["dot"] == "5000"


# Keys that follow a link which was changed in the grid


@pytest.fixture
def linked(turned: Fleet) -> tuple[Back, list[PendingRow]]:
    """A trip led to another truck by hand, as it was seen then."""
    back = Back(turned)
    trucks = turned.records("Trucks")
    turned.edit("Trips", "r0", Truck=[trucks["t1"]["id"]])
    trip = turned.records("Trips")["r0"]
    return back, [PendingRow("r0", trip["id"], trip["fields"], True, "a mark", "", {}, None)]


def follow(back: Back, rows: list[PendingRow]) -> Any:
    c = back.connections.catalog.collection("Trips")
    merge = BackMerge(c, [link.name for link in c.links], lambda record: True)
    return follow_links(
        c, rows, merge, airtable=back.connections.airtable, base=back.base, state=back.connections.state
    )


def test_a_key_that_a_service_has_written_since_is_not_written_over(linked: tuple[Back, list[PendingRow]]) -> None:
    back, rows = linked
    with open_records(back.fleet.platform, update_mirror=False) as opened:
        opened.records.insert("Trucks", {"_id": "t9", "plate": "P-9"})
        opened.records.patch("Trips", "r0", {"truck": "t9"})
    followed = follow(back, rows)
    with open_records(back.fleet.platform, update_mirror=False) as opened:
        trip = opened.records.get("Trips", "r0", consistent=True)
    assert trip is not None
    assert trip["truck"] == "t9"
    assert [row.fields["Truck ID"] for row in followed.rows if row.fields] == ["t9"]


def test_keys_follow_a_link_while_no_service_writes_the_row(linked: tuple[Back, list[PendingRow]]) -> None:
    back, rows = linked
    with back.connections.state.locks.rows("Trips", ["r0"]):
        following = threading.Thread(target=lambda: follow(back, rows))
        following.start()
        following.join(SHORT)
        assert back.fleet.records("Trips")["r0"]["fields"]["Truck ID"] == "t0"
    following.join()
    assert back.fleet.records("Trips")["r0"]["fields"]["Truck ID"] == "t1"


# A flag and a load


def test_no_flag_turns_while_a_run_writes_to_the_base(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows were decided on when Wix had the data: they would overwrite what services write from then on."""
    said: list[str] = []
    load = PhaseRun._load

    def loading(run: PhaseRun, staged: Any) -> None:
        with pytest.raises(FlagRefused, match="a run or a repair is writing to base") as caught:
            turn()
        said.append(str(caught.value))
        load(run, staged)

    def turn() -> None:
        set_flag(migrated.platform, "sandbox", "trucks", "airtable", who="ann", why="now")

    monkeypatch.setattr(PhaseRun, "_load", loading)
    migrated.migrate(2)
    assert len(said) == 1
    assert migrated.connect().state.flags.get("trucks") == "wix"
    turn()
    assert migrated.connect().state.flags.get("trucks") == "airtable"
