"""Records: listing, reading, creating, changing, upserting and deleting them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable import params
from sandbox.airtable.endpoints.steps import Route, body_of, query_of, record_of, table_of, transact
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal, invalid_records, invalid_request, no_such_row
from sandbox.airtable.listing import Iterators, Show, list_records, read_query, read_show, show_record
from sandbox.airtable.records import Record
from sandbox.airtable.schema import Field, Table
from sandbox.airtable.writing import Writer, merge_fields
from sandbox.ids import is_airtable_id
from sandbox.web import json_response

CREATE_LIMIT = "A maximum of {limit} records can be created per request but you have provided {count}."
UPDATE_LIMIT = (
    'You must provide an array of up to {limit} record objects, each with an "id" ID field and a "fields" object for '
    "cell values."
)
DELETE_LIMIT = "You must provide an array of up to {limit} record IDs."


class RecordEndpoints:
    """A table's records, one by one and in batches.

    In 2026 a live create of 11 was answered 200, but no document promises it: the sandbox keeps the bound of 10, so
    that a loader that is tried here is safe on both (`Settings.batch_limit`).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._iterators = Iterators()
        self._batch_limit = engine.state.settings.batch_limit
        list_path, item_path = "/v0/{base}/{table}", "/v0/{base}/{table}/{record}"
        self.routes: list[Route] = [
            ("POST", list_path + "/listRecords", self._list_by_post),
            ("GET", list_path, self._list_by_get),
            ("POST", list_path, self._create),
            ("PATCH", list_path, self._update_many),
            ("PUT", list_path, self._update_many),
            ("DELETE", list_path, self._delete_many),
            ("GET", item_path, self._get),
            ("PATCH", item_path, self._update_one),
            ("PUT", item_path, self._update_one),
            ("DELETE", item_path, self._delete_one),
        ]

    # ------------------------------------------------------------------ reading

    async def _list_by_get(self, request: Request) -> Response:
        return await self._list(request, query_of(request))

    async def _list_by_post(self, request: Request) -> Response:
        return await self._list(request, await body_of(request))

    async def _list(self, request: Request, payload: dict[str, Any]) -> Response:
        table = table_of(self._engine, request)
        query = read_query(table, payload, query_of(request))
        return json_response(await list_records(self._engine, self._iterators, table, query))

    async def _get(self, request: Request) -> Response:
        _, record = record_of(self._engine, request)
        payload = query_of(request)
        return json_response(self._shown([record], read_show(record.table, payload, payload))[0])

    # ------------------------------------------------------------------ writing

    async def _create(self, request: Request) -> Response:
        body = await body_of(request)
        table = table_of(self._engine, request)
        show, typecast = _write_options(body)
        if "records" not in body:
            made = self._write(table, typecast, lambda writer: [writer.create(table, body.get("fields"))])
            return json_response(self._shown(made, show)[0])
        rows = self._rows_to_create(body["records"])
        made = self._write(table, typecast, lambda writer: [writer.create(table, row.get("fields")) for row in rows])
        return json_response({"records": self._shown(made, show)})

    async def _update_one(self, request: Request) -> Response:
        body = await body_of(request)
        _, record = record_of(self._engine, request)
        show, typecast = _write_options(body)

        def change(writer: Writer) -> list[Record]:
            writer.update(record, body.get("fields"), replace=request.method == "PUT")
            return [record]

        return json_response(self._shown(self._write(record.table, typecast, change), show)[0])

    async def _update_many(self, request: Request) -> Response:
        body = await body_of(request)
        table = table_of(self._engine, request)
        show, typecast = _write_options(body)
        rows = self._rows_to_update(body.get("records"))
        replace = request.method == "PUT"
        merge = _merge_fields(table, body.get("performUpsert"))
        created: list[str] = []
        updated: list[str] = []

        def change(writer: Writer) -> list[Record]:
            records = []
            for row in rows:
                if row.get("id") is None and merge is not None:
                    record, is_new = writer.upsert(table, merge, row.get("fields"), replace=replace)
                    (created if is_new else updated).append(record.id)
                else:
                    record = self._row_of(table, row.get("id"))
                    writer.update(record, row.get("fields"), replace=replace)
                    updated.append(record.id)
                records.append(record)
            return records

        response: dict[str, Any] = {"records": self._shown(self._write(table, typecast, change), show)}
        if merge is not None:
            response |= {"createdRecords": created, "updatedRecords": updated}
        return json_response(response)

    async def _delete_one(self, request: Request) -> Response:
        base, record = record_of(self._engine, request)
        transact(self._engine, base, lambda writer: writer.delete(record))
        return json_response({"id": record.id, "deleted": True})

    async def _delete_many(self, request: Request) -> Response:
        table = table_of(self._engine, request)
        wanted = params.texts(query_of(request), "records")
        if not 1 <= len(wanted) <= self._batch_limit:
            raise invalid_records(DELETE_LIMIT.format(limit=self._batch_limit))
        found = self._engine.records.by_ids(wanted)
        for element in wanted:
            if element not in found or found[element].table.id != table.id:
                raise Refusal(404, "NOT_FOUND", f'Could not find a record with ID "{element}".')

        def delete(writer: Writer) -> None:
            for fromkey in dict.fromkeys(wanted):
                writer.delete(found[fromkey])

        transact(self._engine, self._engine.base(table.base_id), delete)
        return json_response({"records": [{"id": element, "deleted": True} for element in wanted]})

    # ------------------------------------------------------------------

    def _write(self, table: Table, typecast: bool, change: Callable[[Writer], list[Record]]) -> list[Record]:
        def change_and_look(writer: Writer) -> list[Record]:
            records = change(writer)
            if not writer.entangled:
                return records
            now = self._engine.records.by_ids({record.id for record in records})
            return [now[record.id] for record in records]

        return transact(self._engine, self._engine.base(table.base_id), change_and_look, typecast=typecast)

    def _shown(self, records: list[Record], show: Show) -> list[dict[str, Any]]:
        reader = self._engine.reader()
        return [show_record(self._engine, reader, record, show) for record in records]

    def _row_of(self, table: Table, record_id: Any) -> Record:
        if not isinstance(record_id, str) or not is_airtable_id(record_id, "rec"):
            raise self._bad_update()
        record = self._engine.records.get(record_id)
        if record is None or record.table.id != table.id:
            raise no_such_row(record_id)
        return record

    def _rows_to_create(self, rows: Any) -> list[dict[str, Any]]:
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise invalid_request()
        if len(rows) > self._batch_limit:
            raise invalid_records(CREATE_LIMIT.format(limit=self._batch_limit, count=len(rows)))
        return rows

    def _rows_to_update(self, rows: Any) -> list[dict[str, Any]]:
        if not isinstance(rows, list) or not 1 <= len(rows) <= self._batch_limit:
            raise self._bad_update()
        if not all(isinstance(row, dict) for row in rows):
            raise self._bad_update()
        return rows

    def _bad_update(self) -> Refusal:
        return invalid_records(UPDATE_LIMIT.format(limit=self._batch_limit))


def _write_options(body: dict[str, Any]) -> tuple[Show, bool]:
    """How a write's answer shows records, and whether values are cast."""
    typecast = body.get("typecast")
    if typecast is not None and not isinstance(typecast, bool):
        raise invalid_request()
    return Show(by_id=params.flag(body, "returnFieldsByFieldId")), bool(typecast)


def _merge_fields(table: Table, upsert: Any) -> list[Field] | None:
    """The fields of `performUpsert`; None where the request is a plain update."""
    if upsert is None:
        return None
    if not isinstance(upsert, dict):
        raise invalid_request()
    return merge_fields(table, upsert.get("fieldsToMergeOn"))
