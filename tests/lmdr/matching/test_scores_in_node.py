"""The score of a carrier in Python and in JavaScript, for rows and wishes as odd as they come; skipped without Node."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lmdr import js
from lmdr.matching.carriers import WEIGHTS, calculate_match_score

SCRIPT = Path(__file__).parents[3] / "bench" / "scoring.mjs"
CASES = 4000
ZIPS = [
    "75201",
    "75299",
    "75301",
    "07001",
    7001,
    75201,
    "752",
    "7",
    "75201-1234",
    "ABCDE",
    "7x201",
    "٧٥٢01",
    " 752",
    "0",
    0,
]
NUMBERS = [
    0,
    1,
    -1,
    0.5,
    49,
    50,
    499,
    500,
    50_000,
    100_000,
    100_001,
    1e21,
    5e-7,
    0.1 + 0.2,
    2**53,
    1e308,
    5.000000000000001,
]
TEXTS = [
    "",
    " ",
    "0",
    "12",
    "12ab",
    "0x1F",
    "-7.5e1",
    ".5",
    "1e400",
    "Infinity",
    "-",
    "x",
    "１２",
    "\ufeff8",
    "\x1c8",
    "1_0",
]
OTHER = [None, True, False, [], [5], [1, 2], {}]
NAMES = ["ACME", "any", "no_preference", "OTR", "Regional", "Local", "otr", "small", "medium", "large", "é😀"]


def a_value(rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(
            [rng.uniform(0, 1), rng.uniform(-5, 200), rng.randrange(10**8), round(rng.uniform(0, 130), 1)]
        )
    return rng.choice(NUMBERS if kind < 0.6 else TEXTS if kind < 0.8 else NAMES if kind < 0.9 else OTHER)


def a_zip(rng: random.Random) -> Any:
    return rng.choice(ZIPS) if rng.random() < 0.8 else a_value(rng)


def some(rng: random.Random, **fields: Any) -> dict[str, Any]:
    return {name: make(rng) for name, make in fields.items() if rng.random() < 0.85}


def a_case(rng: random.Random) -> list[Any]:
    def wish(rng: random.Random) -> Any:
        return rng.choice([0.5, 100, 250, 0, "0.5", 5]) if rng.random() < 0.6 else a_value(rng)

    def name(rng: random.Random) -> Any:
        return rng.choice(NAMES) if rng.random() < 0.9 else a_value(rng)

    limits = dict.fromkeys(("maxDistance", "minCPM", "maxTurnover", "maxTruckAge"), wish)
    driver = some(rng, homeZip=a_zip, operationType=name, fleetSize=name, **limits)
    numbers = ("nbr_power_unit", "driver_total", "recent_mileage", "pay_cpm", "turnover_percent", "accident_rate")
    figures = dict.fromkeys((*numbers, "avg_truck_age", "combined_score"), a_value)
    others = dict.fromkeys(
        ("legal_name", "title", "dba_name", "phy_city", "clientCarriers", "clientCarriers2"), a_value
    )
    carrier = some(rng, phy_zip=a_zip, dot_number=a_value, **figures, **others)
    if rng.random() < 0.5:
        return [driver, carrier]
    weights = some(rng, **dict.fromkeys((*WEIGHTS, "bogus"), lambda rng: rng.choice([0, 1, 33, 33.3, -5, 1e308, None])))
    return [driver, carrier, weights]


def value(fields: Any) -> Any:
    match fields:
        case {"$num": str(number)}:
            return float(number.replace("Infinity", "inf"))
        case dict():
            return {key: value(inner) for key, inner in fields.items()}
        case _:
            return fields


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if js.is_number(one) and js.is_number(other):  # JSON of JavaScript has integers that no double is
        return float(one) == float(other) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_python_and_javascript_give_the_same_scores() -> None:
    rng = random.Random(20260121)
    cases = [a_case(rng) for _ in range(CASES)]
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps({"cases": cases, "runs": 1}), capture_output=True, text=True, check=True
    )
    theirs = [value(result) for result in json.loads(done.stdout)["results"]]
    spoilt = 0
    for case, other in zip(cases, theirs, strict=True):
        ours = calculate_match_score(*case)
        assert same(ours, other), (case, ours, other)
        spoilt += ours["overallScore"] != ours["overallScore"]
    assert CASES / 10 < spoilt < CASES / 2  # neither all of them odd nor none
