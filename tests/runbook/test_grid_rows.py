"""Rows typed or copied in the grid get an id of their own, once; a row's id that someone changes is written again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from load_kit import BASE, SEED, World, trucks, world
from runbook.catalog import LEGACY_ID, Collection
from runbook.errors import AirtableError
from runbook.grid_rows import Copied, GridRows, Waiting, assign_ids
from sandbox import Sandbox

PATCH = {"service": "airtable", "method": "PATCH", "path": f"/v0/{BASE}/*"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off", plan="business") as running:
        yield running


@pytest.fixture
def w(box: Sandbox, tmp_path: Path) -> Iterator[World]:
    with world(box, tmp_path) as made:
        made.load("Trucks", trucks(3))
        yield made


def typed(w: World, **cells: Any) -> str:
    """A record that a person adds in the grid; its id."""
    (record,) = w.airtable.create(BASE, "Trucks", [cells])
    return str(record["id"])


def copied(w: World, legacy: str) -> str:
    """A record that a person duplicates in the grid; the copy's id."""
    return typed(w, **w.records("Trucks")[legacy])


def edited(w: World, record: str, **cells: Any) -> None:
    w.airtable.update(BASE, "Trucks", [{"id": record, "fields": cells}])


def look(w: World, *, required: str = "", **more: Any) -> GridRows:
    """What one reading of the whole table finds."""
    collection = w.catalog.collection("Trucks")
    if required:
        fields = tuple(f.model_copy(update={"required": f.name == required or f.required}) for f in collection.fields)
        collection = Collection(**{**collection.model_dump(), "fields": fields})
    records = list(w.airtable.records(BASE, "Trucks"))
    return assign_ids(collection, records, catalog=w.catalog, airtable=w.airtable, base=BASE, state=w.state, **more)


def ids(w: World) -> dict[str, str]:
    """Legacy ids by record, as the cells have them."""
    return {record["id"]: record["fields"].get(LEGACY_ID, "") for record in w.airtable.records(BASE, "Trucks")}


def test_a_typed_row_gets_an_id_and_counts_as_created_in_airtable(w: World) -> None:
    record = typed(w, Plate="typed")
    found = look(w)
    (id_,) = found.created
    assert ids(w)[record] == found.rows[record] == id_
    rows = w.state.rows(BASE, "Trucks")
    assert rows.changes() == {id_: "created"}
    assert rows.resolve("_id", id_) == record
    before = len(w.airtable.log)
    again = look(w)
    assert (again.created, again.rows) == ((), found.rows)
    assert [row.method for row in w.airtable.log.rows(before)] == ["GET"]
    assert found.notes() == (f"Trucks: 1 row created in Airtable: {id_}",)


def test_an_empty_or_half_typed_row_waits_and_is_named(w: World) -> None:
    empty, half = typed(w), typed(w, DOT=7)
    found = look(w, required="Plate")
    assert set(found.waiting) == {Waiting(empty, ()), Waiting(half, ("Plate",))}
    assert (found.created, ids(w)[empty], ids(w)[half]) == ((), "", "")
    assert f"{half} (Plate empty)" in found.notes()[0]
    assert f"{empty} (every cell empty)" in found.notes()[0]
    edited(w, half, Plate="now")
    found = look(w, required="Plate")
    assert found.created == (ids(w)[half],)
    assert [waiting.record for waiting in found.waiting] == [empty]


def test_of_copies_the_record_that_state_knows_keeps_the_id(w: World) -> None:
    copy, original = copied(w, "t1"), w.record_id("Trucks", "t1")
    found = look(w)
    (pair,) = found.copied
    assert pair == Copied("t1", ids(w)[copy])
    assert ids(w)[original] == "t1"
    assert pair.id not in ("", "t1")
    assert w.state.rows(BASE, "Trucks").changes() == {pair.id: "created"}
    assert found.notes() == (f"Trucks: 1 row copied in Airtable: t1, whose copy is now {pair.id}",)


def test_of_copies_that_state_does_not_know_the_oldest_keeps_the_id(w: World, box: Sandbox) -> None:
    first = typed(w, **{LEGACY_ID: "x1", "Plate": "first"})
    box.clock(advance=60)
    later = [typed(w, **{LEGACY_ID: "x1", "Plate": f"copy {n}"}) for n in range(2)]
    found = look(w)
    assert ids(w)[first] == "x1"
    assert {copy.of for copy in found.copied} == {"x1"}
    assert len({ids(w)[record] for record in later} | {"x1"}) == 3


def test_a_copy_is_the_row_once_the_rows_own_record_is_gone(w: World) -> None:
    copy = copied(w, "t1")
    w.airtable.delete(BASE, "Trucks", [w.record_id("Trucks", "t1")])
    found = look(w)
    assert found.rows[copy] == "t1"
    assert (found.copied, found.created) == ((), ())
    assert w.record_id("Trucks", "t1") == copy


@pytest.mark.parametrize("cell", [None, "something else", "t2"], ids=["emptied", "changed", "another row's"])
def test_a_legacy_id_that_someone_changes_is_written_again(w: World, cell: str | None) -> None:
    record = w.record_id("Trucks", "t1")
    edited(w, record, **{LEGACY_ID: cell})
    found = look(w)
    assert found.restored == ("t1",)
    assert (found.created, found.copied) == ((), ())
    assert sorted(ids(w).values()) == ["t0", "t1", "t2"]
    assert ids(w)[record] == "t1"
    assert w.state.rows(BASE, "Trucks").changes() == {}
    assert "1 cell of Legacy Wix ID emptied or changed by hand, written again: t1" in found.notes()[0]


def test_killed_before_the_id_is_written_the_next_look_writes_the_same_id(w: World, box: Sandbox) -> None:
    record = typed(w, Plate="typed")
    box.faults({"match": PATCH, "kind": "status", "status": 500, "times": None})
    with pytest.raises(AirtableError):
        look(w)
    ((id_, change),) = w.state.rows(BASE, "Trucks").changes().items()
    assert (change, ids(w)[record]) == ("created", "")
    box.faults(clear=True)
    found = look(w)
    assert (found.created, found.restored) == ((id_,), ())
    assert ids(w)[record] == id_
    assert w.state.rows(BASE, "Trucks").changes() == {id_: "created"}


def test_a_record_that_airtable_refuses_keeps_no_other_from_its_id(w: World) -> None:
    records = [typed(w, Plate=f"typed {n}") for n in range(3)]

    class Refusing:
        """Refuses one record, as where its table is locked for the token's owner."""

        def update(self, base: str, table: str, changes: list[Any], **more: Any) -> Any:
            if any(change["id"] == records[1] for change in changes):
                raise AirtableError("not allowed", status=422)
            return w.airtable.update(base, table, changes, **more)

        def __getattr__(self, name: str) -> Any:
            return getattr(w.airtable, name)

    collection, read = w.catalog.collection("Trucks"), list(w.airtable.records(BASE, "Trucks"))
    found = assign_ids(collection, read, catalog=w.catalog, airtable=Refusing(), base=BASE, state=w.state)  # type: ignore[arg-type]
    assert (len(found.created), found.refused) == (2, (records[1],))
    assert ids(w)[records[1]] == ""
    assert look(w).created == (ids(w)[records[1]],)


def test_a_record_deleted_after_it_was_read_leaves_nothing_behind(w: World) -> None:
    kept, deleted = typed(w, Plate="kept"), typed(w, Plate="deleted")
    read = list(w.airtable.records(BASE, "Trucks"))
    w.airtable.delete(BASE, "Trucks", [deleted])
    found = assign_ids(
        w.catalog.collection("Trucks"), read, catalog=w.catalog, airtable=w.airtable, base=BASE, state=w.state
    )
    assert (found.created, found.refused) == ((ids(w)[kept],), ())
    assert deleted not in found.rows
    assert w.state.rows(BASE, "Trucks").changes() == {ids(w)[kept]: "created"}


def test_a_dry_run_writes_nothing(w: World) -> None:
    record = typed(w, Plate="typed")
    edited(w, w.record_id("Trucks", "t1"), **{LEGACY_ID: None})
    found = look(w, dry_run=True)
    assert (len(found.created), found.restored) == (1, ("t1",))
    assert ids(w)[record] == ids(w)[w.record_id("Trucks", "t1")] == ""
    assert w.state.rows(BASE, "Trucks").changes() == {}


def test_many_rows_cost_one_request_per_ten(w: World) -> None:
    for start in range(0, 25, 10):
        rows = [{"Plate": f"typed {n}"} for n in range(start, min(25, start + 10))]
        w.airtable.create(BASE, "Trucks", rows)
    before = len(w.airtable.log)
    assert len(look(w).created) == 25
    assert [row.method for row in w.airtable.log.rows(before)] == ["GET", "PATCH", "PATCH", "PATCH"]


def test_a_copy_of_a_record_whose_id_was_changed_is_no_row_of_the_wrong_id(w: World) -> None:
    edited(w, w.record_id("Trucks", "t1"), **{LEGACY_ID: "wrong"})
    copy = copied(w, "wrong")
    found = look(w)
    assert (found.restored, found.copied) == (("t1",), (Copied("t1", ids(w)[copy]),))
    assert "wrong" not in ids(w).values()


def test_of_several_processes_that_look_at_the_same_time_one_gives_the_id(w: World) -> None:
    record = typed(w, Plate="typed")
    collection, read = w.catalog.collection("Trucks"), list(w.airtable.records(BASE, "Trucks"))
    into: dict[str, Any] = {"catalog": w.catalog, "airtable": w.airtable, "base": BASE, "state": w.state}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: assign_ids(collection, read, **into), range(8)))
    assert {rows.rows[record] for rows in found} == {ids(w)[record]}
    assert w.state.rows(BASE, "Trucks").changes() == {ids(w)[record]: "created"}
    assert w.state.rows(BASE, "Trucks").by_record([record]) == {record: ids(w)[record]}
