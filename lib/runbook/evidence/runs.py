"""Which run goes on: the named one, a new one of a name, or the newest that is open.

    find_run(runs, make_stamp("live", "wix", base="app…"), phases=["02_content"])

Each run has a stamp, what it was opened with: kind, environment, source, dry_run, base (None until there is one), and
the time at which it began. A run is open until it is signed, or the phases that are asked for have passed in it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.errors import SettingError, TamperedRun
from runbook.evidence.folder import RunFolder, check_name, new_run_id, read_json
from runbook.evidence.manifest import MANIFEST

MIGRATION, FOLLOW = "migration", "follow"
_SHOWN = 5  # runs named where none has the name that was given


@dataclass(frozen=True)
class KnownRun:
    """A run in the folder of runs. `begun`: ISO time in UTC."""

    path: Path
    stamp: dict[str, Any]
    begun: str

    @property
    def folder(self) -> RunFolder:
        """Its folder."""
        return RunFolder(self.path)


def make_stamp(
    environment: str, source: str, *, dry_run: bool = False, base: str | None = None, kind: str = MIGRATION
) -> dict[str, Any]:
    """What a run is opened with. `source`: the source's label; `kind`: "migration", or the name of another notebook."""
    return {"kind": kind, "environment": environment, "source": source, "dry_run": dry_run, "base": base}


def find_run(
    runs: Path,
    stamp: Mapping[str, Any],
    *,
    run_id: str | None = None,
    new_run: str | None = None,
    phases: Sequence[str],
    suffix: str = "",
) -> RunFolder:
    """The folder of the run that goes on, or of a new one. Raises SettingError before anything is written.

    `run_id`: this run, which must exist. `new_run`: a new run of this name; the same call again goes on with it.
    Neither: the newest open run with this stamp, else a new one, whose name ends with `suffix`; of a kind other than a
    migration or `follow` always a new one. `phases`: the notebooks that are to be executed in it.
    """
    check_run(runs, stamp, run_id=run_id, new_run=new_run, phases=phases)
    if run_id is None and new_run is None and (found := _open_run(runs, stamp, phases)) is not None:
        return found.folder
    folder = RunFolder(runs / (run_id or new_run or new_run_id() + suffix))
    if not _stamp_file(folder.path).exists():
        begun = datetime.now(UTC).isoformat(timespec="milliseconds")
        folder.write_evidence("run", "run", {**stamp, "begun": begun})
    return folder


def check_run(
    runs: Path, stamp: Mapping[str, Any], *, run_id: str | None, new_run: str | None, phases: Sequence[str] = ()
) -> None:
    """Check a run's name against the runs that exist. Raises SettingError; writes nothing.

    `stamp`: what is known of it so far; a part that it lacks is not compared.
    """
    if run_id is not None and new_run is not None:
        raise SettingError("run_id and new_run are both set: set run_id to go on with a run, or new_run to begin one")
    name = run_id if run_id is not None else new_run
    if name is None:
        return
    path = runs / check_name(name, "run_id" if run_id is not None else "new_run")
    if not _stamp_file(path).exists():
        if run_id is not None:
            raise SettingError(
                f"{_unknown(runs, run_id)}. Leave run_id out to go on with the open run, or begin one of this name "
                "with new_run (--new-run)"
            )
        return
    RunFolder.at(path).require_unsealed()
    _check_stamp(name, read_json(_stamp_file(path)), stamp)
    if new_run is not None and _finished(path, phases):
        raise SettingError(
            f"there is a run {name} already, and it has finished; nothing was done. Set run_id to {name} (--run-id) to "
            "repeat its phases in it, or begin one of another name"
        )


def run_with_manifest(runs: Path, name: str) -> Path:
    """The folder of a run that has a manifest, by its name or its path. Raises SettingError."""
    for path in (Path(name), runs / name):
        if (path / MANIFEST).is_file():
            return path
    if (runs / name / "evidence").is_dir() and name:
        raise SettingError(
            f"run {name} has no {MANIFEST} yet: it is written at a phase's gate. Run its phases to the end: "
            f"`runbook run … --run-id {name}`"
        )
    names = [run.path.name for run in known_runs(runs) if (run.path / MANIFEST).is_file()]
    raise SettingError(f"{name}: no run with a manifest{_near(name, names)}; in {runs} {_newest(names)}")


def named_run(runs: Path, name: str) -> RunFolder | None:
    """The folder of the run of this name; None if there is none."""
    return RunFolder(runs / name) if _stamp_file(runs / check_name(name)).exists() else None


def existing_run(runs: Path, run_id: str) -> KnownRun:
    """A run by its name, to be read: it may be signed. Raises SettingError."""
    path = runs / check_name(run_id)
    if not _stamp_file(path).exists():
        raise SettingError(_unknown(runs, run_id))
    return _known_run(path)


def set_base(folder: RunFolder, base: str) -> None:
    """Record the base of a run that was opened before there was one."""
    stamp = folder.read_evidence("run", "run") or {}
    if stamp.get("base") != base:
        folder.write_evidence("run", "run", {**stamp, "base": base})


def known_runs(runs: Path) -> list[KnownRun]:
    """Every run with a readable stamp, the newest first, by the time at which it began."""
    return sorted(_known(runs), key=lambda run: (run.begun, run.path.name), reverse=True)


def _known(runs: Path) -> Iterator[KnownRun]:
    for path in runs.glob("*/evidence/run/run.json"):
        if path.parents[2].is_symlink():
            continue
        try:
            yield _known_run(path.parents[2])
        except TamperedRun:
            continue  # named where it is asked for


def _known_run(path: Path) -> KnownRun:
    stamp = read_json(_stamp_file(path))
    # Runs of older versions do not say when they began.
    begun = stamp.get("begun") or datetime.fromtimestamp(_stamp_file(path).stat().st_mtime, UTC).isoformat()
    return KnownRun(path, stamp, str(begun))


def _open_run(runs: Path, stamp: Mapping[str, Any], phases: Sequence[str]) -> KnownRun | None:
    """The newest unsigned run with this stamp, unless every phase has passed in it."""
    if stamp["kind"] not in (MIGRATION, FOLLOW):
        return None
    for run in known_runs(runs):
        same = all(key in run.stamp and run.stamp[key] == value for key, value in stamp.items())
        if same and not RunFolder.at(run.path).sealed:
            return None if _finished(run.path, phases) else run
    return None


def _finished(path: Path, phases: Sequence[str]) -> bool:
    gates = [RunFolder.at(path).read_evidence(slug, "gate") or {} for slug in phases]
    return bool(gates) and all(gate.get("passed") or gate.get("nothing_to_do") for gate in gates)


def _check_stamp(run_id: str, known: Mapping[str, Any], stamp: Mapping[str, Any]) -> None:
    """A run goes on with what it was opened with. Raises SettingError."""
    known = {"kind": MIGRATION, **known}
    compared = {key: value for key, value in stamp.items() if key != "base"}
    if {key: known.get(key) for key in compared} != compared:
        raise SettingError(
            f"run {run_id} was opened with {_as_text(known)}; now given: {_as_text(stamp)}. Use another run_id, or none"
        )
    if "base" in stamp and known.get("base") not in (None, stamp["base"]):
        raise SettingError(
            f"run {run_id} belongs to base {known['base']}, and this environment's is {stamp['base'] or 'not known'}; "
            "nothing was done. Use another run_id, or none"
        )


def _unknown(runs: Path, run_id: str) -> str:
    names = [run.path.name for run in known_runs(runs)]
    return f"there is no run {run_id!r}{_near(run_id, names)}; {_newest(names)}"


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _newest(names: Sequence[str]) -> str:
    return f"the newest are {', '.join(names[:_SHOWN])}" if names else "there is none yet"


def _as_text(stamp: Mapping[str, Any]) -> str:
    dry = ", dry_run" if stamp.get("dry_run") else ""
    dry += f", notebook {stamp['kind']}" if stamp.get("kind", MIGRATION) != MIGRATION else ""
    return f"environment={stamp.get('environment')!r}, source={stamp.get('source')!r}{dry}"


def _stamp_file(path: Path) -> Path:
    return path / "evidence/run/run.json"
