"""A list in both forms that it can be requested in."""

from __future__ import annotations

from runbook.airtable.list_query import ListQuery


def test_a_query_is_the_same_in_a_url_and_in_a_body() -> None:
    query = ListQuery("app1", "Trucks", ["A", "B"], "{A}=1", ["-A", "B"], 50)
    assert query.params("next") == [
        ("pageSize", "50"),
        ("fields[]", "A"),
        ("fields[]", "B"),
        ("filterByFormula", "{A}=1"),
        ("sort[0][field]", "A"),
        ("sort[0][direction]", "desc"),
        ("sort[1][field]", "B"),
        ("sort[1][direction]", "asc"),
        ("offset", "next"),
    ]
    assert query.body("next") == {
        "pageSize": 50,
        "fields": ["A", "B"],
        "filterByFormula": "{A}=1",
        "sort": [{"field": "A", "direction": "desc"}, {"field": "B", "direction": "asc"}],
        "offset": "next",
    }


def test_what_is_not_wanted_is_left_out() -> None:
    query = ListQuery("app1", "Trucks", [], None, [], 100)
    assert query.params(None) == [("pageSize", "100")]
    assert query.body(None) == {"pageSize": 100}
    assert ListQuery("app1", "Trucks", [], "", [], 1).params(None) == [("pageSize", "1"), ("filterByFormula", "")]
    assert ListQuery("app1", "Trucks", [], "", [], 1).body(None) == {"pageSize": 1, "filterByFormula": ""}
