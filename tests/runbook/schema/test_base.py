"""Finding, adopting or making the base; killed in between; strangers of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airtable_kit import BASE, connect, seed, small_catalog
from runbook.airtable.client import Airtable
from runbook.catalog import Catalog
from runbook.errors import AirtableError, SettingError, TargetError
from runbook.schema import apply_schema, plan_schema
from runbook.schema.base import find_or_create_base
from runbook.schema.tables import describe
from runbook.state import State
from sandbox import Sandbox


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


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(f"sqlite:///{tmp_path / 'memory.db'}") as state:
        yield state


def find(airtable: Airtable, state: State, catalog: Catalog, workspace: str | None, **asked: Any) -> str:
    wanted: dict[str, Any] = {"base_id": None, "name": "Fleet", "catalog": catalog, **asked}
    return find_or_create_base(airtable, state, workspace_id=workspace, **wanted)


def named(airtable: Airtable, name: str = "Fleet") -> list[str]:
    return [base["id"] for base in airtable.bases() if base["name"] == name]


def test_a_new_base_is_made_once(box: Sandbox, airtable: Airtable, state: State, catalog: Catalog) -> None:
    base = find(airtable, state, catalog, box.workspace_id)
    assert named(airtable) == [base]
    assert [t["name"] for t in airtable.tables(base)] == ["Hubs"]
    assert find(airtable, state, catalog, box.workspace_id) == base
    assert named(airtable) == [base]
    plan = plan_schema(catalog, ["hubs"], airtable.tables(base))
    assert not plan.steps
    assert not plan.drift
    assert apply_schema(plan, airtable, base).made == ()


@pytest.mark.parametrize("kind", ["drop_after_commit", "truncate"])
def test_a_base_whose_response_was_lost_is_used(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog, kind: str
) -> None:
    box.faults({"match": {"method": "POST", "path": "/v0/meta/bases"}, "kind": kind})
    assert named(airtable) == []
    assert [find(airtable, state, catalog, box.workspace_id)] == named(airtable)


def test_a_base_that_may_or_may_not_have_been_made(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog
) -> None:
    box.faults({"match": {"method": "POST", "path": "/v0/meta/bases"}, "kind": "drop_before"})
    with pytest.raises(AirtableError, match=r"not known whether Airtable made the base 'Fleet'.*run this again"):
        find(airtable, state, catalog, box.workspace_id)
    assert [find(airtable, state, catalog, box.workspace_id)] == named(airtable)


def test_killed_before_it_was_remembered(
    box: Sandbox, airtable: Airtable, catalog: Catalog, tmp_path: Path, state: State
) -> None:
    with State(f"sqlite:///{tmp_path / 'lost.db'}") as lost:
        base = find(airtable, lost, catalog, box.workspace_id)
    assert find(airtable, state, catalog, box.workspace_id) == base
    assert named(airtable) == [base]


def test_a_foreign_base_of_the_same_name_is_refused(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog
) -> None:
    tables = [{"name": "Hubs", "fields": [{"name": "Name", "type": "singleLineText"}]}]
    other = airtable.create_base("Fleet", box.workspace_id, tables)["id"]
    with pytest.raises(TargetError, match=f"{other}, and none of its tables says that this project made it"):
        find(airtable, state, catalog, box.workspace_id)
    assert named(airtable) == [other]
    assert find(airtable, state, catalog, None, base_id=other) == other


def test_several_bases_of_the_same_name_are_listed(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog
) -> None:
    tables = [
        {
            "name": "Hubs",
            "description": describe(catalog.collection("hubs")),
            "fields": [{"name": "Name", "type": "singleLineText"}],
        }
    ]
    ids = [airtable.create_base("Fleet", box.workspace_id, tables)["id"] for _ in range(2)]
    with pytest.raises(TargetError, match=f"2 bases named 'Fleet': {ids[0]}, {ids[1]}"):
        find(airtable, state, catalog, box.workspace_id)


def test_the_base_that_is_set_must_be_reachable(airtable: Airtable, state: State, catalog: Catalog) -> None:
    assert find(airtable, state, catalog, None, base_id=BASE) == BASE
    with pytest.raises(TargetError, match=r"appNobody00000000.*but the token has no access to it"):
        find(airtable, state, catalog, None, base_id="appNobody00000000")


def test_the_permission_to_create_is_needed(
    airtable: Airtable, state: State, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airtable, "bases", lambda: [{"id": BASE, "name": "Mine", "permissionLevel": "edit"}])
    with pytest.raises(TargetError, match="'edit' there, and 'create'"):
        find(airtable, state, catalog, None, base_id=BASE)


def test_a_base_of_ours_that_is_missing_is_not_made_again(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    find(airtable, state, catalog, box.workspace_id)
    monkeypatch.setattr(airtable, "bases", list)
    with pytest.raises(TargetError, match=r"made as 'Fleet' by an earlier run.*restore the base from the trash"):
        find(airtable, state, catalog, box.workspace_id)


def test_without_a_workspace_no_base_can_be_made(airtable: Airtable, state: State, catalog: Catalog) -> None:
    with pytest.raises(SettingError, match="AIRTABLE_WORKSPACE_ID is not set"):
        find(airtable, state, catalog, None)


def test_a_workspace_that_does_not_exist(airtable: Airtable, state: State, catalog: Catalog) -> None:
    with pytest.raises(AirtableError, match="workspace"):
        find(airtable, state, catalog, "wspNobody00000000")


def test_two_that_make_a_base_at_the_same_time_do_not_both_go_on(
    box: Sandbox, airtable: Airtable, state: State, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Airtable.create_base

    def slower(self: Airtable, name: str, workspace: str, tables: Any) -> Any:
        create(self, name, workspace, tables)  # the other was faster
        return create(self, name, workspace, tables)

    monkeypatch.setattr(Airtable, "create_base", slower)
    with pytest.raises(TargetError, match="two processes made a base named 'Fleet' at the same time"):
        find(airtable, state, catalog, box.workspace_id)
    assert state.facts.created_base("Fleet") is None
