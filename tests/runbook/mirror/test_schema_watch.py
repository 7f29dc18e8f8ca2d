"""A table that a person changes stops its collection: the mirror keeps what it has, and says why, until it is mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mirror_kit import CATALOG, Fleet, carrier, items
from runbook.catalog import LEGACY_ID
from runbook.errors import AirtableError, SchemaDrift
from runbook.mirror import Mirror
from runbook.query import Query
from runbook.schema.identity import moved_of

TABLE = "The Carriers"
ROWS = {"c00000": "Carrier 0", "c00001": "Carrier 1", "c00002": "Carrier 2"}


def rows(mirror: Mirror, name: str = "Carriers") -> dict[str, Any]:
    return {item["_id"]: item.get("name") for item in mirror.find(name, Query().limit(1000))[0]}


def schema(fleet: Fleet) -> dict[str, Any]:
    return next(table for table in fleet.api.tables(fleet.base) if table["name"] == TABLE)


def rename(fleet: Fleet, column: str, name: str) -> None:
    table = schema(fleet)
    (found,) = [field for field in table["fields"] if field["name"] == column]
    fleet.api.update_field(fleet.base, table["id"], found["id"], {"name": name})


def filled(fleet: Fleet) -> Mirror:
    fleet.add("Carriers", *items(3))
    fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    mirror = fleet.mirror()
    mirror.load()
    return mirror


CHANGES: dict[str, tuple[Callable[[Fleet], None], str]] = {
    "id column renamed": (lambda f: rename(f, LEGACY_ID, "Id"), f"`Id` was `{LEGACY_ID}`.*repair-ids"),
    "column renamed": (lambda f: rename(f, "Name", "Title"), "`Title` was `Name`"),
    "column deleted": (lambda f: f.box.grid(f.base, TABLE, field="Name", delete=True), "Name: .*was deleted"),
    "column retyped": (
        lambda f: f.box.grid(f.base, TABLE, field="DOT", type="singleLineText"),
        "DOT: is a singleLineText",
    ),
    "table renamed": (
        lambda f: f.api.update_table(f.base, schema(f)["id"], {"name": "Lorries"}) and None,
        f"`Lorries` was `{TABLE}`",
    ),
    "table deleted": (lambda f: f.box.grid(f.base, TABLE, delete=True), "was deleted"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("watched", [True, False], ids=["with a webhook", "without one"])
def test_a_changed_table_stops_its_collection_alone(own_fleet: Fleet, what: str, watched: bool) -> None:
    fleet, (change, why) = own_fleet, CHANGES[what]
    if not watched:
        fleet.box.faults({"match": {"path": "/v0/bases/*/webhooks*"}, "kind": "status", "status": 403, "times": None})
    now = [1_790_000_000.0]
    fleet.add("Carriers", *items(3))
    fleet.add("Drivers", {"_id": "d1", "name": "Ann"})
    fleet.agree()
    mirror = fleet.mirror(clock=lambda: now[0])
    mirror.load()
    assert rows(mirror) == ROWS
    change(fleet)
    fleet.edit("Drivers", mirror.store.record_of("Drivers", "d1") or "", Name="Eve")
    for _ in range(4):
        now[0] += 400
        mirror.refresh()
    if what == "id column renamed":  # which row a record is is not known: services must not go on as if it were
        with pytest.raises(SchemaDrift, match=f"(?s){why}"):
            rows(mirror)
        assert mirror.store.record_of("Carriers", "c00001") is not None, "it keeps what it has"
    else:
        assert rows(mirror) == ROWS
        assert mirror.get("Carriers", "c00001")["dot"] == "100001"  # type: ignore[index]
    if what != "table deleted":  # that takes the links along that lead to it
        assert rows(mirror, "Drivers") == {"d1": "Eve"}
        assert mirror.age("Carriers") > mirror.age("Drivers")
    problem, *_ = mirror.problems()
    assert re.search(why, problem, re.DOTALL)
    with pytest.raises(SchemaDrift, match=f"(?s){why}"):
        mirror.load(["Carriers"])
    with pytest.raises(SchemaDrift, match=f"(?s){why}"):
        fleet.records(mirror).query("Carriers", consistent=True)
    with pytest.raises(SchemaDrift, match=f"(?s){why}"):
        fleet.records(mirror).patch("Carriers", "c00001", {"name": "x"})
    assert what == "id column renamed" or rows(mirror) == ROWS
    assert fleet.state.rows(fleet.base, "Carriers").all().keys() == ROWS.keys()
    assert None not in fleet.waiting("Carriers").values(), "no row counts as deleted"
    # Without a webhook the schema is not read at each sync: who carries rows back reads it first.
    assert not watched or fleet.waiting("Carriers") == {}


def test_once_it_is_as_it_was_the_collection_is_read_in_full(fleet: Fleet) -> None:
    mirror = filled(fleet)
    rename(fleet, LEGACY_ID, "Id")
    mirror.refresh()
    fleet.edit("Carriers", mirror.store.record_of("Carriers", "c00001") or "", Name="changed meanwhile")
    mirror.refresh()
    with pytest.raises(SchemaDrift):
        rows(mirror)
    rename(fleet, "Id", LEGACY_ID)
    result = mirror.refresh()
    assert result.full == ("Carriers",)
    assert rows(mirror) == {**ROWS, "c00001": "changed meanwhile"}
    assert mirror.problems() == []


def test_a_record_deleted_while_it_is_stopped_is_gone_once_it_goes_on(fleet: Fleet) -> None:
    mirror = filled(fleet)
    rename(fleet, "Name", "Title")
    fleet.delete("Carriers", mirror.store.record_of("Carriers", "c00002") or "")
    mirror.refresh()
    assert rows(mirror) == ROWS
    rename(fleet, "Title", "Name")
    mirror.refresh()
    assert rows(mirror).keys() == {"c00000", "c00001"}


def test_a_column_renamed_in_the_middle_of_a_full_sync_takes_no_value_away(fleet: Fleet) -> None:
    mirror = filled(fleet)
    records = fleet.api.records

    def renamed_meanwhile(base: str, table: str, **more: Any) -> Any:
        rename(fleet, "Name", "Title")
        fleet.api.records = records  # type: ignore[method-assign]
        return records(base, table, **more)

    fleet.api.records = renamed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(SchemaDrift, match="`Title` was `Name`"):
        mirror.load(["Carriers"])
    assert rows(mirror) == ROWS


def test_a_mirror_that_begins_after_the_change_serves_nothing_wrong(fleet: Fleet) -> None:
    filled(fleet).discard()
    rename(fleet, LEGACY_ID, "Id")
    mirror = fleet.mirror()
    with pytest.raises(SchemaDrift, match="repair-ids"):
        mirror.find("Carriers", Query())
    assert rows(mirror, "Drivers") == {"d1": "Ann"}


def test_a_renamed_choice_is_one_change_and_its_rows_are_read_again(fleet: Fleet) -> None:
    fleet.add("Carriers", carrier(1, tags=["a"]), carrier(2, tags=["a", "b"]))
    mirror = fleet.mirror()
    mirror.load()
    fleet.box.grid(fleet.base, TABLE, field="Tags", choice="a", name="A")
    result = mirror.refresh()
    assert result.full == ("Carriers",)
    assert [mirror.get("Carriers", i)["tags"] for i in ("c00001", "c00002")] == [["A"], ["A", "b"]]  # type: ignore[index]
    (problem,) = mirror.problems()
    assert "its choice `A` was `a`" in problem
    assert fleet.records(mirror).query("Carriers", consistent=True).items


def test_other_columns_that_people_add_are_no_news(fleet: Fleet) -> None:
    mirror = filled(fleet)
    fleet.api.create_field(fleet.base, schema(fleet)["id"], {"name": "Remarks", "type": "singleLineText"})
    assert mirror.refresh().full == ()
    rename(fleet, "Remarks", "Notes")
    assert mirror.refresh().full == ()
    assert (rows(mirror), mirror.problems()) == (ROWS, [])


def test_a_webhook_that_watches_records_only_is_replaced(fleet: Fleet) -> None:
    filters = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    body = {"notificationUrl": None, "specification": filters}
    path = f"bases/{fleet.base}/webhooks"
    old = fleet.api.request("POST", path, scope="webhook:manage", base=fleet.base, json=body)
    fleet.state.facts.replace_webhook(fleet.base, None, old["id"])
    mirror = filled(fleet)
    (hook,) = fleet.api.request("GET", path, scope="webhook:manage", base=fleet.base)["webhooks"]
    assert hook["id"] == fleet.state.facts.webhook(fleet.base) != old["id"]
    assert "tableFields" in hook["specification"]["options"]["filters"]["dataTypes"]
    assert rows(mirror) == ROWS


def test_without_a_mirror_a_renamed_column_makes_reads_and_writes_fail(fleet: Fleet) -> None:
    from runbook.records import AirtableRecords

    filled(fleet)
    rename(fleet, LEGACY_ID, "Id")
    records = AirtableRecords(fleet.api, fleet.base, CATALOG, fleet.state)
    for call in (
        lambda: records.query("Carriers"),
        lambda: records.get("Carriers", "c00001"),
        lambda: records.insert("Carriers", {"_id": "new", "name": "x"}),
        lambda: records.patch("Carriers", "c00001", {"name": "x"}),
        lambda: records.remove("Carriers", "c00001"),
    ):
        with pytest.raises(SchemaDrift, match=f"`Id` was `{LEGACY_ID}`"):
            call()
    assert fleet.state.rows(fleet.base, "Carriers").all().keys() == ROWS.keys()


def test_an_error_that_is_no_drift_stays_that_error(fleet: Fleet) -> None:
    mirror = filled(fleet)
    fault = {"match": {"path": f"/v0/{fleet.base}/*"}, "kind": "status", "status": 403, "times": None}
    fleet.box.faults(fault)
    with pytest.raises(AirtableError):
        mirror.load(["Carriers"])
    fleet.box.faults(clear=True)
    assert moved_of(CATALOG.collection("Carriers"), fleet.api.tables(fleet.base), None) == []
    assert rows(mirror) == ROWS
