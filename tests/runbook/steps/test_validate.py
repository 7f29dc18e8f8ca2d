"""Validating a table in the sandbox's Airtable: what was loaded is green, whatever is planted afterwards is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.catalog import LEGACY_ID, load_catalog
from runbook.checks.suites import write_suites
from runbook.errors import CheckFailed, CheckNotRun
from runbook.quarantine import Entry, Quarantine
from runbook.readings import Readings
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.snapshot import Snapshot, SnapshotWriter
from runbook.staged import Transformed
from runbook.state import State
from runbook.steps.transform import transform
from runbook.steps.validate import Validated, validate
from sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

BASE = "appValidate000001"
SEED = {
    "base": {"id": BASE, "name": "People"},
    "tables": [{"name": "Other", "fields": [{"name": "Name", "type": "singleLineText"}]}],
}
CATALOG: dict[str, Any] = {
    "phase": 2, "name": "people", "title": "People", "base": "People", "tab_groups": ["All"],
    "system_fields": [
        {"wix": "_id", "wix_type": "text", "name": LEGACY_ID, "type": "singleLineText", "required": True, "unique": True},
        {"wix": "_createdDate", "wix_type": "datetime", "name": "Wix Created", "type": "dateTime"},
        {"wix": "_updatedDate", "wix_type": "datetime", "name": "Wix Updated", "type": "dateTime"},
    ],
    "collections": [
        {
            "wix": "Firms", "table": "Firms", "tab_group": "All", "flag": "firms", "primary": "Title",
            "fields": [
                {"wix": "title", "wix_type": "text", "name": "Title", "type": "singleLineText"},
                {"wix": "dot", "wix_type": "number", "name": "DOT", "type": "number", "precision": 0, "lookup": True},
            ],
        },
        {
            "wix": "People", "table": "People", "tab_group": "All", "flag": "people", "primary": "Name",
            "fields": [
                {"wix": "name", "wix_type": "text", "name": "Name", "type": "singleLineText", "personal": True},
                {"wix": "note", "wix_type": "text", "name": "Note", "type": "multilineText"},
                {"wix": "story", "wix_type": "richtext", "name": "Story", "type": "richText"},
                {"wix": "mail", "wix_type": "email", "name": "Mail", "type": "email", "personal": True},
                {"wix": "site", "wix_type": "url", "name": "Site", "type": "url"},
                {"wix": "phone", "wix_type": "phone", "name": "Phone", "type": "phoneNumber", "personal": True},
                {"wix": "age", "wix_type": "number", "name": "Age", "type": "number", "precision": 0, "maximum": 150},
                {"wix": "pay", "wix_type": "number", "name": "Pay", "type": "currency", "precision": 2, "symbol": "$"},
                {"wix": "share", "wix_type": "number", "name": "Share", "type": "percent", "precision": 4},
                {"wix": "active", "wix_type": "boolean", "name": "Active", "type": "checkbox"},
                {"wix": "born", "wix_type": "date", "name": "Born", "type": "date"},
                {"wix": "seen", "wix_type": "datetime", "name": "Seen", "type": "dateTime"},
                {"wix": "status", "wix_type": "text", "name": "Status", "type": "singleSelect", "choices": ["new", "old"]},
                {"wix": "tags", "wix_type": "tags", "name": "Tags", "type": "multipleSelects", "choices": ["a", "b"]},
                {"wix": "extra", "wix_type": "object", "name": "Extra", "type": "multilineText"},
                {"wix": "firm_dot", "wix_type": "text", "name": "Firm DOT", "type": "singleLineText"},
                {"wix": "boss", "wix_type": "reference", "name": "Boss ID", "type": "singleLineText"},
            ],
            "links": [
                {"name": "Firm", "to": "Firms", "on": {"firm_dot": "dot"}},
                {"name": "Boss", "to": "People", "on": {"boss": "_id"}},
            ],
        },
    ],
}  # fmt: skip
FIRMS = [{"_id": f"firm-{n}", "title": f"Firm {n}", "dot": 100 + n} for n in range(3)]
ROWS = 23  # more than two requests' worth


def person(n: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "_id": f"id-{n}", "_createdDate": {"$date": "2025-01-01T00:00:00.000Z"},
        "_updatedDate": {"$date": "2025-06-01T00:00:00.000Z"}, "name": f"Ann {n}", "note": "two\nlines", "story": "A story",
        "mail": f"ann{n}@example.com", "site": "https://example.com/a", "phone": "555-0100", "age": 30 + n, "pay": 12.5,
        "share": 0.25, "active": n % 2 == 0, "born": "1990-01-31", "seen": {"$date": "2025-05-01T10:11:12.345Z"},
        "status": "new", "tags": ["a", "b"], "extra": {"k": [1, None]}, "firm_dot": str(100 + n % 3), "boss": "id-0",
    }  # fmt: skip
    if n == 1:
        made |= {"firm_dot": "999", "boss": "nobody"}  # lead nowhere
    if n == 2:
        made = {"_id": "id-2", "name": None, "age": "42", "shoe": {"size": 44}}  # nulls, text, unknown keys
    return made


PEOPLE = [
    *(person(n) for n in range(ROWS)),
    {**person(3), "name": "a second of this id"},  # these two go into quarantine
    {**person(90), "status": "none of the choices"},
]


class World:
    """Two collections loaded into the sandbox by the plainest loader, and what a run would have of them."""

    def __init__(self, airtable: Airtable, state: State, folder: Path) -> None:
        self.airtable, self.state, self.folder = airtable, state, folder
        (folder / "catalog").mkdir()
        (folder / "catalog" / "one.yaml").write_text(yaml.safe_dump(CATALOG))
        self.catalog = load_catalog(folder / "catalog")
        self.quarantine = Quarantine(folder / "quarantine")
        write_suites(self.catalog, folder / "suites")
        apply_schema(plan_schema(self.catalog, ["Firms", "People"], airtable.tables(BASE)), airtable, BASE)
        self.tables = Tables(airtable.tables(BASE), self.catalog)
        self.steps: dict[str, tuple[Snapshot, Transformed]] = {}
        firms = self.load("Firms", FIRMS)
        state.rows(BASE, "Firms").replace_key("dot", {f["_id"]: str(f["dot"]) for f in FIRMS})
        self.people = self.load("People", PEOPLE)
        updates = []
        for one in PEOPLE[:ROWS]:
            firm, boss = firms.get(f"firm-{int(one.get('firm_dot', 0)) - 100}"), self.people.get(one.get("boss", ""))
            cells = {"Firm": [firm] if firm else [], "Boss": [boss] if boss else []}
            updates.append({"id": self.people[one["_id"]], "fields": cells})
        for at in range(0, len(updates), 10):
            airtable.update(BASE, self.tables.id("People"), updates[at : at + 10])

    def load(self, name: str, items: list[dict[str, Any]]) -> dict[str, str]:
        collection = self.catalog.collection(name)
        with SnapshotWriter(self.folder / "snapshots", collection, source="test") as writer:
            for item in items:
                writer.write(item)
            snapshot = writer.finish()
        transformed = transform(snapshot, collection, self.folder / "staged", self.quarantine)
        self.steps[name] = (snapshot, transformed)
        rows = list(transformed.rows())
        records = {}
        for at in range(0, len(rows), 10):
            made = self.airtable.upsert(
                BASE, self.tables.id(name), [row.fields for row in rows[at : at + 10]], [LEGACY_ID]
            )
            records |= {record["fields"][LEGACY_ID]: record["id"] for record in made}
        self.state.rows(BASE, name).put(records)
        return records

    def validate(self, name: str = "People", *, assign: bool = False, **more: Any) -> Validated:
        tables = Tables(self.airtable.tables(BASE), self.catalog)
        with Readings(self.airtable, BASE, tables, self.folder / ".readings") as readings:
            if assign:
                readings.assign_ids(name, self.state)
            return validate(
                *self.steps[name],
                self.catalog.collection(name),
                readings=readings,
                state=self.state,
                quarantine=self.quarantine,
                suites=self.folder / "suites",
                **more,
            )

    def change(self, legacy: str, **cells: Any) -> None:
        self.airtable.update(BASE, self.tables.id("People"), [{"id": self.people[legacy], "fields": cells}])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox(seed=SEED, requests_per_second="off") as box, State(f"sqlite:///{tmp_path / 'state.db'}") as state:
        airtable = Airtable(box.token, url=box.airtable_url, rate_limiter=lambda base: RateLimiter(state, base, None))
        yield World(airtable, state, tmp_path)
        airtable.close()


def test_what_was_loaded_is_green(world: World) -> None:
    done = world.validate()
    assert done.green, done
    assert (done.exported, done.loaded, done.quarantined) == (ROWS + 2, ROWS, 2)
    facts = done.facts()
    assert facts["verified_rows"] == ROWS
    assert facts["unexplained"] == 0
    assert facts["cells_compared"] == ROWS * (20 + 2 + 1)
    assert facts["explained"] == {"dangling link": 2}
    assert facts["checks"]["failed"] == facts["checks"]["errors"] == 0
    assert facts["checks"]["passed"] > 40
    assert done.outcomes()["cells"] == "pass"
    assert done.outcomes()["links"] == "warn"
    assert set(done.outcomes()) >= {"rows", "columns", "types", "filled", "unique", "values", "ranges", "lengths"}
    assert done.require() is done
    assert "green" in repr(done)
    assert world.validate("Firms").green


def test_progress_ends_at_the_total(world: World) -> None:
    progress: list[tuple[int, int]] = []
    world.validate(on_progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (ROWS, ROWS)


WRONG: list[tuple[str, Any]] = [
    ("Name", "Bob"), ("Note", "one line"), ("Story", "Another story"), ("Mail", "bob@example.com"),
    ("Site", "https://example.com/b"), ("Phone", "555-0199"), ("Age", 31), ("Pay", 12.51), ("Share", 0.2501),
    ("Active", False), ("Born", "1990-02-01"), ("Seen", "2025-05-01T10:11:12.000Z"), ("Status", "old"), ("Tags", ["a"]),
    ("Extra", '{"k":[1]}'), ("Boss ID", None), ("Firm DOT", "0"), ("Wix Created", "2025-01-01T00:00:01.000Z"),
    ("Wix Updated", None), ("Wix Original", "{}"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("column", "value"), WRONG, ids=[column for column, _ in WRONG])
def test_a_wrong_cell_is_found_and_named(world: World, column: str, value: Any) -> None:
    world.change("id-4", **{column: value})
    done = world.validate()
    assert not done.green
    assert [(d.id, d.column) for d in done.comparison.unexplained] == [("id-4", column)]
    assert any("id-4" in reason and column in reason for reason in done.reasons)
    assert done.outcomes()["cells"] == "fail"
    with pytest.raises(CheckFailed, match="People is not validated"):
        done.require()


def test_every_column_has_a_wrong_cell_above(world: World) -> None:
    columns = {c.name for c in world.catalog.collection("People").columns}
    assert columns - {column for column, _ in WRONG} == {LEGACY_ID}


def test_two_swapped_links_are_found(world: World) -> None:
    firms = {legacy: known.record_id for legacy, known in world.state.rows(BASE, "Firms").all().items()}
    world.change("id-3", Firm=[firms["firm-1"]])
    world.change("id-4", Firm=[firms["firm-0"]])
    done = world.validate()
    assert [(d.id, d.column, d.why) for d in done.comparison.unexplained] == [
        ("id-3", "Firm", "holds firm-1; its key means firm-0"),
        ("id-4", "Firm", "holds firm-0; its key means firm-1"),
    ]
    (failed,) = [o for o in done.target.outcomes if o.verdict == "fail"]
    assert (failed.column, failed.ids, failed.kind) == ("Firm (holds it)", ("id-3", "id-4"), "links")


def test_a_link_that_was_taken_out_is_found(world: World) -> None:
    world.change("id-5", Boss=[])
    assert [(d.id, d.column) for d in world.validate().comparison.unexplained] == [("id-5", "Boss")]


def test_a_missing_row_is_found(world: World) -> None:
    world.airtable.delete(BASE, world.tables.id("People"), [world.people["id-7"]])
    done = world.validate()
    assert done.comparison.missing == ("id-7",)
    assert done.loaded == ROWS - 1
    assert done.reasons[0] == f"{ROWS + 2} rows were exported, but {ROWS - 1} are loaded and 2 in quarantine"
    assert ("expect_table_row_count_to_equal", "fail") in [(o.type, o.verdict) for o in done.target.outcomes]


def test_a_doubled_row_is_found(world: World) -> None:
    (twin,) = world.airtable.create(BASE, world.tables.id("People"), [{LEGACY_ID: "id-7", "Name": "Ann 7"}])
    done = world.validate()
    assert set(done.comparison.duplicates["id-7"]) == {world.people["id-7"], twin["id"]}
    unique = [o for o in done.target.outcomes if o.kind == "unique" and o.verdict == "fail"]
    assert [(o.column, o.ids) for o in unique] == [(LEGACY_ID, ("id-7",))]
    assert done.loaded == ROWS


def test_an_extra_row_with_and_without_an_id_is_found(world: World) -> None:
    (bare,) = world.airtable.create(BASE, world.tables.id("People"), [{"Name": "typed by hand"}])
    world.airtable.create(BASE, world.tables.id("People"), [{LEGACY_ID: "id-100"}])
    done = world.validate()
    assert done.comparison.extra == ("id-100",)
    assert done.comparison.without_id == (bare["id"],)
    assert done.reasons[0] == "1 row in Airtable, but not staged: id-100"
    assert f"not complete yet: {bare['id']}" in done.warnings[-1]


def test_rows_typed_in_the_grid_turn_nothing_red(world: World) -> None:
    table = world.tables.id("People")
    cells = {"Name": "typed by hand", "Age": 999}
    (record,) = world.airtable.create(BASE, table, [cells])
    (twin,) = world.airtable.create(BASE, table, [{LEGACY_ID: "id-7", "Name": "Ann 7"}])
    (half,) = world.airtable.create(BASE, table, [{}])
    done = world.validate(assign=True)
    assert done.green, done
    assert (done.comparison.created, done.comparison.without_id) == (2, (half["id"],))
    assert done.loaded == ROWS
    created = world.state.rows(BASE, "People").changes()
    assert set(created.values()) == {"created"}
    assert {r["id"] for r in world.airtable.records(BASE, table) if r["fields"].get(LEGACY_ID) in created} == {
        record["id"], twin["id"],
    }  # fmt: skip


def test_a_legacy_id_that_is_emptied_by_hand_turns_nothing_red(world: World) -> None:
    world.change("id-3", **{LEGACY_ID: None})
    done = world.validate(assign=True)
    assert done.green, done
    assert (done.loaded, done.comparison.missing_rows) == (ROWS, 0)


def test_a_row_under_another_record_than_state_says(world: World) -> None:
    world.state.rows(BASE, "People").put({"id-6": "recSOMEWHEREELSE0"})
    done = world.validate()
    assert done.state_differs == 1
    assert not done.green


def test_what_load_quarantined_is_accounted_for(world: World) -> None:
    world.airtable.delete(BASE, world.tables.id("People"), [world.people["id-8"]])
    world.quarantine.add("People", Entry("load", "id-8", "Mail", "refused"))
    done = world.validate()
    assert done.green, done
    assert (done.exported, done.loaded, done.quarantined) == (ROWS + 2, ROWS - 1, 3)


def test_a_row_in_quarantine_that_stands_in_airtable_is_an_extra(world: World) -> None:
    world.quarantine.add("People", Entry("load", "id-8", "Mail", "refused"))
    assert world.validate().comparison.extra == ("id-8",)


def test_a_row_that_vanished_between_the_steps_is_found(world: World) -> None:
    world.quarantine.replace("People", "transform", [])
    done = world.validate()
    assert done.reasons == (f"{ROWS + 2} rows were exported, but {ROWS} are loaded and 0 in quarantine",)


def test_changes_after_the_turn_of_the_flag_are_explained(world: World) -> None:
    world.state.flags.create(["people"])
    world.state.flags.set("people", "airtable", who="test", why="test")
    world.change("id-4", Name="Changed", **{"Wix Updated": "2999-01-01T00:00:00.000Z"})
    world.change("id-5", Name="Changed too")
    created = {LEGACY_ID: "new", "Name": "Born there", "Wix Created": "2999-01-01T00:00:00.000Z"}
    world.airtable.create(BASE, world.tables.id("People"), [created])
    done = world.validate()
    assert done.comparison.explained["changed since cutover"] == 2
    # By hand, without the stamp that services set: Wix has not changed the row since the turn, so Airtable has.
    assert done.comparison.explained["edited in Airtable"] == 1
    assert done.comparison.unexplained == ()
    assert (done.comparison.extra, done.comparison.late) == ((), 1)
    assert done.target.of_kind()["rows"] == "pass"
    world.state.flags.set("people", "wix", who="test", why="test")
    assert {d.id for d in world.validate().comparison.unexplained} == {"id-4", "id-5"}


def test_an_empty_collection_is_green_on_its_table_alone(world: World) -> None:
    for name, items in (("Firms", []),):
        world.airtable.delete(
            BASE, world.tables.id(name), [k.record_id for k in world.state.rows(BASE, name).all().values()]
        )
        world.state.rows(BASE, name).forget([f["_id"] for f in FIRMS])
        world.load(name, items)
    done = world.validate("Firms")
    assert done.green, done
    assert done.facts()["cells_compared"] == 0
    assert "had nothing to look at" in done.target.notes[0]


def test_a_collection_that_was_lost_is_not_an_empty_one(world: World) -> None:
    records = [k.record_id for k in world.state.rows(BASE, "Firms").all().values()]
    world.airtable.delete(BASE, world.tables.id("Firms"), records)
    done = world.validate("Firms")
    assert not done.green
    assert done.facts()["checks"]["errors"] > 0
    assert done.comparison.missing_rows == 3


def test_a_suite_that_is_missing_or_empty_is_no_pass(world: World) -> None:
    path = world.folder / "suites" / "people_airtable.json"
    path.write_text(json.dumps({"expectations": []}))
    with pytest.raises(CheckNotRun, match="people_airtable"):
        world.validate()
    path.unlink()
    with pytest.raises(CheckNotRun, match="people_airtable"):
        world.validate()


def test_a_critical_check_added_by_hand_decides(world: World) -> None:
    path = world.folder / "suites" / "people_airtable.json"
    payload = json.loads(path.read_text())
    mine = {"type": "expect_column_max_to_be_between", "kwargs": {"column": "Age", "max_value": 40}}
    payload["expectations"].append(mine)
    path.write_text(json.dumps(payload))
    done = world.validate()
    assert not done.green
    assert len(done.reasons) == 1
    assert "suite people_airtable" in done.reasons[0]


def test_the_evidence_holds_no_personal_value(world: World) -> None:
    world.change("id-4", Name="Secret", Mail="secret@example.com", Note="Secret", Age=999)
    done = world.validate()
    path = done.write(world.folder / "evidence" / "02_people")
    assert path.name == "People.validation.json"
    text = path.read_text() + repr(done) + done._repr_html_() + json.dumps(done.facts())
    payload = json.loads(path.read_text())
    assert payload["green"] is False
    assert payload["suites"]["airtable"]["checks"]
    assert {d["column"] for d in payload["comparison"]["differences"]} == {"Name", "Mail", "Note", "Age"}
    for value in ("ecret", "Ann ", "ann4@example.com", "555-01"):
        assert value not in text
    assert not list(path.parent.glob("*.part"))


def test_it_reads_the_schema_and_the_table_once_and_writes_nothing(world: World) -> None:
    before = len(world.airtable.log.rows())
    world.validate()
    assert [request.method for request in world.airtable.log.rows()[before:]] == ["GET", "GET"]
