"""Keeps a mirror up to date with what others do in Airtable, at a request or two a look for the whole base.

- The base has a webhook: its payloads tell which records changed or are gone, and those are read again. The webhook is
  known to state, so that all mirrors of a base share one; each has a cursor of its own.
- It is lost, or was not looked at for as long as Airtable keeps payloads: every collection is read whole again.
- No webhook can be made: the collections that wait longest are asked by modified time. That a row is gone is noticed
  when its collection is next read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from runbook.airtable import formulas
from runbook.airtable.webhooks import KEPT_SECONDS, Changes, Watch, create_watch, drop_watch, find_watch, read_changes
from runbook.mirror.full_sync import read_whole
from runbook.mirror.ingest import Intake
from runbook.query.values import stamp
from runbook.schema.tables import Tables

CALLS_A_SECOND = 0.04  # to Airtable while nothing changes
_MARGIN = 3600.0  # seconds by which a look must be younger than the payloads that Airtable still has
_REFUSED_SECONDS = 3600.0  # until a webhook that was refused is asked for again
_OVERLAP = 60.0  # seconds that are asked for twice: changes under way at the last look, and a clock that differs
_WATCH, _LOOKED, _REFUSED, _UNSURE, _TABLES = "watch", "looked", "refused", "unsure", "tables"


@dataclass(frozen=True)
class Refreshed:
    """What a look at the base came to: rows taken over, rows removed; `whole`: collections that were read whole."""

    changed: int = 0
    removed: int = 0
    whole: tuple[str, ...] = ()


class Watching:
    """`refresh`: seconds between two looks. What it must remember is noted in the mirror's file."""

    def __init__(self, intake: Intake, *, refresh: float, clock: Callable[[], float]) -> None:
        self._intake, self._refresh, self._clock = intake, refresh, clock
        self._base, self._airtable = intake.base, intake.airtable
        self._store, self._file = intake.store, intake.store.file
        self._fact = f"webhook {intake.base}"

    @property
    def watched(self) -> bool:
        """Whether a webhook tells of changes."""
        return self._file.note(_WATCH) is not None

    @property
    def lag(self) -> float:
        """Seconds by which a change that others make may be late."""
        if self.watched:
            return self._refresh
        return self._refresh * max(1.0, len(self._store.names()) / self._at_once)

    def is_due(self) -> bool:
        """Whether no process has looked for `refresh` seconds."""
        looked = self._file.note(_LOOKED)
        return looked is None or not 0 <= self._clock() - looked < self._refresh

    def look(self) -> Refreshed:
        """Take over what changed since the last look. Raises AirtableError; the next look begins where this did."""
        began, names = self._clock(), self._store.names()
        if not names:
            return Refreshed()
        changes = self._changes()
        if changes is None:
            done = self._ask_modified(names, began)
        else:
            whole = self._read_unsure()
            done = replace(self._take_over(changes, names), whole=whole)
            with self._file.writing():
                self._file.set_note(_WATCH, [*changes.watch])
                self._store.freshen(began, names)
        self._file.set_note(_LOOKED, began)
        self._intake.settle(names)
        return done

    def begin(self) -> Watch | None:
        """The base's webhook, made where there is none; None where none can be."""
        noted, looked, refused = (self._file.note(name) for name in (_WATCH, _LOOKED, _REFUSED))
        now = self._clock()
        if noted is not None and looked is not None and now - looked > KEPT_SECONDS - _MARGIN:
            self._file.set_note(_WATCH, None)
        elif noted is not None:
            return Watch(*noted)
        if refused is not None and 0 <= now - refused < _REFUSED_SECONDS:
            return None
        watch = self._find_or_create()
        with self._file.writing():
            self._file.set_note(_REFUSED, now if watch is None else None)
            if watch is not None:
                self._file.set_note(_WATCH, [*watch])
                self._file.set_note(_LOOKED, now)
                self._file.set_note(_UNSURE, self._store.names())  # it does not tell of what was before it
        return watch

    def end(self) -> None:
        """Drop the base's webhook, for all mirrors of it."""
        known = self._intake.state.facts.get(self._fact)
        if known is not None:
            drop_watch(self._airtable, self._base, known)
            self._intake.state.facts.put(self._fact, None)
        self._file.set_note(_WATCH, None)

    def _find_or_create(self) -> Watch | None:
        facts = self._intake.state.facts
        known = facts.get(self._fact)
        found = None if known is None else find_watch(self._airtable, self._base, known)
        if found is not None:
            return found
        made = create_watch(self._airtable, self._base)
        if made is None or facts.swap(self._fact, known, made.id):
            return made
        drop_watch(self._airtable, self._base, made.id)  # another process was quicker
        return self._find_or_create()

    def _changes(self) -> Changes | None:
        """What the webhook tells; None where there is none and none can be made."""
        watch = self.begin()
        changes = None if watch is None else read_changes(self._airtable, self._base, watch)
        if watch is None or changes is not None:
            return changes
        self._file.set_note(_WATCH, None)
        watch = self.begin()
        return None if watch is None else Changes(watch)

    def _read_unsure(self) -> tuple[str, ...]:
        """Read whole what was not watched for a while."""
        held = set(self._store.names())
        unsure = [name for name in self._file.note(_UNSURE) or () if name in held]
        if unsure:
            read_whole(self._intake, unsure, clock=self._clock)
        self._file.set_note(_UNSURE, None)
        return tuple(unsure)

    def _take_over(self, changes: Changes, names: Sequence[str]) -> Refreshed:
        tables = self._tables({*changes.changed, *changes.gone})
        removed = self._intake.drop(set().union(*changes.gone.values()))
        taken = 0
        for table, records in changes.changed.items():
            name = tables.get(table, "")
            if name not in names or not records:
                continue
            mark = self._store.mark()
            found = self._intake.by_record(name, records)
            _, written = self._intake.take(name, found, after=mark)
            taken += len(written.changed)
            removed += self._intake.drop(records - {record["id"] for record in found})
        return Refreshed(taken, removed)

    @property
    def _at_once(self) -> int:
        """Collections that are asked by modified time at each look."""
        return max(1, int(self._refresh * CALLS_A_SECOND))

    def _ask_modified(self, names: Sequence[str], began: float) -> Refreshed:
        taken = 0
        as_of = {name: held.as_of for name in names if (held := self._store.held(name)) is not None}
        for name in sorted(as_of, key=lambda name: as_of[name])[: self._at_once]:
            since = formulas.text(stamp(datetime.fromtimestamp(as_of[name] - _OVERLAP, UTC)))
            # Whether a row that was never changed has a modified time is not said; when it was made it has.
            terms = [f"IS_AFTER({time}(),DATETIME_PARSE({since}))" for time in ("LAST_MODIFIED_TIME", "CREATED_TIME")]
            mark, table = self._store.mark(), self._intake.catalog.collection(name).table
            found = list(self._airtable.records(self._base, table, formula=formulas.any_of(terms)))
            _, written = self._intake.take(name, found, after=mark)
            taken += len(written.changed)
            self._store.freshen(began, [name])
        return Refreshed(taken)

    def _tables(self, wanted: set[str]) -> dict[str, str]:
        """Collections by table id; the schema is asked for only when a table is not known."""
        known: dict[str, str] = self._file.note(_TABLES) or {}
        if wanted - set(known):
            tables = Tables(self._airtable.tables(self._base), self._intake.catalog)
            known = {str(table["id"]): "" for table in tables.all}
            known |= {tables.id(name): name for name in self._intake.catalog.collections if name in tables}
            self._file.set_note(_TABLES, known)
        return known
