"""Carriers' safety data from FMCSA, cached for seven days in CarrierSafetyData.

`context.providers["fmcsa"]` is an `Fmcsa`; without one only cached data is given. A result is {success, data,
fromCache}. Where FMCSA is not available, older cached data is given with `staleData`, one of `circuitBreakerActive`,
`rateLimited`, `errorOccurred`, and `userMessage`; without any: {success: False, error} with the same.
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
from lmdr.services.unique_rows import insert_or_change
from runbook.errors import RecordsError
from runbook.json_types import Item
from runbook.query import Query

Reason: TypeAlias = Literal["circuitBreakerActive", "rateLimited", "errorOccurred"]

PAUSE = 2.0
"""Seconds between two carriers of a list."""
PROBE = 133655
"""The DOT number of a carrier that FMCSA knows."""

_MESSAGES: dict[Reason, str] = {
    "circuitBreakerActive": "FMCSA is temporarily unavailable.",
    "rateLimited": "Too many safety look-ups at the moment. Try again in a minute.",
    "errorOccurred": "Safety data could not be fetched from FMCSA.",
}


@service
def get_carrier_safety_data(context: Context, dot: str | int, force_refresh: bool = False) -> dict[str, Any]:
    """A carrier's safety data, at most seven days old if FMCSA is available; shapes: see the module.

    `force_refresh`: ask FMCSA even if fresh data is cached.
    """
    number = dot_number(dot)
    if number is None:
        return refused("Invalid DOT number")
    cached = context.records.first("CarrierSafetyData", Query().eq("dot_number", str(number)))
    if cached is not None and not force_refresh and not is_safety_stale(cached.get("fetched_date"), context.now()):
        return {"success": True, "data": as_read(cached), "fromCache": True}
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return _cached_or_error(cached, "errorOccurred", "FMCSA is not configured")
    if not fmcsa.circuit.allow(context.now()):
        return _cached_or_error(cached, "circuitBreakerActive", "Circuit breaker is open")
    if not fmcsa.limit.allow(context.now()):
        fmcsa.circuit.unknown()
        return _cached_or_error(cached, "rateLimited", "Rate limit exceeded")
    try:
        carrier, basics = fmcsa.look_up(context, number)
    except (FmcsaError, OSError) as error:
        text = str(error) if isinstance(error, FmcsaError) else "FMCSA cannot be reached"
        return _cached_or_error(cached, "errorOccurred", text)
    if not isinstance(js.get(carrier, "content", "carrier"), dict):
        return _cached_or_error(cached, "errorOccurred", "Carrier not found")
    data = {**normalized(str(number), carrier, basics), "fetched_date": context.now()}
    with suppress(RecordsError):  # if it cannot be cached, the next call asks FMCSA again
        _store(context, data)
    return {"success": True, "data": data, "fromCache": False}


@service
def get_multiple_carriers_safety_data(context: Context, dots: Iterable[str | int]) -> dict[str, Any]:
    """The safety data of several carriers, two seconds apart: {success, results}, by the DOT numbers as given."""
    results: dict[str | int, dict[str, Any]] = {}
    for dot in dots:
        if results:
            context.sleep(PAUSE)
        results[dot] = get_carrier_safety_data(context, dot)
    return {"success": True, "results": results}


@service
def get_circuit_status(context: Context) -> dict[str, Any]:
    """The circuit breaker: {success, state: CLOSED | OPEN | HALF_OPEN, failures, opensIn: seconds}."""
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return refused("FMCSA is not configured")
    now, circuit = context.now(), fmcsa.circuit
    return {"success": True, "state": circuit.state(now), "failures": circuit.count, "opensIn": circuit.opens_in(now)}


@service
def get_rate_limit_status(context: Context) -> dict[str, Any]:
    """The rate limit: {success, limit, used, remaining, resetsIn: seconds}."""
    fmcsa: Fmcsa | None = context.providers.get("fmcsa")
    if fmcsa is None:
        return refused("FMCSA is not configured")
    now, limit = context.now(), fmcsa.limit
    used = limit.used(now)
    return {"success": True, "limit": limit.calls, "used": used, "remaining": limit.calls - used,
            "resetsIn": limit.available_in(now)}  # fmt: skip


@service
def test_fmcsa_connection(context: Context) -> dict[str, Any]:
    """Test the connection to FMCSA: {success, carrier: its name} or {success: False, error}."""
    answer = get_carrier_safety_data(context, PROBE, force_refresh=True)
    if not answer["success"] or answer.get("staleData"):
        return refused(answer.get("error") or answer["userMessage"])
    return {"success": True, "carrier": answer["data"].get("legal_name")}


def _cached_or_error(cached: Item | None, reason: Reason, error: str) -> dict[str, Any]:
    flags = {reason: True, "userMessage": _MESSAGES[reason]}
    if cached is None:
        return refused(error, **flags)
    return {"success": True, "data": as_read(cached), "fromCache": True, "staleData": True, **flags}


def _store(context: Context, data: dict[str, Any]) -> None:
    row = {**as_stored(data), "last_lookup_date": context.now()}
    key = {"dot_number": data["dot_number"]}

    def change(before: Item) -> Item:
        return {**row, "lookup_count": (before.get("lookup_count") or 0) + 1}

    insert_or_change(context, "CarrierSafetyData", key, {**row, "lookup_count": 1}, change)
