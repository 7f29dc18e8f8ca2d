"""Checks the rate limit under load: reads from several threads for some seconds."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from runbook.airtable.client import Airtable
from runbook.display import Shown, Table
from runbook.errors import AirtableError


@dataclass(frozen=True, repr=False)
class RateLimitCheck(Shown):
    """Counts of responses. `busiest`: most in any one second; `limit`: allowed per second; `limited`: status 429.

    `per_second`: in each second since the first request. `seconds`: wall clock.
    """

    requests: int
    workers: int
    seconds: float
    per_second: tuple[int, ...]
    busiest: int
    limit: float
    limited: int
    failed: int

    @property
    def passed(self) -> bool:
        """Whether every request succeeded, without a 429."""
        return self.limited == 0 and self.failed == 0

    def table(self) -> Table:
        """One row per second."""
        rate = self.requests / self.seconds if self.seconds else 0.0
        summary = (
            f"{self.requests} requests from {self.workers} threads in {self.seconds:.1f} s: {rate:.1f} a second, "
            f"{self.limit:g} are allowed; {self.limited} were answered 429, {self.failed} failed."
        )
        rows = [(second + 1, count, self.limit) for second, count in enumerate(self.per_second)]
        return Table("The request limit under load", ("second", "answers", "allowed"), rows, (summary,))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            **asdict(self),
            "seconds": round(self.seconds, 2),
            "per_second": list(self.per_second),
            "passed": self.passed,
        }


def check_rate_limit(
    airtable: Airtable, base: str, table: str, *, requests: int = 40, workers: int = 8, limit: float = 5.0
) -> RateLimitCheck:
    """Read one record of a table again and again, as fast as the rate limiter lets several threads. Reads only.

    A 429 is counted from the client's log, because the client waits and repeats the request. A failed read is counted,
    not raised.
    """
    began = time.monotonic()
    before = len(airtable.log.rows())

    def ask(_: int) -> tuple[float, bool]:
        try:
            next(airtable.records(base, table, fields=[], page_size=1), None)
        except AirtableError:
            return time.monotonic() - began, False
        return time.monotonic() - began, True

    with ThreadPoolExecutor(workers) as pool:
        answers = sorted(pool.map(ask, range(requests)))
    seconds = time.monotonic() - began
    limited = sum(1 for row in itertools.islice(airtable.log.rows(), before, None) if row.status == 429)
    times = [at for at, _ in answers]
    per_second = tuple(sum(1 for at in times if second <= at < second + 1) for second in range(int(times[-1]) + 1))
    busiest = max(sum(1 for other in times[i:] if other < at + 1) for i, at in enumerate(times))
    failed = sum(1 for _, ok in answers if not ok)
    return RateLimitCheck(requests, workers, seconds, per_second, busiest, limit, limited, failed)
