"""Counts of requests and responses, per base (or site) and endpoint."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Count:
    requests: int = 0
    refusals: int = 0
    too_many: int = 0
    dropped: int = 0
    endpoints: dict[str, dict[str, int]] = field(default_factory=dict)
    peak: int = 0
    lockouts: int = 0
    records_written: int = 0
    recent: deque[float] = field(default_factory=deque)


class Stats:
    """What `GET /_sandbox/stats` shows; in memory, since the start."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, _Count]] = {"airtable": {}, "wix": {}}

    def _count(self, service: str, target: str) -> _Count:
        return self._services[service].setdefault(target, _Count())

    def record_request(self, service: str, target: str, instant: float) -> None:
        """A request for a base or site came in at `instant` (seconds)."""
        count = self._count(service, target)
        count.requests += 1
        recent = count.recent
        recent.append(instant)
        while not instant - 1 < recent[0] <= instant:  # a stamp ahead of now: the clock was moved back
            recent.popleft()
        count.peak = max(count.peak, len(recent))

    def record_response(self, service: str, target: str, endpoint: str, status: int) -> None:
        """It was answered with `status` (0: the connection was dropped by a fault)."""
        count = self._count(service, target)
        counts = count.endpoints.setdefault(endpoint, {"requests": 0, "refusals": 0, "429": 0})
        counts["requests"] += 1
        if status == 0:
            count.dropped += 1
        if status >= 400:
            count.refusals += 1
            counts["refusals"] += 1
        if status == 429:
            count.too_many += 1
            counts["429"] += 1

    def locked_out(self, service: str, target: str) -> None:
        """A limit was passed, and the lock-out began."""
        self._count(service, target).lockouts += 1

    def wrote(self, service: str, target: str, records: int) -> None:
        """So many records were created, changed or deleted."""
        self._count(service, target).records_written += records

    def show(self) -> dict[str, Any]:
        """`{"airtable": {baseId: {...}}, "wix": {siteId: {...}}}`."""
        return {
            service: {
                target: {
                    "requests": count.requests,
                    "refusals": count.refusals,
                    "429": count.too_many,
                    "dropped": count.dropped,
                    "peakRequestsPerSecond": count.peak,
                    "lockouts": count.lockouts,
                    "recordsWritten": count.records_written,
                    "endpoints": count.endpoints,
                }
                for target, count in targets.items()
            }
            for service, targets in self._services.items()
        }
