"""A process that reads a base into a mirror again and again until it is killed: `killed_mirror.py TOKEN URL BASE FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from mirror_kit import CATALOG
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.mirror import Mirror
from runbook.state import State

token, url, base, folder = sys.argv[1:]
state = State(f"sqlite:///{folder}/state.db")
airtable = Airtable(token, url=url, rate_limiter=lambda base: RateLimiter(state, base, None))
mirror = Mirror(airtable, base, CATALOG, state, Path(folder) / "mirror.db")
print("ready", flush=True)
while True:
    mirror.load(["Carriers"])
    mirror.store.clear("Carriers")
    mirror.ensure_loaded("Carriers")
    mirror.refresh()
