"""What a base says of itself: when it is written, what it costs, and what people do to it."""

from __future__ import annotations

import json

import pytest

from fleet_platform import OPEN, Fleet
from machines import change_fact, delete_facts, facts, lose_state, requests, values
from runbook.checks.record_counts import keep_record_counts
from runbook.commands import flags as flag_commands
from runbook.commands.unfreeze import unfreeze
from runbook.errors import BaseRefused, TargetError
from runbook.holding import open_base
from runbook.records.opening import open_records
from runbook.schema.tables import OWN_TABLE

SANDBOX = "sandbox"


@pytest.mark.slow
def test_a_base_says_where_it_came_from_who_holds_it_and_where_its_flags_stand(fleet: Fleet) -> None:
    run = fleet.migrate(2, turn_flags=True)
    said = facts(fleet)
    settings = fleet.connect().settings
    assert said["source"]["Value"] == f"site {settings.site_id}"
    assert len(said["catalog"]["Value"]) == 16
    assert said["state"]["Value"] == fleet.connect().state.facts.state_id()
    assert str(fleet.path / "home/sandbox/state.db") in said["state"]["By"]
    assert said["newest run"]["Value"] == run.run_id
    assert {fact: cells["Value"] for fact, cells in said.items() if fact.startswith("flag ")} == {
        "flag trucks": "airtable",
        "flag trips": "airtable",
        "flag owners": "wix",
    }
    (turn,) = fleet.connect().state.flags.history("trucks")
    assert (said["flag trucks"]["Since"], said["flag trucks"]["By"]) == (turn.at, "turn_flags")
    assert said["flag trucks"]["Why"] == turn.why
    assert not [fact for fact in said if fact.startswith("claim ")]


@pytest.mark.slow
def test_the_epoch_goes_up_with_every_opening_for_writing(fleet: Fleet) -> None:
    fleet.migrate(2)
    first = int(values(fleet)["epoch"].split()[0])
    fleet.migrate(2)
    assert int(values(fleet)["epoch"].split()[0]) == first  # nothing was written
    fleet.save("Trucks", {"_id": "t9", "plate": "P-9"})
    fleet.migrate(2)
    assert int(values(fleet)["epoch"].split()[0]) == first + 2  # opened and closed


def test_a_run_that_changes_nothing_reads_it_once_and_writes_nothing(migrated: Fleet) -> None:
    migrated.migrate(2)
    every, written = requests(migrated)
    run = migrated.open(2)
    assert requests(migrated) == (every + 1, written)
    for step in ("plan", "provision", "export", "transform", "load", "validate", "check_lookups", "check_links"):
        getattr(run, step)()
    run.turn_flags()
    run.gate()
    assert requests(migrated)[1] == written
    shown = [what for what in (row.what for row in run.connections.log.rows()) if OWN_TABLE in what]
    assert shown == [f"list records of {OWN_TABLE}"]


def test_it_is_outside_of_plans_counts_and_drift(migrated: Fleet) -> None:
    run = migrated.open(2)
    assert OWN_TABLE not in repr(run.plan())
    c = migrated.connect()
    counts = keep_record_counts(c.airtable, migrated.base(), c.catalog, {"Trucks": 2}, limit=1000, run_id="r", now=None)
    assert OWN_TABLE not in repr(counts)


def test_a_differing_flag_does_not_stop_a_running_service(turned: Fleet) -> None:
    turned.open(2)
    with open_records(turned.platform, SANDBOX, update_mirror=False) as opened:
        change_fact(turned, "flag trucks", Value="wix")
        assert opened.records.source("Trucks") == "airtable"
        opened.records.insert("Trucks", {"_id": "t8", "plate": "P-8"})
        assert opened.records.get("Trucks", "t8", consistent=True)
    with pytest.raises(BaseRefused), open_records(turned.platform, SANDBOX):
        pass


def test_services_hold_the_base_while_they_write(turned: Fleet) -> None:
    turned.open(2).hold.release()
    with open_records(turned.platform, SANDBOX, update_mirror=False) as opened:
        opened.records.insert("Trucks", {"_id": "t8", "plate": "P-8"})
        assert [fact for fact in facts(turned) if fact.startswith("claim ")]
    assert not [fact for fact in facts(turned) if fact.startswith("claim ")]


def test_a_token_that_may_not_make_the_table_is_told_what_to_do(fleet: Fleet) -> None:
    fleet.migrate(2)
    c = fleet.connect()
    note = c.state.facts.holding(fleet.base())
    tables = {table["name"]: table["id"] for table in c.airtable.tables(fleet.base())}
    c.airtable.update_table(fleet.base(), tables[OWN_TABLE], {"name": "Runbook of old"})
    body = {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "message": "no"}}
    rule = {
        "match": {"method": "POST", "path": "/v0/meta/bases/*/tables"},
        "kind": "status",
        "status": 403,
        "body": body,
    }
    fleet.box.faults({**rule, "times": None})
    with pytest.raises(TargetError) as error:
        fleet.open(2)
    assert "must have a table 'Runbook'" in str(error.value)
    assert "'Value' (long text)" in str(error.value)
    assert "schema.bases:write" in str(error.value)
    fleet.box.faults(clear=True)
    fleet.open(2)  # which makes it
    assert fleet.connect().state.facts.holding(fleet.base()).epoch != note.epoch


def test_a_persons_own_table_of_that_name_is_left_alone(fleet: Fleet) -> None:
    c = fleet.connect()
    fields = [{"name": "Step", "type": "singleLineText"}]
    tables = [{"name": OWN_TABLE, "fields": fields, "description": "How we deploy"}]
    base = c.airtable.create_base("Mine", fleet.box.workspace_id, tables)["id"]
    c.airtable.create(base, OWN_TABLE, [{"Step": "one"}])
    c.state.facts.set_base_of("wix", base, "Mine")
    run = fleet.open(2)
    with pytest.raises(TargetError, match="has a table 'Runbook' that this project did not make"):
        run.provision()
    (table,) = c.airtable.tables(base)
    assert [field["name"] for field in table["fields"]] == ["Step"]


def test_a_turn_is_told_at_once_and_so_is_a_turn_back(migrated: Fleet) -> None:
    flag_commands.set_flag(migrated.platform, SANDBOX, "trucks", "airtable", who="ann", why="looked at it")
    said = facts(migrated)["flag trucks"]
    assert (said["Value"], said["By"], said["Why"]) == ("airtable", "ann", "looked at it")
    flag_commands.set_flag(migrated.platform, SANDBOX, "trucks", "wix", who="bob", why="in a hurry")
    assert (facts(migrated)["flag trucks"]["Value"], facts(migrated)["flag trucks"]["By"]) == ("wix", "bob")


def test_a_turn_back_while_airtable_is_down_is_told_at_the_next_opening(turned: Fleet) -> None:
    open_base(turned.connect())
    assert values(turned)["flag trucks"] == "airtable"
    turned.box.faults({"match": {"service": "airtable"}, "kind": "status", "status": 500, "times": None})
    done = flag_commands.set_flag(turned.platform, SANDBOX, "trucks", "wix", who="ann", why="Airtable is down")
    assert "'airtable' → 'wix'" in done
    assert "the next opening tells it" in done
    assert turned.connect().state.flags.get("trucks") == "wix"
    turned.box.faults(clear=True)
    assert values(turned)["flag trucks"] == "airtable"
    turned.open(2)
    assert values(turned)["flag trucks"] == "wix"
    assert turned.connect().state.flags.get("trucks") == "wix"


@pytest.mark.slow
def test_a_turn_on_that_the_base_could_not_be_told_is_told_at_the_next_opening(migrated: Fleet) -> None:
    run = migrated.open(2, turn_flags=True)
    for step in ("plan", "provision", "export", "transform", "load", "validate"):
        getattr(run, step)()
    # It can be read, so it is known that nobody has changed anything since.
    writes = {"service": "airtable", "method": "PATCH"}
    migrated.box.faults({"match": writes, "kind": "status", "status": 503, "times": None})
    with run.connections.airtable.brief():
        run.turn_flags()
    migrated.box.faults(clear=True)
    assert migrated.connect().state.flags.get("trucks") == "airtable"
    assert values(migrated)["flag trucks"] == "wix"
    migrated.open(3)
    assert values(migrated)["flag trucks"] == "airtable"


@pytest.mark.parametrize("side", ["wix", "airtable"])
def test_a_flag_that_somebody_edited_in_the_base_is_an_error_that_names_both(migrated: Fleet, side: str) -> None:
    change_fact(migrated, "flag trucks", Value="airtable", By="carol")
    for opening in (lambda: migrated.open(2), lambda: migrated.open(2, dry_run=True)):
        with pytest.raises(BaseRefused) as error:
            opening()
    message = str(error.value)
    assert "trucks: this state says 'wix'" in message
    assert "the base says 'airtable'" in message
    assert "by carol" in message
    assert "runbook flags trucks airtable --settle -e sandbox" in message
    assert migrated.connect().state.flags.get("trucks") == "wix"
    assert values(migrated)["flag trucks"] == "airtable"  # never a silent choice
    flag_commands.settle(migrated.platform, SANDBOX, "trucks", side, who="ann", why="asked carol")
    assert migrated.connect().state.flags.get("trucks") == side
    assert values(migrated)["flag trucks"] == side
    assert migrated.connect().state.flags.history("trucks")[-1].who == "ann"
    migrated.open(2)


def test_turning_back_settles_a_flag_that_differs(migrated: Fleet) -> None:
    change_fact(migrated, "flag trucks", Value="airtable")
    flag_commands.set_flag(migrated.platform, SANDBOX, "trucks", "wix", who="ann", why="")
    assert values(migrated)["flag trucks"] == "wix"
    migrated.open(2)


def test_what_is_no_side_is_not_guessed(migrated: Fleet) -> None:
    change_fact(migrated, "flag trucks", Value="Airtable, I think")
    with pytest.raises(BaseRefused, match="the base says 'Airtable, I think'"):
        migrated.open(2)


def test_only_a_flag_that_is_not_settled_can_be_settled(migrated: Fleet) -> None:
    with pytest.raises(ValueError, match="trucks stands at 'wix'; nothing was done"):
        flag_commands.settle(migrated.platform, SANDBOX, "trucks", "airtable", who="ann", why="")
    assert migrated.connect().state.flags.get("trucks") == "wix"


def test_a_deleted_row_of_a_flag_is_written_anew(turned: Fleet) -> None:
    turned.open(2)
    delete_facts(turned, "flag trucks", "source")
    turned.migrate(2)
    assert values(turned)["flag trucks"] == "airtable"
    assert values(turned)["source"].startswith("site ")


@pytest.mark.parametrize("names", [(), ("epoch", "state"), ("epoch",)])
def test_a_table_that_was_emptied_or_damaged_is_written_anew(turned: Fleet, names: tuple[str, ...]) -> None:
    turned.open(2)
    before = values(turned)
    delete_facts(turned, *names)
    run = turned.open(2)
    assert any("missing or damaged" in warning for warning in run.results.warnings)
    after = values(turned)
    assert {k: v for k, v in after.items() if k.startswith(("flag", "s"))} == {
        k: v for k, v in before.items() if k.startswith(("flag", "s"))
    }
    assert set(turned.connect().state.flags.all().values()) == {"airtable"}
    turned.open(2)


def test_a_copied_row_is_not_believed_and_goes(migrated: Fleet) -> None:
    """A person duplicates the row of a flag in the grid and edits the copy."""
    c = migrated.connect()
    c.airtable.create(migrated.base(), OWN_TABLE, [{"Fact": "flag trucks", "Value": "airtable"}])
    migrated.open(2)
    assert migrated.connect().state.flags.get("trucks") == "wix"
    migrated.save("Trucks", {"_id": "t9", "plate": "P-9"})
    migrated.migrate(2)
    records = list(c.airtable.records(migrated.base(), OWN_TABLE))
    assert [r["fields"]["Value"] for r in records if r["fields"]["Fact"] == "flag trucks"] == ["wix"]


def test_a_base_that_was_filled_from_another_site_is_refused(migrated: Fleet) -> None:
    change_fact(migrated, "source", Value="site 00000000-0000-0000-0000-000000000000")
    with pytest.raises(BaseRefused, match=r"was filled from site 00000000.*nothing was done"):
        migrated.open(2)


def test_a_table_that_may_not_be_read_is_not_a_missing_one(migrated: Fleet) -> None:
    body = {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "message": "no"}}
    rule = {"match": {"path": f"*/{OWN_TABLE}"}, "kind": "status", "status": 403, "body": body, "times": None}
    migrated.box.faults(rule)
    with pytest.raises(TargetError, match="its table 'Runbook' cannot be read"):
        migrated.open(2)


def test_permissions_stand_in_the_base_before_anything_is_frozen(fleet: Fleet) -> None:
    """Killed at the first collection, and the state lost: `unfreeze` still knows what to give back."""
    fleet.migrate(2, turn_flags=True)
    run = fleet.migrate(3, turn_flags=True)
    with pytest.MonkeyPatch.context() as killing:
        killing.setattr("runbook.cutover.freeze._set", _killed)
        with pytest.raises(KeyboardInterrupt):
            run.freeze_collections(freeze=True)
    run.hold.release()
    assert set(json.loads(values(fleet)["frozen in Wix"])) == {"Trucks", "Trips", "Owners"}
    lose_state(fleet)
    fleet.open(2)
    frozen = fleet.connect().state.facts.frozen()
    assert frozen["Trucks"].items() >= OPEN.items()


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_frozen_stands_in_the_base(turned: Fleet) -> None:
    state = turned.connect().state
    state.facts.add_frozen("Trucks", OPEN)
    hold = open_base(turned.connect())
    hold.publish()
    hold.release()
    assert json.loads(values(turned)["frozen in Wix"]) == {"Trucks": OPEN}
    unfreeze(turned.platform, SANDBOX, who="ann")
    assert values(turned)["frozen in Wix"] == ""
