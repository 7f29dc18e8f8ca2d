"""The Airtable side's endpoints: who may ask, how often, and which part answers."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response

from sandbox.airtable import asked, meta
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import (
    Refusal,
    authentication_required,
    bad_body,
    bad_value,
    invalid_records,
    invalid_request,
    missing_fields,
    model_not_found,
    no_such_row,
    not_found,
    server_error,
    too_large,
    unknown_field,
    url_too_long,
)
from sandbox.airtable.limits import Limits
from sandbox.airtable.listing import Iterators, Show, list_records, read_query, read_show, show_record
from sandbox.airtable.writing import Writer, merge_fields
from sandbox.ids import is_airtable_id
from sandbox.web import BadBody, BodyTooLarge, Routes, json_answer, parse_json, read_body, segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from sandbox.airtable.records import Record
    from sandbox.airtable.schema import Base, Field, Table
    from sandbox.world import World

_T = TypeVar("_T")

URL_LIMIT = 16_000  # characters
BODY_LIMIT = 10_000_000  # bytes; the real bound is not published, an upload of 5 MB in base64 must pass
_GZIP_FROM = 1_024  # bytes; below that it costs more than it saves

_BASE_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "DELETE,GET,OPTIONS,PATCH,POST,PUT",
    "access-control-allow-headers": "authorization,content-length,content-type,user-agent,x-airtable-application-id,"
    "x-airtable-user-agent,x-api-version,x-requested-with",
    "x-content-type-options": "nosniff",
    "vary": "Accept-Encoding",
}

CREATE_LIMIT = "A maximum of {limit} records can be created per request but you have provided {count}."
UPDATE_LIMIT = (
    'You must provide an array of up to {limit} record objects, each with an "id" ID field and a "fields" object for '
    "cell values."
)
DELETE_LIMIT = "You must provide an array of up to {limit} record IDs."


class AirtableService:
    """Answers everything under `/v0`."""

    name = "airtable"

    def __init__(self, world: World) -> None:
        self.world = world
        self.engine = Engine(world)
        self._iterators = Iterators()
        self._limits = Limits(self.engine)
        self._routes = Routes(
            [
                ("GET", "/v0/meta/whoami", self._whoami),
                ("GET", "/v0/meta/bases", self._bases),
                ("POST", "/v0/meta/bases", self._create_base),
                ("GET", "/v0/meta/bases/{base}", self._base),
                ("GET", "/v0/meta/bases/{base}/tables", self._tables),
                ("POST", "/v0/meta/bases/{base}/tables", self._create_table),
                ("PATCH", "/v0/meta/bases/{base}/tables/{table}", self._change_table),
                ("POST", "/v0/meta/bases/{base}/tables/{table}/fields", self._create_field),
                ("PATCH", "/v0/meta/bases/{base}/tables/{table}/fields/{field}", self._change_field),
                ("GET", "/v0/bases/{base}/webhooks", self._webhooks),
                ("POST", "/v0/bases/{base}/webhooks", self._create_webhook),
                ("DELETE", "/v0/bases/{base}/webhooks/{hook}", self._delete_webhook),
                ("POST", "/v0/bases/{base}/webhooks/{hook}/enableNotifications", self._enable_webhook),
                ("POST", "/v0/bases/{base}/webhooks/{hook}/refresh", self._refresh_webhook),
                ("GET", "/v0/bases/{base}/webhooks/{hook}/payloads", self._payloads),
                ("POST", "/v0/{base}/{table}/listRecords", self._list_by_post),
                ("POST", "/v0/{base}/{record}/{field}/uploadAttachment", self._upload),
                ("GET", "/v0/{base}/{table}/{record}/comments", self._comments),
                ("POST", "/v0/{base}/{table}/{record}/comments", self._add_comment),
                ("PATCH", "/v0/{base}/{table}/{record}/comments/{comment}", self._change_comment),
                ("DELETE", "/v0/{base}/{table}/{record}/comments/{comment}", self._delete_comment),
                ("GET", "/v0/{base}/{table}", self._list_by_get),
                ("POST", "/v0/{base}/{table}", self._create),
                ("PATCH", "/v0/{base}/{table}", self._update_many),
                ("PUT", "/v0/{base}/{table}", self._update_many),
                ("DELETE", "/v0/{base}/{table}", self._delete_many),
                ("GET", "/v0/{base}/{table}/{record}", self._get),
                ("PATCH", "/v0/{base}/{table}/{record}", self._update_one),
                ("PUT", "/v0/{base}/{table}/{record}", self._update_one),
                ("DELETE", "/v0/{base}/{table}/{record}", self._delete_one),
            ]
        )

    # ------------------------------------------------------------------ the service's face to the app

    def speaks(self, path: str) -> bool:
        """Whether the path is under `/v0`."""
        return path.startswith("/v0/") or path == "/v0"

    def place(self, request: Request) -> str:
        """The base in the path, or `meta`."""
        return _base_in(request.scope["path"]) or "meta"

    def broken(self) -> Response:
        """500 SERVER_ERROR."""
        return server_error().response()

    async def answer(self, request: Request) -> tuple[str, Response]:
        """The endpoint's name and its answer, refusals included."""
        if request.method == "OPTIONS":
            return "OPTIONS", Response(b"", 200, _BASE_HEADERS)
        found = self._routes.find(request)
        name = found[0] if found else "unrouted"
        try:
            response = self._refused(request)
            if response is None:
                if found is None:
                    raise not_found()
                response = await found[1](request)
        except Refusal as refusal:
            response = refusal.response()
        # What a transaction left to do outside of it: its answer does not wait.
        self.engine.attachments.fetch_wanted()
        self.engine.webhooks.ping()
        return name, _dressed(request, response)

    def _refused(self, request: Request) -> Response | None:
        """Credentials, the URL's length and the limits, in the order in which the service looks at them."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.world.lets_in(token.strip()):
            raise authentication_required()
        target = len(request.scope["path"]) + len(request.scope["query_string"]) + 1
        if target + len("http://") + len(request.headers.get("host", "")) >= URL_LIMIT:
            raise url_too_long()
        path = request.scope["path"]
        return self._limits.refuse(_base_in(path), token.strip(), meta=path.startswith("/v0/meta"))

    # ------------------------------------------------------------------ records

    async def _list_by_get(self, request: Request) -> Response:
        told = asked.from_query(request.query_params.multi_items())
        return await self._list(request, told)

    async def _list_by_post(self, request: Request) -> Response:
        return await self._list(request, await _body(request))

    async def _list(self, request: Request, told: dict[str, Any]) -> Response:
        table = self._table(request)
        in_query = asked.from_query(request.query_params.multi_items())
        query = read_query(table, told, in_query)
        return json_answer(await list_records(self.engine, self._iterators, table, query))

    async def _get(self, request: Request) -> Response:
        _base, record = self._record(request)
        told = asked.from_query(request.query_params.multi_items())
        return self._shown([record], read_show(record.table, told, told), single=True)

    async def _create(self, request: Request) -> Response:
        body = await _body(request)
        table = self._table(request)
        show, typecast = _write_options(body)
        many = body.get("records")
        if "records" not in body:
            if "fields" not in body:
                raise missing_fields()
            return self._write(
                table, typecast, lambda writer: [writer.create(table, body["fields"])], show, single=True
            )
        rows = self._batch(many, CREATE_LIMIT)
        return self._write(
            table, typecast, lambda writer: [writer.create(table, row.get("fields")) for row in rows], show
        )

    async def _update_one(self, request: Request) -> Response:
        body = await _body(request)
        _, record = self._record(request)
        show, typecast = _write_options(body)
        if "fields" not in body:
            raise missing_fields()

        def change(writer: Writer) -> list[Record]:
            writer.update(record, body["fields"], replace=request.method == "PUT")
            return [record]

        return self._write(record.table, typecast, change, show, single=True)

    async def _update_many(self, request: Request) -> Response:
        body = await _body(request)
        table = self._table(request)
        show, typecast = _write_options(body)
        rows = self._batch(body.get("records"), UPDATE_LIMIT)
        replace = request.method == "PUT"
        upsert = body.get("performUpsert")
        merge = None
        if upsert is not None:
            if not isinstance(upsert, dict):
                raise invalid_request()
            merge = merge_fields(table, upsert.get("fieldsToMergeOn"))
        created: list[str] = []
        updated: list[str] = []

        def change(writer: Writer) -> list[Record]:
            records = []
            for row in rows:
                record_id = row.get("id")
                if record_id is None and merge is not None:
                    record, is_new = writer.upsert(table, merge, row.get("fields"), replace=replace)
                    (created if is_new else updated).append(record.id)
                else:
                    record = self._row_of(table, record_id)
                    writer.update(record, row.get("fields"), replace=replace)
                    updated.append(record.id)
                records.append(record)
            return records

        more = {} if merge is None else {"createdRecords": created, "updatedRecords": updated}
        return self._write(table, typecast, change, show, more=more)

    async def _delete_one(self, request: Request) -> Response:
        base, record = self._record(request)
        self._transact(base, False, lambda writer: writer.delete(record))
        return json_answer({"id": record.id, "deleted": True})

    async def _delete_many(self, request: Request) -> Response:
        table = self._table(request)
        told = asked.from_query(request.query_params.multi_items())
        wanted = asked.texts(told, "records")
        limit = self.world.settings.batch_limit
        if not 1 <= len(wanted) <= limit:
            raise invalid_records(DELETE_LIMIT.format(limit=limit))
        found = self.engine.records.by_ids(wanted)
        for one in wanted:
            if one not in found or found[one].table.id != table.id:
                raise Refusal(404, "NOT_FOUND", f'Could not find a record with ID "{one}".')

        def delete(writer: Writer) -> None:
            for one in dict.fromkeys(wanted):
                writer.delete(found[one])

        self._transact(self.engine.base(table.base_id), False, delete)
        return json_answer({"records": [{"id": one, "deleted": True} for one in wanted]})

    async def _upload(self, request: Request) -> Response:
        body = await _body(request)
        base, record = self._record(request)
        field = record.table.field(segment(request, "field"))
        if field is None:
            raise unknown_field(segment(request, "field"))
        if field.type != "multipleAttachments":
            raise bad_value(field.name)

        def add(writer: Writer) -> None:
            made = self.engine.attachments.upload(record.seq, field.id, body)
            writer.append(record, field, made)

        self._transact(base, False, add)
        shown = self.engine.reader().record(record, by_id=True, only={field.id})
        return json_answer(shown)

    # ------------------------------------------------------------------ comments

    async def _comments(self, request: Request) -> Response:
        _, record = self._record(request)
        told = asked.from_query(request.query_params.multi_items())
        size = asked.whole_number(told, "pageSize")
        if size is not None and not 1 <= size <= 100:
            raise Refusal(422, "INVALID_PAGE_SIZE_ARGUMENT", "Page size argument should be between 0 and 100")
        return json_answer(self.engine.comments.page(record.seq, size or 100, asked.text(told, "offset")))

    async def _add_comment(self, request: Request) -> Response:
        body = await _body(request)
        _, record = self._record(request)
        with self.engine.store.transaction():
            return json_answer(self.engine.comments.add(record.seq, body))

    async def _change_comment(self, request: Request) -> Response:
        body = await _body(request)
        _, record = self._record(request)
        with self.engine.store.transaction():
            return json_answer(self.engine.comments.change(record.seq, segment(request, "comment"), body))

    async def _delete_comment(self, request: Request) -> Response:
        _, record = self._record(request)
        with self.engine.store.transaction():
            return json_answer(self.engine.comments.delete(record.seq, segment(request, "comment")))

    # ------------------------------------------------------------------ meta

    async def _whoami(self, request: Request) -> Response:
        owner = self.engine.users.owner
        return json_answer({"id": owner["id"], "email": owner["email"]})

    async def _bases(self, request: Request) -> Response:
        told = asked.from_query(request.query_params.multi_items())
        if "pageSize" in told:
            raise invalid_request()
        bases = list(self.engine.schema.bases.values())
        start = 0
        if offset := asked.text(told, "offset"):
            start = next((place for place, base in enumerate(bases) if offset.endswith(f"/{base.id}")), -1)
            if start < 0:
                raise Refusal(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")
        page, rest = bases[start : start + 1000], bases[start + 1000 :]
        answer: dict[str, Any] = {
            "bases": [{"id": base.id, "name": base.name, "permissionLevel": "create"} for base in page]
        }
        if rest:
            answer["offset"] = f"itr{page[0].id[3:]}/{rest[0].id}"
        return json_answer(answer)

    async def _create_base(self, request: Request) -> Response:
        body = await _body(request)
        with self.engine.store.transaction():
            return json_answer(meta.create_base(self.engine, body))

    async def _base(self, request: Request) -> Response:
        told = asked.from_query(request.query_params.multi_items())
        return json_answer(meta.show_base(self.engine, self._meta_base(request), asked.texts(told, "include")))

    async def _tables(self, request: Request) -> Response:
        told = asked.from_query(request.query_params.multi_items())
        visible = "visibleFieldIds" in asked.texts(told, "include")
        base = self._meta_base(request)
        schema = self.engine.schema
        return json_answer({"tables": [meta.show_table(schema, one, visible_fields=visible) for one in base.tables]})

    async def _create_table(self, request: Request) -> Response:
        body = await _body(request)
        base = self._meta_base(request)
        made = self._transact(base, False, lambda writer: meta.create_table(self.engine, base, body, writer.journal))
        return json_answer(meta.show_table(self.engine.schema, made))

    async def _change_table(self, request: Request) -> Response:
        body = await _body(request)
        base = self._meta_base(request)
        table = meta.find_table(base, segment(request, "table"))
        self._transact(base, False, lambda writer: meta.change_table(self.engine, base, table, body, writer.journal))
        return json_answer(meta.show_table(self.engine.schema, table))

    async def _create_field(self, request: Request) -> Response:
        body = await _body(request)
        # Unlike its siblings it answers a missing base with the bare 404 (recorded, Pipedream #21047).
        base = self.engine.base(segment(request, "base"))
        table = meta.find_table(base, segment(request, "table"))
        made: Field = self._transact(
            base, False, lambda writer: meta.create_field(self.engine, base, table, body, writer.journal)
        )
        return json_answer(meta.show_field(self.engine.schema, made))

    async def _change_field(self, request: Request) -> Response:
        body = await _body(request)
        base = self._meta_base(request)
        table = meta.find_table(base, segment(request, "table"))
        field = table.by_id.get(segment(request, "field"))
        if field is None:
            raise model_not_found()
        self._transact(base, False, lambda writer: meta.change_field(self.engine, table, field, body, writer.journal))
        return json_answer(meta.show_field(self.engine.schema, field))

    # ------------------------------------------------------------------ webhooks

    async def _webhooks(self, request: Request) -> Response:
        return json_answer(self.engine.webhooks.list(self._meta_base(request)))

    async def _create_webhook(self, request: Request) -> Response:
        body = await _body(request)
        base = self._meta_base(request)
        with self.engine.store.transaction():
            return json_answer(self.engine.webhooks.create(base, body))

    async def _delete_webhook(self, request: Request) -> Response:
        with self.engine.store.transaction():
            self.engine.webhooks.delete(self._meta_base(request), segment(request, "hook"))
        return json_answer({})

    async def _enable_webhook(self, request: Request) -> Response:
        body = await _body(request)
        with self.engine.store.transaction():
            self.engine.webhooks.enable(self._meta_base(request), segment(request, "hook"), body)
        return json_answer({})

    async def _refresh_webhook(self, request: Request) -> Response:
        with self.engine.store.transaction():
            return json_answer(self.engine.webhooks.refresh(self._meta_base(request), segment(request, "hook")))

    async def _payloads(self, request: Request) -> Response:
        told = asked.from_query(request.query_params.multi_items())
        cursor, limit = asked.whole_number(told, "cursor"), asked.whole_number(told, "limit")
        if (cursor is not None and cursor < 1) or (limit is not None and not 1 <= limit <= 50):
            raise invalid_request()
        base, hook = self._meta_base(request), segment(request, "hook")
        with self.engine.store.transaction():
            return json_answer(self.engine.webhooks.payloads(base, hook, cursor or 1, limit or 50))

    # ------------------------------------------------------------------ shared steps

    def _table(self, request: Request) -> Table:
        return self.engine.table(segment(request, "base"), segment(request, "table"))

    def _meta_base(self, request: Request) -> Base:
        return self.engine.base(segment(request, "base"), missing=model_not_found())

    def _record(self, request: Request) -> tuple[Base, Record]:
        """The record in the path. It may live in another table of the base than the path says [D]."""
        base = self.engine.base(segment(request, "base"))
        if "table" in request.path_params and base.table(segment(request, "table")) is None:
            raise model_not_found()
        return base, self.engine.record(base, segment(request, "record"))

    def _row_of(self, table: Table, record_id: Any) -> Record:
        limit = self.world.settings.batch_limit
        if not isinstance(record_id, str) or not is_airtable_id(record_id, "rec"):
            raise invalid_records(UPDATE_LIMIT.format(limit=limit))
        record = self.engine.records.get(record_id)
        if record is None or record.table.id != table.id:
            raise no_such_row(record_id)
        return record

    def _batch(self, rows: Any, message: str) -> list[dict[str, Any]]:
        """A write's `records`: 1 to 10 objects.

        In 2026 a live create of 11 was answered 200, but no document promises it: the sandbox keeps the bound, so
        that a loader that is tried here is safe on both (`Settings.batch_limit`).
        """
        limit = self.world.settings.batch_limit
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise invalid_request() if not isinstance(rows, list) else invalid_records(UPDATE_LIMIT.format(limit=limit))
        if len(rows) > limit:
            raise invalid_records(message.format(limit=limit, count=len(rows)))
        return rows

    def _transact(self, base: Base, typecast: bool, change: Callable[[Writer], _T]) -> _T:
        with self.engine.store.transaction():
            writer = Writer(self.engine, base, typecast=typecast)
            made = change(writer)
            self.engine.webhooks.record(writer.journal)
        self.world.stats.wrote(self.name, base.id, writer.written)
        return made

    def _write(
        self,
        table: Table,
        typecast: bool,
        change: Callable[[Writer], list[Record]],
        show: Show,
        *,
        single: bool = False,
        more: dict[str, Any] | None = None,
    ) -> Response:
        records = self._transact(self.engine.base(table.base_id), typecast, change)
        return self._shown(records, show, single=single, more=more)

    def _shown(
        self, records: list[Record], show: Show, *, single: bool = False, more: dict[str, Any] | None = None
    ) -> Response:
        reader = self.engine.reader()
        shown = [show_record(self.engine, reader, record, show) for record in records]
        return json_answer(shown[0] if single else {"records": shown, **(more or {})})


def _base_in(path: str) -> str | None:
    """The base id in a path, wherever the endpoint has it."""
    return next((part for part in path.split("/")[2:5] if is_airtable_id(part, "app")), None)


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object. Raises Refusal 400, 413 or 422."""
    try:
        body = await read_body(request, BODY_LIMIT)
        told = parse_json(body) if body.strip() else {}
    except BodyTooLarge:
        raise too_large() from None
    except BadBody:
        raise bad_body() from None
    if not isinstance(told, dict):
        raise invalid_request()
    return told


def _write_options(body: dict[str, Any]) -> tuple[Show, bool]:
    """How a write's answer shows records, and whether values are cast."""
    typecast = body.get("typecast")
    if typecast is not None and not isinstance(typecast, bool):
        raise invalid_request()
    return Show(by_id=asked.flag(body, "returnFieldsByFieldId")), bool(typecast)


def _dressed(request: Request, response: Response) -> Response:
    """The answer with the service's headers, zipped where the client takes it."""
    response.headers.update(_BASE_HEADERS)
    body = bytes(response.body)
    response.headers["airtable-uncompressed-content-length"] = str(len(body))
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        response.body = packer.compress(body) + packer.flush()
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
    return response
