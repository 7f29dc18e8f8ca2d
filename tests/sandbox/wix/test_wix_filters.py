"""The filter language: operators by types, and what is refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wix.errors import Refusal, WixError
from sandbox.wix.filters import compile_filter
from sandbox.wix.sorting import Order
from sandbox.wix.time_slice import TimeSlice, sort_in_slices
from sandbox.wix.values import identity

DAY = {"$date": "2024-01-02T03:04:05.000Z"}
ITEMS = {
    "none": {},
    "null": {"f": None},
    "one": {"f": 1},
    "float": {"f": 2.5},
    "text1": {"f": "1"},
    "empty": {"f": ""},
    "Zed": {"f": "Zed"},
    "abc": {"f": "abc"},
    "true": {"f": True},
    "date": {"f": DAY},
    "list": {"f": ["abc", 1, "Q"]},
    "hollow": {"f": []},
    "object": {"f": {"x": 1}},
}
EVERY = set(ITEMS)


def matching(filter_):
    compiled = compile_filter(filter_)
    return {name for name, item in ITEMS.items() if compiled.matches is None or compiled.matches(item)}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (1, {"one", "list"}),
        (1.0, {"one", "list"}),
        (True, {"true"}),
        ("1", {"text1"}),
        ("abc", {"abc", "list"}),
        ("ABC", set()),
        ("", {"empty"}),
        (None, {"none", "null"}),
        ({"$eq": 1}, {"one", "list"}),
        ({"$ne": None}, EVERY - {"none", "null"}),
        ({"$ne": 1}, EVERY - {"one", "list"}),
        (DAY, {"date"}),
        ({"$date": "2024-01-02T04:04:05+01:00"}, {"date"}),
        ({"x": 1}, {"object"}),
        ({"$gt": 0}, {"one", "float", "list"}),
        ({"$gt": 1}, {"float"}),
        ({"$gte": 1, "$lt": 2}, {"one", "list"}),
        ({"$gt": "Z"}, {"Zed", "abc", "list"}),
        ({"$lt": "Z"}, {"text1", "empty", "list"}),
        ({"$lte": DAY}, {"date"}),
        ({"$gt": DAY}, set()),
        ({"$in": [1, "Zed", None]}, {"one", "list", "Zed", "none", "null"}),
        ({"$in": [True]}, {"true"}),
        ({"$in": []}, set()),
        ({"$nin": [1, None]}, EVERY - {"one", "list", "none", "null"}),
        ({"$hasSome": ["abc", "zzz"]}, {"abc", "list"}),
        ({"$hasSome": []}, set()),
        ({"$hasAll": ["abc", "Q"]}, {"list"}),
        ({"$hasAll": ["abc"]}, {"abc", "list"}),
        ({"$hasAll": []}, set()),
        ({"$contains": "B"}, {"abc", "list"}),
        ({"$startsWith": "zE"}, {"Zed"}),
        ({"$endsWith": "C"}, {"abc", "list"}),
        ({"$contains": "%"}, set()),
        ({"$exists": True}, EVERY - {"none"}),
        ({"$exists": False}, {"none"}),
        ({"$isEmpty": True}, {"none", "null"}),
        ({"$isEmpty": False}, EVERY - {"none", "null"}),
        ({"$not": {"$gt": 0}}, EVERY - {"one", "float", "list"}),
        ({"$urlized": ["zed", 1]}, {"Zed"}),
        ({"$matches": {"ignoreCase": True, "spec": [{"type": "literal", "value": "zEd"}]}}, {"Zed"}),
    ],
)
def test_operators_by_type(condition, expected):
    assert matching({"f": condition}) == expected


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (None, EVERY),
        ({}, EVERY),
        ({"$and": []}, EVERY),
        ({"$or": []}, set()),
        ({"$or": [{"f": 1}, {"f": "Zed"}]}, {"one", "list", "Zed"}),
        ({"$not": [{"f": 1}]}, EVERY - {"one", "list"}),
        ({"$not": {"f": 1}}, EVERY - {"one", "list"}),
        ({"$and": [{"f": {"$gt": 1}}, {"f": {"$lt": 9}}]}, {"float"}),
        ({"f": "abc", "g": None}, {"abc", "list"}),
        ({"f.x": 1}, {"object"}),
        ({"f.0": "abc"}, {"list"}),
    ],
)
def test_logic_and_paths(filter_, expected):
    assert matching(filter_) == expected


@pytest.mark.parametrize(
    ("filter_", "code"),
    [
        ([], "WDE0016"),
        ("x", "WDE0016"),
        ({"f": {"$regex": "(a+)+$"}}, "WDE0070"),
        ({"$regex": "x"}, "WDE0070"),
        ({"f": {"$not": {"$regex": "x"}}}, "WDE0070"),
        ({"f": {"$near": 1}}, "WDE0080"),
        ({"$nor": []}, "WDE0080"),
        ({"f": {"$gt": None}}, "WDE0058"),
        ({"f": {"$gt": True}}, "WDE0058"),
        ({"f": {"$lt": [1]}}, "WDE0058"),
        ({"f": {"$in": "abc"}}, "WDE0057"),
        ({"f": {"$hasSome": {}}}, "WDE0057"),
        ({"f": {"$hasAll": [[1]]}}, "WDE0060"),
        ({"f": {"$contains": 5}}, "WDE0059"),
        ({"f": {"$exists": "yes"}}, "WDE0080"),
        ({"$and": {}}, "WDE0057"),
        ({"$or": [1]}, "WDE0056"),
        ({"$not": []}, "WDE0080"),
        ({"$not": [{}, {}]}, "WDE0080"),
        ({"f": {"$urlized": ["a"]}}, "WDE0061"),
        ({"f": {"$matches": {"spec": []}}}, "WDE0062"),
        ({"f": {"$matches": {"ignoreCase": False, "spec": []}}}, "WDE0063"),
        ({"f": {"$matches": {"ignoreCase": True, "spec": [{"type": "x"}]}}}, "WDE0064"),
        ({"_publishStatus": {"$gt": "DRAFT"}}, "WDE0093"),
        ({"f": {"$date": "no"}}, "WDE0080"),
        ({"f": {"$gt": {"$date": []}}}, "WDE0080"),
    ],
)
def test_refusals(filter_, code):
    with pytest.raises(WixError) as caught:
        compile_filter(filter_)
    assert caught.value.code == code


def test_ids_are_left_to_sql():
    compiled = compile_filter({"$and": [{"_id": {"$gt": "a"}}, {"_id": {"$in": ["b"]}}]})
    assert compiled.matches is None
    assert compiled.where.count("id") == 2
    assert compile_filter({"_id": {"$gt": 5}}).matches is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["f", "f.x", "$and", "$or", "$not", "$in", "$gt", "$hasSome", "$matches", "$date", "$exists"])
FILTERS = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=15
)


@given(FILTERS)
def test_any_filter_answers_or_refuses(filter_):
    with suppress(Refusal):
        matching(filter_)


@given(st.lists(JSON, max_size=8))
def test_values_have_one_order(values):
    rows = [((identity(value),), str(number)) for number, value in enumerate(values)]
    rows = asyncio.run(Order((("f", False),)).arrange(rows, TimeSlice()))
    assert rows == sorted(rows)


@pytest.mark.parametrize("reverse", [False, True])
def test_long_sorts_are_as_stable_as_short_ones(reverse):
    rows = [(number % 7, number) for number in range(12_345)]
    done = asyncio.run(sort_in_slices(rows, lambda row: row[0], reverse, TimeSlice()))
    assert done == sorted(rows, key=lambda row: row[0], reverse=reverse)
    with pytest.raises(WixError, match="WDE0028"):
        asyncio.run(sort_in_slices(rows, lambda row: row[0], reverse, TimeSlice(0)))
