"""Badges for how fast recruiters answer."""

from __future__ import annotations

import pytest

from lmdr.services.recruiter.response_badge import mean_response_time, response_badge, tenths


@pytest.mark.parametrize(
    ("hours", "label"),
    [
        (0, "Lightning Responder"),
        (3.9, "Lightning Responder"),
        (4, "Fast Responder"),
        (23.9, "Fast Responder"),
        (24, "Active Recruiter"),
        (47.9, "Active Recruiter"),
        (48, None),
        (None, None),
    ],
)
def test_a_badge_is_below_its_limit(hours: float | None, label: str | None) -> None:
    assert response_badge(hours)["label"] == label


def test_every_badge_has_its_colour() -> None:
    assert [response_badge(hours)["color"] for hours in (1, 5, 25, 99)] == ["#10b981", "#3b82f6", "#6366f1", "#64748b"]


def test_the_mean_is_of_those_that_answered() -> None:
    rows = [{"recruiter_response_time": hours} for hours in (1, 2.35, None, 0)]
    assert mean_response_time([*rows, {}]) == 1.1
    assert mean_response_time([{}, {"recruiter_response_time": None}]) is None
    assert tenths(0.25) == 0.3
    assert tenths(2) == 2
