"""The public pages: their content, its order, and the built-in content of empty collections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.content import defaults as content_defaults
from lmdr.services.content import pages as content
from platform_kit import Platform


def posts(platform: Platform, *rows: dict[str, Any]) -> None:
    """Published posts, each a day older than the one before."""
    platform.records.bulk_insert(
        "BlogPosts",
        [
            {
                "_id": row.get("slug", f"post-{number}"),
                "title": f"Post {number}",
                "slug": f"post-{number}",
                "is_published": True,
                "published_date": platform.now - timedelta(days=number),
                **row,
            }
            for number, row in enumerate(rows)
        ],
    )


def slugs(found: list[dict[str, Any]]) -> list[str]:
    return [post["slug"] for post in found]


def test_posts_come_newest_first_in_pages_and_only_published(platform: Platform) -> None:
    posts(platform, {"published_date": platform.now - timedelta(days=9)}, {}, {"is_published": False}, {})
    context = platform.context()
    first = content.get_blog_posts(context, limit=2)
    assert (slugs(first["posts"]), first["totalCount"], first["hasMore"]) == (["post-1", "post-3"], 3, True)
    last = content.get_blog_posts(context, limit=2, offset=2)
    assert (slugs(last["posts"]), last["totalCount"], last["hasMore"]) == (["post-0"], 3, False)
    beyond = content.get_blog_posts(context, offset=5)
    assert (beyond["posts"], beyond["totalCount"], beyond["hasMore"]) == ([], 3, False)


def test_a_category_matches_its_exact_name_and_all_matches_every_category(platform: Platform) -> None:
    posts(platform, {"category": "pay"}, {"category": "Pay"}, {})
    context = platform.context()
    assert slugs(content.get_blog_posts(context, "pay")["posts"]) == ["post-0"]
    assert content.get_blog_posts(context, "all")["totalCount"] == 3
    assert content.get_blog_posts(context, None)["totalCount"] == 3
    assert content.get_blog_posts(context, "") == {"success": True, "posts": [], "totalCount": 0, "hasMore": False}


@pytest.mark.parametrize("limit", [0, 1001, -1])
def test_an_invalid_limit_is_refused(platform: Platform, limit: int) -> None:
    with pytest.raises(ValueError, match="a page holds 1 to 1000"):
        content.get_blog_posts(platform.context(), limit=limit)


def test_a_post_has_its_text_and_defaults_for_what_is_missing(platform: Platform) -> None:
    posts(platform, {"content": "one two", "author": "Ann Lee", "featured_image": "wix:image://v1/a.png/a.png"}, {})
    post = content.get_blog_post_by_slug(platform.context(), "post-0")["post"]
    assert post == {
        "id": "post-0", "title": "Post 0", "slug": "post-0", "excerpt": None, "content": "one two",
        "featuredImage": "wix:image://v1/a.png/a.png", "author": "Ann Lee", "category": None, "tags": [],
        "publishedDate": platform.now, "readTime": "1 min read", "viewCount": 0,
    }  # fmt: skip


def test_related_posts_are_three_others_of_the_category(platform: Platform) -> None:
    posts(platform, *({"category": "pay"} for _ in range(5)), {"category": "pay", "is_published": False}, {})
    found = content.get_blog_post_by_slug(platform.context(), "post-2")
    assert len(found["relatedPosts"]) == 3
    assert set(slugs(found["relatedPosts"])) < {"post-0", "post-1", "post-3", "post-4"}


@pytest.mark.parametrize("slug", ["nothing", "hidden", "", None, "' OR 1=1"])
def test_a_missing_or_unpublished_post_is_not_found(platform: Platform, slug: Any) -> None:
    posts(platform, {"slug": "hidden", "is_published": False}, {"slug": "seen"})
    assert content.get_blog_post_by_slug(platform.context(), slug) == {"success": False, "error": "Post not found"}


def test_in_a_list_every_post_but_the_first_brings_its_text(platform: Platform) -> None:
    posts(platform, *({"content": f"text {number}", "view_count": 9 - number} for number in range(3)))
    context = platform.context()
    for found in (content.get_blog_posts(context), content.get_popular_blog_posts(context)):
        assert [post["content"] for post in found["posts"]] == [None, "text 1", "text 2"]


def test_the_featured_post_is_the_newest_featured_or_else_the_newest(platform: Platform) -> None:
    context = platform.context()
    assert content.get_featured_blog_post(context) == {"success": False, "error": "No posts found"}
    posts(platform, {}, {"is_featured": False})
    assert content.get_featured_blog_post(context)["post"]["slug"] == "post-0"
    posts(
        platform,
        {"slug": "draft", "is_featured": True, "is_published": False},
        {"slug": "second", "is_featured": True},
        {"slug": "third", "is_featured": True},
    )
    featured = content.get_featured_blog_post(context)["post"]
    assert (featured["slug"], featured["content"]) == ("second", None)


def test_popular_posts_are_those_most_viewed_and_unseen_ones_last(platform: Platform) -> None:
    posts(platform, {"view_count": 3}, {}, {"view_count": 20}, {"view_count": 100, "is_published": False})
    found = content.get_popular_blog_posts(platform.context(), 3)["posts"]
    assert [(post["slug"], post["viewCount"]) for post in found] == [("post-2", 20), ("post-0", 3), ("post-1", 0)]
    assert len(content.get_popular_blog_posts(platform.context(), 1)["posts"]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "1 min"),
        ("", "1 min"),
        ("word", "1 min read"),
        (" ".join(["w"] * 200), "1 min read"),
        (" ".join(["w"] * 201), "2 min read"),
        (" " + " ".join(["w"] * 200), "2 min read"),  # a blank in front is an empty piece
        ("\n".join(["w"] * 199) + "\n \n", "1 min read"),
        ("\u00a0".join(["w"] * 201), "2 min read"),
        ("\x85".join(["w"] * 201), "1 min read"),  # a blank to Python, none to JavaScript
    ],
)
def test_reading_time_counts_the_pieces_between_blanks(text: str | None, expected: str) -> None:
    assert content._read_time(text) == expected


def test_categories_come_in_their_order(platform: Platform) -> None:
    platform.put("BlogCategories", name="Pay", slug="pay", display_order=2, post_count=4)
    platform.put("BlogCategories", name="News", slug="news", display_order=1, description="What is new")
    found = content.get_blog_categories(platform.context())["categories"]
    assert [(row["name"], row["postCount"], row["description"]) for row in found] == [
        ("News", 0, "What is new"),
        ("Pay", 4, None),
    ]


def test_without_categories_they_are_those_of_the_posts(platform: Platform) -> None:
    names = ["Driver  Tips", None, "pay", "Driver  Tips", "", "pay"]
    for number, name in enumerate(names):
        fields = {} if name is None else {"category": name}
        created = platform.now - timedelta(hours=number)
        platform.put("BlogPosts", created=created, slug=str(number), is_published=True, **fields)
    platform.put("BlogPosts", slug="hidden", is_published=False, category="secret")
    assert content.get_blog_categories(platform.context())["categories"] == [
        {"name": "Driver  Tips", "slug": "driver-tips", "postCount": 2},
        {"name": "General", "slug": "general", "postCount": 2},
        {"name": "pay", "slug": "pay", "postCount": 2},
    ]


def test_a_compliance_guide_has_its_last_update(platform: Platform) -> None:
    then = platform.now - timedelta(days=3)
    fields = {"title": "Hours", "category": "hos", "content_html": "<p>Rest &amp; sleep</p>"}
    dated = platform.put(
        "ComplianceGuides", slug="dated", last_updated=then, related_regulations=["49 CFR 395"], **fields
    )
    undated = platform.put("ComplianceGuides", slug="undated", **fields)
    context = platform.context()
    assert content.get_compliance_guide(context, "dated")["guide"] == {
        "id": dated["_id"], "title": "Hours", "slug": "dated", "category": "hos", "excerpt": None,
        "contentHtml": "<p>Rest &amp; sleep</p>", "lastUpdated": then, "author": None,
        "relatedRegulations": ["49 CFR 395"], "downloadUrl": None,
    }  # fmt: skip
    found = content.get_compliance_guide(context, "undated")["guide"]
    assert (found["lastUpdated"], found["relatedRegulations"]) == (undated["_updatedDate"], [])


def test_compliance_guides_are_sorted_by_category_then_by_order(platform: Platform) -> None:
    context = platform.context()
    assert content.get_compliance_guides(context)["guides"] == content_defaults.compliance_guides()
    for category, order in (("b", 1), ("a", 2), ("a", 1)):
        platform.put("ComplianceGuides", slug=f"{category}{order}", category=category, display_order=order)
    assert slugs(content.get_compliance_guides(context)["guides"]) == ["a1", "a2", "b1"]


def test_a_missing_guide_is_the_built_in_one_with_its_slug(platform: Platform) -> None:
    platform.put("ComplianceGuides", slug="other", title="Other")
    platform.put("BestPracticesGuides", title="Nameless")
    context = platform.context()
    known = content.get_compliance_guide(context, "drug-testing")["guide"]
    assert (known["title"], known["slug"]) == ("Drug and Alcohol Testing", "drug-testing")
    unknown = content.get_compliance_guide(context, "tires")["guide"]
    assert (unknown["slug"], unknown["category"]) == ("tires", "general")
    assert known.keys() == unknown.keys() == content.get_compliance_guide(context, "other")["guide"].keys()
    assert content.get_best_practices_guide(context, "hiring")["guide"]["slug"] == "hiring"
    assert content.get_best_practices_guide(context, None)["guide"]["title"] != "Nameless"  # type: ignore[arg-type]


def test_a_best_practices_guide_has_its_sections(platform: Platform) -> None:
    sections = [{"title": "One", "content": "é 日本 'quoted'"}]
    row = platform.put("BestPracticesGuides", slug="hire", title="Hire", audience="carrier", sections=sections)
    guide = content.get_best_practices_guide(platform.context(), "hire")["guide"]
    assert (guide["id"], guide["audience"], guide["sections"]) == (row["_id"], "carrier", sections)
    assert guide.keys() == content_defaults.best_practices_guide("hire").keys()


def test_a_partner_is_found_by_its_code_in_any_case(platform: Platform) -> None:
    steps = [{"step": 1, "title": "Sign", "description": "The contract"}]
    platform.put(
        "PartnerOnboarding", partner_code="ACME", partner_name="Acme", onboarding_steps=steps, primary_color="#111"
    )
    context = platform.context()
    partner = content.get_partner_onboarding(context, "acMe")["partner"]
    assert (partner["partnerName"], partner["steps"], partner["branding"]["primaryColor"]) == ("Acme", steps, "#111")
    assert partner.keys() == content_defaults.partner_onboarding("ACME").keys()


@pytest.mark.parametrize("code", ["nobody", "", None])
def test_an_unknown_partner_gets_three_general_steps(platform: Platform, code: Any) -> None:
    platform.put("PartnerOnboarding", partner_code="ACME", partner_name="Acme")
    partner = content.get_partner_onboarding(platform.context(), code)["partner"]
    assert [step["step"] for step in partner["steps"]] == [1, 2, 3]
    assert partner["partnerCode"] == (code or "").upper()


def test_a_comparison_keeps_its_figures_as_they_are(platform: Platform) -> None:
    figures = [{"name": "Days", "traditional": "45", "ai": 14.5}]
    platform.put(
        "IndustryComparisons", comparison_id="ai-vs-traditional", comparison_title="Ways", metrics=figures,
        ai_method={"name": "AI", "steps": [1, 2]},
    )  # fmt: skip
    context = platform.context()
    found = content.get_industry_comparison(context)["comparison"]
    assert found == {
        "id": "ai-vs-traditional", "title": "Ways", "traditionalMethod": None, "aiMethod": {"name": "AI", "steps": [1, 2]},
        "metrics": figures, "caseStudies": [],
    }  # fmt: skip
    built_in = content.get_industry_comparison(context, "another")["comparison"]
    assert (built_in["id"], built_in.keys()) == ("another", found.keys())


def test_questions_are_the_active_ones_of_a_category_in_order(platform: Platform) -> None:
    for question, category, active, order in (
        ("second?", "pricing", True, 2),
        ("first?", "pricing", True, 1),
        ("hidden?", "pricing", False, 0),
        ("elsewhere?", "drivers", True, 0),
    ):
        platform.put(
            "FAQs", question=question, answer="<b>Yes</b>", category=category, is_active=active, display_order=order
        )
    context = platform.context()
    assert content.get_faqs(context, "pricing") == {
        "success": True,
        "faqs": [{"question": "first?", "answer": "<b>Yes</b>"}, {"question": "second?", "answer": "<b>Yes</b>"}],
    }
    assert content.get_faqs(context, "none")["faqs"] == []


def test_prices_are_the_active_tiers_with_a_way_to_begin(platform: Platform) -> None:
    platform.put(
        "PricingTiers", tier_name="Pro", customer_type="carrier", is_active=True, display_order=2, price_display="$1"
    )
    platform.put(
        "PricingTiers", tier_name="Own", customer_type="carrier", is_active=True, display_order=1, cta_text="Call",
        cta_link="/call", is_popular=True,
    )  # fmt: skip
    platform.put("PricingTiers", tier_name="Old", customer_type="carrier", is_active=False, display_order=0)
    tiers = content.get_pricing_tiers(platform.context())["tiers"]
    assert [(tier["name"], tier["ctaText"], tier["ctaLink"], tier["isPopular"]) for tier in tiers] == [
        ("Own", "Call", "/call", True),
        ("Pro", "Get Started", "/carrier-welcome", False),
    ]


def test_without_tiers_carriers_see_three_prices_and_others_none(platform: Platform) -> None:
    context = platform.context()
    tiers = content.get_pricing_tiers(context)["tiers"]
    assert [tier["price"] for tier in tiers] == ["$299", "$199", "Custom"]
    tiers[0]["features"].append("changed by the caller")
    assert "changed by the caller" not in content.get_pricing_tiers(context)["tiers"][0]["features"]
    assert content.get_pricing_tiers(context, "driver")["tiers"] == []
