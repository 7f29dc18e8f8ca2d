"""What services make, change and remove once a flag is on: explained to the weekly check, carried back, never lost."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from lmdr.platform import PLATFORM
from migrated import Site, run_phase
from runbook.cli import main
from runbook.commands.monitor import open_check
from runbook.commands.rollback import Rollback, open_rollback
from runbook.cutover.debts import leave
from runbook.errors import CheckFailed
from runbook.json_types import Item
from runbook.records.opening import open_records

pytestmark = pytest.mark.slow


def turn(side: str) -> None:
    done = CliRunner().invoke(main, ["flags", "content", side])
    assert done.exit_code == 0, done.output


def back_to_wix() -> Rollback:
    """Every row carried back, and the flag with it."""
    rollback = open_rollback(PLATFORM, flag="content", reverse_sync=True)
    rollback.losses()
    rollback.reverse_sync()
    rollback.turn_back()
    rollback.verdict()
    return rollback


@pytest.fixture
def written(site: Site) -> dict[str, Item]:
    """Content, migrated and turned; then a row created, one changed and one removed by services."""
    back_to_wix()
    for number in (1, 2):
        run_phase(number).gate()
    turn("airtable")
    with open_records(PLATFORM, update_mirror=False) as opened:
        records = opened.records
        created = records.insert(
            "FAQs", {"question": "Was it created in Airtable?", "answer": "Yes 🚚", "is_active": True}
        )
        removed = records.get_all("ServiceFeatures")[0]
        changed = records.patch("BlogPosts", records.get_all("BlogPosts")[0]["_id"], {"author": created["_id"]})
        records.remove("ServiceFeatures", removed["_id"])
    return {"created": created, "changed": changed, "removed": removed}


def losses(rollback: Rollback) -> dict[str, tuple[int, int, int]]:
    rollback.losses()
    counts = {name: lost.counts for name, lost in rollback.found.items() if lost.rows}
    return {name: (lost.inserted, lost.patched, lost.removed) for name, lost in counts.items()}


def test_the_weekly_check_takes_it_for_what_it_is(site: Site, written: dict[str, Item]) -> None:
    check = open_check(PLATFORM)
    check.compare()
    check.record_counts()
    check.error_rate()
    check.verdict()
    gone = site.records("PricingTiers")[0]
    site.connections().airtable.delete(site.base(), "Pricing Tiers", [gone["id"]])  # not by a service
    check = open_check(PLATFORM)
    check.compare()
    check.record_counts()
    check.error_rate()
    check.verdict()
    listed = f"1 row deleted in Airtable since the cutover: {gone['fields']['Legacy Wix ID']}"
    assert any(listed in note for note in check.notes)


def test_a_rollback_names_it_and_carries_it_back_whole(site: Site, written: dict[str, Item]) -> None:
    assert losses(open_rollback(PLATFORM, flag="content", dry_run=True)) == {
        "BlogPosts": (0, 1, 0),
        "FAQs": (1, 0, 0),
        "ServiceFeatures": (0, 0, 1),
    }
    back_to_wix()
    with open_records(PLATFORM, update_mirror=False) as opened:
        assert opened.records.source("FAQs") == "wix"
        back = opened.records.get("FAQs", written["created"]["_id"], consistent=True)
        assert back is not None
        assert back["answer"] == "Yes 🚚"
        post = opened.records.get("BlogPosts", written["changed"]["_id"], consistent=True)
        assert post is not None
        assert post["author"] == written["created"]["_id"]
        assert opened.records.get("ServiceFeatures", written["removed"]["_id"], consistent=True) is None
    run = run_phase(2)
    assert run.gate().passed
    assert run.connections.state.rows(site.base(), "FAQs").changes() == {}


def test_what_was_not_carried_back_stops_the_next_load_and_once_left_there_it_is_counted(
    site: Site, written: dict[str, Item]
) -> None:
    turn("wix")
    with pytest.raises(CheckFailed, match=r"FAQs stopped: .*not carried back"):
        run_phase(2).gate()
    state = site.connections().state
    leave(state, PLATFORM.catalog, site.base(), "content", who="ann", why="a test drive")
    run = run_phase(2)
    assert run.gate().passed
    assert run.results.validated["FAQs"].comparison.created == 1
    there = {record["fields"]["Legacy Wix ID"] for record in site.records("FAQs")}
    assert written["created"]["_id"] in there
    # A row that services removed is at the source still, and so it is in Airtable again.
    assert written["removed"]["_id"] in {r["fields"]["Legacy Wix ID"] for r in site.records("ServiceFeatures")}
