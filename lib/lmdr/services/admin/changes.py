"""Changes by admins: each adds a row to the audit log, and a change of status an entry to the item's own history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lmdr.services.admin.access import AdminError
from lmdr.services.context import Caller, Context
from runbook.json_types import Item

SYSTEM = "system"
"""The actor where no admin is known."""


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
    return context.records.insert(
        "AdminAuditLog",
        {
            "action": action,
            "targetType": target_type,
            "targetId": target_id,
            "details": dict(details or {}),
            "adminId": caller.member_id or SYSTEM,
            "adminEmail": caller.email or SYSTEM,
            "timestamp": context.now(),
        },
    )


def require_item(context: Context, collection: str, item_id: str, error: str) -> Item:
    """The item of that `_id`. Raises AdminError(error) where there is none."""
    item = context.records.get(collection, item_id)
    if item is None:
        raise AdminError(error)
    return item


def set_status(
    context: Context,
    caller: Caller,
    collection: str,
    item_id: str,
    status: str,
    reason: str,
    *,
    target_type: str,
    allowed: Collection[str],
    action: str,
    key: str = "status",
) -> None:
    """Set an item's status under `key`, with an entry in its `statusHistory` (a list); audited.

    Raises AdminError for a status that is not allowed, and where the item does not exist.
    """
    if status not in allowed:
        raise AdminError("Invalid status")
    item = require_item(context, collection, item_id, f"{target_type.title()} not found")
    history = item.get("statusHistory")
    entry = {
        "from": item.get(key),
        "to": status,
        "reason": reason or "",
        "changedAt": context.now(),
        "changedBy": caller.member_id or SYSTEM,
    }
    changes = {key: status, "statusHistory": [*(history if isinstance(history, list) else ()), entry]}
    context.records.patch(collection, item_id, changes)
    details = {"previousStatus": item.get(key), "newStatus": status, "reason": reason}
    log_action(context, caller, action, target_type, item_id, details)
