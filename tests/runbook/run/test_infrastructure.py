"""What phase 1 does beside making the base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from fleet_platform import ROWS, Fleet, fleet_site, write_folder
from runbook.errors import AccessRefused, CheckFailed, SettingError
from runbook.run import PhaseRun
from runbook.run.opening import check_before
from runbook.wix.secrets import put_secret, secret_names

SECRETS = {"AIRTABLE_API_KEY", "AIRTABLE_BASE_ID"}


@pytest.fixture
def run(fleet: Fleet) -> PhaseRun:
    run = fleet.open(1)
    run.provision()
    return run


def test_access_is_checked_and_a_plan_too_small_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trucks = [{"_id": f"t{n}", "plate": f"P-{n}"} for n in range(1001)]
    with fleet_site(tmp_path, {**ROWS, "Trucks": trucks}) as fleet:
        assert fleet.open(1).check_access().passed
        monkeypatch.setenv("RUNBOOK_PLAN", "free")
        run = fleet.open(1)
        access = run.check_access()
        assert access.rows == 1005
        assert not access.passed
        assert run.folder.read_evidence("01_infrastructure", "access") == access.facts()
        with pytest.raises(CheckFailed, match="both accounts can carry the migration"):
            run.gate()


def test_both_accounts_problems_are_shown_together_and_nothing_is_made(fleet: Fleet) -> None:
    for service in ("airtable", "wix"):
        fleet.box.faults({"match": {"service": service}, "kind": "status", "status": 401, "times": None})
    run = fleet.open(1)
    access = run.check_access()
    assert [c.what for c in access.checks if c.verdict == "failed"] == [
        "Airtable: who the token is",
        "Wix: list collections",
        "Wix: names of secrets",
    ]
    for step in (run.plan, run.provision, run.store_secrets, run.create_flags, run.show_rate_limit):
        with pytest.raises(AccessRefused, match=r"nothing was created or written:\n  Airtable: .*\n  Wix: .*") as error:
            step()
        assert "run phase 1 again" in str(error.value)
    with pytest.raises(CheckFailed, match="the access check is red"):
        run.gate()
    assert {row.method for row in run.connections.log.rows()} == {"GET"}
    fleet.box.faults(clear=True)
    assert run.connections.airtable.bases() == []
    assert secret_names(run.connections.wix) == ()
    assert run.check_access().passed
    run.provision()


def test_a_token_that_lacks_several_rights_is_told_all_of_them(run: PhaseRun, fleet: Fleet) -> None:
    refused = {"kind": "status", "status": 403, "times": None}
    for match in ({"service": "airtable", "path": "/v0/meta/bases"}, {"service": "wix", "path": "secrets"}):
        fleet.box.faults({"match": match, **refused})
    access = fleet.open(1).check_access()
    assert [c.what for c in access.checks if c.verdict == "failed"] == [
        "Airtable: list bases",
        "Airtable: read the schema",
        "Wix: names of secrets",
    ]
    assert len(access.problems) == 3


@pytest.mark.parametrize("step", ["provision", "store_secrets"])
def test_no_cell_writes_before_the_access_check(fleet: Fleet, step: str) -> None:
    fleet.box.faults(
        {"match": {"service": "wix", "path": "secrets"}, "kind": "status", "status": 403, "times": None},
    )
    run = fleet.open(1)
    with pytest.raises(AccessRefused, match="Wix: names of secrets"):
        getattr(run, step)()
    assert run.connections.airtable.bases() == []


def test_a_site_of_another_project_gets_no_base_and_no_secret(tmp_path: Path) -> None:
    with fleet_site(tmp_path, {"Songs": [{"_id": "s0"}]}) as fleet:
        for phase, step in ((1, "provision"), (1, "store_secrets"), (2, "provision")):
            with pytest.raises(AccessRefused, match="none of the catalog's collections"):
                getattr(fleet.open(phase), step)()
        files = write_folder(fleet.platform.root / "files", ROWS)
        with pytest.raises(AccessRefused, match="Wix: the site: it has none of the catalog's collections"):
            fleet.open(1, source=str(files)).store_secrets()
        assert fleet.connect().airtable.bases() == []
        assert secret_names(fleet.connect().wix) == ()


@pytest.mark.parametrize("phase", [1, 2])
def test_a_folder_of_another_project_gets_no_base(fleet: Fleet, phase: int) -> None:
    write_folder(fleet.platform.root / "songs", {"Songs": [{"_id": "s0"}]})
    with pytest.raises(SettingError, match=r"source songs: contains none of the \d requested collections"):
        check_before(fleet.platform, [phase], environment="sandbox", source="songs")
    with pytest.raises(AccessRefused, match="the folder songs is refused, and nothing was written: it has none of"):
        fleet.open(phase, source="songs").provision()
    assert fleet.connect().airtable.bases() == []


def test_links_point_both_ways_or_the_gate_is_red(fleet: Fleet) -> None:
    run = fleet.open(2)
    run.provision()
    assert "✓ passed" in repr(run.check_schema_links())
    link = run.tables().links("Trips")["Truck"]
    assert link.inverse_name is not None
    airtable = run.connections.airtable
    inverse = run.tables().field_id("Trucks", link.inverse_name)
    airtable.update_field(fleet.base(), run.tables().id("Trucks"), inverse, {"name": "Journeys"})
    run = fleet.open(2)
    assert "✗ failed" in repr(run.check_schema_links())
    assert run.results.checks["every link points both ways"] is False


def test_a_phase_without_links_shows_none(run: PhaseRun) -> None:
    assert "have no links" in repr(run.check_schema_links())


def test_tab_groups_list_their_tables(run: PhaseRun) -> None:
    assert run.tab_groups().rows == [("Core", "Trucks, Trips, Owners")]


def test_secrets_are_created_then_updated_and_never_shown(run: PhaseRun, fleet: Fleet) -> None:
    wix = run.connections.wix
    put_secret(wix, "AIRTABLE_BASE_ID", "appOfAnotherTime0")
    shown = repr(run.store_secrets())
    assert "created" in shown
    assert "updated" in shown
    assert fleet.base() not in shown
    assert run.connections.settings.airtable_key not in shown
    assert set(secret_names(wix)) >= SECRETS
    assert run.results.checks["the site's secrets are in place"]
    settings = run.connections.settings
    headers = {"Authorization": settings.wix_key, "wix-site-id": settings.site_id}
    url = f"{settings.wix_url}/_api/cloud-secrets-vault-server/api/v1/secrets/name/AIRTABLE_BASE_ID"
    assert requests.get(url, headers=headers, timeout=10).json()["value"] == fleet.base()
    evidence = json.dumps(run.folder.read_evidence("01_infrastructure", "secrets"))
    assert settings.airtable_key not in evidence


def test_flags_are_created_at_wix_and_left_where_they_stand(run: PhaseRun) -> None:
    flags = run.connections.state.flags
    flags.set("trips", "airtable", who="a test", why="")
    assert [row[:2] for row in run.create_flags().rows] == [("trucks", "wix"), ("trips", "airtable"), ("owners", "wix")]


def test_many_requests_at_once_keep_the_limit(run: PhaseRun) -> None:
    shown = run.show_rate_limit()
    assert shown.requests == 200  # type: ignore[union-attr]
    assert run.results.checks["the request limit was kept under load"]


def test_a_dry_run_writes_no_secret_and_asks_for_no_load(fleet: Fleet) -> None:
    run = fleet.open(1, dry_run=True)
    run.create_flags()
    for step in (run.check_schema_links, run.store_secrets, run.show_rate_limit):
        assert "Dry run" in repr(step())
    assert secret_names(run.connections.wix) == ()
