"""The syntax tree. Chains of one precedence are one node, so that a tree is only as deep as its parentheses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(slots=True, eq=False)
class Literal:
    """A text or a number as written, escapes undone."""

    value: str | float


@dataclass(slots=True, eq=False)
class Reference:
    """A field, `{in braces}` or a bare name; `start` and `end` are offsets into the formula's text."""

    name: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Call:
    """A function by its upper-case name."""

    name: str
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class Negation:
    """One or more minus signs before an operand."""

    operand: Node
    signs: int


@dataclass(slots=True, eq=False)
class Concatenation:
    """Terms joined by `&`."""

    terms: list[Node]


@dataclass(slots=True, eq=False)
class Arithmetic:
    """`first` and then each (operator, term), left to right; all operators are of one precedence."""

    first: Node
    rest: list[tuple[str, Node]]


@dataclass(slots=True, eq=False)
class Comparison:
    """`first` compared with each (operator, term), left to right."""

    first: Node
    rest: list[tuple[str, Node]]


Node: TypeAlias = Literal | Reference | Call | Negation | Concatenation | Arithmetic | Comparison


def children(node: Node) -> list[Node]:
    """The operands of a node, in the order in which they are written."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Arithmetic | Comparison):
        return [node.first, *(term for _, term in node.rest)]
    if isinstance(node, Concatenation):
        return node.terms
    return [node.operand] if isinstance(node, Negation) else []


def walk(root: Node) -> Iterator[tuple[int, Node]]:
    """Every node with its depth (the root's is 1), in the order of the text, without recursion."""
    waiting = [(1, root)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        if not isinstance(node, Literal | Reference):
            waiting += [(depth + 1, child) for child in reversed(children(node))]
