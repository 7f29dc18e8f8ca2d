"""What is known of a carrier beyond its records: researched on the web, put together by a model, kept for 14 days.

Two providers do the work, and without both there is no more than a guess from the size of the fleet:
`context.providers["perplexity"]`, a `Research`, and `context.providers["claude"]`, a `Synthesis`.

An enrichment has the keys of CarrierEnrichments, its lists as lists, and `fromCache`. `error` true: the model's answer
could not be read, which is kept like any other, or there was none (`fallback` true), which is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from lmdr import js
from lmdr.freshness import age_in_days, is_sentiment_stale
from lmdr.services.context import Context, service
from lmdr.services.dot_numbers import dot_number
from lmdr.services.fmcsa.safety_data import build_safety_summary, get_carrier_safety_data
from lmdr.services.json_rows import part, row_id
from runbook.errors import RecordsError
from runbook.json_types import MISSING, Item
from runbook.query import Query

VERSION, SOURCE = 9, "claude-perplexity-hybrid-v3"
RESEARCH_TIMEOUT, SYNTHESIS_TIMEOUT = 25.0, 30.0
"""Seconds until a provider has to give up."""
MAX_TOKENS = 1200
SMALL_FLEET, LARGE_FLEET = 20, 200
"""Trucks below and above which a fleet's routes are guessed to be short, long."""

TEXTS = ("freight_types", "route_types", "home_time", "pay_cpm_range", "sign_on_bonus", "benefits", "hiring_status",
         "driver_sentiment", "data_confidence", "ai_summary")  # fmt: skip
LISTS = ("sentiment_pros", "sentiment_cons", "sources_found")
"""Kept as JSON text."""
UNKNOWN = "Unknown"

_ABOUT = ("legal_name", "dba_name", "dot_number", "phy_city", "phy_state", "nbr_power_unit", "driver_total",
          "carrier_operation")  # fmt: skip
_WISHES = ("operationType", "minCPM", "fleetSize", "maxTruckAge", "maxTurnover")
"""What a driver wishes that says nothing of who it is."""


class Research(Protocol):
    """Finds out about something on the web."""

    def __call__(self, prompt: str, *, timeout: float) -> Mapping[str, Any]:
        """{content: a text, citations: addresses}; raises where it could not within `timeout` seconds."""


class Synthesis(Protocol):
    """Has a model write."""

    def __call__(self, prompt: str, *, timeout: float, max_tokens: int) -> str:
        """What it wrote; raises where it could not within `timeout` seconds."""


@service
def enrich_carrier(
    context: Context,
    dot: str | int,
    carrier_data: Mapping[str, Any],
    driver_prefs: Mapping[str, Any] | None = None,
    social_intel: str | None = None,
) -> dict[str, Any]:
    """An enrichment of a carrier: what is kept, if no older than 14 days, else found out now.

    `carrier_data`: its row of Carriers; `driver_prefs`: what a driver searches for, which colours the summary;
    `social_intel`: what a look at social media found. `cache_age_days` to a tenth where it was kept; `fmcsa`: a summary
    of the carrier's safety, where that is known.
    """
    safety = _safety(context, dot)
    number = dot_number(dot)
    if number is None:
        return _fallback(dot, carrier_data, safety)
    kept = context.records.first("CarrierEnrichments", Query().eq("dot_number", str(number)))
    if kept is not None and not is_sentiment_stale(kept.get("enriched_date"), context.now()):
        days = age_in_days(kept["enriched_date"], context.now()) or 0
        age = js.round_half_up(days * 10) / 10
        return {**_read(kept), "fromCache": True, "cache_age_days": age, "fmcsa": safety}
    try:
        told = _found_out(context, carrier_data, driver_prefs or {}, social_intel, safety)
    except Exception:  # noqa: BLE001 - whatever a provider raises, a driver gets to see the carrier
        return _fallback(dot, carrier_data, safety)
    row = {"dot_number": str(number), **told, "enriched_date": context.now(), "enrichment_version": VERSION,
           "source": SOURCE}  # fmt: skip
    with suppress(RecordsError):  # what is not kept is found out again by the next, which is no trouble of this one
        _keep(context, kept, row)
    return {**row, "fromCache": False, "fmcsa": safety}


def parse_enrichment(text: Any) -> dict[str, Any] | None:
    """What a model wrote, as an enrichment: the JSON object in it, whatever stands around. None where there is none."""
    if not isinstance(text, str):
        return None
    begin, end = text.find("{"), text.rfind("}")
    try:
        found: dict[str, Any] = json.loads(text[begin : end + 1])
    except ValueError:
        return None
    told: dict[str, Any] = {key: _text(found.get(key)) or UNKNOWN for key in TEXTS}
    told |= {key: _texts(found.get(key)) for key in LISTS}
    score = js.parse_float(found.get("sentiment_score", MISSING))
    if score == score:
        told["sentiment_score"] = score
    return {**told, "error": False}


def _found_out(
    context: Context, carrier: Mapping[str, Any], prefs: Mapping[str, Any], social: str | None, safety: Any
) -> dict[str, Any]:
    research: Research = context.providers["perplexity"]
    synthesis: Synthesis = context.providers["claude"]
    about = json.dumps({key: carrier[key] for key in _ABOUT if carrier.get(key)}, ensure_ascii=False)
    found = research(
        f"Research this trucking company as an employer of drivers: {about}\n"
        "Freight, routes, home time, pay in CPM, sign-on bonus, benefits, whether it hires now, and what drivers say "
        "about it in reviews. Name your sources.",
        timeout=RESEARCH_TIMEOUT,
    )
    wishes = {key: prefs[key] for key in _WISHES if prefs.get(key)}
    written = synthesis(
        f"Company: {about}\nSafety: {json.dumps(safety)}\nA driver looks for: {json.dumps(wishes)}\n"
        f"<research>\n{part(found, 'content') or ''}\n</research>\n<social>\n{social or ''}\n</social>\n"
        f"Write one JSON object, nothing else. Texts: {', '.join(TEXTS)}. Arrays of texts: {', '.join(LISTS)}. "
        "data_confidence is High, Medium, Low or None; driver_sentiment is Positive, Mixed, Negative or No Reviews. "
        f"What the research does not tell is {UNKNOWN!r}.",
        timeout=SYNTHESIS_TIMEOUT,
        max_tokens=MAX_TOKENS,
    )
    told = parse_enrichment(written)
    if told is None:
        return {**dict.fromkeys(TEXTS, UNKNOWN), **{key: [] for key in LISTS}, "data_confidence": "None",
                "driver_sentiment": "Unavailable", "error": True}  # fmt: skip
    return {**told, "sources_found": told["sources_found"] or _texts(part(found, "citations"))}


def _fallback(dot: str | int, carrier: Mapping[str, Any], safety: Any) -> dict[str, Any]:
    trucks = fleet_size(carrier)
    routes = "Regional/OTR"
    if trucks < SMALL_FLEET:
        routes = "Regional/Local"
    elif trucks > LARGE_FLEET:
        routes = "OTR/Dedicated"
    return {**dict.fromkeys(TEXTS, UNKNOWN), **{key: [] for key in LISTS}, "dot_number": js.to_string(dot),
            "route_types": routes, "driver_sentiment": "Unavailable", "data_confidence": "None", "error": True,
            "fallback": True, "fromCache": False, "fmcsa": safety}  # fmt: skip


def fleet_size(carrier: Mapping[str, Any]) -> js.Number:
    """How many trucks a carrier has, 0 where nobody knows."""
    trucks = carrier.get("nbr_power_unit") or carrier.get("fleet_size") or MISSING
    return js.or_(js.parse_int(trucks), 0)  # type: ignore[no-any-return]


def _safety(context: Context, dot: str | int) -> dict[str, Any] | None:
    """A summary of the carrier's safety; None where it cannot be had."""
    try:
        found = get_carrier_safety_data(context, dot)
    except Exception:  # noqa: BLE001 - an enrichment is one without it too
        return None
    return build_safety_summary(found["data"]) if found["success"] else None


def _keep(context: Context, kept: Item | None, row: Mapping[str, Any]) -> None:
    """Write an enrichment over the whole of the one before."""
    stored = {key: json.dumps(value, ensure_ascii=False) if key in LISTS else value for key, value in row.items()}
    stored["last_matched_date"] = context.now()
    if kept is None:
        new = {"_id": row_id("enrichment", row["dot_number"]), **stored, "match_count": 1}
        context.records.insert("CarrierEnrichments", new)
        return
    same: dict[str, Any] = {key: kept[key] for key in ("_id", "_owner") if key in kept}
    count = (kept.get("match_count") or 0) + 1
    context.records.update("CarrierEnrichments", {**same, **stored, "match_count": count})


def _read(row: Item) -> dict[str, Any]:
    return {key: _texts(value) if key in LISTS else value for key, value in row.items()}


def _texts(value: Any) -> list[str]:
    """A list of texts, whether it comes as one, as JSON text or not at all."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [told for one in value if (told := _text(one))] if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else js.trim(js.to_string(value))
