"""The public pages: phase 2, and the About page."""

from __future__ import annotations

from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Generator, Item, date, day

CATEGORIES = ("driver-tips", "compliance", "recruiting", "industry-news", "pay", "technology", "safety", "lifestyle",
              "carrier-solutions", "pricing")  # fmt: skip


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _html(gen: Generator, paragraphs: int) -> str:
    body = "".join(f"<p>{gen.paragraph()}</p>\n" for _ in range(paragraphs))
    return f"<h2>{gen.sentence()}</h2>\n{body}<ul><li>49 CFR &sect; 395.3</li><li>{gen.sentence()}</li></ul>"


def blog_posts(gen: Generator, n: int) -> Iterator[Item]:
    """Posts, a tenth of them not published; two are drafts of the publish plugin."""
    for number in range(n):
        ms, title = gen.timestamp(), gen.sentence().rstrip(".")
        published = not gen.chance(0.1)
        body = _html(gen, gen.rng.randint(2, 9)) if gen.chance(0.7) else f"# {title}\n\n{gen.paragraph()}\n\n* a\n* b"
        row = gen.item(
            ms, title=title, slug=f"{_slug(title)}-{number}", excerpt=gen.paragraph()[:160], content=body,
            author=gen.pool.person(gen.rng).name, category=gen.rng.choice(CATEGORIES),
            tags=gen.subset(("cdl", "home time", "pay", "hazmat", "owner-operator", "last mile"), 4),
            published_date=date(ms + DAY), view_count=gen.rng.randrange(5000), is_published=published,
            is_featured=gen.chance(0.1),
        )  # fmt: skip
        if gen.chance(0.8):
            row["featured_image"] = gen.media("post")
        if number in (1, 2):
            row |= {"_publishStatus": "DRAFT", "is_published": False}
        yield row


def blog_categories(gen: Generator, n: int) -> Iterator[Item]:
    """Categories; posts name them by their text."""
    for number in range(n):
        name = CATEGORIES[number] if number < len(CATEGORIES) else f"topic-{number}"
        yield gen.item(
            gen.timestamp(), name=name.replace("-", " ").title(), slug=name, description=gen.sentence(),
            post_count=gen.rng.randrange(30), display_order=number,
        )  # fmt: skip


def faqs(gen: Generator, n: int) -> Iterator[Item]:
    """Questions and answers, in HTML or plain."""
    for number in range(n):
        answer = f"<p>{gen.paragraph()}</p>" if gen.chance(0.5) else gen.paragraph()
        yield gen.item(
            gen.timestamp(), question=gen.sentence().rstrip(".") + "?", answer=answer,
            category=gen.rng.choice(("carrier-solutions", "pricing", "drivers")), is_active=not gen.chance(0.1),
            display_order=number,
        )  # fmt: skip


def compliance_guides(gen: Generator, n: int) -> Iterator[Item]:
    """Guides in HTML, with their regulations."""
    for number in range(n):
        title = gen.sentence().rstrip(".")
        yield gen.item(
            ms := gen.timestamp(), title=title, slug=f"{_slug(title)}-{number}", excerpt=gen.sentence(),
            category=gen.rng.choice(("hours-of-service", "drug-testing", "dq-files")), content_html=_html(gen, 5),
            last_updated=date(ms + DAY), author=gen.pool.person(gen.rng).name, display_order=number,
            related_regulations=gen.subset(("49 CFR 382", "49 CFR 391", "49 CFR 395, Subpart A", "49 CFR 40"), 4),
            download_url=gen.file_url("guide.pdf"),
        )  # fmt: skip


def best_practices_guides(gen: Generator, n: int) -> Iterator[Item]:
    """Guides in sections."""
    for number in range(n):
        title = gen.sentence().rstrip(".")
        yield gen.item(
            ms := gen.timestamp(), title=title, slug=f"{_slug(title)}-{number}", audience="carrier",
            sections=[{"title": gen.sentence(), "content": gen.paragraph()} for _ in range(gen.rng.randint(1, 5))],
            author=gen.pool.person(gen.rng).name, published_date=date(ms), download_url=gen.file_url("best.pdf"),
        )  # fmt: skip


def pricing_tiers(gen: Generator, n: int) -> Iterator[Item]:
    """Pricing tiers."""
    for number in range(n):
        name, price = (("Starter", "$299"), ("Pro", "$199"), ("Enterprise", "Custom"))[number % 3]
        yield gen.item(
            gen.timestamp(), tier_name=name, customer_type="carrier", is_active=number < 3, display_order=number,
            price_display=price, price_subtext="per month, billed every six months", description=gen.sentence(),
            features=[gen.sentence() for _ in range(4)], cta_text="Get Started", cta_link="/carrier-welcome",
            is_popular=name == "Pro", badge_text="Most popular" if name == "Pro" else "",
        )  # fmt: skip


def service_features(gen: Generator, n: int) -> Iterator[Item]:
    """Rows of the comparison matrix."""
    for number in range(n):
        yield gen.item(
            gen.timestamp(), feature_name=gen.sentence().rstrip("."), description=gen.sentence(),
            category=f"Group {number % 4}", category_order=number % 4, feature_order=number,
            tier_basic=gen.rng.choice(("true", "false", "5 per month")), tier_pro="true", tier_enterprise="Unlimited",
            is_active=True,
        )  # fmt: skip


def case_studies(gen: Generator, n: int) -> Iterator[Item]:
    """Case studies of carriers."""
    for _ in range(n):
        yield gen.item(
            ms := gen.timestamp(), title=gen.sentence().rstrip("."), company_name=gen.rng.choice(gen.pool.companies),
            logo_url=gen.file_url("logo.png"), customer_type="carrier", challenge_summary=gen.paragraph(),
            result_summary=gen.paragraph(), key_metric="Time to hire",
            key_metric_value=f"-{gen.rng.randint(10, 80)}%", testimonial_quote=gen.sentence(),
            testimonial_author=gen.pool.person(gen.rng).name, testimonial_title="Director of Recruiting",
            full_study_url=gen.file_url("study.pdf"), published_date=date(ms), is_published=not gen.chance(0.2),
        )  # fmt: skip


def industry_comparisons(gen: Generator, n: int) -> Iterator[Item]:
    """Comparisons with nested metrics."""
    for number in range(n):
        yield gen.item(
            gen.timestamp(), comparison_title=gen.sentence().rstrip("."),
            comparison_id="ai-vs-traditional" if number == 0 else f"comparison-{number}",
            traditional_method={"name": "Traditional", "costPerHire": 8000 + number, "days": 45.5},
            ai_method={"name": "AI", "costPerHire": 1200, "days": 14},
            metrics=[{"name": "Days to hire", "traditional": "45", "ai": "14"}],
            case_studies=[{"companyName": gen.rng.choice(gen.pool.companies), "fleetSize": 40,
            "results": gen.sentence()}],
        )  # fmt: skip


def team_members(gen: Generator, n: int) -> Iterator[Item]:
    """The About page's team."""
    for number in range(n):
        person = gen.pool.person(gen.rng)
        yield gen.item(
            gen.timestamp(), full_name=person.name, job_title="Recruiting Lead", short_bio=gen.paragraph(),
            photo_url=gen.media("portrait"), linkedin_url=f"https://social.example.com/in/{person.last.lower()}",
            expertise_tags=gen.subset(("CDL", "Compliance", "Growth"), 3), is_active=True, display_order=number,
        )  # fmt: skip


def company_milestones(gen: Generator, n: int) -> Iterator[Item]:
    """The About page's milestones."""
    for number in range(n):
        yield gen.item(
            gen.timestamp(), title=gen.sentence().rstrip("."), description=gen.paragraph(),
            milestone_date=day(NOW - number * 40 * DAY), icon_name=gen.rng.choice(("fa-star", "fa-truck")),
        )  # fmt: skip


def carrier_testimonials(gen: Generator, n: int) -> Iterator[Item]:
    """Carriers' testimonials."""
    for _ in range(n):
        yield gen.item(
            gen.timestamp(), company_name=gen.rng.choice(gen.pool.companies),
            contact_name=gen.pool.person(gen.rng).name, contact_title="Fleet Manager",
            testimonial_text=gen.paragraph(),
            logo_url=gen.media("logo"), fleet_size=gen.rng.randrange(5, 400),
            hires_through_platform=gen.rng.randrange(40), is_approved=not gen.chance(0.2),
        )  # fmt: skip


def driver_testimonials(gen: Generator, n: int) -> Iterator[Item]:
    """Drivers' testimonials."""
    for _ in range(n):
        yield gen.item(
            gen.timestamp(), driver_first_name=gen.pool.person(gen.rng).first, testimonial_text=gen.paragraph(),
            years_experience=gen.rng.randrange(1, 30), operation_type=gen.rng.choice(("OTR", "Regional", "Local")),
            photo_url=gen.media("driver"), is_approved=not gen.chance(0.2), is_featured=gen.chance(0.2),
        )  # fmt: skip
