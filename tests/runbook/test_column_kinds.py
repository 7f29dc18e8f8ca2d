"""The table of column kinds is complete, and the only place that has to know a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, connect, put_rows, seed, small_catalog, staged
from every_kind import COLUMN_TYPES
from runbook.catalog import LEGACY_ID
from runbook.catalog.column_kinds import COLUMN_KINDS, ColumnKind
from runbook.checks.frames import AirtableFrame
from runbook.checks.gx import Suite, run_suite
from runbook.checks.lookups import check_lookup
from runbook.checks.suites import EXPECTED_ROWS, derive
from runbook.mapping import Mapping
from runbook.query import Query
from runbook.records.formula import narrow
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.schema.manual_steps import type_in_words
from runbook.steps.compare import compare
from runbook.steps.difference_rules import declared_rules
from sandbox import Sandbox

BODY = """
phase: 2
name: two
title: Two
collections:
- wix: reviews
  table: Reviews
  tab_group: Core Data
  flag: core
  primary: Legacy Wix ID
  fields:
  - {wix: stars, wix_type: number, name: Stars, type: rating, lookup: true}
"""
RATING = ColumnKind(
    "number", "Rating", {"number": "number"}, options={"icon": "star", "color": "yellowBright", "max": 5}
)
ITEMS: list[dict[str, Any]] = [{"_id": f"r{n}", "stars": n} for n in range(1, 6)] + [{"_id": "none"}]


def test_every_kind_is_tested() -> None:
    assert set(COLUMN_TYPES.values()) == COLUMN_KINDS.keys()


def test_a_new_airtable_field_type_is_one_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(COLUMN_KINDS, "rating", RATING)
    catalog = small_catalog(tmp_path / "catalog", BODY)
    reviews = catalog.collection("reviews")
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        apply_schema(plan_schema(catalog, [reviews], airtable.tables(BASE)), airtable, BASE)
        tables = Tables(airtable.tables(BASE), catalog)
        rows = staged(tmp_path, reviews, ITEMS)
        put_rows(airtable, reviews, rows)
        found = {r["fields"][LEGACY_ID]: r["fields"] for r in airtable.records(BASE, "Reviews")}
        some = narrow(Query().ge("stars", 4).where, reviews)
        kept = [r["fields"]["Stars"] for r in airtable.records(BASE, "Reviews", formula=some.formula)]
        lookup = check_lookup(airtable, BASE, tables, reviews, "stars", rows)
    mapping = Mapping(reviews)
    assert tables.columns(reviews)["Stars"]["type"] == "rating"
    assert {key: mapping.to_wix(cells) for key, cells in found.items()} == {item["_id"]: item for item in ITEMS}
    assert (sorted(kept), some.filtered) == ([4, 5], ())
    assert (lookup.passed, lookup.values, lookup.rows) == (True, 5, 5)
    assert type_in_words({"type": "rating"}) == "Rating"
    frame = AirtableFrame(reviews, tables.columns(reviews))
    for cells in found.values():
        frame.add(cells, {})
    made = frame.frame()
    assert made["Stars"].dtype == "float64"
    suite = Suite("reviews", "", tuple(derive(reviews, "airtable")))
    report = run_suite(suite, made, key=LEGACY_ID, parameters={EXPECTED_ROWS: len(ITEMS)})
    assert report.passed, report
    found["r5"]["Stars"] = 1
    comparison = compare(
        reviews,
        mapping,
        {row.id: row for row in rows.rows()},
        [{"id": "rec", "fields": cells} for cells in found.values()],
        lambda row: {},
        declared_rules(),
        originals=lambda ids: {item["_id"]: item for item in ITEMS if item["_id"] in ids},
    )
    assert [difference.why for difference in comparison.unexplained] == ["holds 1; 5 was staged"]
