"""The same calls over both sides, in step: what a test may read, what stops it, what is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runbook.cutover import Difference, ParallelTest, Rule, run_parallel
from runbook.errors import SourceDown
from runbook.records import Records
from two_sides import CATALOG, faq, side, side_that

Responses = Iterator[tuple[str, Any]]

EVERYWHERE = frozenset(CATALOG.collections)


def questions(records: Records) -> Responses:
    for item in records.get_all("FAQs"):
        yield f"question {item['_id']}", item["question"]
    yield "how many", records.count("FAQs")


def orders(records: Records) -> Responses:
    for item in records.get_all("FAQs"):
        yield f"order of {item['_id']}", item["display_order"]


QUESTIONS = ParallelTest(2, "questions", ("FAQs",), questions)
ORDERS = ParallelTest(2, "orders", ("FAQs",), orders)


def test_alike() -> None:
    rows = [faq(1), faq(2)]
    found = run_parallel([QUESTIONS, ORDERS], side(FAQs=rows), side(FAQs=rows), available=EVERYWHERE)
    assert found.passed
    assert {name: (tally.calls, tally.identical) for name, tally in found.tallies.items()} == {
        "questions": (3, 3),
        "orders": (2, 2),
    }


def test_a_difference_makes_its_own_test_red_and_no_other() -> None:
    found = run_parallel(
        [QUESTIONS, ORDERS],
        side(FAQs=[faq(1)]),
        side(FAQs=[faq(1, question="Another")]),
        available=EVERYWHERE,
    )
    assert not found.passed
    assert {name: tally.clean for name, tally in found.tallies.items()} == {"questions": False, "orders": True}
    assert "question faq-1: the response: text of 10 characters → text of 7 characters" in repr(found)


def test_a_test_waits_for_the_collections_it_needs() -> None:
    other = ParallelTest(3, "carriers", ("FAQs", "Carriers", "DriverJobs"), questions)
    found = run_parallel([other, QUESTIONS], side(FAQs=[faq(1)]), side(FAQs=[faq(1)]), available={"FAQs"})
    assert found.skipped == {"carriers": "Carriers, DriverJobs not migrated"}
    assert list(found.tallies) == ["questions"]
    assert found.passed
    assert "not run: Carriers, DriverJobs not migrated" in repr(found)


def test_a_test_that_reads_more_than_it_says_is_a_mistake() -> None:
    greedy = ParallelTest(2, "greedy", ("BlogPosts",), questions)
    with pytest.raises(RuntimeError, match="FAQs may not be read here, only BlogPosts"):
        run_parallel([greedy], side(FAQs=[faq(1)]), side(FAQs=[faq(1)]), available=EVERYWHERE)


def test_a_call_that_writes_is_no_test() -> None:
    def writes(records: Records) -> Responses:
        yield "a write", records.insert("FAQs", faq(3))

    found = run_parallel([ParallelTest(2, "writes", ("FAQs",), writes)], side(), side(), available=EVERYWHERE)
    assert (found.tallies["writes"].failed, found.passed) == (1, False)


def test_calls_that_one_side_alone_makes_are_differences() -> None:
    more = run_parallel([ORDERS], side(FAQs=[faq(1), faq(2)]), side(FAQs=[faq(1)]), available=EVERYWHERE)
    assert (more.tallies["orders"].calls, more.tallies["orders"].different) == (2, 1)
    assert more.tallies["orders"].examples[0].startswith("order of faq-2: ")
    other = run_parallel([ORDERS], side(FAQs=[faq(1)]), side(FAQs=[faq(2)]), available=EVERYWHERE)
    assert (other.tallies["orders"].calls, other.tallies["orders"].different) == (1, 1)


def test_a_test_without_any_call_has_shown_nothing() -> None:
    found = run_parallel([ORDERS], side(), side(), available=EVERYWHERE)
    assert not found.passed


def test_a_test_that_breaks_does_not_stop_the_others() -> None:
    def down() -> list[dict[str, Any]]:
        raise SourceDown("Airtable cannot be reached")

    def breaks(records: Records) -> Responses:
        yield "first", 1
        raise KeyError("Ann Smith")

    tests = [ParallelTest(2, "breaks", (), breaks), QUESTIONS]
    found = run_parallel(tests, side(FAQs=[faq(1)]), side_that(down), available=EVERYWHERE)
    assert found.tallies["breaks"].examples == ["breaks: KeyError"]
    assert found.tallies["questions"].examples == ["questions: SourceDown: Airtable cannot be reached"]
    assert not found.passed


def test_an_explanation_has_both_sides_at_hand() -> None:
    def explain(call: str, difference: Difference, wix: Records, airtable: Records) -> str:
        pair = (records.get("FAQs", call.removeprefix("order of ")) for records in (wix, airtable))
        return " → ".join(item["question"] for item in pair if item is not None)

    test = ParallelTest(2, "orders", ("FAQs",), orders, explain)
    other = faq(1, display_order=9, question="Another")
    found = run_parallel([test], side(FAQs=[faq(1)]), side(FAQs=[other]), available=EVERYWHERE)
    assert found.tallies["orders"].examples == ["order of faq-1: Question 1 → Another"]


def test_a_rule_names_what_may_differ_and_is_told_with_its_count() -> None:
    rule = Rule("order", "the order is not carried over", lambda difference: isinstance(difference.wix, int))
    test = ParallelTest(2, "orders", ("FAQs",), orders, rules=(rule,))
    there = [faq(n, display_order=0) for n in (1, 2)]
    found = run_parallel([test], side(FAQs=[faq(1), faq(2)]), side(FAQs=there), available=EVERYWHERE)
    assert found.passed
    assert "known: order (2): the order is not carried over" in repr(found)


def test_it_says_how_far_it_is_and_what_was_left_out() -> None:
    done: list[int] = []
    rows = [faq(1)]
    found = run_parallel(
        [QUESTIONS, ORDERS], side(FAQs=rows), side(FAQs=rows), available=EVERYWHERE, left_out=1200, on_test=done.append
    )
    assert done == [1, 2]
    assert "1,200 rows in quarantine" in repr(found)
    facts = json.loads(json.dumps(found.facts()))
    assert (facts["left_out"], facts["skipped"]) == (1200, {})
    assert facts["tests"]["orders"]["passed"] is True
