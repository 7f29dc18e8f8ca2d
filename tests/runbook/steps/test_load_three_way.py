"""A load beside people who work in Airtable: what they did is kept, counted and listed, or a conflict."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from load_kit import BASE, World, trucks, world
from runbook.catalog import LEGACY_ID
from runbook.errors import StepError
from runbook.steps.conflict_file import ConflictFile
from sandbox import Sandbox


def edit(w: World, name: str, legacy: str, **cells: Any) -> None:
    """As a person does in the grid."""
    w.airtable.update(BASE, name, [{"id": w.record_id(name, legacy), "fields": cells}])


def settle(w: World, name: str, prefer: Any, *keys: str) -> None:
    conflicts = w.state.conflicts(BASE, name)
    chosen = [each for each in conflicts.all() if not keys or each.key in keys]
    conflicts.settle(chosen, prefer, who="ann", why="phoned them")


def sent(w: World, start: int) -> int:
    return sum(row.method in ("PATCH", "POST", "DELETE") for row in w.airtable.log.rows(start))


def test_an_edit_is_kept_and_the_rest_of_its_row_follows_wix(w: World) -> None:
    w.load("Trucks", trucks(5))
    edit(w, "Trucks", "t1", Plate="by hand")
    items = trucks(5)
    items[1]["dot"] = items[2]["dot"] = "9"
    for n in range(2):
        done = w.load("Trucks", items)
        assert (done.updated, done.edited, done.conflicts) == (0 if n else 2, {"t1": ("plate",)}, ())
    records = w.records("Trucks")
    assert (records["t1"]["Plate"], records["t1"]["DOT"], records["t2"]["DOT"]) == ("by hand", 9, 9)


def test_only_the_changed_cells_are_sent(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    w.load("Trucks", trucks(3, driver="Ann"))
    cells: list[Any] = []
    update = w.airtable.update
    monkeypatch.setattr(
        w.airtable, "update", lambda *at, **how: cells.extend(r["fields"] for r in at[2]) or update(*at, **how)
    )
    w.load("Trucks", [{**item, "plate": "new"} for item in trucks(3, driver="Ann")])
    assert cells == [{"Plate": "new"}] * 3


def test_a_row_in_conflict_is_not_written_and_the_others_are(w: World) -> None:
    w.load("Trucks", trucks(5, driver="Ann Example"))
    edit(w, "Trucks", "t1", Plate="by hand", Driver="Bob Example")
    items = trucks(5, plate="by Wix", driver="Cid Example")
    done = w.load("Trucks", items)
    assert (done.staged, done.updated, done.in_conflict, done.unchanged) == (5, 4, 1, 0)
    assert sorted(line.column for line in done.conflicts) == ["Driver", "Plate"]
    lines = w.folder / "conflicts/Trucks.jsonl"
    assert "Example" not in lines.read_text()
    assert w.records("Trucks")["t1"]["DOT"] == 1001
    settle(w, "Trucks", "wix", "plate")
    assert [line.key for line in w.load("Trucks", items).conflicts] == ["driver"]  # half a row is not written
    assert w.records("Trucks")["t1"]["Plate"] == "by hand"
    settle(w, "Trucks", "airtable", "driver")
    done = w.load("Trucks", items)
    assert (done.updated, done.conflicts) == (1, ())
    assert {(s.key, s.prefer, s.who, s.why) for s in done.settled} == {
        ("plate", "wix", "ann", "phoned them"),
        ("driver", "airtable", "ann", "phoned them"),
    }
    assert (w.records("Trucks")["t1"]["Plate"], w.records("Trucks")["t1"]["Driver"]) == ("by Wix", "Bob Example")
    assert not lines.exists()
    before = len(w.airtable.log)
    again = w.load("Trucks", items)
    assert (again.unchanged, again.settled, sent(w, before)) == (5, (), 0)


def test_a_row_edited_between_the_reading_and_the_write_is_not_overwritten(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    w.load("Trucks", trucks(3))
    target = w.into

    def read(name: str) -> Any:
        records = list(w.airtable.records(BASE, name))
        edit(w, "Trucks", "t1", Plate="in that second")
        return records

    monkeypatch.setattr(World, "into", property(lambda _: _with(target, read)))
    done = w.load("Trucks", trucks(3, plate="by Wix"))
    assert (done.updated, [line.id for line in done.conflicts]) == (2, ["t1"])
    assert w.records("Trucks")["t1"]["Plate"] == "in that second"


def _with(target: Any, read: Any) -> Any:
    from dataclasses import replace

    return replace(target, read=read)


def test_a_row_deleted_between_the_reading_and_the_write_is_created_again_whole(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    w.load("Trucks", trucks(3))
    target = w.into

    def read(name: str) -> Any:
        records = list(w.airtable.records(BASE, name))
        w.airtable.delete(BASE, name, [w.record_id("Trucks", "t1")])
        return records

    monkeypatch.setattr(World, "into", property(lambda _: _with(target, read)))
    w.load("Trucks", trucks(3, plate="by Wix"))
    assert (w.records("Trucks")["t1"]["Plate"], w.records("Trucks")["t1"]["DOT"]) == ("by Wix", 1001)


# Rows that Wix does not have


def test_a_row_gone_in_wix_and_edited_in_airtable_is_a_conflict(w: World) -> None:
    w.load("Trucks", trucks(30))
    edit(w, "Trucks", "t29", Plate="by hand")
    done = w.load("Trucks", trucks(28), remove_gone=True)
    assert done.deleted == ("t28",)
    assert [(line.id, line.key, line.kind) for line in done.conflicts] == [("t29", "", "gone in Wix")]
    assert "t29" in w.records("Trucks")
    settle(w, "Trucks", "airtable")
    assert w.load("Trucks", trucks(28), remove_gone=True).conflicts == ()
    for _ in range(2):
        assert w.load("Trucks", trucks(28), remove_gone=True).writes == 0
    assert w.state.rows(BASE, "Trucks").changes() == {"t29": "created"}


def test_a_row_gone_in_wix_and_edited_in_airtable_is_deleted_by_a_persons_word(w: World) -> None:
    w.load("Trucks", trucks(30))
    edit(w, "Trucks", "t29", Plate="by hand")
    w.load("Trucks", trucks(29), remove_gone=True)
    settle(w, "Trucks", "wix")
    done = w.load("Trucks", trucks(29), remove_gone=True)
    assert (done.deleted, [word.id for word in done.settled]) == (("t29",), ["t29"])


def test_a_row_edited_between_the_plan_and_its_deletion_stays(w: World) -> None:
    w.load("Trucks", trucks(30))
    done = w.load(
        "Trucks",
        trucks(28),
        remove_gone=True,
        on_deletion=lambda ids: edit(w, "Trucks", ids[0], Plate="in that second"),
    )
    assert (done.deleted, [line.id for line in done.conflicts]) == (("t29",), ["t28"])
    assert w.records("Trucks")["t28"]["Plate"] == "in that second"


@pytest.mark.parametrize(("prefer", "left"), [("airtable", 4), ("wix", 3)])
def test_a_row_of_unknown_origin_stops_the_collection_until_a_person_decides(
    box: Sandbox, w: World, tmp_path: Path, prefer: Any, left: int
) -> None:
    w.load("Trucks", trucks(4))
    with world(box, tmp_path / "elsewhere") as other:  # state lost, and a row gone in Wix since
        items = trucks(3, plate="by Wix")
        before = len(other.airtable.log)
        with pytest.raises(StepError, match=r"no load is known to have written: t3; nothing was written or deleted"):
            other.load("Trucks", items, remove_gone=True)
        assert sent(other, before) == 0
        (line,) = ConflictFile(other.folder).read("Trucks")
        assert (line.id, line.kind) == ("t3", "origin unknown")
        settle(other, "Trucks", prefer)
        done = other.load("Trucks", items, remove_gone=True)
        assert [word.prefer for word in done.settled] == [prefer]
        assert len(other.records("Trucks")) == left
        settle(other, "Trucks", "wix")  # the plates, which differ
        assert other.load("Trucks", items, remove_gone=True).writes == 3


def test_links_of_a_table_whose_state_is_lost_are_not_emptied(box: Sandbox, w: World, tmp_path: Path) -> None:
    w.load("Trucks", trucks(3))
    trips = [{"_id": f"r{n}", "truck_id": f"t{n}"} for n in range(3)]
    w.links(w.load("Trips", trips))
    with world(box, tmp_path / "elsewhere") as other:
        done = other.links(other.load("Trips", trips))  # before its targets are known again
        assert len(done.conflicts) == 3
        assert all("Truck" in cells for cells in other.records("Trips").values())
        other.load("Trucks", trucks(3))
        done = other.links(other.load("Trips", trips))
        assert (done.conflicts, done.writes) == ((), 0)


def test_a_kill_between_the_write_and_its_note_is_no_conflict(w: World) -> None:
    w.load("Trucks", trucks(5))
    items = trucks(5, plate="by Wix")
    rows = w.state.rows(BASE, "Trucks")
    record = w.record_id("Trucks", "t2")
    w.airtable.update(BASE, "Trucks", [{"id": record, "fields": {"Plate": "by Wix"}}])  # landed, and the answer lost
    done = w.load("Trucks", items)
    assert (done.conflicts, done.edited, done.updated, done.unchanged) == ((), {}, 4, 1)
    assert rows.unfinished() == []
    assert w.load("Trucks", items).writes == 0


def test_after_the_upgrade_of_an_older_state_edits_are_kept_and_the_rest_is_adopted(w: World) -> None:
    w.load("Trucks", trucks(5))
    edit(w, "Trucks", "t1", Plate="by hand")
    edit(w, "Trucks", "t2", Plate="by hand too")
    with closing(sqlite3.connect(w.folder / "state.db")) as state, state:  # what version 2 knew
        state.execute("UPDATE id_map SET answer = NULL, agreed = NULL")
    items = trucks(5)
    items[2]["plate"] = items[3]["plate"] = "by Wix"
    done = w.load("Trucks", items)
    assert done.edited == {"t1": ("plate",)}
    assert [(line.id, line.kind) for line in done.conflicts] == [("t2", "never agreed"), ("t3", "never agreed")]
    assert done.writes == 0
    settle(w, "Trucks", "wix")
    assert w.load("Trucks", items).updated == 2
    assert {row["Plate"] for row in w.records("Trucks").values()} == {"P-0", "by hand", "by Wix", "P-4"}
    again = w.load("Trucks", items)
    assert (again.writes, again.conflicts, again.edited) == (0, (), {"t1": ("plate",)})


def test_what_a_service_wrote_is_kept_and_told_from_edits(w: World) -> None:
    w.load("Trucks", trucks(3))
    from runbook.records.airtable import AirtableRecords

    records = AirtableRecords(w.airtable, BASE, w.catalog, w.state)
    item = records.get("Trucks", "t1")
    assert item is not None
    records.update("Trucks", {**item, "plate": "by a service"})
    edit(w, "Trucks", "t2", Plate="by hand")
    done = w.load("Trucks", trucks(3))
    assert (done.served, done.edited) == ({"t1": ("plate",)}, {"t2": ("plate",)})
    assert w.records("Trucks")["t1"]["Plate"] == "by a service"


def test_a_row_that_nobody_gave_an_id_is_left_alone(w: World) -> None:
    w.load("Trucks", trucks(3))
    w.airtable.create(BASE, "Trucks", [{"Plate": "typed"}])
    done = w.load("Trucks", trucks(3), remove_gone=True)
    assert (done.writes, done.conflicts) == (0, ())
    assert len(list(w.airtable.records(BASE, "Trucks"))) == 4
    assert LEGACY_ID not in list(w.airtable.records(BASE, "Trucks"))[-1]["fields"]
