"""Keeps a mirror up to date with changes made in Airtable, at one or two requests per sync for the whole base.

- The base has a webhook. Its payloads name the records that were changed or deleted, and the changed ones are read
  again. State knows the webhook, so that all mirrors of a base share one; each mirror has its own cursor.
- The webhook is lost, or its payloads were not read for as long as Airtable keeps them: full sync of every collection.
- No webhook can be created: the collections whose last sync is the oldest are queried by modified time. Deleted rows
  are noticed at the next full sync of their collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from runbook.airtable import formulas
from runbook.airtable.webhooks import (
    KEPT_SECONDS,
    Changes,
    Webhook,
    delete_webhook,
    read_changes,
)
from runbook.errors import AirtableError
from runbook.mirror.full_sync import full_sync
from runbook.mirror.ingest import Ingester
from runbook.mirror.schema_watch import SchemaWatch
from runbook.mirror.shared_webhook import shared_webhook
from runbook.query.values import stamp

REQUESTS_PER_SECOND = 0.04  # to Airtable while nothing changes
_MARGIN = 3600.0  # seconds; payloads older than KEPT_SECONDS less this are treated as lost
_REFUSED_SECONDS = 3600.0  # before a webhook that was refused is requested again
_OVERLAP = 60.0  # seconds queried twice: changes in flight at the last sync, and clocks that differ
_WEBHOOK, _SYNCED_AT, _REFUSED_AT, _OUTDATED = "webhook", "synced_at", "refused_at", "outdated"


@dataclass(frozen=True)
class SyncResult:
    """Rows changed, rows deleted, and the collections that were read in full. `notes`: ids that were written."""

    changed: int = 0
    deleted: int = 0
    full: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Sync:
    """`interval`: seconds between two syncs. What must be remembered between them is in the mirror's file."""

    def __init__(self, ingester: Ingester, *, interval: float, clock: Callable[[], float]) -> None:
        self._ingester, self._interval, self._clock = ingester, interval, clock
        self._base, self._airtable = ingester.base, ingester.airtable
        self._store, self._file = ingester.store, ingester.store.file
        self.schema = SchemaWatch(ingester, clock)

    @property
    def has_webhook(self) -> bool:
        """Whether a webhook reports what changes."""
        return self._file.meta(_WEBHOOK) is not None

    @property
    def lag(self) -> float:
        """Seconds until a change made in Airtable is here, at the most."""
        if self.has_webhook:
            return self._interval
        return self._interval * max(1.0, len(self._store.synced()) / self._queries_per_sync)

    def is_due(self) -> bool:
        """Whether no process has synced for `interval` seconds."""
        synced_at = self._file.meta(_SYNCED_AT)
        return synced_at is None or not 0 <= self._clock() - synced_at < self._interval

    def run(self) -> SyncResult:
        """Store what changed since the last sync. Raises AirtableError; the next sync starts where this one did."""
        try:
            return self._run()
        except AirtableError as error:
            if not self.schema.is_drift(error):
                raise
            return self._run()  # without the collections that are stopped now

    def _run(self) -> SyncResult:
        started, synced = self._clock(), self._store.synced()
        if not synced:
            return SyncResult()
        changes = self._changes()
        self._check_schema(changes)
        names = [name for name in synced if name not in self.schema.stopped()]
        if changes is None:
            result = self._query_modified(names, started)
        else:
            full = self._sync_outdated(names)
            result = replace(self._ingest(changes, names), full=full)
            with self._file.transaction():
                self._file.set_meta(_WEBHOOK, [*changes.webhook])
                self._store.set_as_of(started, names)
        self._file.set_meta(_SYNCED_AT, started)
        return replace(result, notes=self._ingester.resolve_set_aside(names))

    def _check_schema(self, changes: Changes | None) -> None:
        """Look at the schema where it may have changed; what was stopped, or reads otherwise now, is read in full."""
        altered = changes.fields if changes is not None else {}
        if altered or self.schema.stopped() or (changes is None and self.schema.is_due()):
            healed = self.schema.check()
            tables = self.schema.collections(set())
            for table, fields in altered.items():
                known = self._ingester.state.facts.table(self._base, tables.get(table, ""))
                if known is not None and fields.intersection(known.columns.values()):
                    healed.add(tables[table])
            self._add_outdated(healed)

    def check_schema(self, within: float) -> None:
        """Look at the schema, unless a process has `within` seconds. Raises AirtableError."""
        if self.schema.is_due(within):
            self._add_outdated(self.schema.check())

    def _add_outdated(self, names: set[str]) -> None:
        if names:
            self._file.set_meta(_OUTDATED, sorted({*(self._file.meta(_OUTDATED) or ()), *names}))

    def ensure_webhook(self) -> Webhook | None:
        """The base's webhook, created where there is none; None where none can be created."""
        noted, synced_at, refused_at = (self._file.meta(name) for name in (_WEBHOOK, _SYNCED_AT, _REFUSED_AT))
        now = self._clock()
        if noted is not None and synced_at is not None and now - synced_at > KEPT_SECONDS - _MARGIN:
            self._file.set_meta(_WEBHOOK, None)
        elif noted is not None:
            return Webhook(*noted)
        if refused_at is not None and 0 <= now - refused_at < _REFUSED_SECONDS:
            return None
        webhook = shared_webhook(self._airtable, self._base, self._ingester.state.facts)
        with self._file.transaction():
            self._file.set_meta(_REFUSED_AT, now if webhook is None else None)
            if webhook is not None:
                self._file.set_meta(_WEBHOOK, [*webhook])
                self._file.set_meta(_SYNCED_AT, now)
                self._file.set_meta(_OUTDATED, self._store.synced())  # it does not report earlier changes
        return webhook

    def set_loaded(self, names: Iterable[str], read_at: Mapping[str, float]) -> None:
        """Collections were read in full: now, or, those in `read_at`, at a time in seconds since 1970.

        What was read before the last sync, or before the webhook, is read again at the next sync.
        """
        last = self._file.meta(_SYNCED_AT)
        too_early = {name for name, at in read_at.items() if last is None or at <= last}
        outdated = set(self._file.meta(_OUTDATED) or ()).difference(names) | too_early
        self._file.set_meta(_OUTDATED, sorted(outdated))

    def delete_webhook(self) -> None:
        """Delete the base's webhook, for all mirrors of the base."""
        facts = self._ingester.state.facts
        known = facts.webhook(self._base)
        if known is not None:
            delete_webhook(self._airtable, self._base, known)
            facts.replace_webhook(self._base, known, None)
        self._file.set_meta(_WEBHOOK, None)

    def _changes(self) -> Changes | None:
        """What the webhook reports; None where there is none and none can be created."""
        webhook = self.ensure_webhook()
        changes = None if webhook is None else read_changes(self._airtable, self._base, webhook)
        if webhook is None or changes is not None:
            return changes
        self._file.set_meta(_WEBHOOK, None)
        webhook = self.ensure_webhook()
        return None if webhook is None else Changes(webhook)

    def _sync_outdated(self, names: Sequence[str]) -> tuple[str, ...]:
        """Read in full what no webhook reported on for a while."""
        noted = self._file.meta(_OUTDATED) or ()
        outdated = [name for name in noted if name in names]
        if outdated:
            full_sync(self._ingester, outdated, clock=self._clock)
        self._file.set_meta(_OUTDATED, sorted(set(noted).difference(names)) or None)
        return tuple(outdated)

    def _ingest(self, changes: Changes, names: Sequence[str]) -> SyncResult:
        tables = self.schema.collections({*changes.changed, *changes.deleted})
        gone = [records for table, records in changes.deleted.items() if tables.get(table, "") in names]
        deleted = self._ingester.delete(set().union(*gone))
        changed = 0
        for table, records in changes.changed.items():
            name = tables.get(table, "")
            if name not in names or not records:
                continue
            mark = self._store.mark()
            found = self._ingester.fetch(name, records)
            _, written = self._ingester.ingest(name, found, after=mark)
            changed += len(written.changed)
            deleted += self._ingester.delete(records - {record["id"] for record in found})
        return SyncResult(changed, deleted)

    @property
    def _queries_per_sync(self) -> int:
        """Collections that are queried by modified time in one sync."""
        return max(1, int(self._interval * REQUESTS_PER_SECOND))

    def _query_modified(self, names: Sequence[str], started: float) -> SyncResult:
        changed = 0
        as_of = {name: timestamp for name in names if (timestamp := self._store.as_of(name)) is not None}
        for name in sorted(as_of, key=as_of.__getitem__)[: self._queries_per_sync]:
            since = formulas.text(stamp(datetime.fromtimestamp(as_of[name] - _OVERLAP, UTC)))
            # It is not documented whether a row that was never changed has a modified time; it has a created time.
            terms = [f"IS_AFTER({time}(),DATETIME_PARSE({since}))" for time in ("LAST_MODIFIED_TIME", "CREATED_TIME")]
            mark, table = self._store.mark(), self._ingester.catalog.collection(name).table
            columns = self._ingester.columns(name)
            found = list(self._airtable.records(self._base, table, fields=columns, formula=formulas.any_of(terms)))
            _, written = self._ingester.ingest(name, found, after=mark)
            changed += len(written.changed)
            self._store.set_as_of(started, [name])
        return SyncResult(changed)
