"""The dashboard's figures, each at its edges, the order of alerts, charts without today, and what models cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, audited, refuse_all
from lmdr.services.admin.access import AdminError
from lmdr.services.admin.ai_usage import call_cost, get_ai_health_check, get_ai_usage_stats
from lmdr.services.admin.dashboard import (
    get_activity_chart_data,
    get_dashboard_overview,
    get_quick_stats,
    resolve_alert,
)
from platform_kit import NOON, Platform

DAY, HOUR, MS = timedelta(days=1), timedelta(hours=1), timedelta(milliseconds=1)
SOON = timedelta(minutes=1)  # both clocks go on while a test runs


def rows(platform: Platform, collection: str, *items: dict[str, Any], **same: Any) -> None:
    platform.records.bulk_insert(collection, [{**same, **item} for item in items])


def matches(platform: Platform, *ago: timedelta) -> None:
    rows(platform, "MatchEvents", *({"timestamp": NOON - before} for before in ago), carrier_dot="7")


def calls(platform: Platform, *items: dict[str, Any]) -> None:
    rows(platform, "AIUsageLog", *({"timestamp": NOON, "functionId": "f", **item} for item in items))


def test_the_dashboard_is_for_admins(platform: Platform) -> None:
    alert = platform.put("SystemAlerts", type="critical", message="Disk")
    refuse_all(
        platform,
        (
            get_dashboard_overview, get_quick_stats, get_activity_chart_data, get_ai_usage_stats, get_ai_health_check,
            lambda context, caller: resolve_alert(context, caller, alert["_id"]),
        ),
    )  # fmt: skip
    assert "resolved" not in platform.row("SystemAlerts", alert["_id"])
    assert audited(platform) == []


def test_a_platform_without_rows_divides_by_nothing(platform: Platform) -> None:
    found = get_dashboard_overview(platform.context(), ADMIN)
    assert (found["drivers"]["activePercent"], found["drivers"]["weeklyGrowth"]) == (0, 0)
    assert (found["enrichment"]["coverage"], found["matches"]["dailyAverage"]) == (0, 0)
    assert (found["activity"], found["alerts"]) == ([], [])
    assert found["health"] == {"matching": 50, "enrichment": 100, "overall": 75, "status": "degraded"}


def test_drivers(platform: Platform) -> None:
    for ago, status in ((0, "active"), (6, "pending"), (8, "active"), (13, None), (29, "suspended"), (31, "active")):
        platform.put("DriverProfiles", created=NOON - ago * DAY - SOON, status=status)
    for _ in range(2):
        platform.put("DriverProfiles", verificationStatus="in_review")
    assert get_dashboard_overview(platform.context(), ADMIN)["drivers"] == {
        "total": 8,
        "active": 3,
        "pending": 2,
        "newThisWeek": 4,
        "newThisMonth": 7,
        "weeklyGrowth": 100,  # 4 after 2
        "activePercent": 38,  # 37.5, halves up
    }


def test_growth_without_a_week_before_is_100(platform: Platform) -> None:
    platform.put("DriverProfiles")
    assert get_dashboard_overview(platform.context(), ADMIN)["drivers"]["weeklyGrowth"] == 100


def test_carriers_and_their_fleets(platform: Platform) -> None:
    fleets = enumerate((0, 49, 50, 199, 200, None))
    rows(platform, "Carriers", *({"dot_number": n, "nbr_power_unit": units} for n, units in fleets), status="active")
    rows(platform, "Carriers", {"dot_number": 100, "isFlagged": True}, {"dot_number": 101, "isFlagged": False})
    found = get_dashboard_overview(platform.context(), ADMIN)["carriers"]
    assert found == {
        "total": 8,
        "active": 6,
        "flagged": 1,
        "newThisWeek": 8,
        "byFleetSize": {"small": 2, "medium": 2, "large": 1},
    }


def test_matches_and_interests(platform: Platform) -> None:
    matches(platform, 0 * DAY, 12 * HOUR, 12 * HOUR + MS, 7 * DAY, 7 * DAY + MS, 30 * DAY, 30 * DAY + MS)
    platform.put("DriverCarrierInterests", created=NOON - 8 * DAY, driver_id="d", carrier_dot="7")
    platform.put("DriverCarrierInterests", driver_id="e", carrier_dot="7")
    assert get_dashboard_overview(platform.context(), ADMIN)["matches"] == {
        "total": 7,
        "today": 2,
        "thisWeek": 4,
        "thisMonth": 6,
        "dailyAverage": 1,
        "totalInterests": 2,
        "interestsThisWeek": 1,
    }
    assert get_quick_stats(platform.context(), ADMIN) == {
        "totalDrivers": 0,
        "totalCarriers": 0,
        "matchesToday": 2,
        "pendingVerifications": 0,
    }


def test_enrichments_by_age_to_the_millisecond(platform: Platform) -> None:
    ages = (0 * DAY, 7 * DAY - MS, 7 * DAY, 14 * DAY, 14 * DAY + MS)
    rows(
        platform,
        "CarrierEnrichments",
        *({"dot_number": str(n), "enriched_date": NOON - age} for n, age in enumerate(ages)),
        {"dot_number": "9"},
    )
    rows(platform, "Carriers", *({"dot_number": n} for n in range(8)))
    assert get_dashboard_overview(platform.context(), ADMIN)["enrichment"] == {
        "total": 6,
        "fresh": 2,
        "stale": 2,
        "expired": 2,
        "coverage": 75,
        "needsRefresh": 4,
    }


def test_activity_is_the_newest_15(platform: Platform) -> None:
    matches(platform, *(n * HOUR + SOON for n in range(12)))
    rows(platform, "AdminAuditLog", *({"timestamp": NOON - n * HOUR} for n in range(12)), action="flagCarrier")
    platform.put("DriverProfiles", created=NOON - 2 * DAY, display_name="Old Driver")
    platform.put("DriverProfiles", created=NOON - HOUR + SOON, display_name="New Driver")
    activity = get_dashboard_overview(platform.context(), ADMIN)["activity"]
    assert [event["type"] for event in activity] == [
        "audit", "match", "driver", "audit", "match", *(["audit", "match"] * 5),
    ]  # fmt: skip
    assert (activity[0]["title"], activity[2]["who"]) == ("Flag Carrier", "New Driver")


def test_critical_alerts_come_last(platform: Platform) -> None:
    rows(
        platform,
        "SystemAlerts",
        {"type": "critical", "message": "Disk", "createdAt": NOON},
        {"type": "odd", "message": "Odd", "createdAt": NOON - HOUR},
        {"type": "info", "message": "Fine", "createdAt": NOON - DAY},
        {"type": "warning", "message": "Done", "createdAt": NOON, "resolved": True},
    )
    rows(platform, "DriverProfiles", *({"verificationStatus": "in_review"} for _ in range(6)))
    rows(platform, "Carriers", {"dot_number": 1, "isFlagged": True})
    rows(platform, "CarrierEnrichments", *({"dot_number": str(n)} for n in range(11)))
    alerts = get_dashboard_overview(platform.context(), ADMIN)["alerts"]
    assert [(alert["type"], alert["message"]) for alert in alerts] == [
        ("warning", "6 drivers wait for verification"),
        ("warning", "1 carriers are flagged"),
        ("info", "Fine"),
        ("info", "11 enrichments have expired"),
        ("critical", "Disk"),
        ("odd", "Odd"),
    ]


def test_no_alert_at_the_limits_and_at_most_ten_stored_ones(platform: Platform) -> None:
    rows(platform, "DriverProfiles", *({"verificationStatus": "in_review"} for _ in range(5)))
    rows(platform, "CarrierEnrichments", *({"dot_number": str(n)} for n in range(10)))
    assert get_dashboard_overview(platform.context(), ADMIN)["alerts"] == []
    rows(platform, "SystemAlerts", *({"type": "info", "createdAt": NOON - n * DAY} for n in range(11)))
    assert len(get_dashboard_overview(platform.context(), ADMIN)["alerts"]) == 10


def test_an_alert_is_resolved_once_and_audited(platform: Platform) -> None:
    alert = platform.put("SystemAlerts", type="info", message="Fine", createdAt=NOON)
    assert resolve_alert(platform.context(), ADMIN, alert["_id"])["success"]
    row = platform.row("SystemAlerts", alert["_id"])
    assert (row["resolved"], row["resolvedAt"], row["resolvedBy"]) == (True, NOON, "admin-1")
    assert audited(platform) == [("resolveAlert", "system", alert["_id"], "admin-1", "ann@example.com")]
    with pytest.raises(AdminError, match="Alert not found"):
        resolve_alert(platform.context(), ADMIN, "flagged-carriers")
    assert len(audited(platform)) == 1


@pytest.mark.parametrize(("ago", "health"), [(HOUR, (100, 100, "healthy")), (HOUR + MS, (50, 75, "degraded"))])
def test_health_is_a_match_in_the_last_hour(platform: Platform, ago: timedelta, health: tuple[Any, ...]) -> None:
    matches(platform, ago)
    found = get_dashboard_overview(platform.context(), ADMIN)["health"]
    assert (found["matching"], found["overall"], found["status"]) == health


def test_a_chart_leaves_today_out(platform: Platform) -> None:
    matches(platform, 0 * DAY, DAY, DAY + HOUR, 7 * DAY, 7 * DAY + MS)
    platform.put("DriverProfiles", created=NOON - 2 * DAY)
    week = get_activity_chart_data(platform.context(), ADMIN)
    assert week["labels"] == [f"2026-01-{day}" for day in range(14, 21)]
    assert week["matches"] == [1, 0, 0, 0, 0, 0, 2]
    assert week["drivers"] == [0, 0, 0, 0, 0, 1, 0]
    assert week["interests"] == [0] * 7
    month = get_activity_chart_data(platform.context(), ADMIN, "month")
    assert (len(month["labels"]), month["labels"][0], sum(month["matches"])) == (30, "2025-12-22", 4)


@pytest.mark.parametrize(
    ("call", "usd"),
    [
        ({"provider": "anthropic", "inputTokens": 1_000_000, "outputTokens": 100_000}, 4.5),
        ({"provider": "anthropic", "tokensUsed": 1_000_000}, 0.3 * 3 + 0.7 * 15),
        ({"provider": "openai", "tokensUsed": 9}, (2 * 2.5 + 6 * 10) / 1e6),  # 2.7 and 6.3, cut down
        ({"provider": "groq", "tokensUsed": 1_000_000, "inputTokens": 0}, 0.3 * 0.05 + 0.7 * 0.1),  # 0 is missing too
        ({"provider": "new", "inputTokens": 1_000_000}, 1),
        ({"tokensUsed": None}, 0),
        ({"tokensUsed": "many"}, 0),
    ],
)
def test_the_cost_of_a_call(call: dict[str, Any], usd: float) -> None:
    assert call_cost(call) == pytest.approx(usd, rel=1e-12)


def test_ai_usage_by_provider_and_function(platform: Platform) -> None:
    calls(
        platform,
        {"provider": "anthropic", "functionId": "ocr", "tokensUsed": 1_000_000, "latencyMs": 100},
        {"provider": "anthropic", "functionId": "chat", "tokensUsed": 0, "latencyMs": 201, "error": "timeout"},
        {"provider": "openai", "functionId": "chat", "inputTokens": 1000, "outputTokens": 100, "latencyMs": 50},
        {"provider": "openai", "functionId": "chat", "timestamp": NOON - 8 * DAY},
    )
    found = get_ai_usage_stats(platform.context(), ADMIN)
    assert found["summary"] == {
        "requests": 3,
        "tokens": 1_000_000,
        "cost": 11.4035,
        "avgLatency": 117,
        "errors": 1,
        "errorRate": 33,
    }
    assert found["byProvider"]["anthropic"]["avgLatency"] == 151  # 150.5
    assert {name: figures["requests"] for name, figures in found["byFunction"].items()} == {"ocr": 1, "chat": 2}
    assert found["budget"] == {"projected": 48.8721, "warning": 100, "critical": 250, "status": "ok"}
    assert [*found["trends"]] == ["2026-01-21"]
    assert get_ai_usage_stats(platform.context(), ADMIN, "no such")["period"] == "week"


@pytest.mark.parametrize(
    ("period", "tokens", "projected", "status"),
    [
        ("day", 10_000_000 // 3 - 3, 99.9999, "ok"),
        ("day", 10_000_000 // 3 + 1, 100, "warning"),
        ("day", 25_000_000 // 3 + 1, 250, "critical"),
        ("week", 10_000_000, 42.8571, "ok"),
        ("month", 100_000_000, 100, "warning"),
    ],
)
def test_the_budget_is_that_of_a_projected_month(
    platform: Platform, period: str, tokens: int, projected: float, status: str
) -> None:
    calls(platform, {"provider": "perplexity", "inputTokens": tokens})
    budget = get_ai_usage_stats(platform.context(), ADMIN, period)["budget"]
    assert (budget["projected"], budget["status"]) == (projected, status)


def test_trends_of_a_day_are_by_the_hour(platform: Platform) -> None:
    calls(platform, *({"timestamp": NOON - ago} for ago in (0 * HOUR, SOON, 2 * SOON, DAY, DAY + MS)))
    trends = get_ai_usage_stats(platform.context(), ADMIN, "day")["trends"]
    assert {hour: figures["requests"] for hour, figures in trends.items()} == {
        "2026-01-20T12:00Z": 1,
        "2026-01-21T11:00Z": 2,
        "2026-01-21T12:00Z": 1,
    }


def test_the_health_of_providers_at_their_limits(platform: Platform) -> None:
    assert get_ai_health_check(platform.context(), ADMIN) == {"status": "healthy", "providers": {}}
    calls(
        platform,
        *({"provider": "half", "error": "down" if n else None} for n in range(2)),
        *({"provider": "tenth", "error": None if n else "down"} for n in range(10)),
        {"provider": "slow", "latencyMs": 5000},
        {"provider": "slower", "latencyMs": 5000.6},
        {"provider": "old", "error": "down", "timestamp": NOON - HOUR - MS},
    )
    found = get_ai_health_check(platform.context(), ADMIN)
    assert {name: figures["status"] for name, figures in found["providers"].items()} == {
        "half": "degraded",
        "tenth": "healthy",
        "slow": "healthy",
        "slower": "degraded",
    }
    assert found["status"] == "degraded"
    calls(platform, {"provider": "half", "error": "down"})
    found = get_ai_health_check(platform.context(), ADMIN)
    assert (found["providers"]["half"]["status"], found["status"]) == ("critical", "critical")
