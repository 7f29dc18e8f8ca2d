"""The committed suites on real rows: what transform lets through passes every critical check, on both sides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmdr import catalog as lmdr_catalog
from runbook.catalog import ORIGINAL
from runbook.checks.frames import AirtableFrame, WixFrame
from runbook.checks.gx import read_suite, run_suite
from runbook.checks.report import SuiteReport
from runbook.checks.suites import suite_path
from runbook.mapping import Mapping

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "wix_export"

pytestmark = [
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.skipif(not REAL.is_dir(), reason="the real rows are not here"),
]


def reports(name: str) -> tuple[SuiteReport, SuiteReport]:
    catalog = lmdr_catalog.load()
    collection = catalog.collection(name)
    mapping = Mapping(collection)
    links = [link.name for link in collection.links]
    wix = WixFrame(collection)
    airtable = AirtableFrame(collection, [*(c.name for c in collection.columns), *links, ORIGINAL])
    rows = 0
    for line in (REAL / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        encoded = mapping.to_airtable(item)
        if not encoded.refusals:
            rows += 1
            wix.add(item)
            airtable.add(encoded.fields, {})
    assert rows > 100
    asked = {"expected_rows": rows}
    return (
        run_suite(
            read_suite(suite_path(catalog, collection, "wix", ROOT / "expectations")),
            wix.frame(),
            key="_id",
            parameters=asked,
        ),
        run_suite(
            read_suite(suite_path(catalog, collection, "airtable", ROOT / "expectations")),
            airtable.frame(),
            key="Legacy Wix ID",
            parameters=asked,
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Carriers", "CarrierSafetyData", "BlogPosts", "FAQs", "DriverJobs"])
def test_what_transform_lets_through_passes(name: str) -> None:
    for report in reports(name):
        assert report.passed, report
        assert report.counts()["pass"] > 10
