"""The committed notebooks: thin, stripped, of one anatomy, with safe defaults."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from lmdr.platform import PLATFORM

NOTEBOOKS = sorted(PLATFORM.notebooks.glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PLATFORM.notebooks / name).read_text())
    return content


def code_of(name: str) -> list[dict[str, Any]]:
    return [cell for cell in read(name)["cells"] if cell["cell_type"] == "code"]


def test_there_is_one_for_each_phase_and_two_beside_them() -> None:
    phases = [PLATFORM.notebook(phase.number).name for phase in PLATFORM.catalog.phases]
    assert [*phases, "integrity_check.ipynb", "rollback.ipynb"] == NAMES
    assert len(phases) == 6


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stripped(name: str) -> None:
    notebook = read(name)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in code_of(name):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("name", NAMES)
def test_it_has_one_parameters_cell_with_safe_defaults(name: str) -> None:
    (cell,) = [cell for cell in code_of(name) if "parameters" in cell["metadata"].get("tags", ())]
    values = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in ast.parse("".join(cell["source"])).body
        if isinstance(node, ast.Assign)
    }
    assert values["environment"] == "sandbox"
    assert values["run_id"] is None
    switches = {key: value for key, value in values.items() if isinstance(value, bool)}
    assert not any(switches.values())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_thin_no_loop_no_def_no_try(name: str) -> None:
    for cell in code_of(name):
        tree = ast.parse("".join(cell["source"]))
        forbidden = (ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.Try, ast.Lambda, ast.If, ast.With)
        assert not [node for node in ast.walk(tree) if isinstance(node, forbidden)]
        assert len(tree.body) <= (12 if "parameters" in cell["metadata"].get("tags", ()) else 9)
        assert len([node for node in tree.body if not isinstance(node, ast.Assign | ast.ImportFrom)]) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_every_step_has_a_heading_and_the_verdict_is_last(name: str) -> None:
    cells = read(name)["cells"]
    assert cells[0]["source"][0].startswith("# ")
    first = "".join(cells[0]["source"])
    assert "**It changes**" in first
    assert "**Look at**" in first
    last = "".join(cells[-1]["source"])
    assert last in ("run.gate()", "check.verdict()", "rollback.verdict()")
    headings = [c for c in cells if c["cell_type"] == "markdown" and c["source"][0].startswith("## ")]
    pictures = [c for c in code_of(name) if ".show_" in "".join(c["source"])]
    assert len(headings) >= len(code_of(name)) - len(pictures)


@pytest.mark.parametrize("phase", [phase.number for phase in PLATFORM.catalog.phases])
def test_phase_notebooks_share_one_anatomy(phase: int) -> None:
    code = ["".join(cell["source"]) for cell in code_of(PLATFORM.notebook(phase).name)]
    order = ["run.plan()", "run.provision()", "run.export()", "run.transform()", "run.load()", "run.validate()"]
    if phase == 1:
        order = order[:2]
    places = [code.index(step) for step in order]
    assert places == sorted(places)
    assert f"open_run(\n    {phase}," in code[1]


def test_every_call_in_a_notebook_is_a_method_that_there_is() -> None:
    from runbook.commands.monitor import IntegrityCheck
    from runbook.commands.rollback import Rollback
    from runbook.run import PhaseRun

    kinds = {"run": PhaseRun, "check": IntegrityCheck, "rollback": Rollback}
    seen = set()
    for name in NAMES:
        for cell in code_of(name):
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in kinds:
                    assert callable(getattr(kinds[node.value.id], node.attr)), (name, node.attr)
                    seen.add((node.value.id, node.attr))
    public = {("run", n) for n, v in vars(PhaseRun).items() if callable(v) and not n.startswith("_")}
    assert public - seen == set()  # every step is in a notebook
