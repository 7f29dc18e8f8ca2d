"""The pages that welcome a carrier and a partner."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr.services.carrier.onboarding import get_carrier_onboarding
from lmdr.services.content.partner_onboarding import SHOWN, get_partner_page
from platform_kit import Platform


@pytest.mark.parametrize(
    ("fields", "percent"),
    [
        ({}, 0),
        ({"profile_complete": True}, 25),
        ({"profile_complete": True, "jobs_posted": 1}, 50),
        ({"profile_complete": True, "jobs_posted": 9, "branding_uploaded": True}, 75),
        ({"profile_complete": True, "jobs_posted": 2, "branding_uploaded": True, "payment_setup": True}, 100),
        ({"jobs_posted": 0, "first_candidate_viewed": True, "payment_setup": False}, 0),
    ],
)
def test_each_step_of_a_carrier_is_a_quarter(platform: Platform, fields: dict[str, Any], percent: int) -> None:
    row = platform.put("CarrierOnboarding", dot_number="77", company_name="ACME", **fields)
    platform.put("CarrierOnboarding", dot_number="7", company_name="Other", profile_complete=True, jobs_posted=1)
    for dot in ("77", " 77 ", 77):
        answer = get_carrier_onboarding(platform.context(), dot)  # type: ignore[arg-type]
        assert (answer["percentComplete"], answer["onboarding"]["_id"]) == (percent, row["_id"])
        assert sum(answer["steps"].values()) * 25 == percent


@pytest.mark.parametrize("dot", ["78", "", "x' OR 1=1"])
def test_an_unknown_carrier_has_done_no_step(platform: Platform, dot: str) -> None:
    platform.put("CarrierOnboarding", dot_number="77", profile_complete=True)
    answer = get_carrier_onboarding(platform.context(), dot)
    assert (answer["success"], answer["onboarding"], answer["percentComplete"]) == (True, None, 0)
    assert set(answer["steps"].values()) == {False}


def test_a_partners_page_is_found_by_its_code_case_insensitively(platform: Platform) -> None:
    steps = [{"step": 1, "title": "Begin", "description": "Sí"}]
    platform.put("PartnerOnboarding", partner_code="ACME1", partner_name="ACME", welcome_message="Hi",
                 onboarding_steps=steps, logo_url="https://a.test/l.png", primary_color="#111111", contact_name="Ann",
                 contact_email="a@b.test", benefits=["Pay, weekly"])  # fmt: skip
    answer = get_partner_page(platform.context(), "acme1")
    assert (answer["success"], answer["partnerName"], answer["steps"]) == (True, "ACME", steps)
    assert (answer["branding"]["primaryColor"], answer["contact"]["email"]) == ("#111111", "a@b.test")
    assert (answer["benefits"], answer["requirements"]) == (["Pay, weekly"], [])


@pytest.mark.parametrize("code", ["nobody", "", None])
def test_an_unknown_code_shows_three_general_steps(platform: Platform, code: str | None) -> None:
    answer = get_partner_page(platform.context(), code)
    assert [step["step"] for step in answer["steps"]] == [1, 2, 3]
    assert set(answer) == {"success", *SHOWN}
