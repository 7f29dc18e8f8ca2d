"""What of the application form goes into the profile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lmdr.platform import PLATFORM
from lmdr.services.driver.application_form import COUNTS, DAYS, DOCUMENTS, LISTS, TEXTS, day_of, profile_changes

NOW = datetime(2026, 1, 21, 12, tzinfo=UTC)
ALWAYS = {
    "application_date": NOW,
    "docs_submitted": True,
    "is_searchable": True,
    "visibility_level": "full",
    "profile_status": "active",
    "updated_date": NOW,
}


def changes(data: dict[str, Any], profile: dict[str, Any] | None = None, **documents: str) -> dict[str, Any]:
    found = profile_changes(data, documents, profile or {}, NOW)
    return {key: value for key, value in found.items() if key not in ALWAYS}


def test_an_empty_form_only_makes_the_driver_searchable() -> None:
    empty = {"firstName": "", "yearsExperience": "", "dob": None, "endorsements": None, "accidentsLast3Years": ""}
    assert profile_changes(empty, {}, {}, NOW) == ALWAYS


def test_every_field_of_the_form() -> None:
    assert changes(
        {
            "firstName": "Ada", "lastName": "Lovelace", "state": "NJ", "homeZip": "07001", "cdlClass": "A",
            "endorsements": ["H", "N"], "restrictions": "NONE", "preferredRoutes": ["Regional", "Local"],
            "yearsExperience": "2.5", "mvrStatus": "CLEAN", "accidentsLast3Years": "1 or 2",
            "violationsLast3Years": "none", "companiesLast3Years": 0, "employer2Name": "Old Freight",
            "employer3Duration": "1_year", "dob": "01/15/1985", "cdlExpiration": "2027-03-01",
            "medCardExpiration": "soon", "phone": 5550100,
        }
    ) == {
        "first_name": "Ada", "last_name": "Lovelace", "display_name": "Ada Lovelace", "state": "NJ", "cdl_state": "NJ",
        "home_zip": "07001", "zip_code": "07001", "cdl_class": "A", "endorsements": ["H", "N"],
        "restrictions": ["NONE"], "preferred_routes": ["Regional", "Local"], "preferred_operation_type": "Regional",
        "years_experience": 2.5, "mvr_status": "CLEAN", "clean_mvr": True, "accidents_last_3_years": 1,
        "violations_last_3_years": 0, "companies_last_3_years": 0, "employer_2_name": "Old Freight",
        "employer_3_duration": "1_year", "dob": "1985-01-15", "cdl_expiration": "2027-03-01", "phone": "5550100",
    }  # fmt: skip


def test_no_experience_is_an_answer_and_a_bad_record_too() -> None:
    assert changes({"yearsExperience": 0, "mvrStatus": "Minor"}) == {
        "years_experience": 0,
        "mvr_status": "Minor",
        "clean_mvr": False,
    }


def test_half_a_name_makes_no_display_name() -> None:
    assert changes({"firstName": "Ada"}) == {"first_name": "Ada"}


def test_documents_are_complete_with_existing_ones() -> None:
    existing = {"cdl_front_image": "a", "cdl_back_image": "b"}
    assert "docs_complete" not in changes({}, existing)
    assert changes({}, existing, med_card_image="c") == {"med_card_image": "c", "docs_complete": True}


def test_the_catalog_knows_every_field() -> None:
    known = PLATFORM.catalog.collection("DriverProfiles").by_key
    named = {key for keys in (*TEXTS.values(), *DOCUMENTS.values()) for key in keys}
    assert named | {*LISTS.values(), *COUNTS.values(), *DAYS.values(), *ALWAYS} <= known.keys()


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("1985-01-15", "1985-01-15"),
        ("1985-01-15T23:30:00-02:00", "1985-01-16"),
        ("1/5/1985", "1985-01-05"),
        (" January 15, 1985 ", "1985-01-15"),
        ("15 Jan 1985", "1985-01-15"),
        (datetime(1985, 1, 15, 23, tzinfo=timezone(timedelta(hours=-5))), "1985-01-16"),
        ("13/45/1985", None),
        ("soon", None),
        ("", None),
        (19850115, None),
        (None, None),
    ],
)
def test_days_are_read_in_the_ways_they_are_written(given: Any, day: str | None) -> None:
    assert day_of(given) == day
