"""A driver's own profile: preferences, documents, qualifications, and interests in carriers.

A member has one profile, found by `_owner`; functions that write create it where it is missing. A profile is given with
its score and what follows from it (see `lmdr.matching.completeness`). Refusals are {"success": False, "error"}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from lmdr import js
from lmdr.matching.completeness import COMPLETE
from lmdr.matching.completeness import (
    calculate_completeness as calculate_completeness,  # part of this module's interface
)
from lmdr.matching.completeness import enrich_profile as enrich_profile
from lmdr.services.access import NOT_LOGGED_IN, own_profile
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.driver.application_form import day_of, document_urls
from lmdr.services.driver.uploads import UploadFailed
from lmdr.services.interests import add_or_change_interest, interest_between
from lmdr.services.unique_rows import insert_or_change
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.results import Once

INCOMPLETE: Final = 30
"""Minimum points for a search to make a profile "incomplete"; from 80 points it is "active"."""
_DEFAULTS: Final = {
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
_SET_UNLESS_NULL: Final = ("years_experience", "clean_mvr", "accidents_last_3_years", "violations_last_3_years")
_SET_UNLESS_FALSY: Final = ("cdl_class", "endorsements")
_READABLE: Final = {"cdlFront": "cdl_front_url", "medCard": "med_card_url"}


class ReadDocument(Protocol):
    """`context.providers["ocr"]`: reads documents."""

    def __call__(self, document: str, url: str) -> Mapping[str, Any]:
        """The readable fields of a "cdlFront" or "medCard": cdl_class, endorsements, expiration_date."""


@service
def get_or_create_driver_profile(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's profile, created if missing: {success, profile, isNew}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile, is_new = _get_or_create(context, caller)
    return {"success": True, "profile": enrich_profile(profile), "isNew": is_new}


@service
def get_profile_by_id(context: Context, profile_id: str) -> dict[str, Any]:
    """Any driver's profile, by `_id`: {success, profile}."""
    profile = context.records.get("DriverProfiles", profile_id) if profile_id else None
    return {"success": True, "profile": enrich_profile(profile)} if profile else refused("Profile not found")


@service
def update_driver_preferences(context: Context, caller: Caller, preferences: Mapping[str, Any]) -> dict[str, Any]:
    """Store the caller's search preferences, and count the search: {success, profile}.

    `preferences`: homeZip, maxDistance, minCPM, operationType, maxTurnover, maxTruckAge, fleetSize, driverName; absent
    and empty ones and 0 are ignored.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    changes: Item = {}
    for name, key in _PREFERRED_TEXTS.items():
        if isinstance(value := preferences.get(name), str | int | float) and js.truthy(value):
            changes[key] = js.to_string(value)
    for name, key in _PREFERRED_NUMBERS.items():
        # A form sends the text "250"; the field holds a number.
        if js.truthy(number := js.parse_float(preferences.get(name))):
            changes[key] = number
    changes["last_search_date"] = context.now()

    def searched(profile: Item) -> Item:
        return {**changes, "total_searches": js.or_(profile.get("total_searches"), 0) + 1}

    return _store(context, caller, searched, is_search=True)


@service
def update_driver_documents(context: Context, caller: Caller, documents: Mapping[str, Any]) -> dict[str, Any]:
    """Store documents, and the fields that can be read from them: {success, profile}.

    `documents`: cdlFront, cdlBack, medCard, resume; each a URL, or {data, name, type} to upload through the provider
    `uploads`. The provider `ocr`, if any, reads class, endorsements and expiry; an unreadable document is stored too.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    try:
        urls = document_urls(context, documents)
    except UploadFailed as failed:
        return refused(str(failed))
    changes: Item = {**urls}
    for document, key in _READABLE.items():
        if key in urls:
            changes |= _read(context, document, urls[key])
    return _store(context, caller, lambda profile: changes)


@service
def update_driver_qualifications(context: Context, caller: Caller, qualifications: Mapping[str, Any]) -> dict[str, Any]:
    """Change the caller's qualifications, by the profile's keys: {success, profile}.

    years_experience, clean_mvr, accidents_last_3_years and violations_last_3_years change unless null; cdl_class and
    endorsements unless empty.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    changes = _not_null(**{key: qualifications.get(key) for key in _SET_UNLESS_NULL})
    changes |= {key: value for key in _SET_UNLESS_FALSY if js.truthy(value := qualifications.get(key))}
    return _store(context, caller, lambda profile: changes)


@service
def set_discoverability(context: Context, caller: Caller, is_discoverable: bool) -> dict[str, Any]:
    """Set whether carriers can find the caller, which also needs 50 points: {success, profile}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    return _store(context, caller, lambda profile: {"is_discoverable": is_discoverable})


@service
def log_carrier_interest(context: Context, caller: Caller, interest: Mapping[str, Any]) -> dict[str, Any]:
    """Log the caller's action on a carrier: {success, interestId, isNew}. One row for each driver and carrier.

    `interest`: carrierDOT, carrierName, matchScore (0 where not a number), action. An existing row gets the score, the
    action and the timestamp; its status is unchanged, and a new row has none.
    """
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    dot = dot_text(interest.get("carrierDOT"))
    if not dot:
        return refused("Carrier DOT is required")
    profile, _ = _get_or_create(context, caller)
    score = js.or_(js.parse_float(interest.get("matchScore")), 0)
    changes = {"match_score": score, "action_timestamp": context.now(), **_not_null(action=interest.get("action"))}
    new = {
        "_owner": caller.member_id,
        **_not_null(carrier_name=interest.get("carrierName"), driver_zip_at_match=profile.get("home_zip")),
        **changes,
    }
    row, is_new = add_or_change_interest(context, profile["_id"], dot, new, changes)
    return {"success": True, "interestId": row["_id"], "isNew": is_new}


@service
def get_driver_interests(context: Context, caller: Caller) -> dict[str, Any]:
    """The caller's interests, the newest first, at most 100: {success, interests}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile = own_profile(context, caller)
    if profile is None:
        return {"success": True, "interests": []}
    newest = Query().eq("driver_id", profile["_id"]).descending("action_timestamp").limit(100)
    return {"success": True, "interests": context.records.query("DriverCarrierInterests", newest).items}


@service
def remove_carrier_interest(context: Context, caller: Caller, carrier_dot: Any) -> dict[str, Any]:
    """Delete the caller's interest in a carrier, or application: {success}."""
    if not caller.logged_in:
        return refused(NOT_LOGGED_IN)
    profile = own_profile(context, caller)
    row = interest_between(context, profile["_id"], carrier_dot) if profile else None
    if row is None:
        return refused("Interest not found")
    try:
        context.records.remove("DriverCarrierInterests", row["_id"])
    except NoSuchItem:
        return refused("Interest not found")
    return {"success": True}


@service
def get_carrier_interest_stats(context: Context, carrier_dot: Any) -> dict[str, Any]:
    """Statistics of the drivers interested in a carrier: {success, stats}.

    stats: total, last30Days, last7Days, averageMatchScore (rounded), topZipPrefixes (the five most frequent
    three-character prefixes of the drivers' ZIP codes: [{prefix, count}]).
    """
    rows = context.records.get_all("DriverCarrierInterests", Query().eq("carrier_dot", dot_text(carrier_dot)))
    actions = [row["action_timestamp"] for row in rows if row.get("action_timestamp")]
    zips = Counter(row["driver_zip_at_match"][:3] for row in rows if row.get("driver_zip_at_match"))
    stats = {
        "total": len(rows),
        "last30Days": _since(context, actions, 30),
        "last7Days": _since(context, actions, 7),
        "averageMatchScore": _mean(rows, "match_score"),
        "topZipPrefixes": [{"prefix": prefix, "count": count} for prefix, count in zips.most_common(5)],
    }
    return {"success": True, "stats": stats}


@service
def get_driver_activity_stats(context: Context) -> dict[str, Any]:
    """Statistics of the 50 newest profiles, as on the platform's page: {success, stats}.

    stats: totalProfiles, last30Days and last7Days (searched since), discoverable, complete (80 points or more),
    averageCompleteness and averageSearches (rounded), byStatus.
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


def _get_or_create(context: Context, caller: Caller) -> Once:
    profile = own_profile(context, caller)
    if profile is not None:
        return Once(profile, False)
    new = _new(context, caller)
    new["profile_completeness_score"] = calculate_completeness(new)
    return context.records.insert_once("DriverProfiles", {"_owner": caller.member_id}, new)


def _new(context: Context, caller: Caller) -> Item:
    now = context.now()
    new: Item = {"_owner": caller.member_id, **_DEFAULTS, "created_date": now, "updated_date": now}
    return {**new, "email": caller.email} if caller.email else new


def _store(
    context: Context, caller: Caller, change: Callable[[Item], Item], *, is_search: bool = False
) -> dict[str, Any]:
    """Change the caller's profile, created if missing, and the score that follows from it."""
    now = context.now()

    def scored(profile: Item) -> Item:
        changes = change(profile)
        points = calculate_completeness({**profile, **changes})
        changes = {**changes, "profile_completeness_score": points, "updated_date": now}
        if points >= COMPLETE:
            changes["profile_status"] = "active"
        elif is_search and points >= INCOMPLETE:
            changes["profile_status"] = "incomplete"
        return changes

    new = _new(context, caller)
    key = {"_owner": caller.member_id}
    profile, _ = insert_or_change(context, "DriverProfiles", key, {**new, **scored(new)}, scored)
    return {"success": True, "profile": enrich_profile(profile)}


def _read(context: Context, document: str, url: str) -> Item:
    """The profile's keys that are read from a document; {} where it is unreadable."""
    read: ReadDocument | None = context.providers.get("ocr")
    if read is None:
        return {}
    try:
        fields = read(document, url)
    except Exception:  # noqa: BLE001 - on a provider's error the document is stored all the same
        return {}
    day = day_of(fields.get("expiration_date"))
    if document == "medCard":
        return {"med_card_expiration": day} if day else {}
    # The platform writes cdl_expiration_date here, which nothing reads.
    keys = {"cdl_class": fields.get("cdl_class"), "endorsements": fields.get("endorsements"), "cdl_expiration": day}
    return {key: value for key, value in keys.items() if value}


def _not_null(**fields: Any) -> Item:
    return {key: value for key, value in fields.items() if value is not None}


def _since(context: Context, timestamps: Iterable[datetime], days: int) -> int:
    start = context.now() - timedelta(days=days)
    return sum(timestamp >= start for timestamp in timestamps)


def _mean(rows: Sequence[Item], key: str) -> js.Number:
    """The mean of a key, rounded; a row without it counts as 0."""
    # The platform concatenates numbers stored as text; their sum is intended.
    numbers = (js.or_(js.parse_float(row.get(key)), 0) for row in rows)
    return js.round_half_up(js.total(numbers) / len(rows)) if rows else 0
