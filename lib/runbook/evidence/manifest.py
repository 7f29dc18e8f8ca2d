"""The manifest of a run: its parameters, its results, and the sha256 of every file in its folder.

`write_manifest` is called after each phase of a run and replaces the file. `verify` reads only the folder and its
neighbours. Each manifest contains the hash of the previous run's manifest, so runs form a chain.

Its limit: whoever can write the folder can write a new manifest. Protections against that are the chain, the sign-off,
which contains the manifest's hash, and the history of the repository in which runs are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.display import Shown, Table, plural
from runbook.errors import TamperedRun
from runbook.evidence.folder import EXECUTED, HELD_BACK, OUTCOMES, READINGS, SIGN_OFF, RunFolder, read_json, write_json
from runbook.evidence.provenance import commit_of, versions

MANIFEST = "manifest.json"
FORMAT = 1
_NUMBERS = ("exported", "loaded", "quarantined", "verified", "unexplained")


@dataclass(frozen=True)
class Verified(Shown):
    """A run folder compared with its manifest. `problems`: (file, problem); `notes`: what is allowed to differ."""

    run_id: str
    manifest_sha256: str
    files: int
    absent: int
    signed_by: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the folder matches its manifest."""
        return not self.problems

    def table(self) -> Table:
        """One row per problem; else one row that says that there is none."""
        rows = [("failed", file, problem) for file, problem in self.problems]
        summary = f"{plural(self.files - self.absent, 'file')} as in the manifest"
        notes = (f"manifest sha256 {self.manifest_sha256}", *self.notes)
        return Table(
            f"Run {self.run_id}", ("verdict", "file", "details"), rows or [("passed", "all files", summary)], notes
        )

    def facts(self) -> dict[str, Any]:
        """For evidence."""
        return {
            "run_id": self.run_id,
            "manifest_sha256": self.manifest_sha256,
            "problems": [list(problem) for problem in self.problems],
            "signed_by": list(self.signed_by),
            "notes": list(self.notes),
        }

    def require(self) -> Verified:
        """The result itself. Raises TamperedRun, with every file, if there is a problem."""
        if self.problems:
            problems = "\n  ".join(f"{file}: {problem}" for file, problem in self.problems)
            raise TamperedRun(f"run {self.run_id} differs from its manifest:\n  {problems}")
        return self


def write_manifest(folder: RunFolder) -> Path:
    """Write manifest.json from the files in the folder. Raises SettingError if the run is signed and has changed."""
    with _locked(folder):
        return _write_manifest(folder)


def _write_manifest(folder: RunFolder) -> Path:
    path = folder.path / MANIFEST
    before = read_json(path) if path.exists() else None
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    manifest = _content(folder, before, now)
    if before is not None and {**manifest, "written": None} == {**_plain_json(before), "written": None}:
        return path
    folder.require_unsealed()
    if before is not None:
        manifest["former"] = [*before.get("former", ()), sha256(path)]
    write_json(path, manifest)
    return path


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """One process at a time: of two phases in one run, the one that writes last has seen the files of both."""
    with ExitStack() as stack:
        with suppress(ImportError, OSError):  # this platform, or this file system, has no locks on folders
            import fcntl

            held = os.open(folder.path, os.O_RDONLY)
            stack.callback(os.close, held)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _content(folder: RunFolder, before: dict[str, Any] | None, now: str) -> dict[str, Any]:
    run = folder.read_evidence("run", "run") or {}
    first = _first_written(before) if before else now
    phases = {slug: _phase(folder, slug) for slug in folder.phases()}
    return {
        "format": FORMAT,
        "run_id": folder.run_id,
        "begun": run.get("begun") or (before["begun"] if before else now),
        "first_written": first,
        "written": now,
        "environment": run.get("environment"),
        "source": run.get("source"),
        "dry_run": run.get("dry_run"),
        "versions": versions(),
        # The code that wrote the manifest; each notebook records the code that executed it.
        **({k: before.get(k) for k in ("commit", "dirty")} if before else commit_of(Path(__file__).parent)),
        "phases": phases,
        "previous": before["previous"] if before else _previous(folder.path, now),
        "former": list(before.get("former", ())) if before else [],
        "files": _files(folder),
    }


def _phase(folder: RunFolder, slug: str) -> dict[str, Any]:
    """One phase, from its notebook and its evidence.

    `status`: passed, failed, "nothing to do", or "not executed" headless.
    """
    executed = None
    for status in OUTCOMES:
        if (folder.path / f"{slug}.{status}.ipynb").exists():
            executed = folder.path / f"{slug}.{status}.ipynb"
    metadata = read_json(executed).get("metadata", {}) if executed else {}
    stamp = metadata.get("runbook", {})
    gate = folder.read_evidence(slug, "gate") or {}
    requests = folder.read_evidence(slug, "requests") or {}
    collections = folder.read_evidence(slug, "collections") or {}
    kernel = folder.read_evidence(slug, "kernel")  # of older versions: none
    status = "not executed"
    if executed:  # the content decides, not the file name
        green = stamp.get("status") in ("passed", "nothing-to-do") and not gate.get("reasons")
        named_green = executed.name.split(".")[-2] != "failed"
        status = "failed" if not (green and named_green) else "nothing to do" if gate.get("nothing_to_do") else "passed"
    return {
        "status": status,
        "notebook": executed.name if executed else None,
        "error": stamp.get("error"),
        "started": stamp.get("started"),
        "finished": stamp.get("finished"),
        "commit": stamp.get("commit"),
        "dirty": stamp.get("dirty"),
        "parameters": metadata.get("papermill", {}).get("parameters"),
        "gate": {"passed": gate.get("passed"), "reasons": gate.get("reasons", [])} if gate else None,
        **({"kernel": kernel} if kernel else {}),
        "requests": requests.get("count"),
        "limited": requests.get("limited"),
        "collections": {
            name: {**{key: facts.get(key) for key in _NUMBERS}, "green": facts.get("green")}
            for name, facts in collections.items()
            if isinstance(facts, dict)
        },
    }


def _files(folder: RunFolder) -> dict[str, dict[str, Any]]:
    files = {}
    for name, path in _present(folder.path).items():
        if (match := EXECUTED.fullmatch(name)) and match["status"] == "running":
            continue  # it changes with every cell, and is renamed at the end
        files[name] = {"sha256": sha256(path), "size": path.stat().st_size}
        if name.split("/")[0] in HELD_BACK:
            files[name]["held_back"] = True
    return files


def _present(folder: Path) -> dict[str, Path]:
    """All files of a run except the manifest, the sign-off, and temporary files (their names begin with a dot)."""
    found = {}
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {READINGS})
        for name in sorted(names):
            path = Path(at) / name
            relative = path.relative_to(folder).as_posix()
            writing = name.startswith(".") and name.endswith((".partial", ".lock", ".tmp"))
            if relative not in (MANIFEST, SIGN_OFF) and not writing:
                found[relative] = path
        for name in folders:
            if (Path(at) / name).is_symlink():
                found[(Path(at) / name).relative_to(folder).as_posix()] = Path(at) / name
    return found


def _previous(folder: Path, now: str) -> dict[str, str] | None:
    """The run in the same folder whose manifest was first written last before this one's, and its manifest's hash.

    Not the run that was begun last: of two at the same time, the chain would leave one out.
    """
    last: tuple[str, Path] | None = None
    for path in folder.parent.glob(f"*/{MANIFEST}"):
        if path.parent == folder:
            continue
        try:
            first = _first_written(read_json(path))
        except TamperedRun:
            continue
        if first < now and (last is None or (first, path.parent.name) > (last[0], last[1].parent.name)):
            last = (first, path)
    return {"run_id": last[1].parent.name, "manifest_sha256": sha256(last[1])} if last else None


def _first_written(manifest: dict[str, Any]) -> str:
    return str(manifest.get("first_written") or manifest.get("begun"))  # older versions: the same time


def verify(folder: Path | RunFolder) -> Verified:
    """Compare a run folder with its manifest, its sign-offs and its neighbours. Reads only.

    Held-back files may be absent, which is noted; those that exist must match. Raises TamperedRun if there is no
    readable manifest.
    """
    root = folder.path if isinstance(folder, RunFolder) else Path(folder).absolute()
    path = root / MANIFEST
    if not path.is_file():
        raise TamperedRun(f"run {root.name} has no {MANIFEST}; it is written at the first gate")
    digest = sha256(path)
    manifest = read_json(path)
    problems: list[tuple[str, str]] = []
    if manifest.get("format") != FORMAT or not isinstance(manifest.get("files"), dict):
        raise TamperedRun(f"run {root.name}: this version cannot read {MANIFEST} (expected format {FORMAT})")
    if manifest.get("run_id") != root.name:
        problems.append((MANIFEST, f"belongs to run {manifest.get('run_id')!r}, but the folder is {root.name!r}"))
    listed, present = manifest["files"], _present(root)
    absent = []
    for name, entry in listed.items():
        file = present.pop(name, None)
        if file is None:
            if entry.get("held_back"):
                absent.append(name)
            else:
                problems.append((name, "is missing"))
        elif file.is_symlink():
            problems.append((name, "is now a symbolic link"))
        elif (size := file.stat().st_size) != entry.get("size"):
            problems.append((name, f"was changed: {size:,} bytes, {entry.get('size'):,} in the manifest"))
        elif sha256(file) != entry.get("sha256"):
            problems.append((name, "was changed: its sha256 differs"))
    for name in present:
        running = (match := EXECUTED.fullmatch(name)) is not None and match["status"] == "running"
        problems.append((name, "is being executed, or was killed" if running else "is not in the manifest"))
    if not problems:
        problems += _differences(root, manifest)
    notes = [f"{plural(len(absent), 'held-back file')} absent (snapshots, staged)"] if absent else []
    signed_by = _check_sign_offs(root, digest, problems)
    notes.append(f"signed by {', '.join(signed_by)}" if signed_by else "not signed")
    _check_chain(root, manifest, digest, problems, notes)
    return Verified(root.name, digest, len(listed), len(absent), signed_by, tuple(problems), tuple(notes))


def _differences(root: Path, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Compare the phases in the manifest with the notebooks and the evidence they were taken from."""
    folder = RunFolder.at(root)
    try:
        now = {slug: _phase(folder, slug) for slug in folder.phases()}
    except (TamperedRun, OSError) as error:
        return [(MANIFEST, f"its phases cannot be read again: {error}")]
    now = _plain_json(now)
    recorded = manifest.get("phases", {})
    return [
        (MANIFEST, f"differs from the notebook and the evidence of {slug}")
        for slug in sorted({*now, *recorded})
        if now.get(slug) != recorded.get(slug)
    ]


def _check_sign_offs(root: Path, digest: str, problems: list[tuple[str, str]]) -> tuple[str, ...]:
    path = root / SIGN_OFF
    if not path.exists():
        return ()
    try:
        entries = read_json(path)["signatures"]
        signed = [(str(entry["who"]), str(entry["manifest_sha256"])) for entry in entries]
    except (TamperedRun, KeyError, TypeError) as error:
        problems.append((SIGN_OFF, f"cannot be read: {error}"))
        return ()
    for who, of in signed:
        if of != digest:
            problems.append((SIGN_OFF, f"{who} signed the manifest {of[:12]}…; it is now {digest[:12]}…"))
    return tuple(who for who, of in signed if of == digest)


def _check_chain(
    root: Path, manifest: dict[str, Any], digest: str, problems: list[tuple[str, str]], notes: list[str]
) -> None:
    """Check the manifest of the previous run, and this one against later runs, as far as those exist."""
    previous = manifest.get("previous")
    if previous:
        before = root.parent / str(previous["run_id"]).replace("/", "_") / MANIFEST
        if not before.is_file():
            notes.append(f"the previous run, {previous['run_id']}, is absent: the chain was not checked")
        else:
            known = _states(before)
            if previous["manifest_sha256"] not in known:
                problems.append((f"../{before.parent.name}/{MANIFEST}", "is not the one that this run refers to"))
            elif known[0] != previous["manifest_sha256"]:
                notes.append(f"the previous run, {previous['run_id']}, has continued since")
    mine = [digest, *manifest.get("former", ())]
    for path in sorted(root.parent.glob(f"*/{MANIFEST}")):
        if path.parent == root:
            continue
        try:
            after = read_json(path).get("previous") or {}
        except TamperedRun:
            continue
        if after.get("run_id") == root.name and after.get("manifest_sha256") not in mine:
            problems.append((MANIFEST, f"is not the one that run {path.parent.name} refers to"))


def _states(path: Path) -> list[str]:
    try:
        return [sha256(path), *map(str, read_json(path).get("former", ()))]
    except TamperedRun:
        return [sha256(path)]


def sha256(path: Path) -> str:
    """The hash of a file's bytes; for a symbolic link, of its target path: the target is not part of the run."""
    if path.is_symlink():
        return hashlib.sha256(str(path.readlink()).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain_json(value: Any) -> Any:
    return json.loads(json.dumps(value))
