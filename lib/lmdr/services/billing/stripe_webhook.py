"""The effects of Stripe's events.

    | event                         | effect                                    | row of BillingHistory             |
    |-------------------------------|-------------------------------------------|-----------------------------------|
    | customer.subscription.created | the subscription is stored                | subscription_created              |
    | customer.subscription.updated | the subscription is stored                | subscription_cancel_scheduled (1) |
    | customer.subscription.deleted | its status becomes 'canceled'             | subscription_canceled             |
    | invoice.paid                  | the quota is reset (2)                    | payment_succeeded                 |
    | invoice.payment_failed        | the subscription's status: 'past_due'     | payment_failed                    |
    | checkout.session.completed    | the address's open checkouts are closed   | checkout_completed                |
    | checkout.session.expired      | the checkout is recorded as abandoned     | checkout_abandoned                |
    | charge.refunded               |                                           | refunded                          |
    | payment_intent.succeeded      |                                           | payment_succeeded (3)             |

(1) Where it ends with its period. (2) Where the invoice's period follows another; one without a subscription is
skipped. (3) For a payment without an invoice.

Every event is logged with its status, others as 'unhandled'. Effects precede the row of BillingHistory, whose `_id` is
derived from the event's, so that the row proves them; the row of the log is the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lmdr import js
from lmdr.services.billing import stripe
from lmdr.services.billing.abandonment_emails import email_of, mark_checkout_recovered, track_abandoned_checkout
from lmdr.services.billing.stripe_log import (
    NOTHING,
    QUOTA,
    deciding,
    is_latest,
    log_stripe_event,
    processing,
    was_processed,
)
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from runbook.query import Query

SUPERSEDED = "superseded"
"""The status of an event older than a processed one: its only effect is the row of BillingHistory."""


@dataclass
class Event:
    """A Stripe event: its `object`, its `previous` attributes, and its carrier's DOT number, where known.

    `decided`: whether the property that it decides existed.
    """

    context: Context
    id: str
    type: str
    created: float | None
    object: Mapping[str, Any]
    previous: Mapping[str, Any]
    dot: str | None
    decided: bool = True

    @property
    def renews(self) -> bool:
        """Whether it is the payment of a following period."""
        return self.type == "invoice.paid" and self.object.get("billing_reason") == "subscription_cycle"

    def data(self, status: str) -> dict[str, Any]:
        """Its summary for the log."""
        summary = {"carrierDot": self.dot, "status": status, "created": self.created}
        summary["decides"] = (QUOTA if self.renews else None) if self.decided else NOTHING
        return {key: value for key, value in summary.items() if value is not None}

    def is_latest(self) -> bool:
        """Whether no newer event decided the same property."""
        return is_latest(self.context, self.id, self.type, self.data("processing"))

    def is_billed(self) -> bool:
        """Whether its row of BillingHistory exists, from an interrupted delivery."""
        return self.context.records.get("BillingHistory", stripe.billing_id(self.id)) is not None

    def bill(self, event_type: str, **details: Any) -> None:
        """Add its row to BillingHistory."""
        details = {"currency": self.object.get("currency"), "eventId": self.id, **details}
        stripe.record_billing_event(self.context, self.dot, event_type, details)


@service
def handle_stripe_event(context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
    """Process a Stripe event once: {received: True, status}.

    `event`: Stripe's JSON, whose signature was verified. The status is 'already_processed' for a repeated delivery. An
    event without its object, such as an unknown subscription, is logged as 'error' and not repeated. Raises what the
    data layer raises: nothing is logged then, and Stripe delivers the event again.
    """
    with processing(context.records, event["id"]) as exact:
        if was_processed(exact, event["id"]):
            return {"received": True, "status": "already_processed"}
        received = _received(replace(context, records=exact), event)
        # Locked by carrier, too, until it is logged: else an older event could take effect in between.
        with deciding(exact, received.type, received.data("processing")):
            status = _HANDLERS.get(received.type, _unhandled)(received)
            log_stripe_event(received.context, received.id, received.type, received.data(status))
    return {"received": True, "status": status}


def _received(context: Context, event: Mapping[str, Any]) -> Event:
    data = event["data"]
    return Event(
        context,
        event["id"],
        event["type"],
        event.get("created"),
        data["object"],
        data.get("previous_attributes") or {},
        _carrier_dot(context, data["object"]),
    )


def _subscription_created(event: Event) -> str:
    status = _if_latest(event, _upsert, "created")
    if status != "error":
        event.bill("subscription_created")
    return status


def _subscription_updated(event: Event) -> str:
    status = _if_latest(event, _upsert, "updated")
    if event.object.get("cancel_at_period_end"):
        event.bill("subscription_cancel_scheduled")
    return status


def _subscription_deleted(event: Event) -> str:
    status = _if_latest(event, lambda event: _set_status(event, event.object.get("id"), "canceled"), "deleted")
    if status != "error":
        event.bill("subscription_canceled")
    return status


def _invoice_paid(event: Event) -> str:
    invoice = event.object
    if not _subscription_of(invoice):
        return "skipped"
    # A repeated reset would give back the views used since.
    if event.renews and event.dot and not event.is_billed() and event.is_latest():
        stripe.reset_quota(event.context, event.dot, invoice.get("period_start"), invoice.get("period_end"))
    line = js.get(invoice, "lines", "data", 0, "description") or "subscription"
    event.bill(
        "payment_succeeded",
        amount=invoice.get("amount_paid"),
        invoiceId=invoice.get("id"),
        description=f"Payment for {line}",
    )
    return "paid"


def _invoice_payment_failed(event: Event) -> str:
    subscription = _subscription_of(event.object)
    if not subscription:
        return "skipped"
    status = _if_latest(event, lambda event: _set_status(event, subscription, "past_due"), "payment_failed")
    event.bill(
        "payment_failed",
        amount=event.object.get("amount_due"),
        invoiceId=event.object.get("id"),
        description="Payment failed",
    )
    return status if status == SUPERSEDED else "payment_failed"


def _checkout_completed(event: Event) -> str:
    mark_checkout_recovered(event.context, email_of(event.object), event.object.get("id"))
    event.bill("checkout_completed")
    return "checkout_completed"


def _checkout_expired(event: Event) -> str:
    track_abandoned_checkout(event.context, event.object)
    event.bill("checkout_abandoned")
    return "checkout_expired"


def _charge_refunded(event: Event) -> str:
    # The event of a further refund of a charge has the total refunded so far.
    amount = (event.object.get("amount_refunded") or 0) - (event.previous.get("amount_refunded") or 0)
    event.bill("refunded", amount=amount, invoiceId=event.object.get("invoice"), description="Refund")
    return "refunded"


def _payment_succeeded(event: Event) -> str:
    # A subscription's payment is an invoice.paid too; only our checkouts name the carrier in the payment.
    if event.object.get("invoice") or not js.get(event.object, "metadata", "carrier_dot"):
        return "skipped"
    event.bill(
        "payment_succeeded",
        amount=event.object.get("amount_received"),
        description=event.object.get("description") or "Payment",
    )
    return "payment_succeeded"


def _unhandled(event: Event) -> str:
    return "unhandled"


_HANDLERS: dict[str, Callable[[Event], str]] = {
    "customer.subscription.created": _subscription_created,
    "customer.subscription.updated": _subscription_updated,
    "customer.subscription.deleted": _subscription_deleted,
    "invoice.paid": _invoice_paid,
    "invoice.payment_failed": _invoice_payment_failed,
    "checkout.session.completed": _checkout_completed,
    "checkout.session.expired": _checkout_expired,
    "charge.refunded": _charge_refunded,
    "payment_intent.succeeded": _payment_succeeded,
}


def _if_latest(event: Event, effect: Callable[[Event], dict[str, Any]], status: str) -> str:
    if not event.is_latest():
        return SUPERSEDED
    event.decided = effect(event)["success"]
    return status if event.decided else "error"


def _upsert(event: Event) -> dict[str, Any]:
    return stripe.upsert_subscription(event.context, event.object, event.object.get("customer"))


def _set_status(event: Event, subscription: str | None, status: str) -> dict[str, Any]:
    return stripe.update_subscription_status(event.context, subscription, status)


def _subscription_of(invoice: Mapping[str, Any]) -> str | None:
    """The id of an invoice's subscription, in Stripe's format before 2025 or since."""
    details = js.get(invoice, "parent", "subscription_details")
    return invoice.get("subscription") or js.get(details, "subscription")  # type: ignore[no-any-return]


def _carrier_dot(context: Context, stripe_object: Mapping[str, Any]) -> str | None:
    """The DOT number in an object's metadata, or of its subscription or customer; None where unknown."""
    for path in (
        ("metadata",),
        ("subscription_details", "metadata"),
        ("parent", "subscription_details", "metadata"),
        ("lines", "data", 0, "metadata"),
    ):
        dot = dot_text(js.get(stripe_object, *path, "carrier_dot"))
        if dot:
            return dot
    subscription, customer = _subscription_of(stripe_object), stripe_object.get("customer")
    for key, value in (("stripe_subscription_id", subscription), ("stripe_customer_id", customer)):
        row = context.records.first("CarrierSubscriptions", Query().eq(key, value)) if value else None
        if row is not None:
            return dot_text(row.get("carrier_dot"))
    return None
