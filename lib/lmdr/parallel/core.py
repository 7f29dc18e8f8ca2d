"""Phase 3: matching in both directions for every driver and every carrier, profile look-ups, admin statistics."""

from __future__ import annotations

import itertools

from lmdr.matching.carriers import calculate_match_score, normalize_carrier, score_carriers
from lmdr.matching.completeness import enrich_profile
from lmdr.matching.drivers import calculate_driver_match_score, score_drivers
from lmdr.parallel.calls import ADMIN, EACH, NOW, Answers, answered, because, context_of, either, sampled
from lmdr.services.admin.carriers import get_carrier_stats, get_state_distribution
from lmdr.services.airtable_client import get_carrier_by_dot, get_driver_by_id, get_driver_by_wix_member_id
from lmdr.services.context import ANYONE
from lmdr.services.driver.carrier_matching import find_matching_carriers
from lmdr.services.driver.profiles import get_driver_activity_stats
from runbook.cutover import Difference, ParallelTest, trace
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

SEARCHED = ("Carriers", "DriverProfiles", "CarrierEnrichments", "DriverCarrierInterests")
SEARCHES = [
    {"homeZip": home, "maxDistance": miles, "minCPM": cpm, "operationType": operation, "fleetSize": fleet}
    for home, miles in (("75201", 100), ("07001", 250), ("60601", 50), ("", 500))
    for cpm, operation, fleet in ((0.45, "any", "any"), (0.6, "OTR", "small"), (0.55, "Regional", "large"), (0, "", ""))
]
"""What a driver asks who has no profile; what the page itself sends stands first."""


def preferences_of(driver: Item) -> Item:
    """A profile as the search asks for carriers by it."""
    keys = {
        "homeZip": "home_zip", "maxDistance": "max_commute_miles", "minCPM": "min_cpm",
        "operationType": "preferred_operation_type", "maxTurnover": "max_turnover_percent",
        "maxTruckAge": "max_truck_age_years", "fleetSize": "fleet_size_preference",
    }  # fmt: skip
    return {asked: driver[key] for asked, key in keys.items() if key in driver}


def _carriers_for(records: Records, searches: list[tuple[str, Item]]) -> Answers:
    carriers = records.get_all("Carriers")
    ready = [normalize_carrier(carrier) for carrier in carriers]
    for who, preferences in searches:
        scored = zip(carriers, score_carriers(preferences, ready), strict=True)
        ranked = sorted(scored, key=lambda pair: -_number(pair[1]["overallScore"]))
        yield who, [[c["_id"], s["overallScore"], s["scores"], s["inferredOpType"]] for c, s in ranked]


def carriers_for_every_driver(records: Records) -> Answers:
    """All carriers ranked for each driver by the profile's preferences."""
    drivers = records.get_all("DriverProfiles")
    return _carriers_for(records, [(f"carriers for driver {d['_id']}", preferences_of(d)) for d in drivers])


def carriers_for_every_search(records: Records) -> Answers:
    """All carriers ranked for searches without a profile."""
    return _carriers_for(records, [(f"carriers for search {n}", asked) for n, asked in enumerate(SEARCHES)])


def drivers_for_every_carrier(records: Records) -> Answers:
    """All drivers ranked for each carrier by its hiring preferences; those without any share one ranking."""
    drivers = records.get_all("DriverProfiles")
    newest: dict[str, Item] = {}
    for preferences in records.get_all("CarrierHiringPreferences", Query().eq("is_active", True)):
        newest.setdefault(preferences["carrier_dot"], preferences)
    numbers = sorted(str(carrier["dot_number"]) for carrier in records.get_all("Carriers"))
    yield (
        "carriers without preferences",
        [n for n in numbers if n not in newest],
    )
    for who, preferences in [("carriers without preferences: drivers", {}), *sorted(newest.items())]:
        scored = zip(drivers, score_drivers(drivers, preferences, now=NOW), strict=True)
        ranked = sorted(scored, key=lambda pair: -_number(pair[1]["overallScore"]))
        yield f"drivers for {who}", [[d["_id"], s["overallScore"], s.get("scores"), s.get("error")] for d, s in ranked]


def profiles_looked_up(records: Records) -> Answers:
    """Every driver by the member, with what the profile lacks; some by id too."""
    context = context_of(records)
    drivers = records.get_all("DriverProfiles")
    for driver in drivers:
        found = get_driver_by_wix_member_id(context, driver["_owner"])
        yield f"driver {driver['_id']}", [found, enrich_profile(driver)]
    for driver in sampled(drivers, EACH):
        yield f"driver {driver['_id']}", get_driver_by_id(context, driver["_id"])


def carriers_looked_up(records: Records) -> Answers:
    """Carriers by their DOT number."""
    context = context_of(records)
    for carrier in sampled(records.get_all("Carriers"), 4 * EACH):
        yield f"carrier {carrier['_id']}", get_carrier_by_dot(context, carrier["dot_number"])


def searches_of_drivers(records: Records) -> Answers:
    """The search itself, as its page calls it, for a sample of the drivers."""
    context = context_of(records)
    asked = [(f"search of driver {d['_id']}", preferences_of(d)) for d in sampled(records.get_all("DriverProfiles"))]
    for who, preferences in itertools.chain(asked, ((f"search {n}", a) for n, a in enumerate(SEARCHES))):
        yield who, answered(find_matching_carriers, context, ANYONE, preferences, True)


def statistics(records: Records) -> Answers:
    """What the admin's pages say of drivers and carriers."""
    context = context_of(records)
    yield "carriers by state", answered(get_state_distribution, context, ADMIN)
    yield "drivers' activity", answered(get_driver_activity_stats, context)


def carrier_statistics(records: Records) -> Answers:
    """What the admin's pages say of carriers and how they are enriched."""
    yield "carrier statistics", answered(get_carrier_stats, context_of(records), ADMIN)


def why_a_carrier_scores(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
    """The field of the carrier, or of the driver, behind a score that differs."""
    driver_id = call.rpartition(" ")[2]
    if "driver" not in call or not isinstance(difference.wix, str | int | float):
        return None
    for carrier in wix.get_all("Carriers"):
        other = airtable.get("Carriers", carrier["_id"])
        drivers = wix.get("DriverProfiles", driver_id), airtable.get("DriverProfiles", driver_id)
        if other is None or None in drivers:
            continue
        asked = [preferences_of(driver) for driver in drivers if driver is not None]
        said = trace(lambda c, p=asked[0]: calculate_match_score(p, c)["overallScore"], carrier, other) or trace(  # type: ignore[misc]
            lambda p, c=other: calculate_match_score(p, c)["overallScore"],  # type: ignore[misc]
            asked[0],
            asked[1],
            personal=lambda key: key == "homeZip",
        )
        if said:
            return f"carrier {carrier['_id']}: {said}"
    return None


def why_a_driver_scores(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
    """The field of the driver behind a score that differs."""
    catalog = wix.catalog.collection("DriverProfiles")
    dot = call.rpartition(" ")[2]
    found = wix.first("CarrierHiringPreferences", Query().eq("carrier_dot", dot).eq("is_active", True)) or {}
    for driver in wix.get_all("DriverProfiles"):
        other = airtable.get("DriverProfiles", driver["_id"])
        said = other and trace(
            lambda d: calculate_driver_match_score(d, found, now=NOW)["overallScore"],
            driver,
            other,
            personal=lambda key: key in catalog.by_key and catalog.by_key[key].personal,
        )
        if said:
            return f"driver {driver['_id']}: {said}"
    return None


def _number(score: float) -> float:
    return score if score == score else float("-inf")  # a score that is no number stands last


TESTS = (
    ParallelTest(
        3,
        "carriers ranked for every driver",
        ("Carriers", "DriverProfiles"),
        carriers_for_every_driver,
        either(why_a_carrier_scores, because("Carriers", "DriverProfiles")),
    ),
    ParallelTest(
        3,
        "carriers ranked for searches without a profile",
        ("Carriers",),
        carriers_for_every_search,
        because("Carriers"),
    ),
    ParallelTest(
        3,
        "drivers ranked for every carrier",
        ("Carriers", "DriverProfiles", "CarrierHiringPreferences"),
        drivers_for_every_carrier,
        either(why_a_driver_scores, because("Carriers", "DriverProfiles", "CarrierHiringPreferences")),
    ),
    ParallelTest(3, "profiles looked up", ("DriverProfiles",), profiles_looked_up, because("DriverProfiles")),
    ParallelTest(3, "carriers looked up", ("Carriers",), carriers_looked_up, because("Carriers")),
    ParallelTest(
        3,
        "admin statistics",
        ("Carriers", "DriverProfiles"),
        statistics,
        because("Carriers", "DriverProfiles"),
    ),
    # What a search shows beside the match comes with later phases.
    ParallelTest(
        5,
        "searches as drivers make them",
        SEARCHED,
        searches_of_drivers,
        either(why_a_carrier_scores, because(*SEARCHED)),
    ),
    ParallelTest(
        5,
        "carrier statistics",
        ("Carriers", "CarrierEnrichments"),
        carrier_statistics,
        because("Carriers", "CarrierEnrichments"),
    ),
)
