"""Runs a suite on a frame with Great Expectations, and makes sure that every expectation was really evaluated.

    suite = read_suite(Path("expectations/carriers_airtable.json"))
    report = run_suite(suite, frame, key="Legacy Wix ID", parameters={"expected_rows": 1202})
    report.passed       # no critical check failed, and every check could be run

By itself Great Expectations passes what it should not: it drops a misspelt expectation, succeeds on an empty suite and
on an empty frame, and copies offending values into its results. Each guard below names its trap.
"""

from __future__ import annotations

import json
import re
import string
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.checks.report import KIND_OF, KINDS, Outcome, SuiteReport, Verdict
from runbook.display import plural
from runbook.errors import CheckNotRun

if TYPE_CHECKING:
    import pandas as pd

SHOWN_IDS = 20  # rows a failing check names
_SHOWN_SET = 12  # values of a set that a result repeats; the suite has them all

ROW_COUNT = "expect_table_row_count_to_equal"
NOT_NULL = "expect_column_values_to_not_be_null"
_TABLE_CHECKS = "expect_table_"


@dataclass(frozen=True)
class Suite:
    """A suite as its file has it: plain expectations, `{"type", "kwargs", "severity"?, "description"?, "meta"?}`."""

    name: str
    description: str
    expectations: tuple[dict[str, Any], ...]


def read_suite(path: Path) -> Suite:
    """The suite in a file, named after the file. Raises CheckNotRun where the file is not a suite."""
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
        expectations = tuple(payload["expectations"])
        if not all(isinstance(e, dict) and isinstance(e.get("type"), str) for e in expectations):
            raise ValueError("each expectation must be an object with a type")
    except FileNotFoundError:
        raise CheckNotRun(f"{path}: no such suite; `runbook suites` writes it from the catalog") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckNotRun(f'{path}: not a suite, {{"expectations": […]}}: {error}') from None
    return Suite(path.stem, str(payload.get("description", "")), expectations)


def run_suite(
    suite: Suite,
    frame: pd.DataFrame,
    *,
    key: str,
    parameters: Mapping[str, Any],
    not_judged: frozenset[str] = frozenset(),
) -> SuiteReport:
    """Run every expectation of a suite. `key`: the column that names rows, the legacy id.

    `not_judged`: columns that the frame's source does not show; what is expected of them is left out, and a note says
    so. `parameters` fills `{"$PARAMETER": name}`. Of an empty frame, where `expected_rows` is 0, only the table checks
    are run. Raises CheckNotRun for a suite that is empty, misspelt or guards nothing, and for a missing parameter.
    """
    began = time.perf_counter()
    _refuse(suite, frame, key, parameters)
    asked, notes, outcomes = list(enumerate(suite.expectations)), [], []
    for n, e in asked:
        _build(suite, n, e)
    left_out = [(n, e) for n, e in asked if not_judged.intersection(_columns_of(e))]
    if left_out:
        asked = [(n, e) for n, e in asked if (n, e) not in left_out]
        columns = ", ".join(sorted({c for _, e in left_out for c in _columns_of(e) if c in not_judged}))
        notes.append(f"{plural(len(left_out), 'check')} left out, because the source does not show {columns}")
    if frame.empty:
        column_checks = [(n, e) for n, e in asked if not e["type"].startswith(_TABLE_CHECKS)]
        asked = [(n, e) for n, e in asked if e["type"].startswith(_TABLE_CHECKS)]
        if parameters.get("expected_rows") == 0:
            notes.append(f"no rows, as expected: {len(column_checks)} checks of columns had nothing to look at")
        else:  # trap: an empty frame passes every check of a column
            outcomes += [_outcome(n, e, "error", why="there are no rows to look at") for n, e in column_checks]
    lacking = {n: column for n, e in asked if (column := _lacking(e, frame)) is not None}
    outcomes += [_outcome(n, e, "error", why=f"there is no column {lacking[n]!r}") for n, e in asked if n in lacking]
    asked = [(n, e) for n, e in asked if n not in lacking]
    with _lock:
        results, fingerprint = _validate(suite, asked, frame, key, parameters)
    filled = {column for column in frame.columns if frame[column].notna().any()}
    outcomes += [_judge(n, e, results[n], key, filled) for n, e in asked]
    outcomes.sort(key=lambda o: o.index)
    seconds = time.perf_counter() - began
    return SuiteReport(suite.name, len(frame), tuple(outcomes), tuple(notes), seconds, fingerprint)


def _refuse(suite: Suite, frame: pd.DataFrame, key: str, parameters: Mapping[str, Any]) -> None:
    if not suite.expectations:
        raise CheckNotRun(f"suite {suite.name} holds no expectation; Great Expectations would call that a success")
    asked = {(e["type"], (e.get("kwargs") or {}).get("column")) for e in suite.expectations}
    for wanted, column, what in ((ROW_COUNT, None, "the number of rows"), (NOT_NULL, key, f"that {key} is filled")):
        if (wanted, column) not in asked:
            raise CheckNotRun(
                f"suite {suite.name} does not check {what} ({wanted}): it would pass on a frame that lost everything"
            )
    if key not in frame.columns:
        raise CheckNotRun(f"suite {suite.name}: the frame has no column {key!r} to name its rows by")
    for n, e in enumerate(suite.expectations):
        for name in _parameters_of(e.get("kwargs")):
            if name not in parameters:
                raise CheckNotRun(f"suite {suite.name}, expectation {n} ({e['type']}): no value for parameter {name!r}")


def _lacking(expectation: dict[str, Any], frame: pd.DataFrame) -> str | None:
    """A column that an expectation is about and the frame does not have: its exceptions name anything but that."""
    if expectation["type"] == "expect_column_to_exist":
        return None
    return next((c for c in _columns_of(expectation) if c not in frame.columns), None)


def _columns_of(expectation: dict[str, Any]) -> list[str]:
    """The columns whose values an expectation is about."""
    kwargs = expectation.get("kwargs") or {}
    named = [kwargs.get(name) for name in ("column", "column_A", "column_B")] + list(kwargs.get("column_list") or [])
    return [column for column in named if isinstance(column, str)]


def _parameters_of(kwargs: Any) -> Iterable[str]:
    if isinstance(kwargs, dict):
        if "$PARAMETER" in kwargs:
            yield kwargs["$PARAMETER"]
        for value in kwargs.values():
            yield from _parameters_of(value)


_lock = threading.Lock()  # all suites share one context and one asset


@cache
def _batch_definition() -> Any:
    # Inside the function: the import takes 2.6 s and 150 MB (2,188 modules), more than 80 suites of a small site.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # Without a mode it would go looking for a gx/ folder up the tree, or for a cloud account.
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(
    suite: Suite, asked: list[tuple[int, dict[str, Any]]], frame: pd.DataFrame, key: str, parameters: Mapping[str, Any]
) -> tuple[dict[int, Any], str | None]:
    """Great Expectations' result for each expectation by its number in the suite."""
    definition = _batch_definition()
    batch = definition.get_batch({"dataframe": frame})
    try:
        return _results(suite, asked, batch, key, parameters)
    finally:  # it would keep the frame in memory until the next one
        kept = definition.data_asset.datasource.get_execution_engine().batch_manager
        kept.reset_batch_cache()
        kept.batch_data_cache.clear()


def _results(
    suite: Suite, asked: list[tuple[int, dict[str, Any]]], batch: Any, key: str, parameters: Mapping[str, Any]
) -> tuple[dict[int, Any], str | None]:
    results, fingerprint = _pass(suite, asked, batch, parameters, {"result_format": "BOOLEAN_ONLY"})
    # Twice as fast as counting at once: only what did not pass is looked at again, for its rows.
    again = [(n, e) for n, e in asked if not results[n].success]
    if again:
        shape = {
            "result_format": "SUMMARY",
            "unexpected_index_column_names": [key],
            "partial_unexpected_count": SHOWN_IDS,
        }
        results |= _pass(suite, again, batch, parameters, shape)[0]
    return results, fingerprint


def _pass(
    suite: Suite,
    asked: list[tuple[int, dict[str, Any]]],
    batch: Any,
    parameters: Mapping[str, Any],
    result_format: dict[str, Any],
) -> tuple[dict[int, Any], str | None]:
    import great_expectations as gx

    # A number of ours in each: results come back grouped by column, not in the suite's order.
    expectations = [_build(suite, n, e) for n, e in asked]
    # No ids in its expectations, and the constructor alone: adding one needs an active context.
    gx_suite = gx.ExpectationSuite(name=suite.name, expectations=expectations)
    validated = batch.validate(gx_suite, expectation_parameters=dict(parameters), result_format=result_format)
    results = {r.expectation_config.meta["number"]: r for r in validated.results}
    if len(validated.results) != len(asked) or results.keys() != {n for n, _ in asked}:
        lost = sorted({n for n, _ in asked} - results.keys())
        raise CheckNotRun(f"suite {suite.name}: no result came for expectations {lost}")
    return results, validated.meta.get("batch_markers", {}).get("pandas_data_fingerprint")


def _build(suite: Suite, n: int, expectation: dict[str, Any]) -> Any:
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    wanted = {k: v for k, v in expectation.items() if k in ("type", "kwargs", "severity")}
    where = f"suite {suite.name}, expectation {n} ({expectation['type']})"
    unknown = sorted(expectation.keys() - {"type", "kwargs", "severity", "description", "notes", "meta"})
    if unknown:
        raise CheckNotRun(f"{where}: an expectation has no {', '.join(unknown)}")
    try:
        # By itself a suite logs a type it does not know, drops it, and passes.
        built = ExpectationConfiguration(**wanted, meta={"number": n}).to_domain_obj()
    except GreatExpectationsError as error:
        raise CheckNotRun(f"{where}: Great Expectations does not know it: {_short(error)}") from None
    except (ValueError, TypeError) as error:
        raise CheckNotRun(f"{where}: its kwargs are not right: {_short(error)}") from None
    return built


def _judge(n: int, expectation: dict[str, Any], result: Any, key: str, filled: set[str]) -> Outcome:
    column = expectation.get("kwargs", {}).get("column")
    if result.success:
        empty = column is not None and column not in filled
        return _outcome(n, expectation, "pass", empty=empty)
    why = _exception(result.exception_info)
    if why is not None:
        return _outcome(n, expectation, "error", why=why)
    details = result.result or {}
    listed = details.get("partial_unexpected_index_list") or []
    ids = tuple(dict.fromkeys(str(entry.get(key)) for entry in listed))
    of_table = expectation["type"].startswith(_TABLE_CHECKS)  # what is observed of a column may be a cell's value
    observed = details.get("observed_value") if of_table else None
    mismatched = ((details.get("details") or {}).get("mismatched") or {}) if of_table else {}
    if not expectation["kwargs"].get("exact_match", True):
        mismatched.pop("unexpected", None)  # it is told of them all the same
    columns = "; ".join(f"{how}: {', '.join(names)}" for how, names in mismatched.items() if isinstance(names, list))
    return _outcome(
        n,
        expectation,
        "fail" if _severity(expectation) == "critical" else "warn",
        rows=details.get("unexpected_count"),
        ids=ids,
        observed=observed if isinstance(observed, int) else None,
        why=columns or None,
        result=result,
    )


def _outcome(n: int, expectation: dict[str, Any], verdict: Verdict, *, result: Any = None, **more: Any) -> Outcome:
    kwargs = expectation.get("kwargs", {})
    kind = (expectation.get("meta") or {}).get("kind") or KIND_OF.get(expectation["type"], "other")
    described = expectation.get("description") or (sentence(result.expectation_config) if result is not None else None)
    return Outcome(
        index=n,
        type=expectation["type"],
        column=kwargs.get("column"),
        kind=kind if kind in KINDS else "other",
        severity=_severity(expectation),
        verdict=verdict,
        sentence=described or plain_sentence(expectation),
        **more,
    )


def _severity(expectation: dict[str, Any]) -> str:
    return str(expectation.get("severity") or "critical")


def _exception(info: Any) -> str | None:
    """The kind of an exception; None where there was none. `info` describes one, or one for each metric that failed."""
    if not isinstance(info, dict):
        return None
    infos = [info] if "raised_exception" in info else [e for e in info.values() if isinstance(e, dict)]
    raised = [e for e in infos if e.get("raised_exception")]
    if not raised:
        return None
    # Not its message, which may quote a cell ("could not convert string to float: …").
    trace = str(raised[0].get("exception_traceback") or "").strip().rsplit("\n", 1)[-1]
    kind = re.match(r"[\w.]+(?=:|$)", trace)
    return f"could not be run: {kind.group(0).rsplit('.', 1)[-1] if kind else 'an exception'}"


def sentence(config: Any) -> str | None:
    """Great Expectations' sentence for an expectation, from its renderer (not a public API); None where it has none."""
    try:
        from great_expectations.render.renderer.inline_renderer import InlineRenderer

        rendered = InlineRenderer(render_object=config).get_rendered_content()[0].value
        params = rendered.params or {}
        values = {
            name: ", ".join(map(str, value[:_SHOWN_SET])) if isinstance(value, list | tuple) else value
            for name, value in ((k, p.get("value") if isinstance(p, dict) else p) for k, p in params.items())
        }
        filled = string.Template(rendered.template or "").safe_substitute(values)
    except Exception:  # noqa: BLE001  (any release may change it, and the sentence is not essential)
        return None
    text = " ".join(filled.split())
    if not text:
        return None
    return text if len(text) <= 300 else f"{text[:299]}…"


def plain_sentence(expectation: dict[str, Any]) -> str:
    """The type of an expectation and its column, for where there is no better sentence."""
    words = expectation["type"].removeprefix("expect_").replace("_", " ")
    column = expectation.get("kwargs", {}).get("column")
    return f"{column}: {words}" if column else words


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
