"""The journal of writes: in order, bounded, and nothing leaves it but what is done, or dropped by an operator."""

from __future__ import annotations

import threading
import time

import pytest

from runbook.state import PendingCount, PendingWrites, State
from runbook.state.pending_writes import NewWrite


@pytest.fixture
def pending(state: State) -> PendingWrites:
    return state.pending_writes("app1")


def patch(legacy_id: str, collection: str = "Cars", **values: object) -> NewWrite:
    return NewWrite(collection, legacy_id, "patch", values)


def add(pending: PendingWrites, *writes: NewWrite) -> list[int]:
    ids = pending.append(writes)
    assert ids is not None
    return ids


def test_lines_come_back_in_order_as_they_were_written(pending: PendingWrites, state: State) -> None:
    values = {"name": "ÄÖ \u0000 \ud800", "none": None, "many": [1, 2.5, {"a": "b"}]}
    first = add(pending, NewWrite("Cars", "a", "insert", values), NewWrite("Cars", "b", "patch", {}, ("name",)))
    second = add(pending, NewWrite("Vans", "a", "remove"), patch("a", name="x"))
    lines = pending.lines()
    assert [line.id for line in lines] == [*first, *second] == sorted({*first, *second})
    assert [(line.collection, line.legacy_id, line.kind) for line in lines] == [
        ("Cars", "a", "insert"), ("Cars", "b", "patch"), ("Vans", "a", "remove"), ("Cars", "a", "patch"),
    ]  # fmt: skip
    assert (lines[0].values, lines[1].unset, lines[0].sent, lines[0].refused) == (values, ("name",), None, None)
    assert [line.id for line in pending.lines("Cars", limit=2)] == first
    assert {id_: len(of_row) for id_, of_row in pending.of_rows("Cars", ["a", "c"]).items()} == {"a": 2}
    assert state.pending_writes("app2").lines() == []


def test_what_waits_and_what_was_refused_is_counted_by_collection(pending: PendingWrites) -> None:
    first, second, third = add(pending, patch("a"), patch("b"), patch("a", "Vans"))
    pending.refuse({first: "no such choice"})
    oldest = {line.id: line.at for line in pending.lines()}
    assert pending.counts() == {"Cars": PendingCount(1, oldest[second], 1), "Vans": PendingCount(1, oldest[third], 0)}
    pending.finish([second, third])
    assert pending.counts() == {"Cars": PendingCount(0, None, 1)}


def test_it_is_bounded_by_length_and_age_and_refused_lines_do_not_count(pending: PendingWrites) -> None:
    first, _ = add(pending, patch("a"), patch("b"))
    assert pending.append([patch("c")], limit=2) is None
    assert len(pending.lines()) == 2
    pending.refuse({first: "no such choice"})
    assert pending.append([patch("c")], limit=2) is not None
    time.sleep(0.01)
    assert pending.append([patch("d")], max_age=0.001) is None
    pending.finish([line.id for line in pending.lines()])
    assert pending.append([patch("d"), patch("e"), patch("f")], limit=2, max_age=0.001) is not None  # nothing waited


def test_what_was_sent_is_known_until_it_is_finished_or_refused(pending: PendingWrites) -> None:
    first, second, third = add(pending, patch("a"), patch("b"), patch("c"))
    pending.note_sent([first, second])
    assert [line.sent is not None for line in pending.lines()] == [True, True, False]
    pending.finish([first])
    pending.refuse({second: "no such choice"})
    assert [line.id for line in pending.lines()] == [third]
    (refused,) = pending.lines(refused=True)
    assert (refused.id, refused.refused, refused.sent) == (second, "no such choice", None)


def test_a_refused_line_waits_again_as_the_newest_or_is_dropped(pending: PendingWrites) -> None:
    first, second, third = add(pending, patch("a", name="x"), patch("b"), patch("c"))
    pending.refuse({first: "no such choice", second: "no such choice"})
    again = pending.retry(first)
    assert again is not None
    assert (again.legacy_id, again.values, again.refused) == ("a", {"name": "x"}, None)
    assert [line.id for line in pending.lines()] == [third, again.id]
    dropped = pending.drop(second, who="ann", why="not needed")
    assert dropped is not None
    assert dropped.legacy_id == "b"
    assert pending.lines(refused=True) == []
    assert pending.retry(third) is None  # it waits
    assert pending.drop(third, who="ann", why="not needed") is None
    assert len(pending.lines()) == 2


def test_many_who_append_at_once_all_have_their_lines(pending: PendingWrites) -> None:
    def append(name: str) -> None:
        for number in range(10):
            add(pending, patch(name, n=number))

    threads = [threading.Thread(target=append, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = pending.of_rows("Cars", list("abcdef"))
    assert {name: [line.values["n"] for line in lines] for name, lines in found.items()} == {
        name: list(range(10)) for name in "abcdef"
    }


def test_of_many_rows(pending: PendingWrites) -> None:
    add(pending, *[patch(f"{n}") for n in range(3)])
    wanted = {f"{n}" for n in range(1, 2000)}
    assert pending.of_rows("Cars", wanted).keys() == {"1", "2"}
