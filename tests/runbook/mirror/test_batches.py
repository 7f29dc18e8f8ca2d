"""Which lines of the journal of writes go out together, and which wait."""

from __future__ import annotations

from typing import Any

import pytest

from records_kit import CATALOG
from runbook.mirror.batches import Batch, Order
from runbook.state import PendingWrite, WriteKind

ORDER = Order(CATALOG)
Line = tuple[str, str, WriteKind, dict[str, Any]]


def lines(*of: Line, sent: int = 0) -> list[PendingWrite]:
    """Lines numbered from 1; the first so many may have been sent."""
    return [
        PendingWrite(n, collection, row, kind, values, (), "", "then" if n <= sent else None, None)
        for n, (collection, row, kind, values) in enumerate(of, 1)
    ]


def numbers(batches: list[Batch]) -> list[list[list[int]]]:
    return [[[line.id for line in row.lines] for row in batch.rows] for batch in batches]


def carrier(row: str, kind: WriteKind = "patch", **values: Any) -> Line:
    return "Carriers", row, kind, values


def driver(row: str, kind: WriteKind = "insert", **values: Any) -> Line:
    return "Drivers", row, kind, values


CASES: dict[str, tuple[list[PendingWrite], list[tuple[WriteKind, list[list[int]]]]]] = {
    "the lines of a row are one write": (
        lines(carrier("a"), carrier("b"), carrier("a")),
        [("patch", [[1, 3], [2]])],
    ),
    "an insert and what follows is one insert": (
        lines(carrier("a", "insert"), carrier("a"), carrier("b")),
        [("insert", [[1, 2]]), ("patch", [[3]])],
    ),
    "a removal ends a write": (
        lines(carrier("a"), carrier("a", "remove"), carrier("a", "insert"), carrier("a")),
        [("remove", [[1, 2]])],
    ),
    "what may have been sent goes alone": (
        lines(carrier("a", "insert"), carrier("a"), carrier("a"), sent=2),
        [("insert", [[1, 2]])],
    ),
    "a row that links to one that waits goes after it": (
        lines(carrier("c", "insert", dot_number="1"), driver("d", carrier_dot="1"), driver("e", carrier_id="c"), driver("f")),
        [("insert", [[1]]), ("insert", [[4]])],
    ),
    "a line waits, and those after it, but not those before it": (
        lines(driver("d"), carrier("c", "insert"), driver("d", "patch", carrier_id="c"), driver("d", "patch", name="x")),
        [("insert", [[1]]), ("insert", [[2]])],
    ),
    "rows that link to each other go in the order of writing": (
        lines(driver("d", carrier_dot="1"), carrier("c", "insert", dot_number="1")),
        [("insert", [[1]]), ("insert", [[2]])],
    ),
    "a key that a patch sets leads to its row": (
        lines(carrier("c", dot_number="7"), driver("d", carrier_dot="7")),
        [("patch", [[1]])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_goes_next(case: str) -> None:
    waiting, wanted = CASES[case]
    batches = ORDER.next_batches(waiting, 9)
    assert [(batch.kind, rows) for batch, rows in zip(batches, numbers(batches), strict=True)] == wanted


def test_ten_rows_go_in_a_request_and_the_oldest_first() -> None:
    waiting = lines(*[carrier(f"{n}") for n in range(23)], driver("d"))
    assert [len(batch.rows) for batch in ORDER.next_batches(waiting, 9)] == [10, 10, 3, 1]
    assert numbers(ORDER.next_batches(waiting, 1)) == [[[n] for n in range(1, 11)]]


def test_everything_goes_at_last_in_the_order_of_each_row() -> None:
    waiting = lines(
        driver("d", carrier_dot="1"), carrier("c", "insert", dot_number="1"), driver("d", "patch", carrier_id="c"),
        carrier("c", "patch", dot_number="2"), driver("e", carrier_dot="2"), carrier("c", "remove"),
        driver("e", "patch", carrier_dot="1"), carrier("c", "insert", dot_number="1"),
    )  # fmt: skip
    left, gone = waiting, list[int]()
    while left:
        (batch, *_) = ORDER.next_batches(left, 9)
        gone += batch.lines()
        left = [line for line in left if line.id not in gone]
    by_row: dict[tuple[str, str], list[int]] = {}
    for number in gone:
        line = waiting[number - 1]
        by_row.setdefault((line.collection, line.legacy_id), []).append(number)
    assert all(numbers == sorted(numbers) for numbers in by_row.values())


def test_a_row_is_sent_with_what_must_go_before_it() -> None:
    waiting = lines(
        carrier("c", "insert"), driver("d", carrier_id="c"), driver("e"), carrier("x", "insert"), driver("d", "patch")
    )
    assert [line.id for line in ORDER.with_earlier(waiting, [("Drivers", "d")])] == [1, 2, 5]
    assert ORDER.linked(waiting, "Drivers", {"carrier_id": "x"}) == {("Carriers", "x")}


def test_what_is_refused_is_tried_in_parts() -> None:
    (batch,) = ORDER.next_batches(lines(carrier("a", "insert"), carrier("a"), carrier("b", "insert")), 1)
    first, second = batch.parts()
    assert numbers([first, second]) == [[[1, 2]], [[3]]]
    assert [(part.kind, part.lines()) for part in first.parts()] == [("insert", [1]), ("patch", [2])]
    assert second.parts() == []
