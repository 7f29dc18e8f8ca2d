"""Two callers up to two seconds apart, where a request takes 0.6 s as at Airtable: neither loses what the other wrote."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from at_once import AtOnce, Call
from lmdr.matching.driver_weights import WEIGHTS
from lmdr.services.carrier.leads import submit_carrier_staffing_request, update_lead_status
from lmdr.services.carrier.preferences import save_weight_preferences
from lmdr.services.context import Caller
from lmdr.services.driver.applications import submit_application
from lmdr.services.driver.profiles import log_carrier_interest, update_driver_preferences
from lmdr.services.recruiter.pipeline import update_candidate_status
from lmdr.services.recruiter.profile import add_carrier
from runbook.json_types import Item

pytestmark = pytest.mark.slow
SECONDS = 0.6
"""Of a request."""
APART = (0.0, 0.3, 0.6, 0.9, 1.3, 2.0)
"""Seconds between the two callers; each two have rows of their own."""
RAY = Caller("member-ray")
LEAD = {"companyName": "ACME", "contactName": "Ann", "phone": "555", "staffingType": "full"}


def driver(number: int) -> Caller:
    return Caller(f"driver-{number}")


def history(row: Item) -> list[Item]:
    return list(json.loads(row["status_history"]))


@pytest.mark.parametrize(
    "at_once", ["wix", "airtable", "two processes on airtable", "two processes on airtable through the journal"], indirect=True
)  # fmt: skip
def test_neither_loses_what_the_other_wrote(at_once: AtOnce) -> None:
    profiles = [{"_id": f"profile-{n}", "_owner": f"driver-{n}", "total_searches": 1} for n in range(len(APART))]
    at_once.records.bulk_insert("DriverProfiles", profiles)
    dots = [str(70 + n) for n in range(len(APART))]
    at_once.records.bulk_insert("Carriers", [{"dot_number": int(dot), "legal_name": "ACME"} for dot in dots])
    links = [{"recruiter_id": RAY.member_id, "carrier_dot": dot, "is_active": True} for dot in dots]
    at_once.records.bulk_insert("recruiterCarriers", links)
    candidates = [{"_id": f"candidate-{n}", "driver_id": f"old-{n}", "carrier_dot": dots[n]} for n in range(len(APART))]
    at_once.records.bulk_insert("DriverCarrierInterests", candidates)
    context = at_once.context()
    leads = [submit_carrier_staffing_request(context, {**LEAD, "email": f"{dot}@x.test"})["requestId"] for dot in dots]

    calls, after = [], []
    for n, apart in enumerate(APART):
        form = {"carrierDOT": dots[n], "phone": "555", "matchScore": 80, "action": "applied"}
        statuses = ("in_review", "offer")
        for caller in (0, 1):
            calls += [
                Call(update_driver_preferences, driver(n), {"homeZip": "75201"}),
                Call((log_carrier_interest, submit_application)[caller], driver(n), form),
                Call(update_candidate_status, RAY, f"candidate-{n}", statuses[caller]),
                Call(add_carrier, Caller(f"new-{n}"), dots[n]),
                Call(save_weight_preferences, dots[n], dict.fromkeys(WEIGHTS, caller + 1)),
                Call(update_lead_status, leads[n], statuses[caller]),
            ]
            after += [caller * apart] * 6
    # In two processes every second call is the other's: what both callers of a pair do is made in both.
    order = [n + caller * 6 for start in range(0, len(calls), 12) for n in range(start, start + 6) for caller in (0, 1)]
    with at_once.slow(SECONDS):
        answers = at_once.run([calls[n] for n in order], after=[after[n] for n in order])

    assert all(answer["success"] for answer in answers)
    assert [row["total_searches"] for row in at_once.rows("DriverProfiles")] == [3] * len(APART)
    rows = at_once.rows("DriverCarrierInterests")
    assert Counter(row["carrier_dot"] for row in rows) == dict.fromkeys(dots, 2)
    applied = [row for row in rows if row["driver_id"].startswith("profile")]
    assert {(row["status"], row["match_score"]) for row in applied} == {("applied", 80)}
    for row in rows:
        if row["_id"].startswith("candidate"):
            assert sorted(entry["status"] for entry in history(row)) == ["in_review", "offer"]
            assert row["status"] == history(row)[-1]["status"]
    new = [row for row in at_once.rows("recruiterCarriers") if row["recruiter_id"] != RAY.member_id]
    assert sorted(row["carrier_dot"] for row in new) == dots
    weights = at_once.rows("CarrierHiringPreferences")
    assert sorted(row["carrier_dot"] for row in weights) == dots
    assert all(len({row[f"weight_{name}"] for name in WEIGHTS}) == 1 for row in weights)
    for row in at_once.rows("carrierStaffingRequests"):
        first, second = history(row)
        assert (first["from"], second["from"], row["status"]) == ("new", first["to"], second["to"])
