"""Links as loaded, from both tables: right, dangling, cut, crossed, and by whoever else wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, BODY, connect, put_rows, seed, small_catalog, staged
from load_kit import SEED, World, trucks, world
from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.checks.link_columns import LinkCheck, verify_links
from runbook.readings import Readings
from runbook.schema import Tables, apply_schema, plan_schema
from sandbox import Sandbox

HUBS = [{"_id": f"h{n}", "name": f"Hub {n}", "code": n} for n in range(3)] + [
    {"_id": "twin1", "name": "a", "code": 77},
    {"_id": "twin2", "name": "b", "code": 77},
]
DRIVERS = [
    {"_id": "d0", "hub_code": "0", "old_hub": "h1"},
    {"_id": "d1", "hub_code": "1", "old_hub": "h1", "boss_id": "d0"},
    {"_id": "d2", "hub_code": "1", "old_hub": "nobody"},
    {"_id": "d3", "hub_code": "999"},
    {"_id": "d4", "hub_code": "77", "boss_id": "d4"},
]
RIGHT = {"d0": {"Hub": ["h0"], "Old Hub": ["h1"]}, "d1": {"Hub": ["h1"], "Old Hub": ["h1"], "Boss": ["d0"]}}
RIGHT |= {"d2": {"Hub": ["h1"]}, "d4": {"Boss": ["d4"]}}


class Loaded:
    def __init__(self, box: Sandbox, airtable: Airtable, catalog: Catalog, folder: Path) -> None:
        self.box, self.airtable, self.catalog, self.folder = box, airtable, catalog, folder
        names = ["hubs", "drivers", "routes"]
        apply_schema(plan_schema(catalog, names, airtable.tables(BASE)), airtable, BASE)
        self.rows = {
            "hubs": staged(folder, catalog.collection("hubs"), HUBS),
            "drivers": staged(folder, catalog.collection("drivers"), DRIVERS),
        }
        self.ids: dict[str, str] = {}
        for name, rows in self.rows.items():
            self.ids |= put_rows(airtable, catalog.collection(name), rows)
        for driver, links in RIGHT.items():
            self.link(driver, **links)

    def link(self, driver: str, **links: list[str]) -> None:
        fields = {name: [self.ids[one] for one in ids] for name, ids in links.items()}
        self.airtable.update(BASE, "Drivers", [{"id": self.ids[driver], "fields": fields}])

    def check(self) -> LinkCheck:
        tables = Tables(self.airtable.tables(BASE), self.catalog)
        drivers = self.catalog.collection("drivers")
        with Readings(self.airtable, BASE, tables, self.folder / ".readings", linking=[drivers]) as readings:
            return verify_links(readings, drivers, {row.id: row.links for row in self.rows["drivers"].rows()})

    def of(self, name: str) -> Any:
        return next(link for link in self.check().links if link.link == name)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        yield Loaded(box, airtable, small_catalog(tmp_path / "catalog"), tmp_path)


def test_links_that_hold(loaded: Loaded) -> None:
    check = loaded.check()
    assert check.passed
    counts = {k.link: (k.right, k.empty, k.dangling, k.ambiguous, k.wrong, k.inverse_wrong) for k in check.links}
    assert counts == {
        "Boss": (2, 3, 0, 0, 0, 0),
        "Hub": (3, 0, 1, 1, 0, 0),
        "Old Hub": (2, 2, 1, 0, 0, 0),
        "Routes": (0, 5, 0, 0, 0, 0),
    }
    assert {k.link: k.inverse_rows for k in check.links} == {"Boss": 0, "Hub": 2, "Old Hub": 1, "Routes": 0}
    assert check.facts()["passed"] is True
    assert (check.rows, check.missing, check.extra) == (5, 0, 0)
    assert "passed" in repr(check)


@pytest.mark.parametrize(
    ("driver", "cell"),
    [
        ("d0", {"Hub": []}),
        ("d0", {"Hub": ["h2"]}),
        ("d0", {"Hub": ["h0", "h2"]}),
        ("d3", {"Hub": ["h0"]}),
        ("d4", {"Hub": ["twin1"]}),
        ("d1", {"Boss": ["d1"]}),
        ("d1", {"Old Hub": []}),
    ],
    ids=["cut", "crossed", "one too many", "dangling but linked", "ambiguous but linked", "self", "other"],
)
def test_a_link_that_is_not_what_the_key_says(loaded: Loaded, driver: str, cell: dict[str, list[str]]) -> None:
    loaded.link(driver, **cell)
    check = loaded.check()
    assert not check.passed
    assert [k.link for k in check.links if k.wrong] == list(cell)
    assert any(f"drivers {driver}: {next(iter(cell))} holds" in words for words in check.examples)


def test_a_target_without_its_row_leaves_the_key_dangling(loaded: Loaded) -> None:
    loaded.airtable.delete(BASE, "Hubs", [loaded.ids["h1"]])
    hub = loaded.of("Hub")
    assert (hub.right, hub.dangling, hub.wrong, hub.passed) == (1, 3, 0, True)


def test_rows_on_one_side_only_are_counted(loaded: Loaded) -> None:
    loaded.airtable.delete(BASE, "Drivers", [loaded.ids["d0"]])
    loaded.airtable.create(BASE, "Drivers", [{"Legacy Wix ID": "new", "Hub": [loaded.ids["h2"]]}])
    check = loaded.check()
    assert (check.rows, check.missing, check.extra) == (4, 1, 1)
    assert next(k for k in check.links if k.link == "Hub").inverse_rows == 2
    boss = next(k for k in check.links if k.link == "Boss")
    assert (boss.dangling, boss.passed) == (1, True)


@pytest.mark.parametrize(
    ("hub", "lie", "words"),
    [
        ("h1", lambda held: None, "holds 0 rows of Drivers, 2 link to it"),
        ("h1", lambda held: [*held, "recNOBODY00000000"], "holds 3 rows of Drivers, 2 link to it"),
        ("h1", lambda held: [held[0], "recNOBODY00000000"], "holds 2 rows of Drivers, 2 link to it"),
        ("h2", lambda held: ["recNOBODY00000000"], "holds 1 rows of Drivers, 0 link to it"),
    ],
    ids=["none", "one too many", "another", "where none links to"],
)
def test_the_inverse_link_is_read_from_its_own_table(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, hub: str, lie: Callable[[Any], Any], words: str
) -> None:
    """What symmetric links make impossible on a sound service is seen all the same."""
    read = loaded.airtable.records

    def lying(base: str, table: str, **asked: Any) -> Any:
        for record in read(base, table, **asked):
            if record["id"] == loaded.ids[hub]:
                record["fields"]["Former Drivers"] = lie(record["fields"].get("Former Drivers"))
            yield record

    monkeypatch.setattr(loaded.airtable, "records", lying)
    check = loaded.check()
    assert [(k.link, k.wrong, k.inverse_wrong) for k in check.links if not k.passed] == [("Old Hub", 0, 1)]
    assert f"'Former Drivers' {words}" in check.examples[0]


def test_every_record_of_a_doubled_row_is_looked_at(loaded: Loaded) -> None:
    loaded.airtable.create(BASE, "Drivers", [{"Legacy Wix ID": "d0", "Hub": [loaded.ids["h0"]]}])
    check = loaded.check()
    # The double lacks its old hub; and d1, whose boss is d0, has two to choose from.
    assert {k.link: k.wrong for k in check.links} == {"Boss": 1, "Hub": 0, "Old Hub": 1, "Routes": 0}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[World]:
    with Sandbox(seed=SEED, requests_per_second="off") as box, world(box, tmp_path) as made:
        made.load("Trucks", [*trucks(3), {"_id": "007"}])
        made.load("Owners", [{"_id": "o1", "fleet": ["t2", "007", "t0"]}, {"_id": "o2", "fleet": ["t1", "nobody"]}])
        yield made


def check_fleet(w: World) -> LinkCheck:
    owners = w.catalog.collection("Owners")
    tables = Tables(w.airtable.tables(BASE), w.catalog)
    rows = w.staged["Owners"].rows()
    with Readings(w.airtable, BASE, tables, w.folder / ".readings", linking=[owners]) as readings:
        return verify_links(readings, owners, {row.id: row.links for row in rows}, w.state)


def test_the_order_of_a_list_says_nothing_and_each_of_it_counts(fleet: World) -> None:
    (owner,) = (r for r in fleet.airtable.records(BASE, "Owners") if r["fields"]["Legacy Wix ID"] == "o1")
    check = check_fleet(fleet)
    assert [(k.right, k.dangling, k.wrong, k.inverse_rows, k.inverse_wrong) for k in check.links] == [(1, 1, 0, 4, 0)]
    held = owner["fields"]["Fleet"]
    fleet.airtable.update(BASE, "Owners", [{"id": owner["id"], "fields": {"Fleet": held[::-1]}}])
    assert check_fleet(fleet).passed
    fleet.airtable.update(BASE, "Owners", [{"id": owner["id"], "fields": {"Fleet": held[:2]}}])
    assert [k.wrong for k in check_fleet(fleet).links] == [1]


def test_rows_under_another_record_than_state_knows_are_counted(fleet: World) -> None:
    assert check_fleet(fleet).state_differs == 0
    fleet.state.rows(BASE, "Owners").put({"o1": "recSOMEWHEREELSE0"})
    check = check_fleet(fleet)
    assert check.state_differs == 1
    assert "1 row with another record than" in repr(check)


def test_a_missing_link_column_fails(loaded: Loaded) -> None:
    tables = loaded.airtable.tables(BASE)
    drivers = next(t for t in tables if t["name"] == "Drivers")
    hub = next(f for f in drivers["fields"] if f["name"] == "Hub")
    loaded.airtable.update_field(BASE, drivers["id"], hub["id"], {"name": "Depot"})
    found = loaded.of("Hub")
    assert not found.passed
    assert "provision" in found.problem


def test_a_key_that_only_the_original_has_is_known(tmp_path: Path) -> None:
    """A code that its column cannot hold stands in Wix Original, and leads all the same."""
    body = BODY.replace("precision: 0, lookup: true}", "precision: 0, loose: true}")
    catalog = small_catalog(tmp_path / "catalog", body)
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        HUBS.append({"_id": "text", "name": "t", "code": "0042"})
        DRIVERS.append({"_id": "d9", "hub_code": "42"})
        try:
            loaded = Loaded(box, airtable, catalog, tmp_path)
        finally:
            HUBS.pop()
            DRIVERS.pop()
        assert [k.wrong for k in loaded.check().links if k.link == "Hub"] == [1]
        loaded.link("d9", Hub=["text"])
        assert loaded.check().passed


def test_it_reads_each_table_once(loaded: Loaded) -> None:
    before = len(loaded.airtable.log.rows())
    loaded.check()
    sent = loaded.airtable.log.rows()[before:]
    assert {row.method for row in sent} == {"GET"}
    assert len(sent) == 1 + 3  # schema; hubs, drivers and routes
