"""What codecs stand on: strict equality of JSON, JSON text, numbers as JavaScript writes them, what text cells take."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

from runbook.json_types import Json

TEXT_LIMIT = 100_000  # characters of a text cell: Airtable says so nowhere; pyairtable #26, and loaders that cut there
_EXACT = 1 << 53  # whole numbers up to here are doubles, each a different one
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_LENGTH = 400  # a double written out in full has 309 digits
_SHOWN = 60


class Refused(Exception):
    """A column cannot carry an equivalent of a value. `why` names no value; the message ends with what was got."""

    def __init__(self, why: str, got: str = "") -> None:
        super().__init__(f"{why}; got {got}" if got else why)
        self.why = why


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same JSON: `True` is not 1, but 1 is 1.0; the order of keys does not count."""
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
    r"""Compact JSON text in the order of the keys: `{"a":[1,"é"]}`. Half a surrogate pair is escaped: `"\ud800"`.

    Raises Refused for what JSON cannot say: NaN, infinities, nesting without end.
    """
    try:
        text = _COMPACT(value)
    except (ValueError, RecursionError):
        raise Refused("holds what JSON cannot say: no finite number, or nested too deep") from None
    if not text.isascii() and _SURROGATE.search(text):
        return _SURROGATE.sub(lambda half: f"\\u{ord(half.group()):04x}", text)
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_READ = json.JSONDecoder(parse_constant=_no_constant).decode


def from_json(text: str) -> Json:
    """What a JSON text says. Raises ValueError for a text that is none; `NaN` is none."""
    try:
        value = _READ(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if value.__class__ is float and not math.isfinite(value):
        raise ValueError("beyond a double")
    return value


def text_of(value: Json) -> str:
    """Any value as text, as JavaScript's `String()` has it, but lists and objects as JSON. None is "".

        "a"   2121    2.0  0.1    True    [1, "a"]   None
        "a"   "2121"  "2"  "0.1"  "true"  '[1,"a"]'  ""

    Raises Refused for numbers that JSON cannot say.
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
    """A number as JavaScript's `String()` has it: 2.0 is "2", 1e-7 is "1e-7", 1e21 is "1e+21". Whole ones in full.

    Raises Refused for NaN and the infinities.
    """
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # Python's bound on digits
            raise Refused("a number beyond all bounds") from None
    if not math.isfinite(value):
        raise Refused("no finite number")
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f")
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if exponent.startswith("-") else "+"
    return f"{mantissa}e{sign}{exponent.lstrip('+-').lstrip('0')}"


def exact_number(text: str) -> float | None:
    """The number that a JSON number's text says; None where it is no such text. Blanks around it are let be.

    Raises Refused where a double cannot hold it: `9007199254740993`, `1e999`, `0.12345678901234567890`.
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
        held = not re.search(r"[1-9]", bare.lower().partition("e")[0])
    else:
        held = math.isfinite(number) and Decimal(repr(number)) == Decimal(bare)
    if not held:
        raise Refused("a number that a double cannot hold")
    return number


def exact_int(value: int) -> int:
    """A whole number that a double holds, or that stands for one as JavaScript writes it: 123456789012345680000.

    Raises Refused for others: 2**53 + 1.
    """
    if -_EXACT <= value <= _EXACT:
        return value
    try:
        nearest = float(value)
        if int(nearest) == value or Decimal(repr(nearest)) == value:
            return value
    except OverflowError:
        pass
    raise Refused("a number that a double cannot hold")


def is_plain(text: str) -> bool:
    """Whether a text has neither U+0000 nor half a surrogate pair: a text cell holds neither, JSON can escape both."""
    return not _NOT_TEXT.search(text)


def utf16_length(text: str) -> int:
    """Characters as JavaScript, and so Airtable, counts them: `"😀".length` is 2."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cell_text(text: str) -> str | None:
    """A text cell, None for "". Raises Refused for what one cannot hold: over 100,000 characters, NUL, half a pair."""
    if text.isascii():
        if len(text) <= TEXT_LIMIT and "\0" not in text:
            return text or None
    elif len(text) <= TEXT_LIMIT // 2 and not _NOT_TEXT.search(text):
        return text
    length = utf16_length(text)
    if length > TEXT_LIMIT:
        raise Refused("more than 100,000 characters", f"{length:,}")
    if _NOT_TEXT.search(text):
        raise Refused("holds U+0000 or half a surrogate pair, which no text cell keeps")
    return text


def shown(value: Json) -> str:
    """A value for a message, cut short."""
    try:
        text = to_json(value)
    except Refused:
        return repr(value)[:_SHOWN]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
