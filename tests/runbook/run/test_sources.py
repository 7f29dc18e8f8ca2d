"""Which source fills which base: a folder is known by its path or its name, the site by its id."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from export_folder import ExportFolder, lines, rows_of
from fleet_platform import ROWS, Fleet, read_platform
from runbook.errors import SettingError
from runbook.run.opening import check_before
from runbook.run.sources import for_evidence, source_parameter
from runbook.settings import read_settings
from runbook.state.facts import Facts

TABLE = {"name": "Notes", "fields": [{"name": "Name", "type": "singleLineText"}]}


def folder(fleet: Fleet, name: str, *trips: dict[str, Any]) -> ExportFolder:
    made = ExportFolder(fleet, name)
    made.write("Trucks.jsonl", lines(*ROWS["Trucks"]))
    made.write("Trips.jsonl", lines(*trips))
    return made


@pytest.fixture
def first(fleet: Fleet) -> ExportFolder:
    """`a/export`, of which the base is filled."""
    made = folder(fleet, "a/export", *ROWS["Trips"])
    assert not made.run()[1]
    return made


@pytest.fixture
def second(first: ExportFolder) -> ExportFolder:
    """`b/export`: another site's."""
    return folder(first.fleet, "b/export", {"_id": "other", "truck": "t0"})


def base_of(fleet: Fleet, label: str) -> str | None:
    return fleet.connect().base(label)


def refused(fleet: Fleet, **parameters: Any) -> str:
    """The refusal, which the command gives before a kernel runs, and opening a run too."""
    with pytest.raises(SettingError) as by_command:
        check_before(fleet.platform, [2], environment="sandbox", **parameters)
    with pytest.raises(SettingError) as error:
        fleet.open(2, **parameters)
    assert str(error.value) == str(by_command.value)
    return str(error.value)


def test_another_folder_of_the_same_name_deletes_nothing(first: ExportFolder, second: ExportFolder) -> None:
    said = refused(second.fleet, source="b/export")
    assert "was filled from another folder of this name, a/export; nothing was done" in said
    assert "--source-name export (source_name in a notebook)" in said
    assert "--source-name NAME" in said
    run, reasons = first.run()
    assert not reasons
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


def test_a_name_of_its_own_gives_it_a_base_of_its_own(first: ExportFolder, second: ExportFolder) -> None:
    run, reasons = second.run(source_name="second")
    assert not reasons
    assert rows_of(run, "Trips").keys() == {"other"}
    assert run.base() != base_of(first.fleet, "export")
    assert rows_of(first.run()[0], "Trips").keys() == {"r0", "r1"}


def test_the_name_is_remembered_with_the_folder(first: ExportFolder, second: ExportFolder) -> None:
    named = second.run(source_name="second")[0]
    assert second.run()[0].base() == named.base()
    assert second.fleet.open(2, source="@second").base() == named.base()
    assert second.fleet.open(2, source="@export").base() == base_of(first.fleet, "export") != named.base()


def test_a_folder_that_moved_goes_on_with_its_name(first: ExportFolder) -> None:
    before = base_of(first.fleet, "export")
    moved = first.fleet.platform.root / "archive/export"
    shutil.move(first.path, moved)
    assert "another folder of this name" in refused(first.fleet, source="archive/export")
    run = first.fleet.open(2, source="archive/export", source_name="export")
    assert run.base() == before
    assert first.fleet.open(2, source="archive/export").base() == before  # it is known now


@pytest.mark.parametrize("spelling", ["a/../a/export", "a/export/", "link"])
def test_another_spelling_of_the_path_is_the_same_folder(first: ExportFolder, spelling: str) -> None:
    (first.fleet.platform.root / "link").symlink_to(first.path)
    assert first.fleet.open(2, source=spelling).base() == base_of(first.fleet, "export")


def test_a_project_that_moved_finds_its_bases_again(first: ExportFolder) -> None:
    """The folder lies where it lay in the project, on this machine or another that shares the state."""
    fleet, before = first.fleet, base_of(first.fleet, "export")
    root = fleet.path / "moved"
    shutil.move(fleet.platform.root, root)
    moved = Fleet(read_platform(root), fleet.box, fleet.path)
    assert moved.open(2, source=first.name).base() == before
    assert moved.open(2, source="@export").base() == before


def test_as_long_as_there_is_no_base_a_name_is_free(fleet: Fleet) -> None:
    one, two = (folder(fleet, f"{name}/export", *ROWS["Trips"]) for name in "ab")
    fleet.open(2, source=one.name, dry_run=True)
    assert not two.run()[1]
    assert "another folder of this name, b/export" in refused(fleet, source=one.name)


def test_a_dry_run_moves_no_name(first: ExportFolder, second: ExportFolder) -> None:
    platform = first.fleet.platform
    for_evidence(platform, read_settings("sandbox", platform), str(second.path), "export")
    first.fleet.open(2, source=second.name, source_name="export", dry_run=True).plan()
    assert "another folder of this name, a/export" in refused(first.fleet, source=second.name)
    assert "another folder of this name, a/export" in refused(first.fleet, source="@export")
    assert not first.run()[1]


def test_a_base_of_before_is_found_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that an older version filled knows the base by its label alone."""
    made = folder(fleet, "a/export", *ROWS["Trips"])
    with monkeypatch.context() as patch:
        patch.setattr(Facts, "set_source_origin", lambda *_: None)
        before = made.run()[0].base()
    facts = fleet.connect().state.facts
    assert facts.source_origins() == {}
    assert made.run()[0].base() == before
    assert facts.source_origins() == {"export": "a/export"}


def test_a_folder_known_by_two_names_is_asked_for(fleet: Fleet) -> None:
    made = folder(fleet, "a/export", *ROWS["Trips"])
    made.run(source_name="one")
    made.run(source_name="two")
    assert "known by the names one, two, each with a base of its own" in refused(fleet, source="a/export")
    assert fleet.open(2, source="a/export", source_name="two").base() == base_of(fleet, "two")


def forget(fleet: Fleet) -> None:
    """The state is lost; the servers are as they were."""
    for file in (fleet.path / "home/sandbox").glob("state.db*"):
        file.unlink()


def test_a_state_that_is_lost_knows_the_folder_by_its_base(first: ExportFolder, second: ExportFolder) -> None:
    before = base_of(first.fleet, "export")
    forget(first.fleet)
    for _ in range(2):  # a refusal leaves nothing behind that lets the next try through
        with pytest.raises(SettingError) as error:
            second.fleet.open(2, source=second.name)
        assert f"base {before} was filled from a folder export at another path" in str(error.value)
        assert "--source-name export" in str(error.value)
        assert "--source-name NAME" in str(error.value)
    run, reasons = first.run()
    assert not reasons
    assert run.base() == before
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}


def test_a_state_that_is_lost_takes_the_folder_by_its_name(first: ExportFolder) -> None:
    before = base_of(first.fleet, "export")
    moved = first.fleet.platform.root / "archive/export"
    shutil.move(first.path, moved)
    forget(first.fleet)
    assert first.fleet.open(2, source="archive/export", source_name="export").base() == before
    assert first.fleet.open(2, source="archive/export").base() == before


def test_the_base_holds_no_path_of_the_machine(first: ExportFolder) -> None:
    connections = first.fleet.connect()
    rows = list(connections.airtable.records(str(base_of(first.fleet, "export")), "Runbook"))
    said = [row["fields"] for row in rows if "folder export (path " in json.dumps(row["fields"])]
    assert len(said) == 1
    assert str(first.path) not in json.dumps(said)


WRONG = [
    ({"source": "wix", "source_name": "site"}, "the source is the site; a name is for a folder"),
    ({"source": "a/export", "source_name": "wix"}, "not be 'wix', which is the site's name"),
    ({"source": "a/export", "source_name": ""}, "it must be 1 to 64 characters"),
    ({"source": "a/export", "source_name": "a/b"}, "without '/'"),
    ({"source": "a/export", "source_name": "x\ny"}, "it must be 1 to 64 characters"),
    ({"source": "a/export", "source_name": " x"}, "it must be 1 to 64 characters"),
    ({"source": "@nobody"}, "no folder is known by this name; known: @export"),
    ({"source": "@wix"}, "no folder is known by this name"),
    ({"source": "@export", "source_name": "other"}, "give the folder, or one of the two"),
]


@pytest.mark.parametrize(("parameters", "words"), WRONG, ids=[str(parameters) for parameters, _ in WRONG])
def test_a_wrong_name_is_refused(first: ExportFolder, parameters: dict[str, Any], words: str) -> None:
    assert words in refused(first.fleet, **parameters)


def test_evidence_holds_no_path_of_the_machine(first: ExportFolder, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere/may"
    shutil.copytree(first.path, outside)
    platform = first.fleet.platform
    settings = read_settings("sandbox", platform)
    given = for_evidence(platform, settings, source_parameter(platform, str(outside)), None)
    assert given == "@may"
    assert for_evidence(platform, settings, source_parameter(platform, str(first.path)), None) == "a/export"
    run = first.fleet.open(2, source=given)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    run.gate()
    files = [path.read_text() for path in run.folder.path.rglob("*.json")]
    assert len(files) > 8
    assert not [text for text in files if str(tmp_path) in text]
    assert any('"may"' in text for text in files)


# The configured base, and the site


def live(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """The environment `live`, which is the same two servers."""
    about = fleet.connect().settings
    values = {
        "AIRTABLE_API_KEY": about.airtable_key,
        "AIRTABLE_ENDPOINT_URL": about.airtable_url,
        "AIRTABLE_WORKSPACE_ID": about.workspace_id or "",
        "WIX_API_KEY": about.wix_key,
        "WIX_ENDPOINT_URL": about.wix_url,
        "WIX_SITE_ID": about.site_id,
        "RUNBOOK_PLAN": "business",
    }
    for name, value in {**values, **more}.items():
        monkeypatch.setenv(name, value)


def test_a_base_filled_from_another_source_is_refused(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    live(fleet, monkeypatch)
    run = fleet.migrate(2, environment="live")
    made = folder(fleet, "a/export", *ROWS["Trips"])
    monkeypatch.setenv("AIRTABLE_BASE_ID", run.base())
    said = refused_live(fleet, source=made.name)
    assert (
        f"AIRTABLE_BASE_ID is {run.base()}, which was filled from the source 'wix'; 'export' would overwrite it" in said
    )
    assert rows_of(run, "Trips").keys() == {"r0", "r1"}
    fleet.open(2, environment="live")  # from the site itself


def test_a_base_left_for_another_still_belongs_to_its_source(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    live(fleet, monkeypatch)
    run = fleet.migrate(2, environment="live")
    first = run.base()
    new = run.connections.airtable.create_base("New", os.environ["AIRTABLE_WORKSPACE_ID"], [TABLE])
    monkeypatch.setenv("AIRTABLE_BASE_ID", str(new["id"]))
    assert fleet.migrate(2, environment="live").base() == new["id"]
    made = folder(fleet, "a/export", *ROWS["Trips"])
    monkeypatch.setenv("AIRTABLE_BASE_ID", first)
    assert "which was filled from the source 'wix'" in refused_live(fleet, source=made.name)


def test_another_site_is_refused(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    live(fleet, monkeypatch)
    site = os.environ["WIX_SITE_ID"]
    run = fleet.migrate(2, environment="live")
    monkeypatch.setenv("WIX_SITE_ID", "00000000-0000-4000-8000-000000000000")
    said = refused_live(fleet)
    assert f"base {run.base()} was filled from the site {site}, and WIX_SITE_ID is 00000000-" in said
    assert f"Set WIX_SITE_ID={site}" in said
    assert "RUNBOOK_HOME" in said


def refused_live(fleet: Fleet, **parameters: Any) -> str:
    with pytest.raises(SettingError) as by_command:
        check_before(fleet.platform, [2], environment="live", **parameters)
    with pytest.raises(SettingError) as error:
        fleet.open(2, environment="live", **parameters)
    assert str(error.value) == str(by_command.value)
    return str(error.value)
