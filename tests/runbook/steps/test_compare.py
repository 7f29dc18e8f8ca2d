"""Comparing what was read back with what was staged: every planted difference is found and named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.catalog import Collection, Copy, Field, Link
from runbook.link_resolver import LinkCell
from runbook.mapping import Mapping
from runbook.staged import StagedRow
from runbook.steps.compare import Comparison, compare
from runbook.steps.difference_rules import declared_rules

FIELDS = [
    {"wix": "name", "wix_type": "text", "name": "Name", "type": "singleLineText", "personal": True},
    {"wix": "note", "wix_type": "text", "name": "Note", "type": "multilineText"},
    {"wix": "story", "wix_type": "richtext", "name": "Story", "type": "richText"},
    {"wix": "mail", "wix_type": "email", "name": "Mail", "type": "email", "personal": True},
    {"wix": "site", "wix_type": "url", "name": "Site", "type": "url"},
    {"wix": "phone", "wix_type": "phone", "name": "Phone", "type": "phoneNumber", "personal": True},
    {"wix": "age", "wix_type": "number", "name": "Age", "type": "number", "precision": 0},
    {"wix": "pay", "wix_type": "number", "name": "Pay", "type": "currency", "precision": 2, "symbol": "$"},
    {"wix": "share", "wix_type": "number", "name": "Share", "type": "percent", "precision": 4},
    {"wix": "active", "wix_type": "boolean", "name": "Active", "type": "checkbox"},
    {"wix": "born", "wix_type": "date", "name": "Born", "type": "date"},
    {"wix": "seen", "wix_type": "datetime", "name": "Seen", "type": "dateTime"},
    {"wix": "status", "wix_type": "text", "name": "Status", "type": "singleSelect", "choices": ["new", "old"]},
    {"wix": "tags", "wix_type": "tags", "name": "Tags", "type": "multipleSelects", "choices": ["a", "b", "c"]},
    {"wix": "extra", "wix_type": "object", "name": "Extra", "type": "multilineText"},
    {"wix": "blurry", "wix_type": "text", "name": "Blurry", "type": "multilineText", "lossy": "kept as a summary"},
    {"wix": "zip", "wix_type": "text", "name": "Zip", "type": "singleLineText"},
    {"wix": "boss", "wix_type": "reference", "name": "Boss ID", "type": "singleLineText"},
    {"wix": "_id", "wix_type": "text", "name": "Legacy Wix ID", "type": "singleLineText", "required": True},
    {"wix": "_createdDate", "wix_type": "datetime", "name": "Wix Created", "type": "dateTime"},
    {"wix": "_updatedDate", "wix_type": "datetime", "name": "Wix Updated", "type": "dateTime"},
]
PEOPLE = Collection(
    wix="People",
    table="People",
    phase=2,
    tab_group="All",
    flag="people",
    primary="Name",
    fields=tuple(Field.model_validate(f) for f in FIELDS),
    copies=(
        Copy.model_validate({"wix": "zip", "wix_type": "text", "name": "Zip Number", "type": "number", "precision": 0}),
    ),
    links=(Link(name="Boss", to="People", on={"boss": "_id"}),),
)
MAPPING = Mapping(PEOPLE)
BOSS = "recBBBBBBBBBBBBBB"
OTHER = "recCCCCCCCCCCCCCC"


def item(n: int, **changes: Any) -> dict[str, Any]:
    made = {
        "_id": f"id-{n}", "_createdDate": {"$date": "2025-01-01T00:00:00.000Z"},
        "_updatedDate": {"$date": "2025-06-01T00:00:00.000Z"}, "name": f"Ann {n}", "note": "two\nlines", "story": "A **story**",
        "mail": "ann@example.com", "site": "https://example.com/a", "phone": "555-0100", "age": 30, "pay": 12.5, "share": 0.25,
        "active": True, "born": "1990-01-31", "seen": {"$date": "2025-05-01T10:11:12.345Z"}, "status": "new", "tags": ["a", "b"],
        "extra": {"k": [1, None]}, "blurry": "text", "zip": "07001", "boss": "id-9", "unknown": {"deep": 1},
    }  # fmt: skip
    return {key: value for key, value in {**made, **changes}.items() if value is not ...}


class World:
    """Items as staged, and records as a table would give them, until a test changes one."""

    def __init__(self, *items: dict[str, Any], link: LinkCell | None = None) -> None:
        self.items = {i["_id"]: i for i in items}
        self.link = link or LinkCell("resolved", (BOSS,))
        self.staged = []
        self.records: list[dict[str, Any]] = []
        for n, one in enumerate(items):
            encoded = MAPPING.to_airtable(one)
            assert not encoded.refusals
            self.staged.append(StagedRow(encoded.id, encoded.fields, encoded.links))
            cells = copy.deepcopy(encoded.fields)
            if self.link.records:
                cells["Boss"] = list(self.link.records)
            self.records.append({"id": f"rec{n:014d}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": cells})
        self.asked: list[set[str]] = []

    def originals(self, ids: set[str]) -> dict[str, Any]:
        self.asked.append(ids)
        return {id_: self.items[id_] for id_ in ids if id_ in self.items}

    def compare(self, *, turned_at: str | None = None, created: frozenset[str] = frozenset()) -> Comparison:
        return compare(
            PEOPLE,
            MAPPING,
            {row.id: row for row in self.staged},
            self.records,
            lambda row: {"Boss": self.link},
            declared_rules(turned_at=turned_at),
            originals=self.originals,
            turned_at=turned_at,
            created=created,
            name_of={BOSS: "id-9", OTHER: "id-8"}.get,
        )


def test_what_came_back_as_it_went_is_clean() -> None:
    world = World(item(0), item(1))
    found = world.compare()
    assert found.clean
    assert (found.rows, found.explained, found.unexplained) == (2, {}, ())
    assert found.cells == found.equal == 2 * (len(PEOPLE.columns) + 2)
    assert world.asked == []


WRONG = [
    ("Name", "Bob", "text of 3 characters, text of 5 characters was staged; they differ from character 1"),
    ("Note", "two\r\nlines", "text of 10 characters, text of 9 characters was staged; they differ from character 4"),
    ("Story", "A *story*", "they differ from character 4"),
    ("Mail", "bob@example.com", "they differ from character 1"),
    ("Site", "https://example.com/A", "they differ from character 21"),
    ("Phone", "555-0101", "they differ from character 8"),
    ("Age", 31, "holds 31; 30 was staged"),
    ("Age", "30", 'holds "30"; 30 was staged'),
    ("Age", True, "holds true; 30 was staged"),
    ("Pay", 12, "holds 12; 12.5 was staged"),
    ("Share", 0.2501, "holds 0.2501; 0.25 was staged"),
    ("Active", None, "is empty; true was staged"),
    ("Born", "1990-02-01", 'holds "1990-02-01"; "1990-01-31" was staged'),
    ("Seen", "2025-05-01T10:11:12.000Z", 'holds "2025-05-01T10:11:12.000Z"; "2025-05-01T10:11:12.345Z" was staged'),
    ("Status", "old", 'holds "old"; "new" was staged'),
    ("Tags", ["b", "a"], 'holds ["b", "a"]; ["a", "b"] was staged'),
    ("Tags", ["a"], 'holds ["a"]; ["a", "b"] was staged'),
    ("Extra", '{"k":[1]}', "they differ from character"),
    ("Extra", None, "is empty; text of 14 characters was staged"),
    ("Zip", "7001", "they differ from character 1"),
    ("Zip Number", 7002, "holds 7002; 7001 was staged"),
    ("Zip Number", None, "is empty; 7001 was staged"),
    ("Boss ID", "id-8", "they differ from character 4"),
    ("Wix Created", None, "is empty"),
    ("Wix Original", None, "is empty"),
    ("Wix Original", "{}", "they differ from character 2"),
    ("Wix Original", '{"values":{"unknown":{"deep":2}}}', "they differ from character"),
    ("Wix Original", "scribbled over", "they differ from character 1"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "why"), WRONG, ids=[f"{c}={v!r}"[:40] for c, v, _ in WRONG])
def test_one_wrong_cell_is_found_and_named(column: str, value: Any, why: str) -> None:
    world = World(item(0), item(1), item(2))
    world.records[1]["fields"][column] = value
    if value is None:
        del world.records[1]["fields"][column]
    found = world.compare()
    assert [(d.id, d.column) for d in found.unexplained] == [("id-1", column)]
    assert why in found.unexplained[0].why
    assert found.unexplained_cells == 1
    assert found.equal == found.cells - 1
    assert not found.clean
    assert "id-1" in found.reasons()[0]
    assert world.asked == [{"id-1"}]


def test_every_kind_of_column_has_a_wrong_cell_above() -> None:
    planted = {column for column, *_ in WRONG}
    assert {c.type for c in PEOPLE.columns} == {PEOPLE.by_name[c].type for c in planted if c in PEOPLE.by_name}


def test_a_cell_that_should_be_empty() -> None:
    world = World(item(0, age=...))
    world.records[0]["fields"]["Age"] = 0
    (difference,) = world.compare().unexplained
    assert difference.why == "holds 0; it was staged empty"


def test_a_number_is_the_same_with_and_without_its_point() -> None:
    world = World(item(0, pay=12))
    world.records[0]["fields"]["Pay"] = 12.0
    found = world.compare()
    assert found.clean
    assert found.explained == {}


@pytest.mark.parametrize(("staged", "cell"), [(1, True), (0, False), (1, "1"), (0, None)])
def test_to_python_these_are_alike_and_in_a_cell_they_are_not(staged: int, cell: Any) -> None:
    world = World(item(0, age=staged))
    world.records[0]["fields"]["Age"] = cell
    assert [d.column for d in world.compare().unexplained] == ["Age"]


def test_no_personal_value_and_no_text_is_shown() -> None:
    world = World(item(0))
    world.records[0]["fields"] |= {
        "Name": "Secret Person", "Mail": "secret@example.com", "Phone": "555-SECRET", "Note": "Secret note",
        "Wix Original": '{"values":{"unknown":"Secret"}}', "Blurry": "Secret",
    }  # fmt: skip
    found = world.compare()
    shown = json.dumps(found.facts()) + repr(found) + found._repr_html_() + "".join(found.reasons())
    assert found.unexplained_cells == 5
    assert "ecret" not in shown
    assert "Ann" not in shown


# Rules


def test_what_reads_back_the_same_is_explained() -> None:
    world = World(item(0))
    original = json.loads(world.records[0]["fields"]["Wix Original"])
    world.records[0]["fields"]["Wix Original"] = json.dumps(original, indent=1)
    world.records[0]["fields"]["Extra"] = '{"k": [1, null]}'
    found = world.compare()
    assert found.clean
    assert found.explained == {"reads back the same": 2}


def test_what_wix_original_keeps_of_a_cell_that_was_filled_by_hand_reads_back_the_same() -> None:
    world = World(item(0, unknown=...))
    world.records[0]["fields"]["Wix Original"] = '{"values":{"age":null}}'
    found = world.compare()
    assert found.clean
    assert found.explained == {"reads back the same": 1}
    world.records[0]["fields"]["Wix Original"] = "scribbled over"
    assert [d.column for d in world.compare().unexplained] == ["Wix Original"]


def test_a_rich_text_may_end_with_a_line_feed_and_nothing_else() -> None:
    world = World(item(0), item(1), item(2))
    world.records[0]["fields"]["Story"] += "\n"
    world.records[1]["fields"]["Note"] += "\n"
    world.records[2]["fields"]["Story"] += " "
    found = world.compare()
    assert found.explained == {"line feed at the end": 1}
    assert [(d.id, d.column) for d in found.unexplained] == [("id-1", "Note"), ("id-2", "Story")]


def test_a_lossy_field_is_explained_by_its_declaration() -> None:
    world = World(item(0))
    world.records[0]["fields"]["Blurry"] = "txt"
    found = world.compare()
    assert found.explained == {"lossy field": 1}
    assert found.facts()["explained"]["lossy field"]["why"].startswith("declared")


def test_what_changed_after_the_cutover_is_explained_by_it() -> None:
    world = World(item(0), item(1), item(2))
    for n, (name, updated) in enumerate(
        [("later", "2025-07-02T00:00:00.000Z"), ("before", "2025-06-30T00:00:00.000Z")]
    ):
        world.records[n]["fields"] |= {"Name": name, "Wix Updated": updated}
    world.records[2]["fields"] |= {"Name": "at no time"}
    del world.records[2]["fields"]["Wix Updated"]
    turned_at = "2025-07-01T00:00:00.000Z"
    found = world.compare(turned_at=turned_at)
    assert found.explained == {"changed since cutover": 2}
    assert {d.id for d in found.unexplained} == {"id-1", "id-2"}
    assert {d.id for d in world.compare().unexplained} == {"id-0", "id-1", "id-2"}


def test_rows_made_after_the_cutover_are_no_extras() -> None:
    world = World(item(0))
    for n, made in enumerate(["2025-07-02T00:00:00.000Z", "2025-06-02T00:00:00.000Z"]):
        cells = {"Legacy Wix ID": f"new-{n}", "Wix Created": made}
        world.records.append({"id": f"recNEW{n:011d}", "fields": cells})
    found = world.compare(turned_at="2025-07-01T00:00:00.000Z")
    assert (found.late, found.extra) == (1, ("new-1",))
    found = world.compare()
    assert (found.late, found.extra) == (0, ("new-0", "new-1"))


# Links


@pytest.mark.parametrize(
    ("link", "cell", "why"),
    [
        (LinkCell("resolved", (BOSS,)), [OTHER], "holds id-8; its key means id-9"),
        (LinkCell("resolved", (BOSS,)), None, "holds nothing; its key means id-9"),
        (LinkCell("resolved", (BOSS,)), [BOSS, OTHER], "holds id-9, id-8; its key means id-9"),
        (LinkCell("resolved", (BOSS,)), ["recXXXXXXXXXXXXXX"], "holds an unknown row; its key means id-9"),
        (LinkCell("resolved", (BOSS,)), BOSS, "holds nothing; its key means id-9"),
        (LinkCell("dangling"), [BOSS], "holds id-9, though its key is dangling"),
        (LinkCell("ambiguous"), [BOSS], "holds id-9, though its key is ambiguous"),
        (LinkCell("empty"), [BOSS], "holds id-9, though the row has no key for it"),
    ],
)
def test_a_wrong_link_is_found(link: LinkCell, cell: Any, why: str) -> None:
    world = World(item(0), link=link)
    world.records[0]["fields"]["Boss"] = cell
    found = world.compare()
    assert [(d.id, d.column, d.why) for d in found.unexplained] == [("id-0", "Boss", why)]
    assert found.explained == {}


@pytest.mark.parametrize(
    ("link", "explained"),
    [
        (LinkCell("dangling"), {"dangling link": 2}),
        (LinkCell("ambiguous"), {"ambiguous link": 2}),
        (LinkCell("dangling", (BOSS,)), {"dangling link": 2}),
        (LinkCell("empty"), {}),
        (LinkCell("resolved", (BOSS, OTHER)), {}),
    ],
)
def test_a_key_that_leads_nowhere_is_counted(link: LinkCell, explained: dict[str, int]) -> None:
    found = World(item(0), item(1), link=link).compare()
    assert found.clean
    assert found.explained == explained
    assert found.cells == found.equal + sum(explained.values())


def test_the_order_of_links_says_nothing() -> None:
    world = World(item(0), link=LinkCell("resolved", (BOSS, OTHER)))
    world.records[0]["fields"]["Boss"] = [OTHER, BOSS]
    assert world.compare().clean


def test_a_wrong_link_beside_a_wrong_cell() -> None:
    world = World(item(0))
    world.records[0]["fields"] |= {"Boss": [OTHER], "Age": 99}
    assert [d.column for d in world.compare().unexplained] == ["Age", "Boss"]


# Rows


def test_a_missing_row() -> None:
    world = World(item(0), item(1))
    del world.records[0]
    found = world.compare()
    assert (found.rows, found.missing, found.clean) == (1, ("id-0",), False)
    assert found.reasons() == ["1 row staged, but not in Airtable: id-0"]


def test_a_doubled_row_is_named_with_its_records() -> None:
    world = World(item(0), item(1))
    world.records.append({**world.records[0], "id": "recTWICE000000000"})
    found = world.compare()
    assert found.duplicates == {"id-0": ("rec00000000000000", "recTWICE000000000")}
    assert (found.rows, found.extra_rows, found.clean) == (2, 0, False)
    assert "id-0 (rec00000000000000, recTWICE000000000)" in found.reasons()[0]


def test_an_extra_row_with_and_without_an_id() -> None:
    world = World(item(0))
    world.records.append({"id": "recEXTRA000000000", "fields": {"Legacy Wix ID": "id-7"}})
    for n, cells in enumerate([{"Name": "typed by hand"}, {}, {"Legacy Wix ID": "  "}, {"Legacy Wix ID": 5}]):
        world.records.append({"id": f"recBARE{n:010d}", "fields": cells})
    found = world.compare()
    assert found.extra == ("id-7",)
    assert found.records_without_id == 4
    assert found.without_id[0] == "recBARE0000000000"
    assert found.reasons() == ["1 row in Airtable, but not staged: id-7"]
    assert "recBARE0000000000" in found.warnings()[0]


def test_rows_created_in_airtable_are_counted_and_no_extras() -> None:
    world = World(item(0))
    world.records.append({"id": "recTYPED000000000", "fields": {"Legacy Wix ID": "typed"}})
    found = world.compare(created=frozenset({"typed"}))
    assert (found.created, found.extra, found.clean) == (1, (), True)
    assert found.facts()["created"] == 1


def test_lists_are_cut_and_counts_are_not() -> None:
    world = World(*(item(n) for n in range(150)))
    for record in world.records:
        record["fields"]["Age"] = 99
    found = world.compare()
    assert found.unexplained_cells == 150
    assert len(found.unexplained) == 100
    assert "; and 147 more" in found.reasons()[0]


def test_the_figures_add_up() -> None:
    world = World(*(item(n) for n in range(5)), link=LinkCell("dangling"))
    world.records[0]["fields"] |= {"Age": 99, "Blurry": "txt", "Story": "A **story**\n"}
    found = world.compare()
    assert found.cells == found.equal + sum(found.explained.values()) + found.unexplained_cells
    assert found.facts()["cells"] == found.cells


@given(
    column=st.sampled_from([c.name for c in PEOPLE.columns if c.name != "Legacy Wix ID" and c.lossy is None]),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.text(), max_size=3)
    ),
)
def test_no_cell_of_another_value_passes(column: str, value: Any) -> None:
    """Whatever stands in a cell: it is as staged, decodes to the same, or is named."""
    world = World(item(0))
    staged = world.staged[0].fields.get(column)
    world.records[0]["fields"][column] = value
    found = world.compare()
    if found.clean and found.equal != found.cells:
        back = MAPPING.to_wix(world.records[0]["fields"])
        assert back == world.items["id-0"] or set(found.explained) == {"line feed at the end"}
    elif found.clean:
        assert value == staged or value is staged
    else:
        assert found.unexplained[0].column == column


def test_without_its_item_of_the_snapshot_nothing_reads_back_the_same() -> None:
    world = World(item(0), item(1))
    for record in world.records:
        record["fields"]["Extra"] = '{"k": [1, null]}'
    del world.items["id-1"]
    found = world.compare()
    assert found.explained == {"reads back the same": 1}
    assert [(d.id, d.column) for d in found.unexplained] == [("id-1", "Extra")]
