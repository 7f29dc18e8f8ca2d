"""The log of requests: figures, files, and how much of it is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from runbook.request_log import RequestLog, Summary


def lines(path: Path) -> list[str]:
    return [json.loads(line)["what"] for line in path.read_text().splitlines()] if path.exists() else []


def test_the_figures_of_an_empty_log_are_zero() -> None:
    assert RequestLog().summary() == Summary(0, 0, 0, 0, 0, 0)


def test_requests_are_counted_by_outcome_and_ordered_by_duration() -> None:
    log = RequestLog()
    for n in range(100):
        log.add(time.time() - n, 429 if n < 3 else 200, "GET", "x")
    log.add(time.time() - 100, 0, "GET", "x")
    summary = log.summary()
    assert (summary.count, summary.limited, summary.unanswered) == (101, 3, 1)
    seconds = [round(ms / 1000) for ms in (summary.p50, summary.p95, summary.p99)]
    assert seconds == pytest.approx([50, 95, 99], abs=1)


def test_a_row_is_written_once_also_when_it_comes_from_another_log(tmp_path: Path) -> None:
    log, other, path = RequestLog(), RequestLog(), tmp_path / "requests" / "phase.jsonl"
    log.write(path)
    assert not path.exists()
    log.add(time.time(), 200, "GET", "first")
    log.write(path)
    other.add(time.time(), 200, "GET", "second")
    log.extend(other)
    log.write(path)
    log.write(path)
    assert lines(path) == ["first", "second"]
    assert [row.what for row in log.rows(1)] == ["second"]


def test_a_log_with_a_limit_keeps_the_last_rows(tmp_path: Path) -> None:
    log = RequestLog(most=3)
    for n in range(5):
        log.add(time.time(), 200, "GET", str(n))
    assert [row.what for row in log.rows()] == ["0", "1", "2", "3", "4"]
    log.add(time.time(), 200, "GET", "5")
    assert [row.what for row in log.rows()] == ["3", "4", "5"]
