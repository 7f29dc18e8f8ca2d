"""Why a figure differs: the fields of its inputs that make the difference.

trace(lambda carrier: match(prefs, carrier), wix_carrier, airtable_carrier, shown=…)
# "81 → 74 because phy_zip '02121' became 2121"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from runbook.cutover.answers import differences
from runbook.display import mask
from runbook.json_types import MISSING

_LONGEST = 40


def trace(
    figure: Callable[[dict[str, Any]], Any],
    wix: Mapping[str, Any],
    airtable: Mapping[str, Any],
    *,
    personal: Callable[[str], bool] = lambda key: False,
) -> str | None:
    """What turned `figure(wix)` into `figure(airtable)`, in words; None where they are equal.

    Of the fields that differ, one is exchanged at a time: those that leave the figure as it was are not named.
    `personal` says of which keys no value may be shown.
    """
    before, after = figure(dict(wix)), figure(dict(airtable))
    if not list(differences(before, after)):
        return None
    reasons = changes(wix, airtable, personal=personal)
    causes = [key for key in reasons if list(differences(figure(_exchanged(airtable, wix, key)), after))]
    if not reasons:
        return f"{before} → {after}, though the inputs are the same"
    together = "" if causes else " (only together)"
    return f"{before} → {after} because {' and '.join(reasons[key] for key in causes or reasons)}{together}"


def changes(
    wix: Mapping[str, Any], airtable: Mapping[str, Any], *, personal: Callable[[str], bool] = lambda key: False
) -> dict[str, str]:
    """Which keys differ, each in words: phy_zip '02121' became '2121'. `personal` as in `trace`."""
    return {
        key: f"{key} {_shown(wix, key, personal)} became {_shown(airtable, key, personal)}"
        for key in {**wix, **airtable}
        if list(differences(wix.get(key, MISSING), airtable.get(key, MISSING)))
    }


def _exchanged(base: Mapping[str, Any], other: Mapping[str, Any], key: str) -> dict[str, Any]:
    """`base` with one key as `other` has it."""
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
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
