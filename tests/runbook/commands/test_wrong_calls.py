"""What every command refuses, and how it explains itself: no kernel, no subprocess."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from command_kit import Home, Webhook, call
from lmdr.platform import PLATFORM
from runbook import cli
from runbook.catalog import load_catalog
from runbook.cli import main
from runbook.evidence.manifest import write_manifest
from runbook.run import open_run
from sandbox import Sandbox

COMMANDS = (
    "plan run status flags resolve verify sign-off rollback follow monitor serve mirror suites rebuild-state repair-ids forget-column "
    "unfreeze stop"
).split()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose servers are in this process, with one open run, `first`."""
    path = tmp_path_factory.mktemp("cli")
    (path / "home/sandbox").mkdir(parents=True)
    with Sandbox(requests_per_second="off") as box, pytest.MonkeyPatch.context() as patch:
        (path / "home/sandbox/server.json").write_text(json.dumps({"url": box.airtable_url, "pid": os.getpid()}))
        patch.setenv("RUNBOOK_HOME", str(path / "home"))
        patch.setenv("RUNBOOK_RUNS", str(path / "runs"))
        write_manifest(open_run(PLATFORM, 2, new_run="first").folder)
        open_run(PLATFORM, 2, new_run="opened")
        signed = open_run(PLATFORM, 2, new_run="signed").folder
        (signed.path / "sign-off.json").write_text('{"signatures": []}')
        yield Home(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = call(command, "--help").out
    assert "Usage:" in said
    assert len(said.splitlines()) > 3


def test_the_list_of_commands_is_whole() -> None:
    assert set(main.commands) == set(COMMANDS)


def test_suites_are_as_the_catalog_says() -> None:
    assert call("suites", "--check").out == ""


# What a user gets wrong: one message that names it and what would be right, exit code 2, and no file of a run touched


WRONG = [
    ("plan 7", "no phase 7; the phases are 1, 2"),
    ("plan 0", "no phase 0"),
    ("plan x", "'x' is neither a phase number nor 'all'"),
    ("run", "PHASE"),
    ("run 2 7", "no phase 7"),
    ("run 2 -e prod", "sandbox"),
    ("run 2 --collections BlogPost", "did you mean 'BlogPosts'"),
    ("run 2 --collections Carriers", "it belongs to phase 3"),
    ("run 2 --collections ,", "collections is empty"),
    ("run 2 --collections=", "collections is empty"),
    ("run 1 --collections FAQs", "it belongs to phase 2"),
    ("run 2 --source {tmp}/nowhere", "there is no folder"),
    ("plan 2 --source {tmp}/nowhere", "there is no folder"),
    ("run 2 --source {tmp}/a.jsonl", "there is no folder"),
    ("run 2 --source {tmp}/empty", "has no .jsonl and no .csv file"),
    ("run 2 --source {tmp}/other", "contains none of the 9 requested collections"),
    ("plan 2 --source {tmp}/other", "contains none of the 9 requested collections"),
    ("run 2 --source {tmp}/faqs --source-name wix", "not be 'wix', which is the site's name"),
    ("run 2 --source-name may", "the source is the site; a name is for a folder"),
    ("plan 2 --source @may", "no folder is known by this name"),
    ("run 2 --run-id ../away", "run_id is '../away'"),
    ("run 2 --run-id a/b", "run_id is 'a/b'"),
    ("run 2 --run-id=", "run_id is ''"),
    ("run 2 --run-id -x", "run_id is '-x'"),
    ("run 2 --run-id frist", "there is no run 'frist'; did you mean 'first'?"),
    ("run 2 --run-id nothing", "--new-run"),
    ("run 2 --new-run ../away", "new_run is '../away'"),
    ("run 2 --new-run=", "new_run is ''"),
    ("run 2 --run-id first --new-run second", "run_id and new_run are both set"),
    ("run 2 --new-run first --dry-run", "run first was opened with environment='sandbox'"),
    ("run 2 --run-id signed", "run signed is signed, so it is sealed: nothing was done"),
    ("run 2 --new-run signed", "run signed is signed, so it is sealed: nothing was done"),
    ("run 2 --run-id first --dry-run", "run first was opened with environment='sandbox'"),
    ("run 2 --run-id first --source {tmp}/faqs", "now given: environment='sandbox', source='faqs'"),
    ("run 2 --dry-run --turn-flags", "dry_run and turn_flags"),
    ("run 2 --freeze", "--freeze belongs to phase 6"),
    ("run 2 --timeout 0", "timeout"),
    ("run 2 -e live", "AIRTABLE_API_KEY is not set"),
    ("flags contnet", "did you mean 'content'"),
    ("flags contnet airtable", "did you mean 'content'"),
    ("flags content both", "'both' is not one of 'wix', 'airtable'"),
    ("flags --format xml", "jsw"),
    ("flags --publish -e live", "WIX_API_KEY is not set"),
    ("resolve signed", "run signed has no open conflict"),
    ("resolve nothing", "there is no run 'nothing'"),
    ("resolve first", "run first has no open conflict, or a later run has taken it up; nothing was noted"),
    ("resolve first --prefer both", "'both' is not one of 'wix', 'airtable'"),
    ("resolve first --prefer wix", "--why is empty"),
    ("resolve first --prefer wix --why x --collection FAQ", "--collection: 'FAQ' is not in the catalog"),
    ("resolve first --prefer wix --why x --row f1", "has no open conflict of row f1"),
    ("rollback --phase 9", "no phase 9"),
    ("rollback --phase 1", "phase 1 has no flag"),
    ("rollback --flag contnet", "did you mean 'content'"),
    ("rollback --flag content --phase 2", "phase and flag are both set"),
    ("monitor --alert-url hooks.example/T0", "is not a URL to post to"),
    ("monitor --alert-url http://h:x/T0", "is not a URL to post to"),
    ("verify nothing", "no run with a manifest"),
    ("verify frist", "did you mean 'first'"),
    ("sign-off opened", "run opened has no manifest.json yet: it is written at a phase's gate"),
    ("sign-off first --who=", "needs a name"),
    ("flags content wix --who=", "needs a name"),
    ("unfreeze --who=", "needs a name"),
    ("mirror --load --drop", "--load and --drop are both given"),
    ("runn 2", "No such command"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("sources")
    (tmp / "a.jsonl").write_text("{}\n")
    for name, file in (("empty", None), ("other", "Carriers.jsonl"), ("faqs", "FAQs.jsonl")):
        (tmp / name).mkdir()
        if file:
            (tmp / name / file).write_text('{"_id": "1"}\n')
    return tmp


@pytest.mark.parametrize(("command", "words"), WRONG, ids=[command for command, _ in WRONG])
def test_what_is_wrong_is_named_before_anything_is_written(
    home: Home, folders: Path, command: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "AIRTABLE_WORKSPACE_ID", "WIX_API_KEY", "WIX_SITE_ID"):
        monkeypatch.delenv(name, raising=False)
    before = home.files()
    said = call(*command.replace("{tmp}", str(folders)).split(), code=2)
    assert words in said.err
    assert said.out == ""
    assert "T0" not in said.all
    assert home.files() == before


VARIABLES = [
    ("RUNBOOK_PLAN", "gold", "RUNBOOK_PLAN is 'gold'; valid are free"),
    ("RUNBOOK_SANDBOX_RATE", "fast", "RUNBOOK_SANDBOX_RATE is 'fast'"),
    ("RUNBOOK_SANDBOX_RATE", "0", "expected a number from 1"),
    ("RUNBOOK_SANDBOX_RATE", "nan", "RUNBOOK_SANDBOX_RATE"),
    ("RUNBOOK_SANDBOX_SCALE", "-1", "RUNBOOK_SANDBOX_SCALE is '-1'"),
    ("RUNBOOK_SANDBOX_SCALE", "inf", "RUNBOOK_SANDBOX_SCALE"),
    ("RUNBOOK_REMOVE_MANY", "Trucks", "RUNBOOK_REMOVE_MANY names Trucks"),
    ("RUNBOOK_STATE_URL", "nonsense", "RUNBOOK_STATE_URL: it starts with 'nonsense'"),
    ("RUNBOOK_STATE_URL", "mysql://u:hunter2@h/x", "expected sqlite"),
    ("RUNBOOK_STATE_URL", "sqlite://", "names no file"),
    ("RUNBOOK_STATE_URL", "sqlite:///{tmp}/a-file/state.db", "cannot be written"),
    ("RUNBOOK_STATE_URL", "sqlite:///{tmp}/a-file", "holds no state"),
    ("RUNBOOK_STATE_URL", "postgresql://u:hunter2@127.0.0.1:1/x", "cannot be opened"),
    ("RUNBOOK_RUNS", "{tmp}/a-file/runs", "cannot be made"),
    ("RUNBOOK_HOME", "{tmp}/a-file/home", "RUNBOOK_HOME"),
]


@pytest.mark.parametrize(("name", "value", "words"), VARIABLES, ids=[f"{n[8:]}={v}" for n, v, _ in VARIABLES])
def test_a_wrong_variable_is_named_before_anything_is_written(
    home: Home, name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("This is no database, and no folder. " * 100)
    monkeypatch.setenv(name, value.replace("{tmp}", str(tmp_path)))
    before = home.files()
    said = call("run", "2", code=2)
    assert words in said.err
    assert "hunter2" not in said.all
    assert home.files() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "http://127.0.0.1:1", "pid": 0}', '{"pid": -1, "url": 3}',
                                     '{"url": "http://127.0.0.1:1", "pid": 99999999999999999999}'])  # fmt: skip
def test_a_note_of_servers_that_is_no_note_means_that_none_run(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox/server.json").write_text(content)
    assert "no sandbox is running" in call("stop").err


def test_another_program_on_the_port_of_the_servers_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    (tmp_path / "sandbox").mkdir()
    with Webhook() as stranger:
        url = stranger.url.partition("/hook")[0]
        (tmp_path / "sandbox/server.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        assert "no sandbox is running" in call("stop").err


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("phase: 2", "phase: 2\n  odd: [", "2_content.yaml"),
        ("wix: FAQs", "wix: BlogPosts", "BlogPosts"),
        ("wix: FAQs", "wiks: FAQs", "wiks"),
    ],
)
def test_a_catalog_that_is_wrong_is_told_with_its_file(
    home: Home, right: str, wrong: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(PLATFORM.root / "lib/lmdr/catalog", copy)
    file = copy / "2_content.yaml"
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, wrong, 1))
    monkeypatch.setattr(cli, "find_platform", lambda: replace(PLATFORM, catalog=load_catalog(copy)))
    before = home.files()
    said = call("run", "2", code=2).err
    assert "2_content.yaml" in said
    assert words in said
    assert home.files() == before
