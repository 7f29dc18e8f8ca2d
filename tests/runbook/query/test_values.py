"""Values: what an item can hold, when two are the same, which comes first."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from runbook.errors import WrongType
from runbook.json_types import MISSING
from runbook.query.evaluate import predicate, sort_items
from runbook.query.query import Query
from runbook.query.values import MAX_LEVELS, identity, item_json, to_json, to_python, values_at

NOON = {"$date": "2026-01-21T12:00:00.000Z"}
EAST = timezone(timedelta(hours=2))


class Word(enum.StrEnum):
    ONE = "one"


class Count(enum.IntEnum):
    TWO = 2


def nested(levels: int) -> Any:
    value: Any = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (None, None),
        (True, True),
        ("a\0é😀", "a\0é😀"),
        (Word.ONE, "one"),
        (Count.TWO, 2),
        (2.0, 2),
        (-0.0, 0),
        (1e20, 10**20),
        (10**22, 1e22),
        (123456789012345680000, 123456789012345683968),
        (0.1, 0.1),
        (datetime(2026, 1, 21, 14, tzinfo=EAST), NOON),
        (datetime(2026, 1, 21, 12, 0, 0, 999, UTC), NOON),
        ({"$date": "2026-01-21T14:00:00+02:00"}, NOON),
        ({"$date": "2026-01-21 12:00"}, NOON),
        ((1.0, [2.0, {"a": (datetime(2026, 1, 21, 12, tzinfo=UTC),)}]), [1, [2, {"a": [NOON]}]]),
        (datetime(1, 1, 1, tzinfo=UTC), {"$date": "0001-01-01T00:00:00.000Z"}),
        ({"": {"__proto__": 1, "a.b": 2}}, {"": {"__proto__": 1, "a.b": 2}}),
    ],
)
def test_a_value_as_json(value: Any, json: Any) -> None:
    encoded = to_json(value)
    assert encoded == json
    assert encoded.__class__ is json.__class__


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "not a finite"),
        (float("-inf"), "not a finite"),
        (2**53 + 1, "a double cannot represent"),
        (10**400, "a double cannot represent"),
        ({1, 2}, "a set"),
        (b"a", "a bytes"),
        (Decimal(1), "a Decimal"),
        (date(2026, 1, 21), "a date"),
        (MISSING, "a Missing"),
        (datetime(2026, 1, 21), "without a time zone"),  # noqa: DTZ001
        (datetime(1, 1, 1, tzinfo=EAST), "not a valid date"),
        ({"$date": "2026-02-30"}, "not a valid date"),
        ({"$date": None}, "not a valid date"),
        ("half\ud800", "unpaired surrogate"),
        ({"half\udfff": 1}, "unpaired surrogate"),
        ({"$set": 1}, "begins with \\$"),
        ({1: 2}, "a key that is a int"),
    ],
)
def test_a_value_that_no_item_can_hold_is_refused_with_its_field_at_any_depth(value: Any, why: str) -> None:
    for nested_value in (value, [value], {"in": [{"deep": value}]}):
        with pytest.raises(WrongType, match=rf"^Carriers\.notes: .*{why}.*; nothing was written$") as caught:
            item_json("Carriers", {"_id": "a", "notes": nested_value})
        assert (caught.value.collection, caught.value.field) == ("Carriers", "notes")


def test_an_item_has_at_most_50_levels_including_itself() -> None:
    assert item_json("Carriers", {"notes": nested(MAX_LEVELS - 1)})
    with pytest.raises(WrongType, match="nested deeper than 50 levels"):
        item_json("Carriers", {"notes": nested(MAX_LEVELS)})


@pytest.mark.parametrize("item", [None, [], "a", 5])
def test_a_value_that_is_not_an_item_is_refused(item: Any) -> None:
    with pytest.raises(WrongType, match="Carriers: an item is a dict, not"):
        item_json("Carriers", item)


def test_json_to_python() -> None:
    read = to_python({"a": [NOON, {"$date": "+012024-01-01T00:00:00.000Z"}], "b": {"$date": 5, "c": 1}})
    noon = datetime(2026, 1, 21, 12, tzinfo=UTC)
    assert read == {"a": [noon, {"$date": "+012024-01-01T00:00:00.000Z"}], "b": {"$date": 5, "c": 1}}
    assert to_python({"$date": "2026-01-21T12:00:00"}) == noon


def test_values_are_ordered_by_type_then_value() -> None:
    ordered = [
        *(None, -(10.0**300), -1, 0, 0.5, 10**22, "", "10", "9", "A", "a", "é", "\ufffd", "😀"),
        *({"a": 1}, ["a"], False, True, {"$date": "1969-12-31T23:59:59.999Z"}, NOON),
    ]
    ranks = [identity(value) for value in ordered]
    assert ranks == sorted(ranks)
    assert len({*ranks}) == len(ranks)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, None, False),
        ("", None, False),
        ("1", 1, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ("e\u0301", "é", False),
        (NOON, {"$date": "2026-01-21T14:00:00+02:00"}, True),
        (NOON, "2026-01-21T12:00:00.000Z", False),
    ],
)
def test_when_two_values_are_the_same(one: Any, other: Any, is_same: bool) -> None:
    assert (identity(one) == identity(other)) is is_same


def test_where_a_dotted_path_leads() -> None:
    item = {"a": [{"b": 1}, {"b": [2, 3]}, 4], "c": {"d": NOON}, "e.f": 5}
    assert values_at(item, ("a", "b")) == [1, [2, 3]]
    assert values_at(item, ("a", "1", "b")) == [[2, 3]]
    assert values_at(item, ("c", "d", "$date")) == []
    assert values_at(item, ("a", "b", "c")) == []
    assert values_at(item, ("e", "f")) == []


def test_a_query_is_immutable_and_every_step_returns_a_new_one() -> None:
    base = Query().eq("a", 1)
    assert base.eq("b", 2) == Query().eq("a", 1).eq("b", 2)
    assert base == Query().eq("a", 1)
    assert base.limit(5).skip(5).next() == base.limit(5).skip(10)
    assert {*base.or_(Query().gt("b.c", 2).not_()).ascending("d").keys()} == {"a", "b.c", "d"}


def test_conditions_over_lists_and_missing_fields() -> None:
    items = [
        {"_id": f"{n}", **row} for n, row in enumerate([{"a": [1, "x"]}, {"a": []}, {"a": None}, {}, {"a": [None]}])
    ]

    def kept(query: Query) -> str:
        return "".join(item["_id"] for item in filter(predicate(query.where), items))

    assert kept(Query().eq("a", 1)) == "0"
    assert kept(Query().eq("a", [1.0, "x"])) == "0"
    assert kept(Query().eq("a", None)) == "234"
    assert kept(Query().ne("a", None)) == "01"
    assert kept(Query().eq("a", [])) == "1"
    assert kept(Query().gt("a", 0)) == kept(Query().contains("a", "X")) == kept(Query().has_all("a", ["x", 1])) == "0"
    assert kept(Query().not_()) == ""
    assert kept(Query().eq("a", 1).or_(Query())) == "01234"


def test_ties_are_sorted_by_id() -> None:
    items = [{"_id": name, "a": value} for name, value in (("c", 1), ("a", 2), ("b", 1), ("B", 1))]
    assert [item["_id"] for item in sort_items(items, [("a", True)])] == ["a", "B", "b", "c"]
    assert [item["_id"] for item in sort_items(items, [("a", False), ("_id", True)])] == ["c", "b", "B", "a"]
