"""The state shared by the rows of a sample site: randomness, time, ids, carriers and drivers referred to."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from lmdr.sample.people import Person, Place, Pool

Item: TypeAlias = dict[str, Any]

_NAMESPACE = uuid.UUID("6f2b1c52-3f0e-5f0a-9a53-1c1f0c9f7a10")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
"""The site's today. No clock is read: a seed gives the same bytes on every day."""
NOW = int((TODAY - _EPOCH).total_seconds() * 1000)
DAY = 86_400_000
HISTORY = 730 * DAY
"""The site's age: two years."""


def fixed_id(*parts: object) -> str:
    """An id that depends on its parts, not on the seed."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(str(part) for part in parts)))


def iso(ms: int) -> str:
    """Milliseconds since 1970 as `2025-03-01T12:00:00.123Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def date(ms: int) -> Item:
    """A Wix date."""
    return {"$date": iso(ms)}


def day(ms: int) -> str:
    """`2025-03-01`, as the platform stores days."""
    return iso(ms)[:10]


@dataclass(frozen=True)
class Carrier:
    """A carrier that other rows refer to."""

    id: str
    dot: int
    name: str
    place: Place
    owner: str


@dataclass(frozen=True)
class Driver:
    """A driver's profile that other rows refer to."""

    id: str
    member: str
    person: Person


@dataclass(frozen=True)
class Interest:
    """An application: driver, carrier and time."""

    id: str
    driver: Driver
    carrier: Carrier
    ms: int


@dataclass
class Generator:
    """Generates a site. `rng` is that of the current collection; `pool` is shared."""

    seed: int
    pool: Pool
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    carriers: list[Carrier] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    interests: list[Interest] = field(default_factory=list)
    recruiters: list[str] = field(default_factory=list)
    admins: list[str] = field(default_factory=list)
    site_owner: str = fixed_id("site owner")

    def start(self, collection: str) -> None:
        """Start a collection: its rows depend on the seed and its name, not on earlier collections."""
        self.rng = random.Random(f"{self.seed}:{collection}")

    def guid(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def timestamp(self, after: int = NOW - HISTORY, before: int = NOW) -> int:
        """A random time, in milliseconds since 1970."""
        return self.rng.randrange(after, before) if after < before else before

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.rng.random() < probability

    def subset(self, values: Sequence[Any], size: int = 3) -> list[Any]:
        """Up to `size` of the values, in their order."""
        chosen = set(self.rng.sample(range(len(values)), self.rng.randint(0, min(size, len(values)))))
        return [value for number, value in enumerate(values) if number in chosen]

    def item(self, ms: int, owner: str = "", **values: Any) -> Item:
        """An item created at `ms`, perhaps updated later, with the system fields that Wix sets."""
        updated = ms if self.chance(0.4) else min(NOW, ms + self.rng.randrange(60 * DAY))
        stamps = {"_createdDate": date(ms), "_updatedDate": date(updated)}
        return {"_id": self.guid(), "_owner": owner or self.site_owner, **stamps, **values}

    def paragraph(self) -> str:
        """A paragraph."""
        return self.rng.choice(self.pool.paragraphs)

    def sentence(self) -> str:
        """A sentence."""
        return self.rng.choice(self.pool.sentences)

    def media(self, name: str) -> str:
        """A picture's URI in Wix."""
        return f"wix:image://v1/{self.rng.getrandbits(48):012x}~mv2.jpg/{name}.jpg#originWidth=1200&originHeight=800"

    def file_url(self, name: str) -> str:
        """A document's URL."""
        return f"https://files.example.com/{self.rng.getrandbits(48):012x}/{name}"
