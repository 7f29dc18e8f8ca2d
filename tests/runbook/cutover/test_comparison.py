"""Two answers compared: what counts as a difference, and what many comparisons come to."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook.cutover import Rule, Tally, differences
from runbook.errors import SourceDown
from runbook.json_types import MISSING

NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)


def found(wix: Any, airtable: Any) -> list[tuple[str, Any, Any]]:
    return [(d.path, d.wix, d.airtable) for d in differences(wix, airtable)]


@pytest.mark.parametrize(
    ("wix", "airtable"),
    [
        (1, 1.0),
        (0.0, -0.0),
        (math.nan, math.nan),
        ([1, (2, 3)], [1, [2, 3]]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        (NOON, datetime(2026, 1, 21, 12, tzinfo=UTC)),
        (None, None),
        ({}, {}),
    ],
    ids=repr,
)
def test_alike(wix: Any, airtable: Any) -> None:
    assert found(wix, airtable) == []
    tally = Tally()
    assert tally.compare("a call", wix, airtable)
    assert (tally.clean, tally.identical) == (True, 1)


@pytest.mark.parametrize(
    ("wix", "airtable"),
    [
        (1, "1"),
        (1, True),
        (0, False),
        (False, None),
        (0, None),
        ("", None),
        ([], None),
        ([], {}),
        ("a", "A"),
        ("a", "a "),
        (math.nan, None),
        (1, 1.0000000000000002),
        (NOON, "2026-01-21T12:00:00.000Z"),
        (NOON, NOON.replace(microsecond=1000)),
    ],
    ids=repr,
)
def test_not_alike(wix: Any, airtable: Any) -> None:
    assert len(found(wix, airtable)) == len(found(airtable, wix)) == 1
    tally = Tally()
    assert not tally.compare("a call", wix, airtable)
    assert (tally.clean, tally.different) == (False, 1)


def test_the_place_is_named_however_deep_it_lies() -> None:
    wix = {"matches": [{"score": 81, "tags": ["a", "b"]}, {"score": 7}], "total": 2}
    airtable = {"matches": [{"score": 74, "tags": ["b", "a"]}, {"score": 7}], "total": 2}
    assert found(wix, airtable) == [
        ("matches[0].score", 81, 74),
        ("matches[0].tags[0]", "a", "b"),
        ("matches[0].tags[1]", "b", "a"),
    ]


def test_what_one_side_lacks_is_not_the_same_as_null() -> None:
    assert found({"a": None}, {}) == [("a", None, MISSING)]
    assert found({}, {"a": None}) == [("a", MISSING, None)]
    assert found([1], [1, 2]) == [("[1]", MISSING, 2)]
    assert found({"a": {"b": 1}}, {"a": 1}) == [("a", {"b": 1}, 1)]


def test_ties_in_another_order_differ() -> None:
    assert found([["x", 50], ["y", 50]], [["y", 50], ["x", 50]]) == [("[0][0]", "x", "y"), ("[1][0]", "y", "x")]


ROUNDED = Rule("rounded", "the column has two decimals", lambda d: d.path.endswith("rate"))


def test_a_known_difference_is_counted_by_its_rule_and_leaves_the_tally_clean() -> None:
    tally = Tally([ROUNDED])
    assert tally.compare("first", {"rate": 0.123, "n": 1}, {"rate": 0.12, "n": 1})
    assert tally.compare("second", [{"rate": 1}, {"rate": 2}], [{"rate": 3}, {"rate": 4}])
    assert tally.clean
    assert (tally.calls, tally.identical, tally.different, tally.explained["rounded"]) == (2, 0, 0, 3)
    assert "the column has two decimals" in repr(tally)

    assert not tally.compare("third", {"rate": 1, "n": 1}, {"rate": 2, "n": 2})
    assert not tally.clean
    assert tally.explained["rounded"] == 4
    assert tally.examples == ["third: n: 1 → 2"]


def test_nothing_compared_is_not_clean() -> None:
    assert not Tally().clean


def test_texts_are_masked_and_figures_shown() -> None:
    tally = Tally()
    wix = {"name": "Ann Smith", "score": 81, "at": NOON, "tags": ["Ann"], "who": {"name": "Ann"}, "gone": "Ann"}
    tally.compare("call", wix, {"name": "Ann Jones", "score": 74, "at": None, "tags": "Ann", "who": "Ann"})
    assert tally.examples == [
        "call: name: text of 9 characters → text of 9 characters",
        "call: score: 81 → 74",
        "call: at: 2026-01-21 12:00:00+00:00 → None",
    ]
    assert "Ann" not in repr(tally) + tally._repr_html_() + json.dumps(tally.facts())


def test_an_explanation_is_told_in_place_of_the_values() -> None:
    tally = Tally()
    tally.compare("call", {"a": 1, "b": 2}, {"a": 2, "b": 3}, lambda d: "for a reason" if d.path == "a" else None)
    assert tally.examples == ["call: for a reason", "call: b: 2 → 3"]


def test_an_explanation_that_fails_hides_no_difference() -> None:
    def explain(_: object) -> str:
        raise SourceDown("Airtable cannot be reached")

    tally = Tally()
    assert not tally.compare("call", 1, 2, explain)
    assert (tally.different, tally.examples) == (1, ["call: the response: 1 → 2"])


def test_only_so_many_are_told_and_all_are_counted() -> None:
    tally = Tally()
    for number in range(50):
        tally.compare(f"call {number}", [1] * 9, [2] * 9)
    assert (tally.different, len(tally.examples)) == (50, 20)


def test_what_does_not_answer_is_counted_and_says_no_more_than_its_kind() -> None:
    tally = Tally()
    tally.fail("first", SourceDown("Airtable cannot be reached"))
    tally.fail("second", ValueError("could not convert 'Ann Smith'"))
    assert (tally.calls, tally.failed, tally.clean) == (2, 2, False)
    assert tally.examples == ["first: SourceDown: Airtable cannot be reached", "second: ValueError"]


def test_the_facts_are_json_and_say_the_verdict() -> None:
    tally = Tally([ROUNDED])
    tally.compare("call", {"rate": NOON}, {"rate": math.nan})
    facts = json.loads(json.dumps(tally.facts()))
    assert facts == {
        "calls": 1,
        "identical": 0,
        "explained": {"rounded": 1},
        "failed": 0,
        "different": 0,
        "examples": [],
        "passed": True,
    }
