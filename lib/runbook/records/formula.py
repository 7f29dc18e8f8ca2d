r"""A query's conditions as `filterByFormula`: as much of them as a formula can say, never more.

    narrow(Query().eq("status", "active").where, carriers)       # {Status}='active', nothing left unsaid

Airtable compares cells, Wix compares values: a formula keeps every row that Wix would keep, and may keep others, which
`evaluate.predicate` drops after reading. Why they differ: an empty cell may be null, "", false, [] or missing; text is
ordered by locale; a cell's text may stand for a number. What the typed cell of a field does not say lies in the column
`Wix Original`, so a row whose original speaks of the field is kept too.

| field                          | said by formula                                                   |
|--------------------------------|-------------------------------------------------------------------|
| text, choice                   | eq, ne, in, has_some, contains, starts_with, ends_with, emptiness |
| number                         | eq, ne, in, has_some, gt, ge, lt, le, emptiness                   |
| text kept as a number          | eq, ne, in, has_some, emptiness                                   |
| boolean                        | eq true, ne true; eq false and emptiness roughly                  |
| moment, day                    | eq, gt, ge, lt, le roughly (to a second, to a day), emptiness     |
| list                           | eq, in, has_some, has_all of texts roughly                        |
| other, dotted keys             | nothing                                                           |

Case is taken off both sides with LOWER: whether SEARCH minds it is told both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runbook.airtable import formulas
from runbook.catalog import ORIGINAL, Collection, Field
from runbook.codecs import Refused, codec_of, same
from runbook.json_types import MISSING, Json
from runbook.query.query import And, Condition, Not, Or, Test
from runbook.query.values import is_date, stamp

_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NOTHING = "FALSE()"
_TEXTUAL = ("text", "choice", "json_text_as_string")
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(frozen=True)
class Narrowed:
    """`formula` None: every row must be read. `unsaid`: conditions that it does not say, "field operator"."""

    formula: str | None
    unsaid: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A test of cells. `exact`: it keeps just what Wix keeps, among rows whose original does not speak of `keys`."""

    formula: str
    exact: bool
    keys: frozenset[str]


def narrow(condition: Condition, collection: Collection) -> Narrowed:
    """The formula for a condition on a collection's table."""
    unsaid: list[str] = []
    part = _part(condition, collection, unsaid)
    if part is None:
        return Narrowed(None, tuple(unsaid))
    if not part.exact and not unsaid:
        unsaid = sorted({f"{test.key} {test.operator}" for test in _tests(condition)})
    spoken = [_in_original(key) for key in sorted(part.keys)]
    return Narrowed(formulas.any_of([part.formula, *spoken]), tuple(unsaid))


def _part(condition: Condition, collection: Collection, unsaid: list[str]) -> _Part | None:
    match condition:
        case Test():
            found = _test(condition, collection)
            if found is None:
                unsaid.append(f"{condition.key} {condition.operator}")
            return found
        case And(parts):
            said = [_part(part, collection, unsaid) for part in parts]
            known = [part for part in said if part is not None]
            if not known:
                return None
            return _joined(formulas.all_of, known, exact=len(known) == len(said))
        case Or(parts):
            said = [_part(part, collection, unsaid) for part in parts]
            known = [part for part in said if part is not None]
            return _joined(formulas.any_of, known, exact=True) if len(known) == len(said) else None
        case Not(part):
            inner = _part(part, collection, unsaid)
            if inner is None or not inner.exact:
                unsaid.append("not")
                return None
            return _Part(f"NOT({inner.formula})", True, inner.keys)


def _joined(how: Callable[[Iterable[str]], str], parts: list[_Part], *, exact: bool) -> _Part:
    keys = frozenset().union(*(part.keys for part in parts))
    return _Part(how(part.formula for part in parts), exact and all(part.exact for part in parts), keys)


def _tests(condition: Condition) -> list[Test]:
    match condition:
        case Test():
            return [condition]
        case Not(part):
            return _tests(part)
        case And(parts) | Or(parts):
            return [test for part in parts for test in _tests(part)]


def _in_original(key: str) -> str:
    # `"key":` stands there for a value that its cell does not say; `"key"` in the list of absent keys has no colon.
    return f"FIND({formulas.text(json.dumps(key, ensure_ascii=False) + ':')},{formulas.field(ORIGINAL)})"


def _test(test: Test, collection: Collection) -> _Part | None:
    column = collection.by_key.get(test.key)
    if column is None or _UNSAYABLE.search(test.key):
        return None
    said = _said(test, column)
    return None if said is None else _Part(said[0], said[1], frozenset([test.key]))


def _said(test: Test, column: Field) -> tuple[str, bool] | None:
    value = test.value
    match test.operator:
        case "eq":
            return _equal(column, value)
        case "ne":
            equal = _equal(column, value)
            return (f"NOT({equal[0]})", True) if equal is not None and equal[1] else None
        case "in" | "has_some":
            parts = [_equal(column, one) for one in value]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return formulas.any_of(part[0] for part in known), all(part[1] for part in known)
        case "has_all":
            known = [part for part in (_equal(column, one) for one in value) if part is not None]
            if not value:
                return _NOTHING, True
            return (formulas.all_of(part[0] for part in known), False) if known else None
        case "contains" | "starts_with" | "ends_with":
            return _with(test.operator, column, value)
        case _:
            return _beyond(test.operator, column, value)


def _equal(column: Field, value: Json) -> tuple[str, bool] | None:
    """Cells that say a value; of a list those that may hold it."""
    name, kind = formulas.field(column.name), codec_of(column)
    if value is None and column.codec_name == "json_text":  # null may be an element of a list
        return f"OR({name}&''='',FIND('null',{name}&'')>0)", False
    if value is None:
        return f"{name}&''=''", kind.default is MISSING
    if column.column_kind.holds == "boolean":
        if value is True:
            return name, True
        return (f"NOT({name})", False) if value is False else (_NOTHING, True)
    if column.column_kind.is_date:
        return _near(column, value)
    if column.codec_name in ("choices", "scalar_or_list", "csv_list", "json_text"):
        return _element(column, value)
    try:
        cell = kind.encode(value)
    except Refused:
        return _NOTHING, True
    if cell is None or not same(kind.decode(cell), value):
        return _NOTHING, True  # such a value is in the original alone
    if cell.__class__ is str and _UNSAYABLE.search(cell):
        return None
    if column.column_kind.adds_line_break:
        return f"FIND({formulas.text(str(value))},{name})=1", False
    if value.__class__ is dict:
        return None  # an object is the same in any order of its keys, its text is not
    return formulas.eq(column.name, cell), True


def _element(column: Field, value: Json) -> tuple[str, bool] | None:
    """Lists that may hold a text: their cell's text has it in it."""
    if value.__class__ is not str or not value:
        return None
    ways = [value]
    if column.codec_name == "json_text":  # a text that is no JSON stands there as it is, one in a list is escaped
        ways = list(dict.fromkeys([value, json.dumps(value, ensure_ascii=False)[1:-1]]))
    if any(map(_UNSAYABLE.search, ways)):
        return None
    return formulas.any_of(f"FIND({formulas.text(way)},{formulas.field(column.name)}&'')>0" for way in ways), False


def _with(operator: str, column: Field, text: str) -> tuple[str, bool] | None:
    if column.codec_name not in _TEXTUAL or _UNSAYABLE.search(text):
        return None
    cell = f"{formulas.field(column.name)}&''"
    if not text:
        return f"{cell}!=''", True
    part, cell = f"LOWER({formulas.text(text)})", f"LOWER({cell})"
    if column.column_kind.adds_line_break:
        return f"FIND({part},{cell})>0", False
    said = {
        "contains": f"FIND({part},{cell})>0",
        "starts_with": f"FIND({part},{cell})=1",
        "ends_with": f"RIGHT({cell},LEN({part}))={part}",
    }[operator]
    return said, text.isascii()


def _beyond(operator: str, column: Field, bound: Json) -> tuple[str, bool] | None:
    if column.codec_name == "number":
        if bound.__class__ not in (int, float):
            return _NOTHING, True
        name = formulas.field(column.name)
        return f"AND({name}&''!='',{name}{_SIGNS[operator]}{formulas.number(bound)})", True
    if column.column_kind.is_date:
        return _after(operator, column, bound)
    return None


def _near(column: Field, value: Json) -> tuple[str, bool] | None:
    moment, margin = _moment(column, value)
    if moment is None:
        return None
    low, high = _moments(moment - margin, moment + margin)
    name = formulas.field(column.name)
    return _dated(name, f"AND(IS_AFTER({name},{low}),IS_BEFORE({name},{high}))"), False


def _after(operator: str, column: Field, bound: Json) -> tuple[str, bool] | None:
    moment, margin = _moment(column, bound)
    if moment is None:
        return None
    low, high = _moments(moment - margin, moment + margin)
    name = formulas.field(column.name)
    said = f"IS_AFTER({name},{low})" if operator in ("gt", "ge") else f"IS_BEFORE({name},{high})"
    return _dated(name, said), False


def _dated(name: str, said: str) -> str:
    # A date function of an empty cell is #ERROR!, which spoils whatever it is a part of.
    return f"IF({name}&''='',{_NOTHING},{said})"


def _moment(column: Field, value: Json) -> tuple[datetime | None, timedelta]:
    """What a date column's cell would be compared with, and how roughly."""
    holds = column.column_kind.holds
    if holds == "instant" and column.wix_type == "datetime" and is_date(value):
        text, margin = value["$date"], timedelta(seconds=2)
    elif holds == "day" and value.__class__ is str and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        text, margin = value, timedelta(days=2)
    else:
        return None, timedelta()
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        _ = moment - margin, moment + margin
    except (TypeError, ValueError, OverflowError):
        return None, timedelta()
    return moment, margin


def _moments(*moments: datetime) -> list[str]:
    return [f"DATETIME_PARSE({formulas.text(stamp(moment))})" for moment in moments]
