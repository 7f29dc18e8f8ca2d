"""Going back with writes in the journal: they go to Airtable first, or to Wix where it cannot take them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fleet_platform import Fleet
from runbook.airtable.client import Airtable
from runbook.commands.rollback import Rollback
from runbook.errors import RunbookError, SourceDown
from runbook.json_types import MISSING
from runbook.records import Records
from runbook.records.opening import open_records
from runbook.state.pending_writes import NewWrite, PendingWrites
from yard import go_back, went_back

pytestmark = pytest.mark.slow

DOWN = {"match": {"service": "airtable"}, "times": None, "kind": "status", "status": 503}
COLLECTIONS = ("Trucks", "Trips", "Owners")


class World:
    """A fleet whose services write through the journal."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.state, self.base = fleet, fleet.connect().state, fleet.base()

    @property
    def pending(self) -> PendingWrites:
        return self.state.pending_writes(self.base)

    def down(self) -> None:
        self.fleet.box.faults(DOWN)

    def up(self) -> None:
        self.fleet.box.faults(clear=True)

    @contextmanager
    def services(self) -> Iterator[Records]:
        """Records of services that do not wait for Airtable."""
        with open_records(self.fleet.platform) as opened:
            assert opened.mirror is not None
            opened.mirror.load(COLLECTIONS)
            with opened.records.pinned(durable="journal") as records:
                yield records

    def write(self) -> None:
        """Writes of every kind, with Airtable down."""
        with self.services() as records:
            self.down()
            records.insert("Owners", {"_id": "new", "name": "Cy"})
            records.patch("Owners", "new", {"name": "Cyd"})
            records.insert("Owners", {"_id": "brief", "name": "Di"})
            records.remove("Owners", "brief")
            records.patch("Owners", "o0", {"name": "Anna"})
            records.patch("Owners", "o0", {"name": "Anne"})
            records.remove("Owners", "o1")
            records.insert("Trucks", {"_id": "t9", "plate": "P-9", "dot": "1009"})
            records.patch("Trips", "r0", {"truck": "t9"})
        assert self.waiting() == 7

    def waiting(self) -> int:
        """How many lines wait, but for a row that was made and removed, of which nothing need be sent."""
        return sum(line.legacy_id != "brief" for line in self.pending.lines())

    def wix(self) -> dict[str, dict[str, Any]]:
        owners, trips = self.fleet.items("Owners"), self.fleet.items("Trips")
        trucks = self.fleet.items("Trucks")
        return {
            "owners": {id_: item["name"] for id_, item in owners.items()},
            "trips": {id_: item.get("truck") for id_, item in trips.items()},
            "trucks": {id_: item["plate"] for id_, item in trucks.items() if id_ != "t2"},
        }

    def airtable(self) -> dict[str, dict[str, Any]]:
        def column(table: str, name: str) -> dict[str, Any]:
            return {id_: record["fields"].get(name) for id_, record in self.fleet.records(table).items()}

        return {
            "owners": column("Owners", "Name"),
            "trips": column("Trips", "Truck ID"),
            "trucks": column("Trucks", "Plate"),
        }


WRITTEN = {
    "owners": {"new": "Cyd", "o0": "Anne"},
    "trips": {"r0": "t9", "r1": "t1"},
    "trucks": {"t0": "P-0", "t1": "P-1", "t9": "P-9"},
}


@pytest.fixture
def world(turned: Fleet, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setitem(Airtable.__init__.__kwdefaults__, "backoff", 0.001)
    monkeypatch.setattr("runbook.mirror.journal._LAST_SECONDS", 0.2)
    return World(turned)


def flags(world: World) -> set[str]:
    return {*world.state.flags.all().values()}


def and_forth(world: World) -> None:
    """The debt is settled, and the phases run again: without a conflict, and both sides are equal."""
    world.up()
    assert went_back(world.fleet.platform) is None
    assert world.state.debts.all() == {}
    world.fleet.migrate(2, 3)
    for name in COLLECTIONS:
        assert world.state.conflicts(world.base, name).all() == []
    assert world.airtable() == world.wix()


def test_with_airtable_up_the_journal_is_sent_and_its_rows_go_back(world: World) -> None:
    world.write()
    world.up()
    assert went_back(world.fleet.platform) is None
    assert world.pending.lines() == []
    assert world.wix() == WRITTEN == world.airtable()
    assert flags(world) == {"wix"}
    and_forth(world)


def test_with_airtable_down_its_rows_go_to_wix_and_the_way_forth_makes_no_conflict(world: World) -> None:
    world.write()
    said = went_back(world.fleet.platform)
    assert said is not None, "what people did in the grid is not known"
    assert "not carried back" not in said
    assert flags(world) == {"wix"}
    assert world.wix() == WRITTEN
    assert world.pending.lines() == [], "nothing of it is to be sent any more"
    assert world.state.outbox_counts(world.base) == {}
    and_forth(world)
    assert world.wix() == WRITTEN


def test_what_services_write_in_wix_since_is_not_undone(world: World) -> None:
    world.write()
    went_back(world.fleet.platform)
    with open_records(world.fleet.platform) as opened:
        opened.records.patch("Owners", "o0", {"name": "Later"})
        opened.records.patch("Owners", "new", {"name": "Later"})
        opened.records.insert("Owners", {"_id": "o1", "name": "There again"})
        opened.records.patch("Trips", "r0", {"truck": "t1"})
    and_forth(world)
    assert world.wix()["owners"] == {"o0": "Later", "new": "Later", "o1": "There again"}
    assert world.wix()["trips"]["r0"] == "t1"


ARRIVED: dict[str, tuple[Callable[[Records], object], Callable[[Records], object]]] = {
    "an insert": (
        lambda r: r.insert("Owners", {"_id": "new", "name": "Cy"}),
        lambda r: r.patch("Owners", "new", {"name": "Later"}),
    ),
    "a patch": (
        lambda r: r.patch("Owners", "o0", {"name": "Anne"}),
        lambda r: r.patch("Owners", "o0", {"name": "Later"}),
    ),
    "a key of a link": (
        lambda r: r.patch("Trips", "r0", {"truck": "t1"}),
        lambda r: r.patch("Trips", "r0", {"truck": MISSING}),
    ),
    "a removal": (
        lambda r: r.remove("Owners", "o1"),
        lambda r: r.insert("Owners", {"_id": "o1", "name": "There again"}),
    ),
}


@pytest.mark.parametrize("goes_on", [False, True], ids=["", "and services go on in Wix"])
@pytest.mark.parametrize("write", ARRIVED)
def test_what_has_arrived_in_airtable_all_the_same_makes_no_conflict(world: World, write: str, goes_on: bool) -> None:
    """A request was done, and its answer lost; then Airtable is down."""
    before = world.airtable()
    with world.services() as records:
        airtable = {"service": "airtable"}
        for method in ("PATCH", "DELETE"):
            world.fleet.box.faults(
                {"match": {**airtable, "method": method}, "times": None, "kind": "drop_after_commit"}
            )
        world.fleet.box.faults({"match": {**airtable, "method": "GET"}, "times": None, "kind": "status", "status": 503})
        ARRIVED[write][0](records)
        if write == "a removal":  # which looks the row up first
            world.fleet.box.faults(clear=True)
            world.fleet.box.faults({"match": {**airtable, "method": "DELETE"}, "times": 3, "kind": "drop_after_commit"})
        end = time.monotonic() + 30
        while not all(line.sent for line in world.pending.lines()):
            assert time.monotonic() < end
            time.sleep(0.02)
    world.fleet.box.faults(clear=True)
    assert write == "a removal" or (world.airtable() != before and world.pending.lines())
    world.down()
    went_back(world.fleet.platform)
    assert world.pending.lines() == []
    if goes_on:
        with open_records(world.fleet.platform) as opened:
            ARRIVED[write][1](opened.records)
    before = world.wix()
    and_forth(world)
    assert world.wix() == before


def test_what_was_changed_in_wix_too_waits_for_a_person(world: World) -> None:
    world.write()
    world.fleet.save("Owners", {**world.fleet.items("Owners")["o0"], "name": "In the CMS"})
    said = went_back(world.fleet.platform)
    assert said is not None
    assert "1 row in conflict" in said
    assert world.wix()["owners"] == {"o0": "In the CMS", "new": "Cyd"}
    assert {line.legacy_id for line in world.pending.lines()} == {"o0"}
    assert flags(world) == {"wix"}
    assert "owners" in world.state.debts.all()


def test_without_reverse_sync_it_is_a_debt_that_is_carried_later(world: World) -> None:
    world.write()
    went_back(world.fleet.platform, reverse_sync=False)
    assert flags(world) == {"wix"}
    assert world.waiting() == 7
    assert {*world.state.debts.all()} == {"owners", "trips", "trucks"}
    assert world.wix()["owners"] == {"o0": "Ann", "o1": "Bob"}
    went_back(world.fleet.platform)  # the same, with it, while Airtable is still down
    assert world.wix() == WRITTEN
    assert world.pending.lines() == []
    and_forth(world)


def test_what_airtable_refused_is_told_and_goes_nowhere(world: World) -> None:
    ids = world.pending.append([NewWrite("Owners", "o0", "patch", {"name": "Zoë"})])
    world.pending.refuse(dict.fromkeys(ids or (), "Airtable refused the row"))
    rollback = go_back(world.fleet.platform)
    assert "1 write that Airtable refused, in neither side" in " ".join(rollback.found["Owners"].notes)
    assert flags(world) == {"wix"}
    assert world.wix()["owners"]["o0"] == "Ann"
    assert len(world.pending.lines(refused=True)) == 1


def test_a_dry_run_counts_it_and_sends_nothing(world: World) -> None:
    world.write()
    world.up()
    before = world.airtable()
    rollback = go_back_dry(world)
    assert {name: found.counts.inserted for name, found in rollback.found.items()} == {
        "Trucks": 1, "Trips": 0, "Owners": 1,
    }  # fmt: skip
    assert rollback.found["Owners"].counts.removed == 1
    assert world.waiting() == 7
    assert world.airtable() == before


def go_back_dry(world: World) -> Rollback:
    return go_back(world.fleet.platform, dry_run=True)


@pytest.mark.parametrize("moment", ["runbook.state.flags.Flags.turn", "runbook.cutover.way_back.WayBack.settle"])
def test_a_rollback_that_ends_before_the_turn_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Wix has it, the flag has not turned: Airtable is still to get it, and services go on there."""

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    world.write()
    with monkeypatch.context() as patch:
        patch.setattr(moment, fails)
        with pytest.raises(KeyboardInterrupt):
            go_back(world.fleet.platform)
    assert world.wix() == WRITTEN
    assert flags(world) == {"airtable"}
    assert world.waiting() == 7
    world.up()
    with world.services() as records:
        records.patch("Owners", "o0", {"name": "Newer"})
    assert world.pending.lines() == []
    assert world.airtable()["owners"] == {**WRITTEN["owners"], "o0": "Newer"}
    assert went_back(world.fleet.platform) is None
    assert world.wix()["owners"] == {**WRITTEN["owners"], "o0": "Newer"}
    assert not any(world.pending.sent_to_wix(name) for name in COLLECTIONS)


def test_services_that_write_all_the_time_lose_nothing(world: World) -> None:
    """Some writes before the turn, in the journal; some after it, in Wix; Airtable goes down in between."""
    done, counts, errors = threading.Event(), dict.fromkeys(("o0", "o1"), 0), []

    def count(records: Any, row: str) -> None:
        while not done.is_set():
            try:
                with records.pinned(durable="journal") as pinned:
                    pinned.change("Owners", row, lambda item: {"name": f"{item['name']}x"}, consistent=False)
                counts[row] += 1
            except (RunbookError, SourceDown) as error:
                errors.append(error)
            time.sleep(0.01)

    with open_records(world.fleet.platform) as opened:
        assert opened.mirror is not None
        opened.mirror.load(COLLECTIONS)
        threads = [threading.Thread(target=count, args=(opened.records, row)) for row in counts]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        world.down()
        time.sleep(0.5)
        went_back(world.fleet.platform)
        time.sleep(0.5)
        done.set()
        for thread in threads:
            thread.join()
    assert errors == []
    wix = world.wix()["owners"]
    assert {row: len(name) - 3 for row, name in wix.items()} == counts
    and_forth(world)
    assert world.wix()["owners"] == wix
