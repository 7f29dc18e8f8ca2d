"""Fleets as the admins' pages part them by `nbr_power_unit`; the match score has buckets of its own."""

from __future__ import annotations

from typing import Any

from lmdr import js
from runbook.query import Query
from runbook.records import Records

MEDIUM, LARGE = 50, 200
"""Power units from which a fleet is medium, is large; below it is small."""

_UNITS = "nbr_power_unit"


def fleet_of(units: Any) -> str:
    """'small', 'medium' or 'large'; 'unknown' for what is no number."""
    if not js.is_number(units):
        return "unknown"
    return "small" if units < MEDIUM else "medium" if units < LARGE else "large"


def of_fleet(fleet: Any) -> Query:
    """A query for the carriers of a fleet; of a fleet that there is not, none."""
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
    """How many carriers of each fleet; those without a number are in none."""
    return {fleet: records.count("Carriers", of_fleet(fleet)) for fleet in ("small", "medium", "large")}
