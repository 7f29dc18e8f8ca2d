"""Rows of DriverCarrierInterests: their stages, and one row for each driver and carrier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmdr.services.context import Context
from lmdr.services.dot_numbers import dot_text
from lmdr.services.unique_rows import insert_or_change
from runbook.json_types import Item
from runbook.query import Query
from runbook.records.results import Once

STAGES = ("interested", "applied", "in_review", "contacted", "offer", "hired")
"""Stages of an application, in the order in which pipelines show them. Any stage may follow any other."""
OUTCOMES = ("hired", "rejected", "withdrawn")
"""Statuses that are also an outcome."""


def interest_between(context: Context, driver_id: str, carrier_dot: Any) -> Item | None:
    """The row of a driver's profile and a carrier, else None."""
    pair = Query().eq("driver_id", driver_id).eq("carrier_dot", dot_text(carrier_dot))
    return context.records.first("DriverCarrierInterests", pair)


def add_interest(context: Context, driver_id: str, carrier_dot: Any, item: Item) -> Once:
    """The row of a driver's profile and a carrier, inserted with the other keys in `item` where there is none."""
    return context.records.insert_once("DriverCarrierInterests", _pair(driver_id, carrier_dot), item)


def add_or_change_interest(
    context: Context, driver_id: str, carrier_dot: Any, item: Item, change: Item | Callable[[Item], Item]
) -> Once:
    """As `add_interest`; a row that exists is changed, see `insert_or_change`."""
    return insert_or_change(context, "DriverCarrierInterests", _pair(driver_id, carrier_dot), item, change)


def _pair(driver_id: str, carrier_dot: Any) -> dict[str, str]:
    return {"driver_id": driver_id, "carrier_dot": dot_text(carrier_dot)}
