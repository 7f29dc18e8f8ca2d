"""The rate limiter of a base, shared by all threads, processes and machines that use it.

    limiter = RateLimiter(state, base, 5)
    limiter.wait()           # blocks until the next request may go out
    limiter.observe(0.21)    # how long it took
    limiter.pause(30)        # the response was a 429

Airtable allows 5 requests in any second and locks the base out for 30 seconds after a sixth. Requests do not arrive as
evenly as they leave. Measured against that rule, with 50 ms of jitter: sending exactly 5 a second trips the lock-out
again and again and gets 4 % of the quota; 5/(1+J), J being the jitter in seconds, gets 95 % and no lock-out; sleeping
200 ms after each response gets 25 %.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from runbook.state import State
from runbook.state.rate_limits import HORIZON

JITTER = 0.05  # seconds, before anything is measured
MIN_JITTER, MAX_JITTER = 0.02, 0.18  # bounds of what is measured: 5/(1+0.18) is still 85 % of the quota
MAX_LEARNT = 0.5  # bound of what 429s make of it
_SAMPLES = 100  # latencies that the jitter is taken from
_MARGIN = 1.5  # of their spread; what lies beyond p95 is rare, and expensive: a lock-out costs as much as 150 requests
_BATCH_SECONDS = 0.05  # reserved at once where a base allows many requests
_BATCH_RATE = 20.0  # requests a second above which it does


class NoTurn(Exception):
    """The next request may go out only after the limit that was given. `paused`: seconds that a 429 still pauses it."""

    def __init__(self, paused: float) -> None:
        super().__init__("no turn within the limit")
        self.paused = paused


class RateLimiter:
    """The rate limiter of one base. `rate`: requests a second that the base allows; None: unlimited.

    `penalty`: seconds that a 429 stops everyone for. A process that dies has reserved the time of one request, or a
    batch of 50 ms; no one waits for it.
    """

    def __init__(self, state: State, base: str, rate: float | None, *, penalty: float = 30.0) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"rate is {rate!r}; it is the requests a second that a base allows, above 0, or None")
        self.base = base
        self.rate = rate
        self.penalty = penalty
        self._limits = state.rate_limits
        self._order = threading.Lock()  # held while waiting: the threads of this process go out one after the other
        self._reserved: deque[float] = deque()  # times of requests, by this process's monotonic clock
        self._batch = 1  # how many to reserve next
        self._lock = threading.Lock()  # of what is measured
        self._latencies: deque[float] = deque(maxlen=_SAMPLES)
        self._jitter = JITTER
        self._min_jitter = MIN_JITTER
        self._paused_until = 0.0
        if rate is not None:
            self._limits.create(base)

    def __repr__(self) -> str:
        return f"RateLimiter({self.base}, {'no limit' if self.rate is None else f'{self.rate:g}/s'})"

    @property
    def jitter(self) -> float:
        """Seconds by which requests are expected to arrive unevenly, from the spread of the measured latencies."""
        return self._jitter

    @property
    def interval(self) -> float:
        """Seconds between two requests to the base; 0 without a limit."""
        return 0.0 if self.rate is None else (1 + self._jitter) / self.rate

    @property
    def latency(self) -> float:
        """The median of the last latencies in seconds; 0 before the first."""
        with self._lock:
            return sorted(self._latencies)[len(self._latencies) // 2] if self._latencies else 0.0

    def wait(self, limit: float = math.inf) -> None:
        """Block until the next request to the base may go out.

        Raises NoTurn, as soon as it is known, where that is after `limit`, by the monotonic clock: nothing is reserved.
        """
        if self.rate is None:
            return
        with self._in_order(limit):
            tolerance = max(self._jitter, MIN_JITTER) / 2
            while True:
                reserved = self._next_time(limit)
                left = reserved - time.monotonic()
                if left > 0:
                    time.sleep(left)
                paused = self._paused_until - time.monotonic()
                if paused <= 0 and left > _BATCH_SECONDS:  # long enough for another process to have met a 429
                    paused = self._limits.held(self.base)
                if paused > 0:
                    self._reserved.clear()
                    if time.monotonic() + paused > limit:
                        raise NoTurn(paused)
                    time.sleep(paused)
                    continue
                # A late request is closer to those after it than the jitter allows for: its time is given up. On a
                # machine so busy that this happens again and again, the tolerance grows.
                if time.monotonic() - reserved <= tolerance:
                    return
                tolerance *= 2

    def observe(self, seconds: float) -> None:
        """Add a measured latency."""
        with self._lock:
            self._latencies.append(seconds)
            if len(self._latencies) >= 5:
                ordered = sorted(self._latencies)
                high = ordered[len(ordered) * 95 // 100] if len(ordered) >= 40 else ordered[-1]
                self._jitter = max(self._min_jitter, min(MAX_JITTER, _MARGIN * (high - ordered[0])))

    def pause(self, seconds: float | None = None, limit: float = math.inf) -> None:
        """Stop every request to the base for `seconds` (`penalty` where None), in all processes.

        Several 429s of one lock-out make one pause. The jitter was too small: it grows, and never shrinks below that.
        Without a rate it is slept here: raises NoTurn where it ends after `limit`.
        """
        seconds = self.penalty if seconds is None else seconds
        if self.rate is None:
            if time.monotonic() + seconds > limit:
                raise NoTurn(seconds)
            time.sleep(seconds)
            return
        if self._limits.hold(self.base, seconds):
            with self._lock:
                self._min_jitter = self._jitter = min(MAX_LEARNT, self._jitter * 1.5)
        self._paused_until = time.monotonic() + self._limits.held(self.base)

    @contextmanager
    def _in_order(self, limit: float) -> Iterator[None]:
        """After the threads that came before, one of which may sleep through a pause."""
        if limit < math.inf:
            paused = self._limits.held(self.base)
            if time.monotonic() + paused > limit:
                raise NoTurn(paused)
        if not self._order.acquire(timeout=-1 if limit == math.inf else max(0.0, limit - time.monotonic())):
            raise NoTurn(self._limits.held(self.base))
        try:
            yield
        finally:
            self._order.release()

    def _next_time(self, limit: float) -> float:
        assert self.rate is not None
        interval, now = self.interval, time.monotonic()
        missed = 0
        while self._reserved and self._reserved[0] < now - MIN_JITTER / 2:
            self._reserved.popleft()
            missed += 1
        if self._reserved:
            if self._reserved[0] > limit:
                raise NoTurn(0.0)
            return self._reserved.popleft()
        if self.rate > _BATCH_RATE:  # as many as were used of the last batch, and room for more
            most = max(1, int(self.rate * _BATCH_SECONDS))
            self._batch = max(1, self._batch - missed) if missed else min(most, self._batch * 2)
        within = min(HORIZON, max(0.0, limit - now))
        reserved = self._limits.reserve(self.base, interval * self._batch, within=within)
        if reserved is None:
            raise NoTurn(self._limits.held(self.base))
        begin = reserved + time.monotonic()
        self._reserved.extend(begin + n * interval for n in range(1, self._batch))
        return begin
