"""Hiring preferences, weights and staffing requests, twenty ways at once."""

from __future__ import annotations

import json
from typing import Any

from at_once import AtOnce, Call
from lmdr.matching.driver_weights import WEIGHTS
from lmdr.services.carrier.leads import submit_carrier_staffing_request, update_lead_status
from lmdr.services.carrier.preferences import (
    create_hiring_preferences,
    deactivate_hiring_preferences,
    get_weight_preferences,
    save_weight_preferences,
    update_hiring_preferences,
)
from lmdr.services.context import Caller

PREFERENCES = "CarrierHiringPreferences"
CALLERS = 20
RAY = Caller("member-ray")
REQUEST = {"companyName": "ACME", "contactName": "Ann", "phone": "555", "staffingType": "full"}


def weights(value: int) -> dict[str, int]:
    return dict.fromkeys(WEIGHTS, value)


def preferences(at_once: AtOnce, **more: Any) -> str:
    row = {"carrier_dot": "77", "is_active": True, "required_cdl_types": ["A"], "target_radius_miles": 100, **more}
    return str(at_once.put(PREFERENCES, **row)["_id"])


def test_a_carriers_weights_are_one_row_and_of_one_caller(at_once: AtOnce) -> None:
    dots = ["77", " 77", "78"]
    answers = at_once.run(Call(save_weight_preferences, dots[n % 3], weights(n + 1)) for n in range(CALLERS))
    assert all(answer["success"] for answer in answers)
    rows = {row["carrier_dot"]: row for row in at_once.rows(PREFERENCES)}
    assert len(at_once.rows(PREFERENCES)) == len(rows) == 2
    for row in rows.values():
        assert len({row[f"weight_{name}"] for name in WEIGHTS}) == 1
        assert row.items() >= {"is_active": True, "required_cdl_types": ["A"], "target_radius_miles": 100}.items()
    assert get_weight_preferences(at_once.context(), "77")["weights"] == weights(rows["77"]["weight_location"])


def test_weights_and_requirements_meet_in_one_row(at_once: AtOnce) -> None:
    at_once.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    row_id = preferences(at_once)
    updates = [Call(update_hiring_preferences, RAY, row_id, {"target_radius_miles": 150})]
    at_once.run([*[Call(save_weight_preferences, "77", weights(9))] * 10, *updates * 10])
    (row,) = at_once.rows(PREFERENCES)
    assert (row["weight_experience"], row["target_radius_miles"], row["_id"]) == (9, 150, row_id)


def test_weights_saved_while_preferences_end_are_in_one_active_row_at_most(at_once: AtOnce) -> None:
    at_once.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    row_id = preferences(at_once)
    saves = [Call(save_weight_preferences, "77", weights(9))]
    at_once.run([*saves * 10, Call(deactivate_hiring_preferences, RAY, row_id), *saves * 9])
    rows = at_once.rows(PREFERENCES)
    assert sum(row["is_active"] for row in rows) == len(rows) - 1 <= 1
    assert {row["_id"] for row in rows if not row["is_active"]} == {row_id}
    # Whoever comes now finds that row, or makes it again beside the one that ended before.
    at_once.run(saves * CALLERS)
    active = [row for row in at_once.rows(PREFERENCES) if row["is_active"]]
    assert len(active) == 1
    at_once.run([Call(deactivate_hiring_preferences, RAY, active[0]["_id"])])
    at_once.run(saves * CALLERS)
    assert [row["is_active"] for row in at_once.rows(PREFERENCES)].count(True) == 1
    assert len(at_once.rows(PREFERENCES)) == 3


def test_preferences_created_at_once_are_all_there(at_once: AtOnce) -> None:
    at_once.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    data = {"carrier_dot": 77, "required_cdl_types": ["A"]}
    calls = [Call(create_hiring_preferences, RAY, {**data, "target_radius_miles": n + 1}) for n in range(CALLERS)]
    answers = at_once.run(calls)
    rows = at_once.rows(PREFERENCES)
    assert sorted(row["target_radius_miles"] for row in rows) == [*range(1, CALLERS + 1)]
    assert {answer["preferences"]["_id"] for answer in answers} == {row["_id"] for row in rows}


def test_a_leads_history_is_a_chain(at_once: AtOnce) -> None:
    lead = submit_carrier_staffing_request(at_once.context(), {**REQUEST, "email": "a@x.test"})["requestId"]
    calls = [Call(update_lead_status, lead, f"status {n}", f"note {n}") for n in range(CALLERS)]
    assert all(answer["success"] for answer in at_once.run(calls))
    row = at_once.row("carrierStaffingRequests", lead)
    entries = json.loads(row["status_history"])
    assert sorted(entry["notes"] for entry in entries) == sorted(f"note {n}" for n in range(CALLERS))
    assert [entry["from"] for entry in entries] == ["new", *(entry["to"] for entry in entries[:-1])]
    assert row["status"] == entries[-1]["to"]


def test_requests_submitted_at_once_are_all_there(at_once: AtOnce) -> None:
    at_once.put("Carriers", dot_number=77, legal_name="ACME")
    calls = [
        Call(submit_carrier_staffing_request, {**REQUEST, "email": f"{n}@x.test", "dotNumber": "77"})
        for n in range(CALLERS)
    ]
    answers = at_once.run(calls)
    rows = at_once.rows("carrierStaffingRequests")
    assert sorted(row["email"] for row in rows) == sorted(f"{n}@x.test" for n in range(CALLERS))
    assert {answer["requestId"] for answer in answers} == {row["_id"] for row in rows}
    assert len({row["linked_carrier_id"] for row in rows}) == 1
