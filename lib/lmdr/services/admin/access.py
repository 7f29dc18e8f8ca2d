"""Who may use the admins' services, and how they fail.

    AdminError            the platform's generic message, with the error as its cause
    └── AccessDenied      the caller is not allowed; nothing was read or written

    @service
    @admitted(super_admins, "Failed to export the audit log")
    def export_audit_log_csv(context: Context, caller: Caller, ...) -> dict[str, Any]: ...

Services for drivers and recruiters answer `{"success": False, "error": …}`; those for admins raise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

from lmdr.services.context import Caller, Context
from runbook.errors import RunbookError
from runbook.query import Query

Check: TypeAlias = Callable[[Context, Caller], None]

P = ParamSpec("P")
R = TypeVar("R")


class AdminError(Exception):
    """An admin's request failed."""


class AccessDenied(AdminError):
    """The caller is not allowed to use this service; nothing was read or written."""


def admins(context: Context, caller: Caller) -> None:
    """Members of the role admin, super_admin or ops_admin. Raises AccessDenied."""
    if not caller.is_admin:
        raise AccessDenied("Unauthorized: Admin access required")


def super_admins(context: Context, caller: Caller) -> None:
    """Members of the role super_admin. Raises AccessDenied."""
    if not caller.is_super_admin:
        raise AccessDenied("Unauthorized: Super admin access required")


def moderators(context: Context, caller: Caller) -> None:
    """Members whose e-mail is in AdminUsers with the status 'active', of any role. Raises AccessDenied."""
    if not caller.logged_in or not caller.email:
        raise AccessDenied("Unauthorized: Admin access required")
    if not context.records.count("AdminUsers", Query().eq("email", caller.email).eq("status", "active")):
        raise AccessDenied("Unauthorized: Admin access required")


def admitted(
    check: Check, failure: str
) -> Callable[[Callable[Concatenate[Context, Caller, P], R]], Callable[Concatenate[Context, Caller, P], R]]:
    """A service for callers who pass `check`.

    It raises AccessDenied, AdminError with a message of its own, and AdminError(failure) where the data layer failed: a
    page sees the generic message, a log its cause.
    """

    def decorate(
        function: Callable[Concatenate[Context, Caller, P], R],
    ) -> Callable[Concatenate[Context, Caller, P], R]:
        @functools.wraps(function)
        def call(context: Context, caller: Caller, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                check(context, caller)
                return function(context, caller, *args, **kwargs)
            except RunbookError as error:
                raise AdminError(failure) from error

        return call  # type: ignore[return-value]  # functools.wraps names the arguments, Concatenate does not

    return decorate
