"""The log of requests to a service, one row each: when, how long, with which status. No values, no credentials."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Request(NamedTuple):
    """One request. `at`: seconds since 1970 when it was sent; `ms`: until the response; `status` 0: no response."""

    at: float
    ms: float
    status: int
    method: str
    what: str


@dataclass(frozen=True)
class Summary:
    """Figures of a log. `limited`: 429s; `unanswered`: requests without a response; percentiles in ms."""

    count: int
    limited: int
    unanswered: int
    p50: float
    p95: float
    p99: float


class RequestLog:
    """The requests of a process, in the order of their responses. Threads may share it.

    `most`: keep at least this many of the last, for a process that does not end; None keeps all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._rows: list[Request] = []
        self._written = 0

    def add(self, began: float, status: int, method: str, what: str) -> None:
        """Add a request that was sent at `began` (`time.time()`) and is done now."""
        row = Request(round(began, 3), round((time.time() - began) * 1000, 1), status, method, what)
        with self._lock:
            self._rows.append(row)
            if self._most is not None and len(self._rows) >= 2 * self._most:
                del self._rows[: -self._most]
                self._written = 0

    def extend(self, other: RequestLog) -> None:
        """Add the rows of another log."""
        rows = other.rows()
        with self._lock:
            self._rows += rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int = 0) -> Sequence[Request]:
        """All rows so far, from the one at `start`."""
        with self._lock:
            return self._rows[start:]

    def write(self, path: Path) -> None:
        """Append the rows that no call has written yet to a file of JSON lines."""
        with self._lock:
            rows, self._written = self._rows[self._written :], len(self._rows)
        if rows:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows)

    def summary(self) -> Summary:
        """The figures."""
        rows = self.rows()
        times = sorted(row.ms for row in rows)
        return Summary(
            count=len(rows),
            limited=sum(row.status == 429 for row in rows),
            unanswered=sum(row.status == 0 for row in rows),
            p50=_percentile(times, 50),
            p95=_percentile(times, 95),
            p99=_percentile(times, 99),
        )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0
