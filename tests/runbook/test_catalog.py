"""The catalog's model, and that a wrong catalog fails on load with file, collection, field and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.catalog import LEGACY_ID, Catalog, load_catalog
from runbook.errors import CatalogError, RunbookError

HEAD: dict[str, Any] = {
    "phase": 1,
    "name": "infrastructure",
    "title": "Infrastructure",
    "base": "Test",
    "tab_groups": ["Core", "More"],
    "system_fields": [
        {"wix": "_id", "wix_type": "text", "name": LEGACY_ID, "type": "singleLineText", "required": True},
        {"wix": "_owner", "wix_type": "text", "name": "Owner", "type": "singleLineText"},
    ],
    "kept": [{"wix": "Secrets", "reason": "needs sign-in"}],
    "tables": ["Trucks"],
}


def trucks() -> dict[str, Any]:
    return {
        "wix": "Trucks",
        "table": "Trucks",
        "tab_group": "Core",
        "flag": "trucks",
        "primary": "Plate",
        "natural_key": ["plate"],
        "fields": [
            {"wix": "plate", "wix_type": "text", "name": "Plate", "type": "singleLineText"},
            {"wix": "dot", "wix_type": "number", "name": "DOT", "type": "number", "precision": 0},
            {"wix": "kind", "wix_type": "text", "name": "Kind", "type": "singleSelect", "choices": ["box", "tank"]},
            {"wix": "sold", "wix_type": "boolean", "name": "Sold", "type": "checkbox"},
        ],
    }


def trips() -> dict[str, Any]:
    return {
        "wix": "Trips",
        "table": "Trips",
        "tab_group": "More",
        "flag": "trips",
        "primary": LEGACY_ID,
        "fields": [
            {"wix": "truck_dot", "wix_type": "text", "name": "Truck DOT", "type": "number", "precision": 0},
            {"wix": "price", "wix_type": "number", "name": "Price", "type": "currency", "precision": 2, "symbol": "$"},
        ],
        "copies": [
            {"wix": "truck_dot", "wix_type": "text", "name": "Truck DOT Text", "type": "singleLineText"},
        ],
        "links": [{"name": "Truck", "to": "Trucks", "on": {"truck_dot": "dot"}}],
    }


class Draft:
    """A right catalog in three files, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.head = {**HEAD, "system_fields": [dict(f) for f in HEAD["system_fields"]], "kept": list(HEAD["kept"])}
        self.trucks, self.trips = trucks(), trips()
        self.second: dict[str, Any] = {"phase": 2, "name": "core", "title": "Core", "collections": [self.trucks]}
        self.third: dict[str, Any] = {"phase": 3, "name": "more", "title": "More", "collections": [self.trips]}

    def write(self) -> Path:
        for name, content in (("1_head", self.head), ("2_core", self.second), ("3_more", self.third)):
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return self.folder

    def load(self) -> Catalog:
        return load_catalog(self.write())

    def fails(self) -> str:
        with pytest.raises(CatalogError) as caught:
            self.load()
        assert isinstance(caught.value, RunbookError)
        assert isinstance(caught.value, ValueError)
        return str(caught.value)


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    return Draft(tmp_path)


def test_a_right_catalog_loads(draft: Draft) -> None:
    catalog = draft.load()
    assert list(catalog.collections) == ["Trucks", "Trips"]
    assert [p.slug for p in catalog.phases] == ["01_infrastructure", "02_core", "03_more"]
    assert catalog.flags == ("trucks", "trips")
    assert catalog.link_keys == {"Trucks": ("dot",)}
    assert catalog.phase(1).tables == ("Trucks",)
    assert [c.wix for c in catalog.of_flag("trips")] == ["Trips"]


def test_the_primary_comes_first_and_system_fields_last(draft: Draft) -> None:
    catalog = draft.load()
    assert [f.name for f in catalog.collection("Trips").columns] == [
        LEGACY_ID, "Truck DOT", "Price", "Owner", "Truck DOT Text",
    ]  # fmt: skip
    assert [f.wix for f in catalog.collection("Trucks").fields] == ["plate", "dot", "kind", "sold", "_id", "_owner"]


def test_a_field_of_the_collection_replaces_the_system_field(draft: Draft) -> None:
    draft.trucks["fields"].append({"wix": "_owner", "wix_type": "text", "name": "Driver", "type": "singleLineText"})
    catalog = draft.load()
    assert catalog.collection("Trucks").field("_owner").name == "Driver"
    assert catalog.collection("Trips").field("_owner").name == "Owner"


def test_default_codecs(draft: Draft) -> None:
    catalog = draft.load()
    assert {f.wix: f.codec_name for f in catalog.collection("Trucks").fields[:4]} == {
        "plate": "text", "dot": "number", "kind": "choice", "sold": "boolean",
    }  # fmt: skip
    assert catalog.collection("Trips").field("truck_dot").codec_name == "text_int"


def test_options_are_those_of_the_create_call(draft: Draft) -> None:
    catalog = draft.load()
    assert catalog.collection("Trips").field("price").options == {"precision": 2, "symbol": "$"}
    assert catalog.collection("Trucks").field("kind").options == {"choices": [{"name": "box"}, {"name": "tank"}]}
    assert catalog.collection("Trucks").field("plate").options is None


def test_load_order_puts_targets_first(draft: Draft) -> None:
    catalog = draft.load()
    assert [c.wix for c in catalog.load_order(["Trips", "Trucks"])] == ["Trucks", "Trips"]


def test_load_order_survives_a_cycle(draft: Draft) -> None:
    draft.trucks["links"] = [{"name": "Last Trip", "to": "Trips", "on": {"plate": "_id"}, "inverse": "Last Of"}]
    assert sorted(c.wix for c in draft.load().load_order(["Trips", "Trucks"])) == ["Trips", "Trucks"]


def test_words_that_are_booleans_in_yaml_1_1_stay_text(draft: Draft) -> None:
    folder = draft.write()
    text = (folder / "2_core.yaml").read_text().replace("- box", "- No").replace("- tank", "- 2024-01-02")
    (folder / "2_core.yaml").write_text(text)
    assert load_catalog(folder).collection("Trucks").field("kind").choices == ("No", "2024-01-02")


def test_a_wrong_name_is_answered_with_the_nearest(draft: Draft) -> None:
    catalog = draft.load()
    with pytest.raises(CatalogError, match="no collection 'Truks' in the catalog; did you mean 'Trucks'"):
        catalog.collection("Truks")
    with pytest.raises(CatalogError, match="Secrets stays in Wix: needs sign-in"):
        catalog.collection("Secrets")
    with pytest.raises(CatalogError, match="Trucks has no field 'plates'; did you mean 'plate'"):
        catalog.collection("Trucks").field("plates")
    with pytest.raises(CatalogError, match="no phase 9; there are 1, 2, 3"):
        catalog.phase(9)


# What cannot be read.


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere: contains no \*.yaml file; a catalog is a folder"):
        load_catalog(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"contains no \*.yaml file"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"phase: [1", "4_bad.yaml: not YAML"),
        (b"phase: \xff\xfe", "4_bad.yaml: not UTF-8"),
        (b"", "4_bad.yaml: must be a mapping with phase, name, title and collections; it is empty"),
        (b"- phase: 4", "4_bad.yaml: must be a mapping with phase, name, title and collections; it is a list"),
        (b"hello", "4_bad.yaml: must be a mapping with phase, name, title and collections; it is only 'hello'"),
        (b"phase: 4\nphase: 5\n", "4_bad.yaml: not YAML: duplicate key 'phase'"),
        (b"name: more_yet\ntitle: More yet\n", "4_bad.yaml: phase: is missing; expected a number, such as `phase: 2`"),
        (b"phase: four\nname: yet\ntitle: Yet\n", "4_bad.yaml: phase four: number"),
        (b"phase: 4\nname: More Yet\ntitle: Yet\n", "4_bad.yaml: phase 4: name: 'More Yet' must be lower-case letters"),
        (b"phase: 4\nname: yet\n", "4_bad.yaml: phase 4: title: is missing"),
        (b"phase: 4\nname: yet\ntitle: Yet\ncollections: Trucks\n", "4_bad.yaml: collections: must be a list"),
        (b"phase: 4\nname: yet\ntitle: Yet\ntabels: []\n", "tabels: is not a key of a phase; did you mean 'tables'?"),
        (b"phase: 4\nname: yet\ntitle: Yet\ncollections: [Cars]\n", "each needs `wix`, its name in Wix: 'Cars'"),
        (b"phase: 4\nname: yet\ntitle: Yet\ntables: [Truks]\n", "Truks: phase 4 lists it in tables, but it is in no file; "
                                                                 "did you mean 'Trucks'?"),
        (b"phase: 3\nname: yet\ntitle: Yet\n", "phase 3 is also the number of 'more'"),
    ],
)  # fmt: skip
def test_a_bad_file(draft: Draft, content: bytes, said: str) -> None:
    (draft.write() / "4_bad.yaml").write_bytes(content)
    with pytest.raises(CatalogError) as caught:
        load_catalog(draft.folder)
    assert said in str(caught.value)


def test_no_file_contains_the_base(draft: Draft) -> None:
    del draft.head["base"]
    assert "exactly one file must contain `base`, `tab_groups` and `system_fields`; none does" in draft.fails()


def test_two_files_contain_the_base(draft: Draft) -> None:
    draft.second["base"] = "Other"
    assert "exactly one file must contain `base`" in (said := draft.fails())
    assert "2 do (1_head.yaml, 2_core.yaml)" in said


# One field.


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"nmae": "Plate"}, "nmae: is not a key of a field; did you mean 'name'?"),
        ({"name": ""}, "name: '' must not be empty"),
        ({"name": "Plate "}, "name: 'Plate ' must not be empty or have surrounding blanks"),
        ({"wix_type": "txt"}, "wix_type: 'txt' is not one of"),
        ({"wix_type": "txt"}, "did you mean 'text'?"),
        ({"type": "singleLinetext"}, "did you mean 'singleLineText'?"),
        ({"codec": "json"}, "codec: 'json' is not one of"),
        ({"type": "number"}, "precision: a number needs one, 0 to 8, enough for the data"),
        ({"type": "number", "precision": 9}, "precision: Input should be less than or equal to 8: 9"),
        ({"type": "number", "precision": -1}, "precision: Input should be greater than or equal to 0: -1"),
        ({"precision": 2}, "precision: a singleLineText has none; remove it"),
        ({"wix_type": "number", "type": "currency", "precision": 8, "symbol": "$"}, "precision: 8 is above 7"),
        ({"wix_type": "number", "type": "currency", "precision": 2}, "symbol: a currency needs one, such as $"),
        ({"symbol": "$"}, "symbol: only a currency has one, not a singleLineText"),
        ({"type": "singleSelect"}, "choices: a singleSelect needs the values that services write"),
        ({"type": "singleSelect", "choices": []}, "choices: a singleSelect needs the values"),
        ({"type": "singleSelect", "choices": ["a", "b", "a"]}, "choices: 'a' is listed twice"),
        ({"choices": ["a"]}, "choices, open: only a singleSelect or multipleSelects has them, not a singleLineText"),
        ({"open": True}, "choices, open: only a singleSelect or multipleSelects has them"),
        ({"wix_type": "object"}, "codec: there is no default from Wix object to Airtable singleLineText; set one"),
        ({"codec": "boolean"}, "codec: boolean writes to checkbox, not to a singleLineText"),
        ({"pattern": "(["}, "pattern: '([' is not a regular expression"),
        ({"minimum": 3, "maximum": 2}, "minimum: 3 is above the maximum, 2"),
        ({"required": "perhaps"}, "required: Input should be a valid boolean"),
    ],
)  # fmt: skip
def test_a_bad_field(draft: Draft, spoil: dict[str, Any], said: str) -> None:
    draft.trucks["fields"][0].update(spoil)
    message = draft.fails()
    assert message.startswith("2_core.yaml: Trucks.plate: ")
    assert said in message


def test_a_field_without_a_name(draft: Draft) -> None:
    del draft.trucks["fields"][0]["name"]
    assert draft.fails() == "2_core.yaml: Trucks.plate: name: is missing"


def test_a_field_that_is_no_mapping(draft: Draft) -> None:
    draft.trucks["fields"].append("plate")
    assert "2_core.yaml: Trucks.?: must be a mapping: 'plate'" in draft.fails()


def test_fields_that_are_no_list(draft: Draft) -> None:
    draft.trucks["fields"] = {"plate": {}}
    assert "2_core.yaml: Trucks: fields: must be a list" in draft.fails()


# One collection.


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"tabel": "x"}, "tabel: is not a key of a collection; did you mean 'table'?"),
        ({"primary": "plate"}, "primary: there is no column 'plate'; did you mean 'Plate'?"),
        ({"primary": "Sold"}, "primary: a checkbox cannot be a table's first field; 'Legacy Wix ID' always can"),
        ({"tab_group": "Coar"}, "tab_group: 'Coar' is not one of Core, More; did you mean 'Core'?"),
        ({"natural_key": ["plates"]}, "natural_key: there is no field 'plates'; did you mean 'plate'?"),
        ({"expected": 0}, "expected: Input should be greater than or equal to 1: 0"),
        ({"copies": [{"wix": "dott", "wix_type": "number", "name": "Copy", "type": "number", "precision": 0}]},
         "Copy: copies 'dott', which is not a field; did you mean 'dot'?"),
    ],
)  # fmt: skip
def test_a_bad_collection(draft: Draft, spoil: dict[str, Any], said: str) -> None:
    draft.trucks.update(spoil)
    message = draft.fails()
    assert message.startswith("2_core.yaml: Trucks: ")
    assert said in message


@pytest.mark.parametrize("key", ["table", "tab_group", "flag", "primary"])
def test_a_collection_lacks_a_key(draft: Draft, key: str) -> None:
    del draft.trucks[key]
    assert draft.fails() == f"2_core.yaml: Trucks: {key}: is missing"


def test_a_key_twice(draft: Draft) -> None:
    draft.trucks["fields"].append({"wix": "plate", "wix_type": "text", "name": "Plate 2", "type": "singleLineText"})
    assert draft.fails() == "2_core.yaml: Trucks: plate: listed twice"


def test_two_columns_that_differ_by_case_only(draft: Draft) -> None:
    draft.trucks["fields"].append({"wix": "plate2", "wix_type": "text", "name": "PLATE", "type": "singleLineText"})
    said = "plate2: column 'PLATE' is also the column of plate; names are case-insensitive"
    assert draft.fails() == f"2_core.yaml: Trucks: {said}"


def test_a_link_named_as_a_column(draft: Draft) -> None:
    draft.trips["links"][0]["name"] = "price"
    assert draft.fails().startswith("3_more.yaml: Trips: price: column 'price' is also the column of price")


def test_a_column_named_as_the_originals(draft: Draft) -> None:
    draft.trucks["fields"][0]["name"] = draft.trucks["primary"] = "wix original"
    assert "plate: 'Wix Original' is reserved; choose another name" in draft.fails()


def test_no_legacy_id(draft: Draft) -> None:
    del draft.head["system_fields"][0]
    assert "2_core.yaml: Trucks: _id: must be the column 'Legacy Wix ID'" in draft.fails()


def test_a_legacy_id_under_another_name(draft: Draft) -> None:
    draft.trucks["fields"].append({"wix": "_id", "wix_type": "text", "name": "Key", "type": "singleLineText"})
    assert "2_core.yaml: Trucks: _id: must be the column 'Legacy Wix ID'" in draft.fails()


# All of it together.


def test_a_collection_twice(draft: Draft) -> None:
    draft.third["collections"].append({**trucks(), "table": "Trucks Again"})
    assert draft.fails() == "3_more.yaml: Trucks: listed twice"


def test_a_table_twice_by_case(draft: Draft) -> None:
    draft.trips["table"] = "TRUCKS"
    assert draft.fails() == "3_more.yaml: Trips: table: 'TRUCKS' is also the table of Trucks"


def test_a_collection_that_moves_and_stays(draft: Draft) -> None:
    draft.head["kept"].append({"wix": "Trips", "reason": "x"})
    assert draft.fails() == "1_head.yaml: Trips: is both in collections and in kept; remove it from one of them"


def test_a_kept_collection_without_a_reason(draft: Draft) -> None:
    draft.head["kept"].append({"wix": "Members"})
    assert draft.fails() == "1_head.yaml: kept.Members: reason: is missing"


def test_a_link_to_what_stays(draft: Draft) -> None:
    draft.trips["links"][0]["to"] = "Secrets"
    said = "Truck: links to 'Secrets', which stays in Wix (needs sign-in); keep only its id, as text"
    assert draft.fails() == f"3_more.yaml: Trips: {said}"


def test_a_link_to_nothing(draft: Draft) -> None:
    draft.trips["links"][0]["to"] = "Truks"
    said = "Truck: links to 'Truks', which does not move; did you mean 'Trucks'?"
    assert draft.fails() == f"3_more.yaml: Trips: {said}"


def test_a_link_on_a_key_that_the_collection_lacks(draft: Draft) -> None:
    draft.trips["links"][0]["on"] = {"truck_dots": "dot"}
    assert "Truck: on: there is no field 'truck_dots'; did you mean 'truck_dot'?" in draft.fails()


def test_a_link_on_a_key_that_the_target_lacks(draft: Draft) -> None:
    draft.trips["links"][0]["on"] = {"truck_dot": "dto"}
    assert "Truck: on: Trucks has no field 'dto'; did you mean 'dot'?" in draft.fails()


def test_a_link_on_nothing(draft: Draft) -> None:
    draft.trips["links"][0]["on"] = {}
    assert draft.fails().startswith("3_more.yaml: Trips.Truck: on: ")


def test_an_inverse_named_as_a_column_of_the_target(draft: Draft) -> None:
    draft.trips["links"][0]["inverse"] = "Kind"
    said = "Truck: its inverse 'Kind' is already a column of Trucks; choose another `inverse`"
    assert draft.fails() == f"3_more.yaml: Trips: {said}"


def test_two_links_with_one_inverse(draft: Draft) -> None:
    draft.trips["links"].append({"name": "Spare Truck", "to": "Trucks", "on": {"truck_dot": "dot"}})
    said = "Spare Truck: its inverse 'Trips' in Trucks is also that of Trips.Truck; choose an `inverse`"
    assert draft.fails() == f"3_more.yaml: Trips: {said}"
