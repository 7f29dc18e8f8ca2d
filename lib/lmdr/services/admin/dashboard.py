"""The admins' dashboard: statistics of drivers, carriers, matches and enrichment, recent activity, alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lmdr import js
from lmdr.services.admin.access import admins, admitted
from lmdr.services.admin.audit import action_label
from lmdr.services.admin.changes import Change, change_item
from lmdr.services.admin.fleets import count_by_fleet
from lmdr.services.admin.periods import HOUR, MONTH, WEEK, chart_days, daily_counts, midnight, percent
from lmdr.services.context import Caller, Context, service
from runbook.query import Query
from runbook.records import Records

_NEVER = datetime.min.replace(tzinfo=UTC)
_ORDER = {"critical": 0, "warning": 1, "info": 2}
_SHOWN = 15


@service
@admitted(admins, "Failed to get the dashboard")
def get_dashboard_overview(context: Context, caller: Caller) -> dict[str, Any]:
    """The whole dashboard: drivers, carriers, matches, enrichment, activity, alerts, health. Raises AdminError."""
    records, now = context.records, context.now()
    drivers, carriers, enrichment = _drivers(records, now), _carriers(records, now), _enrichment(records, now)
    return {
        "drivers": drivers,
        "carriers": carriers,
        "matches": _matches(records, now),
        "enrichment": enrichment,
        "activity": _activity(records),
        "alerts": _alerts(records, now, drivers["pending"], carriers["flagged"], enrichment["expired"]),
        "health": _health(records, now),
    }


@service
@admitted(admins, "Failed to get the quick statistics")
def get_quick_stats(context: Context, caller: Caller) -> dict[str, int]:
    """Four counts: totalDrivers, totalCarriers, matchesToday (since midnight UTC), pendingVerifications."""
    records = context.records
    return {
        "totalDrivers": records.count("DriverProfiles"),
        "totalCarriers": records.count("Carriers"),
        "matchesToday": records.count("MatchEvents", Query().ge("timestamp", midnight(context.now()))),
        "pendingVerifications": records.count("DriverProfiles", Query().eq("verificationStatus", "in_review")),
    }


@service
@admitted(admins, "Failed to resolve the alert")
def resolve_alert(context: Context, caller: Caller, alert_id: str) -> dict[str, Any]:
    """Mark an alert of SystemAlerts as resolved; audited, once. Raises AdminError where there is none of that id.

    Alerts that the dashboard computes end with their cause.
    """
    keys = {"resolved": True, "resolvedAt": context.now(), "resolvedBy": caller.member_id}
    resolve = Change("resolveAlert", "system", lambda before: {} if before.get("resolved") is True else keys)
    change_item(context, caller, "SystemAlerts", alert_id, resolve, not_found="Alert not found")
    return {"success": True, "alertId": alert_id}


@service
@admitted(admins, "Failed to get the activity chart")
def get_activity_chart_data(context: Context, caller: Caller, period: str = "week") -> dict[str, Any]:
    """Daily counts: labels (the days), matches, interests and drivers (new profiles).

    `period`: 'week', 7 days, or 'month', 30. The first day starts at this time of day; today is left out.
    """
    records, now = context.records, context.now()
    days = chart_days(now, period)
    return {
        "labels": days,
        "matches": daily_counts(records, "MatchEvents", "timestamp", now, days),
        "interests": daily_counts(records, "DriverCarrierInterests", "_createdDate", now, days),
        "drivers": daily_counts(records, "DriverProfiles", "_createdDate", now, days),
    }


def _drivers(records: Records, now: datetime) -> dict[str, Any]:
    def count(query: Query) -> int:
        return records.count("DriverProfiles", query)

    total, active = count(Query()), count(Query().eq("status", "active"))
    this_week = count(Query().ge("_createdDate", now - WEEK))
    week_before = count(Query().between("_createdDate", now - 2 * WEEK, now - WEEK))
    growth = percent(this_week - week_before, week_before) if week_before else 100 * (this_week > 0)
    return {
        "total": total,
        "active": active,
        "pending": count(Query().eq("verificationStatus", "in_review")),
        "newThisWeek": this_week,
        "newThisMonth": count(Query().ge("_createdDate", now - MONTH)),
        "weeklyGrowth": growth,
        "activePercent": percent(active, total),
    }


def _carriers(records: Records, now: datetime) -> dict[str, Any]:
    def count(query: Query) -> int:
        return records.count("Carriers", query)

    return {
        "total": count(Query()),
        "active": count(Query().eq("status", "active")),
        "flagged": count(Query().eq("isFlagged", True)),
        "newThisWeek": count(Query().ge("_createdDate", now - WEEK)),
        "byFleetSize": count_by_fleet(records),
    }


def _matches(records: Records, now: datetime) -> dict[str, Any]:
    def since(start: datetime) -> int:
        return records.count("MatchEvents", Query().ge("timestamp", start))

    of_week = since(now - WEEK)
    return {
        "total": records.count("MatchEvents"),
        "today": since(midnight(now)),
        "thisWeek": of_week,
        "thisMonth": since(now - MONTH),
        "dailyAverage": js.round_half_up(of_week / 7),
        "totalInterests": records.count("DriverCarrierInterests"),
        "interestsThisWeek": records.count("DriverCarrierInterests", Query().ge("_createdDate", now - WEEK)),
    }


def _enrichment(records: Records, now: datetime) -> dict[str, Any]:
    total = records.count("CarrierEnrichments")
    fresh = records.count("CarrierEnrichments", Query().gt("enriched_date", now - WEEK))
    stale = records.count(
        "CarrierEnrichments", Query().ge("enriched_date", now - 2 * WEEK).le("enriched_date", now - WEEK)
    )
    return {
        "total": total,
        "fresh": fresh,
        "stale": stale,
        "expired": total - fresh - stale,
        "coverage": percent(total, records.count("Carriers")),
        "needsRefresh": total - fresh,
    }


def _activity(records: Records) -> list[dict[str, Any]]:
    """The newest 15 of 10 actions, 10 matches and 5 new drivers."""
    actions = records.query("AdminAuditLog", Query().descending("timestamp").limit(10))
    matches = records.query("MatchEvents", Query().descending("timestamp").limit(10))
    drivers = records.query("DriverProfiles", Query().descending("_createdDate").limit(5))
    events = [
        *(_event("audit", row, "timestamp", action_label(row.get("action")), row.get("adminEmail")) for row in actions),
        *(_event("match", row, "timestamp", row.get("carrier_name"), row.get("driver_name")) for row in matches),
        *(_event("driver", row, "_createdDate", "New driver", row.get("display_name")) for row in drivers),
    ]
    return sorted(events, key=lambda event: event["timestamp"] or _NEVER, reverse=True)[:_SHOWN]


def _event(kind: str, row: dict[str, Any], date_key: str, title: Any, who: Any) -> dict[str, Any]:
    timestamp = row.get(date_key) if isinstance(row.get(date_key), datetime) else None
    return {"type": kind, "id": row["_id"], "title": title, "who": who, "timestamp": timestamp}


def _alerts(records: Records, now: datetime, pending: int, flagged: int, expired: int) -> list[dict[str, Any]]:
    """10 unresolved alerts of SystemAlerts, and those computed from the statistics."""
    stored = records.query("SystemAlerts", Query().ne("resolved", True).descending("createdAt").limit(10))
    alerts: list[dict[str, Any]] = [
        {"id": row["_id"], "type": row.get("type"), "message": row.get("message"), "createdAt": row.get("createdAt")}
        for row in stored
    ]
    computed = (
        (pending > 5, "warning", "pending-verifications", f"{pending} drivers wait for verification"),
        (flagged > 0, "warning", "flagged-carriers", f"{flagged} carriers are flagged"),
        (expired > 10, "info", "expired-enrichments", f"{expired} enrichments have expired"),
    )
    alerts += [
        {"id": name, "type": kind, "message": message, "createdAt": now}
        for applies, kind, name, message in computed
        if applies
    ]
    # As on the platform, which sorts by `order[type] || 3`: critical has order 0 and comes last.
    return sorted(alerts, key=lambda alert: _ORDER.get(js.to_string(alert["type"]), 0) or 3)


def _health(records: Records, now: datetime) -> dict[str, Any]:
    """Matching is 100 with a match in the last hour, else 50; enrichment is always 100, as on the platform."""
    matching = 100 if records.count("MatchEvents", Query().ge("timestamp", now - HOUR)) else 50
    overall = js.round_half_up((matching + 100) / 2)
    status = "healthy" if overall >= 90 else "degraded" if overall >= 70 else "critical"
    return {"matching": matching, "enrichment": 100, "overall": overall, "status": status}
