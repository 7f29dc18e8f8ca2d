"""The Airtable side's parts, held together."""

from __future__ import annotations

from sandbox.airtable.attachments import Attachments
from sandbox.airtable.comments import Comments
from sandbox.airtable.errors import Refusal, failed_state_check, model_not_found, not_found
from sandbox.airtable.journal import Journal
from sandbox.airtable.programs import Programs
from sandbox.airtable.reading import Reader
from sandbox.airtable.records import Record, Records
from sandbox.airtable.schema import Base, Schema, Table
from sandbox.airtable.users import Users
from sandbox.airtable.webhooks import Webhooks
from sandbox.app_state import WORKSPACE, AppState


class Engine:
    """Everything a request to the Airtable side may touch."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.store = state.store
        self.schema = Schema(state.store)
        self.records = Records(state.store, self.schema)
        self.users = Users(state.store)
        self.attachments = Attachments(state)
        self.programs = Programs(self.schema)
        self.comments = Comments(state, self.users)
        self.webhooks = Webhooks(state, self.users)
        self.attachments.on_failed = self._drop_attachment

    def reader(self) -> Reader:
        """A reader for one request."""
        return Reader(self.schema, self.records, self.users, self.attachments, self.programs, self.state.clock.now())

    def journal(self, base: Base) -> Journal:
        """A journal for one transaction on a base."""
        watched = self.webhooks.watches(base.id)
        return Journal(base, self.schema, self.records, self.reader, active=watched)

    def now_ms(self) -> int:
        """The clock in epoch milliseconds."""
        return int(self.state.clock.time() * 1000)

    def base(self, base_id: str, missing: Refusal | None = None) -> Base:
        """A base; raises `missing`, by default the data API's bare 404."""
        base = self.schema.bases.get(base_id)
        if base is None:
            raise missing or not_found()
        return base

    def table(self, base_id: str, key: str) -> Table:
        """A table of a base by id or name; raises Refusal 404 or 403."""
        table = self.base(base_id).table(key)
        if table is None:
            raise model_not_found()
        return table

    def record(self, base: Base, record_id: str) -> Record:
        """A record of a base, of whichever table; raises Refusal 403."""
        record = self.records.get(record_id)
        if record is None or record.table.base_id != base.id:
            raise model_not_found()
        return record

    def check_room(self, base: Base, more: int) -> None:
        """Raise Refusal 422 where `more` records would pass the plan's records per base."""
        held = sum(self.records.count(table) for table in base.tables)
        if held + more > self.state.settings.records_per_base:
            raise failed_state_check()

    def workspaces(self) -> set[str]:
        """The workspaces that bases can be created in."""
        return {WORKSPACE, *(base.workspace for base in self.schema.bases.values())}

    def _drop_attachment(self, seq: int, field_id: str, attachment_id: str) -> None:
        for record in self.records.by_seqs([seq]).values():
            stored = [element for element in record.cells.get(field_id, ()) if element != attachment_id]
            if stored:
                record.cells[field_id] = stored
            else:
                record.cells.pop(field_id, None)
            self.records.save(record)
