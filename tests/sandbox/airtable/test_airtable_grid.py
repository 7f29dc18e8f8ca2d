"""What people do in the grid: fields and tables deleted, types changed, choices renamed, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyairtable
import pytest
import requests

from sandbox import Sandbox

BASE = "appGrid0000000001"
SEED: dict[str, Any] = {
    "base": {"id": BASE, "name": "Grid"},
    "tables": [
        {
            "name": "Trucks",
            "fields": [
                {"name": "Plate", "type": "singleLineText"},
                {"name": "DOT", "type": "singleLineText"},
                {"name": "Kind", "type": "singleSelect", "options": {"choices": [{"name": "box"}, {"name": "van"}]}},
            ],
            "records": [
                {"fields": {"Plate": "P-0", "DOT": "17", "Kind": "box"}},
                {"fields": {"Plate": "P-1", "DOT": "n/a", "Kind": "van"}},
            ],
        },
        {
            "name": "Trips",
            "fields": [
                {"name": "Name", "type": "singleLineText"},
                {"name": "Truck", "type": "multipleRecordLinks", "options": {"linkedTable": "Trucks"}},
            ],
            "records": [{"fields": {"Name": "a", "Truck": ["P-0"]}}],
        },
    ],
}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off") as running:
        yield running


def rows(box: Sandbox, table: str = "Trucks") -> list[dict[str, Any]]:
    found = pyairtable.Api(box.token, endpoint_url=box.airtable_url).table(BASE, table).all()
    return [record["fields"] for record in found]


def names(box: Sandbox, table: str) -> list[str]:
    schema = pyairtable.Api(box.token, endpoint_url=box.airtable_url).base(BASE).schema()
    return [field.name for field in schema.table(table).fields]


def call(box: Sandbox, method: str, path: str, **more: Any) -> Any:
    url = f"{box.airtable_url}/v0/bases/{BASE}/webhooks{path}"
    return requests.request(method, url, headers={"Authorization": f"Bearer {box.token}"}, timeout=5, **more).json()


def test_a_field_is_deleted_with_its_cells_and_the_webhook_says_so(box: Sandbox) -> None:
    filters = {"dataTypes": ["tableData", "tableFields", "tableMetadata"]}
    hook = call(box, "POST", "", json={"notificationUrl": None, "specification": {"options": {"filters": filters}}})
    box.grid(BASE, "Trucks", field="DOT", delete=True)
    assert rows(box)[0] == {"Plate": "P-0", "Kind": "box", "Trips": rows(box)[0]["Trips"]}
    assert "DOT" not in names(box, "Trucks")
    box.grid(BASE, "Trips", field="Truck", delete=True)
    assert names(box, "Trucks") == ["Plate", "Kind"]
    assert rows(box, "Trips") == [{"Name": "a"}]
    box.grid(BASE, "Trips", delete=True)
    payloads = call(box, "GET", f"/{hook['id']}/payloads")["payloads"]
    (parts,) = payloads[0]["changedTablesById"].values()
    assert len(parts["destroyedFieldIds"]) == 1
    assert len(payloads[1]["changedTablesById"]) == 2
    assert len(payloads[2]["destroyedTableIds"]) == 1
    api = pyairtable.Api(box.token, endpoint_url=box.airtable_url)
    assert [table.name for table in api.base(BASE).schema().tables] == ["Trucks"]


def test_a_type_is_changed_and_keeps_what_it_can_read(box: Sandbox) -> None:
    box.grid(BASE, "Trucks", field="DOT", type="number", options={"precision": 0})
    assert [row.get("DOT") for row in rows(box)] == [17, None]
    box.grid(BASE, "Trucks", field="DOT", type="singleLineText")
    assert [row.get("DOT") for row in rows(box)] == ["17", None]


def test_a_choice_is_renamed_in_every_cell_at_once(box: Sandbox) -> None:
    box.grid(BASE, "Trucks", field="Kind", choice="box", name="Box")
    assert [row["Kind"] for row in rows(box)] == ["Box", "van"]


@pytest.mark.parametrize(
    "change",
    [
        {"table": "Trucks", "field": "Plate", "delete": True},
        {"table": "Trucks", "field": "Kind", "choice": "none", "name": "x"},
        {"table": "Trucks", "field": "DOT", "type": "nothing"},
        {"table": "Trucks", "field": "Nope", "delete": True},
        {"table": "Nope", "delete": True},
    ],
)
def test_what_the_grid_does_not_offer_is_refused(box: Sandbox, change: dict[str, Any]) -> None:
    before = rows(box)
    with pytest.raises(ValueError, match=r"\w"):
        box.grid(BASE, **change)
    assert rows(box) == before
