"""The decision of the three-way merge, one value at a time. The same table stands in docs/never_overwritten.md."""

from __future__ import annotations

from enum import Enum


class Decision(Enum):
    """What happens with a value."""

    UNCHANGED = "unchanged"
    WRITE = "write"
    KEEP = "keep"
    AGREE = "agree"
    CONFLICT = "conflict"


def decide(*, known: bool, wix_changed: bool, airtable_changed: bool, equal: bool) -> Decision:
    """Decide on one value. `known`: both sides once agreed on it; where not, `*_changed` are ignored.

    | last agreed | Wix       | Airtable                    | decision                                 |
    |-------------|-----------|-----------------------------|------------------------------------------|
    | known       | unchanged | unchanged                   | unchanged                                |
    | known       | changed   | unchanged                   | write: Wix's value is written            |
    | known       | unchanged | changed                     | keep: edited in Airtable                 |
    | known       | changed   | changed, to the same        | agree: taken as written                  |
    | known       | changed   | changed, to something else  | conflict                                 |
    | unknown     | x         | x                           | agree: adopted as written                |
    | unknown     | x         | something else              | conflict                                 |
    """
    if not known:
        return Decision.AGREE if equal else Decision.CONFLICT
    if not airtable_changed:
        return Decision.WRITE if wix_changed else Decision.UNCHANGED
    if equal:
        return Decision.AGREE
    return Decision.CONFLICT if wix_changed else Decision.KEEP
