"""`lmdr.services.writes` names every service that writes, and what it says of each is what the service does."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import lmdr.services.context as context_module
from lmdr.platform import PLATFORM
from lmdr.services.airtable_client import update_driver
from lmdr.services.context import Context, service
from lmdr.services.writes import WRITES, Writes
from platform_kit import Platform
from runbook.errors import SourceDown
from runbook.records.results import Durable

FOLDER = PLATFORM.root / "lib/lmdr/services"
PAGE = (PLATFORM.root / "docs/two_at_once.md").read_text()
VERBS = {
    "insert", "bulk_insert", "insert_once", "update", "bulk_update", "patch", "bulk_patch", "change", "bulk_change",
    "remove",
}  # fmt: skip


@cache
def services_that_write() -> set[str]:
    """Those from which a write of records can be reached, by every name that a function mentions."""
    mentions: dict[str, set[str]] = defaultdict(set)
    services: set[str] = set()
    writing: set[str] = set()
    for path in sorted(FOLDER.rglob("*.py")):
        module, tree = _module(path), ast.parse(path.read_text())
        imported = _imported(tree)
        for statement in tree.body:
            for name in _defined(statement):
                scope = f"{module}.{name}"
                for node in ast.walk(statement):
                    if _is_write(node):
                        writing.add(scope)
                    mentions[scope] |= _mentioned(node, module, imported)
            if isinstance(statement, ast.FunctionDef) and "service" in map(ast.unparse, statement.decorator_list):
                services.add(f"{module}.{statement.name}")
    while more := {scope for scope, names in mentions.items() if scope not in writing and names & writing}:
        writing |= more
    return services & writing


def _module(path: Path) -> str:
    return ".".join(part for part in path.relative_to(FOLDER).with_suffix("").parts if part != "__init__")


def _imported(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lmdr.services"):
            inside = str(node.module).removeprefix("lmdr.services").lstrip(".")
            found |= {alias.asname or alias.name: f"{inside}.{alias.name}".lstrip(".") for alias in node.names}
    return found


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_write(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=of) | ast.Attribute(attr=of), attr=verb)):
            return verb in VERBS and of in ("records", "exact")
    return False


def _mentioned(node: ast.AST, module: str, imported: dict[str, str]) -> set[str]:
    match node:
        case ast.Name(id=name):
            return {imported.get(name, f"{module}.{name}")}
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in imported:
            return {f"{imported[name]}.{attribute}"}
    return set()


def test_the_table_has_every_service_that_writes_and_no_other() -> None:
    assert len(services_that_write()) > 70
    assert set(WRITES) == services_that_write()


@pytest.mark.parametrize("name", WRITES)
def test_the_page_has_the_same_table(name: str) -> None:
    row = WRITES[name]
    assert f"| `{name}` | {row.exact} | {row.durable} | {row.why} |" in PAGE.splitlines()


def test_the_page_has_no_other_service() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert len(rows) == len(WRITES)


@pytest.mark.parametrize("durable", ["journal", "airtable"])
def test_a_service_waits_for_what_its_row_says_also_in_what_it_calls(
    durable: Durable, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: Durable = "airtable" if durable == "journal" else "journal"
    rows = {"outer": Writes(durable, "", ""), "inner": Writes(other, "", "")}
    monkeypatch.setattr(context_module, "durable_of", lambda module, function: rows[function].durable)

    @service
    def inner(context: Context) -> list[str]:
        return [context.records.durable]

    @service
    def outer(context: Context) -> list[str]:
        return [context.records.durable, *inner(context)]

    assert outer(platform.context()) == [durable, durable]
    assert inner(platform.context()) == [other]


def test_a_service_is_as_patient_as_its_context_says_also_in_what_it_calls(platform: Platform) -> None:
    @service
    def inner(context: Context) -> float:
        return context.records.wait

    @service
    def outer(context: Context) -> tuple[float, float]:
        return context.records.wait, inner(context)

    assert outer(platform.context(wait=7.0)) == (7.0, 7.0)
    assert outer(platform.context()) == (0.0, 0.0)


@pytest.mark.parametrize("platform", ["airtable"], indirect=True)
def test_a_patient_service_outlives_an_outage(platform: Platform) -> None:
    platform.put("DriverProfiles", _id="driver", display_name="Ada")
    down = {"kind": "status", "status": 503, "match": {"service": platform.side}}
    box = platform.sides.box
    box.faults({**down, "times": None})
    with pytest.raises(SourceDown):
        update_driver(platform.context(), "driver", {"display_name": "Bea"})
    box.faults(clear=True)
    box.faults({**down, "times": 3})
    assert update_driver(platform.context(wait=60.0), "driver", {"display_name": "Cleo"})["display_name"] == "Cleo"
