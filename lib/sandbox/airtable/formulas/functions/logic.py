"""Functions that decide, and so evaluate only the arguments they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from sandbox.airtable.formulas.row import MANY, Row, Run
from sandbox.airtable.formulas.values import FaultError, Value, equals, truth


def always(value: Value) -> Run:
    """Code that has the same value for every row."""
    return lambda row: value


_blank = always(None)


def _truths(value: Value) -> Iterator[bool]:
    """A list counts element by element, so that a rollup's `AND(values)` works; an empty one is one blank."""
    if isinstance(value, list) and value:
        for element in value:
            yield from _truths(element)
    else:
        yield truth(value)


def all_of(arguments: list[Run]) -> Run:
    """AND: stops at the first that is false, so that what stands behind it cannot make an #ERROR! [?]."""

    def run(row: Row) -> Value:
        for argument in arguments:
            value = argument(row)
            if value is True:
                continue
            if not (all(_truths(value)) if value.__class__ is list else truth(value)):
                return False
        return True

    return run


def any_of(arguments: list[Run]) -> Run:
    """OR: stops at the first that is true."""

    def run(row: Row) -> Value:
        for argument in arguments:
            value = argument(row)
            if value is False:
                continue
            if value is True or (any(_truths(value)) if value.__class__ is list else truth(value)):
                return True
        return False

    return run


def _odd_of(arguments: list[Run]) -> Run:
    """XOR: true when an odd number of arguments is."""
    return lambda row: sum(sum(_truths(argument(row))) for argument in arguments) % 2 == 1


def _none_of(arguments: list[Run]) -> Run:
    argument = arguments[0]
    return lambda row: not any(_truths(argument(row)))


def _if(arguments: list[Run]) -> Run:
    condition, then = arguments[:2]
    otherwise = arguments[2] if len(arguments) > 2 else _blank
    return lambda row: then(row) if truth(condition(row)) else otherwise(row)


def _switch(arguments: list[Run]) -> Run:
    subject, *rest = arguments
    default = rest.pop() if len(rest) % 2 else _blank
    cases = list(zip(rest[::2], rest[1::2], strict=True))

    def run(row: Row) -> Value:
        value = subject(row)
        for pattern, result in cases:
            if equals(value, pattern(row)):
                return result(row)
        return default(row)

    return run


def _fault(row: Row) -> Value:
    raise FaultError


def _is_error(arguments: list[Run]) -> Run:
    """ISERROR: also true of NaN and Infinity (support.airtable.com/docs/catching-errors-with-logical-functions)."""
    argument = arguments[0]

    def run(row: Row) -> Value:
        try:
            value = argument(row)
        except (FaultError, ArithmeticError, ValueError):
            return True
        return isinstance(value, float) and not math.isfinite(value)

    return run


FORMS: dict[str, tuple[Callable[[list[Run]], Run], int, int]] = {
    "AND": (all_of, 1, MANY),
    "BLANK": (lambda _: _blank, 0, 0),
    "ERROR": (lambda _: _fault, 0, 1),
    "FALSE": (lambda _: always(False), 0, 0),
    "IF": (_if, 2, 3),
    "ISERROR": (_is_error, 1, 1),
    "NOT": (_none_of, 1, 1),
    "OR": (any_of, 1, MANY),
    "SWITCH": (_switch, 2, MANY),
    "TRUE": (lambda _: always(True), 0, 0),
    "XOR": (_odd_of, 1, MANY),
}
