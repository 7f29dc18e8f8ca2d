"""What a service works with: the data, the clock, and everything outside the platform, all injected.

    context = Context(records)
    find_matching_carriers(context, Caller("member-1"), {"homeZip": "75201"})

A service is a module of functions. Each takes the context, then the caller where it matters, and returns plain dicts in
the platform's shapes. By default a context sends no mail, asks no provider and makes no payment.
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

from lmdr.services.writes import durable_of
from runbook.records import Records

P = ParamSpec("P")
R = TypeVar("R")

ADMIN_ROLES = frozenset({"admin", "super_admin", "ops_admin"})
SUPER_ADMIN = "super_admin"


@dataclass(frozen=True)
class Caller:
    """A member of the site, or an anonymous visitor. `roles` in lower case."""

    member_id: str | None = None
    email: str | None = field(default=None, repr=False)
    roles: frozenset[str] = frozenset()

    @property
    def logged_in(self) -> bool:
        """Whether the caller is a member."""
        return bool(self.member_id)

    @property
    def is_admin(self) -> bool:
        """Whether the caller may use the admins' services."""
        return bool(self.roles & ADMIN_ROLES)

    @property
    def is_super_admin(self) -> bool:
        """Whether the caller may use the super admins' services."""
        return SUPER_ADMIN in self.roles


ANYONE = Caller()


class SendMail(Protocol):
    """Sends a mail; services neither wait for it nor fail with it."""

    def __call__(self, template: str, to: str, variables: Mapping[str, Any]) -> None:
        """`template`: its name on the platform; `to`: a member id or an address."""


def no_mail(template: str, to: str, variables: Mapping[str, Any]) -> None:
    """Sends nothing."""


_background = ThreadPoolExecutor(2, thread_name_prefix="background")
_capacity = threading.BoundedSemaphore(1000)


def run_in_background(work: Callable[[], object]) -> None:
    """Run a task in a thread and ignore its errors; while a thousand tasks wait, a further one is dropped."""

    def run() -> None:
        try:
            with contextlib.suppress(Exception):
                work()
        finally:
            _capacity.release()

    if _capacity.acquire(blocking=False):
        _background.submit(run)


@dataclass(frozen=True)
class Context:
    """See the module. `background` runs tasks that no caller waits for, such as mails and statistics.

    `wait`: seconds for which writes are tried again while their side is down, see `Records.insert`.
    `providers`: clients of outside services, by name; each service documents those that it uses. `secrets`: by the
    platform's names; never shown.
    """

    records: Records
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    send_mail: SendMail = no_mail
    sleep: Callable[[float], None] = time.sleep
    wait: float = 0.0
    background: Callable[[Callable[[], object]], None] = run_in_background
    providers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def mail(self, template: str, to: str | None, **variables: Any) -> None:
        """Send a mail in the background if there is a receiver; its errors are ignored."""
        if to:
            self.background(lambda: self.send_mail(template, to, variables))


class Refused(Exception):
    """Raised where a service refuses in the middle of a change: nothing is written; it answers as by `refused`."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer = refused(error, **more)


def service(function: Callable[Concatenate[Context, P], R]) -> Callable[Concatenate[Context, P], R]:
    """Decorates a function that pages and services call: it reads each flag once and so never mixes the two sides.

    Its writes wait for what `lmdr.services.writes` says of it, also in the services that it calls.
    """
    durable = durable_of(function.__module__, function.__name__)

    @functools.wraps(function)
    def call(context: Context, *args: P.args, **kwargs: P.kwargs) -> R:
        with context.records.pinned(wait=context.wait, durable=durable) as records:
            try:
                return function(replace(context, records=records), *args, **kwargs)
            except Refused as refusal:
                return refusal.answer  # type: ignore[return-value]  # such a service gives dicts

    return call  # type: ignore[return-value]  # functools.wraps gives `context` a name, Concatenate does not


def refused(error: str, **more: Any) -> dict[str, Any]:
    """A service's answer where it refuses: {success: False, error}, and `more`."""
    return {"success": False, "error": error, **more}
