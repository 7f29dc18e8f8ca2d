"""The entry point: every request passes faults, latency and counting, then goes to the service its path names."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Protocol
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.admin_api import AdminApi
from sandbox.app_state import AppState
from sandbox.faults import Fault
from sandbox.web import json_response

_log = logging.getLogger("sandbox")


class Service(Protocol):
    """A web API the sandbox speaks."""

    name: str

    def handles(self, path: str) -> bool:
        """Whether a raw path is one of this service's."""

    def counted_under(self, request: Request) -> str:
        """The base or site a request is counted under."""

    async def respond(self, request: Request) -> tuple[str, Response]:
        """The endpoint's name (for the counts) and the answer. Refusals are answers too."""

    def internal_error(self) -> Response:
        """The service's own 500, for a fault in the sandbox itself."""


class App:
    """The ASGI application. `services` are asked in order; `admin_api` answers what is under `/_sandbox`."""

    def __init__(self, state: AppState, services: list[Service], admin_api: AdminApi) -> None:
        self.state = state
        self.services = services
        self.admin_api = admin_api
        self.last_request = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request. Lifespan and WebSocket are not spoken."""
        if scope["type"] != "http":
            return
        self.last_request = time.monotonic()
        # Routers match the path as it was sent: %2F in a table's name is not a slash.
        raw = scope["raw_path"].decode("latin-1")
        scope["path"] = raw
        request = Request(scope, receive)
        if raw.startswith("/_sandbox"):
            response = await self.admin_api.respond(request)
            await response(scope, receive, send)
            return
        for service in self.services:
            if service.handles(raw):
                await self._serve(service, request, send)
                return
        await json_response({"error": "NOT_FOUND"}, 404)(scope, receive, send)

    async def _serve(self, service: Service, request: Request, send: Send) -> None:
        state, scope = self.state, request.scope
        target = service.counted_under(request)
        state.stats.record_request(service.name, target, state.clock.time())
        fault = state.faults.next_fault(service.name, request.method, unquote(scope["path"]))
        await self._wait(request, fault)
        if fault is not None and fault.kind == "drop_before":
            state.stats.record_response(service.name, target, "dropped", 0)
            scope["transport"].abort()
            return
        if fault is not None and fault.kind == "status":
            # The body is read first: a client that is still sending would see a reset instead of the answer.
            await request.body()
            endpoint, response = "fault", _fault_response(fault)
        else:
            try:
                endpoint, response = await service.respond(request)
            except ClientDisconnect:
                state.stats.record_response(service.name, target, "left", 0)
                return
            except Exception:  # noqa: BLE001 - whatever broke, the client gets the service's own 500
                _log.exception("the sandbox failed at %s %s", request.method, service.name)
                endpoint, response = "broken", service.internal_error()
        if fault is not None and fault.kind == "drop_after_commit":
            state.stats.record_response(service.name, target, endpoint, 0)
            scope["transport"].abort()
            return
        state.stats.record_response(service.name, target, endpoint, response.status_code)
        if fault is not None and fault.kind == "truncate":
            await _send_half(response, scope, send)
            return
        await response(scope, request.receive, send)

    async def _wait(self, request: Request, fault: Fault | None) -> None:
        mean, jitter = self.state.settings.latency
        seconds = max(0.0, random.gauss(mean, jitter)) / 1000 if mean or jitter else 0.0
        if fault is not None and fault.kind == "delay":
            seconds += fault.seconds
        if seconds:
            # A client that gives up while it waits has sent its request: it is done all the same.
            await request.body()
            await asyncio.sleep(seconds)


def _fault_response(fault: Fault) -> Response:
    headers = {"content-type": "application/json; charset=utf-8", **fault.headers}
    return Response(fault.body, fault.status, headers)


async def _send_half(response: Response, scope: Scope, send: Send) -> None:
    body = bytes(response.body)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    scope["transport"].close()
