"""Hourly jobs: enrichments, mails about abandoned checkouts (at :15), the backfill of searchable drivers (at :30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lmdr import js
from lmdr.freshness import is_batch_due
from lmdr.services.billing.abandonment_emails import send_abandonment_emails as send_abandonment_emails
from lmdr.services.carrier.enrichment import enrich_carrier, fleet_size
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from runbook.errors import NoSuchItem
from runbook.json_types import Item
from runbook.query import Query

CANDIDATES, BATCH_SIZE = 60, 3
"""The best carriers that a run considers, and how many of them it enriches."""
PAUSE = 2.0
"""Seconds between two enrichments."""
SOCIAL_FLEET, SOCIAL_SCORE = 50, 80
"""Minimum trucks, or combined score, for a scan of social media."""
_AT_ONCE = 10
"""Drivers that are changed at once."""
BACKFILLED = "Made searchable: documents were submitted"


class SocialScan(Protocol):
    """`context.providers["social"]`: looks a carrier up in social media."""

    def __call__(self, carrier: Mapping[str, Any]) -> str | None:
        """The findings as text, None without any; raises on failure."""


@service
def run_enrichment_batch(context: Context) -> dict[str, Any]:
    """Enrich three of the sixty best carriers that have no enrichment or one older than 30 days.

    Gives {success, processed, failed, carriers: their DOT numbers}; `failed`: those with only a fallback.
    """
    best = context.records.query("Carriers", Query().descending("combined_score").limit(CANDIDATES)).items
    dots = [dot for carrier in best if (dot := dot_text(carrier.get("dot_number")))]
    rows = context.records.get_all("CarrierEnrichments", Query().in_("dot_number", dots)) if dots else []
    dates = {row["dot_number"]: row.get("enriched_date") for row in rows}
    now = context.now()
    due = [
        carrier
        for carrier in best
        if (dot := dot_text(carrier.get("dot_number"))) and is_batch_due(dates.get(dot), now)
    ]
    failed = 0
    for number, carrier in enumerate(due[:BATCH_SIZE]):
        if number:
            context.sleep(PAUSE)
        enriched = enrich_carrier(context, carrier["dot_number"], carrier, {}, _social(context, carrier))
        failed += "fallback" in enriched
    processed = [dot_text(carrier["dot_number"]) for carrier in due[:BATCH_SIZE]]
    return {"success": True, "processed": len(processed), "failed": failed, "carriers": processed}


@service
def backfill_searchable_drivers(context: Context) -> dict[str, Any]:
    """Make drivers searchable whose documents were submitted before submission did so: {success, updated}.

    Each only once: a driver who hides later stays hidden.
    """
    query = Query().eq("docs_submitted", True).ne("is_searchable", True).is_empty("migration_note")
    waiting = [driver["_id"] for driver in context.records.get_all("DriverProfiles", query)]
    updated: set[str] = set()

    def show(driver: Item) -> Item:
        # Since the query someone may have shown or backfilled the driver.
        if driver.get("is_searchable") is True or driver.get("migration_note") is not None:
            updated.discard(driver["_id"])
            return {}
        updated.add(driver["_id"])
        return {"is_searchable": True, "visibility_level": "full", "migration_note": BACKFILLED}

    while waiting:
        batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        try:
            context.records.bulk_change("DriverProfiles", dict.fromkeys(batch, show))
        except NoSuchItem as error:  # removed since the query; nothing of the batch was written
            if error.id not in batch:
                raise
            waiting = [driver_id for driver_id in batch if driver_id != error.id] + waiting
    return {"success": True, "updated": len(updated)}


def _social(context: Context, carrier: Mapping[str, Any]) -> str | None:
    scan: SocialScan | None = context.providers.get("social")
    score = js.parse_float(carrier.get("combined_score"))
    if scan is None or not (fleet_size(carrier) >= SOCIAL_FLEET or score >= SOCIAL_SCORE):
        return None
    try:
        return scan(carrier)
    except Exception:  # noqa: BLE001 - it is optional for an enrichment
        return None
