"""Recorded cases of the platform's functions, where available: exactly equal numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lmdr import freshness, plans
from lmdr.matching import carriers, completeness, driver_components, driver_weights, drivers
from runbook.json_types import MISSING

FOLDER = Path(__file__).parents[3].parent / "shared" / "oracle"
SETS = [
    *("carrier_components", "carrier_distance", "carrier_match", "carrier_normalize", "driver_components"),
    *("driver_match", "driver_weights", "profile_completeness", "subscription_small", "ttl"),
]
NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)  # where the clock stood, unless a case says otherwise


def functions(now: datetime) -> dict[tuple[str, str], Callable[..., Any]]:
    return {
        ("scoring", "calculateMatchScore"): carriers.calculate_match_score,
        ("scoring", "normalizeCarrier"): carriers.normalize_carrier,
        ("scoring", "estimateDistanceFromZips"): carriers.estimate_distance_from_zips,
        ("scoring", "inferOperationType"): carriers.infer_operation_type,
        ("scoring", "scoreLocation"): carriers.score_location,
        ("scoring", "scorePay"): carriers.score_pay,
        ("scoring", "scoreOperationType"): carriers.score_operation_type,
        ("scoring", "scoreTurnover"): carriers.score_turnover,
        ("scoring", "scoreSafety"): carriers.score_safety,
        ("scoring", "scoreTruckAge"): carriers.score_truck_age,
        ("scoring", "scoreFleetSize"): carriers.score_fleet_size,
        ("driverScoring", "calculateDriverMatchScore"): partial(drivers.calculate_driver_match_score, now=now),
        ("driverScoring", "calculateDynamicWeights"): driver_weights.calculate_dynamic_weights,
        ("driverScoring", "normalizeWeights"): driver_weights.normalize_weights,
        ("driverScoring", "scoreQualifications"): driver_components.score_qualifications,
        ("driverScoring", "scoreExperience"): driver_components.score_experience,
        ("driverScoring", "scoreLocation"): driver_components.score_location,
        ("driverScoring", "scoreAvailability"): driver_components.score_availability,
        ("driverScoring", "scoreSalaryFit"): driver_components.score_salary_fit,
        ("driverScoring", "scoreEngagement"): partial(driver_components.score_engagement, now=now),
        ("driverProfiles", "calculateCompleteness"): completeness.calculate_completeness,
        ("driverProfiles", "enrichProfile"): completeness.enrich_profile,
        ("subscriptionService", "canSearchDrivers"): plans.can_search_drivers,
        ("subscriptionService", "canViewProfile"): plans.can_view_profile,
        ("subscriptionService", "calculateRemaining"): plans.calculate_remaining,
        ("subscriptionService", "isValidSubscription"): plans.is_valid_subscription,
        ("aiEnrichment", "isSentimentStale"): partial(freshness.is_sentiment_stale, now=now),
        ("fmcsaService", "isStale"): partial(freshness.is_safety_stale, now=now),
    }


def value(recorded: Any) -> Any:
    """A recorded value as ours: `{"$date"}` a datetime, `{"$undef"}` MISSING, `{"$num"}` a float that JSON lacks."""
    match recorded:
        case {"$date": str(iso)}:
            return datetime.fromisoformat(iso)
        case {"$undef": _}:
            return MISSING
        case {"$num": str(number)}:
            return float(number.replace("Infinity", "inf"))
        case dict():
            return {key: value(inner) for key, inner in recorded.items()}
        case list():
            return [value(inner) for inner in recorded]
        case _:
            return recorded


def equal(ours: Any, recorded: Any) -> bool:
    """The same keys in the same order, the same types but for 1 and 1.0, NaN for NaN."""
    if isinstance(recorded, dict):
        return list(ours) == list(recorded) and all(equal(ours[key], recorded[key]) for key in recorded)
    if isinstance(recorded, list):
        return len(ours) == len(recorded) and all(equal(one, other) for one, other in zip(ours, recorded, strict=True))
    if isinstance(recorded, bool) or isinstance(ours, bool) or not isinstance(recorded, int | float):
        return type(ours) is type(recorded) and bool(ours == recorded)
    return bool(ours == recorded) or (math.isnan(ours) and math.isnan(recorded))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded cases are not beside this repository")
@pytest.mark.parametrize("name", SETS)
def test_recorded_cases(name: str) -> None:
    different = []
    for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        now = value(case["now"]) if "now" in case else NOON
        function = functions(now)[case["module"].removeprefix("backend/"), case["fn"]]
        arguments = [value(argument) for argument in case["args"]]
        while arguments and arguments[-1] is MISSING:
            del arguments[-1]
        expected = value(case["expect"]["result"])
        try:
            ours = function(*arguments)
        except Exception as error:  # noqa: BLE001 - every case is to be told of
            different.append(f"{case['id']} {case['fn']}: {error!r}")
            continue
        if not equal(ours, expected):
            different.append(f"{case['id']} {case['fn']}: {ours!r}, recorded {expected!r}")
    assert different == []
