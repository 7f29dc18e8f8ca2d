"""Links: one relation with two faces, in every order of writing and deleting."""

from __future__ import annotations

import pytest


@pytest.fixture
def others(base):
    return [base.make("Other", Title=f"t{number}", Amount=number)["id"] for number in range(4)]


def back(base, other):
    return base.ok("GET", f"Other/{other}")["fields"].get("Back", [])


def links(base, record, field="Others"):
    return base.ok("GET", f"Every/{record}")["fields"].get(field, [])


def test_both_faces_of_a_link_agree(base, others):
    first = base.make(Others=others[:2])["id"]
    assert [back(base, other) for other in others] == [[first], [first], [], []]
    second = base.make(Others=[others[1]])["id"]
    assert back(base, others[1]) == [first, second]
    base.ok("PATCH", f"Every/{first}", {"fields": {"Others": [others[3]]}})
    assert [back(base, other) for other in others] == [[], [second], [], [first]]
    base.ok("PATCH", f"Other/{others[2]}", {"fields": {"Back": [second, first]}})
    assert links(base, first) == [others[3], others[2]]
    assert links(base, second) == [others[1], others[2]]
    base.ok("PATCH", f"Other/{others[2]}", {"fields": {"Back": []}})
    assert links(base, first) == [others[3]]


def test_a_link_keeps_the_order_it_was_written_in_on_each_side(base, others):
    order = [others[2], others[0], others[3], others[1]]
    first = base.make(Others=order)
    assert first["fields"]["Others"] == order
    assert links(base, first["id"]) == order
    base.ok("PATCH", f"Every/{first['id']}", {"fields": {"Others": order[::-1]}})
    assert links(base, first["id"]) == order[::-1]
    second = base.make(Name="two")["id"]
    base.ok("PATCH", f"Other/{others[0]}", {"fields": {"Back": [second, first["id"]]}})
    assert back(base, others[0]) == [second, first["id"]]


def test_a_record_stands_once_in_a_cell(base, others):
    assert base.make(Others=[others[1], others[0], others[1]])["fields"]["Others"] == [others[1], others[0]]


def test_several_records_may_be_linked_where_the_interface_prefers_one(base, connect):
    seed = {
        "base": {"name": "Single"},
        "tables": [
            {"name": "A", "fields": [{"name": "Name", "type": "singleLineText"}]},
            {
                "name": "B",
                "fields": [
                    {"name": "Name", "type": "singleLineText"},
                    {
                        "name": "One",
                        "type": "multipleRecordLinks",
                        "options": {"linkedTable": "A", "prefersSingleRecordLink": True},
                    },
                ],
            },
        ],
    }
    single = connect(base.box, seed)
    wanted = [single.make("A", Name=name)["id"] for name in "ab"]
    assert single.make("B", One=wanted)["fields"]["One"] == wanted


def test_a_link_to_its_own_table_has_no_other_face(base):
    first, second = base.make(Name="one")["id"], base.make(Name="two")["id"]
    assert "inverseLinkFieldId" not in base.field("Self")["options"]
    base.ok("PATCH", f"Every/{first}", {"fields": {"Self": [second, first]}})
    assert links(base, first, "Self") == [second, first]
    assert links(base, second, "Self") == []


def test_deleting_a_record_drops_it_from_every_link(base, others):
    first = base.make(Others=others[:3])["id"]
    second = base.make(Self=[first], Others=[others[1]])["id"]
    base.ok("DELETE", f"Other/{others[1]}")
    assert links(base, first) == [others[0], others[2]]
    assert links(base, second) == []
    base.ok("DELETE", f"Every/{first}")
    assert links(base, second, "Self") == []
    assert back(base, others[0]) == []


def test_put_clears_links_and_their_other_face(base, others):
    first = base.make(Name="x", Others=others[:2])["id"]
    put = base.ok("PUT", f"Every/{first}", {"fields": {"Name": "y"}})
    assert "Others" not in put["fields"]
    assert back(base, others[0]) == []


@pytest.mark.parametrize("value", ["rec00000000000000", 5, True, {}, {"id": "rec00000000000000"}], ids=repr)
def test_a_link_that_is_no_list_is_refused_in_its_own_words(base, value):
    payload = (422, "INVALID_VALUE_FOR_COLUMN", "Value is not an array of record IDs.")
    assert base.refused_value("Others", value) == payload


@pytest.mark.parametrize(
    ("element", "shown"),
    [("Acme", "Acme"), ("", ""), ("rec1", "rec1"), ("rec" + "!" * 14, "rec" + "!" * 14), (5, "5"), (None, "null")],
)
def test_an_element_that_is_no_record_id_is_named(base, element, shown):
    payload = (422, "INVALID_RECORD_ID", f'Value "{shown}" is not a valid record ID.')
    assert base.refused_value("Others", [element]) == payload


@pytest.mark.parametrize("element", [{}, {"id": "rec00000000000000"}, [], [1]], ids=repr)
def test_an_element_that_is_an_object_or_list_is_no_record_id(base, element):
    assert base.refused_value("Others", [element])[:2] == (422, "INVALID_RECORD_ID")


def test_a_link_to_a_missing_record_is_refused(base, others):
    payload = (422, "ROW_DOES_NOT_EXIST", "Record ID rec00000000000000 does not exist in this table")
    assert base.refused_value("Others", [others[0], "rec00000000000000"]) == payload
    gone = base.ok("DELETE", f"Other/{others[0]}")["id"]
    assert base.refused_value("Others", [gone])[1] == "ROW_DOES_NOT_EXIST"


def test_a_link_to_a_record_of_another_table_says_which(base):
    stranger = base.make(Name="x")["id"]
    tables = base.tables
    payload = f"Record ID {stranger} belongs to table {tables['Every']}, but the field links to table {tables['Other']}"
    assert base.refused_value("Others", [stranger]) == (422, "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE", payload)


def test_a_record_of_another_base_does_not_exist(base, connect):
    foreign = connect(base.box).make("Other", Title="t")["id"]
    assert base.refused_value("Others", [foreign])[1] == "ROW_DOES_NOT_EXIST"


def test_typecast_links_by_primary_value_the_first_match_or_a_new_record(base, others):
    twin = base.make("Other", Title="t1")["id"]
    found = base.write("Others", ["t1", "brand new", others[0]], typecast=True)
    assert found[0] == others[1] != twin
    assert found[2] == others[0]
    assert base.ok("GET", f"Other/{found[1]}")["fields"]["Title"] == "brand new"
    assert base.write("Others", "t2, brand new", typecast=True) == [others[2], found[1]]
    assert len(base.records("Other")) == 6


def test_typecast_of_one_new_name_in_many_rows_makes_one_record(base):
    rows = [{"fields": {"Others": ["Acme"]}} for _ in range(3)]
    made = base.ok("POST", "Every", {"records": rows, "typecast": True})["records"]
    assert len({tuple(record["fields"]["Others"]) for record in made}) == 1
    assert len(base.records("Other")) == 1


def test_typecast_of_a_blank_name_links_nothing(base):
    assert base.write("Others", ["", "  "], typecast=True) is None
    assert base.records("Other") == []


def test_the_answer_to_a_batch_shows_what_is_so_after_the_whole_batch(base, others):
    first, second = base.make(Name="one")["id"], base.make(Name="two")["id"]
    rows = [{"id": first, "fields": {"Self": [second]}}, {"id": second, "fields": {"Name": "renamed"}}]
    base.ok("PATCH", "Every", {"records": rows})
    target = others[0]
    answer = base.ok(
        "PATCH",
        "Every",
        {"records": [{"id": first, "fields": {"Others": [target]}}, {"id": first, "fields": {"Others": []}}]},
    )
    assert ["Others" in record["fields"] for record in answer["records"]] == [False, False]
    assert back(base, target) == []


def test_linking_changes_the_modified_time_of_both_sides(base, others):
    first = base.make(Name="one")["id"]
    base.box.clock(advance=100)
    base.ok("PATCH", f"Other/{others[0]}", {"fields": {"Back": [first]}})
    after = base.ok("GET", f"Every/{first}")["fields"]
    assert after["Changed"] > after["Created"]
