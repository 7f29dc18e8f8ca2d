"""When what was looked up outside is too old: to the millisecond."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmdr.freshness import age_in_days, is_batch_due, is_safety_stale, is_sentiment_stale
from runbook.json_types import MISSING
from runbook.query.values import stamp

NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)
LIMITS = [(is_sentiment_stale, 14), (is_safety_stale, 7), (is_batch_due, 30)]


@pytest.mark.parametrize(("is_stale", "days"), LIMITS)
def test_good_up_to_its_limit(is_stale: Callable[[Any, datetime], bool], days: int) -> None:
    limit = NOON - timedelta(days=days)
    assert not is_stale(NOON, NOON)
    assert not is_stale(NOON + timedelta(days=1), NOON)
    assert not is_stale(limit, NOON)
    assert not is_stale(stamp(limit), NOON)
    assert is_stale(limit - timedelta(milliseconds=1), NOON)
    assert is_stale(stamp(limit - timedelta(milliseconds=1)), NOON)


@pytest.mark.parametrize(("is_stale", "days"), LIMITS)
@pytest.mark.parametrize("timestamp", [None, MISSING, "", "soon", 0])
def test_without_a_date_it_is_stale(is_stale: Callable[[Any, datetime], bool], days: int, timestamp: Any) -> None:
    assert is_stale(timestamp, NOON)


def test_age_in_days() -> None:
    assert age_in_days(NOON - timedelta(hours=36), NOON) == 1.5
    assert age_in_days("2026-01-20", NOON) == 1.5
    assert age_in_days("soon", NOON) is None
    assert age_in_days(None, NOON) is None
