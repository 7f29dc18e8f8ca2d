"""The copy of a drill: which snapshots it takes, what they become, and that there is one at a time."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fleet_platform import INFRASTRUCTURE, make_platform
from runbook.drill.copy import newest_snapshots, open_copy
from runbook.errors import SettingError
from runbook.evidence.folder import write_json
from runbook.json_types import Item
from runbook.platform import Platform
from runbook.settings import read_settings
from runbook.snapshot import SnapshotWriter, snapshot_paths
from yard import YARD


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make_platform(tmp_path_factory.mktemp("project") / "root", (INFRASTRUCTURE, YARD))


def export(platform: Platform, run: Path, rows: Mapping[str, list[Item]], taken: str, **stamp: Any) -> None:
    stamped = {"kind": "migration", "environment": "live", "source": "wix", "begun": taken, **stamp}
    (run / "evidence/run").mkdir(parents=True)
    write_json(run / "evidence/run/run.json", stamped)
    for name, found in rows.items():
        with SnapshotWriter(run / "snapshots", platform.catalog.collection(name), source="wix") as writer:
            for item in found:
                writer.write(item)
            writer.finish()
        about = snapshot_paths(run / "snapshots", name)[1]
        about.write_text(json.dumps({**json.loads(about.read_text()), "taken": taken}))


def test_it_takes_the_newest_of_each_collection_of_this_environment_and_the_site(
    platform: Platform, tmp_path: Path
) -> None:
    export(platform, tmp_path / "a", {"Drivers": [{"_id": "1"}], "Trucks": [{"_id": "1"}]}, "2026-01-01T00:00:00Z")
    export(platform, tmp_path / "b", {"Drivers": [{"_id": "2"}]}, "2026-02-01T00:00:00Z")
    export(platform, tmp_path / "c", {"Drivers": [{"_id": "3"}]}, "2026-03-01T00:00:00Z", environment="sandbox")
    export(platform, tmp_path / "d", {"Drivers": [{"_id": "4"}]}, "2026-04-01T00:00:00Z", source="folder")
    export(platform, tmp_path / "e", {"Drivers": [{"_id": "5"}]}, "2026-05-01T00:00:00Z")
    with (tmp_path / "e/snapshots/Drivers.jsonl.gz").open("ab") as file:
        file.write(b"damaged")
    found = newest_snapshots(tmp_path, "live", platform.catalog, ["Drivers", "Trucks"])
    assert {name: [item["_id"] for item in snapshot.items()] for name, snapshot in found.items()} == {
        "Drivers": ["2"],
        "Trucks": ["1"],
    }
    assert newest_snapshots(tmp_path / "none", "live", platform.catalog, ["Drivers"]) == {}


def test_references_lead_to_the_rows_that_they_name(platform: Platform, tmp_path: Path) -> None:
    rows = {"Drivers": [{"_id": "d0"}], "Trucks": [{"_id": "t0", "crew": ["d0"], "_publishStatus": "DRAFT"}]}
    export(platform, tmp_path / "runs/a", rows, "2026-01-01T00:00:00Z")
    env = {"RUNBOOK_HOME": str(tmp_path / "home"), "RUNBOOK_RUNS": str(tmp_path / "runs"), "AIRTABLE_API_KEY": "secret"}
    with open_copy(platform, "live", ["Drivers", "Trucks"], keep=False, env=env) as copy:
        assert "secret" not in copy.env.values()
        settings = read_settings("sandbox", copy.platform, copy.env)
        assert settings.home == tmp_path / "home/drill/live"
        assert not Path(settings.state_url.removeprefix("sqlite:///")).exists()
        site = tmp_path / "site"
        site.mkdir()
        copy.platform.write_sample(site, seed=1, scale=1)
        described = {entry["id"]: entry for entry in json.loads((site / "collections.json").read_text())}
        (crew,) = [field for field in described["Trucks"]["fields"] if field["key"] == "crew"]
        assert crew["type"] == "MULTI_REFERENCE"
        assert crew["typeMetadata"] == {"multiReference": {"referencedCollectionId": "Drivers"}}
        assert described["Trucks"]["plugins"][0]["type"] == "PUBLISH"
        assert [json.loads(line) for line in (site / "Trucks.jsonl").read_text().splitlines()] == rows["Trucks"]
        folder = copy.folder
    assert not folder.exists()


def test_two_at_once_are_refused(platform: Platform, tmp_path: Path) -> None:
    env = {"RUNBOOK_HOME": str(tmp_path), "RUNBOOK_RUNS": str(tmp_path / "runs")}
    (tmp_path / "drill").mkdir()
    with (tmp_path / "drill/live.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy = open_copy(platform, "live", ["Drivers"], keep=False, env=env)
        with pytest.raises(SettingError, match="another drill of the environment 'live' is in progress"):
            copy.__enter__()
