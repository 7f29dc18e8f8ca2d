"""`runbook repair-ids` and `runbook forget-column`: go on after a person has changed a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from runbook.catalog import Collection
from runbook.connections import Connections, connect
from runbook.display import Progress, Table
from runbook.errors import SettingError
from runbook.holding import open_base
from runbook.platform import Platform
from runbook.run.sources import open_source
from runbook.steps.repair import forget_column as forget
from runbook.steps.repair import repair_ids as repair
from runbook.steps.repair import unrepairable


def repair_ids(
    platform: Platform,
    environment: str,
    *,
    source: str = "wix",
    source_name: str | None = None,
    collections: Sequence[str] | None = None,
    dry_run: bool = False,
) -> Table:
    """Write the legacy ids of records again, from what the state knows of them; of all collections that it knows.

    Raises SettingError where there is no base, or the ids of a collection that is named cannot be written.
    """
    with _opened(platform, environment, source, source_name, dry_run=dry_run) as (connections, base):
        chosen = _chosen(connections, base, collections)
        rows, notes = list[tuple[str, str, int | None, int | None, int | None]](), list[str]()
        tables = connections.airtable.tables(base)
        given: dict[str, Any] = {"catalog": connections.catalog, "base": base, "state": connections.state}
        given["tables_json"] = tables
        problems = {c.wix: why for c in chosen if (why := unrepairable(c, **given))}
        if problems and collections is not None:
            raise SettingError("nothing was done:\n  " + "\n  ".join(f"{n}: {why}" for n, why in problems.items()))
        with Progress("Repair ids") as report:
            for n, c in enumerate(chosen, 1):
                if c.wix in problems:
                    rows.append((c.wix, f"not done: {problems[c.wix]}", None, None, None))
                    continue
                done = repair(c, airtable=connections.airtable, dry_run=dry_run, **given)
                new = len(done.ids.created) + len(done.ids.copied)
                rows.append((c.wix, done.column, len(done.ids.restored), new, len(done.ids.waiting)))
                notes += done.ids.notes()
                report(n, len(chosen))
    columns = ("collection", "column", "ids written again", "created in Airtable", "not complete yet")
    title = f"Legacy ids of base {base}" + (": dry run, nothing was written" if dry_run else "")
    return Table(title, columns, rows, tuple(notes))


def forget_column(
    platform: Platform,
    environment: str,
    collection: str,
    column: str | None,
    *,
    source: str = "wix",
    source_name: str | None = None,
) -> Table:
    """Give up the column that was filled, or the table: the next run makes it again and fills it.

    Raises SettingError where there is no base, or nothing is known of the column.
    """
    with _opened(platform, environment, source, source_name) as (connections, base):
        c = _named(connections, collection)
        what = forget(
            c,
            column,
            catalog=connections.catalog,
            airtable=connections.airtable,
            base=base,
            state=connections.state,
        )
        flag = connections.state.flags.all().get(c.flag)
    notes = [f"The next run of phase {c.phase} makes it, or takes the one of its name, and writes its cells."]
    if flag == "airtable":
        notes = [f"The next run of phase {c.phase} makes it; its cells stay empty while the flag {c.flag!r} is on."]
    return Table("Given up", ("collection", "column", "what it was"), [(c.wix, column, what)], tuple(notes))


@contextmanager
def _opened(
    platform: Platform, environment: str, source: str, source_name: str | None, *, dry_run: bool = False
) -> Iterator[tuple[Connections, str]]:
    connections = connect(platform, environment)
    label = open_source(connections, source, source_name)[0].label
    hold = open_base(connections, label, dry_run=dry_run)
    try:
        if hold.base is None:
            raise SettingError(f"there is no base for source {label!r} yet; nothing was done. Run the migration first")
        with connections.state.locks.exclusive(connections.write_lock(label)):
            yield connections, hold.base
    finally:
        hold.release()
        connections.state.close()


def _chosen(connections: Connections, base: str, names: Sequence[str] | None) -> list[Collection]:
    if names is not None:
        return [_named(connections, name) for name in names]
    every = connections.catalog.collections.values()
    return [c for c in every if connections.state.rows(base, c.wix).count()]


def _named(connections: Connections, name: str) -> Collection:
    if name not in connections.catalog.collections:
        known = ", ".join(connections.catalog.collections)
        raise SettingError(f"{name!r} is not a collection of the catalog; nothing was done. Expected one of {known}")
    return connections.catalog.collection(name)
