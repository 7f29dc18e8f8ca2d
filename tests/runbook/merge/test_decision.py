"""The decision of the three-way merge, as a table; the documentation shows the same one."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.merge import Decision, decide

DOCS = Path(__file__).parents[3] / "docs/never_overwritten.md"


@pytest.mark.parametrize(
    ("known", "wix_changed", "airtable_changed", "equal", "decision"),
    [
        (True, False, False, True, Decision.UNCHANGED),
        (True, False, False, False, Decision.UNCHANGED),  # Airtable rewrote what was sent
        (True, True, False, False, Decision.WRITE),
        (True, False, True, False, Decision.KEEP),
        (True, False, True, True, Decision.AGREE),
        (True, True, True, True, Decision.AGREE),
        (True, True, True, False, Decision.CONFLICT),
        (False, False, False, True, Decision.AGREE),
        (False, False, False, False, Decision.CONFLICT),
    ],
)
def test_each_row_of_the_table(
    known: bool, wix_changed: bool, airtable_changed: bool, equal: bool, decision: Decision
) -> None:
    assert decide(known=known, wix_changed=wix_changed, airtable_changed=airtable_changed, equal=equal) is decision


def test_the_documentation_shows_the_table_of_the_code() -> None:
    rows = [line.strip() for line in (decide.__doc__ or "").splitlines() if line.strip().startswith("|")]
    assert len(rows) == 9
    assert [line for line in DOCS.read_text().splitlines() if line in rows] == rows
