"""What a service works with: the data, the clock, and everything outside of the platform, all of it injected.

    context = Context(records)
    find_matching_carriers(context, Caller("member-1"), {"homeZip": "75201"})

A service is a module of functions. Each takes the context, then who calls where that matters, and gives plain dicts in
the platform's shapes. Nothing outside is reached unless the context brings it: by default no mail is sent, no provider
is asked, no payment is made.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from runbook.records import Records

P = ParamSpec("P")
R = TypeVar("R")

ADMIN_ROLES = frozenset({"admin", "super_admin", "ops_admin"})
SUPER_ADMIN = "super_admin"


@dataclass(frozen=True)
class Caller:
    """Who calls: a member as the site knows it, or nobody in particular. `roles` in lower case."""

    member_id: str | None = None
    email: str | None = field(default=None, repr=False)
    roles: frozenset[str] = frozenset()

    @property
    def logged_in(self) -> bool:
        """Whether it is a member."""
        return bool(self.member_id)

    @property
    def is_admin(self) -> bool:
        """Whether it may use the admin's services."""
        return bool(self.roles & ADMIN_ROLES)

    @property
    def is_super_admin(self) -> bool:
        """Whether it may export, and see what only a super admin may."""
        return SUPER_ADMIN in self.roles


ANYONE = Caller()


class SendMail(Protocol):
    """Sends one mail; services never wait for it, and never fail with it."""

    def __call__(self, template: str, to: str, variables: Mapping[str, Any]) -> None:
        """`template`: the platform's name of it; `to`: a member id or an address."""


def no_mail(template: str, to: str, variables: Mapping[str, Any]) -> None:
    """Sends nothing."""


_aside = ThreadPoolExecutor(2, thread_name_prefix="aside")
_room = threading.BoundedSemaphore(1000)


def do_aside(work: Callable[[], object]) -> None:
    """Do something that no caller waits for, in a thread; of more than a thousand such that wait, the last is left."""

    def do() -> None:
        try:
            with contextlib.suppress(Exception):
                work()
        finally:
            _room.release()

    if _room.acquire(blocking=False):
        _aside.submit(do)


@dataclass(frozen=True)
class Context:
    """See the module. `aside` does what no caller waits for, such as mails and statistics.

    `providers`: what a service asks outside, by name; each service says what it looks for there. `secrets`: by the
    platform's names, read where they are needed and shown nowhere.
    """

    records: Records
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    send_mail: SendMail = no_mail
    sleep: Callable[[float], None] = time.sleep
    aside: Callable[[Callable[[], object]], None] = do_aside
    providers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def mail(self, template: str, to: str | None, **variables: Any) -> None:
        """Send a mail if there is someone to send it to; what goes wrong with it is not the caller's trouble."""
        if to:
            self.aside(lambda: self.send_mail(template, to, variables))


def service(function: Callable[Concatenate[Context, P], R]) -> Callable[Concatenate[Context, P], R]:
    """A function that services and pages call: it reads each flag once, so that it never sees a mixture of sides."""

    @functools.wraps(function)
    def call(context: Context, *args: P.args, **kwargs: P.kwargs) -> R:
        with context.records.pinned() as records:
            return function(replace(context, records=records), *args, **kwargs)

    return call  # type: ignore[return-value]  # functools.wraps gives `context` a name, Concatenate does not


def refused(error: str, **more: Any) -> dict[str, Any]:
    """What a service answers where it does nothing: {success: False, error}, and what else is told."""
    return {"success": False, "error": error, **more}
