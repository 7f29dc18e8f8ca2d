"""Syntax tree -> closures over a row. What does not depend on the row is computed once, here."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from sandbox.airtable.formulas.functions import FORMS, FUNCTIONS
from sandbox.airtable.formulas.functions.logic import always, any_of
from sandbox.airtable.formulas.functions.numeric import divided
from sandbox.airtable.formulas.nodes import (
    Arithmetic,
    Call,
    Comparison,
    Concatenation,
    Literal,
    Negation,
    Node,
    Reference,
)
from sandbox.airtable.formulas.parser import FormulaError
from sandbox.airtable.formulas.row import Row, Run
from sandbox.airtable.formulas.values import (
    MOST_CHARACTERS,
    FaultError,
    FormulaFault,
    Value,
    equals,
    ordered,
    text_of,
    to_number,
)

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
}
_LONGEST_CONSTANT = 1000


def _in_order(fits: Callable[[int, int], bool]) -> Callable[[Value, Value], bool]:
    def test(left: Value, right: Value) -> bool:
        order = ordered(left, right)
        return order is not None and fits(order, 0)

    return test


_TESTS: dict[str, Callable[[Value, Value], bool]] = {
    "=": equals,
    "!=": lambda left, right: not equals(left, right),
    "<": _in_order(operator.lt),
    "<=": _in_order(operator.le),
    ">": _in_order(operator.gt),
    ">=": _in_order(operator.ge),
}


class Compiler:
    """Compiles one tree. `fields` maps each name in it to the field's id."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    def compile(self, node: Node) -> Run:
        """The code of a node. Raises FormulaError where LAST_MODIFIED_TIME is given something else than fields."""
        match node:
            case Literal(value):
                return always(value)
            case Reference(name):
                return _field(self.fields[name])
            case Call(name, arguments):
                return self._call(name, arguments)
            case Negation(operand, signs):
                inner = self.compile(operand)
                return (lambda row: -to_number(inner(row))) if signs % 2 else (lambda row: to_number(inner(row)))
            case Concatenation(terms):
                runs = [self.compile(term) for term in terms]
                return _joined(runs)
            case Arithmetic(first, rest):
                return self._arithmetic(first, rest)
            case Comparison(first, rest):
                return self._comparison(first, rest)

    def _arithmetic(self, first: Node, rest: list[tuple[str, Node]]) -> Run:
        start = self.compile(first)
        steps = [(_ARITHMETIC[sign], self.compile(term)) for sign, term in rest]

        def run(row: Row) -> Value:
            total = to_number(start(row))
            for step, term in steps:
                total = step(total, to_number(term(row)))
            return total

        return run

    def _comparison(self, first: Node, rest: list[tuple[str, Node]]) -> Run:
        (sign, second), *more = rest
        if sign == "=":
            found = text_test(first, second)
            code = self._is_one_of(found[0], frozenset((found[1],))) if found else None
        else:
            code = None
        code = code or _compared(self.compile(first), _TESTS[sign], self.compile(second))
        if not more:
            return code
        start, steps = code, [(_TESTS[later], self.compile(term)) for later, term in more]

        def run(row: Row) -> Value:
            value = start(row)
            for test, term in steps:
                value = test(value, term(row))
            return value

        return run

    def _call(self, name: str, arguments: list[Node]) -> Run:
        if name == "LAST_MODIFIED_TIME":
            return self._modified_time(arguments)
        if name == "OR":
            return any_of(self._merged(arguments))
        runs = [self.compile(argument) for argument in arguments]
        if name in FORMS:
            return FORMS[name][0](runs)
        code = _applied(FUNCTIONS[name][0], runs)
        constant = name != "REPT" and all(isinstance(argument, Literal) for argument in arguments)
        return _constant(code) if constant else code

    def _modified_time(self, arguments: list[Node]) -> Run:
        if not all(isinstance(argument, Reference) for argument in arguments):
            raise FormulaError
        ids = tuple(self.fields[argument.name] for argument in arguments if isinstance(argument, Reference))
        return lambda row: row.modified_time(ids)

    def _merged(self, arguments: list[Node]) -> list[Run]:
        """An OR's arguments; neighbours that test one field, or the record id, for texts become one look-up."""
        runs: list[Run] = []
        subject: Reference | None = None
        texts: list[str] = []

        def flush() -> None:
            if texts:
                runs.append(self._is_one_of(subject, frozenset(texts)))
                texts.clear()

        for argument in arguments:
            test = _whole_text_test(argument)
            if test is None:
                flush()
                runs.append(self.compile(argument))
                continue
            if texts and _subject_id(self.fields, test[0]) != _subject_id(self.fields, subject):
                flush()
            subject = test[0]
            texts.append(test[1])
        flush()
        return runs

    def _is_one_of(self, subject: Reference | None, texts: frozenset[str]) -> Run:
        if subject is None:
            return lambda row: row.record_id in texts
        field = self.fields[subject.name]
        if len(texts) == 1:
            (text,) = texts

            def run_one(row: Row) -> Value:
                value = row.value(field)
                return value == text if value.__class__ is str else equals(value, text)

            return run_one

        def run(row: Row) -> Value:
            value = row.value(field)
            return value in texts if value.__class__ is str else any(equals(value, text) for text in texts)

        return run


def text_test(left: Node, right: Node) -> tuple[Reference | None, str] | None:
    """(field, or None for RECORD_ID(), and text) when the two sides of a `=` are those, in either order."""
    if isinstance(left, Literal):
        left, right = right, left
    if not isinstance(right, Literal) or not isinstance(right.value, str):
        return None
    if isinstance(left, Reference):
        return left, right.value
    return (None, right.value) if isinstance(left, Call) and left.name == "RECORD_ID" else None


def _whole_text_test(node: Node) -> tuple[Reference | None, str] | None:
    if isinstance(node, Comparison) and len(node.rest) == 1 and node.rest[0][0] == "=":
        return text_test(node.first, node.rest[0][1])
    return None


def _subject_id(fields: Mapping[str, str], subject: Reference | None) -> str | None:
    return None if subject is None else fields[subject.name]


def _field(field_id: str) -> Run:
    def run(row: Row) -> Value:
        value = row.value(field_id)
        if value.__class__ is FormulaFault:
            raise FaultError
        return value

    return run


def _compared(left: Run, test: Callable[[Value, Value], bool], right: Run) -> Run:
    return lambda row: test(left(row), right(row))


def _applied(function: Callable[..., Value], runs: list[Run]) -> Run:
    if len(runs) == 1:
        (only,) = runs
        return lambda row: function(only(row))
    if len(runs) == 2:
        left, right = runs
        return lambda row: function(left(row), right(row))
    return lambda row: function(*_values(runs, row))


def _values(runs: list[Run], row: Row) -> list[Value]:
    """The arguments; raises FaultError before thousands of long texts fill the memory."""
    values, size = [], 0
    for run in runs:
        value = run(row)
        if value.__class__ is str:
            size += len(value)
            if size > 4 * MOST_CHARACTERS:
                raise FaultError
        values.append(value)
    return values


def _joined(runs: list[Run]) -> Run:
    def run(row: Row) -> Value:
        pieces, size = [], 0
        for term in runs:
            piece = text_of(term(row))
            size += len(piece)
            if size > MOST_CHARACTERS:
                raise FaultError
            pieces.append(piece)
        return "".join(pieces)

    return run


def _constant(code: Run) -> Run:
    """The code of a call of literals alone, which never reads the row; one that faults does so at every row.

    Long texts are made anew for each row: thousands of `REPT('ab', 400000)` would fill the memory.
    """
    nowhere: Row = None  # type: ignore[assignment]
    try:
        value = code(nowhere)
    except (FaultError, ArithmeticError, ValueError):
        return code
    return code if isinstance(value, str) and len(value) > _LONGEST_CONSTANT else always(value)


def is_true(value: Value) -> bool:
    """filterByFormula's truth of a result: none of 0, false, "", NaN, [], a fault and blank."""
    if value is None or value.__class__ is FormulaFault:
        return False
    return bool(value) and not (isinstance(value, float) and math.isnan(value))
