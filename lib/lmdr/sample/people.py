"""Names and places, generated once and then drawn at random: Faker takes 50 µs per name, a site needs 100,000."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

_NAMES = 400
_COMPANIES = 700
_PLACES = 600


@dataclass(frozen=True)
class Place:
    """A real US ZIP code with its city, state and an area code."""

    zip: str
    city: str
    state: str
    area: str


@dataclass(frozen=True)
class Person:
    """A fictitious person, with a reserved e-mail domain and phone number."""

    first: str
    last: str
    email: str
    phone: str
    place: Place

    @property
    def name(self) -> str:
        """`First Last`."""
        return f"{self.first} {self.last}"


class Pool:
    """The names and places of a site; the same for a seed."""

    def __init__(self, seed: int) -> None:
        from faker import Faker  # 0.2 s

        fake = Faker("en_US")
        fake.seed_instance(seed)
        self.first_names = [fake.first_name() for _ in range(_NAMES)]
        self.last_names = [fake.last_name() for _ in range(_NAMES)]
        self.companies = list(dict.fromkeys(fake.company() for _ in range(_COMPANIES)))
        self.paragraphs = [fake.paragraph(nb_sentences=4) for _ in range(120)]
        self.sentences = [fake.sentence(nb_words=9) for _ in range(200)]
        self.places = random.Random(f"{seed}:places").sample(_all_places(), _PLACES)

    def person(self, rng: random.Random) -> Person:
        """A person at a real place, with a fictitious number (555-0100 to 555-0199 are reserved for fiction)."""
        first, last, place = rng.choice(self.first_names), rng.choice(self.last_names), rng.choice(self.places)
        email = f"{first}.{last}{rng.randrange(1000)}@example.com".lower().replace(" ", "")
        return Person(first, last, email, self.phone(rng, place), place)

    def phone(self, rng: random.Random, place: Place) -> str:
        """A fictitious phone number in a place's area."""
        return f"({place.area}) 555-01{rng.randrange(100):02d}"


@lru_cache(maxsize=1)
def _all_places() -> list[Place]:
    import zipcodes  # 0.35 s to unpack its list

    return [
        Place(entry["zip_code"], entry["city"], entry["state"], entry["area_codes"][0])
        for entry in zipcodes.list_all()  # type: ignore[no-untyped-call]
        if entry["zip_code_type"] == "STANDARD" and entry["area_codes"] and entry["country"] == "US"
    ]
