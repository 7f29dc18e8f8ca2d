"""LMDR's HTTP endpoints, as `runbook serve` starts them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.applications import Starlette

from lmdr.services.context import Context
from lmdr.services.http_functions import app
from runbook.records import Records

_SECRETS = ("STRIPE_", "SITE_URL")
"""Prefixes of the environment variables that services may read; Airtable's and Wix's keys are not among them."""


def make_app(records: Records, env: Mapping[str, str]) -> Starlette:
    """Stripe's webhook over the routed data layer. Without STRIPE_WEBHOOK_SECRET it accepts nothing."""
    secrets = {name: value for name, value in env.items() if name.startswith(_SECRETS)}
    return app(Context(records, secrets=MappingProxyType(secrets)))
