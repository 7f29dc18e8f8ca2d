"""Abandoned checkouts: recording them, closing them when they are completed, and the reminder mails.

A row of CheckoutAbandonment is open until its e-mail address completes a checkout. Its mails are sent that long after
the checkout was abandoned, each once and in order:

    | mail | template               | after          |
    |------|------------------------|----------------|
    | 1    | checkout_abandonment_1 | 2 hours        |
    | 2    | checkout_abandonment_2 | 72 hours       |
    | 3    | checkout_abandonment_3 | 168 hours      |
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any

from lmdr import js
from lmdr.freshness import age
from lmdr.plans import ENTERPRISE, PRO
from lmdr.services.context import Context, refused, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.unique_rows import row_id
from runbook.errors import ItemExists
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

DEDUPLICATION_WINDOW = timedelta(hours=24)
"""Age up to which an open row covers further checkouts that its address abandons."""
ABANDONED = "CheckoutAbandonment"
_BATCH = 10
"""Rows written at once."""
DELAYS = (timedelta(hours=2), timedelta(hours=72), timedelta(hours=168))


@service
def track_abandoned_checkout(context: Context, session: Mapping[str, Any]) -> dict[str, Any]:
    """Record an expired Stripe checkout: {success, recordId}, or {success: False, error} without an address."""
    email = email_of(session)
    if not email:
        return refused("No email for this checkout")
    now = context.now()
    changes = {"stripeSessionId": session.get("id"), "planType": _plan(session), "abandonedAt": now}
    recent = _open(email).ge("_createdDate", now - DEDUPLICATION_WINDOW)
    with _checkouts(context.records, email) as exact:
        row = exact.first(ABANDONED, recent)
        if row is not None:
            exact.patch(ABANDONED, row["_id"], changes)
            return {"success": True, "recordId": row["_id"]}
        new = {
            "_id": row_id("abandoned checkout", str(session.get("id"))),
            "email": email,
            "carrierDot": dot_text(js.get(session, "metadata", "carrier_dot")),
            "lastAttemptUrl": session.get("url"),
            "contactName": js.get(session, "customer_details", "name"),
            **{f"email{number}Sent": False for number, _ in enumerate(DELAYS, 1)},
            "recovered": False,
            **changes,
        }
        with suppress(ItemExists):  # delivered again, and its row is closed or older than the window
            exact.insert(ABANDONED, {key: value for key, value in new.items() if value is not None})
        return {"success": True, "recordId": new["_id"]}


@service
def mark_checkout_recovered(context: Context, email: str | None, session_id: str | None = None) -> dict[str, Any]:
    """Close the open rows of an address that has completed a checkout: {success, recovered: their number}."""
    if not email:
        return {"success": True, "recovered": 0}
    changes: dict[str, Any] = {"recovered": True, "recoveredAt": context.now()}
    if session_id:
        changes["recoverySessionId"] = session_id
    with _checkouts(context.records, email) as exact:
        rows = exact.get_all(ABANDONED, _open(email))
        exact.bulk_patch(ABANDONED, {row["_id"]: changes for row in rows})
    return {"success": True, "recovered": len(rows)}


@service
def send_abandonment_emails(context: Context) -> dict[str, Any]:
    """Send the next mail of each open row where it is due: {success, sent}. At most one mail per row and run."""
    seen: set[str] = set()
    while batch := _note_sent(context, seen):
        for row, number in batch:
            context.mail(f"checkout_abandonment_{number}", row["email"], **_variables(row))
    return {"success": True, "sent": len(seen)}


def _note_sent(context: Context, seen: set[str]) -> list[tuple[Item, int]]:
    """Note the next ten mails as sent, and give them; two runs at once give each to one. `seen`: rows of this run.

    Noted first: a lost mail does less harm than a duplicate.
    """
    pending = Query().ne("recovered", True).ne("email3Sent", True)
    batch: list[tuple[Item, int]] = []
    with context.records.exclusive("mails about abandoned checkouts") as exact:
        now = context.now()
        # The platform read any 100 rows: with more of them open, some would never get a mail.
        for row in exact.get_all(ABANDONED, pending):
            number = next(n for n, _ in enumerate(DELAYS, 1) if row.get(f"email{n}Sent") is not True)
            elapsed = age(row.get("abandonedAt"), now)
            if row["_id"] not in seen and elapsed is not None and elapsed >= DELAYS[number - 1]:
                batch.append((row, number))
        batch = batch[:_BATCH]
        sent = {row["_id"]: {f"email{number}Sent": True, f"email{number}SentAt": now} for row, number in batch}
        exact.bulk_patch(ABANDONED, sent)
    seen.update(sent)
    return batch


def email_of(session: Mapping[str, Any]) -> str | None:
    """The e-mail address of a checkout, if any."""
    return js.get(session, "customer_details", "email") or session.get("customer_email") or None


def _checkouts(records: Records, email: str) -> AbstractContextManager[Records]:
    """Hold the lock of an address's rows; gives records whose reads are exact."""
    return records.exclusive(f"abandoned checkouts of {email}")


def _open(email: str) -> Query:
    return Query().eq("email", email).ne("recovered", True)


def _plan(session: Mapping[str, Any]) -> str:
    if plan := js.get(session, "metadata", "plan_type"):
        return str(plan)
    price = js.get(session, "line_items", "data", 0, "price", "id") or js.get(session, "metadata", "price_id") or ""
    return ENTERPRISE.name if "enterprise" in str(price) else PRO.name


def _variables(row: Item) -> dict[str, Any]:
    keys = ("planType", "carrierDot", "contactName", "companyName", "lastAttemptUrl")
    return {key: row[key] for key in keys if row.get(key)}
