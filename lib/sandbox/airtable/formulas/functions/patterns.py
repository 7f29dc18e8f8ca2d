"""REGEX_MATCH, REGEX_EXTRACT, REGEX_REPLACE. Airtable runs RE2, and so does this: no pattern takes exponential time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sandbox.airtable.formulas.values import MOST_CHARACTERS, FaultError, Value, text_of

_PATTERN_BYTES = 4 << 20
"""Most memory one compiled pattern may take; 32 of them are kept, so 128 MB at the very worst."""
_LONGEST_PATTERN = 20_000
_REPLACE_SECONDS = 1.0
"""One search is linear, a replacement is one search a match, which `a.*b|a` makes quadratic: so it has a deadline."""


@lru_cache(maxsize=32)
def _compiled(pattern: str) -> Any:
    import re2  # type: ignore[import-untyped, unused-ignore]

    if len(pattern) > _LONGEST_PATTERN:
        raise FaultError
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    try:
        return re2.compile(pattern, options)
    except (re2.error, ValueError) as error:
        raise FaultError from error


def _matches(text: Value, pattern: Value) -> Value:
    """REGEX_MATCH: true when the pattern is found anywhere in the text."""
    return _compiled(text_of(pattern)).search(text_of(text)) is not None


def _extract(text: Value, pattern: Value) -> Value:
    """REGEX_EXTRACT: the first match as a whole, groups or not [?]; #ERROR! where there is none."""
    found = _compiled(text_of(pattern)).search(text_of(text))
    if found is None:
        raise FaultError
    return str(found.group())


def _replace(text: Value, pattern: Value, replacement: Value) -> Value:
    """REGEX_REPLACE: every match; `$1` to `$9` stand for groups, `$0` and `$&` for the match, `$$` for a dollar."""
    whole, template = text_of(text), _template(text_of(replacement))
    pieces, size, end = [], 0, 0
    deadline = time.monotonic() + _REPLACE_SECONDS
    for match in _compiled(text_of(pattern)).finditer(whole):
        pieces.append(whole[end : match.start()])
        for part in template:
            piece = part if isinstance(part, str) else _group(match, part)
            pieces.append(piece)
            size += len(piece)
        end = match.end()
        if size > MOST_CHARACTERS or time.monotonic() > deadline:
            raise FaultError
    if len(whole) - end + sum(map(len, pieces)) > MOST_CHARACTERS:
        raise FaultError
    return "".join([*pieces, whole[end:]])


def _group(match: Any, number: int) -> str:
    try:
        return match.group(number) or ""
    except IndexError:
        return f"${number}"


def _template(replacement: str) -> list[str | int]:
    parts: list[str | int] = []
    pieces = iter(replacement.split("$"))
    parts.append(next(pieces))
    for piece in pieces:
        if piece[:1].isdecimal() and piece[0].isascii():
            parts += [int(piece[0]), piece[1:]]
        elif piece[:1] == "&":
            parts += [0, piece[1:]]
        elif not piece:
            # `$$`: this piece is what lies between the dollars, the next one goes on as plain text
            parts += ["$", next(pieces, "")]
        else:
            parts.append("$" + piece)
    return parts


FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {
    "REGEX_EXTRACT": (_extract, 2, 2),
    "REGEX_MATCH": (_matches, 2, 2),
    "REGEX_REPLACE": (_replace, 3, 3),
}
