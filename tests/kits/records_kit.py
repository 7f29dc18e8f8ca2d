"""A Wix site and a base with one small catalog, empty, and records over them in every way there is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from emptying import empty_base
from every_kind import COPIES, FIELDS, LINKS, field
from noting_client import NotingClient
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, Catalog, Collection, Kept, Link, Phase
from runbook.json_types import Fields, Item
from runbook.mirror import Mirror
from runbook.query.values import stamp
from runbook.records import AirtableRecords, Records, RoutedRecords, WixRecords
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.schema.base import find_or_create_base
from runbook.state import State
from runbook.wix.client import DATA
from sandbox import Sandbox

START = datetime(2026, 1, 21, 12, tzinfo=UTC)
NAMES = (
    "wix",
    "airtable",
    "airtable without mirror",
    "airtable through the journal",
    "routed to wix",
    "routed to airtable",
)
DATES = ("_createdDate", "_updatedDate")
OWNER = "3f0a7a1e-0000-4000-8000-00000000beef"

_SYSTEM = (
    field("_owner", "text", "singleLineText", name="Wix Owner ID", personal=True),
    field("_createdDate", "datetime", "dateTime", name="Wix Created"),
    field("_updatedDate", "datetime", "dateTime", name="Wix Updated"),
)
_ID = FIELDS[0]


def _collection(name: str, flag: str, *fields: Any, **parts: Any) -> Collection:
    return Collection(
        wix=name, table=f"The {name}", phase=2, tab_group="All", flag=flag, primary=LEGACY_ID,
        fields=(*fields, *_SYSTEM), **parts,
    )  # fmt: skip


CARRIERS = _collection(
    "Carriers",
    "core",
    _ID,
    field("dot_number", "text", "number", precision=0, name="DOT Number", lookup=True),
    field("legal_name", "text", "singleLineText", name="Legal Name"),
    field("status", "text", "singleSelect", name="Status", choices=["active", "inactive"]),
    field("trucks", "number", "number", precision=0, name="Trucks"),
    field("insured", "boolean", "checkbox", name="Insured"),
)
DRIVERS = _collection(
    "Drivers",
    "core",
    _ID,
    field("name", "text", "singleLineText", name="Name", required=True),
    field("carrier_dot", "text", "singleLineText", name="Carrier DOT"),
    field("carrier_id", "reference", "singleLineText", name="Carrier ID", lookup=True),
    field("carrier_ids", "array", "multilineText", name="Carrier IDs"),
    field("skills", "array", "multipleSelects", name="Skills", choices=["hazmat"], open=True),
    links=(
        Link(name="Carrier", to="Carriers", on={"carrier_id": "_id", "carrier_dot": "dot_number"}),
        Link(name="Carriers", to="Carriers", on={"carrier_ids": "_id"}, inverse="All Drivers"),
    ),
)
PAGES = _collection(
    "Pages",
    "all",
    _ID,
    field("title", "text", "singleLineText", name="Title"),
    field("_publishStatus", "text", "singleLineText", name="Publish Status"),
)
EVERYTHING = _collection("Everything", "all", *FIELDS, copies=COPIES, links=LINKS)
CATALOG = Catalog(
    base="Records",
    tab_groups=("All",),
    flags=("core", "all"),
    phases=(Phase(number=2, name="two", title="Two", collections=(CARRIERS, DRIVERS, PAGES, EVERYTHING)),),
    kept=(Kept(wix="Sessions", reason="they live for an hour"),),
)
SITE = (*CATALOG.collections, "Sessions")
PLUGIN = {"type": "PUBLISH", "publishOptions": {"defaultStatus": "PUBLISHED"}}


class Both:
    """Both sides, for a whole session. `now` is what stamps rows in Airtable; `at` moves it and the sandbox's clock."""

    def __init__(self, box: Sandbox, folder: Path, url: str | None = None) -> None:
        self.box, self.folder = box, folder
        self.url = url or f"sqlite:///{folder / 'state.db'}"
        self.client = NotingClient(box.wix_url, box.wix_key, box.site_id, sleep=lambda seconds: None)
        for name in SITE:
            body: Item = {"id": name, "fields": [{"key": "name", "type": "TEXT"}]}
            if name == "Pages":
                body["plugins"] = [PLUGIN]
            self.client.request("POST", f"{DATA}/collections", {"collection": body}, what=f"make {name}")
        self.state = State(self.url)
        self.wix = WixRecords(self.client, CATALOG, self.state.locks)
        self.api = Airtable(
            box.token,
            url=box.airtable_url,
            rate_limiter=lambda base: RateLimiter(self.state, base, None, penalty=0.001),
            backoff=0.001,
            tries=3,
        )
        every = list(CATALOG.collections.values())
        self.base = find_or_create_base(
            self.api, self.state, base_id=None, workspace_id=box.workspace_id, name="Records", catalog=CATALOG
        )
        apply_schema(plan_schema(CATALOG, every, self.api.tables(self.base)), self.api, self.base)
        self.tables = Tables(self.api.tables(self.base), CATALOG)
        self.mirror = Mirror(self.api, self.base, CATALOG, self.state, folder / "mirror.db")
        self.mirror.load()
        self.mirrored = self.over(self.mirror)
        self.journaled = self.over(self.mirror)._with(durable="journal")
        self.journaled.journal.is_running = True  # nothing is sent but on demand
        self.bare = self.over(None)
        self.routed = RoutedRecords(CATALOG, self.state, self.wix, self.mirrored)
        self._emptied = len(self.api.log)
        self.at(START)

    def over(self, mirror: Mirror | None) -> AirtableRecords:
        """Records over the base, as another process would have them."""
        return AirtableRecords(self.api, self.base, CATALOG, self.state, mirror=mirror, now=lambda: self.now)

    def records(self, name: str) -> Records:
        """One of `NAMES`."""
        if name.startswith("routed"):
            self.turn(name.removeprefix("routed to "))
            return self.routed
        return {
            "wix": self.wix,
            "airtable": self.mirrored,
            "airtable without mirror": self.bare,
            "airtable through the journal": self.journaled,
        }[name]

    def turn(self, side: str) -> None:
        """Turn every flag."""
        for flag in CATALOG.flags:
            self.state.flags.set(flag, side, who="a test", why="to see both sides")

    def at(self, timestamp: datetime) -> None:
        """Let the clocks of both sides show `moment`."""
        self.now = timestamp
        self.box.clock(now=stamp(timestamp))

    def later(self, seconds: float = 1.0) -> datetime:
        """Let time go on; the time it is then."""
        self.at(self.now + timedelta(seconds=seconds))
        return self.now

    def rows(self, collection: str) -> dict[str, dict[str, Any]]:
        """The records that Airtable holds, by legacy id, once it has what services wrote; each whole."""
        self.journaled.journal.drain(10.0)
        found = list(self.api.records(self.base, CATALOG.collection(collection).table))
        by_id = {record["fields"].get(LEGACY_ID): record for record in found}
        assert len(by_id) == len(found)
        return by_id

    def cells(self, collection: str, item_id: str) -> Fields:
        """The cells that Airtable holds of an item."""
        return dict(self.rows(collection)[item_id]["fields"])

    def edit(self, collection: str, item_id: str, fields: Fields) -> None:
        """Change cells behind everyone's back, as a person in Airtable does."""
        record = self.rows(collection)[item_id]["id"]
        self.api.update(self.base, CATALOG.collection(collection).table, [{"id": record, "fields": fields}])

    def delete(self, collection: str, item_ids: Iterable[str]) -> None:
        """Delete rows behind everyone's back."""
        rows = self.rows(collection)
        self._delete(collection, [rows[item_id]["id"] for item_id in item_ids])

    def _delete(self, collection: str, records: list[str]) -> None:
        for start in range(0, len(records), 10):
            self.api.delete(self.base, CATALOG.collection(collection).table, records[start : start + 10])

    def request_count(self) -> int:
        """How many requests went to Airtable so far."""
        return len(self.api.log)

    def written(self, start: int) -> list[str]:
        """What the requests to Airtable since `start` wrote: methods but GET and the POSTs that only read."""
        rows = self.api.log.rows(start)
        return [row.method for row in rows if row.method in ("PATCH", "PUT", "DELETE") or "create" in row.what]

    def empty(self) -> None:
        """Take every row out again, and every fault."""
        self.box.faults(clear=True)
        self.client.empty()
        pending = self.state.pending_writes(self.base)
        lines = [line.id for refused in (False, True) for line in pending.lines(refused=refused)]
        if lines:
            pending.finish(lines)
            self.mirror.overlay_all()
        self._emptied = empty_base(self.api, self.base, self.tables, self.state, self.mirror, self._emptied)

    def close(self) -> None:
        self.journaled.journal.close()
        self.mirror.close()
        self.api.close()
        self.client.close()
        self.state.close()


def without_dates(item: Item | None) -> Item | None:
    """An item without the stamps that the side sets."""
    return None if item is None else {key: value for key, value in item.items() if key not in DATES}


def ids(items: Iterable[Item]) -> list[str]:
    """The ids of items, in their order."""
    return [item["_id"] for item in items]
