"""Carry rows back: what was written in Airtable, to Wix. A plan that changes nothing, then its application.

    carry = CarryBack(connections, base, run_id=run_id, conflicts=ConflictFile(run))
    plan = carry.plan(collection, outbox.rows())
    plan.counts(), plan.conflicts, plan.too_many
    carried = carry.apply(plan)

It reads Wix and the state, not Airtable: the rows come from the outbox, or from a look at the table. If it is killed at
any point and called again, nothing is lost and nothing doubled: inserts are by `_id`, what is sent is noted before, and
a row leaves the outbox together with what both sides agree on now. Where services write Wix, because the flag is there
by now, the rows of a batch are locked, and decided on once more, from reading them until that is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from runbook.catalog import Collection as CatalogCollection
from runbook.connections import Connections
from runbook.cutover.back_plan import BackEntry, BackPlan, Carried, conflicts_of
from runbook.cutover.grid_links import Followed, changed_links, follow_links
from runbook.display import plural
from runbook.errors import AirtableError, BudgetSpent, WixError
from runbook.json_types import Item
from runbook.link_resolver import TargetRows, resolve
from runbook.mapping import Mapping as RowMapping
from runbook.merge import Agreement, BackMerge, Past, after_write
from runbook.state import IN_CONFLICT, AgreedRow, Ambiguous, OutboxRow, PendingRow
from runbook.steps.conflict_file import ConflictFile
from runbook.steps.deletion import too_many
from runbook.wix.client import MAX_PAGE
from runbook.wix.reverse_sync import (
    BULK_PATCH,
    EXISTS,
    GONE,
    Written,
    reverse_sync_insert,
    reverse_sync_patch,
    reverse_sync_references,
    reverse_sync_remove,
)

BATCH = BULK_PATCH
LOCKED_BATCH = 20  # rows at once where services wait for them
_ROUNDS = 3
_AGAIN = {EXISTS, GONE}  # Wix's item has come or gone since it was read


class CarryBack:
    """Of one base. `unchanged_since`: of a collection, the time since which an item of Wix must have been changed to
    count as changed there, where it is not known what both sides agreed on; None: it is not known either.

    `before_write` is called before each batch is sent to Wix; it may raise. `flags_kept`: no flag turns while a batch
    is sent; by default the caller sees to it."""

    def __init__(
        self,
        connections: Connections,
        base: str,
        *,
        run_id: str,
        conflicts: ConflictFile,
        unchanged_since: Callable[[CatalogCollection], str | None] = lambda collection: None,
        before_write: Callable[[CatalogCollection], None] = lambda collection: None,
        flags_kept: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._connections, self._base, self._run_id, self._files = connections, base, run_id, conflicts
        self._wix, self._state, self._catalog = connections.wix, connections.state, connections.catalog
        self._unchanged_since, self._before_write, self.flags_kept = unchanged_since, before_write, flags_kept
        self._references: dict[str, tuple[str, ...]] = {}

    def plan(
        self,
        c: CatalogCollection,
        rows: Sequence[OutboxRow | PendingRow],
        *,
        only: Mapping[str, Collection[str]] | None = None,
    ) -> BackPlan:
        """Decide on rows; reads their items in Wix. Changes nothing. Raises WixError.

        `only`: of some rows, by legacy id, the only keys that are known.
        """
        keys = only or {}
        to_wix = self._state.pending_writes(self._base).sent_to_wix(c.wix)
        pending = [row if isinstance(row, PendingRow) else _unnoted(row) for row in rows]
        ids = [row.legacy_id for row in pending]
        items = self._items(c, ids) if ids else {}
        state_rows = self._state.rows(self._base, c.wix)
        histories, absent = state_rows.histories(ids), state_rows.agreed_of_absent()
        words: dict[str, dict[str, tuple[str, str, str]]] = {}
        for (legacy_id, key), word in self._state.conflicts(self._base, c.wix).settled().items():
            words.setdefault(legacy_id, {})[key] = (word.prefer, word.wix, word.airtable)
        merge, since = self._merge(c), self._unchanged_since(c)
        entries = []
        for row in pending:
            history, item = histories.get(row.legacy_id), items.get(row.legacy_id)
            agreed = history.agreed if history is not None else absent.get(row.legacy_id)
            past = Past(
                None if agreed is None else Agreement.loads(agreed),
                wix_unchanged=agreed is None and item is not None and _is_unchanged(item, since),
                settled=words.get(row.legacy_id, {}),  # type: ignore[arg-type]
            )
            sent = {**to_wix.get(row.legacy_id, {}), **row.sent}
            back = merge.merge(item, row.fields, past, sent, keys.get(row.legacy_id))
            entries.append(BackEntry(row, item, back))
        plan = BackPlan(c, entries)
        plan.conflicts = [found for entry in entries for found in conflicts_of(merge, entry)]
        plan.too_many = self._too_many(plan)
        return plan

    def apply(self, plan: BackPlan) -> Carried:
        """Write what was decided to Wix, a hundred rows at a time. Raises WixError; what was answered is noted."""
        done = Carried()
        self._note_held(plan)
        send = [e for e in plan.entries if not e.back.is_held and not plan.is_held_back(e)]
        nothing = [e for e in send if e.back.action == "nothing"]
        if nothing:
            self._finish(plan, nothing, {})
        for action in ("insert", "patch", "remove"):
            of_action = [e for e in send if e.back.action == action]
            while of_action:
                with self.flags_kept():
                    in_wix = self.is_in_wix(plan.collection)
                    size = LOCKED_BATCH if in_wix else BATCH
                    batch, of_action = of_action[:size], of_action[size:]
                    done.add(self._apply_locked(plan, action, batch) if in_wix else self._apply(plan, action, batch))
        return done

    def is_in_wix(self, c: CatalogCollection) -> bool:
        """Whether services write the collection in Wix."""
        return self._state.flags.all().get(c.flag) != "airtable"

    def _apply_locked(self, plan: BackPlan, action: str, batch: list[BackEntry]) -> Carried:
        """`_apply` while no service writes these rows; what changed in Wix since the plan is to be planned again."""
        c, ids = plan.collection, [e.row.legacy_id for e in batch]
        with self._state.locks.rows(c.wix, ids):
            entries = self.plan(c, [e.row for e in batch]).entries
            still = [e for e in entries if e.back.action == action and not e.back.is_held]
            done = self._apply(plan, action, still)
        done.again += sorted(set(ids) - {e.row.legacy_id for e in still})
        return done

    def _apply(self, plan: BackPlan, action: str, batch: list[BackEntry]) -> Carried:
        outbox = self._state.outbox(self._base, plan.collection.wix)
        # Services go on meanwhile: a row that one has removed is not made, one that is there again not removed.
        if action == "remove":
            marks = outbox.marks()
            batch = [e for e in batch if marks.get(e.row.legacy_id) == e.row.mark]
        else:
            noted = outbox.note_sent(self.hashes(plan.collection, batch))
            batch = [e for e in batch if e.row.legacy_id in noted]
        if not batch:
            return Carried()
        done, written = self.write(plan, action, batch)
        by_id = {e.row.legacy_id: e for e in batch}
        outbox.hold({(id_, by_id[id_].row.mark): reason for id_, reason in done.refused.items()})
        self._finish(plan, [by_id[id_] for id_ in written.done], written.items)
        return done

    def hashes(self, c: CatalogCollection, entries: Iterable[BackEntry]) -> dict[str, dict[str, str]]:
        """What Wix may hold of rows once they are sent, by legacy id: see `BackMerge.hashes`."""
        merge = self._merge(c)
        return {e.row.legacy_id: merge.hashes(e.back, e.item, e.row.sent) for e in entries}

    def drain(self, c: CatalogCollection, *, of: Mapping[str, str] | None = None) -> tuple[BackPlan, Carried]:
        """Plan and apply for all that waits of a collection; what changed in Wix meanwhile is planned once more.

        `of`: only these lines, by legacy id their mark.

        The caller holds `going_back.carrying`. Links that people changed in the grid are followed by their keys first,
        which is written in Airtable. Raises WixError.
        """
        total, outbox = Carried(), self._state.outbox(self._base, c.wix)
        for _ in range(_ROUNDS):
            rows = [row for row in outbox.rows(of=of) if of is None or of[row.legacy_id] == row.mark]
            followed = self._followed(c, rows)
            plan = self.plan(c, followed.rows)
            plan.unclear = followed.unclear
            carried = self.apply(plan)
            total.add(replace(carried, again=[], unreferred={}))
            if not carried.again and not carried.unreferred:
                break
        total.again = carried.again
        total.refused |= carried.unreferred
        return plan, total

    def _followed(self, c: CatalogCollection, rows: list[PendingRow]) -> Followed:
        merge, airtable = self._merge(c), self._connections.airtable
        try:
            return follow_links(c, rows, merge, airtable=airtable, base=self._base, state=self._state)
        except (AirtableError, BudgetSpent) as error:
            changed = changed_links(c, rows, merge, base=self._base, state=self._state)
            return Followed(rows, dict.fromkeys(changed, f"their keys could not be written: {error}"))

    # Reading Wix

    def edited_in_wix(self, c: CatalogCollection, items: Sequence[Item], *, most_references: int) -> set[str]:
        """Of items as a query gave them, the ids of those that are not as both sides agreed on. Raises WixError.

        Multi-references of `most_references` items are read; of others it is not known whether they were edited.
        """
        histories = self._state.rows(self._base, c.wix).histories(item["_id"] for item in items)
        merge, edited, read = self._merge(c), set(), 0
        for item in items:
            history = histories.get(item["_id"])
            agreed = history.agreed if history is not None else None
            past = Past(None if agreed is None else Agreement.loads(agreed))
            keys = merge.edited_in_wix(item, past)
            if keys - set(self.references(c)):
                edited.add(item["_id"])
            elif self.references(c):
                read += 1
                if read > most_references or merge.edited_in_wix(self._with_references(c, item), past):
                    edited.add(item["_id"])
        return edited

    def _items(self, c: CatalogCollection, ids: Sequence[str]) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for start in range(0, len(ids), BATCH):
            chunk = {"_id": {"$in": list(ids[start : start + BATCH])}}
            items, _ = self._wix.query(c.wix, filter=chunk, limit=MAX_PAGE)
            found.update({item["_id"]: item for item in items})
        return {item_id: self._with_references(c, item) for item_id, item in found.items()}

    def _with_references(self, c: CatalogCollection, item: Item) -> Item:
        read = {key: self._wix.referenced(c.wix, key, item["_id"]) for key in self.references(c)}
        existing = {key: [target for target in targets if target is not None] for key, targets in read.items()}
        return {**item, **{key: targets for key, targets in existing.items() if targets}}

    def references(self, c: CatalogCollection) -> tuple[str, ...]:
        """The Wix keys that are multi-references."""
        if c.wix not in self._references:
            fields = self._wix.collection(c.wix).get("fields") or []
            self._references[c.wix] = tuple(f["key"] for f in fields if f.get("type") == "MULTI_REFERENCE")
        return self._references[c.wix]

    def _merge(self, c: CatalogCollection) -> BackMerge:
        targets = TargetRows(self._state, self._base, [link.to for link in c.links])
        return BackMerge(c, [link.name for link in c.links], targets.exists, self.references(c))

    def _too_many(self, plan: BackPlan) -> str:
        name = plan.collection.wix
        removes = (e for e in plan.entries if e.back.action == "remove" and not e.back.is_held)
        waiting = self._state.outbox(self._base, name).rows(held=True, deleted=True)  # not only those of this plan
        gone = len({row.legacy_id for row in (*(e.row for e in removes), *waiting) if row.by_hand})
        rows = self._state.rows(self._base, name).count() + gone
        if name in self._connections.settings.remove_many or not too_many(gone, rows):
            return ""
        return (
            f"{name}: {gone:,} of {plural(rows, 'row')} were deleted in Airtable; they stay in Wix. If they are to be "
            f"deleted there too, set RUNBOOK_REMOVE_MANY={name}"
        )

    # Writing

    def write(self, plan: BackPlan, action: str, batch: list[BackEntry]) -> tuple[Carried, Written]:
        """Write what was decided on rows to Wix, and note nothing. `Written.done`: Wix has these. Raises WixError."""
        c = plan.collection
        self._before_write(c)
        done, by_id = Carried(), {e.row.legacy_id: e for e in batch}
        if action == "remove":
            written = reverse_sync_remove(self._wix, c.wix, by_id)
            done.removed = len(written.done)
        else:
            values = {id_: self._plain(c, e.back.values) for id_, e in by_id.items()}
            if action == "insert":
                written = reverse_sync_insert(self._wix, c.wix, [{**v, "_id": id_} for id_, v in values.items()])
                done.inserted = len(written.done)
            else:
                paths = {id_: next((key for key in v if "." in key), None) for id_, v in values.items()}
                done.refused = {id_: f"Wix would take its key `{key}` for a path" for id_, key in paths.items() if key}
                sent = {id_: v for id_, v in values.items() if v and id_ not in done.refused}
                written = reverse_sync_patch(self._wix, c.wix, sent)
                only_references = [id_ for id_, v in values.items() if not v]
                written.done += only_references
                done.patched = len(written.done)
            for id_ in written.done:
                if problem := self._refer(c, by_id[id_]):
                    done.unreferred[id_] = problem
            written.done = [id_ for id_ in written.done if id_ not in done.unreferred]
        for id_, code in written.refused.items():
            if code in _AGAIN:
                done.again.append(id_)
            else:
                done.refused[id_] = f"Wix refused it ({code})"
        return done, written

    def _refer(self, c: CatalogCollection, entry: BackEntry) -> str:
        """Set a row's multi-references; why that cannot be done, "" where it was. Raises WixError."""
        for key, ids in entry.back.references.items():
            try:
                reverse_sync_references(self._wix, c.wix, key, entry.row.legacy_id, ids)
            except WixError as error:
                if error.code != GONE:
                    raise
                return f"`{key}` refers to a row that Wix does not have"
        return ""

    def _plain(self, c: CatalogCollection, values: dict[str, object]) -> dict[str, object]:
        """Without multi-references, which Wix ignores in such a request."""
        return {key: value for key, value in values.items() if key not in self.references(c)}

    def _finish(self, plan: BackPlan, entries: Iterable[BackEntry], items: dict[str, Item]) -> None:
        """Note what both sides agree on now, and that nothing waits any more."""
        c = plan.collection
        done, agreed, gone = [], [], []
        merge, listed = self._merge(c), list(entries)
        for entry in listed:
            row, back = entry.row, entry.back
            done.append((row.legacy_id, row.mark))
            if row.fields is None:
                gone.append(row.legacy_id)
                continue
            if back.kept_deleted and not back.settled:
                continue
            after = after_write(entry.item, back)
            answered = items.get(row.legacy_id)
            if answered is not None:  # as Wix stored it, with its own stamps
                after = {**answered, **{key: after[key] for key in back.references if key in after}}
            agreement = merge.agreement(back, after, row.fields, self._links(c, after))
            # A link that its keys do not follow is looked at again by every look, and by the way forth.
            answer = None if row.legacy_id in plan.unclear else merge.answer(row.fields)
            agreed.append(AgreedRow(row.legacy_id, row.record_id, None, answer, agreement.dumps()))
        self._state.outbox(self._base, c.wix).finish(done, self._state.rows(self._base, c.wix), agreed, gone)
        self._state.pending_writes(self._base).forget_sent_to_wix(c.wix, [legacy_id for legacy_id, _ in done])
        in_conflict = {each.legacy_id for each in self._state.conflicts(self._base, c.wix).all()}
        self._drop_conflicts(c, in_conflict.intersection(legacy_id for legacy_id, _ in done))

    def _links(self, c: CatalogCollection, item: Item) -> dict[str, tuple[str, ...]]:
        """The records that the keys of an item lead to."""

        def find(target: str, key: str, value: str) -> str | Ambiguous | None:
            return self._state.rows(self._base, target).resolve(key, value)

        links = RowMapping(c).links_of(item)
        return {name: resolve(candidates, find).records for name, candidates in links.items()}

    # What is not sent

    def _note_held(self, plan: BackPlan) -> None:
        c = plan.collection
        reasons: dict[tuple[str, str], str] = {}
        for entry in plan.entries:
            where = (entry.row.legacy_id, entry.row.mark)
            if entry.back.conflicts:
                reasons[where] = IN_CONFLICT
            elif plan.is_held_back(entry):
                reasons[where] = plan.too_many
        self._state.outbox(self._base, c.wix).hold(reasons)
        self.note_conflicts(plan)

    def note_conflicts(self, plan: BackPlan) -> None:
        """List the conflicts of a plan, for a person."""
        c = plan.collection
        if plan.conflicts:
            self._state.conflicts(self._base, c.wix).add(self._run_id, [each.conflict for each in plan.conflicts])
            rows = {each.line.id for each in plan.conflicts}
            others = [line for line in self._files.read(c.wix) if line.id not in rows]
            self._files.replace(c.wix, [*others, *(each.line for each in plan.conflicts)])

    def _drop_conflicts(self, c: CatalogCollection, ids: Collection[str]) -> None:
        if ids:
            self._state.conflicts(self._base, c.wix).drop(ids)
            self._files.replace(c.wix, [line for line in self._files.read(c.wix) if line.id not in ids])


def _unnoted(row: OutboxRow) -> PendingRow:
    """A row of a look at the table, which is only planned for."""
    return PendingRow(row.legacy_id, row.record_id, row.fields, row.by_hand, "", "", {}, None)


def _is_unchanged(item: Item, since: str | None) -> bool:
    updated = item.get("_updatedDate")
    stamp = updated.get("$date") if isinstance(updated, dict) else None
    return since is not None and isinstance(stamp, str) and stamp <= since
