"""Files in cells: fetched from the URLs that are written, or uploaded; served back at URLs that expire."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import mimetypes
import re
import secrets
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.responses import Response

from sandbox import ids
from sandbox.airtable import outward
from sandbox.airtable.errors import bad_attachment, invalid_request
from sandbox.app_state import AppState
from sandbox.web import clean_text

UPLOAD_LIMIT = 5_000_000  # bytes of a file through uploadAttachment [D]

_CHUNK = 500  # ids in one statement: SQLite takes 32,766

_DDL = """
CREATE TABLE IF NOT EXISTS attachment (
    id TEXT PRIMARY KEY, record INTEGER NOT NULL, field TEXT NOT NULL, filename TEXT NOT NULL, source TEXT,
    type TEXT, size INTEGER, width INTEGER, height INTEGER, content BLOB) STRICT;
"""


class Attachments:
    """Every attachment. A cell keeps a list of attachment ids; one that is still being fetched has no size."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._store = state.store
        self._store.script(_DDL)
        key = self._store.setting("attachment_key")
        if key is None:
            key = secrets.token_hex(32)
            self._store.set_setting("attachment_key", key)
        self._key = bytes.fromhex(key)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: list[str] = [
            row[0] for row in self._store.rows("SELECT id FROM attachment WHERE content IS NULL")
        ]
        self.on_failed: Callable[[int, str, str], None] | None = None  # (row number, field id, attachment id)

    # ------------------------------------------------------------------ reading

    def shown(self, stored: list[str], *, whole: bool = True) -> list[dict[str, Any]]:
        """The objects of a cell: `{id, url, filename, size, type, width?, height?, thumbnails?}`."""
        rows = {
            row[0]: row
            for start in range(0, len(stored), _CHUNK)
            for row in self._rows_of(stored[start : start + _CHUNK])
        }
        return [self._show(*rows[element], whole=whole) for element in stored if element in rows]

    def _rows_of(self, stored: list[str]) -> list[Any]:
        marks = ",".join("?" * len(stored))
        return self._store.rows(
            f"SELECT id, filename, type, size, width, height FROM attachment WHERE id IN ({marks})", stored
        )

    def _show(
        self,
        attachment_id: str,
        filename: str,
        kind: str,
        size: int | None,
        width: int | None,
        height: int | None,
        *,
        whole: bool,
    ) -> dict[str, Any]:
        if not whole:
            return {"filename": filename}
        url = self._url(attachment_id, filename)
        shown: dict[str, Any] = {"id": attachment_id, "url": url, "filename": filename}
        if size is not None:
            shown |= {"size": size, "type": kind}
        if width is not None:
            shown |= {"width": width, "height": height}
            # The sandbox does not scale pictures: each thumbnail is the picture itself.
            one_size = {"url": url, "width": width, "height": height}
            shown["thumbnails"] = {"small": one_size, "large": one_size, "full": one_size}
        return shown

    def _url(self, attachment_id: str, filename: str) -> str:
        expires = int(self._state.clock.time() + self._state.settings.attachment_url_seconds)
        mac = self._mac(attachment_id, expires)
        return f"{self._state.base_url}/_sandbox/attachments/{attachment_id}/{expires}/{mac}/{quote(filename, safe='')}"

    def _mac(self, attachment_id: str, expires: int) -> str:
        return hmac.new(self._key, f"{attachment_id}/{expires}".encode(), hashlib.sha256).hexdigest()[:32]

    def serve(self, attachment_id: str, expires: str, mac: str) -> Response:
        """The file behind a URL; 410 once it has expired, 404 for a URL that was never given out."""
        if not re.fullmatch("[0-9]{1,12}", expires) or not hmac.compare_digest(
            mac.encode(), self._mac(attachment_id, int(expires)).encode()
        ):
            return Response("Not found", 404)
        if int(expires) < self._state.clock.time():
            return Response("Gone: this attachment URL has expired", 410)
        row = self._store.row("SELECT content, type FROM attachment WHERE id = ?", (attachment_id,))
        if row is None or row[0] is None:
            return Response("Not found", 404)
        # The uploader named the type: what cannot stand in a header is not sent in one.
        kind = row[1] if row[1].isascii() and row[1].isprintable() else ""
        return Response(row[0], media_type=kind or "application/octet-stream")

    # ------------------------------------------------------------------ writing (inside the caller's transaction)

    def accept(self, record: int, field: str, value: Any, before: list[str]) -> list[str]:
        """The ids a cell keeps for `[{url, filename?} | {id}]`; new URLs are fetched after the commit.

        Raises Refusal 422 INVALID_ATTACHMENT_OBJECT.
        """
        if not isinstance(value, list):
            raise bad_attachment()
        stored: list[str] = []
        for item in value:
            if not isinstance(item, dict):
                raise bad_attachment()
            url, filename = item.get("url"), item.get("filename")
            if item.get("id") in before:
                stored.append(item["id"])
                continue
            if not isinstance(url, str) or not (filename is None or isinstance(filename, str)):
                raise bad_attachment()
            url = clean_text(url)
            named = _name_in(url)
            stored.append(self._add(record, field, clean_text(filename or "") or named, source=url))
        return list(dict.fromkeys(stored))

    def upload(self, record: int, field: str, body: Any) -> str:
        """A file from `{contentType, filename, file: base64}` (line breaks allowed). Raises Refusal 422."""
        if not isinstance(body, dict) or not all(
            isinstance(body.get(key), str) for key in ("contentType", "filename", "file")
        ):
            raise invalid_request()
        try:
            content = base64.b64decode("".join(body["file"].split()), validate=True)
        except (binascii.Error, ValueError):
            raise invalid_request() from None
        if len(content) > UPLOAD_LIMIT:
            raise invalid_request(f"Attachment is larger than {UPLOAD_LIMIT} bytes")
        made = self._add(record, field, clean_text(body["filename"]), source=None)
        self._fill(made, content, clean_text(body["contentType"]))
        return made

    def _add(self, record: int, field: str, filename: str, source: str | None) -> str:
        made = ids.airtable_id("att")
        self._store.execute(
            "INSERT INTO attachment (id, record, field, filename, source) VALUES (?, ?, ?, ?, ?)",
            (made, record, field, filename, source),
        )
        if source is not None:
            self._wanted.append(made)
        return made

    def _fill(self, attachment_id: str, content: bytes, kind: str) -> None:
        width, height = picture_size(content)
        self._store.execute(
            "UPDATE attachment SET content = ?, size = ?, type = ?, width = ?, height = ? WHERE id = ?",
            (content, len(content), kind, width, height, attachment_id),
        )

    # ------------------------------------------------------------------ fetching (after the commit)

    def fetch_wanted(self) -> None:
        """Start fetching what was written by URL; answers do not wait for it, as on the real service."""
        wanted, self._wanted = self._wanted, []
        for element in wanted:
            task = asyncio.get_running_loop().create_task(self._fetch(element))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch(self, attachment_id: str) -> None:
        row = self._store.row("SELECT record, field, filename, source FROM attachment WHERE id = ?", (attachment_id,))
        if row is None:  # its write was rolled back
            return
        record, field, filename, source = row
        try:
            response = await asyncio.to_thread(
                outward.request, "GET", source, loopback=self._state.settings.fetch_loopback
            )
            if response.status != 200:
                raise outward.OutwardError(f"the server answered {response.status}")
        except outward.OutwardError:
            # The real service says nothing either: the cell just no longer holds it.
            with self._store.transaction():
                self._store.execute("DELETE FROM attachment WHERE id = ?", (attachment_id,))
                if self.on_failed is not None:
                    self.on_failed(record, field, attachment_id)
            return
        kind = response.content_type
        if kind == "application/octet-stream":
            kind = mimetypes.guess_type(filename)[0] or kind
        with self._store.transaction():
            self._fill(attachment_id, response.content, kind)


def _name_in(url: str) -> str:
    """A file's name from its URL; `a` where the URL has none. Raises Refusal 422 for what is no web address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise bad_attachment() from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_attachment()
    return unquote(parts.path.rsplit("/", 1)[-1]) or "a"


def picture_size(content: bytes) -> tuple[int | None, int | None]:
    """(width, height) in pixels of a PNG, GIF or JPEG; (None, None) for anything else."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", content[16:24])
        if content.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", content[6:10])
        if content.startswith(b"\xff\xd8"):
            return _jpeg_size(content)
    except struct.error:
        pass
    return None, None


def _jpeg_size(content: bytes) -> tuple[int | None, int | None]:
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker, length = struct.unpack(">xBH", content[at : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None, None
