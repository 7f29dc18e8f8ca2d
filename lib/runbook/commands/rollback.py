"""Roll back to Wix: see what Wix does not have, carry it back on request, turn the flags. Always allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from runbook.catalog import Collection
from runbook.connections import Connections, connect
from runbook.cutover.debts import as_texts, leave, period, settling
from runbook.cutover.going_back import open_going_back
from runbook.cutover.turning import Turned, tell, turn
from runbook.cutover.way_back import Losses, WayBack, reasons
from runbook.display import Progress, Table, plural
from runbook.errors import CheckFailed, SettingError
from runbook.evidence.folder import RunFolder
from runbook.evidence.kernel import kernel_facts
from runbook.evidence.manifest import write_manifest
from runbook.evidence.runs import check_run
from runbook.holding import Hold
from runbook.holding.hold import user_name
from runbook.parameters import check_types, known_flag, known_phase
from runbook.platform import Platform
from runbook.run.opening import run_folder
from runbook.settings import read_settings
from runbook.steps.conflict_file import some

SLUG = "rollback"
SOURCE = "wix"
_LOSSES = (
    "added in Airtable",
    "changed in Airtable",
    "removed in Airtable",
    "kept as in Wix",
    "in conflict",
    "not matched",
)


class Rollback:
    """An opened rollback: no flag has turned yet. `found`: by collection, what Wix does not have."""

    def __init__(
        self,
        connections: Connections,
        folder: RunFolder,
        flags: list[str],
        hold: Hold,
        *,
        reverse_sync: bool,
        dry_run: bool,
        who: str,
    ) -> None:
        self.connections = connections
        self.hold = hold
        self.folder = folder
        self.flags = flags
        self.with_reverse_sync = reverse_sync
        self.dry_run = dry_run
        self.who = who
        self.found: dict[str, Losses] = {}
        self._way = WayBack(connections, connections.base(SOURCE), folder, dry_run=dry_run)

    def table(self) -> Table:
        """The flags to turn back, and what is left of earlier turns."""
        state = self.connections.state.flags
        rows = []
        for flag in self.flags:
            names = ", ".join(c.wix for c in self.connections.catalog.of_flag(flag))
            turns = state.history(flag)
            rows.append((flag, self._side(flag), str(turns[-1].at) if turns else None, names))
        notes = (*self.hold.notes, *as_texts(self.connections.state))
        return Table("Rollback to Wix", ("flag", "source", "since", "collections"), rows, notes)

    def _side(self, flag: str) -> str:
        return self.connections.state.flags.all().get(flag, "unknown")

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def drill(self) -> Table:
        """A drill is opened instead of a rollback; this is none."""
        return Table("Drill", ("verdict", "details"), [("not done", "`drill` rehearses it on a copy instead")])

    def losses(self) -> Table:
        """Look at both sides as they are now, for every collection that services may have written in Airtable."""
        self.folder.require_unsealed()
        self._way.ask_again()
        collections = self._collections()
        if collections and not self.dry_run:
            self._way.watch()
        with self._way.alone(), Progress("Compare both sides") as report:
            self._way.send()
            for done, c in enumerate(collections, 1):
                self.found[c.wix] = self._way.find(c)
                report(done, len(collections))
        self.folder.write_evidence(SLUG, "losses", {name: x.facts() for name, x in self.found.items()})
        total = sum(x.rows for x in self.found.values())
        unread = [name for name, x in self.found.items() if x.error]
        note = "Nothing would be lost."
        if total:
            note = f"Wix does not have {plural(total, 'row')} as Airtable has them; `reverse_sync` carries them back."
        if unread:
            known = f"{note} But " if total else ""
            note = f"{known}not known what would be lost of {some(unread)}: see the verdict."
        return self._losses_table("What would be lost", note)

    def _losses_table(self, title: str, note: str) -> Table:
        rows = []
        for name, x in self.found.items():
            left = x.counts
            unmatched = len(x.unmatched) + len(x.unknown)
            numbers = (left.inserted, left.patched, left.removed, left.kept, left.conflict, unmatched)
            verdict = x.left(name) or ("not known" if x.error else "passed")
            if any(numbers) or verdict != "passed":
                rows.append((name, *numbers, verdict))
        others = len(self.found) - len(rows)
        notes = [f"{plural(others, 'other collection')}: nothing that Wix does not have."] if rows and others else []
        notes += [text for name, x in self.found.items() for text in (*x.notes, x.not_known(name)) if text]
        return Table(title, ("collection", *_LOSSES, "verdict"), rows, (note, *notes))

    def reverse_sync(self) -> Table:
        """Write those rows to Wix, if `reverse_sync` is set."""
        self.folder.require_unsealed()
        if not self.with_reverse_sync or self.dry_run:
            return Table(
                "Reverse sync", ("verdict",), [], ("Not requested, or a dry run: nothing was written to Wix.",)
            )
        if set(self.found) != {c.wix for c in self._collections()}:
            self.losses()
        self._way.ask_again()
        waiting = [c for c in self._collections() if self.found[c.wix].waits]
        with self._way.alone(), Progress("Carry back") as report:
            for done, c in enumerate(waiting, 1):
                self.found[c.wix] = self._way.carry(c, self.found[c.wix])
                report(done, len(waiting))
        self._write_carried()
        return self._carried_table()

    def _write_carried(self) -> None:
        facts = {
            name: {
                "inserted": x.carried.inserted,
                "changed": x.carried.patched,
                "removed": x.carried.removed,
                "refused": x.carried.refused,
                "left": x.facts(),
            }
            for name, x in self.found.items()
            if x.carried.rows or x.carried.refused or reasons({name: x})
        }
        self.folder.write_evidence(SLUG, "reverse_sync", facts)

    def _carried_table(self) -> Table:
        rows = [
            (
                name,
                x.carried.inserted,
                x.carried.patched,
                x.carried.removed,
                x.rows,
                "; ".join(reasons({name: x})) or "passed",
            )
            for name, x in self.found.items()
            if x.carried.rows or reasons({name: x})
        ]
        return Table(
            "Reverse sync",
            ("collection", "inserted in Wix", "changed in Wix", "removed from Wix", "left", "verdict"),
            rows,
            ("Wix sets `_updatedDate` itself; an added row keeps its `_id`, but not its `_createdDate`.",),
        )

    def turn_back(self) -> Table:
        """Set the flags to 'wix'. Service calls are held for a last look, and what it finds is carried on request."""
        self.folder.require_unsealed()
        state = self.connections.state
        before = {flag: self._side(flag) for flag in self.flags}
        turned = Turned({flag: [] for flag in self.flags}, 0.0)
        if not self.dry_run:
            self._way.ask_again()
            if not self.found and self._collections():
                self._way.watch()
            with self._way.alone():
                turned = turn(
                    state,
                    self.flags,
                    "wix",
                    check=self._check,
                    who=self.who,
                    why="rolled back",
                    run_id=self.folder.run_id,
                    must=True,
                    unsettled=self.hold.unsettled,
                    also=self._way.settle,
                )
            self._way.end()
            self._clear_debts()
            if self.with_reverse_sync:
                self._write_carried()
        debts = state.debts.all()
        rows = []
        for flag in self.flags:
            verdict = "dry run" if self.dry_run else "not carried back" if flag in debts else "passed"
            rows.append((flag, before[flag], state.flags.get(flag), verdict))
        facts = {"flags": {row[0]: row[2] for row in rows}, "seconds": turned.seconds, "who": self.who}
        self.folder.write_evidence(SLUG, "turned", {**facts, "debts": {f: debts[f]._asdict() for f in debts}})
        notes = [note for note in (turned.held, *self._tell()) if note]
        return Table("Turned back", ("flag", "before", "now", "verdict"), rows, tuple(notes))

    def _check(self, held: bool) -> dict[str, list[str]]:
        """Why not everything of each flag is known to be in Wix. Looks for what has changed, and carries on request.

        It is done before service calls are held, so that little is left for the time that they are.
        """
        self._way.send(held=held)
        self._way.poll()
        for c in self._collections():
            known = self.found.get(c.wix)
            if known is None:
                losses = self._way.find(c)
            else:
                losses = self._way.find_changes(c, known)
                # Once rows are agreed on again, a look cannot tell any more what was unknown at first.
                losses = replace(losses, carried=known.carried, unknown=losses.unknown or known.unknown)
            if self.with_reverse_sync and losses.waits:
                losses = self._way.carry(c, losses, held=held)
            self.found[c.wix] = losses
        return {flag: self._reasons(flag) for flag in self.flags}

    def _reasons(self, flag: str) -> list[str]:
        names = [c.wix for c in self.connections.catalog.of_flag(flag)]
        missed = [f"{name}: it was not looked at" for name in names if name not in self.found]
        return missed + reasons({name: self.found[name] for name in names if name in self.found})

    def _clear_debts(self) -> None:
        """Of flags of which all is known to be in Wix now."""
        state = self.connections.state
        for flag in state.debts.all().keys() & set(self.flags):
            if state.flags.get(flag) == "wix" and not self._reasons(flag):
                state.debts.clear(flag)

    def _tell(self) -> tuple[str, ...]:
        """Tell the base; what keeps it from that is a note."""
        if self.dry_run:
            return ()
        if self.hold.base is None and self.connections.base(SOURCE) is not None:
            self.hold = open_going_back(self.connections, run_id=self.folder.run_id)
        note = None if self.connections.base(SOURCE) is None else tell(self.hold)
        return tuple(found for found in (note, self.hold.release()) if found)

    def verdict(self) -> Table:
        """Raises CheckFailed if a flag is at 'airtable', something could not be read, or `reverse_sync` left rows."""
        self.folder.require_unsealed()
        state = self.connections.state
        standing = [f for f in self.flags if state.flags.get(f) != "wix" and not self.dry_run]
        asked = self.with_reverse_sync and not self.dry_run
        left = reasons(self.found)
        red = reasons({name: x for name, x in self.found.items() if asked or x.error})
        red = [*(f"{flag} is still at 'airtable'" for flag in standing), *red]
        unknown = [text for name, x in self.found.items() if (text := x.not_known(name))]
        commands = self._commands()
        facts = {"passed": not red, "reasons": red, "warnings": [] if red else left}
        self.folder.write_evidence(SLUG, "gate", facts)
        self.connections.log.write(self.folder.path / "requests" / f"{SLUG}.jsonl")
        write_manifest(self.folder)
        if red:
            raise CheckFailed("the rollback is not complete:\n  " + "\n  ".join([*red, *commands, *unknown]))
        summary = "dry run: no flag was turned" if self.dry_run else f"{plural(len(self.flags), 'flag')} at 'wix'"
        rows = [("passed", summary), *(("not carried back", text) for text in [*left, *commands])]
        return Table("Verdict", ("verdict", "details"), rows, tuple(unknown))

    def _commands(self) -> list[str]:
        """What settles what is left."""
        commands = []
        if any(x.conflicts for x in self.found.values()):
            run = self.folder.run_id
            commands.append(f"`runbook resolve {run} --prefer wix|airtable --why …` settles what is in conflict")
        debts = [flag for flag in self.connections.state.debts.all() if flag in self.flags]
        if len(debts) == 1:
            commands.append(settling(debts[0]))
        elif debts:
            commands.append(
                f"`runbook rollback --reverse-sync` carries what is left of {', '.join(debts)}; `runbook rollback "
                "--flag NAME --leave --why …` leaves one as it is"
            )
        return commands

    def _collections(self) -> list[Collection]:
        # Where it is not certain which side a flag is on, services may have written to Airtable.
        debts = self.connections.state.debts.all()
        on = [f for f in self.flags if self._side(f) != "wix" or f in self.hold.unsettled or f in debts]
        return [c for flag in on for c in self.connections.catalog.of_flag(flag)]


def console_lines(folder: RunFolder) -> list[str]:
    """What a rollback did, for a terminal: flags turned, and rows by what became of them."""
    turned = folder.read_evidence(SLUG, "turned") or {}
    found = folder.read_evidence(SLUG, "losses") or {}
    carried = folder.read_evidence(SLUG, "reverse_sync") or {}
    lines = [f"{flag}: {side}" for flag, side in (turned.get("flags") or {}).items()]
    if turned.get("seconds"):
        lines.append(f"service calls were held for {turned['seconds']:.2f} s")
    done = sum(x["inserted"] + x["changed"] + x["removed"] for x in carried.values())
    left = {**found, **{name: x["left"] for name, x in carried.items()}}
    rows = sum(x["added"] + x["changed"] + x["removed"] for x in left.values())
    for_people = sum(x["conflict"] + x["held_back"] + len(x["unmatched"]) for x in left.values())
    lines.append(f"rows carried back: {done:,}; not carried back: {rows:,}; to be decided by a person: {for_people:,}")
    unread = [name for name, x in left.items() if x["error"]]
    return [*lines, f"not known what else: {some(unread)}"] if unread else lines


def leave_in_airtable(platform: Platform, environment: str, flags: list[str], *, who: str, why: str) -> Table:
    """Settle flags without carrying back: what differs stays in Airtable, and the way forth goes on.

    Raises SettingError where `why` is empty, or nothing is to be settled.
    """
    if not why.strip():
        raise SettingError("--why is empty: say why it is not carried back; it is kept with the decision")
    connections = connect(platform, environment)
    state, base = connections.state, connections.base(SOURCE)
    owing = [flag for flag in flags if flag in state.debts.all()] if len(flags) > 1 else flags
    if not owing:
        raise SettingError("no flag has anything that is not carried back; nothing was done")
    rows = []
    for flag in owing:
        debt = leave(state, connections.catalog, base, flag, who=who, why=why)
        rows.append((flag, period(debt) if debt else None, f"left in Airtable, by {who}"))
    hold = open_going_back(connections)
    notes = (tell(hold) if hold.base is not None else None, hold.release())
    return Table("Left in Airtable", ("flag", "Airtable was ahead", "settled"), rows, tuple(n for n in notes if n))


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
    who: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Rollback:
    """Open a rollback of one flag, of the flags of a phase, or of all, in a new run. Raises SettingError.

    `new_run`: the run's name; `run_id`: a rollback's run that goes on; `who`: who rolls back, None: this user.
    """
    check_types(
        {"environment": (environment, str), "reverse_sync": (reverse_sync, bool), "dry_run": (dry_run, bool)},
        {
            "run_id": (run_id, str),
            "new_run": (new_run, str),
            "phase": (phase, int),
            "flag": (flag, str),
            "who": (who, str),
        },
    )
    flags = flags_of(platform, phase, flag)
    check_run(read_settings(environment, platform, env).runs, {}, run_id=run_id, new_run=new_run)
    connections = connect(platform, environment, env)
    folder = run_folder(connections, SOURCE, [SLUG], run_id=run_id, new_run=new_run, dry_run=dry_run, kind=SLUG)
    folder.write_evidence(SLUG, "kernel", kernel_facts(platform.root))
    hold = open_going_back(connections, run_id=folder.path.name, dry_run=dry_run)
    return Rollback(
        connections,
        folder,
        flags,
        hold,
        reverse_sync=reverse_sync,
        dry_run=dry_run,
        who=who or user_name(),
    )
