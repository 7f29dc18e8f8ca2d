"""The index's places stand as the values do, and what SQL keeps by them is what the predicate keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mirror_kit import CATALOG
from random_items import LONG, collected, conditions, items, values
from runbook.mirror.sort_keys import HIGHEST, LOWEST, MAX_BYTES, encode, is_ambiguous, rows_of, sort_keys
from runbook.mirror.store import Store
from runbook.query.evaluate import predicate, sort_key
from runbook.query.query import And, Condition, Not, Or, Test
from runbook.query.values import identity

INDEXED = ("_id", "name", "trucks", "tags", "_createdDate")
one_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "mirror.db", CATALOG)


@given(values, values)
@example(LONG + "xxx", LONG + "xxy")
@example(2**53, 2**53 + 1)
def test_bytes_stand_in_the_order_of_values(one: Any, other: Any) -> None:
    one, other = identity(one), identity(other)
    if one == other:
        assert encode(one) == encode(other)
    elif encode(one) == encode(other):
        assert is_ambiguous(encode(one))
    else:
        assert (encode(one) < encode(other)) == (one < other)


def test_a_place_is_never_longer_than_the_cut_and_the_type() -> None:
    assert len(encode(identity("é" * MAX_BYTES))) == MAX_BYTES + 1
    assert is_ambiguous(encode(identity("x" * (MAX_BYTES + 1))))
    assert not is_ambiguous(encode(identity("x" * (MAX_BYTES - 1))))


@given(values)
def test_the_ends_of_a_list_are_where_it_is_sorted(value: Any) -> None:
    found = sort_keys(value, present=True)
    (lowest,) = (where for where, ends in found.items() if ends & LOWEST)
    (highest,) = (where for where, ends in found.items() if ends & HIGHEST)
    assert lowest == encode(sort_key({"key": value}, ("key",), False))
    assert highest == encode(sort_key({"key": value}, ("key",), True))


def test_a_missing_key_stands_like_null() -> None:
    assert sort_keys(None, present=False) == sort_keys(None, present=True)


def found_by_index(store: Store, condition: Condition) -> tuple[set[str], bool] | None:
    rows = rows_of(condition, "Carriers", INDEXED)
    if rows is None:
        return None
    sql = f"SELECT id FROM row WHERE n IN ({rows.sql})"
    return {item_id for (item_id,) in store.file.connection().execute(sql, rows.values)}, rows.exact


@one_store
@given(st.lists(items, max_size=8), conditions)
@example([{"tags": []}, {"tags": [None]}, {"tags": None}, {}], Test("tags", "ne", None))
@example([{"name": LONG + "xxx"}, {"name": LONG + "xxy"}], Not(Test("name", "eq", LONG + "xxx")))
@example([{"trucks": 10**16 + 1}], Not(Test("trucks", "eq", 1e16)))
def test_the_index_keeps_what_the_predicate_keeps(
    store: Store, found: list[dict[str, Any]], condition: Condition
) -> None:
    store.clear("Carriers")
    existing = collected(found)
    store.put("Carriers", [(f"rec{item['_id']}", item) for item in existing])
    wanted = {item["_id"] for item in existing if predicate(condition)(item)}
    by_index = found_by_index(store, condition)
    if by_index is not None:
        kept, exact = by_index
        assert kept >= wanted
        assert kept == wanted or not exact


def test_what_has_no_places_is_asked_of_the_items() -> None:
    assert rows_of(Test("insured", "eq", True), "Carriers", INDEXED) is None
    assert rows_of(Test("name", "contains", "a"), "Carriers", INDEXED) is None
    assert rows_of(Test("tags", "eq", ["a"]), "Carriers", INDEXED) is None


@pytest.mark.parametrize(
    "condition",
    [
        Or(tuple(Test("name", "eq", str(n)) for n in range(2_000))),
        And(tuple(Test("name", "ne", str(n)) for n in range(2_000))),
        Test("name", "in", [str(n) for n in range(40_000)]),
        Test("name", "has_all", [str(n) for n in range(2_000)]),
    ],
    ids=["or", "and", "in", "has_all"],
)
def test_more_than_sqlite_takes_is_left_to_the_predicate(store: Store, condition: Condition) -> None:
    store.put("Carriers", [("rec1", {"_id": "1", "name": "1"}), ("rec2", {"_id": "2", "name": "none"})])
    wanted = {item_id for item_id, name in (("1", "1"), ("2", "none")) if predicate(condition)({"name": name})}
    by_index = found_by_index(store, condition)
    assert by_index is None or by_index[0] >= wanted
    assert store.count("Carriers", condition) == len(wanted)


def test_conditions_nested_deeply_are_left_to_the_predicate(store: Store) -> None:
    store.put("Carriers", [("rec1", {"_id": "1", "name": "a"})])
    condition: Condition = Test("name", "eq", "a")
    for _ in range(200):
        condition = Not(condition)
    assert store.count("Carriers", condition) == 1
