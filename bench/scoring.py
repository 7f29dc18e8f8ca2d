"""How fast carriers are scored for one driver: `make bench`.

The same 1,000 carriers in Python and in plain JavaScript (scoring.mjs) by the same rules; the results have to be equal.
The platform scores each carrier from its raw row, in a process that has just begun as often as not: so both the first
search of a process and the best of many are set against JavaScript's. In Python a carrier can be normalised once.
The platform's own code was measured at 2.6 ms on two cores; the target is 5 times that.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lmdr.matching.carriers import calculate_match_score, normalize_carrier, score_carriers

CARRIERS, RUNS, PROCESSES = 1000, 30, 5
TARGET = 5 * 2.6


class Spent(NamedTuple):
    """Milliseconds of a search."""

    first: float
    best: float


DRIVER = {
    "homeZip": "75201",
    "maxDistance": 250,
    "minCPM": 0.5,
    "operationType": "Regional",
    "maxTurnover": 90,
    "maxTruckAge": 8,
    "fleetSize": "medium",
}


def carrier(number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "_id": f"carrier-{number}",
        "dot_number": 100_000 + number,
        "legal_name": f"CARRIER {number}",
        "phy_city": "DALLAS",
        "phy_state": "TX",
        "phy_zip": f"{rng.randrange(501, 99951):05d}",
        "nbr_power_unit": rng.randrange(1, 9000),
        "driver_total": rng.randrange(900),
        "recent_mileage": rng.randrange(90_000_000),
        "pay_cpm": round(rng.uniform(0.3, 0.9), 3),
        "turnover_percent": round(rng.uniform(0, 130), 1),
        "accident_rate": round(rng.uniform(0, 7), 2),
        "avg_truck_age": round(rng.uniform(0, 14), 1),
        "combined_score": round(rng.uniform(0, 100), 1),
    }


def in_javascript(carriers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Spent]:
    told = []
    for _ in range(PROCESSES):
        done = subprocess.run(
            ["node", Path(__file__).with_suffix(".mjs")],
            input=json.dumps({"cases": [[DRIVER, one] for one in carriers], "runs": RUNS}),
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(json.loads(done.stdout))
    times = [one["milliseconds"] for one in told]
    return told[0]["results"], Spent(min(one[0] for one in times), min(map(min, times)))


def spent(way: Callable[[], object]) -> Spent:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        way()
        times.append((time.perf_counter() - began) * 1000)
    return Spent(times[0], min(times))


def main() -> None:
    rng = random.Random(2026)
    carriers = [carrier(number, rng) for number in range(CARRIERS)]
    normalized = [normalize_carrier(one) for one in carriers]
    ways = {
        "normalised once": lambda: score_carriers(DRIVER, normalized),
        "normalised in each search": lambda: score_carriers(DRIVER, map(normalize_carrier, carriers)),
        "one by one, from raw rows": lambda: [calculate_match_score(DRIVER, one) for one in carriers],
    }
    ours = {name: spent(way) for name, way in ways.items()}
    results = [way() for way in ways.values()]
    assert results[0] == results[1] == results[2]
    theirs = None
    print(f"{CARRIERS:,} carriers scored for one driver, the results built; target {TARGET:g} ms\n")
    if shutil.which("node") is None:
        print("node is not installed: no JavaScript to compare with\n")
    else:
        scored, theirs = in_javascript(carriers)
        assert results[0] == scored, "Python and JavaScript do not give the same results"
    print(
        "| way | first search, ms | ratio in this run | best of many, ms | ratio in this run |\n|---|---|---|---|---|"
    )
    for name, took in {**ours, **({"plain JavaScript": theirs} if theirs else {})}.items():
        ratios = [f"{one / other:.1f}" for one, other in zip(took, theirs, strict=True)] if theirs else ["", ""]
        print(f"| {name} | {took.first:.1f} | {ratios[0]} | {took.best:.1f} | {ratios[1]} |")
    assert all(took.best <= TARGET for took in ours.values())


if __name__ == "__main__":
    main()
