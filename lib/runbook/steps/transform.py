"""Transform: a snapshot into staged rows, the round trip of each checked, or into quarantine with a reason.

    transformed = transform(snapshot, collection, run / "staged", quarantine)
    for row in transformed.rows():
        row.id, row.fields, row.links

Rows stream; only ids stay in memory. The staged file gets its name when it is complete; its metadata is written last.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from runbook import codecs
from runbook import mapping as mapping_module
from runbook.catalog import Collection, column_kinds
from runbook.codecs import same
from runbook.display import mask, plural
from runbook.errors import StepError
from runbook.json_types import Item
from runbook.mapping import Encoded, Mapping, Refusal
from runbook.quarantine import Entry, Quarantine
from runbook.snapshot import Snapshot, dump_line, file_sha256, snapshot_paths
from runbook.staged import Counts, Transformed, is_unchanged

STEP = "transform"
FORMAT = 1
_SECONDS = 0.1  # between progress updates
_BUFFER = 1 << 17
_SHOWN_ID = 300  # characters of an id in a reason


def transform(
    snapshot: Snapshot,
    collection: Collection,
    folder: Path,
    quarantine: Quarantine,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Transformed:
    """Stage a snapshot's rows in `folder` (a run's `staged`); those that cannot be carried over are quarantined.

    A staged file of the same snapshot, catalog and code is kept. Rows are quarantined that have no `_id`, or that of an
    earlier row, that lack a required value, or that have a value which its column cannot hold.
    Raises SourceError where the snapshot cannot be read, StepError where its number of rows is not the one recorded;
    nothing is changed then.
    """
    path, about = snapshot_paths(folder, collection)
    inputs = _inputs(snapshot, collection)
    found = staged(snapshot, collection, folder, quarantine)
    if found is not None:
        if on_progress is not None:
            on_progress(found.exported, found.exported)
        return found
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    tally = _Tally(collection)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with (
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
            io.BufferedWriter(packed, _BUFFER) as lines,
        ):
            _write(snapshot, Mapping(collection), lines.write, tally, on_progress)
            if tally.exported != snapshot.count:
                raise StepError(
                    f"{collection.wix}: the snapshot holds {tally.exported:,} rows and was made of {snapshot.count:,}; "
                    "nothing was staged; export again"
                )
        with part.open("rb") as written:
            os.fsync(written.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    transformed = tally.result(path, file_sha256(part), snapshot.untold)
    # In this order: if it is killed, there is no metadata, and it is done again.
    about.unlink(missing_ok=True)
    quarantine.replace(collection.wix, STEP, tally.entries)
    part.replace(path)
    payload = {"format": FORMAT, "inputs": inputs, **transformed.facts()}
    beside = about.with_name(f"{about.name}.part")
    beside.write_bytes(
        json.dumps(payload, ensure_ascii=False, indent=1, sort_keys=False).encode("utf-8", "backslashreplace")
    )
    beside.replace(about)
    return transformed


def staged(snapshot: Snapshot, collection: Collection, folder: Path, quarantine: Quarantine) -> Transformed | None:
    """What was staged in `folder` from the same snapshot, catalog and code; None where it is not there or not whole."""
    found = _staged(*snapshot_paths(folder, collection), _inputs(snapshot, collection))
    return found if found is not None and quarantine.count(collection.wix, STEP) == found.quarantined else None


def _inputs(snapshot: Snapshot, collection: Collection) -> dict[str, str]:
    return {
        "snapshot": snapshot.sha256,
        "untold": _hash(json.dumps(snapshot.untold).encode()),
        "catalog": _hash(collection.model_dump_json().encode()),
        "code": _code(),
    }


def _write(
    snapshot: Snapshot,
    mapping: Mapping,
    write: Callable[[bytes], Any],
    tally: _Tally,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    report_at = time.monotonic()
    for item in snapshot.items():
        encoded = mapping.to_airtable(item)
        if tally.accept(item, encoded, mapping):
            write(dump_line({"id": encoded.id, "fields": encoded.fields, "links": encoded.links}))
        if on_progress is not None and not tally.exported & 0xFF and time.monotonic() >= report_at:
            on_progress(tally.exported, snapshot.count)
            report_at = time.monotonic() + _SECONDS
    if on_progress is not None:
        on_progress(tally.exported, tally.exported)


class _Tally:
    """Decides on each row, and counts."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.exported = self.staged = 0
        self.entries: list[Entry] = []
        self._seen: set[str] = set()
        self._unique = {f.wix: (f.name, set[Any](), [0]) for f in collection.fields if f.unique and f.wix != "_id"}
        self._counts: dict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._rounded: Counter[str] = Counter()
        self._quarantined = 0

    def accept(self, item: Item, encoded: Encoded, mapping: Mapping) -> bool:
        """Whether the row is staged; otherwise it is added to the quarantine entries."""
        self.exported += 1
        refusals = encoded.refusals
        legacy: str | None = encoded.id or None
        if legacy is not None:
            if legacy in self._seen:
                reason = "an earlier row has this _id"
                shown = legacy if len(legacy) <= _SHOWN_ID else f"{legacy[:_SHOWN_ID]}…"
                refusals = (Refusal("_id", f"{reason}: {shown}", reason), *refusals)
                legacy = None
            else:
                self._seen.add(legacy)
        if not refusals and not self._round_trips(item, encoded, mapping):
            reason = "round trip failed; this is a bug, please report it"
            refusals = (Refusal("", reason, reason),)
        if refusals:
            self._refuse(legacy, refusals)
            return False
        self.staged += 1
        self._count(encoded)
        for key, (_, values, duplicates) in self._unique.items():
            value = item.get(key)
            if value.__class__ in (str, int, float) and value != "":
                duplicates[0] += value in values
                values.add(value)
        return True

    def _round_trips(self, item: Item, encoded: Encoded, mapping: Mapping) -> bool:
        try:
            back = mapping.to_wix(encoded.fields)
            if encoded.lost:
                lost = [key for key, _ in encoded.lost]
                item = {key: value for key, value in item.items() if key not in lost}
                back = {key: value for key, value in back.items() if key not in lost}
            return same(back, item)
        except RecursionError:
            return False

    def _refuse(self, legacy: str | None, refusals: tuple[Refusal, ...]) -> None:
        self._quarantined += 1
        for refusal in refusals:
            self._counts["reasons"][refusal.field][refusal.reason] += 1
        if legacy is not None:
            self.entries += [Entry(STEP, legacy, refusal.field or None, refusal.message) for refusal in refusals]
            return
        # A single entry: rows without an id are counted by entries.
        message = "; ".join([refusals[0].message, *(f"{other.field}: {other.message}" for other in refusals[1:])])
        self.entries.append(Entry(STEP, None, refusals[0].field or None, message))

    def _count(self, encoded: Encoded) -> None:
        counts = self._counts
        for field, reason in encoded.kept:
            counts["kept"][field][reason] += 1
        if encoded.loose:
            for field, reason in encoded.loose:
                counts["loose"][field][reason] += 1
        if encoded.lost:
            for field, reason in encoded.lost:
                counts["lost"][field][reason] += 1
        if encoded.unfilled:
            for field, reason in encoded.unfilled:
                counts["unfilled"][field][reason] += 1
        if encoded.new_choices:
            for column, choices in encoded.new_choices.items():
                personal = self._collection.by_name[column].personal
                counts["new_choices"][column].update(map(mask, choices) if personal else choices)
        if encoded.shown_rounded:
            self._rounded.update(encoded.shown_rounded)

    def result(self, path: Path, sha256: str, untold: tuple[str, ...]) -> Transformed:
        """The result."""
        names = ("reasons", "kept", "loose", "lost", "unfilled", "new_choices")
        counts: dict[str, Counts] = {
            name: {field: dict(reasons.most_common()) for field, reasons in sorted(self._counts[name].items())}
            for name in names
        }
        warnings = [
            f"{key} ({name}) should be unique; {plural(duplicates[0], 'row')} with the value of an earlier row"
            for key, (name, _, duplicates) in self._unique.items()
            if duplicates[0]
        ]
        return Transformed(
            collection=self._collection.wix,
            path=path,
            exported=self.exported,
            staged=self.staged,
            quarantined=self._quarantined,
            shown_rounded=dict(sorted(self._rounded.items())),
            warnings=tuple(warnings),
            sha256=sha256,
            untold=untold,
            **counts,
        )


def _staged(path: Path, about: Path, inputs: dict[str, str]) -> Transformed | None:
    """What was staged before from the same inputs; None where there is none, or it is not complete."""
    try:
        payload = json.loads(about.read_bytes())
        if payload.pop("format") != FORMAT or payload.pop("inputs") != inputs:
            return None
        if not is_unchanged(path, payload["sha256"]):
            return None
        lists = {name: tuple(payload[name]) for name in ("warnings", "untold")}
        return Transformed(**{**payload, **lists, "path": path})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


@cache
def _code() -> str:
    """The hash of the code that converts rows: rows that were staged by other code are staged again."""
    folder = Path(codecs.__file__).parent
    modules = [column_kinds.__file__, mapping_module.__file__, __file__]
    sources = [*sorted(folder.glob("*.py")), *map(Path, modules)]
    return _hash(b"".join(source.read_bytes() for source in sources))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
