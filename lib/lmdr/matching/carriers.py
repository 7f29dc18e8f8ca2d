"""The score of a carrier for a driver: eight weighted components of 0 to 100.

    | component     | weight | carrier                              | driver's preference          |
    |---------------|--------|--------------------------------------|------------------------------|
    | location      | 25     | phy_zip                              | homeZip, maxDistance (100)   |
    | pay           | 20     | pay_cpm                              | minCPM (0)                   |
    | operationType | 15     | recent_mileage / driver_total        | operationType                |
    | turnover      | 12     | turnover_percent                     | maxTurnover (100)            |
    | safety        | 10     | accident_rate                        |                              |
    | truckAge      | 8      | avg_truck_age                        | maxTruckAge (10)             |
    | fleetSize     | 5      | nbr_power_unit                       | fleetSize                    |
    | qualityScore  | 5      | combined_score (50)                  |                              |

In brackets the default for a missing value or 0. A value that is not a number makes the component and the score NaN.

    calculate_match_score({"homeZip": "75201"}, carrier)["overallScore"]                   # one
    score_carriers({"homeZip": "75201"}, [normalize_carrier(c) for c in carriers])         # many, normalised once
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from lmdr import js
from lmdr.js import Number
from runbook.json_types import MISSING, Item

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "location": 25,
        "pay": 20,
        "operationType": 15,
        "turnover": 12,
        "safety": 10,
        "truckAge": 8,
        "fleetSize": 5,
        "qualityScore": 5,
    }
)

MAX_DISTANCE: Final = 500
"""Miles: the greatest distance of two ZIP codes, and that of unknown ones."""

# Scores by the driver's preference (outer) and the carrier's operation type (inner). Pages send "any" for no
# preference, which the platform does not recognise: like any unknown preference it scores OTHER_PREFERENCE.
OPERATION_TYPES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "OTR": {"OTR": 100, "Regional": 40, "Local": 10},
        "Regional": {"OTR": 50, "Regional": 100, "Local": 60},
        "Local": {"OTR": 10, "Regional": 50, "Local": 100},
    }
)
OTHER_PREFERENCE: Final = 20
NO_PREFERENCE: Final = "no_preference"


def calculate_match_score(
    driver_prefs: Mapping[str, Any], carrier: Mapping[str, Any], custom_weights: Mapping[str, Any] | None = None
) -> Item:
    """The score of a row of Carriers: {overallScore, scores, inferredOpType, carrier}, the last normalised.

    `custom_weights` replace all weights: a missing one is 0, unknown names are ignored; where all are 0 so is the
    score.
    """
    return score_carriers(driver_prefs, (normalize_carrier(carrier),), custom_weights)[0]


def score_carriers(
    driver_prefs: Mapping[str, Any],
    carriers: Iterable[Mapping[str, Any]],
    custom_weights: Mapping[str, Any] | None = None,
) -> list[Item]:
    """`calculate_match_score` of several carriers from `normalize_carrier`, in their order.

    Results hold the normalised carriers, not copies, so that these can be reused for other drivers.
    """
    home_zip = driver_prefs.get("homeZip", MISSING)
    max_distance = _preference(driver_prefs, "maxDistance", 100)
    min_cpm = _preference(driver_prefs, "minCPM", 0)
    operation_type = driver_prefs.get("operationType", MISSING)
    max_turnover = _preference(driver_prefs, "maxTurnover", 100)
    max_truck_age = _preference(driver_prefs, "maxTruckAge", 10)
    fleet_size = driver_prefs.get("fleetSize", MISSING)
    weights = [(name, js.to_number(weight)) for name, weight in _weights(custom_weights)]
    total = js.total(weight for _, weight in weights)
    results = []
    for carrier in carriers:
        inferred = infer_operation_type(carrier)
        scores = {
            "location": score_location(home_zip, carrier["PHY_ZIP"], max_distance),
            "pay": score_pay(carrier["PAY_CPM"], min_cpm),
            "operationType": score_operation_type(inferred, operation_type),
            "turnover": score_turnover(carrier["TURNOVER_PERCENT"], max_turnover),
            "safety": score_safety(carrier["ACCIDENT_RATE"]),
            "truckAge": score_truck_age(carrier["AVG_TRUCK_AGE"], max_truck_age),
            "fleetSize": score_fleet_size(carrier["NBR_POWER_UNIT"], fleet_size),
            "qualityScore": carrier["COMBINED_SCORE"],
        }
        points: Number = 0
        for name, weight in weights:
            points += scores[name] * weight
        results.append(
            {
                "overallScore": js.round_half_up(points / total) if total else 0,
                "scores": scores,
                "inferredOpType": inferred,
                "carrier": carrier,
            }
        )
    return results


def normalize_carrier(carrier: Mapping[str, Any]) -> Item:
    """A row of Carriers with FMCSA's names in capitals, numbers as numbers.

    Null, "" and absent values are missing; numbers may be texts. A missing or invalid number is 0, but 1 for the
    drivers, 50 for the quality; the name is the first of legal_name, title and dba_name.
    """
    get = carrier.get
    dba_name = _or(get("dba_name"), None)
    return {
        "DOT_NUMBER": _or(get("dot_number"), None),
        "LEGAL_NAME": _or(get("legal_name"), _or(get("title"), _or(dba_name, "Unknown Carrier"))),
        "DBA_NAME": dba_name,
        "PHY_CITY": _or(get("phy_city"), ""),
        "PHY_STATE": _or(get("phy_state"), ""),
        # Unchanged: a ZIP code stored as a number has lost its leading zero, and is in another place.
        "PHY_ZIP": _or(get("phy_zip"), ""),
        "TELEPHONE": _or(get("telephone"), None),
        "EMAIL_ADDRESS": _or(get("email_address"), None),
        "NBR_POWER_UNIT": _units(get("nbr_power_unit")),
        "DRIVER_TOTAL": _units(get("driver_total")) or 1,
        "RECENT_MILEAGE": _amount(get("recent_mileage")),
        "PAY_CPM": _amount(get("pay_cpm")),
        "TURNOVER_PERCENT": _amount(get("turnover_percent")),
        "ACCIDENT_RATE": _amount(get("accident_rate")),
        "AVG_TRUCK_AGE": _amount(get("avg_truck_age")),
        "COMBINED_SCORE": _amount(get("combined_score")) or 50,
        "isClient": js.or_(get("clientCarriers"), js.or_(get("clientCarriers2"), False)),
    }


def estimate_distance_from_zips(start: Any = MISSING, end: Any = MISSING) -> Number:
    """Miles between two ZIP codes, texts or numbers: 0 if equal, 15 if their first three digits are.

    Else 50 times the difference of these, at most 500; NaN where they are not digits, 500 if one is missing.
    """
    if not js.truthy(start) or not js.truthy(end):
        return MAX_DISTANCE
    start, end = js.to_string(start), js.to_string(end)
    if start == end:
        return 0
    if start[:3] == end[:3]:
        return 15
    return js.minimum(abs(_area(start[:3]) - _area(end[:3])) * 50, MAX_DISTANCE)


def infer_operation_type(carrier: Mapping[str, Any]) -> str:
    """A normalised carrier's type, by miles per driver: above 100,000 OTR, above 50,000 Regional, else Local."""
    miles = js.to_number(js.or_(carrier.get("RECENT_MILEAGE"), 0))
    per_driver = js.divide(miles, js.to_number(js.or_(carrier.get("DRIVER_TOTAL"), 1)))
    return "OTR" if per_driver > 100_000 else "Regional" if per_driver > 50_000 else "Local"


def score_location(home_zip: Any = MISSING, carrier_zip: Any = MISSING, max_distance: Any = MISSING) -> Number:
    """100 at no distance, falling to 0 at `max_distance` miles."""
    distance, limit = estimate_distance_from_zips(home_zip, carrier_zip), js.to_number(max_distance)
    if distance > limit:
        return 0
    return js.integral(js.maximum(0, (1 - js.divide(distance, limit)) * 100))


def score_pay(cpm: Any = MISSING, min_cpm: Any = MISSING) -> Number:
    """60 at the minimum (dollars per mile), plus a point for each cent above it, at most 100; 20 below it.

    50 where the pay is missing or 0.
    """
    if not js.truthy(cpm):
        return 50
    pay, minimum = js.to_number(cpm), js.to_number(min_cpm)
    if pay < minimum:
        return 20
    return js.integral(js.minimum(100, 60 + js.minimum(40, (pay - minimum) * 100)))


def score_operation_type(inferred: Any = MISSING, preferred: Any = MISSING) -> int:
    """By `OPERATION_TYPES`; 100 for the preferred type, 80 without a preference."""
    if not js.truthy(preferred) or preferred == NO_PREFERENCE:
        return 80
    if inferred == preferred:
        return 100
    scores = OPERATION_TYPES.get(preferred, {}) if isinstance(preferred, str) else {}
    return scores.get(inferred, OTHER_PREFERENCE)


def score_turnover(turnover: Any = MISSING, max_turnover: Any = MISSING) -> Number:
    """100 minus the turnover in percent; 10 above the driver's limit, 50 where it is missing or 0."""
    if not js.truthy(turnover):
        return 50
    percent = js.to_number(turnover)
    if percent > js.to_number(max_turnover):
        return 10
    return js.integral((1 - percent / 100) * 100)  # `100 - percent` gives another float


def score_safety(accident_rate: Any = MISSING) -> Number:
    """100 minus 50 times the accident rate, but 10 above a rate of 5 (2 to 5 score 0). 50 if missing."""
    if not js.truthy(accident_rate):
        return 100 if js.same(accident_rate, 0) else 50
    rate = js.to_number(accident_rate)
    return 10 if rate > 5 else js.integral(js.maximum(0, 100 - rate * 50))


def score_truck_age(age: Any = MISSING, max_age: Any = MISSING) -> Number:
    """100 for new trucks, falling to 0 at the driver's limit in years; 10 above it, 50 where it is missing or 0."""
    if not js.truthy(age):
        return 50
    years, limit = js.to_number(age), js.to_number(max_age)
    if years > limit:
        return 10
    return js.integral((1 - js.divide(years, limit)) * 100)


def score_fleet_size(units: Any = MISSING, preferred: Any = MISSING) -> int:
    """100 for the preferred fleet (below 50 trucks small, below 500 medium, else large), else 40; 80 without one."""
    if not js.truthy(preferred) or preferred == NO_PREFERENCE:
        return 80
    count = _units(units)
    return 100 if preferred == ("small" if count < 50 else "medium" if count < 500 else "large") else 40


def match_rationale(scores: Mapping[str, Number], carrier: Mapping[str, Any]) -> list[str]:
    """Why a carrier fits or not, in sentences; `scores` and the normalised `carrier` are those of a result."""
    pay, cpm = scores["pay"], carrier["PAY_CPM"]
    lines = []
    if pay >= 90:
        lines.append(f"Excellent pay: ${js.to_fixed(cpm, 2)} CPM exceeds your target.")
    elif pay >= 70:
        lines.append("Competitive pay that meets your minimum requirements.")
    elif pay < 40 and cpm > 0:
        lines.append(f"Pay (${js.to_fixed(cpm, 2)}) is below your preferred minimum.")
    if scores["location"] >= 95:
        lines.append("Very close to your home location.")
    elif scores["location"] >= 70:
        lines.append("Within a reasonable distance of your home.")
    if scores["operationType"] >= 95:
        lines.append("Matches your preferred operation type.")
    if scores["safety"] >= 90:
        lines.append("Excellent safety record.")
    if scores["truckAge"] >= 90:
        lines.append("Modern, well-maintained fleet.")
    return lines


def _preference(driver_prefs: Mapping[str, Any], name: str, default: int) -> Any:
    return js.or_(driver_prefs.get(name), default)


def _weights(custom_weights: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """The non-zero weights, in the order of the components, on which sums of floats depend."""
    weights = WEIGHTS if custom_weights is None else custom_weights
    return [(name, weights[name]) for name in WEIGHTS if js.truthy(weights.get(name))]


def _or(value: Any, default: Any) -> Any:
    return default if value is None or value == "" else value


def _units(value: Any) -> Number:
    return js.or_(js.parse_int(value), 0)  # type: ignore[no-any-return]


def _amount(value: Any) -> Number:
    return js.or_(js.parse_float(value), 0)  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def _area(prefix: str) -> Number:
    return js.parse_int(prefix)
