"""The filter language: compiled once a request, into SQL where it speaks of `_id`, else into a predicate.

    {"state": "TX", "trucks": {"$gt": 5}}      several keys are all required; a bare value means $eq
    {"$and": [..]}  {"$or": [..]}  {"$not": [one]}  {"$not": {..}}  {"f": {"$not": {..}}}

| operator                            | operand                        | matches                                     |
|-------------------------------------|--------------------------------|---------------------------------------------|
| $eq $ne                             | any; null = null or missing    | same type and value; in an array: any of it |
| $gt $gte $lt $lte                   | number, string, date           | values of the operand's type                |
| $in $nin                            | list                           | as $eq, of any                              |
| $hasSome $hasAll                    | list of string, number, date   | as $eq, of some / all; an empty list: none  |
| $contains $startsWith $endsWith     | string                         | strings, whatever their case                |
| $exists $isEmpty                    | boolean                        | the key is there / null or missing          |
| $urlized $matches                   | see `urls`                     | strings that make this URL part             |

Choices where the documentation is silent: `$ne` and `$nin` match items without the field, as in MongoDB; `$isEmpty`
is what the official client sends as null; an empty `$or` matches nothing; a boolean in `$hasSome` is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.web import clean_text
from sandbox.wix.errors import WixError, bad_argument
from sandbox.wix.urls import read_matches, read_urlized
from sandbox.wix.values import MAX_DEPTH, NOTHING, Identity, dump_text, id_list, identity, is_date, path_of, values_at

Item = dict[str, Any]
Predicate = Callable[[Item], bool]
Reader = Callable[[Item], list[Any]]
Links = Callable[[str], Reader | None]

_SQL_ON_ID = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


@dataclass
class Filter:
    """A compiled filter: all of its parts must hold.

    `where` and `parameters` are SQL on the column `id`; `matches` is what SQL cannot say (None: nothing);
    `needles` are pieces of JSON text that every match holds, so that items without them need no parsing.
    """

    where: str = ""
    parameters: list[Any] = field(default_factory=list)
    matches: Predicate | None = None
    needles: list[str] = field(default_factory=list)


def compile_filter(raw: Any, links: Links = lambda _: None) -> Filter:
    """Read a filter; `links(key)` gives the reader of a multi-reference field, None for every other key.

    Raises WixError: WDE0016 and WDE0056 to WDE0064 for operands of the wrong type, WDE0070 for $regex, WDE0093,
    WDE0169 past 50 levels, WDE0080 for an operator that is none.
    """
    compiled = Filter()
    if raw is None:
        return compiled
    if not isinstance(raw, dict):
        raise WixError("WDE0016", "Filter must be an object.")
    check_depth(raw)
    predicates: list[Predicate] = []
    for name, operator, operand in _conditions(raw):
        if name == "_id" and operator in _SQL_ON_ID and isinstance(operand, str):
            compiled.where += f" AND id {_SQL_ON_ID[operator]} ?"
            compiled.parameters.append(clean_text(operand))
        elif name == "_id" and operator in ("$in", "$hasSome") and _all_text(operand):
            compiled.where += " AND id IN (SELECT value FROM json_each(?))"
            compiled.parameters.append(id_list(operand))
        else:
            predicates.append(_predicate(name, operator, operand, links))
            if operator == "$eq" and type(operand) in (str, int) and links(name) is None:
                compiled.needles.append(dump_text(_clean(operand)))
    if predicates:
        compiled.matches = _all_of(predicates)
    return compiled


def predicate_of(raw: Any, links: Links = lambda _: None) -> Predicate | None:
    """A filter as a predicate alone: over rows that are no items (groups, results), or one item at a time."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise WixError("WDE0016", "Filter must be an object.")
    check_depth(raw)
    return _group(raw, links)


def check_depth(raw: Any) -> None:
    """Raises WDE0169 where a filter is nested past 50 levels."""
    level = [raw]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if type(value) in (dict, list)
            for inner in (value.values() if type(value) is dict else value)
        ]
        if not level:
            return
    raise WixError("WDE0169", "Filter nesting level is too deep")


def _all_text(operand: Any) -> bool:
    return type(operand) is list and all(type(value) is str for value in operand)


def _clean(operand: Any) -> Any:
    return clean_text(operand) if type(operand) is str else operand


def _conditions(raw: Item) -> list[tuple[str, str, Any]]:
    """The conditions that must all hold: (field or "", operator, operand), with every `$and` spread out."""
    conditions: list[tuple[str, str, Any]] = []
    for name, value in raw.items():
        if name == "$and":
            for inner in _filters(name, value):
                conditions += _conditions(inner)
        elif name.startswith("$"):
            conditions.append(("", name, value))
        elif type(value) is dict and not is_date(value) and any(key.startswith("$") for key in value):
            conditions += [(name, operator, operand) for operator, operand in value.items()]
        else:
            conditions.append((name, "$eq", value))
    return conditions


def _filters(operator: str, value: Any) -> list[Item]:
    if not isinstance(value, list):
        raise WixError("WDE0057", f"{operator} should be an Array. Got {_kind(value)} instead.")
    for inner in value:
        if not isinstance(inner, dict):
            raise WixError("WDE0056", f"{operator} should be an Object. Got {_kind(inner)} instead.")
    return value


def _group(raw: Item, links: Links) -> Predicate:
    return _all_of([_predicate(name, operator, operand, links) for name, operator, operand in _conditions(raw)])


def _all_of(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda item: all(predicate(item) for predicate in predicates)


def _predicate(name: str, operator: str, operand: Any, links: Links) -> Predicate:
    if operator == "$regex":
        raise WixError("WDE0070", "$regex keyword is not allowed.")
    if not name:
        return _logical(operator, operand, links)
    if operator == "$not":
        if not isinstance(operand, dict):
            raise WixError("WDE0056", f"$not should be an Object. Got {_kind(operand)} instead.")
        inner = _group({name: operand}, links)
        return lambda item: not inner(item)
    if name == "_publishStatus" and (operator not in ("$eq", "$ne") or operand not in ("DRAFT", "PUBLISHED")):
        raise WixError(
            "WDE0093",
            "Invalid filter for _publishStatus field, only `.eq` and `.ne` filters are allowed with 'DRAFT' and "
            "'PUBLISHED' possible values.",
        )
    build = _OPERATORS.get(operator)
    if build is None:
        raise bad_argument(f"Unknown filter operator {clean_text(operator)[:40]}.")
    return build(operator, operand, links(name) or _reader(name))


def _logical(operator: str, operand: Any, links: Links) -> Predicate:
    if operator == "$or":
        options = [_group(inner, links) for inner in _filters(operator, operand)]
        return lambda item: any(option(item) for option in options)
    if operator == "$not":
        parts = [operand] if isinstance(operand, dict) else _filters(operator, operand)
        if len(parts) != 1:
            raise bad_argument("$not takes exactly one filter.")
        inner = _group(parts[0], links)
        return lambda item: not inner(item)
    raise bad_argument(f"Unknown filter operator {clean_text(operator)[:40]}.")


def _reader(name: str) -> Reader:
    path = path_of(clean_text(name))
    if len(path) == 1:
        key = path[0]
        return lambda item: [item[key]] if key in item else []
    return lambda item: values_at(item, path)


def _identities(values: list[Any]) -> list[Identity]:
    """Of each value, and where it is an array of its elements too."""
    found = []
    for value in values:
        found.append(identity(value))
        if type(value) is list:
            found += [identity(element) for element in value]
    return found


def _strings(values: list[Any]) -> list[str]:
    found = []
    for value in values:
        if type(value) is str:
            found.append(value)
        elif type(value) is list:
            found += [element for element in value if type(element) is str]
    return found


def _has_any(wanted: frozenset[Identity], read: Reader) -> Predicate:
    empty = NOTHING in wanted

    def matches(item: Item) -> bool:
        values = read(item)
        if not values:
            return empty
        return any(value in wanted for value in _identities(values))

    return matches


def _equal(operator: str, operand: Any, read: Reader) -> Predicate:
    matches = _has_any(frozenset([identity(_clean(operand))]), read)
    return matches if operator == "$eq" else lambda item: not matches(item)


def _in(operator: str, operand: Any, read: Reader) -> Predicate:
    if not isinstance(operand, list):
        raise WixError("WDE0057", f"{operator} should be an Array. Got {_kind(operand)} instead.")
    matches = _has_any(frozenset(identity(_clean(value)) for value in operand), read)
    return matches if operator == "$in" else lambda item: not matches(item)


def _has(operator: str, operand: Any, read: Reader) -> Predicate:
    if not isinstance(operand, list):
        raise WixError("WDE0057", f"{operator} should be an Array. Got {_kind(operand)} instead.")
    for value in operand:
        if type(value) not in (str, int, float) and not is_date(value):
            text = f"{operator} array should only contain values of types date, number, and string."
            raise WixError("WDE0060", f"{text} Got {_kind(value)} instead.")
    wanted = frozenset(identity(_clean(value)) for value in operand)
    if operator == "$hasSome":
        return _has_any(wanted, read)
    return lambda item: bool(wanted) and wanted.issubset(_identities(read(item)))


def _compare(operator: str, operand: Any, read: Reader) -> Predicate:
    if type(operand) not in (str, int, float) and not is_date(operand):
        raise WixError("WDE0058", f"{operator} should be a Date, number, or string. Got {_kind(operand)} instead.")
    bound = identity(_clean(operand))
    rank = bound[0]
    tests: dict[str, Callable[[Identity], bool]] = {
        "$gt": lambda value: value > bound,
        "$gte": lambda value: value >= bound,
        "$lt": lambda value: value < bound,
        "$lte": lambda value: value <= bound,
    }
    holds = tests[operator]
    return lambda item: any(value[0] == rank and holds(value) for value in _identities(read(item)))


def _text(operator: str, operand: Any, read: Reader) -> Predicate:
    if not isinstance(operand, str):
        raise WixError("WDE0059", f"{operator} should be a string. Got {_kind(operand)} instead")
    part = clean_text(operand).lower()
    tests: dict[str, Callable[[str], bool]] = {
        "$contains": lambda text: part in text,
        "$startsWith": lambda text: text.startswith(part),
        "$endsWith": lambda text: text.endswith(part),
    }
    holds = tests[operator]
    return lambda item: any(holds(text.lower()) for text in _strings(read(item)))


def _presence(operator: str, operand: Any, read: Reader) -> Predicate:
    if not isinstance(operand, bool):
        raise bad_argument(f"{operator} should be a boolean. Got {_kind(operand)} instead.")
    if operator == "$exists":
        return lambda item: bool(read(item)) == operand
    return lambda item: all(value is None for value in read(item)) == operand


def _url(operator: str, operand: Any, read: Reader) -> Predicate:
    holds = read_urlized(operand) if operator == "$urlized" else read_matches(operand)
    return lambda item: any(holds(text) for text in _strings(read(item)))


def _kind(value: Any) -> str:
    """A refused operand's type: its value may be personal, and is not repeated."""
    names = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


_OPERATORS: dict[str, Callable[[str, Any, Reader], Predicate]] = {
    **dict.fromkeys(("$eq", "$ne"), _equal),
    **dict.fromkeys(("$in", "$nin"), _in),
    **dict.fromkeys(("$hasSome", "$hasAll"), _has),
    **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), _compare),
    **dict.fromkeys(("$contains", "$startsWith", "$endsWith"), _text),
    **dict.fromkeys(("$exists", "$isEmpty"), _presence),
    **dict.fromkeys(("$urlized", "$matches"), _url),
}
