"""Expressions of aggregation pipelines: compiled once a request into a function of a row.

    {"fieldPath": "address.city"}   {"text": "-"}   {"numeric": 1}
    {"add": {"expressions": [{"fieldPath": "trucks"}, {"numeric": 1}]}}

| expression          | operands                                             | gives                                   |
|---------------------|------------------------------------------------------|-----------------------------------------|
| add multiply sum    | expressions: numbers                                 | a number                                |
| subtract divide mod | firstExpression, secondExpression: numbers           | a number; mod has the sign of the first |
| abs floor ceil      | expression: a number                                 | a number                                |
| concat              | expressions: strings                                 | a string                                |
| toLower toUpper     | expression: a string                                 | a string                                |
| substring           | expression: a string; startExpression and, if given, | characters from a place counted from 0, |
|                     | lengthExpression: whole numbers from 0               | all that follow without a length        |
| length              | expression: a string                                 | how many characters it has              |
| stringify           | expression: anything                                 | a string: a date in ISO 8601, other     |
|                     |                                                      | objects and arrays as JSON              |

The names, the operands and their types are those of the official client's typings. Choices where these are silent, as
in MongoDB [ASSUME]: an operand without a value makes the result null, but `sum` passes it over; an operand of another
type, a division by zero and a negative place are refused (WDE0080). A number too large for a double is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sandbox.wix.errors import Violation, WixError, bad_argument
from sandbox.wix.items import MAX_ITEM_BYTES
from sandbox.wix.params import Params
from sandbox.wix.values import MAX_DEPTH, dump_text, first_value, is_date, path_of

Row = dict[str, Any]
Expression = Callable[[Row], Any]

MAX_LENGTH = 1000
"""Characters of a text or a field path, and operands of one operation (the client's typings)."""


def read_expression(params: Params, depth: int = 1) -> Expression:
    """Compile an expression. Raises Violation for a wrong form and past 50 levels [ASSUME], WDE0167, WDE0173.

    What comes back takes a row and gives a JSON value; it raises WDE0080 for operands of the wrong type and WDE0009
    for a string past 500 KB [ASSUME].
    """
    if depth > MAX_DEPTH:
        raise Violation(params.path, f"must not be nested past {MAX_DEPTH} levels", "MAX_DEPTH", threshold=MAX_DEPTH)
    names = [name for name in ("fieldPath", "text", "numeric", *_OPERATIONS) if name in params]
    if len(names) != 1:
        raise Violation(params.path, f"must have one of fieldPath, text, numeric, {', '.join(_OPERATIONS)}", "ONE_OF")
    name = names[0]
    if name == "fieldPath":
        return read_path(params, name)
    if name in _OPERATIONS:
        return _operation(name, params.part(name), depth)
    constant: Any = _text(params) if name == "text" else _number(params)
    return lambda row: constant


def read_path(params: Params, name: str) -> Expression:
    """The value at a dotted path, null where there is none. Raises Violation, WDE0167, WDE0173."""
    text = params.text_or(name)
    if not text:
        raise WixError("WDE0173", "Aggregation item field name cannot be empty.")
    if text.endswith("."):
        raise WixError("WDE0167", "Aggregation item field name cannot end with `.`")
    if len(text) > MAX_LENGTH:
        raise Violation(params.where(name), "must have at most 1000 characters", "MAX_LENGTH", threshold=MAX_LENGTH)
    path = path_of(text)
    return lambda row: first_value(row, path)


def finite(number: float) -> Any:
    """A number as JSON has it: a whole one without a fraction, null for an infinite one."""
    if not math.isfinite(number):
        return None
    return int(number) if abs(number) < 1e21 and number == int(number) else number


def _text(params: Params) -> str:
    text = params.text_or("text")
    if len(text) > MAX_LENGTH:
        raise Violation(params.where("text"), "must have at most 1000 characters", "MAX_LENGTH", threshold=MAX_LENGTH)
    return text


def _number(params: Params) -> Any:
    value = params.raw("numeric")
    if type(value) not in (int, float):
        raise Violation(params.where("numeric"), "must be a number")
    return value


def _operation(name: str, params: Params, depth: int) -> Expression:
    kinds, compute = _OPERATIONS[name]
    if kinds:
        parts = [(part, kind) for part, kind in kinds.items() if part in params or part != "lengthExpression"]
        operands = [(read_expression(params.part(part), depth + 1), kind) for part, kind in parts]
    else:
        entries = params.each("expressions")
        if not 1 <= len(entries) <= MAX_LENGTH:
            where = params.where("expressions")
            raise Violation(where, "must have 1 to 1000 entries", "MAX_SIZE", threshold=MAX_LENGTH)
        kind = "string" if name == "concat" else "number"
        operands = [(read_expression(entry, depth + 1), kind) for entry in entries]

    def evaluate(row: Row) -> Any:
        values = [_operand(operand(row), kind, name) for operand, kind in operands]
        if name == "sum":
            values = [value for value in values if value is not None]
        return None if None in values else compute(*values)

    return evaluate


def _operand(value: Any, kind: str, name: str) -> Any:
    """A value of the kind an operation takes, or None; whatever is refused may be personal and is not repeated."""
    if value is None or kind == "any":
        return value
    if kind == "string" and type(value) is str:
        return value
    if kind != "string" and type(value) in (int, float):
        number = float(value)
        if kind == "place" and (number < 0 or number != math.floor(number)):
            raise bad_argument(f"{name} takes whole numbers that are not negative.")
        return number
    raise bad_argument(f"{name} takes {'strings' if kind == 'string' else 'numbers'} only.")


def _product(*numbers: float) -> Any:
    return finite(math.prod(numbers))


def _quotient(first: float, second: float) -> Any:
    return finite(first / _divisor(second))


def _remainder(first: float, second: float) -> Any:
    return finite(math.fmod(first, _divisor(second)))


def _divisor(number: float) -> float:
    if number == 0:
        raise bad_argument("divide and mod take a second number that is not zero.")
    return number


def _concat(*texts: str) -> str:
    if sum(map(len, texts)) > MAX_ITEM_BYTES:
        raise WixError("WDE0009", "Document is too large.")
    return "".join(texts)


def _stringify(value: Any) -> str:
    if type(value) is str:
        return value
    if is_date(value):
        return str(value["$date"])
    return _concat(dump_text(value))


def _substring(text: str, start: float, length: float = math.inf) -> str:
    return text[int(min(start, len(text))) : int(min(start + length, len(text)))]


_ONE_NUMBER = {"expression": "number"}
_TWO_NUMBERS = {"firstExpression": "number", "secondExpression": "number"}
_ONE_STRING = {"expression": "string"}
_PLACES = {"startExpression": "place", "lengthExpression": "place"}

# Name: (kind of each operand by its name, nothing in place in `expressions`; what is computed of them).
_OPERATIONS: dict[str, tuple[dict[str, str], Callable[..., Any]]] = {
    "add": ({}, lambda *numbers: finite(sum(numbers))),
    "sum": ({}, lambda *numbers: finite(sum(numbers))),
    "subtract": (_TWO_NUMBERS, lambda first, second: finite(first - second)),
    "multiply": ({}, _product),
    "divide": (_TWO_NUMBERS, _quotient),
    "abs": (_ONE_NUMBER, lambda number: finite(abs(number))),
    "mod": (_TWO_NUMBERS, _remainder),
    "floor": (_ONE_NUMBER, lambda number: finite(float(math.floor(number)))),
    "ceil": (_ONE_NUMBER, lambda number: finite(float(math.ceil(number)))),
    "concat": ({}, _concat),
    "stringify": ({"expression": "any"}, _stringify),
    "toLower": (_ONE_STRING, lambda text: _concat(text.lower())),
    "toUpper": (_ONE_STRING, lambda text: _concat(text.upper())),
    "substring": (_ONE_STRING | _PLACES, _substring),
    "length": (_ONE_STRING, len),
}
