"""Thirty days of stability, counted from checks on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.state import CheckResult, State

pytest.importorskip("runbook.steps.load")
from runbook.cutover.stable_days import stable_days

DAY = timedelta(days=1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path}/state.db") as state:
        yield state


def check(state: State, at: datetime, *, passed: bool = True) -> None:
    state.facts.add_integrity_check(CheckResult(at.isoformat(timespec="seconds"), passed, "r"))


NOW = datetime(2027, 3, 1, tzinfo=UTC)


def test_no_check_is_no_day(state: State) -> None:
    days, words = stable_days(state, NOW)
    assert days == 0
    assert "no green integrity check" in words


def test_weekly_green_checks_count_from_the_first(state: State) -> None:
    for week in (5, 4, 3, 2, 1):
        check(state, NOW - week * 7 * DAY)
    assert stable_days(state, NOW)[0] == 35


def test_a_red_check_begins_the_count_anew(state: State) -> None:
    check(state, NOW - 21 * DAY)
    check(state, NOW - 14 * DAY, passed=False)
    check(state, NOW - 7 * DAY)
    assert stable_days(state, NOW)[0] == 7


def test_a_gap_between_checks_begins_the_count_anew(state: State) -> None:
    check(state, NOW - 40 * DAY)
    check(state, NOW - 14 * DAY)
    check(state, NOW - 7 * DAY)
    assert stable_days(state, NOW)[0] == 14


def test_a_promise_is_no_evidence_days_since_the_last_check_do_not_count(state: State) -> None:
    check(state, NOW - 40 * DAY)
    check(state, NOW - 33 * DAY)
    days, words = stable_days(state, NOW)
    assert days == 0
    assert "weekly" in words


def test_a_flag_that_turns_later_begins_the_count_anew(state: State) -> None:
    state.flags.create(["content"])
    now = datetime.now(UTC)
    check(state, now - 14 * DAY)
    check(state, now - 7 * DAY)
    assert stable_days(state, now)[0] == 14
    state.flags.set("content", "airtable", who="w", why="y")
    assert stable_days(state, now + DAY)[0] == 0
    check(state, now + 2 * DAY)
    assert stable_days(state, now + 5 * DAY)[0] == 3
