"""Carriers for admins: lists, details, status and flag, bulk changes, statistics, export as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from lmdr import js
from lmdr.freshness import age
from lmdr.services.admin.access import AdminError, admins, admitted
from lmdr.services.admin.changes import (
    AUDIT_LOG,
    Change,
    audit_row,
    change_item,
    change_items,
    log_action,
    require_item,
    setting,
    status_change,
)
from lmdr.services.admin.fleets import count_by_fleet, fleet_of, of_fleet
from lmdr.services.admin.lists import Paging, equal, filters_of, to_csv
from lmdr.services.admin.periods import DAY
from lmdr.services.context import Caller, Context, service
from lmdr.services.dot_numbers import dot_number, dot_text
from runbook.errors import NoSuchItem, RunbookError
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

CARRIERS, ENRICHMENTS = "Carriers", "CarrierEnrichments"
STATUSES: Final = ("active", "inactive", "suspended", "pending_review")

_SHOWN, _SAMPLE = 20, 1000


@service
@admitted(admins, "Failed to get the carriers")
def get_carriers_list(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of carriers, each with its `fleetCategory` and `enrichmentStatus`.

    `options`: filters {search, status, fleetSize, safetyRating, state}, page 1, pageSize 25, sortField 'legal_name',
    sortDirection 'asc'. Gives carriers, totalCount, page, pageSize, totalPages. `search` looks into names and cities,
    and for a DOT number. As on the platform, totalCount applies only the filter status. Raises AdminError.
    """
    records, filters = context.records, filters_of(options)
    paging = Paging.of(options, size=25, sort="legal_name", descending=False)
    rows = records.query(CARRIERS, paging.apply(_filtered(filters))).items
    total = records.count(CARRIERS, equal(Query(), filters, {"status": "status"}))
    return {"carriers": _views(context, rows), **paging.summary(total)}


@service
@admitted(admins, "Failed to get the carrier")
def get_carrier_detail(context: Context, caller: Caller, carrier_id: str) -> dict[str, Any]:
    """A carrier, its safetyData and enrichment (None where there is none), its 20 newest matches and interests.

    Raises AdminError where there is no such carrier.
    """
    records, carrier = context.records, _require_carrier(context, carrier_id)
    dot = dot_text(carrier.get("dot_number"))
    of_dot, of_carrier = Query().eq("dot_number", dot), Query().eq("carrier_dot", dot).limit(_SHOWN)
    return {
        "carrier": _views(context, [carrier])[0],
        "safetyData": records.first("CarrierSafetyData", of_dot),
        "enrichment": records.first(ENRICHMENTS, of_dot),
        "matches": records.query("MatchEvents", of_carrier.descending("timestamp")).items,
        "interests": records.query("DriverCarrierInterests", of_carrier.descending("_createdDate")).items,
    }


@service
@admitted(admins, "Failed to update the carrier's status")
def update_carrier_status(
    context: Context, caller: Caller, carrier_id: str, status: str, reason: str = ""
) -> dict[str, Any]:
    """Set a carrier's status, with an entry in its statusHistory; audited.

    Raises AdminError for a status other than active, inactive, suspended, pending_review, or where there is no carrier.
    """
    change_item(context, caller, CARRIERS, carrier_id, _status(context, caller, status, reason))
    return {"success": True, "carrierId": carrier_id, "status": status}


@service
@admitted(admins, "Failed to flag the carrier")
def flag_carrier(context: Context, caller: Caller, carrier_id: str, reason: str = "") -> dict[str, Any]:
    """Flag a carrier, which puts it under review (status pending_review); audited. Raises AdminError."""
    change_item(context, caller, CARRIERS, carrier_id, _flag(context, caller, reason))
    return {"success": True, "carrierId": carrier_id}


@service
@admitted(admins, "Failed to unflag the carrier")
def unflag_carrier(context: Context, caller: Caller, carrier_id: str) -> dict[str, Any]:
    """Remove a carrier's flag, which makes it active again; audited. Raises AdminError."""
    change_item(context, caller, CARRIERS, carrier_id, _unflag(context, caller))
    return {"success": True, "carrierId": carrier_id}


@service
@admitted(admins, "Failed to refresh the carrier's enrichment")
def refresh_carrier_enrichment(context: Context, caller: Caller, carrier_id: str) -> dict[str, Any]:
    """Delete a carrier's cached enrichment, so that it is fetched again; audited.

    Gives `cleared`: whether there was any. Raises AdminError.
    """
    dot = dot_text(_require_carrier(context, carrier_id).get("dot_number"))
    cleared = _clear_enrichment(context, dot)
    log_action(context, caller, *_REFRESH, carrier_id, {"dotNumber": dot})
    return {"success": True, "carrierId": carrier_id, "cleared": cleared}


@service
@admitted(admins, "Failed to update the carriers")
def bulk_update_carriers(context: Context, caller: Caller, carrier_ids: Iterable[str], action: str) -> dict[str, Any]:
    """Apply an action to many carriers: activate, deactivate, flag, unflag or refreshEnrichment.

    Each change is audited, and the bulk action once. Gives the numbers success and failed, and errors [{id, error}]:
    one that fails does not stop the others. Raises AdminError for any other action, before anything is written.
    """
    if action not in _BULK:
        raise AdminError("Invalid action")
    audited_as, change = _BULK[action]
    ids = [*carrier_ids]
    failed = (
        _refresh_all(context, caller, ids)
        if change is None
        else change_items(context, caller, CARRIERS, ids, change(context, caller))
    )
    # An error of the data layer is not shown to a page.
    texts = {i: str(e) if isinstance(e, AdminError) else "Failed to update the carrier" for i, e in failed.items()}
    errors = [{"id": carrier_id, "error": texts[carrier_id]} for carrier_id in ids if carrier_id in texts]
    counts = {"success": len(ids) - len(errors), "failed": len(errors)}
    log_action(context, caller, audited_as, "carrier", details=counts)
    return {**counts, "errors": errors}


def _status(context: Context, caller: Caller, status: str, reason: str) -> Change:
    return status_change(
        context, caller, status, reason, target_type="carrier", allowed=STATUSES, action="updateCarrierStatus"
    )


def _flag(context: Context, caller: Caller, reason: str) -> Change:
    keys = {"isFlagged": True, "flagReason": reason, "flaggedAt": context.now(), "status": "pending_review"}
    return setting("flagCarrier", "carrier", keys, reason=reason)


def _unflag(context: Context, caller: Caller) -> Change:
    keys = {"isFlagged": False, "flagReason": None, "flaggedAt": None, "status": "active"}
    return Change("unflagCarrier", "carrier", lambda before: keys, lambda before: {"reason": before.get("flagReason")})


def _clear_enrichment(context: Context, dot: str) -> bool:
    """Delete a carrier's cached enrichment; False where there was none, or someone else has deleted it."""
    cached = context.records.first(ENRICHMENTS, Query().eq("dot_number", dot))
    if cached is None:
        return False
    try:
        context.records.remove(ENRICHMENTS, cached["_id"])
    except NoSuchItem:
        return False
    return True


def _refresh_all(context: Context, caller: Caller, ids: list[str]) -> dict[str, AdminError | RunbookError]:
    """Delete the enrichments of carriers; audited. The errors, by id."""
    errors: dict[str, AdminError | RunbookError] = {}
    rows: list[Item] = []
    for carrier_id in dict.fromkeys(ids):
        try:
            dot = dot_text(_require_carrier(context, carrier_id).get("dot_number"))
            _clear_enrichment(context, dot)
        except (AdminError, RunbookError) as error:
            errors[carrier_id] = error
        else:
            rows.append(audit_row(context, caller, *_REFRESH, carrier_id, {"dotNumber": dot}))
    context.records.bulk_insert(AUDIT_LOG, rows)
    return errors


_REFRESH: Final = ("refreshEnrichment", "carrier")
_BULK: Final[dict[str, tuple[str, Callable[[Context, Caller], Change] | None]]] = {
    "activate": ("bulkActivate", partial(_status, status="active", reason="Bulk activation")),
    "deactivate": ("bulkDeactivate", partial(_status, status="inactive", reason="Bulk deactivation")),
    "flag": ("bulkFlag", partial(_flag, reason="Bulk flag")),
    "unflag": ("bulkUnflag", _unflag),
    "refreshEnrichment": ("bulkRefreshEnrichment", None),
}
"""By action: its name in the audit log, and what it changes of a carrier."""


@service
@admitted(admins, "Failed to get the carrier statistics")
def get_carrier_stats(context: Context, caller: Caller) -> dict[str, Any]:
    """Numbers of carriers: total, byStatus (all four), flagged, byFleetSize {small, medium, large}, enriched."""
    records = context.records
    return {
        "total": records.count(CARRIERS),
        "byStatus": {status: records.count(CARRIERS, Query().eq("status", status)) for status in STATUSES},
        "flagged": records.count(CARRIERS, Query().eq("isFlagged", True)),
        "byFleetSize": count_by_fleet(records),
        "enriched": records.count(ENRICHMENTS),
    }


@service
@admitted(admins, "Failed to get the states")
def get_state_distribution(context: Context, caller: Caller) -> list[dict[str, Any]]:
    """The newest 1000 carriers by state: [{state, count}], the most frequent first."""
    rows = context.records.query(CARRIERS, Query().limit(_SAMPLE))
    states = Counter(js.to_string(js.or_(row.get("phy_state"), "Unknown")) for row in rows)
    return [{"state": state, "count": count} for state, count in states.most_common()]


@service
@admitted(admins, "Failed to export the carriers")
def export_carriers_csv(context: Context, caller: Caller, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The first 1000 carriers by name that pass the filters: csv, count, fileName; audited."""
    text, count = carriers_as_csv(context, filters)
    log_action(context, caller, "exportData", "carrier", details={"count": count, "filters": {**(filters or {})}})
    return {"csv": text, "count": count, "fileName": f"carriers-{context.now():%Y-%m-%d}.csv"}


def carriers_as_csv(context: Context, filters: Mapping[str, Any] | None = None) -> tuple[str, int]:
    """The CSV of `export_carriers_csv` and its number of rows; not audited."""
    query = _filtered(filters or {}).ascending("legal_name").limit(_SAMPLE)
    rows = _views(context, context.records.query(CARRIERS, query).items)
    columns = {
        "DOT Number": "dot_number", "Legal Name": "legal_name", "City": "phy_city", "State": "phy_state",
        "Power Units": "nbr_power_unit", "Drivers": "driver_total", "Safety Rating": "safety_rating",
        "Status": "status", "Flagged": "isFlagged", "Flag Reason": "flagReason", "Enrichment": "enrichmentStatus",
    }  # fmt: skip
    return to_csv(columns, ([row.get(key) for key in columns.values()] for row in rows)), len(rows)


def enrichment_status(enriched: Any, now: datetime) -> str:
    """How old an enrichment is: 'fresh' up to 7 days, 'stale' up to 14, then 'expired'; 'none' without a date."""
    since = age(enriched, now)
    if since is None:
        return "none"
    return "fresh" if since <= 7 * DAY else "stale" if since <= 14 * DAY else "expired"


def _filtered(filters: Mapping[str, Any]) -> Query:
    query = Query()
    if js.truthy(filters.get("search")):
        search = js.to_string(filters["search"])
        query = query.contains("legal_name", search).or_(Query().contains("phy_city", search))
        # The platform searches dot_number, a number, for the text and never finds it.
        if (number := dot_number(search)) is not None:
            query = query.or_(Query().eq("dot_number", number))
    if js.truthy(filters.get("fleetSize")):
        query = query.and_(of_fleet(filters["fleetSize"]))
    return equal(query, filters, {"status": "status", "safetyRating": "safety_rating", "state": "phy_state"})


def _views(context: Context, carriers: list[Item]) -> list[dict[str, Any]]:
    enriched = _enriched_dates(context.records, [dot_text(carrier.get("dot_number")) for carrier in carriers])
    return [
        {
            **carrier,
            "fleetCategory": fleet_of(carrier.get("nbr_power_unit")),
            "enrichmentStatus": enrichment_status(enriched.get(dot_text(carrier.get("dot_number"))), context.now()),
        }
        for carrier in carriers
    ]


def _enriched_dates(records: Records, dots: list[str]) -> dict[str, Any]:
    """When carriers were enriched, by DOT number as text."""
    rows = records.get_all(ENRICHMENTS, Query().in_("dot_number", filter(None, dots))) if any(dots) else []
    return {row["dot_number"]: row.get("enriched_date") for row in rows}


def _require_carrier(context: Context, carrier_id: str) -> Item:
    return require_item(context, CARRIERS, carrier_id, "Carrier not found")
