"""Iterators are kept while they are used, and only so many row numbers of them."""

from __future__ import annotations

from array import array
from typing import cast

import pytest

from sandbox.airtable import listing
from sandbox.airtable.errors import Refusal
from sandbox.airtable.listing import Iterator, Iterators
from sandbox.airtable.schema import Table


class OneTable:
    id = "tblA0000000000001"


TABLE = cast("Table", OneTable())
NEXT = "recA0000000000001"


def iterator(number: int, rows: int) -> Iterator:
    made = Iterator(f"itr{number:014}", TABLE, array("q", range(rows)), used=0.0)
    made.starts[NEXT] = (1, 1)
    return made


def alive(iterators: Iterators, one: Iterator) -> bool:
    try:
        return iterators.resume(f"{one.id}/{NEXT}", TABLE, now=1.0, life=10.0)[0] is one
    except Refusal as refusal:
        return refusal.body != {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}


def test_the_least_used_go_first_when_the_rows_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_KEPT_ROWS", 100)
    iterators = Iterators()
    one, two, three = (iterator(number, 40) for number in range(3))
    for each in (one, two, one, three):
        iterators.keep(each)
    assert (alive(iterators, one), alive(iterators, two), alive(iterators, three)) == (True, False, True)


def test_one_list_larger_than_the_bound_can_still_be_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_KEPT_ROWS", 100)
    iterators = Iterators()
    large = iterator(1, 1000)
    iterators.keep(large)
    assert alive(iterators, large)


def test_a_list_of_rows_in_creation_order_holds_none_of_them() -> None:
    assert Iterator("itr1", TABLE, None, used=0.0).size == 0
