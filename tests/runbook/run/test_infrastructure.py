"""What phase 1 does beside making the base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from fleet_platform import ROWS, Fleet, fleet_site
from runbook.errors import CheckFailed
from runbook.run import PhaseRun
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
