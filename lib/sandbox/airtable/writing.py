"""Creating, changing and deleting records: one Writer a request, inside one transaction.

The first thing that is refused ends the transaction, so a batch is written whole or not at all.
"""

from __future__ import annotations

from typing import Any

from sandbox.airtable.cells import accept
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import (
    ambiguous_upsert,
    bad_record_id,
    bad_value,
    computed_field,
    invalid_request,
    missing_fields,
    no_such_row,
    not_record_ids,
    unknown_field,
    wrong_table,
)
from sandbox.airtable.formulas import to_text
from sandbox.airtable.reading import RowView
from sandbox.airtable.records import Record
from sandbox.airtable.schema import Base, Field, Table
from sandbox.ids import is_airtable_id
from sandbox.web import clean_text

MERGE_TYPES = frozenset(
    {
        "number",
        "singleLineText",
        "multilineText",
        "singleSelect",
        "multipleSelects",
        "date",
        "email",
        "url",
        "phoneNumber",
    }
)
"""What performUpsert may merge on: "number, text, long text, single select, multiple select, date" [D].
E-mail, URL and phone cells are text too; that they are taken is our choice."""


class Writer:
    """Writes records of one base and notes what changed for the base's webhooks."""

    def __init__(self, engine: Engine, base: Base, *, typecast: bool, by: str | None = None) -> None:
        self._engine = engine
        self._records = engine.records
        self._base = base
        self._typecast = typecast
        self._by = by
        self._now = engine.now_ms()
        self.journal = engine.journal(base)
        self.written = 0
        self._rows: set[int] = set()
        self._other_faces: set[int] = set()
        self._again = False

    @property
    def entangled(self) -> bool:
        """Whether a row that was written changed once more after that: by another row's link, or named twice."""
        return self._again or not self._rows.isdisjoint(self._other_faces)

    def _wrote(self, record: Record) -> None:
        self.written += 1
        self._again = self._again or record.seq in self._rows
        self._rows.add(record.seq)

    # ------------------------------------------------------------------ the four verbs

    def create(self, table: Table, fields: Any, record_id: str | None = None) -> Record:
        """A new record. Raises Refusal 422."""
        values = _by_field(table, fields)
        self._engine.check_room(self._base, 1)
        cells: dict[str, Any] = {}
        later: list[tuple[Field, Any]] = []
        for field, value in values:
            if field.is_link or field.type == "multipleAttachments":
                later.append((field, value))
                continue
            stored = self._accept(field, value)
            if stored is not None:
                cells[field.id] = stored
        record = self._records.insert(table, cells, self._now, self._by, record_id)
        self._wrote(record)
        self.journal.created(record)
        changed = False
        for field, value in later:
            if field.is_link:
                self._link(record, field, value)
            elif value is not None:
                stored = self._engine.attachments.accept(record.seq, field.id, value, [])
                if stored:
                    record.cells[field.id] = stored
                    changed = True
        if changed or (later and not cells):
            record.modified = self._now
            self._records.save(record)
        return record

    def update(self, record: Record, fields: Any, *, replace: bool) -> None:
        """Change a record's cells; with `replace` every writable cell that is not named is cleared."""
        table = record.table
        values = _by_field(table, fields)
        if replace:
            named = {field.id for field, _ in values}
            values += [(field, None) for field in table.fields if field.id not in named and not field.computed]
        self.journal.before(record)
        changed: list[str] = []
        for field, value in values:
            if field.is_link:
                if self._link(record, field, value):
                    changed.append(field.id)
                continue
            if field.type == "multipleAttachments" and value is not None:
                before = record.cells.get(field.id, [])
                stored = self._engine.attachments.accept(record.seq, field.id, value, before) or None
            else:
                stored = self._accept(field, value)
            if _same(stored, record.cells.get(field.id)):
                continue
            changed.append(field.id)
            if stored is None:
                del record.cells[field.id]
            else:
                record.cells[field.id] = stored
        self._wrote(record)
        if not changed:
            return
        record.modified, record.modified_by = self._now, self._by
        record.touched |= dict.fromkeys(changed, self._now)
        self._records.save(record)
        self.journal.changed(record, changed)

    def upsert(self, table: Table, merge: list[Field], fields: Any, *, replace: bool) -> tuple[Record, bool]:
        """Change the one record that matches the merge fields, or create it: (record, was it created).

        Two rows with one key in a request: the second changes what the first made (the real rule is not on
        record). A merge value that is missing or blank matches nothing and creates. Raises Refusal 422 where
        several records match.
        """
        values = {field.id: value for field, value in _by_field(table, fields)}
        keys: list[tuple[Field, Any]] = []
        for field in merge:
            stored = self._accept(field, values.get(field.id))
            if stored is None:
                return self.create(table, fields), True
            keys.append((field, stored))
        first, key = keys[0]
        matches = [
            record
            for record in self._records.with_value(first, [key])
            if all(_same(record.cells.get(field.id), stored) for field, stored in keys)
        ]
        if len(matches) > 1:
            raise ambiguous_upsert()
        if not matches:
            return self.create(table, fields), True
        self.update(matches[0], fields, replace=replace)
        return matches[0], False

    def append(self, record: Record, field: Field, attachment_id: str) -> None:
        """Add an uploaded attachment to a cell."""
        self.journal.before(record)
        record.cells[field.id] = [*record.cells.get(field.id, ()), attachment_id]
        record.modified, record.modified_by = self._now, self._by
        record.touched[field.id] = self._now
        self._records.save(record)
        self.journal.changed(record, [field.id])
        self.written += 1

    def delete(self, record: Record) -> None:
        """Drop a record, its comments, and every link to it."""
        self.journal.destroyed(record)
        self._engine.comments.drop_of(record.seq)
        self._records.delete(record)
        self.written += 1

    # ------------------------------------------------------------------ values that need looking up

    def _accept(self, field: Field, value: Any) -> Any:
        if field.computed:
            raise computed_field(field.name)
        if value is None:
            return None
        match field.type:
            case "singleCollaborator":
                return self._user(field, value)
            case "multipleCollaborators":
                if not isinstance(value, list):
                    raise bad_value(field.name)
                return list(dict.fromkeys(self._user(field, element) for element in value)) or None
            case _:
                return accept(field, value, self._typecast, self._engine.schema.add_choice)

    def _user(self, field: Field, value: Any) -> str:
        """A user by `{id}` or `{email}`; ids in lists (the docs say so), names with typecast."""
        users = self._engine.users
        user = None
        if isinstance(value, dict):
            user = users.with_id(value["id"]) if value.get("id") else users.with_email(value.get("email"))
        elif isinstance(value, str):
            user = users.find(value) if self._typecast else users.with_id(value)
        if user is None:
            raise bad_value(field.name)
        return str(user["id"])

    def _link(self, record: Record, field: Field, value: Any) -> bool:
        """Set a link cell; True where it changed. An id that stands twice counts once: a cell shows a record once."""
        targets = self._targets(field, value) if value is not None else []
        before = record.links.get(field.id, [])
        if targets == before:
            return False
        engine = self._engine
        inverse = engine.schema.fields.get(field.inverse or "")
        touched = {*before} ^ {*targets}
        if inverse is not None and self.journal.active:
            self.journal.before_linked(touched, inverse)
        self._records.set_links(record, field, targets)
        if inverse is not None and touched:
            self._other_faces |= touched
            self._records.touch(sorted(touched), inverse, self._now, self._by)
        return True

    def _targets(self, field: Field, value: Any) -> list[int]:
        if self._typecast and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise not_record_ids()
        wanted: list[str] = []
        for element in value:
            if isinstance(element, str) and is_airtable_id(element, "rec"):
                wanted.append(element)
            elif self._typecast and isinstance(element, str):
                if element.strip():
                    wanted.append(self._named(field, clean_text(element)))
            else:
                raise bad_record_id(element)
        wanted = list(dict.fromkeys(wanted))
        places = self._records.places(wanted)
        linked = self._engine.schema.tables[field.linked_table]
        for element in wanted:
            if element not in places:
                raise no_such_row(element)
            if places[element][1] != linked.num:
                other = next((table for table in self._base.tables if table.num == places[element][1]), None)
                raise no_such_row(element) if other is None else wrong_table(element, other.id, linked.id)
        return [places[element][0] for element in wanted]

    def _named(self, field: Field, name: str) -> str:
        """The first linked record with that primary value; a new one where there is none, as typecast does."""
        linked = self._engine.schema.tables[field.linked_table]
        primary = linked.primary
        if primary.computed:
            reader = self._engine.reader()
            seq = 0
            while batch := self._records.after(linked, seq, 500):
                for record in batch:
                    if to_text(RowView(reader, record).value(primary.id)) == name:
                        return record.id
                seq = batch[-1].seq
            raise bad_value(field.name)
        stored = accept(primary, name, True, self._engine.schema.add_choice)
        for record in self._records.with_value(primary, [stored]):
            if _same(record.cells.get(primary.id), stored):
                return record.id
        return self.create(linked, {primary.name: name}).id


def merge_fields(table: Table, names: Any) -> list[Field]:
    """The fields of `performUpsert.fieldsToMergeOn`, one to three of a type that can be merged on; raises Refusal."""
    if not isinstance(names, list) or not 1 <= len(names) <= 3 or not all(isinstance(name, str) for name in names):
        raise invalid_request()
    fields: list[Field] = []
    for name in names:
        field = table.field(name)
        if field is None:
            raise unknown_field(name)
        if field.computed:
            raise computed_field(field.name)
        if field.type not in MERGE_TYPES:
            raise bad_value(field.name)
        fields.append(field)
    return fields


def _by_field(table: Table, fields: Any) -> list[tuple[Field, Any]]:
    if fields is None:
        raise missing_fields()
    if not isinstance(fields, dict):
        raise invalid_request()
    values: dict[str, tuple[Field, Any]] = {}
    for key, value in fields.items():
        field = table.field(key)
        if field is None:
            raise unknown_field(key)
        values[field.id] = (field, value)
    return list(values.values())


def _same(one: Any, other: Any) -> bool:
    """Equal and of one type: True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
