"""Twenty callers at once while responses are lost and the services are down now and then: still nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from at_once import AtOnce, Call
from lmdr.services.context import Caller
from lmdr.services.driver.applications import submit_application
from lmdr.services.driver.profiles import log_carrier_interest, update_driver_preferences
from lmdr.services.recruiter.pipeline import update_candidate_status

pytestmark = pytest.mark.slow
RAY = Caller("member-ray")
FAULTS = {
    "a response is lost": {"kind": "drop_after_commit"},
    "a request is lost": {"kind": "drop_before"},
    "it is down": {"kind": "status", "status": 503},
    "half a response is lost": {"kind": "truncate"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize(
    "at_once",
    ["wix", "airtable", "airtable through the journal", "two processes on airtable through the journal"],
    indirect=True,
)
def test_every_write_is_there_once(at_once: AtOnce, fault: dict[str, Any]) -> None:
    ada = Caller("driver-0")
    at_once.put("DriverProfiles", _id="profile-0", _owner="driver-0", total_searches=0)
    at_once.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    at_once.put("DriverCarrierInterests", _id="candidate", driver_id="x", carrier_dot="77")
    form = {"carrierDOT": 78, "phone": "555", "action": "saved"}
    calls = [
        Call(update_driver_preferences, ada, {"homeZip": "75201"}),
        Call(log_carrier_interest, Caller("driver-1"), form),
        Call(submit_application, ada, form),
        Call(update_candidate_status, RAY, "candidate", "in_review"),
    ]
    # No two in a row: a client tries a second time. Of an insert in Wix it says that it may have been done.
    writes = {"path": "*/items/patch"} if at_once.side == "wix" else {"method": "PATCH"}
    at_once.sides.box.faults([{**fault, "match": {**writes, "nth": n}} for n in (2, 6, 11, 17)])
    answers = at_once.run(calls * 5)
    at_once.sides.box.faults(clear=True)
    assert Counter(answer["success"] for answer in answers) == {True: 16, False: 4}
    rows = {row["_owner"]: row for row in at_once.rows("DriverProfiles")}
    assert (len(rows), rows["driver-0"]["total_searches"]) == (2, 5)
    interests = {row["driver_id"]: row for row in at_once.rows("DriverCarrierInterests")}
    assert len(at_once.rows("DriverCarrierInterests")) == len(interests) == 3
    assert [entry["status"] for entry in json.loads(interests["x"]["status_history"])] == ["in_review"] * 5
    assert [entry["status"] for entry in json.loads(interests["profile-0"]["status_history"])] == ["applied"]
    assert sum(bool(answer.get("isNew")) for answer in answers) == 2
