"""A figure that differs, traced to the fields that cause it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runbook.cutover import trace
from runbook.cutover.tracing import changes


def score(item: dict[str, Any]) -> int:
    return (50 if item.get("zip") == "02121" else 0) + int(item.get("pay", 7))


def test_the_field_that_causes_it_is_named_and_no_other() -> None:
    wix = {"zip": "02121", "pay": 31, "name": "A", "size": 1}
    airtable = {"zip": 2121, "pay": 31, "name": "B", "size": 2}
    assert trace(score, wix, airtable) == "81 → 31 because zip '02121' became 2121"


def test_every_field_that_causes_it_is_named() -> None:
    said = trace(score, {"zip": "02121", "pay": 31}, {"zip": "2121", "pay": 24})
    assert said == "81 → 24 because zip '02121' became '2121' and pay 31 became 24"


def test_figures_that_are_equal_need_no_reason() -> None:
    assert trace(score, {"zip": "1", "name": "A"}, {"zip": "2", "name": "B"}) is None
    assert trace(lambda item: float("nan"), {"a": 1}, {"a": 2}) is None


def test_a_field_that_is_gone_or_new() -> None:
    assert trace(score, {"pay": 9}, {}) == "9 → 7 because pay 9 became nothing"
    assert trace(score, {}, {"pay": 9}) == "7 → 9 because pay nothing became 9"


def test_fields_that_cause_it_only_together() -> None:
    said = trace(lambda item: item["a"] or item["b"], {"a": 0, "b": 0}, {"a": 1, "b": 1})
    assert said == "0 → 1 because a 0 became 1 and b 0 became 1 (only together)"


def test_a_number_that_became_a_boolean_is_a_change() -> None:
    assert trace(lambda item: repr(item["a"]), {"a": 1}, {"a": True}) == "1 → True because a 1 became True"


def test_inputs_that_are_the_same() -> None:
    figures = iter([1, 2, 2])
    assert trace(lambda item: next(figures), {"a": 1}, {"a": 1}) == "1 → 2, although the inputs are equal"


def test_a_figure_of_several_parts() -> None:
    said = trace(lambda item: {"pay": item["pay"], "total": 9}, {"pay": 1}, {"pay": 2})
    assert said == "{'pay': 1, 'total': 9} → {'pay': 2, 'total': 9} because pay 1 became 2"


def test_personal_values_are_masked_whatever_they_are() -> None:
    noon = datetime(2026, 1, 21, 12, tzinfo=UTC)
    wix = {"name": "Ann", "born": noon, "tags": ["Ann"], "zip": "02121"}
    airtable = {"name": None, "born": "Ann", "tags": {"name": "Ann"}, "zip": "02139"}
    said = changes(wix, airtable, personal=lambda key: key != "zip")
    assert said == {
        "name": "name text of 3 characters became null",
        "born": "born a datetime became text of 3 characters",
        "tags": "tags a list of 1 became an object of 1 keys",
        "zip": "zip '02121' became '02139'",
    }


def test_long_values_are_cut_and_moments_readable() -> None:
    noon = datetime(2026, 1, 21, 12, tzinfo=UTC)
    said = changes({"text": "x" * 500, "at": noon}, {"text": "y" * 500, "at": noon.replace(microsecond=1000)})
    assert len(said["text"]) < 120
    assert said["at"] == "at 2026-01-21T12:00:00+00:00 became 2026-01-21T12:00:00.001000+00:00"


def test_the_inputs_are_left_as_they_were() -> None:
    wix, airtable = {"zip": "02121"}, {"zip": "2121"}

    def spoiling(item: dict[str, Any]) -> int:
        found = score(item)
        item.clear()
        return found

    assert trace(spoiling, wix, airtable) == "57 → 7 because zip '02121' became '2121'"
    assert (wix, airtable) == ({"zip": "02121"}, {"zip": "2121"})
