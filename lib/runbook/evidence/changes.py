"""What a run did to the rows of each collection in Airtable: created, updated, deleted, unchanged.

Counted over all loads of the run, so that what an earlier attempt did is still shown when the last one has nothing to
do. `unchanged` is the last load's.
"""

from __future__ import annotations

from collections.abc import Mapping

from runbook.display import plural
from runbook.evidence.folder import RunFolder

EVIDENCE = "changes"
WRITTEN = ("created", "updated", "deleted")
COUNTS = (*WRITTEN, "unchanged")

Changes = dict[str, dict[str, int]]  # collection -> count by name


def read_changes(folder: RunFolder, slug: str) -> Changes:
    """The counts of a phase by collection; empty before its first load."""
    return folder.read_evidence(slug, EVIDENCE) or {}


def add_changes(folder: RunFolder, slug: str, loads: Mapping[str, Mapping[str, int]]) -> None:
    """Add the counts of a load by collection. Its `deleted` is that of the whole run already."""
    found = read_changes(folder, slug)
    for name, counts in loads.items():
        before = found.get(name, {})
        found[name] = {
            **{key: before.get(key, 0) + counts[key] for key in ("created", "updated")},
            **{key: counts[key] for key in ("deleted", "unchanged")},
        }
    folder.write_evidence(slug, EVIDENCE, found)


def as_text(counts: Mapping[str, int]) -> str:
    """`3 created, 1 updated, 0 deleted, 57 unchanged`."""
    return ", ".join(f"{counts.get(key, 0):,} {key}" for key in COUNTS)


def console_lines(changes: Changes) -> list[str]:
    """A line for each collection of which rows were written or deleted, and one for the others."""
    changed = [name for name, counts in changes.items() if any(counts.get(key) for key in WRITTEN)]
    lines = [f"{name}: {as_text(changes[name])}" for name in changed]
    rest = [counts["unchanged"] for name, counts in changes.items() if name not in changed]
    if rest:
        others = "others" if changed else plural(len(rest), "collection")
        lines.append(f"{others}: nothing written, {plural(sum(rest), 'row')} unchanged")
    return lines
