"""Sites read through the API that are unlike the catalog: renamed, missing, empty, drafts, unknown keys, 500 more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmdr.platform import PLATFORM
from other_sites import Done, run_on, sandbox_of
from runbook.wix.client import DATA
from runbook.wix.reverse_sync import reverse_sync_references, reverse_sync_remove, reverse_sync_save

pytestmark = pytest.mark.slow

STAMP = {"$date": "2020-01-01T00:00:00.000Z"}
FAQS = [
    {"_id": f"f{n}", "question": f"Q{n}", "_createdDate": STAMP, "_updatedDate": STAMP, "_owner": "o"}
    for n in range(30)
]
SITE: dict[str, list[dict[str, Any]]] = {
    "FAQs": [*FAQS, {**FAQS[0], "_id": "draft", "_publishStatus": "DRAFT", "new.key": {"a": None}}],
    "PricingTiers": [{"_id": "p1", "cases": ["x1", "x2"]}, {"_id": "p2"}],
    "Extras": [{"_id": "x1"}, {"_id": "x2"}, {"_id": "x3"}],
    "ServiceFeatures": [],
    "Case_Studies": [{"_id": "s1", "title": "renamed"}],
    "BlogPosts": [{"_id": "b1", "title": "T", "slug": "t"}],
    "blogposts2": [{"_id": "y"}],
    "Zoo/Animals": [{"_id": "z"}],
}


def write_site(folder: Path, *, seed: int, scale: float) -> None:
    for name, items in SITE.items():
        (folder / f"{name.replace('/', '%2F')}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    for n in range(500):
        (folder / f"App{n:03}.jsonl").write_text('{"_id": "a"}\n')
    multi = {
        "key": "cases",
        "displayName": "Cases",
        "type": "MULTI_REFERENCE",
        "typeMetadata": {
            "multiReference": {
                "referencedCollectionId": "Extras",
                "referencingFieldKey": "tiers",
                "referencingDisplayName": "Tiers",
            }
        },
    }
    fields = [multi]
    collections = [
        {"id": "Extras", "fields": []},
        {"id": "PricingTiers", "fields": fields, "plugins": []},
        {
            "id": "FAQs",
            "fields": [],
            "plugins": [{"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}],
        },
        {"id": "ServiceFeatures", "fields": []},
    ]
    (folder / "collections.json").write_text(json.dumps(collections))


OTHER = replace(PLATFORM, write_sample=write_site)


@pytest.fixture(scope="module", autouse=True)
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with sandbox_of(tmp_path_factory.mktemp("api"), OTHER) as made:
        yield made


def phase_2(**parameters: Any) -> Done:
    return run_on(OTHER, 2, **parameters)


def test_01_a_site_unlike_the_catalog() -> None:
    done = phase_2()
    assert len(done.reasons) == 1
    assert done.reasons[0].startswith("CaseStudies stopped: absent at the source; 'Case_Studies' may be the same")
    assert done.counts("FAQs") == (31, 31, 0)
    assert done.counts("ServiceFeatures") == (0, 0, 0)
    assert done.counts("PricingTiers") == (2, 2, 0)
    assert any("BlogCategories is absent" in warning for warning in done.warnings)
    assert {"App000", "Extras", "blogposts2", "Zoo/Animals"} <= set(done.run.plan().unlisted)
    assert json.loads(done.records("FAQs")["draft"]["Wix Original"])["values"] == {
        "_publishStatus": "DRAFT",
        "new.key": {"a": None},
    }
    assert json.loads(done.records("PricingTiers")["p1"]["Wix Original"])["values"] == {"cases": ["x1", "x2"]}


def test_02_a_second_run_writes_nothing_but_sees_what_no_stamp_shows() -> None:
    done = phase_2()
    assert done.writes == 0
    reverse_sync_references(done.run.connections.wix, "PricingTiers", "cases", "p2", ["x3"])
    done = phase_2(run_id=done.run.run_id)
    assert json.loads(done.records("PricingTiers")["p2"]["Wix Original"])["values"] == {"cases": ["x3"]}


def test_03_rows_that_change_between_the_steps_are_next_times() -> None:
    wix = run_on(OTHER, 2, steps=()).run.connections.wix

    def write() -> None:
        reverse_sync_save(wix, "FAQs", [{"_id": "f1", "question": "later"}, {"_id": "new", "question": "new"}])
        reverse_sync_remove(wix, "FAQs", ["f2"])

    done = phase_2(collections=["FAQs"], after={"export": write})
    assert done.green, done.reasons
    assert done.counts("FAQs") == (31, 31, 0)
    done = phase_2(collections=["FAQs"])
    assert done.green, done.reasons
    assert done.counts("FAQs") == (31, 31, 0)
    assert done.records("FAQs")["f1"]["Question"] == "later"
    assert "f2" not in done.records("FAQs")


def test_04_renamed_back_it_is_green() -> None:
    wix = run_on(OTHER, 2, steps=()).run.connections.wix
    body = {"collection": {"id": "CaseStudies", "fields": [{"key": "title", "displayName": "Title", "type": "TEXT"}]}}
    wix.request("POST", f"{DATA}/collections", body, what="make a collection")
    reverse_sync_save(wix, "CaseStudies", [{"_id": "s1", "title": "back"}])
    done = phase_2()
    assert done.green, done.reasons
    assert done.counts("CaseStudies") == (1, 1, 0)


def test_05_a_collection_that_vanishes_is_said_and_its_rows_stay() -> None:
    wix = run_on(OTHER, 2, steps=()).run.connections.wix
    wix.request("DELETE", f"{DATA}/collections/BlogPosts", what="remove a collection")
    done = phase_2()
    assert any("BlogPosts is absent" in warning and "1 row" in warning for warning in done.warnings), done.warnings
    assert len(done.records("BlogPosts")) == 1
