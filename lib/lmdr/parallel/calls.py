"""What parallel tests call services with: a clock that stands, an admin, a sample that is the same on both sides."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from lmdr.services.context import Caller, Context
from runbook.cutover import Difference
from runbook.cutover.answers import told
from runbook.cutover.tracing import changes
from runbook.json_types import Item
from runbook.query import Query
from runbook.records import Records

Answers = Iterator[tuple[str, Any]]
Explain = Callable[[str, Difference, Records, Records], str | None]

P = ParamSpec("P")
T = TypeVar("T")

NOW = datetime.now(UTC).replace(microsecond=0)
"""One moment for both sides: ages and windows are counted from it."""
ADMIN = Caller("parallel-test", None, frozenset({"super_admin"}))
MOST = 25
EACH = 20
"""Of a kind of rows, how many are asked about one by one: what a site answers in a minute is bounded, 3,000 reads."""


def context_of(records: Records, now: datetime = NOW) -> Context:
    """What services work with here: nothing outside is asked, and nothing is done aside."""
    return Context(records, now=lambda: now, background=lambda work: None, sleep=lambda seconds: None)


def newest(records: Records, collection: str, key: str) -> datetime:
    """The last moment of a collection: of a site that stands still, nothing lies in the seven days before today."""
    row = records.first(collection, Query().le(key, NOW).descending(key))
    moment = row[key] if row else NOW
    return moment if isinstance(moment, datetime) else NOW


def sampled(items: Iterable[Item], most: int = MOST) -> list[Item]:
    """Some of the items, chosen by their ids: the same on both sides, and in every run."""
    by_id = {item["_id"]: item for item in items}
    return [by_id[item_id] for item_id in some(by_id, most)]


def some(keys: Iterable[str], most: int = MOST) -> list[str]:
    """Some of the keys, chosen by themselves."""
    return sorted(set(keys), key=lambda key: (zlib.crc32(key.encode()), key))[:most]


def values(items: Iterable[Item], key: str) -> list[str]:
    """The texts under a key, each once, in order."""
    return sorted({value for item in items if isinstance(value := item.get(key), str)})


def answered(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | dict[str, Any]:
    """What a call gives; a refusal is an answer too, and so is that a service does not get along with a row."""
    try:
        return call(*args, **kwargs)
    except RuntimeError:  # a collection that the test does not say it needs
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same on both sides
        return {"refused": type(error).__name__}


def because(*collections: str) -> Explain:
    """Explains a difference by the first row of these collections that differs, and how many do."""
    rows: WeakKeyDictionary[Records, list[str]] = WeakKeyDictionary()

    def explain(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
        if wix not in rows:
            rows[wix] = [words for name in collections for words in _differing(wix, airtable, name)]
        found = rows[wix]
        if not found:
            return None
        return f"{told(difference)}; rows that differ: {len(found):,}, the first is {found[0]}"

    return explain


def either(*explanations: Explain) -> Explain:
    """The first of several explanations that has one."""

    def explain(call: str, difference: Difference, wix: Records, airtable: Records) -> str | None:
        found = (asked(call, difference, wix, airtable) for asked in explanations)
        return next(filter(None, found), None)

    return explain


def _differing(wix: Records, airtable: Records, collection: str) -> Iterator[str]:
    fields = wix.catalog.collection(collection).by_key
    left, right = (_by_id(side.get_all(collection)) for side in (wix, airtable))
    for item_id in [*left, *(item_id for item_id in right if item_id not in left)]:
        if item_id not in left or item_id not in right:
            yield f"{collection} {item_id}, in {'Airtable' if item_id in right else 'Wix'} alone"
            continue
        found = changes(left[item_id], right[item_id], personal=lambda key: key not in fields or fields[key].personal)
        if found:
            yield f"{collection} {item_id}: {' and '.join(found.values())}"


def _by_id(items: Iterable[Item]) -> Mapping[str, Item]:
    return {item["_id"]: item for item in items}
