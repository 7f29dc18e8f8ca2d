"""Logs that never raise and hold no secret, traces, and what super admins read of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from admin_kit import ADMIN, SUPER, refuse_all
from lmdr.services.admin.access import AdminError
from lmdr.services.context import Context
from lmdr.services.observability.logs import (
    cleaned,
    end_trace,
    log,
    log_ai_operation,
    log_database,
    log_external_api,
    start_span,
    start_trace,
)
from lmdr.services.observability.reports import (
    get_ai_analytics,
    get_errors,
    get_health_metrics,
    get_log_metadata,
    get_logs,
    get_trace,
)
from platform_kit import NOON, Platform

HOUR, DAY, MS = timedelta(hours=1), timedelta(days=1), timedelta(milliseconds=1)


def lines(platform: Platform, *items: dict[str, Any]) -> None:
    """Lines of the log; `ago`: how long before noon."""
    made = [{"timestamp": NOON - item.pop("ago", timedelta()), "level": "INFO", **item} for item in items]
    platform.records.bulk_insert("SystemLogs", made)


def messages(platform: Platform, **options: Any) -> list[str]:
    return [line["message"] for line in get_logs(platform.context(), SUPER, options)["logs"]]


def test_secrets_are_redacted_at_any_depth() -> None:
    fields = {
        "Authorization": "Bearer s3cret",
        "headers": {"X-API-Key": "s3cret", " cookie ": "s3cret", "accept": "text/html"},
        "pairs": [["Set-Cookie", "s3cret"], ("AUTHORIZATION", "s3cret"), ["accept", "text/html"]],
        "deep": [{"response": {"headers": {"set-cookie": ["s3cret", "s3cret"]}}}],
    }
    stored = cleaned(fields)
    assert "s3cret" not in json.dumps(stored)
    assert (stored["headers"]["accept"], stored["pairs"][2]) == ("text/html", ["accept", "text/html"])
    assert fields["Authorization"] == "Bearer s3cret"


def test_texts_end_after_a_thousand_characters() -> None:
    stored = cleaned({"request": "x" * 1000, "response": ["y" * 1001]})
    assert (len(stored["request"]), len(stored["response"][0])) == (1000, 1000)


def test_values_that_json_cannot_represent_become_their_type() -> None:
    loop: list[Any] = []
    loop.append(loop)
    fields = {
        1: {2},
        "bytes": b"s3cret",
        "nan": float("nan"),
        "when": NOON,
        "naive": datetime(2026, 1, 1),  # noqa: DTZ001
        "loop": loop,
    }
    stored = cleaned(fields)
    assert (stored["1"], stored["bytes"], stored["nan"], stored["when"]) == ([2], "<bytes>", "NaN", NOON)
    assert stored["naive"] == "2026-01-01T00:00:00"
    assert "<list>" in json.dumps(stored["loop"])


@pytest.mark.parametrize(
    ("level", "number"), [("DEBUG", 0), ("INFO", 1), ("WARN", 2), ("ERROR", 3), ("CRITICAL", 4), ("NOTICE", 1)]
)
def test_a_line_and_its_level(platform: Platform, level: str, number: int) -> None:
    answer = log(platform.context(), {"level": level, "source": "test", "message": "Hi", "traceId": "tr_1"})
    [row] = platform.rows("SystemLogs")
    assert (row["level"], row["levelNum"], row["timestamp"], row["traceId"]) == (level, number, NOON, "tr_1")
    assert answer == {"success": True, "traceId": "tr_1", "spanId": row["spanId"]}
    errors = platform.rows("SystemErrors")
    assert [error["message"] for error in errors] == (["Hi"] if level in ("ERROR", "CRITICAL") else [])


def test_defaults_of_a_line(platform: Platform) -> None:
    log(platform.context(new_id=iter(("a", "b")).__next__), {})
    [row] = platform.rows("SystemLogs")
    assert (row["level"], row["levelNum"], row["source"], row["message"]) == ("INFO", 1, "unknown", "")
    assert (row["traceId"], row["spanId"], row["details"], row["tags"]) == ("tr_a", "sp_b", {}, [])
    assert (row["parentSpanId"], row["userId"], row["sessionId"], row["duration"]) == (None,) * 4


def test_a_line_has_its_given_fields(platform: Platform) -> None:
    entry = {
        "level": "warn", "source": "fmcsa", "message": "Ünïcode 🚚\n\"quoted\"", "details": {"dot": 7, "at": NOON},
        "spanId": "sp_1", "parentSpanId": "sp_0", "userId": "m", "sessionId": "s", "duration": 12.5, "tags": ["a", "b"],
    }  # fmt: skip
    assert log(platform.context(), entry)["success"]
    [row] = platform.rows("SystemLogs")
    assert row.items() >= {**entry, "level": "WARN"}.items()


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "text",
        [],
        {"level": object(), "message": object(), "details": object(), "tags": 7, "duration": float("nan")},
        {"details": {"$date": "soon"}, "message": "\ud800"},
    ],
)
def test_a_log_never_raises(platform: Platform, entry: Any) -> None:
    for function in (log, log_ai_operation, log_external_api, log_database, start_trace):
        assert function(platform.context(), entry)["success"] in (True, False)
    assert end_trace(platform.context(), entry) == {"success": False}
    assert start_span(platform.context(), entry, entry) == {"success": False}


def test_a_log_never_raises_without_a_platform() -> None:
    class Down:
        def __getattr__(self, name: str) -> Any:
            raise OSError("no data")

    assert log(Context(Down()), {"level": "ERROR"}) == {"success": False}  # type: ignore[arg-type]


def test_a_call_of_a_model(platform: Platform) -> None:
    fields = {"provider": "groq", "model": "llama", "operation": "ocr", "tokens": 9, "duration": 80, "traceId": "tr_1"}
    log_ai_operation(platform.context(), {**fields, "prompt": "p" * 2000, "apiKey": "s3cret"})
    log_ai_operation(platform.context(), {**fields, "error": "timeout"})
    first, second = sorted(platform.rows("SystemLogs"), key=lambda row: row["levelNum"])
    assert (first["level"], first["message"], first["tags"], first["duration"]) == (
        "INFO", "AI ocr: groq llama", ["ai", "groq"], 80,
    )  # fmt: skip
    assert (first["traceId"], len(first["details"]["prompt"]), "apiKey" in first["details"]) == ("tr_1", 1000, False)
    assert (second["level"], second["details"]["error"]) == ("ERROR", "timeout")


@pytest.mark.parametrize(
    ("call", "level"),
    [
        ({"status": 200}, "INFO"),
        ({"status": 399}, "INFO"),
        ({"status": 400}, "ERROR"),
        ({"status": "503"}, "ERROR"),
        ({"error": "timeout"}, "ERROR"),
        ({}, "INFO"),
    ],
)
def test_a_call_of_an_api(platform: Platform, call: dict[str, Any], level: str) -> None:
    url = "https://api.example.com/carriers/7?webKey=s3cret"
    log_external_api(platform.context(), {"url": url, "headers": {"Authorization": "s3cret"}, **call})
    [row] = platform.rows("SystemLogs")
    assert (row["level"], row["tags"], row["details"]["url"]) == (
        level, ["external_api"], "https://api.example.com/carriers/7",
    )  # fmt: skip
    assert "s3cret" not in json.dumps(row, default=str)


def test_an_operation_of_the_database_is_level_0(platform: Platform) -> None:
    log_database(platform.context(), {"operation": "insert", "collection": "Carriers", "count": 3, "error": "no"})
    [row] = platform.rows("SystemLogs")
    assert (row["level"], row["levelNum"], row["message"]) == ("DEBUG", 0, "insert Carriers")
    assert row["details"] == {"operation": "insert", "collection": "Carriers", "count": 3, "error": "no"}


def test_a_trace_with_its_spans_and_lines(platform: Platform) -> None:
    trace_id = start_trace(platform.context(), "match", {"authorization": "s3cret"})["traceId"]
    span = start_span(platform.context(), trace_id, "query")["spanId"]
    inner = start_span(platform.context(), trace_id, "score", span)["spanId"]
    log(platform.context(), {"message": "second", "traceId": trace_id, "spanId": inner})
    lines(platform, {"message": "first", "traceId": trace_id, "ago": HOUR}, {"message": "other", "traceId": "tr_x"})
    platform.at(NOON + timedelta(milliseconds=250))
    assert end_trace(platform.context(), trace_id, "error", {"rows": 3}) == {"success": True, "duration": 250}
    found = get_trace(platform.context(), SUPER, trace_id)
    trace = found["trace"]
    assert (trace["status"], trace["duration"], trace["summary"]) == ("error", 250, {"rows": 3})
    assert trace["metadata"] == {"authorization": "[REDACTED]"}
    assert [(span["name"], span["parentSpanId"]) for span in trace["spans"]] == [("query", None), ("score", span)]
    assert [line["message"] for line in found["logs"]] == ["first", "second"]
    assert get_trace(platform.context(), SUPER, "tr_x")["trace"] is None
    with pytest.raises(AdminError, match="Trace not found"):
        get_trace(platform.context(), SUPER, "tr_none")


def test_logs_are_for_super_admins(platform: Platform) -> None:
    refuse_all(
        platform,
        (
            get_logs, get_errors, get_health_metrics, get_ai_analytics, get_log_metadata,
            lambda context, caller: get_trace(context, caller, "tr_1"),
        ),
        ADMIN,
    )  # fmt: skip


def test_filters_of_the_logs(platform: Platform) -> None:
    lines(
        platform,
        {"message": "Debug", "level": "DEBUG", "levelNum": 0, "tags": ["db"]},
        {"message": "Info", "levelNum": 1, "source": "a", "ago": HOUR},
        {"message": "Warn", "level": "WARN", "levelNum": 2, "tags": ["ai", "groq"], "traceId": "tr_1", "ago": DAY},
    )
    assert messages(platform) == ["Debug", "Info", "Warn"]
    assert messages(platform, level="DEBUG") == ["Debug"]
    assert messages(platform, minLevel="INFO") == messages(platform, minLevel=1) == ["Info", "Warn"]
    assert messages(platform, minLevel="DEBUG", source="a") == ["Info"]
    assert messages(platform, traceId="tr_1") == messages(platform, dateTo="2026-01-20") == ["Warn"]
    assert messages(platform, search="wAr") == ["Warn"]
    assert messages(platform, tags=["db", "ai"]) == ["Debug", "Warn"]
    assert messages(platform, tags="groq") == ["Warn"]
    assert messages(platform, limit=1, skip=1) == ["Info"]
    assert messages(platform, limit="many", skip=-1, minLevel="NOTICE") == ["Debug", "Info", "Warn"]
    page = get_logs(platform.context(), SUPER, {"limit": 2})
    assert (page["totalCount"], page["hasMore"]) == (3, True)


def test_a_hundred_lines_at_the_most(platform: Platform) -> None:
    lines(platform, *({"message": str(n)} for n in range(101)))
    assert [len(messages(platform, **options)) for options in ({}, {"limit": 100}, {"limit": 1000})] == [50, 100, 100]


def test_errors_of_a_period(platform: Platform) -> None:
    for ago, source in ((timedelta(), "a"), (DAY, "b"), (DAY + MS, "a")):
        platform.put("SystemErrors", timestamp=NOON - ago, source=source, message=source)
    found = get_errors(platform.context(), SUPER)
    assert ([error["source"] for error in found["errors"]], found["totalCount"]) == (["a", "b"], 2)
    assert get_errors(platform.context(), SUPER, "week")["bySource"] == {"a": 2, "b": 1}
    assert get_errors(platform.context(), SUPER, "hour")["totalCount"] == 1


@pytest.mark.parametrize(
    ("errors", "total", "rate", "status"),
    [
        (0, 0, 0, "healthy"),
        (1, 20, 5, "healthy"),
        (1, 19, 5.26, "warning"),
        (1, 10, 10, "warning"),
        (1, 9, 11.11, "critical"),
    ],
)
def test_health_depends_on_the_error_rate(
    platform: Platform, errors: int, total: int, rate: float, status: str
) -> None:
    lines(platform, *({"level": "CRITICAL" if n < errors else "INFO"} for n in range(total)))
    if total:
        lines(platform, {"level": "ERROR", "ago": DAY + MS})
    found = get_health_metrics(platform.context(), SUPER)
    assert (found["total"], found["errors"], found["errorRate"], found["status"]) == (total, errors, rate, status)
    assert found["byLevel"]["INFO"] == total - errors


def test_ai_analytics_by_provider(platform: Platform) -> None:
    lines(
        platform,
        {"tags": ["ai"], "details": {"provider": "groq", "tokens": 10, "cost": 0.25}, "duration": 100},
        {"tags": ["ai"], "details": {"provider": "groq", "tokens": "?"}, "duration": 201, "level": "ERROR"},
        {"tags": ["x", "ai"], "details": "text"},
        {"tags": ["db"], "details": {"provider": "groq"}},
        {"tags": ["ai"], "ago": DAY + MS},
    )
    found = get_ai_analytics(platform.context(), SUPER)
    assert (found["total"], found["errors"], found["errorRate"]) == (3, 1, 33.33)
    assert found["byProvider"] == {
        "groq": {"calls": 2, "errors": 1, "tokens": 10, "cost": 0.25, "avgDuration": 151},
        "unknown": {"calls": 1, "errors": 0, "tokens": 0, "cost": 0, "avgDuration": 0},
    }


def test_metadata_for_searching_logs(platform: Platform) -> None:
    lines(platform, {"source": "b", "tags": ["x", "a"]}, {"source": "a", "tags": ["a"]}, {})
    found = get_log_metadata(platform.context(), SUPER)
    assert (found["sources"], found["tags"]) == (["a", "b"], ["a", "x"])
    assert found["levels"] == ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]
    assert found["retentionDays"] == {"DEBUG": 1, "INFO": 7, "WARN": 14, "ERROR": 30, "CRITICAL": 90}
