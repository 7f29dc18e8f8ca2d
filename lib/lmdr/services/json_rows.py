"""For services that deal with the outside: a look into JSON that others write, and rows of which there is to be one."""

from __future__ import annotations

import uuid
from typing import Any


def part(value: Any, *path: str | int) -> Any:
    """What lies at a path in JSON; None where the path ends before."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def row_id(kind: str, of: str) -> str:
    """The `_id` of a row that there is once for something outside, so that two who add it at one time meet."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{of}"))
