"""Logs and traces of the services: SystemLogs, SystemErrors, SystemTraces. `observability.reports` reads them.

    log(context, {"level": "WARN", "source": "fmcsa", "message": "stale data served", "traceId": "tr_1f…"})
    # {"success": True, "traceId": "tr_1f…", "spanId": "sp_77…"}

Nothing here raises, whatever the input or the state of the data layer; `success` says whether it was logged.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, ParamSpec

from lmdr import js
from lmdr.services.context import Context, service
from runbook.json_types import Item
from runbook.query import Query

P = ParamSpec("P")

LOGS, ERRORS, TRACES = "SystemLogs", "SystemErrors", "SystemTraces"
LEVELS: Final = {"DEBUG": 0, "INFO": 1, "WARN": 2, "ERROR": 3, "CRITICAL": 4}
SERIOUS: Final = ("ERROR", "CRITICAL")
"""Levels that are also written to SystemErrors."""
SECRET_HEADERS: Final = frozenset({"authorization", "x-api-key", "cookie", "set-cookie"})
REDACTED = "[REDACTED]"
MAX_TEXT = 1000
"""Characters of a text in details."""

_MAX_DEPTH = 20


def never_raises(function: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """Decorates a function to return {"success": False} instead of raising."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        try:
            return function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - a failing log must not fail the operation that it logs
            return {"success": False}

    return call


@never_raises
@service
def log(context: Context, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Add a line to SystemLogs, and to SystemErrors if its level is ERROR or CRITICAL.

    `entry`: level (INFO), source, message, details, traceId and spanId (default: new), parentSpanId, userId,
    sessionId, duration (ms), tags. Details pass through `cleaned`. Gives success, traceId, spanId.
    """
    return _log(context, entry)


@never_raises
@service
def log_ai_operation(context: Context, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Log a call of a language model: provider, model, operation, tokens, cost, duration (ms), prompt, response, error.

    Tagged 'ai' and with the provider; level ERROR with an error, else INFO. Result as `log`'s.
    """
    provider = js.to_string(js.or_(operation.get("provider"), "unknown"))
    kept = ("provider", "model", "operation", "tokens", "cost", "prompt", "response", "error")
    message = (
        f"AI {js.or_(operation.get('operation'), 'call')}: {provider} {js.or_(operation.get('model'), '')}".strip()
    )
    return _log_call(context, operation, kept, "ai", message, js.truthy(operation.get("error")), ["ai", provider])


@never_raises
@service
def log_external_api(context: Context, call: Mapping[str, Any]) -> dict[str, Any]:
    """Log a call of an external API: service, method, url, status, duration (ms), request, response, headers, error.

    Level ERROR from status 400 on, or with an error, else INFO. The URL's query is dropped: it may hold keys. Result as
    `log`'s.
    """
    url = js.to_string(js.or_(call.get("url"), "")).partition("?")[0]
    status = call.get("status")
    failed = js.truthy(call.get("error")) or js.to_number(js.or_(status, 0)) >= 400
    kept = (
        "service", "method", "status", "request", "response", "headers", "requestHeaders", "responseHeaders", "error",
    )  # fmt: skip
    message = f"{js.or_(call.get('method'), 'GET')} {url} {js.or_(status, '')}".strip()
    return _log_call(context, call, kept, "external_api", message, failed, ["external_api"], url=url)


@never_raises
@service
def log_database(context: Context, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Log an operation on a collection: operation, collection, count, duration (ms), error. Level DEBUG."""
    kept = ("operation", "collection", "count", "error")
    message = f"{js.or_(operation.get('operation'), 'query')} {js.or_(operation.get('collection'), '')}".strip()
    return _log_call(context, operation, kept, "database", message, False, ["db"], level="DEBUG")


@never_raises
@service
def start_trace(context: Context, name: str, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Start a trace in SystemTraces, with status 'active': {success, traceId}."""
    trace_id = f"tr_{context.new_id()}"
    row = {
        "traceId": trace_id,
        "name": js.to_string(name),
        "startTime": context.now(),
        "status": "active",
        "spans": [],
        "metadata": cleaned(metadata or {}),
        "tags": [],
    }
    context.records.insert(TRACES, row)
    return {"success": True, "traceId": trace_id}


@never_raises
@service
def end_trace(
    context: Context, trace_id: str, status: str = "completed", summary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """End a trace, as 'completed', 'error' or 'denied': {success, duration (ms)}; no success without one."""
    trace, now = _trace(context, trace_id), context.now()
    started = trace.get("startTime")
    duration = (now - started).total_seconds() * 1000 if isinstance(started, datetime) else None
    changes = {"endTime": now, "status": status, "duration": duration, "summary": cleaned(summary or {})}
    context.records.patch(TRACES, trace["_id"], changes)
    return {"success": True, "duration": duration}


@never_raises
@service
def start_span(context: Context, trace_id: str, name: str, parent_span_id: str | None = None) -> dict[str, Any]:
    """Add a span to a trace: {success, spanId}, for the lines logged in it. No success without the trace."""
    trace, span_id = _trace(context, trace_id), f"sp_{context.new_id()}"
    span = {
        "spanId": span_id,
        "parentSpanId": parent_span_id,
        "name": js.to_string(name),
        "startTime": context.now(),
    }

    def add(before: Item) -> Item:
        spans = before.get("spans")
        return {"spans": [*(spans if isinstance(spans, list) else ()), span]}

    context.records.change(TRACES, trace["_id"], add, consistent=False)
    return {"success": True, "spanId": span_id}


def cleaned(value: Any, depth: int = 0) -> Any:
    """A copy of a value for the log, which JSON can represent.

    Values of the headers authorization, x-api-key, cookie and set-cookie are redacted, at any depth, case-insensitive;
    texts are cut after 1000 characters; values that JSON cannot represent, or below 20 levels, become their type's
    name.
    """
    match value:
        case None | bool() | int():
            return value
        case datetime():
            return value if value.tzinfo is not None else value.isoformat()
        case str():
            return value[:MAX_TEXT]
        case float():
            return value if math.isfinite(value) else js.to_string(value)
        case Mapping() if depth < _MAX_DEPTH:
            return {str(k): REDACTED if _is_secret(k) else cleaned(inner, depth + 1) for k, inner in value.items()}
        case [str() as name, _] if _is_secret(name):
            return [name, REDACTED]  # a header as a pair
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [cleaned(inner, depth + 1) for inner in value]
        case _:
            return f"<{type(value).__name__}>"


def _is_secret(name: Any) -> bool:
    return str(name).strip().lower() in SECRET_HEADERS


def _log_call(
    context: Context,
    operation: Mapping[str, Any],
    kept: tuple[str, ...],
    source: str,
    message: str,
    failed: bool,
    tags: list[str],
    level: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Log a service's call; its `kept` keys and `more` are the details."""
    ids = ("traceId", "spanId", "parentSpanId", "userId", "sessionId")
    entry = {
        **{key: operation[key] for key in ids if key in operation},
        "level": level or ("ERROR" if failed else "INFO"),
        "source": operation.get("source", source),
        "message": message,
        "details": {**{key: operation[key] for key in kept if key in operation}, **more},
        "duration": operation.get("duration"),
        "tags": tags,
    }
    return _log(context, entry)


def _log(context: Context, entry: Mapping[str, Any]) -> dict[str, Any]:
    level = js.to_string(js.or_(entry.get("level"), "INFO")).upper()
    trace_id = js.to_string(js.or_(entry.get("traceId"), f"tr_{context.new_id()}"))
    span_id = js.to_string(js.or_(entry.get("spanId"), f"sp_{context.new_id()}"))
    duration, tags = entry.get("duration"), entry.get("tags")
    line = {
        "timestamp": context.now(),
        "level": level,
        # The platform takes `LEVELS[level] || 1`, which turns DEBUG into INFO; here it is 0.
        "levelNum": LEVELS.get(level, LEVELS["INFO"]),
        "source": _text(entry, "source") or "unknown",
        "message": _text(entry, "message") or "",
        "details": cleaned(entry.get("details") or {}),
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": _text(entry, "parentSpanId"),
        "userId": _text(entry, "userId"),
        "sessionId": _text(entry, "sessionId"),
        "duration": duration if js.is_number(duration) and math.isfinite(duration) else None,
        "tags": [js.to_string(tag) for tag in tags] if isinstance(tags, list | tuple) else [],
    }
    stored = False
    with suppress(Exception):
        context.records.insert(LOGS, line)
        stored = True
    if level in SERIOUS:
        with suppress(Exception):
            context.records.insert(ERRORS, {**line, "resolved": False})
    return {"success": stored, "traceId": trace_id, "spanId": span_id}


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return js.to_string(value) if js.truthy(value) else None


def _trace(context: Context, trace_id: str) -> Item:
    # Also one that was started a moment ago: its collection stays in Wix, where a plain read may be older.
    trace = context.records.first(TRACES, Query().eq("traceId", trace_id), consistent=True)
    if trace is None:
        raise LookupError(f"no trace {trace_id}")
    return trace
