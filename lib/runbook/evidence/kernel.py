"""Which Python a notebook runs on: what a kernel says of itself, and what evidence may show of it.

Jupyter takes the first kernel named `python3` on its search path (JUPYTER_PATH, the user's folder, the environment),
which may be of another environment, with another release of this package. The kernel itself is asked what it runs.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runbook
from runbook.errors import SettingError
from runbook.evidence.provenance import commit_of

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient

_PACKAGE = Path(runbook.__file__).parent
_SECONDS = 60.0  # until a kernel answers
_ASKED = (
    "__import__('json').dumps([__import__('sys').executable, __import__('sys').prefix,"
    " __import__('importlib.util').util.find_spec('runbook').origin])"
)


async def require_own(client: AsyncKernelClient, name: str) -> None:
    """Raises SettingError if the kernel runs another Python, or another copy of this package, than this process."""
    await client.wait_for_ready(timeout=_SECONDS)
    reply = await client.execute(
        "", silent=True, store_history=False, user_expressions={"own": _ASKED}, reply=True, timeout=_SECONDS
    )
    answer = reply["content"].get("user_expressions", {}).get("own", {})
    try:
        executable, prefix, package = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    except (KeyError, ValueError, SyntaxError, TypeError):
        found = "a kernel without this package"
    else:
        if _same(prefix, sys.prefix) and _same(os.path.dirname(package), _PACKAGE):
            return
        found = f"{executable}, with the package in {os.path.dirname(package)}"
    where = f" JUPYTER_PATH is {os.environ['JUPYTER_PATH']}." if os.environ.get("JUPYTER_PATH") else ""
    raise SettingError(
        f"the kernel {name!r} that Jupyter finds is not this tool's own, so nothing was executed: it is {found}; "
        f"expected {sys.executable}, with the package in {_PACKAGE}.{where} `jupyter kernelspec list` shows where "
        "it is from: remove it there, or unset JUPYTER_PATH"
    )


def _same(one: str | Path, other: str | Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def kernel_facts(project: Path) -> dict[str, Any]:
    """What runs here, for the evidence: the interpreter, the package, its commit and the sha256 of its source.

    Paths are relative to the project; of what lies elsewhere only that it does: a path may hold a person's name.
    """
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "interpreter": _place(Path(sys.executable), project),
        "environment": "virtual environment" if sys.prefix != sys.base_prefix else "system",
        "package": {"path": _place(_PACKAGE, project), **_source()},
    }


def _place(path: Path, project: Path) -> str:
    try:
        return Path(os.path.abspath(path)).relative_to(os.path.abspath(project)).as_posix()
    except ValueError:
        return f"{path.name}, outside the project"


@cache
def _source() -> dict[str, Any]:
    """Of the package as it was loaded; git knows nothing of an installed one, the hash does."""
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(_PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return {**commit_of(_PACKAGE), "sha256": digest.hexdigest()}
