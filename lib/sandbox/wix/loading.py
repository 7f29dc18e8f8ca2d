"""Loading a site from a folder: `<Collection>.jsonl`, an item a line, and an optional `collections.json`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sandbox.web import BadBody, parse_json
from sandbox.wix.collections import Collection
from sandbox.wix.errors import Refusal
from sandbox.wix.items import read_item_id
from sandbox.wix.params import Params
from sandbox.wix.schema import SYSTEM_KEYS, read_collection
from sandbox.wix.site import Site
from sandbox.wix.values import date_ms, is_date

_EVERYBODY_READS = {"insert": "ADMIN", "update": "ADMIN", "remove": "ADMIN", "read": "ANYONE"}


class SiteError(ValueError):
    """A site's folder cannot be loaded: `<file>, line <n>: <reason>`. Nothing of it was."""


def load_site(site: Site, folder: Path) -> dict[str, int]:
    """Load every collection of a folder, in one transaction; returns items loaded by collection.

    An item keeps its own `_createdDate`, `_updatedDate` and `_owner`: this is a load, not an API write. Arrays of
    ids under a MULTI_REFERENCE key become links, those that point nowhere too. A `/` in a collection's id is `%2F`
    in its file's name. Raises SiteError.
    """
    if not folder.is_dir():
        raise SiteError(f"{folder}: there is no such folder")
    loaded = {}
    with site.store.transaction():
        site.items.begin()
        for body in _described(folder):
            try:
                site.collections.create(body)
            except Refusal as refusal:
                raise SiteError(f"collections.json: {body['id']}: {refusal}") from None
        for path in sorted(folder.glob("*.jsonl")):
            name = unquote(path.stem)
            collection = site.collections.find(name)
            if collection is None:
                try:
                    collection = site.collections.create(_inferred(name, path))
                except Refusal as refusal:
                    raise SiteError(f"{path.name}: {refusal}") from None
            loaded[name] = _load_items(site, collection, path)
    return loaded


def _described(folder: Path) -> list[dict[str, Any]]:
    """The bodies in `collections.json`; none where there is no such file."""
    path = folder / "collections.json"
    if not path.exists():
        return []
    try:
        content = parse_json(path.read_bytes())
    except BadBody as error:
        raise SiteError(f"{path.name}: {str(error).replace('the body', 'the file')}") from None
    entries = content.get("collections") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise SiteError(f'{path.name}: it must be a list of collections, or {{"collections": [...]}}')
    bodies = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise SiteError(f"{path.name}: collections[{number}]: must be an object")
        try:
            body = read_collection(Params({"permissions": _EVERYBODY_READS, **entry}, f"collections[{number}]"))
        except Refusal as refusal:
            raise SiteError(f"{path.name}: {refusal}") from None
        bodies.append(body)
    return bodies


def _items(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = parse_json(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except BadBody as error:
                reason = str(error).replace("the body", "the line")
                raise SiteError(f"{path.name}, line {number}: {reason}") from None
            if not isinstance(item, dict):
                raise SiteError(f"{path.name}, line {number}: an item is an object")
            yield number, item


def _load_items(site: Site, collection: Collection, path: Path) -> int:
    count = 0
    for number, item in _items(path):
        try:
            links = {key: item.pop(key) for key in collection.faces if key in item}
            item["_id"] = read_item_id(item.get("_id"))
            for key in ("_createdDate", "_updatedDate"):
                if item.get(key) is not None and not is_date(item[key]):
                    raise SiteError(f'{key} must be {{"$date": "..."}}')
            if not isinstance(item.get("_owner", ""), str):
                raise SiteError("_owner must be a string")
            site.items.load(collection, item)
            for key, ids in links.items():
                _link(site, collection, key, item["_id"], ids)
        except (Refusal, SiteError) as error:
            raise SiteError(f"{path.name}, line {number}: {error}") from None
        count += 1
    return count


def _link(site: Site, collection: Collection, key: str, item_id: str, ids: Any) -> None:
    """Both faces of a relation may be in the files: the same link twice is one."""
    if ids is None:
        return
    if not isinstance(ids, list) or not all(isinstance(element, str) and element for element in ids):
        raise SiteError(f"{key} is a multi-reference: it must be an array of ids")
    for other in ids:
        site.links.put(collection.faces[key], item_id, other)


def _inferred(name: str, path: Path) -> dict[str, Any]:
    """A collection's body from its items: a field for every key, its type that of the values where they agree."""
    kinds: dict[str, set[str]] = {}
    for _, item in _items(path):
        for key, value in item.items():
            if key not in SYSTEM_KEYS and value is not None:
                kinds.setdefault(key, set()).add(_kind(value))
    fields = [
        {"key": key, "displayName": key, "type": kind.pop() if len(kind) == 1 else "ANY"} for key, kind in kinds.items()
    ]
    params = Params({"id": name, "fields": [], "permissions": _EVERYBODY_READS})
    return {**read_collection(params), "fields": fields}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, (int, float)):
        return "NUMBER"
    if isinstance(value, str):
        return "TEXT"
    if isinstance(value, list):
        return "ARRAY_STRING" if all(isinstance(element, str) for element in value) else "ARRAY"
    return "DATETIME" if _is_good_date(value) else "OBJECT"


def _is_good_date(value: dict[str, Any]) -> bool:
    try:
        return is_date(value) and date_ms(value) is not None
    except Refusal:
        return False
