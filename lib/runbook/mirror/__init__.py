"""A copy of the base on this machine, so that reads are fast though Airtable is not."""

from __future__ import annotations

from runbook.mirror.mirror import Mirror
from runbook.mirror.sync import Refreshed

__all__ = ["Mirror", "Refreshed"]
