"""`runbook flags`, `status`, `mirror`: what they show, and what they refuse."""

from __future__ import annotations

import json

import pytest
import requests

from fleet_platform import Fleet
from runbook.commands import flags as flag_commands
from runbook.commands.flag_formats import SECRET_NAME
from runbook.commands.mirror import mirror_status
from runbook.commands.status import status
from runbook.errors import FlagRefused, SettingError

SANDBOX = "sandbox"


def set_flag(fleet: Fleet, flag: str, value: str, who: str = "ann", why: str = "") -> str:
    return flag_commands.set_flag(fleet.platform, SANDBOX, flag, value, who=who, why=why)


def test_a_flag_turns_on_evidence_and_back_without(migrated: Fleet) -> None:
    assert "trucks: 'wix' → 'airtable'; service calls were held for 0." in set_flag(
        migrated, "trucks", "airtable", why="looked at it"
    )
    assert "already at 'airtable'" in set_flag(migrated, "trucks", "airtable")
    assert set_flag(migrated, "trucks", "wix", who="bob").startswith("trucks: 'airtable' → 'wix'; service calls were")
    turns = migrated.connect().state.flags.history("trucks")
    run_id = migrated.connect().state.facts.progress(migrated.base())["Trucks"].run_id
    assert [(t.value, t.who, t.why, t.run_id) for t in turns] == [
        ("airtable", "ann", "looked at it", run_id),
        ("wix", "bob", turns[1].why, None),
    ]
    assert "looked at it" in repr(flag_commands.history(migrated.platform, SANDBOX, "trucks"))
    assert flag_commands.history(migrated.platform, SANDBOX, "trips").rows == []
    assert len(flag_commands.history(migrated.platform, SANDBOX, None).rows) == 2


def test_a_flag_without_evidence_is_refused(fleet: Fleet) -> None:
    with pytest.raises(FlagRefused, match="nothing has been migrated yet"):
        set_flag(fleet, "trucks", "airtable")


def test_a_flag_whose_source_changed_since_is_refused(migrated: Fleet) -> None:
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
    with pytest.raises(FlagRefused, match="Trucks has changed in Wix since run"):
        set_flag(migrated, "trucks", "airtable")
    assert migrated.connect().state.flags.get("trucks") == "wix"


def test_setting_back_and_showing_need_neither_side(fleet: Fleet) -> None:
    fleet.connect().state.flags.set("trips", "airtable", who="a test", why="")
    fleet.box.stop()
    assert "→ 'wix'" in set_flag(fleet, "trips", "wix")
    assert "trips" in flag_commands.show(fleet.platform, SANDBOX, None, "table")
    assert "0 of 3" in status(fleet.platform, SANDBOX).title


def test_unknown_flags_are_named_with_the_nearest(fleet: Fleet) -> None:
    for call in (
        lambda: set_flag(fleet, "truck", "wix"),
        lambda: flag_commands.show(fleet.platform, SANDBOX, "truck", "table"),
        lambda: flag_commands.history(fleet.platform, SANDBOX, "truck"),
    ):
        with pytest.raises(SettingError, match="did you mean 'trucks'"):
            call()


def test_flags_as_a_table_as_json_and_as_a_module(fleet: Fleet) -> None:
    fleet.connect().state.flags.set("trips", "airtable", who="ann", why="")
    values = {"trucks": "wix", "trips": "airtable", "owners": "wix"}
    assert json.loads(flag_commands.show(fleet.platform, SANDBOX, None, "json")) == values
    assert json.loads(flag_commands.show(fleet.platform, SANDBOX, "trips", "json")) == {"trips": "airtable"}
    module = flag_commands.show(fleet.platform, SANDBOX, None, "jsw")
    assert '"trips": "airtable"' in module
    assert '"Trips": "trips"' in module
    table = flag_commands.show(fleet.platform, SANDBOX, None, "table")
    assert "ann" in table


def test_flags_are_published_as_one_secret(fleet: Fleet) -> None:
    fleet.connect().state.flags.set("trips", "airtable", who="ann", why="")
    assert f"3 flags as the secret {SECRET_NAME}" in flag_commands.publish(fleet.platform, SANDBOX)
    settings = fleet.connect().settings
    url = f"{settings.wix_url}/_api/cloud-secrets-vault-server/api/v1/secrets/name/{SECRET_NAME}"
    headers = {"Authorization": settings.wix_key, "wix-site-id": settings.site_id}
    secret = requests.get(url, headers=headers, timeout=10).json()
    assert json.loads(secret["value"]) == {"trucks": "wix", "trips": "airtable", "owners": "wix"}


def test_status_is_a_line_a_collection(fleet: Fleet) -> None:
    assert "no base yet" in status(fleet.platform, SANDBOX).title
    run = fleet.migrate(2, turn_flags=True)
    table = status(fleet.platform, SANDBOX)
    assert table.title.startswith("sandbox: 2 of 3 collections")
    assert table.rows == [
        (2, "Trucks", "trucks: airtable", 3, 2, 1, "passed", run.run_id),
        (2, "Trips", "trips: airtable", 2, 2, 0, "passed", run.run_id),
        (3, "Owners", "owners: wix", None, None, None, "not migrated", None),
    ]
    assert table.notes[0] == "Flags at airtable: trips, trucks."


def test_the_mirror_is_shown_loaded_and_dropped(migrated: Fleet) -> None:
    assert mirror_status(migrated.platform, SANDBOX).rows == []
    loaded = mirror_status(migrated.platform, SANDBOX, load=True)
    assert {row[:2] for row in loaded.rows} == {("Trucks", 2), ("Trips", 2), ("Owners", 2)}
    assert mirror_status(migrated.platform, SANDBOX, drop=True).rows == [("dropped",)]
    assert mirror_status(migrated.platform, SANDBOX).rows == []


def test_without_a_base_there_is_nothing_to_mirror(fleet: Fleet) -> None:
    with pytest.raises(SettingError, match="run the migration first"):
        mirror_status(fleet.platform, SANDBOX)
