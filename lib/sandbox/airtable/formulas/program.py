"""A formula from its text to its values: Formula knows names, Program knows fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from sandbox.airtable.formulas.compiler import Compiler, is_true
from sandbox.airtable.formulas.narrowing import Lookup, lookup_of
from sandbox.airtable.formulas.nodes import Node, Reference, walk
from sandbox.airtable.formulas.parser import FormulaError, field_reference, parse_tree
from sandbox.airtable.formulas.results import result_kind
from sandbox.airtable.formulas.row import Row
from sandbox.airtable.formulas.values import FAULT, FaultError, Localized, Value, in_utc

_FAULTS = (FaultError, ArithmeticError, ValueError, TypeError, LookupError, RecursionError)


def parse(text: str) -> Formula:
    """The formula a text stands for.

    Raises FormulaError: `Invalid formula. Please check your formula text.` for wrong syntax, a wrong number of
    arguments, nesting past a fixed limit and an empty text; `Unknown function names: a, b`.
    """
    return Formula(text, parse_tree(text))


class Formula:
    """A formula whose names are not looked up yet; made by `parse`."""

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self._root = root

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    @cached_property
    def _references(self) -> list[Reference]:
        return [node for _, node in walk(self._root) if isinstance(node, Reference)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields it refers to as written, names or ids, in order and without doubles."""
        return tuple(dict.fromkeys(reference.name for reference in self._references))

    def bind(self, resolve: Callable[[str], str | None]) -> Program:
        """The formula over fields: `resolve` gives the id for a name or an id, None for neither.

        Raises FormulaError `Unknown field names: a, b`, lower-cased, in order; and, for a LAST_MODIFIED_TIME of
        something that is no field, the message for an invalid formula.
        """
        fields: dict[str, str] = {}
        unknown: dict[str, None] = {}
        for name in self.names:
            field = resolve(name)
            if field is None:
                unknown[name.lower()] = None
            else:
                fields[name] = field
        if unknown:
            raise FormulaError("Unknown field names: " + ", ".join(unknown))
        return Program(self._root, fields)

    def rewrite(self, rename: Callable[[str], str]) -> str:
        """The text with every reference as `{rename(name)}`, all else as it was."""
        pieces, end = [], 0
        for reference in sorted(self._references, key=lambda found: found.start):
            pieces += [self.text[end : reference.start], field_reference(rename(reference.name))]
            end = reference.end
        return "".join([*pieces, self.text[end:]])


class Program:
    """A formula that can be computed for any row; made by `Formula.bind`."""

    def __init__(self, root: Node, fields: Mapping[str, str]) -> None:
        self._root = root
        self._names = fields
        self._run = Compiler(fields).compile(root)
        self.fields = frozenset(fields.values())

    def evaluate(self, row: Row) -> Value:
        """The formula's value, moments in UTC. What cannot be computed is a FormulaFault: no row makes it raise."""
        try:
            return _finished(self._run(row))
        except _FAULTS:
            return FAULT

    def keeps(self, row: Row) -> bool:
        """Whether filterByFormula keeps the row: the value is none of 0, false, "", NaN, [], #ERROR! and blank."""
        try:
            value = self._run(row)
        except _FAULTS:
            return False
        return value if value.__class__ is bool else is_true(value)

    @cached_property
    def lookup(self) -> Lookup | None:
        """What an index can find a superset of the kept rows by; None when every row must be looked at."""
        return lookup_of(self._root, self._names)

    def result(self, kind_of: Callable[[str], str]) -> str:
        """`number`, `singleLineText`, `dateTime`, `date` or `checkbox`; `kind_of` gives one of these for a field id."""
        return result_kind(self._root, self._names, kind_of)


def _finished(value: Value) -> Value:
    if value.__class__ in (str, float, bool):
        return value
    if isinstance(value, Localized):
        return in_utc(value.instant)
    if isinstance(value, list):
        return [_finished(element) for element in value]
    return in_utc(value) if isinstance(value, datetime) else value
