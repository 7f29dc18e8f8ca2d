"""A driver's own profile: what it looks for, its documents and qualifications, the carriers it is interested in.

A member has one profile, found by `_owner`. A function that writes makes it first where there is none. A profile is
given with its score and what follows from that (see `lmdr.matching.completeness`). Refusals are {"success": False,
"error"}.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from lmdr import js
from lmdr.matching.completeness import COMPLETE
from lmdr.matching.completeness import calculate_completeness as calculate_completeness  # asked for under this name
from lmdr.matching.completeness import enrich_profile as enrich_profile
from lmdr.services.access import NOT_LOGGED_IN, own_profile
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.driver.application_form import day_of, document_urls
from lmdr.services.driver.uploads import UploadFailed
from lmdr.services.interests import interest_between
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query

INCOMPLETE: Final = 30
"""Points from which on a search makes a profile "incomplete"; from 80 on it is "active"."""
_NEW: Final = {
    "max_commute_miles": 50,
    "min_cpm": 0.5,
    "preferred_operation_type": "no_preference",
    "max_turnover_percent": 90,
    "max_truck_age_years": 5,
    "fleet_size_preference": "no_preference",
    "years_experience": None,
    "clean_mvr": None,
    "accidents_last_3_years": None,
    "violations_last_3_years": None,
    "cdl_class": "",
    "endorsements": [],
    "total_searches": 0,
    "is_discoverable": False,
    "profile_status": "incomplete",
}
_PREFERRED_TEXTS: Final = {
    "driverName": "display_name",
    "homeZip": "home_zip",
    "operationType": "preferred_operation_type",
    "fleetSize": "fleet_size_preference",
}
_PREFERRED_NUMBERS: Final = {
    "maxDistance": "max_commute_miles",
    "minCPM": "min_cpm",
    "maxTurnover": "max_turnover_percent",
    "maxTruckAge": "max_truck_age_years",
}
_KEPT_BUT_FOR_NULL: Final = ("years_experience", "clean_mvr", "accidents_last_3_years", "violations_last_3_years")
_KEPT_BUT_FOR_FALSY: Final = ("cdl_class", "endorsements")
_READABLE: Final = {"cdlFront": "cdl_front_url", "medCard": "med_card_url"}


class ReadDocument(Protocol):
    """`context.providers["ocr"]`: reads a document."""

    def __call__(self, document: str, url: str) -> Mapping[str, Any]:
        """What it could read of a "cdlFront" or a "medCard", of cdl_class, endorsements and expiration_date."""


@service
def get_or_create_driver_profile(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's profile, made where there is none: {success, profile, isNew}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile, is_new = _found_or_made(context, caller)
    return {"success": True, "profile": enrich_profile(profile), "isNew": is_new}


@service
def get_profile_by_id(context: Context, profile_id: str) -> dict[str, Any]:
    """Any driver's profile, by `_id`: {success, profile}."""
    profile = context.records.get("DriverProfiles", profile_id) if profile_id else None
    return {"success": True, "profile": enrich_profile(profile)} if profile else refused("Profile not found")


@service
def update_driver_preferences(context: Context, caller: Caller, preferences: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the caller searched for, and count the search: {success, profile}.

    `preferences`: homeZip, maxDistance, minCPM, operationType, maxTurnover, maxTruckAge, fleetSize, driverName; one
    that is absent, empty or 0 leaves the profile as it was.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile, _ = _found_or_made(context, caller)
    changes: Item = {}
    for name, key in _PREFERRED_TEXTS.items():
        if isinstance(value := preferences.get(name), str | int | float) and js.truthy(value):
            changes[key] = js.to_string(value)
    for name, key in _PREFERRED_NUMBERS.items():
        # A form's "250" is the number that the field holds.
        if js.truthy(number := js.parse_float(preferences.get(name))):
            changes[key] = number
    changes["total_searches"] = js.or_(profile.get("total_searches"), 0) + 1
    changes["last_search_date"] = context.now()
    return _stored(context, profile, changes, searched=True)


@service
def update_driver_documents(context: Context, caller: Caller, documents: Mapping[str, Any]) -> dict[str, Any]:
    """Keep documents, and what can be read of them: {success, profile}.

    `documents`: cdlFront, cdlBack, medCard, resume; each a URL, or {data, name, type} to keep through the provider
    `uploads`. Where there is a provider `ocr`, the class, the endorsements and the expiry are filled in from them; a
    document that it cannot read is kept all the same.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    try:
        kept = document_urls(context, documents)
    except UploadFailed as failed:
        return refused(str(failed))
    profile, _ = _found_or_made(context, caller)
    changes: Item = {**kept}
    for document, key in _READABLE.items():
        if key in kept:
            changes |= _read(context, document, kept[key])
    return _stored(context, profile, changes)


@service
def update_driver_qualifications(context: Context, caller: Caller, qualifications: Mapping[str, Any]) -> dict[str, Any]:
    """Change what the caller can do, by the profile's own keys: {success, profile}.

    years_experience, clean_mvr, accidents_last_3_years and violations_last_3_years change unless null; cdl_class and
    endorsements unless empty.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile, _ = _found_or_made(context, caller)
    changes = _given(**{key: qualifications.get(key) for key in _KEPT_BUT_FOR_NULL})
    changes |= {key: value for key in _KEPT_BUT_FOR_FALSY if js.truthy(value := qualifications.get(key))}
    return _stored(context, profile, changes)


@service
def set_discoverability(context: Context, caller: Caller, is_discoverable: bool) -> dict[str, Any]:
    """Let carriers find the caller, or no more: {success, profile}. Below 50 points nobody is found all the same."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile, _ = _found_or_made(context, caller)
    return _stored(context, profile, {"is_discoverable": is_discoverable})


@service
def log_carrier_interest(context: Context, caller: Caller, interest: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the caller did about a carrier: {success, interestId, isNew}. One row a driver and carrier.

    `interest`: carrierDOT, carrierName, matchScore (0 where it is no number), action. A row that is there already
    gets the score, the action and the moment; its status is left alone, and a new one has none.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    dot = dot_text(interest.get("carrierDOT"))
    if not dot:
        return refused("Carrier DOT is required")
    profile, _ = _found_or_made(context, caller)
    score = js.or_(js.parse_float(interest.get("matchScore")), 0)
    done = {"match_score": score, "action_timestamp": context.now(), **_given(action=interest.get("action"))}
    row = interest_between(context, profile["_id"], dot)
    if row is not None:
        context.records.patch("DriverCarrierInterests", row["_id"], done)
        return {"success": True, "interestId": row["_id"], "isNew": False}
    row = context.records.insert(
        "DriverCarrierInterests",
        {
            "_owner": caller.member_id,
            "driver_id": profile["_id"],
            "carrier_dot": dot,
            **_given(carrier_name=interest.get("carrierName"), driver_zip_at_match=profile.get("home_zip")),
            **done,
        },
    )
    return {"success": True, "interestId": row["_id"], "isNew": True}


@service
def get_driver_interests(context: Context, caller: Caller) -> dict[str, Any]:
    """What the caller did about carriers, the last first, 100 at the most: {success, interests}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile = own_profile(context, caller)
    if profile is None:
        return {"success": True, "interests": []}
    newest = Query().eq("driver_id", profile["_id"]).descending("action_timestamp").limit(100)
    return {"success": True, "interests": context.records.query("DriverCarrierInterests", newest).items}


@service
def remove_carrier_interest(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Forget the caller's interest in a carrier, an application too: {success}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile = own_profile(context, caller)
    row = interest_between(context, profile["_id"], carrier_dot) if profile else None
    if row is None:
        return refused("Interest not found")
    context.records.remove("DriverCarrierInterests", row["_id"])
    return {"success": True}


@service
def get_carrier_interest_stats(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """How many drivers are interested in a carrier: {success, stats}.

    stats: total, last30Days, last7Days, averageMatchScore (whole), topZipPrefixes (the five most frequent beginnings,
    of three characters, of the drivers' ZIP codes: [{prefix, count}]).
    """
    rows = context.records.get_all("DriverCarrierInterests", Query().eq("carrier_dot", dot_text(carrier_dot)))
    moments = [row["action_timestamp"] for row in rows if row.get("action_timestamp")]
    zips = Counter(row["driver_zip_at_match"][:3] for row in rows if row.get("driver_zip_at_match"))
    stats = {
        "total": len(rows),
        "last30Days": _since(context, moments, 30),
        "last7Days": _since(context, moments, 7),
        "averageMatchScore": _mean(rows, "match_score"),
        "topZipPrefixes": [{"prefix": prefix, "count": count} for prefix, count in zips.most_common(5)],
    }
    return {"success": True, "stats": stats}


@service
def get_driver_activity_stats(context: Context) -> dict[str, Any]:
    """How drivers use the platform: {success, stats}, of the 50 newest profiles, as the platform's page shows it.

    stats: totalProfiles, last30Days and last7Days (searched since), discoverable, complete (80 points or more),
    averageCompleteness and averageSearches (whole numbers), byStatus.
    """
    profiles = context.records.query("DriverProfiles").items
    searches = [row["last_search_date"] for row in profiles if row.get("last_search_date")]
    stats = {
        "totalProfiles": len(profiles),
        "last30Days": _since(context, searches, 30),
        "last7Days": _since(context, searches, 7),
        "discoverable": sum(js.truthy(row.get("is_discoverable")) for row in profiles),
        "complete": sum(js.or_(row.get("profile_completeness_score"), 0) >= COMPLETE for row in profiles),
        "averageCompleteness": _mean(profiles, "profile_completeness_score"),
        "averageSearches": _mean(profiles, "total_searches"),
        "byStatus": dict(Counter(js.or_(row.get("profile_status"), "unknown") for row in profiles)),
    }
    return {"success": True, "stats": stats}


def _found_or_made(context: Context, caller: Caller) -> tuple[Item, bool]:
    profile = own_profile(context, caller)
    if profile is not None:
        return profile, False
    now = context.now()
    # The id follows from the member, so that two pages which open at once do not make two profiles.
    profile_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"DriverProfiles/{caller.member_id}"))
    new: Item = {"_id": profile_id, "_owner": caller.member_id, **_NEW, "created_date": now, "updated_date": now}
    if caller.email:
        new["email"] = caller.email
    new["profile_completeness_score"] = calculate_completeness(new)
    try:
        return context.records.insert("DriverProfiles", new), True
    except ItemExists:
        made = context.records.get("DriverProfiles", profile_id, consistent=True)
        if made is None:
            raise
        return made, False


def _stored(context: Context, profile: Item, changes: Item, *, searched: bool = False) -> dict[str, Any]:
    points = calculate_completeness({**profile, **changes})
    changes = {**changes, "profile_completeness_score": points, "updated_date": context.now()}
    if points >= COMPLETE:
        changes["profile_status"] = "active"
    elif searched and points >= INCOMPLETE:
        changes["profile_status"] = "incomplete"
    return {
        "success": True,
        "profile": enrich_profile(context.records.patch("DriverProfiles", profile["_id"], changes)),
    }


def _read(context: Context, document: str, url: str) -> Item:
    """The profile's keys for what a document says; none where it cannot be read."""
    read: ReadDocument | None = context.providers.get("ocr")
    if read is None:
        return {}
    try:
        told = read(document, url)
    except Exception:  # noqa: BLE001 - a provider's failure is no reason to refuse a document
        return {}
    day = day_of(told.get("expiration_date"))
    if document == "medCard":
        return {"med_card_expiration": day} if day else {}
    # Not cdl_expiration_date, which the platform writes here and nothing reads.
    found = {"cdl_class": told.get("cdl_class"), "endorsements": told.get("endorsements"), "cdl_expiration": day}
    return {key: value for key, value in found.items() if value}


def _given(**fields: Any) -> Item:
    return {key: value for key, value in fields.items() if value is not None}


def _since(context: Context, moments: Iterable[datetime], days: int) -> int:
    begin = context.now() - timedelta(days=days)
    return sum(moment >= begin for moment in moments)


def _mean(rows: Sequence[Item], key: str) -> js.Number:
    """The mean of a key, rounded; a row without it counts as 0."""
    # Of a number kept as text the platform makes a longer text: the number is meant.
    numbers = (js.or_(js.parse_float(row.get(key)), 0) for row in rows)
    return js.round_half_up(js.total(numbers) / len(rows)) if rows else 0
