"""Comments on a record."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable import params
from sandbox.airtable.endpoints.steps import Route, body_of, query_of, record_of
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import bad_page_size
from sandbox.web import json_response, segment

PAGE_SIZE = 100


class CommentEndpoints:
    """Listing, adding, changing and deleting comments."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        list_path, item_path = "/v0/{base}/{table}/{record}/comments", "/v0/{base}/{table}/{record}/comments/{comment}"
        self.routes: list[Route] = [
            ("GET", list_path, self._page),
            ("POST", list_path, self._add),
            ("PATCH", item_path, self._change),
            ("DELETE", item_path, self._delete),
        ]

    async def _page(self, request: Request) -> Response:
        _, record = record_of(self._engine, request)
        payload = query_of(request)
        size = params.whole_number(payload, "pageSize")
        if size is not None and not 1 <= size <= PAGE_SIZE:
            raise bad_page_size()
        return json_response(self._engine.comments.page(record.seq, size or PAGE_SIZE, params.text(payload, "offset")))

    async def _add(self, request: Request) -> Response:
        body = await body_of(request)
        _, record = record_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.comments.add(record.seq, body))

    async def _change(self, request: Request) -> Response:
        body = await body_of(request)
        _, record = record_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.comments.change(record.seq, segment(request, "comment"), body))

    async def _delete(self, request: Request) -> Response:
        _, record = record_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.comments.delete(record.seq, segment(request, "comment")))
