"""Workflows of admins and visitors: moderation, dashboards, the audit log, pages; also across a turn of the flags."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from admin_kit import DRIVER, SUPER, audited
from lmdr.services.admin import carriers as carrier_admin
from lmdr.services.admin import drivers as admin
from lmdr.services.admin.access import AccessDenied
from lmdr.services.admin.ai_usage import get_ai_health_check, get_ai_usage_stats
from lmdr.services.admin.audit import (
    export_audit_log_csv,
    get_admin_list,
    get_audit_entry_detail,
    get_audit_log,
    get_audit_stats,
)
from lmdr.services.admin.dashboard import (
    get_activity_chart_data,
    get_dashboard_overview,
    get_quick_stats,
    resolve_alert,
)
from lmdr.services.admin.matches import export_matches_csv, get_match_stats, get_match_trends, get_top_matches
from lmdr.services.admin.moderation import (
    get_moderation_queue,
    get_moderation_stats,
    update_document_status,
    update_job_status,
    update_review_status,
)
from lmdr.services.content import pages as content
from lmdr.services.context import ANYONE, Caller
from lmdr.services.driver.carrier_matching import log_match_event
from lmdr.services.observability import logs as observability
from lmdr.services.observability import reports as observability_reports
from platform_kit import Platform

MODERATOR = Caller("admin-3", "moe@example.com")
DOT = 1234567


def later(platform: Platform, **by: float) -> None:
    platform.at(platform.now + timedelta(**by))


def put_people(platform: Platform) -> tuple[str, str]:
    """A driver and a carrier: their ids."""
    platform.put("AdminUsers", email=MODERATOR.email, status="active")
    driver = platform.put(
        "DriverProfiles",
        display_name="Ann",
        status="pending",
        verificationStatus="in_review",
        profile_status="active",
        cdl_front_image="wix:image://f",
        cdl_back_image="wix:image://b",
        cdl_back_status="approved",
        updated_date=platform.now,
    )
    carrier = platform.put("Carriers", dot_number=DOT, legal_name="ACME", status="active", nbr_power_unit=70)
    return driver["_id"], carrier["_id"]


def test_reviews_jobs_and_documents_are_moderated(workflow: Platform) -> None:
    driver, _ = put_people(workflow)
    text = {"carrier_dot": str(DOT), "carrier_name": "ACME", "rating": 4, "content": "Good\n\n– and paid 💵"}
    review = workflow.put("CarrierReviews", **text, status="pending", submitted_date=workflow.now - timedelta(hours=2))
    job = workflow.put("JobPostings", title="OTR", status="pending", submitted_date=workflow.now - timedelta(hours=1))
    queue = get_moderation_queue(workflow.context(), MODERATOR)
    assert [(item["type"], item["id"]) for item in queue] == [
        ("document", f"{driver}_cdl_front"),
        ("job", job["_id"]),
        ("review", review["_id"]),
    ]
    assert update_review_status(workflow.context(), MODERATOR, review["_id"], "approved")["success"]

    workflow.turn()

    context = workflow.context()
    later(workflow, minutes=5)
    assert get_moderation_stats(context, MODERATOR) == {"pendingReviews": 0, "pendingJobs": 1, "pendingDocuments": 0}
    with pytest.raises(AccessDenied):
        update_job_status(context, SUPER, job["_id"], "approved")  # a role alone does not make a moderator
    assert update_job_status(context, MODERATOR, job["_id"], "rejected")["success"]
    assert update_document_status(context, MODERATOR, driver, "cdl_front", "rejected", "Blurred")["success"]
    assert get_moderation_queue(context, MODERATOR) == []

    stored = workflow.row("DriverProfiles", driver)
    assert (stored["cdl_front_status"], stored["cdl_front_rejection_reason"]) == ("rejected", "Blurred")
    stored = workflow.row("CarrierReviews", review["_id"])
    assert (stored["status"], stored["content"]) == ("approved", text["content"])
    assert stored["moderated_at"] == workflow.now - timedelta(minutes=5)
    assert workflow.row("JobPostings", job["_id"])["moderated_at"] == workflow.now
    assert audited(workflow) == sorted(
        [
            ("updateDocument", "driver_document", driver, MODERATOR.member_id, MODERATOR.email),
            ("updateJob", "job", job["_id"], MODERATOR.member_id, MODERATOR.email),
            ("updateReview", "review", review["_id"], MODERATOR.member_id, MODERATOR.email),
        ]
    )


def test_dashboards_count_what_happened_on_both_sides_of_a_turn(workflow: Platform) -> None:
    put_people(workflow)
    seen = {"carrierDOT": DOT, "carrierName": "ACME", "driverZip": "07001", "action": "viewed"}
    for score in (95, 40):
        log_match_event(workflow.context(), ANYONE, {**seen, "matchScore": score})
    call = {"functionId": "enrich", "provider": "anthropic", "tokensUsed": 1000, "latencyMs": 400}
    workflow.put("AIUsageLog", **call, timestamp=workflow.now)
    workflow.put("CarrierEnrichments", dot_number=str(DOT), enriched_date=workflow.now - timedelta(days=8))
    observability.log(workflow.context(), {"level": "ERROR", "source": "fmcsa", "message": "down", "tags": ["ai"]})
    before = get_dashboard_overview(workflow.context(), SUPER)
    assert (before["matches"]["today"], before["drivers"]["pending"], before["health"]["overall"]) == (2, 1, 100)

    workflow.turn()

    context = workflow.context()
    assert get_dashboard_overview(context, SUPER) == before
    later(workflow, minutes=30)
    log_match_event(context, ANYONE, {**seen, "matchScore": 80})
    workflow.put("AIUsageLog", **call, timestamp=workflow.now, error="timeout")
    later(workflow, minutes=1)
    workflow.put("DriverProfiles", display_name="Bob", status="active")
    observability.log(context, {"level": "INFO", "source": "fmcsa", "message": "up again"})

    assert get_quick_stats(context, SUPER) == {
        "totalDrivers": 2,
        "totalCarriers": 1,
        "matchesToday": 3,
        "pendingVerifications": 1,
    }
    overview = get_dashboard_overview(context, SUPER)
    assert (overview["drivers"]["newThisWeek"], overview["drivers"]["activePercent"]) == (2, 50)
    assert overview["carriers"]["byFleetSize"] == {"small": 0, "medium": 1, "large": 0}
    assert (overview["enrichment"]["stale"], overview["enrichment"]["coverage"]) == (1, 100)
    assert [event["type"] for event in overview["activity"][:2]] == ["driver", "match"]
    stats = get_match_stats(context, SUPER)
    assert (stats["totalMatches"], stats["averageScore"]) == (3, 72)
    assert stats["distribution"] == {"excellent": 1, "good": 1, "fair": 0, "low": 1}
    assert [match["match_score"] for match in get_top_matches(context, SUPER)] == [95, 80, 40]
    usage = get_ai_usage_stats(context, SUPER, "day")["summary"]
    assert (usage["requests"], usage["tokens"], usage["errorRate"], usage["cost"]) == (2, 2000, 50, 0.0228)
    assert get_ai_health_check(context, SUPER)["providers"]["anthropic"]["status"] == "degraded"
    assert observability_reports.get_health_metrics(context, SUPER)["errorRate"] == 50
    lines = observability_reports.get_logs(context, SUPER, {"source": "fmcsa"})["logs"]
    assert [(line["level"], line["message"]) for line in lines] == [("INFO", "up again"), ("ERROR", "down")]
    later(workflow, days=1)
    chart = get_activity_chart_data(context, SUPER)
    assert (chart["labels"][-1], chart["matches"][-1], chart["drivers"][-1]) == ("2026-01-21", 3, 2)
    assert get_match_trends(context, SUPER)["averageScores"][-1] == 72


def test_every_action_of_an_admin_is_in_the_audit_log(workflow: Platform) -> None:
    driver, carrier = put_people(workflow)
    review = workflow.put("CarrierReviews", status="pending", carrier_dot=str(DOT))["_id"]
    job = workflow.put("JobPostings", status="pending", title="OTR")["_id"]
    alert = workflow.put("SystemAlerts", type="warning", message="Slow", resolved=False)["_id"]
    for dot in (str(DOT), "2"):
        workflow.put("CarrierEnrichments", dot_number=dot, enriched_date=workflow.now)

    def do(*actions: Any) -> None:
        for action, *args in actions:
            later(workflow, minutes=1)
            action(workflow.context(), *args)

    do(
        (admin.verify_driver, SUPER, driver),
        (admin.update_driver_status, SUPER, driver, "active", "Papers are fine"),
        (admin.suspend_driver, SUPER, driver, "Complaint"),
        (admin.update_carrier_status, SUPER, carrier, "inactive"),
        (admin.flag_carrier, SUPER, carrier, "Odd"),
        (admin.unflag_carrier, SUPER, carrier),
        (carrier_admin.update_carrier_status, SUPER, carrier, "suspended", "Unpaid"),
        (carrier_admin.flag_carrier, SUPER, carrier, "=1+1"),
        (update_review_status, MODERATOR, review, "approved"),
        (export_matches_csv, SUPER),
    )

    workflow.turn()

    do(
        (carrier_admin.unflag_carrier, SUPER, carrier),
        (carrier_admin.refresh_carrier_enrichment, SUPER, carrier),
        *((carrier_admin.bulk_update_carriers, SUPER, [carrier], action) for action in ("activate", "deactivate")),
        *((carrier_admin.bulk_update_carriers, SUPER, ["gone"], action) for action in ("flag", "unflag")),
        (carrier_admin.bulk_update_carriers, SUPER, [], "refreshEnrichment"),
        (update_job_status, MODERATOR, job, "approved"),
        (update_document_status, MODERATOR, driver, "med_card", "approved"),
        (resolve_alert, SUPER, alert),
        (carrier_admin.export_carriers_csv, SUPER),
        (export_audit_log_csv, SUPER),
    )
    with pytest.raises(AccessDenied):
        admin.verify_driver(workflow.context(), DRIVER, driver)

    context = workflow.context()
    found = get_audit_log(context, SUPER)
    done = [
        "exportAuditLog", "exportData", "resolveAlert", "updateDocument", "updateJob", "bulkRefreshEnrichment",
        "bulkUnflag", "bulkFlag", "bulkDeactivate", "updateCarrierStatus", "bulkActivate", "updateCarrierStatus",
        "refreshEnrichment", "unflagCarrier", "exportData", "updateReview", "flagCarrier", "updateCarrierStatus",
        "unflagCarrier", "flagCarrier", "updateCarrierStatus", "suspendDriver", "updateDriverStatus", "verifyDriver",
    ]  # fmt: skip
    assert sorted(entry["action"] for entry in found["entries"]) == sorted(done)
    assert found["totalCount"] == len(done) == 24
    moments = [entry["timestamp"] for entry in found["entries"]]
    assert moments == sorted(moments, reverse=True)
    assert (found["entries"][0]["relativeTime"], found["entries"][-1]["relativeTime"]) == ("Just now", "21m ago")
    of_drivers = get_audit_log(context, SUPER, {"filters": {"category": "driver"}})["entries"]
    assert [entry["actionLabel"] for entry in of_drivers] == [
        "Suspend Driver",
        "Update Driver Status",
        "Verify Driver",
    ]
    detail = get_audit_entry_detail(context, SUPER, of_drivers[0]["_id"])
    assert (detail["target"]["name"], detail["entry"]["details"]["reason"]) == ("Ann", "Complaint")
    assert {entry["action"] for entry in detail["relatedEntries"]} == {
        "updateDriverStatus",
        "verifyDriver",
        "updateDocument",
    }
    assert [entry["email"] for entry in get_admin_list(context, SUPER)] == [MODERATOR.email, SUPER.email]
    assert get_audit_stats(context, SUPER)["topAdmins"] == [
        {"admin": SUPER.email, "count": 21},
        {"admin": MODERATOR.email, "count": 3},
    ]

    exported = export_audit_log_csv(context, SUPER)
    lines = list(csv.DictReader(io.StringIO(exported["csv"])))
    assert (exported["count"], len(lines)) == (24, 24)
    assert lines[-1]["Action"] == "verifyDriver"
    driver_row, carrier_row = workflow.row("DriverProfiles", driver), workflow.row("Carriers", carrier)
    assert [entry["to"] for entry in driver_row["statusHistory"]] == ["active", "suspended"]
    assert [entry["to"] for entry in carrier_row["statusHistory"]] == ["inactive", "suspended", "active", "inactive"]
    assert (driver_row["verificationStatus"], carrier_row["admin_status"]) == ("verified", "inactive")
    assert [row["dot_number"] for row in workflow.rows("CarrierEnrichments")] == ["2"]


def test_pages_are_the_same_before_and_after_a_turn(workflow: Platform) -> None:
    html = "<div>\n<p>a&nbsp;b</p>\r\n</div>  "
    posts = [
        {"title": f"Post {n}", "slug": f"post-{n}", "category": "Pay", "content": html * n, "tags": ["a, b", "c"],
         "published_date": workflow.now - timedelta(days=n), "is_published": n < 4, "view_count": 10 - n}
        for n in range(1, 5)
    ]  # fmt: skip
    rows = workflow.records.bulk_insert("BlogPosts", posts)
    workflow.put("BlogCategories", name="Pay", slug="pay", display_order=1, post_count=3)
    workflow.put("ComplianceGuides", title="Hours", slug="hours", category="DOT", content_html=html, display_order=1)
    sections = [{"heading": "One", "items": ["a", None, 1.5]}]
    workflow.put("BestPracticesGuides", title="Hire", slug="hire", sections=sections)
    workflow.put("FAQs", question="Is it?", answer="  It is.\n\n", category="drivers", is_active=True, display_order=2)
    workflow.put("FAQs", question="When?", answer="Now.", category="drivers", is_active=True, display_order=1)
    workflow.put("FAQs", question="Off?", answer="Yes.", category="drivers", is_active=False, display_order=0)
    workflow.put("PricingTiers", tier_name="Pro", customer_type="carrier", is_active=True, price_display="$249",
                 features=["25 views", "Search, and more"])  # fmt: skip
    metrics = [{"name": "Days", "ai": 14.5}]
    workflow.put("IndustryComparisons", comparison_id="ai-vs-traditional", comparison_title="AI", metrics=metrics)

    def pages() -> list[dict[str, Any]]:
        context = workflow.context()
        return [
            content.get_blog_posts(context, "Pay", 2),
            content.get_blog_post_by_slug(context, "post-2"),
            content.get_featured_blog_post(context),
            content.get_popular_blog_posts(context),
            content.get_blog_categories(context),
            content.get_compliance_guide(context, "hours"),
            content.get_compliance_guides(context),
            content.get_best_practices_guide(context, "hire"),
            content.get_industry_comparison(context),
            content.get_faqs(context, "drivers"),
            content.get_pricing_tiers(context),
        ]

    before = pages()
    listed, post, *_, faqs, tiers = before
    assert ([result["title"] for result in listed["posts"]], listed["totalCount"]) == (["Post 1", "Post 2"], 3)
    assert (post["post"]["content"], post["post"]["tags"], len(post["relatedPosts"])) == (html * 2, ["a, b", "c"], 2)
    assert faqs["faqs"] == [
        {"question": "When?", "answer": "Now."},
        {"question": "Is it?", "answer": "  It is.\n\n"},
    ]
    assert tiers["tiers"][0]["features"] == ["25 views", "Search, and more"]

    workflow.turn()

    assert pages() == before
    assert content.get_blog_post_by_slug(workflow.context(), "post-4") == {"success": False, "error": "Post not found"}
    workflow.records.patch("BlogPosts", rows[3]["_id"], {"is_published": True, "is_featured": True})
    assert content.get_featured_blog_post(workflow.context())["post"]["title"] == "Post 4"
    assert content.get_blog_posts(workflow.context())["totalCount"] == 4
