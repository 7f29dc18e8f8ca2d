from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from runbook import display
from runbook.display import FOLD, FOLDED, Page, Progress, Shown, Table, display_now, mask, quiet
from runbook.pictures import counts

HOSTILE = '<script>alert("x")</script>&amp;\nsecond line'


def test_text_is_aligned_and_numbers_are_set_right():
    table = Table("Loaded", ("collection", "rows", "verdict"), [("Carriers", 1200, "passed"), ("Jobs", None, "failed")])
    assert repr(table).splitlines() == [
        "Loaded",
        "collection   rows  verdict",
        "──────────  ─────  ────────",
        "Carriers    1,200  ✓ passed",
        "Jobs            –  ✗ failed",
    ]


def test_cells():
    row = (True, 0.5, 0.0004, 0.0, 1234567, None, "Warning", "passed on")
    assert repr(Table("", tuple("abcdefgh"), [row])).splitlines()[-1].split("  ") == (
        ["yes", "0.50", "0.0004", "0.00", "1,234,567", "–", "! Warning", "passed on"]
    )


def test_an_empty_table_shows_no_rows():
    assert "(no rows)" in repr(Table("T", ("a", "b")))
    assert "no rows" in Table("T", ("a", "b"))._repr_html_()


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{html}</div>")


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.integers() | st.none() | st.floats(),
)
def test_html_is_well_formed_whatever_it_shows(text, number):
    table = Table(text, (text, "n"), [(text, number), (HOSTILE, None)], (text,))
    page = parsed(Page(table, text)._repr_html_())
    assert not list(page.iter("script"))
    assert [td.get("style", "").count("text-align:right") for td in page.iter("td")][1] == (number is not None)


def test_html_needs_nothing_from_elsewhere_and_takes_the_page_s_colours():
    html = Table("T", ("a", "v"), [("x", "failed")])._repr_html_()
    assert not re.search(r"https?:|url\(|<link|<script|class=", html)
    assert not re.search(r"background|(?<!-)color:#(0|1|f)", html)
    assert "✗ failed" in html


@pytest.mark.parametrize(("rows", "more"), [(FOLD, 0), (FOLD + 1, 1), (FOLD + FOLDED + 5, FOLDED + 5)])
def test_long_tables_fold_and_show_how_much(rows, more):
    table = Table("T", ("n",), [(n,) for n in range(rows)])
    html, text = table._repr_html_(), repr(table)
    assert (f"and {more:,} more" in html) == (f"and {more:,} more" in text) == bool(more)
    assert html.count("<td ") == min(rows, FOLD + FOLDED)
    assert len(text.splitlines()) == 3 + min(rows, FOLD) + bool(more)
    parsed(html)


def test_a_dataclass_shows_its_table_not_its_fields():
    @dataclass(frozen=True)
    class Result(Shown):
        secret: str

        def table(self) -> Table:
            return Table("Shown", ("a",), [(1,)])

    @dataclass(frozen=True)
    class Narrower(Result):
        other: str = "kept in"

    for result in (Result("kept in"), Narrower("kept in")):
        assert repr(result).startswith("Shown\n")
        assert "kept in" not in repr(result)


@pytest.mark.slow
def test_a_page_shows_its_parts_in_order():
    class Result(Shown):
        def table(self) -> Table:
            return Table("Second", ("a",), [(1,)])

    page = Page("First & foremost", Result(), counts([("A", 1, 1, 0)]), Page("Last"))
    for text in (page._repr_html_(), repr(page)):
        assert text.index("First") < text.index("Second") < text.index("Rows at the source") < text.index("Last")
    assert "First &amp; foremost" in page._repr_html_()
    assert "data:image/png" in page._repr_html_()


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


def test_progress_outside_a_notebook_is_one_line_at_the_end(clock, capsys):
    with Progress("Load Carriers") as report:
        for done in range(0, 1001, 100):
            report(done, 1000)
            clock.now += 1
        assert capsys.readouterr() == ("", "")
    assert capsys.readouterr() == ("", "✓ Load Carriers: 1,000 in 11 s, 91/s\n")


def test_progress_that_counts_nothing_says_how_long_it_took(clock, capsys):
    with Progress("Compare"):
        clock.now += 2
    assert capsys.readouterr().err == "✓ Compare: 2.0 s\n"


def test_steps_that_are_part_of_another_one_are_quiet(clock, capsys):
    with Progress("Drill"), quiet():
        with Progress("Load") as report:
            report(1, 2)
        display_now(Table("Waiting", ("verdict",), []))
    assert capsys.readouterr() == ("", "✓ Drill: 0.0 s\n")


def test_progress_as_a_callable(clock, capsys):
    report = Progress("Export")
    clock.now += 2
    report(1, 2)
    clock.now += 2
    report(2, 2)
    report(2, 2)
    assert capsys.readouterr().err == "✓ Export: 2 in 4.0 s, 0.2/s\n"


def test_progress_shows_rate_and_time_left(clock):
    report = Progress("Load")
    assert repr(report) == "… Load"
    clock.now += 10
    report(100, 400)
    assert repr(report) == "… Load: 100 of 400 (25%)"
    clock.now += 10
    report(200, 400)
    assert repr(report) == "… Load: 200 of 400 (50%), 5.0/s, 40 s left", "what stood before it began is no speed"
    report(200, 0)
    assert repr(report) == "… Load: 200, 5.0/s"


def test_progress_that_is_stopped_shows_where(clock, capsys):
    def stopped() -> None:
        with Progress("Load") as report:
            report(1, 4)
            clock.now += 1
            raise KeyError("no")

    with pytest.raises(KeyError):
        stopped()
    assert capsys.readouterr().err == "✗ Load: stopped by KeyError; 1 of 4 in 1.0 s\n"


@pytest.fixture
def shown(monkeypatch):
    """What a notebook's kernel would show: a list of (is it an update, text, HTML)."""
    outputs: list[tuple[bool, str, str]] = []

    class Handle:
        def update(self, result) -> None:
            outputs.append((True, repr(result), result._repr_html_()))

    def show(result, display_id=False):
        outputs.append((False, repr(result), result._repr_html_()))
        return Handle() if display_id else None

    monkeypatch.setattr("IPython.display.display", show)
    monkeypatch.setattr(display, "_in_kernel", lambda: True)
    return outputs


def test_progress_in_a_notebook_redraws_one_output_at_most_five_times_a_second(clock, shown, capsys):
    with Progress("Load") as report:
        for done in range(1001):
            report(done, 1000)
            clock.now += 0.01
    assert [update for update, *_ in shown] == [False] + [True] * (len(shown) - 1)
    assert len(shown) <= 2 + 10 * 5 + 1
    assert "width:50%" in " ".join(html for *_, html in shown)
    assert shown[-1][1] == "✓ Load: 1,000 in 10 s, 100/s"
    assert "width:" not in shown[-1][2].replace("overflow", ""), "no bar is left in the saved notebook"
    assert capsys.readouterr() == ("", "")


def test_display_now(shown, capsys, monkeypatch):
    display_now(Table("T", ("a",)))
    assert shown[0][1].startswith("T\n")
    monkeypatch.setattr(display, "_in_kernel", lambda: False)
    display_now(Table("T", ("a",)))
    assert capsys.readouterr().out.startswith("T\n")


def test_a_terminal_is_no_kernel():
    assert InteractiveShell is not None
    assert not display._in_kernel()


def test_mask_never_shows_the_value():
    for value in ("Ann Smith", ["Ann"], {"name": "Ann"}, 555123, 1.5):
        assert "Ann" not in mask(value)
        assert "555" not in mask(value)
    assert mask("") == "empty text"
    assert mask(True) == "a boolean"
    assert mask(None) == "null"
    assert mask(datetime(2026, 1, 21, tzinfo=UTC)) == "a datetime"
