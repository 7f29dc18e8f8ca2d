"""Messages, activity, subscriptions and what Stripe sent: the first half of phase 5."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lmdr.sample.world import DAY, NOW, Item, World, date

_STRIPE = (
    ("customer.subscription.created", "subscription_created"),
    ("customer.subscription.updated", "subscription_cancel_scheduled"),
    ("customer.subscription.deleted", "subscription_canceled"),
    ("invoice.paid", "payment_succeeded"),
    ("invoice.payment_failed", "payment_failed"),
    ("checkout.session.completed", "checkout_completed"),
    ("checkout.session.expired", "checkout_abandoned"),
)


def messages(world: World, n: int) -> Iterator[Item]:
    """Conversations of applications; some in one and the same millisecond, as a retry writes them."""
    talks = [interest for interest in world.interests if interest.ms < NOW - DAY] or world.interests
    last = 0
    for number in range(n):
        talk, recruiter = world.rng.choice(talks), world.rng.choice(world.recruiters)
        ms = last if number % 25 == 24 else world.moment(talk.ms)
        last = ms
        kind = world.rng.choice(("driver", "recruiter", "recruiter", "system"))
        pair = (talk.driver.member, recruiter) if kind == "driver" else (recruiter, talk.driver.member)
        body = world.line() if world.chance(0.6) else f"{world.line()}\n\n{world.line()}\n– sent from my phone 🚚"
        row = world.item(ms, pair[0], application_id=talk.id, content=body, sender_id=pair[0], receiver_id=pair[1],
                         sender_type=kind, timestamp=date(ms), is_read=world.chance(0.7))  # fmt: skip
        if kind == "system":
            payload = {"interviewId": world.guid(), "slots": [date(ms + DAY)["$date"]]}
            row["metadata"] = json.dumps({"subType": world.rng.choice(("INFO", "ACTION_REQUIRED")), "payload": payload})
        elif world.chance(0.1):
            row["receiver_id"] = talk.driver.id  # driverOutreach passes the profile's id
        yield row


def member_activity(world: World, n: int) -> Iterator[Item]:
    """A summary row a member."""
    members = [driver.member for driver in world.drivers]
    for number in range(n):
        member = members[number] if number < len(members) else world.guid()
        yield world.item(
            ms := world.moment(), member, member_id=member, last_active=date(world.moment(ms)),
            profile_views=world.rng.randrange(60), profile_views_trend=world.rng.choice(("stable", "up", "down")),
            searches_this_week=world.rng.randrange(9), match_score_trend=world.rng.choice(("stable", "up", "down")),
        )  # fmt: skip


def carrier_subscriptions(world: World, n: int) -> Iterator[Item]:
    """Subscriptions in Stripe's words, a row a carrier."""
    for number in range(n):
        carrier = world.carriers[number % len(world.carriers)]
        plan = world.rng.choice(("pro", "pro", "enterprise", "free"))
        status = world.rng.choice(("active", "active", "past_due", "canceled", "trialing"))
        start = world.moment(NOW - 60 * DAY)
        start -= start % 1000  # Stripe counts seconds
        yield world.item(
            world.moment(before=start), carrier.owner, carrier_dot=str(carrier.dot), plan_type=plan, status=status,
            is_active=status == "active", monthly_view_quota={"pro": 25, "enterprise": -1, "free": 0}[plan],
            views_used_this_month=world.rng.randrange(26), quota_reset_date=date(start + 30 * DAY),
            stripe_customer_id=f"cus_{world.rng.getrandbits(56):014x}", stripe_price_id=f"price_{plan}_monthly",
            stripe_subscription_id=f"sub_{world.rng.getrandbits(56):014x}", current_period_start=date(start),
            current_period_end=date(start + 30 * DAY), cancel_at_period_end=world.chance(0.1),
        )  # fmt: skip


def billing_history(world: World, n: int) -> Iterator[Item]:
    """What was paid, in cents; a tenth of the events came without a carrier."""
    for _ in range(n):
        carrier, ms = world.rng.choice(world.carriers), world.moment()
        _, kind = world.rng.choice(_STRIPE)
        paid = kind.startswith("payment")
        row = world.item(
            ms, carrier_dot=str(carrier.dot), event_type=kind, amount=world.rng.choice((24900, 74900)) if paid else 0,
            currency="usd", description="Payment for Pro plan" if paid else "", timestamp=date(ms),
        )  # fmt: skip
        if paid:
            row["invoice_id"] = f"in_{world.rng.getrandbits(56):014x}"
        if world.chance(0.1):
            row["carrier_dot"] = world.rng.choice((None, ""))
        yield row


def stripe_events(world: World, n: int) -> Iterator[Item]:
    """Every event that came in, so that none is done twice; the summary is cut at 1,000 characters."""
    for _ in range(n):
        carrier, ms = world.rng.choice(world.carriers), world.moment()
        kind, _ = world.rng.choice(_STRIPE)
        summary = json.dumps({"carrierDot": str(carrier.dot), "status": world.rng.choice(("created", "paid", "error"))})
        if world.chance(0.02):
            summary = json.dumps({"carrierDot": str(carrier.dot), "status": "error", "message": world.text() * 9})[
                :1000
            ]
        row = world.item(ms, event_id=f"evt_{world.rng.getrandbits(64):016x}", event_type=kind,
        carrier_dot=str(carrier.dot),
                         processed_at=date(ms), data_summary=summary)  # fmt: skip
        if world.chance(0.1):
            del row["carrier_dot"]
        yield row


def checkout_abandonment(world: World, n: int) -> Iterator[Item]:
    """Checkouts left open, and the e-mails sent for them."""
    for _ in range(n):
        person, carrier, ms = world.pool.person(world.rng), world.rng.choice(world.carriers), world.moment()
        sent = world.rng.randrange(4)
        row = world.item(
            ms, email=person.email, carrierDot=str(carrier.dot) if world.chance(0.6) else "",
            planType=world.rng.choice(("pro", "enterprise")), stripeSessionId=f"cs_{world.rng.getrandbits(64):016x}",
            abandonedAt=date(ms), lastAttemptUrl=world.file_url("checkout"), recovered=world.chance(0.2),
            contactName=person.name, companyName=carrier.name.title(),
        )  # fmt: skip
        for number, hours in ((1, 2), (2, 72), (3, 168)):
            row[f"email{number}Sent"] = number <= sent
            if number <= sent:
                row[f"email{number}SentAt"] = date(ms + hours * 3_600_000)
        if row["recovered"]:
            row |= {"recoveredAt": date(ms + 2 * DAY), "recoverySessionId": f"cs_{world.rng.getrandbits(64):016x}"}
        yield row
