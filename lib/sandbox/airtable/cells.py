"""What a cell takes, and in which form it is kept: one function a field type.

`accept(field, value, typecast)` turns a value from a request into what the store keeps, None for a blank, or
refuses. Links, attachments and collaborators need to look things up and are in `writing`. Where `typecast` cannot
make sense of a string the real service's behaviour is not on record: we refuse as without typecast, because a
loader that is tried here must hear of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.airtable.errors import bad_value, new_option
from sandbox.airtable.schema import TEXT_TYPES, Field
from sandbox.clock import iso
from sandbox.web import clean_text

TEXT_LIMIT = 100_000  # characters in a cell (pyairtable #26); single-line text is assumed to be the same


def _text(field: Field, value: Any, typecast: bool) -> Any:
    """A string, up to 100,000 characters. Numbers are refused even with typecast (seen live)."""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise bad_value(field.name)
    return clean_text(value) or None


def _rich_text(field: Field, value: Any, typecast: bool) -> Any:
    """As text; the service ends it with a line break."""
    text = _text(field, value, typecast)
    return text if text is None or text.endswith("\n") else text + "\n"


def _number(field: Field, value: Any, typecast: bool) -> Any:
    """A JSON number at full precision; `precision` only shows."""
    if typecast and isinstance(value, str):
        value = parse_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_value(field.name)
    return value


def parse_number(text: str) -> float | int | None:
    """`"$1,234.5"` -> 1234.5, `"(5)"` -> -5; None where the string is no number."""
    bare = re.sub(r"[\s,$€£¥]", "", text)
    if bare.startswith("(") and bare.endswith(")"):
        bare = "-" + bare[1:-1]
    if not re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", bare):
        return None
    number = float(bare)
    if math.isinf(number):
        return None
    return int(number) if number.is_integer() else number


def _percent(field: Field, value: Any, typecast: bool) -> Any:
    """0.123 is 12.3 %; with typecast `"12.3%"` is 0.123."""
    if typecast and isinstance(value, str) and value.strip().endswith("%"):
        number = parse_number(value.strip()[:-1])
        value = None if number is None else float(f"{number / 100:.15g}")
        if value is None:
            raise bad_value(field.name)
    return _number(field, value, typecast)


def _duration(field: Field, value: Any, typecast: bool) -> Any:
    """Seconds; with typecast `"h:mm"` or `"h:mm:ss"` as the field's format has it."""
    if typecast and isinstance(value, str):
        parts = re.fullmatch(r"(\d{1,6}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,3})?))?", value.strip(), re.ASCII)
        if parts:
            hours, minutes, seconds = parts.groups()
            total = int(hours) * 3600 + int(minutes) * 60 + float(seconds or 0)
            return int(total) if total.is_integer() else total
    return _number(field, value, typecast)


def _rating(field: Field, value: Any, typecast: bool) -> Any:
    """A whole number from 1 to the field's maximum."""
    number = _number(field, value, typecast)
    if number != int(number) or not 1 <= number <= field.option("max"):
        raise bad_value(field.name)
    return int(number)


def _checkbox(field: Field, value: Any, typecast: bool) -> Any:
    """True, or blank."""
    if typecast and isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "checked", "yes", "1"):
            return True
        if word in ("false", "unchecked", "no", "0", ""):
            return None
    if not isinstance(value, bool):
        raise bad_value(field.name)
    return value or None


_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_LOCAL_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2}))?", re.ASCII)


def _date(field: Field, value: Any, typecast: bool) -> Any:
    """`YYYY-MM-DD` and nothing else (a full ISO time was refused in 2021, pyairtable #152); more with typecast."""
    if not isinstance(value, str):
        raise bad_value(field.name)
    text = value.strip() if typecast else value
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise bad_value(field.name) from None
    if typecast:
        if text == "":
            return None
        instant = parse_moment(text, UTC) or _local_moment(field, text)
        if instant is not None:
            return instant.date().isoformat()
    raise bad_value(field.name)


def _date_time(field: Field, value: Any, typecast: bool) -> Any:
    """ISO 8601; without an offset it is in the field's time zone (UTC when that is `utc` or `client`)."""
    if not isinstance(value, str):
        raise bad_value(field.name)
    text = value.strip() if typecast else value
    if typecast and text == "":
        return None
    instant = parse_moment(text, _zone(field)) or (_local_moment(field, text) if typecast else None)
    if instant is None:
        raise bad_value(field.name)
    try:
        return iso(instant)
    except OverflowError:
        raise bad_value(field.name) from None


def _zone(field: Field) -> Any:
    name = field.option("timeZone")
    return UTC if name in (None, "utc", "client") else ZoneInfo(name)


def parse_moment(text: str, zone: Any) -> datetime | None:
    """An ISO 8601 date or time as an aware datetime; None where it is none."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    day, hour, minute, second, fraction, offset = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        instant = datetime.fromisoformat(day).replace(
            hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0), microsecond=micros, tzinfo=zone
        )
        if offset is None:
            return instant
        suffix = "+00:00" if offset in "Zz" else (offset if ":" in offset else f"{offset[:3]}:{offset[3:]}")
        return datetime.fromisoformat(f"{instant:%Y-%m-%dT%H:%M:%S.%f}".rjust(26, "0") + suffix)
    except ValueError:
        return None


def _local_moment(field: Field, text: str) -> datetime | None:
    """`M/D/YYYY` (or `D/M/YYYY` where the field shows dates the European way), with or without `H:MM`."""
    found = _LOCAL_DATE.fullmatch(text)
    if not found:
        return None
    first, second, year, hour, minute = (int(part or 0) for part in found.groups())
    if (field.option("dateFormat") or {}).get("name") == "european":
        first, second = second, first
    try:
        return datetime(year, first, second, hour, minute, tzinfo=_zone(field))
    except ValueError:
        return None


def _barcode(field: Field, value: Any, typecast: bool) -> Any:
    """`{"text", "type"?}`."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or set(value) - {"text", "type"}:
        raise bad_value(field.name)
    if not isinstance(value.get("type", ""), str) or len(value["text"]) > TEXT_LIMIT:
        raise bad_value(field.name)
    return {name: clean_text(part) for name, part in value.items()}


def _single_select(field: Field, value: Any, typecast: bool, new_choice: Callable[[Field, str], None]) -> Any:
    """A choice's exact name; with typecast a new name becomes a new choice."""
    if not isinstance(value, str):
        raise bad_value(field.name)
    return _choice(field, value, typecast, new_choice)


def _choice(field: Field, name: str, typecast: bool, new_choice: Callable[[Field, str], None]) -> str | None:
    name = clean_text(name)
    if name in field.choice_names():
        return name
    if not typecast:
        raise new_option(name)
    if not name.strip():
        return None
    if len(name) > TEXT_LIMIT:
        raise bad_value(field.name)
    new_choice(field, name)
    return name


def _multiple_selects(field: Field, value: Any, typecast: bool, new_choice: Callable[[Field, str], None]) -> Any:
    """Names, each once; with typecast a string of names between commas too."""
    if typecast and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise bad_value(field.name)
    names = [_choice(field, name, typecast, new_choice) for name in value]
    return list(dict.fromkeys(name for name in names if name is not None)) or None


_PLAIN: dict[str, Callable[[Field, Any, bool], Any]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    "richText": _rich_text,
    "number": _number,
    "currency": _number,
    "percent": _percent,
    "duration": _duration,
    "rating": _rating,
    "checkbox": _checkbox,
    "date": _date,
    "dateTime": _date_time,
    "barcode": _barcode,
}
_SELECTS = {"singleSelect": _single_select, "multipleSelects": _multiple_selects}


def accept(field: Field, value: Any, typecast: bool, new_choice: Callable[[Field, str], None]) -> Any:
    """What the store keeps of `value`; None is blank. `new_choice(field, name)` grows a select under typecast.

    Raises Refusal (422) for what the type does not take, and KeyError for types that `writing` handles.
    """
    if value is None:
        return None
    if field.type in _SELECTS:
        return _SELECTS[field.type](field, value, typecast, new_choice)
    return _PLAIN[field.type](field, value, typecast)
