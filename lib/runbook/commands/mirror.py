"""`runbook mirror`: the status of the mirror."""

from __future__ import annotations

from runbook.display import Progress, Table
from runbook.errors import SettingError
from runbook.mirror import Mirror
from runbook.platform import Platform
from runbook.query.query import NO_CONDITION
from runbook.records.opening import open_records


def mirror_status(platform: Platform, environment: str, *, load: bool = False, drop: bool = False) -> Table:
    """One row per collection in the mirror. `load`: read every migrated collection first; `drop`: delete the mirror.

    Raises SettingError if nothing has been migrated, TargetError if Airtable cannot be read.
    """
    if load and drop:
        raise SettingError("--load and --drop are both given; nothing was done. Drop the mirror, or load it anew")
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
        return _table(mirror)


def _table(mirror: Mirror) -> Table:
    rows = [(name, mirror.count(name, NO_CONDITION), round(mirror.age(name), 1)) for name in mirror.store.synced()]
    lag = f"While a service runs, changes made in Airtable arrive within {mirror.lag:,.0f} s."
    notes = (lag, *mirror.problems(), *mirror.assigned())
    return Table(f"Mirror of {mirror.base}", ("collection", "rows", "seconds old"), rows, notes)
