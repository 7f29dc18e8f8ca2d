"""Text -> syntax tree. The grammar is loaded once, at the first formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Token

from sandbox.airtable.formulas.functions import SIGNATURES
from sandbox.airtable.formulas.nodes import (
    Arithmetic,
    Call,
    Comparison,
    Concatenation,
    Literal,
    Negation,
    Node,
    Reference,
    walk,
)

MOST_TEXT = 200_000
"""Longest formula in characters; a guard of the sandbox, Airtable publishes none."""
DEEPEST = 100
"""Most calls and operators inside each other; parentheses alone do not count. A guard of the sandbox."""

INVALID = "Invalid formula. Please check your formula text."

_EQUALITY_PARTS = re.compile(r"(\{(?:[^}\\]|\\.)*+\}|[^{=]*?)\s*=\s*(['\"].*)\Z", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class FormulaError(Exception):
    """A formula that no row can save; `message` is what Airtable's answer says after its prefix."""

    def __init__(self, message: str = INVALID) -> None:
        super().__init__(message)
        self.message = message


def parse_tree(text: str) -> Node:
    """The tree of a formula.

    Raises FormulaError with `Invalid formula. Please check your formula text.` for wrong syntax, wrong numbers of
    arguments, a formula deeper than DEEPEST or longer than MOST_TEXT, and with `Unknown function names: a, b`.
    """
    from lark.exceptions import LarkError

    if len(text) > MOST_TEXT:
        raise FormulaError
    try:
        root = _parser()(text)
    except LarkError as error:
        raise FormulaError from error
    _check(root)
    return root


def _check(root: Node) -> None:
    unknown: dict[str, None] = {}
    wrong = False
    for depth, node in walk(root):
        if depth > DEEPEST:
            raise FormulaError
        if node.__class__ is Call:
            signature = SIGNATURES.get(node.name)
            if signature is None:
                unknown[node.name.lower()] = None
            elif not signature[0] <= len(node.arguments) <= signature[1]:
                wrong = True
    if unknown:
        raise FormulaError("Unknown function names: " + ", ".join(unknown))
    if wrong:
        raise FormulaError


def unescaped(literal: str) -> str:
    r"""The text between the quotes, `\'` `\"` `\\` `\n` `\t` `\r` undone; any other escape keeps its character."""
    inner = literal[1:-1]
    if "\\" not in inner:
        return inner
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), inner)


def field_name(reference: str) -> str:
    r"""The name inside the braces. Only `\}` is an escape: pyairtable writes other backslashes as they are."""
    return reference[1:-1].replace("\\}", "}")


def field_reference(name: str) -> str:
    r"""A name as a formula refers to it: in braces, with `}` as `\}`."""
    return "{" + name.replace("}", "\\}") + "}"


class _Builder:
    """The parser's callbacks: each gets the finished parts of one rule and gives its node."""

    @staticmethod
    def start(parts: list[Node]) -> Node:
        return parts[0]

    @staticmethod
    def equality(parts: list[Token]) -> Node:
        token = parts[0]
        found = _EQUALITY_PARTS.match(token)
        assert found is not None, "EQUALITY and its parts are one pattern"
        subject = found[1]
        at = cast("int", token.start_pos)
        left = Reference(field_name(subject), at, at + len(subject)) if subject[0] == "{" else Call("RECORD_ID", [])
        return Comparison(left, [("=", Literal(unescaped(found[2])))])

    @staticmethod
    def comparison(parts: list[Any]) -> Node:
        return Comparison(parts[0], _pairs(parts))

    @staticmethod
    def concatenation(parts: list[Node]) -> Node:
        return Concatenation(parts)

    @staticmethod
    def arithmetic(parts: list[Any]) -> Node:
        return Arithmetic(parts[0], _pairs(parts))

    @staticmethod
    def negate(parts: list[Any]) -> Node:
        operand = parts[1]
        if isinstance(operand, Negation):
            operand.signs += 1
            return operand
        return Negation(operand, 1)

    @staticmethod
    def text(parts: list[str]) -> Node:
        return Literal(unescaped(parts[0]))

    @staticmethod
    def number(parts: list[str]) -> Node:
        return Literal(float(parts[0]))

    @staticmethod
    def field(parts: list[Token]) -> Node:
        token = parts[0]
        return Reference(field_name(token), cast("int", token.start_pos), cast("int", token.end_pos))

    @staticmethod
    def word(parts: list[Token]) -> Node:
        token = parts[0]
        return Reference(str(token), cast("int", token.start_pos), cast("int", token.end_pos))

    @staticmethod
    def nullary(parts: list[str]) -> Node:
        return Call(parts[0].split("(")[0].rstrip().upper(), [])

    @staticmethod
    def call(parts: list[Any]) -> Node:
        return Call(parts[0][:-1].rstrip().upper(), parts[1:])


def _pairs(parts: list[Any]) -> list[tuple[str, Node]]:
    return list(zip(map(str, parts[1::2]), parts[2::2], strict=True))


@cache
def _parser() -> Callable[[str], Node]:
    # 45 ms for importing lark and 20 for the grammar, as measured: so not when this module is imported
    import lark

    grammar = Path(__file__).with_name("grammar.lark").read_text("utf-8")
    builder = cast("lark.Transformer[Token, Node]", _Builder())
    made = lark.Lark(grammar, parser="lalr", lexer="contextual", transformer=builder)
    return cast("Callable[[str], Node]", made.parse)
