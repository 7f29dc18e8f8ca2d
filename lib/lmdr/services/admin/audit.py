"""The audit log for admins: pages, details, statistics, export as CSV."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lmdr import js
from lmdr.services.admin.access import admins, admitted, super_admins
from lmdr.services.admin.changes import SYSTEM, log_action, require_item
from lmdr.services.admin.lists import EXPORTED, Paging, dated, equal, filters_of, first_rows, to_csv
from lmdr.services.admin.periods import DAY, HOUR, MONTH, WEEK, midnight
from lmdr.services.context import Caller, Context, service
from runbook.json_types import MISSING, Item
from runbook.query import Query
from runbook.query.values import stamp

LOG = "AdminAuditLog"
CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "driver": ("verifyDriver", "suspendDriver", "updateDriverStatus", "bulkVerify", "bulkSuspend", "sendDriverEmail"),
    "carrier": (
        "flagCarrier", "unflagCarrier", "updateCarrierStatus", "refreshEnrichment", "bulkActivate", "bulkDeactivate",
        "bulkFlag",
    ),
    "system": ("resolveAlert", "updateSettings", "exportData"),
    "auth": ("adminLogin", "adminLogout", "roleChange"),
}  # fmt: skip
OTHERS = (
    "updateCarrier", "sendEmail", "exportAuditLog", "createPrompt", "updatePrompt", "deletePrompt", "restorePrompt",
    "rollbackPrompt", "updateReview", "updateJob", "updateDocument", "bulkUnflag",
    "bulkRefreshEnrichment",
)  # fmt: skip
"""Further actions, without a category."""

_CATEGORY = {action: category for category, actions in CATEGORIES.items() for action in actions}
_SAMPLE = 1000
_TARGETS = {
    "driver": "DriverProfiles", "driver_document": "DriverProfiles", "carrier": "Carriers", "review": "CarrierReviews",
    "job": "JobPostings", "prompt": "PromptLibrary",
}  # fmt: skip


def category_of(action: Any) -> str:
    """The category of an action: driver, carrier, system, auth or other."""
    return _CATEGORY.get(action, "other") if isinstance(action, str) else "other"


def action_label(action: Any) -> str:
    """The label of an action: 'flagCarrier' is 'Flag Carrier'."""
    text = js.to_string(js.or_(action, "unknown"))
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in text)
    return words[:1].upper() + words[1:]


def relative_time(timestamp: Any, now: datetime) -> str:
    """How long ago: 'Just now' below a minute, then '5m ago', '5h ago', '5d ago'; from 7 days on, '1/14/2026'."""
    then = js.date(timestamp)
    if then is None:
        return "Invalid Date"
    ago = now - then
    if ago < HOUR / 60:
        return "Just now"
    if ago < HOUR:
        return f"{ago // (HOUR / 60)}m ago"
    if ago < DAY:
        return f"{ago // HOUR}h ago"
    if ago < WEEK:
        return f"{ago // DAY}d ago"
    return f"{then.month}/{then.day}/{then.year}"


@service
@admitted(admins, "Failed to get the audit log")
def get_audit_log(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of the log.

    `options`: filters {action, category, targetType, adminId, dateFrom, dateTo, search}, page 1, pageSize 50, sortField
    'timestamp', sortDirection 'desc'. Gives entries, each with its actionLabel, category and relativeTime, and
    totalCount, page, pageSize, totalPages. Raises AdminError.

    As on the platform, a match of `search` in a target's id bypasses all other filters, and totalCount applies only the
    filters action, targetType and dates.
    """
    filters, now = filters_of(options), context.now()
    paging = Paging.of(options, size=50, sort="timestamp")
    rows = context.records.query(LOG, paging.apply(_filtered(filters)))
    total = context.records.count(LOG, _counted(filters))
    return {"entries": [_view(entry, now) for entry in rows], **paging.summary(total)}


@service
@admitted(admins, "Failed to get the audit entry")
def get_audit_entry_detail(context: Context, caller: Caller, entry_id: str) -> dict[str, Any]:
    """An entry, its `target` (type, id, name; None once it is deleted), and the 10 newest others of the same target.

    Raises AdminError where there is no such entry.
    """
    records, now = context.records, context.now()
    entry = require_item(context, LOG, entry_id, "Audit entry not found")
    target_id = entry.get("targetId")
    related: list[Item] = []
    if js.truthy(target_id):
        others = Query().eq("targetId", target_id).ne("_id", entry["_id"]).descending("timestamp").limit(10)
        related = records.query(LOG, others).items
    return {
        "entry": _view(entry, now),
        "target": _target(context, entry),
        "relatedEntries": [_view(other, now) for other in related],
    }


@service
@admitted(admins, "Failed to get the audit statistics")
def get_audit_stats(context: Context, caller: Caller) -> dict[str, Any]:
    """Numbers of actions: total, today, thisWeek (7 days), thisMonth (30 days), dailyAverage of the week.

    The five most frequent of the week's newest 1000: topAdmins [{admin, count}], topActions [{action, label, count}].
    """
    records, now = context.records, context.now()
    week = Query().ge("timestamp", now - WEEK)
    this_week = records.count(LOG, week)
    rows = records.query(LOG, week.descending("timestamp").limit(_SAMPLE)).items
    by_admin = Counter(js.to_string(js.or_(row.get("adminEmail"), SYSTEM)) for row in rows)
    by_action = Counter(js.to_string(row.get("action")) for row in rows)
    return {
        "total": records.count(LOG),
        "today": records.count(LOG, Query().ge("timestamp", midnight(now))),
        "thisWeek": this_week,
        "thisMonth": records.count(LOG, Query().ge("timestamp", now - MONTH)),
        "dailyAverage": js.round_half_up(this_week / 7),
        "topAdmins": [{"admin": admin, "count": count} for admin, count in by_admin.most_common(5)],
        "topActions": [
            {"action": action, "label": action_label(action), "count": count}
            for action, count in by_action.most_common(5)
        ],
    }


@service
@admitted(admins, "Failed to get the list of admins")
def get_admin_list(context: Context, caller: Caller) -> list[dict[str, str]]:
    """The admins of the newest 1000 entries: [{id, email}], by e-mail."""
    rows = context.records.query(LOG, Query().descending("timestamp").limit(_SAMPLE))
    emails = {row["adminId"]: js.to_string(js.or_(row.get("adminEmail"), SYSTEM)) for row in rows if row.get("adminId")}
    return sorted(({"id": key, "email": email} for key, email in emails.items()), key=lambda admin: admin["email"])


@service
@admitted(admins, "Failed to get the list of actions")
def get_action_list(context: Context, caller: Caller) -> list[dict[str, str]]:
    """Every known action: [{value, label, category}]."""
    return [
        {"value": action, "label": action_label(action), "category": category_of(action)}
        for action in (*_CATEGORY, *OTHERS)
    ]


@service
@admitted(super_admins, "Failed to export the audit log")
def export_audit_log_csv(context: Context, caller: Caller, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The newest 5000 entries that pass the filters: csv, count, fileName. For super admins; audited."""
    text, count = audit_log_as_csv(context, filters)
    log_action(context, caller, "exportAuditLog", "system", details={"count": count, "filters": dict(filters or {})})
    return {"csv": text, "count": count, "fileName": f"audit-log-{context.now():%Y-%m-%d}.csv"}


def audit_log_as_csv(context: Context, filters: Mapping[str, Any] | None = None) -> tuple[str, int]:
    """The CSV of `export_audit_log_csv` and its number of rows; not audited."""
    rows = first_rows(context.records, LOG, _filtered(filters or {}).descending("timestamp"), EXPORTED)
    columns = {
        "Timestamp": "timestamp", "Action": "action", "Category": "category", "Admin Email": "adminEmail",
        "Target Type": "targetType", "Target ID": "targetId", "Details": "details",
    }  # fmt: skip
    views = (
        {**row, "category": category_of(row.get("action")), "details": _details_text(row.get("details"))}
        for row in rows
    )
    return to_csv(columns, ([row.get(key) for key in columns.values()] for row in views)), len(rows)


def _filtered(filters: Mapping[str, Any]) -> Query:
    query = equal(Query(), filters, {"action": "action", "targetType": "targetType", "adminId": "adminId"})
    if js.truthy(filters.get("category")):
        category = js.to_string(filters["category"])
        in_category = Query().in_("action", CATEGORIES.get(category, ()))
        query = query.and_(Query().in_("action", _CATEGORY).not_() if category == "other" else in_category)
    query = dated(query, "timestamp", filters)
    if not js.truthy(filters.get("search")):
        return query
    search = js.to_string(filters["search"])
    return query.contains("adminEmail", search).or_(Query().contains("targetId", search))


def _counted(filters: Mapping[str, Any]) -> Query:
    return dated(equal(Query(), filters, {"action": "action", "targetType": "targetType"}), "timestamp", filters)


def _view(entry: Item, now: datetime) -> dict[str, Any]:
    return {
        **entry,
        "actionLabel": action_label(entry.get("action")),
        "category": category_of(entry.get("action")),
        "relativeTime": relative_time(entry.get("timestamp", MISSING), now),
    }


def _target(context: Context, entry: Item) -> dict[str, Any] | None:
    kind, target_id = entry.get("targetType"), entry.get("targetId")
    collection = _TARGETS.get(kind) if isinstance(kind, str) else None
    item = context.records.get(collection, target_id) if collection and isinstance(target_id, str) else None
    if item is None:
        return None
    names = ("display_name", "legal_name", "title", "name", "carrier_name")
    return {"type": kind, "id": target_id, "name": next((item[key] for key in names if item.get(key)), None)}


def _details_text(details: Any) -> str:
    if details is None or isinstance(details, str):
        return details or ""
    return json.dumps(details, ensure_ascii=False, default=stamp)
