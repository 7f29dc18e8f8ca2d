"""Look-ups of carriers, drivers and their interests by the plan's names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.services import airtable_client as client
from platform_kit import Platform
from runbook.errors import ItemExists, NoSuchItem, UnknownField, WrongType
from runbook.query import Query


@pytest.mark.parametrize("dot", [1234567, "1234567", " 1234567 ", 1234567.0, "01234567"])
def test_a_carrier_is_found_by_its_dot_as_number_or_text(platform: Platform, dot: Any) -> None:
    row = platform.put("Carriers", dot_number=1234567, legal_name="ACME")
    assert client.get_carrier_by_dot(platform.context(), dot) == row


@pytest.mark.parametrize("dot", ["", None, "12ab", "-7", 7.5, True, "7654321", "' OR TRUE()", "9" * 5000])
def test_an_invalid_dot_number_finds_no_carrier(platform: Platform, dot: Any) -> None:
    platform.put("Carriers", dot_number=1, legal_name="ACME")
    assert client.get_carrier_by_dot(platform.context(), dot) is None


def test_carriers_are_queried_by_any_of_their_keys(platform: Platform) -> None:
    for dot, state in ((1, "TX"), (2, "GA"), (3, "TX")):
        platform.put("Carriers", dot_number=dot, phy_state=state)
    context = platform.context()
    texan = client.query_carriers(context, Query().eq("phy_state", "TX").descending("dot_number"))
    assert [row["dot_number"] for row in texan] == [3, 1]
    assert len(client.query_carriers(context)) == 3
    assert client.query_carriers(context, Query().eq("dot_number", "1")) == []
    with pytest.raises(UnknownField, match="Carriers has no field 'dot'"):
        client.query_carriers(context, Query().eq("dot", 1))


def test_a_carriers_dot_is_stored_as_a_number(platform: Platform) -> None:
    context = platform.context()
    row = client.insert_carrier(context, {"dot_number": "77", "legal_name": "Ünïcode & Söhne"})
    assert (row["dot_number"], row["legal_name"]) == (77, "Ünïcode & Söhne")
    assert client.get_carrier_by_dot(context, 77) == row


def test_a_carrier_without_a_dot_or_with_a_duplicate_is_refused(platform: Platform) -> None:
    context = platform.context()
    first = client.insert_carrier(context, {"dot_number": 77})
    second = client.insert_carrier(context, {"dot_number": 78})
    for data in ({}, {"dot_number": ""}, {"dot_number": "soon"}):
        with pytest.raises(WrongType, match="Carriers, dot_number"):
            client.insert_carrier(context, data)
    with pytest.raises(ItemExists, match=first["_id"]):
        client.insert_carrier(context, {"dot_number": "77"})
    with pytest.raises(ItemExists, match=first["_id"]):
        client.update_carrier(context, second["_id"], {"dot_number": 77})
    assert {row["dot_number"] for row in platform.rows("Carriers")} == {77, 78}


def test_an_update_of_a_carrier_changes_only_the_given_keys(platform: Platform) -> None:
    context = platform.context()
    row = client.insert_carrier(context, {"dot_number": 77, "legal_name": "ACME", "phy_zip": "07001"})
    changed = client.update_carrier(context, row["_id"], {"dot_number": "77", "legal_name": "ACME LLC"})
    assert (changed["dot_number"], changed["legal_name"], changed["phy_zip"]) == (77, "ACME LLC", "07001")
    assert platform.row("Carriers", row["_id"]) == changed
    with pytest.raises(NoSuchItem, match="Carriers has no item gone"):
        client.update_carrier(context, "gone", {"legal_name": "ACME"})


def test_a_driver_is_found_by_its_id_and_by_its_member(platform: Platform) -> None:
    context = platform.context()
    row = client.insert_driver(context, {"_owner": "member-1", "display_name": "Ann", "home_zip": "07001"})
    ownerless = client.insert_driver(context, {"display_name": "Imported"})
    assert client.get_driver_by_id(context, row["_id"]) == row
    assert client.get_driver_by_wix_member_id(context, "member-1") == row
    assert client.get_driver_by_id(context, "member-1") is None
    assert client.get_driver_by_wix_member_id(context, "") is None
    assert client.get_driver_by_wix_member_id(context, row["_id"]) is None
    assert client.get_driver_by_id(context, ownerless["_id"]) == ownerless


def test_a_member_has_one_profile(platform: Platform) -> None:
    context = platform.context()
    row = client.insert_driver(context, {"_owner": "member-1"})
    with pytest.raises(ItemExists, match=row["_id"]):
        client.insert_driver(context, {"_owner": "member-1"})
    assert platform.rows("DriverProfiles") == [row]


def test_drivers_are_queried_and_changed(platform: Platform) -> None:
    context = platform.context()
    row = client.insert_driver(context, {"cdl_class": "A", "endorsements": ["H", "T"]})
    client.insert_driver(context, {"cdl_class": "B"})
    assert client.query_drivers(context, Query().has_all("endorsements", ["T", "H"])) == [row]
    changed = client.update_driver(context, row["_id"], {"endorsements": []})
    assert (changed["endorsements"], changed["cdl_class"]) == ([], "A")
    with pytest.raises(WrongType, match=r"DriverProfiles.*years_experience"):
        client.update_driver(context, row["_id"], {"years_experience": "five"})
    with pytest.raises(NoSuchItem):
        client.update_driver(context, "gone", {"cdl_class": "A"})


def test_a_query_without_a_limit_gives_fifty(platform: Platform) -> None:
    platform.records.bulk_insert("DriverProfiles", [{"display_name": str(number)} for number in range(51)])
    context = platform.context()
    assert len(client.query_drivers(context)) == 50
    assert len(client.query_drivers(context, Query().limit(60))) == 51


def tied(platform: Platform) -> tuple[str, str]:
    driver = platform.put("DriverProfiles", display_name="Ann")
    carrier = platform.put("Carriers", dot_number=77, legal_name="ACME")
    return driver["_id"], carrier["_id"]


def test_an_interest_names_both_and_when_it_began(platform: Platform) -> None:
    driver, carrier = tied(platform)
    row = client.create_interest(platform.context(), driver, carrier, {"match_score": 81, "driver_id": "forged"})
    assert row == platform.row("DriverCarrierInterests", row["_id"])
    expected = {
        "driver_id": driver, "carrier_id": carrier, "carrier_dot": "77", "carrier_name": "ACME",
        "status": "interested", "match_score": 81, "action_timestamp": platform.now,
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected


def test_given_fields_of_an_interest_override_its_defaults(platform: Platform) -> None:
    driver, carrier = tied(platform)
    then = platform.now - timedelta(days=1)
    fields = {"status": "applied", "action_timestamp": then, "carrier_name": "As written"}
    row = client.create_interest(platform.context(), driver, carrier, fields)
    assert {key: row[key] for key in fields} == fields


def test_an_interest_of_a_missing_driver_or_a_duplicate_is_refused(platform: Platform) -> None:
    driver, carrier = tied(platform)
    context = platform.context()
    with pytest.raises(NoSuchItem, match="DriverProfiles has no item gone"):
        client.create_interest(context, "gone", carrier)
    with pytest.raises(NoSuchItem, match="Carriers has no item gone"):
        client.create_interest(context, driver, "gone")
    assert platform.rows("DriverCarrierInterests") == []
    first = platform.put("DriverCarrierInterests", driver_id=driver, carrier_dot="77")  # as most services write it
    with pytest.raises(ItemExists, match=first["_id"]):
        client.create_interest(context, driver, carrier)
    assert platform.rows("DriverCarrierInterests") == [first]


def test_interests_of_a_carrier_are_found_by_either_of_its_names(platform: Platform) -> None:
    driver, carrier = tied(platform)
    context = platform.context()
    by_dot = platform.put("DriverCarrierInterests", driver_id=driver, carrier_dot="77")
    by_id = platform.put("DriverCarrierInterests", driver_id="another", carrier_id=carrier)
    platform.put("DriverCarrierInterests", driver_id=driver, carrier_dot="778")
    found = client.get_interests_by_carrier(context, carrier)
    assert {row["_id"] for row in found} == {by_dot["_id"], by_id["_id"]}
    assert client.get_interests_by_carrier(context, "gone") == []
    assert len(client.get_interests_by_driver(context, driver)) == 2
    assert client.get_interests_by_driver(context, "") == []


def test_interests_of_a_carrier_are_all_of_them(platform: Platform) -> None:
    _, carrier = tied(platform)
    rows = [{"driver_id": str(number), "carrier_dot": "77"} for number in range(55)]
    platform.records.bulk_insert("DriverCarrierInterests", rows)
    assert len(client.get_interests_by_carrier(platform.context(), carrier)) == 55


def test_a_status_is_set_as_of_today(platform: Platform) -> None:
    row = platform.put("DriverCarrierInterests", driver_id="d", carrier_dot="77", notes="kept")
    changed = client.update_interest_status(platform.context(), row["_id"], "in_review")
    assert (changed["status"], changed["status_updated"], changed["notes"]) == ("in_review", "2026-01-21", "kept")
    with pytest.raises(NoSuchItem):
        client.update_interest_status(platform.context(), "gone", "hired")
