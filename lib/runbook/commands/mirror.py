"""`runbook mirror`: the status of the mirror; its journal of writes sent now."""

from __future__ import annotations

from runbook.backlog import Unsent, read_unsent
from runbook.display import Progress, Table
from runbook.errors import SettingError
from runbook.mirror import Mirror
from runbook.platform import Platform
from runbook.query.query import NO_CONDITION
from runbook.records.opening import open_records
from runbook.state import State

SEND_SECONDS = 60.0


def mirror_status(platform: Platform, environment: str, *, load: bool = False, drop: bool = False) -> Table:
    """One row per collection in the mirror. `load`: read every migrated collection first; `drop`: delete the mirror.

    Raises SettingError if nothing has been migrated, TargetError if Airtable cannot be read.
    """
    with open_records(platform, environment, update_mirror=False) as opened:
        mirror = opened.mirror
        if mirror is None:
            raise SettingError("there is no base yet, so there is nothing to mirror: run the migration first")
        if drop:
            mirror.delete_webhook()
            mirror.discard()
            return Table("Mirror", ("verdict",), [("dropped",)], ("The next query of a collection reads it in full.",))
        if load:
            migrated = opened.state.facts.progress(mirror.base)
            names = [name for name in platform.catalog.collections if name in migrated]
            with Progress("Mirror") as report:
                for done, name in enumerate(names, 1):
                    mirror.load([name])
                    report(done, len(names))
        return _table(mirror, opened.state)


def send(platform: Platform, environment: str, *, timeout: float = SEND_SECONDS) -> tuple[Table, Unsent]:
    """Send the journal of writes to Airtable, as `runbook serve` does all the time; and what is left after `timeout` s.

    Raises SettingError if nothing has been migrated.
    """
    with open_records(platform, environment, update_mirror=False) as opened:
        if opened.airtable is None or opened.mirror is None:
            raise SettingError("there is no base yet, so no service has written to one: run the migration first")
        journal, base = opened.airtable.journal, opened.mirror.base
        before = read_unsent(opened.state, base)
        journal.drain(timeout)
        left = read_unsent(opened.state, base)
        notes = left.notes()
        if left.waiting:
            why = journal.last_error or f"more were written than could be sent in {timeout:g} s"
            notes += (f"Not sent: {why}. They are kept, and sent by `runbook serve` or by the same command.",)
        counts = (before.waiting, left.waiting, left.refused)
        return Table("Journal of writes", ("waited", "left", "refused"), [counts], notes), left


def _table(mirror: Mirror, state: State) -> Table:
    rows = [(name, mirror.count(name, NO_CONDITION), round(mirror.age(name), 1)) for name in mirror.store.synced()]
    lag = f"While a service runs, changes made in Airtable arrive within {mirror.lag:,.0f} s."
    unsent = read_unsent(state, mirror.base)
    notes = (lag, *mirror.problems(), *mirror.assigned(), *unsent.notes())
    return Table(f"Mirror of {mirror.base}", ("collection", "rows", "seconds old"), rows, notes)
