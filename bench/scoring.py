"""How fast carriers are scored for one driver: `make bench`.

The same 1,000 carriers, in Python and by plain JavaScript with the same rules, whose results have to be equal. The
platform scores each carrier from its raw row, every time, and the ratio is to that; in Python a carrier can be
normalised once. The best of several runs counts, after the first ones: what else the machine does is not measured.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmdr.matching.carriers import calculate_match_score, normalize_carrier, score_carriers

if TYPE_CHECKING:
    from collections.abc import Callable

CARRIERS, RUNS, ALLOWED = 1000, 30, 5.0
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


def in_javascript(carriers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], float]:
    """The results, and the milliseconds of the best run."""
    done = subprocess.run(
        ["node", Path(__file__).with_suffix(".mjs")],
        input=json.dumps({"cases": [[DRIVER, one] for one in carriers], "runs": RUNS}),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return told["results"], min(told["milliseconds"])


def milliseconds(way: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        way()
        best = min(best, (time.perf_counter() - began) * 1000)
    return best


def main() -> None:
    rng = random.Random(2026)
    carriers = [carrier(number, rng) for number in range(CARRIERS)]
    normalized = [normalize_carrier(one) for one in carriers]
    results = score_carriers(DRIVER, normalized)
    assert results == [calculate_match_score(DRIVER, one) for one in carriers]
    print(f"{CARRIERS:,} carriers scored for one driver, the results built\n")
    if shutil.which("node") is None:
        print("node is not installed: no JavaScript to compare with\n")
        reference = None
    else:
        theirs, reference = in_javascript(carriers)
        assert results == theirs, "Python and JavaScript do not give the same results"
    print("| way | ms | ratio in this run |\n|---|---|---|")
    ways = {
        "normalised once (`score_carriers`)": lambda: score_carriers(DRIVER, normalized),
        "normalised in every search": lambda: score_carriers(DRIVER, map(normalize_carrier, carriers)),
        "one by one (`calculate_match_score`)": lambda: [calculate_match_score(DRIVER, one) for one in carriers],
    }
    for name, way in ways.items():
        spent = milliseconds(way)
        print(f"| {name} | {spent:.1f} | {f'{spent / reference:.1f}' if reference else ''} |", flush=True)
    if reference:
        print(f"| plain JavaScript | {reference:.1f} | 1.0 |")


if __name__ == "__main__":
    main()
