"""The audit log: who reads it, what its filters keep, what its totals leave out, and its CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, SUPER, audited, refuse_all
from lmdr.services.admin import audit as admin_audit
from lmdr.services.admin.access import AccessDenied, AdminError
from lmdr.services.admin.audit import (
    action_label,
    category_of,
    export_audit_log_csv,
    get_action_list,
    get_admin_list,
    get_audit_entry_detail,
    get_audit_log,
    get_audit_stats,
    relative_time,
)
from lmdr.services.admin.changes import log_action
from lmdr.services.admin.lists import first_rows, to_csv
from lmdr.services.context import ANYONE
from platform_kit import NOON, Platform
from runbook.errors import UnknownField
from runbook.json_types import MISSING, Item
from runbook.query import Query

MS = timedelta(milliseconds=1)


def entries(platform: Platform, *rows: dict[str, Any]) -> list[Item]:
    """Entries of the log; `ago`: how long before noon."""
    made = [
        {
            "timestamp": NOON - row.pop("ago", timedelta()),
            "adminId": "admin-1",
            "adminEmail": "ann@example.com",
            "targetType": "carrier",
            **row,
        }
        for row in rows
    ]
    return platform.records.bulk_insert("AdminAuditLog", made)


def listed(platform: Platform, **options: Any) -> tuple[list[str], int]:
    """The targets on a page, and the total."""
    found = get_audit_log(platform.context(), ADMIN, options)
    return [entry["targetId"] for entry in found["entries"]], found["totalCount"]


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "Just now"),
        (timedelta(seconds=59, milliseconds=999), "Just now"),
        (timedelta(minutes=-5), "Just now"),
        (timedelta(minutes=1), "1m ago"),
        (timedelta(minutes=59, seconds=59), "59m ago"),
        (timedelta(hours=1), "1h ago"),
        (timedelta(hours=23, minutes=59), "23h ago"),
        (timedelta(days=1), "1d ago"),
        (timedelta(days=6, hours=23), "6d ago"),
        (timedelta(days=7), "1/14/2026"),
    ],
)
def test_relative_time(ago: timedelta, text: str) -> None:
    assert relative_time(NOON - ago, NOON) == text


def test_relative_time_of_an_invalid_date() -> None:
    assert relative_time(MISSING, NOON) == "Invalid Date"
    assert relative_time("soon", NOON) == "Invalid Date"
    assert relative_time("2026-01-21T11:00:00Z", NOON) == "1h ago"


def test_every_action_has_one_category_and_a_label() -> None:
    assert {category_of(action) for action in admin_audit.OTHERS} == {"other"}
    assert (category_of("bulkSuspend"), category_of("exportData"), category_of("roleChange")) == (
        "driver",
        "system",
        "auth",
    )
    assert (category_of("updateCarrier"), category_of(None), category_of(["flagCarrier"])) == ("other",) * 3
    assert (action_label("flagCarrier"), action_label(None)) == ("Flag Carrier", "Unknown")


def test_csv_is_quoted_and_runs_no_formula() -> None:
    text = to_csv(
        ("A", "B"),
        [('say "hi", ok', "line\nbreak"), (None, True), ("=1+1", "+1"), ("-1", "@x"), (-1, 0.5), ("\t=1", "a=1")],
    )
    assert text.startswith('"A","B"\n"say ""hi"", ok","line\nbreak"\n"","true"\n')
    assert [*csv.reader(io.StringIO(text))][3:] == [["'=1+1", "'+1"], ["'-1", "'@x"], ["-1", "0.5"], ["'\t=1", "a=1"]]
    assert to_csv(("A",), [(datetime(2026, 1, 2, tzinfo=UTC),)]) == '"A"\n"2026-01-02T00:00:00.000Z"\n'


def test_the_log_is_for_admins_and_its_export_for_super_admins(platform: Platform) -> None:
    refuse_all(
        platform,
        (
            get_audit_log, get_audit_stats, get_admin_list, get_action_list, export_audit_log_csv,
            lambda context, caller: get_audit_entry_detail(context, caller, "x"),
        ),
    )  # fmt: skip
    with pytest.raises(AccessDenied, match="Unauthorized: Super admin access required"):
        export_audit_log_csv(platform.context(), ADMIN)
    assert audited(platform) == []


def test_a_page_of_the_log(platform: Platform) -> None:
    entries(
        platform,
        *({"action": "flagCarrier", "targetId": f"c{hour}", "ago": timedelta(hours=hour)} for hour in (2, 1, 3)),
    )
    page = get_audit_log(platform.context(), ADMIN, {"page": 2, "pageSize": 2})
    assert [(e["targetId"], e["actionLabel"], e["category"], e["relativeTime"]) for e in page["entries"]] == [
        ("c3", "Flag Carrier", "carrier", "3h ago")
    ]
    assert {key: page[key] for key in ("totalCount", "page", "pageSize", "totalPages")} == {
        "totalCount": 3,
        "page": 2,
        "pageSize": 2,
        "totalPages": 2,
    }
    assert listed(platform) == (["c1", "c2", "c3"], 3)
    assert listed(platform, sortDirection="asc", sortField="targetId")[0] == ["c1", "c2", "c3"]
    assert listed(platform, page="x", pageSize=-3, sortDirection=7, sortField=None)[0] == ["c1", "c2", "c3"]
    with pytest.raises(AdminError, match=r"^Failed to get the audit log$") as raised:
        listed(platform, sortField="no such field")
    assert isinstance(raised.value.__cause__, UnknownField)


def test_filters_of_the_log(platform: Platform) -> None:
    entries(
        platform,
        {"action": "flagCarrier", "targetId": "c1", "ago": timedelta(days=3)},
        {"action": "verifyDriver", "targetType": "driver", "targetId": "d1", "ago": timedelta(days=1, hours=12)},
        {"action": "updateReview", "targetId": "r1", "adminId": "admin-9", "adminEmail": "zoe@example.com"},
    )
    assert listed(platform, filters={"action": "flagCarrier"}) == (["c1"], 1)
    assert listed(platform, filters={"targetType": "driver"}) == (["d1"], 1)
    # from midnight of the 19th to the last millisecond of the 20th
    assert listed(platform, filters={"dateFrom": "2026-01-19", "dateTo": "2026-01-20"}) == (["d1"], 1)
    assert listed(platform, filters={"dateFrom": "2026-01-21", "dateTo": "2026-01-21T00:00:00Z"}) == (["r1"], 1)
    last = datetime(2026, 1, 18, 23, 59, 59, 999_000, tzinfo=UTC)
    entries(platform, *({"action": "x", "targetId": f"l{ms}", "ago": NOON - last - ms * MS} for ms in (0, 1)))
    assert listed(platform, filters={"action": "x", "dateTo": "2026-01-18"}) == (["l0"], 1)
    with pytest.raises(AdminError, match="Invalid date"):
        listed(platform, filters={"dateFrom": "soon"})


def test_the_total_does_not_know_category_admin_and_search(platform: Platform) -> None:
    entries(
        platform,
        {"action": "flagCarrier", "targetId": "c1", "ago": timedelta(hours=3)},
        {"action": "verifyDriver", "targetId": "d1", "ago": timedelta(hours=2)},
        {"action": "updateReview", "targetId": "Ann-7", "adminId": "admin-9", "adminEmail": "zoe@example.com"},
    )
    assert listed(platform, filters={"category": "driver"}) == (["d1"], 3)
    assert listed(platform, filters={"category": "other"}) == (["Ann-7"], 3)
    assert listed(platform, filters={"category": "no such"}) == ([], 3)
    assert listed(platform, filters={"adminId": "admin-9"}) == (["Ann-7"], 3)
    assert listed(platform, filters={"search": "ANN@"}) == (["d1", "c1"], 3)
    # What the search finds in a target's id passes by the filters before it.
    assert listed(platform, filters={"search": "ann", "action": "flagCarrier"}) == (["Ann-7", "c1"], 1)


def test_an_entry_in_detail(platform: Platform) -> None:
    carrier = platform.put("Carriers", dot_number=7, legal_name="ACME")
    made = entries(
        platform,
        *(
            {"action": "flagCarrier", "targetId": carrier["_id"], "ago": timedelta(minutes=minute)}
            for minute in range(12)
        ),
        {"action": "verifyDriver", "targetType": "driver", "targetId": "gone"},
        {"action": "exportData", "targetType": "matches", "targetId": None},
    )
    detail = get_audit_entry_detail(platform.context(), ADMIN, made[0]["_id"])
    assert detail["target"] == {"type": "carrier", "id": carrier["_id"], "name": "ACME"}
    assert [other["_id"] for other in detail["relatedEntries"]] == [entry["_id"] for entry in made[1:11]]
    for entry in made[12:]:
        detail = get_audit_entry_detail(platform.context(), ADMIN, entry["_id"])
        assert (detail["entry"]["action"], detail["target"], detail["relatedEntries"]) == (entry["action"], None, [])
    with pytest.raises(AdminError, match="Audit entry not found"):
        get_audit_entry_detail(platform.context(), ADMIN, "no such")


def test_figures_of_the_log(platform: Platform) -> None:
    assert get_audit_stats(platform.context(), ADMIN)["dailyAverage"] == 0
    entries(
        platform,
        *({"action": "flagCarrier", "ago": timedelta(days=1)} for _ in range(8)),
        {"action": "verifyDriver", "ago": timedelta(hours=12), "adminEmail": "zoe@example.com"},
        {"action": "verifyDriver", "ago": timedelta(hours=12, milliseconds=1), "adminEmail": "zoe@example.com"},
        {"action": "verifyDriver", "ago": timedelta(days=7)},
        {"action": "resolveAlert", "ago": timedelta(days=7, milliseconds=1)},
        {"action": "resolveAlert", "ago": timedelta(days=31)},
    )
    stats = get_audit_stats(platform.context(), ADMIN)
    assert stats == {
        "total": 13,
        "today": 1,
        "thisWeek": 11,
        "thisMonth": 12,
        "dailyAverage": 2,
        "topAdmins": [{"admin": "ann@example.com", "count": 9}, {"admin": "zoe@example.com", "count": 2}],
        "topActions": [
            {"action": "flagCarrier", "label": "Flag Carrier", "count": 8},
            {"action": "verifyDriver", "label": "Verify Driver", "count": 3},
        ],
    }


def test_the_admins_and_actions_for_filters(platform: Platform) -> None:
    log_action(platform.context(), ANYONE, "exportData", "system")
    log_action(platform.context(), SUPER, "exportData", "system")
    log_action(platform.context(), ADMIN, "flagCarrier", "carrier", "c1", {"reason": "late", "at": NOON})
    assert get_admin_list(platform.context(), ADMIN) == [
        {"id": "admin-1", "email": "ann@example.com"},
        {"id": "admin-2", "email": "sue@example.com"},
        {"id": "system", "email": "system"},
    ]
    [row] = platform.records.query("AdminAuditLog", Query().eq("targetId", "c1"))
    assert (row["details"], row["timestamp"]) == ({"reason": "late", "at": NOON}, NOON)
    actions = get_action_list(platform.context(), ADMIN)
    assert {"value": "bulkVerify", "label": "Bulk Verify", "category": "driver"} in actions
    assert len({action["value"] for action in actions}) == len(actions) == 32


def test_the_export_is_audited_itself(platform: Platform) -> None:
    entries(
        platform,
        {"action": "flagCarrier", "targetId": "c1", "details": {"reason": 'a "b"'}, "adminEmail": "=cmd()"},
        {"action": "verifyDriver", "targetId": "d1"},
    )
    found = export_audit_log_csv(platform.context(), SUPER, {"action": "flagCarrier"})
    assert (found["count"], found["fileName"]) == (1, "audit-log-2026-01-21.csv")
    assert [*csv.reader(io.StringIO(found["csv"]))] == [
        ["Timestamp", "Action", "Category", "Admin Email", "Target Type", "Target ID", "Details"],
        ["2026-01-21T12:00:00.000Z", "flagCarrier", "carrier", "'=cmd()", "carrier", "c1", '{"reason": "a \\"b\\""}'],
    ]
    assert ("exportAuditLog", "system", "", "admin-2", "sue@example.com") in audited(platform)


def test_an_export_reads_on_from_page_to_page(platform: Platform) -> None:
    platform.records.bulk_insert("SystemAlerts", [{"n": n} for n in range(1100)])
    found = first_rows(platform.records, "SystemAlerts", Query().ascending("n"), 1050)
    assert [row["n"] for row in found] == [*range(1050)]
    assert len(first_rows(platform.records, "SystemAlerts", Query(), 5000)) == 1100
