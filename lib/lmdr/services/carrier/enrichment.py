"""Enrichments of carriers: web research, summarised by a model, cached for 14 days.

They need two providers, `context.providers["perplexity"]`, a `Research`, and `context.providers["claude"]`, a
`Synthesis`; without them there is only a fallback, a guess from the size of the fleet.

An enrichment has the keys of CarrierEnrichments, its lists as lists, and `fromCache`. `error` true: the model's answer
could not be parsed, which is cached like any other, or there was none (`fallback` true), which is not cached.
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
from lmdr.services.unique_rows import insert_or_change
from runbook.errors import RecordsError
from runbook.json_types import MISSING, Item
from runbook.query import Query

ENRICHMENTS = "CarrierEnrichments"
VERSION, SOURCE = 9, "claude-perplexity-hybrid-v3"
RESEARCH_TIMEOUT, SYNTHESIS_TIMEOUT = 25.0, 30.0
"""Seconds until a provider's request times out."""
MAX_TOKENS = 1200
SMALL_FLEET, LARGE_FLEET = 20, 200
"""Trucks below and above which a fleet's routes are guessed as short and long."""

TEXTS = ("freight_types", "route_types", "home_time", "pay_cpm_range", "sign_on_bonus", "benefits", "hiring_status",
         "driver_sentiment", "data_confidence", "ai_summary")  # fmt: skip
LISTS = ("sentiment_pros", "sentiment_cons", "sources_found")
"""Stored as JSON text."""
UNKNOWN = "Unknown"

_COMPANY_KEYS = ("legal_name", "dba_name", "dot_number", "phy_city", "phy_state", "nbr_power_unit", "driver_total",
          "carrier_operation")  # fmt: skip
_PREFERENCES = ("operationType", "minCPM", "fleetSize", "maxTruckAge", "maxTurnover")
"""A driver's preferences that are not personal data."""


class Research(Protocol):
    """Researches on the web."""

    def __call__(self, prompt: str, *, timeout: float) -> Mapping[str, Any]:
        """{content: a text, citations: URLs}; raises on failure, and after `timeout` seconds."""


class Synthesis(Protocol):
    """Calls a language model."""

    def __call__(self, prompt: str, *, timeout: float, max_tokens: int) -> str:
        """The model's text; raises on failure, and after `timeout` seconds."""


@service
def enrich_carrier(
    context: Context,
    dot: str | int,
    carrier_data: Mapping[str, Any],
    driver_prefs: Mapping[str, Any] | None = None,
    social_intel: str | None = None,
) -> dict[str, Any]:
    """The enrichment of a carrier: cached up to 14 days, else fetched now.

    `carrier_data`: its row of Carriers; `driver_prefs`: a driver's search, which influences the summary;
    `social_intel`: findings in social media. `cache_age_days`: to a tenth, where it was cached; `fmcsa`: a summary of
    the carrier's safety data, where known.
    """
    safety = _safety(context, dot)
    number = dot_number(dot)
    if number is None:
        return _fallback(dot, carrier_data, safety)
    cached = context.records.first(ENRICHMENTS, Query().eq("dot_number", str(number)))
    if cached is not None and not is_sentiment_stale(cached.get("enriched_date"), context.now()):
        days = age_in_days(cached["enriched_date"], context.now()) or 0
        age = js.round_half_up(days * 10) / 10
        return {**_read(cached), "fromCache": True, "cache_age_days": age, "fmcsa": safety}
    try:
        fetched = _fetch(context, carrier_data, driver_prefs or {}, social_intel, safety)
    except Exception:  # noqa: BLE001 - on any provider's error the driver still sees the carrier
        return _fallback(dot, carrier_data, safety)
    row = {"dot_number": str(number), **fetched, "enriched_date": context.now(), "enrichment_version": VERSION,
           "source": SOURCE}  # fmt: skip
    with suppress(RecordsError):  # if it cannot be cached, the next call fetches it again
        _store(context, row)
    return {**row, "fromCache": False, "fmcsa": safety}


def parse_enrichment(text: Any) -> dict[str, Any] | None:
    """The enrichment in a model's text: the JSON object in it, whatever surrounds it. None without one."""
    if not isinstance(text, str):
        return None
    start, end = text.find("{"), text.rfind("}")
    try:
        parsed: dict[str, Any] = json.loads(text[start : end + 1])
    except ValueError:
        return None
    enrichment: dict[str, Any] = {key: _text(parsed.get(key)) or UNKNOWN for key in TEXTS}
    enrichment |= {key: _texts(parsed.get(key)) for key in LISTS}
    score = js.parse_float(parsed.get("sentiment_score", MISSING))
    if score == score:
        enrichment["sentiment_score"] = score
    return {**enrichment, "error": False}


def _fetch(
    context: Context, carrier: Mapping[str, Any], prefs: Mapping[str, Any], social: str | None, safety: Any
) -> dict[str, Any]:
    research: Research = context.providers["perplexity"]
    synthesis: Synthesis = context.providers["claude"]
    company = json.dumps({key: carrier[key] for key in _COMPANY_KEYS if carrier.get(key)}, ensure_ascii=False)
    findings = research(
        f"Research this trucking company as an employer of drivers: {company}\n"
        "Freight, routes, home time, pay in CPM, sign-on bonus, benefits, whether it hires now, and what drivers say "
        "about it in reviews. Name your sources.",
        timeout=RESEARCH_TIMEOUT,
    )
    wanted = {key: prefs[key] for key in _PREFERENCES if prefs.get(key)}
    text = synthesis(
        f"Company: {company}\nSafety: {json.dumps(safety)}\nA driver looks for: {json.dumps(wanted)}\n"
        f"<research>\n{js.get(findings, 'content') or ''}\n</research>\n<social>\n{social or ''}\n</social>\n"
        f"Write one JSON object, nothing else. Texts: {', '.join(TEXTS)}. Arrays of texts: {', '.join(LISTS)}. "
        "data_confidence is High, Medium, Low or None; driver_sentiment is Positive, Mixed, Negative or No Reviews. "
        f"What the research does not tell is {UNKNOWN!r}.",
        timeout=SYNTHESIS_TIMEOUT,
        max_tokens=MAX_TOKENS,
    )
    enrichment = parse_enrichment(text)
    if enrichment is None:
        return {**dict.fromkeys(TEXTS, UNKNOWN), **{key: [] for key in LISTS}, "data_confidence": "None",
                "driver_sentiment": "Unavailable", "error": True}  # fmt: skip
    return {**enrichment, "sources_found": enrichment["sources_found"] or _texts(js.get(findings, "citations"))}


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
    """A carrier's number of trucks, 0 where unknown."""
    trucks = carrier.get("nbr_power_unit") or carrier.get("fleet_size") or MISSING
    return js.or_(js.parse_int(trucks), 0)  # type: ignore[no-any-return]


def _safety(context: Context, dot: str | int) -> dict[str, Any] | None:
    """A summary of the carrier's safety data; None where it is unavailable."""
    try:
        answer = get_carrier_safety_data(context, dot)
    except Exception:  # noqa: BLE001 - it is optional for an enrichment
        return None
    return build_safety_summary(answer["data"]) if answer["success"] else None


def _store(context: Context, row: Mapping[str, Any]) -> None:
    """Replace the cached enrichment."""
    stored = {key: json.dumps(value, ensure_ascii=False) if key in LISTS else value for key, value in row.items()}
    stored["last_matched_date"] = context.now()
    known = context.records.catalog.collection(ENRICHMENTS).by_key

    def change(before: Item) -> Item:
        gone = [key for key in before if key in known and key not in stored and not key.startswith("_")]
        return {**dict.fromkeys(gone, MISSING), **stored, "match_count": (before.get("match_count") or 0) + 1}

    key = {"dot_number": row["dot_number"]}
    insert_or_change(context, ENRICHMENTS, key, {**stored, "match_count": 1}, change)


def _read(row: Item) -> dict[str, Any]:
    return {key: _texts(value) if key in LISTS else value for key, value in row.items()}


def _texts(value: Any) -> list[str]:
    """A list of texts, from a list or JSON text; [] for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [text for item in value if (text := _text(item))] if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else js.trim(js.to_string(value))
