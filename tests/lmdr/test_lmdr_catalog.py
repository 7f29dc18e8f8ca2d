"""LMDR's catalog: what moves and what stays, the traps of this platform, and that it covers the facts."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from lmdr import catalog as lmdr_catalog
from runbook.catalog import LEGACY_ID, Catalog, Collection, Field

SHARED = Path(__file__).resolve().parents[3] / "shared"
FACTS = SHARED / "facts" / "catalog.yaml"
EXPORT = SHARED / "data" / "wix_export"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return lmdr_catalog.load()


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    if not FACTS.exists():
        pytest.skip("the catalog of facts is not beside this checkout")
    content: dict[str, Any] = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    return content


def every(catalog: Catalog) -> list[tuple[Collection, Field]]:
    return [(c, f) for c in catalog.collections.values() for f in c.fields]


def test_40_move_in_the_order_of_the_plan(catalog: Catalog) -> None:
    assert len(catalog.collections) == 40
    assert [len(phase.collections) for phase in catalog.phases] == [0, 9, 5, 4, 12, 10]
    assert [phase.slug for phase in catalog.phases] == [
        "01_infrastructure",
        "02_content",
        "03_core_business",
        "04_transactions_and_matching",
        "05_communication_and_billing",
        "06_validation_and_cutover",
    ]


def test_5_stay_with_reasons(catalog: Catalog) -> None:
    assert {staying.wix for staying in catalog.kept} == {
        "AdminUsers", "MemberNotifications", "SystemMetrics", "SystemTraces", "FeatureAdoptionLog",
    }  # fmt: skip
    assert all(len(staying.reason) > 10 for staying in catalog.kept)


def test_the_first_phase_makes_the_core_tables(catalog: Catalog) -> None:
    core = tuple(c.wix for c in catalog.phase(3).collections)
    assert catalog.phase(1).tables == core
    assert core == ("Carriers", "DriverProfiles", "DriverJobs", "CarrierHiringPreferences", "DriverInterests")


def test_10_flags(catalog: Catalog) -> None:
    assert catalog.flags == (
        "content", "carriers", "drivers", "interests", "messages", "billing", "enrichment", "onboarding", "admin",
        "reviews",
    )  # fmt: skip


def test_the_owner_of_a_driver_is_the_member(catalog: Catalog) -> None:
    assert catalog.collection("DriverProfiles").field("_owner").name == "Wix Member ID"
    others = {c.field("_owner").name for c in catalog.collections.values() if c.wix != "DriverProfiles"}
    assert others == {"Wix Owner ID"}


def test_dot_is_a_number_in_carriers_and_text_elsewhere(catalog: Catalog) -> None:
    assert catalog.collection("Carriers").field("dot_number").codec_name == "number"
    elsewhere = [
        (c.wix, f.name, f.wix_type, f.type, f.codec_name)
        for c, f in every(catalog)
        if f.wix in ("carrier_dot", "dot_number", "carrierDot") and c.wix != "Carriers"
    ]
    assert {wix_type for _, _, wix_type, _, _ in elsewhere} == {"text"}
    assert len(elsewhere) == 17
    for wix, name, _, column, kind in elsewhere:
        assert (column, kind) in {("number", "text_int"), ("singleLineText", "text")}, (wix, name)


def test_safety_data_keeps_the_text_and_copies_the_number(catalog: Catalog) -> None:
    safety = catalog.collection("CarrierSafetyData")
    assert safety.field("dot_number").type == "singleLineText"
    assert [(c.wix, c.name, c.codec_name) for c in safety.copies] == [("dot_number", "Carrier DOT", "text_int")]


def test_zip_codes_are_text(catalog: Catalog) -> None:
    zips = [f for _, f in every(catalog) if "zip" in f.wix.casefold() or f.wix == "postalCode"]
    assert len(zips) == 8
    assert all(f.type == "singleLineText" and f.codec_name in ("text", "csv_list") for f in zips)


def test_json_text_stays_the_same_text(catalog: Catalog) -> None:
    as_text = {(c.wix, f.wix) for c, f in every(catalog) if f.codec_name == "json_text_as_string"}
    assert as_text == {
        ("DriverCarrierInterests", "status_history"), ("carrierStaffingRequests", "status_history"),
        ("Messages", "metadata"), ("StripeEvents", "data_summary"),
        ("CarrierEnrichments", "sentiment_pros"), ("CarrierEnrichments", "sentiment_cons"),
        ("CarrierEnrichments", "sources_found"),
        ("CarrierSafetyData", "basics"), ("CarrierSafetyData", "inspections"), ("CarrierSafetyData", "crashes"),
    }  # fmt: skip
    assert catalog.collection("Carriers").field("statusHistory").codec_name == "json_text"  # a native array


def test_three_states_are_a_checkbox(catalog: Catalog) -> None:
    clean = catalog.collection("DriverProfiles").field("clean_mvr")
    assert (clean.wix_type, clean.type, clean.codec_name, clean.required) == ("boolean", "checkbox", "boolean", False)


def test_a_status_of_a_driver_is_folded(catalog: Catalog) -> None:
    assert catalog.collection("DriverProfiles").field("status").codec_name == "enum_title"


def test_money(catalog: Catalog) -> None:
    cents = catalog.collection("BillingHistory").field("amount")
    assert (cents.type, cents.precision) == ("number", 0)
    for wix, key in (
        ("Carriers", "pay_cpm"),
        ("DriverProfiles", "min_cpm"),
        ("CarrierHiringPreferences", "offered_pay_min"),
    ):
        assert (catalog.collection(wix).field(key).precision or 0) >= 4


def test_timestamps_keep_their_time(catalog: Catalog) -> None:
    for _, field in every(catalog):
        assert (field.wix_type == "datetime") == (field.type == "dateTime"), field.name
    assert catalog.collection("Messages").field("timestamp").type == "dateTime"


def test_a_range_of_drivers_is_text(catalog: Catalog) -> None:
    assert catalog.collection("carrierStaffingRequests").field("drivers_needed").type == "singleLineText"


@pytest.mark.parametrize(
    ("wix", "key"),
    [
        ("carrierStaffingRequests", "dot_number"),
        ("CarrierSafetyData", "mcs150_mileage_year"),
        ("BillingHistory", "carrier_dot"),
        ("StripeEvents", "carrier_dot"),
        ("MatchEvents", "carrier_dot"),
        ("CheckoutAbandonment", "carrierDot"),
    ],
)
def test_free_input_is_loose(catalog: Catalog, wix: str, key: str) -> None:
    assert catalog.collection(wix).field(key).loose


def test_loose_fields_are_not_required(catalog: Catalog) -> None:
    assert [(c.wix, f.wix) for c, f in every(catalog) if f.loose and f.required] == []


def test_the_selects_that_code_closes_are_closed_and_no_others(catalog: Catalog) -> None:
    closed = {(c.wix, f.wix) for c, f in every(catalog) if f.choices and not f.open}
    assert closed == {
        ("Carriers", "status"), ("DriverProfiles", "visibility_level"), ("DriverProfiles", "profile_status"),
        ("CarrierHiringPreferences", "required_cdl_types"), ("CarrierHiringPreferences", "urgency"),
        ("DriverCarrierInterests", "origin"), ("DriverCarrierInterests", "outcome"), ("Messages", "sender_type"),
        ("MemberActivity", "profile_views_trend"), ("MemberActivity", "match_score_trend"),
        ("CarrierSubscriptions", "plan_type"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wix", "key", "written"),
    [
        ("Carriers", "status", "active inactive suspended pending_review"),
        ("DriverCarrierInterests", "status", "interested applied in_review contacted offer hired rejected withdrawn"),
        ("DriverCarrierInterests", "outcome", "hired rejected withdrawn"),
        ("CarrierHiringPreferences", "urgency", "immediate 2_week 30_day ongoing"),
        ("BillingHistory", "event_type", "subscription_created subscription_updated subscription_cancel_scheduled "
         "subscription_canceled payment_succeeded payment_failed checkout_completed checkout_abandoned"),
        ("CarrierSubscriptions", "plan_type", "free pro enterprise"),
        ("CarrierSubscriptions", "status", "active past_due canceled trialing incomplete incomplete_expired unpaid paused"),
        ("carrierStaffingRequests", "status", "new contacted qualified in_progress closed_won closed_lost"),
        ("AIUsageLog", "provider", "anthropic openai groq perplexity google mistral cohere"),
        ("SystemLogs", "level", "DEBUG INFO WARN ERROR CRITICAL"),
        ("Messages", "sender_type", "driver recruiter system"),
        ("DriverProfiles", "preferred_operation_type", "OTR Regional Local Dedicated no_preference any"),
        ("DriverProfiles", "status", "Active Pending Suspended Incomplete Dormant"),
    ],
)  # fmt: skip
def test_choices_cover_what_services_write(catalog: Catalog, wix: str, key: str, written: str) -> None:
    assert set(written.split()) <= set(catalog.collection(wix).field(key).choices)


def test_personal_fields(catalog: Catalog) -> None:
    words = ("email", "phone", "dob", "first_name", "last_name", "display_name", "cdl_number", "streetAddress",
             "contact_name", "contactName", "reviewer_name", "driver_name", "driver_message", "recruiter_notes",
             "ip_address", "cdl_front_url", "cdl_back_image", "med_card_url", "resume_url", "home_zip")  # fmt: skip
    shown = [(c.wix, f.wix) for c, f in every(catalog) if f.wix in words and not f.personal]
    assert shown == []
    assert catalog.collection("Messages").field("content").personal
    by_type = [(c.wix, f.wix) for c, f in every(catalog) if f.type in ("email", "phoneNumber") and not f.personal]
    assert by_type == []


def test_every_link_keeps_its_text(catalog: Catalog) -> None:
    for collection in catalog.collections.values():
        for link in collection.links:
            for here in link.on:
                assert collection.field(here).type in ("singleLineText", "number"), (collection.wix, link.name)


def test_interests_link_by_dot_and_else_by_id(catalog: Catalog) -> None:
    interests = catalog.collection("DriverCarrierInterests")
    assert interests.field("driver_id").name == "Driver Legacy ID"
    assert [(link.name, link.to, link.on) for link in interests.links] == [
        ("Driver", "DriverProfiles", {"driver_id": "_id"}),
        ("Carrier", "Carriers", {"carrier_dot": "dot_number", "carrier_id": "_id"}),
    ]


def test_every_table_fits_the_limits_of_airtable(catalog: Catalog) -> None:
    inverses: dict[str, int] = {}
    for collection in catalog.collections.values():
        for link in collection.links:
            inverses[link.to] = inverses.get(link.to, 0) + 1
    for wix, collection in catalog.collections.items():
        columns = len(collection.columns) + len(collection.links) + inverses.get(wix, 0) + 1
        assert columns <= 500
        assert all(len(name) <= 255 for name in collection.by_name)


def test_every_collection_has_its_expected_number_of_rows(catalog: Catalog) -> None:
    assert all(collection.expected for collection in catalog.collections.values())


# Against the facts.

DECLARED = {
    ("BlogPosts", "content"): "multilineText, as the platform's documentation has it: richText would alter HTML",
    ("DriverCarrierInterests", "driver_id"): "the text is Driver Legacy ID; Driver is the link",
    ("DriverCarrierInterests", "carrier_dot"): "the text is Carrier DOT; Carrier is the link",
}


def test_every_field_of_the_facts_is_here(catalog: Catalog, facts: dict[str, Any]) -> None:
    different = {}
    for entry in facts["collections"]:
        collection = catalog.collection(entry["wix"])
        assert collection.table == entry["table"]
        assert (collection.phase, collection.tab_group) == (entry["phase"], entry["tab_group"])
        assert list(collection.natural_key) == entry.get("natural_key", [])
        for fact in entry["fields"]:
            if fact["wix"] is None:
                continue
            field = collection.field(fact["wix"])
            if (field.name, field.type, field.wix_type) != (fact["airtable"], fact["type"], fact["wix_type"]):
                different[entry["wix"], fact["wix"]] = (field.name, field.type)
    assert set(different) == set(DECLARED)


def test_no_field_is_made_up(catalog: Catalog, facts: dict[str, Any]) -> None:
    known = {(entry["wix"], fact["wix"]) for entry in facts["collections"] for fact in entry["fields"]}
    known |= {(entry["wix"], "_owner") for entry in facts["collections"]}
    assert {(c.wix, f.wix) for c, f in every(catalog)} <= known


def test_helper_columns_of_the_facts_are_here(catalog: Catalog, facts: dict[str, Any]) -> None:
    for entry in facts["collections"]:
        collection = catalog.collection(entry["wix"])
        names = {*collection.by_name, *(link.name for link in collection.links)}
        helpers = {fact["airtable"] for fact in entry["fields"] if fact["wix"] is None and not fact.get("computed")}
        assert helpers <= names


def test_precision_covers_that_of_the_facts(catalog: Catalog, facts: dict[str, Any]) -> None:
    for entry in facts["collections"]:
        for fact in entry["fields"]:
            precision = (fact.get("options") or {}).get("precision")
            if precision is not None and fact["wix"]:
                assert (catalog.collection(entry["wix"]).field(fact["wix"]).precision or 0) >= precision


def test_choices_cover_those_of_the_facts(catalog: Catalog, facts: dict[str, Any]) -> None:
    for entry in facts["collections"]:
        for fact in entry["fields"]:
            for choice in (fact.get("options") or {}).get("choices", []):
                assert choice["name"] in catalog.collection(entry["wix"]).field(fact["wix"]).choices


def test_flags_are_those_of_the_facts(catalog: Catalog, facts: dict[str, Any]) -> None:
    for flag, names in facts["meta"]["data_source_flags"].items():
        assert {c.wix for c in catalog.of_flag(flag)} == set(names)


def test_unique_and_look_up_keys_are_those_of_the_facts(catalog: Catalog, facts: dict[str, Any]) -> None:
    for entry in facts["collections"]:
        for fact in entry["fields"]:
            if fact["wix"]:
                field = catalog.collection(entry["wix"]).field(fact["wix"])
                assert field.unique == fact.get("unique", False), (entry["wix"], fact["wix"])
                also = (entry["wix"], fact["wix"]) == ("DriverCarrierInterests", "carrier_id")  # of quick applications
                assert field.lookup == (fact.get("lookup", False) or also), (entry["wix"], fact["wix"])


def test_legacy_ids(catalog: Catalog) -> None:
    for collection in catalog.collections.values():
        legacy = collection.field("_id")
        assert (legacy.name, legacy.required, legacy.unique) == (LEGACY_ID, True, True)


# Against the real rows.


@pytest.mark.parametrize("wix", ["BlogPosts", "CarrierSafetyData", "Carriers", "DriverJobs", "FAQs"])
def test_real_rows_lose_nothing(catalog: Catalog, wix: str) -> None:
    path = EXPORT / f"{wix}.jsonl"
    if not path.exists():
        pytest.skip("the real rows are not beside this checkout")
    collection = catalog.collection(wix)
    required = [f.wix for f in collection.fields if f.required]
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line, parse_float=Decimal)
            assert all(row.get(key) not in (None, "") for key in required)
            for key, value in row.items():
                field = collection.field(key)
                if isinstance(value, Decimal):
                    exponent = value.normalize().as_tuple().exponent
                    assert isinstance(exponent, int)
                    assert -exponent <= (field.precision or 0), (key, value)
                if field.choices and not field.open and value:
                    assert value in field.choices
