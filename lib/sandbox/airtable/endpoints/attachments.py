"""`uploadAttachment`: a file straight into a cell. The real service has it on a host of its own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable.endpoints.steps import Route, body_of, record_of, transact
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import bad_value, unknown_field
from sandbox.airtable.writing import Writer
from sandbox.web import json_response, segment


class AttachmentEndpoints:
    """Uploads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.routes: list[Route] = [("POST", "/v0/{base}/{record}/{field}/uploadAttachment", self._upload)]

    async def _upload(self, request: Request) -> Response:
        body = await body_of(request)
        base, record = record_of(self._engine, request)
        field = record.table.field(segment(request, "field"))
        if field is None:
            raise unknown_field(segment(request, "field"))
        if field.type != "multipleAttachments":
            raise bad_value(field.name)

        def add(writer: Writer) -> None:
            made = self._engine.attachments.upload(record.seq, field.id, body)
            writer.append(record, field, made)

        transact(self._engine, base, add)
        return json_response(self._engine.reader().record(record, by_id=True, only={field.id}))
