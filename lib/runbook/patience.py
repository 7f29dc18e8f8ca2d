"""How long a call may wait until its requests go out: a limit that the call carries, in its own thread.

    with patience(wait):
        airtable.upsert(…)      # gives up where its turn is more than `wait` + 5 seconds away

A service's caller waits for an answer, so each of its requests waits for its turn (the rate limit, the pause after a
429) no longer than that. Outside of such a block, as in a load and in the mirror's own threads, a request waits as long
as it takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

GRACE = 5.0
"""Seconds that a request may wait for its turn in any case."""

_until: ContextVar[float | None] = ContextVar("patience", default=None)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within the block requests wait for their turn for `seconds` from now and `GRACE`, or as a longer block around."""
    until, around = time.monotonic() + seconds, _until.get()
    token = _until.set(until if around is None else max(until, around))
    try:
        yield
    finally:
        _until.reset(token)


@contextmanager
def unlimited() -> Iterator[None]:
    """Within the block requests wait as long as it takes, whatever is around: others need their outcome too."""
    token = _until.set(math.inf)
    try:
        yield
    finally:
        _until.reset(token)


def turn_limit() -> float:
    """When a request that begins now must have its turn, by the monotonic clock; infinite where it waits."""
    until = _until.get()
    return math.inf if until is None else max(until, time.monotonic()) + GRACE


def is_too_late(seconds: float, limit: float) -> bool:
    """Whether a turn in so many seconds is after a limit."""
    return limit < math.inf and time.monotonic() + seconds > limit
