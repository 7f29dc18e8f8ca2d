"""Records as the API shows them, and as formulas see them; computed fields are computed here, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.airtable.attachments import Attachments
from sandbox.airtable.cells import parse_moment
from sandbox.airtable.formulas import FormulaFault, Value, to_cell, to_text
from sandbox.airtable.programs import Programs
from sandbox.airtable.records import Record, Records
from sandbox.airtable.schema import Field, Schema
from sandbox.airtable.users import Users
from sandbox.clock import from_epoch_ms, iso

FAULT = FormulaFault()
_DEEPEST = 40  # computed fields that read computed fields; deeper is #ERROR!, before Python's own stack ends


class Reader:
    """Shows records; created for each request, so that the linked records it caches are of one point in time."""

    def __init__(
        self,
        schema: Schema,
        records: Records,
        users: Users,
        attachments: Attachments,
        programs: Programs,
        now: datetime,
    ) -> None:
        self.schema = schema
        self.records = records
        self.users = users
        self.attachments = attachments
        self.programs = programs
        self.now = now
        self.depth = 0
        self._seen: dict[int, Record | None] = {}
        self._ids: dict[int, str] = {}
        self._rows: dict[int, RowView] = {}

    def linked(self, seqs: Iterable[int]) -> list[Record]:
        """The records a link cell names, in its order."""
        wanted = list(seqs)
        self._load(wanted)
        return [record for record in (self._seen[seq] for seq in wanted) if record is not None]

    def linked_row(self, record: Record) -> RowView:
        """A linked record's view; one for all who link to it, so that what it computes is computed once."""
        if record.seq not in self._rows:
            self._rows[record.seq] = RowView(self, record)
        return self._rows[record.seq]

    def linked_ids(self, seqs: Iterable[int]) -> list[str]:
        """The ids of the records a link cell names, in its order; a cell may name very many, so no more is loaded."""
        wanted = list(seqs)
        self._load_ids(wanted)
        return [self._ids[seq] for seq in wanted if seq in self._ids]

    def look_ahead(self, records: list[Record]) -> None:
        """Load in one go what showing a table's records will read of others."""
        if not records:
            return
        self._load_ids(seq for record in records for seqs in record.links.values() for seq in seqs)
        through = {field.option("recordLinkFieldId") for field in records[0].table.fields if field.reads_linked}
        self._load(seq for record in records for link in through for seq in record.links.get(link, ()))

    def _load(self, seqs: Iterable[int]) -> None:
        missing = {seq for seq in seqs if seq not in self._seen}
        if missing:
            found = self.records.by_seqs(missing)
            for seq in missing:
                self._seen[seq] = found.get(seq)

    def _load_ids(self, seqs: Iterable[int]) -> None:
        missing = {seq for seq in seqs if seq not in self._ids}
        if missing:
            self._ids |= self.records.ids_of(missing)

    def record(
        self,
        record: Record,
        *,
        by_id: bool = False,
        only: set[str] | None = None,
        text: Callable[..., str] | None = None,
    ) -> dict[str, Any]:
        """`{"id", "createdTime", "fields"}`: every cell that is not blank, or those of the field ids in `only`.

        `text(field, shown, row)` turns cells into user-facing strings, for `cellFormat=string`.
        """
        row = RowView(self, record)
        cells = record.cells
        fields: dict[str, Any] = {}
        for field in record.table.fields:
            if only is not None and field.id not in only:
                continue
            shown = cells.get(field.id) if field.shown_as_kept else row.shown(field)
            if shown is None or shown == [] or shown == "":
                continue
            if text is not None:
                shown = text(field, shown, row)
                if shown == "":
                    continue
            fields[field.id if by_id else field.name] = shown
        return {"id": record.id, "createdTime": iso(from_epoch_ms(record.created)), "fields": fields}

    def name_of(self, record: Record) -> str:
        """A record's primary value as text."""
        return to_text(self.linked_row(record).value(record.table.primary_id))


class RowView:
    """One record, as a formula's Row and as the API's cells."""

    __slots__ = ("_reader", "_record", "_values", "now")

    def __init__(self, reader: Reader, record: Record) -> None:
        self._reader = reader
        self._record = record
        self._values: dict[str, Value] = {}
        self.now = reader.now

    @property
    def record_id(self) -> str:
        """RECORD_ID()."""
        return self._record.id

    @property
    def created_time(self) -> datetime:
        """CREATED_TIME()."""
        return from_epoch_ms(self._record.created)

    def modified_time(self, field_ids: tuple[str, ...]) -> datetime | None:
        """LAST_MODIFIED_TIME(): the last change by a person of any field, or of those named."""
        record = self._record
        if not field_ids:
            return from_epoch_ms(record.modified) if record.modified is not None else None
        times = [
            record.touched.get(field_id, record.created if field_id in record.cells else 0) for field_id in field_ids
        ]
        return from_epoch_ms(max(times)) if any(times) else None

    # ------------------------------------------------------------------ as formulas see it

    def value(self, field_id: str) -> Value:
        """A cell as a formula's value: names for links and selects, dates as dates, faults for what cannot be."""
        values = self._values
        if field_id in values:
            return values[field_id]
        field = self._record.table.by_id[field_id]
        values[field_id] = FAULT  # a formula that reads itself sees this
        values[field_id] = found = self._value(field)
        return found

    def _value(self, field: Field) -> Value:
        record = self._record
        stored = record.cells.get(field.id)
        kind = field.type
        if kind == "multipleRecordLinks":
            return [
                self._reader.name_of(element) for element in self._reader.linked(record.links.get(field.id, ()))
            ] or None
        if field.computed:
            return self._computed_value(field)
        if stored is None:
            return None
        if kind in ("date", "dateTime"):
            return _as_moment(stored, kind)
        if kind == "multipleAttachments":
            return [element["filename"] for element in self._reader.attachments.shown(stored, whole=False)]
        if kind == "singleCollaborator":
            return str(self._reader.users.get(stored)["name"])
        if kind == "multipleCollaborators":
            return [str(self._reader.users.get(element)["name"]) for element in stored]
        if kind == "barcode":
            return str(stored["text"])
        return stored  # type: ignore[no-any-return]

    def _computed_value(self, field: Field) -> Value:
        record, reader = self._record, self._reader
        if reader.depth >= _DEEPEST:
            return FAULT
        reader.depth += 1
        try:
            match field.type:
                case "formula":
                    program = reader.programs.of(record.table, field.option("formula"))
                    return FAULT if program is None else program.evaluate(self)
                case "multipleLookupValues":
                    return self._linked_values(field) or None
                case "rollup":
                    program = reader.programs.over_values(field.option("formula") or "ARRAYJOIN(values)")
                    return FAULT if program is None else program.evaluate(_Aggregate(self, self._linked_values(field)))
                case "count":
                    return len(record.links.get(field.option("recordLinkFieldId"), ()))
                case "autoNumber":
                    return record.number
                case "createdTime":
                    return _in_result_type(field, self.created_time)
                case "lastModifiedTime":
                    instant = self.modified_time(tuple(field.option("referencedFieldIds") or ()))
                    return None if instant is None else _in_result_type(field, instant)
                case "createdBy":
                    return str(reader.users.get(record.created_by)["name"])
                case "lastModifiedBy":
                    return None if record.modified is None else str(reader.users.get(record.modified_by)["name"])
                case "button":
                    return str(field.option("label") or "")
                case _:
                    stored = record.cells.get(field.id)
                    return stored.get("value") if isinstance(stored, dict) else stored
        finally:
            reader.depth -= 1

    def _linked_values(self, field: Field) -> list[Value]:
        """The target field's values over the linked records, blanks left out, lists flattened."""
        link = self._record.table.by_id.get(field.option("recordLinkFieldId"))
        if link is None:
            return []
        values: list[Value] = []
        for other in self._reader.linked(self._record.links.get(link.id, ())):
            target = field.option("fieldIdInLinkedTable")
            value = self._reader.linked_row(other).value(target) if target in other.table.by_id else FAULT
            if isinstance(value, list):
                values += value
            elif value is not None:
                values.append(value)
        return values

    # ------------------------------------------------------------------ as the API shows it

    def shown(self, field: Field) -> Any:
        """A cell as the API's JSON; None where it is blank and left out."""
        record, reader = self._record, self._reader
        kind = field.type
        if kind == "multipleRecordLinks":
            return reader.linked_ids(record.links.get(field.id, ()))
        if not field.computed:
            stored = record.cells.get(field.id)
            if stored is None:
                return None
            if kind == "multipleAttachments":
                return reader.attachments.shown(stored)
            if kind == "singleCollaborator":
                return reader.users.get(stored)
            if kind == "multipleCollaborators":
                return [reader.users.get(element) for element in stored]
            return stored
        match kind:
            case "multipleLookupValues":
                return self._shown_lookup(field)
            case "createdBy":
                return reader.users.get(record.created_by)
            case "lastModifiedBy":
                return None if record.modified is None else reader.users.get(record.modified_by)
            case "button":
                return self._shown_button(field)
            case "aiText":
                stored = record.cells.get(field.id)
                return None if stored is None else stored
            case "formula":
                return to_cell(self.value(field.id), reader.programs.kind(field))
            case _:
                return to_cell(self.value(field.id))

    def _shown_lookup(self, field: Field) -> Any:
        link = self._record.table.by_id.get(field.option("recordLinkFieldId"))
        if link is None or self._reader.depth >= _DEEPEST:
            return [{"error": "#ERROR!"}]
        self._reader.depth += 1
        try:
            shown: list[Any] = []
            for other in self._reader.linked(self._record.links.get(link.id, ())):
                target = other.table.by_id.get(field.option("fieldIdInLinkedTable"))
                cell = self._reader.linked_row(other).shown(target) if target else {"error": "#ERROR!"}
                if isinstance(cell, list):
                    shown += cell
                elif cell is not None:
                    shown.append(cell)
            return shown
        finally:
            self._reader.depth -= 1

    def _shown_button(self, field: Field) -> dict[str, Any]:
        program = self._reader.programs.of(self._record.table, field.option("url") or "''")
        url = to_text(program.evaluate(self)) if program is not None else ""
        return {"label": field.option("label") or "", "url": url or None}


class _Aggregate:
    """The row a rollup's formula reads: one array under the name `values`."""

    def __init__(self, row: RowView, values: list[Value]) -> None:
        self._row = row
        self._all = values
        self.record_id = row.record_id
        self.created_time = row.created_time
        self.now = row.now

    def value(self, field_id: str) -> Value:
        return self._all

    def modified_time(self, field_ids: tuple[str, ...]) -> datetime | None:
        return self._row.modified_time(field_ids)


def _as_moment(stored: str, kind: str) -> Value:
    instant = parse_moment(stored, UTC)
    if instant is None:
        return FAULT
    return instant.date() if kind == "date" else instant


def _in_result_type(field: Field, instant: datetime) -> Value:
    """Created and modified times show as a date where the field's result type is one."""
    result = field.option("result") or {}
    return instant.date() if result.get("type") == "date" else instant
