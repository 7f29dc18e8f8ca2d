"""Writes through the journal: seen at once, sent in order, noted as any other write, refused row by row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from records_kit import CATALOG, Both, without_dates
from runbook.errors import ItemExists, NoSuchItem, SchemaDrift, SourceDown
from runbook.json_types import MISSING, Item
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.records import AirtableRecords, Records
from runbook.state.pending_writes import NewWrite

CARRIERS, DRIVERS = "Carriers", "Drivers"


@pytest.fixture
def records(both: Both) -> AirtableRecords:
    """Records whose writes go into the journal, and stay there until they are sent on demand."""
    both.turn("airtable")
    for name in CATALOG.collections:  # a test before may have broken the mirror
        both.mirror.ensure_loaded(name)
    return both.journaled


@pytest.fixture
def elsewhere(both: Both) -> Iterator[AirtableRecords]:
    """The same as another process of this machine has them, with direct writes."""
    mirror = Mirror(both.api, both.base, CATALOG, both.state, both.folder / "mirror.db")
    yield both.over(mirror)
    mirror.close()


def raw(both: Both, collection: str = CARRIERS) -> dict[str, Any]:
    """What Airtable holds right now, by legacy id: its cells."""
    found = both.api.records(both.base, CATALOG.collection(collection).table)
    return {record["fields"]["Legacy Wix ID"]: record["fields"] for record in found}


def _records(both: Both) -> dict[str, Any]:
    return {record["fields"]["Legacy Wix ID"]: record for record in both.api.records(both.base, "The Carriers")}


def writes(both: Both, start: int) -> list[str]:
    return [row.what for row in both.api.log.rows(start) if row.method != "GET" and "list records" not in row.what]


def drain(records: AirtableRecords) -> None:
    assert records.journal.drain(10.0) == {}


def assert_settled(both: Both, collection: str = CARRIERS) -> None:
    """The journal is empty, and the mirror holds what Airtable holds."""
    assert both.state.pending_writes(both.base).lines() == []
    assert both.mirror.store.pending(collection) == []
    stored = {item["_id"]: item for item in both.mirrored.get_all(collection)}
    assert stored == {item["_id"]: item for item in both.bare.get_all(collection, consistent=True)}


def test_a_write_is_seen_before_it_is_sent(both: Both, records: AirtableRecords, elsewhere: AirtableRecords) -> None:
    start = both.request_count()
    stored = records.insert(CARRIERS, {"_id": "a", "legal_name": "Ann", "trucks": 1})
    both.later()
    patched = records.patch(CARRIERS, "a", {"trucks": 2, "legal_name": MISSING})
    assert (stored["trucks"], patched["trucks"], "legal_name" in patched) == (1, 2, False)
    assert patched["_createdDate"] < patched["_updatedDate"]
    for reader in (records, both.mirrored, elsewhere):
        assert reader.get(CARRIERS, "a") == patched
        assert reader.query(CARRIERS, Query().eq("trucks", 2)).items == [patched]
        assert reader.count(CARRIERS) == 1
    assert both.request_count() == start
    drain(records)
    assert raw(both)["a"]["Trucks"] == 2
    assert records.get(CARRIERS, "a") == patched
    assert_settled(both)


def test_ten_rows_go_in_a_request_and_the_lines_of_a_row_in_one_write(both: Both, records: AirtableRecords) -> None:
    for number in range(10):
        records.insert(CARRIERS, {"_id": f"{number}"})
        for trucks in range(3):
            records.patch(CARRIERS, f"{number}", {"trucks": trucks})
    start = both.request_count()
    drain(records)
    assert len(writes(both, start)) == 1
    for number in range(10):
        records.change(CARRIERS, f"{number}", lambda item: {"trucks": item["trucks"] + 1})
        records.patch(CARRIERS, f"{number}", {"insured": True})
    drain(records)
    assert len(writes(both, start)) == 2
    assert {(cells["Trucks"], cells["Insured"]) for cells in raw(both).values()} == {(3, True)}
    assert_settled(both)


def test_it_is_noted_as_a_direct_write_is(both: Both, records: AirtableRecords) -> None:
    def noted(by: Records) -> Any:
        by.insert(CARRIERS, {"_id": "a", "trucks": 1})
        by.patch(CARRIERS, "a", {"trucks": 2})
        by.insert(CARRIERS, {"_id": "b", "trucks": 1})
        by.remove(CARRIERS, "b")
        drain(records)
        rows, outbox = both.state.rows(both.base, CARRIERS), both.state.outbox(both.base, CARRIERS)
        found = (
            {i: history.served.keys() for i, history in rows.histories(["a", "b"]).items()},
            {line.legacy_id: (line.fields and line.fields["Trucks"], line.by_hand) for line in outbox.rows()},
            rows.changes(),
            rows.all().keys(),
        )
        both.empty()
        return found

    served, *directly = noted(both.mirrored)
    assert [*noted(records)][1:] == directly
    assert served == {"a": {"trucks"}}
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    drain(records)
    records.patch(CARRIERS, "a", {"trucks": 2})
    drain(records)
    (history,) = both.state.rows(both.base, CARRIERS).histories(["a"]).values()
    assert history.served.keys() >= {"trucks"}


def test_a_direct_write_goes_after_what_waits(both: Both, records: AirtableRecords, elsewhere: AirtableRecords) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1, "legal_name": "Ann"})
    records.patch(CARRIERS, "a", {"trucks": 2})
    stored = elsewhere.patch(CARRIERS, "a", {"legal_name": "Bob"})
    assert (stored["trucks"], stored["legal_name"]) == (2, "Bob")
    assert (raw(both)["a"]["Trucks"], raw(both)["a"]["Legal Name"]) == (2, "Bob")
    records.patch(CARRIERS, "a", {"trucks": 3})
    elsewhere.remove(CARRIERS, "a")
    assert raw(both) == {}
    assert_settled(both)


def test_errors_are_raised_before_anything_is_in_the_journal(both: Both, records: AirtableRecords) -> None:
    records.insert(CARRIERS, {"_id": "a"})
    with pytest.raises(ItemExists):
        records.insert(CARRIERS, {"_id": "a"})
    records.remove(CARRIERS, "a")
    for call in (lambda: records.patch(CARRIERS, "a", {"trucks": 1}), lambda: records.remove(CARRIERS, "a")):
        with pytest.raises(NoSuchItem):
            call()
    assert raw(both) == {}
    assert_settled(both)


def test_a_thread_sends_what_is_appended(both: Both) -> None:
    records = both.over(both.mirror)._with(durable="journal")
    assert not records.journal.is_running
    records.insert(CARRIERS, {"_id": "direct"})
    assert raw(both).keys() == {"direct"}
    with records.journal.kept_sent():
        for number in range(30):
            records.insert(CARRIERS, {"_id": f"{number}", "trucks": number})
        assert len(records.get_all(CARRIERS)) == 31
    assert len(raw(both)) == 31
    records.journal.close()
    assert_settled(both)


def test_a_consistent_read_sends_first(both: Both, records: AirtableRecords, elsewhere: AirtableRecords) -> None:
    item: Item = {"_id": "a", "trucks": 1}
    records.insert(CARRIERS, item)
    found = elsewhere.query(CARRIERS, Query().eq("trucks", 1), consistent=True).items
    assert [without_dates(each) for each in found] == [item]


# What comes from Airtable meanwhile


def test_an_edit_in_the_grid_and_what_waits_are_both_seen(both: Both, records: AirtableRecords) -> None:
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 1, "legal_name": "Ann", "insured": False})
    both.mirror.refresh()
    records.patch(CARRIERS, "a", {"trucks": 2})
    record = both.mirror.store.record_of(CARRIERS, "a")
    both.api.update(both.base, "The Carriers", [{"id": record, "fields": {"Legal Name": "Bob", "Trucks": 9}}])
    both.mirror.refresh()
    found = records.get(CARRIERS, "a")
    assert found is not None
    assert (found["trucks"], found["legal_name"]) == (2, "Bob")
    drain(records)
    assert (raw(both)["a"]["Trucks"], raw(both)["a"]["Legal Name"]) == (2, "Bob")
    assert_settled(both)


@pytest.mark.parametrize("rebuilt", ["full sync", "deleted file", "broken file", "discarded"])
def test_what_waits_outlives_the_mirror(both: Both, records: AirtableRecords, rebuilt: str) -> None:
    both.mirrored.bulk_insert(CARRIERS, [{"_id": "a", "trucks": 1}, {"_id": "gone", "trucks": 1}])
    records.insert(CARRIERS, {"_id": "new", "trucks": 7})
    records.patch(CARRIERS, "a", {"trucks": 2})
    records.remove(CARRIERS, "gone")
    path = both.mirror.store.file.path
    if rebuilt == "full sync":
        both.mirror.load([CARRIERS])
    elif rebuilt == "deleted file":
        path.unlink()
    elif rebuilt == "discarded":
        both.mirror.discard()
    else:
        path.write_bytes(b"nothing" * 1000)
    assert {item["_id"]: item["trucks"] for item in records.get_all(CARRIERS)} == {"new": 7, "a": 2}
    assert both.mirror.store.size(CARRIERS) == 2
    drain(records)
    assert {id_: cells["Trucks"] for id_, cells in raw(both).items()} == {"new": 7, "a": 2}
    assert_settled(both)


def test_a_row_that_a_person_deleted_refuses_what_waits(both: Both, records: AirtableRecords) -> None:
    both.mirrored.bulk_insert(CARRIERS, [{"_id": f"{n}", "trucks": n} for n in range(5)])
    both.mirror.refresh()
    for number in range(5):
        records.patch(CARRIERS, f"{number}", {"trucks": 100 + number})
    record = both.mirror.store.record_of(CARRIERS, "3")
    assert record is not None
    both.api.delete(both.base, "The Carriers", [record])
    left = records.journal.drain(10.0)
    assert [(name, count.waiting, count.refused) for name, count in left.items()] == [(CARRIERS, 0, 1)]
    (line,) = records.journal.pending.lines(refused=True)
    assert line.legacy_id == "3"
    assert "has no item 3" in str(line.refused)
    assert {cells["Trucks"] for cells in raw(both).values()} == {100, 101, 102, 104}
    assert records.get(CARRIERS, "3") is None
    assert_settled(both)


# What Airtable refuses


@pytest.fixture
def no_inactive(both: Both) -> Iterator[None]:
    """A person has renamed a choice, so that Airtable refuses it."""
    where = {"base": both.base, "table": "The Carriers", "field": "Status"}
    both.box.grid(**where, choice="inactive", name="Out")
    yield
    both.box.grid(**where, choice="Out", name="inactive")
    both.mirror.refresh()


def test_one_refused_row_does_not_refuse_the_others(both: Both, records: AirtableRecords, no_inactive: None) -> None:
    both.mirrored.bulk_insert(CARRIERS, [{"_id": f"{n}", "trucks": n, "status": "active"} for n in range(10)])
    for number in range(10):
        records.patch(CARRIERS, f"{number}", {"trucks": 50})
        records.patch(CARRIERS, f"{number}", {"status": "inactive" if number == 4 else "active"})
        records.patch(CARRIERS, f"{number}", {"insured": True})
    records.insert(CARRIERS, {"_id": "bad", "status": "inactive", "legal_name": "A Secret Name"})
    records.patch(CARRIERS, "bad", {"trucks": 1})
    records.insert(CARRIERS, {"_id": "good", "status": "active"})
    left = records.journal.drain(10.0)
    assert [(count.waiting, count.refused) for count in left.values()] == [(0, 3)]
    refused = records.journal.pending.lines(refused=True)
    assert [(line.legacy_id, line.kind) for line in refused] == [("4", "patch"), ("bad", "insert"), ("bad", "patch")]
    assert all("Secret" not in str(line.refused) and "inactive" not in str(line.refused) for line in refused)
    cells = raw(both)
    assert {cells[f"{n}"]["Trucks"] for n in range(10)} == {50}
    assert all(cells[f"{n}"]["Insured"] for n in range(10))
    assert cells["4"]["Status"] == "active"
    assert "good" in cells
    assert "bad" not in cells
    assert records.get(CARRIERS, "bad") is None  # as in Airtable again
    assert_settled(both)


def test_a_refused_line_is_sent_again_or_dropped(both: Both, records: AirtableRecords, no_inactive: None) -> None:
    both.mirrored.bulk_insert(CARRIERS, [{"_id": "a", "status": "active"}, {"_id": "b", "status": "active"}])
    for item_id in "ab":
        records.patch(CARRIERS, item_id, {"status": "inactive"})
    records.journal.drain(10.0)
    a, b = records.journal.pending.lines(refused=True)
    both.box.grid(base=both.base, table="The Carriers", field="Status", choice="Out", name="inactive")
    assert records.journal.pending.retry(a.id) is not None
    assert records.journal.pending.drop(b.id, who="ann", why="no longer true") == b
    drain(records)
    assert {id_: cells["Status"] for id_, cells in raw(both).items()} == {"a": "inactive", "b": "active"}
    assert_settled(both)
    both.box.grid(base=both.base, table="The Carriers", field="Status", choice="inactive", name="Out")


# Links


def test_a_row_that_links_to_one_that_waits_is_linked(both: Both, records: AirtableRecords) -> None:
    records.insert(CARRIERS, {"_id": "c", "dot_number": "123"})
    for number in range(12):
        records.insert(DRIVERS, {"_id": f"d{number}", "name": "Ann", "carrier_dot": "123"})
    records.insert(CARRIERS, {"_id": "e", "dot_number": "456"})
    records.patch(DRIVERS, "d0", {"carrier_id": "e"})
    drain(records)
    carriers = {
        record["fields"]["Legacy Wix ID"]: record["id"] for record in both.api.records(both.base, "The Carriers")
    }
    drivers = raw(both, DRIVERS)
    assert {id_: cells.get("Carrier") for id_, cells in drivers.items()} == {
        "d0": [carriers["e"]], **{f"d{n}": [carriers["c"]] for n in range(1, 12)},
    }  # fmt: skip


@pytest.mark.parametrize("write", ["insert", "patch", "change", "update"])
def test_a_direct_write_that_links_to_one_that_waits_is_linked(
    both: Both, records: AirtableRecords, write: str
) -> None:
    both.mirrored.insert(DRIVERS, {"_id": "d", "name": "Ann"})
    records.insert(CARRIERS, {"_id": "c", "dot_number": "123"})
    key = {"carrier_dot": "123"}
    if write == "insert":
        both.mirrored.insert(DRIVERS, {"_id": "new", "name": "Ann", **key})
    elif write == "patch":
        both.mirrored.patch(DRIVERS, "d", key)
    elif write == "change":
        both.mirrored.change(DRIVERS, "d", lambda item: key, consistent=False)
    else:
        both.mirrored.update(DRIVERS, {"_id": "d", "name": "Ann", **key})
    carriers = [record["id"] for record in both.api.records(both.base, "The Carriers")]
    assert raw(both, DRIVERS)["new" if write == "insert" else "d"]["Carrier"] == carriers


# Down, full, and what may have been sent


def test_airtable_down_keeps_the_lines_and_sends_them_later(both: Both, records: AirtableRecords) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    both.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 503, "times": None})
    records.patch(CARRIERS, "a", {"trucks": 2})
    left = records.journal.drain(0.2)
    assert [(count.waiting, count.refused) for count in left.values()] == [(2, 0)]
    assert records.journal.last_error is not None
    with pytest.raises(SourceDown) as caught:
        both.mirrored.patch(CARRIERS, "a", {"trucks": 3})
    assert caught.value.done is False
    both.box.faults(clear=True)
    drain(records)
    assert raw(both)["a"]["Trucks"] == 2
    assert_settled(both)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after_commit", "truncate"])
@pytest.mark.parametrize("write", ["insert", "patch"])
def test_a_lost_answer_is_looked_up_before_anything_is_sent_again(
    both: Both, records: AirtableRecords, kind: str, write: str
) -> None:
    if write == "patch":
        both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 1})
        both.later()
        records.patch(CARRIERS, "a", {"trucks": 2})
    else:
        records.insert(CARRIERS, {"_id": "a", "trucks": 2})
    both.box.faults({"match": {"service": "airtable", "method": "PATCH"}, "kind": kind, "times": None})
    with pytest.raises(SourceDown):
        records.journal.send(CARRIERS)
    both.box.faults(clear=True)
    arrived = kind != "drop_before"
    if arrived:  # a person corrects it before the answer is known to be lost
        record = _records(both)["a"]["id"]
        both.api.update(both.base, "The Carriers", [{"id": record, "fields": {"Trucks": 77}}])
    both.later()
    records.patch(CARRIERS, "a", {"insured": True})
    drain(records)
    cells = raw(both)
    assert cells.keys() == {"a"}
    assert (cells["a"]["Trucks"], cells["a"]["Insured"]) == (77 if arrived else 2, True)
    assert_settled(both)
    assert both.state.rows(both.base, CARRIERS).all().keys() == {"a"}


def test_a_full_journal_makes_writes_wait_and_then_refuses_them(both: Both) -> None:
    both.turn("airtable")
    records = both.over(both.mirror)._with(durable="journal")
    records.journal.is_running, records.journal.max_lines = True, 3
    for number in range(3):
        records.insert(CARRIERS, {"_id": f"{number}"})
    start = time.monotonic()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(records.insert, CARRIERS, {"_id": "waits"})
        time.sleep(0.3)
        assert not waiting.done()
        drain(records)
        assert waiting.result(10)["_id"] == "waits"
    drain(records)
    records.bulk_insert(CARRIERS, [{"_id": "x"}, {"_id": "y"}, {"_id": "z"}])
    with pytest.raises(SourceDown, match=r"Carriers: the journal of writes is full: 3 lines.*nothing was written") as e:
        records.insert(CARRIERS, {"_id": "never"})
    assert e.value.done is False
    assert time.monotonic() - start > 5
    assert records.get(CARRIERS, "never") is None
    drain(records)
    assert "never" not in raw(both)
    records.journal.close()


# Many at once


def test_twenty_at_once_through_the_journal_while_it_is_sent(both: Both) -> None:
    both.turn("airtable")
    records = both.over(both.mirror)._with(durable="journal")
    records.insert(CARRIERS, {"_id": "a", "trucks": 0})
    direct = both.mirrored

    def one_more(by: Records) -> None:
        by.change(CARRIERS, "a", lambda item: {"trucks": item["trucks"] + 1})

    with records.journal.kept_sent(), ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(one_more, direct if number % 5 == 0 else records) for number in range(60)]
        once = [pool.submit(records.insert_once, CARRIERS, {"legal_name": "Ann"}) for _ in range(20)]
        for call in calls:
            call.result()
        assert sum(call.result().inserted for call in once) == 1
    assert raw(both)["a"]["Trucks"] == 60
    assert len(raw(both)) == 2
    records.journal.close()
    assert_settled(both)


def test_a_sender_that_was_overtaken_sends_nothing(both: Both, records: AirtableRecords) -> None:
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 0})
    records.patch(CARRIERS, "a", {"trucks": 1})
    (overtaken,) = records.journal.order.next_batches(records.journal.pending.lines(), 1)
    records.patch(CARRIERS, "a", {"trucks": 2})
    drain(records)
    records.journal._send(overtaken)
    assert raw(both)["a"]["Trucks"] == 2


def test_what_a_killed_process_appended_is_seen_once_another_starts(both: Both) -> None:
    both.turn("airtable")
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 0})
    both.state.pending_writes(both.base).append([NewWrite(CARRIERS, "a", "patch", {"trucks": 1})])
    both.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 503, "times": None})
    records = both.over(both.mirror)
    with records.journal.kept_sent():
        deadline = time.monotonic() + 10
        while records.get(CARRIERS, "a")["trucks"] == 0 and time.monotonic() < deadline:  # type: ignore[index]
            time.sleep(0.01)
    found = records.get(CARRIERS, "a")
    assert found is not None
    assert found["trucks"] == 1
    records.journal.close()


def test_a_table_that_a_person_has_changed_refuses_what_waits(both: Both, records: AirtableRecords) -> None:
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 1})
    both.mirrored.insert(DRIVERS, {"_id": "d", "name": "Ann"})
    records.patch(CARRIERS, "a", {"trucks": 2})
    records.patch(DRIVERS, "d", {"name": "Bob"})
    table = next(table for table in both.api.tables(both.base) if table["name"] == "The Carriers")
    column = next(field["id"] for field in table["fields"] if field["name"] == "Trucks")
    both.api.update_field(both.base, table["id"], column, {"name": "Lorries"})
    try:
        both.mirror.check_schema()
        left = records.journal.drain(10.0)
        assert {name: (count.waiting, count.refused) for name, count in left.items()} == {CARRIERS: (0, 1)}
        (line,) = records.journal.pending.lines(refused=True)
        assert "Trucks" in str(line.refused)
        with pytest.raises(SchemaDrift):
            records.patch(CARRIERS, "a", {"trucks": 3})
    finally:
        both.api.update_field(both.base, table["id"], column, {"name": "Trucks"})
        both.mirror.refresh()
    found = records.get(CARRIERS, "a")
    assert found is not None
    assert found["trucks"] == 1  # as Airtable has it
    assert records.journal.pending.retry(line.id) is not None
    drain(records)
    assert raw(both)["a"]["Trucks"] == 2
    assert raw(both, DRIVERS)["d"]["Name"] == "Bob"
    assert_settled(both)


@pytest.mark.parametrize(("status", "unsure"), [(429, False), (500, True)])
def test_only_what_may_have_arrived_is_looked_up(
    both: Both, records: AirtableRecords, status: int, unsure: bool
) -> None:
    records.insert(CARRIERS, {"_id": "a", "trucks": 1})
    rule = {"match": {"service": "airtable"}, "kind": "status", "status": status, "times": None}
    both.box.faults({**rule, "headers": {"Retry-After": "0"}})
    with pytest.raises(SourceDown):
        records.journal.send(CARRIERS)
    both.box.faults(clear=True)
    assert [line.sent is not None for line in records.journal.pending.lines()] == [unsure]
    start = both.request_count()
    drain(records)
    assert both.request_count() - start == (1 if not unsure else 2)


def test_a_row_whose_lines_went_elsewhere_is_as_in_airtable_again(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.mirror.journal._OVERLAY_SECONDS", 0.05)
    both.turn("airtable")
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 1})
    both.journaled.patch(CARRIERS, "a", {"trucks": 2})
    both.journaled.insert(CARRIERS, {"_id": "b"})
    pending = both.journaled.journal.pending
    pending.finish([line.id for line in pending.lines()])  # such as to Wix, at a turn
    assert both.mirrored.count(CARRIERS) == 2
    records = both.over(both.mirror)
    with records.journal.kept_sent():
        deadline = time.monotonic() + 10
        while records.count(CARRIERS) == 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    records.journal.close()
    assert [(item["_id"], item["trucks"]) for item in both.mirrored.get_all(CARRIERS)] == [("a", 1)]
    assert_settled(both)


def test_writes_of_one_moment_are_told_apart(both: Both, records: AirtableRecords) -> None:
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 0})
    first = records.patch(CARRIERS, "a", {"trucks": 1})
    drain(records)
    second = records.patch(CARRIERS, "a", {"trucks": 2})
    both.box.faults({"match": {"method": "PATCH"}, "kind": "drop_before", "times": None})
    with pytest.raises(SourceDown):
        records.journal.send(CARRIERS)
    both.box.faults(clear=True)
    drain(records)
    assert raw(both)["a"]["Trucks"] == 2
    assert first["_updatedDate"] < second["_updatedDate"]


def test_many_removals_go_in_two_requests(both: Both, records: AirtableRecords) -> None:
    both.mirrored.bulk_insert(CARRIERS, [{"_id": f"{n}"} for n in range(10)])
    for number in range(9):
        records.remove(CARRIERS, f"{number}")
    start = both.request_count()
    drain(records)
    assert both.request_count() - start == 2  # found, and deleted
    assert raw(both).keys() == {"9"}
    assert_settled(both)


def test_a_broken_mirror_does_not_stop_the_journal(both: Both) -> None:
    both.turn("airtable")
    both.mirrored.insert(CARRIERS, {"_id": "a", "trucks": 0})
    both.journaled.patch(CARRIERS, "a", {"trucks": 1})
    records = both.over(both.mirror)
    path = both.mirror.store.file.path
    both.mirror.store.close()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    content = bytearray(path.read_bytes())
    content[8192:] = b"x" * len(content[8192:])  # it can be opened
    path.write_bytes(bytes(content))
    with records.journal.kept_sent():
        deadline = time.monotonic() + 20
        while both.state.pending_writes(both.base).lines() and time.monotonic() < deadline:
            time.sleep(0.02)
    records.journal.close()
    assert raw(both)["a"]["Trucks"] == 1
    assert_settled(both)


def test_a_table_that_is_closed_to_us_holds_up_no_other(both: Both, records: AirtableRecords) -> None:
    records.insert(CARRIERS, {"_id": "c"})
    for number in range(25):
        records.insert(DRIVERS, {"_id": f"{number}", "name": "Ann"})
    records.patch(DRIVERS, "3", {"carrier_id": "c"})
    path = {"service": "airtable", "method": "PATCH", "path": "*The Carriers"}
    both.box.faults({"match": path, "kind": "status", "status": 403, "times": None})
    start = both.request_count()
    left = records.journal.drain(5.0, gives_up=True)
    assert {name: (count.waiting, count.refused) for name, count in left.items()} == {CARRIERS: (1, 0), DRIVERS: (1, 0)}
    assert len(writes(both, start)) == 4  # the closed one once
    assert len(raw(both, DRIVERS)) == 25
    both.box.faults(clear=True)
    drain(records)
    assert len(raw(both, DRIVERS)["3"]["Carrier"]) == 1
