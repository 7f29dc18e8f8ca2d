"""The parallel tests on migrated sites: they pass, and fail where a cell was changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lmdr.parallel import TESTS
from lmdr.parallel.calls import sample_items
from lmdr.sample import write_site
from lmdr.sample.anomalies import QUARANTINED
from moved import Moved, moved_site
from runbook.json_types import Item
from runbook.query.values import stamp
from runbook.records.views import ReadOnly
from sides import CATALOG

pytestmark = pytest.mark.slow

BY_NAME = {test.name: test for test in TESTS}
DRIVERS = 60
"""Drivers that are matched with the real carriers: 1,202 of them with each, both ways, on both sides."""


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """A small sample site. One carrier and one driver live in a ZIP code that begins with 0, for which both look."""
    folder = tmp_path_factory.mktemp("moved")
    write_site(folder / "site", scale=0.01)
    change(folder / "site", "Carriers", phy_zip="02121")
    change(folder / "site", "DriverInterests", status="interested")
    found = {"is_searchable": True, "visibility_level": "full"}
    change(folder / "site", "DriverProfiles", home_zip="02121", endorsements=["H"], cdl_class="A", **found)
    expected = {"required_endorsements": ["H"], "required_cdl_types": ["A"], "is_active": True}
    change(folder / "site", "CarrierHiringPreferences", **expected)
    with moved_site(folder, folder / "site") as site:
        yield site


def change(site: Path, collection: str, **fields: Any) -> None:
    """Change the first row of a collection."""
    path = site / f"{collection}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows[0] |= fields
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


@dataclass(frozen=True)
class Case:
    """A cell that somebody changes in Airtable, so that the test of this name must be red.

    `value`: what is written, or makes it of the value before; None empties the cell. `which`: what rows it can be.
    """

    test: str
    collection: str
    key: str
    value: Any
    which: Callable[[Moved, Item], bool] = lambda moved, row: True

    def row(self, moved: Moved) -> Item:
        return next(row for row in moved.rows(self.collection) if self.key in row and self.which(moved, row))


def with_(**fields: Any) -> Callable[[Moved, Item], bool]:
    return lambda moved, row: all(row.get(key) == value for key, value in fields.items())


def newest_of(collection: str) -> Callable[[Moved, Item], bool]:
    return lambda moved, row: row["timestamp"] == max(other["timestamp"] for other in moved.rows(collection))


def of_own_plan(moved: Moved, row: Item) -> bool:
    requests = {str(carrier["dot_number"]) for carrier in sample_items(moved.rows("Carriers"))}
    return row["plan_type"] == "pro" and row["carrier_dot"] in requests


CASES = (
    Case("carriers ranked for every driver", "Carriers", "phy_zip", "2121", with_(phy_zip="02121")),
    Case("carriers ranked for searches without a profile", "Carriers", "pay_cpm", 0.1),
    Case("drivers ranked for every carrier", "DriverProfiles", "endorsements", ["T"], with_(home_zip="02121")),
    Case("profiles looked up", "DriverProfiles", "phone", "555"),
    Case("carriers looked up", "Carriers", "legal_name", "Another name"),
    Case("admin statistics", "Carriers", "phy_state", "ZZ"),
    Case("searches as drivers make them", "Carriers", "pay_cpm", 0.1, with_(phy_zip="02121")),
    Case("carrier statistics", "Carriers", "status", "suspended", with_(status="active")),
    Case("interests of drivers", "DriverCarrierInterests", "status", "in_review", with_(status="applied")),
    Case("interests in carriers", "DriverCarrierInterests", "driver_zip_at_match", "99999"),
    Case("hiring preferences", "CarrierHiringPreferences", "offered_pay_max", 9.99),
    Case("mutual matches", "DriverInterests", "status", None, with_(status="interested")),
    Case("matches as admins see them", "MatchEvents", "match_score", 101),
    Case("views of profiles", "CarrierDriverViews", "billing_period", "2020-01"),
    Case("pipelines as recruiters see them", "recruiterCarriers", "is_active", False, with_(is_active=True)),
    Case("conversations", "Messages", "content", "Not what I wrote"),
    Case("unread messages", "Messages", "is_read", True, with_(is_read=False)),
    Case("subscriptions and bills", "CarrierSubscriptions", "plan_type", "free", with_(plan_type="pro")),
    Case("plans of members' own carriers", "CarrierSubscriptions", "plan_type", "free", of_own_plan),
    Case(
        "enrichments and safety data",
        "CarrierEnrichments",
        "enriched_date",
        lambda timestamp: stamp(timestamp + timedelta(milliseconds=1)),
    ),
    Case("searches as recruiters make them", "DriverProfiles", "years_experience", 41, with_(home_zip="02121")),
    Case("recruiters and their carriers", "recruiterCarriers", "carrier_name", "Another name"),
    Case("staffing requests", "carrierStaffingRequests", "status", "closed_lost", with_(status="new")),
    Case("onboarding of partners and carriers", "PartnerOnboarding", "contact_email", "other@example.com"),
    Case("dashboard", "Carriers", "isFlagged", lambda flagged: not flagged),
    Case("AI usage", "AIUsageLog", "tokensUsed", 77, newest_of("AIUsageLog")),
    Case("audit log", "AdminAuditLog", "adminEmail", "other@example.com"),
    Case("moderation", "JobPostings", "title", "Another title", with_(status="pending")),
    Case("logs", "SystemLogs", "levelNum", 4, newest_of("SystemLogs")),
    Case("carriers as admins see them", "Carriers", "safety_rating", "UNRATED"),
    Case("matches as CSV", "MatchEvents", "action", "looked"),
    Case("content pages", "FAQs", "question", "Is it so?"),
)


def test_every_test_can_fail() -> None:
    assert [case.test for case in CASES] == [test.name for test in TESTS]


@pytest.mark.parametrize("name", BY_NAME)
def test_both_sides_answer_alike(moved: Moved, name: str) -> None:
    tally = moved.run(BY_NAME[name])
    assert tally.examples == []
    assert tally.clean
    assert tally.identical == tally.calls > 0


@pytest.mark.parametrize("case", CASES, ids=[case.test for case in CASES])
def test_a_changed_cell_fails_the_test(moved: Moved, case: Case) -> None:
    row = case.row(moved)
    value = case.value(row[case.key]) if callable(case.value) else case.value
    with moved.cell(case.collection, row["_id"], case.key, value):
        tally = moved.run(BY_NAME[case.test])
    assert not tally.clean
    assert (tally.failed, tally.calls) == (0, tally.identical + tally.different)
    words = "\n".join(tally.examples)
    assert f"{row['_id']}: " in words
    assert f"{case.key} " in words
    for text in personal_texts(case.collection, row):
        assert text not in words


def personal_texts(collection: str, row: Item) -> list[str]:
    fields = CATALOG.collection(collection).fields
    return [
        text for field in fields if field.personal and isinstance(text := row.get(field.wix), str) and len(text) > 3
    ]


def test_a_score_is_traced_to_the_field_that_causes_it(moved: Moved) -> None:
    carrier = next(row for row in moved.rows("Carriers") if row.get("phy_zip") == "02121")
    with moved.cell("Carriers", carrier["_id"], "phy_zip", "2121"):
        tally = moved.run(BY_NAME["carriers ranked for every driver"])
    assert any(words.endswith("because phy_zip '02121' became '2121'") for words in tally.examples)

    driver = next(row for row in moved.rows("DriverProfiles") if row.get("home_zip") == "02121")
    with moved.cell("DriverProfiles", driver["_id"], "home_zip", "2121"):
        tally = moved.run(BY_NAME["carriers ranked for every driver"])
    words = "\n".join(tally.examples)
    assert "because homeZip text of 5 characters became text of 4 characters" in words
    assert "2121" not in words

    with moved.cell("DriverProfiles", driver["_id"], "endorsements", ["T"]):
        tally = moved.run(BY_NAME["drivers ranked for every carrier"])
    assert any("because endorsements ['H'] became ['T']" in words for words in tally.examples)


def test_no_call_of_the_tests_is_refused(moved: Moved) -> None:
    """A call that writes, or that a service cannot answer, is no test: it would look alike on both sides."""
    for test in TESTS:
        records = ReadOnly(moved.sides.wix, without=moved.quarantined(), only=test.needs)
        assert [call for call, answer in test.responses(records) if '"refused"' in as_json(answer)] == []


def as_json(answer: Any) -> str:
    return json.dumps(answer, default=str)


def test_rows_in_quarantine_are_left_out(moved: Moved) -> None:
    assert sum(map(len, moved.quarantined().values())) == len(QUARANTINED)
    assert not moved.run(BY_NAME["audit log"], hidden={}).clean
    assert not moved.run(BY_NAME["matches as admins see them"], hidden={}).clean


def test_a_row_that_exists_on_one_side_only_is_named(moved: Moved) -> None:
    faq = moved.rows("FAQs")[0]["_id"]
    lost = moved.run(BY_NAME["content pages"], gone={"FAQs": [faq]})
    assert any(words.endswith(f"FAQs {faq}, in Wix alone") for words in lost.examples)
    more = moved.run(BY_NAME["content pages"], hidden=moved.quarantined() | {"FAQs": {faq}})
    assert any(words.endswith(f"FAQs {faq}, in Airtable alone") for words in more.examples)


@pytest.fixture(scope="module")
def with_real_carriers(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Real carriers; drivers of a sample site, and its hiring preferences as those of real carriers."""
    folder = tmp_path_factory.mktemp("real")
    write_site(folder / "sample", scale=DRIVERS / 500)
    (folder / "site").mkdir()
    shutil.copy(real / "Carriers.jsonl", folder / "site")
    shutil.copy(folder / "sample" / "DriverProfiles.jsonl", folder / "site")
    carriers = (real / "Carriers.jsonl").read_text("utf-8").splitlines()
    expected = (folder / "sample" / "CarrierHiringPreferences.jsonl").read_text("utf-8").splitlines()
    lines = [
        json.dumps({**json.loads(wants), "carrier_dot": str(json.loads(carrier)["dot_number"]), "is_active": True})
        for wants, carrier in zip(expected, carriers, strict=False)
    ]
    (folder / "site" / "CarrierHiringPreferences.jsonl").write_text("\n".join(lines), "utf-8")
    with moved_site(folder, folder / "site") as site:
        yield site


def test_real_carriers_match_alike_in_both_directions(with_real_carriers: Moved) -> None:
    site = with_real_carriers
    assert len(site.rows("Carriers")) == 1202
    assert DRIVERS - 5 < len(site.rows("DriverProfiles")) <= DRIVERS
    for name in ("carriers ranked for every driver", "drivers ranked for every carrier", "carriers looked up"):
        tally = site.run(BY_NAME[name])
        assert tally.examples == []
        assert tally.identical == tally.calls > 10


def test_a_zip_code_of_a_real_carrier_that_lost_its_zero_is_found(with_real_carriers: Moved) -> None:
    site = with_real_carriers
    homes = {row["home_zip"][:3] for row in site.rows("DriverProfiles") if isinstance(row.get("home_zip"), str)}
    carrier = next(
        row for row in site.rows("Carriers") if str(row.get("phy_zip")).startswith("0") and row["phy_zip"][:3] in homes
    )
    with site.cell("Carriers", carrier["_id"], "phy_zip", carrier["phy_zip"].lstrip("0")):
        tally = site.run(BY_NAME["carriers ranked for every driver"])
    assert tally.different > 0
    assert any(f"phy_zip '{carrier['phy_zip']}' became" in words for words in tally.examples)
