"""The completeness of a driver's profile.

| field                                                          | points |
|----------------------------------------------------------------|--------|
| home_zip, of 5 characters or more                              | 15     |
| display_name, not blank                                        | 10     |
| email with an @                                                | 10     |
| preferred_operation_type other than "no_preference"            | 10     |
| min_cpm above 0                                                | 10     |
| years_experience, 0 or more                                    | 10     |
| cdl_class                                                      | 10     |
| phone of 10 characters or more                                 | 5      |
| endorsements, at least one                                     | 5      |
| clean_mvr, accidents_last_3_years, violations_last_3_years     | 5 each |
| bonus: cdl_front_image and cdl_back_image                      | 10     |
| bonus: med_card_image                                          | 5      |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lmdr import js
from runbook.json_types import MISSING, Item

COMPLETE: Final = 80
DISCOVERABLE: Final = 50
RECORDS: Final = ("clean_mvr", "accidents_last_3_years", "violations_last_3_years")


def calculate_completeness(profile: Mapping[str, Any]) -> int:
    """The points of a profile, 0 to 100."""

    def given(field: str) -> Any:
        return profile.get(field, MISSING)

    def length(field: str) -> int:
        value = given(field)
        return len(value) if isinstance(value, str | list) else 0

    points = 0
    points += 10 * (js.trim(_text(given("display_name"))) != "")
    points += 10 * ("@" in _text(given("email")))
    points += 5 * (length("phone") >= 10)
    points += 15 * (length("home_zip") >= 5)
    points += 10 * (
        js.truthy(given("preferred_operation_type")) and given("preferred_operation_type") != "no_preference"
    )
    points += 10 * js.less(0, given("min_cpm"))
    points += 10 * (given("years_experience") is not None and js.to_number(given("years_experience")) >= 0)
    points += 10 * js.truthy(given("cdl_class"))
    points += 5 * (length("endorsements") > 0)
    # An absent record counts, a null one does not: the platform tests `!== null`, which undefined passes.
    points += 5 * sum(given(field) is not None for field in RECORDS)
    points += 10 * (js.truthy(given("cdl_front_image")) and js.truthy(given("cdl_back_image")))
    points += 5 * js.truthy(given("med_card_image"))
    return min(points, 100)


def missing_fields(profile: Mapping[str, Any]) -> list[str]:
    """The fields to ask the driver for, by the page's names. 0 years of experience count as missing."""
    required = {
        "name": ("display_name",),
        "home ZIP": ("home_zip",),
        "experience": ("years_experience",),
        "CDL class": ("cdl_class",),
        "CDL photos": ("cdl_front_image", "cdl_back_image"),
        "Medical Card": ("med_card_image",),
    }
    return [name for name, fields in required.items() if not all(js.truthy(profile.get(field)) for field in fields)]


def enrich_profile(profile: Mapping[str, Any]) -> Item:
    """The profile with its score, missing fields, and whether it is complete and discoverable.

    `can_be_discovered` is set only where `is_discoverable` is, and is null or "" where that is.
    """
    points = calculate_completeness(profile)
    enriched = {
        **profile,
        "profile_completeness_score": points,
        "missing_fields": missing_fields(profile),
        "is_complete": points >= COMPLETE,
    }
    wanted = profile.get("is_discoverable", MISSING)
    if wanted is not MISSING:
        enriched["can_be_discovered"] = points >= DISCOVERABLE if js.truthy(wanted) else wanted
    return enriched


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
