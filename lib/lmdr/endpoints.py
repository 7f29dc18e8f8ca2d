"""LMDR's HTTP endpoints, as `runbook serve` starts them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from lmdr.services.context import Context
from lmdr.services.http_functions import app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette

    from runbook.records import Records

_SECRETS = ("STRIPE_", "SITE_URL")
"""How the names begin of what services may know of the environment: Airtable's and Wix's keys are not among it."""


def make_app(records: Records, env: Mapping[str, str]) -> Starlette:
    """Stripe's webhook over the routed data layer. Without STRIPE_WEBHOOK_SECRET it takes nothing."""
    secrets = {name: value for name, value in env.items() if name.startswith(_SECRETS)}
    return app(Context(records, secrets=MappingProxyType(secrets)))
