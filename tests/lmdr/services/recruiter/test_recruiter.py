"""A recruiter's profile and the carriers it acts for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.access import carrier_link
from lmdr.services.context import ANYONE, Caller
from lmdr.services.recruiter.profile import (
    add_carrier,
    get_or_create_recruiter_profile,
    get_recruiter_carriers,
    remove_carrier,
    update_recruiter_profile,
    validate_carrier_dot,
)
from platform_kit import Platform

RAY = Caller("member-ray", "ray@x.test")
NOBODY = {"success": False, "error": "User must be logged in"}


def verify(platform: Platform, **changes: Any) -> None:
    link = platform.rows("recruiterCarriers")[0]
    platform.records.patch(
        "recruiterCarriers", link["_id"], {"is_active": True, "verification_status": "verified"} | changes
    )


def test_a_profile_is_created_once_and_then_updated(platform: Platform) -> None:
    context = platform.context()
    first = get_or_create_recruiter_profile(context, RAY)
    assert (first["isNew"], first["needsSetup"], first["carriers"]) == (True, True, [])
    fields = {"is_independent": True, "is_active": False, "verification_status": "pending", "email": "ray@x.test"}
    assert first["profile"].items() >= fields.items()
    platform.at(platform.now + timedelta(hours=1))
    again = get_or_create_recruiter_profile(context, RAY)
    assert again["isNew"] is False
    assert again["profile"]["_id"] == first["profile"]["_id"]
    assert again["profile"]["last_active_date"] == platform.now
    assert len(platform.rows("recruiterProfiles")) == 1
    assert get_or_create_recruiter_profile(context, ANYONE) == NOBODY


def test_a_recruiter_does_not_verify_itself(platform: Platform) -> None:
    context = platform.context()
    assert update_recruiter_profile(context, RAY, {})["error"] == "Recruiter profile not found"
    get_or_create_recruiter_profile(context, RAY)
    requests = {"phone": "555", "is_active": True, "verification_status": "verified", "_owner": "x", "_id": "x"}
    profile = update_recruiter_profile(context, RAY, requests)["profile"]
    assert (
        profile.items()
        >= {"phone": "555", "is_active": False, "verification_status": "pending", "_owner": "member-ray"}.items()
    )
    assert update_recruiter_profile(context, ANYONE, requests) == NOBODY


def test_a_dot_number_is_validated_as_text_and_as_a_number(platform: Platform) -> None:
    context = platform.context()
    platform.put("Carriers", dot_number=77, legal_name="ACME", phy_city="Newark", email_address="hr@x.test")
    carrier = {"dot_number": 77, "legal_name": "ACME", "phy_city": "Newark"}
    for dot in ("77", " 77 ", 77):
        assert validate_carrier_dot(context, dot) == {"success": True, "valid": True, "carrier": carrier}
    for dot, error in (("78", "Carrier not found"), ("", "DOT number is required"), ("7x", "Invalid DOT number")):
        assert validate_carrier_dot(context, dot) == {"success": False, "valid": False, "error": error}


def test_a_new_carrier_waits_for_verification_even_if_added_repeatedly(platform: Platform) -> None:
    context = platform.context()
    platform.put("Carriers", dot_number=77, legal_name="ACME")
    pending = {
        "success": True,
        "carrier": {"dot_number": 77, "legal_name": "ACME"},
        "isActive": False,
        "verificationStatus": "pending_verification",
    }
    assert add_carrier(context, RAY, 77) == pending
    assert add_carrier(context, RAY, "77") == pending
    link = platform.rows("recruiterCarriers")
    assert len(link) == 1
    assert link[0].items() >= {"carrier_dot": "77", "carrier_name": "ACME", "added_date": platform.now}.items()
    assert carrier_link(context, RAY, 77) is None
    assert get_recruiter_carriers(context, RAY)["carriers"] == []


def test_a_verified_link_that_was_removed_is_active_again_at_once(platform: Platform) -> None:
    context = platform.context()
    platform.put("Carriers", dot_number=77)
    add_carrier(context, RAY, 77)
    verify(platform)
    assert add_carrier(context, RAY, 77)["error"] == "You already have access to this carrier"
    assert remove_carrier(context, RAY, "77") == {"success": True}
    assert remove_carrier(context, RAY, "77")["error"] == "You do not have access to this carrier"
    platform.at(platform.now + timedelta(days=1))
    assert add_carrier(context, RAY, 77)["isActive"] is True
    assert platform.rows("recruiterCarriers")[0]["added_date"] == platform.now
    assert remove_carrier(context, ANYONE, "77") == NOBODY


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("rejected", {"success": False, "error": "Your access to this carrier was rejected"}),
        (None, {"success": True, "carrier": {"dot_number": 77}, "isActive": False, "verificationStatus": "pending_verification"}),
    ],
)  # fmt: skip
def test_an_inactive_link_that_was_not_verified_stays_so(
    platform: Platform, status: str | None, answer: dict[str, Any]
) -> None:
    platform.put("Carriers", dot_number=77)
    add_carrier(platform.context(), RAY, 77)
    verify(platform, is_active=False, verification_status=status)
    assert add_carrier(platform.context(), RAY, 77) == answer
    assert platform.rows("recruiterCarriers")[0]["is_active"] is False


def test_only_a_carrier_that_exists_is_added(platform: Platform) -> None:
    context = platform.context()
    assert add_carrier(context, ANYONE, 77) == NOBODY
    for dot, error in ((77, "Carrier not found"), ("", "DOT number is required"), ("x", "Invalid DOT number")):
        assert add_carrier(context, RAY, dot) == {"success": False, "error": error}
    assert platform.rows("recruiterCarriers") == []


def test_carriers_are_listed_the_last_added_first_with_their_rows(platform: Platform) -> None:
    context = platform.context()
    platform.put("Carriers", dot_number=77, legal_name="ACME")
    for dot, name, days in (("77", "ACME", 2), ("78", "Gone Freight", 1)):
        added = platform.now - timedelta(days=days)
        platform.put("recruiterCarriers", recruiter_id=RAY.member_id, carrier_dot=dot, carrier_name=name, is_active=True,
                     added_date=added)  # fmt: skip
    answer = get_recruiter_carriers(context, RAY)
    assert [(one["carrierDot"], one["carrier"]) for one in answer["carriers"]] == [
        ("78", None),
        ("77", {"dot_number": 77, "legal_name": "ACME"}),
    ]
    made = get_or_create_recruiter_profile(context, RAY)
    assert (made["carriers"], made["needsSetup"]) == (answer["carriers"], False)
    assert get_recruiter_carriers(context, ANYONE) == NOBODY
