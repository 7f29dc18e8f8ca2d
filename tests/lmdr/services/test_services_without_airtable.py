"""Airtable is down: every service that answers from the journal does so at once, and what it wrote arrives later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from lmdr.services.writes import WRITES
from platform_kit import Platform, Sides
from runbook.json_types import Item
from service_calls import ADMIN_USER, CASES, SECRETS, providers

JOURNALED = [name for name in CASES if WRITES[name.partition(":")[0]].durable == "journal"]
SECONDS = 0.5
"""Of a call, without a request."""


class Played(NamedTuple):
    """`answers` and `seconds` of every service while Airtable was down; `seen` then, and what Airtable has `after`."""

    answers: dict[str, Any]
    seconds: dict[str, float]
    seen: dict[str, dict[str, Item]]
    after: dict[str, dict[str, Item]]


@pytest.fixture(scope="module")
def played(sides: Sides) -> Iterator[Played]:
    platform = Platform(sides, "airtable")
    platform.put("AdminUsers", **ADMIN_USER)
    cases = {name: CASES[name](n) for n, name in enumerate(JOURNALED)}
    for collection in {name for case in cases.values() for name in case.rows}:
        items = [item for case in cases.values() for item in case.rows.get(collection, ())]
        platform.records.bulk_insert(collection, items)
    answers, seconds = {}, {}
    context = platform.context(providers=providers(), secrets=SECRETS)
    journal = sides.airtable.journal
    with journal.kept_sent():
        sides.box.faults({"kind": "status", "status": 503, "times": None, "match": {"service": "airtable"}})
        for name, case in cases.items():
            began = time.monotonic()
            answers[name] = case.call.make(context)
            seconds[name] = time.monotonic() - began
        names = [name for name in sides.names if name in sides.mirror.catalog.collections]
        seen = {name: by_id(platform.records.get_all(name)) for name in names}
        sides.box.faults(clear=True)
    assert journal.drain(30.0) == {}
    yield Played(answers, seconds, seen, {name: by_id(platform.rows(name)) for name in names})
    sides.empty()


def by_id(items: list[Item]) -> dict[str, Item]:
    return {item["_id"]: item for item in items}


@pytest.mark.parametrize("name", JOURNALED)
def test_it_answers_at_once(played: Played, name: str) -> None:
    answer = played.answers[name]
    assert not (isinstance(answer, dict) and answer.get("success") is False), answer
    assert played.seconds[name] < SECONDS


def test_airtable_gets_what_readers_saw_meanwhile(played: Played) -> None:
    assert sum(map(len, played.seen.values())) > len(JOURNALED)
    assert played.after == played.seen
