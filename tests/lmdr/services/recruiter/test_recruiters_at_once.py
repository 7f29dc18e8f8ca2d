"""What recruiters do, twenty ways at once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from at_once import AtOnce, Call, write
from lmdr.services.context import Caller
from lmdr.services.driver.applications import submit_application, withdraw_application
from lmdr.services.driver.profiles import log_carrier_interest, remove_carrier_interest
from lmdr.services.recruiter.outreach import save_driver_to_pipeline, send_message_to_driver
from lmdr.services.recruiter.pipeline import ANSWERED, add_recruiter_notes, update_candidate_status
from lmdr.services.recruiter.profile import (
    add_carrier,
    get_or_create_recruiter_profile,
    remove_carrier,
    update_recruiter_profile,
)
from lmdr.services.recruiter.response_badge import tenths
from runbook.json_types import Item

INTERESTS = "DriverCarrierInterests"
LINKS = "recruiterCarriers"
CALLERS = 20
ADA = Caller("member-ada", "ada@example.com")
FORM = {"carrierDOT": 77, "carrierName": "ACME", "phone": "555 010 0000"}


def recruiter(number: int) -> Caller:
    return Caller(f"recruiter-{number}", f"recruiter-{number}@example.com")


RAY = recruiter(0)


@pytest.fixture(autouse=True)
def carrier(at_once: AtOnce) -> None:
    at_once.put("Carriers", dot_number=77, legal_name="ACME")


@pytest.fixture
def candidate(at_once: AtOnce) -> str:
    """An application at a carrier that ten recruiters act for."""
    links = [{"recruiter_id": recruiter(n).member_id, "carrier_dot": "77", "is_active": True} for n in range(10)]
    at_once.records.bulk_insert(LINKS, links)
    profile = at_once.put("DriverProfiles", _owner=ADA.member_id, display_name="Ada")["_id"]
    row = at_once.put(
        INTERESTS,
        driver_id=profile,
        carrier_dot="77",
        status="applied",
        application_date=at_once.now - timedelta(hours=5),
        status_history='[{"status":"applied"}]',
    )
    return str(row["_id"])


def history(row: Item) -> list[Item]:
    return list(json.loads(row["status_history"]))


def test_recruiters_get_one_profile_each(at_once: AtOnce) -> None:
    answers = at_once.run(Call(get_or_create_recruiter_profile, recruiter(n % 3)) for n in range(CALLERS))
    rows = at_once.rows("recruiterProfiles")
    assert sorted(row["_owner"] for row in rows) == ["recruiter-0", "recruiter-1", "recruiter-2"]
    assert sum(answer["isNew"] for answer in answers) == 3
    assert {answer["profile"]["_id"] for answer in answers} == {row["_id"] for row in rows}


def test_a_look_at_a_profile_does_not_undo_its_change(at_once: AtOnce) -> None:
    at_once.put("recruiterProfiles", _owner=RAY.member_id, phone="old")
    looks, changes = (
        [Call(get_or_create_recruiter_profile, RAY)],
        [Call(update_recruiter_profile, RAY, {"phone": "new"})],
    )
    at_once.run([*looks * 10, *changes * 10])
    (row,) = at_once.rows("recruiterProfiles")
    assert (row["phone"], row["last_active_date"]) == ("new", at_once.now)


def test_a_carrier_is_requested_once_for_each_recruiter(at_once: AtOnce) -> None:
    answers = at_once.run(Call(add_carrier, recruiter(n % 2), [77, " 77"][n % 4 // 2]) for n in range(CALLERS))
    rows = at_once.rows(LINKS)
    assert sorted(row["recruiter_id"] for row in rows) == ["recruiter-0", "recruiter-1"]
    assert {(row["is_active"], row["verification_status"]) for row in rows} == {(False, "pending_verification")}
    assert all(answer["success"] and not answer["isActive"] for answer in answers)


def test_a_verified_link_that_was_removed_is_active_again_once(at_once: AtOnce) -> None:
    at_once.put(LINKS, recruiter_id=RAY.member_id, carrier_dot="77", is_active=False, verification_status="verified")
    answers = at_once.run([Call(add_carrier, RAY, 77)] * CALLERS)
    (row,) = at_once.rows(LINKS)
    assert row["is_active"] is True
    assert Counter(answer["success"] for answer in answers) == {True: 1, False: CALLERS - 1}
    errors = {answer["error"] for answer in answers if not answer["success"]}
    assert errors == {"You already have access to this carrier"}


def test_a_carrier_is_given_up_once(at_once: AtOnce) -> None:
    at_once.put(LINKS, recruiter_id=RAY.member_id, carrier_dot="77", is_active=True, verification_status="verified")
    answers = at_once.run([Call(remove_carrier, RAY, 77)] * CALLERS)
    (row,) = at_once.rows(LINKS)
    assert row["is_active"] is False
    assert Counter(answer["success"] for answer in answers) == {True: 1, False: CALLERS - 1}
    assert {answer.get("error") for answer in answers} == {None, "You do not have access to this carrier"}


def test_carriers_given_up_and_requested_in_turns(at_once: AtOnce) -> None:
    at_once.put(LINKS, recruiter_id=RAY.member_id, carrier_dot="77", is_active=True, verification_status="verified")
    answers = at_once.run([Call(remove_carrier, RAY, 77), Call(add_carrier, RAY, 77)] * (CALLERS // 2))
    removed, added = (sum(answer["success"] for answer in answers[start::2]) for start in (0, 1))
    (row,) = at_once.rows(LINKS)
    assert row["is_active"] is (removed == added)
    assert removed - added in (0, 1)


def test_a_request_does_not_undo_a_verification_or_a_rejection(at_once: AtOnce) -> None:
    """Of two recruiters one is verified, one rejected, while both request again."""
    links = [at_once.put(LINKS, recruiter_id=recruiter(n).member_id, carrier_dot="77", is_active=False) for n in (0, 1)]
    changes = [{"is_active": True, "verification_status": "verified"}, {"verification_status": "rejected"}]
    verdicts = [Call(write, "patch", LINKS, links[n]["_id"], changes[n]) for n in (0, 1)]
    at_once.run([*[Call(add_carrier, recruiter(n % 2), 77) for n in range(8)], *verdicts, *[Call(add_carrier, recruiter(n % 2), 77) for n in range(8)]])  # fmt: skip
    stored = [at_once.row(LINKS, link["_id"]) for link in links]
    assert stored[0].items() >= changes[0].items()
    assert stored[1].items() >= {"is_active": False, **changes[1]}.items()


def test_every_status_has_its_entry_and_the_first_answer_its_time(at_once: AtOnce, candidate: str) -> None:
    statuses = ["in_review", "contacted", "offer", "hired"]
    calls = [
        Call(update_candidate_status, recruiter(n % 10), candidate, statuses[n % 4], f"note {n}").at(
            timedelta(minutes=n)
        )
        for n in range(CALLERS)
    ]
    answers = at_once.run(calls)
    row = at_once.row(INTERESTS, candidate)
    entries = history(row)
    assert all(answer["success"] for answer in answers)
    assert sorted(entry["note"] for entry in entries[1:]) == sorted(f"note {n}" for n in range(CALLERS))
    assert row["status"] == entries[-1]["status"]
    assert row["outcome"] == "hired"
    first = next(entry for entry in entries if entry["status"] in ANSWERED)
    waited = datetime.fromisoformat(first["timestamp"]) - row["application_date"]
    assert row["recruiter_response_time"] == tenths(waited / timedelta(hours=1))
    assert {answer["recruiterResponseTime"] for answer in answers} - {None} == {row["recruiter_response_time"]}
    assert len(at_once.mails) == CALLERS


def test_drivers_and_recruiters_share_a_history(at_once: AtOnce, candidate: str) -> None:
    calls = [
        Call(update_candidate_status, RAY, candidate, "in_review"),
        Call(withdraw_application, ADA, 77),
        Call(submit_application, ADA, FORM),
        Call(add_recruiter_notes, RAY, candidate, "tall"),
        Call(log_carrier_interest, ADA, {"carrierDOT": 77, "matchScore": 91, "action": "saved"}),
    ]
    answers = at_once.run(calls * 4)
    row = at_once.row(INTERESTS, candidate)
    entries = [entry["status"] for entry in history(row)]
    done = Counter(answer["status"] for answer in answers if answer["success"] and "status" in answer)
    assert Counter(entries) == done + Counter(["applied"])
    assert row["status"] == entries[-1]
    assert row.items() >= {"recruiter_notes": "tall", "match_score": 91}.items()
    assert row.get("contact_phone") == (FORM["phone"] if done["applied"] else None)
    assert not any(a == "in_review" and b == "applied" for a, b in pairwise(entries))


def test_a_candidate_that_is_removed_is_refused_from_then_on(at_once: AtOnce, candidate: str) -> None:
    calls = [
        Call(update_candidate_status, RAY, candidate, "in_review"),
        Call(add_recruiter_notes, RAY, candidate, "tall"),
        Call(remove_carrier_interest, ADA, 77),
        Call(withdraw_application, ADA, 77),
    ]
    answers = at_once.run(calls * 5)
    assert at_once.rows(INTERESTS) == []
    assert sum(answer["success"] for answer in answers[2::4]) == 1
    errors = {answer["error"] for answer in answers if not answer["success"]}
    assert errors <= {"Candidate not found", "Interest not found", "Application not found"}


def test_a_driver_is_saved_once_and_gets_every_message(at_once: AtOnce) -> None:
    for n in range(3):
        at_once.put(LINKS, recruiter_id=recruiter(n).member_id, carrier_dot="77", is_active=True)
    driver = at_once.put("DriverProfiles", _owner=ADA.member_id, display_name="Ada")["_id"]
    at_once.put("CarrierDriverViews", carrier_dot="77", driver_id=driver)
    saves = [Call(save_driver_to_pipeline, recruiter(n % 3), 77, driver) for n in range(12)]
    messages = [Call(send_message_to_driver, recruiter(n % 3), "77", driver, f"Hello {n}") for n in range(8)]
    answers = at_once.run([*saves, *messages])
    (row,) = at_once.rows(INTERESTS)
    assert [entry["status"] for entry in history(row)] == ["contacted"]
    saved = sum(answer["success"] for answer in answers[:12])
    assert saved <= 1
    duplicate = {"code": "DUPLICATE_SAVE", "existingId": row["_id"], "existingStatus": "contacted"}
    assert all(answer.items() >= duplicate.items() for answer in answers[:12] if not answer["success"])
    assert {answer["interestId"] for answer in answers[12:]} == {row["_id"]}
    assert sorted(message["content"] for message in at_once.rows("Messages")) == [f"Hello {n}" for n in range(8)]
    log = Counter(line["action"] for line in at_once.rows("RecruiterOutreachHistory"))
    assert log == {"message_sent": 8} | ({"saved_to_pipeline": 1} if saved else {})


def test_saving_and_applying_meet_in_one_row(at_once: AtOnce) -> None:
    at_once.put(LINKS, recruiter_id=RAY.member_id, carrier_dot="77", is_active=True)
    driver = at_once.put("DriverProfiles", _owner=ADA.member_id, display_name="Ada")["_id"]
    at_once.put("CarrierDriverViews", carrier_dot="77", driver_id=driver)
    calls = [Call(save_driver_to_pipeline, RAY, 77, driver), Call(submit_application, ADA, FORM)]
    answers = at_once.run(calls * (CALLERS // 2))
    (row,) = at_once.rows(INTERESTS)
    (done,) = [answer for answer in answers if answer["success"]]
    assert (row["status"], len(history(row))) == (done["status"], 1)
