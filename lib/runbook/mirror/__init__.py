"""A local copy of the base, so that reads are fast though Airtable is not."""

from __future__ import annotations

from runbook.mirror.mirror import Mirror
from runbook.mirror.sync import SyncResult

__all__ = ["Mirror", "SyncResult"]
