"""Planning is pure: tables as JSON in, steps and words out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BODY, small_catalog
from runbook.catalog import Catalog
from runbook.errors import SchemaDrift
from runbook.schema import SchemaPlan, Tables, plan_schema
from runbook.schema.steps import MakeLink, MakeTable


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return small_catalog(tmp_path / "catalog")


class FakeIds:
    """The schema that Airtable would have after a plan, made here, so that a test can bend it."""

    def __init__(self, plan: SchemaPlan, catalog: Catalog) -> None:
        self.count = 0
        self.tables: list[dict[str, Any]] = []
        for step in plan.steps:
            if isinstance(step, MakeTable):
                fields = [{**copy.deepcopy(spec), "id": self.id("fld")} for spec in step.columns]
                self.tables.append(
                    {
                        "id": self.id("tbl"),
                        "name": step.table,
                        "description": step.description,
                        "primaryFieldId": fields[0]["id"],
                        "fields": fields,
                    }
                )
        for step in plan.steps:
            if isinstance(step, MakeLink):
                self.link(step.table, step.name, step.target, step.inverse, step.description)

    def id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count:014}"

    def link(self, table: str, name: str, target: str, inverse: str | None, description: str | None = None) -> None:
        here, there = self.table(table), self.table(target)
        column: dict[str, Any] = {"id": self.id("fld"), "name": name, "type": "multipleRecordLinks"}
        column["options"] = {"linkedTableId": there["id"]}
        if description:
            column["description"] = description
        here["fields"].append(column)
        if inverse is not None:
            other = {"id": self.id("fld"), "name": inverse, "type": "multipleRecordLinks"}
            there["fields"].append(
                other | {"options": {"linkedTableId": here["id"], "inverseLinkFieldId": column["id"]}}
            )
            column["options"]["inverseLinkFieldId"] = other["id"]

    def table(self, name: str) -> dict[str, Any]:
        return next(t for t in self.tables if t["name"] == name)

    def field(self, table: str, name: str) -> dict[str, Any]:
        return next(f for f in self.table(table)["fields"] if f["name"] == name)

    def drop(self, table: str, name: str) -> None:
        fields = self.table(table)["fields"]
        fields.remove(self.field(table, name))


@pytest.fixture
def base(catalog: Catalog) -> FakeIds:
    return FakeIds(plan_schema(catalog, ["hubs", "drivers", "routes"], []), catalog)


def planned(catalog: Catalog, base: FakeIds, *names: str) -> SchemaPlan:
    return plan_schema(catalog, names or ("hubs", "drivers", "routes"), base.tables)


def only_drift(plan: SchemaPlan) -> Any:
    assert len(plan.drift) == 1, [d.message for d in plan.drift]
    with pytest.raises(SchemaDrift, match="nothing was written") as caught:
        plan.require_no_drift()
    assert plan.drift[0].message in str(caught.value)
    assert plan.drift[0].fix in repr(plan)
    return plan.drift[0]


def test_an_empty_base_gets_tables_with_all_columns_then_links(catalog: Catalog) -> None:
    plan = plan_schema(catalog, ["hubs", "drivers", "routes"], [])
    tables = [s for s in plan.steps if isinstance(s, MakeTable)]
    assert [t.table for t in tables] == ["Hubs", "Drivers", "Routes"]
    assert [c["name"] for c in tables[0].columns] == [
        *("Name", "Code", "Pay", "Share", "Kind", "Tags", "Is On", "At", "Day"),
        *("Legacy Wix ID", "Wix Owner ID", "Wix Original"),
    ]
    assert tables[0].columns[-1]["type"] == "multilineText"
    assert tables[1].columns[0]["name"] == "Legacy Wix ID"
    assert "as on the door" in tables[0].columns[0]["description"]
    for word in ("Wix collection: hubs.", "Tab group: Core Data.", "Legacy Wix ID"):
        assert word in tables[0].description
    links = [s for s in plan.steps if isinstance(s, MakeLink)]
    assert [(k.table, k.name, k.target, k.inverse) for k in links] == [
        ("Drivers", "Boss", "Drivers", None),
        ("Drivers", "Hub", "Hubs", "Drivers"),
        ("Drivers", "Old Hub", "Hubs", "Former Drivers"),
        ("Drivers", "Routes", "Routes", "Riders"),
        ("Routes", "Drivers", "Drivers", "Tours"),
    ]
    assert plan.requests == 3 + 1 + 1 + 2 + 2 + 2 + 2
    assert plan.facts()["requests"] == plan.requests
    assert "3 tables with" in repr(plan)


def test_targets_are_made_without_their_links(catalog: Catalog) -> None:
    plan = plan_schema(catalog, ["routes"], [])
    assert [s.table for s in plan.steps if isinstance(s, MakeTable)] == ["Routes", "Drivers"]
    assert [s.name for s in plan.steps if isinstance(s, MakeLink)] == ["Drivers"]


def test_a_link_without_a_target_table_waits_and_is_noted(catalog: Catalog) -> None:
    plan = plan_schema(catalog, ["routes"], [], with_targets=False)
    assert [s.table for s in plan.steps] == ["Routes"]
    assert plan.notes == ("Routes.Drivers waits for the table 'Drivers', which does not exist yet.",)


def test_an_existing_target_outside_of_the_scope_is_linked(catalog: Catalog, base: FakeIds) -> None:
    base.tables.remove(base.table("Routes"))
    base.drop("Drivers", "Tours")
    plan = plan_schema(catalog, ["routes"], base.tables, with_targets=False)
    assert not plan.drift
    assert [s.key for s in plan.steps] == [("table", "Routes", ""), ("link", "Routes", "Drivers")]


def test_a_complete_base_needs_nothing(catalog: Catalog, base: FakeIds) -> None:
    plan = planned(catalog, base)
    assert (plan.steps, plan.drift, plan.manual_steps, plan.notes) == ((), (), (), ())
    assert plan.requests == 1
    assert "Nothing to make." in repr(plan)


def test_columns_are_added_to_an_existing_table(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Hubs", "Pay")
    base.drop("Hubs", "Wix Original")
    plan = planned(catalog, base)
    assert [s.key for s in plan.steps] == [("column", "Hubs", "Pay"), ("column", "Hubs", "Wix Original")]
    assert plan.requests == 4


def test_another_type_is_drift_with_instructions_where_to_click(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Pay")["type"] = "singleLineText"
    drift = only_drift(planned(catalog, base))
    assert (drift.table, drift.column) == ("Hubs", "Pay")
    assert "is a singleLineText" in drift.message
    assert "click the arrow beside 'Pay', then 'Edit field': type Currency, Symbol $, Precision 1.00 (2)" in drift.fix


def test_too_little_precision_is_drift_and_more_is_none(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Pay")["options"] = {"precision": 5, "symbol": "$"}
    assert not planned(catalog, base).drift
    base.field("Hubs", "Pay")["options"] = {"precision": 1, "symbol": "$"}
    assert "Precision 1.00 (2)" in only_drift(planned(catalog, base)).fix


def test_another_currency_symbol_is_noted_and_left_unchanged(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Pay")["options"] = {"precision": 2, "symbol": "€"}
    plan = planned(catalog, base)
    assert not plan.drift
    assert "'€'" in plan.notes[0]


def test_missing_choices_of_a_closed_select_are_drift(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Kind")["options"] = {
        "choices": [{"id": "sel1", "name": "big"}, {"id": "sel2", "name": "Small"}]
    }
    assert "'Add option' for each of 'small', written exactly so" in only_drift(planned(catalog, base)).fix


def test_missing_choices_of_an_open_select_come_while_loading(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Tags")["options"] = {"choices": [{"id": "sel1", "name": "x"}]}
    plan = planned(catalog, base)
    assert not plan.drift
    assert plan.notes == ("Hubs.Tags lacks 'y': added while loading, where rows have them.",)


def test_another_primary_column_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.table("Hubs")["primaryFieldId"] = base.field("Hubs", "Code")["id"]
    assert "'Change primary field', and choose 'Name'" in only_drift(planned(catalog, base)).fix


@pytest.mark.parametrize("name", ["pay", "PAY", " Pay ", "Pay "])
def test_a_column_that_differs_only_by_case_or_spaces_is_not_made_twice(
    catalog: Catalog, base: FakeIds, name: str
) -> None:
    base.field("Hubs", "Pay")["name"] = name
    plan = planned(catalog, base)
    assert not plan.steps
    assert f"double-click the header '{name}' and name it 'Pay'" in only_drift(plan).fix


def test_two_candidates_for_a_column(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Pay")["name"] = "pay"
    base.table("Hubs")["fields"].append({"id": base.id("fld"), "name": "Pay ", "type": "number"})
    assert "2 columns could be it: 'pay', 'Pay '" in only_drift(planned(catalog, base)).message


def test_a_table_that_differs_only_by_case(catalog: Catalog, base: FakeIds) -> None:
    base.table("Routes")["name"] = "ROUTES"
    drift = only_drift(planned(catalog, base, "routes"))
    assert drift.fix == "Double-click the tab 'ROUTES' and name it 'Routes'"


def test_a_table_of_ours_that_was_renamed_is_not_made_twice(catalog: Catalog, base: FakeIds) -> None:
    base.table("Hubs")["name"] = "Depots"
    plan = planned(catalog, base, "hubs")
    assert not plan.steps
    assert "the table 'Depots' has our description" in only_drift(plan).message


def test_two_tables_could_be_it(catalog: Catalog, base: FakeIds) -> None:
    ours = base.table("Hubs")
    ours["name"] = "Depots"
    base.tables.append({**copy.deepcopy(ours), "id": base.id("tbl"), "name": "Hubs", "description": "my own"})
    drift = only_drift(planned(catalog, base, "hubs"))
    assert "2 tables could be it: 'Hubs' (tbl" in drift.message


def test_a_copy_of_our_table_is_left_unchanged_and_noted(catalog: Catalog, base: FakeIds) -> None:
    base.tables.append({**copy.deepcopy(base.table("Hubs")), "id": base.id("tbl"), "name": "Hubs copy"})
    plan = planned(catalog, base)
    assert not plan.drift
    assert "Table 'Hubs copy' also says that it holds hubs" in plan.notes[0]


def test_a_table_that_holds_another_collection(catalog: Catalog, base: FakeIds) -> None:
    base.table("Hubs")["description"] = "Wix collection: garages. Tab group: Old."
    assert "holds the Wix collection garages" in only_drift(planned(catalog, base, "hubs")).message


def test_only_a_table_without_a_description_gets_ours(catalog: Catalog, base: FakeIds) -> None:
    del base.table("Hubs")["description"]
    assert [s.key for s in planned(catalog, base).steps] == [("describe", "Hubs", "")]
    base.table("Hubs")["description"] = "Ann's"
    assert not planned(catalog, base).steps


def test_unknown_tables_and_columns_are_left_unchanged_and_noted(catalog: Catalog, base: FakeIds) -> None:
    base.table("Hubs")["fields"].append({"id": base.id("fld"), "name": "Colour", "type": "singleLineText"})
    base.tables.append({"id": base.id("tbl"), "name": "Lunch", "primaryFieldId": "x", "fields": []})
    base.tables.append({"id": base.id("tbl"), "name": "Record Counts", "primaryFieldId": "x", "fields": []})
    plan = planned(catalog, base)
    assert not plan.drift
    assert plan.notes == (
        "Tables that are not in the catalog, left unchanged: 'Lunch'.",
        "Hubs has columns that are not in the catalog, left unchanged: 'Colour'.",
    )


# ---------------------------------------------------------------------------------------------------- links


def test_a_link_to_another_table_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.field("Drivers", "Hub")["options"]["linkedTableId"] = base.table("Routes")["id"]
    drift = only_drift(planned(catalog, base))
    assert "links to 'Routes'; the catalog says a link to 'Hubs'" in drift.message
    assert "double-click the header 'Hub' and give it another name" in drift.fix


def test_a_text_where_a_link_should_be_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Routes", "Drivers")
    base.drop("Drivers", "Tours")
    base.table("Routes")["fields"].append({"id": base.id("fld"), "name": "Drivers", "type": "singleLineText"})
    assert "is a singleLineText; the catalog says a link to 'Drivers'" in only_drift(planned(catalog, base)).message


def test_a_link_without_its_inverse_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Hubs", "Former Drivers")
    assert "a link without an inverse" in only_drift(planned(catalog, base)).message


def test_an_inverse_that_does_not_link_back_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["options"]["linkedTableId"] = base.table("Routes")["id"]
    assert "does not link back" in only_drift(planned(catalog, base)).message
    base.field("Hubs", "Former Drivers")["options"] = {
        "linkedTableId": base.table("Drivers")["id"],
        "inverseLinkFieldId": "fld0",
    }
    assert "belongs to another link" in only_drift(planned(catalog, base)).message


def test_an_inverse_with_another_name_is_renamed(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["name"] = "Drivers 2"
    plan = planned(catalog, base)
    assert [s.key for s in plan.steps] == [("rename", "Drivers", "Old Hub")]
    assert plan.requests == 3


def test_inverses_that_have_each_other_s_names_are_drift(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["name"] = "swap"
    base.field("Hubs", "Drivers")["name"] = "Former Drivers"
    base.field("Hubs", "swap")["name"] = "Drivers"
    assert [d.column for d in planned(catalog, base).drift] == ["Drivers", "Former Drivers"]


def test_a_chain_of_names_is_renamed_from_its_free_end(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["name"] = "old"
    base.field("Hubs", "Drivers")["name"] = "Former Drivers"
    plan = planned(catalog, base)
    assert not plan.drift
    assert [s.key for s in plan.steps] == [("rename", "Drivers", "Hub"), ("rename", "Drivers", "Old Hub")]


def test_a_foreign_column_with_the_name_of_the_inverse_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Drivers", "Old Hub")
    base.field("Hubs", "Former Drivers")["type"] = "singleLineText"
    drift = only_drift(planned(catalog, base))
    assert (drift.table, drift.column) == ("Hubs", "Former Drivers")
    assert "double-click the header 'Former Drivers' and give it another name" in drift.fix


def test_a_half_made_link_is_distinguished_from_the_one_with_its_inverse_s_name(catalog: Catalog) -> None:
    """Killed after Drivers.Routes was made: its inverse in Routes is still called Drivers, as another link is."""
    plan = plan_schema(catalog, ["drivers", "routes"], [])
    base = FakeIds(plan, catalog)
    base.drop("Routes", "Drivers")
    base.drop("Drivers", "Tours")
    base.field("Routes", "Riders")["name"] = "Drivers"
    again = planned(catalog, base)
    assert not again.drift
    assert [s.key for s in again.steps] == [("rename", "Drivers", "Routes"), ("link", "Routes", "Drivers")]


# ---------------------------------------------------------------------------------------------------- limits


def test_a_hub_gets_a_column_a_link_and_only_so_many_fit(catalog: Catalog, base: FakeIds) -> None:
    hubs = base.table("Hubs")
    there = len(hubs["fields"])
    hubs["fields"] += [{"id": base.id("fld"), "name": f"c{n}", "type": "number"} for n in range(500 - there)]
    assert not planned(catalog, base).drift
    base.drop("Drivers", "Hub")
    base.drop("Hubs", "Drivers")
    assert not planned(catalog, base).drift
    hubs["fields"].append({"id": base.id("fld"), "name": "one more", "type": "number"})
    assert "it would have 501 columns" in only_drift(planned(catalog, base)).message


def test_a_base_holds_a_thousand_tables(catalog: Catalog, base: FakeIds) -> None:
    base.tables.remove(base.table("Hubs"))
    strangers = [{"id": f"tbl{n}", "name": f"t{n}", "primaryFieldId": "x", "fields": []} for n in range(998)]
    base.tables += strangers
    plan = plan_schema(catalog, ["hubs"], base.tables)
    assert "1000 tables exist and 1 are to be made" in only_drift(plan).message


def test_a_description_has_its_limit(tmp_path: Path) -> None:
    catalog = small_catalog(tmp_path / "long", BODY.replace("as on the door", "x" * 20_000))
    drift = only_drift(plan_schema(catalog, ["hubs"], []))
    assert (drift.table, drift.column) == ("Hubs", "Name")


# ---------------------------------------------------------------------------------------------------- look-ups


def test_tables_give_ids_and_missing_columns(catalog: Catalog, base: FakeIds) -> None:
    tables = Tables(base.tables, catalog)
    assert tables.id("hubs") == base.table("Hubs")["id"]
    assert tables.field_id(catalog.collection("hubs"), "Pay") == base.field("Hubs", "Pay")["id"]
    assert tables.choices("hubs", "Kind") == ["big", "small"]
    assert tables.missing("drivers") == []
    links = tables.links("drivers")
    assert [(k.name, k.to, k.ok, k.inverse_ok, k.inverse_name) for k in links.values()] == [
        ("Boss", "drivers", True, True, None),
        ("Hub", "hubs", True, True, "Drivers"),
        ("Old Hub", "hubs", True, True, "Former Drivers"),
        ("Routes", "routes", True, True, "Riders"),
    ]


def test_tables_give_links_that_are_wrong(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["name"] = "Drivers 2"
    base.field("Drivers", "Hub")["type"] = "singleLineText"
    base.drop("Drivers", "Boss")
    tables = Tables(base.tables, catalog)
    links = tables.links("drivers")
    assert [(k.ok, k.inverse_ok) for k in links.values()] == [
        (False, False),
        (False, False),
        (True, False),
        (True, True),
    ]
    assert links["Boss"].id is None
    assert tables.missing("drivers") == ["Boss", "Hub"]


def test_the_error_for_a_missing_table_names_the_remedy(catalog: Catalog, base: FakeIds) -> None:
    base.tables.remove(base.table("Hubs"))
    tables = Tables(base.tables, catalog)
    assert "hubs" not in tables
    assert tables.missing("hubs") == ["Hubs"]
    with pytest.raises(SchemaDrift, match=r"hubs: the base has no table 'Hubs'.*run\.provision\(\)"):
        tables.id("hubs")
    with pytest.raises(SchemaDrift, match="no column 'Wage'"):
        tables.field_id("drivers", "Wage")


def test_inverses_get_numbers_where_airtable_finds_their_name_taken(catalog: Catalog, base: FakeIds) -> None:
    plan = plan_schema(catalog, ["drivers"], [])
    links = {step.name: step for step in plan.steps if isinstance(step, MakeLink)}
    assert [links[name].predicted for name in ("Boss", "Hub", "Old Hub")] == [None, "Drivers", "Drivers 2"]
    assert links["Old Hub"].description == "Wix: old_hub = _id of hubs."
    base.drop("Drivers", "Old Hub")
    base.field("Hubs", "Former Drivers").update({"name": "drivers 2", "type": "singleLineText"})
    (link,) = planned(catalog, base).steps
    assert isinstance(link, MakeLink)
    assert (link.inverse, link.predicted) == ("Former Drivers", "Drivers 3")


def test_the_description_of_a_link_names_all_keys_and_the_note(tmp_path: Path) -> None:
    link = "{name: Hub, to: hubs, on: {hub_code: code, old_hub: _id}, note: both are used}"
    catalog = small_catalog(tmp_path / "two keys", BODY.replace("{name: Hub, to: hubs, on: {hub_code: code}}", link))
    links = [step for step in plan_schema(catalog, ["drivers"], []).steps if isinstance(step, MakeLink)]
    assert links[1].description == "Wix: hub_code = code of hubs, old_hub = _id of hubs. both are used"


def test_a_column_whose_name_differs_from_a_link_by_case_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Drivers", "Old Hub")
    base.drop("Hubs", "Former Drivers")
    base.table("Drivers")["fields"].append({"id": base.id("fld"), "name": "old hub", "type": "singleLineText"})
    plan = planned(catalog, base)
    assert plan.steps == ()
    assert only_drift(plan).actual == "the column 'old hub' differs only by case or spaces"


def test_an_inverse_in_another_table_or_of_another_type_is_drift(catalog: Catalog, base: FakeIds) -> None:
    inverse = base.field("Hubs", "Former Drivers")
    inverse["type"] = "singleLineText"
    assert only_drift(planned(catalog, base)).actual == "its inverse 'Former Drivers' does not link back to this table"
    inverse["type"] = "multipleRecordLinks"
    base.drop("Hubs", "Former Drivers")
    base.table("Routes")["fields"].append(inverse)
    assert only_drift(planned(catalog, base)).actual == "its inverse 'Former Drivers' is in another table"


def test_every_link_without_an_inverse_is_listed(catalog: Catalog, base: FakeIds) -> None:
    base.drop("Hubs", "Drivers")
    base.drop("Hubs", "Former Drivers")
    drift = planned(catalog, base).drift
    assert [d.column for d in drift] == ["Hub", "Old Hub"]
    assert {d.actual for d in drift} == {"is a link without an inverse: that was deleted"}


def test_an_inverse_whose_name_differs_by_case_is_renamed(catalog: Catalog, base: FakeIds) -> None:
    base.field("Hubs", "Former Drivers")["name"] = "former drivers"
    plan = planned(catalog, base)
    assert ([step.key for step in plan.steps], plan.drift) == ([("rename", "Drivers", "Old Hub")], ())


def test_a_link_to_a_table_that_is_unknown_is_drift(catalog: Catalog, base: FakeIds) -> None:
    base.field("Drivers", "Hub")["options"]["linkedTableId"] = "tblGone"
    assert only_drift(planned(catalog, base)).actual == "links to another table"


def test_links_after_one_that_waits_are_still_recognised(catalog: Catalog, base: FakeIds) -> None:
    base.tables.remove(base.table("Hubs"))
    base.drop("Drivers", "Hub")
    base.drop("Drivers", "Old Hub")
    plan = plan_schema(catalog, ["drivers"], base.tables, with_targets=False)
    assert (plan.steps, plan.drift) == ((), ())
    assert [note.split(" waits ")[0] for note in plan.notes] == ["Drivers.Hub", "Drivers.Old Hub"]


def test_a_link_to_a_table_with_drift_is_not_noted_as_waiting(catalog: Catalog) -> None:
    base = FakeIds(plan_schema(catalog, ["hubs"], []), catalog)
    base.table("Hubs")["name"] = "HUBS"
    plan = plan_schema(catalog, ["drivers", "routes"], base.tables)
    assert only_drift(plan).table == "Hubs"
    assert plan.notes == ()
