"""Carriers' safety data from FMCSA, kept for seven days in CarrierSafetyData.

`context.providers["fmcsa"]` is an `Fmcsa`; without one only what is kept is answered. A result is {success, data,
fromCache}; where FMCSA could not be asked, what is kept is answered though it is old, with `staleData`, one of
`circuitBreakerActive`, `rateLimited`, `errorOccurred`, and `userMessage`; nothing kept: {success: False, error} with
the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from lmdr import js
from lmdr.freshness import is_safety_stale
from lmdr.services.context import Context, refused, service
from lmdr.services.dot_numbers import dot_number
from lmdr.services.fmcsa.client import Fmcsa, FmcsaError
from lmdr.services.fmcsa.summary import as_read, as_stored, normalized
from lmdr.services.fmcsa.summary import build_safety_summary as build_safety_summary
from lmdr.services.unique_rows import row_id
from runbook.errors import RecordsError
from runbook.json_types import Item
from runbook.query import Query

Why: TypeAlias = Literal["circuitBreakerActive", "rateLimited", "errorOccurred"]

APART = 2.0
"""Seconds between two carriers of a list."""
PROBE = 133655
"""A carrier that FMCSA is sure to know."""

_MESSAGES: dict[Why, str] = {
    "circuitBreakerActive": "FMCSA is temporarily unavailable.",
    "rateLimited": "Too many safety look-ups at the moment. Try again in a minute.",
    "errorOccurred": "Safety data could not be fetched from FMCSA.",
}


@service
def get_carrier_safety_data(context: Context, dot: str | int, force_refresh: bool = False) -> dict[str, Any]:
    """A carrier's safety data, no older than seven days if FMCSA lets; shapes: see the module.

    `force_refresh`: ask FMCSA whatever is kept.
    """
    number = dot_number(dot)
    if number is None:
        return refused("Invalid DOT number")
    kept = context.records.first("CarrierSafetyData", Query().eq("dot_number", str(number)))
    if kept is not None and not force_refresh and not is_safety_stale(kept.get("fetched_date"), context.now()):
        return {"success": True, "data": as_read(kept), "fromCache": True}
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return _old(kept, "errorOccurred", "FMCSA is not configured")
    if not fmcsa.circuit.let(context.now()):
        return _old(kept, "circuitBreakerActive", "Circuit breaker is open")
    if not fmcsa.limit.let(context.now()):
        fmcsa.circuit.unknown()
        return _old(kept, "rateLimited", "Rate limit exceeded")
    try:
        carrier, basics = fmcsa.look_up(context, number)
    except (FmcsaError, OSError) as error:
        return _old(kept, "errorOccurred", str(error) if isinstance(error, FmcsaError) else "FMCSA cannot be reached")
    if not isinstance(js.get(carrier, "content", "carrier"), dict):
        return _old(kept, "errorOccurred", "Carrier not found")
    data = {**normalized(str(number), carrier, basics), "fetched_date": context.now()}
    with suppress(RecordsError):  # what is not kept is asked for again by the next, which is no trouble of this one
        _keep(context, kept, data)
    return {"success": True, "data": data, "fromCache": False}


@service
def get_multiple_carriers_safety_data(context: Context, dots: Iterable[str | int]) -> dict[str, Any]:
    """The safety data of several carriers, two seconds apart: {success, results}, a result a DOT number as given."""
    results: dict[str | int, dict[str, Any]] = {}
    for dot in dots:
        if results:
            context.sleep(APART)
        results[dot] = get_carrier_safety_data(context, dot)
    return {"success": True, "results": results}


@service
def get_circuit_status(context: Context) -> dict[str, Any]:
    """Whether FMCSA is asked at all: {success, state: CLOSED | OPEN | HALF_OPEN, failures, opensIn: seconds}."""
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return refused("FMCSA is not configured")
    now, circuit = context.now(), fmcsa.circuit
    return {"success": True, "state": circuit.state(now), "failures": circuit.count, "opensIn": circuit.opens_in(now)}


@service
def get_rate_limit_status(context: Context) -> dict[str, Any]:
    """How many look-ups of this minute are left: {success, limit, used, remaining, resetsIn: seconds}."""
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return refused("FMCSA is not configured")
    now, limit = context.now(), fmcsa.limit
    used = limit.used(now)
    return {"success": True, "limit": limit.calls, "used": used, "remaining": limit.calls - used,
            "resetsIn": limit.free_in(now)}  # fmt: skip


@service
def test_fmcsa_connection(context: Context) -> dict[str, Any]:
    """Whether FMCSA answers now: {success, carrier: a name} or {success: False, error}."""
    answer = get_carrier_safety_data(context, PROBE, force_refresh=True)
    if not answer["success"] or answer.get("staleData"):
        return refused(answer.get("error") or answer["userMessage"])
    return {"success": True, "carrier": answer["data"].get("legal_name")}


def _old(kept: Item | None, why: Why, error: str) -> dict[str, Any]:
    flags = {why: True, "userMessage": _MESSAGES[why]}
    if kept is None:
        return refused(error, **flags)
    return {"success": True, "data": as_read(kept), "fromCache": True, "staleData": True, **flags}


def _keep(context: Context, kept: Item | None, data: dict[str, Any]) -> None:
    row = {**as_stored(data), "last_lookup_date": context.now()}
    if kept is None:
        # Where another look-up of this carrier was quicker, there is one of this `_id`, which is as good.
        new = {"_id": row_id("safety data", data["dot_number"]), **row, "lookup_count": 1}
        context.records.insert("CarrierSafetyData", new)
        return
    row["lookup_count"] = (kept.get("lookup_count") or 0) + 1
    context.records.patch("CarrierSafetyData", kept["_id"], row)
