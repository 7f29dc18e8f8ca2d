"""Rows that contentService and the About page read: phase 2, and the site's own people."""

from __future__ import annotations

from collections.abc import Iterator

from lmdr.sample.world import DAY, NOW, Item, World, date, day

CATEGORIES = ("driver-tips", "compliance", "recruiting", "industry-news", "pay", "technology", "safety", "lifestyle",
              "carrier-solutions", "pricing")  # fmt: skip


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _html(world: World, paragraphs: int) -> str:
    body = "".join(f"<p>{world.text()}</p>\n" for _ in range(paragraphs))
    return f"<h2>{world.line()}</h2>\n{body}<ul><li>49 CFR &sect; 395.3</li><li>{world.line()}</li></ul>"


def blog_posts(world: World, n: int) -> Iterator[Item]:
    """Posts, a tenth of them not published; two are drafts of the publish plugin."""
    for number in range(n):
        ms, title = world.moment(), world.line().rstrip(".")
        published = not world.chance(0.1)
        body = (
            _html(world, world.rng.randint(2, 9)) if world.chance(0.7) else f"# {title}\n\n{world.text()}\n\n* a\n* b"
        )
        row = world.item(
            ms, title=title, slug=f"{_slug(title)}-{number}", excerpt=world.text()[:160], content=body,
            author=world.pool.person(world.rng).name, category=world.rng.choice(CATEGORIES),
            tags=world.some(("cdl", "home time", "pay", "hazmat", "owner-operator", "last mile"), 4),
            published_date=date(ms + DAY), view_count=world.rng.randrange(5000), is_published=published,
            is_featured=world.chance(0.1),
        )  # fmt: skip
        if world.chance(0.8):
            row["featured_image"] = world.media("post")
        if number in (1, 2):
            row |= {"_publishStatus": "DRAFT", "is_published": False}
        yield row


def blog_categories(world: World, n: int) -> Iterator[Item]:
    """Categories; posts name them by their text."""
    for number in range(n):
        name = CATEGORIES[number] if number < len(CATEGORIES) else f"topic-{number}"
        yield world.item(
            world.moment(), name=name.replace("-", " ").title(), slug=name, description=world.line(),
            post_count=world.rng.randrange(30), display_order=number,
        )  # fmt: skip


def faqs(world: World, n: int) -> Iterator[Item]:
    """Questions and answers, in HTML or plain."""
    for number in range(n):
        answer = f"<p>{world.text()}</p>" if world.chance(0.5) else world.text()
        yield world.item(
            world.moment(), question=world.line().rstrip(".") + "?", answer=answer,
            category=world.rng.choice(("carrier-solutions", "pricing", "drivers")), is_active=not world.chance(0.1),
            display_order=number,
        )  # fmt: skip


def compliance_guides(world: World, n: int) -> Iterator[Item]:
    """Guides in HTML, with the regulations they rest on."""
    for number in range(n):
        title = world.line().rstrip(".")
        yield world.item(
            ms := world.moment(), title=title, slug=f"{_slug(title)}-{number}", excerpt=world.line(),
            category=world.rng.choice(("hours-of-service", "drug-testing", "dq-files")), content_html=_html(world, 5),
            last_updated=date(ms + DAY), author=world.pool.person(world.rng).name, display_order=number,
            related_regulations=world.some(("49 CFR 382", "49 CFR 391", "49 CFR 395, Subpart A", "49 CFR 40"), 4),
            download_url=world.file_url("guide.pdf"),
        )  # fmt: skip


def best_practices_guides(world: World, n: int) -> Iterator[Item]:
    """Guides in sections."""
    for number in range(n):
        title = world.line().rstrip(".")
        yield world.item(
            ms := world.moment(), title=title, slug=f"{_slug(title)}-{number}", audience="carrier",
            sections=[{"title": world.line(), "content": world.text()} for _ in range(world.rng.randint(1, 5))],
            author=world.pool.person(world.rng).name, published_date=date(ms), download_url=world.file_url("best.pdf"),
        )  # fmt: skip


def pricing_tiers(world: World, n: int) -> Iterator[Item]:
    """Tiers as the pricing page shows them."""
    for number in range(n):
        name, price = (("Starter", "$299"), ("Pro", "$199"), ("Enterprise", "Custom"))[number % 3]
        yield world.item(
            world.moment(), tier_name=name, customer_type="carrier", is_active=number < 3, display_order=number,
            price_display=price, price_subtext="per month, billed every six months", description=world.line(),
            features=[world.line() for _ in range(4)], cta_text="Get Started", cta_link="/carrier-welcome",
            is_popular=name == "Pro", badge_text="Most popular" if name == "Pro" else "",
        )  # fmt: skip


def service_features(world: World, n: int) -> Iterator[Item]:
    """Rows of the comparison matrix."""
    for number in range(n):
        yield world.item(
            world.moment(), feature_name=world.line().rstrip("."), description=world.line(),
            category=f"Group {number % 4}", category_order=number % 4, feature_order=number,
            tier_basic=world.rng.choice(("true", "false", "5 per month")), tier_pro="true", tier_enterprise="Unlimited",
            is_active=True,
        )  # fmt: skip


def case_studies(world: World, n: int) -> Iterator[Item]:
    """Studies of carriers."""
    for _ in range(n):
        yield world.item(
            ms := world.moment(), title=world.line().rstrip("."), company_name=world.rng.choice(world.pool.companies),
            logo_url=world.file_url("logo.png"), customer_type="carrier", challenge_summary=world.text(),
            result_summary=world.text(), key_metric="Time to hire",
            key_metric_value=f"-{world.rng.randint(10, 80)}%", testimonial_quote=world.line(),
            testimonial_author=world.pool.person(world.rng).name, testimonial_title="Director of Recruiting",
            full_study_url=world.file_url("study.pdf"), published_date=date(ms), is_published=not world.chance(0.2),
        )  # fmt: skip


def industry_comparisons(world: World, n: int) -> Iterator[Item]:
    """Comparisons with their figures inside."""
    for number in range(n):
        yield world.item(
            world.moment(), comparison_title=world.line().rstrip("."),
            comparison_id="ai-vs-traditional" if number == 0 else f"comparison-{number}",
            traditional_method={"name": "Traditional", "costPerHire": 8000 + number, "days": 45.5},
            ai_method={"name": "AI", "costPerHire": 1200, "days": 14},
            metrics=[{"name": "Days to hire", "traditional": "45", "ai": "14"}],
            case_studies=[{"companyName": world.rng.choice(world.pool.companies), "fleetSize": 40,
            "results": world.line()}],
        )  # fmt: skip


def team_members(world: World, n: int) -> Iterator[Item]:
    """The About page's people."""
    for number in range(n):
        person = world.pool.person(world.rng)
        yield world.item(
            world.moment(), full_name=person.name, job_title="Recruiting Lead", short_bio=world.text(),
            photo_url=world.media("portrait"), linkedin_url=f"https://social.example.com/in/{person.last.lower()}",
            expertise_tags=world.some(("CDL", "Compliance", "Growth"), 3), is_active=True, display_order=number,
        )  # fmt: skip


def company_milestones(world: World, n: int) -> Iterator[Item]:
    """The About page's dates."""
    for number in range(n):
        yield world.item(
            world.moment(), title=world.line().rstrip("."), description=world.text(),
            milestone_date=day(NOW - number * 40 * DAY), icon_name=world.rng.choice(("fa-star", "fa-truck")),
        )  # fmt: skip


def carrier_testimonials(world: World, n: int) -> Iterator[Item]:
    """What carriers said."""
    for _ in range(n):
        yield world.item(
            world.moment(), company_name=world.rng.choice(world.pool.companies),
            contact_name=world.pool.person(world.rng).name, contact_title="Fleet Manager",
            testimonial_text=world.text(),
            logo_url=world.media("logo"), fleet_size=world.rng.randrange(5, 400),
            hires_through_platform=world.rng.randrange(40), is_approved=not world.chance(0.2),
        )  # fmt: skip


def driver_testimonials(world: World, n: int) -> Iterator[Item]:
    """What drivers said."""
    for _ in range(n):
        yield world.item(
            world.moment(), driver_first_name=world.pool.person(world.rng).first, testimonial_text=world.text(),
            years_experience=world.rng.randrange(1, 30), operation_type=world.rng.choice(("OTR", "Regional", "Local")),
            photo_url=world.media("driver"), is_approved=not world.chance(0.2), is_featured=world.chance(0.2),
        )  # fmt: skip
