"""The settings of a sandbox; every default is that of the real services."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PLANS: dict[str, tuple[int, int | None]] = {
    # plan: (records per base, API calls per workspace and month; None = no bound), airtable.com/pricing
    "free": (1_000, 1_000),
    "team": (50_000, 100_000),
    "business": (125_000, None),
    "enterprise": (500_000, None),
}


@dataclass(frozen=True)
class Settings:
    """The switches of one sandbox.

    Units: `penalty` seconds; `latency` (mean, jitter) in milliseconds; `stale_reads` milliseconds.
    `requests_per_second` None turns off every limit that counts requests: per second, month and Wix minute.
    `requests_per_second_of_token` 0 is the service's 50, or the limit per base where that was raised above it.
    """

    requests_per_second: float | None = 5
    requests_per_second_of_token: float = 0
    penalty: float = 30
    plan: str = "team"
    latency: tuple[float, float] = (0, 0)
    stale_reads: float = 0
    fetch_loopback: bool = False
    tokens: frozenset[str] = frozenset()
    single_429_body: bool = False
    wix_reads_per_minute: int = 3000
    wix_writes_per_minute: int = 1500
    wix_data_rights: bool = True
    list_iterator_seconds: float = 300
    attachment_url_seconds: float = 7200
    batch_limit: int = 10
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.plan not in PLANS:
            raise ValueError(f"plan is {self.plan!r}; valid are {', '.join(PLANS)}")
        if self.requests_per_second is not None and not self.requests_per_second >= 1:
            raise ValueError(f"requests_per_second is {self.requests_per_second}; give a number from 1, or 'off'")
        if not self.requests_per_second_of_token:
            object.__setattr__(self, "requests_per_second_of_token", max(50, self.requests_per_second or 0))
        for name in ("penalty", "stale_reads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it cannot be negative")
        if min(self.latency) < 0:
            raise ValueError(f"latency is {self.latency}; mean and jitter are milliseconds, not negative")

    @property
    def records_per_base(self) -> int:
        """How many records one base holds on this plan."""
        return PLANS[self.plan][0]

    @property
    def calls_per_month(self) -> int | None:
        """How many calls a workspace may make in a calendar month; None = no bound."""
        return None if self.requests_per_second is None else PLANS[self.plan][1]
