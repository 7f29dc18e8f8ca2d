"""The table Record Counts: made, kept, and what it says when a base fills up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from airtable_kit import BASE, connect, seed, small_catalog
from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.checks.record_counts import keep_record_counts
from runbook.errors import SchemaDrift
from runbook.schema import plan_schema
from sandbox import Sandbox

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return small_catalog(tmp_path / "catalog")


@pytest.fixture
def airtable(tmp_path: Path) -> Iterator[Airtable]:
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        yield airtable


def rows(airtable: Airtable) -> dict[str, dict[str, object]]:
    return {r["fields"]["Table"]: r["fields"] for r in airtable.records(BASE, "Record Counts")}


def test_it_is_made_and_kept_up_to_date(catalog: Catalog, airtable: Airtable) -> None:
    first = keep_record_counts(airtable, BASE, catalog, {"hubs": 10, "drivers": 70}, limit=1000, run_id="r1", now=NOW)
    assert (first.total, first.alerts) == (83, ())
    assert list(first.shares) == ["Drivers", "Hubs"]
    assert rows(airtable)["Drivers"] == {
        "Table": "Drivers",
        "Collection": "drivers",
        "Rows": 70,
        "Share of limit": 0.07,
        "Checked at": "2026-11-24T12:00:00.000Z",
        "Run": "r1",
    }
    keep_record_counts(airtable, BASE, catalog, {"hubs": 11, "drivers": 71}, limit=1000, run_id="r2", now=NOW)
    assert {name: (row["Rows"], row["Run"]) for name, row in rows(airtable).items()} == {
        "Drivers": (71, "r2"),
        "Hubs": (11, "r2"),
        "(all tables)": (85, "r2"),
    }
    assert not plan_schema(catalog, ["hubs"], airtable.tables(BASE)).notes[0].count("Record Counts")


@pytest.mark.parametrize(
    ("count", "word"), [(797, None), (798, "warning"), (947, "warning"), (948, "critical"), (2000, "critical")]
)
def test_it_calls_when_the_base_fills_up(catalog: Catalog, airtable: Airtable, count: int, word: str | None) -> None:
    kept = keep_record_counts(airtable, BASE, catalog, {"hubs": count, "drivers": 0}, limit=1000, run_id="r", now=NOW)
    assert [alert.split(":")[0] for alert in kept.alerts] == ([word] if word else [])
    assert f"{kept.total:,} of 1,000 records" in repr(kept)


def test_a_base_of_forty_tables_takes_several_writes(catalog: Catalog, airtable: Airtable, tmp_path: Path) -> None:
    from lmdr import catalog as lmdr_catalog

    lmdr = lmdr_catalog.load()
    kept = keep_record_counts(airtable, BASE, lmdr, dict.fromkeys(lmdr.collections, 5), limit=1000, run_id="r", now=NOW)
    assert len(rows(airtable)) == 41
    assert kept.total == sum(1 for _ in lmdr.collections) * 5 + 41
    assert kept.facts()["total"] == kept.total


def test_a_table_of_that_name_that_is_not_ours(catalog: Catalog, airtable: Airtable) -> None:
    fields = [{"name": "Table", "type": "singleLineText"}, {"name": "Rows", "type": "singleLineText"}]
    airtable.create_table(BASE, {"name": "Record Counts", "fields": fields})
    with pytest.raises(SchemaDrift, match=r"Record Counts\.Rows: is a singleLineText"):
        keep_record_counts(airtable, BASE, catalog, {"hubs": 1}, limit=1000, run_id="r")


def test_what_says_the_same_within_a_day_is_not_written_again(catalog: Catalog, airtable: Airtable) -> None:
    rows = dict.fromkeys(list(catalog.collections)[:2], 7)
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    keep = partial(keep_record_counts, airtable, BASE, catalog, limit=1000, run_id="r")
    keep(rows, now=at)
    before = len(airtable.log.rows())
    keep(rows, now=at + timedelta(hours=23))
    assert {row.method for row in airtable.log.rows()[before:]} == {"GET"}
    before = len(airtable.log.rows())
    keep(rows, now=at + timedelta(hours=25))
    assert "PATCH" in {row.method for row in airtable.log.rows()[before:]}
    before = len(airtable.log.rows())
    keep({**rows, next(iter(rows)): 8}, now=at + timedelta(hours=26))
    assert "PATCH" in {row.method for row in airtable.log.rows()[before:]}
