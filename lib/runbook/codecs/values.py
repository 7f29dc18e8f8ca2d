"""Helpers of the codecs: strict JSON equality, JSON text, numbers as JavaScript writes them, limits of text cells."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

from runbook.json_types import Json

TEXT_LIMIT = 100_000  # characters in a text cell; undocumented: pyairtable #26, and loaders that truncate there
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_LENGTH = 400  # a double written out in full has 309 digits
_ABBREVIATED = 60


class Refused(Exception):
    """A column cannot hold an equivalent of a value. `reason` contains no value; the message ends with the value."""

    def __init__(self, reason: str, value: str = "") -> None:
        super().__init__(f"{reason}: {value}" if value else reason)
        self.reason = reason


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal as JSON: `True` is not 1, but 1 is 1.0; the order of keys is ignored."""
    if a is b:
        return True
    kind, other = a.__class__, b.__class__
    if kind is other:
        if kind is dict:
            return len(a) == len(b) and all(key in b and same(value, b[key]) for key, value in a.items())
        if kind is list:
            return len(a) == len(b) and all(map(same, a, b))
        return bool(a == b)
    if (kind is int or kind is float) and (other is int or other is float):
        return bool(a == b)
    return False


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def to_json(value: Json) -> str:
    r"""Compact JSON text, keys in their order: `{"a":[1,"é"]}`. Unpaired surrogates are escaped: `"\ud800"`.

    Raises Refused for what JSON cannot represent: NaN, infinities, nesting that is too deep.
    """
    try:
        text = _COMPACT(value)
    except (ValueError, RecursionError):
        raise Refused("not valid JSON: a number is not finite, or it is nested too deeply") from None
    if not text.isascii() and _SURROGATE.search(text):
        return _SURROGATE.sub(lambda half: f"\\u{ord(half.group()):04x}", text)
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")


_READ = json.JSONDecoder(parse_constant=_no_constant).decode


def from_json(text: str) -> Json:
    """The value of a JSON text. Raises ValueError where it is not valid JSON (`NaN` is not)."""
    try:
        value = _READ(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if value.__class__ is float and not math.isfinite(value):
        raise ValueError("too large for a double")
    return value


def text_of(value: Json) -> str:
    """Any value as text: as JavaScript's `String()` converts it, but lists and objects as JSON. None is "".

        "a"   2121    2.0  0.1    True    [1, "a"]   None
        "a"   "2121"  "2"  "0.1"  "true"  '[1,"a"]'  ""

    Raises Refused for numbers that JSON cannot represent.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case _:
            return to_json(value)


def number_text(value: float) -> str:
    """A number as JavaScript's `String()` converts it: 2.0 is "2", 1e-7 is "1e-7", 1e21 is "1e+21". Integers in full.

    Raises Refused for NaN and the infinities.
    """
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # Python's limit on digits
            raise Refused("integer too long") from None
    if not math.isfinite(value):
        raise Refused("not a finite number")
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def exact_number(text: str) -> float | None:
    """The value of a JSON number's text, surrounding blanks ignored; None where it is not a JSON number.

    Raises Refused where a double cannot represent it: `9007199254740993`, `1e999`, `0.12345678901234567890`.
    """
    bare = text.strip(" \t\r\n")
    if len(bare) > _NUMBER_LENGTH:
        return None
    found = _NUMBER.fullmatch(bare)
    if found is None:
        return None
    if not found[1] and not found[2]:
        return exact_int(int(bare))
    number = float(bare)
    if number == 0:
        exact = not re.search(r"[1-9]", bare.lower().partition("e")[0])
    else:
        exact = math.isfinite(number) and Decimal(repr(number)) == Decimal(bare)
    if not exact:
        raise Refused("a number that a double cannot represent")
    return number


def exact_int(value: int) -> int:
    """An integer that a double represents, or that JavaScript writes for one: 123456789012345680000.

    Raises Refused for others: 2**53 + 1.
    """
    try:
        nearest = float(value)
        if int(nearest) == value or Decimal(repr(nearest)) == value:
            return value
    except OverflowError:
        pass
    raise Refused("a number that a double cannot represent")


def is_plain(text: str) -> bool:
    """Whether a text has neither U+0000 nor unpaired surrogates: a text cell holds neither, JSON can escape both."""
    return not _NOT_TEXT.search(text)


def utf16_length(text: str) -> int:
    """Characters as JavaScript, and so Airtable, counts them: `"😀".length` is 2."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cell_text(text: str) -> str | None:
    """A text cell, None for "". Raises Refused: over 100,000 characters, U+0000, an unpaired surrogate."""
    if text.isascii():
        if len(text) <= TEXT_LIMIT and "\0" not in text:
            return text or None
    elif len(text) <= TEXT_LIMIT // 2 and not _NOT_TEXT.search(text):
        return text
    length = utf16_length(text)
    if length > TEXT_LIMIT:
        raise Refused("more than 100,000 characters", f"{length:,}")
    if _NOT_TEXT.search(text):
        raise Refused("contains U+0000 or an unpaired surrogate, which a text cell cannot hold")
    return text


def abbreviated(value: Json) -> str:
    """A value for a message, truncated to 60 characters."""
    try:
        text = to_json(value)
    except Refused:
        return repr(value)[:_ABBREVIATED]
    return text if len(text) <= _ABBREVIATED else f"{text[: _ABBREVIATED - 1]}…"
