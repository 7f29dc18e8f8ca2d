"""What runs by the clock: the batch of enrichments, mails about abandoned checkouts, the backfill of drivers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.billing.abandonment_emails import mark_checkout_recovered, track_abandoned_checkout
from lmdr.services.jobs import backfill_searchable_drivers, run_enrichment_batch, send_abandonment_emails
from platform_kit import Platform

# ------------------------------------------------------------------ enrichments


def put_carriers(platform: Platform, *scores: float | None, **fields: Any) -> None:
    rows = [{"dot_number": number, "legal_name": f"C{number}", **fields} for number, _ in enumerate(scores, 1)]
    platform.records.bulk_insert(
        "Carriers",
        [row if score is None else {**row, "combined_score": score} for row, score in zip(rows, scores, strict=True)],
    )


def batch(platform: Platform, *, social: Any = None) -> tuple[dict[str, Any], list[str], list[float]]:
    requests: list[str] = []
    waits: list[float] = []

    def write(prompt: str, **how: Any) -> str:
        requests.append(prompt)
        return json.dumps({"ai_summary": "new"})

    providers = {"perplexity": lambda prompt, **how: {"content": "x"}, "claude": write}
    if social is not None:
        providers["social"] = social
    return run_enrichment_batch(platform.context(providers=providers, sleep=waits.append)), requests, waits


def test_the_three_best_that_need_it_are_enriched_two_seconds_apart(platform: Platform) -> None:
    put_carriers(platform, 10, 90, None, 50, 70, 60)
    platform.put("CarrierEnrichments", dot_number="2", enriched_date=platform.now - timedelta(days=30))
    answer, requests, waits = batch(platform)
    assert answer == {"success": True, "processed": 3, "failed": 0, "carriers": ["5", "6", "4"]}
    assert (len(requests), waits) == (3, [2.0, 2.0])
    answer, _, _ = batch(platform)
    assert answer["carriers"] == ["1", "3"]
    assert batch(platform)[0] == {"success": True, "processed": 0, "failed": 0, "carriers": []}


def test_an_enrichment_older_than_a_month_is_refreshed_and_a_newer_one_is_not(platform: Platform) -> None:
    put_carriers(platform, 90, 80, 70)
    for dot, age in (("1", timedelta(days=30)), ("2", timedelta(days=30, milliseconds=1)), ("3", timedelta(days=15))):
        platform.put("CarrierEnrichments", dot_number=dot, enriched_date=platform.now - age, match_count=1)
    assert batch(platform)[0]["carriers"] == ["2"]
    rows = {row["dot_number"]: row for row in platform.rows("CarrierEnrichments")}
    assert (rows["2"]["ai_summary"], rows["2"]["match_count"], len(rows)) == ("new", 2, 3)


def test_only_the_sixty_best_are_considered(platform: Platform) -> None:
    put_carriers(platform, *range(61, 0, -1))
    fresh = [{"dot_number": str(number), "enriched_date": platform.now} for number in range(1, 61)]
    platform.records.bulk_insert("CarrierEnrichments", fresh)
    assert batch(platform)[0]["processed"] == 0


@pytest.mark.parametrize(
    ("trucks", "score", "looked"), [(50, 10, True), (49, 79.9, False), (1, 80, True), (None, None, False)]
)
def test_social_media_are_looked_at_for_the_large_and_the_good(
    platform: Platform, trucks: int | None, score: float | None, looked: bool
) -> None:
    put_carriers(platform, score, **({} if trucks is None else {"nbr_power_unit": trucks}))
    _, (prompt,), _ = batch(platform, social=lambda carrier: f"seen {carrier['legal_name']}")
    assert ("seen C1" in prompt) is looked


def test_a_look_that_fails_costs_no_enrichment(platform: Platform) -> None:
    put_carriers(platform, 99)
    assert batch(platform, social=lambda carrier: 1 / 0)[0]["failed"] == 0


def test_without_providers_nothing_is_cached_and_the_batch_reports_it(platform: Platform) -> None:
    put_carriers(platform, 99)
    answer = run_enrichment_batch(platform.context())
    assert answer == {"success": True, "processed": 1, "failed": 1, "carriers": ["1"]}
    assert platform.rows("CarrierEnrichments") == []
    assert run_enrichment_batch(platform.context())["processed"] == 1


# ------------------------------------------------------------------ abandoned checkouts


def session(number: int = 1, email: str = "a@b.test", **more: Any) -> dict[str, Any]:
    return {"id": f"cs_{number}", "customer_email": email, "metadata": {"carrier_dot": "7"}, **more}


def test_an_address_has_one_open_row_per_day(platform: Platform) -> None:
    context, begun = platform.context(), platform.now
    first = track_abandoned_checkout(context, session(1))
    platform.at(begun + timedelta(hours=23))
    again = track_abandoned_checkout(context, session(2, metadata={"plan_type": "enterprise"}))
    assert again == first
    (row,) = platform.rows("CheckoutAbandonment")
    assert (row["stripeSessionId"], row["planType"], row["abandonedAt"]) == ("cs_2", "enterprise", platform.now)
    assert row["carrierDot"] == "7"
    platform.at(begun + timedelta(hours=24, minutes=1))
    assert track_abandoned_checkout(context, session(3)) != first
    assert track_abandoned_checkout(context, session(4, email="c@d.test"))["success"]
    assert len(platform.rows("CheckoutAbandonment")) == 3


def test_a_recovered_row_is_not_taken_up_again(platform: Platform) -> None:
    context = platform.context()
    track_abandoned_checkout(context, session(1))
    assert mark_checkout_recovered(context, "a@b.test", "cs_9") == {"success": True, "recovered": 1}
    assert mark_checkout_recovered(context, "a@b.test", "cs_9")["recovered"] == 0
    assert mark_checkout_recovered(context, None)["recovered"] == 0
    track_abandoned_checkout(context, session(1))
    (row,) = platform.rows("CheckoutAbandonment")
    assert row["recovered"] is True
    track_abandoned_checkout(context, session(2))
    assert len(platform.rows("CheckoutAbandonment")) == 2


@pytest.mark.parametrize(
    ("fields", "plan"),
    [({"metadata": {"plan_type": "enterprise"}}, "enterprise"), ({"metadata": {"price_id": "price_enterprise"}}, "enterprise"),
     ({"line_items": {"data": [{"price": {"id": "price_enterprise_6"}}]}}, "enterprise"), ({"metadata": None}, "pro")],
)  # fmt: skip
def test_the_plan_is_given_or_derived_from_the_price(platform: Platform, fields: dict[str, Any], plan: str) -> None:
    track_abandoned_checkout(platform.context(), session(**fields))
    assert platform.rows("CheckoutAbandonment")[0]["planType"] == plan


def test_a_checkout_without_an_address_is_not_noted(platform: Platform) -> None:
    assert track_abandoned_checkout(platform.context(), {"id": "cs_1"})["success"] is False
    assert platform.rows("CheckoutAbandonment") == []


def test_three_mails_are_sent_once_each_when_due(platform: Platform) -> None:
    context, begun = platform.context(), platform.now
    track_abandoned_checkout(context, session(customer_details={"email": "a@b.test", "name": "Ann"}))
    for hours, number in ((2, 1), (72, 2), (168, 3)):
        platform.at(begun + timedelta(hours=hours) - timedelta(milliseconds=1))
        assert send_abandonment_emails(context) == {"success": True, "sent": 0}
        platform.at(begun + timedelta(hours=hours))
        assert send_abandonment_emails(context)["sent"] == 1
        assert send_abandonment_emails(context)["sent"] == 0
        (row,) = platform.rows("CheckoutAbandonment")
        assert (row[f"email{number}Sent"], row[f"email{number}SentAt"]) == (True, platform.now)
    assert [(template, to) for template, to, _ in platform.mails] == [
        (f"checkout_abandonment_{number}", "a@b.test") for number in (1, 2, 3)]  # fmt: skip
    assert platform.mails[0][2] == {"planType": "pro", "carrierDot": "7", "contactName": "Ann"}
    platform.at(begun + timedelta(days=60))
    assert send_abandonment_emails(context)["sent"] == 0


def test_late_mails_are_sent_in_order_one_per_run(platform: Platform) -> None:
    context = platform.context()
    track_abandoned_checkout(context, session())
    platform.at(platform.now + timedelta(days=8))
    assert [send_abandonment_emails(context)["sent"] for _ in range(4)] == [1, 1, 1, 0]
    assert [template[-1] for template, _, _ in platform.mails] == ["1", "2", "3"]


def test_a_recovered_checkout_gets_no_more_mails(platform: Platform) -> None:
    context = platform.context()
    track_abandoned_checkout(context, session())
    platform.at(platform.now + timedelta(hours=2))
    mark_checkout_recovered(context, "a@b.test")
    assert send_abandonment_emails(context)["sent"] == 0


def test_every_open_row_is_processed_whatever_it_lacks(platform: Platform) -> None:
    old = platform.now - timedelta(hours=2)
    rows: list[dict[str, Any]] = [{"email": f"{n}@b.test", "abandonedAt": old} for n in range(101)]
    platform.records.bulk_insert("CheckoutAbandonment", [{**rows[0], "email1Sent": True}, *rows[1:]])
    assert send_abandonment_emails(platform.context())["sent"] == 100
    assert len({to for _, to, _ in platform.mails}) == 100


# ------------------------------------------------------------------ drivers


def test_drivers_with_documents_become_searchable_once(platform: Platform) -> None:
    answer = platform.put("DriverProfiles", display_name="Ann", docs_submitted=True)
    hidden = platform.put("DriverProfiles", docs_submitted=True, is_searchable=False, visibility_level="limited")
    others = [
        platform.put("DriverProfiles", docs_submitted=True, is_searchable=True, visibility_level="limited"),
        platform.put("DriverProfiles", docs_submitted=False),
        platform.put("DriverProfiles", display_name="None"),
    ]
    assert backfill_searchable_drivers(platform.context()) == {"success": True, "updated": 2}
    for item_id in (answer["_id"], hidden["_id"]):
        row = platform.row("DriverProfiles", item_id)
        assert (row["is_searchable"], row["visibility_level"]) == (True, "full")
        assert row["migration_note"]
    assert [platform.row("DriverProfiles", other["_id"]) for other in others] == others
    platform.records.patch("DriverProfiles", answer["_id"], {"is_searchable": False, "visibility_level": "hidden"})
    assert backfill_searchable_drivers(platform.context())["updated"] == 0
    assert platform.row("DriverProfiles", answer["_id"])["visibility_level"] == "hidden"
