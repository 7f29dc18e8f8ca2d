"""What waits for Wix, carried there: by hundreds, once, and only what may go; people's links and words are followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet_platform import LEGACY, Fleet
from runbook.commands.resolve import resolve
from runbook.commands.rollback import Rollback, open_rollback
from runbook.cutover.back_plan import BackCounts, BackPlan, Carried
from runbook.cutover.carry_back import CarryBack
from runbook.cutover.look import look_at
from runbook.cutover.parallel import ParallelTest, Responses
from runbook.evidence.folder import RunFolder
from runbook.records import Records
from runbook.records.opening import open_records
from runbook.run import open_run
from runbook.schema import Tables
from runbook.state import OutboxRow
from runbook.steps.conflict_file import ConflictFile


class Way:
    """The way back of a fleet whose flags are on."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.connections, self.base = fleet, fleet.connect(), fleet.base()
        folder = RunFolder(fleet.path / "runs/a-run")
        folder.path.mkdir(parents=True, exist_ok=True)
        self.files = ConflictFile(folder.path)
        self.carry = CarryBack(self.connections, self.base, run_id="a-run", conflicts=self.files)

    def look(self, name: str) -> None:
        c = self.connections.catalog.collection(name)
        tables = Tables(self.connections.airtable.tables(self.base), self.connections.catalog)
        look_at(self.connections, self.base, c, tables).note(self.connections.state, self.base)

    def drain(self, name: str) -> tuple[BackPlan, Carried]:
        self.look(name)
        return self.carry.drain(self.connections.catalog.collection(name))

    def waiting(self, name: str) -> dict[str, str | None]:
        rows = self.connections.state.outbox(self.base, name).rows(held=True)
        return {row.legacy_id: row.held for row in rows}


@pytest.fixture
def way(turned: Fleet) -> Way:
    return Way(turned)


def add(way: Way, count: int) -> list[str]:
    """Rows made in Airtable's table as a service does."""
    with open_records(way.fleet.platform, update_mirror=False) as opened:
        items = [{"name": f"Owner {number}"} for number in range(count)]
        return [item["_id"] for item in opened.records.bulk_insert("Owners", items)]


def test_what_waits_is_carried_once(way: Way) -> None:
    way.fleet.edit("Trucks", "t0", Plate="P-00")
    way.fleet.delete("Trucks", "t1")
    way.connections.airtable.create(way.base, "Trucks", [{LEGACY: "t9", "Plate": "P-9"}])
    plan, carried = way.drain("Trucks")
    assert plan.counts() == BackCounts(inserted=1, patched=1, removed=1)
    assert (carried.inserted, carried.patched, carried.removed) == (1, 1, 1)
    trucks = way.fleet.items("Trucks")
    assert {id_: item["plate"] for id_, item in trucks.items()} == {"t0": "P-00", "t2": "P-2", "t9": "P-9"}
    assert way.waiting("Trucks") == {}
    before = way.fleet.items("Trucks")
    plan, carried = way.drain("Trucks")
    assert (plan.entries, carried.rows, way.fleet.items("Trucks")) == ([], 0, before)


def test_other_keys_of_an_item_stay_as_they_are(way: Way) -> None:
    way.fleet.save("Trucks", {"_id": "t0", "plate": "P-0", "dot": "1000", "typed": "in the CMS"})
    way.fleet.edit("Trucks", "t0", DOT=77)
    _, carried = way.drain("Trucks")
    assert carried.patched == 1
    item = way.fleet.items("Trucks")["t0"]
    assert (item["dot"], item["typed"]) == ("77", "in the CMS")


def test_a_key_with_a_dot_is_not_sent_as_a_path(way: Way) -> None:
    way.fleet.edit("Trucks", "t0", **{"Wix Original": '{"values":{"a.b":1}}'})
    way.fleet.edit("Trucks", "t1", Plate="P-11")
    _, carried = way.drain("Trucks")
    assert (carried.patched, carried.refused) == (1, {"t0": "Wix would take its key `a.b` for a path"})
    assert "a" not in way.fleet.items("Trucks")["t0"]
    assert "a.b" in str(way.waiting("Trucks")["t0"])


def test_many_rows_go_by_hundreds(way: Way) -> None:
    ids = add(way, 250)
    requests = len(way.connections.log)
    _, carried = way.drain("Owners")
    assert carried.inserted == 250
    assert set(ids) <= set(way.fleet.items("Owners"))
    assert len(way.connections.log) - requests <= 5  # of Airtable: the schema, and the table once


def test_many_rows_deleted_by_hand_stay_in_wix(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    for legacy in list(way.fleet.records("Owners")):
        way.fleet.delete("Owners", legacy)
    plan, carried = way.drain("Owners")
    assert (plan.counts().held_back, carried.removed) == (2, 0)
    assert "RUNBOOK_REMOVE_MANY=Owners" in plan.too_many
    assert set(way.fleet.items("Owners")) == {"o0", "o1"}
    assert all("RUNBOOK_REMOVE_MANY" in str(held) for held in way.waiting("Owners").values())
    monkeypatch.setenv("RUNBOOK_REMOVE_MANY", "Owners")
    allowed = CarryBack(way.fleet.connect(), way.base, run_id="a-run", conflicts=way.files)
    way.connections.state.outbox(way.base, "Owners").release()
    _, carried = allowed.drain(way.connections.catalog.collection("Owners"))
    assert (carried.removed, way.fleet.items("Owners")) == (2, {})


def test_what_services_removed_goes_however_many(way: Way) -> None:
    with open_records(way.fleet.platform, update_mirror=False) as opened:
        for legacy in ("o0", "o1"):
            opened.records.remove("Owners", legacy)
    _, carried = way.drain("Owners")
    assert (carried.removed, way.fleet.items("Owners")) == (2, {})


def test_a_row_made_and_removed_again_leaves_nothing_to_carry(way: Way) -> None:
    (made,) = add(way, 1)
    with open_records(way.fleet.platform, update_mirror=False) as opened:
        opened.records.remove("Owners", made)
    assert way.waiting("Owners") == {}
    plan, _ = way.drain("Owners")
    assert plan.entries == []


def test_a_link_changed_in_the_grid_takes_its_key_with_it(way: Way) -> None:
    target = way.fleet.records("Trucks")["t1"]["id"]
    way.fleet.edit("Trips", "r0", Truck=[target])
    _, carried = way.drain("Trips")
    assert carried.patched == 1
    assert way.fleet.items("Trips")["r0"]["truck"] == "t1"
    assert way.fleet.records("Trips")["r0"]["fields"]["Truck ID"] == "t1"  # what services read
    assert way.drain("Trips")[0].entries == []


def test_a_link_emptied_in_the_grid_keeps_its_key_and_is_named(way: Way) -> None:
    way.fleet.edit("Trips", "r0", Truck=[])
    for _ in range(2):  # it is said again by each look
        plan, carried = way.drain("Trips")
        assert carried.rows == 0
        assert "Truck" in plan.unclear["r0"]
    assert way.fleet.items("Trips")["r0"]["truck"] == "t0"


def test_a_link_to_a_deleted_record_is_no_change(way: Way) -> None:
    way.fleet.delete("Trucks", "t0")
    way.look("Trucks")
    plan, carried = way.drain("Trips")
    assert (carried.rows, plan.unclear) == (0, {})


def test_both_changed_is_a_conflict_until_a_person_settles_it(turned: Fleet) -> None:
    turned.save("Owners", {"_id": "o0", "name": "Wixed"})
    turned.edit("Owners", "o0", Name="Airtabled")
    turned.edit("Owners", "o1", Name="Bobby")
    rollback = rolled(turned)
    with pytest.raises(Exception, match=r"Owners: 1 row in conflict .*o0, Name: changed in Wix and in Airtable"):
        rollback.verdict()
    names = {id_: item["name"] for id_, item in turned.items("Owners").items()}
    assert names == {"o0": "Wixed", "o1": "Bobby"}  # the others go
    run = rollback.folder.run_id
    table = resolve(turned.platform, run, prefer="airtable", who="ann", why="phoned")
    assert "`runbook rollback --reverse-sync --flag owners` obeys" in repr(table)
    rolled(turned).verdict()
    assert turned.items("Owners")["o0"]["name"] == "Airtabled"
    assert turned.connect().state.conflicts(turned.base(), "Owners").all() == []
    assert turned.connect().state.debts.all() == {}


def test_a_word_for_wix_settles_it_as_well_and_goes_forth(turned: Fleet) -> None:
    turned.save("Owners", {"_id": "o0", "name": "Wixed"})
    turned.edit("Owners", "o0", Name="Airtabled")
    run = rolled(turned).folder.run_id
    resolve(turned.platform, run, prefer="wix", who="ann", why="phoned")
    rolled(turned).verdict()
    assert turned.items("Owners")["o0"]["name"] == "Wixed"
    turned.migrate(3)
    assert turned.records("Owners")["o0"]["fields"]["Name"] == "Wixed"


def test_an_item_deleted_in_wix_alone_is_not_inserted_again(turned: Fleet) -> None:
    turned.remove("Owners", "o0")
    rolled(turned).verdict()
    assert set(turned.items("Owners")) == {"o1"}


def test_a_row_deleted_on_one_side_and_changed_on_the_other_waits_for_a_word(turned: Fleet) -> None:
    turned.remove("Owners", "o0")
    turned.edit("Owners", "o0", Name="Anna")
    turned.delete("Owners", "o1")
    turned.save("Owners", {"_id": "o1", "name": "Bobby"})
    rollback = rolled(turned)
    with pytest.raises(Exception, match="Owners: 2 rows in conflict") as error:
        rollback.verdict()
    assert "gone in Wix, changed in Airtable" in str(error.value)
    assert "gone in Airtable" in str(error.value)
    assert {id_: item["name"] for id_, item in turned.items("Owners").items()} == {"o1": "Bobby"}
    resolve(turned.platform, rollback.folder.run_id, prefer="airtable", who="ann", why="asked")
    rolled(turned).verdict()
    assert {id_: item["name"] for id_, item in turned.items("Owners").items()} == {"o0": "Anna"}


def test_a_row_of_which_only_the_time_differs_waits_no_longer(turned: Fleet) -> None:
    with open_records(turned.platform, update_mirror=False) as opened:
        opened.records.patch("Owners", "o0", {"name": "Ann"})
    assert turned.connect().state.outbox_counts(turned.base())["Owners"].waiting == 1
    before = turned.items("Owners")
    rolled(turned).verdict()
    assert turned.connect().state.outbox_counts(turned.base()) == {}
    assert turned.items("Owners") == before


def test_what_was_left_of_an_earlier_turn_is_not_carried_after_the_next(turned: Fleet) -> None:
    rolled(turned).verdict()
    state, base = turned.connect().state, turned.base()
    record = turned.records("Owners")["o0"]
    old = {**record["fields"], "Name": "long ago"}
    state.outbox(base, "Owners").add([OutboxRow("o0", record["id"], old, by_hand=False)])
    turned.save("Owners", {"_id": "o0", "name": "Anna"})
    turned.migrate(2, 3, turn_flags=True)
    assert state.flags.get("owners") == "airtable"
    assert state.outbox_counts(base) == {}
    rolled(turned).verdict()
    assert turned.items("Owners")["o0"]["name"] == "Anna"


def test_what_was_carried_is_no_echo_on_the_way_forth(turned: Fleet) -> None:
    turned.edit("Trucks", "t0", Plate="P-00")
    turned.connect().airtable.create(turned.base(), "Trucks", [{LEGACY: "t9", "Plate": "P-9"}])
    turned.delete("Owners", "o1")
    rolled(turned).verdict()
    before = {name: turned.records(name) for name in ("Trucks", "Trips", "Owners")}
    run = turned.migrate(2)
    assert {name: turned.records(name) for name in before} == before
    loaded = run.results.loaded["Trucks"]
    assert (loaded.created, loaded.updated, loaded.edited, loaded.conflicts) == (0, 0, {}, ())
    turned.migrate(3)
    assert turned.records("Owners").keys() == {"o0"}


def rolled(fleet: Fleet) -> Rollback:
    """A rollback with reverse sync, up to its verdict."""
    rollback = open_rollback(fleet.platform, reverse_sync=True)
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    return rollback


def test_services_are_the_same_on_both_sides_though_wix_has_times_of_its_own(turned: Fleet) -> None:
    with open_records(turned.platform, update_mirror=False) as opened:
        for number in (1, 2):
            opened.records.insert("Trucks", {"plate": f"N-{number}"})
        opened.records.patch("Trucks", "t0", {"plate": "P-00"})
    rolled(turned).verdict()
    assert len(turned.connect().state.rows(turned.base(), "Trucks").carried_back()) == 3
    tests = (
        ParallelTest(2, "newest first", ("Trucks",), newest),
        ParallelTest(2, "by id", ("Trucks",), by_id),
    )
    run = open_run(replace(turned.platform, parallel_tests=lambda: tests), 2)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    found = run.check_services()
    assert (found.passed, sum(tally.calls for tally in found.tallies.values())) == (True, 5)
    assert any("3 rows carried back to Wix" in warning for warning in run.results.warnings)


def newest(records: Records) -> Responses:
    yield "newest first", [(row["_id"], row["_createdDate"]) for row in records.query("Trucks").items]


def by_id(records: Records) -> Responses:
    for row in records.get_all("Trucks"):
        if row["_id"] != "t2":  # in quarantine
            yield row["_id"], {**(records.get("Trucks", row["_id"]) or {}), "count": records.count("Trucks")}
