"""Opening a run: what is wrong is named before anything is written; which run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fleet_platform import ROWS, Fleet, fleet_site, write_folder
from runbook.commands.monitor import open_check
from runbook.commands.rollback import open_rollback
from runbook.errors import BaseRefused, RunbookError, SettingError
from runbook.run import PhaseRun, open_run
from runbook.run.opening import check_before, run_folder

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"phase": "2"}, "phase is '2'; it must be one of 1 to 3"),
    ({"phase": True}, "phase is True"),
    ({"phase": 7}, "no phase 7"),
    ({"environment": 1}, "environment is 1"),
    ({"environment": "production"}, "'production'"),
    ({"dry_run": "false"}, "dry_run is 'false'"),
    ({"turn_flags": 1}, "turn_flags is 1"),
    ({"collections": "Trucks"}, "collections is 'Trucks'"),
    ({"dry_run": True, "turn_flags": True}, "dry_run and turn_flags are both set"),
    ({"collections": []}, "collections is an empty list"),
    ({"collections": [7]}, "collections contains 7"),
    ({"collections": ["Truck"]}, "did you mean 'Trucks'"),
    ({"collections": ["Owners"]}, "it belongs to phase 3"),
    ({"run_id": "../away"}, "run_id is '../away'"),
    ({"source": "nowhere"}, "there is no folder"),
]


@pytest.fixture(scope="module")
def unopened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet_site(tmp_path_factory.mktemp("unopened")) as fleet:
        yield fleet


@pytest.mark.parametrize(("parameters", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_parameter_is_named_and_nothing_is_written(
    unopened: Fleet, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError) as error:
        open_run(unopened.platform, parameters.pop("phase", 2), **parameters)
    assert words in str(error.value)
    assert not (unopened.path / "runs").exists()


def test_an_open_run_goes_on_and_a_passed_one_does_not(fleet: Fleet) -> None:
    first = fleet.open(2)
    assert fleet.open(2).run_id == first.run_id
    assert fleet.open(2, dry_run=True).run_id == fleet.open(2, dry_run=True).run_id != first.run_id
    fleet.migrate(2)
    assert fleet.open(3).run_id == first.run_id  # phase 3 has not passed in it
    assert fleet.open(2).run_id != first.run_id
    assert fleet.open(2, new_run="mine").run_id == "mine"


def sign(run: PhaseRun) -> None:
    (run.folder.path / "sign-off.json").write_text('{"signatures": []}')


def test_a_signed_run_is_sealed_and_a_new_one_begins(fleet: Fleet) -> None:
    first = fleet.open(2)
    sign(first)
    assert fleet.open(2).run_id != first.run_id
    for named in ({"run_id": first.run_id}, {"new_run": first.run_id}):
        with pytest.raises(SettingError, match=f"run {first.run_id} is signed"):
            fleet.open(2, **named)


def test_a_run_that_is_signed_while_it_is_open_does_nothing_more(migrated: Fleet) -> None:
    run = migrated.migrate(2, turn_flags=False)
    sign(run)
    files = {path: path.read_bytes() for path in run.folder.path.rglob("*") if path.is_file()}
    sent = len(run.connections.log.rows())
    run.parameters["turn_flags"] = True
    steps = [n for n, v in vars(PhaseRun).items() if callable(v) and not n.startswith(("_", "show_"))]
    for step in sorted({*steps} - {"tab_groups", "freeze_collections"}):  # tab groups are only shown
        with pytest.raises(SettingError, match="is signed, so it is sealed"):
            getattr(run, step)()
    with pytest.raises(SettingError, match="is signed, so it is sealed"):
        run.freeze_collections(freeze=True)
    assert {path: path.read_bytes() for path in run.folder.path.rglob("*") if path.is_file()} == files
    assert set(run.connections.state.flags.all().values()) == {"wix"}
    assert {row.method for row in run.connections.log.rows()[sent:]} <= {"GET"}


def test_a_name_that_is_not_there_opens_nothing(fleet: Fleet) -> None:
    fleet.open(2, new_run="spring")
    for opened in (fleet.open, lambda *_, **named: open_check(fleet.platform, **named)):
        with pytest.raises(SettingError, match="there is no run 'sprnig'; did you mean 'spring'"):
            opened(2, run_id="sprnig")
    with pytest.raises(SettingError, match="there is no run 'sprnig'"):
        open_rollback(fleet.platform, run_id="sprnig")
    assert [path.name for path in (fleet.path / "runs").iterdir()] == ["spring"]


def test_a_run_goes_on_in_its_own_base_alone(fleet: Fleet) -> None:
    first = fleet.migrate(2)
    assert fleet.open(3).run_id == first.run_id  # begun before there was a base, it made this one
    fleet.connect().state.facts.set_base_of("wix", "appAnother0000001", "Fleet")
    assert fleet.open(3).run_id != first.run_id
    with pytest.raises(SettingError, match=f"run {first.run_id} belongs to base .*appAnother0000001"):
        fleet.open(3, run_id=first.run_id)


def test_a_run_goes_on_though_the_state_was_lost(migrated: Fleet) -> None:
    run = migrated.open(2, new_run="named")
    for path in (migrated.path / "home/sandbox").glob("state.db*"):
        path.unlink()
    assert migrated.open(2, run_id="named").base() == run.base()
    for path in (migrated.path / "home/sandbox").glob("state.db*"):
        path.unlink()
    connections = migrated.connect()
    assert connections.base("wix") is None
    # As a command does, before the base is opened: the run is found, and compared with the base later.
    assert run_folder(connections, "wix", ["02_fleet"], run_id="named", opened=False).run_id == "named"
    with pytest.raises(SettingError, match=r"run named belongs to base .*, and this environment's is not known"):
        run_folder(connections, "wix", ["02_fleet"], run_id="named")
    assert migrated.open(2).run_id == "named"


def test_a_base_that_is_refused_leaves_no_run(migrated: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BaseRefused("another state holds it; nothing was done")

    before = sorted((migrated.path / "runs").iterdir())
    monkeypatch.setattr("runbook.run.opening.open_base", refuse)
    with pytest.raises(BaseRefused):
        migrated.open(2)
    assert sorted((migrated.path / "runs").iterdir()) == before


def test_a_run_goes_on_as_what_it_was_opened(fleet: Fleet) -> None:
    fleet.open(2, new_run="mine")
    with pytest.raises(
        SettingError, match="run mine was opened with environment='sandbox', source='wix'; now given"
    ) as error:
        fleet.open(2, run_id="mine", dry_run=True)
    assert "dry_run" in str(error.value)


def test_collections_are_loaded_with_targets_first(fleet: Fleet) -> None:
    run = fleet.open(2, collections=["Trips", "Trucks", "Trips"])
    assert [c.wix for c in run.collections] == ["Trucks", "Trips"]


BEFORE: list[tuple[dict[str, Any], str]] = [
    ({"collections": []}, "name some of Trucks, Trips, Owners"),
    ({"collections": ["Truck"]}, "'Truck' is not in phases 2, 3; did you mean 'Trucks'?; phases 2, 3 has"),
    ({"dry_run": True, "turn_flags": True}, "dry_run and turn_flags are both set"),
    ({"source": "songs"}, "contains none of the 3 requested collections"),
    ({"run_id": "mine", "dry_run": True}, "run mine was opened with"),
]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    with fleet_site(tmp_path_factory.mktemp("before")) as fleet:
        write_folder(fleet.platform.root / "songs", {"Songs": [{"_id": "s0"}]})
        write_folder(fleet.platform.root / "files", {"Owners": ROWS["Owners"]})
        fleet.open(2, new_run="mine")
        yield lambda **parameters: check_before(fleet.platform, [2, 3], **{"environment": "sandbox", **parameters})


@pytest.mark.parametrize(("parameters", "words"), BEFORE, ids=[words for _, words in BEFORE])
def test_several_phases_are_checked_before_the_first(
    before: Callable[..., None], parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(RunbookError) as error:
        before(**parameters)
    assert words in str(error.value)


def test_what_is_right_passes(before: Callable[..., None]) -> None:
    before(run_id="mine", collections=["Trucks"])
    before(source="files")
