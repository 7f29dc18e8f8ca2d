"""The clients of both services and the state of one environment, opened together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import Catalog
from runbook.local import local_servers
from runbook.platform import Platform
from runbook.request_log import RequestLog
from runbook.settings import Settings, read_settings
from runbook.state import State
from runbook.wix.client import WixClient


@dataclass(frozen=True)
class Connections:
    """What a run, a check or a rollback uses."""

    platform: Platform
    settings: Settings
    state: State
    airtable: Airtable
    wix: WixClient
    log: RequestLog

    @property
    def catalog(self) -> Catalog:
        """The platform's catalog."""
        return self.platform.catalog

    def write_lock(self, source_label: str) -> str:
        """The lock of whoever writes rows or the schema to the base of a source: one at a time."""
        return f"write:{self.settings.base_id or source_label}"

    def base(self, source_label: str) -> str | None:
        """The base that a source's rows go to: of the settings, else one that an earlier run created."""
        return self.settings.base_id or self.state.facts.base_of(source_label)


def connect(platform: Platform, environment: str, env: Mapping[str, str] | None = None) -> Connections:
    """Open an environment. For `sandbox`, finds or starts the local servers. Raises SettingError."""
    settings = read_settings(environment, platform, env)
    if environment == "sandbox":
        settings = local_servers(settings, platform)
    state = State(settings.state_url)
    log = RequestLog()
    rate_limiter = partial(RateLimiter, state, rate=settings.rate, penalty=settings.penalty)
    airtable = Airtable(settings.airtable_key, url=settings.airtable_url, rate_limiter=rate_limiter, log=log)
    wix = WixClient(settings.wix_url, settings.wix_key, settings.site_id)
    return Connections(platform, settings, state, airtable, wix, log)
