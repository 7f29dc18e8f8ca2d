"""Names compared regardless of spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable


def plain_name(name: str) -> str:
    """Letters and digits only, in lower case: the same for all spellings of a name."""
    return re.sub(r"[\W_]+", "", name).casefold()


def similar_name(name: str, names: Iterable[str]) -> str | None:
    """A name that differs only by case, punctuation or a plural's s."""
    plain = plain_name(name).rstrip("s")
    return next((other for other in names if other != name and plain_name(other).rstrip("s") == plain), None)
