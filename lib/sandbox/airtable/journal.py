"""What one transaction changed, and what of it the webhooks of the base report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.airtable.reading import Reader, RowView
from sandbox.airtable.records import Record, Records
from sandbox.airtable.schema import Base, Field, Schema, Table
from sandbox.clock import from_epoch_ms, iso


class Journal:
    """Notes changes while a transaction runs; costs nothing while no webhook watches the base (`active`)."""

    def __init__(
        self, base: Base, schema: Schema, records: Records, reader: Callable[[], Reader], *, active: bool
    ) -> None:
        self._schema = schema
        self._records = records
        self._reader = reader
        self.base = base
        self.active = active
        self._created: dict[int, Table] = {}
        self._changed: dict[int, set[str]] = {}
        self._previous: dict[int, dict[str, Any]] = {}
        self._destroyed: dict[str, list[str]] = {}
        self._fields: list[tuple[Field, dict[str, Any] | None]] = []
        self._tables: list[tuple[Table, dict[str, Any] | None]] = []
        self._removed_fields: list[Field] = []
        self._removed_tables: list[Table] = []

    @property
    def empty(self) -> bool:
        """Whether nothing changed."""
        removed = self._removed_fields or self._removed_tables
        return not (self._created or self._changed or self._destroyed or self._fields or self._tables or removed)

    # ------------------------------------------------------------------ records

    def created(self, record: Record) -> None:
        """A record came."""
        if self.active:
            self._created[record.seq] = record.table

    def before(self, record: Record) -> None:
        """A record is about to change: remember its cells as they are, the first time."""
        if self.active and record.seq not in self._previous:
            self._previous[record.seq] = self._cells(self._reader(), record)

    def before_linked(self, seqs: set[int], inverse: Field) -> None:
        """The inverse cells of a link are about to change."""
        for record in self._records.by_seqs(seqs).values():
            self.before(record)
            self._changed.setdefault(record.seq, set()).add(inverse.id)

    def changed(self, record: Record, field_ids: list[str]) -> None:
        """Cells of a record changed."""
        if self.active:
            self._changed.setdefault(record.seq, set()).update(field_ids)

    def destroyed(self, record: Record) -> None:
        """A record is about to go."""
        if not self.active:
            return
        for seq, field_id in list(self._records.referring(record)):
            self.before_linked({seq}, self._schema.fields[field_id])
        self._destroyed.setdefault(record.table.id, []).append(record.id)
        self._changed.pop(record.seq, None)
        self._created.pop(record.seq, None)

    # ------------------------------------------------------------------ schema

    def field(self, field: Field, previous: dict[str, Any] | None = None) -> None:
        """A field came, or changed from `previous` (`{name, type}`)."""
        if self.active:
            self._fields.append((field, previous))

    def table(self, table: Table, previous: dict[str, Any] | None = None) -> None:
        """A table came, or changed from `previous` (`{name, description}`)."""
        if self.active:
            self._tables.append((table, previous))

    def removed_field(self, field: Field) -> None:
        """A field was deleted."""
        if self.active:
            self._removed_fields.append(field)

    def removed_table(self, table: Table) -> None:
        """A table was deleted."""
        if self.active:
            self._removed_tables.append(table)

    # ------------------------------------------------------------------ webhook payloads

    def payload_for(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """The payload's `changedTablesById` and `createdTablesById` for a webhook's options; None for nothing."""
        filters = options["filters"]
        kinds, changes = set(filters["dataTypes"]), set(filters.get("changeTypes") or ("add", "remove", "update"))
        sources = filters.get("fromSources") or ["publicApi"]
        if "publicApi" not in sources:
            return None
        tables: dict[str, dict[str, Any]] = {}
        if "tableData" in kinds:
            self._data(tables, filters, options.get("includes") or {}, changes)
        created: dict[str, Any] = {}
        if "tableMetadata" in kinds:
            for table, previous in self._tables:
                if previous is None and "add" in changes:
                    created[table.id] = {
                        "metadata": _table_info(table),
                        "fieldsById": {field.id: _field_info(field) for field in table.fields},
                        "recordsById": {},
                    }
                elif previous is not None and "update" in changes:
                    tables.setdefault(table.id, {})["changedMetadata"] = {
                        "current": _table_info(table),
                        "previous": previous,
                    }
        if "tableFields" in kinds:
            self._schemas(tables, created, filters, options.get("includes") or {}, changes)
        scope = filters.get("recordChangeScope")
        if scope:
            tables = {id_: changed for id_, changed in tables.items() if id_ == scope or self._shows(id_, scope)}
        payload: dict[str, Any] = {}
        if tables:
            payload["changedTablesById"] = tables
        if created:
            payload["createdTablesById"] = created
        if self._removed_tables and "tableMetadata" in kinds and "remove" in changes:
            payload["destroyedTableIds"] = [table.id for table in self._removed_tables]
        return payload or None

    def _shows(self, table_id: str, view: str) -> bool:
        return self._schema.tables[table_id].view(view) is not None

    def _schemas(
        self,
        tables: dict[str, dict[str, Any]],
        created: dict[str, Any],
        filters: dict[str, Any],
        includes: dict[str, Any],
        changes: set[str],
    ) -> None:
        watched = filters.get("watchSchemasOfFieldIds")
        gone = {table.id for table in self._removed_tables}
        for field in self._removed_fields if "remove" in changes else ():
            if field.table_id not in gone and not (watched and field.id not in watched):
                tables.setdefault(field.table_id, {}).setdefault("destroyedFieldIds", []).append(field.id)
        for field, previous in self._fields:
            if field.table_id in created or (watched and field.id not in watched):
                continue
            if previous is None and "add" in changes:
                payload = tables.setdefault(field.table_id, {}).setdefault("createdFieldsById", {})
                payload[field.id] = _field_info(field)
            elif previous is not None and "update" in changes:
                payload = tables.setdefault(field.table_id, {}).setdefault("changedFieldsById", {})
                payload[field.id] = {"current": _field_info(field)}
                if includes.get("includePreviousFieldDefinitions"):
                    payload[field.id]["previous"] = previous

    def _data(
        self,
        tables: dict[str, dict[str, Any]],
        filters: dict[str, Any],
        includes: dict[str, Any],
        changes: set[str],
    ) -> None:
        reader = self._reader()
        watched = set(filters.get("watchDataInFieldIds") or ())
        records = self._records.by_seqs([*self._created, *self._changed])
        for record in records.values():
            payload = tables.get(record.table.id, {})
            cells = self._cells(reader, record)
            if record.seq in self._created:
                if "add" in changes:
                    payload.setdefault("createdRecordsById", {})[record.id] = {
                        "createdTime": iso(from_epoch_ms(record.created)),
                        "cellValuesByFieldId": cells,
                    }
            elif "update" in changes:
                which = self._changed[record.seq] & watched if watched else self._changed[record.seq]
                if which:
                    payload.setdefault("changedRecordsById", {})[record.id] = self._change(
                        record, cells, which, includes
                    )
            if payload:
                tables[record.table.id] = payload
        if "remove" in changes:
            for table_id, record_ids in self._destroyed.items():
                tables.setdefault(table_id, {})["destroyedRecordIds"] = record_ids

    def _change(
        self, record: Record, cells: dict[str, Any], which: set[str], includes: dict[str, Any]
    ) -> dict[str, Any]:
        payload = {"current": {"cellValuesByFieldId": {element: cells.get(element) for element in sorted(which)}}}
        before = self._previous.get(record.seq, {})
        if includes.get("includePreviousCellValues"):
            payload["previous"] = {"cellValuesByFieldId": {element: before.get(element) for element in sorted(which)}}
        also = includes.get("includeCellValuesInFieldIds")
        if also:
            shown = {
                element: value
                for element, value in cells.items()
                if element not in which and (also == "all" or element in also)
            }
            payload["unchanged"] = {"cellValuesByFieldId": shown}
        return payload

    def _cells(self, reader: Reader, record: Record) -> dict[str, Any]:
        """A record's cells in cell format V2: selects and links as objects, lookups by linked record."""
        row = RowView(reader, record)
        shown = {field.id: _v2(reader, record, field, row.shown(field)) for field in record.table.fields}
        return {element: value for element, value in shown.items() if value not in (None, [], "")}


def _v2(reader: Reader, record: Record, field: Field, value: Any) -> Any:
    if value in (None, []):
        return None
    match field.type:
        case "singleSelect":
            return _choice(field, value)
        case "multipleSelects":
            return [_choice(field, element) for element in value]
        case "multipleRecordLinks":
            return [
                {"id": element.id, "name": reader.name_of(element)} for element in reader.linked(record.links[field.id])
            ]
        case "multipleLookupValues":
            link = field.option("recordLinkFieldId")
            values: dict[str, list[Any]] = {}
            for other in reader.linked(record.links.get(link, ())):
                target = other.table.by_id[field.option("fieldIdInLinkedTable")]
                cell = _v2(reader, other, target, reader.linked_row(other).shown(target))
                values[other.id] = cell if isinstance(cell, list) else [] if cell is None else [cell]
            return {"valuesByLinkedRecordId": values, "linkedRecordIds": list(values)}
        case _:
            return value


def _choice(field: Field, name: str) -> dict[str, Any]:
    return next(choice for choice in field.option("choices") if choice["name"] == name)


def _table_info(table: Table) -> dict[str, Any]:
    return {"name": table.name, "description": table.description}


def _field_info(field: Field) -> dict[str, Any]:
    return {"name": field.name, "type": field.type}
