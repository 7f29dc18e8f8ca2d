"""Applying against the sandbox: refused, interrupted, killed, raced, and twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, connect, seed, seed_field, shape, small_catalog
from lmdr import catalog as lmdr_catalog
from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.errors import AirtableError, SchemaDrift
from runbook.schema import Tables, apply_schema, plan_schema
from runbook.schema.steps import MakeTable
from sandbox import Sandbox

NAMES = ["hubs", "drivers", "routes"]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return small_catalog(tmp_path / "catalog")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=seed(), requests_per_second="off") as box:
        yield box


@pytest.fixture
def airtable(box: Sandbox, tmp_path: Path) -> Iterator[Airtable]:
    with connect(box, tmp_path) as airtable:
        yield airtable


def apply(catalog: Catalog, airtable: Airtable, names: list[str] | None = None) -> Any:
    return apply_schema(plan_schema(catalog, names or NAMES, airtable.tables(BASE)), airtable, BASE)


def requests_of(box: Sandbox) -> dict[str, int]:
    """Requests by method since the sandbox began, those to /meta of the base."""
    return {name: counted["requests"] for name, counted in box.stats()["airtable"][BASE]["endpoints"].items()}


@pytest.fixture
def wanted(catalog: Catalog, tmp_path: Path) -> dict[str, Any]:
    """What an undisturbed run makes."""
    (tmp_path / "calm").mkdir()
    with Sandbox(seed=seed(), requests_per_second="off") as calm, connect(calm, tmp_path / "calm") as airtable:
        apply(catalog, airtable)
        return shape(airtable.tables(BASE))


def test_it_makes_what_was_planned_in_as_many_requests(catalog: Catalog, box: Sandbox, airtable: Airtable) -> None:
    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    before = sum(requests_of(box).values())
    done: list[tuple[int, int]] = []
    applied = apply_schema(plan, airtable, BASE, on_progress=lambda *p: done.append(p))
    assert sum(requests_of(box).values()) - before == plan.requests == applied.requests
    assert done[-1] == (len(plan.steps), len(plan.steps))
    assert [s.key for s in applied.made] == [s.key for s in plan.steps]
    assert (applied.tables, applied.links) == (3, 5)
    tables = Tables(airtable.tables(BASE), catalog)
    assert [tables.missing(name) for name in NAMES] == [[], [], []]
    assert all(link.ok and link.inverse_ok for name in NAMES for link in tables.links(name).values())
    assert [f["name"] for f in tables.table("hubs")["fields"]][-3:] == ["Wix Original", "Drivers", "Former Drivers"]
    assert "as planned" in repr(applied)
    assert applied.facts()["verified"]["links"] == 5


def test_the_second_time_only_reads(catalog: Catalog, box: Sandbox, airtable: Airtable) -> None:
    apply(catalog, airtable)
    before = requests_of(box)
    applied = apply(catalog, airtable)
    after = requests_of(box)
    sent = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    assert len(sent) == 1, sent
    assert next(iter(sent)).startswith("GET")
    assert applied.made == ()
    assert "nothing to make" in repr(applied)


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A client that dies before its nth request, or after it was answered."""

    def __init__(self, inner: Airtable, nth: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, nth, after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            answer = call(*args, **kwargs)
            if self._left == 0:
                raise Killed
            return answer

        return counted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_between_any_two_requests_it_goes_on(
    catalog: Catalog, wanted: dict[str, Any], tmp_path: Path, after: bool
) -> None:
    ended = False
    for nth in itertools.count(1):
        with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
            plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
            try:
                apply_schema(plan, Dying(airtable, nth, after=after), BASE)  # type: ignore[arg-type]
                ended = True
            except Killed:
                apply(catalog, airtable)
            assert shape(airtable.tables(BASE)) == wanted, f"killed at request {nth}"
            if ended:
                break
    assert nth == plan.requests + 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after_commit", "truncate"])
def test_an_answer_that_is_lost_at_any_request_is_looked_up(
    catalog: Catalog, wanted: dict[str, Any], tmp_path: Path, kind: str
) -> None:
    requests = plan_schema(catalog, NAMES, []).requests
    for nth in range(1, requests + 1):
        with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
            plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
            box.faults({"match": {"service": "airtable", "nth": nth}, "kind": kind})
            apply_schema(plan, airtable, BASE)
            assert box.faults()[0]["hits"] == 1
            assert shape(airtable.tables(BASE)) == wanted, f"{kind} at request {nth}"


def test_a_server_that_fails_for_a_while_is_asked_again(
    catalog: Catalog, wanted: dict[str, Any], box: Sandbox, airtable: Airtable
) -> None:
    box.faults(
        {"match": {"service": "airtable", "method": "POST", "nth": 2}, "kind": "status", "status": 500, "times": 2}
    )
    apply(catalog, airtable)
    assert shape(airtable.tables(BASE)) == wanted


def test_a_server_that_always_fails_is_an_error(catalog: Catalog, box: Sandbox, airtable: Airtable) -> None:
    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    box.faults({"match": {"method": "POST"}, "kind": "status", "status": 500, "times": None})
    with pytest.raises((SchemaDrift, AirtableError), match="run this again"):
        apply_schema(plan, airtable, BASE)
    box.faults(clear=True)
    apply(catalog, airtable)


def test_two_processes_that_apply_at_once_make_everything_once(
    catalog: Catalog, wanted: dict[str, Any], tmp_path: Path, box: Sandbox, airtable: Airtable
) -> None:
    """Two processes provision at once: the other one makes each thing a moment before."""

    class Raced:
        def __init__(self) -> None:
            self.turn = 0

        def __getattr__(self, name: str) -> Any:
            call = getattr(airtable, name)
            if name not in ("create_table", "create_field"):
                return call

            def twice(*args: Any) -> Any:
                self.turn += 1
                if self.turn % 2:
                    call(*args)
                return call(*args)

            return twice

    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    apply_schema(plan, Raced(), BASE)  # type: ignore[arg-type]
    assert shape(airtable.tables(BASE)) == wanted


def test_drift_is_found_before_anything_is_written(catalog: Catalog, tmp_path: Path) -> None:
    hubs = {"name": "Hubs", "fields": [{"name": "Name", "type": "singleLineText"}, {"name": "Pay", "type": "email"}]}
    with Sandbox(seed=seed(hubs), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        before = airtable.tables(BASE)
        with pytest.raises(SchemaDrift, match=r"(?s)nothing was written.*Hubs\.Pay: is a email"):
            apply(catalog, airtable)
        assert airtable.tables(BASE) == before


def test_drift_that_came_after_the_plan_stops_it_too(catalog: Catalog, airtable: Airtable) -> None:
    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    fields = [{"name": "Name", "type": "singleLineText"}, {"name": "code", "type": "singleLineText"}]
    airtable.create_table(BASE, {"name": "Hubs", "fields": fields})
    before = airtable.tables(BASE)
    with pytest.raises(SchemaDrift, match="differs only by case"):
        apply_schema(plan, airtable, BASE)
    assert airtable.tables(BASE) == before


def test_steps_that_were_not_planned_are_not_done(catalog: Catalog, airtable: Airtable) -> None:
    """The table was there when it was planned, complete but for one column; someone has deleted it since."""
    hubs = next(s for s in plan_schema(catalog, ["hubs"], []).steps if isinstance(s, MakeTable))
    airtable.create_table(BASE, {**hubs.spec, "fields": list(hubs.columns[:-1])})
    there = airtable.tables(BASE)
    plan = plan_schema(catalog, ["hubs"], there)
    assert [s.key for s in plan.steps] == [("column", "Hubs", "Wix Original")]
    airtable.update_table(
        BASE, next(t["id"] for t in there if t["name"] == "Hubs"), {"name": "Gone", "description": ""}
    )
    with pytest.raises(SchemaDrift, match=r"(?s)has changed since it was planned.*make table Hubs"):
        apply_schema(plan, airtable, BASE)


def test_a_table_of_someone_else_is_filled_up(catalog: Catalog, tmp_path: Path) -> None:
    hubs = {
        "name": "Hubs",
        "fields": [{"name": "Name", "type": "singleLineText"}, {"name": "Colour", "type": "singleLineText"}],
    }
    with Sandbox(seed=seed(hubs), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        applied = apply(catalog, airtable)
        tables = Tables(airtable.tables(BASE), catalog)
        assert tables.missing("hubs") == []
        assert tables.table("hubs")["description"].startswith("Wix collection: hubs.")
        assert any("'Colour'" in note for note in applied.notes)


class Refusing:
    """Airtable on a plan that does not let these columns be made."""

    def __init__(self, inner: Airtable, names: set[str], *, named: bool) -> None:
        self._inner, self._names, self._named = inner, names, named

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _refuse(self, table: str, spec: dict[str, Any]) -> None:
        if spec["name"] in self._names:
            where = f"{table}.{spec['name']}" if self._named else "<unknown>"
            raise AirtableError(
                f"422: Invalid options for {where}: Creating {spec['type']} fields is not supported at this time",
                status=422,
                kind="UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
            )

    def create_table(self, base: str, spec: dict[str, Any]) -> Any:
        for column in spec["fields"]:
            self._refuse(spec["name"], column)
        return self._inner.create_table(base, spec)

    def create_field(self, base: str, table: str, spec: dict[str, Any]) -> Any:
        self._refuse(table, spec)
        return self._inner.create_field(base, table, spec)


@pytest.mark.parametrize("named", [True, False], ids=["the answer names it", "it does not"])
def test_columns_that_airtable_refuses_become_manual_steps_and_the_rest_goes_on(
    catalog: Catalog, airtable: Airtable, named: bool
) -> None:
    refusing = Refusing(airtable, {"Share", "Is On"}, named=named)
    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    applied = apply_schema(plan, refusing, BASE)  # type: ignore[arg-type]
    assert len(applied.manual_steps) == 2
    assert "In table 'Hubs', click '+' right of the last column: name 'Share', type Percent" in applied.manual_steps[0]
    assert applied.plan.manual_steps == applied.manual_steps
    assert Tables(airtable.tables(BASE), catalog).missing("hubs") == ["Share", "Is On"]
    assert Tables(airtable.tables(BASE), catalog).missing("drivers") == []
    for table in airtable.tables(BASE):
        if table["name"] == "Hubs":
            for spec in next(s for s in plan.steps if isinstance(s, MakeTable)).columns:
                if spec["name"] in ("Share", "Is On"):
                    airtable.create_field(BASE, table["id"], seed_field(spec))
    assert apply(catalog, refusing).manual_steps == ()  # type: ignore[arg-type]


def test_a_refused_primary_column_is_an_error_that_counts_the_done_steps(catalog: Catalog, airtable: Airtable) -> None:
    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    with pytest.raises(AirtableError, match=r"make table Hubs .*0 of 8 steps are done; run this again"):
        apply_schema(plan, Refusing(airtable, {"Name"}, named=True), BASE)  # type: ignore[arg-type]


def test_a_schema_that_differs_from_the_request_is_an_error(catalog: Catalog, airtable: Airtable) -> None:
    """The service takes a column and makes it another type."""

    class Lying:
        def __getattr__(self, name: str) -> Any:
            return getattr(airtable, name)

        def create_table(self, base: str, spec: dict[str, Any]) -> Any:
            fields = [
                {"name": f["name"], "type": "multilineText"} if f["type"] == "currency" else f for f in spec["fields"]
            ]
            return airtable.create_table(base, {**spec, "fields": fields})

    plan = plan_schema(catalog, NAMES, airtable.tables(BASE))
    with pytest.raises(SchemaDrift, match=r"(?s)not as planned.*Hubs\.Pay: is a multilineText"):
        apply_schema(plan, Lying(), BASE)  # type: ignore[arg-type]


@pytest.mark.slow
def test_all_of_lmdr_in_any_order_of_phases(tmp_path: Path) -> None:
    catalog = lmdr_catalog.load()
    names = list(catalog.collections)
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        plan = plan_schema(catalog, names, airtable.tables(BASE))
        applied = apply_schema(plan, airtable, BASE)
        assert applied.requests == plan.requests
        assert applied.tables == 40
        assert applied.manual_steps == ()
        whole = shape(airtable.tables(BASE))
        before = requests_of(box)
        again = apply(catalog, airtable, names)
        assert again.made == ()
        after = requests_of(box)
        assert [n for n in after if after[n] != before.get(n, 0)] == [n for n in after if n.startswith("GET")]
    with Sandbox(seed=seed(), requests_per_second="off") as box, connect(box, tmp_path) as airtable:
        for phase in reversed(catalog.phases):
            if phase.collections:
                apply(catalog, airtable, [c.wix for c in phase.collections])
        assert shape(airtable.tables(BASE)) == whole
