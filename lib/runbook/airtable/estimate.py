"""How many requests the rows of a table cost, known before any is sent."""

from __future__ import annotations

from math import ceil

from runbook.airtable.client import PER_PAGE, PER_WRITE


def requests_at_most(rows: int, *, links: bool = True) -> int:
    """Requests to load and validate a table: its rows read before and after, written, and their `links` written later.

    A page is read of an empty table too. The table's schema and repeated requests come on top; a second run only reads.
    """
    return 2 * ceil(max(rows, 1) / PER_PAGE) + (2 if links else 1) * ceil(rows / PER_WRITE)
