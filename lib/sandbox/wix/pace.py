"""How long one request may work, and when it lets others have their turn."""

from __future__ import annotations

import asyncio
import time

from sandbox.wix.errors import too_slow

SECONDS = 5.0
"""The service's bound on one read (WDE0028)."""

BREATH = 0.005
"""Seconds of work after which other requests get their turn."""


class Pace:
    """One piece of work in a request: `if pace.over(): await pace.rest()` between two of its steps."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._now = time.perf_counter
        now = self._now()
        self._deadline = now + seconds
        self._breath = min(now + BREATH, self._deadline)

    def over(self) -> bool:
        """Whether it is others' turn."""
        return self._now() > self._breath

    async def rest(self) -> None:
        """Let others run. Raises WDE0028 where the time is up."""
        if self._now() > self._deadline:
            raise too_slow()
        await asyncio.sleep(0)
        self._breath = self._now() + BREATH
