"""The Airtable Web API, `/v0`."""

from __future__ import annotations

from sandbox.airtable.service import AirtableService

__all__ = ["AirtableService"]
