"""The public pages: blog, guides, partners' steps, comparisons, questions and prices. Read-only.

Every answer is {"success": True, ...} or {"success": False, "error"}. A post is {id, title, slug, excerpt, content,
featuredImage, author, category, tags, publishedDate, readTime, viewCount}, with dates as `datetime`s.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from lmdr import js
from lmdr.services.content import defaults as default
from lmdr.services.context import Context, refused, service
from runbook.json_types import Item
from runbook.query import Query

_PUBLISHED = Query().eq("is_published", True)
_BLANKS = re.compile(f"[{js.BLANKS}]+")
_WORDS_PER_MINUTE = 200
_RELATED = 3


@service
def get_blog_posts(context: Context, category: str | None = None, limit: int = 10, offset: int = 0) -> dict[str, Any]:
    """A page of published posts, the newest first: {posts, totalCount, hasMore}.

    `category`: its name; None and "all" mean every category. Raises ValueError for a limit outside 1 to 1000.
    """
    query = _PUBLISHED.descending("published_date").limit(limit).skip(offset)
    if category is not None and category != "all":
        query = query.eq("category", category)
    rows = context.records.query("BlogPosts", query)
    total = context.records.count("BlogPosts", query)
    return {"success": True, "posts": _posts(rows), "totalCount": total, "hasMore": offset + len(rows) < total}


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
    """The newest featured post, else the newest post: {post}."""
    newest = _PUBLISHED.descending("published_date")
    post = context.records.first("BlogPosts", newest.eq("is_featured", True))
    post = post or context.records.first("BlogPosts", newest)
    if post is None:
        return refused("No posts found")
    return {"success": True, "post": _post(post)}


@service
def get_popular_blog_posts(context: Context, limit: int = 5) -> dict[str, Any]:
    """The most viewed posts: {posts}. Raises ValueError for a limit outside 1 to 1000."""
    rows = context.records.query("BlogPosts", _PUBLISHED.descending("view_count").limit(limit))
    return {"success": True, "posts": _posts(rows)}


@service
def get_blog_categories(context: Context) -> dict[str, Any]:
    """The blog's categories by their order; where there are none, those that posts name: {categories}."""
    rows = context.records.query("BlogCategories", Query().ascending("display_order")).items
    categories = [_view(row, "_id", "name", "slug", "description", post_count=0) for row in rows]
    return {"success": True, "categories": categories or _categories_of(context.records.query("BlogPosts", _PUBLISHED))}


@service
def get_compliance_guide(context: Context, slug: str) -> dict[str, Any]:
    """A guide to the rules, else the built-in one: {guide}."""
    guide = _by_key(context, "ComplianceGuides", "slug", slug, _compliance_guide, default.compliance_guide)
    return {"success": True, "guide": guide}


@service
def get_compliance_guides(context: Context) -> dict[str, Any]:
    """All guides to the rules, by category and order, else the built-in ones: {guides}."""
    rows = context.records.query("ComplianceGuides", Query().ascending("category", "display_order"))
    return {"success": True, "guides": [_compliance_guide(row) for row in rows] or default.compliance_guides()}


@service
def get_best_practices_guide(context: Context, slug: str) -> dict[str, Any]:
    """A guide in sections, else the built-in one: {guide}."""
    guide = _by_key(context, "BestPracticesGuides", "slug", slug, _best_practices_guide, default.best_practices_guide)
    return {"success": True, "guide": guide}


@service
def get_partner_onboarding(context: Context, code: str) -> dict[str, Any]:
    """A partner's welcome page by its code, case-insensitive; general steps for an unknown code: {partner}."""
    code = (code or "").upper()
    partner = _by_key(context, "PartnerOnboarding", "partner_code", code, _partner, default.partner_onboarding)
    return {"success": True, "partner": partner}


@service
def get_industry_comparison(context: Context, comparison_id: str = "ai-vs-traditional") -> dict[str, Any]:
    """A comparison of recruiting methods, else the built-in one: {comparison}."""
    comparison = _by_key(
        context, "IndustryComparisons", "comparison_id", comparison_id, _comparison, default.industry_comparison
    )
    return {"success": True, "comparison": comparison}


@service
def get_faqs(context: Context, category: str) -> dict[str, Any]:
    """The active questions of a category, by their order: {faqs: [{question, answer}]}."""
    query = Query().eq("category", category).eq("is_active", True).ascending("display_order")
    return {"success": True, "faqs": [_view(row, "question", "answer") for row in context.records.query("FAQs", query)]}


@service
def get_pricing_tiers(context: Context, customer_type: str = "carrier") -> dict[str, Any]:
    """The active tiers of a customer type, by their order; where carriers have none, the built-in three: {tiers}."""
    query = Query().eq("customer_type", customer_type).eq("is_active", True).ascending("display_order")
    tiers = [_tier(row) for row in context.records.query("PricingTiers", query)]
    return {"success": True, "tiers": tiers or default.pricing_tiers(customer_type)}


def _by_key(
    context: Context,
    collection: str,
    key: str,
    value: str,
    view: Callable[[Item], dict[str, Any]],
    built_in: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """The view of the first row with that key, else the built-in content."""
    row = context.records.first(collection, Query().eq(key, value)) if value else None
    return view(row) if row else built_in(value)


def _view(row: Item, *keys: str, **defaults: Any) -> dict[str, Any]:
    """A row's keys under the pages' names (`_id` is id, `cta_text` is ctaText); `defaults` replace falsy values."""
    view = {_page_name(key): row.get(key) for key in keys}
    return view | {_page_name(key): js.or_(row.get(key), value) for key, value in defaults.items()}


def _page_name(key: str) -> str:
    head, *rest = key.lstrip("_").split("_")
    return head + "".join(map(str.title, rest))


def _post(row: Item, *, full: bool = False) -> dict[str, Any]:
    keys = ("_id", "title", "slug", "excerpt", "featured_image", "author", "category", "published_date")
    content = row.get("content")
    text = {"content": content if full else None, "readTime": _read_time(content)}
    return _view(row, *keys, tags=[], view_count=0) | text


def _posts(rows: Iterable[Item]) -> list[dict[str, Any]]:
    # As on the platform, which maps rows with a function whose second argument, `full`, then receives the index.
    return [_post(row, full=index > 0) for index, row in enumerate(rows)]


def _read_time(content: str | None) -> str:
    if not content:
        return "1 min"
    # Blanks at either end add an empty piece that counts, as in JavaScript's split.
    return f"{math.ceil(len(_BLANKS.split(content)) / _WORDS_PER_MINUTE)} min read"


def _categories_of(posts: Iterable[Item]) -> list[dict[str, Any]]:
    counts = Counter(js.or_(post.get("category"), "General") for post in posts)
    return [
        {"name": name, "slug": _BLANKS.sub("-", name.lower()), "postCount": count} for name, count in counts.items()
    ]


def _compliance_guide(row: Item) -> dict[str, Any]:
    keys = ("_id", "title", "slug", "category", "excerpt", "content_html", "author", "download_url")
    return _view(row, *keys, last_updated=row.get("_updatedDate"), related_regulations=[])


def _best_practices_guide(row: Item) -> dict[str, Any]:
    return _view(row, "_id", "title", "slug", "audience", "author", "published_date", "download_url", sections=[])


def _partner(row: Item) -> dict[str, Any]:
    return _view(row, "partner_code", "partner_name", "welcome_message", benefits=[], requirements=[]) | {
        "steps": js.or_(row.get("onboarding_steps"), []),
        "branding": _view(row, "logo_url", "primary_color", "accent_color"),
        "contact": {name: row.get(f"contact_{name}") for name in ("name", "email", "phone")},
    }


def _comparison(row: Item) -> dict[str, Any]:
    names = {"id": row.get("comparison_id"), "title": row.get("comparison_title")}
    return names | _view(row, "traditional_method", "ai_method", metrics=[], case_studies=[])


def _tier(row: Item) -> dict[str, Any]:
    names = {"name": row.get("tier_name"), "price": row.get("price_display")}
    defaults = {"features": [], "cta_text": "Get Started", "cta_link": "/carrier-welcome", "is_popular": False}
    return names | _view(row, "_id", "price_subtext", "description", "badge_text", **defaults)
