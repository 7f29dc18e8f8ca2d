"""Aggregation pipelines: stages, projections and expressions, through POST /items/aggregate-pipeline."""

from __future__ import annotations

import pytest

from sandbox.wix import pipeline

C = {"dataCollectionId": "Cars"}
ROW = {"_id": "a", "n": 7, "s": "Äb c", "none": None, "d": {"$date": "2024-01-02T03:04:05.678Z"}, "o": {"p": {"q": 1}, "r": 2}, "t": ["x", "y"]}  # fmt: skip


@pytest.fixture
def cars(wix):
    wix.make("Cars", ROW)
    return wix


def run(wix, *stages, **more):
    return wix.ok("POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": stages, **more}})["results"]


def refused(wix, code, *stages, status=400):
    wix.refused(status, code, "POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": stages}})


def shaped(*expressions):
    fields = [{"reshape": {"resultFieldName": f"r{n}", "expression": element}} for n, element in enumerate(expressions)]
    return {"projection": {"fields": fields}}


def field(path):
    return {"fieldPath": path}


def many(name, *operands):
    return {name: {"expressions": list(operands)}}


def one(name, operand):
    return {name: {"expression": operand}}


def two(name, first, second):
    return {name: {"firstExpression": first, "secondExpression": second}}


def cut(text, start, length=None):
    places = {"startExpression": start} | ({} if length is None else {"lengthExpression": length})
    return {"substring": {"expression": text, **places}}


def number(value):
    return {"numeric": value}


NONE, N, S = field("none"), field("n"), field("s")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (N, 7),
        (field("o.p.q"), 1),
        (field("missing.path"), None),
        ({"text": ""}, ""),
        (number(0), 0),
        (many("add", N, number(0.5)), 7.5),
        (many("add", N, NONE), None),
        (many("sum", N, NONE, number(1)), 8),
        (many("sum", NONE), 0),
        (many("multiply", N, number(2), number(-1)), -14),
        (many("multiply", number(1e300), number(1e300)), None),
        (two("subtract", N, number(9)), -2),
        (two("divide", N, number(2)), 3.5),
        (two("divide", NONE, number(2)), None),
        (two("mod", number(-7), number(4)), -3),
        (two("mod", number(7.5), number(-2)), 1.5),
        (one("abs", number(-2)), 2),
        (one("floor", number(-0.5)), -1),
        (one("floor", number(1e300)), 1e300),
        (one("ceil", number(-0.5)), 0),
        (one("ceil", NONE), None),
        (many("concat", S, {"text": "!"}), "Äb c!"),
        (many("concat", S, NONE), None),
        (one("stringify", N), "7"),
        (one("stringify", number(2.5)), "2.5"),
        (one("stringify", S), "Äb c"),
        (one("stringify", NONE), None),
        (one("stringify", field("d")), "2024-01-02T03:04:05.678Z"),
        (one("stringify", field("t")), '["x","y"]'),
        (one("toUpper", S), "ÄB C"),
        (one("toLower", S), "äb c"),
        (one("length", S), 4),
        (cut(S, number(1)), "b c"),
        (cut(S, number(1), number(1)), "b"),
        (cut(S, number(9), number(9)), ""),
        (cut(S, number(0), number(1e300)), "Äb c"),
        (cut(S, number(0), NONE), None),
        (one("abs", two("subtract", one("length", S), N)), 3),
    ],
)  # fmt: skip
def test_expressions(cars, expression, value):
    assert run(cars, shaped(expression)) == [{"_id": "a", "r0": value}]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (many("add", N, S), "WDE0080"),
        (many("add", field("d"), number(1)), "WDE0080"),
        (many("sum", field("t")), "WDE0080"),
        (two("divide", N, number(0)), "WDE0080"),
        (two("mod", N, number(0)), "WDE0080"),
        (many("concat", S, N), "WDE0080"),
        (one("toUpper", N), "WDE0080"),
        (one("length", field("t")), "WDE0080"),
        (cut(S, number(-1)), "WDE0080"),
        (cut(S, number(0.5)), "WDE0080"),
        (cut(S, number(0), number(-1)), "WDE0080"),
        (cut(S, {"text": "1"}), "WDE0080"),
        (field(""), "WDE0173"),
        (field("a."), "WDE0167"),
        ({}, "validationError"),
        ({"numeric": 1, "text": "a"}, "validationError"),
        ({"numeric": True}, "validationError"),
        ({"numeric": "1"}, "validationError"),
        ({"text": 5}, "validationError"),
        ({"text": "x" * 1001}, "validationError"),
        ({"fieldPath": "x" * 1001}, "validationError"),
        ({"power": {}}, "validationError"),
        (many("add"), "validationError"),
        ({"abs": {}}, "validationError"),
        ({"abs": 5}, "validationError"),
        (many("add", *[number(1)] * 1001), "validationError"),
    ],
)  # fmt: skip
def test_refused_expressions(cars, expression, code):
    refused(cars, code, shaped(expression))


def test_expressions_are_bounded(cars, monkeypatch):
    deep = N
    for _ in range(49):
        deep = one("abs", deep)
    assert run(cars, shaped(deep))[0]["r0"] == 7
    refused(cars, "validationError", shaped(one("abs", deep)))
    cars.fill("Cars", {"s": "x" * 400_000})
    refused(cars, "WDE0009", {"filter": {"n": None}}, shaped(many("concat", S, S)))
    monkeypatch.setattr(pipeline, "MAX_PARTS", 20)
    refused(cars, "WDE0109", shaped(many("add", *[number(1)] * 20)), status=413)


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ([{"include": {"fieldName": "o.r"}}], {"_id": "a", "o": {"r": 2}}),
        ([{"include": {"fieldName": "n"}}, {"exclude": {"fieldName": "_id"}}], {"n": 7}),
        ([{"exclude": {"fieldName": name}} for name in ("s", "none", "d", "o.p", "t", "missing.x", "_id", "_owner", "_createdDate", "_updatedDate")], {"n": 7, "o": {"r": 2}}),
        ([{"reshape": {"resultFieldName": "o.new", "expression": N}}], {"_id": "a", "o": {"new": 7}}),
        ([{"include": {"fieldName": "o"}}, {"reshape": {"resultFieldName": "o.p.q", "expression": N}}], {"_id": "a", "o": {"p": {"q": 7}, "r": 2}}),
        ([{"include": {"fieldName": "n"}}, {"reshape": {"resultFieldName": "n.x", "expression": N}}], {"_id": "a", "n": {"x": 7}}),
        ([{"projectNested": {"resultFieldName": "o", "fields": [{"include": {"fieldName": "p"}}, {"reshape": {"resultFieldName": "n", "expression": N}}]}}], {"_id": "a", "o": {"p": {"q": 1}, "n": 7}}),
        ([{"include": {"fieldName": "o"}}, {"projectNested": {"resultFieldName": "o", "fields": [{"exclude": {"fieldName": "p"}}]}}], {"_id": "a", "o": {"r": 2}}),
    ],
)  # fmt: skip
def test_projections(cars, fields, row):
    assert run(cars, {"projection": {"fields": fields}}) == [row]
    assert cars.get("Cars", "a")["o"] == ROW["o"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({}, "validationError"),
        ({"include": {}}, "validationError"),
        ({"include": {"fieldName": "a"}, "exclude": {"fieldName": "b"}}, "validationError"),
        ({"include": {"fieldName": ".".join("a" * 51)}}, "validationError"),
        ({"reshape": {"expression": {"numeric": 1}}}, "validationError"),
        ({"reshape": {"resultFieldName": "a.$date", "expression": {"numeric": 1}}}, "WDE0134"),
        ({"projectNested": {"fields": []}}, "validationError"),
    ],
)
def test_refused_projections(cars, entry, code):
    refused(cars, code, {"projection": {"fields": [entry]}})


def test_nested_projections_are_bounded(cars):
    fields = [{"include": {"fieldName": "a"}}]
    for _ in range(50):
        fields = [{"projectNested": {"resultFieldName": "a", "fields": fields}}]
    refused(cars, "validationError", {"projection": {"fields": fields}})
    deeper = shaped({"fieldPath": "r0"})
    deeper["projection"]["fields"][0]["reshape"]["resultFieldName"] = "r0" + ".x" * 49
    refused(cars, "WDE0168", *[deeper] * 60)


def test_stages(cars):
    cars.fill("Cars", {"_id": "b", "n": 1, "s": "B", "t": "y"}, {"_id": "c", "n": 2, "s": "b", "t": []})
    unwound = run(cars, {"unwindArray": {"arrayFieldName": "t"}}, {"sort": {"values": [{"fieldName": "n"}]}})
    assert [(row["_id"], row["t"]) for row in unwound] == [("b", "y"), ("a", "x"), ("a", "y")]
    turned = run(cars, {"objectToArray": {"objectFieldName": "o", "destinationFieldName": "o.list"}}, {"limit": 1})
    assert turned[0]["o"]["list"] == [{"key": "p", "value": {"q": 1}}, {"key": "r", "value": 2}]
    by = [{"key": "_id", "expression": one("toLower", S)}]
    figures = ("sum", "avg", "min", "max", "first", "last", "push")
    accumulators = [{"resultFieldName": name, name: {"expression": N}} for name in figures]
    group = {"group": {"groupIds": by, "accumulators": accumulators}}
    rows = run(cars, {"sort": {"values": [{"fieldName": "_id"}]}}, group, {"skip": 1})
    assert rows == [
        {"_id": {"_id": "b"}, "sum": 3, "avg": 1.5, "min": 1, "max": 2, "first": 1, "last": 2, "push": [1, 2]}
    ]
    assert len(run(cars, {"filter": {"n": {"$gt": 1}}}, group, {"filter": {"sum": 7}})) == 1


def test_pages(cars):
    cars.fill("Cars", *({"_id": f"i{n}", "n": n} for n in range(5)))
    stages = [{"sort": {"values": [{"fieldName": "n"}]}}, {"limit": 4}]

    def page(**paging):
        answer = cars.ok("POST", "/items/aggregate-pipeline", {**C, "pipeline": {"stages": stages, **paging}})
        return [row["n"] for row in answer["results"]], answer["pagingMetadata"]

    rows, metadata = page(paging={"offset": 3})
    assert (rows, metadata["hasNext"], metadata["offset"]) == ([3], False, 3)
    rows, metadata = page(cursorPaging={"limit": 3})
    assert (rows, metadata["hasNext"]) == ([0, 1, 2], True)
    assert page(cursorPaging={"cursor": metadata["cursors"]["next"]})[0] == [3]
    for bad in ({"paging": {"limit": 1001}}, {"paging": {}, "cursorPaging": {}}):
        body = {**C, "pipeline": {"stages": stages, **bad}}
        cars.refused(400, "validationError", "POST", "/items/aggregate-pipeline", body)


def test_an_aggregation_is_remembered_by_its_cursor(cars):
    cars.fill("Cars", {"n": 1}, {"n": 2})
    aggregation = {"groupingFields": ["n"], "operations": [{"resultFieldName": "c", "itemCount": {}}]}
    asked = {**C, "aggregation": aggregation, "sort": [{"fieldName": "n"}], "cursorPaging": {"limit": 2}}
    first = cars.ok("POST", "/items/aggregate", asked)
    assert [row["n"] for row in first["results"]] == [1, 2]
    cursor = first["pagingMetadata"]["cursors"]["next"]
    assert cars.ok("POST", "/items/aggregate", {**C, "cursorPaging": {"cursor": cursor}})["results"][0]["n"] == 7


def test_what_is_too_much_is_refused(cars, monkeypatch):
    cars.fill("Cars", {"n": 1}, {"n": 2})
    push = {"group": {"groupIds": [], "accumulators": [{"resultFieldName": "r", "push": {"expression": N}}]}}
    each = {"group": {"groupIds": [{"key": "n", "expression": N}], "accumulators": []}}
    for name, stage in (("MAX_PUSHED", push), ("MAX_GROUPS", each)):
        with monkeypatch.context() as patch:
            patch.setattr(f"sandbox.wix.aggregates.{name}", 2)
            refused(cars, "WDE0092", stage)
    with monkeypatch.context() as patch:
        patch.setattr("sandbox.wix.responses.MAX_CHARACTERS", 20)
        refused(cars, "WDE0180", {"skip": 0})
        cars.refused(400, "WDE0180", "POST", "/items/query", C)
    monkeypatch.setattr(pipeline, "MAX_ROWS", 1)
    refused(cars, "WDE0092", {"unwindArray": {"arrayFieldName": "t"}})
