"""Names that mean the same though they are written another way."""

from __future__ import annotations

import re
from collections.abc import Iterable


def plain_name(name: str) -> str:
    """Letters and digits alone, in lower case: what stays when a name is written another way."""
    return re.sub(r"[\W_]+", "", name).casefold()


def similar_name(name: str, names: Iterable[str]) -> str | None:
    """The name that differs by case and punctuation alone, or by a plural's s."""
    wanted = plain_name(name).rstrip("s")
    return next((other for other in names if other != name and plain_name(other).rstrip("s") == wanted), None)
