"""The Secrets API."""

from __future__ import annotations

import re
import uuid
from typing import Any

from sandbox.clock import iso
from sandbox.wix.errors import Violation, WixError
from sandbox.wix.params import Params
from sandbox.wix.site import Call

_NAME = re.compile(r"[A-Za-z0-9_+=\-@#$]{1,50}")


def _name(params: Params) -> str:
    name = params.text("name")
    if not _NAME.fullmatch(name):
        raise Violation(params.where("name"), "must be letters, digits and _+=-@#$, at most 50 characters", "PATTERN")
    return name


def _taken(call: Call, name: str, secret_id: str = "") -> None:
    if call.site.store.row("SELECT 1 FROM wix_secret WHERE name = ? AND id != ?", (name, secret_id)):
        raise WixError("ALREADY_EXISTS", f"A secret with the name {name} already exists.", status=409)


def _missing() -> WixError:
    return WixError("NOT_FOUND", "The secret does not exist.", status=404)


def create_secret(call: Call) -> Any:
    """`{id}`; raises Violation, 409 for a name in use."""
    params = call.params.part("secret")
    name, value = _name(params), params.text("value")
    _taken(call, name)
    secret_id, now = str(uuid.uuid4()), iso(call.site.state.clock.now())
    row = (secret_id, name, params.text_or("description"), value, now, now)
    call.site.store.execute("INSERT INTO wix_secret VALUES (?, ?, ?, ?, ?, ?)", row)
    return {"id": secret_id}


def list_secrets(call: Call) -> Any:
    """`{secrets}`, without their values."""
    names = ("id", "name", "description", "createdDate", "updatedDate")
    rows = call.site.store.rows("SELECT id, name, description, created, updated FROM wix_secret ORDER BY created, name")
    return {"secrets": [dict(zip(names, row, strict=True)) for row in rows]}


def secret_value(call: Call) -> Any:
    """`{value}` of `/secrets/name/{name}`; raises 404."""
    row = None
    if call.tail.startswith("name/"):
        row = call.site.store.row("SELECT value FROM wix_secret WHERE name = ?", (call.tail.removeprefix("name/"),))
    if row is None:
        raise _missing()
    return {"value": row[0]}


def update_secret(call: Call) -> Any:
    """`{}`; raises Violation, 404, 409."""
    row = call.site.store.row("SELECT name, description, value FROM wix_secret WHERE id = ?", (call.tail,))
    if row is None:
        raise _missing()
    params = call.params.part("secret")
    name = _name(params) if "name" in params else row[0]
    _taken(call, name, call.tail)
    values = (name, params.text_or("description", row[1]), params.text_or("value", row[2]))
    call.site.store.execute(
        "UPDATE wix_secret SET name = ?, description = ?, value = ?, updated = ? WHERE id = ?",
        (*values, iso(call.site.state.clock.now()), call.tail),
    )
    return {}


def delete_secret(call: Call) -> Any:
    """`{}`; raises 404."""
    if call.site.store.execute("DELETE FROM wix_secret WHERE id = ?", (call.tail,)).rowcount == 0:
        raise _missing()
    return {}
