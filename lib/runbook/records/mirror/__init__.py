"""A copy of the base on this machine, so that reads are fast though Airtable is not."""

from __future__ import annotations

from runbook.records.mirror.mirror import Mirror
from runbook.records.mirror.watching import Refreshed

__all__ = ["Mirror", "Refreshed"]
