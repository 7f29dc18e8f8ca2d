"""A request's JSON, read part by part: each reader checks the type and names the path of what is wrong."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

from sandbox.web import BadBody, clean_text, parse_json
from sandbox.wix.errors import Violation, WixError, bad_argument


class Params:
    """An object of the request. `null` is the same as left out, as in every protobuf JSON API."""

    def __init__(self, parts: dict[str, Any], path: str = "") -> None:
        self.parts = parts
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self.parts.get(name) is not None

    def where(self, name: str) -> str:
        """The path of a part, as violations name it."""
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> Any:
        """A part as it was sent, or None."""
        return self.parts.get(name)

    def text(self, name: str) -> str:
        """A string that must be present and not empty."""
        value = self.parts.get(name)
        if value is None or value == "":
            raise Violation(self.where(name), "must not be empty", "REQUIRED_FIELD")
        if not isinstance(value, str):
            raise Violation(self.where(name), "must be a string")
        return clean_text(value)

    def text_or(self, name: str, default: str = "") -> str:
        """A string, or `default` where it is left out."""
        value = self.parts.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise Violation(self.where(name), "must be a string")
        return clean_text(value)

    def choice(self, name: str, valid: tuple[str, ...]) -> str:
        """One of `valid`; the first where it is left out."""
        value = self.text_or(name, valid[0])
        if value not in valid:
            raise Violation(self.where(name), f"must be one of {', '.join(valid)}", "ENUM")
        return value

    def flag(self, name: str) -> bool:
        """A boolean; false where it is left out."""
        value = self.parts.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise Violation(self.where(name), "must be a boolean")
        return value

    def integer(self, name: str, default: int, minimum: int, maximum: int | None = None) -> int:
        """A whole number from `minimum` to `maximum`."""
        value = self.parts.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise Violation(self.where(name), "must be a whole number")
        if value < minimum:
            raise Violation(self.where(name), f"must be greater than or equal to {minimum}", "MIN", threshold=minimum)
        if maximum is not None and value > maximum:
            raise Violation(self.where(name), f"must be less than or equal to {maximum}", "MAX", threshold=maximum)
        return value

    def array(self, name: str) -> list[Any]:
        """An array; empty where it is left out."""
        value = self.parts.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Violation(self.where(name), "must be an array")
        return value

    def texts(self, name: str) -> list[str]:
        """An array of strings; empty where it is left out."""
        values = self.array(name)
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise Violation(f"{self.where(name)}[{number}]", "must be a string")
        return [clean_text(value) for value in values]

    def part(self, name: str) -> Params:
        """An object; empty where it is left out."""
        value = self.parts.get(name)
        if value is None:
            return Params({}, self.where(name))
        if not isinstance(value, dict):
            raise Violation(self.where(name), "must be an object")
        return Params(value, self.where(name))

    def each(self, name: str) -> list[Params]:
        """An array of objects; empty where it is left out."""
        entries = []
        for number, value in enumerate(self.array(name)):
            where = f"{self.where(name)}[{number}]"
            if not isinstance(value, dict):
                raise Violation(where, "must be an object")
            entries.append(Params(value, where))
        return entries

    def collection(self) -> str:
        """`dataCollectionId`; raises WDE0001 where it is no string."""
        value = self.parts.get("dataCollectionId")
        if value is not None and not isinstance(value, str):
            raise WixError("WDE0001", "Collection name must be a string.")
        return self.text("dataCollectionId")


def from_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty object. Raises WDE0080."""
    if not body.strip():
        return {}
    try:
        value = parse_json(body)
    except BadBody as error:
        raise bad_argument(f"Failed to parse the request: {error}.") from None
    if not isinstance(value, dict):
        raise bad_argument("Failed to parse the request: the body is not an object.")
    return value


def from_query(query: str) -> dict[str, Any]:
    """The object that a query string carries: as `.r`, and beside it as parameters. Raises Violation, WDE0080."""
    try:
        parameters = parse_qsl(query, keep_blank_values=True, max_num_fields=2000, errors="replace")
    except ValueError:
        raise bad_argument("Too many parameters.") from None
    packed = [value for name, value in parameters if name == ".r"]
    spelled = _spelled([(name, value) for name, value in parameters if name != ".r"])
    return {**spelled, **_unpacked(packed[-1])} if packed else spelled


def _unpacked(packed: str) -> dict[str, Any]:
    """The JSON object of a `.r` parameter: base64 in either alphabet, padded or not. Raises WDE0080."""
    plain = packed.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        body = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise bad_argument("Failed to parse the request: .r is not base64.") from None
    return from_body(body)


_FLAGS = {"consistentRead", "returnTotalCount", "publishPluginOptions.includeDraftItems"}
_LISTS = {"fields", "includeReferencedItems"}
_NUMBERS = {"paging.limit", "paging.offset"}


def _spelled(parameters: list[tuple[str, str]]) -> dict[str, Any]:
    """The object that parameters spell: `paging.limit=100&fields=a&fields=b`. Raises Violation."""
    parts: dict[str, Any] = {}
    for name, text in parameters:
        value: Any = text
        if name in _NUMBERS:
            if not text.removeprefix("-").isdecimal() or len(text) > 15:
                raise Violation(name, "must be a whole number")
            value = int(text)
        elif name in _FLAGS:
            if text not in ("true", "false"):
                raise Violation(name, "must be a boolean")
            value = text == "true"
        head, _, tail = name.partition(".")
        if name in _LISTS:
            before = parts.get(name)
            parts[name] = [*before, text] if isinstance(before, list) else [text]
        elif tail:
            inner = parts.setdefault(head, {})
            if isinstance(inner, dict):
                inner[tail] = value
        else:
            parts[name] = value
    return parts
