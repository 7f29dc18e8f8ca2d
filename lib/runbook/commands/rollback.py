"""Roll back to Wix: find what would be lost, carry it back on request, turn the flags. Always allowed."""

from __future__ import annotations

from runbook.catalog import Collection
from runbook.connections import Connections, connect
from runbook.cutover.going_back import Losses, find_losses, open_going_back
from runbook.cutover.turning import tell, turn_back
from runbook.display import Progress, Table, plural
from runbook.errors import CheckFailed, RunbookError, SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.evidence.manifest import write_manifest
from runbook.evidence.runs import check_run
from runbook.holding import Hold
from runbook.parameters import check_types, known_flag, known_phase
from runbook.platform import Platform
from runbook.run.opening import run_folder
from runbook.schema import Tables
from runbook.settings import read_settings
from runbook.wix.reverse_sync import reverse_sync_remove, reverse_sync_save

SLUG = "rollback"
SOURCE = "wix"


class Rollback:
    """An opened rollback: no flag has turned yet."""

    def __init__(
        self,
        connections: Connections,
        folder: RunFolder,
        flags: list[str],
        hold: Hold,
        *,
        reverse_sync: bool,
        dry_run: bool,
    ) -> None:
        self.connections = connections
        self.hold = hold
        self.folder = folder
        self.flags = flags
        self.with_reverse_sync = reverse_sync
        self.dry_run = dry_run
        self.found: dict[str, Losses] = {}
        self._synced = False

    def table(self) -> Table:
        """The flags to turn back."""
        state = self.connections.state.flags
        rows = []
        for flag in self.flags:
            names = ", ".join(c.wix for c in self.connections.catalog.of_flag(flag))
            turns = state.history(flag)
            rows.append((flag, self._side(flag), str(turns[-1].at) if turns else None, names))
        return Table("Rollback to Wix", ("flag", "source", "since", "collections"), rows, tuple(self.hold.notes))

    def _side(self, flag: str) -> str:
        return self.connections.state.flags.all().get(flag, "unknown")

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def losses(self) -> Table:
        """Compare both sides as they are now, for every collection whose flag is on."""
        self.folder.require_unsealed()
        base = self.connections.base(SOURCE)
        collections = self._collections()
        tables = (
            Tables(self.connections.airtable.tables(base), self.connections.catalog) if base and collections else None
        )
        for c in collections:
            try:
                with Progress(f"Compare {c.wix}"):
                    self.found[c.wix] = (
                        find_losses(self.connections, c, base, tables, dry_run=self.dry_run)
                        if base and tables
                        else Losses(error="there is no base")
                    )
            except RunbookError as error:
                self.found[c.wix] = Losses(error=str(error))
        rows = [
            (
                name,
                len(x.added),
                len(x.changed),
                len(x.removed),
                x.error or ("passed" if not x.rows else "would be lost"),
            )
            for name, x in self.found.items()
        ]
        facts = {
            name: {"added": len(x.added), "changed": len(x.changed), "removed": len(x.removed), "error": x.error}
            for name, x in self.found.items()
        }
        self.folder.write_evidence(SLUG, "losses", facts)
        total = sum(x.rows for x in self.found.values())
        note = (
            f"{plural(total, 'row')} differ in Airtable; set `reverse_sync` to carry them back to Wix first."
            if total
            else "Nothing would be lost."
        )
        columns = ("collection", "added in Airtable", "changed in Airtable", "removed in Airtable", "verdict")
        notes = [text for x in self.found.values() for text in x.notes]
        return Table("What would be lost", columns, rows, (note, *notes))

    def reverse_sync(self) -> Table:
        """Write those rows to Wix, if `reverse_sync` is set; then compare again."""
        self.folder.require_unsealed()
        if not self.with_reverse_sync or self.dry_run:
            return Table(
                "Reverse sync", ("verdict",), [], ("Not requested, or a dry run: nothing was written to Wix.",)
            )
        if set(self.found) != {c.wix for c in self._collections()}:
            self.losses()
        rows, facts = [], {}
        for name, lost in self.found.items():
            if not lost.rows:
                continue
            saved = reverse_sync_save(self.connections.wix, name, [*lost.added, *lost.changed])
            removed = reverse_sync_remove(self.connections.wix, name, lost.removed)
            failed = len(saved.refused) + len(removed.refused)
            rows.append((name, len(saved.done), len(removed.done), failed, "failed" if failed else "passed"))
            facts[name] = {
                "saved": len(saved.done),
                "removed": len(removed.done),
                "refused": {**saved.refused, **removed.refused},
            }
        self.folder.write_evidence(SLUG, "reverse_sync", facts)
        self._synced = True
        self.losses()
        return Table(
            "Reverse sync",
            ("collection", "written to Wix", "removed from Wix", "refused", "verdict"),
            rows,
            ("Wix sets `_updatedDate` itself; an added row keeps its `_id`, but not its `_createdDate`.",),
        )

    def turn_back(self) -> Table:
        """Set the flags to 'wix'."""
        self.folder.require_unsealed()
        state, rows = self.connections.state.flags, []
        for flag in self.flags:
            before = self._side(flag)
            if (before != "wix" or flag in self.hold.unsettled) and not self.dry_run:
                turn_back(
                    self.connections.state,
                    flag,
                    who="rollback",
                    why="rolled back",
                    run_id=self.folder.path.name,
                    unsettled=self.hold.unsettled,
                )
            rows.append((flag, before, state.get(flag), "dry run" if self.dry_run else "passed"))
        self.folder.write_evidence(SLUG, "turned", {"flags": {row[0]: row[2] for row in rows}})
        return Table("Turned back", ("flag", "before", "now", "verdict"), rows, self._tell())

    def _tell(self) -> tuple[str, ...]:
        """Tell the base; what keeps it from that is a note."""
        if self.dry_run:
            return ()
        if self.hold.base is None and self.connections.base(SOURCE) is not None:
            self.hold = open_going_back(self.connections, run_id=self.folder.path.name)
        note = None if self.connections.base(SOURCE) is None else tell(self.hold)
        return tuple(found for found in (note, self.hold.release()) if found)

    def verdict(self) -> Table:
        """Raises CheckFailed if a flag is at 'airtable', a comparison failed, or reverse sync left rows behind."""
        self.folder.require_unsealed()
        state = self.connections.state.flags
        reasons = [] if self.dry_run else [f"{f} is still at 'airtable'" for f in self.flags if state.get(f) != "wix"]
        if self._synced:
            reasons += [f"{name}: {plural(x.rows, 'row')} still not in Wix" for name, x in self.found.items() if x.rows]
        reasons += [f"{name}: the losses are unknown: {x.error}" for name, x in self.found.items() if x.error]
        self.folder.write_evidence(SLUG, "gate", {"passed": not reasons, "reasons": reasons, "warnings": []})
        self.connections.log.write(self.folder.path / "requests" / f"{SLUG}.jsonl")
        write_manifest(self.folder)
        if reasons:
            raise CheckFailed("the rollback is not complete:\n  " + "\n  ".join(reasons))
        summary = "dry run: no flag was turned" if self.dry_run else f"{plural(len(self.flags), 'flag')} at 'wix'"
        return Table("Verdict", ("verdict", "details"), [("passed", summary)])

    def _collections(self) -> list[Collection]:
        # Where it is not certain which side a flag is on, services may have written to Airtable.
        on = [flag for flag in self.flags if self._side(flag) != "wix" or flag in self.hold.unsettled]
        return [c for flag in on for c in self.connections.catalog.of_flag(flag)]


def flags_of(platform: Platform, phase: int | None, flag: str | None) -> list[str]:
    """The flags to roll back: one, those of a phase, or all. Raises SettingError."""
    if phase is not None and flag is not None:
        raise SettingError("phase and flag are both set; set one of them, or neither for all flags")
    if flag is not None:
        return [known_flag(platform, flag)]
    if phase is None:
        return list(platform.catalog.flags)
    found = list(known_phase(platform, phase).flags)
    if not found:
        raise SettingError(f"phase {phase} has no flags, so there is nothing to roll back")
    return found


def open_rollback(
    platform: Platform,
    *,
    environment: str = "sandbox",
    run_id: str | None = None,
    new_run: str | None = None,
    phase: int | None = None,
    flag: str | None = None,
    reverse_sync: bool = False,
    dry_run: bool = False,
) -> Rollback:
    """Open a rollback of one flag, of the flags of a phase, or of all, in a new run. Raises SettingError.

    `new_run`: the run's name; `run_id`: a rollback's run that goes on.
    """
    check_types(
        {"environment": (environment, str), "reverse_sync": (reverse_sync, bool), "dry_run": (dry_run, bool)},
        {"run_id": (run_id, str), "new_run": (new_run, str), "phase": (phase, int), "flag": (flag, str)},
    )
    flags = flags_of(platform, phase, flag)
    check_run(read_settings(environment, platform).runs, {}, run_id=run_id, new_run=new_run)
    connections = connect(platform, environment)
    folder = run_folder(connections, SOURCE, [SLUG], run_id=run_id, new_run=new_run, dry_run=dry_run, kind=SLUG)
    folder.write_evidence(SLUG, "kernel", kernel_facts(platform.root))
    hold = open_going_back(connections, run_id=folder.path.name, dry_run=dry_run)
    return Rollback(connections, folder, flags, hold, reverse_sync=reverse_sync, dry_run=dry_run)
