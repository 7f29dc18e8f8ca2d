"""The look-ups that services use: do they find in Airtable exactly what the source has, and how fast?

Values are sampled by their hash, so the same rows give the same sample. It always includes the texts with the most
characters that a formula must escape, and a value that no row has.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Collection as Ids
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runbook.airtable.client import Airtable
from runbook.airtable.formulas import eq
from runbook.catalog import LEGACY_ID, Collection, Field
from runbook.display import Shown, Table, mask
from runbook.errors import SettingError, TargetError
from runbook.json_types import Json
from runbook.schema import Tables
from runbook.staged import StagedRow, Transformed

HARDEST = 5  # texts of the sample with the most special characters
LISTED = 10
_SPECIAL = set("\\'\"{}()[],&=<>\n\r\t")


@dataclass(frozen=True, repr=False)
class LookupCheck(Shown):
    """One look-up. `values`: how many were looked up; `rows`: rows found in all; `wrong`: the differences."""

    collection: str
    key: str
    column: str
    values: int
    rows: int
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every value found exactly its rows, and at least one was looked up."""
        return self.values > 0 and not self.wrong

    def table(self) -> Table:
        """One row, and the differences."""
        verdict = "passed" if self.passed else "failed" if self.wrong else "no values"
        return Table(
            f"Look-up of {self.collection} by {self.key}",
            ("column", "values asked", "rows found", "wrong", "verdict"),
            [(self.column, self.values, self.rows, len(self.wrong), verdict)],
            self.wrong[:LISTED],
        )

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        return {**asdict(self), "wrong": list(self.wrong[:LISTED]), "passed": self.passed}


@dataclass(frozen=True)
class Sample:
    """A cell's value and the legacy ids of all rows that have it."""

    value: str | float | bool
    ids: frozenset[str]


def sample_rows(rows: Iterable[StagedRow], field: Field, count: int) -> list[Sample]:
    """`count` of the values that a column has, each with all of its rows; the hardest texts are among them.

    One pass in constant memory: a value that leaves the list of the smallest hashes cannot enter it again.
    """
    hardest, others = _Smallest(min(HARDEST, count)), _Smallest(count)
    for row in rows:
        value = row.fields.get(field.name)
        if value is None:
            continue
        if isinstance(value, list | dict):
            raise SettingError(f"{field.wix} ({field.name}) is a {field.type}; only single values can be looked up")
        digest = hashlib.sha256(json.dumps(value).encode()).digest()
        others.add((0, digest), value, row.id)
        special = (
            sum(character in _SPECIAL or not character.isprintable() for character in value)
            if isinstance(value, str)
            else 0
        )
        hardest.add((-special, digest), value, row.id)
    chosen = {_same(value): (value, ids) for value, ids in hardest.all()}
    for value, ids in others.all():
        if len(chosen) >= count:
            break
        chosen.setdefault(_same(value), (value, ids))
    return [Sample(value, frozenset(ids)) for value, ids in chosen.values()]


def check_lookup(
    airtable: Airtable,
    base: str,
    tables: Tables,
    collection: Collection,
    key: str,
    transformed: Transformed,
    *,
    samples: int = 25,
    created: Ids[str] = (),
) -> LookupCheck:
    """Look up a sample of a key's values in Airtable, and compare with the staged rows. Reads only.

    `created`: rows created in Airtable, which no source has; like records that are no rows yet, they do not count.

    Raises CatalogError for a key that is not in the catalog, SettingError for one that holds lists, SchemaDrift,
    AirtableError. Differences show no value of a personal field.
    """
    field = collection.field(key)
    table = tables.id(collection)
    tables.field_id(collection, field.name)
    wrong, found_rows, values = [], 0, 0
    for sample in [*sample_rows(transformed.rows(), field, samples), *_absent(field)]:
        found = [id_ for id_ in _find(airtable, base, table, field.name, sample.value) if id_ not in created]
        found_rows += len(found)
        values += bool(sample.ids)
        missing, others = sample.ids - set(found), set(found) - sample.ids
        doubled = len(found) - len(set(found))
        if missing or others or doubled:
            shown = mask(sample.value) if field.personal else repr(sample.value)[:60]
            wrong.append(
                f"{field.name} = {shown}: {len(sample.ids)} rows have it, {len(missing)} of them were not found"
                f" ({', '.join(sorted(missing)[:3]) or 'none'}), {len(others)} others were, {doubled} twice"
            )
    return LookupCheck(collection.wix, key, field.name, values, found_rows, tuple(wrong))


def _find(airtable: Airtable, base: str, table: str, column: str, value: Json) -> list[str]:
    records = airtable.records(base, table, fields=[LEGACY_ID], formula=eq(column, value))
    return [record["fields"][LEGACY_ID] for record in records if record["fields"].get(LEGACY_ID)]


def _absent(field: Field) -> list[Sample]:
    """A value that no row has."""
    if field.column_kind.holds == "number":
        return [Sample(-987654321.0, frozenset())]
    if field.column_kind.holds == "boolean" or field.column_kind.is_date:
        return []
    return [Sample('no row\'s "value" {is} this\\', frozenset())]


def _same(value: Json) -> str:
    return json.dumps(value)


class _Smallest:
    """The values with the smallest ranks, and all rows of each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[tuple[int, bytes], str]] = []  # the largest rank first, by its negation
        self._rank: dict[str, tuple[int, bytes]] = {}
        self._ids: dict[str, tuple[Json, list[str]]] = {}

    def add(self, rank: tuple[int, bytes], value: Json, row: str) -> None:
        same = _same(value)
        if same in self._ids:
            self._ids[same][1].append(row)
            return
        negated = (-rank[0], bytes(255 - byte for byte in rank[1]))
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (negated, same))
        elif self._heap and negated > self._heap[0][0]:
            _, gone = heapq.heapreplace(self._heap, (negated, same))
            del self._ids[gone], self._rank[gone]
        else:
            return
        self._rank[same] = rank
        self._ids[same] = (value, [row])

    def all(self) -> list[tuple[Json, list[str]]]:
        """Smallest rank first."""
        return [self._ids[same] for same in sorted(self._ids, key=self._rank.__getitem__)]


# ---------------------------------------------------------------------------------------------------- times


@dataclass(frozen=True, repr=False)
class Benchmark(Shown):
    """Times of a mix of look-ups. `times`: milliseconds by look-up, without waiting for the rate limiter.

    `limited`: responses with status 429.
    """

    times: dict[str, tuple[float, ...]]
    limited: int
    seconds: float

    def table(self) -> Table:
        """One row per look-up, and one for all."""
        every = tuple(itertools.chain.from_iterable(self.times.values()))
        rows = [_line(name, times) for name, times in self.times.items()]
        summary = (
            f"{len(every)} requests in {self.seconds:.1f} s, {self.limited} answered 429. Milliseconds, as answered."
        )
        columns = ("look-up", "requests", "P50", "P95", "P99", "slowest")
        return Table("Look-ups on Airtable", columns, [*rows, _line("all", every)], (summary,))

    def facts(self) -> dict[str, Any]:
        """For the evidence."""
        every = tuple(itertools.chain.from_iterable(self.times.values()))
        return {
            "requests": len(every),
            "limited": self.limited,
            "seconds": round(self.seconds, 2),
            "milliseconds": {
                name: {"p50": quantile(times, 0.50), "p95": quantile(times, 0.95), "p99": quantile(times, 0.99)}
                for name, times in {**self.times, "all": every}.items()
            },
        }


def benchmark_lookups(
    airtable: Airtable, base: str, tables: Tables, lookups: Sequence[tuple[Collection, str]], *, requests: int = 100
) -> Benchmark:
    """Time look-ups one after another, in turn, by values that the tables hold. Reads only.

    `lookups`: (collection, key). `requests`: in all, after one page of each table was read for its values.
    Raises TargetError where no table has a value to look up.
    """
    values = {f"{c.wix} by {key}": _values(airtable, base, tables, c, key) for c, key in lookups}
    plans = {
        f"{c.wix} by {key}": (tables.id(c), c.field(key).name) for c, key in lookups if values[f"{c.wix} by {key}"]
    }
    if not plans:
        raise TargetError("none of the tables has a value that could be looked up: load them first")
    times: dict[str, list[float]] = defaultdict(list)
    before = len(airtable.log.rows())
    began = time.monotonic()
    for n, name in zip(range(requests), itertools.cycle(plans), strict=False):
        table, column = plans[name]
        of_key = values[name]
        seen = len(airtable.log.rows())
        _find(airtable, base, table, column, of_key[n // len(plans) % len(of_key)])
        times[name] += [row.ms for row in airtable.log.rows()[seen:] if row.status == 200]
    limited = sum(1 for row in airtable.log.rows()[before:] if row.status == 429)
    return Benchmark({name: tuple(of_name) for name, of_name in times.items()}, limited, time.monotonic() - began)


def _values(airtable: Airtable, base: str, tables: Tables, collection: Collection, key: str) -> list[Json]:
    name = collection.field(key).name
    first: Iterator[dict[str, Json]] = airtable.records(base, tables.id(collection), fields=[name])
    found = {_same(v): v for r in itertools.islice(first, 100) if (v := r["fields"].get(name)) is not None}
    return [value for value in found.values() if not isinstance(value, list | dict)]


def _line(name: str, times: Sequence[float]) -> tuple[str, int, float, float, float, float]:
    return (
        name,
        len(times),
        quantile(times, 0.50),
        quantile(times, 0.95),
        quantile(times, 0.99),
        max(times, default=0.0),
    )


def quantile(times: Sequence[float], share: float) -> float:
    """The smallest time that `share` of all do not exceed, to a tenth of a millisecond; 0 of none."""
    if not times:
        return 0.0
    ordered = sorted(times)
    place = max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)
    return round(ordered[place], 1)
