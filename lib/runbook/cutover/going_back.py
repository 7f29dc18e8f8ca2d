"""What Airtable has that Wix does not: what going back to Wix would lose."""

from __future__ import annotations

from dataclasses import dataclass, field

from runbook.catalog import LEGACY_ID, ORIGINAL, Collection
from runbook.connections import Connections
from runbook.display import plural
from runbook.errors import FlagsUnsettled, RunbookError
from runbook.grid_rows import assign_ids
from runbook.holding import Hold, open_base
from runbook.holding.hold import SITE
from runbook.holding.opening import identity_of
from runbook.json_types import Fields, Item
from runbook.mapping import Mapping
from runbook.schema import Tables
from runbook.schema.identity import require_tables
from runbook.wix.source import WixSource

_STAMPS = ("_createdDate", "_updatedDate", "_owner")


@dataclass
class Losses:
    """Rows of a collection that differ in Airtable, by `_id`. `error`: why they could not be found.

    `notes`: rows that were typed or copied in Airtable's grid, and those that are not complete yet.
    """

    added: list[Item] = field(default_factory=list)
    changed: list[Item] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    error: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows that would be lost."""
        return len(self.added) + len(self.changed) + len(self.removed)


def open_going_back(connections: Connections, *, run_id: str | None = None, dry_run: bool = False) -> Hold:
    """Open the base to go back to Wix, which is always allowed: what would refuse another command is only noted."""
    try:
        with connections.airtable.brief():
            return open_base(connections, SITE, run_id=run_id, dry_run=dry_run)
    except RunbookError as error:
        hold = Hold(connections, SITE, identity_of(connections, SITE), run_id)
        hold.notes.append(str(error))
        hold.unsettled = error.flags if isinstance(error, FlagsUnsettled) else ()
        return hold


def find_losses(connections: Connections, c: Collection, base: str, tables: Tables, *, dry_run: bool = False) -> Losses:
    """Compare both sides as they are now, by `_id`. An item is compared as the cells it would be written as.

    Rows that were typed or copied in Airtable's grid get an `_id` first; with `dry_run` they are only counted.
    """
    require_tables(connections.state, base, connections.catalog, c.wix, tables.all)
    mapping, lost = Mapping(c), Losses()
    names = {column.name for column in c.columns} | {ORIGINAL}  # links are derived from keys
    # Wix sets these on every write: a row that differs in nothing else has lost nothing.
    stamps = {c.field(key).name for key in _STAMPS}
    source = WixSource(connections.wix, connections.catalog)
    in_wix: dict[str, Item] = {}
    source.export(c, lambda item: in_wix.__setitem__(item["_id"], item))
    seen = set()
    records = list(connections.airtable.records(base, tables.id(c)))
    grid = assign_ids(
        c,
        records,
        catalog=connections.catalog,
        airtable=connections.airtable,
        base=base,
        state=connections.state,
        dry_run=dry_run,
    )
    lost.notes = grid.notes()
    for record in records:
        legacy = grid.rows.get(record["id"])
        if legacy is None:
            continue
        fields = {**record["fields"], **grid.written.get(record["id"], {}), LEGACY_ID: legacy}
        cells = {name: cell for name, cell in fields.items() if name in names}
        seen.add(legacy)
        item = in_wix.get(legacy)
        if item is None:
            lost.added.append(mapping.to_wix(cells))
        elif _without(stamps, mapping.to_airtable(item).fields) != _without(stamps, cells):
            lost.changed.append(mapping.to_wix(cells))
    rows = connections.state.rows(base, c.wix)
    known, changes = rows.all(), rows.changes()
    absent = [id_ for id_ in in_wix if id_ not in seen]
    lost.removed = [id_ for id_ in absent if id_ in known or changes.get(id_) == "removed"]
    never_known = len(absent) - len(lost.removed)
    if never_known and known and all(row.hash is None for row in known.values()):
        lost.notes += (
            f"{c.wix}: {plural(never_known, 'row')} of Wix not in Airtable; whether they were deleted there is not "
            "known, because the state was read again from the base",
        )
    return lost


def _without(names: set[str], fields: Fields) -> Fields:
    return {name: cell for name, cell in fields.items() if name not in names}
