"""What the tests of the schema share: a small catalog with every kind of link, a client, a base to write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, Catalog, Collection, load_catalog
from runbook.quarantine import Quarantine
from runbook.snapshot import SnapshotWriter
from runbook.staged import Transformed
from runbook.state import State
from runbook.steps.transform import transform
from sandbox import Sandbox

BASE = "appFleet000000001"

HEAD = """
base: Fleet
tab_groups: [Core Data, Matching]
system_fields:
- {wix: _id, wix_type: text, name: Legacy Wix ID, type: singleLineText, required: true, unique: true, lookup: true}
- {wix: _owner, wix_type: text, name: Wix Owner ID, type: singleLineText, personal: true}
phase: 1
name: one
title: One
collections: []
"""

# Drivers.Routes and Routes.Drivers are called like the other's table: what Airtable calls an inverse by itself.
BODY = """
phase: 2
name: two
title: Two
collections:
- wix: hubs
  table: Hubs
  tab_group: Core Data
  flag: core
  primary: Name
  fields:
  - {wix: name, wix_type: text, name: Name, type: singleLineText, note: as on the door}
  - {wix: code, wix_type: number, name: Code, type: number, precision: 0, lookup: true}
  - {wix: pay, wix_type: number, name: Pay, type: currency, precision: 2, symbol: $}
  - {wix: share, wix_type: number, name: Share, type: percent, precision: 1}
  - {wix: kind, wix_type: text, name: Kind, type: singleSelect, choices: [big, small]}
  - {wix: tags, wix_type: tags, name: Tags, type: multipleSelects, choices: [x, y], open: true}
  - {wix: on, wix_type: boolean, name: Is On, type: checkbox}
  - {wix: at, wix_type: datetime, name: At, type: dateTime}
  - {wix: day, wix_type: date, name: Day, type: date}
- wix: drivers
  table: Drivers
  tab_group: Core Data
  flag: core
  primary: Legacy Wix ID
  fields:
  - {wix: boss_id, wix_type: text, name: Boss ID, type: singleLineText}
  - {wix: hub_code, wix_type: text, name: Hub Code, type: number, precision: 0}
  - {wix: old_hub, wix_type: text, name: Old Hub ID, type: singleLineText}
  - {wix: route_id, wix_type: text, name: Route ID, type: singleLineText}
  links:
  - {name: Boss, to: drivers, on: {boss_id: _id}}
  - {name: Hub, to: hubs, on: {hub_code: code}}
  - {name: Old Hub, to: hubs, on: {old_hub: _id}, inverse: Former Drivers}
  - {name: Routes, to: routes, on: {route_id: _id}, inverse: Riders}
- wix: routes
  table: Routes
  tab_group: Matching
  flag: core
  primary: Legacy Wix ID
  fields:
  - {wix: driver_id, wix_type: text, name: Driver ID, type: singleLineText}
  links:
  - {name: Drivers, to: drivers, on: {driver_id: _id}, inverse: Tours}
"""


def small_catalog(folder: Path, body: str = BODY) -> Catalog:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.yaml").write_text(HEAD)
    (folder / "2.yaml").write_text(body)
    return load_catalog(folder)


@contextmanager
def connect(box: Sandbox, folder: Path, rate: float | None = None, **settings: Any) -> Iterator[Airtable]:
    """A client of its own, as a process has it."""
    with State(f"sqlite:///{folder / 'state.db'}") as state:
        client = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda base: RateLimiter(state, base, rate, penalty=0.05),
            backoff=0.001,
            **settings,
        )
        try:
            yield client
        finally:
            client.close()


def seed(*tables: dict[str, Any]) -> dict[str, Any]:
    """A base to write to. Airtable has none without a table."""
    other = {"name": "Notes", "fields": [{"name": "Name", "type": "singleLineText"}]}
    return {"base": {"id": BASE, "name": "Mine"}, "tables": [other, *tables]}


def shape(tables: list[dict[str, Any]]) -> dict[str, Any]:
    """A schema without its ids: what two ways to it must agree on."""
    names = {t["id"]: t["name"] for t in tables}
    fields = {f["id"]: f"{t['name']}.{f['name']}" for t in tables for f in t["fields"]}

    def option(value: Any) -> Any:
        if isinstance(value, list):
            return [option(one) for one in value]
        if isinstance(value, dict):
            return {key: option(one) for key, one in value.items() if key not in ("id", "color")}
        return names.get(value, fields.get(value, value)) if isinstance(value, str) else value

    return {
        t["name"]: {
            "description": t.get("description"),
            "primary": fields[t["primaryFieldId"]],
            "fields": {f["name"]: [f["type"], option(f.get("options")), f.get("description")] for f in t["fields"]},
        }
        for t in tables
    }


def seed_field(spec: dict[str, Any]) -> dict[str, Any]:
    """A column of a plan as a seed takes it."""
    return {key: value for key, value in spec.items() if key in ("name", "type", "options", "description")}


def staged(folder: Path, collection: Collection, items: list[dict[str, Any]]) -> Transformed:
    """Rows as a run has them after transform."""
    with SnapshotWriter(folder / "snapshots", collection, source="test") as writer:
        for item in items:
            writer.write(item)
        snapshot = writer.finish()
    return transform(snapshot, collection, folder / "staged", Quarantine(folder / "quarantine"))


def put_rows(airtable: Airtable, collection: Collection, rows: Transformed) -> dict[str, str]:
    """Write staged rows without their links; record ids by legacy id."""
    found: dict[str, str] = {}
    every = list(rows.rows())
    for start in range(0, len(every), 10):
        fields = [row.fields for row in every[start : start + 10]]
        for record in airtable.upsert(BASE, collection.table, fields, [LEGACY_ID], typecast=True):
            found[record["fields"]["Legacy Wix ID"]] = record["id"]
    return found
