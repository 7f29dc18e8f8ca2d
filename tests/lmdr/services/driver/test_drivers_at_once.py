"""What drivers do, twenty ways at once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from at_once import AtOnce, Call, write
from lmdr.matching.completeness import calculate_completeness
from lmdr.services.context import Caller
from lmdr.services.driver.applications import IN_PROGRESS, submit_application, withdraw_application
from lmdr.services.driver.carrier_matching import find_matching_carriers, log_match_event
from lmdr.services.driver.profiles import (
    get_or_create_driver_profile,
    log_carrier_interest,
    remove_carrier_interest,
    set_discoverability,
    update_driver_documents,
    update_driver_preferences,
    update_driver_qualifications,
)
from runbook.json_types import Item

INTERESTS = "DriverCarrierInterests"
CALLERS = 20
FORM = {"carrierDOT": 77, "carrierName": "ACME", "phone": "555 010 0000", "email": "ada@example.com"}
INTEREST = {"carrierDOT": 77, "carrierName": "ACME", "matchScore": 80, "action": "interested"}


def driver(number: int) -> Caller:
    return Caller(f"member-{number}", f"driver-{number}@example.com")


ADA = driver(0)


@pytest.fixture
def profile(at_once: AtOnce) -> str:
    return str(at_once.put("DriverProfiles", _owner=ADA.member_id, display_name="Ada", total_searches=3)["_id"])


def statuses(row: Item) -> list[str]:
    return [entry["status"] for entry in json.loads(row["status_history"])]


def test_members_get_one_profile_each(at_once: AtOnce) -> None:
    answers = at_once.run(Call(get_or_create_driver_profile, driver(n % 3)) for n in range(CALLERS))
    rows = at_once.rows("DriverProfiles")
    assert sorted(row["_owner"] for row in rows) == ["member-0", "member-1", "member-2"]
    assert sum(answer["isNew"] for answer in answers) == 3
    assert {answer["profile"]["_id"] for answer in answers} == {row["_id"] for row in rows}


def test_whatever_a_new_member_does_first_makes_one_profile(at_once: AtOnce) -> None:
    actions = [
        (get_or_create_driver_profile,),
        (update_driver_preferences, {"homeZip": "75201"}),
        (update_driver_qualifications, {"cdl_class": "A"}),
        (update_driver_documents, {"resume": "https://x.test/resume.pdf"}),
        (set_discoverability, True),
        (log_carrier_interest, INTEREST),
        (find_matching_carriers, {"minCPM": 0.6}),
    ]
    answers = at_once.run(Call(actions[n % 7][0], ADA, *actions[n % 7][1:]) for n in range(21))
    (row,) = at_once.rows("DriverProfiles")
    assert all(answer["success"] for answer in answers)
    expected = {
        "_owner": ADA.member_id,
        "home_zip": "75201",
        "cdl_class": "A",
        "resume_url": "https://x.test/resume.pdf",
        "is_discoverable": True,
        "min_cpm": 0.6,
        "total_searches": 6,
    }
    assert row.items() >= expected.items()
    assert row["profile_completeness_score"] == calculate_completeness(row)
    assert len(at_once.rows(INTERESTS)) == 1


def test_every_search_counts(at_once: AtOnce, profile: str) -> None:
    searches = [(update_driver_preferences, {"homeZip": "75201"}), (find_matching_carriers, {"maxDistance": 250})]
    at_once.run(Call(searches[n % 2][0], ADA, searches[n % 2][1]) for n in range(CALLERS))
    row = at_once.row("DriverProfiles", profile)
    assert (row["total_searches"], row["home_zip"], row["max_commute_miles"]) == (3 + CALLERS, "75201", 250)
    assert at_once.records.get("DriverProfiles", profile) == row


def test_the_score_is_that_of_all_that_was_stored(at_once: AtOnce, profile: str) -> None:
    at_once.run(
        [
            *[Call(update_driver_preferences, ADA, {"homeZip": "75201"})] * 4,
            *[Call(update_driver_qualifications, ADA, {"cdl_class": "A", "endorsements": ["H"]})] * 4,
            *[Call(update_driver_documents, ADA, {"cdlFront": "https://x.test/f", "medCard": "https://x.test/m"})] * 4,
            *[Call(update_driver_documents, ADA, {"cdlBack": "https://x.test/b"})] * 4,
            *[Call(submit_application, ADA, {**FORM, "yearsExperience": 4})] * 4,
        ]
    )
    row = at_once.row("DriverProfiles", profile)
    assert {"home_zip", "cdl_class", "cdl_front_url", "cdl_back_url", "med_card_url", "phone"} <= row.keys()
    assert (row["total_searches"], row["years_experience"]) == (7, 4)
    # An application does not change the score; the last of the other calls has seen it or not.
    without = {key: value for key, value in row.items() if key not in ("phone", "email", "years_experience")}
    assert calculate_completeness(without) <= row["profile_completeness_score"] <= calculate_completeness(row)


def test_documents_of_two_applications_are_complete_together(at_once: AtOnce, profile: str) -> None:
    documents = [{"cdlFront": "https://x.test/f"}, {"cdlBack": "https://x.test/b"}, {"medCard": "https://x.test/m"}]
    calls = [Call(submit_application, ADA, {**FORM, "carrierDOT": 77 + n, **documents[n % 3]}) for n in range(CALLERS)]
    answers = at_once.run(calls)
    assert [answer["isNew"] for answer in answers] == [True] * CALLERS
    assert at_once.row("DriverProfiles", profile)["docs_complete"] is True
    assert sorted(row["carrier_dot"] for row in at_once.rows(INTERESTS)) == [str(77 + n) for n in range(CALLERS)]


def test_interests_are_one_row_for_each_pair(at_once: AtOnce) -> None:
    logs = [log_carrier_interest, log_match_event]
    calls = [Call(logs[n % 3 // 2], driver(n % 2), {**INTEREST, "carrierDOT": 70 + n % 4 // 2}) for n in range(CALLERS)]
    answers = at_once.run(calls)
    rows = at_once.rows(INTERESTS)
    assert len(rows) == len({(row["_owner"], row["driver_id"], row["carrier_dot"]) for row in rows}) == 4
    assert len(at_once.rows("DriverProfiles")) == 2
    assert sum(answer["isNew"] for answer in answers) == 4
    assert {answer["interestId"] for answer in answers} == {row["_id"] for row in rows}


def test_of_applications_to_a_carrier_one_is_submitted(at_once: AtOnce, profile: str) -> None:
    answers = at_once.run([Call(submit_application, ADA, FORM)] * CALLERS)
    (row,) = at_once.rows(INTERESTS)
    assert Counter(answer["success"] for answer in answers) == {True: 1, False: CALLERS - 1}
    duplicate = {"isDuplicate": True, "existingStatus": "applied", "applicationId": row["_id"]}
    assert all(answer.items() >= duplicate.items() for answer in answers if not answer["success"])
    assert statuses(row) == ["applied"]
    assert len(at_once.mails) == 1


@pytest.mark.parametrize("status", ["interested", "withdrawn", None])
def test_an_application_is_submitted_again_once(at_once: AtOnce, profile: str, status: str | None) -> None:
    old = at_once.put(
        INTERESTS,
        driver_id=profile,
        carrier_dot="77",
        status_history='[{"status":"old"}]',
        **{} if status is None else {"status": status},
    )
    answers = at_once.run([Call(submit_application, ADA, FORM)] * CALLERS)
    (row,) = at_once.rows(INTERESTS)
    assert Counter(answer["success"] for answer in answers) == {True: 1, False: CALLERS - 1}
    assert (row["_id"], row["status"], statuses(row)) == (old["_id"], "applied", ["old", "applied"])


def test_interests_and_applications_meet_in_one_row(at_once: AtOnce, profile: str) -> None:
    half = CALLERS // 2
    answers = at_once.run([Call(log_carrier_interest, ADA, INTEREST), Call(submit_application, ADA, FORM)] * half)
    (row,) = at_once.rows(INTERESTS)
    assert sum(answer["success"] for answer in answers) == half + 1
    assert sum(answer.get("isNew", False) for answer in answers) == 1
    assert (row["status"], statuses(row)) == ("applied", ["applied"])


def test_every_withdrawal_has_its_entry(at_once: AtOnce, profile: str) -> None:
    at_once.put(INTERESTS, driver_id=profile, carrier_dot="77", status="applied", status_history="[]")
    calls = [Call(withdraw_application, ADA, 77).at(timedelta(seconds=n)) for n in range(CALLERS)]
    answers = at_once.run(calls)
    (row,) = at_once.rows(INTERESTS)
    assert all(answer["success"] for answer in answers)
    assert statuses(row) == ["withdrawn"] * CALLERS
    assert len({entry["timestamp"] for entry in json.loads(row["status_history"])}) == CALLERS


def test_applications_and_withdrawals_leave_a_history_that_happened(at_once: AtOnce, profile: str) -> None:
    at_once.put(INTERESTS, driver_id=profile, carrier_dot="77", status="applied", status_history="[]")
    calls = [Call(submit_application, ADA, FORM), Call(withdraw_application, ADA, 77)] * (CALLERS // 2)
    answers = at_once.run(calls)
    (row,) = at_once.rows(INTERESTS)
    done = Counter(answer["status"] for answer in answers if answer["success"])
    entries = statuses(row)
    assert Counter(entries) == done
    assert row["status"] == entries[-1]
    before = ["applied", *entries]
    assert all(not (a in IN_PROGRESS and b == "applied") for a, b in zip(before, entries, strict=False))


def test_an_interest_is_removed_once(at_once: AtOnce, profile: str) -> None:
    at_once.put(INTERESTS, driver_id=profile, carrier_dot="77")
    at_once.put(INTERESTS, driver_id=profile, carrier_dot="78")
    answers = at_once.run([Call(remove_carrier_interest, ADA, 77)] * CALLERS)
    assert Counter(answer["success"] for answer in answers) == {True: 1, False: CALLERS - 1}
    assert all(answer["error"] == "Interest not found" for answer in answers if not answer["success"])
    assert [row["carrier_dot"] for row in at_once.rows(INTERESTS)] == ["78"]


def test_interests_removed_and_logged_are_never_two(at_once: AtOnce, profile: str) -> None:
    at_once.put(INTERESTS, driver_id=profile, carrier_dot="77")
    half = CALLERS // 2
    answers = at_once.run([Call(remove_carrier_interest, ADA, 77), Call(log_carrier_interest, ADA, INTEREST)] * half)
    removed, logged = (answers[start::2] for start in (0, 1))
    assert all(answer["success"] for answer in logged)
    added = sum(answer["isNew"] for answer in logged) - sum(answer["success"] for answer in removed)
    rows = at_once.rows(INTERESTS)
    assert len(rows) == 1 + added
    assert len(rows) <= 1
    if at_once.side == "airtable":
        assert at_once.records.get_all(INTERESTS) == rows


def test_an_interest_that_was_removed_is_there_again(at_once: AtOnce, profile: str) -> None:
    (first,) = at_once.run([Call(log_carrier_interest, ADA, INTEREST)])
    at_once.run([Call(remove_carrier_interest, ADA, 77)])
    answers = at_once.run([Call(log_carrier_interest, ADA, INTEREST)] * CALLERS)
    (row,) = at_once.rows(INTERESTS)
    assert sum(answer["isNew"] for answer in answers) == 1
    assert {answer["interestId"] for answer in answers} == {first["interestId"]} == {row["_id"]}
    assert at_once.records.get(INTERESTS, row["_id"]) == row
    if at_once.side == "airtable":
        state, base = at_once.sides.state, at_once.sides.base
        assert row["_id"] not in state.rows(base, INTERESTS).removed()
        (line,) = state.outbox(base, INTERESTS).rows(held=True)
        assert line.legacy_id == row["_id"]
        assert line.fields is not None


def test_what_others_write_into_a_row_stays(at_once: AtOnce, profile: str) -> None:
    row_id = at_once.put(INTERESTS, driver_id=profile, carrier_dot="77", status="applied", status_history="[]")["_id"]
    others: list[dict[str, Any]] = [{"recruiter_notes": "tall"}, {"contact_phone": "555"}]
    calls = [Call(write, "patch", INTERESTS, row_id, others[n % 2]) for n in range(10)]
    at_once.run([*calls, *[Call(withdraw_application, ADA, 77)] * 5, *[Call(log_carrier_interest, ADA, INTEREST)] * 5])
    row = at_once.row(INTERESTS, row_id)
    assert row.items() >= {"recruiter_notes": "tall", "contact_phone": "555", "match_score": 80}.items()
    assert statuses(row) == ["withdrawn"] * 5
