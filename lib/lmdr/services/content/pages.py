"""The public pages: blog, guides, partners' steps, comparisons, questions and prices. It only reads.

Every answer is {"success": True, ...} or {"success": False, "error"}. A post is {id, title, slug, excerpt, content,
featuredImage, author, category, tags, publishedDate, readTime, viewCount}, with moments as `datetime`s.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from lmdr import js
from lmdr.services.content import defaults as default
from lmdr.services.context import Context, refused, service
from runbook.json_types import Item
from runbook.query import Query

_PUBLISHED = Query().eq("is_published", True)
_BLANKS = re.compile(f"[{js.BLANKS}]+")
_WORDS_A_MINUTE = 200
_RELATED = 3


@service
def get_blog_posts(context: Context, category: str | None = None, limit: int = 10, offset: int = 0) -> dict[str, Any]:
    """A page of published posts, the newest first: {posts, totalCount, hasMore}.

    `category`: its name; None and "all" are every one. Raises ValueError for a limit outside of 1 to 1000.
    """
    query = _PUBLISHED.descending("published_date").limit(limit).skip(offset)
    if category is not None and category != "all":
        query = query.eq("category", category)
    found = context.records.query("BlogPosts", query)
    total = context.records.count("BlogPosts", query)
    return {
        "success": True,
        "posts": _posts(found),
        "totalCount": total,
        "hasMore": offset + len(found) < total,
    }


@service
def get_blog_post_by_slug(context: Context, slug: str) -> dict[str, Any]:
    """A published post with its text, and up to three others of its category: {post, relatedPosts}."""
    post = context.records.first("BlogPosts", _PUBLISHED.eq("slug", slug)) if slug else None
    if post is None:
        return refused("Post not found")
    others = _PUBLISHED.eq("category", post.get("category")).ne("_id", post["_id"]).limit(_RELATED)
    related = context.records.query("BlogPosts", others)
    return {"success": True, "post": _post(post, full=True), "relatedPosts": _posts(related)}


@service
def get_featured_blog_post(context: Context) -> dict[str, Any]:
    """The newest featured post, or else the newest of all: {post}."""
    newest = _PUBLISHED.descending("published_date")
    post = context.records.first("BlogPosts", newest.eq("is_featured", True))
    post = post or context.records.first("BlogPosts", newest)
    if post is None:
        return refused("No posts found")
    return {"success": True, "post": _post(post)}


@service
def get_popular_blog_posts(context: Context, limit: int = 5) -> dict[str, Any]:
    """The posts that were viewed most: {posts}. Raises ValueError for a limit outside of 1 to 1000."""
    found = context.records.query("BlogPosts", _PUBLISHED.descending("view_count").limit(limit))
    return {"success": True, "posts": _posts(found)}


@service
def get_blog_categories(context: Context) -> dict[str, Any]:
    """The blog's categories in their order, or, while there are none, those of its posts: {categories}."""
    found = context.records.query("BlogCategories", Query().ascending("display_order")).items
    if found:
        return {"success": True, "categories": [_category(row) for row in found]}
    return {"success": True, "categories": _categories_of(context.records.query("BlogPosts", _PUBLISHED))}


@service
def get_compliance_guide(context: Context, slug: str) -> dict[str, Any]:
    """A guide to the rules, the built-in one where there is no other: {guide}."""
    row = context.records.first("ComplianceGuides", Query().eq("slug", slug)) if slug else None
    return {"success": True, "guide": _compliance_guide(row) if row else default.compliance_guide(slug)}


@service
def get_compliance_guides(context: Context) -> dict[str, Any]:
    """Every guide to the rules, by category and in their order, the built-in ones where there are none: {guides}."""
    found = context.records.query("ComplianceGuides", Query().ascending("category", "display_order"))
    return {"success": True, "guides": [_compliance_guide(row) for row in found] or default.compliance_guides()}


@service
def get_best_practices_guide(context: Context, slug: str) -> dict[str, Any]:
    """A guide in sections, the built-in one where there is no other: {guide}."""
    row = context.records.first("BestPracticesGuides", Query().eq("slug", slug)) if slug else None
    return {"success": True, "guide": _best_practices_guide(row) if row else default.best_practices_guide(slug)}


@service
def get_partner_onboarding(context: Context, code: str) -> dict[str, Any]:
    """What a partner sees first, by its code in any case; general steps for a code that nobody has: {partner}."""
    code = (code or "").upper()
    row = context.records.first("PartnerOnboarding", Query().eq("partner_code", code)) if code else None
    return {"success": True, "partner": _partner(row) if row else default.partner_onboarding(code)}


@service
def get_industry_comparison(context: Context, comparison_id: str = "ai-vs-traditional") -> dict[str, Any]:
    """A comparison of ways to recruit, the built-in one where there is no other: {comparison}."""
    row = None
    if comparison_id:
        row = context.records.first("IndustryComparisons", Query().eq("comparison_id", comparison_id))
    return {"success": True, "comparison": _comparison(row) if row else default.industry_comparison(comparison_id)}


@service
def get_faqs(context: Context, category: str) -> dict[str, Any]:
    """The active questions of a category in their order: {faqs: [{question, answer}]}."""
    query = Query().eq("category", category).eq("is_active", True).ascending("display_order")
    found = context.records.query("FAQs", query)
    return {
        "success": True,
        "faqs": [{"question": row.get("question"), "answer": row.get("answer")} for row in found],
    }


@service
def get_pricing_tiers(context: Context, customer_type: str = "carrier") -> dict[str, Any]:
    """The active tiers for a kind of customer in their order; while carriers have none, the built-in three: {tiers}."""
    query = Query().eq("customer_type", customer_type).eq("is_active", True).ascending("display_order")
    found = context.records.query("PricingTiers", query)
    return {"success": True, "tiers": [_tier(row) for row in found] or default.pricing_tiers(customer_type)}


def _post(row: Item, *, full: bool = False) -> dict[str, Any]:
    content = row.get("content")
    return {
        "id": row["_id"],
        "title": row.get("title"),
        "slug": row.get("slug"),
        "excerpt": row.get("excerpt"),
        "content": content if full else None,
        "featuredImage": row.get("featured_image"),
        "author": row.get("author"),
        "category": row.get("category"),
        "tags": js.or_(row.get("tags"), []),
        "publishedDate": row.get("published_date"),
        "readTime": _read_time(content),
        "viewCount": js.or_(row.get("view_count"), 0),
    }


def _posts(rows: Iterable[Item]) -> list[dict[str, Any]]:
    # Kept as readers see it: the platform maps rows with a function whose second argument, `full`, is then the index.
    return [_post(row, full=index > 0) for index, row in enumerate(rows)]


def _read_time(content: str | None) -> str:
    if not content:
        return "1 min"
    # Blanks at either end make an empty piece that counts, as JavaScript's split does.
    return f"{math.ceil(len(_BLANKS.split(content)) / _WORDS_A_MINUTE)} min read"


def _category(row: Item) -> dict[str, Any]:
    return {
        "id": row["_id"],
        "name": row.get("name"),
        "slug": row.get("slug"),
        "description": row.get("description"),
        "postCount": js.or_(row.get("post_count"), 0),
    }


def _categories_of(posts: Iterable[Item]) -> list[dict[str, Any]]:
    counts: dict[str, int] = {}
    for post in posts:
        name = js.or_(post.get("category"), "General")
        counts[name] = counts.get(name, 0) + 1
    return [
        {"name": name, "slug": _BLANKS.sub("-", name.lower()), "postCount": count} for name, count in counts.items()
    ]


def _compliance_guide(row: Item) -> dict[str, Any]:
    return {
        "id": row["_id"],
        "title": row.get("title"),
        "slug": row.get("slug"),
        "category": row.get("category"),
        "excerpt": row.get("excerpt"),
        "contentHtml": row.get("content_html"),
        "lastUpdated": row.get("last_updated") or row.get("_updatedDate"),
        "author": row.get("author"),
        "relatedRegulations": js.or_(row.get("related_regulations"), []),
        "downloadUrl": row.get("download_url"),
    }


def _best_practices_guide(row: Item) -> dict[str, Any]:
    return {
        "id": row["_id"],
        "title": row.get("title"),
        "slug": row.get("slug"),
        "audience": row.get("audience"),
        "sections": js.or_(row.get("sections"), []),
        "author": row.get("author"),
        "publishedDate": row.get("published_date"),
        "downloadUrl": row.get("download_url"),
    }


def _partner(row: Item) -> dict[str, Any]:
    return {
        "partnerCode": row.get("partner_code"),
        "partnerName": row.get("partner_name"),
        "welcomeMessage": row.get("welcome_message"),
        "steps": js.or_(row.get("onboarding_steps"), []),
        "branding": {
            "logoUrl": row.get("logo_url"),
            "primaryColor": row.get("primary_color"),
            "accentColor": row.get("accent_color"),
        },
        "contact": {
            "name": row.get("contact_name"),
            "email": row.get("contact_email"),
            "phone": row.get("contact_phone"),
        },
        "benefits": js.or_(row.get("benefits"), []),
        "requirements": js.or_(row.get("requirements"), []),
    }


def _comparison(row: Item) -> dict[str, Any]:
    return {
        "id": row.get("comparison_id"),
        "title": row.get("comparison_title"),
        "traditionalMethod": row.get("traditional_method"),
        "aiMethod": row.get("ai_method"),
        "metrics": js.or_(row.get("metrics"), []),
        "caseStudies": js.or_(row.get("case_studies"), []),
    }


def _tier(row: Item) -> dict[str, Any]:
    return {
        "id": row["_id"],
        "name": row.get("tier_name"),
        "price": row.get("price_display"),
        "priceSubtext": row.get("price_subtext"),
        "description": row.get("description"),
        "features": js.or_(row.get("features"), []),
        "ctaText": js.or_(row.get("cta_text"), "Get Started"),
        "ctaLink": js.or_(row.get("cta_link"), "/carrier-welcome"),
        "isPopular": js.or_(row.get("is_popular"), False),
        "badgeText": row.get("badge_text"),
    }
