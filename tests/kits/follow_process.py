"""`runbook follow` in a process of its own: `follow_process.py PROJECT`."""

from __future__ import annotations

import sys
from pathlib import Path

from fleet_platform import read_platform
from runbook.commands.follow import follow

follow(read_platform(Path(sys.argv[1])), "sandbox", once=False, report=lambda said: print(said, flush=True))
