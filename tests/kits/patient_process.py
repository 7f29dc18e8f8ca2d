"""Inserts carriers, one for each number on stdin, which says how patient it is: `patient_process.py URL STATE TOKEN BASE`."""

from __future__ import annotations

import sys

from records_kit import CATALOG
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.errors import SourceDown
from runbook.records import AirtableRecords
from runbook.state import State

url, state_url, token, base = sys.argv[1:]
with State(state_url) as state:
    api = Airtable(token, url=url, rate_limiter=lambda base: RateLimiter(state, base, 5, penalty=12), tries=3)
    records = AirtableRecords(api, base, CATALOG, state)
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            records.insert("Carriers", {"trucks": 1}, wait=float(line))
            print("inserted", flush=True)
        except SourceDown as error:
            print(f"down, done {error.done}: {len(api.log)} requests", flush=True)
