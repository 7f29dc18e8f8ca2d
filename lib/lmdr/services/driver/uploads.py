"""Files that a driver sends: each is kept by the provider `uploads`, where there is one, and known by its URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lmdr.services.context import Context


class Uploads(Protocol):
    """`context.providers["uploads"]`: keeps files."""

    def __call__(self, name: str, data: str, content_type: str) -> str:
        """Keep a file, `data` in base64, and give its URL. Raises what it likes where that cannot be done."""


class UploadFailed(Exception):
    """A file could not be kept; says so without a word of its content."""


def url_of(context: Context, document: Any) -> str | None:
    """The URL of a document: a text is one already, {data, name, type} is kept first; None for anything else.

    Raises UploadFailed, also where nothing keeps files.
    """
    if isinstance(document, str):
        return document or None
    if not isinstance(document, Mapping) or not document.get("data"):
        return None
    upload: Uploads | None = context.providers.get("uploads")
    if upload is None:
        raise UploadFailed("Document upload is not available")
    try:
        return upload(document.get("name") or "document", document["data"], document.get("type") or "image/jpeg")
    except Exception:  # noqa: BLE001 - what a provider says may hold a part of the file
        raise UploadFailed("Document upload failed") from None
