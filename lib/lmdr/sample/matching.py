"""Applications, match events and views: phase 4."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Generator, Interest, Item, date, day

_STAGES = ("applied", "in_review", "contacted", "offer", "hired", "rejected", "withdrawn")
_OUTCOMES = ("hired", "rejected", "withdrawn")


def driver_carrier_interests(gen: Generator, n: int) -> Iterator[Item]:
    """Applications from every source: saved, applied, added by a recruiter, quick-applied. One row for each pair."""
    pairs: set[tuple[str, int]] = set()
    for number in range(n):
        driver, carrier = gen.rng.choice(gen.drivers), gen.rng.choice(gen.carriers)
        for _ in range(20):
            if (driver.id, carrier.dot) not in pairs:
                break
            driver, carrier = gen.rng.choice(gen.drivers), gen.rng.choice(gen.carriers)
        pairs.add((driver.id, carrier.dot))
        ms = gen.timestamp()
        interest = Interest(gen.guid(), driver, carrier, ms)
        gen.interests.append(interest)
        row = gen.item(ms, driver.member, driver_id=driver.id, carrier_dot=str(carrier.dot),
        carrier_name=carrier.name,
                         match_score=gen.rng.randrange(10, 101),
                         driver_zip_at_match=driver.person.place.zip)  # fmt: skip
        row["_id"] = interest.id
        sources = (_saved, _applied, _applied, _applied, _added, _quick_applied)
        yield row | sources[number % len(sources)](gen, interest, row)


def _saved(gen: Generator, interest: Interest, row: Item) -> Item:
    """Written by logCarrierInterest, without a status."""
    action = gen.rng.choice(("interested", "viewed", "saved"))
    return {"action": action, "action_timestamp": date(interest.ms), "notes": None}


def _applied(gen: Generator, interest: Interest, row: Item) -> Item:
    person, at, status = interest.driver.person, interest.ms, gen.rng.choice(_STAGES)
    history = [{"status": "applied", "timestamp": date(at)["$date"], "note": "Application submitted"}]
    fields: Item = {
        "action": "applied", "status": status, "application_date": date(at), "action_timestamp": date(at),
        "contact_phone": person.phone, "contact_email": person.email,
        "preferred_contact": gen.rng.choice(("phone", "email")),
        "availability": gen.rng.choice(("immediately", "2_weeks", "flexible")), "outcome": None, "notes": None,
        "driver_message": f"{gen.sentence()}\n\n{gen.sentence()}" if gen.chance(0.5) else "",
        "cdl_front_url": gen.file_url("front.jpg"), "origin": "driver_applied",
    }  # fmt: skip
    if status != "applied":
        later = min(NOW, at + gen.rng.randrange(1, 20 * DAY))
        history.append({"status": status, "timestamp": date(later)["$date"], "note": f"Status changed to {status}",
                        "actor": "recruiter"})  # fmt: skip
        fields |= {"action_timestamp": date(later), "recruiter_response_time": round((later - at) / 3_600_000, 1)}
        fields["recruiter_notes"] = gen.sentence() if gen.chance(0.4) else ""
        if status in _OUTCOMES:
            fields |= {"outcome": status, "outcome_date": date(later)}
    fields["status_history"] = json.dumps(history, separators=(",", ":"))
    return fields


def _added(gen: Generator, interest: Interest, row: Item) -> Item:
    history = [{"status": "contacted", "timestamp": date(interest.ms)["$date"], "by": "recruiter"}]
    return {
        "status": "contacted", "origin": "recruiter_search", "match_score": 0, "preferred_contact": "email",
        "action": "contacted", "action_timestamp": date(interest.ms), "status_history": json.dumps(history, indent=1),
        "recruiter_notes": gen.sentence(),
    }  # fmt: skip


def _quick_applied(gen: Generator, interest: Interest, row: Item) -> Item:
    """Written by the quick-apply page: the carrier by its id, without a DOT number, a day as the date."""
    del row["carrier_dot"]
    applied = {"status": "applied", "applied_date": day(interest.ms), "source": "rapid-response"}
    return {"carrier_id": interest.carrier.id} | applied


def match_events(gen: Generator, n: int) -> Iterator[Item]:
    """Actions of anonymous visitors."""
    for _ in range(n):
        carrier, ms = gen.rng.choice(gen.carriers), gen.timestamp()
        row = gen.item(
            ms, driver_zip=gen.rng.choice(gen.pool.places).zip, driver_name="Anonymous",
            carrier_dot=str(carrier.dot),
            carrier_name=carrier.name, match_score=gen.rng.randrange(101), timestamp=date(ms),
            action=gen.rng.choice(("interested", "viewed", "applied", "saved", "contacted")),
        )  # fmt: skip
        if gen.chance(0.02):
            row["driver_name"] = gen.pool.person(gen.rng).first
        yield row


def carrier_driver_views(gen: Generator, n: int) -> Iterator[Item]:
    """Recruiters' views of profiles, as they are charged."""
    for _ in range(n):
        carrier, driver, ms = gen.rng.choice(gen.carriers), gen.rng.choice(gen.drivers), gen.timestamp()
        row = gen.item(
            ms, carrier_dot=str(carrier.dot), driver_id=driver.id, recruiter_id=gen.rng.choice(gen.recruiters),
            view_type="full_profile", billing_period=day(ms)[:7], match_score=gen.rng.randrange(101),
        )  # fmt: skip
        if gen.chance(0.05):
            row["view_type"] = {"userId": row["recruiter_id"]}  # as driverMatching passes it
        yield row


def profile_views(gen: Generator, n: int) -> Iterator[Item]:
    """Views of the older quota."""
    for _ in range(n):
        carrier, driver, ms = gen.rng.choice(gen.carriers), gen.rng.choice(gen.drivers), gen.timestamp()
        yield gen.item(
            ms, carrier_dot=str(carrier.dot), driver_id=driver.id, view_date=date(ms), billing_period=day(ms)[:7],
            recruiter_id=gen.rng.choice(gen.recruiters), match_score=gen.rng.randrange(101),
            view_type=gen.rng.choice(("search_result", "profile_view")),
        )  # fmt: skip
