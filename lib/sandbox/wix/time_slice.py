"""How long one request may work, and when it lets other requests run."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.wix.errors import too_slow

SECONDS = 5.0
"""The service's bound on one read (WDE0028)."""

BREATH = 0.005
"""Seconds of work after which other requests may run."""

_SLICE = 5000  # rows that are sorted in one go: a few milliseconds


class TimeSlice:
    """One piece of work in a request: `if pace.over(): await pace.rest()` between two of its steps."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._now = time.perf_counter
        now = self._now()
        self._deadline = now + seconds
        self._breath = min(now + BREATH, self._deadline)

    def over(self) -> bool:
        """Whether other requests should run now."""
        return self._now() > self._breath

    async def rest(self) -> None:
        """Let others run. Raises WDE0028 where the time is up."""
        if self._now() > self._deadline:
            raise too_slow()
        await asyncio.sleep(0)
        self._breath = self._now() + BREATH


async def sort_in_slices(
    rows: Iterable[Any], key: Callable[[Any], Any], reverse: bool, time_slice: TimeSlice
) -> list[Any]:
    """As `sorted` does, and as stable, but lets other requests run meanwhile. Raises WDE0028."""
    rows = list(rows)
    slices = []
    for start in range(0, len(rows), _SLICE):
        slices.append(sorted(rows[start : start + _SLICE], key=key, reverse=reverse))
        if time_slice.over():
            await time_slice.rest()
    if len(slices) < 2:
        return slices[0] if slices else []
    merged = []
    for row in heapq.merge(*slices, key=key, reverse=reverse):
        merged.append(row)
        if time_slice.over():
            await time_slice.rest()
    return merged
