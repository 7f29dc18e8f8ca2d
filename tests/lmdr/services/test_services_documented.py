"""The README names every service, and beside it the flags that it obeys."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from lmdr.platform import PLATFORM

CATALOG = PLATFORM.catalog
FOLDER = PLATFORM.root / "lib/lmdr/services"
README = (PLATFORM.root / "README.md").read_text()
KEPT = {staying.wix for staying in CATALOG.kept}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[Path]:
    """The other modules of the services that a module imports, and what they import."""
    found = {path}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lmdr.services"):
            inner = FOLDER.joinpath(*str(node.module).split(".")[2:])
            for other in (inner.with_suffix(".py"), *(inner / f"{alias.name}.py" for alias in node.names)):
                if other.exists() and other != path:
                    found |= imports(other)
    return frozenset(found)


def flags(path: Path) -> set[str]:
    """The flags of every collection that a module, or one that it imports, speaks of."""
    texts = {
        node.value
        for module in imports(path)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {CATALOG.collection(name).flag for name in texts & set(CATALOG.collections)}


def is_service(path: Path) -> bool:
    decorators = [
        getattr(d.func if isinstance(d, ast.Call) else d, "id", "")
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef)
        for d in node.decorator_list
    ]
    return bool({"service", "admitted"} & set(decorators)) or path.stem == "http_functions"


def name_of(path: Path) -> str:
    """`admin/audit` for `services/admin/audit.py`."""
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def test_the_readme_names_every_service_and_its_flags() -> None:
    answer = {
        row[0]: set(re.findall(r"\w+", row[1]))
        for row in re.findall(r"^\| `([\w/]+)` \| [^|]+ \| ([^|]+) \|$", README, re.MULTILINE)
    }
    existing = {name_of(path): flags(path) for path in FOLDER.rglob("*.py") if is_service(path)}
    assert len(existing) > 25
    assert {name: answer.get(name) for name in existing} == existing
