from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path

import pytest

from a_run import SLUG, made, phase
from runbook.errors import CheckFailed, SettingError, TamperedRun
from runbook.evidence import manifest as manifest_module
from runbook.evidence.folder import READINGS, RunFolder, new_run_id
from runbook.evidence.manifest import verify, write_manifest
from runbook.evidence.report import write_report
from runbook.evidence.signing import sign_off


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = made(tmp_path / "runs" / "20261124-201500-ab12")
    write_manifest(run)
    write_report(run)
    return run


def read(folder: RunFolder) -> dict:
    return json.loads((folder.path / "manifest.json").read_text())


def test_run_ids_sort_by_time():
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", new_run_id())
    assert len({new_run_id() for _ in range(20)}) > 1


@pytest.mark.parametrize("name", ["..", ".", "-x", ".hidden", "a b", "a" * 65, "x.", "naïve", "a\n"])
def test_wrong_run_ids(tmp_path, name):
    with pytest.raises(SettingError, match="letters"):
        RunFolder(tmp_path / "x" / "y" / name) if name not in ("..", ".") else __import__(
            "runbook.evidence.folder", fromlist=["check_name"]
        ).check_name(name)


def test_the_rows_are_held_back(folder):
    for part in ("snapshots", "staged"):
        assert (folder.path / part).stat().st_mode & 0o777 == 0o700


def test_evidence(folder):
    facts = {"ä": [1, None, {"x": 1.5}]}
    folder.write_evidence("02_content", "plan", facts)
    assert folder.read_evidence("02_content", "plan") == facts
    assert folder.read_evidence("02_content", "other") is None
    assert folder.phases() == ["02_content", SLUG]
    with pytest.raises(SettingError):
        folder.write_evidence("../x", "plan", {})
    with pytest.raises(ValueError, match="JSON"):
        folder.write_evidence("02_content", "plan", {"x": float("nan")})
    with pytest.raises(TypeError, match="cannot be written as evidence"):
        folder.write_evidence("02_content", "plan", {"x": object()})
    assert folder.read_evidence("02_content", "plan") == facts
    assert [p.name for p in (folder.path / "evidence" / "02_content").iterdir()] == ["plan.json"]


def test_what_it_says(folder):
    manifest = read(folder)
    assert (manifest["run_id"], manifest["environment"], manifest["source"]) == (folder.run_id, "sandbox", "wix")
    said = manifest["phases"][SLUG]
    assert (said["status"], said["notebook"]) == ("passed", f"{SLUG}.passed.ipynb")
    assert (said["requests"], said["limited"], said["parameters"]) == (1234, 1, {"environment": "sandbox"})
    assert said["collections"]["Carriers"]["loaded"] == 10
    assert manifest["files"]["snapshots/Carriers.jsonl.gz"]["held_back"] is True
    assert "held_back" not in manifest["files"]["index.html"]
    assert {"python", "pandas", "papermill"} <= manifest["versions"].keys()
    assert manifest["commit"]
    assert manifest["previous"] is None


def test_a_whole_run_verifies(folder):
    found = verify(folder.path).require()
    assert found.ok
    assert "✓ passed" in repr(found)


def test_tolerates_a_run_with_next_to_nothing_in_it(tmp_path):
    run = RunFolder(tmp_path / "r")
    (run.path / "evidence" / "01_x").mkdir()
    write_manifest(run)
    write_report(run)
    assert verify(run).ok
    assert read(run)["phases"]["01_x"]["status"] == "not executed"


def test_writing_it_again_changes_nothing_and_going_on_is_known(folder):
    path = folder.path / "manifest.json"
    before = path.read_bytes()
    write_manifest(folder)
    write_report(folder)
    assert path.read_bytes() == before
    phase(folder, "04_more", name="Jobs")
    write_manifest(folder)
    assert read(folder)["former"]
    assert list(read(folder)["phases"]) == [SLUG, "04_more"]
    write_report(folder)
    verify(folder).require()


def test_two_phases_that_end_at_once_leave_a_manifest_of_both(folder, monkeypatch):
    content = manifest_module._content

    def slowly(*given):
        found = content(*given)
        if threading.current_thread() is first:  # the other one ends meanwhile
            phase(folder, "05_other", name="Messages")
            second.start()
            second.join(0.2)
        return found

    phase(folder, "04_more", name="Jobs")
    monkeypatch.setattr(manifest_module, "_content", slowly)
    first, second = (threading.Thread(target=write_manifest, args=(folder,)) for _ in range(2))
    first.start()
    first.join()
    second.join()
    assert verify(folder).ok
    assert {"04_more", "05_other"} < set(read(folder)["phases"])


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "act", "said"),
    [
        (f"{SLUG}.passed.ipynb", change, "was changed"),
        (f"{SLUG}.passed.html", flip, "its sha256 differs"),
        ("index.html", change, "was changed"),
        (f"evidence/{SLUG}/gate.json", change, "was changed"),
        ("quarantine/Carriers.jsonl", lambda p: p.unlink(), "is missing"),
        (f"requests/{SLUG}.jsonl", lambda p: p.write_text(""), "0 bytes, 3 in the manifest"),
        ("snapshots/Carriers.jsonl.gz", flip, "its sha256 differs"),
        ("evidence/new.json", lambda p: p.write_text("{}"), "is not in the manifest"),
        (".hidden", lambda p: p.write_text("{}"), "is not in the manifest"),
        ("staged/Jobs.jsonl.gz", lambda p: p.write_text("{}"), "is not in the manifest"),
        (f"{SLUG}.running.ipynb", lambda p: p.write_text("{}"), "being executed, or was killed"),
        ("evidence/elsewhere", lambda p: p.symlink_to("/"), "is not in the manifest"),
        (f"{SLUG}.passed.html", lambda p: (p.rename(p.parent / "x"), p.symlink_to("x")), "symbolic link"),
    ],
)
def test_each_kind_of_tampering_is_named(folder, name, act, said):
    act(folder.path / name)
    found = verify(folder.path)
    assert not found.ok
    assert any(file == name and said in what for file, what in found.problems), found
    with pytest.raises(TamperedRun, match=re.escape(f"{name}: ")):
        found.require()


def edit(folder: RunFolder, act) -> None:
    manifest = read(folder)
    act(manifest)
    (folder.path / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            lambda m: m["phases"][SLUG]["collections"]["Carriers"].update(quarantined=0),
            f"differs from the notebook and the evidence of {SLUG}",
        ),
        (lambda m: m["phases"].pop(SLUG), f"the evidence of {SLUG}"),
        (
            lambda m: m["phases"].update({"09_x": m["phases"][SLUG]}),
            "differs from the notebook and the evidence of 09_x",
        ),
        (lambda m: m["files"].pop("index.html"), "is not in the manifest"),
        (lambda m: m.update(run_id="other"), "belongs to run 'other'"),
    ],
)
def test_an_edited_manifest(folder, act, said):
    edit(folder, act)
    assert any(said in what for _, what in verify(folder).problems)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 99}'])
def test_no_manifest_to_read(folder, content):
    (folder.path / "manifest.json").write_text(content)
    with pytest.raises(TamperedRun):
        verify(folder)
    (folder.path / "manifest.json").unlink()
    with pytest.raises(TamperedRun, match="has no manifest"):
        verify(folder)


def test_held_back_files_may_be_absent(folder):
    shutil.rmtree(folder.path / "snapshots")
    found = verify(folder.path)
    assert found.ok
    assert "1 held-back file absent" in repr(found)
    assert not (folder.path / "snapshots").exists(), "verify writes nothing"


def test_what_a_killed_phase_had_read_is_no_part_of_the_run(folder):
    readings = folder.path / READINGS
    readings.mkdir()
    (readings / "Carriers.jsonl.gz").write_bytes(b"half")
    assert verify(folder).ok
    write_manifest(folder)
    assert not [name for name in read(folder)["files"] if name.startswith(READINGS)]


def test_the_name_of_a_notebook_says_nothing_that_its_content_does_not(tmp_path):
    run = made(tmp_path / "r", status="failed")
    (run.path / f"{SLUG}.failed.ipynb").rename(run.path / f"{SLUG}.passed.ipynb")
    write_manifest(run)
    assert read(run)["phases"][SLUG]["status"] == "failed"
    with pytest.raises(CheckFailed, match="failed"):
        sign_off(run, "Ann")


def test_the_chain(tmp_path, folder):
    second, third = (made(tmp_path / "runs" / name) for name in ("b-second", "a-third"))
    write_manifest(second)
    write_manifest(third)
    assert read(second)["previous"]["run_id"] == folder.run_id
    assert read(third)["previous"]["run_id"] == "b-second", "by time, not by name"
    assert all(verify(run).ok for run in (folder, second, third))

    edit(second, lambda m: m.update(source="elsewhere"))
    assert any("that run a-third refers to" in what for _, what in verify(second).problems)
    assert any(file == "../b-second/manifest.json" for file, _ in verify(third).problems)

    shutil.rmtree(second.path)
    assert verify(third).ok
    assert "the chain was not checked" in repr(verify(third))


def test_the_chain_holds_when_an_earlier_run_goes_on(tmp_path, folder):
    second = made(tmp_path / "runs" / "second")
    write_manifest(second)
    phase(folder, "04_more")
    write_manifest(folder)
    assert verify(folder).ok
    assert verify(second).ok
    assert "has continued since" in repr(verify(second))


def test_signing(folder):
    first = sign_off(folder.path, " Ann  Smith ", "looked at the quarantine")
    assert (first.who, first.phases) == ("Ann Smith", {SLUG: "passed"})
    with pytest.raises(CheckFailed, match="ann smith has signed it already"):
        sign_off(folder.path, "ann smith")
    sign_off(folder, "Bob")
    found = verify(folder).require()
    assert found.signed_by == ("Ann Smith", "Bob")
    assert "signed by Ann Smith, Bob" in repr(found)
    assert "Ann Smith" in repr(first)


def test_a_signature_is_of_one_manifest(folder):
    sign_off(folder, "Ann")
    edit(folder, lambda m: m.update(written="later"))
    found = verify(folder)
    assert any(file == "sign-off.json" and "Ann signed the manifest" in what for file, what in found.problems)
    assert found.signed_by == ()
    with pytest.raises(TamperedRun):
        sign_off(folder, "Bob")


@pytest.mark.parametrize("content", ["{}", "[", '{"signatures": [1]}', '{"signatures": 5}'])
def test_a_sign_off_that_cannot_be_read(folder, content):
    (folder.path / "sign-off.json").write_text(content)
    assert any(file == "sign-off.json" for file, _ in verify(folder).problems)


def test_a_signed_run_is_sealed(folder):
    sign_off(folder, "Ann")
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    write_manifest(folder)  # nothing has changed, so nothing is written
    for write in (lambda: phase(folder, "04_more"), lambda: write_report(folder)):
        with pytest.raises(SettingError, match="is signed, so it is sealed: nothing was done"):
            write()
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before
    (folder.path / "evidence" / SLUG / "late.json").write_text("{}")
    with pytest.raises(SettingError, match="is sealed"):
        write_manifest(folder)
    sign_off_stays = (folder.path / "sign-off.json").read_text()
    assert "Ann" in sign_off_stays


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "failed"}, f"{SLUG} failed: run.gate"),
        ({"green": False}, f"{SLUG}: Carriers is not green"),
        (lambda run: run.write_evidence("run", "run", {"dry_run": True}), "it is a dry run"),
        (lambda run: (run.path / f"{SLUG}.passed.ipynb").unlink(), "has no executed notebook"),
        (lambda run: (run.path / "evidence" / SLUG / "gate.json").unlink(), "has no gate verdict"),
        (lambda run: run.write_evidence(SLUG, "gate", {"passed": False, "reasons": []}), "its gate is not green"),
    ],
)
def test_what_cannot_be_signed(tmp_path, change, said):
    run = made(tmp_path / "r", **(change if isinstance(change, dict) else {}))
    if callable(change):
        change(run)
    write_manifest(run)
    with pytest.raises(CheckFailed, match=re.escape(said)):
        sign_off(run, "Ann")
    assert not (run.path / "sign-off.json").exists()


def test_signing_needs_a_name_and_a_phase(tmp_path, folder):
    with pytest.raises(SettingError, match="needs a name"):
        sign_off(folder, "  ")
    empty = RunFolder(tmp_path / "empty")
    write_manifest(empty)
    with pytest.raises(CheckFailed, match="no phase"):
        sign_off(empty, "Ann")
