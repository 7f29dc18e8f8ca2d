"""Cost and health of the language models, from AIUsageLog."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from lmdr import js
from lmdr.services.admin.access import admins, admitted
from lmdr.services.admin.periods import DAY, HOUR, MONTH, WEEK, day_of, percent
from lmdr.services.context import Caller, Context, service
from runbook.json_types import Item
from runbook.query import Query

PRICES: Final[dict[str, tuple[float, float]]] = {
    "anthropic": (3, 15),
    "openai": (2.5, 10),
    "groq": (0.05, 0.10),
    "perplexity": (1, 1),
    "google": (0.075, 0.30),
    "mistral": (2, 6),
    "cohere": (0.5, 1.5),
}
"""USD per million tokens, input and output; (1, 1) for any other provider."""

WARNING, CRITICAL = 100, 250
"""USD of a projected month from which the budget's status is 'warning' and 'critical'."""

_SAMPLE, _CHECKED = 1000, 100
_PERIODS = {"day": DAY, "week": WEEK, "month": MONTH}
_RANK = {"healthy": 0, "degraded": 1, "critical": 2}


@service
@admitted(admins, "Failed to get the AI usage")
def get_ai_usage_stats(context: Context, caller: Caller, period: str = "week") -> dict[str, Any]:
    """Requests, tokens, cost (USD), avgLatency (ms) and errorRate (%) of the newest 1000 calls in 1, 7 or 30 days.

    `period`: 'day', 'week' or 'month', any other is 'week'. Gives summary, byProvider, byFunction, budget {projected
    (USD in 30 days), warning, critical, status}, and trends by hour for a day, else by day. Raises AdminError.
    """
    length = _PERIODS.get(period, WEEK)
    query = Query().ge("timestamp", context.now() - length).descending("timestamp").limit(_SAMPLE)
    rows = context.records.query("AIUsageLog", query).items
    summary = _figures(rows)
    projected = _cost(rows) * (MONTH / length)
    status = "critical" if projected >= CRITICAL else "warning" if projected >= WARNING else "ok"
    return {
        "period": period if period in _PERIODS else "week",
        "summary": summary,
        "byProvider": _grouped(rows, lambda row: _text(row.get("provider"))),
        "byFunction": _grouped(rows, lambda row: _text(row.get("functionId"))),
        "budget": {"projected": _rounded(projected), "warning": WARNING, "critical": CRITICAL, "status": status},
        "trends": dict(sorted(_grouped(rows, _hour if length == DAY else _day).items())),
    }


@service
@admitted(admins, "Failed to get the health of the AI providers")
def get_ai_health_check(context: Context, caller: Caller) -> dict[str, Any]:
    """The health of each provider, by the newest 100 calls of the last hour; `status` is that of the worst.

    A provider is critical above 50 % errors, degraded above 10 % or above 5000 ms on average, else healthy.
    """
    query = Query().ge("timestamp", context.now() - HOUR).descending("timestamp").limit(_CHECKED)
    providers = _grouped(context.records.query("AIUsageLog", query), lambda row: _text(row.get("provider")))
    for figures in providers.values():
        rate, latency = figures["errors"] / figures["requests"], figures["avgLatency"]
        figures["status"] = "critical" if rate > 0.5 else "degraded" if rate > 0.1 or latency > 5000 else "healthy"
    status = max((figures["status"] for figures in providers.values()), key=_RANK.__getitem__, default="healthy")
    return {"status": status, "providers": providers}


def call_cost(row: Item) -> float:
    """USD of a call. Where only the total of its tokens is known, 30 % are input and 70 % output, rounded down."""
    tokens = _number(row.get("tokensUsed"))
    tokens_in = _number(row.get("inputTokens")) or math.floor(tokens * 0.3)
    tokens_out = _number(row.get("outputTokens")) or math.floor(tokens * 0.7)
    price_in, price_out = PRICES.get(_text(row.get("provider")), (1, 1))
    return (tokens_in * price_in + tokens_out * price_out) / 1_000_000


def _grouped(rows: Iterable[Item], key: Callable[[Item], str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Item]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: _figures(group) for name, group in groups.items()}


def _figures(rows: list[Item]) -> dict[str, Any]:
    errors = sum(js.truthy(row.get("error")) for row in rows)
    latency = sum(_number(row.get("latencyMs")) for row in rows)
    return {
        "requests": len(rows),
        "tokens": sum(_number(row.get("tokensUsed")) for row in rows),
        "cost": _rounded(_cost(rows)),
        "avgLatency": js.round_half_up(latency / len(rows)) if rows else 0,
        "errors": errors,
        "errorRate": percent(errors, len(rows)),
    }


def _cost(rows: Iterable[Item]) -> float:
    return sum(map(call_cost, rows))


def _rounded(usd: float) -> js.Number:
    """An amount in USD, rounded to a hundredth of a cent, the smallest that a page shows."""
    return js.integral(js.round_half_up(usd * 10_000) / 10_000)


def _number(value: Any) -> js.Number:
    return value if js.is_number(value) else 0


def _text(value: Any) -> str:
    return js.to_string(js.or_(value, "unknown"))


def _hour(row: Item) -> str:
    timestamp: datetime = row["timestamp"]
    return f"{timestamp.astimezone(UTC):%Y-%m-%dT%H}:00Z"


def _day(row: Item) -> str:
    return day_of(row["timestamp"])
