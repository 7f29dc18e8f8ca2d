"""Webhooks of a base."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable import params
from sandbox.airtable.endpoints.steps import Route, body_of, meta_base_of, query_of
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import invalid_request
from sandbox.web import json_response, segment

PAGE_SIZE = 50


class WebhookEndpoints:
    """Listing, making, renewing and dropping webhooks, and reading what waits for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        list_path, item_path = "/v0/bases/{base}/webhooks", "/v0/bases/{base}/webhooks/{hook}"
        self.routes: list[Route] = [
            ("GET", list_path, self._list),
            ("POST", list_path, self._create),
            ("DELETE", item_path, self._delete),
            ("POST", item_path + "/enableNotifications", self._enable),
            ("POST", item_path + "/refresh", self._refresh),
            ("GET", item_path + "/payloads", self._payloads),
        ]

    async def _list(self, request: Request) -> Response:
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.webhooks.list(base))

    async def _create(self, request: Request) -> Response:
        body = await body_of(request)
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.webhooks.create(base, body))

    async def _delete(self, request: Request) -> Response:
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            self._engine.webhooks.delete(base, segment(request, "hook"))
        return json_response({})

    async def _enable(self, request: Request) -> Response:
        body = await body_of(request)
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            self._engine.webhooks.enable(base, segment(request, "hook"), body)
        return json_response({})

    async def _refresh(self, request: Request) -> Response:
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            return json_response(self._engine.webhooks.refresh(base, segment(request, "hook")))

    async def _payloads(self, request: Request) -> Response:
        payload = query_of(request)
        cursor, limit = params.whole_number(payload, "cursor"), params.whole_number(payload, "limit")
        if (cursor is not None and cursor < 1) or (limit is not None and not 1 <= limit <= PAGE_SIZE):
            raise invalid_request()
        base = meta_base_of(self._engine, request)
        with self._engine.store.transaction():
            hook = segment(request, "hook")
            return json_response(self._engine.webhooks.payloads(base, hook, cursor or 1, limit or PAGE_SIZE))
