"""What drivers and recruiters do from the first visit to the hire: over Wix, over Airtable, and turned half-way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from lmdr.services.carrier.driver_matching import detect_mutual_match, find_matching_drivers, get_driver_profile
from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver.applications import (
    get_application_status,
    get_driver_applications,
    submit_application,
    withdraw_application,
)
from lmdr.services.driver.carrier_matching import find_matching_carriers, get_driver_saved_carriers, log_match_event
from lmdr.services.driver.profiles import (
    get_carrier_interest_stats,
    get_or_create_driver_profile,
    set_discoverability,
    update_driver_documents,
    update_driver_preferences,
    update_driver_qualifications,
)
from lmdr.services.messaging.messages import get_conversation, get_unread_count, mark_as_read, send_message
from lmdr.services.messaging.realtime import check_for_new_messages, get_new_messages, get_unread_count_for_user
from lmdr.services.recruiter.outreach import (
    get_outreach_history,
    get_quota_status,
    save_driver_to_pipeline,
    send_message_to_driver,
)
from lmdr.services.recruiter.profile import (
    add_carrier,
    add_recruiter_notes,
    get_candidate_details,
    get_or_create_recruiter_profile,
    get_pipeline_candidates,
    get_pipeline_stats,
    update_candidate_status,
)
from platform_kit import Platform
from runbook.json_types import Item

ANN = Caller("member-ann", "ann@example.com", frozenset({"driver"}))
RAY = Caller("member-ray", "ray@example.com", frozenset({"recruiter"}))
ACME, BOLT, CARGO = 1111111, 2222222, 3333333
FORM = {
    "firstName": "Ann",
    "lastName": "Smith",
    "homeZip": "07001",
    "cdlClass": "A",
    "endorsements": ["H", "T"],
    "mvrStatus": "Clean",
    "yearsExperience": "6.5",
    "phone": "201-555-0100",
    "email": "ann@example.com",
    "availability": "immediately",
}


def put_carriers(platform: Platform) -> None:
    near = {"phy_zip": "07001", "phy_city": "Avenel", "phy_state": "NJ", "accident_rate": 0, "status": "active"}
    rows = [
        {"dot_number": ACME, "legal_name": "ACME", "pay_cpm": 0.7, "nbr_power_unit": 12, **near},
        {"dot_number": BOLT, "legal_name": "Bolt", "pay_cpm": 0.55, "nbr_power_unit": 80, **near},
        {"dot_number": CARGO, "legal_name": "Cargo", "pay_cpm": 0.4, "nbr_power_unit": 900, **near, "phy_zip": "90001"},
    ]
    platform.records.bulk_insert("Carriers", rows)


def put_recruiter(platform: Platform) -> None:
    """Ray, who acts for ACME, which has paid for the search."""
    link = {"recruiter_id": RAY.member_id, "carrier_dot": str(ACME), "carrier_name": "ACME"}
    platform.put("recruiterCarriers", **link, is_active=True, verification_status="verified", added_date=platform.now)
    plan = {"plan_type": "pro", "status": "active", "monthly_view_quota": 25, "views_used_this_month": 3}
    reset = platform.now + timedelta(days=20)
    platform.put("CarrierSubscriptions", carrier_dot=str(ACME), is_active=True, quota_reset_date=reset, **plan)


def later(platform: Platform, **by: float) -> None:
    platform.at(platform.now + timedelta(**by))


def statuses(row: Item) -> list[str]:
    return [entry["status"] for entry in json.loads(row["status_history"])]


def test_a_driver_registers_and_completes_the_profile(workflow: Platform) -> None:
    context = workflow.context()
    first = get_or_create_driver_profile(context, ANN)
    assert (first["success"], first["isNew"]) == (True, True)
    assert (first["profile"]["is_complete"], first["profile"]["can_be_discovered"]) == (False, False)
    assert "home ZIP" in " ".join(first["profile"]["missing_fields"])
    requests = {"driverName": "Ann Smith", "homeZip": "07001", "minCPM": "0.55", "operationType": "OTR"}
    searched = update_driver_preferences(context, ANN, requests)["profile"]
    assert (searched["profile_completeness_score"], searched["profile_status"]) == (55, "incomplete")

    workflow.turn()

    context = workflow.context()
    again = get_or_create_driver_profile(context, ANN)
    assert (again["isNew"], again["profile"]) == (False, searched)
    later(workflow, hours=1)
    documents = {"cdlFront": "https://files.test/f.jpg", "cdlBack": "https://files.test/b.jpg"}
    update_driver_documents(context, ANN, {**documents, "medCard": "https://files.test/m.jpg"})
    skills = {"years_experience": 6, "clean_mvr": True, "accidents_last_3_years": 0, "violations_last_3_years": 0}
    update_driver_qualifications(context, ANN, {**skills, "cdl_class": "A", "endorsements": ["H", "T"]})
    done = set_discoverability(context, ANN, True)["profile"]
    assert (done["profile_completeness_score"], done["profile_status"]) == (100, "active")
    assert (done["is_complete"], done["can_be_discovered"], done["missing_fields"]) == (True, True, [])

    (row,) = workflow.rows("DriverProfiles")
    assert (row["_id"], row["_owner"], row["email"]) == (first["profile"]["_id"], ANN.member_id, ANN.email)
    assert (row["home_zip"], row["min_cpm"], row["total_searches"]) == ("07001", 0.55, 1)
    assert (row["endorsements"], row["accidents_last_3_years"], row["clean_mvr"]) == (["H", "T"], 0, True)
    assert row["updated_date"] - row["created_date"] == timedelta(hours=1)


def test_a_driver_searches_saves_and_applies(workflow: Platform) -> None:
    put_carriers(workflow)
    workflow.put("CarrierEnrichments", dot_number=str(ACME), ai_summary="Good", enriched_date=workflow.now)
    requests = {"homeZip": "07001", "maxDistance": 100, "minCPM": 0.5, "operationType": "any", "fleetSize": "any"}
    found = find_matching_carriers(workflow.context(), ANN, {**requests, "driverName": "Ann Smith"})
    assert [match["carrier"]["LEGAL_NAME"] for match in found["matches"]] == ["ACME", "Bolt"]
    assert (found["totalMatches"], found["cachedCount"], found["needsEnrichmentCount"]) == (3, 1, 1)
    assert found["upsellMessage"] == "1 more matches available! Upgrade to Premium to see them."
    best = found["matches"][0]
    liked = {"carrierDOT": ACME, "carrierName": "ACME", "matchScore": best["overallScore"], "action": "saved"}
    assert log_match_event(workflow.context(), ANN, liked)["method"] == "driver_linked"
    assert log_match_event(workflow.context(), ANYONE, {**liked, "carrierDOT": BOLT})["method"] == "legacy"

    workflow.turn()
    later(workflow, minutes=10)

    context = workflow.context()
    again = find_matching_carriers(context, ANN, requests, True)
    assert [match["carrier"]["LEGAL_NAME"] for match in again["matches"]] == ["ACME", "Bolt", "Cargo"]
    assert [match["overallScore"] for match in again["matches"][:2]] == [m["overallScore"] for m in found["matches"]]
    assert again["driverProfile"]["totalSearches"] == 2
    (saved,) = get_driver_saved_carriers(context, ANN)["carriers"]
    assert (saved["carrier"]["dot_number"], saved["interest"]["action"]) == (ACME, "saved")

    answer = submit_application(context, ANN, {**FORM, "carrierDOT": str(ACME), "message": "Hallo 🚛"})
    assert (answer["success"], answer["status"], answer["isNew"]) == (True, "applied", False)
    assert workflow.mails[-1][:2] == ("application_submitted", ANN.member_id)
    twice = submit_application(context, ANN, {**FORM, "carrierDOT": ACME})
    assert (twice["success"], twice["isDuplicate"], twice["existingStatus"]) == (False, True, "applied")
    new = submit_application(context, ANN, {**FORM, "carrierDOT": BOLT, "carrierName": "Bolt"})
    assert new["isNew"] is True
    assert withdraw_application(context, ANN, BOLT)["status"] == "withdrawn"
    assert submit_application(context, ANN, {**FORM, "carrierDOT": BOLT})["isNew"] is False

    applications = get_driver_applications(context, ANN)["applications"]
    assert {row["carrier_dot"]: row["status"] for row in applications} == {str(ACME): "applied", str(BOLT): "applied"}
    bolt = get_application_status(context, ANN, BOLT)["application"]
    assert statuses(bolt) == ["applied", "withdrawn", "applied"]
    acme = workflow.row("DriverCarrierInterests", answer["applicationId"])
    assert (acme["driver_message"], acme["match_score"]) == ("Hallo 🚛", best["overallScore"])
    stats = get_carrier_interest_stats(context, ACME)["stats"]
    assert (stats["total"], stats["last7Days"], stats["topZipPrefixes"]) == (1, 1, [{"prefix": "070", "count": 1}])
    (event,) = workflow.rows("MatchEvents")
    assert (event["carrier_dot"], event["driver_name"]) == (str(BOLT), "Anonymous")


def test_an_application_is_reviewed_and_ends_in_a_hire(workflow: Platform) -> None:
    put_carriers(workflow)
    put_recruiter(workflow)
    get_or_create_driver_profile(workflow.context(), ANN)
    applied = submit_application(workflow.context(), ANN, {**FORM, "carrierDOT": ACME, "carrierName": "ACME"})
    interest = applied["applicationId"]
    later(workflow, hours=3, minutes=30)
    seen = get_pipeline_candidates(workflow.context(), RAY, ACME)
    assert [row["_id"] for row in seen["byStage"]["applied"]] == [interest]
    assert seen["candidates"][0]["driver"]["display_name"] == "Ann Smith"
    moved = update_candidate_status(workflow.context(), RAY, interest, "in_review")
    assert moved["recruiterResponseTime"] == 3.5

    workflow.turn()

    context = workflow.context()
    for days, status, note in ((1, "contacted", "Rang her"), (2, "offer", ""), (4, "hired", "Starts Monday")):
        later(workflow, days=days)
        moved = update_candidate_status(context, RAY, interest, status, note)
        assert (moved["success"], moved["status"], moved["recruiterResponseTime"]) == (True, status, 3.5)
    add_recruiter_notes(context, RAY, interest, "Best of the year")

    row = workflow.row("DriverCarrierInterests", interest)
    assert (row["status"], row["outcome"], row["outcome_date"]) == ("hired", "hired", workflow.now)
    history = json.loads(row["status_history"])
    assert [entry["status"] for entry in history] == ["applied", "in_review", "contacted", "offer", "hired"]
    assert [entry["note"] for entry in history[2:]] == ["Rang her", "Status changed to offer", "Starts Monday"]
    moments = [entry["timestamp"] for entry in history]
    assert moments == sorted(moments)
    assert (moments[0], moments[-1]) == ("2026-01-21T12:00:00.000Z", "2026-01-28T15:30:00.000Z")
    assert [(template, answer.get("status")) for template, _, answer in workflow.mails] == [
        ("application_submitted", None),
        ("application_status_changed", "In Review"),
        ("application_status_changed", "Contacted"),
        ("application_status_changed", "Offer"),
        ("application_status_changed", "Hired"),
    ]
    stats = get_pipeline_stats(context, RAY, ACME)["stats"]
    assert (stats["totalPipeline"], stats["byStage"]["hired"], stats["conversionRate"]) == (1, 1, 100)
    assert (stats["avgResponseTime"], stats["badge"]["label"]) == (3.5, "Lightning Responder")
    assert get_application_status(context, ANN, ACME)["status"] == "hired"
    candidate = get_candidate_details(context, RAY, interest)["candidate"]
    assert (candidate["recruiter_notes"], candidate["driver"]["years_experience"]) == ("Best of the year", 6.5)
    assert submit_application(context, ANN, {**FORM, "carrierDOT": ACME})["existingStatus"] == "hired"


def put_drivers(platform: Platform) -> list[str]:
    shown = {"is_searchable": True, "visibility_level": "full", "cdl_class": "A", "home_zip": "07001"}
    rows = [
        {"_owner": ANN.member_id, "display_name": "Ann", "endorsements": ["H"], "years_experience": 6, **shown},
        {"_owner": "member-bob", "display_name": "Bob", "endorsements": [], "years_experience": 1, **shown},
        {"_owner": "member-cy", "display_name": "Cy", "endorsements": ["H"], **shown, "visibility_level": "hidden"},
    ]
    fields = {"email": "driver@example.com", "phone": "201-555-0100"}
    return [row["_id"] for row in platform.records.bulk_insert("DriverProfiles", [row | fields for row in rows])]


def names(found: dict[str, Any]) -> list[str]:
    return [match["driver"]["display_name"] for match in found["matches"]]


def test_a_recruiter_finds_a_driver_and_they_write_to_each_other(workflow: Platform) -> None:
    put_carriers(workflow)
    ann, _, _ = put_drivers(workflow)
    context = workflow.context()
    new = get_or_create_recruiter_profile(context, RAY)
    assert (new["isNew"], new["needsSetup"]) == (True, True)
    requests = add_carrier(context, RAY, str(ACME))
    assert (requests["isActive"], requests["verificationStatus"]) == (False, "pending_verification")
    assert find_matching_drivers(context, RAY, ACME)["code"] == "ACCESS_DENIED"
    (link,) = workflow.rows("recruiterCarriers")
    workflow.records.patch("recruiterCarriers", link["_id"], {"is_active": True, "verification_status": "verified"})
    assert find_matching_drivers(context, RAY, ACME)["code"] == "SUBSCRIPTION_TIER_LIMIT"
    plan = {"plan_type": "pro", "status": "active", "is_active": True, "monthly_view_quota": 25}
    reset = workflow.now + timedelta(days=20)
    workflow.put("CarrierSubscriptions", carrier_dot=str(ACME), **plan, views_used_this_month=3, quota_reset_date=reset)
    workflow.put("DriverInterests", driver_id=ann, carrier_dot=str(ACME), status="interested")
    found = find_matching_drivers(context, RAY, ACME, {"endorsements": ["H"]}, {"includeMutualMatches": True})
    assert (found["code"], names(found), found["views_remaining"]) == ("SUCCESS", ["Ann"], 22)
    assert found["matches"][0]["isMutualMatch"] is True
    assert not {"email", "phone"} & found["matches"][0]["driver"].keys()
    viewed = get_driver_profile(context, RAY, ACME, ann, {"matchScore": found["matches"][0]["overallScore"]})
    assert (viewed["driver"]["email"], viewed["quotaUsed"], viewed["quota"]["remaining"]) == (
        "driver@example.com",
        True,
        21,
    )

    workflow.turn()

    context = workflow.context()
    known = get_or_create_recruiter_profile(context, RAY)
    assert (known["isNew"], known["needsSetup"], known["carriers"][0]["carrier"]["legal_name"]) == (
        False,
        False,
        "ACME",
    )
    assert names(find_matching_drivers(context, RAY, ACME)) == names(find_matching_drivers(context, RAY, str(ACME)))
    assert get_driver_profile(context, RAY, ACME, ann)["quotaUsed"] is False  # once a day
    assert detect_mutual_match(context, ACME, ann)["scoreBoost"] == 10
    saved = save_driver_to_pipeline(context, RAY, ACME, ann, "Call in June")
    assert (saved["success"], saved["status"]) == (True, "contacted")
    assert save_driver_to_pipeline(context, RAY, ACME, ann)["code"] == "DUPLICATE_SAVE"
    later(workflow, minutes=5)
    sent = send_message_to_driver(context, RAY, ACME, ann, "Hello <b>Ann</b>, call me?")
    assert (sent["success"], sent["interestId"]) == (True, saved["interestId"])
    assert workflow.mails[-1][0:2] == ("new_message", ANN.member_id)

    application = saved["interestId"]
    assert get_unread_count_for_user(context, ANN) == {"success": True, "count": 1, "byApplication": {application: 1}}
    assert mark_as_read(context, ANN, application) == {"success": True, "updated": 1}
    assert get_unread_count(context, ANN)["count"] == 0
    since = workflow.now
    later(workflow, minutes=1)
    assert send_message(context, ANN, application, "Yes 😀", "member-ray", "driver")["success"]
    assert send_message(context, Caller("x"), application, "Hm", "member-ray", "driver")["success"] is False
    assert check_for_new_messages(context, application, since) == {"success": True, "hasNew": True, "newCount": 1}
    new_ones = get_new_messages(context, application, since)
    assert [message["content"] for message in new_ones["messages"]] == ["Yes 😀"]
    talk = get_conversation(context, application)["messages"]
    assert [(message["sender_type"], message["content"], message["is_read"]) for message in talk] == [
        ("recruiter", "Hello Ann, call me?", True),
        ("driver", "Yes 😀", False),
    ]
    history = get_outreach_history(context, RAY, ACME, ann)["history"]
    assert [entry["action"] for entry in history] == ["message_sent", "saved_to_pipeline"]
    quota = get_quota_status(context, RAY, ACME)
    assert (quota["tier"], quota["used"], quota["limit"], quota["remaining"]) == ("pro", 4, 25, 21)
    assert len(workflow.rows("CarrierDriverViews")) == 1


def test_turning_the_flags_moves_reads_and_writes_to_airtable(workflow: Platform) -> None:
    """What the workflows rest on."""
    put_carriers(workflow)
    workflow.turn()
    workflow.records.patch("Carriers", workflow.rows("Carriers")[0]["_id"], {"title": "later"})
    in_wix, in_airtable = workflow.sides.wix.get_all("Carriers"), workflow.sides.airtable.get_all("Carriers")
    assert (len(in_wix), len(in_airtable)) == {"wix": (3, 0), "airtable": (0, 3), "halfway": (3, 3)}[workflow.side]
    written = [row for row in (in_wix if workflow.side == "wix" else in_airtable) if row.get("title") == "later"]
    assert len(written) == 1
    assert workflow.side != "halfway" or not any("title" in row for row in in_wix)
