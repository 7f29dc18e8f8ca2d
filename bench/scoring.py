"""Speed of scoring carriers for a driver: `make bench`.

The same 1,000 carriers in Python and in plain JavaScript (scoring.mjs), with equal results. The platform scores each
carrier from its raw row, often in a new process: so both the first search of a process and the best of many are
compared. In Python a carrier can be normalised once. The platform's own code timing 2.6 ms on two cores; the target is 5
times that.
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


class Timing(NamedTuple):
    """Milliseconds of the first search, and of the best."""

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


def in_javascript(carriers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Timing]:
    outputs = []
    for _ in range(PROCESSES):
        done = subprocess.run(
            ["node", Path(__file__).with_suffix(".mjs")],
            input=json.dumps({"cases": [[DRIVER, row] for row in carriers], "runs": RUNS}),
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(json.loads(done.stdout))
    times = [output["milliseconds"] for output in outputs]
    return outputs[0]["results"], Timing(min(runs[0] for runs in times), min(map(min, times)))


def measure(search: Callable[[], object]) -> Timing:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        search()
        times.append((time.perf_counter() - started) * 1000)
    return Timing(times[0], min(times))


def main() -> None:
    rng = random.Random(2026)
    carriers = [carrier(number, rng) for number in range(CARRIERS)]
    normalized = [normalize_carrier(row) for row in carriers]
    searches = {
        "normalised once": lambda: score_carriers(DRIVER, normalized),
        "normalised in each search": lambda: score_carriers(DRIVER, map(normalize_carrier, carriers)),
        "one by one, from raw rows": lambda: [calculate_match_score(DRIVER, row) for row in carriers],
    }
    python = {name: measure(search) for name, search in searches.items()}
    results = [search() for search in searches.values()]
    assert results[0] == results[1] == results[2]
    javascript = None
    print(f"{CARRIERS:,} carriers scored for one driver, the results built; target {TARGET:g} ms\n")
    if shutil.which("node") is None:
        print("node is not installed: no JavaScript to compare with\n")
    else:
        scored, javascript = in_javascript(carriers)
        assert results[0] == scored, "Python and JavaScript do not give the same results"
    print(
        "| search | first search, ms | ratio in this run | best of many, ms | ratio in this run |\n|---|---|---|---|---|"
    )
    for name, timing in {**python, **({"plain JavaScript": javascript} if javascript else {})}.items():
        ratios = (
            [f"{own / other:.1f}" for own, other in zip(timing, javascript, strict=True)] if javascript else ["", ""]
        )
        print(f"| {name} | {timing.first:.1f} | {ratios[0]} | {timing.best:.1f} | {ratios[1]} |")
    assert all(timing.best <= TARGET for timing in python.values())


if __name__ == "__main__":
    main()
