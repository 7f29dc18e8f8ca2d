"""Fleet sizes on the admins' pages, by `nbr_power_unit`; the match score uses other buckets."""

from __future__ import annotations

from typing import Any

from lmdr import js
from runbook.query import Query
from runbook.records import Records

MEDIUM, LARGE = 50, 200
"""Power units from which a fleet is medium, and large; smaller ones are small."""

_UNITS = "nbr_power_unit"


def fleet_of(units: Any) -> str:
    """'small', 'medium' or 'large'; 'unknown' for what is not a number."""
    if not js.is_number(units):
        return "unknown"
    return "small" if units < MEDIUM else "medium" if units < LARGE else "large"


def of_fleet(fleet: Any) -> Query:
    """The query for carriers of a fleet size; an unknown size matches none."""
    match fleet:
        case "small":
            return Query().lt(_UNITS, MEDIUM)
        case "medium":
            return Query().between(_UNITS, MEDIUM, LARGE)
        case "large":
            return Query().ge(_UNITS, LARGE)
        case _:
            return Query().in_(_UNITS, ())


def count_by_fleet(records: Records) -> dict[str, int]:
    """Number of carriers by fleet size; those without a number of units are not counted."""
    return {fleet: records.count("Carriers", of_fleet(fleet)) for fleet in ("small", "medium", "large")}
