"""Rows typed or copied in Airtable's own grid: which `_id` each record has, and the ids that are written for it.

    found = assign_ids(collection, records, catalog=catalog, airtable=airtable, base=base, state=state)
    found.rows              # record -> `_id`, of every record that is a row by now
    found.notes()           # what was written, and what waits, for people

| the record                                         | what it is, and what is written                             |
|----------------------------------------------------|-------------------------------------------------------------|
| state knows it                                     | that row; its cell is written again where it differs        |
| unknown, no id, its required cells are filled      | created in Airtable: a fresh UUID                           |
| unknown, no id, empty or half-typed                | no row yet: it waits                                        |
| unknown, with the id of a row whose record exists  | a copy of that row: a fresh UUID                            |
| several unknown ones, with the same id             | the oldest is the row, the others are copies                |
| unknown, with an id of its own                     | the row of that id                                          |
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from runbook.airtable.client import PER_WRITE, Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.display import plural
from runbook.errors import AirtableError
from runbook.json_types import Fields, Json
from runbook.state import CollectionRows, State

_DATES = ("_createdDate", "_updatedDate")
_STAMPS = ("_id", "_owner", *_DATES)  # of Wix: nobody types them
_REFUSED = (403, 422)
_LISTED = 5
_PAGE = 500  # records


class Copied(NamedTuple):
    """A record that was duplicated in the grid: the `_id` that it was copied with, and the one it has now."""

    of: str
    id: str


class Waiting(NamedTuple):
    """A record that is no row yet. `empty`: the required columns that are empty; () where all its cells are."""

    record: str
    empty: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{', '.join(self.empty) or 'every cell'} empty"


@dataclass(frozen=True)
class GridRows:
    """The records of one reading. `rows`: record -> `_id`; `written`: by record, the cells written since.

    `created`: the ids of rows typed in the grid. `restored`: rows whose legacy id had been emptied or changed by hand.
    `refused`: records whose id Airtable did not let be written; the next call tries again.
    """

    collection: str
    rows: Mapping[str, str]
    written: Mapping[str, Fields] = field(default_factory=dict)
    created: tuple[str, ...] = ()
    copied: tuple[Copied, ...] = ()
    restored: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    refused: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """What was written and what waits, one sentence each; empty where there is nothing to say."""
        found = []
        if self.created:
            found.append(f"{plural(len(self.created), 'row')} created in Airtable: {_some(self.created)}")
        if self.copied:
            pairs = [f"{copy.of}, whose copy is now {copy.id}" for copy in self.copied]
            found.append(f"{plural(len(self.copied), 'row')} copied in Airtable: {_some(pairs)}")
        if self.restored:
            many = plural(len(self.restored), "cell")
            found.append(f"{many} of {LEGACY_ID} emptied or changed by hand, written again: {_some(self.restored)}")
        if self.waiting:
            each = [f"{waiting.record} ({waiting.reason})" for waiting in self.waiting]
            found.append(f"{plural(len(self.waiting), 'record')} in Airtable not complete yet: {_some(each)}")
        if self.refused:
            many = plural(len(self.refused), "record")
            found.append(f"{many} whose {LEGACY_ID} Airtable does not let be written: {_some(self.refused)}")
        return tuple(f"{self.collection}: {note}" for note in found)

    def facts(self) -> dict[str, Json]:
        """For the evidence."""
        return {
            "created": list(self.created),
            "copied": [list(copy) for copy in self.copied],
            "restored": list(self.restored),
            "waiting": [[record, list(empty)] for record, empty in self.waiting],
            "refused": list(self.refused),
        }


class _Unsettled(NamedTuple):
    """A record whose legacy id is not the one of the row that state knows it as. `empty`: see `empty_cells`."""

    record: str
    created: str
    cell: str | None
    dates: Fields
    empty: tuple[str, ...] | None


@dataclass
class _Decision:
    """`rows`: record -> `_id`. `moved`: `_id` -> record, of rows that state knows by another, which is gone."""

    rows: dict[str, str] = field(default_factory=dict)
    created: list[_Unsettled] = field(default_factory=list)
    copied: list[_Unsettled] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.created or self.copied or self.restored or self.moved)

    def new_ids(self) -> dict[str, str]:
        """The ids of rows created in Airtable, by record: those that state has noted before a kill, else fresh ones."""
        new = [row.record for row in (*self.created, *self.copied)]
        return {record: self.rows.get(record) or str(uuid.uuid4()) for record in new}


def assign_ids(
    collection: Collection,
    records: Iterable[dict[str, Json]],
    *,
    catalog: Catalog,
    airtable: Airtable,
    base: str,
    state: State,
    dry_run: bool = False,
) -> GridRows:
    """Decide which row each record is, and write the ids that are missing, or not what state knows.

    `records`: those of one reading, as `Airtable.records` gives them; of an id that several records have, all of these.
    A row is noted as created in Airtable before its id is written: after a kill the next call writes the same id. A
    copy loses the inverse links that it was copied with: they make every row that links to its original link to both.
    `dry_run`: writes neither to Airtable nor to the state. Raises AirtableError.
    """
    rows = state.rows(base, collection.wix)
    settled, unsettled = _read(collection, records, rows)
    decided = _decide(settled, unsettled, rows)
    if decided.is_settled or dry_run:
        return _result(collection, settled, decided, decided.new_ids(), {})
    with state.locks.exclusive(f"row ids {base} {collection.wix}"):
        decided = _decide(settled, unsettled, rows)  # another process may have been faster
        ids = decided.new_ids()
        rows.put_created({id_: record for record, id_ in ids.items()})
        rows.put(decided.moved)
        changes: dict[str, Fields] = {record: {LEGACY_ID: decided.rows[record]} for record in decided.restored}
        for row in decided.created:
            changes[row.record] = {LEGACY_ID: ids[row.record], **{k: v or row.created for k, v in row.dates.items()}}
        inverses = _inverse_links(airtable, base, collection, catalog, [row.record for row in decided.copied])
        for row in decided.copied:  # it holds the dates of the row that it was copied from
            dates = dict.fromkeys(row.dates, row.created)
            changes[row.record] = {LEGACY_ID: ids[row.record], **dates, **inverses.get(row.record, {})}
        refused = _write(airtable, base, collection, changes)
        existing = {record["id"] for record in fetch_records(airtable, base, collection.table, refused)}
        gone = set(refused) - existing
        lost = [id_ for record, id_ in ids.items() if record in gone]
        rows.note_removed(lost, by_hand=True)
        return _result(collection, settled, decided, ids, changes, gone=gone, refused=tuple(sorted(existing)))


def _read(
    collection: Collection, records: Iterable[dict[str, Json]], state_rows: CollectionRows
) -> tuple[dict[str, str], list[_Unsettled]]:
    """The rows that state knows as they are, record -> `_id`, and all other records."""
    settled, unsettled = dict[str, str](), list[_Unsettled]()
    dates = [collection.by_key[key].name for key in _DATES if key in collection.by_key]
    remaining = iter(records)
    while page := list(islice(remaining, _PAGE)):
        cells = {record["id"]: legacy_id(record) for record in page}
        owners = state_rows.record_ids(cell for cell in cells.values() if cell is not None)
        for record in page:
            fields, cell = record["fields"], cells[record["id"]]
            if cell is not None and owners.get(cell) == record["id"]:
                settled[record["id"]] = cell
            else:
                held = {name: fields.get(name) for name in dates}
                empty = empty_cells(collection, fields)
                unsettled.append(_Unsettled(record["id"], str(record["createdTime"]), cell, held, empty))
    return settled, unsettled


def _decide(settled: Mapping[str, str], unsettled: Sequence[_Unsettled], state_rows: CollectionRows) -> _Decision:
    known = state_rows.by_record(row.record for row in unsettled)
    created = {id_ for id_, change in state_rows.changes().items() if change == "created"} if known else set()
    found, claims = _Decision(), dict[str, list[_Unsettled]]()
    wrong: dict[str, str] = {}  # what cells were changed to, with their rows
    for row in unsettled:
        id_ = known.get(row.record)
        if id_ is not None:
            found.rows[row.record] = id_
            if row.cell is None and id_ in created:
                found.created.append(row)  # noted, but killed before the id was written
            elif row.cell != id_:
                found.restored.append(row.record)
                if row.cell is not None:
                    wrong[row.cell] = id_
        elif row.cell is not None:
            claims.setdefault(row.cell, []).append(row)
        elif row.empty is None:
            found.created.append(row)
        else:
            found.waiting.append(Waiting(row.record, row.empty))
    owners, read = state_rows.record_ids(claims), {*settled, *(row.record for row in unsettled)}
    for id_, rivals in claims.items():
        copies = rivals
        if owners.get(id_) not in read and id_ not in wrong:
            first, *copies = sorted(rivals, key=lambda row: row.created)
            found.rows[first.record] = id_
            if id_ in owners:
                found.moved[id_] = first.record
        found.copied += [row._replace(cell=wrong.get(id_, id_)) for row in copies]
    return found


def legacy_id(record: Mapping[str, Json]) -> str | None:
    """The legacy id in a record's cell; None where it is empty."""
    cell = record["fields"].get(LEGACY_ID)
    return cell if isinstance(cell, str) and cell.strip() else None


def empty_cells(collection: Collection, fields: Fields) -> tuple[str, ...] | None:
    """The required columns that are empty; None where the record is complete, () where nobody has typed in it."""
    typed = [column for column in collection.columns if column.wix not in _STAMPS]
    names = [*(column.name for column in typed), *(link.name for link in collection.links)]
    if not any(_is_filled(fields.get(name)) for name in names):
        return ()
    return tuple(c.name for c in typed if c.required and not _is_filled(fields.get(c.name))) or None


def _is_filled(cell: Json) -> bool:
    return cell not in (None, "", [], False)


def _inverse_links(
    airtable: Airtable, base: str, collection: Collection, catalog: Catalog, records: Sequence[str]
) -> dict[str, Fields]:
    """By record, what empties the inverse links of the catalog that it has."""
    names = [
        catalog.inverse_name(c, link)
        for c in catalog.collections.values()
        for link in c.links
        if link.to == collection.wix and c is not collection
    ]
    found = fetch_records(airtable, base, collection.table, records if names else ())
    return {record["id"]: {name: [] for name in names if record["fields"].get(name)} for record in found}


def _write(airtable: Airtable, base: str, collection: Collection, changes: Mapping[str, Fields]) -> list[str]:
    """Write cells by record id; the records that Airtable does not let be changed."""
    pending = [{"id": record, "fields": cells} for record, cells in changes.items()]
    refused: list[str] = []
    batches = [pending[start : start + PER_WRITE] for start in range(0, len(pending), PER_WRITE)]
    while batches:
        batch = batches.pop(0)
        try:
            airtable.update(base, collection.table, batch)
        except AirtableError as error:
            if error.status not in _REFUSED or error.kind == "UNKNOWN_FIELD_NAME":
                raise
            if len(batch) == 1:
                refused += [str(change["id"]) for change in batch]
            else:  # a request writes all or none
                batches[:0] = [[change] for change in batch]
    return refused


def _result(
    collection: Collection,
    settled: Mapping[str, str],
    decided: _Decision,
    ids: Mapping[str, str],
    changes: Mapping[str, Fields],
    *,
    gone: Iterable[str] = (),
    refused: tuple[str, ...] = (),
) -> GridRows:
    left = {*gone, *refused}
    rows = {record: id_ for record, id_ in {**settled, **decided.rows, **ids}.items() if record not in gone}
    return GridRows(
        collection.wix,
        rows,
        written={record: cells for record, cells in changes.items() if record not in left},
        created=tuple(ids[row.record] for row in decided.created if row.record not in left),
        copied=tuple(Copied(str(row.cell), ids[row.record]) for row in decided.copied if row.record not in left),
        restored=tuple(decided.rows[record] for record in decided.restored if record not in left),
        waiting=tuple(decided.waiting),
        refused=refused,
    )


def _some(listed: Sequence[str]) -> str:
    more = f"; and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
    return "; ".join(listed[:_LISTED]) + more
