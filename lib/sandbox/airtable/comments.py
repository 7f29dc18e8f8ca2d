"""Comments on records, newest first."""

from __future__ import annotations

import re
from typing import Any

from sandbox import ids
from sandbox.airtable.errors import Refusal, bad_offset, invalid_request
from sandbox.airtable.users import Users
from sandbox.app_state import AppState
from sandbox.clock import from_epoch_ms, iso
from sandbox.web import clean_text

_DDL = """
CREATE TABLE IF NOT EXISTS comment (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record INTEGER NOT NULL, author TEXT,
    text TEXT NOT NULL, parent TEXT, created INTEGER NOT NULL, updated INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS comment_record ON comment (record, seq);
"""
_MENTION = re.compile(r"@\[(usr[0-9A-Za-z]{14})\]")
_COLUMNS = "seq, id, author, text, parent, created, updated"


def _missing() -> Refusal:
    return Refusal(404, "MODEL_ID_NOT_FOUND", "Could not find comment")


class Comments:
    """The comments of every record."""

    def __init__(self, state: AppState, users: Users) -> None:
        self._state = state
        self._store = state.store
        self._users = users
        self._store.script(_DDL)

    def count(self, record: int) -> int:
        """How many comments a record has."""
        return int(self._store.rows("SELECT count(*) FROM comment WHERE record = ?", (record,))[0][0])

    def page(self, record: int, size: int, offset: str | None) -> dict[str, Any]:
        """`{"comments": [...], "offset": null | "..."}`, newest first. Raises Refusal 422 for a bad offset."""
        before = 1 << 62
        if offset:
            found = self._store.row("SELECT seq FROM comment WHERE id = ? AND record = ?", (offset, record))
            if found is None:
                raise bad_offset(offset)
            before = found[0] + 1
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM comment WHERE record = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (record, before, size + 1),
        )
        return {
            "comments": [self._show(row) for row in rows[:size]],
            "offset": rows[size][1] if len(rows) > size else None,
        }

    def add(self, record: int, body: Any) -> dict[str, Any]:
        """A new comment from `{text, parentCommentId?}`. Raises Refusal."""
        text = _text(body)
        parent = body.get("parentCommentId")
        if parent is not None:
            if not isinstance(parent, str):
                raise invalid_request()
            parent = clean_text(parent)
            if self._store.row("SELECT 1 FROM comment WHERE id = ? AND record = ?", (parent, record)) is None:
                raise _missing()
        made = ids.airtable_id("com")
        self._store.execute(
            "INSERT INTO comment (id, record, text, parent, created) VALUES (?, ?, ?, ?, ?)",
            (made, record, text, parent, int(self._state.clock.time() * 1000)),
        )
        return self._get(record, made)

    def change(self, record: int, comment_id: str, body: Any) -> dict[str, Any]:
        """A comment's new text. Raises Refusal."""
        self._get(record, comment_id)
        self._store.execute(
            "UPDATE comment SET text = ?, updated = ? WHERE id = ?",
            (_text(body), int(self._state.clock.time() * 1000), comment_id),
        )
        return self._get(record, comment_id)

    def delete(self, record: int, comment_id: str) -> dict[str, Any]:
        """Drop a comment. Raises Refusal."""
        self._get(record, comment_id)
        self._store.execute("DELETE FROM comment WHERE id = ?", (comment_id,))
        return {"id": comment_id, "deleted": True}

    def drop_of(self, record: int) -> None:
        """Drop every comment of a record that is being deleted."""
        self._store.execute("DELETE FROM comment WHERE record = ?", (record,))

    def _get(self, record: int, comment_id: str) -> dict[str, Any]:
        row = self._store.row(f"SELECT {_COLUMNS} FROM comment WHERE id = ? AND record = ?", (comment_id, record))
        if row is None:
            raise _missing()
        return self._show(row)

    def _show(self, row: Any) -> dict[str, Any]:
        _, comment_id, author, text, parent, created, updated = row
        shown: dict[str, Any] = {
            "id": comment_id,
            "author": self._users.get(author),
            "text": text,
            "createdTime": iso(from_epoch_ms(created)),
            "lastUpdatedTime": None if updated is None else iso(from_epoch_ms(updated)),
        }
        if parent is not None:
            shown["parentCommentId"] = parent
        mentioned = {
            user["id"]: {"type": "user", "id": user["id"], "displayName": user["name"], "email": user["email"]}
            for user in (self._users.find(found) for found in _MENTION.findall(text))
            if user is not None
        }
        if mentioned:
            shown["mentioned"] = mentioned
        return shown


def _text(body: Any) -> str:
    if not isinstance(body, dict) or not isinstance(body.get("text"), str) or not body["text"]:
        raise invalid_request()
    return clean_text(body["text"])
