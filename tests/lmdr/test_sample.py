"""The sample site: deterministic, of the catalog's size, consistent, with the documented anomalies."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import zipcodes
from click.testing import CliRunner

from lmdr import catalog as lmdr_catalog
from lmdr.sample import ANOMALIES, MIGRATED, QUARANTINED, Anomaly, SampleSite, write_site
from lmdr.sample.__main__ import main
from lmdr.sample.anomalies import ABSENT
from runbook.catalog import Catalog
from runbook.codecs import Refused, codec_of
from sandbox import Sandbox

pytestmark = pytest.mark.slow

Rows = dict[str, dict[str, dict[str, Any]]]

REFUSED = {anomaly.id for anomaly in QUARANTINED}


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return lmdr_catalog.load()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> SampleSite:
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def rows(site: SampleSite) -> Rows:
    """Rows by id by collection."""
    found: Rows = {}
    for path in site.folder.glob("*.jsonl"):
        with path.open(encoding="utf-8", newline="\n") as lines:
            items = [json.loads(line) for line in lines]
        found[path.stem] = {item["_id"]: item for item in items}
        assert len(found[path.stem]) == len(items), f"{path.stem}: an _id twice"
    return found


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SampleSite:
    return write_site(tmp_path_factory.mktemp("small"), scale=0.01)


def digest(folder: Path) -> str:
    sums = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        sums.update(path.name.encode())
        sums.update(path.read_bytes())
    return sums.hexdigest()


def test_a_seed_gives_the_same_bytes(small: SampleSite, tmp_path: Path) -> None:
    assert digest(write_site(tmp_path / "again", scale=0.01).folder) == digest(small.folder)
    assert digest(write_site(tmp_path / "other", scale=0.01, seed=8).folder) != digest(small.folder)


def test_sizes_are_those_of_the_catalog(site: SampleSite, rows: Rows, catalog: Catalog) -> None:
    wanted = {c.wix: c.expected for c in catalog.collections.values()} | {"SystemLogs": 5_000}
    assert site.counts == wanted
    assert {name: len(found) for name, found in rows.items()} == {**site.counts, **site.staying, **site.uncatalogued}
    assert sum(site.counts.values()) < 45_000


def test_collections_that_stay_are_written_too(site: SampleSite, catalog: Catalog) -> None:
    assert set(site.staying) == {staying.wix for staying in catalog.kept}
    assert all(site.staying.values())
    assert not site.uncatalogued.keys() & {*site.staying, *catalog.collections}
    assert all(site.uncatalogued.values())


def test_a_small_site_has_some_rows_and_all_anomalies(small: SampleSite, catalog: Catalog) -> None:
    assert set(small.counts) == set(catalog.collections)
    assert min(small.counts.values()) >= 3
    for anomaly in ANOMALIES:
        assert f'"_id":"{anomaly.id}"' in (small.folder / f"{anomaly.collection}.jsonl").read_text(encoding="utf-8")


def test_a_sandbox_gives_back_every_row(small: SampleSite) -> None:
    with Sandbox(site=small.folder) as box:
        headers = {"Authorization": box.wix_key, "wix-site-id": box.site_id}
        for name, count in {**small.counts, **small.staying, **small.uncatalogued}.items():
            query = {"dataCollectionId": name, "query": {"paging": {"limit": 1000}}}
            query["publishPluginOptions"] = {"includeDraftItems": True}
            answer = requests.post(f"{box.wix_url}/wix-data/v2/items/query", json=query, headers=headers, timeout=20)
            assert answer.status_code == 200, answer.text
            given = {item["id"]: item["data"] for item in answer.json()["dataItems"]}
            assert len(given) == count
            for line in (small.folder / f"{name}.jsonl").read_bytes().splitlines():
                row = json.loads(line)
                assert given[row["_id"]] == row
        listed = requests.get(f"{box.wix_url}/wix-data/v2/collections", headers=headers, timeout=20).json()
        assert {c["id"] for c in listed["collections"]} >= {*small.counts, *small.staying}


def test_collections_are_described_with_their_types(site: SampleSite, catalog: Catalog) -> None:
    described = json.loads((site.folder / "collections.json").read_text())["collections"]
    by_id = {entry["id"]: entry for entry in described}
    assert len(described) == 47
    carriers = {field["key"]: field["type"] for field in by_id["Carriers"]["fields"]}
    assert (carriers["dot_number"], carriers["phy_zip"], carriers["statusHistory"]) == ("NUMBER", "TEXT", "ARRAY")
    linked = next(f for f in by_id["carrierStaffingRequests"]["fields"] if f["key"] == "linked_carrier_id")
    assert linked["typeMetadata"] == {"reference": {"referencedCollectionId": "Carriers"}}
    for collection in catalog.collections.values():
        keys = {field["key"] for field in by_id[collection.wix]["fields"]}
        assert keys == {f.wix for f in collection.fields if not f.wix.startswith("_")}


# Anomalies.


@pytest.mark.parametrize(
    "anomaly", ANOMALIES, ids=lambda anomaly: f"{anomaly.collection}: {anomaly.kind} in {anomaly.field}"
)
def test_anomalies_are_as_documented(rows: Rows, anomaly: Anomaly) -> None:
    row = rows[anomaly.collection][anomaly.id]
    if anomaly.value is ABSENT:
        assert anomaly.field not in row
    else:
        assert json.dumps(row[anomaly.field]) == json.dumps(anomaly.value)


def test_every_anomaly_has_its_own_row() -> None:
    assert len({anomaly.id for anomaly in ANOMALIES}) == len(ANOMALIES)
    assert len(MIGRATED) > 40


def test_every_kind_that_must_be_quarantined_exists(site: SampleSite) -> None:
    assert {anomaly.kind for anomaly in QUARANTINED} == {
        "text where a number is needed", "impossible date", "choice outside a closed select",
        "text over 100,000 characters", "required key missing",
    }  # fmt: skip
    assert {anomaly.kind for anomaly in MIGRATED} >= {
        "null", "missing key", "empty text", "number where text is needed", "text of a number", "emoji", "right to left",
        "combining characters", "zero width", "multi-line text", "html", "media", "unknown key", "list with commas",
        "scalar where a list is needed", "list where a scalar is needed", "dangling reference", "loose text",
    }  # fmt: skip
    assert sum(len(ids) for ids in site.quarantined.values()) == len(QUARANTINED)
    assert {(c, i) for c, ids in site.quarantined.items() for i in ids} == {(m.collection, m.id) for m in QUARANTINED}


def test_the_quarantined_rows_are_exactly_those_that_no_column_can_hold(catalog: Catalog, rows: Rows) -> None:
    for name, collection in catalog.collections.items():
        columns = [(field, codec_of(field)) for field in collection.fields]
        for row in rows[name].values():
            refusals = [f.wix for f, _ in columns if f.required and row.get(f.wix) in (None, "")]
            for field, column in columns:
                try:
                    if field.wix in row:
                        column.encode(row[field.wix])
                except Refused:
                    if not field.loose:
                        refusals.append(field.wix)
            if row["_id"] not in REFUSED:
                assert refusals == [], (name, row["_id"])
            else:
                assert refusals == [next(m.field for m in QUARANTINED if m.id == row["_id"])], (name, row["_id"])


def test_small_damage_is_all_over_the_site(site: SampleSite, rows: Rows, catalog: Catalog) -> None:
    assert set(site.damage) == {"null", "empty", "absent", "text of a number"}
    assert 500 < sum(site.damage.values()) < 0.04 * sum(site.counts.values())
    texts = sum(
        isinstance(row.get(field.wix), str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", row[field.wix]))
        for name, collection in catalog.collections.items()
        for field in collection.fields
        if field.codec_name == "number"
        for row in rows[name].values()
    )
    assert texts == site.damage["text of a number"] + 1  # Carriers' "0.55"; " 12 " has blanks


def test_clean_mvr_has_three_states_and_may_be_absent(rows: Rows) -> None:
    states = Counter(repr(row.get("clean_mvr", ABSENT)) for row in rows["DriverProfiles"].values())
    assert len(states) == 4
    assert states["None"] > 50


def test_zip_codes_are_numbers_and_text(rows: Rows) -> None:
    kinds = Counter(type(row.get("postalCode")) for row in rows["DriverJobs"].values())
    assert kinds[int] > 5
    assert kinds[str] > 50


def test_timestamps_tie_and_have_milliseconds(rows: Rows) -> None:
    stamps = Counter(row["timestamp"]["$date"] for row in rows["Messages"].values())
    assert sum(count > 1 for count in stamps.values()) > 20
    assert sum(not stamp.endswith(".000Z") for stamp in stamps) > 1500


def test_two_drafts(rows: Rows) -> None:
    assert sum(row.get("_publishStatus") == "DRAFT" for row in rows["BlogPosts"].values()) == 2


def test_the_other_service_writes_other_keys(rows: Rows) -> None:
    moderated = [row for row in rows["AdminAuditLog"].values() if "admin_email" in row]
    assert 300 < len(moderated) < 700


# References.


def as_key(value: Any) -> str:
    if value is None or isinstance(value, (bool, list, dict)):
        return ""
    text = str(value).strip()
    return str(int(text)) if re.fullmatch("[0-9]+", text) else text


def test_references_resolve_except_the_documented_ones(site: SampleSite, rows: Rows, catalog: Catalog) -> None:
    known = {
        (name, key): {as_key(row.get(key)) for row in rows[name].values() if row["_id"] not in REFUSED}
        for name, key in (
            ("Carriers", "dot_number"),
            ("Carriers", "_id"),
            ("DriverProfiles", "_id"),
            ("DriverCarrierInterests", "_id"),
        )
    }
    dangling: dict[str, list[str]] = {}
    for name, collection in catalog.collections.items():
        for link in collection.links:
            for row in rows[name].values():
                keys = [
                    (existing, as_key(row.get(here))) for here, existing in link.on.items() if as_key(row.get(here))
                ]
                if (
                    keys
                    and row["_id"] not in REFUSED
                    and not any(key in known[link.to, existing] for existing, key in keys)
                ):
                    dangling.setdefault(f"{name}.{link.name}", []).append(row["_id"])
    assert {link: len(ids) for link, ids in dangling.items()} == site.dangling
    documented = {m.id for m in MIGRATED if m.kind in ("dangling reference", "loose text")}
    assert {i for ids in dangling.values() for i in ids} <= documented
    assert len(site.dangling) == 5


def test_nothing_refers_to_a_row_that_is_quarantined_or_ambiguous(rows: Rows) -> None:
    dots = Counter(row.get("dot_number") for row in rows["Carriers"].values())
    twice = [dot for dot, count in dots.items() if count > 1]
    assert twice == [99_001]
    referred = {row.get(key) for found in rows.values() for row in found.values() for key in ("carrier_dot", "driver_id", "application_id", "carrier_id", "linked_carrier_id", "sender_id") if isinstance(row.get(key), str)}  # fmt: skip
    assert not referred & (REFUSED | {"99001"})


def test_natural_keys_are_unique_except_the_documented_one(rows: Rows) -> None:
    for name, keys in (
        ("DriverProfiles", ["_owner"]), ("CarrierEnrichments", ["dot_number"]), ("CarrierOnboarding", ["dot_number"]),
        ("StripeEvents", ["event_id"]), ("BlogPosts", ["slug"]), ("PromptLibrary", ["promptId"]),
        ("PartnerOnboarding", ["partner_code"]), ("recruiterCarriers", ["recruiter_id", "carrier_dot"]),
    ):  # fmt: skip
        found = Counter(tuple(row.get(key) for key in keys) for row in rows[name].values())
        assert max(found.values()) == 1, name


# What is real and what is not.


def test_zip_codes_are_real_and_of_their_state(rows: Rows) -> None:
    real = {entry["zip_code"]: entry["state"] for entry in zipcodes.list_all()}
    spoilt = {anomaly.id for anomaly in ANOMALIES}
    places = [(row["phy_zip"], row["phy_state"]) for row in rows["Carriers"].values()
              if row["_id"] not in spoilt and row.get("phy_zip") and row.get("phy_state")]  # fmt: skip
    assert len(places) > 900
    assert {zip_code for zip_code, state in places if real.get(zip_code) != state} == set()
    assert any(zip_code.startswith("0") for zip_code, _ in places)
    homes = {row["home_zip"] for row in rows["DriverProfiles"].values() if row.get("home_zip")}
    assert homes <= set(real)


def test_personal_data_is_fictitious(site: SampleSite) -> None:
    for path in site.folder.glob("*.jsonl"):
        text = path.read_text(encoding="utf-8")
        domains = {domain.lower() for domain in re.findall(r"[\w.]+@([\w-]+(?:\.[\w-]+)+)", text)}
        assert domains <= {"example.com"}, path.name
        hosts = set(re.findall(r"https?://([^/\"\s]+)", text))
        assert all(host.endswith("example.com") for host in hosts), path.name
        phones = re.findall(r"\(\d{3}\) \d{3}-\d{4}", text)
        assert all(re.fullmatch(r"\(\d{3}\) 555-01\d\d", phone) for phone in phones), path.name


def test_timestamps_lie_within_two_years_before_the_sites_today(rows: Rows) -> None:
    for name, found in rows.items():
        for row in found.values():
            assert (
                "2024-01-15" < row["_createdDate"]["$date"][:10] <= row["_updatedDate"]["$date"][:10] <= "2026-01-15"
            ), name


def test_it_shows_itself(small: SampleSite) -> None:
    text = repr(small)
    assert "Sample site of 40 collections, and 5 that stay" in text
    assert "seed 7, scale 0.01" in text
    assert "carrierStaffingRequests" in small._repr_html_()


def test_the_command(small: SampleSite, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "site"), "--scale", "0.01"])
    assert result.exit_code == 0, result.output
    assert "Sample site of 40 collections" in result.output
    assert digest(tmp_path / "site") == digest(small.folder)
