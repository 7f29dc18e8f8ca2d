"""One pace a base, shared by all threads, processes and machines that talk to it.

    limiter = RateLimiter(state, base, 5)
    limiter.wait()           # blocks until the next request may go out
    limiter.observe(0.21)    # how long it took
    limiter.pause(30)     # it was answered 429

Airtable allows 5 requests in any second and locks the base out for 30 seconds after a sixth. Requests do not arrive as
evenly as they leave. Measured against that rule, with 50 ms of jitter: sending exactly 5 a second trips the lock-out
again and again and gets 4 % of the quota; 5/(1+J), J being the jitter in seconds, gets 95 % and no lock-out; sleeping
200 ms after each answer gets 25 %.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from runbook.state import State

JITTER = 0.05  # seconds, before anything is measured
LEAST, MOST = 0.02, 0.18  # what measuring may make of it: 5/(1+0.18) is still 85 % of the quota
LEARNT = 0.5  # what 429s may make of it
_MEASURED = 100  # round trips that the jitter is taken from
_MARGIN = 1.5  # of their spread; what lies beyond p95 is rare, and dear: a lock-out costs as much as 150 requests
_BLOCK = 0.05  # seconds of slots that are reserved at once where a base allows many
_MANY = 20.0  # requests a second from which on they are


class RateLimiter:
    """The pace of one base. `rate`: requests a second that the base allows; None: as many as one likes.

    `penalty`: seconds that a 429 holds everyone back for. A process that dies holds at most one slot, or a block of
    50 ms; no one waits for it.
    """

    def __init__(self, state: State, base: str, rate: float | None, *, penalty: float = 30.0) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"rate is {rate!r}; it is the requests a second that a base allows, above 0, or None")
        self.base = base
        self.rate = rate
        self.penalty = penalty
        self._limits = state.rate_limits
        self._turn = threading.Lock()  # whose turn it is to go next, in this process; held while waiting for the slot
        self._block: deque[float] = deque()  # slots in hand, by this process's monotonic clock
        self._size = 1
        self._measure = threading.Lock()
        self._trips: deque[float] = deque(maxlen=_MEASURED)
        self._jitter = JITTER
        self._least = LEAST
        self._held = 0.0
        if rate is not None:
            self._limits.create(base)

    def __repr__(self) -> str:
        return f"RateLimiter({self.base}, {'no limit' if self.rate is None else f'{self.rate:g}/s'})"

    @property
    def jitter(self) -> float:
        """Seconds by which requests are taken to arrive unevenly, from the spread of the measured round trips."""
        return self._jitter

    @property
    def interval(self) -> float:
        """Seconds between two requests to the base; 0 without a limit."""
        return 0.0 if self.rate is None else (1 + self._jitter) / self.rate

    @property
    def latency(self) -> float:
        """The median of the last round trips in seconds; 0 before the first."""
        with self._measure:
            return sorted(self._trips)[len(self._trips) // 2] if self._trips else 0.0

    def wait(self) -> None:
        """Block until the next request to the base may go out."""
        if self.rate is None:
            return
        with self._turn:
            late = max(self._jitter, LEAST) / 2
            while True:
                slot = self._next_slot()
                left = slot - time.monotonic()
                if left > 0:
                    time.sleep(left)
                held = self._held - time.monotonic()
                if held <= 0 and left > _BLOCK:  # time enough for another process to have met a 429
                    held = self._limits.held(self.base)
                if held > 0:
                    self._block.clear()
                    time.sleep(held)
                    continue
                # One that leaves late stands closer to those after it than the jitter allows for: let the slot go. On a
                # machine so busy that this happens again and again, less is asked for each time.
                if time.monotonic() - slot <= late:
                    return
                late *= 2

    def observe(self, seconds: float) -> None:
        """A round trip took so long."""
        with self._measure:
            self._trips.append(seconds)
            if len(self._trips) >= 5:
                ordered = sorted(self._trips)
                most = ordered[len(ordered) * 95 // 100] if len(ordered) >= 40 else ordered[-1]
                self._jitter = max(self._least, min(MOST, _MARGIN * (most - ordered[0])))

    def pause(self, seconds: float | None = None) -> None:
        """Hold every request to the base back for `seconds` (`penalty` where None), everywhere.

        As many as tell of the same lock-out make one pause. The jitter was taken too small; it is not again.
        """
        seconds = self.penalty if seconds is None else seconds
        if self.rate is None:
            time.sleep(seconds)
            return
        if self._limits.hold(self.base, seconds):
            with self._measure:
                self._least = self._jitter = min(LEARNT, self._jitter * 1.5)
        self._held = time.monotonic() + self._limits.held(self.base)

    def _next_slot(self) -> float:
        assert self.rate is not None
        interval, now = self.interval, time.monotonic()
        spoiled = 0
        while self._block and self._block[0] < now - LEAST / 2:
            self._block.popleft()
            spoiled += 1
        if self._block:
            return self._block.popleft()
        if self.rate > _MANY:  # as many as were used of the last block, and room for more
            most = max(1, int(self.rate * _BLOCK))
            self._size = max(1, self._size - spoiled) if spoiled else min(most, self._size * 2)
        begin = self._limits.reserve(self.base, interval * self._size) + time.monotonic()
        self._block.extend(begin + n * interval for n in range(1, self._size))
        return begin
