"""A client of FMCSA's service, with retries, a rate limit and a circuit breaker.

`context.providers["fmcsa"]` is an `Fmcsa`. Those that share one share its limits.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias

from lmdr.services.context import Context

State: TypeAlias = Literal["CLOSED", "OPEN", "HALF_OPEN"]

ATTEMPTS = 3
RETRIED = frozenset({429, 500, 502, 503, 504})
TIMEOUT = 15.0
"""Seconds until a request times out."""
MAX_DELAY = 8.0
"""Seconds between two attempts, at most."""


class FmcsaError(Exception):
    """FMCSA refused a request."""


class Exhausted(FmcsaError):
    """Every attempt failed with a temporary error."""


class Get(Protocol):
    """Sends a GET request to FMCSA."""

    def __call__(self, path: str, timeout: float) -> tuple[int, Any]:
        """The status and JSON of `path`, such as "/carriers/133655/basics".

        Raises TimeoutError after `timeout` seconds, another OSError where FMCSA is unreachable.
        """


@dataclass
class Circuit:
    """A circuit breaker.

    `failures` exhausted calls open it; a success takes one of them back. While open it allows no call for `cooldown`;
    then `trials` calls, of which a failure opens it again and a success closes it.
    """

    failures: int = 5
    cooldown: timedelta = timedelta(seconds=60)
    trials: int = 2

    def __post_init__(self) -> None:
        self.count = 0
        self._opened: datetime | None = None
        self._trials_used = 0
        self._lock = threading.Lock()

    def state(self, now: datetime) -> State:
        """Its state now."""
        if self._opened is None:
            return "CLOSED"
        return "OPEN" if now - self._opened < self.cooldown else "HALF_OPEN"

    def allow(self, now: datetime) -> bool:
        """Whether a call is allowed; its result must be reported by `succeeded`, `failed` or `unknown`."""
        with self._lock:
            state = self.state(now)
            if state == "HALF_OPEN" and self._trials_used < self.trials:
                self._trials_used += 1
                return True
            return state == "CLOSED"

    def succeeded(self) -> None:
        """A call succeeded."""
        with self._lock:
            self.count = max(0, self.count - 1) if self._opened is None else 0
            self._opened, self._trials_used = None, 0

    def failed(self, now: datetime) -> None:
        """Every attempt of a call failed."""
        with self._lock:
            self.count += 1
            if self._opened is not None or self.count >= self.failures:
                self._opened, self._trials_used = now, 0

    def unknown(self) -> None:
        """A call had no result for the service, such as a lost connection."""
        # The platform counts such a call as a trial, and after two of them allows none ever again.
        with self._lock:
            self._trials_used = max(0, self._trials_used - 1)

    def opens_in(self, now: datetime) -> float:
        """Seconds until it allows calls again; 0 where it does."""
        return 0.0 if self._opened is None else max(0.0, (self._opened + self.cooldown - now).total_seconds())


@dataclass
class RateLimit:
    """At most `calls` within any `window`."""

    calls: int = 30
    window: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        self._past: deque[datetime] = deque()
        self._lock = threading.Lock()

    def allow(self, now: datetime) -> bool:
        """Whether a call is allowed; if so it is counted."""
        with self._lock:
            self._expire(now)
            if len(self._past) >= self.calls:
                return False
            self._past.append(now)
            return True

    def used(self, now: datetime) -> int:
        """Calls within the window that ends now."""
        with self._lock:
            self._expire(now)
            return len(self._past)

    def available_in(self, now: datetime) -> float:
        """Seconds until a call is allowed; 0 where one is."""
        with self._lock:
            self._expire(now)
            return 0.0 if len(self._past) < self.calls else (self._past[0] + self.window - now).total_seconds()

    def _expire(self, now: datetime) -> None:
        while self._past and now - self._past[0] >= self.window:
            self._past.popleft()


@dataclass
class Fmcsa:
    """FMCSA's API. `jitter`: up to a second, added to the delay before another attempt."""

    get: Get
    jitter: Callable[[], float] = random.random
    circuit: Circuit = field(default_factory=Circuit)
    limit: RateLimit = field(default_factory=RateLimit)

    def look_up(self, context: Context, dot: int) -> tuple[Any, Any]:
        """A carrier and its BASICs, FMCSA's two JSON answers, requested in parallel.

        Raises FmcsaError where it refuses, OSError where it is unreachable. Call it after `circuit` and `limit` allow.
        """
        try:
            with ThreadPoolExecutor(2) as pool:
                carrier = pool.submit(self._get, context, f"/carriers/{dot}")
                basics = pool.submit(self._get, context, f"/carriers/{dot}/basics")
                answers = carrier.result(), basics.result()
        except Exhausted:
            self.circuit.failed(context.now())
            raise
        except BaseException:
            self.circuit.unknown()
            raise
        self.circuit.succeeded()
        return answers

    def _get(self, context: Context, path: str) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                status, body = self.get(path, TIMEOUT)
            except TimeoutError:
                delay = 2.0**attempt
            else:
                if status == 200:
                    return body
                if status not in RETRIED:
                    raise FmcsaError(f"FMCSA answered {status}")
                delay = min(2**attempt + self.jitter(), MAX_DELAY)
            if attempt + 1 < ATTEMPTS:
                context.sleep(delay)
        raise Exhausted(f"FMCSA was tried {ATTEMPTS} times")
