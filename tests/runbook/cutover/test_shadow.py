"""The other side asked aside: the caller waits for nothing, and what differs is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runbook.cutover import Rule, Shadow
from runbook.errors import SourceDown
from runbook.query import Query
from runbook.records import Records
from two_sides import faq, side, side_that

SOON = 5.0
"""Seconds that a test waits for a thread, and never needs."""
EVERY: dict[str, Any] = {"sample": 1.0, "calls_a_minute": 1e12, "choose": lambda: 0.0, "again": 0.0}
"""Every call is compared."""


def questions(records: Records) -> list[str]:
    return [item["question"] for item in records.query("FAQs", Query().ascending("display_order"))]


def names() -> Iterator[str]:
    return (f"call {number}" for number in range(10**6))


@pytest.fixture
def hanging() -> Iterator[tuple[Records, threading.Event]]:
    """A side that hangs, and what lets it answer."""
    let = threading.Event()

    def hang() -> list[dict[str, Any]]:
        assert let.wait(SOON)
        return [faq(1)]

    yield side_that(hang), let
    let.set()


def test_both_sides_are_asked_and_the_caller_gets_its_own_answer() -> None:
    wix = side(FAQs=[faq(1), faq(2)])
    with Shadow(wix, side(FAQs=[faq(2), faq(1)]), **EVERY) as shadow:
        assert shadow.call("questions", questions, wix) == ["Question 1", "Question 2"]
    assert (shadow.tally.calls, shadow.tally.identical, shadow.tally.clean) == (1, 1, True)


def test_what_differs_is_counted_and_explained() -> None:
    wix, airtable = side(FAQs=[faq(1)]), side(FAQs=[faq(1, question="Another")])
    explain = lambda call, difference: f"as {call} asks at {difference.path}"  # noqa: E731
    with Shadow(wix, airtable, explain=explain, **EVERY) as shadow:
        shadow.call("questions", questions, wix)
    assert shadow.tally.different == 1
    assert shadow.tally.examples == ["questions: as questions asks at [0]"]


def test_a_known_difference_is_counted_by_its_rule() -> None:
    rule = Rule("order", "has no order there", lambda difference: True)
    with Shadow(side(FAQs=[faq(1)]), side(FAQs=[faq(2)]), rules=[rule], **EVERY) as shadow:
        shadow.compare("questions", questions)
    assert (shadow.tally.explained["order"], shadow.tally.different, shadow.tally.clean) == (1, 0, True)


def test_a_side_that_hangs_does_not_delay_the_caller(hanging: tuple[Records, threading.Event]) -> None:
    airtable, let = hanging
    wix = side(FAQs=[faq(1)])
    shadow = Shadow(wix, airtable, **EVERY)
    began = time.monotonic()
    for name, _ in zip(names(), range(50), strict=False):
        assert shadow.call(name, questions, wix) == ["Question 1"]
    assert time.monotonic() - began < 1.0
    assert shadow.tally.calls == 0
    let.set()
    shadow.close()
    assert shadow.tally.identical == 50


def test_a_full_queue_passes_calls_over(hanging: tuple[Records, threading.Event]) -> None:
    airtable, let = hanging
    wix = side(FAQs=[faq(1)])
    shadow = Shadow(wix, airtable, **EVERY)
    began = time.monotonic()
    for name, _ in zip(names(), range(300), strict=False):
        shadow.call(name, questions, wix)
    assert time.monotonic() - began < 1.0
    assert 198 <= shadow.passed_over <= 200  # 100 wait, and one may be under way
    let.set()
    shadow.close()
    assert shadow.tally.calls + shadow.passed_over == 300
    assert shadow.tally.clean


def test_only_the_share_that_is_chosen_is_compared() -> None:
    wix = side(FAQs=[faq(1)])
    chances = iter([0.0, 0.04, 0.05, 0.5, 0.99, 0.01])
    with Shadow(wix, wix, **{**EVERY, "sample": 0.05, "choose": lambda: next(chances)}) as shadow:
        for name, _ in zip(names(), range(6), strict=False):
            shadow.call(name, questions, wix)
    assert (shadow.tally.calls, shadow.passed_over) == (3, 0)


def test_a_sample_of_nothing_and_of_everything() -> None:
    wix = side(FAQs=[faq(1)])
    for sample, compared in ((0.0, 0), (1.0, 20)):
        with Shadow(wix, wix, sample=sample, calls_a_minute=1e12) as shadow:
            for name, _ in zip(names(), range(20), strict=False):
                shadow.call(name, questions, wix)
        assert shadow.tally.calls == compared


def test_the_budget_of_calls_a_minute_is_kept() -> None:
    wix = side(FAQs=[faq(1)])
    with Shadow(wix, wix, **{**EVERY, "calls_a_minute": 1.0}) as shadow:
        for name, _ in zip(names(), range(5), strict=False):
            shadow.call(name, questions, wix)
    assert (shadow.tally.calls, shadow.passed_over) == (1, 4)


@pytest.mark.parametrize(("name", "value"), [("sample", -0.1), ("sample", 1.1), ("calls_a_minute", 0.0)])
def test_senseless_shares_and_budgets_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Shadow(side(), side(), **{name: value})


def test_a_difference_that_heals_moved_meanwhile() -> None:
    behind = iter([[], [faq(1)]])
    with Shadow(side(FAQs=[faq(1)]), side_that(lambda: next(behind)), **EVERY) as shadow:
        shadow.compare("questions", questions)
    assert (shadow.tally.moved, shadow.tally.different, shadow.tally.calls) == (1, 0, 1)


def test_a_difference_that_stays_is_counted_once() -> None:
    with Shadow(side(FAQs=[faq(1)]), side(), **EVERY) as shadow:
        shadow.compare("questions", questions)
    assert (shadow.tally.moved, shadow.tally.different, shadow.tally.calls) == (0, 1, 1)


def test_a_call_that_writes_is_not_compared_and_writes_nothing() -> None:
    wix = side(FAQs=[faq(1)])

    def writes(records: Records) -> object:
        return records.patch("FAQs", "faq-1", {"question": "Another"})

    with Shadow(wix, wix, **EVERY) as shadow:
        shadow.compare("writes", writes)
    assert (shadow.tally.calls, shadow.passed_over) == (0, 1)
    assert questions(wix) == ["Question 1"]


def broken(error: Exception) -> Callable[[], list[dict[str, Any]]]:
    def fail() -> list[dict[str, Any]]:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SourceDown("Airtable cannot be reached"), "questions: SourceDown: Airtable cannot be reached"),
        (ValueError("could not convert 'Ann Smith'"), "questions: ValueError"),
    ],
)
def test_an_error_aside_is_counted_and_never_the_callers(error: Exception, said: str) -> None:
    wix = side(FAQs=[faq(1)])
    with Shadow(wix, side_that(broken(error)), **EVERY) as shadow:
        assert shadow.call("questions", questions, wix) == ["Question 1"]
        assert shadow.call("again", questions, wix) == ["Question 1"]
    assert (shadow.tally.failed, shadow.tally.calls, shadow.tally.clean) == (2, 2, False)
    assert shadow.tally.examples[0] == said


def test_the_callers_own_error_is_the_callers_and_nothing_is_compared() -> None:
    wix = side_that(broken(SourceDown("Wix cannot be reached")))
    with Shadow(wix, side(), **EVERY) as shadow, pytest.raises(SourceDown):
        shadow.call("questions", questions, wix)
    assert shadow.tally.calls == 0


def test_callers_in_many_threads() -> None:
    wix = side(FAQs=[faq(1)])
    with Shadow(wix, wix, **EVERY) as shadow:
        threads = [
            threading.Thread(target=lambda: [shadow.call("questions", questions, wix) for _ in range(10)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
    assert shadow.tally.identical + shadow.passed_over == 80
    assert shadow.tally.clean
