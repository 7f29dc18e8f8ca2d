"""What every change of an admin leaves behind: a row in the audit log, and a line in the item's own history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmdr.services.context import Caller, Context
from runbook.json_types import Item

SYSTEM = "system"
"""Who acted where no admin is known."""


def log_action(
    context: Context,
    caller: Caller,
    action: str,
    target_type: str,
    target_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Item:
    """Add what an admin did to AdminAuditLog; gives the row.

    Raises RecordsError: an action that cannot be audited does not pass as done.
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


def status_change(
    context: Context, caller: Caller, item: Item, status: str, reason: str | None, key: str = "status"
) -> dict[str, Any]:
    """The keys that change with an item's status, its `statusHistory` (a native list) among them."""
    before = item.get("statusHistory")
    entry = {
        "from": item.get(key),
        "to": status,
        "reason": reason or "",
        "changedAt": context.now(),
        "changedBy": caller.member_id or SYSTEM,
    }
    return {key: status, "statusHistory": [*(before if isinstance(before, list) else ()), entry]}
