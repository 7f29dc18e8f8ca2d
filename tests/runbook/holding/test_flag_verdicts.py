"""A flag as the state and the base have it: the table of `runbook.holding.flags`, row by row."""

from __future__ import annotations

import pytest

from runbook.holding.flags import judge_flags
from runbook.holding.own_table import BaseFlag

W, A = "wix", "airtable"

TABLE = [
    # state, agreed, base, rebuilt, new -> verdict
    (W, W, W, False, False, "agreed"),
    (A, W, A, False, False, "agreed"),
    (A, None, A, True, False, "agreed"),
    (A, W, W, False, False, "tell"),
    (W, A, A, True, False, "tell"),  # turned back while Airtable was down, in a copy that is behind otherwise
    (A, W, None, False, False, "tell"),
    (W, "", A, False, False, "tell"),  # a person has said
    (W, "", A, True, False, "tell"),
    (W, W, None, False, False, "tell"),
    (W, W, "", False, False, "tell"),
    (W, None, None, False, False, "tell"),
    (W, W, None, True, False, "unknown"),  # an older copy, and the row is gone
    (W, None, A, False, False, "take"),
    (W, W, A, True, False, "take"),
    (A, A, W, True, False, "take"),
    (None, None, A, False, False, "take"),
    (None, None, W, True, False, "take"),
    (W, W, A, False, False, "differ"),
    (A, A, W, False, False, "differ"),
    (W, W, "maybe", False, False, "differ"),
    (W, W, "maybe", True, False, "differ"),
    (None, None, None, False, True, "create"),
    (None, None, None, True, False, "unknown"),
    (None, None, "maybe", False, False, "unknown"),
    (None, None, "", True, False, "unknown"),
]


@pytest.mark.parametrize(("mine", "agreed", "base", "rebuilt", "new", "verdict"), TABLE)
def test_every_row_of_the_table(
    mine: str | None, agreed: str | None, base: str | None, rebuilt: bool, new: bool, verdict: str
) -> None:
    found = judge_flags(
        ["f"],
        {} if mine is None else {"f": mine},  # type: ignore[dict-item]
        {} if agreed is None else {"f": agreed},
        {} if base is None else {"f": BaseFlag(base, "", "", "")},
        rebuilt=rebuilt,
        is_new=lambda flag: new,
    )
    assert found.by_flag["f"].verdict == verdict
    assert ("f" in found.unsettled) == (verdict in ("differ", "unknown"))
