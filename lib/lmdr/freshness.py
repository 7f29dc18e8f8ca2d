"""How long what was looked up outside stays good.

    | what                                | good for | then                                       |
    |-------------------------------------|----------|--------------------------------------------|
    | a carrier's enrichment, to a driver | 14 days  | a driver's match asks for it anew          |
    | a carrier's enrichment, to the job  | 30 days  | the hourly batch writes it anew            |
    | a carrier's safety data             | 7 days   | the next look-up asks FMCSA anew           |

An entry is stale when it is older than that: to the millisecond of its age it is still good. One without a date is
stale, and so is one whose date cannot be read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from lmdr import js

ENRICHMENT_TTL: Final = timedelta(days=14)
BATCH_TTL: Final = timedelta(days=30)
SAFETY_TTL: Final = timedelta(days=7)


def age(moment: Any, now: datetime) -> timedelta | None:
    """How long ago a datetime or an ISO text was; None for null, what is absent, and what is no date."""
    then = js.date(moment) if js.truthy(moment) else None
    return None if then is None else now - then


def age_in_days(moment: Any, now: datetime) -> float | None:
    """`age` in days and fractions of one."""
    found = age(moment, now)
    return None if found is None else found / timedelta(days=1)


def is_sentiment_stale(enriched: Any, now: datetime) -> bool:
    """Whether an enrichment is too old to show to a driver."""
    return _older(enriched, now, ENRICHMENT_TTL)


def is_batch_due(enriched: Any, now: datetime) -> bool:
    """Whether the hourly batch writes an enrichment anew."""
    return _older(enriched, now, BATCH_TTL)


def is_safety_stale(fetched: Any, now: datetime) -> bool:
    """Whether safety data is to be asked for anew."""
    return _older(fetched, now, SAFETY_TTL)


def _older(moment: Any, now: datetime, ttl: timedelta) -> bool:
    found = age(moment, now)
    return found is None or found > ttl
