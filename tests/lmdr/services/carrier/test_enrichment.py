"""Enrichments: the cache of fourteen days, parsing of answers, the fallback."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lmdr.services.carrier.enrichment import enrich_carrier, parse_enrichment
from lmdr.services.context import Context
from lmdr.services.fmcsa.client import Fmcsa
from platform_kit import Platform
from runbook.errors import SourceDown

DOT = "1234567"
CARRIER = {"dot_number": 1234567, "legal_name": "ACME", "nbr_power_unit": 100, "telephone": "555-0100"}
WRITTEN = {"freight_types": "Reefer", "route_types": ["OTR", "Regional"], "home_time": "Weekly", "sentiment_score": 4.25,
           "sentiment_pros": ["Good pay, on time", "日本"], "sentiment_cons": [], "driver_sentiment": "Mixed",
           "data_confidence": "High", "ai_summary": "A \"good\" one."}  # fmt: skip


class Providers:
    """Stands for both: keeps what it is asked; an answer that is an exception is raised."""

    def __init__(self, written: Any = None, found: Any = None) -> None:
        self.written = json.dumps(WRITTEN) if written is None else written
        self.found = {"content": "It hires.", "citations": ["https://a.test"]} if found is None else found
        self.requests: list[tuple[str, str, dict[str, Any]]] = []

    def research(self, prompt: str, **how: Any) -> Any:
        return self._answer("perplexity", self.found, prompt, how)

    def synthesis(self, prompt: str, **how: Any) -> Any:
        return self._answer("claude", self.written, prompt, how)

    def _answer(self, name: str, fields: Any, prompt: str, how: dict[str, Any]) -> Any:
        self.requests.append((name, prompt, how))
        if isinstance(fields, Exception):
            raise fields
        return fields

    def context(self, platform: Platform, **more: Any) -> Context:
        return platform.context(providers={"perplexity": self.research, "claude": self.synthesis, **more})


def keep(platform: Platform, age: timedelta, **fields: Any) -> str:
    given = {"dot_number": DOT, "ai_summary": "OLD", "sentiment_pros": '["pay"]', "enriched_date": platform.now - age}
    return str(platform.put("CarrierEnrichments", **given | fields)["_id"])


def test_a_carrier_is_researched_summarised_and_cached(platform: Platform) -> None:
    providers = Providers()
    result = enrich_carrier(
        providers.context(platform), int(DOT), CARRIER, {"minCPM": 0.6, "driverName": "Ann"}, "TikTok"
    )
    assert (result["fromCache"], result["error"], result["ai_summary"]) == (False, False, 'A "good" one.')
    assert (result["route_types"], result["benefits"], result["sentiment_score"]) == ("OTR, Regional", "Unknown", 4.25)
    assert (result["sentiment_pros"], result["sources_found"]) == (["Good pay, on time", "日本"], ["https://a.test"])
    (research, synthesis) = providers.requests
    assert (research[0], research[2]) == ("perplexity", {"timeout": 25.0})
    assert (synthesis[0], synthesis[2]) == ("claude", {"timeout": 30.0, "max_tokens": 1200})
    assert all(word in synthesis[1] for word in ("ACME", "It hires.", "TikTok", "0.6"))
    assert not any(secret in research[1] + synthesis[1] for secret in ("Ann", "555-0100"))
    (row,) = platform.rows("CarrierEnrichments")
    assert (row["dot_number"], row["enriched_date"], row["last_matched_date"]) == (DOT, platform.now, platform.now)
    assert (row["enrichment_version"], row["source"], row["match_count"], row["error"]) == (
        9, "claude-perplexity-hybrid-v3", 1, False)  # fmt: skip
    assert json.loads(row["sentiment_pros"]) == ["Good pay, on time", "日本"]
    again = enrich_carrier(providers.context(platform), DOT, CARRIER)
    assert (again["fromCache"], again["sentiment_pros"], len(providers.requests)) == (True, result["sentiment_pros"], 2)


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(0), 0),
        (timedelta(days=1, hours=6), 1.3),
        (timedelta(days=14), 14),
        (timedelta(days=14, milliseconds=1), None),
    ],
)
def test_an_enrichment_is_cached_for_fourteen_days(platform: Platform, age: timedelta, shown: float | None) -> None:
    keep(platform, age)
    providers = Providers()
    result = enrich_carrier(providers.context(platform), DOT, CARRIER)
    assert (result["fromCache"], result.get("cache_age_days")) == (shown is not None, shown)
    assert len(providers.requests) == (2 if shown is None else 0)


def test_a_new_enrichment_replaces_the_old_row(platform: Platform) -> None:
    row_id = keep(platform, timedelta(days=20), match_count=4, pay_insights="old", _owner="member-1")
    enrich_carrier(Providers().context(platform), DOT, CARRIER)
    (row,) = platform.rows("CarrierEnrichments")
    assert (row["_id"], row["_owner"], row["match_count"]) == (row_id, "member-1", 5)
    assert "pay_insights" not in row


@pytest.mark.parametrize("written", ["", "Sorry.", "{", "[1]", '{"a": }', "null", None])
def test_an_unparsable_answer_is_cached_too(platform: Platform, written: Any) -> None:
    providers = Providers()
    providers.written = written
    result = enrich_carrier(providers.context(platform), DOT, CARRIER)
    assert (result["error"], result["driver_sentiment"], result["fromCache"]) == (True, "Unavailable", False)
    assert "fallback" not in result
    again = enrich_carrier(providers.context(platform), DOT, CARRIER)
    assert (again["error"], again["fromCache"], len(providers.requests)) == (True, True, 2)


@pytest.mark.parametrize("broken", ["research", "synthesis", "none"])
def test_without_an_answer_the_fallback_is_not_cached(platform: Platform, broken: str) -> None:
    providers = Providers(
        written=TimeoutError() if broken == "synthesis" else None, found=OSError() if broken == "research" else None
    )
    context = platform.context() if broken == "none" else providers.context(platform)
    result = enrich_carrier(context, DOT, CARRIER)
    assert (result["error"], result["fallback"], result["fromCache"]) == (True, True, False)
    assert (result["dot_number"], result["route_types"], result["data_confidence"]) == (DOT, "Regional/OTR", "None")
    assert platform.rows("CarrierEnrichments") == []


@pytest.mark.parametrize(
    ("trucks", "routes"),
    [(19, "Regional/Local"), (20, "Regional/OTR"), (200, "Regional/OTR"), (201, "OTR/Dedicated"), (None, "Regional/Local"),
     ("201 trucks", "OTR/Dedicated"), ("many", "Regional/Local")],
)  # fmt: skip
def test_routes_are_guessed_from_the_fleet(platform: Platform, trucks: Any, routes: str) -> None:
    assert enrich_carrier(platform.context(), DOT, {"nbr_power_unit": trucks})["route_types"] == routes


def test_an_old_enrichment_stays_if_a_new_one_fails(platform: Platform) -> None:
    keep(platform, timedelta(days=20))
    assert enrich_carrier(platform.context(), DOT, CARRIER)["fallback"] is True
    assert platform.rows("CarrierEnrichments")[0]["ai_summary"] == "OLD"


def test_safety_data_is_summarised_and_its_errors_are_ignored(platform: Platform) -> None:
    answer = {"content": {"carrier": {"legalName": "ACME", "safetyRating": "C", "allowedToOperate": "Y"}}}
    providers = Providers()
    context = providers.context(platform, fmcsa=Fmcsa(lambda path, timeout: (200, answer)))
    assert enrich_carrier(context, DOT, CARRIER)["fmcsa"]["badge"] == "Conditional"
    assert "Conditional safety rating" in providers.requests[1][1]

    def broken(path: str, timeout: float) -> tuple[int, Any]:
        raise RuntimeError

    result = enrich_carrier(providers.context(platform, fmcsa=Fmcsa(broken)), "7", CARRIER)
    assert (result["error"], result["fmcsa"]) == (False, None)


def test_an_invalid_dot_number_gets_the_fallback_without_a_request(platform: Platform) -> None:
    providers = Providers()
    assert enrich_carrier(providers.context(platform), "12ab", CARRIER)["fallback"] is True
    assert providers.requests == []


def test_an_answer_that_cannot_be_cached_is_given(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: Any, **kwargs: Any) -> None:
        raise SourceDown("down")

    context = Providers().context(platform)
    monkeypatch.setattr(type(context.records), "insert", down)
    assert enrich_carrier(context, DOT, CARRIER)["ai_summary"] == 'A "good" one.'


def test_json_is_found_in_any_surrounding_text() -> None:
    for written in (
        '{"home_time": "Weekly"}',
        '```json\n{"home_time": "Weekly"}\n```',
        'Here: {"home_time": "Weekly"}.',
    ):
        result = parse_enrichment(written)
        assert result is not None
        assert (result["home_time"], result["freight_types"], result["sentiment_pros"]) == ("Weekly", "Unknown", [])
        assert "sentiment_score" not in result


def test_values_of_any_kind_become_ours() -> None:
    result = parse_enrichment('{"benefits": ["401k", null, {"a": 1}], "home_time": 7, "sentiment_pros": "x",'
                            ' "sources_found": ["a", 1, null], "sentiment_score": "3.5 of 5", "more": 1}')  # fmt: skip
    assert result is not None
    assert (result["benefits"], result["home_time"], result["sentiment_pros"]) == ('401k, {"a": 1}', "7", [])
    assert (result["sources_found"], result["sentiment_score"]) == (["a", "1"], 3.5)
    assert "more" not in result
