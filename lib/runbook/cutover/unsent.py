"""The journal of writes carried to Wix: what services wrote and Airtable does not have when a flag turns back.

    unsent = UnsentWrites(connections, base, engine)
    unsent.plan(collection)                         # as `CarryBack.plan`; changes nothing
    unsent.carry(collection, ends=True)             # to Wix
    state.flags.turn(…, also=unsent.settle)         # from here on nothing of it is to be sent to Airtable

Each key that a service wrote is carried like an edit in Airtable: a value that was changed in Wix too is a conflict,
and waits for Airtable. Once Wix has them, and the flag has turned, the lines are gone: for the way forth they are
changes of Wix. Whether Airtable had got one of them after all does not matter: what it may hold is noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from runbook.backlog import LIST_REFUSED
from runbook.catalog import Collection
from runbook.connections import Connections
from runbook.cutover.back_plan import BackPlan, Carried
from runbook.cutover.carry_back import BATCH, LOCKED_BATCH, CarryBack
from runbook.display import plural
from runbook.json_types import Fields, Item
from runbook.mapping import Mapping as RowMapping
from runbook.merge import STAMPS, Agreement, RowValues, digest
from runbook.mirror.overlay import overlaid
from runbook.state import AgreedRow, PendingRow, PendingWrite

WAITS_FOR_AIRTABLE = "is gone in Wix; what services wrote of it waits for Airtable"
_ROUNDS = 3


class _Row(NamedTuple):
    """What the lines of one row make of it. `fields`: its cells, None: it is removed. `only`: no other keys are known.

    `values`: by key, hashes of all that Airtable may have got of it, in the order of writing.
    """

    legacy_id: str
    lines: tuple[PendingWrite, ...]
    fields: Fields | None
    only: frozenset[str] | None
    values: Mapping[str, list[str]]


@dataclass
class _Settled:
    """Of a collection: lines by legacy id, and what is agreed on then."""

    lines: dict[str, list[int]] = field(default_factory=dict)
    agreed: list[AgreedRow] = field(default_factory=list)


class UnsentWrites:
    """Of one base. `engine`: decides on rows and writes them."""

    def __init__(self, connections: Connections, base: str, engine: CarryBack) -> None:
        self._state, self._base, self._engine = connections.state, base, engine
        self._pending = connections.state.pending_writes(base)
        self._settled: dict[str, _Settled] = {}

    def waiting(self, c: Collection) -> int:
        """How many lines wait."""
        count = self._pending.counts().get(c.wix)
        return 0 if count is None else count.waiting

    def notes(self, c: Collection) -> list[str]:
        """What Airtable refused, which neither side has, for people."""
        count = self._pending.counts().get(c.wix)
        if count is None or not count.refused:
            return []
        return [f"{c.wix}: {plural(count.refused, 'write')} that Airtable refused, in neither side; {LIST_REFUSED}"]

    def plan(self, c: Collection) -> BackPlan:
        """Decide on the rows that have lines. Changes nothing. Raises WixError."""
        return self._plan(c, self._rows(c))

    def carry(self, c: Collection, *, ends: bool) -> Carried:
        """Write them to Wix. `ends`: no service writes them any more, so that `settle` may follow. Raises WixError.

        Where the flag is at 'wix' already it is settled at once. Rows that the outbox has are left: they go first.
        """
        self._settled.pop(c.wix, None)
        in_wix, total = self._engine.is_in_wix(c), Carried()
        for _ in range(_ROUNDS):
            rows, again = self._rows(c), list[str]()
            size = LOCKED_BATCH if in_wix else BATCH
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                ids = [row.legacy_id for row in batch]
                with self._engine.flags_kept(), self._state.locks.rows(c.wix, ids) if in_wix else nullcontext():
                    carried, done = self._carry(c, batch)
                    settled = self._settlement(c, done)
                    if in_wix:
                        self._settle_now(c, settled)
                    elif ends:
                        mine = self._settled.setdefault(c.wix, _Settled())
                        mine.lines.update(settled.lines)
                        mine.agreed += settled.agreed
                again += [*carried.again, *carried.unreferred]
                total.add(carried)
            if not again:
                break
        return total

    def settle(self, connection: Connection) -> None:
        """Note that what was carried is not to be sent to Airtable any more. Part of the transaction of a turn."""
        for name, settled in self._settled.items():
            self._state.rows(self._base, name).carried(connection, settled.agreed, ())
            self._pending.carried(connection, name, settled.lines)

    def carried_rows(self) -> dict[str, list[str]]:
        """The rows that `settle` settles, by collection."""
        return {name: list(settled.lines) for name, settled in self._settled.items()}

    # What the lines make of rows

    def _rows(self, c: Collection) -> list[_Row]:
        lines: dict[str, list[PendingWrite]] = {}
        for line in self._pending.lines(c.wix):
            lines.setdefault(line.legacy_id, []).append(line)
        first = self._state.outbox(self._base, c.wix).marks()
        return [_row(c, id_, of_row) for id_, of_row in lines.items() if id_ not in first]

    def _plan(self, c: Collection, rows: Sequence[_Row]) -> BackPlan:
        sent = self._pending.sent_to_wix(c.wix)
        pending = [
            PendingRow(row.legacy_id, "", row.fields, False, "", row.lines[0].at, sent.get(row.legacy_id, {}), None)
            for row in rows
        ]
        plan = self._engine.plan(c, pending, only={row.legacy_id: row.only for row in rows if row.only is not None})
        partial = {row.legacy_id for row in rows if row.only is not None}
        gone = {e.row.legacy_id for e in plan.entries if e.item is None and e.row.legacy_id in partial}
        # Of such a row only some keys are known: it cannot be made again.
        plan.unclear = dict.fromkeys(gone, WAITS_FOR_AIRTABLE)
        plan.entries = [e for e in plan.entries if e.row.legacy_id not in gone]
        plan.conflicts = [found for found in plan.conflicts if found.line.id not in gone]
        return plan

    def _carry(self, c: Collection, rows: Sequence[_Row]) -> tuple[Carried, list[_Row]]:
        """What Wix was given, and the rows of which it has all by now."""
        plan, total = self._plan(c, rows), Carried()
        self._engine.note_conflicts(plan)
        send = [e for e in plan.entries if not e.back.is_held]
        done = {e.row.legacy_id for e in send if e.back.action == "nothing"}
        for action in ("insert", "patch", "remove"):
            batch = [e for e in send if e.back.action == action]
            if batch:
                self._pending.note_sent_to_wix(c.wix, self._engine.hashes(c, batch))
                carried, written = self._engine.write(plan, action, batch)
                total.add(carried)
                done.update(written.done)
        return total, [row for row in rows if row.legacy_id in done]

    # What is agreed on then

    def _settlement(self, c: Collection, rows: Sequence[_Row]) -> _Settled:
        state_rows = self._state.rows(self._base, c.wix)
        ids = [row.legacy_id for row in rows]
        records, histories = state_rows.record_ids(ids), state_rows.histories(ids)
        settled = _Settled({row.legacy_id: [line.id for line in row.lines] for row in rows})
        for row in rows:
            history = histories.get(row.legacy_id)
            if history is not None and history.agreed is None:
                continue  # it is not known what was agreed on of its other keys
            agreement = Agreement() if history is None else Agreement.loads(str(history.agreed))
            text = agreement.with_unsent(row.values).dumps()
            record = records.get(row.legacy_id, "") if row.fields is not None else ""
            settled.agreed.append(AgreedRow(row.legacy_id, record, None, None, text))
        return settled

    def _settle_now(self, c: Collection, settled: _Settled) -> None:
        with self._state.transaction() as connection:
            self._state.rows(self._base, c.wix).carried(connection, settled.agreed, ())
            self._pending.carried(connection, c.wix, settled.lines)


def _row(c: Collection, legacy_id: str, lines: Sequence[PendingWrite]) -> _Row:
    mapping, values = RowMapping(c), RowValues(c)
    is_whole = any(line.kind == "insert" for line in lines)
    written = {key for line in lines for key in (*line.values, *line.unset)} - {"_id", *STAMPS}
    item: Item | None = None if is_whole else {"_id": legacy_id}
    hashes: dict[str, list[str]] = {}
    cells: Fields | None = None
    for line in lines:
        item = overlaid([line], item)
        cells = None if item is None else mapping.to_airtable(item).fields
        now = {} if cells is None else values.of(cells)
        for key in written if item is not None else ():
            hashes.setdefault(key, []).append(digest(now.get(key)))
    only = None if is_whole or cells is None else frozenset(written)
    return _Row(legacy_id, tuple(lines), cells, only, hashes)
