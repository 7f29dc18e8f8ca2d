"""How FMCSA's service is asked: patiently, not too often, and not at all while it is down.

`Fmcsa` is what `context.providers["fmcsa"]` holds. What it remembers of past calls is its own, so those that share one
share their limits, and nobody else's.
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

TRIES = 3
RETRIED = frozenset({429, 500, 502, 503, 504})
TIMEOUT = 15.0
"""Seconds until a request is given up."""
LONGEST_WAIT = 8.0
"""Seconds between two tries, at the most."""


class FmcsaError(Exception):
    """FMCSA refused a request."""


class Exhausted(FmcsaError):
    """FMCSA was in trouble at every try."""


class Get(Protocol):
    """One GET request to FMCSA."""

    def __call__(self, path: str, timeout: float) -> tuple[int, Any]:
        """The status and the JSON of `path`, such as "/carriers/133655/basics".

        Raises TimeoutError where no answer came within `timeout` seconds, another OSError where none can come.
        """


@dataclass
class Circuit:
    """Keeps calls from a service that is down.

    `failures` exhausted calls open it, each success before takes one of them back. Open, it lets nothing through for
    `rest`; then `trials` calls, of which a failure opens it again and a success closes it.
    """

    failures: int = 5
    rest: timedelta = timedelta(seconds=60)
    trials: int = 2

    def __post_init__(self) -> None:
        self.count = 0
        self._opened: datetime | None = None
        self._tried = 0
        self._lock = threading.Lock()

    def state(self, now: datetime) -> State:
        """What it does with a call now."""
        if self._opened is None:
            return "CLOSED"
        return "OPEN" if now - self._opened < self.rest else "HALF_OPEN"

    def let(self, now: datetime) -> bool:
        """Whether a call may go through; tell then how it ended, by `succeeded`, `failed` or `unknown`."""
        with self._lock:
            state = self.state(now)
            if state == "HALF_OPEN" and self._tried < self.trials:
                self._tried += 1
                return True
            return state == "CLOSED"

    def succeeded(self) -> None:
        """A call came back."""
        with self._lock:
            self.count = max(0, self.count - 1) if self._opened is None else 0
            self._opened, self._tried = None, 0

    def failed(self, now: datetime) -> None:
        """A call was tried as often as it may be."""
        with self._lock:
            self.count += 1
            if self._opened is not None or self.count >= self.failures:
                self._opened, self._tried = now, 0

    def unknown(self) -> None:
        """A call says nothing of the service, such as one that the network lost."""
        # The platform took such a call for one of the trials, and after two of them let none through for good.
        with self._lock:
            self._tried = max(0, self._tried - 1)

    def opens_in(self, now: datetime) -> float:
        """Seconds until it lets calls through again; 0 where it does."""
        return 0.0 if self._opened is None else max(0.0, (self._opened + self.rest - now).total_seconds())


@dataclass
class RateLimit:
    """So many calls within any stretch of `window`."""

    calls: int = 30
    window: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        self._past: deque[datetime] = deque()
        self._lock = threading.Lock()

    def let(self, now: datetime) -> bool:
        """Whether a call may go through; if so it is counted."""
        with self._lock:
            self._forget(now)
            if len(self._past) >= self.calls:
                return False
            self._past.append(now)
            return True

    def used(self, now: datetime) -> int:
        """Calls that count now."""
        with self._lock:
            self._forget(now)
            return len(self._past)

    def free_in(self, now: datetime) -> float:
        """Seconds until a call may go through; 0 where one may."""
        used = self.used(now)
        return 0.0 if used < self.calls else (self._past[0] + self.window - now).total_seconds()

    def _forget(self, now: datetime) -> None:
        while self._past and now - self._past[0] >= self.window:
            self._past.popleft()


@dataclass
class Fmcsa:
    """FMCSA, and how it did lately. `jitter`: up to a second that a wait before another try is longer."""

    get: Get
    jitter: Callable[[], float] = random.random
    circuit: Circuit = field(default_factory=Circuit)
    limit: RateLimit = field(default_factory=RateLimit)

    def look_up(self, context: Context, dot: int) -> tuple[Any, Any]:
        """A carrier and its BASICs, as FMCSA tells them, asked for at the same time.

        Raises FmcsaError where it refuses, OSError where it cannot be reached. For who has asked `circuit` and `limit`.
        """
        try:
            with ThreadPoolExecutor(2) as pool:
                carrier = pool.submit(self._ask, context, f"/carriers/{dot}")
                basics = pool.submit(self._ask, context, f"/carriers/{dot}/basics")
                told = carrier.result(), basics.result()
        except Exhausted:
            self.circuit.failed(context.now())
            raise
        except BaseException:
            self.circuit.unknown()
            raise
        self.circuit.succeeded()
        return told

    def _ask(self, context: Context, path: str) -> Any:
        for number in range(TRIES):
            try:
                status, body = self.get(path, TIMEOUT)
            except TimeoutError:
                wait = 2.0**number
            else:
                if status == 200:
                    return body
                if status not in RETRIED:
                    raise FmcsaError(f"FMCSA answered {status}")
                wait = min(2**number + self.jitter(), LONGEST_WAIT)
            if number + 1 < TRIES:
                context.sleep(wait)
        raise Exhausted(f"FMCSA was tried {TRIES} times")
