"""Files that a driver uploads through the provider `uploads`; rows hold their URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lmdr.services.context import Context


class Uploads(Protocol):
    """`context.providers["uploads"]`: stores files."""

    def __call__(self, name: str, data: str, content_type: str) -> str:
        """Store a file, `data` in base64, and give its URL. Raises any exception on failure."""


class UploadFailed(Exception):
    """A file could not be stored; the message holds none of its content."""


def url_of(context: Context, document: Any) -> str | None:
    """The URL of a document: a text is a URL, {data, name, type} is uploaded; None for anything else.

    Raises UploadFailed, also without a provider.
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
    except Exception:  # noqa: BLE001 - a provider's error may contain a part of the file
        raise UploadFailed("Document upload failed") from None
