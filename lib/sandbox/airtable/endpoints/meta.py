"""`/v0/meta`: who asks, which bases there are, and their tables and fields."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable import meta, params
from sandbox.airtable.endpoints.steps import Route, body_of, meta_base_of, query_of, transact
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import bad_offset, invalid_request, model_not_found
from sandbox.web import json_response, segment

PAGE_SIZE = 1_000
_OFFSET = re.compile(r"itr[0-9A-Za-z]{14}/(app[0-9A-Za-z]{14})")


class MetaEndpoints:
    """The Meta API."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        bases, tables = "/v0/meta/bases", "/v0/meta/bases/{base}/tables"
        self.routes: list[Route] = [
            ("GET", "/v0/meta/whoami", self._whoami),
            ("GET", bases, self._bases),
            ("POST", bases, self._create_base),
            ("GET", bases + "/{base}", self._base),
            ("GET", tables, self._tables),
            ("POST", tables, self._create_table),
            ("PATCH", tables + "/{table}", self._change_table),
            ("POST", tables + "/{table}/fields", self._create_field),
            ("PATCH", tables + "/{table}/fields/{field}", self._change_field),
        ]

    async def _whoami(self, request: Request) -> Response:
        owner = self._engine.users.owner
        return json_response({"id": owner["id"], "email": owner["email"]})

    async def _bases(self, request: Request) -> Response:
        payload = query_of(request)
        if "pageSize" in payload:
            raise invalid_request()
        bases = list(self._engine.schema.bases.values())
        start = 0
        if offset := params.text(payload, "offset"):
            found = _OFFSET.fullmatch(offset)
            start = next((place for place, base in enumerate(bases) if found and base.id == found[1]), -1)
            if start < 0:
                raise bad_offset(offset)
        page, rest = bases[start : start + PAGE_SIZE], bases[start + PAGE_SIZE :]
        response: dict[str, Any] = {
            "bases": [{"id": base.id, "name": base.name, "permissionLevel": "create"} for base in page]
        }
        if rest:
            response["offset"] = f"itr{page[0].id[3:]}/{rest[0].id}"
        return json_response(response)

    async def _create_base(self, request: Request) -> Response:
        body = await body_of(request)
        with self._engine.store.transaction():
            return json_response(meta.create_base(self._engine, body))

    async def _base(self, request: Request) -> Response:
        base, include = meta_base_of(self._engine, request), params.texts(query_of(request), "include")
        return json_response(meta.show_base(self._engine, base, include))

    async def _tables(self, request: Request) -> Response:
        visible = "visibleFieldIds" in params.texts(query_of(request), "include")
        base, schema = meta_base_of(self._engine, request), self._engine.schema
        return json_response(
            {"tables": [meta.show_table(schema, table, visible_fields=visible) for table in base.tables]}
        )

    async def _create_table(self, request: Request) -> Response:
        body, engine = await body_of(request), self._engine
        base = meta_base_of(engine, request)
        made = transact(engine, base, lambda writer: meta.create_table(engine, base, body, writer.journal))
        return json_response(meta.show_table(engine.schema, made))

    async def _change_table(self, request: Request) -> Response:
        body, engine = await body_of(request), self._engine
        base = meta_base_of(engine, request)
        table = meta.find_table(base, segment(request, "table"))
        transact(engine, base, lambda writer: meta.change_table(engine, base, table, body, writer.journal))
        return json_response(meta.show_table(engine.schema, table))

    async def _create_field(self, request: Request) -> Response:
        body, engine = await body_of(request), self._engine
        # Unlike its siblings it answers a missing base with the bare 404 (recorded, Pipedream #21047).
        base = engine.base(segment(request, "base"))
        table = meta.find_table(base, segment(request, "table"))
        made = transact(engine, base, lambda writer: meta.create_field(engine, base, table, body, writer.journal))
        return json_response(meta.show_field(engine.schema, made))

    async def _change_field(self, request: Request) -> Response:
        body, engine = await body_of(request), self._engine
        base = meta_base_of(engine, request)
        table = meta.find_table(base, segment(request, "table"))
        field = table.by_id.get(segment(request, "field"))
        if field is None:
            raise model_not_found()
        transact(engine, base, lambda writer: meta.change_field(engine, table, field, body, writer.journal))
        return json_response(meta.show_field(engine.schema, field))
