"""Rows of DriverCarrierInterests: their stages, and one row for each driver and carrier."""

from __future__ import annotations

from typing import Any

from lmdr.services.context import Context
from lmdr.services.dot_numbers import dot_text
from lmdr.services.unique_rows import derived_id, insert_once
from runbook.json_types import Item
from runbook.query import Query

STAGES = ("interested", "applied", "in_review", "contacted", "offer", "hired")
"""Stages of an application, in the order in which pipelines show them. Any stage may follow any other."""
OUTCOMES = ("hired", "rejected", "withdrawn")
"""Statuses that are also an outcome."""


def interest_between(context: Context, driver_id: str, carrier_dot: Any) -> Item | None:
    """The row of a driver's profile and a carrier, else None. Only this look-up keeps pairs unique."""
    pair = Query().eq("driver_id", driver_id).eq("carrier_dot", dot_text(carrier_dot))
    return context.records.first("DriverCarrierInterests", pair)


def add_interest(context: Context, row: Item) -> tuple[Item, bool]:
    """Insert the row of a driver and a carrier, both in it: the row as stored, and whether this call inserted it.

    Its `_id` is derived from the pair, so that of two concurrent calls, such as a double click, one inserts it.
    """
    name = f"DriverCarrierInterests/{row['driver_id']}/{row['carrier_dot']}"
    return insert_once(context, "DriverCarrierInterests", {"_id": derived_id(name), **row})
