"""Loading: what is new or changed is written, once; what cannot be is reported; no row is written twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from load_kit import BASE, SEED, World, trucks, world
from runbook.catalog import LEGACY_ID
from runbook.errors import AirtableError, AmbiguousKey, BudgetSpent, SchemaDrift, StepError
from runbook.merge import RowMerge
from runbook.quarantine import Entry
from runbook.state import CollectionRows
from runbook.steps import load_writer as writer_module
from runbook.steps.load import load
from runbook.steps.load_writer import Row, Writer
from sandbox import Sandbox

PATCH = {"service": "airtable", "method": "PATCH", "path": f"/v0/{BASE}/*"}


def writes(w: World, start: int = 0) -> int:
    return sum(row.method in ("PATCH", "POST", "DELETE") for row in w.airtable.log.rows(start))


# What is written


def test_rows_are_created_once_and_a_second_load_writes_nothing(w: World) -> None:
    done = w.load("Trucks", trucks(25))
    assert (done.staged, done.created, done.updated, done.unchanged) == (25, 25, 0, 0)
    assert done.requests == writes(w, len(w.airtable.log) - done.requests) + 1  # and the look for what was there
    records = w.records("Trucks")
    assert records.keys() == {f"t{n}" for n in range(25)}
    assert records["t7"]["Plate"] == "P-7"

    before = len(w.airtable.log)
    again = w.load("Trucks", trucks(25))
    assert (again.created, again.updated, again.unchanged, again.requests) == (0, 0, 25, 1)
    assert writes(w, before) == 0


def test_only_what_changed_is_written_and_emptied_cells_are_cleared(w: World) -> None:
    w.load("Trucks", trucks(20, sold=True, kind="box", tags=["new"]))
    items = trucks(20, sold=True, kind="box", tags=["new"])
    items[3] = {"_id": "t3", "dot": "5"}
    items[4]["plate"] = "Q"
    done = w.load("Trucks", [*items, *trucks(1, 90)])
    assert (done.created, done.updated, done.unchanged, done.cleared) == (1, 2, 18, 1)
    records = w.records("Trucks")
    assert {key: records["t3"].get(key) for key in ("Plate", "DOT", "Sold", "Kind", "Tags")} == {
        "Plate": None,
        "DOT": 5,
        "Sold": None,
        "Kind": None,
        "Tags": None,
    }
    assert records["t4"]["Plate"] == "Q"
    assert records["t5"]["Plate"] == "P-5"


def test_where_airtable_is_the_truth_nothing_is_written(w: World) -> None:
    w.load("Trucks", trucks(3))
    before = len(w.airtable.log)
    done = w.load("Trucks", trucks(3, plate="other"), source_of_truth="airtable", remove_gone=True)
    assert done.writes == 0
    assert "Airtable is the source of truth" in repr(done)
    assert writes(w, before) == 0


def test_a_row_that_was_deleted_by_hand_is_created_again_and_counted_so(w: World) -> None:
    w.load("Trucks", trucks(5))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t2")])
    done = w.load("Trucks", trucks(5))
    assert (done.created, done.recreated, done.unchanged) == (1, 1, 4)
    assert "1 row deleted in Airtable, created again" in repr(done)
    assert w.records("Trucks").keys() == {f"t{n}" for n in range(5)}


def test_figures_add_up_and_show_themselves(w: World) -> None:
    done = w.load("Trucks", trucks(7))
    facts = done.facts()
    assert facts["staged"] == facts["loaded"] + facts["quarantined"] == 7
    assert "Trucks" in done._repr_html_()
    seen: list[tuple[int, int]] = []
    w.load("Trucks", trucks(7, plate="x"), on_progress=lambda *progress: seen.append(progress))
    assert seen[-1] == (7, 7)


# Links


def test_links_lead_by_natural_key_then_by_id(w: World) -> None:
    w.load("Trucks", trucks(3))
    trips = [
        {"_id": "r1", "truck_dot": " 1001 "},
        {"_id": "r2", "truck_dot": "999", "truck_id": "t2"},
        {"_id": "r3", "truck_dot": "999"},
        {"_id": "r4"},
    ]
    done = w.links(w.load("Trips", trips))
    records = w.records("Trips")
    assert records["r1"]["Truck"] == [w.record_id("Trucks", "t1")]
    assert records["r2"]["Truck"] == [w.record_id("Trucks", "t2")]
    assert "Truck" not in records["r3"]
    assert done.dangling == {"Truck": ("r3",)}
    assert w.records("Trucks")["t1"]["Tours"] == [w.record_id("Trips", "r1")]


def test_a_key_of_two_rows_is_ambiguous_and_not_guessed(w: World) -> None:
    w.load("Trucks", [{"_id": "t1", "dot": "5"}, {"_id": "t2", "dot": " 05"}])
    done = w.load("Trips", [{"_id": "r1", "truck_dot": "5"}, {"_id": "r2", "truck_dot": "5", "truck_id": "t2"}])
    records = w.records("Trips")
    assert "Truck" not in records["r1"]
    assert records["r2"]["Truck"] == [w.record_id("Trucks", "t2")]
    assert done.ambiguous == {"Truck": ("r1",)}
    assert done.dangling == {}
    assert done.quarantined == 0


def test_links_to_itself_and_to_what_comes_later_are_written_in_a_second_pass(w: World) -> None:
    items = trucks(30)
    for n, item in enumerate(items[1:], 1):
        item["boss"] = f"t{n - 1}"
    items[5]["last_trip"] = "r1"
    items[6]["boss"] = "nobody"
    loaded = w.load("Trucks", items)
    assert loaded.deferred == 29
    w.load("Trips", [{"_id": "r1", "truck_dot": "1005"}])
    before = len(w.airtable.log)
    done = w.links(loaded)
    assert done.deferred == 0
    assert done.linked == 28
    assert done.dangling == {"Boss": ("t6",)}
    assert writes(w, before) == 3
    records = w.records("Trucks")
    assert records["t9"]["Boss"] == [w.record_id("Trucks", "t8")]
    assert records["t5"]["Last Trip"] == [w.record_id("Trips", "r1")]

    before = len(w.airtable.log)
    again = w.load("Trucks", items)
    again = w.links(again)
    assert (again.updated, again.unchanged, again.linked) == (0, 30, 0)
    assert writes(w, before) == 0


def test_what_comes_later_waits_and_what_came_earlier_does_not(w: World) -> None:
    loaded = w.load("Trips", [{"_id": "r1", "truck_id": "t0"}, {"_id": "r2", "truck_id": "nobody"}])  # before Trucks
    assert (loaded.deferred, loaded.not_loaded, loaded.dangling) == (2, {}, {})
    w.load("Trucks", trucks(1))
    done = w.links(loaded)
    assert (done.linked, done.dangling) == (1, {"Truck": ("r2",)})
    owners = w.load("Owners", [{"_id": "o1", "fleet": ["nobody"]}])  # of a later phase than its target
    assert (owners.deferred, owners.dangling) == (0, {"Fleet": ("o1",)})


def test_of_a_list_of_references_all_rows_are_linked_in_their_order(w: World) -> None:
    w.load("Trucks", trucks(4))
    owners = [{"_id": "o1", "fleet": ["t2", "t0"]}, {"_id": "o2", "fleet": ["t3", "nobody", "t1"]}]
    done = w.load("Owners", owners)
    records = {legacy: w.record_id("Trucks", legacy) for legacy in ("t0", "t1", "t2", "t3")}
    assert w.records("Owners")["o1"]["Fleet"] == [records["t2"], records["t0"]]
    assert w.records("Owners")["o2"]["Fleet"] == [records["t3"], records["t1"]]
    assert done.dangling == {"Fleet": ("o2",)}
    again = w.load("Owners", [{**owners[0], "fleet": ["t0", "t2"]}, owners[1]])
    assert (again.updated, again.unchanged) == (1, 1), "another order is another cell"


def test_of_a_list_of_references_the_one_that_was_deleted_is_left_out(w: World) -> None:
    w.load("Trucks", trucks(3))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t1")])
    done = w.load("Owners", [{"_id": "o1", "fleet": ["t0", "t1", "t2"]}])
    assert done.lost == ("o1",)
    assert w.records("Owners")["o1"]["Fleet"] == [w.record_id("Trucks", "t0"), w.record_id("Trucks", "t2")]


def test_a_target_that_is_not_loaded_is_not_a_dangling_key(w: World) -> None:
    trips = [{"_id": "r1", "owner_id": "o1"}, {"_id": "r2", "owner_id": "nobody"}]
    first = w.links(w.load("Trips", trips))
    assert first.not_loaded == {"Owner": ("r1", "r2")}
    assert first.dangling == {}
    w.load("Owners", [{"_id": "o1", "name": "Ann"}])
    second = w.links(w.load("Trips", trips))
    assert second.not_loaded == {}
    assert second.dangling == {"Owner": ("r2",)}
    assert w.records("Trips")["r1"]["Owner"] == [w.record_id("Owners", "o1")]


def test_a_link_that_was_taken_away_is_cleared(w: World) -> None:
    w.load("Trucks", trucks(2))
    w.load("Trips", [{"_id": "r1", "truck_dot": "1001"}])
    done = w.load("Trips", [{"_id": "r1"}])
    assert (done.updated, done.cleared) == (1, 1)
    assert "Truck" not in w.records("Trips")["r1"]
    w.load("Trips", [{"_id": "r1", "truck_id": "t0"}])
    done = w.links(w.load("Trips", [{"_id": "r1", "truck_id": "nobody", "owner_id": "x"}]))
    assert (done.linked, done.cleared) == (1, 1), "a key that leads nowhere empties the cell too"
    assert "Truck" not in w.records("Trips")["r1"]


def test_a_target_deleted_by_hand_costs_the_link_not_the_row(w: World) -> None:
    w.load("Trucks", trucks(3))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t1")])
    trips = [{"_id": f"r{n}", "truck_dot": str(1000 + n)} for n in range(3)]
    done = w.load("Trips", trips)
    assert done.lost == ("r1",)
    assert (done.created, done.quarantined) == (3, 0)
    assert "Truck" not in w.records("Trips")["r1"]
    w.load("Trucks", trucks(3))
    w.load("Trips", trips)
    assert w.records("Trips")["r1"]["Truck"] == [w.record_id("Trucks", "t1")]


def test_a_row_whose_link_was_lost_is_written_again_by_the_next_load(w: World) -> None:
    w.load("Trucks", trucks(3))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t1")])
    trips = [{"_id": f"r{n}", "truck_dot": str(1000 + n)} for n in range(3)]
    w.load("Trips", trips)
    assert [legacy for legacy, known in w.state.rows(BASE, "Trips").all().items() if known.hash is None] == ["r1"]
    again = w.load("Trips", trips)
    assert (again.updated, again.unchanged, again.lost) == (1, 2, ("r1",))


# What Airtable refuses


def refuse(monkeypatch: pytest.MonkeyPatch, staged: Any, *legacy_ids: str) -> None:
    """Make Airtable refuse rows: a text for a number."""
    real = type(staged).rows

    def rows(self: Any) -> Any:
        for row in real(self):
            yield row._replace(fields={**row.fields, "DOT": "Ann Example"}) if row.id in legacy_ids else row

    monkeypatch.setattr(type(staged), "rows", rows)


def test_the_guilty_row_of_a_batch_is_found_and_the_others_go_on(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = w.stage("Trucks", trucks(30, driver="Ann Example"))
    w.airtable.create(BASE, "Trucks", [{"Plate": "kept"}])
    refuse(monkeypatch, staged, "t3", "t17")
    done = load(staged, w.catalog.collection("Trucks"), w.into)
    assert (done.created, done.quarantined) == (28, 2)
    entries = w.quarantine.entries("Trucks")
    assert {(entry.step, entry.id, entry.field) for entry in entries} == {("load", "t3", "dot"), ("load", "t17", "dot")}
    assert "cannot accept the provided value" in entries[0].reason
    assert "Ann" not in entries[0].reason
    assert len(w.records("Trucks")) == 29

    monkeypatch.undo()
    assert w.load("Trucks", trucks(30, driver="Ann Example")).created == 2
    assert w.quarantine.entries("Trucks") == []


def test_the_second_pass_does_not_send_what_the_first_put_into_quarantine(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = trucks(15)
    for n, item in enumerate(items):
        item["boss"] = f"t{(n + 1) % 15}"
    staged = w.stage("Trucks", items)
    refuse(monkeypatch, staged, "t3", "t7")
    loaded = load(staged, w.catalog.collection("Trucks"), w.into)
    assert (loaded.created, loaded.quarantined, loaded.deferred) == (13, 2, 15)
    legacy = {row.record_id: row.legacy_id for row in w.state.rows(BASE, "Trucks").all().values()}
    sent: list[str] = []
    update = w.airtable.update
    monkeypatch.setattr(
        w.airtable, "update", lambda *at, **how: sent.extend(legacy[row["id"]] for row in at[2]) or update(*at, **how)
    )
    done = w.links(loaded)
    assert sorted(sent) == sorted(
        {f"t{n}" for n in range(15)} - {"t3", "t7", "t2", "t6"}
    )  # nor whom they would link to
    assert (done.created, done.quarantined, done.linked) == (13, 2, 11)
    assert sorted(str(entry.id) for entry in w.quarantine.entries("Trucks")) == ["t3", "t7"]
    assert done.dangling == {"Boss": ("t2", "t6")}


def test_new_choices_of_an_open_select_are_added_once(w: World) -> None:
    items = trucks(60, kind="box")
    for n, item in enumerate(items):
        item["kind"] = ["box", "tank", "flatbed"][n % 3]
        item["tags"] = ["new", f"tag {n % 4}"]
    done = w.load("Trucks", items)
    assert done.quarantined == 0
    kinds = next(t for t in w.airtable.tables(BASE) if t["name"] == "Trucks")["fields"]
    choices = {
        f["name"]: [c["name"] for c in f["options"]["choices"]] for f in kinds if "choices" in (f.get("options") or {})
    }
    assert sorted(choices["Kind"]) == ["box", "flatbed", "tank"]
    assert sorted(choices["Tags"]) == ["new", "tag 0", "tag 1", "tag 2", "tag 3"]
    assert w.records("Trucks")["t4"]["Kind"] == "tank"


def test_no_two_requests_add_choices_at_once(box: Sandbox, w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    items = trucks(80)
    for n, item in enumerate(items):
        item["kind"] = f"kind {n % 25}"  # three requests' worth of new choices
    under_way, adding, together = 0, 0, []
    lock, upsert = threading.Lock(), w.airtable.upsert

    def watched(*at: Any, typecast: bool, **how: Any) -> Any:
        nonlocal under_way, adding
        with lock:
            under_way, adding = under_way + 1, adding + typecast
            if adding and under_way > 1:
                together.append(under_way)
        try:
            time.sleep(0.01)
            return upsert(*at, typecast=typecast, **how)
        finally:
            with lock:
                under_way, adding = under_way - 1, adding - typecast

    monkeypatch.setattr(w.airtable, "upsert", watched)
    assert w.load("Trucks", items).created == 80
    assert together == []
    (column,) = (
        f for t in w.airtable.tables(BASE) if t["name"] == "Trucks" for f in t["fields"] if f["name"] == "Kind"
    )
    choices = [choice["name"] for choice in column["options"]["choices"]]
    assert sorted(choices) == sorted({"box", *(f"kind {n}" for n in range(25))})


def test_typecast_is_asked_for_rows_with_a_new_choice_and_no_others(w: World) -> None:
    collection = w.catalog.collection("Trucks")
    merge = RowMerge(collection, [], lambda record: True)
    writer = Writer(w.airtable, BASE, w.into.tables.id("Trucks"), collection, w.state, merge)

    def row(legacy_id: str, cells: dict[str, Any], typecast: bool) -> Row:
        cells = {LEGACY_ID: legacy_id, **cells}
        return Row(legacy_id, cells, "", merge.new(cells), typecast=typecast)

    plain = [row(f"p{n}", {"DOT": "17"}, False) for n in range(3)]
    casting = [row(f"c{n}", {"Kind": "new"}, True) for n in range(3)]
    writer.write(row for pair in zip(plain, casting, strict=True) for row in pair)
    assert writer.written.created == 3
    assert {entry.id for entry in writer.written.refused} == {"p0", "p1", "p2"}, "a text became a number"
    assert w.records("Trucks").keys() == {"c0", "c1", "c2"}


def test_several_records_of_one_row_stop_the_collection_and_no_other(w: World, box: Sandbox) -> None:
    w.load("Trucks", trucks(15))
    double = w.airtable.create(BASE, "Trucks", [{LEGACY_ID: "t3"}])[0]["id"]
    with pytest.raises(AmbiguousKey) as caught:
        w.load("Trucks", trucks(15, plate="other"))
    assert "t3" in str(caught.value)
    assert double in str(caught.value)
    assert w.record_id("Trucks", "t3") in str(caught.value)
    assert w.load("Owners", [{"_id": "o1"}]).created == 1
    w.airtable.delete(BASE, "Trucks", [double])
    assert w.load("Trucks", trucks(15, plate="other")).quarantined == 0
    assert {cells["Plate"] for cells in w.records("Trucks").values()} == {"other"}


def test_a_full_base_is_an_error_and_nothing_is_put_into_quarantine(tmp_path: Path) -> None:
    with Sandbox(seed=SEED, requests_per_second="off", plan="free") as box, world(box, tmp_path) as w:
        with pytest.raises(StepError, match="RUNBOOK_PLAN"):
            w.load("Trucks", trucks(1100))
        assert w.quarantine.entries("Trucks") == []
        assert 900 <= len(w.state.rows(BASE, "Trucks").all()) <= 1000


def test_a_missing_column_is_an_error_before_anything_is_written(box: Sandbox, w: World) -> None:
    field = next(
        f for t in w.airtable.tables(BASE) if t["name"] == "Trucks" for f in t["fields"] if f["name"] == "Plate"
    )
    table = next(t["id"] for t in w.airtable.tables(BASE) if t["name"] == "Trucks")
    w.airtable.update_field(BASE, table, field["id"], {"name": "Number Plate"})
    with pytest.raises(SchemaDrift, match="lacks Plate"):
        w.load("Trucks", trucks(3))
    assert w.records("Trucks") == {}


def test_a_spent_month_leaves_what_was_written_and_goes_on_later(box: Sandbox, w: World) -> None:
    body = {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}
    box.faults({"kind": "status", "status": 429, "body": body, "times": None, "match": {**PATCH, "nth": 6}})
    with pytest.raises(BudgetSpent):
        w.load("Trucks", trucks(100))
    count = len(w.records("Trucks"))
    assert 0 < count < 100
    assert len(w.state.rows(BASE, "Trucks").all()) == count
    box.faults(clear=True)
    done = w.load("Trucks", trucks(100))
    assert done.unchanged == count
    assert done.created == 100 - count
    assert len(w.records("Trucks")) == 100


# Lost answers and lost state


@pytest.mark.parametrize("kind", ["drop_before", "drop_after_commit", "truncate"])
def test_lost_answers_make_no_doubles(box: Sandbox, w: World, kind: str) -> None:
    box.faults(*({"kind": kind, "match": {**PATCH, "nth": n}} for n in (1, 4, 5, 9)))
    done = w.load("Trucks", trucks(100))
    assert (done.created, done.quarantined) == (100, 0)
    assert len(w.records("Trucks")) == 100


def test_what_was_in_flight_is_looked_up_and_matched(box: Sandbox, w: World) -> None:
    box.faults({"kind": "drop_after_commit", "times": None, "match": PATCH})
    with pytest.raises(AirtableError, match="broke the connection"):
        w.load("Trucks", trucks(40))
    box.faults(clear=True)
    count = len(w.records("Trucks"))
    assert count > 0
    assert w.state.rows(BASE, "Trucks").all() == {}
    done = w.load("Trucks", trucks(40))
    assert done.matched == count
    assert (done.created, done.updated, done.unchanged) == (40 - count, 0, count)
    assert len(w.records("Trucks")) == 40


def test_what_was_in_flight_and_not_written_is_looked_up_once_and_forgotten(w: World) -> None:
    w.load("Trucks", trucks(5))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t2")])
    w.state.rows(BASE, "Trucks").start_batches([["t1", "t2", "t9"]])  # a kill: whether they were written is not known
    done = w.load("Trucks", trucks(5))
    assert (done.created, done.updated, done.unchanged) == (1, 0, 4)  # t2 is new again; t1 is as it was
    assert w.state.rows(BASE, "Trucks").unfinished() == []
    assert w.state.rows(BASE, "Trucks").all().keys() == {f"t{n}" for n in range(5)}
    assert w.load("Trucks", trucks(5)).requests == 1  # the table is read


def test_records_of_a_base_that_state_does_not_know_are_matched(box: Sandbox, w: World, tmp_path: Path) -> None:
    items = trucks(25, sold=True)
    w.load("Trucks", items)
    with world(box, tmp_path / "elsewhere") as other:
        done = other.load("Trucks", items)
        assert (done.matched, done.created, done.updated, done.unchanged) == (25, 0, 0, 25)
        items[4] = {"_id": "t4", "plate": "new"}
        done = other.load("Trucks", items)
        assert (done.matched, done.created, done.updated) == (0, 0, 1)
        records = other.records("Trucks")
        assert len(records) == 25
        assert "Sold" not in records["t4"]
        assert other.load("Trucks", items).unchanged == 25


def test_a_row_that_differs_and_that_state_does_not_know_is_a_conflict(box: Sandbox, w: World, tmp_path: Path) -> None:
    items = trucks(25, sold=True)
    w.load("Trucks", items)
    with world(box, tmp_path / "elsewhere") as other:
        items[4] = {"_id": "t4", "plate": "new", "dot": "1004"}
        done = other.load("Trucks", items)
        assert (done.updated, done.unchanged, done.in_conflict) == (0, 24, 1)
        assert {(line.id, line.key, line.kind) for line in done.conflicts} == {
            ("t4", "plate", "never agreed"),
            ("t4", "sold", "never agreed"),
        }
        assert other.records("Trucks")["t4"]["Plate"] == "P-4"


def test_duplicates_in_a_base_that_state_does_not_know_are_an_error(w: World) -> None:
    w.airtable.create(BASE, "Trucks", [{LEGACY_ID: "t1"}, {LEGACY_ID: "t1"}, {"Plate": "no id"}])
    with pytest.raises(AmbiguousKey, match="t1"):
        w.load("Trucks", trucks(3))
    assert len(list(w.airtable.records(BASE, "Trucks"))) == 3


# Rows that are gone from the source


def test_rows_that_are_gone_are_counted_and_removed_on_request(w: World) -> None:
    w.load("Trucks", trucks(30))
    done = w.load("Trucks", trucks(28))
    assert (done.gone, done.deleted) == (2, ())
    assert "2 rows no longer at the source" in repr(done)
    done = w.load("Trucks", trucks(28), remove_gone=True)
    assert (done.gone, done.deleted) == (2, ("t28", "t29"))
    assert w.records("Trucks").keys() == w.state.rows(BASE, "Trucks").all().keys() == {f"t{n}" for n in range(28)}


@pytest.mark.parametrize(("rows", "left"), [(60, 53), (30, 26), (5, 1), (3, 0), (1, 0)])
def test_many_rows_gone_at_once_must_be_confirmed(w: World, rows: int, left: int) -> None:
    w.load("Trucks", trucks(rows))
    before = len(w.airtable.log)
    share = "all" if not left else f"{rows - left} of {rows}"
    with pytest.raises(StepError, match=f"{share} rows"):
        w.load("Trucks", trucks(left, plate="x"), remove_gone=True)
    assert writes(w, before) == 0
    assert len(w.load("Trucks", trucks(left), remove_gone=True, remove_many=True).deleted) == rows - left
    assert len(w.records("Trucks")) == left


@pytest.mark.parametrize(("rows", "left"), [(60, 54), (30, 27), (5, 2)])
def test_a_few_rows_gone_are_deleted_and_planned_before_anything_is_written(w: World, rows: int, left: int) -> None:
    w.load("Trucks", trucks(rows))
    before, planned = len(w.airtable.log), []

    def plan(ids: list[str]) -> None:
        assert writes(w, before) == 0
        planned.extend(ids)

    done = w.load("Trucks", trucks(left, plate="x"), remove_gone=True, on_deletion=plan)
    assert planned == list(done.deleted) == sorted(f"t{n}" for n in range(left, rows))
    assert len(w.records("Trucks")) == left


def test_a_row_that_became_bad_leaves_as_one_that_was_bad_from_the_first_and_comes_back(w: World) -> None:
    w.load("Trucks", trucks(5))
    items = trucks(5)
    items[2]["dot"] = "not a number"
    done = w.load("Trucks", items, remove_gone=True)
    assert (len(done.deleted), done.staged, done.unchanged) == (1, 4, 4)
    assert "1 row loaded before, quarantined now" in repr(done)
    assert w.records("Trucks").keys() == {"t0", "t1", "t3", "t4"}
    assert w.load("Trucks", trucks(5), remove_gone=True).created == 1
    assert len(w.records("Trucks")) == 5


def test_what_airtable_refuses_is_not_gone(w: World) -> None:
    w.load("Trucks", trucks(5))
    w.quarantine.replace("Trucks", "load", [Entry("load", "t2", "dot", "refused")])
    assert w.load("Trucks", [t for t in trucks(5) if t["_id"] != "t2"], remove_gone=True).gone == 0
    assert len(w.records("Trucks")) == 5


def test_a_removal_whose_answer_was_lost_is_finished(box: Sandbox, w: World) -> None:
    w.load("Trucks", trucks(30))
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t28")])
    box.faults({"kind": "drop_after_commit", "match": {**PATCH, "method": "DELETE"}})
    assert w.load("Trucks", trucks(28), remove_gone=True).deleted == ("t29",)
    assert w.records("Trucks").keys() == {f"t{n}" for n in range(28)}


# How it is written


def test_requests_go_out_side_by_side_and_the_journal_by_groups(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(box, tmp_path, rate=400) as w:
        commits: list[int] = []
        start = CollectionRows.start_batches
        monkeypatch.setattr(
            CollectionRows, "start_batches", lambda rows, batches: commits.append(len(batches)) or start(rows, batches)
        )
        assert w.load("Trucks", trucks(700)).created == 700
    assert sum(commits) == 70
    assert len(commits) == 3
    assert max(commits) == writer_module._GROUP


def test_what_transform_put_into_quarantine_stays(w: World) -> None:
    items = trucks(3)
    items[1]["dot"] = "not a number"
    done = w.load("Trucks", items)
    assert (done.staged, done.created) == (2, 2)
    assert [(entry.step, entry.id) for entry in w.quarantine.entries("Trucks")] == [("transform", "t1")]


@pytest.mark.parametrize("loads", [1, 2], ids=["finished at once", "killed once more before the links"])
def test_a_row_whose_answer_was_lost_gets_the_links_that_had_to_wait(w: World, loads: int) -> None:
    rows = trucks(2, boss="t1")
    sent = {LEGACY_ID: "t0", "Plate": "P-0", "DOT": 1000, "Boss ID": "t1", "Wix Original": '{"absent":["sold","tags"]}'}
    w.state.rows(BASE, "Trucks").start_batches([["t0", "t1"]])
    w.airtable.create(BASE, "Trucks", [sent])  # killed: t1, to which it links, was not
    for _ in range(loads):
        done = w.load("Trucks", rows)
        assert done.conflicts == ()
    linked = w.links(done)
    assert linked.conflicts == ()
    assert [cells["Boss"] for cells in w.records("Trucks").values()] == [[w.record_id("Trucks", "t1")]] * 2
    assert w.state.rows(BASE, "Trucks").unfinished() == []
