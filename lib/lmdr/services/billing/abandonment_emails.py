"""Checkouts that were begun and not paid: who left one open, who came back, and the mails between.

A row of CheckoutAbandonment is open until its e-mail address completes a checkout. Its mails go out so long after it
was abandoned, each once, and none before the one before it:

    | mail | template               | after          |
    |------|------------------------|----------------|
    | 1    | checkout_abandonment_1 | 2 hours        |
    | 2    | checkout_abandonment_2 | 72 hours       |
    | 3    | checkout_abandonment_3 | 168 hours      |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from lmdr.freshness import age
from lmdr.plans import ENTERPRISE, PRO
from lmdr.services.context import Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.json_rows import part, row_id
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query

SAME = timedelta(hours=24)
"""How long an open row stands for every checkout that its address leaves."""
MAILS = (timedelta(hours=2), timedelta(hours=72), timedelta(hours=168))


@service
def track_abandoned_checkout(context: Context, session: Mapping[str, Any]) -> dict[str, Any]:
    """Note a checkout of Stripe's that expired: {success, recordId}; {success: False, error} without an address."""
    email = email_of(session)
    if not email:
        return refused("No email for this checkout")
    now = context.now()
    told = {"stripeSessionId": session.get("id"), "planType": _plan(session), "abandonedAt": now}
    asked = _open(email).ge("_createdDate", now - SAME)
    row = context.records.first("CheckoutAbandonment", asked, consistent=True)
    if row is None:
        new = {
            "_id": row_id("abandoned checkout", str(session.get("id"))),
            "email": email,
            "carrierDot": dot_text(part(session, "metadata", "carrier_dot")),
            "lastAttemptUrl": session.get("url"),
            "contactName": part(session, "customer_details", "name"),
            **{f"email{number}Sent": False for number, _ in enumerate(MAILS, 1)},
            "recovered": False,
            **told,
        }
        try:
            row = context.records.insert("CheckoutAbandonment", {k: v for k, v in new.items() if v is not None})
        except ItemExists:  # the same checkout once more, when its row is not open or not of this day
            return {"success": True, "recordId": new["_id"]}
    else:
        context.records.patch("CheckoutAbandonment", row["_id"], told)
    return {"success": True, "recordId": row["_id"]}


@service
def mark_checkout_recovered(context: Context, email: str | None, session_id: str | None = None) -> dict[str, Any]:
    """Close what an address left open, as it has completed a checkout now: {success, recovered: how many}."""
    if not email:
        return {"success": True, "recovered": 0}
    changes: dict[str, Any] = {"recovered": True, "recoveredAt": context.now()}
    if session_id:
        changes["recoverySessionId"] = session_id
    rows = context.records.get_all("CheckoutAbandonment", _open(email), consistent=True)
    for row in rows:
        context.records.patch("CheckoutAbandonment", row["_id"], changes)
    return {"success": True, "recovered": len(rows)}


@service
def send_abandonment_emails(context: Context) -> dict[str, Any]:
    """Send each open row the next of its mails, where that is due: {success, sent}. At most one mail a row and run."""
    asked = Query().ne("recovered", True).ne("email3Sent", True)
    sent = 0
    # The platform looked at 100 rows, whichever: with more of them open, some would never hear.
    for row in context.records.get_all("CheckoutAbandonment", asked):
        number = next(n for n, _ in enumerate(MAILS, 1) if row.get(f"email{n}Sent") is not True)
        since = age(row.get("abandonedAt"), context.now())
        if since is None or since < MAILS[number - 1]:
            continue
        # Noted first: a mail that is lost does less harm than one that comes twice.
        changes = {f"email{number}Sent": True, f"email{number}SentAt": context.now()}
        context.records.patch("CheckoutAbandonment", row["_id"], changes)
        context.mail(f"checkout_abandonment_{number}", row["email"], **_variables(row))
        sent += 1
    return {"success": True, "sent": sent}


def email_of(session: Mapping[str, Any]) -> str | None:
    """The address that a checkout was begun with; None where nobody gave one."""
    return part(session, "customer_details", "email") or session.get("customer_email") or None


def _open(email: str) -> Query:
    return Query().eq("email", email).ne("recovered", True)


def _plan(session: Mapping[str, Any]) -> str:
    told = part(session, "metadata", "plan_type")
    if told:
        return str(told)
    price = part(session, "line_items", "data", 0, "price", "id") or part(session, "metadata", "price_id") or ""
    return ENTERPRISE.name if "enterprise" in str(price) else PRO.name


def _variables(row: Item) -> dict[str, Any]:
    keys = ("planType", "carrierDot", "contactName", "companyName", "lastAttemptUrl")
    return {key: row[key] for key in keys if row.get(key)}
