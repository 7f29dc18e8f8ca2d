"""What programs, jobs and logs write, twenty times at once: one row a key, no update lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from at_once import AtOnce, Call
from lmdr.services.airtable_client import create_interest, insert_carrier, insert_driver, update_carrier
from lmdr.services.carrier.enrichment import enrich_carrier
from lmdr.services.context import Caller, Context
from lmdr.services.driver.profiles import get_or_create_driver_profile, log_carrier_interest
from lmdr.services.fmcsa.client import Fmcsa
from lmdr.services.fmcsa.safety_data import get_carrier_safety_data
from lmdr.services.jobs import backfill_searchable_drivers
from lmdr.services.observability.logs import end_trace, log, start_span, start_trace
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query

CALLERS = 20
DRIVER = Caller("member-1", "driver-1@example.com")


def inserted(results: list[Any]) -> list[Item]:
    return [result for result in results if isinstance(result, dict)]


# Look-up keys stay unique


def test_carriers_inserted_at_once_have_a_dot_number_each(at_once: AtOnce) -> None:
    calls = [Call(insert_carrier, {"dot_number": 70 + n % 2, "legal_name": f"{n}"}) for n in range(CALLERS)]
    assert len(inserted(at_once.run(calls, expected=(ItemExists,)))) == 2
    assert sorted(row["dot_number"] for row in at_once.rows("Carriers")) == [70, 71]


def test_a_dot_number_is_given_to_one_carrier(at_once: AtOnce) -> None:
    ids = [at_once.put("Carriers", dot_number=n)["_id"] for n in range(10)]
    updates = [Call(update_carrier, carrier_id, {"dot_number": "77"}) for carrier_id in ids]
    results = at_once.run([*updates, *[Call(insert_carrier, {"dot_number": 77})] * 10], expected=(ItemExists,))
    assert len(inserted(results)) == 1
    assert at_once.records.count("Carriers", Query().eq("dot_number", 77), consistent=True) == 1


def test_a_member_has_one_profile_whoever_adds_it(at_once: AtOnce) -> None:
    adds = [Call(insert_driver, {"_owner": "member-1", "display_name": "Ada"})] * 10
    at_once.run([*adds, *[Call(get_or_create_driver_profile, DRIVER)] * 10], expected=(ItemExists,))
    assert len(at_once.rows("DriverProfiles")) == 1


def test_a_driver_and_a_carrier_have_one_interest_whoever_adds_it(at_once: AtOnce) -> None:
    driver = at_once.put("DriverProfiles", _owner="member-1")["_id"]
    carrier, other = (at_once.put("Carriers", dot_number=dot)["_id"] for dot in (77, 78))
    interest = {"carrierDOT": 77, "carrierName": "ACME", "matchScore": 80, "action": "interested"}
    calls = [Call(create_interest, driver, carrier, {"match_score": n}) for n in range(9)]
    calls += [Call(create_interest, driver, other), *[Call(log_carrier_interest, DRIVER, interest)] * 10]
    results = at_once.run(calls, expected=(ItemExists,))
    rows = at_once.rows("DriverCarrierInterests")
    assert sorted((row["driver_id"], row["carrier_dot"]) for row in rows) == [(driver, "77"), (driver, "78")]
    assert len(inserted(results[:9])) + sum(result["isNew"] for result in results[10:]) == 1


# Caches


def research(prompt: str, **how: Any) -> dict[str, Any]:
    return {"content": "It hires.", "citations": []}


def synthesis(prompt: str, **how: Any) -> str:
    return json.dumps({"ai_summary": "Fine."})


def test_enrichments_at_once_are_one_row_and_all_count(at_once: AtOnce) -> None:
    at_once.put("CarrierEnrichments", dot_number="77", match_count=5, sentiment_score=3, pay_insights="old")
    calls = [Call(enrich_carrier, dot, {"dot_number": dot}) for dot in (77, 78) * 10]
    results = at_once.run(calls, providers={"perplexity": research, "claude": synthesis})
    fetched = Counter(result["dot_number"] for result in results if not result["fromCache"])
    rows = {row["dot_number"]: row for row in at_once.rows("CarrierEnrichments")}
    assert len(at_once.rows("CarrierEnrichments")) == 2
    assert (rows["77"]["match_count"], rows["78"]["match_count"]) == (5 + fetched["77"], fetched["78"])
    assert (rows["77"]["ai_summary"], rows["77"].keys() & {"sentiment_score", "pay_insights"}) == ("Fine.", set())


def fmcsa(path: str, timeout: float) -> tuple[int, Any]:
    if path.endswith("/basics"):
        return 200, {"content": []}
    return 200, {"content": {"carrier": {"legalName": "ACME", "allowedToOperate": "Y"}}}


def refreshed(context: Context, dot: int) -> dict[str, Any]:
    return get_carrier_safety_data(replace(context, providers={"fmcsa": Fmcsa(fmcsa)}), dot, force_refresh=True)


def test_safety_data_fetched_at_once_are_one_row_and_all_count(at_once: AtOnce) -> None:
    assert all(result["success"] for result in at_once.run([Call(refreshed, dot) for dot in (77, 78) * 10]))
    rows = at_once.rows("CarrierSafetyData")
    assert sorted((row["dot_number"], row["lookup_count"]) for row in rows) == [("77", 10), ("78", 10)]


# Logs and jobs


def test_spans_and_the_end_of_a_trace_at_once_are_all_kept(at_once: AtOnce) -> None:
    (started,) = at_once.run([Call(start_trace, "search")])
    trace = started["traceId"]
    calls = [Call(start_span, trace, f"{n}") for n in range(CALLERS - 1)]
    results = at_once.run([*calls, Call(end_trace, trace, "completed")])
    assert all(result["success"] for result in results)
    (row,) = at_once.rows("SystemTraces")
    assert sorted(int(span["name"]) for span in row["spans"]) == list(range(CALLERS - 1))
    assert len({span["spanId"] for span in row["spans"]}) == CALLERS - 1
    assert row["status"] == "completed"


def test_lines_logged_at_once_are_all_there(at_once: AtOnce) -> None:
    results = at_once.run([Call(log, {"level": "ERROR", "message": f"{n}"}) for n in range(CALLERS)])
    assert all(result["success"] for result in results)
    for collection in ("SystemLogs", "SystemErrors"):
        assert sorted(int(row["message"]) for row in at_once.rows(collection)) == list(range(CALLERS))


def test_backfills_at_once_update_each_driver_once(at_once: AtOnce) -> None:
    waiting = [{"docs_submitted": True, "is_searchable": False} for _ in range(25)]
    at_once.records.bulk_insert("DriverProfiles", [*waiting, {"docs_submitted": True, "migration_note": "done"}])
    results = at_once.run([Call(backfill_searchable_drivers)] * CALLERS)
    assert sum(result["updated"] for result in results) == 25
    assert sum(row.get("is_searchable") is True for row in at_once.rows("DriverProfiles")) == 25


def test_a_driver_who_hides_during_a_backfill_stays_hidden(at_once: AtOnce) -> None:
    shown = at_once.put("DriverProfiles", _id="d", docs_submitted=True, is_searchable=False)
    assert at_once.run([Call(backfill_searchable_drivers)])[0]["updated"] == 1
    hide = Call(_hide, shown["_id"])
    at_once.run([hide, *[Call(backfill_searchable_drivers)] * 10])
    assert at_once.row("DriverProfiles", "d")["is_searchable"] is False


def _hide(context: Context, driver: str) -> None:
    context.records.patch("DriverProfiles", driver, {"is_searchable": False})
