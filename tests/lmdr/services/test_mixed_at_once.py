"""Different services at once on the same rows: the only row of a pair, its history, and who may see what."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from at_once import AtOnce, Call
from lmdr.services.airtable_client import create_interest, update_interest_status
from lmdr.services.context import Caller
from lmdr.services.driver.applications import submit_application, withdraw_application
from lmdr.services.driver.carrier_matching import log_match_event
from lmdr.services.driver.profiles import log_carrier_interest, remove_carrier_interest, update_driver_preferences
from lmdr.services.recruiter.outreach import save_driver_to_pipeline, send_message_to_driver
from lmdr.services.recruiter.pipeline import add_recruiter_notes, update_candidate_status
from runbook.errors import ItemExists, NoSuchItem
from runbook.json_types import Item

DRIVER, RECRUITER, DOT = Caller("member-ada", "ada@lmdr.test"), Caller("recruiter-ray"), 77
FORM = {"carrierDOT": DOT, "phone": "1", "firstName": "Ada", "lastName": "Lee"}
EVENT = {"carrierDOT": DOT, "carrierName": "ACME", "matchScore": 80, "action": "interested"}


@pytest.fixture
def pair(at_once: AtOnce) -> AtOnce:
    """A driver and a carrier that know nothing of each other; its recruiter has seen the profile."""
    at_once.put("Carriers", _id="carrier", dot_number=DOT, legal_name="ACME")
    at_once.put("DriverProfiles", _id="driver", _owner=DRIVER.member_id, is_searchable=True, total_searches=0)
    at_once.put("recruiterCarriers", recruiter_id=RECRUITER.member_id, carrier_dot=f"{DOT}", is_active=True)
    at_once.put("CarrierDriverViews", carrier_dot=f"{DOT}", driver_id="driver")
    return at_once


def makers() -> list[Call]:
    """Every service that makes the row of a pair."""
    return [
        Call(create_interest, "driver", "carrier"),
        Call(log_carrier_interest, DRIVER, EVENT),
        Call(log_match_event, DRIVER, EVENT),
        Call(submit_application, DRIVER, FORM),
        Call(save_driver_to_pipeline, RECRUITER, f"{DOT}", "driver"),
        Call(send_message_to_driver, RECRUITER, DOT, "driver", "Hello"),
    ]


def interests(at_once: AtOnce) -> list[Item]:
    return at_once.rows("DriverCarrierInterests")


def statuses(row: Item) -> list[str]:
    return [entry["status"] for entry in json.loads(row.get("status_history") or "[]")]


def test_whatever_makes_the_row_of_a_pair_there_is_one(pair: AtOnce) -> None:
    calls = makers() * 3
    random.Random(7).shuffle(calls)
    results = pair.run(calls, expected=(ItemExists,))
    (row,) = interests(pair)
    assert (row["driver_id"], row["carrier_dot"]) == ("driver", f"{DOT}")
    assert len([m for m in pair.rows("Messages") if m["application_id"] == row["_id"]]) == 3
    applied = [r for r in results if isinstance(r, dict) and r.get("success") and "isReapplication" in r]
    assert len(applied) <= 1, results


def test_histories_of_drivers_and_recruiters_keep_every_entry(pair: AtOnce) -> None:
    pair.run([Call(submit_application, DRIVER, FORM)])
    (row,) = interests(pair)
    changes = ["in_review", "contacted", "offer"] * 4
    calls = [Call(update_candidate_status, RECRUITER, row["_id"], status) for status in changes]
    calls += [Call(withdraw_application, DRIVER, DOT)] * 4
    calls += [Call(add_recruiter_notes, RECRUITER, row["_id"], f"note {n}") for n in range(2)]
    random.Random(8).shuffle(calls)
    pair.run(calls)
    (row,) = interests(pair)
    assert sorted(statuses(row)) == sorted(["applied", *changes, *["withdrawn"] * 4])
    assert row["status"] == statuses(row)[-1]
    assert row["recruiter_notes"] in ("note 0", "note 1")
    assert row["recruiter_response_time"] is not None


def test_a_row_removed_and_made_again_by_others_is_one_or_none(pair: AtOnce) -> None:
    calls = [
        call
        for _ in range(5)
        for call in (Call(log_carrier_interest, DRIVER, EVENT), Call(remove_carrier_interest, DRIVER, DOT))
    ]
    calls += [Call(update_interest_status, "nobody", "offer")]
    pair.run(calls, expected=(NoSuchItem,))
    assert len(interests(pair)) <= 1
    pair.run([Call(log_carrier_interest, DRIVER, EVENT)])
    (row,) = interests(pair)
    assert pair.records.get("DriverCarrierInterests", row["_id"]) == row


def test_a_profile_counts_every_search_beside_an_application(pair: AtOnce) -> None:
    search: dict[str, Any] = {"homeZip": "75201", "minCPM": 0.6}
    calls = [Call(update_driver_preferences, DRIVER, search)] * 10 + [Call(submit_application, DRIVER, FORM)] * 3
    pair.run(calls)
    (profile,) = pair.rows("DriverProfiles")
    assert (profile["total_searches"], profile["display_name"], profile["home_zip"]) == (10, "Ada Lee", "75201")
    assert len(interests(pair)) == 1
