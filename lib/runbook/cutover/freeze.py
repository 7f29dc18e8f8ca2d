"""Freeze and unfreeze: let only admins write to collections, and give them their former permissions back.

Wix has no read-only switch. ADMIN for insert, update and remove stops visitors and members, but not the dashboard,
other API keys, or backend code that suppresses permissions. Both functions write to Wix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runbook.errors import WixError
from runbook.wix.client import DATA, WixClient

Permissions = dict[str, str]
"""`{"insert": "ANYONE", "update": …, "remove": …, "read": …}`, as in Wix."""

WRITES = ("insert", "update", "remove")
_TRIES = 3
_PERMISSION = '"Manage Data Collections"'


def freeze(
    client: WixClient, collections: Iterable[str], *, remember: Callable[[str, Permissions], None] | None = None
) -> dict[str, Permissions]:
    """Close collections (by Wix name) to writes; returns the former permissions of those that changed.

    Collections that are already frozen are left unchanged and not returned. `remember` gets the permissions of each
    collection before they change, so that a caller who stores them can unfreeze after a crash. Verified by reading
    back. Raises WixError, which lists the collections that are frozen.
    """
    former: dict[str, Permissions] = {}
    names = list(collections)
    for done, name in enumerate(names):
        with _Progress("freeze", names, done):
            before = permissions(client, name)
            closed = {**before, **dict.fromkeys(WRITES, "ADMIN")}
            if closed == before:
                continue
            if remember is not None:
                remember(name, before)
            former[name] = before
            _set(client, name, closed)
    return former


def unfreeze(client: WixClient, former: Mapping[str, Permissions]) -> tuple[str, ...]:
    """Restore permissions; returns the collections that changed. Verified by reading back.

    Raises WixError, which lists the collections that are restored.
    """
    changed = []
    names = list(former)
    for done, name in enumerate(names):
        with _Progress("unfreeze", names, done):
            before = permissions(client, name)
            wanted = {**before, **former[name]}
            if wanted != before:
                _set(client, name, wanted)
                changed.append(name)
    return tuple(changed)


def permissions(client: WixClient, collection: str) -> Permissions:
    """Who may insert, update, remove and read. Raises WixError."""
    return _permissions(client.collection(collection))


def open_ones(client: WixClient, collections: Iterable[str]) -> dict[str, Permissions]:
    """The permissions of those collections that are not closed to writes. Raises WixError."""
    found = {name: permissions(client, name) for name in collections}
    return {name: roles for name, roles in found.items() if any(roles.get(action) != "ADMIN" for action in WRITES)}


def frozen(client: WixClient, collections: Iterable[str]) -> dict[str, bool]:
    """Whether only admins may write, by collection. Raises WixError."""
    found = {name: permissions(client, name) for name in collections}
    return {name: all(roles.get(action) == "ADMIN" for action in WRITES) for name, roles in found.items()}


def _set(client: WixClient, name: str, wanted: Permissions) -> None:
    """Update the permissions of a collection, and check that its fields did not change."""
    refused: WixError | None = None
    for _ in range(_TRIES):
        before = client.collection(name)
        if _permissions(before) == wanted:
            return
        body = {"collection": {**before, "permissions": wanted}}
        what = f"change the permissions of {name}"
        try:
            client.request("PUT", f"{DATA}/collections", body, what=what, permission=_PERMISSION)
        except WixError as error:  # it may have succeeded without a response, or another client was faster: read it
            if error.status is not None and error.status < 500 and error.code != "WDE0178":
                raise
            refused = error
        after = client.collection(name)
        if _fields(after) != _fields(before):
            raise WixError(
                f"{name}: its fields changed together with its permissions; check the collection in the CMS first"
            )
        if _permissions(after) == wanted:
            return
    raise refused or WixError(f"{name}: Wix accepted the new permissions {_TRIES} times but did not apply them")


def _permissions(schema: Mapping[str, Any]) -> Permissions:
    found = schema.get("permissions")
    if not isinstance(found, dict):
        raise WixError(f"{schema.get('id')}: Wix returns no permissions; freeze it manually in the CMS")
    return {str(action): str(role) for action, role in found.items()}


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {field["key"]: field.get("type") for field in schema.get("fields") or []}


class _Progress:
    """Adds to a WixError which collections are done and which are not."""

    def __init__(self, verb: str, names: list[str], done: int) -> None:
        self._verb, self._done, self._open = verb, names[:done], names[done:]

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WixError):
            done = ", ".join(self._done) or "none"
            raise WixError(
                f"{error}. {self._verb}: done {done}; not done {', '.join(self._open)}; the same command continues",
                status=error.status,
                code=error.code,
            ) from None
