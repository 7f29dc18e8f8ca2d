"""What runs by the clock, every hour: enrichments, mails about abandoned checkouts (at :15), the backfill (at :30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lmdr import js
from lmdr.freshness import is_batch_due
from lmdr.services.billing.abandonment_emails import send_abandonment_emails as send_abandonment_emails
from lmdr.services.carrier.enrichment import enrich_carrier, fleet_size
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from runbook.query import Query

LOOKED_AT, PER_RUN = 60, 3
"""Carriers, the best first, of which a run of the batch enriches so many."""
APART = 2.0
"""Seconds between two of them."""
SOCIAL_FLEET, SOCIAL_SCORE = 50, 80
"""Trucks or combined score from which on a look at social media is worth it."""
BACKFILLED = "Made searchable: documents were submitted"


class SocialScan(Protocol):
    """Looks a carrier up in social media; `context.providers["social"]`."""

    def __call__(self, carrier: Mapping[str, Any]) -> str | None:
        """What it found, as a text; raises where it could not."""


@service
def run_enrichment_batch(context: Context) -> dict[str, Any]:
    """Enrich three of the sixty best carriers that have no enrichment or one older than 30 days.

    Gives {success, processed, failed, carriers: their DOT numbers}; `failed`: of which only a guess came.
    """
    best = context.records.query("Carriers", Query().descending("combined_score").limit(LOOKED_AT)).items
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
    for number, carrier in enumerate(due[:PER_RUN]):
        if number:
            context.sleep(APART)
        enriched = enrich_carrier(context, carrier["dot_number"], carrier, {}, _social(context, carrier))
        failed += "fallback" in enriched
    done = [dot_text(carrier["dot_number"]) for carrier in due[:PER_RUN]]
    return {"success": True, "processed": len(done), "failed": failed, "carriers": done}


@service
def backfill_searchable_drivers(context: Context) -> dict[str, Any]:
    """Make drivers searchable who submitted their documents before that made them so: {success, updated}.

    Each of them once: one that hides later stays hidden.
    """
    asked = Query().eq("docs_submitted", True).ne("is_searchable", True).is_empty("migration_note")
    drivers = context.records.get_all("DriverProfiles", asked)
    changes = {"is_searchable": True, "visibility_level": "full", "migration_note": BACKFILLED}
    for driver in drivers:
        context.records.patch("DriverProfiles", driver["_id"], changes)
    return {"success": True, "updated": len(drivers)}


def _social(context: Context, carrier: Mapping[str, Any]) -> str | None:
    scan: SocialScan | None = context.providers.get("social")
    score = js.parse_float(carrier.get("combined_score"))
    if scan is None or not (fleet_size(carrier) >= SOCIAL_FLEET or score >= SOCIAL_SCORE):
        return None
    try:
        return scan(carrier)
    except Exception:  # noqa: BLE001 - an enrichment is one without it too
        return None
