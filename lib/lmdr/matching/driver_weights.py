"""The weights of the components of a driver's score, in percent.

`WEIGHTS` are the defaults; `calculate_dynamic_weights` adapts them to a carrier's preferences and filters,
`explicit_weights` uses those sent with a search.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lmdr import js
from lmdr.js import Number

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {"qualifications": 30, "experience": 20, "location": 20, "availability": 15, "salaryFit": 10, "engagement": 5}
)


def calculate_dynamic_weights(
    preferences: Mapping[str, Any] | None = None, filters: Mapping[str, Any] | None = None
) -> dict[str, Number]:
    """The weights of a search, integer percentages with the sum 100.

    Each `weight_<component>` of CarrierHiringPreferences that is a number above 0 replaces the default. Each filter
    that is set multiplies a weight: cdl_types qualifications by 1.5, endorsements qualifications by 2, min_experience
    experience by 1.5, zip_code location by 1.5, radius_miles below 100 location by 1.3, availability availability by
    1.5. Texts are not numbers.
    """
    preferences, filters = preferences or {}, filters or {}
    weights: dict[str, Number] = {}
    for name, default in WEIGHTS.items():
        weight: Any = preferences.get(f"weight_{name}")
        weights[name] = weight if js.is_number(weight) and weight > 0 else default
    if _entries(filters.get("cdl_types")):
        weights["qualifications"] *= 1.5
    if _entries(filters.get("endorsements")):
        weights["qualifications"] *= 2.0
    if _number(filters.get("min_experience")):
        weights["experience"] *= 1.5
    if _text(filters.get("zip_code")):
        weights["location"] *= 1.5
    radius: Any = filters.get("radius_miles")
    if _number(radius) and radius < 100:
        weights["location"] *= 1.3
    if _text(filters.get("availability")):
        weights["availability"] *= 1.5
    return normalize_weights(weights)


def normalize_weights(weights: Mapping[str, Any] | None = None) -> dict[str, Number]:
    """Weights as integer percentages with the sum 100; the last of the largest absorbs the rounding error.

    The defaults where the sum is 0.
    """
    if not weights or js.total(map(js.to_number, weights.values())) == 0:
        return dict(WEIGHTS)
    rounded = _percents(weights)
    rest = 100 - js.total(rounded.values())
    if rest:
        largest, *others = rounded
        for name in others:
            largest = largest if rounded[largest] > rounded[name] else name
        rounded[largest] += rest
    return rounded


def explicit_weights(weights: Mapping[str, Any]) -> dict[str, Number]:
    """Weights sent with a search: unchanged if their sum is 100, else as percentages, whose sum may be 99 or 101.

    The defaults where the sum is 0 or less.
    """
    total = js.total(map(js.to_number, weights.values()))
    if total == 100:
        return dict(weights)
    return _percents(weights) if total > 0 else dict(WEIGHTS)


def _percents(weights: Mapping[str, Any]) -> dict[str, Number]:
    numbers = {name: js.to_number(weight) for name, weight in weights.items()}
    total = js.total(numbers.values())
    return {name: js.round_half_up(js.divide(number, total) * 100) for name, number in numbers.items()}


def _entries(value: Any) -> bool:
    return isinstance(value, list) and value != []


def _number(value: Any) -> bool:
    return js.is_number(value) and js.truthy(value)


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
