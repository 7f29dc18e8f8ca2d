"""The estimate of the requests that a table costs."""

from __future__ import annotations

import pytest

from runbook.airtable.estimate import requests_at_most


@pytest.mark.parametrize(
    ("rows", "with_links", "without"),
    [(0, 2, 2), (1, 4, 3), (10, 4, 3), (11, 6, 4), (100, 22, 12), (101, 26, 15), (50_000, 11_000, 6_000)],
)
def test_rows_are_written_by_tens_and_read_by_hundreds(rows: int, with_links: int, without: int) -> None:
    assert requests_at_most(rows) == with_links
    assert requests_at_most(rows, links=False) == without
