"""Parts of parallel tests: a fixed clock, an admin, samples that are the same on both sides, explanations."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from lmdr.services.context import Caller, Context
from runbook.cutover import Difference, ParallelTest
from runbook.cutover.comparison import describe
from runbook.cutover.tracing import changes
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

Responses = Iterator[tuple[str, Any]]
Explain = Callable[[str, Difference, Records, Records], str | None]

P = ParamSpec("P")
T = TypeVar("T")

NOW = datetime.now(UTC).replace(microsecond=0)
"""The same time on both sides, for ages and windows."""
ADMIN = Caller("parallel-test", None, frozenset({"super_admin"}))
SAMPLE = 25
SMALL_SAMPLE = 20
"""Rows of a kind that are queried one by one: a site allows 3,000 reads per minute."""


def context_of(records: Records, now: datetime = NOW) -> Context:
    """A context that asks nothing outside, does nothing in the background, and never sleeps."""
    return Context(records, now=lambda: now, background=lambda work: None, sleep=lambda seconds: None)


def newest(records: Records, collection: str, key: str) -> datetime:
    """The latest timestamp of a collection: an idle site may have no rows in the seven days before today."""
    row = records.first(collection, Query().le(key, NOW).descending(key))
    timestamp = row[key] if row else NOW
    return timestamp if isinstance(timestamp, datetime) else NOW


def sample_items(items: Iterable[Item], size: int = SAMPLE) -> list[Item]:
    """A sample of items, chosen by their ids: the same on both sides, and in every run."""
    by_id = {item["_id"]: item for item in items}
    return [by_id[item_id] for item_id in sample_keys(by_id, size)]


def sample_keys(keys: Iterable[str], size: int = SAMPLE) -> list[str]:
    """A sample of keys, chosen by their hash."""
    return sorted(set(keys), key=lambda key: (zlib.crc32(key.encode()), key))[:size]


def values(items: Iterable[Item], key: str) -> list[str]:
    """The distinct texts under a key, sorted."""
    return sorted({value for item in items if isinstance(value := item.get(key), str)})


def answer_of(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | dict[str, Any]:
    """A call's answer, or the kind of its error: that has to be the same on both sides too."""
    try:
        return call(*args, **kwargs)
    except RuntimeError:  # a collection that the test does not declare
        raise
    except Exception as error:  # noqa: BLE001 - any error is compared
        return {"refused": type(error).__name__}


def parallel_test(
    phase: int,
    name: str,
    needs: tuple[str, ...],
    responses: Callable[[Records], Responses],
    explain: Explain = lambda call, difference, wix, airtable: None,
) -> ParallelTest:
    """A test; `explain` fails over to the first row of `needs` that differs, and the number of such rows."""
    differing: WeakKeyDictionary[Records, list[str]] = WeakKeyDictionary()

    def explain_or_name_row(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
        if explanation := explain(call, difference, wix, airtable):
            return explanation
        if wix not in differing:
            moving = [collection for collection in needs if collection in wix.catalog.collections]
            differing[wix] = [text for collection in moving for text in _differing(wix, airtable, collection)]
        rows = differing[wix]
        return f"{describe(difference)}; rows that differ: {len(rows):,}, the first is {rows[0]}" if rows else None

    return ParallelTest(phase, name, needs, responses, explain_or_name_row)


def _differing(wix: Records, airtable: Records, collection: str) -> Iterator[str]:
    fields = wix.catalog.collection(collection).by_key
    left, right = (_by_id(side.get_all(collection)) for side in (wix, airtable))
    for item_id in [*left, *(item_id for item_id in right if item_id not in left)]:
        if item_id not in left or item_id not in right:
            yield f"{collection} {item_id}, in {'Airtable' if item_id in right else 'Wix'} alone"
            continue
        cells = changes(left[item_id], right[item_id], personal=lambda key: key not in fields or fields[key].personal)
        if cells:
            yield f"{collection} {item_id}: {' and '.join(cells.values())}"


def _by_id(items: Iterable[Item]) -> Mapping[str, Item]:
    return {item["_id"]: item for item in items}
