"""Phase 3: matching in both directions for every driver and every carrier, profile look-ups, admin statistics."""

from __future__ import annotations

import itertools

from lmdr.matching.carriers import calculate_match_score, normalize_carrier, score_carriers
from lmdr.matching.completeness import enrich_profile
from lmdr.matching.drivers import calculate_driver_match_score, score_drivers
from lmdr.parallel.calls import ADMIN, NOW, SMALL_SAMPLE, Responses, answer_of, context_of, parallel_test, sample_items
from lmdr.services.admin.carriers import get_carrier_stats, get_state_distribution
from lmdr.services.airtable_client import get_carrier_by_dot, get_driver_by_id, get_driver_by_wix_member_id
from lmdr.services.context import ANYONE
from lmdr.services.driver.carrier_matching import find_matching_carriers
from lmdr.services.driver.profiles import get_driver_activity_stats
from runbook.cutover import Difference, trace
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

SEARCHED = ("Carriers", "DriverProfiles", "CarrierEnrichments", "DriverCarrierInterests")
SEARCHES = [
    {"homeZip": home, "maxDistance": miles, "minCPM": cpm, "operationType": operation, "fleetSize": fleet}
    for home, miles in (("75201", 100), ("07001", 250), ("60601", 50), ("", 500))
    for cpm, operation, fleet in ((0.45, "any", "any"), (0.6, "OTR", "small"), (0.55, "Regional", "large"), (0, "", ""))
]
"""Searches of drivers without a profile; the page's defaults come first."""


def preferences_of(driver: Item) -> Item:
    """A profile's preferences as a search sends them."""
    keys = {
        "homeZip": "home_zip", "maxDistance": "max_commute_miles", "minCPM": "min_cpm",
        "operationType": "preferred_operation_type", "maxTurnover": "max_turnover_percent",
        "maxTruckAge": "max_truck_age_years", "fleetSize": "fleet_size_preference",
    }  # fmt: skip
    return {name: driver[key] for name, key in keys.items() if key in driver}


def _carriers_for(records: Records, searches: list[tuple[str, Item]]) -> Responses:
    carriers = records.get_all("Carriers")
    normalized = [normalize_carrier(carrier) for carrier in carriers]
    for who, preferences in searches:
        scored = zip(carriers, score_carriers(preferences, normalized), strict=True)
        ranked = sorted(scored, key=lambda pair: -_number(pair[1]["overallScore"]))
        yield who, [[c["_id"], s["overallScore"], s["scores"], s["inferredOpType"]] for c, s in ranked]


def carriers_for_every_driver(records: Records) -> Responses:
    """All carriers ranked for each driver by the profile's preferences."""
    drivers = records.get_all("DriverProfiles")
    return _carriers_for(records, [(f"carriers for driver {d['_id']}", preferences_of(d)) for d in drivers])


def carriers_for_every_search(records: Records) -> Responses:
    """All carriers ranked for searches without a profile."""
    return _carriers_for(records, [(f"carriers for search {n}", search) for n, search in enumerate(SEARCHES)])


def drivers_for_every_carrier(records: Records) -> Responses:
    """All drivers ranked for each carrier by its hiring preferences; one ranking for all without any."""
    drivers = records.get_all("DriverProfiles")
    newest: dict[str, Item] = {}
    for preferences in records.get_all("CarrierHiringPreferences", Query().eq("is_active", True)):
        newest.setdefault(preferences["carrier_dot"], preferences)
    numbers = sorted(str(carrier["dot_number"]) for carrier in records.get_all("Carriers"))
    yield "carriers without preferences", [n for n in numbers if n not in newest]
    for who, preferences in [("carriers without preferences: drivers", {}), *sorted(newest.items())]:
        scored = zip(drivers, score_drivers(drivers, preferences, now=NOW), strict=True)
        ranked = sorted(scored, key=lambda pair: -_number(pair[1]["overallScore"]))
        yield f"drivers for {who}", [[d["_id"], s["overallScore"], s.get("scores"), s.get("error")] for d, s in ranked]


def profiles_looked_up(records: Records) -> Responses:
    """Every driver by member, with its completeness; a sample by id too."""
    context = context_of(records)
    drivers = records.get_all("DriverProfiles")
    for driver in drivers:
        profile = get_driver_by_wix_member_id(context, driver["_owner"])
        yield f"driver {driver['_id']}", [profile, enrich_profile(driver)]
    for driver in sample_items(drivers, SMALL_SAMPLE):
        yield f"driver {driver['_id']}", get_driver_by_id(context, driver["_id"])


def carriers_looked_up(records: Records) -> Responses:
    """A sample of carriers by DOT number."""
    context = context_of(records)
    for carrier in sample_items(records.get_all("Carriers"), 4 * SMALL_SAMPLE):
        yield f"carrier {carrier['_id']}", get_carrier_by_dot(context, carrier["dot_number"])


def searches_of_drivers(records: Records) -> Responses:
    """Complete searches, as the page sends them, for a sample of the drivers and for `SEARCHES`."""
    context, drivers = context_of(records), sample_items(records.get_all("DriverProfiles"))
    searches = itertools.chain(
        ((f"search of driver {driver['_id']}", preferences_of(driver)) for driver in drivers),
        ((f"search {n}", search) for n, search in enumerate(SEARCHES)),
    )
    for name, preferences in searches:
        yield name, answer_of(find_matching_carriers, context, ANYONE, preferences, True)


def statistics(records: Records) -> Responses:
    """Statistics of drivers and carriers on the admins' pages."""
    context = context_of(records)
    yield "carriers by state", answer_of(get_state_distribution, context, ADMIN)
    yield "drivers' activity", answer_of(get_driver_activity_stats, context)


def carrier_statistics(records: Records) -> Responses:
    """Statistics of carriers and their enrichments on the admins' pages."""
    yield "carrier statistics", answer_of(get_carrier_stats, context_of(records), ADMIN)


def why_a_carrier_scores(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
    """The field of the carrier, or of the driver, that causes a different score."""
    driver_id = call.rpartition(" ")[2]
    if "driver" not in call or not isinstance(difference.wix, str | int | float):
        return None
    for carrier in wix.get_all("Carriers"):
        other = airtable.get("Carriers", carrier["_id"])
        drivers = wix.get("DriverProfiles", driver_id), airtable.get("DriverProfiles", driver_id)
        if other is None or None in drivers:
            continue
        on_wix, on_airtable = (preferences_of(driver or {}) for driver in drivers)
        by_carrier = trace(lambda c, p=on_wix: calculate_match_score(p, c)["overallScore"], carrier, other)  # type: ignore[misc]
        cause = by_carrier or trace(
            lambda p, c=other: calculate_match_score(p, c)["overallScore"],  # type: ignore[misc]
            on_wix,
            on_airtable,
            personal=lambda key: key == "homeZip",
        )
        if cause:
            return f"carrier {carrier['_id']}: {cause}"
    return None


def why_a_driver_scores(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
    """The field of the driver that causes a different score."""
    catalog = wix.catalog.collection("DriverProfiles")
    dot = call.rpartition(" ")[2]
    preferences = wix.first("CarrierHiringPreferences", Query().eq("carrier_dot", dot).eq("is_active", True)) or {}
    for driver in wix.get_all("DriverProfiles"):
        other = airtable.get("DriverProfiles", driver["_id"])
        cause = other and trace(
            lambda d: calculate_driver_match_score(d, preferences, now=NOW)["overallScore"],
            driver,
            other,
            personal=lambda key: key in catalog.by_key and catalog.by_key[key].personal,
        )
        if cause:
            return f"driver {driver['_id']}: {cause}"
    return None


def _number(score: float) -> float:
    return score if score == score else float("-inf")  # NaN comes last


TESTS = (
    parallel_test(
        3,
        "carriers ranked for every driver",
        ("Carriers", "DriverProfiles"),
        carriers_for_every_driver,
        why_a_carrier_scores,
    ),
    parallel_test(3, "carriers ranked for searches without a profile", ("Carriers",), carriers_for_every_search),
    parallel_test(
        3,
        "drivers ranked for every carrier",
        ("Carriers", "DriverProfiles", "CarrierHiringPreferences"),
        drivers_for_every_carrier,
        why_a_driver_scores,
    ),
    parallel_test(3, "profiles looked up", ("DriverProfiles",), profiles_looked_up),
    parallel_test(3, "carriers looked up", ("Carriers",), carriers_looked_up),
    parallel_test(3, "admin statistics", ("Carriers", "DriverProfiles"), statistics),
    # These also read collections of later phases.
    parallel_test(5, "searches as drivers make them", SEARCHED, searches_of_drivers, why_a_carrier_scores),
    parallel_test(5, "carrier statistics", ("Carriers", "CarrierEnrichments"), carrier_statistics),
)
