"""The plan of a phase: rows, requests, minutes, and how close to the plan's limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fleet_platform import Fleet
from runbook.run.planning import Line, Plan
from runbook.schema import plan_schema
from runbook.settings import Settings


def make_plan(fleet: Fleet, *, plan: str = "team", other_rows: int = 0, rows: int = 10, rate: float = 5.0) -> Plan:
    catalog = fleet.platform.catalog
    settings = Settings("sandbox", Path(), Path(), "", plan, rate=rate)
    lines = (Line("Trucks", "Trucks", rows, 0, 900, ""), Line("Trips", "Trips", None, 0, 1, "not counted"))
    schema = plan_schema(catalog, list(catalog.collections.values()), [])
    return Plan(lines, schema, None, settings, other_rows, ("Songs",))


def test_it_counts_rows_requests_and_time(fleet: Fleet) -> None:
    plan = make_plan(fleet)
    assert plan.rows == 10
    assert plan.requests == 901 + plan.schema.requests
    shown = repr(plan)
    assert "3.0 minutes at 5 requests a second" in shown
    assert "at Airtable's own" not in shown
    assert "of the 100,000 API calls a month" in shown
    assert "Songs" in shown
    assert plan.facts()["unlisted"] == ["Songs"]
    assert "at Airtable's own limit of 5" in repr(make_plan(fleet, rate=500))


def test_rows_of_other_phases_count_against_the_limit(fleet: Fleet) -> None:
    assert make_plan(fleet, other_rows=49_990).too_many == ""
    assert "close to the limit" in repr(make_plan(fleet, other_rows=49_990))
    plan = make_plan(fleet, other_rows=49_991)
    assert "the base would hold 50,001 records, but plan 'team' allows 50,000" in plan.too_many
    assert "ABOVE THE LIMIT" in repr(plan)


def test_a_plan_without_a_bound_on_calls_names_none(fleet: Fleet) -> None:
    assert "API calls" not in repr(make_plan(fleet, plan="business"))


def test_an_opened_phase_plans_what_its_source_has(fleet: Fleet) -> None:
    fleet.save("Trucks", *({"_id": f"x{n}", "plate": f"X-{n}"} for n in range(101)))
    run = fleet.open(2)
    plan = run.plan()
    assert [(x.collection, x.rows, x.loaded, x.requests) for x in plan.lines] == [
        ("Trucks", 104, 0, 11 + 2 + 2),  # ten rows a write; read before and after, a hundred a page
        ("Trips", 2, 0, 1 + 1 + 1 + 1),  # and its links
    ]
    assert run.folder.read_evidence("02_fleet", "plan") == plan.facts()
    run.results.source_collections = {
        name: replace(offer, count=None) for name, offer in run.source_collections().items()
    }
    assert run.plan().lines[0].rows is None
