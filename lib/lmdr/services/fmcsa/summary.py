"""FMCSA's data of a carrier in the keys of CarrierSafetyData, and a summary for drivers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lmdr import js
from runbook.json_types import MISSING

RATINGS = {"S": "SATISFACTORY", "C": "CONDITIONAL", "U": "UNSATISFACTORY", "N": "NOT RATED"}
DRIVER_OOS_AVERAGE, VEHICLE_OOS_AVERAGE = 5.51, 20.72
"""National percentages of inspections with a driver, and a vehicle, out of service."""
OOS_ALERT = 1.5
"""A rate above this multiple of the average is an alert."""

_BASICS = {
    "Unsafe Driving": "unsafe_driving",
    "Hours-of-Service Compliance": "hours_of_service",
    "Driver Fitness": "driver_fitness",
    "Controlled Substances/Alcohol": "controlled_substances",
    "Vehicle Maintenance": "vehicle_maintenance",
    "Hazardous Materials Compliance": "hazmat_compliance",
    "Crash Indicator": "crash_indicator",
}
_BADGES = {
    "SATISFACTORY": ("Satisfactory", "#10b981"),
    "CONDITIONAL": ("Conditional", "#f59e0b"),
    "UNSATISFACTORY": ("Unsatisfactory", "#ef4444"),
}
_NOT_RATED = ("Not Rated", "#64748b")
_JSON = ("basics", "inspections", "crashes")


def normalized(dot: str, carrier_answer: Any, basics_answer: Any) -> dict[str, Any]:
    """A carrier's safety data from the JSON of FMCSA's two answers; `basics`, `inspections`, `crashes` as objects."""
    carrier = js.get(carrier_answer, "content", "carrier") or {}
    basics = _basics(basics_answer)
    code = next((code for code in RATINGS if code == carrier.get("safetyRating")), "N")
    authorized = carrier.get("allowedToOperate") == "Y"
    return {
        "dot_number": dot,
        "legal_name": carrier.get("legalName"),
        "dba_name": carrier.get("dbaName"),
        "operating_status": "AUTHORIZED" if authorized else "NOT AUTHORIZED",
        "is_authorized": authorized,
        "safety_rating": RATINGS[code],
        "safety_rating_code": code,
        "safety_rating_date": carrier.get("safetyRatingDate"),
        "safety_review_date": carrier.get("reviewDate"),
        "total_drivers": _count(carrier.get("totalDrivers")),
        "total_power_units": _count(carrier.get("totalPowerUnits")),
        "phy_city": carrier.get("phyCity"),
        "phy_state": carrier.get("phyState"),
        "phy_zip": _text(carrier.get("phyZipcode")),
        "telephone": carrier.get("telephone"),
        "mc_number": _text(carrier.get("mcNumber")),
        "mcs150_date": carrier.get("mcs150FormDate"),
        "mcs150_mileage": _count(carrier.get("mcs150Mileage")),
        "mcs150_mileage_year": _text(carrier.get("mcs150MileageYear")),
        "basics": basics,
        "inspections": {
            "total": _count(carrier.get("driverInsp")) + _count(carrier.get("vehicleInsp")),
            "driverInspections": _count(carrier.get("driverInsp")),
            "vehicleInspections": _count(carrier.get("vehicleInsp")),
            "driverOosRate": _rate(carrier.get("driverOosRate")),
            "vehicleOosRate": _rate(carrier.get("vehicleOosRate")),
            "driverOosNationalAverage": DRIVER_OOS_AVERAGE,
            "vehicleOosNationalAverage": VEHICLE_OOS_AVERAGE,
        },
        "crashes": {
            "total": _count(carrier.get("crashTotal")),
            "fatal": _count(carrier.get("fatalCrash")),
            "injury": _count(carrier.get("injCrash")),
            "tow": _count(carrier.get("towawayCrash")),
        },
        "has_basic_alerts": any(basic["alert"] for basic in basics.values()),
        "data_source": "FMCSA_SAFER_API",
        "api_version": "1.0",
    }


def as_stored(data: Mapping[str, Any]) -> dict[str, Any]:
    """Safety data as stored in a row: its three objects as JSON text."""
    return {key: json.dumps(value) if key in _JSON else value for key, value in data.items()}


def as_read(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of CarrierSafetyData with its three objects parsed from JSON text, where they are text."""
    return {key: _object(value) if key in _JSON else value for key, value in row.items()}


def build_safety_summary(data: Mapping[str, Any]) -> dict[str, Any]:
    """A summary for drivers: {rating, badge, color, alerts, positives}, the last two lists of sentences.

    An out-of-service rate is an alert above 1.5 times the national average, a positive below the average.
    """
    safety = as_read(data)
    rating = safety.get("safety_rating") or "NOT RATED"
    badge, color = _BADGES.get(rating, _NOT_RATED)
    alerts: list[str] = []
    positives: list[str] = []
    if safety.get("is_authorized") is False:
        alerts.append("Not authorized to operate")
    if rating == "SATISFACTORY":
        positives.append("Satisfactory safety rating")
    elif rating in _BADGES:
        alerts.append(f"{badge} safety rating")
    basics = safety.get("basics") or {}
    flagged = [name for name, basic in basics.items() if isinstance(basic, dict) and basic.get("alert")]
    alerts += [f"BASIC alert: {name.replace('_', ' ')}" for name in flagged]
    if basics and not flagged:
        positives.append("No BASIC alerts")
    inspections = safety.get("inspections") or {}
    for subject, average in (("driver", DRIVER_OOS_AVERAGE), ("vehicle", VEHICLE_OOS_AVERAGE)):
        rate = inspections.get(f"{subject}OosRate")
        if not js.is_number(rate):
            continue
        sentence = f"{js.to_fixed(rate, 1)}% of {subject} inspections out of service (national average {average}%)"
        if rate > average * OOS_ALERT:
            alerts.append(sentence)
        elif rate < average:
            positives.append(sentence)
    return {"rating": rating, "badge": badge, "color": color, "alerts": alerts, "positives": positives}


def _basics(answer: Any) -> dict[str, dict[str, Any]]:
    basics = {}
    for entry in js.get(answer, "content") or []:
        basic = js.get(entry, "basic") or {}
        name = js.get(basic, "basicsType", "basicsShortDesc")
        if not isinstance(name, str):
            continue
        thresholds = ("exceededFMCSAInterventionThreshold", "onRoadPerformanceThresholdViolationIndicator")
        basics[_BASICS.get(name) or re.sub("[^a-z]", "_", name.lower())] = {
            "percentile": _number(basic.get("basicsPercentile")),
            "measure": _number(basic.get("measureValue")),
            "violations": _count(basic.get("totalViolation")),
            "alert": any(basic.get(key) in ("Y", "1") for key in thresholds),
        }
    return basics


def _number(value: Any) -> js.Number | None:
    number = js.parse_float(MISSING if value is None else value)
    return number if number == number else None


def _count(value: Any) -> js.Number:
    return js.or_(js.parse_int(MISSING if value is None else value), 0)  # type: ignore[no-any-return]


def _rate(value: Any) -> js.Number | None:
    """A rate in percent; FMCSA gives 0 for an unknown one."""
    return js.or_(_number(value), None)  # type: ignore[no-any-return]


def _text(value: Any) -> str | None:
    return None if value is None else js.to_string(value)


def _object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return {}
