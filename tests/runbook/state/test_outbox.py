"""What Wix may not have yet: one line a row, the newest wins, and nothing leaves it that was not answered."""

from __future__ import annotations

import threading

import pytest

from runbook.state import AgreedRow, Outbox, OutboxCount, OutboxRow, State
from runbook.state.rows import CollectionRows


@pytest.fixture
def rows(state: State) -> CollectionRows:
    return state.rows("app1", "Cars")


@pytest.fixture
def outbox(state: State) -> Outbox:
    return state.outbox("app1", "Cars")


def row(legacy_id: str, *, by_hand: bool = False, **fields: object) -> OutboxRow:
    return OutboxRow(legacy_id, f"rec-{legacy_id}", dict(fields) or None, by_hand)


def lines(outbox: Outbox, *, held: bool = False) -> dict[str, object]:
    return {each.legacy_id: each.fields for each in outbox.rows(held=held)}


def test_a_row_has_one_line_with_its_newest_cells(outbox: Outbox) -> None:
    outbox.add([row("a", Plate="1"), row("b", Plate="2")])
    first = outbox.rows()[0]
    outbox.add([row("a", Plate="3")])
    assert lines(outbox) == {"a": {"Plate": "3"}, "b": {"Plate": "2"}}
    again = outbox.rows()[0]
    assert (again.at, again.mark != first.mark) == (first.at, True)


def test_collections_and_bases_are_apart(state: State, outbox: Outbox) -> None:
    outbox.add([row("a", Plate="1")])
    assert state.outbox("app2", "Cars").rows() == []
    assert state.outbox("app1", "Vans").rows() == []
    state.outbox("app2", "Cars").clear()
    assert len(outbox.rows()) == 1


def test_what_was_answered_leaves_with_what_is_agreed_on(state: State, outbox: Outbox, rows: CollectionRows) -> None:
    rows.put_created({"a": "rec-a", "b": "rec-b"})
    outbox.add([row("a", Plate="1"), row("b", Plate="2")])
    (a, b) = outbox.rows()
    outbox.add([row("b", Plate="3")])  # changed once more while it was carried
    agreed = [AgreedRow(x, f"rec-{x}", None, "answer", '{"keys":{},"links":{}}') for x in ("a", "b")]
    outbox.finish([(a.legacy_id, a.mark), (b.legacy_id, b.mark)], rows, agreed)
    assert lines(outbox) == {"b": {"Plate": "3"}}
    assert rows.changes() == {}
    assert rows.all()["a"].answer == "answer"
    assert state.outbox_counts("app1") == {"Cars": OutboxCount(1, 0, b.at)}


def test_what_was_sent_is_known_until_it_is_answered(outbox: Outbox, rows: CollectionRows) -> None:
    outbox.add([row("a", Plate="1")])
    outbox.note_sent({"a": {"plate": "5f"}, "gone": {"plate": "6f"}})
    outbox.add([row("a", Plate="2")])
    (line,) = outbox.rows()
    assert line.sent == {"plate": "5f"}
    outbox.finish([("a", "another mark")], rows)
    (line,) = outbox.rows()
    assert (line.sent, line.fields) == ({}, {"Plate": "2"})


def test_a_held_line_waits_until_the_row_changes_or_is_released(outbox: Outbox) -> None:
    outbox.add([row("a", Plate="1"), row("b", Plate="2")])
    (a, b) = outbox.rows()
    outbox.hold({("a", a.mark): "in conflict", ("b", "an older mark"): "in conflict"})
    assert lines(outbox) == {"b": {"Plate": "2"}}
    assert [each.held for each in outbox.rows(held=True)] == ["in conflict", None]
    outbox.add([row("a", Plate="3")])
    assert set(lines(outbox)) == {"a", "b"}
    outbox.hold({("b", b.mark): "refused"})
    outbox.release()
    assert set(lines(outbox)) == {"a", "b"}


def test_what_was_read_before_a_newer_change_does_not_replace_it(outbox: Outbox) -> None:
    outbox.add([row("a", Plate="1")])
    marks = outbox.marks()
    outbox.add([row("b", Plate="2")])
    outbox.add([row("a", Plate="old"), row("b", Plate="old"), row("c", Plate="3")], read_at=marks)
    assert lines(outbox) == {"a": {"Plate": "old"}, "b": {"Plate": "2"}, "c": {"Plate": "3"}}


def test_who_removed_a_row_stays_known_though_it_is_seen_again(outbox: Outbox, rows: CollectionRows) -> None:
    rows.put({"a": "rec-a", "b": "rec-b"})
    rows.note_removed(["a"])
    outbox.add([row("a", by_hand=True)])
    rows.note_removed(["b"], by_hand=True)
    assert {each.legacy_id: each.by_hand for each in outbox.rows()} == {"a": False, "b": True}
    outbox.add([row("a", by_hand=True, Plate="back again")])
    assert {each.legacy_id: each.by_hand for each in outbox.rows()} == {"a": True, "b": True}


# Rows that were removed


def agreed(rows: CollectionRows, legacy_id: str) -> None:
    rows.agree([AgreedRow(legacy_id, f"rec-{legacy_id}", "hash", "answer", f'{{"keys":{{"id":"{legacy_id}"}}}}')])


def test_a_removed_row_keeps_what_was_agreed_on(outbox: Outbox, rows: CollectionRows) -> None:
    agreed(rows, "a")
    rows.replace_keys_of("a", {"plate": "1"})
    rows.note_removed(["a", "never known"], by_hand=True)
    assert rows.all() == {}
    assert rows.resolve("plate", "1") is None
    assert rows.removed() == {"a": '{"keys":{"id":"a"}}'}
    (line,) = outbox.rows()
    assert (line.legacy_id, line.record_id, line.fields) == ("a", "rec-a", None)
    rows.note_removed(["a"], by_hand=True)  # seen again
    assert rows.removed() == {"a": '{"keys":{"id":"a"}}'}


def test_one_that_was_made_there_and_never_sent_leaves_nothing(outbox: Outbox, rows: CollectionRows) -> None:
    rows.put_created({"a": "rec-a", "b": "rec-b"})
    outbox.add([row("a", Plate="1"), row("b", Plate="2")])
    outbox.note_sent({"b": {"plate": "5f"}})  # Wix may have it
    rows.note_removed(["a", "b"])
    assert (rows.changes(), lines(outbox)) == ({"b": "removed"}, {"b": None})
    assert outbox.rows()[0].sent == {"plate": "5f"}


def test_a_row_that_is_back_is_known_as_before(outbox: Outbox, rows: CollectionRows) -> None:
    for put in (rows.put, rows.put_created):
        agreed(rows, "a")
        rows.note_removed(["a"], by_hand=True)
        put({"a": "rec-new"})
        assert (rows.changes(), outbox.rows()) == ({}, [])
        assert rows.histories(["a"])["a"].agreed == '{"keys":{"id":"a"}}'
        rows.forget(["a"])


def test_a_removal_that_was_answered_is_forgotten(outbox: Outbox, rows: CollectionRows) -> None:
    agreed(rows, "a")
    rows.note_removed(["a"])
    (line,) = outbox.rows()
    outbox.finish([(line.legacy_id, line.mark)], rows, gone=["a"])
    assert (rows.changes(), outbox.rows()) == ({}, [])


def test_writers_at_once_lose_no_line(state: State) -> None:
    def add(number: int) -> None:
        for n in range(20):
            state.outbox("app1", "Cars").add([row(f"{number}-{n}", Plate=n)])

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.outbox_counts("app1")["Cars"].waiting == 80


def test_rows_with_a_preferred_value_are_found(rows: CollectionRows) -> None:
    rows.agree([AgreedRow("a", "rec-a", None, None, '{"keys":{"plate":["1f","2f",true]},"links":{}}')])
    agreed(rows, "b")
    assert rows.preferred() == {"a"}


def test_keys_of_rows(rows: CollectionRows) -> None:
    rows.put({"a": "rec-a", "b": "rec-b"})
    rows.replace_key("plate", {"a": "1", "b": "2"})
    assert rows.keys_of(["a", "c"], "plate") == {"a": "1"}
