"""Look-ups find exactly what the source has, nasty values too; and how fast."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, connect, put_rows, seed, small_catalog, staged
from runbook.airtable.client import Airtable
from runbook.catalog import Collection
from runbook.checks.lookups import benchmark_lookups, check_lookup, quantile, sample_rows
from runbook.checks.rate_limit import check_rate_limit
from runbook.errors import CatalogError, SettingError, TargetError
from runbook.schema import Tables, apply_schema, plan_schema
from sandbox import Sandbox

NASTY = [
    "O'Brien",
    'say "x"',
    "a\\",
    "{Name}",
    "') & ('",
    "two\nlines",
    "tab\there",
    "É𝄞",
    "=1",
    "back\\'slash",
    "x" * 5000,
]
ITEMS: list[dict[str, Any]] = [
    {"_id": f"h{n}", "_owner": NASTY[n % len(NASTY)], "name": f"Hub {n % 40}", "code": n % 50, "tags": ["x"]}
    for n in range(200)
] + [{"_id": "blank"}]


class Loaded:
    def __init__(self, airtable: Airtable, folder: Path) -> None:
        self.airtable, self.catalog = airtable, small_catalog(folder / "catalog")
        self.hubs: Collection = self.catalog.collection("hubs")
        apply_schema(plan_schema(self.catalog, ["hubs"], airtable.tables(BASE)), airtable, BASE)
        self.rows = staged(folder, self.hubs, ITEMS)
        self.ids = put_rows(airtable, self.hubs, self.rows)
        self.tables = Tables(airtable.tables(BASE), self.catalog)

    def check(self, key: str, **asked: Any) -> Any:
        return check_lookup(self.airtable, BASE, self.tables, self.hubs, key, self.rows, **asked)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        yield Loaded(airtable, tmp_path)


@pytest.mark.parametrize(
    ("key", "values", "rows"), [("_owner", 11, 200), ("name", 25, 125), ("code", 25, 100), ("_id", 25, 25)]
)
def test_every_sampled_value_finds_its_rows(loaded: Loaded, key: str, values: int, rows: int) -> None:
    check = loaded.check(key)
    assert check.passed, check
    assert (check.values, check.rows) == (values, rows)
    assert check.facts()["passed"] is True


def test_a_row_that_is_missing_and_one_that_is_too_many(loaded: Loaded) -> None:
    loaded.airtable.delete(BASE, "Hubs", [loaded.ids["h7"]])
    loaded.airtable.create(BASE, "Hubs", [{"Legacy Wix ID": "new", "Wix Owner ID": "O'Brien"}])
    check = loaded.check("_owner")
    assert not check.passed
    assert len(check.wrong) == 2
    assert any("1 of them were not found (h7)" in words for words in check.wrong)
    assert any("(none), 1 others were, 0 twice" in words for words in check.wrong)


def test_a_row_that_is_doubled(loaded: Loaded) -> None:
    loaded.airtable.create(BASE, "Hubs", [{"Legacy Wix ID": "h3", "Name": "Hub 3"}])
    assert any("1 twice" in words for words in loaded.check("name", samples=40).wrong)


def test_personal_values_are_not_shown(loaded: Loaded) -> None:
    loaded.airtable.create(BASE, "Hubs", [{"Legacy Wix ID": "new", "Wix Owner ID": "O'Brien"}])
    words = repr(loaded.check("_owner")) + str(loaded.check("_owner").facts())
    assert "Brien" not in words
    assert "text of 7 characters" in words
    loaded.airtable.create(BASE, "Hubs", [{"Legacy Wix ID": "new2", "Name": "Hub 1"}])
    assert "'Hub 1'" in repr(loaded.check("name", samples=40))


def test_no_values_is_not_a_pass(loaded: Loaded) -> None:
    check = loaded.check("kind")
    assert not check.passed
    assert "no values" in repr(check)


def test_keys_that_cannot_be_looked_up(loaded: Loaded) -> None:
    with pytest.raises(SettingError, match="only single values"):
        loaded.check("tags")
    with pytest.raises(CatalogError, match="no field 'nmae'; did you mean 'name'"):
        loaded.check("nmae")


def test_the_sample_is_the_same_in_any_order_and_has_the_nastiest(loaded: Loaded) -> None:
    owner = loaded.hubs.field("_owner")
    rows = list(loaded.rows.rows())
    first = sample_rows(rows, owner, 6)
    random.Random(3).shuffle(rows)
    again = sample_rows(rows, owner, 6)
    assert {s.value: s.ids for s in first} == {s.value: s.ids for s in again}
    assert len(first) == 6
    assert "') & ('" in {s.value for s in first}
    wanted = {s.value: {item["_id"] for item in ITEMS if item.get("_owner") == s.value} for s in first}
    assert {s.value: set(s.ids) for s in first} == wanted


def test_a_benchmark_of_a_mix(loaded: Loaded) -> None:
    asked = [(loaded.hubs, "code"), (loaded.hubs, "_owner"), (loaded.hubs, "kind")]
    done = benchmark_lookups(loaded.airtable, BASE, loaded.tables, asked, requests=20)
    assert {name: len(times) for name, times in done.times.items()} == {"hubs by code": 10, "hubs by _owner": 10}
    assert done.limited == 0
    facts = done.facts()
    assert facts["requests"] == 20
    assert 0 < facts["milliseconds"]["all"]["p50"] <= facts["milliseconds"]["all"]["p99"]
    assert "P95" in repr(done)
    with pytest.raises(TargetError, match="load them first"):
        benchmark_lookups(loaded.airtable, BASE, loaded.tables, [(loaded.hubs, "kind")])


def test_a_429_is_counted(tmp_path: Path) -> None:
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        loaded = Loaded(airtable, tmp_path)
        body = {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}
        fault = {"kind": "status", "status": 429, "body": body, "headers": {"Retry-After": "0"}}
        box.faults(
            {**fault, "match": {"path": "*/Hubs*", "nth": 3}}, {**fault, "match": {"path": "/v0/*/tbl*", "nth": 3}}
        )
        done = benchmark_lookups(airtable, BASE, loaded.tables, [(loaded.hubs, "code")], requests=6)
        assert done.limited == 1
        box.faults({**fault, "match": {"path": "/v0/*/tbl*"}})
        shown = check_rate_limit(airtable, BASE, loaded.tables.id("hubs"), requests=8, workers=4)
        assert shown.limited == 1
        assert not shown.passed


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_quantiles(share: float, wanted: float) -> None:
    assert quantile(list(range(100, 0, -1)), share) == wanted
    assert quantile([], share) == 0.0


@pytest.mark.slow
def test_the_limit_holds_under_load(tmp_path: Path) -> None:
    """Eight threads, a limit of 40 a second that the sandbox enforces."""
    with Sandbox(seed=seed(), requests_per_second=40) as box, connect(box, tmp_path, rate=40) as airtable:
        table = airtable.tables(BASE)[0]["id"]
        shown = check_rate_limit(airtable, BASE, table, requests=60, workers=8, limit=40)
        stats = box.stats()["airtable"][BASE]
    assert shown.passed
    assert shown.limited == 0
    assert sum(shown.per_second) == 60
    assert shown.busiest <= 41
    assert shown.seconds > 1
    assert shown.facts()["requests"] == 60
    assert stats["lockouts"] == 0
    assert "0 were answered 429" in repr(shown)


def test_failed_reads_are_counted(tmp_path: Path) -> None:
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        shown = check_rate_limit(airtable, BASE, "tblNobody00000000", requests=4, workers=2)
    assert (shown.failed, shown.passed) == (4, False)
