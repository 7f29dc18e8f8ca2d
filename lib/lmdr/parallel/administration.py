"""Phase 6: what admins see, and the pages that everyone sees.

Exports audit themselves, so what they hold is asked for without that.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from lmdr.parallel.calls import ADMIN, Answers, answered, because, context_of, newest, sampled, some, values
from lmdr.services.admin import audit as admin_audit
from lmdr.services.admin import carriers as carrier_admin
from lmdr.services.admin import dashboard as admin_dashboard
from lmdr.services.admin.ai_usage import get_ai_health_check, get_ai_usage_stats
from lmdr.services.admin.matches import matches_as_csv
from lmdr.services.admin.moderation import get_moderation_queue, get_moderation_stats
from lmdr.services.content import pages as content
from lmdr.services.context import Caller, Context
from lmdr.services.observability import reports as observability_reports
from runbook.cutover import ParallelTest
from runbook.query import Query
from runbook.records import Records

DASHBOARD = (
    "DriverProfiles",
    "Carriers",
    "MatchEvents",
    "DriverCarrierInterests",
    "CarrierEnrichments",
    "AdminAuditLog",
)
AUDIT = ("AdminAuditLog", "DriverProfiles", "Carriers", "CarrierReviews", "JobPostings", "PromptLibrary")
MODERATION = ("CarrierReviews", "JobPostings", "DriverProfiles")
CARRIERS = ("Carriers", "CarrierEnrichments", "CarrierSafetyData", "MatchEvents", "DriverCarrierInterests")
CONTENT = (
    "BlogPosts",
    "BlogCategories",
    "FAQs",
    "ComplianceGuides",
    "BestPracticesGuides",
    "PricingTiers",
    "IndustryComparisons",
)

_CHARTS = ("week", "month")
_PERIODS = ("hour", "day", "week", "month")
_HALF_A_YEAR = {"dateFrom": "2025-01-01", "dateTo": "2025-06-30"}
_AUDIT_FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"action": "flagCarrier"},
    {"targetType": "driver"},
    {"adminId": "system"},
    {"category": "carrier"},
    {"category": "other"},
    {"search": "ADMIN1"},
    {"search": "a1", "category": "driver"},
    _HALF_A_YEAR,
)
_CARRIER_FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"search": "trans"},
    {"search": "99001"},
    {"status": "active"},
    {"fleetSize": "medium"},
    {"fleetSize": "small", "state": "TX"},
    {"safetyRating": "SATISFACTORY"},
)
_MATCH_FILTERS: tuple[dict[str, Any], ...] = ({}, {"minScore": 90}, _HALF_A_YEAR)
_LOG_LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"limit": 100, "skip": 100},
    {"level": "DEBUG"},
    {"minLevel": "ERROR", "source": "fmcsaService"},
    {"search": "the"},
    {"tags": ["ai", "slow"]},
    _HALF_A_YEAR,
)


def dashboard(records: Records) -> Answers:
    """The dashboard as it was at the last match, its four counts and its charts."""
    context = context_of(records, newest(records, "MatchEvents", "timestamp"))
    yield "dashboard", answered(admin_dashboard.get_dashboard_overview, context, ADMIN)
    yield "quick statistics", answered(admin_dashboard.get_quick_stats, context, ADMIN)
    for period in _CHARTS:
        yield f"chart of a {period}", answered(admin_dashboard.get_activity_chart_data, context, ADMIN, period)


def ai_usage(records: Records) -> Answers:
    """What language models cost, and how they did in the hour of their last call."""
    context = context_of(records, newest(records, "AIUsageLog", "timestamp"))
    for period in ("day", "week", "month"):
        yield f"AI usage of a {period}", answered(get_ai_usage_stats, context, ADMIN, period)
    yield "health of providers", answered(get_ai_health_check, context, ADMIN)


def audit_log(records: Records) -> Answers:
    """The audit log: its lists, some entries, figures, who and what it knows, and as CSV."""
    context = context_of(records, newest(records, admin_audit.LOG, "timestamp"))
    for n, filters in enumerate(_AUDIT_FILTERS):
        asked = {"filters": filters}
        yield f"audit log {n}", answered(admin_audit.get_audit_log, context, ADMIN, asked)
        yield f"audit log {n}, page 2", answered(admin_audit.get_audit_log, context, ADMIN, {**asked, "page": 2})
    yield (
        "audit log by action",
        answered(admin_audit.get_audit_log, context, ADMIN, {"sortField": "action", "sortDirection": "asc"}),
    )
    yield "audit statistics", answered(admin_audit.get_audit_stats, context, ADMIN)
    yield "admins", answered(admin_audit.get_admin_list, context, ADMIN)
    yield "actions", answered(admin_audit.get_action_list, context, ADMIN)
    for row in sampled(records.get_all(admin_audit.LOG)):
        yield f"audit entry {row['_id']}", answered(admin_audit.get_audit_entry_detail, context, ADMIN, row["_id"])
    yield "audit log as CSV", answered(_rows, admin_audit.audit_log_as_csv, context, {})


def moderation(records: Records) -> Answers:
    """What waits for a moderator, as the first of AdminUsers sees it."""
    context = context_of(records)
    admin = records.first("AdminUsers", Query().eq("status", "active").ascending("email")) or {}
    caller = Caller(admin.get("_id"), admin.get("email"))
    for kind in ("all", "reviews", "jobs", "documents"):
        yield f"moderation queue: {kind}", answered(get_moderation_queue, context, caller, {"type": kind})
    yield "moderation statistics", answered(get_moderation_stats, context, caller)


def logs(records: Records) -> Answers:
    """What services logged: lists, errors, figures, what can be searched for, some traces."""
    context = context_of(records, newest(records, "SystemLogs", "timestamp"))
    reports = observability_reports
    for n, asked in enumerate(_LOG_LISTS):
        yield f"logs {n}", answered(reports.get_logs, context, ADMIN, asked)
    for period in _PERIODS:
        yield f"errors of a {period}", answered(reports.get_errors, context, ADMIN, period)
        yield f"health of a {period}", answered(reports.get_health_metrics, context, ADMIN, period)
        yield f"AI analytics of a {period}", answered(reports.get_ai_analytics, context, ADMIN, period)
    yield "what logs are made of", answered(reports.get_log_metadata, context, ADMIN)
    for trace in some(values(records.query("SystemLogs", Query().limit(1000)), "traceId")):
        yield f"trace {trace}", answered(reports.get_trace, context, ADMIN, trace)


def carriers(records: Records) -> Answers:
    """Carriers as admins see them: lists, some of them with all that is known, and as CSV."""
    context = context_of(records, newest(records, "CarrierEnrichments", "enriched_date"))
    for n, filters in enumerate(_CARRIER_FILTERS):
        asked = {"filters": filters}
        yield f"list of carriers {n}", answered(carrier_admin.get_carriers_list, context, ADMIN, asked)
        yield f"carriers as CSV {n}", answered(_rows, carrier_admin.carriers_as_csv, context, filters)
    by_number = {"sortField": "dot_number", "sortDirection": "desc", "pageSize": 100, "page": 2}
    yield "carriers by DOT number", answered(carrier_admin.get_carriers_list, context, ADMIN, by_number)
    for carrier in sampled(records.get_all("Carriers")):
        detail = answered(carrier_admin.get_carrier_detail, context, ADMIN, carrier["_id"])
        yield f"carrier {carrier['_id']}", detail


def matches(records: Records) -> Answers:
    """Matches as CSV."""
    context = context_of(records)
    for n, filters in enumerate(_MATCH_FILTERS):
        yield f"matches as CSV {n}", answered(_rows, matches_as_csv, context, filters)


def pages(records: Records) -> Answers:
    """Every page of content that a visitor can come to, and pages of what is not there."""
    context = context_of(records)
    posts = records.get_all("BlogPosts")
    for category in (None, "all", *values(posts, "category")):
        for offset in (0, 10):
            page = answered(content.get_blog_posts, context, category, 10, offset)
            yield f"posts of {category} from {offset}", page
    lists = (
        content.get_featured_blog_post,
        content.get_popular_blog_posts,
        content.get_blog_categories,
        content.get_compliance_guides,
    )
    for read in lists:
        yield read.__name__, answered(read, context)
    by_key: dict[str, tuple[Callable[[Context, str], dict[str, Any]], list[str]]] = {
        "post": (content.get_blog_post_by_slug, values(posts, "slug")),
        "compliance guide": (content.get_compliance_guide, values(records.get_all("ComplianceGuides"), "slug")),
        "practices guide": (content.get_best_practices_guide, values(records.get_all("BestPracticesGuides"), "slug")),
        "comparison": (
            content.get_industry_comparison,
            values(records.get_all("IndustryComparisons"), "comparison_id"),
        ),
        "questions": (content.get_faqs, values(records.get_all("FAQs"), "category")),
        "prices": (content.get_pricing_tiers, values(records.get_all("PricingTiers"), "customer_type")),
    }
    for what, (call, keys) in by_key.items():
        for key in ("no-such-page", *keys):
            yield f"{what} {key}", answered(call, context, key)


def _rows(export: Callable[[Context, dict[str, Any]], tuple[str, int]], context: Context, asked: dict[str, Any]) -> Any:
    """An export by rows and columns, so that a cell that differs is named."""
    return list(csv.DictReader(io.StringIO(export(context, asked)[0])))


TESTS = (
    ParallelTest(6, "dashboard", DASHBOARD, dashboard, because(*DASHBOARD)),
    ParallelTest(6, "AI usage", ("AIUsageLog",), ai_usage, because("AIUsageLog")),
    ParallelTest(6, "audit log", AUDIT, audit_log, because(*AUDIT)),
    ParallelTest(6, "moderation", (*MODERATION, "AdminUsers"), moderation, because(*MODERATION)),
    ParallelTest(6, "logs", ("SystemLogs", "SystemTraces"), logs, because("SystemLogs")),
    ParallelTest(6, "carriers as admins see them", CARRIERS, carriers, because(*CARRIERS)),
    ParallelTest(6, "matches as CSV", ("MatchEvents",), matches, because("MatchEvents")),
    ParallelTest(6, "content pages", CONTENT, pages, because(*CONTENT)),
)
