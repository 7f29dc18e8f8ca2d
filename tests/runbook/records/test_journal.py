"""Writes through the journal: seen at once, sent in order, noted as any other write, refused row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from records_kit import CATALOG, Both, without_dates
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import MISSING, Item
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.records import AirtableRecords, Records

CARRIERS, DRIVERS = "Carriers", "Drivers"


@pytest.fixture
def records(both: Both) -> AirtableRecords:
    """Records whose writes go into the journal, and stay there until they are sent on demand."""
    both.turn("airtable")
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
