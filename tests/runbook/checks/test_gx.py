"""Running suites: each trap of Great Expectations has a test that fails without its guard."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from typing import Any

import pandas as pd
import pytest

from runbook.checks import gx as runner
from runbook.checks.gx import Suite, plain_sentence, read_suite, run_suite, sentence
from runbook.errors import CheckNotRun

# Of the standard library, by way of sre_parse; Great Expectations' only warning on import.
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

ROWS = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": {"$PARAMETER": "expected_rows"}}}
FILLED = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}


def check(name: str, severity: str = "critical", /, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{name}", "kwargs": kwargs, "severity": severity}


def suite(*more: dict[str, Any]) -> Suite:
    return Suite("people", "", (ROWS, FILLED, *more))


def frame(**columns: list[Any]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    made = {"id": [f"row-{n}" for n in range(rows)], **columns}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in made.items()})


def run(asked: Suite, data: pd.DataFrame, rows: int | None = None, **more: Any) -> runner.SuiteReport:
    return run_suite(asked, data, key="id", parameters={"expected_rows": len(data) if rows is None else rows, **more})


@pytest.mark.slow
def test_a_sound_frame_passes() -> None:
    report = run(
        suite(check("column_values_to_be_in_set", column="size", value_set=["S", "M"])), frame(size=["S", "M"])
    )
    assert report.passed
    assert report.counts() == {"pass": 3, "warn": 0, "fail": 0, "error": 0}
    assert report.rows == 2
    assert report.fingerprint


def test_columns_that_the_source_does_not_show_are_not_judged() -> None:
    asked = suite(
        check("column_values_to_not_be_null", column="size"),
        check("column_values_to_be_in_set", column="size (allowed)", value_set=[True]),
        check("column_pair_values_to_be_equal", column_A="id", column_B="size"),
        check("compound_columns_to_be_unique", column_list=["id", "size"]),
        check("column_values_to_not_be_null", column="name"),
    )
    data = frame(size=[None, None], name=["a", None], **{"size (allowed)": [None, None]})
    report = run_suite(
        asked,
        data,
        key="id",
        parameters={"expected_rows": 2},
        not_judged=frozenset({"size", "size (allowed)", "never seen"}),
    )
    assert report.counts() == {"pass": 2, "warn": 0, "fail": 1, "error": 0}
    assert report.notes == ("4 checks left out, because the source does not show size, size (allowed)",)


# Trap 1


def test_a_misspelt_type_is_refused_not_dropped() -> None:
    with pytest.raises(CheckNotRun, match=r"suite people, expectation 2 \(expect_column_values_to_not_be_nul\)"):
        run(suite(check("column_values_to_not_be_nul", column="size")), frame(size=["S"]))


def test_a_misspelt_type_is_refused_in_an_empty_collection_too() -> None:
    with pytest.raises(CheckNotRun, match="not_be_nul"):
        run(suite(check("column_values_to_not_be_nul", column="size")), frame(size=[]))


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(CheckNotRun, match="expectation 2"):
        run(suite(check("column_values_to_be_in_set", column="size", values=["S"])), frame(size=["S"]))


def test_a_misspelt_part_of_an_expectation_is_refused() -> None:
    with pytest.raises(CheckNotRun, match="has no severty"):
        run(suite({**check("column_values_to_be_unique", column="size"), "severty": "warning"}), frame(size=["S"]))


# Trap 2


def test_an_empty_suite_is_refused() -> None:
    with pytest.raises(CheckNotRun, match="holds no expectation"):
        run(Suite("people", "", ()), frame(size=["S"]))


@pytest.mark.parametrize(
    ("kept", "message"), [((ROWS,), "that id is filled"), ((FILLED,), "the number of rows")], ids=["rows", "filled"]
)
def test_a_suite_that_guards_nothing_is_refused(kept: tuple[dict[str, Any], ...], message: str) -> None:
    with pytest.raises(CheckNotRun, match=message):
        run(Suite("people", "", kept), frame(size=["S"]))


def test_an_empty_frame_where_rows_are_expected_passes_no_check() -> None:
    report = run(suite(check("column_values_to_be_in_set", column="size", value_set=["S"])), frame(size=[]), rows=3)
    assert not report.passed
    assert [o.verdict for o in report.outcomes] == ["fail", "error", "error"]
    assert report.outcomes[0].observed == 0
    assert report.outcomes[2].why == "there are no rows to look at"


def test_an_empty_collection_is_judged_by_its_table_and_says_so() -> None:
    columns = check("table_columns_to_match_set", column_set=["id", "size"], exact_match=False)
    report = run(suite(columns, check("column_values_to_be_unique", column="size")), frame(size=[]))
    assert report.passed
    assert [o.verdict for o in report.outcomes] == ["pass", "pass"]
    assert report.notes == ("no rows, as expected: 2 checks of columns had nothing to look at",)


def test_an_empty_collection_without_its_columns_fails() -> None:
    columns = check("table_columns_to_match_set", column_set=["id", "colour"], exact_match=False)
    report = run(suite(columns), frame(size=[]))
    assert not report.passed
    assert "missing: colour" in (report.outcomes[1].why or "")
    assert report.outcomes[1].observed is None


def test_a_column_without_any_value_passes_on_nothing_and_says_so() -> None:
    report = run(suite(check("column_values_to_be_in_set", column="size", value_set=["S"])), frame(size=[None, None]))
    assert report.outcomes[2].verdict == "pass"
    assert report.outcomes[2].empty
    assert "1 of them on columns without any value" in repr(report)


# Trap 3


@pytest.mark.parametrize(("severity", "verdict", "passed"), [("warning", "warn", True), ("critical", "fail", False)])
def test_severity_decides(severity: str, verdict: str, passed: bool) -> None:
    report = run(suite(check("column_values_to_be_unique", severity, column="size")), frame(size=["S", "S"]))
    assert (report.outcomes[2].verdict, report.passed) == (verdict, passed)


# Trap 4


def test_a_missing_column_is_an_error_even_of_a_warning() -> None:
    report = run(suite(check("column_values_to_be_unique", "warning", column="gone")), frame(size=["S"]))
    assert report.outcomes[2].verdict == "error"
    assert report.outcomes[2].why == "there is no column 'gone'"
    assert not report.passed


def test_an_exception_in_a_check_is_an_error_and_quotes_no_cell() -> None:
    report = run(
        suite(check("column_values_to_be_between", "warning", column="age", min_value=0)), frame(age=[1, "Ann"])
    )
    assert report.outcomes[2].verdict == "error"
    assert not report.passed
    assert "Ann" not in json.dumps(report.facts())


@pytest.mark.parametrize(
    "info",
    [
        {"raised_exception": True, "exception_message": "no", "exception_traceback": "T\nKeyError: 'Ann'"},
        {
            "MetricID(1)": {
                "raised_exception": True,
                "exception_message": "no",
                "exception_traceback": "KeyError: 'Ann'",
            }
        },
    ],
    ids=["flat", "by metric"],
)
def test_both_shapes_of_an_exception_are_read(info: dict[str, Any]) -> None:
    assert runner._exception(info) == "could not be run: KeyError"


def test_no_exception_is_none() -> None:
    assert runner._exception({"raised_exception": False, "exception_message": None}) is None


def test_a_missing_key_column_is_refused() -> None:
    asked = Suite("people", "", (ROWS, {"type": FILLED["type"], "kwargs": {"column": "Legacy Wix ID"}}))
    with pytest.raises(CheckNotRun, match="no column 'Legacy Wix ID'"):
        run_suite(asked, frame(size=["S"]), key="Legacy Wix ID", parameters={})


# Trap 5


def test_results_are_matched_by_what_they_answer_not_by_order() -> None:
    mixed = [
        check("column_values_to_be_unique", column="b"),
        check("table_columns_to_match_set", column_set=["id", "a", "b"]),
        check("column_values_to_be_unique", column="a"),
        check("column_values_to_be_in_set", column="b", value_set=["x"]),
        check("column_values_to_be_in_set", column="a", value_set=["x"]),
    ]
    report = run(suite(*mixed), frame(a=["x", "x"], b=["x", "y"]))
    assert [o.verdict for o in report.outcomes] == ["pass", "pass", "pass", "pass", "fail", "fail", "pass"]
    assert [(o.type, o.column) for o in report.outcomes[2:]] == [(e["type"], e["kwargs"].get("column")) for e in mixed]


def test_the_same_expectation_twice_gives_two_outcomes() -> None:
    twice = check("column_values_to_be_unique", column="a")
    report = run(suite(twice, dict(twice)), frame(a=["x", "x"]))
    assert [o.verdict for o in report.outcomes[2:]] == ["fail", "fail"]


# Traps 6 and 7


def test_no_value_of_a_cell_is_in_the_evidence() -> None:
    checks = [
        check("column_values_to_be_in_set", column="name", value_set=["nobody"]),
        check("column_values_to_be_unique", "warning", column="name"),
        check("column_values_to_match_regex", column="name", regex="^x"),
        check("column_max_to_be_between", column="age", max_value=1),
        check("column_distinct_values_to_be_in_set", column="name", value_set=["nobody"]),
        check("column_values_to_be_of_type", column="name", type_="int"),
    ]
    report = run(suite(*checks), frame(name=["Ann Lee", "Ann Lee"], age=[717273, 717273]))
    assert {o.verdict for o in report.outcomes[2:]} == {"fail", "warn"}
    shown = json.dumps(report.facts()) + repr(report) + report._repr_html_()
    assert "Ann" not in shown
    assert "717273" not in shown
    assert "row-0" in shown


def test_rows_are_named_by_legacy_id_and_capped() -> None:
    report = run(suite(check("column_values_to_be_in_set", column="n", value_set=["y"])), frame(n=["x"] * 500))
    outcome = report.outcomes[2]
    assert outcome.rows == 500
    assert outcome.ids == tuple(f"row-{n}" for n in range(runner.SHOWN_IDS))


@pytest.mark.slow
def test_a_set_of_many_values_is_not_repeated() -> None:
    values = [f"value-{n}" for n in range(5000)]
    report = run(suite(check("column_values_to_be_in_set", column="n", value_set=values)), frame(n=["x"]))
    assert len(json.dumps(report.facts())) < 2000


# Trap 8


def test_a_failing_key_names_its_rows_too() -> None:
    data = frame(n=["x", "y", "z"])
    data.loc[1, "id"] = "row-0"
    report = run(suite(check("column_values_to_be_unique", column="id")), data)
    assert report.outcomes[2].ids == ("row-0",)
    assert report.outcomes[2].rows == 2


# Trap 9


def test_a_missing_parameter_is_refused() -> None:
    with pytest.raises(CheckNotRun, match=r"expectation 0 \(expect_table_row_count_to_equal\): no value for parameter"):
        run_suite(suite(), frame(size=["S"]), key="id", parameters={})


# Traps 12 and 13


def test_dots_in_names_and_further_keys_do_no_harm() -> None:
    named = {**check("column_values_to_be_unique", column="a"), "meta": {"from": "catalog"}, "notes": "why"}
    report = run(Suite("a.b.c", "", (ROWS, FILLED, named)), frame(a=["x"]))
    assert report.passed
    assert report.suite == "a.b.c"


# Traps 14 and 15


def test_it_is_silent_and_leaves_no_file(
    capfd: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gx").mkdir()
    (tmp_path / "gx" / "great_expectations.yml").write_text("no: context\n")
    runner._batch_definition.cache_clear()
    run(suite(check("column_values_to_be_unique", column="a")), frame(a=["x"] * 2))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
    assert [p.name for p in tmp_path.rglob("*")] == ["gx", "great_expectations.yml"]


# Trap 16


def test_a_bound_that_is_a_day_on_a_column_of_times_is_an_error_not_a_pass() -> None:
    data = frame(at=[None])
    data["at"] = pd.Series(["2025-01-01T00:00:00+00:00"], dtype="datetime64[us, UTC]")
    day = check("column_values_to_be_between", "warning", column="at", min_value="2019-01-01")
    time = check("column_values_to_be_between", "warning", column="at", min_value="2019-01-01T00:00:00+00:00")
    assert [o.verdict for o in run(suite(day, time), data).outcomes[2:]] == ["error", "pass"]


# One context for all


def test_one_context_serves_many_frames_and_remembers_none() -> None:
    asked = suite(check("column_values_to_be_unique", column="a"))
    for _ in range(3):
        assert run(asked, frame(a=["x", "y"])).passed
        assert not run(asked, frame(a=["x", "x"])).passed


def test_threads_do_not_mix_their_frames() -> None:
    asked = suite(check("column_values_to_be_unique", column="a"))
    wrong: list[int] = []

    def work(n: int) -> None:
        data = frame(a=["x", "x" if n % 2 else "y"])
        if run(asked, data).passed != (n % 2 == 0):
            wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.slow
def test_no_frame_is_held_afterwards() -> None:
    data = frame(a=["x", "y"])
    gone = weakref.ref(data)
    run(suite(check("column_values_to_be_unique", column="a")), data)
    del data
    gc.collect()
    assert gone() is None


# Sentences


def test_a_failure_reads_as_a_sentence() -> None:
    report = run(suite(check("column_values_to_be_in_set", column="size", value_set=["S", "M"])), frame(size=["XL"]))
    assert report.outcomes[2].sentence == "size values must belong to this set: S M."


def test_a_description_is_the_sentence() -> None:
    described = {**check("column_values_to_be_unique", column="a"), "description": "No two alike"}
    assert run(suite(described), frame(a=["x", "x"])).outcomes[2].sentence == "No two alike"


def test_without_a_renderer_the_type_is_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import great_expectations.render.renderer.inline_renderer as module

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("changed in a later release")

    monkeypatch.setattr(module, "InlineRenderer", broken)
    assert sentence(object()) is None
    report = run(suite(check("column_values_to_be_unique", column="a")), frame(a=["x", "x"]))
    assert report.outcomes[2].sentence == "a: column values to be unique"
    assert plain_sentence(ROWS) == "table row count to equal"


# Files


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"expectations": [1]}', '{"expectations": [{"kwargs": {}}]}'])
def test_a_file_that_is_no_suite_is_refused(tmp_path: Any, text: str) -> None:
    path = tmp_path / "people_wix.json"
    path.write_text(text)
    with pytest.raises(CheckNotRun, match="people_wix"):
        read_suite(path)


def test_a_missing_file_says_how_to_make_it(tmp_path: Any) -> None:
    with pytest.raises(CheckNotRun, match="runbook suites"):
        read_suite(tmp_path / "people_wix.json")


def test_a_suite_is_named_after_its_file(tmp_path: Any) -> None:
    path = tmp_path / "people_wix.json"
    path.write_text(json.dumps({"description": "People", "expectations": [ROWS]}))
    assert read_suite(path) == Suite("people_wix", "People", (ROWS,))
