"""The Wix side of the sandbox: Wix Data under two prefixes, and the Secrets API."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.app_state import AppState
from sandbox.web import BodyTooLarge, json_response, read_body
from sandbox.wix.errors import Refusal, WixError, too_large
from sandbox.wix.loading import load_site
from sandbox.wix.params import Params, from_body, from_query
from sandbox.wix.routes import Route, find_route
from sandbox.wix.site import Call, Site, consistency_token, seen_until

MAX_BODY = 4 * 1024 * 1024
MAX_URL = 16 * 1024
"""Bytes of path and query; longer is answered as a body that is too large [ASSUME]."""

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Expose-Headers": "X-Wix-Request-Id, X-Wix-Consistent",
    "Access-Control-Max-Age": "86400",
}


class WixService:
    """Answers as `www.wixapis.com` does; all that it knows is in the sandbox's store."""

    name = "wix"

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._site = Site(state)

    def handles(self, path: str) -> bool:
        """Whether a raw path is Wix's."""
        return path.startswith(("/wix-data/", "/_api/"))

    def counted_under(self, request: Request) -> str:
        """The site's id."""
        return self._state.site_id

    def load_site(self, folder: Path) -> dict[str, int]:
        """Load `<Collection>.jsonl` files, all or none; items loaded by collection. Raises SiteError."""
        return load_site(self._site, folder)

    async def respond(self, request: Request) -> tuple[str, Response]:
        """Answer a request; refusals are answers too."""
        if request.method == "OPTIONS":
            return "OPTIONS", Response(status_code=200, headers={**_CORS, **_request_id()})
        endpoint = "unknown"
        try:
            self._check_length(request)
            parts = from_query(request.scope["query_string"].decode("latin-1"))
            route, tail = find_route(request.method, request.scope["path"], "dataItemId" in parts)
            endpoint = route.name
            self._check_credential(request)
            call = await self._call(request, parts, tail)
            response = await self._run(route, call)
        except Refusal as refusal:
            response = json_response(refusal.body(), refusal.status)
        except BodyTooLarge:
            response = json_response(too_large().body(), 413)
        response.headers.update({**_request_id(), "Access-Control-Allow-Origin": "*"})
        return endpoint, response

    def internal_error(self) -> Response:
        """500 WDE0053."""
        refusal = WixError("WDE0053", "Internal wixData error: the request could not be processed.")
        return json_response(refusal.body(), refusal.status, {**_request_id(), "Access-Control-Allow-Origin": "*"})

    def _check_length(self, request: Request) -> None:
        if len(request.scope["path"]) + len(request.scope["query_string"]) > MAX_URL:
            raise too_large()

    def _check_credential(self, request: Request) -> None:
        """A key, or a token with or without `Bearer`. Raises 401, WDE0117 for a key that names no site.

        Which site is named is not looked at: the sandbox holds one, and answers for it.
        """
        credential = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not self._state.accepts(credential):
            raise WixError("UNAUTHENTICATED", "The request has no valid Authorization header.", status=401)
        if credential.startswith("IST.") and not request.headers.get("wix-site-id"):
            raise WixError("WDE0117", "MetaSiteId can not be resolved.")

    async def _call(self, request: Request, parts: dict[str, Any], tail: str) -> Call:
        body = await read_body(request, MAX_BODY)
        if request.method != "GET":
            parts = {**parts, **from_body(body)}
        return Call(self._site, Params(parts), tail, seen_until(request.headers.get("x-wix-consistent", "")))

    async def _run(self, route: Route, call: Call) -> Response:
        if route.read is not None:
            return json_response(await route.read(call))
        assert route.write is not None
        with self._site.store.transaction():
            self._site.items.begin()
            response = route.write(call)
        if call.wrote:
            self._state.stats.wrote("wix", self._state.site_id, call.wrote)
        return json_response(response, headers={"X-Wix-Consistent": consistency_token(self._site.items.written_at)})


def _request_id() -> dict[str, str]:
    return {"X-Wix-Request-Id": str(uuid.uuid4())}
