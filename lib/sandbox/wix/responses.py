"""The bodies of answers that hold many items: written item by item, so that a large one holds nobody up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.wix.errors import WixError
from sandbox.wix.time_slice import TimeSlice
from sandbox.wix.values import dump_text

MAX_CHARACTERS = 64_000_000
"""How much text one answer may hold before it is refused (WDE0180) [ASSUME]."""


def envelope(item: dict[str, Any], collection: str) -> dict[str, Any]:
    """An item as the API answers it."""
    return {"id": item["_id"], "dataCollectionId": collection, "data": item}


def too_long() -> WixError:
    """400 WDE0180."""
    return WixError("WDE0180", "Response payload is too large.")


async def dump_each(values: Iterable[Any]) -> list[str]:
    """Each value as JSON text. Raises WDE0180, WDE0028 after 5 seconds."""
    time_slice = TimeSlice()
    room = MAX_CHARACTERS
    texts = []
    for value in values:
        text = dump_text(value)
        room -= len(text)
        if room < 0:
            raise too_long()
        texts.append(text)
        if time_slice.over():
            await time_slice.rest()
    return texts


def join_response(name: str, texts: list[str], metadata: dict[str, Any]) -> bytes:
    """`{<name>: [...], "pagingMetadata": {...}}` of texts that are JSON already. Raises WDE0180."""
    if sum(map(len, texts)) > MAX_CHARACTERS:
        raise too_long()
    body = f'{{"{name}":[{",".join(texts)}],"pagingMetadata":{dump_text(metadata)}}}'
    return body.encode("utf-8", "replace")
