"""What changes in a base from a moment on, for a cheap look before something depends on it.

    look = LastLook.begin(airtable, base, catalog, state)   # before tables are read in full
    ...
    look.poll()                                             # one request: what the base's webhook reports
    look.take(collection)                                   # changed records, read again; ids of deleted ones

Without a webhook, changed records are found by the time of their change, and deleted ones not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from runbook.airtable import formulas
from runbook.airtable.client import Airtable
from runbook.airtable.lookup_ids import fetch_records
from runbook.airtable.webhooks import Changes, Webhook, read_changes
from runbook.catalog import Catalog, Collection
from runbook.errors import AirtableError
from runbook.json_types import Json
from runbook.mirror.shared_webhook import shared_webhook
from runbook.query.values import stamp
from runbook.schema import Tables
from runbook.schema.identity import drift_error, drift_of, explain, known_columns
from runbook.state import State

_OVERLAP = 60.0  # seconds looked at twice where there is no webhook: changes in flight, clocks that differ


class Seen(NamedTuple):
    """Of one table: `records` as they are now, ids of records that are `deleted`."""

    records: list[dict[str, Json]]
    deleted: set[str]


class LastLook:
    """Of one base. Not for threads."""

    def __init__(self, airtable: Airtable, base: str, catalog: Catalog, state: State, webhook: Webhook | None) -> None:
        self._airtable, self._base, self._catalog, self._state = airtable, base, catalog, state
        self._webhook = webhook
        self._reported = Changes(webhook) if webhook is not None else None
        self._began = airtable.service_time()
        self._since: dict[str, float] = {}
        self._schema: list[dict[str, Json]] | None = None

    @classmethod
    def begin(cls, airtable: Airtable, base: str, catalog: Catalog, state: State) -> LastLook:
        """From now on. One request, two where the base has no webhook yet. Raises AirtableError."""
        return cls(airtable, base, catalog, state, shared_webhook(airtable, base, state.facts))

    @property
    def is_watched(self) -> bool:
        """Whether the base has a webhook, so that deletions are noticed."""
        return self._webhook is not None

    def poll(self) -> bool:
        """Note what the webhook reports; False where that is lost: all must be read again. Raises AirtableError."""
        if self._webhook is None or self._reported is None:
            return True
        found = read_changes(self._airtable, self._base, self._webhook)
        if found is None:
            self._webhook = self._reported = None
            return False
        self._webhook = found.webhook
        self._reported.merge(found)
        return True

    def forget(self, collections: Iterable[str]) -> None:
        """Tables are read in full after this: what was reported of them until the last poll does not matter."""
        for name in collections:
            table = self._table(self._catalog.collection(name))
            if self._reported is not None:
                for reported in (self._reported.changed, self._reported.deleted, self._reported.fields):
                    reported.pop(table, None)

    def whole(self, c: Collection) -> list[dict[str, Json]]:
        """Every record of a table. Raises AirtableError, and SchemaDrift where a person has changed the table."""
        self._require_schema(c)
        return self._records(c)

    def take(self, c: Collection) -> Seen:
        """What changed of a table since it was last asked for, or since the beginning. Raises as `whole`."""
        if self._reported is None:
            return Seen(self._modified(c), set())
        table = self._table(c)
        if table in self._reported.fields:
            self._schema = None
            self._require_schema(c)
        changed, deleted = self._reported.changed.get(table, set()), self._reported.deleted.get(table, set())
        records = self._fetch(c, sorted(changed))
        gone = changed - {record["id"] for record in records}
        self.forget([c.wix])
        return Seen(records, deleted | gone)

    def _modified(self, c: Collection) -> list[dict[str, Json]]:
        since, now = self._since.get(c.wix, self._began), self._airtable.service_time()
        text = formulas.text(stamp(datetime.fromtimestamp(since - _OVERLAP, UTC)))
        terms = [f"IS_AFTER({time}(),DATETIME_PARSE({text}))" for time in ("LAST_MODIFIED_TIME", "CREATED_TIME")]
        found = self._records(c, formula=formulas.any_of(terms))
        self._since[c.wix] = now
        return found

    def _records(self, c: Collection, formula: str | None = None) -> list[dict[str, Json]]:
        columns = known_columns(self._state, self._base, c)
        try:
            return list(self._airtable.records(self._base, self._table(c), fields=columns, formula=formula))
        except AirtableError as error:
            raise self._explained(c, error) from None

    def _fetch(self, c: Collection, records: list[str]) -> list[dict[str, Json]]:
        columns = known_columns(self._state, self._base, c)
        try:
            return fetch_records(self._airtable, self._base, self._table(c), records, fields=columns)
        except AirtableError as error:
            raise self._explained(c, error) from None

    def _explained(self, c: Collection, error: AirtableError) -> Exception:
        return explain(error, self._airtable, self._base, self._catalog, self._state, c.wix) or error

    def _require_schema(self, c: Collection) -> None:
        if self._schema is None:
            self._schema = self._airtable.tables(self._base)
        known = self._state.facts.table(self._base, c.wix)
        error = drift_error(c.wix, drift_of(c, self._catalog, self._schema, known))
        if error is not None:
            raise error

    def _table(self, c: Collection) -> str:
        """The id of its table."""
        known = self._state.facts.table(self._base, c.wix)
        if known is not None:
            return known.id
        if self._schema is None:
            self._schema = self._airtable.tables(self._base)
        return Tables(self._schema, self._catalog).id(c)
