"""Logs, errors, traces and health metrics for super admins."""

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
"""Intended retention of lines; as on the platform, it is not enforced."""

_PERIODS = {"hour": HOUR, "day": DAY, "week": WEEK, "month": MONTH}
_SAMPLE, _PAGE_SIZE = 1000, 100


@service
@admitted(super_admins, "Failed to get the logs")
def get_logs(context: Context, caller: Caller, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A page of lines, the newest first: logs, totalCount, hasMore.

    `options`: level, minLevel (a level's name, or its number), source, traceId, dateFrom, dateTo, search (in messages),
    tags (any of them), limit (50, at most 100), skip. Raises AdminError.
    """
    options = options or {}
    query = equal(Query(), options, {"level": "level", "source": "source", "traceId": "traceId"})
    minimum = options.get("minLevel")
    if (number := LEVELS.get(minimum) if isinstance(minimum, str) else minimum) is not None:
        query = query.ge("levelNum", number)
    if js.truthy(options.get("search")):
        query = query.contains("message", js.to_string(options["search"]))
    if tags := options.get("tags"):
        query = query.has_some("tags", tags if isinstance(tags, list | tuple) else [tags])
    query = dated(query, "timestamp", options)
    size, skip = min(positive(options.get("limit"), 50), _PAGE_SIZE), positive(options.get("skip"), 0)
    page = context.records.query(LOGS, query.descending("timestamp").limit(size).skip(skip))
    return {"logs": page.items, "totalCount": context.records.count(LOGS, query), "hasMore": page.more}


@service
@admitted(super_admins, "Failed to get the errors")
def get_errors(context: Context, caller: Caller, period: str = "day") -> dict[str, Any]:
    """The newest 100 rows of SystemErrors in a period, the total number, and the 100 by source.

    `period`: 'hour', 'day', 'week' or 'month', back from now; any other is 'day'. Gives errors, totalCount, bySource.
    """
    query = Query().ge("timestamp", context.now() - _length(period))
    errors = context.records.query(ERRORS, query.descending("timestamp").limit(_PAGE_SIZE)).items
    by_source = Counter(js.to_string(js.or_(row.get("source"), "unknown")) for row in errors)
    return {
        "errors": errors,
        "totalCount": context.records.count(ERRORS, query),
        "bySource": dict(by_source.most_common()),
    }


@service
@admitted(super_admins, "Failed to get the trace")
def get_trace(context: Context, caller: Caller, trace_id: str) -> dict[str, Any]:
    """A trace (None if missing) and its first 1000 lines, the oldest first: trace, logs.

    Raises AdminError where both are missing.
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
    rate = _percent(errors, total)
    status = "critical" if rate > 10 else "warning" if rate > 5 else "healthy"
    return {"total": total, "byLevel": by_level, "errors": errors, "errorRate": rate, "status": status}


@service
@admitted(super_admins, "Failed to get the AI analytics")
def get_ai_analytics(context: Context, caller: Caller, period: str = "day") -> dict[str, Any]:
    """The newest 1000 lines with the tag 'ai' in a period: total, errors, errorRate (%, 2 decimals), byProvider.

    By provider {calls, errors, tokens, cost (USD), avgDuration (ms)}. `period`: see `get_errors`.
    """
    query = Query().ge("timestamp", context.now() - _length(period)).has_some("tags", ["ai"])
    rows = context.records.query(LOGS, query.descending("timestamp").limit(_SAMPLE)).items
    providers: dict[str, dict[str, Any]] = {}
    for row in rows:
        details = _details(row)
        figures = providers.setdefault(
            js.to_string(js.or_(details.get("provider"), "unknown")),
            {"calls": 0, "errors": 0, "tokens": 0, "cost": 0, "avgDuration": 0},
        )
        figures["calls"] += 1
        figures["errors"] += row.get("level") in SERIOUS
        for key, value in (
            ("tokens", details.get("tokens")), ("cost", details.get("cost")), ("avgDuration", row.get("duration")),
        ):  # fmt: skip
            figures[key] += value if js.is_number(value) else 0
    for figures in providers.values():
        figures["avgDuration"] = js.round_half_up(figures["avgDuration"] / figures["calls"])
    errors = sum(figures["errors"] for figures in providers.values())
    return {"total": len(rows), "errors": errors, "errorRate": _percent(errors, len(rows)), "byProvider": providers}


@service
@admitted(super_admins, "Failed to get what the logs are made of")
def get_log_metadata(context: Context, caller: Caller) -> dict[str, Any]:
    """Values for searching the logs: levels, sources and tags (of the newest 1000 lines), retentionDays by level."""
    rows = context.records.query(LOGS, Query().descending("timestamp").limit(_SAMPLE)).items
    return {
        "levels": [*LEVELS],
        "sources": sorted({source for row in rows if isinstance(source := row.get("source"), str)}),
        "tags": sorted({tag for row in rows for tag in row.get("tags") or () if isinstance(tag, str)}),
        "retentionDays": RETENTION_DAYS,
    }


def _details(row: Item) -> dict[str, Any]:
    details = row.get("details")
    return details if isinstance(details, dict) else {}


def _length(period: str) -> timedelta:
    return _PERIODS.get(period, DAY)


def _percent(part: int, total: int) -> js.Number:
    """`part` of `total` in percent, to 2 decimals; 0 where the total is 0."""
    return js.parse_float(js.to_fixed(100 * part / total, 2)) if total else 0
