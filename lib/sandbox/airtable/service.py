"""The Airtable side's gate: who may ask, how often, and which endpoint answers."""

from __future__ import annotations

import zlib

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable.endpoints import every_route
from sandbox.airtable.engine import Engine
from sandbox.airtable.errors import Refusal, authentication_required, not_found, server_error, url_too_long
from sandbox.airtable.limits import Limits
from sandbox.app_state import AppState
from sandbox.ids import is_airtable_id
from sandbox.web import Routes

URL_LIMIT = 16_000  # characters
_GZIP_FROM = 1_024  # bytes; below that it costs more than it saves

_BASE_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "DELETE,GET,OPTIONS,PATCH,POST,PUT",
    "access-control-allow-headers": "authorization,content-length,content-type,user-agent,x-airtable-application-id,"
    "x-airtable-user-agent,x-api-version,x-requested-with",
    "x-content-type-options": "nosniff",
    "vary": "Accept-Encoding",
}


class AirtableService:
    """Answers everything under `/v0`."""

    name = "airtable"

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.engine = Engine(state)
        self._limits = Limits(self.engine)
        self._routes = Routes(every_route(self.engine))

    def handles(self, path: str) -> bool:
        """Whether the path is under `/v0`."""
        return path.startswith("/v0/") or path == "/v0"

    def counted_under(self, request: Request) -> str:
        """The base in the path, or `meta`."""
        return _base_in(request.scope["path"]) or "meta"

    def internal_error(self) -> Response:
        """500 SERVER_ERROR."""
        return server_error().response()

    async def respond(self, request: Request) -> tuple[str, Response]:
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
        return name, _with_headers(request, response)

    def _refused(self, request: Request) -> Response | None:
        """Credentials, the URL's length and the limits, in the order in which the service looks at them."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.state.accepts(token.strip()):
            raise authentication_required()
        target = len(request.scope["path"]) + len(request.scope["query_string"]) + 1
        if target + len("http://") + len(request.headers.get("host", "")) >= URL_LIMIT:
            raise url_too_long()
        path = request.scope["path"]
        return self._limits.refuse(_base_in(path), token.strip(), meta=path.startswith("/v0/meta"))


def _base_in(path: str) -> str | None:
    """The base id in a path, wherever the endpoint has it."""
    return next((part for part in path.split("/")[2:5] if is_airtable_id(part, "app")), None)


def _with_headers(request: Request, response: Response) -> Response:
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
