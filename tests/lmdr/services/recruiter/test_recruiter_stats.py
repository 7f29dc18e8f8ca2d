"""How fast recruiters answer, and what a driver sees of it."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr.services.recruiter.stats import get_all_recruiter_stats, get_recruiter_stats
from platform_kit import Platform


def answers(platform: Platform, dot: str, *hours: Any) -> None:
    rows = [
        {
            "driver_id": str(number),
            "carrier_dot": dot,
            **({} if answer == "absent" else {"recruiter_response_time": answer}),
        }
        for number, answer in enumerate(hours)
    ]
    platform.records.bulk_insert("DriverCarrierInterests", rows)


def test_the_mean_is_over_answered_applications(platform: Platform) -> None:
    answers(platform, "7", 1.5, None, "absent", 0, 2)
    answers(platform, "77", 100)
    stats = get_recruiter_stats(platform.context(), 7)
    assert stats == {
        "dot_number": "7", "responses": 3, "avg_response_hours": 1.2,
        "badge": {"label": "Lightning Responder", "color": "#10b981"},
    }  # fmt: skip


def test_the_badge_matches_the_mean_shown(platform: Platform) -> None:
    answers(platform, "7", 3.94)
    answers(platform, "8", 3.98, 3.97)
    found = get_all_recruiter_stats(platform.context(), ["7", "8"])
    assert [(stats["avg_response_hours"], stats["badge"]["label"]) for stats in found.values()] == [
        (3.9, "Lightning Responder"),
        (4, "Fast Responder"),
    ]


@pytest.mark.parametrize("dot", ["8", 8, "", None])
def test_a_carrier_that_never_answered_has_no_badge(platform: Platform, dot: Any) -> None:
    answers(platform, "7", 1)
    answers(platform, "8", "absent")
    stats = get_recruiter_stats(platform.context(), dot)
    assert (stats["responses"], stats["avg_response_hours"], stats["badge"]["label"]) == (0, None, None)


def test_carriers_are_queried_together_beyond_a_page_of_fifty(platform: Platform) -> None:
    answers(platform, "7", *([10] * 51))
    answers(platform, "8", 30)
    found = get_all_recruiter_stats(platform.context(), [7, "8", "9"])
    assert {dot: (stats["responses"], stats["avg_response_hours"]) for dot, stats in found.items()} == {
        "7": (51, 10),
        "8": (1, 30),
        "9": (0, None),
    }
    assert get_all_recruiter_stats(platform.context(), []) == {}
