"""Stops a collection of the mirror whose table a person has changed: what it has is kept, nothing more is read.

A column that was renamed, deleted or has another type reads as empty, or as something else: a sync would take that for
the values of all rows. Where it is the column of the legacy ids, reads raise too. Once the table is as the catalog says
again, the collection is read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runbook.catalog import LEGACY_ID
from runbook.errors import AirtableError, SchemaDrift
from runbook.json_types import Json
from runbook.mirror.ingest import Ingester
from runbook.schema.identity import GONE, UNKNOWN_COLUMN, drift_error, drift_of, note_tables
from runbook.schema.tables import Tables

SCHEMA_SECONDS = 600.0
"""Between two looks at the schema where no webhook reports its changes: one request each."""
_STOPPED, _NOTES, _CHECKED_AT, _TABLES = "stopped", "schema_notes", "schema_at", "tables"
_UNIDENTIFIED = "without_ids"


class SchemaWatch:
    """What is known of the schema is in the mirror's file, shared by all its processes."""

    def __init__(self, ingester: Ingester, clock: Callable[[], float]) -> None:
        self._ingester, self._clock = ingester, clock
        self._file = ingester.store.file

    def stopped(self) -> dict[str, str]:
        """Why each stopped collection is."""
        return dict(self._file.meta(_STOPPED) or {})

    def notes(self) -> list[str]:
        """Changes of the schema that stop nothing."""
        return list(self._file.meta(_NOTES) or ())

    def is_due(self, within: float = SCHEMA_SECONDS) -> bool:
        """Whether to look at the schema where no webhook reports its changes: nobody has `within` seconds."""
        checked_at = self._file.meta(_CHECKED_AT)
        return checked_at is None or not 0 <= self._clock() - checked_at < within

    def require(self, names: Iterable[str]) -> None:
        """Raises SchemaDrift where one of these collections is stopped."""
        stopped = self.stopped()
        for name in names:
            if name in stopped:
                raise SchemaDrift(stopped[name])

    def require_ids(self, name: str) -> None:
        """Raises SchemaDrift where the column of the legacy ids is changed: it is not known which row a record is."""
        reason = (self._file.meta(_UNIDENTIFIED) or {}).get(name)
        if reason is not None:
            raise SchemaDrift(reason)

    def collections(self, tables: set[str]) -> dict[str, str]:
        """Collections by table id, "" for other tables; the schema is read only where a table is not known."""
        known: dict[str, str] = self._file.meta(_TABLES) or {}
        if tables - set(known):
            self.check()
            known = self._file.meta(_TABLES) or {}
        return known

    def check(self, tables_json: list[dict[str, Json]] | None = None) -> set[str]:
        """Compare the schema with what was filled; the collections that are no longer stopped.

        `tables_json`: the schema, where it was just read. Raises AirtableError.
        """
        ingester = self._ingester
        catalog, base, state = ingester.catalog, ingester.base, ingester.state
        every = ingester.airtable.tables(base) if tables_json is None else tables_json
        before, stopped, notes, sound = self.stopped(), dict[str, str](), list[str](), list[str]()
        unidentified: dict[str, str] = {}
        for name, collection in catalog.collections.items():
            drift = drift_of(collection, catalog, every, state.facts.table(base, name))
            error = drift_error(name, [found for found in drift if found.stops])
            if error is not None:
                stopped[name] = str(error)
                if any(found.stops and found.column == LEGACY_ID for found in drift):
                    unidentified[name] = str(error)
            notes += [f"{name}: {found.message}" for found in drift if not found.stops]
            if not drift:
                sound.append(name)
        note_tables(state, base, catalog, sound, every)
        tables = Tables(every, catalog)
        known = {str(table["id"]): "" for table in every}
        # A table keeps its collection while it has another name.
        known |= {
            state_table.id: name for name in catalog.collections if (state_table := state.facts.table(base, name))
        }
        known |= {tables.id(name): name for name in catalog.collections if name in tables and name not in stopped}
        with self._file.transaction():
            self._file.set_meta(_STOPPED, stopped)
            self._file.set_meta(_UNIDENTIFIED, unidentified)
            self._file.set_meta(_NOTES, notes)
            self._file.set_meta(_TABLES, known)
            self._file.set_meta(_CHECKED_AT, self._clock())
        return before.keys() - stopped.keys()

    def is_drift(self, error: AirtableError) -> bool:
        """Whether Airtable refused to read because a person changed a table; looks at the schema again."""
        if error.kind not in UNKNOWN_COLUMN and error.status not in GONE:
            return False
        before = self.stopped()
        try:
            self.check()
        except AirtableError:
            return False
        return bool(self.stopped().keys() - before.keys())
