"""Names of the columns that every table has, and the hint at a name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LEGACY_ID = "Legacy Wix ID"
ORIGINAL = "Wix Original"


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was perhaps meant, or nothing."""
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
