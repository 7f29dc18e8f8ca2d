"""Logs, errors and traces as super admins read them, and the health they speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from lmdr import js
from lmdr.services.admin.access import AdminError, admitted, super_admins
from lmdr.services.admin.lists import dated, equal, positive
from lmdr.services.admin.periods import DAY, HOUR, MONTH, WEEK
from lmdr.services.context import Caller, Context, service
from lmdr.services.observability.logs import ERRORS, LEVELS, LOGS, SERIOUS, TRACES
from runbook.json_types import Item
from runbook.query import Query

RETENTION_DAYS: Final = {"DEBUG": 1, "INFO": 7, "WARN": 14, "ERROR": 30, "CRITICAL": 90}
"""How long lines are meant to be kept; as on the platform, nothing enforces it."""

_PERIODS = {"hour": HOUR, "day": DAY, "week": WEEK, "month": MONTH}
_SAMPLE, _PAGE = 1000, 100


@service
@admitted(super_admins, "Failed to get the logs")
def get_logs(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of lines, the newest first: logs, totalCount, hasMore.

    `options`: level, minLevel (a level's name, or its number), source, traceId, dateFrom, dateTo, search (in messages),
    tags (any of them), limit (50, 100 at the most), skip. Raises AdminError.
    """
    told = options or {}
    query = equal(Query(), told, {"level": "level", "source": "source", "traceId": "traceId"})
    least = told.get("minLevel")
    if (number := LEVELS.get(least) if isinstance(least, str) else least) is not None:
        query = query.ge("levelNum", number)
    if js.truthy(told.get("search")):
        query = query.contains("message", js.to_string(told["search"]))
    if tags := told.get("tags"):
        query = query.has_some("tags", tags if isinstance(tags, list | tuple) else [tags])
    query = dated(query, "timestamp", told)
    size, skip = min(positive(told.get("limit"), 50), _PAGE), positive(told.get("skip"), 0)
    page = context.records.query(LOGS, query.descending("timestamp").limit(size).skip(skip))
    return {"logs": page.items, "totalCount": context.records.count(LOGS, query), "hasMore": page.more}


@service
@admitted(super_admins, "Failed to get the errors")
def get_errors(context: Context, caller: Caller, period: str = "day") -> dict[str, Any]:
    """The newest 100 rows of SystemErrors in a period, how many there are in all, and those 100 by their source.

    `period`: 'hour', 'day', 'week' or 'month', back from now; any other is 'day'. Gives errors, totalCount, bySource.
    """
    query = Query().ge("timestamp", context.now() - _length(period))
    errors = context.records.query(ERRORS, query.descending("timestamp").limit(_PAGE)).items
    by_source = Counter(js.to_string(js.or_(row.get("source"), "unknown")) for row in errors)
    return {
        "errors": errors,
        "totalCount": context.records.count(ERRORS, query),
        "bySource": dict(by_source.most_common()),
    }


@service
@admitted(super_admins, "Failed to get the trace")
def get_trace(context: Context, caller: Caller, trace_id: str) -> dict[str, Any]:
    """A trace (None where only lines name it) and its first 1000 lines, the oldest first: trace, logs.

    Raises AdminError where there is neither.
    """
    of_trace = Query().eq("traceId", trace_id)
    trace = context.records.first(TRACES, of_trace)
    logs = context.records.query(LOGS, of_trace.ascending("timestamp").limit(_SAMPLE)).items
    if trace is None and not logs:
        raise AdminError("Trace not found")
    return {"trace": trace, "logs": logs}


@service
@admitted(super_admins, "Failed to get the health metrics")
def get_health_metrics(context: Context, caller: Caller, period: str = "day") -> dict[str, Any]:
    """Lines of a period: total, byLevel, errors (ERROR and CRITICAL), errorRate (%, 2 decimals), status.

    Above 10 % errors the status is 'critical', above 5 % 'warning', else 'healthy'. `period`: see `get_errors`.
    """
    query = Query().ge("timestamp", context.now() - _length(period))
    total = context.records.count(LOGS, query)
    by_level = {level: context.records.count(LOGS, query.eq("level", level)) for level in LEVELS}
    errors = sum(by_level[level] for level in SERIOUS)
    rate = _share(errors, total)
    status = "critical" if rate > 10 else "warning" if rate > 5 else "healthy"
    return {"total": total, "byLevel": by_level, "errors": errors, "errorRate": rate, "status": status}


@service
@admitted(super_admins, "Failed to get the AI analytics")
def get_ai_analytics(context: Context, caller: Caller, period: str = "day") -> dict[str, Any]:
    """The newest 1000 lines with the tag 'ai' in a period: total, errors, errorRate (%, 2 decimals), byProvider.

    Of each provider {calls, errors, tokens, cost (USD), avgDuration (ms)}. `period`: see `get_errors`.
    """
    query = Query().ge("timestamp", context.now() - _length(period)).has_some("tags", ["ai"])
    rows = context.records.query(LOGS, query.descending("timestamp").limit(_SAMPLE)).items
    providers: dict[str, dict[str, Any]] = {}
    for row in rows:
        details = _details(row)
        found = providers.setdefault(
            js.to_string(js.or_(details.get("provider"), "unknown")),
            {"calls": 0, "errors": 0, "tokens": 0, "cost": 0, "avgDuration": 0},
        )
        found["calls"] += 1
        found["errors"] += row.get("level") in SERIOUS
        for key, value in (
            ("tokens", details.get("tokens")), ("cost", details.get("cost")), ("avgDuration", row.get("duration")),
        ):  # fmt: skip
            found[key] += value if js.is_number(value) else 0
    for found in providers.values():
        found["avgDuration"] = js.round_half_up(found["avgDuration"] / found["calls"])
    errors = sum(found["errors"] for found in providers.values())
    return {"total": len(rows), "errors": errors, "errorRate": _share(errors, len(rows)), "byProvider": providers}


@service
@admitted(super_admins, "Failed to get what the logs are made of")
def get_log_metadata(context: Context, caller: Caller) -> dict[str, Any]:
    """What logs can be searched for: levels, sources and tags (of the newest 1000 lines), retentionDays by level."""
    rows = context.records.query(LOGS, Query().descending("timestamp").limit(_SAMPLE)).items
    return {
        "levels": [*LEVELS],
        "sources": sorted({source for row in rows if isinstance(source := row.get("source"), str)}),
        "tags": sorted({tag for row in rows for tag in row.get("tags") or () if isinstance(tag, str)}),
        "retentionDays": RETENTION_DAYS,
    }


def _details(row: Item) -> dict[str, Any]:
    found = row.get("details")
    return found if isinstance(found, dict) else {}


def _length(period: str) -> timedelta:
    return _PERIODS.get(period, DAY)


def _share(part: int, whole: int) -> js.Number:
    """A share in percent, to 2 decimals; 0 of nothing."""
    return js.parse_float(js.to_fixed(100 * part / whole, 2)) if whole else 0
