"""What `runbook mirror` shows and does."""

from __future__ import annotations

from runbook.display import Progress, Table
from runbook.errors import SettingError
from runbook.mirror import Mirror
from runbook.platform import Platform
from runbook.query.query import NO_CONDITION
from runbook.records.opening import open_records


def show_mirror(platform: Platform, environment: str, *, load: bool = False, drop: bool = False) -> Table:
    """A line a collection that is in the mirror; `load` reads all that was migrated first, `drop` deletes the mirror.

    Raises SettingError where nothing has been migrated, TargetError where Airtable cannot be read.
    """
    with open_records(platform, environment, update_mirror=False) as opened:
        mirror = opened.mirror
        if mirror is None:
            raise SettingError("there is no base yet, so there is nothing to mirror: run the migration first")
        if drop:
            mirror.delete_webhook()
            mirror.discard()
            return Table("Mirror", ("verdict",), [("dropped",)], ("The next read of a collection reads it whole.",))
        if load:
            migrated = opened.state.facts.progress(mirror.base)
            _load(mirror, [name for name in platform.catalog.collections if name in migrated])
        return _table(mirror)


def _load(mirror: Mirror, names: list[str]) -> None:
    with Progress("Mirror") as report:
        for n, name in enumerate(names, 1):
            mirror.load([name])
            report(n, len(names))


def _table(mirror: Mirror) -> Table:
    rows = [(name, mirror.count(name, NO_CONDITION), round(mirror.age(name), 1)) for name in mirror.store.synced()]
    lag = f"A change that others make in Airtable is here within {mirror.lag:,.0f} s while a service runs."
    notes = (lag, *mirror.problems())
    return Table(f"Mirror of {mirror.base}", ("collection", "rows", "seconds old"), rows, notes)
