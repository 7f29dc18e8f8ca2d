"""What the services share: settings, clock, store, faults, counts, credentials."""

from __future__ import annotations

import uuid

from sandbox import ids
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.stats import Stats
from sandbox.store import Store

WORKSPACE = "wspSandboxDefault"  # the Airtable workspace there is until a seed names another


class AppState:
    """One sandbox's shared state. All of it is touched from the server's thread alone.

    The credentials and the site id are remembered in the store, so a restart with `--data` keeps them.
    Raises StoreError if the data folder belongs to another process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.data)
        self.clock = Clock(float(self.store.setting("clock_offset", 0.0)))
        self.faults = Faults()
        self.stats = Stats()
        self.token = min(settings.tokens) if settings.tokens else self._remembered("token", ids.access_token())
        self.wix_key = self._remembered("wix_key", ids.wix_key())
        self.site_id = self._remembered("site_id", str(uuid.uuid4()))
        self.wix_data_rights = (
            settings.wix_data_rights
        )  # the key's "Manage data items"; `POST /_sandbox/rights` turns it
        self.base_url = ""  # http://127.0.0.1:port, known once the socket is bound

    def _remembered(self, name: str, value: str) -> str:
        known = self.store.setting(name)
        if known is None:
            self.store.set_setting(name, value)
            return value
        return str(known)

    def accepts(self, credential: str) -> bool:
        """Whether a credential is accepted: any non-empty one, or with `--token` only those that are named."""
        if not credential:
            return False
        return not self.settings.tokens or credential in self.settings.tokens or credential == self.wix_key

    def move_clock(self) -> None:
        """Remember where the clock was moved to."""
        self.store.set_setting("clock_offset", self.clock.offset)
