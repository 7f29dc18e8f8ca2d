"""A site that keeps changing while it is read: what a reviewer sees of it."""

from __future__ import annotations

from typing import Any

from fleet_platform import Fleet
from runbook.evidence.report import write_report
from runbook.wix.client import WixClient
from runbook.wix.source import WixSource


class Restless(WixClient):
    """Another client inserts a trip whenever this one has counted the trips."""

    fleet: Fleet
    written = 0

    def count(self, collection: str) -> int:
        found = super().count(collection)
        if collection == "Trips":
            self.written += 1
            self.fleet.save("Trips", {"_id": f"new{self.written}", "truck": "t0"})
        return found


def test_a_collection_that_does_not_settle_is_named_at_the_gate(fleet: Fleet) -> None:
    run: Any = fleet.open(2)
    settings = run.connections.settings
    client = Restless(settings.wix_url, settings.wix_key, settings.site_id)
    client.fleet = fleet
    run.source = WixSource(client, fleet.platform.catalog)
    for step in ("plan", "provision"):
        getattr(run, step)()
    shown = repr(run.export())
    for step in ("transform", "load", "validate"):
        getattr(run, step)()
    (warning,) = [warning for warning in run.gate().warnings if "kept changing" in warning]
    assert warning.startswith("Trips: kept changing while it was read, 5 times over; ")
    assert "changed meanwhile: new" in warning
    assert "kept changing while it was read" in shown
    assert "kept changing while it was read" in repr(run.gate())
    assert "kept changing while it was read" in write_report(run.folder).read_text()
    client.close()
