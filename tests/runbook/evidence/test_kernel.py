"""A notebook runs on this tool's own Python and package, or not at all; evidence says on which."""

from __future__ import annotations

import json
import os
import sys
import venv
from pathlib import Path

import nbformat
import pytest

import runbook
from fleet_platform import Fleet
from runbook.commands.monitor import open_check
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.evidence.manifest import write_manifest
from runbook.evidence.redaction import Redactor
from runbook.evidence.report import write_report
from runbook.evidence.runner import run_notebook


def kernel(at: Path, python: str, **env: str) -> None:
    """A kernel of the name `python3`, as another environment leaves it in a folder of JUPYTER_PATH."""
    folder = at / "kernels/python3"
    folder.mkdir(parents=True)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python", "env": env}
    (folder / "kernel.json").write_text(json.dumps(spec))


def other_environment(path: Path) -> str:
    """An environment that has ipykernel and this package, from where this one has them."""
    venv.create(path, symlinks=True)
    lib = path / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    places = [place for place in sys.path if place.endswith("site-packages")]
    (lib / "other.pth").write_text("\n".join([*places, str(Path(runbook.__file__).parents[1])]))
    return str(path / "bin/python")


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell("run_id = None", metadata={"tags": ["parameters"]})
    made.cells = [parameters, nbformat.v4.new_code_cell(f"open({str(tmp_path / 'ran')!r}, 'w').close()")]
    path = tmp_path / "02_content.ipynb"
    nbformat.write(made, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["another environment", "another package", "no package"])
def test_a_kernel_that_is_not_this_tools_own_is_refused_before_any_cell(
    tmp_path: Path, notebook: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    match kind:
        case "another environment":
            kernel(tmp_path / "jupyter", other_environment(tmp_path / "other"))
        case "another package":
            (tmp_path / "other/runbook").mkdir(parents=True)
            (tmp_path / "other/runbook/__init__.py").touch()
            kernel(tmp_path / "jupyter", sys.executable, PYTHONPATH=str(tmp_path / "other"))
        case _:
            (tmp_path / "other").mkdir()
            (tmp_path / "other/sitecustomize.py").write_text("import sys; sys.modules['runbook'] = None")
            kernel(tmp_path / "jupyter", sys.executable, PYTHONPATH=str(tmp_path / "other"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    folder = RunFolder(tmp_path / "runs/a-run")
    with pytest.raises(SettingError, match="the kernel 'python3' that Jupyter finds is not this tool's own") as error:
        run_notebook(notebook, folder, {})
    assert "nothing was executed" in str(error.value)
    assert f"JUPYTER_PATH is {tmp_path / 'jupyter'}" in str(error.value)
    assert not (tmp_path / "ran").exists()
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_another_name_for_the_same_environment_is_its_own(
    tmp_path: Path, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(tmp_path / "jupyter", "python")  # what ipykernel writes; Jupyter puts its own interpreter there
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    assert run_notebook(notebook, RunFolder(tmp_path / "runs/a-run"), {}).passed


def test_evidence_says_what_ran_and_shows_no_path_of_a_machine(fleet: Fleet) -> None:
    run = fleet.open(2)
    assert not (run.folder.path / "evidence/02_fleet").exists()  # opening alone is no evidence of a phase
    run.plan()
    facts = run.folder.read_evidence("02_fleet", "kernel")
    assert facts is not None
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["package"]["path"] == "runbook, outside the project"  # this project is in a temporary folder
    assert len(facts["package"]["sha256"]) == 64
    assert set(facts["package"]) >= {"commit", "dirty"}
    assert str(Path.home()) not in json.dumps(facts)
    assert str(Path(sys.prefix).parent) not in json.dumps(facts)
    write_manifest(run.folder)
    manifest = json.loads((run.folder.path / "manifest.json").read_text())
    assert manifest["phases"]["02_fleet"]["kernel"] == facts
    assert facts["package"]["sha256"][:12] in write_report(run.folder).read_text()
    check = open_check(fleet.platform)
    assert check.folder.read_evidence("integrity_check", "kernel") == facts


def test_what_lies_in_the_project_is_shown_by_its_place_in_it() -> None:
    root = Path(runbook.__file__).parents[2]
    facts = kernel_facts(root)
    assert facts["package"]["path"] == "lib/runbook"
    assert not facts["interpreter"].startswith("/")
    elsewhere = kernel_facts(Path(runbook.__file__).parent / "evidence")
    assert elsewhere["package"]["path"] == "runbook, outside the project"
    assert elsewhere["interpreter"].endswith(", outside the project")


def test_evidence_and_outputs_show_no_path_of_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann.smith")
    folder = RunFolder(tmp_path / "a-run")
    reason = "Trucks: /home/ann.smith/site/runs/r/snapshots/Trucks.jsonl.gz: is missing"
    path = folder.write_evidence("02_fleet", "gate", {"reasons": [reason]})
    assert "ann" not in path.read_text()
    assert "~/site/runs/r/snapshots" in path.read_text()
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=f"File {reason}")])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    redactor = Redactor(os.environ)
    redactor.redact_outputs(notebook)
    assert "ann" not in json.dumps(notebook)
    assert redactor.found == {}, "not a secret: the notebook does not fail for it"
