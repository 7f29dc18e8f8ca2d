"""Applications, match events and views: phase 4."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.world import DAY, NOW, Interest, Item, World, date, day

_STAGES = ("applied", "in_review", "contacted", "offer", "hired", "rejected", "withdrawn")
_ENDS = ("hired", "rejected", "withdrawn")


def driver_carrier_interests(world: World, n: int) -> Iterator[Item]:
    """Applications from every door: saved, applied for, picked by a recruiter, quick-applied. One row a pair."""
    pairs: set[tuple[str, int]] = set()
    for number in range(n):
        driver, carrier = world.rng.choice(world.drivers), world.rng.choice(world.carriers)
        for _ in range(20):
            if (driver.id, carrier.dot) not in pairs:
                break
            driver, carrier = world.rng.choice(world.drivers), world.rng.choice(world.carriers)
        pairs.add((driver.id, carrier.dot))
        ms = world.moment()
        interest = Interest(world.guid(), driver, carrier, ms)
        world.interests.append(interest)
        row = world.item(ms, driver.member, driver_id=driver.id, carrier_dot=str(carrier.dot),
        carrier_name=carrier.name,
                         match_score=world.rng.randrange(10, 101),
                         driver_zip_at_match=driver.person.place.zip)  # fmt: skip
        row["_id"] = interest.id
        doors = (_saved, _applied, _applied, _applied, _picked, _quick)
        yield row | doors[number % len(doors)](world, interest, row)


def _saved(world: World, interest: Interest, row: Item) -> Item:
    """By logCarrierInterest, which writes no status."""
    return {
        "action": world.rng.choice(("interested", "viewed", "saved")),
        "action_timestamp": date(interest.ms),
        "notes": None,
    }


def _applied(world: World, interest: Interest, row: Item) -> Item:
    person, at, status = interest.driver.person, interest.ms, world.rng.choice(_STAGES)
    history = [{"status": "applied", "timestamp": date(at)["$date"], "note": "Application submitted"}]
    found: Item = {
        "action": "applied", "status": status, "application_date": date(at), "action_timestamp": date(at),
        "contact_phone": person.phone, "contact_email": person.email,
        "preferred_contact": world.rng.choice(("phone", "email")),
        "availability": world.rng.choice(("immediately", "2_weeks", "flexible")), "outcome": None, "notes": None,
        "driver_message": f"{world.line()}\n\n{world.line()}" if world.chance(0.5) else "",
        "cdl_front_url": world.file_url("front.jpg"), "origin": "driver_applied",
    }  # fmt: skip
    if status != "applied":
        later = min(NOW, at + world.rng.randrange(1, 20 * DAY))
        history.append({"status": status, "timestamp": date(later)["$date"], "note": f"Status changed to {status}",
                        "actor": "recruiter"})  # fmt: skip
        found |= {"action_timestamp": date(later), "recruiter_response_time": round((later - at) / 3_600_000, 1)}
        found["recruiter_notes"] = world.line() if world.chance(0.4) else ""
        if status in _ENDS:
            found |= {"outcome": status, "outcome_date": date(later)}
    found["status_history"] = json.dumps(history, separators=(",", ":"))
    return found


def _picked(world: World, interest: Interest, row: Item) -> Item:
    history = [{"status": "contacted", "timestamp": date(interest.ms)["$date"], "by": "recruiter"}]
    return {
        "status": "contacted", "origin": "recruiter_search", "match_score": 0, "preferred_contact": "email",
        "action": "contacted", "action_timestamp": date(interest.ms), "status_history": json.dumps(history, indent=1),
        "recruiter_notes": world.line(),
    }  # fmt: skip


def _quick(world: World, interest: Interest, row: Item) -> Item:
    """By the quick-apply page: no DOT, the carrier by its id, a day as the date."""
    del row["carrier_dot"]
    return {
        "carrier_id": interest.carrier.id,
        "status": "applied",
        "applied_date": day(interest.ms),
        "source": "rapid-response",
    }


def match_events(world: World, n: int) -> Iterator[Item]:
    """What anonymous visitors did."""
    for _ in range(n):
        carrier, ms = world.rng.choice(world.carriers), world.moment()
        row = world.item(
            ms, driver_zip=world.rng.choice(world.pool.places).zip, driver_name="Anonymous",
            carrier_dot=str(carrier.dot),
            carrier_name=carrier.name, match_score=world.rng.randrange(101), timestamp=date(ms),
            action=world.rng.choice(("interested", "viewed", "applied", "saved", "contacted")),
        )  # fmt: skip
        if world.chance(0.02):
            row["driver_name"] = world.pool.person(world.rng).first
        yield row


def carrier_driver_views(world: World, n: int) -> Iterator[Item]:
    """What recruiters saw, as it is billed."""
    for _ in range(n):
        carrier, driver, ms = world.rng.choice(world.carriers), world.rng.choice(world.drivers), world.moment()
        row = world.item(
            ms, carrier_dot=str(carrier.dot), driver_id=driver.id, recruiter_id=world.rng.choice(world.recruiters),
            view_type="full_profile", billing_period=day(ms)[:7], match_score=world.rng.randrange(101),
        )  # fmt: skip
        if world.chance(0.05):
            row["view_type"] = {"userId": row["recruiter_id"]}  # what driverMatching passes there
        yield row


def profile_views(world: World, n: int) -> Iterator[Item]:
    """Views by the older quota."""
    for _ in range(n):
        carrier, driver, ms = world.rng.choice(world.carriers), world.rng.choice(world.drivers), world.moment()
        yield world.item(
            ms, carrier_dot=str(carrier.dot), driver_id=driver.id, view_date=date(ms), billing_period=day(ms)[:7],
            recruiter_id=world.rng.choice(world.recruiters), match_score=world.rng.randrange(101),
            view_type=world.rng.choice(("search_result", "profile_view")),
        )  # fmt: skip
