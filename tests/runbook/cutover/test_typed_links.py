"""Rows that were typed in the grid and linked there: Wix gets the keys that the links mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_platform import FLEET, INFRASTRUCTURE, PEOPLE, ROWS, fleet_site
from yard import go_back, turn_all

pytestmark = pytest.mark.slow
BY_PLATE = FLEET.replace("{truck: _id}", "{truck: plate}")
assert BY_PLATE != FLEET


@pytest.mark.parametrize(("fleet_yaml", "key"), [(FLEET, "_id"), (BY_PLATE, "plate")])
def test_a_typed_row_linked_to_a_typed_row_has_its_key_in_wix(tmp_path: Path, fleet_yaml: str, key: str) -> None:
    with fleet_site(tmp_path, ROWS, (INFRASTRUCTURE, fleet_yaml, PEOPLE)) as fleet:
        fleet.migrate(2)
        turn_all(fleet)
        airtable = fleet.connect().airtable
        (truck,) = airtable.create(fleet.base(), "Trucks", [{"Plate": "NEW"}])
        airtable.create(fleet.base(), "Trips", [{"Truck": [truck["id"]]}])
        go_back(fleet.platform, phase=2)
        (made,) = [item for item in fleet.items("Trucks").values() if item["plate"] == "NEW"]
        (trip,) = [item for item in fleet.items("Trips").values() if item["_id"] not in ("r0", "r1")]
        assert trip["truck"] == made[key]
