"""A process that reads from a mirror, measured by `bench/records.py`: `mirrored.py URL TOKEN BASE FOLDER RATE`.

Syncs SystemLogs if the mirror lacks it, answers a look-up, and prints the measurements as JSON.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import json  # noqa: E402 - the imports are measured too
import re  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from lmdr import catalog as lmdr_catalog  # noqa: E402
from runbook.airtable.client import Airtable  # noqa: E402
from runbook.airtable.rate_limiter import RateLimiter  # noqa: E402
from runbook.mirror import Mirror  # noqa: E402
from runbook.query import Query  # noqa: E402
from runbook.records import AirtableRecords  # noqa: E402
from runbook.state import State  # noqa: E402


def main() -> None:
    url, token, base, folder, rate = sys.argv[1:]
    imported = time.perf_counter()
    catalog, state = lmdr_catalog.load(), State(f"sqlite:///{folder}/state.db")
    airtable = Airtable(token, url=url, rate_limiter=lambda name: RateLimiter(state, name, float(rate)))
    mirror = Mirror(airtable, base, catalog, state, Path(folder) / "mirror.db")
    records = AirtableRecords(airtable, base, catalog, state, mirror=mirror)
    opened = time.perf_counter()
    newest = records.first("SystemLogs", Query().descending("_createdDate"))
    assert newest is not None
    answered = time.perf_counter()
    rows = records.count("SystemLogs")
    for _ in range(20):
        records.query("SystemLogs", Query().eq("_id", newest["_id"]))
        records.query("SystemLogs", Query().limit(1000))
    memory = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert memory is not None
    result = {
        "rows": rows,
        "requests": len(airtable.log),
        "imports": imported - STARTED,
        "opening": opened - imported,
        "first answer": answered - opened,
        "memory": int(memory[1]) / 1024,
        "file": sum(path.stat().st_size for path in Path(folder).glob("mirror.db*")) / 2**20,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
