"""Built-in content of the pages, for collections that have no row: guides, steps, comparisons and prices.

In the shapes of `lmdr.services.content.pages`. Each call gives a new copy, which a caller may change.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

_AUTHOR: Final = "LMDR Compliance Team"
_REGULATIONS_URL: Final = "https://www.ecfr.gov/current/title-49"

_COMPLIANCE: Final[dict[str, dict[str, Any]]] = {
    "dq-files": {
        "title": "Driver Qualification Files",
        "category": "dq-files",
        "excerpt": "What a driver qualification file holds, and how long each paper stays in it.",
        "contentHtml": (
            "<h2>What belongs in the file</h2><ul><li>Application for employment</li><li>Motor vehicle record, at hire "
            "and once a year</li><li>Road test certificate or its equivalent</li><li>Medical examiner's certificate"
            "</li></ul><h2>How long it is kept</h2><p>For as long as the driver is employed, and three years after.</p>"
        ),
        "relatedRegulations": ["49 CFR 391.51", "49 CFR 391.23"],
    },
    "drug-testing": {
        "title": "Drug and Alcohol Testing",
        "category": "drug-testing",
        "excerpt": "The tests that a CDL driver takes, and the queries that a carrier makes.",
        "contentHtml": (
            "<h2>When a driver is tested</h2><ul><li>Before the first trip</li><li>At random</li><li>After an accident"
            "</li><li>On reasonable suspicion</li></ul><h2>The Clearinghouse</h2><p>A full query before hire, then a "
            "limited one every year.</p>"
        ),
        "relatedRegulations": ["49 CFR 382", "49 CFR 40"],
    },
    "hours-of-service": {
        "title": "Hours of Service",
        "category": "hours-of-service",
        "excerpt": "How long a driver may drive, be on duty, and must rest.",
        "contentHtml": (
            "<h2>The limits for property</h2><ul><li>11 hours of driving after 10 hours off duty</li><li>No driving "
            "beyond the 14th hour on duty</li><li>30 minutes of break after 8 hours of driving</li><li>60 hours in 7 "
            "days, or 70 in 8</li></ul>"
        ),
        "relatedRegulations": ["49 CFR 395.3", "49 CFR 395.8"],
    },
}

_BEST_PRACTICES: Final[dict[str, Any]] = {
    "id": None,
    "title": "Hiring and Keeping Drivers",
    "audience": "carrier",
    "sections": [
        {
            "title": "Answer the same day",
            "content": "Drivers talk to several carriers at once. The first to answer is the one they remember.",
        },
        {
            "title": "Say what the job pays",
            "content": "Name the cents per mile, the miles of a usual week and the home time, before you are asked.",
        },
        {
            "title": "Look after the first ninety days",
            "content": "Most drivers who leave do so early. Call after the first day, the first week, the first month.",
        },
    ],
    "author": "LMDR Team",
    "publishedDate": None,
    "downloadUrl": None,
}

_PARTNER: Final[dict[str, Any]] = {
    "partnerName": "LMDR Partner",
    "welcomeMessage": "Welcome. Three steps, and your drivers can be matched.",
    "steps": [
        {"step": 1, "title": "Create your account", "description": "Tell us who you are and how to reach you."},
        {"step": 2, "title": "Complete your profile", "description": "Add your fleet, your routes and what you pay."},
        {"step": 3, "title": "Start matching", "description": "See the drivers who fit, and write to them."},
    ],
    "branding": {"logoUrl": None, "primaryColor": "#2563eb", "accentColor": "#f59e0b"},
    "contact": {"name": "LMDR Support", "email": None, "phone": None},
    "benefits": ["Drivers scored against your needs", "One place for every conversation", "No fee to begin"],
    "requirements": ["Active DOT number", "Current insurance"],
}

_COMPARISON: Final[dict[str, Any]] = {
    "title": "AI Matching and Traditional Recruiting",
    "traditionalMethod": {
        "name": "Traditional recruiting",
        "description": "Job boards, cold calls and agencies; every application is read by hand.",
    },
    "aiMethod": {
        "name": "AI matching",
        "description": "Drivers and carriers are scored against each other; recruiters see the best first.",
    },
    "metrics": [
        {"name": "Time to hire", "traditional": "45 days", "ai": "14 days"},
        {"name": "Cost per hire", "traditional": "$8,000", "ai": "$1,200"},
        {"name": "Applications read per hire", "traditional": "60", "ai": "10"},
    ],
    "caseStudies": [],
}

_PRICING: Final[dict[str, list[dict[str, Any]]]] = {
    "carrier": [
        {
            "id": None,
            "name": name,
            "price": price,
            "priceSubtext": subtext,
            "description": description,
            "features": features,
            "ctaText": "Get Started",
            "ctaLink": "/carrier-welcome",
            "isPopular": badge is not None,
            "badgeText": badge,
        }
        for name, price, subtext, description, features, badge in (
            ("Starter", "$299", "per month", "Month by month.", ["Driver search", "25 profile views a month"], None),
            (
                "Pro",
                "$199",
                "per month, billed every six months",
                "The same for less.",
                ["Driver search", "25 profile views a month", "Messaging"],
                "Most popular",
            ),
            ("Enterprise", "Custom", "talk to us", "For large fleets.", ["Unlimited views", "Account manager"], None),
        )
    ]
}


def compliance_guide(slug: Any) -> dict[str, Any]:
    """The built-in guide of that slug, else a general one with that slug."""
    known = _COMPLIANCE.get(slug) if isinstance(slug, str) else None
    guide = known or {
        "title": "DOT Compliance",
        "category": "general",
        "excerpt": "Where the rules for carriers and drivers are written down.",
        "contentHtml": "<p>The rules for motor carriers are in Title 49 of the Code of Federal Regulations.</p>",
        "relatedRegulations": ["49 CFR 390"],
    }
    common = {"id": None, "slug": slug, "lastUpdated": None, "author": _AUTHOR, "downloadUrl": _REGULATIONS_URL}
    return deepcopy(common | guide)


def compliance_guides() -> list[dict[str, Any]]:
    """Every built-in guide, by category."""
    return [compliance_guide(slug) for slug in _COMPLIANCE]


def best_practices_guide(slug: Any) -> dict[str, Any]:
    """The built-in guide, with that slug."""
    return deepcopy(_BEST_PRACTICES | {"slug": slug})


def partner_onboarding(code: str) -> dict[str, Any]:
    """General steps for an unknown partner, with its code."""
    return deepcopy({"partnerCode": code} | _PARTNER)


def industry_comparison(comparison_id: Any) -> dict[str, Any]:
    """The built-in comparison, with that id."""
    return deepcopy({"id": comparison_id} | _COMPARISON)


def pricing_tiers(customer_type: Any) -> list[dict[str, Any]]:
    """Three tiers for carriers; none for any other customer type."""
    return deepcopy(_PRICING.get(customer_type, [])) if isinstance(customer_type, str) else []
