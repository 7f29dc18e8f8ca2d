"""The page that welcomes a partner, by the code in its address."""

from __future__ import annotations

from typing import Any

from lmdr.services.content import pages as content
from lmdr.services.context import Context, service

SHOWN = ("partnerCode", "partnerName", "welcomeMessage", "steps", "branding", "contact", "benefits", "requirements")


@service
def get_partner_page(context: Context, code: str | None) -> dict[str, Any]:
    """What the page shows: {success} and the partner's `SHOWN`; general steps for a code that nobody has."""
    partner = content.get_partner_onboarding(context, code or "")["partner"]
    return {"success": True, **{name: partner.get(name) for name in SHOWN}}
