"""What the rows of a sample site share: chance, time, ids, and the carriers and drivers that others refer to."""

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
"""The site's own today: no clock is read, so a seed gives the same bytes on every day."""
NOW = int((TODAY - _EPOCH).total_seconds() * 1000)
DAY = 86_400_000
HISTORY = 730 * DAY
"""The site is two years old."""


def fixed_id(*parts: object) -> str:
    """An id that depends on its parts only, not on the seed."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(str(part) for part in parts)))


def iso(ms: int) -> str:
    """`2025-03-01T12:00:00.123Z` of milliseconds since 1970."""
    seconds, rest = divmod(ms, 1000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def date(ms: int) -> Item:
    """A Wix date."""
    return {"$date": iso(ms)}


def day(ms: int) -> str:
    """`2025-03-01`, as the platform keeps days."""
    return iso(ms)[:10]


@dataclass(frozen=True)
class Carrier:
    """A carrier as others refer to it."""

    id: str
    dot: int
    name: str
    place: Place
    owner: str


@dataclass(frozen=True)
class Driver:
    """A driver's profile as others refer to it."""

    id: str
    member: str
    person: Person


@dataclass(frozen=True)
class Interest:
    """An application: the driver, the carrier, when."""

    id: str
    driver: Driver
    carrier: Carrier
    ms: int


@dataclass
class World:
    """A site in the making. `rng` is that of the collection at hand; `pool` is shared."""

    seed: int
    pool: Pool
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    carriers: list[Carrier] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    interests: list[Interest] = field(default_factory=list)
    recruiters: list[str] = field(default_factory=list)
    admins: list[str] = field(default_factory=list)
    site_owner: str = fixed_id("site owner")

    def enter(self, collection: str) -> None:
        """Go on to a collection: its rows hang on the seed and its name, not on what was made before."""
        self.rng = random.Random(f"{self.seed}:{collection}")

    def guid(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def moment(self, after: int = NOW - HISTORY, before: int = NOW) -> int:
        """A moment between two, to the millisecond."""
        return self.rng.randrange(after, before) if after < before else before

    def chance(self, part: float) -> bool:
        """Whether something happens that happens so often."""
        return self.rng.random() < part

    def some(self, values: Sequence[Any], most: int = 3) -> list[Any]:
        """Some of them, in their order, none twice."""
        chosen = set(self.rng.sample(range(len(values)), self.rng.randint(0, min(most, len(values)))))
        return [value for number, value in enumerate(values) if number in chosen]

    def item(self, ms: int, owner: str = "", **values: Any) -> Item:
        """An item made at `ms`, perhaps changed since, with the system fields as Wix sets them."""
        changed = ms if self.chance(0.4) else min(NOW, ms + self.rng.randrange(60 * DAY))
        stamps = {"_createdDate": date(ms), "_updatedDate": date(changed)}
        return {"_id": self.guid(), "_owner": owner or self.site_owner, **stamps, **values}

    def text(self) -> str:
        """A paragraph."""
        return self.rng.choice(self.pool.paragraphs)

    def line(self) -> str:
        """A sentence."""
        return self.rng.choice(self.pool.sentences)

    def media(self, name: str) -> str:
        """A picture as Wix keeps it."""
        return f"wix:image://v1/{self.rng.getrandbits(48):012x}~mv2.jpg/{name}.jpg#originWidth=1200&originHeight=800"

    def file_url(self, name: str) -> str:
        """A document's address."""
        return f"https://files.example.com/{self.rng.getrandbits(48):012x}/{name}"
