"""What both services need of HTTP: a body read with a bound, strict JSON, answers that carry their parts.

Routes match the path *as it was sent*: a `%2F` inside a table's name must not split it, so path parameters
reach a handler percent-encoded and `segment()` decodes them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]


class BadBody(ValueError):
    """The body cannot be read as the JSON it should be; the message says why, without its content."""


class BodyTooLarge(ValueError):
    """The body is longer than the service takes."""


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body, at most `limit` bytes; raises BodyTooLarge past that."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def parse_json(body: bytes) -> Any:
    """The JSON of `body`, as a JavaScript server reads it.

    Raises BadBody for bad UTF-8, bad syntax, NaN and Infinity, numbers out of a double's range and nesting deeper
    than Python can hold. Numbers are doubles: an integer past 2^53 loses its last digits here, as on the real service.
    """
    try:
        return json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_double, parse_int=_integer
        )
    except UnicodeDecodeError:
        raise BadBody("the body is not UTF-8") from None
    except RecursionError:
        raise BadBody("the body is nested too deeply") from None
    except BadBody:
        raise
    except ValueError:
        raise BadBody("the body is not JSON") from None


def _refuse_constant(name: str) -> Any:
    raise BadBody(f"{name} is not JSON")


def _double(text: str) -> float | int:
    number = float(text)
    if math.isinf(number):
        raise BadBody("a number is out of range")
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _integer(text: str) -> float | int:
    return int(text) if len(text) < 16 else _double(text)


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """`text` with lone surrogates (legal in JSON, not in UTF-8) replaced, as a UTF-8 store replaces them."""
    return _LONE_SURROGATE.sub("\ufffd", text) if not text.isascii() else text


def segment(request: Request, name: str) -> str:
    """A path parameter, percent-decoded; bytes that are not UTF-8 become U+FFFD."""
    return unquote(request.path_params[name])


def dump(value: Any) -> bytes:
    """Compact JSON; non-ASCII as it is, as both services send it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return clean_text(text).encode("utf-8")


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer whose body is `value` as JSON (bytes are taken as JSON already written)."""
    body = value if isinstance(value, bytes) else dump(value)
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


class Routes:
    """Endpoints by method and path as it was sent: `{name}` is one segment, `{name:path}` the rest.

    A trailing slash is nothing. The first pattern that fits is taken, so write the literal ones first.
    """

    def __init__(self, routes: list[tuple[str, str, Handler]]) -> None:
        self._routes = [(method, f"{method} {path}", _pattern(path), handler) for method, path, handler in routes]

    def find(self, request: Request) -> tuple[str, Handler] | None:
        """(endpoint's name, handler); the request's `path_params` are filled in. None where nothing fits."""
        path = request.scope["path"].rstrip("/")
        for method, name, pattern, handler in self._routes:
            if method == request.method and (found := pattern.fullmatch(path)):
                request.scope["path_params"] = found.groupdict()
                return name, handler
        return None


def _pattern(path: str) -> re.Pattern[str]:
    escaped = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", escaped))
