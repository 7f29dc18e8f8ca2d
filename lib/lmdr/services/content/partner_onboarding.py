"""A partner's welcome page, by the code in its URL."""

from __future__ import annotations

from typing import Any

from lmdr.services.content.pages import get_partner_onboarding
from lmdr.services.context import Context, service

SHOWN = ("partnerCode", "partnerName", "welcomeMessage", "steps", "branding", "contact", "benefits", "requirements")


@service
def get_partner_page(context: Context, code: str | None) -> dict[str, Any]:
    """The page's content: {success} and the partner's `SHOWN`; general steps for an unknown code."""
    partner = get_partner_onboarding(context, code or "")["partner"]
    return {"success": True, **{name: partner.get(name) for name in SHOWN}}
