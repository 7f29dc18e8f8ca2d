"""A base of one's own in a sandbox, mirrors of it, and people who edit it behind everyone's back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from every_kind import field
from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, Catalog, Collection, Link, Phase
from runbook.json_types import Item
from runbook.mapping import Mapping
from runbook.merge import RowMerge
from runbook.mirror import Mirror
from runbook.records import AirtableRecords
from runbook.schema.tables import create_spec, original_spec
from runbook.state import AgreedRow, PendingRow, State
from sandbox import Sandbox

_SYSTEM = (
    field("_id", "text", "singleLineText", name=LEGACY_ID, required=True, unique=True),
    field("_owner", "text", "singleLineText", name="Wix Owner ID"),
    field("_createdDate", "datetime", "dateTime", name="Wix Created"),
    field("_updatedDate", "datetime", "dateTime", name="Wix Updated"),
)


def collection(name: str, *fields: Any, **parts: Any) -> Collection:
    return Collection(
        wix=name, table=f"The {name}", phase=1, tab_group="All", flag=name.lower(), primary=LEGACY_ID,
        fields=(*fields, *_SYSTEM), **parts,
    )  # fmt: skip


CARRIERS = collection(
    "Carriers",
    field("dot", "text", "number", precision=0, name="DOT", lookup=True),
    field("name", "text", "singleLineText", name="Name", lookup=True),
    field("trucks", "number", "number", precision=2, name="Trucks", lookup=True),
    field("since", "datetime", "dateTime", name="Since", lookup=True),
    field("tags", "array", "multipleSelects", choices=["a", "b"], open=True, name="Tags", lookup=True),
    field("insured", "boolean", "checkbox", name="Insured"),
    field("_publishStatus", "text", "singleLineText", name="Publish Status"),
)
DRIVERS = collection(
    "Drivers",
    field("name", "text", "singleLineText", name="Name"),
    field("carrier_dot", "text", "singleLineText", name="Carrier DOT", lookup=True),
    links=(Link(name="Carrier", to="Carriers", on={"carrier_dot": "dot"}),),
)


def catalog(*collections: Collection) -> Catalog:
    return Catalog(
        base="Fleet",
        tab_groups=("All",),
        flags=tuple(c.flag for c in collections),
        phases=(Phase(number=1, name="one", title="One", collections=collections),),
    )


CATALOG = catalog(CARRIERS, DRIVERS)
_numbers = itertools.count(1)


class Fleet:
    """A base with the tables of `CATALOG`, no row in it, and the state of those who migrated it."""

    def __init__(self, box: Sandbox, folder: Path) -> None:
        self.box, self.folder = box, folder
        self.base = f"appFleet{next(_numbers):09}"
        tables = []
        for c in CATALOG.collections.values():
            columns = [*map(create_spec, c.columns), original_spec()]
            links = [
                {"name": link.name, "type": "multipleRecordLinks", "options": {"linkedTable": f"The {link.to}"}}
                for link in c.links
            ]
            tables.append({"name": c.table, "fields": [*columns, *links]})
        box.seed({"base": {"id": self.base, "name": "Fleet"}, "tables": tables})
        self.state = State(f"sqlite:///{folder / 'state.db'}")
        self.state.flags.create(CATALOG.flags)
        self.api = self.client()
        self._opened: list[Mirror] = []

    def client(self, **settings: Any) -> Airtable:
        told = {"backoff": 0.001, "tries": 2, **settings}
        return Airtable(
            self.box.token,
            url=self.box.airtable_url,
            rate_limiter=lambda base: RateLimiter(self.state, base, None, penalty=0.001),
            **told,
        )

    def mirror(self, of: Catalog = CATALOG, **settings: Any) -> Mirror:
        """A mirror in the one file of this fleet, as each process has one."""
        made = Mirror(self.api, self.base, of, self.state, self.file, **settings)
        self._opened.append(made)
        return made

    def records(self, mirror: Mirror) -> AirtableRecords:
        return AirtableRecords(self.api, self.base, CATALOG, self.state, mirror=mirror)

    @property
    def file(self) -> Path:
        return self.folder / "mirror.db"

    def close(self) -> None:
        for mirror in self._opened:
            mirror.close()
        self.api.close()
        self.state.close()

    # What people do in Airtable

    def add(self, name: str, *items: Item, known: bool = True) -> list[str]:
        """Records for items, in the base; `known`: by state, as those are that were migrated."""
        c = CATALOG.collection(name)
        mapping = Mapping(c)
        rows = [mapping.to_airtable(item).fields for item in items]
        made: list[str] = []
        for start in range(0, len(rows), 10):
            made += [record["id"] for record in self.api.create(self.base, c.table, rows[start : start + 10])]
        if known:
            landed = {item["_id"]: record for item, record in zip(items, made, strict=True)}
            self.state.rows(self.base, name).put(landed)
        return made

    def edit(self, name: str, record: str, **cells: Any) -> None:
        self.api.update(self.base, CATALOG.collection(name).table, [{"id": record, "fields": cells}])

    def delete(self, name: str, *records: str) -> None:
        self.api.delete(self.base, CATALOG.collection(name).table, records)

    def turn(self, side: str) -> None:
        for flag in CATALOG.flags:
            self.state.flags.set(flag, side, who="a test", why="to see both sides")

    # What is on record for Wix

    def agree(self) -> None:
        """Both sides agree on all rows as they are in the base now, and services are turned to Airtable."""
        for name, c in CATALOG.collections.items():
            merge = RowMerge(c, [link.name for link in c.links], lambda record: True)
            rows = self.state.rows(self.base, name)
            rows.agree(
                AgreedRow(record["fields"][LEGACY_ID], record["id"], None, merge.answer(record["fields"]), "{}")
                for record in self.api.records(self.base, c.table)
            )
        self.turn("airtable")

    def outbox(self, name: str = "Carriers") -> dict[str, PendingRow]:
        """The lines that wait to be carried back, by legacy id."""
        return {row.legacy_id: row for row in self.state.outbox(self.base, name).rows(held=True)}

    def waiting(self, name: str = "Carriers") -> dict[str, Any]:
        """By legacy id the name that is to be carried back; None: the row is to be removed."""
        return {id_: row.fields and row.fields.get("Name") for id_, row in self.outbox(name).items()}

    # What Airtable was asked

    def requests(self) -> int:
        return int(self.box.stats()["airtable"].get(self.base, {}).get("requests", 0))


def items(count: int, start: int = 0) -> list[Item]:
    """Carriers as they come back from Airtable, in the order of their numbers the oldest first."""
    return [carrier(number) for number in range(start, start + count)]


def carrier(number: int, **more: Any) -> Item:
    return {
        "_id": f"c{number:05}",
        "_createdDate": {
            "$date": f"2026-01-{number // 1440 % 28 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00.000Z"
        },
        "dot": str(100_000 + number),
        "name": f"Carrier {number}",
        "trucks": number % 50,
        "insured": False,
        "tags": [],
        **more,
    }


def ids(found: Iterable[Item]) -> list[str]:
    return [item["_id"] for item in found]
