"""Changes by admins: each adds a row to the audit log, and a change of status an entry to the item's own history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lmdr.services.admin.access import AdminError
from lmdr.services.context import Caller, Context
from runbook.errors import NoSuchItem, RunbookError, SourceDown
from runbook.json_types import Item

AUDIT_LOG = "AdminAuditLog"
SYSTEM = "system"
"""The actor where no admin is known."""
BATCH = 10
"""Items that are changed at once."""


@dataclass(frozen=True)
class Change:
    """What an admin does to items: the keys to change and the details of the audit log, each from the item before.

    Without keys to change there is nothing to do, and nothing is audited. `fixed`: neither depends on the item.
    """

    action: str
    target_type: str
    keys: Callable[[Item], Mapping[str, Any]]
    details: Callable[[Item], Mapping[str, Any]] = lambda before: {}
    fixed: bool = False


def setting(action: str, target_type: str, keys: Mapping[str, Any], **details: Any) -> Change:
    """A change that sets keys, whatever they were."""
    return Change(action, target_type, lambda before: keys, lambda before: details, fixed=True)


def status_change(
    context: Context,
    caller: Caller,
    status: str,
    reason: str,
    *,
    target_type: str,
    allowed: Collection[str],
    action: str,
    key: str = "status",
) -> Change:
    """A change of the status under `key`, with an entry in the item's `statusHistory` (a list).

    Raises AdminError for a status that is not allowed.
    """
    if status not in allowed:
        raise AdminError("Invalid status")

    def keys(before: Item) -> Mapping[str, Any]:
        history = before.get("statusHistory")
        entry = {
            "from": before.get(key),
            "to": status,
            "reason": reason or "",
            "changedAt": context.now(),
            "changedBy": caller.member_id or SYSTEM,
        }
        return {key: status, "statusHistory": [*(history if isinstance(history, list) else ()), entry]}

    def details(before: Item) -> Mapping[str, Any]:
        return {"previousStatus": before.get(key), "newStatus": status, "reason": reason}

    return Change(action, target_type, keys, details)


def change_item(
    context: Context, caller: Caller, collection: str, item_id: str, change: Change, *, not_found: str | None = None
) -> None:
    """Change an item; audited. Raises AdminError, with the text `not_found`, where there is none."""
    before: dict[str, Item] = {}
    missing = AdminError(not_found) if not_found else _not_found(change)
    if isinstance(item_id, str) and not item_id.strip():
        raise missing
    try:
        if change.fixed:
            before[item_id] = context.records.patch(collection, item_id, change.keys({}))
        else:
            context.records.change(collection, item_id, _noting(change, before))
    except NoSuchItem:
        if not isinstance(item_id, str):
            raise
        raise missing from None
    for item in before.values():
        log_action(context, caller, change.action, change.target_type, item_id, change.details(item))


def change_items(
    context: Context, caller: Caller, collection: str, ids: Iterable[str], change: Change
) -> dict[str, AdminError | RunbookError]:
    """Change many items, ten at once; audited. Gives the errors, by id: one that fails does not stop the others."""
    errors: dict[str, AdminError | RunbookError] = {}
    listed = [*dict.fromkeys(ids)]
    for start in range(0, len(listed), BATCH):
        errors |= _change_batch(context, caller, collection, listed[start : start + BATCH], change)
    return errors


def _change_batch(
    context: Context, caller: Caller, collection: str, batch: list[str], change: Change
) -> dict[str, AdminError | RunbookError]:
    before: dict[str, Item] = {}
    try:
        if change.fixed:
            stored = context.records.bulk_patch(collection, dict.fromkeys(batch, change.keys({})))
            before = {item["_id"]: item for item in stored}
        else:
            context.records.bulk_change(collection, {item_id: _noting(change, before) for item_id in batch})
    except RunbookError as error:
        if len(batch) == 1:
            return {batch[0]: _not_found(change) if isinstance(error, NoSuchItem) else error}
        if isinstance(error, SourceDown):
            return dict.fromkeys(batch, error)
        # Nothing was written: one by one, to find out whose error it is.
        parts = (_change_batch(context, caller, collection, [item_id], change) for item_id in batch)
        return {item_id: found for part in parts for item_id, found in part.items()}
    try:
        rows = [
            audit_row(context, caller, change.action, change.target_type, item_id, change.details(item))
            for item_id, item in before.items()
        ]
        context.records.bulk_insert(AUDIT_LOG, rows)
    except RunbookError as error:
        return dict.fromkeys(before, error)
    return {}


def _noting(change: Change, before: dict[str, Item]) -> Callable[[Item], Mapping[str, Any]]:
    """The function of a change; items to which it applies are noted by `_id`, as they were."""

    def keys(item: Item) -> Mapping[str, Any]:
        new = change.keys(item)
        if new:
            before[item["_id"]] = item
        else:
            before.pop(item["_id"], None)
        return new

    return keys


def _not_found(change: Change) -> AdminError:
    return AdminError(f"{change.target_type.title()} not found")


def log_action(
    context: Context,
    caller: Caller,
    action: str,
    target_type: str,
    target_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Item:
    """Add an admin's action to AdminAuditLog; gives the row.

    Raises RecordsError: an action that cannot be audited has failed.
    """
    return context.records.insert(AUDIT_LOG, audit_row(context, caller, action, target_type, target_id, details))


def audit_row(
    context: Context,
    caller: Caller,
    action: str,
    target_type: str,
    target_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Item:
    """The row of AdminAuditLog for an action."""
    return {
        "action": action,
        "targetType": target_type,
        "targetId": target_id,
        "details": dict(details or {}),
        "adminId": caller.member_id or SYSTEM,
        "adminEmail": caller.email or SYSTEM,
        "timestamp": context.now(),
    }


def require_item(context: Context, collection: str, item_id: str, error: str) -> Item:
    """The item of that `_id`. Raises AdminError(error) where there is none."""
    item = context.records.get(collection, item_id)
    if item is None:
        raise AdminError(error)
    return item
