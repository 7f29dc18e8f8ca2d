"""Open a drill: the steps of the rollback's notebook, all of them on a copy.

drill = open_drill(platform, environment="live", phase=3, writes=100)
drill.drill()           # rehearses; nothing of the environment is changed but the verdict in its state
drill.verdict()
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from runbook.commands.rollback import SLUG, SOURCE, Rollback, open_rollback
from runbook.commands.run import Headless
from runbook.display import Page, Table, plural
from runbook.drill.copy import open_copy
from runbook.drill.rehearsal import Outcome, Rehearsal
from runbook.drill.result import Drilled
from runbook.errors import CheckFailed, SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.evidence.manifest import write_manifest
from runbook.evidence.runs import find_run, make_stamp
from runbook.parameters import check_types, known_flag, known_phase
from runbook.platform import Platform
from runbook.settings import read_home, read_runs
from runbook.state import DrillResult, State

KIND = "drill"
WRITES = 100
SEED = 7
_UNTOUCHED = "Nothing of this environment is read, written or turned."


class Drill:
    """An opened drill. It has the steps of a rollback, so that one notebook drives both."""

    def __init__(
        self,
        platform: Platform,
        environment: str,
        folder: RunFolder,
        only: dict[str, Any],
        *,
        writes: int,
        seed: int,
        keep: bool,
        env: Mapping[str, str] | None,
    ) -> None:
        self.platform, self.environment, self.folder = platform, environment, folder
        self.only, self.writes, self.seed, self.keep = only, writes, seed, keep
        self.result: Drilled | None = None
        self._env = env
        self.flags = _flags(platform, only)
        self.collections = [c for flag in self.flags for c in platform.catalog.of_flag(flag)]

    def table(self) -> Table:
        """The flags that are rehearsed."""
        catalog = self.platform.catalog
        rows = [(flag, ", ".join(c.wix for c in catalog.of_flag(flag))) for flag in self.flags]
        notes = (f"{plural(self.writes, 'write')} after the turn, on a copy in the sandbox.", _UNTOUCHED)
        return Table("Drill of the way back", ("flag", "collections"), rows, notes)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def drill(self) -> Page:
        """Rehearse: forth, writes on all sides, back while services write, forth again; compare after each way."""
        self.folder.require_unsealed()
        self._record(Drilled(Outcome(), self.seed))  # one that is killed has not passed
        phases = _phases(self.platform, self.collections)
        names = [c.wix for number in phases for c in self.platform.catalog.phase(number).collections]
        with open_copy(self.platform, self.environment, names, keep=self.keep, env=self._env) as copy:
            rehearsal = Rehearsal(copy, phases, self.collections, self.only, writes=self.writes, seed=self.seed)
            self.result = Drilled(rehearsal.run(), self.seed)
        self.folder.write_evidence(SLUG, "drill", {**self.result.facts(), "flags": self.flags})
        self._record(self.result)
        return self.result.page()

    def _record(self, result: Drilled) -> None:
        with State(read_home(self.environment, self.platform, self._env)[1]) as state:
            state.facts.set_drill(
                DrillResult(
                    at=datetime.now(UTC).isoformat(timespec="seconds"),
                    passed=result.passed,
                    run=self.folder.run_id,
                    writes=result.writes,
                    lost=result.lost,
                    twice=result.twice,
                    seconds={step: round(seconds, 3) for step, seconds in result.outcome.seconds.items()},
                    catalog=self.platform.catalog.sha256,
                )
            )

    def losses(self) -> Table:
        """Not looked at."""
        return _not_done("What would be lost")

    def reverse_sync(self) -> Table:
        """Not done."""
        return _not_done("Reverse sync")

    def turn_back(self) -> Table:
        """No flag is turned."""
        return _not_done("Turned back")

    def verdict(self) -> Table:
        """Raises CheckFailed if the drill was not run or did not pass."""
        self.folder.require_unsealed()
        reasons = ["it was not run: run the cell above"] if self.result is None else self.result.reasons
        self.folder.write_evidence(SLUG, "gate", {"passed": not reasons, "reasons": reasons, "warnings": []})
        write_manifest(self.folder)
        if self.result is None or reasons:
            raise CheckFailed("the drill of the way back did not pass:\n  " + "\n  ".join(reasons))
        result = self.result
        summary = f"{plural(result.writes, 'write')}: {result.lost} lost, {result.twice} twice; no flag was turned"
        return Table("Verdict", ("verdict", "details"), [("passed", summary)])


def open_drill(
    platform: Platform,
    *,
    environment: str = "sandbox",
    run_id: str | None = None,
    new_run: str | None = None,
    phase: int | None = None,
    flag: str | None = None,
    writes: int = WRITES,
    keep_copy: bool = False,
    seed: int = SEED,
    env: Mapping[str, str] | None = None,
) -> Drill:
    """Open a drill of one flag, or of the flags of a phase; with neither, of the first phase with links.

    `writes`: how many after the turn, at least: services write until the flags have turned back. `keep_copy`: leave the
    copy's folder. Raises SettingError.
    """
    check_types(
        {"environment": (environment, str), "writes": (writes, int), "keep_copy": (keep_copy, bool)},
        {"run_id": (run_id, str), "new_run": (new_run, str), "phase": (phase, int), "flag": (flag, str)},
    )
    if writes < 1:
        raise SettingError(f"writes is {writes}; a drill makes at least 1")
    if phase is not None and flag is not None:
        raise SettingError("phase and flag are both set; set one of them, or neither")
    if phase is None and flag is None:
        phase = next((p.number for p in platform.catalog.phases if any(c.links for c in p.collections)), None)
        phase = phase or next(p.number for p in platform.catalog.phases if p.flags)
    only: dict[str, Any] = {"flag": known_flag(platform, flag)} if flag is not None else {"phase": phase}
    if phase is not None and not known_phase(platform, phase).flags:
        raise SettingError(f"phase {phase} has no flags, so there is nothing to roll back")
    folder = _run_folder(platform, environment, run_id=run_id, new_run=new_run, env=env)
    folder.write_evidence(SLUG, "kernel", kernel_facts(platform.root))
    return Drill(platform, environment, folder, only, writes=writes, seed=seed, keep=keep_copy, env=env)


def open_way_back(
    platform: Platform,
    *,
    drill: bool = False,
    writes: int = WRITES,
    keep_copy: bool = False,
    reverse_sync: bool = False,
    dry_run: bool = False,
    who: str | None = None,
    **parameters: Any,
) -> Rollback | Drill:
    """Open a rollback; with `drill`, a drill of it. See `open_rollback` and `open_drill`. Raises SettingError."""
    check_types({"drill": (drill, bool), "writes": (writes, int), "keep_copy": (keep_copy, bool)}, {})
    if not drill:
        return open_rollback(platform, reverse_sync=reverse_sync, dry_run=dry_run, who=who, **parameters)
    if dry_run:
        raise SettingError("drill and dry_run are both set: a drill writes, but only to its copy; set one of them")
    return open_drill(platform, writes=writes, keep_copy=keep_copy, **parameters)


def _not_done(title: str) -> Table:
    return Table(title, ("verdict", "details"), [("not done", f"A drill. {_UNTOUCHED}")])


def drill_headless(platform: Platform, parameters: dict[str, Any], *, writes: int | None) -> int:
    """Run the rollback's notebook as a drill, for a command; its exit code. Raises SettingError."""
    environment = parameters["environment"]
    find = partial(_run_folder, platform, environment)
    red = "the drill did not pass; nothing of the environment was changed. --keep-copy leaves the copy to look at"
    with Headless(platform, environment, find, opens=False, continues=False, red=red) as headless:
        given = {**parameters, "drill": True, "writes": writes or WRITES}
        headless.run(platform.notebooks / f"{SLUG}.ipynb", given)
        for line in console_lines(headless.folder):
            click.echo(f"  {line}", err=True)
        headless.close()
    return headless.exit_code


def console_lines(folder: RunFolder) -> list[str]:
    """What a drill found, for a terminal."""
    facts = folder.read_evidence(SLUG, "drill")
    if facts is None:
        return []
    seconds = ", ".join(f"{step} {spent:.1f} s" for step, spent in facts["seconds"].items())
    counts = f"{facts['writes']:,} writes: {facts['lost']} lost, {facts['twice']} twice"
    return [counts, f"{seconds}; calls of services were held for {facts['held']:.2f} s"]


def _run_folder(
    platform: Platform,
    environment: str,
    *,
    run_id: str | None = None,
    new_run: str | None = None,
    env: Mapping[str, str] | None = None,
) -> RunFolder:
    """The folder of a drill's run: its base is none of the environment's."""
    read_home(environment, platform, env)
    stamp = make_stamp(environment, SOURCE, dry_run=False, base=None, kind=KIND)
    return find_run(read_runs(platform, env), stamp, run_id=run_id, new_run=new_run, phases=[SLUG], suffix="-drill")


def _flags(platform: Platform, only: Mapping[str, Any]) -> list[str]:
    return [only["flag"]] if "flag" in only else list(platform.catalog.phase(only["phase"]).flags)


def _phases(platform: Platform, collections: list[Any]) -> list[int]:
    """The phases of collections, and of all that they link to."""
    wanted, found = {c.phase for c in collections}, set[int]()
    while new := wanted - found:
        found |= new
        for number in new:
            links = [link for c in platform.catalog.phase(number).collections for link in c.links]
            wanted |= {platform.catalog.collection(link.to).phase for link in links}
    return sorted(found)
