"""Full-text search over the strings of items."""

from __future__ import annotations

import re
from typing import Any

from sandbox.wix.errors import bad_argument
from sandbox.wix.queries import filter_of, query_response
from sandbox.wix.site import Call
from sandbox.wix.values import dump_text

_WORD = re.compile(r"\w+")
MAX_FOUND = 10_000
"""Items a search goes through at most; more must be narrowed by the filter [ASSUME]."""


async def search(call: Call) -> Any:
    """`{dataItems, pagingMetadata}` of the items whose text has the expression's words.

    The service's own ranking is not published. Here a word is found where a word of the item begins with it, with
    `fuzzy` also where one letter differs; `mode` OR (default) asks for one of the words, AND for all.
    """
    collection = call.open("read", "FIND")
    params = call.params.part("search")
    if params.part("cursorPaging").text_or("cursor"):
        return await query_response(call, collection, params)  # the cursor holds what was found
    expression = params.part("search")
    words = _WORD.findall(expression.text("expression").lower())[:20]
    everything = expression.choice("mode", ("OR", "AND")) == "AND"
    fuzzy = expression.flag("fuzzy")
    keys = expression.texts("fields")
    compiled = filter_of(call, collection, params.raw("filter"))
    found: list[str] = []
    async for row, item in call.snapshot(collection).scan(compiled):
        texts = _texts([item.get(key) for key in keys] if keys else list(item.values()))
        present = set(_WORD.findall(" ".join(texts).lower()))
        hits = [any(_alike(word, other, fuzzy) for other in present) for word in words]
        if hits and (all(hits) if everything else any(hits)):
            found.append(row[1])
        if len(found) > MAX_FOUND:
            raise bad_argument("The search matches too many items; narrow it with a filter.")
    params.parts = {**params.parts, "filter": {"_id": {"$in": found}}}
    if len(dump_text(found)) > 1_000_000 and "cursorPaging" in params:
        raise bad_argument("The search matches too many items for cursor paging; narrow it with a filter.")
    return await query_response(call, collection, params)


def _texts(values: list[Any]) -> list[str]:
    found = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, (list, dict)):
            found += _texts(list(value.values()) if isinstance(value, dict) else value)
    return found


def _alike(word: str, other: str, fuzzy: bool) -> bool:
    if other.startswith(word):
        return True
    return fuzzy and len(word) > 3 and abs(len(word) - len(other)) <= 1 and _one_edit(word, other)


def _one_edit(word: str, other: str) -> bool:
    """Whether one letter changed, added or left out makes `other` of `word`."""
    if len(word) > len(other):
        word, other = other, word
    start = next((at for at, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), len(word))
    same_length = len(word) == len(other)
    return word[start + same_length :] == other[start + 1 :]
