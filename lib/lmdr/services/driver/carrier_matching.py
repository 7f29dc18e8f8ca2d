"""A driver searches for carriers: the best matches with their enrichments, and the driver's actions on them.

`lmdr.matching.carriers` has the scores.
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
from runbook.query.query import MAX_LIMIT

CARRIERS_READ: Final = 500
MIN_SCORE: Final = 10
"""A match below this score is not shown."""
FREE, PREMIUM = "free", "premium"
MAX_MATCHES: Final = {FREE: 2, PREMIUM: 10}


@service
def find_matching_carriers(
    context: Context, caller: Caller, driver_prefs: Mapping[str, Any], is_premium_user: bool = False
) -> dict[str, Any]:
    """The best carriers for a driver, 10 for a premium user, else 2.

    `driver_prefs`: homeZip, maxDistance, minCPM, operationType, maxTurnover, maxTruckAge, fleetSize, driverName,
    customWeights; stored in the profile of a caller who is logged in.

    500 carriers are scored; of each legal name the best counts, none below 10. Gives {success, matches, totalScored,
    totalMatches, userTier, maxAllowed, cachedCount, needsEnrichmentCount, driverProfile, upsellMessage}; the best match
    first, ties in the order read. A match is the result of `calculate_match_score` with rationale, recruiterStats,
    needsEnrichment, and, where one of at most 14 days is cached, enrichment with fromCache and cacheAge (whole days).
    """
    profile = _store_search(context, caller, driver_prefs)
    tier = PREMIUM if is_premium_user else FREE
    result: dict[str, Any] = {
        "success": True,
        "matches": [],
        "totalScored": 0,
        "totalMatches": 0,
        "userTier": tier,
        "maxAllowed": MAX_MATCHES[tier],
        "cachedCount": 0,
        "needsEnrichmentCount": 0,
        "driverProfile": profile,
        "upsellMessage": None,
    }
    rows = context.records.query("Carriers", Query().limit(CARRIERS_READ)).items
    if not rows:
        return {**result, "message": "No carriers in database"}
    weights = driver_prefs.get("customWeights")
    scored = score_carriers(driver_prefs, map(normalize_carrier, rows), weights if js.truthy(weights) else None)
    ranked = _ranked(scored)
    shown = ranked[: MAX_MATCHES[tier]]
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
        result["upsellMessage"] = f"{more} more matches available! Upgrade to Premium to see them."
    return {
        **result,
        "matches": shown,
        "totalScored": len(scored),
        "totalMatches": len(ranked),
        "cachedCount": cached,
        "needsEnrichmentCount": len(shown) - cached,
    }


@service
def log_match_event(context: Context, caller: Caller, event: Mapping[str, Any]) -> dict[str, Any]:
    """Log a driver's action on a match: {success, method}.

    `event`: driverZip, driverName, carrierDOT, carrierName, matchScore, action. For a caller who is logged in it
    becomes an interest (method "driver_linked", see `log_carrier_interest`), else a row of MatchEvents (method
    "legacy").
    """
    if caller.logged_in:
        return {**log_carrier_interest(context, caller, event), "method": "driver_linked"}
    texts = {
        "driver_zip": event.get("driverZip"),
        "driver_name": js.or_(event.get("driverName"), "Anonymous"),
        "carrier_name": event.get("carrierName"),
        "action": event.get("action"),
    }
    context.records.insert(
        "MatchEvents",
        {
            **{key: js.to_string(value) for key, value in texts.items() if value is not None},
            "carrier_dot": dot_text(event.get("carrierDOT")),
            "match_score": js.or_(js.parse_int(event.get("matchScore")), 0),
            "timestamp": context.now(),
        },
    )
    return {"success": True, "method": "legacy"}


@service
def get_driver_saved_carriers(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's interests, the newest first, each with its carrier, None if deleted: {success, carriers}.

    carriers: [{interest, carrier}], both as their rows.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    interests = get_driver_interests(context, caller)["interests"]
    # By number, as in Carriers: the platform queries with the texts of the interests and finds none.
    numbers = {dot_number(interest.get("carrier_dot")) for interest in interests} - {None}
    rows = (
        context.records.query("Carriers", Query().has_some("dot_number", numbers).limit(MAX_LIMIT)) if numbers else ()
    )
    by_dot = {row["dot_number"]: row for row in rows}
    return {
        "success": True,
        "carriers": [
            {"interest": interest, "carrier": by_dot.get(dot_number(interest.get("carrier_dot")))}
            for interest in interests
        ],
    }


def _store_search(context: Context, caller: Caller, driver_prefs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Store the search in the caller's profile and give the page's view of it; None where that fails."""
    if not caller.logged_in:
        return None
    try:
        profile = update_driver_preferences(context, caller, driver_prefs)["profile"]
    except RunbookError:
        return None
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
        name = match["carrier"]["LEGAL_NAME"]
        if name not in best or match["overallScore"] > best[name]["overallScore"]:
            best[name] = match
    shown = [match for match in best.values() if match["overallScore"] >= MIN_SCORE]
    return sorted(shown, key=lambda match: match["overallScore"], reverse=True)


def _fresh_enrichments(context: Context, dots: list[str]) -> dict[str, Item]:
    """The cached enrichments of at most 14 days, by DOT number as text."""
    if not dots:
        return {}
    now = context.now()
    fresh = {}
    for row in context.records.query("CarrierEnrichments", Query().has_some("dot_number", dots)):
        age = freshness.age_in_days(row.get("enriched_date"), now)
        if age is not None and not freshness.is_sentiment_stale(row["enriched_date"], now):
            fresh[row["dot_number"]] = {**row, "fromCache": True, "cacheAge": js.round_half_up(age)}
    return fresh
