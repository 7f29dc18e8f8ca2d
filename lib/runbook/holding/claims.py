"""Whose claim on a base counts. Airtable has no compare-and-swap: all write, wait, read, and agree."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.holding.own_table import Claim

SIGN_SECONDS = 600.0
"""How often a holder that works gives a sign of life, at the most."""
LAPSED_SECONDS = 1200.0
"""A holder that gave none for so long claims anew: nobody else takes its claim for dead before."""
DEAD_SECONDS = 1800.0


def is_live(claim: Claim, now: float) -> bool:
    """Whether a claim counts, by Airtable's clock: no machine's own clock is trusted."""
    return now - claim.seen < DEAD_SECONDS


def rivals(claims: Iterable[Claim], own: str | None, now: float) -> list[Claim]:
    """The live claims of others, the oldest first."""
    found = [claim for claim in claims if claim.id != own and is_live(claim, now)]
    return sorted(found, key=lambda claim: (claim.made, claim.id))


def wins(own: Claim, others: Iterable[Claim]) -> bool:
    """Whether a claim is older than all others.

    Airtable keeps whole seconds. Of two claims of one second neither wins: each was perhaps alone when it was read.
    """
    return all(own.made < other.made for other in others)
