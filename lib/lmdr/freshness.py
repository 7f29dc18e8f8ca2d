"""How long data fetched from outside stays fresh.

    | what                                | fresh for | then                                      |
    |-------------------------------------|-----------|-------------------------------------------|
    | a carrier's enrichment, to a driver | 14 days   | a driver's match fetches it again         |
    | a carrier's enrichment, to the job  | 30 days   | the hourly batch fetches it again         |
    | a carrier's safety data             | 7 days    | the next look-up asks FMCSA again         |

The limit is inclusive, to the millisecond. An entry without a valid date is stale.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from lmdr import js

ENRICHMENT_TTL: Final = timedelta(days=14)
BATCH_TTL: Final = timedelta(days=30)
SAFETY_TTL: Final = timedelta(days=7)


def age(timestamp: Any, now: datetime) -> timedelta | None:
    """The time since a datetime or an ISO text; None for null, an absent value and an invalid date."""
    date = js.date(timestamp) if js.truthy(timestamp) else None
    return None if date is None else now - date


def age_in_days(timestamp: Any, now: datetime) -> float | None:
    """`age` in days, with fractions."""
    elapsed = age(timestamp, now)
    return None if elapsed is None else elapsed / timedelta(days=1)


def is_sentiment_stale(enriched: Any, now: datetime) -> bool:
    """Whether an enrichment is too old to show to a driver."""
    return _is_older(enriched, now, ENRICHMENT_TTL)


def is_batch_due(enriched: Any, now: datetime) -> bool:
    """Whether the hourly batch fetches an enrichment again."""
    return _is_older(enriched, now, BATCH_TTL)


def is_safety_stale(fetched: Any, now: datetime) -> bool:
    """Whether safety data must be fetched again."""
    return _is_older(fetched, now, SAFETY_TTL)


def _is_older(timestamp: Any, now: datetime, ttl: timedelta) -> bool:
    elapsed = age(timestamp, now)
    return elapsed is None or elapsed > ttl
