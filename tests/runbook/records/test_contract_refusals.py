"""What every `Records` refuses to write, the same on both sides, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook.errors import NoSuchItem, RecordsError, UnknownField, WrongType
from runbook.json_types import MISSING
from runbook.query import Query
from runbook.records import Records

Write = Callable[[Records, dict[str, Any]], object]

WAYS: dict[str, Write] = {
    "insert": lambda records, wrong: records.insert("Everything", wrong),
    "insert of many": lambda records, wrong: records.bulk_insert("Everything", [{"line": "fine"}, wrong]),
    "update": lambda records, wrong: records.update("Everything", {"_id": "a", **wrong}),
    "update of many": lambda records, wrong: records.bulk_update("Everything", [{"_id": "b"}, {"_id": "a", **wrong}]),
    "patch": lambda records, wrong: records.patch("Everything", "a", {"line": "new", **wrong}),
}
WRONG: dict[str, tuple[dict[str, Any], type[RecordsError], str]] = {
    "an unknown field": ({"colour": "red"}, UnknownField, "colour"),
    "a field of another case": ({"Line": "x"}, UnknownField, "Line"),
    "a path": ({"object.a": 1}, UnknownField, "object.a"),
    "words for a number": ({"number": "twelve"}, WrongType, "number"),
    "a list for a number": ({"number": [1]}, WrongType, "number"),
    "a boolean for a number": ({"number": True}, WrongType, "number"),
    "words for a boolean": ({"tick": "maybe"}, WrongType, "tick"),
    "another choice": ({"closed": "C"}, WrongType, "closed"),
    "another choice in a list": ({"several": ["A", "C"]}, WrongType, "several"),
    "a date that is not valid": ({"day": "2026-02-30"}, WrongType, "day"),
    "words for a moment": ({"moment": "tomorrow"}, WrongType, "moment"),
    "a text for digits": ({"dot": "A12"}, WrongType, "dot"),
    "too long a text": ({"long": "x" * 100_001}, WrongType, "long"),
    "not a number": ({"number": float("nan")}, WrongType, "number"),
    "a set": ({"any": {1}}, WrongType, "any"),
    "a set in a list in an object": ({"object": {"a": [{1}]}}, WrongType, "object"),
    "a moment without a zone": ({"moment": datetime(2026, 1, 21)}, WrongType, "moment"),  # noqa: DTZ001
    "unpaired surrogate": ({"line": "half\ud800"}, WrongType, "line"),
    "unpaired surrogate in a key": ({"any": {"half\udfff": 1}}, WrongType, "any"),
    "a number that no double is": ({"any": [2**53 + 1]}, WrongType, "any"),
    "a key that begins with $": ({"object": {"$inc": 1}}, WrongType, "object"),
    "too deep": ({"any": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, WrongType, "any"),
    "an owner that is not text": ({"_owner": 5}, WrongType, "_owner"),
    "more than can be kept beside the cells": ({"image": "wix:image://v1/a.jpg/" + "x" * 100_001}, WrongType, "Wix Original"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_held_is_refused_and_nothing_written(records: Records, way: str) -> None:
    payload = [{"_id": name, "line": "old"} for name in "ab"]
    before = records.bulk_insert("Everything", payload)
    for what, (wrong, error, key) in WRONG.items():
        with pytest.raises(error, match=r"nothing was (read or )?written") as caught:
            WAYS[way](records, wrong)
        assert (caught.value.collection, caught.value.field) == ("Everything", key), what
        assert "Everything" in str(caught.value)
        assert len(str(caught.value)) < 1000
    assert records.get_all("Everything", Query().ascending("_id"), consistent=True) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda records: records.insert("Drivers", {"carrier_dot": "1"}),
        lambda records: records.insert("Drivers", {"name": ""}),
        lambda records: records.update("Drivers", {"_id": "a"}),
        lambda records: records.patch("Drivers", "a", {"name": None}),
        lambda records: records.patch("Drivers", "a", {"name": MISSING}),
    ],
)
def test_a_required_field_is_not_left_empty(records: Records, write: Callable[[Records], object]) -> None:
    records.insert("Drivers", {"_id": "a", "name": "Ann"})
    with pytest.raises(WrongType, match=r"name.*required.*nothing was written") as caught:
        write(records)
    assert (caught.value.collection, caught.value.field) == ("Drivers", "name")
    assert [item["name"] for item in records.query("Drivers", consistent=True)] == ["Ann"]


@pytest.mark.parametrize(
    "write",
    [
        lambda records: records.update("Carriers", {"_id": "nobody", "trucks": 1}),
        lambda records: records.patch("Carriers", "nobody", {"trucks": 1}),
        lambda records: records.remove("Carriers", "nobody"),
        lambda records: records.update("Carriers", {"trucks": 1}),
        lambda records: records.update("Carriers", {"_id": None, "trucks": 1}),
        lambda records: records.bulk_update("Carriers", [{"_id": "a", "trucks": 1}, {"trucks": 2}]),
        lambda records: records.patch("Carriers", None, {"trucks": 1}),
        lambda records: records.remove("Carriers", None),
    ],
)
def test_an_item_that_is_not_there_is_one_kind_of_error(records: Records, write: Callable[[Records], object]) -> None:
    made = records.insert("Carriers", {"_id": "a", "trucks": 7})
    with pytest.raises(NoSuchItem, match=r"Carriers.*nothing was written") as caught:
        write(records)
    assert (caught.value.collection, caught.value.field) == ("Carriers", "_id")
    assert records.get_all("Carriers", consistent=True) == [made]


@pytest.mark.parametrize("wrong", ["", "  ", "nul\0", 5, b"a", ["a"], True])
def test_an_id_that_can_be_none_is_refused(records: Records, wrong: Any) -> None:
    for write in (
        lambda: records.insert("Carriers", {"_id": wrong}),
        lambda: records.bulk_insert("Carriers", [{"_id": "b"}, {"_id": wrong}]),
        lambda: records.update("Carriers", {"_id": wrong}),
        lambda: records.patch("Carriers", wrong, {"trucks": 1}),
        lambda: records.remove("Carriers", wrong),
    ):
        with pytest.raises(WrongType, match=r"Carriers.*_id.*nothing was written") as caught:
            write()
        assert (caught.value.collection, caught.value.field) == ("Carriers", "_id")
    assert records.count("Carriers", consistent=True) == 0


def test_an_id_does_not_change(records: Records) -> None:
    records.insert("Carriers", {"_id": "a"})
    with pytest.raises(WrongType, match="an `_id` does not change"):
        records.patch("Carriers", "a", {"_id": "b"})
    with pytest.raises(WrongType):
        records.patch("Carriers", "a", {"_id": MISSING})


def test_no_error_tells_a_value(records: Records) -> None:
    secret = "bob@example.invalid"
    for wrong in (
        {"number": secret},
        {"closed": secret},
        {"moment": secret},
        {"any": {secret}},
        {"email": f"{secret}\ud800"},
    ):
        with pytest.raises(WrongType) as caught:
            records.insert("Everything", wrong)
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_patch_is_judged_by_what_it_says_alone(records: Records) -> None:
    records.insert("Drivers", {"_id": "a", "name": "Ann"})
    records.insert("Everything", {"_id": "a", "loose_number": "many", "moment": datetime(2026, 1, 21, tzinfo=UTC)})
    assert records.patch("Everything", "a", {"tick": True})["loose_number"] == "many"
    assert records.patch("Drivers", "a", {"carrier_dot": "1"})["name"] == "Ann"
