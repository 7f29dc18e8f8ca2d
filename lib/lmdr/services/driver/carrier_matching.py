"""A driver looks for carriers: the best matches, with what is known about each, and what the driver does about them.

Scores are `lmdr.matching.carriers`'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lmdr import freshness, js
from lmdr.matching.carriers import match_rationale, normalize_carrier, score_carriers
from lmdr.services.access import NOT_LOGGED_IN
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_number, dot_text
from lmdr.services.driver.profiles import get_driver_interests, log_carrier_interest, update_driver_preferences
from lmdr.services.recruiter.stats import get_all_recruiter_stats
from runbook.errors import RunbookError
from runbook.json_types import Item
from runbook.query import Query
from runbook.query.query import MOST

CARRIERS_READ: Final = 500
LEAST: Final = 10
"""A match below this score is not shown."""
FREE, PREMIUM = "free", "premium"
MATCHES: Final = {FREE: 2, PREMIUM: 10}


@service
def find_matching_carriers(
    context: Context, caller: Caller, driver_prefs: Mapping[str, Any], is_premium_user: bool = False
) -> dict[str, Any]:
    """The carriers that fit a driver best, 10 for one who pays, 2 for any other.

    `driver_prefs`: homeZip, maxDistance, minCPM, operationType, maxTurnover, maxTruckAge, fleetSize, driverName,
    customWeights; they are kept in the profile of a caller who is logged in.

    500 carriers are scored, one a legal name (its best, of equals the first), none below 10. Gives {success, matches,
    totalScored, totalMatches, userTier, maxAllowed, cachedCount, needsEnrichmentCount, driverProfile, upsellMessage};
    the best match first, of equals the first that was read. A match is what `calculate_match_score` gives with
    rationale, recruiterStats, needsEnrichment, and, where one is known that is 14 days old at the most, enrichment
    with fromCache and cacheAge (whole days).
    """
    profile = _searched(context, caller, driver_prefs)
    tier = PREMIUM if is_premium_user else FREE
    found: dict[str, Any] = {
        "success": True,
        "matches": [],
        "totalScored": 0,
        "totalMatches": 0,
        "userTier": tier,
        "maxAllowed": MATCHES[tier],
        "cachedCount": 0,
        "needsEnrichmentCount": 0,
        "driverProfile": profile,
        "upsellMessage": None,
    }
    rows = context.records.query("Carriers", Query().limit(CARRIERS_READ)).items
    if not rows:
        return {**found, "message": "No carriers in database"}
    weights = driver_prefs.get("customWeights")
    scored = score_carriers(driver_prefs, map(normalize_carrier, rows), weights if js.truthy(weights) else None)
    ranked = _ranked(scored)
    shown = ranked[: MATCHES[tier]]
    dots = [dot_text(match["carrier"]["DOT_NUMBER"]) for match in shown]
    enrichments, stats = _fresh_enrichments(context, dots), get_all_recruiter_stats(context, dots)
    for match, dot in zip(shown, dots, strict=True):
        match["rationale"] = match_rationale(match["scores"], match["carrier"])
        match["recruiterStats"] = stats[dot]
        match["needsEnrichment"] = dot not in enrichments
        if dot in enrichments:
            match["enrichment"] = enrichments[dot]
    cached = sum("enrichment" in match for match in shown)
    more = len(ranked) - len(shown)
    if tier == FREE and more > 0:
        found["upsellMessage"] = f"{more} more matches available! Upgrade to Premium to see them."
    return {
        **found,
        "matches": shown,
        "totalScored": len(scored),
        "totalMatches": len(ranked),
        "cachedCount": cached,
        "needsEnrichmentCount": len(shown) - cached,
    }


@service
def log_match_event(context: Context, caller: Caller, event: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a driver did about a match: {success, method}.

    `event`: driverZip, driverName, carrierDOT, carrierName, matchScore, action. Of a caller who is logged in it
    becomes an interest (method "driver_linked", see `log_carrier_interest`), of any other a row of MatchEvents
    (method "legacy").
    """
    if caller.logged_in:
        return {**log_carrier_interest(context, caller, event), "method": "driver_linked"}
    told = {
        "driver_zip": event.get("driverZip"),
        "driver_name": js.or_(event.get("driverName"), "Anonymous"),
        "carrier_name": event.get("carrierName"),
        "action": event.get("action"),
    }
    context.records.insert(
        "MatchEvents",
        {
            **{key: js.to_string(value) for key, value in told.items() if value is not None},
            "carrier_dot": dot_text(event.get("carrierDOT")),
            "match_score": js.or_(js.parse_int(event.get("matchScore")), 0),
            "timestamp": context.now(),
        },
    )
    return {"success": True, "method": "legacy"}


@service
def get_driver_saved_carriers(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's interests, the last first, each with its carrier, None where that is gone: {success, carriers}.

    carriers: [{interest, carrier}], both as their rows.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    interests = get_driver_interests(context, caller)["interests"]
    # As numbers, as Carriers has them: the platform asks with the interests' texts, and finds none.
    numbers = {dot_number(interest.get("carrier_dot")) for interest in interests} - {None}
    rows = context.records.query("Carriers", Query().has_some("dot_number", numbers).limit(MOST)) if numbers else ()
    by_dot = {row["dot_number"]: row for row in rows}
    return {
        "success": True,
        "carriers": [
            {"interest": interest, "carrier": by_dot.get(dot_number(interest.get("carrier_dot")))}
            for interest in interests
        ],
    }


def _searched(context: Context, caller: Caller, driver_prefs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keep the search in the caller's profile, and give what pages show of that; a search does not fail with it."""
    if not caller.logged_in:
        return None
    try:
        kept = update_driver_preferences(context, caller, driver_prefs)
    except RunbookError:
        return None
    profile = kept["profile"]
    return {
        "id": profile["_id"],
        "displayName": profile.get("display_name"),
        "completenessScore": profile["profile_completeness_score"],
        "isComplete": profile["is_complete"],
        "missingFields": profile["missing_fields"],
        "totalSearches": profile["total_searches"],
    }


def _ranked(scored: Iterable[Item]) -> list[Item]:
    best: dict[Any, Item] = {}
    for match in scored:
        rival = best.get(match["carrier"]["LEGAL_NAME"])
        if rival is None or match["overallScore"] > rival["overallScore"]:
            best[match["carrier"]["LEGAL_NAME"]] = match
    good = [match for match in best.values() if match["overallScore"] >= LEAST]
    return sorted(good, key=lambda match: match["overallScore"], reverse=True)


def _fresh_enrichments(context: Context, dots: list[str]) -> dict[str, Item]:
    """What was found out about carriers not too long ago, by DOT number as text."""
    if not dots:
        return {}
    now = context.now()
    found = {}
    for row in context.records.query("CarrierEnrichments", Query().has_some("dot_number", dots)):
        age = freshness.age_in_days(row.get("enriched_date"), now)
        if age is not None and not freshness.is_sentiment_stale(row["enriched_date"], now):
            found[row["dot_number"]] = {**row, "fromCache": True, "cacheAge": js.round_half_up(age)}
    return found
