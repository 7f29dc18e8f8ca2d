"""Results with a representation: HTML in a notebook, text in a log.

    Table("Loaded", ("collection", "rows", "verdict"), [("Carriers", 1200, "passed")])
    Page(table, picture)                     # several parts in one output
    with Progress("Load Carriers") as report:
        load(..., on_progress=report)        # live in JupyterLab; the last line is kept

HTML has inline styles and inherits the colours of the page, so it is readable in JupyterLab, light or dark, in the
exported page and in print.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from types import TracebackType
from typing import Any

FOLD = 60  # rows of a table that are visible
FOLDED = 400  # further rows that can be unfolded; the rest is only counted

# A sign and a colour, readable on white and on black; the sign is enough where there is no colour.
_PASSED, _WARNING, _FAILED = ("✓", "#218739"), ("!", "#b86e00"), ("✗", "#d64533")
VERDICTS = {
    "passed": _PASSED,
    "green": _PASSED,
    "ok": _PASSED,
    "warning": _WARNING,
    "warnings": _WARNING,
    "failed": _FAILED,
    "error": _FAILED,
    "red": _FAILED,
}


@dataclass(frozen=True)
class Table:
    """Rows with named columns, a title and notes. Numbers are right-aligned, None is a dash.

    A cell that is a verdict (`passed`, `warning`, `failed`, ...) gets its sign and colour. Rows beyond `FOLD` are
    folded.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [[_text(cell) for cell in row] for row in self.rows[:FOLD]]
        widths = [max([len(c), *(len(line[i]) for line in lines)]) for i, c in enumerate(self.columns)]
        right = [self._is_right(i) for i in range(len(self.columns))]

        def aligned(texts: list[str] | tuple[str, ...]) -> str:
            cells = (t.rjust(w) if r else t.ljust(w) for t, w, r in zip(texts, widths, right, strict=True))
            return "  ".join(cells).rstrip()

        out = [self.title, aligned(self.columns), "  ".join("─" * w for w in widths)]
        out += [aligned(line) for line in lines] or ["(no rows)"]
        if len(self.rows) > FOLD:
            out.append(f"… and {len(self.rows) - FOLD:,} more")
        return "\n".join([*out, *map(printable, self.notes)])

    def _repr_html_(self) -> str:
        right = [self._is_right(i) for i in range(len(self.columns))]
        head = "".join(
            f'<th style="{_CELL};{_side(r)};border-bottom:1.5px solid currentColor">{escape(c)}</th>'
            for c, r in zip(self.columns, right, strict=True)
        )
        out = [f'<div style="{_BLOCK}">']
        if self.title:
            out.append(f'<div style="font-weight:600;font-size:1.08em;margin:0 0 .35em">{escape(self.title)}</div>')
        out.append(f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>')
        out += [_row(row, right) for row in self.rows[:FOLD]]
        if not self.rows:
            out.append(
                f'<tr><td colspan="{len(self.columns)}" style="{_CELL};text-align:left"><i>no rows</i></td></tr>'
            )
        out.append("</tbody></table>")
        if more := self.rows[FOLD:]:
            unfold = more[:FOLDED]
            cut = "" if len(unfold) == len(more) else f", of which {len(unfold):,} here"
            out.append(
                f'<details><summary style="cursor:pointer;margin:.4em 0">and {len(more):,} more{cut}</summary>'
                f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>'
                f"{''.join(_row(row, right) for row in unfold)}</tbody></table></details>"
            )
        out += [f'<div style="margin:.35em 0 0;opacity:.85">{escape(printable(note))}</div>' for note in self.notes]
        return "".join([*out, "</div>"])

    def _is_right(self, column: int) -> bool:
        cells = [row[column] for row in self.rows if row[column] is not None]
        return bool(cells) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells)


class Shown(ABC):
    """A result that is shown as its table, also where it is a dataclass."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]  # in the class itself, so @dataclass keeps it

    @abstractmethod
    def table(self) -> Table:
        """The result for a reader; personal data masked."""

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class Page:
    """Several results, pictures or texts in one output, in this order."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return "\n\n".join(str(part) for part in self.parts)

    def _repr_html_(self) -> str:
        return "".join(f'<div style="margin:0 0 1.1em">{html_of(part)}</div>' for part in self.parts)


class Progress:
    """The progress of a step. Called with (done, total) from any thread; a context manager that reports the end.

    In JupyterLab it is one output, redrawn at most five times a second; the saved notebook keeps its last line.
    Elsewhere it writes that line to stderr at the end.
    """

    INTERVAL = 0.2  # seconds between two updates

    def __init__(self, label: str) -> None:
        self.label = label
        self.done, self.total = 0, 0
        self._began = self._drawn = time.monotonic()
        self._start = 0  # done before the first report, so not part of the rate
        self._reported = False
        self._ended: float | None = None
        self._outcome = ""
        self._entered = False
        self._muted = _quiet > 0
        self._handle: Any = None
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int) -> None:
        """Report how much is done. `total` 0: unknown."""
        with self._lock:
            if self._ended is not None:
                return
            if not self._reported and total and 0 < done < total:
                self._start = done
            self._reported = True
            self.done, self.total = done, total
            if total and done >= total and not self._entered:
                self._end("")
            elif time.monotonic() - self._drawn >= self.INTERVAL:
                self._draw()

    def __enter__(self) -> Progress:
        self._entered = True
        self._began = time.monotonic()
        with self._lock:
            self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._ended is None:
                self._end("" if kind is None else f"stopped by {kind.__name__}")

    def __repr__(self) -> str:
        elapsed = (self._ended or time.monotonic()) - self._began
        rate = (self.done - self._start) / elapsed if elapsed > 0 else 0.0
        speed = f", {rate:,.0f}/s" if rate >= 10 else f", {rate:,.1f}/s" if rate > 0 else ""
        if self._ended is not None:
            count = f"{self.done:,}" if not self._outcome or not self.total else f"{self.done:,} of {self.total:,}"
            sign, outcome = ("✗", f"{self._outcome}; ") if self._outcome else ("✓", "")
            if not self._reported:
                return f"{sign} {self.label}: {outcome}{_seconds(elapsed)}"
            return f"{sign} {self.label}: {outcome}{count} in {_seconds(elapsed)}{speed}"
        if not self._reported:
            return f"… {self.label}"
        if not self.total:
            return f"… {self.label}: {self.done:,}{speed}"
        left = f", {_seconds((self.total - self.done) / rate)} left" if rate > 0 else ""
        return f"… {self.label}: {self.done:,} of {self.total:,} ({self.done / self.total:.0%}){speed}{left}"

    def _repr_html_(self) -> str:
        bar = ""
        if self._ended is None and self.total:
            share = min(1.0, self.done / self.total)
            bar = (
                '<span style="display:inline-block;width:10em;height:.6em;margin-right:.7em;'
                'border:1px solid currentColor;border-radius:2px">'
                f'<span style="display:block;height:100%;background:#3a7ca5;width:{share:.0%}"></span></span>'
            )
        return f'<div style="{_BLOCK};font-variant-numeric:tabular-nums">{bar}{escape(repr(self))}</div>'

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._muted:
            return
        if self._handle is not None:
            self._handle.update(self)
        elif _in_kernel():
            from IPython.display import display

            self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def _end(self, outcome: str) -> None:
        self._ended, self._outcome = time.monotonic(), outcome
        self._draw()
        if self._handle is None and not self._muted:
            sys.stderr.write(f"{self!r}\n")


_quiet = 0


@contextmanager
def quiet() -> Iterator[None]:
    """Steps in the block report no progress: they are part of another one that does."""
    global _quiet
    _quiet += 1
    try:
        yield
    finally:
        _quiet -= 1


def display_now(result: Any) -> None:
    """Show a result before the end of a cell: as output in a notebook, elsewhere as text on stdout."""
    if _quiet:
        return
    if _in_kernel():
        from IPython.display import display

        display(result)  # type: ignore[no-untyped-call]
    else:
        sys.stdout.write(f"{result!r}\n")


def html_of(part: Any) -> str:
    """A part of a page as HTML: its own (`html()` of a picture), else its text."""
    if hasattr(part, "html"):
        return str(part.html())
    if hasattr(part, "_repr_html_"):
        return str(part._repr_html_())
    return f'<div style="{_BLOCK};white-space:pre-wrap">{escape(str(part))}</div>'


_HIDDEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text with escapes for control characters, direction marks and unpaired surrogates: `\\ud800`.

    Keys and file names come from outside: none may make a report look different from what it is.
    """
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if not text.isprintable() else text


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`, `1,200 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def mask(value: Any) -> str:
    """A description of a personal value: its type and size (`text of 12 characters`)."""
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
        case dict():
            return f"an object of {len(value)} keys"
        case _:
            return f"a {type(value).__name__}"


_BLOCK = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;margin:.3em 0;overflow-x:auto"
_TABLE = "border-collapse:collapse;border:0;margin:0;font-variant-numeric:tabular-nums"
_CELL = "padding:.25em .9em .25em .3em;vertical-align:top;border:0"
_LINE = "border-bottom:1px solid rgba(128,128,128,.3)"


def _side(right: bool) -> str:
    return "text-align:right;white-space:nowrap" if right else "text-align:left"


def _row(row: tuple[Any, ...], right: list[bool]) -> str:
    cells = []
    for cell, is_right in zip(row, right, strict=True):
        style, text = f"{_CELL};{_LINE};{_side(is_right)}", escape(_text(cell))
        if (verdict := _verdict(cell)) is not None:
            text = f'<span style="color:{verdict[1]};font-weight:600;white-space:nowrap">{text}</span>'
        cells.append(f'<td style="{style}">{text}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _verdict(cell: Any) -> tuple[str, str] | None:
    return VERDICTS.get(cell.lower()) if isinstance(cell, str) else None


def _text(cell: Any) -> str:
    match cell:
        case None:
            return "–"
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:,.2f}" if cell == 0 or abs(cell) >= 0.01 else f"{cell:.2g}"
        case _:
            text = " ".join(printable(str(cell)).splitlines())
            verdict = _verdict(cell)
            return text if verdict is None else f"{verdict[0]} {text}"


def _seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _in_kernel() -> bool:
    """Whether this is a notebook's kernel; IPython in a terminal cannot update an output."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
