"""What admins do to the same rows, twenty times at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from admin_kit import ADMIN, SUPER
from at_once import AtOnce, Call, Raised
from lmdr.services.admin import carriers, dashboard, drivers, moderation
from lmdr.services.admin.access import AdminError

WAYS = ("wix", "airtable", "two processes on wix", "two processes on airtable")
pytestmark = [  # admins wait for Airtable: none of their writes goes through the journal
    pytest.mark.slow,
    pytest.mark.parametrize("at_once", WAYS, indirect=True),
]
CALLERS = 20


def actions(at_once: AtOnce) -> Counter[str]:
    return Counter(row["action"] for row in at_once.rows("AdminAuditLog"))


def chained(history: list[dict[str, Any]], first: str | None) -> bool:
    """Whether each entry starts from what the one before it set."""
    before = [first, *[entry["to"] for entry in history[:-1]]]
    return [entry.get("from") for entry in history] == before


@pytest.mark.parametrize(
    ("collection", "function", "statuses", "key"),
    [
        ("Carriers", carriers.update_carrier_status, ("inactive", "suspended"), "status"),
        ("Carriers", drivers.update_carrier_status, ("inactive", "suspended"), "admin_status"),
        ("DriverProfiles", drivers.update_driver_status, ("pending", "suspended"), "status"),
    ],
)
def test_every_status_set_at_once_is_in_the_history(
    at_once: AtOnce, collection: str, function: Any, statuses: tuple[str, str], key: str
) -> None:
    row = at_once.put(collection, **{key: "active"}, **({"dot_number": 7} if collection == "Carriers" else {}))
    at_once.run([Call(function, ADMIN, row["_id"], statuses[n % 2], f"{n}") for n in range(CALLERS)])
    stored = at_once.row(collection, row["_id"])
    history = stored["statusHistory"]
    assert sorted(int(entry["reason"]) for entry in history) == list(range(CALLERS))
    assert chained(history, "active")
    assert stored[key] == history[-1]["to"]
    audit = at_once.rows("AdminAuditLog")
    assert Counter(entry["details"]["previousStatus"] for entry in audit) == Counter(e["from"] for e in history)


def test_flags_and_statuses_at_once_lose_no_entry(at_once: AtOnce) -> None:
    row = at_once.put("Carriers", dot_number=7, status="active")["_id"]
    calls = [Call(carriers.update_carrier_status, ADMIN, row, "inactive", f"{n}") for n in range(10)]
    calls += [Call(carriers.flag_carrier, SUPER, row, "fraud"), Call(carriers.unflag_carrier, SUPER, row)] * 5
    at_once.run(calls)
    assert len(at_once.row("Carriers", row)["statusHistory"]) == 10
    assert actions(at_once) == {"updateCarrierStatus": 10, "flagCarrier": 5, "unflagCarrier": 5}


def test_bulk_and_single_changes_at_once_lose_no_entry(at_once: AtOnce) -> None:
    rows = [{"_id": f"c{n}", "dot_number": n, "status": "active"} for n in range(12)]
    at_once.records.bulk_insert("Carriers", rows)
    ids = [row["_id"] for row in rows]
    bulk = [Call(carriers.bulk_update_carriers, ADMIN, [*ids, "nobody", "c0"], "deactivate")] * 5
    single = [Call(carriers.update_carrier_status, SUPER, "c3", "suspended", "x")] * 5
    results = at_once.run([*bulk, *single])
    for result in results[:5]:
        assert (result["success"], result["failed"]) == (13, 1)
        assert result["errors"] == [{"id": "nobody", "error": "Carrier not found"}]
    histories = {row["_id"]: row["statusHistory"] for row in at_once.rows("Carriers")}
    assert {name: len(history) for name, history in histories.items()} == dict.fromkeys(ids, 5) | {"c3": 10}
    assert all(chained(history, "active") for history in histories.values())
    assert actions(at_once) == {"updateCarrierStatus": 12 * 5 + 5, "bulkDeactivate": 5}


def test_an_alert_resolved_twenty_times_is_resolved_and_audited_once(at_once: AtOnce) -> None:
    alert = at_once.put("SystemAlerts", type="info", message="Fine")["_id"]
    callers = [ADMIN, SUPER] * 10
    results = at_once.run([Call(dashboard.resolve_alert, caller, alert) for caller in callers])
    assert all(result["success"] for result in results)
    (entry,) = at_once.rows("AdminAuditLog")
    assert at_once.row("SystemAlerts", alert)["resolvedBy"] == entry["adminId"]


def test_an_enrichment_cleared_twenty_times_is_cleared_once(at_once: AtOnce) -> None:
    at_once.records.bulk_insert("Carriers", [{"_id": f"c{n}", "dot_number": n} for n in (1, 2)])
    at_once.records.bulk_insert("CarrierEnrichments", [{"dot_number": f"{n}"} for n in (1, 2)])
    single = [Call(carriers.refresh_carrier_enrichment, ADMIN, "c1")] * 10
    bulk = [Call(carriers.bulk_update_carriers, ADMIN, ["c1", "c2"], "refreshEnrichment")] * 10
    results = at_once.run([*single, *bulk])
    assert sum(result["cleared"] for result in results[:10]) <= 1
    assert all(result["failed"] == 0 for result in results[10:])
    assert at_once.rows("CarrierEnrichments") == []
    assert actions(at_once) == {"refreshEnrichment": 30, "bulkRefreshEnrichment": 10}


def test_documents_moderated_at_once_are_all_decided_and_audited(at_once: AtOnce) -> None:
    at_once.put("AdminUsers", email=ADMIN.email, status="active")
    driver = at_once.put("DriverProfiles", display_name="Ada")["_id"]
    kinds = moderation.DOCUMENTS
    calls = [Call(moderation.update_document_status, ADMIN, driver, kinds[n % 3], "approved") for n in range(CALLERS)]
    at_once.run(calls)
    row = at_once.row("DriverProfiles", driver)
    assert [row[f"{kind}_status"] for kind in kinds] == ["approved"] * 3
    assert actions(at_once) == {"updateDocument": CALLERS}


def test_what_is_removed_meanwhile_is_not_found(at_once: AtOnce) -> None:
    row = at_once.put("Carriers", dot_number=7)["_id"]
    at_once.records.remove("Carriers", row)
    found = at_once.run([Call(carriers.flag_carrier, ADMIN, row, "x")] * 2, expected=(AdminError,))
    assert found == [Raised("AdminError", "Carrier not found")] * 2
    assert at_once.rows("AdminAuditLog") == []
