"""`/_sandbox/*`: the admin API, which the real services do not have.

| path                              | what it does                                                             |
|-----------------------------------|--------------------------------------------------------------------------|
| GET /_sandbox                     | the addresses and credentials                                            |
| POST /_sandbox/seed               | create a base from a seed (see `airtable.seed`)                          |
| GET, POST, DELETE /_sandbox/faults| list, add, clear fault rules (see `faults`)                              |
| GET /_sandbox/stats               | counts per base or site and endpoint                                     |
| GET, POST /_sandbox/clock         | `{"advance": seconds}` or `{"now": ISO time}` moves the server's clock   |
| POST /_sandbox/grid               | what a person does in the grid and the API cannot do (see `airtable.grid`)|
| POST /_sandbox/rights             | `{"data": false}` refuses the Wix key its data rights, true gives them   |
| GET /_sandbox/attachments/...     | files of attachment cells, at URLs that expire                           |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.airtable.engine import Engine
from sandbox.airtable.grid import BadChange, change
from sandbox.airtable.seed import SeedError, load_seed
from sandbox.app_state import WORKSPACE, AppState
from sandbox.clock import Clock, iso
from sandbox.faults import BadFault
from sandbox.web import BadBody, BodyTooLarge, Routes, json_response, parse_json, read_body, segment

_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_BODY_LIMIT = 200_000_000  # bytes: a seed may hold a whole base


class _Unreadable(ValueError):
    """A malformed request; the message says what is expected."""


class AdminApi:
    """Answers everything under `/_sandbox`."""

    name = "sandbox"

    def __init__(self, state: AppState, engine: Engine) -> None:
        self._state = state
        self._engine = engine
        self._routes = Routes(
            [
                ("GET", "/_sandbox", self._about),
                ("POST", "/_sandbox/seed", self._seed),
                ("GET", "/_sandbox/faults", self._list_faults),
                ("POST", "/_sandbox/faults", self._add_faults),
                ("DELETE", "/_sandbox/faults", self._clear_faults),
                ("GET", "/_sandbox/stats", self._stats),
                ("GET", "/_sandbox/clock", self._clock),
                ("POST", "/_sandbox/clock", self._move_clock),
                ("POST", "/_sandbox/grid", self._grid),
                ("POST", "/_sandbox/rights", self._rights),
                ("GET", "/_sandbox/attachments/{attachment}/{expires}/{mac}/{filename}", self._attachment),
            ]
        )

    async def respond(self, request: Request) -> Response:
        """The answer; 404 where there is no such endpoint."""
        found = self._routes.find(request)
        if found is None:
            return json_response({"error": "there is no such door; the README lists them"}, 404)
        try:
            return await found[1](request)
        except (_Unreadable, BadBody, BadFault, BadChange, SeedError) as problem:
            return json_response({"error": str(problem)}, 400)
        except BodyTooLarge:
            return json_response({"error": f"the body is larger than {_BODY_LIMIT:,} bytes"}, 413)

    async def _about(self, request: Request) -> Response:
        state = self._state
        return json_response(
            {
                "airtableUrl": state.base_url,
                "wixUrl": state.base_url,
                "token": state.token,
                "wixKey": state.wix_key,
                "siteId": state.site_id,
                "workspaceId": WORKSPACE,
            }
        )

    async def _seed(self, request: Request) -> Response:
        return json_response(load_seed(self._engine, await _json(request)))

    async def _list_faults(self, request: Request) -> Response:
        return json_response({"rules": [fault.show() for fault in self._state.faults.rules]})

    async def _add_faults(self, request: Request) -> Response:
        payload = await _json(request)
        rules = payload["rules"] if isinstance(payload, dict) and "rules" in payload else payload
        self._state.faults.add(rules if isinstance(rules, list) else [rules])
        return await self._list_faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._state.faults.clear()
        return await self._list_faults(request)

    async def _stats(self, request: Request) -> Response:
        return json_response(self._state.stats.show())

    async def _clock(self, request: Request) -> Response:
        return json_response({"now": iso(self._state.clock.now()), "offset": self._state.clock.offset})

    async def _move_clock(self, request: Request) -> Response:
        payload = await _json(request)
        clock = self._state.clock
        match payload:
            case {"advance": int() | float() as seconds} if not isinstance(seconds, bool):
                _move(clock, clock.time() + seconds)
            case {"now": str() as instant}:
                try:
                    read = datetime.fromisoformat(instant)
                except ValueError:
                    raise _Unreadable(f"now is {instant!r}, not an ISO time") from None
                _move(clock, (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
            case _:
                raise _Unreadable('the clock takes {"advance": seconds} or {"now": ISO time}')
        self._state.move_clock()
        return await self._clock(request)

    async def _grid(self, request: Request) -> Response:
        return json_response(change(self._engine, await _json(request)))

    async def _rights(self, request: Request) -> Response:
        payload = await _json(request)
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), bool):
            raise _Unreadable('rights are {"data": true | false}')
        self._state.wix_data_rights = payload["data"]
        return json_response({"data": self._state.wix_data_rights})

    async def _attachment(self, request: Request) -> Response:
        return self._engine.attachments.serve(
            segment(request, "attachment"), segment(request, "expires"), segment(request, "mac")
        )


async def _json(request: Request) -> Any:
    return parse_json(await read_body(request, _BODY_LIMIT))


def _move(clock: Clock, instant: float) -> None:
    """Move the clock to an epoch second in which both services' own dates still work."""
    if not 0 <= instant < _END_OF_TIME:
        raise _Unreadable("the clock goes from 1970 to 9000")
    clock.advance(instant - clock.time())
