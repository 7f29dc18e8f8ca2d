"""Enrichment, safety data and onboarding of carriers: the second half of phase 5."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Generator, Item, date, day

_RATINGS = (("S", "SATISFACTORY"), ("C", "CONDITIONAL"), ("U", "UNSATISFACTORY"), ("N", "NOT RATED"))
_LEADS = ("new", "contacted", "qualified", "in_progress", "closed_won", "closed_lost")


def carrier_enrichments(gen: Generator, n: int) -> Iterator[Item]:
    """Enrichments of carriers, lists as JSON text."""
    for number in range(n):
        carrier, ms = gen.carriers[number % len(gen.carriers)], gen.timestamp()
        enriched = gen.timestamp(ms)
        row = gen.item(
            ms, dot_number=str(carrier.dot), freight_types="Dry van, reefer", route_types="Regional/OTR",
            home_time="Weekly", pay_cpm_range="$0.52 - $0.65",
            sign_on_bonus=gen.rng.choice(("$5,000", "Unknown", "")),
            benefits=gen.sentence(), hiring_status="Actively hiring", ai_summary=gen.paragraph(),
            driver_sentiment=gen.rng.choice(("Positive", "Mixed", "Negative", "No Reviews", "Unavailable")),
            sentiment_pros=json.dumps([gen.sentence(), "Good pay, on time"]), sentiment_cons="[]",
            sources_found=json.dumps([f"https://reviews.example.com/{carrier.dot}"]),
            data_confidence=gen.rng.choice(("High", "Medium", "Low", "None")), enriched_date=date(enriched),
            enrichment_version=9, match_count=gen.rng.randrange(1, 80),
            last_matched_date=date(gen.timestamp(enriched)),
            source="claude-perplexity-hybrid-v3",
        )  # fmt: skip
        if gen.chance(0.04):
            row |= {"error": True, "ai_summary": ""}
        yield row


def carrier_safety_data(gen: Generator, n: int) -> Iterator[Item]:
    """The government's safety data, as the service caches it."""
    rng = gen.rng
    for number in range(n):
        carrier = gen.carriers[number % len(gen.carriers)]
        code, rating = rng.choice(_RATINGS)
        ms, fetched, place = gen.timestamp(), gen.timestamp(), carrier.place
        basics = {name: {"percentile": round(rng.uniform(0, 100), 1), "alert": gen.chance(0.1)}
                  for name in ("unsafe_driving", "hours_of_service", "vehicle_maintenance")}  # fmt: skip
        yield gen.item(
            ms, dot_number=str(carrier.dot), legal_name=carrier.name, dba_name=None, operating_status="AUTHORIZED",
            is_authorized=True, safety_rating=rating, safety_rating_code=code, safety_rating_date=day(ms),
            safety_review_date=None, total_drivers=rng.randrange(1, 300), total_power_units=rng.randrange(1, 300),
            phy_city=place.city, phy_state=place.state, phy_zip=place.zip, telephone=gen.pool.phone(rng, place),
            mc_number=f"MC-{rng.randrange(10**6):06d}", mcs150_date=day(ms), mcs150_mileage=rng.randrange(9_000_000),
            mcs150_mileage_year=rng.choice(("2023", "2024", "", "N/A")), basics=json.dumps(basics),
            inspections=json.dumps({"total": rng.randrange(90), "driverOosRate": rng.choice((None, 4.25))}),
            crashes=json.dumps({"fatal": 0, "injury": rng.randrange(4), "tow": rng.randrange(6)}),
            has_basic_alerts=any(basic["alert"] for basic in basics.values()), fetched_date=date(fetched),
            data_source="FMCSA_SAFER_API", api_version="1.0", lookup_count=rng.randrange(1, 40),
            last_lookup_date=date(gen.timestamp(fetched)),
        )  # fmt: skip


def partner_onboarding(gen: Generator, n: int) -> Iterator[Item]:
    """Partners' pages, their steps as lists."""
    for number in range(n):
        person, name = gen.pool.person(gen.rng), gen.rng.choice(gen.pool.companies)
        yield gen.item(
            gen.timestamp(), partner_code=f"{name.split()[0].strip(',').upper()}{number}", partner_name=name,
            welcome_message=f"Welcome, {name}!\n{gen.sentence()}", logo_url=gen.media("logo"), primary_color="#1e40af",
            onboarding_steps=[{"step": k, "title": gen.sentence(), "description": gen.paragraph()} for k in (1, 2, 3)],
            accent_color="#f59e0b", contact_name=person.name, contact_email=person.email, contact_phone=person.phone,
            benefits=[gen.sentence(), "Pay, weekly"], requirements=[],
        )  # fmt: skip


def carrier_onboarding(gen: Generator, n: int) -> Iterator[Item]:
    """Carriers' onboarding, as the welcome page shows it."""
    for number in range(n):
        carrier = gen.carriers[number % len(gen.carriers)]
        yield gen.item(
            gen.timestamp(), carrier.owner, dot_number=str(carrier.dot), company_name=carrier.name.title(),
            contact_email=f"office{number}@example.com", profile_complete=gen.chance(0.7),
            jobs_posted=gen.rng.randrange(6), branding_uploaded=gen.chance(0.4),
            first_candidate_viewed=gen.chance(0.5), payment_setup=gen.chance(0.3),
        )  # fmt: skip


def recruiter_carriers(gen: Generator, n: int) -> Iterator[Item]:
    """Recruiters' permissions for carriers; each pair once."""
    for number in range(n):
        carrier, ms = gen.carriers[number % len(gen.carriers)], gen.timestamp()
        recruiter, active = gen.recruiters[number % len(gen.recruiters)], gen.chance(0.8)
        yield gen.item(
            ms, recruiter, recruiter_id=recruiter, carrier_dot=str(carrier.dot), carrier_name=carrier.name,
            is_active=active, added_date=date(ms), verification_status="verified" if active else "pending_verification",
        )  # fmt: skip


def carrier_staffing_requests(gen: Generator, n: int) -> Iterator[Item]:
    """The staffing form: its DOT number is free input."""
    for _ in range(n):
        person, carrier, ms = gen.pool.person(gen.rng), gen.rng.choice(gen.carriers), gen.timestamp()
        known, status = gen.chance(0.5), gen.rng.choice(_LEADS)
        row = gen.item(
            ms, company_name=carrier.name.title(), contact_name=person.name, email=person.email, phone=person.phone,
            dot_number=str(carrier.dot) if known else gen.rng.choice(("", "pending", "DOT 123456", "n/a")),
            staffing_type=gen.rng.choice(("emergency", "strategic")), additional_notes=gen.paragraph(), status=status,
            drivers_needed=gen.rng.choice(("1-5", "6-15", "16-30", "31-50", "50+")), submitted_date=date(ms),
            driver_types=gen.subset(("class_a", "class_b", "hazmat", "tanker", "reefer", "flatbed", "dsd", "non_cdl")),
            linked_carrier_id=carrier.id if known else None, last_updated=date(min(NOW, ms + DAY)),
            source="landing_page",
            source_url="/last-mile-staffing",
        )  # fmt: skip
        if status != "new":
            step = {
                "from": "new",
                "to": status,
                "timestamp": date(min(NOW, ms + DAY))["$date"],
                "notes": gen.sentence(),
            }
            row["status_history"] = json.dumps([step])
        yield row
