"""The quota of profile views: what a carrier has used of its period.

    | matter           | rule                                                                                       |
    |------------------|--------------------------------------------------------------------------------------------|
    | a view           | a driver on a day (UTC), however many rows of CarrierDriverViews it has, of any type       |
    | used             | the views of the period, or `views_used_this_month` where that is more: rows from before   |
    |                  | the migration may be missing, and a number may have missed some                            |
    | the period       | since `current_period_start` where Stripe has set it: `quota_reset_date` is the end of its |
    |                  | period; else since a calendar month before `quota_reset_date`; without one, of the month   |
    | a period is over | the number counts on, with the views since `quota_reset_date`, until someone resets it     |
    | a reset          | the number becomes that of the views already in the new period, normally 0                 |
    | another plan     | within a period what was used stays used; only the quota is another                        |
    | unlimited        | the number is increased; no rows are read                                                  |

Whoever counts and adds a view, resets, or stores what Stripe says of the subscription holds the lock of `viewing`, so
that of any number at once each sees what the others have written. The number is what pages show; it is written last, so
that a view that was interrupted is counted by its row. It never falls within a period: to give views back, raise
`monthly_view_quota`.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from lmdr import js, plans
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

SUBSCRIPTIONS, VIEWS = "CarrierSubscriptions", "CarrierDriverViews"


def viewing(records: Records, dot: str) -> AbstractContextManager[Records]:
    """Hold the lock of a carrier's profile views and subscription; gives records whose reads are exact."""
    return records.exclusive(f"profile views of {dot}")


def active_subscription(records: Records, dot: str) -> Item:
    """A carrier's newest active row of CarrierSubscriptions; the free plan where it names none of the plans."""
    active = Query().eq("carrier_dot", dot).eq("is_active", True)
    row = records.first(SUBSCRIPTIONS, active) if dot else None
    return row if row is not None and plans.is_valid_subscription(row) else plans.default_subscription()


def with_used(exact: Records, subscription: Item, now: datetime) -> Item:
    """A subscription with what its carrier has used of its period as the number; call it under the lock."""
    used = _number(subscription)
    if not js.same(subscription.get("monthly_view_quota"), plans.UNLIMITED):
        used = max(used, views_since(exact, subscription["carrier_dot"], period_start(subscription, now)))
    return {**subscription, "views_used_this_month": used}


def one_more(counted: Item) -> Callable[[Item], Mapping[str, Any]]:
    """The change of a subscription by a view; `counted`: from `with_used`."""
    used = _number(counted) + 1
    unlimited = js.same(counted.get("monthly_view_quota"), plans.UNLIMITED)

    def change(item: Item) -> Mapping[str, Any]:
        # What someone has entered meanwhile is not lowered.
        return {"views_used_this_month": _number(item) + 1 if unlimited else max(_number(item), used)}

    return change


def views_since(exact: Records, dot: str, start: datetime) -> int:
    """The views of a carrier after a moment."""
    rows = exact.get_all(VIEWS, Query().eq("carrier_dot", dot).gt("view_date", start))
    return len({(row.get("driver_id"), row["view_date"].astimezone(UTC).date()) for row in rows})


def is_over(subscription: Item, now: datetime) -> bool:
    """Whether a period has ended, or has no end."""
    due = js.date(js.or_(subscription.get("quota_reset_date"), 0))
    return due is None or due <= now


def period_start(subscription: Item, now: datetime) -> datetime:
    """The moment after which views count, see the module."""
    reset = subscription.get("quota_reset_date")
    due = js.date(reset) if js.truthy(reset) else None
    if due is None:
        return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if due <= now:
        return due
    start = subscription.get("current_period_start")
    if isinstance(start, datetime) and due == subscription.get("current_period_end"):
        return start
    return _month_before(due)


def next_month(now: datetime) -> datetime:
    """A calendar month later; a day that the month lacks runs into the next: January 31 gives March 3."""
    first = now.astimezone(UTC).replace(day=1)
    month = first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
    return month + timedelta(days=now.astimezone(UTC).day - 1)


def _month_before(due: datetime) -> datetime:
    due = due.astimezone(UTC)
    year, month = (due.year - 1, 12) if due.month == 1 else (due.year, due.month - 1)
    return due.replace(year=year, month=month, day=min(due.day, calendar.monthrange(year, month)[1]))


def _number(subscription: Item) -> js.Number:
    used: js.Number = js.to_number(js.or_(subscription.get("views_used_this_month"), 0))
    return used if used == used else 0
