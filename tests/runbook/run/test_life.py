"""A migration's whole life: moved, changed at the source, turned, written to by services, checked, taken back, closed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmdr.platform import PLATFORM
from migrated import Site, run_phase
from runbook.commands import flag_formats as flag_code
from runbook.commands import flags as flag_commands
from runbook.commands.monitor import open_check
from runbook.commands.rollback import open_rollback
from runbook.commands.status import status
from runbook.commands.unfreeze import unfreeze
from runbook.cutover.debts import leave
from runbook.cutover.freeze import frozen
from runbook.cutover.turning import tell
from runbook.errors import CheckFailed, FlagRefused, SettingError
from runbook.holding import open_base
from runbook.run.flags import TURNED
from runbook.wix.reverse_sync import reverse_sync_remove, reverse_sync_save

pytestmark = pytest.mark.slow

LEGACY = "Legacy Wix ID"


def methods_since(site: Site, run: object, start: int) -> set[str]:
    return {row.method for row in run.connections.log.rows()[start:]}  # type: ignore[attr-defined]


def test_01_all_phases_pass_and_nothing_is_lost(site: Site) -> None:
    for number in range(1, 7):
        run = run_phase(number)
        assert run.gate().passed
    base = site.base()
    done = run.connections.state.facts.progress(base)
    assert len(done) == 40
    assert all(d.green and d.exported == d.loaded + d.quarantined and d.unexplained == 0 for d in done.values())
    assert run.connections.state.flags.all() == dict.fromkeys(PLATFORM.catalog.flags, "wix")
    assert "40 of 40" in status(PLATFORM, "sandbox").title


def test_02_a_second_run_is_a_new_run_and_only_reads(site: Site) -> None:
    first = {path.name for path in (site.path / "runs").iterdir()}
    run = run_phase(2)
    assert run.run_id not in first
    assert {row.method for row in run.connections.log.rows()} == {"GET"}
    assert run.gate().passed


def test_03_only_what_changed_in_wix_is_written_and_what_went_is_removed(site: Site) -> None:
    wix = site.connections().wix
    faqs = site.items("FAQs")
    changed = {**faqs[0], "answer": "Quite another answer."}
    reverse_sync_save(wix, "FAQs", [changed, {"_id": "new-faq", "question": "Is it new?", "answer": "It is."}])
    reverse_sync_remove(wix, "FAQs", [faqs[1]["_id"]])
    run = run_phase(2, collections=["FAQs"])
    loaded = run.results.loaded["FAQs"]
    assert (loaded.created, loaded.updated, loaded.deleted) == (1, 1, (faqs[1]["_id"],))
    assert loaded.unchanged == loaded.staged - 2
    assert run.gate().passed
    cells = {record["fields"][LEGACY]: record["fields"] for record in site.records("FAQs")}
    assert cells["new-faq"]["Question"] == "Is it new?"
    assert cells[changed["_id"]]["Answer"].rstrip("\n") == "Quite another answer."
    assert faqs[1]["_id"] not in cells


def test_04_a_flag_turns_only_on_current_evidence(site: Site) -> None:
    wix = site.connections().wix
    reverse_sync_save(wix, "FAQs", [{"_id": "later-faq", "question": "Later?", "answer": "Yes."}])
    with pytest.raises(FlagRefused, match="FAQs has changed in Wix since run"):
        flag_commands.set_flag(PLATFORM, "sandbox", "content", "airtable", who="ann", why="test")
    assert site.connections().state.flags.get("content") == "wix"
    run = run_phase(2, turn_flags=True)
    assert run.gate().passed
    assert site.connections().state.flags.get("content") == "airtable"
    (turn,) = site.connections().state.flags.history("content")
    assert turn.run_id == run.run_id


def test_05_a_flag_by_hand_and_back_at_once_and_published(site: Site) -> None:
    assert "→" in flag_commands.set_flag(PLATFORM, "sandbox", "reviews", "airtable", who="ann", why="looked at it")
    assert "→" in flag_commands.set_flag(PLATFORM, "sandbox", "reviews", "wix", who="bob", why="second thoughts")
    turns = site.connections().state.flags.history("reviews")
    assert [(turn.value, turn.who) for turn in turns] == [("airtable", "ann"), ("wix", "bob")]
    hold = open_base(site.connections())
    leave(hold.state, PLATFORM.catalog, site.base(), "reviews", who="bob", why="nobody has used it")
    assert (tell(hold), hold.release()) == (None, None)
    with pytest.raises(SettingError, match="did you mean 'reviews'"):
        flag_commands.set_flag(PLATFORM, "sandbox", "review", "wix", who="x", why="y")
    flag_commands.publish(PLATFORM, "sandbox")
    path = f"/_api/cloud-secrets-vault-server/api/v1/secrets/name/{flag_code.SECRET_NAME}"
    connections = site.connections()
    import requests

    headers = {"Authorization": connections.settings.wix_key, "wix-site-id": connections.settings.site_id}
    secret = requests.get(connections.settings.wix_url + path, headers=headers, timeout=10).json()
    assert json.loads(secret["value"])["content"] == "airtable"
    module = flag_commands.show(PLATFORM, "sandbox", None, "jsw")
    assert '"content": "airtable"' in module
    assert '"BlogPosts": "content"' in module


def test_06_once_a_flag_is_on_loading_writes_nothing(site: Site) -> None:
    wix = site.connections().wix
    reverse_sync_save(wix, "BlogCategories", [{"_id": "too-late", "name": "Too late", "slug": "too-late"}])
    run = run_phase(2, collections=["BlogCategories"])
    assert {row.method for row in run.connections.log.rows()} == {"GET"}
    with pytest.raises(CheckFailed, match="BlogCategories"):
        run.gate()
    reverse_sync_remove(wix, "BlogCategories", ["too-late"])
    run = run_phase(2, collections=["BlogCategories"])
    assert run.gate().passed


def test_07_the_weekly_check_is_green_and_counts_what_people_edited(site: Site) -> None:
    check = open_check(PLATFORM)
    assert set(check.collections) == {c.wix for c in PLATFORM.catalog.of_flag("content")}
    check.compare()
    check.record_counts()
    check.error_rate()
    check.verdict()
    record = site.records("PricingTiers")[0]
    table = PLATFORM.catalog.collection("PricingTiers").table
    airtable = site.connections().airtable
    before = record["fields"]["Name"]
    airtable.update(site.base(), table, [{"id": record["id"], "fields": {"Name": "Someone typed here"}}])
    check = open_check(PLATFORM)
    check.compare()
    check.record_counts()
    check.error_rate()
    check.verdict()
    compared: Any = check.folder.read_evidence("integrity_check", "compare")
    assert compared["collections"]["PricingTiers"]["explained"] == {"edited in Airtable": 1}
    airtable.update(site.base(), table, [{"id": record["id"], "fields": {"Name": before}}])


def test_08_a_check_whose_steps_were_not_run_is_no_pass(site: Site) -> None:
    check = open_check(PLATFORM)
    check.compare()
    with pytest.raises(CheckFailed, match="error_rate was not run"):
        check.verdict()


def test_09_a_rollback_says_what_would_be_lost_carries_it_back_and_turns(site: Site) -> None:
    airtable, base = site.connections().airtable, site.base()
    table = PLATFORM.catalog.collection("ServiceFeatures").table
    first, second, *_ = site.records("ServiceFeatures")
    airtable.update(base, table, [{"id": first["id"], "fields": {"Name": "Renamed by a service"}}])
    airtable.delete(base, table, [second["id"]])
    airtable.create(base, table, [{LEGACY: "born-in-airtable", "Name": "Born here"}])

    rollback = open_rollback(PLATFORM, flag="content", dry_run=True)
    rollback.losses()
    lost = rollback.found["ServiceFeatures"].counts
    assert (lost.inserted, lost.patched, lost.removed) == (1, 1, 1)
    assert sum(found.rows for found in rollback.found.values()) == 3
    rollback.reverse_sync()
    rollback.turn_back()
    rollback.verdict()
    assert site.connections().state.flags.get("content") == "airtable"  # a dry run turns nothing

    rollback = open_rollback(PLATFORM, phase=2, reverse_sync=True)
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    rollback.verdict()
    assert site.connections().state.flags.get("content") == "wix"
    items = {item["_id"]: item for item in site.items("ServiceFeatures")}
    assert items["born-in-airtable"]["feature_name"] == "Born here"
    assert items[first["fields"][LEGACY]]["feature_name"] == "Renamed by a service"
    assert second["fields"][LEGACY] not in items


def test_10_after_a_rollback_the_phase_can_be_migrated_again(site: Site) -> None:
    run = run_phase(2)
    assert run.gate().passed


def test_11_freezing_needs_every_gate_and_every_flag_and_unfreezing_gives_back_what_was(site: Site) -> None:
    run = run_phase(6)
    run.freeze_collections(freeze=True)
    with pytest.raises(CheckFailed, match="frozen"):
        run.gate()
    wix = site.connections().wix
    assert not any(frozen(wix, ["Carriers", "FAQs"]).values())

    for number in range(2, 7):
        run = run_phase(number, turn_flags=True)
        assert run.results.checks[TURNED]
        run.recheck() if number == 6 else None
        run.gate()
    names = list(PLATFORM.catalog.collections)
    before = {name: wix.collection(name)["permissions"] for name in names}
    run = run_phase(6)
    run.freeze_collections(freeze=True)
    run.checklist()
    assert run.gate().passed
    assert all(frozen(wix, names).values())
    run.freeze_collections(freeze=True)  # a second time loses nothing of what was noted
    unfreeze(PLATFORM, "sandbox", who="test")
    assert {name: wix.collection(name)["permissions"] for name in names} == before


def test_12_everything_back_to_wix_at_once(site: Site) -> None:
    rollback = open_rollback(PLATFORM)
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    rollback.verdict()
    assert set(site.connections().state.flags.all().values()) == {"wix"}
