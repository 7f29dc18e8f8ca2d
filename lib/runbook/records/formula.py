r"""A query's conditions as `filterByFormula`: as many of them as a formula can express, never too narrow.

    narrow(Query().eq("status", "active").where, carriers)       # {Status}='active', nothing left to filter

Airtable compares cells, Wix compares values: a formula keeps every row that Wix would keep, and may keep others, which
`evaluate.predicate` drops after reading. Why they differ: an empty cell may be null, "", false, [] or missing; text is
ordered by locale; a cell's text may stand for a number. What a field's cell cannot hold is in the column
`Wix Original`, so a row whose original mentions the field is kept too.

| field                          | expressed as a formula                                               |
|--------------------------------|----------------------------------------------------------------------|
| text, choice                   | eq, ne, in, has_some, contains, starts_with, ends_with, emptiness    |
| number                         | eq, ne, in, has_some, gt, ge, lt, le, emptiness                      |
| text stored as a number        | eq, ne, in, has_some, emptiness                                      |
| boolean                        | eq true, ne true; eq false and emptiness approximately               |
| date and time, date            | eq, gt, ge, lt, le approximately (to a second, to a day), emptiness  |
| list                           | eq, in, has_some, has_all of texts approximately                     |
| other, dotted keys             | nothing                                                              |

Both sides are put through LOWER, because sources disagree whether SEARCH is case-sensitive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from runbook.airtable import formulas
from runbook.catalog import ORIGINAL, Collection, Field
from runbook.codecs import Refused, codec_of, same
from runbook.json_types import MISSING, Json
from runbook.query.query import And, Condition, Not, Or, Test
from runbook.query.values import is_date, stamp

_INEXPRESSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NO_ROW = "FALSE()"
_TEXTUAL = ("text", "choice", "json_text_as_string")
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}

_Term: TypeAlias = tuple[str, bool]  # formula, exact


@dataclass(frozen=True)
class Narrowed:
    """`formula` None: every row must be read. `filtered`: conditions to apply after reading, "field operator"."""

    formula: str | None
    filtered: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A test of cells. `exact`: it keeps exactly what Wix keeps, among rows whose original does not mention `keys`."""

    formula: str
    exact: bool
    keys: frozenset[str]


def narrow(condition: Condition, collection: Collection) -> Narrowed:
    """The formula for a condition on a collection's table."""
    filtered: list[str] = []
    part = _part(condition, collection, filtered)
    if part is None:
        return Narrowed(None, tuple(filtered))
    if not part.exact and not filtered:
        filtered = sorted({f"{test.key} {test.operator}" for test in _tests(condition)})
    originals = [_in_original(key) for key in sorted(part.keys)]
    return Narrowed(formulas.any_of([part.formula, *originals]), tuple(filtered))


def _part(condition: Condition, collection: Collection, filtered: list[str]) -> _Part | None:
    match condition:
        case Test():
            found = _test(condition, collection)
            if found is None:
                filtered.append(f"{condition.key} {condition.operator}")
            return found
        case And(parts):
            known = _known(parts, collection, filtered)
            return _joined(formulas.all_of, known, exact=len(known) == len(parts)) if known else None
        case Or(parts):
            known = _known(parts, collection, filtered)
            return _joined(formulas.any_of, known, exact=True) if len(known) == len(parts) else None
        case Not(part):
            inner = _part(part, collection, filtered)
            if inner is None or not inner.exact:
                filtered.append("not")
                return None
            return _Part(f"NOT({inner.formula})", True, inner.keys)


def _known(parts: Iterable[Condition], collection: Collection, filtered: list[str]) -> list[_Part]:
    """The parts that a formula can express."""
    found = [_part(part, collection, filtered) for part in parts]
    return [part for part in found if part is not None]


def _joined(join: Callable[[Iterable[str]], str], parts: list[_Part], *, exact: bool) -> _Part:
    keys = frozenset().union(*(part.keys for part in parts))
    return _Part(join(part.formula for part in parts), exact and all(part.exact for part in parts), keys)


def _tests(condition: Condition) -> list[Test]:
    match condition:
        case Test():
            return [condition]
        case Not(part):
            return _tests(part)
        case And(parts) | Or(parts):
            return [test for part in parts for test in _tests(part)]


def _in_original(key: str) -> str:
    # `"key":` is a value that the cell cannot hold; `"key"` in the list of absent keys has no colon.
    return f"FIND({formulas.text(json.dumps(key, ensure_ascii=False) + ':')},{formulas.field(ORIGINAL)})"


def _test(test: Test, collection: Collection) -> _Part | None:
    column = collection.by_key.get(test.key)
    if column is None or _INEXPRESSIBLE.search(test.key):
        return None
    term = _term(test, column)
    return None if term is None else _Part(*term, frozenset([test.key]))


def _term(test: Test, column: Field) -> _Term | None:
    value = test.value
    match test.operator:
        case "eq":
            return _equal(column, value)
        case "ne":
            equal = _equal(column, value)
            return (f"NOT({equal[0]})", True) if equal is not None and equal[1] else None
        case "in" | "has_some":
            parts = [_equal(column, element) for element in value]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return formulas.any_of(part[0] for part in known), all(part[1] for part in known)
        case "has_all":
            known = [part for part in (_equal(column, element) for element in value) if part is not None]
            if not value:
                return _NO_ROW, True
            return (formulas.all_of(part[0] for part in known), False) if known else None
        case "contains" | "starts_with" | "ends_with":
            return _text(test.operator, column, value)
        case _:
            return _range(test.operator, column, value)


def _equal(column: Field, value: Json) -> _Term | None:
    """Cells that hold a value; of a list, those that may hold it."""
    name, kind = formulas.field(column.name), codec_of(column)
    if value is None and column.codec_name == "json_text":  # null may be an element of a list
        return f"OR({name}&''='',FIND('null',{name}&'')>0)", False
    if value is None:
        return f"{name}&''=''", kind.default is MISSING
    if column.column_kind.holds == "boolean":
        if value is True:
            return name, True
        return (f"NOT({name})", False) if value is False else (_NO_ROW, True)
    if column.column_kind.is_date:
        return _date("eq", column, value)
    if column.codec_name in ("choices", "scalar_or_list", "csv_list", "json_text"):
        return _element(column, value)
    try:
        cell = kind.encode(value)
    except Refused:
        return _NO_ROW, True
    if cell is None or not same(kind.decode(cell), value):
        return _NO_ROW, True  # only the original holds such a value
    if cell.__class__ is str and _INEXPRESSIBLE.search(cell):
        return None
    if column.column_kind.adds_line_break:
        return f"FIND({formulas.text(str(value))},{name})=1", False
    if value.__class__ is dict:
        return None  # equal objects may have their keys in another order, and so another text
    return formulas.eq(column.name, cell), True


def _element(column: Field, value: Json) -> _Term | None:
    """Lists that may hold a text: those whose cell's text contains it."""
    if value.__class__ is not str or not value:
        return None
    texts = [value]
    if column.codec_name == "json_text":  # a text that is not JSON is stored unchanged, one in a list is escaped
        texts = list(dict.fromkeys([value, json.dumps(value, ensure_ascii=False)[1:-1]]))
    if any(map(_INEXPRESSIBLE.search, texts)):
        return None
    return formulas.any_of(f"FIND({formulas.text(part)},{formulas.field(column.name)}&'')>0" for part in texts), False


def _text(operator: str, column: Field, text: str) -> _Term | None:
    if column.codec_name not in _TEXTUAL or _INEXPRESSIBLE.search(text):
        return None
    cell = f"{formulas.field(column.name)}&''"
    if not text:
        return f"{cell}!=''", True
    part, cell = f"LOWER({formulas.text(text)})", f"LOWER({cell})"
    if column.column_kind.adds_line_break:
        return f"FIND({part},{cell})>0", False
    formula = {
        "contains": f"FIND({part},{cell})>0",
        "starts_with": f"FIND({part},{cell})=1",
        "ends_with": f"RIGHT({cell},LEN({part}))={part}",
    }[operator]
    return formula, text.isascii()


def _range(operator: str, column: Field, bound: Json) -> _Term | None:
    if column.codec_name == "number":
        if bound.__class__ not in (int, float):
            return _NO_ROW, True
        name = formulas.field(column.name)
        return f"AND({name}&''!='',{name}{_SIGNS[operator]}{formulas.number(bound)})", True
    if column.column_kind.is_date:
        return _date(operator, column, bound)
    return None


def _date(operator: str, column: Field, value: Json) -> _Term | None:
    interval = _interval(column, value)
    if interval is None:
        return None
    name = formulas.field(column.name)
    after, before = f"IS_AFTER({name},{interval[0]})", f"IS_BEFORE({name},{interval[1]})"
    test = f"AND({after},{before})" if operator == "eq" else after if operator in ("gt", "ge") else before
    # A date function of an empty cell is #ERROR!, and so is every formula that contains it.
    return f"IF({name}&''='',{_NO_ROW},{test})", False


def _interval(column: Field, value: Json) -> list[str] | None:
    """The times shortly before and after a date, for comparison with a date column; None for any other value."""
    holds = column.column_kind.holds
    if holds == "instant" and column.wix_type == "datetime" and is_date(value):
        text, margin = value["$date"], timedelta(seconds=2)
    elif holds == "day" and value.__class__ is str and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        text, margin = value, timedelta(days=2)
    else:
        return None
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        return [f"DATETIME_PARSE({formulas.text(stamp(bound))})" for bound in (time - margin, time + margin)]
    except (TypeError, ValueError, OverflowError):
        return None
