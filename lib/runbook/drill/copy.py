"""The copy that a drill works on: servers, state, base and runs of its own, in a folder of its own.

    with open_copy(platform, "live", ["Carriers"], keep=False) as copy:
        open_run(copy.platform, 3, env=copy.env)

The site is filled with the newest snapshots that the environment has exported, else with the sample site. Nothing else
of the environment is read, and nothing of it is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runbook.catalog import Catalog, Collection
from runbook.errors import SettingError, SourceError
from runbook.evidence.runs import known_runs
from runbook.local import stop_local_servers
from runbook.platform import Platform
from runbook.run.sources import WIX
from runbook.settings import read_home, read_runs, read_settings
from runbook.snapshot import Snapshot, dump_line, snapshot_paths

SAMPLE_SCALE = "0.2"
_PASSED_ON = ("RUNBOOK_PLAN", "RUNBOOK_SANDBOX_RATE", "RUNBOOK_SANDBOX_SCALE")
_OTHER_TYPES = {
    "phone": "TEXT",
    "richtext": "RICH_TEXT",
    "richcontent": "RICH_CONTENT",
    "gallery": "MEDIA_GALLERY",
    "tags": "ARRAY_STRING",
    "multireference": "MULTI_REFERENCE",
}  # the catalog's Wix types whose name in the Collections API is not theirs in capitals


@dataclass(frozen=True)
class Copy:
    """`platform` and `env`: to be passed on instead of the environment's. `filled`: with what, for people."""

    platform: Platform
    env: dict[str, str]
    folder: Path
    filled: str


@contextmanager
def open_copy(
    platform: Platform,
    environment: str,
    names: Iterable[str],
    *,
    keep: bool,
    env: Mapping[str, str] | None = None,
) -> Iterator[Copy]:
    """Make the copy of some collections; its servers stop with the block, and unless `keep` its folder is removed.

    One that a killed process left is removed first. Raises SettingError where another drill is in progress.
    """
    given = os.environ if env is None else env
    folder = read_home(environment, platform, env)[0] / "drill" / environment
    own = {
        "RUNBOOK_SANDBOX_SCALE": SAMPLE_SCALE,
        **{name: given[name] for name in _PASSED_ON if given.get(name)},
        "RUNBOOK_HOME": str(folder),
        "RUNBOOK_RUNS": str(folder / "runs"),
    }
    snapshots = newest_snapshots(read_runs(platform, env), environment, platform.catalog, names)
    filled, copied = "the sample site", platform
    if snapshots:
        taken = min(snapshot.taken for snapshot in snapshots.values())
        filled = f"the newest exported snapshots, the oldest of {taken[:10]}"
        copied = replace(platform, write_sample=_WriteSnapshots(platform.catalog, snapshots))
    settings = read_settings("sandbox", copied, own)
    with _private(), _alone(folder, environment):
        stop_local_servers(settings)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield Copy(copied, own, folder, filled)
        finally:
            stop_local_servers(settings)
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


def newest_snapshots(runs: Path, environment: str, catalog: Catalog, names: Iterable[str]) -> dict[str, Snapshot]:
    """The newest readable snapshot of each collection that runs of this environment have exported from the site."""
    stamps = [run for run in known_runs(runs) if run.stamp.get("environment") == environment]
    folders = [run.path / "snapshots" for run in stamps if run.stamp.get("source") == WIX]
    found = {}
    for name in names:
        for _, folder in sorted(((_taken(folder, name), folder) for folder in folders), reverse=True):
            try:
                snapshot = Snapshot.read(folder, catalog.collection(name))
            except SourceError:
                continue
            if snapshot is not None and not snapshot.absent:
                found[name] = snapshot
                break
    return found


def _taken(folder: Path, name: str) -> str:
    try:
        return str(json.loads(snapshot_paths(folder, name)[1].read_text(encoding="utf-8")).get("taken", ""))
    except (OSError, ValueError, AttributeError):
        return ""


@contextmanager
def _private() -> Iterator[None]:
    """Files made in the block are for their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _alone(folder: Path, environment: str) -> Iterator[None]:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder.parent / f"{environment}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingError(
                f"another drill of the environment {environment!r} is in progress; nothing was done. Run it again when "
                "that one has finished"
            ) from None
        yield


class _WriteSnapshots:
    """Writes a site's folder from snapshots, as a platform writes its sample site."""

    def __init__(self, catalog: Catalog, snapshots: Mapping[str, Snapshot]) -> None:
        self._catalog, self._snapshots = catalog, snapshots

    def __call__(self, folder: Path, *, seed: int, scale: float) -> None:
        ids: dict[str, set[str]] = {}
        for name, snapshot in self._snapshots.items():
            ids[name] = set()
            with (folder / f"{name.replace('/', '%2F')}.jsonl").open("wb") as lines:
                for item in snapshot.items():
                    ids[name].add(item["_id"])
                    lines.write(dump_line(item))
        described = [self._described(self._catalog.collection(name), ids) for name in self._snapshots]
        (folder / "collections.json").write_text(json.dumps(described))

    def _described(self, c: Collection, ids: Mapping[str, set[str]]) -> dict[str, Any]:
        """A collection in the format of the Collections API. The catalog does not say where references lead."""
        fields = []
        for field in c.fields:
            if field.wix.startswith("_"):
                continue
            kind = _OTHER_TYPES.get(field.wix_type, field.wix_type.upper())
            entry: dict[str, Any] = {"key": field.wix, "displayName": field.name, "type": kind}
            if kind in ("REFERENCE", "MULTI_REFERENCE"):
                part = "reference" if kind == "REFERENCE" else "multiReference"
                target = self._target(c, field.wix, ids)
                entry["typeMetadata"] = {part: {"referencedCollectionId": target}}
            fields.append(entry)
        described: dict[str, Any] = {"id": c.wix, "displayName": c.table, "fields": fields}
        if self._snapshots[c.wix].drafts:
            described["plugins"] = [{"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}]
        return described

    def _target(self, c: Collection, key: str, ids: Mapping[str, set[str]]) -> str:
        """The collection that a reference leads to: of a link by it, else the one that has most of the ids."""
        for link in c.links:
            if link.on.get(key) == "_id":
                return link.to
        counts = Counter[str]()
        for item in self._snapshots[c.wix].items():
            value = item.get(key)
            for one in value if isinstance(value, list) else [value]:
                counts.update(name for name, known in ids.items() if one in known)
        return counts.most_common(1)[0][0] if counts else c.wix
