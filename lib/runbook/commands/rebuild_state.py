"""`runbook rebuild-state`: what the state knows of a base, read again from the base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runbook.connections import connect
from runbook.cutover.debts import as_text
from runbook.display import Page, Progress, Shown, Table
from runbook.errors import SettingError
from runbook.holding import Hold
from runbook.holding.debts import read_debts
from runbook.holding.flags import FlagVerdicts
from runbook.holding.hold import SITE
from runbook.holding.opening import attach, find_own_base, how_to_open, identity_of, judge
from runbook.holding.own_table import DEBTS, Facts
from runbook.holding.rebuild import Rebuilt, rebuild_rows
from runbook.platform import Platform
from runbook.schema.base import base_name

_MEANS = {
    "agreed": "both say the same",
    "tell": "the base is told what the state says",
    "take": "the state takes what the base says",
    "create": "new, at 'wix'",
    "differ": "a person must say: `runbook flags FLAG SIDE --settle`",
    "unknown": "a person must say: `runbook flags FLAG SIDE --settle`",
}


@dataclass(frozen=True, repr=False)
class StateRebuilt(Shown):
    """The rows, and where each flag stood before."""

    rows: Rebuilt
    flags: FlagVerdicts
    notes: tuple[str, ...]

    def table(self) -> Table:
        """The flags."""
        rows = [
            (name, found.mine or "unknown", found.base.side if found.base else "not said", _MEANS[found.verdict])
            for name, found in self.flags.by_flag.items()
        ]
        done = () if self.rows.written else ("Nothing was changed; the same command with --yes changes the state.",)
        return Table("DATA_SOURCE", ("flag", "in the state", "in the base", "what happens"), rows, (*self.notes, *done))

    def page(self) -> Page:
        """The rows, then the flags."""
        return Page(self.rows, self.table())

    def facts(self) -> dict[str, Any]:
        """For scripts."""
        flags = {
            name: {"state": found.mine, "base": found.base.side if found.base else None, "verdict": found.verdict}
            for name, found in self.flags.by_flag.items()
        }
        return {**self.rows.facts(), "flags": flags, "notes": list(self.notes)}


def rebuild_state(platform: Platform, environment: str, *, source: str = "wix", yes: bool = False) -> StateRebuilt:
    """Compare the state with the base; with `yes`, read it from the base. Raises SettingError, BaseRefused.

    What rows were last written with stays where this state is the one that wrote them; else it is unknown, and a load
    asks about what differs.
    """
    connections = connect(platform, environment)
    hold = Hold(connections, source, identity_of(connections, source))
    base = hold.base = _base(hold)
    said = hold.read() or Facts()
    rebuild, keep = how_to_open(hold, said)
    verdicts = judge(hold, said, fresh=rebuild and not keep)
    if yes:
        connections.airtable.before_write = hold.before_write
        rows = attach(hold, base, read_again=True)
        assert rows is not None
        hold.publish()
        hold.release()
        return StateRebuilt(rows, verdicts, (*hold.notes, *_debts(hold)))
    with Progress(f"Compare base {base}") as report:
        rows = rebuild_rows(
            connections.airtable, base, connections.catalog, connections.state, write=False, on_progress=report
        )
    return StateRebuilt(rows, verdicts, _debts(hold))


def _debts(hold: Hold) -> tuple[str, ...]:
    """What was not carried back to Wix, as the state or the base knows it."""
    if hold.label != SITE:
        return ()
    there = read_debts((hold.facts or Facts()).value(DEBTS)) or {}
    return tuple(as_text(flag, debt) for flag, debt in {**there, **hold.state.debts.all()}.items())


def _base(hold: Hold) -> str:
    connections, source = hold.connections, hold.label
    name = base_name(connections.catalog, source)
    base = connections.base(source) or find_own_base(hold)
    if base is None:
        raise SettingError(
            f"there is no base {name!r} that this project made, so there is nothing to read; nothing was done. If the "
            "base has another name, set AIRTABLE_BASE_ID to it"
        )
    if connections.base(source) is None:
        connections.state.facts.set_base_of(source, base, name)
    return base
