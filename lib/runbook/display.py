"""Results that show themselves: HTML in a notebook, text in a log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from html import escape
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows under named columns, a title over them and words under them. Numbers are set right, None shows as a dash."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [[_text(cell) for cell in row] for row in self.rows]
        widths = [
            max(len(c), *(len(line[i]) for line in lines)) if lines else len(c) for i, c in enumerate(self.columns)
        ]
        out = [self.title, "  ".join(c.ljust(w) for c, w in zip(self.columns, widths, strict=True)).rstrip()]
        out += [
            "  ".join(
                text.rjust(w) if isinstance(cell, int | float) and not isinstance(cell, bool) else text.ljust(w)
                for text, cell, w in zip(line, row, widths, strict=True)
            ).rstrip()
            for line, row in zip(lines, self.rows, strict=True)
        ]
        return "\n".join([*out, *self.notes])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(c)}</th>" for c in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<h4>{escape(self.title)}</h4><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


class Shown(ABC):
    """A result that shows itself as its table."""

    @abstractmethod
    def table(self) -> Table:
        """What a reader should see of it; personal data masked."""

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def mask(value: Any) -> str:
    """What may be shown of a personal value: its kind and size, never itself (`text of 12 characters`)."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return f"text of {len(value)} characters" if value else "empty text"
        case list():
            return f"a list of {len(value)}"
        case _:
            return f"an object of {len(value)} keys"


def _text(cell: Any) -> str:
    match cell:
        case None:
            return "–"
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:,.2f}"
        case _:
            return str(cell)
