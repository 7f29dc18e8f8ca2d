"""Callers of the admins' services, and the audit log of their actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from lmdr.services.admin.access import AccessDenied
from lmdr.services.context import ANYONE, Caller
from platform_kit import Platform

ADMIN = Caller("admin-1", "ann@example.com", frozenset({"ops_admin"}))
SUPER = Caller("admin-2", "sue@example.com", frozenset({"super_admin"}))
DRIVER = Caller("member-1", "dan@example.com", frozenset({"driver"}))


def audited(platform: Platform) -> list[tuple[Any, ...]]:
    """The entries of the audit log: action, target and admin, sorted."""
    return sorted(
        (row["action"], row["targetType"], row.get("targetId") or "", row["adminId"], row["adminEmail"])
        for row in platform.rows("AdminAuditLog")
    )


def refuse_all(platform: Platform, calls: Iterable[Callable[..., Any]], *callers: Caller) -> None:
    """Check that each call, a function of context and caller, is refused to each caller."""
    for call in calls:
        for caller in (ANYONE, DRIVER, *callers):
            with pytest.raises(AccessDenied):
                call(platform.context(), caller)
