"""Matches and interests as admins see them: filters, totals that ignore them, joins by number, figures, CSV."""

from __future__ import annotations

import csv
import io
import math
from datetime import timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, SUPER, audited, refuse_all
from lmdr.services.admin.access import AccessDenied, AdminError
from lmdr.services.admin.matches import (
    export_matches_csv,
    get_action_list,
    get_carrier_match_summary,
    get_interests_list,
    get_match_detail,
    get_match_stats,
    get_match_trends,
    get_matches_list,
    get_top_matches,
    score_category,
)
from platform_kit import NOON, Platform
from runbook.json_types import Item

DAY = timedelta(days=1)


def matches(platform: Platform, *items: dict[str, Any]) -> list[Item]:
    """Matches; `ago`: how long before noon."""
    made = [{"timestamp": NOON - item.pop("ago", timedelta()), "carrier_dot": "7", **item} for item in items]
    return platform.records.bulk_insert("MatchEvents", made)


def listed(platform: Platform, **filters: Any) -> tuple[list[str], int]:
    """The drivers on a page of matches, and the total."""
    found = get_matches_list(platform.context(), ADMIN, {"filters": filters})
    return [match["driver_name"] for match in found["matches"]], found["totalCount"]


@pytest.mark.parametrize(
    ("score", "label", "color"),
    [
        (100, "Excellent", "green"),
        (90, "Excellent", "green"),
        (89.9, "Good", "blue"),
        (75, "Good", "blue"),
        (74.999, "Fair", "yellow"),
        (60, "Fair", "yellow"),
        (59.99, "Low", "gray"),
        (0, "Low", "gray"),
        (None, "Low", "gray"),
        (math.nan, "Low", "gray"),
        ("91", "Excellent", "green"),
    ],
)
def test_score_category(score: Any, label: str, color: str) -> None:
    assert score_category(score) == {"label": label, "color": color}


def test_matches_are_for_admins_and_their_export_for_super_admins(platform: Platform) -> None:
    refuse_all(
        platform,
        (
            get_matches_list, get_interests_list, get_match_stats, get_match_trends, get_top_matches, get_action_list,
            export_matches_csv, lambda context, caller: get_match_detail(context, caller, "x"),
            lambda context, caller: get_carrier_match_summary(context, caller, 7),
        ),
    )  # fmt: skip
    with pytest.raises(AccessDenied, match="Super admin"):
        export_matches_csv(platform.context(), ADMIN)
    assert audited(platform) == []


def test_filters_of_matches_and_the_total_that_ignores_most(platform: Platform) -> None:
    matches(
        platform,
        {"driver_name": "Ann", "carrier_name": "ACME", "match_score": 90, "action": "saved"},
        {"driver_name": "Bo", "carrier_name": "Best", "match_score": 60, "action": "applied", "ago": DAY},
        {"driver_name": "Cy", "carrier_name": "Acme West", "match_score": 59, "carrier_dot": "8", "ago": 2 * DAY},
    )
    assert listed(platform) == (["Ann", "Bo", "Cy"], 3)
    assert listed(platform, carrierDOT=8) == listed(platform, carrierDOT=" 8 ") == (["Cy"], 1)
    assert listed(platform, action="saved") == (["Ann"], 1)
    assert listed(platform, carrierName="acme") == (["Ann", "Cy"], 3)
    assert listed(platform, driverName="B") == (["Bo"], 3)
    assert listed(platform, minScore="60", maxScore=89.5) == (["Bo"], 3)  # as the page's fields give them
    assert listed(platform, minScore="", maxScore=0) == ([], 3)
    assert listed(platform, dateFrom="2026-01-20", dateTo="2026-01-20") == (["Bo"], 3)


def test_a_page_of_matches(platform: Platform) -> None:
    matches(platform, *({"driver_name": f"D{n}", "match_score": n} for n in (70, 95, 80)))
    options = {"page": 2, "pageSize": 2, "sortField": "match_score", "sortDirection": "asc"}
    page = get_matches_list(platform.context(), ADMIN, options)
    assert [match["driver_name"] for match in page["matches"]] == ["D95"]
    assert page["matches"][0]["scoreCategory"]["label"] == "Excellent"
    assert page["matches"][0]["actionLabel"] == "Unknown"
    assert (page["totalCount"], page["totalPages"]) == (3, 2)


def test_a_match_finds_its_carrier_though_its_dot_number_is_a_text(platform: Platform) -> None:
    carrier = platform.put("Carriers", dot_number=7, legal_name="ACME", phy_state="TX")
    match, *others = matches(
        platform, *({"ago": timedelta(hours=n), "driver_id": "d", "action": "viewed"} for n in range(12))
    )
    [lost] = matches(platform, {"carrier_dot": None})
    detail = get_match_detail(platform.context(), ADMIN, match["_id"])
    assert (detail["carrier"]["id"], detail["carrier"]["legalName"]) == (carrier["_id"], "ACME")
    assert [other["_id"] for other in detail["relatedMatches"]] == [other["_id"] for other in others[:10]]
    assert detail["match"]["actionLabel"] == "Viewed"
    detail = get_match_detail(platform.context(), ADMIN, lost["_id"])
    assert (detail["carrier"], detail["relatedMatches"]) == (None, [])
    with pytest.raises(AdminError, match="Match not found"):
        get_match_detail(platform.context(), ADMIN, "no such")


def test_interests_with_their_carriers_and_a_total_of_all(platform: Platform) -> None:
    platform.put("Carriers", dot_number=7, legal_name="ACME")
    for status, dot in (("offer", "7"), ("on hold", "8"), ("accepted", "none")):
        platform.put("DriverCarrierInterests", driver_id=f"d-{dot}", carrier_dot=dot, status=status)
    platform.put("DriverCarrierInterests", driver_id="d-old", action="interested", created=NOON - 3 * DAY)

    def found(**filters: Any) -> tuple[list[tuple[str, str | None]], int]:
        page = get_interests_list(platform.context(), ADMIN, {"filters": filters, "sortField": "driver_id"})
        names = [(one["statusLabel"], (one["carrier"] or {}).get("legalName")) for one in page["interests"]]
        return names, page["totalCount"]

    assert found() == (
        [("Interested", None), ("Accepted", None), ("on hold", None), ("Offer Extended", "ACME")],
        4,
    )
    assert found(status="offer") == ([("Offer Extended", "ACME")], 4)
    assert found(carrierDOT=8) == found(driverId="d-8") == ([("on hold", None)], 4)
    assert found(dateTo="2026-01-20") == ([("Interested", None)], 4)


def test_figures_of_matches(platform: Platform) -> None:
    assert get_match_stats(platform.context(), ADMIN)["conversionRate"] == 0
    matches(
        platform,
        *({"match_score": score, "carrier_name": "ACME", "action": "viewed"} for score in (95, 90, 75)),
        {"match_score": 62, "carrier_dot": "8", "carrier_name": "Old Name", "ago": DAY},
        {"match_score": 10, "carrier_dot": "8", "carrier_name": "New Name"},
        {"carrier_dot": None},
    )
    platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="7")
    assert get_match_stats(platform.context(), ADMIN) == {
        "totalMatches": 6,
        "totalInterests": 1,
        "conversionRate": 17,
        "distribution": {"excellent": 2, "good": 1, "fair": 1, "low": 2},
        "averageScore": 55,
        "topCarriers": [{"dot": "7", "name": "ACME", "count": 3}, {"dot": "8", "name": "New Name", "count": 2}],
        "actions": {"viewed": 3, "unknown": 3},
    }
    actions = get_action_list(platform.context(), ADMIN)
    assert actions == [{"value": "viewed", "label": "Viewed"}]


def test_trends_leave_today_out(platform: Platform) -> None:
    matches(
        platform,
        {"match_score": 90},
        {"match_score": 80, "ago": DAY},
        {"match_score": 71, "ago": DAY},
        {"match_score": 50, "ago": 7 * DAY},
        {"match_score": 50, "ago": 8 * DAY},
    )
    platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="7", created=NOON - 2 * DAY)
    week = get_match_trends(platform.context(), ADMIN)
    assert (week["labels"][0], week["labels"][-1]) == ("2026-01-14", "2026-01-20")
    assert week["matches"] == [1, 0, 0, 0, 0, 0, 2]
    assert week["averageScores"] == [50, 0, 0, 0, 0, 0, 76]
    assert week["interests"] == [0, 0, 0, 0, 0, 1, 0]
    assert sum(get_match_trends(platform.context(), ADMIN, "month")["matches"]) == 4


def test_the_top_of_the_last_seven_days(platform: Platform) -> None:
    matches(
        platform,
        *({"match_score": n, "driver_name": str(n)} for n in range(50, 61)),
        {"match_score": 99, "driver_name": "edge", "ago": 7 * DAY},
        {"match_score": 99, "driver_name": "old", "ago": 7 * DAY + timedelta(milliseconds=1)},
    )
    top = [match["driver_name"] for match in get_top_matches(platform.context(), ADMIN)]
    assert top == ["edge", *(str(n) for n in range(60, 51, -1))]
    assert len(get_top_matches(platform.context(), ADMIN, 2)) == 2
    assert len(get_top_matches(platform.context(), ADMIN, -1)) == 10


def test_the_summary_of_a_carrier(platform: Platform) -> None:
    platform.put("Carriers", dot_number=7, legal_name="ACME")
    matches(platform, {"match_score": 90}, {"match_score": 61}, {"match_score": 1, "carrier_dot": "8"})
    platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="7")
    for dot in (7, "7"):
        found = get_carrier_match_summary(platform.context(), ADMIN, dot)
        assert (found["carrier"]["legalName"], found["totalMatches"], found["totalInterests"]) == ("ACME", 2, 1)
        assert (found["averageScore"], found["conversionRate"], len(found["recentMatches"])) == (76, 50, 2)
    assert get_carrier_match_summary(platform.context(), ADMIN, "none")["carrier"] is None


def test_the_export_of_matches_is_audited(platform: Platform) -> None:
    matches(
        platform,
        {"driver_name": "+Ann", "carrier_name": 'A "B"', "match_score": 90, "action": "saved", "driver_zip": "07001"},
        {"driver_name": "Bo", "match_score": 10},
    )
    found = export_matches_csv(platform.context(), SUPER, {"minScore": 50})
    assert [*csv.reader(io.StringIO(found["csv"]))][1:] == [
        ["2026-01-21T12:00:00.000Z", 'A "B"', "7", "'+Ann", "07001", "90", "Excellent", "saved"]
    ]
    assert audited(platform) == [("exportData", "matches", "", "admin-2", "sue@example.com")]
