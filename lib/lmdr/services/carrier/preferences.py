"""A carrier's hiring preferences, and the weights of the components of a driver's score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lmdr import js
from lmdr.matching.driver_weights import WEIGHTS
from lmdr.services.access import refusal
from lmdr.services.context import Caller, Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.unique_rows import insert_or_change
from runbook.errors import NoSuchItem
from runbook.json_types import MISSING, Item
from runbook.query import Query

NOT_FOUND = "Preferences not found"
CDL_TYPES = ("A", "B", "C")
URGENCIES = ("immediate", "30_day", "ongoing")
LISTS = ("target_zip_codes", "target_states", "route_types", "equipment_types", "required_endorsements")
NON_NEGATIVE = ("min_experience_years", "max_experience_years", "positions_open")
PAYS = ("offered_pay_min", "offered_pay_max")
KEYS = ("required_cdl_types", "target_radius_miles", "urgency", *LISTS, *NON_NEGATIVE, *PAYS)
"""The keys that a recruiter may set."""


def validate_preferences_data(data: Mapping[str, Any], is_update: bool = False) -> dict[str, Any]:
    """The rules that preferences violate: {isValid, errors}, in the order of the form; callers show the first.

    New ones need carrier_dot, required_cdl_types (of A, B, C) and target_radius_miles (above 0); in an update these are
    checked where present. Every other key is checked where it is present and not null.
    """
    errors = [*_errors(data, is_update)]
    return {"isValid": not errors, "errors": errors}


@service
def create_hiring_preferences(context: Context, caller: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Add preferences for a carrier that the caller may act for: {success, preferences} or {success: False, error}."""
    if errors := validate_preferences_data(data)["errors"]:
        return refused(errors[0])
    # The platform checks RecruiterCarrierAccess, which is always empty, and so admits nobody.
    if denied := refusal(context, caller, data["carrier_dot"]):
        return denied
    row = {
        "_owner": caller.member_id,
        "carrier_dot": dot_text(data["carrier_dot"]),
        "recruiter_id": caller.member_id,
        "is_active": True,
        **{key: data[key] for key in KEYS if key in data},
    }
    return {"success": True, "preferences": context.records.insert("CarrierHiringPreferences", row)}


@service
def update_hiring_preferences(
    context: Context, caller: Caller, preferences_id: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Change preferences, but not their carrier. Shapes as `create_hiring_preferences`."""
    if errors := validate_preferences_data(data, is_update=True)["errors"]:
        return refused(errors[0])
    row = context.records.get("CarrierHiringPreferences", preferences_id) if preferences_id else None
    if row is None:
        return refused(NOT_FOUND)
    if denied := refusal(context, caller, row.get("carrier_dot")):
        return denied
    if "carrier_dot" in data and dot_text(data["carrier_dot"]) != row.get("carrier_dot"):
        return refused("carrier_dot cannot be changed")
    changes = {key: data[key] for key in KEYS if key in data}
    try:
        return {"success": True, "preferences": context.records.patch("CarrierHiringPreferences", row["_id"], changes)}
    except NoSuchItem:
        return refused(NOT_FOUND)


@service
def deactivate_hiring_preferences(context: Context, caller: Caller, preferences_id: str) -> dict[str, Any]:
    """Deactivate preferences: {success} or {success: False, error}."""
    row = context.records.get("CarrierHiringPreferences", preferences_id) if preferences_id else None
    if row is None:
        return refused(NOT_FOUND)
    if denied := refusal(context, caller, row.get("carrier_dot")):
        return denied
    try:
        context.records.patch("CarrierHiringPreferences", row["_id"], {"is_active": False})
    except NoSuchItem:
        return refused(NOT_FOUND)
    return {"success": True}


@service
def get_hiring_preferences(context: Context, dot: str) -> dict[str, Any]:
    """A carrier's newest active preferences: {success, preferences}, null without any."""
    return {"success": True, "preferences": _active(context, dot)}


@service
def get_hiring_preference_by_id(context: Context, preferences_id: str) -> dict[str, Any]:
    """Preferences by `_id`, active or not: {success, preferences} or {success: False, error}."""
    row = context.records.get("CarrierHiringPreferences", preferences_id) if preferences_id else None
    return refused(NOT_FOUND) if row is None else {"success": True, "preferences": row}


@service
def get_weight_preferences(context: Context, dot: str) -> dict[str, Any]:
    """A carrier's weights of the components of a driver's score: {success, weights, isDefault}."""
    row = _active(context, dot) or {}
    stored = {name: row.get(f"weight_{name}") for name in WEIGHTS}
    weights = {name: value if js.is_number(value) else WEIGHTS[name] for name, value in stored.items()}
    return {"success": True, "weights": weights, "isDefault": not any(map(js.is_number, stored.values()))}


@service
def save_weight_preferences(context: Context, dot: str, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Store a carrier's weights: {success, weights} or {success: False, error}.

    `weights`: all six components, each 0 to 100, not all 0. A carrier without active preferences gets new ones: class
    A, within 100 miles. No permission is needed, as on the platform.
    """
    carrier = dot_text(dot)
    if not carrier:
        return refused("Carrier DOT is required")
    for name in WEIGHTS:
        value = weights.get(name)
        if value is None:
            return refused(f"Missing weight: {name}")
        if not js.is_number(value) or not 0 <= value <= 100:
            return refused(f"Weight {name} must be a number between 0 and 100")
    if sum(weights[name] for name in WEIGHTS) <= 0:
        return refused("Total weight must be greater than 0")
    changes = {f"weight_{name}": weights[name] for name in WEIGHTS}
    new = {"required_cdl_types": ["A"], "target_radius_miles": 100, **changes}
    key = {"carrier_dot": carrier, "is_active": True}
    insert_or_change(context, "CarrierHiringPreferences", key, new, lambda row: changes)
    return {"success": True, "weights": {name: weights[name] for name in WEIGHTS}}


def _errors(data: Mapping[str, Any], is_update: bool) -> Iterator[str]:
    if not is_update and not dot_text(data.get("carrier_dot")):
        yield "carrier_dot is required"
    if not is_update or "required_cdl_types" in data:
        types = data.get("required_cdl_types")
        if not isinstance(types, list) or not types:
            yield "required_cdl_types must be a non-empty array"
        else:
            yield from (f"Invalid CDL type: {wrong}" for wrong in [t for t in types if t not in CDL_TYPES][:1])
    if not is_update or "target_radius_miles" in data:
        radius = data.get("target_radius_miles")
        if not js.is_number(radius) or not radius > 0:
            yield "target_radius_miles must be a number greater than 0"
    given = {key: value for key, value in data.items() if value is not None and value is not MISSING}
    for key in NON_NEGATIVE:
        if key in given and not (js.is_number(given[key]) and given[key] >= 0):
            yield f"{key} must be a number of 0 or more"
    pays = [given[key] for key in PAYS if key in given and js.is_number(given[key])]
    yield from (f"{key} must be a number" for key in PAYS if key in given and not js.is_number(given[key]))
    if len(pays) == len(PAYS) and pays[1] < pays[0]:
        yield "offered_pay_max must not be below offered_pay_min"
    if "urgency" in given and given["urgency"] not in URGENCIES:
        yield f"urgency must be one of: {', '.join(URGENCIES)}"
    for key in LISTS:
        # Neither a search nor Airtable can read a list of anything else.
        if key in given and not (isinstance(given[key], list) and all(isinstance(item, str) for item in given[key])):
            yield f"{key} must be an array of texts"


def _active(context: Context, dot: str) -> Item | None:
    active = Query().eq("carrier_dot", dot_text(dot)).eq("is_active", True).descending("_createdDate")
    return context.records.first("CarrierHiringPreferences", active)
