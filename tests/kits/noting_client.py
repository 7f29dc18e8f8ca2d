"""A Wix client that notes which collections were written to, so that emptying a site need not look into all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook.wix.client import DATA, WixClient


class NotingClient(WixClient):
    def __init__(self, *where: str, **settings: Any) -> None:
        super().__init__(*where, **settings)
        self.written: set[str] = set()

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        if body and "dataCollectionId" in body and not path.endswith(("/get", "/query", "/count")):
            self.written.add(body["dataCollectionId"])
        return super().request(method, path, body, **more)

    def empty(self) -> None:
        """Delete every item of the collections that were written to."""
        for name in [*self.written]:
            self.request("POST", f"{DATA}/items/truncate", {"dataCollectionId": name}, what=f"empty {name}")
        self.written.clear()
