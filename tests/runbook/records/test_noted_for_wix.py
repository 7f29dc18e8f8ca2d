"""What services write in Airtable is noted for Wix before their call returns, with a mirror and without."""

from __future__ import annotations

from typing import Any

import pytest

from records_kit import CATALOG, Both
from runbook.merge import RowMerge
from runbook.records import AirtableRecords, Records
from runbook.state import AgreedRow, PendingRow


def lines(both: Both, collection: str = "Carriers") -> dict[str, PendingRow]:
    return {row.legacy_id: row for row in both.state.outbox(both.base, collection).rows()}


def agree(both: Both, collection: str) -> None:
    """Both sides agree on all rows as they are."""
    c = CATALOG.collection(collection)
    merge, rows = RowMerge(c, [link.name for link in c.links], lambda record: True), both.state.rows(both.base, c.wix)
    rows.agree(AgreedRow(i, r["id"], None, merge.answer(r["fields"]), "{}") for i, r in both.rows(collection).items())
    rows.forget_changes(both.rows(collection))
    both.state.outbox(both.base, collection).clear()


@pytest.fixture
def on(both: Both) -> Both:
    both.turn("airtable")
    return both


def test_every_write_is_noted_as_airtable_answered_it(on: Both, airtable: Records) -> None:
    airtable.bulk_insert("Carriers", [{"_id": "a", "trucks": 1}, {"_id": "b"}, {"_id": "c"}])
    agree(on, "Carriers")
    assert lines(on) == {}
    airtable.patch("Carriers", "a", {"trucks": 2})
    airtable.insert("Carriers", {"_id": "new", "trucks": 3})
    airtable.remove("Carriers", "b")
    found = lines(on)
    assert {i: row.fields and row.fields["Trucks"] for i, row in found.items()} == {"a": 2, "new": 3, "b": None}
    assert not any(row.by_hand for row in found.values())
    records = on.rows("Carriers")
    assert found["a"].fields == records["a"]["fields"]
    assert (found["a"].record_id, found["new"].record_id) == (records["a"]["id"], records["new"]["id"])
    assert on.state.rows(on.base, "Carriers").changes() == {"new": "created", "b": "removed"}


def test_of_a_row_that_was_never_sent_nothing_remains(on: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a"})
    airtable.remove("Carriers", "a")
    assert lines(on) == {}


def test_links_are_noted_with_their_row(on: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "c1"})
    airtable.insert("Drivers", {"_id": "d", "name": "Ann"})
    agree(on, "Drivers")
    airtable.patch("Drivers", "d", {"carrier_id": "c1"})
    assert lines(on, "Drivers")["d"].fields["Carrier"] == [on.rows("Carriers")["c1"]["id"]]  # type: ignore[index]


def test_nothing_is_noted_while_the_flag_is_at_wix(both: Both, airtable: Records) -> None:
    airtable.insert("Carriers", {"_id": "a"})
    airtable.patch("Carriers", "a", {"trucks": 2})
    assert lines(both) == {}


def test_what_was_read_before_a_write_never_replaces_it(on: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that began before a service's write and arrives after it."""
    on.mirrored.insert("Carriers", {"_id": "a", "trucks": 1})
    mark = on.mirror.store.mark()
    old = on.rows("Carriers")["a"]
    on.mirrored.patch("Carriers", "a", {"trucks": 2})
    on.mirror.ingest("Carriers", [old], after=mark)
    assert lines(on)["a"].fields["Trucks"] == 2  # type: ignore[index]


def test_a_row_that_a_person_deleted_is_noted_when_a_service_meets_it(on: Both, airtable: AirtableRecords) -> None:
    airtable.insert("Carriers", {"_id": "a"})
    agree(on, "Carriers")
    on.delete("Carriers", ["a"])
    with pytest.raises(Exception, match="a"):
        airtable.patch("Carriers", "a", {"trucks": 2})
    (line,) = lines(on).values()
    assert (line.fields, line.by_hand) == (None, True)


def test_a_row_is_durable_for_wix_before_its_call_returns(on: Both, airtable: Records, monkeypatch: Any) -> None:
    """The outbox commits with a flush; what is noted before it in the same file is flushed by it."""
    committed: list[bool] = []
    writing = type(on.state._db).writing

    def noted(self: Any, *, durable: bool = False) -> Any:
        committed.append(durable)
        return writing(self, durable=durable)

    monkeypatch.setattr(type(on.state._db), "writing", noted)
    for write in (
        lambda: airtable.insert("Carriers", {"_id": "a"}),
        lambda: airtable.patch("Carriers", "a", {"trucks": 2}),
        lambda: airtable.remove("Carriers", "a"),
    ):
        committed.clear()
        write()
        assert True in committed


def test_a_line_that_is_seen_again_as_it_is_stays_the_services_and_held(on: Both) -> None:
    on.mirrored.insert("Carriers", {"_id": "a", "trucks": 1})
    outbox = on.state.outbox(on.base, "Carriers")
    (line,) = outbox.rows()
    outbox.hold({("a", line.mark): "Wix refused it"})
    on.mirror.refresh()
    on.mirror.load(["Carriers"])
    assert outbox.rows(held=True) == [line._replace(held="Wix refused it")]
    on.edit("Carriers", "a", {"Trucks": 2})
    on.mirror.refresh()
    (line,) = outbox.rows()
    assert (line.by_hand, line.held) == (True, None)
