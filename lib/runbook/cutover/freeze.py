"""Freeze and unfreeze: close collections to all but admins while they move, and open them again as they were.

Wix has no read-only switch. ADMIN for insert, update and remove stops visitors and members; it does not stop the
dashboard, other API keys, nor backend code that suppresses permissions. Both calls write to Wix, as their names say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runbook.errors import WixError
from runbook.wix.client import DATA, WixClient

Permissions = dict[str, str]
"""`{"insert": "ANYONE", "update": …, "remove": …, "read": …}`, as Wix has them."""

WRITES = ("insert", "update", "remove")
_TRIES = 3
_PERMISSION = '"Manage Data Collections"'


def freeze(
    client: WixClient, collections: Iterable[str], *, remember: Callable[[str, Permissions], None] | None = None
) -> dict[str, Permissions]:
    """Close collections (by Wix name) to writes; returns the former permissions of those that were open.

    What is frozen already is left alone and not returned, so a second call takes nothing from what the first one
    returned. `remember` is given each collection's permissions before they change, so that a caller who stores them
    can unfreeze after a crash. Verified by reading back. Raises WixError that says which ones are frozen.
    """
    former: dict[str, Permissions] = {}
    names = list(collections)
    for done, name in enumerate(names):
        with _state("freeze", names, done):
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
    """Give collections the permissions they had; returns those that were changed. Verified by reading back.

    Raises WixError that says which ones are open again.
    """
    changed = []
    names = list(former)
    for done, name in enumerate(names):
        with _state("unfreeze", names, done):
            before = permissions(client, name)
            wanted = {**before, **former[name]}
            if wanted != before:
                _set(client, name, wanted)
                changed.append(name)
    return tuple(changed)


def permissions(client: WixClient, collection: str) -> Permissions:
    """Who may insert, update, remove and read. Raises WixError."""
    return _permissions(client.collection(collection))


def frozen(client: WixClient, collections: Iterable[str]) -> dict[str, bool]:
    """By name, whether only admins may write. Raises WixError."""
    found = {name: permissions(client, name) for name in collections}
    return {name: all(told.get(action) == "ADMIN" for action in WRITES) for name, told in found.items()}


def _set(client: WixClient, name: str, wanted: Permissions) -> None:
    """Replace a collection by itself with other permissions, and see that nothing else of it changed."""
    refused: WixError | None = None
    for _ in range(_TRIES):
        before = client.collection(name)
        if _permissions(before) == wanted:
            return
        body = {"collection": {**before, "permissions": wanted}}
        what = f"change the permissions of {name}"
        try:
            client.request("PUT", f"{DATA}/collections", body, what=what, permission=_PERMISSION)
        except WixError as error:  # it may have been done without an answer, or another hand was faster: look
            if error.status is not None and error.status < 500 and error.code != "WDE0178":
                raise
            refused = error
        after = client.collection(name)
        if _fields(after) != _fields(before):
            raise WixError(
                f"{name}: its fields changed while its permissions were; see the collection in the CMS before going on"
            )
        if _permissions(after) == wanted:
            return
    raise refused or WixError(f"{name}: Wix took its new permissions {_TRIES} times and still has others")


def _permissions(schema: Mapping[str, Any]) -> Permissions:
    found = schema.get("permissions")
    if not isinstance(found, dict):
        raise WixError(f"{schema.get('id')}: Wix does not tell its permissions; freeze it in the CMS by hand")
    return {str(action): str(role) for action, role in found.items()}


def _fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {field["key"]: field.get("type") for field in schema.get("fields") or []}


class _state:  # noqa: N801 - reads as a word of a `with`
    """Adds to a WixError what is done and what is not."""

    def __init__(self, verb: str, names: list[str], done: int) -> None:
        self._verb, self._done, self._open = verb, names[:done], names[done:]

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WixError):
            done = ", ".join(self._done) or "none"
            raise WixError(
                f"{error}. To {self._verb}: done {done}; not done {', '.join(self._open)}; the same call goes on",
                status=error.status,
                code=error.code,
            ) from None
