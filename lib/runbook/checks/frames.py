"""Frames for the suites: one row per item or record, by Wix key or Airtable column, with the helper columns of checks.

Types are deliberate, so that a type check means something. A column whose values are all of its type gets the dtype of
that type (float64, Int64, bool, datetime64); one other value makes it `object`, where every value is checked by itself
and only the wrong ones are counted. Text, lists and objects are always `object`. An empty cell is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from runbook.catalog import LEGACY_ID, ORIGINAL, Collection, Field
from runbook.checks.suites import (
    as_number,
    helpers,
    link_holds,
    link_state,
    type_in_airtable,
    type_in_wix,
)
from runbook.codecs import Codec, Refused, codec_of
from runbook.codecs.values import exact_int
from runbook.json_types import Item, Json
from runbook.link_resolver import LinkCell

_EXACT = 2**53  # above it a float64 cannot hold every integer
_INSTANTS = "datetime64[us, UTC]"


class WixFrame:
    """Collects items of a collection; `frame()` has a column for each key, also those the catalog does not know."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._columns: dict[str, list[Any]] = {f.wix: [] for f in collection.fields}
        self._rows = 0

    def add(self, item: Item) -> None:
        """One item as Wix gives it."""
        item = {_encodable(key): _encodable(value) if value.__class__ is str else value for key, value in item.items()}
        for key in item.keys() - self._columns.keys():
            self._columns[key] = [None] * self._rows
        for key, column in self._columns.items():
            column.append(item.get(key))
        self._rows += 1

    def frame(self) -> pd.DataFrame:
        """The frame; takes what was collected with it."""
        made: dict[str, pd.Series[Any]] = {}
        known = self._collection.by_key
        for key in list(self._columns):
            values = self._columns.pop(key)
            if key not in known:
                made[key] = _objects(values)
                continue
            field = known[key]
            for helper in helpers(field, "wix"):
                made[helper] = _as_numbers(field, values) if helper == as_number(key) else _allowed(field, values)
            made[key] = _typed(values, type_in_wix(field), source=True)
        return pd.DataFrame(made)


class AirtableFrame:
    """Collects records of a collection's table, read back. `present`: the columns that the table really has."""

    def __init__(self, collection: Collection, present: Iterable[str]) -> None:
        self._collection = collection
        existing = set(present)
        links = [link.name for link in collection.links]
        wanted = [*(c.name for c in collection.columns), ORIGINAL, *links]
        # A column that the table lacks must not look like an empty one.
        self._columns: dict[str, list[Any]] = {n: [] for n in wanted if n in existing or n == LEGACY_ID}
        self._links = {link.name: link for link in collection.links}
        self._states: dict[str, list[str | None]] = {name: [] for name in links}
        self._holds: dict[str, list[bool | None]] = {name: [] for name in links}

    def add(self, fields: Mapping[str, Json], links: Mapping[str, LinkCell]) -> None:
        """One record's cells, and what its link cells should hold (nothing for a row that was not staged)."""
        for name, column in self._columns.items():
            column.append(fields.get(name))
        for name in self._links:
            expected = links.get(name)
            self._states[name].append(None if expected is None or expected.state == "empty" else expected.state)
            held = fields.get(name) or ()
            self._holds[name].append(None if expected is None else sorted(held) == sorted(expected.records))

    def frame(self) -> pd.DataFrame:
        """The frame; takes what was collected with it."""
        made: dict[str, pd.Series[Any]] = {}
        known = self._collection.by_name
        for name in list(self._columns):
            values = self._columns.pop(name)
            if name not in known:
                made[name] = _objects(values)
                continue
            field = known[name]
            for helper in helpers(field, "airtable"):
                choices = set(field.choices)
                made[helper] = _objects([_within(v, choices) for v in values])
            made[name] = _typed(values, type_in_airtable(field), source=False)
        for name, link in self._links.items():
            made[link_state(link)] = _objects(self._states.pop(name))
            made[link_holds(link)] = _objects(self._holds.pop(name))
        return pd.DataFrame(made)


def _encodable(text: str) -> str:
    """A text that UTF-8 can encode: pandas cannot hash a lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _objects(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(values, dtype=object)


def _typed(values: list[Any], kind: str | None, *, source: bool) -> pd.Series[Any]:
    match kind:
        case "float":
            return _column(values, _is_number, float, "float64")
        case "int":
            return _column(values, _is_whole, int, "Int64")
        case "bool":
            if not source:  # Airtable leaves an unticked box out
                values = [False if v is None else v for v in values]
                return _column(values, lambda v: v.__class__ is bool, bool, "bool")
            return _objects([_plain(v, kind) for v in values])
        case "Timestamp":
            return _column([_instant(v) for v in values], lambda v: isinstance(v, datetime), pd.Timestamp, _INSTANTS)
        case "datetime64":
            return _column([_day(v) for v in values], lambda v: isinstance(v, date), np.datetime64, "datetime64[us]")
        case _:
            return _objects([_plain(v, kind) for v in values] if kind is not None else values)


class _Other:
    """A list or an object where the column should have something else.

    Great Expectations falls over an object among odd values of several kinds, so it gets something of no kind at all.
    """

    def __init__(self, value: Any) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"a {self._kind}"


def _plain(value: Any, kind: str) -> Any:
    return _Other(value) if value.__class__ in (list, dict) and value.__class__.__name__ != kind else value


def _column(values: list[Any], fits: Callable[[Any], bool], make: Callable[[Any], Any], dtype: str) -> pd.Series[Any]:
    """A column of `dtype` where every value fits, else of objects: those that fit made so, the odd ones as they are."""
    if dtype == "Int64" and any(v is not None and _is_number(v) and abs(v) > _EXACT for v in values):
        dtype = "object"  # too large for the dtype, but a whole number
    if dtype != "object" and all(v is None or fits(v) for v in values):
        if dtype == "float64":
            return pd.Series([np.nan if v is None else v for v in values], dtype=dtype)
        return pd.Series(values, dtype=dtype)
    # In Python a bool is an int.
    odd = [np.bool_(v) if v.__class__ is bool else v for v in values]
    return _objects([_plain(v, dtype) if v is None or not fits(v) else make(v) for v in odd])


def _is_number(value: Any) -> bool:
    if value.__class__ is not int or abs(value) <= _EXACT:
        return value.__class__ in (int, float)
    try:
        exact_int(value)
    except Refused:
        return False
    return True


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == int(value)


def _instant(value: Any) -> Any:
    """A time in UTC from an ISO text or a Wix date; any other value unchanged."""
    text = value.get("$date") if value.__class__ is dict else value
    if text.__class__ is not str:
        return value
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return value
    return found.astimezone(UTC) if found.tzinfo is not None else value


def _day(value: Any) -> Any:
    if value.__class__ is not str:
        return value
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return value
    return found if found.isoformat() == value else value  # not 19900131, nor 1990-W01-1


def _as_numbers(field: Field, values: list[Any]) -> pd.Series[Any]:
    spelt = codec_of(field)
    return _typed([_number(_cell(spelt, v)) for v in values], "float", source=True)


def _number(cell: Any) -> Any:
    return cell if _is_number(cell) else None


def _allowed(field: Field, values: list[Any]) -> pd.Series[Any]:
    spelt, choices = codec_of(field), set(field.choices)
    return _objects([_within(_cell(spelt, v), choices) for v in values])


def _cell(spelt: Codec, value: Any) -> Any:
    """The cell of a value; False where no cell can hold it."""
    if value is None:
        return None
    try:
        return spelt.encode(value)
    except Refused:
        return False


def _within(cell: Any, choices: set[str]) -> bool | None:
    if cell is None:
        return None
    names = cell if isinstance(cell, list) else [cell]
    return all(isinstance(name, str) and name in choices for name in names)
