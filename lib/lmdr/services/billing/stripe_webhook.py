"""What each of Stripe's events does here.

    | event                         | effect                                   | row of BillingHistory              |
    |-------------------------------|------------------------------------------|------------------------------------|
    | customer.subscription.created | the subscription is kept                 | subscription_created               |
    | customer.subscription.updated | the subscription is kept                 | subscription_cancel_scheduled (1)  |
    | customer.subscription.deleted | its status is 'canceled'                 | subscription_canceled              |
    | invoice.paid                  | the quota begins anew (2)                | payment_succeeded                  |
    | invoice.payment_failed        | the subscription's status is 'past_due'  | payment_failed                     |
    | checkout.session.completed    | what the address left open is recovered  | checkout_completed                 |
    | checkout.session.expired      | the checkout is noted as abandoned       | checkout_abandoned                 |
    | charge.refunded               |                                          | refunded                           |
    | payment_intent.succeeded      |                                          | payment_succeeded (3)              |

(1) Where it ends with its period. (2) Where the invoice is of a period that follows another; one that is not of a
subscription is skipped. (3) Of a payment that no invoice tells of.

Every event is logged with its status, others as 'unhandled'. Effects come before the row of BillingHistory, which has
an `_id` made of the event's and so says that they were done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lmdr.services.billing import stripe
from lmdr.services.billing.abandonment_emails import email_of, mark_checkout_recovered, track_abandoned_checkout
from lmdr.services.billing.stripe_log import NOTHING, QUOTA, claim, is_turn, log_stripe_event, release
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_text
from lmdr.services.json_rows import part
from runbook.query import Query

SUPERSEDED = "superseded"
"""The status of an event that came after a newer one, and so has no effect but its row of BillingHistory."""


@dataclass
class Event:
    """One of Stripe's events: its `object`, and the carrier that it is about, where that is known.

    `decided`: whether what it is to decide was there to be decided.
    """

    context: Context
    id: str
    type: str
    created: float | None
    object: Mapping[str, Any]
    before: Mapping[str, Any]
    dot: str | None
    decided: bool = True

    @property
    def renews(self) -> bool:
        """Whether it is the payment of a period that follows another."""
        return self.type == "invoice.paid" and self.object.get("billing_reason") == "subscription_cycle"

    def data(self, status: str) -> dict[str, Any]:
        """What is logged of it."""
        told = {"carrierDot": self.dot, "status": status, "created": self.created}
        told["decides"] = (QUOTA if self.renews else None) if self.decided else NOTHING
        return {key: value for key, value in told.items() if value is not None}

    def is_turn(self) -> bool:
        """Whether no newer event decided what this one decides."""
        return is_turn(self.context, self.id, self.type, self.data("processing"))

    def is_billed(self) -> bool:
        """Whether its row of BillingHistory is there, of a delivery that did not come to its end."""
        return self.context.records.get("BillingHistory", stripe.billing_id(self.id), consistent=True) is not None

    def bill(self, event_type: str, **details: Any) -> None:
        """Add its row to BillingHistory."""
        told = {"currency": self.object.get("currency"), "eventId": self.id, **details}
        stripe.record_billing_event(self.context, self.dot, event_type, told)


@service
def handle_stripe_event(context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
    """Do what an event of Stripe's asks for, once: {received: True, status}.

    `event`: Stripe's JSON, whose signature was verified. Status 'already_processed' of one that was done. An event that
    cannot have its effect, such as one of a subscription that is not known, is logged as 'error' and not done again.
    Raises what the data layer raises, then nothing is logged and Stripe delivers it again; EventBusy likewise.
    """
    told = Event(
        context,
        event["id"],
        event["type"],
        event.get("created"),
        event["data"]["object"],
        event["data"].get("previous_attributes") or {},
        _carrier_dot(context, event["data"]["object"]),
    )
    if not claim(context, told.id, told.type, told.data("processing")):
        return {"received": True, "status": "already_processed"}
    try:
        status = _HANDLERS.get(told.type, _unhandled)(told)
        log_stripe_event(context, told.id, told.type, told.data(status))
    except BaseException:
        release(context, told.id)
        raise
    return {"received": True, "status": status}


def _subscription_created(event: Event) -> str:
    status = _in_turn(event, _upsert, "created")
    if status != "error":
        event.bill("subscription_created")
    return status


def _subscription_updated(event: Event) -> str:
    status = _in_turn(event, _upsert, "updated")
    if event.object.get("cancel_at_period_end"):
        event.bill("subscription_cancel_scheduled")
    return status


def _subscription_deleted(event: Event) -> str:
    status = _in_turn(event, lambda event: _set_status(event, event.object.get("id"), "canceled"), "deleted")
    if status != "error":
        event.bill("subscription_canceled")
    return status


def _invoice_paid(event: Event) -> str:
    invoice = event.object
    if not _subscription_of(invoice):
        return "skipped"
    # A reset that was done already must not give back the views used since.
    if event.renews and event.dot and not event.is_billed() and event.is_turn():
        stripe.reset_quota(event.context, event.dot, invoice.get("period_start"), invoice.get("period_end"))
    line = part(invoice, "lines", "data", 0, "description") or "subscription"
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
    status = _in_turn(event, lambda event: _set_status(event, subscription, "past_due"), "payment_failed")
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
    # Of several refunds of one charge each event tells all that was refunded so far.
    amount = (event.object.get("amount_refunded") or 0) - (event.before.get("amount_refunded") or 0)
    event.bill("refunded", amount=amount, invoiceId=event.object.get("invoice"), description="Refund")
    return "refunded"


def _payment_succeeded(event: Event) -> str:
    # A subscription's payment comes as invoice.paid too; only a checkout of ours names the carrier in the payment.
    if event.object.get("invoice") or not part(event.object, "metadata", "carrier_dot"):
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


def _in_turn(event: Event, do: Callable[[Event], dict[str, Any]], done: str) -> str:
    if not event.is_turn():
        return SUPERSEDED
    event.decided = do(event)["success"]
    return done if event.decided else "error"


def _upsert(event: Event) -> dict[str, Any]:
    return stripe.upsert_subscription(event.context, event.object, event.object.get("customer"))


def _set_status(event: Event, subscription: str | None, status: str) -> dict[str, Any]:
    return stripe.update_subscription_status(event.context, subscription, status)


def _subscription_of(invoice: Mapping[str, Any]) -> str | None:
    """The id of an invoice's subscription, where Stripe told it before 2025 or since."""
    told: str | None = invoice.get("subscription") or part(invoice, "parent", "subscription_details", "subscription")
    return told


def _carrier_dot(context: Context, told: Mapping[str, Any]) -> str | None:
    """The carrier that an object names, or whose subscription or customer it is of; None where neither is known."""
    for path in (
        ("metadata",),
        ("subscription_details", "metadata"),
        ("parent", "subscription_details", "metadata"),
        ("lines", "data", 0, "metadata"),
    ):
        dot = dot_text(part(told, *path, "carrier_dot"))
        if dot:
            return dot
    ids = {"stripe_subscription_id": _subscription_of(told), "stripe_customer_id": told.get("customer")}
    for key, value in ids.items():
        row = context.records.first("CarrierSubscriptions", Query().eq(key, value)) if value else None
        if row is not None:
            return dot_text(row.get("carrier_dot"))
    return None
