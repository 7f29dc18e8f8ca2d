"""A row's status_history: its earlier statuses, as JSON text."""

from __future__ import annotations

import json
from typing import Any

from lmdr.services.context import Context
from runbook.query.values import stamp


def history_with(context: Context, text: Any, status: str, **more: str) -> str:
    """A status_history with an entry of now; an unreadable one is replaced."""
    entry = {"status": status, "timestamp": stamp(context.now()), **more}
    return json.dumps([*history(text), entry], ensure_ascii=False, separators=(",", ":"))


def history(text: Any) -> list[Any]:
    """The entries of a status_history, the oldest first; [] where it is unreadable."""
    try:
        entries = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return []
    return entries if isinstance(entries, list) else []
