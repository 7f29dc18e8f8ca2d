"""Why a computed value differs: the input fields that cause it.

trace(lambda carrier: match(prefs, carrier), wix_carrier, airtable_carrier)
# "81 → 74 because phy_zip '02121' became 2121"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from runbook.cutover.comparison import differences
from runbook.display import mask
from runbook.json_types import MISSING

_MAX_LENGTH = 40


def trace(
    compute: Callable[[dict[str, Any]], Any],
    wix: Mapping[str, Any],
    airtable: Mapping[str, Any],
    *,
    personal: Callable[[str], bool] = lambda key: False,
) -> str | None:
    """Why `compute(wix)` and `compute(airtable)` differ; None if they are equal.

    The differing fields are exchanged one at a time; fields that do not change the result are not named. `personal`:
    whether the values of a key may not be shown.
    """
    before, after = compute(dict(wix)), compute(dict(airtable))
    if not list(differences(before, after)):
        return None
    reasons = changes(wix, airtable, personal=personal)
    causes = [key for key in reasons if list(differences(compute(_exchanged(airtable, wix, key)), after))]
    if not reasons:
        return f"{before} → {after}, although the inputs are equal"
    together = "" if causes else " (only together)"
    return f"{before} → {after} because {' and '.join(reasons[key] for key in causes or reasons)}{together}"


def changes(
    wix: Mapping[str, Any], airtable: Mapping[str, Any], *, personal: Callable[[str], bool] = lambda key: False
) -> dict[str, str]:
    """The keys that differ, each described: phy_zip '02121' became '2121'. `personal` as in `trace`."""
    return {
        key: f"{key} {_shown(wix, key, personal)} became {_shown(airtable, key, personal)}"
        for key in {**wix, **airtable}
        if list(differences(wix.get(key, MISSING), airtable.get(key, MISSING)))
    }


def _exchanged(base: Mapping[str, Any], other: Mapping[str, Any], key: str) -> dict[str, Any]:
    """`base` with the value that `other` has for one key."""
    changed = dict(base)
    if key in other:
        changed[key] = other[key]
    else:
        changed.pop(key, None)
    return changed


def _shown(item: Mapping[str, Any], key: str, personal: Callable[[str], bool]) -> str:
    value = item.get(key, MISSING)
    if value is MISSING:
        return "nothing"
    if personal(key):
        return mask(value)
    text = value.isoformat() if isinstance(value, datetime) else repr(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
