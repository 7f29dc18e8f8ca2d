"""Phase 6: the admins' services, and the public pages. Exports are read without their audit entry."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from lmdr.parallel.calls import (
    ADMIN,
    Responses,
    answer_of,
    context_of,
    newest,
    parallel_test,
    sample_items,
    sample_keys,
    values,
)
from lmdr.services.admin import audit as admin_audit
from lmdr.services.admin import carriers as carrier_admin
from lmdr.services.admin import dashboard as admin_dashboard
from lmdr.services.admin.ai_usage import get_ai_health_check, get_ai_usage_stats
from lmdr.services.admin.matches import matches_as_csv
from lmdr.services.admin.moderation import get_moderation_queue, get_moderation_stats
from lmdr.services.content import pages as content
from lmdr.services.context import Caller, Context
from lmdr.services.observability import reports as observability_reports
from runbook.query import Query
from runbook.records import Records

DASHBOARD = ("DriverProfiles", "Carriers", "MatchEvents", "DriverCarrierInterests", "CarrierEnrichments",
             "AdminAuditLog")  # fmt: skip
AUDIT = ("AdminAuditLog", "DriverProfiles", "Carriers", "CarrierReviews", "JobPostings", "PromptLibrary")
MODERATION = ("CarrierReviews", "JobPostings", "DriverProfiles", "AdminUsers")
CARRIERS = ("Carriers", "CarrierEnrichments", "CarrierSafetyData", "MatchEvents", "DriverCarrierInterests")
CONTENT = ("BlogPosts", "BlogCategories", "FAQs", "ComplianceGuides", "BestPracticesGuides", "PricingTiers",
           "IndustryComparisons")  # fmt: skip

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


def dashboard(records: Records) -> Responses:
    """The dashboard at the time of the last match, its four counts and its charts."""
    context = context_of(records, newest(records, "MatchEvents", "timestamp"))
    yield "dashboard", answer_of(admin_dashboard.get_dashboard_overview, context, ADMIN)
    yield "quick statistics", answer_of(admin_dashboard.get_quick_stats, context, ADMIN)
    for period in _CHARTS:
        yield f"chart of a {period}", answer_of(admin_dashboard.get_activity_chart_data, context, ADMIN, period)


def ai_usage(records: Records) -> Responses:
    """Cost of the language models, and their health in the hour of the last call."""
    context = context_of(records, newest(records, "AIUsageLog", "timestamp"))
    for period in ("day", "week", "month"):
        yield f"AI usage of a {period}", answer_of(get_ai_usage_stats, context, ADMIN, period)
    yield "health of providers", answer_of(get_ai_health_check, context, ADMIN)


def audit_log(records: Records) -> Responses:
    """The audit log: lists, some entries, statistics, admins and actions, as CSV."""
    context = context_of(records, newest(records, admin_audit.LOG, "timestamp"))
    for n, filters in enumerate(_AUDIT_FILTERS):
        options = {"filters": filters}
        yield f"audit log {n}", answer_of(admin_audit.get_audit_log, context, ADMIN, options)
        yield f"audit log {n}, page 2", answer_of(admin_audit.get_audit_log, context, ADMIN, {**options, "page": 2})
    by_action = {"sortField": "action", "sortDirection": "asc"}
    yield "audit log by action", answer_of(admin_audit.get_audit_log, context, ADMIN, by_action)
    yield "audit statistics", answer_of(admin_audit.get_audit_stats, context, ADMIN)
    yield "admins", answer_of(admin_audit.get_admin_list, context, ADMIN)
    yield "actions", answer_of(admin_audit.get_action_list, context, ADMIN)
    for row in sample_items(records.get_all(admin_audit.LOG)):
        yield f"audit entry {row['_id']}", answer_of(admin_audit.get_audit_entry_detail, context, ADMIN, row["_id"])
    yield "audit log as CSV", answer_of(_rows, admin_audit.audit_log_as_csv, context, {})


def moderation(records: Records) -> Responses:
    """The moderation queue, as the first of AdminUsers sees it."""
    context = context_of(records)
    admin = records.first("AdminUsers", Query().eq("status", "active").ascending("email")) or {}
    caller = Caller(admin.get("_id"), admin.get("email"))
    for kind in ("all", "reviews", "jobs", "documents"):
        yield f"moderation queue: {kind}", answer_of(get_moderation_queue, context, caller, {"type": kind})
    yield "moderation statistics", answer_of(get_moderation_stats, context, caller)


def logs(records: Records) -> Responses:
    """Logs: lists, errors, metrics, metadata, some traces."""
    context = context_of(records, newest(records, "SystemLogs", "timestamp"))
    reports = observability_reports
    for n, options in enumerate(_LOG_LISTS):
        yield f"logs {n}", answer_of(reports.get_logs, context, ADMIN, options)
    for period in _PERIODS:
        yield f"errors of a {period}", answer_of(reports.get_errors, context, ADMIN, period)
        yield f"health of a {period}", answer_of(reports.get_health_metrics, context, ADMIN, period)
        yield f"AI analytics of a {period}", answer_of(reports.get_ai_analytics, context, ADMIN, period)
    yield "what logs are made of", answer_of(reports.get_log_metadata, context, ADMIN)
    for trace in sample_keys(values(records.query("SystemLogs", Query().limit(1000)), "traceId")):
        yield f"trace {trace}", answer_of(reports.get_trace, context, ADMIN, trace)


def carriers(records: Records) -> Responses:
    """Carriers for admins: lists, some details, as CSV."""
    context = context_of(records, newest(records, "CarrierEnrichments", "enriched_date"))
    for n, filters in enumerate(_CARRIER_FILTERS):
        options = {"filters": filters}
        yield f"list of carriers {n}", answer_of(carrier_admin.get_carriers_list, context, ADMIN, options)
        yield f"carriers as CSV {n}", answer_of(_rows, carrier_admin.carriers_as_csv, context, filters)
    by_number = {"sortField": "dot_number", "sortDirection": "desc", "pageSize": 100, "page": 2}
    yield "carriers by DOT number", answer_of(carrier_admin.get_carriers_list, context, ADMIN, by_number)
    for carrier in sample_items(records.get_all("Carriers")):
        yield f"carrier {carrier['_id']}", answer_of(carrier_admin.get_carrier_detail, context, ADMIN, carrier["_id"])


def matches(records: Records) -> Responses:
    """Matches as CSV."""
    context = context_of(records)
    for n, filters in enumerate(_MATCH_FILTERS):
        yield f"matches as CSV {n}", answer_of(_rows, matches_as_csv, context, filters)


def pages(records: Records) -> Responses:
    """Every page of content, and pages that do not exist."""
    context = context_of(records)
    posts = records.get_all("BlogPosts")
    for category in (None, "all", *values(posts, "category")):
        for offset in (0, 10):
            yield f"posts of {category} from {offset}", answer_of(content.get_blog_posts, context, category, 10, offset)
    lists = (
        content.get_featured_blog_post,
        content.get_popular_blog_posts,
        content.get_blog_categories,
        content.get_compliance_guides,
    )
    for read in lists:
        yield read.__name__, answer_of(read, context)
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
            yield f"{what} {key}", answer_of(call, context, key)


def _rows(
    export: Callable[[Context, dict[str, Any]], tuple[str, int]], context: Context, options: dict[str, Any]
) -> Any:
    """An export by rows and columns, so that a differing cell is named."""
    return list(csv.DictReader(io.StringIO(export(context, options)[0])))


TESTS = (
    parallel_test(6, "dashboard", DASHBOARD, dashboard),
    parallel_test(6, "AI usage", ("AIUsageLog",), ai_usage),
    parallel_test(6, "audit log", AUDIT, audit_log),
    parallel_test(6, "moderation", MODERATION, moderation),
    parallel_test(6, "logs", ("SystemLogs", "SystemTraces"), logs),
    parallel_test(6, "carriers as admins see them", CARRIERS, carriers),
    parallel_test(6, "matches as CSV", ("MatchEvents",), matches),
    parallel_test(6, "content pages", CONTENT, pages),
)
