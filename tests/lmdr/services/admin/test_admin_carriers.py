"""Carriers as admins keep them: lists and detail, every change audited, changes of many, CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, audited, refuse_all
from lmdr.services.admin.access import AdminError
from lmdr.services.admin.carriers import (
    bulk_update_carriers,
    enrichment_status,
    export_carriers_csv,
    flag_carrier,
    get_carrier_detail,
    get_carrier_stats,
    get_carriers_list,
    get_state_distribution,
    refresh_carrier_enrichment,
    unflag_carrier,
    update_carrier_status,
)
from platform_kit import NOON, Platform

DAY, MS = timedelta(days=1), timedelta(milliseconds=1)
FLEET = (
    {"dot_number": 71, "legal_name": "Acme", "phy_city": "Austin", "phy_state": "TX", "nbr_power_unit": 49,
     "status": "active", "safety_rating": "SATISFACTORY"},
    {"dot_number": 72, "legal_name": "Best", "phy_city": "Acme City", "phy_state": "OK", "nbr_power_unit": 50,
     "status": "inactive"},
    {"dot_number": 73, "legal_name": "Cargo 71", "phy_state": "TX", "nbr_power_unit": 200, "status": "active"},
    {"dot_number": 74, "legal_name": "Dead End", "is_hiring": True},
)  # fmt: skip


def fleet(platform: Platform) -> list[str]:
    """Four carriers; their ids."""
    return [row["_id"] for row in platform.records.bulk_insert("Carriers", FLEET)]


def listed(platform: Platform, **filters: Any) -> tuple[list[int], int]:
    """The DOT numbers on a page, and the total."""
    found = get_carriers_list(platform.context(), ADMIN, {"filters": filters})
    return [carrier["dot_number"] for carrier in found["carriers"]], found["totalCount"]


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), "fresh"),
        (7 * DAY, "fresh"),
        (7 * DAY + MS, "stale"),
        (14 * DAY, "stale"),
        (14 * DAY + MS, "expired"),
    ],
)
def test_the_age_of_an_enrichment(age: timedelta, status: str) -> None:
    assert enrichment_status(NOON - age, NOON) == status


def test_no_date_is_no_enrichment() -> None:
    assert enrichment_status(None, NOON) == enrichment_status("soon", NOON) == "none"


def test_carriers_are_for_admins(platform: Platform) -> None:
    carrier = platform.put("Carriers", dot_number=7, status="active")
    platform.put("CarrierEnrichments", dot_number="7")
    item_id = carrier["_id"]
    refuse_all(
        platform,
        (
            get_carriers_list, get_carrier_stats, get_state_distribution, export_carriers_csv,
            lambda context, caller: get_carrier_detail(context, caller, item_id),
            lambda context, caller: update_carrier_status(context, caller, item_id, "suspended"),
            lambda context, caller: flag_carrier(context, caller, item_id),
            lambda context, caller: unflag_carrier(context, caller, item_id),
            lambda context, caller: refresh_carrier_enrichment(context, caller, item_id),
            lambda context, caller: bulk_update_carriers(context, caller, [item_id], "flag"),
        ),
    )  # fmt: skip
    assert platform.row("Carriers", item_id) == carrier
    assert (len(platform.rows("CarrierEnrichments")), audited(platform)) == (1, [])


def test_filters_of_carriers_and_the_total_that_applies_only_the_status(platform: Platform) -> None:
    fleet(platform)
    assert listed(platform) == ([71, 72, 73, 74], 4)
    assert listed(platform, status="active") == ([71, 73], 2)
    assert listed(platform, state="TX", fleetSize="large") == ([73], 4)
    assert listed(platform, fleetSize="small") == ([71], 4)
    assert listed(platform, fleetSize="medium") == ([72], 4)
    assert listed(platform, fleetSize="huge") == ([], 4)
    assert listed(platform, safetyRating="SATISFACTORY") == ([71], 4)
    assert listed(platform, search="ACME") == ([71, 72], 4)
    assert listed(platform, search="acme", state="OK", status="inactive") == ([72], 1)
    # The number finds the carrier of that DOT number, beside the one whose name holds it; a part of it finds none.
    assert listed(platform, search="71") == ([71, 73], 4)
    assert listed(platform, search="74") == ([74], 4)
    assert listed(platform, search="7") == ([73], 4)


def test_a_page_of_carriers_has_the_status_of_enrichments(platform: Platform) -> None:
    fleet(platform)
    for dot, age in (("71", 1), ("72", 8), ("73", 15)):
        platform.put("CarrierEnrichments", dot_number=dot, enriched_date=NOON - age * DAY)
    page = get_carriers_list(platform.context(), ADMIN)
    assert [(carrier["enrichmentStatus"], carrier["fleetCategory"]) for carrier in page["carriers"]] == [
        ("fresh", "small"), ("stale", "medium"), ("expired", "large"), ("none", "unknown"),
    ]  # fmt: skip
    assert (page["pageSize"], page["totalPages"]) == (25, 1)
    page = get_carriers_list(platform.context(), ADMIN, {"page": 2, "pageSize": 3, "sortDirection": "desc"})
    assert [carrier["dot_number"] for carrier in page["carriers"]] == [71]


def test_a_carrier_in_detail(platform: Platform) -> None:
    [acme, *_, bare] = fleet(platform)
    platform.put("CarrierSafetyData", dot_number="71", safety_rating="Satisfactory")
    platform.put("CarrierEnrichments", dot_number="71", ai_summary="Fine", enriched_date=NOON)
    events = [{"carrier_dot": "71", "timestamp": NOON - n * DAY, "match_score": n} for n in range(21)]
    platform.records.bulk_insert("MatchEvents", events)
    platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="71")
    detail = get_carrier_detail(platform.context(), ADMIN, acme)
    assert (detail["safetyData"]["safety_rating"], detail["enrichment"]["ai_summary"]) == ("Satisfactory", "Fine")
    assert (detail["carrier"]["enrichmentStatus"], len(detail["interests"])) == ("fresh", 1)
    assert [match["match_score"] for match in detail["matches"]] == [*range(20)]
    detail = get_carrier_detail(platform.context(), ADMIN, bare)
    assert (detail["safetyData"], detail["enrichment"], detail["matches"], detail["interests"]) == (None, None, [], [])
    with pytest.raises(AdminError, match="Carrier not found"):
        get_carrier_detail(platform.context(), ADMIN, "no such")


def test_a_status_leaves_a_line_in_the_history_and_in_the_log(platform: Platform) -> None:
    [acme, *_] = fleet(platform)
    update_carrier_status(platform.context(), ADMIN, acme, "suspended", "late")
    update_carrier_status(platform.context(), ADMIN, acme, "active")
    row = platform.row("Carriers", acme)
    assert (row["status"], row["legal_name"]) == ("active", "Acme")
    same = {"changedAt": NOON, "changedBy": "admin-1"}
    assert row["statusHistory"] == [
        {"from": "active", "to": "suspended", "reason": "late", **same},
        {"from": "suspended", "to": "active", "reason": "", **same},
    ]
    assert audited(platform) == [("updateCarrierStatus", "carrier", acme, "admin-1", "ann@example.com")] * 2
    details = [entry["details"] for entry in platform.rows("AdminAuditLog")]
    assert {"previousStatus": "active", "newStatus": "suspended", "reason": "late"} in details


@pytest.mark.parametrize("status", ["Active", "pending", "", None])
def test_no_other_status(platform: Platform, status: Any) -> None:
    carrier = platform.put("Carriers", dot_number=7, status="active")
    with pytest.raises(AdminError, match="Invalid status"):
        update_carrier_status(platform.context(), ADMIN, carrier["_id"], status)
    assert (platform.row("Carriers", carrier["_id"]), audited(platform)) == (carrier, [])


def test_a_flag_is_set_and_removed(platform: Platform) -> None:
    [acme, *_] = fleet(platform)
    flag_carrier(platform.context(), ADMIN, acme, "complaints")
    row = platform.row("Carriers", acme)
    flagged = (row["isFlagged"], row["flagReason"], row["flaggedAt"], row["status"])
    assert flagged == (True, "complaints", NOON, "pending_review")
    assert "is_flagged" not in row
    unflag_carrier(platform.context(), ADMIN, acme)
    row = platform.row("Carriers", acme)
    assert (row["isFlagged"], row["flagReason"], row["flaggedAt"], row["status"]) == (False, None, None, "active")
    assert [entry[:3] for entry in audited(platform)] == [
        ("flagCarrier", "carrier", acme),
        ("unflagCarrier", "carrier", acme),
    ]


def test_a_refresh_deletes_the_cached_enrichment(platform: Platform) -> None:
    [acme, *_] = fleet(platform)
    platform.put("CarrierEnrichments", dot_number="71")
    other = platform.put("CarrierEnrichments", dot_number="711")
    assert refresh_carrier_enrichment(platform.context(), ADMIN, acme)["cleared"] is True
    assert [row["_id"] for row in platform.rows("CarrierEnrichments")] == [other["_id"]]
    assert refresh_carrier_enrichment(platform.context(), ADMIN, acme)["cleared"] is False
    assert [entry[:3] for entry in audited(platform)] == [("refreshEnrichment", "carrier", acme)] * 2


@pytest.mark.parametrize(
    ("action", "audit", "changed"),
    [
        ("activate", "bulkActivate", {"status": "active"}),
        ("deactivate", "bulkDeactivate", {"status": "inactive"}),
        ("flag", "bulkFlag", {"isFlagged": True, "status": "pending_review"}),
        ("unflag", "bulkUnflag", {"isFlagged": False, "status": "active"}),
        ("refreshEnrichment", "bulkRefreshEnrichment", {}),
    ],
)
def test_many_at_once(platform: Platform, action: str, audit: str, changed: dict[str, Any]) -> None:
    ids = fleet(platform)[:2]
    platform.put("CarrierEnrichments", dot_number="72")
    found = bulk_update_carriers(platform.context(), ADMIN, [ids[0], "no such", 7, ids[1]], action)  # type: ignore[list-item]
    assert found == {
        "success": 2,
        "failed": 2,
        "errors": [
            {"id": "no such", "error": "Carrier not found"},
            {"id": 7, "error": "Failed to update the carrier"},
        ],
    }
    for item_id in ids:
        assert platform.row("Carriers", item_id).items() >= changed.items()
    assert len(platform.rows("CarrierEnrichments")) == (0 if action == "refreshEnrichment" else 1)
    log = audited(platform)
    assert (audit, "carrier", "", "admin-1", "ann@example.com") in log
    assert sorted(target for _, _, target, *_ in log if target) == sorted(ids)


def test_an_unknown_action_changes_nothing(platform: Platform) -> None:
    ids = fleet(platform)
    with pytest.raises(AdminError, match="Invalid action"):
        bulk_update_carriers(platform.context(), ADMIN, ids, "delete")
    assert (len(platform.rows("Carriers")), audited(platform)) == (4, [])


def test_figures_and_states(platform: Platform) -> None:
    fleet(platform)
    platform.put("Carriers", dot_number=75, isFlagged=True, status="pending_review")
    platform.put("CarrierEnrichments", dot_number="71")
    assert get_carrier_stats(platform.context(), ADMIN) == {
        "total": 5,
        "byStatus": {"active": 2, "inactive": 1, "suspended": 0, "pending_review": 1},
        "flagged": 1,
        "byFleetSize": {"small": 1, "medium": 1, "large": 1},
        "enriched": 1,
    }
    states = get_state_distribution(platform.context(), ADMIN)
    assert states[-1] == {"state": "OK", "count": 1}
    assert {state["state"]: state["count"] for state in states} == {"TX": 2, "Unknown": 2, "OK": 1}


def test_the_export_of_carriers_is_audited(platform: Platform) -> None:
    fleet(platform)
    platform.put("Carriers", dot_number=75, legal_name="=HYPERLINK()", phy_state="TX", isFlagged=True)
    found = export_carriers_csv(platform.context(), ADMIN, {"state": "TX"})
    rows = [*csv.DictReader(io.StringIO(found["csv"]))]
    assert [row["Legal Name"] for row in rows] == ["'=HYPERLINK()", "Acme", "Cargo 71"]
    assert (rows[0]["DOT Number"], rows[0]["Flagged"], rows[1]["Power Units"]) == ("75", "true", "49")
    assert found["count"] == 3
    assert audited(platform) == [("exportData", "carrier", "", "admin-1", "ann@example.com")]
