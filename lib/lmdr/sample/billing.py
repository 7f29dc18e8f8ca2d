"""Messages, activity, subscriptions and Stripe's events: the first half of phase 5."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.generator import DAY, NOW, Generator, Item, date

_STRIPE = (
    ("customer.subscription.created", "subscription_created"),
    ("customer.subscription.updated", "subscription_cancel_scheduled"),
    ("customer.subscription.deleted", "subscription_canceled"),
    ("invoice.paid", "payment_succeeded"),
    ("invoice.payment_failed", "payment_failed"),
    ("checkout.session.completed", "checkout_completed"),
    ("checkout.session.expired", "checkout_abandoned"),
)


def messages(gen: Generator, n: int) -> Iterator[Item]:
    """Conversations in applications; some messages within the same millisecond, as a retry writes them."""
    talks = [interest for interest in gen.interests if interest.ms < NOW - DAY] or gen.interests
    last = 0
    for number in range(n):
        talk, recruiter = gen.rng.choice(talks), gen.rng.choice(gen.recruiters)
        ms = last if number % 25 == 24 else gen.timestamp(talk.ms)
        last = ms
        kind = gen.rng.choice(("driver", "recruiter", "recruiter", "system"))
        pair = (talk.driver.member, recruiter) if kind == "driver" else (recruiter, talk.driver.member)
        body = gen.sentence() if gen.chance(0.6) else f"{gen.sentence()}\n\n{gen.sentence()}\n– sent from my phone 🚚"
        row = gen.item(ms, pair[0], application_id=talk.id, content=body, sender_id=pair[0], receiver_id=pair[1],
                         sender_type=kind, timestamp=date(ms), is_read=gen.chance(0.7))  # fmt: skip
        if kind == "system":
            payload = {"interviewId": gen.guid(), "slots": [date(ms + DAY)["$date"]]}
            row["metadata"] = json.dumps({"subType": gen.rng.choice(("INFO", "ACTION_REQUIRED")), "payload": payload})
        elif gen.chance(0.1):
            row["receiver_id"] = talk.driver.id  # driverOutreach passes the profile's id
        yield row


def member_activity(gen: Generator, n: int) -> Iterator[Item]:
    """A summary for each member."""
    members = [driver.member for driver in gen.drivers]
    for number in range(n):
        member = members[number] if number < len(members) else gen.guid()
        yield gen.item(
            ms := gen.timestamp(), member, member_id=member, last_active=date(gen.timestamp(ms)),
            profile_views=gen.rng.randrange(60), profile_views_trend=gen.rng.choice(("stable", "up", "down")),
            searches_this_week=gen.rng.randrange(9), match_score_trend=gen.rng.choice(("stable", "up", "down")),
        )  # fmt: skip


def carrier_subscriptions(gen: Generator, n: int) -> Iterator[Item]:
    """Subscriptions with Stripe's statuses, one for each carrier."""
    for number in range(n):
        carrier = gen.carriers[number % len(gen.carriers)]
        plan = gen.rng.choice(("pro", "pro", "enterprise", "free"))
        status = gen.rng.choice(("active", "active", "past_due", "canceled", "trialing"))
        start = gen.timestamp(NOW - 60 * DAY)
        start -= start % 1000  # Stripe's timestamps are in seconds
        yield gen.item(
            gen.timestamp(before=start), carrier.owner, carrier_dot=str(carrier.dot), plan_type=plan, status=status,
            is_active=status == "active", monthly_view_quota={"pro": 25, "enterprise": -1, "free": 0}[plan],
            views_used_this_month=gen.rng.randrange(26), quota_reset_date=date(start + 30 * DAY),
            stripe_customer_id=f"cus_{gen.rng.getrandbits(56):014x}", stripe_price_id=f"price_{plan}_monthly",
            stripe_subscription_id=f"sub_{gen.rng.getrandbits(56):014x}", current_period_start=date(start),
            current_period_end=date(start + 30 * DAY), cancel_at_period_end=gen.chance(0.1),
        )  # fmt: skip


def billing_history(gen: Generator, n: int) -> Iterator[Item]:
    """Payments, in cents; a tenth of the events without a carrier."""
    for _ in range(n):
        carrier, ms = gen.rng.choice(gen.carriers), gen.timestamp()
        _, kind = gen.rng.choice(_STRIPE)
        paid = kind.startswith("payment")
        row = gen.item(
            ms, carrier_dot=str(carrier.dot), event_type=kind, amount=gen.rng.choice((24900, 74900)) if paid else 0,
            currency="usd", description="Payment for Pro plan" if paid else "", timestamp=date(ms),
        )  # fmt: skip
        if paid:
            row["invoice_id"] = f"in_{gen.rng.getrandbits(56):014x}"
        if gen.chance(0.1):
            row["carrier_dot"] = gen.rng.choice((None, ""))
        yield row


def stripe_events(gen: Generator, n: int) -> Iterator[Item]:
    """Processed events of Stripe; the summary is cut at 1,000 characters."""
    for _ in range(n):
        carrier, ms = gen.rng.choice(gen.carriers), gen.timestamp()
        kind, _ = gen.rng.choice(_STRIPE)
        summary = json.dumps({"carrierDot": str(carrier.dot), "status": gen.rng.choice(("created", "paid", "error"))})
        if gen.chance(0.02):
            summary = json.dumps({"carrierDot": str(carrier.dot), "status": "error", "message": gen.paragraph() * 9})[
                :1000
            ]
        row = gen.item(ms, event_id=f"evt_{gen.rng.getrandbits(64):016x}", event_type=kind,
        carrier_dot=str(carrier.dot),
                         processed_at=date(ms), data_summary=summary)  # fmt: skip
        if gen.chance(0.1):
            del row["carrier_dot"]
        yield row


def checkout_abandonment(gen: Generator, n: int) -> Iterator[Item]:
    """Abandoned checkouts, and the mails sent for them."""
    for _ in range(n):
        person, carrier, ms = gen.pool.person(gen.rng), gen.rng.choice(gen.carriers), gen.timestamp()
        sent = gen.rng.randrange(4)
        row = gen.item(
            ms, email=person.email, carrierDot=str(carrier.dot) if gen.chance(0.6) else "",
            planType=gen.rng.choice(("pro", "enterprise")), stripeSessionId=f"cs_{gen.rng.getrandbits(64):016x}",
            abandonedAt=date(ms), lastAttemptUrl=gen.file_url("checkout"), recovered=gen.chance(0.2),
            contactName=person.name, companyName=carrier.name.title(),
        )  # fmt: skip
        for number, hours in ((1, 2), (2, 72), (3, 168)):
            row[f"email{number}Sent"] = number <= sent
            if number <= sent:
                row[f"email{number}SentAt"] = date(ms + hours * 3_600_000)
        if row["recovered"]:
            row |= {"recoveredAt": date(ms + 2 * DAY), "recoverySessionId": f"cs_{gen.rng.getrandbits(64):016x}"}
        yield row
