"""The README is true: every flag, setting, admin endpoint and fault kind is in it, and its examples run."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from sandbox import Sandbox, cli
from sandbox.admin_api import __doc__ as admin_api
from sandbox.faults import KINDS
from sandbox.settings import Settings

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "README.md").read_text()
README = (ROOT / "lib/sandbox/README.md").read_text()
DOCS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").glob("*.md"))


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_every_flag_of_serve_is_in_the_readme() -> None:
    flags = [option for parameter in cli.serve.params for option in parameter.opts if option.startswith("--")]
    assert [flag for flag in flags if f"`{flag}" not in README] == []


def test_the_readme_names_no_flag_that_is_not_there() -> None:
    flags = {option for parameter in cli.serve.params for option in parameter.opts}
    named = set(re.findall(r"^\| `(--[\w-]+)", README, re.MULTILINE))
    assert named - flags == set()


def test_every_setting_is_a_flag_or_in_the_readme() -> None:
    flags = {parameter.name for parameter in cli.serve.params} | {"tokens"}
    names = [field.name for field in dataclasses.fields(Settings)]
    assert [name for name in names if name not in flags and f"`{name}`" not in README and name not in _RENAMED] == []


_RENAMED = {"requests_per_second": "--requests-per-second", "wix_data_rights": "--no-wix-data-rights"}


def test_every_admin_endpoint_and_every_fault_kind_is_in_the_readme() -> None:
    assert admin_api is not None
    named = set(re.findall(r"/_sandbox(?:/\w+)?", admin_api))
    assert len(named) == 8
    assert [path for path in named if path not in README] == []
    assert [kind for kind in KINDS if f"`{kind}`" not in README] == []


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example("python"), "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == "1"


def test_the_seed_example_plants_what_it_says() -> None:
    import pyairtable

    with Sandbox(seed=json.loads(example("json"))) as box:
        table = pyairtable.Api(box.token, endpoint_url=box.airtable_url).table("appFleet000000001", "Carriers")
        (record,) = table.all(view="Active")
    fields = record["fields"]
    assert (fields["Ages"], fields["Oldest"], fields["Label"]) == ([41], 41, "ACME")
    assert fields["Owner"]["name"] == "Ann"


def test_every_path_in_the_sandbox_readme_exists() -> None:
    named = re.findall(r"`(lib/[\w/.]+|airtable/[\w/]+\.py|settings\.py|tests/[\w/]+)", README)
    assert len(named) > 8
    places = [ROOT, ROOT / "lib/sandbox"]
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_every_path_in_the_project_readme_exists() -> None:
    block = re.search(r"## Where things are\n\n(.*?)\n\n", PROJECT, re.DOTALL)
    assert block is not None
    lines = block[1].splitlines()
    inner = [
        path for line in lines if line.startswith("      ") for path in re.split(r"\s{2,}", line.strip())[0].split()
    ]
    outer = [line.split()[0] for line in lines if not line.startswith("      ")]
    assert len(inner) > 8
    assert len(outer) > 6
    assert [path for path in inner if not (ROOT / "lib/runbook" / path).exists()] == []
    assert [path for path in outer if not (ROOT / path).exists()] == []


def test_every_link_of_the_docs_leads_to_a_file() -> None:
    links = [(path, link) for path in DOCS for link in re.findall(r"\]\(([^)#]+)\)", path.read_text())]
    assert len(links) > 10
    assert [(path.name, link) for path, link in links if not (path.parent / link).exists()] == []


def test_every_document_is_linked_from_the_readme() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PROJECT)
    documents = [path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]]
    assert len(documents) > 4
    assert set(documents) - {*links, "README.md"} == set()


def test_every_module_and_test_that_the_docs_name_exists() -> None:
    texts = {path.name: path.read_text() for path in DOCS if path.name != "README.md"}
    named = [(name, found) for name, text in texts.items() for found in re.findall(r"`([\w/]+\.py(?:::\w+)?)`", text)]
    assert len(named) > 30
    assert [(name, found) for name, found in named if not _exists(found)] == []


def _exists(name: str) -> bool:
    path, _, test = name.partition("::")
    places = [ROOT, ROOT / "lib", ROOT / "lib/runbook", ROOT / "lib/lmdr", ROOT / "lib/sandbox"]
    found = next((place / path for place in places if (place / path).exists()), None)
    return found is not None and (not test or f"def {test}(" in found.read_text())


def test_the_layers_of_the_architecture_are_those_that_are_checked() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["runbook"])
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*)(?:, …)? \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    told = [set(re.findall(r"\w+", row)) for row in rows]
    checked = [set(re.findall(r"\w+", layer)) for layer in layers]
    assert told[:-1] == checked[:-1]
    assert told[-1] <= checked[-1]


def test_every_rule_of_the_design_names_its_tests() -> None:
    rules = re.findall(r"^\| (\d+)\. .+? \| (.+) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rules] == list(range(1, 13))
    assert [number for number, tests in rules if "::test_" not in tests] == []


def test_every_import_that_the_readme_shows_works() -> None:
    lines = re.findall(r"^    ((?:from|import) .+)$", PROJECT, re.MULTILINE)
    assert len(lines) > 2
    exec(compile("\n".join(lines), "README.md", "exec"), {})


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^    make (\w+)", PROJECT, re.MULTILINE))
    assert named - targets == set()
    assert targets - named - {"help", "types"} == set()


def test_every_command_and_every_flag_of_run_is_in_the_readme() -> None:
    from runbook.cli import main

    assert [name for name in main.commands if f"`runbook {name}" not in PROJECT] == []
    named = set(re.findall(r"runbook ([a-z][\w-]*)", PROJECT))
    assert named - set(main.commands) == set()
    flags = {option for parameter in main.commands["run"].params for option in parameter.opts if option[:2] == "--"}
    assert flags - set(re.findall(r"--[\w-]+", PROJECT)) == {"--timeout"}
    every = {o for command in main.commands.values() for p in command.params for o in p.opts if o.startswith("--")}
    assert set(re.findall(r"(--[a-z][a-z-]+)", PROJECT)) - every - {"--help", "--strict"} == set()


def test_every_parameter_of_a_notebook_is_in_the_readme() -> None:
    named = set(re.findall(r"^\| `(\w+)` \| `--", PROJECT, re.MULTILINE))
    notebooks = sorted((ROOT / "notebooks").glob("0*.ipynb"))
    assert len(notebooks) == 6
    for path in notebooks:
        (cell,) = [c for c in json.loads(path.read_text())["cells"] if "parameters" in c["metadata"].get("tags", ())]
        parameters = set(re.findall(r"^(\w+) =", "".join(cell["source"]), re.MULTILINE))
        assert parameters - named == set()


def test_every_environment_variable_is_in_the_readme_and_read() -> None:
    from runbook import settings

    assert settings.__doc__ is not None
    told = set(re.findall(r"^ *([A-Z_]+)  ", settings.__doc__, re.MULTILINE))
    assert len(told) > 10
    assert [name for name in told if f"`{name}`" not in PROJECT] == []
    source = Path(settings.__file__).read_text().split('"""', 2)[2]
    assert [name for name in told if f'"{name}"' not in source] == []


def test_conda_and_pip_name_the_same_environment() -> None:
    import tomllib

    import yaml

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [entry for group in project["dependency-groups"].values() for entry in group if isinstance(entry, str)]
    pinned = {re.split(r"[<>=\[;]", entry)[0].lower() for entry in [*project["project"]["dependencies"], *groups]}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    named = {re.split(r"[<>=]", entry)[0] for entry in conda if isinstance(entry, str)} - {"python", "pip"}
    asked = {"jupyterlab", "papermill", "pandas", "pyairtable", "matplotlib", "great-expectations", "nbval", "pytest"}
    assert named == asked
    assert asked - pinned == set()
    assert {"pip": ["-e ."]} in conda
